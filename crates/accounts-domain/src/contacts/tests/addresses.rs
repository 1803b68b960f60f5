//! Addresses: changed, added, withdrawn.

use super::*;

fn sent(roster: &Roster, link: u32, person: Person) -> Roster {
    let id = crate::given::link_id(link);
    let command = SendVerification {
        id,
        contact: person.contact(),
        address: None,
    };
    roster.clone().then(roster.send_verification(ANA.by(), &command))
}

#[test]
fn an_unverified_address_gives_way_at_once() {
    let roster = changed(&standard().with(BEA), ANA.by(), BEA, &at_address("b2"));
    let contact = roster.contact(BEA.contact()).unwrap();
    assert_eq!(contact.address.email, address("b2"));
    assert!(!contact.is_verified());
}

#[test]
fn a_verified_address_stays_in_force_until_the_new_one_is_verified() {
    let roster = changed(&standard().with_verified(BEA), ANA.by(), BEA, &at_address("b2"));
    let waiting = roster.contact(BEA.contact()).unwrap();
    assert_eq!((&waiting.address.email, waiting.is_verified()), (&BEA.address(), true));
    let moved = roster.with_proof(BEA);
    let contact = moved.contact(BEA.contact()).unwrap();
    assert_eq!((&contact.address.email, contact.is_verified()), (&address("b2"), true));
    assert_eq!(contact.pending_address, None);
}

#[test]
fn links_to_an_older_address_are_dead() {
    let roster = sent(&standard().with(BEA), 7, BEA);
    let roster = changed(&roster, ANA.by(), BEA, &at_address("b2"));
    assert_eq!(
        roster.confirm_verification(LINK, &BEA.confirms(7)),
        Err(Violation::LinkExpired)
    );
    let back = changed(&roster, ANA.by(), BEA, &at_address("bea"));
    assert_eq!(
        back.confirm_verification(LINK, &BEA.confirms(7)),
        Err(Violation::LinkExpired)
    );
}

#[test]
fn the_present_address_withdraws_the_one_that_waits() {
    let roster = changed(&standard().with_verified(BEA), ANA.by(), BEA, &at_address("b2"));
    let roster = changed(&roster, ANA.by(), BEA, &at_address("BEA"));
    assert_eq!(roster.contact(BEA.contact()).unwrap().pending_address, None);
}

#[test]
fn an_address_that_waits_is_taken_for_others() {
    let roster = changed(&standard().with_verified(BEA), ANA.by(), BEA, &at_address("cem"));
    let refused = roster.create_contact(ANA.by(), &CEM.added());
    assert_eq!(refused, Err(Violation::AddressTaken { address: CEM.address() }));
    assert_eq!(
        roster.change_contact(ANA.by(), BEA.contact(), &at_address("cem")),
        Ok(vec![])
    );
}

#[test]
fn more_addresses_come_and_go_and_are_verified_one_by_one() {
    let roster = changed(&standard().with_verified(BEA), ANA.by(), BEA, &with_more(&["b2", "b3"]));
    let roster = changed(&roster, ANA.by(), BEA, &with_more(&["b3", "b4"]));
    let contact = roster.contact(BEA.contact()).unwrap();
    assert!(contact.more_addresses.keys().eq(["b3@lima.example", "b4@lima.example"]));
    assert!(
        contact
            .more_addresses
            .values()
            .all(|address| address.verified_at.is_none())
    );
}

#[test]
fn the_main_address_is_not_removed() {
    let roster = changed(&standard().with(BEA), ANA.by(), BEA, &with_more(&["b2"]));
    let remove = |key: &str| roster.remove_address(ANA.by(), BEA.contact(), key);
    assert_eq!(remove("bea@lima.example"), Err(Violation::AddressInUse));
    assert_eq!(remove("b9@lima.example"), Err(Violation::NotFound));
    let gone = Change::AddressRemoved {
        contact: BEA.contact(),
        address: address("b2"),
    };
    assert_eq!(remove("b2@lima.example"), Ok(vec![gone]));
}

#[test]
fn the_address_that_waits_is_removed() {
    let roster = changed(&standard().with_verified(BEA), ANA.by(), BEA, &at_address("b2"));
    let changes = roster.remove_address(ANA.by(), BEA.contact(), "b2@lima.example");
    assert_eq!(
        roster.then(changes).contact(BEA.contact()).unwrap().pending_address,
        None
    );
}

#[test]
fn nobody_turns_a_waiting_login_to_the_own_mailbox() {
    let before = standard().with_member(CEM, chosen(&["contacts:manage"]));
    let changes = before.create_contact(ANA.by(), &with_login(BEA, Permissions::All));
    let roster = before.then(changes);
    let turn = |by| roster.change_contact(by, BEA.contact(), &at_address("trap"));
    assert_eq!(turn(CEM.by()), Err(forbidden("members:manage")));
    assert!(turn(ANA.by()).is_ok());
    let strong = roster
        .clone()
        .with_member(DAN, chosen(&["contacts:manage", "members:manage"]));
    let refused = strong.change_contact(DAN.by(), BEA.contact(), &at_address("trap"));
    assert_eq!(refused, Err(Violation::CannotGrant));
}
