//! The mail server is away, or worse. Whoever asks for something does not notice; mails wait and arrive once.

use std::{
    thread,
    time::{Duration, Instant},
};

use accounts_tests::{App, Db, Setup, given};
use chrono::TimeDelta;
use tempfile::TempDir;

use super::{
    figures::tell_times,
    post_office::{PostOffice, Way, link_in, recipient},
    process::Start,
};

fn start(office: &PostOffice) -> App {
    Setup::standard()
        .setting("ACCOUNTS_SMTP_URL", &office.url())
        .start(Db::Sqlite)
}

fn waiting(app: &App) -> u64 {
    let store = app.running().service().store.clone();
    app.running().wait(async move { store.mails_waiting().await }).unwrap()
}

fn eventually(what: &str, mut so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !so() {
        assert!(begun.elapsed() < Duration::from_secs(40), "{what}");
        thread::sleep(Duration::from_millis(50));
    }
}

/// Sign-ups are answered while the post office is as it is; once it works, each mail arrives once.
fn outlives(way: Way) {
    let office = PostOffice::open(way);
    let app = &start(&office);
    let mut times = Vec::new();
    // More than are on their way at once.
    for number in 0..12 {
        let asked = Instant::now();
        app.client()
            .post("/v1/sign-ups", given::sign_up(&format!("bea{number}@example.com")))
            .expect(202);
        times.push(asked.elapsed());
    }
    tell_times(&format!("SMTP {way:?}: answers to sign-ups"), &mut times);
    office.waits_for_a_caller();
    assert_eq!(waiting(app), 12);
    assert_eq!(office.taken().len(), 0);
    office.turns(Way::Takes);
    eventually("the mails do not arrive", || {
        // Those that were refused wait for a minute or five; the clock stands still until it is moved.
        app.clock().advance(TimeDelta::minutes(1));
        app.running().service().mail_waits.notify_one();
        waiting(app) == 0
    });
    let mut recipients: Vec<String> = office.taken().iter().map(|mail| recipient(mail)).collect();
    recipients.sort();
    let mut expected: Vec<String> = (0..12).map(|number| format!("bea{number}@example.com")).collect();
    expected.sort();
    assert_eq!(recipients, expected);
    // Each link works.
    let token = link_in(office.taken().first().unwrap());
    app.client()
        .post(
            "/v1/sign-ups/confirm",
            accounts_tests::json!({ "token": token, "password": given::PASSWORD }),
        )
        .expect(201);
}

#[test]
fn a_server_that_hangs_up() {
    outlives(Way::Refuses);
}

#[test]
fn a_server_that_says_nothing() {
    outlives(Way::Silent);
}

#[test]
fn a_server_that_stops_in_the_midst() {
    outlives(Way::StopsInTheMidst);
}

#[test]
fn a_server_that_asks_for_patience() {
    outlives(Way::NotYet);
}

#[test]
fn a_server_that_never_stops_talking() {
    outlives(Way::Endless);
}

#[test]
fn a_server_that_refuses_for_good_is_believed() {
    let office = PostOffice::open(Way::Never);
    let app = &start(&office);
    app.client()
        .post("/v1/sign-ups", given::sign_up("bea@example.com"))
        .expect(202);
    eventually("the mail is not given up", || waiting(app) == 0);
    office.turns(Way::Takes);
    app.clock().advance(TimeDelta::hours(5));
    app.client()
        .post("/v1/sign-ups", given::sign_up("cleo@example.com"))
        .expect(202);
    eventually("the other mail does not arrive", || waiting(app) == 0);
    assert_eq!(office.heard().len(), 2);
    assert_eq!(
        office.taken().iter().map(|mail| recipient(mail)).collect::<Vec<_>>(),
        ["cleo@example.com"]
    );
}

#[test]
fn the_log_tells_of_the_outage_and_of_no_secret() {
    let folder = TempDir::new().unwrap();
    for way in [Way::NotYet, Way::Never, Way::Endless, Way::Refuses] {
        let office = PostOffice::open(way);
        let service = Start::within(folder.path())
            .setting("ACCOUNTS_SMTP_URL", &office.url())
            .setting("ACCOUNTS_MAIL_FROM", "accounts@provider.example")
            .setting("ACCOUNTS_LOG", "debug")
            .serve();
        service
            .client()
            .post("/v1/sign-ups", given::sign_up("bea@example.com"))
            .expect(202);
        eventually("nothing is logged", || {
            ["a mail could not be sent", "a mail is given up"]
                .iter()
                .any(|said| service.log().contains(said))
        });
        for mail in office.heard() {
            let token = link_in(&mail);
            let (_, seal) = token.split_once('.').unwrap();
            assert!(
                !service.log().contains(seal),
                "{way:?}: the log holds the token of a link"
            );
        }
        service.stop();
        std::fs::remove_dir_all(folder.path().join("data")).unwrap();
    }
}
