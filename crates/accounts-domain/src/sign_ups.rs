//! Sign-ups: nothing exists before the address is proven, so nobody can sit on somebody else's.

use chrono::{DateTime, Utc};

use crate::address::EmailAddress;
use crate::ids::SignUpId;
use crate::mail::{Letter, Mail};
use crate::names::AccountName;
use crate::roster::ContactProfile;
use crate::users::SIGN_UP_LIFE;

/// A sign-up that waits for the proof of its address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignUp {
    /// Its id.
    pub id: SignUpId,
    /// The address that is to be proven.
    pub address: EmailAddress,
    /// What the first contact is to say about itself.
    pub owner: ContactProfile,
    /// The name of the account.
    pub account: AccountName,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

impl SignUp {
    /// When its link ends.
    pub fn expires_at(&self) -> DateTime<Utc> {
        self.created_at + SIGN_UP_LIFE
    }

    /// The mail that it calls for: a link, or word that the address has a log-in already. The answer to the
    /// caller is the same, so that nobody learns which.
    pub fn mail(&self, known: bool) -> Mail {
        let name = self.owner.display_name.to_string();
        let letter = if known {
            Letter::SignUpKnown { name }
        } else {
            Letter::ConfirmSignUp {
                sign_up: self.id,
                name,
                account: self.account.to_string(),
            }
        };
        Mail {
            contact: None,
            to: self.address.clone(),
            language: self.owner.language,
            letter,
        }
    }
}
