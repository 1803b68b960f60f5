//! Where the database is: a file, or the URL of a server whose password nobody gets to see.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Where the database is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Database {
    /// A file of the embedded SQLite.
    Sqlite {
        /// The file; it and its folder are created when missing.
        path: PathBuf,
    },
    /// A PostgreSQL server.
    Postgres {
        /// Its URL.
        url: PostgresUrl,
    },
}

impl Database {
    /// Whether all changes go through one writer, which groups its commits.
    pub(crate) fn has_one_writer(&self) -> bool {
        match self {
            Self::Sqlite { .. } => true,
            Self::Postgres { .. } => false,
        }
    }

    /// How many connections serve reads (with a server: reads and changes) when nothing is said.
    pub fn usual_readers(&self) -> usize {
        match self {
            Self::Sqlite { .. } => 2,
            Self::Postgres { .. } => 8,
        }
    }

    /// Whether this is a server, which other processes may share.
    pub fn is_postgres(&self) -> bool {
        match self {
            Self::Sqlite { .. } => false,
            Self::Postgres { .. } => true,
        }
    }
}

/// `postgres://…` or `postgresql://…` is a server; `sqlite:PATH` or a bare path is a file.
impl FromStr for Database {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self::Postgres { url: text.parse()? });
        }
        let path = text
            .strip_prefix("sqlite://")
            .or_else(|| text.strip_prefix("sqlite:"))
            .unwrap_or(text);
        if path.is_empty() {
            return Err(AddressError::NoPath);
        }
        if path.contains("://") {
            return Err(AddressError::Scheme);
        }
        if path == ":memory:" {
            return Err(AddressError::Memory);
        }
        Ok(Self::Sqlite {
            path: PathBuf::from(path),
        })
    }
}

/// What is wrong with the address of a database. It never repeats the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Nothing after `sqlite:`, or nothing at all.
    #[error("the path of the database file is missing")]
    NoPath,
    /// Each connection would see a database of its own.
    #[error("a database in memory is not possible: give the path of a file")]
    Memory,
    /// Not a scheme that is known here.
    #[error("the database URL must begin with postgres://, postgresql:// or sqlite:")]
    Scheme,
    /// No host or an at sign too many: libpq would take part of the password for a host, and name
    /// it in its messages.
    #[error(
        "the database URL must be postgres://user:password@host:port/name, with @ and / in user \
         and password written as %40 and %2F"
    )]
    Authority,
}

/// The URL of a PostgreSQL server. It is displayed without its password.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl {
    url: String,
}

impl FromStr for PostgresUrl {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rest = text
            .strip_prefix("postgresql://")
            .or_else(|| text.strip_prefix("postgres://"))
            .ok_or(AddressError::Scheme)?;
        let before_parameters = rest.split('?').next().unwrap_or(rest);
        if before_parameters.matches('@').count() > 1 {
            return Err(AddressError::Authority);
        }
        // An at sign behind the first slash: the slash belongs to a password.
        if before_parameters
            .split_once('/')
            .is_some_and(|(_, path)| path.contains('@'))
        {
            return Err(AddressError::Authority);
        }
        Ok(Self { url: text.to_owned() })
    }
}

impl PostgresUrl {
    /// The URL to connect with: what it leaves open is filled in. Times out early, finds the server
    /// that takes writes, and checks the server's certificate and name in full.
    pub(crate) fn to_connect(&self) -> String {
        let mut defaults = vec![
            ("application_name", "accounts".to_owned()),
            ("connect_timeout", "2".to_owned()),
            ("keepalives_idle", "5".to_owned()),
            ("tcp_user_timeout", "3000".to_owned()),
            ("target_session_attrs", "read-write".to_owned()),
            ("sslmode", "verify-full".to_owned()),
        ];
        if !self.says("sslmode") || self.parameter("sslmode").is_some_and(checks_certificate) {
            defaults.push(("sslrootcert", certificates().to_owned()));
        }
        let mut url = self.url.clone();
        for (name, value) in defaults {
            if !self.says(name) {
                url.push(if url.contains('?') { '&' } else { '?' });
                url.push_str(name);
                url.push('=');
                url.push_str(&value);
            }
        }
        url
    }

    /// `message` without the password, should a driver repeat it.
    pub(crate) fn scrub(&self, message: &str) -> String {
        let secrets = [self.password().map(str::to_owned), self.password().map(decoded)]
            .into_iter()
            .chain([
                self.parameter("password").map(str::to_owned),
                self.parameter("password").map(decoded),
            ])
            .flatten()
            .filter(|secret| !secret.is_empty());
        secrets.fold(message.trim().to_owned(), |text, secret| text.replace(&secret, "…"))
    }

    fn says(&self, name: &str) -> bool {
        self.parameter(name).is_some()
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        let (_, parameters) = self.url.split_once('?')?;
        parameters
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find_map(|(key, value)| (key == name).then_some(value))
    }

    fn password(&self) -> Option<&str> {
        let (user, _) = self.after_scheme().split_once('@')?;
        user.split_once(':').map(|(_, password)| password)
    }

    fn after_scheme(&self) -> &str {
        let rest = self.url.split_once("://").map_or("", |(_, rest)| rest);
        rest.split('?').next().unwrap_or(rest)
    }
}

/// User, host and database; neither password nor parameters, which may hold one.
impl fmt::Display for PostgresUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("postgres://")?;
        match self.after_scheme().split_once('@') {
            Some((user, rest)) => {
                let name = user.split_once(':').map_or(user, |(name, _)| name);
                write!(formatter, "{name}@{rest}")
            }
            None => formatter.write_str(self.after_scheme()),
        }
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

fn checks_certificate(mode: &str) -> bool {
    matches!(mode, "verify-full" | "verify-ca")
}

/// The certificate authorities of the machine. The TLS library is built in and knows no folder of
/// the distribution, so that the usual places are looked at first.
fn certificates() -> &'static str {
    const PLACES: [&str; 3] = [
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/cert.pem",
    ];
    PLACES
        .into_iter()
        .find(|place| Path::new(place).is_file())
        .unwrap_or("system")
}

/// `text` with its `%xx` replaced by the bytes that they stand for.
fn decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let code = part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        if let (Some(code), Some(rest)) = (code, part.get(2..)) {
            bytes.push(code);
            bytes.extend_from_slice(rest.as_bytes());
        } else {
            bytes.push(b'%');
            bytes.extend_from_slice(part.as_bytes());
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The file as a URI that never creates it; every byte that means something there is encoded.
pub(crate) fn sqlite_uri(path: &Path) -> String {
    use std::fmt::Write as _;

    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let mut uri = String::from("file:");
    for byte in absolute.as_os_str().as_encoded_bytes() {
        let plain = byte.is_ascii_alphanumeric() || b"/-_.~".contains(byte);
        if plain {
            uri.push(char::from(*byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri.push_str("?mode=rw");
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> PostgresUrl {
        text.parse().unwrap()
    }

    #[test]
    fn the_password_is_never_shown() {
        let url = url("postgres://app:s%40cret@db.example:5432/accounts?password=other");
        for shown in [url.to_string(), format!("{url:?}")] {
            assert_eq!(shown, "postgres://app@db.example:5432/accounts");
        }
        assert_eq!(url.scrub("no: s@cret, s%40cret, other\n"), "no: …, …, …");
    }

    #[test]
    fn what_the_url_leaves_open_is_filled_in() {
        let plain = url("postgres://app@db/accounts").to_connect();
        assert!(plain.contains("/accounts?application_name=accounts&connect_timeout=2"));
        assert!(plain.contains("&sslmode=verify-full"));
        assert!(plain.contains("&sslrootcert="));
        let loopback = url("postgres://app@127.0.0.1/accounts?sslmode=disable").to_connect();
        assert!(loopback.contains("?sslmode=disable&"));
        assert!(!loopback.contains("verify-full"));
        assert!(!loopback.contains("sslrootcert"));
    }

    #[test]
    fn an_address_that_would_leak_a_password_is_refused() {
        for text in ["postgres://app:pa@ss@db/x", "postgres://app:pa/s@db/x"] {
            assert_eq!(text.parse::<Database>(), Err(AddressError::Authority));
        }
    }

    #[test]
    fn paths_and_schemes_are_told_apart() {
        assert_eq!(
            "sqlite:data/a.db".parse::<Database>().unwrap(),
            Database::Sqlite {
                path: "data/a.db".into()
            }
        );
        assert_eq!("mysql://x".parse::<Database>(), Err(AddressError::Scheme));
        assert_eq!("sqlite:".parse::<Database>(), Err(AddressError::NoPath));
        assert_eq!(":memory:".parse::<Database>(), Err(AddressError::Memory));
    }

    #[test]
    fn a_path_is_not_read_as_parameters() {
        assert_eq!(
            sqlite_uri(Path::new("/tmp/a b?mode=memory#%")),
            "file:/tmp/a%20b%3Fmode%3Dmemory%23%25?mode=rw"
        );
    }
}
