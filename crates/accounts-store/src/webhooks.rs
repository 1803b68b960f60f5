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
use crate::schema::{integrations, webhook_deliveries, webhooks};
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
        let act = act.clone();
        self.transact(move |conn| change(conn, integration, webhook, &act, &decide))
            .await
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
    let after = before.after(&changes, act.at);
    crate::audit::record(conn, Origin::Provider, after.version, &entries, act)?;
    let row = webhooks::table.find(webhook.to_string());
    diesel::update(row)
        .set(webhooks::updated_at.eq(stored(act.at)))
        .execute(conn)?;
    for change in &changes {
        save(conn, webhook, change, act.at)?;
    }
    Ok(Verdict::Keep(WebhookDecision { after, changes }, Marks::none()))
}

fn save(conn: &mut Conn, webhook: WebhookId, change: &WebhookChange, at: DateTime<Utc>) -> Result<(), Fault> {
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
            diesel::update(row)
                .set(webhooks::types.eq(types_json(types)?))
                .execute(conn)?;
        }
        WebhookChange::Enabled => {
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
            deliveries::end_all(conn, webhook, at)?;
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
            let below = webhook_deliveries::table.filter(webhook_deliveries::webhook_id.eq(webhook.to_string()));
            diesel::delete(below).execute(conn)?;
            diesel::delete(row).execute(conn)?;
        }
    }
    Ok(())
}

fn load(conn: &mut Conn, integration: IntegrationId, id: WebhookId) -> Result<Option<Webhook>, Fault> {
    let row = webhooks::table
        .filter(webhooks::id.eq(id.to_string()))
        .filter(webhooks::integration_id.eq(integration.to_string()))
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
