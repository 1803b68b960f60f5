//! Who owns the account: exactly one contact with a log-in, moved and never vacant.

use chrono::{DateTime, TimeDelta, Utc};

use crate::actor::By;
use crate::catalog::{FormerOwner, OwnerTransfer, Vacancy};
use crate::change::Change;
use crate::ids::{ContactId, TransferId};
use crate::permission::Permissions;
use crate::roster::{PendingTransfer, Roster};
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
    /// Who is to own the account: verified, and with a log-in.
    pub to: ContactId,
}

impl Roster {
    /// Transfers the account at once, or asks the contact first, as the catalog says (M-55).
    ///
    /// # Errors
    /// Refused to all but the owner; to an unverified contact, to one without a log-in, to the owner; while
    /// another transfer waits.
    pub fn transfer_ownership(&self, by: By, command: &TransferOwnership) -> Result<Vec<Change>, Violation> {
        self.require_owner(by)?;
        self.contact(command.to)?;
        self.require_active()?;
        if command.to == self.owner() {
            return Err(Violation::ContactIsOwner { roles: self.roles_of(command.to) });
        }
        if self.pending_transfer(by.at).is_some() {
            return Err(Violation::TransferPending);
        }
        self.require_fit_to_own(command.to, by.at)?;
        let mut changes = Vec::new();
        if let Some(lapsed) = &self.parts.transfer {
            changes.push(Change::TransferEnded { transfer: lapsed.id, outcome: TransferOutcome::Expired });
        }
        let transfer =
            PendingTransfer { id: command.id, from: self.owner(), to: command.to, created_at: by.at, expires_at: by.at + TRANSFER_LIFE };
        changes.push(Change::TransferRequested { transfer });
        match self.catalog.policy().owner_transfer {
            OwnerTransfer::Immediate => {
                changes.push(Change::TransferEnded { transfer: command.id, outcome: TransferOutcome::Accepted });
                changes.extend(self.move_ownership(command.to));
            }
            OwnerTransfer::Accepted => {}
        }
        Ok(changes)
    }

    /// The contact takes the account over.
    ///
    /// # Errors
    /// Refused to all but the contact's user, to a transfer that has ended, and where the contact could not
    /// own the account any more.
    pub fn accept_transfer(&self, by: By, transfer: &Transfer) -> Result<Vec<Change>, Violation> {
        let to = self.require_recipient(by, transfer)?;
        self.require_active()?;
        self.require_waiting(transfer, by.at)?;
        self.require_fit_to_own(to, by.at)?;
        let mut changes = vec![Change::TransferEnded { transfer: transfer.request.id, outcome: TransferOutcome::Accepted }];
        changes.extend(self.move_ownership(to));
        Ok(changes)
    }

    /// The contact does not want the account.
    ///
    /// # Errors
    /// Refused to all but the contact's user, and to a transfer that has ended.
    pub fn decline_transfer(&self, by: By, transfer: &Transfer) -> Result<Vec<Change>, Violation> {
        self.require_recipient(by, transfer)?;
        self.require_active()?;
        self.require_waiting(transfer, by.at)?;
        Ok(vec![Change::TransferEnded { transfer: transfer.request.id, outcome: TransferOutcome::Declined }])
    }

    /// The owner takes the offer back.
    ///
    /// # Errors
    /// Refused to all but the owner, and to a transfer that has ended.
    pub fn cancel_transfer(&self, by: By, transfer: &Transfer) -> Result<Vec<Change>, Violation> {
        self.require_owner(by)?;
        self.require_active()?;
        self.require_waiting(transfer, by.at)?;
        Ok(vec![Change::TransferEnded { transfer: transfer.request.id, outcome: TransferOutcome::Cancelled }])
    }

    fn require_recipient(&self, by: By, transfer: &Transfer) -> Result<ContactId, Violation> {
        let user = by.actor.user().ok_or(Violation::OtherPerson)?;
        let member = self.live_member(user, by.at).ok_or(Violation::NotFound)?;
        if member.contact == Some(transfer.request.to) { Ok(transfer.request.to) } else { Err(Violation::OtherPerson) }
    }

    /// Only a verified contact owns an account, with a log-in that is in use and does not end by itself: with
    /// it the account would lose its owner.
    fn require_fit_to_own(&self, contact: ContactId, at: DateTime<Utc>) -> Result<(), Violation> {
        if !self.contact(contact)?.is_verified() {
            return Err(Violation::ContactNotVerified);
        }
        match self.member_of_contact(contact) {
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

    /// Moves the ownership, and the primary places that the owner fills while nobody else does.
    fn move_ownership(&self, to: ContactId) -> Vec<Change> {
        let from = self.owner();
        let mut changes = vec![Change::OwnerMoved { from, to }];
        for role in self.catalog.roles().iter().filter(|role| role.vacancy == Vacancy::Owner && self.primary(&role.key) == Some(from)) {
            changes.extend(self.move_primary(role, Some(to)));
        }
        if let Some(member) = self.member_of_contact(from) {
            let permissions = match self.catalog.policy().former_owner {
                FormerOwner::None => Permissions::none(),
                FormerOwner::All => Permissions::All,
            };
            if member.permissions != permissions {
                changes.push(Change::PermissionsChanged { user: member.user, permissions });
            }
        }
        changes
    }
}
