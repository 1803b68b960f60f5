//! A caller of the API. A failing assertion prints the request and the answer.

use std::{
    fmt::{self, Write as _},
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    ops::Index,
    time::Duration,
};

use serde_json::Value;
use ureq::{
    Agent,
    http::{self, HeaderMap},
};

/// Sends requests to one service, as one caller.
#[derive(Debug, Clone)]
pub struct Client {
    agent: Agent,
    base: String,
    token: Option<String>,
}

impl Client {
    /// A caller who has not logged in.
    pub fn to(address: SocketAddr) -> Self {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            .max_redirects(0)
            .timeout_global(Some(Duration::from_secs(40)))
            .build()
            .new_agent();
        Self {
            agent,
            base: format!("http://{address}"),
            token: None,
        }
    }

    /// The same service, called with an access token or an API key.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self {
            token: Some(token.to_owned()),
            ..self.clone()
        }
    }

    /// The token that it sends along.
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// `http://127.0.0.1:…`, without a slash at its end.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// GET.
    pub fn get(&self, path: impl Into<String>) -> Request {
        self.request("GET", path)
    }

    /// POST, of a JSON value or of nothing: `()`.
    pub fn post(&self, path: impl Into<String>, body: impl Into<Payload>) -> Request {
        self.request("POST", path).payload(body.into())
    }

    /// PUT, of a JSON value or of nothing: `()`.
    pub fn put(&self, path: impl Into<String>, body: impl Into<Payload>) -> Request {
        self.request("PUT", path).payload(body.into())
    }

    /// PATCH, as `application/merge-patch+json`.
    pub fn patch(&self, path: impl Into<String>, body: impl Into<Payload>) -> Request {
        self.request("PATCH", path)
            .payload(body.into())
            .header("Content-Type", "application/merge-patch+json")
    }

    /// DELETE.
    pub fn delete(&self, path: impl Into<String>) -> Request {
        self.request("DELETE", path)
    }

    /// Any method at all.
    pub fn request(&self, method: &str, path: impl Into<String>) -> Request {
        let request = Request {
            agent: self.agent.clone(),
            base: self.base.clone(),
            method: method.to_owned(),
            path: path.into(),
            headers: Vec::new(),
            body: None,
        };
        match &self.token {
            Some(token) => request.bearer(token),
            None => request,
        }
    }
}

/// What a request carries.
#[derive(Debug)]
pub enum Payload {
    /// No body and no `Content-Type`.
    Nothing,
    /// A JSON value.
    Json(Value),
}

impl From<()> for Payload {
    fn from((): ()) -> Self {
        Self::Nothing
    }
}

impl From<Value> for Payload {
    fn from(value: Value) -> Self {
        Self::Json(value)
    }
}

impl From<&Value> for Payload {
    fn from(value: &Value) -> Self {
        Self::Json(value.clone())
    }
}

/// A request that is not sent yet.
#[derive(Debug, Clone)]
#[must_use = "it is sent by `expect`, `refused` or `send`"]
pub struct Request {
    agent: Agent,
    base: String,
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

impl Request {
    /// Sets a header, in the place of one with the same name.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Presents another token than the caller's.
    pub fn bearer(self, token: &str) -> Self {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    /// Asks for an answer in a language: `fr`.
    pub fn language(self, language: &str) -> Self {
        self.header("Accept-Language", language)
    }

    /// Asks for the act only while the resource is at this ETag.
    pub fn if_match(self, etag: &str) -> Self {
        self.header("If-Match", etag)
    }

    /// Asks for the resource only when it is no longer at this ETag.
    pub fn if_none_match(self, etag: &str) -> Self {
        self.header("If-None-Match", etag)
    }

    /// Names the act, so that a repetition has no effect.
    pub fn idempotency_key(self, key: &str) -> Self {
        self.header("Idempotency-Key", key)
    }

    /// Sends bytes that need not be JSON.
    pub fn body(mut self, content_type: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.body = Some(bytes.into());
        self.header("Content-Type", content_type)
    }

    fn payload(self, payload: Payload) -> Self {
        match payload {
            Payload::Nothing => Self {
                body: Some(Vec::new()),
                ..self
            },
            Payload::Json(value) => self.body("application/json", value.to_string()),
        }
    }

    /// Sends it and asserts the status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Answer {
        let answer = self.send();
        assert!(
            answer.status == status,
            "expected {status}, got {}\n{answer}",
            answer.status
        );
        answer
    }

    /// Sends it and asserts a refusal: the status, the code and the form of RFC 9457.
    #[track_caller]
    pub fn refused(self, status: u16, code: &str) -> Answer {
        let answer = self.expect(status);
        answer.assert_problem(code);
        answer
    }

    /// Sends it and takes any answer that keeps the conventions of every answer.
    #[track_caller]
    pub fn send(self) -> Answer {
        let sent = self.to_string();
        let mut builder = http::Request::builder()
            .method(self.method.as_str())
            .uri(format!("{}{}", self.base, self.path));
        for (name, value) in &self.headers {
            builder = builder.header(name, value);
        }
        let refused = |error: &dyn fmt::Display| -> ! { panic!("{error}\n{sent}") };
        let result = match self.body {
            Some(body) => match builder.body(body) {
                Ok(request) => self.agent.run(request),
                Err(error) => refused(&error),
            },
            None => match builder.body(()) {
                Ok(request) => self.agent.run(request),
                Err(error) => refused(&error),
            },
        };
        let mut response = result.unwrap_or_else(|error| refused(&error));
        let body = response
            .body_mut()
            .with_config()
            .limit(64 * 1024 * 1024)
            .read_to_vec()
            .unwrap_or_else(|error| refused(&error));
        let answer = Answer {
            sent,
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            json: serde_json::from_slice(&body).unwrap_or(Value::Null),
            body,
        };
        answer.assert_conventions();
        answer
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "> {} {}", self.method, self.path)?;
        for (name, value) in &self.headers {
            writeln!(f, "> {name}: {value}")?;
        }
        if let Some(body) = &self.body {
            writeln!(f, "> {}", shortened(&String::from_utf8_lossy(body)))?;
        }
        Ok(())
    }
}

/// What came back. `answer["id"]` and `answer["data/0/id"]` are members of its JSON.
#[derive(Debug, Clone)]
pub struct Answer {
    sent: String,
    status: u16,
    headers: HeaderMap,
    json: Value,
    body: Vec<u8>,
}

impl Answer {
    /// The status code.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The whole body as JSON; null if it is none.
    pub fn json(&self) -> &Value {
        &self.json
    }

    /// The body as text.
    pub fn body(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A member that is a string.
    #[track_caller]
    pub fn text(&self, pointer: &str) -> String {
        match self[pointer].as_str() {
            Some(text) => text.to_owned(),
            None => panic!("`{pointer}` is no string\n{self}"),
        }
    }

    /// The entries of a list, or of an array member: `list("data")`.
    #[track_caller]
    pub fn list(&self, pointer: &str) -> &[Value] {
        match self[pointer].as_array() {
            Some(entries) => entries,
            None => panic!("`{pointer}` is no array\n{self}"),
        }
    }

    /// One member of each entry of a list: `each("data", "display_name")`.
    #[track_caller]
    pub fn each(&self, list: &str, member: &str) -> Vec<String> {
        self.list(list)
            .iter()
            .map(|entry| match entry.pointer(&as_pointer(member)) {
                Some(Value::String(text)) => text.clone(),
                Some(value) => value.to_string(),
                None => panic!("an entry of `{list}` has no `{member}`\n{self}"),
            })
            .collect()
    }

    /// Whether the JSON has this member, null or not.
    pub fn has(&self, pointer: &str) -> bool {
        self.json.pointer(&as_pointer(pointer)).is_some()
    }

    /// A header that must be there.
    #[track_caller]
    pub fn header(&self, name: &str) -> &str {
        match self.find_header(name) {
            Some(value) => value,
            None => panic!("no header `{name}`\n{self}"),
        }
    }

    /// A header that may be there.
    pub fn find_header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// All headers as sorted lines, but those of these names.
    pub fn headers_but(&self, names: &[&str]) -> Vec<String> {
        let others = self.headers.iter().filter(|(name, _)| !names.contains(&name.as_str()));
        let mut lines: Vec<String> = others
            .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())))
            .collect();
        lines.sort();
        lines
    }

    /// The ETag, which must be strong.
    #[track_caller]
    pub fn etag(&self) -> String {
        let etag = self.header("ETag");
        assert!(etag.starts_with('"'), "the ETag {etag} is not strong\n{self}");
        etag.to_owned()
    }

    /// Asserts a fault in a field: its JSON pointer and its code.
    #[track_caller]
    pub fn fault(&self, pointer: &str, code: &str) -> &Self {
        self.assert_fault("pointer", pointer, code)
    }

    /// Asserts a fault in a parameter of the path, the query or a header: its name and its code.
    #[track_caller]
    pub fn parameter_fault(&self, name: &str, code: &str) -> &Self {
        self.assert_fault("parameter", name, code)
    }

    #[track_caller]
    fn assert_fault(&self, place: &str, name: &str, code: &str) -> &Self {
        assert!(
            self.list("errors")
                .iter()
                .any(|fault| { fault[place] == name && fault["code"] == code && fault["detail"].is_string() }),
            "no fault `{code}` at {name}\n{self}"
        );
        self
    }

    #[track_caller]
    fn assert_problem(&self, code: &str) {
        let content_type = self.header("Content-Type");
        assert!(
            content_type.starts_with("application/problem+json"),
            "a refusal of the type {content_type}\n{self}"
        );
        assert!(
            self["code"] == code,
            "expected the code {code}, got {}\n{self}",
            self["code"]
        );
        assert!(self["status"] == self.status, "`status` differs\n{self}");
        assert!(
            self.text("type").ends_with(&format!("/problems/{code}")),
            "`type` does not lead to the page of {code}\n{self}"
        );
        for member in ["title", "detail"] {
            assert!(!self.text(member).is_empty(), "no {member}\n{self}");
        }
        assert!(
            self["request_id"] == self.header("X-Request-Id"),
            "`request_id` is not that of the header\n{self}"
        );
    }

    #[track_caller]
    fn assert_conventions(&self) {
        let _ = self.header("X-Request-Id");
        assert!(
            self.header("X-Content-Type-Options") == "nosniff",
            "the type may be guessed\n{self}"
        );
        let _ = self.header("Cache-Control");
    }
}

impl Index<&str> for Answer {
    type Output = Value;

    #[track_caller]
    fn index(&self, pointer: &str) -> &Value {
        match self.json.pointer(&as_pointer(pointer)) {
            Some(value) => value,
            None => panic!("no `{pointer}`\n{self}"),
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}< {}", self.sent, self.status)?;
        for (name, value) in &self.headers {
            writeln!(f, "< {name}: {}", String::from_utf8_lossy(value.as_bytes()))?;
        }
        match serde_json::to_string_pretty(&self.json) {
            Ok(json) if !self.json.is_null() => f.write_str(&shortened(&json)),
            Ok(_) | Err(_) => f.write_str(&shortened(&self.body())),
        }
    }
}

/// `data/0/id` as the JSON pointer `/data/0/id`.
fn as_pointer(path: &str) -> String {
    if path.is_empty() || path.starts_with('/') {
        path.to_owned()
    } else {
        format!("/{path}")
    }
}

/// Enough of a text to know it by.
fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(4_000).collect();
    if short.len() < text.len() {
        let _ = write!(short, "… ({} bytes)", text.len());
    }
    short
}

/// What came back on a plain connection.
#[derive(Debug, Clone)]
pub struct RawAnswer {
    /// Every byte, as text.
    pub text: String,
    /// Whether the service closed the connection.
    pub closed: bool,
}

impl RawAnswer {
    pub(crate) fn to(address: SocketAddr, bytes: &[u8]) -> Self {
        let connect = || -> std::io::Result<TcpStream> {
            let mut stream = TcpStream::connect(address)?;
            stream.set_read_timeout(Some(Duration::from_secs(2)))?;
            stream.write_all(bytes)?;
            Ok(stream)
        };
        let mut stream = connect().unwrap_or_else(|error| panic!("no connection: {error}"));
        let mut received = Vec::new();
        // A timeout and a reset both leave what was received before them.
        let closed = match stream.read_to_end(&mut received) {
            Ok(_) => true,
            Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
        };
        Self {
            text: String::from_utf8_lossy(&received).into_owned(),
            closed,
        }
    }

    /// The status of the first answer, if one came.
    pub fn status(&self) -> Option<u16> {
        self.text.split(' ').nth(1)?.parse().ok()
    }

    /// How many answers came.
    pub fn count(&self) -> usize {
        self.text.matches("HTTP/1.1 ").count()
    }
}
