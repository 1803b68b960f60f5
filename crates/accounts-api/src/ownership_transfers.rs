//! Ownership transfers: at once or on acceptance, as the catalog says.

use accounts_domain::ids::{ContactId, TransferId, UserId};
use accounts_domain::ownership::{Transfer, TransferOutcome, TransferOwnership};
use accounts_domain::roster::Roster;
use accounts_store::Decision;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::body::{Checked, Faults, Parse};
use crate::consequences::Consequences;
use crate::contacts::ContactRef;
use crate::describe::{answer, id_schema};
use crate::guards::{Member, MemberInPerson, Owner};
use crate::idempotency::Idempotency;
use crate::moment;
use crate::page::{Paging, page};
use crate::path::path_values;
use crate::problem::{FieldCode, Problem, refusal};
use crate::query::Preview;
use crate::reply::Reply;
use crate::router::{Routes, routes};

path_values! {
    /// The transfer.
    PathTransfer(TransferId) = "transfer", id_schema("trf");
}

pub(crate) fn routes() -> Routes {
    routes![
        list_ownership_transfers,
        transfer_ownership,
        read_ownership_transfer,
        accept_ownership_transfer,
        decline_ownership_transfer,
        cancel_ownership_transfer,
    ]
}

/// An ownership transfer.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TransferView {
    /// Its id.
    #[schema(example = "trf_01h455vb4pex5vsknk084sn02q")]
    id: String,
    /// `pending`, `accepted`, `declined`, `cancelled` or `expired`.
    #[schema(example = "pending")]
    status: String,
    /// The owner who gives the account away.
    from: ContactRef,
    /// The contact who is to own it.
    to: ContactRef,
    /// When it was asked for.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it ends unanswered.
    #[schema(format = DateTime)]
    expires_at: String,
    /// When it ended.
    #[schema(format = DateTime, required = true)]
    ended_at: Option<String>,
}

page! {
    /// A page of ownership transfers.
    TransferPage of TransferView
}

impl TransferView {
    fn of(roster: &Roster, transfer: &Transfer, at: DateTime<Utc>) -> Self {
        let request = &transfer.request;
        let lapsed = (transfer.ended.is_none() && request.expires_at <= at).then_some(request.expires_at);
        Self {
            id: request.id.to_string(),
            status: transfer
                .outcome(at)
                .map_or("pending", TransferOutcome::as_str)
                .to_owned(),
            from: ContactRef::of(request.from, &[roster]),
            to: ContactRef::of(request.to, &[roster]),
            created_at: moment::shown(request.created_at),
            expires_at: moment::shown(request.expires_at),
            ended_at: transfer.ended.map(|(_, ended)| ended).or(lapsed).map(moment::shown),
        }
    }

    fn reply(roster: &Roster, transfer: &Transfer, at: DateTime<Utc>) -> Reply {
        Reply::ok(&Self::of(roster, transfer, at)).tagged_by_body()
    }
}

/// List ownership transfers
///
/// The latest first, the one that waits among them. Every member may see them: the one to whom the account is offered
/// must find the offer.
#[utoipa::path(
    get,
    path = "/v1/accounts/{account}/ownership-transfers",
    tag = "ownership",
    responses((status = 200, description = "A page of transfers.", body = TransferPage), answer::NotModified)
)]
async fn list_ownership_transfers(member: Member, paging: Paging<String>) -> Result<Reply, Problem> {
    let after = paging.after.as_deref().and_then(|id| id.parse().ok());
    let limit = i64::try_from(paging.limit + 1).unwrap_or(i64::MAX);
    let found = member
        .person
        .service
        .store
        .transfers(member.account, after, limit)
        .await?;
    let at = member.by().at;
    let page = paging.page(found, |transfer| transfer.request.id.to_string());
    Ok(page
        .map(|transfer| TransferView::of(&member.roster, &transfer, at))
        .reply()
        .tagged_by_body())
}

/// The contact who is to own the account.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"contact_id": "con_01h455vb4pex5vsknk084sn02q"}))]
pub struct TransferBody {
    /// A contact of the account that is verified, with a log-in that does not end.
    #[schema(
        required = true,
        nullable = false,
        min_length = 30,
        max_length = 30,
        pattern = "^con_[0-7][0-9a-hjkmnp-tv-z]{25}$"
    )]
    contact_id: Option<String>,
}

impl Parse for TransferBody {
    type Parsed = ContactId;

    fn parse(self, faults: &mut Faults) -> Option<ContactId> {
        faults.text("contact_id", self.contact_id, |text| {
            text.parse().map_err(|_| FieldCode::InvalidFormat)
        })
    }
}

/// Transfer the ownership
///
/// At once, or as an offer that the contact accepts within seven days, as the catalog says. Only the owner gives the
/// account away (M-55, M-60). Where contacts never log in, the account goes to the member who logs in with the contact's
/// main address, and who is the contact from then on; another main address ends an offer. With `dry_run` the answer is
/// exactly what would change.
#[utoipa::path(
    post,
    path = "/v1/accounts/{account}/ownership-transfers",
    tag = "ownership",
    responses(
        (status = 200, description = "With `dry_run`: what would change.", body = Consequences),
        (status = 201, description = "The transfer, waiting or done.", body = TransferView),
        refusal::AccountSuspended,
        refusal::ContactIsOwner,
        refusal::ContactNotVerified,
        refusal::ContactHasNoLogin,
        refusal::TransferPending,
    )
)]
async fn transfer_ownership(
    owner: Owner,
    Preview { dry_run }: Preview,
    Checked(to): Checked<TransferBody>,
    key: Idempotency,
) -> Result<Reply, Problem> {
    if owner.roster.contact(to).is_err() {
        return Err(Problem::invalid_field("/contact_id", FieldCode::UnknownContact));
    }
    let id = TransferId::new();
    let command = TransferOwnership { id, to };
    let (by, account) = (owner.by(), owner.account);
    if dry_run {
        let known = owner.person.service.store.successor(&owner.roster, to).await?;
        let decision = owner.preview(|roster, by| roster.transfer_ownership(by, &command, known))?;
        return Ok(Reply::ok(&Consequences::of(&decision, by, true)));
    }
    let decide = move |roster: &Roster, by, known| roster.transfer_ownership(by, &command, known);
    let answer = move |decision: &Decision| {
        let Some(transfer) = made(decision, id, by.at) else {
            return Reply::no_content();
        };
        let location = format!("/v1/accounts/{account}/ownership-transfers/{id}");
        let view = TransferView::of(&decision.after, &transfer, by.at);
        Reply::created(&location, &view).tagged_by_body()
    };
    owner.decide_owner_once(key, to, decide, answer).await
}

/// The transfer that a decision made, ended already where it acts at once.
fn made(decision: &Decision, id: TransferId, at: DateTime<Utc>) -> Option<Transfer> {
    use accounts_domain::change::Change;
    let mut made = None;
    for change in &decision.changes {
        if let Change::TransferRequested { transfer } = change {
            made = Some(Transfer {
                request: transfer.clone(),
                ended: None,
                version: 1,
            });
        } else if let Change::TransferEnded { transfer, outcome } = change
            && *transfer == id
            && let Some(made) = &mut made
        {
            made.ended = Some((*outcome, at));
            made.version += 1;
        }
    }
    made
}

/// Read an ownership transfer
///
/// How it stands now: one that nobody answered in time has expired.
#[utoipa::path(
    get,
    path = "/v1/accounts/{account}/ownership-transfers/{transfer}",
    tag = "ownership",
    responses((status = 200, description = "The transfer.", body = TransferView), answer::NotModified)
)]
async fn read_ownership_transfer(member: Member, PathTransfer(id): PathTransfer) -> Result<Reply, Problem> {
    let found = member
        .person
        .service
        .store
        .transfer(member.account, id)
        .await?
        .ok_or_else(Problem::not_found)?;
    Ok(TransferView::reply(&member.roster, &found, member.by().at))
}

/// Accept an ownership transfer
///
/// Only the person to whom the account was offered: the contact or, where contacts never log in, the member who logs in
/// with its main address.
#[utoipa::path(
    post,
    path = "/v1/accounts/{account}/ownership-transfers/{transfer}/accept",
    tag = "ownership",
    responses(
        (status = 200, description = "The transfer, accepted.", body = TransferView),
        refusal::AccountSuspended,
        refusal::OtherPerson,
        refusal::NoPendingTransfer,
        refusal::ContactNotVerified,
        refusal::ContactHasNoLogin,
    )
)]
async fn accept_ownership_transfer(
    member: MemberInPerson,
    PathTransfer(id): PathTransfer,
    key: Idempotency,
) -> Result<Reply, Problem> {
    answer(&member, id, key, Roster::accept_transfer).await
}

/// Decline an ownership transfer
///
/// Only the person to whom the account was offered.
#[utoipa::path(
    post,
    path = "/v1/accounts/{account}/ownership-transfers/{transfer}/decline",
    tag = "ownership",
    responses(
        (status = 200, description = "The transfer, declined.", body = TransferView),
        refusal::AccountSuspended,
        refusal::OtherPerson,
        refusal::NoPendingTransfer,
        refusal::ContactHasNoLogin,
    )
)]
async fn decline_ownership_transfer(
    member: MemberInPerson,
    PathTransfer(id): PathTransfer,
    key: Idempotency,
) -> Result<Reply, Problem> {
    answer(&member, id, key, Roster::decline_transfer).await
}

/// Cancel an ownership transfer
///
/// Only the owner, while nobody has answered.
#[utoipa::path(
    post,
    path = "/v1/accounts/{account}/ownership-transfers/{transfer}/cancel",
    tag = "ownership",
    responses(
        (status = 200, description = "The transfer, cancelled.", body = TransferView),
        refusal::AccountSuspended,
        refusal::NoPendingTransfer,
    )
)]
async fn cancel_ownership_transfer(
    owner: Owner,
    PathTransfer(id): PathTransfer,
    key: Idempotency,
) -> Result<Reply, Problem> {
    let cancel: Rule = |roster, by, transfer, _| roster.cancel_transfer(by, transfer);
    answer(&owner, id, key, cancel).await
}

type Rule = fn(
    &Roster,
    accounts_domain::actor::By,
    &Transfer,
    Option<UserId>,
) -> Result<Vec<accounts_domain::change::Change>, accounts_domain::violation::Violation>;

async fn answer(member: &Member, id: TransferId, key: Idempotency, rule: Rule) -> Result<Reply, Problem> {
    let by = member.by();
    let person = &member.person;
    let store = &person.service.store;
    let reply = move |decision: &Decision, transfer: &Transfer| TransferView::reply(&decision.after, transfer, by.at);
    let caller = person.name();
    key.once(&person.service, &caller, |keep| async move {
        let act = person.act(keep);
        let decide = move |roster: &Roster, transfer: &Transfer, known| rule(roster, by, transfer, known);
        let kept = move |decision: &Decision, transfer: &Transfer| reply(decision, transfer).kept();
        let decided = store.decide_transfer(member.account, id, &act, decide, kept).await;
        person.service.mail_waits.notify_one();
        let (decision, transfer) = decided?;
        Ok(reply(&decision, &transfer))
    })
    .await
}
