//! Writes, each on the disk before it is answered.

use super::Bench;
use crate::failure::Outcome;
use crate::limit::{cores, pgbench_per_second, prepare_pgbench, serial_commits_per_second};
use crate::sample::{Sample, in_turn};
use crate::table::{Line, Target};

/// How many connections write at once.
const WRITERS: usize = 64;

/// What an add may cost on SQLite, in microseconds of the processors.
const ADD_CPU: f64 = 130.0;

/// Adds contacts to all accounts in turn.
pub fn add(bench: &Bench<'_>) -> Outcome<Vec<Line>> {
    let service = bench.serve()?;
    let ours = bench.subject(&service);
    let script = bench.adds(&bench.world.customers)?;
    let load = bench.load(WRITERS);
    bench.warm_up(&ours, &script, load)?;
    if let Some(cluster) = bench.cluster {
        prepare_pgbench(cluster)?;
    }
    let limit = || -> Outcome<Sample> {
        let per_second = match bench.cluster {
            Some(cluster) => pgbench_per_second(cluster, WRITERS, bench.duration)?,
            None => serial_commits_per_second(bench.place.path(), bench.duration)?,
        };
        Ok(Sample {
            per_second,
            ..Sample::default()
        })
    };
    let (ours, limit) = in_turn(bench.blocks, || ours.measure(&script, load), limit)?;
    let work = format!("add a contact, {WRITERS} clients, durable");
    if bench.cluster.is_some() {
        let line = Line::new(&work, "a second", ours.per_second).against("pgbench -N", limit.per_second);
        return Ok(vec![line.target(Target::AtLeast(0.6)).sample(ours)]);
    }
    let busy = format!(
        "{:.1} of {} processors busy with it",
        ours.per_second * ours.cpu / 1e6,
        cores()
    );
    Ok(vec![
        Line::new(&work, "CPU µs each", ours.cpu)
            .target(Target::AtMostInAll(ADD_CPU))
            .sample(ours),
        Line::new(&work, "a second", ours.per_second)
            .against("serial commits", limit.per_second)
            .target(Target::AtLeast(8.0))
            .note(&busy),
    ])
}

/// Moves a primary place, and compares it with adding a contact.
pub fn promote(bench: &Bench<'_>) -> Outcome<Vec<Line>> {
    let service = bench.serve()?;
    let subject = bench.subject(&service);
    let promotes = bench.promotes(&bench.world.customers)?;
    let adds = bench.adds(&bench.world.customers)?;
    let load = bench.load(WRITERS);
    bench.warm_up(&subject, &promotes, load)?;
    bench.warm_up(&subject, &adds, load)?;
    let (ours, add) = in_turn(
        bench.blocks,
        || subject.measure(&promotes, load),
        || subject.measure(&adds, load),
    )?;
    let line = Line::new("promote, 64 clients, durable", "a second", ours.per_second)
        .against("add", add.per_second)
        .target(Target::AtLeast(0.8));
    Ok(vec![line.sample(ours)])
}
