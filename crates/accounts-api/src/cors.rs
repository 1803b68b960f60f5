//! Which pages of other origins may read answers: those on the list, and none unless there is one.

use actix_web::http::Method;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderValue,
    ORIGIN,
};

use crate::headers;

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
const TAKEN: HeaderValue = HeaderValue::from_static(
    "accept, accept-language, authorization, content-type, idempotency-key, if-match, if-none-match, traceparent, x-request-id",
);
const EXPOSED: HeaderValue =
    HeaderValue::from_static("etag, location, link, x-request-id, retry-after, deprecation, sunset");
/// Two hours: what browsers keep at most.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");

/// The origin of a request, where it is on the list. Tokens travel in a header and never in cookies,
/// so nothing is allowed beyond the reading of answers.
pub(crate) fn allowed(request: &HeaderMap, origins: &[String]) -> Option<HeaderValue> {
    let origin = request.get(ORIGIN)?;
    origins
        .iter()
        .any(|allowed| allowed.as_bytes() == origin.as_bytes())
        .then(|| origin.clone())
}

/// Whether a browser asks before the request proper (Fetch standard, CORS-preflight request).
pub(crate) fn is_preflight(method: &Method, request: &HeaderMap) -> bool {
    method == Method::OPTIONS && request.contains_key(ORIGIN) && request.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// Adds to an answer what lets the pages of an origin read it. With a list, every answer depends on
/// the origin, allowed or not.
pub(crate) fn complete(answer: &mut HeaderMap, origin: Option<&HeaderValue>, origins: &[String]) {
    if origins.is_empty() {
        return;
    }
    headers::vary(answer, &ORIGIN);
    if let Some(origin) = origin {
        answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
}

/// Adds to the answer of a preflight what the request proper may be.
pub(crate) fn complete_preflight(answer: &mut HeaderMap) {
    answer.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, TAKEN);
    answer.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_origins_are_echoed_and_exactly() {
        let origins = ["https://app.example".to_owned()];
        let allowed = |origin: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(ORIGIN, HeaderValue::from_static(origin));
            allowed(&headers, &origins).is_some()
        };
        assert!(allowed("https://app.example"));
        for evil in [
            "null",
            "https://evil.example",
            "https://app.example.evil",
            "http://app.example",
            "https://APP.example",
            "*",
        ] {
            assert!(!allowed(evil), "{evil}");
        }
    }

    #[test]
    fn without_a_list_nothing_is_said() {
        let mut answer = HeaderMap::new();
        complete(&mut answer, None, &[]);
        assert!(answer.is_empty());
        complete(&mut answer, None, &["https://app.example".to_owned()]);
        assert_eq!(answer.get("vary").unwrap(), "origin");
        assert!(!answer.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN));
    }
}
