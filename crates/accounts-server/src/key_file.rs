//! The file of the keys that access tokens are signed with.

use std::fs;
use std::io;
use std::path::PathBuf;

use accounts_api::settings::Secret;
use accounts_api::tokens::{KEY_REST, StoredKey, Tokens};
use accounts_domain::sessions::ACCESS_LIFE;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::files;

/// What is said where the file has to be given and is not there.
pub const MISSING: &str = "there is no such file; `accounts keys rotate` makes it";

/// By how much the clocks of the machines that share the keys may differ.
const CLOCKS: TimeDelta = TimeDelta::minutes(1);

/// The file of the signing keys, whether it is there or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFile {
    path: PathBuf,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    keys: Vec<StoredKey>,
}

impl KeyFile {
    /// The file of this name.
    pub fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// Its keys; none where there is no such file.
    ///
    /// # Errors
    /// In words for the operator, which say nothing of the keys, where the file is of no use.
    pub fn read(&self) -> Result<Vec<StoredKey>, String> {
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(format!("the file cannot be read: {error}")),
        };
        // What the parser says of a text may repeat some of it.
        let document: Document = serde_json::from_str(&text).map_err(|error| {
            format!(
                "the file is not what `accounts keys rotate` writes, at line {}",
                error.line()
            )
        })?;
        check(&document.keys)?;
        Ok(document.keys)
    }

    /// Writes the keys, for their owner alone.
    ///
    /// # Errors
    /// In words for the operator.
    pub fn write(&self, keys: &[StoredKey]) -> Result<(), String> {
        let document = Document { keys: keys.to_vec() };
        let mut text = serde_json::to_string_pretty(&document).map_err(|error| error.to_string())?;
        text.push('\n');
        files::write_for_owner(&self.path, text.as_bytes()).map_err(|error| format!("{}: {error}", self.path.display()))
    }

    /// Makes a first key and writes it. Keys that are there meanwhile are taken instead.
    ///
    /// # Errors
    /// In words for the operator.
    pub fn make(&self, at: DateTime<Utc>) -> Result<Vec<StoredKey>, String> {
        let keys = self.read()?;
        if !keys.is_empty() {
            return Ok(keys);
        }
        let keys = rotated(keys, StoredKey::generate(at).map_err(|error| error.to_string())?);
        self.write(&keys)?;
        Ok(keys)
    }
}

/// The keys with a new one, the oldest first, less those whose tokens have all ended.
///
/// A key signs until the next one has rested for [`KEY_REST`], and its last token lives for [`ACCESS_LIFE`] from then.
pub fn rotated(mut keys: Vec<StoredKey>, new: StoredKey) -> Vec<StoredKey> {
    let now = new.created_at;
    keys.push(new);
    keys.sort_by_key(|key| key.created_at);
    let successors: Vec<_> = keys
        .iter()
        .skip(1)
        .map(|key| Some(key.created_at))
        .chain([None])
        .collect();
    let in_use =
        |successor: &Option<DateTime<Utc>>| successor.is_none_or(|since| now < since + KEY_REST + ACCESS_LIFE + CLOCKS);
    keys.into_iter()
        .zip(successors)
        .filter(|(_, successor)| in_use(successor))
        .map(|(key, _)| key)
        .collect()
}

/// Whether the service could sign and check with these. No keys at all are for the caller to judge.
fn check(keys: &[StoredKey]) -> Result<(), String> {
    let unused = Secret::new(&[0; Secret::SHORTEST]).map_err(|error| error.to_string())?;
    if keys.is_empty() {
        return Ok(());
    }
    Tokens::new(String::new(), keys, unused)
        .map(drop)
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap() + TimeDelta::minutes(minutes)
    }

    fn key(minutes: i64) -> StoredKey {
        StoredKey::generate(at(minutes)).unwrap()
    }

    fn made(keys: &[StoredKey]) -> Vec<DateTime<Utc>> {
        keys.iter().map(|key| key.created_at).collect()
    }

    #[test]
    fn a_key_stays_as_long_as_its_tokens_may_live() {
        let two = rotated(vec![key(0)], key(100));
        assert_eq!(made(&two), [at(0), at(100)]);
        assert_eq!(made(&rotated(two.clone(), key(105))), [at(0), at(100), at(105)]);
        assert_eq!(made(&rotated(two.clone(), key(125))), [at(0), at(100), at(125)]);
        assert_eq!(made(&rotated(two, key(126))), [at(100), at(126)]);
    }

    #[test]
    fn a_file_is_made_once_and_read_back() {
        let place = tempfile::tempdir().unwrap();
        let file = KeyFile::at(place.path().join("keys").join("signing-keys.json"));
        assert!(file.read().ok().unwrap().is_empty());
        assert_eq!(made(&file.make(at(0)).unwrap()), [at(0)]);
        assert_eq!(made(&file.make(at(9)).unwrap()), [at(0)]);
        file.write(&rotated(file.read().unwrap(), key(9))).unwrap();
        assert_eq!(made(&file.read().unwrap()), [at(0), at(9)]);
    }

    #[test]
    fn a_file_of_no_use_is_told_without_its_text() {
        let place = tempfile::tempdir().unwrap();
        let file = KeyFile::at(place.path().join("signing-keys.json"));
        for (text, told) in [
            ("c2VjcmV0", "at line 1"),
            (
                r#"{"keys": [{"pkcs8": "c2VjcmV0", "created_at": "2026-01-01T00:00:00Z"}]}"#,
                "signing key 1 is not",
            ),
        ] {
            fs::write(&file.path, text).unwrap();
            let problem = file.read().err().unwrap();
            assert!(problem.contains(told), "{problem}");
            assert!(!problem.contains("c2VjcmV0"), "{problem}");
        }
    }
}
