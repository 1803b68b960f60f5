//! Operators: the provider's staff, apart from every customer.

use chrono::{DateTime, Utc};

use crate::address::EmailAddress;
use crate::ids::OperatorId;
use crate::names::DisplayName;
use crate::users::PasswordHash;

/// What an operator is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperatorKind {
    /// Reads, and helps customers in their place.
    Support,
    /// Changes accounts, too.
    Admin,
}

impl OperatorKind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::Support, Self::Admin];

    /// The name on the command line and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Support => "support",
            Self::Admin => "admin",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// One of the provider's staff. Operators come to be on the command line alone, so that no request makes one (R13).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// The id.
    pub id: OperatorId,
    /// The address to log in with, among operators used once.
    pub address: EmailAddress,
    /// How the person is called.
    pub display_name: DisplayName,
    /// What the operator is there for.
    pub kind: OperatorKind,
    /// The password's hash.
    pub password_hash: PasswordHash,
    /// When the operator came to be.
    pub created_at: DateTime<Utc>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_known_by_its_name() {
        for kind in OperatorKind::ALL {
            assert_eq!(OperatorKind::from_name(kind.as_str()), Some(kind));
        }
        assert_eq!(OperatorKind::from_name("owner"), None);
    }
}
