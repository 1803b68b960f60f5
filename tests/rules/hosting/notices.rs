//! Which mail goes to whom: U-09, U-10, U-20 to U-24, U-28, U-29, U-34, K-05 to K-07, K-12, K-13, K-20 and K-23.

use accounts_domain::catalog::Catalog;
use accounts_tests::given::{self, Contact, Person};
use accounts_tests::{Setup, json, on_both};
use serde_json::Value;

use super::{contacts, member, told, wishes};

/// Ticks the kinds of mail that a contact receives.
#[track_caller]
fn ticks(ana: &Person<'_>, contact: &Contact, kinds: &[&str]) {
    let saved = ana
        .put(contact.at("/subscriptions"), json!({ "categories": kinds }))
        .expect(200);
    assert_eq!(saved["subscriptions"].as_array().map(Vec::len), Some(kinds.len()));
}

/// The kinds of mail that an address receives.
#[track_caller]
fn kinds(ana: &Person<'_>, address: &str) -> Vec<String> {
    let all = ana.get(ana.at("/recipients")).expect(200);
    let receives = |category: &&Value| {
        let both = [&category["to"], &category["cc"]];
        let mut each = both.iter().flat_map(|list| list.as_array().unwrap());
        each.any(|recipient| recipient["address"] == address)
    };
    let categories = all.list("data").iter().filter(receives);
    categories
        .map(|category| category["category"].as_str().unwrap().to_owned())
        .collect()
}

/// Whatever an account is told, in the catalog's order.
const ALL: [&str; 9] = [
    "general",
    "urgent",
    "maintenance",
    "product",
    "domain",
    "invoices",
    "renewals",
    "support_replies",
    "billing_replies",
];

on_both! {
    Setup::preset("hosting");

    fn u_09_u_22_a_contact_receives_the_kinds_that_were_ticked_for_it(app) {
        let ana = given::owner(app, "ana@example.com");
        let books = ana.adds_contact("Books", "books@example.com");
        let web = ana.adds_contact("Web", "web@example.com");
        ticks(&ana, &books, &["invoices", "renewals"]);
        ticks(&ana, &web, &["maintenance"]);
        assert_eq!(kinds(&ana, "books@example.com"), ["invoices", "renewals"]);
        assert_eq!(kinds(&ana, "web@example.com"), ["maintenance"]);
        let invoices = told(&ana, "category=invoices");
        assert_eq!(invoices["data/0/cc/0/reasons"], json!([{ "kind": "subscriber" }]));
    }

    // A rule about a form: the ticks are the categories of the catalog, each by its name.
    fn u_10_invoices_renewals_support_replies_and_general_mail_are_kinds(app) {
        let kinds = app.client().get("/v1/catalog").expect(200);
        let names = kinds.each("categories", "name");
        for name in ["General emails", "Invoices", "Renewal reminders", "Support replies"] {
            assert!(names.iter().any(|present| present == name), "{name}: {names:?}");
        }
        assert_eq!(kinds.each("categories", "key"), ALL);
    }

    fn u_20_a_contact_needs_a_name_and_an_address_and_nothing_else(app) {
        let ana = given::owner(app, "ana@example.com");
        let nothing = ana.post(ana.at("/contacts"), json!({})).refused(422, "invalid-fields");
        nothing.fault("/display_name", "required").fault("/address", "required");
        assert_eq!(nothing["errors"].as_array().map(Vec::len), Some(2));
        ana.adds_contact("Books", "books@example.com");
        assert_eq!(contacts(&ana, ""), ["Ana", "Books"]);
    }

    // A rule about a form: what one representation shows is what creates a contact and what changes it.
    fn u_21_what_creates_a_contact_changes_it_too(app) {
        let ana = given::owner(app, "ana@example.com");
        let form = json!({
            "display_name": "Books", "first_name": "Bea", "last_name": "Lima", "title": "Bookkeeper",
            "address": "books@example.com", "more_addresses": ["bea@example.com"], "language": "fr",
            "phones": [{ "number": "+33142685300", "kind": "landline" }],
        });
        let books = ana.adds(form.clone());
        let shown = ana.get(books.path()).expect(200);
        let other = json!({
            "display_name": "Accounts", "first_name": "Cem", "last_name": "Kaya", "title": "Head",
            "address": "accounts@example.com", "more_addresses": ["cem@example.com"], "language": "en",
            "phones": [{ "number": "+33142685311", "kind": "mobile" }],
        });
        let changed = ana.patch(books.path(), other.clone()).expect(200);
        for (field, value) in form.as_object().unwrap() {
            if ["more_addresses", "phones"].contains(&field.as_str()) {
                continue;
            }
            assert_eq!(shown[field.as_str()], *value, "{field}");
            assert_eq!(changed[field.as_str()], other[field], "{field}");
        }
        assert_eq!(shown.each("phones", "number"), ["+33142685300"]);
        assert_eq!(changed.each("phones", "number"), ["+33142685311"]);
        assert_eq!(shown.each("more_addresses", "address"), ["bea@example.com"]);
        assert_eq!(changed.each("more_addresses", "address"), ["cem@example.com"]);
        let kinds = json!({ "display_name": "Web", "address": "web@example.com", "subscriptions": ["general"] });
        let web = ana.adds(kinds);
        assert_eq!(ana.get(web.path()).expect(200)["subscriptions"], json!(["general"]));
        ticks(&ana, &web, &["product"]);
    }

    fn u_23_a_choice_acts_as_soon_as_it_is_saved(app) {
        let ana = given::owner(app, "ana@example.com");
        let books = ana.adds_contact("Books", "books@example.com");
        assert_eq!(kinds(&ana, "books@example.com"), Vec::<String>::new());
        for chosen in [&["invoices"][..], &["general", "urgent"], &[], &ALL] {
            ticks(&ana, &books, chosen);
            // Of replies a contact is told where it opened the ticket itself.
            let wanted: Vec<&str> = chosen.iter().copied().filter(|kind| !kind.ends_with("_replies")).collect();
            assert_eq!(kinds(&ana, "books@example.com"), wanted);
        }
        ana.removes(&books).expect(204);
        assert_eq!(kinds(&ana, "books@example.com"), Vec::<String>::new());
    }

    fn u_24_a_contact_that_nobody_verified_receives_what_was_ticked(app) {
        let ana = given::owner(app, "ana@example.com");
        let books = ana.adds_contact("Books", "books@example.com");
        ticks(&ana, &books, &["invoices"]);
        assert_eq!(ana.get(books.path()).expect(200)["verified"], false);
        assert_eq!(kinds(&ana, "books@example.com"), ["invoices"]);
    }

    fn u_28_u_29_a_contact_stands_for_a_purpose_as_a_shared_mailbox(app) {
        let ana = given::owner(app, "ana@example.com");
        let purpose = json!({
            "display_name": "Invoicing", "address": "invoices@example.com", "subscriptions": ["invoices", "renewals"],
        });
        ana.adds(purpose);
        assert_eq!(kinds(&ana, "invoices@example.com"), ["invoices", "renewals"]);
        // It is a mailbox of several people, and there is no person in it who could log in.
        let mailbox = told(&ana, "category=invoices");
        assert_eq!(mailbox["data/0/cc/0/display_name"], "Invoicing");
        assert!(mailbox["data/0/cc/0/user_id"].is_null());
    }

    fn u_34_the_owner_receives_everything_from_the_start(app) {
        let ana = given::owner(app, "ana@example.com");
        assert_eq!(kinds(&ana, "ana@example.com"), ALL);
        // And whatever else is chosen, the owner stays among the recipients.
        ticks(&ana, &ana.contact(), &[]);
        let books = ana.adds_contact("Books", "books@example.com");
        ticks(&ana, &books, &["urgent", "maintenance"]);
        assert_eq!(kinds(&ana, "ana@example.com"), ALL);
        assert_eq!(told(&ana, "category=urgent").each("data/0/to", "address"), ["ana@example.com"]);
    }

    fn k_05_a_contact_receives_mail_because_the_customer_chose_it(app) {
        let ana = given::owner(app, "ana@example.com");
        let bea = ana.adds_contact("Bea", "bea@example.com");
        // Nobody is elected by being known.
        assert_eq!(kinds(&ana, "bea@example.com"), Vec::<String>::new());
        let cem = member(&ana, "cem@example.com", &["contacts:manage"]);
        cem.put(bea.at("/subscriptions"), json!({ "categories": ["general"] })).expect(200);
        assert_eq!(kinds(&ana, "bea@example.com"), ["general"]);
        let stranger = given::owner(app, "zoe@example.com");
        let meddles = stranger.put(bea.at("/subscriptions"), json!({ "categories": [] }));
        meddles.refused(404, "not-found");
        assert_eq!(kinds(&ana, "bea@example.com"), ["general"]);
    }

    fn k_06_a_bookkeeper_receives_the_invoices(app) {
        let ana = given::owner(app, "ana@example.com");
        let bookkeeper = ana.adds_contact("Bookkeeper", "books@elsewhere.example");
        ticks(&ana, &bookkeeper, &["invoices"]);
        let invoices = told(&ana, "category=invoices");
        assert_eq!(invoices.each("data/0/to", "address"), ["ana@example.com"]);
        assert_eq!(invoices.each("data/0/cc", "address"), ["books@elsewhere.example"]);
        assert_eq!(kinds(&ana, "books@elsewhere.example"), ["invoices"]);
    }

    fn k_07_a_user_receives_mail_and_logs_in(app) {
        let ana = given::owner(app, "ana@example.com");
        let cem = member(&ana, "cem@example.com", &["products:view", "product_mail:receive"]);
        wishes(&cem, &cem, &["product"]).expect(200);
        assert_eq!(kinds(&ana, "cem@example.com"), ["product"]);
        assert_eq!(told(&ana, "category=product").each("data/0/cc", "user_id"), [cem.user()]);
        let again = given::logged_in(app, "cem@example.com");
        assert!(again.applications().contains(&"products".to_owned()));
    }

    fn k_12_a_contact_is_a_second_address_of_the_same_person(app) {
        let ana = given::owner(app, "ana@example.com");
        let home = ana.adds_contact("Ana", "ana@home.example");
        ticks(&ana, &home, &["urgent"]);
        let urgent = told(&ana, "category=urgent");
        assert_eq!(urgent.each("data/0/to", "address"), ["ana@example.com"]);
        assert_eq!(urgent.each("data/0/cc", "address"), ["ana@home.example"]);
        assert_eq!(contacts(&ana, ""), ["Ana", "Ana"]);
    }

    fn k_13_a_contact_receives_every_kind_or_certain_ones(app) {
        let ana = given::owner(app, "ana@example.com");
        let bea = ana.adds_contact("Bea", "bea@example.com");
        ticks(&ana, &bea, &ALL);
        assert_eq!(ana.get(bea.path()).expect(200)["subscriptions"].as_array().map(Vec::len), Some(ALL.len()));
        // Replies come to the tickets of its own.
        let own = told(&ana, &format!("category=support_replies&opened_by={}", bea.id));
        assert_eq!(own.each("data/0/cc", "address"), ["bea@example.com"]);
        assert_eq!(kinds(&ana, "bea@example.com"), ALL[..7]);
        ticks(&ana, &bea, &["domain"]);
        assert_eq!(kinds(&ana, "bea@example.com"), ["domain"]);
    }

    fn k_20_what_a_user_may_do_and_what_a_user_is_told_are_chosen_apart(app) {
        let ana = given::owner(app, "ana@example.com");
        let webmaster = given::member_of(&ana, "web@example.com", json!({ "permission_preset": "webmaster" }));
        assert_eq!(kinds(&ana, "web@example.com"), Vec::<String>::new());
        wishes(&ana, &webmaster, &["support_replies"]).expect(200);
        assert_eq!(kinds(&ana, "web@example.com"), ["support_replies"]);
        assert!(webmaster.applications().contains(&"products".to_owned()));
        wishes(&webmaster, &webmaster, &[]).expect(200);
        assert_eq!(kinds(&ana, "web@example.com"), Vec::<String>::new());
        assert!(webmaster.applications().contains(&"tickets".to_owned()));
    }

    fn k_23_invoice_mail_and_ticket_mail_take_their_permissions(app) {
        let ana = given::owner(app, "ana@example.com");
        let bea = member(&ana, "bea@example.com", &["invoices:view", "tickets:view"]);
        wishes(&bea, &bea, &["invoices", "renewals", "support_replies"]).expect(200);
        assert_eq!(kinds(&ana, "bea@example.com"), Vec::<String>::new());
        assert_eq!(told(&ana, "category=invoices")["data/0/excluded/0/exclusion"], "lacks_permission");
        ana.changes(&bea, json!({ "permissions": ["invoice_mail:receive"] })).expect(200);
        assert_eq!(kinds(&ana, "bea@example.com"), ["invoices", "renewals"]);
        ana.changes(&bea, json!({ "permissions": ["invoice_mail:receive", "ticket_mail:receive"] })).expect(200);
        assert_eq!(kinds(&ana, "bea@example.com"), ["invoices", "renewals", "support_replies"]);
        ana.changes(&bea, json!({ "permissions": [] })).expect(200);
        assert_eq!(kinds(&ana, "bea@example.com"), Vec::<String>::new());
    }
}

/// The preset, and one kind of mail more.
fn with_one_kind_more() -> Setup {
    let status = "\n[[categories]]\nkey = \"status\"\nnames = { en = \"Network status\", fr = \"État du réseau\" }\naudience = [\"subscribers\"]\n";
    Setup::catalog(&(Catalog::preset("hosting").unwrap().to_owned() + status))
}

on_both! {
    with_one_kind_more();

    fn u_10_a_catalog_adds_kinds_of_its_own(app) {
        let ana = given::owner(app, "ana@example.com");
        let bea = ana.adds_contact("Bea", "bea@example.com");
        ticks(&ana, &bea, &["status"]);
        assert_eq!(kinds(&ana, "bea@example.com"), ["status"]);
    }
}
