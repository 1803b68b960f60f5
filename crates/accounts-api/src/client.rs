//! The address that a request comes from: what limits count by and sessions show.

use std::future::{Ready, ready};
use std::net::{IpAddr, Ipv4Addr};

use actix_web::dev::Payload;
use actix_web::http::header::{HeaderMap, HeaderName};
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};

use crate::describe::{Describe, Description};
use crate::problem::Problem;
use crate::settings::ApiSettings;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address of the caller: that of the connection, or, where proxies of the provider stand in
/// front, the one that the outermost of them saw. Nothing else that a request says about itself
/// counts (security requirement R57).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    pub(crate) fn of(headers: &HeaderMap, peer: Option<IpAddr>, trusted_hops: usize) -> Self {
        let peer = peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let Some(from_the_end) = trusted_hops.checked_sub(1) else {
            return Self(peer.to_canonical());
        };
        let said = headers.get_all(FORWARDED_FOR).filter_map(|value| value.to_str().ok());
        let said: Vec<&str> = said.flat_map(|value| value.split(',')).map(str::trim).collect();
        let seen = said
            .iter()
            .rev()
            .nth(from_the_end)
            .and_then(|text| text.parse::<IpAddr>().ok());
        Self(seen.unwrap_or(peer).to_canonical())
    }

    /// The network that counts as one caller: an IPv4 address, or an IPv6 /64, which one customer of
    /// an access provider has at the least.
    pub fn network(self) -> String {
        match self.0 {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
            }
        }
    }
}

impl FromRequest for ClientAddress {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let hops = request
            .app_data::<Data<ApiSettings>>()
            .map_or(0, |settings| settings.trusted_hops);
        let peer = request.peer_addr().map(|peer| peer.ip());
        ready(Ok(Self::of(request.headers(), peer, hops)))
    }
}

impl Describe for ClientAddress {
    fn describe(_: &mut Description) {}
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn of(forwarded: &[&'static str], hops: usize) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(FORWARDED_FOR, HeaderValue::from_static(value));
        }
        ClientAddress::of(&headers, Some("10.0.0.1".parse().unwrap()), hops)
            .0
            .to_string()
    }

    #[test]
    fn the_header_is_read_only_behind_proxies() {
        assert_eq!(of(&["1.2.3.4"], 0), "10.0.0.1");
        assert_eq!(of(&["6.6.6.6, 1.2.3.4"], 1), "1.2.3.4");
        assert_eq!(of(&["6.6.6.6", "1.2.3.4, 10.0.0.9"], 2), "1.2.3.4");
        assert_eq!(of(&["1.2.3.4"], 2), "10.0.0.1");
        assert_eq!(of(&["what"], 1), "10.0.0.1");
        assert_eq!(of(&[], 1), "10.0.0.1");
        assert_eq!(of(&["::ffff:1.2.3.4"], 1), "1.2.3.4");
    }

    #[test]
    fn one_customer_is_one_network() {
        let network = |text: &str| ClientAddress(text.parse().unwrap()).network();
        assert_eq!(network("192.0.2.7"), "192.0.2.7");
        assert_eq!(network("2001:db8:1:2:3::1"), network("2001:db8:1:2:ffff::2"));
    }
}
