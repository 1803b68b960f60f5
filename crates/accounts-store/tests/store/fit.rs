//! A catalog is taken into use only if it fits what is stored.

use std::sync::Arc;

use accounts_domain::catalog::{Catalog, Obstacle};
use accounts_store::OpenError;

use super::given::{Place, account, by_hand, catalog, moment, place, place_with, refused_by_hand, sound};

/// A catalog with one role, which must be filled.
fn with_role(words: &str) -> Arc<Catalog> {
    let role = format!(r#"{{ key = "desk", names = {{ en = "Desk", fr = "Desk" }}, vacancy = "forbidden", {words} }}"#);
    Arc::new(Catalog::parse(&format!("name = \"own\"\nroles = [{role}]")).unwrap())
}

#[tokio::test]
async fn a_catalog_that_lacks_what_is_in_use_is_refused_with_all_that_stands_in_the_way() {
    let place = place();
    let ids = account(&place.store, "ana@lima.example").await;
    by_hand(
        &place,
        &format!(
            "UPDATE memberships SET permissions = '[\"tickets:open\"]' WHERE user_id = '{}'",
            ids.user
        ),
    );
    let other = with_role(r#"holders = "many""#);
    let served = place.store.obstacles(&other).await.unwrap();
    assert!(
        served.contains(&Obstacle::RoleHeld {
            role: "billing".parse().unwrap()
        }),
        "{served:?}"
    );
    assert!(served.contains(&Obstacle::CategorySubscribed {
        category: "invoice".parse().unwrap()
    }));
    assert!(served.contains(&Obstacle::PermissionGranted {
        permission: "tickets:open".parse().unwrap()
    }));
    assert_eq!(accounts_store::obstacles(&place.database, &other).unwrap(), served);
    assert_eq!(place.store.obstacles(&catalog("standard")).await.unwrap(), []);

    let closed = place.close();
    let refused = closed.open(&other).unwrap_err();
    assert!(
        refused.to_string().contains("The role `billing` is held by contacts"),
        "{refused}"
    );
    assert!(matches!(refused, OpenError::Unfit { obstacles } if obstacles == served));
    let store = closed.open(&catalog("standard")).unwrap();
    sound(&store, moment(1)).await;
}

#[tokio::test]
async fn what_is_in_use_is_counted_per_account() {
    let many = r#"holders = "many""#;
    let place = place_with(&with_role(many));
    let ids = account(&place.store, "ana@lima.example").await;
    let other = account(&place.store, "bea@rio.example").await;
    let unverified = super::given::creation("cem@lima.example");
    let contact = unverified.id;
    let act = super::given::system(moment(1));
    super::given::add(&place.store, ids.account, unverified, &act)
        .await
        .unwrap();
    let desk: accounts_domain::keys::RoleKey = "desk".parse().unwrap();
    let (role, by) = (desk.clone(), act.by());
    let give = move |roster: &accounts_domain::roster::Roster| roster.give_role(by, contact, &role);
    place
        .store
        .decide(ids.account, &act, give, super::given::no_answer)
        .await
        .unwrap();
    let live = place.store.live_use().await.unwrap();
    assert_eq!(live.roles, [(desk.clone(), 2)].into());
    assert_eq!(
        (live.ordinary_holders, live.unverified_holders),
        ([desk.clone()].into(), [desk.clone()].into())
    );
    let single = place
        .store
        .obstacles(&with_role(r#"holders = "one", verified_only = true"#))
        .await
        .unwrap();
    let wanted = [
        Obstacle::ManyHolders {
            role: desk.clone(),
            holders: 2,
        },
        Obstacle::UnverifiedHolder { role: desk.clone() },
    ];
    assert_eq!(single, wanted);
    // The one who holds it beside its primary holder stands in the way by itself.
    by_hand(
        &place,
        &format!("DELETE FROM role_primaries WHERE account_id = '{}'", other.account),
    );
    by_hand(
        &place,
        &format!("DELETE FROM role_holders WHERE contact_id = '{contact}'"),
    );
    let single = place
        .store
        .obstacles(&with_role(r#"holders = "one", verified_only = true"#))
        .await
        .unwrap();
    assert_eq!(single, [Obstacle::OrdinaryHolder { role: desk }]);
}

#[tokio::test]
async fn the_rows_of_a_role_follow_the_catalog_that_is_in_use() {
    let many = with_role(r#"holders = "many""#);
    let place = place_with(&many);
    let ids = account(&place.store, "ana@lima.example").await;
    let command = super::given::creation("bea@lima.example");
    let contact = command.id;
    super::given::add(&place.store, ids.account, command, &super::given::system(moment(1)))
        .await
        .unwrap();
    let closed = place.close();
    let single = with_role(r#"holders = "one", verified_only = true"#);
    let store = closed.open(&single).unwrap();
    sound(&store, moment(2)).await;
    let place = Place::of(store, closed);
    for (sole, verified) in [("TRUE", "NULL"), ("FALSE", "TRUE")] {
        let second = format!(
            "INSERT INTO role_holders (account_id, role, contact_id, sole, verified)
             VALUES ('{}', 'desk', '{contact}', {sole}, {verified})",
            ids.account
        );
        let refused = refused_by_hand(&place, &second);
        assert!(refused.to_lowercase().contains("constraint"), "{refused}");
    }
    let found = accounts_store::check(&place.database, &many, moment(2)).unwrap();
    assert_eq!(
        found.iter().map(|finding| finding.key).collect::<Vec<_>>(),
        ["role-not-guarded"]
    );
    let closed = place.close();
    sound(&closed.open(&many).unwrap(), moment(2)).await;
}
