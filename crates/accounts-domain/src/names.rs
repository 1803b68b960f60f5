//! Texts that people write about themselves: trimmed, bounded, of one line, free of control and direction characters.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use thiserror::Error;
use unicode_normalization::UnicodeNormalization;

/// Why a text is not the value that it was given for.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ValueFault {
    /// Nothing is left after trimming.
    #[error("must not be empty")]
    Empty,
    /// More characters than the value holds.
    #[error("must have at most {max} characters")]
    TooLong {
        /// The greatest number of characters.
        max: usize,
    },
    /// A control, line-break or text-direction character.
    #[error("must not contain control or text-direction characters")]
    ForbiddenCharacter,
    /// The text does not have the form of its kind.
    #[error("has not the form of {kind}")]
    Form {
        /// The kind that was expected: `email`, `phone`, `key`.
        kind: &'static str,
    },
}

/// Whether a character may stand in a text of one line.
///
/// Control characters would split headers and log lines, direction characters would make a text read
/// other than it is, and U+2028 and U+2029 are line breaks to some readers.
pub fn is_plain(character: char) -> bool {
    !character.is_control()
        && !matches!(
            character,
            '\u{061C}' | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}' | '\u{FFFE}' | '\u{FFFF}'
        )
}

fn one_line(text: &str, max: usize) -> Result<String, ValueFault> {
    let text: String = text.trim().nfc().collect();
    if text.is_empty() {
        return Err(ValueFault::Empty);
    }
    if text.chars().count() > max {
        return Err(ValueFault::TooLong { max });
    }
    if !text.chars().all(is_plain) {
        return Err(ValueFault::ForbiddenCharacter);
    }
    Ok(text)
}

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident = $max:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The greatest number of characters.
            pub const MAX: usize = $max;

            /// Takes a text of 1 to [`Self::MAX`] characters, trimmed and in Unicode normal form C.
            ///
            /// # Errors
            /// [`ValueFault`] says what is wrong with it.
            pub fn parse(text: &str) -> Result<Self, ValueFault> {
                one_line(text, Self::MAX).map(Self)
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = ValueFault;

            fn from_str(text: &str) -> Result<Self, ValueFault> {
                Self::parse(text)
            }
        }
    )*};
}

texts! {
    /// How a contact or a user is called (M-44, U-20).
    DisplayName = 100;
    /// A first or a last name (L-05).
    PersonName = 100;
    /// A contact's position in its organisation.
    JobTitle = 100;
    /// The name of a customer organisation.
    AccountName = 100;
    /// A company's tax number, as its authority writes it.
    TaxId = 40;
    /// The provider's own number of a customer.
    ExternalId = 100;
    /// What somebody calls an API key.
    KeyName = 100;
    /// What somebody says who asks for access to an account.
    JoinMessage = 500;
    /// What somebody says who has reviewed an account.
    ReviewNote = 500;
    /// What a question calls an application or a permission; there may be none of that name.
    AskedName = 100;
    /// Why an operator did something, as the customer reads it.
    Reason = 500;
    /// What an integration says about a webhook of its own.
    WebhookDescription = 200;
    /// One line of a postal address.
    AddressLine = 100;
    /// What stands above a notice.
    NoticeSubject = 200;
}

/// A text of several lines: what a notice says. Lines end with a line feed, and an empty line separates paragraphs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct NoticeText(String);

impl NoticeText {
    /// The greatest number of characters.
    pub const MAX: usize = 10_000;

    /// Takes a text of 1 to [`Self::MAX`] characters, trimmed and in Unicode normal form C; a carriage return before a
    /// line feed is left out.
    ///
    /// # Errors
    /// [`ValueFault`] says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, ValueFault> {
        let text: String = text.replace("\r\n", "\n").trim().nfc().collect();
        if text.is_empty() {
            return Err(ValueFault::Empty);
        }
        if text.chars().count() > Self::MAX {
            return Err(ValueFault::TooLong { max: Self::MAX });
        }
        if !text.chars().all(|character| character == '\n' || is_plain(character)) {
            return Err(ValueFault::ForbiddenCharacter);
        }
        Ok(Self(text))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The key by which names sort: accents and case folded, so that `Émile` stands beside `emil`.
///
/// Both databases then compare bytes and agree on the order.
pub fn sort_key(name: &str) -> String {
    name.nfkd()
        .filter(|character| !unicode_normalization::char::is_combining_mark(*character))
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_trimmed_and_normalised() {
        assert_eq!(DisplayName::parse("  E\u{301}mile ").unwrap().as_str(), "Émile");
    }

    #[test]
    fn a_name_is_bounded_in_characters_not_bytes() {
        assert!(DisplayName::parse(&"é".repeat(100)).is_ok());
        assert_eq!(
            DisplayName::parse(&"é".repeat(101)),
            Err(ValueFault::TooLong { max: 100 })
        );
    }

    #[test]
    fn a_name_refuses_what_would_split_a_header_or_turn_a_text() {
        for text in ["a\0b", "a\r\nb", "a\u{2028}b", "a\u{202E}b", "a\u{2066}b", "a\u{1b}[0m"] {
            assert_eq!(
                DisplayName::parse(text),
                Err(ValueFault::ForbiddenCharacter),
                "{text:?}"
            );
        }
        assert_eq!(DisplayName::parse(" \t "), Err(ValueFault::Empty));
    }

    #[test]
    fn a_notice_keeps_its_lines_and_nothing_else_that_moves_a_cursor() {
        let text = NoticeText::parse(" one\r\ntwo\n\nthree ").unwrap();
        assert_eq!(text.as_str(), "one\ntwo\n\nthree");
        for text in ["a\rb", "a\tb", "a\u{1b}[0m", "a\u{202E}b"] {
            assert_eq!(NoticeText::parse(text), Err(ValueFault::ForbiddenCharacter), "{text:?}");
        }
        assert!(NoticeText::parse(&"é".repeat(NoticeText::MAX)).is_ok());
        assert!(NoticeText::parse(&"é".repeat(NoticeText::MAX + 1)).is_err());
    }

    #[test]
    fn names_sort_without_accents_and_case() {
        assert_eq!(sort_key("Émile ÅNGSTRÖM"), "emile angstrom");
    }
}
