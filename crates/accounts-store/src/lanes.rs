//! The way to the database: threads that own their connection, and queues in front of them.
//!
//! A lane is a bounded queue and the threads that serve it. A database with one writer has two: one
//! thread that changes rows and groups the commits of whatever is waiting, and some that read. A
//! server has one lane, whose threads do both, each change in a transaction of its own.
//!
//! Nobody waits for ever. Who has waited [`QUEUE_WAIT`] for a thread, or [`PATIENCE`] in all, is
//! told that the database is out of reach, and what was asked is then not done: the waiting side
//! and the thread agree by a [`job::Ticket`] on who was first. Only when the commit is under way is
//! the outcome waited for, and only for [`COMMIT_GRACE`] more.

mod job;
#[cfg(test)]
mod server_tests;
#[cfg(test)]
mod tests;
mod worker;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::backend::{self, Conn, Database, FileLock, OpenError};
use crate::error::{Fault, Stop, StoreError, WriteError};
use crate::snapshots::Marks;
use job::{Job, Kind, Query, Ticket, Waiting};
use worker::Crew;

/// How long a call may wait for a thread.
pub(crate) const QUEUE_WAIT: Duration = Duration::from_millis(1500);
/// How long a call may take in all before it is given up.
const PATIENCE: Duration = Duration::from_millis(1750);
/// How much longer the outcome of a commit is waited for.
const COMMIT_GRACE: Duration = Duration::from_millis(200);
/// How many calls may wait for a lane; beyond it they are refused at once.
const QUEUE_LENGTH: usize = 1024;
/// How long closing waits for threads that hang on a dead server.
const CLOSE_LIMIT: Duration = Duration::from_secs(10);

/// What [`Lanes::open`] needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the database is.
    pub database: Database,
    /// The number of threads, each with a connection, that read; with a server they also write.
    pub readers: NonZeroUsize,
    /// Whether missing migrations are run at the opening; otherwise they are an error.
    pub migrate: bool,
}

impl Settings {
    /// The usual sizes for `database`, and migrations run at the opening.
    pub fn new(database: Database) -> Self {
        let readers = NonZeroUsize::new(database.usual_readers()).unwrap_or(NonZeroUsize::MIN);
        Self {
            database,
            readers,
            migrate: true,
        }
    }
}

/// What becomes of the changes of a closure that succeeded.
#[derive(Debug)]
pub(crate) enum Verdict<T> {
    /// They are committed, and the value answered once they are on disk and the marks are gone.
    Keep(T, Marks),
    /// They are rolled back, and the value answered all the same.
    Discard(T),
}

/// The open database. Dropping it refuses new work, finishes what is queued, and waits for the
/// threads to end, for 10 seconds at most.
#[derive(Debug)]
pub struct Lanes {
    reads: Option<Sender<Box<dyn Job>>>,
    /// The same queue as `reads` on a server.
    writes: Option<Sender<Box<dyn Job>>>,
    threads: Vec<std::thread::JoinHandle<()>>,
    /// Dropped to tell the threads that wait for a connection that there is nothing more to wait for.
    open: Option<Sender<()>>,
    /// Disconnected once the last thread has ended.
    ended: Receiver<()>,
    /// Whether all changes are made on one thread of this process.
    one_writer: bool,
    _lock: FileLock,
}

impl Lanes {
    /// Takes the file lock, migrates, and starts the threads. It blocks: call it before the
    /// runtime serves, or on a blocking thread.
    ///
    /// # Errors
    /// Whatever keeps the database from being served, for the operator.
    pub fn open(settings: Settings) -> Result<Self, OpenError> {
        let lock = FileLock::take(&settings.database)?;
        if settings.migrate {
            for name in backend::migrate_locked(&settings.database)? {
                tracing::info!(migration = name, "the database was migrated");
            }
        } else {
            let names = backend::pending(&settings.database)?;
            if !names.is_empty() {
                return Err(OpenError::Pending { names });
            }
        }
        let database = Arc::new(settings.database);
        let (alive, ended) = crossbeam_channel::bounded(0);
        let (open, closing) = crossbeam_channel::bounded(0);
        let (reads, read_queue) = crossbeam_channel::bounded(QUEUE_LENGTH);
        let mut threads = Vec::new();
        let readers = Crew::new(closing.clone(), alive.clone());
        for number in 0..settings.readers.get() {
            threads.push(worker::start(
                format!("accounts-db-{number}"),
                &database,
                worker::Lane::Each,
                read_queue.clone(),
                &readers,
            )?);
        }
        let writes = if database.has_one_writer() {
            let (writes, write_queue) = crossbeam_channel::bounded(QUEUE_LENGTH);
            threads.push(worker::start(
                "accounts-db-writer".to_owned(),
                &database,
                worker::Lane::Grouping,
                write_queue,
                &Crew::new(closing, alive),
            )?);
            writes
        } else {
            reads.clone()
        };
        Ok(Self {
            one_writer: database.has_one_writer(),
            reads: Some(reads),
            writes: Some(writes),
            threads,
            open: Some(open),
            ended,
            _lock: lock,
        })
    }

    /// Whether nobody else changes the database, and all changes are made one after the other.
    pub(crate) fn one_writer(&self) -> bool {
        self.one_writer
    }

    /// Runs queries outside a transaction: right for one query, or for several that need not agree.
    /// The closure runs again if the connection turns out to be dead.
    pub(crate) async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        F: Fn(&mut Conn) -> Result<T, Fault> + Send + 'static,
        T: Send + 'static,
    {
        self.read_as(Kind::Plain, work).await
    }

    /// Runs queries that all see one state of the database.
    pub(crate) async fn read_consistent<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        F: Fn(&mut Conn) -> Result<T, Fault> + Send + 'static,
        T: Send + 'static,
    {
        self.read_as(Kind::Snapshot, work).await
    }

    /// Runs the closure in a transaction (or a savepoint of one that others share) and answers once
    /// its changes are on disk. Whatever it does not [`Verdict::Keep`] is rolled back.
    ///
    /// The closure may run several times, each time on the state as it was before, until one of the
    /// runs is committed: it must have no effect but on the connection.
    pub(crate) async fn write<T, R, F>(&self, work: F) -> Result<T, WriteError<R>>
    where
        F: Fn(&mut Conn) -> Result<Verdict<T>, Stop<R>> + Send + 'static,
        T: Send + 'static,
        R: Send + 'static,
    {
        self.submit(self.writes.as_ref(), Kind::Write, work).await
    }

    /// How many calls wait for a thread that reads and for one that writes; one queue on a server.
    pub(crate) fn waiting(&self) -> (usize, usize) {
        let length = |queue: &Option<Sender<_>>| queue.as_ref().map_or(0, Sender::len);
        (length(&self.reads), length(&self.writes))
    }

    async fn read_as<T, F>(&self, kind: Kind, work: F) -> Result<T, StoreError>
    where
        F: Fn(&mut Conn) -> Result<T, Fault> + Send + 'static,
        T: Send + 'static,
    {
        let discarded = move |conn: &mut Conn| Ok(Verdict::Discard(work(conn)?));
        self.submit(self.reads.as_ref(), kind, discarded)
            .await
            .map_err(StoreError::from)
    }

    async fn submit<T, R, F>(
        &self,
        lane: Option<&Sender<Box<dyn Job>>>,
        kind: Kind,
        work: F,
    ) -> Result<T, WriteError<R>>
    where
        F: Fn(&mut Conn) -> Result<Verdict<T>, Stop<R>> + Send + 'static,
        T: Send + 'static,
        R: Send + 'static,
    {
        let lane = lane.ok_or_else(stopping)?;
        let ticket = Arc::new(Ticket::new());
        let (reply, mut answer) = oneshot::channel();
        lane.try_send(Box::new(Query::new(kind, Arc::clone(&ticket), work, reply)))
            .map_err(|error| match error {
                TrySendError::Full(_) => StoreError::unavailable("the queue is full"),
                TrySendError::Disconnected(_) => stopping(),
            })?;
        // A caller that is gone does not want the change either.
        let _waiting = Waiting::new(&ticket);
        let answered = match timeout(PATIENCE, &mut answer).await {
            Ok(answered) => answered,
            Err(_) if ticket.abandon() => {
                return Err(StoreError::unavailable("no answer in time").into());
            }
            Err(_) => timeout(COMMIT_GRACE, answer)
                .await
                .map_err(|_| StoreError::unavailable("no answer to a commit in time, its outcome is unknown"))?,
        };
        answered.map_err(|_| StoreError::failed("a database thread ended without an answer"))?
    }

    fn stop(&mut self) {
        self.reads = None;
        self.writes = None;
        self.open = None;
        match self.ended.recv_timeout(CLOSE_LIMIT) {
            Err(RecvTimeoutError::Disconnected) | Ok(()) => {
                for thread in self.threads.drain(..) {
                    if thread.join().is_err() {
                        tracing::error!("a database thread had panicked");
                    }
                }
            }
            Err(RecvTimeoutError::Timeout) => {
                tracing::error!("a database thread hangs and is left behind");
            }
        }
    }
}

impl Drop for Lanes {
    fn drop(&mut self) {
        self.stop();
    }
}

fn stopping() -> StoreError {
    StoreError::unavailable("the store is closing")
}
