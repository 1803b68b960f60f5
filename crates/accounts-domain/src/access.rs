//! What a member may do and what is open to it, with the reasons.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::catalog::{Application, Opening};
use crate::ids::{ContactId, UserId};
use crate::keys::{ApplicationKey, PermissionKey, RoleKey};
use crate::permission::Permissions;
use crate::roster::Roster;

/// Why an application is open.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// It is open to every member.
    Everyone,
    /// The member's contact holds the role.
    RoleHolder(RoleKey),
    /// The member's contact is the role's primary holder.
    PrimaryHolder(RoleKey),
    /// The member has the permission.
    Permission(PermissionKey),
    /// The member owns the account.
    Owner,
}

/// An application that is open, and every reason why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenApplication {
    /// The application.
    pub application: ApplicationKey,
    /// The reasons, at least one.
    pub reasons: BTreeSet<Reason>,
}

/// What a member may do in an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// Whether the member owns the account.
    pub owner: bool,
    /// What the member may do.
    pub permissions: Permissions,
    /// The contact that the member is.
    pub contact: Option<ContactId>,
    /// The roles that the contact holds.
    pub roles: BTreeSet<RoleKey>,
    /// The roles whose primary place the contact has.
    pub primary_roles: BTreeSet<RoleKey>,
    /// The applications that are open, in the catalog's order.
    pub applications: Vec<OpenApplication>,
}

/// What an application asks about: a member, or a contact that does not log in yet.
struct Visitor<'a> {
    contact: Option<ContactId>,
    permissions: Option<&'a Permissions>,
    owner: bool,
    logs_in: bool,
}

impl Roster {
    /// The access of a user at that moment; nothing for somebody who is no member (M-41: rights add up).
    pub fn access(&self, user: UserId, at: DateTime<Utc>) -> Option<Access> {
        let member = self.live_member(user, at)?;
        let permissions = self.permissions_of(user, at)?;
        let owner = self.is_owner(user);
        let visitor = Visitor { contact: member.contact, permissions: Some(&permissions), owner, logs_in: true };
        let applications = self.open_applications(&visitor);
        Some(Access {
            owner,
            contact: member.contact,
            roles: member.contact.map(|contact| self.roles_of(contact)).unwrap_or_default(),
            primary_roles: member.contact.map(|contact| self.primary_roles_of(contact)).unwrap_or_default(),
            applications,
            permissions,
        })
    }

    /// The applications that are open to a contact at that moment. Roles count for one that does not log in
    /// yet; what is open to everyone is open to those who log in.
    pub fn applications_of(&self, contact: ContactId, at: DateTime<Utc>) -> Vec<OpenApplication> {
        let member = self.member_of_contact(contact).filter(|member| member.is_live(at));
        let permissions = member.and_then(|member| self.permissions_of(member.user, at));
        let visitor = Visitor {
            contact: Some(contact),
            permissions: permissions.as_ref(),
            owner: contact == self.owner(),
            logs_in: member.is_some(),
        };
        self.open_applications(&visitor)
    }

    fn open_applications(&self, visitor: &Visitor<'_>) -> Vec<OpenApplication> {
        let open = |application: &Application| {
            let reasons: BTreeSet<Reason> = application.opens_for.iter().flat_map(|opening| self.reasons(opening, visitor)).collect();
            (!reasons.is_empty()).then(|| OpenApplication { application: application.key.clone(), reasons })
        };
        self.catalog().applications().iter().filter_map(open).collect()
    }

    fn reasons(&self, opening: &Opening, visitor: &Visitor<'_>) -> Vec<Reason> {
        match opening {
            Opening::Everyone => visitor.logs_in.then_some(Reason::Everyone).into_iter().collect(),
            Opening::Owner => visitor.owner.then_some(Reason::Owner).into_iter().collect(),
            Opening::RoleHolders(roles) => {
                let held = roles.iter().filter(|role| visitor.contact.is_some_and(|contact| self.holds(contact, role)));
                held.cloned().map(Reason::RoleHolder).collect()
            }
            Opening::PrimaryHolders(roles) => {
                let held = roles.iter().filter(|role| visitor.contact.is_some() && self.primary(role) == visitor.contact);
                held.cloned().map(Reason::PrimaryHolder).collect()
            }
            Opening::Permissions(keys) => {
                let has = |key: &&PermissionKey| visitor.permissions.is_some_and(|permissions| permissions.contains(key));
                keys.iter().filter(has).cloned().map(Reason::Permission).collect()
            }
        }
    }
}
