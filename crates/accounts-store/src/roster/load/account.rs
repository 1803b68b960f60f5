//! Reads the row of an account.

use accounts_domain::names::{AccountName, AddressLine, ExternalId, TaxId};
use accounts_domain::phone::PhoneNumber;
use accounts_domain::roster::{Account, AccountProfile, AccountStatus, PostalAddress};
use chrono::NaiveDateTime;
use diesel::dsl::exists;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use crate::backend::Conn;
use crate::error::Fault;
use crate::rows::{checked, from_json, instant, named, parse};
use crate::schema::conditions::{IsPending, IsWaiting};
use crate::schema::{
    accounts, api_keys, contact_phones, contact_subscriptions, contact_verifications, invitations, join_requests,
    member_subscriptions, owners, ownership_transfers,
};

#[derive(Queryable, Selectable)]
#[diesel(table_name = accounts)]
struct AccountRow {
    id: String,
    name: String,
    language: String,
    phone: Option<String>,
    postal_address: Option<String>,
    tax_id: Option<String>,
    external_id: Option<String>,
    status: String,
    contact_limit: Option<i32>,
    second_factor_required: bool,
    revision: i64,
    version: i64,
    created_at: NaiveDateTime,
    updated_at: NaiveDateTime,
}

/// Whether an account has any of what most accounts have none of, so that nothing is asked about where there is nothing.
#[derive(Queryable)]
#[expect(clippy::struct_excessive_bools, reason = "each is a column of one query")]
pub(super) struct Has {
    pub(super) phones: bool,
    pub(super) subscriptions: bool,
    pub(super) member_subscriptions: bool,
    pub(super) verifications: bool,
    pub(super) pending_transfer: bool,
    pub(super) api_keys: bool,
    pub(super) waiting_invitations: bool,
    pub(super) waiting_join_requests: bool,
}

/// A postal address as its column holds it.
#[derive(Serialize, Deserialize)]
pub(in crate::roster) struct StoredPostalAddress {
    pub(in crate::roster) lines: Vec<String>,
    pub(in crate::roster) postal_code: Option<String>,
    pub(in crate::roster) city: Option<String>,
    pub(in crate::roster) region: Option<String>,
    pub(in crate::roster) country: String,
}

/// Reads an account with the id of the contact that owns it, and what else there is to read.
pub(super) fn load_account(conn: &mut Conn, key: &str) -> Result<Option<(Account, String, Has)>, Fault> {
    macro_rules! any {
        ($table:ident) => {
            exists($table::table.filter($table::account_id.eq(key)))
        };
        ($table:ident, $condition:expr) => {
            exists(
                $table::table
                    .filter($table::account_id.eq(key))
                    .filter($condition),
            )
        };
    }
    let row = accounts::table
        .inner_join(owners::table.on(owners::account_id.eq(accounts::id)))
        .filter(accounts::id.eq(key))
        .select((
            AccountRow::as_select(),
            owners::contact_id,
            (
                any!(contact_phones),
                any!(contact_subscriptions),
                any!(member_subscriptions),
                any!(contact_verifications, contact_verifications::used_at.is_null()),
                any!(ownership_transfers, IsPending::new(ownership_transfers::status)),
                any!(api_keys),
                any!(invitations, IsPending::new(invitations::status)),
                any!(join_requests, IsWaiting::new(join_requests::status)),
            ),
        ))
        .first::<(AccountRow, String, Has)>(conn)
        .optional()?;
    row.map(|(account, owner, has)| Ok((read_account(account)?, owner, has)))
        .transpose()
}

fn read_account(row: AccountRow) -> Result<Account, Fault> {
    let postal_address = row.postal_address.as_deref().map(read_postal_address).transpose()?;
    Ok(Account {
        id: parse("accounts.id", &row.id)?,
        profile: AccountProfile {
            name: checked("accounts.name", &row.name, AccountName::parse)?,
            language: parse("accounts.language", &row.language)?,
            phone: row
                .phone
                .map(|phone| checked("accounts.phone", &phone, PhoneNumber::stored))
                .transpose()?,
            postal_address,
            tax_id: row
                .tax_id
                .map(|id| checked("accounts.tax_id", &id, TaxId::parse))
                .transpose()?,
        },
        external_id: row
            .external_id
            .map(|id| checked("accounts.external_id", &id, ExternalId::parse))
            .transpose()?,
        status: named("accounts.status", &row.status, AccountStatus::from_name)?,
        second_factor_required: row.second_factor_required,
        contact_limit: row
            .contact_limit
            .map(|limit| u16::try_from(limit).map_err(|error| Fault::stored("accounts.contact_limit", error)))
            .transpose()?,
        revision: row.revision,
        version: row.version,
        created_at: instant(row.created_at),
        updated_at: instant(row.updated_at),
    })
}

fn read_postal_address(text: &str) -> Result<PostalAddress, Fault> {
    const PLACE: &str = "accounts.postal_address";
    let stored: StoredPostalAddress = from_json(PLACE, text)?;
    let line = |text: String| checked(PLACE, &text, AddressLine::parse);
    Ok(PostalAddress {
        lines: stored.lines.into_iter().map(line).collect::<Result<_, _>>()?,
        postal_code: stored.postal_code.map(line).transpose()?,
        city: stored.city.map(line).transpose()?,
        region: stored.region.map(line).transpose()?,
        country: stored.country,
    })
}
