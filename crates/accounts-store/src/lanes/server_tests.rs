//! The lane of a server: what it does when transactions collide, when connections die, and when
//! nobody answers.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use chrono::DateTime;
use diesel::prelude::*;

use super::*;
use crate::backend::{Begin, Purpose};
use crate::postgres;
use crate::schema::throttles;
use crate::snapshots::Marks;

struct Place {
    lanes: Arc<Lanes>,
    database: Database,
    server: postgres::Database,
}

fn place() -> Place {
    let server = postgres::Database::migrated();
    let database: Database = server.url().parse().unwrap();
    let lanes = Arc::new(Lanes::open(Settings::new(database.clone())).unwrap());
    Place {
        lanes,
        database,
        server,
    }
}

fn add(conn: &mut Conn, key: &str) -> diesel::QueryResult<usize> {
    diesel::insert_into(throttles::table)
        .values((
            throttles::key.eq(key),
            throttles::window_started_at.eq(DateTime::UNIX_EPOCH.naive_utc()),
            throttles::count.eq(0),
        ))
        .execute(conn)
}

fn count_up(conn: &mut Conn, key: &str) -> diesel::QueryResult<usize> {
    diesel::update(throttles::table.find(key))
        .set(throttles::count.eq(throttles::count + 1))
        .execute(conn)
}

async fn counts(lanes: &Lanes) -> Vec<(String, i32)> {
    lanes
        .read(|conn| {
            Ok(throttles::table
                .select((throttles::key, throttles::count))
                .order(throttles::key)
                .load(conn)?)
        })
        .await
        .unwrap()
}

async fn with_rows(lanes: &Lanes, keys: &'static [&'static str]) {
    lanes
        .write(move |conn| {
            for key in keys {
                add(conn, key)?;
            }
            Ok::<_, Stop>(Verdict::Keep((), Marks::none()))
        })
        .await
        .unwrap();
}

/// Ends all connections of the lanes, as a restart of the server would.
fn kill_connections(url: &str) {
    postgres::query(
        url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
         WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadlock_is_resolved_by_trying_again() {
    let place = place();
    with_rows(&place.lanes, &["a", "b"]).await;
    let runs = Arc::new(AtomicUsize::new(0));
    let both_hold_one = Arc::new(Barrier::new(2));
    let cross = |first: &'static str, second: &'static str| {
        let (runs, meet) = (Arc::clone(&runs), Arc::clone(&both_hold_one));
        let lanes = Arc::clone(&place.lanes);
        tokio::spawn(async move {
            lanes
                .write(move |conn| {
                    count_up(conn, first)?;
                    if runs.fetch_add(1, Ordering::SeqCst) < 2 {
                        meet.wait();
                    }
                    count_up(conn, second)?;
                    Ok::<_, Stop>(Verdict::Keep((), Marks::none()))
                })
                .await
        })
    };
    let (one, other) = (cross("a", "b"), cross("b", "a"));
    one.await.unwrap().unwrap();
    other.await.unwrap().unwrap();
    assert!(runs.load(Ordering::SeqCst) > 2);
    assert_eq!(counts(&place.lanes).await, [("a".into(), 2), ("b".into(), 2)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_stays_locked_is_waited_for_but_not_for_ever() {
    let place = place();
    with_rows(&place.lanes, &["a"]).await;
    let mut other = Conn::open(&place.database, Purpose::Maintain).unwrap();
    other.begin(Begin::Write).unwrap();
    count_up(&mut other, "a").unwrap();
    let since = Instant::now();
    let blocked = place
        .lanes
        .write(|conn| Ok::<_, Stop>(Verdict::Keep(count_up(conn, "a")?, Marks::none())))
        .await;
    assert!(matches!(blocked, Err(WriteError::Store(StoreError::Unavailable(_)))));
    assert!(since.elapsed() < Duration::from_secs(2), "{:?}", since.elapsed());
    // Longer than one lock timeout, so that the answer comes from a second try.
    let release = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(1200));
        other.commit().unwrap();
    });
    place
        .lanes
        .write(|conn| Ok::<_, Stop>(Verdict::Keep(count_up(conn, "a")?, Marks::none())))
        .await
        .unwrap();
    release.join().unwrap();
    assert_eq!(counts(&place.lanes).await, [("a".into(), 2)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_connections_are_replaced_unnoticed() {
    let place = place();
    with_rows(&place.lanes, &["a"]).await;
    for round in 1..=3 {
        kill_connections(place.server.url());
        place
            .lanes
            .write(|conn| Ok::<_, Stop>(Verdict::Keep(count_up(conn, "a")?, Marks::none())))
            .await
            .unwrap();
        kill_connections(place.server.url());
        let seen = place
            .lanes
            .read_consistent(|conn| Ok(throttles::table.select(throttles::count).first::<i32>(conn)?))
            .await
            .unwrap();
        assert_eq!(seen, round);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_dies_before_the_commit_costs_another_run() {
    let place = place();
    let runs = Arc::new(AtomicUsize::new(0));
    let (counted, url) = (Arc::clone(&runs), place.server.url().to_owned());
    place
        .lanes
        .write(move |conn| {
            add(conn, "a")?;
            if counted.fetch_add(1, Ordering::SeqCst) == 0 {
                kill_connections(&url);
            }
            count_up(conn, "a")?;
            Ok::<_, Stop>(Verdict::Keep((), Marks::none()))
        })
        .await
        .unwrap();
    assert_eq!(runs.load(Ordering::SeqCst), 2);
    assert_eq!(counts(&place.lanes).await, [("a".into(), 1)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_is_cut_off_is_not_acknowledged() {
    let place = place();
    let url = place.server.url().to_owned();
    let answer = place
        .lanes
        .write(move |conn| {
            add(conn, "a")?;
            kill_connections(&url);
            Ok::<_, Stop>(Verdict::Keep((), Marks::none()))
        })
        .await;
    assert!(matches!(answer, Err(WriteError::Store(StoreError::Unavailable(_)))));
    assert_eq!(counts(&place.lanes).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_leaves_nothing_behind() {
    let place = place();
    let panicked = place
        .lanes
        .write(|conn| {
            conn.transaction::<(), diesel::result::Error, _>(|conn| {
                add(conn, "a")?;
                panic!("on purpose")
            })?;
            Ok::<_, Stop>(Verdict::Keep((), Marks::none()))
        })
        .await;
    assert!(matches!(panicked, Err(WriteError::Store(StoreError::Failed(_)))));
    with_rows(&place.lanes, &["b"]).await;
    assert_eq!(counts(&place.lanes).await, [("b".into(), 0)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consistent_read_sees_one_state() {
    let place = place();
    with_rows(&place.lanes, &["a"]).await;
    let database = place.database.clone();
    let seen = place
        .lanes
        .read_consistent(move |conn| {
            let count = |conn: &mut Conn| throttles::table.select(throttles::count).first::<i32>(conn);
            let before = count(conn)?;
            let mut other =
                Conn::open(&database, Purpose::Write).map_err(|error| Fault::stored("test", error.cause()))?;
            count_up(&mut other, "a")?;
            Ok((before, count(conn)?))
        })
        .await
        .unwrap();
    assert_eq!(seen, (0, 0));
    assert_eq!(counts(&place.lanes).await, [("a".into(), 1)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_falls_silent_is_given_up_in_time_and_found_again() {
    let server = postgres::Database::migrated();
    let gate = Gate::before(server.url());
    let lanes = Arc::new(Lanes::open(Settings::new(gate.url.parse().unwrap())).unwrap());
    with_rows(&lanes, &["a"]).await;
    gate.shut.store(true, Ordering::SeqCst);
    let since = Instant::now();
    // More than there are connections, so that some wait in the queue.
    let mut asked = Vec::new();
    for number in 0..20 {
        let lanes = Arc::clone(&lanes);
        asked.push(tokio::spawn(async move {
            if number % 2 == 0 {
                let read = lanes.read(|conn| Ok(throttles::table.count().get_result::<i64>(conn)?));
                read.await.map(|_| ())
            } else {
                lanes
                    .write(|conn| Ok::<_, Stop>(Verdict::Keep(count_up(conn, "a")?, Marks::none())))
                    .await
                    .map(|_| ())
                    .map_err(StoreError::from)
            }
        }));
    }
    for answer in asked {
        assert!(matches!(answer.await.unwrap(), Err(StoreError::Unavailable(_))));
    }
    assert!(since.elapsed() < Duration::from_secs(2), "{:?}", since.elapsed());
    gate.shut.store(false, Ordering::SeqCst);
    let patient = Instant::now();
    let seen = loop {
        let seen = lanes
            .read(|conn| Ok(throttles::table.select(throttles::count).first::<i32>(conn)?))
            .await;
        match seen {
            Ok(seen) => break seen,
            Err(_) => assert!(patient.elapsed() < Duration::from_secs(5)),
        }
    };
    // Nobody was told that a change happened, so none did.
    assert_eq!(seen, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn threads_without_a_connection_leave_the_calls_to_those_with_one() {
    let server = postgres::Database::migrated();
    let gate = Gate::before(server.url());
    let lanes = Lanes::open(Settings {
        readers: NonZeroUsize::new(3).unwrap(),
        ..Settings::new(gate.url.parse().unwrap())
    })
    .unwrap();
    let count = || lanes.read(|conn| Ok(throttles::table.count().get_result::<i64>(conn)?));
    let mut connected = 0;
    while connected < 3 {
        count().await.unwrap();
        let seen = postgres::query(
            server.url(),
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
        );
        connected = seen.unwrap().trim().parse().unwrap();
    }
    gate.full.store(true, Ordering::SeqCst);
    postgres::query(
        server.url(),
        "SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity \
         WHERE datname = current_database() AND pid <> pg_backend_pid() LIMIT 2) AS two",
    )
    .unwrap();
    // The calls that find the connection of their thread dead cannot be told from those that broke it.
    let mut refused = 0;
    for _ in 0..100 {
        refused += u32::from(count().await.is_err());
    }
    assert!(refused <= 2, "{refused} of 100");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_in_no_message() {
    let server = postgres::Database::empty();
    let refused: Database = server
        .url()
        .replace("accounts@127", "accounts:hush%2Dhush@127")
        .replace("sslmode=disable", "sslmode=verify-full")
        .parse()
        .unwrap();
    let error = Lanes::open(Settings::new(refused)).unwrap_err();
    for text in [error.to_string(), format!("{error:?}")] {
        assert!(!text.contains("hush"), "{text}");
        // The server of the tests speaks no TLS: that is refused unless the URL allows it.
        assert!(text.contains("SSL"), "{text}");
    }
}

/// A way to the server that can be shut without a word, like a cable that is pulled, or closed to newcomers.
struct Gate {
    url: String,
    shut: Arc<AtomicBool>,
    full: Arc<AtomicBool>,
}

impl Gate {
    fn before(url: &str) -> Self {
        let (_, rest) = url.split_once('@').unwrap();
        let (target, _) = rest.split_once('/').unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let own = listener.local_addr().unwrap().to_string();
        let shut = Arc::new(AtomicBool::new(false));
        let full = Arc::new(AtomicBool::new(false));
        let (gate, no_more) = (Arc::clone(&shut), Arc::clone(&full));
        let (target, url) = (target.to_owned(), url.replace(target, &own));
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.unwrap();
                if no_more.load(Ordering::SeqCst) {
                    continue;
                }
                let server = TcpStream::connect(&target).unwrap();
                for (from, to) in [
                    (client.try_clone().unwrap(), server.try_clone().unwrap()),
                    (server, client),
                ] {
                    let gate = Arc::clone(&gate);
                    std::thread::spawn(move || carry(from, to, &gate));
                }
            }
        });
        Self { url, shut, full }
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, shut: &AtomicBool) {
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        while shut.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(5));
        }
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(std::net::Shutdown::Both);
}
