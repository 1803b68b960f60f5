//! Requests that are not made as they must be: their media type, their size, their form, their
//! method. Each gets its documented answer, and nothing changes.

use std::collections::BTreeSet;

use accounts_tests::on_both;
use serde_json::json;

use super::{
    house::{self, House},
    operations,
};

/// The greatest body, in bytes.
const LARGEST: usize = 64 * 1024;

const METHODS: [&str; 12] = [
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY", "PROPFIND", "LINK", "get",
];

on_both! {
    house::setup();

    fn r_54_a_wrong_method_is_405_with_what_the_path_allows(app) {
        let house = House::of(app);
        for (path, allowed) in operations::methods() {
            house.changes_nothing(&path, || {
                for method in METHODS.into_iter().filter(|method| !allowed.contains(*method)) {
                    // It is told before anything else: the caller's rights, the ids, the body.
                    let path = house.path(&path);
                    for request in [app.client().request(method, &path), house.ana.request(method, &path)] {
                        let answer = if method == "HEAD" {
                            request.expect(405)
                        } else {
                            request.refused(405, "method-not-allowed")
                        };
                        let told: BTreeSet<String> = answer.header("Allow").split(", ").map(str::to_owned).collect();
                        assert_eq!(told, allowed, "{answer}");
                    }
                }
            });
        }
    }

    fn another_media_type_is_415_and_the_right_one_is_told(app) {
        let house = House::of(app);
        for operation in operations::with_body() {
            let (own, header) = match operation.method.as_str() {
                "PATCH" => ("application/merge-patch+json", "Accept-Patch"),
                _ => ("application/json", "Accept"),
            };
            assert_eq!(operation.media_type.as_deref(), Some(own));
            house.changes_nothing(&operation, || {
                let mut others = vec![
                    "",
                    "text/plain",
                    "text/json",
                    "application/xml",
                    "application/x-www-form-urlencoded",
                    "multipart/form-data; boundary=x",
                    "application/jsonx",
                    "application/vnd.api+json",
                    "application/json; charset=utf-16",
                    "application/json-patch+json",
                    "*/*",
                    "application/json, text/plain",
                ];
                if operation.method != "PATCH" {
                    others.push("application/merge-patch+json");
                }
                for other in others {
                    let request = house.request(&operation).body(other, operation.example().to_string());
                    let refused = request.refused(415, "unsupported-media-type");
                    assert_eq!(refused.header(header), own);
                }
            });
            // Case and the one charset that JSON has make no difference.
            for own in [
                own.to_uppercase(),
                format!("{own}; charset=UTF-8"),
                format!("{own} ;charset=\"utf-8\""),
            ] {
                let answer = house.request(&operation).body(&own, "{").send();
                assert_eq!(answer.status(), 400, "{answer}");
            }
            if operation.method == "PATCH" {
                house.request(&operation).body("application/json", "{").expect(400);
            }
        }
    }

    fn r_09_a_body_is_as_large_as_is_stated_and_no_larger(app) {
        let house = House::of(app);
        for operation in operations::with_body() {
            house.changes_nothing(&operation, || {
                let mut unknown = operation.example();
                unknown["unknown"] = json!(1);
                let mut text = unknown.to_string();
                text.push_str(&" ".repeat(LARGEST - text.len()));
                house.send(&operation, &text).refused(422, "invalid-fields");
                text.push(' ');
                house.send(&operation, &text).refused(413, "payload-too-large");
            });
        }
        let head = "POST /v1/sessions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nConnection: close\r\n";
        // A length that is too great is refused before a byte of it has come.
        let refused = app.raw(format!("{head}Content-Length: 3000000\r\n\r\n").as_bytes());
        assert_eq!(refused.status(), Some(413), "{}", refused.text);
        // Without a length it is counted.
        let chunk = format!("{:x}\r\n{}\r\n0\r\n\r\n", LARGEST + 1, " ".repeat(LARGEST + 1));
        let refused = app.raw(format!("{head}Transfer-Encoding: chunked\r\n\r\n{chunk}").as_bytes());
        assert_eq!(refused.status(), Some(413), "{}", refused.text);
    }

    fn r_53_a_member_that_stands_twice_is_400(app) {
        let house = House::of(app);
        for operation in operations::with_body() {
            house.changes_nothing(&operation, || {
                let example = operation.example();
                let (name, value) = example.as_object().unwrap().iter().next().unwrap();
                let escaped = format!("\\u{:04x}{}", u32::from(name.chars().next().unwrap()), &name[1..]);
                for (first, second) in [(name, name), (name, &escaped), (&escaped, name)] {
                    let body = format!(r#"{{"{first}":{value},"{second}":{value}}}"#);
                    let refused = house.send(&operation, body).refused(400, "bad-request");
                    refused.fault(&format!("/{name}"), "duplicate-field");
                }
                // At any depth, known or not.
                let body = format!(r#"{{"{name}":{value},"other":[{{"a":1,"a":2}}]}}"#);
                house
                    .send(&operation, body)
                    .refused(400, "bad-request")
                    .fault("/other/0/a", "duplicate-field");
            });
        }
    }

    fn what_is_no_json_is_400(app) {
        let house = House::of(app);
        for operation in operations::with_body() {
            house.changes_nothing(&operation, || {
                let example = operation.example().to_string();
                let half: String = example.chars().take(example.len() / 2).collect();
                let texts = [
                    String::new(),
                    " ".to_owned(),
                    "{".to_owned(),
                    half,
                    format!("{example}{example}"),
                    format!("{example},"),
                    example.replace('"', "'"),
                    format!("\u{feff}{example}"),
                    "{a:1}".to_owned(),
                    "{\"a\":1,}".to_owned(),
                    "/* */{}".to_owned(),
                    "nul".to_owned(),
                    "{\"a\":\"\n\"}".to_owned(),
                    "--boundary".to_owned(),
                ];
                for text in texts {
                    house.send(&operation, text).refused(400, "bad-request");
                }
                for bytes in [
                    &b"{\"a\":\"\xff\"}"[..],
                    b"\xef\xbb",
                    b"\x00",
                    b"{\"a\":\"\xed\xa0\x80\"}",
                ] {
                    let media_type = operation.media_type.as_ref().unwrap();
                    house
                        .request(&operation)
                        .body(media_type, bytes)
                        .refused(400, "bad-request");
                }
            });
        }
    }

    fn nesting_has_an_end(app) {
        let house = House::of(app);
        for operation in operations::with_body() {
            house.changes_nothing(&operation, || {
                let example = operation.example();
                for name in example.as_object().unwrap().keys().map(String::as_str).chain(["other"]) {
                    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
                        let deep = format!("{}1{}", open.repeat(100), close.repeat(100));
                        house
                            .send(&operation, format!(r#"{{"{name}":{deep}}}"#))
                            .refused(400, "bad-request");
                    }
                }
                for open in ["[", "{\"a\":"] {
                    house
                        .send(&operation, open.repeat(LARGEST / open.len()))
                        .refused(400, "bad-request");
                }
            });
        }
    }

    fn no_chunks_are_no_body(app) {
        let ana = accounts_tests::given::owner(app, "ana@example.com");
        let bea = ana.adds_contact("Bea", "bea@example.com");
        let head = format!(
            "POST {} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\nConnection: close\r\n",
            bea.at("/verification"),
            ana.token
        );
        let answer = app.raw(format!("{head}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n").as_bytes());
        assert_eq!(answer.status(), Some(202), "{}", answer.text);
    }

    fn a_body_where_none_is_taken_is_400(app) {
        let house = House::of(app);
        for operation in operations::all()
            .into_iter()
            // A mailer that unsubscribes by itself sends a body that says nothing (RFC 8058).
            .filter(|operation| operation.media_type.is_none() && operation.to_string() != "POST /unsubscribe/{token}")
        {
            house.changes_nothing(&operation, || {
                let token = house.caller(&operation).token().unwrap_or_default();
                let authorization = format!("Authorization: Bearer {token}\r\n");
                let authorization = if operation.secured { &authorization } else { "" };
                let head = format!(
                    "{} {}{} HTTP/1.1\r\nHost: a\r\n{authorization}Connection: close\r\nContent-Type: text/plain\r\n",
                    operation.method,
                    house.path(&operation.path),
                    operation.query(),
                );
                for rest in [
                    "Content-Length: 2\r\n\r\n{}",
                    "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
                ] {
                    let refused = app.raw(format!("{head}{rest}").as_bytes());
                    assert_eq!(refused.status(), Some(400), "{operation}: {}", refused.text);
                    assert!(
                        refused.text.contains("unexpected-body"),
                        "{operation}: {}",
                        refused.text
                    );
                }
            });
        }
    }
}
