//! What is said of a webhook.

use std::collections::BTreeSet;

use accounts_domain::audit::is_told;
use accounts_domain::names::WebhookDescription;
use accounts_domain::webhooks::{EVENT_TYPES, EventType, Reach, WebhookPatch, WebhookUrl};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::body::{Faults, Parse, present};
use crate::problem::{FieldCode, FieldFault};
use crate::settings::ApiSettings;

/// A webhook that is to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({
    "url": "https://hooks.lima.example/accounts",
    "description": "The billing system",
    "event_types": ["contact.added", "owner.moved"],
}))]
pub struct WebhookBody {
    /// Where events are sent: a public address by `https`, at port 443 or from 1024 on, without a user. The operator may
    /// allow others.
    #[schema(
        required = true,
        nullable = false,
        min_length = 1,
        max_length = 2048,
        pattern = "^https?://[!-~]+$"
    )]
    url: Option<String>,
    /// What it is for.
    #[schema(min_length = 1, max_length = 200)]
    description: Option<String>,
    /// The types of events that it is told of (`contact.added`, say), each at most 60 characters; `docs/events.md`
    /// lists those there are, and any other is refused. None, or no list, means all, those too that a later version adds.
    #[schema(max_items = 100)]
    event_types: Option<Vec<String>>,
}

/// The same, read.
#[derive(Debug)]
pub struct AskedWebhook {
    pub(super) url: WebhookUrl,
    pub(super) description: Option<WebhookDescription>,
    pub(super) types: BTreeSet<EventType>,
}

impl Parse for WebhookBody {
    type Parsed = AskedWebhook;

    fn parse(self, faults: &mut Faults) -> Option<AskedWebhook> {
        let reach = reach(faults);
        let url = faults.text("url", self.url, |text| url_within(reach, text));
        let description = faults.optional_text("description", self.description, WebhookDescription::parse);
        let types = types_of(faults, self.event_types.unwrap_or_default());
        Some(AskedWebhook {
            url: url?,
            description,
            types: types?,
        })
    }
}

/// What is to change of a webhook; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"event_types": [], "enabled": true}))]
#[expect(clippy::option_option, reason = "absent and null are two cases in a merge patch")]
pub struct WebhookPatchBody {
    /// Where events are sent.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false, min_length = 1, max_length = 2048, pattern = "^https?://[!-~]+$")]
    url: Option<Option<String>>,
    /// What it is for; `null` takes it away.
    #[serde(default, deserialize_with = "present")]
    #[schema(min_length = 1, max_length = 200)]
    description: Option<Option<String>>,
    /// The types of events that it is told of; none means all.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false, max_items = 100)]
    event_types: Option<Option<Vec<String>>>,
    /// Whether it is told at all.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false)]
    enabled: Option<Option<bool>>,
}

impl Parse for WebhookPatchBody {
    type Parsed = WebhookPatch;

    fn parse(self, faults: &mut Faults) -> Option<WebhookPatch> {
        let reach = reach(faults);
        let url = faults.kept("url", self.url);
        let types = faults.kept("event_types", self.event_types);
        let patch = WebhookPatch {
            url: faults.optional_text("url", url, |text| url_within(reach, text)),
            description: faults.patched_text("description", self.description, WebhookDescription::parse),
            types: types.and_then(|types| types_of(faults, types)),
            enabled: faults.kept("enabled", self.enabled),
        };
        faults.is_empty().then_some(patch)
    }
}

/// Where webhooks may be.
fn reach(faults: &Faults) -> Reach {
    faults
        .data::<ApiSettings>()
        .map_or(Reach::Public, |settings| settings.webhooks)
}

fn url_within(reach: Reach, text: &str) -> Result<WebhookUrl, FieldFault> {
    let url = WebhookUrl::parse(text)?;
    if url.is_within(reach) {
        Ok(url)
    } else {
        Err(FieldCode::ForbiddenTarget.into())
    }
}

fn types_of(faults: &mut Faults, names: Vec<String>) -> Option<BTreeSet<EventType>> {
    let types = faults.each("event_types", names, EVENT_TYPES, |faults, name| {
        let kind = EventType::parse(&name);
        let kind = kind.map_err(|fault| faults.add_here(fault)).ok()?;
        if !is_told(kind.as_str()) {
            faults.add_here(FieldFault::new(FieldCode::UnknownEventType).with("key", kind.as_str()));
            return None;
        }
        Some(kind)
    })?;
    Some(types.into_iter().collect())
}
