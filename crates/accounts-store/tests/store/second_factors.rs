//! Second factors: what is kept of them, who is told of them, and what ends.

use std::collections::BTreeSet;

use accounts_domain::ids::{ChallengeId, UserId};
use accounts_domain::second_factor::{CHALLENGE_LIFE, Challenge, RecoveryHash, SealedSecret, SecondFactor};
use accounts_domain::totp::TotpStep;
use accounts_domain::users::{Person, UserChange};
use accounts_domain::violation::Violation;
use accounts_store::{DecideError, Retention, Store};
use chrono::{DateTime, TimeDelta, Utc};

use super::given::{account, kept, moment, no_answer, place, sound, system};

async fn change(store: &Store, user: UserId, change: UserChange, at: DateTime<Utc>) {
    let decide = move |_: &Person| Ok(vec![change.clone()]);
    store.decide_user(user, &system(at), decide, no_answer).await.unwrap();
}

async fn person(store: &Store, user: UserId) -> Person {
    store.person(user).await.unwrap().unwrap()
}

fn sealed(name: &str) -> SealedSecret {
    SealedSecret(name.to_owned())
}

fn codes(names: &[&str]) -> BTreeSet<RecoveryHash> {
    names.iter().map(|name| RecoveryHash((*name).to_owned())).collect()
}

#[tokio::test]
async fn a_second_factor_is_kept_as_it_was_decided() {
    let place = place();
    let store = &place.store;
    let user = account(store, "ana@lima.example").await.user;
    for name in ["first", "second"] {
        let secret = sealed(name);
        change(store, user, UserChange::SecondFactorBegun { secret }, moment(1)).await;
    }
    let begun = person(store, user).await;
    assert_eq!(begun.second_factor, Some(SecondFactor::begun(sealed("second"))));
    assert_eq!(begun.user.second_factor, None);

    let confirmed = UserChange::SecondFactorConfirmed {
        codes: codes(&["one", "two"]),
        step: TotpStep(7),
    };
    change(store, user, confirmed, moment(2)).await;
    change(
        store,
        user,
        UserChange::SecondFactorUsed { step: TotpStep(9) },
        moment(3),
    )
    .await;
    let left = codes(&["two"]);
    change(
        store,
        user,
        UserChange::RecoveryCodeSpent { left: left.clone() },
        moment(4),
    )
    .await;
    let in_force = person(store, user).await;
    let factor = SecondFactor {
        secret: sealed("second"),
        confirmed_at: Some(moment(2)),
        used: Some(TotpStep(9)),
        recovery_codes: left,
    };
    assert_eq!(in_force.user.second_factor, factor.in_force());
    assert_eq!(in_force.second_factor, Some(factor));
    assert_eq!(in_force.user.version, begun.user.version + 2);
    let by_address = store.user_by_address("ana@lima.example".to_owned()).await.unwrap();
    assert_eq!(by_address, Some(in_force.user));

    change(store, user, UserChange::SecondFactorRemoved, moment(5)).await;
    let removed = person(store, user).await;
    assert_eq!((removed.second_factor, removed.user.second_factor), (None, None));
    sound(store, moment(5)).await;
}

#[tokio::test]
async fn a_log_in_waits_for_five_minutes_and_goes() {
    let place = place();
    let store = &place.store;
    let user = account(store, "ana@lima.example").await.user;
    let secret = sealed("secret");
    change(store, user, UserChange::SecondFactorBegun { secret }, moment(0)).await;
    let confirmed = UserChange::SecondFactorConfirmed {
        codes: codes(&[]),
        step: TotpStep(1),
    };
    change(store, user, confirmed, moment(0)).await;
    let challenge = Challenge::made(ChallengeId::new(), moment(1));
    change(store, user, UserChange::ChallengeMade { challenge }, moment(1)).await;
    assert_eq!(person(store, user).await.challenges[&challenge.id], challenge);
    let end = moment(1) + CHALLENGE_LIFE;
    let waiting = |at: DateTime<Utc>| async move {
        let decide = |_: &Person| Ok(Vec::new());
        let decided = store.decide_user(user, &system(at), decide, no_answer).await.unwrap();
        decided.before.challenges.len()
    };
    assert_eq!(waiting(end - TimeDelta::microseconds(1)).await, 1);
    assert_eq!(waiting(end).await, 0);
    store
        .purge(end - TimeDelta::microseconds(1), Retention::default(), 10)
        .await
        .unwrap();
    assert_eq!(person(store, user).await.challenges.len(), 1);
    store.purge(end, Retention::default(), 10).await.unwrap();
    assert!(person(store, user).await.challenges.is_empty());
}

#[tokio::test]
async fn an_account_that_asks_keeps_the_factor_and_its_members_are_told_apart() {
    let place = place();
    let store = &place.store;
    let ids = account(store, "ana@lima.example").await;
    let secret = sealed("secret");
    change(store, ids.user, UserChange::SecondFactorBegun { secret }, moment(0)).await;
    let has_factor = || async { store.member_people(ids.account).await.unwrap()[&ids.user].second_factor };
    assert!(!has_factor().await);
    let confirmed = UserChange::SecondFactorConfirmed {
        codes: codes(&[]),
        step: TotpStep(1),
    };
    change(store, ids.user, confirmed, moment(0)).await;
    assert!(has_factor().await);
    let own = person(store, ids.user).await.user;
    for required in [true, false] {
        let (by, own) = (system(moment(1)).by(), own.clone());
        let decide = move |roster: &accounts_domain::roster::Roster| roster.require_second_factor(by, required, &own);
        let decided = store
            .decide(ids.account, &system(moment(1)), decide, no_answer)
            .await
            .unwrap();
        let read = store.roster(ids.account).await.unwrap().unwrap();
        assert_eq!(*decided.after, read);
        assert_eq!(read.account().second_factor_required, required);
        let removed = store.remove_second_factor(ids.user, &system(moment(2)), kept("")).await;
        if required {
            let Err(DecideError::Refused(Violation::SecondFactorNeeded { accounts })) = removed else {
                panic!("{removed:?}");
            };
            assert_eq!(accounts[0].id, ids.account);
            assert_eq!(accounts.len(), 1);
        } else {
            assert!(removed.is_ok());
        }
    }
    sound(store, moment(3)).await;
}
