//! What was told to webhooks and what is to be: laid there with the events' numbers, listed, and sent again on request.

use accounts_domain::ids::{DeliveryId, EventId, IntegrationId, WebhookId};
use accounts_domain::webhooks::Webhook;
use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use diesel::prelude::*;

use crate::backend::{Conn, insert_all};
use crate::error::{Fault, Stop, StoreError};
use crate::idempotency;
use crate::lanes::Verdict;
use crate::rows::{instant, named, parse, parse_maybe, stored};
use crate::schema::{audit_events, webhook_deliveries, webhooks};
use crate::snapshots::Marks;
use crate::store::{Act, DecideError, Kept, Refusal, Store};

/// How a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryState {
    /// It is on its way, or waits for its next try.
    Pending,
    /// It was taken.
    Delivered,
    /// It is given up.
    Failed,
}

impl DeliveryState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Pending, Self::Delivered, Self::Failed];

    /// The state in one word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }

    /// The state of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

/// What came of the last try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The status that was answered, if one was.
    pub status: Option<u16>,
    /// What went wrong, in a few words of ours.
    pub error: Option<String>,
    /// With what the answer began, made harmless.
    pub answer: Option<String>,
}

/// What becomes of a delivery after a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was taken.
    Delivered,
    /// It is tried again then.
    Again(DateTime<Utc>),
    /// It is given up.
    Failed,
}

/// A delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its id.
    pub id: DeliveryId,
    /// The webhook.
    pub webhook: WebhookId,
    /// The event; nothing for a test.
    pub event: Option<EventId>,
    /// Its type.
    pub kind: String,
    /// How it stands.
    pub state: DeliveryState,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next, while it is pending.
    pub next_attempt_at: DateTime<Utc>,
    /// When it was last tried.
    pub last_attempt_at: Option<DateTime<Utc>>,
    /// What came of that.
    pub told: Told,
    /// When it came to be.
    pub created_at: DateTime<Utc>,
    /// When it was taken or given up.
    pub ended_at: Option<DateTime<Utc>>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = webhook_deliveries)]
struct DeliveryRow {
    id: String,
    webhook_id: String,
    event_id: Option<String>,
    kind: String,
    state: String,
    created_at: NaiveDateTime,
    attempts: i32,
    next_attempt_at: NaiveDateTime,
    ended_at: Option<NaiveDateTime>,
    last_attempt_at: Option<NaiveDateTime>,
    last_status: Option<i32>,
    last_error: Option<String>,
    last_answer: Option<String>,
}

impl Store {
    /// Reads deliveries to a webhook, the latest first, beginning after one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn deliveries(
        &self,
        webhook: WebhookId,
        states: Vec<DeliveryState>,
        after: Option<DeliveryId>,
        limit: i64,
    ) -> Result<Vec<Delivery>, StoreError> {
        self.lanes
            .read(move |conn| {
                let mut query = webhook_deliveries::table
                    .filter(webhook_deliveries::webhook_id.eq(webhook.to_string()))
                    .into_boxed();
                if !states.is_empty() {
                    let names: Vec<&str> = states.iter().map(|state| state.as_str()).collect();
                    query = query.filter(webhook_deliveries::state.eq_any(names));
                }
                if let Some(after) = after {
                    query = query.filter(webhook_deliveries::id.lt(after.to_string()));
                }
                let rows: Vec<DeliveryRow> = query
                    .order(webhook_deliveries::id.desc())
                    .limit(limit)
                    .select(DeliveryRow::as_select())
                    .load(conn)?;
                rows.into_iter().map(DeliveryRow::read).collect()
            })
            .await
    }

    /// Lays a test before a webhook, and answers with it. To another integration the webhook is not there.
    ///
    /// # Errors
    /// [`DecideError`]; nothing has changed then.
    pub async fn test_webhook<A>(
        &self,
        integration: IntegrationId,
        webhook: WebhookId,
        kind: &'static str,
        act: &Act,
        answer: A,
    ) -> Result<Delivery, DecideError>
    where
        A: Fn(&Delivery) -> Kept + Send + 'static,
    {
        let (act, id) = (act.clone(), DeliveryId::new());
        self.transact(move |conn| {
            idempotency::recall(conn, &act)?;
            let found = require(conn, integration, webhook)?;
            let mut test = NewDelivery::new(id, webhook, None, kind, act.at);
            test.began_at = stored(found.begins_by_hand(act.at));
            insert_all!(conn, webhook_deliveries::table, &[test])?;
            told(conn, webhook, id, &act, &answer)
        })
        .await
    }

    /// Sends a delivery again, or at once where it waits. To another integration it is not there.
    ///
    /// # Errors
    /// [`DecideError`]; nothing has changed then.
    pub async fn redeliver<A>(
        &self,
        integration: IntegrationId,
        webhook: WebhookId,
        id: DeliveryId,
        act: &Act,
        answer: A,
    ) -> Result<Delivery, DecideError>
    where
        A: Fn(&Delivery) -> Kept + Send + 'static,
    {
        let act = act.clone();
        self.transact(move |conn| {
            idempotency::recall(conn, &act)?;
            let found = require(conn, integration, webhook)?;
            let row = webhook_deliveries::table
                .filter(webhook_deliveries::id.eq(id.to_string()))
                .filter(webhook_deliveries::webhook_id.eq(webhook.to_string()));
            let changed = diesel::update(row)
                .set((
                    webhook_deliveries::state.eq(DeliveryState::Pending.as_str()),
                    webhook_deliveries::attempts.eq(0),
                    webhook_deliveries::began_at.eq(stored(found.begins_by_hand(act.at))),
                    webhook_deliveries::next_attempt_at.eq(stored(act.at)),
                    webhook_deliveries::ended_at.eq(None::<NaiveDateTime>),
                ))
                .execute(conn)?;
            if changed == 0 {
                return Err(Stop::Refused(Refusal::NotFound));
            }
            told(conn, webhook, id, &act, &answer)
        })
        .await
    }

    /// How many deliveries are neither taken nor given up.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn webhooks_waiting(&self) -> Result<u64, StoreError> {
        self.lanes
            .read(|conn| {
                let waiting: i64 = webhook_deliveries::table
                    .filter(webhook_deliveries::ended_at.is_null())
                    .count()
                    .get_result(conn)?;
                Ok(u64::try_from(waiting).unwrap_or_default())
            })
            .await
    }
}

/// The webhook; one that is not there, or is another integration's, is refused.
fn require(conn: &mut Conn, integration: IntegrationId, webhook: WebhookId) -> Result<Webhook, Stop<Refusal>> {
    let found = super::load(conn, integration, webhook)?;
    found.ok_or(Stop::Refused(Refusal::NotFound))
}

fn told(
    conn: &mut Conn,
    webhook: WebhookId,
    id: DeliveryId,
    act: &Act,
    answer: &dyn Fn(&Delivery) -> Kept,
) -> Result<Verdict<Delivery>, Stop<Refusal>> {
    let row: DeliveryRow = webhook_deliveries::table
        .filter(webhook_deliveries::id.eq(id.to_string()))
        .filter(webhook_deliveries::webhook_id.eq(webhook.to_string()))
        .select(DeliveryRow::as_select())
        .first(conn)?;
    let delivery = row.read()?;
    idempotency::remember(conn, act, || answer(&delivery))?;
    Ok(Verdict::Keep(delivery, Marks::none()))
}

#[derive(Insertable)]
#[diesel(table_name = webhook_deliveries)]
struct NewDelivery<'a> {
    id: String,
    webhook_id: String,
    event_id: Option<&'a str>,
    kind: &'a str,
    state: &'static str,
    created_at: NaiveDateTime,
    began_at: NaiveDateTime,
    attempts: i32,
    next_attempt_at: NaiveDateTime,
}

impl<'a> NewDelivery<'a> {
    fn new(id: DeliveryId, webhook: WebhookId, event: Option<&'a str>, kind: &'a str, at: DateTime<Utc>) -> Self {
        Self {
            id: id.to_string(),
            webhook_id: webhook.to_string(),
            event_id: event,
            kind,
            state: DeliveryState::Pending.as_str(),
            created_at: stored(at),
            began_at: stored(at),
            attempts: 0,
            next_attempt_at: stored(at),
        }
    }
}

/// Lays events, each an id and a type, before a webhook.
pub(crate) fn lay(
    conn: &mut Conn,
    webhook: WebhookId,
    events: &[(&str, &str)],
    at: DateTime<Utc>,
) -> Result<(), Fault> {
    let rows: Vec<NewDelivery<'_>> = events
        .iter()
        .map(|(event, kind)| NewDelivery::new(DeliveryId::new(), webhook, Some(*event), kind, at))
        .collect();
    insert_all!(conn, webhook_deliveries::table, &rows)?;
    Ok(())
}

/// How many deliveries are given up or removed in one transaction, so that it ends in time however many there are.
const STEP: i64 = 2_000;

/// Whether something began before the webhook was disabled, and is still to be given up.
pub(crate) fn has_left(conn: &mut Conn, webhook: WebhookId) -> Result<bool, Fault> {
    let disabled_at: Option<Option<NaiveDateTime>> = webhooks::table
        .find(webhook.to_string())
        .select(webhooks::disabled_at)
        .first(conn)
        .optional()?;
    let Some(disabled_at) = disabled_at.flatten() else {
        return Ok(false);
    };
    let left: Option<String> = webhook_deliveries::table
        .filter(webhook_deliveries::webhook_id.eq(webhook.to_string()))
        .filter(webhook_deliveries::ended_at.is_null())
        .filter(webhook_deliveries::began_at.le(disabled_at))
        .select(webhook_deliveries::id)
        .first(conn)
        .optional()?;
    Ok(left.is_some())
}

/// Gives up some of what began before a webhook was disabled. Answers whether there may be more.
pub(crate) fn end_left(conn: &mut Conn, webhook: &Webhook, at: DateTime<Utc>) -> Result<bool, Fault> {
    match webhook.disabled {
        Some((disabled_at, _)) => end_some(conn, webhook.id, Some(disabled_at), at),
        None => Ok(false),
    }
}

/// Has whatever waits begin at a moment at the latest: what is asked for by hand afterwards is told from it.
pub(crate) fn begin_by(conn: &mut Conn, webhook: WebhookId, at: DateTime<Utc>) -> Result<(), Fault> {
    let ahead = webhook_deliveries::table
        .filter(webhook_deliveries::webhook_id.eq(webhook.to_string()))
        .filter(webhook_deliveries::ended_at.is_null())
        .filter(webhook_deliveries::began_at.gt(stored(at)));
    diesel::update(ahead)
        .set(webhook_deliveries::began_at.eq(stored(at)))
        .execute(conn)?;
    Ok(())
}

/// Gives up some of what is on its way to a webhook, or of what began no later than a moment, what is due first. Answers
/// whether there may be more.
pub(crate) fn end_some(
    conn: &mut Conn,
    webhook: WebhookId,
    until: Option<DateTime<Utc>>,
    at: DateTime<Utc>,
) -> Result<bool, Fault> {
    let mut pending = webhook_deliveries::table
        .filter(webhook_deliveries::webhook_id.eq(webhook.to_string()))
        .filter(webhook_deliveries::ended_at.is_null())
        .into_boxed();
    if let Some(until) = until {
        pending = pending.filter(webhook_deliveries::began_at.le(stored(until)));
    }
    let ids: Vec<String> = pending
        .order(webhook_deliveries::next_attempt_at)
        .limit(STEP)
        .select(webhook_deliveries::id)
        .load(conn)?;
    let found = ids.len();
    let pending = webhook_deliveries::table
        .filter(webhook_deliveries::id.eq_any(ids))
        .filter(webhook_deliveries::ended_at.is_null());
    diesel::update(pending)
        .set((
            webhook_deliveries::state.eq(DeliveryState::Failed.as_str()),
            webhook_deliveries::ended_at.eq(Some(stored(at))),
            webhook_deliveries::claimed_until.eq(None::<NaiveDateTime>),
        ))
        .execute(conn)?;
    Ok(is_full(found))
}

/// Whether a webhook has as many deliveries as are not removed in one transaction.
pub(crate) fn are_many(conn: &mut Conn, webhook: WebhookId) -> Result<bool, Fault> {
    let last: Option<String> = webhook_deliveries::table
        .filter(webhook_deliveries::webhook_id.eq(webhook.to_string()))
        .order(webhook_deliveries::id)
        .offset(STEP - 1)
        .select(webhook_deliveries::id)
        .first(conn)
        .optional()?;
    Ok(last.is_some())
}

/// Removes some of what was or is to be told to a webhook. Answers whether there may be more.
pub(crate) fn remove_some(conn: &mut Conn, webhook: WebhookId) -> Result<bool, Fault> {
    let ids: Vec<String> = webhook_deliveries::table
        .filter(webhook_deliveries::webhook_id.eq(webhook.to_string()))
        .order(webhook_deliveries::id)
        .limit(STEP)
        .select(webhook_deliveries::id)
        .load(conn)?;
    let found = ids.len();
    diesel::delete(webhook_deliveries::table.filter(webhook_deliveries::id.eq_any(ids))).execute(conn)?;
    Ok(is_full(found))
}

fn is_full(found: usize) -> bool {
    i64::try_from(found).unwrap_or(i64::MAX) >= STEP
}

impl DeliveryRow {
    fn read(self) -> Result<Delivery, Fault> {
        Ok(Delivery {
            id: parse("webhook_deliveries.id", &self.id)?,
            webhook: parse("webhook_deliveries.webhook_id", &self.webhook_id)?,
            event: parse_maybe("webhook_deliveries.event_id", self.event_id.as_deref())?,
            kind: self.kind,
            state: named("webhook_deliveries.state", &self.state, DeliveryState::from_name)?,
            attempts: u32::try_from(self.attempts).unwrap_or_default(),
            next_attempt_at: instant(self.next_attempt_at),
            last_attempt_at: self.last_attempt_at.map(instant),
            told: Told {
                status: self.last_status.and_then(|status| u16::try_from(status).ok()),
                error: self.last_error,
                answer: self.last_answer,
            },
            created_at: instant(self.created_at),
            ended_at: self.ended_at.map(instant),
        })
    }
}

/// Forgets what receivers answered to events of these accounts and of this user's own log: they may have repeated what they
/// were told.
pub(crate) fn forget_answers(
    conn: &mut Conn,
    accounts: impl IntoIterator<Item = String>,
    user: Option<&str>,
) -> Result<(), Fault> {
    let accounts: Vec<String> = accounts.into_iter().collect();
    let of_accounts = || {
        audit_events::table
            .filter(audit_events::account_id.eq_any(accounts.clone()))
            .select(audit_events::id.nullable())
    };
    let of_user = |user: &str| {
        audit_events::table
            .filter(audit_events::user_id.eq(user.to_owned()))
            .select(audit_events::id.nullable())
    };
    let underway = || {
        webhook_deliveries::table
            .filter(webhook_deliveries::ended_at.is_null())
            .filter(webhook_deliveries::claimed_until.is_not_null())
            .select((
                webhook_deliveries::id,
                webhook_deliveries::claimed_until.assume_not_null(),
            ))
    };
    let answered = || webhook_deliveries::table.filter(webhook_deliveries::last_answer.is_not_null());
    let nothing = || webhook_deliveries::last_answer.eq(None::<String>);
    let claimed = underway().filter(webhook_deliveries::event_id.eq_any(of_accounts()));
    let claims = claimed.load(conn)?;
    hear_no_answer(conn, claims)?;
    diesel::update(answered().filter(webhook_deliveries::event_id.eq_any(of_accounts())))
        .set(nothing())
        .execute(conn)?;
    if let Some(user) = user {
        // Apart from the first, because neither would go by its index in one.
        let claimed = underway().filter(webhook_deliveries::event_id.eq_any(of_user(user)));
        let claims = claimed.load(conn)?;
        hear_no_answer(conn, claims)?;
        diesel::update(answered().filter(webhook_deliveries::event_id.eq_any(of_user(user))))
            .set(nothing())
            .execute(conn)?;
    }
    Ok(())
}

/// Whatever is answered to these, which are on their way until then, is not written down. Each claim stands for a microsecond
/// more, so that nobody else sends the same at once, and is not the one any more that its holder reports of.
fn hear_no_answer(conn: &mut Conn, underway: Vec<(String, NaiveDateTime)>) -> Result<(), Fault> {
    for (id, until) in underway {
        let claimed = webhook_deliveries::table
            .filter(webhook_deliveries::id.eq(id))
            .filter(webhook_deliveries::claimed_until.eq(until));
        diesel::update(claimed)
            .set(webhook_deliveries::claimed_until.eq(until + TimeDelta::microseconds(1)))
            .execute(conn)?;
    }
    Ok(())
}
