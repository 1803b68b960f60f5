//! Invitations: an offer to become a member, sent to one address and bound to it.
//!
//! An invitation stands as long as whoever made it could make it again. What takes that right away also revokes the
//! invitation ([`Roster::with_consequences`]), and each answer to it is judged by the right of that moment.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use chrono::{DateTime, TimeDelta, Utc};

use crate::actor::By;
use crate::address::EmailAddress;
use crate::catalog::ContactLogin;
use crate::change::Change;
use crate::ids::{ContactId, InvitationId, SendingId, UserId};
use crate::language::Language;
use crate::names::DisplayName;
use crate::permission::{Permissions, ServicePermission};
use crate::roster::{Contact, Roster};
use crate::violation::Violation;

/// How long it takes until the mail of an invitation may be sent again.
pub const INVITATION_PAUSE: TimeDelta = TimeDelta::seconds(60);

/// For how long after its end an invitation that nobody answered may be sent again.
pub const RESENDABLE_FOR: TimeDelta = TimeDelta::days(30);

/// How long an invitation works: whole hours, from one to thirty days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvitationLife(u16);

impl InvitationLife {
    /// The hours that there may be.
    pub const HOURS: RangeInclusive<u16> = 1..=720;

    /// So many hours, if they are not too few or too many.
    pub fn of_hours(hours: u16) -> Option<Self> {
        Self::HOURS.contains(&hours).then_some(Self(hours))
    }

    /// How many hours.
    pub fn hours(self) -> u16 {
        self.0
    }

    fn length(self) -> TimeDelta {
        TimeDelta::hours(self.0.into())
    }
}

impl Default for InvitationLife {
    /// Seven days.
    fn default() -> Self {
        Self(168)
    }
}

/// How an invitation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvitationOutcome {
    /// The person is a member.
    Accepted,
    /// The person does not want to be one.
    Declined,
    /// It was taken back, or lost its ground.
    Revoked,
    /// Nobody answered in time.
    Expired,
}

impl InvitationOutcome {
    /// Every outcome.
    pub const ALL: [Self; 4] = [Self::Accepted, Self::Declined, Self::Revoked, Self::Expired];

    /// The name in the API and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Declined => "declined",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
        }
    }

    /// The outcome of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == name)
    }
}

/// An invitation that nobody has answered or taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Its id.
    pub id: InvitationId,
    /// Whom it is for: whoever reads the mail of this address.
    pub address: EmailAddress,
    /// How the person is called, as far as the inviter knows.
    pub display_name: Option<DisplayName>,
    /// The language of its mail.
    pub language: Language,
    /// What the member may do (U-14).
    pub permissions: Permissions,
    /// The contact that the member is to be.
    pub contact: Option<ContactId>,
    /// Who made it; nobody where the service itself did.
    pub inviter: Option<UserId>,
    /// The mailing whose link works; those before it are dead.
    pub sending: SendingId,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When its mail was last called for.
    pub sent_at: DateTime<Utc>,
    /// When it ends unanswered.
    pub expires_at: DateTime<Utc>,
}

impl Invitation {
    /// How long it works from a mailing on.
    pub fn life(&self) -> InvitationLife {
        let hours = (self.expires_at - self.sent_at).num_hours();
        let hours = u16::try_from(hours).ok();
        hours.and_then(InvitationLife::of_hours).unwrap_or_default()
    }

    pub(crate) fn has_lapsed(&self, at: DateTime<Utc>) -> bool {
        self.expires_at <= at
    }
}

/// An invitation, as it is told: made, and perhaps ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvitationRecord {
    /// What was offered.
    pub invitation: Invitation,
    /// How its inviter is called.
    pub inviter_name: Option<DisplayName>,
    /// How and when it ended; nothing while it waits.
    pub ended: Option<(InvitationOutcome, DateTime<Utc>)>,
}

impl InvitationRecord {
    /// The record after changes that were made at that moment.
    #[must_use]
    pub fn after(mut self, changes: &[Change], at: DateTime<Utc>) -> Self {
        for change in changes {
            if let Change::InvitationResent { invitation, .. } = change
                && invitation.id == self.invitation.id
            {
                self.invitation = Invitation::clone(invitation);
            } else if let Change::InvitationEnded { invitation, outcome } = change
                && *invitation == self.invitation.id
            {
                self.ended = Some((*outcome, at));
            }
        }
        self
    }
}

/// Somebody is invited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invite {
    /// The invitation's id.
    pub id: InvitationId,
    /// The id of its first mailing.
    pub sending: SendingId,
    /// To which address.
    pub address: EmailAddress,
    /// How the person is called.
    pub display_name: Option<DisplayName>,
    /// The language of the mail.
    pub language: Language,
    /// What the member may do.
    pub permissions: Permissions,
    /// The contact that the member is to be; its main address is the one invited.
    pub contact: Option<ContactId>,
    /// How long it works.
    pub life: InvitationLife,
    /// How the inviter is called, for the mail.
    pub by_name: Option<DisplayName>,
}

/// The mail of an invitation is sent once more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResendInvitation {
    /// The id of the mailing.
    pub sending: SendingId,
    /// How whoever sends it is called, for the mail.
    pub by_name: Option<DisplayName>,
}

/// Who answers an invitation: somebody who was shown to read the mail of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitee<'a> {
    /// The user of the address, there already or to be made.
    pub user: UserId,
    /// The key of the address.
    pub address_key: &'a str,
}

impl Roster {
    /// The greatest number of invitations that wait at a time.
    pub const WAITING_INVITATIONS: usize = 500;

    /// The invitations that nobody has answered or taken back, in time or not.
    pub fn invitations(&self) -> impl Iterator<Item = &Invitation> {
        self.parts.invitations.values()
    }

    /// Those that wait at that moment, and whose inviter could make them still.
    pub(crate) fn waiting_invitations(&self, at: DateTime<Utc>) -> impl Iterator<Item = &Invitation> {
        self.invitations()
            .filter(move |invitation| !invitation.has_lapsed(at) && self.stands(invitation, at))
    }

    /// Invites somebody (U-13, U-14, K-08). `known` is the user that the address has.
    ///
    /// # Errors
    /// Needs `members:manage` and all that is offered. Refused for a member, for an address whose invitation waits,
    /// for a contact that could not become a log-in by it, and beyond [`Roster::WAITING_INVITATIONS`].
    pub fn invite(&self, by: By, command: &Invite, known: Option<UserId>) -> Result<Vec<Change>, Violation> {
        self.require(by, ServicePermission::MembersManage)?;
        self.require_grantable(by, &command.permissions)?;
        if let Some(contact) = command.contact {
            self.contact(contact)?;
        }
        self.require_active()?;
        self.require_no_member(known)?;
        if let Some(contact) = command.contact {
            self.require_contact_to_join(contact, &command.address)?;
        }
        let mut changes = self.make_room(by.at, &command.address)?;
        let invitation = Invitation {
            id: command.id,
            address: command.address.clone(),
            display_name: command.display_name.clone(),
            language: command.language,
            permissions: command.permissions.clone(),
            contact: command.contact,
            inviter: by.actor.user(),
            sending: command.sending,
            created_at: by.at,
            sent_at: by.at,
            expires_at: by.at + command.life.length(),
        };
        changes.push(Change::InvitationSent {
            invitation: Box::new(invitation),
            by_name: command.by_name.clone(),
        });
        Ok(changes)
    }

    /// Sends an invitation again: the link before is dead, and the new one works for as long as the first did. One
    /// that nobody answered in time is alive again.
    ///
    /// # Errors
    /// As for inviting; within [`INVITATION_PAUSE`] of the last mail; for one that was answered or revoked.
    pub fn resend_invitation(
        &self,
        by: By,
        record: &InvitationRecord,
        command: &ResendInvitation,
        known: Option<UserId>,
    ) -> Result<Vec<Change>, Violation> {
        self.require(by, ServicePermission::MembersManage)?;
        self.require_grantable(by, &record.invitation.permissions)?;
        self.require_active()?;
        let invitation = &record.invitation;
        match self.invitation_outcome(record, by.at) {
            None => {}
            Some(InvitationOutcome::Expired)
                if record.ended.is_none()
                    && self.stands(invitation, by.at)
                    && by.at < invitation.expires_at + RESENDABLE_FOR => {}
            Some(outcome) => return Err(Violation::InvitationNotPending { outcome }),
        }
        self.require_no_member(known)?;
        let until = invitation.sent_at + INVITATION_PAUSE;
        if by.at < until {
            return Err(Violation::TooSoon { wait: until - by.at });
        }
        let again = Invitation {
            sending: command.sending,
            sent_at: by.at,
            expires_at: by.at + invitation.life().length(),
            ..invitation.clone()
        };
        Ok(vec![Change::InvitationResent {
            invitation: Box::new(again),
            by_name: command.by_name.clone(),
        }])
    }

    /// Takes an invitation back.
    ///
    /// # Errors
    /// Needs `members:manage`; refused for one that has ended.
    pub fn revoke_invitation(&self, by: By, record: &InvitationRecord) -> Result<Vec<Change>, Violation> {
        self.require(by, ServicePermission::MembersManage)?;
        self.require_active()?;
        match self.invitation_outcome(record, by.at) {
            None => Ok(vec![ended(&record.invitation, InvitationOutcome::Revoked)]),
            Some(outcome) => Err(Violation::InvitationNotPending { outcome }),
        }
    }

    /// The person becomes a member (U-19, K-11). A contact that the invitation was made for is the login from now on,
    /// and its address is proven by the way that the invitation took (L-08, L-10).
    ///
    /// # Errors
    /// Refused to whoever was not invited, to an invitation that has ended or whose inviter could not make it any
    /// more, and to a member.
    pub fn accept_invitation(
        &self,
        by: By,
        record: &InvitationRecord,
        invitee: &Invitee<'_>,
    ) -> Result<Vec<Change>, Violation> {
        let invitation = self.require_invited(by, record, invitee)?;
        self.require_active()?;
        self.require_no_member(Some(invitee.user))?;
        let mut changes = vec![ended(invitation, InvitationOutcome::Accepted)];
        if let Some(contact) = invitation.contact
            && !self.contact(contact)?.is_verified()
        {
            changes.push(Change::AddressVerified {
                contact,
                address: invitation.address.clone(),
                at: by.at,
            });
        }
        changes.push(Change::MemberAdded {
            user: invitee.user,
            contact: invitation.contact,
            permissions: invitation.permissions.clone(),
        });
        Ok(changes)
    }

    /// The person does not want to be a member.
    ///
    /// # Errors
    /// Refused to whoever was not invited, and to an invitation that has ended.
    pub fn decline_invitation(
        &self,
        by: By,
        record: &InvitationRecord,
        invitee: &Invitee<'_>,
    ) -> Result<Vec<Change>, Violation> {
        let invitation = self.require_invited(by, record, invitee)?;
        self.require_active()?;
        Ok(vec![ended(invitation, InvitationOutcome::Declined)])
    }

    /// How an invitation stands at that moment; nothing while it waits. One that nobody answered in time ends by
    /// itself, and one whose inviter could not make it any more counts as revoked.
    pub fn invitation_outcome(&self, record: &InvitationRecord, at: DateTime<Utc>) -> Option<InvitationOutcome> {
        match record.ended {
            Some((outcome, _)) => Some(outcome),
            None if record.invitation.has_lapsed(at) => Some(InvitationOutcome::Expired),
            None if self.stands(&record.invitation, at) => None,
            None => Some(InvitationOutcome::Revoked),
        }
    }

    /// The invitations that wait although their ground is gone: a right of their inviter has ended by itself.
    pub fn groundless_invitations(&self, at: DateTime<Utc>) -> BTreeSet<InvitationId> {
        let groundless = |invitation: &&Invitation| !self.stands(invitation, at);
        self.invitations()
            .filter(groundless)
            .map(|invitation| invitation.id)
            .collect()
    }

    /// The changes with what follows from them: a request to join ends when the person becomes a member. Of invitations,
    /// those whose inviter could not make them any more end
    /// with the right, those for a contact with the contact or its address, and those to somebody who leaves with
    /// the membership. `left` holds the keys of the addresses of the users whose membership ends.
    pub fn with_consequences(&self, changes: Vec<Change>, at: DateTime<Utc>, left: &BTreeSet<String>) -> Vec<Change> {
        let fulfilled = self.requests_fulfilled(&changes);
        let changes: Vec<Change> = changes.into_iter().chain(fulfilled).collect();
        if changes.is_empty() || self.parts.invitations.is_empty() {
            return changes;
        }
        let mut gone = left.clone();
        for change in &changes {
            if let Change::ContactErased { contact } = change {
                let erased = self.contact(*contact).into_iter().flat_map(Contact::addresses);
                gone.extend(erased.map(|address| address.key().to_owned()));
            }
        }
        let after = self.clone().after(&changes, at);
        let end = |invitation: &Invitation| {
            let outcome = if invitation.has_lapsed(at) {
                InvitationOutcome::Expired
            } else {
                InvitationOutcome::Revoked
            };
            ended(invitation, outcome)
        };
        let lost = |invitation: &&Invitation| gone.contains(invitation.address.key()) || !after.stands(invitation, at);
        let ends: Vec<Change> = after.invitations().filter(lost).map(end).collect();
        changes.into_iter().chain(ends).collect()
    }

    /// Whether an invitation could be made as it is at that moment.
    fn stands(&self, invitation: &Invitation, at: DateTime<Utc>) -> bool {
        let may_invite = match invitation.inviter {
            None => true,
            Some(inviter) => self.permissions_of(inviter, at).is_some_and(|own| {
                own.contains(&ServicePermission::MembersManage.key()) && own.covers(&invitation.permissions)
            }),
        };
        let fits = |contact: ContactId| self.require_contact_to_join(contact, &invitation.address).is_ok();
        may_invite && invitation.contact.is_none_or(fits)
    }

    fn require_invited<'a>(
        &self,
        by: By,
        record: &'a InvitationRecord,
        invitee: &Invitee<'_>,
    ) -> Result<&'a Invitation, Violation> {
        if record.invitation.address.key() != invitee.address_key {
            return Err(Violation::NotFound);
        }
        match self.invitation_outcome(record, by.at) {
            None => Ok(&record.invitation),
            Some(outcome) => Err(Violation::InvitationEnded { outcome }),
        }
    }

    pub(crate) fn require_no_member(&self, user: Option<UserId>) -> Result<(), Violation> {
        match user.and_then(|user| self.member(user)) {
            None => Ok(()),
            Some(_) => Err(Violation::AlreadyMember),
        }
    }

    /// Refuses a contact that the invitation cannot make a login of: whoever proves an address becomes no contact
    /// with another one, and the catalog may give contacts no log-in at all (U-11).
    fn require_contact_to_join(&self, id: ContactId, address: &EmailAddress) -> Result<(), Violation> {
        let contact = self.contact(id)?;
        if self.catalog.policy().contact_login == ContactLogin::Never {
            return Err(Violation::LoginNotOffered);
        }
        if self.member_of_contact(id).is_some() {
            return Err(Violation::AlreadyMember);
        }
        if id == self.owner() {
            return Err(Violation::ContactIsOwner {
                roles: self.roles_of(id),
            });
        }
        if contact.address.email.key() == address.key() {
            Ok(())
        } else {
            Err(Violation::ContactHasOtherAddress)
        }
    }

    /// Ends what stands in the way of one invitation more and serves nobody: one to the same address that nobody
    /// answered in time and, where there is no room left, all of that kind.
    fn make_room(&self, at: DateTime<Utc>, address: &EmailAddress) -> Result<Vec<Change>, Violation> {
        let same = |invitation: &Invitation| invitation.address.key() == address.key();
        let is_full = self.parts.invitations.len() >= Self::WAITING_INVITATIONS;
        let goes = |invitation: &&Invitation| invitation.has_lapsed(at) && (is_full || same(invitation));
        let stale = |invitation: &Invitation| !invitation.has_lapsed(at) && !self.stands(invitation, at);
        if self
            .invitations()
            .any(|it| same(it) && !it.has_lapsed(at) && !stale(it))
        {
            return Err(Violation::InvitationWaiting);
        }
        let mut changes: Vec<Change> = self
            .invitations()
            .filter(goes)
            .map(|invitation| ended(invitation, InvitationOutcome::Expired))
            .collect();
        let revoked = self.invitations().filter(|it| same(it) && stale(it));
        changes.extend(revoked.map(|invitation| ended(invitation, InvitationOutcome::Revoked)));
        if self.parts.invitations.len() - changes.len() < Self::WAITING_INVITATIONS {
            Ok(changes)
        } else {
            let limit = Self::WAITING_INVITATIONS;
            Err(Violation::TooManyInvitations { limit })
        }
    }
}

fn ended(invitation: &Invitation, outcome: InvitationOutcome) -> Change {
    Change::InvitationEnded {
        invitation: invitation.id,
        outcome,
    }
}

#[cfg(test)]
mod tests;
