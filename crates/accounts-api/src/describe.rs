//! What an argument of a handler means to callers.
//!
//! A handler's arguments say who may call it and what it reads, so the document is written from them:
//! each extractor tells its parameters, its body and what it refuses. An extractor that does not say
//! it cannot stand in a route.

use std::collections::BTreeSet;

use accounts_domain::integrations::IntegrationScope;
use actix_web::http::Method;
use actix_web::{HttpRequest, web};
use serde_json::{Value, json};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::problem::Code;

/// An argument of a handler that tells the document about itself.
pub trait Describe {
    /// Whether it judges the caller and so opens the gate ([`crate::gate::opens`]). Only the first
    /// argument of a handler may; another one does not compile.
    const GUARD: bool = false;

    /// Whether it reads the body.
    const BODY: bool = false;

    /// Adds what it means to the description of the operation.
    fn describe(description: &mut Description);
}

/// Which credentials an operation takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Security {
    /// None.
    #[default]
    Public,
    /// An access token.
    Persons,
    /// An access token or an API key.
    PersonsAndKeys,
    /// A key of an integration.
    Integrations,
    /// An access token of an operator.
    Operators,
}

/// What the arguments of a handler say about its operation.
#[derive(Default)]
pub struct Description {
    pub(crate) method: Method,
    pub(crate) parameters: Vec<Value>,
    pub(crate) body: Option<Value>,
    pub(crate) refusals: BTreeSet<Code>,
    pub(crate) schemas: Vec<(String, RefOr<Schema>)>,
    pub(crate) permission: Option<String>,
    pub(crate) security: Security,
    pub(crate) replayed: bool,
    pub(crate) tagged: bool,
}

impl Description {
    /// The description of an operation, empty but for its method.
    pub(crate) fn new(method: Method) -> Self {
        Self {
            method,
            ..Self::default()
        }
    }

    /// The description that the arguments of a handler give.
    pub(crate) fn of<Arguments: Describe>(method: Method) -> Self {
        let mut description = Self::new(method);
        Arguments::describe(&mut description);
        description
    }

    /// The operation needs an access token of a person; without one it answers 401. An API key is not taken, and no
    /// operator in the person's place: 403.
    pub fn secured(&mut self) {
        self.secured_for_sessions();
        self.refuses(Code::ImpersonationRefused);
    }

    /// The same for an operation that operators take in the person's place.
    pub fn secured_for_sessions(&mut self) {
        self.security = Security::Persons;
        self.refuses(Code::Unauthenticated);
        self.refuses(Code::PersonOnly);
    }

    /// The operation needs an access token of an operator; without one it answers 401. Customers are told 404, as if there
    /// were nothing.
    pub fn secured_for_operators(&mut self) {
        self.security = Security::Operators;
        self.refuses(Code::Unauthenticated);
        self.refuses(Code::NotFound);
    }

    /// The operation needs an access token or an API key; without one it answers 401.
    pub fn secured_for_keys(&mut self) {
        self.security = Security::PersonsAndKeys;
        self.refuses(Code::Unauthenticated);
        if self.method != Method::GET {
            self.refuses(Code::TestKeyReadsOnly);
        }
    }

    /// The operation needs a permission in the account of its path (`contacts:manage`, say):
    /// members without it get 403, everybody else 404.
    pub fn needs(&mut self, permission: &str) {
        self.secured_for_keys();
        self.lacks(permission);
    }

    /// The same for an operation that takes no API key.
    pub fn needs_in_person(&mut self, permission: &str) {
        self.secured();
        self.lacks(permission);
    }

    /// The operation needs a key of an integration that has this scope. To customers it is not there.
    pub fn needs_scope(&mut self, scope: IntegrationScope) {
        self.security = Security::Integrations;
        self.refuses(Code::Unauthenticated);
        self.lacks(scope.as_str());
        if !scope.reads() {
            self.refuses(Code::TestKeyReadsOnly);
        }
    }

    fn lacks(&mut self, permission: &str) {
        self.permission = Some(permission.to_owned());
        self.refuses(Code::Forbidden);
        self.refuses(Code::NotFound);
    }

    /// The operation may answer with this code.
    pub fn refuses(&mut self, code: Code) {
        self.refusals.insert(code);
    }

    /// Adds a parameter, as an OpenAPI Parameter Object. A second of the same name and place is left
    /// out, because a guard and a path argument may read the same one.
    pub fn parameter(&mut self, parameter: Value) {
        let same = |other: &Value| other.get("name") == parameter.get("name") && other.get("in") == parameter.get("in");
        if !self.parameters.iter().any(same) {
            self.parameters.push(parameter);
        }
    }

    /// Adds a parameter of the path, with its schema. A value that is not of it is 404.
    pub fn path(&mut self, name: &str, description: &str, schema: &Value) {
        self.refuses(Code::NotFound);
        self.parameter(json!({
            "name": name, "in": "path", "required": true, "description": description, "schema": schema,
        }));
    }

    /// Adds an id in the path: `account` of the kind `acc`, say (TypeID text form).
    pub fn path_id(&mut self, name: &str, kind: &str, description: &str) {
        self.path(name, description, &id_schema(kind));
    }

    /// Adds an optional query parameter. A value that is not of its schema is 400.
    pub fn query(&mut self, name: &str, description: &str, schema: &Value) {
        self.parameter(json!({
            "name": name, "in": "query", "required": false, "description": description, "schema": schema,
        }));
    }

    /// Adds an optional header. A value that is not of its schema is 400.
    pub fn header(&mut self, name: &str, description: &str, schema: &Value) {
        self.parameter(json!({
            "name": name, "in": "header", "required": false, "description": description, "schema": schema,
        }));
    }

    /// The operation reads a body of this type.
    pub fn body<B: ToSchema>(&mut self, media_type: &str) {
        let name = B::name().into_owned();
        let reference = format!("#/components/schemas/{name}");
        self.body = Some(json!({
            "required": true,
            "content": { media_type: { "schema": { "$ref": reference } } },
        }));
        self.schemas.push((name, <B as PartialSchema>::schema()));
        B::schemas(&mut self.schemas);
    }

    /// The names of the query parameters.
    pub(crate) fn query_names(&self) -> Vec<String> {
        let query = self
            .parameters
            .iter()
            .filter(|parameter| parameter.get("in") == Some(&json!("query")));
        query
            .filter_map(|parameter| parameter.get("name")?.as_str().map(str::to_owned))
            .collect()
    }
}

/// The schema of an id: a kind, and a UUIDv7 in Crockford's base 32 (TypeID 0.3).
pub fn id_schema(kind: &str) -> Value {
    json!({
        "type": "string",
        "pattern": format!("^{kind}_[0-7][0-9a-hjkmnp-tv-z]{{25}}$"),
        "minLength": kind.len() + 27,
        "maxLength": kind.len() + 27,
    })
}

/// Answers other than success and problems, to name in `responses(…)` of a handler.
pub mod answer {
    use std::collections::BTreeMap;

    use utoipa::IntoResponses;
    use utoipa::openapi::{RefOr, Response, ResponseBuilder};

    /// The caller has this state already: 304 for `If-None-Match`. Every answer with a tag may be
    /// one, by itself.
    #[derive(Debug, Clone, Copy)]
    pub struct NotModified;

    impl IntoResponses for NotModified {
        fn responses() -> BTreeMap<String, RefOr<Response>> {
            let response = ResponseBuilder::new().description("The caller has this state already.");
            BTreeMap::from([("304".to_owned(), RefOr::T(response.build()))])
        }
    }
}

impl Describe for () {
    fn describe(_: &mut Description) {}
}

impl Describe for HttpRequest {
    fn describe(_: &mut Description) {}
}

impl<T: ?Sized + 'static> Describe for web::Data<T> {
    fn describe(_: &mut Description) {}
}

macro_rules! arguments {
    ($first:ident $($rest:ident)*) => {
        impl<$first: Describe, $($rest: Describe),*> Describe for ($first, $($rest,)*) {
            const GUARD: bool = {
                $(assert!(!$rest::GUARD, "the guard is the first argument of its handler");)*
                $first::GUARD
            };
            const BODY: bool = $first::BODY $(|| $rest::BODY)*;

            fn describe(description: &mut Description) {
                $first::describe(description);
                $($rest::describe(description);)*
            }
        }
    };
}

arguments!(A);
arguments!(A B);
arguments!(A B C);
arguments!(A B C D);
arguments!(A B C D E);
arguments!(A B C D E F);
arguments!(A B C D E F G);
arguments!(A B C D E F G H);
arguments!(A B C D E F G H I);
arguments!(A B C D E F G H I J);

#[cfg(test)]
mod tests {
    use super::*;

    struct Guard;
    struct Named;

    impl Describe for Guard {
        const GUARD: bool = true;

        fn describe(description: &mut Description) {
            description.needs("contacts:manage");
            description.path_id("account", "acc", "The account.");
        }
    }

    impl Describe for Named {
        fn describe(description: &mut Description) {
            description.path_id("account", "acc", "The account.");
            description.query("role", "Only of this role.", &json!({"type": "string"}));
        }
    }

    #[test]
    fn arguments_add_up() {
        let description = Description::of::<(Guard, Named, HttpRequest)>(Method::GET);
        assert_eq!(description.parameters.len(), 2);
        assert_eq!(description.query_names(), ["role"]);
        assert_eq!(description.permission.as_deref(), Some("contacts:manage"));
        assert!(description.refusals.contains(&Code::Forbidden));
        const { assert!(<(Guard, Named)>::GUARD) };
        const { assert!(!<(Named,)>::GUARD) };
    }
}
