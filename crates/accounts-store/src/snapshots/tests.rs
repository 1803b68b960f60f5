use accounts_domain::address::EmailAddress;
use accounts_domain::language::Language;
use accounts_domain::names::DisplayName;
use accounts_domain::users::UserStatus;

use super::*;

/// A user in its n-th state.
fn state(revision: i64) -> Arc<Known> {
    let moment = DateTime::from_timestamp(0, 0).unwrap();
    Arc::new(Known {
        user: Arc::new(User {
            id: user(),
            address: EmailAddress::parse("ana@example.com").unwrap(),
            display_name: DisplayName::parse("Ana").unwrap(),
            language: Language::En,
            password_hash: None,
            status: UserStatus::Active,
            revision,
            version: 1,
            deliverability: accounts_domain::deliverability::Deliverability::Unknown,
            second_factor: None,
            password_changed_at: None,
            last_login_at: None,
            created_at: moment,
            updated_at: moment,
        }),
        sessions: BTreeMap::new(),
        api_keys: BTreeMap::new(),
    })
}

fn user() -> UserId {
    UserId::from_uuid(Uuid::from_u128(1))
}

fn present(snapshots: &Snapshots) -> Option<i64> {
    snapshots
        .persons
        .present(user().uuid())
        .map(|known| known.user.revision)
}

fn at(snapshots: &Snapshots, revision: i64) -> bool {
    snapshots.persons.at(user().uuid(), revision).is_some()
}

/// A file with the first state in memory.
fn alone() -> Snapshots {
    let snapshots = Snapshots::new(true);
    snapshots.persons.vacancy(user().uuid()).unwrap().fill(state(1));
    assert_eq!(present(&snapshots), Some(1));
    snapshots
}

fn change(snapshots: &Snapshots, to: i64) -> Marks {
    let mut mark = snapshots.changing_user(user());
    mark.make(state(to));
    mark.into()
}

#[test]
fn what_is_being_changed_is_in_no_snapshot() {
    let snapshots = alone();
    let mut marks = change(&snapshots, 2);
    assert_eq!(present(&snapshots), None);
    assert!(snapshots.persons.vacancy(user().uuid()).is_none());
    marks.committed();
    assert_eq!(present(&snapshots), None, "nobody has been told");
    drop(marks);
    assert_eq!(present(&snapshots), Some(2));
}

#[test]
fn what_was_rolled_back_never_was() {
    let snapshots = alone();
    drop(change(&snapshots, 2));
    assert_eq!(present(&snapshots), None);
    assert!(!at(&snapshots, 2));
    assert!(snapshots.persons.vacancy(user().uuid()).is_some());
}

#[test]
fn a_read_that_was_overtaken_leaves_nothing() {
    let snapshots = Snapshots::new(true);
    let vacancy = snapshots.persons.vacancy(user().uuid()).unwrap();
    assert!(
        snapshots.persons.vacancy(user().uuid()).is_none(),
        "one reads for all who ask later"
    );
    let mut marks = change(&snapshots, 2);
    marks.committed();
    drop(marks);
    vacancy.fill(state(1));
    assert_eq!(present(&snapshots), Some(2));

    let vacancy = {
        snapshots.persons.held.clear();
        snapshots.persons.vacancy(user().uuid()).unwrap()
    };
    drop(snapshots.changing_user(user()));
    vacancy.fill(state(2));
    assert_eq!(
        present(&snapshots),
        None,
        "what it read may have been older than the mark"
    );
}

#[test]
fn a_group_sees_what_it_has_made_and_others_see_its_last_state_alone() {
    let snapshots = alone();
    let mut first = change(&snapshots, 2);
    assert!(
        at(&snapshots, 2),
        "the next call of the group begins where this one ended"
    );
    let mut second = change(&snapshots, 3);
    assert!(at(&snapshots, 3) && !at(&snapshots, 2));
    first.committed();
    second.committed();
    drop(first);
    assert_eq!(present(&snapshots), None, "the file holds the third state already");
    drop(second);
    assert_eq!(present(&snapshots), Some(3));
}

#[test]
fn the_rest_of_a_group_does_not_see_what_was_taken_back() {
    let snapshots = alone();
    let mut first = change(&snapshots, 2);
    drop(change(&snapshots, 3));
    assert!(!at(&snapshots, 3) && !at(&snapshots, 2));
    first.committed();
    drop(first);
    assert_eq!(present(&snapshots), Some(2));
}

#[test]
fn among_others_only_the_asked_for_revision_is_of_use() {
    let snapshots = Snapshots::new(false);
    snapshots.note(&state(2), None);
    assert_eq!(present(&snapshots), None, "it may be older than what the server holds");
    assert!(at(&snapshots, 2) && !at(&snapshots, 1) && !at(&snapshots, 3));
    snapshots.note(&state(1), None);
    assert!(at(&snapshots, 2), "a slow reader does not bring the past back");

    let uncommitted = change(&snapshots, 3);
    assert!(at(&snapshots, 2) && !at(&snapshots, 3));
    drop(uncommitted);
    assert!(!at(&snapshots, 3));
    let mut marks = change(&snapshots, 3);
    marks.committed();
    drop(marks);
    assert!(at(&snapshots, 3));
}

#[test]
fn memory_is_bounded() {
    let snapshots = Snapshots::new(true);
    for number in 0..200_000 {
        if let Some(vacancy) = snapshots.persons.vacancy(Uuid::from_u128(number)) {
            vacancy.fill(state(1));
        }
    }
    assert!(snapshots.persons.held.weight() <= PERSONS);
    assert!(snapshots.persons.held.len() > 5_000, "and it is used");
}
