//! "That you or your client can open up for you" (K-09): a developer asks for access to a client's account.

use accounts_domain::join_requests::JOIN_REQUEST_LIFE;
use accounts_tests::{
    App, Setup,
    client::Request,
    given::{self, Person},
    json, on_both,
};
use serde_json::Value;

/// The request that waits in the account.
fn waiting(owner: &Person<'_>) -> String {
    owner.get(owner.at("/join-requests")).expect(200).text("data/0/id")
}

fn list(owner: &Person<'_>) -> Vec<Value> {
    owner.get(owner.at("/join-requests")).expect(200).list("data").to_vec()
}

fn mine(person: &Person<'_>) -> Vec<Value> {
    person.get("/v1/me/join-requests").expect(200).list("data").to_vec()
}

fn accept(owner: &Person<'_>, request: &str, permissions: Value) -> Request {
    owner.post(owner.at(&format!("/join-requests/{request}/accept")), permissions)
}

fn decline(owner: &Person<'_>, request: &str) -> Request {
    owner.post(owner.at(&format!("/join-requests/{request}/decline")), ())
}

/// Ana, who owns an account, and Dev, who builds websites and has one, too.
fn both(app: &App) -> (Person<'_>, Person<'_>) {
    (
        given::owner(app, "ana@example.com"),
        given::owner(app, "dev@studio.example"),
    )
}

on_both! {
    Setup::preset("hosting");

    fn k_09_a_developer_asks_and_the_client_lets_them_in(app) {
        let (ana, dev) = both(app);
        let asked = json!({ "owner_address": "Ana@example.com", "message": "I build your shop." });
        dev.asks_to_join(&asked).expect(202);
        let mail = app.mail_to("ana@example.com");
        assert!(mail.text.contains("dev@studio.example") && !mail.text.contains("shop"), "{mail:?}");
        let request = ana.get(ana.at("/join-requests")).expect(200);
        assert_eq!(request["data/0/address"], "dev@studio.example");
        assert_eq!(request["data/0/message"], "I build your shop.");
        assert_eq!(mine(&dev).len(), 1);
        dev.get(ana.at("/access")).refused(404, "not-found");
        accept(&ana, &waiting(&ana), json!({ "permissions": ["products:view"] })).expect(204);
        assert!(app.mail_to("dev@studio.example").text.contains("Ana Ltd"));
        let access = dev.get(ana.at("/access")).expect(200);
        assert_eq!(access["permissions"], json!(["products:view"]));
        assert_eq!(access["contact_id"], Value::Null);
        assert!(list(&ana).is_empty() && mine(&dev).is_empty());
        let events = ana.get(ana.at("/audit-events")).expect(200).each("data", "type");
        assert_eq!(events[..3], ["join_request.ended", "member.added", "join_request.made"].map(str::to_owned));
    }

    fn k_09_a_request_that_is_declined_opens_nothing(app) {
        let (ana, dev) = both(app);
        dev.asks_to_join(&json!({ "account_id": ana.account })).expect(202);
        let request = waiting(&ana);
        decline(&ana, &request).expect(204);
        let mail = app.mail_to("dev@studio.example");
        assert!(mail.text.contains(&ana.account) && !mail.text.contains("Ana Ltd"), "{mail:?}");
        dev.get(ana.at("/access")).refused(404, "not-found");
        assert!(list(&ana).is_empty() && mine(&dev).is_empty());
        let again = decline(&ana, &request).refused(409, "join-request-ended");
        assert_eq!(again["join_request_status"], "declined");
        accept(&ana, &request, json!({ "permissions": [] })).refused(409, "join-request-ended");
    }

    fn k_09_nobody_learns_which_accounts_there_are(app) {
        let (ana, dev) = both(app);
        let asked = |which: &Value| dev.asks_to_join(which).expect(202);
        let there = asked(&json!({ "account_id": ana.account }));
        let others = [
            json!({ "account_id": "acc_01h455vb4pex5vsknk084sn02q" }),
            json!({ "owner_address": "ana@example.com" }),
            json!({ "owner_address": "nobody@example.com" }),
            // The own account.
            json!({ "account_id": dev.account }),
            // The same once more.
            json!({ "account_id": ana.account }),
            json!({ "account_id": "acc_01h455vb4pex5vsknk084sn02q" }),
        ];
        for other in &others {
            let answer = asked(other);
            assert_eq!(answer.body(), there.body());
            let own = ["date", "x-request-id"];
            assert_eq!(answer.headers_but(&own), there.headers_but(&own));
        }
        // What was asked for twice stands once, whether there is such an account or not.
        let shown = mine(&dev);
        assert_eq!(shown.len(), 5);
        for request in &shown {
            let mut names: Vec<&str> = request.as_object().unwrap().keys().map(String::as_str).collect();
            names.sort_unstable();
            assert_eq!(names, ["account_id", "created_at", "expires_at", "id", "message", "owner_address"]);
        }
        assert_eq!(list(&ana).len(), 1);
    }

    fn k_09_who_manages_members_answers_and_gives_no_more_than_they_have(app) {
        let (ana, dev) = both(app);
        let bea = given::member_of(&ana, "bea@example.com", json!({ "permissions": ["members:manage", "products:view"] }));
        let cem = given::member_of(&ana, "cem@example.com", json!({ "permissions": ["members:view"] }));
        dev.asks_to_join(&json!({ "account_id": ana.account })).expect(202);
        let request = waiting(&ana);
        cem.get(ana.at("/join-requests")).refused(403, "forbidden");
        accept(&cem, &request, json!({ "permissions": [] })).refused(403, "forbidden");
        accept(&bea, &request, json!({ "all_permissions": true })).refused(403, "cannot-grant");
        accept(&bea, &request, json!({})).refused(422, "invalid-fields").fault("", "required");
        accept(&bea, &request, json!({ "permissions": ["no:such"] })).refused(422, "invalid-fields");
        accept(&bea, &request, json!({ "permissions": ["products:view"] })).expect(204);
        dev.get(ana.at("/access")).expect(200);
    }

    fn k_09_a_person_withdraws_the_own_request(app) {
        let (ana, dev) = both(app);
        dev.asks_to_join(&json!({ "account_id": ana.account })).expect(202);
        dev.asks_to_join(&json!({ "owner_address": "nobody@example.com" })).expect(202);
        let request = waiting(&ana);
        ana.delete(format!("/v1/me/join-requests/{request}")).refused(404, "not-found");
        for request in mine(&dev) {
            let path = format!("/v1/me/join-requests/{}", request["id"].as_str().unwrap());
            dev.delete(&path).expect(204);
            dev.delete(&path).refused(404, "not-found");
        }
        assert!(mine(&dev).is_empty() && list(&ana).is_empty());
        let told = accept(&ana, &request, json!({ "permissions": [] })).refused(409, "join-request-ended");
        assert_eq!(told["join_request_status"], "withdrawn");
        // And may ask again.
        dev.asks_to_join(&json!({ "account_id": ana.account })).expect(202);
        assert_eq!(list(&ana).len(), 1);
    }

    fn k_09_a_request_ends_by_itself_and_may_be_made_again(app) {
        let (ana, dev) = both(app);
        let nowhere = json!({ "owner_address": "nobody@example.com" });
        dev.asks_to_join(&json!({ "account_id": ana.account })).expect(202);
        dev.asks_to_join(&nowhere).expect(202);
        let request = waiting(&ana);
        app.clock().advance(JOIN_REQUEST_LIFE);
        let (ana, dev) = (given::logged_in(app, "ana@example.com"), given::logged_in(app, "dev@studio.example"));
        assert!(list(&ana).is_empty() && mine(&dev).is_empty());
        let told = accept(&ana, &request, json!({ "permissions": [] })).refused(409, "join-request-ended");
        assert_eq!(told["join_request_status"], "expired");
        dev.asks_to_join(&json!({ "account_id": ana.account })).expect(202);
        dev.asks_to_join(&nowhere).expect(202);
        assert_eq!((list(&ana).len(), mine(&dev).len()), (1, 2));
    }

    fn k_09_a_request_is_gone_when_the_person_comes_by_invitation(app) {
        let (ana, dev) = both(app);
        dev.asks_to_join(&json!({ "account_id": ana.account })).expect(202);
        let invitation = ana.invites("dev@studio.example", &json!([])).expect(201).text("id");
        dev.post(format!("/v1/me/invitations/{invitation}/accept"), ()).expect(200);
        assert!(list(&ana).is_empty() && mine(&dev).is_empty());
        // It does not come back when the person goes.
        ana.expels(&dev).expect(204);
        assert!(list(&ana).is_empty());
    }

    fn k_09_requests_are_throttled_per_person(app) {
        let (_, dev) = both(app);
        for number in 0..20 {
            dev.asks_to_join(&json!({ "owner_address": format!("{number}@example.com") })).expect(202);
        }
        let refused = dev.asks_to_join(&json!({ "owner_address": "more@example.com" })).refused(429, "too-many-requests");
        refused.header("Retry-After");
    }
}
