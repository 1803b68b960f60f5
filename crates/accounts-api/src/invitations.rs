//! Invitations: made and managed by members who may, and answered by whoever was invited.

mod body;
mod links;
mod mine;
mod view;

use accounts_domain::actor::By;
use accounts_domain::change::Change;
use accounts_domain::ids::{InvitationId, SendingId};
use accounts_domain::invitations::{InvitationOutcome, InvitationRecord, ResendInvitation};
use accounts_domain::roster::Roster;
use accounts_domain::violation::Violation;
use accounts_store::{Decision, InvitationFilter, InviteEntry, Invited};
use utoipa::IntoParams;

use crate::body::Checked;
use crate::describe::{answer, id_schema};
use crate::guards::{ManagesMembers, Member, ViewsMembers};
use crate::idempotency::Idempotency;
use crate::limits::Limits;
use crate::page::{Paging, page};
use crate::path::path_values;
use crate::precondition::IfMatch;
use crate::problem::{FieldCode, FieldFault, Problem, refusal};
use crate::query::{Asked, Filters, Query};
use crate::reply::Reply;
use crate::router::{Routes, routes};
use crate::texts::Wanted;

use body::{InvitationBatchBody, InvitationBody, NewInvitation};
pub(crate) use mine::MyInvitationView;
use view::{InvitationBatch, InvitationResult};
pub(crate) use view::{InvitationView, offered};

path_values! {
    /// The invitation.
    PathInvitation(InvitationId) = "invitation", id_schema("inv");
}

pub(crate) fn routes() -> Routes {
    routes![
        list_invitations,
        invite,
        invite_batch,
        read_invitation,
        resend_invitation,
        revoke_invitation
    ]
    .and(links::routes())
    .and(mine::routes())
}

page! {
    /// A page of invitations.
    InvitationPage of InvitationView
}

/// Which invitations are listed.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct InvitationFilters {
    /// Those that stand so now, or in any of these ways: `pending`, `accepted`, `declined`, `revoked` or `expired`.
    #[param(max_length = 10)]
    status: Vec<String>,
}

impl Filters for InvitationFilters {
    fn read(query: &mut Query) -> Self {
        let status: Vec<String> = query.any("status");
        let known = |name: &String| name == "pending" || InvitationOutcome::from_name(name).is_some();
        if !status.iter().all(known) {
            let outcomes = InvitationOutcome::ALL.map(InvitationOutcome::as_str);
            query.add(
                "status",
                FieldFault::not_allowed(["pending"].into_iter().chain(outcomes)),
            );
        }
        Self { status }
    }
}

impl InvitationFilters {
    /// The filter at that moment; none where nothing was asked for.
    fn at(&self, roster: &Roster, by: By) -> Option<InvitationFilter> {
        let outcomes = self.status.iter().filter_map(|name| InvitationOutcome::from_name(name));
        (!self.status.is_empty()).then(|| InvitationFilter {
            pending: self.status.iter().any(|name| name == "pending"),
            outcomes: outcomes.collect(),
            groundless: roster.groundless_invitations(by.at),
            at: by.at,
        })
    }
}

/// List invitations
///
/// The latest first, those that have ended among them for three months. How each stands is worked out now: one that
/// nobody answered in time has expired, and one whose inviter could not make it any more is revoked.
#[utoipa::path(
    get,
    path = "/v1/accounts/{account}/invitations",
    tag = "members",
    responses((status = 200, description = "A page of invitations.", body = InvitationPage), answer::NotModified)
)]
async fn list_invitations(
    member: ViewsMembers,
    Asked(filters): Asked<InvitationFilters>,
    paging: Paging<String>,
) -> Result<Reply, Problem> {
    let by = member.by();
    let after = paging.after.as_deref().and_then(|id| id.parse().ok());
    let limit = i64::try_from(paging.limit + 1).unwrap_or(i64::MAX);
    let store = &member.person.service.store;
    let filter = filters.at(&member.roster, by);
    let found = store.invitations(member.account, filter, after, limit).await?;
    let page = paging.page(found, |record| record.invitation.id.to_string());
    Ok(page
        .map(|record| InvitationView::of(&member.roster, &record, by.at))
        .reply()
        .tagged_by_body())
}

/// Invite somebody
///
/// Mails a link to the address (U-13, U-17). Whoever follows it becomes a member with the permissions chosen here
/// (U-14 to U-16, K-08), and nothing is open to them before (U-19). Nobody invites with more than they have. An
/// invitation for a contact makes a log-in of the contact (L-08, L-10).
#[utoipa::path(
    post,
    path = "/v1/accounts/{account}/invitations",
    tag = "members",
    responses(
        (status = 201, description = "The invitation; its mail is on its way.", body = InvitationView),
        refusal::CannotGrant,
        refusal::AccountSuspended,
        refusal::AlreadyMember,
        refusal::InvitationWaiting,
        refusal::InvitationLimitReached,
        refusal::LoginNotOffered,
        refusal::ContactIsOwner,
        refusal::ContactHasOtherAddress,
        refusal::TooManyRequests,
    )
)]
async fn invite(
    member: ManagesMembers,
    Checked(new): Checked<InvitationBody>,
    key: Idempotency,
) -> Result<Reply, Problem> {
    require_contacts(&member, std::slice::from_ref(&new), |_| "/contact_id".to_owned())?;
    let by = member.by();
    let account = member.account;
    let answer = move |decision: &Decision, invited: &Invited| {
        let Some(Ok(record)) = invited.first() else {
            return Reply::no_content();
        };
        let location = format!("/v1/accounts/{account}/invitations/{}", record.invitation.id);
        Reply::created(&location, &InvitationView::of(&decision.after, record, by.at)).tagged_by_body()
    };
    send(&member, vec![new], key, refused_alone, answer).await
}

/// Invite up to 100 people
///
/// Each as if alone, with a result each in the order of the request: the invitation, or why there is none. Of several
/// to one address the first is made. An entry that cannot be read, or names what the catalog does not have, refuses the
/// whole call before anybody is invited.
#[utoipa::path(
    post,
    path = "/v1/accounts/{account}/invitations/batch",
    tag = "members",
    responses(
        (status = 200, description = "What has become of each.", body = InvitationBatch),
        refusal::AccountSuspended,
        refusal::TooManyRequests,
    )
)]
async fn invite_batch(
    member: ManagesMembers,
    Checked(new): Checked<InvitationBatchBody>,
    Wanted(language): Wanted,
    key: Idempotency,
) -> Result<Reply, Problem> {
    require_contacts(&member, &new, |index| format!("/invitations/{index}/contact_id"))?;
    let by = member.by();
    let addresses: Vec<String> = new.iter().map(|new| new.address.to_string()).collect();
    let answer = move |decision: &Decision, invited: &Invited| {
        let result = |(address, outcome): (&String, &Result<InvitationRecord, Violation>)| {
            InvitationResult::of(&decision.after, address, outcome, by.at, language)
        };
        let results = addresses.iter().zip(invited).map(result).collect();
        Reply::ok(&InvitationBatch { results }).in_language(language)
    };
    send(&member, new, key, |_| None, answer).await
}

/// What stands against one that is alone stands against the whole request.
fn refused_alone(invited: &Invited) -> Option<Violation> {
    invited.first().and_then(|outcome| outcome.as_ref().err().cloned())
}

/// Refuses contacts that the account does not have, each where it stands.
fn require_contacts(member: &Member, new: &[NewInvitation], pointer: impl Fn(usize) -> String) -> Result<(), Problem> {
    for (index, new) in new.iter().enumerate() {
        if new
            .contact
            .is_some_and(|contact| member.roster.contact(contact).is_err())
        {
            return Err(Problem::invalid_field(&pointer(index), FieldCode::UnknownContact));
        }
    }
    Ok(())
}

async fn send<A>(
    member: &Member,
    new: Vec<NewInvitation>,
    key: Idempotency,
    refused: fn(&Invited) -> Option<Violation>,
    answer: A,
) -> Result<Reply, Problem>
where
    A: Fn(&Decision, &Invited) -> Reply + Clone + Send + 'static,
{
    let person = &member.person;
    let name = Some(person.user.display_name.clone());
    let language = member.roster.account().profile.language;
    let entry = |new: NewInvitation| {
        let throttles = Limits::invitations_of(member.account, new.address.key()).into();
        let command = new.command(name.clone(), language);
        InviteEntry { command, throttles }
    };
    let entries: Vec<InviteEntry> = new.into_iter().map(entry).collect();
    let caller = person.name();
    key.once(&person.service, &caller, |keep| async move {
        let act = person.act(keep);
        let kept = answer.clone();
        let kept = move |decision: &Decision, invited: &Invited| kept(decision, invited).kept();
        let store = &person.service.store;
        let sent = store.invite(member.account, entries, refused, &act, kept).await;
        person.service.mail_waits.notify_one();
        let (decision, invited) = sent?;
        Ok(answer(&decision, &invited))
    })
    .await
}

/// Read an invitation
///
/// How it stands now.
#[utoipa::path(
    get,
    path = "/v1/accounts/{account}/invitations/{invitation}",
    tag = "members",
    responses((status = 200, description = "The invitation.", body = InvitationView), answer::NotModified)
)]
async fn read_invitation(member: ViewsMembers, PathInvitation(id): PathInvitation) -> Result<Reply, Problem> {
    let store = &member.person.service.store;
    let found = store.invitation(member.account, id).await?;
    let record = found.ok_or_else(Problem::not_found)?;
    Ok(shown(&member.roster, &record, member.by()))
}

/// Send an invitation again
///
/// The same invitation with another link: the one before is dead, and the new one works as long as the first did. One
/// that nobody answered in time is alive again, for thirty days after its end.
#[utoipa::path(
    post,
    path = "/v1/accounts/{account}/invitations/{invitation}/resend",
    tag = "members",
    responses(
        (status = 200, description = "The invitation; its mail is on its way.", body = InvitationView),
        refusal::CannotGrant,
        refusal::AccountSuspended,
        refusal::AlreadyMember,
        refusal::InvitationNotPending,
        refusal::TooSoon,
        refusal::TooManyRequests,
    )
)]
async fn resend_invitation(
    member: ManagesMembers,
    PathInvitation(id): PathInvitation,
    key: Idempotency,
) -> Result<Reply, Problem> {
    let by = member.by();
    let command = ResendInvitation {
        sending: SendingId::new(),
        by_name: Some(member.person.user.display_name.clone()),
    };
    let reply = move |decision: &Decision, record: &InvitationRecord| shown(&decision.after, record, by);
    let decide =
        move |roster: &Roster, record: &InvitationRecord, known| roster.resend_invitation(by, record, &command, known);
    let (person, account) = (&member.person, member.account);
    let caller = person.name();
    key.once(&person.service, &caller, |keep| async move {
        let act = person.act(keep);
        let limits =
            move |record: &InvitationRecord| Limits::invitations_of(account, record.invitation.address.key()).into();
        let kept = move |decision: &Decision, record: &InvitationRecord| reply(decision, record).kept();
        let store = &person.service.store;
        let decided = store.decide_invitation(account, id, limits, &act, decide, kept).await;
        person.service.mail_waits.notify_one();
        let (decision, record) = decided?;
        Ok(reply(&decision, &record))
    })
    .await
}

/// Revoke an invitation
///
/// Its link is dead from now on. One that was accepted is undone by removing the member.
#[utoipa::path(
    delete,
    path = "/v1/accounts/{account}/invitations/{invitation}",
    tag = "members",
    responses(
        (status = 204, description = "The invitation is revoked."),
        refusal::AccountSuspended,
        refusal::InvitationNotPending,
    )
)]
async fn revoke_invitation(
    member: ManagesMembers,
    PathInvitation(id): PathInvitation,
    if_match: IfMatch,
) -> Result<Reply, Problem> {
    let by = member.by();
    let decide = move |roster: &Roster, record: &InvitationRecord, _| -> Result<Vec<Change>, Violation> {
        if_match.admits_read(|| shown(roster, record, by))?;
        roster.revoke_invitation(by, record)
    };
    let unkept = |_: &Decision, _: &InvitationRecord| Reply::no_content().kept();
    let person = &member.person;
    let store = &person.service.store;
    store
        .decide_invitation(member.account, id, |_| Vec::new(), &person.act(None), decide, unkept)
        .await?;
    Ok(Reply::no_content())
}

fn shown(roster: &Roster, record: &InvitationRecord, by: By) -> Reply {
    Reply::ok(&InvitationView::of(roster, record, by.at)).tagged_by_body()
}
