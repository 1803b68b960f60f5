//! Reads invitations.

use std::collections::{BTreeMap, BTreeSet};

use accounts_domain::address::EmailAddress;
use accounts_domain::ids::{AccountId, InvitationId, SendingId};
use accounts_domain::invitations::{Invitation, InvitationOutcome, InvitationRecord};
use accounts_domain::names::DisplayName;
use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::prelude::*;

use crate::backend::Conn;
use crate::error::Fault;
use crate::rows::{checked, from_json, instant, named, parse, parse_maybe, stored};
use crate::schema::conditions::IsPending;
use crate::schema::{accounts, invitations, users};

#[derive(Queryable, Selectable)]
#[diesel(table_name = invitations)]
struct InvitationRow {
    id: String,
    account_id: String,
    address: String,
    display_name: Option<String>,
    language: String,
    permissions: String,
    contact_id: Option<String>,
    inviter_id: Option<String>,
    sending_id: String,
    status: String,
    created_at: NaiveDateTime,
    sent_at: NaiveDateTime,
    expires_at: NaiveDateTime,
    ended_at: Option<NaiveDateTime>,
}

/// Which invitation is meant.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Named {
    /// One of an account.
    Of(AccountId, InvitationId),
    /// The one of this id, whichever account invites.
    Any(InvitationId),
    /// The one whose last mailing this is.
    Sent(SendingId),
}

/// Which invitations of an account are listed: those that stand so at that moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvitationFilter {
    /// Whether those that wait are among them.
    pub pending: bool,
    /// Those that ended so.
    pub outcomes: Vec<InvitationOutcome>,
    /// Those that wait and count as revoked, since a right of their inviter has ended by itself.
    pub groundless: BTreeSet<InvitationId>,
    /// Now.
    pub at: DateTime<Utc>,
}

/// Reads what waits in an account, in time or not.
pub(super) fn load_waiting(conn: &mut Conn, account: &str) -> Result<BTreeMap<InvitationId, Invitation>, Fault> {
    let rows: Vec<InvitationRow> = invitations::table
        .filter(invitations::account_id.eq(account))
        .filter(IsPending::new(invitations::status))
        .select(InvitationRow::as_select())
        .load(conn)?;
    let read = |row: InvitationRow| {
        let (_, record) = read_record(row, None)?;
        Ok((record.invitation.id, record.invitation))
    };
    rows.into_iter().map(read).collect()
}

/// Finds one invitation, with its account.
pub(crate) fn load_invitation(conn: &mut Conn, which: Named) -> Result<Option<(AccountId, InvitationRecord)>, Fault> {
    let mut query = invitations::table
        .left_join(users::table.on(invitations::inviter_id.eq(users::id.nullable())))
        .into_boxed();
    query = match which {
        Named::Of(account, id) => query
            .filter(invitations::id.eq(id.to_string()))
            .filter(invitations::account_id.eq(account.to_string())),
        Named::Any(id) => query.filter(invitations::id.eq(id.to_string())),
        Named::Sent(sending) => query.filter(invitations::sending_id.eq(sending.to_string())),
    };
    let row = query
        .select((InvitationRow::as_select(), users::display_name.nullable()))
        .first::<(InvitationRow, Option<String>)>(conn)
        .optional()?;
    row.map(|(row, name)| read_record(row, name)).transpose()
}

/// Reads invitations, whichever accounts invite.
pub(crate) fn load_invitations_by_id(
    conn: &mut Conn,
    ids: &[InvitationId],
) -> Result<BTreeMap<InvitationId, InvitationRecord>, Fault> {
    let rows = invitations::table
        .left_join(users::table.on(invitations::inviter_id.eq(users::id.nullable())))
        .filter(invitations::id.eq_any(ids.iter().map(ToString::to_string)))
        .select((InvitationRow::as_select(), users::display_name.nullable()))
        .load::<(InvitationRow, Option<String>)>(conn)?;
    let read = |(row, name)| read_record(row, name).map(|(_, record)| (record.invitation.id, record));
    rows.into_iter().map(read).collect()
}

/// Reads invitations of an account, the latest first, beginning after one.
pub(crate) fn load_invitations(
    conn: &mut Conn,
    account: AccountId,
    filter: Option<&InvitationFilter>,
    after: Option<InvitationId>,
    limit: i64,
) -> Result<Vec<InvitationRecord>, Fault> {
    let mut query = invitations::table
        .left_join(users::table.on(invitations::inviter_id.eq(users::id.nullable())))
        .filter(invitations::account_id.eq(account.to_string()))
        .into_boxed();
    if let Some(filter) = filter {
        let wants = |outcome| filter.outcomes.contains(&outcome);
        let waiting = |wanted: bool| if wanted { vec!["pending"] } else { Vec::new() };
        let groundless: Vec<String> = filter.groundless.iter().map(ToString::to_string).collect();
        let now = stored(filter.at);
        let ended: Vec<&str> = filter.outcomes.iter().map(|outcome| outcome.as_str()).collect();
        let in_time = invitations::expires_at.gt(now);
        query = query.filter(
            invitations::status
                .eq_any(ended)
                .or(invitations::status
                    .eq_any(waiting(filter.pending))
                    .and(in_time)
                    .and(invitations::id.ne_all(groundless.clone())))
                .or(invitations::status
                    .eq_any(waiting(wants(InvitationOutcome::Revoked)))
                    .and(in_time)
                    .and(invitations::id.eq_any(groundless)))
                .or(invitations::status
                    .eq_any(waiting(wants(InvitationOutcome::Expired)))
                    .and(invitations::expires_at.le(now))),
        );
    }
    if let Some(after) = after {
        query = query.filter(invitations::id.lt(after.to_string()));
    }
    let rows = query
        .order(invitations::id.desc())
        .limit(limit)
        .select((InvitationRow::as_select(), users::display_name.nullable()))
        .load::<(InvitationRow, Option<String>)>(conn)?;
    let read = |(row, name)| read_record(row, name).map(|(_, record)| record);
    rows.into_iter().map(read).collect()
}

/// Reads the invitations to an address that are in time, the latest first, beginning after one.
pub(crate) fn load_to_address(
    conn: &mut Conn,
    address_key: &str,
    at: DateTime<Utc>,
    after: Option<InvitationId>,
    limit: i64,
) -> Result<Vec<(AccountId, i64, InvitationRecord)>, Fault> {
    let mut query = invitations::table
        .inner_join(accounts::table)
        .left_join(users::table.on(invitations::inviter_id.eq(users::id.nullable())))
        .filter(invitations::address_key.eq(address_key.to_owned()))
        .filter(invitations::status.eq("pending"))
        .filter(invitations::expires_at.gt(stored(at)))
        .filter(accounts::status.ne("closed"))
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(invitations::id.lt(after.to_string()));
    }
    let rows = query
        .order(invitations::id.desc())
        .limit(limit)
        .select((
            InvitationRow::as_select(),
            accounts::revision,
            users::display_name.nullable(),
        ))
        .load::<(InvitationRow, i64, Option<String>)>(conn)?;
    let read = |(row, revision, name)| {
        let (account, record) = read_record(row, name)?;
        Ok((account, revision, record))
    };
    rows.into_iter().map(read).collect()
}

fn read_record(row: InvitationRow, inviter_name: Option<String>) -> Result<(AccountId, InvitationRecord), Fault> {
    let name = |text: String| checked("invitations.display_name", &text, DisplayName::parse);
    let invitation = Invitation {
        id: parse("invitations.id", &row.id)?,
        address: checked("invitations.address", &row.address, EmailAddress::parse)?,
        display_name: row.display_name.map(name).transpose()?,
        language: parse("invitations.language", &row.language)?,
        permissions: from_json("invitations.permissions", &row.permissions)?,
        contact: parse_maybe("invitations.contact_id", row.contact_id.as_deref())?,
        inviter: parse_maybe("invitations.inviter_id", row.inviter_id.as_deref())?,
        sending: parse("invitations.sending_id", &row.sending_id)?,
        created_at: instant(row.created_at),
        sent_at: instant(row.sent_at),
        expires_at: instant(row.expires_at),
    };
    let ended = match (row.status.as_str(), row.ended_at) {
        ("pending", _) => None,
        (status, Some(at)) => Some((
            named("invitations.status", status, InvitationOutcome::from_name)?,
            instant(at),
        )),
        (_, None) => {
            return Err(Fault::stored("invitations.ended_at", "an ended invitation has no end"));
        }
    };
    let record = InvitationRecord {
        invitation,
        inviter_name: inviter_name.map(name).transpose()?,
        ended,
    };
    Ok((parse("invitations.account_id", &row.account_id)?, record))
}
