//! Integrations: machine callers of the provider, apart from customers, and dead at once when it is taken from them.

use std::{collections::BTreeSet, thread, time::Duration};

use accounts_api::key_text::integration_key;
use accounts_domain::{
    actor::Actor,
    api_keys::{KeyHolder, KeyMode},
    ids::{ApiKeyId, IntegrationId},
    integrations::{Integration, IntegrationChange, IntegrationScope},
    violation::Violation,
};
use accounts_store::{Act, Store};
use accounts_tests::{App, Client, given, json, on_both, scene};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

const CHECKS: &str = "/v1/access-checks";

fn question() -> Value {
    json!({ "questions": [{
        "external_id": "4711", "address": "ana@lima.example", "permission": "contacts:view",
    }] })
}

fn asks(client: &Client) -> u16 {
    client.post(CHECKS, question()).send().status()
}

fn act(at: DateTime<Utc>) -> Act {
    Act {
        actor: Actor::System,
        at,
        request_id: None,
        keep: None,
    }
}

/// The only integration, as it is stored.
fn only(app: &App) -> Integration {
    let store = &app.running().service().store;
    let mut all = app.running().wait(store.integrations()).unwrap();
    assert_eq!(all.len(), 1);
    all.remove(0)
}

fn change<D>(app: &App, id: IntegrationId, decide: D)
where
    D: Fn(&Integration) -> Result<Vec<IntegrationChange>, Violation> + Send + 'static,
{
    let store: &Store = &app.running().service().store;
    let act = act(app.clock().now());
    let done = store.decide_integration(id, &act, decide);
    assert!(!app.running().wait(done).unwrap().changes.is_empty());
}

fn key_of(key: &str) -> ApiKeyId {
    let id = key.split('_').nth(2).unwrap();
    format!("key_{id}").parse().unwrap()
}

on_both! {
    fn r_41_a_key_is_dead_at_once_when_it_is_revoked_disabled_or_out_of_scope(app) {
        let key = scene::integration(app, &["access:check"], KeyMode::Live);
        let id = only(app).id;
        let second = app.second();
        let mut clients = vec![app.client().with_token(&key)];
        clients.extend(second.as_ref().map(|second| second.client().with_token(&key)));
        let are_told = |status: u16| {
            for client in &clients {
                assert_eq!(asks(client), status);
            }
        };
        are_told(200);
        change(app, id, |found| Ok(found.disable()));
        are_told(401);
        change(app, id, |found| Ok(found.enable()));
        are_told(200);
        change(app, id, |found| Ok(found.change_scopes(&BTreeSet::new())));
        are_told(403);
        let refused = clients[0].post(CHECKS, question()).refused(403, "forbidden");
        assert_eq!(refused["permission"], "access:check");
        assert!(refused.header("WWW-Authenticate").contains("scope=\"access:check\""));
        change(app, id, |found| Ok(found.change_scopes(&BTreeSet::from([IntegrationScope::AccessCheck]))));
        are_told(200);
        let key = key_of(&key);
        change(app, id, move |found| found.revoke_key(key));
        are_told(401);
    }

    fn a_key_is_changed_for_another_while_both_work(app) {
        let first = scene::integration(app, &["access:check"], KeyMode::Live);
        let at = app.clock().now();
        let (next, whole) = integration_key(KeyMode::Live, None, at).unwrap();
        change(app, only(app).id, move |found| found.make_key(&next));
        let (old, new) = (app.client().with_token(&first), app.client().with_token(&whole));
        assert_eq!((asks(&old), asks(&new)), (200, 200));
        let gone = key_of(&first);
        change(app, only(app).id, move |found| found.revoke_key(gone));
        assert_eq!((asks(&old), asks(&new)), (401, 200));
    }

    fn a_key_ends_by_itself_and_a_test_key_asks(app) {
        let test = app.client().with_token(&scene::integration(app, &["access:check"], KeyMode::Test));
        assert_eq!(asks(&test), 200);
        let at = app.clock().now();
        let end = at + TimeDelta::hours(1);
        let (ending, whole) = integration_key(KeyMode::Live, Some(end), at).unwrap();
        change(app, only(app).id, move |found| found.make_key(&ending));
        let ending = app.client().with_token(&whole);
        assert_eq!(asks(&ending), 200);
        app.clock().advance(TimeDelta::hours(1));
        assert_eq!((asks(&ending), asks(&test)), (401, 200));
    }

    fn r_40_customers_and_integrations_are_apart(app) {
        let ana = given::owner(app, "ana@lima.example");
        let key = scene::integration(app, &["access:check"], KeyMode::Live);
        let integration = app.client().with_token(&key);
        for path in ["/v1/me".to_owned(), ana.at(""), ana.at("/contacts")] {
            let told = integration.get(&path).refused(401, "unauthenticated");
            let garbage = app.client().with_token("garbage").get(&path).refused(401, "unauthenticated");
            assert_eq!(told.header("WWW-Authenticate"), garbage.header("WWW-Authenticate"));
        }
        ana.post(CHECKS, question()).refused(404, "not-found");
        let made = ana.post("/v1/me/api-keys", json!({ "name": "All", "all_permissions": true })).expect(201);
        let customer = ana.with_token(&made.text("key"));
        customer.post(CHECKS, question()).refused(404, "not-found");
        app.client().post(CHECKS, question()).refused(401, "unauthenticated");
        ana.with_token("dead").post(CHECKS, question()).refused(401, "unauthenticated");
        // The letters before the mode say whose key it is: no key is taken for one of the other kind.
        let turned = key.replacen("ik_", "ak_", 1);
        app.client().with_token(&turned).get("/v1/me").refused(401, "unauthenticated");
        let turned = made.text("key").replacen("ak_", "ik_", 1);
        app.client().with_token(&turned).post(CHECKS, question()).refused(401, "unauthenticated");
    }

    fn r_38_nobody_is_an_integration_by_saying_so(app) {
        let anybody = app.client().post(CHECKS, question()).header("X-Integration-Id", "int_01h455vb4pex5vsknk084sn02q");
        anybody.refused(401, "unauthenticated");
    }

    fn each_change_has_its_event_and_the_last_use_is_noted(app) {
        let key = scene::integration(app, &["access:check"], KeyMode::Live);
        let id = only(app).id;
        assert_eq!(asks(&app.client().with_token(&key)), 200);
        let gone = key_of(&key);
        let store = &app.running().service().store;
        let used = || {
            let uses = store.key_uses(KeyHolder::Integration, vec![gone]);
            app.running().wait(uses).unwrap().contains_key(&gone)
        };
        let noted = (0..100).any(|_| {
            thread::sleep(Duration::from_millis(20));
            used()
        });
        assert!(noted, "the use of the key was not noted");
        change(app, id, |found| Ok(found.disable()));
        change(app, id, move |found| found.revoke_key(gone));
        let events = &app.rows()["audit_events"];
        for kind in ["integration.created", "api_key.made", "integration.disabled", "api_key.revoked"] {
            assert_eq!(events.iter().filter(|event| event.contains(kind)).count(), 1, "{kind}");
        }
        assert!(!app.rows()["integration_keys"].iter().any(|row| row.contains(key.rsplit_once('_').unwrap().1)));
    }
}
