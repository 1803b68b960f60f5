//! What the next request will ask for again, held in memory: rosters of accounts, and persons with their sessions.
//!
//! A snapshot is never stale. Each change of an account raises the account's `revision`, each change of a user or of
//! its sessions the user's, and both by the statement that takes the lock. So a revision stands for one content.
//!
//! - With a server, other processes change rows too. A snapshot is used only where a query has just read the same
//!   revision.
//! - With a file, this process alone changes rows, and all of them on one thread. What a transaction changes is marked
//!   when it is locked, and its snapshot is gone from then on; after the commit, and before anybody is told of it, the
//!   mark goes and the new state takes its place. Between the two everybody reads the file. A snapshot that is there
//!   is therefore the last state that anybody can have heard of, and using it asks nobody.
//!
//! Snapshots are bounded in memory; what was not asked for lately makes room.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use accounts_domain::api_keys::ApiKey;
use accounts_domain::ids::{AccountId, ApiKeyId, SessionId, UserId};
use accounts_domain::operators::Impersonation;
use accounts_domain::roster::Roster;
use accounts_domain::sessions::Session;
use accounts_domain::users::User;
use chrono::{DateTime, Utc};
use quick_cache::sync::{Cache, DefaultLifecycle, GuardResult, PlaceholderGuard};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};
use uuid::Uuid;

use crate::key_visits::KeyPlace;

/// How much memory rosters may take, in bytes, roughly.
const ROSTERS: u64 = 32 << 20;
/// Of how many API keys it is remembered whose they are and when they were last used.
const KEYS: usize = 10_000;
/// How much memory persons may take, in bytes, roughly.
const PERSONS: u64 = 8 << 20;
/// Into how many parts a shelf is divided, each with a lock of its own that readers share. Each has room for several of
/// the largest accounts: more parts would turn those out as soon as two met in one.
const PARTS: usize = 2;
/// What a contact takes, in bytes, roughly: its texts, its places in the tables of the roster.
const CONTACT: usize = 1200;
/// What an account or a user takes by itself.
const ROW: usize = 800;

/// The snapshots of a store.
#[derive(Debug)]
pub(crate) struct Snapshots {
    /// Whether this process alone changes the database.
    pub(crate) alone: bool,
    pub(crate) rosters: Arc<Shelf<Roster>>,
    pub(crate) persons: Arc<Shelf<Known>>,
    /// Whose an API key is, which never changes.
    pub(crate) key_places: Cache<Uuid, KeyPlace>,
    /// The last use of an API key that was written down.
    pub(crate) key_uses: Cache<Uuid, DateTime<Utc>>,
}

impl Snapshots {
    pub(crate) fn new(alone: bool) -> Self {
        Self {
            alone,
            rosters: Arc::new(Shelf::new(ROSTERS, alone)),
            persons: Arc::new(Shelf::new(PERSONS, alone)),
            key_places: Cache::new(KEYS),
            key_uses: Cache::new(KEYS),
        }
    }

    /// Keeps what was read, to be used where a query finds the same revisions.
    pub(crate) fn note(&self, known: &Arc<Known>, roster: Option<&Arc<Roster>>) {
        self.persons.keep(known.user.id.uuid(), Arc::clone(known));
        if let Some(roster) = roster {
            self.note_account(roster);
        }
    }

    /// Keeps an account that was read, to be used where a query finds the same revision.
    pub(crate) fn note_account(&self, roster: &Arc<Roster>) {
        self.rosters.keep(roster.account().id.uuid(), Arc::clone(roster));
    }

    /// Marks an account that a transaction has locked.
    pub(crate) fn changing_account(&self, account: AccountId) -> Mark<Roster> {
        Shelf::mark(&self.rosters, account.uuid())
    }

    /// Marks a user that a transaction has locked.
    pub(crate) fn changing_user(&self, user: UserId) -> Mark<Known> {
        Shelf::mark(&self.persons, user.uuid())
    }
}

/// A user who may log in, the API keys that act as it, and how each session stands that was not ended.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) user: Arc<User>,
    pub(crate) sessions: BTreeMap<SessionId, Standing>,
    pub(crate) api_keys: BTreeMap<ApiKeyId, Arc<ApiKey>>,
}

/// How a session stands that was not ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standing {
    /// When it ends by itself.
    pub(crate) ends_at: DateTime<Utc>,
    /// When its person last proved to be the user.
    pub(crate) authenticated_at: DateTime<Utc>,
    /// The operator who acts in the person's place by it, if one does.
    pub(crate) impersonation: Option<Impersonation>,
}

impl Standing {
    pub(crate) fn of(session: &Session) -> Self {
        Self {
            ends_at: session.ends_at(),
            authenticated_at: session.authenticated_at,
            impersonation: session.impersonation,
        }
    }
}

impl Known {
    /// A session that is live at that moment.
    pub(crate) fn live(&self, session: SessionId, at: DateTime<Utc>) -> Option<Standing> {
        let standing = self.sessions.get(&session).copied();
        standing.filter(|standing| at < standing.ends_at)
    }
}

/// What a shelf holds.
pub(crate) trait Shelved {
    /// Which state it is: the greater the later.
    fn revision(&self) -> i64;
    /// How many bytes it takes, roughly.
    fn size(&self) -> usize;
}

impl Shelved for Roster {
    fn revision(&self) -> i64 {
        self.account().revision
    }

    fn size(&self) -> usize {
        let parts = self.parts();
        ROW + CONTACT * parts.contacts.len()
            + ROW / 2
                * (parts.members.len()
                    + parts.verifications.len()
                    + parts.invitations.len()
                    + parts.join_requests.len()
                    + parts.api_keys.len())
    }
}

impl Shelved for Known {
    fn revision(&self) -> i64 {
        self.user.revision
    }

    fn size(&self) -> usize {
        ROW + 80 * self.sessions.len() + ROW * self.api_keys.len()
    }
}

#[derive(Clone)]
struct BySize;

impl<V: Shelved> Weighter<Uuid, Arc<V>> for BySize {
    fn weight(&self, _: &Uuid, value: &Arc<V>) -> u64 {
        u64::try_from(value.size()).unwrap_or(u64::MAX)
    }
}

type Free<V> = DefaultLifecycle<Uuid, Arc<V>>;
type Held<V> = Cache<Uuid, Arc<V>, BySize>;
type Place<'a, V> = PlaceholderGuard<'a, Uuid, Arc<V>, BySize, DefaultHashBuilder, Free<V>>;

/// In as many parts on every machine, so that the greatest account fits into one of them.
fn divided<V: Shelved>(entries: usize, bytes: u64) -> Held<V> {
    let mut options = OptionsBuilder::new();
    options
        .estimated_items_capacity(entries)
        .weight_capacity(bytes)
        .shards(PARTS);
    match options.build() {
        Ok(options) => Cache::with_options(options, BySize, DefaultHashBuilder::default(), Free::default()),
        Err(_) => Cache::with_weighter(entries, bytes, BySize),
    }
}

/// Snapshots of one kind.
pub(crate) struct Shelf<V: Shelved> {
    held: Held<V>,
    alone: bool,
    changing: Mutex<HashMap<Uuid, Changing<V>>>,
}

/// What open transactions do to an entry.
struct Changing<V> {
    /// How many have marked it and have not ended.
    marks: usize,
    /// What the last of them has made of it, for the next one in the same group.
    made: Option<Arc<V>>,
}

impl<V: Shelved> fmt::Debug for Shelf<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shelf")
            .field("entries", &self.held.len())
            .finish_non_exhaustive()
    }
}

impl<V: Shelved> Shelf<V> {
    fn new(bytes: u64, alone: bool) -> Self {
        let entries = usize::try_from(bytes).unwrap_or(usize::MAX) / (ROW + 4 * CONTACT);
        Self {
            held: divided(entries, bytes),
            alone,
            changing: Mutex::default(),
        }
    }

    /// The snapshot, where it may be used without asking anybody.
    pub(crate) fn present(&self, id: Uuid) -> Option<Arc<V>> {
        if self.alone { self.held.get(&id) } else { None }
    }

    /// The snapshot of exactly this state. Inside a transaction that has the lock, the state may be one that an
    /// earlier call of the same group has made.
    pub(crate) fn at(&self, id: Uuid, revision: i64) -> Option<Arc<V>> {
        let held = self.held.get(&id).filter(|value| value.revision() == revision);
        if held.is_some() || !self.alone {
            return held;
        }
        let changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let made = changing.get(&id).and_then(|entry| entry.made.clone());
        made.filter(|value| value.revision() == revision)
    }

    /// Takes the place of a snapshot that is about to be read from the database. Nothing where a transaction is
    /// changing it or somebody else reads it already.
    pub(crate) fn vacancy(&self, id: Uuid) -> Option<Vacancy<'_, V>> {
        // First the place, then the look for marks: a mark that comes later finds the place and takes it away.
        let GuardResult::Guard(place) = self.held.get_value_or_guard(&id, Some(Duration::ZERO)) else {
            return None;
        };
        let changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        (!changing.contains_key(&id)).then(|| Vacancy(place))
    }

    fn mark(shelf: &Arc<Self>, id: Uuid) -> Mark<V> {
        if shelf.alone {
            let mut changing = shelf.changing.lock().unwrap_or_else(PoisonError::into_inner);
            let entry = changing.entry(id).or_insert(Changing { marks: 0, made: None });
            entry.marks += 1;
            drop(changing);
            shelf.held.remove(&id);
        }
        Mark {
            shelf: Arc::clone(shelf),
            id,
            next: None,
            committed: false,
        }
    }

    /// Keeps a state, unless a later one is there.
    fn keep(&self, id: Uuid, value: Arc<V>) {
        let is_newer = self
            .held
            .peek(&id)
            .is_none_or(|held| held.revision() < value.revision());
        if is_newer {
            self.held.insert(id, value);
        }
    }

    /// Ends a mark. The last of a group to end lays down what the group has made.
    fn unmark(&self, id: Uuid, next: Option<Arc<V>>) {
        let mut changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(entry) = changing.get_mut(&id) else { return };
        entry.marks -= 1;
        if entry.marks > 0 {
            if next.is_none() {
                entry.made = None;
            }
            return;
        }
        changing.remove(&id);
        if let Some(value) = next {
            self.held.insert(id, value);
        }
    }
}

/// A place on a shelf for what is being read. It is lost if the entry is changed meanwhile.
pub(crate) struct Vacancy<'a, V: Shelved>(Place<'a, V>);

impl<V: Shelved> Vacancy<'_, V> {
    pub(crate) fn fill(self, value: Arc<V>) {
        // Where the place was lost, what was read is good for this one caller.
        let _ = self.0.insert(value);
    }
}

/// The mark of an open transaction on what it has locked. It is dropped once the transaction has ended and before
/// its caller hears of it.
#[derive(Debug)]
pub(crate) struct Mark<V: Shelved> {
    shelf: Arc<Shelf<V>>,
    id: Uuid,
    next: Option<Arc<V>>,
    committed: bool,
}

impl<V: Shelved> Mark<V> {
    /// Says what the transaction makes of it.
    pub(crate) fn make(&mut self, next: Arc<V>) {
        if self.shelf.alone {
            let mut changing = self.shelf.changing.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(entry) = changing.get_mut(&self.id) {
                entry.made = Some(Arc::clone(&next));
            }
        }
        self.next = Some(next);
    }
}

impl<V: Shelved> Drop for Mark<V> {
    fn drop(&mut self) {
        let next = self.next.take().filter(|_| self.committed);
        if self.shelf.alone {
            self.shelf.unmark(self.id, next);
        } else if let Some(value) = next {
            self.shelf.keep(self.id, value);
        }
    }
}

/// The marks of one transaction.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    accounts: Vec<Mark<Roster>>,
    user: Option<Mark<Known>>,
}

impl Marks {
    /// For a transaction that changes neither an account nor a user that was there before.
    pub(crate) fn none() -> Self {
        Self::default()
    }

    /// Those of this transaction and of another part of it, which has marked what this one has not.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            accounts: self.accounts.into_iter().chain(other.accounts).collect(),
            user: self.user.or(other.user),
        }
    }

    /// Says that the transaction is committed.
    pub(crate) fn committed(&mut self) {
        for mark in &mut self.accounts {
            mark.committed = true;
        }
        if let Some(mark) = &mut self.user {
            mark.committed = true;
        }
    }
}

impl From<Mark<Roster>> for Marks {
    fn from(mark: Mark<Roster>) -> Self {
        Self {
            accounts: vec![mark],
            user: None,
        }
    }
}

impl From<Mark<Known>> for Marks {
    fn from(mark: Mark<Known>) -> Self {
        Self {
            accounts: Vec::new(),
            user: Some(mark),
        }
    }
}

#[cfg(test)]
mod tests;
