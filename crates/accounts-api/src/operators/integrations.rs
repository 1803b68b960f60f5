//! Integrations as operators see and manage them: their scopes, and the keys below them, which are shown once.

use std::collections::BTreeSet;
use std::sync::Arc;

use accounts_domain::api_keys::{KeyHolder, KeyMode};
use accounts_domain::ids::{ApiKeyId, IntegrationId};
use accounts_domain::integrations::{Integration, IntegrationKey, IntegrationPatch, IntegrationScope};
use accounts_domain::names::{KeyName, Reason};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Because;
use crate::api_keys::require_ahead;
use crate::body::{Checked, Faults, Parse, present};
use crate::describe::{answer, id_schema};
use crate::guards::{Admin, Operator};
use crate::idempotency::Idempotency;
use crate::key_text::integration_key;
use crate::moment;
use crate::page::{Paging, page};
use crate::path::path_values;
use crate::precondition::IfMatch;
use crate::problem::{Code, FieldFault, Problem, refusal};
use crate::reply::Reply;
use crate::router::{Routes, routes};

/// How many scopes a request names at most.
const SCOPES: usize = 20;

path_values! {
    /// The integration.
    PathIntegration(IntegrationId) = "integration", id_schema("int");
    /// The key of the integration.
    PathKey(ApiKeyId) = "key", id_schema("key");
}

pub(super) fn routes() -> Routes {
    routes![
        list_integrations,
        make_integration,
        read_integration,
        change_integration,
        list_integration_keys,
        make_integration_key,
        read_integration_key,
        revoke_integration_key
    ]
}

/// A machine caller of the provider.
#[derive(Debug, Serialize, ToSchema)]
pub struct IntegrationView {
    /// Its id.
    #[schema(example = "int_01h455vb4pex5vsknk084sn02q")]
    id: String,
    /// What the provider calls it; no other has this name.
    #[schema(example = "Help desk")]
    name: String,
    /// What it may do, for every account.
    #[schema(example = json!(["access:check"]))]
    scopes: Vec<String>,
    /// Whether none of its keys opens anything.
    disabled: bool,
    /// Since when.
    #[schema(required = true, format = DateTime)]
    disabled_at: Option<String>,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
}

/// A key of an integration, without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub struct IntegrationKeyView {
    /// Its id.
    #[schema(example = "key_01h455vb4pex5vsknk084sn02q")]
    id: String,
    /// With what it begins.
    #[schema(example = "ik_live_01h455vb4pex5vsknk084sn02q")]
    prefix: String,
    /// Whether it is a test key, which reads and changes nothing.
    test: bool,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it ends by itself.
    #[schema(required = true, format = DateTime)]
    expires_at: Option<String>,
    /// When it was last used, to the minute.
    #[schema(required = true, format = DateTime)]
    last_used_at: Option<String>,
}

/// A new key of an integration, with its secret: it is shown this once and never again.
#[derive(Debug, Serialize, ToSchema)]
pub struct NewIntegrationKey {
    /// The key itself, for `Authorization: Bearer`.
    #[schema(example = "ik_live_01h455vb4pex5vsknk084sn02q_LEljZ9bVl1Qm5bNBhvzHk3U1sDPtu0X2cJYyqQb7Rao")]
    key: String,
    /// What is shown of it later on.
    #[serde(flatten)]
    shown: IntegrationKeyView,
}

page! {
    /// A page of integrations.
    IntegrationPage of IntegrationView
}

page! {
    /// A page of keys of an integration.
    IntegrationKeyPage of IntegrationKeyView
}

impl IntegrationView {
    fn of(integration: &Integration) -> Self {
        let scopes = integration.scopes.iter().map(|scope| scope.as_str().to_owned());
        Self {
            id: integration.id.to_string(),
            name: integration.name.to_string(),
            scopes: scopes.collect(),
            disabled: integration.disabled_at.is_some(),
            disabled_at: integration.disabled_at.map(moment::shown),
            created_at: moment::shown(integration.created_at),
        }
    }
}

impl IntegrationKeyView {
    fn of(key: &IntegrationKey, last_used_at: Option<DateTime<Utc>>) -> Self {
        Self {
            id: key.id.to_string(),
            prefix: key.prefix(),
            test: key.mode == KeyMode::Test,
            created_at: moment::shown(key.created_at),
            expires_at: key.expires_at.map(moment::shown),
            last_used_at: last_used_at.map(moment::shown),
        }
    }
}

fn shown(integration: &Integration) -> Reply {
    Reply::ok(&IntegrationView::of(integration)).version(integration.revision)
}

async fn find(operator: &Operator, id: IntegrationId) -> Result<Integration, Problem> {
    let found = operator.service.store.integration(id).await?;
    found.ok_or_else(Problem::not_found)
}

/// The scopes of these names, each one of the closed list.
fn scopes_of(faults: &mut Faults, names: Vec<String>) -> Option<BTreeSet<IntegrationScope>> {
    let scopes = faults.each("scopes", names, SCOPES, |faults, name| {
        let scope = IntegrationScope::from_name(&name);
        if scope.is_none() {
            faults.add_here(FieldFault::not_allowed(
                IntegrationScope::ALL.map(IntegrationScope::as_str),
            ));
        }
        scope
    })?;
    Some(scopes.into_iter().collect())
}

/// List the integrations
///
/// Every machine caller of the provider, the oldest first.
#[utoipa::path(
    get,
    path = "/v1/operator/integrations",
    tag = "operators",
    responses((status = 200, description = "A page of integrations.", body = IntegrationPage), answer::NotModified)
)]
async fn list_integrations(operator: Operator, paging: Paging<String>) -> Result<Reply, Problem> {
    let after: Option<IntegrationId> = paging.after.as_deref().and_then(|id| id.parse().ok());
    let limit = i64::try_from(paging.limit + 1).unwrap_or(i64::MAX);
    let found = operator.service.store.list_integrations(after, limit).await?;
    let page = paging.page(found, |integration| integration.id.to_string());
    Ok(page
        .map(|integration| IntegrationView::of(&integration))
        .reply()
        .tagged_by_body())
}

/// An integration that is to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"name": "Help desk", "scopes": ["access:check"], "reason": "The help desk moved, ticket 4711"}))]
pub struct IntegrationBody {
    /// What it is called; no other has this name.
    #[schema(required = true, nullable = false, min_length = 1, max_length = 100)]
    name: Option<String>,
    /// What it may do, for every account: `access:check`, `accounts:open`, `accounts:view`, `events:read`,
    /// `inbound:check`, `webhooks:manage`. Without any it may do nothing.
    #[schema(required = true, nullable = false, max_items = 20)]
    scopes: Option<Vec<String>>,
    /// The reason, which stays in the audit log.
    #[schema(required = true, nullable = false, min_length = 1, max_length = 500)]
    reason: Option<String>,
}

/// The same, read.
#[derive(Debug)]
pub struct AskedIntegration {
    name: KeyName,
    scopes: BTreeSet<IntegrationScope>,
    reason: Reason,
}

impl Parse for IntegrationBody {
    type Parsed = AskedIntegration;

    fn parse(self, faults: &mut Faults) -> Option<AskedIntegration> {
        let name = faults.text("name", self.name, KeyName::parse);
        let scopes = faults.required("scopes", self.scopes);
        let scopes = scopes.and_then(|scopes| scopes_of(faults, scopes));
        let reason = faults.text("reason", self.reason, Reason::parse);
        Some(AskedIntegration {
            name: name?,
            scopes: scopes?,
            reason: reason?,
        })
    }
}

/// Make an integration
///
/// It has no key yet and so opens nothing: its keys are made below it.
#[utoipa::path(
    post,
    path = "/v1/operator/integrations",
    tag = "operators",
    responses(
        (status = 201, description = "The integration, without a key.", body = IntegrationView),
        refusal::NameTaken,
    )
)]
async fn make_integration(
    admin: Admin,
    Checked(asked): Checked<IntegrationBody>,
    key: Idempotency,
) -> Result<Reply, Problem> {
    let integration = Integration::new(IntegrationId::new(), asked.name, asked.scopes, admin.by.at);
    let made = |integration: &Integration| {
        let location = format!("/v1/operator/integrations/{}", integration.id);
        Reply::created(&location, &IntegrationView::of(integration)).version(integration.revision)
    };
    key.once(&admin.service, &admin.name(), |keep| async {
        let (store, act) = (&admin.service.store, admin.act(keep));
        let kept = move |integration: &Integration| made(integration).kept();
        let is_new = store
            .create_integration_because(integration.clone(), asked.reason, &act, kept)
            .await?;
        is_new
            .then(|| made(&integration))
            .ok_or_else(|| Problem::new(Code::NameTaken))
    })
    .await
}

/// Read an integration
///
/// Its name, its scopes, and whether it is disabled.
#[utoipa::path(
    get,
    path = "/v1/operator/integrations/{integration}",
    tag = "operators",
    responses((status = 200, description = "The integration.", body = IntegrationView), answer::NotModified)
)]
async fn read_integration(operator: Operator, PathIntegration(id): PathIntegration) -> Result<Reply, Problem> {
    Ok(shown(&find(&operator, id).await?))
}

/// What is to change of an integration; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"disabled": true, "reason": "One of its keys was found in a public repository"}))]
#[expect(clippy::option_option, reason = "absent and null are two cases in a merge patch")]
pub struct IntegrationPatchBody {
    /// All that it may do from now on: `access:check`, `accounts:open`, `accounts:view`, `events:read`, `inbound:check`,
    /// `webhooks:manage`.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false, max_items = 20)]
    scopes: Option<Option<Vec<String>>>,
    /// Whether none of its keys opens anything.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false)]
    disabled: Option<Option<bool>>,
    /// The reason, which stays in the audit log.
    #[schema(required = true, nullable = false, min_length = 1, max_length = 500)]
    reason: Option<String>,
}

impl Parse for IntegrationPatchBody {
    type Parsed = (IntegrationPatch, Reason);

    fn parse(self, faults: &mut Faults) -> Option<(IntegrationPatch, Reason)> {
        let scopes = faults.kept("scopes", self.scopes);
        let patch = IntegrationPatch {
            scopes: scopes.and_then(|scopes| scopes_of(faults, scopes)),
            disabled: faults.kept("disabled", self.disabled),
        };
        let reason = faults.text("reason", self.reason, Reason::parse);
        faults.is_empty().then_some((patch, reason?))
    }
}

/// Change an integration
///
/// What it may do, and whether it may do anything at all. Both count for all of its keys from the next request on.
#[utoipa::path(
    patch,
    path = "/v1/operator/integrations/{integration}",
    tag = "operators",
    responses((status = 200, description = "The integration as it is now.", body = IntegrationView))
)]
async fn change_integration(
    admin: Admin,
    PathIntegration(id): PathIntegration,
    if_match: IfMatch,
    Checked((patch, reason)): Checked<IntegrationPatchBody>,
) -> Result<Reply, Problem> {
    let decide = move |integration: &Integration| {
        if_match.admits(integration.revision)?;
        Ok(integration.administer(&patch))
    };
    let decision = admin.decide_integration(id, reason, decide).await?;
    Ok(shown(&decision.after))
}

/// List the keys of an integration
///
/// The latest first, those that ended within the last thirty days too. Their secrets are not shown.
#[utoipa::path(
    get,
    path = "/v1/operator/integrations/{integration}/keys",
    tag = "operators",
    responses((status = 200, description = "A page of keys.", body = IntegrationKeyPage), answer::NotModified)
)]
async fn list_integration_keys(
    operator: Operator,
    PathIntegration(id): PathIntegration,
    paging: Paging<String>,
) -> Result<Reply, Problem> {
    let integration = find(&operator, id).await?;
    let after: Option<ApiKeyId> = paging.after.as_deref().and_then(|id| id.parse().ok());
    let keys = integration.keys.values().rev();
    let found: Vec<Arc<IntegrationKey>> = keys
        .filter(|key| after.is_none_or(|after| key.id < after))
        .take(paging.limit + 1)
        .cloned()
        .collect();
    let ids = found.iter().map(|key| key.id).collect();
    let uses = operator.service.store.key_uses(KeyHolder::Integration, ids).await?;
    let page = paging.page(found, |key| key.id.to_string());
    let view = |key: Arc<IntegrationKey>| IntegrationKeyView::of(&key, uses.get(&key.id).copied());
    Ok(page.map(view).reply().tagged_by_body())
}

/// A key of an integration that is to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"test": false, "reason": "The yearly change of the key"}))]
pub struct IntegrationKeyBody {
    /// Whether it is a test key, which reads and changes nothing.
    test: Option<bool>,
    /// When it ends by itself: within ten years (RFC 3339). Without it, it lives until it is revoked.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// The reason, which stays in the audit log.
    #[schema(required = true, nullable = false, min_length = 1, max_length = 500)]
    reason: Option<String>,
}

/// The same, read.
#[derive(Debug)]
pub struct AskedIntegrationKey {
    mode: KeyMode,
    expires_at: Option<DateTime<Utc>>,
    reason: Reason,
}

impl Parse for IntegrationKeyBody {
    type Parsed = AskedIntegrationKey;

    fn parse(self, faults: &mut Faults) -> Option<AskedIntegrationKey> {
        let expires_at = faults.optional_text("expires_at", self.expires_at, moment::read);
        let reason = faults.text("reason", self.reason, Reason::parse);
        faults.is_empty().then_some(())?;
        Some(AskedIntegrationKey {
            mode: if self.test == Some(true) {
                KeyMode::Test
            } else {
                KeyMode::Live
            },
            expires_at,
            reason: reason?,
        })
    }
}

/// Make a key of an integration
///
/// It does what its integration has the scopes for. The answer holds the key, which is shown this once and is not kept for
/// a repeat of the request. At most ten at a time, so that one can be changed for another while both work.
#[utoipa::path(
    post,
    path = "/v1/operator/integrations/{integration}/keys",
    tag = "operators",
    responses(
        (status = 201, description = "The key, with its secret.", body = NewIntegrationKey),
        refusal::KeyLimitReached,
    )
)]
async fn make_integration_key(
    admin: Admin,
    PathIntegration(id): PathIntegration,
    Checked(asked): Checked<IntegrationKeyBody>,
) -> Result<Reply, Problem> {
    let at = admin.by.at;
    require_ahead(asked.expires_at, at)?;
    let minted = integration_key(asked.mode, asked.expires_at, at);
    let (key, whole) = minted.ok_or_else(|| Problem::internal("no randomness"))?;
    let made = NewIntegrationKey {
        key: whole,
        shown: IntegrationKeyView::of(&key, None),
    };
    let location = format!("/v1/operator/integrations/{id}/keys/{}", key.id);
    let decide = move |integration: &Integration| integration.make_key(&key);
    admin.decide_integration(id, asked.reason, decide).await?;
    Ok(Reply::created(&location, &made)
        .tagged_as(&made.shown)
        .cache("no-store"))
}

/// Read a key of an integration
///
/// All of it but its secret.
#[utoipa::path(
    get,
    path = "/v1/operator/integrations/{integration}/keys/{key}",
    tag = "operators",
    responses((status = 200, description = "The key.", body = IntegrationKeyView), answer::NotModified)
)]
async fn read_integration_key(
    operator: Operator,
    PathIntegration(id): PathIntegration,
    PathKey(key): PathKey,
) -> Result<Reply, Problem> {
    key_of(&operator, id, key).await
}

async fn key_of(operator: &Operator, id: IntegrationId, key: ApiKeyId) -> Result<Reply, Problem> {
    let integration = find(operator, id).await?;
    let key = integration.keys.get(&key).ok_or_else(Problem::not_found)?;
    let store = &operator.service.store;
    let uses = store.key_uses(KeyHolder::Integration, vec![key.id]).await?;
    Ok(Reply::ok(&IntegrationKeyView::of(key, uses.get(&key.id).copied())).tagged_by_body())
}

/// Revoke a key of an integration
///
/// At once: it opens nothing from the next request on.
#[utoipa::path(
    delete,
    path = "/v1/operator/integrations/{integration}/keys/{key}",
    tag = "operators",
    responses((status = 204, description = "The key is revoked."))
)]
async fn revoke_integration_key(
    admin: Admin,
    PathIntegration(id): PathIntegration,
    PathKey(key): PathKey,
    Because(reason): Because,
    if_match: IfMatch,
) -> Result<Reply, Problem> {
    if_match.check_read(key_of(&admin, id, key)).await?;
    let revoke = move |integration: &Integration| integration.revoke_key(key);
    admin.decide_integration(id, reason, revoke).await?;
    Ok(Reply::no_content())
}
