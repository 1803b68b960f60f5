//! An account with all that its rules look at: contacts, roles, members, links and a pending transfer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::actor::{Actor, By};
use crate::address::EmailAddress;
use crate::api_keys::ApiKey;
use crate::catalog::{Catalog, Role};
use crate::deliverability::Deliverability;
use crate::ids::{AccountId, ApiKeyId, ContactId, InvitationId, JoinRequestId, TransferId, UserId, VerificationId};
use crate::invitations::Invitation;
use crate::join_requests::JoinRequest;
use crate::keys::{CategoryKey, RoleKey};
use crate::language::Language;
use crate::names::{AccountName, AddressLine, DisplayName, ExternalId, JobTitle, PersonName, TaxId};
use crate::permission::{Permissions, ServicePermission};
use crate::phone::{Phone, PhoneNumber};
use crate::violation::Violation;

/// Whether an account is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountStatus {
    /// Everything works.
    Active,
    /// Reads answer, writes are refused.
    Suspended,
    /// Only operators and exports reach it.
    Closed,
}

impl AccountStatus {
    /// Every status.
    pub const ALL: [Self; 3] = [Self::Active, Self::Suspended, Self::Closed];

    /// The name in the API and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Closed => "closed",
        }
    }

    /// The status of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }
}

/// Where a company gets its post.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PostalAddress {
    /// Street, house, floor: one to four lines.
    pub lines: Vec<AddressLine>,
    /// The postal code.
    pub postal_code: Option<AddressLine>,
    /// The town.
    pub city: Option<AddressLine>,
    /// State, province or department.
    pub region: Option<AddressLine>,
    /// ISO 3166-1 alpha-2, in upper case.
    pub country: String,
}

/// What an account says about its organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountProfile {
    /// The organisation's name.
    pub name: AccountName,
    /// The language of what is written to the organisation.
    pub language: Language,
    /// The switchboard.
    pub phone: Option<PhoneNumber>,
    /// Where post goes.
    pub postal_address: Option<PostalAddress>,
    /// The company's tax number.
    pub tax_id: Option<TaxId>,
}

/// A customer organisation at the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// What it says about itself.
    pub profile: AccountProfile,
    /// The provider's customer number.
    pub external_id: Option<ExternalId>,
    /// Whether it is in use.
    pub status: AccountStatus,
    /// The operator's own limit for this account, 1 to 1,000; without one the catalog's holds.
    pub contact_limit: Option<u16>,
    /// Whether only members with a second factor enter.
    pub second_factor_required: bool,
    /// How many decisions have changed the account; the first is 1.
    pub revision: i64,
    /// How many decisions have changed the account's own row.
    pub version: i64,
    /// When it was opened.
    pub created_at: DateTime<Utc>,
    /// When its own row last changed.
    pub updated_at: DateTime<Utc>,
}

/// What a contact says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactProfile {
    /// How the contact is called.
    pub display_name: DisplayName,
    /// The first name.
    pub first_name: Option<PersonName>,
    /// The last name.
    pub last_name: Option<PersonName>,
    /// The position.
    pub title: Option<JobTitle>,
    /// The language of mails to this contact.
    pub language: Language,
    /// Telephone numbers, at most [`ContactProfile::PHONES`].
    pub phones: Vec<Phone>,
}

impl ContactProfile {
    /// The greatest number of telephone numbers.
    pub const PHONES: usize = 10;
}

/// An address of a contact and since when it is proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactAddress {
    /// The address.
    pub email: EmailAddress,
    /// When mail to it was proven to arrive.
    pub verified_at: Option<DateTime<Utc>>,
    /// Whether mail to it arrives, as was reported since.
    pub deliverability: Deliverability,
}

impl ContactAddress {
    /// An address that was written down.
    pub fn unproven(email: EmailAddress) -> Self {
        Self {
            email,
            verified_at: None,
            deliverability: Deliverability::Unknown,
        }
    }

    /// An address to which mail was proven to arrive.
    pub fn proven(email: EmailAddress, at: DateTime<Utc>) -> Self {
        Self {
            verified_at: Some(at),
            ..Self::unproven(email)
        }
    }

    /// Whether there is something to prove: that mail arrives at all, or that it does so again.
    pub fn lacks_proof(&self) -> bool {
        self.verified_at.is_none() || self.deliverability.exclusion().is_some()
    }
}

/// A person or a mailbox that the provider knows for an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// Its id.
    pub id: ContactId,
    /// Names, language, telephones.
    pub profile: ContactProfile,
    /// The main address, which is in force.
    pub address: ContactAddress,
    /// The address that replaces the main one once it is verified.
    pub pending_address: Option<EmailAddress>,
    /// More addresses, by key, at most [`Contact::MORE_ADDRESSES`].
    pub more_addresses: BTreeMap<String, ContactAddress>,
    /// The permissions of the log-in that was asked for, until verification grants it.
    pub login_request: Option<Permissions>,
    /// The categories that this contact wishes to receive beyond those of its roles.
    pub subscriptions: BTreeSet<CategoryKey>,
    /// How many decisions have changed what a reader of this contact sees.
    pub version: i64,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When what a reader sees last changed.
    pub updated_at: DateTime<Utc>,
}

impl Contact {
    /// The greatest number of addresses beside the main one.
    pub const MORE_ADDRESSES: usize = 10;

    /// Whether mail to the main address was proven to arrive.
    pub fn is_verified(&self) -> bool {
        self.address.verified_at.is_some()
    }

    /// The main address or one of the more addresses, by its key.
    pub fn address_of(&self, key: &str) -> Option<&ContactAddress> {
        let main = Some(&self.address).filter(|main| main.email.key() == key);
        main.or_else(|| self.more_addresses.get(key))
    }

    /// Every address of the contact: main, pending, more.
    pub fn addresses(&self) -> impl Iterator<Item = &EmailAddress> {
        std::iter::once(&self.address.email)
            .chain(&self.pending_address)
            .chain(self.more_addresses.values().map(|address| &address.email))
    }
}

/// Whether a member may use the membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberStatus {
    /// In use.
    Active,
    /// Held back: to the member the account is not there.
    Suspended,
}

impl MemberStatus {
    /// The name in the API and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
        }
    }

    /// The status of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Active, Self::Suspended]
            .into_iter()
            .find(|status| status.as_str() == name)
    }
}

/// A user's place in the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// The user.
    pub user: UserId,
    /// The contact that the user is, where it is one.
    pub contact: Option<ContactId>,
    /// What the member may do. The owner may do everything, whatever stands here.
    pub permissions: Permissions,
    /// Whether it is in use.
    pub status: MemberStatus,
    /// When it ends by itself.
    pub expires_at: Option<DateTime<Utc>>,
    /// The categories that this member wishes to receive, at the address of the log-in.
    pub subscriptions: BTreeSet<CategoryKey>,
    /// How many decisions have changed it.
    pub version: i64,
    /// When it began.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

impl Membership {
    /// Whether the member is one at that moment.
    pub fn is_live(&self, at: DateTime<Utc>) -> bool {
        self.status == MemberStatus::Active && self.expires_at.is_none_or(|end| at < end)
    }
}

/// A verification link that nobody has used yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// Its id.
    pub id: VerificationId,
    /// Whose address it proves.
    pub contact: ContactId,
    /// The key of the address that it was sent to.
    pub address_key: String,
    /// When it was sent.
    pub created_at: DateTime<Utc>,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
}

/// An ownership transfer that waits for its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingTransfer {
    /// Its id.
    pub id: TransferId,
    /// The owner who asked.
    pub from: ContactId,
    /// The contact who is to own the account.
    pub to: ContactId,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When it ends unanswered.
    pub expires_at: DateTime<Utc>,
}

/// The rows of one account, as the store reads them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts {
    /// The account.
    pub account: Account,
    /// The contact that owns it.
    pub owner: ContactId,
    /// Every contact. A roster after a change shares those with the one before that the change leaves alone.
    pub contacts: BTreeMap<ContactId, Arc<Contact>>,
    /// Every membership.
    pub members: BTreeMap<UserId, Membership>,
    /// The holders of each role, the primary one among them.
    pub holders: BTreeMap<RoleKey, BTreeSet<ContactId>>,
    /// The primary holder of each role that has one.
    pub primaries: BTreeMap<RoleKey, ContactId>,
    /// The verification links in use.
    pub verifications: BTreeMap<VerificationId, Verification>,
    /// The transfer that waits.
    pub transfer: Option<PendingTransfer>,
    /// The API keys of the account.
    pub api_keys: BTreeMap<ApiKeyId, Arc<ApiKey>>,
    /// The invitations that nobody has answered or taken back, in time or not.
    pub invitations: BTreeMap<InvitationId, Invitation>,
    /// The requests to join that nobody has answered or taken back, in time or not.
    pub join_requests: BTreeMap<JoinRequestId, JoinRequest>,
}

/// An account under the provider's catalog. What must always hold (`product.md`) holds of each one that
/// rules have made; [`Roster::broken`] says what does not.
#[derive(Debug, Clone)]
pub struct Roster {
    pub(crate) parts: Parts,
    pub(crate) catalog: Arc<Catalog>,
}

impl PartialEq for Roster {
    fn eq(&self, other: &Self) -> bool {
        self.parts == other.parts
    }
}

impl Roster {
    /// The roster of these rows.
    pub fn new(parts: Parts, catalog: Arc<Catalog>) -> Self {
        Self { parts, catalog }
    }

    /// The account.
    pub fn account(&self) -> &Account {
        &self.parts.account
    }

    /// The catalog that decides.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// The rows.
    pub fn parts(&self) -> &Parts {
        &self.parts
    }

    /// The contact that owns the account.
    pub fn owner(&self) -> ContactId {
        self.parts.owner
    }

    /// Every contact, by id.
    pub fn contacts(&self) -> impl Iterator<Item = &Contact> {
        self.parts.contacts.values().map(Arc::as_ref)
    }

    /// One contact.
    ///
    /// # Errors
    /// [`Violation::NotFound`] where the account has no such contact.
    pub fn contact(&self, id: ContactId) -> Result<&Contact, Violation> {
        self.parts.contacts.get(&id).map(Arc::as_ref).ok_or(Violation::NotFound)
    }

    /// Every membership, by user.
    pub fn members(&self) -> impl Iterator<Item = &Membership> {
        self.parts.members.values()
    }

    /// One membership, in use or not.
    pub fn member(&self, user: UserId) -> Option<&Membership> {
        self.parts.members.get(&user)
    }

    /// The membership of the user who is this contact.
    pub fn member_of_contact(&self, contact: ContactId) -> Option<&Membership> {
        self.members().find(|member| member.contact == Some(contact))
    }

    /// The membership by which a user reaches the account at that moment. A suspended or ended one is none.
    pub fn live_member(&self, user: UserId, at: DateTime<Utc>) -> Option<&Membership> {
        self.member(user).filter(|member| member.is_live(at))
    }

    /// Whether this user owns the account.
    pub fn is_owner(&self, user: UserId) -> bool {
        self.member(user)
            .is_some_and(|member| member.contact == Some(self.owner()))
    }

    /// What a user may do at that moment; the owner may do everything.
    pub fn permissions_of(&self, user: UserId, at: DateTime<Utc>) -> Option<Permissions> {
        let member = self.live_member(user, at)?;
        if member.contact == Some(self.owner()) {
            Some(Permissions::All)
        } else {
            Some(member.permissions.clone())
        }
    }

    /// The holders of a role, the primary one among them.
    pub fn holders(&self, role: &RoleKey) -> BTreeSet<ContactId> {
        self.parts.holders.get(role).cloned().unwrap_or_default()
    }

    /// Whether a contact holds a role.
    pub fn holds(&self, contact: ContactId, role: &RoleKey) -> bool {
        self.parts
            .holders
            .get(role)
            .is_some_and(|holders| holders.contains(&contact))
    }

    /// The primary holder of a role.
    pub fn primary(&self, role: &RoleKey) -> Option<ContactId> {
        self.parts.primaries.get(role).copied()
    }

    /// The roles that a contact holds.
    pub fn roles_of(&self, contact: ContactId) -> BTreeSet<RoleKey> {
        self.parts
            .holders
            .iter()
            .filter(|(_, holders)| holders.contains(&contact))
            .map(|(role, _)| role.clone())
            .collect()
    }

    /// The roles whose primary place a contact has.
    pub fn primary_roles_of(&self, contact: ContactId) -> BTreeSet<RoleKey> {
        self.parts
            .primaries
            .iter()
            .filter(|(_, holder)| **holder == contact)
            .map(|(role, _)| role.clone())
            .collect()
    }

    /// The greatest number of contacts, the owner's own among them (M-04, M-06).
    pub fn contact_limit(&self) -> u16 {
        self.account()
            .contact_limit
            .unwrap_or(self.catalog.policy().contact_limit)
    }

    /// The transfer that waits for its answer at that moment.
    pub fn pending_transfer(&self, at: DateTime<Utc>) -> Option<&PendingTransfer> {
        self.parts.transfer.as_ref().filter(|transfer| at < transfer.expires_at)
    }

    /// Whose address that is, main, pending or more.
    pub fn contact_with_address(&self, key: &str) -> Option<&Contact> {
        self.contacts()
            .find(|contact| contact.addresses().any(|address| address.key() == key))
    }

    pub(crate) fn role(&self, role: &RoleKey) -> Result<&Role, Violation> {
        self.catalog
            .role(role)
            .ok_or_else(|| Violation::UnknownRole { role: role.clone() })
    }

    /// Refuses who may not do this now. To somebody who is no member the account is not there.
    ///
    /// # Errors
    /// [`Violation::NotFound`], [`Violation::Forbidden`].
    pub fn require(&self, by: By, permission: ServicePermission) -> Result<(), Violation> {
        match by.actor {
            Actor::System => Ok(()),
            Actor::Link | Actor::Integration(_) => Err(Violation::Forbidden {
                permission: permission.key(),
            }),
            Actor::User(_) | Actor::Key(_) | Actor::Operator(_) | Actor::Impersonated { .. } => {
                let permissions = self.rights_of(by).ok_or(Violation::NotFound)?;
                if permissions.contains(&permission.key()) {
                    Ok(())
                } else {
                    Err(Violation::Forbidden {
                        permission: permission.key(),
                    })
                }
            }
        }
    }

    /// Refuses who does not own the account.
    pub(crate) fn require_owner(&self, by: By) -> Result<(), Violation> {
        match by.actor {
            Actor::System => Ok(()),
            Actor::Operator(_) | Actor::Link => Err(Violation::OwnerOnly),
            Actor::Key(_) | Actor::Integration(_) => Err(Violation::PersonOnly),
            Actor::Impersonated { .. } => Err(Violation::ImpersonationRefused),
            Actor::User(user) => {
                self.live_member(user, by.at).ok_or(Violation::NotFound)?;
                if self.is_owner(user) {
                    Ok(())
                } else {
                    Err(Violation::OwnerOnly)
                }
            }
        }
    }

    /// Refuses permissions that the catalog does not know, and those that the actor does not have.
    pub(crate) fn require_grantable(&self, by: By, permissions: &Permissions) -> Result<(), Violation> {
        if let Permissions::Chosen(chosen) = permissions
            && let Some(unknown) = chosen.iter().find(|key| !self.catalog.knows_permission(key))
        {
            return Err(Violation::UnknownPermission {
                permission: unknown.clone(),
            });
        }
        let own = match by.actor {
            Actor::System | Actor::Link => return Ok(()),
            Actor::User(_)
            | Actor::Key(_)
            | Actor::Integration(_)
            | Actor::Operator(_)
            | Actor::Impersonated { .. } => self.rights_of(by).ok_or(Violation::NotFound)?,
        };
        if own.covers(permissions) {
            Ok(())
        } else {
            Err(Violation::CannotGrant)
        }
    }

    /// Refuses every write to an account that is suspended or closed.
    pub(crate) fn require_active(&self) -> Result<(), Violation> {
        match self.account().status {
            AccountStatus::Active => Ok(()),
            AccountStatus::Suspended => Err(Violation::AccountSuspended),
            AccountStatus::Closed => Err(Violation::AccountClosed),
        }
    }

    /// Refuses an address that another entry of the account already has, or this very contact.
    pub(crate) fn require_free(&self, address: &EmailAddress) -> Result<(), Violation> {
        match self.contact_with_address(address.key()) {
            None => Ok(()),
            Some(_) => Err(Violation::AddressTaken {
                address: address.clone(),
            }),
        }
    }
}

#[cfg(test)]
mod tests;
