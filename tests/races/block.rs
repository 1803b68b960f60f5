//! Many rounds of one pair, and what is told of them. `RACES` says how many pairs of all kinds are to overlap on
//! each database, `RACES_SEED` brings a run back.

use std::{collections::BTreeMap, env, fmt};

use accounts_tests::App;
use serde_json::Value;

use super::{
    dice::Dice,
    ring::{Met, Ring},
};

/// How many pairs of each kind overlap on each database where nothing is said: what every run of the tests can bear.
const USUAL: u64 = 12;

/// One round as it ended.
#[derive(Debug)]
pub(crate) struct Round {
    pub(crate) overlapped: bool,
    pub(crate) outcomes: [String; 2],
    /// Which of the two was carried out first, 0 or 1, where the answers tell.
    pub(crate) first: Option<usize>,
}

impl Round {
    pub(crate) fn of(met: &Met, first: Option<usize>) -> Self {
        Self {
            overlapped: met.overlapped,
            outcomes: met.outcomes(),
            first,
        }
    }
}

/// A kind of pair, with all that its rounds need.
pub(crate) trait Pair {
    /// Sends one pair, asserts that the answers and what is stored agree with one order of the two, and makes
    /// everything ready for the next round. Nothing where the service was too busy to tell what it has done.
    fn round(&mut self, ring: &mut Ring<'_>) -> Option<Round>;
}

/// Runs as many rounds as it takes for this pair's share of all the pairs to overlap. Then everything that must hold
/// is asked of the whole database.
pub(crate) fn block<P: Pair>(app: &App, name: &str, percent: u64, set_up: impl Fn(&mut Ring<'_>) -> P) {
    let seed = number("RACES_SEED").unwrap_or_else(Dice::any_seed);
    let pairs = number("RACES").map_or(USUAL, |all| (all * percent).div_ceil(100));
    println!("races: {name} on {:?}, {pairs} pairs, RACES_SEED={seed}", app.db());
    let mut figures = Figures::default();
    let mut ring = Ring::around(app, seed ^ fingerprint(name));
    let mut stage = set_up(&mut ring);
    while figures.overlapped < pairs {
        if let Some(round) = stage.round(&mut ring) {
            figures.count(round);
        } else {
            figures.too_busy += 1;
            stage = set_up(&mut ring);
        }
        assert!(
            figures.missed + figures.too_busy <= pairs + 100,
            "most rounds do not overlap: {figures}"
        );
        if figures.overlapped.is_multiple_of(250) {
            println!("races: {name} on {:?}: {} of {pairs}", app.db(), figures.overlapped);
        }
    }
    let moves = follow_chains(&mut ring);
    let service = app.running().service();
    let findings = app.running().wait(service.store.check(service.clock.now())).unwrap();
    assert!(findings.is_empty(), "{findings:#?}");
    println!(
        "| {name} | {:?} on {} | {figures} | {moves} moves in unbroken chains | violations 0 | seed {seed} |",
        app.db(),
        match ring.instances() {
            1 => "one instance".to_owned(),
            several => format!("{several} instances"),
        }
    );
}

/// Follows each primary place through the audit log: each move starts where the one before ended, and the last one
/// ends where the row stands. Answers how many moves there were.
fn follow_chains(ring: &mut Ring<'_>) -> usize {
    let moves = ring.lines(
        "SELECT account_id || ' ' || data AS line FROM audit_events WHERE kind = 'role.primary_moved' \
         ORDER BY account_id, revision, position",
    );
    let mut holders: BTreeMap<String, Value> = BTreeMap::new();
    for line in &moves {
        let (account, data) = line.split_once(' ').unwrap();
        let data: Value = serde_json::from_str(data).unwrap();
        let place = format!("{account} {}", data["role"].as_str().unwrap());
        let former = holders.insert(place.clone(), data["to"].clone()).unwrap_or(Value::Null);
        let from = data.get("from").cloned().unwrap_or(Value::Null);
        assert_eq!(former, from, "the chain of {place} is broken at {line}");
    }
    let told = holders
        .iter()
        .filter_map(|(place, holder)| Some(format!("{place} {}", holder.as_str()?)));
    let stands = ring.lines(
        "SELECT account_id || ' ' || role || ' ' || contact_id AS line FROM role_primaries ORDER BY account_id, role",
    );
    assert!(told.eq(stands.clone()), "the chains do not end at {stands:#?}");
    moves.len()
}

/// What is told of a block.
#[derive(Debug, Default)]
struct Figures {
    overlapped: u64,
    missed: u64,
    too_busy: u64,
    first: [u64; 2],
    outcomes: BTreeMap<String, u64>,
}

impl Figures {
    fn count(&mut self, round: Round) {
        if !round.overlapped {
            self.missed += 1;
            return;
        }
        self.overlapped += 1;
        if let Some(first) = round.first {
            self.first[first] += 1;
        }
        let [one, other] = round.outcomes;
        *self.outcomes.entry(format!("{one} / {other}")).or_default() += 1;
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rounds = self.overlapped + self.missed + self.too_busy;
        write!(f, "rounds {rounds} | overlapped {} | ", self.overlapped)?;
        match self.first {
            [0, 0] => f.write_str("order not told | ")?,
            [one, other] => write!(f, "first: {one} / {other} | ")?,
        }
        let outcomes: Vec<String> = self
            .outcomes
            .iter()
            .map(|(outcome, count)| format!("{outcome}: {count}"))
            .collect();
        f.write_str(&outcomes.join("; "))
    }
}

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable} is no number: {text}")),
    )
}

/// Another seed for each pair out of the same one (FNV-1a).
fn fingerprint(name: &str) -> u64 {
    name.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    })
}
