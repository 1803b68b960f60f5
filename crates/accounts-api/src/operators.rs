//! What the provider's staff does, under `/v1/operator`: each change with a reason that the customer can read.

mod accounts;
mod audit_events;
mod contacts;
mod impersonation;
mod integrations;
mod mails;
mod sessions;
mod users;

use accounts_domain::ids::{AccountId, UserId};
use accounts_domain::names::Reason;
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::body::{Faults, Parse};
use crate::describe::{Describe, Description, id_schema};
use crate::gate::{Held, Rank, held};
use crate::path::path_values;
use crate::problem::{FieldCode, Problem};
use crate::query::{self, Query};
use crate::router::Routes;

path_values! {
    /// The account.
    PathAccount(AccountId) = "account", id_schema("acc");
    /// The user.
    PathUser(UserId) = "user", id_schema("usr");
}

pub(crate) fn routes() -> Routes {
    sessions::routes()
        .and(accounts::routes())
        .and(contacts::routes())
        .and(users::routes())
        .and(impersonation::routes())
        .and(integrations::routes())
        .and(audit_events::routes())
        .and(mails::routes())
}

/// Why an operator does it.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"reason": "The customer asked us to, ticket 4711"}))]
pub struct ReasonBody {
    /// The reason, which stays in the audit log.
    #[schema(required = true, nullable = false, min_length = 1, max_length = 500)]
    reason: Option<String>,
}

impl Parse for ReasonBody {
    type Parsed = Reason;

    fn parse(self, faults: &mut Faults) -> Option<Reason> {
        faults.text("reason", self.reason, Reason::parse)
    }
}

/// Why an operator removes something: `?reason=…`, because what removes has no body.
#[derive(Debug)]
pub struct Because(pub Reason);

impl FromRequest for Because {
    type Error = Problem;
    type Future = Held<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let unseen = || Problem::internal("a parameter was refused without a fault");
        let reason = query::read(request, reason_of).and_then(|reason| reason.map(Self).ok_or_else(unseen));
        held(request, Rank::Value, reason)
    }
}

impl Describe for Because {
    fn describe(description: &mut Description) {
        description.parameter(json!({
            "name": "reason",
            "in": "query",
            "required": true,
            "description": "The reason, which stays in the audit log.",
            "schema": {"type": "string", "minLength": 1, "maxLength": Reason::MAX},
            "example": "The key was found in a public repository, ticket 4711",
        }));
    }
}

/// `None` only together with a fault.
fn reason_of(query: &mut Query) -> Option<Reason> {
    if query.others(&[]).iter().all(|(name, _)| *name != "reason") {
        query.add("reason", FieldCode::Required);
        return None;
    }
    match Reason::parse(&query.one("reason")?) {
        Ok(reason) => Some(reason),
        Err(fault) => {
            query.add("reason", fault);
            None
        }
    }
}
