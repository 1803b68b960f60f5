//! An invitation stands as long as whoever made it could make it again.

use accounts_tests::{Setup, given, json, on_both};
use chrono::TimeDelta;

use super::{accept, member, status, token};

on_both! {
    Setup::standard();

    fn it_ends_with_the_membership_of_its_inviter(app) {
        let ana = given::owner(app, "ana@example.com");
        let (contact, dan) = member(app, &ana, "dan", &["members:manage"]);
        let id = dan.invites("bea@example.com", &json!([])).expect(201).text("id");
        let link = token(app, "bea@example.com");
        ana.delete(ana.at(&format!("/contacts/{contact}"))).expect(204);
        assert_eq!(status(&ana, &id), "revoked");
        accept(app, &link).refused(410, "link-expired");
        let events = ana.get(ana.at(&format!("/audit-events?subject={id}"))).expect(200);
        assert_eq!(events["data/0/type"], "invitation.ended");
        assert_eq!(events["data/0/data/outcome"], "revoked");
    }

    fn it_ends_with_the_rights_of_a_former_owner(app) {
        let ana = given::owner(app, "ana@example.com");
        let (contact, dan) = member(app, &ana, "dan", &[]);
        let eve = given::owner(app, "eve@example.com");
        let id = ana.invites("eve@example.com", &json!([])).expect(201).text("id");
        ana.post(ana.at("/ownership-transfers"), json!({ "contact_id": contact })).expect(201);
        let refused = eve.post(format!("/v1/me/invitations/{id}/accept"), ()).refused(410, "invitation-ended");
        assert_eq!(refused["invitation_status"], "revoked");
        eve.get(ana.at("/access")).refused(404, "not-found");
        let dans = dan.get(ana.at(&format!("/invitations/{id}"))).expect(200);
        assert_eq!(dans["status"], "revoked");
    }

    fn it_ends_with_the_contact_and_with_its_address(app) {
        let ana = given::owner(app, "ana@example.com");
        let invite = |contact: &str, address: &str| {
            let body = json!({ "address": address, "contact_id": contact });
            ana.post(ana.at("/invitations"), body).expect(201).text("id")
        };
        let bea = ana.adds_contact("Bea", "bea@example.com");
        let for_bea = invite(&bea.id, "bea@example.com");
        ana.patch(bea.path(), json!({ "address": "bea@home.example" })).expect(200);
        assert_eq!(status(&ana, &for_bea), "revoked");
        accept(app, &token(app, "bea@example.com")).refused(410, "link-expired");
        let cem = ana.adds_contact("Cem", "cem@example.com");
        let for_cem = invite(&cem.id, "cem@example.com");
        ana.delete(cem.path()).expect(204);
        assert_eq!(status(&ana, &for_cem), "revoked");
        accept(app, &token(app, "cem@example.com")).refused(410, "link-expired");
    }

    fn it_ends_with_the_membership_of_its_address(app) {
        let ana = given::owner(app, "ana@example.com");
        let id = ana.invites("bea@example.com", &json!([])).expect(201).text("id");
        // The same person came in by another way, and leaves.
        let (contact, _) = member(app, &ana, "bea", &[]);
        ana.delete(ana.at(&format!("/contacts/{contact}"))).expect(204);
        assert_eq!(status(&ana, &id), "revoked");
    }

    fn whoever_is_erased_takes_the_invitations_along(app) {
        let ana = given::owner(app, "ana@example.com");
        let bea = ana.adds_contact("Bea", "bea@example.com");
        let body = json!({ "address": "bea@example.com", "display_name": "Beatriz" });
        let id = ana.post(ana.at("/invitations"), body).idempotency_key("kept").expect(201).text("id");
        ana.post(bea.at("/erase"), ()).expect(200);
        ana.get(ana.at(&format!("/invitations/{id}"))).refused(404, "not-found");
        for (table, rows) in app.rows() {
            for row in rows {
                assert!(!row.contains("bea@example.com") && !row.contains("Beatriz"), "{table}: {row}");
            }
        }
    }

    fn what_was_taken_back_in_time_is_dead_for_the_second_instance_too(app) {
        let ana = given::owner(app, "ana@example.com");
        let id = ana.invites("bea@example.com", &json!([])).expect(201).text("id");
        let link = token(app, "bea@example.com");
        let Some(second) = app.second() else { return };
        let preview = || second.client().post("/v1/invitations/preview", json!({ "token": link }));
        preview().expect(200);
        ana.delete(ana.at(&format!("/invitations/{id}"))).expect(204);
        preview().refused(410, "link-expired");
        app.clock().advance(TimeDelta::minutes(1));
    }
}
