//! Members: listed, read, changed, suspended, removed; and how one leaves.

mod body;
mod view;

use std::collections::BTreeMap;

use accounts_domain::actor::By;
use accounts_domain::ids::UserId;
use accounts_domain::keys::PermissionKey;
use accounts_domain::members::{MemberPerson, Standing};
use accounts_domain::names::sort_key;
use accounts_domain::roster::{Membership, Roster};
use accounts_domain::violation::Violation;
use chrono::{DateTime, Utc};
use utoipa::IntoParams;

use crate::body::Checked;
use crate::consequences::Consequences;
use crate::contacts::SubscriptionsBody;
use crate::describe::{answer, id_schema};
use crate::guards::{Leaves, ManagesMembers, Member, SetsWishes, ViewsMember, ViewsMembers};
use crate::idempotency::Idempotency;
use crate::page::{Paging, page};
use crate::path::path_values;
use crate::precondition::IfMatch;
use crate::problem::{Problem, refusal};
use crate::query::{Asked, Filters, Preview, Query};
use crate::reply::Reply;
use crate::router::{Routes, routes};

pub use body::MemberPatchBody;
pub use view::MemberView;

path_values! {
    /// The user who is a member.
    PathUser(UserId) = "user", id_schema("usr");
}

pub(crate) fn routes() -> Routes {
    routes![
        list_members,
        read_member,
        change_member,
        set_member_subscriptions,
        remove_member,
        leave_account,
    ]
}

page! {
    /// A page of members.
    MemberPage of MemberView
}

/// Which members are listed.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct MemberFilters {
    /// Those whose membership is `active`, `suspended` or `expired`, or any of these.
    #[param(max_length = 9)]
    status: Vec<String>,
    /// Those who may do this, or any of these; the owner may do everything.
    #[param(max_length = 61)]
    permission: Vec<String>,
    /// Words that stand in the name or the address, without regard to accents and case.
    #[param(max_length = 100)]
    q: Option<String>,
}

/// The filters as they are applied.
#[derive(Debug)]
struct Applied {
    standings: Vec<Standing>,
    permissions: Vec<PermissionKey>,
    words: Vec<String>,
}

impl Filters for MemberFilters {
    fn read(query: &mut Query) -> Self {
        let standings: Vec<Standing> = query.any("status");
        let permissions: Vec<PermissionKey> = query.any("permission");
        Self {
            status: standings
                .into_iter()
                .map(|standing| standing.as_str().to_owned())
                .collect(),
            permission: permissions.into_iter().map(Into::into).collect(),
            q: query.text("q", 100),
        }
    }
}

impl Applied {
    fn of(filters: &MemberFilters) -> Self {
        let words = filters.q.as_deref().map(sort_key).unwrap_or_default();
        Self {
            standings: filters.status.iter().filter_map(|name| name.parse().ok()).collect(),
            permissions: filters.permission.iter().filter_map(|key| key.parse().ok()).collect(),
            words: words.split_whitespace().map(str::to_owned).collect(),
        }
    }

    fn lets_through(&self, roster: &Roster, member: &Membership, person: &MemberPerson, at: DateTime<Utc>) -> bool {
        let may = |key: &PermissionKey| roster.is_owner(member.user) || member.permissions.contains(key);
        let text = sort_key(&format!("{} {}", person.display_name, person.address));
        (self.standings.is_empty() || self.standings.contains(&member.standing(at)))
            && (self.permissions.is_empty() || self.permissions.iter().any(may))
            && self.words.iter().all(|word| text.contains(word.as_str()))
    }
}

/// List members
///
/// The caller's own entry comes first, then the others by name. Each entry shows what the member may do, since when and
/// until when. Suspended and expired members are listed, too, though to them the account is not there.
#[utoipa::path(
    get,
    path = "/v1/accounts/{account}/members",
    tag = "members",
    responses((status = 200, description = "A page of members.", body = MemberPage), answer::NotModified)
)]
async fn list_members(
    member: ViewsMembers,
    Asked(filters): Asked<MemberFilters>,
    paging: Paging<(bool, String, String)>,
) -> Result<Reply, Problem> {
    let people = member.person.service.store.member_people(member.account).await?;
    Ok(page_of(&member, &people, &Applied::of(&filters), paging))
}

fn page_of(
    caller: &Member,
    people: &BTreeMap<UserId, MemberPerson>,
    filters: &Applied,
    paging: Paging<(bool, String, String)>,
) -> Reply {
    let (roster, at) = (&caller.roster, caller.by().at);
    let place = |person: &MemberPerson| {
        (
            person.user != caller.person.user.id,
            sort_key(person.display_name.as_str()),
            person.user.to_string(),
        )
    };
    let mut found: Vec<_> = roster
        .members()
        .filter_map(|member| Some((member, people.get(&member.user)?)))
        .filter(|(member, person)| filters.lets_through(roster, member, person, at))
        .map(|(_, person)| (place(person), person))
        .filter(|(place, _)| paging.after.as_ref().is_none_or(|after| place > after))
        .collect();
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    found.truncate(paging.limit + 1);
    let page = paging.page(found, |(place, _)| place.clone());
    page.map(|(_, person)| MemberView::of(roster, person, at))
        .reply()
        .tagged_by_body()
}

/// Read a member
///
/// Everybody may read the own entry. Its tag stands for all that is shown: it changes with the person's name and last log-in, too.
#[utoipa::path(
    get,
    path = "/v1/accounts/{account}/members/{user}",
    tag = "members",
    responses((status = 200, description = "The member.", body = MemberView), answer::NotModified)
)]
async fn read_member(member: ViewsMember, PathUser(user): PathUser) -> Result<Reply, Problem> {
    let person = person_of(&member, user).await?;
    shown(&member.roster, &person, member.by().at)
}

/// Change a member
///
/// What the member may do (all permissions, a preset of the catalog or chosen ones; K-08), whether the membership is in
/// use, and when it ends by itself. It acts on the member's next request. Nobody gives what they do not have, changes
/// a member who may do more, or changes themselves; the owner stands outside.
#[utoipa::path(
    patch,
    path = "/v1/accounts/{account}/members/{user}",
    tag = "members",
    responses(
        (status = 200, description = "The member as it is now.", body = MemberView),
        refusal::OwnMembership,
        refusal::MemberHoldsMore,
        refusal::CannotGrant,
        refusal::AccountSuspended,
        refusal::MemberIsOwner,
    )
)]
async fn change_member(
    member: ManagesMembers,
    PathUser(user): PathUser,
    if_match: IfMatch,
    Checked(patch): Checked<MemberPatchBody>,
) -> Result<Reply, Problem> {
    let person = person_of(&member, user).await?;
    let (seen, at) = (person.clone(), member.by().at);
    let decide = move |roster: &Roster, by: By| {
        admits(&if_match, roster, &seen, by.at)?;
        roster.change_member(by, user, &patch)
    };
    let answer = move |decision: &accounts_store::Decision| {
        MemberView::of(&decision.after, &person, at).map_or_else(Reply::no_content, |view| view.reply())
    };
    member.decide(decide, answer).await
}

/// Set a member's subscriptions
///
/// The categories that the member wishes to receive at the address of the log-in, all of them at once (K-07). Members set
/// their own; those of others need `notifications:manage`. What a member may do and what it is told are two things (K-20):
/// a wish for a category whose permission the member lacks is kept, and has no effect until the member has it;
/// `GET /v1/accounts/{account}/recipients` says so.
#[utoipa::path(
    put,
    path = "/v1/accounts/{account}/members/{user}/subscriptions",
    tag = "members",
    responses((status = 200, description = "The member as it is now.", body = MemberView), refusal::AccountSuspended)
)]
async fn set_member_subscriptions(
    member: SetsWishes,
    PathUser(user): PathUser,
    if_match: IfMatch,
    Checked(categories): Checked<SubscriptionsBody>,
) -> Result<Reply, Problem> {
    let person = person_of(&member, user).await?;
    let (seen, at) = (person.clone(), member.by().at);
    let decide = move |roster: &Roster, by: By| {
        admits(&if_match, roster, &seen, by.at)?;
        roster.subscribe_member(by, user, &categories)
    };
    let answer = move |decision: &accounts_store::Decision| {
        MemberView::of(&decision.after, &person, at).map_or_else(Reply::no_content, |view| view.reply())
    };
    member.decide(decide, answer).await
}

/// Remove a member
///
/// From the next request on the account is not there for this person, whatever token it holds; a contact that the member
/// was stays. The person is told by mail.
#[utoipa::path(
    delete,
    path = "/v1/accounts/{account}/members/{user}",
    tag = "members",
    responses(
        (status = 200, description = "With `dry_run`: what would change.", body = Consequences),
        (status = 204, description = "The user is no member any more."),
        refusal::OwnMembership,
        refusal::MemberHoldsMore,
        refusal::AccountSuspended,
        refusal::MemberIsOwner,
    )
)]
async fn remove_member(
    member: ManagesMembers,
    PathUser(user): PathUser,
    Preview { dry_run }: Preview,
    if_match: IfMatch,
) -> Result<Reply, Problem> {
    let person = person_of(&member, user).await?;
    let decide = move |roster: &Roster, by: By| {
        admits(&if_match, roster, &person, by.at)?;
        roster.remove_member(by, user)
    };
    if dry_run {
        let decision = member.preview(decide)?;
        return Ok(Reply::ok(&Consequences::of(&decision, member.by(), true)));
    }
    member.decide(decide, |_| Reply::no_content()).await
}

/// Leave an account
///
/// The caller gives the own membership up; a contact that the caller is stays. The owner gives the account to somebody
/// else first.
#[utoipa::path(
    post,
    path = "/v1/accounts/{account}/leave",
    tag = "members",
    responses(
        (status = 200, description = "With `dry_run`: what would change.", body = Consequences),
        (status = 204, description = "The caller is no member any more."),
        refusal::AccountSuspended,
        refusal::MemberIsOwner,
    )
)]
async fn leave_account(member: Leaves, Preview { dry_run }: Preview, key: Idempotency) -> Result<Reply, Problem> {
    let decide = |roster: &Roster, by: By| roster.leave_account(by);
    if dry_run {
        let decision = member.preview(decide)?;
        return Ok(Reply::ok(&Consequences::of(&decision, member.by(), true)));
    }
    member.decide_once(key, decide, |_| Reply::no_content()).await
}

/// Who a member of the caller's account is.
async fn person_of(caller: &Member, user: UserId) -> Result<MemberPerson, Problem> {
    caller.roster.member(user).ok_or_else(Problem::not_found)?;
    let found = caller.person.service.store.member_person(caller.account, user).await?;
    found.ok_or_else(Problem::not_found)
}

fn shown(roster: &Roster, person: &MemberPerson, at: DateTime<Utc>) -> Result<Reply, Problem> {
    let view = MemberView::of(roster, person, at).ok_or_else(Problem::not_found)?;
    Ok(view.reply())
}

/// Under the lock: refuses a change that was meant for another state of the member.
fn admits(if_match: &IfMatch, roster: &Roster, person: &MemberPerson, at: DateTime<Utc>) -> Result<(), Violation> {
    let view = MemberView::of(roster, person, at).ok_or(Violation::NotFound)?;
    if if_match.allows(&view.tag()) {
        Ok(())
    } else {
        Err(Violation::Stale)
    }
}
