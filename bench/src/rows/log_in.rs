//! Log-ins, and what they do to everybody else.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::{Bench, HOT};
use crate::failure::{Failure, Outcome};
use crate::limit::argon2_per_second;
use crate::load::{Load, Order, Request, Script};
use crate::sample::{Sample, Subject, in_turn};
use crate::table::{Line, Target};
use crate::world::PASSWORD;

/// How many log in at once: enough to keep the hashing busy, and few enough to wait for it. All of them come from
/// one network, which may have 50 tries under way.
const CLIENTS: usize = 16;

/// How many people log in, again and again.
const PEOPLE: usize = 256;

/// How many connections read meanwhile.
const READERS: usize = 8;

/// How long hashing goes on alone before and after the reads are measured.
const MARGIN: Duration = Duration::from_millis(500);

/// Logs people in.
pub fn log_in(bench: &Bench<'_>) -> Outcome<Vec<Line>> {
    let service = bench.serve()?;
    let subject = bench.subject(&service);
    let (script, load) = (people(bench)?, bench.load(CLIENTS));
    bench.warm_up(&subject, &script, load)?;
    let limit = || -> Outcome<Sample> {
        Ok(Sample {
            per_second: argon2_per_second(bench.duration)?,
            ..Sample::default()
        })
    };
    let (ours, limit) = in_turn(bench.blocks, || subject.measure(&script, load), limit)?;
    let line = Line::new("log in", "a second", ours.per_second)
        .against("raw argon2", limit.per_second)
        .target(Target::AtLeast(0.95));
    Ok(vec![line.sample(ours)])
}

/// Reads lists alone, and while people log in as fast as they can.
pub fn reads_meanwhile(bench: &Bench<'_>) -> Outcome<Vec<Line>> {
    let service = bench.serve()?;
    let subject = bench.subject(&service);
    let log_ins = people(bench)?;
    let reads = bench.gets(bench.place, bench.world.some(HOT)?, "contacts", Order::AtRandom)?;
    let load = bench.load(READERS);
    bench.warm_up(&subject, &reads, load)?;
    let (meanwhile, idle) = in_turn(
        bench.blocks,
        || during(&subject, &log_ins, || subject.measure(&reads, load), load.duration),
        || subject.measure(&reads, load),
    )?;
    let work = "reads while log ins saturate";
    Ok(vec![
        Line::new(work, "p99 ms", meanwhile.p99)
            .against("idle", idle.p99)
            .target(Target::AtMost(3.0))
            .sample(meanwhile),
        Line::new(work, "a second", meanwhile.per_second).against("idle", idle.per_second),
    ])
}

fn people(bench: &Bench<'_>) -> Outcome<Arc<Script>> {
    let log_in = |address: &str| {
        let body = format!(r#"{{"address":"{address}","password":"{PASSWORD}"}}"#);
        Request::post("/v1/sessions", None, &body)
    };
    let people = bench.world.some(PEOPLE)?;
    let requests = people.iter().map(|customer| log_in(&customer.address)).collect();
    Ok(Script::new(requests, Order::InTurn, 201, bench.seed))
}

/// Does something while people log in.
fn during<W>(subject: &Subject<'_>, log_ins: &Arc<Script>, work: W, duration: Duration) -> Outcome<Sample>
where
    W: FnOnce() -> Outcome<Sample>,
{
    let load = Load {
        clients: CLIENTS,
        duration: duration + 2 * MARGIN,
        at_most: None,
    };
    thread::scope(|scope| {
        let hashing = scope.spawn(|| crate::load::run(subject.address, log_ins, load));
        thread::sleep(MARGIN);
        let sample = work();
        let answers = hashing.join().map_err(|_| Failure::from("the log-ins panicked"))??;
        if answers.latencies.is_empty() {
            return Err("nobody could log in meanwhile".into());
        }
        sample
    })
}
