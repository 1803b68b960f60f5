//! Clears away what has served its time, in small steps.

mod retained;

use accounts_domain::api_keys::KEYS_REMEMBERED_FOR;
use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use diesel::prelude::*;

use crate::backend::Conn;
use crate::error::{Fault, StoreError};
use crate::idempotency::KEPT_FOR;
use crate::rows::stored;
use crate::schema::{
    api_keys, contact_verifications, email_changes, idempotency_keys, integration_keys, invitations, join_requests,
    mails, notifications, operator_sessions, password_resets, refresh_tokens, second_factor_challenges, sessions,
    sign_ups, throttles, webhooks,
};
use crate::store::Store;
use crate::throttles::LONGEST_WINDOW;

/// How long a link is remembered after it has ended, used or not.
pub const LINKS_REMEMBERED_FOR: TimeDelta = TimeDelta::days(30);

/// How long a session is remembered after it has ended, with its refresh tokens.
pub const SESSIONS_REMEMBERED_FOR: TimeDelta = TimeDelta::days(90);

/// How long an invitation is remembered after the time at which it ends by itself: longer than it may be sent again.
pub const INVITATIONS_REMEMBERED_FOR: TimeDelta = TimeDelta::days(90);

/// How long a request to join is remembered after the time at which it ends by itself.
pub const JOIN_REQUESTS_REMEMBERED_FOR: TimeDelta = TimeDelta::days(90);

/// How long a notice is remembered at least, and its mails after they were sent or given up, because each holds the way out
/// of the category. The notice goes with the last of its mails.
pub const NOTIFICATIONS_REMEMBERED_FOR: TimeDelta = TimeDelta::days(30);

/// What the provider says how long to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// How long audit events are kept, at least [`Retention::LEAST_AUDIT_EVENTS`]; nothing keeps them for ever.
    pub audit_events: Option<TimeDelta>,
    /// How long mails are kept after they were sent or given up; those of notices at least
    /// [`NOTIFICATIONS_REMEMBERED_FOR`].
    pub mails: TimeDelta,
    /// How long deliveries to webhooks are kept after they were taken or given up.
    pub deliveries: TimeDelta,
    /// How long answers are kept for a repeat, at least [`KEPT_FOR`].
    pub answers: TimeDelta,
}

impl Retention {
    /// The schema lets no event go before thirty days; a day more is for clocks that do not agree.
    pub const LEAST_AUDIT_EVENTS: TimeDelta = TimeDelta::days(31);
}

impl Default for Retention {
    /// Audit events for ever, mails for 90 days, deliveries for 30 days, answers for 24 hours.
    fn default() -> Self {
        Self {
            audit_events: None,
            mails: TimeDelta::days(90),
            deliveries: TimeDelta::days(30),
            answers: KEPT_FOR,
        }
    }
}

/// How many rows of a kind go at once at most: each is named in the statement.
const MOST: u32 = 10_000;

impl Store {
    /// Deletes what nobody asks for any more: counters whose window has ended,
    /// links past [`LINKS_REMEMBERED_FOR`], invitations past [`INVITATIONS_REMEMBERED_FOR`], requests to join past
    /// [`JOIN_REQUESTS_REMEMBERED_FOR`], API keys and keys of integrations past [`KEYS_REMEMBERED_FOR`], former secrets of
    /// webhooks, sessions past [`SESSIONS_REMEMBERED_FOR`], notices past [`NOTIFICATIONS_REMEMBERED_FOR`] whose mails are
    /// gone, and kept answers, mails, deliveries and audit events as `retention` says; at most `limit` rows of each, and
    /// never more than 10,000. Answers how many rows went: as long as it is not nothing, there may be more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn purge(&self, at: DateTime<Utc>, retention: Retention, limit: u32) -> Result<usize, StoreError> {
        let limit = i64::from(limit.min(MOST));
        let steps: [Step; 14] = [
            counters,
            of_sign_ups,
            of_resets,
            of_challenges,
            of_email_changes,
            of_verifications,
            of_invitations,
            of_join_requests,
            of_api_keys,
            of_integration_keys,
            of_sessions,
            of_operator_sessions,
            of_notifications,
            former_secrets,
        ];
        let mut purged = 0;
        for step in steps {
            // Each in a transaction of its own, so that nobody waits for all of them.
            purged += self.change(move |conn| step(conn, at, limit)).await?;
        }
        let retained: [RetainedStep; 5] = [
            answers,
            retained::of_mails,
            retained::of_mails_of_notices,
            retained::of_deliveries,
            retained::of_audit_events,
        ];
        for step in retained {
            purged += self.change(move |conn| step(conn, at, retention, limit)).await?;
        }
        Ok(purged)
    }
}

type Step = fn(&mut Conn, DateTime<Utc>, i64) -> Result<usize, Fault>;
type RetainedStep = fn(&mut Conn, DateTime<Utc>, Retention, i64) -> Result<usize, Fault>;

/// How many kept answers go in one transaction, one statement for each.
const ANSWERS: i64 = 50;

fn answers(conn: &mut Conn, at: DateTime<Utc>, retention: Retention, limit: i64) -> Result<usize, Fault> {
    let outlived = idempotency_keys::created_at.le(stored(at - retention.answers));
    let keys = idempotency_keys::table
        .filter(outlived)
        .order(idempotency_keys::created_at)
        .limit(limit.min(ANSWERS))
        .select((
            idempotency_keys::caller,
            idempotency_keys::method,
            idempotency_keys::path,
            idempotency_keys::key,
        ))
        .load::<(String, String, String, String)>(conn)?;
    let mut deleted = 0;
    for (caller, method, path, key) in keys {
        deleted += diesel::delete(
            idempotency_keys::table
                .find((caller, method, path, key))
                .filter(outlived),
        )
        .execute(conn)?;
    }
    Ok(deleted)
}

fn counters(conn: &mut Conn, at: DateTime<Utc>, limit: i64) -> Result<usize, Fault> {
    let ended = throttles::window_started_at.le(stored(at - LONGEST_WINDOW));
    let keys: Vec<String> = throttles::table
        .filter(ended)
        .order(throttles::window_started_at)
        .limit(limit)
        .select(throttles::key)
        .load(conn)?;
    Ok(diesel::delete(throttles::table.filter(throttles::key.eq_any(keys)).filter(ended)).execute(conn)?)
}

/// Deletes the oldest rows of a table of links, or of keys. One that was used ends with its own life all the same.
macro_rules! ended_links {
    ($conn:expr, $table:ident, $before:expr, $limit:expr) => {{
        let ids: Vec<String> = $table::table
            .filter($table::expires_at.le($before))
            .order($table::expires_at)
            .limit($limit)
            .select($table::id)
            .load($conn)?;
        Ok(diesel::delete($table::table.filter($table::id.eq_any(ids))).execute($conn)?)
    }};
}

fn links_ended_before(at: DateTime<Utc>) -> NaiveDateTime {
    stored(at - LINKS_REMEMBERED_FOR)
}

fn of_sign_ups(conn: &mut Conn, at: DateTime<Utc>, limit: i64) -> Result<usize, Fault> {
    ended_links!(conn, sign_ups, links_ended_before(at), limit)
}

fn of_resets(conn: &mut Conn, at: DateTime<Utc>, limit: i64) -> Result<usize, Fault> {
    ended_links!(conn, password_resets, links_ended_before(at), limit)
}

/// Nobody asks what a log-in waited for once it waits no longer.
fn of_challenges(conn: &mut Conn, at: DateTime<Utc>, limit: i64) -> Result<usize, Fault> {
    ended_links!(conn, second_factor_challenges, stored(at), limit)
}

/// They are remembered for longer than they can be undone.
fn of_email_changes(conn: &mut Conn, at: DateTime<Utc>, limit: i64) -> Result<usize, Fault> {
    ended_links!(conn, email_changes, links_ended_before(at), limit)
}

fn of_verifications(conn: &mut Conn, at: DateTime<Utc>, limit: i64) -> Result<usize, Fault> {
    ended_links!(conn, contact_verifications, links_ended_before(at), limit)
}

fn of_invitations(conn: &mut Conn, at: DateTime<Utc>, limit: i64) -> Result<usize, Fault> {
    ended_links!(conn, invitations, stored(at - INVITATIONS_REMEMBERED_FOR), limit)
}

fn of_join_requests(conn: &mut Conn, at: DateTime<Utc>, limit: i64) -> Result<usize, Fault> {
    ended_links!(conn, join_requests, stored(at - JOIN_REQUESTS_REMEMBERED_FOR), limit)
}

/// No revision rises: the rules have not known such a key any more since that moment, and its making is in the audit log.
fn of_api_keys(conn: &mut Conn, at: DateTime<Utc>, limit: i64) -> Result<usize, Fault> {
    ended_links!(conn, api_keys, stored(at - KEYS_REMEMBERED_FOR), limit)
}

fn of_integration_keys(conn: &mut Conn, at: DateTime<Utc>, limit: i64) -> Result<usize, Fault> {
    ended_links!(conn, integration_keys, stored(at - KEYS_REMEMBERED_FOR), limit)
}

/// What is left of one that has ended is in the audit log.
fn of_operator_sessions(conn: &mut Conn, at: DateTime<Utc>, limit: i64) -> Result<usize, Fault> {
    ended_links!(conn, operator_sessions, stored(at), limit)
}

/// A notice without mails tells nobody anything any more.
fn of_notifications(conn: &mut Conn, at: DateTime<Utc>, limit: i64) -> Result<usize, Fault> {
    let mails_of = mails::table.filter(mails::notification_id.eq(notifications::id.nullable()));
    let ids: Vec<String> = notifications::table
        .filter(notifications::created_at.le(stored(at - NOTIFICATIONS_REMEMBERED_FOR)))
        .filter(diesel::dsl::not(diesel::dsl::exists(mails_of)))
        .order(notifications::created_at)
        .limit(limit)
        .select(notifications::id)
        .load(conn)?;
    Ok(diesel::delete(notifications::table.filter(notifications::id.eq_any(ids))).execute(conn)?)
}

/// A secret that signs no more is of no use to anybody but a thief. Until when it signed is shown, and so the version rises.
fn former_secrets(conn: &mut Conn, at: DateTime<Utc>, _: i64) -> Result<usize, Fault> {
    let past = webhooks::table.filter(webhooks::former_until.le(stored(at)));
    Ok(diesel::update(past)
        .set((
            webhooks::former_secret.eq(None::<String>),
            webhooks::former_until.eq(None::<NaiveDateTime>),
            webhooks::version.eq(webhooks::version + 1),
        ))
        .execute(conn)?)
}

/// A session goes once its spent tokens have gone, together with the last one: until then it has that one.
fn of_sessions(conn: &mut Conn, at: DateTime<Utc>, limit: i64) -> Result<usize, Fault> {
    let ended = stored(at - SESSIONS_REMEMBERED_FOR);
    // No session lives longer than it is remembered, so one that has ended that long ago is past its latest end:
    // the index on that finds it.
    let past = sessions::expires_at
        .le(stored(at))
        .and(sessions::ended_at.le(ended).or(sessions::expires_at.le(ended)));
    let ids: Vec<String> = sessions::table
        .filter(past)
        .order(sessions::expires_at)
        .limit(limit)
        .select(sessions::id)
        .load(conn)?;
    let spent: Vec<String> = refresh_tokens::table
        .filter(refresh_tokens::session_id.eq_any(&ids))
        .filter(refresh_tokens::spent_at.is_not_null())
        .limit(limit)
        .select(refresh_tokens::hash)
        .load(conn)?;
    let mut deleted = diesel::delete(refresh_tokens::table.filter(refresh_tokens::hash.eq_any(spent))).execute(conn)?;
    let kept: Vec<String> = refresh_tokens::table
        .filter(refresh_tokens::session_id.eq_any(&ids))
        .filter(refresh_tokens::spent_at.is_not_null())
        .select(refresh_tokens::session_id)
        .distinct()
        .load(conn)?;
    let cleared: Vec<&String> = ids.iter().filter(|id| !kept.contains(id)).collect();
    deleted +=
        diesel::delete(refresh_tokens::table.filter(refresh_tokens::session_id.eq_any(&cleared))).execute(conn)?;
    deleted += diesel::delete(sessions::table.filter(sessions::id.eq_any(&cleared))).execute(conn)?;
    Ok(deleted)
}
