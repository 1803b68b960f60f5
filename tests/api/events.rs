//! The event feed: everything once, in one order, with what it is about as that is now.

use std::{collections::BTreeSet, thread};

use accounts_domain::{api_keys::KeyMode, catalog::Catalog};
use accounts_tests::{App, Client, Setup, given, json, on_both, scene};
use serde_json::Value;

/// The standard service with room for more contacts.
fn roomy() -> Setup {
    let catalog = Catalog::preset("standard").unwrap();
    assert!(catalog.contains("contact_limit = 5 "));
    Setup::catalog(&catalog.replace("contact_limit = 5 ", "contact_limit = 50 "))
}

fn reader(app: &App) -> Client {
    given::integration(app, &["events:read"])
}

/// Everything from there on.
fn read_on(client: &Client, query: &str, mut after: Option<String>) -> (Vec<Value>, String) {
    let mut all = Vec::new();
    loop {
        let from = after.map(|after| format!("&after={after}")).unwrap_or_default();
        let page = client.get(format!("/v1/events?limit=7{query}{from}")).expect(200);
        all.extend_from_slice(page.list("data"));
        let next = page.text("next_cursor");
        if page["more"] == false {
            return (all, next);
        }
        after = Some(next);
    }
}

fn types(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().unwrap()).collect()
}

on_both! {
    roomy();

    fn what_happened_is_told_once_in_order_and_in_full(app) {
        let desk = reader(app);
        let empty = desk.get("/v1/events").expect(200);
        assert_eq!((empty.list("data").len(), &empty["more"]), (0, &json!(false)));
        let ana = given::owner(app, "ana@lima.example");
        let (events, cursor) = read_on(&desk, "", Some(empty.text("next_cursor")));
        assert!(types(&events).contains(&"account.opened"), "{events:?}");
        let bea = ana.adds_contact("Bea", "bea@lima.example");
        ana.verifies(&bea);
        ana.promotes(&bea, &["billing"]).expect(200);
        // What was acknowledged is there with the next read.
        let (more, end) = read_on(&desk, "", Some(cursor.clone()));
        let kinds = types(&more);
        let place = |kind| kinds.iter().position(|known| *known == kind).unwrap();
        assert!(place("contact.added") < place("contact.verified"));
        assert!(place("contact.verified") < place("role.primary_moved"));
        let added = &more[place("contact.added")];
        assert_eq!(added["account_id"], ana.account);
        assert_eq!((&added["subject"]["kind"], &added["subject"]["id"]), (&json!("contact"), &json!(bea.id)));
        assert_eq!((&added["actor"]["kind"], &added["actor"]["id"]), (&json!("user"), &json!(ana.user())));
        let shown = ana.get(bea.path()).expect(200);
        assert_eq!(&added["object"], shown.json(), "the object is what its GET shows");
        assert_eq!(read_on(&desk, "", Some(end)).0.len(), 0);
        let (again, _) = read_on(&desk, "", Some(cursor));
        assert_eq!(again, more, "the same events in the same order");
        let ids: BTreeSet<&str> = more.iter().map(|event| event["id"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), more.len());
    }

    fn every_kind_of_object_is_as_its_own_read_shows_it(app) {
        let desk = reader(app);
        let ana = given::owner(app, "ana@lima.example");
        ana.patch(ana.at(""), json!({ "name": "Lima and Sons" })).expect(200);
        let bea = given::member_of(&ana, "bea@lima.example", json!({ "permissions": ["contacts:view"] }));
        let invited = ana.invites("cem@lima.example", &json!([])).expect(201).text("id");
        ana.patch("/v1/me", json!({ "display_name": "Ana Maria" })).expect(200);
        let makes_key = |path: &str| ana.post(path, json!({ "name": "Nightly", "permissions": ["contacts:view"] })).expect(201).text("id");
        let (own_key, key) = (makes_key("/v1/me/api-keys"), makes_key(&ana.at("/api-keys")));
        let dan = given::owner(app, "dan@kilo.example");
        dan.asks_to_join(&json!({ "account_id": ana.account })).expect(202);
        let test = ana.post(ana.at("/notifications/test"), json!({ "category": "invoice" })).expect(201).text("id");
        let (events, _) = read_on(&desk, "", None);
        let object = |kind: &str, account: bool| {
            let found = events.iter().rev().find(|event| {
                let place = if account { json!(ana.account) } else { Value::Null };
                event["subject"]["kind"] == kind && event["account_id"] == place
            });
            found.unwrap_or_else(|| panic!("no event of {kind}"))["object"].clone()
        };
        assert_eq!(&object("account", true), ana.get(ana.at("")).expect(200).json());
        let member = ana.get(ana.at(&format!("/members/{}", bea.user()))).expect(200);
        assert_eq!(&object("user", true), member.json());
        let invitation = ana.get(ana.at(&format!("/invitations/{invited}"))).expect(200);
        assert_eq!(&object("invitation", true), invitation.json());
        let mut of_ana = events.iter().filter(|event| event["subject"]["id"] == *ana.user() && event["account_id"].is_null());
        assert_eq!(&of_ana.next_back().unwrap()["object"], ana.get("/v1/me").expect(200).json());
        assert_eq!(&object("api_key", false), ana.get(format!("/v1/me/api-keys/{own_key}")).expect(200).json());
        assert_eq!(&object("api_key", true), ana.get(ana.at(&format!("/api-keys/{key}"))).expect(200).json());
        assert_eq!(object("join_request", true), ana.get(ana.at("/join-requests")).expect(200)["data/0"]);
        assert_eq!(&object("notification", true), ana.get(ana.at(&format!("/notifications/{test}"))).expect(200).json());
    }

    fn what_is_gone_has_no_object(app) {
        let desk = reader(app);
        let ana = given::owner(app, "ana@lima.example");
        let key = json!({ "name": "Nightly", "permissions": ["contacts:view"] });
        let key = ana.post(ana.at("/api-keys"), key).expect(201).text("id");
        ana.delete(ana.at(&format!("/api-keys/{key}"))).expect(204);
        let dan = given::owner(app, "dan@kilo.example");
        dan.asks_to_join(&json!({ "account_id": ana.account })).expect(202);
        let request = dan.get("/v1/me/join-requests").expect(200).text("data/0/id");
        dan.delete(format!("/v1/me/join-requests/{request}")).expect(204);
        let (events, _) = read_on(&desk, "", None);
        for kind in ["api_key", "join_request"] {
            let told: Vec<_> = events.iter().filter(|event| event["subject"]["kind"] == kind).collect();
            assert_eq!(told.len(), 2, "{kind}: made and ended");
            assert!(told.iter().all(|event| event["object"].is_null()), "{kind}");
        }
    }

    fn filters_narrow_it_and_its_cursor_goes_on(app) {
        let desk = reader(app);
        let (ana, dan) = (given::owner(app, "ana@lima.example"), given::owner(app, "dan@kilo.example"));
        ana.adds_contact("Bea", "bea@lima.example");
        dan.adds_contact("Eve", "eve@kilo.example");
        let (added, cursor) = read_on(&desk, "&type=contact.added", None);
        assert_eq!(types(&added), ["contact.added", "contact.added"]);
        let (of_dan, _) = read_on(&desk, &format!("&type=contact.added&account={}", dan.account), None);
        assert_eq!(of_dan.len(), 1);
        assert_eq!(of_dan[0]["account_id"], dan.account);
        let (either, _) = read_on(&desk, "&type=contact.added&type=account.opened", None);
        assert_eq!(either.len(), 4);
        // The cursor has gone past what the filter left out.
        assert_eq!(read_on(&desk, "", Some(cursor)).0.len(), 0);
        for (query, name) in [("after=x", "after"), ("type=Nothing", "type"), ("account=x", "account"), ("limit=0", "limit")] {
            desk.get(format!("/v1/events?{query}")).refused(400, "bad-request").parameter_fault(name, if name == "limit" { "out-of-range" } else { "invalid-format" });
        }
        let unknown = desk.get("/v1/events?after=evt_01h455vb4pex5vsknk084sn02q").refused(400, "invalid-cursor");
        unknown.parameter_fault("after", "invalid-format");
    }

    fn who_was_erased_is_in_no_later_read(app) {
        let desk = reader(app);
        let ana = given::owner(app, "ana@lima.example");
        let bea = ana.adds_contact("Beatrix Quill", "beatrix.quill@lima.example");
        ana.patch(bea.path(), json!({ "last_name": "Quill" })).expect(200);
        let before = desk.get("/v1/events?limit=100").expect(200).body();
        assert!(before.contains("Quill") && before.contains("beatrix.quill@lima.example"));
        assert!(ana.post(format!("{}/erase", bea.path()), ()).send().status() < 300);
        let after = desk.get("/v1/events?limit=100").expect(200);
        assert!(!after.body().to_lowercase().contains("quill"), "{after}");
        let of_bea = after.list("data").iter().filter(|event| event["subject"]["id"] == *bea.id);
        assert!(of_bea.clone().count() >= 3, "the events stay");
        assert!(of_bea.clone().all(|event| event["object"].is_null()));
    }

    fn numbers_that_were_cleared_away_stop_no_reader(app) {
        let desk = reader(app);
        given::owner(app, "ana@lima.example");
        let (before, _) = read_on(&desk, "", None);
        let mut hand = accounts_store::Hand::open(&app.database()).unwrap();
        hand.run("UPDATE feed SET sequence = sequence + 20000").unwrap();
        drop(hand);
        assert_eq!(read_on(&desk, "", None).0, before);
    }

    fn nothing_is_passed_over_while_many_write(app) {
        let desk = reader(app);
        let owners: Vec<_> = (0..4).map(|number| scene::owner(app, &format!("owner-{number}@lima.example"), None)).collect();
        let second = app.second();
        let (_, start) = read_on(&desk, "", None);
        let mut seen: Vec<String> = Vec::new();
        thread::scope(|scope| {
            for owner in &owners {
                scope.spawn(move || {
                    for number in 0..10 {
                        scene::unproven(app, owner.account, &format!("c{number}-{}", owner.address), None);
                    }
                });
            }
            // One reader goes on while they write, by turns on each instance.
            let mut after = start.clone();
            for turn in 0..200 {
                let client = match &second {
                    Some(second) if turn % 2 == 1 => second.client().with_token(desk.token().unwrap()),
                    _ => desk.clone(),
                };
                let page = client.get(format!("/v1/events?limit=100&type=contact.added&after={after}")).expect(200);
                seen.extend(page.each("data", "id"));
                after = page.text("next_cursor");
                if seen.len() == 40 {
                    break;
                }
            }
        });
        let (all, _) = read_on(&desk, "&type=contact.added", Some(start));
        let all: Vec<&str> = all.iter().map(|event| event["id"].as_str().unwrap()).collect();
        assert_eq!(all.len(), 40);
        assert_eq!(seen[..], all[..seen.len()], "each once, in the order that a later reader finds");
        let found = app.running().wait(app.running().service().store.check(app.clock().now()));
        assert!(found.as_ref().unwrap().is_empty(), "{found:?}");
    }

    fn a_test_key_reads_it_and_no_other_scope_does(app) {
        let test = scene::integration(app, &["events:read"], KeyMode::Test);
        app.client().with_token(&test).get("/v1/events").expect(200);
        given::integration(app, &["webhooks:manage"]).get("/v1/events").refused(403, "forbidden");
        given::owner(app, "ana@lima.example").get("/v1/events").refused(404, "not-found");
        let page = app.client().with_token(&test).get("/v1/events").expect(200);
        let known = app.client().with_token(&test).get("/v1/events").if_none_match(&page.etag());
        assert_eq!(known.send().status(), 304);
    }
}
