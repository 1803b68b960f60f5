//! What the stored accounts use of a catalog, and whether another one fits them.

use std::collections::BTreeSet;

use accounts_domain::catalog::{Catalog, Holders, LiveUse, Obstacle};
use accounts_domain::keys::PermissionKey;
use accounts_domain::permission::Permissions;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Text};

use crate::backend::{Begin, Conn, Database, OpenError, Purpose};
use crate::check::{require_present_schema, survey, to_be_granted, unguarded};
use crate::distinct;
use crate::error::{Fault, StoreError};
use crate::rows::{from_json, parse};
use crate::schema::{contacts, role_holders, role_primaries};
use crate::store::Store;

impl Store {
    /// What the accounts use of the catalog.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn live_use(&self) -> Result<LiveUse, StoreError> {
        self.survey(|conn| load(conn, &Look::Everywhere)).await
    }

    /// Everything that stands in the way of a change to this catalog; nothing where it fits.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn obstacles(&self, catalog: &Catalog) -> Result<Vec<Obstacle>, StoreError> {
        Ok(catalog.obstacles(&self.live_use().await?))
    }
}

/// The same as [`Store::obstacles`] for a database that need not be served, and may be. It blocks.
///
/// # Errors
/// [`OpenError::Pending`] and [`OpenError::Newer`] for another schema than this version's; the database.
pub fn obstacles(database: &Database, catalog: &Catalog) -> Result<Vec<Obstacle>, OpenError> {
    require_present_schema(database)?;
    Ok(catalog.obstacles(&survey(database, |conn| load(conn, &Look::Everywhere))?))
}

/// Takes a catalog into use: refuses one that does not fit, and lets the rows of each role say what the catalog
/// says about who may hold it, for the keys and indexes that guard it.
///
/// Where the rows of a role say so already, the database itself has kept them fit. So a start under the same
/// catalog only asks which roles, categories and permissions there are.
pub(crate) fn adopt(database: &Database, catalog: &Catalog) -> Result<(), OpenError> {
    let obstacles = catalog.obstacles(&survey(database, |conn| load(conn, &Look::WhereUnguarded(catalog)))?);
    if !obstacles.is_empty() {
        return Err(OpenError::Unfit { obstacles });
    }
    let mut conn = Conn::open(database, Purpose::Maintain)?;
    let roles = unguarded(&mut conn, catalog).map_err(StoreError::from)?;
    if roles.is_empty() {
        return Ok(());
    }
    let guard = |conn: &mut Conn| -> Result<(), Fault> {
        conn.begin(Begin::Write)?;
        for role in roles {
            let verified = role.verified_only.then_some(true);
            diesel::update(role_holders::table.filter(role_holders::role.eq(role.key.as_str())))
                .set((
                    role_holders::sole.eq(role.holders == Holders::One),
                    role_holders::verified.eq(verified),
                ))
                .execute(conn)?;
        }
        Ok(conn.commit()?)
    };
    Ok(guard(&mut conn).map_err(StoreError::from)?)
}

#[derive(QueryableByName)]
struct Held {
    #[diesel(sql_type = Text)]
    role: String,
    #[diesel(sql_type = BigInt)]
    most: i64,
}

/// Into which roles' holders to look.
enum Look<'a> {
    Everywhere,
    /// Where the rows say otherwise than this catalog who may hold the role.
    WhereUnguarded(&'a Catalog),
}

const ROLE: &str = "role_holders.role";

fn load(conn: &mut Conn, look: &Look<'_>) -> Result<LiveUse, Fault> {
    let mut live = LiveUse::default();
    let held = distinct::roles(conn)?;
    for role in &held {
        live.roles.insert(parse(ROLE, role)?, 1);
    }
    let roles = match look {
        Look::Everywhere => held,
        Look::WhereUnguarded(catalog) => unguarded(conn, catalog)?
            .iter()
            .map(|role| role.key.to_string())
            .collect(),
    };
    if !roles.is_empty() {
        look_into(conn, &roles, &mut live)?;
    }
    for category in distinct::categories(conn)? {
        live.subscribed.insert(parse("subscriptions.category", &category)?);
    }
    for text in distinct::permissions(conn)? {
        live.granted.extend(chosen("memberships.permissions", &text)?);
    }
    for text in to_be_granted(conn)? {
        live.granted.extend(chosen("permissions that wait", &text)?);
    }
    Ok(live)
}

/// Counts the holders of these roles and asks who they are.
fn look_into(conn: &mut Conn, roles: &[String], live: &mut LiveUse) -> Result<(), Fault> {
    let most: Vec<Held> = sql_query(
        "SELECT role, max(holders) AS most FROM (
             SELECT role, count(*) AS holders FROM role_holders GROUP BY account_id, role
         ) AS held GROUP BY role",
    )
    .load(conn)?;
    for Held { role, most } in most.into_iter().filter(|held| roles.contains(&held.role)) {
        live.roles
            .insert(parse(ROLE, &role)?, u32::try_from(most).unwrap_or(u32::MAX));
    }
    for role in ordinary_holders(conn, roles)? {
        live.ordinary_holders.insert(parse(ROLE, &role)?);
    }
    for role in unverified_holders(conn, roles)? {
        live.unverified_holders.insert(parse(ROLE, &role)?);
    }
    Ok(())
}

fn ordinary_holders(conn: &mut Conn, roles: &[String]) -> Result<Vec<String>, Fault> {
    let primary = role_primaries::account_id
        .eq(role_holders::account_id)
        .and(role_primaries::role.eq(role_holders::role))
        .and(role_primaries::contact_id.eq(role_holders::contact_id));
    let ordinary = role_holders::table
        .left_join(role_primaries::table.on(primary))
        .filter(role_primaries::contact_id.nullable().is_null())
        .filter(role_holders::role.eq_any(roles));
    Ok(ordinary.select(role_holders::role).distinct().load(conn)?)
}

fn unverified_holders(conn: &mut Conn, roles: &[String]) -> Result<Vec<String>, Fault> {
    let holder = contacts::account_id
        .eq(role_holders::account_id)
        .and(contacts::id.eq(role_holders::contact_id));
    let unverified = role_holders::table
        .inner_join(contacts::table.on(holder))
        .filter(diesel::dsl::not(contacts::verified))
        .filter(role_holders::role.eq_any(roles));
    Ok(unverified.select(role_holders::role).distinct().load(conn)?)
}

fn chosen(place: &'static str, text: &str) -> Result<BTreeSet<PermissionKey>, Fault> {
    Ok(match from_json(place, text)? {
        Permissions::All => BTreeSet::new(),
        Permissions::Chosen(keys) => keys,
    })
}
