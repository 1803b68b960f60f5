//! What the provider says how long to keep: mails that have left, what webhooks were told, and the audit log.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::dsl::{exists, not};
use diesel::prelude::*;

use super::{NOTIFICATIONS_REMEMBERED_FOR, Retention};
use crate::backend::Conn;
use crate::error::Fault;
use crate::rows::stored;
use crate::schema::{audit_events, audit_horizon, audit_trimmed, audit_values, feed, mails, webhook_deliveries};

/// How many events are looked at in one transaction. Each may be of a log of its own, which takes several statements, and a
/// database far away has to get through with all of them in time.
const EVENTS: i64 = 50;

/// Deletes mails that were sent or given up that long ago. One that still waits stays, however old it is.
pub(super) fn of_mails(conn: &mut Conn, at: DateTime<Utc>, retention: Retention, limit: i64) -> Result<usize, Fault> {
    let before = stored(at - retention.mails);
    let ids: Vec<String> = mails::table
        .filter(mails::notification_id.is_null())
        .filter(mails::created_at.le(before))
        .filter(mails::sent_at.le(before).or(mails::failed_at.le(before)))
        .order(mails::created_at)
        .limit(limit)
        .select(mails::id)
        .load(conn)?;
    delete_mails(conn, ids, before)
}

/// The same for mails of notices, which are kept for longer where that is needed to follow the link that ends a
/// subscription. All of a notice stay of which one waits, or may be tried again because it was given up later: they say who
/// was told already.
pub(super) fn of_mails_of_notices(
    conn: &mut Conn,
    at: DateTime<Utc>,
    retention: Retention,
    limit: i64,
) -> Result<usize, Fault> {
    let before = stored(at - retention.mails.max(NOTIFICATIONS_REMEMBERED_FOR));
    let others = diesel::alias!(mails as others);
    let may_be_tried = others
        .filter(others.field(mails::notification_id).eq(mails::notification_id))
        .filter(others.field(mails::sent_at).is_null())
        .filter(others.field(mails::withdrawn).is_null())
        .filter(
            others
                .field(mails::failed_at)
                .is_null()
                .or(others.field(mails::failed_at).gt(before)),
        );
    let ids: Vec<String> = mails::table
        .filter(mails::notification_id.is_not_null())
        .filter(mails::created_at.le(before))
        .filter(mails::sent_at.le(before).or(mails::failed_at.le(before)))
        .filter(not(exists(may_be_tried)))
        .order(mails::created_at)
        .limit(limit)
        .select(mails::id)
        .load(conn)?;
    delete_mails(conn, ids, before)
}

/// Deletes those of these mails that have ended. It is asked once more, because one that was given up may be tried again
/// meanwhile.
fn delete_mails(conn: &mut Conn, ids: Vec<String>, before: NaiveDateTime) -> Result<usize, Fault> {
    let over = mails::table
        .filter(mails::id.eq_any(ids))
        .filter(mails::sent_at.le(before).or(mails::failed_at.le(before)));
    Ok(diesel::delete(over).execute(conn)?)
}

/// Deletes deliveries that were taken or given up that long ago. What is left to be told is not old, and what was told is in
/// the feed.
pub(super) fn of_deliveries(
    conn: &mut Conn,
    at: DateTime<Utc>,
    retention: Retention,
    limit: i64,
) -> Result<usize, Fault> {
    let outlived = webhook_deliveries::ended_at.le(stored(at - retention.deliveries));
    let ids: Vec<String> = webhook_deliveries::table
        .filter(outlived)
        .order(webhook_deliveries::ended_at)
        .limit(limit)
        .select(webhook_deliveries::id)
        .load(conn)?;
    let ended = webhook_deliveries::table.filter(webhook_deliveries::id.eq_any(ids));
    Ok(diesel::delete(ended.filter(outlived)).execute(conn)?)
}

/// Deletes audit events that are older than they are to be kept, whole decisions and each log from its beginning on, with
/// the values beside them. The schema refuses all others.
pub(super) fn of_audit_events(
    conn: &mut Conn,
    at: DateTime<Utc>,
    retention: Retention,
    limit: i64,
) -> Result<usize, Fault> {
    let Some(kept_for) = retention.audit_events else {
        return Ok(0);
    };
    let horizon = stored(at - kept_for);
    diesel::update(audit_horizon::table.filter(audit_horizon::moment.lt(horizon)))
        .set(audit_horizon::moment.eq(horizon))
        .execute(conn)?;
    let oldest: Vec<(String, Option<String>, Option<String>, i64)> = audit_events::table
        .filter(audit_events::at.lt(horizon))
        .order((audit_events::at, audit_events::id))
        .limit(limit.min(EVENTS))
        .select((
            audit_events::id,
            audit_events::account_id,
            audit_events::user_id,
            audit_events::revision,
        ))
        .load(conn)?;
    let mut of_nobody = Vec::new();
    let mut accounts = BTreeMap::new();
    let mut users = BTreeMap::new();
    for (id, account, user, revision) in oldest {
        match (account, user) {
            (Some(account), _) => raise(&mut accounts, account, revision),
            (None, Some(user)) => raise(&mut users, user, revision),
            (None, None) => of_nobody.push(id),
        }
    }
    let mut deleted = delete(conn, &of_nobody)?;
    for (account, revision) in accounts {
        deleted += trim(conn, Log::Account(&account), revision, horizon)?;
    }
    for (user, revision) in users {
        deleted += trim(conn, Log::User(&user), revision, horizon)?;
    }
    Ok(deleted)
}

/// Whose log it is.
#[derive(Clone, Copy)]
enum Log<'a> {
    Account(&'a str),
    User(&'a str),
}

fn raise(revisions: &mut BTreeMap<String, i64>, log: String, revision: i64) {
    let last = revisions.entry(log).or_insert(revision);
    *last = revision.max(*last);
}

/// Deletes the events of a log up to a revision, but none after the first that is to be kept: two decisions of one moment may
/// have been made in the other order than they were asked for.
fn trim(conn: &mut Conn, log: Log<'_>, revision: i64, horizon: NaiveDateTime) -> Result<usize, Fault> {
    let of_log = || match log {
        Log::Account(id) => audit_events::table
            .filter(audit_events::account_id.eq(id.to_owned()))
            .into_boxed(),
        Log::User(id) => audit_events::table
            .filter(audit_events::user_id.eq(id.to_owned()))
            .into_boxed(),
    };
    let first_kept: Option<i64> = of_log()
        .filter(audit_events::at.ge(horizon))
        .order(audit_events::revision)
        .select(audit_events::revision)
        .first(conn)
        .optional()?;
    let last = first_kept.map_or(revision, |kept| revision.min(kept - 1));
    let ids: Vec<String> = of_log()
        .filter(audit_events::revision.le(last))
        .select(audit_events::id)
        .load(conn)?;
    if ids.is_empty() {
        return Ok(0);
    }
    let (Log::Account(id) | Log::User(id)) = log;
    let trimmed = (audit_trimmed::log_id.eq(id), audit_trimmed::revision.eq(last));
    if crate::backend::insert_if_absent!(conn, audit_trimmed::table, trimmed)? == 0 {
        diesel::update(audit_trimmed::table.find(id).filter(audit_trimmed::revision.lt(last)))
            .set(audit_trimmed::revision.eq(last))
            .execute(conn)?;
    }
    delete(conn, &ids)
}

/// Deletes events with what stands beside them: their places in the feed, and what webhooks were told of them.
fn delete(conn: &mut Conn, ids: &[String]) -> Result<usize, Fault> {
    diesel::delete(webhook_deliveries::table.filter(webhook_deliveries::event_id.eq_any(ids))).execute(conn)?;
    diesel::delete(feed::table.filter(feed::event_id.eq_any(ids))).execute(conn)?;
    diesel::delete(audit_values::table.filter(audit_values::event_id.eq_any(ids))).execute(conn)?;
    Ok(diesel::delete(audit_events::table.filter(audit_events::id.eq_any(ids))).execute(conn)?)
}
