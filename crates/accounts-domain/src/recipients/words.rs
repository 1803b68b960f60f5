//! What is said of who is told: the grounds, what stands against them, and the steps.

use std::str::FromStr;

use crate::ids::{ContactId, UserId};
use crate::keys::RoleKey;

/// Who opened the item that a notice is about: a ticket, say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opener {
    /// A contact, by mail.
    Contact(ContactId),
    /// A user, in the client area or by mail.
    User(UserId),
}

impl Opener {
    /// The id as text.
    pub fn id(self) -> String {
        match self {
            Self::Contact(contact) => contact.to_string(),
            Self::User(user) => user.to_string(),
        }
    }
}

impl FromStr for Opener {
    type Err = UnknownOpener;

    fn from_str(text: &str) -> Result<Self, UnknownOpener> {
        let contact = text.parse().map(Self::Contact);
        contact
            .or_else(|_| text.parse().map(Self::User))
            .map_err(|_| UnknownOpener)
    }
}

/// The text is neither the id of a contact nor that of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("neither the id of a contact nor that of a user")]
pub struct UnknownOpener;

/// Somebody who may be told something: a contact at its main address, or a member at the address of the log-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Listener {
    /// A contact.
    Contact(ContactId),
    /// A member.
    Member(UserId),
}

/// Why somebody is told, the strongest ground first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ground {
    /// The contact is the primary holder of a role that receives the category (O-08).
    PrimaryHolder(RoleKey),
    /// The contact owns the account (U-34).
    Owner,
    /// The contact holds a role that receives the category.
    RoleHolder(RoleKey),
    /// The contact or the member wishes to be told (U-22).
    Subscriber,
    /// The contact or the member opened the item.
    Opener,
}

impl Ground {
    /// The kind's name in the API.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::PrimaryHolder(_) => "primary_holder",
            Self::Owner => "owner",
            Self::RoleHolder(_) => "role_holder",
            Self::Subscriber => "subscriber",
            Self::Opener => "opener",
        }
    }

    /// The role, where one is the reason.
    pub fn role(&self) -> Option<&RoleKey> {
        match self {
            Self::PrimaryHolder(role) | Self::RoleHolder(role) => Some(role),
            Self::Owner | Self::Subscriber | Self::Opener => None,
        }
    }

    /// The ground of that kind, and of that role where it has one.
    pub fn from_parts(kind: &str, role: Option<RoleKey>) -> Option<Self> {
        match (kind, role) {
            ("primary_holder", Some(role)) => Some(Self::PrimaryHolder(role)),
            ("role_holder", Some(role)) => Some(Self::RoleHolder(role)),
            ("owner", None) => Some(Self::Owner),
            ("subscriber", None) => Some(Self::Subscriber),
            ("opener", None) => Some(Self::Opener),
            _ => None,
        }
    }
}

/// Why somebody is not told who has a ground to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exclusion {
    /// The category does not go to those who wish to receive it.
    NotInAudience,
    /// Whoever opened the item does not wish to be told.
    NotSubscribed,
    /// A contact is told of what it opened itself alone (K-16).
    NotOwnItem,
    /// Mail to the contact's address was never proven to arrive.
    Unverified,
    /// Mail to the address came back for good.
    Bounced,
    /// The reader called a mail to the address unwanted.
    Complained,
    /// The membership is held back.
    MemberSuspended,
    /// The membership has ended by itself.
    MembershipExpired,
    /// The provider holds the log-in back.
    UserSuspended,
    /// The member has not the permission that the category asks for (K-23).
    LacksPermission,
}

impl Exclusion {
    /// Every exclusion, in the order in which they are looked at.
    pub const ALL: [Self; 10] = [
        Self::NotInAudience,
        Self::NotSubscribed,
        Self::NotOwnItem,
        Self::Unverified,
        Self::Bounced,
        Self::Complained,
        Self::MemberSuspended,
        Self::MembershipExpired,
        Self::UserSuspended,
        Self::LacksPermission,
    ];

    /// The name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotInAudience => "not_in_audience",
            Self::NotSubscribed => "not_subscribed",
            Self::NotOwnItem => "not_own_item",
            Self::Unverified => "unverified",
            Self::Bounced => "bounced",
            Self::Complained => "complained",
            Self::MemberSuspended => "member_suspended",
            Self::MembershipExpired => "membership_expired",
            Self::UserSuspended => "user_suspended",
            Self::LacksPermission => "lacks_permission",
        }
    }
}

/// The step that found those to whom a notice is addressed. The first that finds somebody counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// The primary holder of a role that receives the category.
    PrimaryHolder,
    /// The owner, who is in the audience.
    Owner,
    /// The other holders of such a role.
    RoleHolders,
    /// Those who wish to be told.
    Subscribers,
    /// Nobody of the audience: the holders of the catalog's fallback role.
    FallbackRole,
    /// Nobody of the audience, nor of the fallback role: the owner.
    FallbackOwner,
    /// Nobody at all.
    Nobody,
}

impl Step {
    /// The step of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.as_str() == name)
    }

    /// Every step, in the order in which they are taken.
    pub const ALL: [Self; 7] = [
        Self::PrimaryHolder,
        Self::Owner,
        Self::RoleHolders,
        Self::Subscribers,
        Self::FallbackRole,
        Self::FallbackOwner,
        Self::Nobody,
    ];

    /// The name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PrimaryHolder => "primary_holder",
            Self::Owner => "owner",
            Self::RoleHolders => "role_holders",
            Self::Subscribers => "subscribers",
            Self::FallbackRole => "fallback_role",
            Self::FallbackOwner => "fallback_owner",
            Self::Nobody => "nobody",
        }
    }
}
