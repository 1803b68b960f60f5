//! Roles: given, taken, promoted, left vacant.

use std::collections::BTreeSet;

use crate::actor::By;
use crate::catalog::{ContactField, Holders, Role, Vacancy};
use crate::change::Change;
use crate::ids::ContactId;
use crate::keys::RoleKey;
use crate::permission::ServicePermission;
use crate::roster::{Contact, Roster};
use crate::violation::Violation;

/// Moves the primary place of roles to one contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promote {
    /// Who is to have the places.
    pub contact: ContactId,
    /// The roles, at least one.
    pub roles: BTreeSet<RoleKey>,
}

impl Roster {
    /// The contacts that a role's primary place could move to: the verified ones (M-59).
    pub fn candidates(&self) -> impl Iterator<Item = &Contact> {
        self.contacts().filter(|contact| contact.is_verified())
    }

    /// Gives an ordinary role. Giving what the contact holds changes nothing.
    ///
    /// # Errors
    /// A role with a single holder is moved by promoting; one for verified contacts only goes to no other.
    pub fn give_role(&self, by: By, contact: ContactId, role: &RoleKey) -> Result<Vec<Change>, Violation> {
        self.require(by, ServicePermission::RolesManage)?;
        let verified = self.contact(contact)?.is_verified();
        self.role(role)?;
        self.require_active()?;
        if self.holds(contact, role) {
            return Ok(Vec::new());
        }
        self.require_givable(role, verified)?;
        Ok(vec![Change::RoleGiven { role: role.clone(), contact }])
    }

    /// Refuses what an ordinary role cannot be given for.
    pub(crate) fn require_givable(&self, role: &RoleKey, verified: bool) -> Result<(), Violation> {
        let policy = self.role(role)?;
        match policy.holders {
            Holders::One => return Err(Violation::RoleHasSingleHolder { role: role.clone() }),
            Holders::Many => {}
        }
        if policy.verified_only && !verified { Err(Violation::ContactNotVerified) } else { Ok(()) }
    }

    /// Takes an ordinary role. Taking what the contact does not hold changes nothing.
    ///
    /// # Errors
    /// The primary holder keeps the role until the place is moved or left vacant, and a role that must be
    /// filled keeps its last holder; where the catalog requires a role of every contact, the last one stays (L-07).
    pub fn take_role(&self, by: By, contact: ContactId, role: &RoleKey) -> Result<Vec<Change>, Violation> {
        self.require(by, ServicePermission::RolesManage)?;
        self.contact(contact)?;
        let policy = self.role(role)?;
        self.require_active()?;
        if !self.holds(contact, role) {
            return Ok(Vec::new());
        }
        if self.primary(role) == Some(contact) {
            return Err(Violation::ContactIsPrimaryHolder { role: role.clone() });
        }
        if policy.vacancy == Vacancy::Forbidden && self.holders(role).len() == 1 {
            return Err(Violation::RoleMustBeFilled { role: role.clone() });
        }
        if self.catalog.policy().required_contact_fields.contains(&ContactField::Role) && self.roles_of(contact).len() == 1 {
            return Err(Violation::MissingFields { fields: BTreeSet::from([ContactField::Role]) });
        }
        Ok(vec![Change::RoleTaken { role: role.clone(), contact }])
    }

    /// Moves each role's primary place to one contact. Former holders keep the ordinary role where many may
    /// hold it. Promoting the present holder changes nothing (M-57, L-14, L-18).
    ///
    /// # Errors
    /// Only a verified contact is promoted (M-59).
    pub fn promote(&self, by: By, command: &Promote) -> Result<Vec<Change>, Violation> {
        self.require(by, ServicePermission::RolesManage)?;
        let contact = self.contact(command.contact)?;
        let roles = command.roles.iter().map(|role| self.role(role)).collect::<Result<Vec<_>, _>>()?;
        self.require_active()?;
        if !contact.is_verified() {
            return Err(Violation::ContactNotVerified);
        }
        Ok(roles.into_iter().flat_map(|role| self.move_primary(role, Some(command.contact))).collect())
    }

    /// Leaves a role's primary place vacant, or gives it back to the owner, as the catalog says (M-17). A role
    /// with a single holder then has none. An owner who is not verified yet gets the place with the verification.
    ///
    /// # Errors
    /// A role that must be filled is moved, not left.
    pub fn vacate(&self, by: By, role: &RoleKey) -> Result<Vec<Change>, Violation> {
        self.require(by, ServicePermission::RolesManage)?;
        let role = self.role(role)?;
        self.require_active()?;
        if self.primary(&role.key).is_none() {
            return Ok(Vec::new());
        }
        match role.vacancy {
            Vacancy::Forbidden => Err(Violation::RoleMustBeFilled { role: role.key.clone() }),
            Vacancy::Owner => {
                let owner = self.contact(self.owner())?;
                Ok(self.move_primary(role, owner.is_verified().then_some(owner.id)))
            }
            Vacancy::Allowed => Ok(self.move_primary(role, None)),
        }
    }

    /// The changes that move one primary place. A new holder gets the role where it is missing; a former one
    /// keeps it unless the role has a single holder.
    pub(crate) fn move_primary(&self, role: &Role, to: Option<ContactId>) -> Vec<Change> {
        let from = self.primary(&role.key);
        if from == to {
            return Vec::new();
        }
        let key = || role.key.clone();
        let mut changes = Vec::new();
        // A single holder leaves before the next one comes, so that no reader and no index sees two.
        if role.holders == Holders::One
            && let Some(from) = from
        {
            changes.push(Change::RoleTaken { role: key(), contact: from });
        }
        if let Some(to) = to.filter(|to| !self.holds(*to, &role.key)) {
            changes.push(Change::RoleGiven { role: key(), contact: to });
        }
        changes.push(Change::PrimaryMoved { role: key(), from, to });
        changes
    }

    /// Fills the places that the owner holds while nobody else does. A place that is empty because the owner
    /// was not verified yet is filled with the verification.
    pub(crate) fn fill_vacancies(&self) -> Vec<Change> {
        let owner = self.owner();
        let vacant = |role: &&Role| role.vacancy != Vacancy::Allowed && self.primary(&role.key).is_none();
        self.catalog.roles().iter().filter(vacant).flat_map(|role| self.move_primary(role, Some(owner))).collect()
    }
}
