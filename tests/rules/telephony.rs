//! Article 004, "What is contact person?", as the preset `telephony` behaves: each of its rules.
//!
//! What the rules say stands in `docs/rules.md`. The article's super admin is the owner, its contact persons for a category
//! are the holders of the role that routes the category, and the one who leads it is the role's primary holder.

use accounts_tests::given::{self, Contact, Person};
use accounts_tests::{Answer, App, Setup, json, on_both};
use serde_json::Value;

/// The categories of the article, which are roles as well.
const CATEGORIES: [&str; 3] = ["tech", "accounts", "general"];

/// The form of a contact person, who is the point of contact for these categories.
fn form(name: &str, categories: &[&str]) -> Value {
    json!({
        "display_name": name,
        "address": format!("{}@example.com", name.to_lowercase()),
        "phones": [{ "number": "+91 11 4084 8000", "kind": "landline" }],
        "roles": categories,
    })
}

/// Who receives what is written about a category, whom it is addressed to first.
#[track_caller]
fn told(ana: &Person<'_>, category: &str) -> Vec<String> {
    let answer = ana.get(ana.at(&format!("/recipients?category={category}"))).expect(200);
    let mut names = answer.each("data/0/to", "display_name");
    names.extend(answer.each("data/0/cc", "display_name"));
    names
}

/// What the provider learns of somebody who writes.
#[track_caller]
fn writes(app: &App, ana: &Person<'_>, sender: &str) -> Answer {
    let desk = given::integration(app, &["inbound:check"]);
    let question = json!({ "sender": sender, "account_id": ana.account });
    desk.post("/v1/inbound-checks", question).expect(200)
}

/// A contact person who has shown that mail arrives, and leads these categories.
fn leads(ana: &Person<'_>, name: &str, categories: &[&str]) -> Contact {
    let contact = ana.adds(form(name, categories));
    ana.verifies(&contact);
    ana.promotes(&contact, categories).expect(200);
    contact
}

/// Takes a category from the owner, whose place somebody else has taken.
fn steps_back(ana: &Person<'_>, categories: &[&str]) {
    for category in categories {
        ana.takes(&ana.contact(), category).expect(204);
    }
}

on_both! {
    Setup::preset("telephony");

    fn o_01_a_contact_person_speaks_for_the_customer(app) {
        let ana = given::owner(app, "ana@example.com");
        let bea = leads(&ana, "Bea", &["tech"]);
        let heard = writes(app, &ana, "bea@example.com");
        assert_eq!(heard["accounts/0/contact_id"], json!(bea.id));
        assert_eq!(heard["accounts/0/right"], "open");
        assert_eq!(told(&ana, "tech"), ["Bea", "Ana"]);
    }

    fn o_02_the_contact_persons_alone_are_written_to(app) {
        let ana = given::owner(app, "ana@example.com");
        leads(&ana, "Bea", &["tech"]);
        steps_back(&ana, &["tech"]);
        let cem = given::member_of(&ana, "cem@example.com", json!({ "all_permissions": true }));
        let wish = json!({ "categories": CATEGORIES });
        cem.put(cem.at(&format!("/members/{}/subscriptions", cem.user())), wish).expect(200);
        assert_eq!(told(&ana, "tech"), ["Bea"]);
        assert_eq!(told(&ana, "accounts"), ["Ana"]);
        let tech = ana.get(ana.at("/recipients?category=tech")).expect(200);
        assert_eq!(tech.each("data/0/excluded", "exclusion"), ["not_in_audience", "not_in_audience"]);
    }

    fn o_03_nobody_else_is_listened_to(app) {
        let ana = given::owner(app, "ana@example.com");
        leads(&ana, "Bea", &["tech"]);
        let reason = |sender: &str| {
            let answer = writes(app, &ana, sender);
            (answer.text("accounts/0/right"), answer.text("accounts/0/reason"))
        };
        let no = |reason: &str| ("none".to_owned(), reason.to_owned());
        assert_eq!(reason("zoe@example.com"), no("unknown_sender"));
        // Whoever logs in is no contact person by that, whatever they may do.
        given::member_of(&ana, "cem@example.com", json!({ "all_permissions": true }));
        assert_eq!(reason("cem@example.com"), no("lacks_permission"));
        ana.adds(form("Dan", &["general"]));
        assert_eq!(reason("dan@example.com"), no("unverified"));
        assert_eq!(reason("bea@example.com").0, "open");
        let everywhere = given::integration(app, &["inbound:check"]);
        let nobodys = everywhere.post("/v1/inbound-checks", json!({ "sender": "zoe@example.com" })).expect(200);
        assert_eq!((&nobodys["accounts"], &nobodys["unknown_senders"]), (&json!([]), &json!("none")));
    }

    fn o_04_the_categories_are_tech_accounts_and_general(app) {
        let ana = given::owner(app, "ana@example.com");
        let all = ana.get(ana.at("/recipients")).expect(200);
        assert_eq!(all.each("data", "category"), CATEGORIES);
        let catalog = app.client().get("/v1/catalog").expect(200);
        assert_eq!(catalog.each("roles", "key"), CATEGORIES);
    }

    fn o_05_o_06_the_owner_stands_in_for_every_category_and_none_is_without(app) {
        let ana = given::owner(app, "ana@example.com");
        for category in CATEGORIES {
            assert_eq!(told(&ana, category), ["Ana"]);
        }
        let bea = leads(&ana, "Bea", &["accounts"]);
        steps_back(&ana, &["accounts"]);
        assert_eq!(told(&ana, "accounts"), ["Bea"]);
        // Whoever the category is taken from, it falls back to the owner and not to nobody.
        ana.delete(ana.at("/roles/accounts/primary")).expect(204);
        ana.takes(&bea, "accounts").expect(204);
        ana.removes(&bea).expect(204);
        assert_eq!(told(&ana, "accounts"), ["Ana"]);
        let accounts = ana.get(ana.at("/recipients?category=accounts")).expect(200);
        assert_eq!(accounts["data/0/mandatory"], true);
    }

    fn o_07_each_category_is_handed_on_by_itself(app) {
        let ana = given::owner(app, "ana@example.com");
        leads(&ana, "Bea", &["accounts"]);
        assert_eq!(told(&ana, "accounts"), ["Bea", "Ana"]);
        assert_eq!((told(&ana, "tech"), told(&ana, "general")), (vec!["Ana".to_owned()], vec!["Ana".to_owned()]));
        leads(&ana, "Cem", &["tech"]);
        assert_eq!(told(&ana, "tech"), ["Cem", "Ana"]);
        assert_eq!(told(&ana, "accounts"), ["Bea", "Ana"]);
    }

    fn o_08_the_contact_person_for_accounts_receives_all_about_billing(app) {
        let ana = given::owner(app, "ana@example.com");
        let bea = leads(&ana, "Bea", &["accounts"]);
        let accounts = ana.get(ana.at("/recipients?category=accounts")).expect(200);
        assert_eq!(accounts["data/0/step"], "primary_holder");
        assert_eq!(accounts["data/0/to/0/contact_id"], json!(bea.id));
        assert_eq!(accounts["data/0/to/0/reasons"], json!([{ "kind": "primary_holder", "role": "accounts" }]));
        // There is no other kind of mail about billing, and no tick by which it could be missed.
        ana.put(bea.at("/subscriptions"), json!({ "categories": [] })).expect(200);
        assert_eq!(told(&ana, "accounts"), ["Bea", "Ana"]);
    }

    fn o_09_payments_renewals_and_the_credit_limit_are_billing(app) {
        let ana = given::owner(app, "ana@example.com");
        let accounts = ana.get(ana.at("/recipients?category=accounts")).expect(200);
        assert_eq!(accounts["data/0/name"], "Payments, renewals and credit limit");
        let french = ana.get(ana.at("/recipients?category=accounts")).header("Accept-Language", "fr").expect(200);
        assert_eq!(french["data/0/name"], "Paiements, renouvellements et plafond de crédit");
    }

    // A rule about screens: "Business information" and "Contact person" are applications of the account, and what they
    // show stands below the account.
    fn o_10_contact_persons_are_managed_with_the_details_of_the_account(app) {
        let ana = given::owner(app, "ana@example.com");
        let open = ana.applications();
        for screen in ["business_information", "contact_persons"] {
            assert!(open.contains(&screen.to_owned()), "{open:?}");
        }
        ana.patch(ana.at(""), json!({ "name": "Ana & Co" })).expect(200);
        ana.adds(form("Bea", &["tech"]));
        assert_eq!(ana.get(ana.at("/contacts")).expect(200).each("data", "display_name"), ["Ana", "Bea"]);
    }

    fn o_11_contact_persons_are_added_edited_and_removed(app) {
        let ana = given::owner(app, "ana@example.com");
        let bea = ana.adds(form("Bea", &["tech"]));
        assert_eq!(told(&ana, "tech"), ["Ana", "Bea"]);
        ana.patch(bea.path(), json!({ "display_name": "Beatriz" })).expect(200);
        ana.gives(&bea, "general").expect(200);
        ana.takes(&bea, "tech").expect(204);
        assert_eq!((told(&ana, "tech"), told(&ana, "general")), (vec!["Ana".to_owned()], vec!["Ana".to_owned(), "Beatriz".to_owned()]));
        ana.takes(&bea, "general").expect(204);
        ana.removes(&bea).expect(204);
        assert_eq!(told(&ana, "general"), ["Ana"]);
        ana.get(bea.path()).refused(404, "not-found");
    }

    fn o_12_several_addresses_and_phone_numbers_are_given_at_once(app) {
        let ana = given::owner(app, "ana@example.com");
        let mut form = form("Bea", &["tech"]);
        form["more_addresses"] = json!(["bea@home.example", "bea@office.example"]);
        form["phones"] = json!([
            { "number": "+91 11 4084 8000", "kind": "landline" },
            { "number": "+91 98 1000 1000", "kind": "mobile" },
        ]);
        let bea = ana.adds(form);
        let shown = ana.get(bea.path()).expect(200);
        assert_eq!(shown.each("more_addresses", "address"), ["bea@home.example", "bea@office.example"]);
        assert_eq!(shown.list("phones").len(), 2);
        // What is written to a contact goes to the main one.
        let tech = ana.get(ana.at("/recipients?category=tech")).expect(200);
        assert_eq!(tech.each("data/0/cc", "address"), ["bea@example.com"]);
    }

    fn the_account_goes_at_once_to_the_user_with_the_contact_persons_address(app) {
        let ana = given::owner(app, "ana@example.com");
        let bea = leads(&ana, "Bea", &["tech"]);
        ana.transfers_ownership(&bea).refused(409, "contact-has-no-login");
        let user = given::member_of(&ana, "bea@example.com", json!({ "permissions": ["contacts:view"] }));
        let path = ana.at("/ownership-transfers?dry_run=true");
        let look = ana.post(path, json!({ "contact_id": bea.id })).expect(200);
        assert_eq!(look["owner/to/id"], bea.id.as_str());
        let moved = ana.transfers_ownership(&bea).expect(201);
        assert_eq!(moved["status"], "accepted");

        let shown = user.get(bea.path()).expect(200);
        assert_eq!([&shown["owner"], &shown["login"]], [&json!(true), &json!(true)]);
        assert_eq!(user.contact().id, bea.id);
        // The categories that nobody else leads go along, and one person is told once.
        for category in CATEGORIES {
            assert_eq!(told(&user, category)[0], "Bea", "{category}");
        }
        let access = ana.get(ana.at("/access")).expect(200);
        assert_eq!((&access["owner"], &access["permissions"]), (&json!(false), &json!([])));
        let former = ana.contact();
        for role in user.get(former.path()).expect(200).list("roles") {
            user.takes(&former, role.as_str().unwrap()).expect(204);
        }
        ana.leaves().expect(204);
        user.removes(&former).expect(204);
        assert_eq!(told(&user, "general"), ["Bea"]);
    }
}
