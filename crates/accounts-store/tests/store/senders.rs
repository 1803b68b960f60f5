//! Which accounts know the sender of a mail.

use super::given::{account, add, address, creation, member, moment, place, sound, system};

#[tokio::test]
async fn an_address_is_found_wherever_it_is_known_and_first_where_it_is_proven() {
    let place = place();
    let store = &place.store;
    let sender = address("Bea@Lima.example");
    let nowhere = store.accounts_of_sender(&sender, 5).await.unwrap();
    assert!(nowhere.ids.is_empty() && !nowhere.more);

    // Written down by others before it is proven anywhere.
    let mut unproven = Vec::new();
    for name in ["dan", "eve"] {
        let ids = account(store, &format!("{name}@{name}.example")).await;
        add(store, ids.account, creation("bea@lima.example"), &system(moment(2)))
            .await
            .unwrap();
        unproven.push(ids.account);
    }
    let ids = account(store, "ana@lima.example").await;
    member(store, ids.account, "bea@lima.example").await;

    let all = store.accounts_of_sender(&sender, 3).await.unwrap();
    let known = unproven.iter().chain([&ids.account]).copied().collect();
    assert_eq!((all.ids, all.more), (known, false));
    let one = store.accounts_of_sender(&sender, 1).await.unwrap();
    assert_eq!((one.ids, one.more), ([ids.account].into(), true));
    sound(store, moment(5)).await;
}
