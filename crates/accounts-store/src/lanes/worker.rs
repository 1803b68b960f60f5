//! What a thread of a lane does.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use super::QUEUE_WAIT;
use super::job::{Attempt, Job, Kind};
use crate::backend::{Begin, Conn, Database, OpenError, Purpose, Trouble};
use crate::error::{Fault, StoreError};

/// How often a transaction is tried in all.
const TRIES: u32 = 3;
/// How many calls share one commit at most: the last of them waits for the first.
const GROUP: usize = 128;

/// How long a thread that found no connection waits before it tries again, while others have one.
const RECONNECT: Duration = Duration::from_millis(250);

/// What the threads of a lane have in common.
#[derive(Clone, Debug)]
pub(super) struct Crew {
    /// How many of them have a connection.
    connected: Arc<AtomicUsize>,
    /// Disconnected when the lanes close.
    closing: Receiver<()>,
    /// Whoever waits for the threads to end waits until the last of these is gone.
    _alive: Sender<()>,
}

impl Crew {
    /// Threads that end when `closing` is disconnected and hold `alive` until then.
    pub(super) fn new(closing: Receiver<()>, alive: Sender<()>) -> Self {
        Self {
            connected: Arc::default(),
            closing,
            _alive: alive,
        }
    }
}

/// How a thread takes calls from its queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    /// One at a time.
    Each,
    /// All that are waiting, in one transaction; it never waits for company.
    Grouping,
}

/// Starts a thread that serves `queue` until nobody can send to it any more.
pub(super) fn start(
    name: String,
    database: &Arc<Database>,
    lane: Lane,
    queue: Receiver<Box<dyn Job>>,
    crew: &Crew,
) -> Result<JoinHandle<()>, OpenError> {
    let crew = crew.clone();
    let mut desk = Desk {
        database: Arc::clone(database),
        connected: Arc::clone(&crew.connected),
        purpose: match lane {
            Lane::Each => Purpose::Read,
            Lane::Grouping => Purpose::Write,
        },
        conn: None,
    };
    thread::Builder::new()
        .name(name)
        .spawn(move || {
            // The first call should not pay for the connection. A failure is reported by the call
            // that needs it.
            let _ = desk.conn();
            match lane {
                Lane::Each => serve_each(&mut desk, &queue, &crew.closing),
                Lane::Grouping => serve_groups(&mut desk, &queue),
            }
            drop(crew);
        })
        .map_err(|error| StoreError::unavailable(error.to_string()).into())
}

fn serve_each(desk: &mut Desk, queue: &Receiver<Box<dyn Job>>, closing: &Receiver<()>) {
    loop {
        leave_it_to_the_connected(desk, closing);
        let Ok(job) = queue.recv() else {
            return;
        };
        if let Some(job) = still_wanted(job) {
            run_alone(desk, job);
        }
    }
}

/// A thread without a connection takes no call as long as others have one: it would turn away what they can answer,
/// and be the quickest to do so. Where nobody has one, whoever is free says that the database is out of reach.
fn leave_it_to_the_connected(desk: &mut Desk, closing: &Receiver<()>) {
    while desk.conn.is_none() && desk.connected.load(Ordering::Acquire) > 0 && desk.conn().is_err() {
        if closing.recv_timeout(RECONNECT) != Err(RecvTimeoutError::Timeout) {
            return;
        }
    }
}

fn serve_groups(desk: &mut Desk, queue: &Receiver<Box<dyn Job>>) {
    for first in queue {
        let jobs = std::iter::once(first)
            .chain(queue.try_iter().take(GROUP - 1))
            .filter_map(still_wanted)
            .collect();
        run_group(desk, jobs);
    }
}

/// Turns away what has waited too long; nobody would wait for the answer.
fn still_wanted(job: Box<dyn Job>) -> Option<Box<dyn Job>> {
    if job.ticket().is_abandoned() {
        None
    } else if job.age() > QUEUE_WAIT {
        job.fail(StoreError::unavailable("waited too long for a connection"));
        None
    } else {
        Some(job)
    }
}

/// A thread's connection, reopened when it was lost.
struct Desk {
    database: Arc<Database>,
    /// How many threads of the lane have a connection, this one among them.
    connected: Arc<AtomicUsize>,
    purpose: Purpose,
    conn: Option<Conn>,
}

impl Desk {
    fn conn(&mut self) -> Result<&mut Conn, StoreError> {
        match &mut self.conn {
            Some(conn) => Ok(conn),
            empty => {
                let opened = Conn::open(&self.database, self.purpose).inspect_err(|error| {
                    tracing::warn!(cause = error.cause(), "the database cannot be reached");
                })?;
                self.connected.fetch_add(1, Ordering::AcqRel);
                Ok(empty.insert(opened))
            }
        }
    }

    /// Closes the connection; the server or the file rolls back what was open on it.
    fn give_up(&mut self, reason: &str) {
        if self.conn.take().is_some() {
            self.connected.fetch_sub(1, Ordering::AcqRel);
            tracing::warn!(reason, "a database connection was given up");
        }
    }

    /// Keeps the connection only if no transaction is open on it.
    fn keep_if_clean(&mut self) {
        if self.conn.as_mut().is_some_and(|conn| conn.depth() != Some(0)) {
            self.give_up("a transaction was left open");
        }
    }
}

/// How one try of a call ended.
enum Try {
    /// Its answer stands.
    Done,
    /// Nothing was done, and another try may do it; the error is for the case that there is none.
    Again(StoreError),
    /// Nothing more to try.
    Over(StoreError),
}

/// Runs one call, in a transaction of its own if it needs one.
fn run_alone(desk: &mut Desk, mut job: Box<dyn Job>) {
    for tried in 1..=TRIES {
        if job.ticket().is_abandoned() {
            return;
        }
        let ended = try_once(desk, job.as_mut());
        desk.keep_if_clean();
        match ended {
            Try::Done => return job.answer(),
            Try::Again(_) if tried < TRIES && job.age() < QUEUE_WAIT => pause(tried),
            Try::Again(error) | Try::Over(error) => return job.fail(error),
        }
    }
}

fn try_once(desk: &mut Desk, job: &mut dyn Job) -> Try {
    let conn = match desk.conn() {
        Ok(conn) => conn,
        Err(error) => return Try::Over(error),
    };
    let begin = match job.kind() {
        Kind::Plain => None,
        Kind::Snapshot => Some(Begin::Snapshot),
        Kind::Write => Some(Begin::Write),
    };
    let base = u32::from(begin.is_some());
    if let Some(Err(error)) = begin.map(|begin| conn.begin(begin)) {
        return failed_before_commit(desk, error.into());
    }
    let attempt = job.attempt(conn);
    let balanced = conn.depth() == Some(base);
    let keep = balanced && begin == Some(Begin::Write) && attempt == Attempt::Keep && job.ticket().settle();
    if keep {
        return match conn.commit() {
            Ok(()) => {
                job.committed();
                Try::Done
            }
            Err(error) => failed_at_commit(desk, error.into()),
        };
    }
    // Rolling back what a broken connection had begun fails, and does not matter: it is closed.
    let rolled_back = conn.unwind_to(0);
    match attempt {
        // It has swallowed a panic or an error: what it asks to keep is not what it did.
        Attempt::Keep | Attempt::Discard if !balanced => {
            desk.give_up("a query left a transaction open");
            Try::Over(StoreError::failed("a query left a transaction open"))
        }
        Attempt::Keep | Attempt::Discard => {
            if rolled_back.is_err() {
                // The answer was read or refused before; only the connection is lost.
                desk.give_up("rolling back failed");
            }
            Try::Done
        }
        Attempt::Panicked => {
            desk.give_up("a query panicked");
            Try::Done
        }
        Attempt::Stopped(Trouble::Again) => Try::Again(StoreError::unavailable("lost against other transactions")),
        Attempt::Stopped(Trouble::Broken) => {
            desk.give_up("the connection broke");
            Try::Again(StoreError::unavailable("the connection broke"))
        }
        Attempt::Stopped(Trouble::Out | Trouble::Unique | Trouble::ForeignKey | Trouble::Other) => Try::Done,
    }
}

/// Nothing reached the disk: whatever is worth another try may have it.
fn failed_before_commit(desk: &mut Desk, fault: Fault) -> Try {
    let trouble = fault.trouble();
    let error = StoreError::from(fault);
    match trouble {
        Trouble::Again => Try::Again(error),
        Trouble::Broken => {
            desk.give_up(error.cause());
            Try::Again(error)
        }
        Trouble::Out | Trouble::Unique | Trouble::ForeignKey | Trouble::Other => Try::Over(error),
    }
}

/// A commit that was refused changed nothing; one that broke off may have.
fn failed_at_commit(desk: &mut Desk, fault: Fault) -> Try {
    let trouble = fault.trouble();
    let error = StoreError::from(fault);
    match trouble {
        Trouble::Again => Try::Again(error),
        Trouble::Broken => {
            desk.give_up("the connection broke during a commit");
            Try::Over(StoreError::unavailable(format!(
                "the connection broke during a commit, whose outcome is unknown: {}",
                error.cause()
            )))
        }
        Trouble::Out | Trouble::Unique | Trouble::ForeignKey | Trouble::Other => Try::Over(error),
    }
}

/// Runs calls in one transaction, each in a savepoint, and answers them once it is committed. If
/// the transaction as a whole cannot be, each call gets one of its own: none suffers for another.
fn run_group(desk: &mut Desk, mut jobs: Vec<Box<dyn Job>>) {
    if jobs.len() > 1 {
        match commit_group(desk, &mut jobs) {
            Ok(()) => {
                for mut job in jobs {
                    job.committed();
                    job.answer();
                }
                return;
            }
            Err(error) => {
                desk.give_up(error.cause());
            }
        }
    }
    for job in jobs {
        run_alone(desk, job);
    }
}

/// Leaves out of `jobs` whose caller has gone. After an error nothing was committed.
fn commit_group(desk: &mut Desk, jobs: &mut Vec<Box<dyn Job>>) -> Result<(), StoreError> {
    let conn = desk.conn()?;
    conn.begin(Begin::Write).map_err(Fault::from)?;
    let mut kept = false;
    let mut trouble = None;
    jobs.retain_mut(|job| {
        if trouble.is_some() {
            return true;
        }
        match run_in_savepoint(conn, job.as_mut()) {
            Ok(Place::Kept) => {
                kept = true;
                true
            }
            Ok(Place::RolledBack) => true,
            Ok(Place::Gone) => false,
            Err(error) => {
                trouble = Some(error);
                true
            }
        }
    });
    if let Some(error) = trouble {
        return Err(error);
    }
    // With any other depth the commit would only release a savepoint, and the answers would lie.
    if conn.depth() != Some(1) {
        return Err(StoreError::failed("the group's transaction is not open"));
    }
    if kept {
        conn.commit().map_err(Fault::from)?;
    } else {
        conn.unwind_to(0).map_err(Fault::from)?;
    }
    if conn.depth() == Some(0) {
        Ok(())
    } else {
        Err(StoreError::failed("the group's transaction did not end"))
    }
}

/// What became of a call in its group.
enum Place {
    Kept,
    RolledBack,
    Gone,
}

/// # Errors
/// When the transaction around it can no longer be trusted.
fn run_in_savepoint(conn: &mut Conn, job: &mut dyn Job) -> Result<Place, StoreError> {
    if job.ticket().is_abandoned() {
        return Ok(Place::Gone);
    }
    conn.savepoint().map_err(Fault::from)?;
    let attempt = job.attempt(conn);
    let depth = conn.depth();
    if attempt == Attempt::Keep && depth == Some(2) {
        if job.ticket().settle() {
            conn.commit().map_err(Fault::from)?;
            return Ok(Place::Kept);
        }
        conn.unwind_to(1).map_err(Fault::from)?;
        return Ok(Place::Gone);
    }
    // This also closes what a panic left open inside the savepoint; it fails if SQLite itself has
    // rolled back the whole transaction, as it does when the disk is full.
    conn.unwind_to(1).map_err(Fault::from)?;
    match attempt {
        Attempt::Keep => Err(StoreError::failed("a call left a transaction open")),
        Attempt::Stopped(Trouble::Again | Trouble::Broken | Trouble::Out) => {
            Err(StoreError::unavailable("the group's transaction failed"))
        }
        Attempt::Discard
        | Attempt::Panicked
        | Attempt::Stopped(Trouble::Unique | Trouble::ForeignKey | Trouble::Other) => Ok(Place::RolledBack),
    }
}

/// A few milliseconds, different for each thread: who collided must not collide again.
fn pause(tried: u32) {
    let random = RandomState::new().hash_one(tried) % 20;
    thread::sleep(Duration::from_millis(5 + random) * tried);
}
