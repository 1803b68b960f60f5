//! Operators: each address once, each with its event.

use accounts_domain::ids::OperatorId;
use accounts_domain::names::DisplayName;
use accounts_domain::operators::{Operator, OperatorKind};

use super::given::{address, hash, moment, place, sound, system};

fn operator(address_text: &str) -> Operator {
    Operator {
        id: OperatorId::new(),
        address: address(address_text),
        display_name: DisplayName::parse("Olga").unwrap(),
        kind: OperatorKind::Admin,
        password_hash: hash("first"),
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
