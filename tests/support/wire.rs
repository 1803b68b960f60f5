//! One kept connection to a service, for tests that send very many requests, or two at the same moment: a request is
//! written and its answer read apart from each other.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::Client;

/// How long an answer may take: longer than the service may ever think.
const PATIENCE: Duration = Duration::from_secs(40);

/// A request that can be sent as often as wanted.
#[derive(Debug, Clone)]
pub struct Ask {
    line: String,
    headers: String,
    body: String,
}

impl Ask {
    /// A request without a body, by nobody.
    pub fn new(method: &str, path: &str) -> Self {
        Self {
            line: format!("{method} {path}"),
            headers: String::new(),
            body: String::new(),
        }
    }

    /// GET.
    pub fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    /// POST, of a JSON value.
    pub fn post(path: &str, body: &Value) -> Self {
        Self::new("POST", path).json("application/json", body)
    }

    /// PUT, of a JSON value.
    pub fn put(path: &str, body: &Value) -> Self {
        Self::new("PUT", path).json("application/json", body)
    }

    /// PATCH, as `application/merge-patch+json`.
    pub fn patch(path: &str, body: &Value) -> Self {
        Self::new("PATCH", path).json("application/merge-patch+json", body)
    }

    /// DELETE.
    pub fn delete(path: &str) -> Self {
        Self::new("DELETE", path)
    }

    /// With an access token.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    /// With one header more.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push_str(name);
        self.headers.push_str(": ");
        self.headers.push_str(value);
        self.headers.push_str("\r\n");
        self
    }

    fn json(mut self, content_type: &str, body: &Value) -> Self {
        self.body = body.to_string();
        self.header("Content-Type", content_type)
    }

    fn bytes(&self) -> String {
        let length = self.body.len();
        format!(
            "{} HTTP/1.1\r\nHost: localhost\r\n{}Content-Length: {length}\r\n\r\n{}",
            self.line, self.headers, self.body
        )
    }
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Heard {
    /// What was asked.
    pub asked: String,
    /// The status.
    pub status: u16,
    /// The `ETag`, if there is one.
    pub etag: Option<String>,
    /// The body.
    pub body: String,
}

impl Heard {
    /// The body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }

    /// What a refusal calls itself; nothing where it is none.
    pub fn code(&self) -> String {
        self.text("/code").unwrap_or_default()
    }

    /// A member that is a string, by its JSON pointer.
    pub fn text(&self, pointer: &str) -> Option<String> {
        Some(self.json().pointer(pointer)?.as_str()?.to_owned())
    }

    /// The status and, where it is a refusal, the code: `409 contact-limit-reached`.
    pub fn outcome(&self) -> String {
        format!("{} {}", self.status, self.code()).trim_end().to_owned()
    }
}

/// How long a connection may rest: less than the service lets one rest.
const REST: Duration = Duration::from_secs(2);

/// A connection that stays open between requests.
#[derive(Debug)]
pub struct Wire {
    address: String,
    /// The connection, and when it was last used. It is opened by the first request.
    stream: Option<(BufReader<TcpStream>, Instant)>,
    asked: String,
}

impl Wire {
    /// To where a client's requests go.
    pub fn to(client: &Client) -> Self {
        Self {
            address: client.base().trim_start_matches("http://").to_owned(),
            stream: None,
            asked: String::new(),
        }
    }

    /// Sends a request and does not wait for the answer.
    #[track_caller]
    pub fn send(&mut self, ask: &Ask) {
        self.asked.clone_from(&ask.line);
        self.write(&ask.bytes())
            .unwrap_or_else(|error| panic!("`{}` cannot be sent: {error}", ask.line));
    }

    /// Waits for the answer to the request that was sent.
    #[track_caller]
    pub fn receive(&mut self) -> Heard {
        self.read()
            .unwrap_or_else(|error| panic!("no answer to `{}`: {error}", self.asked))
    }

    /// Sends a request and waits for its answer.
    #[track_caller]
    pub fn ask(&mut self, ask: &Ask) -> Heard {
        self.send(ask);
        self.receive()
    }

    fn write(&mut self, bytes: &str) -> std::io::Result<()> {
        let rested = self.stream.take().filter(|(_, used)| used.elapsed() < REST);
        let mut stream = match rested {
            Some((stream, _)) => stream,
            None => BufReader::new(connect(&self.address)?),
        };
        stream.get_mut().write_all(bytes.as_bytes())?;
        self.stream = Some((stream, Instant::now()));
        Ok(())
    }

    fn read(&mut self) -> std::io::Result<Heard> {
        let broken = |what: &str| std::io::Error::other(what.to_owned());
        let Some((stream, used)) = &mut self.stream else {
            return Err(broken("nothing was asked"));
        };
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| broken("the connection was closed"))?;
        let (mut length, mut etag) = (0, None);
        loop {
            line.clear();
            stream.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(": ") else {
                break;
            };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.parse().map_err(|_| broken("a length that is none"))?;
            } else if name.eq_ignore_ascii_case("etag") {
                etag = Some(value.to_owned());
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                return Err(broken("an answer in chunks, which are not read here"));
            }
        }
        // What answers a conditional request may tell the length that the whole answer would have.
        if status == 304 || status == 204 {
            length = 0;
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body)?;
        *used = Instant::now();
        Ok(Heard {
            asked: self.asked.clone(),
            status,
            etag,
            body: String::from_utf8_lossy(&body).into_owned(),
        })
    }
}

fn connect(address: &str) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}
