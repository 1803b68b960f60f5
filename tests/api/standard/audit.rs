//! The audit log: every change, who made it, and what was there before; and what erasing takes out of it.

use accounts_tests::given::{self, Person};
use accounts_tests::{Answer, json, on_both};
use chrono::TimeDelta;
use serde_json::Value;

use super::{adds_login, revision};

#[track_caller]
fn events(person: &Person<'_>, query: &str) -> Answer {
    person
        .get(person.at(&format!("/audit-events?limit=100{query}")))
        .expect(200)
}

/// The events of the latest decision, each with its type and its actor's kind.
#[track_caller]
fn latest(person: &Person<'_>) -> Vec<(String, String)> {
    let events = events(person, "");
    let revision = events["data/0/revision"].clone();
    let of_decision = events.list("data").iter().filter(|event| event["revision"] == revision);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    of_decision
        .map(|event| (text(&event["type"]), text(&event["actor"]["kind"])))
        .collect()
}

fn by<const N: usize>(actor: &str, types: [&str; N]) -> Vec<(String, String)> {
    types
        .into_iter()
        .map(|kind| (kind.to_owned(), actor.to_owned()))
        .collect()
}

on_both! {
    fn each_change_is_recorded_with_its_actor(app) {
        let ana = given::owner(app, "ana@lima.example");
        let opened = ["account.opened", "role.given", "role.primary_moved"];
        let first = latest(&ana);
        assert_eq!(first[..3], by("link", opened)[..]);
        assert_eq!(first.len(), 9);

        let bea = ana.adds(json!({ "display_name": "Bea", "address": "bea@lima.example", "roles": ["billing"], "login": {} }));
        assert_eq!(latest(&ana), by("user", ["contact.added", "role.given"]));
        ana.verifies(&bea);
        assert_eq!(latest(&ana), by("link", ["contact.verified", "member.added"]));
        ana.patch(bea.path(), json!({ "phones": [{ "number": "+33142685300" }] })).expect(200);
        assert_eq!(latest(&ana), by("user", ["contact.changed"]));
        ana.promotes(&bea, &["billing", "security"]).expect(200);
        assert_eq!(latest(&ana), by("user", ["role.primary_moved", "role.given", "role.primary_moved"]));
        ana.delete(ana.at("/roles/billing/primary")).expect(204);
        assert_eq!(latest(&ana), by("user", ["role.primary_moved"]));
        ana.takes(&bea, "billing").expect(204);
        assert_eq!(latest(&ana), by("user", ["role.taken"]));
        ana.put(bea.at("/subscriptions"), json!({ "categories": ["invoice"] })).expect(200);
        assert_eq!(latest(&ana), by("user", ["contact.subscriptions_changed"]));
        ana.patch(bea.path(), json!({ "address": "b@lima.example", "more_addresses": ["c@lima.example"] })).expect(200);
        assert_eq!(latest(&ana), by("user", ["contact.address_proposed", "contact.address_added"]));
        ana.patch(ana.at(""), json!({ "name": "Lima Ltd" })).expect(200);
        assert_eq!(latest(&ana), by("user", ["account.changed"]));
        ana.transfers_ownership(&bea).expect(201);
        let transfer = latest(&new_owner(app));
        assert_eq!(transfer[..3], by("user", ["ownership_transfer.requested", "ownership_transfer.ended", "owner.moved"])[..]);
    }

    fn an_event_tells_who_what_when_and_both_values(app) {
        let ana = given::owner(app, "ana@lima.example");
        let bea = ana.adds_contact("Bea", "bea@lima.example");
        app.clock().advance(TimeDelta::minutes(1));
        let changed = ana.patch(bea.path(), json!({ "title": "Bookkeeper", "display_name": "Béa" })).expect(200);
        let events = events(&ana, "");
        let event = &events["data/0"];
        assert_eq!(event["type"], "contact.changed");
        let me = ana.get("/v1/me").expect(200);
        assert_eq!(event["actor"], json!({ "kind": "user", "id": me["id"], "on_behalf_of": null }));
        assert_eq!(event["subject"], json!({ "kind": "contact", "id": bea.id }));
        assert_eq!(event["at"], changed["updated_at"]);
        assert_eq!(event["request_id"], changed.header("X-Request-Id"));
        assert_eq!(event["data"], json!({ "fields": ["display_name", "title"] }));
        assert_eq!(event["changes"], json!([
            { "field": "display_name", "before": "Bea", "after": "Béa" },
            { "field": "title", "before": null, "after": "Bookkeeper" },
        ]));
    }

    fn a_promotion_tells_from_whom_and_to_whom(app) {
        let ana = given::owner(app, "ana@lima.example");
        let bea = ana.adds_verified("Bea", "bea@lima.example");
        ana.promotes(&bea, &["billing"]).expect(200);
        let moved = events(&ana, "&type=role.primary_moved");
        assert_eq!(moved["data/0/data"], json!({ "role": "billing", "from": ana.contact().id, "to": bea.id }));
        assert_eq!(moved["data/0/subject/id"], bea.id.as_str());
    }

    fn decisions_count_without_a_gap_and_refusals_do_not_count(app) {
        let ana = given::owner(app, "ana@lima.example");
        let bea = ana.adds_contact("Bea", "bea@lima.example");
        ana.promotes(&bea, &["billing"]).refused(409, "contact-not-verified");
        ana.patch(bea.path(), json!({ "display_name": "" })).refused(422, "invalid-fields");
        ana.patch(bea.path(), json!({ "title": "Clerk" })).if_match("\"0\"").refused(412, "stale");
        ana.gives(&bea, "billing").expect(200);
        ana.gives(&bea, "billing").expect(200);
        ana.removes(&bea).refused(409, "contact-holds-roles");
        let mut revisions: Vec<_> = events(&ana, "").each("data", "revision").iter().map(|n| n.parse::<i64>().unwrap()).collect();
        assert!(revisions.is_sorted_by(|later, earlier| later >= earlier), "{revisions:?}");
        revisions.dedup();
        assert_eq!(revisions, [3, 2, 1]);
    }

    fn the_log_is_filtered_and_paged(app) {
        let ana = given::owner(app, "ana@lima.example");
        let (contact, bea) = adds_login(app, &ana, "Bea", &["contacts:view", "contacts:manage", "audit:view"]);
        app.clock().advance(TimeDelta::minutes(1));
        let since = app.clock().now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
        let cem = bea.adds_contact("Cem", "cem@lima.example");
        ana.patch(cem.path(), json!({ "title": "Clerk" })).expect(200);

        let types = |query: &str| events(&ana, query).each("data", "type");
        assert_eq!(types(&format!("&subject={}", cem.id)), ["contact.changed", "contact.added"]);
        let actor = bea.get("/v1/me").expect(200).text("id");
        assert_eq!(types(&format!("&actor={actor}")), ["contact.added"]);
        assert_eq!(types("&type=contact.added&type=member.added"), ["contact.added", "member.added", "contact.added"]);
        assert_eq!(types(&format!("&since={since}")), ["contact.changed", "contact.added"]);
        assert_eq!(types(&format!("&until={since}&subject={}", contact.id)), ["contact.verified", "contact.verification_sent", "contact.added"]);
        bea.get(bea.at("/audit-events?since=yesterday")).refused(400, "bad-request").parameter_fault("since", "invalid-format");

        let key = ana.post("/v1/me/api-keys", json!({ "name": "Scripts", "all_permissions": true })).expect(201);
        app.client().with_token(&key.text("key")).patch(cem.path(), json!({ "title": "Head" })).expect(200);
        let of_key = events(&ana, &format!("&actor={}", key.text("id")));
        assert_eq!(of_key.each("data", "type"), ["contact.changed"]);
        assert_eq!(of_key["data/0/actor/kind"], "key");
        ana.get(ana.at("/audit-events?actor=key_1")).refused(400, "bad-request").parameter_fault("actor", "invalid-format");

        // Page by page it is the same log, also where a decision with several events is cut in two.
        let whole = events(&ana, "").each("data", "id");
        let (mut paged, mut next) = (Vec::new(), Some(String::new()));
        while let Some(cursor) = next {
            let page = ana.get(ana.at(&format!("/audit-events?limit=4{cursor}"))).expect(200);
            paged.extend(page.each("data", "id"));
            next = page["next_cursor"].as_str().map(|cursor| format!("&cursor={cursor}"));
        }
        assert_eq!(paged, whole);
    }

    fn erasing_empties_the_values_and_keeps_the_events(app) {
        let ana = given::owner(app, "ana@lima.example");
        let bea = json!({
            "display_name": "Beatriz Quintela", "first_name": "Beatriz", "last_name": "Quintela",
            "address": "quintela@lima.example", "more_addresses": ["quintela@home.example"],
            "phones": [{ "number": "+33 6 12 34 56 78" }],
        });
        // A repeat would be answered from what was kept, so that this goes, too.
        let added = ana.post(ana.at("/contacts"), bea).idempotency_key("add-bea").expect(201);
        let bea = given::Contact {
            id: added.text("id"),
            account: ana.account.clone(),
            address: added.text("address"),
        };
        ana.verifies(&bea);
        ana.patch(bea.path(), json!({ "display_name": "Bia Quintela" })).expect(200);
        let count = revision(&ana);
        let tried = ana.post(bea.at("/erase?dry_run=true"), ()).expect(200);
        assert_eq!((&tried["dry_run"], &tried["removed_contacts"]), (&json!(true), &json!([bea.id])));
        ana.get(bea.path()).expect(200);
        assert_eq!(revision(&ana), count);

        let erased = ana.post(bea.at("/erase"), ()).expect(200);
        assert_eq!((&erased["dry_run"], &erased["removed_contacts"]), (&json!(false), &json!([bea.id])));
        ana.get(bea.path()).refused(404, "not-found");
        let left = events(&ana, &format!("&subject={}", bea.id));
        let types = ["contact.erased", "contact.changed", "contact.verified", "contact.verification_sent", "contact.added"];
        assert_eq!(left.each("data", "type"), types);
        for event in left.list("data") {
            for value in event["changes"].as_array().unwrap() {
                assert_eq!((&value["before"], &value["after"]), (&json!(null), &json!(null)), "{value}");
            }
        }
        // The fields that were changed are told still, and of the person nothing is left anywhere.
        assert_eq!(left["data/1/changes/0/field"], "display_name");
        for (table, rows) in app.rows() {
            for row in rows {
                let row = row.to_lowercase();
                assert!(!row.contains("quintela") && !row.contains("612345678"), "{table}: {row}");
            }
        }
    }
}

/// The one who owns the account after the transfer.
fn new_owner(app: &accounts_tests::App) -> Person<'_> {
    given::logged_in(app, "bea@lima.example")
}
