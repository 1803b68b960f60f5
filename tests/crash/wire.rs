//! Requests of one writer, each over the connection of the one before.

use std::time::{Duration, Instant};

use accounts_tests::json;
use serde_json::Value;
use ureq::{Agent, http};

/// How long an answer may take before it counts as none: longer than the service gives any request.
const PATIENCE: Duration = Duration::from_secs(40);

/// The way to the service for one writer.
#[derive(Debug)]
pub struct Wire {
    agent: Agent,
    base: String,
    /// The network that the service takes the writer's to be.
    network: String,
}

/// A request.
#[derive(Debug, Clone)]
pub struct Ask {
    pub method: &'static str,
    pub path: String,
    pub body: Option<Value>,
    /// Whether the id is an `Idempotency-Key` as well.
    pub keyed: bool,
    /// Its id, under which its audit events stand.
    pub id: String,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub body: String,
    pub json: Value,
    /// Whether it was kept from an earlier request.
    pub replayed: bool,
    /// Whether it says when to come again.
    pub retry_after: bool,
    pub took: Duration,
}

impl Answer {
    /// The code of a refusal.
    pub fn code(&self) -> &str {
        self.text("code")
    }

    /// A member that is a string; empty where there is none.
    pub fn text(&self, member: &str) -> &str {
        self.json.get(member).and_then(Value::as_str).unwrap_or_default()
    }
}

impl Wire {
    /// A way with no connection yet.
    pub fn to(port: u16, writer: u64) -> Self {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            .max_redirects(0)
            .timeout_global(Some(PATIENCE))
            .build()
            .new_agent();
        Self {
            agent,
            base: format!("http://127.0.0.1:{port}"),
            network: format!("10.{}.{}.1", writer / 250, writer % 250),
        }
    }

    /// The same way, with connections of its own.
    pub fn anew(&mut self) {
        self.agent = self.agent.config().clone().new_agent();
    }

    /// Sends a request.
    ///
    /// # Errors
    /// Why there is no answer: what became of the request is not known then.
    pub fn send(&self, ask: &Ask, token: Option<&str>) -> Result<Answer, String> {
        let begun = Instant::now();
        let mut request = http::Request::builder()
            .method(ask.method)
            .uri(format!("{}{}", self.base, ask.path))
            .header("X-Forwarded-For", &self.network)
            .header("X-Request-Id", &ask.id);
        if ask.keyed {
            request = request.header("Idempotency-Key", &ask.id);
        }
        if let Some(token) = token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        let sent = match &ask.body {
            Some(body) => {
                let media = if ask.method == "PATCH" {
                    "application/merge-patch+json"
                } else {
                    "application/json"
                };
                let request = request.header("Content-Type", media).body(body.to_string());
                self.agent.run(request.map_err(|error| error.to_string())?)
            }
            None if ask.method == "POST" => self
                .agent
                .run(request.body(String::new()).map_err(|error| error.to_string())?),
            None => self.agent.run(request.body(()).map_err(|error| error.to_string())?),
        };
        let mut response = sent.map_err(|error| error.to_string())?;
        let body = response
            .body_mut()
            .read_to_string()
            .map_err(|error| error.to_string())?;
        let json = if body.is_empty() {
            Value::Null
        } else {
            serde_json::from_str(&body).map_err(|error| format!("half an answer: {error}"))?
        };
        Ok(Answer {
            status: response.status().as_u16(),
            replayed: response.headers().contains_key("Idempotency-Replayed"),
            retry_after: response.headers().contains_key("Retry-After"),
            took: begun.elapsed(),
            body,
            json,
        })
    }
}

/// A log-in.
pub fn log_in(id: String, address: &str, password: &str) -> Ask {
    Ask {
        method: "POST",
        path: "/v1/sessions".to_owned(),
        body: Some(json!({ "address": address, "password": password })),
        keyed: false,
        id,
    }
}
