//! What a webhook is told, and how the document says so.

use accounts_domain::ids::{DeliveryId, WebhookId};
use accounts_store::{AuditEvent, Store, StoreError};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::audit_events::{ActorView, SubjectView};
use crate::feed::{EventView, rendered};
use crate::moment;

/// The type of the event that a test sends.
pub const TEST: &str = "webhook.test";

/// What is sent to a webhook: one event, in the form of Standard Webhooks.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookPayload {
    /// What happened.
    #[serde(rename = "type")]
    #[schema(example = "contact.changed")]
    kind: String,
    /// When it happened.
    #[schema(format = DateTime)]
    timestamp: String,
    /// The event, as `GET /v1/events` shows it at the moment of sending.
    data: EventView,
}

impl WebhookPayload {
    /// What is sent of an event, with what it is about as that is now. Nothing where the event cannot be shown.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn of_event(store: &Store, event: AuditEvent, at: DateTime<Utc>) -> Result<Option<Self>, StoreError> {
        let data = rendered(store, vec![event], at).await?.pop();
        Ok(data.map(|data| Self {
            kind: data.kind.clone(),
            timestamp: data.at.clone(),
            data,
        }))
    }

    /// What is sent to try a webhook.
    pub fn test(delivery: DeliveryId, webhook: WebhookId, at: DateTime<Utc>) -> Self {
        let timestamp = moment::shown(at);
        Self {
            kind: TEST.to_owned(),
            timestamp: timestamp.clone(),
            data: EventView {
                id: delivery.to_string(),
                kind: TEST.to_owned(),
                at: timestamp,
                account_id: None,
                actor: ActorView {
                    kind: "system".to_owned(),
                    id: None,
                    on_behalf_of: None,
                },
                subject: SubjectView {
                    kind: "webhook".to_owned(),
                    id: webhook.to_string(),
                },
                data: Map::new(),
                changes: Vec::new(),
                object: None,
            },
        }
    }
}

/// What `POST /v1/webhooks` calls back, and the schemas that this needs.
pub(crate) fn callbacks() -> (Value, Vec<(String, RefOr<Schema>)>) {
    let name = WebhookPayload::name().into_owned();
    let mut schemas = vec![(name.clone(), WebhookPayload::schema())];
    WebhookPayload::schemas(&mut schemas);
    let header = |name: &str, description: &str, example: &str| {
        json!({
            "name": name, "in": "header", "required": true, "description": description,
            "schema": {"type": "string"}, "example": example,
        })
    };
    let event = json!({"post": {
        "operationId": "webhook_event",
        "summary": "An event",
        "description": "Sent by this service to the webhook, signed as Standard Webhooks says: verify the signature over \
            `webhook-id`, `webhook-timestamp` and the body before reading it.",
        "tags": ["events"],
        "security": [],
        "parameters": [
            header("webhook-id", "The event's id, the same at every try: whoever has seen it has seen the event.",
                "evt_01h455vb4pex5vsknk084sn02q"),
            header("webhook-timestamp", "When it was sent, in seconds since 1970.", "1790000000"),
            header("webhook-signature", "`v1,` and an HMAC-SHA256 in base64; two of them with a blank between, for a day \
                after the secret was changed.", "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="),
        ],
        "requestBody": {
            "required": true,
            "content": {"application/json": {"schema": {"$ref": format!("#/components/schemas/{name}")}}},
        },
        "responses": {
            "204": {"description": "The event was taken; any other 2xx says so, too."},
            "410": {"description": "The webhook is gone for good. It is disabled."},
        },
    }});
    (json!({"event": {"{$request.body#/url}": event}}), schemas)
}
