//! Requests to join (K-09): a person asks for access, and whoever manages the members of the account decides.

use accounts_domain::address::EmailAddress;
use accounts_domain::change::Change;
use accounts_domain::ids::{AccountId, JoinRequestId};
use accounts_domain::join_requests::{Asked, Asking, JoinRequest};
use accounts_domain::members::MemberPerson;
use accounts_domain::names::JoinMessage;
use accounts_domain::permission::Permissions;
use accounts_domain::roster::Roster;
use accounts_domain::violation::Violation;
use accounts_store::Decision;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::body::{Checked, Faults, Parse};
use crate::client::ClientAddress;
use crate::describe::{answer, id_schema};
use crate::guards::{ManagesMembers, Member, SignedIn};
use crate::idempotency::Idempotency;
use crate::limits::{Evenly, Limits};
use crate::moment;
use crate::page::{Paging, page};
use crate::path::path_values;
use crate::permissions;
use crate::problem::{Code, FieldCode, Problem, refusal};
use crate::reply::Reply;
use crate::router::{Routes, routes};
use crate::sign_ups::{Accepted, accepted};

path_values! {
    /// The request to join.
    PathRequest(JoinRequestId) = "request", id_schema("jrq");
}

pub(crate) fn routes() -> Routes {
    routes![
        ask_to_join,
        list_my_join_requests,
        withdraw_join_request,
        list_join_requests,
        accept_join_request,
        decline_join_request
    ]
}

/// A request for access to an account. The account is named by `account_id`, or by `owner_address`.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"owner_address": "ana@lima.example", "message": "I build your shop."}))]
pub struct JoinRequestBody {
    /// The account.
    #[schema(min_length = 30, max_length = 30, pattern = "^acc_[0-7][0-9a-hjkmnp-tv-z]{25}$")]
    account_id: Option<String>,
    /// The address of the account's owner.
    #[schema(min_length = 3, max_length = 254, format = Email)]
    owner_address: Option<String>,
    /// What the person says about it.
    #[schema(min_length = 1, max_length = 500)]
    message: Option<String>,
}

impl Parse for JoinRequestBody {
    type Parsed = (Asked, Option<JoinMessage>);

    fn parse(self, faults: &mut Faults) -> Option<Self::Parsed> {
        match (&self.account_id, &self.owner_address) {
            (None, None) => faults.add_here(FieldCode::Required),
            (Some(_), Some(_)) => faults.add("account_id", FieldCode::Contradictory),
            (Some(_), None) | (None, Some(_)) => {}
        }
        let account = faults.optional_text("account_id", self.account_id, |text| {
            text.parse::<AccountId>().map_err(|_| FieldCode::InvalidFormat)
        });
        let owner = faults.optional_text("owner_address", self.owner_address, EmailAddress::parse);
        let message = faults.optional_text("message", self.message, JoinMessage::parse);
        faults.is_empty().then_some(())?;
        let asked = account.map(Asked::Account).or(owner.map(Asked::OwnerOf))?;
        Some((asked, message))
    }
}

/// With which permissions somebody is let in. One of the three members is needed; an empty list lets in whoever may do
/// nothing yet.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"permissions": ["contacts:view"]}))]
pub struct LetInBody {
    /// `true`: everything, permissions that are added later included (U-15).
    all_permissions: Option<bool>,
    /// A preset of the catalog: the permissions that it stands for now.
    #[schema(pattern = "^[a-z][a-z0-9_]{0,39}$", example = "technical")]
    permission_preset: Option<String>,
    /// These permissions and no others (U-16), which the caller has, too.
    #[schema(max_items = 200, example = json!(["contacts:view"]))]
    permissions: Option<Vec<String>>,
}

impl Parse for LetInBody {
    type Parsed = Permissions;

    fn parse(self, faults: &mut Faults) -> Option<Permissions> {
        if self.all_permissions.is_none() && self.permission_preset.is_none() && self.permissions.is_none() {
            faults.add_here(FieldCode::Required);
        }
        let given = permissions::given(faults, self.all_permissions, self.permission_preset, self.permissions);
        faults.is_empty().then_some(given).flatten()
    }
}

/// A request of the caller, as the caller made it. Whether there is such an account, it does not tell.
#[derive(Debug, Serialize, ToSchema)]
pub struct MyJoinRequestView {
    /// Its id.
    #[schema(example = "jrq_01h455vb4pex5vsknk084sn02q")]
    id: String,
    /// The account that was named.
    #[schema(required = true)]
    account_id: Option<String>,
    /// The address of the owner that was named.
    #[schema(required = true, example = "ana@lima.example")]
    owner_address: Option<String>,
    /// What the caller said about it.
    #[schema(required = true)]
    message: Option<String>,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it ends unanswered.
    #[schema(format = DateTime)]
    expires_at: String,
}

page! {
    /// A page of requests of the caller.
    MyJoinRequestPage of MyJoinRequestView
}

impl MyJoinRequestView {
    pub(crate) fn of(request: &JoinRequest) -> Self {
        let (account, owner) = match &request.asked {
            Asked::Account(id) => (Some(id.to_string()), None),
            Asked::OwnerOf(address) => (None, Some(address.to_string())),
        };
        Self {
            id: request.id.to_string(),
            account_id: account,
            owner_address: owner,
            message: request.message.as_ref().map(ToString::to_string),
            created_at: moment::shown(request.created_at),
            expires_at: moment::shown(request.expires_at),
        }
    }
}

/// A request of somebody for access to the account.
#[derive(Debug, Serialize, ToSchema)]
pub struct JoinRequestView {
    /// Its id.
    #[schema(example = "jrq_01h455vb4pex5vsknk084sn02q")]
    id: String,
    /// Who asks.
    #[schema(example = "usr_01h455vb4pex5vsknk084sn02q")]
    user_id: String,
    /// How the person is called.
    #[schema(example = "Bea Lima")]
    display_name: String,
    /// The address that the person logs in with.
    #[schema(example = "bea@lima.example")]
    address: String,
    /// What the person says about it.
    #[schema(required = true)]
    message: Option<String>,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it ends unanswered.
    #[schema(format = DateTime)]
    expires_at: String,
}

page! {
    /// A page of requests to join.
    JoinRequestPage of JoinRequestView
}

impl JoinRequestView {
    pub(crate) fn of(request: &JoinRequest, person: Option<&MemberPerson>) -> Self {
        Self {
            id: request.id.to_string(),
            user_id: request.user.to_string(),
            display_name: person.map(|person| person.display_name.to_string()).unwrap_or_default(),
            address: person.map(|person| person.address.to_string()).unwrap_or_default(),
            message: request.message.as_ref().map(ToString::to_string),
            created_at: moment::shown(request.created_at),
            expires_at: moment::shown(request.expires_at),
        }
    }
}

/// Ask for access to an account
///
/// Its owner is told by mail, and whoever manages its members accepts or declines, of which the caller is told by mail
/// (K-09). The answer is always the same, whether there is such an account or not. A request by the owner's address goes
/// to the account that this owner has had the longest. Each person has one request for an account at a time; it ends by
/// itself after thirty days.
#[utoipa::path(
    post,
    path = "/v1/join-requests",
    tag = "members",
    responses(
        (status = 202, description = "If there is such an account, its owner is told.", body = Accepted),
        refusal::TooManyRequests,
    )
)]
async fn ask_to_join(
    person: SignedIn,
    Checked((asked, message)): Checked<JoinRequestBody>,
    key: Idempotency,
    client: ClientAddress,
) -> Result<Reply, Problem> {
    let at = person.by.at;
    let evenly = Evenly::begin();
    let caller = person.name();
    let asking = Asking {
        name: person.user.display_name.clone(),
        address: person.user.address.clone(),
    };
    let request = JoinRequest::new(JoinRequestId::new(), person.user.id, asked, message, at);
    let answered = key
        .once(&person.service, &caller, |keep| async {
            Limits::join_requests_of(client, person.user.id)
                .admit(&person.service, at)
                .await?;
            let act = person.act(keep);
            let made = person
                .service
                .store
                .ask_to_join(request, asking, &act, accepted().kept())
                .await;
            person.service.mail_waits.notify_one();
            made?;
            Ok(accepted())
        })
        .await;
    evenly.end().await;
    answered
}

/// List my requests to join
///
/// Those of the caller that wait, the latest first, as they were made.
#[utoipa::path(
    get,
    path = "/v1/me/join-requests",
    tag = "me",
    responses((status = 200, description = "A page of requests.", body = MyJoinRequestPage), answer::NotModified)
)]
async fn list_my_join_requests(person: SignedIn, paging: Paging<String>) -> Result<Reply, Problem> {
    let after = paging.after.as_deref().and_then(|id| id.parse().ok());
    let limit = i64::try_from(paging.limit + 1).unwrap_or(i64::MAX);
    let store = &person.service.store;
    let found = store
        .join_requests_of(person.user.id, after, limit, person.by.at)
        .await?;
    let page = paging.page(found, |request| request.id.to_string());
    Ok(page
        .map(|request| MyJoinRequestView::of(&request))
        .reply()
        .tagged_by_body())
}

/// Withdraw a request to join
///
/// It ends; the account is not told.
#[utoipa::path(
    delete,
    path = "/v1/me/join-requests/{request}",
    tag = "me",
    responses((status = 204, description = "The request is withdrawn."))
)]
async fn withdraw_join_request(person: SignedIn, PathRequest(id): PathRequest) -> Result<Reply, Problem> {
    let store = &person.service.store;
    store
        .withdraw_join_request(person.user.id, id, &person.act(None))
        .await?;
    Ok(Reply::no_content())
}

/// List requests to join
///
/// Those that wait for an answer, the latest first (K-09).
#[utoipa::path(
    get,
    path = "/v1/accounts/{account}/join-requests",
    tag = "members",
    responses((status = 200, description = "A page of requests.", body = JoinRequestPage), answer::NotModified)
)]
async fn list_join_requests(member: ManagesMembers, paging: Paging<String>) -> Result<Reply, Problem> {
    let after: Option<JoinRequestId> = paging.after.as_deref().and_then(|id| id.parse().ok());
    let found: Vec<JoinRequest> = member
        .roster
        .join_requests(member.by().at)
        .rev()
        .filter(|request| after.is_none_or(|after| request.id < after))
        .take(paging.limit + 1)
        .cloned()
        .collect();
    let users = found.iter().map(|request| request.user).collect();
    let people = member.person.service.store.people(users).await?;
    let page = paging.page(found, |request| request.id.to_string());
    Ok(page
        .map(|request| JoinRequestView::of(&request, people.get(&request.user)))
        .reply()
        .tagged_by_body())
}

/// Accept a request to join
///
/// The person is a member from now on, with the permissions given here, and is told by mail. Nobody gives more than they
/// have.
#[utoipa::path(
    post,
    path = "/v1/accounts/{account}/join-requests/{request}/accept",
    tag = "members",
    responses(
        (status = 204, description = "The person is a member."),
        refusal::CannotGrant,
        refusal::AccountSuspended,
        refusal::JoinRequestEnded,
    )
)]
async fn accept_join_request(
    member: ManagesMembers,
    PathRequest(id): PathRequest,
    Checked(permissions): Checked<LetInBody>,
    key: Idempotency,
) -> Result<Reply, Problem> {
    let accept = move |roster: &Roster, by| roster.accept_join_request(by, id, &permissions);
    respond(&member, id, key, accept).await
}

/// Decline a request to join
///
/// It ends, and the person is told by mail.
#[utoipa::path(
    post,
    path = "/v1/accounts/{account}/join-requests/{request}/decline",
    tag = "members",
    responses(
        (status = 204, description = "The request is declined."),
        refusal::AccountSuspended,
        refusal::JoinRequestEnded,
    )
)]
async fn decline_join_request(
    member: ManagesMembers,
    PathRequest(id): PathRequest,
    key: Idempotency,
) -> Result<Reply, Problem> {
    let decline = move |roster: &Roster, by| roster.decline_join_request(by, id);
    respond(&member, id, key, decline).await
}

async fn respond<D>(member: &Member, id: JoinRequestId, key: Idempotency, decide: D) -> Result<Reply, Problem>
where
    D: Fn(&Roster, accounts_domain::actor::By) -> Result<Vec<Change>, Violation> + Send + 'static,
{
    let done = |_: &Decision| Reply::no_content();
    match member.decide_once(key, decide, done).await {
        Err(problem) if problem.code() == Code::NotFound => Err(ended_or_unknown(member, id).await?),
        answered => answered,
    }
}

/// What is told of a request that does not wait: how it ended, if the account ever had it.
async fn ended_or_unknown(member: &Member, id: JoinRequestId) -> Result<Problem, Problem> {
    let outcome = member.person.service.store.join_outcome(member.account, id).await?;
    Ok(outcome.map_or_else(Problem::not_found, |outcome| {
        Violation::JoinRequestEnded { outcome }.into()
    }))
}
