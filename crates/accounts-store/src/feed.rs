//! The order in which events are told to other systems, and who is to be told.
//!
//! An event gets its row in the feed with itself, by the database, and its number afterwards. Numbers are given by one
//! transaction at a time, which also lays a delivery before each webhook that wants the event. So a number that can be
//! seen has no smaller one that comes later, and no event is told to nobody because its transaction took its time.

pub(crate) mod objects;

use accounts_domain::ids::{AccountId, EventId};
use accounts_domain::webhooks::Webhook;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::BigInt;

use crate::audit::{AuditEvent, EventRow, with_values};
use crate::backend::{Conn, one_at_a_time};
use crate::error::{Fault, StoreError};
use crate::schema::{audit_events, feed};
use crate::store::Store;
use crate::webhooks::{self, deliveries};

/// How many events get their numbers in one transaction, at most and at least.
const STEP: i64 = 500;
const SMALLEST_STEP: i64 = 10;

/// How many deliveries are laid in one transaction, so that it ends in time however many webhooks listen.
const LAID: i64 = 4_000;

/// After how many steps a reader goes on without what is still to come.
const STEPS: usize = 40;

/// How many events a page of the feed looks at, where it is narrowed: however few it finds, it ends.
const SCANNED: i64 = 5_000;

/// What the transactions that give numbers know each other by, where a database asks for it.
const TURNSTILE: i64 = 0x0061_6363_5f66_6565;

/// Which events are asked for; an empty list asks for all.
#[derive(Debug, Clone, Default)]
pub struct FeedFilter {
    /// What happened: any of these.
    pub kinds: Vec<String>,
    /// In the log of which account: any of these.
    pub accounts: Vec<AccountId>,
}

impl FeedFilter {
    fn is_empty(&self) -> bool {
        self.kinds.is_empty() && self.accounts.is_empty()
    }
}

/// A page of the feed.
#[derive(Debug, Clone, PartialEq)]
pub struct FeedPage {
    /// The events, in the order of their numbers.
    pub events: Vec<AuditEvent>,
    /// The last event that was looked at: the next page begins after it. Nothing where there was none.
    pub last: Option<EventId>,
    /// Whether there is more already.
    pub more: bool,
}

impl Store {
    /// Gives numbers to all events that have none, and lays deliveries before webhooks. Answers how many events got one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn number_events(&self, at: DateTime<Utc>) -> Result<usize, StoreError> {
        let mut numbered = 0;
        for _ in 0..STEPS {
            // A look first: the writer is not troubled where nothing waits.
            if !self.lanes.read(is_behind).await? {
                break;
            }
            numbered += self.change(move |conn| step(conn, at)).await?;
        }
        Ok(numbered)
    }

    /// Reads the feed after an event, or from its beginning. Whatever was acknowledged before is in it. Nothing where the
    /// feed has no such event.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn feed(
        &self,
        after: Option<EventId>,
        filter: FeedFilter,
        limit: usize,
        at: DateTime<Utc>,
    ) -> Result<Option<FeedPage>, StoreError> {
        self.number_events(at).await?;
        self.lanes
            .read_consistent(move |conn| read_page(conn, after, &filter, limit))
            .await
    }
}

/// Whether an event waits for its number.
fn is_behind(conn: &mut Conn) -> Result<bool, Fault> {
    let waiting: Option<i64> = feed::table
        .filter(feed::sequence.is_null())
        .order(feed::arrival)
        .select(feed::arrival)
        .first(conn)
        .optional()?;
    Ok(waiting.is_some())
}

fn latest(conn: &mut Conn) -> Result<i64, Fault> {
    let latest: Option<i64> = feed::table.select(diesel::dsl::max(feed::sequence)).first(conn)?;
    Ok(latest.unwrap_or_default())
}

/// Waits until nobody gives numbers and lays deliveries, and keeps others from it until the transaction ends: a webhook
/// begins to listen, asks for other types and is taken away before or after that, and not meanwhile.
pub(crate) fn stand_still(conn: &mut Conn) -> Result<(), Fault> {
    Ok(one_at_a_time(conn, TURNSTILE)?)
}

fn step(conn: &mut Conn, at: DateTime<Utc>) -> Result<usize, Fault> {
    stand_still(conn)?;
    let listening: Vec<Webhook> = webhooks::listening(conn)?;
    let listeners = i64::try_from(listening.len()).unwrap_or(LAID).max(1);
    let before = latest(conn)?;
    let numbered = sql_query(
        "UPDATE feed SET sequence = fresh.sequence FROM (
             SELECT arrival, $1 + row_number() OVER (ORDER BY arrival) AS sequence
             FROM (SELECT arrival FROM feed WHERE sequence IS NULL ORDER BY arrival LIMIT $2) AS waiting
         ) AS fresh WHERE feed.arrival = fresh.arrival",
    )
    .bind::<BigInt, _>(before)
    .bind::<BigInt, _>((LAID / listeners).clamp(SMALLEST_STEP, STEP))
    .execute(conn)?;
    if numbered > 0 {
        lay_before_webhooks(conn, &listening, before, at)?;
    }
    Ok(numbered)
}

/// A delivery of each event after that number, for each webhook that wants it.
fn lay_before_webhooks(conn: &mut Conn, listening: &[Webhook], after: i64, at: DateTime<Utc>) -> Result<(), Fault> {
    if listening.is_empty() {
        return Ok(());
    }
    let events: Vec<(String, String)> = feed::table
        .inner_join(audit_events::table)
        .filter(feed::sequence.gt(after))
        .order(feed::sequence)
        .select((audit_events::id, audit_events::kind))
        .load(conn)?;
    for webhook in listening {
        let wanted = events.iter().filter(|(_, kind)| webhook.wants(kind));
        let wanted: Vec<(&str, &str)> = wanted.map(|(id, kind)| (id.as_str(), kind.as_str())).collect();
        deliveries::lay(conn, webhook.id, &wanted, at)?;
    }
    Ok(())
}

fn read_page(
    conn: &mut Conn,
    after: Option<EventId>,
    filter: &FeedFilter,
    limit: usize,
) -> Result<Option<FeedPage>, Fault> {
    let Some(from) = number_of(conn, after)? else {
        return Ok(None);
    };
    let (end, limited) = (latest(conn)?, i64::try_from(limit).unwrap_or(i64::MAX));
    let until = if filter.is_empty() {
        end
    } else {
        looked_at(conn, from)?.unwrap_or(end)
    };
    let mut query = feed::table
        .inner_join(audit_events::table)
        .filter(feed::sequence.gt(from))
        .filter(feed::sequence.le(until))
        .into_boxed();
    if !filter.kinds.is_empty() {
        query = query.filter(audit_events::kind.eq_any(filter.kinds.clone()));
    }
    if !filter.accounts.is_empty() {
        let accounts: Vec<String> = filter.accounts.iter().map(ToString::to_string).collect();
        query = query.filter(audit_events::account_id.eq_any(accounts));
    }
    let rows: Vec<(Option<i64>, EventRow)> = query
        .order(feed::sequence)
        .limit(limited)
        .select((feed::sequence, EventRow::as_select()))
        .load(conn)?;
    // A page that is full ends with its last event; any other with the last one that was looked at.
    let full = rows.len() >= limit;
    let reached = match rows.last() {
        Some((Some(sequence), _)) if full => *sequence,
        Some(_) | None => until,
    };
    let events = with_values(conn, rows.into_iter().map(|(_, row)| row).collect())?;
    let last = match events.last() {
        Some(event) if full => Some(event.id),
        Some(_) | None if reached > from => event_at(conn, reached)?,
        Some(_) | None => after,
    };
    let more = reached < end;
    Ok(Some(FeedPage { events, last, more }))
}

/// The number up to which a page looks; nothing where it looks at all that is left. There are numbers without an event where
/// events were cleared away, so that it is events that are counted.
fn looked_at(conn: &mut Conn, from: i64) -> Result<Option<i64>, Fault> {
    let last: Option<Option<i64>> = feed::table
        .filter(feed::sequence.gt(from))
        .order(feed::sequence)
        .offset(SCANNED - 1)
        .limit(1)
        .select(feed::sequence)
        .first(conn)
        .optional()?;
    Ok(last.flatten())
}

/// The number after which a page begins; nothing where the event has none.
fn number_of(conn: &mut Conn, after: Option<EventId>) -> Result<Option<i64>, Fault> {
    let Some(after) = after else { return Ok(Some(0)) };
    let found: Option<Option<i64>> = feed::table
        .filter(feed::event_id.eq(after.to_string()))
        .select(feed::sequence)
        .first(conn)
        .optional()?;
    Ok(found.flatten())
}

fn event_at(conn: &mut Conn, sequence: i64) -> Result<Option<EventId>, Fault> {
    let id: Option<String> = feed::table
        .filter(feed::sequence.eq(sequence))
        .select(feed::event_id)
        .first(conn)
        .optional()?;
    crate::rows::parse_maybe("feed.event_id", id.as_deref())
}
