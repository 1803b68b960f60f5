//! What mails say of somebody who is erased: those to others name it, and those before its time invited it.

use std::collections::BTreeSet;

use accounts_domain::address::EmailAddress;
use diesel::prelude::*;
use serde_json::Value;

use crate::backend::Conn;
use crate::error::Fault;
use crate::rows::to_json;
use crate::schema::{audit_events, audit_values, contact_addresses, invitations, mails, memberships, users};

/// How many addresses or contacts a query names at most.
const AT_ONCE: usize = 1_000;

/// What a mail says of others than its reader: who asks, offers, declines or invites. `name` is the reader.
const SAID_OF_OTHERS: [&str; 5] = ["owner", "contact", "person", "inviter", "asked"];

/// In which fields the log tells addresses of somebody, each alone or several behind commas.
const ADDRESSES: [&str; 5] = [
    "address",
    "more_addresses",
    "pending_address",
    "reported_address",
    "verified_address",
];

/// What somebody is known by.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(crate) names: BTreeSet<String>,
    pub(crate) addresses: BTreeSet<String>,
}

impl Known {
    /// What somebody was known by at any time, as the log says.
    pub(crate) fn recorded(conn: &mut Conn, kind: &str, id: &str) -> Result<Self, Fault> {
        let values = audit_values::table
            .filter(audit_values::person_kind.eq(kind))
            .filter(audit_values::person_id.eq(id))
            .select((audit_values::field, audit_values::before, audit_values::after))
            .load::<(String, Option<String>, Option<String>)>(conn)?;
        let mut known = Self::default();
        for (field, before, after) in values {
            for text in before.into_iter().chain(after) {
                if field == "display_name" {
                    known.names.insert(text);
                } else if ADDRESSES.contains(&field.as_str()) {
                    known.addresses.extend(text.split(", ").map(ToOwned::to_owned));
                }
            }
        }
        Ok(known)
    }

    /// The keys of the addresses.
    pub(crate) fn keys(&self) -> BTreeSet<String> {
        let parsed = self.addresses.iter().filter_map(|text| EmailAddress::parse(text).ok());
        parsed.map(|address| address.key().to_owned()).collect()
    }

    /// A mail that names somebody, without the name: the account stands in for it, and the mail still goes to its reader.
    /// Nothing where it names nobody.
    fn without(&self, message: &str) -> Result<Option<String>, Fault> {
        let mut message: Value = serde_json::from_str(message).unwrap_or_default();
        let instead = message.get("account").cloned().unwrap_or_else(|| "…".into());
        let mut named = false;
        for member in SAID_OF_OTHERS {
            let Some(said) = message.get_mut(member) else { continue };
            if said.as_str().is_some_and(|text| self.is_meant(text)) {
                *said = instead.clone();
                named = true;
            }
        }
        named.then(|| to_json("mails.message", &message)).transpose()
    }

    /// Whether a text is a name or an address of somebody, or a name with an address behind it.
    fn is_meant(&self, text: &str) -> bool {
        let is_named = |name: &String| text == name || text.starts_with(&format!("{name} ("));
        let is_reached = |address: &String| text == address || text.ends_with(&format!("({address})"));
        self.names.iter().any(is_named) || self.addresses.iter().any(is_reached)
    }
}

/// The keys of the addresses to which mails of these accounts go: those of their contacts and of their members.
pub(crate) fn readers_in<'a>(
    conn: &mut Conn,
    accounts: impl IntoIterator<Item = &'a String>,
) -> Result<BTreeSet<String>, Fault> {
    let accounts: Vec<&String> = accounts.into_iter().collect();
    let contacts: Vec<String> = contact_addresses::table
        .filter(contact_addresses::account_id.eq_any(&accounts))
        .select(contact_addresses::address_key)
        .load(conn)?;
    let members = members_of(conn, &accounts)?;
    Ok(contacts.into_iter().chain(members).collect())
}

/// The keys of the addresses that members of accounts log in with.
pub(crate) fn members_of(conn: &mut Conn, accounts: &[&String]) -> Result<BTreeSet<String>, Fault> {
    let members: Vec<String> = memberships::table
        .inner_join(users::table)
        .filter(memberships::account_id.eq_any(accounts))
        .select(users::address_key)
        .load(conn)?;
    Ok(members.into_iter().collect())
}

/// Takes somebody out of the mails to these addresses.
pub(crate) fn forget_naming(conn: &mut Conn, readers: BTreeSet<String>, known: &Known) -> Result<(), Fault> {
    let readers: Vec<String> = readers.into_iter().collect();
    for some in readers.chunks(AT_ONCE) {
        take_out(conn, letters().filter(mails::address_key.eq_any(some)), known)?;
    }
    Ok(())
}

/// Takes somebody out of the mails to these contacts.
pub(crate) fn forget_naming_to(conn: &mut Conn, contacts: &[String], known: &Known) -> Result<(), Fault> {
    for some in contacts.chunks(AT_ONCE) {
        take_out(conn, letters().filter(mails::contact_id.eq_any(some)), known)?;
    }
    Ok(())
}

type Letters<'a> = mails::BoxedQuery<'a, <Conn as Connection>::Backend>;

/// The mails that are no notices: a notice names nobody but its reader.
fn letters<'a>() -> Letters<'a> {
    mails::table.filter(mails::notification_id.is_null()).into_boxed()
}

fn take_out(conn: &mut Conn, letters: Letters<'_>, known: &Known) -> Result<(), Fault> {
    let sent: Vec<(String, String)> = letters.select((mails::id, mails::message)).load(conn)?;
    for (id, message) in sent {
        if let Some(message) = known.without(&message)? {
            diesel::update(mails::table.find(id))
                .set(mails::message.eq(message))
                .execute(conn)?;
        }
    }
    Ok(())
}

/// Deletes the mails to these addresses that carried a link of these invitations, at any time.
pub(crate) fn forget_invitations(
    conn: &mut Conn,
    readers: &BTreeSet<String>,
    invited: &BTreeSet<String>,
) -> Result<(), Fault> {
    let mut sendings: BTreeSet<String> = invitations::table
        .filter(invitations::id.eq_any(invited))
        .select(invitations::sending_id)
        .load(conn)?
        .into_iter()
        .collect();
    let told: Vec<String> = audit_events::table
        .filter(audit_events::subject_id.eq_any(invited))
        .filter(audit_events::subject_kind.eq("invitation"))
        .select(audit_events::data)
        .load(conn)?;
    sendings.extend(told.iter().filter_map(|data| said_in(data, "sending")));
    let to_readers = letters().filter(mails::address_key.eq_any(readers));
    let sent: Vec<(String, String)> = to_readers.select((mails::id, mails::message)).load(conn)?;
    for (id, message) in sent {
        if said_in(&message, "sending").is_some_and(|sending| sendings.contains(&sending)) {
            diesel::delete(mails::table.find(id)).execute(conn)?;
        }
    }
    Ok(())
}

fn said_in(text: &str, member: &str) -> Option<String> {
    let object: Value = serde_json::from_str(text).ok()?;
    object.get(member)?.as_str().map(ToOwned::to_owned)
}
