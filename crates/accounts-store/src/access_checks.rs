//! What an integration asks about many accounts and persons at once.
//!
//! Two queries tell which of them there are and how they stand now, however many are asked about; the accounts themselves
//! come from the snapshots where those are of the same revision. Where this process alone changes rows, the snapshots answer
//! for all that they have, and nothing is asked.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use accounts_domain::access_checks::Login;
use accounts_domain::ids::{AccountId, UserId};
use accounts_domain::names::ExternalId;
use accounts_domain::roster::Roster;
use accounts_domain::users::UserStatus;
use diesel::prelude::*;

use crate::backend::{Conn, narrowed};
use crate::error::{Fault, StoreError};
use crate::present::{Place, Present};
use crate::rows::{named, parse};
use crate::schema::{accounts, users};
use crate::store::Store;

/// Which accounts and persons are asked about.
#[derive(Debug, Clone, Default)]
pub struct AskedAbout {
    /// Accounts by id.
    pub accounts: BTreeSet<AccountId>,
    /// Accounts by the provider's number.
    pub external_ids: BTreeSet<String>,
    /// Users by id.
    pub users: BTreeSet<UserId>,
    /// Users by the key of the address that they log in with.
    pub address_keys: BTreeSet<String>,
}

/// What there is of it.
#[derive(Debug, Default)]
pub struct Found {
    rosters: Present,
    by_external_id: HashMap<String, AccountId>,
    logins: HashMap<UserId, Login>,
    by_address_key: HashMap<String, UserId>,
}

impl AskedAbout {
    fn is_empty(&self) -> bool {
        self.accounts.is_empty()
            && self.external_ids.is_empty()
            && self.users.is_empty()
            && self.address_keys.is_empty()
    }
}

impl Found {
    /// This and what was found later.
    fn and(mut self, later: Self) -> Self {
        self.rosters.extend(later.rosters);
        self.by_external_id.extend(later.by_external_id);
        self.logins.extend(later.logins);
        self.by_address_key.extend(later.by_address_key);
        self
    }

    /// An account.
    pub fn account(&self, id: AccountId) -> Option<&Arc<Roster>> {
        self.rosters.get(&id)
    }

    /// An account by the provider's number.
    pub fn account_of(&self, external_id: &ExternalId) -> Option<&Arc<Roster>> {
        self.account(*self.by_external_id.get(external_id.as_str())?)
    }

    /// A user.
    pub fn login(&self, id: UserId) -> Option<Login> {
        self.logins.get(&id).copied()
    }

    /// The user of an address.
    pub fn login_of(&self, address_key: &str) -> Option<Login> {
        self.login(*self.by_address_key.get(address_key)?)
    }
}

impl Store {
    /// Looks for all of these. The answer is never older than the last change that anybody has been told of.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_for_checks(&self, asked: AskedAbout) -> Result<Found, StoreError> {
        let (known, asked) = self.known_of(asked);
        if asked.is_empty() {
            return Ok(known);
        }
        let (mut found, rosters) = self.read_with_accounts(move |conn| find_places(conn, &asked)).await?;
        found.rosters = rosters;
        Ok(known.and(found))
    }

    /// What the snapshots have of it, where this process alone changes rows, and what is left to ask.
    fn known_of(&self, mut asked: AskedAbout) -> (Found, AskedAbout) {
        let (mut known, snapshots) = (Found::default(), &self.ground.snapshots);
        asked.accounts.retain(|id| {
            let roster = snapshots.rosters.present(id.uuid());
            known
                .rosters
                .extend(roster.as_ref().map(|roster| (*id, Arc::clone(roster))));
            roster.is_none()
        });
        asked.users.retain(|id| {
            let person = snapshots.persons.present(id.uuid());
            let login = person.map(|person| Login {
                user: *id,
                status: person.user.status,
            });
            known.logins.extend(login.map(|login| (*id, login)));
            login.is_none()
        });
        (known, asked)
    }

    /// Finds the account of the provider's number.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn account_by_external_id(&self, id: ExternalId) -> Result<Option<Arc<Roster>>, StoreError> {
        let asked = AskedAbout {
            external_ids: BTreeSet::from([id.to_string()]),
            ..AskedAbout::default()
        };
        Ok(self.find_for_checks(asked).await?.account_of(&id).map(Arc::clone))
    }
}

fn find_places(conn: &mut Conn, asked: &AskedAbout) -> Result<(Found, Vec<Place>), Fault> {
    let mut found = Found::default();
    let places = find_accounts(conn, asked, &mut found)?;
    find_logins(conn, asked, &mut found)?;
    Ok((found, places))
}

fn find_accounts(conn: &mut Conn, asked: &AskedAbout, found: &mut Found) -> Result<Vec<Place>, Fault> {
    if asked.accounts.is_empty() && asked.external_ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = accounts::table
        .select((accounts::id, accounts::external_id, accounts::revision))
        .into_boxed();
    // A list that is empty stays out of the query: as `id IN (…) OR 1=0` SQLite would read every account.
    let ids = asked.accounts.iter().map(ToString::to_string).collect();
    query = narrowed!(query, or_filter, accounts::id, ids);
    let external_ids = asked.external_ids.iter().cloned().collect();
    query = narrowed!(query, or_filter, accounts::external_id, external_ids);
    let mut places = Vec::new();
    for (id, external_id, revision) in query.load::<(String, Option<String>, i64)>(conn)? {
        let place = Place::read(&id, revision)?;
        found
            .by_external_id
            .extend(external_id.map(|external_id| (external_id, place.id)));
        places.push(place);
    }
    Ok(places)
}

fn find_logins(conn: &mut Conn, asked: &AskedAbout, found: &mut Found) -> Result<(), Fault> {
    if asked.users.is_empty() && asked.address_keys.is_empty() {
        return Ok(());
    }
    let mut query = users::table
        .select((users::id, users::address_key, users::status))
        .into_boxed();
    // As for accounts.
    let ids = asked.users.iter().map(ToString::to_string).collect();
    query = narrowed!(query, or_filter, users::id, ids);
    let keys = asked.address_keys.iter().cloned().collect();
    query = narrowed!(query, or_filter, users::address_key, keys);
    for (id, address_key, status) in query.load::<(String, String, String)>(conn)? {
        let user = parse("users.id", &id)?;
        let status = named("users.status", &status, UserStatus::from_name)?;
        found.logins.insert(user, Login { user, status });
        found.by_address_key.insert(address_key, user);
    }
    Ok(())
}
