//! The audit logs of all accounts and persons, and the provider's own, as one.

use accounts_domain::ids::AccountId;
use accounts_store::{AuditEvent, AuditMark, AuditSearch};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use crate::audit_events::{ActorId, AuditEventView, bounded};
use crate::describe::answer;
use crate::guards::Operator;
use crate::moment::Moment;
use crate::page::{Paging, page};
use crate::problem::Problem;
use crate::query::{Asked, Filters, Query};
use crate::reply::Reply;
use crate::router::{Routes, routes};

pub(super) fn routes() -> Routes {
    routes![search_audit_events]
}

/// Which events are listed.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AllAuditFilters {
    /// Those of this account.
    #[param(value_type = Option<String>, max_length = 30)]
    account: Option<AccountId>,
    /// Who did it: this user, in person, by an API key or by an operator in its place; or this API key,
    /// operator or integration.
    #[param(max_length = 30)]
    actor: Option<String>,
    /// What happened (`account.status_changed`, say).
    #[param(rename = "type", min_length = 1, max_length = 60)]
    kind: Option<String>,
    /// What it happened to: this contact, user or account, or any of these.
    #[param(max_length = 30)]
    subject: Vec<String>,
    /// Not before this moment (RFC 3339).
    since: Option<DateTime<Utc>>,
    /// Before this moment (RFC 3339).
    until: Option<DateTime<Utc>>,
}

impl Filters for AllAuditFilters {
    fn read(query: &mut Query) -> Self {
        Self {
            account: query.value("account"),
            actor: query.value::<ActorId>("actor").map(|actor| actor.0),
            kind: query.text("type", 60),
            subject: bounded(query, "subject", 30),
            since: query.value("since").map(|Moment(at)| at),
            until: query.value("until").map(|Moment(at)| at),
        }
    }
}

/// One recorded change, and in whose log it stands.
#[derive(Debug, Serialize, ToSchema)]
pub struct AnyAuditEvent {
    /// The event.
    #[serde(flatten)]
    event: AuditEventView,
    /// The account in whose log it stands.
    #[schema(required = true, example = "acc_01h455vb4pex5vsknk084sn02q")]
    account_id: Option<String>,
    /// The user in whose log it stands; in neither it is the provider's own.
    #[schema(required = true, example = "usr_01h455vb4pex5vsknk084sn02q")]
    user_id: Option<String>,
}

page! {
    /// A page of audit events of all logs.
    AnyAuditEventPage of AnyAuditEvent
}

impl AnyAuditEvent {
    fn of(event: AuditEvent) -> Self {
        Self {
            account_id: event.account.map(|account| account.to_string()),
            user_id: event.user.map(|user| user.to_string()),
            event: AuditEventView::of(event),
        }
    }
}

/// Search the audit logs
///
/// Every change of every account, of every log-in, and of the operators, the latest first.
#[utoipa::path(
    get,
    path = "/v1/operator/audit-events",
    tag = "operators",
    responses((status = 200, description = "A page of events.", body = AnyAuditEventPage), answer::NotModified)
)]
async fn search_audit_events(
    operator: Operator,
    Asked(filters): Asked<AllAuditFilters>,
    paging: Paging<(i64, String)>,
) -> Result<Reply, Problem> {
    let search = AuditSearch {
        account: filters.account,
        actor: filters.actor,
        kind: filters.kind,
        subjects: filters.subject,
        since: filters.since,
        until: filters.until,
    };
    let mark =
        |(at, id): &(i64, String)| DateTime::from_timestamp_micros(*at).map(|at| AuditMark { at, id: id.clone() });
    let after = paging.after.as_ref().and_then(mark);
    let limit = i64::try_from(paging.limit + 1).unwrap_or(i64::MAX);
    let found = operator.service.store.search_audit_events(search, after, limit).await?;
    let page = paging.page(found, |event| (event.at.timestamp_micros(), event.id.to_string()));
    Ok(page.map(AnyAuditEvent::of).reply().tagged_by_body())
}
