//! The account review (U-31, U-32): what somebody should look at now and then, who may still enter and who is told, and
//! the act of having looked.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use crate::actor::By;
use crate::address::EmailAddress;
use crate::change::Change;
use crate::ids::{ContactId, InvitationId, ReviewId, UserId};
use crate::keys::{CategoryKey, RoleKey};
use crate::members::Standing;
use crate::names::ReviewNote;
use crate::permission::ServicePermission;
use crate::recipients::{Readers, Step};
use crate::roster::{Membership, Roster};
use crate::violation::Violation;

/// For how long a member does not log in until the review asks whether the membership is still wanted.
pub const IDLE_AFTER: TimeDelta = TimeDelta::days(90);

/// Which of the words for shared mailboxes mean those who pay the invoices. Whether a word means a shared mailbox at all, the
/// catalog says.
const BILLING_WORDS: [&str; 13] = [
    "accounting",
    "accounts",
    "billing",
    "compta",
    "comptabilite",
    "facturation",
    "factures",
    "finance",
    "invoice",
    "invoices",
    "invoicing",
    "payables",
    "payments",
];

/// What a review can find. The name never changes; new ones may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FindingCode {
    /// The owner's address is that of a billing department (U-33).
    OwnerIsBillingAddress,
    /// The owner's address is a shared mailbox, and no named person's (U-26).
    OwnerIsSharedMailbox,
    /// Members log in with the address of a shared mailbox, which several people may read (U-30).
    MemberIsSharedMailbox,
    /// One person holds everything: nobody stands in.
    OnePersonHoldsEverything,
    /// Roles have no primary holder.
    RoleVacant,
    /// Contacts hold roles though mail to them was never proven to arrive.
    RoleHolderUnverified,
    /// Contacts without a role were never verified.
    ContactNeverVerified,
    /// Notices of these categories reach nobody.
    CategoryWithoutRecipient,
    /// Members have not logged in for [`IDLE_AFTER`].
    MemberIdle,
    /// Nobody answered these invitations in time, and nobody has reviewed the account since.
    InvitationExpired,
    /// Nobody has reviewed the account for longer than the catalog allows (U-31).
    ReviewOverdue,
}

impl FindingCode {
    /// Every code, in the order in which findings are told.
    pub const ALL: [Self; 11] = [
        Self::OwnerIsBillingAddress,
        Self::OwnerIsSharedMailbox,
        Self::MemberIsSharedMailbox,
        Self::OnePersonHoldsEverything,
        Self::RoleVacant,
        Self::RoleHolderUnverified,
        Self::ContactNeverVerified,
        Self::CategoryWithoutRecipient,
        Self::MemberIdle,
        Self::InvitationExpired,
        Self::ReviewOverdue,
    ];

    /// The name in the API and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OwnerIsBillingAddress => "owner_is_billing_address",
            Self::OwnerIsSharedMailbox => "owner_is_shared_mailbox",
            Self::MemberIsSharedMailbox => "member_is_shared_mailbox",
            Self::OnePersonHoldsEverything => "one_person_holds_everything",
            Self::RoleVacant => "role_vacant",
            Self::RoleHolderUnverified => "role_holder_unverified",
            Self::ContactNeverVerified => "contact_never_verified",
            Self::CategoryWithoutRecipient => "category_without_recipient",
            Self::MemberIdle => "member_idle",
            Self::InvitationExpired => "invitation_expired",
            Self::ReviewOverdue => "review_overdue",
        }
    }

    /// The code of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == name)
    }
}

/// One thing that a finding is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Matter {
    /// A contact.
    Contact(ContactId),
    /// A member.
    Member(UserId),
    /// A role of the catalog.
    Role(RoleKey),
    /// A category of the catalog.
    Category(CategoryKey),
    /// An invitation.
    Invitation(InvitationId),
}

impl Matter {
    /// What kind of thing it is, in the API and in the database.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Contact(_) => "contact",
            Self::Member(_) => "member",
            Self::Role(_) => "role",
            Self::Category(_) => "category",
            Self::Invitation(_) => "invitation",
        }
    }

    /// Its id or key.
    pub fn id(&self) -> String {
        match self {
            Self::Contact(id) => id.to_string(),
            Self::Member(id) => id.to_string(),
            Self::Role(key) => key.to_string(),
            Self::Category(key) => key.to_string(),
            Self::Invitation(id) => id.to_string(),
        }
    }

    /// The thing of that kind and id.
    pub fn read(kind: &str, id: &str) -> Option<Self> {
        match kind {
            "contact" => id.parse().ok().map(Self::Contact),
            "member" => id.parse().ok().map(Self::Member),
            "role" => id.parse().ok().map(Self::Role),
            "category" => id.parse().ok().map(Self::Category),
            "invitation" => id.parse().ok().map(Self::Invitation),
            _ => None,
        }
    }
}

/// Something that should be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub code: FindingCode,
    /// What it is about, in order; nothing where it is the account itself.
    pub about: Vec<Matter>,
}

/// What a review looks at beside the account: its members' persons, and the review before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Evidence {
    /// Who the members are.
    pub readers: Readers,
    /// When each last logged in, for whichever account; nothing for who never did.
    pub logins: BTreeMap<UserId, DateTime<Utc>>,
    /// When the account was last reviewed.
    pub reviewed_at: Option<DateTime<Utc>>,
}

/// Somebody has looked at the account as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordReview {
    /// The review's id.
    pub id: ReviewId,
    /// What the person has to say about it.
    pub note: Option<ReviewNote>,
}

/// A review that was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// Its id.
    pub id: ReviewId,
    /// When it was done.
    pub at: DateTime<Utc>,
    /// The contact that did it, where the person is one of the account: with it the note is erased.
    pub contact: Option<ContactId>,
    /// What stood when it was done.
    pub findings: Vec<Finding>,
    /// What the person had to say about it.
    pub note: Option<ReviewNote>,
    /// When the next one was due, by the catalog of that time.
    pub due_at: DateTime<Utc>,
}

impl Roster {
    /// What should be looked at in this account at that moment, what matters most first. What a more particular finding
    /// names stands in no other: a billing mailbox is not told again as a shared one, nor the unverified holder of a role as
    /// an unverified contact.
    pub fn findings(&self, evidence: &Evidence, at: DateTime<Utc>) -> Vec<Finding> {
        let found = |code: FindingCode| {
            let about = self.matters(code, evidence, at)?;
            Some(Finding { code, about })
        };
        FindingCode::ALL.into_iter().filter_map(found).collect()
    }

    /// When the account is to be reviewed next: so many days after it was reviewed last, or else opened.
    pub fn review_due(&self, reviewed_at: Option<DateTime<Utc>>) -> DateTime<Utc> {
        let days = self.catalog().policy().review_after_days;
        reviewed_at.unwrap_or(self.account().created_at) + TimeDelta::days(days.into())
    }

    /// Records that somebody has reviewed the account, with what stood at that moment (U-31).
    ///
    /// # Errors
    /// Needs `review:manage` and an active account.
    pub fn review(&self, by: By, command: &RecordReview, evidence: &Evidence) -> Result<Vec<Change>, Violation> {
        self.require(by, ServicePermission::ReviewManage)?;
        self.require_active()?;
        let member = by.actor.user().and_then(|user| self.member(user));
        let review = Review {
            id: command.id,
            at: by.at,
            contact: member.and_then(|member| member.contact),
            findings: self.findings(evidence, by.at),
            note: command.note.clone(),
            due_at: self.review_due(Some(by.at)),
        };
        Ok(vec![Change::AccountReviewed {
            review: Box::new(review),
            actor: by.actor,
        }])
    }

    /// What a finding of this code is about; `None` where there is nothing to be found.
    fn matters(&self, code: FindingCode, evidence: &Evidence, at: DateTime<Utc>) -> Option<Vec<Matter>> {
        let matters: Vec<Matter> = match code {
            FindingCode::OwnerIsBillingAddress => self.shared_owner(true).collect(),
            FindingCode::OwnerIsSharedMailbox => self.shared_owner(false).collect(),
            FindingCode::MemberIsSharedMailbox => self.shared_log_ins(evidence).map(Matter::Member).collect(),
            FindingCode::OnePersonHoldsEverything => self.sole_bearer(at).map(Matter::Contact).into_iter().collect(),
            FindingCode::RoleVacant => {
                let keys = self.catalog().roles().iter().map(|role| &role.key);
                let vacant = keys.filter(|role| self.primary(role).is_none());
                vacant.cloned().map(Matter::Role).collect()
            }
            FindingCode::RoleHolderUnverified => self.unverified(true).collect(),
            FindingCode::ContactNeverVerified => self.unverified(false).collect(),
            FindingCode::CategoryWithoutRecipient => self.unheard(evidence, at).map(Matter::Category).collect(),
            FindingCode::MemberIdle => {
                let idle = |member: &&Membership| is_idle(member, evidence, at);
                let members = self.members().filter(idle);
                members.map(|member| Matter::Member(member.user)).collect()
            }
            FindingCode::InvitationExpired => self.unanswered(evidence, at).map(Matter::Invitation).collect(),
            FindingCode::ReviewOverdue => {
                let overdue = self.review_due(evidence.reviewed_at) <= at;
                return overdue.then(Vec::new);
            }
        };
        (!matters.is_empty()).then_some(matters)
    }

    /// The word of the catalog that makes this the address of a shared mailbox. What follows a `+` (RFC 5233) is the same
    /// mailbox.
    fn shared_word<'a>(&self, address: &'a EmailAddress) -> Option<&'a str> {
        let local = address.local_part();
        let mailbox = local.split_once('+').map_or(local, |(mailbox, _)| mailbox);
        let words = &self.catalog().policy().shared_mailbox_words;
        words.iter().any(|word| word == mailbox).then_some(mailbox)
    }

    /// The owner, where its main address is a shared mailbox: that of a billing department, or another.
    fn shared_owner(&self, billing: bool) -> impl Iterator<Item = Matter> {
        let owner = self.contact(self.owner()).ok();
        let shared = owner.filter(|owner| {
            let word = self.shared_word(&owner.address.email);
            word.is_some_and(|word| BILLING_WORDS.contains(&word) == billing)
        });
        shared.map(|owner| Matter::Contact(owner.id)).into_iter()
    }

    /// The members who log in with the address of a shared mailbox.
    fn shared_log_ins(&self, evidence: &Evidence) -> impl Iterator<Item = UserId> {
        let readers = self.members().filter_map(|member| evidence.readers.get(&member.user));
        let shared = readers.filter(|reader| self.shared_word(&reader.address).is_some());
        shared.map(|reader| reader.user)
    }

    /// The one contact that holds each role, where nobody else holds any; for a role without a holder the owner stands in.
    /// Where the catalog has fewer than two roles, to hold everything is to be the only contact, with nobody else who enters.
    fn sole_bearer(&self, at: DateTime<Utc>) -> Option<ContactId> {
        let roles = self.catalog().roles();
        if roles.len() < 2 {
            let live = self.members().filter(|member| member.is_live(at)).count();
            return (self.contacts().count() == 1 && live <= 1).then_some(self.owner());
        }
        let mut bearers = BTreeSet::new();
        for role in roles {
            let holders = self.holders(&role.key);
            if holders.is_empty() {
                bearers.insert(self.owner());
            }
            bearers.extend(holders);
        }
        bearers.pop_first().filter(|_| bearers.is_empty())
    }

    /// The contacts that were never verified: those that hold a role, or those that hold none.
    fn unverified(&self, holders: bool) -> impl Iterator<Item = Matter> {
        let unverified = self.contacts().filter(|contact| !contact.is_verified());
        unverified
            .filter(move |contact| self.roles_of(contact.id).is_empty() != holders)
            .map(|contact| Matter::Contact(contact.id))
    }

    /// The categories of which nobody is told. Where contacts hear of their own tickets alone, somebody has to be there who
    /// would.
    fn unheard(&self, evidence: &Evidence, at: DateTime<Utc>) -> impl Iterator<Item = CategoryKey> {
        let reaches_nobody = move |category: &CategoryKey| {
            let told = self.recipients(category, None, &evidence.readers, at);
            told.is_ok_and(|told| told.step == Step::Nobody) && self.hearers(category, at).is_empty()
        };
        let keys = self.catalog().categories().iter().map(|category| &category.key);
        keys.filter(move |category| reaches_nobody(category)).cloned()
    }

    /// The invitations that nobody answered in time, but for those to somebody who became a member in another way. Nothing
    /// but another invitation can be done about one that is over, so whoever has reviewed the account since has seen it.
    fn unanswered(&self, evidence: &Evidence, at: DateTime<Utc>) -> impl Iterator<Item = InvitationId> {
        let members: BTreeSet<&str> = evidence.readers.values().map(|reader| reader.address.key()).collect();
        let is_new = |end: DateTime<Utc>| evidence.reviewed_at.is_none_or(|reviewed_at| reviewed_at < end);
        self.invitations()
            .filter(move |invitation| invitation.has_lapsed(at) && is_new(invitation.expires_at))
            .filter(move |invitation| !members.contains(invitation.address.key()))
            .map(|invitation| invitation.id)
    }
}

/// Whether the member could log in and has not for [`IDLE_AFTER`]. Who never did counts from the beginning of the membership
/// on.
fn is_idle(member: &Membership, evidence: &Evidence, at: DateTime<Utc>) -> bool {
    let last = evidence.logins.get(&member.user).copied();
    let last = last.unwrap_or(member.created_at).max(member.created_at);
    member.standing(at) == Standing::Active && at - last >= IDLE_AFTER
}

#[cfg(test)]
mod tests;
