//! The scenarios of the store, which its own tests run on a database file, on PostgreSQL.

#[path = "../../crates/accounts-store/tests/store/scenarios.rs"]
mod scenarios;

use std::any::Any;

use accounts_store::Database;
use accounts_tests::postgres;

/// How many stories the test of the decisions makes up for each catalog.
const STORIES: u32 = 3;

/// An empty database, and what keeps it there.
fn fresh() -> (Database, Box<dyn Any>) {
    let database = postgres::Database::migrated();
    (database.url().parse().unwrap(), Box::new(database))
}
