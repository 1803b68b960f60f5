//! Whether the number of accounts matters.

use super::{Bench, HOT, READERS};
use crate::failure::Outcome;
use crate::load::Order;
use crate::sample::in_turn;
use crate::service::Place;
use crate::table::{Line, Target};
use crate::world::{CONTACTS, World};

/// How many accounts a spread reaches at the most: each is a request in memory, with a token of its own.
const SPREAD: usize = 200_000;

/// Lists contacts with few accounts and with many: of the same accounts again and again, and of all alike.
pub fn accounts(bench: &Bench<'_>) -> Outcome<Vec<Line>> {
    Ok(vec![
        compare(bench, &format!("{HOT} of them, again and again"), HOT)?,
        compare(bench, "all alike", SPREAD)?,
    ])
}

fn compare(bench: &Bench<'_>, which: &str, reach: usize) -> Outcome<Line> {
    let (few_place, few_world) = bench.few.ok_or("there is no world of few accounts")?;
    let script = |place: &Place, world: &World| bench.gets(place, world.some(reach)?, "contacts", Order::AtRandom);
    let (many_script, few_script) = (script(bench.place, bench.world)?, script(few_place, few_world)?);
    let (many_service, few_service) = (bench.serve()?, few_place.serve(bench.log)?);
    let (many, few) = (bench.subject(&many_service), bench.subject(&few_service));
    let load = bench.load(READERS);
    bench.warm_up(&many, &many_script, load)?;
    bench.warm_up(&few, &few_script, load)?;
    let (many, few) = in_turn(
        bench.blocks,
        || many.measure(&many_script, load),
        || few.measure(&few_script, load),
    )?;
    let (many_count, few_count) = (bench.world.customers.len(), few_world.customers.len());
    let work = format!("list, {many_count} accounts of {CONTACTS} contacts, {which}");
    Ok(Line::new(&work, "CPU µs each", many.cpu)
        .against(&format!("with {few_count}"), few.cpu)
        .target(Target::AtMost(1.2))
        .sample(many))
}
