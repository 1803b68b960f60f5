//! An account with a thousand contacts beside accounts with five.

use std::sync::Arc;
use std::time::Duration;

use super::{Bench, HOT};
use crate::failure::Outcome;
use crate::load::{Load, Order, Script};
use crate::sample::{Sample, Subject, in_turn};
use crate::table::{Line, Target};

/// How many contacts a large account has to begin with. What is missing of a thousand is room for adding.
pub const CONTACTS: usize = 900;

/// How many large accounts there are, so that there is room for enough adding.
pub const HOW_MANY: u32 = 16;

/// How many connections ask at once.
const CLIENTS: usize = 8;

/// How many contacts all blocks together may add to the large accounts.
const ROOM: u64 = 1200;

/// Reads, adds and promotes.
pub fn account(bench: &Bench<'_>) -> Outcome<Vec<Line>> {
    let service = bench.serve()?;
    let subject = bench.subject(&service);
    let (large, ordinary) = (&bench.world.large, &bench.world.customers);
    let place = bench.place;
    let lists = (
        bench.gets(place, large, "contacts?limit=50", Order::InTurn)?,
        bench.gets(place, bench.world.some(HOT)?, "contacts?limit=50", Order::InTurn)?,
    );
    let adds = (bench.adds(large)?, bench.adds(ordinary)?);
    let promotes = (bench.promotes(large)?, bench.promotes(ordinary)?);
    let page = compare(bench, &subject, &lists, None)?;
    let added = compare(bench, &subject, &adds, Some(ROOM))?;
    let moved = compare(bench, &subject, &promotes, None)?;
    Ok(vec![
        line("list, a page of 50", page, Target::None),
        line("add", added, Target::AtMost(3.0)),
        line("promote", moved, Target::AtMost(3.0)),
    ])
}

fn line(work: &str, (large, ordinary): (Sample, Sample), target: Target) -> Line {
    Line::new(
        &format!("account of {CONTACTS} contacts: {work}"),
        "CPU µs each",
        large.cpu,
    )
    .against("account of 5", ordinary.cpu)
    .target(target)
    .sample(large)
}

/// Asks the large accounts and the ordinary ones in turn; at most so many times, all blocks together.
fn compare(
    bench: &Bench<'_>,
    subject: &Subject<'_>,
    (large, ordinary): &(Arc<Script>, Arc<Script>),
    room: Option<u64>,
) -> Outcome<(Sample, Sample)> {
    let shares = u64::try_from(bench.blocks)? + 1;
    let load = Load {
        at_most: room.map(|room| room / shares),
        ..bench.load(CLIENTS)
    };
    let unbounded = bench.load(CLIENTS);
    bench.warm_up(subject, ordinary, unbounded)?;
    let warm_up = Load {
        duration: Duration::from_secs(1),
        ..load
    };
    subject.measure(large, warm_up)?;
    in_turn(
        bench.blocks,
        || subject.measure(large, load),
        || subject.measure(ordinary, unbounded),
    )
}
