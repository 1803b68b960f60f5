//! Sign-ups and password resets: links that work once, and mails that nobody can flood.

use accounts_domain::ids::ResetId;
use accounts_domain::mail::Letter;
use accounts_domain::users::{RESET_LIFE, SIGN_UP_LIFE};
use accounts_domain::violation::Violation;
use accounts_store::{DecideError, MAIL_WINDOW, MAILS_PER_ADDRESS, Store};
use chrono::{DateTime, TimeDelta, Utc};

use super::given::{
    account, act, by_hand, hash, kept, moment, new_ids, no_answer, place, roster, sign_up, sound, system,
};

fn is_expired<T>(answer: &Result<T, DecideError>) -> bool {
    matches!(answer, Err(DecideError::Refused(Violation::LinkExpired)))
}

/// Every mail that waits, as a worker would send it.
async fn letters(store: &Store, at: DateTime<Utc>) -> Vec<(String, Letter)> {
    let claimed = store.claim_mails(at, TimeDelta::minutes(1), 100).await.unwrap();
    for mail in &claimed {
        store.mail_sent(mail.claim.mail, at).await.unwrap();
    }
    claimed
        .into_iter()
        .map(|mail| (mail.to.to_string(), mail.letter))
        .collect()
}

#[tokio::test]
async fn a_sign_up_is_confirmed_once() {
    let place = place();
    let (wish, ids) = (sign_up("Ana@Lima.example", moment(0)), new_ids());
    place
        .store
        .sign_up(wish.clone(), &system(moment(0)), kept(""))
        .await
        .unwrap();
    let (to, letter) = letters(&place.store, moment(0)).await.remove(0);
    assert_eq!(to, "Ana@lima.example");
    assert!(matches!(letter, Letter::ConfirmSignUp { sign_up, .. } if sign_up == wish.id));
    let key = place.store.sign_up_address(wish.id, moment(1)).await.unwrap();
    assert_eq!(key.as_deref(), Some("ana@lima.example"));
    let confirm = async |ids| {
        place
            .store
            .confirm_sign_up(wish.id, ids, hash("first"), &system(moment(1)), no_answer)
            .await
    };
    let opened = confirm(ids).await.unwrap();
    assert_eq!(roster(&place.store, ids.account).await, opened);
    assert_eq!((opened.owner(), opened.is_owner(ids.user)), (ids.contact, true));
    assert!(is_expired(&confirm(new_ids()).await));
    assert_eq!(place.store.sign_up_address(wish.id, moment(1)).await.unwrap(), None);
    let user = place
        .store
        .user_by_address("ana@lima.example".to_owned())
        .await
        .unwrap()
        .unwrap();
    assert_eq!((user.id, user.password_hash), (ids.user, Some(hash("first"))));
    sound(&place.store, moment(1)).await;
}

#[tokio::test]
async fn of_two_sign_ups_of_one_address_the_first_that_is_followed_wins() {
    let place = place();
    let (one, other) = (
        sign_up("ana@lima.example", moment(0)),
        sign_up("ANA@lima.example", moment(0)),
    );
    for wish in [&one, &other] {
        place
            .store
            .sign_up(wish.clone(), &system(moment(0)), kept(""))
            .await
            .unwrap();
    }
    let confirm = |wish: &accounts_domain::sign_ups::SignUp| {
        let (store, id) = (place.store.clone(), wish.id);
        async move {
            store
                .confirm_sign_up(id, new_ids(), hash("first"), &system(moment(1)), no_answer)
                .await
        }
    };
    confirm(&other).await.unwrap();
    assert!(is_expired(&confirm(&one).await));
    sound(&place.store, moment(1)).await;
}

#[tokio::test]
async fn a_sign_up_ends_after_a_day() {
    let place = place();
    let wish = sign_up("ana@lima.example", moment(0));
    place
        .store
        .sign_up(wish.clone(), &system(moment(0)), kept(""))
        .await
        .unwrap();
    let late = system(moment(0) + SIGN_UP_LIFE);
    assert_eq!(place.store.sign_up_address(wish.id, late.at).await.unwrap(), None);
    assert!(is_expired(
        &place
            .store
            .confirm_sign_up(wish.id, new_ids(), hash("first"), &late, no_answer)
            .await
    ));
}

#[tokio::test]
async fn an_address_that_has_a_user_is_told_so_and_none_is_flooded() {
    let place = place();
    account(&place.store, "ana@lima.example").await;
    letters(&place.store, moment(0)).await;
    for _ in 0..MAILS_PER_ADDRESS {
        let wish = sign_up("ana@lima.example", moment(1));
        place.store.sign_up(wish, &system(moment(1)), kept("")).await.unwrap();
    }
    let sent = letters(&place.store, moment(1)).await;
    // One went out when the account was opened.
    assert_eq!(sent.len(), usize::try_from(MAILS_PER_ADDRESS).unwrap() - 1);
    assert!(
        sent.iter()
            .all(|(_, letter)| matches!(letter, Letter::SignUpKnown { .. }))
    );
    let later = moment(0) + MAIL_WINDOW;
    place
        .store
        .sign_up(sign_up("ana@lima.example", later), &system(later), kept(""))
        .await
        .unwrap();
    assert_eq!(letters(&place.store, later).await.len(), 1);
}

#[tokio::test]
async fn a_reset_link_works_once_and_for_half_an_hour() {
    let place = place();
    let ids = account(&place.store, "ana@lima.example").await;
    letters(&place.store, moment(0)).await;
    let ask = async |id| {
        place
            .store
            .ask_reset(id, "ana@lima.example".to_owned(), &system(moment(1)), kept(""))
            .await
    };
    let (first, second) = (ResetId::new(), ResetId::new());
    ask(first).await.unwrap();
    ask(second).await.unwrap();
    let sent: Vec<_> = letters(&place.store, moment(1))
        .await
        .into_iter()
        .map(|(_, letter)| letter)
        .collect();
    assert!(
        matches!(&sent[..], [Letter::ResetPassword { reset: one, .. }, Letter::ResetPassword { reset: two, .. }]
        if [*one, *two] == [first, second])
    );
    let use_up = async |id, at| place.store.use_reset(id, hash("second"), &system(at), no_answer).await;
    assert!(is_expired(&use_up(first, moment(1) + RESET_LIFE).await.map(|_| ())));
    assert_eq!(
        place.store.reset_address(first, moment(2)).await.unwrap().as_deref(),
        Some("ana@lima.example")
    );
    let decision = use_up(first, moment(2)).await.unwrap();
    assert_eq!(decision.after.password_hash, Some(hash("second")));
    // The other one died with the password that it was to replace.
    for id in [first, second, ResetId::new()] {
        assert_eq!(place.store.reset_address(id, moment(2)).await.unwrap(), None);
        assert!(is_expired(&use_up(id, moment(2)).await.map(|_| ())));
    }
    assert_eq!(
        place.store.person(ids.user).await.unwrap().unwrap().user,
        decision.after
    );
    sound(&place.store, moment(2)).await;
}

#[tokio::test]
async fn a_reset_that_goes_nowhere_leaves_nothing_behind() {
    let place = place();
    let ids = account(&place.store, "ana@lima.example").await;
    letters(&place.store, moment(0)).await;
    by_hand(&place, "UPDATE users SET status = 'suspended'");
    let before = place.store.person(ids.user).await.unwrap();
    for address in ["ana@lima.example", "nobody@lima.example"] {
        let asked = act(accounts_domain::actor::Actor::System, moment(1));
        place
            .store
            .ask_reset(ResetId::new(), address.to_owned(), &asked, kept(""))
            .await
            .unwrap();
    }
    assert_eq!(place.store.person(ids.user).await.unwrap(), before);
    assert!(letters(&place.store, moment(1)).await.is_empty());
    sound(&place.store, moment(1)).await;
}
