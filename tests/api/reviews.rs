//! The account review: who sees it, what it finds, and what stays of it.

use accounts_domain::operators::OperatorKind;
use accounts_tests::given::{self, Person};
use accounts_tests::{Answer, Setup, json, on_both, staff};
use chrono::TimeDelta;
use serde_json::Value;

/// A provider who leaves a role vacant, and a kind of notice without anybody.
const PRESS: &str = r#"
name = "press"
policy = { contact_limit = 10 }
roles = [
    { key = "press", names = { en = "Press", fr = "Presse" }, holders = "many", vacancy = "allowed", categories = ["news"] },
    { key = "general", names = { en = "General", fr = "Général" }, holders = "many", vacancy = "owner" },
]
applications = []
categories = [
    { key = "news", names = { en = "News", fr = "Nouvelles" }, audience = ["role_holders"], fallback = "nobody" },
]
"#;

#[track_caller]
fn review(person: &Person<'_>) -> Answer {
    person.get(person.at("/review")).expect(200)
}

#[track_caller]
fn records(person: &Person<'_>, note: &str) -> Answer {
    person.post(person.at("/reviews"), json!({ "note": note })).expect(201)
}

on_both! {
    fn a_new_account_is_told_that_one_person_holds_everything(app) {
        let ana = given::owner(app, "ana@example.com");
        let found = review(&ana);
        assert_eq!(found.each("findings", "code"), ["one_person_holds_everything"]);
        let about = json!([{ "kind": "contact", "id": ana.contact().id }]);
        assert_eq!(found["findings/0/about"], about);
        let bea = ana.adds_verified("Bea", "bea@example.com");
        ana.gives(&bea, "billing").expect(200);
        assert_eq!(review(&ana)["findings"], json!([]));
    }

    fn the_unverified_holder_of_a_role_is_told_apart_from_an_unverified_contact(app) {
        let ana = given::owner(app, "ana@example.com");
        let cem = ana.adds(json!({ "display_name": "Cem", "address": "cem@example.com", "roles": ["technical"] }));
        let dan = ana.adds_contact("Dan", "dan@example.com");
        let found = review(&ana);
        assert_eq!(found.each("findings", "code"), ["role_holder_unverified", "contact_never_verified"]);
        assert_eq!(found["findings/0/about"], json!([{ "kind": "contact", "id": cem.id }]));
        assert_eq!(found["findings/1/about"], json!([{ "kind": "contact", "id": dan.id }]));
    }

    fn whoever_may_not_review_sees_nothing_of_it(app) {
        let ana = given::owner(app, "ana@example.com");
        let done = records(&ana, "Seen.").text("id");
        let cem = given::member_of(&ana, "cem@example.com", json!({ "permissions": ["account:manage", "audit:view"] }));
        for path in ["/review".to_owned(), "/reviews".to_owned(), format!("/reviews/{done}")] {
            cem.get(cem.at(&path)).refused(403, "forbidden");
        }
        cem.post(cem.at("/reviews"), json!({})).refused(403, "forbidden");
        ana.changes(&cem, json!({ "permissions": ["review:manage"] })).expect(200);
        assert_eq!(cem.get(cem.at(&format!("/reviews/{done}"))).expect(200)["note"], "Seen.");
        records(&cem, "Seen, too.");
        let zoe = given::owner(app, "zoe@example.com");
        zoe.get(zoe.at(&format!("/reviews/{done}"))).refused(404, "not-found");
    }

    fn a_review_is_recorded_once_for_its_key_and_listed_page_by_page(app) {
        let ana = given::owner(app, "ana@example.com");
        let post = || ana.post(ana.at("/reviews"), json!({ "note": "First." })).idempotency_key("one").expect(201);
        let (first, again) = (post(), post());
        assert_eq!(first.body(), again.body());
        assert_eq!(again.header("Idempotency-Replayed"), "true");
        assert_eq!(ana.get(first.header("Location")).expect(200).etag(), first.etag());
        records(&ana, "Second.");
        records(&ana, "Third.");
        let page = ana.get(ana.at("/reviews?limit=2")).expect(200);
        assert_eq!(page.each("data", "note"), ["Third.", "Second."]);
        let rest = ana.get(ana.at(&format!("/reviews?limit=2&cursor={}", page.text("next_cursor")))).expect(200);
        assert_eq!((rest.each("data", "note"), &rest["next_cursor"]), (vec!["First.".to_owned()], &Value::Null));
    }

    fn a_review_stands_in_the_audit_log_and_a_refused_one_does_not(app) {
        let ana = given::owner(app, "ana@example.com");
        let long = "x".repeat(501);
        for note in ["", long.as_str(), "a\nb"] {
            ana.post(ana.at("/reviews"), json!({ "note": note })).refused(422, "invalid-fields");
        }
        let done = records(&ana, "Looked through.");
        let events = ana.get(ana.at("/audit-events?type=account.reviewed")).expect(200);
        assert_eq!(events.list("data").len(), 1);
        assert_eq!(events["data/0/data/review"], done["id"]);
        assert_eq!(events["data/0/data/findings"], json!(["one_person_holds_everything"]));
        let note = json!([{ "field": "note", "before": null, "after": "Looked through." }]);
        assert_eq!(events["data/0/changes"], note);
    }

    fn a_review_is_told_in_the_callers_language(app) {
        let ana = given::owner(app, "ana@example.com");
        let english = ana.get(ana.at("/review")).language("en").expect(200);
        let french = ana.get(ana.at("/review")).language("fr").expect(200);
        assert_eq!((english.header("Content-Language"), french.header("Content-Language")), ("en", "fr"));
        assert_eq!(english["findings/0/code"], french["findings/0/code"]);
        assert!(english.text("findings/0/detail").starts_with("One contact holds everything."));
        assert!(french.text("findings/0/detail").starts_with("Un seul contact tient tout."));
    }

    fn a_note_goes_with_the_person_who_wrote_it_and_the_review_stays(app) {
        let ana = given::owner(app, "ana@example.com");
        let contact = ana.adds(json!({ "display_name": "Bea", "address": "bea@example.com", "login": { "permissions": ["review:manage"] } }));
        ana.verifies(&contact);
        let bea = given::logged_in(app, "bea@example.com");
        let body = json!({ "note": "Bea was here." });
        let done = bea.post(bea.at("/reviews"), body).idempotency_key("bea").expect(201).text("id");
        records(&ana, "Ana was here.");
        ana.post(contact.at("/erase"), ()).expect(200);
        let left = ana.get(ana.at(&format!("/reviews/{done}"))).expect(200);
        assert_eq!((&left["note"], &left["reviewed_by/contact_id"]), (&Value::Null, &json!(contact.id)));
        let rows = app.rows();
        let whole = format!("{rows:?}");
        assert!(!whole.contains("Bea was here."), "the note of an erased person is still there");
        assert!(whole.contains("Ana was here."));
    }

    fn a_suspended_account_is_looked_at_and_not_reviewed(app) {
        let ana = given::owner(app, "ana@example.com");
        let sam = staff::operator(app, OperatorKind::Admin, "sam@provider.example");
        let path = format!("/v1/operator/accounts/{}", ana.account);
        sam.patch(path, json!({ "status": "suspended", "reason": "Unpaid." })).expect(200);
        review(&ana);
        ana.post(ana.at("/reviews"), json!({})).refused(409, "account-suspended");
    }

    fn an_idle_member_who_logs_in_is_idle_no_more(app) {
        let ana = given::owner(app, "ana@example.com");
        let cem = given::member_of(&ana, "cem@example.com", json!({ "permissions": [] })).user();
        app.clock().advance(TimeDelta::days(90) - TimeDelta::seconds(1));
        let ana = given::logged_in(app, "ana@example.com");
        assert!(!review(&ana).each("findings", "code").contains(&"member_idle".to_owned()));
        app.clock().advance(TimeDelta::seconds(1));
        let idle = review(&ana);
        assert_eq!(idle["findings/1/about"], json!([{ "kind": "member", "id": cem }]), "{}", idle.body());
        given::logged_in(app, "cem@example.com");
        assert!(!review(&ana).each("findings", "code").contains(&"member_idle".to_owned()));
    }
}

on_both! {
    Setup::catalog(PRESS);

    fn a_vacant_role_and_a_category_without_recipient_are_told_by_their_keys(app) {
        let ana = given::owner(app, "ana@example.com");
        let found = review(&ana);
        let codes = ["one_person_holds_everything", "role_vacant", "category_without_recipient"];
        assert_eq!(found.each("findings", "code"), codes, "the owner stands in for whoever is missing");
        assert_eq!(found["findings/1/about"], json!([{ "kind": "role", "id": "press" }]));
        assert_eq!(found["findings/2/about"], json!([{ "kind": "category", "id": "news" }]));
        let bea = ana.adds_verified("Bea", "bea@example.com");
        ana.promotes(&bea, &["press"]).expect(200);
        assert_eq!(review(&ana)["findings"], json!([]));
    }
}
