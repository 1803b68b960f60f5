//! Entity tags and what a request makes of them (RFC 9110 sections 8.8.3 and 13): on every read and every
//! change of the document that takes them.

use accounts_tests::{
    given::{PASSWORD, Person},
    on_both,
};
use serde_json::json;

use super::{
    house::{self, House},
    operations::{self, Operation},
};

on_both! {
    house::setup();

    fn if_none_match_answers_304_on_every_read(app) {
        let house = House::of(app);
        let mut tried = 0;
        for operation in operations::reads().filter(|operation| operation.may_answer("304")) {
            let read = || house.request(&operation);
            let first = read().expect(200);
            let etag = first.etag();
            for known in [
                etag.clone(),
                format!("W/{etag}"),
                format!("\"other\", {etag}"),
                format!("\"a\",,W/{etag} "),
                "*".to_owned(),
            ] {
                let again = read().if_none_match(&known).expect(304);
                assert_eq!(again.etag(), etag);
                assert!(
                    again.body().is_empty() && again.find_header("Content-Type").is_none(),
                    "{again}"
                );
                assert_eq!(again.header("Cache-Control"), first.header("Cache-Control"));
                assert_eq!(again.find_header("Vary"), first.find_header("Vary"));
            }
            for other in ["\"other\"", "W/\"other\"", etag.trim_matches('"'), "", "\"", "*, *"] {
                read().if_none_match(other).expect(200);
            }
            let head = house
                .caller(&operation)
                .request("HEAD", house.path(&operation.path))
                .if_none_match(&etag)
                .expect(304);
            assert_eq!(head.etag(), etag);
            // A date is a weaker word, and this service has none.
            read()
                .header("If-Modified-Since", "Thu, 01 Jan 2099 00:00:00 GMT")
                .expect(200);
            tried += 1;
        }
        assert!(tried > 10);
    }

    fn every_read_of_the_api_has_a_tag(app) {
        let house = House::of(app);
        for operation in operations::reads().filter(|operation| operation.path.starts_with("/v1/")) {
            house.request(&operation).expect(200).etag();
            assert!(operation.may_answer("304"), "{operation}");
        }
    }

    fn a_stale_if_match_is_412_and_nothing_changes(app) {
        let house = House::of(app);
        let mut tried = 0;
        for operation in changes() {
            let etag = present(&house, &operation);
            house.changes_nothing(&operation, || {
                for stale in [
                    "\"v0\"",
                    "\"other\"",
                    "\"v99\", \"v98\"",
                    &format!("W/{etag}"),
                    &format!("\"x\", W/{etag}"),
                    "\"\"",
                    &etag.to_uppercase(),
                ] {
                    change(&house, &operation).if_match(stale).refused(412, "stale");
                }
                for unreadable in [
                    "",
                    "v1",
                    "\"v1",
                    "v1\"",
                    "*, \"v1\"",
                    "\"v1\" \"v2\"",
                    "w/\"v1\"",
                    "\"a b\"",
                    ",",
                ] {
                    let refused = change(&house, &operation)
                        .if_match(unreadable)
                        .refused(400, "bad-request");
                    refused.parameter_fault("if-match", "invalid-format");
                }
            });
            tried += 1;
        }
        assert!(tried >= 6, "{tried}");
    }

    fn a_present_if_match_lets_the_change_through(app) {
        let house = House::of(app);
        // The contact itself goes last.
        let mut all: Vec<Operation> = changes().collect();
        all.sort_by_key(|operation| (operation.method == "DELETE", std::cmp::Reverse(operation.path.len())));
        for operation in all {
            let etag = present(&house, &operation);
            let answer = change(&house, &operation)
                .if_match(&format!("\"other\" , {etag}"))
                .send();
            assert!(matches!(answer.status(), 200 | 204), "{answer}");
            if operation.method != "DELETE" {
                change(&house, &operation).if_match("*").expect(200);
            }
        }
    }

    fn a_change_answers_the_tag_that_the_next_read_has(app) {
        let house = House::of(app);
        let (ana, bea) = (&house.ana, &house.bea);
        let same = |person: &Person<'_>, path: &str, etag: &str| assert_eq!(person.get(path).expect(200).etag(), etag);

        let me = ana.patch("/v1/me", json!({ "display_name": "Ana Maria" })).expect(200);
        same(ana, "/v1/me", &me.etag());
        let account = ana.patch(ana.at(""), json!({ "name": "Ana & Daughters" })).expect(200);
        same(ana, &ana.at(""), &account.etag());
        let before = ana.get(bea.path()).expect(200).etag();
        let contact = ana
            .patch(bea.path(), json!({ "title": "Head of accounting" }))
            .expect(200);
        assert_ne!(contact.etag(), before);
        same(ana, &bea.path(), &contact.etag());
        let subscribed = ana
            .put(bea.at("/subscriptions"), json!({ "categories": ["invoice"] }))
            .expect(200);
        same(ana, &bea.path(), &subscribed.etag());
        let given = ana.gives(bea, "technical").expect(200);
        same(ana, &bea.path(), &given.etag());
        // What changes nothing leaves the tag.
        assert_eq!(ana.gives(bea, "technical").expect(200).etag(), given.etag());
        assert_eq!(ana.patch(bea.path(), json!({})).expect(200).etag(), given.etag());
        // A tag is its resource's own: others have not changed.
        same(ana, &ana.at(""), &account.etag());
        let created = ana
            .post(
                ana.at("/contacts"),
                json!({ "display_name": "Gil", "address": "gil@example.com" }),
            )
            .expect(201);
        same(ana, created.header("Location"), &created.etag());
        let opened = ana.post("/v1/accounts", json!({ "name": "Second" })).expect(201);
        same(ana, opened.header("Location"), &opened.etag());
        let cancelled = ana
            .post(ana.at(&format!("/ownership-transfers/{}/cancel", house.transfer)), ())
            .expect(200);
        same(
            ana,
            &ana.at(&format!("/ownership-transfers/{}", house.transfer)),
            &cancelled.etag(),
        );
        let offered = ana.transfers_ownership(&house.cem_contact).expect(201);
        same(ana, offered.header("Location"), &offered.etag());
    }

    fn what_is_made_has_the_tag_that_a_read_has(app) {
        let house = House::of(app);
        let mut tried = 0;
        for operation in operations::all().iter().filter(|operation| operation.may_answer("201")) {
            let made = house.request(operation).send();
            // Some examples are refused here: a challenge that nobody waits for, say.
            if made.status() != 201 {
                continue;
            }
            let (place, etag) = (made.header("Location"), made.etag());
            tried += 1;
            // A notice goes on while it is read, and the session of an impersonation is read with its own token.
            if !operation.path.contains("/notifications") && !operation.path.ends_with("/impersonate") {
                assert_eq!(house.caller(operation).get(place).expect(200).etag(), etag, "{operation}");
            }
        }
        assert!(tried >= 12, "{tried}");

        let credentials = json!({ "address": "ana@example.com", "password": PASSWORD });
        let begun = app.client().post("/v1/sessions", credentials).expect(201);
        let own = app.client().with_token(&begun.text("access_token"));
        assert_eq!(own.get(begun.header("Location")).expect(200).etag(), begun.etag());
    }

    fn of_two_changes_of_one_state_the_second_is_stale(app) {
        let house = House::of(app);
        let etag = house.ana.get(house.bea.path()).expect(200).etag();
        house
            .ana
            .patch(house.bea.path(), json!({ "title": "First" }))
            .if_match(&etag)
            .expect(200);
        house.changes_nothing("the second", || {
            house
                .ana
                .patch(house.bea.path(), json!({ "title": "Second" }))
                .if_match(&etag)
                .refused(412, "stale");
            house.ana.delete(house.bea.path()).if_match(&etag).refused(412, "stale");
            house
                .ana
                .delete(house.bea.at("?dry_run=true"))
                .if_match(&etag)
                .refused(412, "stale");
        });
        // Without the header the change applies to the present state.
        house
            .ana
            .patch(house.bea.path(), json!({ "title": "Third" }))
            .expect(200);
    }
}

/// The operations that honour `If-Match`.
fn changes() -> impl Iterator<Item = Operation> {
    operations::all()
        .into_iter()
        .filter(|operation| operation.parameter("header", "If-Match").is_some())
}

#[test]
fn every_change_of_what_can_be_read_takes_a_tag() {
    let readable: Vec<String> = operations::reads().map(|read| read.path).collect();
    for operation in operations::all() {
        if ["PATCH", "PUT", "DELETE"].contains(&operation.method.as_str()) && readable.contains(&operation.path) {
            assert!(operation.parameter("header", "If-Match").is_some(), "{operation}");
        }
    }
}

/// The tag of what an operation changes: of the nearest resource above it that can be read.
fn present(house: &House<'_>, operation: &Operation) -> String {
    let readable: Vec<String> = operations::reads().map(|read| read.path).collect();
    let mut path = operation.path.as_str();
    while !readable.iter().any(|read| read == path) {
        path = path.rsplit_once('/').unwrap().0;
    }
    house.reader(path).get(house.path(path)).expect(200).etag()
}

/// A change that only the tag can stop.
fn change(house: &House<'_>, operation: &Operation) -> accounts_tests::client::Request {
    let request = house.request(operation);
    match (operation.method.as_str(), &operation.media_type) {
        ("PATCH", Some(media_type)) if operation.path.ends_with("/members/{user}") => {
            request.body(media_type, json!({ "status": "active" }).to_string())
        }
        ("PATCH", Some(media_type)) if operation.path.ends_with("/{integration}") => {
            let patch = json!({ "scopes": ["accounts:view"], "reason": "Asked for" });
            request.body(media_type, patch.to_string())
        }
        ("PATCH", Some(media_type)) if operation.path.ends_with("/{webhook}") => {
            request.body(media_type, json!({ "description": "Changed" }).to_string())
        }
        ("PATCH", Some(media_type)) if operation.is_operators() => {
            let patch = json!({ "contact_limit": 9, "reason": "Asked for" });
            request.body(media_type, patch.to_string())
        }
        ("PATCH", Some(media_type)) => request.body(media_type, json!({ "language": "fr" }).to_string()),
        _ => request,
    }
}
