//! What a decision would change for people: places, applications, notices, the caller's own rights.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::catalog::{Audience, Fallback};
use crate::change::Change;
use crate::ids::{ContactId, UserId};
use crate::keys::{ApplicationKey, CategoryKey, PermissionKey, RoleKey};
use crate::permission::{Permissions, ServicePermission};
use crate::roster::{Contact, Roster};

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
    /// The contacts that it opens for.
    pub opens_for: BTreeSet<ContactId>,
    /// The contacts that it closes for.
    pub closes_for: BTreeSet<ContactId>,
}

/// A category whose notices go elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CategoryShift {
    /// The category.
    pub category: CategoryKey,
    /// The contacts that receive it from now on.
    pub gains: BTreeSet<ContactId>,
    /// The contacts that no longer do.
    pub loses: BTreeSet<ContactId>,
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
    /// What lies between two rosters of one account, as the caller sees it at that moment.
    pub fn between(before: &Roster, after: &Roster, changes: &[Change], caller: Option<UserId>, at: DateTime<Utc>) -> Self {
        let contacts: BTreeSet<ContactId> = before.contacts().chain(after.contacts()).map(|contact| contact.id).collect();
        let own_contact = caller.and_then(|user| before.member(user)).and_then(|member| member.contact);
        let applications = application_shifts(before, after, &contacts, at);
        let caller_closes = applications
            .iter()
            .filter(|shift| own_contact.is_some_and(|contact| shift.closes_for.contains(&contact)))
            .map(|shift| shift.application.clone())
            .collect();
        Self {
            moves: changes.iter().filter_map(moved).collect(),
            applications,
            categories: category_shifts(before, after),
            caller_loses: caller.map(|user| lost_permissions(before, after, user, at)).unwrap_or_default(),
            caller_closes,
        }
    }
}

fn moved(change: &Change) -> Option<Move> {
    if let Change::PrimaryMoved { role, from, to } = change {
        Some(Move { role: role.clone(), from: *from, to: *to })
    } else {
        None
    }
}

fn application_shifts(before: &Roster, after: &Roster, contacts: &BTreeSet<ContactId>, at: DateTime<Utc>) -> Vec<ApplicationShift> {
    let open_to = |roster: &Roster, contact: ContactId| -> BTreeSet<ApplicationKey> {
        if roster.contact(contact).is_err() {
            return BTreeSet::new();
        }
        roster.applications_of(contact, at).into_iter().map(|open| open.application).collect()
    };
    let seen: Vec<_> = contacts.iter().map(|contact| (*contact, open_to(before, *contact), open_to(after, *contact))).collect();
    let shift = |application: &ApplicationKey| ApplicationShift {
        application: application.clone(),
        opens_for: seen.iter().filter(|(_, was, is)| !was.contains(application) && is.contains(application)).map(|(id, ..)| *id).collect(),
        closes_for: seen.iter().filter(|(_, was, is)| was.contains(application) && !is.contains(application)).map(|(id, ..)| *id).collect(),
    };
    let shifts = after.catalog().applications().iter().map(|application| shift(&application.key));
    shifts.filter(|shift| !shift.opens_for.is_empty() || !shift.closes_for.is_empty()).collect()
}

fn category_shifts(before: &Roster, after: &Roster) -> Vec<CategoryShift> {
    let shift = |category: &CategoryKey| {
        let (was, is) = (before.hearers(category), after.hearers(category));
        CategoryShift {
            category: category.clone(),
            gains: is.difference(&was).copied().collect(),
            loses: was.difference(&is).copied().collect(),
        }
    };
    let shifts = after.catalog().categories().iter().map(|category| shift(&category.key));
    shifts.filter(|shift| !shift.gains.is_empty() || !shift.loses.is_empty()).collect()
}

fn lost_permissions(before: &Roster, after: &Roster, user: UserId, at: DateTime<Utc>) -> BTreeSet<PermissionKey> {
    let had = before.permissions_of(user, at).unwrap_or_else(Permissions::none);
    let has = after.permissions_of(user, at).unwrap_or_else(Permissions::none);
    let own = ServicePermission::ALL.into_iter().map(ServicePermission::key);
    let all = own.chain(before.catalog().permissions().iter().map(|entry| entry.key.clone()));
    all.filter(|key| had.contains(key) && !has.contains(key)).collect()
}

impl Roster {
    /// The contacts that a category reaches: by their roles, by their wish, and the owner where the catalog says
    /// so; where that is nobody, those of the fallback. Unverified ones are reached only where the catalog says so.
    pub fn hearers(&self, category: &CategoryKey) -> BTreeSet<ContactId> {
        let Some(policy) = self.catalog().category(category) else { return BTreeSet::new() };
        let audience = policy.audience.iter().flat_map(|audience| match audience {
            Audience::RoleHolders => {
                let routes = self.catalog().roles().iter().filter(|role| role.categories.contains(category));
                routes.flat_map(|role| self.holders(&role.key)).collect()
            }
            Audience::Subscribers => {
                self.contacts().filter(|contact| contact.subscriptions.contains(category)).map(|contact| contact.id).collect()
            }
            Audience::Owner => BTreeSet::from([self.owner()]),
        });
        let hearers = self.reached(audience.collect());
        if !hearers.is_empty() {
            return hearers;
        }
        match policy.fallback {
            Fallback::Nobody => BTreeSet::new(),
            Fallback::Owner => self.reached(BTreeSet::from([self.owner()])),
            Fallback::Role => {
                let holders = self.catalog().fallback_role().map(|role| self.holders(role)).unwrap_or_default();
                let hearers = self.reached(holders);
                if hearers.is_empty() { self.reached(BTreeSet::from([self.owner()])) } else { hearers }
            }
        }
    }

    fn reached(&self, contacts: BTreeSet<ContactId>) -> BTreeSet<ContactId> {
        let unverified = self.catalog().policy().notify_unverified;
        contacts.into_iter().filter(|contact| unverified || self.contact(*contact).is_ok_and(Contact::is_verified)).collect()
    }
}
