//! Bodies: read once, judged whole, and then a type that cannot be wrong.
//!
//! A body is a struct whose fields are all `Option`, so that what is missing is reported together
//! with what is wrong. Its [`Parse`] turns it into a command of the domain and collects every fault.
//!
//! In a merge patch (RFC 7396) absent and `null` differ: such a field is an `Option<Option<T>>` with
//! `#[serde(default, deserialize_with = "crate::body::present")]`.

mod faults;

use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::Method;
use actix_web::http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use actix_web::web::{Bytes, Data};
use actix_web::{FromRequest, HttpRequest, web};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use crate::describe::{Describe, Description};
use crate::gate::{Gate, LocalFuture, Rank};
use crate::idempotency::Fingerprint;
use crate::json;
use crate::problem::{Code, Problem};
use crate::settings::ApiSettings;

pub use faults::{Faults, Nested};

/// The media types of bodies.
const JSON: &str = "application/json";
const MERGE_PATCH: &str = "application/merge-patch+json";

/// A body that can be turned into something that holds all of its bounds.
pub trait Parse: DeserializeOwned + ToSchema + 'static {
    /// What a body without fault becomes.
    type Parsed: 'static;

    /// The greatest number of bytes (security decision D16).
    const LIMIT: usize = 64 * 1024;

    /// Judges every field and collects each fault. `None` only together with a fault.
    fn parse(self, faults: &mut Faults) -> Option<Self::Parsed>;
}

/// A body that was read and judged: `Checked(command): Checked<PromoteBody>`.
///
/// 415 for another media type, 413 above [`Parse::LIMIT`], 408 where it does not arrive in time, 400
/// where it is not readable, 422 with every fault where it is not valid.
#[derive(Debug)]
pub struct Checked<B: Parse>(pub B::Parsed);

/// For the members of a merge patch: absent stays `None`, `null` is `Some(None)`.
pub fn present<'de, T, D>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::deserialize(deserializer).map(Some)
}

impl<B: Parse> FromRequest for Checked<B> {
    type Error = Problem;
    type Future = LocalFuture<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let gate = Gate::of(request);
        let head = check_media_type(request).and_then(|()| check_length(request.headers(), B::LIMIT));
        if let Err(problem) = head {
            gate.lay_down(Rank::Media, problem);
        }
        let request = request.clone();
        let payload = payload.take();
        Box::pin(async move {
            gate.passage().await?;
            let text = receive(&request, payload, B::LIMIT).await?;
            Fingerprint::keep(&request, &text);
            parse::<B>(&request, &text).map(Self)
        })
    }
}

impl<B: Parse> Describe for Checked<B> {
    const BODY: bool = true;

    fn describe(description: &mut Description) {
        let media_type = if description.method == Method::PATCH {
            MERGE_PATCH
        } else {
            JSON
        };
        description.body::<B>(media_type);
        for code in [
            Code::BadRequest,
            Code::RequestTimeout,
            Code::PayloadTooLarge,
            Code::UnsupportedMediaType,
            Code::InvalidFields,
        ] {
            description.refuses(code);
        }
    }
}

/// A body that says nothing: whatever it is, it is read and forgotten. A mailer that unsubscribes by itself sends one
/// (RFC 8058 section 3.2).
#[derive(Debug)]
pub(crate) struct Ignored;

impl Ignored {
    /// The greatest number of bytes.
    const LIMIT: usize = 1024;
}

impl FromRequest for Ignored {
    type Error = Problem;
    type Future = LocalFuture<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let gate = Gate::of(request);
        if let Err(problem) = check_length(request.headers(), Self::LIMIT) {
            gate.lay_down(Rank::Media, problem);
        }
        let request = request.clone();
        let payload = payload.take();
        Box::pin(async move {
            gate.passage().await?;
            receive(&request, payload, Self::LIMIT).await.map(|_| Self)
        })
    }
}

impl Describe for Ignored {
    const BODY: bool = true;

    fn describe(description: &mut Description) {
        description.refuses(Code::RequestTimeout);
        description.refuses(Code::PayloadTooLarge);
    }
}

/// Whether a request says that its body is of one of these media types, in UTF-8.
pub(crate) fn is_of_type(request: &HttpRequest, taken: &[&str]) -> bool {
    let given = request
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let (given, parameters) = given
        .unwrap_or_default()
        .split_once(';')
        .unwrap_or((given.unwrap_or_default(), ""));
    let given = given.trim();
    // RFC 8259 section 8.1: between systems JSON is UTF-8, whatever a parameter says; one that says
    // otherwise is refused rather than misread.
    let utf8 = !parameters.to_ascii_lowercase().contains("charset")
        || parameters
            .to_ascii_lowercase()
            .replace(['"', ' '], "")
            .contains("charset=utf-8");
    utf8 && taken.iter().any(|taken| given.eq_ignore_ascii_case(taken))
}

fn check_media_type(request: &HttpRequest) -> Result<(), Problem> {
    let patch = request.method() == Method::PATCH;
    let taken: &[&str] = if patch { &[JSON, MERGE_PATCH] } else { &[JSON] };
    if is_of_type(request, taken) {
        return Ok(());
    }
    let problem = Problem::new(Code::UnsupportedMediaType);
    Err(if patch {
        let header = HeaderName::from_static("accept-patch");
        problem
            .with("accepted", MERGE_PATCH)
            .header(header, HeaderValue::from_static(MERGE_PATCH))
    } else {
        problem
            .with("accepted", JSON)
            .header(ACCEPT, HeaderValue::from_static(JSON))
    })
}

fn too_large(limit: usize) -> Problem {
    Problem::new(Code::PayloadTooLarge).with("limit", limit)
}

/// Refuses a body that says itself that it is larger than that.
///
/// # Errors
/// 413.
pub(crate) fn check_length(headers: &HeaderMap, limit: usize) -> Result<(), Problem> {
    let length = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let fits = length.is_none_or(|length| usize::try_from(length).is_ok_and(|length| length <= limit));
    if fits { Ok(()) } else { Err(too_large(limit)) }
}

/// Reads a body in full and in time.
///
/// # Errors
/// 413 above the limit, 408 where it does not arrive in time, 400 where its framing breaks.
pub(crate) async fn receive(request: &HttpRequest, mut payload: Payload, limit: usize) -> Result<Bytes, Problem> {
    let deadline = request
        .app_data::<Data<ApiSettings>>()
        .map_or(Duration::from_secs(10), |settings| settings.body_deadline);
    let body = async {
        let payload = web::Payload::from_request(request, &mut payload).await;
        let payload = payload.map_err(|_| Problem::bad_request(Vec::new()))?;
        match payload.to_bytes_limited(limit).await {
            Ok(Ok(text)) => Ok(text),
            Ok(Err(_)) => Err(Problem::bad_request(Vec::new())),
            Err(_) => Err(too_large(limit)),
        }
    };
    match tokio::time::timeout(deadline, body).await {
        Ok(body) => body,
        Err(_) => Err(Problem::new(Code::RequestTimeout)),
    }
}

fn parse<B: Parse>(request: &HttpRequest, text: &[u8]) -> Result<B::Parsed, Problem> {
    let read = json::read::<B>(text)?;
    let mut faults = Faults::new(request.clone(), read.faults);
    let parsed = read.value.and_then(|body| body.parse(&mut faults));
    let faults = faults.found();
    match parsed {
        Some(parsed) if faults.is_empty() => Ok(parsed),
        _ if faults.is_empty() => Err(Problem::internal("a body was refused without a fault")),
        _ => Err(Problem::invalid_fields(faults)),
    }
}

#[cfg(test)]
mod tests;
