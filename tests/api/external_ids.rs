//! Accounts by the provider's own number: found, and opened for somebody who then takes them over.

use std::thread;

use accounts_domain::api_keys::KeyMode;
use accounts_tests::{
    Setup,
    given::{self, PASSWORD},
    json, on_both, scene,
};
use chrono::TimeDelta;

const PATH: &str = "/v1/accounts/by-external-id/4711";

on_both! {
    fn an_account_is_opened_once_and_its_owner_takes_it_over_by_mail(app) {
        let desk = given::integration(app, &["accounts:open", "accounts:view", "access:check"]);
        desk.get(PATH).refused(404, "not-found");
        let opened = desk.put(PATH, given::sign_up("ida@example.com")).expect(200);
        assert_eq!((&opened["external_id"], &opened["name"]), (&json!("4711"), &json!("Ida Ltd")));
        let again = desk.put(PATH, given::sign_up("other@example.com")).expect(200);
        assert_eq!(again.body(), opened.body());
        let found = desk.get(PATH).expect(200);
        assert_eq!((found.body(), found.etag()), (opened.body(), opened.etag()));
        assert!(app.mails_to("other@example.com").is_empty());
        let mails = app.mails_to("ida@example.com");
        assert_eq!((mails.len(), mails[0].subject.as_str()), (1, "Ida Ltd is waiting for you"));
        // Nobody enters it yet.
        let question = json!({ "questions": [{
            "external_id": "4711", "address": "ida@example.com", "permission": "contacts:view",
        }] });
        let asks = || desk.post("/v1/access-checks", &question).expect(200).text("results/0/reason");
        assert_eq!(asks(), "unknown_user");
        let credentials = json!({ "address": "ida@example.com", "password": PASSWORD });
        app.client().post("/v1/sessions", credentials).refused(401, "invalid-credentials");
        let token = app.mail_to("ida@example.com").link_token();
        let preview = app.client().post("/v1/contact-verifications/preview", json!({ "token": token })).expect(200);
        assert_eq!((&preview["login"], &preview["password_required"]), (&json!(true), &json!(true)));
        let confirm = json!({ "token": token, "password": PASSWORD });
        app.client().post("/v1/contact-verifications/confirm", confirm).expect(200);
        let ida = given::logged_in(app, "ida@example.com");
        assert_eq!(ida.account, opened.text("id"));
        assert_eq!(ida.get(ida.at("/access")).expect(200)["owner"], true);
        assert_eq!(ida.get(ida.at("/roles/billing")).expect(200)["primary/id"], opened["owner_contact_id"]);
        assert_eq!(asks(), "owner");
        let events = ida.get(ida.at("/audit-events?type=account.opened")).expect(200);
        assert_eq!(events["data/0/actor/kind"], "integration");
        let broken = accounts_store::check(&app.database(), app.running().service().store.catalog(), app.clock().now());
        assert!(broken.unwrap().is_empty());
    }

    fn whoever_has_a_log_in_takes_the_account_over_with_it(app) {
        let ana = given::owner(app, "ana@example.com");
        given::opened_by_integration(app, "ana@example.com");
        assert_eq!(ana.get("/v1/me/accounts").expect(200).list("data").len(), 1);
        let token = app.mail_to("ana@example.com").link_token();
        app.client().post("/v1/contact-verifications/confirm", json!({ "token": token })).expect(200);
        assert_eq!(ana.get("/v1/me/accounts").expect(200).list("data").len(), 2);
    }

    fn the_mail_is_sent_again_once_its_link_has_ended(app) {
        let desk = given::integration(app, &["accounts:open"]);
        desk.put(PATH, given::sign_up("ida@example.com")).expect(200);
        app.mails();
        app.clock().advance(TimeDelta::hours(72));
        desk.put(PATH, given::sign_up("ida@example.com")).expect(200);
        assert_eq!(app.mails_to("ida@example.com").len(), 2);
        let token = app.mail_to("ida@example.com").link_token();
        let confirm = json!({ "token": token, "password": PASSWORD });
        app.client().post("/v1/contact-verifications/confirm", confirm).expect(200);
        desk.put(PATH, given::sign_up("ida@example.com")).expect(200);
        assert_eq!(app.mails_to("ida@example.com").len(), 2);
    }

    fn of_many_at_once_one_opens_the_account(app) {
        let desk = given::integration(app, &["accounts:open"]);
        let opened: Vec<String> = thread::scope(|scope| {
            let put = || desk.put(PATH, given::sign_up("ida@example.com")).expect(200).text("id");
            let tries: Vec<_> = (0..8).map(|_| scope.spawn(put)).collect();
            tries.into_iter().map(|opened| opened.join().unwrap()).collect()
        });
        assert!(opened.iter().all(|id| *id == opened[0]), "{opened:?}");
        assert_eq!(app.mails_to("ida@example.com").len(), 1);
    }

    fn a_test_key_finds_and_opens_nothing(app) {
        let key = scene::integration(app, &["accounts:open", "accounts:view"], KeyMode::Test);
        let desk = app.client().with_token(&key);
        desk.get(PATH).refused(404, "not-found");
        desk.put(PATH, given::sign_up("ida@example.com")).refused(403, "test-key-reads-only");
    }
}

on_both! {
    Setup::preset("hosting");

    fn u_11_the_owner_logs_in_where_contacts_never_do(app) {
        given::opened_by_integration(app, "ida@example.com");
        let token = app.mail_to("ida@example.com").link_token();
        let confirm = json!({ "token": token, "password": PASSWORD });
        app.client().post("/v1/contact-verifications/confirm", confirm).expect(200);
        let ida = given::logged_in(app, "ida@example.com");
        assert_eq!(ida.get(ida.at("/access")).expect(200)["owner"], true);
    }
}
