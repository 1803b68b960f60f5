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
            return Err(Violation::TooSoon { wait: until - by.at });
        }
        let verification = Verification {
            id: command.id,
            contact: contact.id,
            address_key: address.key().to_owned(),
            created_at: by.at,
            expires_at: by.at + VERIFICATION_LIFE,
        };
        Ok(vec![Change::VerificationSent {
            verification,
            address: address.clone(),
        }])
    }

    /// The mail by which the owner of an account that an integration opened takes it over; nothing where the owner is
    /// verified, or where the link of the last one works.
    pub fn activation(&self, at: DateTime<Utc>, id: VerificationId) -> Option<Change> {
        let owner = self.contact(self.owner()).ok().filter(|owner| !owner.is_verified())?;
        let works = |link: &Verification| link.contact == owner.id && at < link.expires_at;
        if self.parts.verifications.values().any(works) {
            return None;
        }
        let address = owner.address.email.clone();
        Some(Change::VerificationSent {
            verification: Verification {
                id,
                contact: owner.id,
                address_key: address.key().to_owned(),
                created_at: at,
                expires_at: at + VERIFICATION_LIFE,
            },
            address,
        })
    }

    /// Sends that mail again.
    ///
    /// # Errors
    /// Refused by an account that is not active.
    pub fn send_activation(&self, at: DateTime<Utc>, id: VerificationId) -> Result<Vec<Change>, Violation> {
        self.require_active()?;
        Ok(self.activation(at, id).into_iter().collect())
    }

    /// What following a link does at that moment.
    ///
    /// # Errors
    /// [`Violation::LinkExpired`] for a link that is used, too old or of an address that the contact no longer has.
    pub fn verification_offer(
        &self,
        id: VerificationId,
        at: DateTime<Utc>,
    ) -> Result<VerificationOffer<'_>, Violation> {
        let link = self
            .parts
            .verifications
            .get(&id)
            .filter(|link| at < link.expires_at)
            .ok_or(Violation::LinkExpired)?;
        let contact = self.contact(link.contact).map_err(|_| Violation::LinkExpired)?;
        let address = contact
            .addresses()
            .find(|address| address.key() == link.address_key)
            .ok_or(Violation::LinkExpired)?;
        let is_main = contact.address.email.key() == link.address_key;
        // A log-in comes with the first proof: by a later one nobody gets back what was taken away.
        let login = if is_main && !contact.is_verified() {
            self.login_due(contact)
        } else {
            None
        };
        Ok(VerificationOffer {
            contact,
            address,
            login,
        })
    }

    /// Proves the address. A contact that is due a log-in gets it; the owner fills the places that waited for it. Where
    /// another main address means another person, an offer to own the account does not outlive the one before.
    ///
    /// # Errors
    /// [`Violation::LinkExpired`]; the account's state.
    pub fn confirm_verification(&self, by: By, command: &ConfirmVerification) -> Result<Vec<Change>, Violation> {
        let offer = self.verification_offer(command.id, by.at)?;
        self.require_active()?;
        let mut changes = Vec::new();
        if offer.contact.pending_address.as_ref() == Some(offer.address) {
            changes.extend(self.offer_to_former_address(offer.contact.id, by.at));
        }
        changes.push(Change::AddressVerified {
            contact: offer.contact.id,
            address: offer.address.clone(),
            at: by.at,
        });
        if let Some(permissions) = offer.login
            && self.member(command.user).is_none()
        {
            changes.push(Change::MemberAdded {
                user: command.user,
                contact: Some(offer.contact.id),
                permissions,
            });
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
        // The owner always logs in, whatever the catalog says of contacts.
        if contact.id == self.owner() {
            return Some(Permissions::All);
        }
        let policy = self.catalog.policy();
        match policy.contact_login {
            ContactLogin::Never => None,
            ContactLogin::OnRequest => contact.login_request.clone(),
            ContactLogin::OnVerification => Some(
                contact
                    .login_request
                    .clone()
                    .unwrap_or_else(|| policy.contact_login_permissions.clone()),
            ),
        }
    }

    fn pause(&self, contact: ContactId, key: &str) -> Option<DateTime<Utc>> {
        let same = |link: &&Verification| link.contact == contact && link.address_key == key;
        self.parts
            .verifications
            .values()
            .filter(same)
            .map(|link| link.created_at + VERIFICATION_PAUSE)
            .max()
    }
}

fn unproven<'a>(contact: &'a Contact, asked: Option<&EmailAddress>) -> Result<&'a EmailAddress, Violation> {
    let Some(asked) = asked else {
        return match &contact.pending_address {
            Some(pending) => Ok(pending),
            None if !contact.address.lacks_proof() => Err(Violation::AlreadyVerified),
            None => Ok(&contact.address.email),
        };
    };
    if contact
        .pending_address
        .as_ref()
        .is_some_and(|pending| pending.key() == asked.key())
    {
        return unproven(contact, None);
    }
    let known = std::iter::once(&contact.address).chain(contact.more_addresses.values());
    match known.into_iter().find(|address| address.email.key() == asked.key()) {
        None => Err(Violation::NotFound),
        Some(address) if !address.lacks_proof() => Err(Violation::AlreadyVerified),
        Some(address) => Ok(&address.email),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::{OpenForCustomer, open_for_customer};
    use crate::contacts::{ContactPatch, CreateContact};
    use crate::given::{
        ANA, BEA, CATALOG_NAMES, CEM, LINK, NOW, Person, SOUND, SYSTEM, ZOE, account, account_id, address, chosen,
        datacenter, hosting, link_id, mixed, permission, role, saas_suite, seconds, standard,
    };
    use crate::names::ExternalId;
    use crate::roster::AccountStatus;

    fn to(person: Person, link: u32) -> SendVerification {
        SendVerification {
            id: link_id(link),
            contact: person.contact(),
            address: None,
        }
    }

    fn to_address(person: Person, link: u32, local_part: &str) -> SendVerification {
        SendVerification {
            address: Some(address(local_part)),
            ..to(person, link)
        }
    }

    fn sent(roster: Roster, command: &SendVerification) -> Roster {
        let changes = roster.send_verification(ANA.by(), command);
        roster.then(changes)
    }

    fn confirmed(roster: Roster, person: Person, link: u32) -> Roster {
        let changes = roster.confirm_verification(LINK, &person.confirms(link));
        roster.then(changes)
    }

    fn with_more(roster: Roster, person: Person, local_part: &str) -> Roster {
        let more_addresses = Some(vec![address(local_part)]);
        let patch = ContactPatch {
            more_addresses,
            ..ContactPatch::default()
        };
        let changes = roster.change_contact(crate::given::SYSTEM, person.contact(), &patch);
        roster.then(changes)
    }

    #[test]
    fn m_48_the_link_proves_the_address_that_it_was_sent_to() {
        let roster = sent(saas_suite().with(BEA), &to(BEA, 7));
        let link = &roster.parts.verifications[&link_id(7)];
        assert_eq!(link.address_key, BEA.address().key());
        assert_eq!(link.expires_at, NOW + VERIFICATION_LIFE);
        let contact = confirmed(roster, BEA, 7).contact(BEA.contact()).unwrap().clone();
        assert_eq!(contact.address.verified_at, Some(NOW));
    }

    #[test]
    fn m_49_verification_shows_at_once_and_raises_the_version() {
        let before = sent(saas_suite().with(BEA), &to(BEA, 7));
        let version = before.contact(BEA.contact()).unwrap().version;
        let after = confirmed(before, BEA, 7);
        assert_eq!(after.contact(BEA.contact()).unwrap().version, version + 1);
    }

    #[test]
    fn m_35_m_50_a_verified_contact_logs_in_and_an_unverified_one_does_not() {
        let roster = sent(saas_suite().with(BEA), &to(BEA, 7));
        assert_eq!(roster.access(BEA.user(), NOW), None);
        let access = confirmed(roster, BEA, 7).access(BEA.user(), NOW).unwrap();
        assert_eq!((access.owner, access.permissions), (false, Permissions::none()));
    }

    #[test]
    fn m_51_a_mail_is_sent_again_after_a_pause() {
        let roster = sent(saas_suite().with(BEA), &to(BEA, 7));
        let until = NOW + VERIFICATION_PAUSE;
        let again = |at| roster.send_verification(ANA.by_at(at), &to(BEA, 8));
        assert_eq!(again(NOW + seconds(59)), Err(Violation::TooSoon { wait: seconds(1) }));
        let roster = roster.clone().after(&again(until).unwrap(), until);
        assert!(roster.verification_offer(link_id(7), until).is_ok());
    }

    #[test]
    fn a_verified_address_is_not_verified_again() {
        let roster = standard().with_verified(BEA);
        let send = |command| roster.send_verification(ANA.by(), &command);
        assert_eq!(send(to(BEA, 7)), Err(Violation::AlreadyVerified));
        assert_eq!(send(to_address(BEA, 7, "bea")), Err(Violation::AlreadyVerified));
        assert_eq!(send(to_address(BEA, 7, "b2")), Err(Violation::NotFound));
    }

    #[test]
    fn sending_is_for_managers() {
        let roster = standard().with(BEA).with_member(CEM, chosen(&["contacts:view"]));
        let permission = permission("contacts:manage");
        let refused = roster.send_verification(CEM.by(), &to(BEA, 7));
        assert_eq!(refused, Err(Violation::Forbidden { permission }));
        assert_eq!(
            roster.send_verification(ZOE.by(), &to(BEA, 7)),
            Err(Violation::NotFound)
        );
        assert_eq!(
            roster.send_verification(ANA.by(), &to(ZOE, 7)),
            Err(Violation::NotFound)
        );
    }

    #[test]
    fn a_link_works_for_72_hours_and_once() {
        let roster = sent(standard().with(BEA), &to(BEA, 7));
        let confirm = |roster: &Roster, at| {
            roster
                .confirm_verification(By { at, ..LINK }, &BEA.confirms(7))
                .map(|_| ())
        };
        assert_eq!(confirm(&roster, NOW + VERIFICATION_LIFE - seconds(1)), Ok(()));
        assert_eq!(confirm(&roster, NOW + VERIFICATION_LIFE), Err(Violation::LinkExpired));
        assert_eq!(confirm(&confirmed(roster, BEA, 7), NOW), Err(Violation::LinkExpired));
    }

    #[test]
    fn every_link_to_an_address_is_used_up_by_one() {
        let roster = sent(standard().with(BEA), &to(BEA, 7));
        let at = NOW + VERIFICATION_PAUSE;
        let changes = roster.send_verification(ANA.by_at(at), &to(BEA, 8)).unwrap();
        let roster = confirmed(roster.after(&changes, at), BEA, 8);
        assert!(roster.parts.verifications.is_empty());
    }

    #[test]
    fn a_link_nobody_sent_and_one_of_a_removed_contact_are_expired() {
        let roster = sent(standard().with(BEA), &to(BEA, 7));
        assert_eq!(roster.verification_offer(link_id(9), NOW), Err(Violation::LinkExpired));
        let changes = roster.remove_contact(ANA.by(), BEA.contact());
        let roster = roster.then(changes);
        assert_eq!(roster.verification_offer(link_id(7), NOW), Err(Violation::LinkExpired));
    }

    #[test]
    fn a_suspended_account_verifies_nobody() {
        let roster = sent(standard().with(BEA), &to(BEA, 7)).in_status(AccountStatus::Suspended);
        let refused = roster.confirm_verification(LINK, &BEA.confirms(7));
        assert_eq!(refused, Err(Violation::AccountSuspended));
    }

    #[test]
    fn l_08_a_login_comes_with_verification_where_it_was_asked_for() {
        let command = CreateContact {
            login: Some(chosen(&["tickets:view"])),
            ..BEA.added()
        };
        let before = standard();
        let changes = before.create_contact(ANA.by(), &command);
        let roster = sent(before.then(changes).with(CEM), &to(BEA, 7));
        let offer = roster.verification_offer(link_id(7), NOW).unwrap();
        assert_eq!(offer.login, Some(chosen(&["tickets:view"])));
        let roster = sent(roster, &to(CEM, 8));
        assert_eq!(roster.verification_offer(link_id(8), NOW).unwrap().login, None);
    }

    #[test]
    fn the_owner_of_a_customers_account_takes_it_over_by_the_link_alone() {
        for name in CATALOG_NAMES {
            let command = OpenForCustomer {
                account: account_id(),
                external_id: ExternalId::parse("4711").unwrap(),
                contact: ANA.contact(),
                verification: link_id(7),
                profile: standard().account().profile.clone(),
                owner: ANA.profile(),
                address: ANA.address(),
            };
            let catalog = account(name).catalog;
            let (roster, changes) = open_for_customer(catalog, SYSTEM, &command).unwrap();
            assert_eq!(roster.broken(), SOUND, "{name}");
            assert!(matches!(
                changes[..],
                [Change::AccountOpened { owner: None }, Change::VerificationSent { .. }]
            ));
            assert_eq!((roster.members().count(), roster.account().revision), (0, 1));
            assert_eq!(
                roster.verification_offer(link_id(7), NOW).unwrap().login,
                Some(Permissions::All)
            );
            assert_eq!(roster.send_activation(NOW, link_id(8)), Ok(vec![]));
            let later = NOW + VERIFICATION_LIFE;
            assert_eq!(roster.send_activation(later, link_id(8)).unwrap().len(), 1);
            let roster = confirmed(roster, ANA, 7);
            assert!(roster.is_owner(ANA.user()), "{name}");
            assert_eq!(roster.parts.primaries, account(name).parts.primaries, "{name}");
            assert_eq!(roster.send_activation(later, link_id(9)), Ok(vec![]));
        }
    }

    #[test]
    fn u_11_no_login_comes_where_the_catalog_gives_none() {
        let roster = confirmed(sent(hosting().with(BEA), &to(BEA, 7)), BEA, 7);
        assert!(roster.contact(BEA.contact()).unwrap().is_verified());
        assert_eq!(roster.member_of_contact(BEA.contact()), None);
    }

    #[test]
    fn who_is_a_member_already_stays_as_they_are() {
        let roster = sent(saas_suite().with(BEA), &to(BEA, 7));
        let command = ConfirmVerification {
            user: ANA.user(),
            ..BEA.confirms(7)
        };
        let changes = roster.confirm_verification(LINK, &command);
        let roster = roster.then(changes);
        assert_eq!(roster.member(ANA.user()).unwrap().contact, Some(ANA.contact()));
    }

    #[test]
    fn more_addresses_are_verified_one_by_one_and_bring_no_login() {
        let roster = with_more(saas_suite().with(BEA), BEA, "b2");
        let roster = confirmed(sent(roster, &to_address(BEA, 7, "b2")), BEA, 7);
        let contact = roster.contact(BEA.contact()).unwrap();
        assert!(contact.more_addresses["b2@lima.example"].verified_at.is_some());
        assert!(!contact.is_verified());
        assert_eq!(roster.member_of_contact(BEA.contact()), None);
    }

    #[test]
    fn an_owner_whom_an_integration_named_fills_its_places_once_verified() {
        let roster = confirmed(sent_by_system(datacenter().not_activated(), &to(ANA, 7)), ANA, 7);
        assert_eq!(roster.primary_roles_of(ANA.contact()).len(), 4);
    }

    #[test]
    fn one_of_the_owners_more_addresses_fills_no_place() {
        let roster = with_more(mixed().not_activated(), ANA, "a2");
        let roster = confirmed(sent_by_system(roster, &to_address(ANA, 7, "a2")), ANA, 7);
        assert_eq!(roster.primary(&role("one_owner")), None);
    }

    fn sent_by_system(roster: Roster, command: &SendVerification) -> Roster {
        let changes = roster.send_verification(crate::given::SYSTEM, command);
        roster.then(changes)
    }
}
