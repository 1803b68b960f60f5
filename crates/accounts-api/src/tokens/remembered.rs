//! Tokens whose signature was checked once: checking it again would say the same, and is half of what a read costs.
//!
//! Only what never changes is remembered, so that whoever reads it judges the times, and the session is asked for each
//! request as before.

use quick_cache::sync::Cache;

use super::Bearer;

/// How many tokens are remembered: with their text they take a few megabytes.
const MOST: usize = 8192;

/// What a token with a good signature says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Signed {
    pub(super) bearer: Bearer,
    /// In seconds since 1970.
    pub(super) issued_at: i64,
    /// In seconds since 1970.
    pub(super) ends_at: i64,
}

/// The tokens seen lately. A token is found by its whole text, so that none passes for another.
pub(super) struct Remembered(Cache<Box<str>, Signed>);

impl Remembered {
    pub(super) fn new() -> Self {
        Self(Cache::new(MOST))
    }

    /// What the token says; `check` reads one that was not seen lately.
    pub(super) fn signed(&self, token: &str, check: impl FnOnce() -> Option<Signed>) -> Option<Signed> {
        if let Some(signed) = self.0.get(token) {
            return Some(signed);
        }
        let signed = check()?;
        self.0.insert(token.into(), signed);
        Some(signed)
    }
}

#[cfg(test)]
mod tests {
    use accounts_domain::ids::{SessionId, UserId};
    use uuid::Uuid;

    use super::*;

    fn signed(ends_at: i64) -> Signed {
        Signed {
            bearer: Bearer {
                user: UserId::from_uuid(Uuid::from_u128(1)),
                session: SessionId::from_uuid(Uuid::from_u128(2)),
                operator: None,
            },
            issued_at: 0,
            ends_at,
        }
    }

    #[test]
    fn a_good_token_is_checked_once_and_a_bad_one_each_time() {
        let remembered = Remembered::new();
        assert_eq!(remembered.signed("good", || Some(signed(1))), Some(signed(1)));
        assert_eq!(remembered.signed("good", || None), Some(signed(1)));
        assert_eq!(remembered.signed("bad", || None), None);
        assert_eq!(remembered.signed("bad", || Some(signed(2))), Some(signed(2)));
    }

    #[test]
    fn memory_is_bounded() {
        let remembered = Remembered::new();
        for number in 0..3 * MOST {
            remembered.signed(&number.to_string(), || Some(signed(1)));
        }
        assert!(remembered.0.len() <= MOST);
    }
}
