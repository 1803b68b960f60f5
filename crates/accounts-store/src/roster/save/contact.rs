//! Saves what changes of a contact.

use std::collections::BTreeSet;

use accounts_domain::address::EmailAddress;
use accounts_domain::deliverability::Deliverability;
use accounts_domain::ids::ContactId;
use accounts_domain::names::{JobTitle, PersonName, sort_key};
use accounts_domain::roster::{Contact, ContactProfile, Verification};
use chrono::{DateTime, Utc};
use diesel::dsl::exists;
use diesel::prelude::*;

use super::Saving;
use crate::audit::forget_values;
use crate::deliverability;
use crate::error::Fault;
use crate::idempotency;
use crate::mails::naming::{Known, forget_naming_to, members_of};
use crate::notifications::successors::{go_on, waits};
use crate::reviews;
use crate::rows::stored;
use crate::schema::{
    contact_addresses, contact_phones, contact_subscriptions, contact_verifications, contacts, mails, memberships,
    users,
};
use crate::webhooks::deliveries;

impl Saving<'_> {
    pub(super) fn change_contact(&mut self, id: ContactId, profile: &ContactProfile) -> Result<(), Fault> {
        diesel::update(contacts::table.filter(contacts::id.eq(id.to_string())))
            .set((
                contacts::display_name.eq(profile.display_name.as_str()),
                contacts::first_name.eq(profile.first_name.as_ref().map(PersonName::as_str)),
                contacts::last_name.eq(profile.last_name.as_ref().map(PersonName::as_str)),
                contacts::title.eq(profile.title.as_ref().map(JobTitle::as_str)),
                contacts::language.eq(profile.language.as_str()),
                contacts::sort_key.eq(sort_key(profile.display_name.as_str())),
            ))
            .execute(self.conn)?;
        self.delete_phones(id)?;
        self.insert_phones([(id, &profile.phones[..])])
    }

    pub(super) fn remove_contact(&mut self, id: ContactId) -> Result<(), Fault> {
        self.delete_subscriptions(id)?;
        self.delete_phones(id)?;
        let key = id.to_string();
        let links = contact_verifications::table
            .filter(contact_verifications::account_id.eq(&self.account))
            .filter(contact_verifications::contact_id.eq(&key));
        diesel::delete(links).execute(self.conn)?;
        let addresses = contact_addresses::table
            .filter(contact_addresses::account_id.eq(&self.account))
            .filter(contact_addresses::contact_id.eq(&key));
        diesel::delete(addresses).execute(self.conn)?;
        diesel::delete(contacts::table.filter(contacts::id.eq(&key))).execute(self.conn)?;
        Ok(())
    }

    /// What was personal in the record goes with the contact: the values of its events, the mails to it, and the
    /// answers that were kept for a repeat.
    pub(super) fn erase_contact(&mut self, id: ContactId) -> Result<(), Fault> {
        let known = self.known_as(id)?;
        forget_values(self.conn, "contact", [&id.to_string()])?;
        self.erase_mails(id, &known)?;
        deliveries::forget_answers(self.conn, [self.account.clone()], None)?;
        self.erase_invitations(id, &known.keys())?;
        let traces: Vec<String> = known.addresses.into_iter().chain([id.to_string()]).collect();
        idempotency::forget(self.conn, &self.account, &traces)?;
        reviews::forget_notes(self.conn, &self.account, id)?;
        self.remove_contact(id)
    }

    /// By what a contact is known, and was: less former addresses that other contacts and members have by now, who are not
    /// erased with it.
    fn known_as(&mut self, id: ContactId) -> Result<Known, Fault> {
        let mut known = Known::recorded(self.conn, "contact", &id.to_string())?;
        let others = self.before.contacts().filter(|other| other.id != id);
        let mut held: BTreeSet<String> = others
            .flat_map(Contact::addresses)
            .map(|address| address.key().to_owned())
            .collect();
        held.extend(members_of(self.conn, &[&self.account])?);
        known
            .addresses
            .retain(|text| EmailAddress::parse(text).is_ok_and(|address| !held.contains(address.key())));
        if let Ok(contact) = self.before.contact(id) {
            known.names.insert(contact.profile.display_name.to_string());
            known.addresses.extend(contact.addresses().map(ToString::to_string));
        }
        Ok(known)
    }

    /// The mails to the contact, and its name in those to other contacts.
    fn erase_mails(&mut self, id: ContactId, known: &Known) -> Result<(), Fault> {
        let to_contact = || mails::table.filter(mails::contact_id.eq(id.to_string()));
        // A notice that went to a member as well, who is another, is the member's: it says who was told.
        let others = memberships::table
            .inner_join(users::table)
            .filter(memberships::account_id.eq(&self.account))
            .filter(memberships::user_id.nullable().eq(mails::user_id))
            .filter(
                memberships::contact_id
                    .is_null()
                    .or(memberships::contact_id.ne(id.to_string())),
            )
            .filter(users::address_key.eq(mails::address_key));
        diesel::update(
            to_contact()
                .filter(mails::notification_id.is_not_null())
                .filter(exists(others)),
        )
        .set(mails::contact_id.eq(None::<String>))
        .execute(self.conn)?;
        let cut = to_contact()
            .filter(waits())
            .select(mails::notification_id)
            .load(self.conn)?;
        go_on(self.conn, cut, self.at)?;
        diesel::delete(to_contact()).execute(self.conn)?;
        let others: Vec<String> = self.before.contacts().map(|other| other.id.to_string()).collect();
        forget_naming_to(self.conn, &others, known)
    }

    /// The links to the address go with it: they stay dead should the contact get the address back.
    pub(super) fn delete_address(&mut self, contact: ContactId, key: &str) -> Result<(), Fault> {
        let address = contact_addresses::table
            .filter(contact_addresses::account_id.eq(&self.account))
            .filter(contact_addresses::address_key.eq(key));
        diesel::delete(address).execute(self.conn)?;
        let links = contact_verifications::table
            .filter(contact_verifications::account_id.eq(&self.account))
            .filter(contact_verifications::contact_id.eq(contact.to_string()))
            .filter(contact_verifications::address_key.eq(key))
            .filter(contact_verifications::used_at.is_null());
        diesel::delete(links).execute(self.conn)?;
        Ok(())
    }

    pub(super) fn set_pending(&mut self, contact: ContactId, key: Option<&str>) -> Result<(), Fault> {
        diesel::update(contacts::table.filter(contacts::id.eq(contact.to_string())))
            .set(contacts::pending_address_key.eq(key))
            .execute(self.conn)?;
        Ok(())
    }

    pub(super) fn replace_address(&mut self, id: ContactId, address: &EmailAddress) -> Result<(), Fault> {
        let old = self
            .before
            .contact(id)
            .ok()
            .map(|contact| contact.address.email.key().to_owned());
        self.insert_addresses([(id, address, None)])?;
        diesel::update(contacts::table.filter(contacts::id.eq(id.to_string())))
            .set(contacts::address_key.eq(address.key()))
            .execute(self.conn)?;
        old.map_or(Ok(()), |old| self.delete_address(id, &old))
    }

    pub(super) fn propose_address(&mut self, id: ContactId, address: &EmailAddress) -> Result<(), Fault> {
        let waiting = self
            .before
            .contact(id)
            .ok()
            .and_then(|contact| contact.pending_address.clone());
        self.insert_addresses([(id, address, None)])?;
        self.set_pending(id, Some(address.key()))?;
        waiting.map_or(Ok(()), |waiting| self.delete_address(id, waiting.key()))
    }

    pub(super) fn note_delivery(&mut self, address: &EmailAddress, known: Deliverability) -> Result<(), Fault> {
        let row = contact_addresses::table
            .filter(contact_addresses::account_id.eq(&self.account))
            .filter(contact_addresses::address_key.eq(address.key()));
        diesel::update(row)
            .set(contact_addresses::deliverability.eq(deliverability::kept(known)))
            .execute(self.conn)?;
        Ok(())
    }

    pub(super) fn verify_address(
        &mut self,
        id: ContactId,
        address: &EmailAddress,
        at: DateTime<Utc>,
    ) -> Result<(), Fault> {
        let key = address.key();
        let row = contact_addresses::table
            .filter(contact_addresses::account_id.eq(&self.account))
            .filter(contact_addresses::address_key.eq(key));
        diesel::update(row)
            .set((
                contact_addresses::verified.eq(true),
                contact_addresses::verified_at.eq(stored(at)),
                contact_addresses::deliverability.eq(None::<String>),
            ))
            .execute(self.conn)?;
        let links = contact_verifications::table
            .filter(contact_verifications::account_id.eq(&self.account))
            .filter(contact_verifications::contact_id.eq(id.to_string()))
            .filter(contact_verifications::address_key.eq(key))
            .filter(contact_verifications::used_at.is_null());
        diesel::update(links)
            .set(contact_verifications::used_at.eq(stored(at)))
            .execute(self.conn)?;
        let Ok(contact) = self.before.contact(id) else {
            return Ok(());
        };
        let row = contacts::table.filter(contacts::id.eq(id.to_string()));
        if contact
            .pending_address
            .as_ref()
            .is_some_and(|pending| pending.key() == key)
        {
            diesel::update(row)
                .set((
                    contacts::address_key.eq(key),
                    contacts::verified.eq(true),
                    contacts::pending_address_key.eq(None::<String>),
                ))
                .execute(self.conn)?;
            self.delete_address(id, contact.address.email.key())
        } else if contact.address.email.key() == key {
            diesel::update(row)
                .set(contacts::verified.eq(true))
                .execute(self.conn)?;
            self.confirm_owner(id)
        } else {
            Ok(())
        }
    }

    pub(super) fn insert_verification(&mut self, verification: &Verification) -> Result<(), Fault> {
        diesel::insert_into(contact_verifications::table)
            .values((
                contact_verifications::id.eq(verification.id.to_string()),
                contact_verifications::account_id.eq(&self.account),
                contact_verifications::contact_id.eq(verification.contact.to_string()),
                contact_verifications::address_key.eq(&verification.address_key),
                contact_verifications::created_at.eq(stored(verification.created_at)),
                contact_verifications::expires_at.eq(stored(verification.expires_at)),
            ))
            .execute(self.conn)?;
        Ok(())
    }

    fn delete_phones(&mut self, contact: ContactId) -> Result<(), Fault> {
        let phones = contact_phones::table
            .filter(contact_phones::account_id.eq(&self.account))
            .filter(contact_phones::contact_id.eq(contact.to_string()));
        diesel::delete(phones).execute(self.conn)?;
        Ok(())
    }

    pub(super) fn delete_subscriptions(&mut self, contact: ContactId) -> Result<(), Fault> {
        let rows = contact_subscriptions::table
            .filter(contact_subscriptions::account_id.eq(&self.account))
            .filter(contact_subscriptions::contact_id.eq(contact.to_string()));
        diesel::delete(rows).execute(self.conn)?;
        Ok(())
    }
}
