//! Integrations: machine callers of the provider, apart from every customer. Each has scopes, which say what it may ask
//! of all accounts, and keys below it, so that one can be changed for another while both work.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::api_keys::{KEYS_REMEMBERED_FOR, KeyHolder, KeyMode, SecretHash};
use crate::ids::{ApiKeyId, IntegrationId};
use crate::names::KeyName;
use crate::violation::Violation;

/// The greatest number of keys of an integration.
pub const INTEGRATION_KEYS: usize = 10;

/// What an integration may do, for every account. The list is closed: each scope is asked for by operations of the
/// service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IntegrationScope {
    /// `access:check`: ask who may do what.
    AccessCheck,
    /// `accounts:open`: open accounts.
    AccountsOpen,
    /// `accounts:view`: find accounts and read what they say about their organisations.
    AccountsView,
    /// `deliverability:report`: report whether mail to an address arrives.
    DeliverabilityReport,
    /// `events:read`: read what happened, in the order in which it happened.
    EventsRead,
    /// `inbound:check`: ask whose mail it is, and whether it speaks for an account.
    InboundCheck,
    /// `notifications:send`: send notices to the categories of accounts, and see what became of them.
    NotificationsSend,
    /// `webhooks:manage`: be told of events, wherever it likes.
    WebhooksManage,
}

impl IntegrationScope {
    /// Every scope, in the order in which they are offered.
    pub const ALL: [Self; 8] = [
        Self::AccessCheck,
        Self::AccountsOpen,
        Self::AccountsView,
        Self::DeliverabilityReport,
        Self::EventsRead,
        Self::InboundCheck,
        Self::NotificationsSend,
        Self::WebhooksManage,
    ];

    /// The scope as it is written: `access:check`, say.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AccessCheck => "access:check",
            Self::AccountsOpen => "accounts:open",
            Self::AccountsView => "accounts:view",
            Self::DeliverabilityReport => "deliverability:report",
            Self::EventsRead => "events:read",
            Self::InboundCheck => "inbound:check",
            Self::NotificationsSend => "notifications:send",
            Self::WebhooksManage => "webhooks:manage",
        }
    }

    /// The scope of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == name)
    }

    /// Whether what it opens changes nothing, whatever the method, so that test keys may have it, too.
    pub const fn reads(self) -> bool {
        match self {
            Self::AccessCheck | Self::AccountsView | Self::EventsRead | Self::InboundCheck => true,
            Self::AccountsOpen | Self::DeliverabilityReport | Self::NotificationsSend | Self::WebhooksManage => false,
        }
    }
}

/// A key of an integration, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntegrationKey {
    /// Its id, which stands in the key itself.
    pub id: ApiKeyId,
    /// What it is for.
    pub mode: KeyMode,
    /// When it ends by itself.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// By what its secret is recognised.
    pub secret: SecretHash,
}

impl IntegrationKey {
    /// Whether it works at that moment, as far as it depends on the key.
    pub fn is_live(&self, at: DateTime<Utc>) -> bool {
        self.expires_at.is_none_or(|end| at < end)
    }

    /// Whether it still counts among the keys of its integration at that moment: for [`KEYS_REMEMBERED_FOR`] after its end.
    pub fn is_remembered(&self, at: DateTime<Utc>) -> bool {
        self.expires_at.is_none_or(|end| at < end + KEYS_REMEMBERED_FOR)
    }

    /// What is shown of it later on: all but the secret.
    pub fn prefix(&self) -> String {
        KeyHolder::Integration.prefix(self.mode, self.id)
    }
}

/// A machine caller of the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Integration {
    /// Its id.
    pub id: IntegrationId,
    /// What the provider calls it; no other has this name.
    pub name: KeyName,
    /// What it may do.
    pub scopes: BTreeSet<IntegrationScope>,
    /// Its keys, by id and so by age.
    pub keys: BTreeMap<ApiKeyId, Arc<IntegrationKey>>,
    /// Since when none of its keys opens anything.
    pub disabled_at: Option<DateTime<Utc>>,
    /// How many decisions have changed it; the first is 1.
    pub revision: i64,
    /// When it came to be.
    pub created_at: DateTime<Utc>,
}

/// One change of an integration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IntegrationChange {
    /// It may do something else.
    ScopesChanged {
        /// All that it may do from now on.
        scopes: BTreeSet<IntegrationScope>,
    },
    /// None of its keys opens anything any more.
    Disabled,
    /// Its keys work again.
    Enabled,
    /// It has one key more.
    KeyMade {
        /// The key.
        key: Arc<IntegrationKey>,
    },
    /// A key of it was revoked.
    KeyRevoked {
        /// The key.
        key: ApiKeyId,
    },
}

/// What is to change of an integration on the provider's behalf; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IntegrationPatch {
    /// All that it may do from now on.
    pub scopes: Option<BTreeSet<IntegrationScope>>,
    /// Whether none of its keys opens anything.
    pub disabled: Option<bool>,
}

/// Why a live key of an integration does not open something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyRefusal {
    /// The integration has not the scope.
    ScopeMissing,
    /// It is a test key, and this changes something.
    ReadsOnly,
}

impl Integration {
    /// An integration that has just come to be, without a key.
    pub fn new(id: IntegrationId, name: KeyName, scopes: BTreeSet<IntegrationScope>, at: DateTime<Utc>) -> Self {
        Self {
            id,
            name,
            scopes,
            keys: BTreeMap::new(),
            disabled_at: None,
            revision: 1,
            created_at: at,
        }
    }

    /// Why a key of this integration opens nothing at that moment, if it does not. Whether its secret is right is for
    /// the caller to judge.
    pub fn dead(&self, key: &IntegrationKey, at: DateTime<Utc>) -> Option<&'static str> {
        if self.disabled_at.is_some() {
            return Some("its integration is disabled");
        }
        (!key.is_live(at)).then_some("expired")
    }

    /// Refuses what a live key of this integration may not do.
    ///
    /// # Errors
    /// [`KeyRefusal`].
    pub fn admit(&self, key: &IntegrationKey, scope: IntegrationScope) -> Result<(), KeyRefusal> {
        if !self.scopes.contains(&scope) {
            return Err(KeyRefusal::ScopeMissing);
        }
        if key.mode == KeyMode::Test && !scope.reads() {
            return Err(KeyRefusal::ReadsOnly);
        }
        Ok(())
    }

    /// Gives it other scopes. What it loses is lost to all of its keys from the next request on.
    pub fn change_scopes(&self, scopes: &BTreeSet<IntegrationScope>) -> Vec<IntegrationChange> {
        let changed = (*scopes != self.scopes).then(|| IntegrationChange::ScopesChanged { scopes: scopes.clone() });
        changed.into_iter().collect()
    }

    /// Disables it: all of its keys are dead from the next request on.
    pub fn disable(&self) -> Vec<IntegrationChange> {
        let change = self.disabled_at.is_none().then_some(IntegrationChange::Disabled);
        change.into_iter().collect()
    }

    /// Enables it again.
    pub fn enable(&self) -> Vec<IntegrationChange> {
        let change = self.disabled_at.is_some().then_some(IntegrationChange::Enabled);
        change.into_iter().collect()
    }

    /// Gives it other scopes, disables or enables it, or both at once.
    pub fn administer(&self, patch: &IntegrationPatch) -> Vec<IntegrationChange> {
        let mut changes = patch
            .scopes
            .as_ref()
            .map_or_else(Vec::new, |scopes| self.change_scopes(scopes));
        changes.extend(match patch.disabled {
            Some(true) => self.disable(),
            Some(false) => self.enable(),
            None => Vec::new(),
        });
        changes
    }

    /// Adds a key.
    ///
    /// # Errors
    /// [`Violation::KeyLimitReached`].
    pub fn make_key(&self, key: &IntegrationKey) -> Result<Vec<IntegrationChange>, Violation> {
        let remembered = self.keys.values().filter(|other| other.is_remembered(key.created_at));
        if remembered.count() >= INTEGRATION_KEYS {
            return Err(Violation::KeyLimitReached {
                limit: INTEGRATION_KEYS,
            });
        }
        let key = Arc::new(key.clone());
        Ok(vec![IntegrationChange::KeyMade { key }])
    }

    /// Revokes a key.
    ///
    /// # Errors
    /// [`Violation::NotFound`] where it has no such key.
    pub fn revoke_key(&self, key: ApiKeyId) -> Result<Vec<IntegrationChange>, Violation> {
        self.keys.get(&key).ok_or(Violation::NotFound)?;
        Ok(vec![IntegrationChange::KeyRevoked { key }])
    }

    /// The integration after `changes`, made at that moment.
    #[must_use]
    pub fn after(mut self, changes: &[IntegrationChange], at: DateTime<Utc>) -> Self {
        if changes.is_empty() {
            return self;
        }
        for change in changes {
            match change {
                IntegrationChange::ScopesChanged { scopes } => self.scopes.clone_from(scopes),
                IntegrationChange::Disabled => self.disabled_at = Some(at),
                IntegrationChange::Enabled => self.disabled_at = None,
                IntegrationChange::KeyMade { key } => {
                    self.keys.insert(key.id, Arc::clone(key));
                }
                IntegrationChange::KeyRevoked { key } => {
                    self.keys.remove(key);
                }
            }
        }
        self.revision += 1;
        self
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::given::{NOW, moment};

    fn integration(scopes: &[IntegrationScope]) -> Integration {
        let name = KeyName::parse("Help desk").unwrap();
        let id = IntegrationId::from_uuid(Uuid::from_u128(1));
        Integration::new(id, name, scopes.iter().copied().collect(), NOW)
    }

    fn key(number: u128, mode: KeyMode) -> IntegrationKey {
        IntegrationKey {
            id: ApiKeyId::from_uuid(Uuid::from_u128(number)),
            mode,
            expires_at: None,
            created_at: NOW,
            secret: SecretHash("0".repeat(64)),
        }
    }

    #[test]
    fn every_scope_has_the_form_of_a_permission_and_leads_back() {
        for scope in IntegrationScope::ALL {
            assert_eq!(IntegrationScope::from_name(scope.as_str()), Some(scope));
            assert!(scope.as_str().parse::<crate::keys::PermissionKey>().is_ok());
        }
        assert_eq!(IntegrationScope::from_name("all"), None);
    }

    #[test]
    fn a_key_does_what_its_integration_has_the_scope_for() {
        let desk = integration(&[IntegrationScope::AccessCheck]);
        let live = key(1, KeyMode::Live);
        assert_eq!(desk.admit(&live, IntegrationScope::AccessCheck), Ok(()));
        let refused = desk.admit(&live, IntegrationScope::AccountsView);
        assert_eq!(refused, Err(KeyRefusal::ScopeMissing));
        let taken = desk.change_scopes(&BTreeSet::new());
        let bare = desk.after(&taken, NOW);
        let refused = bare.admit(&live, IntegrationScope::AccessCheck);
        assert_eq!(refused, Err(KeyRefusal::ScopeMissing));
    }

    #[test]
    fn a_test_key_reads_and_changes_nothing() {
        let desk = integration(&IntegrationScope::ALL);
        let test = key(1, KeyMode::Test);
        for scope in IntegrationScope::ALL {
            let wanted = match scope {
                IntegrationScope::AccountsOpen
                | IntegrationScope::DeliverabilityReport
                | IntegrationScope::NotificationsSend
                | IntegrationScope::WebhooksManage => Err(KeyRefusal::ReadsOnly),
                IntegrationScope::AccessCheck
                | IntegrationScope::AccountsView
                | IntegrationScope::EventsRead
                | IntegrationScope::InboundCheck => Ok(()),
            };
            assert_eq!(desk.admit(&test, scope), wanted, "{scope:?}");
        }
    }

    #[test]
    fn a_disabled_integration_and_an_ended_key_open_nothing() {
        let desk = integration(&IntegrationScope::ALL);
        let live = key(1, KeyMode::Live);
        assert_eq!(desk.dead(&live, NOW), None);
        let disabled = desk.clone().after(&desk.disable(), NOW);
        assert!(disabled.dead(&live, NOW).is_some());
        assert_eq!(disabled.disable(), []);
        let enabled = disabled.clone().after(&disabled.enable(), NOW);
        assert_eq!(enabled.dead(&live, NOW), None);
        assert_eq!(enabled.enable(), []);
        let ending = IntegrationKey {
            expires_at: Some(moment(61)),
            ..live
        };
        assert_eq!(desk.dead(&ending, NOW), None);
        assert_eq!(desk.dead(&ending, moment(61)), Some("expired"));
    }

    #[test]
    fn a_patch_changes_what_it_names_and_nothing_that_is_so_already() {
        let desk = integration(&[IntegrationScope::AccessCheck]);
        assert_eq!(desk.administer(&IntegrationPatch::default()), []);
        let patch = IntegrationPatch {
            scopes: Some(BTreeSet::from([IntegrationScope::AccountsView])),
            disabled: Some(true),
        };
        let changes = desk.administer(&patch);
        assert_eq!(changes.len(), 2);
        let moved = desk.after(&changes, NOW);
        assert_eq!(
            (Some(&moved.scopes), moved.disabled_at),
            (patch.scopes.as_ref(), Some(NOW))
        );
        assert_eq!(moved.administer(&patch), []);
        let enabling = IntegrationPatch {
            scopes: None,
            disabled: Some(false),
        };
        assert_eq!(moved.administer(&enabling), [IntegrationChange::Enabled]);
    }

    #[test]
    fn keys_are_made_up_to_a_limit_and_revoked_one_by_one() {
        let mut desk = integration(&[]);
        for number in (1..).take(INTEGRATION_KEYS) {
            let made = desk.make_key(&key(number, KeyMode::Live)).unwrap();
            desk = desk.after(&made, NOW);
        }
        let one_more = desk.make_key(&key(99, KeyMode::Live));
        assert!(matches!(one_more, Err(Violation::KeyLimitReached { limit: 10 })));
        let gone = key(1, KeyMode::Live).id;
        let desk = desk.clone().after(&desk.revoke_key(gone).unwrap(), NOW);
        assert_eq!(desk.revoke_key(gone), Err(Violation::NotFound));
        assert_eq!(desk.revision, 12);
    }

    #[test]
    fn the_prefix_tells_an_integrations_key_from_a_customers() {
        assert!(key(1, KeyMode::Live).prefix().starts_with("ik_live_"));
        assert!(key(1, KeyMode::Test).prefix().starts_with("ik_test_"));
    }
}
