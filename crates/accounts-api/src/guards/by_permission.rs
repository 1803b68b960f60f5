//! Guards that ask for a permission in the account of the path.

use accounts_domain::permission::ServicePermission;
use actix_web::HttpRequest;
use actix_web::http::Method;

use super::admit::{Admit, guards};
use super::keys::Takes;
use super::{Member, describe_account, describe_account_though_closed, enter, enter_though_closed};
use crate::describe::{Describe, Description};
use crate::idempotency;
use crate::path;
use crate::problem::Problem;

/// Declares guards that ask for a permission in the account of the path, each of them a [`Member`] that has it. `$enter`
/// says who gets so far, and `$describe` what the document says of it.
macro_rules! permission_guards {
    ($enter:ident, $describe:ident; $($(#[$doc:meta])* $guard:ident = $permission:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub struct $guard(pub Member);

        guards!($guard around Member);

        impl Admit for $guard {
            async fn admit(request: &HttpRequest) -> Result<Self, Problem> {
                let member = $enter(request, Takes::AllKeys).await?;
                member.roster.require(member.by(), ServicePermission::$permission)?;
                require_target(request, &member)?;
                Ok(Self(member))
            }
        }

        impl Describe for $guard {
            const GUARD: bool = true;

            fn describe(description: &mut Description) {
                description.needs(ServicePermission::$permission.as_str());
                $describe(description);
            }
        }
    )*};
}

permission_guards! {
    enter, describe_account;
    /// A member who may change the account's own data.
    ManagesAccount = AccountManage;
    /// A member who may see the contacts.
    ViewsContacts = ContactsView;
    /// A member who may add, change and remove contacts.
    ManagesContacts = ContactsManage;
    /// A member who may give, take and move roles.
    ManagesRoles = RolesManage;
    /// A member who may see the members and the open invitations.
    ViewsMembers = MembersView;
    /// A member who may invite, change, suspend and remove members.
    ManagesMembers = MembersManage;
    /// A member who may see who is told what.
    ViewsNotifications = NotificationsView;
    /// A member who may say who is told what.
    ManagesNotifications = NotificationsManage;
    /// A member who may review the account.
    ReviewsAccount = ReviewManage;
    /// A member who may read the audit log.
    ViewsAudit = AuditView;
}

permission_guards! {
    // Whoever may see what an account holds takes it along when the account is closed, too.
    enter_though_closed, describe_account_though_closed;
    /// A member who may take the contacts along.
    ExportsContacts = ContactsView;
    /// A member who may take the audit log along.
    ExportsAudit = AuditView;
}

/// What the path names must be there before anything else about the request is judged, once it is known that the caller
/// may do so. A repeat is told its first answer, also where the target has gone since.
pub(super) fn require_target(request: &HttpRequest, member: &Member) -> Result<(), Problem> {
    if request.method() == Method::POST && request.headers().contains_key(idempotency::KEY) {
        return Ok(());
    }
    if path::text(request, "contact").is_ok() {
        member.roster.contact(path::value(request, "contact")?)?;
    }
    if path::text(request, "user").is_ok() {
        let user = path::value(request, "user")?;
        member.roster.member(user).ok_or_else(Problem::not_found)?;
    }
    Ok(())
}
