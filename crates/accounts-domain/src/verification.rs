//! Proof that mail to an address arrives: a separate, deliberate act (M-47).

use chrono::{DateTime, TimeDelta, Utc};

use crate::actor::By;
use crate::address::EmailAddress;
use crate::catalog::ContactLogin;
use crate::change::Change;
use crate::ids::{ContactId, UserId, VerificationId};
use crate::permission::{Permissions, ServicePermission};
use crate::roster::{Contact, Roster, Verification};
use crate::violation::Violation;

/// How long a verification link works.
pub const VERIFICATION_LIFE: TimeDelta = TimeDelta::hours(72);

/// How long it takes until another mail may go to the same address.
pub const VERIFICATION_PAUSE: TimeDelta = TimeDelta::seconds(60);

/// A verification mail to an address of a contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendVerification {
    /// The link's id.
    pub id: VerificationId,
    /// Whose address.
    pub contact: ContactId,
    /// One of the more addresses; without it the one that waits, or else the main one.
    pub address: Option<EmailAddress>,
}

/// Somebody followed a verification link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfirmVerification {
    /// The link's id.
    pub id: VerificationId,
    /// The user of this address, there already or to be made, who logs in where the contact gets a log-in.
    pub user: UserId,
}

/// What following a verification link would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerificationOffer<'a> {
    /// Whose address it proves.
    pub contact: &'a Contact,
    /// The address.
    pub address: &'a EmailAddress,
    /// The permissions of the log-in that comes with it, if one does.
    pub login: Option<Permissions>,
}

impl Roster {
    /// Sends a verification mail (M-48, M-51).
    ///
    /// # Errors
    /// Refused for a verified address, and within [`VERIFICATION_PAUSE`] of the last mail to it.
    pub fn send_verification(&self, by: By, command: &SendVerification) -> Result<Vec<Change>, Violation> {
        self.require(by, ServicePermission::ContactsManage)?;
        let contact = self.contact(command.contact)?;
        self.require_active()?;
        let address = unproven(contact, command.address.as_ref())?;
        if let Some(until) = self.pause(contact.id, address.key()).filter(|until| by.at < *until) {
            return Err(Violation::TooSoon { until });
        }
        let verification = Verification {
            id: command.id,
            contact: contact.id,
            address_key: address.key().to_owned(),
            created_at: by.at,
            expires_at: by.at + VERIFICATION_LIFE,
        };
        Ok(vec![Change::VerificationSent { verification, address: address.clone() }])
    }

    /// What following a link does at that moment.
    ///
    /// # Errors
    /// [`Violation::LinkExpired`] for a link that is used, too old or of an address that the contact no longer has.
    pub fn verification_offer(&self, id: VerificationId, at: DateTime<Utc>) -> Result<VerificationOffer<'_>, Violation> {
        let link = self.parts.verifications.get(&id).filter(|link| at < link.expires_at).ok_or(Violation::LinkExpired)?;
        let contact = self.contact(link.contact).map_err(|_| Violation::LinkExpired)?;
        let address = contact.addresses().find(|address| address.key() == link.address_key).ok_or(Violation::LinkExpired)?;
        let is_main = contact.address.email.key() == link.address_key;
        let login = if is_main { self.login_due(contact) } else { None };
        Ok(VerificationOffer { contact, address, login })
    }

    /// Proves the address. A contact that is due a log-in gets it; the owner fills the places that waited for it.
    ///
    /// # Errors
    /// [`Violation::LinkExpired`]; the account's state.
    pub fn confirm_verification(&self, by: By, command: &ConfirmVerification) -> Result<Vec<Change>, Violation> {
        let offer = self.verification_offer(command.id, by.at)?;
        self.require_active()?;
        let mut changes = vec![Change::AddressVerified { contact: offer.contact.id, address: offer.address.clone(), at: by.at }];
        if let Some(permissions) = offer.login
            && self.member(command.user).is_none()
        {
            changes.push(Change::MemberAdded { user: command.user, contact: Some(offer.contact.id), permissions });
        }
        // One of the more addresses proves nothing about the main one, which alone makes a contact verified.
        let proves_main = offer.address.key() == offer.contact.address.email.key();
        if proves_main && offer.contact.id == self.owner() {
            changes.extend(self.fill_vacancies());
        }
        Ok(changes)
    }

    /// The permissions of the log-in that verification brings (M-50, L-08).
    fn login_due(&self, contact: &Contact) -> Option<Permissions> {
        if self.member_of_contact(contact.id).is_some() {
            return None;
        }
        let policy = self.catalog.policy();
        match policy.contact_login {
            ContactLogin::Never => None,
            ContactLogin::OnRequest => contact.login_request.clone(),
            ContactLogin::OnVerification => {
                Some(contact.login_request.clone().unwrap_or_else(|| policy.contact_login_permissions.clone()))
            }
        }
    }

    fn pause(&self, contact: ContactId, key: &str) -> Option<DateTime<Utc>> {
        let same = |link: &&Verification| link.contact == contact && link.address_key == key;
        self.parts.verifications.values().filter(same).map(|link| link.created_at + VERIFICATION_PAUSE).max()
    }
}

fn unproven<'a>(contact: &'a Contact, asked: Option<&EmailAddress>) -> Result<&'a EmailAddress, Violation> {
    let Some(asked) = asked else {
        return match &contact.pending_address {
            Some(pending) => Ok(pending),
            None if contact.is_verified() => Err(Violation::AlreadyVerified),
            None => Ok(&contact.address.email),
        };
    };
    if contact.pending_address.as_ref().is_some_and(|pending| pending.key() == asked.key()) {
        return unproven(contact, None);
    }
    let known = std::iter::once(&contact.address).chain(contact.more_addresses.values());
    match known.into_iter().find(|address| address.email.key() == asked.key()) {
        None => Err(Violation::NotFound),
        Some(address) if address.verified_at.is_some() => Err(Violation::AlreadyVerified),
        Some(address) => Ok(&address.email),
    }
}
