use actix_web::body::to_bytes;
use actix_web::http::header::{ACCEPT_LANGUAGE, ALLOW, VARY};
use actix_web::middleware::from_fn;
use actix_web::test::{TestRequest, call_service, init_service};
use actix_web::{App, HttpServer, web};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::reply::Reply;
use crate::router::{Routes, routes};
use crate::settings::{PublicUrl, Secret};

/// Say hello
#[utoipa::path(get, path = "/hello", tag = "test", responses((status = 200)))]
async fn hello() -> Result<Reply, Problem> {
    Ok(Reply::ok(&json!({"hello": "world"})).version(1))
}

fn settings() -> ApiSettings {
    let secret = Secret::new(&[7; 32]).unwrap();
    let mut settings = ApiSettings::new(PublicUrl::parse("https://a.example").unwrap(), secret);
    settings.cors_origins = vec!["https://app.example".to_owned()];
    settings
}

fn hellos() -> Routes {
    routes![hello]
}

async fn ask(request: TestRequest) -> (ServiceResponse<()>, Value) {
    let app = App::new()
        .app_data(Data::new(settings()))
        .app_data(Data::new(Metrics::new().unwrap()))
        .service(web::resource("/framework").to(async || HttpResponse::BadRequest()))
        .configure(hellos().configure())
        .wrap(from_fn(edge));
    let app = init_service(app).await;
    let response = call_service(&app, request.to_request()).await;
    let (request, response) = response.into_parts();
    let (response, body) = response.into_parts();
    let body = to_bytes(body).await.unwrap();
    (
        ServiceResponse::new(request, response),
        serde_json::from_slice(&body).unwrap_or(Value::Null),
    )
}

fn header<'a>(response: &'a ServiceResponse<()>, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

#[actix_web::test]
async fn every_answer_bears_the_common_headers() {
    for path in ["/hello", "/nowhere", "/framework"] {
        let request = TestRequest::get().uri(path).insert_header(("x-request-id", "mine-1"));
        let (response, _) = ask(request).await;
        assert_eq!(header(&response, "x-request-id"), "mine-1");
        assert_eq!(header(&response, "x-content-type-options"), "nosniff");
        assert_eq!(header(&response, "referrer-policy"), "no-referrer");
        assert!(header(&response, "strict-transport-security").starts_with("max-age="));
        assert!(!header(&response, "cache-control").is_empty());
        assert!(header(&response, "content-type").ends_with("charset=utf-8"));
    }
}

#[actix_web::test]
async fn problems_are_told_in_the_callers_language() {
    let request = TestRequest::get()
        .uri("/nowhere")
        .insert_header((ACCEPT_LANGUAGE, "fr-CH, en;q=0.2"));
    let (response, body) = ask(request).await;
    assert_eq!(response.status(), 404);
    assert_eq!(body["title"], "Introuvable");
    assert_eq!(body["type"], "https://a.example/problems/not-found");
    assert_eq!(body["request_id"], header(&response, "x-request-id"));
    assert_eq!(header(&response, "content-language"), "fr");
    assert_eq!(header(&response, "vary"), "accept-language, origin");
}

#[actix_web::test]
async fn an_error_of_the_framework_becomes_a_problem() {
    let (response, body) = ask(TestRequest::get().uri("/framework")).await;
    assert_eq!(response.status(), 400);
    assert_eq!(body["code"], "bad-request");
    assert_eq!(
        header(&response, "content-type"),
        "application/problem+json; charset=utf-8"
    );
}

#[actix_web::test]
async fn a_preflight_is_answered_for_listed_origins_only() {
    let preflight = |origin: &'static str| {
        TestRequest::default()
            .method(Method::OPTIONS)
            .uri("/hello")
            .insert_header(("origin", origin))
            .insert_header(("access-control-request-method", "PATCH"))
    };
    let (response, _) = ask(preflight("https://app.example")).await;
    assert_eq!(response.status(), 204);
    assert_eq!(header(&response, "access-control-allow-origin"), "https://app.example");
    assert!(header(&response, "access-control-allow-methods").contains("PATCH"));
    assert!(header(&response, "access-control-allow-headers").contains("authorization"));
    for evil in ["https://evil.example", "null"] {
        let (response, _) = ask(preflight(evil)).await;
        assert_eq!(response.status(), 405);
        assert!(response.headers().contains_key(ALLOW));
        assert!(!response.headers().contains_key("access-control-allow-origin"));
        assert!(header(&response, VARY.as_str()).contains("origin"));
    }
}

#[actix_web::test]
async fn answers_are_readable_for_listed_origins_and_say_what() {
    let request = TestRequest::get()
        .uri("/hello")
        .insert_header(("origin", "https://app.example"));
    let (response, _) = ask(request).await;
    assert_eq!(header(&response, "access-control-allow-origin"), "https://app.example");
    assert_eq!(
        header(&response, "access-control-expose-headers"),
        "etag, location, link, x-request-id, retry-after, deprecation, sunset"
    );
    assert!(!response.headers().contains_key("access-control-allow-credentials"));
}

/// The bytes that a server answers on a connection that is closed after the request.
async fn raw(request: &str) -> String {
    let server = HttpServer::new(|| {
        App::new()
            .app_data(Data::new(settings()))
            .configure(hellos().configure())
            .wrap(from_fn(edge))
    });
    let server = server.workers(1).bind(("127.0.0.1", 0)).unwrap();
    let address = server.addrs()[0];
    let server = server.run();
    let handle = server.handle();
    actix_web::rt::spawn(server);
    let mut connection = tokio::net::TcpStream::connect(address).await.unwrap();
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    handle.stop(false).await;
    answer
}

#[actix_web::test]
async fn head_says_what_get_would_and_sends_no_body() {
    let ask = async |method: &str| {
        raw(&format!(
            "{method} /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        ))
        .await
    };
    let (get, head) = (ask("GET").await, ask("HEAD").await);
    let (_, body) = get.split_once("\r\n\r\n").unwrap();
    assert_eq!(body, r#"{"hello":"world"}"#);
    let (head, nothing) = head.split_once("\r\n\r\n").unwrap();
    assert_eq!(nothing, "");
    assert!(head.starts_with("HTTP/1.1 200"));
    assert!(head.contains("content-length: 17"), "{head}");
    assert!(head.contains("etag: \"v1\""), "{head}");
    let unknown = raw("HEAD /nowhere HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert!(unknown.starts_with("HTTP/1.1 404") && unknown.ends_with("\r\n\r\n"));
}

#[actix_web::test]
async fn requests_are_counted_by_template() {
    let metrics = Metrics::new().unwrap();
    let app = App::new()
        .app_data(Data::new(settings()))
        .app_data(Data::new(metrics.clone()))
        .configure(hellos().configure())
        .wrap(from_fn(edge));
    let app = init_service(app).await;
    for path in ["/hello?a=secret", "/hello", "/nowhere-7"] {
        call_service(&app, TestRequest::get().uri(path).to_request()).await;
    }
    let text = String::from_utf8(metrics.render().unwrap()).unwrap();
    assert!(
        text.contains(r#"{method="GET",path="/hello",status="200"} 1"#),
        "{text}"
    );
    assert!(
        text.contains(r#"{method="GET",path="/hello",status="400"} 1"#),
        "{text}"
    );
    assert!(text.contains(r#"{method="GET",path="none",status="404"} 1"#), "{text}");
    assert!(!text.contains("secret") && !text.contains("nowhere"));
}
