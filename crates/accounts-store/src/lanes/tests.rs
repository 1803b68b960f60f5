//! The writer that groups commits: nobody's commit is lost to another's panic, and nothing is
//! acknowledged that is not on disk. Everything runs on a file; the server is tested where the
//! tests start one.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::DateTime;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::*;
use crate::backend::Begin;
use crate::schema::throttles;

type Answer = Result<usize, WriteError<&'static str>>;
type Work = Box<dyn Fn(&mut Conn) -> Result<Verdict<usize>, Stop<&'static str>> + Send>;

struct Place {
    lanes: Arc<Lanes>,
    database: Database,
    _folder: TempDir,
}

fn place() -> Place {
    let folder = TempDir::new().unwrap();
    let database = Database::Sqlite {
        path: folder.path().join("data").join("accounts.db"),
    };
    let lanes = Lanes::open(Settings::new(database.clone())).unwrap();
    Place {
        lanes: Arc::new(lanes),
        database,
        _folder: folder,
    }
}

fn add(conn: &mut Conn, key: &str) -> diesel::QueryResult<usize> {
    diesel::insert_into(throttles::table)
        .values((
            throttles::key.eq(key),
            throttles::window_started_at.eq(DateTime::UNIX_EPOCH.naive_utc()),
            throttles::count.eq(1),
        ))
        .execute(conn)
}

fn adds(key: &'static str) -> Work {
    Box::new(move |conn| Ok(Verdict::Keep(add(conn, key)?, Marks::none())))
}

fn nothing() -> Work {
    Box::new(|_| Ok(Verdict::Discard(0)))
}

async fn keys(lanes: &Lanes) -> Vec<String> {
    lanes
        .read(|conn| {
            Ok(throttles::table
                .select(throttles::key)
                .order(throttles::key)
                .load(conn)?)
        })
        .await
        .unwrap()
}

/// Keeps the writer busy with `work` until the sender is dropped, so that what follows is one group.
async fn hold(lanes: &Arc<Lanes>, work: Work) -> (Sender<()>, JoinHandle<Answer>) {
    let (release, held) = crossbeam_channel::bounded::<()>(0);
    let (started, running) = oneshot::channel();
    let started = Mutex::new(Some(started));
    let lanes = Arc::clone(lanes);
    let task = tokio::spawn(async move {
        lanes
            .write(move |conn| {
                if let Some(started) = started.lock().unwrap().take() {
                    started.send(()).unwrap();
                }
                let _ = held.recv_timeout(Duration::from_secs(5));
                work(conn)
            })
            .await
    });
    running.await.unwrap();
    (release, task)
}

/// Waits until `count` calls wait for the writer.
async fn queued(lanes: &Lanes, count: usize) {
    while lanes.waiting().1 < count {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Runs all of `work` in one group and answers their answers.
async fn in_one_group(lanes: &Arc<Lanes>, work: Vec<Work>) -> Vec<Answer> {
    let (release, held) = hold(lanes, nothing()).await;
    let mut tasks = Vec::new();
    for (number, work) in work.into_iter().enumerate() {
        let own = Arc::clone(lanes);
        tasks.push(tokio::spawn(async move { own.write(work).await }));
        queued(lanes, number + 1).await;
    }
    drop(release);
    held.await.unwrap().unwrap();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    answers
}

#[tokio::test]
async fn a_write_is_seen_by_the_next_read() {
    let place = place();
    place.lanes.write(adds("a")).await.unwrap();
    assert_eq!(keys(&place.lanes).await, ["a"]);
}

#[tokio::test]
async fn what_is_not_kept_is_rolled_back_and_still_answered() {
    let place = place();
    let answers = in_one_group(
        &place.lanes,
        vec![
            adds("a"),
            Box::new(|conn| Ok(Verdict::Discard(add(conn, "b")? + 40))),
            Box::new(|conn| {
                add(conn, "c")?;
                Err(Stop::Refused("no"))
            }),
            adds("a"),
            adds("d"),
        ],
    )
    .await;
    assert!(matches!(answers[0], Ok(1)));
    assert!(matches!(answers[1], Ok(41)));
    assert!(matches!(answers[2], Err(WriteError::Refused("no"))));
    assert!(matches!(answers[3], Err(WriteError::Store(StoreError::Failed(_)))));
    assert!(matches!(answers[4], Ok(1)));
    assert_eq!(keys(&place.lanes).await, ["a", "d"]);
}

#[tokio::test]
async fn a_panic_takes_nobody_else_along() {
    let place = place();
    let answers = in_one_group(
        &place.lanes,
        vec![
            adds("a"),
            Box::new(|conn| {
                // Two levels deep: the driver leaves both open when it unwinds.
                conn.transaction::<(), diesel::result::Error, _>(|conn| {
                    add(conn, "b")?;
                    conn.transaction(|conn| {
                        add(conn, "c")?;
                        panic!("on purpose")
                    })
                })?;
                Ok(Verdict::Keep(0, Marks::none()))
            }),
            adds("d"),
        ],
    )
    .await;
    assert!(matches!(answers[0], Ok(1)));
    assert!(matches!(answers[1], Err(WriteError::Store(StoreError::Failed(_)))));
    assert!(matches!(answers[2], Ok(1)));
    assert_eq!(keys(&place.lanes).await, ["a", "d"]);
    // What was acknowledged is on disk, not in a transaction that somebody left open.
    place.lanes.write(adds("e")).await.unwrap();
    let mut other = Conn::open(&place.database, crate::backend::Purpose::Read).unwrap();
    let seen: Vec<String> = throttles::table
        .select(throttles::key)
        .order(throttles::key)
        .load(&mut other)
        .unwrap();
    assert_eq!(seen, ["a", "d", "e"]);
}

#[tokio::test]
async fn a_transaction_left_open_is_never_acknowledged() {
    let place = place();
    let leaves_open = || -> Work {
        Box::new(|conn| {
            conn.savepoint()?;
            Ok(Verdict::Keep(add(conn, "b")?, Marks::none()))
        })
    };
    let ends_too_much = || -> Work {
        Box::new(|conn| {
            let added = add(conn, "c")?;
            conn.commit()?;
            Ok(Verdict::Keep(added, Marks::none()))
        })
    };
    for culprit in [leaves_open(), ends_too_much()] {
        let answers = in_one_group(&place.lanes, vec![adds("a"), culprit, adds("d")]).await;
        assert!(matches!(answers[0], Ok(1)), "{answers:?}");
        assert!(matches!(answers[1], Err(WriteError::Store(_))), "{answers:?}");
        assert!(matches!(answers[2], Ok(1)), "{answers:?}");
        let kept = keys(&place.lanes).await;
        assert!(kept.contains(&"a".to_owned()) && kept.contains(&"d".to_owned()));
        place
            .lanes
            .write(|conn| {
                diesel::delete(throttles::table).execute(conn)?;
                Ok::<_, Stop>(Verdict::Keep((), Marks::none()))
            })
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_commit_that_one_call_spoils_is_repeated_for_the_others() {
    let place = place();
    let orphan = |conn: &mut Conn| {
        // The key to the owner is checked at the commit, which it makes fail for all.
        use crate::schema::accounts;
        diesel::insert_into(accounts::table)
            .values((
                accounts::id.eq("acc_1"),
                accounts::name.eq("A"),
                accounts::sort_key.eq("a"),
                accounts::language.eq("en"),
                accounts::status.eq("active"),
                accounts::revision.eq(1),
                accounts::version.eq(1),
                accounts::created_at.eq(DateTime::UNIX_EPOCH.naive_utc()),
                accounts::updated_at.eq(DateTime::UNIX_EPOCH.naive_utc()),
            ))
            .execute(conn)
    };
    let answers = in_one_group(
        &place.lanes,
        vec![
            adds("a"),
            Box::new(move |conn| Ok(Verdict::Keep(orphan(conn)?, Marks::none()))),
            adds("b"),
        ],
    )
    .await;
    assert!(matches!(answers[0], Ok(1)));
    assert!(matches!(answers[1], Err(WriteError::Store(StoreError::Failed(_)))));
    assert!(matches!(answers[2], Ok(1)));
    assert_eq!(keys(&place.lanes).await, ["a", "b"]);
}

#[tokio::test]
async fn a_full_disk_fails_only_what_found_no_room() {
    let place = place();
    let too_much: Work = Box::new(|conn| {
        // The connection itself is the disk that is full here.
        conn.batch_execute("PRAGMA max_page_count=1")?;
        let key = "x".repeat(1_000_000);
        Ok(Verdict::Keep(add(conn, &key)?, Marks::none()))
    });
    let answers = in_one_group(&place.lanes, vec![adds("a"), adds("b"), too_much]).await;
    assert!(matches!(answers[0], Ok(1)), "{answers:?}");
    assert!(matches!(answers[1], Ok(1)), "{answers:?}");
    assert!(
        matches!(answers[2], Err(WriteError::Store(StoreError::Unavailable(_)))),
        "{answers:?}"
    );
    assert_eq!(keys(&place.lanes).await, ["a", "b"]);
}

#[tokio::test]
async fn what_waits_together_is_committed_together() {
    let place = place();
    place.lanes.write(adds("first")).await.unwrap();
    let before = commits(&place.database);
    let work = ["a", "b", "c", "d", "e"].map(adds).into();
    for answer in in_one_group(&place.lanes, work).await {
        answer.unwrap();
    }
    assert_eq!(commits(&place.database), before + 1);
    assert_eq!(keys(&place.lanes).await.len(), 6);
}

/// How many commits the write-ahead log holds: each ends in a frame that carries the size of the
/// database, the others carry zero.
fn commits(database: &Database) -> usize {
    let Database::Sqlite { path } = database else {
        return 0;
    };
    let mut name = path.clone().into_os_string();
    name.push("-wal");
    let log = std::fs::read(name).unwrap();
    let page = usize::try_from(u32::from_be_bytes(log[8..12].try_into().unwrap())).unwrap();
    log[32..]
        .chunks_exact(24 + page)
        .filter(|frame| frame[8..16] == log[16..24] && frame[4..8] != [0; 4])
        .count()
}

#[tokio::test]
async fn who_has_left_changes_nothing() {
    let place = place();
    let (release, held) = hold(&place.lanes, nothing()).await;
    let ran = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&ran);
    let own = Arc::clone(&place.lanes);
    let gone = tokio::spawn(async move {
        own.write(move |conn| {
            counted.fetch_add(1, Ordering::SeqCst);
            Ok::<_, Stop>(Verdict::Keep(add(conn, "gone")?, Marks::none()))
        })
        .await
    });
    queued(&place.lanes, 1).await;
    gone.abort();
    assert!(gone.await.unwrap_err().is_cancelled());
    drop(release);
    held.await.unwrap().unwrap();
    assert!(keys(&place.lanes).await.is_empty());
    assert_eq!(ran.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_writer_that_hangs_keeps_nobody_waiting() {
    let place = place();
    let (release, stuck) = hold(&place.lanes, adds("stuck")).await;
    let since = std::time::Instant::now();
    let answer = place.lanes.write(adds("late")).await;
    assert!(matches!(answer, Err(WriteError::Store(StoreError::Unavailable(_)))));
    assert!(matches!(
        stuck.await.unwrap(),
        Err(WriteError::Store(StoreError::Unavailable(_)))
    ));
    assert!(since.elapsed() < Duration::from_secs(2));
    drop(release);
    // Nobody was told that these happened, so they did not.
    place.lanes.write(adds("next")).await.unwrap();
    assert_eq!(keys(&place.lanes).await, ["next"]);
}

#[tokio::test]
async fn a_reader_cannot_write_and_sees_one_state() {
    let place = place();
    let refused = place.lanes.read(|conn| Ok(add(conn, "a")?)).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))));
    let database = place.database.clone();
    let counts = place
        .lanes
        .read_consistent(move |conn| {
            let count = |conn: &mut Conn| throttles::table.count().get_result::<i64>(conn);
            let before = count(conn)?;
            let mut other = Conn::open(&database, crate::backend::Purpose::Write)
                .map_err(|error| Fault::stored("test", error.cause()))?;
            other.begin(Begin::Write)?;
            add(&mut other, "b")?;
            other.commit()?;
            Ok((before, count(conn)?))
        })
        .await
        .unwrap();
    assert_eq!(counts, (0, 0));
    assert_eq!(keys(&place.lanes).await, ["b"]);
}

#[tokio::test]
async fn closing_finishes_what_is_queued() {
    let Place {
        lanes,
        database,
        _folder,
    } = place();
    let (release, held) = hold(&lanes, nothing()).await;
    let own = Arc::clone(&lanes);
    let last = tokio::spawn(async move {
        let answer = own.write(adds("a")).await;
        drop(own);
        answer
    });
    queued(&lanes, 1).await;
    drop(release);
    held.await.unwrap().unwrap();
    last.await.unwrap().unwrap();
    drop(Arc::into_inner(lanes).unwrap());
    // The lock is free again, and what was acknowledged is there.
    let lanes = Lanes::open(Settings::new(database)).unwrap();
    assert_eq!(keys(&lanes).await, ["a"]);
}

#[tokio::test]
async fn one_process_serves_a_file() {
    let place = place();
    let second = Lanes::open(Settings::new(place.database.clone()));
    assert!(matches!(second, Err(OpenError::InUse { .. })));
}

#[cfg(unix)]
#[tokio::test]
async fn the_files_belong_to_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;

    let place = place();
    place.lanes.write(adds("a")).await.unwrap();
    let Database::Sqlite { path } = &place.database else {
        panic!("a file");
    };
    let folder = path.parent().unwrap();
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(folder), 0o700);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(mode(&entry.path()), 0o600, "{:?}", entry.file_name());
        names.push(entry.file_name().into_string().unwrap());
    }
    names.sort();
    assert_eq!(
        names,
        ["accounts.db", "accounts.db-shm", "accounts.db-wal", "accounts.db.lock"]
    );
}
