//! Whether the process lives, and whether it can answer.

use std::fmt::Display;
use std::future::Future;
use std::time::Duration;

use actix_web::web::Data;
use serde::Serialize;
use tokio::time::timeout;
use utoipa::ToSchema;

use crate::problem::Problem;
use crate::reply::Reply;
use crate::router::{Routes, routes};
use crate::service::Service;

/// How long the database has to answer.
const PATIENCE: Duration = Duration::from_secs(1);

pub(crate) fn routes() -> Routes {
    routes![read_health, read_readiness]
}

/// The state of the service. No more is told, because anybody may ask.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    /// Always `ok`: whatever is not answers another status.
    #[schema(example = "ok")]
    status: &'static str,
}

const OK: Health = Health { status: "ok" };

/// Does the process live?
///
/// Asks no database. Whoever gets no answer may restart the process.
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "health",
    responses((status = 200, description = "It lives.", body = Health))
)]
async fn read_health() -> Reply {
    Reply::ok(&OK)
}

/// Can the service answer?
///
/// Asks the database, too, and gives it a second. Whoever gets 503 sends requests to another
/// instance for a while; a process that is told to end says so here at once.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "health",
    responses((status = 200, description = "It can.", body = Health))
)]
async fn read_readiness(service: Data<Service>) -> Result<Reply, Problem> {
    judge(service.readiness.is_ready(), service.store.ping(), PATIENCE).await
}

async fn judge<E: Display>(
    ready: bool,
    ping: impl Future<Output = Result<(), E>>,
    patience: Duration,
) -> Result<Reply, Problem> {
    if !ready {
        return Err(Problem::unavailable("the process is about to end"));
    }
    match timeout(patience, ping).await {
        Ok(Ok(())) => Ok(Reply::ok(&OK)),
        Ok(Err(error)) => Err(Problem::unavailable(error)),
        Err(_) => Err(Problem::unavailable("the database does not answer in time")),
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use actix_web::body::to_bytes;
    use actix_web::http::StatusCode;
    use actix_web::http::header::{CACHE_CONTROL, RETRY_AFTER};
    use actix_web::test::TestRequest;
    use actix_web::{Responder, ResponseError};

    use super::*;

    #[actix_web::test]
    async fn a_living_process_says_so_and_nobody_keeps_it() {
        let response = read_health().await.respond_to(&TestRequest::get().to_http_request());
        assert_eq!(response.headers().get(CACHE_CONTROL).unwrap(), "no-store");
        assert_eq!(to_bytes(response.into_body()).await.unwrap(), r#"{"status":"ok"}"#);
    }

    #[actix_web::test]
    async fn what_is_ready_answers_and_what_is_not_says_when_to_come_back() {
        let short = Duration::from_millis(20);
        assert!(judge(true, ready(Ok::<_, String>(())), short).await.is_ok());
        let refused = [
            judge(false, ready(Ok::<_, String>(())), short).await,
            judge(true, ready(Err("gone")), short).await,
            judge(true, pending::<Result<(), String>>(), short).await,
        ];
        for refused in refused {
            let response = refused.unwrap_err().error_response();
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
            assert_eq!(response.headers().get(RETRY_AFTER).unwrap(), "1");
        }
    }
}
