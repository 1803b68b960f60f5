//! Refresh tokens: spent once, replayed for a moment, and dead with their session.

use accounts_domain::ids::{SessionId, UserId};
use accounts_domain::sessions::{EndReason, REFRESH_GRACE, SESSION_IDLE, SESSION_LIFE, Session};
use accounts_domain::users::NewSession;
use accounts_store::{Rotated, Rotation, Store, Visit, Visitor};
use chrono::{DateTime, TimeDelta, Utc};

use super::given::{account, by_hand, hash, moment, no_answer, place, sound, system};

/// Logs a user in whose password has the hash `first`.
pub(super) async fn log_in(store: &Store, user: UserId, token: &str, at: DateTime<Utc>) -> SessionId {
    let session = Session::begin(SessionId::new(), at, Some("curl".to_owned()), None);
    let id = session.id;
    let new = NewSession {
        session,
        refresh_hash: token.to_owned(),
    };
    let decide = move |person: &accounts_domain::users::Person| person.log_in(&hash("first"), new.clone());
    store.decide_user(user, &system(at), decide, no_answer).await.unwrap();
    id
}

async fn rotate(store: &Store, token: &str, next: &str, at: DateTime<Utc>) -> Rotated {
    let rotation = Rotation {
        hash: token.to_owned(),
        salt: format!("salt of {next}"),
        successor_hash: next.to_owned(),
    };
    store.rotate(rotation, at).await.unwrap()
}

#[tokio::test]
async fn a_token_is_spent_once_and_replayed_within_the_grace() {
    let place = place();
    let ids = account(&place.store, "ana@lima.example").await;
    let session = log_in(&place.store, ids.user, "first", moment(0)).await;
    let next = |salt: &str| Rotated::Successor {
        user: ids.user,
        session,
        salt: salt.to_owned(),
    };
    let spent = moment(1);
    assert_eq!(
        rotate(&place.store, "first", "second", spent).await,
        next("salt of second")
    );
    let late = spent + REFRESH_GRACE - TimeDelta::microseconds(1);
    assert_eq!(
        rotate(&place.store, "first", "other", late).await,
        next("salt of second")
    );
    // Another would have spent it: the successor works.
    assert_eq!(
        rotate(&place.store, "second", "third", late).await,
        next("salt of third")
    );
    let too_late = spent + REFRESH_GRACE;
    assert_eq!(
        rotate(&place.store, "first", "other", too_late).await,
        Rotated::Reused {
            user: ids.user,
            session
        }
    );
    assert_eq!(rotate(&place.store, "nobody's", "other", too_late).await, Rotated::Dead);
    sound(&place.store, moment(2)).await;
}

#[tokio::test]
async fn a_token_dies_with_its_session() {
    let place = place();
    let ids = account(&place.store, "ana@lima.example").await;
    let session = log_in(&place.store, ids.user, "first", moment(0)).await;
    let other = log_in(&place.store, ids.user, "other", moment(0)).await;
    let end = move |person: &accounts_domain::users::Person| person.end_session(session, EndReason::LoggedOut);
    place
        .store
        .decide_user(ids.user, &system(moment(1)), end, no_answer)
        .await
        .unwrap();
    assert_eq!(rotate(&place.store, "first", "second", moment(1)).await, Rotated::Dead);
    let visit = |session| {
        place.store.visit(Visitor {
            session,
            user: ids.user,
            account: Some(ids.account),
            at: moment(1),
        })
    };
    assert_eq!(visit(session).await.unwrap(), Visit::Ended);
    assert!(matches!(
        visit(other).await.unwrap(),
        Visit::Live { roster: Some(_), .. }
    ));
    sound(&place.store, moment(1)).await;
}

#[tokio::test]
async fn a_suspended_user_has_no_session() {
    let place = place();
    let ids = account(&place.store, "ana@lima.example").await;
    let session = log_in(&place.store, ids.user, "first", moment(0)).await;
    by_hand(&place, "UPDATE users SET status = 'suspended'");
    let visitor = Visitor {
        session,
        user: ids.user,
        account: Some(ids.account),
        at: moment(1),
    };
    assert_eq!(place.store.visit(visitor).await.unwrap(), Visit::Ended);
    assert_eq!(rotate(&place.store, "first", "second", moment(1)).await, Rotated::Dead);
    sound(&place.store, moment(1)).await;
}

#[tokio::test]
async fn r27_a_session_ends_idle_and_old() {
    let place = place();
    let ids = account(&place.store, "ana@lima.example").await;
    log_in(&place.store, ids.user, "idle", moment(0)).await;
    assert_eq!(
        rotate(&place.store, "idle", "late", moment(0) + SESSION_IDLE).await,
        Rotated::Dead
    );
    log_in(&place.store, ids.user, "token 0", moment(0)).await;
    let week = TimeDelta::days(7);
    let mut at = moment(0);
    for number in 0..12 {
        at += week;
        let rotated = rotate(
            &place.store,
            &format!("token {number}"),
            &format!("token {}", number + 1),
            at,
        )
        .await;
        assert!(matches!(rotated, Rotated::Successor { .. }), "after week {number}");
    }
    assert_eq!(
        rotate(&place.store, "token 12", "late", moment(0) + SESSION_LIFE).await,
        Rotated::Dead
    );
}

#[tokio::test]
async fn a_new_password_ends_everything_older_but_not_what_has_ended_by_itself() {
    let place = place();
    let ids = account(&place.store, "ana@lima.example").await;
    let idle = log_in(&place.store, ids.user, "idle", moment(0)).await;
    let at = moment(0) + SESSION_IDLE;
    let live = log_in(&place.store, ids.user, "live", at).await;
    let change = |person: &accounts_domain::users::Person| Ok(person.change_password(hash("second"), None));
    let decision = place
        .store
        .decide_user(ids.user, &system(at), change, no_answer)
        .await
        .unwrap();
    assert!(!decision.before.sessions.contains_key(&idle) && decision.before.sessions.contains_key(&live));
    assert_eq!(decision.after.password_hash, Some(hash("second")));
    assert_eq!(decision.after.password_changed_at, Some(at));
    assert_eq!(rotate(&place.store, "live", "next", at).await, Rotated::Dead);
    sound(&place.store, at).await;
}
