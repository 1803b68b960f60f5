//! What the catalog asks of the rows.

use accounts_domain::catalog::{Catalog, Holders, Role, Vacancy};
use accounts_domain::keys::RoleKey;
use accounts_domain::permission::Permissions;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{Bool, Text};

use super::queries::listed;
use super::{Finding, Found, Query, ask_about};
use crate::backend::Conn;
use crate::distinct;
use crate::error::Fault;
use crate::schema::{contacts, invitations, role_holders};

/// A role with one holder.
const SINGLE: &[Query] = &[
    Query {
        key: "several-holders",
        sentence: "A role with a single holder has several.",
        sql: listed!(
            "SELECT account_id AS id FROM role_holders WHERE role = $1 GROUP BY account_id HAVING count(*) > 1"
        ),
    },
    Query {
        key: "holder-not-primary",
        sentence: "A role with a single holder is held by somebody who is not its primary one.",
        sql: listed!(
            "SELECT DISTINCT h.account_id AS id FROM role_holders h
             LEFT JOIN role_primaries p
             ON p.account_id = h.account_id AND p.role = h.role AND p.contact_id = h.contact_id
             WHERE h.role = $1 AND p.contact_id IS NULL"
        ),
    },
];

/// A role that is filled. An owner who is not verified yet fills no place.
const FILLED: &Query = &Query {
    key: "role-not-filled",
    sentence: "A role that must be filled has no primary holder.",
    sql: listed!(
        "SELECT o.account_id AS id FROM owners o
         JOIN contacts c ON c.account_id = o.account_id AND c.id = o.contact_id
         LEFT JOIN role_primaries p ON p.account_id = o.account_id AND p.role = $1
         WHERE c.verified AND p.role IS NULL"
    ),
};

/// A role for verified contacts.
const VERIFIED_ONLY: &Query = &Query {
    key: "holder-not-verified",
    sentence: "A role for verified contacts is held by another.",
    sql: listed!(
        "SELECT h.contact_id AS id FROM role_holders h
         JOIN contacts c ON c.account_id = h.account_id AND c.id = h.contact_id
         WHERE h.role = $1 AND NOT c.verified"
    ),
};

/// A role whose rows say otherwise who may hold it, so that the database does not keep to the catalog.
const GUARDS: &Query = &Query {
    key: "role-not-guarded",
    sentence: "The rows of a role say otherwise than the catalog who may hold it.",
    sql: listed!(
        "SELECT DISTINCT account_id AS id FROM role_holders
         WHERE role = $1 AND (sole <> $2 OR (verified IS NOT NULL) <> $3)"
    ),
};

const UNKNOWN_ROLE: &Query = &Query {
    key: "unknown-role",
    sentence: "A role is held that the catalog does not have.",
    sql: listed!("SELECT DISTINCT account_id AS id FROM role_holders WHERE role = $1"),
};

const UNKNOWN_CATEGORY: &Query = &Query {
    key: "unknown-category",
    sentence: "A contact or a member subscribes to a category that the catalog does not have.",
    sql: listed!(
        "SELECT contact_id AS id FROM contact_subscriptions WHERE category = $1
         UNION ALL SELECT account_id || ' ' || user_id AS id FROM member_subscriptions WHERE category = $1"
    ),
};

const UNKNOWN_PERMISSION: &Query = &Query {
    key: "unknown-permission",
    sentence: "A member has a permission that the catalog does not have.",
    sql: listed!("SELECT account_id || ' ' || user_id AS id FROM memberships WHERE permissions = $1"),
};

const UNKNOWN_LOGIN_PERMISSION: &Query = &Query {
    key: "unknown-login-permission",
    sentence: "Somebody is to get a permission that the catalog does not have.",
    sql: listed!(
        "SELECT id FROM contacts WHERE login_permissions = $1
         UNION ALL SELECT id FROM invitations WHERE status = 'pending' AND permissions = $1"
    ),
};

pub(super) fn find(conn: &mut Conn, catalog: &Catalog) -> Result<Vec<Finding>, Fault> {
    let mut findings = Vec::new();
    for role in catalog.roles() {
        findings.extend(find_of_role(conn, role)?);
    }
    for role in distinct::roles(conn)?.iter().filter(|role| !is_known(catalog, role)) {
        findings.extend(ask_about(conn, UNKNOWN_ROLE, role)?);
    }
    for role in unguarded(conn, catalog)? {
        let wanted = Guard::of(role);
        let found = sql_query(GUARDS.sql)
            .bind::<Text, _>(role.key.as_str())
            .bind::<Bool, _>(wanted.sole)
            .bind::<Bool, _>(wanted.verified_only)
            .load::<Found>(conn)?;
        findings.extend(GUARDS.finding(format!("{} (`{}`)", GUARDS.sentence, role.key), &found));
    }
    let known = |category: &str| category.parse().is_ok_and(|key| catalog.category(&key).is_some());
    for category in distinct::categories(conn)?.iter().filter(|category| !known(category)) {
        findings.extend(ask_about(conn, UNKNOWN_CATEGORY, category)?);
    }
    for text in distinct::permissions(conn)?.iter().filter(|text| !knows(catalog, text)) {
        findings.extend(ask_about(conn, UNKNOWN_PERMISSION, text)?);
    }
    for text in to_be_granted(conn)?.iter().filter(|text| !knows(catalog, text)) {
        findings.extend(ask_about(conn, UNKNOWN_LOGIN_PERMISSION, text)?);
    }
    Ok(findings)
}

fn find_of_role(conn: &mut Conn, role: &Role) -> Result<Vec<Finding>, Fault> {
    let mut questions: Vec<&Query> = Vec::new();
    if role.holders == Holders::One {
        questions.extend(SINGLE);
    }
    if role.vacancy != Vacancy::Allowed {
        questions.push(FILLED);
    }
    if role.verified_only {
        questions.push(VERIFIED_ONLY);
    }
    let mut findings = Vec::new();
    for question in questions {
        findings.extend(ask_about(conn, question, role.key.as_str())?);
    }
    Ok(findings)
}

/// What the rows of a role say about who may hold it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Guard {
    sole: bool,
    verified_only: bool,
}

impl Guard {
    /// All that rows can say.
    const ALL: [Self; 4] = [
        Self::new(false, false),
        Self::new(false, true),
        Self::new(true, false),
        Self::new(true, true),
    ];

    const fn new(sole: bool, verified_only: bool) -> Self {
        Self { sole, verified_only }
    }

    fn of(role: &Role) -> Self {
        Self {
            sole: role.holders == Holders::One,
            verified_only: role.verified_only,
        }
    }
}

/// Whether a row of the role says this about who may hold it.
fn says(conn: &mut Conn, role: &Role, guard: Guard) -> Result<bool, Fault> {
    let mut rows = role_holders::table
        .filter(role_holders::role.eq(role.key.as_str()))
        .filter(role_holders::sole.eq(guard.sole))
        .select(role_holders::account_id)
        .into_boxed();
    rows = if guard.verified_only {
        rows.filter(role_holders::verified.eq(true))
    } else {
        rows.filter(role_holders::verified.is_null())
    };
    Ok(rows.first::<String>(conn).optional()?.is_some())
}

/// The roles whose rows say otherwise than the catalog who may hold them.
pub(crate) fn unguarded<'a>(conn: &mut Conn, catalog: &'a Catalog) -> Result<Vec<&'a Role>, Fault> {
    let mut differing = Vec::new();
    for role in catalog.roles() {
        let mut others = Guard::ALL.into_iter().filter(|guard| *guard != Guard::of(role));
        if others.try_fold(false, |found, guard| Ok::<_, Fault>(found || says(conn, role, guard)?))? {
            differing.push(role);
        }
    }
    Ok(differing)
}

fn is_known(catalog: &Catalog, role: &str) -> bool {
    role.parse::<RoleKey>().is_ok_and(|key| catalog.role(&key).is_some())
}

/// Every set of permissions that comes with a login which waits for its verification, or with an invitation.
pub(crate) fn to_be_granted(conn: &mut Conn) -> Result<Vec<String>, Fault> {
    let texts = contacts::table
        .select(contacts::login_permissions.assume_not_null())
        .distinct();
    let mut texts: Vec<String> = texts.filter(contacts::login_permissions.is_not_null()).load(conn)?;
    let offered: Vec<String> = invitations::table
        .filter(invitations::status.eq("pending"))
        .select(invitations::permissions)
        .distinct()
        .load(conn)?;
    texts.extend(offered);
    texts.sort_unstable();
    texts.dedup();
    Ok(texts)
}

fn knows(catalog: &Catalog, text: &str) -> bool {
    match serde_json::from_str(text) {
        Ok(Permissions::All) => true,
        Ok(Permissions::Chosen(keys)) => keys.iter().all(|key| catalog.knows_permission(key)),
        Err(_) => false,
    }
}
