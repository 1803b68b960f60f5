//! What can go wrong in the store, in words that speak of no database.

use std::convert::Infallible;
use std::fmt;

use diesel::result::DatabaseErrorKind;

use crate::backend::{self, Trouble};

/// Why the store did not do what was asked. What it displays may be shown to anybody; the cause is
/// for the log alone and is reached through [`StoreError::cause`].
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database is out of reach, too busy, or out of room. The same call may succeed later.
    #[error("the database is out of reach at the moment")]
    Unavailable(Cause),
    /// The database answered, and not as it should: a defect of the service or of the stored data.
    #[error("the database refused the operation")]
    Failed(Cause),
}

impl StoreError {
    /// An [`StoreError::Unavailable`] with its cause.
    pub(crate) fn unavailable(cause: impl Into<String>) -> Self {
        Self::Unavailable(Cause(cause.into()))
    }

    /// A [`StoreError::Failed`] with its cause.
    pub(crate) fn failed(cause: impl Into<String>) -> Self {
        Self::Failed(Cause(cause.into()))
    }

    /// What happened, for the log. It may name tables and columns, never a password.
    pub fn cause(&self) -> &str {
        match self {
            Self::Unavailable(cause) | Self::Failed(cause) => &cause.0,
        }
    }
}

/// The words for the log. It is a type of its own without `Display`, so that no answer shows it by
/// mistake.
#[derive(Clone)]
pub struct Cause(String);

impl fmt::Debug for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Why a query inside a closure could not go on.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The database said so.
    Database(diesel::result::Error),
    /// A stored value is not what the domain can hold; the text says where and what.
    Stored(String),
}

impl From<diesel::result::Error> for Fault {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error)
    }
}

impl Fault {
    /// A fault of the stored data: `place` says which table and column or which id.
    pub(crate) fn stored(place: impl fmt::Display, problem: impl fmt::Display) -> Self {
        Self::Stored(format!("{place}: {problem}"))
    }

    /// Another transaction did meanwhile what this one has just seen undone: the lanes run it again, and it sees
    /// the other's work.
    pub(crate) fn overtaken(what: &str) -> Self {
        let information = Box::new(format!("overtaken: {what}"));
        Self::Database(diesel::result::Error::DatabaseError(
            DatabaseErrorKind::SerializationFailure,
            information,
        ))
    }

    /// How the lanes have to take it.
    pub(crate) fn trouble(&self) -> Trouble {
        match self {
            Self::Database(error) => backend::classify(error),
            Self::Stored(_) => Trouble::Other,
        }
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        let trouble = fault.trouble();
        match fault {
            Fault::Database(error) => match trouble {
                Trouble::Again | Trouble::Broken | Trouble::Out => Self::unavailable(error.to_string()),
                Trouble::Unique | Trouble::ForeignKey | Trouble::Other => Self::failed(error.to_string()),
            },
            Fault::Stored(text) => Self::failed(text),
        }
    }
}

/// Why a closure of [`crate::lanes::Lanes::write`] ends without a value: refused by a rule of the
/// caller (`R`), or stopped by a fault.
#[derive(Debug)]
pub(crate) enum Stop<R = Infallible> {
    /// The caller's own refusal; everything is rolled back and it is carried out as it is.
    Refused(R),
    /// Something went wrong; the lanes decide whether to try again.
    Fault(Fault),
}

impl<R> From<diesel::result::Error> for Stop<R> {
    fn from(error: diesel::result::Error) -> Self {
        Self::Fault(Fault::Database(error))
    }
}

impl<R> From<Fault> for Stop<R> {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// What a write answers when it did not succeed.
#[derive(Debug)]
pub(crate) enum WriteError<R = Infallible> {
    /// The refusal of the closure.
    Refused(R),
    /// The store could not do it.
    Store(StoreError),
}

impl<R> From<StoreError> for WriteError<R> {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<WriteError<Infallible>> for StoreError {
    fn from(error: WriteError<Infallible>) -> Self {
        match error {
            WriteError::Refused(never) => match never {},
            WriteError::Store(error) => error,
        }
    }
}
