//! Webhooks as they are kept, and the one way to change one.

pub(crate) mod deliveries;
pub(crate) mod queue;

use std::collections::BTreeSet;

use accounts_domain::audit;
use accounts_domain::ids::{IntegrationId, WebhookId};
use accounts_domain::integrations::IntegrationScope;
use accounts_domain::names::WebhookDescription;
use accounts_domain::violation::Violation;
use accounts_domain::webhooks::{
    DisabledReason, EventType, FormerSecret, SealedSecret, Webhook, WebhookChange, WebhookUrl,
};
use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::prelude::*;

use crate::audit::Origin;
use crate::backend::Conn;
use crate::error::{Fault, Stop, StoreError};
use crate::lanes::Verdict;
use crate::rows::{checked, from_json, instant, named, parse, stored, to_json};
use crate::schema::{integrations, webhooks};
use crate::snapshots::Marks;
use crate::store::{Act, DecideError, Refusal, Store};

/// What was decided about a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookDecision {
    /// The webhook as it is.
    pub after: Webhook,
    /// The changes; none where all was so already.
    pub changes: Vec<WebhookChange>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = webhooks)]
pub(crate) struct WebhookRow {
    id: String,
    integration_id: String,
    url: String,
    description: Option<String>,
    types: String,
    secret: String,
    former_secret: Option<String>,
    former_until: Option<NaiveDateTime>,
    disabled_at: Option<NaiveDateTime>,
    disabled_reason: Option<String>,
    failing_since: Option<NaiveDateTime>,
    version: i64,
    created_at: NaiveDateTime,
    updated_at: NaiveDateTime,
}

impl Store {
    /// Adds a webhook of an integration, with its audit event.
    ///
    /// # Errors
    /// [`DecideError`]; nothing has changed then.
    pub async fn create_webhook(&self, webhook: Webhook, act: &Act) -> Result<(), DecideError> {
        // What happened before is not told to it.
        self.number_events(act.at).await?;
        let act = act.clone();
        self.transact(move |conn| create(conn, &webhook, &act)).await
    }

    /// Changes a webhook: the same steps as for an account. To another integration it is not there.
    ///
    /// # Errors
    /// [`DecideError`]; nothing has changed then.
    pub async fn decide_webhook<D>(
        &self,
        integration: IntegrationId,
        webhook: WebhookId,
        act: &Act,
        decide: D,
    ) -> Result<WebhookDecision, DecideError>
    where
        D: Fn(&Webhook) -> Result<Vec<WebhookChange>, Violation> + Send + 'static,
    {
        // What happened until now is told, or not, as the webhook was until now.
        self.number_events(act.at).await?;
        self.end_left(webhook, act.at).await?;
        let act = act.clone();
        self.transact(move |conn| change(conn, integration, webhook, &act, &decide))
            .await
    }

    /// Removes a webhook, unless `admit` refuses that. One that very much was told to is disabled first and emptied step by
    /// step, because no transaction may take so long. To another integration it is not there.
    ///
    /// # Errors
    /// [`DecideError`]; nothing has changed then, but that a webhook with very many deliveries may be disabled and have
    /// fewer. Whoever reads it again and removes it goes on with it.
    pub async fn remove_webhook<D>(
        &self,
        integration: IntegrationId,
        webhook: WebhookId,
        act: &Act,
        admit: D,
    ) -> Result<(), DecideError>
    where
        D: Fn(&Webhook) -> Result<(), Violation> + Send + 'static,
    {
        self.number_events(act.at).await?;
        let (first, asked) = (admit, act.clone());
        let removed = self.transact(move |conn| remove(conn, integration, webhook, &asked, &first));
        let mut removed = removed.await?;
        while !removed {
            while self.change(move |conn| deliveries::remove_some(conn, webhook)).await? {}
            // It was admitted before the first step, which has changed the webhook itself.
            let act = act.clone();
            let removed_now = self.transact(move |conn| remove(conn, integration, webhook, &act, &|_| Ok(())));
            removed = removed_now.await?;
        }
        Ok(())
    }

    /// Gives up what is left of what began before a webhook was disabled: once it is enabled, nobody could tell any more.
    async fn end_left(&self, webhook: WebhookId, at: DateTime<Utc>) -> Result<(), StoreError> {
        // A look first: the writer is not troubled where nothing is left.
        while self.lanes.read(move |conn| deliveries::has_left(conn, webhook)).await? {
            let end = move |conn: &mut Conn| match find(conn, webhook)? {
                Some(found) => deliveries::end_left(conn, &found, at),
                None => Ok(false),
            };
            self.change(end).await?;
        }
        Ok(())
    }

    /// Ends a webhook's being told, for a reason that the service has found itself. Answers whether it was told until then.
    ///
    /// # Errors
    /// [`DecideError`]; nothing has changed then.
    pub async fn end_webhook<D>(&self, webhook: WebhookId, act: &Act, decide: D) -> Result<bool, DecideError>
    where
        D: Fn(&Webhook) -> Vec<WebhookChange> + Send + 'static,
    {
        let act = act.clone();
        self.transact(move |conn| {
            let owner: Option<String> = webhooks::table
                .find(webhook.to_string())
                .select(webhooks::integration_id)
                .first(conn)
                .optional()?;
            let owner = owner.ok_or(Stop::Refused(Refusal::NotFound))?;
            let owner = parse("webhooks.integration_id", &owner)?;
            let ended = change(conn, owner, webhook, &act, &|webhook| Ok(decide(webhook)))?;
            Ok(match ended {
                Verdict::Keep(_, marks) => Verdict::Keep(true, marks),
                Verdict::Discard(_) => Verdict::Discard(false),
            })
        })
        .await
    }

    /// Reads the webhooks of an integration, by id and so by age, beginning after one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn webhooks(
        &self,
        integration: IntegrationId,
        after: Option<WebhookId>,
        limit: i64,
    ) -> Result<Vec<Webhook>, StoreError> {
        self.lanes
            .read(move |conn| {
                let mut query = webhooks::table
                    .filter(webhooks::integration_id.eq(integration.to_string()))
                    .into_boxed();
                if let Some(after) = after {
                    query = query.filter(webhooks::id.gt(after.to_string()));
                }
                let rows: Vec<WebhookRow> = query
                    .order(webhooks::id)
                    .limit(limit)
                    .select(WebhookRow::as_select())
                    .load(conn)?;
                rows.into_iter().map(WebhookRow::read).collect()
            })
            .await
    }

    /// Reads a webhook of an integration.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn webhook(&self, integration: IntegrationId, id: WebhookId) -> Result<Option<Webhook>, StoreError> {
        self.lanes.read(move |conn| load(conn, integration, id)).await
    }
}

fn create(conn: &mut Conn, webhook: &Webhook, act: &Act) -> Result<Verdict<()>, Stop<Refusal>> {
    // Locks the integration, so that two requests at once do not both find room for the last one.
    let row = integrations::table.find(webhook.integration.to_string());
    diesel::update(row)
        .set(integrations::name.eq(integrations::name))
        .execute(conn)?;
    let present: i64 = webhooks::table
        .filter(webhooks::integration_id.eq(webhook.integration.to_string()))
        .count()
        .get_result(conn)?;
    Webhook::admit(usize::try_from(present).unwrap_or(usize::MAX))?;
    crate::feed::stand_still(conn)?;
    diesel::insert_into(webhooks::table)
        .values((
            webhooks::id.eq(webhook.id.to_string()),
            webhooks::integration_id.eq(webhook.integration.to_string()),
            webhooks::url.eq(webhook.url.as_str()),
            webhooks::description.eq(webhook.description.as_ref().map(WebhookDescription::as_str)),
            webhooks::types.eq(types_json(&webhook.types)?),
            webhooks::secret.eq(&webhook.secret.0),
            webhooks::disabled_at.eq(webhook.disabled.map(|(at, _)| stored(at))),
            webhooks::disabled_reason.eq(webhook.disabled.map(|(_, reason)| reason.as_str())),
            webhooks::version.eq(webhook.version),
            webhooks::created_at.eq(stored(webhook.created_at)),
            webhooks::updated_at.eq(stored(webhook.updated_at)),
        ))
        .execute(conn)?;
    let entries = [audit::webhook_created(webhook)];
    crate::audit::record(conn, Origin::Provider, webhook.version, &entries, act)?;
    Ok(Verdict::Keep((), Marks::none()))
}

fn change(
    conn: &mut Conn,
    integration: IntegrationId,
    webhook: WebhookId,
    act: &Act,
    decide: &dyn Fn(&Webhook) -> Result<Vec<WebhookChange>, Violation>,
) -> Result<Verdict<WebhookDecision>, Stop<Refusal>> {
    let row = webhooks::table
        .filter(webhooks::id.eq(webhook.to_string()))
        .filter(webhooks::integration_id.eq(integration.to_string()));
    let locked = diesel::update(row)
        .set(webhooks::version.eq(webhooks::version + 1))
        .execute(conn)?;
    if locked == 0 {
        return Err(Stop::Refused(Refusal::NotFound));
    }
    let mut before = load(conn, integration, webhook)?.ok_or(Stop::Refused(Refusal::NotFound))?;
    before.version -= 1;
    let changes = decide(&before)?;
    if changes.is_empty() {
        let after = before;
        return Ok(Verdict::Discard(WebhookDecision { after, changes }));
    }
    let entries = audit::webhook_entries(&before, &changes);
    let after = before.clone().after(&changes, act.at);
    crate::audit::record(conn, Origin::Provider, after.version, &entries, act)?;
    let row = webhooks::table.find(webhook.to_string());
    diesel::update(row)
        .set(webhooks::updated_at.eq(stored(act.at)))
        .execute(conn)?;
    for change in &changes {
        save(conn, &before, change, act.at)?;
    }
    Ok(Verdict::Keep(WebhookDecision { after, changes }, Marks::none()))
}

/// Removes a webhook, or disables it where it has more deliveries than go in one transaction. Answers whether it is removed.
fn remove(
    conn: &mut Conn,
    integration: IntegrationId,
    webhook: WebhookId,
    act: &Act,
    admit: &dyn Fn(&Webhook) -> Result<(), Violation>,
) -> Result<Verdict<bool>, Stop<Refusal>> {
    let many = deliveries::are_many(conn, webhook)?;
    let decided = change(conn, integration, webhook, act, &|webhook| {
        admit(webhook)?;
        Ok(if many {
            webhook.disable(DisabledReason::ByIntegration)
        } else {
            vec![WebhookChange::Removed]
        })
    })?;
    Ok(match decided {
        Verdict::Keep(_, marks) => Verdict::Keep(!many, marks),
        Verdict::Discard(_) => Verdict::Discard(!many),
    })
}

fn save(conn: &mut Conn, before: &Webhook, change: &WebhookChange, at: DateTime<Utc>) -> Result<(), Fault> {
    let webhook = before.id;
    let row = webhooks::table.find(webhook.to_string());
    match change {
        WebhookChange::UrlChanged { url } => {
            diesel::update(row)
                .set((
                    webhooks::url.eq(url.as_str()),
                    webhooks::failing_since.eq(None::<NaiveDateTime>),
                ))
                .execute(conn)?;
        }
        WebhookChange::DescriptionChanged { description } => {
            let said = description.as_ref().map(WebhookDescription::as_str);
            diesel::update(row).set(webhooks::description.eq(said)).execute(conn)?;
        }
        WebhookChange::TypesChanged { types } => {
            crate::feed::stand_still(conn)?;
            diesel::update(row)
                .set(webhooks::types.eq(types_json(types)?))
                .execute(conn)?;
        }
        WebhookChange::Enabled => {
            crate::feed::stand_still(conn)?;
            if deliveries::end_left(conn, before, at)? {
                return Err(Fault::overtaken("a webhook was disabled"));
            }
            diesel::update(row)
                .set((
                    webhooks::disabled_at.eq(None::<NaiveDateTime>),
                    webhooks::disabled_reason.eq(None::<String>),
                    webhooks::failing_since.eq(None::<NaiveDateTime>),
                ))
                .execute(conn)?;
        }
        WebhookChange::Disabled { reason } => {
            crate::feed::stand_still(conn)?;
            diesel::update(row)
                .set((
                    webhooks::disabled_at.eq(Some(stored(at))),
                    webhooks::disabled_reason.eq(Some(reason.as_str())),
                ))
                .execute(conn)?;
            // The workers give up the rest, which began before, whatever the clock said of who laid it.
            deliveries::begin_by(conn, webhook, at)?;
            deliveries::end_some(conn, webhook, None, at)?;
        }
        WebhookChange::SecretRotated { secret, former } => {
            diesel::update(row)
                .set((
                    webhooks::secret.eq(&secret.0),
                    webhooks::former_secret.eq(Some(&former.secret.0)),
                    webhooks::former_until.eq(Some(stored(former.until))),
                ))
                .execute(conn)?;
        }
        WebhookChange::Removed => {
            crate::feed::stand_still(conn)?;
            if deliveries::remove_some(conn, webhook)? {
                return Err(Fault::overtaken("a webhook was told of more"));
            }
            diesel::delete(row).execute(conn)?;
        }
    }
    Ok(())
}

pub(crate) fn load(conn: &mut Conn, integration: IntegrationId, id: WebhookId) -> Result<Option<Webhook>, Fault> {
    let row = webhooks::table
        .filter(webhooks::id.eq(id.to_string()))
        .filter(webhooks::integration_id.eq(integration.to_string()))
        .select(WebhookRow::as_select())
        .first::<WebhookRow>(conn)
        .optional()?;
    row.map(WebhookRow::read).transpose()
}

fn find(conn: &mut Conn, id: WebhookId) -> Result<Option<Webhook>, Fault> {
    let row = webhooks::table
        .find(id.to_string())
        .select(WebhookRow::as_select())
        .first::<WebhookRow>(conn)
        .optional()?;
    row.map(WebhookRow::read).transpose()
}

/// The webhooks that are told of events: neither they nor their integrations are disabled, and those have the scope.
pub(crate) fn listening(conn: &mut Conn) -> Result<Vec<Webhook>, Fault> {
    let rows: Vec<(WebhookRow, String)> = webhooks::table
        .inner_join(integrations::table)
        .filter(webhooks::disabled_at.is_null())
        .filter(integrations::disabled_at.is_null())
        .order(webhooks::id)
        .select((WebhookRow::as_select(), integrations::scopes))
        .load(conn)?;
    let mut told = Vec::with_capacity(rows.len());
    for (row, scopes) in rows {
        if has_scope(&scopes)? {
            told.push(row.read()?);
        }
    }
    Ok(told)
}

/// Whether an integration may be told of events at all.
pub(crate) fn has_scope(scopes: &str) -> Result<bool, Fault> {
    let names: Vec<String> = from_json("integrations.scopes", scopes)?;
    Ok(names
        .iter()
        .any(|name| name == IntegrationScope::WebhooksManage.as_str()))
}

fn types_json(types: &BTreeSet<EventType>) -> Result<String, Fault> {
    let names: Vec<&str> = types.iter().map(EventType::as_str).collect();
    to_json("webhooks.types", &names)
}

impl WebhookRow {
    pub(crate) fn read(self) -> Result<Webhook, Fault> {
        let names: Vec<String> = from_json("webhooks.types", &self.types)?;
        let kind = |name: &String| checked("webhooks.types", name, EventType::parse);
        let reason = self.disabled_reason.as_deref();
        let reason = reason.map(|name| named("webhooks.disabled_reason", name, DisabledReason::from_name));
        let description = self.description.as_deref();
        let description = description.map(|text| checked("webhooks.description", text, WebhookDescription::parse));
        Ok(Webhook {
            id: parse("webhooks.id", &self.id)?,
            integration: parse("webhooks.integration_id", &self.integration_id)?,
            url: checked("webhooks.url", &self.url, WebhookUrl::parse)?,
            description: description.transpose()?,
            types: names.iter().map(kind).collect::<Result<_, Fault>>()?,
            secret: SealedSecret(self.secret),
            former: self
                .former_secret
                .zip(self.former_until)
                .map(|(secret, until)| FormerSecret {
                    secret: SealedSecret(secret),
                    until: instant(until),
                }),
            disabled: self.disabled_at.map(instant).zip(reason.transpose()?),
            failing_since: self.failing_since.map(instant),
            version: self.version,
            created_at: instant(self.created_at),
            updated_at: instant(self.updated_at),
        })
    }
}
