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

async fn until(store: &Store, throttles: &[Throttle], at: DateTime<Utc>) -> Option<DateTime<Utc>> {
    store.throttled_until(throttles.to_vec(), at).await.unwrap()
}

#[tokio::test]
async fn a_window_is_full_until_it_ends() {
    let place = place();
    let both = [throttle("address", 2), throttle("network", 3)];
    assert_eq!(until(&place.store, &both, moment(0)).await, None);
    place.store.count(both.to_vec(), moment(0)).await.unwrap();
    assert_eq!(until(&place.store, &both, moment(1)).await, None);
    place.store.count(both.to_vec(), moment(1)).await.unwrap();
    // It is the first that counts, not the last.
    assert_eq!(until(&place.store, &both, moment(9)).await, Some(moment(10)));
    assert_eq!(until(&place.store, &both[1..], moment(9)).await, None);
    assert_eq!(until(&place.store, &both, moment(10)).await, None);
    place.store.count(both.to_vec(), moment(10)).await.unwrap();
    assert_eq!(until(&place.store, &both, moment(10)).await, None);
    place.store.count(both.to_vec(), moment(11)).await.unwrap();
    assert_eq!(until(&place.store, &both, moment(11)).await, Some(moment(20)));
}

#[tokio::test]
async fn nothing_is_lost_when_many_count_at_once() {
    let place = place();
    let mut asked = tokio::task::JoinSet::new();
    for number in 0..8 {
        let store = place.store.clone();
        let mut both = vec![throttle("address", 8), throttle("network", 8)];
        if number % 2 == 0 {
            both.reverse();
        }
        asked.spawn(async move { store.count(both, moment(0)).await.unwrap() });
    }
    asked.join_all().await;
    for full in [throttle("address", 8), throttle("network", 8)] {
        assert_eq!(
            until(&place.store, std::slice::from_ref(&full), moment(1)).await,
            Some(moment(10))
        );
        let one_more = Throttle { limit: 9, ..full };
        assert_eq!(until(&place.store, &[one_more], moment(1)).await, None);
    }
}
