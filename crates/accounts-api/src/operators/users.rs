//! Persons as operators see them, and what is done about their log-ins. No operator sees or sets a password (R18).

use accounts_domain::address::EmailAddress;
use accounts_domain::ids::{ResetId, UserId};
use accounts_domain::sessions::EndReason;
use accounts_domain::users::{Person, User};
use accounts_domain::violation::Violation;
use accounts_store::{MembershipSummary, UserDecision};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::{PathUser, ReasonBody};
use crate::body::Checked;
use crate::describe::answer;
use crate::guards::{Admin, Operator};
use crate::idempotency::Idempotency;
use crate::me::ErasureView;
use crate::moment;
use crate::page::{GREATEST_LIMIT, Paging, page};
use crate::problem::{FieldCode, Problem, refusal};
use crate::query::{Asked, Filters, Preview, Query};
use crate::reply::Reply;
use crate::router::{Routes, routes};
use crate::sign_ups::{Accepted, accepted};

pub(super) fn routes() -> Routes {
    routes![
        search_users,
        read_any_user,
        end_sessions_of_user,
        suspend_user,
        reinstate_user,
        send_password_reset,
        erase_user
    ]
}

/// Which users are listed.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct UserFilters {
    /// The one who logs in with this address.
    #[param(value_type = Option<String>, max_length = 254)]
    address: Option<EmailAddress>,
}

impl Filters for UserFilters {
    fn read(query: &mut Query) -> Self {
        let text = query.text("address", EmailAddress::MAX);
        let address = text.as_deref().and_then(|text| EmailAddress::parse(text).ok());
        if text.is_some() && address.is_none() {
            query.add("address", FieldCode::InvalidFormat);
        }
        Self { address }
    }
}

/// A person who logs in, as operators see it.
#[derive(Debug, Serialize, ToSchema)]
pub struct OperatedUser {
    /// Its id.
    #[schema(example = "usr_01h455vb4pex5vsknk084sn02q")]
    id: String,
    /// The address that it logs in with.
    #[schema(example = "ana@lima.example")]
    address: String,
    /// How the person is called.
    #[schema(example = "Ana Lima")]
    display_name: String,
    /// The language of mails to this person.
    #[schema(example = "en")]
    language: String,
    /// `active`, or `suspended`: it does not log in, and its keys open nothing.
    #[schema(example = "active")]
    status: String,
    /// When it last logged in.
    #[schema(required = true, format = DateTime)]
    last_login_at: Option<String>,
    /// When it came to be.
    #[schema(format = DateTime)]
    created_at: String,
}

/// A place of a person in an account.
#[derive(Debug, Serialize, ToSchema)]
pub struct OperatedMembership {
    /// The account.
    #[schema(example = "acc_01h455vb4pex5vsknk084sn02q")]
    account_id: String,
    /// The organisation's name.
    #[schema(example = "Lima Ltd")]
    account_name: String,
    /// The account's state.
    #[schema(example = "active")]
    account_status: String,
    /// The contact that the person is there.
    #[schema(required = true, example = "con_01h455vb4pex5vsknk084sn02q")]
    contact_id: Option<String>,
    /// Whether the person owns the account.
    owner: bool,
    /// Whether the membership is in use: `active` or `suspended`.
    #[schema(example = "active")]
    status: String,
    /// When it ends by itself.
    #[schema(required = true, format = DateTime)]
    expires_at: Option<String>,
}

/// A person who logs in, with its places in accounts.
#[derive(Debug, Serialize, ToSchema)]
pub struct OperatedUserDetails {
    /// The person.
    #[serde(flatten)]
    user: OperatedUser,
    /// Its places, the first hundred by account; all of them are found by `GET /v1/operator/accounts?q=` and the address.
    #[schema(max_items = 100)]
    memberships: Vec<OperatedMembership>,
}

page! {
    /// A page of users.
    OperatedUserPage of OperatedUser
}

impl OperatedUser {
    fn of(user: &User) -> Self {
        Self {
            id: user.id.to_string(),
            address: user.address.to_string(),
            display_name: user.display_name.to_string(),
            language: user.language.to_string(),
            status: user.status.as_str().to_owned(),
            last_login_at: user.last_login_at.map(moment::shown),
            created_at: moment::shown(user.created_at),
        }
    }
}

impl OperatedMembership {
    fn of(membership: MembershipSummary) -> Self {
        Self {
            account_id: membership.account.to_string(),
            account_name: membership.name,
            account_status: membership.account_status.as_str().to_owned(),
            contact_id: membership.contact.map(|contact| contact.to_string()),
            owner: membership.owner,
            status: membership.status.as_str().to_owned(),
            expires_at: membership.expires_at.map(moment::shown),
        }
    }
}

/// Find users
///
/// By age, a page at a time: all of them, or the one of an address.
#[utoipa::path(
    get,
    path = "/v1/operator/users",
    tag = "operators",
    responses((status = 200, description = "A page of users.", body = OperatedUserPage), answer::NotModified)
)]
async fn search_users(
    operator: Operator,
    Asked(filters): Asked<UserFilters>,
    paging: Paging<String>,
) -> Result<Reply, Problem> {
    let after: Option<UserId> = paging.after.as_deref().and_then(|id| id.parse().ok());
    let limit = i64::try_from(paging.limit + 1).unwrap_or(i64::MAX);
    let key = filters.address.map(|address| address.key().to_owned());
    let found = operator.service.store.search_users(key, after, limit).await?;
    let page = paging.page(found, |user| user.id.to_string());
    Ok(page.map(|user| OperatedUser::of(&user)).reply().tagged_by_body())
}

/// Read any user
///
/// The person, and its places in accounts.
#[utoipa::path(
    get,
    path = "/v1/operator/users/{user}",
    tag = "operators",
    responses((status = 200, description = "The user.", body = OperatedUserDetails), answer::NotModified)
)]
async fn read_any_user(operator: Operator, PathUser(user): PathUser) -> Result<Reply, Problem> {
    let store = &operator.service.store;
    let found = store.user(user).await?.ok_or_else(Problem::not_found)?;
    let most = i64::try_from(GREATEST_LIMIT).unwrap_or(i64::MAX);
    let memberships = store.memberships_of(user, most).await?;
    let details = OperatedUserDetails {
        user: OperatedUser::of(&found),
        memberships: memberships.into_iter().map(OperatedMembership::of).collect(),
    };
    Ok(Reply::ok(&details).tagged_by_body())
}

fn shown(decision: &UserDecision) -> Reply {
    Reply::ok(&OperatedUser::of(&decision.after))
}

/// End all sessions of a user
///
/// At once, those of operators in the person's place too. Keys live on: suspend the user to stop them.
#[utoipa::path(
    post,
    path = "/v1/operator/users/{user}/end-sessions",
    tag = "operators",
    responses((status = 200, description = "The user, with no session.", body = OperatedUser))
)]
async fn end_sessions_of_user(
    admin: Admin,
    PathUser(user): PathUser,
    Checked(reason): Checked<ReasonBody>,
    key: Idempotency,
) -> Result<Reply, Problem> {
    let end = |person: &Person| Ok(person.end_sessions(EndReason::ByOperator));
    admin.decide_user(user, reason, key, end, shown).await
}

/// Suspend a user
///
/// At once and everywhere: every session ends, nobody logs in as this person, and its keys open nothing.
#[utoipa::path(
    post,
    path = "/v1/operator/users/{user}/suspend",
    tag = "operators",
    responses((status = 200, description = "The user, suspended.", body = OperatedUser))
)]
async fn suspend_user(
    admin: Admin,
    PathUser(user): PathUser,
    Checked(reason): Checked<ReasonBody>,
    key: Idempotency,
) -> Result<Reply, Problem> {
    admin
        .decide_user(user, reason, key, |person| Ok(person.suspend()), shown)
        .await
}

/// Reinstate a user
///
/// The person may log in again, and its keys work again.
#[utoipa::path(
    post,
    path = "/v1/operator/users/{user}/reinstate",
    tag = "operators",
    responses((status = 200, description = "The user, active.", body = OperatedUser))
)]
async fn reinstate_user(
    admin: Admin,
    PathUser(user): PathUser,
    Checked(reason): Checked<ReasonBody>,
    key: Idempotency,
) -> Result<Reply, Problem> {
    admin
        .decide_user(user, reason, key, |person| Ok(person.reinstate()), shown)
        .await
}

/// Send a password reset
///
/// Mails the person a link that works for half an hour. Nobody but its reader sets the password (R18).
#[utoipa::path(
    post,
    path = "/v1/operator/users/{user}/password-reset",
    tag = "operators",
    responses(
        (status = 202, description = "A mail is on its way.", body = Accepted),
        refusal::UserSuspended,
    )
)]
async fn send_password_reset(
    admin: Admin,
    PathUser(user): PathUser,
    Checked(reason): Checked<ReasonBody>,
    key: Idempotency,
) -> Result<Reply, Problem> {
    let (id, at) = (ResetId::new(), admin.by.at);
    let ask = move |person: &Person| -> Result<_, Violation> {
        person.require_active()?;
        Ok(person.ask_reset(id, at))
    };
    admin.decide_user(user, reason, key, ask, |_| accepted()).await
}

/// Erase a user
///
/// For somebody who asked the provider to: what `POST /v1/me/erase` does. The reason stays where the person does not, so it
/// names nobody. Asked once more the answer is 404, because there is nobody any more.
#[utoipa::path(
    post,
    path = "/v1/operator/users/{user}/erase",
    tag = "operators",
    responses(
        (status = 200, description = "What has gone, or with `dry_run` what would go.", body = ErasureView),
        refusal::PlacesHeld,
    )
)]
async fn erase_user(
    admin: Admin,
    PathUser(user): PathUser,
    Checked(reason): Checked<ReasonBody>,
    Preview { dry_run }: Preview,
) -> Result<Reply, Problem> {
    let (store, act) = (&admin.service.store, admin.act(None));
    let erasure = if dry_run {
        store.preview_erasure(user, &act).await?
    } else {
        store.erase_user(user, Some(reason), &act).await?
    };
    Ok(Reply::ok(&ErasureView::of(&erasure, dry_run)))
}
