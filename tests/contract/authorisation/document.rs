//! What the document says about each operation, as far as it matters here.

use std::fmt;

use accounts_api::openapi;
use serde_json::Value;

/// One operation.
pub(super) struct Operation {
    pub method: String,
    pub path: String,
    /// The tag under which the document shows it.
    pub tag: String,
    /// What it does, in a few words.
    pub summary: String,
    /// Whether the document asks for a token.
    pub secured: bool,
    /// The kinds of credentials that the document takes.
    pub schemes: Vec<String>,
    /// The permission that the document names.
    pub permission: Option<String>,
    /// The media type of its body.
    pub media_type: Option<String>,
    /// Whether it can be tried without effect.
    pub dry_run: bool,
    /// Whether it can be held to a state.
    pub if_match: bool,
}

/// Every operation, with the tags in the order of the document.
pub(super) fn operations() -> Vec<Operation> {
    let document = openapi();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            operations.push(Operation::of(&method.to_uppercase(), path, operation));
        }
    }
    let tags: Vec<&str> = document["tags"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|tag| tag["name"].as_str())
        .collect();
    operations.sort_by_key(|operation| tags.iter().position(|tag| *tag == operation.tag));
    operations
}

impl Operation {
    fn of(method: &str, path: &str, operation: &Value) -> Self {
        let takes = |place: &str, name: &str| {
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            parameters
                .into_iter()
                .any(|parameter| parameter["in"] == place && parameter["name"] == name)
        };
        let content = operation["requestBody"]["content"].as_object();
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            tag: operation["tags"][0].as_str().unwrap().to_owned(),
            summary: operation["summary"].as_str().unwrap().to_owned(),
            secured: operation["security"]
                .as_array()
                .is_some_and(|security| !security.is_empty()),
            schemes: operation["security"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|scheme| scheme.as_object()?.keys().next().cloned())
                .collect(),
            permission: operation["x-permission"].as_str().map(str::to_owned),
            media_type: content.and_then(|content| content.keys().next().cloned()),
            dry_run: takes("query", "dry_run"),
            if_match: takes("header", "If-Match"),
        }
    }

    /// The names in its path.
    pub(super) fn parameters(&self) -> Vec<&str> {
        self.path
            .split('{')
            .skip(1)
            .filter_map(|rest| Some(rest.split_once('}')?.0))
            .collect()
    }

    /// Whether it ends a session, a key or a request, which nothing else can be asked about then, or changes something
    /// however it is asked: such operations come last.
    pub(super) fn comes_last(&self) -> bool {
        let ends = self.method == "DELETE"
            && ["/sessions/", "/api-keys/", "/join-requests/"]
                .iter()
                .any(|part| self.path.contains(part));
        ends || self.to_string() == "POST /v1/me/totp"
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}
