//! Log-ins of contacts: on request, with permissions that the manager has, read anew with each request.

use accounts_tests::given::{self, PASSWORD, Person};
use accounts_tests::{json, on_both};
use serde_json::Value;

use super::{adds_login, follow, sent_to};

fn ask(person: &Person<'_>, login: &Value) -> accounts_tests::client::Request {
    let body = json!({ "display_name": "Cem", "address": "cem@lima.example", "login": login });
    person.post(person.at("/contacts"), body)
}

on_both! {
    fn a_contact_logs_in_only_where_that_was_asked_for(app) {
        let ana = given::owner(app, "ana@lima.example");
        ana.adds_verified("Bea", "bea@lima.example");
        let log_in = |address: &str| {
            app.client().post("/v1/sessions", json!({ "address": address, "password": PASSWORD }))
        };
        log_in("bea@lima.example").refused(401, "invalid-credentials");
        let created = ask(&ana, &json!({ "permissions": ["contacts:view"] })).expect(201);
        assert_eq!((&created["login"], &created["login_requested"]), (&json!(false), &json!(true)));
        log_in("cem@lima.example").refused(401, "invalid-credentials");
        let cem = ana.at(&format!("/contacts/{}", created.text("id")));
        ana.post(format!("{cem}/verification"), ()).expect(202);
        follow(app, &app.mail_to("cem@lima.example").link_token()).expect(200);
        log_in("cem@lima.example").expect(201);
        assert_eq!(ana.get(&cem).expect(200)["login"], true);
    }

    fn whoever_has_a_log_in_already_brings_it_along(app) {
        let ana = given::owner(app, "ana@lima.example");
        let bea = given::owner(app, "bea@other.example");
        let contact = ana.adds(json!({ "display_name": "Bea", "address": "bea@other.example", "login": {} }));
        let token = sent_to(app, &ana, &contact, "bea@other.example");
        let offer = app.client().post("/v1/contact-verifications/preview", json!({ "token": token })).expect(200);
        assert_eq!((&offer["login"], &offer["password_required"]), (&json!(true), &json!(false)));
        let body = json!({ "token": token });
        assert_eq!(app.client().post("/v1/contact-verifications/confirm", body).expect(200)["login"], true);
        // One log-in, two accounts, each with its own rights.
        let mine = bea.get("/v1/me/accounts").expect(200);
        assert_eq!(mine.each("data", "account/name"), ["Ana Ltd", "Bea Ltd"]);
        assert_eq!(mine.each("data", "access/owner"), ["false", "true"]);
        bea.get(format!("/v1/accounts/{}/contacts", ana.account)).refused(403, "forbidden");
        bea.get(bea.at("/contacts")).expect(200);
    }

    fn nobody_grants_what_they_do_not_have(app) {
        let ana = given::owner(app, "ana@lima.example");
        let own = ["contacts:view", "contacts:manage", "members:manage"];
        let (_, bea) = adds_login(app, &ana, "Bea", &own);
        for login in [json!({ "permissions": ["contacts:view", "roles:manage"] }), json!({ "all_permissions": true })] {
            ask(&bea, &login).refused(403, "cannot-grant");
        }
        ask(&bea, &json!({ "permissions": ["contacts:fly"] })).refused(422, "invalid-fields").fault("/login/permissions", "unknown-permission");
        ask(&bea, &json!({ "permissions": ["contacts:view"] })).expect(201);
        let roles = json!({ "display_name": "Dan", "address": "dan@lima.example", "roles": ["billing"] });
        let refused = bea.post(bea.at("/contacts"), roles).refused(403, "forbidden");
        assert_eq!(refused["permission"], "roles:manage");
    }

    fn removing_a_contact_ends_its_log_in_for_the_account_at_once(app) {
        let ana = given::owner(app, "ana@lima.example");
        let (contact, bea) = adds_login(app, &ana, "Bea", &["contacts:view"]);
        bea.get(bea.at("/contacts")).expect(200);
        let tried = ana.delete(format!("{}?dry_run=true", contact.path())).expect(200);
        assert_eq!(tried.list("removed_members").len(), 1);
        ana.removes(&contact).expect(204);
        // The token is as good as before; the account is not there any more.
        bea.get(bea.at("/contacts")).refused(404, "not-found");
        bea.get(bea.at("")).refused(404, "not-found");
        bea.get("/v1/me").expect(200);
        assert_eq!(bea.get("/v1/me/accounts").expect(200).list("data").len(), 0);
    }

    fn a_member_does_what_was_granted_and_no_more(app) {
        let ana = given::owner(app, "ana@lima.example");
        let (_, bea) = adds_login(app, &ana, "Bea", &["contacts:view", "invoices:pay"]);
        let access = bea.get(bea.at("/access")).expect(200);
        assert_eq!(access["permissions"], json!(["contacts:view", "invoices:pay"]));
        assert_eq!((&access["owner"], &access["all_permissions"]), (&json!(false), &json!(false)));
        let open: Vec<_> = access.list("applications").iter().map(|open| (open["key"].clone(), open["reasons"].clone())).collect();
        let by_permission = json!([{ "kind": "permission", "permission": "invoices:pay" }]);
        assert_eq!(open, [
            (json!("documentation"), json!([{ "kind": "everyone" }])),
            (json!("payment_portal"), by_permission),
        ]);
        for (request, permission) in [
            (bea.patch(bea.at(""), json!({ "name": "Mine" })), "account:manage"),
            (bea.post(bea.at("/contacts"), json!({})), "contacts:manage"),
            (bea.gives(&ana.contact(), "billing"), "roles:manage"),
            (bea.get(bea.at("/audit-events")), "audit:view"),
        ] {
            assert_eq!(request.refused(403, "forbidden")["permission"], permission);
        }
        bea.transfers_ownership(&ana.contact()).refused(403, "owner-only");
    }
}
