//! Takes one letter to one webhook, over a connection of its own.
//!
//! Where it goes was said by somebody else, and so is what comes back: the address is judged on the connection itself (R68),
//! and of the answer only the beginning is read, in bounded time, and made harmless (R69). No proxy is asked, and no
//! redirect is followed.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use accounts_domain::names::is_plain;
use accounts_domain::webhooks::{Reach, WebhookUrl, is_public};
use accounts_store::Told;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST, USER_AGENT};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

/// How long one delivery may take in all, from the name to the answer.
const PATIENCE: Duration = Duration::from_secs(15);
/// How much of an answer's head is read.
const HEAD: usize = 16 * 1024;
/// How much of an answer's body is read.
const BODY: usize = 2 * 1024;
/// How much of it is kept, in characters.
const KEPT: usize = 500;
/// How many of a name's addresses are tried.
const ADDRESSES: usize = 4;
/// How long one of them may take to let us in, so that another one is tried before it is too late.
const DOOR: Duration = Duration::from_secs(3);
/// How long the body of an answer is waited for. The status has said by then what came of it.
const REMARKS: Duration = Duration::from_secs(2);

/// TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
#[error("TLS cannot be set up: {0}")]
pub struct CourierError(String);

/// What is sent.
pub(super) struct Letter {
    pub(super) id: String,
    pub(super) timestamp: String,
    pub(super) signature: String,
    pub(super) body: Vec<u8>,
}

/// Takes letters where it may.
pub(super) struct Courier {
    reach: Reach,
    tls: TlsConnector,
    patience: Duration,
}

/// Ends the task of a connection with whoever waits for it.
struct Driving(AbortHandle);

impl Drop for Driving {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Courier {
    pub(super) fn new(reach: Reach) -> Result<Self, CourierError> {
        let mut roots = RootCertStore::empty();
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        let config = ClientConfig::builder_with_provider(Arc::new(crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| CourierError(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self {
            reach,
            tls: TlsConnector::from(Arc::new(config)),
            patience: PATIENCE,
        })
    }

    /// Sends a letter, and tells what came of it. A status other than 2xx is a failure, a redirect too.
    pub(super) async fn send(&self, url: &WebhookUrl, letter: Letter) -> Told {
        match timeout(self.patience, self.try_send(url, letter)).await {
            Ok(Ok(told)) => told,
            Ok(Err(problem)) => failed(problem),
            Err(_) => failed("there was no answer in time".to_owned()),
        }
    }

    async fn try_send(&self, url: &WebhookUrl, letter: Letter) -> Result<Told, String> {
        if !url.is_within(self.reach) {
            return Err("nothing is sent to such an address".to_owned());
        }
        let stream = self.connect(url).await?;
        if !url.is_tls() {
            return exchange(stream, url, letter).await;
        }
        let name = ServerName::try_from(url.host()).map_err(|_| "its name cannot be verified".to_owned())?;
        let stream = self.tls.connect(name, stream).await;
        exchange(stream.map_err(|error| said("TLS failed", error))?, url, letter).await
    }

    /// A connection to an address that was judged, and not to a name that may stand for another one by then.
    async fn connect(&self, url: &WebhookUrl) -> Result<TcpStream, String> {
        let (host, port) = (url.host(), url.port());
        let found: Vec<SocketAddr> = match host.parse::<IpAddr>() {
            Ok(address) => vec![SocketAddr::new(address, port)],
            Err(_) => match lookup_host((host.as_str(), port)).await {
                Ok(found) => found.collect(),
                Err(_) => return Err("its name cannot be resolved".to_owned()),
            },
        };
        let mut problem = "its address is not public".to_owned();
        let reachable = found.into_iter().filter(|address| self.may_reach(address.ip()));
        for address in reachable.take(ADDRESSES) {
            match timeout(DOOR, TcpStream::connect(address)).await {
                Ok(Ok(stream)) if stream.peer_addr().is_ok_and(|peer| self.may_reach(peer.ip())) => return Ok(stream),
                Ok(Ok(_)) => {}
                Ok(Err(error)) => problem = said("the connection failed", error.kind()),
                Err(_) => "the connection took too long".clone_into(&mut problem),
            }
        }
        Err(problem)
    }

    fn may_reach(&self, address: IpAddr) -> bool {
        match self.reach {
            Reach::Anywhere => true,
            Reach::Public => is_public(address),
        }
    }
}

async fn exchange<S>(stream: S, url: &WebhookUrl, letter: Letter) -> Result<Told, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(HEAD)
        .handshake::<_, Full<Bytes>>(TokioIo::new(stream))
        .await
        .map_err(|error| said("the connection failed", error))?;
    let _driving = Driving(tokio::spawn(connection).abort_handle());
    let request = Request::post(url.path())
        .header(HOST, url.authority())
        .header(CONTENT_TYPE, "application/json")
        .header(USER_AGENT, concat!("accounts-webhooks/", env!("CARGO_PKG_VERSION")))
        .header("webhook-id", letter.id)
        .header("webhook-timestamp", letter.timestamp)
        .header("webhook-signature", letter.signature)
        .body(Full::new(Bytes::from(letter.body)))
        .map_err(|error| said("the request cannot be written", error))?;
    let answer = sender
        .send_request(request)
        .await
        .map_err(|error| said("the answer cannot be read", error))?;
    Ok(read(answer).await)
}

/// The status, and with what the body begins. What comes after that, or late, is not waited for.
async fn read(answer: Response<Incoming>) -> Told {
    let (head, mut body) = answer.into_parts();
    let mut beginning = Vec::new();
    let until = Instant::now() + REMARKS;
    while beginning.len() < BODY {
        match timeout_at(until, body.frame()).await {
            Ok(Some(Ok(frame))) => beginning.extend(frame.data_ref().map(AsRef::as_ref).unwrap_or_default()),
            Ok(Some(Err(_)) | None) | Err(_) => break,
        }
    }
    beginning.truncate(BODY);
    let error = if head.status.is_success() {
        None
    } else if head.status.is_redirection() {
        Some("redirects are not followed".to_owned())
    } else {
        Some(format!("it answered {}", head.status.as_u16()))
    };
    Told {
        status: Some(head.status.as_u16()),
        error,
        answer: (!beginning.is_empty()).then(|| harmless(&String::from_utf8_lossy(&beginning))),
    }
}

/// The beginning of a text from outside, in one line that colours and turns nothing.
fn harmless(text: &str) -> String {
    let shown = |letter: char| {
        let escaped = (!is_plain(letter)).then(|| letter.escape_default());
        let plain = is_plain(letter).then_some(letter);
        escaped.into_iter().flatten().chain(plain)
    };
    text.chars().flat_map(shown).take(KEPT).collect()
}

fn said(what: &str, error: impl fmt::Display) -> String {
    harmless(&format!("{what}: {error}"))
}

fn failed(problem: String) -> Told {
    Told {
        status: None,
        error: Some(problem),
        answer: None,
    }
}

#[cfg(test)]
mod tests;
