//! What has served its time goes, and nothing else.

use accounts_domain::ids::{ResetId, VerificationId};
use accounts_domain::verification::{SendVerification, VERIFICATION_LIFE};
use accounts_store::{
    KEPT_FOR, LINKS_REMEMBERED_FOR, LONGEST_WINDOW, Recall, Rotated, Rotation, SESSIONS_REMEMBERED_FOR, Throttle,
};
use chrono::{DateTime, TimeDelta, Utc};

use super::given::{
    Place, account, add, creation, kept, moment, no_answer, place, roster, sign_up, sound, system, under,
};
use super::sessions::log_in;

/// Purges in steps of one row of each kind, and answers how many rows went in all.
async fn purge(place: &Place, at: DateTime<Utc>) -> usize {
    let mut all = 0;
    loop {
        let purged = place.store.purge(at, 1).await.unwrap();
        // Between two steps everything holds as well.
        sound(&place.store, at).await;
        if purged == 0 {
            return all;
        }
        all += purged;
    }
}

#[tokio::test]
async fn answers_and_counters_go_after_a_day() {
    let place = place();
    let ids = account(&place.store, "ana@lima.example").await;
    let act = under("k", "body", system(moment(0)));
    add(&place.store, ids.account, creation("bea@lima.example"), &act)
        .await
        .unwrap();
    let keep = act.keep.unwrap();
    let counted = Throttle {
        key: "network".to_owned(),
        limit: 1,
        window: LONGEST_WINDOW,
    };
    assert_eq!(
        place.store.reserve(vec![counted.clone()], moment(0)).await.unwrap(),
        None
    );
    let day = moment(0) + KEPT_FOR;
    let moment_before = day - TimeDelta::microseconds(1);
    assert_eq!(purge(&place, moment_before).await, 0);
    assert_eq!(
        place.store.reserve(vec![counted], moment_before).await.unwrap(),
        Some(day)
    );
    assert_eq!(
        place.store.recall(keep.clone(), moment_before).await.unwrap(),
        Recall::Answered(kept("added"))
    );
    // The sign-up that opened the account was counted too.
    assert_eq!(purge(&place, day).await, 3);
    assert_eq!(place.store.recall(keep, moment_before).await.unwrap(), Recall::New);
}

#[tokio::test]
async fn links_go_thirty_days_after_their_end() {
    let place = place();
    let ids = account(&place.store, "ana@lima.example").await;
    let (command, act) = (creation("bea@lima.example"), system(moment(0)));
    let (contact, by) = (command.id, act.by());
    add(&place.store, ids.account, command, &act).await.unwrap();
    for minute in [0, 2] {
        let send = SendVerification {
            id: VerificationId::new(),
            contact,
            address: None,
        };
        let by = accounts_domain::actor::By {
            at: moment(minute),
            ..by
        };
        let decide = move |roster: &accounts_domain::roster::Roster| roster.send_verification(by, &send);
        place
            .store
            .decide(ids.account, &system(moment(minute)), decide, no_answer)
            .await
            .unwrap();
    }
    place
        .store
        .sign_up(sign_up("cem@lima.example", moment(0)), &system(moment(0)), kept(""))
        .await
        .unwrap();
    place
        .store
        .ask_reset(
            ResetId::new(),
            "ana@lima.example".to_owned(),
            &system(moment(0)),
            kept(""),
        )
        .await
        .unwrap();
    let counters = purge(&place, moment(0) + KEPT_FOR).await;
    assert_eq!(counters, 3);
    let links = || async { roster(&place.store, ids.account).await.parts().verifications.len() };
    let first = moment(0) + VERIFICATION_LIFE + LINKS_REMEMBERED_FOR;
    // Two sign-ups and the reset end before the first verification.
    assert_eq!(purge(&place, first - TimeDelta::microseconds(1)).await, 3);
    assert_eq!(links().await, 2);
    assert_eq!(purge(&place, first).await, 1);
    assert_eq!(links().await, 1);
    assert_eq!(purge(&place, first + TimeDelta::minutes(2)).await, 1);
}

#[tokio::test]
async fn sessions_go_ninety_days_after_their_end_with_their_tokens() {
    let place = place();
    let ids = account(&place.store, "ana@lima.example").await;
    purge(&place, moment(0) + KEPT_FOR).await;
    let session = log_in(&place.store, ids.user, "token 0", moment(0)).await;
    for number in 0..3 {
        let hash = format!("token {number}");
        let successor_hash = format!("token {}", number + 1);
        let rotation = Rotation {
            hash,
            salt: "salt".to_owned(),
            successor_hash,
        };
        place.store.rotate(rotation, moment(number)).await.unwrap();
    }
    let ended = moment(0) + TimeDelta::days(10);
    let end = move |person: &accounts_domain::users::Person| {
        person.end_session(session, accounts_domain::sessions::EndReason::LoggedOut)
    };
    log_in(&place.store, ids.user, "live", ended).await;
    place
        .store
        .decide_user(ids.user, &system(ended), end, no_answer)
        .await
        .unwrap();
    let gone = ended + SESSIONS_REMEMBERED_FOR;
    // The sign-up of the account ended long before.
    assert_eq!(purge(&place, gone - TimeDelta::microseconds(1)).await, 1);
    assert_eq!(purge(&place, gone).await, 5);
    let alive = Rotation {
        hash: "live".to_owned(),
        salt: "salt".to_owned(),
        successor_hash: "next".to_owned(),
    };
    let rotated = place.store.rotate(alive, ended + TimeDelta::days(1)).await.unwrap();
    assert!(matches!(rotated, Rotated::Successor { .. }));
}
