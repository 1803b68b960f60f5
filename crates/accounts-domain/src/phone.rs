//! Telephone numbers in E.164 form.

use std::fmt;

use phonenumber::Mode;
use serde::{Deserialize, Serialize};

use crate::names::{ValueFault, is_plain};

/// A telephone number in E.164 form (`+33123456789`), valid in the numbering plan of its country.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct PhoneNumber(String);

impl PhoneNumber {
    /// The greatest number of characters that are read: room for the blanks and dashes that people write.
    pub const MAX: usize = 40;

    /// Reads a number with its country code (`+`); blanks, dashes and brackets are dropped.
    ///
    /// # Errors
    /// [`ValueFault`] where it is too long, has no country code or is not valid in its country.
    pub fn parse(text: &str) -> Result<Self, ValueFault> {
        const FORM: ValueFault = ValueFault::Form { kind: "phone" };
        let text = text.trim();
        if text.is_empty() {
            return Err(ValueFault::Empty);
        }
        if text.chars().count() > Self::MAX {
            return Err(ValueFault::TooLong { max: Self::MAX });
        }
        if !text.chars().all(is_plain) {
            return Err(ValueFault::ForbiddenCharacter);
        }
        if !text.starts_with('+') {
            return Err(FORM);
        }
        let number = phonenumber::parse(None, text).map_err(|_| FORM)?;
        if !number.is_valid() || number.extension().is_some() {
            return Err(FORM);
        }
        Ok(Self(number.format().mode(Mode::E164).to_string()))
    }

    /// A number that was read before, as the store keeps it: `+` and 2 to 15 digits. The numbering plans change, and one
    /// that was valid when it was given stays the account's.
    ///
    /// # Errors
    /// [`ValueFault::Form`] for what [`PhoneNumber::parse`] has never made.
    pub fn stored(text: &str) -> Result<Self, ValueFault> {
        let digits = text.strip_prefix('+').unwrap_or_default();
        if (2..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ValueFault::Form { kind: "phone" })
        }
    }

    /// The number, `+` and digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What kind of line a number is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhoneKind {
    /// A mobile telephone.
    Mobile,
    /// A fixed line.
    Landline,
    /// A fax machine.
    Fax,
    /// Anything else.
    Other,
}

impl PhoneKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Mobile, Self::Landline, Self::Fax, Self::Other];

    /// The name in the API and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mobile => "mobile",
            Self::Landline => "landline",
            Self::Fax => "fax",
            Self::Other => "other",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// A number with its kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Phone {
    /// The number.
    pub number: PhoneNumber,
    /// What kind of line it is.
    pub kind: PhoneKind,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_become_e164() {
        assert_eq!(
            PhoneNumber::parse("+33 1 42 68 53 00").unwrap().as_str(),
            "+33142685300"
        );
        assert_eq!(
            PhoneNumber::parse("+1 (415) 555-2671").unwrap().as_str(),
            "+14155552671"
        );
    }

    #[test]
    fn a_stored_number_stays_what_it_was() {
        let read = PhoneNumber::parse("+33 1 42 68 53 00").unwrap();
        assert_eq!(PhoneNumber::stored(read.as_str()), Ok(read));
        assert!(PhoneNumber::stored("+99912345").is_ok(), "no plan knows it today");
        for text in ["", "+", "+1", "33142685300", "+33 142", "+1234567890123456"] {
            assert!(PhoneNumber::stored(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_no_country_knows_is_refused() {
        for text in ["0142685300", "+999 123", "+33 1", "+33142685300 ext. 5", "call me"] {
            assert_eq!(
                PhoneNumber::parse(text),
                Err(ValueFault::Form { kind: "phone" }),
                "{text}"
            );
        }
    }
}
