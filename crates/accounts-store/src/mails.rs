//! The outbox. A mail is a row that is written with the change that calls for it, and a worker sends it later.
//!
//! A worker claims rows for a while (security decision D11). The claim of a worker that died runs out by itself,
//! and what a worker that was taken for dead still reports about a failure is not believed.

pub(crate) mod naming;
mod unsent;

use std::collections::BTreeSet;

use accounts_domain::address::EmailAddress;
use accounts_domain::ids::{MailId, NotificationId};
use accounts_domain::language::Language;
use accounts_domain::mail::{Letter, Mail};
use accounts_domain::notifications::Told;
use chrono::{DateTime, NaiveDateTime, SubsecRound, TimeDelta, Utc};
use diesel::prelude::*;

use crate::backend::{Conn, insert_all, load_unclaimed};
use crate::error::{Fault, StoreError};
use crate::notifications::stored_grounds;
use crate::rows::{checked, from_json, instant, parse, stored, to_json};
use crate::schema::mails;
use crate::store::Store;

/// How long a mail rests that this version cannot read. During an upgrade it is one of the next version, and an
/// instance of that version sends it meanwhile.
const UNREADABLE_REST: TimeDelta = TimeDelta::minutes(15);
/// After how long a mail that nobody can read is given up.
const UNREADABLE_LIMIT: TimeDelta = TimeDelta::days(3);

/// A mail that the caller alone may send until the claim runs out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedMail {
    /// What the outcome is reported for.
    pub claim: Claim,
    /// Where it goes.
    pub to: EmailAddress,
    /// The reader's language.
    pub language: Language,
    /// What it says.
    pub letter: Letter,
    /// How often it was claimed, this time included.
    pub attempts: u32,
    /// When the change was made that called for it.
    pub created_at: DateTime<Utc>,
}

/// The right to send one mail, for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// The mail.
    pub mail: MailId,
    /// When the right runs out. It also tells this claim from a later one.
    pub until: DateTime<Utc>,
}

impl Store {
    /// Claims at most `limit` mails that are due at `now`, the longest waiting first, until `lease` later. No two
    /// callers get the same one, in whichever process they are.
    ///
    /// # Errors
    /// [`StoreError`] where the database does not answer.
    pub async fn claim_mails(
        &self,
        now: DateTime<Utc>,
        lease: TimeDelta,
        limit: usize,
    ) -> Result<Vec<ClaimedMail>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        // The databases keep microseconds, and the row must show exactly this moment for the claim to stand.
        let until = (now + lease).trunc_subsecs(6);
        self.change(move |conn| claim(conn, now, until, limit)).await
    }

    /// Records that a mail was accepted for delivery at that moment. It holds whatever became of the claim.
    ///
    /// # Errors
    /// [`StoreError`] where the database does not answer.
    pub async fn mail_sent(&self, mail: MailId, at: DateTime<Utc>) -> Result<(), StoreError> {
        self.change(move |conn| sent(conn, mail, at)).await
    }

    /// Records that a try did not succeed and when the next one is due. Nothing happens if the claim was lost.
    ///
    /// # Errors
    /// [`StoreError`] where the database does not answer.
    pub async fn mail_failed(
        &self,
        claim: Claim,
        next_attempt: DateTime<Utc>,
        error: String,
    ) -> Result<(), StoreError> {
        self.change(move |conn| failed(conn, claim, next_attempt, &error)).await
    }

    /// Records that a mail will not be tried again. Nothing happens if the claim was lost.
    ///
    /// # Errors
    /// [`StoreError`] where the database does not answer.
    pub async fn mail_given_up(&self, claim: Claim, at: DateTime<Utc>, error: String) -> Result<(), StoreError> {
        self.change(move |conn| given_up(conn, claim, at, &error)).await
    }

    /// Gives claims back, so that another worker may send the mails at once. Claims that were lost are passed over.
    ///
    /// # Errors
    /// [`StoreError`] where the database does not answer.
    pub async fn release_mails(&self, claims: Vec<Claim>) -> Result<(), StoreError> {
        self.change(move |conn| claims.iter().try_for_each(|claim| release(conn, *claim)))
            .await
    }

    /// How many mails are neither sent nor given up.
    ///
    /// # Errors
    /// [`StoreError`] where the database does not answer.
    pub async fn mails_waiting(&self) -> Result<u64, StoreError> {
        self.lanes
            .read(|conn| {
                let waiting: i64 = mails::table
                    .filter(mails::sent_at.is_null())
                    .filter(mails::failed_at.is_null())
                    .count()
                    .get_result(conn)?;
                Ok(u64::try_from(waiting).unwrap_or_default())
            })
            .await
    }
}

/// Puts mails into the outbox, due at once, with the change that calls for them.
pub(crate) fn insert_mails(conn: &mut Conn, outgoing: &[Mail], at: DateTime<Utc>) -> Result<(), Fault> {
    if outgoing.is_empty() {
        return Ok(());
    }
    let rows = outgoing
        .iter()
        .map(|mail| NewRow::new(mail, at))
        .collect::<Result<Vec<_>, _>>()?;
    insert_all!(conn, mails::table, &rows)?;
    Ok(())
}

/// Puts the mails of a notice into the outbox, one for each recipient.
pub(crate) fn insert_told(
    conn: &mut Conn,
    notification: NotificationId,
    told: &[Told],
    at: DateTime<Utc>,
) -> Result<(), Fault> {
    let rows = told
        .iter()
        .map(|told| NewRow::of_notice(notification, told, at))
        .collect::<Result<Vec<_>, _>>()?;
    insert_all!(conn, mails::table, &rows)?;
    Ok(())
}

#[derive(Insertable)]
#[diesel(table_name = mails)]
struct NewRow {
    id: String,
    contact_id: Option<String>,
    address: String,
    address_key: String,
    language: &'static str,
    message: String,
    created_at: NaiveDateTime,
    attempts: i32,
    next_attempt_at: NaiveDateTime,
    notification_id: Option<String>,
    user_id: Option<String>,
    part: Option<&'static str>,
    grounds: Option<String>,
}

impl NewRow {
    fn new(mail: &Mail, at: DateTime<Utc>) -> Result<Self, Fault> {
        Ok(Self {
            id: MailId::new().to_string(),
            contact_id: mail.contact.map(|contact| contact.to_string()),
            address: mail.to.as_str().to_owned(),
            address_key: mail.to.key().to_owned(),
            language: mail.language.as_str(),
            message: to_json("mails.message", &mail.letter)?,
            created_at: stored(at),
            attempts: 0,
            next_attempt_at: stored(at),
            notification_id: None,
            user_id: None,
            part: None,
            grounds: None,
        })
    }

    fn of_notice(notification: NotificationId, told: &Told, at: DateTime<Utc>) -> Result<Self, Fault> {
        let Told { recipient, part } = told;
        let mail = Mail {
            contact: recipient.contact,
            to: recipient.address.clone(),
            language: recipient.language,
            letter: Letter::Notice { notification },
        };
        Ok(Self {
            notification_id: Some(notification.to_string()),
            user_id: recipient.user.map(|user| user.to_string()),
            part: Some(part.as_str()),
            grounds: Some(stored_grounds(&recipient.grounds)?),
            ..Self::new(&mail, at)?
        })
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = mails)]
struct Row {
    id: String,
    address: String,
    language: String,
    message: String,
    created_at: NaiveDateTime,
    attempts: i32,
}

impl Row {
    fn read(&self, until: DateTime<Utc>) -> Result<ClaimedMail, Fault> {
        Ok(ClaimedMail {
            claim: Claim {
                mail: parse("mails.id", &self.id)?,
                until,
            },
            to: checked("mails.address", &self.address, EmailAddress::parse)?,
            language: parse("mails.language", &self.language)?,
            letter: from_json("mails.message", &self.message)?,
            attempts: u32::try_from(self.attempts).unwrap_or_default().saturating_add(1),
            created_at: instant(self.created_at),
        })
    }
}

/// The row of a claim that still stands. A mail that another worker claimed since, or that was sent or given up,
/// is none of the caller's business any more.
macro_rules! held {
    ($claim:expr) => {
        mails::table
            .filter(mails::id.eq($claim.mail.to_string()))
            .filter(mails::claimed_until.eq(stored($claim.until)))
    };
}

fn claim(conn: &mut Conn, now: DateTime<Utc>, until: DateTime<Utc>, limit: i64) -> Result<Vec<ClaimedMail>, Fault> {
    let due = mails::table
        .filter(mails::sent_at.is_null())
        .filter(mails::failed_at.is_null())
        .filter(mails::next_attempt_at.le(stored(now)))
        .filter(mails::claimed_until.is_null().or(mails::claimed_until.le(stored(now))))
        .order((mails::next_attempt_at, mails::id))
        .limit(limit);
    let rows: Vec<Row> = load_unclaimed!(conn, due, Row)?;
    let mut claimed = Vec::with_capacity(rows.len());
    let mut ids = BTreeSet::new();
    for row in &rows {
        match row.read(until) {
            Ok(mail) => {
                claimed.push(mail);
                ids.insert(row.id.as_str());
            }
            // One row that cannot be read must not keep the others from being sent.
            Err(Fault::Stored(problem)) => put_aside(conn, row, now, &problem)?,
            Err(fault @ Fault::Database(_)) => return Err(fault),
        }
    }
    if !ids.is_empty() {
        diesel::update(mails::table.filter(mails::id.eq_any(ids)))
            .set((
                mails::claimed_until.eq(stored(until)),
                mails::attempts.eq(mails::attempts + 1),
            ))
            .execute(conn)?;
    }
    Ok(claimed)
}

fn put_aside(conn: &mut Conn, row: &Row, now: DateTime<Utc>, problem: &str) -> Result<(), Fault> {
    let given_up = (instant(row.created_at) + UNREADABLE_LIMIT <= now).then(|| stored(now));
    diesel::update(mails::table.filter(mails::id.eq(&row.id)))
        .set((
            mails::next_attempt_at.eq(stored(now + UNREADABLE_REST)),
            mails::failed_at.eq(given_up),
            mails::last_error.eq(Some(problem)),
        ))
        .execute(conn)?;
    Ok(())
}

fn sent(conn: &mut Conn, mail: MailId, at: DateTime<Utc>) -> Result<(), Fault> {
    let unsent = mails::table
        .filter(mails::id.eq(mail.to_string()))
        .filter(mails::sent_at.is_null());
    diesel::update(unsent)
        .set((
            mails::sent_at.eq(Some(stored(at))),
            mails::failed_at.eq(None::<NaiveDateTime>),
            mails::claimed_until.eq(None::<NaiveDateTime>),
            mails::last_error.eq(None::<String>),
            // It was withdrawn too late.
            mails::withdrawn.eq(None::<String>),
        ))
        .execute(conn)?;
    Ok(())
}

fn failed(conn: &mut Conn, claim: Claim, next_attempt: DateTime<Utc>, error: &str) -> Result<(), Fault> {
    diesel::update(held!(claim))
        .set((
            mails::next_attempt_at.eq(stored(next_attempt)),
            mails::claimed_until.eq(None::<NaiveDateTime>),
            mails::last_error.eq(Some(error)),
        ))
        .execute(conn)?;
    Ok(())
}

fn given_up(conn: &mut Conn, claim: Claim, at: DateTime<Utc>, error: &str) -> Result<(), Fault> {
    diesel::update(held!(claim))
        .set((
            mails::failed_at.eq(Some(stored(at))),
            mails::claimed_until.eq(None::<NaiveDateTime>),
            mails::last_error.eq(Some(error)),
        ))
        .execute(conn)?;
    Ok(())
}

/// The try that was not made does not count.
fn release(conn: &mut Conn, claim: Claim) -> Result<(), Fault> {
    diesel::update(held!(claim))
        .set((
            mails::claimed_until.eq(None::<NaiveDateTime>),
            mails::attempts.eq(mails::attempts - 1),
        ))
        .execute(conn)?;
    Ok(())
}

#[cfg(test)]
mod tests;
