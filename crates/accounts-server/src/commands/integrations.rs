//! `accounts integration …`

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::process::ExitCode;

use accounts_api::clock::Clock;
use accounts_api::key_text::integration_key;
use accounts_domain::actor::Actor;
use accounts_domain::api_keys::{KeyHolder, KeyMode};
use accounts_domain::ids::{ApiKeyId, IntegrationId};
use accounts_domain::integrations::{Integration, IntegrationChange, IntegrationKey, IntegrationScope};
use accounts_domain::violation::Violation;
use accounts_store::{Act, DecideError, Store};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

use super::{open, print, wait};
use crate::cli::{IntegrationCommand, NewIntegration, NewIntegrationKey};
use crate::config::Said;
use crate::failure::Failure;
use crate::first_key;
use crate::logging;

/// Does with integrations what the command line asks for.
pub fn run(said: &Said, command: IntegrationCommand) -> Result<ExitCode, Failure> {
    let working = said.working(false)?;
    let _logging = logging::start_quietly(&working.log);
    let desk = Desk {
        store: open(&working.place, working.catalog)?,
        at: Clock::System.now(),
    };
    let told = wait(desk.does(command))?;
    print(told);
    Ok(ExitCode::SUCCESS)
}

/// Where integrations are managed.
struct Desk {
    store: Store,
    at: DateTime<Utc>,
}

impl Desk {
    async fn does(&self, command: IntegrationCommand) -> Result<String, Failure> {
        match command {
            IntegrationCommand::Create(new) => self.create(new).await,
            IntegrationCommand::List => self.list().await,
            IntegrationCommand::SetScopes { integration, scope } => {
                let scopes: BTreeSet<IntegrationScope> = scope.into_iter().collect();
                let changed = move |found: &Integration| Ok(found.change_scopes(&scopes));
                self.change(integration, changed, "It has these scopes from now on.\n")
                    .await
            }
            IntegrationCommand::Disable { integration } => {
                let disabled = |found: &Integration| Ok(found.disable());
                self.change(integration, disabled, "None of its keys opens anything any more.\n")
                    .await
            }
            IntegrationCommand::Enable { integration } => {
                let enabled = |found: &Integration| Ok(found.enable());
                self.change(integration, enabled, "Its keys work again.\n").await
            }
            IntegrationCommand::AddKey(new) => self.add_key(new).await,
            IntegrationCommand::RevokeKey { key } => self.revoke_key(key).await,
        }
    }

    async fn create(&self, new: NewIntegration) -> Result<String, Failure> {
        let (mode, end) = self.life(new.test, new.days);
        let scopes = new.scope.into_iter().collect();
        let minted = first_key::with_key(new.name, scopes, mode, end, self.at);
        let (integration, whole) = minted.ok_or_else(no_randomness)?;
        let id = integration.id;
        let kept = self.store.create_integration(integration, &self.act()).await;
        if kept.map_err(|error| Failure::while_doing("keeping the integration", error.cause()))? {
            Ok(format!("The integration {id} was made.\n{}", shown_once(&whole)))
        } else {
            Err(Failure::Failed(
                "there is an integration of this name already".to_owned(),
            ))
        }
    }

    async fn list(&self) -> Result<String, Failure> {
        let all = self.store.integrations().await;
        let all = all.map_err(|error| Failure::while_doing("reading the integrations", error.cause()))?;
        let keys = all
            .iter()
            .flat_map(|integration| integration.keys.keys().copied())
            .collect();
        let uses = self.store.key_uses(KeyHolder::Integration, keys).await;
        let uses = uses.map_err(|error| Failure::while_doing("reading the uses of keys", error.cause()))?;
        let mut told = String::new();
        for integration in &all {
            // Writing to a string does not fail.
            let _ = writeln!(told, "{}", line_of(integration));
            for key in integration.keys.values() {
                let _ = writeln!(told, "  {}", line_of_key(key, uses.get(&key.id)));
            }
        }
        Ok(told)
    }

    async fn add_key(&self, new: NewIntegrationKey) -> Result<String, Failure> {
        let (mode, end) = self.life(new.test, new.days);
        let (key, whole) = integration_key(mode, end, self.at).ok_or_else(no_randomness)?;
        let added = move |found: &Integration| found.make_key(&key);
        self.change(new.integration, added, &shown_once(&whole)).await
    }

    async fn revoke_key(&self, key: ApiKeyId) -> Result<String, Failure> {
        let found = self.store.integration_of_key(key).await;
        let found = found.map_err(|error| Failure::while_doing("looking for the key", error.cause()))?;
        let (integration, _) = found.ok_or_else(|| Failure::Failed("there is no such key".to_owned()))?;
        let revoked = move |found: &Integration| found.revoke_key(key);
        self.change(integration.id, revoked, "The key opens nothing any more.\n")
            .await
    }

    async fn change<D>(&self, integration: IntegrationId, decide: D, done: &str) -> Result<String, Failure>
    where
        D: Fn(&Integration) -> Result<Vec<IntegrationChange>, Violation> + Send + 'static,
    {
        let decided = self.store.decide_integration(integration, &self.act(), decide).await;
        match decided {
            Ok(decision) if decision.changes.is_empty() => Ok("It is so already.\n".to_owned()),
            Ok(_) => Ok(done.to_owned()),
            Err(DecideError::NotFound) => Err(Failure::Failed("there is no such integration".to_owned())),
            Err(DecideError::Store(error)) => Err(Failure::while_doing("changing the integration", error.cause())),
            Err(error) => Err(Failure::while_doing("changing the integration", error)),
        }
    }

    /// What a new key is for, and when it ends.
    fn life(&self, test: bool, days: Option<u16>) -> (KeyMode, Option<DateTime<Utc>>) {
        let mode = if test { KeyMode::Test } else { KeyMode::Live };
        (mode, days.map(|days| self.at + TimeDelta::days(days.into())))
    }

    fn act(&self) -> Act {
        Act {
            actor: Actor::System,
            at: self.at,
            request_id: None,
            keep: None,
        }
    }
}

fn no_randomness() -> Failure {
    Failure::Failed("the machine has no randomness".to_owned())
}

fn shown_once(key: &str) -> String {
    format!("The key, which is shown this once: {key}\n")
}

fn line_of(integration: &Integration) -> String {
    let scopes: Vec<&str> = integration.scopes.iter().map(|scope| scope.as_str()).collect();
    let state = if integration.disabled_at.is_some() {
        "disabled"
    } else {
        "enabled"
    };
    format!(
        "{} {state} {} ({})",
        integration.id,
        integration.name,
        scopes.join(", ")
    )
}

fn line_of_key(key: &IntegrationKey, used: Option<&DateTime<Utc>>) -> String {
    let day = |at: &DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
    let ends = key
        .expires_at
        .as_ref()
        .map_or_else(|| "never ends".to_owned(), |at| format!("ends {}", day(at)));
    let used = used.map_or_else(|| "never used".to_owned(), |at| format!("last used {}", day(at)));
    format!("{} {}, {ends}, {used}", key.id, key.prefix())
}

#[cfg(test)]
mod tests {
    use accounts_domain::names::KeyName;

    use super::*;

    #[test]
    fn a_line_tells_what_an_integration_may_and_what_its_keys_begin_with() {
        let at = Utc::now();
        let name = KeyName::parse("Help desk").unwrap_or_else(|fault| panic!("{fault}"));
        let scopes = BTreeSet::from([IntegrationScope::AccessCheck]);
        let integration = Integration::new(IntegrationId::new(), name, scopes, at);
        assert!(line_of(&integration).ends_with(" enabled Help desk (access:check)"));
        let Some((key, whole)) = integration_key(KeyMode::Live, None, at) else {
            panic!("no randomness")
        };
        let line = line_of_key(&key, None);
        assert!(
            line.contains(&key.prefix()) && line.ends_with("never ends, never used"),
            "{line}"
        );
        assert!(!line.contains(&whole) && whole.starts_with(&key.prefix()));
    }
}
