//! Nobody learns which addresses are known: known and unknown get the same bytes.

use accounts_tests::{
    Answer,
    client::Request,
    given::{self, PASSWORD},
    json, on_both,
};

/// The same status, headers and body, but for the time.
#[track_caller]
fn tells_nothing(requests: impl IntoIterator<Item = Request>) -> Answer {
    let mut answers: Vec<Answer> = requests
        .into_iter()
        .map(|request| request.header("X-Request-Id", "same").send())
        .collect();
    let first = answers.remove(0);
    for other in answers {
        assert_eq!(other.status(), first.status(), "{other}");
        assert_eq!(other.body(), first.body());
        assert_eq!(other.headers_but(&["date"]), first.headers_but(&["date"]));
    }
    first
}

on_both! {
    fn r_14_a_log_in_tells_nothing_about_the_address(app) {
        let ana = given::owner(app, "ana@example.com");
        // A contact without a log-in, verified and not; and a sign-up that waits.
        ana.adds_contact("Bea", "bea@example.com");
        ana.adds_verified("Cem", "cem@example.com");
        app.client()
            .post("/v1/sign-ups", given::sign_up("waits@example.com"))
            .expect(202);
        let tries = [
            "ana@example.com",
            "bea@example.com",
            "cem@example.com",
            "waits@example.com",
            "nobody@example.com",
            "no address",
            "x",
        ];
        let log_in = |address: &str| {
            app.client().post(
                "/v1/sessions",
                json!({ "address": address, "password": "not this one" }),
            )
        };
        let refused = tells_nothing(tries.map(log_in));
        assert_eq!(
            (refused.status(), &refused["code"]),
            (401, &json!("invalid-credentials"))
        );
        // Neither does a password of an unusual length.
        for password in ["x", &"x".repeat(256)] {
            tells_nothing(["ana@example.com", "nobody@example.com"].map(|address| {
                app.client()
                    .post("/v1/sessions", json!({ "address": address, "password": password }))
            }));
        }
    }

    fn r_14_a_sign_up_tells_nothing_about_the_address(app) {
        given::owner(app, "ana@example.com");
        let sign_up = |address: &str| {
            let mut body = given::sign_up("x@example.com");
            body["address"] = json!(address);
            app.client().post("/v1/sign-ups", body)
        };
        let answer = tells_nothing(
            [
                "ana@example.com",
                "new@example.com",
                "new@example.com",
                "ANA@example.com",
            ]
            .map(sign_up),
        );
        assert_eq!(answer.status(), 202);
        // The mail says it, to whoever reads it.
        assert!(app.mail_to("new@example.com").raw.contains("/sign-up"));
        assert!(!app.mail_to("ana@example.com").raw.contains("/sign-up#token"));
    }

    fn r_14_a_reset_tells_nothing_about_the_address(app) {
        let ana = given::owner(app, "ana@example.com");
        ana.adds_verified("Bea", "bea@example.com");
        app.mails();
        let reset = |address: &str| app.client().post("/v1/password-resets", json!({ "address": address }));
        let answer = tells_nothing(["ana@example.com", "bea@example.com", "nobody@example.com"].map(reset));
        assert_eq!(answer.status(), 202);
        assert!(app.mails_to("nobody@example.com").is_empty());
        assert!(
            app.mails_to("bea@example.com")
                .iter()
                .all(|mail| !mail.raw.contains("/reset#token"))
        );
        assert!(app.mail_to("ana@example.com").raw.contains("/reset#token"));
    }

    fn r_15_a_dead_link_tells_nothing_about_what_it_was(app) {
        let ana = given::owner(app, "ana@example.com");
        let contact = ana.adds_contact("Bea", "bea@example.com");
        ana.post(contact.at("/verification"), ()).expect(202);
        let verification = app.mail_to("bea@example.com").link_token();
        app.client()
            .post("/v1/password-resets", json!({ "address": "ana@example.com" }))
            .expect(202);
        let reset = app.mail_to("ana@example.com").link_token();
        let (id, seal) = reset.split_once('.').unwrap();
        let (other_id, _) = verification.split_once('.').unwrap();
        let unknown = "rst_01h455vb4pex5vsknk084sn02q";
        let wrong = [
            "x".to_owned(),
            id.to_owned(),
            format!("{id}."),
            format!("{id}.AAAA"),
            format!("{unknown}.{seal}"),
            format!("{other_id}.{seal}"),
            verification.clone(),
            reset.to_uppercase(),
            format!("{reset}A"),
            "a".repeat(200),
        ];
        let confirm = |token: String| {
            app.client().post(
                "/v1/password-resets/confirm",
                json!({ "token": token, "password": PASSWORD }),
            )
        };
        let refused = tells_nothing(wrong.map(confirm));
        assert_eq!((refused.status(), &refused["code"]), (410, &json!("link-expired")));
        // For another purpose it opens nothing.
        for path in ["/v1/sign-ups/confirm", "/v1/contact-verifications/confirm"] {
            app.client()
                .post(path, json!({ "token": reset, "password": PASSWORD }))
                .refused(410, "link-expired");
        }
        app.client()
            .post("/v1/contact-verifications/preview", json!({ "token": reset }))
            .refused(410, "link-expired");
        // The right one does, once.
        confirm(reset.clone()).expect(204);
        let used = confirm(reset)
            .header("X-Request-Id", "same")
            .refused(410, "link-expired");
        assert_eq!(used.body(), refused.body());
    }
}
