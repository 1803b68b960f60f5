//! Guards of an entry that everybody sees or edits where it is the own one, and of the own place in an account.

use accounts_domain::ids::{ContactId, UserId};
use accounts_domain::permission::ServicePermission;
use actix_web::HttpRequest;

use super::admit::{Admit, guards};
use super::by_permission::require_target;
use super::keys::Takes;
use super::{Member, describe_account, enter, in_session};
use crate::describe::{Describe, Description};
use crate::idempotency;
use crate::path;
use crate::problem::{Code, Problem};

/// A member who may see the contact of the path: the own one, or any with `contacts:view`.
#[derive(Debug, Clone)]
pub struct ViewsContact(pub Member);

/// A member who may edit the contact of the path: any with `contacts:manage`; of the own one the rules decide
/// what its person may edit (M-39).
#[derive(Debug, Clone)]
pub struct EditsContact(pub Member);

/// A member who may see the member of the path: the own entry, or any with `members:view`.
#[derive(Debug, Clone)]
pub struct ViewsMember(pub Member);

/// A member who may say what the member of the path wishes to be told: of the own wishes everybody, of others' with
/// `notifications:manage`.
#[derive(Debug, Clone)]
pub struct SetsWishes(pub Member);

fn is_own_contact(request: &HttpRequest, member: &Member) -> bool {
    let contact = path::value::<ContactId>(request, "contact").ok();
    contact.is_some_and(|contact| member.roster.is_self(member.by(), contact))
}

fn is_own_place(request: &HttpRequest, member: &Member) -> bool {
    let user = path::value::<UserId>(request, "user").ok();
    user.is_some_and(|user| member.roster.is_own_place(member.by(), user))
}

/// Declares guards that let a person past to what is the own.
macro_rules! own_guards {
    ($($guard:ident = $permission:ident or $own:ident;)*) => {$(
        guards!($guard around Member);

        impl Admit for $guard {
            async fn admit(request: &HttpRequest) -> Result<Self, Problem> {
                let member = enter(request, Takes::AllKeys).await?;
                if !$own(request, &member) {
                    member.roster.require(member.by(), ServicePermission::$permission)?;
                }
                require_target(request, &member)?;
                Ok(Self(member))
            }
        }

        impl Describe for $guard {
            const GUARD: bool = true;

            fn describe(description: &mut Description) {
                description.needs(ServicePermission::$permission.as_str());
                describe_account(description);
            }
        }
    )*};
}

own_guards! {
    ViewsContact = ContactsView or is_own_contact;
    EditsContact = ContactsManage or is_own_contact;
    ViewsMember = MembersView or is_own_place;
    SetsWishes = NotificationsManage or is_own_place;
}

/// A member who is about to leave the account of the path. Whoever has left by this very request before, and is no
/// member any more, is told the first answer again.
#[derive(Debug, Clone)]
pub struct Leaves(pub Member);

guards!(Leaves around Member);

impl Admit for Leaves {
    async fn admit(request: &HttpRequest) -> Result<Self, Problem> {
        let problem = match enter(request, Takes::Persons).await {
            Ok(member) => return Ok(Self(member)),
            Err(problem) if problem.code() == Code::NotFound => problem,
            Err(problem) => return Err(problem),
        };
        let person = in_session(request, Takes::Persons).await?;
        let answered = idempotency::answered(request, &person.service, &person.name()).await?;
        Err(answered.map_or(problem, Problem::replay))
    }
}

impl Describe for Leaves {
    const GUARD: bool = true;

    fn describe(description: &mut Description) {
        description.secured();
        describe_account(description);
    }
}
