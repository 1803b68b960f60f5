//! Counts in fixed windows.

use accounts_store::{Store, Throttle};
use chrono::{DateTime, TimeDelta, Utc};

use super::given::{moment, place};

fn throttle(key: &str, limit: i32) -> Throttle {
    Throttle {
        key: key.to_owned(),
        limit,
        window: TimeDelta::minutes(10),
    }
}

async fn reserve(store: &Store, throttles: &[Throttle], at: DateTime<Utc>) -> Option<DateTime<Utc>> {
    store.reserve(throttles.to_vec(), at).await.unwrap()
}

#[tokio::test]
async fn a_window_is_full_until_it_ends() {
    let place = place();
    let both = [throttle("address", 2), throttle("network", 3)];
    assert_eq!(reserve(&place.store, &both, moment(0)).await, None);
    assert_eq!(reserve(&place.store, &both, moment(1)).await, None);
    // It is the first that counts, not the last, and what is refused is not counted.
    assert_eq!(reserve(&place.store, &both, moment(9)).await, Some(moment(10)));
    assert_eq!(reserve(&place.store, &both[1..], moment(9)).await, None);
    assert_eq!(reserve(&place.store, &both[1..], moment(9)).await, Some(moment(10)));
    assert_eq!(reserve(&place.store, &both, moment(10)).await, None);
    assert_eq!(reserve(&place.store, &both, moment(11)).await, None);
    assert_eq!(reserve(&place.store, &both, moment(11)).await, Some(moment(20)));
}

#[tokio::test]
async fn what_did_not_count_is_taken_back() {
    let place = place();
    let one = [throttle("address", 1)];
    assert_eq!(reserve(&place.store, &one, moment(0)).await, None);
    place.store.forgive(one.to_vec()).await.unwrap();
    assert_eq!(reserve(&place.store, &one, moment(1)).await, None);
    assert_eq!(reserve(&place.store, &one, moment(2)).await, Some(moment(10)));
    // What was never counted is not taken back.
    place.store.forgive(vec![throttle("other", 1)]).await.unwrap();
}

#[tokio::test]
async fn many_at_once_get_no_more_than_the_limit() {
    let place = place();
    let mut asked = tokio::task::JoinSet::new();
    for number in 0..8 {
        let store = place.store.clone();
        let mut both = vec![throttle("address", 5), throttle("network", 8)];
        if number % 2 == 0 {
            both.reverse();
        }
        asked.spawn(async move { store.reserve(both, moment(0)).await.unwrap() });
    }
    let answers = asked.join_all().await;
    assert_eq!(answers.iter().filter(|answer| answer.is_none()).count(), 5);
    // Those that were refused for the address did not count for the network either.
    let network = [throttle("network", 8)];
    for _ in 0..3 {
        assert_eq!(reserve(&place.store, &network, moment(1)).await, None);
    }
    assert_eq!(reserve(&place.store, &network, moment(1)).await, Some(moment(10)));
}
