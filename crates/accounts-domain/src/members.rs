//! Members: the users who have a place in an account, what they may do there, and how their place ends.

use std::collections::BTreeSet;
use std::str::FromStr;

use chrono::{DateTime, Utc};

use crate::actor::By;
use crate::address::EmailAddress;
use crate::api_keys::require_person;
use crate::change::Change;
use crate::ids::{ContactId, UserId};
use crate::join_requests::JoinOutcome;
use crate::keys::CategoryKey;
use crate::mail::{Letter, Mail};
use crate::names::DisplayName;
use crate::ownership::TransferOutcome;
use crate::permission::{Permissions, ServicePermission};
use crate::roster::{MemberStatus, Membership, Roster};
use crate::users::User;
use crate::violation::Violation;

/// What is to change of a membership; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemberPatch {
    /// All that the member may do from now on.
    pub permissions: Option<Permissions>,
    /// Held back, or in use again.
    pub status: Option<MemberStatus>,
    /// When the membership ends by itself, or that it does not.
    pub expires_at: Option<Option<DateTime<Utc>>>,
}

/// How a membership stands at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// In use.
    Active,
    /// Held back by somebody, whether its time is over, too, or not.
    Suspended,
    /// Its time is over.
    Expired,
}

impl Standing {
    /// Every standing.
    pub const ALL: [Self; 3] = [Self::Active, Self::Suspended, Self::Expired];

    /// The name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Expired => "expired",
        }
    }
}

/// There is no standing of this name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a membership is active, suspended or expired")]
pub struct UnknownStanding;

impl FromStr for Standing {
    type Err = UnknownStanding;

    fn from_str(name: &str) -> Result<Self, UnknownStanding> {
        Self::ALL
            .into_iter()
            .find(|standing| standing.as_str() == name)
            .ok_or(UnknownStanding)
    }
}

/// Who a member is. It is the person's own, and no part of the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberPerson {
    /// The user.
    pub user: UserId,
    /// How the person is called.
    pub display_name: DisplayName,
    /// The address that the person logs in with.
    pub address: EmailAddress,
    /// When the person last logged in, for whichever account.
    pub last_login_at: Option<DateTime<Utc>>,
    /// Whether the person has a second factor in force.
    pub second_factor: bool,
}

/// What a person is told about a place in an account, had or asked for. Where it goes the person knows, not the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberNews {
    /// Whom it concerns.
    pub user: UserId,
    contact: Option<ContactId>,
    account: String,
    matter: Matter,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Matter {
    Ended,
    Suspended,
    LetIn,
    /// What was asked for.
    NotLetIn(String),
}

impl MemberNews {
    /// The mail to this person.
    pub fn mail(&self, user: &User) -> Mail {
        let (name, account) = (user.display_name.to_string(), self.account.clone());
        Mail {
            contact: self.contact,
            to: user.address.clone(),
            language: user.language,
            letter: match &self.matter {
                Matter::Ended => Letter::MembershipEnded { name, account },
                Matter::Suspended => Letter::MembershipSuspended { name, account },
                Matter::LetIn => Letter::JoinAccepted { name, account },
                // Whoever is no member is not told what the account is called.
                Matter::NotLetIn(asked) => Letter::JoinDeclined {
                    name,
                    asked: asked.clone(),
                },
            },
        }
    }
}

/// What a decision calls for telling members. Nobody is told what they did themselves, and nothing is written
/// about a contact that was erased.
pub fn news(before: &Roster, changes: &[Change]) -> Vec<MemberNews> {
    let erased = |contact: Option<ContactId>| {
        changes
            .iter()
            .any(|change| matches!(change, Change::ContactErased { contact: gone } if Some(*gone) == contact))
    };
    let told = |user: UserId, contact: Option<ContactId>, matter: Matter| MemberNews {
        user,
        contact,
        account: before.account().profile.name.to_string(),
        matter,
    };
    let mut news = Vec::new();
    for change in changes {
        if let Change::MemberRemoved { user, contact } = change
            && !erased(*contact)
        {
            news.push(told(*user, *contact, Matter::Ended));
        } else if let Change::MemberStatusChanged {
            user,
            status: MemberStatus::Suspended,
        } = change
        {
            let contact = before.member(*user).and_then(|member| member.contact);
            news.push(told(*user, contact, Matter::Suspended));
        } else if let Change::JoinRequestEnded { request, user, outcome } = change {
            match outcome {
                JoinOutcome::Accepted => news.push(told(*user, None, Matter::LetIn)),
                JoinOutcome::Declined => {
                    let asked = before.parts().join_requests.get(request);
                    let asked = asked.map(|request| request.asked.to_string()).unwrap_or_default();
                    news.push(told(*user, None, Matter::NotLetIn(asked)));
                }
                JoinOutcome::Withdrawn | JoinOutcome::Joined | JoinOutcome::Expired => {}
            }
        }
    }
    news
}

impl Membership {
    /// How it stands at that moment.
    pub fn standing(&self, at: DateTime<Utc>) -> Standing {
        match self.status {
            MemberStatus::Suspended => Standing::Suspended,
            MemberStatus::Active if self.is_live(at) => Standing::Active,
            MemberStatus::Active => Standing::Expired,
        }
    }
}

impl Roster {
    /// Changes what a member may do, whether the membership is in use, and when it ends. What is so already
    /// changes nothing. An offer to own the account does not outlive what makes its recipient unfit for it.
    ///
    /// # Errors
    /// Needs `members:manage`. Nobody changes the own membership, nor that of somebody who may do more, and nobody
    /// grants what they do not have. The owner stands outside. An end lies ahead.
    pub fn change_member(&self, by: By, user: UserId, patch: &MemberPatch) -> Result<Vec<Change>, Violation> {
        let member = self.require_manager_of(by, user)?;
        if let Some(permissions) = &patch.permissions {
            self.require_grantable(by, permissions)?;
        }
        let expires_at = patch.expires_at.filter(|end| *end != member.expires_at);
        if expires_at.flatten().is_some_and(|end| end <= by.at) {
            return Err(Violation::EndPassed);
        }
        self.require_active()?;
        self.require_no_owner(member)?;
        let permissions = patch.permissions.clone().filter(|asked| *asked != member.permissions);
        let status = patch.status.filter(|asked| *asked != member.status);
        let mut changes = Vec::new();
        if status == Some(MemberStatus::Suspended) || expires_at.flatten().is_some() {
            changes.extend(member.contact.and_then(|contact| self.offer_taken_back(contact, by.at)));
        }
        changes.extend(permissions.map(|permissions| Change::PermissionsChanged { user, permissions }));
        changes.extend(status.map(|status| Change::MemberStatusChanged { user, status }));
        changes.extend(expires_at.map(|expires_at| Change::MemberExpiryChanged { user, expires_at }));
        Ok(changes)
    }

    /// Sets the categories that a member wishes to receive at the address of the log-in (K-07). A wish for a category whose
    /// permission the member lacks is kept and has no effect until the member has the permission: what somebody may do
    /// and what somebody wishes to be told are changed by different people (K-20).
    ///
    /// # Errors
    /// Whoever is somebody else needs `notifications:manage`. Refused for a category that the catalog does not know.
    pub fn subscribe_member(
        &self,
        by: By,
        user: UserId,
        categories: &BTreeSet<CategoryKey>,
    ) -> Result<Vec<Change>, Violation> {
        if !self.is_own_place(by, user) {
            self.require(by, ServicePermission::NotificationsManage)?;
        }
        let member = self.member(user).ok_or(Violation::NotFound)?;
        self.require_known(categories)?;
        self.require_active()?;
        if member.subscriptions == *categories {
            return Ok(Vec::new());
        }
        Ok(vec![Change::MemberSubscriptionsChanged {
            user,
            categories: categories.clone(),
        }])
    }

    /// Whether the actor is this member.
    pub fn is_own_place(&self, by: By, user: UserId) -> bool {
        self.person_of(by).is_some_and(|member| member.user == user)
    }

    /// Ends a membership; the contact stays. It acts on the member's next request.
    ///
    /// # Errors
    /// Needs `members:manage`. Nobody removes themselves (they leave), nor somebody who may do more, nor the owner.
    pub fn remove_member(&self, by: By, user: UserId) -> Result<Vec<Change>, Violation> {
        let member = self.require_manager_of(by, user)?;
        self.require_active()?;
        self.require_no_owner(member)?;
        let contact = member.contact;
        Ok(self.ended(member, by.at, Change::MemberRemoved { user, contact }))
    }

    /// A member gives the own membership up; the contact stays.
    ///
    /// # Errors
    /// The owner stays until the account has another.
    pub fn leave_account(&self, by: By) -> Result<Vec<Change>, Violation> {
        require_person(by)?;
        let user = by.actor.user().ok_or(Violation::OtherPerson)?;
        let member = self.live_member(user, by.at).ok_or(Violation::NotFound)?;
        self.require_active()?;
        self.require_no_owner(member)?;
        let contact = member.contact;
        Ok(self.ended(member, by.at, Change::MemberLeft { user, contact }))
    }

    fn ended(&self, member: &Membership, at: DateTime<Utc>, last: Change) -> Vec<Change> {
        let offer = member.contact.and_then(|contact| self.offer_taken_back(contact, at));
        offer.into_iter().chain([last]).collect()
    }

    /// The end of the transfer that waits for this contact, which can no longer take the account over.
    pub(crate) fn offer_taken_back(&self, contact: ContactId, at: DateTime<Utc>) -> Option<Change> {
        let transfer = self.parts.transfer.as_ref().filter(|transfer| transfer.to == contact)?;
        let outcome = if transfer.expires_at <= at {
            TransferOutcome::Expired
        } else {
            TransferOutcome::Cancelled
        };
        Some(Change::TransferEnded {
            transfer: transfer.id,
            outcome,
        })
    }

    /// The member, for somebody who may change the membership.
    fn require_manager_of(&self, by: By, user: UserId) -> Result<&Membership, Violation> {
        self.require(by, ServicePermission::MembersManage)?;
        let member = self.member(user).ok_or(Violation::NotFound)?;
        if by.actor.user() == Some(user) {
            return Err(Violation::OwnMembership);
        }
        self.require_above(by, member)?;
        Ok(member)
    }

    /// Refuses to touch the membership of somebody who may do more than the actor. The owner is a case apart.
    pub(crate) fn require_above(&self, by: By, member: &Membership) -> Result<(), Violation> {
        let Some(user) = by.actor.user() else { return Ok(()) };
        let own = self.rights_of(by).ok_or(Violation::NotFound)?;
        if user == member.user || self.is_owner(member.user) || own.covers(&member.permissions) {
            Ok(())
        } else {
            Err(Violation::MemberHoldsMore)
        }
    }

    fn require_no_owner(&self, member: &Membership) -> Result<(), Violation> {
        if self.is_owner(member.user) {
            Err(Violation::MemberIsOwner)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests;
