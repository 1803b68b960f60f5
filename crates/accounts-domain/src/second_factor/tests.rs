use uuid::Uuid;

use super::*;
use crate::address::EmailAddress;
use crate::given::{ANA, BEA, CEM, NOW, ZOE, chosen, moment, standard};
use crate::mail::Mail;
use crate::names::DisplayName;
use crate::permission::Permissions;
use crate::roster::AccountStatus;
use crate::users::tests::{at, session};
use crate::users::{UserStatus, given_person};

/// The code of RFC 6238 for the first step, and a moment of it.
const CODE: &str = "287082";

fn first_step() -> DateTime<Utc> {
    DateTime::from_timestamp(59, 0).unwrap()
}

fn sealed() -> SealedSecret {
    SealedSecret("sealed".into())
}

fn open(sealed: &SealedSecret) -> Option<TotpSecret> {
    (sealed.0 == "sealed").then(|| TotpSecret::from_bytes(*b"12345678901234567890"))
}

fn proof(offered: &Offered) -> Proof<'_> {
    Proof {
        offered,
        open: &open,
        at: first_step(),
    }
}

fn code() -> Offered {
    Offered::Code(CODE.into())
}

fn recovery(name: &str) -> RecoveryHash {
    RecoveryHash(name.into())
}

fn begun() -> Person {
    Person {
        second_factor: Some(SecondFactor::begun(sealed())),
        ..given_person()
    }
}

fn protected() -> Person {
    let factor = SecondFactor {
        confirmed_at: Some(at(0)),
        used: Some(TotpStep(0)),
        recovery_codes: BTreeSet::from([recovery("one"), recovery("two")]),
        ..SecondFactor::begun(sealed())
    };
    let mut person = given_person();
    person.user.second_factor = factor.in_force();
    person.second_factor = Some(factor);
    person
}

fn challenge(number: u128) -> Challenge {
    Challenge::made(ChallengeId::from_uuid(Uuid::from_u128(number)), first_step())
}

fn waiting() -> Person {
    let mut person = protected();
    person.challenges.insert(challenge(1).id, challenge(1));
    person
}

fn new_session() -> NewSession {
    NewSession {
        session: session(3),
        refresh_hash: "hash".into(),
    }
}

fn old() -> PasswordHash {
    PasswordHash("old".into())
}

#[test]
fn a_second_factor_is_in_force_with_its_first_code() {
    let nobody = given_person();
    let codes = || BTreeSet::from([recovery("one")]);
    let session = session(2).id;
    let offered = code();
    let refused = nobody.confirm_second_factor(session, codes(), proof(&offered));
    assert_eq!(refused, Err(Violation::NoSecondFactor));
    let changes = nobody.begin_second_factor(sealed());
    assert_eq!(changes, Ok(vec![UserChange::SecondFactorBegun { secret: sealed() }]));

    let changes = begun().confirm_second_factor(session, codes(), proof(&offered));
    let step = TotpStep(1);
    let confirmed = UserChange::SecondFactorConfirmed { codes: codes(), step };
    assert_eq!(changes, Ok(vec![confirmed]));
    for wrong in [Offered::Code("287083".into()), Offered::Recovery(recovery("one"))] {
        let refused = begun().confirm_second_factor(session, codes(), proof(&wrong));
        assert_eq!(refused, Err(Violation::WrongCode));
    }
    assert!(begun().begin_second_factor(sealed()).is_ok());
    assert_eq!(
        protected().begin_second_factor(sealed()),
        Err(Violation::SecondFactorInForce)
    );
    let refused = protected().confirm_second_factor(session, codes(), proof(&offered));
    assert_eq!(refused, Err(Violation::SecondFactorInForce));
}

#[test]
fn sessions_of_the_password_alone_end_when_it_is_enough_no_longer() {
    let mut person = begun();
    person.sessions.insert(session(9).id, session(9));
    let changes = person
        .confirm_second_factor(session(9).id, BTreeSet::new(), proof(&code()))
        .unwrap();
    let ended = UserChange::SessionEnded {
        session: session(2).id,
        reason: EndReason::SecondFactorSet,
    };
    assert_eq!(changes[1..], [ended]);
}

#[test]
fn a_right_password_waits_for_the_code() {
    let plain = given_person().log_in_or_wait(&old(), new_session(), challenge(1));
    assert_eq!(plain, Ok(vec![new_session().start()]));
    let changes = protected().log_in_or_wait(&old(), new_session(), challenge(1));
    let made = UserChange::ChallengeMade {
        challenge: challenge(1),
    };
    assert_eq!(changes, Ok(vec![made]));
    assert_eq!(
        protected().log_in(&old(), new_session()),
        Err(Violation::SecondFactorRequired)
    );
    let wrong = protected().log_in_or_wait(&PasswordHash("other".into()), new_session(), challenge(1));
    assert_eq!(wrong, Err(Violation::WrongPassword));
    // One that was only begun asks for nothing yet.
    assert!(begun().log_in(&old(), new_session()).is_ok());
}

#[test]
fn few_log_ins_wait_at_a_time() {
    let mut person = protected();
    for number in 1..=5 {
        person.challenges.insert(challenge(number).id, challenge(number));
    }
    let changes = person.log_in_or_wait(&old(), new_session(), challenge(6)).unwrap();
    let ended = UserChange::ChallengeEnded {
        challenge: challenge(1).id,
    };
    assert_eq!((changes.len(), &changes[0]), (2, &ended));
}

#[test]
fn the_code_begins_the_session_once() {
    let id = challenge(1).id;
    let changes = waiting().log_in_by_factor(id, new_session(), proof(&code())).unwrap();
    assert_eq!(
        changes,
        [
            UserChange::SecondFactorUsed { step: TotpStep(1) },
            UserChange::ChallengeEnded { challenge: id },
            new_session().start()
        ]
    );
    let mut replayed = waiting();
    replayed.second_factor.as_mut().unwrap().used = Some(TotpStep(1));
    let mut suspended = waiting();
    suspended.user.status = UserStatus::Suspended;
    let mut sealed_elsewhere = waiting();
    sealed_elsewhere.second_factor.as_mut().unwrap().secret = SealedSecret("other".into());
    for person in [protected(), replayed, suspended, sealed_elsewhere, given_person()] {
        let refused = person.log_in_by_factor(id, new_session(), proof(&code()));
        assert_eq!(refused, Err(Violation::WrongCode));
    }
    let offered = Offered::Recovery(recovery("one"));
    let late = Proof {
        at: challenge(1).expires_at,
        ..proof(&offered)
    };
    assert_eq!(
        waiting().log_in_by_factor(id, new_session(), late),
        Err(Violation::WrongCode)
    );
}

#[test]
fn a_recovery_code_works_once_and_is_told() {
    let offered = Offered::Recovery(recovery("one"));
    let person = waiting();
    let changes = person
        .log_in_by_factor(challenge(1).id, new_session(), proof(&offered))
        .unwrap();
    let left = BTreeSet::from([recovery("two")]);
    assert_eq!(changes[0], UserChange::RecoveryCodeSpent { left: left.clone() });
    let mails = person.mails(&changes);
    assert!(
        matches!(&mails[..], [mail] if matches!(&mail.letter, Letter::RecoveryCodeSpent { left, .. } if left == "1"))
    );
    let mut spent = waiting();
    spent.second_factor.as_mut().unwrap().recovery_codes = left;
    let refused = spent.log_in_by_factor(challenge(1).id, new_session(), proof(&offered));
    assert_eq!(refused, Err(Violation::WrongCode));
}

#[test]
fn r_05_a_proof_of_the_person_takes_both_factors() {
    let id = session(2).id;
    let alone = protected().reauthenticate(&old(), id, None);
    assert_eq!(alone, Err(Violation::SecondFactorRequired));
    let offered = code();
    let changes = protected().reauthenticate(&old(), id, Some(proof(&offered))).unwrap();
    assert_eq!(changes.last(), Some(&UserChange::Reauthenticated { session: id }));
    let other = protected().reauthenticate(&PasswordHash("other".into()), id, Some(proof(&offered)));
    assert_eq!(other, Err(Violation::WrongPassword));
    // Nor does a new password prove more than the session did.
    let begun = new_session().by_password_alone(&protected().user, at(-5));
    assert_eq!(begun.session.authenticated_at, at(-5));
    let begun = new_session().by_password_alone(&given_person().user, at(-5));
    assert_eq!(begun.session.authenticated_at, at(0));
}

#[test]
fn a_new_password_ends_what_waits_and_leaves_the_factor() {
    let changes = waiting().change_password(PasswordHash("new".into()), None);
    let ended = UserChange::ChallengeEnded {
        challenge: challenge(1).id,
    };
    assert!(changes.contains(&ended));
    assert!(!changes.contains(&UserChange::SecondFactorRemoved));
}

#[test]
fn a_factor_that_an_account_asks_for_stays() {
    let requiring = [RequiringAccount {
        id: standard().account().id,
        name: standard().account().profile.name.clone(),
    }];
    let accounts = requiring.to_vec();
    assert_eq!(
        protected().remove_second_factor(&requiring),
        Err(Violation::SecondFactorNeeded { accounts })
    );
    let removed = waiting().remove_second_factor(&[]).unwrap();
    assert_eq!(removed[0], UserChange::SecondFactorRemoved);
    assert_eq!(removed.len(), 2);
    assert!(matches!(
        waiting().mails(&removed)[..],
        [Mail {
            letter: Letter::SecondFactorRemoved { .. },
            ..
        }]
    ));
    let removed = begun().remove_second_factor(&requiring).unwrap();
    assert_eq!(begun().mails(&removed), []);
    assert_eq!(given_person().remove_second_factor(&[]), Err(Violation::NoSecondFactor));
}

#[test]
fn new_recovery_codes_take_the_place_of_the_old() {
    let codes = BTreeSet::from([recovery("three")]);
    let made = UserChange::RecoveryCodesMade { codes: codes.clone() };
    assert_eq!(protected().replace_recovery_codes(codes.clone()), Ok(vec![made]));
    assert_eq!(begun().replace_recovery_codes(codes), Err(Violation::NoSecondFactor));
}

#[test]
fn r_24_nothing_of_it_shows_itself() {
    let shown = format!("{:?} {:?} {:?}", protected().second_factor, code(), recovery("one"));
    for secret in ["sealed\"", "\"one\"", CODE] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

fn user_with(factor: bool) -> User {
    if factor { protected().user } else { given_person().user }
}

#[test]
fn an_account_asks_for_a_second_factor_by_whoever_manages_it_and_has_one() {
    let roster = standard().with_member(BEA, chosen(&["contacts:manage"]));
    let own = user_with(true);
    let refused = roster.require_second_factor(ANA.by(), true, &user_with(false));
    assert_eq!(refused, Err(Violation::NoSecondFactor));
    assert_eq!(
        roster.require_second_factor(ZOE.by(), true, &own),
        Err(Violation::NotFound)
    );
    let permission = ServicePermission::AccountManage.key();
    assert_eq!(
        roster.require_second_factor(BEA.by(), true, &own),
        Err(Violation::Forbidden { permission })
    );
    let suspended = roster.clone().in_status(AccountStatus::Suspended);
    assert_eq!(
        suspended.require_second_factor(ANA.by(), true, &own),
        Err(Violation::AccountSuspended)
    );
    assert_eq!(roster.require_second_factor(ANA.by(), false, &own), Ok(vec![]));

    let changes = roster.require_second_factor(ANA.by(), true, &own);
    let asking = roster.clone().then(changes);
    assert_eq!(asking.account().version, roster.account().version + 1);
    assert_eq!(asking.require_factor_of(&own), Ok(()));
    let without = user_with(false);
    assert_eq!(
        asking.require_factor_of(&without),
        Err(Violation::SecondFactorSetupRequired)
    );
    assert_eq!(roster.require_factor_of(&without), Ok(()));
    // Whoever asks for it no longer needs none.
    assert!(asking.require_second_factor(ANA.by(), false, &without).is_ok());
}

#[test]
fn those_are_locked_out_who_enter_now_and_have_no_factor() {
    let roster = standard()
        .with_member(BEA, Permissions::All)
        .with_member(CEM, Permissions::none())
        .suspended_member(CEM);
    let person = |person: crate::given::Person, second_factor| MemberPerson {
        user: person.user(),
        display_name: DisplayName::parse(person.1).unwrap(),
        address: EmailAddress::parse("log.in@lima.example").unwrap(),
        last_login_at: None,
        second_factor,
    };
    let people = [
        person(ANA, true),
        person(BEA, false),
        person(CEM, false),
        person(ZOE, false),
    ];
    let users: Vec<_> = roster
        .locked_out(&people, NOW)
        .iter()
        .map(|person| person.user)
        .collect();
    assert_eq!(users, [BEA.user()]);
    let ended = roster.expiring_member(BEA, moment(61));
    assert!(ended.locked_out(&people, moment(62)).is_empty());
}
