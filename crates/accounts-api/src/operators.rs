//! What the provider's staff does, under `/v1/operator`: each change with a reason that the customer can read.

mod accounts;
mod audit_events;
mod impersonation;
mod sessions;
mod users;

use accounts_domain::ids::{AccountId, UserId};
use accounts_domain::names::Reason;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::body::{Faults, Parse};
use crate::describe::id_schema;
use crate::path::path_values;
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
        .and(users::routes())
        .and(impersonation::routes())
        .and(audit_events::routes())
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
