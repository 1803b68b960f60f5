//! What the two databases are told, and what is made of what they answer.

use chrono::{DateTime, NaiveDateTime};
use diesel::deserialize::QueryableByName;
use diesel::sql_types::Text;
use diesel::{ExpressionMethods, RunQueryDsl, sql_query};
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::postgres;
use crate::schema::audit_values;

#[derive(QueryableByName)]
struct Setting {
    #[diesel(sql_type = Text)]
    value: String,
}

fn ask(conn: &mut Conn, sql: &str) -> String {
    let row: Setting = match conn {
        Conn::Sqlite(conn) => sql_query(sql).get_result(conn),
        Conn::Pg(conn) => sql_query(sql).get_result(conn),
    }
    .unwrap();
    row.value
}

fn file(folder: &TempDir) -> Database {
    let database = Database::Sqlite {
        path: folder.path().join("accounts.db"),
    };
    migrate(&database).unwrap();
    database
}

#[test]
fn the_file_is_opened_with_the_settings_that_keep_it_safe() {
    let folder = TempDir::new().unwrap();
    let database = file(&folder);
    for (purpose, only) in [(Purpose::Write, "0"), (Purpose::Read, "1")] {
        let mut conn = Conn::open(&database, purpose).unwrap();
        for (pragma, value) in [
            ("journal_mode", "wal"),
            ("synchronous", "2"),
            ("foreign_keys", "1"),
            ("trusted_schema", "0"),
            ("query_only", only),
        ] {
            let sql = format!("SELECT CAST({pragma} AS TEXT) AS value FROM pragma_{pragma}");
            assert_eq!(ask(&mut conn, &sql), value, "{pragma}");
        }
        let timeout = "SELECT CAST(timeout AS TEXT) AS value FROM pragma_busy_timeout";
        assert_eq!(ask(&mut conn, timeout), "5000");
    }
}

#[test]
fn more_rows_go_in_at_once_than_postgresql_takes_in_one_statement() {
    let (folder, server) = (TempDir::new().unwrap(), postgres::Database::empty());
    let server = server.url().parse().unwrap();
    migrate(&server).unwrap();
    for database in [file(&folder), server] {
        let mut conn = Conn::open(&database, Purpose::Fill).unwrap();
        let row = |position: i32| {
            (
                audit_values::event_id.eq("evt_1"),
                audit_values::position.eq(position),
                audit_values::person_kind.eq("user"),
                audit_values::person_id.eq("usr_1"),
                audit_values::field.eq("display_name"),
                audit_values::before.eq(None::<String>),
                audit_values::after.eq(Some("Ana")),
            )
        };
        let rows: Vec<_> = (0..=i32::from(u16::MAX) / 7).map(row).collect();
        assert_eq!(insert_all!(&mut conn, audit_values::table, &rows), Ok(rows.len()));
    }
}

/// Of what `.cargo/config.toml` says, nothing fails where it is not obeyed, and all takes longer.
#[test]
fn sqlite_is_built_to_keep_what_is_prepared_and_to_take_no_lock_of_all() {
    let folder = TempDir::new().unwrap();
    let mut conn = Conn::open(&file(&folder), Purpose::Read).unwrap();
    for (option, used) in [
        ("ENABLE_QPSG", "1"),
        ("DEFAULT_MEMSTATUS=0", "1"),
        ("ENABLE_MEMORY_MANAGEMENT", "0"),
    ] {
        let sql = format!("SELECT CAST(sqlite_compileoption_used('{option}') AS TEXT) AS value");
        assert_eq!(ask(&mut conn, &sql), used, "{option}");
    }
}

#[test]
fn the_server_is_told_the_limits() {
    let server = postgres::Database::empty();
    let mut conn = Conn::open(&server.url().parse().unwrap(), Purpose::Write).unwrap();
    for (name, value) in [
        ("statement_timeout", "2s"),
        ("lock_timeout", "1s"),
        ("idle_in_transaction_session_timeout", "5s"),
        ("plan_cache_mode", "force_generic_plan"),
        ("TimeZone", "UTC"),
        ("application_name", "accounts"),
    ] {
        let sql = format!("SELECT current_setting('{name}') AS value");
        assert_eq!(ask(&mut conn, &sql), value, "{name}");
    }
}

#[test]
fn a_file_that_was_moved_away_does_not_come_back_empty() {
    let folder = TempDir::new().unwrap();
    let database = file(&folder);
    let Database::Sqlite { path } = &database else {
        panic!("a file");
    };
    std::fs::rename(path, folder.path().join("elsewhere.db")).unwrap();
    assert!(Conn::open(&database, Purpose::Write).is_err());
    assert!(!path.exists());
}

fn error(kind: DatabaseErrorKind, message: &str) -> Error {
    Error::DatabaseError(kind, Box::new(message.to_owned()))
}

#[test]
fn errors_are_told_apart_by_what_may_be_done_about_them() {
    use DatabaseErrorKind as Kind;

    for (kind, message, trouble) in [
        (Kind::Unknown, "database is locked", Trouble::Again),
        (Kind::Unknown, "deadlock detected", Trouble::Again),
        (Kind::Unknown, "canceling statement due to lock timeout", Trouble::Again),
        (Kind::SerializationFailure, "", Trouble::Again),
        (Kind::ClosedConnection, "", Trouble::Broken),
        (Kind::UnableToSendCommand, "", Trouble::Broken),
        (Kind::ReadOnlyTransaction, "", Trouble::Broken),
        (Kind::Unknown, "the database system is shutting down", Trouble::Broken),
        (Kind::Unknown, "database or disk is full", Trouble::Out),
        (Kind::Unknown, "disk I/O error", Trouble::Out),
        (Kind::Unknown, "attempt to write a readonly database", Trouble::Out),
        (
            Kind::Unknown,
            "could not extend file \"base/1/2\": No space left on device",
            Trouble::Out,
        ),
        (
            Kind::Unknown,
            "canceling statement due to statement timeout",
            Trouble::Out,
        ),
        (Kind::UniqueViolation, "", Trouble::Unique),
        (Kind::ForeignKeyViolation, "", Trouble::ForeignKey),
        (Kind::CheckViolation, "", Trouble::Other),
        (Kind::Unknown, "database disk image is malformed", Trouble::Other),
        (Kind::Unknown, "relation \"x\" does not exist", Trouble::Other),
    ] {
        assert_eq!(classify(&error(kind, message)), trouble, "{message}");
    }
}

/// Any instant from 1970 to 2242, in microseconds, and often one with trailing zeros.
fn instant() -> impl Strategy<Value = NaiveDateTime> {
    (0_i64..=8_589_934_591, 0_i64..1_000_000, 0_usize..3).prop_map(|(seconds, micros, zeros)| {
        let step = [1, 1_000, 1_000_000][zeros];
        let micros = micros - micros % step;
        DateTime::from_timestamp_micros(seconds * 1_000_000 + micros)
            .unwrap()
            .naive_utc()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// The file holds instants as text of various lengths; they must sort and match all the same.
    #[test]
    fn instants_sort_as_texts(near in instant(), other in instant()) {
        use diesel::IntoSql as _;
        use diesel::sql_types::Timestamp;

        let next = near + chrono::Duration::microseconds(1);
        let mut conn = SqliteConnection::establish(":memory:").unwrap();
        for (one, two) in [(near, next), (near, other), (other, near), (near, near)] {
            use diesel::ExpressionMethods as _;

            let (left, right) = (one.into_sql::<Timestamp>(), two.into_sql::<Timestamp>());
            let less = diesel::select(left.lt(right)).get_result::<bool>(&mut conn).unwrap();
            prop_assert_eq!(less, one < two);
            let same = diesel::select(left.eq(right)).get_result::<bool>(&mut conn).unwrap();
            prop_assert_eq!(same, one == two);
        }
    }
}
