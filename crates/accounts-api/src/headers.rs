//! The headers that every answer bears.

use actix_web::http::header::{
    CACHE_CONTROL, HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, VARY,
    X_CONTENT_TYPE_OPTIONS,
};

use crate::request_id;

/// Two years, as preload lists ask for.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=63072000; includeSubDomains");

/// Completes the headers of an answer. What a handler has set stays.
pub(crate) fn complete(headers: &mut HeaderMap, request_id: &str, https: bool) {
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    if https {
        headers.insert(STRICT_TRANSPORT_SECURITY, HSTS);
    }
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(request_id::HEADER, id);
    }
}

/// Says that an answer depends on a header of the request.
pub(crate) fn vary(headers: &mut HeaderMap, on: &HeaderName) {
    let present = headers.get_all(VARY).filter_map(|value| value.to_str().ok());
    let mut names: Vec<&str> = present.flat_map(|value| value.split(',')).map(str::trim).collect();
    if names
        .iter()
        .any(|name| *name == "*" || name.eq_ignore_ascii_case(on.as_str()))
    {
        return;
    }
    names.push(on.as_str());
    if let Ok(value) = HeaderValue::try_from(names.join(", ")) {
        headers.insert(VARY, value);
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{ACCEPT_LANGUAGE, ORIGIN};

    use super::*;

    #[test]
    fn hsts_is_for_https_only() {
        let mut headers = HeaderMap::new();
        complete(&mut headers, "r1", false);
        assert!(!headers.contains_key(STRICT_TRANSPORT_SECURITY));
        assert_eq!(headers.get("x-content-type-options").unwrap(), "nosniff");
        assert_eq!(headers.get("referrer-policy").unwrap(), "no-referrer");
        assert_eq!(headers.get("cache-control").unwrap(), "no-store");
        assert_eq!(headers.get("x-request-id").unwrap(), "r1");
        complete(&mut headers, "r1", true);
        assert!(headers.contains_key(STRICT_TRANSPORT_SECURITY));
    }

    #[test]
    fn what_is_set_stays() {
        let mut headers = HeaderMap::new();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
        complete(&mut headers, "r1", false);
        assert_eq!(headers.get(CACHE_CONTROL).unwrap(), "public, max-age=300");
    }

    #[test]
    fn vary_names_each_header_once() {
        let mut headers = HeaderMap::new();
        vary(&mut headers, &ORIGIN);
        vary(&mut headers, &ACCEPT_LANGUAGE);
        vary(&mut headers, &ORIGIN);
        assert_eq!(headers.get(VARY).unwrap(), "origin, accept-language");
    }
}
