//! Mails to others that name somebody who is erased.

use std::collections::BTreeSet;

use accounts_domain::address::EmailAddress;
use diesel::prelude::*;
use serde_json::Value;

use crate::backend::Conn;
use crate::error::Fault;
use crate::schema::{audit_values, contact_addresses, mails, memberships, users};

/// How many addresses a query names at most.
const AT_ONCE: usize = 1_000;

/// What a mail says of others than its reader: who asks, offers, declines or invites. `name` is the reader.
const SAID_OF_OTHERS: [&str; 5] = ["owner", "contact", "person", "inviter", "asked"];

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
            let texts = before.into_iter().chain(after);
            if field == "display_name" {
                known.names.extend(texts);
            } else {
                known
                    .addresses
                    .extend(texts.filter(|text| EmailAddress::parse(text).is_ok()));
            }
        }
        Ok(known)
    }

    /// The keys of the addresses.
    pub(crate) fn keys(&self) -> BTreeSet<String> {
        let parsed = self.addresses.iter().filter_map(|text| EmailAddress::parse(text).ok());
        parsed.map(|address| address.key().to_owned()).collect()
    }

    fn is_in(&self, message: &str) -> bool {
        let message: Value = serde_json::from_str(message).unwrap_or_default();
        SAID_OF_OTHERS.iter().any(|member| {
            let text = message.get(member).and_then(Value::as_str).unwrap_or_default();
            let is_named = |name: &String| text == name || text.starts_with(&format!("{name} ("));
            self.names.iter().any(is_named) || self.addresses.iter().any(|address| text.contains(address))
        })
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
    let members: Vec<String> = memberships::table
        .inner_join(users::table)
        .filter(memberships::account_id.eq_any(accounts))
        .select(users::address_key)
        .load(conn)?;
    Ok(contacts.into_iter().chain(members).collect())
}

/// Deletes the mails to these addresses that name somebody.
pub(crate) fn forget_naming(conn: &mut Conn, readers: BTreeSet<String>, known: &Known) -> Result<(), Fault> {
    let readers: Vec<String> = readers.into_iter().collect();
    delete_to(conn, &readers, |message| known.is_in(message))
}

/// Deletes the mails to these addresses that carried a link into an account, by the account's name: whoever was invited
/// may have become its contact later on.
pub(crate) fn forget_invitations(conn: &mut Conn, readers: BTreeSet<String>, account: &str) -> Result<(), Fault> {
    let readers: Vec<String> = readers.into_iter().collect();
    delete_to(conn, &readers, |message| {
        let message: Value = serde_json::from_str(message).unwrap_or_default();
        let says = |member: &str| message.get(member).and_then(Value::as_str);
        says("kind") == Some("invitation") && says("account") == Some(account)
    })
}

fn delete_to(conn: &mut Conn, readers: &[String], is_meant: impl Fn(&str) -> bool) -> Result<(), Fault> {
    for some in readers.chunks(AT_ONCE) {
        let told = mails::table
            .filter(mails::address_key.eq_any(some))
            .select((mails::id, mails::message))
            .load::<(String, String)>(conn)?;
        for (id, message) in told {
            if is_meant(&message) {
                diesel::delete(mails::table.find(id)).execute(conn)?;
            }
        }
    }
    Ok(())
}
