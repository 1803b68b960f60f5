//! Bringing a database to the schema of this binary.

use std::path::PathBuf;

use accounts_domain::catalog::Obstacle;
use diesel::backend::Backend;
use diesel::connection::SimpleConnection;
use diesel::migration::{Migration, MigrationSource};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::{Conn, Database, FileLock, Purpose, prepare_file};
use crate::error::StoreError;

pub(super) const SQLITE: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite");
pub(super) const POSTGRES: EmbeddedMigrations = embed_migrations!("../../migrations/postgres");

/// Any number will do, as long as every instance takes the same one.
const ADVISORY_LOCK: i64 = 0x6163_636f_756e_7473;

/// Why a database cannot be served. It is meant for the operator at the console.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has the database file.
    #[error("{path} is in use by another process: one process serves a database file")]
    InUse {
        /// The database file.
        path: PathBuf,
    },
    /// The file, its folder or its lock cannot be used.
    #[error("{path}: {problem}")]
    File {
        /// The file in question.
        path: PathBuf,
        /// What the system says.
        problem: String,
    },
    /// The database was migrated by a newer version of the service.
    #[error(
        "the database has the schema of a newer version (unknown here: {}): run that version or a \
         later one", .versions.join(", ")
    )]
    Newer {
        /// The migrations that this binary does not know.
        versions: Vec<String>,
    },
    /// The database lacks migrations, and running them was not asked for.
    #[error("the database lacks migrations: {}; run `accounts migrate`", .names.join(", "))]
    Pending {
        /// The missing migrations, in the order in which they run.
        names: Vec<String>,
    },
    /// A migration failed; what came before it stays, nothing of it does.
    #[error("migrating the database failed: {0}")]
    Migration(String),
    /// The catalog lacks what is in use, or forbids it.
    #[error("the catalog does not fit what is stored: {}", .obstacles.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))]
    Unfit {
        /// Everything that stands in the way.
        obstacles: Vec<Obstacle>,
    },
    /// The database is out of reach.
    #[error("the database cannot be opened: {}", .0.cause())]
    Store(#[from] StoreError),
}

/// Runs what is missing and answers the names of what was run. Several processes may do this at
/// once on a server: one runs them, the others wait and find nothing left.
///
/// # Errors
/// Any [`OpenError`] but `Pending`; `InUse` also while the service runs on a database file.
pub fn migrate(database: &Database) -> Result<Vec<String>, OpenError> {
    let _lock = FileLock::take(database)?;
    migrate_locked(database)
}

/// The same for a caller that holds the lock of the file.
pub(crate) fn migrate_locked(database: &Database) -> Result<Vec<String>, OpenError> {
    prepare_file(database)?;
    match Conn::open(database, Purpose::Maintain)? {
        Conn::Sqlite(mut conn) => {
            let names = run(&mut conn, SQLITE)?;
            if !names.is_empty() {
                super::walk::check_references(&mut conn)?;
            }
            Ok(names)
        }
        Conn::Pg(mut conn) => {
            take_advisory_lock(&mut conn)?;
            run(&mut conn, POSTGRES)
        }
    }
}

/// The names of the migrations that the database lacks, in their order.
///
/// # Errors
/// Any [`OpenError`] but `Pending` and `InUse`.
pub fn pending(database: &Database) -> Result<Vec<String>, OpenError> {
    prepare_file(database)?;
    match Conn::open(database, Purpose::Maintain)? {
        Conn::Sqlite(mut conn) => Ok(names(&missing(&mut conn, SQLITE)?)),
        Conn::Pg(mut conn) => {
            take_advisory_lock(&mut conn)?;
            Ok(names(&missing(&mut conn, POSTGRES)?))
        }
    }
}

/// Held until the connection closes, which is when the caller is done.
pub(super) fn take_advisory_lock(conn: &mut diesel::PgConnection) -> Result<(), OpenError> {
    conn.batch_execute(&format!("SELECT pg_advisory_lock({ADVISORY_LOCK})"))
        .map_err(|error| StoreError::unavailable(error.to_string()).into())
}

/// Runs the missing migrations on a connection that has the right to.
pub(super) fn run<DB, C>(conn: &mut C, source: EmbeddedMigrations) -> Result<Vec<String>, OpenError>
where
    DB: Backend,
    C: MigrationHarness<DB>,
{
    let missing = missing(conn, source)?;
    for migration in &missing {
        conn.run_migration(migration.as_ref())
            .map_err(|error| OpenError::Migration(error.to_string()))?;
    }
    Ok(names(&missing))
}

fn missing<DB, C>(conn: &mut C, source: EmbeddedMigrations) -> Result<Vec<Box<dyn Migration<DB>>>, OpenError>
where
    DB: Backend,
    C: MigrationHarness<DB>,
{
    let failed = |error: Box<dyn std::error::Error + Send + Sync>| OpenError::Migration(error.to_string());
    let known: Vec<Box<dyn Migration<DB>>> = source.migrations().map_err(failed)?;
    let mut newer: Vec<String> = conn
        .applied_migrations()
        .map_err(failed)?
        .iter()
        .filter(|version| known.iter().all(|migration| migration.name().version() != **version))
        .map(ToString::to_string)
        .collect();
    if newer.is_empty() {
        conn.pending_migrations(source).map_err(failed)
    } else {
        newer.sort();
        Err(OpenError::Newer { versions: newer })
    }
}

fn names<DB: Backend>(migrations: &[Box<dyn Migration<DB>>]) -> Vec<String> {
    migrations
        .iter()
        .map(|migration| migration.name().to_string())
        .collect()
}
