//! The store through its public door, on a database file. The tests of the workspace run the same scenarios on
//! PostgreSQL.

#[cfg(test)]
#[path = "store/scenarios.rs"]
mod scenarios;

#[cfg(test)]
use {accounts_store::Database, std::any::Any, tempfile::TempDir};

/// How many stories the test of the decisions makes up for each catalog.
#[cfg(test)]
const STORIES: u32 = 8;

/// An empty database, and what keeps it there.
#[cfg(test)]
fn fresh() -> (Database, Box<dyn Any>) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("accounts.db");
    (Database::Sqlite { path }, Box::new(folder))
}
