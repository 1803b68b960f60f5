//! The tokens in mailed links: an id and an HMAC over purpose, id and address. The database holds nothing that
//! opens anything, and a token for one purpose opens nothing else.

use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::settings::Secret;

/// What a mailed link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkPurpose {
    /// It proves the address of a sign-up.
    SignUp,
    /// It proves an address of a contact.
    Verification,
    /// It sets another password.
    Reset,
    /// It answers an invitation.
    Invitation,
    /// It proves the address that a person wants to log in with.
    EmailChange,
    /// It gives a person the former address back.
    EmailUndo,
    /// It takes the wish to be told of a category back.
    Unsubscribe,
}

impl LinkPurpose {
    fn name(self) -> &'static str {
        match self {
            Self::SignUp => "sign-up",
            Self::Verification => "verification",
            Self::Reset => "reset",
            Self::Invitation => "invitation",
            Self::EmailChange => "email-change",
            Self::EmailUndo => "email-undo",
            Self::Unsubscribe => "unsubscribe",
        }
    }

    /// The page behind the link.
    pub fn page(self) -> &'static str {
        match self {
            Self::SignUp => "/sign-up",
            Self::Verification => "/verify",
            Self::Reset => "/reset",
            Self::Invitation => "/invitation",
            Self::EmailChange => "/email-change",
            Self::EmailUndo => "/email-undo",
            Self::Unsubscribe => "/unsubscribe",
        }
    }
}

/// Makes the tokens of mailed links, and reads them.
#[derive(Debug, Clone)]
pub struct Links(Secret);

/// A token that was taken apart. Its seal is checked once its address is known.
#[derive(Debug, Clone)]
pub struct LinkToken<I> {
    /// The id that it names.
    pub id: I,
    seal: Vec<u8>,
}

impl Links {
    /// The greatest number of characters of a token.
    pub const MAX: usize = 200;

    /// The links under this key.
    pub fn new(key: Secret) -> Self {
        Self(key)
    }

    /// The token of a link: `<id>.<base64url of the HMAC>`.
    pub fn token(&self, purpose: LinkPurpose, id: &str, address_key: &str) -> String {
        let seal = self.0.seal(sealed_text(purpose, id, address_key).as_bytes());
        format!("{id}.{}", URL_SAFE_NO_PAD.encode(seal))
    }

    /// Takes a token apart. Nothing where it has not the form of one.
    pub fn read<I: FromStr>(token: &str) -> Option<LinkToken<I>> {
        if token.len() > Self::MAX {
            return None;
        }
        let (id, seal) = token.split_once('.')?;
        Some(LinkToken {
            id: id.parse().ok()?,
            seal: URL_SAFE_NO_PAD.decode(seal).ok()?,
        })
    }

    /// Whether a token was made here, for this purpose and this address.
    pub fn is_ours<I: ToString>(&self, purpose: LinkPurpose, token: &LinkToken<I>, address_key: &str) -> bool {
        self.0.verifies(
            sealed_text(purpose, &token.id.to_string(), address_key).as_bytes(),
            &token.seal,
        )
    }
}

/// No part holds a line break, so that no two readings of the text are possible.
fn sealed_text(purpose: LinkPurpose, id: &str, address_key: &str) -> String {
    format!("{}\n{id}\n{address_key}", purpose.name())
}

#[cfg(test)]
mod tests {
    use accounts_domain::ids::VerificationId;

    use super::*;

    fn links() -> Links {
        Links::new(Secret::new(&[7; 32]).unwrap())
    }

    const ID: &str = "ver_01h455vb4pex5vsknk084sn02q";

    #[test]
    fn a_token_is_bound_to_purpose_id_and_address() {
        let text = links().token(LinkPurpose::Verification, ID, "bea@lima.example");
        let token = Links::read::<VerificationId>(&text).unwrap();
        assert!(links().is_ours(LinkPurpose::Verification, &token, "bea@lima.example"));
        assert!(!links().is_ours(LinkPurpose::Reset, &token, "bea@lima.example"));
        assert!(!links().is_ours(LinkPurpose::Verification, &token, "cem@lima.example"));
        let other = Links::new(Secret::new(&[8; 32]).unwrap());
        assert!(!other.is_ours(LinkPurpose::Verification, &token, "bea@lima.example"));
    }

    #[test]
    fn a_shortened_or_padded_token_is_dead() {
        let text = links().token(LinkPurpose::Verification, ID, "bea@lima.example");
        for length in 0..text.len() {
            let alive = Links::read::<VerificationId>(&text[..length])
                .is_some_and(|token| links().is_ours(LinkPurpose::Verification, &token, "bea@lima.example"));
            assert!(!alive, "{length}");
        }
        assert!(Links::read::<VerificationId>(&format!("{text}=")).is_none());
        assert!(Links::read::<accounts_domain::ids::ResetId>(&text).is_none());
    }
}
