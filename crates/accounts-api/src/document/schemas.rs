//! What is added to schemas: closed inputs and bounded numbers.

use std::collections::BTreeSet;

use serde_json::{Value, json};

const REFERENCE: &str = "#/components/schemas/";

/// Forbids unknown members in every schema that only requests use. Answers stay open, so that
/// members can be added inside v1.
pub(super) fn close_inputs(document: &mut Value) {
    let mut asked = BTreeSet::new();
    let mut answered = BTreeSet::new();
    for operation in operations(document) {
        names(operation.get("requestBody"), &mut asked);
        names(operation.get("responses"), &mut answered);
        names(operation.get("callbacks"), &mut answered);
    }
    names(document.pointer("/components/responses"), &mut answered);
    reach(document, &mut asked);
    reach(document, &mut answered);
    let Some(schemas) = document
        .pointer_mut("/components/schemas")
        .and_then(Value::as_object_mut)
    else {
        return;
    };
    for (name, schema) in schemas {
        if asked.contains(name) && !answered.contains(name) {
            close(schema);
        }
    }
}

fn operations(document: &Value) -> impl Iterator<Item = &Value> {
    let paths = document.get("paths").and_then(Value::as_object).into_iter().flatten();
    paths
        .filter_map(|(_, item)| item.as_object())
        .flatten()
        .map(|(_, operation)| operation)
}

/// The schemas that a part of the document refers to.
fn names(part: Option<&Value>, found: &mut BTreeSet<String>) {
    match part {
        Some(Value::Object(members)) => {
            if let Some(name) = members.get("$ref").and_then(Value::as_str) {
                found.extend(name.strip_prefix(REFERENCE).map(str::to_owned));
            }
            for value in members.values() {
                names(Some(value), found);
            }
        }
        Some(Value::Array(entries)) => {
            for value in entries {
                names(Some(value), found);
            }
        }
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) | None => {}
    }
}

/// Adds the schemas that those refer to in turn.
fn reach(document: &Value, found: &mut BTreeSet<String>) {
    let mut size = 0;
    while size != found.len() {
        size = found.len();
        for name in found.clone() {
            names(
                document.pointer("/components/schemas").and_then(|all| all.get(&name)),
                found,
            );
        }
    }
}

fn close(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if members.contains_key("properties") {
                members.entry("additionalProperties").or_insert(json!(false));
            }
            for value in members.values_mut() {
                close(value);
            }
        }
        Value::Array(entries) => entries.iter_mut().for_each(close),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Takes `null` out of the schema of a parameter: it is there or not, and `null` cannot be written.
pub(super) fn never_null(parameter: &mut Value) {
    let Some(schema) = parameter.get_mut("schema") else {
        return;
    };
    if let Some(kinds) = schema.get_mut("type").filter(|kinds| kinds.is_array()) {
        let others: Vec<Value> = kinds
            .as_array()
            .into_iter()
            .flatten()
            .filter(|kind| **kind != "null")
            .cloned()
            .collect();
        if let [kind] = others.as_slice() {
            *kinds = kind.clone();
        }
    }
    let choices = schema.get("oneOf").and_then(Value::as_array).into_iter().flatten();
    let others: Vec<&Value> = choices
        .filter(|choice| choice.get("type") != Some(&json!("null")))
        .collect();
    if let [only] = others.as_slice() {
        *schema = (*only).clone();
    }
}

/// Gives unsigned numbers a maximum, because they come with none: that of their format, and for 64
/// bits what JavaScript counts exactly.
pub(super) fn bound_numbers(part: &mut Value) {
    match part {
        Value::Object(members) => {
            let integer = match members.get("type") {
                Some(Value::String(kind)) => kind == "integer",
                Some(Value::Array(kinds)) => kinds.contains(&json!("integer")),
                _ => false,
            };
            let unsigned = members
                .get("minimum")
                .and_then(Value::as_f64)
                .is_some_and(|min| min >= 0.0);
            if integer && unsigned && !members.contains_key("maximum") {
                let wide = members.get("format") == Some(&json!("int64"));
                let most = if wide { 9_007_199_254_740_991_u64 } else { 2_147_483_647 };
                members.insert("maximum".to_owned(), json!(most));
            }
            members.values_mut().for_each(bound_numbers);
        }
        Value::Array(entries) => entries.iter_mut().for_each(bound_numbers),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
