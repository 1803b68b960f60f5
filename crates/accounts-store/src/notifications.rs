//! Notices and what has become of their mails. A mail of a notice is a row of the outbox; who it goes to is looked at
//! once more when it is sent.

mod outgoing;
pub(crate) mod successors;

use std::collections::{BTreeMap, BTreeSet};

use accounts_domain::address::EmailAddress;
use accounts_domain::ids::{AccountId, IntegrationId, MailId, NotificationId};
use accounts_domain::keys::RoleKey;
use accounts_domain::names::{NoticeSubject, NoticeText};
use accounts_domain::notifications::{
    Delivery, DeliveryState, Message, NoticeContent, NoticeWords, Notification, Part, Told, Withdrawal,
};
use accounts_domain::recipients::{Ground, Listener, Opener, Step};
use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

pub use self::outgoing::{Notice, Outgoing};
use crate::backend::Conn;
use crate::error::{Fault, StoreError};
use crate::mails::insert_told;
use crate::rows::{checked, from_json, instant, named, parse, parse_maybe, stored, to_json};
use crate::schema::{accounts, mails, notifications};
use crate::store::Store;

/// A notice and its mails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotificationRecord {
    /// In which account.
    pub account: AccountId,
    /// The notice.
    pub notification: Notification,
    /// Its mails, those first that are addressed.
    pub deliveries: Vec<DeliveryRecord>,
}

/// One mail of a notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryRecord {
    /// Whose it is, and what has become of it.
    pub delivery: Delivery,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was sent, given up or withdrawn.
    pub ended_at: Option<DateTime<Utc>>,
    /// When it is tried next, where it waits.
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// Until when a worker may be sending it.
    pub claimed_until: Option<DateTime<Utc>>,
    /// Why the last try did not succeed: text from outside, in one line.
    pub last_error: Option<String>,
}

/// Whose notices are asked for.
#[derive(Debug, Clone, Copy)]
pub enum Sender {
    /// All to this account.
    Account(AccountId),
    /// All of this integration.
    Integration(IntegrationId),
}

/// What a link for unsubscribing is about. Nothing is changed by asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsubscribeOffer {
    /// The address that the link was sent to.
    pub address: EmailAddress,
    /// The account.
    pub account: AccountId,
    /// The account's name.
    pub account_name: String,
    /// Who would be told no more: the contact and the member of that address.
    pub listeners: Vec<Listener>,
    /// Of what.
    pub notification: Notification,
}

/// The words of a notice as its column holds them.
#[derive(Serialize, Deserialize)]
struct StoredWords {
    subject: String,
    text: String,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = notifications)]
struct NotificationRow {
    id: String,
    account_id: String,
    kind: String,
    category: String,
    opened_by: Option<String>,
    integration_id: Option<String>,
    content: Option<String>,
    step: String,
    created_at: NaiveDateTime,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = mails)]
struct DeliveryRow {
    id: String,
    contact_id: Option<String>,
    user_id: Option<String>,
    address: String,
    language: String,
    part: Option<String>,
    grounds: Option<String>,
    attempts: i32,
    next_attempt_at: NaiveDateTime,
    claimed_until: Option<NaiveDateTime>,
    sent_at: Option<NaiveDateTime>,
    failed_at: Option<NaiveDateTime>,
    last_error: Option<String>,
    withdrawn: Option<String>,
    notification_id: Option<String>,
}

impl NotificationRow {
    fn read(&self) -> Result<(AccountId, Notification), Fault> {
        let message = match (&self.integration_id, &self.content) {
            (Some(from), Some(content)) => Message::Notice {
                from: parse("notifications.integration_id", from)?,
                content: read_content(content)?,
            },
            (None, None) if self.kind == Message::Test.kind() => Message::Test,
            _ => return Err(Fault::stored("notifications.kind", "it is neither a notice nor a test")),
        };
        let notification = Notification {
            id: parse("notifications.id", &self.id)?,
            category: parse("notifications.category", &self.category)?,
            opened_by: parse_maybe("notifications.opened_by", self.opened_by.as_deref())?,
            message,
            step: named("notifications.step", &self.step, Step::from_name)?,
            created_at: instant(self.created_at),
        };
        Ok((parse("notifications.account_id", &self.account_id)?, notification))
    }
}

impl DeliveryRow {
    fn read(&self) -> Result<DeliveryRecord, Fault> {
        let state = match (&self.withdrawn, self.sent_at, self.failed_at) {
            (Some(reason), _, _) => DeliveryState::Withdrawn(named("mails.withdrawn", reason, Withdrawal::from_name)?),
            (None, Some(_), _) => DeliveryState::Sent,
            (None, None, Some(_)) => DeliveryState::Failed,
            (None, None, None) => DeliveryState::Waiting,
        };
        let waits = state == DeliveryState::Waiting;
        let part = self.part.as_deref().unwrap_or_default();
        let delivery = Delivery {
            mail: parse("mails.id", &self.id)?,
            contact: parse_maybe("mails.contact_id", self.contact_id.as_deref())?,
            user: parse_maybe("mails.user_id", self.user_id.as_deref())?,
            address: checked("mails.address", &self.address, EmailAddress::parse)?,
            language: parse("mails.language", &self.language)?,
            part: named("mails.part", part, Part::from_name)?,
            grounds: read_grounds(self.grounds.as_deref().unwrap_or("[]"))?,
            state,
        };
        Ok(DeliveryRecord {
            delivery,
            attempts: u32::try_from(self.attempts).unwrap_or_default(),
            ended_at: self.sent_at.or(self.failed_at).map(instant),
            next_attempt_at: waits.then(|| instant(self.next_attempt_at)),
            claimed_until: self.claimed_until.filter(|_| waits).map(instant),
            last_error: self.last_error.clone(),
        })
    }
}

impl Store {
    /// Reads notices with their mails, the latest first, beginning after one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn notifications(
        &self,
        whose: Sender,
        after: Option<NotificationId>,
        limit: i64,
    ) -> Result<Vec<NotificationRecord>, StoreError> {
        self.lanes
            .read_consistent(move |conn| list(conn, whose, after, limit))
            .await
    }

    /// Reads a notice with its mails.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn notification(
        &self,
        whose: Sender,
        id: NotificationId,
    ) -> Result<Option<NotificationRecord>, StoreError> {
        let work = move |conn: &mut Conn| {
            let found = find(conn, id)?;
            Ok(found.filter(|record| match whose {
                Sender::Account(account) => record.account == account,
                Sender::Integration(integration) => {
                    matches!(record.notification.message, Message::Notice { from, .. } if from == integration)
                }
            }))
        };
        self.lanes.read_consistent(work).await
    }

    /// What the link in a mail of a notice would take back.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn unsubscribe_offer(&self, mail: MailId) -> Result<Option<UnsubscribeOffer>, StoreError> {
        let work = move |conn: &mut Conn| {
            let row: Option<DeliveryRow> = mails::table
                .filter(mails::id.eq(mail.to_string()))
                .filter(mails::notification_id.is_not_null())
                .select(DeliveryRow::as_select())
                .first(conn)
                .optional()?;
            let Some(row) = row else { return Ok(None) };
            let id = parse_maybe("mails.notification_id", row.notification_id.as_deref())?;
            let Some(id) = id else { return Ok(None) };
            let Some(record) = find(conn, id)? else { return Ok(None) };
            let delivery = row.read()?.delivery;
            let account_name = accounts::table
                .find(record.account.to_string())
                .select(accounts::name)
                .first(conn)?;
            let contact = delivery.contact.map(Listener::Contact);
            Ok(Some(UnsubscribeOffer {
                address: delivery.address,
                account: record.account,
                account_name,
                listeners: contact.into_iter().chain(delivery.user.map(Listener::Member)).collect(),
                notification: record.notification,
            }))
        };
        self.lanes.read_consistent(work).await
    }
}

/// Writes a notice and its mails down.
pub(crate) fn insert(
    conn: &mut Conn,
    account: AccountId,
    notification: &Notification,
    told: &[Told],
) -> Result<(), Fault> {
    let (integration, content) = match &notification.message {
        Message::Notice { from, content } => (Some(from.to_string()), Some(stored_content(content)?)),
        Message::Test => (None, None),
    };
    diesel::insert_into(notifications::table)
        .values((
            notifications::id.eq(notification.id.to_string()),
            notifications::account_id.eq(account.to_string()),
            notifications::kind.eq(notification.message.kind()),
            notifications::category.eq(notification.category.as_str()),
            notifications::opened_by.eq(notification.opened_by.map(Opener::id)),
            notifications::integration_id.eq(integration),
            notifications::content.eq(content),
            notifications::step.eq(notification.step.as_str()),
            notifications::revision.eq(1_i64),
            notifications::created_at.eq(stored(notification.created_at)),
        ))
        .execute(conn)?;
    insert_told(conn, notification.id, told, notification.created_at)
}

fn find(conn: &mut Conn, id: NotificationId) -> Result<Option<NotificationRecord>, Fault> {
    Ok(load(conn, &[id])?.remove(&id))
}

/// Reads notices with their mails.
pub(crate) fn load(
    conn: &mut Conn,
    ids: &[NotificationId],
) -> Result<BTreeMap<NotificationId, NotificationRecord>, Fault> {
    let rows: Vec<NotificationRow> = notifications::table
        .filter(notifications::id.eq_any(ids.iter().map(ToString::to_string)))
        .select(NotificationRow::as_select())
        .load(conn)?;
    let records = with_deliveries(conn, &rows)?.into_iter();
    Ok(records.map(|record| (record.notification.id, record)).collect())
}

fn list(
    conn: &mut Conn,
    whose: Sender,
    after: Option<NotificationId>,
    limit: i64,
) -> Result<Vec<NotificationRecord>, Fault> {
    let mut query = notifications::table.into_boxed();
    query = match whose {
        Sender::Account(account) => query.filter(notifications::account_id.eq(account.to_string())),
        Sender::Integration(integration) => query.filter(notifications::integration_id.eq(integration.to_string())),
    };
    if let Some(after) = after {
        query = query.filter(notifications::id.lt(after.to_string()));
    }
    let rows: Vec<NotificationRow> = query
        .order(notifications::id.desc())
        .limit(limit)
        .select(NotificationRow::as_select())
        .load(conn)?;
    with_deliveries(conn, &rows)
}

/// The notices of these rows, each with its mails: one query for all of them.
fn with_deliveries(conn: &mut Conn, rows: &[NotificationRow]) -> Result<Vec<NotificationRecord>, Fault> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    let found: Vec<DeliveryRow> = mails::table
        .filter(mails::notification_id.eq_any(ids))
        .order((mails::part.desc(), mails::id))
        .select(DeliveryRow::as_select())
        .load(conn)?;
    let mut deliveries: BTreeMap<String, Vec<DeliveryRecord>> = BTreeMap::new();
    for row in &found {
        let of = row.notification_id.clone().unwrap_or_default();
        deliveries.entry(of).or_default().push(row.read()?);
    }
    let record = |row: &NotificationRow| {
        let (account, notification) = row.read()?;
        Ok(NotificationRecord {
            account,
            notification,
            deliveries: deliveries.remove(&row.id).unwrap_or_default(),
        })
    };
    rows.iter().map(record).collect()
}

fn stored_content(content: &NoticeContent) -> Result<String, Fault> {
    let words: BTreeMap<&str, StoredWords> = content
        .words()
        .iter()
        .map(|(language, words)| {
            let stored = StoredWords {
                subject: words.subject.to_string(),
                text: words.text.as_str().to_owned(),
            };
            (language.as_str(), stored)
        })
        .collect();
    to_json("notifications.content", &words)
}

fn read_content(text: &str) -> Result<NoticeContent, Fault> {
    const PLACE: &str = "notifications.content";
    let stored: BTreeMap<String, StoredWords> = from_json(PLACE, text)?;
    let mut words = BTreeMap::new();
    for (language, stored) in stored {
        let read = NoticeWords {
            subject: checked(PLACE, &stored.subject, NoticeSubject::parse)?,
            text: checked(PLACE, &stored.text, NoticeText::parse)?,
        };
        words.insert(parse(PLACE, &language)?, read);
    }
    NoticeContent::new(words).ok_or_else(|| Fault::stored(PLACE, "it says nothing"))
}

/// Why somebody is told, as its column holds it: the kind of each ground, and its role.
pub(crate) fn stored_grounds(grounds: &BTreeSet<Ground>) -> Result<String, Fault> {
    let parts: Vec<(&str, Option<&str>)> = grounds
        .iter()
        .map(|ground| (ground.kind(), ground.role().map(RoleKey::as_str)))
        .collect();
    to_json("mails.grounds", &parts)
}

fn read_grounds(text: &str) -> Result<BTreeSet<Ground>, Fault> {
    const PLACE: &str = "mails.grounds";
    let parts: Vec<(String, Option<String>)> = from_json(PLACE, text)?;
    let read = |(kind, role): &(String, Option<String>)| {
        let role = parse_maybe(PLACE, role.as_deref())?;
        Ground::from_parts(kind, role).ok_or_else(|| Fault::stored(PLACE, "there is no such ground"))
    };
    parts.iter().map(read).collect()
}
