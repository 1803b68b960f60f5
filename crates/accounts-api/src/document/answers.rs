//! The answers of an operation: its own, and a problem for each way in which it can be refused.

use std::collections::{BTreeMap, BTreeSet};

use accounts_domain::language::Language;
use serde_json::{Map, Value, json};

use crate::describe::Description;
use crate::problem::{Code, Fault, FieldCode, FieldFault, Place, Problem, Told};
use crate::texts;

/// All answers of an operation, by status. Keys of `declared` that bear a code (`409 address-taken`)
/// are gathered by their status.
pub(super) fn all(
    declared: Map<String, Value>,
    description: &Description,
    parameters: &mut Vec<Value>,
    used: &mut BTreeSet<Code>,
) -> Map<String, Value> {
    // Unknown query parameters are refused everywhere, and any operation may find the database away.
    let mut codes = BTreeSet::from([Code::BadRequest, Code::Unavailable]);
    codes.extend(&description.refusals);
    let mut answers = Map::new();
    for (key, answer) in declared {
        match key.split_once(' ').and_then(|(_, name)| Code::from_name(name)) {
            Some(code) => {
                codes.insert(code);
            }
            None => {
                answers.insert(key, answer);
            }
        }
    }
    if answers.contains_key("304") {
        parameters.push(json!({
            "name": "If-None-Match", "in": "header", "required": false,
            "description": "Answer 304 without a body if the state has one of these tags.",
            "schema": {"type": "string"},
        }));
    }
    let conditional = answers.contains_key("304") || description.tagged;
    let paged = parameters
        .iter()
        .any(|parameter| parameter.get("name") == Some(&json!("cursor")));
    for (status, answer) in &mut answers {
        complete(status, answer, conditional, paged, description.replayed);
    }
    let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for code in codes {
        by_status.entry(code.status()).or_default().push(code);
    }
    for (status, codes) in by_status {
        let answer = match codes.as_slice() {
            [code] => {
                used.insert(*code);
                json!({"$ref": format!("#/components/responses/{}", code.as_str())})
            }
            codes => problem(codes),
        };
        answers.insert(status.to_string(), answer);
    }
    answers
}

/// Adds the headers of a success.
fn complete(status: &str, answer: &mut Value, conditional: bool, paged: bool, replayed: bool) {
    let Some(answer) = answer.as_object_mut() else {
        return;
    };
    let headers = answer.entry("headers").or_insert_with(|| json!({}));
    let Some(headers) = headers.as_object_mut() else {
        return;
    };
    let mut names = vec!["X-Request-Id"];
    match status {
        "201" => names.extend(["ETag", "Location"]),
        "200" if conditional => names.push("ETag"),
        "304" => names.push("ETag"),
        _ => {}
    }
    if paged && status == "200" {
        names.push("Link");
    }
    if replayed && status.starts_with('2') {
        names.push("Idempotency-Replayed");
    }
    for name in names {
        headers.entry(name).or_insert_with(|| reference(name));
    }
}

fn reference(header: &str) -> Value {
    json!({"$ref": format!("#/components/headers/{header}")})
}

/// The headers that answers name.
pub(super) fn headers() -> Value {
    let header = |description: &str, schema: Value| json!({"description": description, "schema": schema});
    json!({
        "Allow": header("The methods that the path takes.", json!({"type": "string"})),
        "ETag": header("The strong tag of this state.", json!({"type": "string"})),
        "Idempotency-Replayed": header("`true` where this is the first answer, told again.", json!({"type": "string"})),
        "Link": header("The next page, `rel=\"next\"`, where there is one.", json!({"type": "string"})),
        "Location": header("The path of the new resource.", json!({"type": "string"})),
        "Retry-After": header("Seconds to wait.", json!({"type": "integer", "format": "int32", "minimum": 1})),
        "WWW-Authenticate": header("What would be let in (RFC 6750).", json!({"type": "string"})),
        "X-Request-Id": header("The id under which the service recorded the request.", json!({"type": "string"})),
    })
}

/// The answer for one code.
pub(super) fn single(code: Code) -> Value {
    problem(&[code])
}

/// The answer for some codes of one status, with an example of each.
fn problem(codes: &[Code]) -> Value {
    let texts = texts::of(Language::En);
    let titles = codes.iter().filter_map(|code| texts.problem.get(code.as_str()));
    let titles: Vec<&str> = titles.map(|text| text.title.as_str()).collect();
    let examples: Map<String, Value> = codes
        .iter()
        .map(|code| (code.as_str().to_owned(), json!({"value": example(*code)})))
        .collect();
    let mut headers = Map::from_iter([("X-Request-Id".to_owned(), reference("X-Request-Id"))]);
    for name in codes.iter().flat_map(|code| borne_by(*code)) {
        headers.insert((*name).to_owned(), reference(name));
    }
    json!({
        "description": format!("{}.", titles.join("; ")),
        "headers": headers,
        "content": {
            "application/problem+json": {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "examples": examples,
            },
        },
    })
}

fn borne_by(code: Code) -> &'static [&'static str] {
    match code.status() {
        401 => &["WWW-Authenticate"],
        403 if code == Code::Forbidden => &["WWW-Authenticate"],
        405 => &["Allow"],
        429 | 503 => &["Retry-After"],
        409 if code == Code::IdempotencyInFlight => &["Retry-After"],
        _ => &[],
    }
}

/// A problem as a caller may see it.
fn example(code: Code) -> Value {
    let mut problem = Problem::new(code);
    let detail = texts::of(Language::En)
        .problem
        .get(code.as_str())
        .map_or("", |text| &text.detail);
    for (name, value) in [
        ("accepted", json!("application/json")),
        ("allow", json!("GET, HEAD")),
        (
            "limit",
            if code == Code::PayloadTooLarge {
                json!(65_536)
            } else {
                json!(5)
            },
        ),
        ("permission", json!("contacts:manage")),
        ("retry_after", json!(30)),
        ("role", json!("billing")),
        ("roles", json!(["technical"])),
    ] {
        if detail.contains(&format!("{{{name}}}")) {
            problem = problem.with(name, value);
        }
    }
    let at = |place| Fault::at(place, FieldFault::new(FieldCode::Required));
    if code == Code::InvalidFields {
        problem = problem.faults(vec![at(Place::Pointer("/name".to_owned()))]);
    }
    let told = Told {
        language: Language::En,
        request_id: "9f86d081884c7d659a2feaa0-1",
        public_url: "",
    };
    serde_json::from_slice(&problem.body(&told)).unwrap_or(Value::Null)
}
