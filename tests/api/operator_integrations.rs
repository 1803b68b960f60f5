//! Integrations in the hands of operators: made, narrowed, disabled, and their keys shown once and dead at once.

use accounts_domain::operators::OperatorKind::{Admin, Support};
use accounts_tests::{
    Answer, App, Client, json, on_both,
    staff::{self, Operator, REASON},
};
use chrono::TimeDelta;
use serde_json::Value;

const INTEGRATIONS: &str = "/v1/operator/integrations";
const CHECKS: &str = "/v1/access-checks";
const WHY: &str = "reason=Found%20in%20a%20public%20repository";

/// How a question of a client is answered.
fn asks(client: &Client) -> u16 {
    let question = json!({ "external_id": "4711", "address": "ana@lima.example", "permission": "contacts:view" });
    client.post(CHECKS, json!({ "questions": [question] })).send().status()
}

/// Changes an integration, for the usual reason.
fn patches(admin: &Operator, path: &str, mut wanted: Value) -> Answer {
    wanted["reason"] = json!(REASON);
    admin.patch(path, wanted).send()
}

/// The provider's own events of this type that somebody caused, the latest first, each with the reason that was given.
fn events(operator: &Operator, kind: &str) -> Vec<(Value, Value)> {
    let path = format!("/v1/operator/audit-events?type={kind}&actor={}", operator.id);
    let found = operator.get(path).expect(200);
    let event = |event: &Value| {
        let changes = event["changes"].as_array().unwrap();
        let reason = changes.iter().find(|change| change["field"] == "reason");
        (
            event["data"].clone(),
            reason.unwrap_or_else(|| panic!("no reason: {event:#}"))["after"].clone(),
        )
    };
    found.list("data").iter().map(event).collect()
}

/// An admin, and the path of an integration that may check access.
fn desk(app: &App) -> (Operator, String) {
    let admin = staff::operator(app, Admin, "sam@provider.example");
    let path = admin.integrates("Help desk", &["access:check"]);
    (admin, path)
}

on_both! {
    fn an_admin_makes_an_integration_which_has_no_key_yet(app) {
        let admin = staff::operator(app, Admin, "sam@provider.example");
        let body = json!({ "name": " Help desk ", "scopes": ["accounts:view", "access:check"], "reason": REASON });
        let made = admin.post(INTEGRATIONS, body).expect(201);
        let path = format!("{INTEGRATIONS}/{}", made.text("id"));
        assert_eq!(made.header("Location"), path);
        assert_eq!(made["name"], "Help desk");
        assert_eq!(made["scopes"], json!(["access:check", "accounts:view"]));
        assert_eq!((&made["disabled"], &made["disabled_at"]), (&json!(false), &Value::Null));
        let read = admin.get(&path).expect(200);
        assert_eq!((read.json(), read.etag()), (made.json(), made.etag()));
        assert!(admin.get(format!("{path}/keys")).expect(200).list("data").is_empty());
        let told = events(&admin, "integration.created");
        assert_eq!((told.len(), &told[0].0["scopes"], &told[0].1), (1, &made["scopes"], &json!(REASON)));
    }

    fn a_name_stands_once_and_a_repeat_makes_nothing(app) {
        let admin = staff::operator(app, Admin, "sam@provider.example");
        let body = json!({ "name": "Shop", "scopes": [], "reason": REASON });
        let make = || admin.post(INTEGRATIONS, &body);
        let made = make().idempotency_key("shop").expect(201);
        assert_eq!(make().idempotency_key("shop").expect(201).json(), made.json());
        make().refused(409, "name-taken");
        let refused = make().header("Accept-Language", "fr").refused(409, "name-taken");
        assert_eq!(refused["title"], "Nom déjà utilisé");
        assert_eq!(admin.get(INTEGRATIONS).expect(200).list("data").len(), 1);
        assert_eq!(events(&admin, "integration.created").len(), 1);
    }

    fn what_is_asked_of_an_integration_is_checked(app) {
        let (admin, path) = desk(app);
        let refused = admin.post(INTEGRATIONS, json!({})).refused(422, "invalid-fields");
        refused.fault("/name", "required").fault("/scopes", "required").fault("/reason", "required");
        let body = json!({ "name": "Shop", "scopes": ["access:check", "everything"], "reason": REASON });
        let refused = admin.post(INTEGRATIONS, body).refused(422, "invalid-fields");
        refused.fault("/scopes/1", "not-allowed");
        let wrong = patches(&admin, &path, json!({ "scopes": null, "disabled": null }));
        wrong.fault("/scopes", "required").fault("/disabled", "required");
        admin.patch(&path, json!({ "disabled": true })).refused(422, "invalid-fields").fault("/reason", "required");
        let now = app.clock().now();
        for end in [now, now - TimeDelta::days(1), now + TimeDelta::days(4000)] {
            let body = json!({ "expires_at": end.to_rfc3339(), "reason": REASON });
            let refused = admin.post(format!("{path}/keys"), body).refused(422, "invalid-fields");
            refused.fault("/expires_at", "not-ahead");
        }
        assert_eq!(admin.get(&path).expect(200)["disabled"], false);
    }

    fn a_key_is_shown_once_opens_what_the_scopes_say_and_ends(app) {
        let (admin, path) = desk(app);
        let end = app.clock().now() + TimeDelta::minutes(5);
        let body = json!({ "test": true, "expires_at": end.to_rfc3339(), "reason": REASON });
        let made = admin.post(format!("{path}/keys"), body).expect(201);
        let (id, whole) = (made.text("id"), made.text("key"));
        assert_eq!(made.header("Cache-Control"), "no-store");
        assert_eq!(made.header("Location"), format!("{path}/keys/{id}"));
        let prefix = format!("ik_test_{}", id.strip_prefix("key_").unwrap());
        assert_eq!((&made["prefix"], &made["test"]), (&json!(prefix), &json!(true)));
        let secret = whole.strip_prefix(&format!("{prefix}_")).unwrap();
        assert_eq!(secret.len(), 43);
        let read = admin.get(made.header("Location")).expect(200);
        assert_eq!((&read["prefix"], &read["last_used_at"]), (&json!(prefix), &Value::Null));
        let listed = admin.get(format!("{path}/keys")).expect(200);
        assert_eq!(listed.each("data", "id"), [id.as_str()]);
        let told = events(&admin, "api_key.made");
        assert_eq!((&told[0].0["mode"], &told[0].1), (&json!("test"), &json!(REASON)));
        for shown in [&read, &listed, &admin.get("/v1/operator/audit-events").expect(200)] {
            assert!(!shown.body().contains(secret), "{shown}");
        }
        let key = app.client().with_token(&whole);
        assert_eq!(asks(&key), 200);
        app.clock().advance(TimeDelta::minutes(5));
        assert_eq!(asks(&key), 401);
    }

    fn r_41_a_key_is_revoked_for_a_reason_and_is_dead_at_once(app) {
        let (admin, path) = desk(app);
        let (old, new) = (admin.makes_key(&path), admin.makes_key(&path));
        let listed = admin.get(format!("{path}/keys")).expect(200);
        assert_eq!(listed.each("data", "id"), [new.text("id"), old.text("id")]);
        let clients = [&old, &new].map(|made| app.client().with_token(&made.text("key")));
        assert_eq!(clients.each_ref().map(asks), [200, 200]);
        let gone = old.header("Location");
        admin.delete(gone).refused(400, "bad-request").parameter_fault("reason", "required");
        admin.delete(format!("{gone}?reason=")).refused(400, "bad-request").parameter_fault("reason", "too-short");
        let other = admin.integrates("Shop", &["access:check"]);
        let elsewhere = gone.replace(&path, &other);
        admin.get(&elsewhere).refused(404, "not-found");
        admin.delete(format!("{elsewhere}?{WHY}")).refused(404, "not-found");
        assert_eq!(asks(&clients[0]), 200);
        admin.delete(format!("{gone}?{WHY}")).expect(204);
        assert_eq!(clients.each_ref().map(asks), [401, 200]);
        admin.get(gone).refused(404, "not-found");
        admin.delete(format!("{gone}?{WHY}")).refused(404, "not-found");
        let told = events(&admin, "api_key.revoked");
        assert_eq!((told.len(), &told[0].1), (1, &json!("Found in a public repository")));
        assert!(old.text("key").starts_with("ik_live_"));
    }

    fn an_integration_loses_scopes_and_is_disabled_and_enabled(app) {
        let (admin, path) = desk(app);
        let key = app.client().with_token(&admin.makes_key(&path).text("key"));
        assert_eq!(asks(&key), 200);
        let before = admin.get(&path).expect(200).etag();
        assert_eq!(patches(&admin, &path, json!({ "scopes": ["accounts:view"] })).status(), 200);
        assert_eq!(asks(&key), 403);
        let both = json!({ "scopes": ["access:check"], "disabled": true });
        let stale = admin.patch(&path, json!({ "disabled": true, "reason": REASON })).if_match(&before);
        stale.refused(412, "stale");
        let disabled = patches(&admin, &path, both);
        assert_eq!((&disabled["disabled"], &disabled["scopes"]), (&json!(true), &json!(["access:check"])));
        assert!(!disabled["disabled_at"].is_null());
        assert_eq!(asks(&key), 401);
        // What is so already changes nothing.
        assert_eq!(patches(&admin, &path, json!({ "disabled": true })).etag(), disabled.etag());
        assert_eq!(patches(&admin, &path, json!({ "disabled": false }))["disabled_at"], Value::Null);
        assert_eq!(asks(&key), 200);
        for (kind, count) in [("scopes_changed", 2), ("disabled", 1), ("enabled", 1)] {
            let told = events(&admin, &format!("integration.{kind}"));
            assert!(told.len() == count && told.iter().all(|(_, reason)| reason == REASON), "{kind}: {told:?}");
        }
    }

    fn there_are_ten_keys_of_an_integration_and_no_more(app) {
        let (admin, path) = desk(app);
        let keys: Vec<Answer> = (0..10).map(|_| admin.makes_key(&path)).collect();
        let last = keys.last().unwrap();
        let full = admin.post(format!("{path}/keys"), json!({ "reason": REASON })).refused(409, "key-limit-reached");
        assert_eq!(full["limit"], 10);
        admin.delete(format!("{}?{WHY}", last.header("Location"))).expect(204);
        admin.makes_key(&path);
    }

    fn support_reads_integrations_and_changes_none(app) {
        let (admin, path) = desk(app);
        let key = admin.makes_key(&path).header("Location").to_owned();
        admin.integrates("Shop", &[]);
        let sue = staff::operator(app, Support, "sue@provider.example");
        let first = sue.get(format!("{INTEGRATIONS}?limit=1")).expect(200);
        let next = format!("{INTEGRATIONS}?limit=1&cursor={}", first.text("next_cursor"));
        let names = [first, sue.get(next).expect(200)].map(|page| page.text("data/0/name"));
        assert_eq!(names, ["Help desk", "Shop"]);
        for readable in [&path, &format!("{path}/keys"), &key] {
            sue.get(readable).expect(200);
        }
        let body = json!({ "name": "Bill desk", "scopes": [], "reason": REASON });
        sue.post(INTEGRATIONS, body).refused(403, "admin-only");
        sue.patch(&path, json!({ "disabled": true, "reason": REASON })).refused(403, "admin-only");
        sue.post(format!("{path}/keys"), json!({ "reason": REASON })).refused(403, "admin-only");
        sue.delete(format!("{key}?{WHY}")).refused(403, "admin-only");
        assert_eq!(admin.get(INTEGRATIONS).expect(200).list("data").len(), 2);
        admin.get(&key).expect(200);
    }
}
