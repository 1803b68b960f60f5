//! Saves the changes of a decision. Nothing is decided here.

mod additions;
mod contact;
mod invitations;
mod member;

use accounts_domain::change::{Change, touched_contacts};
use accounts_domain::ids::{AccountId, ContactId, TransferId, UserId};
use accounts_domain::keys::RoleKey;
use accounts_domain::names::{ExternalId, TaxId, sort_key};
use accounts_domain::ownership::TransferOutcome;
use accounts_domain::permission::Permissions;
use accounts_domain::phone::PhoneNumber;
use accounts_domain::roster::{AccountProfile, AccountStatus, Contact, PendingTransfer, PostalAddress, Roster};
use chrono::{DateTime, Utc};
use diesel::prelude::*;

use super::load::StoredPostalAddress;
use crate::api_keys;
use crate::backend::Conn;
use crate::error::Fault;
use crate::join_requests;
use crate::notifications;
use crate::reviews;
use crate::rows::{stored, to_json};
use crate::schema::{accounts, contacts, memberships, owners, ownership_transfers, role_holders, role_primaries};
use additions::Additions;

/// Saves what a decision changed in `before` at that moment. The account's revision has risen with its lock.
pub(crate) fn save(conn: &mut Conn, before: &Roster, changes: &[Change], at: DateTime<Utc>) -> Result<(), Fault> {
    let mut saving = Saving {
        conn,
        before,
        at,
        account: before.account().id.to_string(),
        additions: Additions::default(),
    };
    for change in changes {
        saving.save(change)?;
    }
    saving.write_additions()?;
    saving.raise_versions(changes)
}

/// Saves an account that was just opened, whole: its roster is what the opening made.
pub(crate) fn save_opened(conn: &mut Conn, opened: &Roster, at: DateTime<Utc>) -> Result<(), Fault> {
    let account = opened.account();
    let postal_address = postal_json(account.profile.postal_address.as_ref())?;
    let row = (
        accounts::id.eq(account.id.to_string()),
        accounts::name.eq(account.profile.name.as_str()),
        accounts::sort_key.eq(sort_key(account.profile.name.as_str())),
        accounts::language.eq(account.profile.language.as_str()),
        accounts::phone.eq(account.profile.phone.as_ref().map(PhoneNumber::as_str)),
        accounts::postal_address.eq(postal_address),
        accounts::tax_id.eq(account.profile.tax_id.as_ref().map(TaxId::as_str)),
        accounts::external_id.eq(account.external_id.as_ref().map(ExternalId::as_str)),
        accounts::status.eq(account.status.as_str()),
        accounts::contact_limit.eq(account.contact_limit.map(i32::from)),
        accounts::second_factor_required.eq(account.second_factor_required),
        accounts::revision.eq(account.revision),
        accounts::version.eq(account.version),
        accounts::created_at.eq(stored(at)),
        accounts::updated_at.eq(stored(at)),
    );
    // Another transaction may have opened one with the same number of the provider: this one begins again, and finds it.
    if crate::backend::insert_if_absent!(conn, accounts::table, row)? == 0 {
        return Err(Fault::overtaken("an account of the same number was opened"));
    }
    let mut saving = Saving {
        conn,
        before: opened,
        at,
        account: account.id.to_string(),
        additions: Additions {
            contacts: opened.contacts().collect(),
            roles: opened
                .parts()
                .holders
                .iter()
                .flat_map(|(role, holders)| holders.iter().map(move |holder| (role, *holder)))
                .collect(),
        },
    };
    saving.write_additions()?;
    for member in opened.members() {
        saving.add_member(member.user, member.contact, &member.permissions)?;
    }
    saving.insert_owner(opened)?;
    for verification in opened.parts().verifications.values() {
        saving.insert_verification(verification)?;
    }
    for role in opened.catalog().roles() {
        if let Some(primary) = opened.primary(&role.key) {
            saving.move_primary(&role.key, None, Some(primary))?;
        }
    }
    Ok(())
}

struct Saving<'a> {
    conn: &'a mut Conn,
    before: &'a Roster,
    at: DateTime<Utc>,
    account: String,
    additions: Additions<'a>,
}

impl<'a> Saving<'a> {
    fn save(&mut self, change: &'a Change) -> Result<(), Fault> {
        if !matches!(change, Change::ContactAdded { .. } | Change::RoleGiven { .. }) {
            self.write_additions()?;
        }
        match change {
            Change::AccountOpened { .. } | Change::Impersonated { .. } => Ok(()),
            Change::AccountChanged { profile } => self.change_account(profile),
            Change::SecondFactorPolicyChanged { required } => self.change_second_factor_policy(*required),
            Change::AccountStatusChanged { status } => self.change_status(*status),
            Change::ContactLimitChanged { limit } => self.change_contact_limit(*limit),
            Change::NotificationQueued { notification, told } => {
                notifications::insert(self.conn, self.before.account().id, notification, told)
            }
            Change::AccountReviewed { review, actor } => reviews::insert(self.conn, &self.account, review, *actor),
            Change::ContactAdded { contact } => {
                self.additions.contacts.push(contact);
                Ok(())
            }
            Change::ContactChanged { contact, profile } => self.change_contact(*contact, profile),
            Change::ContactRemoved { contact } => self.remove_contact(*contact),
            Change::ContactErased { contact } => self.erase_contact(*contact),
            Change::AddressReplaced { contact, address } => self.replace_address(*contact, address),
            Change::AddressProposed { contact, address } => self.propose_address(*contact, address),
            Change::AddressWithdrawn { contact, address } => {
                self.set_pending(*contact, None)?;
                self.delete_address(*contact, address.key())
            }
            Change::AddressAdded { contact, address } => self.insert_addresses([(*contact, address, None)]),
            Change::AddressRemoved { contact, address } => self.delete_address(*contact, address.key()),
            Change::AddressVerified { contact, address, at } => self.verify_address(*contact, address, *at),
            Change::DeliverabilityChanged {
                address,
                deliverability,
                ..
            } => self.note_delivery(address, *deliverability),
            Change::VerificationSent { verification, .. } => self.insert_verification(verification),
            Change::SubscriptionsChanged { contact, categories } => {
                self.delete_subscriptions(*contact)?;
                self.insert_subscriptions([(*contact, categories)])
            }
            Change::RoleGiven { role, contact } => {
                self.additions.roles.push((role, *contact));
                Ok(())
            }
            Change::RoleTaken { role, contact } => self.take_role(role, *contact),
            Change::PrimaryMoved { role, from, to } => self.move_primary(role, *from, *to),
            Change::MemberAdded {
                user,
                contact,
                permissions,
            } => {
                self.add_member(*user, *contact, permissions)?;
                contact.map_or(Ok(()), |contact| self.confirm_owner(contact))
            }
            Change::MemberLinked { user, contact } => self.link_member(*user, *contact),
            Change::PermissionsChanged { user, permissions } => self.change_permissions(*user, permissions),
            Change::MemberStatusChanged { user, status } => self.change_member_status(*user, *status),
            Change::MemberExpiryChanged { user, expires_at } => self.change_expiry(*user, *expires_at),
            Change::MemberSubscriptionsChanged { user, categories } => self.change_wishes(*user, categories),
            Change::MemberRemoved { user, .. } | Change::MemberLeft { user, .. } => self.remove_member(*user),
            Change::TransferRequested { transfer } => self.insert_transfer(transfer),
            Change::TransferEnded { transfer, outcome } => self.end_transfer(*transfer, *outcome),
            Change::KeyMade { key } => api_keys::insert(self.conn, Some(&self.account), key),
            Change::KeyRevoked { key } => api_keys::delete(self.conn, *key),
            Change::OwnerMoved { to, .. } => self.move_owner(*to),
            Change::InvitationSent { invitation, .. } => self.insert_invitation(invitation),
            Change::InvitationResent { invitation, .. } => self.resend_invitation(invitation),
            Change::InvitationEnded { invitation, outcome } => self.end_invitation(*invitation, *outcome),
            Change::JoinRequested { request, .. } => join_requests::insert(self.conn, Some(&self.account), request),
            Change::JoinRequestEnded { request, outcome, .. } => {
                join_requests::end(self.conn, *request, *outcome, self.at)
            }
        }
    }

    fn raise_versions(&mut self, changes: &[Change]) -> Result<(), Fault> {
        let touched: Vec<String> = touched_contacts(changes).iter().map(ContactId::to_string).collect();
        if !touched.is_empty() {
            diesel::update(contacts::table.filter(contacts::id.eq_any(touched)))
                .set((
                    contacts::version.eq(contacts::version + 1),
                    contacts::updated_at.eq(stored(self.at)),
                ))
                .execute(self.conn)?;
        }
        if changes.iter().any(Change::touches_account) {
            diesel::update(accounts::table.filter(accounts::id.eq(&self.account)))
                .set((
                    accounts::version.eq(accounts::version + 1),
                    accounts::updated_at.eq(stored(self.at)),
                ))
                .execute(self.conn)?;
        }
        Ok(())
    }

    fn change_account(&mut self, profile: &AccountProfile) -> Result<(), Fault> {
        let postal_address = postal_json(profile.postal_address.as_ref())?;
        diesel::update(accounts::table.filter(accounts::id.eq(&self.account)))
            .set((
                accounts::name.eq(profile.name.as_str()),
                accounts::sort_key.eq(sort_key(profile.name.as_str())),
                accounts::language.eq(profile.language.as_str()),
                accounts::phone.eq(profile.phone.as_ref().map(PhoneNumber::as_str)),
                accounts::postal_address.eq(postal_address),
                accounts::tax_id.eq(profile.tax_id.as_ref().map(TaxId::as_str)),
            ))
            .execute(self.conn)?;
        Ok(())
    }

    fn change_second_factor_policy(&mut self, required: bool) -> Result<(), Fault> {
        diesel::update(accounts::table.filter(accounts::id.eq(&self.account)))
            .set(accounts::second_factor_required.eq(required))
            .execute(self.conn)?;
        Ok(())
    }

    fn change_status(&mut self, status: AccountStatus) -> Result<(), Fault> {
        diesel::update(accounts::table.filter(accounts::id.eq(&self.account)))
            .set(accounts::status.eq(status.as_str()))
            .execute(self.conn)?;
        Ok(())
    }

    fn change_contact_limit(&mut self, limit: Option<u16>) -> Result<(), Fault> {
        diesel::update(accounts::table.filter(accounts::id.eq(&self.account)))
            .set(accounts::contact_limit.eq(limit.map(i32::from)))
            .execute(self.conn)?;
        Ok(())
    }

    fn insert_owner(&mut self, opened: &Roster) -> Result<(), Fault> {
        let owner = opened.owner();
        let verified = opened.contact(owner).is_ok_and(Contact::is_verified);
        let member = opened.member_of_contact(owner).filter(|_| verified);
        diesel::insert_into(owners::table)
            .values((
                owners::account_id.eq(&self.account),
                owners::contact_id.eq(owner.to_string()),
                owners::user_id.eq(member.map(|member| member.user.to_string())),
                owners::verified.eq(verified.then_some(true)),
            ))
            .execute(self.conn)?;
        Ok(())
    }

    /// An owner that an integration named is one like any other once it is verified and logs in, whichever comes
    /// first.
    fn confirm_owner(&mut self, id: ContactId) -> Result<(), Fault> {
        if id != self.before.owner() {
            return Ok(());
        }
        let verified: bool = contacts::table
            .find(id.to_string())
            .select(contacts::verified)
            .first(self.conn)?;
        let user = self.user_of(id)?;
        if verified {
            diesel::update(owners::table.find(&self.account))
                .set((owners::user_id.eq(user), owners::verified.eq(true)))
                .execute(self.conn)?;
        }
        Ok(())
    }

    /// The user who is a contact by now, whom the same decision may have made so.
    fn user_of(&mut self, contact: ContactId) -> Result<Option<String>, Fault> {
        let user = memberships::table
            .filter(memberships::account_id.eq(&self.account))
            .filter(memberships::contact_id.eq(contact.to_string()))
            .select(memberships::user_id)
            .first::<String>(self.conn)
            .optional()?;
        Ok(user)
    }

    fn take_role(&mut self, role: &RoleKey, contact: ContactId) -> Result<(), Fault> {
        let row = role_holders::table
            .filter(role_holders::account_id.eq(&self.account))
            .filter(role_holders::role.eq(role.as_str()))
            .filter(role_holders::contact_id.eq(contact.to_string()));
        diesel::delete(row).execute(self.conn)?;
        Ok(())
    }

    fn move_primary(&mut self, role: &RoleKey, from: Option<ContactId>, to: Option<ContactId>) -> Result<(), Fault> {
        let row = role_primaries::table
            .filter(role_primaries::account_id.eq(&self.account))
            .filter(role_primaries::role.eq(role.as_str()));
        match (from, to) {
            (None, None) => {}
            (Some(_), None) => {
                diesel::delete(row).execute(self.conn)?;
            }
            (Some(_), Some(to)) => {
                diesel::update(row)
                    .set(role_primaries::contact_id.eq(to.to_string()))
                    .execute(self.conn)?;
            }
            (None, Some(to)) => {
                diesel::insert_into(role_primaries::table)
                    .values((
                        role_primaries::account_id.eq(&self.account),
                        role_primaries::role.eq(role.as_str()),
                        role_primaries::contact_id.eq(to.to_string()),
                        role_primaries::verified.eq(true),
                    ))
                    .execute(self.conn)?;
            }
        }
        Ok(())
    }

    fn add_member(&mut self, user: UserId, contact: Option<ContactId>, permissions: &Permissions) -> Result<(), Fault> {
        diesel::insert_into(memberships::table)
            .values((
                memberships::account_id.eq(&self.account),
                memberships::user_id.eq(user.to_string()),
                memberships::contact_id.eq(contact.map(|contact| contact.to_string())),
                memberships::permissions.eq(permissions_json(permissions)?),
                memberships::status.eq("active"),
                memberships::version.eq(1_i64),
                memberships::created_at.eq(stored(self.at)),
                memberships::updated_at.eq(stored(self.at)),
            ))
            .execute(self.conn)?;
        contact.map_or(Ok(()), |contact| self.end_login_request(contact))
    }

    /// A contact that has its log-in waits for none.
    fn end_login_request(&mut self, contact: ContactId) -> Result<(), Fault> {
        diesel::update(contacts::table.filter(contacts::id.eq(contact.to_string())))
            .set((
                contacts::login_requested.eq(false),
                contacts::login_permissions.eq(None::<String>),
            ))
            .execute(self.conn)?;
        Ok(())
    }

    fn insert_transfer(&mut self, transfer: &PendingTransfer) -> Result<(), Fault> {
        diesel::insert_into(ownership_transfers::table)
            .values((
                ownership_transfers::id.eq(transfer.id.to_string()),
                ownership_transfers::account_id.eq(&self.account),
                ownership_transfers::from_contact_id.eq(transfer.from.to_string()),
                ownership_transfers::to_contact_id.eq(transfer.to.to_string()),
                ownership_transfers::status.eq("pending"),
                ownership_transfers::created_at.eq(stored(transfer.created_at)),
                ownership_transfers::expires_at.eq(stored(transfer.expires_at)),
                ownership_transfers::version.eq(1_i64),
            ))
            .execute(self.conn)?;
        Ok(())
    }

    fn end_transfer(&mut self, transfer: TransferId, outcome: TransferOutcome) -> Result<(), Fault> {
        diesel::update(ownership_transfers::table.filter(ownership_transfers::id.eq(transfer.to_string())))
            .set((
                ownership_transfers::status.eq(outcome.as_str()),
                ownership_transfers::ended_at.eq(stored(self.at)),
                ownership_transfers::version.eq(ownership_transfers::version + 1),
            ))
            .execute(self.conn)?;
        Ok(())
    }

    fn move_owner(&mut self, to: ContactId) -> Result<(), Fault> {
        let user = self.user_of(to)?;
        diesel::update(owners::table.filter(owners::account_id.eq(&self.account)))
            .set((
                owners::contact_id.eq(to.to_string()),
                owners::user_id.eq(user),
                owners::verified.eq(true),
            ))
            .execute(self.conn)?;
        Ok(())
    }
}

fn permissions_json(permissions: &Permissions) -> Result<String, Fault> {
    to_json("memberships.permissions", permissions)
}

fn postal_json(address: Option<&PostalAddress>) -> Result<Option<String>, Fault> {
    let text = |line: &accounts_domain::names::AddressLine| line.to_string();
    let to_stored = |address: &PostalAddress| StoredPostalAddress {
        lines: address.lines.iter().map(text).collect(),
        postal_code: address.postal_code.as_ref().map(text),
        city: address.city.as_ref().map(text),
        region: address.region.as_ref().map(text),
        country: address.country.clone(),
    };
    address
        .map(|address| to_json("accounts.postal_address", &to_stored(address)))
        .transpose()
}

/// Locks an account for a decision: nobody else changes it until the transaction ends, and its revision has
/// risen. Answers the risen revision, or nothing where there is no such account.
pub(crate) fn lock(conn: &mut Conn, account: AccountId) -> Result<Option<i64>, Fault> {
    let row = accounts::table.filter(accounts::id.eq(account.to_string()));
    let risen = diesel::update(row)
        .set(accounts::revision.eq(accounts::revision + 1))
        .returning(accounts::revision)
        .get_result(conn)
        .optional()?;
    Ok(risen)
}

/// Takes back the revision that [`lock`] has raised, for a decision that changes nothing. The lock stays.
pub(crate) fn lower_revision(conn: &mut Conn, account: AccountId) -> Result<(), Fault> {
    let row = accounts::table.filter(accounts::id.eq(account.to_string()));
    diesel::update(row)
        .set(accounts::revision.eq(accounts::revision - 1))
        .execute(conn)?;
    Ok(())
}
