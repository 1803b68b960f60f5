//! Secrets that have to be read again, and so cannot be kept as hashes: encrypted, each under a key of its own that is
//! in no database (R24). What was sealed for one purpose and id opens for no other.

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::settings::Secret;

/// What is kept sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VaultPurpose {
    /// What a person's authenticator app shares with the service, under the person's id.
    SecondFactor,
    /// What an operator's authenticator app shares with the service, under the operator's id.
    OperatorFactor,
    /// A log-in that waits for the code of the second factor.
    Challenge,
    /// What deliveries to a webhook are signed with, under the webhook's id.
    WebhookSecret,
}

impl VaultPurpose {
    fn name(self) -> &'static str {
        match self {
            Self::SecondFactor => "second-factor",
            Self::OperatorFactor => "operator-factor",
            Self::Challenge => "challenge",
            Self::WebhookSecret => "webhook-secret",
        }
    }
}

/// Seals secrets for the database, and opens them again.
#[derive(Debug, Clone)]
pub struct Vault(Secret);

impl Vault {
    /// The vault under this key.
    pub fn new(key: Secret) -> Self {
        Self(key)
    }

    /// Encrypts a text, as base64url. Nothing where the machine has no randomness.
    pub fn seal(&self, purpose: VaultPurpose, id: &str, plain: &[u8]) -> Option<String> {
        let name = bound_to(purpose, id);
        let mut sealed = plain.to_vec();
        let nonce = self
            .key(&name)?
            .seal_in_place_append_tag(Aad::from(name.as_bytes()), &mut sealed)
            .ok()?;
        Some(URL_SAFE_NO_PAD.encode([nonce.as_ref().as_slice(), &sealed].concat()))
    }

    /// Decrypts a text. Nothing where it was not sealed here, for this purpose and this id.
    pub fn open(&self, purpose: VaultPurpose, id: &str, sealed: &str) -> Option<Vec<u8>> {
        let name = bound_to(purpose, id);
        let bytes = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut sealed = sealed.to_vec();
        let plain = self
            .key(&name)?
            .open_in_place(nonce, Aad::from(name.as_bytes()), &mut sealed);
        plain.ok().map(|plain| plain.to_vec())
    }

    fn key(&self, name: &str) -> Option<RandomizedNonceKey> {
        RandomizedNonceKey::new(&AES_256_GCM_SIV, &self.0.seal(name.as_bytes())).ok()
    }
}

/// No part holds a line break, so that no two readings of the text are possible.
fn bound_to(purpose: VaultPurpose, id: &str) -> String {
    format!("{}\n{id}", purpose.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault(byte: u8) -> Vault {
        Vault::new(Secret::new(&[byte; 32]).unwrap())
    }

    const ID: &str = "usr_01h455vb4pex5vsknk084sn02q";

    #[test]
    fn r_24_what_is_sealed_opens_for_its_purpose_and_id_alone() {
        let sealed = vault(7).seal(VaultPurpose::SecondFactor, ID, b"secret").unwrap();
        assert!(!sealed.contains("secret"));
        let open = |vault: Vault, purpose, id| vault.open(purpose, id, &sealed);
        let plain = open(vault(7), VaultPurpose::SecondFactor, ID);
        assert_eq!(plain.as_deref(), Some(b"secret".as_slice()));
        assert_eq!(open(vault(7), VaultPurpose::Challenge, ID), None);
        assert_eq!(open(vault(7), VaultPurpose::OperatorFactor, ID), None);
        assert_eq!(open(vault(7), VaultPurpose::SecondFactor, "usr_"), None);
        assert_eq!(open(vault(8), VaultPurpose::SecondFactor, ID), None);
    }

    #[test]
    fn one_text_is_sealed_in_another_way_each_time() {
        let seal = || vault(7).seal(VaultPurpose::SecondFactor, ID, b"secret").unwrap();
        assert_ne!(seal(), seal());
    }

    #[test]
    fn what_was_cut_padded_or_changed_does_not_open() {
        let sealed = vault(7).seal(VaultPurpose::SecondFactor, ID, b"secret").unwrap();
        let opens = |text: &str| vault(7).open(VaultPurpose::SecondFactor, ID, text).is_some();
        assert!(opens(&sealed));
        for length in 0..sealed.len() {
            assert!(!opens(&sealed[..length]), "{length}");
        }
        let first = if sealed.starts_with('A') { "B" } else { "A" };
        assert!(!opens(&format!("{first}{}", &sealed[1..])));
        assert!(!opens(&format!("{sealed}=")));
    }
}
