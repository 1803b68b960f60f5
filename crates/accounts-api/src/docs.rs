//! The OpenAPI document, and Swagger UI over it. Its files ship inside the binary.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use actix_web::http::header::{CONTENT_SECURITY_POLICY, HeaderValue};
use utoipa_swagger_ui::Config;

use crate::describe::answer;
use crate::path::path_values;
use crate::problem::{Problem, refusal};
use crate::reply::Reply;
use crate::router::{Routes, routes};
use crate::{app, document, html};

const INDEX: &str = include_str!("docs/index.html");

/// The files of Swagger UI that the page needs, with their media types. The others that it ships are
/// not served.
const FILES: [(&str, &str); 6] = [
    ("favicon-32x32.png", "image/png"),
    ("index.css", "text/css; charset=utf-8"),
    ("swagger-initializer.js", "text/javascript; charset=utf-8"),
    ("swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
    ("swagger-ui-standalone-preset.js", "text/javascript; charset=utf-8"),
    ("swagger-ui.css", "text/css; charset=utf-8"),
];

/// Swagger UI sets styles on its elements and draws icons from `data:` addresses. It runs its own
/// files only and calls this service only.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
);

/// Kept, but asked for again each time, so that a new version is seen at once.
const KEPT: &str = "no-cache";

static CONFIG: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| {
    // Relative to the page, so that it is found below whatever path the service is reached at.
    let config = Config::new(["openapi.json"])
        .deep_linking(true)
        .try_it_out_enabled(true)
        .persist_authorization(true)
        .display_request_duration(true)
        // Else it would show the document to a validator in the internet.
        .validator_url("none")
        .use_base_layout();
    Arc::new(config)
});

/// The document, written and tagged once for all workers. Its readers share its bytes, however slowly they read.
static DOCUMENT: LazyLock<Reply> = LazyLock::new(|| {
    let text = document::text(&app::openapi());
    Reply::bytes("application/json; charset=utf-8", text.into_bytes())
        .cache("public, max-age=300")
        .tagged_by_body()
});

/// The files that are there, in the same way.
static SHOWN: LazyLock<BTreeMap<&'static str, Reply>> = LazyLock::new(|| {
    let shown = FILES.into_iter().filter_map(|(name, media_type)| {
        let file = utoipa_swagger_ui::serve(name, Arc::clone(&CONFIG)).ok()??;
        let reply = Reply::bytes(media_type, file.bytes.into_owned()).cache(KEPT);
        Some((name, reply.tagged_by_body()))
    });
    shown.collect()
});

path_values! {
    /// The name of the file.
    PathFile(String) = "file", serde_json::json!({"type": "string", "enum": FILES.map(|(name, _)| name)});
}

pub(crate) fn routes() -> Routes {
    routes![show_start, show_docs, read_docs_file, read_openapi_document]
}

/// Read the OpenAPI document
///
/// This document, for tools. It changes with the version of the service only.
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "pages",
    responses(
        (status = 200, description = "The document.", content_type = "application/json", body = Object),
        answer::NotModified,
    )
)]
async fn read_openapi_document() -> Reply {
    DOCUMENT.clone()
}

/// Start here
///
/// The same page as `/docs`, for whoever opens the bare address of the service.
#[utoipa::path(
    get,
    path = "/",
    tag = "pages",
    responses(
        (status = 200, description = "The page.", content_type = "text/html", body = String),
        answer::NotModified,
    )
)]
async fn show_start() -> Reply {
    index()
}

/// Try the API out
///
/// Swagger UI over the OpenAPI document.
#[utoipa::path(
    get,
    path = "/docs",
    tag = "pages",
    responses(
        (status = 200, description = "The page.", content_type = "text/html", body = String),
        answer::NotModified,
    )
)]
async fn show_docs() -> Reply {
    index()
}

/// Read a file of Swagger UI
///
/// What the page at `/docs` is made of.
#[utoipa::path(
    get,
    path = "/docs/{file}",
    tag = "pages",
    responses(
        (status = 200, description = "The file.", content(
            (String = "text/css"),
            (String = "text/javascript"),
            (String = "image/png"),
        )),
        answer::NotModified,
        refusal::NotFound,
    )
)]
async fn read_docs_file(PathFile(file): PathFile) -> Result<Reply, Problem> {
    SHOWN.get(file.as_str()).cloned().ok_or_else(Problem::not_found)
}

fn index() -> Reply {
    Reply::bytes(html::MEDIA_TYPE, INDEX.as_bytes().to_vec())
        .header(CONTENT_SECURITY_POLICY, POLICY)
        .cache(KEPT)
        .tagged_by_body()
}

#[cfg(test)]
mod tests {
    use actix_web::body::to_bytes;
    use actix_web::http::StatusCode;
    use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
    use actix_web::test::TestRequest;
    use actix_web::{HttpResponse, Responder};
    use serde_json::Value;

    use super::*;
    use crate::problem::Code;

    async fn text(response: HttpResponse) -> String {
        String::from_utf8(to_bytes(response.into_body()).await.unwrap().to_vec()).unwrap()
    }

    #[actix_web::test]
    async fn the_page_is_made_of_files_that_are_served_and_of_nothing_else() {
        let request = TestRequest::get().to_http_request();
        let response = index().respond_to(&request);
        assert_eq!(response.headers().get(CONTENT_SECURITY_POLICY).unwrap(), POLICY);
        let html = text(response).await;
        let mut named: Vec<&str> = html
            .split("docs/")
            .skip(1)
            .map(|rest| rest.split('"').next().unwrap())
            .collect();
        named.sort_unstable();
        assert_eq!(named, FILES.map(|(name, _)| name));
        for (name, media_type) in FILES {
            let reply = read_docs_file(PathFile(name.to_owned())).await.unwrap();
            let response = reply.respond_to(&request);
            assert_eq!(response.headers().get(CONTENT_TYPE).unwrap(), media_type);
            assert!(to_bytes(response.into_body()).await.unwrap().len() > 100, "{name}");
        }
        // The policy allows no script in the page itself.
        for script in html.split("<script").skip(1) {
            assert!(
                script.starts_with(" src=\"docs/") && script.contains("\"></script>"),
                "{script}"
            );
        }
        assert!(!html.contains("style="));
        assert!(!html.contains("//"));
    }

    #[actix_web::test]
    async fn swagger_ui_reads_our_document_and_asks_nobody_else() {
        let reply = read_docs_file(PathFile("swagger-initializer.js".to_owned()))
            .await
            .unwrap();
        let script = text(reply.respond_to(&TestRequest::get().to_http_request())).await;
        for setting in [
            r#""url": "openapi.json""#,
            r#""deepLinking": true"#,
            r#""tryItOutEnabled": true"#,
            r#""persistAuthorization": true"#,
            r#""validatorUrl": "none""#,
            r##""dom_id": "#swagger-ui""##,
        ] {
            assert!(script.contains(setting), "{setting} in {script}");
        }
        assert!(!script.contains("petstore"));
    }

    #[actix_web::test]
    async fn no_other_file_is_served() {
        for name in [
            "",
            "index.html",
            "oauth2-redirect.html",
            "../Cargo.toml",
            "swagger-ui.js",
        ] {
            let refused = read_docs_file(PathFile(name.to_owned())).await.unwrap_err();
            assert_eq!(refused.code(), Code::NotFound, "{name}");
        }
    }

    #[actix_web::test]
    async fn the_document_is_kept_and_told_once() {
        let request = TestRequest::get().to_http_request();
        let response = read_openapi_document().await.respond_to(&request);
        assert_eq!(response.headers().get(CACHE_CONTROL).unwrap(), "public, max-age=300");
        let tag = response.headers().get(ETAG).unwrap().clone();
        let document: Value = serde_json::from_str(&text(response).await).unwrap();
        assert!(document["paths"]["/openapi.json"]["get"].is_object());
        let again = TestRequest::get().insert_header((IF_NONE_MATCH, tag)).to_http_request();
        let response = read_openapi_document().await.respond_to(&again);
        assert_eq!(response.status(), StatusCode::NOT_MODIFIED);
    }
}
