//! The id of a request: the caller's, if it has a usable one, else a new one.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{HeaderMap, HeaderName};
use actix_web::{FromRequest, HttpMessage, HttpRequest};

use crate::describe::{Describe, Description};
use crate::problem::Problem;

/// The header, both ways.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The W3C trace context header.
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The greatest number of characters of an id that is taken from a caller.
const LONGEST: usize = 128;

/// The id under which a request stands in the log, in problems and in audit events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(pub String);

impl RequestId {
    /// The id of a request: that of `X-Request-Id`, where it has at most 128 letters, digits, dots,
    /// dashes and underscores, so that it can stand in any log; else a new one.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let given = headers.get(HEADER).and_then(|value| value.to_str().ok());
        let usable = given.filter(|id| {
            (1..=LONGEST).contains(&id.len())
                && id
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        });
        usable.map_or_else(Self::fresh, |id| Self(id.to_owned()))
    }

    /// A new id. It tells requests apart and is no secret, so each thread draws once and counts on.
    fn fresh() -> Self {
        thread_local! {
            static LAST: RefCell<(String, u64)> = RefCell::new((drawn(), 0));
        }
        LAST.with_borrow_mut(|(prefix, count)| {
            *count = count.wrapping_add(1);
            Self(format!("{prefix}-{count:x}"))
        })
    }
}

/// 96 random bits in hexadecimal digits.
fn drawn() -> String {
    let mut bytes = [0; 12];
    // Without randomness nothing secret would come up either; an id is merely less unlike others.
    let _ = aws_lc_rs::rand::fill(&mut bytes);
    bytes.iter().fold(String::with_capacity(24), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The trace id of a valid `traceparent` (W3C Trace Context 1, section 3.2).
pub(crate) fn trace_id(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get(TRACEPARENT)?.to_str().ok()?;
    let mut parts = text.split('-');
    let (version, trace, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let hex =
        |part: &str, length| part.len() == length && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let some = |part: &str| part.bytes().any(|byte| byte != b'0');
    let valid = hex(version, 2)
        && version != "ff"
        && (version != "00" || parts.next().is_none())
        && hex(trace, 32)
        && some(trace)
        && hex(parent, 16)
        && some(parent)
        && hex(flags, 2);
    valid.then_some(trace)
}

impl FromRequest for RequestId {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let id = request.extensions().get::<Self>().cloned();
        ready(Ok(id.unwrap_or_else(Self::fresh)))
    }
}

impl Describe for RequestId {
    fn describe(_: &mut Description) {}
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use actix_web::http::header::HeaderValue;

    use super::*;

    fn of(name: HeaderName, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_str(value).unwrap());
        headers
    }

    #[test]
    fn a_usable_id_is_the_callers() {
        assert_eq!(RequestId::of(&of(HEADER, "order-7_a.b")).0, "order-7_a.b");
        for wrong in ["", "a b", "a\"b", "é", &"a".repeat(129)] {
            assert_ne!(RequestId::of(&of(HEADER, wrong)).0, wrong);
        }
    }

    #[test]
    fn new_ids_differ_between_requests_and_threads() {
        let draw = || (0..1_000).map(|_| RequestId::fresh().0).collect::<HashSet<_>>();
        let mut all = draw();
        all.extend(std::thread::spawn(draw).join().unwrap());
        assert_eq!(all.len(), 2_000);
        assert!(all.iter().all(|id| id.len() <= LONGEST));
    }

    #[test]
    fn a_trace_id_comes_from_a_valid_header_only() {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        let trace_id = |text: &str| trace_id(&of(TRACEPARENT, text)).map(str::to_owned);
        assert_eq!(
            trace_id(&format!("00-{trace}-00f067aa0ba902b7-01")).as_deref(),
            Some(trace)
        );
        assert_eq!(
            trace_id(&format!("01-{trace}-00f067aa0ba902b7-01-more")).as_deref(),
            Some(trace)
        );
        for wrong in [
            String::new(),
            format!("00-{trace}-00f067aa0ba902b7"),
            format!("00-{trace}-00f067aa0ba902b7-01-more"),
            format!("ff-{trace}-00f067aa0ba902b7-01"),
            format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
            format!("00-{}-00f067aa0ba902b7-01", trace.to_uppercase()),
            format!("00-{trace}-0000000000000000-01"),
        ] {
            assert_eq!(trace_id(&wrong), None, "{wrong}");
        }
    }
}
