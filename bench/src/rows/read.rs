//! Reads of one account: authenticated, strictly consistent.

use std::sync::Arc;

use super::{Bench, HOT, READERS};
use crate::failure::Outcome;
use crate::limit::LimitServer;
use crate::load::{Order, Request, Script, fetch};
use crate::sample::{Subject, in_turn};
use crate::service::Service;
use crate::table::{Line, Target};

/// The contacts of an account that has five.
pub fn list(bench: &Bench<'_>) -> Outcome<Vec<Line>> {
    compare(bench, "list of five contacts", "contacts")
}

/// What the caller may do, with every application and every reason.
pub fn access(bench: &Bench<'_>) -> Outcome<Vec<Line>> {
    compare(bench, "access answer", "access")
}

/// A yes or no to one question of an integration, with the reason.
pub fn check(bench: &Bench<'_>) -> Outcome<Vec<Line>> {
    let service = bench.serve()?;
    let hot = bench.world.some(HOT)?;
    let questions = hot.iter().map(|customer| bench.world.access_check(customer)).collect();
    let script = Script::new(questions, Order::AtRandom, 200, bench.seed);
    let first = bench.world.access_check(hot.first().ok_or("no account")?);
    // The account of the limit's one SELECT stands in the path.
    let limit = bench.gets(bench.place, hot, "access", Order::AtRandom)?;
    against_the_limit(bench, &service, "access check", (&script, &limit), &first)
}

/// Reads of something below accounts, against the limit.
fn compare(bench: &Bench<'_>, work: &str, what: &str) -> Outcome<Vec<Line>> {
    let service = bench.serve()?;
    let hot = bench.world.some(HOT)?;
    let script = bench.gets(bench.place, hot.iter().copied(), what, Order::AtRandom)?;
    let first = hot.first().ok_or("no account")?;
    let path = format!("/v1/accounts/{}/{what}", first.account);
    let first = Request::get(&path, &bench.place.token(first.owner)?);
    against_the_limit(bench, &service, work, (&script, &script), &first)
}

/// Compares the service with a limit server that answers the same bytes: on SQLite one that does nothing else, on
/// PostgreSQL one that does one prepared SELECT.
fn against_the_limit(
    bench: &Bench<'_>,
    service: &Service,
    work: &str,
    (script, of_limit): (&Arc<Script>, &Arc<Script>),
    first: &Request,
) -> Outcome<Vec<Line>> {
    let (head, body) = fetch(service.address(), first)?;
    let (limit, limit_name, share) = match &bench.place.postgres {
        None => (LimitServer::bare(&head, &body)?, "bare actix", 0.6),
        Some(url) => (LimitServer::select(&head, &body, url)?, "actix, one SELECT", 0.8),
    };
    let ours = bench.subject(service);
    let theirs = Subject {
        address: limit.address(),
        process: limit.id(),
        cluster: bench.cluster,
    };
    let load = bench.load(READERS);
    bench.warm_up(&ours, script, load)?;
    bench.warm_up(&theirs, of_limit, load)?;
    let (ours, theirs) = in_turn(
        bench.blocks,
        || ours.measure(script, load),
        || theirs.measure(of_limit, load),
    )?;
    let mut lines = vec![
        Line::new(work, "CPU µs each", ours.cpu)
            .spent_against(limit_name, theirs.cpu)
            .target(Target::AtLeast(share))
            .sample(ours),
        Line::new(work, "a second", ours.per_second)
            .against(limit_name, theirs.per_second)
            .target(Target::AtLeast(share)),
    ];
    if let Some((ours, theirs)) = ours.cluster_cpu.zip(theirs.cluster_cpu) {
        lines.push(Line::new(work, "cluster's CPU µs each", ours).spent_against(limit_name, theirs));
    }
    Ok(lines)
}
