//! Integrations: each name once, each change with its event, and keys that are found by their id alone.

use std::collections::BTreeSet;

use accounts_domain::actor::Actor;
use accounts_domain::api_keys::{KeyHolder, KeyMode, SecretHash};
use accounts_domain::ids::{ApiKeyId, IntegrationId, OperatorId};
use accounts_domain::integrations::{Integration, IntegrationKey, IntegrationPatch, IntegrationScope};
use accounts_domain::names::{KeyName, Reason};
use accounts_domain::violation::Violation;
use accounts_store::{AuditSearch, DecideError, Store};

use super::given::{act, by_hand, kept, moment, place, sound, system, under};

/// An integration without a key.
pub(super) fn integration(name: &str, scopes: &[IntegrationScope]) -> Integration {
    let name = KeyName::parse(name).unwrap();
    Integration::new(IntegrationId::new(), name, scopes.iter().copied().collect(), moment(0))
}

/// A key whose secret has this hash.
pub(super) fn integration_key(hash: u8, expires_at: Option<chrono::DateTime<chrono::Utc>>) -> IntegrationKey {
    IntegrationKey {
        id: ApiKeyId::new(),
        mode: KeyMode::Live,
        expires_at,
        created_at: moment(0),
        secret: SecretHash(format!("{hash:064}")),
    }
}

fn because() -> Reason {
    Reason::parse("A key was lost").unwrap()
}

/// What happened, the first first, each with the reason that stands beside it.
async fn told(store: &Store) -> Vec<(String, Option<String>)> {
    let mut events = store
        .search_audit_events(AuditSearch::default(), None, 100)
        .await
        .unwrap();
    events.sort_by_key(|event| (event.revision, event.position));
    let reason = |event: &accounts_store::AuditEvent| {
        let reason = event.values.iter().find(|value| value.field == "reason");
        reason.and_then(|value| value.after.clone())
    };
    events.iter().map(|event| (event.kind.clone(), reason(event))).collect()
}

#[tokio::test]
async fn a_name_has_one_integration_which_is_read_as_it_was_made() {
    let place = place();
    let store = &place.store;
    let mut desk = integration("Desk", &[IntegrationScope::AccessCheck, IntegrationScope::AccountsOpen]);
    let key = integration_key(1, Some(moment(60)));
    desk.keys.insert(key.id, key.clone().into());
    assert!(
        store
            .create_integration(desk.clone(), &system(moment(0)))
            .await
            .unwrap()
    );
    let again = integration("Desk", &[]);
    assert!(
        !store
            .create_integration(again.clone(), &system(moment(1)))
            .await
            .unwrap()
    );
    assert_eq!(store.integration(desk.id).await.unwrap(), Some(desk.clone()));
    assert_eq!(store.integration(again.id).await.unwrap(), None);
    let (found, its_key) = store.integration_of_key(key.id).await.unwrap().unwrap();
    assert_eq!((found, its_key.as_ref()), (desk, &key));
    assert_eq!(store.integration_of_key(ApiKeyId::new()).await.unwrap(), None);
    sound(store, moment(1)).await;
}

#[tokio::test]
async fn an_operator_makes_one_for_a_reason_and_once_for_a_key_of_the_request() {
    let place = place();
    let store = &place.store;
    let by = act(Actor::Operator(OperatorId::new()), moment(0));
    let make = async |name, act| {
        let made =
            store.create_integration_because(integration(name, &[]), because(), act, |made| kept(made.name.as_str()));
        made.await
    };
    let once = under("k", "body", by.clone());
    assert!(make("Desk", &once).await.unwrap());
    let again = make("Other", &once).await;
    assert!(matches!(again, Err(DecideError::Replayed(answer)) if answer == kept("Desk")));
    // Nothing is kept of what was not done.
    let taken = under("taken", "body", by);
    assert!(!make("Desk", &taken).await.unwrap());
    assert!(make("Shop", &taken).await.unwrap());
    let all = store.integrations().await.unwrap();
    let names: Vec<&str> = all.iter().map(|integration| integration.name.as_str()).collect();
    assert_eq!(names, ["Desk", "Shop"]);
    let created = ("integration.created".to_owned(), Some("A key was lost".to_owned()));
    assert_eq!(told(store).await, [created.clone(), created]);
}

#[tokio::test]
async fn each_change_has_its_event_and_what_changes_nothing_leaves_no_trace() {
    let place = place();
    let store = &place.store;
    let desk = integration("Desk", &[IntegrationScope::AccessCheck]);
    let id = desk.id;
    store.create_integration(desk, &system(moment(0))).await.unwrap();
    let key = integration_key(1, None);
    let gone = key.id;
    let make = move |desk: &Integration| desk.make_key(&key);
    let decision = store.decide_integration(id, &system(moment(1)), make).await.unwrap();
    assert_eq!((decision.after.revision, decision.changes.len()), (2, 1));
    store
        .note_key_use(KeyHolder::Integration, gone, moment(2))
        .await
        .unwrap();
    let uses = store.key_uses(KeyHolder::Integration, vec![gone]).await.unwrap();
    assert_eq!(uses.get(&gone), Some(&moment(2)));

    let by = act(Actor::Operator(OperatorId::new()), moment(3));
    let patch = IntegrationPatch {
        scopes: Some(BTreeSet::from([IntegrationScope::AccountsView])),
        disabled: Some(true),
    };
    for changes in [2, 0] {
        let patch = patch.clone();
        let administer = move |desk: &Integration| Ok(desk.administer(&patch));
        let decided = store.decide_integration_because(id, because(), &by, administer);
        let decision = decided.await.unwrap();
        assert_eq!((decision.after.revision, decision.changes.len()), (3, changes));
        assert_eq!(store.integration(id).await.unwrap(), Some(decision.after));
    }
    for refused in [false, true] {
        let revoke = move |desk: &Integration| desk.revoke_key(gone);
        let decided = store.decide_integration_because(id, because(), &by, revoke).await;
        assert_eq!(
            matches!(decided, Err(DecideError::Refused(Violation::NotFound))),
            refused
        );
    }
    let left = store.integration(id).await.unwrap().unwrap();
    assert_eq!(
        (left.revision, left.keys.len(), left.disabled_at),
        (4, 0, Some(moment(3)))
    );
    let reason = Some("A key was lost".to_owned());
    let wanted = [
        ("integration.created", None),
        ("api_key.made", None),
        ("integration.scopes_changed", reason.clone()),
        ("integration.disabled", reason.clone()),
        ("api_key.revoked", reason),
    ];
    assert_eq!(
        told(store).await,
        wanted.map(|(kind, reason)| (kind.to_owned(), reason))
    );
    let later = system(moment(4));
    let nobody = store.decide_integration(IntegrationId::new(), &later, |desk| Ok(desk.disable()));
    assert!(matches!(nobody.await, Err(DecideError::NotFound)));
    sound(store, moment(4)).await;
}

#[tokio::test]
async fn integrations_are_listed_by_age_a_page_at_a_time() {
    let place = place();
    let store = &place.store;
    let mut ids = Vec::new();
    for number in 0..3 {
        let mut made = integration(&format!("Desk {number}"), &[]);
        let key = integration_key(number, None);
        made.keys.insert(key.id, key.into());
        ids.push(made.id);
        store.create_integration(made, &system(moment(0))).await.unwrap();
    }
    let listed = async |after, limit| {
        let found = store.list_integrations(after, limit).await.unwrap();
        assert!(found.iter().all(|integration| integration.keys.len() == 1));
        found.iter().map(|integration| integration.id).collect::<Vec<_>>()
    };
    assert_eq!(listed(None, 2).await, ids[..2]);
    assert_eq!(listed(Some(ids[1]), 2).await, ids[2..]);
    assert_eq!(listed(Some(ids[2]), 2).await, []);
    assert_eq!(store.integrations().await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_scope_that_nobody_knows_is_no_silent_nothing() {
    let place = place();
    let desk = integration("Desk", &[IntegrationScope::AccessCheck]);
    let id = desk.id;
    place.store.create_integration(desk, &system(moment(0))).await.unwrap();
    by_hand(&place, r#"UPDATE integrations SET scopes = '["everything"]'"#);
    assert!(place.store.integration(id).await.is_err());
}
