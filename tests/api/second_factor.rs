//! The second factor: set up, asked for, taken away, and asked for by an account.

use std::thread;

use accounts_tests::{
    Answer, App, Client,
    authenticator::{Authenticator, challenge},
    client::Request,
    given::{self, PASSWORD, Person},
    json, on_both,
};
use chrono::TimeDelta;
use serde_json::Value;

const ANA: &str = "ana@lima.example";
const TOTP: &str = "/v1/me/totp";

/// The second step of a log-in.
fn answers(app: &App, challenge: &str, code: &str) -> Request {
    let body = json!({ "challenge": challenge, "code": code });
    app.client().post("/v1/sessions/second-factor", body)
}

fn recovers(app: &App, challenge: &str, code: &str) -> Request {
    let body = json!({ "challenge": challenge, "recovery_code": code });
    app.client().post("/v1/sessions/second-factor", body)
}

/// Somebody with both factors logs in.
fn logged_in(app: &App, address: &str, app_of: &Authenticator) -> Client {
    let code = app_of.next_code(app);
    let session = answers(app, &challenge(app, address), &code).expect(201);
    app.client().with_token(&session.text("access_token"))
}

/// A code that is none of the moments around.
fn wrong(app: &App, app_of: &Authenticator) -> String {
    let near = [-30, 0, 30].map(|seconds| app_of.code_in(app, TimeDelta::seconds(seconds)));
    let mut codes = (0..).map(|number| format!("{number:06}"));
    codes.find(|code| !near.contains(code)).unwrap()
}

fn asks(person: &Person<'_>, required: bool) -> Request {
    person.patch(person.at(""), json!({ "second_factor_required": required }))
}

/// Somebody with a log-in in the account and these permissions.
fn member<'a>(app: &'a App, ana: &Person<'_>, address: &str, permissions: &[&str]) -> Person<'a> {
    let login = json!({ "permissions": permissions });
    let bea = ana.adds(json!({ "display_name": "Bea", "address": address, "login": login }));
    ana.verifies(&bea);
    given::logged_in(app, address)
}

/// How many mails of this subject Ana got.
fn told_of(app: &App, subject: &str) -> usize {
    let mails = app.mails_to(ANA);
    mails.iter().filter(|mail| mail.subject == subject).count()
}

on_both! {
    fn a_second_factor_is_in_force_once_its_first_code_came(app) {
        let ana = given::owner(app, ANA);
        let me = ana.get("/v1/me").expect(200);
        assert_eq!((&me["second_factor_since"], &me["recovery_codes_left"]), (&Value::Null, &Value::Null));
        ana.post("/v1/me/totp/confirm", json!({ "code": "000000" })).refused(409, "no-second-factor");
        ana.post("/v1/me/totp/recovery-codes", ()).refused(409, "no-second-factor");
        ana.delete(TOTP).refused(409, "no-second-factor");

        let first = ana.post(TOTP, ()).expect(201);
        assert_eq!(first.header("Cache-Control"), "no-store");
        let uri = first.text("uri");
        assert!(uri.starts_with("otpauth://totp/127.0.0.1%3A"), "{uri}");
        assert!(uri.contains(":ana%40lima.example?secret=") && uri.contains(&first.text("secret")), "{uri}");
        // Nothing asks for it yet, and another one takes its place.
        given::logged_in(app, ANA);
        let forgotten = Authenticator::told(&first.text("secret"));
        let told = Authenticator::told(&ana.post(TOTP, ()).expect(201).text("secret"));
        let confirm = |code: String| ana.post("/v1/me/totp/confirm", json!({ "code": code }));
        confirm(forgotten.code(app)).refused(401, "invalid-code");
        for malformed in ["", "12345", "1234567", "12345a", "12 345"] {
            confirm(malformed.to_owned()).refused(422, "invalid-fields").fault("/code", "invalid-format");
        }
        let confirmed = confirm(told.code(app)).expect(200);
        assert_eq!(confirmed.header("Cache-Control"), "no-store");
        assert_eq!(confirmed.list("recovery_codes").len(), 10);

        let now = ana.get("/v1/me").expect(200);
        assert!(now["second_factor_since"].is_string());
        assert_eq!(now["recovery_codes_left"], json!(10));
        assert_ne!(now.etag(), me.etag());
        ana.post(TOTP, ()).refused(409, "second-factor-in-force");
        confirm(told.code(app)).refused(409, "second-factor-in-force");
        assert_eq!(told_of(app, "Your log-in has a second factor"), 1);
    }

    fn sessions_of_the_password_alone_end_with_it(app) {
        let ana = given::owner(app, ANA);
        let elsewhere = given::logged_in(app, ANA);
        Authenticator::of(&ana, app);
        ana.get("/v1/me").expect(200);
        elsewhere.get("/v1/me").refused(401, "unauthenticated");
        let refresh = json!({ "refresh_token": elsewhere.refresh_token });
        app.client().post("/v1/sessions/refresh", refresh).refused(401, "unauthenticated");
    }

    fn a_log_in_takes_both_factors(app) {
        let ana = given::owner(app, ANA);
        let told = Authenticator::of(&ana, app);
        let credentials = json!({ "address": ANA, "password": PASSWORD });
        let refused = app.client().post("/v1/sessions", credentials).refused(401, "second-factor-required");
        assert_eq!(refused.header("Cache-Control"), "no-store");
        assert!(!refused.has("access_token"));
        let sessions = ana.get("/v1/me/sessions").expect(200).list("data").len();
        let session = answers(app, &refused.text("challenge"), &told.next_code(app)).expect(201);
        assert_eq!(session.header("Cache-Control"), "no-store");
        let begun = app.client().with_token(&session.text("access_token"));
        assert_eq!(begun.get(session.header("Location")).expect(200)["id"], session["session_id"]);
        assert_eq!(ana.get("/v1/me/sessions").expect(200).list("data").len(), sessions + 1);
        // A wrong password is told nothing of it.
        let wrong = json!({ "address": ANA, "password": "not the one" });
        app.client().post("/v1/sessions", wrong).refused(401, "invalid-credentials");
    }

    fn whatever_is_wrong_with_a_code_the_answer_is_the_same(app) {
        let ana = given::owner(app, ANA);
        let told = Authenticator::of(&ana, app);
        let code = told.next_code(app);
        let spent = challenge(app, ANA);
        answers(app, &spent, &code).expect(201);
        let waiting = challenge(app, ANA);
        let expired = challenge(app, ANA);
        recovers(app, &waiting, &told.recovery_codes[0]).expect(201);
        let waiting = challenge(app, ANA);
        let mut refusals = vec![
            answers(app, &waiting, &wrong(app, &told)).refused(401, "invalid-code"),
            // Replayed, also as the code of a moment that is near.
            answers(app, &waiting, &code).refused(401, "invalid-code"),
            answers(app, &waiting, &told.code_in(app, TimeDelta::seconds(-30))).refused(401, "invalid-code"),
            recovers(app, &waiting, &told.recovery_codes[0]).refused(401, "invalid-code"),
        ];
        let next = told.next_code(app);
        refusals.push(answers(app, &spent, &next).refused(401, "invalid-code"));
        refusals.push(answers(app, "forged", &next).refused(401, "invalid-code"));
        refusals.push(answers(app, &expired[..expired.len() - 1], &next).refused(401, "invalid-code"));
        refusals.push(recovers(app, &waiting, "no such code").refused(401, "invalid-code"));
        app.clock().advance(TimeDelta::minutes(5));
        refusals.push(answers(app, &expired, &told.code(app)).refused(401, "invalid-code"));
        let bodies: Vec<Value> = refusals.iter().map(without_id).collect();
        assert!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:#?}");
    }

    fn a_challenge_is_older_than_no_password(app) {
        let ana = given::owner(app, ANA);
        let told = Authenticator::of(&ana, app);
        let before = challenge(app, ANA);
        let new = "seven lamps, quiet harbour";
        let body = json!({ "current_password": PASSWORD, "new_password": new });
        let session = ana.put("/v1/me/password", body).expect(200);
        let code = told.next_code(app);
        answers(app, &before, &code).refused(401, "invalid-code");
        // The second factor outlives the password, and the session that came of it has proven no more than before.
        let ana = app.client().with_token(&session.text("access_token"));
        assert!(ana.get("/v1/me").expect(200)["second_factor_since"].is_string());
        app.clock().advance(TimeDelta::minutes(9));
        let body = json!({ "current_password": new, "new_password": PASSWORD });
        let session = ana.put("/v1/me/password", body).expect(200);
        let ana = app.client().with_token(&session.text("access_token"));
        app.clock().advance(TimeDelta::minutes(1));
        ana.delete(TOTP).refused(401, "reauthentication-required");
    }

    fn six_digits_are_not_found_by_trying(app) {
        let ana = given::owner(app, ANA);
        let told = Authenticator::of(&ana, app);
        let first = challenge(app, ANA);
        for _ in 0..5 {
            answers(app, &first, &wrong(app, &told)).refused(401, "invalid-code");
        }
        // The right code comes too late for this log-in, and not for another.
        answers(app, &first, &told.next_code(app)).refused(401, "invalid-code");
        let session = answers(app, &challenge(app, ANA), &told.code(app)).expect(201);
        let ana = app.client().with_token(&session.text("access_token"));
        let second = challenge(app, ANA);
        for _ in 0..4 {
            answers(app, &second, &wrong(app, &told)).refused(401, "invalid-code");
        }
        let third = challenge(app, ANA);
        answers(app, &third, &told.next_code(app)).refused(429, "too-many-requests").header("Retry-After");
        recovers(app, &third, &told.recovery_codes[0]).refused(429, "too-many-requests");
        let proof = json!({ "password": PASSWORD, "code": told.code(app) });
        ana.post("/v1/me/reauthenticate", proof).refused(429, "too-many-requests");
        app.clock().advance(TimeDelta::hours(1));
        answers(app, &challenge(app, ANA), &told.code(app)).expect(201);
    }

    fn a_recovery_code_works_once_however_it_is_spelled_and_is_told(app) {
        let ana = given::owner(app, ANA);
        let told_codes = Authenticator::of(&ana, app);
        let code = &told_codes.recovery_codes[3];
        recovers(app, &challenge(app, ANA), &code.to_uppercase().replace('-', " ")).expect(201);
        assert_eq!(ana.get("/v1/me").expect(200)["recovery_codes_left"], json!(9));
        recovers(app, &challenge(app, ANA), code).refused(401, "invalid-code");
        assert_eq!(told_of(app, "A recovery code was used"), 1);

        let new = ana.post("/v1/me/totp/recovery-codes", ()).expect(200);
        assert_eq!(new.header("Cache-Control"), "no-store");
        assert_eq!(new.list("recovery_codes").len(), 10);
        recovers(app, &challenge(app, ANA), &told_codes.recovery_codes[4]).refused(401, "invalid-code");
        recovers(app, &challenge(app, ANA), &new.text("recovery_codes/0")).expect(201);
        assert_eq!(told_of(app, "You have new recovery codes"), 1);
    }

    fn one_of_the_two_answers_a_challenge(app) {
        let post = |body: Value| app.client().post("/v1/sessions/second-factor", body).refused(422, "invalid-fields");
        post(json!({})).fault("/challenge", "required").fault("", "required");
        let both = json!({ "challenge": "c", "code": "123456", "recovery_code": "x" });
        post(both).fault("/recovery_code", "contradictory");
        post(json!({ "challenge": "c", "code": "12345x" })).fault("/code", "invalid-format");
    }

    fn r_05_a_proof_asks_for_the_code_as_well(app) {
        let ana = given::owner(app, ANA);
        let told = Authenticator::of(&ana, app);
        app.clock().advance(TimeDelta::minutes(10));
        let session = answers(app, &challenge(app, ANA), &told.next_code(app)).expect(201);
        app.clock().advance(TimeDelta::minutes(10));
        let refresh = json!({ "refresh_token": session.text("refresh_token") });
        let refreshed = app.client().post("/v1/sessions/refresh", refresh).expect(200);
        let ana = app.client().with_token(&refreshed.text("access_token"));
        let prove = |body: Value| ana.post("/v1/me/reauthenticate", body);
        let remove = || ana.delete(TOTP);
        remove().refused(401, "reauthentication-required");
        prove(json!({ "password": PASSWORD })).refused(401, "second-factor-required");
        prove(json!({ "password": PASSWORD, "code": wrong(app, &told) })).refused(401, "invalid-code");
        let code = told.code(app);
        prove(json!({ "password": "not the one", "code": code })).refused(401, "reauthentication-required");
        remove().refused(401, "reauthentication-required");
        prove(json!({ "password": PASSWORD, "code": code })).expect(204);
        prove(json!({ "password": PASSWORD, "code": code })).refused(401, "invalid-code");
        remove().expect(204);
        assert_eq!(told_of(app, "Your log-in has no second factor any more"), 1);
        given::logged_in(app, ANA);
        remove().refused(409, "no-second-factor");
        // Nobody needs a code who has none.
        prove(json!({ "password": PASSWORD })).expect(204);
    }

    fn a_reset_by_mail_leaves_the_second_factor(app) {
        let ana = given::owner(app, ANA);
        let told = Authenticator::of(&ana, app);
        app.client().post("/v1/password-resets", json!({ "address": ANA })).expect(202);
        let token = app.mail_to(ANA).link_token();
        let body = json!({ "token": token, "password": PASSWORD });
        app.client().post("/v1/password-resets/confirm", body).expect(204);
        let ana = logged_in(app, ANA, &told);
        assert!(ana.get("/v1/me").expect(200)["second_factor_since"].is_string());
    }

    fn a_second_factor_holds_on_every_instance(app) {
        let Some(second) = app.second() else { return };
        let ana = given::owner(app, ANA);
        let told = Authenticator::of(&ana, app);
        let body = json!({ "challenge": challenge(app, ANA), "code": told.next_code(app) });
        second.client().post("/v1/sessions/second-factor", &body).expect(201);
        app.client().post("/v1/sessions/second-factor", body).refused(401, "invalid-code");
        let me = second.client().with_token(&ana.token).get("/v1/me").expect(200);
        assert_eq!(me["recovery_codes_left"], json!(10));
    }

    fn a_code_sent_twice_at_once_makes_one_session(app) {
        let ana = given::owner(app, ANA);
        let told = Authenticator::of(&ana, app);
        for round in 0..3 {
            let code = told.next_code(app);
            let both = [challenge(app, ANA), challenge(app, ANA)];
            at_once(both.each_ref().map(|challenge| answers(app, challenge, &code)));
            let code = &told.recovery_codes[round];
            let both = [challenge(app, ANA), challenge(app, ANA)];
            at_once(both.each_ref().map(|challenge| recovers(app, challenge, code)));
            // Nor does one challenge make two.
            let (waiting, code) = (challenge(app, ANA), told.next_code(app));
            let recovery = &told.recovery_codes[5 + round];
            at_once([answers(app, &waiting, &code), recovers(app, &waiting, recovery)]);
        }
    }

    fn each_step_stands_in_the_audit_log(app) {
        let ana = given::owner(app, ANA);
        let told = Authenticator::of(&ana, app);
        answers(app, &challenge(app, ANA), &told.next_code(app)).expect(201);
        recovers(app, &challenge(app, ANA), &told.recovery_codes[0]).expect(201);
        ana.post("/v1/me/totp/recovery-codes", ()).expect(200);
        ana.delete(TOTP).expect(204);
        let rows = app.rows();
        for kind in [
            "user.second_factor_begun",
            "user.second_factor_set",
            "user.second_factor_awaited",
            "user.second_factor_used",
            "user.recovery_code_spent",
            "user.recovery_codes_made",
            "user.second_factor_removed",
        ] {
            assert!(rows["audit_events"].iter().any(|event| event.contains(kind)), "{kind}");
        }
        assert!(rows["second_factors"].is_empty() && rows["second_factor_challenges"].is_empty());
    }

    fn an_account_asks_for_a_second_factor_and_tells_before_whom_it_locks_out(app) {
        let ana = given::owner(app, ANA);
        let bea = member(app, &ana, "bea@lima.example", &["account:manage"]);
        let cem = member(app, &ana, "cem@lima.example", &["contacts:view"]);
        let gone = member(app, &ana, "dan@lima.example", &[]);
        ana.changes(&gone, json!({ "status": "suspended" })).expect(200);
        asks(&ana, true).refused(409, "no-second-factor");
        asks(&cem, true).refused(403, "forbidden");
        assert_eq!(ana.get(ana.at("")).expect(200)["second_factor_required"], json!(false));
        Authenticator::of(&ana, app);

        let before = ana.get(ana.at("")).expect(200);
        let asked = json!({ "second_factor_required": true });
        let preview = ana.patch(ana.at("?dry_run=true"), &asked).expect(200);
        assert_eq!((&preview["dry_run"], &preview["second_factor_required"]), (&json!(true), &json!(true)));
        let mut users = preview.each("locked_out", "user_id");
        users.sort();
        let mut expected = [bea.user(), cem.user()];
        expected.sort();
        assert_eq!(users, expected);
        let mut addresses = preview.each("locked_out", "address");
        addresses.sort();
        assert_eq!(addresses, ["bea@lima.example", "cem@lima.example"]);
        assert_eq!(ana.get(ana.at("")).expect(200).etag(), before.etag());
        // Whoever may not see the members is told their ids alone.
        Authenticator::of(&bea, app);
        let preview = bea.patch(bea.at("?dry_run=true"), &asked).expect(200);
        assert_eq!(preview.each("locked_out", "user_id"), [cem.user()]);
        assert_eq!(preview["locked_out/0/address"], Value::Null);

        cem.get(cem.at("/contacts")).expect(200);
        let changed = asks(&ana, true).if_match(&before.etag()).expect(200);
        assert_ne!(changed.etag(), before.etag());
        assert_eq!((&changed["dry_run"], &changed["second_factor_required"]), (&json!(false), &json!(true)));
        assert_eq!(changed.each("locked_out", "user_id"), [cem.user()]);
        ana.get(ana.at("")).expect(200);
        bea.get(bea.at("")).expect(200);
        for path in ["", "/access", "/contacts", "/members", "/ownership-transfers", "/api-keys"] {
            cem.get(cem.at(path)).refused(403, "second-factor-setup-required");
        }
        cem.post(cem.at("/leave"), ()).refused(403, "second-factor-setup-required");
        asks(&ana, true).expect(200);
        // It opens at once for whoever sets one up.
        Authenticator::of(&cem, app);
        cem.get(cem.at("/contacts")).expect(200);
        let events = ana.get(ana.at("/audit-events")).expect(200);
        assert_eq!(events["data/0/type"], "account.second_factor_policy_changed");
        assert_eq!(events["data/0/data/required"], "true");
    }

    fn r_41_keys_of_a_member_without_a_factor_find_nothing(app) {
        let ana = given::owner(app, ANA);
        let bea = member(app, &ana, "bea@lima.example", &["contacts:view", "keys:manage", "account:manage"]);
        let asked = json!({ "name": "Key", "all_permissions": true });
        let some = json!({ "name": "Key", "permissions": ["contacts:view", "account:manage"] });
        let keys = [
            bea.post("/v1/me/api-keys", asked).expect(201).text("key"),
            bea.post(bea.at("/api-keys"), some).expect(201).text("key"),
        ];
        let answered = |status: u16| {
            for key in &keys {
                app.client().with_token(key).get(bea.at("/contacts")).expect(status);
            }
        };
        answered(200);
        Authenticator::of(&ana, app);
        asks(&ana, true).expect(200);
        for key in &keys {
            let client = app.client().with_token(key);
            client.get(bea.at("/contacts")).refused(403, "second-factor-setup-required");
        }
        Authenticator::of(&bea, app);
        answered(200);
        // A key asks nobody for anything.
        for key in &keys {
            let body = json!({ "second_factor_required": false });
            app.client().with_token(key).patch(bea.at(""), body).refused(403, "person-only");
        }
    }

    fn an_account_that_asks_is_listed_and_told_no_more_of_than_its_name(app) {
        let ana = given::owner(app, ANA);
        let bea = member(app, &ana, "bea@lima.example", &["contacts:view"]);
        ana.patch(ana.at(""), json!({ "tax_id": "PT123456789" })).expect(200);
        let entry = |person: &Person<'_>| person.get("/v1/me/accounts").expect(200)["data/0"].clone();
        assert_eq!(entry(&bea)["needs_second_factor"], json!(false));
        assert_eq!(entry(&bea)["account"]["tax_id"], "PT123456789");
        Authenticator::of(&ana, app);
        asks(&ana, true).expect(200);
        assert_eq!(entry(&ana)["needs_second_factor"], json!(false));
        let listed = entry(&bea);
        assert_eq!(listed["needs_second_factor"], json!(true));
        assert_eq!(listed["account"]["tax_id"], Value::Null);
        assert_eq!(listed["account"]["name"], ana.get(ana.at("")).expect(200)["name"]);
    }

    fn an_invitation_is_accepted_without_a_factor_and_opens_with_one(app) {
        let ana = given::owner(app, ANA);
        Authenticator::of(&ana, app);
        asks(&ana, true).expect(200);
        ana.invites("gus@lima.example", &json!(["contacts:view"])).expect(201);
        let token = app.mail_to("gus@lima.example").link_token();
        let body = json!({ "token": token, "display_name": "Gus", "password": PASSWORD });
        app.client().post("/v1/invitations/accept", body).expect(200);
        let gus = given::logged_in(app, "gus@lima.example");
        gus.get(ana.at("/contacts")).refused(403, "second-factor-setup-required");
        Authenticator::of(&gus, app);
        gus.get(ana.at("/contacts")).expect(200);
    }

    fn a_factor_that_an_account_asks_for_is_not_taken_away(app) {
        let ana = given::owner(app, ANA);
        let bea = member(app, &ana, "bea@lima.example", &[]);
        Authenticator::of(&ana, app);
        Authenticator::of(&bea, app);
        asks(&ana, true).expect(200);
        for person in [&ana, &bea] {
            let refused = person.delete(TOTP).refused(409, "second-factor-needed");
            assert_eq!(refused.each("accounts", "id"), [ana.account.as_str()]);
            assert_eq!(refused.list("accounts").len(), 1);
        }
        // Only the accounts count that let the person in.
        ana.changes(&bea, json!({ "status": "suspended" })).expect(200);
        bea.delete(TOTP).expect(204);
        asks(&ana, false).expect(200);
        ana.delete(TOTP).expect(204);
    }

    fn an_account_asks_on_every_instance(app) {
        let Some(second) = app.second() else { return };
        let ana = given::owner(app, ANA);
        let bea = member(app, &ana, "bea@lima.example", &["contacts:view"]);
        let there = second.client().with_token(&bea.token);
        there.get(bea.at("/contacts")).expect(200);
        Authenticator::of(&ana, app);
        asks(&ana, true).expect(200);
        there.get(bea.at("/contacts")).refused(403, "second-factor-setup-required");
        Authenticator::of(&bea, app);
        there.get(bea.at("/contacts")).expect(200);
        // And back again.
        asks(&ana, false).expect(200);
        bea.delete(TOTP).expect(204);
        there.get(bea.at("/contacts")).expect(200);
    }
}

/// The body of a refusal but for what is the request's own.
fn without_id(answer: &Answer) -> Value {
    let mut body = answer.json().clone();
    body.as_object_mut().unwrap().remove("request_id");
    body
}

/// Of two requests at once one is taken.
#[track_caller]
fn at_once(requests: [Request; 2]) {
    let statuses = thread::scope(|scope| {
        let sent = requests.map(|request| scope.spawn(move || request.send().status()));
        let mut statuses = sent.map(|answer| answer.join().unwrap());
        statuses.sort_unstable();
        statuses
    });
    assert_eq!(statuses, [201, 401]);
}
