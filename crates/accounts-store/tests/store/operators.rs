//! Operators: each address once, each with its event, and sessions that end with the operator.

use accounts_domain::actor::Actor;
use accounts_domain::ids::{OperatorId, OperatorSessionId, SessionId};
use accounts_domain::names::{DisplayName, Reason};
use accounts_domain::operators::{Impersonation, Operator, OperatorChange, OperatorKind, OperatorSession};
use accounts_domain::sessions::Session;
use accounts_domain::totp::TotpStep;
use accounts_store::{DecideError, Visit, Visitor};

use super::given::{account, act, address, hash, moment, place, sound, system};

fn operator(address_text: &str) -> Operator {
    Operator {
        id: OperatorId::new(),
        address: address(address_text),
        display_name: DisplayName::parse("Olga").unwrap(),
        kind: OperatorKind::Admin,
        password_hash: hash("first"),
        factor: Some(accounts_domain::operators::SealedFactor("sealed".to_owned())),
        factor_used: None,
        created_at: moment(0),
    }
}

#[tokio::test]
async fn an_address_has_one_operator() {
    let place = place();
    let create = async |text| {
        place
            .store
            .create_operator(operator(text), &system(moment(0)))
            .await
            .unwrap()
    };
    assert!(create("olga@provider.example").await);
    assert!(!create("Olga@Provider.example").await);
    assert!(create("omar@provider.example").await);
    sound(&place.store, moment(1)).await;
}

#[tokio::test]
async fn with_the_operator_everything_ends_that_it_has_begun() {
    let place = place();
    let store = &place.store;
    let ids = account(store, "ana@lima.example").await;
    let olga = operator("olga@provider.example");
    store.create_operator(olga.clone(), &system(moment(0))).await.unwrap();
    let by_olga = act(Actor::Operator(olga.id), moment(1));
    let session = OperatorSession::begin(OperatorSessionId::new(), moment(1));
    let (id, used) = (session.id, TotpStep(7));
    let started = move |_: &_| {
        let session = session.clone();
        Ok(vec![OperatorChange::SessionStarted { session, used }])
    };
    store.decide_operator(olga.id, &by_olga, started).await.unwrap();
    let (found, _) = store.visit_operator(olga.id, id, moment(2)).await.unwrap().unwrap();
    assert_eq!(found.factor_used, Some(used));
    assert_eq!(
        store.visit_operator(olga.id, id, moment(12 * 60 + 1)).await.unwrap(),
        None
    );

    let by = Impersonation {
        operator: olga.id,
        account: Some(ids.account),
    };
    let in_place = Session::impersonated(SessionId::new(), by, 60, moment(2));
    let reason = Reason::parse("She asked us to").unwrap();
    let begin = async |session: Session| store.impersonate(ids.user, by, session, reason.clone(), &by_olga).await;
    begin(in_place.clone()).await.unwrap();
    let visitor = Visitor {
        session: in_place.id,
        user: ids.user,
        account: Some(ids.account),
        at: moment(3),
    };
    let Visit::Live { impersonation, .. } = store.visit(visitor).await.unwrap() else {
        panic!("it has not begun");
    };
    assert_eq!(impersonation, Some(by));
    sound(store, moment(3)).await;

    store.remove_operator(olga.id, &system(moment(4))).await.unwrap();
    assert_eq!(store.visit_operator(olga.id, id, moment(4)).await.unwrap(), None);
    assert_eq!(store.visit(visitor).await.unwrap(), Visit::Ended);
    // Nothing begins any more, and nothing is left of the try.
    let other = Session::impersonated(SessionId::new(), by, 60, moment(4));
    assert!(matches!(begin(other).await, Err(DecideError::NotFound)));
    sound(store, moment(5)).await;
}
