//! How many queries an answer takes, that each is kept prepared, and that each goes by an index: so no answer takes
//! longer where there are more accounts.

use std::collections::BTreeSet;

use accounts_store::{AskedAbout, IncomingMail, NamedAccount, Visitor, watch};

use super::given::{account, address, by_hand, catalog, member, moment, place_watched};
use super::sessions::log_in;

const NUMBER: &str = "0815";
const ANA: &str = "ana@lima.example";

/// What an act asks that was done before; every query of it is kept prepared, and reads no more than it finds.
async fn asked_by(place: &super::given::Place, act: impl AsyncFn()) -> usize {
    act().await;
    watch::asked(&place.database);
    act().await;
    let queries = watch::asked(&place.database);
    for query in &queries {
        assert!(watch::is_kept(&place.database, query), "prepared anew: {query}");
        let steps = watch::reads_all(&place.database, query).unwrap();
        assert!(steps.is_empty(), "{query}\n{steps:#?}");
    }
    queries.len()
}

#[tokio::test]
async fn every_answer_takes_a_query_or_two_and_each_goes_by_an_index() {
    let place = place_watched();
    let store = &place.store;
    let ids = account(store, ANA).await;
    member(store, ids.account, "bea@lima.example").await;
    by_hand(&place, &format!("UPDATE accounts SET external_id = '{NUMBER}'"));
    let session = log_in(store, ids.user, "token", moment(2)).await;
    // Where this process alone changes rows, what is in memory is the truth.
    let here = |elsewhere: usize| if place.database.is_postgres() { elsewhere } else { 0 };

    let visitor = Visitor {
        session,
        user: ids.user,
        account: Some(ids.account),
        at: moment(3),
    };
    let visit = async || drop(store.visit(visitor).await.unwrap());
    assert_eq!(asked_by(&place, visit).await, here(1));

    let by_id = async || {
        let asked = AskedAbout {
            accounts: BTreeSet::from([ids.account]),
            users: BTreeSet::from([ids.user]),
            ..AskedAbout::default()
        };
        assert!(
            store
                .find_for_checks(asked)
                .await
                .unwrap()
                .account(ids.account)
                .is_some()
        );
    };
    assert_eq!(asked_by(&place, by_id).await, here(2));
    let by_name = async || {
        let asked = AskedAbout {
            external_ids: BTreeSet::from([NUMBER.to_owned()]),
            address_keys: BTreeSet::from([ANA.to_owned()]),
            ..AskedAbout::default()
        };
        assert!(store.find_for_checks(asked).await.unwrap().login_of(ANA).is_some());
    };
    assert_eq!(asked_by(&place, by_name).await, 2);

    let readers = async || assert_eq!(store.readers(ids.account).await.unwrap().len(), 2);
    assert_eq!(asked_by(&place, readers).await, 1);

    let number = || NamedAccount::ExternalId(NUMBER.parse().unwrap());
    for (named, readers) in [(false, false), (false, true), (true, true)] {
        let inbound = async || {
            let mail = IncomingMail {
                sender: address("bea@lima.example"),
                account: named.then(number),
                readers,
                most: 100,
            };
            assert_eq!(store.accounts_of_mail(mail).await.unwrap().accounts.len(), 1);
        };
        assert_eq!(asked_by(&place, inbound).await, 2);
    }
}

#[tokio::test]
async fn an_account_that_is_not_in_memory_is_read_by_five_queries_and_those_of_what_it_has() {
    let place = place_watched();
    let ids = account(&place.store, ANA).await;
    let closed = place.close();
    let store = closed.open(&catalog("standard")).unwrap();
    watch::asked(&closed.database);
    assert!(store.roster(ids.account).await.unwrap().is_some());
    let queries = watch::asked(&closed.database);
    for query in &queries {
        let steps = watch::reads_all(&closed.database, query).unwrap();
        assert!(steps.is_empty(), "{query}\n{steps:#?}");
    }
    // It has telephone numbers and wishes beside.
    assert_eq!(queries.len(), 5 + 2, "{queries:#?}");
}
