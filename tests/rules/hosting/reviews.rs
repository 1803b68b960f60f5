//! What is to be looked at from time to time: U-26, U-27, U-30 to U-33.

use accounts_tests::given::{self, Person};
use accounts_tests::{Answer, Setup, json, on_both};
use chrono::TimeDelta;
use serde_json::Value;

use super::{member, told};

/// The review as it stands.
#[track_caller]
fn review(person: &Person<'_>) -> Answer {
    person.get(person.at("/review")).expect(200)
}

/// The ids that a finding is about; nothing where it is not among the findings.
#[track_caller]
fn about(review: &Answer, code: &str) -> Option<Vec<String>> {
    let findings = review.list("findings").iter();
    let finding = findings.into_iter().find(|finding| finding["code"] == code)?;
    let ids = finding["about"].as_array().unwrap().iter();
    Some(ids.map(|matter| matter["id"].as_str().unwrap().to_owned()).collect())
}

/// A finding's own words.
#[track_caller]
fn words(review: &Answer, code: &str) -> (String, String) {
    let finding = review.list("findings").iter().find(|finding| finding["code"] == code);
    let text = |name: &str| finding.unwrap()[name].as_str().unwrap().to_owned();
    (text("detail"), text("advice"))
}

/// The owner gets another address, and shows that mail to it arrives.
#[track_caller]
fn moves_to(ana: &Person<'_>, app: &accounts_tests::App, address: &str) {
    let contact = ana.contact();
    ana.patch(contact.path(), json!({ "address": address })).expect(200);
    // Somebody has to prove the new address first: until then the old one is in force.
    ana.post(contact.at("/verification"), ()).expect(202);
    let token = app.mail_to(address).link_token();
    app.client()
        .post("/v1/contact-verifications/confirm", json!({ "token": token }))
        .expect(200);
}

fn one(id: impl Into<String>) -> Vec<String> {
    vec![id.into()]
}

on_both! {
    Setup::preset("hosting");

    fn u_26_an_account_of_a_shared_mailbox_is_found_until_a_named_person_owns_it(app) {
        let team = given::owner(app, "info@example.com");
        let found = review(&team);
        assert_eq!(about(&found, "owner_is_shared_mailbox"), Some(one(team.contact().id)));
        assert_eq!(about(&found, "owner_is_billing_address"), None);
        moves_to(&team, app, "ana.martin@example.com");
        assert_eq!(about(&review(&team), "owner_is_shared_mailbox"), None);
        let zoe = given::owner(app, "zoe@example.com");
        assert_eq!(about(&review(&zoe), "owner_is_shared_mailbox"), None);
    }

    fn u_27_the_review_says_that_it_must_be_clear_who_answers_for_the_account(app) {
        let team = given::owner(app, "office@example.com");
        let (reason, advice) = words(&review(&team), "owner_is_shared_mailbox");
        for word in ["who answers for it", "who owns the account", "who manages access", "who did what"] {
            assert!(reason.contains(word), "{word}: {reason}");
        }
        assert!(advice.contains("named person"), "{advice}");
        let french = team.get(team.at("/review")).language("fr").expect(200);
        let (reason, advice) = words(&french, "owner_is_shared_mailbox");
        assert!(reason.contains("qui en répond") && advice.contains("personne nommée"), "{reason} {advice}");
        // Who did what is told by name as soon as each person has a name of their own.
        moves_to(&team, app, "ana@example.com");
        let cem = member(&team, "cem@example.com", &["review:manage"]);
        cem.post(cem.at("/reviews"), json!({})).expect(201);
        let events = team.get(team.at("/audit-events?type=account.reviewed")).expect(200);
        assert_eq!(events["data/0/actor/id"], json!(cem.user()));
    }

    fn u_30_a_log_in_that_several_people_share_is_found(app) {
        let ana = given::owner(app, "ana@example.com");
        member(&ana, "cem@example.com", &["tickets:view"]);
        assert_eq!(about(&review(&ana), "member_is_shared_mailbox"), None);
        let desk = member(&ana, "support@example.com", &["tickets:view"]);
        let found = review(&ana);
        assert_eq!(about(&found, "member_is_shared_mailbox"), Some(one(desk.user())));
        assert!(words(&found, "member_is_shared_mailbox").1.contains("Invite each person"));
        ana.expels(&desk).expect(204);
        assert_eq!(about(&review(&ana), "member_is_shared_mailbox"), None);
    }

    fn u_31_a_review_is_due_from_time_to_time_and_its_history_is_kept(app) {
        let ana = given::owner(app, "ana@example.com");
        let first = review(&ana);
        assert_eq!((&first["overdue"], &first["last_review"]), (&json!(false), &Value::Null));
        assert_eq!(about(&first, "review_overdue"), None);

        app.clock().advance(TimeDelta::days(180));
        let ana = given::logged_in(app, "ana@example.com");
        let late = review(&ana);
        assert_eq!((&late["overdue"], about(&late, "review_overdue")), (&json!(true), Some(Vec::new())));

        let done = ana.post(ana.at("/reviews"), json!({ "note": "All is well." })).expect(201);
        assert_eq!(done["reviewed_by/id"], json!(ana.user()));
        assert_eq!(done["reviewed_by/contact_id"], json!(ana.contact().id));
        assert!(about(&done, "review_overdue").is_some(), "it stood when the review was done");
        let now = review(&ana);
        assert_eq!((&now["overdue"], about(&now, "review_overdue")), (&json!(false), None));
        assert_eq!(now["due_at"], done["next_due_at"]);
        assert_eq!(now["last_review/id"], done["id"]);

        app.clock().advance(TimeDelta::days(179));
        let ana = given::logged_in(app, "ana@example.com");
        assert_eq!(review(&ana)["overdue"], false);
        ana.post(ana.at("/reviews"), json!({})).expect(201);
        let history = ana.get(ana.at("/reviews")).expect(200);
        assert_eq!(history.list("data").len(), 2);
        assert_eq!((&history["data/0/note"], &history["data/1/note"]), (&Value::Null, &json!("All is well.")));
    }

    fn u_32_a_review_looks_at_access_and_at_notices(app) {
        let ana = given::owner(app, "ana@example.com");
        let cem = member(&ana, "cem@example.com", &["tickets:view"]).user();
        let bea = ana.adds_contact("Bea", "bea@example.com");
        let sent = ana.invites("dan@example.com", &json!([])).expect(201).text("id");
        app.clock().advance(TimeDelta::days(90));
        let ana = given::logged_in(app, "ana@example.com");
        let found = review(&ana);
        assert_eq!(about(&found, "member_idle"), Some(one(cem)));
        assert_eq!(about(&found, "invitation_expired"), Some(one(&sent)));
        assert_eq!(about(&found, "contact_never_verified"), Some(one(&bea.id)));
        assert_eq!(about(&found, "one_person_holds_everything"), None);
        assert_eq!(about(&found, "category_without_recipient"), None);
        // Each goes as soon as it is put right, and no sooner.
        given::logged_in(app, "cem@example.com");
        ana.invites("dan@example.com", &json!([])).expect(201);
        ana.verifies(&bea);
        let found = review(&ana);
        for code in ["member_idle", "invitation_expired", "contact_never_verified"] {
            assert_eq!(about(&found, code), None, "{code}");
        }
        assert_eq!(told(&ana, "category=invoices").each("data/0/to", "display_name"), ["Ana"]);
    }

    fn u_33_a_billing_department_that_owns_the_account_is_named_in_particular(app) {
        let billing = given::owner(app, "billing@example.com");
        let found = review(&billing);
        assert_eq!(about(&found, "owner_is_billing_address"), Some(one(billing.contact().id)));
        assert_eq!(about(&found, "owner_is_shared_mailbox"), None);
        let (reason, advice) = words(&found, "owner_is_billing_address");
        assert!(reason.contains("urgent requests") && advice.contains("contact for invoices"), "{reason} {advice}");
        moves_to(&billing, app, "ana@example.com");
        let invoices = json!({ "display_name": "Billing", "address": "billing@example.com", "subscriptions": ["invoices"] });
        billing.adds(invoices);
        assert_eq!(about(&review(&billing), "owner_is_billing_address"), None);
    }
}
