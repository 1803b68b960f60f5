//! The audit log of an account.

mod export;

use accounts_domain::ids::{ApiKeyId, IntegrationId, OperatorId, UserId};
use accounts_store::{AuditEvent, AuditFilter, AuditValue};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use crate::describe::answer;
use crate::guards::ViewsAudit;
use crate::moment;
use crate::moment::Moment;
use crate::page::{Paging, page};
use crate::problem::{FieldCode, Problem};
use crate::query::{Asked, Filters, Query};
use crate::reply::Reply;
use crate::router::{Routes, routes};

pub(crate) fn routes() -> Routes {
    routes![list_audit_events].and(export::routes())
}

/// Which events are listed.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AuditFilters {
    /// What happened: this, or any of these (`role.primary_moved`, say).
    #[param(rename = "type", max_length = 60)]
    kind: Vec<String>,
    /// Who did it, in person, by an API key, or by an operator in its place: this user, or any of these. The id of an
    /// API key, of an operator or of an integration finds what that one did.
    #[param(max_length = 30)]
    actor: Vec<String>,
    /// What it happened to: this contact, user or account, or any of these.
    #[param(max_length = 30)]
    subject: Vec<String>,
    /// Not before this moment (RFC 3339).
    since: Option<DateTime<Utc>>,
    /// Before this moment (RFC 3339).
    until: Option<DateTime<Utc>>,
}

impl Filters for AuditFilters {
    fn read(query: &mut Query) -> Self {
        let actors: Vec<ActorId> = query.any("actor");
        Self {
            kind: bounded(query, "type", 60),
            actor: actors.into_iter().map(|actor| actor.0).collect(),
            subject: bounded(query, "subject", 30),
            since: query.value("since").map(|Moment(at)| at),
            until: query.value("until").map(|Moment(at)| at),
        }
    }
}

impl From<AuditFilters> for AuditFilter {
    fn from(filters: AuditFilters) -> Self {
        Self {
            kinds: filters.kind,
            actors: filters.actor,
            subjects: filters.subject,
            since: filters.since,
            until: filters.until,
        }
    }
}

/// The id of a user, of an API key, of an operator or of an integration, as events hold it.
pub(crate) struct ActorId(pub(crate) String);

impl std::str::FromStr for ActorId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let known = text.parse::<UserId>().is_ok()
            || text.parse::<ApiKeyId>().is_ok()
            || text.parse::<OperatorId>().is_ok()
            || text.parse::<IntegrationId>().is_ok();
        known.then(|| Self(text.to_owned())).ok_or(())
    }
}

pub(crate) fn bounded(query: &mut Query, name: &str, max: usize) -> Vec<String> {
    let values: Vec<String> = query.any(name);
    if values.iter().any(|value| value.is_empty() || value.len() > max) {
        query.add(name, FieldCode::InvalidFormat);
    }
    values
}

/// Who did something.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ActorView {
    /// `user`, `key` (an API key), `integration`, `operator` (one of the provider's staff), `link` (whoever followed a
    /// mailed link) or `system`.
    #[schema(example = "user")]
    pub(crate) kind: String,
    /// The user, the API key, the integration or the operator.
    #[schema(required = true, example = "usr_01h455vb4pex5vsknk084sn02q")]
    pub(crate) id: Option<String>,
    /// The user who made the key, or in whose place the operator acted.
    #[schema(required = true)]
    pub(crate) on_behalf_of: Option<String>,
}

/// What something happened to.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SubjectView {
    /// `account`, `contact`, `user`, `invitation`, `join_request`, `notification`, `api_key`, `integration`, `webhook`
    /// or `operator`. New words may come.
    #[schema(example = "contact")]
    pub(crate) kind: String,
    /// Its id.
    #[schema(example = "con_01h455vb4pex5vsknk084sn02q")]
    pub(crate) id: String,
}

/// What a field held and holds; both `null` once the person is erased.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FieldChange {
    /// The field.
    #[schema(example = "display_name")]
    pub(crate) field: String,
    /// What it held.
    #[schema(required = true)]
    pub(crate) before: Option<String>,
    /// What it holds.
    #[schema(required = true)]
    pub(crate) after: Option<String>,
}

impl ActorView {
    pub(crate) fn of(event: &AuditEvent) -> Self {
        Self {
            kind: event.actor_kind.clone(),
            id: event.actor_id.clone(),
            on_behalf_of: event.on_behalf_of.clone(),
        }
    }
}

impl SubjectView {
    pub(crate) fn of(event: &AuditEvent) -> Self {
        Self {
            kind: event.subject_kind.clone(),
            id: event.subject_id.clone(),
        }
    }
}

impl FieldChange {
    pub(crate) fn of(value: AuditValue) -> Self {
        Self {
            field: value.field,
            before: value.before,
            after: value.after,
        }
    }
}

/// One recorded change.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditEventView {
    /// Its id.
    #[schema(example = "evt_01h455vb4pex5vsknk084sn02q")]
    id: String,
    /// The decision that it belongs to: the decisions of an account count from 1 without a gap.
    #[schema(minimum = 0, maximum = 9_007_199_254_740_991_i64)]
    revision: i64,
    /// When it happened.
    #[schema(format = DateTime)]
    at: String,
    /// What happened.
    #[serde(rename = "type")]
    #[schema(example = "role.primary_moved")]
    kind: String,
    /// Who did it.
    actor: ActorView,
    /// What it happened to.
    subject: SubjectView,
    /// Ids, keys and names of fields that belong to it.
    #[schema(value_type = Object, example = json!({"role": "billing", "from": null, "to": "con_01h455vb4pex5vsknk084sn02q"}))]
    data: serde_json::Map<String, serde_json::Value>,
    /// What fields held and hold; `reason` is what an operator gave as the reason.
    changes: Vec<FieldChange>,
    /// The request that did it.
    #[schema(required = true)]
    request_id: Option<String>,
}

page! {
    /// A page of audit events.
    AuditEventPage of AuditEventView
}

impl AuditEventView {
    pub(crate) fn of(event: AuditEvent) -> Self {
        Self {
            id: event.id.to_string(),
            revision: event.revision,
            at: moment::shown(event.at),
            actor: ActorView::of(&event),
            subject: SubjectView::of(&event),
            kind: event.kind,
            data: event.data,
            changes: event.values.into_iter().map(FieldChange::of).collect(),
            request_id: event.request_id,
        }
    }
}

/// List audit events
///
/// Every change of the account, the latest first: who, what, when, on what, before and after.
#[utoipa::path(
    get,
    path = "/v1/accounts/{account}/audit-events",
    tag = "audit",
    responses((status = 200, description = "A page of events.", body = AuditEventPage), answer::NotModified)
)]
async fn list_audit_events(
    member: ViewsAudit,
    Asked(filters): Asked<AuditFilters>,
    paging: Paging<(i64, i32)>,
) -> Result<Reply, Problem> {
    let limit = i64::try_from(paging.limit + 1).unwrap_or(i64::MAX);
    let store = &member.person.service.store;
    let found = store
        .audit_events(member.account, filters.into(), paging.after, limit)
        .await?;
    let page = paging.page(found, |event| (event.revision, event.position));
    Ok(page.map(AuditEventView::of).reply().tagged_by_body())
}
