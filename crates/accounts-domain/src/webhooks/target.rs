//! Where a webhook may be (R68): its URL, and which addresses of the network are anybody's.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use crate::names::ValueFault;

/// Where deliveries may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// To addresses that anybody may reach, by TLS.
    Public,
    /// Anywhere, in the clear too: where the operator says so.
    Anywhere,
}

/// An address that deliveries are sent to. It is `https`, or `http` where the operator allows that.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookUrl(Url);

impl WebhookUrl {
    /// The greatest number of characters.
    pub const MAX: usize = 2048;

    /// Takes an absolute address with a host, without user or fragment. One of the network in an odd notation (octal, in
    /// one number, shortened) is none.
    ///
    /// # Errors
    /// [`ValueFault`].
    pub fn parse(text: &str) -> Result<Self, ValueFault> {
        let form = ValueFault::Form { kind: "url" };
        if text.chars().count() > Self::MAX {
            return Err(ValueFault::TooLong { max: Self::MAX });
        }
        if !text.chars().all(|letter| letter.is_ascii_graphic()) || text.contains('\\') {
            return Err(form);
        }
        let url = Url::parse(text).map_err(|_| form.clone())?;
        let authority = text.split_once("://").map_or("", |(_, rest)| rest);
        let authority = authority.split(['/', '?', '#']).next().unwrap_or_default();
        let written = !authority.is_empty()
            && match url.host() {
                Some(Host::Ipv4(address)) => authority.split(':').next() == Some(address.to_string().as_str()),
                Some(Host::Ipv6(_)) => authority.starts_with('['),
                Some(Host::Domain(name)) => !name.is_empty() && !name.ends_with('.'),
                None => false,
            };
        let plain = matches!(url.scheme(), "https" | "http")
            && url.username().is_empty()
            && url.password().is_none()
            && !authority.contains('@')
            && url.fragment().is_none()
            && url.port() != Some(0)
            && url.as_str().len() <= Self::MAX;
        if plain && written { Ok(Self(url)) } else { Err(form) }
    }

    /// Whether deliveries may be sent there, as far as the text tells. A name is judged again by each address that it
    /// stands for, when it is connected to.
    pub fn is_within(&self, reach: Reach) -> bool {
        match reach {
            Reach::Anywhere => true,
            Reach::Public => {
                let port = self.0.port_or_known_default().unwrap_or_default();
                self.is_tls() && (port == 443 || port >= 1024) && self.has_public_host()
            }
        }
    }

    fn has_public_host(&self) -> bool {
        match self.0.host() {
            Some(Host::Ipv4(address)) => is_public(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => is_public(IpAddr::V6(address)),
            Some(Host::Domain(name)) => {
                let last = name.rsplit('.').next().unwrap_or_default();
                name.contains('.') && !["localhost", "local", "internal", "lan", "home", "arpa"].contains(&last)
            }
            None => false,
        }
    }

    /// Whether it is reached by TLS.
    pub fn is_tls(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// The host: a name, or an address of the network without brackets.
    pub fn host(&self) -> String {
        match self.0.host() {
            Some(Host::Ipv4(address)) => address.to_string(),
            Some(Host::Ipv6(address)) => address.to_string(),
            Some(Host::Domain(name)) => name.to_owned(),
            None => String::new(),
        }
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.0.port_or_known_default().unwrap_or(443)
    }

    /// What stands in the `Host` of a request: the port too, unless it is the usual one.
    pub fn authority(&self) -> String {
        let host = self.0.host_str().unwrap_or_default();
        self.0
            .port()
            .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// What is asked for there: path and query.
    pub fn path(&self) -> String {
        match self.0.query() {
            Some(query) => format!("{}?{query}", self.0.path()),
            None => self.0.path().to_owned(),
        }
    }

    /// The whole of it.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// Paths and queries of webhooks are often secrets, so only the host is shown in logs.
impl fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebhookUrl({}…)", self.authority())
    }
}

/// Whether an address is anybody's to reach: none of this machine, of a private network, of a link, of many, of
/// documentation, or reserved, and none that stands for another one.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// The IANA registry of special addresses (RFC 6890 and its successors).
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = matches!(
        (a, b, c),
        (0 | 10 | 127 | 224..=255, _, _)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 0, 0 | 2)
            | (192, 31, 196)
            | (192, 52, 193)
            | (192, 88, 99)
            | (192, 168, _)
            | (192, 175, 48)
            | (198, 18 | 19, _)
            | (198, 51, 100)
            | (203, 0, 113)
    );
    !special
}

/// Of IPv6 only `2000::/3` is given out, and of that not what stands for IPv4 (6to4, Teredo) or is for documents.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    let given_out = a & 0xe000 == 0x2000;
    let special = matches!(
        (a, b),
        (0x2001, 0..=0x01ff | 0x0db8) | (0x2002, _) | (0x3fff, 0..=0x0fff)
    );
    given_out && !special
}
