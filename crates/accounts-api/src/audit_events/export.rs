//! The audit log as a table.

use accounts_store::{AuditEvent, AuditFilter, AuditValue};
use actix_web::http::header::{HeaderValue, LINK};
use serde_json::{Value, json};
use utoipa::IntoParams;

use super::AuditFilters;
use crate::csv_text::{CSV, Rows};
use crate::describe::answer;
use crate::document::to_value;
use crate::guards::ExportsAudit;
use crate::limits::Limits;
use crate::moment;
use crate::percent;
use crate::problem::{Problem, refusal};
use crate::query::{Asked, Filters, Query};
use crate::reply::{Reply, attached};
use crate::router::{Routes, routes};

/// How many events a table has at most; one decision is never parted, so that it may be fewer, or more of one decision.
const MOST: usize = 10_000;

/// The greatest revision that a number of JSON holds exactly.
const GREATEST: usize = 9_007_199_254_740_991;

const HEADINGS: [&str; 12] = [
    "id",
    "revision",
    "at",
    "type",
    "actor_kind",
    "actor_id",
    "on_behalf_of",
    "subject_kind",
    "subject_id",
    "data",
    "changes",
    "request_id",
];

pub(super) fn routes() -> Routes {
    routes![export_audit_events]
}

/// Where a table goes on.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Before {
    /// Only decisions before this one: the `revision` of the last line of the table before.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    before_revision: Option<usize>,
    /// The other parameters, as they stand in the address of the next table.
    #[param(ignore)]
    others: String,
}

impl Filters for Before {
    fn read(query: &mut Query) -> Self {
        let pair = |(name, value): &(&str, &str)| format!("{}={}&", percent::encode(name), percent::encode(value));
        Self {
            before_revision: query.number("before_revision", 1, GREATEST),
            others: query.others(&["before_revision"]).iter().map(pair).collect(),
        }
    }
}

/// Export audit events
///
/// The events of the list as a table (CSV, RFC 4180), the latest first, at most 10,000: where there are more, `Link` leads to
/// the next table, which `before_revision` begins. A cell that a spreadsheet would take for a formula begins with an
/// apostrophe. `data` and `changes` are JSON. An account that is closed can be exported still.
#[utoipa::path(
    get,
    path = "/v1/accounts/{account}/audit-events/export",
    tag = "audit",
    responses(
        (status = 200, description = "The events.", content((String = "text/csv"))),
        answer::NotModified,
        refusal::TooManyRequests,
    )
)]
async fn export_audit_events(
    member: ExportsAudit,
    Asked(filters): Asked<AuditFilters>,
    Asked(before): Asked<Before>,
) -> Result<Reply, Problem> {
    let service = &member.person.service;
    Limits::exports_of(&member.person.name())
        .admit(service, member.by().at)
        .await?;
    let after = before.before_revision.and_then(|revision| i64::try_from(revision).ok());
    let after = after.map(|revision| (revision, i32::MAX));
    let filter = AuditFilter::from(filters);
    let mut most = MOST;
    let (events, more) = loop {
        let limit = i64::try_from(most + 1).unwrap_or(i64::MAX);
        let found = service
            .store
            .audit_events(member.account, filter.clone(), after, limit)
            .await?;
        match whole_decisions(found, most) {
            Some(whole) => break whole,
            // The import of a large table is one decision of more events than a table has.
            None => most *= 2,
        }
    };
    let mut rows = Rows::headed(&HEADINGS)?;
    for event in &events {
        rows.add(&cells(event))?;
    }
    let mut reply = attached(Reply::bytes(CSV, rows.text()?), "audit-events.csv")?;
    if let Some(last) = events.last().filter(|_| more) {
        let path = format!("/v1/accounts/{}/audit-events/export", member.account);
        let next = service.settings.public_url.at(&path);
        let link = format!(
            "<{next}?{}before_revision={}>; rel=\"next\"",
            before.others, last.revision
        );
        reply = reply.header(LINK, HeaderValue::try_from(link).map_err(Problem::internal)?);
    }
    Ok(reply.tagged_by_body())
}

/// The events that fit, and whether there are more. The last decision goes to the next table where it does not fit whole;
/// nothing where it is the only one.
fn whole_decisions(mut events: Vec<AuditEvent>, most: usize) -> Option<(Vec<AuditEvent>, bool)> {
    let Some(cut) = events.get(most).map(|event| event.revision) else {
        return Some((events, false));
    };
    events.truncate(most);
    events.retain(|event| event.revision != cut);
    (!events.is_empty()).then_some((events, true))
}

fn cells(event: &AuditEvent) -> [String; 12] {
    let change = |value: &AuditValue| json!({"field": value.field, "before": value.before, "after": value.after});
    let changes: Vec<Value> = event.values.iter().map(change).collect();
    let maybe = |text: &Option<String>| text.clone().unwrap_or_default();
    [
        event.id.to_string(),
        event.revision.to_string(),
        moment::shown(event.at),
        event.kind.clone(),
        event.actor_kind.clone(),
        maybe(&event.actor_id),
        maybe(&event.on_behalf_of),
        event.subject_kind.clone(),
        event.subject_id.clone(),
        to_value(&event.data).to_string(),
        Value::from(changes).to_string(),
        maybe(&event.request_id),
    ]
}

#[cfg(test)]
mod tests {
    use accounts_domain::ids::EventId;
    use chrono::DateTime;

    use super::*;

    fn event(revision: i64, position: i32) -> AuditEvent {
        AuditEvent {
            id: EventId::new(),
            account: None,
            user: None,
            revision,
            position,
            at: DateTime::UNIX_EPOCH,
            actor_kind: "user".to_owned(),
            actor_id: None,
            on_behalf_of: None,
            kind: "role.given".to_owned(),
            subject_kind: "contact".to_owned(),
            subject_id: "con_1".to_owned(),
            data: serde_json::Map::new(),
            values: Vec::new(),
            request_id: None,
        }
    }

    #[test]
    fn a_decision_is_not_parted() {
        let events = || vec![event(3, 0), event(2, 0), event(2, 1), event(1, 0)];
        let told = |most| {
            let (events, more) = whole_decisions(events(), most)?;
            Some((events.iter().map(|event| event.revision).collect::<Vec<_>>(), more))
        };
        assert_eq!(told(4), Some((vec![3, 2, 2, 1], false)));
        assert_eq!(told(3), Some((vec![3, 2, 2], true)));
        assert_eq!(told(2), Some((vec![3], true)));
        assert_eq!(told(1), Some((vec![3], true)));
        let together = vec![event(3, 0), event(3, 1)];
        assert_eq!(whole_decisions(together, 1), None);
    }
}
