//! What a decision changes in an account, and the account after it.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::actor::Actor;
use crate::address::EmailAddress;
use crate::api_keys::ApiKey;
use crate::deliverability::Deliverability;
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
    AccountProfile, AccountStatus, Contact, ContactProfile, MemberStatus, PendingTransfer, Roster, Verification,
};

mod apply;

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
    /// It was reported whether mail to an address arrives.
    DeliverabilityChanged {
        /// The contact.
        contact: ContactId,
        /// The address: the main one, or one of the more.
        address: EmailAddress,
        /// What holds from now on.
        deliverability: Deliverability,
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
    /// A member is a contact from now on, as only those who come to own the account are where contacts never log in.
    MemberLinked {
        /// The member.
        user: UserId,
        /// The contact that the user is.
        contact: ContactId,
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
            | Self::DeliverabilityChanged { contact, .. }
            | Self::SubscriptionsChanged { contact, .. }
            | Self::RoleGiven { contact, .. }
            | Self::RoleTaken { contact, .. }
            | Self::MemberAdded {
                contact: Some(contact), ..
            }
            | Self::MemberLinked { contact, .. }
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

#[cfg(test)]
mod tests;
