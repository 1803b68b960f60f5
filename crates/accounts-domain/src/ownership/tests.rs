//! How the ownership moves, and to whom it does not.

use super::*;
use crate::change::Change;
use crate::given::{
    ANA, BEA, CEM, LINK, NOW, Person, SYSTEM, ZOE, chosen, datacenter, hosting, link_id, mixed, moment, permission,
    role, roles, saas_suite, standard, telephony, transfer_id,
};
use crate::permission::ServicePermission;
use crate::roster::AccountStatus;

/// A day, in the minutes of [`moment`].
const DAY: i64 = 24 * 60;

fn to(person: Person) -> TransferOwnership {
    TransferOwnership {
        id: transfer_id(1),
        to: person.contact(),
    }
}

fn transferred(roster: Roster) -> Roster {
    let changes = roster.transfer_ownership(ANA.by(), &to(BEA), None);
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
        assert_eq!(
            roster.transfer_ownership(CEM.by(), &to(BEA), None),
            Err(Violation::OwnerOnly)
        );
        assert_eq!(
            roster.transfer_ownership(LINK, &to(BEA), None),
            Err(Violation::OwnerOnly)
        );
        assert_eq!(
            roster.transfer_ownership(ZOE.by(), &to(BEA), None),
            Err(Violation::NotFound)
        );
        assert!(roster.transfer_ownership(SYSTEM, &to(BEA), None).is_ok());
    }

    #[test]
    fn m_59_an_unverified_contact_does_not_own() {
        let refused = saas_suite().with(BEA).transfer_ownership(ANA.by(), &to(BEA), None);
        assert_eq!(refused, Err(Violation::ContactNotVerified));
    }

    #[test]
    fn a_contact_without_a_login_does_not_own() {
        let roster = standard().with_verified(BEA);
        let refused = Err(Violation::ContactHasNoLogin);
        assert_eq!(roster.transfer_ownership(ANA.by(), &to(BEA), None), refused.clone());
        let member = roster.joined(BEA, Permissions::All);
        let suspended = member.clone().suspended_member(BEA);
        assert_eq!(suspended.transfer_ownership(ANA.by(), &to(BEA), None), refused.clone());
        let expiring = member.expiring_member(BEA, moment(DAY));
        assert_eq!(expiring.transfer_ownership(ANA.by(), &to(BEA), None), refused);
    }

    #[test]
    fn the_owner_owns_already() {
        let refused = saas_suite().transfer_ownership(ANA.by(), &to(ANA), None);
        assert_eq!(refused, Err(Violation::ContactIsOwner { roles: roles(&[]) }));
        let refused = saas_suite().transfer_ownership(ANA.by(), &to(ZOE), None);
        assert_eq!(refused, Err(Violation::NotFound));
    }

    #[test]
    fn the_provider_moves_it_to_whom_the_rules_of_ownership_fit() {
        let waiting = transferred(two(mixed()));
        let changes = waiting.force_transfer(SYSTEM, CEM.contact(), None).unwrap();
        let outcome = TransferOutcome::Cancelled;
        let taken_back = Change::TransferEnded {
            transfer: transfer_id(1),
            outcome,
        };
        assert_eq!(changes[0], taken_back);
        let moved = waiting.then(Ok(changes));
        assert_eq!(moved.owner(), CEM.contact());
        assert_eq!(moved.force_transfer(SYSTEM, CEM.contact(), None), Ok(vec![]));
        let refused = standard()
            .with_verified(BEA)
            .force_transfer(SYSTEM, BEA.contact(), None);
        assert_eq!(refused, Err(Violation::ContactHasNoLogin));
        let refused = saas_suite().with(BEA).force_transfer(SYSTEM, BEA.contact(), None);
        assert_eq!(refused, Err(Violation::ContactNotVerified));
        assert_eq!(
            standard().force_transfer(SYSTEM, ZOE.contact(), None),
            Err(Violation::NotFound)
        );
    }

    #[test]
    fn a_suspended_account_is_not_given_away() {
        let suspended = two(standard()).in_status(AccountStatus::Suspended);
        let refused = suspended.transfer_ownership(ANA.by(), &to(BEA), None);
        assert_eq!(refused, Err(Violation::AccountSuspended));
    }

    #[test]
    fn the_record_tells_of_the_request_and_its_acceptance() {
        let changes = two(saas_suite()).transfer_ownership(ANA.by(), &to(BEA), None).unwrap();
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
        let changes = waiting.accept_transfer(BEA.by(), &waiting.waiting(), None);
        let accepted = waiting.then(changes);
        assert_eq!(accepted.owner(), BEA.contact());
        assert_eq!(accepted.permissions_of(ANA.user(), NOW), Some(Permissions::All));
    }

    #[test]
    fn only_the_contact_answers() {
        let waiting = transferred(two(mixed()));
        let transfer = waiting.waiting();
        for other in [ANA.by(), CEM.by(), SYSTEM, LINK] {
            assert_eq!(
                waiting.accept_transfer(other, &transfer, None),
                Err(Violation::OtherPerson)
            );
            assert_eq!(
                waiting.decline_transfer(other, &transfer, None),
                Err(Violation::OtherPerson)
            );
        }
        assert_eq!(
            waiting.accept_transfer(ZOE.by(), &transfer, None),
            Err(Violation::NotFound)
        );
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
            waiting.decline_transfer(BEA.by(), &transfer, None),
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
        let refused = waiting.transfer_ownership(ANA.by(), &second, None);
        assert_eq!(refused, Err(Violation::TransferPending));
    }

    #[test]
    fn a_transfer_waits_seven_days() {
        let waiting = transferred(two(mixed()));
        let transfer = waiting.waiting();
        let last = NOW + TRANSFER_LIFE - TimeDelta::microseconds(1);
        assert!(waiting.accept_transfer(BEA.by_at(last), &transfer, None).is_ok());
        let refused = waiting.accept_transfer(BEA.by_at(NOW + TRANSFER_LIFE), &transfer, None);
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
        let changes = waiting
            .transfer_ownership(ANA.by_at(moment(8 * DAY)), &second, None)
            .unwrap();
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
        let refused = waiting.accept_transfer(BEA.by(), &ended, None);
        let outcome = TransferOutcome::Declined;
        assert_eq!(refused, Err(Violation::TransferEnded { outcome }));
    }

    #[test]
    fn an_answer_to_what_was_taken_back_in_between_is_refused() {
        let waiting = transferred(two(mixed()));
        let read = waiting.waiting();
        let changes = waiting.cancel_transfer(ANA.by(), &read);
        let cancelled = waiting.then(changes);
        assert_eq!(cancelled.accept_transfer(BEA.by(), &read, None), Err(Violation::Stale));
    }

    #[test]
    fn a_contact_that_lost_its_login_does_not_accept() {
        let waiting = transferred(two(mixed())).suspended_member(BEA);
        let refused = waiting.accept_transfer(BEA.by(), &waiting.waiting(), None);
        assert_eq!(refused, Err(Violation::NotFound));
    }
}

mod where_contacts_never_log_in {
    use super::*;
    use crate::contacts::ContactPatch;
    use crate::given::address;
    use crate::verification::{ConfirmVerification, SendVerification};

    fn both(roster: Roster, person: Person) -> Roster {
        roster.with_user_apart(person, chosen(&["contacts:manage"]))
    }

    fn offered() -> Roster {
        let roster = both(both(hosting(), BEA), CEM);
        let changes = roster.transfer_ownership(ANA.by(), &to(BEA), Some(BEA.user()));
        roster.then(changes)
    }

    fn linked(person: Person) -> Change {
        Change::MemberLinked {
            user: person.user(),
            contact: person.contact(),
        }
    }

    /// After another main address of the contact was proven.
    fn with_address(roster: Roster, person: Person, local_part: &str) -> Roster {
        let patch = ContactPatch {
            address: Some(address(local_part)),
            ..ContactPatch::default()
        };
        let changes = roster.change_contact(CEM.by(), person.contact(), &patch);
        let asked = roster.then(changes);
        let send = SendVerification {
            id: link_id(77),
            contact: person.contact(),
            address: None,
        };
        let changes = asked.send_verification(CEM.by(), &send);
        let waiting = asked.then(changes);
        let confirm = ConfirmVerification {
            id: link_id(77),
            user: person.user(),
        };
        let changes = waiting.confirm_verification(LINK, &confirm);
        waiting.then(changes)
    }

    #[test]
    fn whoever_logs_in_with_the_address_accepts_and_becomes_the_contact() {
        let waiting = offered();
        assert_eq!(waiting.owner(), ANA.contact());
        assert_eq!(waiting.member_of_contact(BEA.contact()), None);
        let changes = waiting
            .accept_transfer(BEA.by(), &waiting.waiting(), Some(BEA.user()))
            .unwrap();
        let moved = Change::OwnerMoved {
            from: ANA.contact(),
            to: BEA.contact(),
        };
        assert_eq!(changes[1..3], [linked(BEA), moved]);
        let accepted = waiting.then(Ok(changes));
        assert!(accepted.is_owner(BEA.user()));
        assert_eq!(accepted.permissions_of(BEA.user(), NOW), Some(Permissions::All));
        assert_eq!(accepted.permissions_of(ANA.user(), NOW), Some(Permissions::All));
        assert_eq!(accepted.member(BEA.user()).unwrap().version, 2);
        // Whoever owned it can go now.
        assert!(accepted.leave_account(ANA.by()).is_ok());
        assert!(accepted.remove_member(BEA.by(), ANA.user()).is_ok());
    }

    #[test]
    fn at_once_the_member_becomes_the_contact_as_well() {
        let roster = both(telephony(), BEA);
        let changes = roster.transfer_ownership(ANA.by(), &to(BEA), Some(BEA.user())).unwrap();
        assert!(changes.contains(&linked(BEA)));
        let moved = roster.then(Ok(changes));
        assert!(moved.is_owner(BEA.user()));
        assert_eq!(moved.permissions_of(ANA.user(), NOW), Some(Permissions::none()));
        assert_eq!(moved.primary_roles_of(BEA.contact()).len(), 3);
        // It goes back to somebody who is the contact still.
        let back = moved.transfer_ownership(BEA.by(), &to(ANA), None);
        assert_eq!(moved.then(back).owner(), ANA.contact());
    }

    #[test]
    fn the_provider_moves_it_likewise() {
        let waiting = offered();
        let changes = waiting.force_transfer(SYSTEM, CEM.contact(), Some(CEM.user())).unwrap();
        assert!(matches!(changes[0], Change::TransferEnded { .. }));
        assert_eq!(changes[1], linked(CEM));
        assert!(waiting.then(Ok(changes)).is_owner(CEM.user()));
    }

    #[test]
    fn nobody_else_answers_and_declining_makes_nobody_a_contact() {
        let waiting = offered();
        let (transfer, bea) = (waiting.waiting(), Some(BEA.user()));
        for other in [ANA.by(), CEM.by(), SYSTEM, LINK] {
            assert_eq!(
                waiting.accept_transfer(other, &transfer, bea),
                Err(Violation::OtherPerson)
            );
            assert_eq!(
                waiting.decline_transfer(other, &transfer, bea),
                Err(Violation::OtherPerson)
            );
        }
        assert_eq!(
            waiting.accept_transfer(ZOE.by(), &transfer, bea),
            Err(Violation::NotFound)
        );
        let changes = waiting.decline_transfer(BEA.by(), &transfer, bea);
        let declined = waiting.then(changes);
        assert_eq!(declined.member(BEA.user()).unwrap().contact, None);
        assert_eq!(declined.pending_transfer(NOW), None);
    }

    #[test]
    fn without_a_member_of_the_address_who_stays_nobody_could_own() {
        let alone = hosting().with_verified(BEA);
        let roster = both(hosting(), BEA);
        let (ana, bea) = (Some(ANA.user()), Some(BEA.user()));
        let unfit = [
            (alone.clone(), None),
            (alone, bea),
            (roster.clone(), None),
            (roster.clone(), Some(ZOE.user())),
            // Ana is a contact already.
            (roster.clone(), ana),
            (roster.clone().suspended_member(BEA), bea),
            (roster.expiring_member(BEA, moment(DAY)), bea),
        ];
        for (roster, known) in unfit {
            let refused = Err(Violation::ContactHasNoLogin);
            assert_eq!(roster.transfer_ownership(ANA.by(), &to(BEA), known), refused.clone());
            assert_eq!(roster.force_transfer(SYSTEM, BEA.contact(), known), refused);
        }
        let unverified = hosting().with(BEA).transfer_ownership(ANA.by(), &to(BEA), bea);
        assert_eq!(unverified, Err(Violation::ContactNotVerified));
    }

    #[test]
    fn an_offer_is_not_accepted_by_whoever_could_not_own_any_more() {
        let (waiting, bea) = (offered(), Some(BEA.user()));
        let transfer = waiting.waiting();
        let accepts = |roster: &Roster, known| roster.accept_transfer(BEA.by(), &transfer, known);
        assert_eq!(accepts(&waiting, None), Err(Violation::ContactHasNoLogin));
        assert_eq!(accepts(&waiting, Some(CEM.user())), Err(Violation::OtherPerson));
        let expiring = waiting.clone().expiring_member(BEA, moment(DAY));
        assert_eq!(accepts(&expiring, bea), Err(Violation::ContactHasNoLogin));
        let suspended = waiting.suspended_member(BEA);
        assert_eq!(accepts(&suspended, bea), Err(Violation::NotFound));
    }

    #[test]
    fn an_offer_is_not_turned_to_somebody_else_by_another_address() {
        // Cem manages contacts, and reads the mail of the new address.
        let turned = with_address(offered(), BEA, "cems-other");
        assert_eq!(turned.pending_transfer(NOW), None);
        let mut read = offered().waiting();
        read.ended = Some((TransferOutcome::Cancelled, NOW));
        let refused = turned.accept_transfer(CEM.by(), &read, Some(CEM.user()));
        let outcome = TransferOutcome::Cancelled;
        assert_eq!(refused, Err(Violation::TransferEnded { outcome }));
        // The address of somebody else's contact is no matter of the offer.
        assert!(
            with_address(offered(), CEM, "cems-other")
                .pending_transfer(NOW)
                .is_some()
        );
    }

    #[test]
    fn the_address_is_asked_for_where_nobody_is_the_contact() {
        let roster = both(hosting(), BEA);
        assert_eq!(roster.successor_address(BEA.contact()), Some(&BEA.address()));
        assert_eq!(roster.successor_address(ANA.contact()), None);
        assert_eq!(roster.successor_address(ZOE.contact()), None);
        let logging_in = standard().with_verified(BEA);
        assert_eq!(logging_in.successor_address(BEA.contact()), None);
    }

    #[test]
    fn where_contacts_log_in_an_address_makes_nobody_an_owner() {
        let roster = both(mixed(), BEA);
        let refused = roster.transfer_ownership(ANA.by(), &to(BEA), Some(BEA.user()));
        assert_eq!(refused, Err(Violation::ContactHasNoLogin));
    }
}
