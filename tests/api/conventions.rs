//! What every answer keeps to, whatever it is about.

use std::collections::BTreeSet;

use accounts_tests::{given, json, on_both};

use super::{
    house::{self, House},
    operations,
};

on_both! {
    house::setup();

    fn a_problem_is_told_in_both_languages_with_the_same_code(app) {
        let client = app.client();
        let told = |language: &str| client.get("/v1/me").language(language).refused(401, "unauthenticated");
        let (english, french) = (told("en"), told("fr-CA, en;q=0.5"));
        assert_ne!(english["title"], french["title"]);
        assert_ne!(english["detail"], french["detail"]);
        for (answer, language) in [(&english, "en"), (&french, "fr")] {
            assert_eq!(answer.header("Content-Language"), language);
            assert!(
                answer.header("Vary").to_lowercase().contains("accept-language"),
                "{answer}"
            );
            assert_eq!(answer.header("Content-Type"), "application/problem+json; charset=utf-8");
            assert_eq!(answer.header("Cache-Control"), "no-store");
            assert_eq!(answer["status"], 401);
        }
        for (asked, language) in [
            ("de", "en"),
            ("", "en"),
            ("*", "en"),
            ("FR", "fr"),
            ("en;q=0.1, fr;q=0.9", "fr"),
            ("fr;q=0", "en"),
            (";;;", "en"),
        ] {
            assert_eq!(told(asked).header("Content-Language"), language, "{asked}");
        }
        // The faults of a body, too.
        let body = json!({ "address": "x" });
        let english = client.post("/v1/password-resets", &body).refused(422, "invalid-fields");
        let french = client
            .post("/v1/password-resets", &body)
            .language("fr")
            .refused(422, "invalid-fields");
        assert_eq!(english["errors/0/code"], french["errors/0/code"]);
        assert_ne!(english["errors/0/detail"], french["errors/0/detail"]);
        // The framework's own.
        let french = client.get("/v1/nowhere").language("fr").refused(404, "not-found");
        assert_eq!(french.header("Content-Language"), "fr");
        client
            .request("DELETE", "/v1/catalog")
            .language("fr")
            .refused(405, "method-not-allowed")
            .header("Allow");
    }

    fn names_follow_the_language_that_is_asked_for(app) {
        let house = House::of(app);
        for path in [
            "/v1/catalog".to_owned(),
            house.ana.at("/roles"),
            house.ana.at("/applications"),
            house.ana.at("/access"),
            house.ana.at("/roles/billing"),
        ] {
            let english = house.ana.get(&path).expect(200);
            let french = house.ana.get(&path).language("fr").expect(200);
            assert_eq!(
                (english.header("Content-Language"), french.header("Content-Language")),
                ("en", "fr")
            );
            assert_ne!(english.body(), french.body());
            assert_ne!(english.etag(), french.etag());
            assert!(
                english.header("Vary").to_lowercase().contains("accept-language"),
                "{english}"
            );
        }
    }

    fn the_type_of_a_problem_leads_to_its_page(app) {
        let problem = app.client().get("/v1/nowhere").refused(404, "not-found");
        let kind = problem.text("type");
        let path = kind.strip_prefix(app.client().base()).unwrap();
        for (language, words) in [("en", "lang=\"en\""), ("fr", "lang=\"fr\"")] {
            let page = app.client().get(path).language(language).expect(200);
            assert!(page.header("Content-Type").starts_with("text/html"));
            assert!(page.body().contains(words) && page.body().contains("not-found"));
        }
        // Every code that any operation may answer has one.
        let document = accounts_api::openapi();
        let codes: BTreeSet<&String> = document["components"]["responses"]
            .as_object()
            .unwrap()
            .keys()
            .collect();
        assert!(codes.len() > 5);
        for code in codes {
            let page = app
                .client()
                .get(format!("/problems/{code}"))
                .header("Accept", "application/json")
                .expect(200);
            assert_eq!(page["code"], **code);
        }
    }

    fn a_request_id_is_taken_and_returned(app) {
        let client = app.client();
        let ask = |id: &str| {
            client
                .get("/v1/me")
                .header("X-Request-Id", id)
                .refused(401, "unauthenticated")
        };
        for id in ["order-7_a.B", "x", &"i".repeat(128)] {
            assert_eq!(ask(id).header("X-Request-Id"), id);
            assert_eq!(ask(id)["request_id"], id);
        }
        for unusable in [
            "",
            "a b",
            "a\tb",
            "\"quoted\"",
            "a/b",
            "<script>",
            "é",
            &"i".repeat(129),
        ] {
            let answer = ask(unusable);
            let id = answer.header("X-Request-Id");
            assert!(id != unusable && !id.is_empty() && id.len() <= 128, "{answer}");
        }
        let (one, other) = (client.get("/healthz").expect(200), client.get("/healthz").expect(200));
        assert_ne!(one.header("X-Request-Id"), other.header("X-Request-Id"));
        for trace in ["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "garbage", ""] {
            client.get("/healthz").header("traceparent", trace).expect(200);
        }
        // The id of a change stands with it in the audit log.
        let ana = given::owner(app, "ana@example.com");
        ana.patch(ana.at(""), json!({ "name": "Other" }))
            .header("X-Request-Id", "rename-1")
            .expect(200);
        assert_eq!(
            ana.get(ana.at("/audit-events?limit=1")).expect(200)["data/0/request_id"],
            "rename-1"
        );
    }

    fn head_answers_wherever_get_does(app) {
        let house = House::of(app);
        for operation in operations::reads() {
            let path = house.path(&operation.path);
            let get = house.caller(&operation).get(&path).expect(200);
            let head = house.caller(&operation).request("HEAD", &path).expect(200);
            assert!(head.body().is_empty(), "{head}");
            let own = ["date", "x-request-id"];
            assert_eq!(head.headers_but(&own), get.headers_but(&own), "{operation}");
            if operation.secured {
                let refused = app.client().request("HEAD", &path).expect(401);
                assert!(refused.body().is_empty() && refused.find_header("WWW-Authenticate").is_some());
            }
        }
    }

    fn r_59_every_answer_says_what_it_is_and_whether_it_may_be_kept(app) {
        let house = House::of(app);
        for operation in operations::in_a_gentle_order() {
            let public = [
                "/v1/catalog",
                "/.well-known/jwks.json",
                "/openapi.json",
                "/docs",
                "/docs/{file}",
                "/",
                "/problems",
                "/problems/{code}",
            ];
            let answers = [
                house.request(&operation).send(),
                app.client()
                    .request(&operation.method, house.path(&operation.path))
                    .send(),
                house
                    .caller(&operation)
                    .request(&operation.method, format!("{}?unknown=1", house.path(&operation.path)))
                    .send(),
            ];
            for answer in answers {
                assert_eq!(answer.header("X-Content-Type-Options"), "nosniff");
                assert_eq!(answer.header("Referrer-Policy"), "no-referrer");
                assert!(
                    answer.find_header("Server").is_none() && answer.find_header("X-Powered-By").is_none(),
                    "{answer}"
                );
                assert!(answer.find_header("Set-Cookie").is_none(), "{answer}");
                assert!(
                    answer.find_header("Strict-Transport-Security").is_none(),
                    "this service is reached by http\n{answer}"
                );
                let kept = answer.header("Cache-Control");
                let secrets = ["access_token", "secret", "recovery_codes"];
                // A role has a `key`, too, and no `prefix`.
                let shows_a_secret = secrets.iter().any(|secret| answer.has(secret))
                    || (answer.has("key") && answer.has("prefix"));
                let right = if answer.status() >= 400 || shows_a_secret {
                    kept == "no-store"
                } else if public.contains(&operation.path.as_str()) {
                    kept.starts_with("public, max-age=") || kept == "no-cache"
                } else if answer.find_header("ETag").is_some() {
                    kept == "private, no-cache"
                } else {
                    kept == "no-store"
                };
                assert!(right, "{answer}");
                if !answer.body().is_empty() {
                    let kind = answer.header("Content-Type");
                    assert!(kind.contains("charset=utf-8") || kind.starts_with("image/"), "{answer}");
                    assert!(
                        answer.status() < 400 || kind.starts_with("application/problem+json"),
                        "{answer}"
                    );
                }
                if answer.header("Cache-Control").contains("private") {
                    assert!(operation.secured, "{answer}");
                }
            }
        }
        let session = app
            .client()
            .post(
                "/v1/sessions",
                json!({ "address": "ana@example.com", "password": given::PASSWORD }),
            )
            .expect(201);
        assert_eq!(session.header("Cache-Control"), "no-store");
    }

    fn whoever_is_not_let_in_is_told_what_would_be(app) {
        let ana = given::owner(app, "ana@example.com");
        let wrong = json!({ "address": "ana@example.com", "password": "not the one" });
        let refused = [
            app.client().post("/v1/sessions", wrong).refused(401, "invalid-credentials"),
            app.client()
                .post("/v1/sessions/refresh", json!({ "refresh_token": "x" }))
                .refused(401, "unauthenticated"),
            ana.post("/v1/me/reauthenticate", json!({ "password": "not the one" }))
                .refused(401, "reauthentication-required"),
        ];
        for answer in refused {
            assert!(
                answer.header("WWW-Authenticate").starts_with("Bearer realm="),
                "{answer}"
            );
        }
    }

    fn pages_run_nothing_that_they_were_not_shipped_with(app) {
        let house = House::of(app);
        for operation in operations::reads() {
            let page = house.request(&operation).expect(200);
            if page.header("Content-Type").starts_with("text/html") {
                let policy = page.header("Content-Security-Policy");
                assert!(
                    policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
                    "{page}"
                );
                let scripts = policy
                    .split(';')
                    .find(|part| part.trim().starts_with("script-src"))
                    .unwrap_or_default();
                assert!(
                    !scripts.contains("unsafe") && !scripts.contains('*') && !scripts.contains("http"),
                    "{policy}"
                );
            }
        }
    }

    fn what_is_created_has_its_place(app) {
        let house = House::of(app);
        let (ana, dan) = (&house.ana, &house.dan);
        for (person, path, body) in [
            (
                ana,
                ana.at("/contacts"),
                json!({ "display_name": "Gil", "address": "gil@example.com" }),
            ),
            (dan, "/v1/accounts".to_owned(), json!({ "name": "Second" })),
        ] {
            let created = person.post(path, body).expect(201);
            let read = person.get(created.header("Location")).expect(200);
            assert_eq!(read.body(), created.body());
            assert_eq!(read.etag(), created.etag());
        }
    }

    fn r_38_the_caller_is_whom_the_token_names_and_nobody_else(app) {
        let house = House::of(app);
        let posing = [
            ("X-User-Id", house.dan.account.as_str()),
            ("X-Account-Id", &house.dan.account),
            ("X-Forwarded-User", "dan@example.com"),
            ("X-Remote-User", "dan"),
            ("Remote-User", "dan"),
            ("X-Original-URL", "/v1/catalog"),
            ("X-Rewrite-URL", "/v1/catalog"),
            ("X-HTTP-Method-Override", "DELETE"),
            ("Cookie", "access_token=x; session=y"),
        ];
        for (name, value) in posing {
            app.client()
                .get("/v1/me")
                .header(name, value)
                .refused(401, "unauthenticated");
            let me = house.ana.get("/v1/me").header(name, value).expect(200);
            assert_eq!(me["address"], "ana@example.com");
            house
                .ana
                .get(house.dan.at(""))
                .header(name, value)
                .refused(404, "not-found");
            house
                .ana
                .post(house.bea.at("/verification"), ())
                .header(name, value)
                .send();
            house.ana.get(house.bea.path()).expect(200);
        }
        // A token comes in its header and in no other way.
        let token = &house.ana.token;
        for query in ["access_token", "token", "authorization"] {
            app.client()
                .get(format!("/v1/me?{query}={token}"))
                .refused(401, "unauthenticated");
        }
        for value in [
            "",
            "Bearer",
            "Bearer ",
            "Basic YTpi",
            &format!("Token {token}"),
            token,
            &format!("Bearer {token} x"),
            &format!("Bearer {token},{token}"),
        ] {
            app.client()
                .get("/v1/me")
                .header("Authorization", value)
                .refused(401, "unauthenticated");
        }
        app.client()
            .get("/v1/me")
            .header("Authorization", &format!("bearer {token}"))
            .expect(200);
        let twice = format!(
            "GET /v1/me HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\
             Authorization: Bearer {token}\r\nAuthorization: Bearer {token}\r\n\r\n"
        );
        assert_eq!(app.raw(twice.as_bytes()).status(), Some(401));
    }

    fn r_57_links_come_from_the_public_url_whatever_a_request_says(app) {
        given::owner(app, "ana@example.com");
        let body = json!({ "address": "ana@example.com" }).to_string();
        let request = format!(
            "POST /v1/password-resets HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: evil.example\r\n\
             X-Forwarded-Proto: https\r\nX-Forwarded-For: 6.6.6.6\r\nForwarded: host=evil.example;proto=https\r\n\
             X-Host: evil.example\r\nOrigin: https://evil.example\r\nReferer: https://evil.example/\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        let answer = app.raw(request.as_bytes());
        assert_eq!(answer.status(), Some(202), "{}", answer.text);
        let mail = app.mail_to("ana@example.com");
        assert!(mail.link().starts_with(app.client().base()), "{}", mail.raw);
        assert!(!mail.raw.contains("evil"), "{}", mail.raw);
        // So do the addresses in answers.
        for path in ["/v1/nowhere", "/v1/me"] {
            let hosts = "Host: evil.example\r\nX-Forwarded-Host: evil.example";
            let answer = app.raw(format!("GET {path} HTTP/1.1\r\n{hosts}\r\nConnection: close\r\n\r\n").as_bytes());
            assert!(
                answer.text.contains(&format!("{}/problems/", app.client().base())) && !answer.text.contains("evil"),
                "{}",
                answer.text
            );
        }
    }

    fn r_56_no_secret_stands_in_a_path_or_a_query(app) {
        let house = House::of(app);
        for operation in operations::all() {
            for name in [
                "token",
                "access_token",
                "refresh_token",
                "password",
                "key",
                "code",
                "secret",
            ] {
                assert!(operation.parameter("query", name).is_none(), "{operation}");
                // The code of a problem, and the id of an API key: neither opens anything. A mailer that unsubscribes by
                // itself knows no other place than the path (RFC 8058), and all that the token ends is one wish.
                let way_out = name == "token" && operation.path.starts_with("/unsubscribe/");
                assert!(
                    way_out || matches!(name, "code" | "key") || !operation.path.contains(&format!("{{{name}}}")),
                    "{operation}"
                );
            }
        }
        for mail in house.app.mails() {
            if mail.text.contains("http://") {
                let link = mail.link();
                let (before, token) = link.split_once("#token=").unwrap_or((&link, ""));
                assert!(
                    !before.contains('?') && (token.is_empty() || !before.contains(token)),
                    "{link}"
                );
            }
        }
    }
}
