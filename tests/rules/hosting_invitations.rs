//! "Users and contacts" and "sub-accounts", as far as they speak of invitations: U-12 to U-19, K-03, K-08, K-10
//! and K-11.

use accounts_tests::{
    Setup,
    given::{self, PASSWORD},
    json, on_both,
};
use chrono::TimeDelta;

on_both! {
    Setup::preset("hosting");

    fn u_12_users_and_contacts_are_managed_from_the_main_account(app) {
        let ana = given::owner(app, "ana@example.com");
        ana.invites("bea@example.com", &json!(["tickets:view"])).expect(201);
        ana.adds_contact("Accounting", "accounting@example.com");
        assert_eq!(ana.get(ana.at("/invitations")).expect(200).each("data", "address"), ["bea@example.com"]);
        assert_eq!(ana.get(ana.at("/contacts")).expect(200).list("data").len(), 2);
        // Whoever was let in to the tickets alone manages neither.
        let cem = ana.invites_new("cem@example.com", &json!(["tickets:view"]));
        cem.invites("dan@example.com", &json!([])).refused(403, "forbidden");
        cem.get(cem.at("/invitations")).refused(403, "forbidden");
        let contact = json!({ "display_name": "Dan", "address": "dan@example.com" });
        cem.post(cem.at("/contacts"), contact).refused(403, "forbidden");
    }

    fn u_13_k_11_a_user_comes_in_by_an_invitation_to_an_address(app) {
        let ana = given::owner(app, "ana@example.com");
        let sent = ana.invites("bea@example.com", &json!(["tickets:view"])).expect(201);
        assert_eq!(sent["address"], "bea@example.com");
        assert_eq!(sent["status"], "pending");
        let token = app.mail_to("bea@example.com").link_token();
        let body = json!({ "token": token, "display_name": "Bea", "password": PASSWORD });
        let joined = app.client().post("/v1/invitations/accept", body).expect(200);
        assert_eq!(joined["account_id"], ana.account.as_str());
        let bea = given::logged_in(app, "bea@example.com");
        assert_eq!(bea.account, ana.account);
        // By another way nobody comes to another account.
        let eve = given::owner(app, "eve@example.com");
        eve.get(ana.at("/access")).refused(404, "not-found");
    }

    fn u_14_k_08_the_permissions_are_chosen_with_the_invitation(app) {
        let ana = given::owner(app, "ana@example.com");
        let sent = ana.invites("bea@example.com", &json!(["tickets:open", "tickets:view"])).expect(201);
        assert_eq!(sent["permissions"], json!(["tickets:open", "tickets:view"]));
        let bea = ana.invites_new("cem@example.com", &json!(["tickets:open", "tickets:view"]));
        let access = bea.get(bea.at("/access")).expect(200);
        assert_eq!(access["permissions"], json!(["tickets:view", "tickets:open"]));
        assert_eq!(access["owner"], false);
    }

    fn u_15_all_permissions_give_the_access_of_the_main_account(app) {
        let ana = given::owner(app, "ana@example.com");
        for (address, choice) in [
            ("bea@example.com", json!({ "all_permissions": true })),
            ("cem@example.com", json!({ "permission_preset": "all_permissions" })),
        ] {
            let mut body = choice;
            body["address"] = json!(address);
            let sent = ana.post(ana.at("/invitations"), body).expect(201);
            assert_eq!(sent["all_permissions"], true);
            let token = app.mail_to(address).link_token();
            let body = json!({ "token": token, "display_name": "Somebody", "password": PASSWORD });
            app.client().post("/v1/invitations/accept", body).expect(200);
            let person = given::logged_in(app, address);
            let (own, main) = (person.get(person.at("/access")).expect(200), ana.get(ana.at("/access")).expect(200));
            assert_eq!(own["all_permissions"], true);
            assert_eq!(own["permissions"], main["permissions"]);
            assert_eq!(person.applications(), ana.applications());
        }
    }

    fn u_16_areas_are_picked_one_by_one(app) {
        let ana = given::owner(app, "ana@example.com");
        let bea = ana.invites_new("bea@example.com", &json!(["invoices:view"]));
        let access = bea.get(bea.at("/access")).expect(200);
        assert_eq!(access["permissions"], json!(["invoices:view"]));
        assert!(ana.applications().len() > bea.applications().len());
        // A preset picks several at once.
        let body = json!({ "address": "cem@example.com", "permission_preset": "webmaster" });
        let sent = ana.post(ana.at("/invitations"), body).expect(201);
        let picked = ["products:manage", "products:view", "ticket_mail:receive", "tickets:open", "tickets:view"];
        assert_eq!(sent["permissions"], json!(picked));
        let unknown = json!({ "address": "dan@example.com", "permissions": ["tickets:view", "moon:visit"] });
        let refused = ana.post(ana.at("/invitations"), unknown).refused(422, "invalid-fields");
        refused.fault("/permissions/1", "unknown-permission");
    }

    fn u_17_the_invitee_gets_a_mail(app) {
        let ana = given::owner(app, "ana@example.com");
        let body = json!({ "address": "bea@example.com", "display_name": "Bea Lima", "language": "fr" });
        ana.post(ana.at("/invitations"), body).expect(201);
        let mails = app.mails_to("bea@example.com");
        assert_eq!(mails.len(), 1);
        assert_eq!(mails[0].subject, "Ana vous invite dans Ana Ltd");
        assert!(mails[0].text.contains("Bea Lima"), "{}", mails[0].text);
        assert!(mails[0].link().contains("/invitation#token=snd_"), "{}", mails[0].link());
    }

    fn u_18_the_invitee_sets_the_own_password_and_the_inviter_never_knows_it(app) {
        let ana = given::owner(app, "ana@example.com");
        let body = json!({ "address": "bea@example.com", "password": "chosen by somebody else" });
        let refused = ana.post(ana.at("/invitations"), body).refused(422, "invalid-fields");
        refused.fault("/password", "unknown-field");
        let sent = ana.invites("bea@example.com", &json!([])).expect(201);
        assert!(!sent.body().contains("snd_") && !sent.body().contains("token"), "{sent}");
        let token = app.mail_to("bea@example.com").link_token();
        let own = "known to nobody else";
        let body = json!({ "token": token, "display_name": "Bea", "password": own });
        let joined = app.client().post("/v1/invitations/accept", body).expect(200);
        assert!(!joined.body().contains(own));
        let log_in = |password: &str| {
            let body = json!({ "address": "bea@example.com", "password": password });
            app.client().post("/v1/sessions", body)
        };
        log_in(PASSWORD).refused(401, "invalid-credentials");
        log_in(own).expect(201);
    }

    fn u_19_nothing_is_accessible_before_the_invitee_accepts(app) {
        let ana = given::owner(app, "ana@example.com");
        let eve = given::owner(app, "eve@example.com");
        let body = json!({ "address": "eve@example.com", "all_permissions": true });
        let id = ana.post(ana.at("/invitations"), body).expect(201).text("id");
        for path in ["", "/access", "/applications", "/contacts", "/invitations", "/audit-events"] {
            eve.get(ana.at(path)).refused(404, "not-found");
        }
        assert_eq!(eve.get("/v1/me/accounts").expect(200).list("data").len(), 1);
        eve.post(format!("/v1/me/invitations/{id}/accept"), ()).expect(200);
        eve.get(ana.at("/contacts")).expect(200);
        assert_eq!(eve.get("/v1/me/accounts").expect(200).list("data").len(), 2);
    }

    fn k_03_one_login_opens_several_accounts(app) {
        let (ana, eve) = (given::owner(app, "ana@example.com"), given::owner(app, "eve@example.com"));
        let bea = ana.invites_new("bea@example.com", &json!(["tickets:view"]));
        let id = eve.invites("bea@example.com", &json!(["invoices:view"])).expect(201).text("id");
        bea.post(format!("/v1/me/invitations/{id}/accept"), ()).expect(200);
        // The same session, and other rights in each.
        let rights = |path: &str| bea.get(path).expect(200)["permissions"].clone();
        assert_eq!(rights(&ana.at("/access")), json!(["tickets:view"]));
        assert_eq!(rights(&eve.at("/access")), json!(["invoices:view"]));
    }

    fn k_10_who_was_invited_to_several_accounts_has_a_choice(app) {
        let (ana, eve) = (given::owner(app, "ana@example.com"), given::owner(app, "eve@example.com"));
        let bea = ana.invites_new("bea@example.com", &json!([]));
        eve.invites("bea@example.com", &json!(["tickets:view"])).expect(201);
        let waiting = bea.get("/v1/me/invitations").expect(200);
        assert_eq!(waiting.each("data", "account/name"), ["Eve Ltd"]);
        assert_eq!(waiting["data/0/inviter_name"], "Eve");
        let id = waiting.text("data/0/id");
        bea.post(format!("/v1/me/invitations/{id}/accept"), ()).expect(200);
        let accounts = bea.get("/v1/me/accounts").expect(200);
        assert_eq!(accounts.each("data", "account/name"), ["Ana Ltd", "Eve Ltd"]);
        assert!(bea.get("/v1/me/invitations").expect(200).list("data").is_empty());
    }

    fn k_11_without_an_invitation_that_still_stands_nobody_comes_in(app) {
        let ana = given::owner(app, "ana@example.com");
        let invite = |address: &str| ana.invites(address, &json!([])).expect(201).text("id");
        let accept = |address: &str| {
            let body = json!({ "token": app.mail_to(address).link_token(), "display_name": "X", "password": PASSWORD });
            app.client().post("/v1/invitations/accept", body)
        };
        let revoked = invite("bea@example.com");
        ana.delete(ana.at(&format!("/invitations/{revoked}"))).expect(204);
        accept("bea@example.com").refused(410, "link-expired");
        invite("cem@example.com");
        app.mails();
        app.clock().advance(TimeDelta::days(7));
        accept("cem@example.com").refused(410, "link-expired");
        let body = json!({ "address": "cem@example.com", "password": PASSWORD });
        app.client().post("/v1/sessions", body).refused(401, "invalid-credentials");
    }
}
