//! The database file is held by somebody else, damaged, or of a later time.

use std::{
    fs::{self, OpenOptions},
    io::{Seek, SeekFrom, Write},
    time::Instant,
};

use accounts_store::schema_walk;
use tempfile::TempDir;

use super::{figures::tell_times, process::Start};

#[test]
fn while_another_process_holds_the_file_writes_are_503_and_reads_go_on() {
    let folder = TempDir::new().unwrap();
    let start = Start::within(folder.path());
    let service = start.serve();
    let ana = service.ana();
    let contact = ana.contacts.first().unwrap();
    assert_eq!(ana.renames(contact, "Before").status(), 200);
    schema_walk::by_hand_during(&start.database(), "BEGIN EXCLUSIVE", || {
        let mut times = Vec::new();
        for _ in 0..3 {
            let asked = Instant::now();
            let answer = ana.renames(contact, "Lost");
            times.push(asked.elapsed());
            assert_eq!(answer.status(), 503, "{answer}");
            answer.header("Retry-After");
            assert_eq!(ana.name_of(contact), "Before");
        }
        tell_times("SQLite locked: 503 to a write", &mut times);
    })
    .unwrap();
    // What was given up before is not done later.
    assert_eq!(ana.name_of(contact), "Before");
    let mut after = ana.renames(contact, "After");
    for _ in 0..20 {
        if after.status() == 200 {
            break;
        }
        after = ana.renames(contact, "After");
    }
    assert_eq!(after.status(), 200, "{after}");
    service.stop();
    start.finds_nothing_broken();
}

#[test]
fn a_file_that_is_no_database_is_refused_at_the_start() {
    let folder = TempDir::new().unwrap();
    let start = Start::within(folder.path());
    fs::create_dir(start.data()).unwrap();
    fs::write(start.data().join("accounts.db"), "a letter to a friend. ".repeat(500)).unwrap();
    let (status, said) = start.try_to_serve().err().unwrap();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(
        said.contains("the database cannot be opened: file is not a database"),
        "{said}"
    );
    let output = start.run(&["check-db"]);
    assert_eq!(output.status.code(), Some(1));
    // Nobody has touched it.
    assert_eq!(
        fs::read_to_string(start.data().join("accounts.db")).unwrap(),
        "a letter to a friend. ".repeat(500)
    );
}

#[test]
fn what_is_damaged_is_a_500_or_503_and_the_process_lives() {
    let folder = TempDir::new().unwrap();
    let start = Start::within(folder.path());
    start.serve().stop();
    // Everything behind the schema, so that the file still opens.
    let path = start.data().join("accounts.db");
    let pages = fs::metadata(&path).unwrap().len() / 4096;
    let service = start.serve();
    let mut file = OpenOptions::new().write(true).open(&path).unwrap();
    file.seek(SeekFrom::Start(4096 * (pages / 2))).unwrap();
    for _ in pages / 2..pages {
        file.write_all(&[0xa5; 4096]).unwrap();
    }
    let log_in = || {
        service.client().post(
            "/v1/sessions",
            accounts_tests::json!({ "address": "ana@demo.example", "password": "seven lamps in the harbour" }),
        )
    };
    let mut refused = 0;
    for _ in 0..5 {
        let answer = log_in().send();
        assert!([201, 401, 500, 503].contains(&answer.status()), "{answer}");
        if answer.status() >= 500 {
            refused += 1;
            for word in ["malformed", "SQL", "database", "disk"] {
                assert!(!answer.body().contains(word), "{answer}");
            }
        }
        service.client().get("/healthz").expect(200);
        service.client().get("/v1/catalog").expect(200);
    }
    assert!(refused > 0, "the damage was not met");
    drop(service);
    assert_ne!(start.run(&["check-db"]).status.code(), Some(0));
}

#[test]
fn a_file_of_a_newer_version_is_refused_at_the_start() {
    let folder = TempDir::new().unwrap();
    let start = Start::within(folder.path());
    start.serve().stop();
    schema_walk::by_hand(
        &start.database(),
        "INSERT INTO __diesel_schema_migrations (version) VALUES ('99990101000000')",
    )
    .unwrap();
    let (status, said) = start.try_to_serve().err().unwrap();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(
        said.contains("schema of a newer version (unknown here: 99990101000000): run that version or a later one"),
        "{said}"
    );
    schema_walk::by_hand(
        &start.database(),
        "DELETE FROM __diesel_schema_migrations WHERE version = '99990101000000'",
    )
    .unwrap();
    start.serve().ana();
}
