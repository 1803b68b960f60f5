//! Which accounts a mail concerns, and who their members are.
//!
//! Two queries, and one more for a ticket's opener whom an account does not know, each by an index, so that it takes no
//! longer with more accounts; the accounts themselves come from the snapshots where those are of the same revision.

use std::collections::BTreeMap;
use std::sync::Arc;

use accounts_domain::address::EmailAddress;
use accounts_domain::ids::AccountId;
use accounts_domain::names::ExternalId;
use accounts_domain::recipients::{Opener, Readers};
use accounts_domain::roster::Roster;
use diesel::prelude::*;
use diesel::query_dsl::positional_order_dsl::{OrderColumn, PositionalOrderDsl};
use diesel::sql_types::Bool;

use crate::backend::{Conn, load_united};
use crate::error::{Fault, StoreError};
use crate::members::load_readers;
use crate::present::Place;
use crate::schema::{accounts, contact_addresses, contacts, memberships, users};
use crate::store::Store;

/// A mail that came in.
#[derive(Debug, Clone)]
pub struct IncomingMail {
    /// Who sent it.
    pub sender: EmailAddress,
    /// The account that it concerns; else every account that knows the sender.
    pub account: Option<NamedAccount>,
    /// Whether all members are asked for, and not the sender alone.
    pub readers: bool,
    /// The greatest number of accounts.
    pub most: usize,
}

/// How an account is named.
#[derive(Debug, Clone)]
pub enum NamedAccount {
    /// By its id.
    Id(AccountId),
    /// By the provider's number.
    ExternalId(ExternalId),
}

/// The accounts that a mail concerns.
#[derive(Debug, Clone, Default)]
pub struct AccountsOfMail {
    /// By id, with those of the members who were asked for.
    pub accounts: BTreeMap<AccountId, (Arc<Roster>, Readers)>,
    /// Whether there are more than were asked for.
    pub more: bool,
}

/// What the queries find.
#[derive(Default)]
struct Found {
    readers: BTreeMap<AccountId, Readers>,
    more: bool,
}

impl Store {
    /// The account that is named; else those in which the sender's is the address of a contact, verified or not, or of a user
    /// who is a member: those where it is proven before others, so that nobody pushes them out by writing the address down.
    /// The answer is never older than the last change that anybody has been told of.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn accounts_of_mail(&self, mail: IncomingMail) -> Result<AccountsOfMail, StoreError> {
        let (mut found, rosters) = self.read_with_accounts(move |conn| find(conn, &mail)).await?;
        let mut readers = |id| found.readers.remove(&id).unwrap_or_default();
        Ok(AccountsOfMail {
            accounts: rosters
                .into_iter()
                .map(|(id, roster)| (id, (roster, readers(id))))
                .collect(),
            more: found.more,
        })
    }

    /// Whether whoever opened a ticket is a contact or a member of any account now.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn has_a_place(&self, opener: Opener) -> Result<bool, StoreError> {
        let work = move |conn: &mut Conn| {
            let found: Option<String> = match opener {
                Opener::Contact(contact) => contacts::table
                    .filter(contacts::id.eq(contact.to_string()))
                    .select(contacts::account_id)
                    .first(conn),
                Opener::User(user) => memberships::table
                    .filter(memberships::user_id.eq(user.to_string()))
                    .select(memberships::account_id)
                    .first(conn),
            }
            .optional()?;
            Ok(found.is_some())
        };
        self.lanes.read_consistent(work).await
    }
}

fn find(conn: &mut Conn, mail: &IncomingMail) -> Result<(Found, Vec<Place>), Fault> {
    let (places, more) = match &mail.account {
        Some(account) => (named(conn, account)?, false),
        None => known_to(conn, mail.sender.key(), mail.most)?,
    };
    if places.is_empty() {
        return Ok((Found::default(), places));
    }
    let ids = places.iter().map(|place| place.id.to_string()).collect();
    let sender_alone = (!mail.readers).then(|| mail.sender.key());
    let readers = load_readers(conn, ids, sender_alone)?;
    Ok((Found { readers, more }, places))
}

fn named(conn: &mut Conn, account: &NamedAccount) -> Result<Vec<Place>, Fault> {
    let mut query = accounts::table.select((accounts::id, accounts::revision)).into_boxed();
    query = match account {
        NamedAccount::Id(id) => query.filter(accounts::id.eq(id.to_string())),
        NamedAccount::ExternalId(number) => query.filter(accounts::external_id.eq(number.to_string())),
    };
    let row: Option<(String, i64)> = query.first(conn).optional()?;
    row.iter().map(|(id, revision)| Place::read(id, *revision)).collect()
}

/// At most so many of the accounts that know an address, those where it is proven first, and whether there are more.
fn known_to(conn: &mut Conn, key: &str, most: usize) -> Result<(Vec<Place>, bool), Fault> {
    let of_user = accounts::table
        .inner_join(memberships::table.inner_join(users::table))
        .filter(users::address_key.eq(key))
        .select((accounts::id, accounts::revision, true.into_sql::<Bool>()));
    let of_contacts = accounts::table
        .inner_join(contact_addresses::table.on(contact_addresses::account_id.eq(accounts::id)))
        .filter(contact_addresses::address_key.eq(key))
        .select((accounts::id, accounts::revision, contact_addresses::verified));
    // An account may know it twice, as a contact's and as a member's.
    let rows = i64::try_from(most)
        .unwrap_or(i64::MAX)
        .saturating_mul(2)
        .saturating_add(1);
    let query = of_user
        .union_all(of_contacts)
        .positional_order_by((OrderColumn(3).desc(), 1))
        .limit(rows);
    let rows: Vec<(String, i64, bool)> = load_united!(conn, query)?;
    let mut places: Vec<Place> = Vec::new();
    for (id, revision, _) in rows {
        let place = Place::read(&id, revision)?;
        if places.iter().all(|known| known.id != place.id) {
            places.push(place);
        }
    }
    let more = places.len() > most;
    places.truncate(most);
    Ok((places, more))
}
