//! Who takes along what an account holds: those who may see it, and they do when the account is closed, too.

use accounts_domain::permission::ServicePermission;
use actix_web::HttpRequest;

use super::admit::{Admit, guards};
use super::keys::Takes;
use super::{Member, describe_account_though_closed, enter_though_closed};
use crate::describe::{Describe, Description};
use crate::problem::Problem;

/// Declares guards of exports, each of them a [`Member`] with a permission in an account of whatever status.
macro_rules! export_guards {
    ($($(#[$doc:meta])* $guard:ident = $permission:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub struct $guard(pub Member);

        guards!($guard around Member);

        impl Admit for $guard {
            async fn admit(request: &HttpRequest) -> Result<Self, Problem> {
                let member = enter_though_closed(request, Takes::AllKeys).await?;
                member.roster.require(member.by(), ServicePermission::$permission)?;
                Ok(Self(member))
            }
        }

        impl Describe for $guard {
            const GUARD: bool = true;

            fn describe(description: &mut Description) {
                description.needs(ServicePermission::$permission.as_str());
                describe_account_though_closed(description);
            }
        }
    )*};
}

export_guards! {
    /// A member who may see the contacts.
    ExportsContacts = ContactsView;
    /// A member who may read the audit log.
    ExportsAudit = AuditView;
}
