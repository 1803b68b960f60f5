//! A request that comes twice is done once, and its answer is kept in the transaction of its effect.

use accounts_domain::violation::Violation;
use accounts_store::{DecideError, KEPT_FOR, Recall};

use super::given::{account, add, creation, kept, moment, place, roster, sound, system, under};

#[tokio::test]
async fn the_same_key_gets_the_first_answer_and_changes_nothing() {
    let place = place();
    let ids = account(&place.store, "ana@lima.example").await;
    let act = under("k", "body", system(moment(1)));
    add(&place.store, ids.account, creation("bea@lima.example"), &act)
        .await
        .unwrap();
    let before = roster(&place.store, ids.account).await;
    let again = add(&place.store, ids.account, creation("cem@lima.example"), &act).await;
    assert!(matches!(again, Err(DecideError::Replayed(answer)) if answer == kept("added")));
    assert_eq!(roster(&place.store, ids.account).await, before);
    let recalled = place.store.recall(act.keep.unwrap(), moment(2)).await.unwrap();
    assert_eq!(recalled, Recall::Answered(kept("added")));
    sound(&place.store, moment(2)).await;
}

#[tokio::test]
async fn the_same_key_with_another_body_is_refused() {
    let place = place();
    let ids = account(&place.store, "ana@lima.example").await;
    let first = under("k", "body", system(moment(1)));
    add(&place.store, ids.account, creation("bea@lima.example"), &first)
        .await
        .unwrap();
    let other = under("k", "another body", system(moment(1)));
    let reused = add(&place.store, ids.account, creation("cem@lima.example"), &other).await;
    assert!(matches!(reused, Err(DecideError::KeyReused)));
    assert_eq!(
        place.store.recall(other.keep.unwrap(), moment(1)).await.unwrap(),
        Recall::OtherBody
    );
}

#[tokio::test]
async fn a_key_is_new_again_after_a_day() {
    let place = place();
    let ids = account(&place.store, "ana@lima.example").await;
    let act = under("k", "body", system(moment(1)));
    add(&place.store, ids.account, creation("bea@lima.example"), &act)
        .await
        .unwrap();
    let later = under("k", "another body", system(moment(1) + KEPT_FOR));
    add(&place.store, ids.account, creation("cem@lima.example"), &later)
        .await
        .unwrap();
    assert_eq!(roster(&place.store, ids.account).await.contacts().count(), 3);
    let recalled = place.store.recall(later.keep.unwrap(), later.at).await.unwrap();
    assert_eq!(recalled, Recall::Answered(kept("added")));
}

#[tokio::test]
async fn what_was_refused_or_broke_off_is_kept_by_nobody() {
    let place = place();
    let ids = account(&place.store, "ana@lima.example").await;
    let before = roster(&place.store, ids.account).await;
    let act = under("k", "body", system(moment(1)));
    let keep = act.keep.clone().unwrap();
    let refused = add(&place.store, ids.account, creation("ana@lima.example"), &act).await;
    assert!(matches!(
        refused,
        Err(DecideError::Refused(Violation::AddressTaken { .. }))
    ));
    let by = act.by();
    let command = creation("bea@lima.example");
    let same = command.clone();
    let broken = place
        .store
        .decide(ids.account, &act, |_| panic!("while it is decided"), |_| kept(""))
        .await;
    assert!(matches!(broken, Err(DecideError::Store(_))));
    let decide = move |roster: &_| accounts_domain::roster::Roster::create_contact(roster, by, &same);
    let broken = place
        .store
        .decide(ids.account, &act, decide, |_| panic!("when all is saved"))
        .await;
    assert!(matches!(broken, Err(DecideError::Store(_))));
    assert_eq!(place.store.recall(keep.clone(), moment(1)).await.unwrap(), Recall::New);
    assert_eq!(roster(&place.store, ids.account).await, before);
    add(&place.store, ids.account, command, &act).await.unwrap();
    sound(&place.store, moment(2)).await;
}
