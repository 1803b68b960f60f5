//! API keys: made, shown once, narrowed, and dead at once when their right is gone.

use std::{thread, time::Duration};

use accounts_tests::{
    Answer, App, Client,
    given::{self, PASSWORD, Person},
    json, on_both,
};
use chrono::TimeDelta;
use serde_json::Value;

const MINE: &str = "/v1/me/api-keys";

fn all() -> Value {
    json!({ "name": "All", "all_permissions": true })
}

fn only(permissions: &[&str]) -> Value {
    json!({ "name": "Some", "permissions": permissions })
}

/// Makes a key and calls with it.
fn key(person: &Person<'_>, list: &str, asked: Value) -> (Answer, Client) {
    let made = person.post(list, asked).expect(201);
    let client = person.with_token(&made.text("key"));
    (made, client)
}

/// Somebody with a log-in in the account and these permissions.
fn member<'a>(app: &'a App, ana: &Person<'_>, permissions: &[&str]) -> Person<'a> {
    let login = json!({ "permissions": permissions });
    let bea = ana.adds(json!({ "display_name": "Bea", "address": "bea@lima.example", "login": login }));
    ana.verifies(&bea);
    given::logged_in(app, "bea@lima.example")
}

on_both! {
    fn a_key_is_shown_once_and_is_listed_without_its_secret(app) {
        let ana = given::owner(app, "ana@lima.example");
        for list in [MINE.to_owned(), ana.at("/api-keys")] {
            let asked = json!({ "name": " Nightly  import ", "permissions": ["contacts:view"], "test": true });
            let made = ana.post(&list, asked).expect(201);
            let (id, whole) = (made.text("id"), made.text("key"));
            assert_eq!(made.header("Cache-Control"), "no-store");
            assert_eq!(made.header("Location"), format!("{list}/{id}"));
            let prefix = format!("ak_test_{}", id.strip_prefix("key_").unwrap());
            assert_eq!(made["prefix"], json!(prefix));
            let secret = whole.strip_prefix(&format!("{prefix}_")).unwrap();
            assert_eq!(secret.len(), 43);
            let read = ana.get(format!("{list}/{id}")).expect(200);
            let me = ana.get("/v1/me").expect(200).text("id");
            assert_eq!((&read["made_by"], &read["test"]), (&json!(me), &json!(true)));
            assert_eq!(read["permissions"], json!(["contacts:view"]));
            assert_eq!((&read["account_ids"], &read["last_used_at"]), (&Value::Null, &Value::Null));
            let listed = ana.get(&list).expect(200);
            assert_eq!(listed.each("data", "id"), [id.as_str()]);
            assert!(!read.body().contains(secret) && !listed.body().contains(secret));
            ana.delete(format!("{list}/{id}")).expect(204);
            ana.get(format!("{list}/{id}")).refused(404, "not-found");
            ana.delete(format!("{list}/{id}")).refused(404, "not-found");
        }
    }

    fn r_05_making_a_key_asks_for_a_proof_of_the_last_ten_minutes(app) {
        let ana = given::owner(app, "ana@lima.example");
        let bea = member(app, &ana, &["contacts:view"]);
        let lists = [MINE.to_owned(), ana.at("/api-keys")];
        let made = lists.clone().map(|list| ana.post(&list, all()).expect(201).text("id"));
        app.clock().advance(TimeDelta::minutes(10));
        for (list, id) in lists.iter().zip(&made) {
            let refused = ana.post(list, all()).refused(401, "reauthentication-required");
            assert!(!refused.body().contains("ak_live_"), "{refused}");
            // What is wrong besides is not judged, and whoever may not is not asked for a proof.
            ana.post(list, json!({})).refused(401, "reauthentication-required");
            // Looking at keys and revoking them go on.
            assert_eq!(ana.get(list).expect(200).each("data", "id"), [id.as_str()]);
        }
        bea.post(&lists[1], all()).refused(403, "forbidden");
        ana.post("/v1/me/reauthenticate", json!({ "password": PASSWORD })).expect(204);
        for (list, id) in lists.iter().zip(&made) {
            ana.delete(format!("{list}/{id}")).expect(204);
            ana.post(list, all()).expect(201);
        }
        let elsewhere = bea.post(MINE, all());
        elsewhere.refused(401, "reauthentication-required");
    }

    fn what_is_asked_of_a_key_is_checked(app) {
        let ana = given::owner(app, "ana@lima.example");
        for list in [MINE.to_owned(), ana.at("/api-keys")] {
            let refused = ana.post(&list, json!({})).refused(422, "invalid-fields");
            refused.fault("/name", "required").fault("/permissions", "required");
            let unknown = ana.post(&list, only(&["ships:sail"])).refused(422, "invalid-fields");
            unknown.fault("/permissions", "unknown-permission");
            let now = app.clock().now();
            for end in [now, now - TimeDelta::days(1), now + TimeDelta::days(4000)] {
                let asked = json!({ "name": "K", "all_permissions": true, "expires_at": end.to_rfc3339() });
                ana.post(&list, asked).refused(422, "invalid-fields").fault("/expires_at", "not-ahead");
            }
            let asked = json!({ "name": "K", "all_permissions": true, "expires_at": "tomorrow" });
            ana.post(&list, asked).refused(422, "invalid-fields").fault("/expires_at", "invalid-format");
        }
        for list in [MINE.to_owned(), ana.at("/api-keys")] {
            let asked = json!({ "name": "K", "all_permissions": true, "permissions": ["contacts:view"] });
            ana.post(&list, asked).refused(422, "invalid-fields").fault("/all_permissions", "contradictory");
        }
        let others = given::owner(app, "eve@other.example").account;
        for other in [others.as_str(), "acc_01h455vb4pex5vsknk084sn02q"] {
            let asked = json!({ "name": "K", "all_permissions": true, "account_ids": [ana.account, other] });
            ana.post(MINE, asked).refused(422, "invalid-fields").fault("/account_ids/1", "unknown-account");
        }
        let asked = json!({ "name": "K", "all_permissions": true, "account_ids": ["x"] });
        ana.post(MINE, &asked).refused(422, "invalid-fields").fault("/account_ids/0", "invalid-format");
        let elsewhere = ana.post(ana.at("/api-keys"), asked).refused(422, "invalid-fields");
        elsewhere.fault("/account_ids", "unknown-field");
    }

    fn there_are_so_many_keys_and_no_more(app) {
        let ana = given::owner(app, "ana@lima.example");
        for (list, most) in [(MINE.to_owned(), 25), (ana.at("/api-keys"), 50)] {
            let mut last = String::new();
            for _ in 0..most {
                last = ana.post(&list, only(&[])).expect(201).text("id");
            }
            let full = ana.post(&list, only(&[])).refused(409, "key-limit-reached");
            assert_eq!(full["limit"], json!(most));
            ana.delete(format!("{list}/{last}")).expect(204);
            ana.post(&list, only(&[])).expect(201);
        }
    }

    fn a_key_of_a_user_acts_in_every_account_or_in_those_it_was_given(app) {
        let ana = given::owner(app, "ana@lima.example");
        let second = ana.post("/v1/accounts", json!({ "name": "Second" })).expect(201).text("id");
        let accounts = |client: &Client| client.get("/v1/me/accounts").expect(200).list("data").len();
        let contacts = |account: &str| format!("/v1/accounts/{account}/contacts");
        let (_, everywhere) = key(&ana, MINE, all());
        assert_eq!(accounts(&everywhere), 2);
        assert_eq!(everywhere.get("/v1/me").expect(200)["address"], json!("ana@lima.example"));
        everywhere.get(contacts(&second)).expect(200);
        let asked = json!({ "name": "One", "all_permissions": true, "account_ids": [second] });
        let (_, there) = key(&ana, MINE, asked);
        assert_eq!(accounts(&there), 1);
        there.get(contacts(&second)).expect(200);
        there.get(contacts(&ana.account)).refused(404, "not-found");
    }

    fn a_key_of_an_account_acts_there_alone_and_is_nobodys_contact(app) {
        let ana = given::owner(app, "ana@lima.example");
        let second = ana.post("/v1/accounts", json!({ "name": "Second" })).expect(201).text("id");
        let (_, client) = key(&ana, &ana.at("/api-keys"), only(&["contacts:view"]));
        client.get(ana.at("/contacts")).expect(200);
        client.get(format!("/v1/accounts/{second}/contacts")).refused(404, "not-found");
        client.get("/v1/me").refused(403, "person-only");
        client.get("/v1/me/accounts").refused(403, "person-only");
        let access = client.get(ana.at("/access")).expect(200);
        assert_eq!((&access["owner"], &access["contact_id"]), (&json!(false), &Value::Null));
        assert_eq!(access["permissions"], json!(["contacts:view"]));
        // What is remembered for the maker is not told to the key, nor the other way round.
        assert_eq!(ana.get(ana.at("/access")).expect(200)["owner"], json!(true));
        assert_eq!(client.get(ana.at("/access")).expect(200)["owner"], json!(false));
        let own = ana.contact();
        let refused = client.patch(own.path(), json!({ "display_name": "Key" })).refused(403, "forbidden");
        assert_eq!(refused["permission"], "contacts:manage");
    }

    fn r_41_a_key_loses_what_its_maker_loses_and_dies_with_the_membership(app) {
        let ana = given::owner(app, "ana@lima.example");
        let bea = member(app, &ana, &["keys:manage", "contacts:view", "roles:manage"]);
        let own = bea.contact();
        bea.post(bea.at("/api-keys"), all()).refused(403, "cannot-grant");
        bea.post(bea.at("/api-keys"), only(&["contacts:manage"])).refused(403, "cannot-grant");
        let (_, of_account) = key(&bea, &bea.at("/api-keys"), only(&["contacts:view"]));
        let (_, of_bea) = key(&bea, MINE, only(&["contacts:view", "audit:view"]));
        for client in [&of_account, &of_bea] {
            client.get(ana.at("/contacts")).expect(200);
            let refused = client.get(ana.at("/audit-events")).refused(403, "forbidden");
            assert_eq!(refused["permission"], "audit:view");
            client.post(own.at("/promote"), json!({ "roles": ["billing"] })).refused(403, "forbidden");
        }
        ana.removes(&own).expect(204);
        of_account.get(ana.at("/contacts")).refused(401, "unauthenticated");
        of_bea.get(ana.at("/contacts")).refused(404, "not-found");
        of_bea.get("/v1/me").expect(200);
        assert!(ana.get(ana.at("/api-keys")).expect(200).list("data").is_empty());
    }

    fn a_key_never_manages_keys_log_ins_or_the_ownership(app) {
        let ana = given::owner(app, "ana@lima.example");
        let bea = ana.adds_verified("Bea", "bea@lima.example");
        for list in [MINE.to_owned(), ana.at("/api-keys")] {
            let (made, client) = key(&ana, &list, all());
            for path in [MINE.to_owned(), ana.at("/api-keys")] {
                client.get(&path).refused(403, "person-only");
                client.post(&path, all()).refused(403, "person-only");
                client.delete(format!("{path}/{}", made.text("id"))).refused(403, "person-only");
            }
            client.patch("/v1/me", json!({ "display_name": "Key" })).refused(403, "person-only");
            client.get("/v1/me/sessions").refused(403, "person-only");
            client.delete("/v1/sessions/current").refused(403, "person-only");
            client.post("/v1/accounts", json!({ "name": "Key Ltd" })).refused(403, "person-only");
            let offer = json!({ "contact_id": bea.id });
            client.post(ana.at("/ownership-transfers"), offer).refused(403, "person-only");
            client.get(ana.at("/contacts")).expect(200);
        }
    }

    fn a_test_key_reads_and_changes_nothing(app) {
        let ana = given::owner(app, "ana@lima.example");
        for list in [MINE.to_owned(), ana.at("/api-keys")] {
            let asked = json!({ "name": "T", "all_permissions": true, "test": true });
            let (_, client) = key(&ana, &list, asked);
            client.get(ana.at("/contacts")).expect(200);
            client.request("HEAD", ana.at("/contacts")).expect(200);
            let bea = json!({ "display_name": "Bea", "address": "bea@lima.example" });
            client.post(ana.at("/contacts"), bea).refused(403, "test-key-reads-only");
            client.patch(ana.at(""), json!({ "name": "T" })).refused(403, "test-key-reads-only");
        }
        assert_eq!(ana.get(ana.at("/contacts")).expect(200).list("data").len(), 1);
    }

    fn r_22_a_key_that_is_cut_changed_or_anothers_gets_the_same_401(app) {
        let ana = given::owner(app, "ana@lima.example");
        let (made, client) = key(&ana, MINE, all());
        let other = ana.post(ana.at("/api-keys"), all()).expect(201).text("key");
        let (whole, prefix) = (made.text("key"), made.text("prefix"));
        client.get("/v1/me").expect(200);
        let secret = whole.strip_prefix(&format!("{prefix}_")).unwrap().to_owned();
        let others_secret = &other[other.len() - 43..];
        let mut wrong = vec![
            whole.to_uppercase(),
            whole.to_lowercase(),
            whole.replace("ak_live", "ak_test"),
            whole.replace("ak_live", "ak_LIVE"),
            format!("{whole}A"),
            format!("{whole}="),
            format!("{prefix}_{others_secret}"),
            format!("ak_live_01h455vb4pex5vsknk084sn02q_{secret}"),
            made.text("id"),
            secret,
        ];
        wrong.extend([1, 2, 10, 43, 44, 60].map(|cut| whole[..whole.len() - cut].to_owned()));
        let ask = |text: &str| {
            let request = app.client().with_token(text).get("/v1/me").header("X-Request-Id", "same");
            request.refused(401, "unauthenticated")
        };
        let dead = ask("ak_");
        for text in wrong {
            let answer = ask(&text);
            assert_eq!(answer.body(), dead.body(), "{text}");
            assert_eq!(answer.headers_but(&["date"]), dead.headers_but(&["date"]));
        }
        client.get("/v1/me").expect(200);
    }

    fn a_key_ends_at_its_moment(app) {
        let ana = given::owner(app, "ana@lima.example");
        let end = app.clock().now() + TimeDelta::minutes(5);
        for list in [MINE.to_owned(), ana.at("/api-keys")] {
            let asked = json!({ "name": "K", "all_permissions": true, "expires_at": end.to_rfc3339() });
            key(&ana, &list, asked).1.get(ana.at("/contacts")).expect(200);
        }
        let asked = json!({ "name": "K", "all_permissions": true, "expires_at": end.to_rfc3339() });
        let (_, mine) = key(&ana, MINE, asked.clone());
        let (_, of_account) = key(&ana, &ana.at("/api-keys"), asked);
        app.clock().advance(TimeDelta::minutes(5) - TimeDelta::seconds(1));
        mine.get(ana.at("/contacts")).expect(200);
        of_account.get(ana.at("/contacts")).expect(200);
        app.clock().advance(TimeDelta::seconds(1));
        mine.get(ana.at("/contacts")).refused(401, "unauthenticated");
        of_account.get(ana.at("/contacts")).refused(401, "unauthenticated");
    }

    fn a_key_is_found_for_thirty_days_after_its_end_and_then_no_more(app) {
        let ana = given::owner(app, "ana@lima.example");
        let end = app.clock().now() + TimeDelta::minutes(5);
        let lists = [MINE.to_owned(), ana.at("/api-keys")];
        let made = lists.clone().map(|list| {
            let asked = json!({ "name": "K", "permissions": [], "expires_at": end.to_rfc3339() });
            ana.post(&list, asked).expect(201).text("id")
        });
        app.clock().advance(TimeDelta::days(30) + TimeDelta::minutes(5) - TimeDelta::seconds(1));
        let ana = given::logged_in(app, "ana@lima.example");
        for (list, id) in lists.iter().zip(&made) {
            assert_eq!(ana.get(list).expect(200).each("data", "id"), [id.as_str()]);
            ana.get(format!("{list}/{id}")).expect(200);
        }
        app.clock().advance(TimeDelta::seconds(1));
        for (list, id) in lists.iter().zip(&made) {
            assert!(ana.get(list).expect(200).list("data").is_empty());
            ana.get(format!("{list}/{id}")).refused(404, "not-found");
            ana.delete(format!("{list}/{id}")).refused(404, "not-found");
        }
    }

    fn r_28_a_log_out_leaves_keys_alone_and_a_new_password_revokes_those_of_the_person(app) {
        let ana = given::owner(app, "ana@lima.example");
        let (_, mine) = key(&ana, MINE, all());
        let (_, of_account) = key(&ana, &ana.at("/api-keys"), all());
        given::logged_in(app, "ana@lima.example").delete("/v1/sessions/current").expect(204);
        mine.get("/v1/me").expect(200);
        let body = json!({ "current_password": PASSWORD, "new_password": "seven lamps, quiet harbour" });
        let tokens = ana.put("/v1/me/password", body).expect(200);
        mine.get("/v1/me").refused(401, "unauthenticated");
        // A key of the account is the account's.
        of_account.get(ana.at("/contacts")).expect(200);
        let ana = app.client().with_token(&tokens.text("access_token"));
        assert!(ana.get(MINE).expect(200).list("data").is_empty());
    }

    fn the_last_use_is_known_to_the_minute(app) {
        let ana = given::owner(app, "ana@lima.example");
        let (made, client) = key(&ana, MINE, all());
        let path = format!("{MINE}/{}", made.text("id"));
        let used = || ana.get(&path).expect(200)["last_used_at"].clone();
        // It is written beside the request.
        let noted = |former: &Value| {
            for _ in 0..500 {
                let now = used();
                if now != *former {
                    return now;
                }
                thread::sleep(Duration::from_millis(10));
            }
            panic!("the use was not noted");
        };
        client.get("/v1/me").expect(200);
        let first = noted(&Value::Null);
        app.clock().advance(TimeDelta::seconds(59));
        client.get("/v1/me").expect(200);
        assert_eq!(used(), first);
        app.clock().advance(TimeDelta::seconds(1));
        client.get("/v1/me").expect(200);
        noted(&first);
    }

    fn r_17_the_person_is_told_of_a_key_and_the_owner_of_those_of_the_account(app) {
        let ana = given::owner(app, "ana@lima.example");
        let bea = member(app, &ana, &["keys:manage"]);
        let told = |address: &str| app.mails_to(address).len();
        let (anas, beas) = (told("ana@lima.example"), told("bea@lima.example"));
        let mine = bea.post(MINE, only(&[])).expect(201);
        assert_eq!((told("ana@lima.example"), told("bea@lima.example")), (anas, beas + 1));
        let of_account = bea.post(bea.at("/api-keys"), only(&[])).expect(201);
        assert_eq!((told("ana@lima.example"), told("bea@lima.example")), (anas + 1, beas + 1));
        for (made, address) in [(mine, "bea@lima.example"), (of_account, "ana@lima.example")] {
            let mail = app.mail_to(address);
            let text = format!("{mail:?}");
            assert!(text.contains(&made.text("prefix")), "{text}");
            assert!(!text.contains(&made.text("key")), "{text}");
        }
    }

    fn r_62_the_audit_log_tells_of_keys_and_of_what_they_did(app) {
        let ana = given::owner(app, "ana@lima.example");
        let me = ana.get("/v1/me").expect(200).text("id");
        let (made, client) = key(&ana, &ana.at("/api-keys"), only(&["contacts:view", "contacts:manage"]));
        let id = made.text("id");
        let bea = json!({ "display_name": "Bea", "address": "bea@lima.example" });
        client.post(ana.at("/contacts"), bea).expect(201);
        ana.delete(ana.at(&format!("/api-keys/{id}"))).expect(204);
        let events = ana.get(ana.at(&format!("/audit-events?subject={id}"))).expect(200);
        assert_eq!(events.each("data", "type"), ["api_key.revoked", "api_key.made"]);
        let whole = made.text("key");
        assert!(!events.body().contains(&whole[whole.len() - 43..]));
        let added = ana.get(ana.at("/audit-events?type=contact.added")).expect(200);
        let actor = json!({ "kind": "key", "id": id, "on_behalf_of": me });
        assert_eq!(added.json()["data"][0]["actor"], actor);
        let of_ana = ana.get(ana.at(&format!("/audit-events?type=contact.added&actor={me}"))).expect(200);
        assert_eq!(of_ana.list("data").len(), 1);
    }

    fn what_was_answered_to_a_person_is_not_repeated_to_a_key(app) {
        let ana = given::owner(app, "ana@lima.example");
        let (_, client) = key(&ana, &ana.at("/api-keys"), only(&["contacts:manage"]));
        let bea = json!({ "display_name": "Bea", "address": "bea@lima.example" });
        ana.post(ana.at("/contacts"), &bea).idempotency_key("k").expect(201);
        ana.post(ana.at("/contacts"), &bea).idempotency_key("k").expect(201);
        client.post(ana.at("/contacts"), &bea).idempotency_key("k").refused(409, "address-taken");
    }

    fn a_key_gives_a_log_in_no_more_than_it_has(app) {
        let ana = given::owner(app, "ana@lima.example");
        let (_, client) = key(&ana, MINE, only(&["contacts:manage", "contacts:view", "members:manage"]));
        let asked = |permission: &str| json!({
            "display_name": "Bea", "address": "bea@lima.example", "login": { "permissions": [permission] },
        });
        client.post(ana.at("/contacts"), asked("roles:manage")).refused(403, "cannot-grant");
        client.post(ana.at("/contacts"), asked("contacts:view")).expect(201);
    }
}
