//! What was told to a webhook, and what is to be told again.

use accounts_domain::ids::DeliveryId;
use accounts_store::{Delivery, DeliveryState};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::{PathWebhook, TEST, find};
use crate::describe::{answer, id_schema};
use crate::guards::ManagesWebhooks;
use crate::idempotency::Idempotency;
use crate::moment;
use crate::page::{Paging, page};
use crate::path::path_values;
use crate::problem::{FieldFault, Problem};
use crate::query::{Asked, Filters, Query};
use crate::reply::Reply;
use crate::router::{Routes, routes};

path_values! {
    /// The delivery.
    PathDelivery(DeliveryId) = "delivery", id_schema("dlv");
}

pub(super) fn routes() -> Routes {
    routes![test_webhook, list_deliveries, redeliver]
}

/// An event on its way to a webhook, or there.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeliveryView {
    /// Its id.
    #[schema(example = "dlv_01h455vb4pex5vsknk084sn02q")]
    id: String,
    /// The event; `null` for a test. It is the `webhook-id` of every try.
    #[schema(required = true, example = "evt_01h455vb4pex5vsknk084sn02q")]
    event_id: Option<String>,
    /// The type of the event.
    #[serde(rename = "type")]
    #[schema(example = "contact.added")]
    kind: String,
    /// `pending`, `delivered` or `failed`.
    #[schema(example = "pending")]
    state: &'static str,
    /// How often it was tried since it was last asked for.
    #[schema(minimum = 0, maximum = 1000)]
    attempts: u32,
    /// When it is tried next; `null` where it is not.
    #[schema(required = true, format = DateTime)]
    next_attempt_at: Option<String>,
    /// When it was last tried.
    #[schema(required = true, format = DateTime)]
    last_attempt_at: Option<String>,
    /// The status that was answered then; `null` where none was.
    #[schema(required = true, minimum = 100, maximum = 999, example = 503)]
    last_status: Option<u16>,
    /// What went wrong then.
    #[schema(required = true, example = "the connection was refused")]
    last_error: Option<String>,
    /// With what the answer began, at most 500 characters, unprintable ones escaped.
    #[schema(required = true, example = "Service Unavailable")]
    last_answer: Option<String>,
    /// When it came to be.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was taken or given up.
    #[schema(required = true, format = DateTime)]
    ended_at: Option<String>,
}

page! {
    /// A page of deliveries.
    DeliveryPage of DeliveryView
}

impl DeliveryView {
    fn of(delivery: &Delivery) -> Self {
        let waits = delivery.state == DeliveryState::Pending;
        Self {
            id: delivery.id.to_string(),
            event_id: delivery.event.map(|event| event.to_string()),
            kind: delivery.kind.clone(),
            state: delivery.state.as_str(),
            attempts: delivery.attempts,
            next_attempt_at: waits.then(|| moment::shown(delivery.next_attempt_at)),
            last_attempt_at: delivery.last_attempt_at.map(moment::shown),
            last_status: delivery.told.status,
            last_error: delivery.told.error.clone(),
            last_answer: delivery.told.answer.clone(),
            created_at: moment::shown(delivery.created_at),
            ended_at: delivery.ended_at.map(moment::shown),
        }
    }
}

fn accepted(delivery: &Delivery) -> Reply {
    Reply::accepted(&DeliveryView::of(delivery))
}

/// Which deliveries are listed.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DeliveryFilters {
    /// Those that stand so, or in any of these ways: `pending`, `delivered` or `failed`.
    #[param(max_length = 10)]
    state: Vec<String>,
}

impl Filters for DeliveryFilters {
    fn read(query: &mut Query) -> Self {
        let state: Vec<String> = query.any("state");
        if !state.iter().all(|name| DeliveryState::from_name(name).is_some()) {
            query.add(
                "state",
                FieldFault::not_allowed(DeliveryState::ALL.map(DeliveryState::as_str)),
            );
        }
        Self { state }
    }
}

/// Test a webhook
///
/// An event of the type `webhook.test` is sent there once, signed like any other, also where the webhook is disabled. What
/// came of it stands among the deliveries.
#[utoipa::path(
    post,
    path = "/v1/webhooks/{webhook}/test",
    tag = "events",
    responses((status = 202, description = "The delivery, which is on its way.", body = DeliveryView))
)]
async fn test_webhook(
    caller: ManagesWebhooks,
    PathWebhook(id): PathWebhook,
    key: Idempotency,
) -> Result<Reply, Problem> {
    let (store, integration) = (&caller.service.store, caller.integration.id);
    key.once(&caller.service, &integration.to_string(), |keep| async {
        let act = caller.act_keeping(keep);
        let kept = |delivery: &Delivery| accepted(delivery).kept();
        let delivery = store.test_webhook(integration, id, TEST, &act, kept).await?;
        Ok(accepted(&delivery))
    })
    .await
}

/// List what was told to a webhook
///
/// The latest first: what waits, and what was taken or given up in the last thirty days, or in as many as the provider says,
/// with what came of the last try.
#[utoipa::path(
    get,
    path = "/v1/webhooks/{webhook}/deliveries",
    tag = "events",
    responses((status = 200, description = "A page of deliveries.", body = DeliveryPage), answer::NotModified)
)]
async fn list_deliveries(
    caller: ManagesWebhooks,
    PathWebhook(id): PathWebhook,
    Asked(filters): Asked<DeliveryFilters>,
    paging: Paging<String>,
) -> Result<Reply, Problem> {
    let webhook = find(&caller, id).await?;
    let states = filters.state.iter().filter_map(|name| DeliveryState::from_name(name));
    let after: Option<DeliveryId> = paging.after.as_deref().and_then(|id| id.parse().ok());
    let limit = i64::try_from(paging.limit + 1).unwrap_or(i64::MAX);
    let store = &caller.service.store;
    let found = store.deliveries(webhook.id, states.collect(), after, limit).await?;
    let page = paging.page(found, |delivery| delivery.id.to_string());
    Ok(page
        .map(|delivery| DeliveryView::of(&delivery))
        .reply()
        .tagged_by_body())
}

/// Send a delivery again
///
/// At once, with the same `webhook-id` and with the event as it reads now, and then as often as a new one; also where it was
/// taken, and where the webhook is disabled.
#[utoipa::path(
    post,
    path = "/v1/webhooks/{webhook}/deliveries/{delivery}/redeliver",
    tag = "events",
    responses((status = 202, description = "The delivery, which is on its way.", body = DeliveryView))
)]
async fn redeliver(
    caller: ManagesWebhooks,
    PathWebhook(id): PathWebhook,
    PathDelivery(delivery): PathDelivery,
    key: Idempotency,
) -> Result<Reply, Problem> {
    let (store, integration) = (&caller.service.store, caller.integration.id);
    key.once(&caller.service, &integration.to_string(), |keep| async {
        let act = caller.act_keeping(keep);
        let kept = |delivery: &Delivery| accepted(delivery).kept();
        let delivery = store.redeliver(integration, id, delivery, &act, kept).await?;
        Ok(accepted(&delivery))
    })
    .await
}
