//! Whether the number of accounts matters.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::{Bench, HOT, READERS};
use crate::failure::Outcome;
use crate::load::{Load, Order, Request, Script, count};
use crate::sample::{Sample, in_turn};
use crate::service::Place;
use crate::table::{Line, Target};
use crate::world::{CONTACTS, Customer, World};

/// How many accounts a spread reaches at the most: each is a request in memory, with a token of its own.
const SPREAD: usize = 200_000;

/// How many accounts are asked about once, of those that were not asked about before. There are as many where there are
/// few.
const FRESH: usize = 900;

/// The greatest growth of the CPU.
const MOST: f64 = 1.2;

/// What is asked about an account.
#[derive(Clone, Copy)]
struct Question {
    work: &'static str,
    request: fn(&Place, &World, &Customer) -> Outcome<Request>,
}

/// The contacts of an account, for its owner.
pub fn lists(bench: &Bench<'_>) -> Outcome<Vec<Line>> {
    let question = Question {
        work: "list",
        request: |place, _, customer| below(place, customer, "contacts"),
    };
    question.compare(bench)
}

/// Who is told of invoices, for the owner of an account.
pub fn recipients(bench: &Bench<'_>) -> Outcome<Vec<Line>> {
    let question = Question {
        work: "recipients",
        request: |place, _, customer| below(place, customer, "recipients?category=invoice"),
    };
    question.compare(bench)
}

/// Whether a person may do something, for an integration.
pub fn access_checks(bench: &Bench<'_>) -> Outcome<Vec<Line>> {
    let question = Question {
        work: "access check",
        request: |_, world, customer| Ok(world.access_check(customer)),
    };
    question.compare(bench)
}

/// Who sends a mail, and who is told of it, for an integration.
pub fn inbound_checks(bench: &Bench<'_>) -> Outcome<Vec<Line>> {
    let question = Question {
        work: "inbound check",
        request: |_, world, customer| Ok(world.inbound_check(customer)),
    };
    question.compare(bench)
}

fn below(place: &Place, customer: &Customer, what: &str) -> Outcome<Request> {
    let path = format!("/v1/accounts/{}/{what}", customer.account);
    Ok(Request::get(&path, &place.token(customer.owner)?))
}

/// A deployment with its accounts.
type Side<'a> = (&'a Place, &'a World);

/// The deployments that are compared.
struct Sides<'a> {
    many: Side<'a>,
    few: Side<'a>,
}

impl Question {
    /// Asks it with few accounts and with many: of the same accounts again and again, of all alike, and of each but once.
    fn compare(self, bench: &Bench<'_>) -> Outcome<Vec<Line>> {
        let sides = Sides {
            many: (bench.place, bench.world),
            few: bench.few.ok_or("there is no world of few accounts")?,
        };
        let mut lines = Vec::new();
        for (which, reach) in [
            (format!("{HOT} of them, again and again"), HOT),
            ("all alike".to_owned(), SPREAD),
        ] {
            let samples = self.again(bench, &sides, reach)?;
            lines.extend(self.lines(&sides, &which, samples));
        }
        let samples = in_turn(
            bench.blocks,
            || self.once(bench, sides.many),
            || self.once(bench, sides.few),
        )?;
        lines.extend(self.lines(&sides, "each for the first time", samples));
        Ok(lines)
    }

    /// Asks about so many accounts in any order, for as long as a block takes.
    fn again(self, bench: &Bench<'_>, sides: &Sides<'_>, reach: usize) -> Outcome<(Sample, Sample)> {
        let script = |side: Side<'_>| self.script(bench, side, &side.1.some(reach)?, Order::AtRandom);
        let (many_script, few_script) = (script(sides.many)?, script(sides.few)?);
        let (many_service, few_service) = (sides.many.0.serve(bench.log)?, sides.few.0.serve(bench.log)?);
        let (many, few) = (bench.subject(&many_service), bench.subject(&few_service));
        let load = bench.load(READERS);
        bench.warm_up(&many, &many_script, load)?;
        bench.warm_up(&few, &few_script, load)?;
        in_turn(
            bench.blocks,
            || many.measure(&many_script, load),
            || few.measure(&few_script, load),
        )
    }

    /// Asks about accounts that a service which has just started holds nothing of, about each of them once.
    fn once(self, bench: &Bench<'_>, side: Side<'_>) -> Outcome<Sample> {
        let (place, world) = side;
        let known = world.some(HOT)?;
        let taken: BTreeSet<_> = known.iter().map(|customer| customer.account).collect();
        let mut fresh = world.some(FRESH + HOT)?;
        fresh.retain(|customer| !taken.contains(&customer.account));
        fresh.truncate(FRESH);
        let service = place.serve(bench.log)?;
        let subject = bench.subject(&service);
        let warm_up = self.script(bench, side, &known, Order::AtRandom)?;
        bench.warm_up(&subject, &warm_up, bench.load(READERS))?;
        let script = self.script(bench, side, &fresh, Order::InTurn)?;
        let load = Load {
            clients: READERS,
            duration: Duration::from_mins(1),
            at_most: Some(u64::try_from(fresh.len())?),
        };
        subject.measure(&script, load)
    }

    fn script(
        self,
        bench: &Bench<'_>,
        (place, world): Side<'_>,
        customers: &[&Customer],
        order: Order,
    ) -> Outcome<Arc<Script>> {
        let requests = customers.iter().map(|customer| (self.request)(place, world, customer));
        Ok(Script::new(requests.collect::<Outcome<_>>()?, order, 200, bench.seed))
    }

    /// What the server spends on each answer, and what its cluster does.
    fn lines(self, sides: &Sides<'_>, which: &str, (many, few): (Sample, Sample)) -> Vec<Line> {
        let (many_count, few_count) = (count(&sides.many.1.customers), count(&sides.few.1.customers));
        let work = format!("{}, {many_count} accounts of {CONTACTS} contacts, {which}", self.work);
        let beside = format!("with {few_count}");
        let line = |figure, many, few| {
            Line::new(&work, figure, many)
                .against(&beside, few)
                .target(Target::AtMost(MOST))
        };
        let mut lines = vec![line("CPU µs each", many.cpu, few.cpu).sample(many)];
        if let Some((many, few)) = many.cluster_cpu.zip(few.cluster_cpu) {
            lines.push(line("cluster's CPU µs each", many, few));
        }
        lines
    }
}
