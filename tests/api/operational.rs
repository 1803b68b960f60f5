//! What the service says about itself, and what it answers while something that it needs is away.

use std::time::{Duration, Instant};

use accounts_tests::{
    App, Db, Setup,
    given::{self, PASSWORD},
    json, on_both, postgres,
};

on_both! {
    fn r_66_health_says_no_more_than_it_must(app) {
        for path in ["/healthz", "/readyz"] {
            let answer = app.client().get(path).expect(200);
            assert_eq!(answer.json(), &json!({ "status": "ok" }));
            assert_eq!(answer.header("Cache-Control"), "no-store");
        }
        app.client().get("/metrics").refused(404, "not-found");
    }

    fn a_service_that_is_about_to_end_is_not_ready_and_still_answers(app) {
        let ana = given::owner(app, "ana@example.com");
        app.running().service().readiness.end();
        app.client()
            .get("/readyz")
            .refused(503, "unavailable")
            .header("Retry-After");
        app.client().get("/healthz").expect(200);
        ana.get("/v1/me").expect(200);
    }

    fn r_09_beyond_the_queue_of_the_hashing_threads_a_log_in_is_503(app) {
        given::owner(app, "ana@example.com");
        let running = app.running();
        let passwords = running.service().passwords.clone();
        // As many log-ins as keep the threads busy, and the queue full, for as long as this lasts.
        let flood = running.wait(async move {
            let flood = tokio::spawn(async move {
                loop {
                    let password = accounts_api::passwords::Password::offered("somebody else".to_owned());
                    let passwords = passwords.clone();
                    tokio::spawn(async move { passwords.verify(password, None).await.is_ok() });
                    tokio::time::sleep(Duration::from_micros(200)).await;
                }
            });
            flood.abort_handle()
        });
        let began = Instant::now();
        loop {
            let asked = Instant::now();
            let answer = app
                .client()
                .post(
                    "/v1/sessions",
                    json!({ "address": "ana@example.com", "password": PASSWORD }),
                )
                .send();
            assert!(asked.elapsed() < Duration::from_secs(5), "a log-in hangs\n{answer}");
            match answer.status() {
                201 => assert!(began.elapsed() < Duration::from_mins(1), "the queue is never full"),
                503 => {
                    assert_eq!(answer["code"], "unavailable");
                    answer.header("Retry-After");
                    break;
                }
                _ => panic!("{answer}"),
            }
        }
        // Whoever is logged in does not notice.
        app.client().get("/v1/catalog").expect(200);
        flood.abort();
    }
}

#[test]
fn while_the_database_is_away_every_request_is_503_and_then_it_is_over() {
    let app = &Setup::standard().start(Db::Postgres);
    let ana = given::owner(app, "ana@example.com");
    let url = app.database_url().unwrap();
    let database = url.rsplit('/').next().unwrap().split('?').next().unwrap();
    let elsewhere = url.replace(database, "postgres");
    let allow = |allowed: bool| {
        postgres::query(
            &elsewhere,
            &format!("ALTER DATABASE {database} WITH ALLOW_CONNECTIONS {allowed}"),
        )
        .unwrap();
    };
    allow(false);
    let kill = format!("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '{database}'");
    postgres::query(&elsewhere, &kill).unwrap();
    for _ in 0..3 {
        for request in [
            ana.get("/v1/me"),
            ana.post(
                ana.at("/contacts"),
                json!({ "display_name": "Bea", "address": "bea@example.com" }),
            ),
            app.client().post(
                "/v1/sessions",
                json!({ "address": "ana@example.com", "password": PASSWORD }),
            ),
            app.client()
                .post("/v1/password-resets", json!({ "address": "ana@example.com" })),
            app.client().get("/readyz"),
        ] {
            let asked = Instant::now();
            let answer = request.refused(503, "unavailable");
            answer.header("Retry-After");
            assert!(
                asked.elapsed() < Duration::from_secs(3),
                "{:?}\n{answer}",
                asked.elapsed()
            );
            // Nothing of the database is told.
            for word in ["postgres", "connection", "SQL", database] {
                assert!(!answer.body().contains(word), "{answer}");
            }
        }
    }
    app.client().get("/healthz").expect(200);
    allow(true);
    recovers(app);
    ana.get("/v1/me").expect(200);
}

fn recovers(app: &App) {
    let began = Instant::now();
    while app.client().get("/readyz").send().status() != 200 {
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "the service does not find its database again"
        );
    }
}
