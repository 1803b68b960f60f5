//! What every request with an API key asks: is the key there, and what does its maker find in the account?
//!
//! Whose a key is never changes, so it is remembered without a date. Whether it is still there is told by what is read
//! anyhow: the keys of a user stand with the user, those of an account with the account.

use std::sync::Arc;

use accounts_domain::api_keys::ApiKey;
use accounts_domain::ids::{AccountId, ApiKeyId, UserId};
use accounts_domain::roster::Roster;
use accounts_domain::users::{User, UserStatus};
use diesel::prelude::*;

use crate::backend::Conn;
use crate::error::{Fault, StoreError};
use crate::roster;
use crate::rows::{parse, parse_maybe};
use crate::schema::{accounts, api_keys, memberships, users};
use crate::snapshots::Known;
use crate::store::Store;
use crate::users::load_known;

/// Which key comes, and to which account.
#[derive(Debug, Clone, Copy)]
pub struct KeyVisitor {
    /// The key that the caller names; its secret is for the caller of this crate to judge.
    pub key: ApiKeyId,
    /// The account in the path, if there is one.
    pub account: Option<AccountId>,
}

/// A key that is there, of a user who may log in.
#[derive(Debug, Clone)]
pub struct KeyVisit {
    /// The key.
    pub key: Arc<ApiKey>,
    /// Its maker.
    pub maker: Arc<User>,
    /// The account that it belongs to; nothing for a key of a user.
    pub of_account: Option<AccountId>,
    /// The roster of that account, or else of the account in the path; nothing where the maker is no member of it.
    pub roster: Option<Arc<Roster>>,
}

/// Whose a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeyPlace {
    maker: UserId,
    account: Option<AccountId>,
}

/// What one query says of the state of things.
struct Revisions {
    place: KeyPlace,
    maker: i64,
    /// Of the account, for a member of it.
    account: Option<i64>,
}

impl KeyPlace {
    /// The account whose roster is asked for.
    fn account(self, visitor: KeyVisitor) -> Option<AccountId> {
        self.account.or(visitor.account)
    }

    /// What these states say of the key.
    fn visit(self, key: ApiKeyId, known: &Known, roster: Option<Arc<Roster>>) -> Option<KeyVisit> {
        let key = match self.account {
            Some(_) => roster.as_ref()?.api_key(key)?,
            None => known.api_keys.get(&key)?,
        };
        Some(KeyVisit {
            key: Arc::clone(key),
            maker: Arc::clone(&known.user),
            of_account: self.account,
            roster,
        })
    }
}

impl Store {
    /// Asks whether a key is there and what its maker finds in an account; nothing for a key that is not there, or whose
    /// maker may not log in. The answer is never older than the last change that anybody has been told of.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn visit_by_key(&self, visitor: KeyVisitor) -> Result<Option<KeyVisit>, StoreError> {
        if self.ground.snapshots.alone {
            self.key_visit_alone(visitor).await
        } else {
            self.key_visit_among_others(visitor).await
        }
    }

    async fn key_visit_alone(&self, visitor: KeyVisitor) -> Result<Option<KeyVisit>, StoreError> {
        let Some(place) = self.place_of(visitor.key).await? else {
            return Ok(None);
        };
        let known = match self.ground.snapshots.persons.present(place.maker.uuid()) {
            Some(known) => Some(known),
            None => self.read_known(place.maker).await?,
        };
        let Some(known) = known else { return Ok(None) };
        let roster = match place.account(visitor) {
            Some(account) => self.roster_for(account, place.maker).await?,
            None => None,
        };
        Ok(place.visit(visitor.key, &known, roster))
    }

    async fn place_of(&self, key: ApiKeyId) -> Result<Option<KeyPlace>, StoreError> {
        let places = &self.ground.snapshots.key_places;
        if let Some(place) = places.get(&key.uuid()) {
            return Ok(Some(place));
        }
        let found = self.lanes.read(move |conn| place_of(conn, key)).await?;
        if let Some(place) = found {
            places.insert(key.uuid(), place);
        }
        Ok(found)
    }

    async fn key_visit_among_others(&self, visitor: KeyVisitor) -> Result<Option<KeyVisit>, StoreError> {
        let Some(found) = self.lanes.read(move |conn| revisions(conn, visitor)).await? else {
            return Ok(None);
        };
        let snapshots = &self.ground.snapshots;
        let known = snapshots.persons.at(found.place.maker.uuid(), found.maker);
        let roster = match (found.place.account(visitor), found.account) {
            (Some(account), Some(revision)) => snapshots.rosters.at(account.uuid(), revision).map(Some),
            (Some(_), None) | (None, _) => Some(None),
        };
        match (known, roster) {
            (Some(known), Some(roster)) => Ok(found.place.visit(visitor.key, &known, roster)),
            _ => self.read_key_visit(visitor).await,
        }
    }

    /// Reads what no snapshot has, in a state that is later than the question.
    async fn read_key_visit(&self, visitor: KeyVisitor) -> Result<Option<KeyVisit>, StoreError> {
        let ground = self.ground.clone();
        let work = move |conn: &mut Conn| {
            let Some(found) = revisions(conn, visitor)? else {
                return Ok(None);
            };
            let place = found.place;
            let known = match ground.snapshots.persons.at(place.maker.uuid(), found.maker) {
                Some(known) => known,
                None => match load_known(conn, place.maker)?.map(Arc::new) {
                    Some(known) => known,
                    None => return Ok(None),
                },
            };
            let roster = match (place.account(visitor), found.account) {
                (Some(account), Some(revision)) => match ground.snapshots.rosters.at(account.uuid(), revision) {
                    Some(roster) => Some(roster),
                    None => roster::load(conn, account, &ground.catalog)?.map(Arc::new),
                },
                (Some(_), None) | (None, _) => None,
            };
            ground.snapshots.note(&known, roster.as_ref());
            Ok(place.visit(visitor.key, &known, roster))
        };
        self.lanes.read_consistent(work).await
    }
}

fn place_of(conn: &mut Conn, key: ApiKeyId) -> Result<Option<KeyPlace>, Fault> {
    let row = api_keys::table
        .find(key.to_string())
        .select((api_keys::user_id, api_keys::account_id))
        .first::<(String, Option<String>)>(conn)
        .optional()?;
    row.map(|(maker, account)| read_place(&maker, account.as_deref()))
        .transpose()
}

fn read_place(maker: &str, account: Option<&str>) -> Result<KeyPlace, Fault> {
    Ok(KeyPlace {
        maker: parse("api_keys.user_id", maker)?,
        account: parse_maybe("api_keys.account_id", account)?,
    })
}

/// The present revisions, or nothing where there is no such key or its maker may not log in.
fn revisions(conn: &mut Conn, visitor: KeyVisitor) -> Result<Option<Revisions>, Fault> {
    let path = visitor.account.map(|account| account.to_string()).unwrap_or_default();
    let of_the_key = memberships::account_id.nullable().eq(api_keys::account_id);
    let of_the_path = api_keys::account_id.is_null().and(memberships::account_id.eq(path));
    let membership = memberships::user_id
        .eq(api_keys::user_id)
        .and(of_the_key.or(of_the_path));
    let row = api_keys::table
        .inner_join(users::table)
        .left_join(memberships::table.on(membership))
        .left_join(accounts::table.on(accounts::id.eq(memberships::account_id)))
        .filter(api_keys::id.eq(visitor.key.to_string()))
        .filter(users::status.eq(UserStatus::Active.as_str()))
        .select((
            api_keys::user_id,
            api_keys::account_id,
            users::revision,
            accounts::revision.nullable(),
        ))
        .first::<(String, Option<String>, i64, Option<i64>)>(conn)
        .optional()?;
    row.map(|(maker, account, revision, of_account)| {
        Ok(Revisions {
            place: read_place(&maker, account.as_deref())?,
            maker: revision,
            account: of_account,
        })
    })
    .transpose()
}
