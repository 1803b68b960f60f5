use uuid::Uuid;

use super::*;

pub(crate) fn at(minutes: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + minutes * 60, 0).unwrap()
}

pub(crate) fn session(number: u128) -> Session {
    Session::begin(SessionId::from_uuid(Uuid::from_u128(number)), at(0), None, None)
}

fn new_session() -> NewSession {
    NewSession {
        session: session(3),
        refresh_hash: "hash".into(),
    }
}

pub(crate) fn reset_id() -> ResetId {
    ResetId::from_uuid(Uuid::from_u128(7))
}

pub(crate) fn person() -> Person {
    let user = User {
        id: UserId::from_uuid(Uuid::from_u128(1)),
        address: EmailAddress::parse("ana@lima.example").unwrap(),
        display_name: DisplayName::parse("Ana").unwrap(),
        language: Language::En,
        password_hash: Some(PasswordHash("old".into())),
        status: UserStatus::Active,
        deliverability: crate::deliverability::Deliverability::Unknown,
        second_factor: None,
        revision: 1,
        version: 1,
        password_changed_at: None,
        last_login_at: None,
        created_at: at(0),
        updated_at: at(0),
    };
    let reset = Reset {
        id: reset_id(),
        address_key: user.address.key().to_owned(),
        expires_at: at(30),
    };
    Person {
        user,
        sessions: BTreeMap::from([(session(2).id, session(2))]),
        devices: BTreeSet::from([device_key(session(2).user_agent.as_deref())]),
        resets: BTreeMap::from([(reset.id, reset)]),
        api_keys: BTreeMap::new(),
        email_changes: BTreeMap::new(),
        second_factor: None,
        challenges: BTreeMap::new(),
    }
}

#[test]
fn r_17_the_person_is_told_of_a_log_in_from_another_device() {
    let agent = |text: &str| Some(format!("Mozilla/5.0 ({text}) Gecko/20100101 Firefox/128.0"));
    let told = |person: &Person, user_agent: Option<String>, more: &[UserChange]| {
        let mut begun = new_session();
        begun.session.user_agent = user_agent;
        let changes: Vec<UserChange> = more.iter().cloned().chain([begun.start()]).collect();
        person
            .mails(&changes)
            .into_iter()
            .map(|mail| mail.letter)
            .collect::<Vec<_>>()
    };
    let mut person = person();
    person.user.last_login_at = Some(at(-60));
    person.devices = BTreeSet::from([device_key(agent("X11; Linux x86_64; rv:127.0").as_deref())]);
    let other = told(&person, agent("Windows NT 10.0; Win64"), &[]);
    let [Letter::NewDevice { device, .. }] = other.as_slice() else {
        panic!("{other:?}");
    };
    assert_eq!(device, "Firefox, Windows");
    // Another version of the same is no other device.
    assert_eq!(told(&person, agent("X11; Linux x86_64; rv:128.0"), &[]), []);
    // Whoever calls each log-in another device sends no more than so many mails.
    let mut many = person.clone();
    many.devices = (0..DEVICES_TOLD)
        .map(|number| device_key(agent(&"x".repeat(number)).as_deref()))
        .collect();
    assert_eq!(told(&many, agent("Windows NT 10.0; Win64"), &[]), []);
    // Of a new password the person is told already, and the first log-in is no news.
    let changed = UserChange::PasswordChanged {
        hash: PasswordHash("new".into()),
    };
    assert_eq!(told(&person, None, std::slice::from_ref(&changed)).len(), 1);
    person.user.last_login_at = None;
    assert_eq!(told(&person, None, &[]), []);
}

#[test]
fn a_new_password_ends_everything_older() {
    let changes = person().change_password(PasswordHash("new".into()), Some(new_session()));
    assert!(changes.contains(&UserChange::SessionEnded {
        session: session(2).id,
        reason: EndReason::PasswordChanged
    }));
    assert!(changes.contains(&UserChange::ResetSpent { reset: reset_id() }));
    assert_eq!(changes.last(), Some(&new_session().start()));
}

#[test]
fn r_05_a_session_is_proven_by_the_present_password() {
    let old = PasswordHash("old".into());
    let session = session(2).id;
    assert_eq!(
        person().reauthenticate(&old, session, None),
        Ok(vec![UserChange::Reauthenticated { session }])
    );
    let other = PasswordHash("older".into());
    let refused = person().reauthenticate(&other, session, None);
    assert_eq!(refused, Err(Violation::WrongPassword));
    let ended = self::session(9).id;
    assert_eq!(person().reauthenticate(&old, ended, None), Err(Violation::NotFound));
}

#[test]
fn a_reset_works_for_half_an_hour_and_for_its_address() {
    let hash = || PasswordHash("new".into());
    assert!(person().use_reset(reset_id(), hash(), at(29)).is_ok());
    assert_eq!(
        person().use_reset(reset_id(), hash(), at(30)),
        Err(Violation::LinkExpired)
    );
    let mut moved = person();
    moved.user.address = EmailAddress::parse("ana@other.example").unwrap();
    assert_eq!(moved.use_reset(reset_id(), hash(), at(1)), Err(Violation::LinkExpired));
}

#[test]
fn a_log_in_that_raced_a_password_change_is_refused() {
    assert_eq!(
        person().log_in(&PasswordHash("older".into()), new_session()),
        Err(Violation::WrongPassword)
    );
    assert!(person().log_in(&PasswordHash("old".into()), new_session()).is_ok());
}

#[test]
fn r_08_a_hash_is_upgraded_unless_another_password_was_set_meanwhile() {
    let hash = PasswordHash("newer".into());
    let upgraded = person().upgrade_hash(&PasswordHash("old".into()), hash.clone());
    assert_eq!(upgraded, [UserChange::HashUpgraded { hash: hash.clone() }]);
    // Nobody is told: the password is the same.
    assert_eq!(person().mails(&upgraded), []);
    assert_eq!(person().upgrade_hash(&PasswordHash("older".into()), hash), []);
}

#[test]
fn the_hash_does_not_show_itself() {
    assert_eq!(format!("{:?}", PasswordHash("$argon2id$".into())), "PasswordHash(…)");
}
