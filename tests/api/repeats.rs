//! `Idempotency-Key`: what is sent again is done once, and the first answer is told again.

use std::thread;

use accounts_tests::{
    Answer,
    client::Request,
    given::{self, PASSWORD},
    json, on_both,
};
use chrono::TimeDelta;

use super::{
    house::{self, House},
    operations,
};

on_both! {
    house::setup();

    fn a_repeat_gets_the_first_answer_and_changes_nothing(app) {
        let house = House::of(app);
        let (ana, bea, cem) = (&house.ana, &house.bea, &house.cem_contact);
        let acts: Vec<(u16, Request)> = vec![
            (
                201,
                ana.post(
                    ana.at("/contacts"),
                    json!({ "display_name": "Gil", "address": "gil@example.com" }),
                ),
            ),
            (202, ana.post(bea.at("/verification"), ())),
            (
                202,
                ana.post(
                    bea.at("/addresses/verification"),
                    json!({ "address": "bea@home.example" }),
                ),
            ),
            (200, ana.promotes(cem, &["billing"])),
            (201, ana.post("/v1/accounts", json!({ "name": "Second" }))),
            (
                200,
                ana.post(ana.at(&format!("/ownership-transfers/{}/cancel", house.transfer)), ()),
            ),
            (201, ana.transfers_ownership(cem)),
            (
                202,
                app.client().post("/v1/sign-ups", given::sign_up("new@example.com")),
            ),
            (
                202,
                app.client()
                    .post("/v1/password-resets", json!({ "address": "dan@example.com" })),
            ),
            (200, ana.post(bea.at("/erase"), ())),
        ];
        for (number, (status, act)) in acts.into_iter().enumerate() {
            let act = act.idempotency_key(&format!("act {number}"));
            let first = act.clone().expect(status);
            assert!(first.find_header("Idempotency-Replayed").is_none(), "{first}");
            app.mails();
            house.changes_nothing(&first, || {
                for _ in 0..2 {
                    is_replay(&act.clone().expect(status), &first);
                    app.mails();
                }
                // Quotes are optional.
                is_replay(
                    &act.clone().idempotency_key(&format!("\"act {number}\"")).expect(status),
                    &first,
                );
            });
        }
        assert_eq!(app.mails_to("new@example.com").len(), 1);
    }

    fn a_confirmation_is_replayed_to_whoever_has_the_link(app) {
        app.client()
            .post("/v1/sign-ups", given::sign_up("new@example.com"))
            .expect(202);
        let token = app.mail_to("new@example.com").link_token();
        let confirm = |token: &str| {
            let body = json!({ "token": token, "password": PASSWORD });
            app.client()
                .post("/v1/sign-ups/confirm", body)
                .idempotency_key("confirm")
        };
        let first = confirm(&token).expect(201);
        is_replay(&confirm(&token).expect(201), &first);
        // A key opens nothing for somebody who guessed it, with another token or none.
        let (id, seal) = token.split_once('.').unwrap();
        confirm(&format!("{id}.{}", seal.chars().rev().collect::<String>())).refused(410, "link-expired");
        confirm(id).refused(410, "link-expired");
        // Without the key the link is used up.
        let body = json!({ "token": token, "password": PASSWORD });
        app.client()
            .post("/v1/sign-ups/confirm", body)
            .refused(410, "link-expired");
    }

    fn the_same_key_with_another_body_is_422(app) {
        let house = House::of(app);
        let ana = &house.ana;
        let add = |address: &str| {
            let body = json!({ "display_name": "Gil", "address": address });
            ana.post(ana.at("/contacts"), body).idempotency_key("k")
        };
        let first = add("gil@example.com").expect(201);
        house.changes_nothing("another body", || {
            add("hal@example.com").refused(422, "idempotency-mismatch");
            // The bytes count, not what they say.
            let spaced = json!({ "display_name": "Gil", "address": "gil@example.com" }).to_string() + " ";
            add("")
                .body("application/json", spaced)
                .refused(422, "idempotency-mismatch");
            is_replay(&add("gil@example.com").expect(201), &first);
        });
        app.client()
            .post("/v1/sign-ups", given::sign_up("new@example.com"))
            .idempotency_key("k")
            .expect(202);
        app.mails();
        house.changes_nothing("another sign-up", || {
            app.client()
                .post("/v1/sign-ups", given::sign_up("other@example.com"))
                .idempotency_key("k")
                .refused(422, "idempotency-mismatch");
        });
        assert!(app.mails_to("other@example.com").is_empty());
    }

    fn a_key_belongs_to_caller_method_and_path(app) {
        let house = House::of(app);
        let (ana, dan) = (&house.ana, &house.dan);
        let body = json!({ "display_name": "Gil", "address": "gil@example.com" });
        let first = ana.post(ana.at("/contacts"), &body).idempotency_key("k").expect(201);
        // Another account, and with it another caller.
        let other = dan.post(dan.at("/contacts"), &body).idempotency_key("k").expect(201);
        assert_ne!(first["id"], other["id"]);
        // Another path of the same caller.
        ana.post(house.bea.at("/verification"), ())
            .idempotency_key("k")
            .expect(202);
        // The same path and key by somebody who may not do it.
        app.mails();
        house.changes_nothing("a repeat by another caller", || {
            house
                .cem
                .post(ana.at("/contacts"), &body)
                .idempotency_key("k")
                .refused(403, "forbidden");
            dan.post(ana.at("/contacts"), &body)
                .idempotency_key("k")
                .refused(404, "not-found");
            app.client()
                .post(ana.at("/contacts"), &body)
                .idempotency_key("k")
                .refused(401, "unauthenticated");
        });
    }

    fn what_was_refused_is_tried_anew_and_what_changed_nothing_is_not(app) {
        let house = House::of(app);
        let ana = &house.ana;
        let add = |body: serde_json::Value| ana.post(ana.at("/contacts"), body).idempotency_key("k");
        house.changes_nothing("refusals", || {
            add(json!({ "display_name": "" , "address": "gil@example.com" })).refused(422, "invalid-fields");
            add(json!({ "display_name": 7 })).refused(400, "bad-request");
            add(json!({ "display_name": "Gil", "address": "bea@example.com" })).refused(409, "address-taken");
            ana.with_token("none")
                .post(ana.at("/contacts"), ())
                .idempotency_key("k")
                .refused(401, "unauthenticated");
        });
        add(json!({ "display_name": "Gil", "address": "gil@example.com" })).expect(201);
        // What changes nothing is kept like what does: a late repeat must not do what the first did not.
        let (billing, other) = (
            ana.promotes(&house.cem_contact, &["billing"]).idempotency_key("same"),
            ana.contact(),
        );
        ana.promotes(&house.cem_contact, &["billing"]).expect(200);
        let first = billing.clone().expect(200);
        assert!(first.list("roles").is_empty(), "{first}");
        ana.promotes(&other, &["billing"]).expect(200);
        is_replay(&billing.expect(200), &first);
        assert_eq!(ana.get(ana.at("/roles/billing")).expect(200)["primary/id"], *other.id);
        // What is only looked at is not kept.
        let promote = |query: &str| {
            ana.post(
                house.cem_contact.at(&format!("/promote{query}")),
                json!({ "roles": ["billing"] }),
            )
            .idempotency_key("p")
        };
        assert_eq!(promote("?dry_run=true").expect(200)["dry_run"], true);
        assert_eq!(promote("").expect(200)["dry_run"], false);
        assert_eq!(promote("?dry_run=true").expect(200)["dry_run"], true);
    }

    fn after_a_day_a_key_is_new(app) {
        let house = House::of(app);
        let add = |name: &str| {
            let ana = given::logged_in(app, "ana@example.com");
            ana.post(
                house.ana.at("/contacts"),
                json!({ "display_name": name, "address": format!("{name}@example.com") }),
            )
            .idempotency_key("k")
        };
        add("gil").expect(201);
        app.clock().advance(TimeDelta::hours(24) - TimeDelta::seconds(1));
        add("hal").refused(422, "idempotency-mismatch");
        app.clock().advance(TimeDelta::seconds(2));
        add("hal").expect(201);
    }

    fn a_key_is_1_to_255_printable_characters(app) {
        let house = House::of(app);
        for operation in operations::all()
            .into_iter()
            .filter(|operation| operation.parameter("header", "Idempotency-Key").is_some())
        {
            assert_eq!(operation.method, "POST");
            house.changes_nothing(&operation, || {
                for wrong in [
                    "",
                    "a\tb",
                    &"k".repeat(256),
                    "k\u{e9}y",
                    &format!("\"{}\"", "k".repeat(256)),
                ] {
                    let refused = house
                        .request(&operation)
                        .idempotency_key(wrong)
                        .refused(400, "bad-request");
                    refused.parameter_fault("idempotency-key", "invalid-format");
                }
            });
        }
        for right in ["k", &"k".repeat(255), "!~", "a b", "\"", "{}"] {
            let promote = house
                .ana
                .promotes(&house.cem_contact, &["billing"])
                .idempotency_key(right);
            let first = promote.clone().expect(200);
            is_replay(&promote.expect(200), &first);
        }
        // Two keys are none.
        let head = format!(
            "POST {} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\nIdempotency-Key: a\r\nIdempotency-Key: b\r\n\
             Content-Length: 0\r\nConnection: close\r\n\r\n",
            house.bea.at("/verification"),
            house.ana.token
        );
        assert_eq!(app.raw(head.as_bytes()).status(), Some(400));
    }

    fn of_many_at_once_one_is_done(app) {
        let house = House::of(app);
        let ana = &house.ana;
        let add = || {
            ana.post(
                ana.at("/contacts"),
                json!({ "display_name": "Gil", "address": "gil@example.com" }),
            )
            .idempotency_key("k")
        };
        let answers: Vec<Answer> = thread::scope(|scope| {
            let tries: Vec<_> = (0..8).map(|_| scope.spawn(|| add().send())).collect();
            tries.into_iter().map(|answer| answer.join().unwrap()).collect()
        });
        for answer in &answers {
            match answer.status() {
                201 => {}
                409 => {
                    assert_eq!(answer["code"], "idempotency-in-flight", "{answer}");
                    answer.header("Retry-After");
                }
                _ => panic!("{answer}"),
            }
        }
        let first = answers
            .iter()
            .filter(|answer| answer.status() == 201 && answer.find_header("Idempotency-Replayed").is_none());
        assert_eq!(first.count(), 1);
        assert_eq!(ana.get(ana.at("/contacts?q=gil")).expect(200).list("data").len(), 1);
    }
}

#[test]
fn every_post_of_a_member_takes_a_key_unless_it_answers_with_a_secret() {
    // What is kept with a key tells repeats apart by a hash of the body, which must not be that of a password alone.
    let without = [
        "/v1/me/reauthenticate",
        "/v1/sessions",
        "/v1/sessions/refresh",
        "/v1/sessions/second-factor",
        "/v1/me/totp",
        "/v1/me/totp/confirm",
        "/v1/me/totp/recovery-codes",
        "/v1/contact-verifications/preview",
        "/v1/me/api-keys",
        "/v1/accounts/{account}/api-keys",
        "/v1/invitations/preview",
        // It asks and changes nothing.
        "/v1/access-checks",
        "/v1/inbound-checks",
        "/v1/operator/sessions",
        "/v1/operator/sessions/current/renew",
        "/v1/operator/users/{user}/impersonate",
        "/v1/operator/integrations/{integration}/keys",
        "/v1/webhooks",
        "/v1/webhooks/{webhook}/rotate-secret",
        // What is reported twice is noted once.
        "/v1/deliverability-reports",
        // Whoever is erased is not there to send it again, and the second click finds nothing left to end.
        "/v1/me/erase",
        "/v1/operator/users/{user}/erase",
        "/v1/operator/accounts/{account}/contacts/{contact}/erase",
        "/unsubscribe/{token}",
    ];
    for operation in operations::all()
        .into_iter()
        .filter(|operation| operation.method == "POST")
    {
        let takes = operation.parameter("header", "Idempotency-Key").is_some();
        assert_eq!(takes, !without.contains(&operation.path.as_str()), "{operation}");
    }
}

/// The same answer, marked as told again.
#[track_caller]
fn is_replay(again: &Answer, first: &Answer) {
    assert_eq!(again.header("Idempotency-Replayed"), "true");
    assert_eq!(again.body(), first.body());
    let mut own = ["date", "x-request-id", "idempotency-replayed"];
    own.sort_unstable();
    assert_eq!(again.headers_but(&own), first.headers_but(&own));
}
