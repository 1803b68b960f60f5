//! Verification: a deliberate act, whose link lives for 72 hours.

use accounts_tests::given;
use accounts_tests::{json, on_both};
use chrono::TimeDelta;

use super::{follow, nearly, read, sent_to};

on_both! {
    fn it_is_sent_when_a_manager_says_so_and_seen_at_once(app) {
        let ana = given::owner(app, "ana@lima.example");
        let bea = ana.adds_contact("Bea", "bea@lima.example");
        assert_eq!(app.mails_to("bea@lima.example").len(), 0);
        let before = ana.get(bea.path()).expect(200);
        let token = sent_to(app, &ana, &bea, "bea@lima.example");
        assert_eq!(follow(app, &token).expect(200)["account_name"], "Ana Ltd");
        let after = ana.get(bea.path()).if_none_match(&before.etag()).expect(200);
        assert_eq!(after["verified"], true);
        assert!(after["verified_at"].is_string());
        ana.post(bea.at("/verification"), ()).refused(409, "already-verified");
    }

    fn another_mail_may_go_after_a_minute(app) {
        let ana = given::owner(app, "ana@lima.example");
        let bea = ana.adds_contact("Bea", "bea@lima.example");
        let first = sent_to(app, &ana, &bea, "bea@lima.example");
        let refused = ana.post(bea.at("/verification"), ()).refused(429, "too-soon");
        assert_eq!(refused.header("Retry-After"), "60");
        app.clock().advance(TimeDelta::seconds(60));
        let second = sent_to(app, &ana, &bea, "bea@lima.example");
        assert_ne!(first, second);
        // Either may be followed, once.
        follow(app, &first).expect(200);
        for token in [first, second] {
            follow(app, &token).refused(410, "link-expired");
        }
    }

    fn the_link_lives_for_72_hours(app) {
        let ana = given::owner(app, "ana@lima.example");
        let [bea, cem] = ["bea", "cem"].map(|name| ana.adds_contact(name, &format!("{name}@lima.example")));
        let [timely, late] = [&bea, &cem].map(|contact| sent_to(app, &ana, contact, &contact.address));
        let (before, rest) = nearly(TimeDelta::hours(72));
        app.clock().advance(before);
        follow(app, &timely).expect(200);
        app.clock().advance(rest);
        follow(app, &late).refused(410, "link-expired");
    }

    fn looking_uses_nothing_up(app) {
        let ana = given::owner(app, "ana@lima.example");
        let bea = ana.adds_contact("Bea", "bea@lima.example");
        let token = sent_to(app, &ana, &bea, "bea@lima.example");
        app.client().get("/verify").expect(200);
        for _ in 0..2 {
            let offer = app.client().post("/v1/contact-verifications/preview", json!({ "token": token })).expect(200);
            assert_eq!(offer["display_name"], "Bea");
            assert_eq!((&offer["login"], &offer["password_required"]), (&json!(false), &json!(false)));
        }
        assert_eq!(read(&ana, &bea)["verified"], false);
        follow(app, &token).expect(200);
        app.client().post("/v1/contact-verifications/preview", json!({ "token": token })).refused(410, "link-expired");
    }

    fn only_a_verified_contact_is_promoted_or_made_owner(app) {
        let ana = given::owner(app, "ana@lima.example");
        let bea = ana.adds_contact("Bea", "bea@lima.example");
        ana.promotes(&bea, &["billing"]).refused(409, "contact-not-verified");
        ana.transfers_ownership(&bea).refused(409, "contact-not-verified");
        let candidates = || ana.get(ana.at("/roles/billing")).expect(200).each("candidates", "display_name");
        assert_eq!(candidates(), ["Ana"]);
        ana.verifies(&bea);
        assert_eq!(candidates().len(), 2);
        ana.promotes(&bea, &["billing"]).expect(200);
    }

    fn a_link_dies_with_its_contact(app) {
        let ana = given::owner(app, "ana@lima.example");
        let bea = ana.adds_contact("Bea", "bea@lima.example");
        let token = sent_to(app, &ana, &bea, "bea@lima.example");
        ana.removes(&bea).expect(204);
        follow(app, &token).refused(410, "link-expired");
        ana.adds_contact("Bea", "bea@lima.example");
        follow(app, &token).refused(410, "link-expired");
    }
}
