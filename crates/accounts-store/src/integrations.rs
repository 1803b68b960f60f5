//! Integrations and their keys, as they are kept.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use accounts_domain::api_keys::{KeyMode, SecretHash};
use accounts_domain::audit::{self, Subject};
use accounts_domain::ids::{ApiKeyId, IntegrationId};
use accounts_domain::integrations::{Integration, IntegrationChange, IntegrationKey, IntegrationScope};
use accounts_domain::names::{KeyName, Reason};
use accounts_domain::violation::Violation;
use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::prelude::*;

use crate::audit::Origin;
use crate::backend::Conn;
use crate::error::{Fault, Stop, StoreError};
use crate::idempotency;
use crate::lanes::Verdict;
use crate::rows::{checked, from_json, instant, named, parse, stored, to_json};
use crate::schema::{integration_keys, integrations};
use crate::snapshots::Marks;
use crate::store::{Act, DecideError, Kept, Refusal, Store};
use crate::users::Because;

/// What was decided about an integration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntegrationDecision {
    /// The integration as it is.
    pub after: Integration,
    /// The changes; none where all was so already.
    pub changes: Vec<IntegrationChange>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = integrations)]
struct IntegrationRow {
    id: String,
    name: String,
    scopes: String,
    revision: i64,
    created_at: NaiveDateTime,
    disabled_at: Option<NaiveDateTime>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = integration_keys)]
struct IntegrationKeyRow {
    id: String,
    integration_id: String,
    mode: String,
    secret_hash: String,
    created_at: NaiveDateTime,
    expires_at: Option<NaiveDateTime>,
}

impl Store {
    /// Adds an integration with its first keys, with its audit events. Answers `false`, and changes nothing, where the
    /// name has one already.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn create_integration(&self, integration: Integration, act: &Act) -> Result<bool, StoreError> {
        let act = act.clone();
        self.change(move |conn| create(conn, &integration, None, &act)).await
    }

    /// The same on behalf of an operator, for this reason, once for its key.
    ///
    /// # Errors
    /// [`DecideError`]; nothing has changed then.
    pub async fn create_integration_because<A>(
        &self,
        integration: Integration,
        reason: Reason,
        act: &Act,
        answer: A,
    ) -> Result<bool, DecideError>
    where
        A: Fn(&Integration) -> Kept + Send + 'static,
    {
        let act = act.clone();
        self.transact(move |conn| {
            idempotency::recall(conn, &act)?;
            if !create(conn, &integration, Some(&reason), &act)? {
                return Ok(Verdict::Discard(false));
            }
            idempotency::remember(conn, &act, || answer(&integration))?;
            Ok(Verdict::Keep(true, Marks::none()))
        })
        .await
    }

    /// Changes an integration: the same steps as for an account.
    ///
    /// # Errors
    /// [`DecideError`]; nothing has changed then.
    pub async fn decide_integration<D>(
        &self,
        integration: IntegrationId,
        act: &Act,
        decide: D,
    ) -> Result<IntegrationDecision, DecideError>
    where
        D: Fn(&Integration) -> Result<Vec<IntegrationChange>, Violation> + Send + 'static,
    {
        let act = act.clone();
        self.transact(move |conn| change(conn, integration, None, &act, &decide))
            .await
    }

    /// Changes an integration on behalf of an operator, with the reason beside each event.
    ///
    /// # Errors
    /// [`DecideError`]; nothing has changed then.
    pub async fn decide_integration_because<D>(
        &self,
        integration: IntegrationId,
        reason: Reason,
        act: &Act,
        decide: D,
    ) -> Result<IntegrationDecision, DecideError>
    where
        D: Fn(&Integration) -> Result<Vec<IntegrationChange>, Violation> + Send + 'static,
    {
        let act = act.clone();
        self.transact(move |conn| change(conn, integration, Some(&reason), &act, &decide))
            .await
    }

    /// Reads every integration with its keys, by id and so by age.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn integrations(&self) -> Result<Vec<Integration>, StoreError> {
        self.lanes.read_consistent(load_all).await
    }

    /// Reads integrations with their keys, by id and so by age, beginning after one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_integrations(
        &self,
        after: Option<IntegrationId>,
        limit: i64,
    ) -> Result<Vec<Integration>, StoreError> {
        self.lanes
            .read_consistent(move |conn| load_some(conn, after, limit))
            .await
    }

    /// Reads an integration with its keys.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn integration(&self, id: IntegrationId) -> Result<Option<Integration>, StoreError> {
        self.lanes.read_consistent(move |conn| load(conn, id)).await
    }

    /// Reads the integration that has a key. It is read for each request, so that what was taken from it opens nothing
    /// from the next one on, whichever instance is asked.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn integration_of_key(
        &self,
        key: ApiKeyId,
    ) -> Result<Option<(Integration, Arc<IntegrationKey>)>, StoreError> {
        self.lanes.read(move |conn| load_by_key(conn, key)).await
    }
}

/// Adds an integration with its keys and its events; `false` where the name has one already.
fn create(conn: &mut Conn, integration: &Integration, reason: Option<&Reason>, act: &Act) -> Result<bool, Fault> {
    let row = (
        integrations::id.eq(integration.id.to_string()),
        integrations::name.eq(integration.name.as_str()),
        integrations::scopes.eq(scopes_json(&integration.scopes)?),
        integrations::revision.eq(integration.revision),
        integrations::created_at.eq(stored(integration.created_at)),
    );
    if crate::backend::insert_if_absent!(conn, integrations::table, row)? == 0 {
        return Ok(false);
    }
    let made = |key: &Arc<IntegrationKey>| IntegrationChange::KeyMade { key: Arc::clone(key) };
    let keys: Vec<IntegrationChange> = integration.keys.values().map(made).collect();
    for change in &keys {
        save(conn, integration.id, change, act.at)?;
    }
    let mut entries = vec![audit::integration_created(integration)];
    entries.extend(audit::integration_entries(integration, &keys));
    let entries = Because::told(because(integration.id, reason), entries);
    crate::audit::record(conn, Origin::Provider, integration.revision, &entries, act)?;
    Ok(true)
}

fn change(
    conn: &mut Conn,
    integration: IntegrationId,
    reason: Option<&Reason>,
    act: &Act,
    decide: &dyn Fn(&Integration) -> Result<Vec<IntegrationChange>, Violation>,
) -> Result<Verdict<IntegrationDecision>, Stop<Refusal>> {
    let row = integrations::table.find(integration.to_string());
    let locked = diesel::update(row)
        .set(integrations::revision.eq(integrations::revision + 1))
        .execute(conn)?;
    if locked == 0 {
        return Err(Stop::Refused(Refusal::NotFound));
    }
    let mut before = load(conn, integration)?.ok_or(Stop::Refused(Refusal::NotFound))?;
    before.revision -= 1;
    let changes = decide(&before)?;
    if changes.is_empty() {
        let after = before;
        return Ok(Verdict::Discard(IntegrationDecision { after, changes }));
    }
    let entries = Because::told(
        because(integration, reason),
        audit::integration_entries(&before, &changes),
    );
    let after = before.after(&changes, act.at);
    crate::audit::record(conn, Origin::Provider, after.revision, &entries, act)?;
    for change in &changes {
        save(conn, integration, change, act.at)?;
    }
    Ok(Verdict::Keep(IntegrationDecision { after, changes }, Marks::none()))
}

fn because(integration: IntegrationId, reason: Option<&Reason>) -> Option<Because<'_>> {
    let of = Subject::Integration(integration);
    reason.map(|reason| Because { of, reason })
}

/// One query: an integration with this one of its keys.
fn load_by_key(conn: &mut Conn, key: ApiKeyId) -> Result<Option<(Integration, Arc<IntegrationKey>)>, Fault> {
    let row = integration_keys::table
        .inner_join(integrations::table)
        .filter(integration_keys::id.eq(key.to_string()))
        .select((IntegrationRow::as_select(), IntegrationKeyRow::as_select()))
        .first::<(IntegrationRow, IntegrationKeyRow)>(conn)
        .optional()?;
    row.map(|(integration, key)| {
        let key = Arc::new(read_key(key)?);
        let keys = BTreeMap::from([(key.id, Arc::clone(&key))]);
        Ok((read_integration(&integration, keys)?, key))
    })
    .transpose()
}

fn load(conn: &mut Conn, id: IntegrationId) -> Result<Option<Integration>, Fault> {
    let row = integrations::table
        .find(id.to_string())
        .select(IntegrationRow::as_select())
        .first(conn)
        .optional()?;
    let Some(row) = row else { return Ok(None) };
    let keys = integration_keys::table
        .filter(integration_keys::integration_id.eq(id.to_string()))
        .select(IntegrationKeyRow::as_select())
        .load::<IntegrationKeyRow>(conn)?;
    let keys = keys
        .into_iter()
        .map(|key| read_key(key).map(|key| (key.id, Arc::new(key))));
    read_integration(&row, keys.collect::<Result<_, Fault>>()?).map(Some)
}

fn load_all(conn: &mut Conn) -> Result<Vec<Integration>, Fault> {
    let rows = integrations::table
        .order(integrations::id)
        .select(IntegrationRow::as_select())
        .load::<IntegrationRow>(conn)?;
    let keys = integration_keys::table
        .select(IntegrationKeyRow::as_select())
        .load::<IntegrationKeyRow>(conn)?;
    with_keys(&rows, keys)
}

fn load_some(conn: &mut Conn, after: Option<IntegrationId>, limit: i64) -> Result<Vec<Integration>, Fault> {
    let mut query = integrations::table.into_boxed();
    if let Some(after) = after {
        query = query.filter(integrations::id.gt(after.to_string()));
    }
    let rows: Vec<IntegrationRow> = query
        .order(integrations::id)
        .limit(limit)
        .select(IntegrationRow::as_select())
        .load(conn)?;
    let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    let keys = integration_keys::table
        .filter(integration_keys::integration_id.eq_any(ids))
        .select(IntegrationKeyRow::as_select())
        .load::<IntegrationKeyRow>(conn)?;
    with_keys(&rows, keys)
}

/// Integrations with those of the keys that are theirs.
fn with_keys(rows: &[IntegrationRow], keys: Vec<IntegrationKeyRow>) -> Result<Vec<Integration>, Fault> {
    let mut below: BTreeMap<String, BTreeMap<ApiKeyId, Arc<IntegrationKey>>> = BTreeMap::new();
    for row in keys {
        let integration = row.integration_id.clone();
        let key = Arc::new(read_key(row)?);
        below.entry(integration).or_default().insert(key.id, key);
    }
    let read = |row: &IntegrationRow| {
        let keys = below.remove(&row.id).unwrap_or_default();
        read_integration(row, keys)
    };
    rows.iter().map(read).collect()
}

fn read_integration(row: &IntegrationRow, keys: BTreeMap<ApiKeyId, Arc<IntegrationKey>>) -> Result<Integration, Fault> {
    let names: Vec<String> = from_json("integrations.scopes", &row.scopes)?;
    let scope = |name: &String| named("integrations.scopes", name, IntegrationScope::from_name);
    Ok(Integration {
        id: parse("integrations.id", &row.id)?,
        name: checked("integrations.name", &row.name, KeyName::parse)?,
        scopes: names.iter().map(scope).collect::<Result<_, Fault>>()?,
        keys,
        disabled_at: row.disabled_at.map(instant),
        revision: row.revision,
        created_at: instant(row.created_at),
    })
}

fn read_key(row: IntegrationKeyRow) -> Result<IntegrationKey, Fault> {
    Ok(IntegrationKey {
        id: parse("integration_keys.id", &row.id)?,
        mode: named("integration_keys.mode", &row.mode, KeyMode::from_name)?,
        expires_at: row.expires_at.map(instant),
        created_at: instant(row.created_at),
        secret: SecretHash(row.secret_hash),
    })
}

fn scopes_json(scopes: &BTreeSet<IntegrationScope>) -> Result<String, Fault> {
    let names: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
    to_json("integrations.scopes", &names)
}

fn save(
    conn: &mut Conn,
    integration: IntegrationId,
    change: &IntegrationChange,
    at: DateTime<Utc>,
) -> Result<(), Fault> {
    let row = integrations::table.find(integration.to_string());
    match change {
        IntegrationChange::ScopesChanged { scopes } => {
            let scopes = scopes_json(scopes)?;
            diesel::update(row).set(integrations::scopes.eq(scopes)).execute(conn)?;
        }
        IntegrationChange::Disabled => {
            diesel::update(row)
                .set(integrations::disabled_at.eq(stored(at)))
                .execute(conn)?;
        }
        IntegrationChange::Enabled => {
            diesel::update(row)
                .set(integrations::disabled_at.eq(None::<NaiveDateTime>))
                .execute(conn)?;
        }
        IntegrationChange::KeyMade { key } => {
            diesel::insert_into(integration_keys::table)
                .values((
                    integration_keys::id.eq(key.id.to_string()),
                    integration_keys::integration_id.eq(integration.to_string()),
                    integration_keys::mode.eq(key.mode.as_str()),
                    integration_keys::secret_hash.eq(&key.secret.0),
                    integration_keys::created_at.eq(stored(key.created_at)),
                    integration_keys::expires_at.eq(key.expires_at.map(stored)),
                ))
                .execute(conn)?;
        }
        IntegrationChange::KeyRevoked { key } => {
            diesel::delete(integration_keys::table.find(key.to_string())).execute(conn)?;
        }
    }
    Ok(())
}
