use actix_web::body::to_bytes;
use actix_web::http::StatusCode;
use actix_web::middleware::from_fn;
use actix_web::test::{TestRequest, call_service, init_service};
use actix_web::{App, FromRequest};
use serde_json::{Value, json};

use super::*;
use crate::edge::edge;
use crate::path::path_values;
use crate::reply::Reply;
use crate::settings::{PublicUrl, Secret};

path_values! {
    /// The thing.
    PathThing(u32) = "thing", json!({"type": "integer", "minimum": 0});
}

/// A caller that an `authorization` header makes known.
struct Caller;

impl FromRequest for Caller {
    type Error = Problem;
    type Future = LocalFuture<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let known = request.headers().contains_key("authorization");
        crate::gate::opens(request, async move {
            tokio::task::yield_now().await;
            if known {
                Ok(Self)
            } else {
                Err(Problem::unauthenticated(false))
            }
        })
    }
}

impl Describe for Caller {
    const GUARD: bool = true;

    fn describe(description: &mut Description) {
        description.secured();
    }
}

/// List things
#[utoipa::path(get, path = "/v1/things", tag = "things", responses((status = 200)))]
async fn list_things(_: Caller) -> Result<Reply, Problem> {
    Ok(Reply::ok(&json!([1, 2, 3])))
}

/// Make a thing
#[utoipa::path(post, path = "/v1/things", tag = "things", responses((status = 201)))]
async fn make_thing(_: Caller) -> Result<Reply, Problem> {
    Ok(Reply::created("/v1/things/7", &json!({"id": 7})))
}

/// Read a thing
#[utoipa::path(get, path = "/v1/things/{thing}", tag = "things", responses((status = 200)))]
async fn read_thing(_: Caller, thing: PathThing) -> Result<Reply, Problem> {
    Ok(Reply::ok(&json!({"id": thing.0})))
}

/// Read the present thing
#[utoipa::path(get, path = "/v1/things/current", tag = "things", responses((status = 200)))]
async fn read_current_thing() -> Result<Reply, Problem> {
    Ok(Reply::ok(&json!({"id": "current"})))
}

/// Break
#[utoipa::path(get, path = "/v1/things/{thing}/break", tag = "things", responses((status = 200)))]
async fn break_thing(thing: PathThing) -> Result<Reply, Problem> {
    if thing.0 == 0 {
        tokio::time::sleep(Duration::from_mins(1)).await;
    }
    assert_ne!(thing.0, 13, "broken");
    Ok(Reply::no_content())
}

fn things() -> Routes {
    routes![list_things, make_thing, read_thing, read_current_thing, break_thing]
}

async fn ask(request: TestRequest) -> (StatusCode, String, Value) {
    let secret = Secret::new(&[7; 32]).unwrap();
    let mut settings = ApiSettings::new(PublicUrl::parse("http://a.example").unwrap(), secret);
    settings.request_deadline = Duration::from_millis(200);
    let app = App::new()
        .app_data(Data::new(settings))
        .configure(things().configure())
        .wrap(from_fn(edge));
    let app = init_service(app).await;
    let response = call_service(&app, request.to_request()).await;
    let status = response.status();
    let allow = response
        .headers()
        .get(ALLOW)
        .map_or("", |value| value.to_str().unwrap())
        .to_owned();
    let body = to_bytes(response.into_body()).await.unwrap();
    (status, allow, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

fn get(path: &str) -> TestRequest {
    TestRequest::get().uri(path)
}

fn known(request: TestRequest) -> TestRequest {
    request.insert_header(("authorization", "Bearer x"))
}

#[actix_web::test]
async fn handlers_are_found_by_path_and_method() {
    assert_eq!(ask(known(get("/v1/things"))).await.2, json!([1, 2, 3]));
    assert_eq!(ask(known(get("/v1/things/7"))).await.2, json!({"id": 7}));
    assert_eq!(ask(known(get("/v1/things/%37"))).await.2, json!({"id": 7}));
    assert_eq!(ask(get("/v1/things/current")).await.2, json!({"id": "current"}));
    assert_eq!(ask(known(TestRequest::post().uri("/v1/things"))).await.0, 201);
}

#[actix_web::test]
async fn a_wrong_method_is_405_with_what_is_allowed() {
    for method in ["DELETE", "PATCH", "TRACE", "OPTIONS", "QUERY"] {
        let request = get("/v1/things").method(Method::from_bytes(method.as_bytes()).unwrap());
        let (status, allow, body) = ask(request).await;
        assert_eq!(status, 405, "{method}");
        assert_eq!(allow, "GET, HEAD, POST");
        assert_eq!(body["code"], "method-not-allowed");
    }
}

#[actix_web::test]
async fn an_unknown_path_is_a_problem() {
    for path in [
        "/",
        "/v1",
        "/v1/things/",
        "/v1//things",
        "/v1/things/7/8",
        "/.git/config",
        "/v1/Things",
    ] {
        let (status, _, body) = ask(known(get(path))).await;
        assert_eq!(status, 404, "{path}");
        assert_eq!(body["code"], "not-found");
    }
}

#[actix_web::test]
async fn nothing_is_judged_before_the_caller_is_known() {
    assert_eq!(ask(get("/v1/things/x?y=1")).await.0, 401);
    assert_eq!(ask(known(get("/v1/things/x?y=1"))).await.0, 404);
    let (status, _, body) = ask(known(get("/v1/things/7?y=1&z"))).await;
    assert_eq!(status, 400);
    assert_eq!(body["errors"].as_array().unwrap().len(), 2);
    assert_eq!(
        body["errors"][0],
        json!({"parameter": "y", "in": "query", "code": "unknown-parameter", "detail": "There is no such parameter."})
    );
}

#[actix_web::test]
async fn unknown_parameters_are_refused_even_without_arguments() {
    assert_eq!(ask(get("/v1/things/current?y=1")).await.0, 400);
}

#[actix_web::test]
async fn a_body_is_refused_where_none_is_taken() {
    let request = known(TestRequest::post().uri("/v1/things")).set_payload("{}");
    let request = request.insert_header(("content-length", "2"));
    assert_eq!(ask(request).await.0, 400);
    let request = known(TestRequest::post().uri("/v1/things"));
    assert_eq!(ask(request.insert_header(("content-length", "0"))).await.0, 201);
}

#[actix_web::test]
async fn a_panic_is_500_and_a_late_answer_503() {
    let (status, _, body) = ask(get("/v1/things/13/break")).await;
    assert_eq!((status.as_u16(), body["code"].as_str()), (500, Some("internal")));
    assert!(!body.to_string().contains("broken"));
    let (status, _, body) = ask(get("/v1/things/0/break")).await;
    assert_eq!((status.as_u16(), body["code"].as_str()), (503, Some("unavailable")));
}

#[test]
fn the_list_of_operations_is_the_routes() {
    let list = things().and(Routes::default()).list();
    assert_eq!(list.len(), 5);
    assert_eq!(list[0], (Method::GET, "/v1/things".to_owned()));
}

#[test]
fn a_template_knows_where_its_values_stand() {
    let template = Template::new("/v1/things/{thing}/parts/{part}");
    assert_eq!(template.path(), "/v1/things/{thing}/parts/{part}");
    let value = |name| template.value("/v1/things/a%2Fb/parts/7", name);
    assert_eq!(value("thing"), Some("a%2Fb"));
    assert_eq!(value("part"), Some("7"));
    assert_eq!(value("things"), None);
}
