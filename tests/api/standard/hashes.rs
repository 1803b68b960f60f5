//! R08: hashes that others made, and older ones, are upgraded at the next log-in.

use std::time::{Duration, Instant};

use accounts_domain::actor::Actor;
use accounts_domain::address::EmailAddress;
use accounts_domain::ids::UserId;
use accounts_domain::language::Language;
use accounts_domain::names::DisplayName;
use accounts_domain::passwords::PRESENT;
use accounts_domain::users::PasswordHash;
use accounts_store::{Act, new_user};
use accounts_tests::given::PASSWORD;
use accounts_tests::{App, json, on_both};

const ADDRESS: &str = "ana@lima.example";

/// Hashes of [`PASSWORD`] by the libraries argon2-cffi, bcrypt and `OpenSSL`.
const FOREIGN: [&str; 4] = [
    "$argon2id$v=19$m=65536,t=3,p=4$LlLsN0tI+wNUeFvr9NpX4w$FyllE4WxDP/RFDWkwTxV3g1C8l2tprOf8MYsosVptb8",
    "$argon2id$v=19$m=8192,t=2,p=1$G6A8Yq0JhXqMBlgC0U/WZA$zp+PuJAtTgG7/fv0B8fRDeO+KjpsjjmsmXMsdI/PiWc",
    "$2a$10$ShiMeqPaWVcnMyLpVK3DF.CvotFJmqa.CKbQhNoIPlJcd3zcgnUwa",
    "$scrypt$ln=14,r=8,p=1$by6SlPrn7X787fF4pJ61Cg$iDEprB0C81PTLoSuDXfgDC+hIBq6YHIzqIv8Pqr2erI",
];

/// A user is brought along; `false` where there is one already.
fn imported(app: &App, address: &str, hash: &str) -> bool {
    let at = app.clock().now();
    let user = new_user(
        UserId::new(),
        EmailAddress::parse(address).unwrap(),
        DisplayName::parse("Ana").unwrap(),
        Language::En,
        Some(PasswordHash::imported(hash).unwrap()),
        at,
    );
    let act = Act {
        actor: Actor::System,
        at,
        request_id: None,
        keep: None,
    };
    let store = &app.running().service().store;
    app.running().wait(store.import_users(vec![user], &act)).unwrap() == [true]
}

fn log_in(app: &App, address: &str, password: &str) -> accounts_tests::client::Request {
    app.client()
        .post("/v1/sessions", json!({ "address": address, "password": password }))
}

fn stored(app: &App, address: &str) -> String {
    let key = EmailAddress::parse(address).unwrap().key().to_owned();
    let store = &app.running().service().store;
    let user = app.running().wait(store.user_by_address(key)).unwrap().unwrap();
    user.password_hash.unwrap().0
}

fn events(app: &App, kind: &str) -> usize {
    app.rows()["audit_events"]
        .iter()
        .filter(|event| event.contains(kind))
        .count()
}

/// Waits for what happens after an answer.
#[track_caller]
fn in_time(so: impl Fn() -> bool) {
    let began = Instant::now();
    while !so() {
        assert!(began.elapsed() < Duration::from_secs(20), "it never came to be");
        std::thread::sleep(Duration::from_millis(20));
    }
}

on_both! {
    fn r_08_a_hash_from_elsewhere_opens_and_is_upgraded(app) {
        for (number, hash) in FOREIGN.into_iter().enumerate() {
            let address = format!("ana{number}@lima.example");
            assert!(imported(app, &address, hash));
            log_in(app, &address, "quiet harbour, seven lamp").refused(401, "invalid-credentials");
            assert_eq!(stored(app, &address), hash);
            log_in(app, &address, PASSWORD).expect(201);
            in_time(|| stored(app, &address).starts_with(PRESENT));
            // It is the same password, and no session has ended.
            let session = log_in(app, &address, PASSWORD).expect(201);
            app.client().with_token(&session.text("access_token")).get("/v1/me").expect(200);
            log_in(app, &address, "quiet harbour, seven lamp").refused(401, "invalid-credentials");
            assert_eq!(app.mails_to(&address).len(), 0);
        }
        in_time(|| events(app, "user.password_hash_upgraded") == FOREIGN.len());
        assert_eq!(events(app, "user.imported"), FOREIGN.len());
    }

    fn r_08_a_hash_of_today_stays_as_it_is(app) {
        accounts_tests::given::owner(app, ADDRESS);
        let hash = stored(app, ADDRESS);
        log_in(app, ADDRESS, PASSWORD).expect(201);
        log_in(app, ADDRESS, PASSWORD).expect(201);
        assert_eq!((stored(app, ADDRESS), events(app, "user.password_hash_upgraded")), (hash, 0));
    }

    fn who_is_there_already_is_not_brought_along(app) {
        accounts_tests::given::owner(app, ADDRESS);
        let hash = stored(app, ADDRESS);
        assert!(!imported(app, "Ana@LIMA.example", FOREIGN[2]));
        assert_eq!(stored(app, ADDRESS), hash);
        log_in(app, ADDRESS, PASSWORD).expect(201);
    }
}
