//! R05: what changes the log-in itself asks for a proof of the last ten minutes.

use accounts_tests::given::{self, PASSWORD};
use accounts_tests::{Client, json, on_both};
use chrono::TimeDelta;

use super::nearly;

fn prove(ana: &Client, password: &str) -> accounts_tests::client::Request {
    ana.post("/v1/me/reauthenticate", json!({ "password": password }))
}

fn ask(ana: &Client) -> accounts_tests::client::Request {
    ana.post("/v1/me/email-change", json!({ "address": "ana@new.example" }))
}

on_both! {
    fn r_05_a_log_in_counts_for_ten_minutes_and_a_proof_as_well(app) {
        let ana = given::owner(app, "ana@lima.example");
        let (before, rest) = nearly(TimeDelta::minutes(10));
        app.clock().advance(before);
        ask(&ana).expect(202);
        app.clock().advance(rest);
        ask(&ana).refused(401, "reauthentication-required");
        // Everything else goes on.
        ana.get("/v1/me").expect(200);
        // The token of a refresh proves nothing.
        let refreshed = app
            .client()
            .post("/v1/sessions/refresh", json!({ "refresh_token": ana.refresh_token }))
            .expect(200);
        let ana = app.client().with_token(&refreshed.text("access_token"));
        ask(&ana).refused(401, "reauthentication-required");
        prove(&ana, PASSWORD).expect(204);
        ask(&ana).expect(202);
        app.clock().advance(before);
        ask(&ana).expect(202);
        app.clock().advance(rest);
        ask(&ana).refused(401, "reauthentication-required");
    }

    fn r_05_a_proof_is_of_one_session_and_of_the_right_password(app) {
        let ana = given::owner(app, "ana@lima.example");
        let elsewhere = given::logged_in(app, "ana@lima.example");
        app.clock().advance(TimeDelta::minutes(10));
        prove(&ana, "not the present one").refused(401, "reauthentication-required");
        ask(&ana).refused(401, "reauthentication-required");
        prove(&ana, PASSWORD).expect(204);
        ask(&ana).expect(202);
        ask(&elsewhere).refused(401, "reauthentication-required");
        app.client().post("/v1/me/reauthenticate", json!({ "password": PASSWORD })).refused(401, "unauthenticated");
    }

    fn r_10_a_password_is_not_guessed_by_proving(app) {
        let ana = given::owner(app, "ana@lima.example");
        for _ in 0..10 {
            prove(&ana, "a wrong guess").refused(401, "reauthentication-required");
        }
        prove(&ana, PASSWORD).refused(429, "too-many-requests").header("Retry-After");
    }

    fn r_05_a_proof_holds_on_every_instance(app) {
        let Some(second) = app.second() else { return };
        let ana = given::owner(app, "ana@lima.example");
        let there = second.client().with_token(&ana.token);
        app.clock().advance(TimeDelta::minutes(10) - TimeDelta::seconds(1));
        ask(&there).expect(202);
        app.clock().advance(TimeDelta::seconds(1));
        ask(&there).refused(401, "reauthentication-required");
        prove(&ana, PASSWORD).expect(204);
        ask(&there).expect(202);
    }
}
