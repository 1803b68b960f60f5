//! The invitations that wait for whoever is logged in.

use accounts_domain::ids::InvitationId;
use accounts_domain::invitations::InvitationRecord;
use accounts_domain::roster::Roster;
use accounts_store::{Decision, InvitationAnswer};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::PathInvitation;
use super::view::{offered, status};
use crate::describe::answer;
use crate::guards::SignedIn;
use crate::idempotency::Idempotency;
use crate::moment;
use crate::page::{Paging, page};
use crate::problem::{Problem, refusal};
use crate::reply::Reply;
use crate::router::{Routes, routes};

pub(super) fn routes() -> Routes {
    routes![list_my_invitations, accept_my_invitation, decline_my_invitation]
}

/// The account that invites.
#[derive(Debug, Serialize, ToSchema)]
pub struct InvitingAccount {
    /// Its id.
    #[schema(example = "acc_01h455vb4pex5vsknk084sn02q")]
    id: String,
    /// Its name.
    #[schema(example = "Lima Ltd")]
    name: String,
}

/// An invitation to the caller.
#[derive(Debug, Serialize, ToSchema)]
pub struct MyInvitationView {
    /// Its id.
    #[schema(example = "inv_01h455vb4pex5vsknk084sn02q")]
    id: String,
    /// The account that invites.
    account: InvitingAccount,
    /// How whoever invites is called.
    #[schema(required = true, example = "Ana Lima")]
    inviter_name: Option<String>,
    /// The address that was invited: that of the caller's log-in.
    #[schema(example = "bea@lima.example")]
    address: String,
    /// Whether everything is offered, permissions that are added later included.
    all_permissions: bool,
    /// The permissions that are offered; none where everything is.
    #[schema(example = json!(["contacts:view"]))]
    permissions: Vec<String>,
    /// `pending`, `accepted`, `declined`, `revoked` or `expired`.
    #[schema(example = "pending")]
    status: String,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it ends unanswered.
    #[schema(format = DateTime)]
    expires_at: String,
}

page! {
    /// A page of invitations to the caller.
    MyInvitationPage of MyInvitationView
}

impl MyInvitationView {
    pub(crate) fn of(roster: &Roster, record: &InvitationRecord, at: DateTime<Utc>) -> Self {
        let invitation = &record.invitation;
        let account = roster.account();
        let (all_permissions, permissions) = offered(&invitation.permissions);
        Self {
            id: invitation.id.to_string(),
            account: InvitingAccount {
                id: account.id.to_string(),
                name: account.profile.name.to_string(),
            },
            inviter_name: record.inviter_name.as_ref().map(ToString::to_string),
            address: invitation.address.to_string(),
            all_permissions,
            permissions,
            status: status(roster, record, at),
            created_at: moment::shown(invitation.created_at),
            expires_at: moment::shown(invitation.expires_at),
        }
    }
}

/// List my invitations
///
/// Those to the address that the caller logs in with and that have time left, the latest first (K-10).
#[utoipa::path(
    get,
    path = "/v1/me/invitations",
    tag = "me",
    responses((status = 200, description = "A page of invitations.", body = MyInvitationPage), answer::NotModified)
)]
async fn list_my_invitations(person: SignedIn, paging: Paging<String>) -> Result<Reply, Problem> {
    let at = person.by.at;
    let after = paging.after.as_deref().and_then(|id| id.parse().ok());
    let limit = i64::try_from(paging.limit + 1).unwrap_or(i64::MAX);
    let store = &person.service.store;
    let found = store.invitations_to(person.user.id, after, limit, at).await?;
    let page = paging.page(found, |(_, record)| record.invitation.id.to_string());
    Ok(page
        .map(|(roster, record)| MyInvitationView::of(&roster, &record, at))
        .reply()
        .tagged_by_body())
}

/// Accept an invitation
///
/// The caller is a member of the account from now on, with the log-in there is (K-03, K-11).
#[utoipa::path(
    post,
    path = "/v1/me/invitations/{invitation}/accept",
    tag = "me",
    responses(
        (status = 200, description = "The invitation, accepted.", body = MyInvitationView),
        refusal::NotFound,
        refusal::AccountSuspended,
        refusal::AccountClosed,
        refusal::AlreadyMember,
        refusal::InvitationEnded,
    )
)]
async fn accept_my_invitation(
    person: SignedIn,
    PathInvitation(id): PathInvitation,
    key: Idempotency,
) -> Result<Reply, Problem> {
    respond(&person, id, InvitationAnswer::Accept, key).await
}

/// Decline an invitation
///
/// It ends, and its link with it.
#[utoipa::path(
    post,
    path = "/v1/me/invitations/{invitation}/decline",
    tag = "me",
    responses(
        (status = 200, description = "The invitation, declined.", body = MyInvitationView),
        refusal::NotFound,
        refusal::AccountSuspended,
        refusal::AccountClosed,
        refusal::InvitationEnded,
    )
)]
async fn decline_my_invitation(
    person: SignedIn,
    PathInvitation(id): PathInvitation,
    key: Idempotency,
) -> Result<Reply, Problem> {
    respond(&person, id, InvitationAnswer::Decline, key).await
}

async fn respond(
    person: &SignedIn,
    id: InvitationId,
    with_what: InvitationAnswer,
    key: Idempotency,
) -> Result<Reply, Problem> {
    let at = person.by.at;
    let reply = move |decision: &Decision, record: &InvitationRecord| {
        Reply::ok(&MyInvitationView::of(&decision.after, record, at))
    };
    let caller = person.name();
    key.once(&person.service, &caller, |keep| async move {
        let act = person.act(keep);
        let kept = move |decision: &Decision, record: &InvitationRecord| reply(decision, record).kept();
        let store = &person.service.store;
        let decided = store.answer_invitation(id, person.user.id, with_what, &act, kept).await;
        person.service.mail_waits.notify_one();
        let (decision, record) = decided?;
        Ok(reply(&decision, &record))
    })
    .await
}
