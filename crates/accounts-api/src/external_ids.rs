//! Accounts by the provider's own customer number, for integrations.

use accounts_domain::accounts::OpenForCustomer;
use accounts_domain::ids::{AccountId, ContactId, VerificationId};
use accounts_domain::names::ExternalId;
use accounts_domain::roster::{AccountProfile, Roster};
use serde_json::json;

use crate::accounts::AccountView;
use crate::body::Checked;
use crate::describe::answer;
use crate::guards::{OpensAccounts, ViewsAccounts};
use crate::limits::Limits;
use crate::path::path_values;
use crate::precondition::{IfMatch, Tag};
use crate::problem::{Problem, refusal};
use crate::reply::Reply;
use crate::router::{Routes, routes};
use crate::sign_ups::{NewSignUp, SignUpBody};

path_values! {
    /// The provider's customer number.
    PathExternalId(ExternalId) = "external_id", json!({"type": "string", "minLength": 1, "maxLength": 100});
}

pub(crate) fn routes() -> Routes {
    routes![find_account, open_or_find_account]
}

/// Find an account by your number
///
/// The account that was opened with this number.
#[utoipa::path(
    get,
    path = "/v1/accounts/by-external-id/{external_id}",
    tag = "integrations",
    responses((status = 200, description = "The account.", body = AccountView), answer::NotModified)
)]
async fn find_account(caller: ViewsAccounts, PathExternalId(number): PathExternalId) -> Result<Reply, Problem> {
    let found = caller.service.store.account_by_external_id(number).await?;
    let found = found.ok_or_else(Problem::not_found)?;
    Ok(shown(&found))
}

/// Open an account under your number, or find it
///
/// On the first order, say: always 200, with one account for one number however often it is asked for. The account is
/// owned by the person named here, who is told by mail, chooses a password by the link in it, and so takes the account
/// over; until then nobody enters it. What is said of an account that is there already changes nothing; where its owner
/// has not followed the mail in time, it is sent again.
#[utoipa::path(
    put,
    path = "/v1/accounts/by-external-id/{external_id}",
    tag = "integrations",
    responses(
        (status = 200, description = "The account.", body = AccountView),
        refusal::AccountSuspended,
        refusal::AccountClosed,
        refusal::TooManyRequests,
    )
)]
async fn open_or_find_account(
    caller: OpensAccounts,
    PathExternalId(number): PathExternalId,
    if_match: IfMatch,
    Checked(new): Checked<SignUpBody>,
) -> Result<Reply, Problem> {
    let (store, at) = (&caller.service.store, caller.by.at);
    let link = VerificationId::new();
    let found = store.account_by_external_id(number.clone()).await?;
    match &found {
        Some(found) => if_match.check(&Tag::version(found.account().version))?,
        None => if_match.check_absent()?,
    }
    if let Some(found) = found
        && found.activation(at, link).is_none()
    {
        return Ok(shown(&found));
    }
    Limits::verifications_of(new.address.key())
        .admit(&caller.service, at)
        .await?;
    let opened = store.open_or_find(command(number, link, new), &caller.act()).await;
    caller.service.mail_waits.notify_one();
    Ok(shown(&opened?))
}

fn command(external_id: ExternalId, verification: VerificationId, new: NewSignUp) -> OpenForCustomer {
    OpenForCustomer {
        account: AccountId::new(),
        external_id,
        contact: ContactId::new(),
        verification,
        profile: AccountProfile {
            name: new.account,
            language: new.owner.language,
            phone: None,
            postal_address: None,
            tax_id: None,
        },
        owner: new.owner,
        address: new.address,
    }
}

fn shown(roster: &Roster) -> Reply {
    Reply::ok(&AccountView::of(roster)).version(roster.account().version)
}
