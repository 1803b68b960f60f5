//! Accounts by the thousand, for measurements: each like the demo account, and one with as many contacts as wanted.

mod plot;

use std::sync::Arc;

use accounts_domain::catalog::Catalog;
use accounts_domain::ids::AccountId;
use accounts_domain::names::ValueFault;
use accounts_domain::users::PasswordHash;
use accounts_store::{DecideError, Filling, Past, Stamps, Store, StoreError, digits};
use chrono::{DateTime, Utc};

use plot::Plot;

/// How many accounts are made in one transaction: few enough that a service on the same database does not wait long.
const BATCH: u32 = 1_000;

/// Of the ids that belong to one account, the account's own and its owner's have this letter.
const FIRST: char = '0';

/// The letter of an account with many contacts.
const CROWD: char = 'z';

/// Why the accounts could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ScaleError {
    /// The catalog stands against it.
    #[error("the accounts cannot be made: {0}")]
    Refused(#[from] DecideError),
    /// The store could not do it.
    #[error("the accounts cannot be made: {0}")]
    Store(#[from] StoreError),
    /// An address of theirs belongs to somebody.
    #[error("the accounts cannot be made: {0} has a log-in already")]
    Taken(String),
    /// A value of this file is none that the domain takes: a defect.
    #[error("the accounts are spelt wrong: {0}")]
    Value(#[from] ValueFault),
    /// An id of this file is none: a defect.
    #[error("the ids of the accounts are spelt wrong: {0}")]
    Id(String),
}

/// What the owner of an account of five logs in with.
pub fn owner_address(number: u32) -> String {
    format!("owner-{}@scale.example", digits(number))
}

/// What the owner of the account of so many contacts logs in with.
pub fn crowd_address(contacts: u16) -> String {
    format!("crowd-{}@scale.example", digits(contacts.into()))
}

/// Makes the accounts.
pub struct Scale {
    filling: Filling,
    catalog: Arc<Catalog>,
    hash: PasswordHash,
    at: DateTime<Utc>,
}

impl Scale {
    /// Begins; everything happens at that moment, and everybody gets that password.
    ///
    /// # Errors
    /// [`ScaleError::Store`].
    pub fn begin(store: &Store, hash: PasswordHash, at: DateTime<Utc>) -> Result<Self, ScaleError> {
        Ok(Self {
            filling: store.filling()?,
            catalog: Arc::clone(store.catalog()),
            hash,
            at,
        })
    }

    /// Makes what is missing of so many accounts of five contacts, and tells how many there are after each batch; the
    /// first time before any.
    ///
    /// # Errors
    /// [`ScaleError`]. What was made until then stays.
    pub fn fill(&mut self, accounts: u32, mut tell: impl FnMut(u32)) -> Result<(), ScaleError> {
        let mut done = self.count(accounts)?;
        tell(done);
        while done < accounts {
            let (first, last) = (done + 1, accounts.min(done + BATCH));
            let past = Past::Told;
            let stamps = Stamps { of: first, last, past };
            let plot = Plot::of_five(first)?;
            self.make(Some(stamps), &plot)?;
            done = last;
            tell(done);
        }
        Ok(())
    }

    /// Makes an account of so many contacts, unless there is one.
    ///
    /// # Errors
    /// [`ScaleError`].
    pub fn fill_one(&mut self, contacts: u16) -> Result<(), ScaleError> {
        let account: AccountId = id("acc", CROWD, contacts.into())?;
        if self.filling.last_account(account, account)?.is_some() {
            return Ok(());
        }
        let plot = Plot::of_many(contacts, &self.catalog)?;
        self.make(None, &plot)
    }

    /// How many of the accounts were made before: they are made in order.
    fn count(&mut self, accounts: u32) -> Result<u32, ScaleError> {
        let last = self
            .filling
            .last_account(id("acc", FIRST, 1)?, id("acc", FIRST, accounts)?)?;
        let Some(last) = last else { return Ok(0) };
        let text = last.to_string();
        let number = text
            .len()
            .checked_sub(accounts_store::DIGITS)
            .and_then(|at| text.get(at..));
        number
            .and_then(|number| number.parse().ok())
            .ok_or(ScaleError::Id(text))
    }

    fn make(&mut self, stamps: Option<Stamps>, plot: &Plot) -> Result<(), ScaleError> {
        let Self { hash, at, .. } = self;
        self.filling.make(*at, stamps, |tale| plot.tell(tale, hash, *at))
    }
}

/// An id that ends with the number of the account.
fn id<T: std::str::FromStr>(prefix: &str, letter: char, number: u32) -> Result<T, ScaleError> {
    let text = format!("{prefix}_01h2xcejqtf2nbrexx{letter}{}", digits(number));
    text.parse().map_err(|_| ScaleError::Id(text))
}
