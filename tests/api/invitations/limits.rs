//! How many mails there are of invitations (R51).

use accounts_tests::{Setup, given, json, on_both};
use chrono::TimeDelta;
use serde_json::Value;

on_both! {
    Setup::standard();

    fn r_51_the_501st_invitation_of_a_day_is_429(app) {
        let ana = given::owner(app, "ana@example.com");
        for round in 0..5 {
            let entries: Vec<Value> = (0..100)
                .map(|n| json!({ "address": format!("p{n}-{round}@example.com") }))
                .collect();
            let done = ana.post(ana.at("/invitations/batch"), json!({ "invitations": entries })).expect(200);
            assert!(done.list("results").iter().all(|result| result["problem"] == Value::Null));
        }
        // Room for one more is made, and still there is no mail for it.
        let id = ana.get(ana.at("/invitations?limit=1")).expect(200).text("data/0/id");
        ana.delete(ana.at(&format!("/invitations/{id}"))).expect(204);
        let one_more = || ana.invites("q@example.com", &json!([]));
        let refused = one_more().refused(429, "too-many-requests");
        let wait: i64 = refused.header("Retry-After").parse().unwrap();
        assert!((1..=24 * 60 * 60).contains(&wait), "{refused}");
        assert!(!ana.get(ana.at("/invitations?limit=1")).expect(200).body().contains("q@example.com"));
        app.clock().advance(TimeDelta::seconds(wait));
        let ana = given::logged_in(app, "ana@example.com");
        ana.invites("q@example.com", &json!([])).expect(201);
        // Now as many wait as may.
        ana.invites("r@example.com", &json!([])).refused(409, "invitation-limit-reached");
    }

    fn r_51_an_address_gets_ten_within_an_hour_whoever_invites(app) {
        let ana = given::owner(app, "ana@example.com");
        for _ in 0..10 {
            let id = ana.invites("bea@example.com", &json!([])).expect(201).text("id");
            ana.delete(ana.at(&format!("/invitations/{id}"))).expect(204);
        }
        let eve = given::owner(app, "eve@example.com");
        eve.invites("Bea@example.com", &json!([])).refused(429, "too-many-requests");
        eve.invites("cem@example.com", &json!([])).expect(201);
        let body = json!({ "invitations": [{ "address": "bea@example.com" }, { "address": "dan@example.com" }] });
        let done = eve.post(eve.at("/invitations/batch"), body).expect(200);
        assert_eq!(done["results/0/problem/code"], "too-many-requests");
        assert_eq!(done["results/1/invitation/status"], "pending");
        app.clock().advance(TimeDelta::hours(1));
        given::logged_in(app, "eve@example.com").invites("bea@example.com", &json!([])).expect(201);
    }
}
