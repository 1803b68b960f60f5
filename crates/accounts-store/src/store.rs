//! The store as the other crates see it.

use std::sync::Arc;

use accounts_domain::actor::{Actor, By};
use accounts_domain::catalog::Catalog;
use accounts_domain::violation::Violation;
use chrono::{DateTime, TimeDelta, Utc};

use crate::backend::{Conn, Database, OpenError};
use crate::error::{Fault, Stop, StoreError, WriteError};
use crate::lanes::{Lanes, Settings, Verdict};
use crate::live_use;
use crate::snapshots::{Marks, Snapshots};

/// The open database of the service, and the catalog that its decisions are made under. Clones share it.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) lanes: Arc<Lanes>,
    pub(crate) ground: Ground,
    /// For what takes too long to stand in a queue.
    pub(crate) database: Arc<Database>,
}

/// What a transaction decides upon beside its connection.
#[derive(Clone, Debug)]
pub(crate) struct Ground {
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) snapshots: Arc<Snapshots>,
}

/// Who makes a change, when, and under which key its answer is kept.
#[derive(Clone, Debug)]
pub struct Act {
    /// Who acts.
    pub actor: Actor,
    /// When, in UTC and whole microseconds.
    pub at: DateTime<Utc>,
    /// The id of the request, for the audit log.
    pub request_id: Option<String>,
    /// Where the answer is kept, if the caller sent an `Idempotency-Key`.
    pub keep: Option<Keep>,
}

impl Act {
    /// Who acts and when, as the rules ask for it.
    pub fn by(&self) -> By {
        By {
            actor: self.actor,
            at: self.at,
        }
    }

    /// The same act by somebody else: the person whose link was followed, say.
    #[must_use]
    pub fn as_actor(&self, actor: Actor) -> Self {
        Self { actor, ..self.clone() }
    }
}

/// An `Idempotency-Key` with all that it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keep {
    /// The caller: a user's id, or the network address of somebody who is not logged in.
    pub caller: String,
    /// The method.
    pub method: String,
    /// The path.
    pub path: String,
    /// The key, 1 to 255 characters.
    pub key: String,
    /// The SHA-256 of the body, in hexadecimal.
    pub fingerprint: String,
    /// How long the answer is kept.
    pub kept_for: TimeDelta,
}

/// An answer that is kept for a repeat of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The status.
    pub status: u16,
    /// The headers that belong to the answer itself.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Kept {
    /// What is kept where the request cannot be repeated, or its answer must not be kept: an answer that says nothing.
    pub fn nothing() -> Self {
        Self {
            status: 204,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }
}

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub enum DecideError {
    /// There is no such account or user.
    #[error("not there")]
    NotFound,
    /// A rule stands against it.
    #[error(transparent)]
    Refused(#[from] Violation),
    /// It was made before, under the same key; this was the answer.
    #[error("the answer was given before")]
    Replayed(Kept),
    /// The key was used with another body.
    #[error("the key was used with another body")]
    KeyReused,
    /// The store could not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What stops a transaction for a reason of the domain.
#[derive(Debug)]
pub(crate) enum Refusal {
    NotFound,
    Violation(Violation),
    Replayed(Kept),
    KeyReused,
}

impl From<Violation> for Stop<Refusal> {
    fn from(violation: Violation) -> Self {
        Stop::Refused(Refusal::Violation(violation))
    }
}

impl From<WriteError<Refusal>> for DecideError {
    fn from(error: WriteError<Refusal>) -> Self {
        match error {
            WriteError::Refused(Refusal::NotFound) => Self::NotFound,
            WriteError::Refused(Refusal::Violation(violation)) => Self::Refused(violation),
            WriteError::Refused(Refusal::Replayed(kept)) => Self::Replayed(kept),
            WriteError::Refused(Refusal::KeyReused) => Self::KeyReused,
            WriteError::Store(error) => Self::Store(error),
        }
    }
}

impl Store {
    /// Opens the database, migrates it and refuses a catalog that does not fit what is stored. It blocks: call
    /// it before the runtime serves.
    ///
    /// # Errors
    /// Whatever keeps the database from being served, for the operator.
    pub fn open(settings: Settings, catalog: Arc<Catalog>) -> Result<Self, OpenError> {
        let database = Arc::new(settings.database.clone());
        let lanes = Arc::new(Lanes::open(settings)?);
        live_use::adopt(&database, &catalog)?;
        let snapshots = Arc::new(Snapshots::new(lanes.one_writer()));
        Ok(Self {
            lanes,
            ground: Ground { catalog, snapshots },
            database,
        })
    }

    /// The catalog that decides.
    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.ground.catalog
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// [`StoreError`] where it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        use diesel::prelude::*;
        let one = |conn: &mut Conn| {
            Ok(diesel::select(diesel::dsl::sql::<diesel::sql_types::Integer>("1")).get_result::<i32>(conn)?)
        };
        self.lanes.read(one).await.map(|_: i32| ())
    }

    /// How many calls wait for the database: those that read, and those that write.
    pub fn waiting(&self) -> (usize, usize) {
        self.lanes.waiting()
    }

    pub(crate) async fn transact<T, F>(&self, work: F) -> Result<T, DecideError>
    where
        F: Fn(&mut Conn) -> Result<Verdict<T>, Stop<Refusal>> + Send + 'static,
        T: Send + 'static,
    {
        self.lanes.write(work).await.map_err(DecideError::from)
    }

    /// Changes rows that no rule decides upon.
    pub(crate) async fn change<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        F: Fn(&mut Conn) -> Result<T, Fault> + Send + 'static,
        T: Send + 'static,
    {
        let kept = move |conn: &mut Conn| Ok(Verdict::Keep(work(conn)?, Marks::none()));
        self.lanes
            .write::<_, std::convert::Infallible, _>(kept)
            .await
            .map_err(StoreError::from)
    }
}
