//! The store through its public door, on a database file. The tests of the workspace run the same scenarios on
//! PostgreSQL.

#[cfg(test)]
#[path = "store/scenarios.rs"]
mod scenarios;

#[cfg(test)]
use {accounts_store::Database, std::any::Any, tempfile::TempDir};

/// How many stories the test of the decisions makes up for each catalog.
#[cfg(test)]
const STORIES: u32 = 4;

/// An empty database, and what keeps it there.
#[cfg(test)]
fn fresh() -> (Database, Box<dyn Any>) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("accounts.db");
    (Database::Sqlite { path }, Box::new(folder))
}

/// Looking at a database makes none.
#[cfg(test)]
#[test]
fn a_file_that_is_not_there_is_not_made() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("accounts.db");
    let database = Database::Sqlite { path: path.clone() };
    let catalog = accounts_domain::catalog::Catalog::standard().unwrap();
    let refused = accounts_store::check(&database, &catalog, chrono::DateTime::UNIX_EPOCH);
    assert!(
        matches!(refused, Err(accounts_store::OpenError::Store(_))),
        "{refused:?}"
    );
    assert!(accounts_store::obstacles(&database, &catalog).is_err());
    assert!(!path.exists());
}
