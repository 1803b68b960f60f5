//! `make bench`: what the service does in a second and what it costs, measured in one run against limit servers that
//! do the unavoidable part of the work and no more.
//!
//! Timings are shown here and asserted nowhere. `docs/performance.md` tells what each row means.

mod failure;
mod folder;
mod limit;
mod load;
mod postgres;
mod process;
mod rows;
mod sample;
mod service;
mod table;
mod world;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};
use serde_json::{Value, json};

use crate::failure::Outcome;
use crate::postgres::Cluster;
use crate::rows::{Bench, ROWS};
use crate::service::Place;
use crate::table::Line;
use crate::world::{Plan, World};

/// How many accounts the small world has that the large one is compared with.
const FEW: u32 = 1000;

/// Measures the service against limit servers and prints the table.
#[derive(Parser)]
#[command(name = "bench")]
struct Arguments {
    /// Only rows whose name holds this; may be given several times.
    #[arg(long, value_name = "ROW")]
    only: Vec<String>,
    /// Only this database.
    #[arg(long, value_enum)]
    database: Option<Kind>,
    /// How many seconds a block of load takes.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// How many blocks each side of a comparison has; medians are shown.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=99))]
    blocks: u16,
    /// Blocks of one second and few accounts: whether it works, not how fast it is.
    #[arg(long)]
    quick: bool,
    /// How many accounts the large world has.
    #[arg(long, env = "BENCH_ACCOUNTS", default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(100..=9_000_000))]
    accounts: u32,
    /// What the service logs: `info`, as it is shipped, is one line for each request.
    #[arg(long, default_value = "info")]
    log: String,
    /// Where random choices begin; the same one chooses the same again.
    #[arg(long, default_value_t = 20_260_101)]
    seed: u64,
    /// Also write the table as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Print the names of the rows, and measure nothing.
    #[arg(long)]
    list: bool,
}

/// A database that the service runs on.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Sqlite,
    Postgres,
}

fn main() -> ExitCode {
    let mut arguments = Arguments::parse();
    if arguments.list {
        for row in &ROWS {
            println!("{}", row.name);
        }
        return ExitCode::SUCCESS;
    }
    if arguments.quick {
        (arguments.seconds, arguments.blocks) = (1, 1);
        arguments.accounts = arguments.accounts.min(2 * FEW);
    }
    match run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("The bench cannot run: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Measures and prints. Whether every row could be measured.
fn run(arguments: &Arguments) -> Outcome<bool> {
    if !ROWS.iter().any(|row| is_wanted(arguments, row.name)) {
        return Err("no row has such a name; --list prints all".into());
    }
    let about = about(arguments);
    eprintln!("{about}");
    let (mut lines, mut is_whole) = (Vec::new(), true);
    for kind in [Kind::Sqlite, Kind::Postgres] {
        if arguments.database.is_none_or(|only| only == kind) {
            is_whole &= measure(arguments, kind, &mut lines)?;
        }
    }
    print!("{}", table::as_text(&lines));
    if let Some(file) = &arguments.json {
        let text = serde_json::to_string_pretty(&table::as_json(&lines, &about))?;
        std::fs::write(file, text + "\n")?;
    }
    Ok(is_whole)
}

fn is_wanted(arguments: &Arguments, row: &str) -> bool {
    arguments.only.is_empty() || arguments.only.iter().any(|part| row.contains(part))
}

fn about(arguments: &Arguments) -> Value {
    json!({
        "processors": limit::cores(),
        "seconds": arguments.seconds,
        "blocks": arguments.blocks,
        "accounts": [FEW, arguments.accounts],
        "log": arguments.log,
        "seed": arguments.seed,
        "profile": if cfg!(debug_assertions) { "debug: the figures are worth nothing" } else { "release" },
    })
}

/// Measures all rows on one database.
fn measure(arguments: &Arguments, kind: Kind, lines: &mut Vec<Line>) -> Outcome<bool> {
    let name = match kind {
        Kind::Sqlite => "SQLite",
        Kind::Postgres => "PostgreSQL",
    };
    let cluster = match kind {
        Kind::Sqlite => None,
        Kind::Postgres => Some(Cluster::start()?),
    };
    let wanted: Vec<_> = ROWS.iter().filter(|row| is_wanted(arguments, row.name)).collect();
    let few = if wanted.iter().any(|row| row.compares_sizes) {
        Some(deploy(name, cluster.as_ref(), "few", ordinary(FEW))?)
    } else {
        None
    };
    let plan = Plan {
        large: rows::LARGE_ACCOUNTS,
        contacts_of_large: rows::LARGE_CONTACTS,
        ..ordinary(arguments.accounts)
    };
    let (place, world) = deploy(name, cluster.as_ref(), "many", plan)?;
    let bench = Bench {
        cluster: cluster.as_ref(),
        place: &place,
        world: &world,
        few: few.as_ref().map(|(place, world)| (place, world)),
        duration: Duration::from_secs(arguments.seconds),
        blocks: usize::from(arguments.blocks),
        log: &arguments.log,
        seed: arguments.seed,
    };
    let mut is_whole = true;
    for row in wanted {
        eprintln!("{name}: {}", row.name);
        match (row.measure)(&bench) {
            Ok(measured) => {
                for line in measured.into_iter().map(|line| line.on(name)) {
                    eprintln!("    {}", line.in_short());
                    lines.push(line);
                }
            }
            Err(error) => {
                is_whole = false;
                eprintln!("    it could not be measured: {error}");
                let line = Line::new(row.name, "", f64::NAN).on(name);
                lines.push(line.note(&format!("not measured: {error}")));
            }
        }
    }
    Ok(is_whole)
}

fn ordinary(accounts: u32) -> Plan {
    Plan {
        accounts,
        large: 0,
        contacts_of_large: 0,
    }
}

/// Makes a deployment with accounts in it.
fn deploy(name: &str, cluster: Option<&Cluster>, database: &str, plan: Plan) -> Outcome<(Place, World)> {
    eprintln!("{name}: filling in {} accounts", plan.accounts + plan.large);
    let place = Place::make(cluster.map(|cluster| cluster.database(database)).transpose()?)?;
    let begun = Instant::now();
    let world = world::fill(&place, plan)?;
    if let Some(cluster) = cluster {
        cluster.analyze(database)?;
    }
    eprintln!("    filled in {} s", begun.elapsed().as_secs());
    Ok((place, world))
}
