//! What a member may do and what is open to it, with the reasons.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::actor::{Actor, By};
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
        let visitor = Visitor {
            contact: member.contact,
            permissions: Some(&permissions),
            owner,
            logs_in: true,
        };
        let applications = self.open_applications(&visitor);
        Some(Access {
            owner,
            contact: member.contact,
            roles: member.contact.map(|contact| self.roles_of(contact)).unwrap_or_default(),
            primary_roles: member
                .contact
                .map(|contact| self.primary_roles_of(contact))
                .unwrap_or_default(),
            applications,
            permissions,
        })
    }

    /// The access of the actor. A key owns nothing; a key of the account is nobody's contact (R41).
    pub fn access_by(&self, by: By) -> Option<Access> {
        let Actor::Key(key) = by.actor else {
            return self.access(by.actor.user()?, by.at);
        };
        let member = self.live_member(key.maker, by.at)?;
        let permissions = self.rights_of(by)?;
        let contact = member.contact.filter(|_| !key.of_account);
        let applications = self.open_applications(&Visitor {
            contact,
            permissions: Some(&permissions),
            owner: false,
            logs_in: true,
        });
        Some(Access {
            owner: false,
            contact,
            roles: contact.map(|contact| self.roles_of(contact)).unwrap_or_default(),
            primary_roles: contact
                .map(|contact| self.primary_roles_of(contact))
                .unwrap_or_default(),
            applications,
            permissions,
        })
    }

    /// The applications that its roles open to a contact that does not log in yet.
    pub(crate) fn applications_of(&self, contact: ContactId) -> Vec<OpenApplication> {
        self.open_applications(&Visitor {
            contact: Some(contact),
            permissions: None,
            owner: contact == self.owner(),
            logs_in: false,
        })
    }

    fn open_applications(&self, visitor: &Visitor<'_>) -> Vec<OpenApplication> {
        let open = |application: &Application| {
            let reasons: BTreeSet<Reason> = application
                .opens_for
                .iter()
                .flat_map(|opening| self.reasons(opening, visitor))
                .collect();
            (!reasons.is_empty()).then(|| OpenApplication {
                application: application.key.clone(),
                reasons,
            })
        };
        self.catalog().applications().iter().filter_map(open).collect()
    }

    fn reasons(&self, opening: &Opening, visitor: &Visitor<'_>) -> Vec<Reason> {
        match opening {
            Opening::Everyone => visitor.logs_in.then_some(Reason::Everyone).into_iter().collect(),
            Opening::Owner => visitor.owner.then_some(Reason::Owner).into_iter().collect(),
            Opening::RoleHolders(roles) => {
                let held = roles
                    .iter()
                    .filter(|role| visitor.contact.is_some_and(|contact| self.holds(contact, role)));
                held.cloned().map(Reason::RoleHolder).collect()
            }
            Opening::PrimaryHolders(roles) => {
                let held = roles
                    .iter()
                    .filter(|role| visitor.contact.is_some() && self.primary(role) == visitor.contact);
                held.cloned().map(Reason::PrimaryHolder).collect()
            }
            Opening::Permissions(keys) => {
                let has =
                    |key: &&PermissionKey| visitor.permissions.is_some_and(|permissions| permissions.contains(key));
                keys.iter().filter(has).cloned().map(Reason::Permission).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::given::{
        ANA, BEA, CEM, NOW, Person, ZOE, chosen, datacenter, moment, permission, role, roles, saas_suite, standard,
    };

    fn open_to(roster: &Roster, person: Person) -> BTreeSet<String> {
        let access = roster.access(person.user(), NOW).unwrap();
        access
            .applications
            .into_iter()
            .map(|open| open.application.to_string())
            .collect()
    }

    fn names<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
        names.map(str::to_owned).into()
    }

    fn reasons(roster: &Roster, person: Person, application: &str) -> BTreeSet<Reason> {
        let access = roster.access(person.user(), NOW).unwrap();
        let open = access
            .applications
            .into_iter()
            .find(|o| o.application.as_str() == application);
        open.map(|open| open.reasons).unwrap_or_default()
    }

    const EVERYBODYS: [&str; 2] = ["payment_gateway", "documentation"];
    const BILLING: [&str; 3] = ["bill_desk", "license_extension", "record_payment"];

    #[test]
    fn m_18_m_19_m_20_m_42_the_owner_manages_and_opens_no_desk() {
        let wanted = ["manage_contacts", "manage_roles", "payment_gateway", "documentation"];
        assert_eq!(open_to(&saas_suite(), ANA), names(wanted));
    }

    #[test]
    fn m_23_m_24_m_25_m_26_m_27_m_28_billing_opens_what_is_billed() {
        let roster = saas_suite().with_verified(BEA).promoted(BEA, &["billing"]);
        assert_eq!(open_to(&roster, BEA), &names(EVERYBODYS) | &names(BILLING));
    }

    #[test]
    fn m_31_m_32_m_33_m_34_technical_opens_the_help_desk() {
        let roster = saas_suite().with_verified(BEA).promoted(BEA, &["technical"]);
        assert_eq!(open_to(&roster, BEA), &names(EVERYBODYS) | &names(["help_desk"]));
    }

    #[test]
    fn m_37_m_38_a_contact_without_a_role_opens_what_is_everybodys() {
        assert_eq!(open_to(&saas_suite().with_verified(BEA), BEA), names(EVERYBODYS));
    }

    #[test]
    fn m_41_rights_add_up_over_roles() {
        let roster = saas_suite().with_verified(BEA).promoted(BEA, &["billing", "technical"]);
        let wanted = &(&names(EVERYBODYS) | &names(BILLING)) | &names(["help_desk"]);
        assert_eq!(open_to(&roster, BEA), wanted);
    }

    #[test]
    fn m_58_the_help_desk_follows_the_role_at_once() {
        let roster = saas_suite().with_verified(BEA).with_verified(CEM);
        let roster = roster.promoted(BEA, &["technical"]).promoted(CEM, &["technical"]);
        assert!(!open_to(&roster, BEA).contains("help_desk"));
        assert!(open_to(&roster, CEM).contains("help_desk"));
    }

    #[test]
    fn the_desks_of_the_standard_open_for_the_primary_holder_alone() {
        let roster = standard().with_member(BEA, Permissions::none()).holding(BEA, "billing");
        assert_eq!(reasons(&roster, BEA, "bill_desk"), BTreeSet::new());
        let primary = BTreeSet::from([Reason::PrimaryHolder(role("billing"))]);
        assert_eq!(reasons(&roster, ANA, "bill_desk"), primary);
    }

    #[test]
    fn every_reason_is_told() {
        let roster = standard()
            .with_member(BEA, chosen(&["invoices:pay"]))
            .holding(BEA, "billing");
        let wanted = [
            Reason::RoleHolder(role("billing")),
            Reason::Permission(permission("invoices:pay")),
        ];
        assert_eq!(reasons(&roster, BEA, "payment_portal"), wanted.into());
        assert!(reasons(&roster, ANA, "payment_portal").contains(&Reason::Owner));
    }

    #[test]
    fn access_tells_contact_roles_and_permissions() {
        let roster = datacenter().with_member(BEA, chosen(&["tickets:view"]));
        let access = roster.promoted(BEA, &["billing"]).access(BEA.user(), NOW).unwrap();
        assert_eq!(access.contact, Some(BEA.contact()));
        assert_eq!(access.roles, roles(&["billing", "general"]));
        assert_eq!(access.primary_roles, roles(&["billing"]));
        assert_eq!(access.permissions, chosen(&["tickets:view"]));
    }

    #[test]
    fn a_stranger_a_suspended_and_an_expired_member_have_no_access() {
        let roster = standard().with_member(BEA, Permissions::All);
        assert_eq!(roster.access(ZOE.user(), NOW), None);
        assert_eq!(roster.clone().suspended_member(BEA).access(BEA.user(), NOW), None);
        let expiring = roster.expiring_member(BEA, moment(61));
        assert!(expiring.access(BEA.user(), NOW).is_some());
        assert_eq!(expiring.access(BEA.user(), moment(61)), None);
    }

    #[test]
    fn roles_count_for_a_contact_that_does_not_log_in_yet() {
        let roster = standard().with_verified(BEA).promoted(BEA, &["billing"]);
        let open = roster.applications_of(BEA.contact());
        let open: Vec<_> = open.iter().map(|open| open.application.as_str()).collect();
        assert_eq!(open, ["payment_portal", "bill_desk"]);
    }
}
