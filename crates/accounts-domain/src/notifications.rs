//! Notices: what is said to a category, to whom it goes, and to whom it still goes at the moment of sending.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use crate::actor::By;
use crate::address::EmailAddress;
use crate::catalog::Category;
use crate::change::Change;
use crate::ids::{ContactId, IntegrationId, MailId, NotificationId, UserId};
use crate::keys::CategoryKey;
use crate::language::Language;
use crate::names::{NoticeSubject, NoticeText};
use crate::permission::ServicePermission;
use crate::recipients::{Exclusion, Ground, Listener, Opener, Readers, Recipient, Resolution, Step};
use crate::roster::{AccountStatus, Roster};
use crate::violation::Violation;

/// What a notice says in one language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeWords {
    /// What stands above it.
    pub subject: NoticeSubject,
    /// The text, in paragraphs.
    pub text: NoticeText,
}

/// What a notice says, in one language at least.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeContent(BTreeMap<Language, NoticeWords>);

impl NoticeContent {
    /// The words by language. Nothing where there are none.
    pub fn new(words: BTreeMap<Language, NoticeWords>) -> Option<Self> {
        (!words.is_empty()).then_some(Self(words))
    }

    /// The words for a reader of this language: in that one, or else in the first of those that there are; and in which
    /// language they are.
    pub fn for_reader(&self, language: Language) -> Option<(Language, &NoticeWords)> {
        let own = self.0.get_key_value(&language);
        own.or_else(|| self.0.first_key_value())
            .map(|(language, words)| (*language, words))
    }

    /// The words by language.
    pub fn words(&self) -> &BTreeMap<Language, NoticeWords> {
        &self.0
    }
}

/// Whose notice it is, and what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// An integration of the provider has something to say.
    Notice {
        /// The integration.
        from: IntegrationId,
        /// What it says.
        content: NoticeContent,
    },
    /// A member wants to see whether notices arrive; the words are the service's own.
    Test,
}

impl Message {
    /// The kind's name in the API and in the database.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Notice { .. } => "notice",
            Self::Test => "test",
        }
    }
}

/// A notice to a category of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// Its id.
    pub id: NotificationId,
    /// To whom it goes.
    pub category: CategoryKey,
    /// Who opened what it is about.
    pub opened_by: Option<Opener>,
    /// What it says.
    pub message: Message,
    /// The step that found whom it is addressed to when it was queued.
    pub step: Step,
    /// When it was queued.
    pub created_at: DateTime<Utc>,
}

/// Whether somebody is addressed or gets a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The notice is addressed to the recipient.
    To,
    /// The recipient gets a copy.
    Cc,
}

impl Part {
    /// The name in the API and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::To => "to",
            Self::Cc => "cc",
        }
    }

    /// The part of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::To, Self::Cc].into_iter().find(|part| part.as_str() == name)
    }
}

/// One recipient's part in a notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Who, where, in which language, and why.
    pub recipient: Recipient,
    /// Addressed, or by a copy.
    pub part: Part,
}

/// What is known of one recipient's mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The mail.
    pub mail: MailId,
    /// The contact that it goes to.
    pub contact: Option<ContactId>,
    /// The member that it goes to.
    pub user: Option<UserId>,
    /// Where it goes.
    pub address: EmailAddress,
    /// In which language.
    pub language: Language,
    /// Addressed, or by a copy.
    pub part: Part,
    /// Why.
    pub grounds: BTreeSet<Ground>,
    /// What has become of it.
    pub state: DeliveryState,
}

/// What has become of a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryState {
    /// It waits, or is tried again later.
    Waiting,
    /// It is on its way at this moment, to whom it was worked out for then.
    Underway,
    /// A server has accepted it.
    Sent,
    /// It is given up.
    Failed,
    /// The recipient was none any more when it was to be sent.
    Withdrawn(Withdrawal),
}

impl DeliveryState {
    /// Whether the mail is out of reach: it has left, is leaving, or is given up for now.
    fn is_out_of_reach(&self) -> bool {
        match self {
            Self::Underway | Self::Sent | Self::Failed => true,
            Self::Waiting | Self::Withdrawn(_) => false,
        }
    }
}

/// Why somebody who was to be told is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Withdrawal {
    /// There is no reason any more to tell this one.
    NoGround,
    /// There is one, and something stands against it.
    Excluded(Exclusion),
    /// The account was closed.
    AccountClosed,
}

impl Withdrawal {
    /// The name in the API and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoGround => "no_reason",
            Self::Excluded(exclusion) => exclusion.as_str(),
            Self::AccountClosed => "account_closed",
        }
    }

    /// The withdrawal of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        let all = Exclusion::ALL.into_iter().map(Self::Excluded);
        all.chain([Self::NoGround, Self::AccountClosed])
            .find(|withdrawal| withdrawal.as_str() == name)
    }
}

/// For how long a notice goes to everybody who comes in after it was queued. One that an operator has tried again later is no news
/// to them; then they only take the places of those who are told no more.
pub const OPEN_FOR: TimeDelta = TimeDelta::days(3);

/// A notice that is to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendNotice {
    /// The id that it gets.
    pub id: NotificationId,
    /// To whom it goes.
    pub category: CategoryKey,
    /// Who opened what it is about.
    pub opened_by: Option<Opener>,
    /// Who sends it.
    pub from: IntegrationId,
    /// What it says.
    pub content: NoticeContent,
}

/// What is left to do for a notice at the moment of sending.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Renewal {
    /// Mails that go to nobody any more.
    pub withdrawn: Vec<(MailId, Withdrawal)>,
    /// Mails that go elsewhere, in another language, or for other reasons than when they were written.
    pub readdressed: Vec<(MailId, Told)>,
    /// Recipients who were none when it was queued.
    pub added: Vec<Told>,
}

impl Renewal {
    /// Whether all is as it was.
    pub fn is_empty(&self) -> bool {
        self.withdrawn.is_empty() && self.readdressed.is_empty() && self.added.is_empty()
    }
}

impl Roster {
    /// Sends a notice of an integration to a category. A suspended account is told, too: what it is suspended for is
    /// worth a notice. Whether anybody receives it is in the change.
    ///
    /// # Errors
    /// [`Violation::AccountClosed`]; [`Violation::UnknownCategory`]; [`Violation::UnknownOpener`].
    pub fn send_notice(
        &self,
        command: &SendNotice,
        readers: &Readers,
        at: DateTime<Utc>,
    ) -> Result<Vec<Change>, Violation> {
        if self.account().status == AccountStatus::Closed {
            return Err(Violation::AccountClosed);
        }
        if !command.opened_by.is_none_or(|opener| self.knows(opener)) {
            return Err(Violation::UnknownOpener);
        }
        let resolution = self.recipients(&command.category, command.opened_by, readers, at)?;
        let message = Message::Notice {
            from: command.from,
            content: command.content.clone(),
        };
        Ok(vec![queued(command.id, message, command.opened_by, resolution, at)])
    }

    /// Sends a test message to everybody who would receive a notice of the category.
    ///
    /// # Errors
    /// Needs `notifications:manage`; [`Violation::UnknownCategory`]; refused for a suspended account.
    pub fn send_test(
        &self,
        by: By,
        id: NotificationId,
        category: &CategoryKey,
        readers: &Readers,
    ) -> Result<Vec<Change>, Violation> {
        self.require(by, ServicePermission::NotificationsManage)?;
        let resolution = self.recipients(category, None, readers, by.at)?;
        self.require_active()?;
        Ok(vec![queued(id, Message::Test, None, resolution, by.at)])
    }

    /// To whom a notice goes at the moment of sending, beside those it went to already. Somebody who was to be told and
    /// has no part any more is not; who has come in meanwhile is, after [`OPEN_FOR`] in such a place alone; whoever has
    /// another address is told there.
    pub fn renew(
        &self,
        notification: &Notification,
        deliveries: &[Delivery],
        readers: &Readers,
        at: DateTime<Utc>,
    ) -> Renewal {
        let waiting = deliveries
            .iter()
            .filter(|delivery| delivery.state == DeliveryState::Waiting);
        if self.account().status == AccountStatus::Closed {
            return Renewal {
                withdrawn: waiting
                    .map(|delivery| (delivery.mail, Withdrawal::AccountClosed))
                    .collect(),
                ..Renewal::default()
            };
        }
        let opened_by = notification.opened_by.filter(|opener| self.knows(*opener));
        let Ok(resolution) = self.recipients(&notification.category, opened_by, readers, at) else {
            let gone = |delivery: &Delivery| (delivery.mail, Withdrawal::NoGround);
            return Renewal {
                withdrawn: waiting.map(gone).collect(),
                ..Renewal::default()
            };
        };
        let mut renewal = Renewal::default();
        let mut left: Vec<Told> = told(&resolution);
        // Whoever was told, or is being told, is not told again, and so takes nobody else's place.
        for other in deliveries.iter().filter(|delivery| delivery.state.is_out_of_reach()) {
            left.retain(|told| !other.is_to(&told.recipient));
        }
        for delivery in waiting {
            match left.iter().position(|told| delivery.is_to(&told.recipient)) {
                Some(place) => {
                    let told = left.remove(place);
                    if !delivery.stands_as(&told) {
                        renewal.readdressed.push((delivery.mail, told));
                    }
                }
                None => renewal
                    .withdrawn
                    .push((delivery.mail, why_withdrawn(delivery, &resolution))),
            }
        }
        if at >= notification.created_at + OPEN_FOR {
            left.truncate(renewal.withdrawn.len());
        }
        renewal.added = left;
        renewal
    }

    /// Takes the wish to receive a category back, for whoever followed the link in a notice. What is so already changes
    /// nothing. It holds for suspended accounts, too: nobody has to go on receiving what they do not want (RFC 8058).
    ///
    /// # Errors
    /// [`Violation::NotFound`] for somebody who is not there any more, or for a category whose notices do not let
    /// anybody unsubscribe.
    pub fn unsubscribe(&self, listener: Listener, category: &CategoryKey) -> Result<Vec<Change>, Violation> {
        let policy = self.catalog().category(category).ok_or(Violation::NotFound)?;
        if policy.mandatory {
            return Err(Violation::NotFound);
        }
        let without = |wishes: &BTreeSet<CategoryKey>| {
            let mut left = wishes.clone();
            left.remove(category).then_some(left)
        };
        let change = match listener {
            Listener::Contact(id) => {
                let left = without(&self.contact(id)?.subscriptions);
                left.map(|categories| Change::SubscriptionsChanged {
                    contact: id,
                    categories,
                })
            }
            Listener::Member(user) => {
                let left = without(&self.member(user).ok_or(Violation::NotFound)?.subscriptions);
                left.map(|categories| Change::MemberSubscriptionsChanged { user, categories })
            }
        };
        Ok(change.into_iter().collect())
    }
}

impl Delivery {
    /// Whether this mail is the recipient's: its contact, its member, or its address.
    fn is_to(&self, recipient: &Recipient) -> bool {
        let contact = self.contact.is_some() && self.contact == recipient.contact;
        let user = self.user.is_some() && self.user == recipient.user;
        contact || user || self.address.key() == recipient.address.key()
    }

    fn stands_as(&self, told: &Told) -> bool {
        let Told { recipient, part } = told;
        self.contact == recipient.contact
            && self.user == recipient.user
            && self.address == recipient.address
            && self.language == recipient.language
            && self.part == *part
            && self.grounds == recipient.grounds
    }
}

/// Whether the recipient may take the wish back by a link in the notice: the category is not mandatory, and the wish is
/// all that the notice is sent for. What comes with a role or with owning the account ends with that.
pub fn may_unsubscribe(category: &Category, grounds: &BTreeSet<Ground>) -> bool {
    !category.mandatory
        && grounds.contains(&Ground::Subscriber)
        && grounds
            .iter()
            .all(|ground| matches!(ground, Ground::Subscriber | Ground::Opener))
}

fn queued(
    id: NotificationId,
    message: Message,
    opened_by: Option<Opener>,
    resolution: Resolution,
    at: DateTime<Utc>,
) -> Change {
    let told = told(&resolution);
    let notification = Notification {
        id,
        category: resolution.category,
        opened_by,
        message,
        step: resolution.step,
        created_at: at,
    };
    Change::NotificationQueued {
        notification: Box::new(notification),
        told,
    }
}

fn told(resolution: &Resolution) -> Vec<Told> {
    let with = |part: Part| {
        move |recipient: &Recipient| Told {
            recipient: recipient.clone(),
            part,
        }
    };
    let to = resolution.to.iter().map(with(Part::To));
    to.chain(resolution.cc.iter().map(with(Part::Cc))).collect()
}

fn why_withdrawn(delivery: &Delivery, resolution: &Resolution) -> Withdrawal {
    let is_this = |listener: Listener| match listener {
        Listener::Contact(contact) => delivery.contact == Some(contact),
        Listener::Member(user) => delivery.user == Some(user),
    };
    let excluded = resolution.excluded.iter().find(|excluded| is_this(excluded.listener));
    excluded.map_or(Withdrawal::NoGround, |excluded| {
        Withdrawal::Excluded(excluded.exclusion)
    })
}

#[cfg(test)]
mod tests;
