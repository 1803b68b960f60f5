//! Looks for what must never be: every rule over stored rows, asked of all accounts at once.
//!
//! Most of it the schema refuses as well. This finds what a restored backup, a hand that switched the keys off, a
//! catalog that changed or a defect has left behind.

mod addresses;
mod catalog;
mod chains;
mod queries;

pub(crate) use catalog::{to_be_granted, unguarded};

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use accounts_domain::catalog::Catalog;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Text, Timestamp};

use crate::backend::{Begin, Conn, Database, OpenError, Purpose};
use crate::error::{Fault, StoreError};
use crate::rows::stored;
use crate::store::Store;

/// A rule that does not hold, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule's name, which stays the same: `owner-not-verified`, say.
    pub key: &'static str,
    /// What is wrong with each: an English sentence.
    pub sentence: String,
    /// How many there are.
    pub count: u64,
    /// Their ids in order, at most [`Finding::LISTED`]. What has no id of its own is named by where it stands.
    pub ids: Vec<String>,
}

impl Finding {
    /// How many ids a finding lists.
    pub const LISTED: usize = 20;

    /// A finding about all of these, if there are any.
    fn about(key: &'static str, sentence: impl Into<String>, ids: BTreeSet<String>) -> Option<Self> {
        let count = u64::try_from(ids.len()).unwrap_or(u64::MAX);
        (count > 0).then(|| Self {
            key,
            sentence: sentence.into(),
            count,
            ids: ids.into_iter().take(Self::LISTED).collect(),
        })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} {} found: {}",
            self.key,
            self.sentence,
            self.count,
            self.ids.join(", ")
        )?;
        let listed = u64::try_from(self.ids.len()).unwrap_or(u64::MAX);
        if self.count > listed {
            write!(f, " and {} more", self.count - listed)
        } else {
            Ok(())
        }
    }
}

impl Store {
    /// Asks everything that must hold of one state of the database, while it is served; `at` is now. Nothing is
    /// found in a sound one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn check(&self, at: DateTime<Utc>) -> Result<Vec<Finding>, StoreError> {
        let catalog = Arc::clone(&self.ground.catalog);
        self.survey(move |conn| find(conn, &catalog, at)).await
    }

    /// Asks something that may take long, of one state of the database, on a connection of its own.
    pub(crate) async fn survey<T, F>(&self, ask: F) -> Result<T, StoreError>
    where
        F: FnOnce(&mut Conn) -> Result<T, Fault> + Send + 'static,
        T: Send + 'static,
    {
        let database = self.database.clone();
        tokio::task::spawn_blocking(move || survey(&database, ask))
            .await
            .map_err(|error| StoreError::failed(error.to_string()))?
    }
}

/// The same as [`Store::check`] for a database that need not be served, and may be. It blocks.
///
/// # Errors
/// [`OpenError::Pending`] and [`OpenError::Newer`] for another schema than this version's; the database.
pub fn check(database: &Database, catalog: &Catalog, at: DateTime<Utc>) -> Result<Vec<Finding>, OpenError> {
    require_present_schema(database)?;
    Ok(survey(database, |conn| find(conn, catalog, at))?)
}

/// Refuses a database that is not there, and one whose tables are not those of this version.
pub(crate) fn require_present_schema(database: &Database) -> Result<(), OpenError> {
    // A file is never made by looking at it.
    Conn::open(database, Purpose::Maintain)?;
    let names = crate::pending(database)?;
    if names.is_empty() {
        Ok(())
    } else {
        Err(OpenError::Pending { names })
    }
}

pub(crate) fn survey<T>(database: &Database, ask: impl FnOnce(&mut Conn) -> Result<T, Fault>) -> Result<T, StoreError> {
    let mut conn = Conn::open(database, Purpose::Maintain)?;
    conn.begin(Begin::Snapshot).map_err(Fault::from)?;
    Ok(ask(&mut conn)?)
}

fn find(conn: &mut Conn, catalog: &Catalog, at: DateTime<Utc>) -> Result<Vec<Finding>, Fault> {
    let mut findings = Vec::new();
    for query in queries::ALL {
        findings.extend(ask(conn, query)?);
    }
    for query in queries::AT_A_MOMENT {
        let limit = stored(at + queries::AHEAD);
        let found = sql_query(query.sql).bind::<Timestamp, _>(limit).load::<Found>(conn)?;
        findings.extend(query.finding(query.sentence.to_owned(), &found));
    }
    findings.extend(catalog::find(conn, catalog)?);
    findings.extend(addresses::find(conn)?);
    findings.extend(chains::find(conn)?);
    Ok(findings)
}

/// One question: which rows break a rule.
struct Query {
    key: &'static str,
    sentence: &'static str,
    sql: &'static str,
}

impl Query {
    fn finding(&self, sentence: String, found: &[Found]) -> Option<Finding> {
        let first = found.first()?;
        let ids = found.iter().map(|row| row.id.clone()).collect();
        Some(Finding {
            key: self.key,
            sentence,
            count: u64::try_from(first.total).unwrap_or_default(),
            ids,
        })
    }
}

/// One of the rows that a question finds, and how many there are.
#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = Text)]
    id: String,
    #[diesel(sql_type = BigInt)]
    total: i64,
}

fn ask(conn: &mut Conn, query: &Query) -> Result<Option<Finding>, Fault> {
    let found = sql_query(query.sql).load::<Found>(conn)?;
    Ok(query.finding(query.sentence.to_owned(), &found))
}

/// Asks about one key of the catalog or one stored value; the question has it for its only parameter.
fn ask_about(conn: &mut Conn, query: &Query, about: &str) -> Result<Option<Finding>, Fault> {
    let found = sql_query(query.sql).bind::<Text, _>(about).load::<Found>(conn)?;
    Ok(query.finding(format!("{} (`{about}`)", query.sentence), &found))
}
