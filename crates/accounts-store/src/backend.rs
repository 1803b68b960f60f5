//! The two databases. This module and the files below it are the only place that names them.
//!
//! The queries of the crate are written once, for [`Conn`]. What needs a dialect is a `match` here,
//! over one query expression: see the macros at the end.

mod address;
pub mod hand;
mod migrations;
#[cfg(test)]
mod tests;
pub mod walk;
pub mod watch;

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind, Error};
use diesel::{Connection, PgConnection, QueryResult, RunQueryDsl, SqliteConnection};

pub use address::{AddressError, Database, PostgresUrl};
pub(crate) use migrations::migrate_locked;
pub use migrations::{OpenError, migrate, pending};

use crate::error::StoreError;

/// One connection, to whichever database the service runs on.
#[derive(diesel::MultiConnection)]
pub enum Conn {
    /// A file in the data folder.
    Sqlite(SqliteConnection),
    /// A server of its own.
    Pg(PgConnection),
}

/// What a connection is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Decisions and whatever else changes rows.
    Write,
    /// Queries only, where the database has a writer of its own; else the same as `Write`.
    Read,
    /// Migrations and checks of everything: no limit of time on a statement, and foreign keys are
    /// left to the check at the end where a table may be rebuilt.
    Maintain,
    /// The same, for copies of rows by the million: with room for what is written, and foreign keys are
    /// left to the check of everything where the role may say so.
    Fill,
}

/// How a transaction begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Begin {
    /// To change rows. It takes the write lock at once where there is one for the whole database:
    /// a transaction that reads first and writes later would fail there without waiting.
    Write,
    /// To see one state of all tables in several queries.
    Snapshot,
}

/// What a database error means for the transaction and the connection it happened on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Lost against another transaction: the whole transaction may be tried again.
    Again,
    /// The connection is of no more use: nothing of an uncommitted transaction is left.
    Broken,
    /// The database cannot at the moment: no room, read only, an I/O error, out of time.
    Out,
    /// A row with this key exists.
    Unique,
    /// A row that is referred to is missing, or one to be deleted is referred to.
    ForeignKey,
    /// Anything else: a defect.
    Other,
}

impl Conn {
    /// Opens a connection and sets it up.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] with the cause; it never holds the password.
    pub(crate) fn open(database: &Database, purpose: Purpose) -> Result<Self, StoreError> {
        match database {
            Database::Sqlite { path } => {
                let mut conn = SqliteConnection::establish(&address::sqlite_uri(path))
                    .map_err(|error| StoreError::unavailable(error.to_string()))?;
                conn.batch_execute(sqlite_settings(purpose))
                    .map_err(|error| StoreError::unavailable(error.to_string()))?;
                Ok(Self::Sqlite(conn))
            }
            Database::Postgres { url } => {
                let mut conn = PgConnection::establish(&url.to_connect())
                    .map_err(|error| StoreError::unavailable(url.scrub(&error.to_string())))?;
                conn.batch_execute(&postgres_settings(purpose))
                    .map_err(|error| StoreError::unavailable(url.scrub(&error.to_string())))?;
                Ok(Self::Pg(conn))
            }
        }
    }

    /// Begins a transaction; there must be none.
    pub(crate) fn begin(&mut self, begin: Begin) -> QueryResult<()> {
        match (self, begin) {
            (Self::Sqlite(conn), Begin::Write) => {
                AnsiTransactionManager::begin_transaction_sql(conn, "BEGIN IMMEDIATE")
            }
            (Self::Sqlite(conn), Begin::Snapshot) => {
                AnsiTransactionManager::begin_transaction_sql(conn, "BEGIN DEFERRED")
            }
            // READ COMMITTED: the first statement of a decision waits for the row lock, and what is
            // read after it must be what the other transaction left.
            (Self::Pg(conn), Begin::Write) => {
                AnsiTransactionManager::begin_transaction_sql(conn, "BEGIN ISOLATION LEVEL READ COMMITTED")
            }
            (Self::Pg(conn), Begin::Snapshot) => {
                AnsiTransactionManager::begin_transaction_sql(conn, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            }
        }
    }

    /// Begins a savepoint in the transaction.
    pub(crate) fn savepoint(&mut self) -> QueryResult<()> {
        Self::begin_transaction(self)
    }

    /// Ends the innermost savepoint, or the transaction, with its changes.
    pub(crate) fn commit(&mut self) -> QueryResult<()> {
        Self::commit_transaction(self)
    }

    /// How many transactions and savepoints are open; `None` if that is no longer known, which
    /// makes the connection useless.
    pub(crate) fn depth(&mut self) -> Option<u32> {
        Self::transaction_manager_status_mut(self)
            .transaction_depth()
            .ok()
            .map(|depth| depth.map_or(0, std::num::NonZeroU32::get))
    }

    /// Rolls back until `wanted` levels are open. A panic inside a nested transaction leaves levels
    /// open that nobody will close.
    ///
    /// # Errors
    /// When the levels cannot be brought to `wanted`: the connection must then be given up.
    pub(crate) fn unwind_to(&mut self, wanted: u32) -> QueryResult<()> {
        loop {
            match self.depth() {
                Some(depth) if depth > wanted => Self::rollback_transaction(self)?,
                Some(depth) if depth == wanted => return Ok(()),
                Some(_) | None => return Err(Error::BrokenTransactionManager),
            }
        }
    }
}

/// WAL and FULL: what is acknowledged is on the disk, and readers never wait for the writer. What a savepoint may have
/// to take back is kept in memory: it is of no use after a crash.
/// A reader keeps 8 MiB of pages: in a database of a million accounts each lies on pages of its own, and in the usual
/// 2 MiB those of a few dozen drive each other out.
fn sqlite_settings(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Write => {
            "PRAGMA busy_timeout=5000; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; \
             PRAGMA foreign_keys=ON; PRAGMA trusted_schema=OFF; PRAGMA temp_store=MEMORY"
        }
        Purpose::Read => {
            "PRAGMA busy_timeout=5000; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; \
             PRAGMA trusted_schema=OFF; PRAGMA query_only=ON; PRAGMA cache_size=-8192"
        }
        Purpose::Maintain => {
            "PRAGMA busy_timeout=5000; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; \
             PRAGMA foreign_keys=OFF; PRAGMA trusted_schema=OFF"
        }
        Purpose::Fill => {
            "PRAGMA busy_timeout=5000; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; \
             PRAGMA foreign_keys=OFF; PRAGMA trusted_schema=OFF; PRAGMA cache_size=-262144"
        }
    }
}

/// One round trip. The block asks for messages in English where the role may, because the driver
/// hands on the text of an error and not its code: see [`postgres_trouble`].
fn postgres_settings(purpose: Purpose) -> String {
    let (statement, lock) = match purpose {
        Purpose::Write | Purpose::Read => (2000, 1000),
        Purpose::Maintain | Purpose::Fill => (0, 0),
    };
    let unchecked = match purpose {
        Purpose::Fill => "PERFORM set_config('session_replication_role', 'replica', false);",
        Purpose::Write | Purpose::Read | Purpose::Maintain => "",
    };
    format!(
        "SET statement_timeout={statement}; SET lock_timeout={lock}; \
         SET idle_in_transaction_session_timeout=5000; \
         SET plan_cache_mode=force_generic_plan; SET timezone='UTC'; \
         DO $$ BEGIN \
           IF current_setting('lc_messages') !~ '^(C|POSIX|en)' THEN \
             PERFORM set_config('lc_messages', 'C', false); \
           END IF; \
         EXCEPTION WHEN insufficient_privilege THEN NULL; \
         END $$; \
         DO $$ BEGIN \
           {unchecked} \
         EXCEPTION WHEN insufficient_privilege THEN NULL; \
         END $$"
    )
}

/// What `error` means.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the enum is open to additions, and whatever is not named here is a defect of a query"
)]
pub(crate) fn classify(error: &Error) -> Trouble {
    match error {
        Error::DatabaseError(kind, information) => classify_kind(*kind, information.as_ref()),
        Error::BrokenTransactionManager
        | Error::AlreadyInTransaction
        | Error::NotInTransaction
        | Error::RollbackErrorOnCommit { .. } => Trouble::Broken,
        _ => Trouble::Other,
    }
}

fn classify_kind(kind: DatabaseErrorKind, information: &(dyn DatabaseErrorInformation + Send + Sync)) -> Trouble {
    match kind {
        DatabaseErrorKind::SerializationFailure => Trouble::Again,
        DatabaseErrorKind::ClosedConnection
        | DatabaseErrorKind::UnableToSendCommand
        // A server that became a standby: a new connection looks for the one that takes writes.
        | DatabaseErrorKind::ReadOnlyTransaction => Trouble::Broken,
        DatabaseErrorKind::UniqueViolation => Trouble::Unique,
        DatabaseErrorKind::ForeignKeyViolation | DatabaseErrorKind::RestrictViolation => {
            Trouble::ForeignKey
        }
        DatabaseErrorKind::NotNullViolation
        | DatabaseErrorKind::CheckViolation
        | DatabaseErrorKind::ExclusionViolation => Trouble::Other,
        // `Unknown`, and whatever a later version adds.
        _ => {
            let message = information.message();
            sqlite_trouble(message)
                .or_else(|| postgres_trouble(message))
                .unwrap_or(Trouble::Other)
        }
    }
}

/// SQLite's own texts (`sqlite3_errstr`), which are part of its stable behaviour and never
/// translated; the driver hands on no code.
fn sqlite_trouble(message: &str) -> Option<Trouble> {
    match message {
        "database is locked" | "database table is locked" | "database schema has changed" => Some(Trouble::Again),
        "database or disk is full"
        | "disk I/O error"
        | "attempt to write a readonly database"
        | "unable to open database file"
        | "access permission denied"
        | "out of memory"
        | "interrupted" => Some(Trouble::Out),
        _ => None,
    }
}

/// The texts of the conditions for which the driver has no kind of its own: 40P01, 55P03, 57014,
/// 53xxx, 58030, 57P01 to 57P03 and 25P03.
fn postgres_trouble(message: &str) -> Option<Trouble> {
    const AGAIN: [&str; 4] = [
        "deadlock detected",
        "canceling statement due to lock timeout",
        "could not obtain lock on",
        "could not serialize access",
    ];
    const BROKEN: [&str; 6] = [
        "terminating connection",
        "server closed the connection",
        "connection to server was lost",
        "the database system is",
        "idle-in-transaction timeout",
        "no connection to the server",
    ];
    const OUT: [&str; 7] = [
        "canceling statement due to statement timeout",
        "canceling statement due to user request",
        "No space left on device",
        "out of memory",
        "out of shared memory",
        "could not extend file",
        "could not write",
    ];
    let holds = |texts: &[&str]| texts.iter().any(|text| message.contains(text));
    if holds(&AGAIN) {
        Some(Trouble::Again)
    } else if holds(&BROKEN) {
        Some(Trouble::Broken)
    } else if holds(&OUT) {
        Some(Trouble::Out)
    } else {
        None
    }
}

/// The right to be the one process that serves a database file. It ends with the value, and with
/// the process however that ends.
#[derive(Debug)]
pub(crate) struct FileLock {
    _file: Option<File>,
}

impl FileLock {
    /// Takes the lock. A server needs none: it has many clients.
    ///
    /// # Errors
    /// [`OpenError::InUse`] when another process has it.
    pub(crate) fn take(database: &Database) -> Result<Self, OpenError> {
        let Database::Sqlite { path } = database else {
            return Ok(Self { _file: None });
        };
        let mut name = path.clone().into_os_string();
        name.push(".lock");
        let lock_path = PathBuf::from(name);
        let unusable = |error: std::io::Error| OpenError::File {
            path: lock_path.clone(),
            problem: error.to_string(),
        };
        let file = owner_only(&lock_path).map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: Some(file) }),
            Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path: path.clone() }),
            Err(TryLockError::Error(error)) => Err(unusable(error)),
        }
    }
}

/// Makes the database file, and the folder above it, readable for their owner alone; the files that
/// SQLite adds beside it inherit that. Later connections never create it: a file that was moved
/// away must not come back empty.
pub(crate) fn prepare_file(database: &Database) -> Result<(), OpenError> {
    let Database::Sqlite { path } = database else {
        return Ok(());
    };
    owner_only(path).map_err(|error| OpenError::File {
        path: path.clone(),
        problem: error.to_string(),
    })?;
    Ok(())
}

fn owner_only(path: &Path) -> std::io::Result<File> {
    let mut folders = DirBuilder::new();
    folders.recursive(true);
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            folders.mode(0o700).create(folder)?;
        }
        let file = options.mode(0o600).open(path)?;
        let mut permissions = file.metadata()?.permissions();
        if permissions.mode() & 0o077 != 0 {
            permissions.set_mode(0o600);
            file.set_permissions(permissions)?;
        }
        Ok(file)
    }
    #[cfg(not(unix))]
    {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            folders.create(folder)?;
        }
        options.open(path)
    }
}

/// Lets one transaction at a time past, until it ends. Where there is one writer, that is so already.
pub(crate) fn one_at_a_time(conn: &mut Conn, turnstile: i64) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(_) => Ok(()),
        Conn::Pg(conn) => diesel::sql_query("SELECT pg_advisory_xact_lock($1)")
            .bind::<diesel::sql_types::BigInt, _>(turnstile)
            .execute(conn)
            .map(|_| ()),
    }
}

/// Inserts one row unless a row with its key exists: `insert_if_absent!(conn, table, values)`.
/// Answers the number of rows inserted, 0 or 1.
macro_rules! insert_if_absent {
    ($conn:expr, $table:expr, $values:expr) => {
        match $conn {
            $crate::backend::Conn::Sqlite(conn) => diesel::RunQueryDsl::execute(
                diesel::insert_into($table).values($values).on_conflict_do_nothing(),
                conn,
            ),
            $crate::backend::Conn::Pg(conn) => diesel::RunQueryDsl::execute(
                diesel::insert_into($table).values($values).on_conflict_do_nothing(),
                conn,
            ),
        }
    };
}

/// How many rows go in one statement: PostgreSQL takes 65,535 values in one, and no table has 65 columns.
pub(crate) const ROWS_AT_ONCE: usize = 1_000;

/// Inserts all rows of a `Vec` or slice: `insert_all!(conn, table, &rows)`. Answers the number of rows inserted. One row
/// goes by a statement that the connection keeps prepared; several by one that it does not, up to [`ROWS_AT_ONCE`], which
/// is still quicker than a statement for each.
macro_rules! insert_all {
    ($conn:expr, $table:expr, $rows:expr) => {
        match &$rows[..] {
            [] => Ok(0),
            [row] => diesel::RunQueryDsl::execute(diesel::insert_into($table).values(row), $conn),
            rows => rows
                .chunks($crate::backend::ROWS_AT_ONCE)
                .try_fold(0_usize, |inserted, some| {
                    let count = match $conn {
                        $crate::backend::Conn::Sqlite(conn) => {
                            diesel::RunQueryDsl::execute(diesel::insert_into($table).values(some), conn)
                        }
                        $crate::backend::Conn::Pg(conn) => {
                            diesel::RunQueryDsl::execute(diesel::insert_into($table).values(some), conn)
                        }
                    };
                    diesel::QueryResult::Ok(inserted + count?)
                }),
        }
    };
}

/// Loads the rows of a query of one table and locks them until the transaction ends, passing over
/// those that another transaction has locked: `load_unclaimed!(conn, query, Row)`. Where there is
/// one writer, nobody else can have locked any. The columns are selected here, since `as_select` is
/// tied to one database.
macro_rules! load_unclaimed {
    ($conn:expr, $query:expr, $row:ty) => {{
        use diesel::{QueryDsl as _, RunQueryDsl as _, SelectableHelper as _};
        match $conn {
            $crate::backend::Conn::Sqlite(conn) => $query.select(<$row>::as_select()).load::<$row>(conn),
            $crate::backend::Conn::Pg(conn) => $query
                .select(<$row>::as_select())
                .for_update()
                .skip_locked()
                .load::<$row>(conn),
        }
    }};
}

/// Loads the rows of two queries in one: `load_united!(conn, one.union_all(other))`. Both databases unite alike, but what the
/// library takes for granted of each it does not of either.
macro_rules! load_united {
    ($conn:expr, $query:expr) => {{
        use diesel::RunQueryDsl as _;
        match $conn {
            $crate::backend::Conn::Sqlite(conn) => $query.load(conn),
            $crate::backend::Conn::Pg(conn) => $query.load(conn),
        }
    }};
}

/// Narrows a query to rows whose column is among some texts, and not at all where there are none:
/// `narrowed!(query, or_filter, column, texts)`. A list is a statement of its own for each length, which SQLite prepares anew
/// each time, so a single text is compared.
macro_rules! narrowed {
    ($query:expr, $filter:ident, $column:expr, $texts:expr) => {{
        let texts: Vec<String> = $texts;
        match texts.as_slice() {
            [] => $query,
            [one] => $query.$filter($column.eq(one.clone())),
            _ => $query.$filter($column.eq_any(texts)),
        }
    }};
}

pub(crate) use {insert_all, insert_if_absent, load_unclaimed, load_united, narrowed};
