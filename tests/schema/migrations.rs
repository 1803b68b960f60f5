//! Both databases are brought up by migrations of the same names to the same tables, and every one
//! of them can be taken back.

use std::collections::BTreeMap;

use accounts_store::schema_walk::{self, Column, Walk};
use accounts_store::{Database, OpenError};
use accounts_tests::postgres;
use tempfile::TempDir;

fn file(folder: &TempDir) -> Database {
    Database::Sqlite {
        path: folder.path().join("accounts.db"),
    }
}

fn server(database: &postgres::Database) -> Database {
    database.url().parse().unwrap()
}

#[test]
fn both_databases_have_migrations_of_the_same_names() {
    let (sqlite, postgres) = schema_walk::migration_names().unwrap();
    assert!(!sqlite.is_empty());
    assert_eq!(sqlite, postgres);
}

#[test]
fn both_databases_have_the_same_tables_and_the_queries_know_them() {
    let folder = TempDir::new().unwrap();
    let cluster = postgres::Database::empty();
    let (sqlite, postgres) = (file(&folder), server(&cluster));
    for database in [&sqlite, &postgres] {
        accounts_store::migrate(database).unwrap();
    }
    let tables = schema_walk::tables(&sqlite).unwrap();
    assert_eq!(tables, schema_walk::tables(&postgres).unwrap());

    let queried: BTreeMap<String, Vec<String>> = schema_walk::queries().iter().map(|query| columns_of(query)).collect();
    let declared: BTreeMap<String, Vec<String>> = tables
        .iter()
        .map(|(table, columns)| (table.clone(), columns.keys().cloned().collect()))
        .collect();
    assert_eq!(declared, queried);
    let odd: Vec<&Column> = tables
        .values()
        .flat_map(BTreeMap::values)
        .filter(|column| column.family == "unknown")
        .collect();
    assert!(odd.is_empty(), "{odd:?}");
}

/// The table and the columns of `SELECT "t"."a", "t"."b" FROM "t"`.
fn columns_of(query: &str) -> (String, Vec<String>) {
    let quoted: Vec<&str> = query.split('"').skip(1).step_by(2).collect();
    let (table, pairs) = quoted.split_last().unwrap();
    let mut columns: Vec<String> = pairs
        .chunks(2)
        .map(|pair| {
            assert_eq!(pair[0], *table);
            pair[1].to_owned()
        })
        .collect();
    columns.sort();
    ((*table).to_owned(), columns)
}

#[test]
fn the_file_walks_up_down_and_up() {
    let folder = TempDir::new().unwrap();
    goes_and_comes_back(&schema_walk::walk(&file(&folder)).unwrap());
}

#[test]
fn the_server_walks_up_down_and_up() {
    let cluster = postgres::Database::empty();
    goes_and_comes_back(&schema_walk::walk(&server(&cluster)).unwrap());
}

fn goes_and_comes_back(walk: &Walk) {
    assert!(walk.up.len() > 50, "{:#?}", walk.up);
    assert_eq!(walk.down, Vec::<String>::new());
    assert_eq!(walk.up, walk.up_again);
}

#[test]
fn instances_that_start_at_once_migrate_once() {
    let cluster = postgres::Database::empty();
    let database = server(&cluster);
    let ran: Vec<usize> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| accounts_store::migrate(&database).unwrap().len()))
            .collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });
    let (all, _) = schema_walk::migration_names().unwrap();
    let mut sorted = ran;
    sorted.sort_unstable();
    assert_eq!(sorted, [0, 0, 0, all.len()]);
    assert!(accounts_store::pending(&database).unwrap().is_empty());
}

#[test]
fn a_schema_of_a_newer_version_is_refused() {
    let folder = TempDir::new().unwrap();
    let cluster = postgres::Database::empty();
    for database in [file(&folder), server(&cluster)] {
        accounts_store::migrate(&database).unwrap();
        schema_walk::by_hand(
            &database,
            "INSERT INTO __diesel_schema_migrations (version) VALUES ('9999')",
        )
        .unwrap();
        for refused in [accounts_store::migrate(&database), accounts_store::pending(&database)] {
            let error = refused.unwrap_err();
            assert!(matches!(&error, OpenError::Newer { versions } if versions == &["9999"]));
            assert!(error.to_string().contains("newer version"), "{error}");
        }
    }
}
