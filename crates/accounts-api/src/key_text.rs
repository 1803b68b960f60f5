//! API keys as callers send them: `ak_live_<id>_<secret>`, and `ik_live_…` where an integration calls, a form that scanners
//! for leaked secrets know.

use accounts_domain::api_keys::{KeyHolder, KeyMode, SecretHash};
use accounts_domain::ids::ApiKeyId;
use accounts_domain::integrations::IntegrationKey;
use chrono::{DateTime, Utc};

use crate::tokens::{random_text, sha256_hex};

/// How many characters a secret has: 256 bits in base64url.
const SECRET: usize = 43;

/// A key that came in, taken apart. It does not show itself.
pub(crate) struct KeyText {
    /// The id that it names.
    pub(crate) id: ApiKeyId,
    /// The mode that it names.
    pub(crate) mode: KeyMode,
    hash: String,
}

impl KeyText {
    /// Whether a credential is meant as an API key of such a caller.
    pub(crate) fn is_meant(holder: KeyHolder, text: &str) -> bool {
        text.starts_with(holder.mark())
    }

    /// Takes a key of such a caller apart; nothing where it has not the form of one, to the letter.
    pub(crate) fn read(holder: KeyHolder, text: &str) -> Option<Self> {
        let (mode, rest) = text.strip_prefix(holder.mark())?.split_once('_')?;
        let (id, secret) = rest.split_once('_')?;
        if secret.len() != SECRET {
            return None;
        }
        Some(Self {
            id: format!("key_{id}").parse().ok()?,
            mode: KeyMode::from_name(mode)?,
            hash: sha256_hex(secret.as_bytes()),
        })
    }

    /// Whether this is the key that is stored. How long it takes does not tell how much of it is right.
    pub(crate) fn is(&self, mode: KeyMode, stored: &SecretHash) -> bool {
        let same = aws_lc_rs::constant_time::verify_slices_are_equal(self.hash.as_bytes(), stored.0.as_bytes());
        same.is_ok() && self.mode == mode
    }
}

/// The secret of a new key.
pub(crate) struct NewSecret(String);

impl NewSecret {
    /// 256 random bits. Nothing where the machine has no randomness.
    pub(crate) fn generate() -> Option<Self> {
        random_text().map(Self)
    }

    /// What is stored of it.
    pub(crate) fn hash(&self) -> SecretHash {
        SecretHash(sha256_hex(self.0.as_bytes()))
    }

    /// The key as it is shown, once; `prefix` is what is shown of it later on.
    pub(crate) fn whole(&self, prefix: &str) -> String {
        format!("{prefix}_{}", self.0)
    }
}

/// Makes up a key of an integration, and its whole text, which is shown this once. Nothing where the machine has no
/// randomness.
pub fn integration_key(
    mode: KeyMode,
    expires_at: Option<DateTime<Utc>>,
    at: DateTime<Utc>,
) -> Option<(IntegrationKey, String)> {
    let secret = NewSecret::generate()?;
    let key = IntegrationKey {
        id: ApiKeyId::new(),
        mode,
        expires_at,
        created_at: at,
        secret: secret.hash(),
    };
    let whole = secret.whole(&key.prefix());
    Some((key, whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "01h455vb4pex5vsknk084sn02q";

    #[test]
    fn a_key_is_recognised_by_what_is_stored_of_it() {
        let secret = NewSecret::generate().unwrap();
        let whole = secret.whole(&format!("ak_live_{ID}"));
        let read = KeyText::read(KeyHolder::Customer, &whole).unwrap();
        assert_eq!(read.id.to_string(), format!("key_{ID}"));
        assert!(read.is(KeyMode::Live, &secret.hash()));
        assert!(!read.is(KeyMode::Test, &secret.hash()));
        assert!(!read.is(KeyMode::Live, &NewSecret::generate().unwrap().hash()));
        assert!(!secret.hash().0.contains(&secret.0));
    }

    #[test]
    fn the_key_of_an_integration_is_no_key_of_a_customer() {
        let secret = NewSecret::generate().unwrap();
        let whole = secret.whole(&format!("ik_live_{ID}"));
        assert!(KeyText::read(KeyHolder::Integration, &whole).is_some());
        assert!(KeyText::read(KeyHolder::Customer, &whole).is_none());
        assert!(!KeyText::is_meant(KeyHolder::Customer, &whole));
    }

    #[test]
    fn r_22_a_key_that_is_cut_padded_or_of_another_case_is_none() {
        let secret = NewSecret::generate().unwrap();
        let whole = secret.whole(&format!("ak_live_{ID}"));
        let opens = |text: &str| {
            let read = KeyText::read(KeyHolder::Customer, text);
            read.is_some_and(|key| key.is(KeyMode::Live, &secret.hash()))
        };
        assert!(opens(&whole));
        for length in 0..whole.len() {
            assert!(!opens(&whole[..length]), "{length}");
        }
        let padded = [format!("{whole}="), format!("{whole}_"), format!(" {whole}")];
        let other_case = [
            whole.to_uppercase(),
            whole.to_lowercase(),
            whole.replace("ak_live", "AK_LIVE"),
        ];
        let other_mode = [whole.replace("live", "test"), whole.replace("live", "root")];
        for wrong in padded.iter().chain(&other_case).chain(&other_mode) {
            assert!(!opens(wrong), "{wrong}");
        }
    }
}
