//! Which pages of other origins may read answers: none, unless there is a list, and then exactly
//! those on it.

use accounts_tests::{Setup, given, on_both};

const HEADERS: [&str; 5] = [
    "Access-Control-Allow-Origin",
    "Access-Control-Allow-Methods",
    "Access-Control-Allow-Headers",
    "Access-Control-Expose-Headers",
    "Access-Control-Allow-Credentials",
];

mod without_a_list {
    use super::*;

    on_both! {
        fn r_60_no_origin_may_read(app) {
            for origin in ["https://evil.example", "null", app.client().base()] {
                let read = app.client().get("/v1/catalog").header("Origin", origin).expect(200);
                let refused = app.client().get("/v1/me").header("Origin", origin).expect(401);
                let preflight = app
                    .client()
                    .request("OPTIONS", "/v1/catalog")
                    .header("Origin", origin)
                    .header("Access-Control-Request-Method", "GET")
                    .refused(405, "method-not-allowed");
                for answer in [read, refused, preflight] {
                    for name in HEADERS {
                        assert!(answer.find_header(name).is_none(), "{answer}");
                    }
                }
            }
        }
    }
}

mod with_a_list {
    use super::*;

    const OURS: [&str; 2] = ["https://app.example", "http://localhost:3000"];

    on_both! {
        Setup::standard().setting("ACCOUNTS_CORS_ORIGINS", "https://app.example,http://localhost:3000");

        fn r_60_a_listed_origin_is_echoed_exactly(app) {
            for origin in OURS {
                for path in ["/v1/catalog", "/v1/me", "/v1/nowhere"] {
                    let answer = app.client().get(path).header("Origin", origin).send();
                    assert_eq!(answer.header("Access-Control-Allow-Origin"), origin);
                    assert!(
                        answer.find_header("Access-Control-Allow-Credentials").is_none(),
                        "{answer}"
                    );
                    let exposed = answer.header("Access-Control-Expose-Headers");
                    for name in [
                        "etag",
                        "location",
                        "link",
                        "x-request-id",
                        "retry-after",
                        "deprecation",
                        "sunset",
                    ] {
                        assert!(exposed.split(", ").any(|exposed| exposed == name), "{name}\n{answer}");
                    }
                    assert!(answer.header("Vary").to_lowercase().contains("origin"), "{answer}");
                }
            }
        }

        fn r_60_another_origin_is_not_echoed(app) {
            for origin in [
                "https://evil.example",
                "null",
                "https://app.example.evil",
                "https://app.example:443",
                "https://APP.example",
                "http://app.example",
                "*",
                "",
                "https://app.example,http://localhost:3000",
            ] {
                for method in ["GET", "OPTIONS"] {
                    let answer = app
                        .client()
                        .request(method, "/v1/catalog")
                        .header("Origin", origin)
                        .header("Access-Control-Request-Method", "GET")
                        .send();
                    assert_eq!(answer.status(), if method == "GET" { 200 } else { 405 }, "{answer}");
                    for name in HEADERS {
                        assert!(answer.find_header(name).is_none(), "{answer}");
                    }
                    assert!(answer.header("Vary").to_lowercase().contains("origin"), "{answer}");
                }
            }
            // A cache must not give the answer of one origin to another.
            let plain = app.client().get("/v1/catalog").expect(200);
            let vary = plain.header("Vary").to_lowercase();
            assert!(vary.contains("origin") && vary.contains("accept-language"), "{plain}");
        }

        fn a_preflight_is_answered_without_a_token_and_for_every_path(app) {
            let ana = given::owner(app, "ana@example.com");
            for path in ["/v1/me".to_owned(), ana.at("/contacts"), "/v1/sessions".to_owned()] {
                let answer = app
                    .client()
                    .request("OPTIONS", path)
                    .header("Origin", OURS[0])
                    .header("Access-Control-Request-Method", "PATCH")
                    .header(
                        "Access-Control-Request-Headers",
                        "authorization, content-type, if-match",
                    )
                    .expect(204);
                assert_eq!(answer.header("Access-Control-Allow-Origin"), OURS[0]);
                for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
                    assert!(
                        answer.header("Access-Control-Allow-Methods").contains(method),
                        "{answer}"
                    );
                }
                for name in [
                    "authorization",
                    "content-type",
                    "if-match",
                    "if-none-match",
                    "idempotency-key",
                    "x-request-id",
                    "accept-language",
                ] {
                    assert!(answer.header("Access-Control-Allow-Headers").contains(name), "{answer}");
                }
                answer.header("Access-Control-Max-Age");
            }
            // Without what makes it a preflight it is a method like any other.
            app.client()
                .request("OPTIONS", "/v1/me")
                .header("Origin", OURS[0])
                .refused(405, "method-not-allowed");
        }
    }
}
