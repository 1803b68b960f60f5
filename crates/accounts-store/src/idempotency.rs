//! Answers that are kept, so that a repeated request changes nothing twice.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;

use crate::backend::Conn;
use crate::error::{Fault, Stop, StoreError};
use crate::rows::{from_json, instant, stored, to_json};
use crate::schema::idempotency_keys;
use crate::store::{Act, Keep, Kept, Refusal, Store};

/// How long an answer is kept at least.
pub const KEPT_FOR: TimeDelta = TimeDelta::hours(24);

/// What is known of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recall {
    /// Nothing: the request is new.
    New,
    /// The request was answered so.
    Answered(Kept),
    /// The key came with another body.
    OtherBody,
}

impl Store {
    /// Looks a key up.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn recall(&self, keep: Keep, at: DateTime<Utc>) -> Result<Recall, StoreError> {
        self.lanes.read(move |conn| look_up(conn, &keep, at)).await
    }
}

/// Ends the transaction where the act's key was used before. Under a lock this is certain; without one,
/// [`remember`] sees to it.
pub(crate) fn recall(conn: &mut Conn, act: &Act) -> Result<(), Stop<Refusal>> {
    let Some(keep) = &act.keep else { return Ok(()) };
    match look_up(conn, keep, act.at)? {
        Recall::New => Ok(()),
        Recall::Answered(kept) => Err(Stop::Refused(Refusal::Replayed(kept))),
        Recall::OtherBody => Err(Stop::Refused(Refusal::KeyReused)),
    }
}

/// Keeps the answer in the transaction of its effect. Where another transaction has just kept one under the same
/// key, this one begins again, and its [`recall`] finds that answer.
pub(crate) fn remember(conn: &mut Conn, act: &Act, answer: impl FnOnce() -> Kept) -> Result<(), Fault> {
    let Some(keep) = &act.keep else { return Ok(()) };
    if insert(conn, keep, &answer(), act.at)? {
        Ok(())
    } else {
        Err(Fault::overtaken("an answer was kept under the same key"))
    }
}

/// Answers that tell of people of an account which their path does not name: it was opened, or is asked to be joined.
const NAMED_IN_THE_BODY: [&str; 3] = ["/v1/accounts", "/v1/operator/accounts", "/v1/join-requests"];

/// Forgets the kept answers that tell of somebody who is erased: those to requests about the account, and those whose
/// paths name no account, to links that were followed among them. They live for a day, so that there are few to look
/// through.
pub(crate) fn forget(conn: &mut Conn, account: &str, traces: &[String]) -> Result<(), Fault> {
    let about = idempotency_keys::table
        .filter(
            idempotency_keys::path
                .like(format!("%{account}%"))
                .or(idempotency_keys::path.eq_any(NAMED_IN_THE_BODY))
                .or(idempotency_keys::path.like("%/confirm"))
                .or(idempotency_keys::path.like("%/accept"))
                .or(idempotency_keys::path.like("%/decline")),
        )
        .select((
            idempotency_keys::caller,
            idempotency_keys::method,
            idempotency_keys::path,
            idempotency_keys::key,
            idempotency_keys::body,
        ))
        .load::<(String, String, String, String, Vec<u8>)>(conn)?;
    for (caller, method, path, key, body) in about {
        let text = String::from_utf8_lossy(&body);
        if traces.iter().any(|trace| text.contains(trace)) {
            diesel::delete(idempotency_keys::table.find((caller, method, path, key))).execute(conn)?;
        }
    }
    Ok(())
}

fn look_up(conn: &mut Conn, keep: &Keep, at: DateTime<Utc>) -> Result<Recall, Fault> {
    let row = idempotency_keys::table
        .find((&keep.caller, &keep.method, &keep.path, &keep.key))
        .select((
            idempotency_keys::fingerprint,
            idempotency_keys::status,
            idempotency_keys::headers,
            idempotency_keys::body,
            idempotency_keys::created_at,
        ))
        .first::<(String, i32, String, Vec<u8>, chrono::NaiveDateTime)>(conn)
        .optional()?;
    let Some((fingerprint, status, headers, body, created_at)) = row else {
        return Ok(Recall::New);
    };
    if at >= instant(created_at) + keep.kept_for {
        return Ok(Recall::New);
    }
    if fingerprint != keep.fingerprint {
        return Ok(Recall::OtherBody);
    }
    let status = u16::try_from(status).map_err(|error| Fault::stored("idempotency_keys.status", error))?;
    Ok(Recall::Answered(Kept {
        status,
        headers: from_json("idempotency_keys.headers", &headers)?,
        body,
    }))
}

/// Answers `false` where an answer is kept under the key.
fn insert(conn: &mut Conn, keep: &Keep, kept: &Kept, at: DateTime<Utc>) -> Result<bool, Fault> {
    // A row that is older than its life stands in the way of nobody; one that came in this moment stays.
    let outlived = idempotency_keys::table
        .find((&keep.caller, &keep.method, &keep.path, &keep.key))
        .filter(idempotency_keys::created_at.le(stored(at - keep.kept_for)));
    diesel::delete(outlived).execute(conn)?;
    let row = (
        idempotency_keys::caller.eq(&keep.caller),
        idempotency_keys::method.eq(&keep.method),
        idempotency_keys::path.eq(&keep.path),
        idempotency_keys::key.eq(&keep.key),
        idempotency_keys::fingerprint.eq(&keep.fingerprint),
        idempotency_keys::status.eq(i32::from(kept.status)),
        idempotency_keys::headers.eq(to_json("idempotency_keys.headers", &kept.headers)?),
        idempotency_keys::body.eq(&kept.body),
        idempotency_keys::created_at.eq(stored(at)),
    );
    Ok(crate::backend::insert_if_absent!(conn, idempotency_keys::table, row)? == 1)
}
