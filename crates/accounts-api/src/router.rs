//! One list of operations: the routes, the 405s and the document all come out of it.
//!
//! A noun's file ends in `pub(crate) fn routes() -> Routes { routes![list_contacts, create_contact] }`.
//! The paths become a tree by their segments, so that a request is found by comparing a few names,
//! however many operations there are. The template that it was found under knows where the values
//! stand.

mod tree;

use std::rc::Rc;
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{Handler, Payload, ServiceRequest, ServiceResponse, fn_service};
use actix_web::http::Method;
use actix_web::http::header::{ALLOW, CONTENT_LENGTH, HeaderValue, TRANSFER_ENCODING};
use actix_web::web::{Data, ServiceConfig};
use actix_web::{FromRequest, HttpMessage, HttpRequest, HttpResponse, Responder};
use serde_json::Value;
use utoipa::openapi::path::HttpMethod;
use utoipa::openapi::{RefOr, Schema};
use utoipa_actix_web::OpenApiFactory;

use crate::body;
use crate::deadline;
use crate::describe::{Describe, Description};
use crate::gate::{Gate, LocalFuture, Rank};
use crate::problem::{Code, Fault, FieldCode, Place, Problem};
use crate::query;
use crate::settings::ApiSettings;
use tree::Tree;
pub(crate) use tree::{Template, path_of};

/// The operations of one noun, or of all of them.
#[derive(Default)]
pub struct Routes(Vec<Route>);

/// One operation.
pub(crate) struct Route {
    /// The path as the document writes it: `/v1/accounts/{account}`.
    pub(crate) path: String,
    /// The method.
    pub(crate) method: Method,
    /// What the document says about it. It is written only when somebody asks.
    pub(crate) documented: Box<dyn Fn() -> Documented>,
    endpoint: Rc<Endpoint>,
}

/// What the annotation and the arguments of a handler say.
pub(crate) struct Documented {
    /// From `#[utoipa::path(…)]`, as an OpenAPI Operation Object.
    pub(crate) operation: Value,
    /// The types that it answers with.
    pub(crate) schemas: Vec<(String, RefOr<Schema>)>,
    /// From its arguments.
    pub(crate) description: Description,
}

/// Lists handlers of this file, each an `async fn` under `#[utoipa::path(…)]`.
macro_rules! routes {
    ($($handler:ident),* $(,)?) => {
        pastey::paste! {
            $crate::router::Routes::default()$(.add([<__path_ $handler>], $handler))*
        }
    };
}
pub(crate) use routes;

impl Routes {
    /// Adds a handler with the type that `#[utoipa::path(…)]` made for it; use `routes!`.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "a handler is the name of a function")]
    pub fn add<P, F, Arguments>(mut self, document: P, handler: F) -> Self
    where
        P: utoipa::Path + OpenApiFactory + 'static,
        F: Handler<Arguments>,
        F::Output: Responder + 'static,
        Arguments: FromRequest + Describe + 'static,
    {
        let document = Rc::new(document);
        for method in P::methods() {
            let method = method_of(&method);
            let described = method.clone();
            let document = Rc::clone(&document);
            self.0.push(Route {
                path: P::path(),
                endpoint: Rc::new(Endpoint::new(&method, handler.clone())),
                method,
                documented: Box::new(move || {
                    let mut schemas = Vec::new();
                    OpenApiFactory::schemas(document.as_ref(), &mut schemas);
                    Documented {
                        operation: operation(document.as_ref(), &P::path(), &described),
                        schemas,
                        description: Description::of::<Arguments>(described.clone()),
                    }
                }),
            });
        }
        self
    }

    /// These and those.
    #[must_use]
    pub fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    /// Every operation as method and path, in the order in which they were listed.
    pub fn list(&self) -> Vec<(Method, String)> {
        self.0
            .iter()
            .map(|route| (route.method.clone(), route.path.clone()))
            .collect()
    }

    /// The operations themselves, for the document.
    pub(crate) fn all(&self) -> &[Route] {
        &self.0
    }

    /// Serves the operations from an application, and answers 404 and 405 for everything that no
    /// other service of it takes. Each worker builds its own.
    pub fn configure(self) -> impl FnOnce(&mut ServiceConfig) {
        let mut tree = Tree::default();
        for route in self.0 {
            tree.insert(&route.path, route.method, route.endpoint);
        }
        let tree = Rc::new(tree);
        move |config| {
            config.default_service(fn_service(move |request: ServiceRequest| {
                let tree = Rc::clone(&tree);
                async move { Ok(dispatch(&tree, request).await) }
            }));
        }
    }
}

/// What the annotation says about one method of its path. `P::operation()` would lack the tags.
fn operation(document: &impl OpenApiFactory, path: &str, method: &Method) -> Value {
    let paths = serde_json::to_value(document.paths()).unwrap_or_default();
    let item = paths
        .get(path)
        .and_then(|item| item.get(method.as_str().to_ascii_lowercase()));
    item.cloned().unwrap_or_default()
}

fn method_of(method: &HttpMethod) -> Method {
    match method {
        HttpMethod::Get => Method::GET,
        HttpMethod::Post => Method::POST,
        HttpMethod::Put => Method::PUT,
        HttpMethod::Delete => Method::DELETE,
        HttpMethod::Options => Method::OPTIONS,
        HttpMethod::Head => Method::HEAD,
        HttpMethod::Patch => Method::PATCH,
        HttpMethod::Trace => Method::TRACE,
    }
}

async fn dispatch(tree: &Tree, request: ServiceRequest) -> ServiceResponse {
    let Some(leaf) = tree.find(request.match_info().unprocessed()) else {
        return request.error_response(Problem::not_found());
    };
    request.extensions_mut().insert(leaf.template());
    let Some(endpoint) = leaf.endpoint(request.method()) else {
        let allowed = leaf.allowed();
        let mut problem = Problem::new(Code::MethodNotAllowed).with("allow", allowed.as_str());
        if let Ok(value) = HeaderValue::from_str(&allowed) {
            problem = problem.header(ALLOW, value);
        }
        return request.error_response(problem);
    };
    let (request, payload) = request.into_parts();
    let limit = request
        .app_data::<Data<ApiSettings>>()
        .map_or(Duration::from_secs(30), |settings| settings.request_deadline);
    let work = (endpoint.serve)(request.clone(), payload, Rc::clone(&endpoint));
    let response = match deadline::bounded(limit, work).await {
        Ok(response) => response,
        Err(problem) => HttpResponse::from_error(problem),
    };
    ServiceResponse::new(request, response)
}

/// A handler, ready to be called with a request.
pub(crate) struct Endpoint {
    guarded: bool,
    takes_body: bool,
    query: Vec<String>,
    serve: Serve,
}

type Serve = Box<dyn Fn(HttpRequest, Payload, Rc<Endpoint>) -> LocalFuture<HttpResponse>>;

impl Endpoint {
    fn new<F, Arguments>(method: &Method, handler: F) -> Self
    where
        F: Handler<Arguments>,
        F::Output: Responder + 'static,
        Arguments: FromRequest + Describe + 'static,
    {
        Self {
            guarded: Arguments::GUARD,
            takes_body: Arguments::BODY,
            query: Description::of::<Arguments>(method.clone()).query_names(),
            serve: Box::new(move |request, payload, endpoint| {
                let handler = handler.clone();
                Box::pin(serve(handler, request, payload, endpoint))
            }),
        }
    }

    /// Lays down at the gate what no argument would see: parameters that none of them reads, and a
    /// body where none reads one.
    fn inspect(&self, request: &HttpRequest, gate: &Gate) {
        if !self.takes_body && has_length(request) {
            gate.lay_down(Rank::Media, unexpected_body());
        }
        let unknown = query::unknown(request.query_string(), &self.query);
        if !unknown.is_empty() {
            gate.lay_down(Rank::Value, Problem::bad_request(unknown));
        }
    }
}

fn unexpected_body() -> Problem {
    Problem::bad_request(vec![Fault::at(
        Place::Pointer(String::new()),
        FieldCode::UnexpectedBody.into(),
    )])
}

fn has_length(request: &HttpRequest) -> bool {
    request
        .headers()
        .get(CONTENT_LENGTH)
        .is_some_and(|length| length != "0")
}

/// Where no argument reads a body: some clients announce chunks and send none, which only shows by reading.
async fn expect_no_chunks(request: &HttpRequest, payload: Payload) -> Result<(), Problem> {
    if !request.headers().contains_key(TRANSFER_ENCODING) {
        return Ok(());
    }
    match body::receive(request, payload, 0).await {
        Ok(_) => Ok(()),
        Err(problem) if problem.code() == Code::PayloadTooLarge => Err(unexpected_body()),
        Err(problem) => Err(problem),
    }
}

async fn serve<F, Arguments>(
    handler: F,
    request: HttpRequest,
    mut payload: Payload,
    endpoint: Rc<Endpoint>,
) -> HttpResponse
where
    F: Handler<Arguments>,
    F::Output: Responder + 'static,
    Arguments: FromRequest + Describe + 'static,
{
    let gate = Gate::set_up(&request, endpoint.guarded);
    endpoint.inspect(&request, &gate);
    let arguments = match Arguments::from_request(&request, &mut payload).await {
        Ok(arguments) => arguments,
        Err(error) => return HttpResponse::from_error(error),
    };
    // A handler without an argument that waits at the gate never asked for the fault.
    if let Some(problem) = gate.fault() {
        return HttpResponse::from_error(problem);
    }
    if !endpoint.takes_body
        && let Err(problem) = expect_no_chunks(&request, payload).await
    {
        return HttpResponse::from_error(problem);
    }
    let response = handler.call(arguments).await.respond_to(&request);
    response.map_body(|_, body| body.boxed())
}

#[cfg(test)]
mod tests;
