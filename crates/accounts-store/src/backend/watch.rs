//! What a test sees of the queries of a store: which are asked, which are kept prepared, and by which way the database
//! answers them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use diesel::connection::{Instrumentation, InstrumentationEvent, set_default_instrumentation};
use diesel::deserialize::QueryableByName;
use diesel::sql_types::Text;
use diesel::{RunQueryDsl, sql_query};

use super::{Conn, Database, Purpose, address};

/// What was seen of a database, by the text that leads to it.
static SEEN: Mutex<BTreeMap<String, Seen>> = Mutex::new(BTreeMap::new());

/// What connections to one database have asked.
#[derive(Debug, Default)]
struct Seen {
    asked: Vec<String>,
    prepared: BTreeSet<String>,
}

/// Looks at whatever connections ask that are opened from now on to this database.
///
/// # Errors
/// Where the library lets nobody look.
pub fn begin(database: &Database) -> Result<(), String> {
    seen().entry(place(database)).or_default();
    set_default_instrumentation(|| Some(Box::new(Watcher { place: None }))).map_err(|error| error.to_string())
}

/// The queries that were asked since the last look, without those that begin and end transactions.
pub fn asked(database: &Database) -> Vec<String> {
    let mut seen = seen();
    seen.get_mut(&place(database))
        .map(|seen| std::mem::take(&mut seen.asked))
        .unwrap_or_default()
}

/// Whether a connection keeps this query prepared.
pub fn is_kept(database: &Database, query: &str) -> bool {
    seen()
        .get(&place(database))
        .is_some_and(|seen| seen.prepared.contains(query))
}

/// The steps by which the database would look rows up for a query, whatever its values, that are no search by an index:
/// each reads a table or an index from one end to the other.
///
/// # Errors
/// The words of the database.
pub fn reads_all(database: &Database, query: &str) -> Result<Vec<String>, String> {
    let mut conn = Conn::open(database, Purpose::Maintain).map_err(|error| error.cause().to_owned())?;
    match &mut conn {
        Conn::Sqlite(conn) => {
            let plan: Vec<SqliteStep> = sql_query(format!("EXPLAIN QUERY PLAN {query}"))
                .load(conn)
                .map_err(|error| error.to_string())?;
            let steps = plan.into_iter().map(|step| step.detail);
            Ok(steps
                .filter(|step| step.starts_with("SCAN") && !step.starts_with("SCAN CONSTANT ROW"))
                .collect())
        }
        Conn::Pg(conn) => {
            let values = (1..=u16::MAX)
                .take_while(|number| query.contains(&format!("${number}")))
                .count();
            let nulls = vec!["NULL"; values].join(", ");
            let call = if values == 0 {
                String::new()
            } else {
                format!("({nulls})")
            };
            // Small tables are read whole where nothing speaks against it.
            let prepare = format!("SET enable_seqscan = off; PREPARE watched AS {query}");
            diesel::connection::SimpleConnection::batch_execute(conn, &prepare).map_err(|error| error.to_string())?;
            let plan: Vec<PostgresStep> = sql_query(format!("EXPLAIN (COSTS OFF) EXECUTE watched{call}"))
                .load(conn)
                .map_err(|error| error.to_string())?;
            let lines: Vec<String> = plan.into_iter().map(|step| step.line).collect();
            let below = lines.iter().skip(1).map(String::as_str).chain([""]);
            let steps = lines.iter().zip(below);
            Ok(steps
                .filter(|(line, below)| {
                    line.contains("Seq Scan")
                        || line.contains("Index") && line.contains("Scan") && !below.contains("Cond:")
                })
                .map(|(line, _)| line.clone())
                .collect())
        }
    }
}

fn seen() -> MutexGuard<'static, BTreeMap<String, Seen>> {
    SEEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What connections to a database are opened by.
fn place(database: &Database) -> String {
    match database {
        Database::Sqlite { path } => address::sqlite_uri(path),
        Database::Postgres { url } => url.to_connect(),
    }
}

/// Notes what one connection asks, where it leads to a database that is looked at.
struct Watcher {
    place: Option<String>,
}

impl Instrumentation for Watcher {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        if let InstrumentationEvent::StartEstablishConnection { url, .. } = event {
            self.place = Some(url.to_owned()).filter(|url| seen().contains_key(url));
            return;
        }
        let Some(place) = &self.place else { return };
        let mut seen = seen();
        let Some(seen) = seen.get_mut(place) else { return };
        if let InstrumentationEvent::StartQuery { query, .. } = event {
            let text = query.to_string();
            let text = text.split(" -- binds").next().unwrap_or_default().trim();
            let is_of_transactions = ["BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "PRAGMA", "SET"];
            if !is_of_transactions.iter().any(|word| text.starts_with(word)) {
                seen.asked.push(text.to_owned());
            }
        } else if let InstrumentationEvent::CacheQuery { sql, .. } = event {
            seen.prepared.insert(sql.to_owned());
        }
    }
}

#[derive(QueryableByName)]
struct SqliteStep {
    #[diesel(sql_type = Text)]
    detail: String,
}

#[derive(QueryableByName)]
struct PostgresStep {
    #[diesel(sql_type = Text, column_name = "QUERY PLAN")]
    line: String,
}
