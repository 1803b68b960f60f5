//! The demo's integration, with every scope there is, so that everything can be tried out. It is made by the
//! service, because on the embedded database no command makes one while the service runs.

use std::path::{Path, PathBuf};

use accounts_api::clock::Clock;
use accounts_domain::actor::Actor;
use accounts_domain::api_keys::KeyMode;
use accounts_domain::integrations::IntegrationScope;
use accounts_domain::names::KeyName;
use accounts_store::{Act, Store};

use super::DemoError;
use crate::{files, first_key};

/// What it is called.
const NAME: &str = "Demo";

/// The file of its key, in the data folder.
const FILE: &str = "demo-integration.key";

/// Makes the integration if there is none of its name, and answers in which file its key is. Nothing where somebody has
/// taken the file away: what is stored of a key does not tell it.
///
/// # Errors
/// [`DemoError`].
pub async fn make(store: &Store, clock: &Clock, data: &Path) -> Result<Option<PathBuf>, DemoError> {
    let file = data.join(FILE);
    let name = KeyName::parse(NAME)?;
    if store.integrations().await?.iter().all(|known| known.name != name) {
        let at = clock.now();
        let made = first_key::with_key(name, IntegrationScope::ALL.into(), KeyMode::Live, None, at);
        let (integration, whole) = made.ok_or(DemoError::Randomness)?;
        // In this order a crash in between leaves a key that opens nothing, and the next start makes another one; the
        // other way round it would leave an integration whose key nobody knows.
        files::write_for_owner(&file, format!("{whole}\n").as_bytes()).map_err(DemoError::Key)?;
        let act = Act {
            actor: Actor::System,
            at,
            request_id: None,
            keep: None,
        };
        store.create_integration(integration, &act).await?;
    }
    Ok(file.is_file().then_some(file))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::super::tests::open;
    use super::*;

    struct Start {
        data: TempDir,
        store: Store,
    }

    impl Start {
        fn first() -> Self {
            let data = tempfile::tempdir().unwrap();
            let store = open(data.path(), "standard");
            Self { data, store }
        }

        async fn makes(&self) -> Option<PathBuf> {
            make(&self.store, &Clock::System, self.data.path()).await.unwrap()
        }

        fn file(&self) -> PathBuf {
            self.data.path().join("demo-integration.key")
        }

        async fn names_and_keys(&self) -> Vec<(String, Vec<String>)> {
            let all = self.store.integrations().await.unwrap();
            all.iter()
                .map(|found| {
                    let keys = found.keys.values().map(|key| key.prefix()).collect();
                    (found.name.to_string(), keys)
                })
                .collect()
        }
    }

    #[tokio::test]
    async fn its_key_is_in_a_file_for_its_owner_alone() {
        let start = Start::first();
        assert_eq!(start.makes().await, Some(start.file()));
        let whole = fs::read_to_string(start.file()).unwrap();
        let found = start.store.integrations().await.unwrap().pop().unwrap();
        let (_, key) = found.keys.first_key_value().unwrap();
        assert!(whole.starts_with(&format!("{}_", key.prefix())) && whole.ends_with('\n'));
        assert!(key.expires_at.is_none() && key.mode == KeyMode::Live);
        assert_eq!(found.scopes, IntegrationScope::ALL.into());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(start.file()).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[tokio::test]
    async fn it_is_made_once() {
        let start = Start::first();
        start.makes().await;
        let (made, whole) = (start.names_and_keys().await, fs::read_to_string(start.file()).unwrap());
        assert_eq!(start.makes().await, Some(start.file()));
        assert_eq!(start.names_and_keys().await, made);
        assert_eq!(fs::read_to_string(start.file()).unwrap(), whole);
    }

    #[tokio::test]
    async fn a_file_that_was_taken_away_is_not_spoken_of() {
        let start = Start::first();
        start.makes().await;
        let made = start.names_and_keys().await;
        fs::remove_file(start.file()).unwrap();
        assert_eq!(start.makes().await, None);
        assert_eq!(start.names_and_keys().await, made);
        assert!(!start.file().exists());
    }

    #[tokio::test]
    async fn a_key_that_a_crash_left_behind_is_replaced() {
        let start = Start::first();
        fs::write(start.file(), "ik_live_of_no_use\n").unwrap();
        start.makes().await;
        let (_, keys) = start.names_and_keys().await.pop().unwrap();
        assert!(fs::read_to_string(start.file()).unwrap().starts_with(&keys[0]));
    }

    #[tokio::test]
    async fn where_the_key_cannot_be_kept_nothing_is_made() {
        let start = Start::first();
        fs::create_dir(start.file()).unwrap();
        assert!(make(&start.store, &Clock::System, start.data.path()).await.is_err());
        assert!(start.names_and_keys().await.is_empty());
    }
}
