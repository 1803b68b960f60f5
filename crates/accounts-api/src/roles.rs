//! Roles: who holds them, who has their primary place, and how both move.

use std::collections::BTreeSet;

use accounts_domain::catalog::{Holders, Role};
use accounts_domain::ids::ContactId;
use accounts_domain::keys::RoleKey;
use accounts_domain::language::Language;
use accounts_domain::names::sort_key;
use accounts_domain::roles::Promote;
use accounts_domain::roster::{Contact, Roster};
use accounts_domain::violation::Violation;
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::body::{Checked, Faults, Parse};
use crate::consequences::Consequences;
use crate::contacts::{ContactRef, ContactView, PathContact, keys_of, shown};
use crate::describe::{Describe, Description, answer};
use crate::gate::{Held, Rank, held};
use crate::guards::{ManagesRoles, ViewsContacts, service};
use crate::idempotency::Idempotency;
use crate::memo::Memo;
use crate::page::page;
use crate::path;
use crate::precondition::{IfMatch, Tag};
use crate::problem::{FieldCode, FieldFault, Problem, refusal};
use crate::query::Preview;
use crate::reply::Reply;
use crate::router::{Routes, routes};
use crate::texts::Wanted;

pub(crate) fn routes() -> Routes {
    routes![
        list_roles,
        read_role,
        vacate_role,
        give_role,
        take_role,
        promote_contact
    ]
}

/// The role. One that the catalog does not have is 404.
#[derive(Debug, Clone)]
pub struct PathRole(pub RoleKey);

impl FromRequest for PathRole {
    type Error = Problem;
    type Future = Held<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        held(request, Rank::Path, known_role(request).map(Self))
    }
}

fn known_role(request: &HttpRequest) -> Result<RoleKey, Problem> {
    let role: RoleKey = path::value(request, "role")?;
    service(request)?
        .store
        .catalog()
        .role(&role)
        .map(|role| role.key.clone())
        .ok_or_else(Problem::not_found)
}

impl Describe for PathRole {
    fn describe(description: &mut Description) {
        let schema = serde_json::json!({"type": "string", "pattern": "^[a-z][a-z0-9_]{0,39}$", "maxLength": 40});
        description.path("role", "The role, by its key in the catalog.", &schema);
    }
}

/// A role in an account.
#[derive(Debug, Serialize, ToSchema)]
pub struct RoleView {
    /// Its key.
    #[schema(example = "billing")]
    key: String,
    /// Its name in the caller's language.
    #[schema(example = "Billing")]
    name: String,
    /// Whether it has one holder, which is moved by promoting.
    single_holder: bool,
    /// What becomes of the primary place that nobody has: `allowed` (it stays empty), `owner` (the owner fills it)
    /// or `forbidden` (it is moved, never left).
    #[schema(example = "owner")]
    vacancy: String,
    /// Whether only verified contacts hold it.
    verified_only: bool,
    /// The categories that its holders receive.
    #[schema(example = json!(["invoice"]))]
    categories: Vec<String>,
    /// The one holder that the provider turns to.
    #[schema(required = true)]
    primary: Option<ContactRef>,
    /// Every holder, the primary one among them.
    holders: Vec<ContactRef>,
    /// The contacts that the primary place could move to, by name: the verified ones (M-59).
    candidates: Vec<ContactRef>,
}

page! {
    /// The roles of an account.
    RolePage of RoleView
}

impl RoleView {
    fn of(roster: &Roster, role: &Role, language: Language) -> Self {
        let contact = |id| ContactRef::of(id, &[roster]);
        Self {
            key: role.key.to_string(),
            name: role.names.in_language(language).to_owned(),
            single_holder: role.holders == Holders::One,
            vacancy: role.vacancy.to_string(),
            verified_only: role.verified_only,
            categories: role.categories.iter().map(ToString::to_string).collect(),
            primary: roster.primary(&role.key).map(contact),
            holders: roster.holders(&role.key).into_iter().map(contact).collect(),
            candidates: by_name(roster.candidates()).into_iter().map(contact).collect(),
        }
    }
}

impl RoleView {
    /// The tags that a role has for its readers, in each language.
    fn tags(roster: &Roster, role: &RoleKey) -> Vec<Tag> {
        let Some(role) = roster.catalog().role(role) else {
            return Vec::new();
        };
        let tag = |language| serde_json::to_vec(&Self::of(roster, role, language)).map(|bytes| Tag::of(&bytes));
        Language::ALL
            .into_iter()
            .filter_map(|language| tag(language).ok())
            .collect()
    }
}

/// The contacts in the order of a drop-down list.
fn by_name<'a>(contacts: impl Iterator<Item = &'a Contact>) -> Vec<ContactId> {
    let mut named: Vec<_> = contacts
        .map(|contact| (sort_key(contact.profile.display_name.as_str()), contact.id))
        .collect();
    named.sort();
    named.into_iter().map(|(_, id)| id).collect()
}

#[derive(Serialize)]
struct AllRoles {
    data: Vec<RoleView>,
    next_cursor: Option<String>,
}

/// List the roles
///
/// Each role with its primary holder, its other holders and the contacts that it could move to. All of them stand
/// on one page.
#[utoipa::path(
    get,
    path = "/v1/accounts/{account}/roles",
    tag = "roles",
    responses((status = 200, description = "Every role of the catalog.", body = RolePage), answer::NotModified)
)]
async fn list_roles(member: ViewsContacts, Wanted(language): Wanted, memo: Memo) -> Result<Reply, Problem> {
    memo.answer(&member, || {
        let roster = &member.roster;
        let views = roster
            .catalog()
            .roles()
            .iter()
            .map(|role| RoleView::of(roster, role, language));
        let all = AllRoles {
            data: views.collect(),
            next_cursor: None,
        };
        Ok(Reply::ok(&all).tagged_by_body().in_language(language))
    })
}

/// Read a role
///
/// Its primary holder, its holders, and the contacts that its primary place could move to.
#[utoipa::path(
    get,
    path = "/v1/accounts/{account}/roles/{role}",
    tag = "roles",
    responses((status = 200, description = "The role.", body = RoleView), answer::NotModified)
)]
async fn read_role(
    member: ViewsContacts,
    PathRole(role): PathRole,
    Wanted(language): Wanted,
) -> Result<Reply, Problem> {
    let role = member.roster.catalog().role(&role).ok_or_else(Problem::not_found)?;
    Ok(Reply::ok(&RoleView::of(&member.roster, role, language))
        .tagged_by_body()
        .in_language(language))
}

/// Leave a primary place
///
/// The place is empty afterwards, or the owner's again, as the catalog says (M-17). A role with a single holder then
/// has none. A place that is empty already stays so.
#[utoipa::path(
    delete,
    path = "/v1/accounts/{account}/roles/{role}/primary",
    tag = "roles",
    responses(
        (status = 200, description = "With `dry_run`: what would change.", body = Consequences),
        (status = 204, description = "The place is left."),
        refusal::AccountSuspended,
        refusal::RoleMustBeFilled,
    )
)]
async fn vacate_role(
    member: ManagesRoles,
    PathRole(role): PathRole,
    Preview { dry_run }: Preview,
    if_match: IfMatch,
) -> Result<Reply, Problem> {
    let decide = move |roster: &Roster, by| {
        if RoleView::tags(roster, &role).iter().all(|tag| !if_match.allows(tag)) {
            return Err(Violation::Stale);
        }
        roster.vacate(by, &role)
    };
    if dry_run {
        let decision = member.preview(decide)?;
        return Ok(Reply::ok(&Consequences::of(&decision, member.by(), true)));
    }
    member.decide(decide, |_| Reply::no_content()).await
}

/// Give a role
///
/// An ordinary role, which many may hold. A role with a single holder is moved by promoting (M-57). Giving what the
/// contact holds changes nothing.
#[utoipa::path(
    put,
    path = "/v1/accounts/{account}/contacts/{contact}/roles/{role}",
    tag = "roles",
    responses(
        (status = 200, description = "The contact as it is now.", body = ContactView),
        refusal::AccountSuspended,
        refusal::RoleHasSingleHolder,
        refusal::ContactNotVerified,
    )
)]
async fn give_role(
    member: ManagesRoles,
    PathContact(contact): PathContact,
    PathRole(role): PathRole,
    if_match: IfMatch,
) -> Result<Reply, Problem> {
    let decide = move |roster: &Roster, by| {
        if_match.admits(roster.contact(contact)?.version)?;
        roster.give_role(by, contact, &role)
    };
    member
        .decide(decide, move |decision| shown(&decision.after, contact))
        .await
}

/// Take a role
///
/// The primary holder keeps the role until its place is moved or left. Taking what the contact does not hold changes
/// nothing.
#[utoipa::path(
    delete,
    path = "/v1/accounts/{account}/contacts/{contact}/roles/{role}",
    tag = "roles",
    responses(
        (status = 204, description = "The contact does not hold the role."),
        refusal::AccountSuspended,
        refusal::ContactIsPrimaryHolder,
        refusal::RoleMustBeFilled,
    )
)]
async fn take_role(
    member: ManagesRoles,
    PathContact(contact): PathContact,
    PathRole(role): PathRole,
    if_match: IfMatch,
) -> Result<Reply, Problem> {
    let decide = move |roster: &Roster, by| {
        if_match.admits(roster.contact(contact)?.version)?;
        roster.take_role(by, contact, &role)
    };
    member.decide(decide, |_| Reply::no_content()).await
}

/// The roles whose primary place is to move.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"roles": ["billing"]}))]
pub struct PromoteBody {
    /// The roles, by key.
    #[schema(required = true, nullable = false, min_items = 1, max_items = 200)]
    roles: Option<Vec<String>>,
}

impl Parse for PromoteBody {
    type Parsed = BTreeSet<RoleKey>;

    fn parse(self, faults: &mut Faults) -> Option<BTreeSet<RoleKey>> {
        let roles = faults.required("roles", self.roles)?;
        if roles.is_empty() {
            faults.add("roles", FieldFault::new(FieldCode::TooFew).with("min", 1));
            return None;
        }
        keys_of(faults, "roles", roles)
    }
}

/// Promote a contact
///
/// Moves the primary place of one or more roles to this contact in one act (L-14, M-57). The former holder keeps the
/// ordinary role where many may hold it, and applications follow at once (M-58). Promoting the present holder changes
/// nothing. With `dry_run` the answer is exactly what would change.
#[utoipa::path(
    post,
    path = "/v1/accounts/{account}/contacts/{contact}/promote",
    tag = "roles",
    responses(
        (status = 200, description = "What has changed, or with `dry_run` what would.", body = Consequences),
        refusal::AccountSuspended,
        refusal::ContactNotVerified,
    )
)]
async fn promote_contact(
    member: ManagesRoles,
    PathContact(contact): PathContact,
    Preview { dry_run }: Preview,
    Checked(roles): Checked<PromoteBody>,
    key: Idempotency,
) -> Result<Reply, Problem> {
    let command = Promote { contact, roles };
    let decide = move |roster: &Roster, by| roster.promote(by, &command);
    if dry_run {
        let decision = member.preview(decide)?;
        return Ok(Reply::ok(&Consequences::of(&decision, member.by(), true)));
    }
    let by = member.by();
    member
        .decide_once(key, decide, move |decision| {
            Reply::ok(&Consequences::of(decision, by, false))
        })
        .await
}
