//! Signing up: nothing exists before the address is proven, and nobody learns which addresses are known.

use accounts_tests::given::{self, PASSWORD};
use accounts_tests::{App, json, on_both};
use chrono::TimeDelta;

use super::{follow, nearly, sent_to};

/// Signs up, and answers the token of the mail.
#[track_caller]
fn signed_up(app: &App, address: &str, account: &str) -> String {
    let body = json!({ "address": address, "display_name": "Ana", "account_name": account });
    app.client().post("/v1/sign-ups", body).expect(202);
    app.mail_to(address).link_token()
}

fn confirm(app: &App, token: &str) -> accounts_tests::client::Request {
    app.client()
        .post("/v1/sign-ups/confirm", json!({ "token": token, "password": PASSWORD }))
}

on_both! {
    fn a_known_address_gets_the_same_answer_and_another_mail(app) {
        given::owner(app, "ana@lima.example");
        let ask = |address: &str| {
            let body = json!({ "address": address, "display_name": "Ana", "account_name": "Lima Ltd" });
            app.client().post("/v1/sign-ups", body).expect(202)
        };
        let (known, unknown) = (ask("ANA@lima.example"), ask("zoe@lima.example"));
        assert_eq!(known.body(), unknown.body());
        let own = ["x-request-id", "date"];
        assert_eq!(known.headers_but(&own), unknown.headers_but(&own));

        let told = app.mail_to("ANA@lima.example");
        assert_eq!(told.subject, "You already have a log-in");
        assert!(!told.text.contains("#token="), "{}", told.text);
        assert!(app.mail_to("zoe@lima.example").text.contains("#token="));
    }

    fn nobody_sits_on_an_address_of_somebody_else(app) {
        let sitter = signed_up(app, "ana@lima.example", "Sitter Ltd");
        app.client()
            .post("/v1/sessions", json!({ "address": "ana@lima.example", "password": PASSWORD }))
            .refused(401, "invalid-credentials");
        let person = signed_up(app, "ana@lima.example", "Lima Ltd");
        assert_eq!(confirm(app, &person).expect(201)["account/name"], "Lima Ltd");
        confirm(app, &sitter).refused(410, "link-expired");
        let ana = given::logged_in(app, "ana@lima.example");
        assert_eq!(ana.get("/v1/me/accounts").expect(200).each("data", "account/name"), ["Lima Ltd"]);
    }

    fn confirming_opens_the_account_with_its_verified_owner_in_every_place(app) {
        let token = signed_up(app, "ana@lima.example", "Lima Ltd");
        let opened = confirm(app, &token).expect(201);
        assert_eq!(opened.header("Location"), format!("/v1/accounts/{}", opened.text("account/id")));
        assert_eq!(opened["account/owner_contact_id"], opened["contact/id"]);
        assert_eq!((&opened["contact/owner"], &opened["contact/verified"], &opened["contact/login"]), (&json!(true), &json!(true), &json!(true)));
        let all = json!(["billing", "general", "security", "technical"]);
        assert_eq!((&opened["contact/roles"], &opened["contact/primary_roles"]), (&all, &all));

        // The owner wishes to receive everything from the start.
        let categories = app.client().get("/v1/catalog").expect(200).each("categories", "key").len();
        assert_eq!(opened.list("contact/subscriptions").len(), categories);
    }

    fn the_link_lives_for_a_day_and_works_once(app) {
        let (before, rest) = nearly(TimeDelta::hours(24));
        let tokens = ["ana", "bea"].map(|name| signed_up(app, &format!("{name}@lima.example"), "Lima Ltd"));
        app.clock().advance(before);
        confirm(app, &tokens[0]).expect(201);
        confirm(app, &tokens[0]).refused(410, "link-expired");
        app.clock().advance(rest);
        confirm(app, &tokens[1]).refused(410, "link-expired");
    }

    fn looking_at_the_page_uses_nothing_up(app) {
        let token = signed_up(app, "ana@lima.example", "Lima Ltd");
        let page = app.client().get("/sign-up").expect(200);
        assert_eq!(page.header("Cache-Control"), "no-store");
        assert!(app.mail_to("ana@lima.example").link().contains("/sign-up#token="));
        confirm(app, &token).expect(201);
    }

    fn a_link_of_another_kind_or_with_another_seal_opens_nothing(app) {
        let ana = given::owner(app, "ana@lima.example");
        let bea = ana.adds_contact("Bea", "bea@lima.example");
        let verification = sent_to(app, &ana, &bea, "bea@lima.example");
        let sign_up = signed_up(app, "zoe@lima.example", "Zoe Ltd");
        let (id, _) = sign_up.split_once('.').unwrap();
        let (_, other_seal) = verification.split_once('.').unwrap();
        for token in [verification.as_str(), id, "x", &format!("{id}."), &format!("{id}.{other_seal}"), &format!("{sign_up}A")] {
            confirm(app, token).refused(410, "link-expired");
        }
        follow(app, &sign_up).refused(410, "link-expired");
        confirm(app, &sign_up).expect(201);
    }

    fn somebody_who_is_logged_in_opens_further_accounts(app) {
        let ana = given::owner(app, "ana@lima.example");
        let opened = ana.post("/v1/accounts", json!({ "name": "Ábaco" })).expect(201);
        let mine = ana.get("/v1/me/accounts").expect(200);
        assert_eq!(mine.each("data", "account/name"), ["Ábaco", "Ana Ltd"]);
        assert_eq!(mine.each("data", "access/owner"), ["true", "true"]);
        // The two accounts share the person and nothing else.
        let first = ana.contact();
        let path = format!("/v1/accounts/{}/contacts", opened.text("id"));
        let second = ana.get(&path).expect(200).text("data/0/id");
        assert_ne!(first.id, second);
        ana.get(format!("{path}/{}", first.id)).refused(404, "not-found");
    }
}
