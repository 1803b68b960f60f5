//! The one secret of a deployment, and the keys that are derived from it.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use accounts_api::settings::{Secret, SecretTooShort};
use accounts_api::tokens::random_text;
use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

use crate::files;

/// The file of a secret that was made here.
const FILE: &str = "secret";

/// The number of different bytes that 32 random ones have at least, but once in more tries than there will be.
const VARIETY: usize = 16;

/// The secret that all keys but the signing keys come from. It is never shown.
#[derive(Clone, Debug)]
pub struct Master(Secret);

/// The keys of the process, one for each use, so that what one of them seals is nothing for another.
#[derive(Clone, Debug)]
pub struct Keys {
    /// Seals cursors.
    pub cursors: Secret,
    /// Seals the tokens of mailed links.
    pub links: Secret,
    /// Derives the successors of refresh tokens.
    pub refresh: Secret,
    /// Seals what the database keeps and nobody may read there.
    pub vault: Secret,
}

/// The text is not a secret that keeps anything. It does not say what the text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WeakSecret {
    /// It cannot be read.
    #[error("it is neither base64 nor hexadecimal; `openssl rand -base64 32` makes one")]
    Form,
    /// It has too few bytes.
    #[error("it has fewer than {} bytes; `openssl rand -base64 32` makes one", Secret::SHORTEST)]
    Short,
    /// It repeats itself.
    #[error("it is too regular to be random; `openssl rand -base64 32` makes one")]
    Regular,
}

impl Master {
    /// Reads a secret in base64 or hexadecimal. Blanks around it do not count: files end with a line break.
    ///
    /// # Errors
    /// [`WeakSecret`].
    pub fn parse(text: &str) -> Result<Self, WeakSecret> {
        let bytes = decoded(text.trim()).ok_or(WeakSecret::Form)?;
        let secret = Secret::new(&bytes).map_err(|SecretTooShort| WeakSecret::Short)?;
        if bytes.iter().collect::<BTreeSet<_>>().len() < VARIETY {
            return Err(WeakSecret::Regular);
        }
        Ok(Self(secret))
    }

    /// The key for one use.
    fn derive(&self, label: &str) -> Result<Secret, SecretTooShort> {
        Secret::new(&self.0.seal(label.as_bytes()))
    }

    /// The keys for all uses.
    ///
    /// # Errors
    /// None: a seal is as long as a key has to be.
    pub fn keys(&self) -> Result<Keys, SecretTooShort> {
        Ok(Keys {
            cursors: self.derive("accounts: cursors, 1")?,
            links: self.derive("accounts: mailed links, 1")?,
            refresh: self.derive("accounts: refresh tokens, 1")?,
            vault: self.derive("accounts: vault, 1")?,
        })
    }
}

/// Reads the secret that was made in a data folder, if one was.
///
/// # Errors
/// In words for the operator, where there is one and it is of no use.
pub fn read(data: &Path) -> Result<Option<Master>, String> {
    let path = file(data);
    match fs::read_to_string(&path) {
        Ok(text) => Master::parse(&text)
            .map(Some)
            .map_err(|weak| format!("{}: {weak}", path.display())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

/// Makes a secret and keeps it in a data folder. One that is there meanwhile is taken instead.
///
/// # Errors
/// In words for the operator, where it cannot be kept.
pub fn make(data: &Path) -> Result<Master, String> {
    if let Some(master) = read(data)? {
        return Ok(master);
    }
    let text = random_text().ok_or("the machine has no randomness")?;
    let path = file(data);
    files::write_for_owner(&path, format!("{text}\n").as_bytes())
        .map_err(|error| format!("{}: {error}", path.display()))?;
    Master::parse(&text).map_err(|weak| format!("{}: {weak}", path.display()))
}

fn file(data: &Path) -> PathBuf {
    data.join(FILE)
}

/// 64 hexadecimal digits are base64 too, and are meant to be 32 bytes.
fn decoded(text: &str) -> Option<Vec<u8>> {
    if text.len() >= 2 * Secret::SHORTEST
        && text.len().is_multiple_of(2)
        && text.bytes().all(|byte| byte.is_ascii_hexdigit())
    {
        let pairs = (0..text.len()).step_by(2).map(|start| text.get(start..start + 2));
        return pairs.map(|pair| u8::from_str_radix(pair?, 16).ok()).collect();
    }
    let lenient = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    [STANDARD, URL_SAFE]
        .iter()
        .find_map(|alphabet| GeneralPurpose::new(alphabet, lenient).decode(text).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    const BASE64: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    fn cursors(text: &str) -> [u8; 32] {
        Master::parse(text).unwrap().keys().unwrap().cursors.seal(b"x")
    }

    #[test]
    fn one_secret_has_several_spellings() {
        for text in [
            BASE64,
            "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
            &format!(" {HEX}\n"),
            &HEX.to_uppercase(),
        ] {
            assert_eq!(cursors(text), cursors(HEX), "{text}");
        }
        let dashed = "-_-_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
        assert_eq!(cursors(dashed), cursors(&dashed.replace('-', "+").replace('_', "/")));
    }

    #[test]
    fn a_weak_secret_is_none() {
        for (text, weak) in [
            ("", WeakSecret::Short),
            ("change me, please", WeakSecret::Form),
            ("c2hvcnQ=", WeakSecret::Short),
            (&HEX[..62], WeakSecret::Form),
            (&"00".repeat(32), WeakSecret::Regular),
            (&"abcdefgh".repeat(8), WeakSecret::Regular),
        ] {
            assert_eq!(Master::parse(text).unwrap_err(), weak, "{text}");
        }
    }

    #[test]
    fn each_use_has_a_key_of_its_own_and_none_is_shown() {
        let master = Master::parse(HEX).unwrap();
        let keys = master.keys().unwrap();
        let seals: BTreeSet<_> = [&keys.cursors, &keys.links, &keys.refresh, &keys.vault]
            .map(|key| key.seal(b"x"))
            .into();
        assert_eq!(seals.len(), 4);
        assert_eq!(format!("{master:?}"), "Master(Secret(…))");
        assert!(format!("{keys:?}").contains("refresh: Secret(…)"));
    }

    #[test]
    fn a_secret_is_made_once() {
        let place = tempfile::tempdir().unwrap();
        let data = place.path().join("data");
        assert!(read(&data).unwrap().is_none());
        let seal = |master: Master| master.keys().unwrap().links.seal(b"x");
        let made = seal(make(&data).unwrap());
        assert_eq!(seal(make(&data).unwrap()), made);
        assert_eq!(seal(read(&data).unwrap().unwrap()), made);
        fs::write(data.join(FILE), "oops!").unwrap();
        assert!(read(&data).unwrap_err().contains("secret: it is"));
    }
}
