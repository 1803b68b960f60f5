//! Access checks: what an integration asks before it opens something.

use accounts_domain::{actor::Actor, api_keys::KeyMode, roster::AccountStatus};
use accounts_store::Act;
use accounts_tests::{
    Answer, App, Client,
    given::{self, Person},
    json, on_both, scene,
};
use chrono::TimeDelta;
use serde_json::Value;

const CHECKS: &str = "/v1/access-checks";

fn asks(client: &Client, questions: &[Value]) -> Answer {
    client.post(CHECKS, json!({ "questions": questions })).expect(200)
}

/// The one word that answers one question, and whether it is a yes.
fn answered(client: &Client, question: Value) -> (bool, String) {
    let answer = asks(client, &[question]);
    (answer["results/0/allowed"] == true, answer.text("results/0/reason"))
}

fn no(reason: &str) -> (bool, String) {
    (false, reason.to_owned())
}

fn yes(reason: &str) -> (bool, String) {
    (true, reason.to_owned())
}

fn set_status(app: &App, person: &Person<'_>, status: AccountStatus) {
    let act = Act {
        actor: Actor::System,
        at: app.clock().now(),
        request_id: None,
        keep: None,
    };
    let account = person.account.parse().unwrap();
    let store = &app.running().service().store;
    app.running()
        .wait(store.change_account_status(account, status, &act))
        .unwrap();
}

on_both! {
    fn a_person_is_named_by_id_or_address_and_the_answer_says_who_it_was(app) {
        let ana = given::owner(app, "ana@lima.example");
        let desk = given::integration(app, &["access:check"]);
        let me = ana.user();
        for person in [("user_id", me.as_str()), ("address", "ANA@Lima.example")] {
            let question = json!({ "account_id": ana.account, person.0: person.1, "application": "bill_desk" });
            let answer = asks(&desk, &[question]);
            assert_eq!(answer["results/0/allowed"], true);
            assert_eq!(answer["results/0/reason"], "primary_holder");
            assert_eq!(answer["results/0/reasons"], json!([{ "kind": "primary_holder", "role": "billing" }]));
            assert_eq!(answer["results/0/account_id"], json!(ana.account));
            assert_eq!(answer["results/0/user_id"], json!(me));
        }
        let question = json!({ "account_id": ana.account, "user_id": me, "permission": "contacts:manage" });
        assert_eq!(answered(&desk, question), yes("owner"));
    }

    fn every_denial_says_why(app) {
        let ana = given::owner(app, "ana@lima.example");
        let zoe = given::owner(app, "zoe@example.com");
        let bea = given::member_of(&ana, "bea@lima.example", json!({ "permissions": ["contacts:view"] }));
        let desk = given::integration(app, &["access:check"]);
        let of = |address: &str, name: &str, key: &str| {
            let question = json!({ "account_id": ana.account, "address": address, name: key });
            answered(&desk, question)
        };
        let contacts = |address: &str| of(address, "permission", "contacts:view");
        assert_eq!(contacts("bea@lima.example"), yes("permission"));
        assert_eq!(of("bea@lima.example", "permission", "contacts:manage"), no("not_held"));
        assert_eq!(of("bea@lima.example", "application", "bill_desk"), no("not_open"));
        for (name, key) in [("permission", "no:such"), ("application", "no_such"), ("application", "Not a key!"), ("permission", "contacts")] {
            assert_eq!(of("ana@lima.example", name, key), no("unknown_key"), "{key}");
        }
        assert_eq!(contacts("nobody@example.com"), no("unknown_user"));
        assert_eq!(contacts(&zoe.address), no("not_a_member"));
        let nowhere = json!({ "external_id": "4711", "address": "ana@lima.example", "permission": "contacts:view" });
        assert_eq!(answered(&desk, nowhere), no("unknown_account"));
        let later = app.clock().now() + TimeDelta::hours(1);
        ana.changes(&bea, json!({ "expires_at": later.to_rfc3339() })).expect(200);
        assert_eq!(contacts("bea@lima.example"), yes("permission"));
        app.clock().advance(TimeDelta::hours(1));
        assert_eq!(contacts("bea@lima.example"), no("membership_expired"));
        let ana = given::logged_in(app, "ana@lima.example");
        let bea_user = asks(&desk, &[json!({ "account_id": ana.account, "address": "bea@lima.example", "permission": "a:b" })]);
        let bea_path = ana.at(&format!("/members/{}", bea_user.text("results/0/user_id")));
        ana.patch(&bea_path, json!({ "expires_at": null, "status": "suspended" })).expect(200);
        assert_eq!(contacts("bea@lima.example"), no("member_suspended"));
        set_status(app, &ana, AccountStatus::Suspended);
        assert_eq!(contacts("ana@lima.example"), no("account_suspended"));
        set_status(app, &ana, AccountStatus::Closed);
        assert_eq!(contacts("ana@lima.example"), no("account_closed"));
    }

    fn a_hundred_questions_are_answered_in_their_order(app) {
        let ana = given::owner(app, "ana@lima.example");
        let dan = given::owner(app, "dan@example.com");
        let desk = given::integration(app, &["access:check"]);
        let question = |number: usize| {
            let (account, person) = match number % 3 {
                0 => (&ana.account, &ana.address),
                1 => (&dan.account, &dan.address),
                _ => (&ana.account, &dan.address),
            };
            json!({ "account_id": account, "address": person, "permission": "contacts:view" })
        };
        let questions: Vec<Value> = (0..100).map(question).collect();
        let answer = asks(&desk, &questions);
        assert_eq!(answer.list("results").len(), 100);
        for (number, result) in answer.list("results").iter().enumerate() {
            assert_eq!(result["allowed"], json!(number % 3 != 2), "{number}: {result}");
        }
        let one_more: Vec<Value> = (0..101).map(question).collect();
        let refused = desk.post(CHECKS, json!({ "questions": one_more })).refused(422, "invalid-fields");
        refused.fault("/questions", "too-many");
    }

    fn a_question_names_one_account_one_person_and_one_thing(app) {
        let desk = given::integration(app, &["access:check"]);
        let refused = |question: Value| desk.post(CHECKS, json!({ "questions": [question] })).refused(422, "invalid-fields");
        let nothing = refused(json!({}));
        nothing.fault("/questions/0", "one-required");
        let told = nothing.each("errors", "detail");
        let wanted = ["`account_id` or `external_id`", "`user_id` or `address`", "`application` or `permission`"];
        assert_eq!(told, wanted.map(|wanted| format!("{wanted} is needed.")));
        let both = json!({
            "account_id": "acc_01h455vb4pex5vsknk084sn02q", "external_id": "1",
            "user_id": "usr_01h455vb4pex5vsknk084sn02q", "address": "a@example.com",
            "application": "bill_desk", "permission": "contacts:view",
        });
        let refused = refused(both);
        for member in ["account_id", "user_id", "application"] {
            refused.fault(&format!("/questions/0/{member}"), "contradictory");
        }
        desk.post(CHECKS, json!({ "questions": [] })).refused(422, "invalid-fields").fault("/questions", "too-few");
    }

    fn r_35_an_answer_is_never_older_than_the_last_change_on_any_instance(app) {
        let ana = given::owner(app, "ana@lima.example");
        let bea = given::member_of(&ana, "bea@lima.example", json!({ "permissions": ["contacts:view"] }));
        let key = scene::integration(app, &["access:check"], KeyMode::Live);
        let second = app.second();
        let mut desks = vec![app.client().with_token(&key)];
        desks.extend(second.as_ref().map(|second| second.client().with_token(&key)));
        let question = json!({ "account_id": ana.account, "address": bea.address, "permission": "contacts:view" });
        for round in 0..10 {
            let permissions = if round % 2 == 0 { json!([]) } else { json!(["contacts:view"]) };
            for desk in &desks {
                answered(desk, question.clone());
            }
            ana.changes(&bea, json!({ "permissions": permissions })).expect(200);
            let wanted = if round % 2 == 0 { no("not_held") } else { yes("permission") };
            for desk in &desks {
                assert_eq!(answered(desk, question.clone()), wanted, "round {round}");
            }
        }
    }
}
