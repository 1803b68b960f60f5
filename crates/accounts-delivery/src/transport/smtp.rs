//! Hands mails to an SMTP server, one connection for each.
//!
//! What the server says is hostile input: it is bounded in time and in length.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use lettre::Message;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

use super::bounded::Bounded;
use super::smtp_url::{Security, SmtpUrl};
use super::{Reason, SendError};

/// How long one mail may take in all, from the connection to the answer (security decision D17).
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the server may take to part.
const FAREWELL: Duration = Duration::from_secs(1);
/// How many bytes a server may say in one connection. Its certificates are among them.
const LIMIT: usize = 128 * 1024;

/// An SMTP server that mails are handed to.
pub struct Smtp {
    url: SmtpUrl,
    tls: Tls,
    patience: Duration,
}

enum Tls {
    First(TlsConnector, ServerName<'static>),
    Later(TlsParameters),
    Never,
}

/// Why the server cannot be spoken to as its URL says.
#[derive(Debug, thiserror::Error)]
pub enum SmtpError {
    /// The file of `ca=` cannot be read.
    #[error("{file}: {problem}")]
    File {
        /// The file.
        file: PathBuf,
        /// What the system says.
        problem: std::io::Error,
    },
    /// The file of `ca=` holds no certificate.
    #[error("{0}: no certificate in PEM")]
    NoCertificate(PathBuf),
    /// TLS cannot be set up.
    #[error("TLS to the SMTP server cannot be set up: {0}")]
    Tls(String),
}

impl Smtp {
    /// Reads what the URL names; connects to nothing yet.
    ///
    /// # Errors
    /// [`SmtpError`] where a certificate cannot be read.
    pub fn new(url: SmtpUrl) -> Result<Self, SmtpError> {
        let authority = url.authority.as_deref().map(read_pem).transpose()?;
        let tls = match url.security {
            Security::Tls => tls_first(&url.host, authority.as_deref())?,
            Security::StartTls => tls_later(&url.host, authority.as_deref())?,
            Security::Clear => Tls::Never,
        };
        Ok(Self {
            url,
            tls,
            patience: PATIENCE,
        })
    }

    pub(super) async fn send(&self, message: &Message) -> Result<(), SendError> {
        let Ok(outcome) = timeout(self.patience, self.hand_over(message)).await else {
            let reason = format!("the server did not take the mail within {:?}", self.patience);
            return Err(SendError::Later(Reason::new(reason)));
        };
        let mut connection = outcome?;
        // The mail is accepted: whatever comes after it is a courtesy.
        let _ = timeout(FAREWELL, connection.abort()).await;
        Ok(())
    }

    /// Before the recipient is named, a refusal is about the set-up: another try may find it
    /// mended. From then on it is about this mail.
    async fn hand_over(&self, message: &Message) -> Result<AsyncSmtpConnection, SendError> {
        let envelope = message.envelope();
        let mut connection = self.connect().await.map_err(later)?;
        connection
            .command(Mail::new(envelope.from().cloned(), vec![]))
            .await
            .map_err(later)?;
        for to in envelope.to() {
            connection
                .command(Rcpt::new(to.clone(), vec![]))
                .await
                .map_err(judged)?;
        }
        connection.command(Data).await.map_err(judged)?;
        connection.message(&message.formatted()).await.map_err(judged)?;
        Ok(connection)
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, ConnectError> {
        let hello = ClientId::default();
        let tcp = TcpStream::connect((self.url.host.as_str(), self.url.port)).await?;
        let peer = tcp.peer_addr()?;
        let mut connection = match &self.tls {
            Tls::First(connector, name) => {
                let stream = connector.connect(name.clone(), tcp).await?;
                let stream = Box::new(Bounded::new(stream, peer, LIMIT));
                AsyncSmtpConnection::connect_with_transport(stream, &hello).await?
            }
            Tls::Later(_) | Tls::Never => {
                let stream = Box::new(Bounded::new(tcp, peer, LIMIT));
                AsyncSmtpConnection::connect_with_transport(stream, &hello).await?
            }
        };
        if let Tls::Later(parameters) = &self.tls {
            connection.starttls(parameters.clone(), &hello).await?;
        }
        if let Some((user, password)) = &self.url.login {
            let credentials = Credentials::new(user.clone(), password.clone());
            connection.auth(DEFAULT_MECHANISMS, &credentials).await?;
        }
        Ok(connection)
    }
}

impl fmt::Debug for Smtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Smtp({})", self.url)
    }
}

#[derive(Debug, thiserror::Error)]
enum ConnectError {
    #[error("{0}")]
    Network(#[from] std::io::Error),
    #[error("{0}")]
    Smtp(#[from] Error),
}

fn later(error: impl fmt::Display) -> SendError {
    SendError::Later(Reason::new(error))
}

fn judged(error: Error) -> SendError {
    if error.is_permanent() {
        SendError::Never(Reason::new(error))
    } else {
        later(error)
    }
}

fn tls_first(host: &str, authority: Option<&[u8]>) -> Result<Tls, SmtpError> {
    let mut roots = RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    for certificate in CertificateDer::pem_slice_iter(authority.unwrap_or_default()) {
        roots.add(certificate.map_err(tls_error)?).map_err(tls_error)?;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(tls_error)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned()).map_err(tls_error)?;
    Ok(Tls::First(TlsConnector::from(Arc::new(config)), name))
}

fn tls_later(host: &str, authority: Option<&[u8]>) -> Result<Tls, SmtpError> {
    let mut parameters = TlsParameters::builder(host.to_owned());
    if let Some(pem) = authority {
        parameters = parameters.add_root_certificate(Certificate::from_pem(pem).map_err(tls_error)?);
    }
    Ok(Tls::Later(parameters.build().map_err(tls_error)?))
}

fn tls_error(error: impl fmt::Display) -> SmtpError {
    SmtpError::Tls(error.to_string())
}

fn read_pem(file: &Path) -> Result<Vec<u8>, SmtpError> {
    let pem = std::fs::read(file).map_err(|problem| SmtpError::File {
        file: file.to_owned(),
        problem,
    })?;
    match CertificateDer::pem_slice_iter(&pem).next() {
        Some(Ok(_)) => Ok(pem),
        Some(Err(_)) | None => Err(SmtpError::NoCertificate(file.to_owned())),
    }
}

#[cfg(test)]
mod tests;
