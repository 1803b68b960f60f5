//! Whom an account lets in no longer once it asks for a second factor.

use std::collections::BTreeMap;

use accounts_domain::actor::By;
use accounts_domain::ids::UserId;
use accounts_domain::members::MemberPerson;
use accounts_domain::permission::ServicePermission;
use accounts_store::Decision;
use serde::Serialize;
use utoipa::ToSchema;

use super::AccountView;
use crate::guards::Member;
use crate::problem::Problem;
use crate::reply::Reply;

/// A member whom the account lets in no longer.
#[derive(Debug, Serialize, ToSchema)]
pub struct LockedOutMember {
    /// The user.
    #[schema(example = "usr_01h455vb4pex5vsknk084sn02q")]
    user_id: String,
    /// How the person is called; `null` to a caller who may not see the members.
    #[schema(required = true, example = "Bea Lima")]
    display_name: Option<String>,
    /// The address that the person logs in with; `null` to a caller who may not see the members.
    #[schema(required = true, example = "bea@lima.example")]
    address: Option<String>,
}

/// An account as a change makes it, or with `dry_run` would.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChangedAccount {
    /// The account.
    #[serde(flatten)]
    account: AccountView,
    /// Whether nothing was changed.
    dry_run: bool,
    /// The members without a second factor, whom the account lets in no longer.
    locked_out: Vec<LockedOutMember>,
}

/// Whom a change of the account locks out, as its caller may see it.
#[derive(Debug, Clone)]
pub(super) struct Lockout {
    people: BTreeMap<UserId, MemberPerson>,
    by: By,
}

impl Lockout {
    /// Only an account that asks for a second factor locks anybody out.
    pub(super) async fn of(member: &Member, asks: bool) -> Result<Self, Problem> {
        let people = if asks {
            member.person.service.store.member_people(member.account).await?
        } else {
            BTreeMap::new()
        };
        Ok(Self {
            people,
            by: member.by(),
        })
    }

    pub(super) fn reply(&self, decision: &Decision, dry_run: bool) -> Reply {
        let (before, after) = (&decision.before, &decision.after);
        let begins = after.account().second_factor_required && !before.account().second_factor_required;
        let named = before.require(self.by, ServicePermission::MembersView).is_ok();
        let locked_out = before.locked_out(self.people.values().filter(|_| begins), self.by.at);
        let view = |person: &MemberPerson| LockedOutMember {
            user_id: person.user.to_string(),
            display_name: named.then(|| person.display_name.to_string()),
            address: named.then(|| person.address.to_string()),
        };
        let changed = ChangedAccount {
            account: AccountView::of(after),
            dry_run,
            locked_out: locked_out.into_iter().map(view).collect(),
        };
        Reply::ok(&changed)
    }
}
