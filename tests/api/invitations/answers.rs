//! Looked at, accepted, declined: by whoever has the link, and by whoever is logged in.

use accounts_tests::{
    Setup,
    given::{self, PASSWORD},
    json, on_both,
};

use super::{accept, member, status, token};

on_both! {
    Setup::standard();

    fn a_preview_says_who_invites_and_uses_nothing_up(app) {
        let ana = given::owner(app, "ana@example.com");
        ana.invites("bea@example.com", &json!(["contacts:view"])).expect(201);
        let link = token(app, "bea@example.com");
        let preview = || app.client().post("/v1/invitations/preview", json!({ "token": link })).expect(200);
        for _ in 0..2 {
            let seen = preview();
            assert_eq!(seen["account_name"], "Ana Ltd");
            assert_eq!(seen["inviter_name"], "Ana");
            assert_eq!(seen["address"], "bea@example.com");
            assert_eq!(seen["permissions"], json!(["contacts:view"]));
            assert_eq!(seen["login"], false);
            assert_eq!(seen["password_required"], true);
            assert_eq!(seen["name_required"], true);
        }
        accept(app, &link).expect(200);
        app.client().post("/v1/invitations/preview", json!({ "token": link })).refused(410, "link-expired");
    }

    fn the_name_that_the_inviter_gave_will_do(app) {
        let ana = given::owner(app, "ana@example.com");
        let named = json!({ "address": "bea@example.com", "display_name": "Bea Lima" });
        ana.post(ana.at("/invitations"), named).expect(201);
        let link = token(app, "bea@example.com");
        let seen = app.client().post("/v1/invitations/preview", json!({ "token": link })).expect(200);
        assert_eq!(seen["name_required"], false);
        let body = json!({ "token": link, "password": PASSWORD });
        app.client().post("/v1/invitations/accept", body).expect(200);
        let bea = given::logged_in(app, "bea@example.com");
        assert_eq!(bea.get("/v1/me").expect(200)["display_name"], "Bea Lima");
        ana.invites("cem@example.com", &json!([])).expect(201);
        let link = token(app, "cem@example.com");
        let body = json!({ "token": link, "password": PASSWORD });
        let refused = app.client().post("/v1/invitations/accept", body).refused(422, "invalid-fields");
        refused.fault("/display_name", "required");
        let both = json!({ "token": link, "password": "short" });
        let refused = app.client().post("/v1/invitations/accept", both).refused(422, "invalid-fields");
        refused.fault("/display_name", "required").fault("/password", "too-short");
    }

    fn a_new_password_has_its_bounds(app) {
        let ana = given::owner(app, "ana@example.com");
        ana.invites("bea@example.com", &json!([])).expect(201);
        let link = token(app, "bea@example.com");
        let join = |password: &str| {
            let body = json!({ "token": link, "display_name": "Bea", "password": password });
            app.client().post("/v1/invitations/accept", body)
        };
        join("seven77").refused(422, "invalid-fields").fault("/password", "too-short");
        join(&"x".repeat(257)).refused(422, "invalid-fields").fault("/password", "too-long");
        join("x7 kq2zp").expect(200);
    }

    fn who_has_a_login_shows_its_password(app) {
        let ana = given::owner(app, "ana@example.com");
        let eve = given::owner(app, "eve@example.com");
        let id = ana.invites("eve@example.com", &json!(["contacts:view"])).expect(201).text("id");
        let link = token(app, "eve@example.com");
        let seen = app.client().post("/v1/invitations/preview", json!({ "token": link })).expect(200);
        assert_eq!((&seen["login"], &seen["password_required"]), (&json!(true), &json!(false)));
        let join = |password: &str| {
            let body = json!({ "token": link, "display_name": "Another", "password": password });
            app.client().post("/v1/invitations/accept", body)
        };
        join("wrong wrong").refused(401, "invalid-credentials");
        assert_eq!(status(&ana, &id), "pending");
        join(PASSWORD).expect(200);
        // The log-in is the one there was, and so is its name.
        assert_eq!(eve.get("/v1/me").expect(200)["display_name"], "Eve");
        assert_eq!(eve.get(ana.at("/access")).expect(200)["permissions"], json!(["contacts:view"]));
        let joined = ana.get(ana.at("/audit-events?type=member.added")).expect(200);
        assert_eq!(joined["data/0/actor/kind"], "user");
    }

    fn wrong_passwords_are_counted_as_at_every_log_in(app) {
        let ana = given::owner(app, "ana@example.com");
        given::owner(app, "eve@example.com");
        ana.invites("eve@example.com", &json!([])).expect(201);
        let link = token(app, "eve@example.com");
        let join = |password: &str| {
            let body = json!({ "token": link, "password": password });
            app.client().post("/v1/invitations/accept", body)
        };
        for _ in 0..10 {
            join("wrong wrong").refused(401, "invalid-credentials");
        }
        join(PASSWORD).refused(429, "too-many-requests");
        let body = json!({ "address": "eve@example.com", "password": PASSWORD });
        app.client().post("/v1/sessions", body).refused(429, "too-many-requests");
    }

    fn r_15_r_22_a_token_works_once_and_for_nothing_else(app) {
        let ana = given::owner(app, "ana@example.com");
        ana.invites("bea@example.com", &json!([])).expect(201);
        let link = token(app, "bea@example.com");
        for length in [0, 1, 20, link.len() / 2, link.len() - 1] {
            let body = json!({ "token": &link[..length], "display_name": "X", "password": PASSWORD });
            let status = app.client().post("/v1/invitations/accept", body).send().status();
            assert!(matches!(status, 410 | 422), "{length}: {status}");
        }
        for path in ["/v1/sign-ups/confirm", "/v1/contact-verifications/confirm", "/v1/password-resets/confirm"] {
            let body = json!({ "token": link, "password": PASSWORD });
            app.client().post(path, body).refused(410, "link-expired");
        }
        accept(app, &link).expect(200);
        accept(app, &link).refused(410, "link-expired");
        let body = json!({ "token": link });
        app.client().post("/v1/invitations/decline", body).refused(410, "link-expired");
    }

    fn an_acceptance_is_replayed_to_whoever_has_the_link(app) {
        let ana = given::owner(app, "ana@example.com");
        ana.invites("bea@example.com", &json!([])).expect(201);
        let link = token(app, "bea@example.com");
        let first = accept(app, &link).idempotency_key("join").expect(200);
        let again = accept(app, &link).idempotency_key("join").expect(200);
        assert_eq!(again.header("Idempotency-Replayed"), "true");
        assert_eq!(again.json(), first.json());
    }

    fn it_is_declined_by_the_link(app) {
        let ana = given::owner(app, "ana@example.com");
        let id = ana.invites("bea@example.com", &json!([])).expect(201).text("id");
        let link = token(app, "bea@example.com");
        let declined = app.client().post("/v1/invitations/decline", json!({ "token": link })).expect(200);
        assert_eq!(declined["account_name"], "Ana Ltd");
        assert_eq!(status(&ana, &id), "declined");
        accept(app, &link).refused(410, "link-expired");
        ana.invites("bea@example.com", &json!([])).expect(201);
    }

    fn my_invitations_are_those_to_my_address(app) {
        let ana = given::owner(app, "ana@example.com");
        let (eve, gus) = (given::owner(app, "eve@example.com"), given::owner(app, "gus@example.com"));
        let to_eve = ana.invites("EVE@example.com", &json!(["contacts:view"])).expect(201).text("id");
        ana.invites("gus@example.com", &json!([])).expect(201);
        let waiting = eve.get("/v1/me/invitations").expect(200);
        assert_eq!(waiting.each("data", "id"), std::slice::from_ref(&to_eve));
        assert_eq!(waiting["data/0/account/id"], ana.account.as_str());
        assert_eq!(waiting["data/0/permissions"], json!(["contacts:view"]));
        // Somebody else's is not there.
        for answer in ["accept", "decline"] {
            gus.post(format!("/v1/me/invitations/{to_eve}/{answer}"), ()).refused(404, "not-found");
            ana.post(format!("/v1/me/invitations/{to_eve}/{answer}"), ()).refused(404, "not-found");
        }
        let accepted = eve.post(format!("/v1/me/invitations/{to_eve}/accept"), ()).expect(200);
        assert_eq!(accepted["status"], "accepted");
        assert_eq!(status(&ana, &to_eve), "accepted");
        let refused = eve.post(format!("/v1/me/invitations/{to_eve}/accept"), ()).refused(410, "invitation-ended");
        assert_eq!(refused["invitation_status"], "accepted");
        let by_gus = gus.get("/v1/me/invitations").expect(200).text("data/0/id");
        gus.post(format!("/v1/me/invitations/{by_gus}/decline"), ()).expect(200);
        assert!(gus.get("/v1/me/invitations").expect(200).list("data").is_empty());
    }

    fn l_08_a_contact_becomes_the_login_that_it_was_invited_to(app) {
        let ana = given::owner(app, "ana@example.com");
        let bea = ana.adds_contact("Bea", "bea@example.com");
        let invite = |address: &str, contact: &str| {
            let body = json!({ "address": address, "contact_id": contact, "permissions": ["contacts:view"] });
            ana.post(ana.at("/invitations"), body)
        };
        invite("other@example.com", &bea.id).refused(409, "contact-has-other-address");
        let unknown = invite("bea@example.com", "con_01h455vb4pex5vsknk084sn02q").refused(422, "invalid-fields");
        unknown.fault("/contact_id", "unknown-contact");
        let sent = invite("bea@example.com", &bea.id).expect(201);
        assert_eq!(sent["contact_id"], bea.id.as_str());
        assert_eq!(ana.get(bea.path()).expect(200)["login"], false);
        accept(app, &token(app, "bea@example.com")).expect(200);
        let contact = ana.get(bea.path()).expect(200);
        assert_eq!((&contact["login"], &contact["verified"]), (&json!(true), &json!(true)));
        let person = given::logged_in(app, "bea@example.com");
        assert_eq!(person.contact().id, bea.id);
        invite("bea@example.com", &bea.id).refused(409, "already-member");
    }

    fn a_suspended_account_takes_nobody_in(app) {
        let ana = given::owner(app, "ana@example.com");
        let eve = given::owner(app, "eve@example.com");
        let id = ana.invites("eve@example.com", &json!([])).expect(201).text("id");
        let account = ana.account.parse().unwrap();
        let suspend = |status| {
            let service = app.running().service();
            let act = accounts_store::Act {
                actor: accounts_domain::actor::Actor::System,
                at: service.clock.now(),
                request_id: None,
                keep: None,
            };
            app.running().wait(service.store.change_account_status(account, status, &act)).unwrap();
        };
        suspend(accounts_domain::roster::AccountStatus::Suspended);
        ana.invites("bea@example.com", &json!([])).refused(409, "account-suspended");
        eve.post(format!("/v1/me/invitations/{id}/accept"), ()).refused(409, "account-suspended");
        suspend(accounts_domain::roster::AccountStatus::Closed);
        assert!(eve.get("/v1/me/invitations").expect(200).list("data").is_empty());
        eve.post(format!("/v1/me/invitations/{id}/accept"), ()).refused(409, "account-closed");
        suspend(accounts_domain::roster::AccountStatus::Active);
        eve.post(format!("/v1/me/invitations/{id}/accept"), ()).expect(200);
    }

    fn who_became_a_member_meanwhile_stays_the_one_member(app) {
        let ana = given::owner(app, "ana@example.com");
        let id = ana.invites("bea@example.com", &json!(["contacts:view"])).expect(201).text("id");
        let (_, bea) = member(app, &ana, "bea", &[]);
        bea.post(format!("/v1/me/invitations/{id}/accept"), ()).refused(409, "already-member");
        assert_eq!(bea.get(bea.at("/access")).expect(200)["permissions"], json!([]));
    }
}
