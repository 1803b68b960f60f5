//! What events are about beside an account and its contacts: one query for each kind of thing, however many events.

use std::collections::{BTreeMap, BTreeSet};

use accounts_domain::ids::{ApiKeyId, InvitationId, NotificationId, UserId};
use accounts_domain::invitations::InvitationRecord;
use accounts_domain::members::MemberPerson;
use accounts_domain::users::User;

use crate::api_keys::UsedKey;
use crate::error::{Fault, StoreError};
use crate::notifications::NotificationRecord;
use crate::store::Store;
use crate::{api_keys, members, notifications, roster, users};

/// Which things are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AskedObjects {
    /// Users, for what happened to their log-ins.
    pub users: BTreeSet<UserId>,
    /// Users, as the accounts see them that they are members of.
    pub people: BTreeSet<UserId>,
    /// Invitations.
    pub invitations: BTreeSet<InvitationId>,
    /// API keys, of persons and of accounts.
    pub api_keys: BTreeSet<ApiKeyId>,
    /// Notices.
    pub notifications: BTreeSet<NotificationId>,
}

/// Those of them that are there.
#[derive(Debug, Default)]
pub struct FoundObjects {
    /// Users.
    pub users: BTreeMap<UserId, User>,
    /// Users, as accounts see them.
    pub people: BTreeMap<UserId, MemberPerson>,
    /// Invitations.
    pub invitations: BTreeMap<InvitationId, InvitationRecord>,
    /// API keys.
    pub api_keys: BTreeMap<ApiKeyId, UsedKey>,
    /// Notices with their mails.
    pub notifications: BTreeMap<NotificationId, NotificationRecord>,
}

impl Store {
    /// Reads things of several kinds by their ids.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn objects(&self, asked: AskedObjects) -> Result<FoundObjects, StoreError> {
        if asked == AskedObjects::default() {
            return Ok(FoundObjects::default());
        }
        self.lanes
            .read_consistent(move |conn| {
                Ok(FoundObjects {
                    users: of_any(&asked.users, |ids| users::load_users(conn, ids))?,
                    people: of_any(&asked.people, |ids| members::people(conn, ids))?,
                    invitations: of_any(&asked.invitations, |ids| roster::load_invitations_by_id(conn, ids))?,
                    api_keys: of_any(&asked.api_keys, |ids| api_keys::load(conn, ids))?,
                    notifications: of_any(&asked.notifications, |ids| notifications::load(conn, ids))?,
                })
            })
            .await
    }
}

/// Nothing is asked of the database where nothing is asked for.
fn of_any<I: Copy, T: Default>(ids: &BTreeSet<I>, load: impl FnOnce(&[I]) -> Result<T, Fault>) -> Result<T, Fault> {
    if ids.is_empty() {
        return Ok(T::default());
    }
    let ids: Vec<I> = ids.iter().copied().collect();
    load(&ids)
}
