//! "What must always hold" of one account, as far as one look at it can tell.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::catalog::Holders;
use crate::ids::ContactId;
use crate::keys::RoleKey;
use crate::roster::{Contact, MemberStatus, Membership, Roster};

impl Roster {
    /// What of "What must always hold" does not, as sentences; empty for a sound account.
    ///
    /// The contact limit is not among it: a lowered limit stops additions and removes nobody.
    pub fn broken(&self) -> Vec<String> {
        let mut broken = Vec::new();
        self.broken_owner(&mut broken);
        for (role, holders) in &self.parts.holders {
            self.broken_role(role, holders, &mut broken);
        }
        self.broken_primaries(&mut broken);
        self.broken_contacts(&mut broken);
        self.broken_members(&mut broken);
        self.broken_keys(&mut broken);
        self.broken_links(&mut broken);
        self.broken_invitations(&mut broken);
        self.broken_join_requests(&mut broken);
        self.broken_categories(&mut broken);
        broken
    }

    fn broken_owner(&self, broken: &mut Vec<String>) {
        let Ok(owner) = self.contact(self.owner()) else {
            broken.push("the owner is no contact of the account".to_owned());
            return;
        };
        let opened_by_integration = self.account().external_id.is_some();
        if !owner.is_verified() && !opened_by_integration {
            broken.push("the owner is not verified".to_owned());
        }
        match self.member_of_contact(owner.id) {
            None if opened_by_integration && !owner.is_verified() => {}
            None => broken.push("the owner has no login".to_owned()),
            Some(member) if member.status != MemberStatus::Active => {
                broken.push("the owner's login is suspended".to_owned());
            }
            Some(member) if member.expires_at.is_some() => {
                broken.push("the owner's login ends by itself".to_owned());
            }
            Some(_) => {}
        }
    }

    fn broken_role(&self, role: &RoleKey, holders: &BTreeSet<ContactId>, broken: &mut Vec<String>) {
        let Some(policy) = self.catalog.role(role) else {
            broken.push(format!("{role} is held and not in the catalog"));
            return;
        };
        if policy.holders == Holders::One && holders.iter().any(|holder| self.primary(role) != Some(*holder)) {
            broken.push(format!("{role} has a holder beside its primary one"));
        }
        for holder in holders {
            match self.contact(*holder) {
                Err(_) => broken.push(format!("{role} is held by a contact that is not there")),
                Ok(contact) if policy.verified_only && !contact.is_verified() => {
                    broken.push(format!("{role} is held by an unverified contact"));
                }
                Ok(_) => {}
            }
        }
    }

    fn broken_primaries(&self, broken: &mut Vec<String>) {
        for (role, primary) in &self.parts.primaries {
            if !self.holds(*primary, role) {
                broken.push(format!("the primary holder of {role} does not hold the role"));
            }
            if !self.contact(*primary).is_ok_and(Contact::is_verified) {
                broken.push(format!("the primary holder of {role} is not verified"));
            }
        }
    }

    /// Memberships may end by themselves, and so those without an end alone count.
    fn broken_categories(&self, broken: &mut Vec<String>) {
        if !self.contact(self.owner()).is_ok_and(Contact::is_verified) {
            return;
        }
        for category in self.catalog.categories().iter().filter(|category| category.mandatory) {
            if self.listeners(&category.key, DateTime::<Utc>::MAX_UTC).is_empty() {
                broken.push(format!("nobody receives {}", category.key));
            }
        }
    }

    fn broken_contacts(&self, broken: &mut Vec<String>) {
        let mut keys = BTreeSet::new();
        for contact in self.contacts() {
            if contact.addresses().any(|address| !keys.insert(address.key())) {
                broken.push("two entries have one address".to_owned());
            }
            if contact.pending_address.is_some() && !contact.is_verified() {
                broken.push("an address waits to replace one that is not verified".to_owned());
            }
            if contact.more_addresses.len() > Contact::MORE_ADDRESSES {
                broken.push("a contact has too many addresses".to_owned());
            }
        }
    }

    fn broken_keys(&self, broken: &mut Vec<String>) {
        for key in self.api_keys() {
            if self.member(key.maker).is_none() {
                broken.push("an API key was made by nobody of the account".to_owned());
            }
            if key.accounts.is_some() {
                broken.push("an API key of the account names accounts".to_owned());
            }
        }
    }

    fn broken_members(&self, broken: &mut Vec<String>) {
        let mut linked = BTreeSet::new();
        for contact in self.members().filter_map(|member| member.contact) {
            if self.contact(contact).is_err() {
                broken.push("a member is a contact that is not there".to_owned());
            }
            if !linked.insert(contact) {
                broken.push("two members are one contact".to_owned());
            }
        }
    }

    fn broken_invitations(&self, broken: &mut Vec<String>) {
        let mut keys = BTreeSet::new();
        for invitation in self.invitations() {
            if !keys.insert(invitation.address.key()) {
                broken.push("two invitations to one address wait".to_owned());
            }
            if invitation.contact.is_some_and(|contact| self.contact(contact).is_err()) {
                broken.push("an invitation is for a contact that is not there".to_owned());
            }
        }
    }

    fn broken_join_requests(&self, broken: &mut Vec<String>) {
        let mut asking = BTreeSet::new();
        for request in self.parts.join_requests.values() {
            if !asking.insert(request.user) {
                broken.push("a person asks twice for the same account".to_owned());
            }
            if self.member(request.user).is_some() {
                broken.push("a member asks for access".to_owned());
            }
        }
    }

    fn broken_links(&self, broken: &mut Vec<String>) {
        for link in self.parts.verifications.values() {
            let proves = |contact: &Contact| contact.addresses().any(|address| address.key() == link.address_key);
            if !self.contact(link.contact).is_ok_and(proves) {
                broken.push("a link proves an address that is not there".to_owned());
            }
        }
        if let Some(transfer) = &self.parts.transfer {
            if transfer.from != self.owner() {
                broken.push("somebody else than the owner gives the account away".to_owned());
            }
            let in_use = |member: &Membership| member.status == MemberStatus::Active && member.expires_at.is_none();
            // Where contacts never log in, the offer is to whoever logs in with the contact's address.
            let taken_over = self.member_of_contact(transfer.to);
            let fit = taken_over.map_or(self.contacts_never_log_in(), in_use);
            let verified = self.contact(transfer.to).is_ok_and(Contact::is_verified);
            if transfer.to == self.owner() || !fit || !verified {
                broken.push("the account is offered to nobody who could take it".to_owned());
            }
        }
    }
}
