//! What operators see of the outbox, and do about it.

use accounts_domain::address::EmailAddress;
use accounts_domain::audit::{self, Subject};
use accounts_domain::ids::{MailId, OperatorId};
use accounts_domain::names::Reason;
use accounts_domain::outbox::{UnsentMail, UnsentState};
use chrono::NaiveDateTime;
use diesel::prelude::*;
use serde_json::Value;

use crate::audit::Origin;
use crate::backend::Conn;
use crate::error::{Fault, Stop, StoreError};
use crate::idempotency;
use crate::lanes::Verdict;
use crate::rows::{checked, instant, parse, stored};
use crate::schema::{mails, notifications};
use crate::snapshots::Marks;
use crate::store::{Act, DecideError, Kept, Refusal, Store};

#[derive(Queryable, Selectable)]
#[diesel(table_name = mails)]
struct UnsentRow {
    id: String,
    address: String,
    language: String,
    message: String,
    notification_id: Option<String>,
    attempts: i32,
    next_attempt_at: NaiveDateTime,
    claimed_until: Option<NaiveDateTime>,
    failed_at: Option<NaiveDateTime>,
    last_error: Option<String>,
    created_at: NaiveDateTime,
}

/// A mail that was not sent, in words of the index that has those alone.
#[diesel::dsl::auto_type]
fn unsent() -> _ {
    mails::sent_at.is_null().and(mails::withdrawn.is_null())
}

impl Store {
    /// Reads mails that were not sent and stand in one of these ways, the latest first, beginning after one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn unsent_mails(
        &self,
        states: Vec<UnsentState>,
        after: Option<MailId>,
        limit: i64,
    ) -> Result<Vec<UnsentMail>, StoreError> {
        let work = move |conn: &mut Conn| {
            let mut query = mails::table
                .left_join(notifications::table.on(mails::notification_id.eq(notifications::id.nullable())))
                .filter(unsent())
                .into_boxed();
            query = match states.as_slice() {
                [UnsentState::Waiting] => query.filter(mails::failed_at.is_null()),
                [UnsentState::GivenUp] => query.filter(mails::failed_at.is_not_null()),
                _ => query,
            };
            if let Some(after) = after {
                query = query.filter(mails::id.lt(after.to_string()));
            }
            let rows: Vec<(UnsentRow, Option<String>)> = query
                .order(mails::id.desc())
                .limit(limit)
                .select((UnsentRow::as_select(), notifications::account_id.nullable()))
                .load(conn)?;
            rows.into_iter().map(|(row, account)| row.read(account)).collect()
        };
        self.lanes.read(work).await
    }

    /// Has a mail tried at once, for a reason, with its audit event, and answers it as it stands then. Nothing changes where
    /// it is being tried or due already.
    ///
    /// # Errors
    /// [`DecideError::NotFound`] for a mail that is not there, was sent, or has nobody to go to any more.
    pub async fn retry_mail<A>(
        &self,
        mail: MailId,
        (operator, reason): (OperatorId, Reason),
        act: &Act,
        answer: A,
    ) -> Result<UnsentMail, DecideError>
    where
        A: Fn(&UnsentMail) -> Kept + Send + 'static,
    {
        let act = act.clone();
        self.transact(move |conn| {
            idempotency::recall(conn, &act)?;
            let before = lock(conn, mail)?.ok_or(Stop::Refused(Refusal::NotFound))?;
            let Some(after) = before.retried(act.at) else {
                idempotency::remember(conn, &act, || answer(&before))?;
                return Ok(Verdict::Keep(before, Marks::none()));
            };
            diesel::update(mails::table.find(mail.to_string()))
                .set((
                    mails::next_attempt_at.eq(stored(after.next_attempt_at)),
                    mails::claimed_until.eq(after.claimed_until.map(stored)),
                    mails::failed_at.eq(after.given_up_at.map(stored)),
                ))
                .execute(conn)?;
            let entry = audit::mail_retried(operator, &before).because(Subject::Operator(operator), &reason);
            crate::audit::record(conn, Origin::Provider, 0, &[entry], &act)?;
            idempotency::remember(conn, &act, || answer(&after))?;
            Ok(Verdict::Keep(after, Marks::none()))
        })
        .await
    }
}

/// Locks a mail that was not sent, and reads it.
fn lock(conn: &mut Conn, mail: MailId) -> Result<Option<UnsentMail>, Fault> {
    let row = || mails::table.filter(mails::id.eq(mail.to_string())).filter(unsent());
    let locked = diesel::update(row())
        .set(mails::attempts.eq(mails::attempts))
        .execute(conn)?;
    if locked == 0 {
        return Ok(None);
    }
    let (row, account) = row()
        .left_join(notifications::table.on(mails::notification_id.eq(notifications::id.nullable())))
        .select((UnsentRow::as_select(), notifications::account_id.nullable()))
        .first::<(UnsentRow, Option<String>)>(conn)?;
    row.read(account).map(Some)
}

impl UnsentRow {
    fn read(self, account: Option<String>) -> Result<UnsentMail, Fault> {
        let notice = match (self.notification_id, account) {
            (Some(notice), Some(account)) => Some((
                parse("mails.notification_id", &notice)?,
                parse("notifications.account_id", &account)?,
            )),
            (Some(_), None) | (None, _) => None,
        };
        Ok(UnsentMail {
            id: parse("mails.id", &self.id)?,
            kind: kind_of(&self.message),
            to: checked("mails.address", &self.address, EmailAddress::parse)?,
            language: parse("mails.language", &self.language)?,
            notice,
            attempts: u32::try_from(self.attempts).unwrap_or_default(),
            next_attempt_at: instant(self.next_attempt_at),
            claimed_until: self.claimed_until.map(instant),
            given_up_at: self.failed_at.map(instant),
            last_error: self.last_error,
            created_at: instant(self.created_at),
        })
    }
}

/// What a mail is, also where only another version can read what it says.
fn kind_of(message: &str) -> String {
    let message: Value = serde_json::from_str(message).unwrap_or_default();
    message
        .get("kind")
        .and_then(Value::as_str)
        .unwrap_or("unknown")
        .to_owned()
}
