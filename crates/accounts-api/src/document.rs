//! The OpenAPI 3.1 document, written from the handlers.
//!
//! `#[utoipa::path(…)]` says what an operation is for and what it answers, its arguments say the
//! rest ([`crate::describe`]). Here the two are put together, and what holds for all operations is
//! added: the problem answers with an example for each code, the headers, the security, and the
//! bounds that are easily forgotten. Nothing depends on chance: the same handlers give the same bytes.

mod answers;
mod links;
mod schemas;

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use utoipa::{PartialSchema, ToSchema};

use crate::describe::Security;
use crate::problem::{Code, ProblemSchema};
use crate::router::{Documented, Route, Routes};
use crate::webhooks;

/// What the document says about the service as a whole.
#[derive(Debug, Clone)]
pub struct About<'a> {
    /// The name of the API.
    pub title: &'a str,
    /// Its version.
    pub version: &'a str,
    /// A paragraph about it, in Markdown.
    pub description: &'a str,
    /// Who answers questions about it.
    pub contact_name: &'a str,
    /// Where they are found.
    pub contact_url: &'a str,
    /// The tags in the order in which they are shown, each with a sentence.
    pub tags: &'a [(&'a str, &'a str)],
}

/// The document of these operations.
pub fn assemble(routes: &Routes, about: &About<'_>) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    let mut components: Map<String, Value> = Map::new();
    let mut codes = BTreeSet::new();
    for route in routes.all() {
        let documented = (route.documented)();
        for (name, schema) in &documented.schemas {
            components.insert(name.clone(), to_value(schema));
        }
        for (name, schema) in &documented.description.schemas {
            components.insert(name.clone(), to_value(schema));
        }
        let operation = operation(route, &documented, &mut codes);
        let item = paths.entry(route.path.clone()).or_insert_with(|| json!({}));
        if let Some(item) = item.as_object_mut() {
            item.insert(route.method.as_str().to_ascii_lowercase(), operation);
        }
    }
    call_back(&mut paths, &mut components);
    let mut problem = to_value(&ProblemSchema::schema());
    if let Some(problem) = problem.as_object_mut() {
        // RFC 9457 section 3.2: a problem may have members that only its type knows.
        problem.insert("additionalProperties".to_owned(), json!(true));
    }
    components.insert(ProblemSchema::name().into_owned(), problem);
    let mut below = Vec::new();
    ProblemSchema::schemas(&mut below);
    components.extend(below.iter().map(|(name, schema)| (name.clone(), to_value(schema))));
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": about.title,
            "version": about.version,
            "description": about.description,
            "contact": {"name": about.contact_name, "url": about.contact_url},
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "This service."}],
        "tags": about.tags.iter().map(|(name, description)| json!({"name": name, "description": description})).collect::<Vec<_>>(),
        "paths": paths,
        "components": {
            "schemas": components,
            "headers": answers::headers(),
            "responses": codes.into_iter().map(|code| (code.as_str().to_owned(), answers::single(code))).collect::<Map<_, _>>(),
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "An access token from `POST /v1/sessions`.",
                },
                "operator": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "An access token of the provider's staff, from `POST /v1/operator/sessions`. Customers' \
                        credentials are not taken, nor is this one taken anywhere else.",
                },
                "api_key": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "ak_live_<id>_<secret>",
                    "description": "An API key of a user or of an account, in the place of an access token. It has its own \
                        permissions, as far as its maker has them at that moment. Operations that do not name it take \
                        persons alone.",
                },
                "integration_key": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "ik_live_<id>_<secret>",
                    "description": "A key of an integration, a machine caller of the provider, which has scopes of its own.                         It opens no other operation, and no other credential opens these.",
                },
            },
        },
    });
    schemas::close_inputs(&mut document);
    schemas::bound_numbers(&mut document);
    links::from_created(&mut document);
    drop_unused_headers(&mut document);
    sorted(document)
}

/// Says what is sent to the webhooks that are made here.
fn call_back(paths: &mut Map<String, Value>, components: &mut Map<String, Value>) {
    let Some(made) = paths.get_mut("/v1/webhooks").and_then(|item| item.get_mut("post")) else {
        return;
    };
    let (callbacks, schemas) = webhooks::callbacks();
    if let Some(made) = made.as_object_mut() {
        made.insert("callbacks".to_owned(), callbacks);
    }
    components.extend(schemas.iter().map(|(name, schema)| (name.clone(), to_value(schema))));
}

/// The document as it is committed and served: indented, its members in alphabetical order, with a
/// newline at its end.
pub fn text(document: &Value) -> String {
    let mut text = serde_json::to_string_pretty(document).unwrap_or_default();
    text.push('\n');
    text
}

fn operation(route: &Route, documented: &Documented, codes: &mut BTreeSet<Code>) -> Value {
    let description = &documented.description;
    let mut operation = documented.operation.as_object().cloned().unwrap_or_default();
    let mut parameters = match operation.remove("parameters") {
        Some(Value::Array(parameters)) => parameters,
        _ => Vec::new(),
    };
    for parameter in &description.parameters {
        let same = |other: &Value| other.get("name") == parameter.get("name") && other.get("in") == parameter.get("in");
        if !parameters.iter().any(same) {
            parameters.push(parameter.clone());
        }
    }
    if let Some(body) = &description.body {
        operation.entry("requestBody").or_insert_with(|| body.clone());
    }
    let security = match description.security {
        Security::Public => json!([]),
        Security::Persons => json!([{"bearer": []}]),
        Security::PersonsAndKeys => json!([{"bearer": []}, {"api_key": []}]),
        Security::Integrations => json!([{"integration_key": []}]),
        Security::Operators => json!([{"operator": []}]),
    };
    operation.insert("security".to_owned(), security);
    if let Some(permission) = &description.permission {
        let sentence = if description.security == Security::Integrations {
            format!("Needs an integration with the scope `{permission}`.")
        } else {
            format!("Needs the permission `{permission}` in the account.")
        };
        let text = match operation.get("description").and_then(Value::as_str) {
            Some(text) => format!("{text}\n\n{sentence}"),
            None => sentence,
        };
        operation.insert("description".to_owned(), text.into());
        operation.insert("x-permission".to_owned(), permission.as_str().into());
    }
    let declared = match operation.remove("responses") {
        Some(Value::Object(responses)) => responses,
        _ => Map::new(),
    };
    let answers = answers::all(declared, description, &mut parameters, codes);
    operation.insert("responses".to_owned(), Value::Object(answers));
    if !parameters.is_empty() {
        parameters.iter_mut().for_each(schemas::never_null);
        in_path_order(&route.path, &mut parameters);
        operation.insert("parameters".to_owned(), Value::Array(parameters));
    }
    Value::Object(operation)
}

/// Parameters of the path first, in its order; the others as the arguments of the handler stand.
fn in_path_order(path: &str, parameters: &mut [Value]) {
    parameters.sort_by_key(|parameter| {
        let name = parameter.get("name").and_then(Value::as_str).unwrap_or_default();
        path.find(&format!("{{{name}}}")).unwrap_or(usize::MAX)
    });
}

/// Headers that no answer names would be findings of a linter.
fn drop_unused_headers(document: &mut Value) {
    let text = document.to_string();
    if let Some(headers) = document
        .pointer_mut("/components/headers")
        .and_then(Value::as_object_mut)
    {
        headers.retain(|name, _| text.contains(&format!("\"#/components/headers/{name}\"")));
    }
}

pub(crate) fn to_value<T: serde::Serialize>(value: &T) -> Value {
    serde_json::to_value(value).unwrap_or(Value::Null)
}

/// With the members of every object in alphabetical order, whatever map they come from.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut members: Vec<(String, Value)> = members.into_iter().collect();
            members.sort_by(|(one, _), (other, _)| one.cmp(other));
            Value::Object(members.into_iter().map(|(name, value)| (name, sorted(value))).collect())
        }
        Value::Array(entries) => Value::Array(entries.into_iter().map(sorted).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

#[cfg(test)]
mod tests;
