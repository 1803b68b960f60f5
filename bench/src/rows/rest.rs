//! Starting, and what the process holds.

use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use super::{Bench, HOT, READERS};
use crate::failure::Outcome;
use crate::load::{Load, Order, Request, Resting, fetch};
use crate::process::{open_files_limit, resident_kib};
use crate::sample::{Subject, median};
use crate::table::{Line, Target};
use crate::world::PASSWORD;

/// How often the service is started.
const STARTS: usize = 9;

/// How many connections rest.
const CONNECTIONS: u32 = 10_000;

/// What the service and the bench need beside these.
const OTHER_FILES: u32 = 200;

/// How long a process may come to rest before its memory is looked at.
const REST: Duration = Duration::from_secs(2);

/// Starts the service on its database, and waits for an answer that needs it.
pub fn start(bench: &Bench<'_>) -> Outcome<Vec<Line>> {
    let customers = bench.world.some(1)?;
    let customer = customers.first().ok_or("no account")?;
    let path = format!("/v1/accounts/{}/contacts", customer.account);
    let request = Request::get(&path, &bench.place.token(customer.owner)?);
    let mut took = Vec::new();
    for _ in 0..STARTS {
        let begun = Instant::now();
        let service = bench.place.start(bench.log)?;
        while TcpStream::connect(service.address()).is_err() {
            if begun.elapsed() > Duration::from_secs(30) {
                return Err("it does not start".into());
            }
            thread::sleep(Duration::from_micros(100));
        }
        let (head, _) = fetch(service.address(), &request)?;
        took.push(begun.elapsed().as_secs_f64() * 1e3);
        if !head.starts_with("HTTP/1.1 200") {
            return Err(format!("the first answer was {}", head.lines().next().unwrap_or_default()).into());
        }
    }
    let most = if bench.cluster.is_some() { 100.0 } else { 27.0 };
    let line = Line::new("start to first answer, database present", "ms", median(took));
    Ok(vec![line.target(Target::AtMostInAll(most))])
}

/// Looks at the memory of a process that has just started, and of one that has done all kinds of work on all accounts.
pub fn memory(bench: &Bench<'_>) -> Outcome<Vec<Line>> {
    let service = bench.serve()?;
    let subject = bench.subject(&service);
    thread::sleep(REST);
    let idle = megabytes(&subject)?;
    let customers = &bench.world.customers;
    let reads = bench.gets(bench.place, customers.iter().take(200_000), "contacts", Order::AtRandom)?;
    let adds = bench.adds(customers)?;
    let log_in = |address: &str| {
        let body = format!(r#"{{"address":"{address}","password":"{PASSWORD}"}}"#);
        Request::post("/v1/sessions", None, &body)
    };
    let log_ins = customers
        .iter()
        .take(256)
        .map(|customer| log_in(&customer.address))
        .collect();
    let log_ins = crate::load::Script::new(log_ins, Order::InTurn, 201, bench.seed);
    let load = Load {
        duration: bench.duration * 2,
        ..bench.load(64)
    };
    subject.measure(&reads, load)?;
    subject.measure(&adds, load)?;
    subject.measure(&log_ins, bench.load(READERS))?;
    subject.measure(&reads, load)?;
    thread::sleep(REST);
    let after = megabytes(&subject)?;
    Ok(vec![
        Line::new("memory, idle", "MB resident", idle).target(Target::AtMostInAll(30.0)),
        Line::new("memory, after load", "MB resident", after).target(Target::AtMostInAll(100.0)),
    ])
}

/// Opens connections that are kept alive and rest after one answer each.
pub fn idle_connections(bench: &Bench<'_>) -> Outcome<Vec<Line>> {
    let service = bench.serve()?;
    let subject = bench.subject(&service);
    let script = bench.gets(bench.place, bench.world.some(HOT)?, "contacts", Order::AtRandom)?;
    let load = Load {
        duration: Duration::from_secs(1),
        ..bench.load(READERS)
    };
    bench.warm_up(&subject, &script, load)?;
    let allowed = open_files_limit()?.saturating_sub(OTHER_FILES);
    let how_many = CONNECTIONS.min(allowed);
    thread::sleep(REST);
    let before = f64::from(resident_kib(subject.process)?);
    let resting = Resting::open(subject.address, &script, usize::try_from(how_many)?)?;
    thread::sleep(REST);
    let after = f64::from(resident_kib(subject.process)?);
    let each = (after - before) / f64::from(how_many);
    let work = format!("idle keep-alive connection, {} of them", resting.count());
    let mut line = Line::new(&work, "KiB each", each).target(Target::AtMostInAll(10.0));
    if how_many < CONNECTIONS {
        line = line.note(&format!("only {allowed} files may be open: raise `ulimit -n`"));
    }
    Ok(vec![line])
}

fn megabytes(subject: &Subject<'_>) -> Outcome<f64> {
    Ok(f64::from(resident_kib(subject.process)?) * 1024.0 / 1e6)
}
