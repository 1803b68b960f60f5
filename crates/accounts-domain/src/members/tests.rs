//! Who changes whose membership, and what becomes of it.

use chrono::TimeDelta;

use super::*;
use crate::contacts::ContactPatch;
use crate::given::{
    ANA, BEA, CEM, LINK, NOW, Person, SYSTEM, ZOE, chosen, hosting, mixed, moment, permission, role, roles, standard,
    transfer_id,
};
use crate::language::Language;
use crate::ownership::TransferOwnership;
use crate::roster::AccountStatus;

/// Bea manages members and may open tickets; Cem may see contacts.
fn office() -> Roster {
    standard()
        .with_member(BEA, chosen(&["members:manage", "contacts:view", "tickets:open"]))
        .with_member(CEM, chosen(&["contacts:view"]))
}

fn permissions(permissions: Permissions) -> MemberPatch {
    MemberPatch {
        permissions: Some(permissions),
        ..MemberPatch::default()
    }
}

fn status(status: MemberStatus) -> MemberPatch {
    MemberPatch {
        status: Some(status),
        ..MemberPatch::default()
    }
}

fn ends(expires_at: Option<DateTime<Utc>>) -> MemberPatch {
    MemberPatch {
        expires_at: Some(expires_at),
        ..MemberPatch::default()
    }
}

/// Everything that can be done to a member.
fn acts(roster: &Roster, by: By, person: Person) -> [Result<Vec<Change>, Violation>; 5] {
    let change = |patch: &MemberPatch| roster.change_member(by, person.user(), patch);
    [
        change(&permissions(Permissions::none())),
        change(&status(MemberStatus::Suspended)),
        change(&ends(Some(moment(9_999)))),
        change(&MemberPatch::default()),
        roster.remove_member(by, person.user()),
    ]
}

fn changed(roster: Roster, by: By, person: Person, patch: &MemberPatch) -> Roster {
    let changes = roster.change_member(by, person.user(), patch);
    roster.then(changes)
}

/// Cem was offered the account.
fn offered() -> Roster {
    let roster = mixed()
        .with_member(BEA, Permissions::All)
        .with_member(CEM, Permissions::none());
    let command = TransferOwnership {
        id: transfer_id(1),
        to: CEM.contact(),
    };
    let changes = roster.transfer_ownership(ANA.by(), &command, None);
    roster.then(changes)
}

#[test]
fn k_08_a_member_may_do_what_was_picked() {
    let patch = permissions(chosen(&["tickets:open"]));
    let roster = changed(office(), ANA.by(), CEM, &patch);
    assert_eq!(roster.permissions_of(CEM.user(), NOW), Some(chosen(&["tickets:open"])));
    let member = roster.member(CEM.user()).unwrap();
    assert_eq!((member.version, member.updated_at), (2, NOW));
}

#[test]
fn u_15_all_includes_what_is_added_later() {
    let roster = changed(office(), ANA.by(), CEM, &permissions(Permissions::All));
    let later = permission("anything:later");
    assert!(roster.permissions_of(CEM.user(), NOW).unwrap().contains(&later));
}

#[test]
fn members_are_managed_by_whoever_has_the_permission() {
    let roster = office();
    let permission = ServicePermission::MembersManage.key();
    let refused = Violation::Forbidden { permission };
    for act in acts(&roster, CEM.by(), BEA).into_iter().chain(acts(&roster, LINK, BEA)) {
        assert_eq!(act, Err(refused.clone()));
    }
    for act in acts(&roster, ZOE.by(), BEA) {
        assert_eq!(act, Err(Violation::NotFound));
    }
    for act in acts(&roster, ANA.by(), ZOE) {
        assert_eq!(act, Err(Violation::NotFound));
    }
    for by in [ANA.by(), BEA.by(), SYSTEM] {
        assert!(acts(&roster, by, CEM).iter().all(Result::is_ok));
    }
}

#[test]
fn nobody_changes_the_own_membership() {
    for act in acts(&office(), BEA.by(), BEA)
        .into_iter()
        .chain(acts(&office(), ANA.by(), ANA))
    {
        assert_eq!(act, Err(Violation::OwnMembership));
    }
}

#[test]
fn nobody_grants_beyond_their_own() {
    let roster = office();
    let grant = |wanted: Permissions| roster.change_member(BEA.by(), CEM.user(), &permissions(wanted));
    assert!(grant(chosen(&["tickets:open", "members:manage"])).is_ok());
    assert_eq!(grant(chosen(&["invoices:view"])), Err(Violation::CannotGrant));
    assert_eq!(grant(Permissions::All), Err(Violation::CannotGrant));
    let unknown = permission("moon:visit");
    let refused = Violation::UnknownPermission {
        permission: unknown.clone(),
    };
    assert_eq!(grant([unknown].into_iter().collect()), Err(refused));
}

#[test]
fn nobody_touches_a_member_who_may_do_more() {
    for more in [Permissions::All, chosen(&["invoices:view"])] {
        let roster = changed(office(), ANA.by(), CEM, &permissions(more));
        for act in acts(&roster, BEA.by(), CEM) {
            assert_eq!(act, Err(Violation::MemberHoldsMore));
        }
        // Not even while the membership is not in use.
        let suspended = roster.clone().suspended_member(CEM);
        let refused = suspended.change_member(BEA.by(), CEM.user(), &status(MemberStatus::Active));
        assert_eq!(refused, Err(Violation::MemberHoldsMore));
    }
}

#[test]
fn nobody_ends_the_log_in_of_somebody_who_may_do_more_by_way_of_the_contact() {
    let roster = standard()
        .with_member(BEA, chosen(&["contacts:manage"]))
        .with_member(CEM, Permissions::All);
    for refused in [
        roster.remove_contact(BEA.by(), CEM.contact()),
        roster.erase_contact(BEA.by(), CEM.contact()),
    ] {
        assert_eq!(refused, Err(Violation::MemberHoldsMore));
    }
    assert!(roster.remove_contact(CEM.by(), BEA.contact()).is_ok());
    assert!(roster.remove_contact(BEA.by(), BEA.contact()).is_ok());
}

#[test]
fn the_owner_stands_outside() {
    let roster = office()
        .with_verified(Person(4, "Dan"))
        .joined(Person(4, "Dan"), Permissions::All);
    for by in [BEA.by(), Person(4, "Dan").by(), SYSTEM] {
        for act in acts(&roster, by, ANA) {
            assert_eq!(act, Err(Violation::MemberIsOwner));
        }
    }
    assert_eq!(roster.leave_account(ANA.by()), Err(Violation::MemberIsOwner));
}

#[test]
fn a_suspended_member_is_not_there_until_it_is_reinstated() {
    let suspended = changed(office(), BEA.by(), CEM, &status(MemberStatus::Suspended));
    assert_eq!(suspended.live_member(CEM.user(), NOW), None);
    assert_eq!(suspended.member(CEM.user()).unwrap().standing(NOW), Standing::Suspended);
    assert_eq!(suspended.leave_account(CEM.by()), Err(Violation::NotFound));
    let reinstated = changed(suspended, BEA.by(), CEM, &status(MemberStatus::Active));
    assert_eq!(
        reinstated.permissions_of(CEM.user(), NOW),
        Some(chosen(&["contacts:view"]))
    );
}

#[test]
fn a_membership_ends_by_itself_at_its_moment() {
    let end = moment(120);
    let roster = changed(office(), ANA.by(), CEM, &ends(Some(end)));
    let before = end - TimeDelta::microseconds(1);
    assert!(roster.live_member(CEM.user(), before).is_some());
    assert_eq!(roster.live_member(CEM.user(), end), None);
    assert_eq!(roster.member(CEM.user()).unwrap().standing(end), Standing::Expired);
    let changes = roster.change_member(ANA.by_at(end), CEM.user(), &ends(None));
    assert!(roster.then(changes).live_member(CEM.user(), end).is_some());
}

#[test]
fn a_membership_ends_at_a_moment_that_lies_ahead() {
    let roster = office();
    for past in [NOW, moment(59)] {
        let refused = roster.change_member(ANA.by(), CEM.user(), &ends(Some(past)));
        assert_eq!(refused, Err(Violation::EndPassed));
    }
    // Saying again what is so already is no new end.
    let expired = roster.expiring_member(CEM, moment(61));
    let again = expired.change_member(ANA.by_at(moment(90)), CEM.user(), &ends(Some(moment(61))));
    assert_eq!(again, Ok(Vec::new()));
}

#[test]
fn removing_and_leaving_end_the_membership_and_leave_the_contact() {
    let roster = office().holding(CEM, "billing");
    let ends = [
        roster.remove_member(BEA.by(), CEM.user()),
        roster.leave_account(CEM.by()),
    ];
    for changes in ends {
        let after = roster.clone().then(changes);
        assert_eq!(after.member(CEM.user()), None);
        assert_eq!(after.roles_of(CEM.contact()), roles(&["billing"]));
        // Whoever reads the contact sees that it logs in no more.
        let version = |roster: &Roster| roster.contact(CEM.contact()).unwrap().version;
        assert_eq!(version(&after), version(&roster) + 1);
    }
}

#[test]
fn a_primary_holder_who_is_removed_keeps_the_place() {
    let roster = office().promoted(CEM, &["billing"]);
    let changes = roster.remove_member(ANA.by(), CEM.user());
    assert_eq!(roster.then(changes).primary(&role("billing")), Some(CEM.contact()));
}

#[test]
fn a_removed_member_is_not_let_in_again_by_the_contacts_new_address() {
    let roster = office();
    let changes = roster.remove_member(ANA.by(), CEM.user());
    let removed = roster.then(changes);
    let patch = ContactPatch {
        address: Some(crate::given::address("c2")),
        ..ContactPatch::default()
    };
    let changes = removed.change_contact(ANA.by(), CEM.contact(), &patch);
    let proven = removed.then(changes).with_proof(CEM);
    assert_eq!(proven.member(CEM.user()), None);
}

#[test]
fn only_a_member_leaves() {
    let roster = office();
    assert_eq!(roster.leave_account(ZOE.by()), Err(Violation::NotFound));
    for nobody in [SYSTEM, LINK] {
        assert_eq!(roster.leave_account(nobody), Err(Violation::OtherPerson));
    }
    assert!(roster.leave_account(BEA.by()).is_ok());
}

#[test]
fn memberships_of_a_suspended_account_stay_as_they_are() {
    let roster = office().in_status(AccountStatus::Suspended);
    for act in acts(&roster, ANA.by(), CEM) {
        assert_eq!(act, Err(Violation::AccountSuspended));
    }
    assert_eq!(roster.leave_account(CEM.by()), Err(Violation::AccountSuspended));
}

#[test]
fn what_is_so_already_changes_nothing() {
    let patch = MemberPatch {
        permissions: Some(chosen(&["contacts:view"])),
        status: Some(MemberStatus::Active),
        expires_at: Some(None),
    };
    assert_eq!(office().change_member(BEA.by(), CEM.user(), &patch), Ok(Vec::new()));
}

#[test]
fn an_offer_ends_with_what_made_its_recipient_fit_to_own() {
    let roster = offered();
    let end = ends(Some(moment(9_999)));
    let suspension = status(MemberStatus::Suspended);
    for changes in [
        roster.change_member(BEA.by(), CEM.user(), &suspension),
        roster.change_member(BEA.by(), CEM.user(), &end),
        roster.remove_member(BEA.by(), CEM.user()),
        roster.leave_account(CEM.by()),
    ] {
        let ended = Change::TransferEnded {
            transfer: transfer_id(1),
            outcome: TransferOutcome::Cancelled,
        };
        assert_eq!(changes.as_ref().unwrap()[0], ended);
        assert_eq!(roster.clone().then(changes).parts.transfer, None);
    }
}

#[test]
fn an_offer_that_nobody_answered_in_time_has_expired_and_was_not_taken_back() {
    let late = moment(8 * 24 * 60);
    let changes = offered().remove_member(BEA.by_at(late), CEM.user()).unwrap();
    let ended = Change::TransferEnded {
        transfer: transfer_id(1),
        outcome: TransferOutcome::Expired,
    };
    assert_eq!(changes[0], ended);
}

#[test]
fn an_offer_to_somebody_else_goes_on() {
    let roster = offered();
    for changes in [
        roster.remove_member(ANA.by(), BEA.user()),
        roster.change_member(ANA.by(), CEM.user(), &permissions(Permissions::All)),
        roster.change_member(ANA.by(), BEA.user(), &status(MemberStatus::Suspended)),
    ] {
        assert!(roster.clone().then(changes).parts.transfer.is_some());
    }
}

fn user(person: Person, language: Language) -> User {
    User {
        id: person.user(),
        address: crate::given::address("log.in"),
        display_name: DisplayName::parse(person.1).unwrap(),
        language,
        ..crate::users::tests::person().user
    }
}

#[test]
fn whoever_loses_the_place_is_told_at_the_address_of_the_log_in() {
    let roster = office();
    let removal = roster.remove_member(BEA.by(), CEM.user()).unwrap();
    let told = news(&roster, &removal);
    assert_eq!((told.len(), told[0].user), (1, CEM.user()));
    let mail = Mail {
        contact: Some(CEM.contact()),
        to: crate::given::address("log.in"),
        language: Language::Fr,
        letter: Letter::MembershipEnded {
            name: "Cem".to_owned(),
            account: "Lima".to_owned(),
        },
    };
    assert_eq!(told[0].mail(&user(CEM, Language::Fr)), mail);

    let suspension = roster.change_member(BEA.by(), CEM.user(), &status(MemberStatus::Suspended));
    let told = news(&roster, &suspension.unwrap());
    assert!(matches!(
        told[0].mail(&user(CEM, Language::En)).letter,
        Letter::MembershipSuspended { .. }
    ));
}

#[test]
fn whoever_leaves_and_whoever_was_erased_is_told_nothing() {
    let roster = office();
    let grant = permissions(Permissions::none());
    for changes in [
        roster.leave_account(CEM.by()),
        roster.erase_contact(ANA.by(), CEM.contact()),
        roster.change_member(ANA.by(), CEM.user(), &grant),
    ] {
        assert_eq!(news(&roster, &changes.unwrap()), []);
    }
    let removal = roster.remove_contact(ANA.by(), CEM.contact()).unwrap();
    assert_eq!(news(&roster, &removal).len(), 1);
}

#[test]
fn k_08_a_member_who_is_no_contact_is_managed_like_any_other() {
    let roster = hosting().then(Ok(vec![Change::MemberAdded {
        user: CEM.user(),
        contact: None,
        permissions: chosen(&["tickets:view"]),
    }]));
    let suspended = changed(roster.clone(), ANA.by(), CEM, &status(MemberStatus::Suspended));
    assert_eq!(suspended.live_member(CEM.user(), NOW), None);
    let changes = roster.remove_member(ANA.by(), CEM.user());
    assert_eq!(roster.then(changes).members().count(), 1);
}

mod wishes {
    use super::*;
    use crate::given::categories;

    #[test]
    fn k_07_a_member_sets_the_own_wishes_and_others_with_the_permission() {
        let roster = standard()
            .with_member(BEA, Permissions::none())
            .with_member(CEM, chosen(&["notifications:manage"]));
        let wished = categories(&["invoice"]);
        let own = roster.subscribe_member(BEA.by(), BEA.user(), &wished);
        let change = Change::MemberSubscriptionsChanged {
            user: BEA.user(),
            categories: wished.clone(),
        };
        assert_eq!(own, Ok(vec![change]));
        assert_eq!(roster.subscribe_member(CEM.by(), BEA.user(), &wished), own);
        let refused = roster.subscribe_member(BEA.by(), CEM.user(), &wished);
        assert!(matches!(refused, Err(Violation::Forbidden { .. })));
        let after = roster.then(own);
        let member = after.member(BEA.user()).unwrap();
        assert_eq!((&member.subscriptions, member.version), (&wished, 2));
        assert_eq!(after.subscribe_member(BEA.by(), BEA.user(), &wished), Ok(vec![]));
    }

    #[test]
    fn unknown_categories_strangers_and_suspended_accounts_are_refused() {
        let roster = standard();
        let unknown = roster.subscribe_member(ANA.by(), ANA.user(), &categories(&["gossip"]));
        assert!(matches!(unknown, Err(Violation::UnknownCategory { .. })));
        let stranger = roster.subscribe_member(ANA.by(), BEA.user(), &categories(&[]));
        assert_eq!(stranger, Err(Violation::NotFound));
        let suspended = roster.in_status(AccountStatus::Suspended);
        let refused = suspended.subscribe_member(ANA.by(), ANA.user(), &categories(&["invoice"]));
        assert_eq!(refused, Err(Violation::AccountSuspended));
    }
}
