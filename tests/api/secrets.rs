//! What opens something stands nowhere but with its bearer: not in the database, not in the log, not
//! in an answer that did not have to give it.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Write},
    path::Path,
    sync::{
        Mutex, Once, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use accounts_domain::{api_keys::KeyMode, operators::OperatorKind};
use accounts_tests::{
    App,
    authenticator::Authenticator,
    client::Request,
    given::{self, PASSWORD},
    json, on_both, scene, staff,
};
use serde_json::Value;
use tracing_subscriber::{filter::dynamic_filter_fn, fmt as layer, prelude::*};

use super::{
    house::{self, House},
    operations,
};

/// What a client saw in the course of a day that opens something, or would have.
#[derive(Default)]
struct Seen(Vec<String>);

impl Seen {
    fn note(&mut self, secret: impl Into<String>) -> String {
        let secret = secret.into();
        assert!(secret.len() >= 10, "too short to be looked for: {secret}");
        self.0.push(secret.clone());
        secret
    }

    fn password(&mut self, name: &str) -> String {
        self.note(format!("password of {name}, seldom heard"))
    }

    fn link(&mut self, app: &App, address: &str) -> String {
        let token = app.mail_to(address).link_token();
        // The seal alone would do, for whoever knows the id.
        self.note(token.split_once('.').unwrap().1);
        self.note(token)
    }

    fn tokens(&mut self, session: &accounts_tests::Answer) -> (String, String) {
        let access = session.text("access_token");
        self.note(access.rsplit_once('.').unwrap().1);
        (self.note(access), self.note(session.text("refresh_token")))
    }
}

/// Sign-up, log-ins, refreshes, contacts, verifications, resets: everything that hands out a secret
/// or takes one, rightly and wrongly.
fn scripted_day(app: &App) -> Vec<String> {
    let mut seen = Seen::default();
    let client = app.client();
    let password = seen.password("ana");
    client
        .post("/v1/sign-ups", given::sign_up("ana@example.com"))
        .expect(202);
    let link = seen.link(app, "ana@example.com");
    let confirm = json!({ "token": link, "password": password });
    client
        .post("/v1/sign-ups/confirm", &confirm)
        .idempotency_key("day-1")
        .expect(201);
    client
        .post("/v1/sign-ups/confirm", &confirm)
        .idempotency_key("day-1")
        .expect(201);
    client.post("/v1/sign-ups/confirm", &confirm).expect(410);

    let log_in = |address: &str, password: &str| {
        client.post("/v1/sessions", json!({ "address": address, "password": password }))
    };
    let wrong = seen.password("nobody");
    log_in("ana@example.com", &wrong).expect(401);
    let (access, refresh) = seen.tokens(&log_in("ana@example.com", &password).expect(201));
    let renew = |token: &str| client.post("/v1/sessions/refresh", json!({ "refresh_token": token }));
    let (_, next) = seen.tokens(&renew(&refresh).expect(200));
    seen.tokens(&renew(&next).expect(200));
    renew(&seen.note("a refresh token that nobody issued")).expect(401);

    let ana = client.with_token(&access);
    let account = ana.get("/v1/me/accounts").expect(200).text("data/0/account/id");
    let contacts = format!("/v1/accounts/{account}/contacts");
    let bea = json!({ "display_name": "Bea", "address": "bea@example.com", "login": {} });
    let bea = ana.post(&contacts, bea).idempotency_key("day-2").expect(201).text("id");
    ana.post(format!("{contacts}/{bea}/verification"), ())
        .idempotency_key("day-3")
        .expect(202);
    let link = seen.link(app, "bea@example.com");
    let beas = seen.password("bea");
    client
        .post("/v1/contact-verifications/preview", json!({ "token": link }))
        .expect(200);
    let confirm = json!({ "token": link, "password": beas });
    client
        .post("/v1/contact-verifications/confirm", confirm)
        .idempotency_key("day-4")
        .expect(200);
    for list in ["/v1/me/api-keys".to_owned(), format!("/v1/accounts/{account}/api-keys")] {
        let asked = json!({ "name": "Scripts", "all_permissions": true });
        let key = seen.note(ana.post(list, asked).expect(201).text("key"));
        // The secret alone would do, for whoever knows the id.
        seen.note(key.splitn(4, '_').last().unwrap());
        client.with_token(&key).get(&contacts).expect(200);
        client.with_token(&key[..key.len() - 1]).get(&contacts).expect(401);
    }
    integrations(app, &mut seen);
    let (bea_access, _) = seen.tokens(&log_in("bea@example.com", &beas).expect(201));
    client
        .with_token(&bea_access)
        .delete("/v1/sessions/current")
        .expect(204);
    client.with_token(&bea_access).get("/v1/me").expect(401);

    let second = seen.password("ana, the second");
    ana.put(
        "/v1/me/password",
        json!({ "current_password": wrong, "new_password": second }),
    )
    .expect(401);
    let change = json!({ "current_password": password, "new_password": second });
    seen.tokens(&ana.put("/v1/me/password", change).expect(200));
    client
        .post("/v1/password-resets", json!({ "address": "ana@example.com" }))
        .idempotency_key("day-5")
        .expect(202);
    let link = seen.link(app, "ana@example.com");
    let third = seen.password("ana, the third");
    let confirm = json!({ "token": link, "password": third });
    client
        .post("/v1/password-resets/confirm", confirm)
        .idempotency_key("day-6")
        .expect(204);
    let (access, _) = seen.tokens(&log_in("ana@example.com", &third).expect(201));
    second_factor(app, &mut seen, &access, || log_in("ana@example.com", &third));

    // Secrets at places where none belongs.
    client.get(format!("/v1/me?access_token={access}")).expect(401);
    client.get(format!("/v1/me/{access}")).expect(404);
    client
        .post(
            "/v1/sessions",
            json!({ "address": third, "password": third, "unknown": third }),
        )
        .expect(422);
    client
        .post("/v1/sessions", ())
        .body("application/json", format!("{{\"password\":\"{third}\","))
        .expect(400);
    seen.0
}

/// Keys of integrations are made by the command line and by an admin, and used.
fn integrations(app: &App, seen: &mut Seen) {
    let admin = staff::operator(app, OperatorKind::Admin, "sam@provider.example");
    let desk = admin.integrates("Desk", &["access:check"]);
    for key in [
        scene::integration(app, &["access:check"], KeyMode::Live),
        admin.makes_key(&desk).text("key"),
    ] {
        let key = seen.note(key);
        // The secret alone would do, for whoever knows the id.
        seen.note(key.splitn(4, '_').last().unwrap());
        let asks = |key: &str| app.client().with_token(key).post("/v1/access-checks", json!({}));
        asks(&key).expect(422);
        asks(&key[..key.len() - 1]).expect(401);
    }
}

/// A second factor is set up, and asked for by a log-in and by a proof.
fn second_factor(app: &App, seen: &mut Seen, access: &str, log_in: impl Fn() -> Request) {
    let ana = app.client().with_token(access);
    let set_up = ana.post("/v1/me/totp", ()).expect(201);
    seen.note(set_up.text("uri"));
    let mut told = Authenticator::told(&seen.note(set_up.text("secret")));
    let confirm = json!({ "code": told.code(app) });
    let confirmed = ana.post("/v1/me/totp/confirm", confirm).expect(200);
    let codes = confirmed
        .list("recovery_codes")
        .iter()
        .map(|code| code.as_str().unwrap());
    told.recovery_codes = codes.map(|code| seen.note(code)).collect();
    for code in &told.recovery_codes[..2] {
        seen.note(code.replace('-', ""));
        let challenge = seen.note(log_in().refused(401, "second-factor-required").text("challenge"));
        let answer = json!({ "challenge": challenge, "recovery_code": code });
        seen.tokens(&app.client().post("/v1/sessions/second-factor", &answer).expect(201));
        app.client()
            .post("/v1/sessions/second-factor", answer)
            .refused(401, "invalid-code");
    }
    let challenge = seen.note(log_in().refused(401, "second-factor-required").text("challenge"));
    let answer = json!({ "challenge": challenge, "code": told.next_code(app) });
    seen.tokens(&app.client().post("/v1/sessions/second-factor", answer).expect(201));
}

on_both! {
    fn r_24_the_database_holds_nothing_that_opens_anything(app) {
        let seen = scripted_day(app);
        app.mails();
        let rows = app.rows();
        for secret in &seen {
            for (table, lines) in &rows {
                assert!(
                    !lines.iter().any(|line| line.contains(secret)),
                    "{table} holds {secret}"
                );
            }
            for_each_file(app.data(), &mut |path, bytes| {
                assert!(!holds(bytes, secret.as_bytes()), "{} holds {secret}", path.display());
            });
        }
        assert!(
            rows["users"]
                .iter()
                .all(|user| user.contains("$argon2id$v=19$m=19456,t=2,p=1$"))
        );
        // The search finds what is there.
        assert!(rows["users"].iter().any(|user| user.contains("ana@example.com")));
        if app.database_url().is_none() {
            let mut found = false;
            for_each_file(app.data(), &mut |_, bytes| found |= holds(bytes, b"ana@example.com"));
            assert!(found);
        }
    }

    fn r_55_the_log_holds_no_secret_even_when_it_holds_everything(app) {
        let log = Log::begin();
        let seen = scripted_day(app);
        let text = log.end();
        assert!(
            text.contains("answered") && text.contains("/v1/sessions"),
            "nothing was logged: {text}"
        );
        for secret in seen {
            if let Some(line) = text.lines().find(|line| line.contains(&secret)) {
                panic!("the log holds {secret}: {line}");
            }
        }
        if let Some(line) = text
            .lines()
            .find(|line| line.contains("Bearer ") || line.contains("$argon2id$"))
        {
            panic!("the log holds a credential: {line}");
        }
    }

    fn r_62_the_security_log_names_whoever_was_refused(app) {
        let ana = given::owner(app, "ana@example.com");
        let eve = given::owner(app, "eve@example.com");
        let bea = given::member_of(&ana, "bea@example.com", json!({ "permissions": [] }));
        let sam = staff::operator(app, OperatorKind::Support, "sam@provider.example");
        let body = json!({ "minutes": 5, "reason": staff::REASON });
        let acting = sam.post(format!("/v1/operator/users/{}/impersonate", bea.user()), body).expect(201);
        let acting = app.client().with_token(&acting.text("access_token"));
        let body = json!({ "minutes": 5, "reason": staff::REASON });
        let ended = sam.post(format!("/v1/operator/users/{}/impersonate", bea.user()), body).expect(201);
        let ended = app.client().with_token(&ended.text("access_token"));
        ended.delete("/v1/sessions/current").expect(204);
        let log = Log::begin();
        let contacts = ana.at("/contacts");
        let refused = [
            (bea.get(&contacts).refused(403, "forbidden"), vec![bea.user(), ana.account.clone()]),
            (eve.get(&contacts).refused(404, "not-found"), vec![eve.user(), ana.account.clone()]),
            (
                acting.post("/v1/me/erase", json!({})).refused(403, "impersonation-refused"),
                vec![sam.id.to_string(), bea.user()],
            ),
            (
                sam.patch(format!("/v1/operator/accounts/{}", ana.account), json!({ "reason": "None" })).refused(403, "admin-only"),
                vec![sam.id.to_string(), ana.account.clone()],
            ),
            (
                app.client()
                    .post("/v1/sessions", json!({ "address": "ana@example.com", "password": "not the one" }))
                    .refused(401, "invalid-credentials"),
                vec![ana.user()],
            ),
            (bea.get("/v1/operator/users").refused(404, "not-found"), vec![bea.user()]),
            (
                bea.post("/v1/access-checks", json!({ "questions": [] })).refused(404, "not-found"),
                vec![bea.user()],
            ),
            (ended.get("/v1/me").refused(401, "unauthenticated"), vec![sam.id.to_string(), bea.user()]),
            (
                app.client()
                    .post("/v1/operator/sessions", json!({ "address": "sam@provider.example", "password": "not the one", "code": "000000" }))
                    .refused(401, "invalid-credentials"),
                vec![sam.id.to_string()],
            ),
            // The code was used to log in.
            (staff::log_in(app, "sam@provider.example").refused(401, "invalid-credentials"), vec![sam.id.to_string()]),
        ];
        let text = log.end();
        for (answer, named) in refused {
            let id = answer.header("X-Request-Id");
            let told: Vec<&str> = text.lines().filter(|line| line.contains("accounts::security") && line.contains(id)).collect();
            assert!(named.iter().all(|name| told.iter().any(|line| line.contains(name))), "{named:?}: {told:#?}");
        }
        // What is not there among one's own is no attempt upon others.
        let log = Log::begin();
        let gone = ana.get(ana.at("/contacts/con_01h455vb4pex5vsknk084sn02q")).refused(404, "not-found");
        let text = log.end();
        let told = text.lines().filter(|line| line.contains("accounts::security"));
        assert_eq!(told.filter(|line| line.contains(gone.header("X-Request-Id"))).count(), 0);
    }

    fn r_63_a_line_of_the_log_stays_a_line(app) {
        let log = Log::begin();
        let id = "r63".to_owned() + &"x".repeat(20);
        app.client()
            .get("/v1/%0d%0aINFO%20forged%1b%5b31m")
            .header("X-Request-Id", &id)
            .expect(404);
        app.client()
            .request("PROPFIND", "/v1/me")
            .header("X-Request-Id", &id)
            .header("User-Agent", "\u{e9}INFO forged")
            .expect(405);
        app.client()
            .post(
                "/v1/sessions",
                json!({ "address": "a\r\nINFO forged", "password": "\u{1b}[31mforged it" }),
            )
            .header("X-Request-Id", &id)
            .expect(401);
        let text = log.end();
        let own: Vec<&str> = text.lines().filter(|line| line.contains(&id)).collect();
        assert!(!own.is_empty());
        assert!(!text.contains("forged"), "{own:#?}");
    }
}

mod answers {
    use super::*;

    on_both! {
        house::setup();

        fn r_42_an_answer_holds_no_secret_and_nothing_of_another_account(app) {
            let house = House::of(app);
            let mut foreign = vec![
                house.dan.account.clone(),
                house.eve.id.clone(),
                house.dans_transfer.clone(),
            ];
            foreign.extend(["dan@example.com", "eve@example.com", "fay@example.com"].map(str::to_owned));
            foreign.push(house.dan.get("/v1/me").expect(200).text("id"));
            for operation in operations::in_a_gentle_order()
                .iter()
                .filter(|operation| operation.secured)
            {
                let answer = house.request(operation).send();
                let body = answer.body();
                for other in &foreign {
                    // Operators and integrations see every account.
                    let sees_all = operation.is_operators() || operation.by_integration;
                    assert!(sees_all || !body.contains(other), "{other}\n{answer}");
                }
                if operation.method == "GET" {
                    assert_eq!(answer.status(), 200, "{answer}");
                }
                members(answer.json(), &mut |name| {
                    let telling = ["hash", "secret", "salt", "password", "token"]
                        .iter()
                        .any(|word| name.contains(word));
                    let hands_out = [
                        "/v1/me/password",
                        "/v1/me/totp",
                        "/v1/operator/sessions/current/renew",
                        "/v1/operator/users/{user}/impersonate",
                        "/v1/webhooks",
                        "/v1/webhooks/{webhook}/rotate-secret",
                    ];
                    let hands_out = hands_out.contains(&operation.path.as_str());
                    // Whether there is one, and until when: neither is one.
                    let about_one = ["has_password", "former_secret_until"].contains(&name);
                    assert!(!telling || hands_out || about_one, "`{name}`\n{answer}");
                });
                for text in [
                    "$argon2",
                    PASSWORD,
                    house.ana.refresh_token.as_str(),
                    house.ana.token.as_str(),
                ] {
                    assert!(!body.contains(text), "{answer}");
                }
            }
        }

        fn r_42_a_member_without_a_permission_sees_the_own_entry_only(app) {
            let house = House::of(app);
            let cem = &house.cem;
            for path in ["/contacts", "/roles", "/roles/billing", "/audit-events"] {
                let refused = cem.get(house.ana.at(path)).refused(403, "forbidden");
                assert!(!refused.body().contains("example.com"), "{refused}");
            }
            cem.get(house.bea.path()).refused(403, "forbidden");
            assert_eq!(
                cem.get(house.cem_contact.path()).expect(200)["address"],
                "cem@example.com"
            );
            for path in ["/access", "/applications", ""] {
                assert!(!cem.get(house.ana.at(path)).expect(200).body().contains("@example.com"));
            }
        }
    }
}

fn members(value: &Value, look: &mut impl FnMut(&str)) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                look(name);
                members(value, look);
            }
        }
        Value::Array(entries) => entries.iter().for_each(|entry| members(entry, look)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Every file of the data folder but the mails, which are handed over with their links by design.
fn for_each_file(folder: &Path, look: &mut impl FnMut(&Path, &[u8])) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if path.file_name().is_none_or(|name| name != "mail") {
                for_each_file(&path, look);
            }
        } else {
            look(&path, &fs::read(&path).unwrap());
        }
    }
}

fn holds(bytes: &[u8], sought: &[u8]) -> bool {
    bytes.windows(sought.len()).any(|window| window == sought)
}

/// Everything that any part of the process says at the level TRACE, while somebody listens. Other
/// tests may talk in between.
struct Log;

static LISTENERS: AtomicUsize = AtomicUsize::new(0);
static TEXT: Mutex<Vec<u8>> = Mutex::new(Vec::new());

impl Log {
    fn begin() -> Self {
        static INSTALLED: Once = Once::new();
        LISTENERS.fetch_add(1, Ordering::SeqCst);
        INSTALLED.call_once(|| {
            let heard = dynamic_filter_fn(|_, _| LISTENERS.load(Ordering::Relaxed) > 0);
            let layer = layer::layer()
                .with_ansi(false)
                .with_writer(|| Memory)
                .with_filter(heard);
            tracing_subscriber::registry().with(layer).init();
        });
        Self
    }

    fn end(self) -> String {
        drop(self);
        String::from_utf8_lossy(&TEXT.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        LISTENERS.fetch_sub(1, Ordering::SeqCst);
    }
}

struct Memory;

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        TEXT.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn no_place_of_the_document_hands_out_a_hash() {
    let document = accounts_api::openapi();
    let mut told = BTreeSet::new();
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        if !name.ends_with("Body") {
            for member in schema["properties"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(member, _)| member)
            {
                if ["hash", "secret", "salt", "password", "token"]
                    .iter()
                    .any(|word| member.contains(word))
                {
                    told.insert(format!("{name}.{member}"));
                }
            }
        }
    }
    let known = [
        "ImpersonationToken.access_token",
        "ImpersonationToken.token_type",
        "InvitationPreview.password_required",
        "OperatorToken.access_token",
        "OperatorToken.token_type",
        "PersonView.has_password",
        "SecondFactorSetUp.secret",
        "SessionTokens.access_token",
        "SessionTokens.refresh_token",
        "SessionTokens.token_type",
        "VerificationPreview.password_required",
        "WebhookView.former_secret_until",
    ];
    assert_eq!(told, known.map(str::to_owned).into());
}
