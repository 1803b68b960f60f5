//! Reads an account with all that its rules look at.

mod account;
pub(crate) mod invitations;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use accounts_domain::address::EmailAddress;
use accounts_domain::catalog::Catalog;
use accounts_domain::ids::{AccountId, ContactId, TransferId, UserId, VerificationId};
use accounts_domain::keys::{CategoryKey, RoleKey};
use accounts_domain::names::{DisplayName, JobTitle, PersonName};
use accounts_domain::ownership::{Transfer, TransferOutcome};
use accounts_domain::phone::{Phone, PhoneKind, PhoneNumber};
use accounts_domain::roster::{
    Contact, ContactAddress, ContactProfile, MemberStatus, Membership, Parts, PendingTransfer, Roster, Verification,
};
use chrono::NaiveDateTime;
use diesel::prelude::*;

pub(super) use self::account::StoredPostalAddress;
use self::account::{Has, load_account};
use crate::backend::Conn;
use crate::deliverability;
use crate::error::Fault;
use crate::rows::{checked, from_json, instant, named, parse, parse_maybe};
use crate::schema::conditions::IsPending;
use crate::schema::{
    contact_addresses, contact_phones, contact_subscriptions, contact_verifications, contacts, member_subscriptions,
    memberships, ownership_transfers, role_holders, role_primaries,
};

#[derive(Queryable, Selectable)]
#[diesel(table_name = contacts)]
struct ContactRow {
    id: String,
    display_name: String,
    first_name: Option<String>,
    last_name: Option<String>,
    title: Option<String>,
    language: String,
    address_key: String,
    pending_address_key: Option<String>,
    login_requested: bool,
    login_permissions: Option<String>,
    version: i64,
    created_at: NaiveDateTime,
    updated_at: NaiveDateTime,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = memberships)]
struct MemberRow {
    user_id: String,
    contact_id: Option<String>,
    permissions: String,
    status: String,
    expires_at: Option<NaiveDateTime>,
    version: i64,
    created_at: NaiveDateTime,
    updated_at: NaiveDateTime,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = ownership_transfers)]
struct TransferRow {
    id: String,
    from_contact_id: String,
    to_contact_id: String,
    status: String,
    created_at: NaiveDateTime,
    expires_at: NaiveDateTime,
    ended_at: Option<NaiveDateTime>,
    version: i64,
}

/// Reads an account's roster, or nothing where there is no such account.
///
/// The caller sees to it that all queries read one state: under the account's lock, or in a snapshot.
pub(crate) fn load(conn: &mut Conn, id: AccountId, catalog: &Arc<Catalog>) -> Result<Option<Roster>, Fault> {
    let key = id.to_string();
    let Some((account, owner, has)) = load_account(conn, &key)? else {
        return Ok(None);
    };
    let (holders, primaries) = load_roles(conn, &key)?;
    let parts = Parts {
        account,
        owner: parse("owners.contact_id", &owner)?,
        contacts: load_contacts(conn, &key, &has)?,
        members: load_members(conn, &key, &has)?,
        holders,
        primaries,
        verifications: if_any(has.verifications, || load_verifications(conn, &key))?,
        transfer: if_any(has.pending_transfer, || load_pending(conn, &key))?,
        api_keys: if_any(has.api_keys, || crate::api_keys::of_account(conn, &key))?,
        invitations: if_any(has.waiting_invitations, || invitations::load_waiting(conn, &key))?,
        join_requests: if_any(has.waiting_join_requests, || {
            crate::join_requests::of_account(conn, &key)
        })?,
    };
    Ok(Some(Roster::new(parts, Arc::clone(catalog))))
}

fn if_any<T: Default>(any: bool, load: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    if any { load() } else { Ok(T::default()) }
}

/// Reads one transfer of an account.
pub(crate) fn load_transfer(conn: &mut Conn, account: AccountId, id: TransferId) -> Result<Option<Transfer>, Fault> {
    let row = ownership_transfers::table
        .filter(ownership_transfers::account_id.eq(account.to_string()))
        .filter(ownership_transfers::id.eq(id.to_string()))
        .select(TransferRow::as_select())
        .first(conn)
        .optional()?;
    row.map(|row| read_transfer(&row)).transpose()
}

/// Reads transfers of an account, the latest first, beginning after one.
pub(crate) fn load_transfers(
    conn: &mut Conn,
    account: AccountId,
    after: Option<TransferId>,
    limit: i64,
) -> Result<Vec<Transfer>, Fault> {
    let mut query = ownership_transfers::table
        .filter(ownership_transfers::account_id.eq(account.to_string()))
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(ownership_transfers::id.lt(after.to_string()));
    }
    let rows: Vec<TransferRow> = query
        .order(ownership_transfers::id.desc())
        .limit(limit)
        .select(TransferRow::as_select())
        .load(conn)?;
    rows.iter().map(read_transfer).collect()
}

fn load_contacts(conn: &mut Conn, account: &str, has: &Has) -> Result<BTreeMap<ContactId, Arc<Contact>>, Fault> {
    let rows: Vec<ContactRow> = contacts::table
        .filter(contacts::account_id.eq(account))
        .select(ContactRow::as_select())
        .load(conn)?;
    let mut addresses = load_addresses(conn, account)?;
    let mut phones = if_any(has.phones, || load_phones(conn, account))?;
    let mut subscriptions = if_any(has.subscriptions, || load_subscriptions(conn, account))?;
    let mut contacts = BTreeMap::new();
    for row in rows {
        let addresses = addresses.remove(&row.id).unwrap_or_default();
        let phones = phones.remove(&row.id).unwrap_or_default();
        let subscriptions = subscriptions.remove(&row.id).unwrap_or_default();
        let contact = read_contact(row, addresses, phones, subscriptions)?;
        contacts.insert(contact.id, Arc::new(contact));
    }
    Ok(contacts)
}

fn read_contact(
    row: ContactRow,
    mut addresses: BTreeMap<String, ContactAddress>,
    phones: Vec<Phone>,
    subscriptions: BTreeSet<CategoryKey>,
) -> Result<Contact, Fault> {
    let name = |text: &str| checked("contacts.name", text, PersonName::parse);
    let address = addresses
        .remove(&row.address_key)
        .ok_or_else(|| Fault::stored("contacts.address_key", "the address is not there"))?;
    let pending_address = row
        .pending_address_key
        .as_ref()
        .and_then(|key| addresses.remove(key))
        .map(|pending| pending.email);
    let login_request = if row.login_requested {
        let text = row.login_permissions.as_deref().unwrap_or("[]");
        Some(from_json("contacts.login_permissions", text)?)
    } else {
        None
    };
    Ok(Contact {
        id: parse("contacts.id", &row.id)?,
        profile: ContactProfile {
            display_name: checked("contacts.display_name", &row.display_name, DisplayName::parse)?,
            first_name: row.first_name.as_deref().map(name).transpose()?,
            last_name: row.last_name.as_deref().map(name).transpose()?,
            title: row
                .title
                .map(|title| checked("contacts.title", &title, JobTitle::parse))
                .transpose()?,
            language: parse("contacts.language", &row.language)?,
            phones,
        },
        address,
        pending_address,
        more_addresses: addresses,
        login_request,
        subscriptions,
        version: row.version,
        created_at: instant(row.created_at),
        updated_at: instant(row.updated_at),
    })
}

fn load_addresses(conn: &mut Conn, account: &str) -> Result<BTreeMap<String, BTreeMap<String, ContactAddress>>, Fault> {
    let rows = contact_addresses::table
        .filter(contact_addresses::account_id.eq(account))
        .select((
            contact_addresses::contact_id,
            contact_addresses::address_key,
            contact_addresses::address,
            contact_addresses::verified_at,
            contact_addresses::deliverability,
        ))
        .load::<(String, String, String, Option<NaiveDateTime>, Option<String>)>(conn)?;
    let mut addresses: BTreeMap<String, BTreeMap<String, ContactAddress>> = BTreeMap::new();
    for (contact, key, address, verified_at, deliverability) in rows {
        let email = checked("contact_addresses.address", &address, EmailAddress::parse)?;
        let address = ContactAddress {
            email,
            verified_at: verified_at.map(instant),
            deliverability: deliverability::read("contact_addresses.deliverability", deliverability.as_deref())?,
        };
        addresses.entry(contact).or_default().insert(key, address);
    }
    Ok(addresses)
}

fn load_phones(conn: &mut Conn, account: &str) -> Result<BTreeMap<String, Vec<Phone>>, Fault> {
    let rows = contact_phones::table
        .filter(contact_phones::account_id.eq(account))
        .order((contact_phones::contact_id, contact_phones::position))
        .select((contact_phones::contact_id, contact_phones::number, contact_phones::kind))
        .load::<(String, String, String)>(conn)?;
    let mut phones: BTreeMap<String, Vec<Phone>> = BTreeMap::new();
    for (contact, number, kind) in rows {
        let phone = Phone {
            number: checked("contact_phones.number", &number, PhoneNumber::stored)?,
            kind: named("contact_phones.kind", &kind, PhoneKind::from_name)?,
        };
        phones.entry(contact).or_default().push(phone);
    }
    Ok(phones)
}

fn load_subscriptions(conn: &mut Conn, account: &str) -> Result<BTreeMap<String, BTreeSet<CategoryKey>>, Fault> {
    let rows = contact_subscriptions::table
        .filter(contact_subscriptions::account_id.eq(account))
        .select((contact_subscriptions::contact_id, contact_subscriptions::category))
        .load::<(String, String)>(conn)?;
    let mut subscriptions: BTreeMap<String, BTreeSet<CategoryKey>> = BTreeMap::new();
    for (contact, category) in rows {
        let category = parse("contact_subscriptions.category", &category)?;
        subscriptions.entry(contact).or_default().insert(category);
    }
    Ok(subscriptions)
}

type Roles = (BTreeMap<RoleKey, BTreeSet<ContactId>>, BTreeMap<RoleKey, ContactId>);

fn load_roles(conn: &mut Conn, account: &str) -> Result<Roles, Fault> {
    let is_primary = role_primaries::account_id
        .eq(role_holders::account_id)
        .and(role_primaries::role.eq(role_holders::role))
        .and(role_primaries::contact_id.eq(role_holders::contact_id));
    let rows = role_holders::table
        .left_join(role_primaries::table.on(is_primary))
        .filter(role_holders::account_id.eq(account))
        .select((
            role_holders::role,
            role_holders::contact_id,
            role_primaries::contact_id.nullable().is_not_null(),
        ))
        .load::<(String, String, bool)>(conn)?;
    let (mut holders, mut primaries) = Roles::default();
    for (role, contact, is_primary) in rows {
        let role: RoleKey = parse("role_holders.role", &role)?;
        let contact = parse("role_holders.contact_id", &contact)?;
        if is_primary {
            primaries.insert(role.clone(), contact);
        }
        holders.entry(role).or_default().insert(contact);
    }
    Ok((holders, primaries))
}

fn load_members(conn: &mut Conn, account: &str, has: &Has) -> Result<BTreeMap<UserId, Membership>, Fault> {
    let rows: Vec<MemberRow> = memberships::table
        .filter(memberships::account_id.eq(account))
        .select(MemberRow::as_select())
        .load(conn)?;
    let mut subscriptions = if_any(has.member_subscriptions, || load_member_subscriptions(conn, account))?;
    let read = |row: MemberRow| {
        let member = Membership {
            user: parse("memberships.user_id", &row.user_id)?,
            contact: parse_maybe("memberships.contact_id", row.contact_id.as_deref())?,
            permissions: from_json("memberships.permissions", &row.permissions)?,
            status: named("memberships.status", &row.status, MemberStatus::from_name)?,
            expires_at: row.expires_at.map(instant),
            subscriptions: subscriptions.remove(&row.user_id).unwrap_or_default(),
            version: row.version,
            created_at: instant(row.created_at),
            updated_at: instant(row.updated_at),
        };
        Ok((member.user, member))
    };
    rows.into_iter().map(read).collect()
}

fn load_member_subscriptions(conn: &mut Conn, account: &str) -> Result<BTreeMap<String, BTreeSet<CategoryKey>>, Fault> {
    let rows = member_subscriptions::table
        .filter(member_subscriptions::account_id.eq(account))
        .select((member_subscriptions::user_id, member_subscriptions::category))
        .load::<(String, String)>(conn)?;
    let mut subscriptions: BTreeMap<String, BTreeSet<CategoryKey>> = BTreeMap::new();
    for (user, category) in rows {
        let category = parse("member_subscriptions.category", &category)?;
        subscriptions.entry(user).or_default().insert(category);
    }
    Ok(subscriptions)
}

fn load_verifications(conn: &mut Conn, account: &str) -> Result<BTreeMap<VerificationId, Verification>, Fault> {
    let rows = contact_verifications::table
        .filter(contact_verifications::account_id.eq(account))
        .filter(contact_verifications::used_at.is_null())
        .select((
            contact_verifications::id,
            contact_verifications::contact_id,
            contact_verifications::address_key,
            contact_verifications::created_at,
            contact_verifications::expires_at,
        ))
        .load::<(String, String, String, NaiveDateTime, NaiveDateTime)>(conn)?;
    let mut verifications = BTreeMap::new();
    for (id, contact, address_key, created_at, expires_at) in rows {
        let verification = Verification {
            id: parse("contact_verifications.id", &id)?,
            contact: parse("contact_verifications.contact_id", &contact)?,
            address_key,
            created_at: instant(created_at),
            expires_at: instant(expires_at),
        };
        verifications.insert(verification.id, verification);
    }
    Ok(verifications)
}

fn load_pending(conn: &mut Conn, account: &str) -> Result<Option<PendingTransfer>, Fault> {
    let row = ownership_transfers::table
        .filter(ownership_transfers::account_id.eq(account))
        .filter(IsPending::new(ownership_transfers::status))
        .select(TransferRow::as_select())
        .first(conn)
        .optional()?;
    row.map(|row| read_transfer(&row).map(|transfer| transfer.request))
        .transpose()
}

fn read_transfer(row: &TransferRow) -> Result<Transfer, Fault> {
    let request = PendingTransfer {
        id: parse("ownership_transfers.id", &row.id)?,
        from: parse("ownership_transfers.from_contact_id", &row.from_contact_id)?,
        to: parse("ownership_transfers.to_contact_id", &row.to_contact_id)?,
        created_at: instant(row.created_at),
        expires_at: instant(row.expires_at),
    };
    let ended = match (row.status.as_str(), row.ended_at) {
        ("pending", _) => None,
        (status, Some(at)) => Some((
            named("ownership_transfers.status", status, TransferOutcome::from_name)?,
            instant(at),
        )),
        (_, None) => {
            return Err(Fault::stored(
                "ownership_transfers.ended_at",
                "an ended transfer has no end",
            ));
        }
    };
    Ok(Transfer {
        request,
        ended,
        version: row.version,
    })
}
