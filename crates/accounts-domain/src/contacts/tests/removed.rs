//! Contacts that go, and those that stay.

use super::*;
use crate::ownership::TransferOutcome;

#[test]
fn m_13_m_52_a_contact_without_roles_is_removed() {
    let roster = saas_suite().with_verified(BEA);
    let changes = roster.remove_contact(ANA.by(), BEA.contact());
    let roster = roster.then(changes);
    assert_eq!(roster.contact(BEA.contact()), Err(Violation::NotFound));
    assert_eq!(roster.member(BEA.user()), None);
}

#[test]
fn m_14_m_53_the_owner_is_not_removed() {
    let refused = Violation::ContactIsOwner { roles: roles(&[]) };
    assert_eq!(
        saas_suite().remove_contact(ANA.by(), ANA.contact()),
        Err(refused.clone())
    );
    assert_eq!(saas_suite().erase_contact(ANA.by(), ANA.contact()), Err(refused));
}

#[test]
fn m_54_a_holder_is_not_removed_until_the_role_is_moved() {
    let roster = saas_suite().with_verified(BEA).promoted(BEA, &["billing", "technical"]);
    let refused = Violation::ContactHoldsRoles {
        roles: roles(&["billing", "technical"]),
    };
    assert_eq!(roster.remove_contact(ANA.by(), BEA.contact()), Err(refused));
    let moved = roster.promoted(ANA, &["billing", "technical"]);
    assert!(moved.remove_contact(ANA.by(), BEA.contact()).is_ok());
}

#[test]
fn an_ordinary_role_stands_in_the_way_too() {
    let roster = standard().with(BEA).holding(BEA, "technical");
    let refused = Violation::ContactHoldsRoles {
        roles: roles(&["technical"]),
    };
    assert_eq!(roster.erase_contact(ANA.by(), BEA.contact()), Err(refused));
}

#[test]
fn an_address_is_free_again_after_its_contact_is_gone() {
    let roster = standard().with(BEA);
    let changes = roster.erase_contact(ANA.by(), BEA.contact());
    let again = CreateContact {
        id: CEM.contact(),
        ..BEA.added()
    };
    assert!(roster.then(changes).create_contact(ANA.by(), &again).is_ok());
}

#[test]
fn a_transfer_to_a_contact_ends_with_the_contact() {
    let before = mixed().with_member(BEA, Permissions::none());
    let command = crate::ownership::TransferOwnership {
        id: crate::given::transfer_id(1),
        to: BEA.contact(),
    };
    let changes = before.transfer_ownership(ANA.by(), &command, None);
    let roster = before.then(changes);
    let removed = |at| roster.remove_contact(ANA.by_at(at), BEA.contact()).unwrap();
    let ended = |outcome| Change::TransferEnded {
        transfer: crate::given::transfer_id(1),
        outcome,
    };
    assert_eq!(removed(NOW)[0], ended(TransferOutcome::Cancelled));
    assert_eq!(removed(moment(60 * 24 * 8))[0], ended(TransferOutcome::Expired));
}

#[test]
fn removal_needs_its_permission() {
    let roster = standard().with(BEA).with_member(CEM, chosen(&["contacts:view"]));
    let refused = roster.remove_contact(CEM.by(), BEA.contact());
    assert_eq!(refused, Err(forbidden("contacts:manage")));
    assert!(roster.remove_contact(SYSTEM, BEA.contact()).is_ok());
}

#[test]
fn the_provider_erases_whatever_state_the_account_is_in() {
    let erased = vec![Change::ContactErased { contact: BEA.contact() }];
    for status in AccountStatus::ALL {
        let roster = standard().with(BEA).in_status(status);
        let changes = roster.erase_contact_on_request(ANA.by(), BEA.contact());
        assert_eq!(changes, Ok(erased.clone()), "{}", status.as_str());
        let refused = roster.erase_contact_on_request(ANA.by(), ANA.contact());
        assert!(matches!(refused, Err(Violation::ContactIsOwner { .. })), "{refused:?}");
    }
    // One that was removed before is left to the record.
    assert_eq!(standard().erase_contact_on_request(ANA.by(), BEA.contact()), Ok(erased));
}
