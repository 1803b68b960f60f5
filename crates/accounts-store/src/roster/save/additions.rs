//! Saves contacts that come in and roles that are given: those of a table are a thousand, and go by few statements.

use std::collections::BTreeSet;

use accounts_domain::address::EmailAddress;
use accounts_domain::catalog::Holders;
use accounts_domain::ids::ContactId;
use accounts_domain::keys::{CategoryKey, RoleKey};
use accounts_domain::names::{JobTitle, PersonName, sort_key};
use accounts_domain::phone::Phone;
use accounts_domain::roster::Contact;
use chrono::{DateTime, Utc};
use diesel::prelude::*;

use super::{Saving, permissions_json};
use crate::backend::insert_all;
use crate::error::Fault;
use crate::rows::stored;
use crate::schema::{contact_addresses, contact_phones, contact_subscriptions, contacts, role_holders};

/// What has been added and is not written yet. Contacts are written before the roles that they are given; nothing else
/// of a decision is written before both.
#[derive(Default)]
pub(super) struct Additions<'a> {
    pub(super) contacts: Vec<&'a Contact>,
    pub(super) roles: Vec<(&'a RoleKey, ContactId)>,
}

impl Saving<'_> {
    pub(super) fn write_additions(&mut self) -> Result<(), Fault> {
        let Additions { contacts, roles } = std::mem::take(&mut self.additions);
        self.insert_contacts(&contacts)?;
        self.insert_holders(&roles)
    }

    fn insert_contacts(&mut self, added: &[&Contact]) -> Result<(), Fault> {
        let rows = added
            .iter()
            .map(|contact| {
                let profile = &contact.profile;
                let permissions = contact.login_request.as_ref().map(permissions_json).transpose()?;
                Ok((
                    contacts::account_id.eq(&self.account),
                    contacts::id.eq(contact.id.to_string()),
                    contacts::display_name.eq(profile.display_name.as_str()),
                    contacts::first_name.eq(profile.first_name.as_ref().map(PersonName::as_str)),
                    contacts::last_name.eq(profile.last_name.as_ref().map(PersonName::as_str)),
                    contacts::title.eq(profile.title.as_ref().map(JobTitle::as_str)),
                    contacts::language.eq(profile.language.as_str()),
                    contacts::sort_key.eq(sort_key(profile.display_name.as_str())),
                    contacts::address_key.eq(contact.address.email.key()),
                    contacts::verified.eq(contact.is_verified()),
                    contacts::login_requested.eq(contact.login_request.is_some()),
                    contacts::login_permissions.eq(permissions),
                    contacts::version.eq(contact.version),
                    contacts::created_at.eq(stored(contact.created_at)),
                    contacts::updated_at.eq(stored(contact.updated_at)),
                ))
            })
            .collect::<Result<Vec<_>, Fault>>()?;
        insert_all!(self.conn, contacts::table, &rows)?;
        self.insert_addresses(added.iter().flat_map(|contact| {
            std::iter::once(&contact.address)
                .chain(contact.more_addresses.values())
                .map(|address| (contact.id, &address.email, address.verified_at))
        }))?;
        self.insert_phones(added.iter().map(|contact| (contact.id, &contact.profile.phones[..])))?;
        self.insert_subscriptions(added.iter().map(|contact| (contact.id, &contact.subscriptions)))
    }

    fn insert_holders(&mut self, given: &[(&RoleKey, ContactId)]) -> Result<(), Fault> {
        let rows: Vec<_> = given
            .iter()
            .map(|(role, contact)| {
                let policy = self.before.catalog().role(role);
                let sole = policy.is_some_and(|policy| policy.holders == Holders::One);
                let verified = policy.is_some_and(|policy| policy.verified_only).then_some(true);
                (
                    role_holders::account_id.eq(&self.account),
                    role_holders::role.eq(role.as_str()),
                    role_holders::contact_id.eq(contact.to_string()),
                    role_holders::sole.eq(sole),
                    role_holders::verified.eq(verified),
                )
            })
            .collect();
        insert_all!(self.conn, role_holders::table, &rows)?;
        Ok(())
    }

    pub(super) fn insert_addresses<'a>(
        &mut self,
        added: impl IntoIterator<Item = (ContactId, &'a EmailAddress, Option<DateTime<Utc>>)>,
    ) -> Result<(), Fault> {
        let rows: Vec<_> = added
            .into_iter()
            .map(|(contact, address, verified_at)| {
                (
                    contact_addresses::account_id.eq(&self.account),
                    contact_addresses::contact_id.eq(contact.to_string()),
                    contact_addresses::address_key.eq(address.key()),
                    contact_addresses::address.eq(address.as_str()),
                    contact_addresses::verified.eq(verified_at.is_some()),
                    contact_addresses::verified_at.eq(verified_at.map(stored)),
                    contact_addresses::created_at.eq(stored(self.at)),
                )
            })
            .collect();
        insert_all!(self.conn, contact_addresses::table, &rows)?;
        Ok(())
    }

    pub(super) fn insert_phones<'a>(
        &mut self,
        added: impl IntoIterator<Item = (ContactId, &'a [Phone])>,
    ) -> Result<(), Fault> {
        let rows: Vec<_> = added
            .into_iter()
            .flat_map(|(contact, phones)| {
                (0_i32..)
                    .zip(phones)
                    .map(move |(position, phone)| (contact, position, phone))
            })
            .map(|(contact, position, phone)| {
                (
                    contact_phones::account_id.eq(&self.account),
                    contact_phones::contact_id.eq(contact.to_string()),
                    contact_phones::position.eq(position),
                    contact_phones::number.eq(phone.number.as_str()),
                    contact_phones::kind.eq(phone.kind.as_str()),
                )
            })
            .collect();
        insert_all!(self.conn, contact_phones::table, &rows)?;
        Ok(())
    }

    pub(super) fn insert_subscriptions<'a>(
        &mut self,
        added: impl IntoIterator<Item = (ContactId, &'a BTreeSet<CategoryKey>)>,
    ) -> Result<(), Fault> {
        let rows: Vec<_> = added
            .into_iter()
            .flat_map(|(contact, categories)| categories.iter().map(move |category| (contact, category)))
            .map(|(contact, category)| {
                (
                    contact_subscriptions::account_id.eq(&self.account),
                    contact_subscriptions::contact_id.eq(contact.to_string()),
                    contact_subscriptions::category.eq(category.as_str()),
                )
            })
            .collect();
        insert_all!(self.conn, contact_subscriptions::table, &rows)?;
        Ok(())
    }
}
