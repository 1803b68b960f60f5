//! Who owns the account: exactly one contact with a log-in, moved and never vacant.

use chrono::{DateTime, TimeDelta, Utc};

use crate::actor::By;
use crate::api_keys::require_person;
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
            return Err(Violation::ContactIsOwner {
                roles: self.roles_of(command.to),
            });
        }
        if self.pending_transfer(by.at).is_some() {
            return Err(Violation::TransferPending);
        }
        self.require_fit_to_own(command.to, by.at)?;
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
                changes.extend(self.move_ownership(command.to));
            }
            OwnerTransfer::Accepted => {}
        }
        Ok(changes)
    }

    /// Moves the account on the provider's behalf, whoever owns it and whatever waits. What waits is taken back. The owner
    /// stays where it owns already.
    ///
    /// # Errors
    /// Refused to an unverified contact and to one without a log-in: the rules of ownership hold for the provider, too.
    pub(crate) fn force_transfer(&self, by: By, to: ContactId) -> Result<Vec<Change>, Violation> {
        self.contact(to)?;
        if to == self.owner() {
            return Ok(Vec::new());
        }
        self.require_fit_to_own(to, by.at)?;
        let waiting = self.parts.transfer.as_ref();
        let taken_back = waiting.and_then(|waiting| self.offer_taken_back(waiting.to, by.at));
        Ok(taken_back.into_iter().chain(self.move_ownership(to)).collect())
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
        let mut changes = vec![Change::TransferEnded {
            transfer: transfer.request.id,
            outcome: TransferOutcome::Accepted,
        }];
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

    fn require_recipient(&self, by: By, transfer: &Transfer) -> Result<ContactId, Violation> {
        require_person(by)?;
        let user = by.actor.user().ok_or(Violation::OtherPerson)?;
        let member = self.live_member(user, by.at).ok_or(Violation::NotFound)?;
        if member.contact == Some(transfer.request.to) {
            Ok(transfer.request.to)
        } else {
            Err(Violation::OtherPerson)
        }
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

    /// Moves the ownership, and the primary places that the owner fills while nobody else does. Where an owner
    /// who was never verified left them empty, the new one fills them.
    fn move_ownership(&self, to: ContactId) -> Vec<Change> {
        let from = self.owner();
        let mut changes = vec![Change::OwnerMoved { from, to }];
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
mod tests {
    use super::*;
    use crate::change::Change;
    use crate::given::{
        ANA, BEA, CEM, LINK, NOW, SYSTEM, ZOE, datacenter, mixed, moment, permission, role, roles, saas_suite,
        standard, transfer_id,
    };
    use crate::permission::ServicePermission;
    use crate::roster::AccountStatus;

    /// A day, in the minutes of [`moment`].
    const DAY: i64 = 24 * 60;

    fn to(person: crate::given::Person) -> TransferOwnership {
        TransferOwnership {
            id: transfer_id(1),
            to: person.contact(),
        }
    }

    fn transferred(roster: Roster) -> Roster {
        let changes = roster.transfer_ownership(ANA.by(), &to(BEA));
        roster.then(changes)
    }

    fn two(roster: Roster) -> Roster {
        roster
            .with_member(BEA, Permissions::none())
            .with_member(CEM, Permissions::All)
    }

    mod at_once {
        use super::*;

        #[test]
        fn m_55_the_account_moves_to_the_contact_that_was_picked() {
            let roster = transferred(two(saas_suite()));
            assert_eq!(roster.owner(), BEA.contact());
            assert_eq!(roster.permissions_of(BEA.user(), NOW), Some(Permissions::All));
            assert_eq!(roster.parts.transfer, None);
        }

        #[test]
        fn m_60_the_former_owner_keeps_no_rights_but_its_roles() {
            let roster = transferred(two(saas_suite()).promoted(ANA, &["billing"]));
            assert_eq!(roster.permissions_of(ANA.user(), NOW), Some(Permissions::none()));
            let refused = roster.require(ANA.by(), ServicePermission::ContactsManage);
            let permission = permission("contacts:manage");
            assert_eq!(refused, Err(Violation::Forbidden { permission }));
            assert_eq!(roster.roles_of(ANA.contact()), roles(&["billing"]));
        }

        #[test]
        fn the_places_that_the_owner_fills_move_along() {
            let roster = transferred(two(standard()).promoted(CEM, &["security"]));
            let own = roles(&["general", "billing", "technical"]);
            assert_eq!(roster.primary_roles_of(BEA.contact()), own);
            assert_eq!(roster.primary(&role("security")), Some(CEM.contact()));
        }

        #[test]
        fn places_that_must_be_filled_stay_where_they_are() {
            let roster = transferred(two(datacenter()));
            assert_eq!(roster.primary(&role("general")), Some(ANA.contact()));
        }

        #[test]
        fn places_that_an_owner_never_took_are_the_new_owners() {
            let roster = transferred(two(datacenter().not_activated()));
            assert_eq!(roster.primary_roles_of(BEA.contact()).len(), 4);
        }

        #[test]
        fn m_11_only_the_owner_transfers() {
            let roster = two(saas_suite());
            assert_eq!(roster.transfer_ownership(CEM.by(), &to(BEA)), Err(Violation::OwnerOnly));
            assert_eq!(roster.transfer_ownership(LINK, &to(BEA)), Err(Violation::OwnerOnly));
            assert_eq!(roster.transfer_ownership(ZOE.by(), &to(BEA)), Err(Violation::NotFound));
            assert!(roster.transfer_ownership(SYSTEM, &to(BEA)).is_ok());
        }

        #[test]
        fn m_59_an_unverified_contact_does_not_own() {
            let refused = saas_suite().with(BEA).transfer_ownership(ANA.by(), &to(BEA));
            assert_eq!(refused, Err(Violation::ContactNotVerified));
        }

        #[test]
        fn a_contact_without_a_login_does_not_own() {
            let roster = standard().with_verified(BEA);
            let refused = Err(Violation::ContactHasNoLogin);
            assert_eq!(roster.transfer_ownership(ANA.by(), &to(BEA)), refused.clone());
            let member = roster.joined(BEA, Permissions::All);
            let suspended = member.clone().suspended_member(BEA);
            assert_eq!(suspended.transfer_ownership(ANA.by(), &to(BEA)), refused.clone());
            let expiring = member.expiring_member(BEA, moment(DAY));
            assert_eq!(expiring.transfer_ownership(ANA.by(), &to(BEA)), refused);
        }

        #[test]
        fn the_owner_owns_already() {
            let refused = saas_suite().transfer_ownership(ANA.by(), &to(ANA));
            assert_eq!(refused, Err(Violation::ContactIsOwner { roles: roles(&[]) }));
            let refused = saas_suite().transfer_ownership(ANA.by(), &to(ZOE));
            assert_eq!(refused, Err(Violation::NotFound));
        }

        #[test]
        fn the_provider_moves_it_to_whom_the_rules_of_ownership_fit() {
            let waiting = transferred(two(mixed()));
            let changes = waiting.force_transfer(SYSTEM, CEM.contact()).unwrap();
            let outcome = TransferOutcome::Cancelled;
            let taken_back = Change::TransferEnded {
                transfer: transfer_id(1),
                outcome,
            };
            assert_eq!(changes[0], taken_back);
            let moved = waiting.then(Ok(changes));
            assert_eq!(moved.owner(), CEM.contact());
            assert_eq!(moved.force_transfer(SYSTEM, CEM.contact()), Ok(vec![]));
            let refused = standard().with_verified(BEA).force_transfer(SYSTEM, BEA.contact());
            assert_eq!(refused, Err(Violation::ContactHasNoLogin));
            let refused = saas_suite().with(BEA).force_transfer(SYSTEM, BEA.contact());
            assert_eq!(refused, Err(Violation::ContactNotVerified));
            assert_eq!(
                standard().force_transfer(SYSTEM, ZOE.contact()),
                Err(Violation::NotFound)
            );
        }

        #[test]
        fn a_suspended_account_is_not_given_away() {
            let suspended = two(standard()).in_status(AccountStatus::Suspended);
            let refused = suspended.transfer_ownership(ANA.by(), &to(BEA));
            assert_eq!(refused, Err(Violation::AccountSuspended));
        }

        #[test]
        fn the_record_tells_of_the_request_and_its_acceptance() {
            let changes = two(saas_suite()).transfer_ownership(ANA.by(), &to(BEA)).unwrap();
            let accepted = Change::TransferEnded {
                transfer: transfer_id(1),
                outcome: TransferOutcome::Accepted,
            };
            assert!(matches!(changes[0], Change::TransferRequested { .. }));
            assert_eq!(changes[1], accepted);
        }
    }

    mod on_acceptance {
        use super::*;

        #[test]
        fn the_account_stays_until_the_contact_accepts() {
            let waiting = transferred(two(mixed()));
            assert_eq!(waiting.owner(), ANA.contact());
            let changes = waiting.accept_transfer(BEA.by(), &waiting.waiting());
            let accepted = waiting.then(changes);
            assert_eq!(accepted.owner(), BEA.contact());
            assert_eq!(accepted.permissions_of(ANA.user(), NOW), Some(Permissions::All));
        }

        #[test]
        fn only_the_contact_answers() {
            let waiting = transferred(two(mixed()));
            let transfer = waiting.waiting();
            for other in [ANA.by(), CEM.by(), SYSTEM, LINK] {
                assert_eq!(waiting.accept_transfer(other, &transfer), Err(Violation::OtherPerson));
                assert_eq!(waiting.decline_transfer(other, &transfer), Err(Violation::OtherPerson));
            }
            assert_eq!(waiting.accept_transfer(ZOE.by(), &transfer), Err(Violation::NotFound));
        }

        #[test]
        fn the_contact_declines_and_the_owner_takes_back() {
            let waiting = transferred(two(mixed()));
            let ended = |outcome| {
                Ok(vec![Change::TransferEnded {
                    transfer: transfer_id(1),
                    outcome,
                }])
            };
            let transfer = waiting.waiting();
            assert_eq!(
                waiting.decline_transfer(BEA.by(), &transfer),
                ended(TransferOutcome::Declined)
            );
            assert_eq!(
                waiting.cancel_transfer(ANA.by(), &transfer),
                ended(TransferOutcome::Cancelled)
            );
            assert_eq!(waiting.cancel_transfer(CEM.by(), &transfer), Err(Violation::OwnerOnly));
        }

        #[test]
        fn one_transfer_waits_at_a_time() {
            let waiting = transferred(two(mixed()));
            let second = TransferOwnership {
                id: transfer_id(2),
                to: CEM.contact(),
            };
            let refused = waiting.transfer_ownership(ANA.by(), &second);
            assert_eq!(refused, Err(Violation::TransferPending));
        }

        #[test]
        fn a_transfer_waits_seven_days() {
            let waiting = transferred(two(mixed()));
            let transfer = waiting.waiting();
            let last = NOW + TRANSFER_LIFE - TimeDelta::microseconds(1);
            assert!(waiting.accept_transfer(BEA.by_at(last), &transfer).is_ok());
            let refused = waiting.accept_transfer(BEA.by_at(NOW + TRANSFER_LIFE), &transfer);
            let outcome = TransferOutcome::Expired;
            assert_eq!(refused, Err(Violation::TransferEnded { outcome }));
        }

        #[test]
        fn the_next_transfer_ends_the_one_that_nobody_answered() {
            let waiting = transferred(two(mixed()));
            let second = TransferOwnership {
                id: transfer_id(2),
                to: CEM.contact(),
            };
            let changes = waiting.transfer_ownership(ANA.by_at(moment(8 * DAY)), &second).unwrap();
            let outcome = TransferOutcome::Expired;
            assert_eq!(
                changes[0],
                Change::TransferEnded {
                    transfer: transfer_id(1),
                    outcome
                }
            );
        }

        #[test]
        fn an_answer_comes_once() {
            let waiting = transferred(two(mixed()));
            let mut ended = waiting.waiting();
            ended.ended = Some((TransferOutcome::Declined, NOW));
            let refused = waiting.accept_transfer(BEA.by(), &ended);
            let outcome = TransferOutcome::Declined;
            assert_eq!(refused, Err(Violation::TransferEnded { outcome }));
        }

        #[test]
        fn an_answer_to_what_was_taken_back_in_between_is_refused() {
            let waiting = transferred(two(mixed()));
            let read = waiting.waiting();
            let changes = waiting.cancel_transfer(ANA.by(), &read);
            let cancelled = waiting.then(changes);
            assert_eq!(cancelled.accept_transfer(BEA.by(), &read), Err(Violation::Stale));
        }

        #[test]
        fn a_contact_that_lost_its_login_does_not_accept() {
            let waiting = transferred(two(mixed())).suspended_member(BEA);
            let refused = waiting.accept_transfer(BEA.by(), &waiting.waiting());
            assert_eq!(refused, Err(Violation::NotFound));
        }
    }
}
