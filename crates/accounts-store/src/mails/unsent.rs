//! What operators see of the outbox, and do about it.

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
use crate::rows::{instant, parse, stored};
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
    /// Reads mails that were not sent and stand in one of these ways, or in any where none is named, the latest first, beginning
    /// after one.
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
            let wanted = |state| states.is_empty() || states.contains(&state);
            if !wanted(UnsentState::GivenUp) {
                query = query.filter(mails::failed_at.is_null());
            }
            if !wanted(UnsentState::Waiting) {
                query = query.filter(mails::failed_at.is_not_null());
            }
            if let Some(after) = after {
                query = query.filter(mails::id.lt(after.to_string()));
            }
            let rows: Vec<(UnsentRow, Option<String>)> = query
                .order(mails::id.desc())
                .limit(limit)
                .select((UnsentRow::as_select(), notifications::account_id.nullable()))
                .load(conn)?;
            rows.into_iter()
                .map(|(row, account)| row.read(account.as_deref()))
                .collect()
        };
        self.lanes.read(work).await
    }

    /// Has a mail tried at once, for a reason, with its audit event. Nothing changes where it is being tried or due already.
    ///
    /// # Errors
    /// [`DecideError::NotFound`] for a mail that is not there, was sent, or has nobody to go to any more.
    pub async fn retry_mail(
        &self,
        mail: MailId,
        (operator, reason): (OperatorId, Reason),
        act: &Act,
        answer: Kept,
    ) -> Result<(), DecideError> {
        let act = act.clone();
        self.transact(move |conn| {
            let found = lock(conn, mail)?;
            idempotency::recall(conn, &act)?;
            let before = found.ok_or(Stop::Refused(Refusal::NotFound))?;
            if let Some(after) = before.retried(act.at) {
                diesel::update(mails::table.find(mail.to_string()))
                    .set((
                        mails::next_attempt_at.eq(stored(after.next_attempt_at)),
                        mails::claimed_until.eq(after.claimed_until.map(stored)),
                        mails::failed_at.eq(after.given_up_at.map(stored)),
                    ))
                    .execute(conn)?;
                let entry = audit::mail_retried(operator, &before).because(Subject::Operator(operator), &reason);
                crate::audit::record(conn, Origin::Provider, 0, &[entry], &act)?;
            }
            idempotency::remember(conn, &act, || answer.clone())?;
            Ok(Verdict::Keep((), Marks::none()))
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
    row.read(account.as_deref()).map(Some)
}

impl UnsentRow {
    fn read(self, account: Option<&str>) -> Result<UnsentMail, Fault> {
        let notice = self.notification_id.as_deref().zip(account);
        let read = |(notice, account)| {
            Ok::<_, Fault>((
                parse("mails.notification_id", notice)?,
                parse("notifications.account_id", account)?,
            ))
        };
        Ok(UnsentMail {
            id: parse("mails.id", &self.id)?,
            kind: kind_of(&self.message),
            address: self.address,
            language: self.language,
            notice: notice.map(read).transpose()?,
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
