//! Access tokens that are not ours, and sessions that have ended: what opens nothing opens nothing
//! from the next request on.

use std::collections::BTreeSet;

use accounts_tests::{
    Answer, App,
    given::{self, PASSWORD, Person},
    json, on_both,
};
use aws_lc_rs::{
    hmac,
    signature::{Ed25519KeyPair, KeyPair},
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use chrono::TimeDelta;
use serde_json::Value;

/// Makes tokens with the very key of the service, and others.
struct Forge {
    key: Ed25519KeyPair,
    header: Value,
    claims: Value,
}

impl Forge {
    /// What it makes differs from somebody's token in what a test says, and in nothing else.
    fn like(app: &App, person: &Person<'_>) -> Self {
        let pkcs8 = STANDARD.decode(app.running().signing_key()).unwrap();
        let part = |number: usize| {
            let part = person.token.split('.').nth(number).unwrap();
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
        };
        Self {
            key: Ed25519KeyPair::from_pkcs8_maybe_unchecked(&pkcs8).unwrap(),
            header: part(0),
            claims: part(1),
        }
    }

    fn signed(&self, header: &str, claims: &str) -> String {
        sealed(header, claims, |text| self.key.sign(text).as_ref().to_vec())
    }

    fn with_header(&self, change: impl FnOnce(&mut Value)) -> String {
        let mut header = self.header.clone();
        change(&mut header);
        self.signed(&header.to_string(), &self.claims.to_string())
    }

    fn with_claims(&self, change: impl FnOnce(&mut Value)) -> String {
        let mut claims = self.claims.clone();
        change(&mut claims);
        self.signed(&self.header.to_string(), &claims.to_string())
    }

    /// Signed by HMAC under bytes that everybody knows.
    fn hmac(&self, algorithm: &str, key: &[u8]) -> String {
        let mut header = self.header.clone();
        header["alg"] = json!(algorithm);
        let key = hmac::Key::new(hmac::HMAC_SHA256, key);
        sealed(&header.to_string(), &self.claims.to_string(), |text| {
            hmac::sign(&key, text).as_ref().to_vec()
        })
    }
}

fn sealed(header: &str, claims: &str, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let seal = sign(text.as_bytes());
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(seal))
}

fn payload(token: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

/// What every dead token gets: the same bytes.
#[track_caller]
fn is_dead(app: &App, token: &str) {
    let ask = |token: &str| {
        app.client()
            .get("/v1/me")
            .bearer(token)
            .header("X-Request-Id", "same")
            .refused(401, "unauthenticated")
    };
    let (answer, nonsense) = (ask(token), ask("nonsense"));
    assert_eq!(answer.body(), nonsense.body());
    assert_eq!(answer.headers_but(&["date"]), nonsense.headers_but(&["date"]));
    assert_eq!(
        answer.header("WWW-Authenticate"),
        "Bearer realm=\"accounts\", error=\"invalid_token\""
    );
}

fn lives(app: &App, token: &str) -> Answer {
    app.client().get("/v1/me").bearer(token).expect(200)
}

fn refresh(app: &App, token: &str) -> Answer {
    app.client()
        .post("/v1/sessions/refresh", json!({ "refresh_token": token }))
        .send()
}

/// Neither of a session's tokens opens anything.
#[track_caller]
fn is_over(app: &App, access: &str, refresh_token: &str) {
    is_dead(app, access);
    let refused = refresh(app, refresh_token);
    assert_eq!(
        (refused.status(), &refused["code"]),
        (401, &json!("unauthenticated")),
        "{refused}"
    );
}

fn log_in(app: &App) -> (String, String) {
    let session = app
        .client()
        .post(
            "/v1/sessions",
            json!({ "address": "ana@example.com", "password": PASSWORD }),
        )
        .expect(201);
    (session.text("access_token"), session.text("refresh_token"))
}

on_both! {
    fn r_19_a_forged_token_is_dead(app) {
        let ana = given::owner(app, "ana@example.com");
        let forge = Forge::like(app, &ana);
        // The forge works, so that what follows fails for its own reason.
        lives(app, &forge.with_claims(|_| {}));

        let public = forge.key.public_key().as_ref().to_vec();
        let jwks = app.client().get("/.well-known/jwks.json").expect(200);
        assert_eq!(URL_SAFE_NO_PAD.decode(jwks.text("keys/0/x")).unwrap(), public);
        let pem = format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
            STANDARD.encode(&public)
        );
        let own = Ed25519KeyPair::generate().unwrap();
        let own_jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(own.public_key().as_ref()) });
        let by_own_key = |change: &dyn Fn(&mut Value)| {
            let mut header = forge.header.clone();
            change(&mut header);
            sealed(&header.to_string(), &forge.claims.to_string(), |text| {
                own.sign(text).as_ref().to_vec()
            })
        };
        let mut forged = vec![
            forge.hmac("HS256", &public),
            forge.hmac("HS256", pem.as_bytes()),
            forge.hmac("HS256", jwks.text("keys/0/x").as_bytes()),
            forge.hmac("HS256", jwks.body().as_bytes()),
            forge.hmac("HS256", b""),
            forge.hmac("EdDSA", &public),
            by_own_key(&|_| {}),
            by_own_key(&|header| header["jwk"] = own_jwk.clone()),
            by_own_key(&|header| header["kid"] = json!("own")),
            by_own_key(&|header| header["jku"] = json!("http://127.0.0.1:1/jwks.json")),
            by_own_key(&|header| header["x5u"] = json!("http://127.0.0.1:1/cert.pem")),
            // Rightly signed, but with a word that a careless reader would follow.
            forge.with_header(|header| header["jwk"] = own_jwk.clone()),
            forge.with_header(|header| header["jku"] = json!("https://evil.example/jwks.json")),
            forge.with_header(|header| header["x5u"] = json!("https://evil.example/cert.pem")),
            forge.with_header(|header| header["x5c"] = json!(["AAAA"])),
            forge.with_header(|header| header["kid"] = json!("../../dev/null")),
            forge.with_header(|header| header["kid"] = json!("")),
            forge.with_header(|header| header["kid"] = json!(7)),
            forge.with_header(|header| {
                header.as_object_mut().unwrap().remove("kid");
            }),
            forge.with_header(|header| {
                header.as_object_mut().unwrap().remove("alg");
            }),
            forge.with_header(|header| header["typ"] = json!("JWT")),
            forge.with_header(|header| header["typ"] = json!("refresh+jwt")),
            forge.with_header(|header| {
                header.as_object_mut().unwrap().remove("typ");
            }),
        ];
        for algorithm in [
            "none", "None", "NONE", "nOnE", "", "HS256", "HS512", "RS256", "PS256", "ES256", "ES384", "EdDSA ",
            "eddsa", "Ed25519",
        ] {
            let mut header = forge.header.clone();
            header["alg"] = json!(algorithm);
            forged.push(sealed(&header.to_string(), &forge.claims.to_string(), |_| Vec::new()));
            forged.push(forge.signed(&header.to_string(), &forge.claims.to_string()));
        }
        for header in ["", "{", "[]", "null", "\"EdDSA\"", "\u{0}"] {
            forged.push(forge.signed(header, &forge.claims.to_string()));
        }
        for token in forged {
            is_dead(app, &token);
        }
    }

    fn r_20_every_claim_is_there_and_of_its_type(app) {
        let ana = given::owner(app, "ana@example.com");
        let forge = Forge::like(app, &ana);
        let now = app.clock().now().timestamp();
        for claim in ["exp", "iss", "aud", "sub", "iat", "sid"] {
            is_dead(
                app,
                &forge.with_claims(|claims| {
                    claims.as_object_mut().unwrap().remove(claim);
                }),
            );
            let own = &forge.claims[claim];
            let of_another_type = [
                json!(null),
                json!([own]),
                json!({ "a": own }),
                json!(true),
                json!(""),
                json!("other"),
                json!(-1),
                json!(0.5),
            ];
            for value in of_another_type {
                is_dead(app, &forge.with_claims(|claims| claims[claim] = value.clone()));
            }
            // Claims that stand twice could be read in two ways.
            let twice = forge
                .claims
                .to_string()
                .replacen('{', &format!("{{\"{claim}\":{own},"), 1);
            is_dead(app, &forge.signed(&forge.header.to_string(), &twice));
        }
        for claim in ["exp", "iat"] {
            let own = forge.claims[claim].as_i64().unwrap();
            for number in [
                format!("{own}.0"),
                format!("{own}.5"),
                format!("\"{own}\""),
                "1e400".to_owned(),
                format!("{own}e0"),
                "-1".to_owned(),
                "99999999999999999999".to_owned(),
            ] {
                // Of what was issued long ago nothing is wrong but that it is no longer true.
                if claim == "iat" && number == "-1" {
                    continue;
                }
                let claims = forge
                    .claims
                    .to_string()
                    .replace(&format!("\"{claim}\":{own}"), &format!("\"{claim}\":{number}"));
                assert!(claims.contains(&number));
                is_dead(app, &forge.signed(&forge.header.to_string(), &claims));
            }
        }
        for claims in ["", "{}", "[]", "null", "{\"sub\":"] {
            is_dead(app, &forge.signed(&forge.header.to_string(), claims));
        }
        // Clocks differ by five seconds at most.
        lives(app, &forge.with_claims(|claims| claims["exp"] = json!(now - 4)));
        is_dead(app, &forge.with_claims(|claims| claims["exp"] = json!(now - 5)));
        lives(app, &forge.with_claims(|claims| claims["iat"] = json!(now + 5)));
        is_dead(app, &forge.with_claims(|claims| claims["iat"] = json!(now + 6)));
        // Whom it names must have a live session, and this one.
        let bob = given::owner(app, "bob@example.com");
        let bobs = payload(&bob.token);
        is_dead(app, &forge.with_claims(|claims| claims["sub"] = bobs["sub"].clone()));
        is_dead(app, &forge.with_claims(|claims| claims["sid"] = bobs["sid"].clone()));
        is_dead(
            app,
            &forge.with_claims(|claims| claims["sub"] = json!("usr_01h455vb4pex5vsknk084sn02q")),
        );
        is_dead(
            app,
            &forge.with_claims(|claims| claims["sid"] = json!("ses_01h455vb4pex5vsknk084sn02q")),
        );
    }

    fn r_20_a_token_ends_after_ten_minutes(app) {
        let ana = given::owner(app, "ana@example.com");
        let claims = payload(&ana.token);
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 600);
        app.clock().advance(TimeDelta::seconds(600));
        lives(app, &ana.token);
        app.clock().advance(TimeDelta::seconds(6));
        is_dead(app, &ana.token);
        assert_eq!(refresh(app, &ana.refresh_token).status(), 200);
    }

    fn r_21_a_token_is_of_one_kind(app) {
        let ana = given::owner(app, "ana@example.com");
        let bea = ana.adds_contact("Bea", "bea@example.com");
        ana.post(bea.at("/verification"), ()).expect(202);
        let link = app.mail_to("bea@example.com").link_token();
        is_dead(app, &ana.refresh_token);
        is_dead(app, &link);
        for token in [&ana.token, &link] {
            let refused = refresh(app, token);
            assert_eq!(
                (refused.status(), &refused["code"]),
                (401, &json!("unauthenticated")),
                "{refused}"
            );
        }
        for token in [&ana.token, &ana.refresh_token] {
            let body = json!({ "token": token, "password": PASSWORD });
            let refused = app.client().post("/v1/password-resets/confirm", body).send();
            assert!(matches!(refused.status(), 410 | 422), "{refused}");
        }
        // A token of another installation, whose key was taken over.
        let forge = Forge::like(app, &ana);
        is_dead(
            app,
            &forge.with_claims(|claims| claims["iss"] = json!("https://staging.example")),
        );
        is_dead(
            app,
            &forge.with_claims(|claims| claims["iss"] = json!(format!("{}/", app.client().base()))),
        );
        is_dead(app, &forge.with_claims(|claims| claims["aud"] = json!("other")));
        is_dead(app, &forge.with_claims(|claims| claims["aud"] = json!(["accounts"])));
    }

    fn r_22_a_token_that_was_cut_or_changed_is_dead(app) {
        let ana = given::owner(app, "ana@example.com");
        for token in altered(&ana.token, 7) {
            let refused = app.client().get("/v1/me").bearer(&token).send();
            assert_eq!(refused.status(), 401, "{refused}");
        }
        for token in altered(&ana.refresh_token, 1) {
            let refused = refresh(app, &token);
            assert!(matches!(refused.status(), 401 | 422), "{refused}");
        }
        app.client()
            .post("/v1/password-resets", json!({ "address": "ana@example.com" }))
            .expect(202);
        let link = app.mail_to("ana@example.com").link_token();
        for token in altered(&link, 3) {
            let refused = app
                .client()
                .post(
                    "/v1/password-resets/confirm",
                    json!({ "token": token, "password": PASSWORD }),
                )
                .send();
            assert!(matches!(refused.status(), 410 | 422), "{refused}");
        }
        // None of it has harmed the right ones.
        lives(app, &ana.token);
        assert_eq!(refresh(app, &ana.refresh_token).status(), 200);
        app.client()
            .post(
                "/v1/password-resets/confirm",
                json!({ "token": link, "password": PASSWORD }),
            )
            .expect(204);
    }

    fn r_23_refresh_tokens_are_256_random_bits(app) {
        let ana = given::owner(app, "ana@example.com");
        let mut tokens = vec![ana.refresh_token.clone()];
        for _ in 0..400 {
            tokens.push(refresh(app, tokens.last().unwrap()).text("refresh_token"));
        }
        assert_eq!(tokens.iter().collect::<BTreeSet<_>>().len(), tokens.len());
        let mut counts = [0_u32; 256];
        for token in &tokens {
            assert_eq!(token.len(), 43);
            let bytes = URL_SAFE_NO_PAD.decode(token).unwrap();
            assert_eq!(bytes.len(), 32);
            for byte in bytes {
                counts[usize::from(byte)] += 1;
            }
        }
        // Chi square with 255 degrees of freedom: 400 is six standard deviations above its mean.
        let expected = f64::from(u32::try_from(tokens.len() * 32).unwrap()) / 256.0;
        let chi: f64 = counts
            .iter()
            .map(|count| (f64::from(*count) - expected).powi(2) / expected)
            .sum();
        assert!((110.0..400.0).contains(&chi), "{chi}");
    }

    fn r_25_each_log_in_has_tokens_of_its_own(app) {
        let ana = given::owner(app, "ana@example.com");
        let (access, refresh_token) = log_in(app);
        let (one, other) = (payload(&ana.token), payload(&access));
        assert_ne!(one["sid"], other["sid"]);
        assert_ne!(one["jti"], other["jti"]);
        assert_ne!(ana.refresh_token, refresh_token);
        assert_eq!(one["sub"], other["sub"]);
        // It says who, and nothing about rights or the person.
        let claims: BTreeSet<&str> = one.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(
            claims,
            BTreeSet::from(["aud", "exp", "iat", "iss", "jti", "sid", "sub"])
        );
    }

    fn r_26_a_spent_refresh_token_ends_its_session(app) {
        let ana = given::owner(app, "ana@example.com");
        let (bystander, _) = log_in(app);
        let second = refresh(app, &ana.refresh_token);
        assert_eq!(second.status(), 200, "{second}");
        // For ten seconds another tab gets the same successor.
        app.clock().advance(TimeDelta::seconds(9));
        let again = refresh(app, &ana.refresh_token);
        assert_eq!(again.text("refresh_token"), second.text("refresh_token"));
        app.clock().advance(TimeDelta::seconds(2));
        let refused = refresh(app, &ana.refresh_token);
        assert_eq!(refused.status(), 401, "{refused}");
        is_over(app, &second.text("access_token"), &second.text("refresh_token"));
        is_over(app, &again.text("access_token"), &ana.refresh_token);
        // Another session of the same person goes on; the person is told, and so is the log.
        lives(app, &bystander);
        let mail = app.mail_to("ana@example.com");
        assert!(
            !mail.raw.contains(&ana.refresh_token) && !mail.raw.contains("#token="),
            "{}",
            mail.raw
        );
        let events = &app.rows()["audit_events"];
        assert_eq!(
            events
                .iter()
                .filter(|event| event.contains("user.refresh_reused"))
                .count(),
            1
        );
    }

    fn r_27_a_session_ends_when_it_rests_and_in_any_case(app) {
        given::owner(app, "ana@example.com");
        let (_, resting) = log_in(app);
        app.clock().advance(TimeDelta::days(14) - TimeDelta::seconds(1));
        let refreshed = refresh(app, &resting);
        assert_eq!(refreshed.status(), 200, "{refreshed}");
        app.clock().advance(TimeDelta::days(14) + TimeDelta::seconds(1));
        assert_eq!(refresh(app, &refreshed.text("refresh_token")).status(), 401);

        let (_, mut busy) = log_in(app);
        for _ in 0..8 {
            app.clock().advance(TimeDelta::days(10));
            busy = refresh(app, &busy).text("refresh_token");
        }
        app.clock().advance(TimeDelta::days(10) - TimeDelta::seconds(1));
        let last = refresh(app, &busy);
        assert_eq!(last.status(), 200, "{last}");
        app.clock().advance(TimeDelta::seconds(2));
        is_over(app, &last.text("access_token"), &last.text("refresh_token"));
    }

    fn r_28_logging_out_ends_the_session_at_once(app) {
        let ana = given::owner(app, "ana@example.com");
        let (access, refresh_token) = log_in(app);
        ana.delete("/v1/sessions/current").expect(204);
        is_over(app, &ana.token, &ana.refresh_token);
        ana.delete("/v1/sessions/current").refused(401, "unauthenticated");
        lives(app, &access);
        assert_eq!(refresh(app, &refresh_token).status(), 200);
    }

    fn r_28_another_password_ends_every_session_at_once(app) {
        let ana = given::owner(app, "ana@example.com");
        let (access, refresh_token) = log_in(app);
        app.client()
            .post("/v1/password-resets", json!({ "address": "ana@example.com" }))
            .expect(202);
        let link = app.mail_to("ana@example.com").link_token();
        let change = json!({ "current_password": PASSWORD, "new_password": "another quiet harbour" });
        let changed = ana.put("/v1/me/password", change).expect(200);
        is_over(app, &ana.token, &ana.refresh_token);
        is_over(app, &access, &refresh_token);
        lives(app, &changed.text("access_token"));
        // A link that was asked for before opens nothing either.
        app.client()
            .post(
                "/v1/password-resets/confirm",
                json!({ "token": link, "password": PASSWORD }),
            )
            .refused(410, "link-expired");
        app.client()
            .post(
                "/v1/sessions",
                json!({ "address": "ana@example.com", "password": PASSWORD }),
            )
            .refused(401, "invalid-credentials");
    }

    fn r_28_a_reset_ends_every_session_at_once(app) {
        let ana = given::owner(app, "ana@example.com");
        let (access, refresh_token) = log_in(app);
        app.client()
            .post("/v1/password-resets", json!({ "address": "ana@example.com" }))
            .expect(202);
        let link = app.mail_to("ana@example.com").link_token();
        app.client()
            .post(
                "/v1/password-resets/confirm",
                json!({ "token": link, "password": "another quiet harbour" }),
            )
            .expect(204);
        is_over(app, &ana.token, &ana.refresh_token);
        is_over(app, &access, &refresh_token);
    }

    fn r_29_a_person_sees_the_own_sessions_and_ends_them(app) {
        let ana = given::owner(app, "ana@example.com");
        let bob = given::owner(app, "bob@example.com");
        let (access, refresh_token) = log_in(app);
        let sessions = ana.get("/v1/me/sessions").expect(200);
        assert_eq!(sessions.list("data").len(), 2);
        let other = sessions
            .list("data")
            .iter()
            .find(|session| session["current"] == false)
            .unwrap();
        let path = format!("/v1/me/sessions/{}", other["id"].as_str().unwrap());
        bob.delete(&path).refused(404, "not-found");
        lives(app, &access);
        ana.delete(&path).expect(204);
        is_over(app, &access, &refresh_token);
        ana.delete(&path).refused(404, "not-found");
        assert_eq!(ana.get("/v1/me/sessions").expect(200).list("data").len(), 1);
    }

    fn r_30_what_authenticates_is_a_text(app) {
        given::owner(app, "ana@example.com");
        for wrong in [
            json!(["ana@example.com", "bob@example.com"]),
            json!({ "$ne": 1 }),
            json!(7),
            json!(true),
        ] {
            for body in [
                json!({ "address": wrong, "password": PASSWORD }),
                json!({ "address": "ana@example.com", "password": wrong }),
            ] {
                app.client().post("/v1/sessions", body).refused(400, "bad-request");
            }
            app.client()
                .post("/v1/sessions/refresh", json!({ "refresh_token": wrong }))
                .refused(400, "bad-request");
        }
    }

    fn the_published_keys_hold_nothing_private(app) {
        let jwks = app.client().get("/.well-known/jwks.json").expect(200);
        for key in jwks.list("keys") {
            let members: BTreeSet<&str> = key.as_object().unwrap().keys().map(String::as_str).collect();
            assert!(
                members.is_subset(&BTreeSet::from(["kty", "crv", "x", "kid", "use", "alg"])),
                "{key}"
            );
            assert_eq!(
                (&key["kty"], &key["crv"], &key["use"]),
                (&json!("OKP"), &json!("Ed25519"), &json!("sig"))
            );
        }
    }
}

/// A token cut from its end, longer, and with single letters changed; every `step`th of them.
fn altered(token: &str, step: usize) -> Vec<String> {
    let mut altered: Vec<String> = (0..token.len())
        .step_by(step)
        .map(|length| token[..length].to_owned())
        .collect();
    altered.extend(["=", "A", ".", "%3D", "*"].map(|more| format!("{token}{more}")));
    altered.extend([
        format!("A{token}"),
        token.to_uppercase(),
        token.to_lowercase(),
        token.chars().rev().collect(),
        format!("{token}{token}"),
    ]);
    for place in (0..token.len()).step_by(step) {
        let letter = char::from(token.as_bytes()[place]);
        let other = if letter.is_ascii_lowercase() {
            letter.to_ascii_uppercase()
        } else {
            'a'
        };
        altered.push(format!("{}{other}{}", &token[..place], &token[place + 1..]));
    }
    altered.retain(|other| other != token);
    altered
}
