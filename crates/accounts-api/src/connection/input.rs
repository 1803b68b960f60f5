//! Whether something came after a request, without reading requests a second time.

use actix_web::http::Method;
use actix_web::http::header::{CONTENT_LENGTH, HeaderMap, TRANSFER_ENCODING};

/// The empty line behind a head.
const BLANK: u32 = u32::from_be_bytes(*b"\r\n\r\n");

/// What has come so far, as much of it as is needed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Input {
    /// The last four bytes.
    last: u32,
    /// Whether the head may be followed by a body: POST, PUT and PATCH. Only then its end is looked for.
    may_have_body: bool,
    /// How many bytes came behind that end.
    behind_head: Option<u64>,
}

impl Input {
    /// Takes note of bytes. `begins` where they are the first ones of a head.
    pub(super) fn take(&mut self, bytes: &[u8], begins: bool) {
        if begins || self.last == 0 {
            *self = Self {
                may_have_body: bytes.first() == Some(&b'P'),
                ..Self::default()
            };
        }
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        match &mut self.behind_head {
            Some(behind) => *behind = behind.saturating_add(length),
            None if self.may_have_body => self.behind_head = behind_blank(self.last, bytes),
            None => {}
        }
        self.last = bytes
            .get(bytes.len().saturating_sub(4)..)
            .unwrap_or_default()
            .iter()
            .fold(self.last, |last, byte| shifted(last, *byte));
    }
}

/// How many bytes follow the first empty line, of which `last` may be the beginning.
fn behind_blank(mut last: u32, bytes: &[u8]) -> Option<u64> {
    let end = bytes.iter().position(|byte| {
        last = shifted(last, *byte);
        last == BLANK
    })?;
    u64::try_from(bytes.len() - end - 1).ok()
}

fn shifted(last: u32, byte: u8) -> u32 {
    last << 8 | u32::from(byte)
}

/// Where a request ends.
#[derive(Debug, Clone, Copy, Default)]
pub(super) enum End {
    /// With the empty line behind its head.
    #[default]
    Blank,
    /// So many bytes behind that.
    Behind(u64),
    /// Nobody but the framework knows.
    Unknown,
}

impl End {
    pub(super) fn of(method: &Method, headers: &HeaderMap) -> Self {
        // What reads has no body, and what it would send all the same does not end with an empty line.
        if [Method::GET, Method::HEAD].contains(method) {
            return Self::Blank;
        }
        if headers.contains_key(TRANSFER_ENCODING) {
            return Self::Unknown;
        }
        let Some(length) = headers.get(CONTENT_LENGTH) else {
            return Self::Blank;
        };
        match length.to_str().ok().and_then(|length| length.trim().parse().ok()) {
            Some(0) => Self::Blank,
            Some(length) => Self::Behind(length),
            None => Self::Unknown,
        }
    }

    /// Whether the input ends there. Where that cannot be told it says no: then the connection is treated as if the
    /// next head had begun, which costs a client its patience between requests and nobody anything else.
    pub(super) fn is_reached(self, input: &Input) -> bool {
        match self {
            // Whole heads are answered as soon as they have come. So what is left over behind the last of them and
            // ends with an empty line consists of empty lines.
            Self::Blank => input.last == BLANK,
            Self::Behind(length) => input.behind_head == Some(length),
            Self::Unknown => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(chunks: &[&str]) -> Input {
        let mut input = Input::default();
        for (number, chunk) in chunks.iter().enumerate() {
            input.take(chunk.as_bytes(), number == 0);
        }
        input
    }

    #[test]
    fn a_request_without_a_body_ends_with_an_empty_line() {
        let ended = |chunks: &[&str]| End::Blank.is_reached(&input(chunks));
        assert!(ended(&["GET / HTTP/1.1\r\nHost: a\r\n\r\n"]));
        assert!(ended(&["GET / HTTP/1.1\r\nHost: a\r\n", "\r", "\n"]));
        assert!(ended(&["DELETE / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\n\r\n"]));
        assert!(!ended(&["GET / HTTP/1.1\r\nHost: a\r\n\r\nG"]));
        assert!(!ended(&["GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\n"]));
    }

    #[test]
    fn a_request_with_a_body_ends_with_its_length() {
        let ended = |chunks: &[&str]| End::Behind(2).is_reached(&input(chunks));
        assert!(ended(&["POST / HTTP/1.1\r\nHost: a\r\n\r\n{}"]));
        assert!(ended(&["POST / HTTP/1.1\r\nHost: a\r\n\r\n", "{}"]));
        assert!(ended(&["P", "OST / HTTP/1.1\r\nHost: a\r\n\r", "\n{", "}"]));
        assert!(!ended(&["POST / HTTP/1.1\r\nHost: a\r\n\r\n{}P"]));
        assert!(!ended(&["POST / HTTP/1.1\r\nHost: a\r\n\r\n{}", "POST /"]));
        assert!(!ended(&["POST / HTTP/1.1\r\nHost: a\r\n\r\n{"]));
        // One after the other on one connection is told apart by the first byte after the rest.
        let mut input = input(&["POST / HTTP/1.1\r\nHost: a\r\n\r\n{}"]);
        input.take(b"PUT / HTTP/1.1\r\nHost: a\r\n\r\n[]", true);
        assert!(End::Behind(2).is_reached(&input));
    }

    #[test]
    fn what_a_request_says_tells_where_it_ends() {
        let end = |method: Method, header: Option<(&'static str, &'static str)>| {
            let mut headers = HeaderMap::new();
            if let Some((name, value)) = header {
                headers.insert(name.parse().unwrap(), value.parse().unwrap());
            }
            End::of(&method, &headers)
        };
        assert!(matches!(end(Method::GET, Some(("content-length", "7"))), End::Blank));
        assert!(matches!(end(Method::POST, None), End::Blank));
        assert!(matches!(end(Method::POST, Some(("content-length", "0"))), End::Blank));
        assert!(matches!(
            end(Method::POST, Some(("content-length", "7"))),
            End::Behind(7)
        ));
        assert!(matches!(
            end(Method::PATCH, Some(("transfer-encoding", "chunked"))),
            End::Unknown
        ));
        assert!(!End::Unknown.is_reached(&input(&["PATCH / HTTP/1.1\r\n\r\n0\r\n\r\n"])));
    }
}
