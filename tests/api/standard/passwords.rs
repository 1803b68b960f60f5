//! Passwords: changed by who knows the present one, reset by who reads the mail.

use accounts_tests::given::{self, PASSWORD, Person};
use accounts_tests::{App, json, on_both};
use chrono::TimeDelta;

use super::nearly;

const NEXT: &str = "four grey herons at noon";

fn log_in(app: &App, password: &str) -> accounts_tests::client::Request {
    app.client().post(
        "/v1/sessions",
        json!({ "address": "ana@lima.example", "password": password }),
    )
}

fn change(ana: &Person<'_>, present: &str) -> accounts_tests::client::Request {
    ana.put(
        "/v1/me/password",
        json!({ "current_password": present, "new_password": NEXT }),
    )
}

/// Asks for a reset, and answers the token of the mail.
#[track_caller]
fn reset_link(app: &App) -> String {
    app.client()
        .post("/v1/password-resets", json!({ "address": "ana@lima.example" }))
        .expect(202);
    app.mail_to("ana@lima.example").link_token()
}

fn use_link(app: &App, token: &str, password: &str) -> accounts_tests::client::Request {
    app.client().post(
        "/v1/password-resets/confirm",
        json!({ "token": token, "password": password }),
    )
}

#[track_caller]
fn assert_ended(app: &App, person: &Person<'_>) {
    person.get("/v1/me").refused(401, "unauthenticated");
    let body = json!({ "refresh_token": person.refresh_token });
    app.client()
        .post("/v1/sessions/refresh", body)
        .refused(401, "unauthenticated");
}

on_both! {
    fn a_changed_password_ends_everything_older(app) {
        let ana = given::owner(app, "ana@lima.example");
        let elsewhere = given::logged_in(app, "ana@lima.example");
        let link = reset_link(app);
        let changed = change(&ana, PASSWORD).expect(200);
        assert_ended(app, &ana);
        assert_ended(app, &elsewhere);
        use_link(app, &link, "another one altogether").refused(410, "link-expired");
        log_in(app, PASSWORD).refused(401, "invalid-credentials");
        log_in(app, NEXT).expect(201);
        app.client().with_token(&changed.text("access_token")).get("/v1/me").expect(200);

        let told = app.mail_to("ana@lima.example");
        assert_eq!(told.subject, "Your password was changed");
        assert!(!told.raw.contains(NEXT) && !told.text.contains("#token="), "{}", told.raw);
    }

    fn a_change_needs_the_present_password(app) {
        let ana = given::owner(app, "ana@lima.example");
        change(&ana, "not the present one").refused(401, "reauthentication-required");
        ana.put("/v1/me/password", json!({ "new_password": NEXT }))
            .refused(422, "invalid-fields")
            .fault("/current_password", "required");
        ana.get("/v1/me").expect(200);
        log_in(app, PASSWORD).expect(201);
    }

    fn a_password_has_eight_to_256_bytes_and_is_taken_as_it_is(app) {
        let ana = given::owner(app, "ana@lima.example");
        let set = |person: &accounts_tests::Client, present: &str, next: &str| {
            person.put("/v1/me/password", json!({ "current_password": present, "new_password": next }))
        };
        set(&ana, PASSWORD, "1234567").refused(422, "invalid-fields").fault("/new_password", "too-short");
        let long = "é".repeat(129);
        set(&ana, PASSWORD, &long).refused(422, "invalid-fields").fault("/new_password", "too-long");
        let longest = format!(" {}a", "é".repeat(127));
        assert_eq!(longest.len(), 256);
        set(&ana, PASSWORD, &longest).expect(200);
        for wrong in [longest.trim(), &longest.to_uppercase(), longest.strip_suffix('a').unwrap()] {
            log_in(app, wrong).refused(401, "invalid-credentials");
        }
        log_in(app, &longest).expect(201);
    }

    fn a_reset_sets_the_password_and_ends_everything_older(app) {
        let ana = given::owner(app, "ana@lima.example");
        let links = [reset_link(app), reset_link(app)];
        assert_eq!(app.mail_to("ana@lima.example").subject, "Choose a new password");
        use_link(app, &links[1], "short").refused(422, "invalid-fields").fault("/password", "too-short");
        use_link(app, &links[1], NEXT).expect(204);
        assert_ended(app, &ana);
        for link in &links {
            use_link(app, link, "another one altogether").refused(410, "link-expired");
        }
        log_in(app, PASSWORD).refused(401, "invalid-credentials");
        log_in(app, NEXT).expect(201);
        assert_eq!(app.mail_to("ana@lima.example").subject, "Your password was changed");
    }

    fn a_reset_link_lives_for_half_an_hour(app) {
        given::owner(app, "ana@lima.example");
        let (before, rest) = nearly(TimeDelta::minutes(30));
        let late = reset_link(app);
        app.clock().advance(before + rest);
        use_link(app, &late, NEXT).refused(410, "link-expired");
        let timely = reset_link(app);
        app.clock().advance(before);
        app.client().get("/reset").expect(200);
        use_link(app, &timely, NEXT).expect(204);
    }

    fn a_reset_is_answered_alike_for_known_and_unknown_and_mailed_three_times_an_hour(app) {
        given::owner(app, "ana@lima.example");
        let ask = |address: &str| {
            let answer = app.client().post("/v1/password-resets", json!({ "address": address })).expect(202);
            (answer.body(), answer.headers_but(&["x-request-id", "date"]))
        };
        let first = ask("zoe@lima.example");
        let before = app.mails_to("ana@lima.example").len();
        for _ in 0..5 {
            assert_eq!(ask("ana@lima.example"), first);
        }
        assert_eq!(app.mails_to("ana@lima.example").len(), before + 3);
        assert_eq!(app.mails_to("zoe@lima.example").len(), 0);
        app.clock().advance(TimeDelta::hours(1));
        ask("ana@lima.example");
        assert_eq!(app.mails_to("ana@lima.example").len(), before + 4);
    }

    fn a_person_changes_the_own_name_and_language(app) {
        let ana = given::owner(app, "ana@lima.example");
        let me = ana.patch("/v1/me", json!({ "display_name": "Ana Maria", "language": "fr" })).expect(200);
        assert_eq!((&me["display_name"], &me["language"], &me["address"]), (&json!("Ana Maria"), &json!("fr"), &json!("ana@lima.example")));
        reset_link(app);
        assert_eq!(app.mail_to("ana@lima.example").subject, "Choisissez un nouveau mot de passe");
        // The log-in's name is not the contact's.
        assert_eq!(ana.get(ana.contact().path()).expect(200)["display_name"], "Ana");
    }
}
