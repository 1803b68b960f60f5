//! PostgreSQL is stopped, slow, or has no connection to spare.

use std::{
    io::{BufRead, BufReader},
    process::Child,
    thread,
    time::{Duration, Instant},
};

use accounts_tests::{
    App, Setup,
    client::Request,
    cluster::Cluster,
    given::{self, PASSWORD, Person},
    json,
};

use super::{
    figures::{tell, tell_times},
    relay::Relay,
};

/// Beyond this a request hangs. What it takes is a figure; this is far more.
const HANGS: Duration = Duration::from_secs(10);

/// What reads, what writes, what anybody may ask, and what needs a password to be hashed.
fn requests(app: &App, ana: &Person<'_>) -> Vec<Request> {
    vec![
        ana.get("/v1/me"),
        ana.get(ana.at("/contacts")),
        ana.patch(ana.at(""), json!({ "name": "Lost" })),
        app.client().post(
            "/v1/sessions",
            json!({ "address": "ana@example.com", "password": PASSWORD }),
        ),
        app.client().post("/v1/sign-ups", given::sign_up("lost@example.com")),
        app.client().get("/readyz"),
    ]
}

/// Every request is refused, in time and politely.
fn out_of_reach(what: &str, app: &App, ana: &Person<'_>) {
    let mut times = Vec::new();
    for _ in 0..3 {
        // All at once, as they would come.
        let asked: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = requests(app, ana)
                .into_iter()
                .map(|request| {
                    scope.spawn(move || {
                        let asked = Instant::now();
                        (request.send(), asked.elapsed())
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        for (answer, time) in asked {
            assert_eq!(answer.status(), 503, "{what}: {answer}");
            answer.header("Retry-After");
            for word in ["postgres", "SQL", "connection", "database"] {
                assert!(!answer.body().contains(word), "{answer}");
            }
            assert!(time < HANGS, "{what}: {time:?}\n{answer}");
            times.push(time);
        }
        app.client().get("/healthz").expect(200);
    }
    tell_times(&format!("{what}: 503"), &mut times);
}

/// It answers again by itself, and nothing that was refused has been done.
fn recovers(what: &str, app: &App, ana: &Person<'_>) {
    let began = Instant::now();
    while app.client().get("/readyz").send().status() != 200 {
        assert!(began.elapsed() < Duration::from_secs(30), "{what}: it does not recover");
    }
    tell(
        &format!("{what}: seconds until it is ready again"),
        began.elapsed().as_secs_f32(),
    );
    // A connection or two may still have to be found dead.
    while ana.patch(ana.at(""), json!({ "name": "After" })).send().status() != 200 {
        assert!(
            began.elapsed() < Duration::from_secs(30),
            "{what}: it does not write again"
        );
    }
    assert_eq!(ana.get(ana.at("")).expect(200).text("name"), "After");
    assert_eq!(
        app.mails_to("lost@example.com").len(),
        0,
        "{what}: what was refused was done"
    );
    ana.get(ana.at("/contacts")).expect(200);
}

#[test]
fn a_stopped_server_is_503_until_it_is_back() {
    let mut cluster = Cluster::start_with(&[]);
    let app = &Setup::standard().start_at(&cluster.url());
    let ana = given::owner(app, "ana@example.com");
    cluster.stop();
    out_of_reach("PostgreSQL stopped", app, &ana);
    cluster.start();
    recovers("PostgreSQL stopped", app, &ana);
}

#[test]
fn a_silent_server_is_503_until_it_speaks() {
    let cluster = Cluster::start_with(&[]);
    let relay = Relay::to(cluster.port());
    let app = &Setup::standard().start_at(&cluster.url_by(relay.port()));
    let ana = given::owner(app, "ana@example.com");
    relay.stalls();
    out_of_reach("PostgreSQL silent", app, &ana);
    relay.delays(0);
    recovers("PostgreSQL silent", app, &ana);
}

#[test]
fn a_slow_server_is_waited_for_as_long_as_there_is_time() {
    let cluster = Cluster::start_with(&[]);
    let relay = Relay::to(cluster.port());
    let app = &Setup::standard().start_at(&cluster.url_by(relay.port()));
    let ana = given::owner(app, "ana@example.com");
    for (delay, slow) in [(20, "a little slow"), (1_500, "very slow")] {
        relay.delays(delay);
        let mut times = Vec::new();
        let mut answered = 0;
        for number in 0..6 {
            for request in [
                ana.get("/v1/me"),
                ana.patch(ana.at(""), json!({ "name": format!("Slow {number}") })),
            ] {
                let asked = Instant::now();
                let answer = request.send();
                assert!([200, 503].contains(&answer.status()), "{answer}");
                assert!(asked.elapsed() < HANGS, "{answer}");
                answered += u32::from(answer.status() == 200);
                times.push(asked.elapsed());
            }
        }
        tell(
            &format!("PostgreSQL {slow} ({delay} ms for each message): answered of 12"),
            answered,
        );
        tell_times(&format!("PostgreSQL {slow}: 200 or 503"), &mut times);
    }
    relay.delays(0);
    recovers("PostgreSQL slow", app, &ana);
}

#[test]
fn a_row_that_stays_locked_is_503_for_those_who_need_it() {
    let cluster = Cluster::start_with(&[]);
    let app = &Setup::standard().start_at(&cluster.url());
    let ana = given::owner(app, "ana@example.com");
    let bea = given::owner(app, "bea@example.com");
    let lock = format!(
        "BEGIN; SELECT 1 FROM accounts WHERE id = '{}' FOR UPDATE; SELECT pg_sleep(60)",
        ana.account
    );
    let mut holder = cluster.query_beside(&[&lock]);
    until_there_are(
        &cluster,
        "query LIKE '%FOR UPDATE; SELECT pg_sleep%' AND pid <> pg_backend_pid()",
        1,
    );
    let mut times = Vec::new();
    for _ in 0..3 {
        let asked = Instant::now();
        let answer = ana
            .patch(ana.at(""), json!({ "name": "Lost" }))
            .refused(503, "unavailable");
        answer.header("Retry-After");
        times.push(asked.elapsed());
        // Whoever only reads, and whoever has another account, does not notice.
        ana.get(ana.at("")).expect(200);
        bea.patch(bea.at(""), json!({ "name": "Bea's" })).expect(200);
        app.client().get("/readyz").expect(200);
    }
    tell_times("PostgreSQL, row locked: 503 to a write", &mut times);
    end(&mut holder);
    cluster.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)' AND pid <> pg_backend_pid()").unwrap();
    recovers("PostgreSQL, row locked", app, &ana);
}

#[test]
fn without_a_connection_to_spare_it_is_503_until_there_is_one() {
    let mut cluster = Cluster::start_with(&["max_connections=16", "superuser_reserved_connections=0"]);
    let relay = Relay::to(cluster.port());
    let app = &Setup::standard().start_at(&cluster.url_by(relay.port()));
    let ana = given::owner(app, "ana@example.com");
    // Others are first when the server is back, and take every place.
    cluster.stop();
    relay.stalls();
    cluster.start();
    let mut others = Others::take_every_place(&cluster, 16);
    relay.delays(0);
    out_of_reach("PostgreSQL without connections", app, &ana);
    others.leave();
    // They sleep on inside the server until it ends them.
    cluster.stop();
    cluster.start();
    recovers("PostgreSQL without connections", app, &ana);
}

/// Other clients of the server. One of them watches, from inside, until all places are taken: a client that comes and
/// goes to ask would itself take a place, and leave it again.
struct Others(Vec<Child>);

impl Others {
    fn take_every_place(cluster: &Cluster, places: usize) -> Self {
        let mut watcher = cluster.query_beside(&[
            &format!(
                "DO $$ BEGIN
                     LOOP
                         EXIT WHEN (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') >= {places};
                         PERFORM pg_sleep(0.02), pg_stat_clear_snapshot();
                     END LOOP;
                 END $$"
            ),
            "SELECT 'full'",
            "SELECT pg_sleep(120)",
        ]);
        let said = watcher.stdout.take().unwrap();
        let full = thread::spawn(move || {
            BufReader::new(said)
                .lines()
                .map_while(Result::ok)
                .any(|line| line.contains("full"))
        });
        let mut others = vec![watcher];
        let began = Instant::now();
        while !full.is_finished() {
            assert!(began.elapsed() < Duration::from_secs(30), "there is still room");
            // One that found no place, because somebody was just leaving, makes room for the next.
            others.retain_mut(|other| matches!(other.try_wait(), Ok(None)));
            while others.len() < places {
                others.push(cluster.query_beside(&["SELECT pg_sleep(120)"]));
            }
            thread::sleep(Duration::from_millis(50));
        }
        assert!(full.join().unwrap(), "the watcher was turned away");
        Self(others)
    }

    fn leave(&mut self) {
        for other in &mut self.0 {
            end(other);
        }
    }
}

fn until_there_are(cluster: &Cluster, activity: &str, wanted: usize) {
    let began = Instant::now();
    let count = format!("SELECT count(*) FROM pg_stat_activity WHERE {activity}");
    while cluster.query(&count) != Ok(wanted.to_string()) {
        assert!(
            began.elapsed() < Duration::from_secs(30),
            "it does not come to that: {activity}"
        );
        thread::sleep(Duration::from_millis(20));
    }
}

fn end(child: &mut Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}
