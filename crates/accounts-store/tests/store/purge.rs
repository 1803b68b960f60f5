//! What has served its time goes, and nothing else.

use accounts_domain::actor::Actor;
use accounts_domain::api_keys::{ApiKey, KEYS_REMEMBERED_FOR, KeyMode, SecretHash};
use accounts_domain::ids::{AccountId, ApiKeyId, JoinRequestId, ResetId, VerificationId};
use accounts_domain::join_requests::{Asked, Asking, JoinOutcome, JoinRequest};
use accounts_domain::names::{DisplayName, KeyName};
use accounts_domain::permission::Permissions;
use accounts_domain::roster::Roster;
use accounts_domain::users::Person;
use accounts_domain::verification::{SendVerification, VERIFICATION_LIFE};
use accounts_store::{
    JOIN_REQUESTS_REMEMBERED_FOR, KEPT_FOR, LINKS_REMEMBERED_FOR, LONGEST_WINDOW, Recall, Retention, Rotated, Rotation,
    SESSIONS_REMEMBERED_FOR, Throttle,
};
use chrono::{DateTime, TimeDelta, Utc};

use super::given::{
    Place, account, act, add, address, creation, kept, moment, no_answer, place, roster, sign_up, sound, system, under,
};
use super::integrations::{integration, integration_key};
use super::sessions::log_in;

/// Purges in steps of one row of each kind, and answers how many rows went in all.
async fn purge(place: &Place, at: DateTime<Utc>) -> usize {
    let mut all = 0;
    loop {
        let purged = place.store.purge(at, Retention::default(), 1).await.unwrap();
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
async fn keys_that_end_by_themselves_go_thirty_days_after_their_end() {
    let place = place();
    let store = &place.store;
    let ids = account(store, "ana@lima.example").await;
    purge(&place, moment(0) + KEPT_FOR + LINKS_REMEMBERED_FOR).await;
    let end = moment(5);
    let key = |number: u8, expires_at| ApiKey {
        id: ApiKeyId::new(),
        maker: ids.user,
        name: KeyName::parse("Import").unwrap(),
        mode: KeyMode::Live,
        permissions: Permissions::none(),
        accounts: None,
        expires_at,
        created_at: moment(0),
        secret: SecretHash(format!("{number:064}")),
    };
    let act = act(Actor::User(ids.user), moment(0));
    for (mine, of_account) in [(key(1, Some(end)), key(2, Some(end))), (key(3, None), key(4, None))] {
        let make = move |person: &Person| person.make_key(&mine);
        store.decide_user(ids.user, &act, make, |_| kept("")).await.unwrap();
        let by = act.by();
        let make = move |roster: &Roster| roster.make_key(by, &of_account);
        store.decide(ids.account, &act, make, no_answer).await.unwrap();
    }
    let mut desk = integration("Desk", &[]);
    desk.keys.extend([5, 6].map(|number| {
        let ending = integration_key(number, (number == 5).then_some(end));
        (ending.id, ending.into())
    }));
    let id = desk.id;
    assert!(store.create_integration(desk, &system(moment(0))).await.unwrap());
    let left = || async {
        let person = store.person(ids.user).await.unwrap().unwrap();
        let desk = store.integration(id).await.unwrap().unwrap();
        let of_account = roster(store, ids.account).await.api_keys().count();
        (person.api_keys.len(), of_account, desk.keys.len())
    };
    let forgotten = end + KEYS_REMEMBERED_FOR;
    purge(&place, forgotten - TimeDelta::microseconds(1)).await;
    assert_eq!(left().await, (2, 2, 2));
    assert_eq!(purge(&place, forgotten).await, 3);
    assert_eq!(left().await, (1, 1, 1));
    assert_eq!(purge(&place, forgotten + KEYS_REMEMBERED_FOR).await, 0);
}

#[tokio::test]
async fn requests_to_join_go_ninety_days_after_the_time_at_which_they_end() {
    let place = place();
    let store = &place.store;
    let ids = account(store, "ana@lima.example").await;
    let bea = account(store, "bea@lima.example").await;
    purge(&place, moment(0) + KEPT_FOR + LINKS_REMEMBERED_FOR).await;
    let asked = |asked| JoinRequest::new(JoinRequestId::new(), bea.user, asked, None, moment(1));
    let asking = Asking {
        name: DisplayName::parse("Bea").unwrap(),
        address: address("bea@lima.example"),
    };
    let known = asked(Asked::Account(ids.account));
    let unknown = asked(Asked::Account(AccountId::new()));
    for request in [&known, &unknown] {
        let act = act(Actor::User(bea.user), moment(1));
        let sent = store.ask_to_join(request.clone(), asking.clone(), &act, kept(""));
        sent.await.unwrap();
    }
    let mine = || async {
        store
            .join_requests_of(bea.user, None, 10, moment(1))
            .await
            .unwrap()
            .len()
    };
    assert_eq!(mine().await, 2);
    // A withdrawn one is remembered as long as one that waits.
    let act = act(Actor::User(bea.user), moment(2));
    store.withdraw_join_request(bea.user, known.id, &act).await.unwrap();
    assert_eq!(mine().await, 1);
    let forgotten = known.expires_at + JOIN_REQUESTS_REMEMBERED_FOR;
    purge(&place, forgotten - TimeDelta::microseconds(1)).await;
    let outcome = || async { store.join_outcome(ids.account, known.id).await.unwrap() };
    assert_eq!((mine().await, outcome().await), (1, Some(JoinOutcome::Withdrawn)));
    assert_eq!(purge(&place, forgotten).await, 2);
    assert_eq!((mine().await, outcome().await), (0, None));
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
