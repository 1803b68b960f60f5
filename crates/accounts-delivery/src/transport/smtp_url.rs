//! Where the SMTP server is and how it is spoken to, in one URL that is never displayed whole.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

/// The address of an SMTP server. It is displayed without its password.
///
/// | form | meaning | usual port |
/// |---|---|---|
/// | `smtps://user:password@host` | TLS from the first byte (RFC 8314) | 465 |
/// | `smtp://user:password@host?tls=required` | STARTTLS, or nothing is sent (RFC 3207) | 587 |
/// | `smtp://127.0.0.1` | in the clear, to this machine | 25 |
/// | `smtp://host?tls=none` | in the clear, through a network that is trusted | 25 |
///
/// Certificates are checked in full. `ca=FILE` names one more authority, or a certificate itself,
/// in PEM, for a server that no public authority vouches for.
#[derive(Clone, PartialEq, Eq)]
pub struct SmtpUrl {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) security: Security,
    pub(super) login: Option<(String, String)>,
    pub(super) authority: Option<PathBuf>,
}

/// How the connection is kept from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Security {
    /// TLS before the first word.
    Tls,
    /// TLS after the first words, before anything that matters.
    StartTls,
    /// Not at all.
    Clear,
}

/// What is wrong with the address of an SMTP server. It never repeats the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SmtpUrlError {
    /// Not a scheme that is known here.
    #[error("the SMTP URL begins with smtps:// or smtp://")]
    Scheme,
    /// No host, two of something, or a character that must be percent-encoded.
    #[error(
        "the SMTP URL is smtps://user:password@host:port, with @ : / ? # % in user and password \
         written as %40 %3A %2F %3F %23 %25"
    )]
    Authority,
    /// A parameter that is not known here, or a value that it does not have.
    #[error("the parameters of the SMTP URL are tls=required, tls=none (with smtp://) and ca=FILE")]
    Parameter,
    /// Mails carry links that open accounts; they would be there for everybody on the way to read.
    #[error(
        "smtp:// to another machine sends mails in the clear: use smtps://, or add ?tls=required \
         for STARTTLS, or ?tls=none where the network in between is trusted"
    )]
    Clear,
    /// A password would go through the network in the clear.
    #[error("a password is sent to another machine by smtps:// or with ?tls=required only")]
    ClearPassword,
}

impl FromStr for SmtpUrl {
    type Err = SmtpUrlError;

    fn from_str(text: &str) -> Result<Self, SmtpUrlError> {
        let (wrapped, rest) = match (text.strip_prefix("smtps://"), text.strip_prefix("smtp://")) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => return Err(SmtpUrlError::Scheme),
        };
        let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
        let Parameters { tls, authority } = Parameters::read(query)?;
        let address = address.strip_suffix('/').unwrap_or(address);
        let (login, place) = match address.rsplit_once('@') {
            Some((login, place)) => (Some(read_login(login)?), place),
            None => (None, address),
        };
        let (host, port) = read_place(place)?;
        let loopback = is_loopback(&host);
        let security = match (wrapped, tls) {
            (true, None) => Security::Tls,
            (true, Some(_)) => return Err(SmtpUrlError::Parameter),
            (false, Some(true)) => Security::StartTls,
            (false, None) if !loopback => return Err(SmtpUrlError::Clear),
            (false, Some(false)) if login.is_some() && !loopback => {
                return Err(SmtpUrlError::ClearPassword);
            }
            (false, None | Some(false)) => Security::Clear,
        };
        let port = port.unwrap_or(match security {
            Security::Tls => 465,
            Security::StartTls => 587,
            Security::Clear => 25,
        });
        Ok(Self {
            host,
            port,
            security,
            login,
            authority,
        })
    }
}

impl fmt::Display for SmtpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, parameter) = match self.security {
            Security::Tls => ("smtps", ""),
            Security::StartTls => ("smtp", "?tls=required"),
            Security::Clear => ("smtp", "?tls=none"),
        };
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        write!(f, "{scheme}://{host}:{}{parameter}", self.port)
    }
}

impl fmt::Debug for SmtpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

struct Parameters {
    /// Whether TLS is required, where the URL says.
    tls: Option<bool>,
    authority: Option<PathBuf>,
}

impl Parameters {
    fn read(query: &str) -> Result<Self, SmtpUrlError> {
        let mut read = Self {
            tls: None,
            authority: None,
        };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("tls", "required")) if read.tls.is_none() => read.tls = Some(true),
                Some(("tls", "none")) if read.tls.is_none() => read.tls = Some(false),
                Some(("ca", file)) if read.authority.is_none() && !file.is_empty() => {
                    read.authority = Some(decoded(file).ok_or(SmtpUrlError::Parameter)?.into());
                }
                Some(_) | None => return Err(SmtpUrlError::Parameter),
            }
        }
        Ok(read)
    }
}

fn read_login(text: &str) -> Result<(String, String), SmtpUrlError> {
    let (user, password) = text.split_once(':').ok_or(SmtpUrlError::Authority)?;
    let read = |text: &str| {
        let plain = !text.is_empty() && !text.contains(['@', ':', '/', '#']);
        if plain { decoded(text) } else { None }.ok_or(SmtpUrlError::Authority)
    };
    Ok((read(user)?, read(password)?))
}

fn read_place(text: &str) -> Result<(String, Option<u16>), SmtpUrlError> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or(SmtpUrlError::Authority)?;
            if host.parse::<std::net::Ipv6Addr>().is_err() {
                return Err(SmtpUrlError::Authority);
            }
            let port = match port {
                "" => None,
                port => Some(port.strip_prefix(':').ok_or(SmtpUrlError::Authority)?),
            };
            (host, port)
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let of_a_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
    if host.is_empty() || !host.bytes().all(of_a_host) {
        return Err(SmtpUrlError::Authority);
    }
    let port = port.map(str::parse).transpose().map_err(|_| SmtpUrlError::Authority)?;
    Ok((host.to_ascii_lowercase(), port))
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Percent-decoding (RFC 3986 section 2.1); `None` where it yields no text.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
            bytes.push(u8::try_from(digit()? * 16 + digit()?).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> SmtpUrl {
        text.parse().unwrap()
    }

    fn fault(text: &str) -> SmtpUrlError {
        text.parse::<SmtpUrl>().unwrap_err()
    }

    #[test]
    fn each_form_has_its_port_and_its_security() {
        let parts = |text: &str| {
            let url = url(text);
            (url.host, url.port, url.security)
        };
        assert_eq!(
            parts("smtps://Mail.Example/"),
            ("mail.example".into(), 465, Security::Tls)
        );
        assert_eq!(
            parts("smtp://mail.example?tls=required"),
            ("mail.example".into(), 587, Security::StartTls)
        );
        assert_eq!(parts("smtp://[::1]:2525"), ("::1".into(), 2525, Security::Clear));
        assert_eq!(parts("smtp://127.0.0.1"), ("127.0.0.1".into(), 25, Security::Clear));
        assert_eq!(
            parts("smtp://mailpit:1025?tls=none"),
            ("mailpit".into(), 1025, Security::Clear)
        );
    }

    #[test]
    fn user_and_password_are_decoded_and_never_shown() {
        let url = url("smtps://app%40x:p%2Fw%25+é@mail.example:2465?ca=/etc/a%20b.pem");
        assert_eq!(url.login, Some(("app@x".to_owned(), "p/w%+é".to_owned())));
        assert_eq!(url.authority, Some("/etc/a b.pem".into()));
        for shown in [url.to_string(), format!("{url:?}")] {
            assert_eq!(shown, "smtps://mail.example:2465");
        }
    }

    #[test]
    fn the_clear_is_chosen_and_never_fallen_into() {
        assert_eq!(fault("smtp://mail.example"), SmtpUrlError::Clear);
        assert_eq!(fault("smtp://user:secret@mail.example:25"), SmtpUrlError::Clear);
        assert_eq!(
            fault("smtp://user:secret@mail.example?tls=none"),
            SmtpUrlError::ClearPassword
        );
        assert_eq!(fault("smtp://mail.example?tls=opportunistic"), SmtpUrlError::Parameter);
        assert_eq!(fault("smtps://mail.example?tls=none"), SmtpUrlError::Parameter);
    }

    #[test]
    fn what_is_no_address_is_refused_without_repeating_it() {
        for text in [
            "smtps://",
            "smtps://:465",
            "smtps://host:port",
            "smtps://u@host",
            "smtps://u:p@q@host",
            "smtps://u:p/q@host",
            "smtps://u:%zz@host",
            "smtps://u:%00@host",
            "smtps://host/path",
            "smtps://[::1",
            "smtps://[host]",
            "smtps://ho st",
            "smtps://host\r\n",
        ] {
            let fault = fault(text);
            assert_eq!(fault, SmtpUrlError::Authority, "{text}");
            assert!(!fault.to_string().contains("host\r"));
        }
        for text in ["smtps://host?", "smtps://host?&"] {
            assert!(text.parse::<SmtpUrl>().is_ok(), "{text}");
        }
        for text in ["smtps://host?x=1", "smtps://host?ca=", "smtp://h?tls=none&tls=required"] {
            assert_eq!(fault(text), SmtpUrlError::Parameter, "{text}");
        }
        assert_eq!(fault("mail.example"), SmtpUrlError::Scheme);
        assert_eq!(fault("http://mail.example"), SmtpUrlError::Scheme);
    }
}
