//! Places that move: each event begins where the one before it ended, and the last ends where the rows stand. Where the
//! beginning of a log is gone, the first event that is left may begin anywhere.

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use serde_json::{Map, Value};

use super::Finding;
use crate::backend::Conn;
use crate::error::Fault;
use crate::schema::{accounts, audit_events, audit_trimmed, owners, role_primaries};

/// How many accounts are looked at in one go.
const PAGE: i64 = 500;

const OPENED: &str = "account.opened";
const OWNER_MOVED: &str = "owner.moved";
const PRIMARY_MOVED: &str = "role.primary_moved";

/// A place of an account: that of the owner, or of the primary holder of a role.
type Place = (String, Option<String>);

/// Who has each place, if somebody has.
type Holders = BTreeMap<Place, Option<String>>;

pub(super) fn find(conn: &mut Conn) -> Result<Vec<Finding>, Fault> {
    let (mut owner, mut primary) = (BTreeSet::new(), BTreeSet::new());
    let mut last = String::new();
    loop {
        let ids: Vec<String> = accounts::table
            .filter(accounts::id.gt(&last))
            .order(accounts::id)
            .limit(PAGE)
            .select(accounts::id)
            .load(conn)?;
        let (Some(first), Some(end)) = (ids.first(), ids.last()) else {
            break;
        };
        let trimmed = trimmed(conn, first, end)?;
        let (told, broken) = told(conn, first, end, &trimmed)?;
        let stands = standing(conn, first, end)?;
        let places: BTreeSet<&Place> = told.keys().chain(stands.keys()).collect();
        let untold = |place: &Place| trimmed.contains(&place.0) && !told.contains_key(place);
        let differs = |place: &&Place| {
            !untold(place) && told.get(*place).cloned().flatten() != stands.get(*place).cloned().flatten()
        };
        for (account, role) in places.into_iter().filter(differs).chain(&broken) {
            match role {
                None => owner.insert(account.clone()),
                Some(role) => primary.insert(format!("{account} {role}")),
            };
        }
        last.clone_from(end);
    }
    let owner = Finding::about(
        "owner-chain-broken",
        "The events of an account do not lead to its owner step by step.",
        owner,
    );
    let primary = Finding::about(
        "primary-chain-broken",
        "The events of a role do not lead to its primary holder step by step.",
        primary,
    );
    Ok(owner.into_iter().chain(primary).collect())
}

/// The accounts among these whose first events are gone.
fn trimmed(conn: &mut Conn, first: &str, last: &str) -> Result<BTreeSet<String>, Fault> {
    let ids: Vec<String> = audit_trimmed::table
        .filter(audit_trimmed::log_id.between(first, last))
        .select(audit_trimmed::log_id)
        .load(conn)?;
    Ok(ids.into_iter().collect())
}

/// Who has the places of these accounts by the events, and the places whose events do not follow one another.
fn told(
    conn: &mut Conn,
    first: &str,
    last: &str,
    trimmed: &BTreeSet<String>,
) -> Result<(Holders, BTreeSet<Place>), Fault> {
    let mut events = audit_events::table
        .filter(audit_events::account_id.ge(first))
        .filter(audit_events::account_id.le(last))
        .filter(audit_events::kind.eq_any([OPENED, OWNER_MOVED, PRIMARY_MOVED]))
        .select((
            audit_events::account_id.assume_not_null(),
            audit_events::revision,
            audit_events::position,
            audit_events::kind,
            audit_events::data,
        ))
        .load::<(String, i64, i32, String, String)>(conn)?;
    events.sort();
    let mut holders = Holders::new();
    let mut broken = BTreeSet::new();
    for (account, _, _, kind, data) in events {
        let data: Map<String, Value> = serde_json::from_str(&data).unwrap_or_default();
        let word = |name: &str| data.get(name).and_then(Value::as_str).map(str::to_owned);
        let (role, from, to) = match kind.as_str() {
            OPENED => (None, None, word("contact")),
            OWNER_MOVED => (None, word("from"), word("to")),
            _ => (Some(word("role").unwrap_or_default()), word("from"), word("to")),
        };
        let place = (account, role);
        let former = holders.insert(place.clone(), to);
        let begins = former.is_none() && trimmed.contains(&place.0);
        if former.flatten() != from && !begins {
            broken.insert(place);
        }
    }
    Ok((holders, broken))
}

/// Who has the places of these accounts by their rows.
fn standing(conn: &mut Conn, first: &str, last: &str) -> Result<Holders, Fault> {
    let owners = owners::table
        .filter(owners::account_id.between(first, last))
        .select((owners::account_id, owners::contact_id))
        .load::<(String, String)>(conn)?;
    let primaries = role_primaries::table
        .filter(role_primaries::account_id.between(first, last))
        .select((
            role_primaries::account_id,
            role_primaries::role,
            role_primaries::contact_id,
        ))
        .load::<(String, String, String)>(conn)?;
    let owners = owners
        .into_iter()
        .map(|(account, contact)| ((account, None), Some(contact)));
    let primaries = primaries
        .into_iter()
        .map(|(account, role, contact)| ((account, Some(role)), Some(contact)));
    Ok(owners.chain(primaries).collect())
}
