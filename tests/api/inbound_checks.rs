//! Inbound checks: whose mail it is, what it may do, and who is told.

use accounts_domain::{actor::Actor, api_keys::KeyMode, roster::AccountStatus};
use accounts_store::Act;
use accounts_tests::{
    Answer, Client, Setup,
    given::{self, Person},
    json, on_both, scene,
};
use serde_json::Value;

const CHECKS: &str = "/v1/inbound-checks";

fn asks(desk: &Client, question: Value) -> Answer {
    desk.post(CHECKS, question).expect(200)
}

/// What the one account that knows the sender says: the right and the reason.
#[track_caller]
fn says(desk: &Client, question: Value) -> (String, String) {
    let answer = asks(desk, question);
    assert_eq!(answer.list("accounts").len(), 1, "{answer}");
    (answer.text("accounts/0/right"), answer.text("accounts/0/reason"))
}

fn is(right: &str, reason: &str) -> (String, String) {
    (right.to_owned(), reason.to_owned())
}

on_both! {
    fn every_account_that_knows_a_sender_is_listed_and_none_is_guessed(app) {
        let ana = given::owner(app, "ana@lima.example");
        let dan = given::owner(app, "dan@example.com");
        let eve = given::owner(app, "eve@example.com");
        let bea = given::member_of(&ana, "bea@example.com", json!({ "permissions": ["tickets:view"] }));
        let contact = dan.adds_verified("Bea", "bea@example.com");
        eve.adds_contact("Bea", "bea@example.com");
        let desk = given::integration(app, &["inbound:check"]);

        let answer = asks(&desk, json!({ "sender": "BEA@Example.com" }));
        assert_eq!(answer["sender"], "bea@example.com");
        assert_eq!(answer["more"], false);
        let account = |of: &Person<'_>| {
            let list = answer.list("accounts");
            list.iter().find(|entry| entry["account_id"] == json!(of.account)).unwrap().clone()
        };
        assert_eq!(answer.list("accounts").len(), 3);
        let member = account(&ana);
        assert_eq!((&member["right"], &member["reason"]), (&json!("reply"), &json!("permission")));
        assert_eq!(member["reasons"], json!([{ "kind": "permission", "permission": "tickets:view" }]));
        assert_eq!(member["user_id"], json!(bea.user()));
        assert!(member["contact_id"].is_null());
        let known = account(&dan);
        assert_eq!((&known["right"], &known["reason"]), (&json!("open"), &json!("contact")));
        assert_eq!(known["contact_id"], json!(contact.id));
        let unproven = account(&eve);
        assert_eq!((&unproven["right"], &unproven["reason"]), (&json!("none"), &json!("unverified")));
        assert!(unproven["recipients"].is_null());

        let named = asks(&desk, json!({ "sender": "bea@example.com", "account_id": eve.account }));
        assert_eq!(named.each("accounts", "account_id"), [eve.account.as_str()]);
        let unknown = asks(&desk, json!({ "sender": "zoe@example.com" }));
        assert_eq!((&unknown["accounts"], &unknown["unknown_senders"]), (&json!([]), &json!("none")));
    }

    fn every_refusal_says_why(app) {
        let ana = given::owner(app, "ana@lima.example");
        let bea = given::member_of(&ana, "bea@example.com", json!({ "permissions": [] }));
        let desk = given::integration(app, &["inbound:check"]);
        let of = |sender: &str| says(&desk, json!({ "sender": sender, "account_id": ana.account }));
        assert_eq!(of("ana@lima.example"), is("open", "contact"));
        assert_eq!(of("bea@example.com"), is("none", "lacks_permission"));
        ana.changes(&bea, json!({ "permissions": ["tickets:open"] })).expect(200);
        assert_eq!(of("bea@example.com"), is("open", "permission"));
        ana.changes(&bea, json!({ "status": "suspended" })).expect(200);
        assert_eq!(of("bea@example.com"), is("none", "member_suspended"));
        assert_eq!(of("zoe@example.com"), is("none", "unknown_sender"));
        let nowhere = json!({ "sender": "ana@lima.example", "account_id": "acc_01h455vb4pex5vsknk084sn02q" });
        assert_eq!(says(&desk, nowhere), is("none", "unknown_account"));
        assert_eq!(says(&desk, json!({ "sender": "ana@lima.example", "external_id": "0815" })), is("none", "unknown_account"));
        for (status, reason) in [(AccountStatus::Suspended, "account_suspended"), (AccountStatus::Closed, "account_closed")] {
            let act = Act {
                actor: Actor::System,
                at: app.clock().now(),
                request_id: None,
                keep: None,
            };
            let store = &app.running().service().store;
            let changed = store.change_account_status(ana.account.parse().unwrap(), status, &act);
            app.running().wait(changed).unwrap();
            assert_eq!(of("ana@lima.example"), is("none", reason));
        }
    }

    fn nobody_answers_a_ticket_of_another_account(app) {
        let ana = given::owner(app, "ana@lima.example");
        given::owner(app, "dan@kilo.example");
        let bea = ana.adds_verified("Bea", "bea@example.com");
        let desk = given::integration(app, &["inbound:check"]);
        let of = |sender: &str, opener: &str| says(&desk, json!({ "sender": sender, "category": "invoice", "opened_by": opener }));
        assert_eq!(of("ana@lima.example", &bea.id), is("open", "contact"));
        assert_eq!(of("dan@kilo.example", &bea.id), is("none", "opener_elsewhere"));
        assert_eq!(of("dan@kilo.example", &ana.user()), is("none", "opener_elsewhere"));
        // Whoever is gone from everywhere closes nobody's ticket.
        ana.removes(&bea).expect(204);
        assert_eq!(of("ana@lima.example", &bea.id), is("open", "contact"));
    }

    fn a_suspended_member_is_not_heard_as_the_contact_that_it_is(app) {
        let ana = given::owner(app, "ana@lima.example");
        let login = json!({ "permissions": ["tickets:view"] });
        let contact = ana.adds(json!({ "display_name": "Bea", "address": "bea@lima.example", "login": login }));
        ana.verifies(&contact);
        let bea = given::logged_in(app, "bea@lima.example");
        let desk = given::integration(app, &["inbound:check"]);
        let question = json!({ "sender": "bea@lima.example" });
        assert_eq!(says(&desk, question.clone()), is("open", "contact"));
        ana.changes(&bea, json!({ "status": "suspended" })).expect(200);
        assert_eq!(says(&desk, question), is("none", "member_suspended"));
    }

    fn one_more_address_speaks_once_it_is_proven(app) {
        let ana = given::owner(app, "ana@lima.example");
        let desk = given::integration(app, &["inbound:check"]);
        let own = ana.contact();
        ana.patch(own.path(), json!({ "more_addresses": ["ana@home.example"] })).expect(200);
        let question = json!({ "sender": "ana@home.example" });
        assert_eq!(says(&desk, question.clone()), is("none", "unverified"));
        ana.post(own.at("/addresses/verification"), json!({ "address": "ana@home.example" })).expect(202);
        let token = app.mail_to("ana@home.example").link_token();
        app.client().post("/v1/contact-verifications/confirm", json!({ "token": token })).expect(200);
        assert_eq!(says(&desk, question), is("open", "contact"));
    }

    fn a_question_is_well_formed(app) {
        let desk = given::integration(app, &["inbound:check"]);
        let refused = |question: Value| desk.post(CHECKS, question).refused(422, "invalid-fields");
        refused(json!({})).fault("/sender", "required");
        let both = json!({
            "sender": "a@example.com", "account_id": "acc_01h455vb4pex5vsknk084sn02q", "external_id": "1",
        });
        refused(both).fault("/account_id", "contradictory");
        refused(json!({ "sender": "a@example.com", "category": "gossip" })).fault("/category", "unknown-category");
        refused(json!({ "sender": "a@example.com", "category": "invoice", "opened_by": "acc_01h455vb4pex5vsknk084sn02q" }))
            .fault("/opened_by", "invalid-format");
        // Nobody else of the mail is asked about.
        refused(json!({ "sender": "a@example.com", "cc": ["ana@lima.example"] })).fault("/cc", "unknown-field");
    }

    fn it_takes_the_scope_and_a_test_key_will_do(app) {
        let ana = given::owner(app, "ana@lima.example");
        let question = json!({ "sender": "ana@lima.example" });
        given::integration(app, &["access:check"]).post(CHECKS, &question).refused(403, "forbidden");
        ana.post(CHECKS, &question).refused(404, "not-found");
        let test = app.client().with_token(&scene::integration(app, &["inbound:check"], KeyMode::Test));
        test.post(CHECKS, &question).expect(200);
    }
}

on_both! {
    Setup::preset("hosting");

    fn the_answer_says_who_is_told(app) {
        let ana = given::owner(app, "ana@lima.example");
        let bea = ana.adds_verified("Bea", "bea@example.com");
        let cem = ana.adds_verified("Cem", "cem@example.com");
        for contact in [&bea, &cem] {
            ana.put(contact.at("/subscriptions"), json!({ "categories": ["support_replies"] })).expect(200);
        }
        let desk = given::integration(app, &["inbound:check"]);
        // A new ticket is the sender's own.
        let new = asks(&desk, json!({ "sender": "bea@example.com", "category": "support_replies" }));
        assert_eq!(new["accounts/0/recipients/step"], "owner");
        assert_eq!(new.each("accounts/0/recipients/to", "address"), ["ana@lima.example"]);
        assert_eq!(new.each("accounts/0/recipients/cc", "address"), ["bea@example.com"]);
        assert_eq!(new["accounts/0/recipients/excluded/0/exclusion"], "not_own_item");
        let reply = |sender: &str| {
            asks(&desk, json!({ "sender": sender, "category": "support_replies", "opened_by": cem.id }))
        };
        assert_eq!(reply("bea@example.com")["accounts/0/reason"], "not_own_item");
        let owner = reply("ana@lima.example");
        assert_eq!(owner["accounts/0/right"], "open");
        assert_eq!(owner.each("accounts/0/recipients/cc", "address"), ["cem@example.com"]);
        // An opener of another account is nobody's here.
        let dan = given::owner(app, "dan@example.com");
        let foreign = json!({ "sender": "bea@example.com", "category": "support_replies", "opened_by": dan.contact().id });
        assert_eq!(says(&desk, foreign), is("none", "opener_elsewhere"));
        // The same holds where the category is not known.
        let of = |opener: &str| says(&desk, json!({ "sender": "bea@example.com", "opened_by": opener }));
        assert_eq!(of(&bea.id), is("open", "contact"));
        assert_eq!(of(&cem.id), is("none", "not_own_item"));
        assert_eq!(of(&dan.contact().id), is("none", "opener_elsewhere"));
    }
}
