//! Sessions: how long they live, how they stay alive, and how they end.

use accounts_tests::given::{self, Person};
use accounts_tests::{Answer, App, json, on_both};
use chrono::TimeDelta;

use super::nearly;

fn refresh(app: &App, token: &str) -> accounts_tests::client::Request {
    app.client()
        .post("/v1/sessions/refresh", json!({ "refresh_token": token }))
}

#[track_caller]
fn refreshed(app: &App, token: &str) -> Answer {
    refresh(app, token).expect(200)
}

/// Asserts that nothing of the session opens anything.
#[track_caller]
fn assert_ended(app: &App, person: &Person<'_>) {
    person.get("/v1/me").refused(401, "unauthenticated");
    refresh(app, &person.refresh_token).refused(401, "unauthenticated");
}

on_both! {
    fn an_access_token_works_for_ten_minutes(app) {
        let ana = given::owner(app, "ana@lima.example");
        app.clock().advance(TimeDelta::minutes(10) - TimeDelta::seconds(1));
        ana.get("/v1/me").expect(200);
        // Five seconds more, for clocks that differ.
        app.clock().advance(TimeDelta::seconds(7));
        ana.get("/v1/me").refused(401, "unauthenticated");
        let next = refreshed(app, &ana.refresh_token);
        assert_eq!((&next["token_type"], &next["expires_in"]), (&json!("Bearer"), &json!(600)));
        app.client().with_token(&next.text("access_token")).get("/v1/me").expect(200);
    }

    fn a_session_that_nobody_refreshes_ends_after_fourteen_days(app) {
        let ana = given::owner(app, "ana@lima.example");
        let (before, rest) = nearly(TimeDelta::days(14));
        app.clock().advance(before);
        let next = refreshed(app, &ana.refresh_token).text("refresh_token");
        app.clock().advance(before + rest);
        refresh(app, &next).refused(401, "unauthenticated");
    }

    fn a_session_ends_after_ninety_days_however_often_it_is_refreshed(app) {
        let ana = given::owner(app, "ana@lima.example");
        let mut token = ana.refresh_token;
        for _ in 0..8 {
            app.clock().advance(TimeDelta::days(11));
            token = refreshed(app, &token).text("refresh_token");
        }
        let (before, rest) = nearly(TimeDelta::days(2));
        app.clock().advance(before);
        let last = refreshed(app, &token);
        app.clock().advance(rest);
        refresh(app, &last.text("refresh_token")).refused(401, "unauthenticated");
        app.client().with_token(&last.text("access_token")).get("/v1/me").refused(401, "unauthenticated");
    }

    fn a_refresh_token_is_spent_by_its_use_and_replayed_for_two_tabs(app) {
        let ana = given::owner(app, "ana@lima.example");
        let first = refreshed(app, &ana.refresh_token);
        assert_ne!(first.text("refresh_token"), ana.refresh_token);
        assert_eq!(first["session_id"], ana.get("/v1/me/sessions").expect(200)["data/0/id"]);
        app.clock().advance(nearly(TimeDelta::seconds(10)).0);
        let again = refreshed(app, &ana.refresh_token);
        assert_eq!(again["refresh_token"], first["refresh_token"]);
        refreshed(app, &first.text("refresh_token"));
    }

    fn a_spent_refresh_token_that_comes_again_ends_the_family_and_tells_the_person(app) {
        let ana = given::owner(app, "ana@lima.example");
        let elsewhere = given::logged_in(app, "ana@lima.example");
        let next = refreshed(app, &ana.refresh_token);
        app.clock().advance(TimeDelta::seconds(10));
        refresh(app, &ana.refresh_token).refused(401, "unauthenticated");
        refresh(app, &next.text("refresh_token")).refused(401, "unauthenticated");
        app.client().with_token(&next.text("access_token")).get("/v1/me").refused(401, "unauthenticated");
        assert_ended(app, &ana);
        elsewhere.get("/v1/me").expect(200);

        let told: Vec<_> = app.mails_to("ana@lima.example").into_iter().map(|mail| mail.subject).collect();
        assert_eq!(told.iter().filter(|subject| *subject == "One of your sessions was ended").count(), 1, "{told:?}");
    }

    fn logging_out_ends_the_own_session_alone(app) {
        let ana = given::owner(app, "ana@lima.example");
        let elsewhere = given::logged_in(app, "ana@lima.example");
        ana.delete("/v1/sessions/current").expect(204);
        assert_ended(app, &ana);
        elsewhere.get("/v1/me").expect(200);
        refreshed(app, &elsewhere.refresh_token);
    }

    fn a_person_sees_the_own_sessions_and_ends_one(app) {
        let ana = given::owner(app, "ana@lima.example");
        app.clock().advance(TimeDelta::seconds(1));
        let elsewhere = given::logged_in(app, "ana@lima.example");
        let sessions = elsewhere.get("/v1/me/sessions").expect(200);
        assert_eq!(sessions.each("data", "current"), ["true", "false"]);
        let old = format!("/v1/me/sessions/{}", sessions.text("data/1/id"));

        let zoe = given::owner(app, "zoe@lima.example");
        zoe.delete(&old).refused(404, "not-found");
        elsewhere.delete(&old).expect(204);
        assert_ended(app, &ana);
        elsewhere.delete(&old).refused(404, "not-found");
        assert_eq!(elsewhere.get("/v1/me/sessions").expect(200).list("data").len(), 1);
    }

    fn an_unknown_address_and_a_wrong_password_get_the_same_answer(app) {
        given::owner(app, "ana@lima.example");
        let ask = |address: &str| {
            let body = json!({ "address": address, "password": "a wrong guess" });
            let refused = app.client().post("/v1/sessions", body).refused(401, "invalid-credentials");
            let own = refused.header("X-Request-Id").to_owned();
            (refused.body().replace(&own, ""), refused.headers_but(&["x-request-id", "date"]))
        };
        assert_eq!(ask("ana@lima.example"), ask("zoe@lima.example"));
    }

    fn a_log_in_takes_the_address_however_it_is_written(app) {
        given::owner(app, "ana@lima.example");
        given::logged_in(app, " ANA@Lima.Example ");
    }
}
