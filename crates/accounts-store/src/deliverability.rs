//! What a mailer reports of an address, noted wherever somebody is reached by it.

use accounts_domain::address::EmailAddress;
use accounts_domain::deliverability::{Deliverability, DeliveryReport};
use accounts_domain::ids::{AccountId, ContactId, UserId};
use accounts_domain::roster::Roster;
use accounts_domain::users::Person;
use diesel::prelude::*;

use crate::backend::Conn;
use crate::error::{Fault, StoreError};
use crate::rows::{named, parse};
use crate::schema::contact_addresses;
use crate::store::{Act, DecideError, Kept, Store};

/// Who is reached by an address, and whether mail to it arrives.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reached {
    /// The contacts whose main address or one of whose more addresses it is, by account.
    pub contacts: Vec<(AccountId, ContactId, Deliverability)>,
    /// Who logs in with it.
    pub user: Option<(UserId, Deliverability)>,
}

impl Store {
    /// Notes what was reported of an address, in each account where a contact has it and with the user who logs in with
    /// it, one after the other. Whoever repeats it after a failure finds noted what was, and the rest is noted then.
    ///
    /// # Errors
    /// [`DecideError`].
    pub async fn note_delivery(
        &self,
        address: &EmailAddress,
        report: DeliveryReport,
        act: &Act,
    ) -> Result<Reached, DecideError> {
        let mut reached = Reached::default();
        for (account, contact, known) in self.contacts_with_address(address).await? {
            // An address in thousands of accounts of which nothing new is reported costs one query.
            if known.after(report) == known {
                reached.contacts.push((account, contact, known));
                continue;
            }
            let of = address.clone();
            let note = move |roster: &Roster| Ok(roster.note_delivery(&of, report));
            match self.decide(account, act, note, |_| Kept::nothing()).await {
                Ok(decision) => reached.contacts.extend(known_in(&decision.after, address)),
                // The account went while the others were told.
                Err(DecideError::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        let user = self.user_by_address(address.key().to_owned()).await?;
        if let Some(user) = user {
            if user.deliverability.after(report) == user.deliverability {
                reached.user = Some((user.id, user.deliverability));
                return Ok(reached);
            }
            let of = address.clone();
            let note = move |person: &Person| Ok(person.note_delivery(&of, report));
            let noted = self.decide_user(user.id, act, note, |_| Kept::nothing()).await;
            match noted.map(|decision| decision.after) {
                Ok(user) if user.address.key() == address.key() => reached.user = Some((user.id, user.deliverability)),
                Ok(_) | Err(DecideError::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(reached)
    }

    async fn contacts_with_address(
        &self,
        address: &EmailAddress,
    ) -> Result<Vec<(AccountId, ContactId, Deliverability)>, StoreError> {
        const COLUMN: &str = "contact_addresses.deliverability";
        let key = address.key().to_owned();
        let work = move |conn: &mut Conn| {
            let rows: Vec<(String, String, Option<String>)> = contact_addresses::table
                .filter(contact_addresses::address_key.eq(&key))
                .select((
                    contact_addresses::account_id,
                    contact_addresses::contact_id,
                    contact_addresses::deliverability,
                ))
                .order(contact_addresses::account_id)
                .load(conn)?;
            let place = |(account, contact, known): (String, String, Option<String>)| {
                Ok((
                    parse("contact_addresses.account_id", &account)?,
                    parse("contact_addresses.contact_id", &contact)?,
                    read(COLUMN, known.as_deref())?,
                ))
            };
            rows.into_iter().map(place).collect()
        };
        self.lanes.read_consistent(work).await
    }
}

fn known_in(roster: &Roster, address: &EmailAddress) -> Option<(AccountId, ContactId, Deliverability)> {
    roster.contacts().find_map(|contact| {
        let known = contact.address_of(address.key())?;
        Some((roster.account().id, contact.id, known.deliverability))
    })
}

/// What a row says of it: nothing where nothing was reported.
pub(crate) fn read(column: &'static str, text: Option<&str>) -> Result<Deliverability, Fault> {
    text.map_or(Ok(Deliverability::Unknown), |text| {
        named(column, text, Deliverability::from_name)
    })
}

/// What a row keeps of it.
pub(crate) fn kept(known: Deliverability) -> Option<&'static str> {
    Some(known)
        .filter(|known| *known != Deliverability::Unknown)
        .map(Deliverability::as_str)
}
