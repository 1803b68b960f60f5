//! Which accounts know the sender of a mail.

use std::collections::BTreeSet;

use accounts_domain::ids::AccountId;
use accounts_store::IncomingMail;

use super::given::{account, add, address, creation, member, moment, place, sound, system};

#[tokio::test]
async fn an_address_is_found_wherever_it_is_known_and_first_where_it_is_proven() {
    let place = place();
    let store = &place.store;
    let sender = address("Bea@Lima.example");
    let known = async |most| {
        let mail = IncomingMail {
            sender: sender.clone(),
            account: None,
            readers: false,
            most,
        };
        let found = store.accounts_of_mail(mail).await.unwrap();
        let ids: BTreeSet<AccountId> = found.accounts.into_keys().collect();
        (ids, found.more)
    };
    assert_eq!(known(5).await, (BTreeSet::new(), false));

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

    let everywhere = unproven.iter().chain([&ids.account]).copied().collect();
    assert_eq!(known(3).await, (everywhere, false));
    assert_eq!(known(1).await, ([ids.account].into(), true));
    sound(store, moment(5)).await;
}
