//! What operators look for, over all accounts: page by page along an index, however many there are.

use std::collections::{BTreeMap, BTreeSet};

use accounts_domain::address::EmailAddress;
use accounts_domain::ids::{AccountId, ContactId, UserId};
use accounts_domain::language::Language;
use accounts_domain::names::sort_key;
use accounts_domain::roster::{AccountStatus, MemberStatus, Roster};
use accounts_domain::users::User;
use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::dsl::count_star;
use diesel::prelude::*;

use crate::accounts::AccountMark;
use crate::backend::Conn;
use crate::error::{Fault, StoreError};
use crate::rows::{instant, named, parse, parse_maybe};
use crate::schema::{accounts, contact_addresses, contacts, memberships, owners, second_factors, users};
use crate::store::Store;
use crate::users::{self as user_rows, FoundUser};

/// The greatest character, which no name begins with.
const LAST: char = char::MAX;

/// Which accounts are looked for; what is absent does not narrow the search.
#[derive(Debug, Clone, Default)]
pub struct AccountSearch {
    /// The provider's own number.
    pub external_id: Option<String>,
    /// The status.
    pub status: Option<AccountStatus>,
    /// How the name begins, without regard to accents and case.
    pub name_prefix: Option<String>,
    /// The key of an address that a contact or a member has.
    pub address_key: Option<String>,
}

/// An account as a search finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountSummary {
    /// The account.
    pub id: AccountId,
    /// The organisation's name.
    pub name: String,
    /// The provider's own number.
    pub external_id: Option<String>,
    /// The status.
    pub status: AccountStatus,
    /// The language of what is written to it.
    pub language: Language,
    /// The number of contacts that the provider has set, if it has.
    pub contact_limit: Option<u16>,
    /// How many contacts it has.
    pub contacts: i64,
    /// How many members it has, in use or not.
    pub members: i64,
    /// Who owns it.
    pub owner: OwnerSummary,
    /// When it was opened.
    pub created_at: DateTime<Utc>,
    /// When its own data last changed.
    pub updated_at: DateTime<Utc>,
}

/// The owner of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnerSummary {
    /// The contact.
    pub contact: ContactId,
    /// Its user; nothing as long as nobody has activated the account.
    pub user: Option<UserId>,
    /// How the contact is called.
    pub display_name: String,
    /// The contact's main address.
    pub address: String,
}

/// A membership of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MembershipSummary {
    /// The account.
    pub account: AccountId,
    /// The organisation's name.
    pub name: String,
    /// The account's status.
    pub account_status: AccountStatus,
    /// The contact that the user is there, if it is one.
    pub contact: Option<ContactId>,
    /// Whether the user owns the account.
    pub owner: bool,
    /// Whether the membership is in use.
    pub status: MemberStatus,
    /// When it ends by itself.
    pub expires_at: Option<DateTime<Utc>>,
}

impl AccountSummary {
    /// The same of an account that was read whole.
    ///
    /// Its owner is a contact of it: the schema sees to that.
    pub fn of(roster: &Roster) -> Option<Self> {
        let account = roster.account();
        let owner = roster.contact(roster.owner()).ok()?;
        let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        Some(Self {
            id: account.id,
            name: account.profile.name.to_string(),
            external_id: account.external_id.as_ref().map(ToString::to_string),
            status: account.status,
            language: account.profile.language,
            contact_limit: account.contact_limit,
            contacts: count(roster.contacts().count()),
            members: count(roster.members().count()),
            owner: OwnerSummary {
                contact: owner.id,
                user: roster.member_of_contact(owner.id).map(|member| member.user),
                display_name: owner.profile.display_name.to_string(),
                address: owner.address.email.to_string(),
            },
            created_at: account.created_at,
            updated_at: account.updated_at,
        })
    }

    /// Where it stands in the order of the names.
    pub fn mark(&self) -> AccountMark {
        AccountMark {
            sort_key: sort_key(&self.name),
            account: self.id,
        }
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = accounts)]
struct SummaryRow {
    id: String,
    name: String,
    external_id: Option<String>,
    status: String,
    language: String,
    contact_limit: Option<i32>,
    created_at: NaiveDateTime,
    updated_at: NaiveDateTime,
}

impl Store {
    /// Finds accounts, by name, beginning after one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn search_accounts(
        &self,
        search: AccountSearch,
        after: Option<AccountMark>,
        limit: i64,
    ) -> Result<Vec<AccountSummary>, StoreError> {
        let work = move |conn: &mut Conn| {
            let among = match &search.address_key {
                Some(key) => Some(of_address(conn, key)?),
                None => None,
            };
            let rows = rows(conn, &search, among, after.as_ref(), limit)?;
            summaries(conn, rows)
        };
        self.lanes.read_consistent(work).await
    }

    /// Finds users by their ids, and so by age, beginning after one; with an address the one who logs in with it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn search_users(
        &self,
        address_key: Option<String>,
        after: Option<UserId>,
        limit: i64,
    ) -> Result<Vec<User>, StoreError> {
        let work = move |conn: &mut Conn| {
            let mut query = users::table.left_join(second_factors::table).into_boxed();
            if let Some(key) = &address_key {
                query = query.filter(users::address_key.eq(key.clone()));
            }
            if let Some(after) = after {
                query = query.filter(users::id.gt(after.to_string()));
            }
            let rows: Vec<FoundUser> = query
                .order(users::id)
                .limit(limit)
                .select(FoundUser::as_select())
                .load(conn)?;
            rows.into_iter().map(user_rows::read_user).collect()
        };
        self.lanes.read(work).await
    }

    /// Reads the memberships of a user, in use or not, by account.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn memberships_of(&self, user: UserId, limit: i64) -> Result<Vec<MembershipSummary>, StoreError> {
        self.lanes
            .read_consistent(move |conn| memberships_of(conn, user, limit))
            .await
    }

    /// Whether there is such an account.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn has_account(&self, account: AccountId) -> Result<bool, StoreError> {
        let work = move |conn: &mut Conn| {
            let row = accounts::table.find(account.to_string()).select(accounts::id);
            Ok(row.first::<String>(conn).optional()?.is_some())
        };
        self.lanes.read(work).await
    }

    /// Reads one user, whether it may log in or not.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn user(&self, user: UserId) -> Result<Option<User>, StoreError> {
        self.lanes.read(move |conn| user_rows::load_user(conn, user)).await
    }
}

/// The accounts in which somebody has this address: as a contact, or to log in with.
fn of_address(conn: &mut Conn, key: &str) -> Result<BTreeSet<String>, Fault> {
    let as_contact: Vec<String> = contact_addresses::table
        .filter(contact_addresses::address_key.eq(key))
        .select(contact_addresses::account_id)
        .load(conn)?;
    let as_member: Vec<String> = memberships::table
        .inner_join(users::table)
        .filter(users::address_key.eq(key))
        .select(memberships::account_id)
        .load(conn)?;
    Ok(as_contact.into_iter().chain(as_member).collect())
}

fn rows(
    conn: &mut Conn,
    search: &AccountSearch,
    among: Option<BTreeSet<String>>,
    after: Option<&AccountMark>,
    limit: i64,
) -> Result<Vec<SummaryRow>, Fault> {
    let mut query = accounts::table.into_boxed();
    if let Some(number) = &search.external_id {
        query = query.filter(accounts::external_id.eq(number.clone()));
    }
    if let Some(status) = search.status {
        query = query.filter(accounts::status.eq(status.as_str()));
    }
    if let Some(prefix) = &search.name_prefix {
        let prefix = sort_key(prefix);
        let end = format!("{prefix}{LAST}");
        query = query
            .filter(accounts::sort_key.ge(prefix))
            .filter(accounts::sort_key.lt(end));
    }
    if let Some(ids) = among {
        query = query.filter(accounts::id.eq_any(ids));
    }
    if let Some(mark) = after {
        // The first condition is a place in the index; the second passes over what stands there before.
        let later = accounts::sort_key
            .gt(mark.sort_key.clone())
            .or(accounts::id.gt(mark.account.to_string()));
        query = query.filter(accounts::sort_key.ge(mark.sort_key.clone())).filter(later);
    }
    Ok(query
        .order((accounts::sort_key, accounts::id))
        .limit(limit)
        .select(SummaryRow::as_select())
        .load(conn)?)
}

fn summaries(conn: &mut Conn, rows: Vec<SummaryRow>) -> Result<Vec<AccountSummary>, Fault> {
    let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    let contacts: BTreeMap<String, i64> = contacts::table
        .filter(contacts::account_id.eq_any(&ids))
        .group_by(contacts::account_id)
        .select((contacts::account_id, count_star()))
        .load::<(String, i64)>(conn)?
        .into_iter()
        .collect();
    let members: BTreeMap<String, i64> = memberships::table
        .filter(memberships::account_id.eq_any(&ids))
        .group_by(memberships::account_id)
        .select((memberships::account_id, count_star()))
        .load::<(String, i64)>(conn)?
        .into_iter()
        .collect();
    let mut owners = owners_of(conn, &ids)?;
    let count = |counted: &BTreeMap<String, i64>, id: &str| counted.get(id).copied().unwrap_or_default();
    let read = |row: SummaryRow| {
        let limit = |limit: i32| u16::try_from(limit).map_err(|error| Fault::stored("accounts.contact_limit", error));
        Ok(AccountSummary {
            id: parse("accounts.id", &row.id)?,
            contacts: count(&contacts, &row.id),
            members: count(&members, &row.id),
            owner: owners
                .remove(&row.id)
                .ok_or_else(|| Fault::stored("owners", format!("{} has none", row.id)))?,
            name: row.name,
            external_id: row.external_id,
            status: named("accounts.status", &row.status, AccountStatus::from_name)?,
            language: parse("accounts.language", &row.language)?,
            contact_limit: row.contact_limit.map(limit).transpose()?,
            created_at: instant(row.created_at),
            updated_at: instant(row.updated_at),
        })
    };
    rows.into_iter().map(read).collect()
}

fn owners_of(conn: &mut Conn, accounts: &[&str]) -> Result<BTreeMap<String, OwnerSummary>, Fault> {
    let main = contact_addresses::account_id
        .eq(owners::account_id)
        .and(contact_addresses::address_key.eq(contacts::address_key));
    let rows = owners::table
        .inner_join(contacts::table)
        .inner_join(contact_addresses::table.on(main))
        .filter(owners::account_id.eq_any(accounts))
        .select((
            owners::account_id,
            owners::contact_id,
            owners::user_id,
            contacts::display_name,
            contact_addresses::address,
        ))
        .load::<(String, String, Option<String>, String, String)>(conn)?;
    let read = |(account, contact, user, display_name, address): (String, String, Option<String>, String, String)| {
        let owner = OwnerSummary {
            contact: parse("owners.contact_id", &contact)?,
            user: parse_maybe("owners.user_id", user.as_deref())?,
            display_name,
            address,
        };
        Ok((account, owner))
    };
    rows.into_iter().map(read).collect()
}

fn memberships_of(conn: &mut Conn, user: UserId, limit: i64) -> Result<Vec<MembershipSummary>, Fault> {
    type Row = (String, String, String, Option<String>, String, Option<NaiveDateTime>);
    let key = user.to_string();
    let rows = memberships::table
        .inner_join(accounts::table)
        .filter(memberships::user_id.eq(&key))
        .order(memberships::account_id)
        .limit(limit)
        .select((
            accounts::id,
            accounts::name,
            accounts::status,
            memberships::contact_id,
            memberships::status,
            memberships::expires_at,
        ))
        .load::<Row>(conn)?;
    let owned: BTreeSet<String> = owners::table
        .filter(owners::user_id.eq(&key))
        .select(owners::account_id)
        .load(conn)?
        .into_iter()
        .collect();
    let read = |(account, name, account_status, contact, status, expires_at): Row| {
        Ok(MembershipSummary {
            owner: owned.contains(&account),
            account: parse("accounts.id", &account)?,
            name,
            account_status: named("accounts.status", &account_status, AccountStatus::from_name)?,
            contact: parse_maybe("memberships.contact_id", contact.as_deref())?,
            status: named("memberships.status", &status, MemberStatus::from_name)?,
            expires_at: expires_at.map(instant),
        })
    };
    rows.into_iter().map(read).collect()
}

impl AccountSearch {
    /// A search for what somebody types: an exact address where it is one, and else how a name begins.
    #[must_use]
    pub fn typed(self, text: &str) -> Self {
        match EmailAddress::parse(text) {
            Ok(address) => Self {
                address_key: Some(address.key().to_owned()),
                ..self
            },
            Err(_) => Self {
                name_prefix: Some(text.to_owned()),
                ..self
            },
        }
    }
}
