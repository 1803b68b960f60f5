//! Roles: given, taken, promoted, left vacant.

use std::collections::BTreeSet;

use crate::actor::By;
use crate::catalog::{Holders, Role, Vacancy};
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
        Ok(vec![Change::RoleGiven {
            role: role.clone(),
            contact,
        }])
    }

    /// Refuses what an ordinary role cannot be given for.
    pub(crate) fn require_givable(&self, role: &RoleKey, verified: bool) -> Result<(), Violation> {
        let policy = self.role(role)?;
        match policy.holders {
            Holders::One => return Err(Violation::RoleHasSingleHolder { role: role.clone() }),
            Holders::Many => {}
        }
        if policy.verified_only && !verified {
            Err(Violation::ContactNotVerified)
        } else {
            Ok(())
        }
    }

    /// Takes an ordinary role. Taking what the contact does not hold changes nothing.
    ///
    /// # Errors
    /// The primary holder keeps the role until the place is moved or left vacant, and a role that must be
    /// filled keeps its last holder. A contact may lose its last role even where a new one needs one (L-07): a
    /// holder of roles is not removed, so without that nobody could be (L-12).
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
        Ok(vec![Change::RoleTaken {
            role: role.clone(),
            contact,
        }])
    }

    /// Moves each role's primary place to one contact. Former holders keep the ordinary role where many may
    /// hold it. Promoting the present holder changes nothing (M-57, L-14, L-18).
    ///
    /// # Errors
    /// Only a verified contact is promoted (M-59).
    pub fn promote(&self, by: By, command: &Promote) -> Result<Vec<Change>, Violation> {
        self.require(by, ServicePermission::RolesManage)?;
        let contact = self.contact(command.contact)?;
        let roles = command
            .roles
            .iter()
            .map(|role| self.role(role))
            .collect::<Result<Vec<_>, _>>()?;
        self.require_active()?;
        if !contact.is_verified() {
            return Err(Violation::ContactNotVerified);
        }
        Ok(roles
            .into_iter()
            .flat_map(|role| self.move_primary(role, Some(command.contact)))
            .collect())
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
            changes.push(Change::RoleTaken {
                role: key(),
                contact: from,
            });
        }
        if let Some(to) = to.filter(|to| !self.holds(*to, &role.key)) {
            changes.push(Change::RoleGiven {
                role: key(),
                contact: to,
            });
        }
        changes.push(Change::PrimaryMoved { role: key(), from, to });
        changes
    }

    /// Fills the places that the owner holds while nobody else does. A place that is empty because the owner
    /// was not verified yet is filled with the verification.
    pub(crate) fn fill_vacancies(&self) -> Vec<Change> {
        let owner = self.owner();
        let vacant = |role: &&Role| role.vacancy != Vacancy::Allowed && self.primary(&role.key).is_none();
        self.catalog
            .roles()
            .iter()
            .filter(vacant)
            .flat_map(|role| self.move_primary(role, Some(owner)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::given::{
        ANA, BEA, CEM, LINK, NOW, SYSTEM, ZOE, chosen, datacenter, mixed, permission, role, roles, saas_suite,
        standard, telephony,
    };
    use crate::roster::AccountStatus;

    fn both(roster: Roster) -> Roster {
        roster.with_verified(BEA).with_verified(CEM)
    }

    mod given_and_taken {
        use super::*;

        #[test]
        fn m_15_l_13_a_role_is_given_and_taken() {
            let roster = standard().with(BEA).holding(BEA, "technical");
            assert!(roster.holds(BEA.contact(), &role("technical")));
            let changes = roster.take_role(ANA.by(), BEA.contact(), &role("technical"));
            assert_eq!(roster.then(changes).roles_of(BEA.contact()), roles(&[]));
        }

        #[test]
        fn m_16_a_role_goes_to_a_contact_that_is_there() {
            let refused = standard().give_role(ANA.by(), ZOE.contact(), &role("billing"));
            assert_eq!(refused, Err(Violation::NotFound));
        }

        #[test]
        fn m_21_m_29_a_single_holder_is_promoted_not_given() {
            for key in ["billing", "technical"] {
                let refused = both(saas_suite()).give_role(ANA.by(), BEA.contact(), &role(key));
                assert_eq!(refused, Err(Violation::RoleHasSingleHolder { role: role(key) }));
            }
        }

        #[test]
        fn l_17_an_ordinary_role_has_many_holders() {
            let roster = both(datacenter()).holding(BEA, "billing").holding(CEM, "billing");
            assert_eq!(roster.holders(&role("billing")).len(), 3);
            assert_eq!(roster.primary(&role("billing")), Some(ANA.contact()));
        }

        #[test]
        fn m_40_a_contact_holds_several_roles() {
            let roster = standard().with(BEA).holding(BEA, "billing").holding(BEA, "security");
            assert_eq!(roster.roles_of(BEA.contact()), roles(&["billing", "security"]));
        }

        #[test]
        fn the_first_holder_is_not_primary_by_itself() {
            let roster = mixed().with(BEA).holding(BEA, "many_allowed");
            assert_eq!(roster.primary(&role("many_allowed")), None);
        }

        #[test]
        fn m_59_a_role_for_verified_contacts_goes_to_no_other() {
            let roster = mixed().with(BEA);
            let give = |roster: &Roster| roster.give_role(ANA.by(), BEA.contact(), &role("many_verified"));
            assert_eq!(give(&roster), Err(Violation::ContactNotVerified));
            assert!(give(&roster.with_proof(BEA)).is_ok());
        }

        #[test]
        fn what_is_so_already_changes_nothing() {
            let roster = standard().with(BEA).holding(BEA, "billing");
            assert_eq!(roster.give_role(ANA.by(), BEA.contact(), &role("billing")), Ok(vec![]));
            assert_eq!(roster.take_role(ANA.by(), BEA.contact(), &role("security")), Ok(vec![]));
        }

        #[test]
        fn the_primary_holder_keeps_the_role() {
            let refused = standard().take_role(ANA.by(), ANA.contact(), &role("billing"));
            assert_eq!(
                refused,
                Err(Violation::ContactIsPrimaryHolder { role: role("billing") })
            );
        }

        #[test]
        fn l_12_the_last_role_is_taken_before_the_contact_is_removed() {
            let roster = datacenter().with(BEA).holding(BEA, "billing");
            let changes = roster.take_role(ANA.by(), BEA.contact(), &role("general"));
            let roster = roster.then(changes);
            let refused = Violation::ContactHoldsRoles {
                roles: roles(&["billing"]),
            };
            assert_eq!(roster.remove_contact(ANA.by(), BEA.contact()), Err(refused));
            let changes = roster.take_role(ANA.by(), BEA.contact(), &role("billing"));
            assert!(roster.then(changes).remove_contact(ANA.by(), BEA.contact()).is_ok());
        }

        #[test]
        fn a_role_that_must_be_filled_keeps_its_last_holder() {
            let roster = both(mixed().not_activated()).holding(BEA, "many_verified");
            let take = |roster: &Roster| roster.take_role(SYSTEM, BEA.contact(), &role("many_verified"));
            let refused = Violation::RoleMustBeFilled {
                role: role("many_verified"),
            };
            assert_eq!(take(&roster), Err(refused));
            assert!(take(&roster.holding(CEM, "many_verified")).is_ok());
        }

        #[test]
        fn m_10_m_11_only_who_may_manages_roles() {
            let roster = both(saas_suite()).joined(BEA, chosen(&["contacts:manage"]));
            let refused = Violation::Forbidden {
                permission: permission("roles:manage"),
            };
            let billing = role("billing");
            assert_eq!(
                roster.give_role(BEA.by(), CEM.contact(), &billing),
                Err(refused.clone())
            );
            assert_eq!(
                roster.take_role(BEA.by(), CEM.contact(), &billing),
                Err(refused.clone())
            );
            assert_eq!(
                roster.promote(BEA.by(), &BEA.promoted(&["billing"])),
                Err(refused.clone())
            );
            assert_eq!(roster.vacate(BEA.by(), &billing), Err(refused));
            assert_eq!(roster.vacate(ZOE.by(), &billing), Err(Violation::NotFound));
        }

        #[test]
        fn an_unknown_role_is_refused_and_a_suspended_account_too() {
            let roster = standard().with_verified(BEA);
            let unknown = Err(Violation::UnknownRole { role: role("captain") });
            assert_eq!(
                roster.give_role(ANA.by(), BEA.contact(), &role("captain")),
                unknown.clone()
            );
            assert_eq!(
                roster.promote(ANA.by(), &BEA.promoted(&["billing", "captain"])),
                unknown.clone()
            );
            let suspended = roster.in_status(AccountStatus::Suspended);
            assert_eq!(suspended.take_role(ANA.by(), BEA.contact(), &role("captain")), unknown);
            let refused = suspended.vacate(ANA.by(), &role("billing"));
            assert_eq!(refused, Err(Violation::AccountSuspended));
        }
    }

    mod promoted {
        use super::*;

        #[test]
        fn m_56_m_57_a_single_role_moves_in_one_act() {
            let roster = both(saas_suite())
                .promoted(BEA, &["billing"])
                .promoted(CEM, &["billing"]);
            assert_eq!(roster.holders(&role("billing")), BTreeSet::from([CEM.contact()]));
            assert_eq!(roster.primary(&role("billing")), Some(CEM.contact()));
        }

        #[test]
        fn m_21_m_29_a_single_holder_leaves_before_the_next_comes() {
            let roster = both(saas_suite()).promoted(BEA, &["billing"]);
            let changes = roster.promote(ANA.by(), &CEM.promoted(&["billing"])).unwrap();
            let (key, from, to) = (role("billing"), BEA.contact(), CEM.contact());
            let wanted = [
                Change::RoleTaken {
                    role: key.clone(),
                    contact: from,
                },
                Change::RoleGiven {
                    role: key.clone(),
                    contact: to,
                },
                Change::PrimaryMoved {
                    role: key,
                    from: Some(from),
                    to: Some(to),
                },
            ];
            assert_eq!(changes, wanted);
        }

        #[test]
        fn l_15_l_18_promoting_moves_the_primary_place_and_leaves_the_role() {
            let roster = both(datacenter()).promoted(BEA, &["technical"]);
            assert_eq!(roster.primary(&role("technical")), Some(BEA.contact()));
            assert!(roster.holds(ANA.contact(), &role("technical")));
        }

        #[test]
        fn l_14_giving_a_role_moves_no_primary_place() {
            let roster = both(datacenter()).holding(BEA, "technical");
            assert_eq!(roster.primary(&role("technical")), Some(ANA.contact()));
        }

        #[test]
        fn l_16_a_contact_has_several_primary_places_by_one_act() {
            let roster = both(datacenter()).promoted(BEA, &["billing", "technical"]);
            assert_eq!(roster.primary_roles_of(BEA.contact()), roles(&["billing", "technical"]));
        }

        #[test]
        fn promoting_gives_the_role_where_it_is_missing_only() {
            let roster = both(standard()).holding(BEA, "billing");
            let changes = roster.promote(ANA.by(), &BEA.promoted(&["billing"])).unwrap();
            assert!(matches!(changes[..], [Change::PrimaryMoved { .. }]));
        }

        #[test]
        fn promoting_the_present_holder_changes_nothing() {
            let roster = both(standard()).promoted(BEA, &["billing"]);
            assert_eq!(roster.promote(ANA.by(), &BEA.promoted(&["billing"])), Ok(vec![]));
        }

        #[test]
        fn of_two_promotes_the_later_wins() {
            let roster = both(standard()).promoted(BEA, &["billing"]).promoted(CEM, &["billing"]);
            assert_eq!(roster.primary(&role("billing")), Some(CEM.contact()));
        }

        #[test]
        fn m_59_only_verified_contacts_are_candidates() {
            let roster = saas_suite().with_verified(BEA).with(CEM);
            let candidates: Vec<_> = roster.candidates().map(|contact| contact.id).collect();
            assert_eq!(candidates, [ANA.contact(), BEA.contact()]);
            let refused = roster.promote(ANA.by(), &CEM.promoted(&["billing"]));
            assert_eq!(refused, Err(Violation::ContactNotVerified));
        }

        #[test]
        fn one_unknown_role_stops_them_all() {
            let roster = both(standard());
            assert!(
                roster
                    .promote(ANA.by(), &BEA.promoted(&["billing", "captain"]))
                    .is_err()
            );
            let refused = roster.promote(LINK, &BEA.promoted(&["billing"]));
            assert_eq!(
                refused,
                Err(Violation::Forbidden {
                    permission: permission("roles:manage")
                })
            );
        }
    }

    mod vacated {
        use super::*;

        #[test]
        fn m_17_billing_and_technical_may_be_left_vacant() {
            let roster = both(saas_suite()).promoted(BEA, &["billing"]);
            let changes = roster.vacate(ANA.by(), &role("billing"));
            let roster = roster.then(changes);
            assert_eq!(roster.primary(&role("billing")), None);
            assert_eq!(roster.holders(&role("billing")), BTreeSet::new());
            assert_eq!(roster.vacate(ANA.by(), &role("billing")), Ok(vec![]));
        }

        #[test]
        fn a_vacant_place_leaves_its_former_holder_the_ordinary_role() {
            let roster = both(mixed()).promoted(BEA, &["many_allowed"]);
            let changes = roster.vacate(ANA.by(), &role("many_allowed"));
            let roster = roster.then(changes);
            assert_eq!(roster.primary(&role("many_allowed")), None);
            assert!(roster.holds(BEA.contact(), &role("many_allowed")));
        }

        #[test]
        fn o_05_o_06_a_vacant_place_goes_back_to_the_owner() {
            let roster = both(telephony()).promoted(BEA, &["accounts"]);
            let changes = roster.vacate(ANA.by(), &role("accounts"));
            let roster = roster.then(changes);
            assert_eq!(roster.primary(&role("accounts")), Some(ANA.contact()));
            assert_eq!(roster.vacate(ANA.by(), &role("accounts")), Ok(vec![]));
        }

        #[test]
        fn o_07_each_place_moves_alone() {
            let roster = both(telephony()).promoted(BEA, &["accounts"]);
            assert_eq!(roster.primary_roles_of(ANA.contact()), roles(&["tech", "general"]));
        }

        #[test]
        fn a_place_does_not_go_back_to_an_owner_who_is_not_verified() {
            let roster = both(mixed().not_activated()).promoted(BEA, &["one_owner"]);
            let changes = roster.vacate(SYSTEM, &role("one_owner"));
            let roster = roster.then(changes);
            assert_eq!(roster.primary(&role("one_owner")), None);
            let activated = roster.with_proof(ANA);
            assert_eq!(activated.primary(&role("one_owner")), Some(ANA.contact()));
        }

        #[test]
        fn a_role_that_must_be_filled_is_not_left() {
            let refused = datacenter().vacate(ANA.by(), &role("security"));
            assert_eq!(refused, Err(Violation::RoleMustBeFilled { role: role("security") }));
            assert!(datacenter().live_member(ANA.user(), NOW).is_some());
        }
    }
}
