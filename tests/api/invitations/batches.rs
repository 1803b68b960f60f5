//! Many at once, with a result each.

use accounts_tests::{Setup, given, json, on_both};
use serde_json::Value;

on_both! {
    Setup::standard();

    fn each_has_its_result(app) {
        let ana = given::owner(app, "ana@example.com");
        let entry = |address: &str| json!({ "address": address, "permissions": ["contacts:view"] });
        let body = json!({ "invitations": [
            entry("bea@example.com"),
            entry("ana@example.com"),
            entry("cem@example.com"),
            entry("BEA@example.com"),
        ] });
        let done = ana.post(ana.at("/invitations/batch"), body).language("fr").expect(200);
        let addresses = ["bea@example.com", "ana@example.com", "cem@example.com", "BEA@example.com"];
        assert_eq!(done.each("results", "address"), addresses);
        assert_eq!(done["results/0/invitation/status"], "pending");
        assert_eq!(done["results/0/problem"], Value::Null);
        assert_eq!(done["results/1/invitation"], Value::Null);
        assert_eq!(done["results/1/problem/code"], "already-member");
        assert_eq!(done["results/1/problem/status"], 409);
        assert_eq!(done["results/1/problem/title"], "Déjà membre");
        assert_eq!(done["results/3/problem/code"], "invitation-waiting");
        assert_eq!(ana.get(ana.at("/invitations")).expect(200).list("data").len(), 2);
        for address in ["bea@example.com", "cem@example.com"] {
            assert_eq!(app.mails_to(address).len(), 1);
        }
        // One decision, so one revision for all of them.
        let events = ana.get(ana.at("/audit-events?type=invitation.sent")).expect(200);
        assert_eq!(events["data/0/revision"], events["data/1/revision"]);
    }

    fn a_hundred_are_invited_at_once_and_no_more(app) {
        let ana = given::owner(app, "ana@example.com");
        let many = |count: usize| {
            let entries: Vec<Value> = (0..count).map(|n| json!({ "address": format!("p{n}@example.com") })).collect();
            ana.post(ana.at("/invitations/batch"), json!({ "invitations": entries }))
        };
        many(0).refused(422, "invalid-fields").fault("/invitations", "too-few");
        many(101).refused(422, "invalid-fields").fault("/invitations", "too-many");
        let done = many(100).expect(200);
        assert!(done.list("results").iter().all(|result| result["invitation"]["status"] == "pending"));
        assert_eq!(app.mails_to("p99@example.com").len(), 1);
    }

    fn one_alone_has_its_result_as_well(app) {
        let ana = given::owner(app, "ana@example.com");
        let body = json!({ "invitations": [{ "address": "ana@example.com" }] });
        let done = ana.post(ana.at("/invitations/batch"), body).expect(200);
        assert_eq!(done["results/0/problem/code"], "already-member");
    }

    fn a_fault_in_one_is_told_where_it_stands_and_nobody_is_invited(app) {
        let ana = given::owner(app, "ana@example.com");
        let body = json!({ "invitations": [
            { "address": "bea@example.com" },
            { "address": "nobody" },
            { "address": "cem@example.com", "permission_preset": "captain" },
            { "address": "dan@example.com", "permissions": ["moon:visit"] },
        ] });
        let refused = ana.post(ana.at("/invitations/batch"), body).refused(422, "invalid-fields");
        refused
            .fault("/invitations/1/address", "invalid-format")
            .fault("/invitations/2/permission_preset", "unknown-preset")
            .fault("/invitations/3/permissions/0", "unknown-permission");
        let body = json!({ "invitations": [
            { "address": "bea@example.com" },
            { "address": "cem@example.com", "contact_id": "con_01h455vb4pex5vsknk084sn02q" },
        ] });
        let refused = ana.post(ana.at("/invitations/batch"), body).refused(422, "invalid-fields");
        refused.fault("/invitations/1/contact_id", "unknown-contact");
        assert!(ana.get(ana.at("/invitations")).expect(200).list("data").is_empty());
    }

    fn a_batch_is_made_once_for_its_key(app) {
        let ana = given::owner(app, "ana@example.com");
        let body = json!({ "invitations": [{ "address": "bea@example.com" }, { "address": "ana@example.com" }] });
        let send = || ana.post(ana.at("/invitations/batch"), &body).idempotency_key("all");
        let first = send().expect(200);
        let again = send().expect(200);
        assert_eq!(again.header("Idempotency-Replayed"), "true");
        assert_eq!(again.json(), first.json());
        assert_eq!(app.mails_to("bea@example.com").len(), 1);
    }
}
