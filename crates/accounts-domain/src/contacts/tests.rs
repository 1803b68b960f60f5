use super::*;
use crate::given::{
    ANA, BEA, CEM, LINK, NOW, Person, SYSTEM, ZOE, address, categories, category, chosen,
    datacenter, hosting, mixed, moment, permission, role, roles, saas_suite, standard, telephony,
};
use crate::mail::mails;
use crate::roster::AccountStatus;
use crate::verification::SendVerification;

const DAN: Person = Person(4, "Dan");
const EVA: Person = Person(5, "Eva");
const FAY: Person = Person(6, "Fay");

fn forbidden(key: &str) -> Violation {
    Violation::Forbidden { permission: permission(key) }
}

fn missing<const N: usize>(fields: [ContactField; N]) -> Violation {
    Violation::MissingFields { fields: BTreeSet::from(fields) }
}

fn called(name: &str) -> ContactPatch {
    ContactPatch { display_name: Some(DisplayName::parse(name).unwrap()), ..ContactPatch::default() }
}

fn at_address(local_part: &str) -> ContactPatch {
    ContactPatch { address: Some(address(local_part)), ..ContactPatch::default() }
}

fn with_more(local_parts: &[&str]) -> ContactPatch {
    let more = local_parts.iter().map(|part| address(part)).collect();
    ContactPatch { more_addresses: Some(more), ..ContactPatch::default() }
}

fn with_login(person: Person, permissions: Permissions) -> CreateContact {
    CreateContact { login: Some(permissions), ..person.added() }
}

fn changed(roster: &Roster, by: By, person: Person, patch: &ContactPatch) -> Roster {
    roster.clone().then(roster.change_contact(by, person.contact(), patch))
}

mod created {
    use super::*;

    #[test]
    fn m_13_m_44_a_name_and_an_address_suffice() {
        let mut command = BEA.added();
        command.profile.first_name = None;
        command.profile.last_name = None;
        command.profile.phones.clear();
        assert!(saas_suite().create_contact(ANA.by(), &command).is_ok());
    }

    #[test]
    fn m_45_m_46_l_11_a_new_contact_is_there_at_once_and_unverified() {
        let roster = saas_suite().with(BEA);
        let contact = roster.contact(BEA.contact()).unwrap();
        assert!(!contact.is_verified());
        assert_eq!((contact.version, contact.created_at), (1, NOW));
    }

    #[test]
    fn m_47_adding_sends_no_mail() {
        let before = saas_suite();
        let changes = before.create_contact(ANA.by(), &BEA.added()).unwrap();
        let after = before.clone().after(&changes, NOW);
        assert!(matches!(changes[..], [Change::ContactAdded { .. }]));
        assert_eq!(mails(&before, &after, &changes), []);
    }

    #[test]
    fn m_04_m_07_the_sixth_contact_is_refused() {
        let full = saas_suite().with(BEA).with(CEM).with(DAN).with(EVA);
        assert_eq!(full.contacts().count(), 5);
        let refused = full.create_contact(ANA.by(), &FAY.added());
        assert_eq!(refused, Err(Violation::ContactLimitReached { limit: 5 }));
    }

    #[test]
    fn an_operator_sets_an_account_its_own_limit() {
        let full = saas_suite().with(BEA).with(CEM).with(DAN).with(EVA).with_limit(6);
        assert!(full.create_contact(ANA.by(), &FAY.added()).is_ok());
    }

    #[test]
    fn a_lowered_limit_stops_additions_and_removes_nobody() {
        let roster = saas_suite().with(BEA).with(CEM).with_limit(2);
        assert_eq!(roster.broken(), [] as [String; 0]);
        let refused = roster.create_contact(ANA.by(), &DAN.added());
        assert_eq!(refused, Err(Violation::ContactLimitReached { limit: 2 }));
    }

    #[test]
    fn m_10_m_11_only_the_owner_manages_contacts() {
        let roster = saas_suite().with_verified(BEA);
        let refused = roster.create_contact(BEA.by(), &CEM.added());
        assert_eq!(refused, Err(forbidden("contacts:manage")));
        assert_eq!(roster.create_contact(ZOE.by(), &CEM.added()), Err(Violation::NotFound));
    }

    #[test]
    fn an_address_is_unique_within_the_account_without_case() {
        let roster = standard().with(BEA);
        let mut command = CEM.added();
        command.address = EmailAddress::parse(" BEA@Lima.Example").unwrap();
        let refused = roster.create_contact(ANA.by(), &command);
        assert_eq!(refused, Err(Violation::AddressTaken { address: command.address }));
    }

    #[test]
    fn no_address_is_given_twice_in_one_command() {
        let mut command = BEA.added();
        command.more_addresses = vec![address("b2"), address("B2")];
        let refused = standard().create_contact(ANA.by(), &command);
        assert_eq!(refused, Err(Violation::AddressTaken { address: address("B2") }));
    }

    #[test]
    fn o_12_a_contact_has_at_most_ten_more_addresses() {
        let mut command = BEA.added();
        command.more_addresses = (0..10).map(|n| address(&format!("b{n}"))).collect();
        assert!(standard().create_contact(ANA.by(), &command).is_ok());
        command.more_addresses.push(address("b10"));
        let refused = standard().create_contact(ANA.by(), &command);
        assert_eq!(refused, Err(Violation::TooManyAddresses { max: 10 }));
    }

    #[test]
    fn l_05_names_phone_and_role_are_required() {
        let mut command = BEA.added();
        command.profile.first_name = None;
        command.profile.last_name = None;
        command.profile.phones.clear();
        let all =
            [ContactField::FirstName, ContactField::LastName, ContactField::Phone, ContactField::Role];
        assert_eq!(datacenter().create_contact(ANA.by(), &command), Err(missing(all)));
    }

    #[test]
    fn l_07_at_least_one_role_is_required() {
        let refused = datacenter().create_contact(ANA.by(), &BEA.added());
        assert_eq!(refused, Err(missing([ContactField::Role])));
    }

    #[test]
    fn l_06_several_roles_are_given_at_creation() {
        let command = CreateContact { roles: roles(&["billing", "security"]), ..BEA.added() };
        let before = datacenter();
        let changes = before.create_contact(ANA.by(), &command);
        let roster = before.then(changes);
        assert_eq!(roster.roles_of(BEA.contact()), roles(&["billing", "security"]));
        assert_eq!(roster.primary(&role("billing")), Some(ANA.contact()));
    }

    #[test]
    fn roles_at_creation_need_the_right_to_give_them() {
        let roster = datacenter().with_member(BEA, chosen(&["contacts:manage"]));
        let command = CreateContact { roles: roles(&["billing"]), ..CEM.added() };
        assert_eq!(roster.create_contact(BEA.by(), &command), Err(forbidden("roles:manage")));
    }

    #[test]
    fn m_59_a_new_contact_gets_no_role_for_verified_ones() {
        let command = CreateContact { roles: roles(&["many_verified"]), ..BEA.added() };
        assert_eq!(mixed().create_contact(ANA.by(), &command), Err(Violation::ContactNotVerified));
    }

    #[test]
    fn m_21_a_role_with_a_single_holder_is_not_given_at_creation() {
        let command = CreateContact { roles: roles(&["billing"]), ..BEA.added() };
        let refused = saas_suite().create_contact(ANA.by(), &command);
        assert_eq!(refused, Err(Violation::RoleHasSingleHolder { role: role("billing") }));
    }

    #[test]
    fn what_the_catalog_does_not_know_is_refused() {
        let create = |command| standard().create_contact(ANA.by(), &command);
        let unknown = Violation::UnknownRole { role: role("captain") };
        assert_eq!(create(CreateContact { roles: roles(&["captain"]), ..BEA.added() }), Err(unknown));
        let unknown = Violation::UnknownCategory { category: category("gossip") };
        let subscribed = CreateContact { subscriptions: categories(&["gossip"]), ..BEA.added() };
        assert_eq!(create(subscribed), Err(unknown));
        let unknown = Violation::UnknownPermission { permission: permission("ship:steer") };
        assert_eq!(create(with_login(BEA, chosen(&["ship:steer"]))), Err(unknown));
    }

    #[test]
    fn l_09_a_contact_alone_has_no_login() {
        let roster = datacenter().with_verified(BEA);
        assert_eq!(roster.member_of_contact(BEA.contact()), None);
    }

    #[test]
    fn l_08_l_10_a_contact_is_created_as_a_user_with_permissions_of_its_own() {
        let mut command = with_login(BEA, chosen(&["tickets:open"]));
        command.roles = roles(&["billing"]);
        let before = datacenter();
        let changes = before.create_contact(ANA.by(), &command);
        let roster = before.then(changes).with_proof(BEA);
        let permissions = roster.permissions_of(BEA.user(), NOW);
        assert_eq!(permissions, Some(chosen(&["tickets:open"])));
        assert_eq!(roster.contact(BEA.contact()).unwrap().login_request, None);
    }

    #[test]
    fn u_11_k_04_contacts_get_no_login_where_the_catalog_gives_none() {
        for roster in [hosting(), telephony()] {
            let refused = roster.create_contact(ANA.by(), &with_login(BEA, Permissions::none()));
            assert_eq!(refused, Err(Violation::LoginNotOffered));
        }
    }

    #[test]
    fn nobody_grants_what_they_do_not_have() {
        let manager = chosen(&["contacts:manage", "members:manage", "tickets:view"]);
        let roster = standard().with_member(BEA, manager);
        let create = |permissions| roster.create_contact(BEA.by(), &with_login(CEM, permissions));
        assert!(create(chosen(&["tickets:view"])).is_ok());
        assert_eq!(create(chosen(&["tickets:open"])), Err(Violation::CannotGrant));
        assert_eq!(create(Permissions::All), Err(Violation::CannotGrant));
    }

    #[test]
    fn a_login_at_creation_needs_the_right_to_add_members() {
        let roster = standard().with_member(BEA, chosen(&["contacts:manage"]));
        let refused = roster.create_contact(BEA.by(), &with_login(CEM, Permissions::none()));
        assert_eq!(refused, Err(forbidden("members:manage")));
    }

    #[test]
    fn faults_of_values_come_before_the_state_of_the_account() {
        let roster = datacenter().in_status(AccountStatus::Suspended);
        let refused = roster.create_contact(ANA.by(), &BEA.added());
        assert_eq!(refused, Err(missing([ContactField::Role])));
        let command = CreateContact { roles: roles(&["general"]), ..BEA.added() };
        assert_eq!(roster.create_contact(ANA.by(), &command), Err(Violation::AccountSuspended));
    }
}

mod edited {
    use super::*;

    #[test]
    fn m_12_m_22_m_30_m_36_everybody_changes_the_own_name() {
        let roster = saas_suite().with_verified(BEA);
        let owner = changed(&roster, ANA.by(), ANA, &called("Ana Maria"));
        assert_eq!(owner.contact(ANA.contact()).unwrap().profile.display_name.as_str(), "Ana Maria");
        let other = changed(&roster, BEA.by(), BEA, &called("Beatriz"));
        assert_eq!(other.contact(BEA.contact()).unwrap().profile.display_name.as_str(), "Beatriz");
    }

    #[test]
    fn m_39_nobody_edits_another_persons_name() {
        let roster = saas_suite().with_verified(BEA).with_verified(CEM);
        let change = |by, person: Person| roster.change_contact(by, person.contact(), &called("X"));
        assert_eq!(change(ANA.by(), BEA), Err(Violation::ProfileBelongsToPerson));
        assert_eq!(change(CEM.by(), BEA), Err(forbidden("contacts:manage")));
    }

    #[test]
    fn the_owner_names_a_contact_that_does_not_log_in() {
        let roster = saas_suite().with(BEA);
        assert!(roster.change_contact(ANA.by(), BEA.contact(), &called("X")).is_ok());
    }

    #[test]
    fn l_13_managers_edit_everybody_where_the_catalog_says_so() {
        let roster = datacenter().with_member(BEA, Permissions::none());
        assert!(roster.change_contact(ANA.by(), BEA.contact(), &called("X")).is_ok());
        let refused = roster.change_contact(BEA.by(), BEA.contact(), &called("X"));
        assert_eq!(refused, Err(forbidden("contacts:manage")));
    }

    #[test]
    fn addresses_stay_with_the_managers() {
        let roster = saas_suite().with_verified(BEA);
        let refused = roster.change_contact(BEA.by(), BEA.contact(), &at_address("b2"));
        assert_eq!(refused, Err(forbidden("contacts:manage")));
        let refused = roster.change_contact(BEA.by(), BEA.contact(), &with_more(&["b2"]));
        assert_eq!(refused, Err(forbidden("contacts:manage")));
    }

    #[test]
    fn what_a_patch_only_repeats_is_no_edit() {
        let roster = saas_suite().with_verified(BEA);
        let same = ContactPatch { address: Some(BEA.address()), ..with_more(&[]) };
        assert_eq!(roster.change_contact(BEA.by(), BEA.contact(), &same), Ok(vec![]));
        assert_eq!(roster.change_contact(ANA.by(), BEA.contact(), &called("Bea")), Ok(vec![]));
        assert_eq!(roster.change_contact(ANA.by(), BEA.contact(), &ContactPatch::default()), Ok(vec![]));
    }

    #[test]
    fn required_fields_are_not_emptied() {
        let roster = datacenter().with(BEA);
        let patch = ContactPatch { phones: Some(vec![]), ..ContactPatch::default() };
        let refused = roster.change_contact(ANA.by(), BEA.contact(), &patch);
        assert_eq!(refused, Err(missing([ContactField::Phone])));
    }

    #[test]
    fn a_field_that_came_to_be_required_later_does_not_stop_other_edits() {
        let mut roster = datacenter().with(BEA);
        roster.parts.contacts.get_mut(&BEA.contact()).unwrap().profile.phones.clear();
        assert!(roster.change_contact(ANA.by(), BEA.contact(), &called("X")).is_ok());
    }

    #[test]
    fn a_contact_of_another_account_is_not_there() {
        let roster = standard();
        let refused = roster.change_contact(ANA.by(), ZOE.contact(), &called("X"));
        assert_eq!(refused, Err(Violation::NotFound));
        assert_eq!(roster.remove_contact(ANA.by(), ZOE.contact()), Err(Violation::NotFound));
        let suspended = roster.in_status(AccountStatus::Suspended);
        assert_eq!(suspended.remove_contact(ANA.by(), ZOE.contact()), Err(Violation::NotFound));
    }

    #[test]
    fn u_22_u_23_wishes_act_at_once() {
        let roster = hosting().with(BEA);
        let wished = categories(&["invoices"]);
        let changes = roster.subscribe(ANA.by(), BEA.contact(), &wished);
        let roster = roster.then(changes);
        assert!(roster.hearers(&category("invoices")).contains(&BEA.contact()));
        assert_eq!(roster.subscribe(ANA.by(), BEA.contact(), &wished), Ok(vec![]));
    }

    #[test]
    fn a_person_sets_the_own_wishes_and_nobody_elses() {
        let roster = saas_suite().with_verified(BEA);
        let wished = categories(&["invoice"]);
        assert!(roster.subscribe(BEA.by(), BEA.contact(), &wished).is_ok());
        let refused = roster.subscribe(BEA.by(), ANA.contact(), &wished);
        assert_eq!(refused, Err(forbidden("contacts:manage")));
    }

    #[test]
    fn a_wish_for_an_unknown_category_is_refused() {
        let refused = standard().subscribe(ANA.by(), ANA.contact(), &categories(&["gossip"]));
        assert_eq!(refused, Err(Violation::UnknownCategory { category: category("gossip") }));
    }
}

mod addresses {
    use super::*;

    fn sent(roster: &Roster, link: u32, person: Person) -> Roster {
        let id = crate::given::link_id(link);
        let command = SendVerification { id, contact: person.contact(), address: None };
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
        assert_eq!(roster.confirm_verification(LINK, &BEA.confirms(7)), Err(Violation::LinkExpired));
        let back = changed(&roster, ANA.by(), BEA, &at_address("bea"));
        assert_eq!(back.confirm_verification(LINK, &BEA.confirms(7)), Err(Violation::LinkExpired));
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
        assert_eq!(roster.change_contact(ANA.by(), BEA.contact(), &at_address("cem")), Ok(vec![]));
    }

    #[test]
    fn more_addresses_come_and_go_and_are_verified_one_by_one() {
        let roster = changed(&standard().with_verified(BEA), ANA.by(), BEA, &with_more(&["b2", "b3"]));
        let roster = changed(&roster, ANA.by(), BEA, &with_more(&["b3", "b4"]));
        let contact = roster.contact(BEA.contact()).unwrap();
        assert!(contact.more_addresses.keys().eq(["b3@lima.example", "b4@lima.example"]));
        assert!(contact.more_addresses.values().all(|address| address.verified_at.is_none()));
    }

    #[test]
    fn the_main_address_is_not_removed() {
        let roster = changed(&standard().with(BEA), ANA.by(), BEA, &with_more(&["b2"]));
        let remove = |key: &str| roster.remove_address(ANA.by(), BEA.contact(), key);
        assert_eq!(remove("bea@lima.example"), Err(Violation::AddressInUse));
        assert_eq!(remove("b9@lima.example"), Err(Violation::NotFound));
        let gone = Change::AddressRemoved { contact: BEA.contact(), address: address("b2") };
        assert_eq!(remove("b2@lima.example"), Ok(vec![gone]));
    }

    #[test]
    fn the_address_that_waits_is_removed() {
        let roster = changed(&standard().with_verified(BEA), ANA.by(), BEA, &at_address("b2"));
        let changes = roster.remove_address(ANA.by(), BEA.contact(), "b2@lima.example");
        assert_eq!(roster.then(changes).contact(BEA.contact()).unwrap().pending_address, None);
    }

    #[test]
    fn nobody_turns_a_waiting_login_to_the_own_mailbox() {
        let before = standard().with_member(CEM, chosen(&["contacts:manage"]));
        let changes = before.create_contact(ANA.by(), &with_login(BEA, Permissions::All));
        let roster = before.then(changes);
        let turn = |by| roster.change_contact(by, BEA.contact(), &at_address("trap"));
        assert_eq!(turn(CEM.by()), Err(forbidden("members:manage")));
        assert!(turn(ANA.by()).is_ok());
        let strong = roster.clone().with_member(DAN, chosen(&["contacts:manage", "members:manage"]));
        let refused = strong.change_contact(DAN.by(), BEA.contact(), &at_address("trap"));
        assert_eq!(refused, Err(Violation::CannotGrant));
    }
}

mod removed {
    use super::*;

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
        assert_eq!(saas_suite().remove_contact(ANA.by(), ANA.contact()), Err(refused.clone()));
        assert_eq!(saas_suite().erase_contact(ANA.by(), ANA.contact()), Err(refused));
    }

    #[test]
    fn m_54_a_holder_is_not_removed_until_the_role_is_moved() {
        let roster = saas_suite().with_verified(BEA).promoted(BEA, &["billing", "technical"]);
        let refused = Violation::ContactHoldsRoles { roles: roles(&["billing", "technical"]) };
        assert_eq!(roster.remove_contact(ANA.by(), BEA.contact()), Err(refused));
        let moved = roster.promoted(ANA, &["billing", "technical"]);
        assert!(moved.remove_contact(ANA.by(), BEA.contact()).is_ok());
    }

    #[test]
    fn an_ordinary_role_stands_in_the_way_too() {
        let roster = standard().with(BEA).holding(BEA, "technical");
        let refused = Violation::ContactHoldsRoles { roles: roles(&["technical"]) };
        assert_eq!(roster.erase_contact(ANA.by(), BEA.contact()), Err(refused));
    }

    #[test]
    fn an_address_is_free_again_after_its_contact_is_gone() {
        let roster = standard().with(BEA);
        let changes = roster.erase_contact(ANA.by(), BEA.contact());
        let again = CreateContact { id: CEM.contact(), ..BEA.added() };
        assert!(roster.then(changes).create_contact(ANA.by(), &again).is_ok());
    }

    #[test]
    fn a_transfer_to_a_contact_ends_with_the_contact() {
        let before = mixed().with_member(BEA, Permissions::none());
        let command =
            crate::ownership::TransferOwnership { id: crate::given::transfer_id(1), to: BEA.contact() };
        let changes = before.transfer_ownership(ANA.by(), &command);
        let roster = before.then(changes);
        let removed = |at| roster.remove_contact(ANA.by_at(at), BEA.contact()).unwrap();
        let ended = |outcome| Change::TransferEnded { transfer: crate::given::transfer_id(1), outcome };
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
}
