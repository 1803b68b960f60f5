//! Saves what changes of an invitation.

use std::collections::BTreeSet;

use accounts_domain::address::EmailAddress;
use accounts_domain::ids::{ContactId, InvitationId};
use accounts_domain::invitations::{Invitation, InvitationOutcome};
use accounts_domain::names::DisplayName;
use accounts_domain::roster::Contact;
use diesel::prelude::*;

use super::{Saving, permissions_json};
use crate::audit::{forget_values, invitations_to};
use crate::error::Fault;
use crate::mails::naming::forget_invitations;
use crate::rows::stored;
use crate::schema::invitations;

impl Saving<'_> {
    pub(super) fn insert_invitation(&mut self, invitation: &Invitation) -> Result<(), Fault> {
        diesel::insert_into(invitations::table)
            .values((
                invitations::id.eq(invitation.id.to_string()),
                invitations::account_id.eq(&self.account),
                invitations::address.eq(invitation.address.as_str()),
                invitations::address_key.eq(invitation.address.key()),
                invitations::display_name.eq(invitation.display_name.as_ref().map(DisplayName::as_str)),
                invitations::language.eq(invitation.language.as_str()),
                invitations::permissions.eq(permissions_json(&invitation.permissions)?),
                invitations::contact_id.eq(invitation.contact.map(|contact| contact.to_string())),
                invitations::inviter_id.eq(invitation.inviter.map(|inviter| inviter.to_string())),
                invitations::sending_id.eq(invitation.sending.to_string()),
                invitations::status.eq("pending"),
                invitations::created_at.eq(stored(invitation.created_at)),
                invitations::sent_at.eq(stored(invitation.sent_at)),
                invitations::expires_at.eq(stored(invitation.expires_at)),
            ))
            .execute(self.conn)?;
        Ok(())
    }

    pub(super) fn resend_invitation(&mut self, invitation: &Invitation) -> Result<(), Fault> {
        diesel::update(invitations::table.find(invitation.id.to_string()))
            .set((
                invitations::sending_id.eq(invitation.sending.to_string()),
                invitations::sent_at.eq(stored(invitation.sent_at)),
                invitations::expires_at.eq(stored(invitation.expires_at)),
            ))
            .execute(self.conn)?;
        Ok(())
    }

    pub(super) fn end_invitation(&mut self, id: InvitationId, outcome: InvitationOutcome) -> Result<(), Fault> {
        diesel::update(invitations::table.find(id.to_string()))
            .set((
                invitations::status.eq(outcome.as_str()),
                invitations::ended_at.eq(stored(self.at)),
            ))
            .execute(self.conn)?;
        Ok(())
    }

    /// Forgets the invitations of a contact that is erased, by the keys of all its addresses, with their mails and what the
    /// record says of whom they were for. One that waits for a former address goes on: whoever reads it is somebody else,
    /// or comes back.
    pub(super) fn erase_invitations(&mut self, contact: ContactId, keys: &BTreeSet<String>) -> Result<(), Fault> {
        let present = self.before.contact(contact).into_iter().flat_map(Contact::addresses);
        let present: Vec<&str> = present.map(EmailAddress::key).collect();
        let of_contact = invitations::contact_id
            .eq(contact.to_string())
            .or(invitations::address_key.eq_any(present))
            .or(invitations::address_key
                .eq_any(keys)
                .and(invitations::status.ne("pending")));
        let ids: Vec<String> = invitations::table
            .filter(invitations::account_id.eq(&self.account))
            .filter(of_contact)
            .select(invitations::id)
            .load(self.conn)?;
        let waiting: Vec<String> = invitations::table
            .filter(invitations::account_id.eq(&self.account))
            .filter(invitations::status.eq("pending"))
            .filter(invitations::id.ne_all(&ids))
            .select(invitations::id)
            .load(self.conn)?;
        let told = invitations_to(self.conn, keys)?.into_iter();
        let here = told.filter(|(id, account)| account.as_ref() == Some(&self.account) && !waiting.contains(id));
        let erased: BTreeSet<String> = here.map(|(id, _)| id).chain(ids.iter().cloned()).collect();
        forget_values(self.conn, "invitation", &erased)?;
        forget_invitations(self.conn, keys, &erased)?;
        diesel::delete(invitations::table.filter(invitations::id.eq_any(&ids))).execute(self.conn)?;
        Ok(())
    }
}
