//! Made, listed, read, sent again, revoked.

use accounts_tests::{Setup, given, json, on_both};
use chrono::TimeDelta;

use super::{accept, member, status, token};

on_both! {
    Setup::standard();

    fn an_invitation_is_told_as_it_was_made(app) {
        let ana = given::owner(app, "ana@example.com");
        let body = json!({
            "address": "Bea@example.com",
            "display_name": "Bea Lima",
            "permissions": ["contacts:view"],
            "expires_in_hours": 36,
        });
        let sent = ana.post(ana.at("/invitations"), body).expect(201);
        assert_eq!(sent["address"], "Bea@example.com");
        assert_eq!(sent["display_name"], "Bea Lima");
        assert_eq!(sent["permissions"], json!(["contacts:view"]));
        assert_eq!(sent["all_permissions"], false);
        assert_eq!(sent["language"], "en");
        assert_eq!(sent["contact_id"], json!(null));
        assert_eq!(sent["status"], "pending");
        assert_eq!(sent["inviter/display_name"], "Ana");
        assert_eq!(sent["ended_at"], json!(null));
        let read = ana.get(sent.header("Location")).expect(200);
        assert_eq!(read.json(), sent.json());
        assert_eq!(read.etag(), sent.etag());
        let mail = app.mail_to("Bea@example.com");
        assert_eq!(mail.subject, "Ana invites you to Ana Ltd");
        assert!(mail.text.contains("within 36"), "{}", mail.text);
    }

    fn the_life_has_its_bounds(app) {
        let ana = given::owner(app, "ana@example.com");
        let invite = |hours: i64| {
            let body = json!({ "address": format!("a{hours}@example.com"), "expires_in_hours": hours });
            ana.post(ana.at("/invitations"), body)
        };
        for hours in [1, 720] {
            invite(hours).expect(201);
        }
        for hours in [-1, 0, 721, 70_000] {
            let refused = invite(hours).refused(422, "invalid-fields");
            refused.fault("/expires_in_hours", "out-of-range");
        }
    }

    fn the_list_is_filtered_by_how_they_stand(app) {
        let ana = given::owner(app, "ana@example.com");
        ana.invites("expired@example.com", &json!([])).expect(201);
        app.clock().advance(TimeDelta::days(7));
        let ana = given::logged_in(app, "ana@example.com");
        let invite = |address: &str| ana.invites(address, &json!([])).expect(201).text("id");
        invite("accepted@example.com");
        accept(app, &token(app, "accepted@example.com")).expect(200);
        invite("declined@example.com");
        let body = json!({ "token": token(app, "declined@example.com") });
        app.client().post("/v1/invitations/decline", body).expect(200);
        let revoked = invite("revoked@example.com");
        ana.delete(ana.at(&format!("/invitations/{revoked}"))).expect(204);
        invite("pending@example.com");
        let list = |query: &str| ana.get(ana.at(&format!("/invitations?{query}"))).expect(200);
        let all = ["pending", "revoked", "declined", "accepted", "expired"];
        assert_eq!(list("").each("data", "status"), all);
        for status in all {
            let listed = list(&format!("status={status}"));
            assert_eq!(listed.each("data", "status"), [status]);
            assert_eq!(listed.each("data", "address"), [format!("{status}@example.com")]);
        }
        assert_eq!(list("status=pending&status=expired").each("data", "status"), ["pending", "expired"]);
        let first = list("limit=3");
        let next = list(&format!("limit=3&cursor={}", first.text("next_cursor")));
        assert_eq!(next.each("data", "status"), ["accepted", "expired"]);
        let refused = ana.get(ana.at("/invitations?status=lost")).refused(400, "bad-request");
        refused.parameter_fault("status", "not-allowed");
    }

    fn one_invitation_to_an_address_waits_at_a_time(app) {
        let ana = given::owner(app, "ana@example.com");
        let first = ana.invites("bea@example.com", &json!([])).expect(201).text("id");
        ana.invites("BEA@Example.com", &json!([])).refused(409, "invitation-waiting");
        app.clock().advance(TimeDelta::days(7));
        let ana = given::logged_in(app, "ana@example.com");
        assert_eq!(status(&ana, &first), "expired");
        let second = ana.invites("bea@example.com", &json!([])).expect(201).text("id");
        assert_eq!(status(&ana, &first), "expired");
        assert_eq!(status(&ana, &second), "pending");
        // Another account has an invitation of its own.
        let eve = given::owner(app, "eve@example.com");
        eve.invites("bea@example.com", &json!([])).expect(201);
    }

    fn a_member_is_not_invited(app) {
        let ana = given::owner(app, "ana@example.com");
        member(app, &ana, "bea", &[]);
        ana.invites("bea@example.com", &json!([])).refused(409, "already-member");
        ana.invites("ana@example.com", &json!([])).refused(409, "already-member");
    }

    fn r_36_nobody_invites_with_more_than_they_have(app) {
        let ana = given::owner(app, "ana@example.com");
        let (_, dan) = member(app, &ana, "dan", &["members:manage", "contacts:view"]);
        dan.invites("bea@example.com", &json!(["contacts:view"])).expect(201);
        dan.invites("cem@example.com", &json!(["contacts:manage"])).refused(403, "cannot-grant");
        let all = json!({ "address": "cem@example.com", "all_permissions": true });
        dan.post(dan.at("/invitations"), all).refused(403, "cannot-grant");
        assert!(app.mails_to("cem@example.com").is_empty());
        // Nor by sending again what somebody else has made.
        let body = json!({ "address": "gus@example.com", "all_permissions": true });
        let id = ana.post(ana.at("/invitations"), body).expect(201).text("id");
        app.clock().advance(TimeDelta::minutes(2));
        dan.post(dan.at(&format!("/invitations/{id}/resend")), ()).refused(403, "cannot-grant");
    }

    fn resending_kills_the_old_link_and_restores_the_full_life(app) {
        let ana = given::owner(app, "ana@example.com");
        let sent = ana.invites("bea@example.com", &json!([])).expect(201);
        let id = sent.text("id");
        let old = token(app, "bea@example.com");
        let path = ana.at(&format!("/invitations/{id}/resend"));
        ana.post(&path, ()).refused(429, "too-soon");
        app.clock().advance(TimeDelta::days(6));
        let ana = given::logged_in(app, "ana@example.com");
        let again = ana.post(&path, ()).expect(200);
        assert_eq!(again["id"], id.as_str());
        assert_eq!(again["created_at"], sent["created_at"]);
        let new = token(app, "bea@example.com");
        assert_ne!(new, old);
        accept(app, &old).refused(410, "link-expired");
        app.clock().advance(TimeDelta::days(6));
        accept(app, &new).expect(200);
        given::logged_in(app, "ana@example.com").post(&path, ()).refused(409, "invitation-not-pending");
    }

    fn an_expired_invitation_lives_again_when_it_is_sent_again(app) {
        let ana = given::owner(app, "ana@example.com");
        let id = ana.invites("bea@example.com", &json!([])).expect(201).text("id");
        let old = token(app, "bea@example.com");
        app.clock().advance(TimeDelta::days(8));
        accept(app, &old).refused(410, "link-expired");
        let ana = given::logged_in(app, "ana@example.com");
        let again = ana.post(ana.at(&format!("/invitations/{id}/resend")), ()).expect(200);
        assert_eq!(again["status"], "pending");
        accept(app, &token(app, "bea@example.com")).expect(200);
        assert_eq!(status(&ana, &id), "accepted");
    }

    fn a_revoked_invitation_is_dead_and_stays_in_the_list(app) {
        let ana = given::owner(app, "ana@example.com");
        let id = ana.invites("bea@example.com", &json!([])).expect(201).text("id");
        let path = ana.at(&format!("/invitations/{id}"));
        ana.delete(&path).expect(204);
        let read = ana.get(&path).expect(200);
        assert_eq!(read["status"], "revoked");
        assert!(read["ended_at"].is_string());
        accept(app, &token(app, "bea@example.com")).refused(410, "link-expired");
        let refused = ana.delete(&path).refused(409, "invitation-not-pending");
        assert_eq!(refused["invitation_status"], "revoked");
        ana.invites("bea@example.com", &json!([])).expect(201);
    }

    fn each_step_stands_in_the_audit_log(app) {
        let ana = given::owner(app, "ana@example.com");
        let id = ana.invites("bea@example.com", &json!(["contacts:view"])).expect(201).text("id");
        app.clock().advance(TimeDelta::minutes(2));
        ana.post(ana.at(&format!("/invitations/{id}/resend")), ()).expect(200);
        accept(app, &token(app, "bea@example.com")).expect(200);
        let events = ana.get(ana.at(&format!("/audit-events?subject={id}"))).expect(200);
        assert_eq!(events.each("data", "type"), ["invitation.ended", "invitation.resent", "invitation.sent"]);
        assert_eq!(events.each("data", "actor/kind"), ["link", "user", "user"]);
        assert_eq!(events["data/0/data/outcome"], "accepted");
        assert_eq!(events["data/2/data/permissions"], json!(["contacts:view"]));
        assert_eq!(events["data/2/changes/0/after"], "bea@example.com");
        let joined = ana.get(ana.at("/audit-events?type=member.added")).expect(200);
        assert_eq!(joined["data/0/actor/kind"], "link");
    }

    fn an_invitation_is_made_once_for_its_key(app) {
        let ana = given::owner(app, "ana@example.com");
        let invite = || ana.invites("bea@example.com", &json!([])).idempotency_key("invite");
        let first = invite().expect(201);
        let again = invite().expect(201);
        assert_eq!(again.header("Idempotency-Replayed"), "true");
        assert_eq!(again.json(), first.json());
        assert_eq!(app.mails_to("bea@example.com").len(), 1);
    }
}
