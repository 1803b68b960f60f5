//! What each change makes of an account.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::Change;
use crate::address::EmailAddress;
use crate::deliverability::Deliverability;
use crate::ids::{ContactId, UserId};
use crate::invitations::Invitation;
use crate::join_requests::JoinRequest;
use crate::roster::{Contact, ContactAddress, MemberStatus, Membership, Parts};

impl Parts {
    /// A contact to be changed. Other rosters that share it keep it as it was.
    pub(crate) fn contact_mut(&mut self, id: ContactId) -> Option<&mut Contact> {
        self.contacts.get_mut(&id).map(Arc::make_mut)
    }

    #[expect(
        clippy::too_many_lines,
        reason = "one arm for each change, none of them left to a wildcard"
    )]
    pub(super) fn apply(&mut self, change: &Change, at: DateTime<Utc>) {
        match change {
            Change::AccountOpened { .. }
            | Change::Impersonated { .. }
            | Change::NotificationQueued { .. }
            | Change::AccountReviewed { .. } => {}
            Change::AccountChanged { profile } => self.account.profile = (**profile).clone(),
            Change::SecondFactorPolicyChanged { required } => self.account.second_factor_required = *required,
            Change::AccountStatusChanged { status } => self.account.status = *status,
            Change::ContactLimitChanged { limit } => self.account.contact_limit = *limit,
            Change::ContactAdded { contact } => {
                self.contacts.insert(contact.id, Arc::new(Contact::clone(contact)));
            }
            Change::ContactChanged { contact, profile } => {
                self.edit(*contact, |contact| contact.profile = (**profile).clone());
            }
            Change::ContactRemoved { contact } | Change::ContactErased { contact } => {
                self.contacts.remove(contact);
                self.verifications
                    .retain(|_, verification| verification.contact != *contact);
            }
            Change::AddressReplaced { contact, address } => {
                self.edit(*contact, |contact| {
                    contact.address = ContactAddress::unproven(address.clone());
                });
            }
            Change::AddressProposed { contact, address } => {
                self.edit(*contact, |contact| contact.pending_address = Some(address.clone()));
            }
            Change::AddressWithdrawn { contact, .. } => self.edit(*contact, |contact| contact.pending_address = None),
            Change::AddressAdded { contact, address } => self.edit(*contact, |contact| {
                let added = ContactAddress::unproven(address.clone());
                contact.more_addresses.insert(address.key().to_owned(), added);
            }),
            Change::AddressRemoved { contact, address } => self.edit(*contact, |contact| {
                contact.more_addresses.remove(address.key());
            }),
            Change::AddressVerified { contact, address, at } => self.verify(*contact, address, *at),
            Change::DeliverabilityChanged {
                contact,
                address,
                deliverability,
            } => self.edit(*contact, |contact| {
                if let Some(known) = contact.address_mut(address.key()) {
                    known.deliverability = *deliverability;
                }
            }),
            Change::VerificationSent { verification, .. } => {
                self.verifications.insert(verification.id, verification.clone());
            }
            Change::SubscriptionsChanged { contact, categories } => {
                self.edit(*contact, |contact| contact.subscriptions.clone_from(categories));
            }
            Change::RoleGiven { role, contact } => {
                self.holders.entry(role.clone()).or_default().insert(*contact);
            }
            Change::RoleTaken { role, contact } => {
                if let Some(holders) = self.holders.get_mut(role) {
                    holders.remove(contact);
                    if holders.is_empty() {
                        self.holders.remove(role);
                    }
                }
            }
            Change::PrimaryMoved { role, to, .. } => match to {
                Some(to) => {
                    self.primaries.insert(role.clone(), *to);
                }
                None => {
                    self.primaries.remove(role);
                }
            },
            Change::MemberAdded {
                user,
                contact,
                permissions,
            } => {
                let member = Membership {
                    user: *user,
                    contact: *contact,
                    permissions: permissions.clone(),
                    status: MemberStatus::Active,
                    expires_at: None,
                    subscriptions: BTreeSet::new(),
                    version: 1,
                    created_at: at,
                    updated_at: at,
                };
                self.members.insert(*user, member);
                if let Some(contact) = contact {
                    self.edit(*contact, |contact| contact.login_request = None);
                }
            }
            Change::MemberLinked { user, contact } => {
                self.edit_member(*user, at, |member| member.contact = Some(*contact));
                self.edit(*contact, |contact| contact.login_request = None);
            }
            Change::PermissionsChanged { user, permissions } => {
                self.edit_member(*user, at, |member| member.permissions = permissions.clone());
            }
            Change::MemberStatusChanged { user, status } => {
                self.edit_member(*user, at, |member| member.status = *status);
            }
            Change::MemberExpiryChanged { user, expires_at } => {
                self.edit_member(*user, at, |member| member.expires_at = *expires_at);
            }
            Change::MemberSubscriptionsChanged { user, categories } => {
                self.edit_member(*user, at, |member| member.subscriptions.clone_from(categories));
            }
            Change::MemberRemoved { user, .. } | Change::MemberLeft { user, .. } => {
                self.members.remove(user);
                // Who comes back later has other rights: the keys from before go with the membership.
                self.api_keys.retain(|_, key| key.maker != *user);
            }
            Change::TransferRequested { transfer } => self.transfer = Some(transfer.clone()),
            Change::TransferEnded { .. } => self.transfer = None,
            Change::KeyMade { key } => {
                self.api_keys.insert(key.id, Arc::clone(key));
            }
            Change::KeyRevoked { key } => {
                self.api_keys.remove(key);
            }
            Change::OwnerMoved { to, .. } => self.owner = *to,
            Change::InvitationSent { invitation, .. } | Change::InvitationResent { invitation, .. } => {
                self.invitations.insert(invitation.id, Invitation::clone(invitation));
            }
            Change::InvitationEnded { invitation, .. } => {
                self.invitations.remove(invitation);
            }
            Change::JoinRequested { request, .. } => {
                self.join_requests.insert(request.id, JoinRequest::clone(request));
            }
            Change::JoinRequestEnded { request, .. } => {
                self.join_requests.remove(request);
            }
        }
    }

    /// Changes a membership.
    fn edit_member(&mut self, user: UserId, at: DateTime<Utc>, edit: impl FnOnce(&mut Membership)) {
        if let Some(member) = self.members.get_mut(&user) {
            edit(member);
            member.version += 1;
            member.updated_at = at;
        }
    }

    /// Changes a contact. Links to addresses that it no longer has are dead, also where it gets one of them back.
    fn edit(&mut self, id: ContactId, edit: impl FnOnce(&mut Contact)) {
        let Some(contact) = self.contacts.get_mut(&id).map(Arc::make_mut) else {
            return;
        };
        edit(contact);
        let keys: BTreeSet<&str> = contact.addresses().map(EmailAddress::key).collect();
        self.verifications
            .retain(|_, link| link.contact != id || keys.contains(link.address_key.as_str()));
    }

    /// A proven address keeps its place, but one that waited becomes the main one. Links to it are used up.
    fn verify(&mut self, id: ContactId, address: &EmailAddress, at: DateTime<Utc>) {
        let key = address.key();
        self.edit(id, |contact| {
            if contact
                .pending_address
                .as_ref()
                .is_some_and(|pending| pending.key() == key)
            {
                contact.pending_address = None;
                contact.address = ContactAddress::proven(address.clone(), at);
            } else if let Some(known) = contact.address_mut(key) {
                known.verified_at = Some(at);
                known.deliverability = Deliverability::Unknown;
            }
        });
        self.verifications
            .retain(|_, verification| verification.contact != id || verification.address_key != key);
    }
}

impl Contact {
    fn address_mut(&mut self, key: &str) -> Option<&mut ContactAddress> {
        if self.address.email.key() == key {
            Some(&mut self.address)
        } else {
            self.more_addresses.get_mut(key)
        }
    }
}
