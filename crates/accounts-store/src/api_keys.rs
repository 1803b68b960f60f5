//! API keys as they are stored: without their secrets.

use std::collections::BTreeMap;
use std::sync::Arc;

use accounts_domain::api_keys::{ApiKey, KeyHolder, KeyMode, SecretHash};
use accounts_domain::ids::{ApiKeyId, UserId};
use accounts_domain::names::KeyName;
use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use diesel::prelude::*;

use crate::backend::Conn;
use crate::error::{Fault, StoreError};
use crate::rows::{checked, from_json, instant, named, parse, stored, to_json};
use crate::schema::{api_keys, integration_keys};
use crate::store::Store;

/// How exactly it is known when a key was last used.
const NOTED_EACH: TimeDelta = TimeDelta::minutes(1);

/// Reads when keys of a table were last used.
macro_rules! uses {
    ($conn:expr, $table:ident, $ids:expr) => {
        $table::table
            .filter($table::id.eq_any($ids))
            .filter($table::last_used_at.is_not_null())
            .select(($table::id, $table::last_used_at.assume_not_null()))
            .load::<(String, NaiveDateTime)>($conn)?
    };
}

/// Writes down that a key of a table was used, unless it was lately.
macro_rules! note_use {
    ($conn:expr, $table:ident, $id:expr, $at:expr) => {{
        let before = stored($at - NOTED_EACH);
        let row = $table::table
            .filter($table::id.eq($id))
            .filter($table::last_used_at.is_null().or($table::last_used_at.le(before)));
        diesel::update(row)
            .set($table::last_used_at.eq(stored($at)))
            .execute($conn)?
    }};
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = api_keys)]
struct KeyRow {
    id: String,
    user_id: String,
    name: String,
    mode: String,
    permissions: String,
    accounts: Option<String>,
    secret_hash: String,
    created_at: NaiveDateTime,
    expires_at: Option<NaiveDateTime>,
}

impl Store {
    /// When each of these keys was last used, to the minute; those that never were are left out.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn key_uses(
        &self,
        holder: KeyHolder,
        keys: Vec<ApiKeyId>,
    ) -> Result<BTreeMap<ApiKeyId, DateTime<Utc>>, StoreError> {
        let ids: Vec<String> = keys.iter().map(ToString::to_string).collect();
        let work = move |conn: &mut Conn| {
            let rows = match holder {
                KeyHolder::Customer => uses!(conn, api_keys, &ids),
                KeyHolder::Integration => uses!(conn, integration_keys, &ids),
            };
            rows.into_iter()
                .map(|(id, at)| Ok((parse("api_keys.id", &id)?, instant(at))))
                .collect()
        };
        self.lanes.read(work).await
    }

    /// Whether the use of a key at that moment is to be written down: no other of the last minute was, as far as this
    /// process knows.
    pub fn is_noteworthy(&self, key: ApiKeyId, at: DateTime<Utc>) -> bool {
        let uses = &self.ground.snapshots.key_uses;
        let noted = uses.get(&key.uuid()).is_some_and(|last| at < last + NOTED_EACH);
        if !noted {
            uses.insert(key.uuid(), at);
        }
        !noted
    }

    /// Writes down that a key was used, at most once a minute for each. It changes no revision: nobody decides by it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn note_key_use(&self, holder: KeyHolder, key: ApiKeyId, at: DateTime<Utc>) -> Result<(), StoreError> {
        let id = key.to_string();
        let work = move |conn: &mut Conn| {
            match holder {
                KeyHolder::Customer => note_use!(conn, api_keys, &id, at),
                KeyHolder::Integration => note_use!(conn, integration_keys, &id, at),
            };
            Ok(())
        };
        self.change(work).await
    }
}

/// The keys of an account.
pub(crate) fn of_account(conn: &mut Conn, account: &str) -> Result<BTreeMap<ApiKeyId, Arc<ApiKey>>, Fault> {
    let rows = api_keys::table
        .filter(api_keys::account_id.eq(account))
        .select(KeyRow::as_select())
        .load(conn)?;
    by_id(rows)
}

/// The keys that act as a user.
pub(crate) fn of_user(conn: &mut Conn, user: UserId) -> Result<BTreeMap<ApiKeyId, Arc<ApiKey>>, Fault> {
    let rows = api_keys::table
        .filter(api_keys::user_id.eq(user.to_string()))
        .filter(api_keys::account_id.is_null())
        .select(KeyRow::as_select())
        .load(conn)?;
    by_id(rows)
}

/// A key, and when it was last used.
pub type UsedKey = (ApiKey, Option<DateTime<Utc>>);

/// Reads keys, each with when it was last used.
pub(crate) fn load(conn: &mut Conn, ids: &[ApiKeyId]) -> Result<BTreeMap<ApiKeyId, UsedKey>, Fault> {
    let rows = api_keys::table
        .filter(api_keys::id.eq_any(ids.iter().map(ToString::to_string)))
        .select((KeyRow::as_select(), api_keys::last_used_at))
        .load::<(KeyRow, Option<NaiveDateTime>)>(conn)?;
    let read = |(row, used): (KeyRow, Option<NaiveDateTime>)| {
        let key = read_key(row)?;
        Ok((key.id, (key, used.map(instant))))
    };
    rows.into_iter().map(read).collect()
}

fn by_id(rows: Vec<KeyRow>) -> Result<BTreeMap<ApiKeyId, Arc<ApiKey>>, Fault> {
    let read = |row: KeyRow| read_key(row).map(|key| (key.id, Arc::new(key)));
    rows.into_iter().map(read).collect()
}

fn read_key(row: KeyRow) -> Result<ApiKey, Fault> {
    let accounts = |text: &str| {
        let ids: Vec<String> = from_json("api_keys.accounts", text)?;
        ids.iter().map(|id| parse("api_keys.accounts", id)).collect()
    };
    Ok(ApiKey {
        id: parse("api_keys.id", &row.id)?,
        maker: parse("api_keys.user_id", &row.user_id)?,
        name: checked("api_keys.name", &row.name, KeyName::parse)?,
        mode: named("api_keys.mode", &row.mode, KeyMode::from_name)?,
        permissions: from_json("api_keys.permissions", &row.permissions)?,
        accounts: row.accounts.as_deref().map(accounts).transpose()?,
        expires_at: row.expires_at.map(instant),
        created_at: instant(row.created_at),
        secret: SecretHash(row.secret_hash),
    })
}

/// Adds a key: of an account, or else of its maker.
pub(crate) fn insert(conn: &mut Conn, account: Option<&str>, key: &ApiKey) -> Result<(), Fault> {
    let accounts = key.accounts.as_ref().map(|accounts| {
        let ids: Vec<String> = accounts.iter().map(ToString::to_string).collect();
        to_json("api_keys.accounts", &ids)
    });
    diesel::insert_into(api_keys::table)
        .values((
            api_keys::id.eq(key.id.to_string()),
            api_keys::kind.eq(if account.is_some() { "account" } else { "user" }),
            api_keys::account_id.eq(account),
            api_keys::user_id.eq(key.maker.to_string()),
            api_keys::name.eq(key.name.as_str()),
            api_keys::mode.eq(key.mode.as_str()),
            api_keys::permissions.eq(to_json("api_keys.permissions", &key.permissions)?),
            api_keys::accounts.eq(accounts.transpose()?),
            api_keys::secret_hash.eq(&key.secret.0),
            api_keys::created_at.eq(stored(key.created_at)),
            api_keys::expires_at.eq(key.expires_at.map(stored)),
        ))
        .execute(conn)?;
    Ok(())
}

/// Removes a key.
pub(crate) fn delete(conn: &mut Conn, key: ApiKeyId) -> Result<(), Fault> {
    diesel::delete(api_keys::table.filter(api_keys::id.eq(key.to_string()))).execute(conn)?;
    Ok(())
}

/// Removes the keys of an account that a member made, before the membership goes.
pub(crate) fn delete_of_member(conn: &mut Conn, account: &str, user: UserId) -> Result<(), Fault> {
    let keys = api_keys::table
        .filter(api_keys::account_id.eq(account))
        .filter(api_keys::user_id.eq(user.to_string()));
    diesel::delete(keys).execute(conn)?;
    Ok(())
}
