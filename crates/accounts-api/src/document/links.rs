//! Links from what was created to what can be done with it, so that a client, and a test that walks the API, finds
//! its way from one operation to the next.

use serde_json::{Map, Value, json};

/// Adds to each 201 the operations that its new id leads to.
pub(super) fn from_created(document: &mut Value) {
    let Some(paths) = document.get("paths").and_then(Value::as_object).cloned() else {
        return;
    };
    let Some(items) = document.get_mut("paths").and_then(Value::as_object_mut) else {
        return;
    };
    for (path, item) in items {
        let Some(created) = item.pointer_mut("/post/responses/201").and_then(Value::as_object_mut) else {
            continue;
        };
        let links = links(path, &paths);
        if !links.is_empty() {
            created.insert("links".to_owned(), Value::Object(links));
        }
    }
}

/// The operations below a collection that ask for the new id and for nothing else that the request did not have.
fn links(collection: &str, paths: &Map<String, Value>) -> Map<String, Value> {
    let given = names(collection);
    let mut links = Map::new();
    for (path, item) in paths {
        let Some(below) = path.strip_prefix(collection).and_then(|rest| rest.strip_prefix("/{")) else {
            continue;
        };
        let Some((id, _)) = below.split_once('}') else { continue };
        let asked = names(path);
        if asked.len() != given.len() + 1 {
            continue;
        }
        let Some(item) = item.as_object() else { continue };
        for operation in item.values() {
            let Some(name) = operation.get("operationId").and_then(Value::as_str) else {
                continue;
            };
            links.insert(name.to_owned(), link(name, &given, id, operation));
        }
    }
    links
}

fn link(name: &str, given: &[&str], id: &str, operation: &Value) -> Value {
    let mut parameters: Map<String, Value> = given
        .iter()
        .map(|name| ((*name).to_owned(), json!(format!("$request.path.{name}"))))
        .collect();
    parameters.insert(id.to_owned(), json!("$response.body#/id"));
    let declared = operation
        .get("parameters")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    if declared
        .into_iter()
        .any(|parameter| parameter.get("name") == Some(&json!("If-Match")))
    {
        parameters.insert("If-Match".to_owned(), json!("$response.header.ETag"));
    }
    json!({"operationId": name, "parameters": parameters})
}

/// The names in the braces of a path.
fn names(path: &str) -> Vec<&str> {
    path.split('/')
        .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_created_leads_to_what_can_be_done_with_it() {
        let mut document = json!({"paths": {
            "/v1/things": {"post": {"operationId": "create", "responses": {"201": {}}}},
            "/v1/things/{thing}": {"get": {"operationId": "read"},
                "patch": {"operationId": "change", "parameters": [{"name": "If-Match"}]}},
            "/v1/things/{thing}/parts/{part}": {"get": {"operationId": "read_part"}},
        }});
        from_created(&mut document);
        let links = &document["paths"]["/v1/things"]["post"]["responses"]["201"]["links"];
        assert_eq!(links["read"]["parameters"], json!({"thing": "$response.body#/id"}));
        assert_eq!(links["change"]["parameters"]["If-Match"], "$response.header.ETag");
        assert!(links.get("read_part").is_none());
    }
}
