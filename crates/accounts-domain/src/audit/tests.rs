//! What stands in the audit log, and what does not.

use super::*;
use crate::contacts::{ContactPatch, CreateContact};
use crate::given::{ANA, BEA, CEM, LINK, address, chosen, datacenter, link_id, roles, standard};
use crate::names::DisplayName;
use crate::roster::MemberStatus;
use crate::verification::SendVerification;
use crate::violation::Violation;

fn only(before: &Roster, changes: Result<Vec<Change>, Violation>) -> Entry {
    let mut entries = entries(before, &changes.unwrap());
    assert_eq!(entries.len(), 1);
    entries.remove(0)
}

fn datum<'a>(entry: &'a Entry, name: &str) -> &'a Datum {
    let found = entry.data.iter().find(|(own, _)| *own == name);
    &found.unwrap_or_else(|| panic!("{name} is among {:?}", entry.data)).1
}

fn words(words: &[&str]) -> Datum {
    Datum::Words(words.iter().map(|&word| word.to_owned()).collect())
}

fn word(word: &(impl ToString + ?Sized)) -> Datum {
    Datum::Word(word.to_string())
}

#[test]
fn every_change_has_its_event_in_order() {
    let before = datacenter().with_verified(BEA);
    let changes = before.promote(ANA.by(), &BEA.promoted(&["billing"])).unwrap();
    let kinds: Vec<_> = entries(&before, &changes).iter().map(|entry| entry.kind).collect();
    assert_eq!(kinds, ["role.given", "role.primary_moved"]);
}

#[test]
fn names_of_fields_are_data_and_values_are_personal() {
    let before = standard().with(BEA);
    let display_name = DisplayName::parse("Beatriz").ok();
    let patch = ContactPatch {
        display_name,
        ..ContactPatch::default()
    };
    let entry = only(&before, before.change_contact(ANA.by(), BEA.contact(), &patch));
    assert_eq!(
        (entry.kind, entry.subject),
        ("contact.changed", Subject::Contact(BEA.contact()))
    );
    assert_eq!(datum(&entry, "fields"), &words(&["display_name"]));
    let value = PersonalValue {
        of: Subject::Contact(BEA.contact()),
        field: "display_name",
        before: Some("Bea".to_owned()),
        after: Some("Beatriz".to_owned()),
    };
    assert_eq!(entry.values, [value]);
}

#[test]
fn a_new_contact_is_recorded_with_all_addresses_and_the_login_asked_for() {
    let command = CreateContact {
        more_addresses: vec![address("b2"), address("b3")],
        login: Some(chosen(&["audit:view"])),
        ..BEA.added()
    };
    let entry = only(&standard(), standard().create_contact(ANA.by(), &command));
    let more = entry
        .values
        .iter()
        .find(|value| value.field == "more_addresses")
        .unwrap();
    assert_eq!(more.after.as_deref(), Some("b2@lima.example, b3@lima.example"));
    assert_eq!(datum(&entry, "login_permissions"), &words(&["audit:view"]));
}

#[test]
fn an_erased_contact_leaves_no_value_behind() {
    let before = standard().with(BEA);
    let removed = only(&before, before.remove_contact(ANA.by(), BEA.contact()));
    assert!(removed.values.iter().any(|value| value.field == "address"));
    let erased = only(&before, before.erase_contact(ANA.by(), BEA.contact()));
    assert_eq!((erased.values, erased.data), (vec![], vec![]));
}

#[test]
fn an_address_that_waited_is_recorded_as_taking_the_main_ones_place() {
    let before = standard().with_verified(BEA);
    let patch = ContactPatch {
        address: Some(address("b2")),
        ..ContactPatch::default()
    };
    let changes = before.change_contact(ANA.by(), BEA.contact(), &patch);
    let before = before.then(changes);
    let send = SendVerification {
        id: link_id(7),
        contact: BEA.contact(),
        address: None,
    };
    let changes = before.send_verification(ANA.by(), &send);
    let before = before.then(changes);
    let entry = only(&before, before.confirm_verification(LINK, &BEA.confirms(7)));
    let value = &entry.values[0];
    assert_eq!((entry.kind, value.field), ("contact.verified", "address"));
    assert_eq!(value.before.as_deref(), Some("bea@lima.example"));
    assert_eq!(value.after.as_deref(), Some("b2@lima.example"));
}

#[test]
fn a_moved_place_tells_from_whom_to_whom() {
    let before = standard().with_verified(BEA).holding(BEA, "billing");
    let entry = only(&before, before.promote(ANA.by(), &BEA.promoted(&["billing"])));
    assert_eq!(entry.subject, Subject::Contact(BEA.contact()));
    assert_eq!(datum(&entry, "from"), &word(&ANA.contact()));
    assert_eq!(datum(&entry, "to"), &word(&BEA.contact()));
}

#[test]
fn changed_permissions_are_recorded_before_and_after() {
    let before = standard().with_member(BEA, chosen(&["audit:view"]));
    let permissions = Permissions::All;
    let change = Change::PermissionsChanged {
        user: BEA.user(),
        permissions,
    };
    let entry = only(&before, Ok(vec![change]));
    assert_eq!(datum(&entry, "permissions"), &word("all"));
    assert_eq!(datum(&entry, "former_permissions"), &words(&["audit:view"]));
}

#[test]
fn the_data_of_an_event_names_nobody() {
    let before = datacenter().with_member(BEA, chosen(&["audit:view"])).with(CEM);
    let create = CreateContact {
        roles: roles(&["general"]),
        ..crate::given::ZOE.added()
    };
    let mut changes = before.create_contact(ANA.by(), &create).unwrap();
    changes.extend(before.promote(ANA.by(), &BEA.promoted(&["billing"])).unwrap());
    let told = format!(
        "{:?}",
        entries(&before, &changes).iter().map(|e| &e.data).collect::<Vec<_>>()
    );
    for personal in ["Zoe", "Bea", "lima.example", "+33"] {
        assert!(!told.contains(personal), "{personal} in {told}");
    }
}

#[test]
fn each_change_of_a_membership_has_an_event_of_its_own() {
    use crate::given::{NOW, moment};
    use crate::members::MemberPatch;

    let before = standard().with_member(BEA, chosen(&["tickets:open"]));
    let patch = |status, expires_at| MemberPatch {
        status,
        expires_at,
        ..MemberPatch::default()
    };
    let suspended = patch(Some(MemberStatus::Suspended), None);
    let entry = only(&before, before.change_member(ANA.by(), BEA.user(), &suspended));
    assert_eq!(
        (entry.kind, entry.subject),
        ("member.suspended", Subject::User(BEA.user()))
    );
    let held_back = before.clone().suspended_member(BEA);
    let active = patch(Some(MemberStatus::Active), None);
    let entry = only(&held_back, held_back.change_member(ANA.by(), BEA.user(), &active));
    assert_eq!(entry.kind, "member.reinstated");
    let ending = before.clone().expiring_member(BEA, moment(90));
    let endless = patch(None, Some(None));
    let entry = only(&ending, ending.change_member(ANA.by(), BEA.user(), &endless));
    assert_eq!(entry.kind, "member.expiry_changed");
    assert_eq!(datum(&entry, "expires_at"), &Datum::Nothing);
    let former = moment(90).to_rfc3339_opts(SecondsFormat::Millis, true);
    assert_eq!(datum(&entry, "former_expires_at"), &Datum::Word(former));
    assert!(moment(90) > NOW);
    for (changes, kind) in [
        (before.remove_member(ANA.by(), BEA.user()), "member.removed"),
        (before.leave_account(BEA.by()), "member.left"),
    ] {
        let entry = only(&before, changes);
        assert_eq!(entry.kind, kind);
        assert_eq!(datum(&entry, "contact"), &word(&BEA.contact()));
    }
}
