//! Notices whose mails go with the person they were for: they go on to whoever is to be told then.

use std::collections::BTreeSet;

use accounts_domain::address::EmailAddress;
use accounts_domain::names::DisplayName;
use accounts_domain::notifications::{Part, Told};
use accounts_domain::recipients::Recipient;
use chrono::{DateTime, Utc};
use diesel::prelude::*;

use crate::backend::Conn;
use crate::error::Fault;
use crate::mails::insert_told;
use crate::rows::{checked, parse};
use crate::schema::{contact_addresses, contacts, mails, notifications, owners};

/// A mail of a notice that is neither sent nor given up.
#[diesel::dsl::auto_type]
pub(crate) fn waits() -> _ {
    mails::notification_id
        .is_not_null()
        .and(mails::sent_at.is_null())
        .and(mails::failed_at.is_null())
}

/// Lets notices go on of which waiting mails are about to be deleted. To whom a notice goes is worked out when one of its
/// mails is sent, and so a mail to the owner takes their place: it is readdressed then, or withdrawn, and whoever is to be
/// told now is.
pub(crate) fn go_on(conn: &mut Conn, cut: Vec<Option<String>>, at: DateTime<Utc>) -> Result<(), Fault> {
    let cut: BTreeSet<String> = cut.into_iter().flatten().collect();
    for id in cut {
        let account: String = notifications::table
            .filter(notifications::id.eq(&id))
            .select(notifications::account_id)
            .first(conn)?;
        let owner = owner_of(conn, &account)?;
        insert_told(conn, parse("notifications.id", &id)?, &[owner], at)?;
    }
    Ok(())
}

/// The owner of an account as a recipient for no reason.
fn owner_of(conn: &mut Conn, account: &str) -> Result<Told, Fault> {
    let (contact, name, language, key): (String, String, String, String) = owners::table
        .inner_join(contacts::table)
        .filter(owners::account_id.eq(account))
        .select((
            contacts::id,
            contacts::display_name,
            contacts::language,
            contacts::address_key,
        ))
        .first(conn)?;
    let address: String = contact_addresses::table
        .filter(contact_addresses::account_id.eq(account))
        .filter(contact_addresses::address_key.eq(key))
        .select(contact_addresses::address)
        .first(conn)?;
    let recipient = Recipient {
        contact: Some(parse("contacts.id", &contact)?),
        user: None,
        display_name: checked("contacts.display_name", &name, DisplayName::parse)?,
        address: checked("contact_addresses.address", &address, EmailAddress::parse)?,
        language: parse("contacts.language", &language)?,
        grounds: BTreeSet::new(),
    };
    Ok(Told {
        recipient,
        part: Part::To,
    })
}
