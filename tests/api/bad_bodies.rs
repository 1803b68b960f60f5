//! What a body may not hold, for every operation of the document and every place in its body: each
//! fault gets its status, its code and the pointer to it, and nothing changes.

use accounts_tests::on_both;
use serde_json::{Value, json};

use super::{
    house::{self, House},
    operations::{self, Operation, Place, faults_at},
};

/// What nobody may set by sending it along.
const NOT_THEIRS: [&str; 12] = [
    "id",
    "account_id",
    "user_id",
    "verified",
    "verified_at",
    "is_owner",
    "is_primary",
    "permissions",
    "status",
    "created_at",
    "token_epoch",
    "contact_limit",
];

/// Characters that split lines and headers, or make a text read other than it is.
const FORBIDDEN: [&str; 14] = [
    "\r",
    "\n",
    "\r\n",
    "\t",
    "\u{1b}[31m",
    "\u{7f}",
    "\u{85}",
    "\u{200f}",
    "\u{202e}",
    "\u{2028}",
    "\u{2029}",
    "\u{2066}",
    "\u{feff}",
    "\u{1}",
];

on_both! {
    house::setup();

    fn r_31_no_body_takes_a_member_that_it_does_not_know(app) {
        let house = House::of(app);
        for operation in operations::with_body() {
            house.changes_nothing(&operation, || {
                let known = operation.body.as_ref().unwrap()["properties"].clone();
                let unknown: Vec<&str> = NOT_THEIRS
                    .into_iter()
                    .filter(|name| known.get(name).is_none())
                    .collect();
                let mut body = operation.example();
                for name in &unknown {
                    body[name] = json!(true);
                }
                let refused = house.send(&operation, body).refused(422, "invalid-fields");
                for name in unknown {
                    refused.fault(&format!("/{name}"), "unknown-field");
                }
                for object in operation
                    .places()
                    .iter()
                    .filter(|place| place.schema["type"] == "object")
                {
                    let pointer = format!("{}/is_owner", object.pointer);
                    let body = operation.example_with(&pointer, json!({ "id": [1] }));
                    house
                        .send(&operation, body)
                        .refused(422, "invalid-fields")
                        .fault(&pointer, "unknown-field");
                }
            });
        }
    }

    fn r_30_a_value_of_another_type_is_400_wherever_it_stands(app) {
        let house = House::of(app);
        for operation in operations::with_body() {
            house.changes_nothing(&operation, || {
                for body in [
                    "[]",
                    "null",
                    "true",
                    "7",
                    r#""text""#,
                    r#"[{"address":"a@example.com"}]"#,
                ] {
                    house
                        .send(&operation, body)
                        .refused(400, "bad-request")
                        .fault("", "wrong-type");
                }
                for place in operation.places() {
                    for wrong in values_of_other_types(&place) {
                        let body = operation.example_with(&place.pointer, wrong);
                        let refused = house.send(&operation, body).refused(400, "bad-request");
                        refused.fault(&place.pointer, "wrong-type");
                    }
                }
            });
        }
    }

    fn r_44_null_stands_only_where_the_document_says_so(app) {
        let house = House::of(app);
        for operation in operations::with_body() {
            for place in operation.places() {
                let request = house.send(&operation, operation.example_with(&place.pointer, Value::Null));
                if place.schema["nullable"] == true {
                    let answer = request.send();
                    assert!(
                        faults_at(&answer, &place.pointer).is_empty() && answer.status() < 500,
                        "{answer}"
                    );
                    // What it may have put into the outbox leaves before the next question.
                    house.app.mails();
                } else {
                    let answer = house.changes_nothing(&operation, || request.send());
                    let told = !faults_at(&answer, &place.pointer).is_empty();
                    assert!(
                        told && matches!(answer.status(), 400 | 422),
                        "null at {}\n{answer}",
                        place.pointer
                    );
                }
            }
        }
    }

    fn r_44_every_text_and_list_has_its_bounds(app) {
        let house = House::of(app);
        for operation in operations::with_body() {
            house.changes_nothing(&operation, || {
                for place in operation.texts() {
                    let longest = place.bound("maxLength").unwrap_or(5_000);
                    refuses_value(&house, &operation, &place, json!("x".repeat(longest + 1)));
                    refuses_value(&house, &operation, &place, json!("é".repeat(longest + 1)));
                    if let Some(shortest) = place.bound("minLength") {
                        refuses_value(&house, &operation, &place, json!("x".repeat(shortest - 1)));
                    }
                    if let Some(pattern) = place.schema["pattern"].as_str() {
                        for wrong in ["", " ", "de", "en ", "en|fr", "\u{130}n"] {
                            assert!(!pattern.is_empty());
                            refuses_value(&house, &operation, &place, json!(wrong));
                        }
                    }
                }
                for place in operation
                    .places()
                    .iter()
                    .filter(|place| place.schema["type"] == "array")
                {
                    let most = place
                        .bound("maxItems")
                        .unwrap_or_else(|| panic!("{operation}: {} is unbounded", place.pointer));
                    let entry = if place.schema["items"]["type"] == "object" {
                        json!({})
                    } else {
                        json!("x")
                    };
                    refuses_value(&house, &operation, place, json!(vec![entry; most + 1]));
                    if let Some(fewest) = place.bound("minItems") {
                        let fewer: Vec<&str> = vec!["x"; fewest - 1];
                        refuses_value(&house, &operation, place, json!(fewer));
                    }
                }
            });
        }
    }

    fn r_44_what_is_within_the_bounds_is_not_too_long(app) {
        let house = House::of(app);
        for operation in operations::with_body() {
            for place in operation.texts() {
                let Some(longest) = place.bound("maxLength") else {
                    continue;
                };
                let text = if place.schema["format"] == "email" {
                    longest_address()
                } else {
                    "x".repeat(longest)
                };
                assert_eq!(text.len(), longest);
                let answer = house
                    .send(&operation, operation.example_with(&place.pointer, json!(text)))
                    .send();
                let mut faults = faults_at(&answer, &place.pointer);
                // The example may name the same thing in another way.
                faults.retain(|fault| fault != "contradictory");
                // Nobody has so long an address.
                let unknown = faults == ["unknown-user"];
                let formed = place.schema.get("pattern").is_some() || place.pointer.contains("phone");
                assert!(
                    answer.status() < 500 && (faults.is_empty() || unknown || formed && faults == ["invalid-format"]),
                    "the longest {}\n{answer}",
                    place.pointer
                );
            }
        }
    }

    fn r_46_no_text_holds_characters_that_are_not_seen(app) {
        let house = House::of(app);
        for operation in operations::with_body() {
            house.changes_nothing(&operation, || {
                for place in operation.texts() {
                    for nul in ["a\u{0}b", "\u{0}"] {
                        let body = operation.example_with(&place.pointer, json!(nul));
                        let refused = house.send(&operation, body).refused(422, "invalid-fields");
                        refused.fault(&place.pointer, "forbidden-character");
                    }
                    // Of a password every character counts, and what nobody issued opens nothing.
                    let offered = place.is_secret() || operation.path.ends_with("/sessions");
                    // A notice has lines.
                    let lines = place.pointer.ends_with("/text");
                    let stays = |character: &&str| !(offered || lines && matches!(*character, "\n" | "\r\n"));
                    for character in FORBIDDEN.into_iter().filter(stays) {
                        for text in [
                            format!("a{character}b"),
                            format!("a{character}@example.com"),
                            format!("a@exa{character}mple.com"),
                        ] {
                            refuses_value(&house, &operation, &place, json!(text));
                        }
                    }
                }
                // A name of a member is a text, too.
                let mut body = operation.example();
                body["na\u{0}me\u{202e}\r\n"] = json!(1);
                house.send(&operation, body).refused(422, "invalid-fields");
            });
        }
    }

    fn r_44_half_a_character_is_no_json(app) {
        let house = House::of(app);
        for operation in operations::with_body() {
            house.changes_nothing(&operation, || {
                for place in operation.texts() {
                    for half in [r"\ud800", r"\udc00", r"\ud800\ud800", r"a\ud83d b", r"\udE00\uD83D"] {
                        let body = operation
                            .example_with(&place.pointer, json!("HALF"))
                            .to_string()
                            .replace("HALF", half);
                        house.send(&operation, body).refused(400, "bad-request");
                    }
                    for number in [
                        "1e400",
                        "-1e400",
                        "9223372036854775808",
                        "-1",
                        "01",
                        "NaN",
                        "Infinity",
                        "0x10",
                    ] {
                        let body = operation.example_with(&place.pointer, json!("NUMBER")).to_string();
                        house
                            .send(&operation, body.replace("\"NUMBER\"", number))
                            .refused(400, "bad-request");
                    }
                }
            });
        }
    }
}

/// A value at a place is refused there, and with 422.
#[track_caller]
fn refuses_value(house: &House<'_>, operation: &Operation, place: &Place, value: Value) {
    let shown: String = value.to_string().escape_default().take(60).collect();
    let answer = house
        .send(operation, operation.example_with(&place.pointer, value))
        .expect(422);
    let told = faults_at(&answer, &place.pointer);
    assert!(!told.is_empty(), "{shown} at {} is not told\n{answer}", place.pointer);
}

fn values_of_other_types(place: &Place) -> Vec<Value> {
    let all = [
        json!("text"),
        json!(7),
        json!(1.5),
        json!(true),
        json!(["a"]),
        json!({ "$ne": 1 }),
    ];
    let own = |value: &Value| match place.schema["type"].as_str().unwrap() {
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.as_i64().is_some(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("say here what is of the type {other}"),
    };
    all.into_iter().filter(|value| !own(value)).collect()
}

/// 254 characters, within every limit of RFC 5321.
fn longest_address() -> String {
    let label = "d".repeat(63);
    format!("{}@{label}.{label}.{}.example", "l".repeat(64), "d".repeat(53))
}
