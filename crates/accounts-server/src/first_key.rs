//! An integration as it is made on this machine, by a command or for the demo: with its first key.

use std::collections::BTreeSet;

use accounts_api::key_text::integration_key;
use accounts_domain::api_keys::KeyMode;
use accounts_domain::ids::IntegrationId;
use accounts_domain::integrations::{Integration, IntegrationScope};
use accounts_domain::names::KeyName;
use chrono::{DateTime, Utc};

/// Makes up an integration with a key, which ends then or never, and the whole text of the key, which nobody can be told
/// again. Nothing where the machine has no randomness.
pub fn with_key(
    name: KeyName,
    scopes: BTreeSet<IntegrationScope>,
    mode: KeyMode,
    end: Option<DateTime<Utc>>,
    at: DateTime<Utc>,
) -> Option<(Integration, String)> {
    let (key, whole) = integration_key(mode, end, at)?;
    let mut integration = Integration::new(IntegrationId::new(), name, scopes, at);
    integration.keys.insert(key.id, key.into());
    Some((integration, whole))
}
