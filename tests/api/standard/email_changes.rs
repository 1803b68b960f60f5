//! Another address to log in with: proven from the new one, told to the old one, and undone from there.

use accounts_tests::given::{self, PASSWORD, Person};
use accounts_tests::{App, Client, json, on_both};
use chrono::TimeDelta;

use super::nearly;

const OLD: &str = "ana@lima.example";
const NEW: &str = "ana@new.example";

fn ask(ana: &Client, address: &str) -> accounts_tests::client::Request {
    ana.post("/v1/me/email-change", json!({ "address": address }))
}

fn confirm(app: &App, token: &str) -> accounts_tests::client::Request {
    app.client()
        .post("/v1/email-changes/confirm", json!({ "token": token }))
}

fn undo(app: &App, token: &str) -> accounts_tests::client::Request {
    app.client().post("/v1/email-changes/undo", json!({ "token": token }))
}

fn log_in(app: &App, address: &str) -> accounts_tests::client::Request {
    app.client()
        .post("/v1/sessions", json!({ "address": address, "password": PASSWORD }))
}

/// Asks for the new address, follows its link, and answers the link for undoing it.
#[track_caller]
fn moved(app: &App, ana: &Person<'_>) -> String {
    ask(ana, NEW).expect(202);
    confirm(app, &app.mail_to(NEW).link_token()).expect(204);
    app.mail_to(OLD).link_token()
}

on_both! {
    fn r_17_an_address_changes_once_it_is_proven_and_the_old_one_is_told(app) {
        let ana = given::owner(app, OLD);
        let before = ana.get("/v1/me").expect(200);
        ask(&ana, NEW).expect(202);
        // Until then everything is as before, and the old address has no mail.
        assert_eq!(ana.get("/v1/me").expect(200)["address"], OLD);
        log_in(app, NEW).refused(401, "invalid-credentials");
        let told = app.mails_to(OLD).len();
        let mail = app.mail_to(NEW);
        assert_eq!(mail.subject, "Confirm the new address of your log-in");
        app.client().get("/email-change").expect(200);
        confirm(app, &mail.link_token()).expect(204);

        let after = ana.get("/v1/me").expect(200);
        assert_eq!(after["address"], NEW);
        assert_ne!(after.header("ETag"), before.header("ETag"));
        log_in(app, NEW).expect(201);
        log_in(app, OLD).refused(401, "invalid-credentials");
        confirm(app, &mail.link_token()).refused(410, "link-expired");
        let mails = app.mails_to(OLD);
        assert_eq!(mails.len(), told + 1);
        assert_eq!(mails[told].subject, "You log in with another address from now on");
        // The account writes to its contact where it wrote before.
        assert_eq!(ana.get(ana.contact().path()).expect(200)["address"], OLD);
    }

    fn r_17_the_old_address_undoes_the_change_and_every_session_ends(app) {
        let ana = given::owner(app, OLD);
        let link = moved(app, &ana);
        let elsewhere = given::logged_in(app, NEW);
        ask(&elsewhere, "ana@third.example").expect(202);
        let third = app.mail_to("ana@third.example").link_token();
        app.client().get("/email-undo").expect(200);
        undo(app, &link).expect(204);
        for person in [&ana, &elsewhere] {
            person.get("/v1/me").refused(401, "unauthenticated");
            app.client()
                .post("/v1/sessions/refresh", json!({ "refresh_token": person.refresh_token }))
                .refused(401, "unauthenticated");
        }
        log_in(app, NEW).refused(401, "invalid-credentials");
        assert_eq!(app.mail_to(OLD).subject, "You log in with this address again");
        let back = given::logged_in(app, OLD);
        assert_eq!(back.get("/v1/me").expect(200)["address"], OLD);
        // Once, and what was under way since is dead.
        undo(app, &link).refused(410, "link-expired");
        confirm(app, &third).refused(410, "link-expired");
    }

    fn undoing_the_first_change_undoes_the_later_ones(app) {
        let ana = given::owner(app, OLD);
        let link = moved(app, &ana);
        ask(&ana, "ana@third.example").expect(202);
        confirm(app, &app.mail_to("ana@third.example").link_token()).expect(204);
        let second = app.mail_to(NEW).link_token();
        undo(app, &link).expect(204);
        log_in(app, OLD).expect(201);
        undo(app, &second).refused(410, "link-expired");
        log_in(app, OLD).expect(201);
    }

    fn a_change_is_proven_within_a_day_and_undone_within_a_week(app) {
        let ana = given::owner(app, OLD);
        let (before, rest) = nearly(TimeDelta::hours(24));
        ask(&ana, NEW).expect(202);
        let late = app.mail_to(NEW).link_token();
        app.clock().advance(before + rest);
        confirm(app, &late).refused(410, "link-expired");
        let ana = given::logged_in(app, OLD);
        ask(&ana, NEW).expect(202);
        let timely = app.mail_to(NEW).link_token();
        app.clock().advance(before);
        confirm(app, &timely).expect(204);

        let (before, rest) = nearly(TimeDelta::days(7));
        let link = app.mail_to(OLD).link_token();
        app.clock().advance(before + rest);
        undo(app, &link).refused(410, "link-expired");
        let ana = given::logged_in(app, NEW);
        ask(&ana, OLD).expect(202);
        confirm(app, &app.mail_to(OLD).link_token()).expect(204);
        let link = app.mail_to(NEW).link_token();
        app.clock().advance(before);
        undo(app, &link).expect(204);
        log_in(app, NEW).expect(201);
    }

    fn r_14_a_taken_address_is_answered_like_a_free_one(app) {
        let ana = given::owner(app, OLD);
        given::owner(app, "zoe@lima.example");
        let told = app.mails_to("zoe@lima.example").len();
        let answer = |address: &str| {
            let answer = ask(&ana, address).expect(202);
            (answer.body(), answer.headers_but(&["x-request-id", "date"]))
        };
        assert_eq!(answer("zoe@lima.example"), answer(NEW));
        assert_eq!(answer(OLD), answer(NEW));
        let mails = app.mails_to("zoe@lima.example");
        assert_eq!(mails.len(), told + 1);
        assert_eq!(mails[told].subject, "You already have a log-in");
        assert!(!mails[told].text.contains("#token="), "{}", mails[told].text);
        log_in(app, "zoe@lima.example").expect(201);
    }

    fn whoever_has_the_address_by_then_keeps_it(app) {
        let ana = given::owner(app, OLD);
        ask(&ana, NEW).expect(202);
        let link = app.mail_to(NEW).link_token();
        given::owner(app, NEW);
        confirm(app, &link).refused(410, "link-expired");
        assert_eq!(ana.get("/v1/me").expect(200)["address"], OLD);
    }

    fn the_last_wish_counts_and_can_be_taken_back(app) {
        let ana = given::owner(app, OLD);
        ask(&ana, NEW).expect(202);
        let first = app.mail_to(NEW).link_token();
        ask(&ana, "ana@third.example").expect(202);
        let second = app.mail_to("ana@third.example").link_token();
        confirm(app, &first).refused(410, "link-expired");
        ana.delete("/v1/me/email-change").expect(204);
        confirm(app, &second).refused(410, "link-expired");
        // There is nothing to take back any more, and that is as well.
        ana.delete("/v1/me/email-change").expect(204);
        assert_eq!(ana.get("/v1/me").expect(200)["address"], OLD);
    }

    fn a_link_is_for_its_purpose_and_dead_resets_stay_dead(app) {
        let ana = given::owner(app, OLD);
        app.client().post("/v1/password-resets", json!({ "address": OLD })).expect(202);
        let reset = app.mail_to(OLD).link_token();
        ask(&ana, NEW).expect(202);
        let link = app.mail_to(NEW).link_token();
        undo(app, &link).refused(410, "link-expired");
        confirm(app, &link[..link.len() - 1]).refused(410, "link-expired");
        confirm(app, &reset).refused(410, "link-expired");
        let body = json!({ "token": link, "password": PASSWORD });
        app.client().post("/v1/password-resets/confirm", body).refused(410, "link-expired");
        confirm(app, &link).expect(204);
        let back = app.mail_to(OLD).link_token();
        confirm(app, &back).refused(410, "link-expired");
        let body = json!({ "token": reset, "password": "four grey herons at noon" });
        app.client().post("/v1/password-resets/confirm", body).refused(410, "link-expired");
    }

    fn a_wished_for_address_is_mailed_three_times_an_hour(app) {
        let ana = given::owner(app, OLD);
        for _ in 0..5 {
            ask(&ana, NEW).expect(202);
        }
        assert_eq!(app.mails_to(NEW).len(), 3);
    }

    fn the_repeat_of_a_change_is_told_the_first_answer(app) {
        let ana = given::owner(app, OLD);
        for _ in 0..2 {
            ask(&ana, NEW).idempotency_key("ask").expect(202);
        }
        assert_eq!(app.mails_to(NEW).len(), 1);
        let link = app.mail_to(NEW).link_token();
        for _ in 0..2 {
            confirm(app, &link).idempotency_key("confirm").expect(204);
        }
        let link = app.mail_to(OLD).link_token();
        for _ in 0..2 {
            undo(app, &link).idempotency_key("undo").expect(204);
        }
    }
}
