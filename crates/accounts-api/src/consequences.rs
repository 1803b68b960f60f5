//! What a decision changes for people, or would.

use std::collections::BTreeSet;

use accounts_domain::actor::By;
use accounts_domain::change::Change;
use accounts_domain::difference::{ApplicationShift, CategoryShift, Difference, Move};
use accounts_domain::ids::ContactId;
use accounts_domain::recipients::Listener;
use accounts_store::Decision;
use serde::Serialize;
use utoipa::ToSchema;

use crate::contacts::ContactRef;

/// A primary place that moves.
#[derive(Debug, Serialize, ToSchema)]
pub struct RoleMove {
    /// The role.
    #[schema(example = "billing")]
    role: String,
    /// Who had the place.
    #[schema(required = true)]
    from: Option<ContactRef>,
    /// Who has it.
    #[schema(required = true)]
    to: Option<ContactRef>,
}

/// An application that opens for some and closes for others.
#[derive(Debug, Serialize, ToSchema)]
pub struct ApplicationMove {
    /// The application.
    #[schema(example = "bill_desk")]
    application: String,
    /// The contacts that it opens for.
    opens_for: Vec<String>,
    /// The contacts that it closes for.
    closes_for: Vec<String>,
    /// The members who are no contacts that it opens for, where there are any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    opens_for_users: Vec<String>,
    /// The members who are no contacts that it closes for, where there are any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    closes_for_users: Vec<String>,
}

/// A category whose notices go elsewhere.
#[derive(Debug, Serialize, ToSchema)]
pub struct CategoryMove {
    /// The category.
    #[schema(example = "invoice")]
    category: String,
    /// The contacts that receive it from now on.
    gains: Vec<String>,
    /// The contacts that no longer do.
    loses: Vec<String>,
    /// The members who receive it from now on at the address of their log-in, where there are any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    users_gain: Vec<String>,
    /// The members who no longer do, where there are any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    users_lose: Vec<String>,
}

/// Another owner.
#[derive(Debug, Serialize, ToSchema)]
pub struct OwnerMove {
    /// Who owned the account.
    from: ContactRef,
    /// Who owns it.
    to: ContactRef,
}

/// Something that the caller may no longer do or open.
#[derive(Debug, Serialize, ToSchema)]
pub struct Loss {
    /// `permission` or `application`.
    #[schema(example = "permission")]
    kind: &'static str,
    /// Its key.
    #[schema(example = "contacts:manage")]
    key: String,
}

/// What a decision changes for people, or with `dry_run` would.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "dry_run": true,
    "roles": [{"role": "billing", "from": {"id": "con_01h455vb4pex5vsknk084sn02q", "display_name": "Ana"},
               "to": {"id": "con_01h455vb4pex5vsknk084sn02r", "display_name": "Bea"}}],
    "applications": [{"application": "bill_desk", "opens_for": ["con_01h455vb4pex5vsknk084sn02r"],
                      "closes_for": ["con_01h455vb4pex5vsknk084sn02q"]}],
    "notifications": [{"category": "invoice", "gains": ["con_01h455vb4pex5vsknk084sn02r"], "loses": []}],
    "owner": null, "removed_contacts": [], "removed_members": [], "caller_loses": []
}))]
pub struct Consequences {
    /// Whether nothing was changed.
    dry_run: bool,
    /// The primary places that move.
    roles: Vec<RoleMove>,
    /// The applications that open or close.
    applications: Vec<ApplicationMove>,
    /// The categories that go elsewhere.
    notifications: Vec<CategoryMove>,
    /// The ownership, where it moves.
    #[schema(required = true)]
    owner: Option<OwnerMove>,
    /// The contacts that go.
    removed_contacts: Vec<String>,
    /// The users who are members no more.
    removed_members: Vec<String>,
    /// What the caller may no longer do or open.
    caller_loses: Vec<Loss>,
}

impl Consequences {
    /// What a decision changes, as its caller sees it.
    pub fn of(decision: &Decision, by: By, dry_run: bool) -> Self {
        let Decision { before, after, changes } = decision;
        let difference = Difference::between(before, after, changes, by);
        let contact = |id: ContactId| ContactRef::of(id, &[after, before]);
        let moved = |place: Move| RoleMove {
            role: place.role.to_string(),
            from: place.from.map(contact),
            to: place.to.map(contact),
        };
        let permissions = difference.caller_loses.iter().map(|key| Loss {
            kind: "permission",
            key: key.to_string(),
        });
        let closed = difference.caller_closes.iter().map(|key| Loss {
            kind: "application",
            key: key.to_string(),
        });
        let mut consequences = Self {
            dry_run,
            roles: difference.moves.into_iter().map(moved).collect(),
            applications: difference.applications.iter().map(ApplicationMove::of).collect(),
            notifications: difference.categories.iter().map(CategoryMove::of).collect(),
            owner: None,
            removed_contacts: Vec::new(),
            removed_members: Vec::new(),
            caller_loses: permissions.chain(closed).collect(),
        };
        for change in changes {
            if let Change::OwnerMoved { from, to } = change {
                consequences.owner = Some(OwnerMove {
                    from: contact(*from),
                    to: contact(*to),
                });
            } else if let Change::ContactRemoved { contact } | Change::ContactErased { contact } = change {
                consequences.removed_contacts.push(contact.to_string());
            } else if let Change::MemberRemoved { user, .. } | Change::MemberLeft { user, .. } = change {
                consequences.removed_members.push(user.to_string());
            }
        }
        consequences
    }
}

impl ApplicationMove {
    fn of(shift: &ApplicationShift) -> Self {
        let (opens_for, opens_for_users) = apart(&shift.opens_for);
        let (closes_for, closes_for_users) = apart(&shift.closes_for);
        Self {
            application: shift.application.to_string(),
            opens_for,
            closes_for,
            opens_for_users,
            closes_for_users,
        }
    }
}

impl CategoryMove {
    fn of(shift: &CategoryShift) -> Self {
        let (gains, users_gain) = apart(&shift.gains);
        let (loses, users_lose) = apart(&shift.loses);
        Self {
            category: shift.category.to_string(),
            gains,
            loses,
            users_gain,
            users_lose,
        }
    }
}

/// The ids of contacts, and those of members.
fn apart(people: &BTreeSet<Listener>) -> (Vec<String>, Vec<String>) {
    let (mut contacts, mut users) = (Vec::new(), Vec::new());
    for somebody in people {
        match somebody {
            Listener::Contact(id) => contacts.push(id.to_string()),
            Listener::Member(id) => users.push(id.to_string()),
        }
    }
    (contacts, users)
}
