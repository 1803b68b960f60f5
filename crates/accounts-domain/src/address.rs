//! E-mail addresses, as written and as compared.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use validator::ValidateEmail;

use crate::names::{ValueFault, is_plain};

/// An e-mail address: trimmed, its domain in lower-case ASCII (RFC 5890), its local part as it was written.
///
/// Two addresses are the same when their [`key`](Self::key)s are: the local part compares without case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EmailAddress {
    written: String,
    key: String,
}

impl EmailAddress {
    /// The greatest number of bytes of an address (RFC 5321 section 4.5.3.1.3, less the brackets).
    pub const MAX: usize = 254;

    /// Reads an address.
    ///
    /// # Errors
    /// [`ValueFault`] where it is empty, too long, or not an address that mail can be sent to. Local parts
    /// beyond ASCII are refused: too few servers take them (RFC 6531).
    pub fn parse(text: &str) -> Result<Self, ValueFault> {
        const FORM: ValueFault = ValueFault::Form { kind: "email" };
        let text = text.trim();
        if text.is_empty() {
            return Err(ValueFault::Empty);
        }
        if text.len() > Self::MAX {
            return Err(ValueFault::TooLong { max: Self::MAX });
        }
        if !text.chars().all(is_plain) {
            return Err(ValueFault::ForbiddenCharacter);
        }
        let (local, domain) = text.rsplit_once('@').ok_or(FORM)?;
        let domain = idna::domain_to_ascii_strict(domain).map_err(|_| FORM)?;
        let written = format!("{local}@{domain}");
        if written.len() > Self::MAX || !domain.contains('.') || !local.is_ascii() || !written.validate_email() {
            return Err(FORM);
        }
        let key = written.to_lowercase();
        Ok(Self { written, key })
    }

    /// The address as it is written and sent to.
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// The form in which addresses are compared and kept unique.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The part before the `@`, in lower case.
    pub fn local_part(&self) -> &str {
        self.key.rsplit_once('@').map_or("", |(local, _)| local)
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl FromStr for EmailAddress {
    type Err = ValueFault;

    fn from_str(text: &str) -> Result<Self, ValueFault> {
        Self::parse(text)
    }
}

impl TryFrom<String> for EmailAddress {
    type Error = ValueFault;

    fn try_from(text: String) -> Result<Self, ValueFault> {
        Self::parse(&text)
    }
}

impl From<EmailAddress> for String {
    fn from(address: EmailAddress) -> Self {
        address.written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_compare_without_case_and_in_ascii_domains() {
        let one = EmailAddress::parse(" Ana.Lima@Bücher.Example ").unwrap();
        let two = EmailAddress::parse("ana.lima@xn--bcher-kva.example").unwrap();
        assert_eq!(one.as_str(), "Ana.Lima@xn--bcher-kva.example");
        assert_eq!(one.key(), two.key());
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "ana",
            "ana@",
            "@x.example",
            "a b@x.example",
            "ana@localhost",
            "ana@x..example",
            "ana@-x.example",
            "ána@x.example",
        ] {
            assert_eq!(
                EmailAddress::parse(text),
                Err(ValueFault::Form { kind: "email" }),
                "{text}"
            );
        }
        assert_eq!(
            EmailAddress::parse("ana@x.example\r\nBcc: b@x.example"),
            Err(ValueFault::ForbiddenCharacter)
        );
        assert_eq!(
            EmailAddress::parse(&format!("{}@x.example", "a".repeat(250))),
            Err(ValueFault::TooLong { max: 254 })
        );
    }

    #[test]
    fn the_kelvin_sign_is_no_k() {
        assert!(EmailAddress::parse("\u{212A}arl@x.example").is_err());
    }
}
