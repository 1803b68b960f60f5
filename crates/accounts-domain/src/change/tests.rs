use super::*;
use crate::given::{ANA, BEA, CEM, NOW, chosen, link_id, moment, role, saas_suite, standard, transfer_id};
use crate::roles::Promote;
use crate::verification::SendVerification;

fn version(roster: &Roster, contact: ContactId) -> i64 {
    roster.contact(contact).unwrap().version
}

#[test]
fn no_changes_leave_everything_as_it_is() {
    let roster = standard();
    assert_eq!(roster.clone().after(&[], moment(99)), roster);
}

#[test]
fn a_decision_raises_the_revision_and_each_touched_version_once() {
    let before = saas_suite()
        .with_verified(BEA)
        .with_verified(CEM)
        .promoted(BEA, &["billing"]);
    let changes = before
        .promote(ANA.by(), &CEM.promoted(&["billing", "technical"]))
        .unwrap();
    assert!(changes.len() > 3);
    let after = before.clone().after(&changes, moment(99));
    assert_eq!(after.account().revision, before.account().revision + 1);
    for person in [BEA, CEM] {
        assert_eq!(
            version(&after, person.contact()),
            version(&before, person.contact()) + 1
        );
        assert_eq!(after.contact(person.contact()).unwrap().updated_at, moment(99));
    }
    assert_eq!(version(&after, ANA.contact()), version(&before, ANA.contact()));
}

#[test]
fn what_a_decision_adds_or_removes_is_not_raised() {
    let added = Change::RoleGiven {
        role: role("billing"),
        contact: BEA.contact(),
    };
    let mut command = BEA.added();
    command.roles = [role("billing")].into();
    let changes = standard().create_contact(ANA.by(), &command).unwrap();
    assert_eq!(changes[1], added);
    assert_eq!(touched_contacts(&changes), BTreeSet::new());
    let roster = standard().then(Ok(changes));
    assert_eq!(version(&roster, BEA.contact()), 1);
    let removed = Change::ContactRemoved { contact: BEA.contact() };
    assert_eq!(touched_contacts(&[added, removed]), BTreeSet::new());
}

#[test]
fn a_moved_owner_touches_both_contacts_and_the_account() {
    let change = Change::OwnerMoved {
        from: ANA.contact(),
        to: BEA.contact(),
    };
    assert_eq!(change.touches(), [ANA.contact(), BEA.contact()]);
    assert!(change.touches_account());
}

#[test]
fn a_login_of_its_own_touches_its_contact() {
    let permissions = Permissions::none();
    let contact = Some(BEA.contact());
    let change = Change::MemberAdded {
        user: BEA.user(),
        contact,
        permissions,
    };
    assert_eq!(change.touches(), [BEA.contact()]);
}

#[test]
fn the_last_holder_of_a_role_leaves_no_trace() {
    let before = standard().with(BEA);
    let given = before.clone().holding(BEA, "billing");
    let changes = given.take_role(ANA.by(), BEA.contact(), &role("billing"));
    assert_eq!(given.then(changes).parts.holders, before.parts.holders);
    let vacant = saas_suite().with_verified(BEA);
    let filled = vacant.clone().promoted(BEA, &["billing"]);
    let changes = filled.vacate(ANA.by(), &role("billing"));
    assert_eq!(filled.then(changes).parts.holders, vacant.parts.holders);
}

#[test]
fn a_removed_contact_takes_its_links_along() {
    let before = standard().with(BEA);
    let send = SendVerification {
        id: link_id(7),
        contact: BEA.contact(),
        address: None,
    };
    let changes = before.send_verification(ANA.by(), &send);
    let waiting = before.then(changes);
    assert_eq!(waiting.parts.verifications.len(), 1);
    let erased = waiting.after(&[Change::ContactErased { contact: BEA.contact() }], NOW);
    assert!(erased.parts.verifications.is_empty());
}

#[test]
fn other_permissions_raise_the_members_version() {
    let before = standard().with_member(BEA, Permissions::none());
    let permissions = chosen(&["audit:view"]);
    let change = Change::PermissionsChanged {
        user: BEA.user(),
        permissions: permissions.clone(),
    };
    let after = before.then(Ok(vec![change]));
    let member = after.member(BEA.user()).unwrap();
    assert_eq!((&member.permissions, member.version), (&permissions, 2));
}

#[test]
fn an_ended_transfer_waits_no_more() {
    let before = crate::given::mixed().with_member(BEA, Permissions::none());
    let command = crate::ownership::TransferOwnership {
        id: transfer_id(1),
        to: BEA.contact(),
    };
    let changes = before.transfer_ownership(ANA.by(), &command, None);
    let waiting = before.then(changes);
    let ended = Change::TransferEnded {
        transfer: transfer_id(1),
        outcome: TransferOutcome::Declined,
    };
    assert_eq!(waiting.then(Ok(vec![ended])).parts.transfer, None);
}

#[test]
fn changes_are_decided_upon_one_state() {
    let before = standard().with_verified(BEA);
    let command = Promote {
        contact: BEA.contact(),
        roles: before.primary_roles_of(ANA.contact()),
    };
    let after = before.clone().then(before.promote(ANA.by(), &command));
    assert_eq!(
        after.primary_roles_of(BEA.contact()),
        before.primary_roles_of(ANA.contact())
    );
}
