//! What a mailer reports of addresses, and what becomes of the notices to them.

use accounts_tests::{
    Answer, App, Client,
    given::{self, Contact, Person},
    json, on_both,
};

const REPORTS: &str = "/v1/deliverability-reports";

fn mailer(app: &App) -> Client {
    given::integration(app, &["deliverability:report"])
}

#[track_caller]
fn reports(mailer: &Client, address: &str, deliverability: &str) -> Answer {
    mailer
        .post(REPORTS, json!({ "address": address, "deliverability": deliverability }))
        .expect(200)
}

#[track_caller]
fn told(by: &Person<'_>, category: &str) -> Answer {
    by.get(by.at(&format!("/recipients?category={category}"))).expect(200)
}

on_both! {
    fn notices_go_no_more_where_mail_came_back_from_until_the_address_is_proven_anew(app) {
        let ana = given::owner(app, "ana@example.com");
        let bea = ana.adds_verified("Bea", "bea@example.com");
        ana.promotes(&bea, &["billing"]).expect(200);
        ana.post(bea.at("/verification"), ()).refused(409, "already-verified");
        let mailer = mailer(app);

        let answer = reports(&mailer, "BEA@example.com", "bounced");
        assert_eq!(answer["address"], "bea@example.com");
        let known = json!([{ "account_id": ana.account, "contact_id": bea.id, "deliverability": "bounced" }]);
        assert_eq!(answer["contacts"], known);
        assert!(answer["user"].is_null());
        let shown = ana.get(bea.path()).expect(200);
        assert_eq!((&shown["verified"], &shown["deliverability"]), (&json!(true), &json!("bounced")));
        let invoice = told(&ana, "invoice");
        assert_eq!(invoice.each("data/0/to", "address"), ["ana@example.com"]);
        assert_eq!(invoice["data/0/excluded/0/exclusion"], "bounced");

        // The same again changes nothing, and an account's events say it once.
        reports(&mailer, "bea@example.com", "bounced");
        assert_eq!(ana.get(bea.path()).expect(200).etag(), shown.etag());
        let events = ana.get(ana.at("/audit-events?type=contact.deliverability_changed")).expect(200);
        assert_eq!(events.list("data").len(), 1);
        let data = json!({
            "deliverability": "bounced",
            "former_deliverability": "unknown",
            "fields": ["reported_address"],
        });
        assert_eq!(events["data/0/data"], data);
        assert_eq!(events["data/0/actor/kind"], "integration");

        ana.verifies(&bea);
        assert_eq!(ana.get(bea.path()).expect(200)["deliverability"], "unknown");
        assert_eq!(told(&ana, "invoice").each("data/0/to", "address"), ["bea@example.com"]);
    }

    fn a_later_arrival_clears_a_bounce_and_no_complaint(app) {
        let ana = given::owner(app, "ana@example.com");
        let bea = ana.adds_verified("Bea", "bea@example.com");
        let mailer = mailer(app);
        let now = |deliverability: &str| {
            reports(&mailer, "bea@example.com", deliverability)["contacts/0/deliverability"].clone()
        };
        assert_eq!(now("bounced"), "bounced");
        assert_eq!(now("ok"), "ok");
        assert_eq!(now("complained"), "complained");
        assert_eq!(now("ok"), "complained");
        // Another address is another matter, and the old one's comes not back with it.
        ana.patch(bea.path(), json!({ "address": "bea@other.example" })).expect(200);
        let moved = Contact { address: "bea@other.example".to_owned(), ..bea };
        ana.verifies(&moved);
        assert_eq!(ana.get(moved.path()).expect(200)["deliverability"], "unknown");
        assert_eq!(reports(&mailer, "bea@example.com", "ok")["contacts"], json!([]));
    }

    fn a_report_reaches_every_account_and_the_log_in(app) {
        let ana = given::owner(app, "ana@example.com");
        let bea = given::owner(app, "bea@example.com");
        let known = ana.adds_contact("Bea", "bea@example.com");
        let mailer = mailer(app);
        let answer = reports(&mailer, "bea@example.com", "complained");
        let mut contacts = answer.each("contacts", "contact_id");
        contacts.sort();
        let mut wanted = vec![known.id.clone(), bea.contact().id];
        wanted.sort();
        assert_eq!(contacts, wanted);
        assert_eq!(answer["user"], json!({ "user_id": bea.user(), "deliverability": "complained" }));
        let me = bea.get("/v1/me".to_owned()).expect(200);
        assert_eq!(me["deliverability"], "complained");

        // She owns the account: what must be told to somebody is told to her all the same.
        let all = bea.get(bea.at("/recipients")).expect(200);
        for category in all.list("data") {
            let told = category["to"].as_array().unwrap().len();
            assert_eq!(told, usize::from(category["mandatory"] == true), "{category}");
        }
    }

    fn a_member_without_a_contact_is_passed_over_until_a_reset(app) {
        let ana = given::owner(app, "ana@example.com");
        let bea = given::member_of(&ana, "bea@example.com", json!({ "permissions": ["invoices:view"] }));
        let wishes = bea.at(&format!("/members/{}/subscriptions", bea.user()));
        bea.put(wishes, json!({ "categories": ["invoice"] })).expect(200);
        let mailer = mailer(app);
        let answer = reports(&mailer, "bea@example.com", "bounced");
        assert_eq!(answer["contacts"], json!([]));
        assert_eq!(answer["user/deliverability"], "bounced");
        assert_eq!(told(&ana, "invoice")["data/0/excluded/0/exclusion"], "bounced");
        app.client().post("/v1/password-resets", json!({ "address": "bea@example.com" })).expect(202);
        let reset = json!({ "token": app.mail_to("bea@example.com").link_token(), "password": "four grey herons at noon" });
        app.client().post("/v1/password-resets/confirm", reset).expect(204);
        assert_eq!(told(&ana, "invoice").each("data/0/cc", "address"), ["bea@example.com"]);
    }

    fn nobody_else_reports_and_nothing_else_is_reported(app) {
        let ana = given::owner(app, "ana@example.com");
        let body = || json!({ "address": "ana@example.com", "deliverability": "bounced" });
        ana.post(REPORTS, body()).refused(404, "not-found");
        given::integration(app, &["notifications:send"]).post(REPORTS, body()).refused(403, "forbidden");
        let mailer = mailer(app);
        let refused = mailer.post(REPORTS, json!({ "address": "ana", "deliverability": "unknown" }));
        let refused = refused.refused(422, "invalid-fields");
        refused.fault("/address", "invalid-format");
        refused.fault("/deliverability", "not-allowed");
        assert_eq!(ana.get("/v1/me".to_owned()).expect(200)["deliverability"], "unknown");
    }
}
