//! What the workers take of the deliveries. Each webhook is a queue of its own: what is said to one waits for no other.
//!
//! A worker claims rows for a while (security decision D11). The claim of a worker that died runs out by itself, and what a
//! worker that was taken for dead still reports about a failure is not believed.

use std::collections::{BTreeMap, BTreeSet};

use accounts_domain::ids::{DeliveryId, EventId, WebhookId};
use accounts_domain::webhooks::{Webhook, WebhookUrl};
use chrono::{DateTime, NaiveDateTime, SubsecRound, TimeDelta, Utc};
use diesel::dsl::exists;
use diesel::prelude::*;

use super::deliveries::{DeliveryState, Outcome, Told};
use super::{WebhookRow, has_scope};
use crate::audit::{AuditEvent, EventRow, with_values};
use crate::backend::{Conn, load_unclaimed};
use crate::error::{Fault, StoreError};
use crate::rows::{instant, parse, parse_maybe, stored};
use crate::schema::{audit_events, integrations, webhook_deliveries, webhooks};
use crate::store::Store;

/// How many webhooks a worker looks after in one round.
const QUEUES: i64 = 1_000;

/// The right to send one delivery, for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliveryClaim {
    /// The delivery.
    pub delivery: DeliveryId,
    /// When the right runs out. It also tells this claim from a later one.
    pub until: DateTime<Utc>,
}

/// Where a delivery was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receiver {
    /// To which webhook.
    pub webhook: WebhookId,
    /// Where that was when the delivery was claimed.
    pub url: WebhookUrl,
}

/// A delivery that the caller alone may send until the claim runs out.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimedDelivery {
    /// What the outcome is reported for.
    pub claim: DeliveryClaim,
    /// Where it goes, and under which secrets.
    pub webhook: Webhook,
    /// The event as it stands in the log now; nothing for a test.
    pub event: Option<AuditEvent>,
    /// Its type.
    pub kind: String,
    /// How often it was claimed, this time included.
    pub attempts: u32,
    /// Since when it is tried.
    pub began_at: DateTime<Utc>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = webhook_deliveries)]
struct Row {
    id: String,
    event_id: Option<String>,
    kind: String,
    began_at: NaiveDateTime,
    attempts: i32,
}

impl Store {
    /// The webhooks that something is due for at `now`, and those that are disabled and of which something is left that is
    /// to be given up.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn webhooks_due(&self, now: DateTime<Utc>) -> Result<Vec<WebhookId>, StoreError> {
        self.lanes
            .read(move |conn| {
                let due = webhook_deliveries::ended_at
                    .is_null()
                    .and(webhook_deliveries::next_attempt_at.le(stored(now)));
                let free = webhook_deliveries::claimed_until
                    .is_null()
                    .or(webhook_deliveries::claimed_until.le(stored(now)));
                let ids: Vec<String> = webhook_deliveries::table
                    .filter(due)
                    .filter(free)
                    .select(webhook_deliveries::webhook_id)
                    .distinct()
                    .limit(QUEUES)
                    .load(conn)?;
                let left = webhook_deliveries::table
                    .filter(webhook_deliveries::webhook_id.eq(webhooks::id))
                    .filter(webhook_deliveries::ended_at.is_null())
                    .filter(webhook_deliveries::began_at.nullable().le(webhooks::disabled_at));
                let disabled: Vec<String> = webhooks::table
                    .filter(webhooks::disabled_at.is_not_null())
                    .filter(exists(left))
                    .select(webhooks::id)
                    .limit(QUEUES)
                    .load(conn)?;
                let ids: BTreeSet<String> = ids.into_iter().chain(disabled).collect();
                ids.iter()
                    .map(|id| parse("webhook_deliveries.webhook_id", id))
                    .collect()
            })
            .await
    }

    /// Claims at most `limit` deliveries to a webhook that are due at `now`, the longest waiting first, until `lease` later.
    /// No two callers get the same one, in whichever process they are. What must not be sent any more, because the
    /// integration was disabled or lost its scope, or because it began before the webhook was disabled, is given up
    /// instead: some of it each time.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn claim_deliveries(
        &self,
        webhook: WebhookId,
        now: DateTime<Utc>,
        lease: TimeDelta,
        limit: usize,
    ) -> Result<Vec<ClaimedDelivery>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        // The databases keep microseconds, and the row must show exactly this moment for the claim to stand.
        let until = (now + lease).trunc_subsecs(6);
        self.change(move |conn| claim(conn, webhook, now, until, limit)).await
    }

    /// Records what came of a try at that moment. That a delivery was taken holds whatever became of the claim; a failure
    /// counts only while the claim stands, and ends or postpones nothing that was asked for anew meanwhile. What came of an
    /// address where the webhook is no longer says nothing of the webhook.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn delivery_tried(
        &self,
        claim: DeliveryClaim,
        receiver: Receiver,
        at: DateTime<Utc>,
        told: Told,
        outcome: Outcome,
    ) -> Result<(), StoreError> {
        self.change(move |conn| tried(conn, claim, &receiver, at, &told, outcome))
            .await
    }

    /// Gives claims back, so that another worker may send at once. The try that was not made does not count.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn release_deliveries(&self, claims: Vec<DeliveryClaim>) -> Result<(), StoreError> {
        self.change(move |conn| claims.iter().try_for_each(|claim| release(conn, *claim)))
            .await
    }
}

/// The row of a claim that still stands.
macro_rules! held {
    ($claim:expr) => {
        webhook_deliveries::table
            .filter(webhook_deliveries::id.eq($claim.delivery.to_string()))
            .filter(webhook_deliveries::claimed_until.eq(stored($claim.until)))
    };
}

fn claim(
    conn: &mut Conn,
    webhook: WebhookId,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<ClaimedDelivery>, Fault> {
    let Some((webhook, silenced)) = load_webhook(conn, webhook)? else {
        return Ok(Vec::new());
    };
    if silenced {
        super::deliveries::end_some(conn, webhook.id, None, now)?;
        return Ok(Vec::new());
    }
    super::deliveries::end_left(conn, &webhook, now)?;
    let before = webhook.disabled.map_or(DateTime::UNIX_EPOCH, |(at, _)| at);
    let due = webhook_deliveries::table
        .filter(webhook_deliveries::webhook_id.eq(webhook.id.to_string()))
        .filter(webhook_deliveries::ended_at.is_null())
        .filter(webhook_deliveries::began_at.gt(stored(before)))
        .filter(webhook_deliveries::next_attempt_at.le(stored(now)))
        .filter(
            webhook_deliveries::claimed_until
                .is_null()
                .or(webhook_deliveries::claimed_until.le(stored(now))),
        )
        .order((webhook_deliveries::next_attempt_at, webhook_deliveries::id))
        .limit(limit);
    let rows: Vec<Row> = load_unclaimed!(conn, due, Row)?;
    let mut events = load_events(conn, &rows)?;
    let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    diesel::update(webhook_deliveries::table.filter(webhook_deliveries::id.eq_any(ids)))
        .set((
            webhook_deliveries::claimed_until.eq(Some(stored(until))),
            webhook_deliveries::attempts.eq(webhook_deliveries::attempts + 1),
        ))
        .execute(conn)?;
    let claimed = |row: Row| {
        let event: Option<EventId> = parse_maybe("webhook_deliveries.event_id", row.event_id.as_deref())?;
        Ok(ClaimedDelivery {
            claim: DeliveryClaim {
                delivery: parse("webhook_deliveries.id", &row.id)?,
                until,
            },
            webhook: webhook.clone(),
            event: event.and_then(|event| events.remove(&event)),
            kind: row.kind,
            attempts: u32::try_from(row.attempts).unwrap_or_default().saturating_add(1),
            began_at: instant(row.began_at),
        })
    };
    rows.into_iter().map(claimed).collect()
}

/// A webhook, and whether its integration may be told of nothing. One that is disabled itself is sent what was asked for by
/// hand.
fn load_webhook(conn: &mut Conn, id: WebhookId) -> Result<Option<(Webhook, bool)>, Fault> {
    let row: Option<(WebhookRow, Option<NaiveDateTime>, String)> = webhooks::table
        .inner_join(integrations::table)
        .filter(webhooks::id.eq(id.to_string()))
        .select((WebhookRow::as_select(), integrations::disabled_at, integrations::scopes))
        .first(conn)
        .optional()?;
    let Some((row, disabled_at, scopes)) = row else {
        return Ok(None);
    };
    let silenced = disabled_at.is_some() || !has_scope(&scopes)?;
    Ok(Some((row.read()?, silenced)))
}

fn load_events(conn: &mut Conn, rows: &[Row]) -> Result<BTreeMap<EventId, AuditEvent>, Fault> {
    let ids: Vec<&str> = rows.iter().filter_map(|row| row.event_id.as_deref()).collect();
    let found: Vec<EventRow> = audit_events::table
        .filter(audit_events::id.eq_any(ids))
        .select(EventRow::as_select())
        .load(conn)?;
    let events = with_values(conn, found)?;
    Ok(events.into_iter().map(|event| (event.id, event)).collect())
}

fn tried(
    conn: &mut Conn,
    claim: DeliveryClaim,
    receiver: &Receiver,
    at: DateTime<Utc>,
    told: &Told,
    outcome: Outcome,
) -> Result<(), Fault> {
    // Whoever erases somebody meanwhile ends the claim, because an answer may repeat what was sent. Writing to the row makes
    // one wait for the other.
    let stands = diesel::update(held!(claim))
        .set(webhook_deliveries::last_attempt_at.eq(Some(stored(at))))
        .execute(conn)?;
    let answer = told.answer.as_deref().filter(|_| stands > 0);
    let what = || {
        (
            webhook_deliveries::last_attempt_at.eq(Some(stored(at))),
            webhook_deliveries::last_status.eq(told.status.map(i32::from)),
            webhook_deliveries::last_error.eq(told.error.as_deref()),
            webhook_deliveries::last_answer.eq(answer),
            webhook_deliveries::claimed_until.eq(None::<NaiveDateTime>),
        )
    };
    let end = |state: DeliveryState| {
        (
            webhook_deliveries::state.eq(state.as_str()),
            webhook_deliveries::ended_at.eq(Some(stored(at))),
        )
    };
    // No claim leaves this at 0, so whoever asked for the delivery anew has set it there, and waits for a try of its own.
    let untouched = || held!(claim).filter(webhook_deliveries::attempts.gt(0));
    let counted = match outcome {
        Outcome::Delivered => {
            let taken = webhook_deliveries::table.find(claim.delivery.to_string());
            diesel::update(taken)
                .set((what(), end(DeliveryState::Delivered)))
                .execute(conn)?
        }
        Outcome::Again(next) => diesel::update(untouched())
            .set((what(), webhook_deliveries::next_attempt_at.eq(stored(next))))
            .execute(conn)?,
        Outcome::Failed => diesel::update(untouched())
            .set((what(), end(DeliveryState::Failed)))
            .execute(conn)?,
    };
    if counted == 0 && diesel::update(held!(claim)).set(what()).execute(conn)? == 0 {
        return Ok(());
    }
    let failing_since = match outcome {
        Outcome::Delivered => None,
        Outcome::Again(_) | Outcome::Failed => Some(at),
    };
    fails_since(conn, receiver, failing_since)
}

/// Notes since when a webhook does nothing but fail, where it is still at that address. It is shown, and so the version rises
/// where it begins or ends.
fn fails_since(conn: &mut Conn, receiver: &Receiver, since: Option<DateTime<Utc>>) -> Result<(), Fault> {
    let there = webhooks::table
        .filter(webhooks::id.eq(receiver.webhook.to_string()))
        .filter(webhooks::url.eq(receiver.url.as_str()));
    let turned = (
        webhooks::failing_since.eq(since.map(stored)),
        webhooks::version.eq(webhooks::version + 1),
    );
    if since.is_some() {
        diesel::update(there.filter(webhooks::failing_since.is_null()))
            .set(turned)
            .execute(conn)?;
    } else {
        diesel::update(there.filter(webhooks::failing_since.is_not_null()))
            .set(turned)
            .execute(conn)?;
    }
    Ok(())
}

fn release(conn: &mut Conn, claim: DeliveryClaim) -> Result<(), Fault> {
    // There is none to take back where it was asked for anew meanwhile.
    diesel::update(held!(claim).filter(webhook_deliveries::attempts.gt(0)))
        .set(webhook_deliveries::attempts.eq(webhook_deliveries::attempts - 1))
        .execute(conn)?;
    diesel::update(held!(claim))
        .set(webhook_deliveries::claimed_until.eq(None::<NaiveDateTime>))
        .execute(conn)?;
    Ok(())
}
