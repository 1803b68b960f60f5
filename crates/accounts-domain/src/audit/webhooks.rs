//! What stands in the provider's log about webhooks. Their addresses often hold secrets: none is written down.

use std::collections::BTreeSet;

use super::{Datum, Entry, Subject};
use crate::webhooks::{EventType, Webhook, WebhookChange};

/// The event of a webhook that came to be.
pub fn webhook_created(webhook: &Webhook) -> Entry {
    entry("webhook.created", webhook).with("types", type_words(&webhook.types))
}

/// The event of each change of a webhook.
pub fn webhook_entries(before: &Webhook, changes: &[WebhookChange]) -> Vec<Entry> {
    let of = |change: &WebhookChange| match change {
        WebhookChange::UrlChanged { .. } => entry("webhook.url_changed", before),
        WebhookChange::DescriptionChanged { .. } => entry("webhook.description_changed", before),
        WebhookChange::TypesChanged { types } => entry("webhook.types_changed", before)
            .with("types", type_words(types))
            .with("former_types", type_words(&before.types)),
        WebhookChange::Enabled => entry("webhook.enabled", before),
        WebhookChange::Disabled { reason } => entry("webhook.disabled", before).word("reason", reason.as_str()),
        WebhookChange::SecretRotated { former, .. } => {
            entry("webhook.secret_rotated", before).moment("former_until", Some(former.until))
        }
        WebhookChange::Removed => entry("webhook.removed", before),
    };
    changes.iter().map(of).collect()
}

fn entry(kind: &'static str, webhook: &Webhook) -> Entry {
    Entry::new(kind, Subject::Webhook(webhook.id)).word("integration", &webhook.integration)
}

fn type_words(types: &BTreeSet<EventType>) -> Datum {
    Datum::Words(types.iter().map(ToString::to_string).collect())
}
