//! The keys by which a catalog and everything that refers to it name roles, categories,
//! applications and permissions.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The longest key of a role, a category or an application, in characters.
pub const KEY_LENGTH: usize = 40;

/// The longest half of a permission, in characters.
pub const PERMISSION_PART_LENGTH: usize = 30;

/// The text does not have the form of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKey {
    /// The form of roles, categories, applications and presets is `[a-z][a-z0-9_]{0,39}`.
    #[error("a key starts with a small letter a to z and has at most 40 small letters, digits and underscores")]
    Word,
    /// The form of permissions is `resource:verb`, each half `[a-z][a-z0-9_]{0,29}`.
    #[error(
        "a permission is `resource:verb`, each half starting with a small letter a to z and having at most 30 small letters, digits and underscores"
    )]
    Permission,
}

/// Says whether `text` is `[a-z][a-z0-9_]*` and at most `longest` characters long.
pub(crate) fn is_key(text: &str, longest: usize) -> bool {
    text.len() <= longest
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

fn is_permission(text: &str) -> bool {
    text.split_once(':').is_some_and(|(resource, verb)| {
        is_key(resource, PERMISSION_PART_LENGTH) && is_key(verb, PERMISSION_PART_LENGTH)
    })
}

macro_rules! key {
    ($(#[$about:meta])* $name:ident, $valid:expr, $fault:expr) => {
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub struct $name(String);

        impl $name {
            /// The key as it is written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidKey;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::try_from(text.to_owned())
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidKey;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                if $valid(&text) { Ok(Self(text)) } else { Err($fault) }
            }
        }

        impl From<$name> for String {
            fn from(key: $name) -> Self {
                key.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        // Equality, order and hash of a key are those of its text, as `Borrow` demands.
        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

key! {
    /// The key of a role: `billing`, say. It has the form `[a-z][a-z0-9_]{0,39}`.
    RoleKey, |text: &str| is_key(text, KEY_LENGTH), InvalidKey::Word
}

key! {
    /// The key of a notification category: `invoice`, say. It has the form `[a-z][a-z0-9_]{0,39}`.
    CategoryKey, |text: &str| is_key(text, KEY_LENGTH), InvalidKey::Word
}

key! {
    /// The key of an application: `help_desk`, say. It has the form `[a-z][a-z0-9_]{0,39}`.
    ApplicationKey, |text: &str| is_key(text, KEY_LENGTH), InvalidKey::Word
}

key! {
    /// The key of a permission: `tickets:open`, say. It has the form `resource:verb`, each half
    /// `[a-z][a-z0-9_]{0,29}`.
    PermissionKey, is_permission, InvalidKey::Permission
}

impl PermissionKey {
    /// Takes a key that is known to have the right form, as those of the service itself are.
    pub(crate) fn known(text: &'static str) -> Self {
        debug_assert!(is_permission(text), "{text} has the form of a permission");
        Self(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_the_right_form_are_taken_as_they_are() {
        let longest = format!("a{}", "9".repeat(KEY_LENGTH - 1));
        for text in ["a", "billing", "help_desk", "a1_", longest.as_str()] {
            let key: RoleKey = text.parse().unwrap();
            assert_eq!(key.as_str(), text);
            assert_eq!(key.to_string(), text);
            assert!(text.parse::<CategoryKey>().is_ok());
            assert!(text.parse::<ApplicationKey>().is_ok());
        }
    }

    #[test]
    fn keys_of_another_form_are_refused() {
        let too_long = "a".repeat(KEY_LENGTH + 1);
        let refused = [
            "",
            "Billing",
            "1a",
            "_a",
            "a-b",
            "a b",
            "é",
            "a:b",
            "a\n",
            too_long.as_str(),
        ];
        for text in refused {
            assert_eq!(text.parse::<RoleKey>(), Err(InvalidKey::Word), "{text:?}");
        }
    }

    #[test]
    fn a_permission_is_a_resource_and_a_verb() {
        let part = "a".repeat(PERMISSION_PART_LENGTH);
        for text in ["tickets:open", "a:b", &format!("{part}:{part}")] {
            assert_eq!(text.parse::<PermissionKey>().unwrap().as_str(), text);
        }
        let refused = [
            "",
            ":",
            "tickets",
            "tickets:",
            ":open",
            "tickets:open:all",
            "Tickets:open",
            "tickets open",
            &format!("{part}a:{part}"),
            &format!("{part}:{part}a"),
        ];
        for text in refused {
            assert_eq!(text.parse::<PermissionKey>(), Err(InvalidKey::Permission), "{text:?}");
        }
    }

    #[test]
    fn a_stored_key_is_checked_when_it_is_read() {
        let value = toml::Value::from("billing");
        assert_eq!(value.clone().try_into::<RoleKey>().unwrap().as_str(), "billing");
        assert_eq!(toml::Value::try_from("billing".parse::<RoleKey>().unwrap()), Ok(value));
        assert!(toml::Value::from("Billing").try_into::<RoleKey>().is_err());
    }
}
