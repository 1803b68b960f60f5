//! What must hold however many ask at once.

use accounts_domain::actor::Actor;
use accounts_domain::violation::Violation;
use accounts_store::{DecideError, Rotated, Rotation};
use tokio::task::JoinSet;

use super::given::{
    account, act, add, creation, hash, kept, moment, new_ids, no_answer, opening, place, roster, sign_up, sound,
    system, under,
};

/// How many ask at once.
const MANY: usize = 8;

#[tokio::test]
async fn m_06_contacts_never_exceed_the_limit() {
    let place = place();
    let ids = account(&place.store, "ana@lima.example").await;
    let mut asked = JoinSet::new();
    for number in 0..MANY {
        let store = place.store.clone();
        let command = creation(&format!("a{number}@lima.example"));
        asked.spawn(async move { add(&store, ids.account, command, &system(moment(1))).await });
    }
    let answers = asked.join_all().await;
    let refused = |answer: &&Result<_, _>| {
        matches!(
            answer,
            Err(DecideError::Refused(Violation::ContactLimitReached { limit: 5 }))
        )
    };
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 4);
    assert_eq!(answers.iter().filter(refused).count(), MANY - 4);
    assert_eq!(roster(&place.store, ids.account).await.contacts().count(), 5);
    sound(&place.store, moment(2)).await;
}

#[tokio::test]
async fn one_key_has_one_effect() {
    let place = place();
    let ids = account(&place.store, "ana@lima.example").await;
    let mut asked = JoinSet::new();
    for _ in 0..MANY {
        let store = place.store.clone();
        let act = under("k", "body", act(Actor::User(ids.user), moment(1)));
        let command = opening(ids, "ana@lima.example");
        asked.spawn(async move { store.open_account(command, &act, |_| kept("opened")).await });
    }
    let mut opened = 0;
    for answer in asked.join_all().await {
        match answer {
            Ok(_) => opened += 1,
            Err(DecideError::Replayed(answer)) => assert_eq!(answer, kept("opened")),
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(opened, 1);
    assert_eq!(
        place
            .store
            .accounts_of(ids.user, None, 10, moment(1))
            .await
            .unwrap()
            .len(),
        2
    );
    sound(&place.store, moment(2)).await;
}

#[tokio::test]
async fn one_address_gets_one_user() {
    let place = place();
    let mut asked = JoinSet::new();
    for _ in 0..MANY {
        let wish = sign_up("ana@lima.example", moment(0));
        place
            .store
            .sign_up(wish.clone(), &system(moment(0)), kept(""))
            .await
            .unwrap();
        for _ in 0..2 {
            let (store, id) = (place.store.clone(), wish.id);
            asked.spawn(async move {
                store
                    .confirm_sign_up(id, new_ids(), hash("first"), &system(moment(1)), no_answer)
                    .await
            });
        }
    }
    let answers = asked.join_all().await;
    let expired = |answer: &&Result<_, _>| matches!(answer, Err(DecideError::Refused(Violation::LinkExpired)));
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    assert_eq!(answers.iter().filter(expired).count(), 2 * MANY - 1);
    sound(&place.store, moment(2)).await;
}

#[tokio::test]
async fn a_refresh_token_has_one_successor() {
    let place = place();
    let ids = account(&place.store, "ana@lima.example").await;
    super::sessions::log_in(&place.store, ids.user, "token", moment(1)).await;
    let mut asked = JoinSet::new();
    for number in 0..MANY {
        let store = place.store.clone();
        let rotation = Rotation {
            hash: "token".to_owned(),
            salt: format!("salt {number}"),
            successor_hash: format!("successor {number}"),
        };
        asked.spawn(async move { store.rotate(rotation, moment(2)).await.unwrap() });
    }
    let answers = asked.join_all().await;
    assert!(matches!(&answers[0], Rotated::Successor { .. }));
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    sound(&place.store, moment(2)).await;
}
