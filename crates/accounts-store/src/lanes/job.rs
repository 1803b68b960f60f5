//! One call on its way through a lane.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::Verdict;
use crate::backend::{Conn, Trouble};
use crate::error::{Stop, StoreError, WriteError};
use crate::snapshots::Marks;

/// What a call needs around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing.
    Plain,
    /// One state of the database for all its queries.
    Snapshot,
    /// A transaction that may change rows.
    Write,
}

/// What a run of the closure asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    /// Commit.
    Keep,
    /// Roll back; the answer stands.
    Discard,
    /// Roll back; the answer is a fault of this kind, unless another run does better.
    Stopped(Trouble),
    /// Roll back; the closure panicked and may have left transactions open.
    Panicked,
}

/// A call, whatever its types.
pub(super) trait Job: Send {
    fn kind(&self) -> Kind;
    fn ticket(&self) -> &Ticket;
    /// Since when the call waits.
    fn age(&self) -> Duration;
    /// Runs the closure and keeps what it answered. Panics end here.
    fn attempt(&mut self, conn: &mut Conn) -> Attempt;
    /// Says that what the last run asked to keep is committed.
    fn committed(&mut self);
    /// Hands on what the last run answered.
    fn answer(self: Box<Self>);
    /// Answers with an error instead.
    fn fail(self: Box<Self>, error: StoreError);
}

/// On what the caller and the thread have agreed.
#[derive(Debug)]
pub(super) struct Ticket(AtomicU8);

const OPEN: u8 = 0;
const SETTLED: u8 = 1;
const ABANDONED: u8 = 2;

impl Ticket {
    pub(super) fn new() -> Self {
        Self(AtomicU8::new(OPEN))
    }

    /// The thread is about to commit. `false`: the caller has left, roll back.
    pub(super) fn settle(&self) -> bool {
        self.close_as(SETTLED)
    }

    /// The caller leaves. `false`: too late, the commit is under way.
    pub(super) fn abandon(&self) -> bool {
        self.close_as(ABANDONED)
    }

    pub(super) fn is_abandoned(&self) -> bool {
        self.0.load(Ordering::Acquire) == ABANDONED
    }

    fn close_as(&self, state: u8) -> bool {
        self.0
            .compare_exchange(OPEN, state, Ordering::AcqRel, Ordering::Acquire)
            .is_ok_and(|_| true)
            || self.0.load(Ordering::Acquire) == state
    }
}

/// Abandons the ticket when the caller goes away before its answer.
pub(super) struct Waiting(Arc<Ticket>);

impl Waiting {
    pub(super) fn new(ticket: &Arc<Ticket>) -> Self {
        Self(Arc::clone(ticket))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

/// A call with its types.
pub(super) struct Query<T, R, F> {
    kind: Kind,
    ticket: Arc<Ticket>,
    since: Instant,
    work: F,
    outcome: Option<Result<T, WriteError<R>>>,
    marks: Marks,
    reply: oneshot::Sender<Result<T, WriteError<R>>>,
}

impl<T, R, F> Query<T, R, F> {
    pub(super) fn new(
        kind: Kind,
        ticket: Arc<Ticket>,
        work: F,
        reply: oneshot::Sender<Result<T, WriteError<R>>>,
    ) -> Self {
        Self {
            kind,
            ticket,
            since: Instant::now(),
            work,
            outcome: None,
            marks: Marks::none(),
            reply,
        }
    }
}

impl<T, R, F> Job for Query<T, R, F>
where
    F: Fn(&mut Conn) -> Result<Verdict<T>, Stop<R>> + Send + 'static,
    T: Send + 'static,
    R: Send + 'static,
{
    fn kind(&self) -> Kind {
        self.kind
    }

    fn ticket(&self) -> &Ticket {
        &self.ticket
    }

    fn age(&self) -> Duration {
        self.since.elapsed()
    }

    fn attempt(&mut self, conn: &mut Conn) -> Attempt {
        // The connection is the only thing a panic could leave half done, and the lane looks after
        // that: it checks how many transactions are open.
        let run = catch_unwind(AssertUnwindSafe(|| (self.work)(conn)));
        let mut kept = Marks::none();
        let (attempt, outcome) = match run {
            Ok(Ok(Verdict::Keep(value, marks))) => {
                kept = marks;
                (Attempt::Keep, Ok(value))
            }
            Ok(Ok(Verdict::Discard(value))) => (Attempt::Discard, Ok(value)),
            Ok(Err(Stop::Refused(refusal))) => (Attempt::Discard, Err(WriteError::Refused(refusal))),
            Ok(Err(Stop::Fault(fault))) => (Attempt::Stopped(fault.trouble()), Err(WriteError::Store(fault.into()))),
            Err(panic) => (
                Attempt::Panicked,
                Err(WriteError::Store(StoreError::failed(panic_text(&*panic)))),
            ),
        };
        // The marks of an earlier run go here: what it did was rolled back.
        self.marks = kept;
        self.outcome = Some(outcome);
        attempt
    }

    fn committed(&mut self) {
        self.marks.committed();
    }

    fn answer(self: Box<Self>) {
        let Self {
            work,
            reply,
            outcome,
            marks,
            ..
        } = *self;
        // Whoever hears of the change and asks at once must not find the state before it.
        drop(marks);
        // The closure goes first: it may hold the last handle of the lanes, which this thread cannot wait for.
        drop(work);
        let outcome = outcome.unwrap_or_else(|| {
            Err(WriteError::Store(StoreError::failed(
                "a call was answered before it ran",
            )))
        });
        // A caller that is gone needs no answer.
        let _ = reply.send(outcome);
    }

    fn fail(self: Box<Self>, error: StoreError) {
        let Self { reply, marks, .. } = *self;
        drop(marks);
        let _ = reply.send(Err(WriteError::Store(error)));
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no text");
    format!("a query panicked: {text}")
}
