//! Who the members of an account are. What they may do there is part of the roster.

use std::collections::BTreeMap;

use accounts_domain::address::EmailAddress;
use accounts_domain::ids::{AccountId, UserId};
use accounts_domain::members::{MemberNews, MemberPerson};
use accounts_domain::names::DisplayName;
use accounts_domain::recipients::{Reader, Readers};
use accounts_domain::users::UserStatus;
use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::prelude::*;

use crate::backend::{Conn, narrowed};
use crate::deliverability;
use crate::error::{Fault, StoreError};
use crate::mails::insert_mails;
use crate::rows::{checked, instant, named, parse};
use crate::schema::{memberships, second_factors, users};
use crate::store::Store;
use crate::users::load_user;

#[derive(Queryable, Selectable)]
#[diesel(table_name = users)]
struct PersonRow {
    id: String,
    display_name: String,
    address: String,
    last_login_at: Option<NaiveDateTime>,
}

/// Who a notice to a member goes to.
#[derive(Queryable, Selectable)]
#[diesel(table_name = users)]
pub(crate) struct ReaderRow {
    id: String,
    display_name: String,
    address: String,
    language: String,
    status: String,
    deliverability: Option<String>,
}

impl ReaderRow {
    pub(crate) fn read(&self) -> Result<Reader, Fault> {
        Ok(Reader {
            user: parse("users.id", &self.id)?,
            display_name: checked("users.display_name", &self.display_name, DisplayName::parse)?,
            address: checked("users.address", &self.address, EmailAddress::parse)?,
            language: parse("users.language", &self.language)?,
            status: named("users.status", &self.status, UserStatus::from_name)?,
            deliverability: deliverability::read("users.deliverability", self.deliverability.as_deref())?,
        })
    }
}

/// A member, and since when the person has a second factor.
type MemberRow = (PersonRow, Option<NaiveDateTime>);

impl Store {
    /// Reads who the members of an account are, whatever becomes of their memberships.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn member_people(&self, account: AccountId) -> Result<BTreeMap<UserId, MemberPerson>, StoreError> {
        let work = move |conn: &mut Conn| {
            let rows: Vec<MemberRow> = memberships::table
                .inner_join(users::table)
                .left_join(second_factors::table.on(second_factors::user_id.eq(users::id)))
                .filter(memberships::account_id.eq(account.to_string()))
                .select((PersonRow::as_select(), second_factors::confirmed_at.nullable()))
                .load(conn)?;
            let people = rows.iter().map(|row| read(row).map(|person| (person.user, person)));
            people.collect()
        };
        self.lanes.read(work).await
    }

    /// Reads who the members of an account are, as far as notices to them go.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn readers(&self, account: AccountId) -> Result<Readers, StoreError> {
        let work = move |conn: &mut Conn| load_readers(conn, vec![account.to_string()], None);
        let mut readers = self.lanes.read(work).await?;
        Ok(readers.remove(&account).unwrap_or_default())
    }

    /// Reads who one member of an account is.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn member_person(&self, account: AccountId, user: UserId) -> Result<Option<MemberPerson>, StoreError> {
        let work = move |conn: &mut Conn| {
            let row: Option<MemberRow> = memberships::table
                .inner_join(users::table)
                .left_join(second_factors::table.on(second_factors::user_id.eq(users::id)))
                .filter(memberships::account_id.eq(account.to_string()))
                .filter(memberships::user_id.eq(user.to_string()))
                .select((PersonRow::as_select(), second_factors::confirmed_at.nullable()))
                .first(conn)
                .optional()?;
            row.as_ref().map(read).transpose()
        };
        self.lanes.read(work).await
    }
}

/// Reads who the members of accounts are as readers of notices: all of them, or those who log in with one address.
pub(crate) fn load_readers(
    conn: &mut Conn,
    accounts: Vec<String>,
    address_key: Option<&str>,
) -> Result<BTreeMap<AccountId, Readers>, Fault> {
    if accounts.is_empty() {
        return Ok(BTreeMap::new());
    }
    let mut query = memberships::table
        .inner_join(users::table)
        .select((memberships::account_id, ReaderRow::as_select()))
        .into_boxed();
    query = narrowed!(query, filter, memberships::account_id, accounts);
    if let Some(key) = address_key {
        query = query.filter(users::address_key.eq(key));
    }
    let rows: Vec<(String, ReaderRow)> = query.load(conn)?;
    let mut readers: BTreeMap<AccountId, Readers> = BTreeMap::new();
    for (account, row) in &rows {
        let reader = row.read()?;
        let of_account = readers.entry(parse("memberships.account_id", account)?).or_default();
        of_account.insert(reader.user, reader);
    }
    Ok(readers)
}

/// Reads who these users are.
pub(crate) fn people(conn: &mut Conn, ids: &[UserId]) -> Result<BTreeMap<UserId, MemberPerson>, Fault> {
    let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
    let rows: Vec<MemberRow> = users::table
        .left_join(second_factors::table.on(second_factors::user_id.eq(users::id)))
        .filter(users::id.eq_any(ids))
        .select((PersonRow::as_select(), second_factors::confirmed_at.nullable()))
        .load(conn)?;
    rows.iter()
        .map(|row| read(row).map(|person| (person.user, person)))
        .collect()
}

/// Puts what members are told into the outbox, to the addresses that they log in with.
pub(crate) fn tell(conn: &mut Conn, news: &[MemberNews], at: DateTime<Utc>) -> Result<(), Fault> {
    let mut mails = Vec::new();
    for told in news {
        let user = load_user(conn, told.user)?;
        mails.extend(user.map(|user| told.mail(&user)));
    }
    insert_mails(conn, &mails, at)
}

fn read((row, second_factor_at): &MemberRow) -> Result<MemberPerson, Fault> {
    Ok(MemberPerson {
        user: parse("users.id", &row.id)?,
        display_name: checked("users.display_name", &row.display_name, DisplayName::parse)?,
        address: checked("users.address", &row.address, EmailAddress::parse)?,
        last_login_at: row.last_login_at.map(instant),
        second_factor: second_factor_at.is_some(),
    })
}
