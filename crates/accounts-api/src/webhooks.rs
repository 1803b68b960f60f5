//! Webhooks: where an integration is told of events, each its own.

mod body;
mod deliveries;
mod payload;
mod view;

use accounts_domain::ids::WebhookId;
use accounts_domain::webhooks::{SealedSecret, Webhook};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::body::Checked;
use crate::describe::{answer, id_schema};
use crate::guards::ManagesWebhooks;
use crate::page::{Paging, page};
use crate::path::path_values;
use crate::precondition::IfMatch;
use crate::problem::{Problem, refusal};
use crate::reply::Reply;
use crate::router::{Routes, routes};
use crate::tokens::random_bytes;
use crate::vault::{Vault, VaultPurpose};
use body::{WebhookBody, WebhookPatchBody};
pub(crate) use payload::callbacks;
pub use payload::{TEST, WebhookPayload};
use view::{NewWebhook, WebhookView};

path_values! {
    /// The webhook.
    PathWebhook(WebhookId) = "webhook", id_schema("whk");
}

pub(crate) fn routes() -> Routes {
    routes![
        list_webhooks,
        make_webhook,
        read_webhook,
        change_webhook,
        remove_webhook,
        rotate_webhook_secret
    ]
    .and(deliveries::routes())
}

page! {
    /// A page of webhooks.
    WebhookPage of WebhookView
}

/// A secret that was just made: as it is shown, once, and as it is kept.
struct Minted {
    shown: String,
    sealed: SealedSecret,
}

impl Minted {
    /// 256 random bits, in the form of Standard Webhooks.
    fn of(vault: &Vault, webhook: WebhookId) -> Result<Self, Problem> {
        let minted = random_bytes::<32>().and_then(|secret| {
            let sealed = vault.seal(VaultPurpose::WebhookSecret, &webhook.to_string(), &secret)?;
            Some(Self {
                shown: format!("whsec_{}", STANDARD.encode(secret)),
                sealed: SealedSecret(sealed),
            })
        });
        minted.ok_or_else(|| Problem::internal("no randomness"))
    }
}

fn shown(webhook: &Webhook) -> Reply {
    Reply::ok(&WebhookView::of(webhook)).version(webhook.version)
}

async fn find(caller: &ManagesWebhooks, id: WebhookId) -> Result<Webhook, Problem> {
    let found = caller.service.store.webhook(caller.integration.id, id).await?;
    found.ok_or_else(Problem::not_found)
}

/// List my webhooks
///
/// Those of the calling integration, the oldest first.
#[utoipa::path(
    get,
    path = "/v1/webhooks",
    tag = "events",
    responses((status = 200, description = "A page of webhooks.", body = WebhookPage), answer::NotModified)
)]
async fn list_webhooks(caller: ManagesWebhooks, paging: Paging<String>) -> Result<Reply, Problem> {
    let after: Option<WebhookId> = paging.after.as_deref().and_then(|id| id.parse().ok());
    let limit = i64::try_from(paging.limit + 1).unwrap_or(i64::MAX);
    let found = caller
        .service
        .store
        .webhooks(caller.integration.id, after, limit)
        .await?;
    let page = paging.page(found, |webhook| webhook.id.to_string());
    Ok(page.map(|webhook| WebhookView::of(&webhook)).reply().tagged_by_body())
}

/// Make a webhook
///
/// Every event from now on, or every event of the types that are named, is sent there by POST: signed as Standard Webhooks
/// says, with the secret that this answer holds. It is shown this once and is not kept for a repeat of the request. Answer
/// with any 2xx within 15 seconds; redirects are failures. What fails is tried again for three days, after longer and
/// longer waits; 410 disables the webhook at once, and so do three days of nothing but failures. Deliveries may come more
/// than once, by the same `webhook-id`, and in another order than the feed's. At most 20 webhooks for each integration.
#[utoipa::path(
    post,
    path = "/v1/webhooks",
    tag = "events",
    responses(
        (status = 201, description = "The webhook, with its secret.", body = NewWebhook),
        refusal::WebhookLimitReached,
    )
)]
async fn make_webhook(caller: ManagesWebhooks, Checked(asked): Checked<WebhookBody>) -> Result<Reply, Problem> {
    let id = WebhookId::new();
    let minted = Minted::of(&caller.service.vault, id)?;
    let webhook = Webhook {
        id,
        integration: caller.integration.id,
        url: asked.url,
        description: asked.description,
        types: asked.types,
        secret: minted.sealed,
        former: None,
        disabled: None,
        failing_since: None,
        version: 1,
        created_at: caller.by.at,
        updated_at: caller.by.at,
    };
    let (made, version) = (NewWebhook::of(minted.shown, &webhook), webhook.version);
    caller.service.store.create_webhook(webhook, &caller.act()).await?;
    Ok(Reply::created(&format!("/v1/webhooks/{id}"), &made)
        .version(version)
        .cache("no-store"))
}

/// Read a webhook
///
/// All of it but its secret.
#[utoipa::path(
    get,
    path = "/v1/webhooks/{webhook}",
    tag = "events",
    responses((status = 200, description = "The webhook.", body = WebhookView), answer::NotModified)
)]
async fn read_webhook(caller: ManagesWebhooks, PathWebhook(id): PathWebhook) -> Result<Reply, Problem> {
    Ok(shown(&find(&caller, id).await?))
}

/// Change a webhook
///
/// Where it is, what it is told of, and whether it is told at all. What was on its way to a webhook that is disabled is
/// given up; once it is enabled, it is told of what happens from then on, and the feed tells the rest.
#[utoipa::path(
    patch,
    path = "/v1/webhooks/{webhook}",
    tag = "events",
    responses((status = 200, description = "The webhook as it is now.", body = WebhookView))
)]
async fn change_webhook(
    caller: ManagesWebhooks,
    PathWebhook(id): PathWebhook,
    if_match: IfMatch,
    Checked(patch): Checked<WebhookPatchBody>,
) -> Result<Reply, Problem> {
    let decide = move |webhook: &Webhook| {
        if_match.admits(webhook.version)?;
        Ok(webhook.change(&patch))
    };
    let (store, integration) = (&caller.service.store, caller.integration.id);
    let decision = store.decide_webhook(integration, id, &caller.act(), decide).await?;
    Ok(shown(&decision.after))
}

/// Remove a webhook
///
/// With everything that was or is to be told to it. One with very many deliveries is disabled first and emptied in steps;
/// where that is broken off, read it again and remove it once more.
#[utoipa::path(
    delete,
    path = "/v1/webhooks/{webhook}",
    tag = "events",
    responses((status = 204, description = "The webhook is gone."))
)]
async fn remove_webhook(
    caller: ManagesWebhooks,
    PathWebhook(id): PathWebhook,
    if_match: IfMatch,
) -> Result<Reply, Problem> {
    let admit = move |webhook: &Webhook| if_match.admits(webhook.version);
    let (store, integration) = (&caller.service.store, caller.integration.id);
    store.remove_webhook(integration, id, &caller.act(), admit).await?;
    Ok(Reply::no_content())
}

/// Change the secret of a webhook
///
/// The answer holds the new one, which is shown this once. For 24 hours deliveries are signed with both, so that a receiver
/// can be changed over without missing one.
#[utoipa::path(
    post,
    path = "/v1/webhooks/{webhook}/rotate-secret",
    tag = "events",
    responses((status = 200, description = "The webhook, with its new secret.", body = NewWebhook))
)]
async fn rotate_webhook_secret(caller: ManagesWebhooks, PathWebhook(id): PathWebhook) -> Result<Reply, Problem> {
    let Minted { shown, sealed } = Minted::of(&caller.service.vault, id)?;
    let at = caller.by.at;
    let decide = move |webhook: &Webhook| Ok(webhook.rotate(&sealed, at));
    let (store, integration) = (&caller.service.store, caller.integration.id);
    let decision = store.decide_webhook(integration, id, &caller.act(), decide).await?;
    Ok(Reply::ok(&NewWebhook::of(shown, &decision.after))
        .version(decision.after.version)
        .cache("no-store"))
}
