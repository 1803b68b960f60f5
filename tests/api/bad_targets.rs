//! Ids that are not the caller's, not of their kind or not there any more, and parameters that no
//! list takes: 404 and 400, and nothing changes.

use std::fmt::Write as _;

use accounts_tests::{Answer, on_both, scene};
use serde_json::json;

use super::{
    house::{self, House},
    operations::{self, Operation},
};

/// The id of no account.
const NOBODYS: &str = "acc_01h455vb4pex5vsknk084sn02q";

on_both! {
    house::setup();

    fn r_33_what_belongs_to_another_account_is_not_there(app) {
        let house = House::of(app);
        for operation in operations::all()
            .into_iter()
            // Operators and integrations see every account.
            .filter(|operation| operation.path.contains("{account}") && !operation.is_operators())
            .filter(|operation| !operation.by_integration)
        {
            house.changes_nothing(&operation, || {
                let to = |account: &str, contact: &str, transfer: &str, invitation: &str| {
                    house.path_with(&operation.path, |name| match name {
                        "account" => Some(account.to_owned()),
                        "contact" => Some(contact.to_owned()),
                        "transfer" => Some(transfer.to_owned()),
                        "user" if transfer == house.dans_transfer => Some(house.fay_user.clone()),
                        "invitation" => Some(invitation.to_owned()),
                        _ => None,
                    })
                };
                let (ana, dan) = (&house.ana, &house.dan);
                // What is nobody's looks the same, but for the path that was asked for.
                let dans = |account: &str| to(account, &house.eve.id, &house.dans_transfer, &house.dans_invitation);
                let nobodys = refused(&house, &operation, &dans(NOBODYS));
                let mut others = vec![
                    dans(&dan.account),
                    to(&dan.account, &house.bea.id, &house.transfer, &house.invitation),
                ];
                let below = ["{contact}", "{user}", "{transfer}", "{invitation}"];
                if below.iter().any(|name| operation.path.contains(name)) {
                    others.push(dans(&ana.account));
                }
                for path in others {
                    let foreign = refused(&house, &operation, &path);
                    assert_eq!(foreign.body(), nobodys.body());
                    assert_eq!(
                        foreign.headers_but(&["connection", "date"]),
                        nobodys.headers_but(&["connection", "date"])
                    );
                }
            });
        }
    }

    fn r_33_what_a_body_names_is_looked_for_in_the_own_account_only(app) {
        let house = House::of(app);
        house
            .ana
            .post(
                house.ana.at(&format!("/ownership-transfers/{}/cancel", house.transfer)),
                (),
            )
            .expect(200);
        house.changes_nothing("a transfer to a contact of another account", || {
            let offer = |contact: &str| {
                let request = house
                    .ana
                    .post(house.ana.at("/ownership-transfers"), json!({ "contact_id": contact }));
                let refused = request.header("X-Request-Id", "same").refused(422, "invalid-fields");
                refused.fault("/contact_id", "unknown-contact");
                refused
            };
            assert_eq!(
                offer(&house.eve.id).body(),
                offer("con_01h455vb4pex5vsknk084sn02q").body()
            );
        });
    }

    fn an_id_of_another_kind_is_404(app) {
        let house = House::of(app);
        for operation in operations::all()
            .into_iter()
            .filter(|operation| operation.path.contains('{'))
        {
            house.changes_nothing(&operation, || {
                let names: Vec<&str> = operation
                    .path
                    .split('{')
                    .skip(1)
                    .map(|rest| rest.split('}').next().unwrap())
                    .collect();
                // Every text is a number of the provider's, under which an account can be opened.
                let opens = |name: &&str| *name == "external_id" && operation.method == "PUT";
                for name in names.into_iter().filter(|name| !opens(name)) {
                    let right = house.value(&operation.path, name);
                    for wrong in wrong_values(&house, name, &right) {
                        let path = house.path_with(&operation.path, |asked| (asked == name).then(|| wrong.clone()));
                        refused(&house, &operation, &path);
                    }
                }
            });
        }
    }

    fn what_was_removed_is_404(app) {
        let house = House::of(app);
        house.ana.removes(&house.bea).expect(204);
        // Operators erase also whom the record alone still tells of.
        for operation in operations::all()
            .into_iter()
            .filter(|operation| operation.path.contains("{contact}") && !operation.is_operators())
        {
            house.changes_nothing(&operation, || refused(&house, &operation, &house.path(&operation.path)));
        }
        house.changes_nothing("a transfer to a removed contact", || {
            house
                .ana
                .transfers_ownership(&house.bea)
                .refused(422, "invalid-fields")
                .fault("/contact_id", "unknown-contact");
        });
        let session = House::session(&house.cem);
        house.cem.delete("/v1/sessions/current").expect(204);
        house.changes_nothing("a session that has ended", || {
            house
                .ana
                .delete(format!("/v1/me/sessions/{session}"))
                .refused(404, "not-found");
        });
    }

    fn r_52_a_limit_out_of_range_is_400(app) {
        let house = House::of(app);
        for operation in lists() {
            let path = house.path(&operation.path);
            for limit in [
                "0",
                "-1",
                "101",
                "1000000",
                "2147483648",
                "9223372036854775808",
                "1e1",
                "1.0",
                "+1",
                "",
                "ten",
                "%2510",
                "0x1",
                "٣",
            ] {
                let refused = house
                    .caller(&operation)
                    .get(format!("{path}?limit={}", encoded(limit)))
                    .refused(400, "bad-request");
                refused.parameter_fault("limit", "out-of-range");
            }
            for limit in ["1", "100"] {
                house
                    .caller(&operation)
                    .get(format!("{path}?limit={limit}"))
                    .expect(200);
            }
        }
    }

    fn a_cursor_opens_its_own_list_only(app) {
        let house = House::of(app);
        let ana = &house.ana;
        // Two of everything that is listed.
        ana.post("/v1/accounts", json!({ "name": "Second" })).expect(201);
        accounts_tests::given::logged_in(app, &ana.address);
        ana.post(ana.at(&format!("/ownership-transfers/{}/cancel", house.transfer)), ())
            .expect(200);
        ana.transfers_ownership(&house.cem_contact).expect(201);
        ana.invites("kim@example.com", &json!([])).expect(201);
        ana.post(ana.at("/reviews"), json!({})).expect(201);
        house.dan.invites(&ana.address, &json!([])).expect(201);
        house
            .dan
            .asks_to_join(&json!({ "account_id": ana.account }))
            .expect(202);
        ana.asks_to_join(&json!({ "owner_address": "somebody@example.com" }))
            .expect(202);
        for list in ["/v1/me/api-keys".to_owned(), ana.at("/api-keys")] {
            ana.post(list, json!({ "name": "Second", "permissions": [] })).expect(201);
        }
        house.admin.makes_key(&house.desk);
        scene::given_up_mail(app, "hal@example.com");
        accounts_tests::given::notice(&house.integration, &ana.account, "invoice");
        let cursors: Vec<(String, String)> = lists()
            .map(|operation| {
                let path = house.path(&operation.path);
                let page = house.caller(&operation).get(format!("{path}?limit=1")).expect(200);
                assert!(page.header("Link").contains("rel=\"next\""), "{page}");
                (path, page.text("next_cursor"))
            })
            .collect();
        for (path, cursor) in &cursors {
            let reader = house.reader(path);
            let next = reader.get(format!("{path}?cursor={cursor}&limit=2")).expect(200);
            assert!(!next.list("data").is_empty());
            let (first, rest) = cursor.split_at(1);
            let changed = format!("{}{rest}", if first == "A" { "B" } else { "A" });
            let mut wrong = vec![
                String::new(),
                "x".to_owned(),
                "null".to_owned(),
                "%00".to_owned(),
                "%ff".to_owned(),
                "..%2f".to_owned(),
                "A".repeat(3_000),
                cursor[..cursor.len() - 1].to_owned(),
                format!("{cursor}A"),
                format!("{cursor}="),
                cursor.to_lowercase(),
                changed,
                "WyJhIiwiYiJd".to_owned(),
                format!("{cursor}%20"),
            ];
            wrong.extend(
                cursors
                    .iter()
                    .filter(|(other, _)| other != path)
                    .map(|(_, cursor)| cursor.clone()),
            );
            for wrong in wrong {
                let refused = reader.get(format!("{path}?cursor={wrong}")).expect(400);
                assert!(
                    refused["code"] == "invalid-cursor" || wrong.starts_with('%') && refused["code"] == "bad-request",
                    "{refused}"
                );
                assert!(refused["errors/0/parameter"] == "cursor", "{refused}");
            }
            reader
                .get(format!("{path}?cursor={cursor}&cursor={cursor}"))
                .refused(400, "bad-request");
        }
        // With other filters it is another list.
        let (contacts, cursor) = cursors.iter().find(|(path, _)| path.ends_with("/contacts")).unwrap();
        ana.get(format!("{contacts}?verified=true&cursor={cursor}"))
            .refused(400, "invalid-cursor");
        // And so it is in another account.
        house
            .dan
            .get(format!("{}?cursor={cursor}", house.dan.at("/contacts")))
            .refused(400, "invalid-cursor");
    }

    fn r_53_a_parameter_that_may_stand_once_stands_once(app) {
        let house = House::of(app);
        for operation in operations::all() {
            house.changes_nothing(&operation, || {
                for name in operation.single_parameters() {
                    let value = match name.as_str() {
                        "limit" => "10",
                        "lang" => "en",
                        "dry_run" | "verified" | "login" => "true",
                        "since" | "until" => "2026-01-01T00:00:00Z",
                        _ => "x",
                    };
                    let path = format!("{}?{name}={value}&{name}={value}", house.path(&operation.path));
                    let refused =
                        House::request_to(&operation, house.caller(&operation), &path).refused(400, "bad-request");
                    refused.parameter_fault(&name, "repeated-parameter");
                }
            });
        }
    }

    fn an_unknown_parameter_is_400_everywhere(app) {
        let house = House::of(app);
        for operation in operations::all() {
            house.changes_nothing(&operation, || {
                for query in [
                    "unknown=1",
                    "unknown",
                    "=",
                    "unknown=1&unknown=2",
                    "Limit=1",
                    "%75nknown=%ff",
                    "access_token=a",
                ] {
                    let path = format!("{}?{query}", house.path(&operation.path));
                    let refused =
                        House::request_to(&operation, house.caller(&operation), &path).refused(400, "bad-request");
                    assert!(
                        refused
                            .list("errors")
                            .iter()
                            .any(|fault| fault["code"] == "unknown-parameter" && fault["in"] == "query"),
                        "{refused}"
                    );
                }
                // An empty query is none.
                let request = House::request_to(
                    &operation,
                    house.caller(&operation),
                    &format!("{}?&", house.path(&operation.path)),
                );
                if operation.method == "GET" {
                    request.expect(200);
                }
            });
        }
    }

    fn r_44_a_parameter_of_another_form_is_400(app) {
        let house = House::of(app);
        let wrong = [
            ("/contacts", "verified", "yes"),
            ("/contacts", "verified", ""),
            ("/contacts", "login", "1"),
            ("/contacts", "role", "Bill%20ing"),
            ("/contacts", "role", ""),
            ("/contacts", "category", "%22"),
            ("/contacts", "q", ""),
            ("/contacts", "q", &"x".repeat(101)),
            ("/contacts", "q", "%ff"),
            ("/contacts", "q", "a%00"),
            ("/contacts", "q", "%"),
            ("/contacts", "q", "%zz"),
            ("/audit-events", "since", "yesterday"),
            ("/audit-events", "until", "2026-13-01T00:00:00Z"),
            ("/audit-events", "since", ""),
            ("/audit-events", "since", "-4800-01-01T00:00:00Z"),
            ("/audit-events", "since", "%2B12000-01-01T00:00:00Z"),
            ("/audit-events", "until", "9999-12-31T23:59:59-01:00"),
            ("/audit-events", "actor", "acc_01h455vb4pex5vsknk084sn02q"),
            ("/audit-events", "subject", &"x".repeat(31)),
            ("/audit-events", "type", &"x".repeat(61)),
            ("/audit-events", "type", ""),
        ];
        for (list, name, value) in wrong {
            let refused = house
                .ana
                .get(format!("{}?{name}={value}", house.ana.at(list)))
                .refused(400, "bad-request");
            assert!(
                refused["errors/0/parameter"] == name && refused["errors/0/in"] == "query",
                "{refused}"
            );
        }
        // Everything that is wrong is told at once.
        let refused = house
            .ana
            .get(house.ana.at("/contacts?verified=yes&login=no&q=&limit=0&other=1"))
            .refused(400, "bad-request");
        assert!(!refused.list("errors").is_empty(), "{refused}");
        for (name, path) in [
            ("dry_run", house.bea.at("/erase?dry_run=1")),
            ("lang", "/verify?lang=de".to_owned()),
        ] {
            let method = if name == "lang" { "GET" } else { "POST" };
            house
                .ana
                .request(method, path)
                .refused(400, "bad-request")
                .parameter_fault(name, "not-allowed");
        }
    }

    fn r_45_sql_is_a_text_like_any_other(app) {
        let house = House::of(app);
        house.changes_nothing("SQL in a query", || {
            for sql in [
                "'",
                "' OR '1'='1",
                "\"",
                "'; DROP TABLE contacts; --",
                "\\",
                "%",
                "_",
                "1) UNION SELECT 1",
                "$1",
                "?",
                ":a",
                "$$",
            ] {
                let sql = encoded(sql);
                for (list, name) in [
                    ("/contacts", "q"),
                    ("/contacts", "role"),
                    ("/audit-events", "type"),
                    ("/audit-events", "subject"),
                    ("/contacts", "cursor"),
                ] {
                    let answer = house.ana.get(format!("{}?{name}={sql}", house.ana.at(list))).send();
                    assert!(matches!(answer.status(), 200 | 400), "{answer}");
                    if answer.status() == 200 {
                        assert!(answer.list("data").is_empty(), "{answer}");
                    }
                }
                for path in [
                    format!("/v1/accounts/{sql}"),
                    house.ana.at(&format!("/contacts/{sql}")),
                    house.ana.at(&format!("/roles/{sql}")),
                ] {
                    house.ana.get(path).refused(404, "not-found");
                }
            }
        });
        let contact = house
            .dan
            .adds(json!({ "display_name": "Robert'); DROP TABLE contacts; --", "address": "o'neil@example.com" }));
        let read = house.dan.get(contact.path()).expect(200);
        assert_eq!(read["display_name"], "Robert'); DROP TABLE contacts; --");
        assert_eq!(read["address"], "o'neil@example.com");
    }

    fn r_43_nothing_answers_that_the_document_does_not_name(app) {
        let served: std::collections::BTreeSet<(String, String)> = accounts_api::routes()
            .list()
            .into_iter()
            .map(|(method, path)| (path, method.to_string()))
            .collect();
        let documented: std::collections::BTreeSet<(String, String)> = operations::all()
            .into_iter()
            .map(|operation| (operation.path, operation.method))
            .collect();
        assert_eq!(served, documented);
        for path in [
            "/v0",
            "/v1",
            "/v1/",
            "/v2/me",
            "/debug",
            "/debug/pprof",
            "/actuator",
            "/.git/config",
            "/.env",
            "/metrics",
            "/admin",
            "/server-status",
            "/V1/me",
            "/v1/me/",
            "//v1/me",
            "/v1//me",
            "/v1/./me",
            "/v1/x/../me",
            "/v1/%6de",
            "/docs/",
            "/docs/../Cargo.toml",
            "/docs/..%2fCargo.toml",
            "/docs/%2e%2e/Cargo.toml",
            "/mailbox/..%2faccounts.db",
            "/mailbox/accounts.db",
            "/problems/none",
            "/healthz/",
            "/index.html",
            "/favicon.ico",
            "/swagger-ui",
            "/v1/accounts",
            "/v1/operator/accounts",
        ] {
            let answer = app.client().get(path).send();
            let expected = match path {
                "/v1/accounts" => 405,
                "/v1/%6de" | "/v1/operator/accounts" => 401,
                _ => 404,
            };
            assert_eq!(answer.status(), expected, "{answer}");
        }
    }
}

fn lists() -> impl Iterator<Item = Operation> {
    operations::reads().filter(|operation| operation.parameter("query", "cursor").is_some())
}

#[track_caller]
fn refused(house: &House<'_>, operation: &Operation, path: &str) -> Answer {
    let request = House::request_to(operation, house.caller(operation), path);
    request.header("X-Request-Id", "same").refused(404, "not-found")
}

fn wrong_values(house: &House<'_>, name: &str, right: &str) -> Vec<String> {
    let mut wrong: Vec<String> = [
        "x", "%00", "%ff", "%zz", "%", "..%2f..", "%20", "-", "'", "null", "0", "*",
    ]
    .map(str::to_owned)
    .to_vec();
    match name {
        "role" => wrong.extend(["Technical", "nothing", "technical%00", "technical%20", "%2e"].map(str::to_owned)),
        "address" => {
            wrong.extend(["eve@example.com", "nobody@example.com", "bea", "bea%40home.example%00"].map(str::to_owned));
        }
        "external_id" => wrong.extend([house.ana.account.clone(), format!("{right}0"), format!("{right}%00")]),
        "file" | "code" => wrong.extend([right.to_uppercase(), format!("{right}%00"), format!("{right}.")]),
        _ => {
            let kinds = [&house.ana.account, &house.bea.id, &house.transfer];
            wrong.extend(kinds.into_iter().filter(|other| *other != right).cloned());
            let (kind, id) = right.split_once('_').unwrap();
            let other = if kind == "usr" { "con" } else { "usr" };
            wrong.extend([
                right.to_uppercase(),
                format!("{right}0"),
                right[..right.len() - 1].to_owned(),
                id.to_owned(),
                format!("_{id}"),
                format!("{kind}_8{}", &id[1..]),
                format!("{other}_{id}"),
                format!("{right}%00"),
                format!("{right}%20"),
                format!("{kind}_00000000000000000000000000"),
            ]);
        }
    }
    wrong
}

fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        let _ = write!(encoded, "%{byte:02X}");
    }
    encoded
}
