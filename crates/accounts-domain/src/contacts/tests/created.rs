//! What a new contact needs, has and is refused.

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
    assert_eq!(roster.broken(), SOUND);
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
    assert_eq!(
        refused,
        Err(Violation::AddressTaken {
            address: command.address
        })
    );
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
    let all = [
        ContactField::FirstName,
        ContactField::LastName,
        ContactField::Phone,
        ContactField::Role,
    ];
    assert_eq!(datacenter().create_contact(ANA.by(), &command), Err(missing(all)));
}

#[test]
fn l_07_at_least_one_role_is_required() {
    let refused = datacenter().create_contact(ANA.by(), &BEA.added());
    assert_eq!(refused, Err(missing([ContactField::Role])));
}

#[test]
fn l_06_several_roles_are_given_at_creation() {
    let command = CreateContact {
        roles: roles(&["billing", "security"]),
        ..BEA.added()
    };
    let before = datacenter();
    let changes = before.create_contact(ANA.by(), &command);
    let roster = before.then(changes);
    assert_eq!(roster.roles_of(BEA.contact()), roles(&["billing", "security"]));
    assert_eq!(roster.primary(&role("billing")), Some(ANA.contact()));
}

#[test]
fn roles_at_creation_need_the_right_to_give_them() {
    let roster = datacenter().with_member(BEA, chosen(&["contacts:manage"]));
    let command = CreateContact {
        roles: roles(&["billing"]),
        ..CEM.added()
    };
    assert_eq!(
        roster.create_contact(BEA.by(), &command),
        Err(forbidden("roles:manage"))
    );
}

#[test]
fn m_59_a_new_contact_gets_no_role_for_verified_ones() {
    let command = CreateContact {
        roles: roles(&["many_verified"]),
        ..BEA.added()
    };
    assert_eq!(
        mixed().create_contact(ANA.by(), &command),
        Err(Violation::ContactNotVerified)
    );
}

#[test]
fn m_21_a_role_with_a_single_holder_is_not_given_at_creation() {
    let command = CreateContact {
        roles: roles(&["billing"]),
        ..BEA.added()
    };
    let refused = saas_suite().create_contact(ANA.by(), &command);
    assert_eq!(refused, Err(Violation::RoleHasSingleHolder { role: role("billing") }));
}

#[test]
fn what_the_catalog_does_not_know_is_refused() {
    let create = |command| standard().create_contact(ANA.by(), &command);
    let unknown = Violation::UnknownRole { role: role("captain") };
    assert_eq!(
        create(CreateContact {
            roles: roles(&["captain"]),
            ..BEA.added()
        }),
        Err(unknown)
    );
    let unknown = Violation::UnknownCategory {
        category: category("gossip"),
    };
    let subscribed = CreateContact {
        subscriptions: categories(&["gossip"]),
        ..BEA.added()
    };
    assert_eq!(create(subscribed), Err(unknown));
    let unknown = Violation::UnknownPermission {
        permission: permission("ship:steer"),
    };
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
    let command = CreateContact {
        roles: roles(&["general"]),
        ..BEA.added()
    };
    assert_eq!(
        roster.create_contact(ANA.by(), &command),
        Err(Violation::AccountSuspended)
    );
}
