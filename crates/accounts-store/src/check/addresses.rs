//! Addresses: each is kept under the form in which it is compared. SQL cannot tell, since the two databases fold
//! case differently (security decision D5), so the addresses are read here, page by page.

use std::collections::BTreeSet;

use accounts_domain::address::EmailAddress;
use diesel::prelude::*;

use super::Finding;
use crate::backend::Conn;
use crate::error::Fault;
use crate::schema::{contact_addresses, email_changes, operators, users};

const PAGE: i64 = 2_000;

pub(super) fn find(conn: &mut Conn) -> Result<Vec<Finding>, Fault> {
    let mut findings = find_of_contacts(conn)?;
    findings.extend(find_of_users(conn)?);
    findings.extend(find_of_email_changes(conn)?);
    findings.extend(find_of_operators(conn)?);
    Ok(findings)
}

/// The form in which an address is compared; that of what is no address is nothing that a row could have.
fn key(address: &str) -> Option<String> {
    EmailAddress::parse(address)
        .ok()
        .filter(|parsed| parsed.as_str() == address)
        .map(|parsed| parsed.key().to_owned())
}

fn find_of_contacts(conn: &mut Conn) -> Result<Vec<Finding>, Fault> {
    let (mut misfits, mut doubles) = (BTreeSet::new(), BTreeSet::new());
    let mut account = String::new();
    let mut seen = BTreeSet::new();
    let mut last: Option<(String, String)> = None;
    loop {
        let mut query = contact_addresses::table.into_boxed();
        if let Some((account, address)) = &last {
            let later = contact_addresses::account_id
                .eq(account)
                .and(contact_addresses::address_key.gt(address));
            query = query.filter(contact_addresses::account_id.gt(account).or(later));
        }
        let page = query
            .order((contact_addresses::account_id, contact_addresses::address_key))
            .limit(PAGE)
            .select((
                contact_addresses::account_id,
                contact_addresses::address_key,
                contact_addresses::contact_id,
                contact_addresses::address,
            ))
            .load::<(String, String, String, String)>(conn)?;
        let Some((of, at, ..)) = page.last() else { break };
        let next = (of.clone(), at.clone());
        for (of, stored, contact, address) in page {
            if of != account {
                seen.clear();
                account = of;
            }
            let key = key(&address);
            if key.as_ref() != Some(&stored) {
                misfits.insert(contact.clone());
            }
            if !seen.insert(key.unwrap_or(stored)) {
                doubles.insert(contact);
            }
        }
        last = Some(next);
    }
    let misfits = Finding::about(
        "address-not-normalised",
        "A contact has an address under another key than its own.",
        misfits,
    );
    let doubles = Finding::about(
        "address-not-unique",
        "A contact has an address that another entry of the account has.",
        doubles,
    );
    Ok(misfits.into_iter().chain(doubles).collect())
}

fn find_of_users(conn: &mut Conn) -> Result<Option<Finding>, Fault> {
    let mut misfits = BTreeSet::new();
    let mut last = String::new();
    loop {
        let page = users::table
            .filter(users::id.gt(&last))
            .order(users::id)
            .limit(PAGE)
            .select((users::id, users::address, users::address_key))
            .load::<(String, String, String)>(conn)?;
        let Some((id, ..)) = page.last() else { break };
        last.clone_from(id);
        let misfit = |(_, address, stored): &(String, String, String)| key(address).as_ref() != Some(stored);
        misfits.extend(page.into_iter().filter(misfit).map(|(id, ..)| id));
    }
    Ok(Finding::about(
        "user-address-not-normalised",
        "A user has an address under another key than its own.",
        misfits,
    ))
}

fn find_of_email_changes(conn: &mut Conn) -> Result<Option<Finding>, Fault> {
    let mut misfits = BTreeSet::new();
    let mut last = String::new();
    loop {
        let page = email_changes::table
            .filter(email_changes::id.gt(&last))
            .order(email_changes::id)
            .limit(PAGE)
            .select((
                email_changes::id,
                (email_changes::from_address, email_changes::from_address_key),
                (email_changes::address, email_changes::address_key),
            ))
            .load::<(String, (String, String), (String, String))>(conn)?;
        let Some((id, ..)) = page.last() else { break };
        last.clone_from(id);
        let misfit = |(address, stored): &(String, String)| key(address).as_ref() != Some(stored);
        let wrong = page.into_iter().filter(|(_, from, to)| misfit(from) || misfit(to));
        misfits.extend(wrong.map(|(id, ..)| id));
    }
    Ok(Finding::about(
        "email-change-not-normalised",
        "A change of a user's address has one under another key than its own.",
        misfits,
    ))
}

/// There are never many of them.
fn find_of_operators(conn: &mut Conn) -> Result<Option<Finding>, Fault> {
    let rows = operators::table
        .select((operators::id, operators::address, operators::address_key))
        .load::<(String, String, String)>(conn)?;
    let misfits = rows
        .into_iter()
        .filter(|(_, address, stored)| key(address).as_ref() != Some(stored));
    let misfits = misfits.map(|(id, ..)| id).collect();
    Ok(Finding::about(
        "operator-address-not-normalised",
        "An operator has an address under another key than its own.",
        misfits,
    ))
}
