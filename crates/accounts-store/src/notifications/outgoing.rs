//! Mails of notices at the moment of sending: to whom each goes now, and what it says.

use std::collections::BTreeSet;
use std::sync::Arc;

use accounts_domain::address::EmailAddress;
use accounts_domain::catalog::{Catalog, Category};
use accounts_domain::ids::{AccountId, MailId, NotificationId};
use accounts_domain::language::Language;
use accounts_domain::notifications::{Delivery, DeliveryState, Message, NoticeWords, Renewal, Told, may_unsubscribe};
use accounts_domain::recipients::Readers;
use accounts_domain::roster::Roster;
use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::prelude::*;

use super::{DeliveryRecord, NotificationRecord, find, stored_grounds};
use crate::access_checks::AskedAbout;
use crate::backend::Conn;
use crate::error::{Fault, StoreError};
use crate::mails::insert_told;
use crate::rows::stored;
use crate::schema::{mails, notifications};
use crate::store::Store;
use crate::{members, roster};

/// What is to become of a mail of a notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outgoing {
    /// It is sent.
    Send(Box<Notice>),
    /// It was withdrawn: nobody is to receive it any more.
    Withdrawn,
    /// The notice is not there any more.
    Gone,
}

/// A mail of a notice as it is to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Where it goes now.
    pub to: EmailAddress,
    /// In which language it is.
    pub language: Language,
    /// How the recipient is called.
    pub name: String,
    /// The account's name.
    pub account: String,
    /// The category's name in that language.
    pub category: String,
    /// What the provider says; nothing for a test message.
    pub words: Option<NoticeWords>,
    /// Whether the recipient may take the wish to be told back by a link.
    pub may_unsubscribe: bool,
}

impl Store {
    /// What is to become of a mail of a notice now: to whom it goes is worked out again, and what has changed since it
    /// was queued is written down, the mails of those included who have come in meanwhile.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn notice_to_send(
        &self,
        mail: MailId,
        notification: NotificationId,
        at: DateTime<Utc>,
    ) -> Result<Outgoing, StoreError> {
        let found = self.lanes.read_consistent(move |conn| find(conn, notification)).await?;
        let Some(record) = found else {
            return Ok(Outgoing::Gone);
        };
        let asked = AskedAbout {
            accounts: BTreeSet::from([record.account]),
            ..AskedAbout::default()
        };
        let accounts = self.find_for_checks(asked).await?;
        let Some(roster) = accounts.account(record.account) else {
            return Ok(Outgoing::Gone);
        };
        let readers = self.readers(record.account).await?;
        let renewal = roster.renew(&record.notification, &record.states(mail, at), &readers, at);
        if renewal.is_empty() {
            return Ok(record.outgoing(mail, roster, &readers));
        }
        let (account, catalog) = (record.account, Arc::clone(&self.ground.catalog));
        self.change(move |conn| {
            // Under the account's lock, so that nobody is written down who is erased at this very moment.
            let Some((roster, readers)) = held(conn, account, &catalog)? else {
                return Ok(Outgoing::Gone);
            };
            lock(conn, notification)?;
            let Some(record) = find(conn, notification)? else {
                return Ok(Outgoing::Gone);
            };
            let renewal = roster.renew(&record.notification, &record.states(mail, at), &readers, at);
            apply(conn, notification, &renewal, at)?;
            let renewed = find(conn, notification)?;
            Ok(renewed.map_or(Outgoing::Gone, |record| record.outgoing(mail, &roster, &readers)))
        })
        .await
    }
}

impl NotificationRecord {
    /// The mails as whoever sends this one of them finds them: others that are claimed are on their way.
    fn states(&self, mail: MailId, at: DateTime<Utc>) -> Vec<Delivery> {
        let state = |record: &DeliveryRecord| {
            let mut delivery = record.delivery.clone();
            let claimed = record.claimed_until.is_some_and(|until| at < until);
            if claimed && delivery.mail != mail {
                delivery.state = DeliveryState::Underway;
            }
            delivery
        };
        self.deliveries.iter().map(state).collect()
    }

    fn outgoing(&self, mail: MailId, roster: &Roster, readers: &Readers) -> Outgoing {
        let own = self.deliveries.iter().find(|record| record.delivery.mail == mail);
        let category = roster.catalog().category(&self.notification.category);
        let (Some(own), Some(category)) = (own, category) else {
            return Outgoing::Gone;
        };
        if own.delivery.state != DeliveryState::Waiting {
            return Outgoing::Withdrawn;
        }
        Outgoing::Send(Box::new(self.notice(&own.delivery, category, roster, readers)))
    }

    fn notice(&self, delivery: &Delivery, category: &Category, roster: &Roster, readers: &Readers) -> Notice {
        let words = match &self.notification.message {
            Message::Notice { content, .. } => content.for_reader(delivery.language),
            Message::Test => None,
        };
        let language = words.map_or(delivery.language, |(language, _)| language);
        let contact = delivery.contact.and_then(|contact| roster.contact(contact).ok());
        let reader = delivery.user.and_then(|user| readers.get(&user));
        let name = contact.map(|contact| &contact.profile.display_name);
        let name = name.or(reader.map(|reader| &reader.display_name));
        Notice {
            to: delivery.address.clone(),
            language,
            name: name.map_or_else(|| delivery.address.to_string(), ToString::to_string),
            account: roster.account().profile.name.to_string(),
            category: category.names.in_language(language).to_owned(),
            words: words.map(|(_, words)| words.clone()),
            may_unsubscribe: may_unsubscribe(category, &delivery.grounds),
        }
    }
}

/// An account as it is, with its members, which nobody changes until the transaction ends; its revision stays.
fn held(conn: &mut Conn, account: AccountId, catalog: &Arc<Catalog>) -> Result<Option<(Roster, Readers)>, Fault> {
    if roster::lock(conn, account)?.is_none() {
        return Ok(None);
    }
    roster::lower_revision(conn, account)?;
    let Some(roster) = roster::load(conn, account, catalog)? else {
        return Ok(None);
    };
    let mut readers = members::load_readers(conn, vec![account.to_string()], None)?;
    Ok(Some((roster, readers.remove(&account).unwrap_or_default())))
}

/// Locks a notice, so that its recipients are worked out by one worker at a time.
fn lock(conn: &mut Conn, id: NotificationId) -> Result<(), Fault> {
    diesel::update(notifications::table.filter(notifications::id.eq(id.to_string())))
        .set(notifications::revision.eq(notifications::revision + 1))
        .execute(conn)?;
    Ok(())
}

fn apply(conn: &mut Conn, id: NotificationId, renewal: &Renewal, at: DateTime<Utc>) -> Result<(), Fault> {
    for (mail, withdrawal) in &renewal.withdrawn {
        diesel::update(waiting(*mail))
            .set((
                mails::withdrawn.eq(Some(withdrawal.as_str())),
                mails::failed_at.eq(Some(stored(at))),
                mails::claimed_until.eq(None::<NaiveDateTime>),
            ))
            .execute(conn)?;
    }
    for (mail, Told { recipient, part }) in &renewal.readdressed {
        diesel::update(waiting(*mail))
            .set((
                mails::contact_id.eq(recipient.contact.map(|contact| contact.to_string())),
                mails::user_id.eq(recipient.user.map(|user| user.to_string())),
                mails::address.eq(recipient.address.as_str()),
                mails::address_key.eq(recipient.address.key()),
                mails::language.eq(recipient.language.as_str()),
                mails::part.eq(Some(part.as_str())),
                mails::grounds.eq(Some(stored_grounds(&recipient.grounds)?)),
            ))
            .execute(conn)?;
    }
    insert_told(conn, id, &renewal.added, at)
}

/// A mail that is neither sent nor given up.
#[diesel::dsl::auto_type]
fn waiting(mail: MailId) -> _ {
    let id: String = mail.to_string();
    mails::table
        .filter(mails::id.eq(id))
        .filter(mails::sent_at.is_null())
        .filter(mails::failed_at.is_null())
}
