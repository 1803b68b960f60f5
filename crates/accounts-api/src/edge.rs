//! The outermost layer: what every request and every answer passes.
//!
//! Before the routing it settles the request's id, answers CORS preflights and turns HEAD into GET.
//! After it, problems are put in the caller's words, answers that the framework made become problems,
//! headers are completed, and one line is logged: method, path template, status and time, never a
//! query, a header or a body.

use std::rc::Rc;
use std::time::{Duration, Instant};

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage, HttpResponse};

use crate::metrics::Metrics;
use crate::problem::{Problem, Told};
use crate::request_id::{self, RequestId};
use crate::router::{Template, path_of};
use crate::settings::ApiSettings;
use crate::{cors, denials, headers, texts};

/// The layer, for `App::wrap(from_fn(edge))`. The application's data hold [`ApiSettings`] and
/// [`Metrics`].
///
/// # Errors
/// What an inner layer fails with; those of this crate answer instead.
pub async fn edge<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let begun = Instant::now();
    let Some(settings) = request.app_data::<Data<ApiSettings>>().cloned() else {
        return Ok(request.error_response(Problem::internal("the application has no settings")));
    };
    let method = request.method().clone();
    let id = RequestId::of(request.headers());
    let origin = cors::allowed(request.headers(), &settings.cors_origins);
    let trace_id = request_id::trace_id(request.headers()).map(str::to_owned);
    request.extensions_mut().insert(id.clone());

    let mut response = if origin.is_some() && cors::is_preflight(&method, request.headers()) {
        let mut response = request.into_response(HttpResponse::NoContent().finish());
        cors::complete_preflight(response.headers_mut());
        response
    } else {
        if method == Method::HEAD {
            // The connection still knows that it was HEAD and sends no body.
            request.head_mut().method = Method::GET;
        }
        next.call(request).await?.map_into_boxed_body()
    };

    response = tell(response, &id, &settings);
    cors::complete(response.headers_mut(), origin.as_ref(), &settings.cors_origins);
    headers::complete(response.headers_mut(), &id.0, settings.public_url.is_https());
    record(&response, &method, &id, trace_id.as_deref(), begun.elapsed());
    Ok(response)
}

/// Puts a problem in the caller's words, and makes a problem of an error that is none yet.
fn tell(response: ServiceResponse, id: &RequestId, settings: &ApiSettings) -> ServiceResponse {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    let kept = response
        .response()
        .error()
        .and_then(|error| error.as_error::<Problem>());
    let made = if kept.is_none() {
        Some(Problem::of_status(status))
    } else {
        None
    };
    let Some(problem) = kept.or(made.as_ref()) else {
        return response;
    };
    if let Some(cause) = problem.cause() {
        if status.is_server_error() {
            tracing::error!(
                request_id = id.0.as_str(),
                code = problem.code().as_str(),
                cause,
                "failed"
            );
        } else {
            tracing::warn!(
                request_id = id.0.as_str(),
                code = problem.code().as_str(),
                cause,
                "refused"
            );
        }
    }
    denials::record(response.request(), status, problem.code(), id, settings);
    let told = Told {
        language: texts::wanted(response.request().headers()),
        request_id: &id.0,
        public_url: settings.public_url.as_str(),
    };
    let mut answer = problem.answer(&told);
    // An error of the framework may bear a header that belongs to its status, `Allow`, say.
    for (name, value) in response.headers() {
        if kept.is_none() && *name != CONTENT_TYPE && !answer.headers().contains_key(name) {
            answer.headers_mut().insert(name.clone(), value.clone());
        }
    }
    response.into_response(answer)
}

/// Logs and counts an answer. The ids stand in the line itself: a span around each request would cost more than the
/// rest of the line.
fn record(response: &ServiceResponse, method: &Method, id: &RequestId, trace_id: Option<&str>, took: Duration) {
    let request = response.request();
    let template = request.extensions().get::<Rc<Template>>().cloned();
    let path = path_of(template.as_deref());
    // A method that nobody defined is the caller's text and would make a label of its own.
    let method = if KNOWN.contains(method) {
        method.as_str()
    } else {
        "other"
    };
    let status = response.status();
    if let Some(metrics) = request.app_data::<Data<Metrics>>() {
        metrics.count(method, path, status.as_str(), took);
    }
    tracing::info!(
        request_id = id.0.as_str(),
        trace_id,
        method,
        path,
        status = status.as_u16(),
        duration_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        "answered"
    );
}

const KNOWN: [Method; 8] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
    Method::TRACE,
];

#[cfg(test)]
mod tests;
