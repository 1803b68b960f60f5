//! The operations of the generated document. What holds for all of them is tested by walking
//! through them, so that a new route is covered without another word.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use accounts_tests::Answer;
use serde_json::{Map, Value, json};

/// One operation.
pub(super) struct Operation {
    /// The method, in upper case.
    pub method: String,
    /// The path as the document writes it.
    pub path: String,
    /// Whether it asks for an access token.
    pub secured: bool,
    /// Whether integrations alone call it.
    pub by_integration: bool,
    /// The media type of its body.
    pub media_type: Option<String>,
    /// The schema of its body, without references, where it is JSON.
    pub body: Option<Value>,
    /// A body that is a text of another kind.
    pub text: Option<String>,
    parameters: Vec<Value>,
    responses: Map<String, Value>,
}

/// A member of a body, however deep.
pub(super) struct Place {
    /// Its JSON pointer; the first entry stands for all entries of a list.
    pub pointer: String,
    /// What it may hold.
    pub schema: Value,
}

/// Every operation.
pub(super) fn all() -> Vec<Operation> {
    let document = accounts_api::openapi();
    let paths = document["paths"].as_object().unwrap();
    let mut all = Vec::new();
    for (path, item) in paths {
        for (method, operation) in item.as_object().unwrap() {
            let content = operation["requestBody"]["content"].as_object();
            let (media_type, body) = content.and_then(|content| content.iter().next()).unzip();
            let text = body.and_then(|body| body["example"].as_str().map(str::to_owned));
            let body = body.filter(|_| media_type.is_some_and(|media_type| media_type.ends_with("json")));
            all.push(Operation {
                method: method.to_uppercase(),
                path: path.clone(),
                secured: operation["security"]
                    .as_array()
                    .is_some_and(|security| !security.is_empty()),
                by_integration: operation["security"][0].get("integration_key").is_some(),
                media_type: media_type.cloned(),
                body: body.map(|body| plain(&document, &body["schema"])),
                text,
                parameters: operation["parameters"].as_array().cloned().unwrap_or_default(),
                responses: operation["responses"].as_object().unwrap().clone(),
            });
        }
    }
    all
}

/// Every operation, in an order in which none takes away what a later one needs.
pub(super) fn in_a_gentle_order() -> Vec<Operation> {
    let mut all = all();
    all.sort_by_key(|operation| {
        let ends_the_caller = operation.path.ends_with("/sessions/current");
        let removes = operation.method == "DELETE" || operation.path.ends_with("/erase");
        (
            ends_the_caller,
            removes,
            operation.method != "GET",
            std::cmp::Reverse(operation.path.len()),
        )
    });
    all
}

/// Those that take a body of JSON.
pub(super) fn with_body() -> impl Iterator<Item = Operation> {
    all().into_iter().filter(|operation| operation.body.is_some())
}

/// Those that read.
pub(super) fn reads() -> impl Iterator<Item = Operation> {
    all().into_iter().filter(|operation| operation.method == "GET")
}

/// The methods of each path, HEAD with GET.
pub(super) fn methods() -> BTreeMap<String, BTreeSet<String>> {
    let mut methods: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for operation in all() {
        let of_path = methods.entry(operation.path).or_default();
        if operation.method == "GET" {
            of_path.insert("HEAD".to_owned());
        }
        of_path.insert(operation.method);
    }
    methods
}

impl Operation {
    /// A body that is readable, as the document shows one.
    pub fn example(&self) -> Value {
        let example = &self.body.as_ref().unwrap()["example"];
        assert!(example.is_object(), "{self}: its body has no example");
        example.clone()
    }

    /// The same body with another value at one place.
    pub fn example_with(&self, pointer: &str, value: Value) -> Value {
        let mut body = self.example();
        let mut place = &mut body;
        for step in pointer.split('/').skip(1) {
            if step.parse::<usize>().is_ok() {
                if place.as_array().is_none_or(Vec::is_empty) {
                    *place = json!([null]);
                }
                place = &mut place[0];
            } else {
                if !place.is_object() {
                    *place = json!({});
                }
                place = &mut place[step];
            }
        }
        *place = value;
        body
    }

    /// Every place of its body below the whole.
    pub fn places(&self) -> Vec<Place> {
        let mut places = Vec::new();
        walk(self.body.as_ref().unwrap(), "", &mut places);
        places
    }

    /// The places that hold a text.
    pub fn texts(&self) -> impl Iterator<Item = Place> {
        self.places()
            .into_iter()
            .filter(|place| place.schema["type"] == "string")
    }

    /// A parameter of the query (`query`) or a header (`header`), by its name.
    pub fn parameter(&self, place: &str, name: &str) -> Option<&Value> {
        let is_it = |parameter: &&Value| parameter["in"] == place && parameter["name"] == name;
        self.parameters.iter().find(is_it)
    }

    /// The names of its query parameters that may stand once.
    pub fn single_parameters(&self) -> Vec<String> {
        let query = self.parameters.iter().filter(|parameter| parameter["in"] == "query");
        let single = query.filter(|parameter| parameter["schema"]["type"] != "array");
        single
            .map(|parameter| parameter["name"].as_str().unwrap().to_owned())
            .collect()
    }

    /// The query with what it requires, by its examples; empty where that is nothing.
    pub fn query(&self) -> String {
        let required = self.parameters.iter().filter(|parameter| parameter["required"] == true);
        let of_query = required.filter(|parameter| parameter["in"] == "query");
        let pairs: Vec<String> = of_query
            .map(|parameter| {
                let (name, example) = (
                    parameter["name"].as_str().unwrap(),
                    parameter["example"].as_str().unwrap(),
                );
                format!("{name}={}", example.replace(' ', "%20"))
            })
            .collect();
        if pairs.is_empty() {
            String::new()
        } else {
            format!("?{}", pairs.join("&"))
        }
    }

    /// Whether the provider's staff calls it.
    pub fn is_operators(&self) -> bool {
        self.path.starts_with("/v1/operator/")
    }

    /// Whether the document names this status among its answers.
    pub fn may_answer(&self, status: &str) -> bool {
        self.responses.contains_key(status)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

impl Place {
    /// A text that only its owner knows: its form is nobody's business.
    pub fn is_secret(&self) -> bool {
        self.schema["format"] == "password" || self.pointer.ends_with("token") || self.pointer == "/challenge"
    }

    /// A number of its schema.
    pub fn bound(&self, name: &str) -> Option<usize> {
        usize::try_from(self.schema[name].as_u64()?).ok()
    }
}

/// The codes of the faults that an answer names at a place.
pub(super) fn faults_at(answer: &Answer, pointer: &str) -> Vec<String> {
    let faults = answer.json()["errors"].as_array().cloned().unwrap_or_default();
    let there = faults.iter().filter(|fault| fault["pointer"] == pointer);
    there
        .map(|fault| fault["code"].as_str().unwrap_or_default().to_owned())
        .collect()
}

fn walk(schema: &Value, pointer: &str, places: &mut Vec<Place>) {
    if !pointer.is_empty() {
        places.push(Place {
            pointer: pointer.to_owned(),
            schema: schema.clone(),
        });
    }
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        walk(member, &format!("{pointer}/{name}"), places);
    }
    if schema["items"].is_object() {
        walk(&schema["items"], &format!("{pointer}/0"), places);
    }
}

/// A schema without references: `type` is one word, and `nullable` says whether null is one of its
/// values.
fn plain(document: &Value, schema: &Value) -> Value {
    if let Some(reference) = schema["$ref"].as_str() {
        let pointer = reference.strip_prefix('#').unwrap();
        return plain(document, document.pointer(pointer).unwrap());
    }
    let is_null = |schema: &Value| schema["type"] == "null";
    if let Some(either) = schema["oneOf"].as_array() {
        let mut schema = plain(document, either.iter().find(|option| !is_null(option)).unwrap());
        schema["nullable"] = either.iter().any(is_null).into();
        return schema;
    }
    let mut plainer = schema.clone();
    plainer["nullable"] = false.into();
    if let Some(types) = schema["type"].as_array() {
        plainer["nullable"] = types.contains(&json!("null")).into();
        plainer["type"] = types.iter().find(|word| **word != "null").unwrap().clone();
    }
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        plainer["properties"][name] = plain(document, member);
    }
    if schema["items"].is_object() {
        plainer["items"] = plain(document, &schema["items"]);
    }
    plainer
}
