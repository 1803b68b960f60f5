//! Contacts: added, changed, removed.

use std::collections::{BTreeMap, BTreeSet};

use crate::actor::{Actor, By};
use crate::address::EmailAddress;
use crate::catalog::{ContactField, ContactLogin, ProfileEditedBy};
use crate::change::Change;
use crate::ids::ContactId;
use crate::keys::{CategoryKey, RoleKey};
use crate::language::Language;
use crate::names::{DisplayName, JobTitle, PersonName};
use crate::operators::require_own_hand;
use crate::permission::{Permissions, ServicePermission};
use crate::phone::Phone;
use crate::roster::{Contact, ContactAddress, ContactProfile, Membership, Roster};
use crate::violation::Violation;

/// A new contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateContact {
    /// Its id.
    pub id: ContactId,
    /// Names, language, telephones.
    pub profile: ContactProfile,
    /// The main address.
    pub address: EmailAddress,
    /// More addresses.
    pub more_addresses: Vec<EmailAddress>,
    /// Roles that it holds from the start (L-06).
    pub roles: BTreeSet<RoleKey>,
    /// The permissions of the log-in that it is to get once it is verified (L-08, L-10).
    pub login: Option<Permissions>,
    /// Categories that it wishes to receive (U-22).
    pub subscriptions: BTreeSet<CategoryKey>,
}

/// What is to change of a contact; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContactPatch {
    /// How the contact is called.
    pub display_name: Option<DisplayName>,
    /// The first name, or none.
    pub first_name: Option<Option<PersonName>>,
    /// The last name, or none.
    pub last_name: Option<Option<PersonName>>,
    /// The position, or none.
    pub title: Option<Option<JobTitle>>,
    /// The language of mails.
    pub language: Option<Language>,
    /// All telephone numbers.
    pub phones: Option<Vec<Phone>>,
    /// The main address.
    pub address: Option<EmailAddress>,
    /// All the more addresses.
    pub more_addresses: Option<Vec<EmailAddress>>,
}

impl ContactPatch {
    fn edits_addresses(&self, contact: &Contact) -> bool {
        let main =
            |address: &EmailAddress| address.key() != contact.address.email.key() || contact.pending_address.is_some();
        let more = |addresses: &Vec<EmailAddress>| {
            let keys: BTreeSet<&str> = addresses.iter().map(EmailAddress::key).collect();
            !keys.into_iter().eq(contact.more_addresses.keys().map(String::as_str))
        };
        self.address.as_ref().is_some_and(main) || self.more_addresses.as_ref().is_some_and(more)
    }
}

impl Roster {
    /// Adds a contact, unverified; no mail is sent (M-44 to M-47).
    ///
    /// # Errors
    /// Refused at the limit (M-07), for an address that the account has already, for missing fields, for roles
    /// that cannot be given so, and for permissions that the actor does not have.
    pub fn create_contact(&self, by: By, command: &CreateContact) -> Result<Vec<Change>, Violation> {
        self.require(by, ServicePermission::ContactsManage)?;
        if !command.roles.is_empty() {
            self.require(by, ServicePermission::RolesManage)?;
        }
        if command.login.is_some() {
            self.require(by, ServicePermission::MembersManage)?;
        }
        self.require_fields(&command.profile, !command.roles.is_empty())?;
        require_few(&command.more_addresses)?;
        self.require_known(&command.subscriptions)?;
        for role in &command.roles {
            self.role(role)?;
        }
        if let Some(permissions) = &command.login {
            self.require_grantable(by, permissions)?;
        }
        self.require_active()?;
        self.require_room()?;
        require_distinct(&command.address, &command.more_addresses)?;
        for address in std::iter::once(&command.address).chain(&command.more_addresses) {
            self.require_free(address)?;
        }
        for role in &command.roles {
            self.require_givable(role, false)?;
        }
        if command.login.is_some() {
            self.require_login_offered()?;
        }
        let unverified = |email: &EmailAddress| ContactAddress::unproven(email.clone());
        let contact = Contact {
            id: command.id,
            profile: command.profile.clone(),
            address: unverified(&command.address),
            pending_address: None,
            more_addresses: command
                .more_addresses
                .iter()
                .map(|email| (email.key().to_owned(), unverified(email)))
                .collect(),
            login_request: command.login.clone(),
            subscriptions: command.subscriptions.clone(),
            version: 1,
            created_at: by.at,
            updated_at: by.at,
        };
        let mut changes = vec![Change::ContactAdded {
            contact: Box::new(contact),
        }];
        changes.extend(command.roles.iter().map(|role| Change::RoleGiven {
            role: role.clone(),
            contact: command.id,
        }));
        Ok(changes)
    }

    /// Changes what a contact says about itself. A verified main address stays in force until the new one is
    /// verified; a patch that says what is already so changes nothing.
    ///
    /// # Errors
    /// Who may edit a contact with a log-in, the catalog says (M-39). Required fields that are filled stay so.
    /// Where a log-in waits for the address, only who could give that log-in puts another in its place.
    pub fn change_contact(&self, by: By, id: ContactId, patch: &ContactPatch) -> Result<Vec<Change>, Violation> {
        let contact = self.require_editor(by, id, patch)?;
        let profile = merged(&contact.profile, patch);
        self.require_kept(&contact.profile, &profile)?;
        require_few(patch.more_addresses.as_deref().unwrap_or_default())?;
        self.require_active()?;
        let mut changes = Vec::new();
        if profile != contact.profile {
            changes.push(Change::ContactChanged {
                contact: id,
                profile: Box::new(profile),
            });
        }
        if let Some(address) = &patch.address {
            changes.extend(self.change_address(by, contact, address)?);
        }
        if let Some(addresses) = &patch.more_addresses {
            changes.extend(self.change_more_addresses(contact, patch.address.as_ref(), addresses)?);
        }
        Ok(changes)
    }

    /// Sets the categories that a contact wishes to receive beyond those of its roles (U-22, U-23). Whoever manages contacts
    /// gives any of them; a person adds to its own those that it may see (K-19).
    ///
    /// # Errors
    /// Refused for a category that the catalog does not know, and for one whose permission the person lacks.
    pub fn subscribe(
        &self,
        by: By,
        id: ContactId,
        categories: &BTreeSet<CategoryKey>,
    ) -> Result<Vec<Change>, Violation> {
        if !self.is_self(by, id) {
            self.require(by, ServicePermission::ContactsManage)?;
        }
        let contact = self.contact(id)?;
        self.require_known(categories)?;
        if self.require(by, ServicePermission::ContactsManage).is_err() {
            self.require_seen(by, categories.difference(&contact.subscriptions))?;
        }
        self.require_active()?;
        if contact.subscriptions == *categories {
            return Ok(Vec::new());
        }
        Ok(vec![Change::SubscriptionsChanged {
            contact: id,
            categories: categories.clone(),
        }])
    }

    /// Refuses categories whose permission the actor lacks.
    fn require_seen<'a>(&self, by: By, wished: impl Iterator<Item = &'a CategoryKey>) -> Result<(), Violation> {
        let rights = self.rights_of(by).ok_or(Violation::NotFound)?;
        let mut needed = wished.filter_map(|key| self.catalog().category(key)?.permission.as_ref());
        match needed.find(|permission| !rights.contains(permission)) {
            Some(missing) => Err(Violation::Forbidden {
                permission: missing.clone(),
            }),
            None => Ok(()),
        }
    }

    /// Removes one of a contact's more addresses, or the one that waits for its verification.
    ///
    /// # Errors
    /// The main address is in use.
    pub fn remove_address(&self, by: By, id: ContactId, key: &str) -> Result<Vec<Change>, Violation> {
        self.require(by, ServicePermission::ContactsManage)?;
        let contact = self.contact(id)?;
        self.require_active()?;
        if contact.address.email.key() == key {
            return Err(Violation::AddressInUse);
        }
        if let Some(address) = contact.pending_address.as_ref().filter(|address| address.key() == key) {
            return Ok(vec![Change::AddressWithdrawn {
                contact: id,
                address: address.clone(),
            }]);
        }
        let address = contact.more_addresses.get(key).ok_or(Violation::NotFound)?;
        Ok(vec![Change::AddressRemoved {
            contact: id,
            address: address.email.clone(),
        }])
    }

    /// Removes a contact without roles (M-52 to M-54). Its membership ends, and a transfer to it is taken back.
    ///
    /// # Errors
    /// The owner and holders of roles stay, with the roles that stand in the way. Nobody ends the log-in of
    /// somebody who may do more.
    pub fn remove_contact(&self, by: By, id: ContactId) -> Result<Vec<Change>, Violation> {
        self.leave(by, id, Change::ContactRemoved { contact: id })
    }

    /// Removes a contact and what is known of the person, everywhere; the record that something happened stays.
    ///
    /// # Errors
    /// As for removing. No operator does it in a person's place.
    pub fn erase_contact(&self, by: By, id: ContactId) -> Result<Vec<Change>, Violation> {
        require_own_hand(by)?;
        self.leave(by, id, Change::ContactErased { contact: id })
    }

    /// Erases a contact on the provider's behalf, for somebody who asked to be forgotten: whatever the state of the account,
    /// and also one that was removed before, of whom the record still tells.
    ///
    /// # Errors
    /// The owner and holders of roles stay, with the roles that stand in the way.
    pub fn erase_contact_on_request(&self, by: By, id: ContactId) -> Result<Vec<Change>, Violation> {
        let last = Change::ContactErased { contact: id };
        if self.contact(id).is_err() {
            return Ok(vec![last]);
        }
        self.left(by, id, last)
    }

    fn leave(&self, by: By, id: ContactId, last: Change) -> Result<Vec<Change>, Violation> {
        self.require(by, ServicePermission::ContactsManage)?;
        self.contact(id)?;
        if let Some(member) = self.member_of_contact(id) {
            self.require_above(by, member)?;
        }
        self.require_active()?;
        self.left(by, id, last)
    }

    fn left(&self, by: By, id: ContactId, last: Change) -> Result<Vec<Change>, Violation> {
        let roles = self.roles_of(id);
        if id == self.owner() {
            return Err(Violation::ContactIsOwner { roles });
        }
        if !roles.is_empty() {
            return Err(Violation::ContactHoldsRoles { roles });
        }
        let offer = self.offer_taken_back(id, by.at);
        let membership = self.member_of_contact(id).map(|member| Change::MemberRemoved {
            user: member.user,
            contact: Some(id),
        });
        Ok(offer.into_iter().chain(membership).chain([last]).collect())
    }

    fn change_address(&self, by: By, contact: &Contact, address: &EmailAddress) -> Result<Vec<Change>, Violation> {
        let is_pending = |pending: &EmailAddress| pending.key() == address.key();
        if contact.address.email.key() == address.key() {
            let withdrawn = contact.pending_address.clone();
            return Ok(withdrawn
                .map(|address| Change::AddressWithdrawn {
                    contact: contact.id,
                    address,
                })
                .into_iter()
                .collect());
        }
        if contact.pending_address.as_ref().is_some_and(is_pending) {
            return Ok(Vec::new());
        }
        // Whoever proves the address gets the log-in that waits for it, so naming another grants that log-in.
        if let Some(permissions) = contact.login_request.as_ref().filter(|_| !contact.is_verified()) {
            self.require(by, ServicePermission::MembersManage)?;
            self.require_grantable(by, permissions)?;
        }
        self.require_free(address)?;
        let (contact, verified) = (contact.id, contact.is_verified());
        let address = address.clone();
        Ok(vec![if verified {
            Change::AddressProposed { contact, address }
        } else {
            Change::AddressReplaced { contact, address }
        }])
    }

    fn change_more_addresses(
        &self,
        contact: &Contact,
        main: Option<&EmailAddress>,
        addresses: &[EmailAddress],
    ) -> Result<Vec<Change>, Violation> {
        require_distinct(main.unwrap_or(&contact.address.email), addresses)?;
        let wanted: BTreeMap<&str, &EmailAddress> = addresses.iter().map(|address| (address.key(), address)).collect();
        let mut changes = Vec::new();
        for (key, address) in &contact.more_addresses {
            if !wanted.contains_key(key.as_str()) {
                changes.push(Change::AddressRemoved {
                    contact: contact.id,
                    address: address.email.clone(),
                });
            }
        }
        for (key, address) in wanted {
            if !contact.more_addresses.contains_key(key) {
                self.require_free(address)?;
                changes.push(Change::AddressAdded {
                    contact: contact.id,
                    address: address.clone(),
                });
            }
        }
        Ok(changes)
    }

    /// Whether the actor is this contact.
    pub fn is_self(&self, by: By, contact: ContactId) -> bool {
        self.person_of(by).is_some_and(|member| member.contact == Some(contact))
    }

    /// The membership of the person who acts, or in whose place somebody does.
    pub(crate) fn person_of(&self, by: By) -> Option<&Membership> {
        let user = match by.actor {
            Actor::User(user) | Actor::Impersonated { user, .. } => user,
            // A key that was not narrowed does what its user does; any other does what it was given and no more.
            Actor::Key(key) if !key.of_account && key.scope.is_everything() => key.maker,
            Actor::Key(_) | Actor::Integration(_) | Actor::System | Actor::Operator(_) | Actor::Link => return None,
        };
        self.live_member(user, by.at)
    }

    /// Managers edit contacts; where the catalog says so, a person with a log-in alone edits the own names.
    /// Addresses prove who somebody is and so stay with the managers.
    /// What a patch only repeats is no edit.
    fn require_editor(&self, by: By, id: ContactId, patch: &ContactPatch) -> Result<&Contact, Violation> {
        let personal = self.catalog.policy().profile_edited_by == ProfileEditedBy::Person;
        let own = personal && self.is_self(by, id);
        if !own {
            self.require(by, ServicePermission::ContactsManage)?;
        }
        let contact = self.contact(id)?;
        if own && patch.edits_addresses(contact) {
            self.require(by, ServicePermission::ContactsManage)?;
        }
        if personal
            && !own
            && self.member_of_contact(id).is_some()
            && edits_person(&contact.profile, &merged(&contact.profile, patch))
        {
            return Err(Violation::ProfileBelongsToPerson);
        }
        Ok(contact)
    }

    fn require_room(&self) -> Result<(), Violation> {
        let limit = self.contact_limit();
        if self.parts.contacts.len() < usize::from(limit) {
            Ok(())
        } else {
            Err(Violation::ContactLimitReached { limit })
        }
    }

    pub(crate) fn require_known(&self, categories: &BTreeSet<CategoryKey>) -> Result<(), Violation> {
        match categories
            .iter()
            .find(|category| self.catalog.category(category).is_none())
        {
            None => Ok(()),
            Some(category) => Err(Violation::UnknownCategory {
                category: category.clone(),
            }),
        }
    }

    fn require_login_offered(&self) -> Result<(), Violation> {
        match self.catalog.policy().contact_login {
            ContactLogin::OnVerification | ContactLogin::OnRequest => Ok(()),
            ContactLogin::Never => Err(Violation::LoginNotOffered),
        }
    }

    /// Refuses a contact that lacks what the catalog requires (L-05, L-07).
    fn require_fields(&self, profile: &ContactProfile, has_role: bool) -> Result<(), Violation> {
        let fields = missing_fields(&self.catalog.policy().required_contact_fields, profile, has_role);
        if fields.is_empty() {
            Ok(())
        } else {
            Err(Violation::MissingFields { fields })
        }
    }

    /// Refuses to empty a required field. One that was never filled stands in nobody's way: the catalog may
    /// have come to require it later.
    fn require_kept(&self, present: &ContactProfile, profile: &ContactProfile) -> Result<(), Violation> {
        let required = &self.catalog.policy().required_contact_fields;
        let lacking = missing_fields(required, present, true);
        let fields: BTreeSet<_> = missing_fields(required, profile, true)
            .difference(&lacking)
            .copied()
            .collect();
        if fields.is_empty() {
            Ok(())
        } else {
            Err(Violation::MissingFields { fields })
        }
    }
}

fn require_few(more: &[EmailAddress]) -> Result<(), Violation> {
    let max = Contact::MORE_ADDRESSES;
    if more.len() > max {
        Err(Violation::TooManyAddresses { max })
    } else {
        Ok(())
    }
}

fn require_distinct(main: &EmailAddress, more: &[EmailAddress]) -> Result<(), Violation> {
    let mut seen = BTreeSet::from([main.key()]);
    match more.iter().find(|address| !seen.insert(address.key())) {
        None => Ok(()),
        Some(address) => Err(Violation::AddressTaken {
            address: address.clone(),
        }),
    }
}

fn edits_person(present: &ContactProfile, profile: &ContactProfile) -> bool {
    present.display_name != profile.display_name
        || present.first_name != profile.first_name
        || present.last_name != profile.last_name
        || present.title != profile.title
}

/// The required fields that a profile lacks.
pub fn missing_fields(
    required: &BTreeSet<ContactField>,
    profile: &ContactProfile,
    has_role: bool,
) -> BTreeSet<ContactField> {
    let lacks = |field: &&ContactField| match field {
        ContactField::FirstName => profile.first_name.is_none(),
        ContactField::LastName => profile.last_name.is_none(),
        ContactField::Title => profile.title.is_none(),
        ContactField::Phone => profile.phones.is_empty(),
        ContactField::Role => !has_role,
    };
    required.iter().filter(lacks).copied().collect()
}

fn merged(profile: &ContactProfile, patch: &ContactPatch) -> ContactProfile {
    ContactProfile {
        display_name: patch
            .display_name
            .clone()
            .unwrap_or_else(|| profile.display_name.clone()),
        first_name: patch.first_name.clone().unwrap_or_else(|| profile.first_name.clone()),
        last_name: patch.last_name.clone().unwrap_or_else(|| profile.last_name.clone()),
        title: patch.title.clone().unwrap_or_else(|| profile.title.clone()),
        language: patch.language.unwrap_or(profile.language),
        phones: patch.phones.clone().unwrap_or_else(|| profile.phones.clone()),
    }
}

#[cfg(test)]
mod tests;
