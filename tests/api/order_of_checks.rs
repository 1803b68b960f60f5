//! What is told of a request that is wrong in many ways: 405, 401, 404 or 403, 415 or 413, 400 or
//! 422, and under the lock 412 and 409.

use accounts_tests::{client::Request, on_both};
use serde_json::json;

use super::{
    house::{self, House},
    operations,
};

const JSON: &str = "application/merge-patch+json";

/// A request that is wrong from its media type on.
fn wrong_from_here(request: Request) -> Request {
    request
        .body("text/plain", "{ \"unknown\": 1, ".to_owned() + &" ".repeat(70_000))
        .if_match("unreadable")
        .idempotency_key("")
}

on_both! {
    house::setup();

    fn every_operation_judges_the_method_then_the_caller_then_the_target_then_the_body(app) {
        let house = House::of(app);
        let anas_user = house.ana.user();
        for operation in operations::with_body() {
            house.changes_nothing(&operation, || {
                let path = format!("{}?unknown=1", house.path(&operation.path));
                wrong_from_here(app.client().request("PROPFIND", &path)).refused(405, "method-not-allowed");
                let by = |client: &accounts_tests::Client, path: &str| {
                    wrong_from_here(client.request(&operation.method, path))
                };
                if operation.secured {
                    by(app.client(), &path).refused(401, "unauthenticated");
                    by(&house.ana.with_token("dead"), &path).refused(401, "unauthenticated");
                }
                let is_customers = !operation.is_operators() && !operation.by_integration;
                if operation.path.contains("{account}") && is_customers {
                    by(&house.dan, &path).refused(404, "not-found");
                    // What is the own is another matter than what is somebody else's.
                    let answer = by(&house.cem, &path.replace(&house.cem_user, &anas_user)).expect(403);
                    assert!(
                        answer["code"] == "forbidden" || answer["code"] == "owner-only",
                        "{answer}"
                    );
                }
                if operation.path.contains("{contact}") {
                    by(&house.ana, &path.replace(&house.bea.id, &house.ana.account)).refused(404, "not-found");
                }
                // With a key it may be a repeat of what has removed the target.
                if is_customers {
                    let absent = path
                        .replace(&house.bea.id, "con_01h455vb4pex5vsknk084sn02q")
                        .replace(&house.cem_user, "usr_01h455vb4pex5vsknk084sn02q");
                    if absent != path {
                        let request = house.ana.request(&operation.method, &absent);
                        request.body("text/plain", "{").refused(404, "not-found");
                    }
                }
                by(house.caller(&operation), &path).refused(415, "unsupported-media-type");
                let media_type = operation.media_type.as_deref().unwrap();
                let large = by(house.caller(&operation), &path).body(media_type, " ".repeat(70_000));
                large.refused(413, "payload-too-large");
                let unreadable = by(house.caller(&operation), &path).body(media_type, "{");
                unreadable.refused(400, "bad-request");
            });
        }
    }

    fn a_known_caller_without_the_right_learns_nothing_about_the_target(app) {
        let house = House::of(app);
        let cem = &house.cem;
        for contact in [
            house.bea.id.as_str(),
            house.eve.id.as_str(),
            "con_01h455vb4pex5vsknk084sn02q",
            "x",
        ] {
            let path = house.ana.at(&format!("/contacts/{contact}"));
            let answer = cem.get(&path).refused(403, "forbidden");
            assert_eq!(answer["permission"], "contacts:view");
            assert_eq!(
                answer.header("WWW-Authenticate"),
                "Bearer realm=\"accounts\", error=\"insufficient_scope\", scope=\"contacts:view\""
            );
            cem.patch(&path, json!({})).refused(403, "forbidden");
            cem.delete(&path).refused(403, "forbidden");
        }
    }

    fn what_cannot_be_read_is_told_before_what_is_not_taken(app) {
        let house = House::of(app);
        let change = |query: &str, body: &str| {
            house
                .ana
                .patch(format!("{}{query}", house.bea.path()), ())
                .body(JSON, body)
        };
        house.changes_nothing("wrong requests", || {
            let refused = change("?unknown=1", r#"{"display_name":""}"#).refused(400, "bad-request");
            refused.parameter_fault("unknown", "unknown-parameter");
            let refused = change("", r#"{"display_name":"","title":7}"#).refused(400, "bad-request");
            refused.fault("/title", "wrong-type");
            // All that is not taken is told at once.
            let body = json!({
                "display_name": "",
                "language": "de",
                "phones": [{ "number": "1" }, { "kind": "x" }],
                "address": null,
                "other": 1,
            });
            let refused = change("", &body.to_string()).refused(422, "invalid-fields");
            for (pointer, code) in [
                ("/display_name", "too-short"),
                ("/language", "not-allowed"),
                ("/phones/0/number", "invalid-format"),
                ("/phones/1/number", "required"),
                ("/phones/1/kind", "not-allowed"),
                ("/address", "required"),
                ("/other", "unknown-field"),
            ] {
                refused.fault(pointer, code);
            }
        });
    }

    fn fields_come_before_the_state_and_the_tag_before_the_rule(app) {
        let house = House::of(app);
        let ana = &house.ana;
        let own = ana.contact();
        house.changes_nothing("wrong changes", || {
            let taken = json!({ "address": "ana@example.com" });
            ana.patch(house.bea.path(), json!({ "address": "x" }))
                .if_match("\"v0\"")
                .refused(422, "invalid-fields");
            ana.patch(house.bea.path(), &taken)
                .if_match("\"v0\"")
                .refused(412, "stale");
            ana.patch(house.bea.path(), &taken).refused(409, "address-taken");
            // The owner is not removed, whatever the tag; but a stale one is told first.
            ana.removes(&own).if_match("\"v0\"").refused(412, "stale");
            let answer = ana.removes(&own).expect(409);
            assert!(
                answer["code"] == "contact-is-owner" || answer["code"] == "contact-holds-roles",
                "{answer}"
            );
        });
    }

    fn a_body_is_not_awaited_before_the_caller_is_known(app) {
        let house = House::of(app);
        let head = |authorization: &str| {
            format!(
                "PATCH {} HTTP/1.1\r\nHost: a\r\n{authorization}Content-Type: {JSON}\r\nContent-Length: 5000\r\n\r\n",
                house.bea.path()
            )
        };
        assert_eq!(app.raw(head("").as_bytes()).status(), Some(401));
        let dan = format!("Authorization: Bearer {}\r\n", house.dan.token);
        assert_eq!(app.raw(head(&dan).as_bytes()).status(), Some(404));
    }
}
