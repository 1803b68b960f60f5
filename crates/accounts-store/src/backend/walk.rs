//! What the tests of the schema need: the tables as a database really has them, and the way from
//! nothing to the newest schema, back, and forth again.

use std::collections::BTreeMap;

use diesel::connection::SimpleConnection;
use diesel::deserialize::QueryableByName;
use diesel::migration::MigrationSource;
use diesel::sql_types::{Bool, Text};
use diesel::{PgConnection, QueryDsl, RunQueryDsl, SqliteConnection, sql_query};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness};

use super::migrations::{POSTGRES, SQLITE, take_advisory_lock};
use super::{Conn, Database, OpenError, Purpose, prepare_file};
use crate::schema::{self, with_all_tables};

/// A column as far as both databases can agree on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// What it holds, in a word that fits both: `integer` (also booleans), `text` (also times) or
    /// `binary`.
    pub family: String,
    /// Whether it may be NULL.
    pub nullable: bool,
}

/// The tables by name, each with its columns by name.
pub type Tables = BTreeMap<String, BTreeMap<String, Column>>;

/// What a walk through all migrations saw.
#[derive(Clone, Debug)]
pub struct Walk {
    /// Every object of the database with its definition, after the first way up.
    pub up: Vec<String>,
    /// The same after the way down: nothing.
    pub down: Vec<String>,
    /// The same after the second way up: equal to the first.
    pub up_again: Vec<String>,
}

/// The names of the embedded migrations of each database: first the file's, then the server's.
pub fn migration_names() -> Result<(Vec<String>, Vec<String>), OpenError> {
    Ok((
        names::<diesel::sqlite::Sqlite>(&SQLITE)?,
        names::<diesel::pg::Pg>(&POSTGRES)?,
    ))
}

/// The queries that read every column of every table as the crate knows them, one per table.
pub fn queries() -> Vec<String> {
    macro_rules! selects {
        ($($table:ident),* $(,)?) => {
            vec![$({
                let query = schema::$table::table.select(schema::$table::all_columns);
                diesel::debug_query::<diesel::pg::Pg, _>(&query).to_string()
            }),*]
        };
    }
    with_all_tables!(selects)
}

/// The tables of a migrated database.
///
/// # Errors
/// When the database is out of reach.
pub fn tables(database: &Database) -> Result<Tables, OpenError> {
    let rows: Vec<ColumnRow> = match Conn::open(database, Purpose::Maintain)? {
        Conn::Sqlite(mut conn) => sql_query(SQLITE_COLUMNS).load(&mut conn),
        Conn::Pg(mut conn) => sql_query(POSTGRES_COLUMNS).load(&mut conn),
    }
    .map_err(failed)?;
    let mut tables = Tables::new();
    for row in rows {
        tables.entry(row.table_name).or_default().insert(
            row.column_name,
            Column {
                family: family(&row.declared).to_owned(),
                nullable: row.nullable,
            },
        );
    }
    Ok(tables)
}

/// Runs all migrations, takes them back, and runs them again. The database must be empty, and is
/// migrated afterwards.
///
/// # Errors
/// When a migration fails in either direction.
pub fn walk(database: &Database) -> Result<Walk, OpenError> {
    prepare_file(database)?;
    match Conn::open(database, Purpose::Maintain)? {
        Conn::Sqlite(mut conn) => walk_with(&mut conn, &SQLITE, |conn: &mut SqliteConnection| {
            definitions(sql_query(SQLITE_DEFINITIONS).load(conn))
        }),
        Conn::Pg(mut conn) => {
            take_advisory_lock(&mut conn)?;
            walk_with(&mut conn, &POSTGRES, |conn: &mut PgConnection| {
                definitions(sql_query(POSTGRES_DEFINITIONS).load(conn))
            })
        }
    }
}

/// Runs SQL as an operator could by hand, for tests that show what the schema itself refuses.
///
/// # Errors
/// The words of the database.
pub fn by_hand(database: &Database, sql: &str) -> Result<(), String> {
    let run = |conn: &mut dyn FnMut(&str) -> diesel::QueryResult<()>| conn(sql).map_err(|error| error.to_string());
    match Conn::open(database, Purpose::Write).map_err(|error| error.cause().to_owned())? {
        Conn::Sqlite(mut conn) => run(&mut |sql| conn.batch_execute(sql)),
        Conn::Pg(mut conn) => run(&mut |sql| conn.batch_execute(sql)),
    }
}

/// The same, and keeps the connection while `work` runs: what the SQL has locked stays locked until then.
///
/// # Errors
/// The words of the database.
pub fn by_hand_during(database: &Database, sql: &str, work: impl FnOnce()) -> Result<(), String> {
    let mut conn = Conn::open(database, Purpose::Write).map_err(|error| error.cause().to_owned())?;
    match &mut conn {
        Conn::Sqlite(conn) => conn.batch_execute(sql),
        Conn::Pg(conn) => conn.batch_execute(sql),
    }
    .map_err(|error| error.to_string())?;
    work();
    Ok(())
}

/// Asks SQL as an operator could by hand, for tests that compare what is stored with what was answered. Each row has
/// one column of text named `line`.
///
/// # Errors
/// The words of the database.
pub fn ask_by_hand(database: &Database, sql: &str) -> Result<Vec<String>, String> {
    let lines: diesel::QueryResult<Vec<TextRow>> =
        match Conn::open(database, Purpose::Maintain).map_err(|error| error.cause().to_owned())? {
            Conn::Sqlite(mut conn) => sql_query(sql).load(&mut conn),
            Conn::Pg(mut conn) => sql_query(sql).load(&mut conn),
        };
    let lines = lines.map_err(|error| error.to_string())?;
    Ok(lines.into_iter().map(|row| row.line).collect())
}

/// Every row of every table as text, so that a test can say that nothing has changed, or that
/// something stands nowhere. Rows are in an order of their own; bytes that are no text are escaped.
///
/// # Errors
/// When the database is out of reach.
pub fn rows(database: &Database) -> Result<BTreeMap<String, Vec<String>>, OpenError> {
    let tables = tables(database)?;
    let mut conn = Conn::open(database, Purpose::Maintain)?;
    let mut rows = BTreeMap::new();
    for (table, columns) in tables {
        let columns = columns
            .iter()
            .map(|(name, column)| match (&conn, column.family.as_str()) {
                (Conn::Pg(_), "binary") => format!("coalesce(encode(\"{name}\", 'escape'), 'NULL')"),
                (Conn::Pg(_) | Conn::Sqlite(_), _) => format!("coalesce(CAST(\"{name}\" AS TEXT), 'NULL')"),
            });
        let columns: Vec<String> = columns.collect();
        let select = format!(
            "SELECT {} AS line FROM {table} ORDER BY line",
            columns.join(" || ' | ' || ")
        );
        let lines = match &mut conn {
            Conn::Sqlite(conn) => sql_query(select).load(conn),
            Conn::Pg(conn) => sql_query(select).load(conn),
        };
        rows.insert(table, definitions(lines)?);
    }
    Ok(rows)
}

/// Foreign keys are off while a database file is migrated, so that tables can be rebuilt: this looks
/// whether all references still lead somewhere.
pub(super) fn check_references(conn: &mut SqliteConnection) -> Result<(), OpenError> {
    let broken: Vec<TextRow> = sql_query(
        "SELECT DISTINCT \"table\" || ' refers to a missing row of ' || parent AS line \
         FROM pragma_foreign_key_check",
    )
    .load(conn)
    .map_err(failed)?;
    if broken.is_empty() {
        Ok(())
    } else {
        let lines: Vec<String> = broken.into_iter().map(|row| row.line).collect();
        Err(OpenError::Migration(lines.join("; ")))
    }
}

fn walk_with<DB, C>(
    conn: &mut C,
    source: &EmbeddedMigrations,
    definitions: impl Fn(&mut C) -> Result<Vec<String>, OpenError>,
) -> Result<Walk, OpenError>
where
    DB: diesel::backend::Backend,
    C: MigrationHarness<DB>,
{
    let migrations = MigrationSource::<DB>::migrations(source).map_err(unmigrated)?;
    conn.applied_migrations().map_err(unmigrated)?;
    let upwards = |conn: &mut C| -> Result<(), OpenError> {
        for migration in &migrations {
            conn.run_migration(migration.as_ref()).map_err(unmigrated)?;
        }
        Ok(())
    };
    upwards(conn)?;
    let up = definitions(conn)?;
    for migration in migrations.iter().rev() {
        conn.revert_migration(migration.as_ref()).map_err(unmigrated)?;
    }
    let down = definitions(conn)?;
    upwards(conn)?;
    Ok(Walk {
        up,
        down,
        up_again: definitions(conn)?,
    })
}

fn names<DB: diesel::backend::Backend>(source: &EmbeddedMigrations) -> Result<Vec<String>, OpenError> {
    let migrations = MigrationSource::<DB>::migrations(source).map_err(unmigrated)?;
    let mut names: Vec<String> = migrations
        .iter()
        .map(|migration| migration.name().to_string())
        .collect();
    names.sort();
    Ok(names)
}

#[expect(clippy::needless_pass_by_value, reason = "it is given to `map_err`")]
fn failed(error: diesel::result::Error) -> OpenError {
    OpenError::Migration(error.to_string())
}

#[expect(clippy::needless_pass_by_value, reason = "it is given to `map_err`")]
fn unmigrated(error: Box<dyn std::error::Error + Send + Sync>) -> OpenError {
    OpenError::Migration(error.to_string())
}

fn definitions(rows: diesel::QueryResult<Vec<TextRow>>) -> Result<Vec<String>, OpenError> {
    Ok(rows.map_err(failed)?.into_iter().map(|row| row.line).collect())
}

fn family(declared: &str) -> &'static str {
    match declared.to_ascii_lowercase().as_str() {
        "bigint" | "integer" | "boolean" => "integer",
        "blob" | "bytea" => "binary",
        "text" | "timestamp without time zone" => "text",
        _ => "unknown",
    }
}

#[derive(QueryableByName)]
struct ColumnRow {
    #[diesel(sql_type = Text)]
    table_name: String,
    #[diesel(sql_type = Text)]
    column_name: String,
    #[diesel(sql_type = Text)]
    declared: String,
    #[diesel(sql_type = Bool)]
    nullable: bool,
}

#[derive(QueryableByName)]
struct TextRow {
    #[diesel(sql_type = Text)]
    line: String,
}

const SQLITE_COLUMNS: &str = "\
    SELECT t.name AS table_name, c.name AS column_name, c.type AS declared, \
           c.\"notnull\" = 0 AS nullable \
    FROM sqlite_schema t JOIN pragma_table_info(t.name) c \
    WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%' AND t.name NOT LIKE '\\_\\_%' ESCAPE '\\'";

const POSTGRES_COLUMNS: &str = "\
    SELECT c.table_name::text AS table_name, c.column_name::text AS column_name, \
           c.data_type::text AS declared, c.is_nullable = 'YES' AS nullable \
    FROM information_schema.columns c JOIN information_schema.tables t \
      USING (table_schema, table_name) \
    WHERE c.table_schema = current_schema() AND t.table_type = 'BASE TABLE' \
      AND c.table_name NOT LIKE '\\_\\_%'";

const SQLITE_DEFINITIONS: &str = "\
    SELECT type || ' ' || name || ': ' || coalesce(sql, '') AS line FROM sqlite_schema \
    WHERE name NOT LIKE '\\_\\_%' ESCAPE '\\' AND tbl_name NOT LIKE '\\_\\_%' ESCAPE '\\' \
    ORDER BY line";

const POSTGRES_DEFINITIONS: &str = "\
    SELECT line FROM ( \
      SELECT 'column ' || table_name || '.' || column_name || ': ' || data_type || ' ' || \
             is_nullable || ' ' || coalesce(collation_name, '') || ' ' || \
             coalesce(column_default, '') AS line \
        FROM information_schema.columns \
        WHERE table_schema = current_schema() AND table_name NOT LIKE '\\_\\_%' \
      UNION ALL SELECT 'constraint ' || conrelid::regclass || '.' || conname || ': ' || \
             pg_get_constraintdef(oid) \
        FROM pg_constraint \
        WHERE connamespace = current_schema()::regnamespace \
          AND conrelid::regclass::text NOT LIKE '\\_\\_%' \
      UNION ALL SELECT 'index ' || indexname || ': ' || indexdef \
        FROM pg_indexes \
        WHERE schemaname = current_schema() AND tablename NOT LIKE '\\_\\_%' \
      UNION ALL SELECT 'trigger ' || tgname || ': ' || pg_get_triggerdef(t.oid) \
        FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid \
        WHERE NOT tgisinternal AND c.relnamespace = current_schema()::regnamespace \
      UNION ALL SELECT 'function ' || proname || ': ' || prosrc \
        FROM pg_proc WHERE pronamespace = current_schema()::regnamespace \
    ) lines ORDER BY line COLLATE \"C\"";
