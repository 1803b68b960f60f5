//! How much is done, and with which seed.

use std::{collections::BTreeMap, env, path::PathBuf, str::FromStr, time::SystemTime};

/// On which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Db {
    /// A file.
    Sqlite,
    /// A cluster of its own.
    Postgres,
}

impl Db {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}

/// What a run does on each database.
#[derive(Debug, Clone)]
pub struct Plan {
    /// How often something is killed.
    pub kills: u64,
    /// How many acknowledged writes there are at least.
    pub writes: u64,
    /// How many clients write at once.
    pub writers: u64,
    /// What all random choices come from.
    pub seed: u64,
    /// Whether processes are also killed at an fsync, for which strace is needed, and whether claims of mails run out
    /// by the clock. Both take their time.
    pub in_full: bool,
    /// The databases, one after the other.
    pub databases: Vec<Db>,
    /// The program that is killed.
    pub binary: PathBuf,
}

const KILLS: &str = "CRASH_KILLS";
const WRITES: &str = "CRASH_WRITES";
const WRITERS: &str = "CRASH_WRITERS";
const SEED: &str = "CRASH_SEED";
const DATABASES: &str = "CRASH_DATABASES";
const BINARY: &str = "CRASH_BINARY";

impl Plan {
    /// Reads the plan out of the environment. Without a word it is the short run that belongs to the other tests.
    ///
    /// # Errors
    /// A sentence about a variable that makes no sense.
    pub fn from_environment() -> Result<Self, String> {
        let said: BTreeMap<String, String> = env::vars()
            .filter(|(name, value)| name.starts_with("CRASH_") && !value.is_empty())
            .collect();
        let known = [KILLS, WRITES, WRITERS, SEED, DATABASES, BINARY];
        if let Some(name) = said.keys().find(|name| !known.contains(&name.as_str())) {
            return Err(format!("there is no setting {name}; there are {}", known.join(", ")));
        }
        Ok(Self {
            kills: number(&said, KILLS)?.unwrap_or(4),
            writes: number(&said, WRITES)?.unwrap_or(400),
            writers: number(&said, WRITERS)?.unwrap_or(16).max(1),
            seed: number(&said, SEED)?.unwrap_or_else(any_seed),
            in_full: said.contains_key(KILLS),
            databases: databases(&said)?,
            // Cargo has built this one for the test.
            binary: said
                .get(BINARY)
                .map_or(env!("CARGO_BIN_EXE_accounts"), String::as_str)
                .into(),
        })
    }
}

fn databases(said: &BTreeMap<String, String>) -> Result<Vec<Db>, String> {
    let Some(names) = said.get(DATABASES) else {
        return Ok(vec![Db::Sqlite, Db::Postgres]);
    };
    let known = |name: &str| [Db::Sqlite, Db::Postgres].into_iter().find(|db| db.name() == name);
    names
        .split(',')
        .map(|name| known(name).ok_or_else(|| format!("{DATABASES} names sqlite, postgres or both, not `{name}`")))
        .collect()
}

fn number<N: FromStr>(said: &BTreeMap<String, String>, name: &str) -> Result<Option<N>, String> {
    said.get(name)
        .map(|text| text.parse().map_err(|_| format!("{name} is no number: `{text}`")))
        .transpose()
}

/// A seed of six digits, so that it is easily typed again.
fn any_seed() -> u64 {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    u64::from(since.subsec_micros())
}
