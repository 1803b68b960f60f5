//! A connection that a test drives by hand, statement by statement: it holds the lock that two requests need, and
//! looks who waits for it.

use diesel::connection::SimpleConnection;
use diesel::deserialize::QueryableByName;
use diesel::sql_types::{BigInt, Text};
use diesel::{RunQueryDsl, sql_query};

use super::{Conn, Database, Purpose};

/// A connection beside those of the service. What is open on it is rolled back with its end.
pub struct Hand(Conn);

impl std::fmt::Debug for Hand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hand")
    }
}

impl Hand {
    /// Opens it.
    ///
    /// # Errors
    /// The words of the database.
    pub fn open(database: &Database) -> Result<Self, String> {
        Conn::open(database, Purpose::Maintain)
            .map(Self)
            .map_err(|error| error.cause().to_owned())
    }

    /// Runs statements: `BEGIN`, say.
    ///
    /// # Errors
    /// The words of the database.
    pub fn run(&mut self, sql: &str) -> Result<(), String> {
        match &mut self.0 {
            Conn::Sqlite(conn) => conn.batch_execute(sql),
            Conn::Pg(conn) => conn.batch_execute(sql),
        }
        .map_err(|error| error.to_string())
    }

    /// Answers a query whose one column is called `number`: the sum of its rows, 0 where there is none.
    ///
    /// # Errors
    /// The words of the database.
    pub fn number(&mut self, sql: &str) -> Result<i64, String> {
        let rows: Result<Vec<Number>, _> = match &mut self.0 {
            Conn::Sqlite(conn) => sql_query(sql).load(conn),
            Conn::Pg(conn) => sql_query(sql).load(conn),
        };
        rows.map(|rows| rows.iter().map(|row| row.number).sum())
            .map_err(|error| error.to_string())
    }

    /// Answers a query whose one column is called `line`.
    ///
    /// # Errors
    /// The words of the database.
    pub fn lines(&mut self, sql: &str) -> Result<Vec<String>, String> {
        let rows: Result<Vec<Line>, _> = match &mut self.0 {
            Conn::Sqlite(conn) => sql_query(sql).load(conn),
            Conn::Pg(conn) => sql_query(sql).load(conn),
        };
        rows.map(|rows| rows.into_iter().map(|row| row.line).collect())
            .map_err(|error| error.to_string())
    }
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}
