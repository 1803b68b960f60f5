//! "Managing Contacts", step by step: M-43 to M-52, M-54.

use accounts_tests::{
    Setup,
    given::{self, PASSWORD},
    json, on_both,
};
use chrono::TimeDelta;

use super::listed;

on_both! {
    Setup::preset("saas-suite");

    fn m_43_the_list_begins_with_the_callers_own_entry(app) {
        let zoe = given::owner(app, "zoe@example.com");
        zoe.adds_contact("Mia", "mia@example.com");
        let bea = zoe.adds_login("Bea", "bea@example.com");
        assert_eq!(listed(&zoe), ["Zoe", "Bea", "Mia"]);

        zoe.transfers_ownership(&bea.contact()).expect(201);
        assert_eq!(listed(&bea), ["Bea", "Mia", "Zoe"]);
    }

    fn m_44_a_new_contact_needs_a_name_and_an_address_and_nothing_else(app) {
        let ana = given::owner(app, "ana@example.com");
        let refusal = ana.post(ana.at("/contacts"), json!({})).refused(422, "invalid-fields");
        refusal.fault("/display_name", "required").fault("/address", "required");
        assert_eq!(refusal.list("errors").len(), 2);

        let bea = json!({ "display_name": "Bea", "address": "bea@example.com" });
        let created = ana.post(ana.at("/contacts"), bea).expect(201);
        assert_eq!(created["display_name"], "Bea");
        assert_eq!(created["address"], "bea@example.com");
    }

    fn m_45_m_46_a_new_contact_is_in_the_list_at_once_and_not_verified(app) {
        let ana = given::owner(app, "ana@example.com");
        ana.adds_contact("Bea", "bea@example.com");

        let list = ana.get(ana.at("/contacts")).expect(200);
        assert_eq!(list.each("data", "display_name"), ["Ana", "Bea"]);
        assert_eq!(list.each("data", "verified"), ["true", "false"]);
        assert_eq!(list.each("data", "login"), ["true", "false"]);
    }

    /// The question whether a mail is to be sent is a screen's. What makes it possible is that adding sends
    /// none, and that sending is a request of its own.
    fn m_47_adding_sends_no_mail_and_sending_is_an_act_of_its_own(app) {
        let ana = given::owner(app, "ana@example.com");
        let before = app.mails().len();
        let bea = ana.adds_contact("Bea", "bea@example.com");
        assert_eq!(app.mails().len(), before);

        let sent = ana.post(bea.at("/verification"), ()).expect(202);
        assert_eq!(sent["address"], "bea@example.com");
        assert_eq!(app.mails().len(), before + 1);
    }

    fn m_48_the_mail_goes_to_the_contact_who_must_follow_the_link(app) {
        let ana = given::owner(app, "ana@example.com");
        let bea = ana.adds_contact("Bea", "bea@example.com");
        ana.post(bea.at("/verification"), ()).expect(202);
        let mail = app.mail_to("bea@example.com");
        assert_eq!(mail.to, ["bea@example.com"]);
        assert!(mail.subject.contains("Ana Ltd"), "{}", mail.subject);
        assert_eq!(ana.get(bea.path()).expect(200)["verified"], false);

        let confirm = |token: &str| {
            let body = json!({ "token": token, "password": PASSWORD });
            app.client().post("/v1/contact-verifications/confirm", body)
        };
        let token = mail.link_token();
        let (id, seal) = token.split_once('.').unwrap();
        let guessed = format!("{id}.{}", seal.chars().rev().collect::<String>());
        confirm(&guessed).refused(410, "link-expired");
        assert_eq!(ana.get(bea.path()).expect(200)["verified"], false);
        confirm(&token).expect(200);
        assert_eq!(ana.get(bea.path()).expect(200)["verified"], true);
        confirm(&token).refused(410, "link-expired");
    }

    /// The button that becomes a sign is a screen's. What makes it possible is `verified` on the contact and
    /// in the list, and an ETag by which a refresh costs nothing until it has changed.
    fn m_49_the_next_read_tells_that_the_contact_is_verified(app) {
        let ana = given::owner(app, "ana@example.com");
        let bea = ana.adds_contact("Bea", "bea@example.com");
        ana.post(bea.at("/verification"), ()).expect(202);
        let seen = ana.get(ana.at("/contacts")).expect(200);
        assert_eq!(seen.each("data", "verified"), ["true", "false"]);
        ana.get(ana.at("/contacts")).if_none_match(&seen.etag()).expect(304);

        let token = app.mail_to("bea@example.com").link_token();
        app.client()
            .post("/v1/contact-verifications/confirm", json!({ "token": token, "password": PASSWORD }))
            .expect(200);
        let refreshed = ana.get(ana.at("/contacts")).if_none_match(&seen.etag()).expect(200);
        assert_eq!(refreshed.each("data", "verified"), ["true", "true"]);
        assert!(refreshed["data/1/verified_at"].is_string());
    }

    fn m_50_only_a_verified_contact_logs_in(app) {
        let ana = given::owner(app, "ana@example.com");
        let bea = ana.adds_contact("Bea", "bea@example.com");
        let credentials = json!({ "address": "bea@example.com", "password": PASSWORD });
        app.client().post("/v1/sessions", &credentials).refused(401, "invalid-credentials");
        app.client().post("/v1/password-resets", json!({ "address": "bea@example.com" })).expect(202);
        assert!(app.mails_to("bea@example.com").is_empty());
        ana.post(bea.at("/verification"), ()).expect(202);
        app.client().post("/v1/sessions", &credentials).refused(401, "invalid-credentials");

        let token = app.mail_to("bea@example.com").link_token();
        let confirmed = app
            .client()
            .post("/v1/contact-verifications/confirm", json!({ "token": token, "password": PASSWORD }))
            .expect(200);
        assert_eq!(confirmed["login"], true);
        assert_eq!(given::logged_in(app, "bea@example.com").account, ana.account);
    }

    fn m_51_a_verification_is_sent_again_until_the_contact_is_verified(app) {
        let ana = given::owner(app, "ana@example.com");
        let bea = ana.adds_contact("Bea", "bea@example.com");
        let send = || ana.post(bea.at("/verification"), ());
        send().expect(202);
        let refusal = send().refused(429, "too-soon");
        assert_eq!(refusal.header("Retry-After"), "60");
        app.clock().advance(TimeDelta::seconds(60));
        send().expect(202);
        assert_eq!(app.mails_to("bea@example.com").len(), 2);

        let token = app.mail_to("bea@example.com").link_token();
        app.client()
            .post("/v1/contact-verifications/confirm", json!({ "token": token, "password": PASSWORD }))
            .expect(200);
        app.clock().advance(TimeDelta::seconds(60));
        send().refused(409, "already-verified");
    }

    fn m_52_a_contact_without_a_role_is_removed_and_its_login_with_it(app) {
        let ana = given::owner(app, "ana@example.com");
        let bea = ana.adds_login("Bea", "bea@example.com");
        let contact = bea.contact();
        let cem = ana.adds_contact("Cem", "cem@example.com");

        ana.removes(&contact).expect(204);
        ana.removes(&cem).expect(204);
        assert_eq!(listed(&ana), ["Ana"]);
        ana.get(contact.path()).refused(404, "not-found");
        bea.get(bea.at("")).refused(404, "not-found");
        assert_eq!(bea.get("/v1/me/accounts").expect(200)["data"], json!([]));
    }

    fn m_54_a_holder_of_a_role_is_removed_only_once_it_has_moved(app) {
        let ana = given::owner(app, "ana@example.com");
        let bea = ana.adds_verified("Bea", "bea@example.com");
        let cem = ana.adds_verified("Cem", "cem@example.com");
        ana.promotes(&bea, &["billing"]).expect(200);
        ana.promotes(&cem, &["technical"]).expect(200);

        let refusal = ana.removes(&bea).refused(409, "contact-holds-roles");
        assert_eq!(refusal["roles"], json!(["billing"]));
        let refusal = ana.removes(&cem).refused(409, "contact-holds-roles");
        assert_eq!(refusal["roles"], json!(["technical"]));

        ana.promotes(&cem, &["billing"]).expect(200);
        ana.removes(&bea).expect(204);
        let refusal = ana.removes(&cem).refused(409, "contact-holds-roles");
        assert_eq!(refusal["roles"], json!(["billing", "technical"]));
    }
}
