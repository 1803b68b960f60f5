//! What a decision changes in an account, and the account after it.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::actor::Actor;
use crate::address::EmailAddress;
use crate::api_keys::ApiKey;
use crate::ids::{ApiKeyId, ContactId, InvitationId, JoinRequestId, SessionId, TransferId, UserId};
use crate::invitations::{Invitation, InvitationOutcome};
use crate::join_requests::{Asking, JoinOutcome, JoinRequest};
use crate::keys::{CategoryKey, RoleKey};
use crate::names::DisplayName;
use crate::notifications::{Notification, Told};
use crate::ownership::TransferOutcome;
use crate::permission::Permissions;
use crate::review::Review;
use crate::roster::{
    AccountProfile, AccountStatus, Contact, ContactAddress, ContactProfile, MemberStatus, Membership, Parts,
    PendingTransfer, Roster, Verification,
};

/// One change of an account. A decision is a list of them; none is left out and none says nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The account came to be, with its first contact as its owner, and with that contact's user as a member (M-01, M-09).
    AccountOpened {
        /// The owner's user; nobody where the owner has yet to follow the activation mail.
        owner: Option<UserId>,
    },
    /// The account says something else about its organisation.
    AccountChanged {
        /// The whole new profile.
        profile: Box<AccountProfile>,
    },
    /// The account asks its members for a second factor, or no longer.
    SecondFactorPolicyChanged {
        /// Whether it does.
        required: bool,
    },
    /// The account was suspended, reopened or closed.
    AccountStatusChanged {
        /// The new status.
        status: AccountStatus,
    },
    /// The provider lets the account have another number of contacts.
    ContactLimitChanged {
        /// The greatest number; nothing for that of the catalog.
        limit: Option<u16>,
    },
    /// An operator acts in the place of a member. It changes nothing by itself, and stands in the record (R39).
    Impersonated {
        /// The member.
        user: UserId,
        /// The session by which the operator acts.
        session: SessionId,
        /// Until when, at the latest.
        until: DateTime<Utc>,
    },
    /// A notice to a category waits to be sent. It changes nothing of the account.
    NotificationQueued {
        /// The notice.
        notification: Box<Notification>,
        /// To whom it goes as things are, those first whom it is addressed to.
        told: Vec<Told>,
    },
    /// Somebody has reviewed the account. It changes nothing by itself, and stands in the history (U-31).
    AccountReviewed {
        /// The review.
        review: Box<Review>,
        /// Who did it.
        actor: Actor,
    },
    /// A contact was added, unverified and without roles (M-45, M-46).
    ContactAdded {
        /// The contact.
        contact: Box<Contact>,
    },
    /// A contact says something else about itself.
    ContactChanged {
        /// The contact.
        contact: ContactId,
        /// The whole new profile.
        profile: Box<ContactProfile>,
    },
    /// A contact was removed, with its addresses and links.
    ContactRemoved {
        /// The contact.
        contact: ContactId,
    },
    /// A contact was removed and what is known of the person goes everywhere.
    ContactErased {
        /// The contact.
        contact: ContactId,
    },
    /// An unverified main address gave way to another.
    AddressReplaced {
        /// The contact.
        contact: ContactId,
        /// The new main address, unverified.
        address: EmailAddress,
    },
    /// A new main address waits for its verification; the verified one stays in force.
    AddressProposed {
        /// The contact.
        contact: ContactId,
        /// The address that waits.
        address: EmailAddress,
    },
    /// The address that waited is given up.
    AddressWithdrawn {
        /// The contact.
        contact: ContactId,
        /// The address that waited.
        address: EmailAddress,
    },
    /// A contact has one address more, unverified.
    AddressAdded {
        /// The contact.
        contact: ContactId,
        /// The address.
        address: EmailAddress,
    },
    /// A contact has one of its more addresses less.
    AddressRemoved {
        /// The contact.
        contact: ContactId,
        /// The address.
        address: EmailAddress,
    },
    /// Mail to an address was proven to arrive; one that waited is the main address from now on.
    AddressVerified {
        /// The contact.
        contact: ContactId,
        /// The address.
        address: EmailAddress,
        /// When.
        at: DateTime<Utc>,
    },
    /// A verification mail was asked for (M-47, M-48).
    VerificationSent {
        /// The link.
        verification: Verification,
        /// Where it goes.
        address: EmailAddress,
    },
    /// A contact wishes to receive other categories.
    SubscriptionsChanged {
        /// The contact.
        contact: ContactId,
        /// All the categories that it wishes to receive.
        categories: BTreeSet<CategoryKey>,
    },
    /// A contact holds a role.
    RoleGiven {
        /// The role.
        role: RoleKey,
        /// The new holder.
        contact: ContactId,
    },
    /// A contact no longer holds a role.
    RoleTaken {
        /// The role.
        role: RoleKey,
        /// The former holder.
        contact: ContactId,
    },
    /// The primary place of a role moved (M-57, L-18).
    PrimaryMoved {
        /// The role.
        role: RoleKey,
        /// Who had it.
        from: Option<ContactId>,
        /// Who has it.
        to: Option<ContactId>,
    },
    /// A user became a member.
    MemberAdded {
        /// The user.
        user: UserId,
        /// The contact that the user is.
        contact: Option<ContactId>,
        /// What the member may do.
        permissions: Permissions,
    },
    /// A member may do something else.
    PermissionsChanged {
        /// The member.
        user: UserId,
        /// All that the member may do from now on.
        permissions: Permissions,
    },
    /// A membership is held back, or in use again.
    MemberStatusChanged {
        /// The member.
        user: UserId,
        /// The new status.
        status: MemberStatus,
    },
    /// A membership ends by itself at another moment, or not at all.
    MemberExpiryChanged {
        /// The member.
        user: UserId,
        /// When it ends.
        expires_at: Option<DateTime<Utc>>,
    },
    /// A member wishes to receive other categories.
    MemberSubscriptionsChanged {
        /// The member.
        user: UserId,
        /// All the categories that it wishes to receive.
        categories: BTreeSet<CategoryKey>,
    },
    /// A user is no member any more.
    MemberRemoved {
        /// The user.
        user: UserId,
        /// The contact that the user was.
        contact: Option<ContactId>,
    },
    /// A user gave the own membership up.
    MemberLeft {
        /// The user.
        user: UserId,
        /// The contact that the user was.
        contact: Option<ContactId>,
    },
    /// The owner asked a contact to take the account over.
    TransferRequested {
        /// The transfer.
        transfer: PendingTransfer,
    },
    /// A transfer ended.
    TransferEnded {
        /// The transfer.
        transfer: TransferId,
        /// How.
        outcome: TransferOutcome,
    },
    /// The account has one API key more.
    KeyMade {
        /// The key.
        key: Arc<ApiKey>,
    },
    /// An API key of the account was revoked.
    KeyRevoked {
        /// The key.
        key: ApiKeyId,
    },
    /// Another contact owns the account.
    OwnerMoved {
        /// Who owned it.
        from: ContactId,
        /// Who owns it.
        to: ContactId,
    },
    /// Somebody was invited (U-13, U-17).
    InvitationSent {
        /// The invitation.
        invitation: Box<Invitation>,
        /// How the inviter is called, for the mail.
        by_name: Option<DisplayName>,
    },
    /// An invitation was mailed again; the link before is dead.
    InvitationResent {
        /// The invitation as it is from now on.
        invitation: Box<Invitation>,
        /// How whoever sent it is called, for the mail.
        by_name: Option<DisplayName>,
    },
    /// An invitation ended.
    InvitationEnded {
        /// The invitation.
        invitation: InvitationId,
        /// How.
        outcome: InvitationOutcome,
    },
    /// Somebody asked for access (K-09).
    JoinRequested {
        /// The request.
        request: Box<JoinRequest>,
        /// Who asks, for the mail.
        asking: Box<Asking>,
    },
    /// A request to join ended.
    JoinRequestEnded {
        /// The request.
        request: JoinRequestId,
        /// Who asked.
        user: UserId,
        /// How.
        outcome: JoinOutcome,
    },
}

impl Change {
    /// The contacts whose representation a change alters; their versions rise once per decision.
    pub fn touches(&self) -> Vec<ContactId> {
        match self {
            Self::ContactChanged { contact, .. }
            | Self::AddressReplaced { contact, .. }
            | Self::AddressProposed { contact, .. }
            | Self::AddressWithdrawn { contact, .. }
            | Self::AddressAdded { contact, .. }
            | Self::AddressRemoved { contact, .. }
            | Self::AddressVerified { contact, .. }
            | Self::SubscriptionsChanged { contact, .. }
            | Self::RoleGiven { contact, .. }
            | Self::RoleTaken { contact, .. }
            | Self::MemberAdded {
                contact: Some(contact), ..
            }
            | Self::MemberRemoved {
                contact: Some(contact), ..
            }
            | Self::MemberLeft {
                contact: Some(contact), ..
            } => vec![*contact],
            Self::VerificationSent { verification, .. } => vec![verification.contact],
            Self::PrimaryMoved { from, to, .. } => from.iter().chain(to).copied().collect(),
            Self::OwnerMoved { from, to } => vec![*from, *to],
            Self::AccountOpened { .. }
            | Self::AccountChanged { .. }
            | Self::SecondFactorPolicyChanged { .. }
            | Self::AccountStatusChanged { .. }
            | Self::ContactLimitChanged { .. }
            | Self::Impersonated { .. }
            | Self::NotificationQueued { .. }
            | Self::AccountReviewed { .. }
            | Self::ContactAdded { .. }
            | Self::ContactRemoved { .. }
            | Self::ContactErased { .. }
            | Self::MemberAdded { contact: None, .. }
            | Self::PermissionsChanged { .. }
            | Self::MemberStatusChanged { .. }
            | Self::MemberExpiryChanged { .. }
            | Self::MemberSubscriptionsChanged { .. }
            | Self::MemberRemoved { contact: None, .. }
            | Self::MemberLeft { contact: None, .. }
            | Self::TransferRequested { .. }
            | Self::TransferEnded { .. }
            | Self::KeyMade { .. }
            | Self::KeyRevoked { .. }
            | Self::InvitationSent { .. }
            | Self::InvitationResent { .. }
            | Self::InvitationEnded { .. }
            | Self::JoinRequested { .. }
            | Self::JoinRequestEnded { .. } => Vec::new(),
        }
    }

    /// Whether a change alters the account's own row.
    pub fn touches_account(&self) -> bool {
        matches!(
            self,
            Self::AccountChanged { .. }
                | Self::SecondFactorPolicyChanged { .. }
                | Self::AccountStatusChanged { .. }
                | Self::ContactLimitChanged { .. }
                | Self::OwnerMoved { .. }
        )
    }
}

/// The contacts whose versions rise by a decision: those touched, less those that it added or removed.
pub fn touched_contacts(changes: &[Change]) -> BTreeSet<ContactId> {
    let mut touched: BTreeSet<ContactId> = changes.iter().flat_map(Change::touches).collect();
    for change in changes {
        if let Change::ContactAdded { contact } = change {
            touched.remove(&contact.id);
        }
        if let Change::ContactRemoved { contact } | Change::ContactErased { contact } = change {
            touched.remove(contact);
        }
    }
    touched
}

impl Roster {
    /// The roster after `changes`, made at that moment: what the store loads once they are saved.
    #[must_use]
    pub fn after(mut self, changes: &[Change], at: DateTime<Utc>) -> Self {
        if changes.is_empty() {
            return self;
        }
        for change in changes {
            self.parts.apply(change, at);
        }
        for contact in touched_contacts(changes) {
            if let Some(contact) = self.parts.contact_mut(contact) {
                contact.version += 1;
                contact.updated_at = at;
            }
        }
        if changes.iter().any(Change::touches_account) {
            self.parts.account.version += 1;
            self.parts.account.updated_at = at;
        }
        self.parts.account.revision += 1;
        self
    }

    /// Takes back the rise of the revision that came with the account's lock, so that [`Roster::after`] is what
    /// the store loads once the changes are saved.
    pub fn rewind_revision(&mut self) {
        self.parts.account.revision -= 1;
    }
}

impl Parts {
    /// A contact to be changed. Other rosters that share it keep it as it was.
    pub(crate) fn contact_mut(&mut self, id: ContactId) -> Option<&mut Contact> {
        self.contacts.get_mut(&id).map(Arc::make_mut)
    }

    #[expect(
        clippy::too_many_lines,
        reason = "one arm for each change, none of them left to a wildcard"
    )]
    fn apply(&mut self, change: &Change, at: DateTime<Utc>) {
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
                    contact.address = ContactAddress {
                        email: address.clone(),
                        verified_at: None,
                    }
                });
            }
            Change::AddressProposed { contact, address } => {
                self.edit(*contact, |contact| contact.pending_address = Some(address.clone()));
            }
            Change::AddressWithdrawn { contact, .. } => self.edit(*contact, |contact| contact.pending_address = None),
            Change::AddressAdded { contact, address } => self.edit(*contact, |contact| {
                let added = ContactAddress {
                    email: address.clone(),
                    verified_at: None,
                };
                contact.more_addresses.insert(address.key().to_owned(), added);
            }),
            Change::AddressRemoved { contact, address } => self.edit(*contact, |contact| {
                contact.more_addresses.remove(address.key());
            }),
            Change::AddressVerified { contact, address, at } => self.verify(*contact, address, *at),
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
                contact.address = ContactAddress {
                    email: address.clone(),
                    verified_at: Some(at),
                };
            } else if contact.address.email.key() == key {
                contact.address.verified_at = Some(at);
            } else if let Some(more) = contact.more_addresses.get_mut(key) {
                more.verified_at = Some(at);
            }
        });
        self.verifications
            .retain(|_, verification| verification.contact != id || verification.address_key != key);
    }
}

#[cfg(test)]
mod tests;
