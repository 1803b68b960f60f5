use super::*;
use crate::given::{
    ANA, BEA, CEM, LINK, NOW, SOUND, SYSTEM, ZOE, address, chosen, mixed, moment, permission, role, saas_suite,
    standard,
};

#[test]
fn m_10_the_owner_may_do_everything_whatever_its_row_says() {
    let mut roster = standard();
    let member = roster.parts.members.get_mut(&ANA.user()).unwrap();
    member.permissions = Permissions::none();
    for permission in ServicePermission::ALL {
        assert_eq!(roster.require(ANA.by(), permission), Ok(()));
    }
}

#[test]
fn rights_are_read_at_the_moment_and_end_with_it() {
    let roster = standard()
        .with_member(BEA, Permissions::All)
        .expiring_member(BEA, moment(90));
    let required = |minutes| roster.require(BEA.by_at(moment(minutes)), ServicePermission::AuditView);
    assert_eq!(required(89), Ok(()));
    assert_eq!(required(90), Err(Violation::NotFound));
}

#[test]
fn to_strangers_and_suspended_members_the_account_is_not_there() {
    let roster = standard().with_member(BEA, Permissions::All).suspended_member(BEA);
    for by in [ZOE.by(), BEA.by()] {
        assert_eq!(
            roster.require(by, ServicePermission::ContactsView),
            Err(Violation::NotFound)
        );
        assert_eq!(roster.require_owner(by), Err(Violation::NotFound));
    }
}

#[test]
fn a_member_learns_which_permission_is_missing() {
    let roster = standard().with_member(BEA, chosen(&["contacts:view"]));
    assert_eq!(roster.require(BEA.by(), ServicePermission::ContactsView), Ok(()));
    let refused = Violation::Forbidden {
        permission: permission("roles:manage"),
    };
    assert_eq!(roster.require(BEA.by(), ServicePermission::RolesManage), Err(refused));
    assert_eq!(roster.require_owner(BEA.by()), Err(Violation::OwnerOnly));
}

#[test]
fn a_link_has_no_rights_and_the_service_has_all() {
    let refused = Violation::Forbidden {
        permission: permission("contacts:view"),
    };
    assert_eq!(standard().require(LINK, ServicePermission::ContactsView), Err(refused));
    assert_eq!(standard().require(SYSTEM, ServicePermission::ContactsView), Ok(()));
    assert_eq!(standard().require_owner(SYSTEM), Ok(()));
}

#[test]
fn a_transfer_waits_until_its_end() {
    let before = mixed().with_member(BEA, Permissions::none());
    let command = crate::ownership::TransferOwnership {
        id: crate::given::transfer_id(1),
        to: BEA.contact(),
    };
    let changes = before.transfer_ownership(ANA.by(), &command, None);
    let waiting = before.then(changes);
    assert!(waiting.pending_transfer(NOW).is_some());
    assert_eq!(waiting.pending_transfer(moment(60 + 7 * 24 * 60)), None);
}

#[test]
fn an_address_is_found_wherever_it_stands() {
    let mut command = BEA.added();
    command.more_addresses = vec![address("b2")];
    let before = standard();
    let changes = before.create_contact(ANA.by(), &command);
    let roster = before.then(changes);
    let found = roster.contact_with_address("b2@lima.example").map(|contact| contact.id);
    assert_eq!(found, Some(BEA.contact()));
    assert_eq!(roster.contact_with_address("b3@lima.example"), None);
}

mod broken {
    use super::*;

    /// What is broken once a hand has written into the rows of a sound account.
    fn after(write: impl FnOnce(&mut Parts)) -> Vec<String> {
        let mut roster = saas_suite().with_verified(BEA).with(CEM).promoted(BEA, &["billing"]);
        assert_eq!(roster.broken(), SOUND);
        write(&mut roster.parts);
        roster.broken()
    }

    fn member(parts: &mut Parts) -> &mut Membership {
        parts.members.get_mut(&ANA.user()).unwrap()
    }

    fn contact(parts: &mut Parts, person: crate::given::Person) -> &mut Contact {
        parts.contact_mut(person.contact()).unwrap()
    }

    #[test]
    fn an_owner_that_is_not_there_not_verified_or_cannot_log_in() {
        let found = after(|parts| parts.owner = ZOE.contact());
        assert_eq!(found, ["the owner is no contact of the account"]);
        let found = after(|parts| contact(parts, ANA).address.verified_at = None);
        assert_eq!(found, ["the owner is not verified"]);
        let found = after(|parts| drop(parts.members.remove(&ANA.user())));
        assert_eq!(found, ["the owner has no login"]);
        let found = after(|parts| member(parts).status = MemberStatus::Suspended);
        assert_eq!(found, ["the owner's login is suspended"]);
        let found = after(|parts| member(parts).expires_at = Some(NOW));
        assert_eq!(found, ["the owner's login ends by itself"]);
    }

    #[test]
    fn only_an_integration_opens_an_account_of_an_unverified_owner() {
        assert_eq!(saas_suite().not_activated().broken(), SOUND);
    }

    #[test]
    fn a_primary_holder_that_does_not_hold_the_role_or_is_not_verified() {
        let found = after(|parts| parts.holders.clear());
        assert_eq!(found, ["the primary holder of billing does not hold the role"]);
        let found = after(|parts| contact(parts, BEA).address.verified_at = None);
        let verified_only = "billing is held by an unverified contact";
        assert_eq!(found, [verified_only, "the primary holder of billing is not verified"]);
    }

    #[test]
    fn a_second_holder_of_a_role_with_one() {
        let found = after(|parts| {
            parts.holders.get_mut(&role("billing")).unwrap().insert(ANA.contact());
        });
        assert_eq!(found, ["billing has a holder beside its primary one"]);
    }

    #[test]
    fn a_holder_that_is_not_there_and_a_role_that_is_not() {
        let found = after(|parts| {
            parts.holders.insert(role("captain"), [ANA.contact()].into());
        });
        assert_eq!(found, ["captain is held and not in the catalog"]);
        let found = after(|parts| drop(parts.contacts.remove(&BEA.contact())));
        assert!(found.contains(&"billing is held by a contact that is not there".to_owned()));
        assert!(found.contains(&"a member is a contact that is not there".to_owned()));
    }

    #[test]
    fn two_entries_of_one_address() {
        let found = after(|parts| contact(parts, CEM).address.email = BEA.address());
        assert_eq!(found, ["two entries have one address"]);
        let found = after(|parts| contact(parts, CEM).pending_address = Some(address("c2")));
        assert_eq!(found, ["an address waits to replace one that is not verified"]);
    }

    #[test]
    fn two_members_of_one_contact() {
        let found = after(|parts| {
            let member = Membership {
                user: CEM.user(),
                ..parts.members[&BEA.user()].clone()
            };
            parts.members.insert(CEM.user(), member);
        });
        assert_eq!(found, ["two members are one contact"]);
    }

    #[test]
    fn a_link_that_leads_nowhere() {
        let found = after(|parts| {
            let id = crate::given::link_id(7);
            let (created_at, expires_at) = (NOW, moment(99));
            let address_key = "b2@lima.example".to_owned();
            let link = Verification {
                id,
                contact: BEA.contact(),
                address_key,
                created_at,
                expires_at,
            };
            parts.verifications.insert(id, link);
        });
        assert_eq!(found, ["a link proves an address that is not there"]);
    }

    #[test]
    fn a_transfer_from_nobody_or_to_nobody() {
        let transfer = |from, to| PendingTransfer {
            id: crate::given::transfer_id(1),
            from,
            to,
            created_at: NOW,
            expires_at: moment(99),
        };
        let nobody = "the account is offered to nobody who could take it";
        let found = after(|parts| parts.transfer = Some(transfer(BEA.contact(), CEM.contact())));
        assert_eq!(found, ["somebody else than the owner gives the account away", nobody]);
        let found = after(|parts| parts.transfer = Some(transfer(ANA.contact(), ZOE.contact())));
        assert_eq!(found, [nobody]);
        let to_bea = |parts: &mut Parts| parts.transfer = Some(transfer(ANA.contact(), BEA.contact()));
        assert_eq!(after(to_bea), SOUND);
        let found = after(|parts| {
            to_bea(parts);
            let bea = parts.members.get_mut(&BEA.user()).unwrap();
            bea.status = MemberStatus::Suspended;
        });
        assert_eq!(found, [nobody]);
    }
}
