//! API keys: what scripts and other systems call with. A key of a user acts as that user, a key of an account in that
//! account alone, and both never with more than their maker may do at that moment.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use crate::actor::{Actor, By};
use crate::catalog::Catalog;
use crate::change::Change;
use crate::ids::{AccountId, ApiKeyId, UserId};
use crate::keys::PermissionKey;
use crate::mail::{Letter, Mail};
use crate::names::KeyName;
use crate::permission::{Permissions, ServicePermission};
use crate::roster::Roster;
use crate::users::{Person, UserChange};
use crate::violation::Violation;

/// The greatest number of keys of a user.
pub const USER_KEYS: usize = 25;

/// The greatest number of keys of an account.
pub const ACCOUNT_KEYS: usize = 50;

/// How long a key is remembered after it has ended by itself, so that whoever wonders why something calls in vain still finds
/// it in the list. Then it is as if it were not there, whether or not its row was cleared away: rosters in memory, which
/// may hold it for longer, show the same.
pub const KEYS_REMEMBERED_FOR: TimeDelta = TimeDelta::days(30);

/// The SHA-256 of a key's secret, in hexadecimal. It does not show itself.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretHash(pub String);

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(…)")
    }
}

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyMode {
    /// Whatever its permissions open.
    Live,
    /// To try things out: it reads and changes nothing.
    Test,
}

impl KeyMode {
    /// The name in the API, in the database and in the key itself.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
        }
    }

    /// The mode of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Live, Self::Test].into_iter().find(|mode| mode.as_str() == name)
    }
}

/// Who calls with a key, as its first letters say: scanners for leaked secrets know them by these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyHolder {
    /// A person or an account: `ak_`.
    Customer,
    /// A machine caller of the provider: `ik_`.
    Integration,
}

impl KeyHolder {
    /// With what the key begins, before its mode.
    pub fn mark(self) -> &'static str {
        match self {
            Self::Customer => "ak_",
            Self::Integration => "ik_",
        }
    }

    /// All of the key but its secret.
    pub fn prefix(self, mode: KeyMode, id: ApiKeyId) -> String {
        let id = id.to_string();
        let id = id.split_once('_').map_or(id.as_str(), |(_, id)| id);
        format!("{}{}_{id}", self.mark(), mode.as_str())
    }
}

/// A key, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id, which stands in the key itself.
    pub id: ApiKeyId,
    /// Who made it: as whom it acts, or whose rights bound it.
    pub maker: UserId,
    /// What its maker calls it.
    pub name: KeyName,
    /// What it is for.
    pub mode: KeyMode,
    /// What it may do, as far as its maker may.
    pub permissions: Permissions,
    /// The accounts in which a user's key acts; every one of the user where nothing is said.
    pub accounts: Option<BTreeSet<AccountId>>,
    /// When it ends by itself.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// By what its secret is recognised.
    pub secret: SecretHash,
}

impl ApiKey {
    /// Whether it works at that moment.
    pub fn is_live(&self, at: DateTime<Utc>) -> bool {
        self.expires_at.is_none_or(|end| at < end)
    }

    /// Whether it is still shown, counted and revoked at that moment.
    pub fn is_remembered(&self, at: DateTime<Utc>) -> bool {
        self.expires_at.is_none_or(|end| at < end + KEYS_REMEMBERED_FOR)
    }

    /// Whether it acts in an account of its user.
    pub fn reaches(&self, account: AccountId) -> bool {
        self.accounts
            .as_ref()
            .is_none_or(|accounts| accounts.contains(&account))
    }

    /// What is shown of it later on, so that its owner tells it from others: all but the secret.
    pub fn prefix(&self) -> String {
        KeyHolder::Customer.prefix(self.mode, self.id)
    }
}

/// A key that acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyActor {
    /// The key.
    pub key: ApiKeyId,
    /// Who made it, and whose rights bound it.
    pub maker: UserId,
    /// Whether it is a key of the account. Then it is not its maker, and has what its maker has as a person neither.
    pub of_account: bool,
    /// What it may do, as far as its maker may.
    pub scope: Scope,
}

/// The permissions of a key under a catalog, small enough to go along with every act.
///
/// Of a catalog with more than a hundred permissions the last ones have no place in it: a narrowed key does not have
/// them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Scope(Option<u128>);

impl Scope {
    /// The scope of these permissions.
    pub fn of(permissions: &Permissions, catalog: &Catalog) -> Self {
        match permissions {
            Permissions::All => Self(None),
            Permissions::Chosen(chosen) => {
                let bits = places(catalog)
                    .filter(|(_, key)| chosen.contains(key))
                    .fold(0, |bits, (bit, _)| bits | bit);
                Self(Some(bits))
            }
        }
    }

    /// Whether it is everything that the maker may do.
    pub fn is_everything(self) -> bool {
        self.0.is_none()
    }

    /// What is left of the maker's permissions.
    pub fn narrow(self, own: &Permissions, catalog: &Catalog) -> Permissions {
        let Some(bits) = self.0 else { return own.clone() };
        places(catalog)
            .filter(|(bit, key)| bits & bit != 0 && own.contains(key))
            .map(|(_, key)| key)
            .collect()
    }
}

/// Every permission with its bit, the service's own first.
fn places(catalog: &Catalog) -> impl Iterator<Item = (u128, PermissionKey)> {
    let own = ServicePermission::ALL.into_iter().map(ServicePermission::key);
    let known = own.chain(catalog.permissions().iter().map(|entry| entry.key.clone()));
    (0..u128::BITS).map(|place| 1_u128 << place).zip(known)
}

impl Roster {
    /// Every key of the account, by id and so by age.
    pub fn api_keys(&self) -> impl DoubleEndedIterator<Item = &Arc<ApiKey>> {
        self.parts.api_keys.values()
    }

    /// One key of the account.
    pub fn api_key(&self, id: ApiKeyId) -> Option<&Arc<ApiKey>> {
        self.parts.api_keys.get(&id)
    }

    /// The keys of the account that are remembered at that moment, by id and so by age.
    pub fn remembered_keys(&self, at: DateTime<Utc>) -> impl DoubleEndedIterator<Item = &Arc<ApiKey>> {
        self.api_keys().filter(move |key| key.is_remembered(at))
    }

    /// One key of the account, if it is remembered at that moment.
    pub fn remembered_key(&self, id: ApiKeyId, at: DateTime<Utc>) -> Option<&Arc<ApiKey>> {
        self.api_key(id).filter(|key| key.is_remembered(at))
    }

    /// What the actor may do at that moment; nothing for somebody whom the account does not know. A key has what it
    /// was given, as far as its maker has it at that moment (R41).
    pub fn rights_of(&self, by: By) -> Option<Permissions> {
        match by.actor {
            Actor::System => Some(Permissions::All),
            Actor::Integration(_) | Actor::Operator(_) | Actor::Link => None,
            Actor::User(user) | Actor::Impersonated { user, .. } => self.permissions_of(user, by.at),
            Actor::Key(key) => {
                let own = self.permissions_of(key.maker, by.at)?;
                Some(key.scope.narrow(&own, &self.catalog))
            }
        }
    }

    /// Adds a key of the account. Nobody gives a key what they do not have.
    ///
    /// # Errors
    /// Needs `keys:manage`, of a person: a key never makes keys.
    pub fn make_key(&self, by: By, key: &ApiKey) -> Result<Vec<Change>, Violation> {
        require_person(by)?;
        self.require(by, ServicePermission::KeysManage)?;
        self.require_active()?;
        self.require_grantable(by, &key.permissions)?;
        self.live_member(key.maker, by.at).ok_or(Violation::NotFound)?;
        if self.remembered_keys(by.at).count() >= ACCOUNT_KEYS {
            return Err(Violation::KeyLimitReached { limit: ACCOUNT_KEYS });
        }
        let key = Arc::new(key.clone());
        Ok(vec![Change::KeyMade { key }])
    }

    /// Revokes a key of the account, whoever made it; also where the account is suspended, because its keys read there.
    ///
    /// # Errors
    /// Needs `keys:manage`, of a person.
    pub fn revoke_key(&self, by: By, id: ApiKeyId) -> Result<Vec<Change>, Violation> {
        require_person(by)?;
        self.require(by, ServicePermission::KeysManage)?;
        self.remembered_key(id, by.at).ok_or(Violation::NotFound)?;
        Ok(vec![Change::KeyRevoked { key: id }])
    }

    /// The owner is told of each key of the account (R17). It is not named in full.
    pub(crate) fn key_mail(&self, key: &ApiKey) -> Option<Mail> {
        let owner = self.contact(self.owner()).ok()?;
        Some(Mail {
            contact: Some(owner.id),
            to: owner.address.email.clone(),
            language: owner.profile.language,
            letter: Letter::AccountKeyMade {
                name: owner.profile.display_name.to_string(),
                account: self.account().profile.name.to_string(),
                key: key.name.to_string(),
                prefix: key.prefix(),
            },
        })
    }
}

/// Refuses what no key does, and no operator in a person's place: managing keys, owning, and what only the person can
/// answer for.
///
/// # Errors
/// [`Violation::PersonOnly`], [`Violation::ImpersonationRefused`].
pub(crate) fn require_person(by: By) -> Result<(), Violation> {
    match by.actor {
        Actor::Key(_) | Actor::Integration(_) => Err(Violation::PersonOnly),
        Actor::Impersonated { .. } => Err(Violation::ImpersonationRefused),
        Actor::System | Actor::User(_) | Actor::Operator(_) | Actor::Link => Ok(()),
    }
}

impl Person {
    /// Adds a key that acts as this person.
    ///
    /// # Errors
    /// [`Violation::KeyLimitReached`].
    pub fn make_key(&self, key: &ApiKey) -> Result<Vec<UserChange>, Violation> {
        if self.remembered_keys(key.created_at).count() >= USER_KEYS {
            return Err(Violation::KeyLimitReached { limit: USER_KEYS });
        }
        let key = Arc::new(key.clone());
        Ok(vec![UserChange::KeyMade { key }])
    }

    /// Revokes a key of this person.
    ///
    /// # Errors
    /// [`Violation::NotFound`] where the person has no such key.
    pub fn revoke_key(&self, id: ApiKeyId, at: DateTime<Utc>) -> Result<Vec<UserChange>, Violation> {
        self.remembered_key(id, at).ok_or(Violation::NotFound)?;
        Ok(vec![UserChange::KeyRevoked { key: id }])
    }

    /// The keys of this person that are remembered at that moment, by id and so by age.
    pub fn remembered_keys(&self, at: DateTime<Utc>) -> impl DoubleEndedIterator<Item = &Arc<ApiKey>> {
        self.api_keys.values().filter(move |key| key.is_remembered(at))
    }

    /// One key of this person, if it is remembered at that moment.
    pub fn remembered_key(&self, id: ApiKeyId, at: DateTime<Utc>) -> Option<&Arc<ApiKey>> {
        self.api_keys.get(&id).filter(|key| key.is_remembered(at))
    }

    /// What revokes all keys of this person: they are older than the password that is being set (R28).
    pub(crate) fn revoke_all_keys(&self) -> impl Iterator<Item = UserChange> {
        self.api_keys.keys().map(|key| UserChange::KeyRevoked { key: *key })
    }
}

#[cfg(test)]
mod tests;
