//! What a webhook looks like.

use accounts_domain::webhooks::Webhook;
use serde::Serialize;
use utoipa::ToSchema;

use crate::moment;

/// Where an integration is told of events.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookView {
    /// Its id.
    #[schema(example = "whk_01h455vb4pex5vsknk084sn02q")]
    id: String,
    /// Where it is told.
    #[schema(example = "https://hooks.lima.example/accounts")]
    url: String,
    /// What its integration says about it.
    #[schema(required = true, example = "The billing system")]
    description: Option<String>,
    /// The types of events that it is told of; none means all.
    #[schema(example = json!(["contact.added", "owner.moved"]))]
    event_types: Vec<String>,
    /// Whether it is told at all.
    enabled: bool,
    /// Why not: `by_integration`, `gone` (it answered 410) or `failing` (three days of nothing but failures).
    #[schema(required = true, example = "gone")]
    disabled_reason: Option<&'static str>,
    /// Since when not.
    #[schema(required = true, format = DateTime)]
    disabled_at: Option<String>,
    /// Since when nothing but failures came of it.
    #[schema(required = true, format = DateTime)]
    failing_since: Option<String>,
    /// Until when the secret before the present one signs, too.
    #[schema(required = true, format = DateTime)]
    former_secret_until: Option<String>,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it last changed.
    #[schema(format = DateTime)]
    updated_at: String,
}

/// A webhook with its new secret: it is shown this once and never again.
#[derive(Debug, Serialize, ToSchema)]
pub struct NewWebhook {
    /// What deliveries are signed with, as Standard Webhooks writes it.
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=")]
    secret: String,
    /// What is shown of it later on.
    #[serde(flatten)]
    shown: WebhookView,
}

impl WebhookView {
    pub(super) fn of(webhook: &Webhook) -> Self {
        Self {
            id: webhook.id.to_string(),
            url: webhook.url.as_str().to_owned(),
            description: webhook.description.as_ref().map(ToString::to_string),
            event_types: webhook.types.iter().map(ToString::to_string).collect(),
            enabled: webhook.disabled.is_none(),
            disabled_reason: webhook.disabled.map(|(_, reason)| reason.as_str()),
            disabled_at: webhook.disabled.map(|(at, _)| moment::shown(at)),
            failing_since: webhook.failing_since.map(moment::shown),
            former_secret_until: webhook.former.as_ref().map(|former| moment::shown(former.until)),
            created_at: moment::shown(webhook.created_at),
            updated_at: moment::shown(webhook.updated_at),
        }
    }
}

impl NewWebhook {
    pub(super) fn of(secret: String, webhook: &Webhook) -> Self {
        Self {
            secret,
            shown: WebhookView::of(webhook),
        }
    }
}
