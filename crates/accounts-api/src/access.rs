//! What the caller may do in an account, and which applications are open, each with the reason.

use accounts_domain::access::{Access, OpenApplication, Reason};
use accounts_domain::language::Language;
use accounts_domain::permission::{Permissions, ServicePermission};
use accounts_domain::roster::Roster;
use serde::Serialize;
use utoipa::ToSchema;

use crate::contacts::keys;
use crate::describe::answer;
use crate::guards::Member;
use crate::memo::Memo;
use crate::page::page;
use crate::problem::Problem;
use crate::reply::Reply;
use crate::router::{Routes, routes};
use crate::texts::Wanted;

pub(crate) fn routes() -> Routes {
    routes![read_access, list_applications]
}

/// Why an application is open.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReasonView {
    /// `everyone`, `role_holder`, `primary_holder`, `permission` or `owner`.
    #[schema(example = "primary_holder")]
    kind: &'static str,
    /// The role, where one is the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "billing")]
    role: Option<String>,
    /// The permission, where one is the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    permission: Option<String>,
}

/// An application, and whether it is open to the caller.
#[derive(Debug, Serialize, ToSchema)]
pub struct ApplicationView {
    /// Its key.
    #[schema(example = "bill_desk")]
    key: String,
    /// Its name in the caller's language.
    #[schema(example = "Bill Desk")]
    name: String,
    /// Where it is.
    #[schema(required = true)]
    url: Option<String>,
    /// Whether it is open to the caller.
    open: bool,
    /// Every reason why it is open; none where it is not.
    reasons: Vec<ReasonView>,
}

page! {
    /// The applications of the provider.
    ApplicationPage of ApplicationView
}

/// What the caller may do in an account.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccessView {
    /// Whether the caller owns the account.
    owner: bool,
    /// Whether the caller may do everything, what is added later included.
    all_permissions: bool,
    /// Every permission that the caller has.
    #[schema(example = json!(["contacts:view"]))]
    permissions: Vec<String>,
    /// The contact that the caller is.
    #[schema(required = true)]
    contact_id: Option<String>,
    /// The roles that this contact holds.
    roles: Vec<String>,
    /// The roles whose primary holder it is.
    primary_roles: Vec<String>,
    /// The applications that are open, each with every reason.
    applications: Vec<ApplicationView>,
}

impl AccessView {
    /// What the access of a member looks like.
    pub fn of(roster: &Roster, access: &Access, language: Language) -> Self {
        Self {
            owner: access.owner,
            all_permissions: access.permissions == Permissions::All,
            permissions: contained(roster, &access.permissions),
            contact_id: access.contact.map(|contact| contact.to_string()),
            roles: keys(&access.roles),
            primary_roles: keys(&access.primary_roles),
            applications: applications(roster, access, language)
                .into_iter()
                .filter(|application| application.open)
                .collect(),
        }
    }
}

/// Every permission that there is today among these, the service's own first.
pub(crate) fn contained(roster: &Roster, permissions: &Permissions) -> Vec<String> {
    let own = ServicePermission::ALL.into_iter().map(ServicePermission::key);
    own.chain(roster.catalog().permissions().iter().map(|entry| entry.key.clone()))
        .filter(|key| permissions.contains(key))
        .map(Into::into)
        .collect()
}

fn applications(roster: &Roster, access: &Access, language: Language) -> Vec<ApplicationView> {
    let open = |key| access.applications.iter().find(|open| open.application == key);
    let view = |application: &accounts_domain::catalog::Application| {
        let open: Option<&OpenApplication> = open(application.key.clone());
        ApplicationView {
            key: application.key.to_string(),
            name: application.names.in_language(language).to_owned(),
            url: application.url.clone(),
            open: open.is_some(),
            reasons: open
                .map(|open| open.reasons.iter().map(ReasonView::of).collect())
                .unwrap_or_default(),
        }
    };
    roster.catalog().applications().iter().map(view).collect()
}

impl ReasonView {
    /// Which kind of reason it is.
    pub(crate) fn kind(&self) -> &'static str {
        self.kind
    }

    /// What a reason looks like.
    pub(crate) fn of(reason: &Reason) -> Self {
        let plain = |kind| Self {
            kind,
            role: None,
            permission: None,
        };
        match reason {
            Reason::Everyone => plain("everyone"),
            Reason::Owner => plain("owner"),
            Reason::RoleHolder(role) => Self {
                role: Some(role.to_string()),
                ..plain("role_holder")
            },
            Reason::PrimaryHolder(role) => Self {
                role: Some(role.to_string()),
                ..plain("primary_holder")
            },
            Reason::Permission(key) => Self {
                permission: Some(key.to_string()),
                ..plain("permission")
            },
        }
    }
}

/// Read my access
///
/// What the caller may do in the account: permissions, roles, and each open application with the reasons. It is worked
/// out anew for each request, so that a change counts from the next one on (M-58).
#[utoipa::path(
    get,
    path = "/v1/accounts/{account}/access",
    tag = "access",
    responses((status = 200, description = "The caller's access.", body = AccessView), answer::NotModified)
)]
async fn read_access(member: Member, Wanted(language): Wanted, memo: Memo) -> Result<Reply, Problem> {
    memo.answer(&member, || {
        let access = access_of(&member)?;
        Ok(Reply::ok(&AccessView::of(&member.roster, &access, language))
            .tagged_by_body()
            .in_language(language))
    })
}

#[derive(Serialize)]
struct AllApplications {
    data: Vec<ApplicationView>,
    next_cursor: Option<String>,
}

/// List the applications
///
/// Every application of the provider, open to the caller or not: what an application switch shows (M-42). All of them
/// stand on one page.
#[utoipa::path(
    get,
    path = "/v1/accounts/{account}/applications",
    tag = "access",
    responses((status = 200, description = "Every application of the catalog.", body = ApplicationPage), answer::NotModified)
)]
async fn list_applications(member: Member, Wanted(language): Wanted, memo: Memo) -> Result<Reply, Problem> {
    memo.answer(&member, || {
        let access = access_of(&member)?;
        let all = AllApplications {
            data: applications(&member.roster, &access, language),
            next_cursor: None,
        };
        Ok(Reply::ok(&all).tagged_by_body().in_language(language))
    })
}

fn access_of(member: &Member) -> Result<Access, Problem> {
    member.roster.access_by(member.by()).ok_or_else(Problem::not_found)
}
