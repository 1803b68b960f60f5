//! What the process tells the API at its start.

use std::fmt;
use std::time::Duration;

use accounts_domain::webhooks::Reach;
use aws_lc_rs::hmac;
use chrono::TimeDelta;

/// The settings of the HTTP edge. They are values, read once, and passed on as application data.
#[derive(Debug, Clone)]
pub struct ApiSettings {
    /// The address under which clients reach the service; links are built from it and from nothing
    /// that a request says (security decision D7).
    pub public_url: PublicUrl,
    /// The origins whose pages may read answers, compared byte by byte. Empty: none.
    pub cors_origins: Vec<String>,
    /// How many proxies stand in front and append to `X-Forwarded-For`. With 0 the address of the
    /// connection counts and the header is not read.
    pub trusted_hops: usize,
    /// How long a whole request may take (security decision D16).
    pub request_deadline: Duration,
    /// How long a body may take to arrive (security decision D16).
    pub body_deadline: Duration,
    /// How long the answer to a request with an `Idempotency-Key` is kept for a repeat.
    pub answers_kept_for: TimeDelta,
    /// Where webhooks may be (R68).
    pub webhooks: Reach,
    /// The key that cursors are sealed with. Two processes behind one address share it.
    pub cursor_key: Secret,
}

impl ApiSettings {
    /// The settings with the deadlines of the contract, no foreign origin and no proxy.
    pub fn new(public_url: PublicUrl, cursor_key: Secret) -> Self {
        Self {
            public_url,
            cors_origins: Vec::new(),
            trusted_hops: 0,
            request_deadline: Duration::from_secs(30),
            body_deadline: Duration::from_secs(10),
            answers_kept_for: accounts_store::KEPT_FOR,
            webhooks: Reach::Public,
            cursor_key,
        }
    }
}

/// An absolute `http` or `https` address without a trailing slash, query or fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl(String);

/// The text is not an address that links can be built from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the public URL is http:// or https://, a host, and perhaps a path")]
pub struct InvalidPublicUrl;

impl PublicUrl {
    /// Takes an address; a trailing slash is dropped.
    ///
    /// # Errors
    /// [`InvalidPublicUrl`] where it has no scheme, no host, or a query, fragment or user.
    pub fn parse(text: &str) -> Result<Self, InvalidPublicUrl> {
        let text = text.trim().trim_end_matches('/');
        let uri: actix_web::http::Uri = text.parse().map_err(|_| InvalidPublicUrl)?;
        let scheme = uri.scheme_str().ok_or(InvalidPublicUrl)?;
        let authority = uri.authority().ok_or(InvalidPublicUrl)?;
        let plain = matches!(scheme, "http" | "https")
            && !authority.host().is_empty()
            && !authority.as_str().contains('@')
            && uri.query().is_none()
            && !text.contains('#');
        if plain {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidPublicUrl)
        }
    }

    /// The address, without a trailing slash.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The host, and the port where one is said: by which people tell this service from others.
    pub fn authority(&self) -> &str {
        let rest = self.0.split_once("://").map_or(self.0.as_str(), |(_, rest)| rest);
        rest.split('/').next().unwrap_or(rest)
    }

    /// Whether clients come by TLS.
    pub fn is_https(&self) -> bool {
        self.0.starts_with("https://")
    }

    /// The address of a path that starts with `/`.
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }
}

/// A key of at least 32 bytes. It is never shown, in no log and no error.
#[derive(Clone)]
pub struct Secret(hmac::Key);

/// The key is too short to keep anything secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a secret has at least {} bytes", Secret::SHORTEST)]
pub struct SecretTooShort;

impl Secret {
    /// The smallest number of bytes.
    pub const SHORTEST: usize = 32;

    /// Takes a key.
    ///
    /// # Errors
    /// [`SecretTooShort`] below [`Self::SHORTEST`] bytes.
    pub fn new(bytes: &[u8]) -> Result<Self, SecretTooShort> {
        if bytes.len() < Self::SHORTEST {
            return Err(SecretTooShort);
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, bytes)))
    }

    /// The HMAC-SHA-256 of a text under this key.
    pub fn seal(&self, text: &[u8]) -> [u8; 32] {
        let mut seal = [0; 32];
        for (to, from) in seal.iter_mut().zip(hmac::sign(&self.0, text).as_ref()) {
            *to = *from;
        }
        seal
    }

    /// Whether `seal` is the whole HMAC-SHA-256 of a text under this key, compared in a time that
    /// does not depend on where the two differ.
    pub fn verifies(&self, text: &[u8], seal: &[u8]) -> bool {
        hmac::verify(&self.0, text, seal).is_ok()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_url_is_absolute_and_loses_its_slash() {
        assert_eq!(
            PublicUrl::parse("https://accounts.example/").unwrap().at("/v1"),
            "https://accounts.example/v1"
        );
        let below = PublicUrl::parse("http://provider.example:8080/accounts").unwrap();
        assert_eq!(below.authority(), "provider.example:8080");
        for text in [
            "",
            "accounts.example",
            "ftp://a",
            "/v1",
            "http://u@h",
            "http://a?b",
            "http://a#b",
        ] {
            assert_eq!(PublicUrl::parse(text), Err(InvalidPublicUrl), "{text}");
        }
    }

    #[test]
    fn a_secret_is_long_and_never_shown() {
        assert_eq!(Secret::new(&[7; 31]).unwrap_err(), SecretTooShort);
        let secret = Secret::new(&[7; 32]).unwrap();
        assert_eq!(format!("{secret:?}"), "Secret(…)");
        assert!(secret.verifies(b"text", &secret.seal(b"text")));
        assert!(!secret.verifies(b"other", &secret.seal(b"text")));
        assert!(!secret.verifies(b"text", &secret.seal(b"text")[..16]));
    }
}
