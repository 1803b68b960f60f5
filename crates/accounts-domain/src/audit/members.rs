//! How changes of an account's members stand in its audit log.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::{Entry, Subject};
use crate::ids::{ContactId, UserId};
use crate::keys::CategoryKey;
use crate::permission::Permissions;
use crate::roster::{MemberStatus, Roster};

/// The event of a new member, who may be a contact, too.
pub(super) fn added(user: UserId, contact: Option<ContactId>, permissions: &Permissions) -> Entry {
    of("member.added", user)
        .maybe("contact", contact.as_ref())
        .permissions("permissions", permissions)
}

/// The event of a member who is a contact from now on.
pub(super) fn linked(user: UserId, contact: ContactId) -> Entry {
    of("member.linked", user).word("contact", &contact)
}

/// The event of other permissions.
pub(super) fn permissions_changed(before: &Roster, user: UserId, permissions: &Permissions) -> Entry {
    let entry = of("member.permissions_changed", user).permissions("permissions", permissions);
    match before.member(user) {
        Some(member) => entry.permissions("former_permissions", &member.permissions),
        None => entry,
    }
}

/// The event of a member who is held back, or is no longer.
pub(super) fn status_changed(user: UserId, status: MemberStatus) -> Entry {
    match status {
        MemberStatus::Active => of("member.reinstated", user),
        MemberStatus::Suspended => of("member.suspended", user),
    }
}

/// The event of another end of a membership.
pub(super) fn expiry_changed(before: &Roster, user: UserId, expires_at: Option<DateTime<Utc>>) -> Entry {
    let former = before.member(user).and_then(|member| member.expires_at);
    of("member.expiry_changed", user)
        .moment("expires_at", expires_at)
        .moment("former_expires_at", former)
}

/// The event of other wishes of a member.
pub(super) fn subscriptions_changed(before: &Roster, user: UserId, categories: &BTreeSet<CategoryKey>) -> Entry {
    let entry = of("member.subscriptions_changed", user).words("categories", categories);
    match before.member(user) {
        Some(member) => entry.words("former_categories", &member.subscriptions),
        None => entry,
    }
}

/// The event of somebody who is no member any more.
pub(super) fn gone(kind: &'static str, user: UserId, contact: Option<ContactId>) -> Entry {
    of(kind, user).maybe("contact", contact.as_ref())
}

fn of(kind: &'static str, user: UserId) -> Entry {
    Entry::new(kind, Subject::User(user))
}
