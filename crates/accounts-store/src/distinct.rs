//! The different values of an indexed column, found in as many steps as there are values: each step asks the index
//! for the next greater one. `SELECT DISTINCT` reads every row instead, and a start must not take longer with each
//! account.

use std::collections::BTreeSet;

use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::Text;

use crate::backend::Conn;
use crate::error::Fault;

/// The statement that steps through a column, among the rows of a condition that its index has, too.
macro_rules! steps {
    ($table:literal, $column:literal, $among:literal) => {
        concat!(
            "WITH RECURSIVE step (value) AS (SELECT min(",
            $column,
            ") FROM ",
            $table,
            " WHERE ",
            $among,
            " UNION ALL SELECT (SELECT min(",
            $column,
            ") FROM ",
            $table,
            " WHERE ",
            $column,
            " > step.value AND ",
            $among,
            ") FROM step WHERE step.value IS NOT NULL) SELECT value FROM step WHERE value IS NOT NULL",
        )
    };
}

const ROLES: &str = steps!("role_holders", "role", "true");
const CATEGORIES: &str = steps!("contact_subscriptions", "category", "true");
const CATEGORIES_OF_MEMBERS: &str = steps!("member_subscriptions", "category", "true");
const SHORT_PERMISSIONS: &str = steps!("memberships", "permissions", "length(permissions) <= 1000");
const LONG_PERMISSIONS: &str = "SELECT DISTINCT permissions AS value FROM memberships WHERE length(permissions) > 1000";

#[derive(QueryableByName)]
struct Value {
    #[diesel(sql_type = Text)]
    value: String,
}

/// Every role that is held.
pub(crate) fn roles(conn: &mut Conn) -> Result<Vec<String>, Fault> {
    values(conn, ROLES)
}

/// Every category that a contact or a member subscribes to.
pub(crate) fn categories(conn: &mut Conn) -> Result<BTreeSet<String>, Fault> {
    let mut found: BTreeSet<String> = values(conn, CATEGORIES)?.into_iter().collect();
    found.extend(values(conn, CATEGORIES_OF_MEMBERS)?);
    Ok(found)
}

/// Every set of permissions that a member has, as it is stored.
pub(crate) fn permissions(conn: &mut Conn) -> Result<Vec<String>, Fault> {
    let mut found = values(conn, SHORT_PERMISSIONS)?;
    found.extend(values(conn, LONG_PERMISSIONS)?);
    Ok(found)
}

fn values(conn: &mut Conn, steps: &'static str) -> Result<Vec<String>, Fault> {
    let rows: Vec<Value> = sql_query(steps).load(conn)?;
    Ok(rows.into_iter().map(|row| row.value).collect())
}
