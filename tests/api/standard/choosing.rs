//! R04: a password that others try first is chosen nowhere.

use accounts_tests::given::{self, PASSWORD};
use accounts_tests::{json, on_both};

/// Passwords that nobody has, and those that everybody guesses of Ana, who works at Lima.
const GUESSED: [&str; 5] = [
    "Password1",
    "1234567890",
    "accounts2026",
    "ana.martin1",
    "Lima-Ltd-2026",
];

on_both! {
    fn r_04_a_sign_up_takes_no_password_that_is_tried_first(app) {
        let mut sign_up = given::sign_up("ana.martin@lima.example");
        sign_up["account_name"] = json!("Lima Ltd");
        app.client().post("/v1/sign-ups", sign_up).expect(202);
        let token = app.mail_to("ana.martin@lima.example").link_token();
        let confirm = |password: &str| {
            app.client().post("/v1/sign-ups/confirm", json!({ "token": token, "password": password }))
        };
        for password in GUESSED {
            confirm(password).refused(422, "invalid-fields").fault("/password", "password-common");
        }
        // The link is not spent by it.
        confirm(PASSWORD).expect(201);
        // Who has no link learns nothing about passwords.
        confirm("Password1").refused(410, "link-expired");
    }

    fn r_04_a_reset_takes_no_password_that_is_tried_first(app) {
        given::signed_up(app, json!({
            "address": "ana.martin@lima.example", "display_name": "Ana", "account_name": "Lima Ltd",
        }));
        app.client().post("/v1/password-resets", json!({ "address": "ana.martin@lima.example" })).expect(202);
        let token = app.mail_to("ana.martin@lima.example").link_token();
        let confirm = |password: &str| {
            app.client().post("/v1/password-resets/confirm", json!({ "token": token, "password": password }))
        };
        for password in GUESSED {
            confirm(password).refused(422, "invalid-fields").fault("/password", "password-common");
        }
        confirm("four grey herons at noon").expect(204);
    }

    fn r_04_a_change_takes_no_password_that_is_tried_first(app) {
        let ana = given::signed_up(app, json!({
            "address": "ana.martin@lima.example", "display_name": "Ana", "account_name": "Lima Ltd",
        }));
        let change = |password: &str| {
            ana.put("/v1/me/password", json!({ "current_password": PASSWORD, "new_password": password }))
        };
        for password in GUESSED {
            change(password).refused(422, "invalid-fields").fault("/new_password", "password-common");
        }
        ana.get("/v1/me").expect(200);
        change("four grey herons at noon").expect(200);
    }

    fn r_04_a_verification_takes_no_password_that_is_tried_first(app) {
        let ana = given::owner(app, "ana@lima.example");
        let bea = ana.adds(json!({
            "display_name": "Beatrice", "address": "bea@lima.example", "login": { "permissions": [] },
        }));
        ana.post(bea.at("/verification"), ()).expect(202);
        let token = app.mail_to("bea@lima.example").link_token();
        let confirm = |password: &str| {
            app.client().post("/v1/contact-verifications/confirm", json!({ "token": token, "password": password }))
        };
        for password in ["Password1", "beatrice123", "bea@lima.example", "AnaLtd2026"] {
            confirm(password).refused(422, "invalid-fields").fault("/password", "password-common");
        }
        confirm(PASSWORD).expect(200);
    }

    fn r_04_an_invitation_takes_no_password_that_is_tried_first(app) {
        let ana = given::owner(app, "ana@lima.example");
        ana.invites("bea@lima.example", &json!([])).expect(201);
        let token = app.mail_to("bea@lima.example").link_token();
        let accept = |password: &str| {
            let body = json!({ "token": token, "display_name": "Beatrice", "password": password });
            app.client().post("/v1/invitations/accept", body)
        };
        for password in ["Password1", "beatrice123", "bea@lima.example", "AnaLtd2026"] {
            accept(password).refused(422, "invalid-fields").fault("/password", "password-common");
        }
        accept(PASSWORD).expect(200);
    }
}
