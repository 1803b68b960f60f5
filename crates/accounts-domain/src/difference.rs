//! What a decision would change for people: places, applications, notices, the caller's own rights.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::access::{Access, OpenApplication};
use crate::actor::By;
use crate::change::Change;
use crate::ids::{ContactId, UserId};
use crate::keys::{ApplicationKey, CategoryKey, PermissionKey, RoleKey};
use crate::permission::{Permissions, ServicePermission};
use crate::recipients::Listener;
use crate::roster::{AccountStatus, Roster};

/// A primary place that moves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// The role.
    pub role: RoleKey,
    /// Who has the place now.
    pub from: Option<ContactId>,
    /// Who is to have it.
    pub to: Option<ContactId>,
}

/// An application that opens or closes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplicationShift {
    /// The application.
    pub application: ApplicationKey,
    /// Whom it opens for: contacts, and members who are none.
    pub opens_for: BTreeSet<Listener>,
    /// Whom it closes for.
    pub closes_for: BTreeSet<Listener>,
}

/// A category whose notices go elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CategoryShift {
    /// The category.
    pub category: CategoryKey,
    /// Who receives it from now on.
    pub gains: BTreeSet<Listener>,
    /// Who no longer does.
    pub loses: BTreeSet<Listener>,
}

/// Everything that a decision changes for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The primary places that move.
    pub moves: Vec<Move>,
    /// The applications that open or close.
    pub applications: Vec<ApplicationShift>,
    /// The categories that go elsewhere.
    pub categories: Vec<CategoryShift>,
    /// The permissions that the caller loses.
    pub caller_loses: BTreeSet<PermissionKey>,
    /// The applications that close for the caller.
    pub caller_closes: BTreeSet<ApplicationKey>,
}

impl Difference {
    /// What lies between two rosters of one account, as the caller sees it at that moment: a key sees what it may itself.
    pub fn between(before: &Roster, after: &Roster, changes: &[Change], by: By) -> Self {
        let at = by.at;
        let own = |roster: &Roster| opened(roster, roster.access_by(by));
        Self {
            moves: changes.iter().filter_map(moved).collect(),
            applications: application_shifts(before, after, at),
            categories: category_shifts(before, after, at),
            caller_loses: lost_permissions(before, after, by),
            caller_closes: own(before).difference(&own(after)).cloned().collect(),
        }
    }
}

fn moved(change: &Change) -> Option<Move> {
    if let Change::PrimaryMoved { role, from, to } = change {
        Some(Move {
            role: role.clone(),
            from: *from,
            to: *to,
        })
    } else {
        None
    }
}

fn application_shifts(before: &Roster, after: &Roster, at: DateTime<Utc>) -> Vec<ApplicationShift> {
    let rosters = [before, after];
    let contacts: BTreeSet<ContactId> = rosters
        .into_iter()
        .flat_map(|roster| roster.contacts().map(|contact| contact.id))
        .collect();
    let members: BTreeSet<UserId> = rosters
        .into_iter()
        .flat_map(Roster::members)
        .map(|member| member.user)
        .filter(|user| rosters.iter().all(|roster| !is_a_contact(roster, *user)))
        .collect();
    let of_contacts = contacts.into_iter().map(|id| {
        let [was, is] = opened_to(rosters, id, at);
        (Listener::Contact(id), was, is)
    });
    let of_members = members.into_iter().map(|user| {
        let [was, is] = rosters.map(|roster| opened_by(roster, user, at));
        (Listener::Member(user), was, is)
    });
    let seen: Vec<_> = of_contacts.chain(of_members).collect();
    let shift = |application: &ApplicationKey| ApplicationShift {
        application: application.clone(),
        opens_for: seen
            .iter()
            .filter(|(_, was, is)| !was.contains(application) && is.contains(application))
            .map(|(id, ..)| *id)
            .collect(),
        closes_for: seen
            .iter()
            .filter(|(_, was, is)| was.contains(application) && !is.contains(application))
            .map(|(id, ..)| *id)
            .collect(),
    };
    let shifts = after
        .catalog()
        .applications()
        .iter()
        .map(|application| shift(&application.key));
    shifts
        .filter(|shift| !shift.opens_for.is_empty() || !shift.closes_for.is_empty())
        .collect()
}

fn is_a_contact(roster: &Roster, user: UserId) -> bool {
    roster.member(user).is_some_and(|member| member.contact.is_some())
}

/// What is open to a contact before and after: what its person may open, who may have been a member before it was this
/// contact, too. While nobody logs in for it, it is what its roles will open once somebody does, where anybody ever does.
fn opened_to(rosters: [&Roster; 2], contact: ContactId, at: DateTime<Utc>) -> [BTreeSet<ApplicationKey>; 2] {
    let member = rosters.iter().find_map(|roster| roster.member_of_contact(contact));
    if let Some(member) = member {
        return rosters.map(|roster| opened_by(roster, member.user, at));
    }
    rosters.map(|roster| {
        let is_there = roster.contact(contact).is_ok() && !roster.contacts_never_log_in();
        if is_there && is_active(roster) {
            keys(roster.applications_of(contact))
        } else {
            BTreeSet::new()
        }
    })
}

fn opened_by(roster: &Roster, user: UserId, at: DateTime<Utc>) -> BTreeSet<ApplicationKey> {
    opened(roster, roster.access(user, at))
}

/// Nothing is open while the account is suspended or closed, as access checks say.
fn opened(roster: &Roster, access: Option<Access>) -> BTreeSet<ApplicationKey> {
    access
        .filter(|_| is_active(roster))
        .map(|access| keys(access.applications))
        .unwrap_or_default()
}

fn is_active(roster: &Roster) -> bool {
    roster.account().status == AccountStatus::Active
}

fn keys(open: Vec<OpenApplication>) -> BTreeSet<ApplicationKey> {
    open.into_iter().map(|open| open.application).collect()
}

fn category_shifts(before: &Roster, after: &Roster, at: DateTime<Utc>) -> Vec<CategoryShift> {
    let shift = |category: &CategoryKey| {
        // Nobody is told of anything in an account that is closed.
        let told = |roster: &Roster| match roster.account().status {
            AccountStatus::Active | AccountStatus::Suspended => roster.listeners(category, at),
            AccountStatus::Closed => BTreeSet::new(),
        };
        let (was, is) = (told(before), told(after));
        CategoryShift {
            category: category.clone(),
            gains: is.difference(&was).copied().collect(),
            loses: was.difference(&is).copied().collect(),
        }
    };
    let shifts = after.catalog().categories().iter().map(|category| shift(&category.key));
    shifts
        .filter(|shift| !shift.gains.is_empty() || !shift.loses.is_empty())
        .collect()
}

fn lost_permissions(before: &Roster, after: &Roster, by: By) -> BTreeSet<PermissionKey> {
    let had = before.rights_of(by).unwrap_or_else(Permissions::none);
    let has = after.rights_of(by).unwrap_or_else(Permissions::none);
    let own = ServicePermission::ALL.into_iter().map(ServicePermission::key);
    let all = own.chain(before.catalog().permissions().iter().map(|entry| entry.key.clone()));
    all.filter(|key| had.contains(key) && !has.contains(key)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::given::{
        ANA, BEA, CEM, NOW, Person, categories, category, chosen, hosting, role, saas_suite, standard, telephony,
        transfer_id,
    };
    use crate::ownership::TransferOwnership;

    fn promoting(before: &Roster, person: Person, role_key: &str, caller: Person) -> Difference {
        let changes = before.promote(caller.by(), &person.promoted(&[role_key])).unwrap();
        let after = before.clone().after(&changes, NOW);
        Difference::between(before, &after, &changes, caller.by())
    }

    fn only(person: Person) -> BTreeSet<Listener> {
        BTreeSet::from([Listener::Contact(person.contact())])
    }

    #[test]
    fn m_57_m_58_a_promotion_tells_what_moves_and_opens() {
        let before = standard().with_verified(BEA);
        let difference = promoting(&before, BEA, "technical", ANA);
        let moved = Move {
            role: role("technical"),
            from: Some(ANA.contact()),
            to: Some(BEA.contact()),
        };
        assert_eq!(difference.moves, [moved]);
        let shift = ApplicationShift {
            application: "help_desk".parse().unwrap(),
            opens_for: only(BEA),
            closes_for: only(ANA),
        };
        assert_eq!(difference.applications, [shift]);
        let closed: Vec<_> = difference.caller_closes.iter().map(ApplicationKey::as_str).collect();
        assert_eq!(closed, ["help_desk"]);
    }

    #[test]
    fn former_holders_of_an_ordinary_role_keep_its_notices() {
        let difference = promoting(&standard().with_verified(BEA), BEA, "technical", ANA);
        let gained = CategoryShift {
            category: category("maintenance"),
            gains: only(BEA),
            loses: BTreeSet::new(),
        };
        assert_eq!(difference.categories, [gained]);
    }

    #[test]
    fn notices_leave_the_fallback_for_the_first_holder_and_return() {
        let before = saas_suite().with_verified(BEA);
        let difference = promoting(&before, BEA, "technical", ANA);
        let shift = &difference.categories[0];
        assert_eq!((&shift.gains, &shift.loses), (&only(BEA), &only(ANA)));
        let filled = before.promoted(BEA, &["technical"]);
        assert_eq!(filled.listeners(&category("service_notice"), NOW), only(BEA));
        let changes = filled.vacate(ANA.by(), &role("technical"));
        assert_eq!(
            filled.then(changes).listeners(&category("service_notice"), NOW),
            only(ANA)
        );
    }

    #[test]
    fn an_owner_who_transfers_learns_what_is_lost() {
        let before = saas_suite().with_verified(BEA);
        let command = TransferOwnership {
            id: transfer_id(1),
            to: BEA.contact(),
        };
        let changes = before.transfer_ownership(ANA.by(), &command, None).unwrap();
        let after = before.clone().after(&changes, NOW);
        let difference = Difference::between(&before, &after, &changes, ANA.by());
        let all: BTreeSet<_> = ServicePermission::ALL.map(ServicePermission::key).into();
        assert_eq!(difference.caller_loses, all);
        assert_eq!(difference.caller_closes.len(), 2);
    }

    #[test]
    fn what_concerns_others_is_no_loss_of_the_caller() {
        let before = standard()
            .with_verified(BEA)
            .with_verified(CEM)
            .promoted(BEA, &["billing"]);
        let difference = promoting(&before, CEM, "billing", ANA);
        assert_eq!(difference.caller_loses, BTreeSet::new());
        assert_eq!(difference.caller_closes, BTreeSet::new());
    }

    #[test]
    fn whoever_leaves_loses_what_was_open() {
        let before = standard()
            .with_member(BEA, chosen(&["contacts:view"]))
            .promoted(BEA, &["billing"]);
        let changes = before.leave_account(BEA.by()).unwrap();
        let after = before.clone().after(&changes, NOW);
        let difference = Difference::between(&before, &after, &changes, BEA.by());
        let closes: BTreeSet<_> = difference.applications.iter().map(|shift| &shift.application).collect();
        assert!(
            difference
                .applications
                .iter()
                .all(|shift| shift.closes_for == only(BEA))
        );
        assert_eq!(closes, difference.caller_closes.iter().collect());
        let bill_desk: ApplicationKey = "bill_desk".parse().unwrap();
        assert!(closes.contains(&bill_desk) && closes.len() > 2, "{closes:?}");
    }

    #[test]
    fn a_member_who_is_no_contact_is_told_of_too() {
        let before = standard().with_user_apart(BEA, Permissions::All);
        let changes = before.remove_member(ANA.by(), BEA.user()).unwrap();
        let after = before.clone().after(&changes, NOW);
        let difference = Difference::between(&before, &after, &changes, ANA.by());
        let member = BTreeSet::from([Listener::Member(BEA.user())]);
        assert!(!difference.applications.is_empty());
        assert!(difference.applications.iter().all(|shift| shift.closes_for == member));
    }

    #[test]
    fn nothing_opens_for_a_member_who_becomes_a_contact_but_what_was_closed() {
        let before = telephony().with_user_apart(BEA, Permissions::none());
        let linked = Change::MemberLinked {
            user: BEA.user(),
            contact: BEA.contact(),
        };
        let after = before.clone().after(std::slice::from_ref(&linked), NOW);
        assert!(!before.access(BEA.user(), NOW).unwrap().applications.is_empty());
        let difference = Difference::between(&before, &after, &[linked], ANA.by());
        assert_eq!(difference.applications, []);
    }

    #[test]
    fn nothing_is_open_and_nobody_is_told_once_an_account_is_closed() {
        let before = standard().with_verified(BEA).promoted(BEA, &["billing"]);
        let closed = Change::AccountStatusChanged {
            status: AccountStatus::Closed,
        };
        let after = before.clone().after(std::slice::from_ref(&closed), NOW);
        let difference = Difference::between(&before, &after, &[closed], ANA.by());
        let everything = before.catalog().categories().len();
        assert!(!difference.caller_closes.is_empty());
        assert_eq!(difference.categories.len(), everything);
        assert!(difference.categories.iter().all(|shift| shift.gains.is_empty()));
    }

    #[test]
    fn nothing_opens_for_a_contact_whose_member_is_held_back() {
        let before = standard().with_member(BEA, Permissions::none()).suspended_member(BEA);
        let difference = promoting(&before, BEA, "billing", ANA);
        assert!(difference.applications.iter().all(|shift| shift.opens_for.is_empty()));
    }

    #[test]
    fn a_removed_contact_loses_what_it_received() {
        let before = hosting().with(BEA);
        let changes = before.subscribe(ANA.by(), BEA.contact(), &categories(&["invoices"]));
        let before = before.then(changes);
        let changes = before.remove_contact(ANA.by(), BEA.contact()).unwrap();
        let after = before.clone().after(&changes, NOW);
        let difference = Difference::between(&before, &after, &changes, ANA.by());
        assert_eq!(difference.categories[0].loses, only(BEA));
        assert_eq!(difference.applications, []);
    }

    #[test]
    fn o_08_role_holders_hear_what_their_role_routes() {
        let roster = telephony().with_verified(BEA).promoted(BEA, &["accounts"]);
        assert!(
            roster
                .listeners(&category("accounts"), NOW)
                .contains(&Listener::Contact(BEA.contact()))
        );
        assert_eq!(roster.listeners(&category("tech"), NOW), only(ANA));
    }

    #[test]
    fn unverified_holders_hear_only_where_the_catalog_says_so() {
        let silent = standard().with(BEA).holding(BEA, "billing");
        assert_eq!(silent.listeners(&category("invoice"), NOW), only(ANA));
        let told = telephony().with(BEA).holding(BEA, "accounts");
        assert!(
            told.listeners(&category("accounts"), NOW)
                .contains(&Listener::Contact(BEA.contact()))
        );
    }
}
