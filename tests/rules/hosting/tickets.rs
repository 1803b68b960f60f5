//! Tickets by mail, and who is told of them: U-25, K-14 to K-16, K-22 and K-24.

use accounts_tests::given::{self, Contact, Person};
use accounts_tests::{Answer, App, Setup, json, on_both};
use serde_json::Value;

use super::{member, told, wishes};

/// A contact that has shown that mail arrives, with these kinds of mail ticked.
fn contact(ana: &Person<'_>, name: &str, kinds: &[&str]) -> Contact {
    let contact = ana.adds_verified(name, &format!("{}@example.com", name.to_lowercase()));
    ana.put(contact.at("/subscriptions"), json!({ "categories": kinds }))
        .expect(200);
    contact
}

/// What the help desk learns of a mail.
#[track_caller]
fn mail(app: &App, question: Value) -> Answer {
    let desk = given::integration(app, &["inbound:check"]);
    desk.post("/v1/inbound-checks", question).expect(200)
}

/// Who is told of a reply to a ticket that somebody opened: to whom it goes, and in copy.
#[track_caller]
fn replies(ana: &Person<'_>, category: &str, opener: &str) -> Vec<String> {
    let answer = told(ana, &format!("category={category}&opened_by={opener}"));
    let mut addresses = answer.each("data/0/to", "address");
    addresses.extend(answer.each("data/0/cc", "address"));
    addresses
}

on_both! {
    Setup::preset("hosting");

    // A table in the article: users do everything that they are allowed to; contacts receive invoices and write to the
    // help desk, and status and announcements, which one sees after the log-in, are not for them.
    fn u_25_the_catalog_says_what_users_and_contacts_can_do(app) {
        let ana = given::owner(app, "ana@example.com");
        let user = given::member_of(&ana, "user@example.com", json!({ "all_permissions": true }));
        let open = user.applications();
        for area in ["products", "tickets", "invoices", "billing_details", "network_status"] {
            assert!(open.contains(&area.to_owned()), "{area}: {open:?}");
        }
        let bare = member(&ana, "bare@example.com", &[]);
        assert_eq!(bare.applications(), ["network_status"]);

        let books = contact(&ana, "Books", &["invoices"]);
        assert_eq!(told(&ana, "category=invoices").each("data/0/cc", "contact_id"), [books.id.as_str()]);
        let ticket = json!({ "sender": "books@example.com", "category": "billing_replies" });
        assert_eq!(mail(app, ticket)["accounts/0/right"], "open");
        assert_eq!(ana.get(books.path()).expect(200)["login"], false);
        let log_in = json!({ "address": "books@example.com", "password": given::PASSWORD });
        app.client().post("/v1/sessions", log_in).refused(401, "invalid-credentials");
    }

    fn k_14_a_contact_opens_tickets_by_mail(app) {
        let ana = given::owner(app, "ana@example.com");
        let bea = contact(&ana, "Bea", &[]);
        let answer = mail(app, json!({ "sender": "Bea@Example.com" }));
        assert_eq!(answer["accounts/0/account_id"], json!(ana.account));
        assert_eq!(answer["accounts/0/contact_id"], json!(bea.id));
        assert_eq!(answer["accounts/0/right"], "open");
        assert_eq!(answer["accounts/0/reasons"], json!([{ "kind": "contact" }]));
        // Anybody can write an address down; mail from one that was never proven opens nothing.
        ana.adds_contact("Cem", "cem@example.com");
        let unproven = mail(app, json!({ "sender": "cem@example.com" }));
        assert_eq!((&unproven["accounts/0/right"], &unproven["accounts/0/reason"]), (&json!("none"), &json!("unverified")));
        assert_eq!(mail(app, json!({ "sender": "zoe@example.com" }))["accounts"], json!([]));
    }

    fn k_15_k_16_a_contact_gets_the_replies_to_the_tickets_that_it_opened_alone(app) {
        let ana = given::owner(app, "ana@example.com");
        let bea = contact(&ana, "Bea", &["support_replies"]);
        let cem = contact(&ana, "Cem", &["support_replies"]);
        assert_eq!(replies(&ana, "support_replies", &bea.id), ["ana@example.com", "bea@example.com"]);
        assert_eq!(replies(&ana, "support_replies", &cem.id), ["ana@example.com", "cem@example.com"]);
        assert_eq!(replies(&ana, "support_replies", &ana.user()), ["ana@example.com"]);
        let others = told(&ana, &format!("category=support_replies&opened_by={}", bea.id));
        assert_eq!(others["data/0/excluded/0/contact_id"], json!(cem.id));
        assert_eq!(others["data/0/excluded/0/exclusion"], "not_own_item");
        // Nor does a contact answer what another opened.
        let answers = json!({ "sender": "cem@example.com", "category": "support_replies", "opened_by": bea.id });
        let refused = mail(app, answers);
        assert_eq!(refused["accounts/0/right"], "none");
        assert_eq!(refused["accounts/0/reason"], "not_own_item");
        assert!(refused["accounts/0/recipients"].is_null());
    }

    fn k_22_the_owner_sees_a_ticket_that_a_user_opened(app) {
        let ana = given::owner(app, "ana@example.com");
        let bea = given::member_of(&ana, "bea@example.com", json!({ "permission_preset": "bookkeeper" }));
        wishes(&ana, &bea, &["billing_replies"]).expect(200);
        let opened = mail(app, json!({ "sender": "bea@example.com", "category": "billing_replies" }));
        assert_eq!(opened["accounts/0/user_id"], json!(bea.user()));
        assert_eq!(opened["accounts/0/right"], "open");
        assert_eq!(opened.each("accounts/0/recipients/to", "address"), ["ana@example.com"]);
        assert_eq!(opened.each("accounts/0/recipients/cc", "address"), ["bea@example.com"]);
        assert_eq!(replies(&ana, "billing_replies", &bea.user()), ["ana@example.com", "bea@example.com"]);
    }

    fn k_24_a_ticket_is_addressed_to_a_department(app) {
        let ana = given::owner(app, "ana@example.com");
        let bea = contact(&ana, "Bea", &["billing_replies"]);
        let names = app.client().get("/v1/catalog").expect(200).each("categories", "name");
        assert!(names.contains(&"Billing department replies".to_owned()), "{names:?}");
        assert_eq!(replies(&ana, "billing_replies", &bea.id), ["ana@example.com", "bea@example.com"]);
        assert_eq!(replies(&ana, "support_replies", &bea.id), ["ana@example.com"]);
        let to = |department: &str| mail(app, json!({ "sender": "bea@example.com", "category": department }));
        assert_eq!(to("billing_replies").each("accounts/0/recipients/cc", "address"), ["bea@example.com"]);
        assert_eq!(to("support_replies")["accounts/0/recipients/excluded/0/exclusion"], "not_subscribed");
    }
}
