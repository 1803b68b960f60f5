//! Who owns the account: exactly one contact with a log-in, moved and never vacant.
//!
//! Where the catalog gives contacts no log-in, people and contacts are two, and nobody but owners and former owners is
//! both. There the account goes to the member who logs in with the contact's main address, and becomes that contact by
//! taking it over. Which user has an address no account knows: `known` is the user of the address that
//! [`Roster::successor_address`] names.

use chrono::{DateTime, TimeDelta, Utc};

use crate::actor::By;
use crate::address::EmailAddress;
use crate::api_keys::require_person;
use crate::catalog::{ContactLogin, FormerOwner, OwnerTransfer, Vacancy};
use crate::change::Change;
use crate::ids::{ContactId, TransferId, UserId};
use crate::permission::Permissions;
use crate::roster::{Membership, PendingTransfer, Roster};
use crate::violation::Violation;

/// How long a transfer waits for its answer.
pub const TRANSFER_LIFE: TimeDelta = TimeDelta::days(7);

/// How a transfer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransferOutcome {
    /// The account has its new owner.
    Accepted,
    /// The contact did not want it.
    Declined,
    /// The owner took it back, or the contact was removed.
    Cancelled,
    /// Nobody answered within [`TRANSFER_LIFE`].
    Expired,
}

impl TransferOutcome {
    /// Every outcome.
    pub const ALL: [Self; 4] = [Self::Accepted, Self::Declined, Self::Cancelled, Self::Expired];

    /// The name in the API and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Declined => "declined",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }

    /// The outcome of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == name)
    }
}

/// A transfer, as it is told: asked for, and perhaps ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// What was asked for.
    pub request: PendingTransfer,
    /// How and when it ended; nothing while it waits.
    pub ended: Option<(TransferOutcome, DateTime<Utc>)>,
    /// How many decisions have changed it.
    pub version: i64,
}

impl Transfer {
    /// How it stands at that moment; an unanswered one ends by itself.
    pub fn outcome(&self, at: DateTime<Utc>) -> Option<TransferOutcome> {
        match self.ended {
            Some((outcome, _)) => Some(outcome),
            None if self.request.expires_at <= at => Some(TransferOutcome::Expired),
            None => None,
        }
    }
}

/// The owner gives the account to a contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferOwnership {
    /// The transfer's id.
    pub id: TransferId,
    /// Who is to own the account: verified, and with a log-in or with the address of one.
    pub to: ContactId,
}

impl Roster {
    /// Transfers the account at once, or asks the contact first, as the catalog says (M-55).
    ///
    /// # Errors
    /// Refused to all but the owner; to an unverified contact, to one that nobody logs in for, to the owner; while
    /// another transfer waits.
    pub fn transfer_ownership(
        &self,
        by: By,
        command: &TransferOwnership,
        known: Option<UserId>,
    ) -> Result<Vec<Change>, Violation> {
        self.require_owner(by)?;
        self.contact(command.to)?;
        self.require_active()?;
        if command.to == self.owner() {
            return Err(Violation::ContactIsOwner {
                roles: self.roles_of(command.to),
            });
        }
        if self.pending_transfer(by.at).is_some() {
            return Err(Violation::TransferPending);
        }
        self.require_fit_to_own(command.to, known, by.at)?;
        let mut changes = Vec::new();
        if let Some(lapsed) = &self.parts.transfer {
            changes.push(Change::TransferEnded {
                transfer: lapsed.id,
                outcome: TransferOutcome::Expired,
            });
        }
        let transfer = PendingTransfer {
            id: command.id,
            from: self.owner(),
            to: command.to,
            created_at: by.at,
            expires_at: by.at + TRANSFER_LIFE,
        };
        changes.push(Change::TransferRequested { transfer });
        match self.catalog.policy().owner_transfer {
            OwnerTransfer::Immediate => {
                changes.push(Change::TransferEnded {
                    transfer: command.id,
                    outcome: TransferOutcome::Accepted,
                });
                changes.extend(self.move_ownership(command.to, known));
            }
            OwnerTransfer::Accepted => {}
        }
        Ok(changes)
    }

    /// Moves the account on the provider's behalf, whoever owns it and whatever waits. What waits is taken back. The owner
    /// stays where it owns already.
    ///
    /// # Errors
    /// Refused to an unverified contact and to one that nobody logs in for: the rules of ownership hold for the provider,
    /// too.
    pub(crate) fn force_transfer(
        &self,
        by: By,
        to: ContactId,
        known: Option<UserId>,
    ) -> Result<Vec<Change>, Violation> {
        self.contact(to)?;
        if to == self.owner() {
            return Ok(Vec::new());
        }
        self.require_fit_to_own(to, known, by.at)?;
        let waiting = self.parts.transfer.as_ref();
        let taken_back = waiting.and_then(|waiting| self.offer_taken_back(waiting.to, by.at));
        let moves = self.move_ownership(to, known);
        Ok(taken_back.into_iter().chain(moves).collect())
    }

    /// The contact takes the account over.
    ///
    /// # Errors
    /// Refused to all but the contact's user, to a transfer that has ended, and where the contact could not
    /// own the account any more.
    pub fn accept_transfer(
        &self,
        by: By,
        transfer: &Transfer,
        known: Option<UserId>,
    ) -> Result<Vec<Change>, Violation> {
        let to = self.require_recipient(by, transfer, known)?;
        self.require_active()?;
        self.require_waiting(transfer, by.at)?;
        self.require_fit_to_own(to, known, by.at)?;
        let mut changes = vec![Change::TransferEnded {
            transfer: transfer.request.id,
            outcome: TransferOutcome::Accepted,
        }];
        changes.extend(self.move_ownership(to, known));
        Ok(changes)
    }

    /// The contact does not want the account.
    ///
    /// # Errors
    /// Refused to all but the contact's user, and to a transfer that has ended.
    pub fn decline_transfer(
        &self,
        by: By,
        transfer: &Transfer,
        known: Option<UserId>,
    ) -> Result<Vec<Change>, Violation> {
        self.require_recipient(by, transfer, known)?;
        self.require_active()?;
        self.require_waiting(transfer, by.at)?;
        Ok(vec![Change::TransferEnded {
            transfer: transfer.request.id,
            outcome: TransferOutcome::Declined,
        }])
    }

    /// The owner takes the offer back.
    ///
    /// # Errors
    /// Refused to all but the owner, and to a transfer that has ended.
    pub fn cancel_transfer(&self, by: By, transfer: &Transfer) -> Result<Vec<Change>, Violation> {
        self.require_owner(by)?;
        self.require_active()?;
        self.require_waiting(transfer, by.at)?;
        Ok(vec![Change::TransferEnded {
            transfer: transfer.request.id,
            outcome: TransferOutcome::Cancelled,
        }])
    }

    /// The main address of a contact to whose user the account would go with it: where contacts never log in, and
    /// nobody is this one yet. Nothing where the account knows itself who the contact is.
    pub fn successor_address(&self, contact: ContactId) -> Option<&EmailAddress> {
        let nobody = self.contacts_never_log_in() && self.member_of_contact(contact).is_none();
        let contact = self.contact(contact).ok().filter(|_| nobody)?;
        Some(&contact.address.email)
    }

    /// The offer that ends when a contact gets another main address: it was made to whoever logs in with the one before,
    /// and is not to be turned to somebody else by those who manage contacts.
    pub(crate) fn offer_to_former_address(&self, contact: ContactId, at: DateTime<Utc>) -> Option<Change> {
        self.successor_address(contact)?;
        self.offer_taken_back(contact, at)
    }

    /// Whether people and contacts are two, but for owners and former ones.
    pub(crate) fn contacts_never_log_in(&self) -> bool {
        self.catalog.policy().contact_login == ContactLogin::Never
    }

    /// The member to whom the account goes with a contact. Whoever is a contact already becomes no other one.
    fn successor(&self, contact: ContactId, known: Option<UserId>) -> Option<&Membership> {
        self.member_of_contact(contact).or_else(|| {
            let user = known.filter(|_| self.contacts_never_log_in())?;
            self.member(user).filter(|member| member.contact.is_none())
        })
    }

    fn require_recipient(&self, by: By, transfer: &Transfer, known: Option<UserId>) -> Result<ContactId, Violation> {
        require_person(by)?;
        let user = by.actor.user().ok_or(Violation::OtherPerson)?;
        self.live_member(user, by.at).ok_or(Violation::NotFound)?;
        let to = transfer.request.to;
        match self.successor(to, known) {
            Some(member) if member.user == user => Ok(to),
            // Whose address it was when the account was offered is not known any more.
            None if self.contacts_never_log_in() => {
                self.require_waiting(transfer, by.at)?;
                Err(Violation::ContactHasNoLogin)
            }
            Some(_) | None => Err(Violation::OtherPerson),
        }
    }

    /// Only a verified contact owns an account, with a log-in that is in use and does not end by itself: with
    /// it the account would lose its owner.
    fn require_fit_to_own(
        &self,
        contact: ContactId,
        known: Option<UserId>,
        at: DateTime<Utc>,
    ) -> Result<(), Violation> {
        if !self.contact(contact)?.is_verified() {
            return Err(Violation::ContactNotVerified);
        }
        match self.successor(contact, known) {
            Some(member) if member.is_live(at) && member.expires_at.is_none() => Ok(()),
            Some(_) | None => Err(Violation::ContactHasNoLogin),
        }
    }

    /// The transfer may have been read before the account was locked: what waits under the lock counts.
    fn require_waiting(&self, transfer: &Transfer, at: DateTime<Utc>) -> Result<(), Violation> {
        if let Some(outcome) = transfer.outcome(at) {
            return Err(Violation::TransferEnded { outcome });
        }
        match &self.parts.transfer {
            Some(waiting) if waiting.id == transfer.request.id => Ok(()),
            Some(_) | None => Err(Violation::Stale),
        }
    }

    /// Moves the ownership, and the primary places that the owner fills while nobody else does. Where an owner
    /// who was never verified left them empty, the new one fills them. A successor who is no contact yet becomes this one.
    fn move_ownership(&self, to: ContactId, known: Option<UserId>) -> Vec<Change> {
        let from = self.owner();
        let successor = self.successor(to, known).filter(|member| member.contact.is_none());
        let linked = successor.map(|member| Change::MemberLinked {
            user: member.user,
            contact: to,
        });
        let mut changes: Vec<Change> = linked.into_iter().collect();
        changes.push(Change::OwnerMoved { from, to });
        for role in self.catalog.roles() {
            let moves = match (role.vacancy, self.primary(&role.key)) {
                (Vacancy::Allowed, _) | (Vacancy::Forbidden, Some(_)) => false,
                (Vacancy::Owner, Some(holder)) => holder == from,
                (Vacancy::Owner | Vacancy::Forbidden, None) => true,
            };
            if moves {
                changes.extend(self.move_primary(role, Some(to)));
            }
        }
        if let Some(member) = self.member_of_contact(from) {
            let permissions = match self.catalog.policy().former_owner {
                FormerOwner::None => Permissions::none(),
                FormerOwner::All => Permissions::All,
            };
            if member.permissions != permissions {
                changes.push(Change::PermissionsChanged {
                    user: member.user,
                    permissions,
                });
            }
        }
        changes
    }
}

#[cfg(test)]
mod tests;
