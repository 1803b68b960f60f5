//! Users beside contacts: U-01 to U-03, U-06 to U-08, U-11, U-12, U-15, K-02, K-04.

use accounts_tests::given::{self, PASSWORD};
use accounts_tests::{Setup, json, on_both};

use super::{contacts, member, members};

/// Another password than everybody's.
const OTHER: &str = "a grey heron, standing still";

on_both! {
    Setup::preset("hosting");

    fn u_01_contacts_and_users_are_two_kinds(app) {
        let ana = given::owner(app, "ana@example.com");
        let books = ana.adds_verified("Books", "books@example.com");
        let cem = member(&ana, "cem@example.com", &["tickets:view"]);

        assert_eq!(contacts(&ana, ""), ["Ana", "Books"]);
        assert_eq!(members(&ana), ["Ana", "Cem"]);
        assert_eq!(ana.get(books.path()).expect(200)["login"], false);
        let user = ana.get(ana.at(&format!("/members/{}", cem.user()))).expect(200);
        assert_eq!(user["contact_id"], json!(null));
        // The owner alone is both.
        let owner = ana.get(ana.at(&format!("/members/{}", ana.user()))).expect(200);
        assert_eq!(owner["contact_id"], ana.contact().id.as_str());
    }

    fn u_02_who_may_enter_and_who_is_told_are_decided_apart(app) {
        let ana = given::owner(app, "ana@example.com");
        let books = ana.adds_contact("Books", "books@example.com");
        let cem = member(&ana, "cem@example.com", &["invoices:view"]);

        // Being told opens nothing, and makes nobody a user.
        ana.put(books.at("/subscriptions"), json!({ "categories": ["invoices"] })).expect(200);
        assert_eq!(members(&ana), ["Ana", "Cem"]);
        assert_eq!(contacts(&ana, "?category=invoices"), ["Ana", "Books"]);
        // What a user may do changes nothing in who is told, and neither does the user's end.
        ana.changes(&cem, json!({ "all_permissions": true })).expect(200);
        assert_eq!(contacts(&ana, "?category=invoices"), ["Ana", "Books"]);
        let path = ana.at(&format!("/members/{}?dry_run=true", cem.user()));
        assert_eq!(ana.delete(path).expect(200)["notifications"], json!([]));
        ana.expels(&cem).expect(204);
        assert_eq!(contacts(&ana, "?category=invoices"), ["Ana", "Books"]);
    }

    fn u_03_k_02_a_user_enters_with_credentials_apart_from_the_owners(app) {
        let ana = given::owner(app, "ana@example.com");
        let cem = member(&ana, "cem@example.com", &["tickets:view"]);
        let logs_in = |address: &str, password: &str| {
            app.client().post("/v1/sessions", json!({ "address": address, "password": password }))
        };

        cem.get(cem.at("/access")).expect(200);
        let path = ana.at(&format!("/members/{}", cem.user()));
        let change = json!({ "current_password": PASSWORD, "new_password": OTHER });
        cem.put("/v1/me/password", change).expect(200);
        logs_in("cem@example.com", PASSWORD).refused(401, "invalid-credentials");
        logs_in("cem@example.com", OTHER).expect(201);
        logs_in("ana@example.com", OTHER).refused(401, "invalid-credentials");
        logs_in("ana@example.com", PASSWORD).expect(201);
        // The owner sees the user, and no way to the user's password.
        ana.patch(path, json!({ "password": PASSWORD })).refused(422, "invalid-fields");
    }

    fn u_06_a_user_does_only_what_the_permissions_allow(app) {
        let ana = given::owner(app, "ana@example.com");
        let bare = member(&ana, "bare@example.com", &[]);
        let clerk = member(&ana, "clerk@example.com", &["contacts:view", "members:view", "tickets:view"]);

        let reads = [
            ("/contacts", "contacts:view"),
            ("/members", "members:view"),
            ("/audit-events", "audit:view"),
        ];
        for (path, permission) in reads {
            assert_eq!(bare.get(bare.at(path)).refused(403, "forbidden")["permission"], permission);
        }
        assert_eq!(bare.applications(), ["network_status"]);
        clerk.get(clerk.at("/contacts")).expect(200);
        clerk.get(clerk.at("/members")).expect(200);
        clerk.get(clerk.at("/audit-events")).refused(403, "forbidden");
        clerk.post(clerk.at("/contacts"), json!({ "display_name": "X", "address": "x@example.com" })).refused(403, "forbidden");
        clerk.changes(&bare, json!({ "permissions": ["tickets:view"] })).refused(403, "forbidden");
        assert_eq!(clerk.applications(), ["tickets", "network_status", "contacts"]);
        // What is taken is gone with the next request, whatever token came with the former rights.
        ana.changes(&clerk, json!({ "permissions": ["members:view"] })).expect(200);
        clerk.get(clerk.at("/contacts")).refused(403, "forbidden");
        assert_eq!(clerk.applications(), ["network_status"]);
    }

    fn u_07_a_person_who_is_to_act_gets_a_user_and_not_a_contact_alone(app) {
        let ana = given::owner(app, "ana@example.com");
        let contact = json!({ "display_name": "Dan", "address": "dan@example.com", "login": { "permissions": ["tickets:open"] } });
        ana.post(ana.at("/contacts"), contact).refused(409, "login-not-offered");
        ana.adds_verified("Dan", "dan@example.com");
        app.client()
            .post("/v1/sessions", json!({ "address": "dan@example.com", "password": PASSWORD }))
            .refused(401, "invalid-credentials");

        let dan = member(&ana, "dan@example.com", &["tickets:open"]);
        assert_eq!(dan.applications(), ["tickets", "network_status"]);
    }

    fn u_08_u_11_k_04_a_contact_only_receives_mail_and_cannot_log_in(app) {
        let ana = given::owner(app, "ana@example.com");
        let dan = ana.adds_contact("Dan", "dan@example.com");
        // The mail comes and is followed, with a password, and there is no log-in for all that.
        ana.verifies(&dan);
        let read = ana.get(dan.path()).expect(200);
        assert_eq!([&read["verified"], &read["login"]], [&json!(true), &json!(false)]);
        app.client()
            .post("/v1/sessions", json!({ "address": "dan@example.com", "password": PASSWORD }))
            .refused(401, "invalid-credentials");
        let mails = app.mails_to("dan@example.com").len();
        assert_eq!(mails, 1);
        app.client().post("/v1/password-resets", json!({ "address": "dan@example.com" })).expect(202);
        assert_eq!(app.mails_to("dan@example.com").len(), mails);
        assert_eq!(members(&ana), ["Ana"]);
    }

    fn u_12_users_and_contacts_are_managed_from_the_main_account(app) {
        let ana = given::owner(app, "ana@example.com");
        let cem = member(&ana, "cem@example.com", &["tickets:view"]);
        let books = ana.adds_contact("Books", "books@example.com");

        ana.patch(books.path(), json!({ "title": "Invoices" })).expect(200);
        ana.changes(&cem, json!({ "status": "suspended" })).expect(200);
        ana.changes(&cem, json!({ "status": "active", "permissions": ["tickets:open"] })).expect(200);
        for refused in [
            cem.patch(books.path(), json!({ "title": "Mine" })),
            cem.removes(&books),
            cem.changes(&ana, json!({ "status": "suspended" })),
            cem.expels(&ana),
        ] {
            refused.refused(403, "forbidden");
        }
        ana.removes(&books).expect(204);
        ana.expels(&cem).expect(204);
        assert_eq!((contacts(&ana, ""), members(&ana)), (vec!["Ana".to_owned()], vec!["Ana".to_owned()]));
    }

    fn u_15_all_permissions_give_the_access_of_the_main_account(app) {
        let ana = given::owner(app, "ana@example.com");
        let bea = given::member_of(&ana, "bea@example.com", json!({ "permission_preset": "all_permissions" }));
        let member = ana.get(ana.at(&format!("/members/{}", bea.user()))).expect(200);
        assert_eq!([&member["all_permissions"], &member["owner"]], [&json!(true), &json!(false)]);

        let access = |person: &given::Person<'_>| person.get(person.at("/access")).expect(200);
        assert_eq!(bea.applications(), ana.applications());
        assert_eq!(access(&bea)["permissions"], access(&ana)["permissions"]);
        bea.adds_contact("Books", "books@example.com");
        let cem = member_of(&bea, "cem@example.com");
        bea.expels(&cem).expect(204);
        // What is the owner's alone: to give the account away, and to be out of everybody's reach.
        bea.transfers_ownership(&ana.contact()).refused(403, "owner-only");
        bea.changes(&ana, json!({ "status": "suspended" })).refused(409, "member-is-owner");
        bea.expels(&ana).refused(409, "member-is-owner");
        ana.changes(&bea, json!({ "status": "suspended" })).expect(200);
    }
}

/// A member without permissions, whom somebody else than the owner lets in.
fn member_of<'a>(person: &given::Person<'a>, address: &str) -> given::Person<'a> {
    given::member_of(person, address, json!({ "permissions": [] }))
}
