//! Which accounts know the sender of a mail.
//!
//! Two queries by the key of the address, each with an index, so that it takes no longer with more accounts. The accounts
//! themselves are found as they are for access checks.

use std::collections::BTreeSet;

use accounts_domain::address::EmailAddress;
use accounts_domain::ids::AccountId;
use diesel::prelude::*;

use crate::backend::Conn;
use crate::error::{Fault, StoreError};
use crate::rows::parse;
use crate::schema::{contact_addresses, memberships, users};
use crate::store::Store;

/// The accounts that know an address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountsOfSender {
    /// Their ids, in order.
    pub ids: BTreeSet<AccountId>,
    /// Whether there are more than were asked for.
    pub more: bool,
}

impl Store {
    /// The accounts in which this is the address of a contact, verified or not, or of a user who is a member: at most
    /// `most`, those where it is proven before others, so that nobody pushes them out by writing the address down.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn accounts_of_sender(&self, sender: &EmailAddress, most: usize) -> Result<AccountsOfSender, StoreError> {
        let key = sender.key().to_owned();
        self.lanes.read(move |conn| find(conn, &key, most)).await
    }
}

fn find(conn: &mut Conn, key: &str, most: usize) -> Result<AccountsOfSender, Fault> {
    let limit = i64::try_from(most).unwrap_or(i64::MAX).saturating_add(1);
    let of_user: Vec<String> = memberships::table
        .inner_join(users::table)
        .filter(users::address_key.eq(key))
        .select(memberships::account_id)
        .order(memberships::account_id)
        .limit(limit)
        .load(conn)?;
    let of_contacts: Vec<String> = contact_addresses::table
        .filter(contact_addresses::address_key.eq(key))
        .select(contact_addresses::account_id)
        .order((contact_addresses::verified.desc(), contact_addresses::account_id))
        .limit(limit)
        .load(conn)?;
    let mut found = AccountsOfSender::default();
    for id in of_user.iter().chain(&of_contacts) {
        let id = parse("accounts.id", id)?;
        if found.ids.len() < most || found.ids.contains(&id) {
            found.ids.insert(id);
        } else {
            found.more = true;
        }
    }
    Ok(found)
}
