//! Contacts that operators erase, for somebody who asked the provider to be forgotten.

use std::sync::Arc;

use accounts_store::Decision;

use super::{PathAccount, ReasonBody};
use crate::body::Checked;
use crate::consequences::Consequences;
use crate::contacts::PathContact;
use crate::guards::Admin;
use crate::problem::{Problem, refusal};
use crate::query::Preview;
use crate::reply::Reply;
use crate::router::{Routes, routes};

pub(super) fn routes() -> Routes {
    routes![erase_any_contact]
}

/// Erase any contact
///
/// For somebody who asked the provider to: what `POST /v1/accounts/{account}/contacts/{contact}/erase` does, also in an
/// account that is suspended or closed, and for a contact that was removed before, of whom the audit log still tells. The
/// reason stays where the person does not, so it names nobody. Asked once more the answer is 404, because nothing tells of
/// anybody any more.
#[utoipa::path(
    post,
    path = "/v1/operator/accounts/{account}/contacts/{contact}/erase",
    tag = "operators",
    responses(
        (status = 200, description = "What was changed, or with `dry_run` what would be.", body = Consequences),
        refusal::ContactHoldsRoles,
        refusal::ContactIsOwner,
    )
)]
async fn erase_any_contact(
    admin: Admin,
    PathAccount(account): PathAccount,
    PathContact(contact): PathContact,
    Checked(reason): Checked<ReasonBody>,
    Preview { dry_run }: Preview,
) -> Result<Reply, Problem> {
    let store = &admin.service.store;
    let decision = if dry_run {
        let roster = store.roster(account).await?.ok_or_else(Problem::not_found)?;
        let changes = roster.erase_contact_on_request(admin.by, contact)?;
        Decision::new(Arc::new(roster), changes, &admin.act(None))
    } else {
        store
            .erase_contact_because(account, contact, reason, &admin.act(None))
            .await?
    };
    Ok(Reply::ok(&Consequences::of(&decision, admin.by, dry_run)))
}
