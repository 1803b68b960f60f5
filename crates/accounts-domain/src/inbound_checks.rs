//! What a help desk asks before it listens: whose address is that, may it open or answer tickets of this account, and
//! why?

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::access_checks::Login;
use crate::address::EmailAddress;
use crate::catalog::{Category, InboundRight};
use crate::ids::{ContactId, UserId};
use crate::keys::PermissionKey;
use crate::members::Standing;
use crate::permission::Permissions;
use crate::recipients::Opener;
use crate::roster::{AccountStatus, Contact, Roster};
use crate::users::UserStatus;

/// A mail that came in.
#[derive(Debug, Clone, Copy)]
pub struct Mailed<'a> {
    /// Who sent it. Whoever else the mail was sent to gets no right by that.
    pub sender: &'a EmailAddress,
    /// The user who logs in with the sender's address, if a member does.
    pub login: Option<Login>,
    /// What it is about, as far as that is known: the department that tickets are addressed to.
    pub category: Option<&'a Category>,
    /// Who opened the ticket that it answers, if it answers one.
    pub opened_by: Option<Opener>,
    /// Whether that is somebody of another account. Somebody who is in none any more is not.
    pub opener_elsewhere: bool,
    /// Whether the mail concerns this account by what else is known of it, whoever sent it, and not for its sender alone.
    pub account_named: bool,
}

/// Why somebody is heard.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Voice {
    /// The address is a verified one of a contact (K-14).
    Contact,
    /// The member owns the account.
    Owner,
    /// The member has the permission.
    Permission(PermissionKey),
    /// Nobody knows the address, and the provider hears those, too.
    UnknownSender,
}

/// Why somebody is not heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Silence {
    /// There is no such account.
    UnknownAccount,
    /// The account is suspended.
    AccountSuspended,
    /// The account is closed.
    AccountClosed,
    /// It is a contact's address, and mail to it was never proven to arrive: anybody could write it down.
    Unverified,
    /// The ticket was opened by somebody of another account, and so is none of this one.
    OpenerElsewhere,
    /// The contact did not open this ticket, and hears of its own alone (K-16).
    NotOwnItem,
    /// The provider does not hear contacts.
    ContactsNotHeard,
    /// The provider holds the user's log-in back.
    UserSuspended,
    /// The membership is held back.
    MemberSuspended,
    /// The membership has ended by itself.
    MembershipExpired,
    /// The member has no permission that lets mail in.
    LacksPermission,
    /// The account does not know the address (O-03).
    UnknownSender,
}

impl Silence {
    /// Every reason, in the order in which they are told.
    pub const ALL: [Self; 12] = [
        Self::UnknownAccount,
        Self::AccountSuspended,
        Self::AccountClosed,
        Self::Unverified,
        Self::OpenerElsewhere,
        Self::NotOwnItem,
        Self::ContactsNotHeard,
        Self::UserSuspended,
        Self::MemberSuspended,
        Self::MembershipExpired,
        Self::LacksPermission,
        Self::UnknownSender,
    ];

    /// The name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnknownAccount => "unknown_account",
            Self::AccountSuspended => "account_suspended",
            Self::AccountClosed => "account_closed",
            Self::Unverified => "unverified",
            Self::OpenerElsewhere => "opener_elsewhere",
            Self::NotOwnItem => "not_own_item",
            Self::ContactsNotHeard => "contacts_not_heard",
            Self::UserSuspended => "user_suspended",
            Self::MemberSuspended => "member_suspended",
            Self::MembershipExpired => "membership_expired",
            Self::LacksPermission => "lacks_permission",
            Self::UnknownSender => "unknown_sender",
        }
    }
}

/// What a sender may do, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authority {
    /// This, for all of these reasons; there is at least one.
    Heard(InboundRight, BTreeSet<Voice>),
    /// Nothing.
    Unheard(Silence),
}

impl Authority {
    /// What the sender may do.
    pub fn right(&self) -> InboundRight {
        match self {
            Self::Heard(right, _) => *right,
            Self::Unheard(_) => InboundRight::None,
        }
    }
}

/// Who a sender is in one account, and what it may do there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// The contact that has the address, verified or not.
    pub contact: Option<ContactId>,
    /// The member who logs in with the address.
    pub user: Option<UserId>,
    /// What it may do.
    pub authority: Authority,
}

impl Sender {
    /// Who opens a ticket by this mail.
    pub fn opener(&self) -> Option<Opener> {
        let contact = self.contact.map(Opener::Contact);
        contact.or_else(|| self.user.map(Opener::User))
    }
}

/// What speaks for the sender, or against it.
type Finding = Result<(InboundRight, Voice), Silence>;

impl Roster {
    /// Who the sender of a mail is in this account at that moment, and whether it speaks for the account. A sender who is
    /// a contact and a member may do what either may; whoever is held back as a member is not heard as a contact either. A
    /// log-in that the provider holds back is known by the address that it has.
    pub fn sender(&self, mail: Mailed<'_>, at: DateTime<Utc>) -> Sender {
        let contact = self.contact_with_address(mail.sender.key());
        let member = mail.login.filter(|login| self.member(login.user).is_some());
        let findings = contact
            .map(|contact| vec![self.contact_heard(contact, mail)])
            .into_iter()
            .chain(member.map(|login| self.member_heard(login, at)))
            .flatten();
        let authority = match self.account().status {
            AccountStatus::Suspended => Authority::Unheard(Silence::AccountSuspended),
            AccountStatus::Closed => Authority::Unheard(Silence::AccountClosed),
            AccountStatus::Active if self.is_foreign(mail) => Authority::Unheard(Silence::OpenerElsewhere),
            AccountStatus::Active => match self.held_back(contact, member, at) {
                Some(silence) => Authority::Unheard(silence),
                None => self.weighed(findings.collect(), mail.account_named),
            },
        };
        Sender {
            contact: contact.map(|contact| contact.id),
            user: member.map(|login| login.user),
            authority,
        }
    }

    /// Who opened what a mail is about: whoever the ticket's opener is, as far as this account knows it, and of a new ticket
    /// the sender.
    pub fn opener_of(&self, opened_by: Option<Opener>, sender: &Sender) -> Option<Opener> {
        match opened_by {
            Some(opener) => Some(opener).filter(|opener| self.knows(*opener)),
            None => sender.opener(),
        }
    }

    /// Whether a mail answers a ticket of another account. A contact belongs to one account; a user may have been a member
    /// here when it opened the ticket, and whoever names the account says that the ticket is its.
    fn is_foreign(&self, mail: Mailed<'_>) -> bool {
        let Some(opener) = mail.opened_by else { return false };
        let known_by_account = match opener {
            Opener::Contact(_) => false,
            Opener::User(_) => mail.account_named,
        };
        mail.opener_elsewhere && !known_by_account && !self.knows(opener)
    }

    /// What holds a sender back who is a member, by this address or as the contact that has it.
    fn held_back(&self, contact: Option<&Contact>, login: Option<Login>, at: DateTime<Utc>) -> Option<Silence> {
        if login.is_some_and(|login| login.status == UserStatus::Suspended) {
            return Some(Silence::UserSuspended);
        }
        let by_contact = contact.and_then(|contact| self.member_of_contact(contact.id));
        let by_login = login.and_then(|login| self.member(login.user));
        let mut members = by_contact.into_iter().chain(by_login);
        members
            .any(|member| member.standing(at) == Standing::Suspended)
            .then_some(Silence::MemberSuspended)
    }

    /// The strongest right of all that speaks for the sender, with whatever gives one; else the first reason against it. An
    /// address that was only written down takes nothing away from what a stranger may do in an account that was named.
    fn weighed(&self, findings: Vec<Finding>, account_named: bool) -> Authority {
        let strangers = self.catalog().inbound().unknown_senders;
        let unproven = findings.iter().all(|finding| *finding == Err(Silence::Unverified));
        if findings.is_empty() || unproven && account_named && strangers != InboundRight::None {
            return unknown(strangers);
        }
        let heard: Vec<&(InboundRight, Voice)> = findings.iter().flatten().collect();
        if let Some(right) = heard.iter().map(|(right, _)| *right).max() {
            return Authority::Heard(right, heard.into_iter().map(|(_, voice)| voice.clone()).collect());
        }
        let against = findings.into_iter().filter_map(Result::err).min();
        Authority::Unheard(against.unwrap_or(Silence::UnknownSender))
    }

    fn contact_heard(&self, contact: &Contact, mail: Mailed<'_>) -> Finding {
        if !is_verified(contact, mail.sender.key()) {
            return Err(Silence::Unverified);
        }
        let own_only = match mail.category {
            Some(category) => category.own_items_only,
            // It may be any of them.
            None => self
                .catalog()
                .categories()
                .iter()
                .any(|category| category.own_items_only),
        };
        if let Some(opener) = mail.opened_by
            && own_only
            && contact.id != self.owner()
            && !self.opened(opener, contact.id)
        {
            return Err(Silence::NotOwnItem);
        }
        match self.catalog().inbound().contacts {
            InboundRight::None => Err(Silence::ContactsNotHeard),
            right @ (InboundRight::Reply | InboundRight::Open) => Ok((right, Voice::Contact)),
        }
    }

    fn member_heard(&self, login: Login, at: DateTime<Utc>) -> Vec<Finding> {
        if self.live_member(login.user, at).is_none() {
            return vec![Err(Silence::MembershipExpired)];
        }
        let permissions = self.permissions_of(login.user, at).unwrap_or_else(Permissions::none);
        let inbound = self.catalog().inbound();
        let given = inbound
            .members
            .iter()
            .filter(|(key, right)| **right != InboundRight::None && permissions.contains(key));
        let voice = |key: &PermissionKey| {
            if self.is_owner(login.user) {
                Voice::Owner
            } else {
                Voice::Permission(key.clone())
            }
        };
        let heard: Vec<Finding> = given.map(|(key, right)| Ok((*right, voice(key)))).collect();
        if heard.is_empty() {
            vec![Err(Silence::LacksPermission)]
        } else {
            heard
        }
    }

    /// Whether this contact is who opened the ticket, by mail or as the user that it is.
    fn opened(&self, opener: Opener, contact: ContactId) -> bool {
        match opener {
            Opener::Contact(opener) => opener == contact,
            Opener::User(user) => self.member(user).is_some_and(|member| member.contact == Some(contact)),
        }
    }
}

/// What a sender may do whom nobody knows.
pub fn unknown(right: InboundRight) -> Authority {
    match right {
        InboundRight::None => Authority::Unheard(Silence::UnknownSender),
        InboundRight::Reply | InboundRight::Open => Authority::Heard(right, BTreeSet::from([Voice::UnknownSender])),
    }
}

/// Whether this address of the contact is proven: the main one, or one of the more. One that waits is not.
fn is_verified(contact: &Contact, key: &str) -> bool {
    if contact.address.email.key() == key {
        return contact.is_verified();
    }
    let more = contact.more_addresses.get(key);
    more.is_some_and(|address| address.verified_at.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::given::{
        ANA, BEA, CEM, NOW, Person, ZOE, address, category, chosen, hosting, moment, permission, standard, telephony,
    };

    fn login(person: Person) -> Login {
        Login {
            user: person.user(),
            status: UserStatus::Active,
        }
    }

    fn wrote(roster: &Roster, person: Person) -> Sender {
        asked(roster, &person.address(), Some(login(person)), None)
    }

    fn asked(roster: &Roster, sender: &EmailAddress, login: Option<Login>, about: Option<(&str, Opener)>) -> Sender {
        let about = about.map(|(key, opener)| (Some(key), opener));
        asked_of(roster, sender, login, about)
    }

    /// The same, where it may be known who opened the ticket and not what it is about.
    fn asked_of(
        roster: &Roster,
        sender: &EmailAddress,
        login: Option<Login>,
        about: Option<(Option<&str>, Opener)>,
    ) -> Sender {
        let category = about.and_then(|(key, _)| roster.catalog().category(&category(key?)));
        let mail = Mailed {
            sender,
            login,
            category,
            opened_by: about.map(|(_, opener)| opener),
            opener_elsewhere: false,
            account_named: false,
        };
        roster.sender(mail, NOW)
    }

    fn heard<const N: usize>(right: InboundRight, voices: [Voice; N]) -> Authority {
        Authority::Heard(right, voices.into())
    }

    /// A user of the hosting provider, who is no contact.
    fn with_user(roster: Roster, person: Person, permissions: Permissions) -> Roster {
        roster.then(Ok(vec![crate::change::Change::MemberAdded {
            user: person.user(),
            contact: None,
            permissions,
        }]))
    }

    #[test]
    fn k_14_a_verified_contact_opens_tickets_and_an_unverified_one_does_not() {
        let roster = hosting().with(BEA);
        let silent = wrote(&roster, BEA);
        assert_eq!(silent.authority, Authority::Unheard(Silence::Unverified));
        assert_eq!((silent.contact, silent.user), (Some(BEA.contact()), None));
        let bea = wrote(&roster.with_proof(BEA), BEA);
        assert_eq!(bea.authority, heard(InboundRight::Open, [Voice::Contact]));
        assert_eq!(bea.opener(), Some(Opener::Contact(BEA.contact())));
    }

    #[test]
    fn more_addresses_speak_once_they_are_proven_and_one_that_waits_does_not() {
        let roster = hosting().with_verified(BEA);
        let patch = crate::contacts::ContactPatch {
            address: Some(address("bea.new")),
            more_addresses: Some(vec![address("bea.more")]),
            ..crate::contacts::ContactPatch::default()
        };
        let changes = roster.change_contact(ANA.by(), BEA.contact(), &patch);
        let roster = roster.then(changes);
        for silent in [address("bea.new"), address("bea.more")] {
            let sender = asked(&roster, &silent, None, None);
            assert_eq!(sender.authority, Authority::Unheard(Silence::Unverified), "{silent}");
        }
        let proven = crate::change::Change::AddressVerified {
            contact: BEA.contact(),
            address: address("bea.more"),
            at: NOW,
        };
        let roster = roster.then(Ok(vec![proven]));
        let sender = asked(&roster, &address("BEA.more"), None, None);
        assert_eq!(sender.authority, heard(InboundRight::Open, [Voice::Contact]));
    }

    #[test]
    fn k_16_a_contact_answers_its_own_tickets_alone() {
        let roster = hosting().with_verified(BEA).with_verified(CEM);
        let about = |opener| Some(("support_replies", opener));
        let ask = |person: Person, opener| asked(&roster, &person.address(), None, about(opener)).authority;
        let bea = Opener::Contact(BEA.contact());
        assert_eq!(ask(BEA, bea), heard(InboundRight::Open, [Voice::Contact]));
        assert_eq!(ask(CEM, bea), Authority::Unheard(Silence::NotOwnItem));
        assert_eq!(ask(ANA, bea), heard(InboundRight::Open, [Voice::Contact]));
        let other = asked(&roster, &CEM.address(), None, Some(("invoices", bea)));
        assert_eq!(other.authority, heard(InboundRight::Open, [Voice::Contact]));
        // What is not said to be of another category may be of this one.
        let bare = |person: Person| asked_of(&roster, &person.address(), None, Some((None, bea))).authority;
        assert_eq!(bare(BEA), heard(InboundRight::Open, [Voice::Contact]));
        assert_eq!(bare(CEM), Authority::Unheard(Silence::NotOwnItem));
        assert_eq!(bare(ANA), heard(InboundRight::Open, [Voice::Contact]));
    }

    #[test]
    fn nobody_answers_a_ticket_of_another_account() {
        let roster = hosting().with_verified(BEA);
        let of = |opener, opener_elsewhere, account_named| {
            let mail = Mailed {
                sender: &ANA.address(),
                login: Some(login(ANA)),
                category: None,
                opened_by: Some(opener),
                opener_elsewhere,
                account_named,
            };
            roster.sender(mail, NOW).authority
        };
        let refused = Authority::Unheard(Silence::OpenerElsewhere);
        let (bea, zoe) = (Opener::Contact(BEA.contact()), Opener::Contact(ZOE.contact()));
        assert_eq!(of(zoe, true, false), refused);
        assert_eq!(of(zoe, true, true), refused);
        // Of this account, or of none any more.
        assert_eq!(of(bea, true, false).right(), InboundRight::Open);
        assert_eq!(of(zoe, false, false).right(), InboundRight::Open);
        // A user may have left the account that is named.
        let left = Opener::User(ZOE.user());
        assert_eq!(of(left, true, false), refused);
        assert_eq!(of(left, true, true).right(), InboundRight::Open);
    }

    #[test]
    fn an_address_that_was_only_written_down_takes_nothing_away_from_strangers() {
        let document = crate::catalog::Catalog::preset("standard").unwrap();
        let open = document.replace("unknown_senders = \"none\"", "unknown_senders = \"reply\"");
        assert_ne!(open, document);
        let catalog = std::sync::Arc::new(crate::catalog::Catalog::parse(&open).unwrap());
        let roster = Roster::new(standard().with(BEA).parts().clone(), catalog);
        let named = |account_named| {
            let mail = Mailed {
                sender: &BEA.address(),
                login: None,
                category: None,
                opened_by: None,
                opener_elsewhere: false,
                account_named,
            };
            roster.sender(mail, NOW).authority
        };
        assert_eq!(named(true), heard(InboundRight::Reply, [Voice::UnknownSender]));
        // Whoever wrote it down does not make the stranger speak for the account.
        assert_eq!(named(false), Authority::Unheard(Silence::Unverified));
        let strict = standard().with(BEA);
        assert_eq!(wrote(&strict, BEA).authority, Authority::Unheard(Silence::Unverified));
    }

    #[test]
    fn whoever_is_held_back_as_a_member_is_not_heard_as_a_contact() {
        let roster = standard().with_member(BEA, Permissions::All);
        assert_eq!(wrote(&roster, BEA).authority.right(), InboundRight::Open);
        let suspended = roster.clone().suspended_member(BEA);
        let refused = Authority::Unheard(Silence::MemberSuspended);
        assert_eq!(wrote(&suspended, BEA).authority, refused);
        // Nor by the contact's address where the log-in has another.
        assert_eq!(asked(&suspended, &BEA.address(), None, None).authority, refused);
        let ended = roster.expiring_member(BEA, moment(60));
        assert_eq!(
            wrote(&ended, BEA).authority,
            heard(InboundRight::Open, [Voice::Contact])
        );
    }

    #[test]
    fn a_member_may_what_its_permissions_say_the_strongest_first() {
        let roster = with_user(hosting(), BEA, chosen(&["tickets:view"]));
        let sees = Voice::Permission(permission("tickets:view"));
        let bea = wrote(&roster, BEA);
        assert_eq!(bea.authority, heard(InboundRight::Reply, [sees.clone()]));
        assert_eq!(bea.opener(), Some(Opener::User(BEA.user())));
        let roster = with_user(roster, CEM, chosen(&["tickets:view", "tickets:open"]));
        let opens = Voice::Permission(permission("tickets:open"));
        assert_eq!(wrote(&roster, CEM).authority, heard(InboundRight::Open, [sees, opens]));
        let roster = with_user(roster, ZOE, Permissions::none());
        assert_eq!(
            wrote(&roster, ZOE).authority,
            Authority::Unheard(Silence::LacksPermission)
        );
        let owner = wrote(&roster, ANA);
        assert_eq!(
            owner.authority,
            heard(InboundRight::Open, [Voice::Contact, Voice::Owner])
        );
        assert_eq!((owner.contact, owner.user), (Some(ANA.contact()), Some(ANA.user())));
    }

    #[test]
    fn members_who_may_not_enter_are_not_heard() {
        let roster = with_user(hosting(), BEA, Permissions::All);
        let suspended = roster.clone().suspended_member(BEA);
        assert_eq!(
            wrote(&suspended, BEA).authority,
            Authority::Unheard(Silence::MemberSuspended)
        );
        let ended = roster.clone().expiring_member(BEA, moment(60));
        assert_eq!(
            wrote(&ended, BEA).authority,
            Authority::Unheard(Silence::MembershipExpired)
        );
        let held_back = Login {
            status: UserStatus::Suspended,
            ..login(BEA)
        };
        let sender = asked(&roster, &BEA.address(), Some(held_back), None);
        assert_eq!(sender.authority, Authority::Unheard(Silence::UserSuspended));
    }

    #[test]
    fn what_is_proven_by_the_log_in_counts_beside_an_unverified_contact() {
        let roster = with_user(hosting().with(BEA), BEA, chosen(&["tickets:view"]));
        let bea = wrote(&roster, BEA);
        assert_eq!(bea.authority.right(), InboundRight::Reply);
        assert_eq!((bea.contact, bea.user), (Some(BEA.contact()), Some(BEA.user())));
    }

    #[test]
    fn o_03_nobody_but_the_contact_persons_is_heard() {
        let roster = with_user(telephony().with_verified(BEA), CEM, Permissions::All);
        assert_eq!(wrote(&roster, BEA).authority.right(), InboundRight::Open);
        assert_eq!(
            wrote(&roster, CEM).authority,
            Authority::Unheard(Silence::LacksPermission)
        );
        assert_eq!(
            wrote(&roster, ZOE).authority,
            Authority::Unheard(Silence::UnknownSender)
        );
        assert_eq!(
            wrote(&roster, ANA).authority,
            heard(InboundRight::Open, [Voice::Contact])
        );
    }

    #[test]
    fn an_account_that_is_not_in_use_hears_nobody_and_says_who_it_was() {
        for (status, silence) in [
            (AccountStatus::Suspended, Silence::AccountSuspended),
            (AccountStatus::Closed, Silence::AccountClosed),
        ] {
            let sender = wrote(&standard().in_status(status), ANA);
            assert_eq!(sender.authority, Authority::Unheard(silence));
            assert_eq!(sender.contact, Some(ANA.contact()));
        }
    }

    #[test]
    fn unknown_senders_may_what_the_catalog_says() {
        assert_eq!(unknown(InboundRight::None), Authority::Unheard(Silence::UnknownSender));
        assert_eq!(
            unknown(InboundRight::Open),
            heard(InboundRight::Open, [Voice::UnknownSender])
        );
    }

    #[test]
    fn every_silence_has_a_name_of_its_own() {
        let names: BTreeSet<&str> = Silence::ALL.into_iter().map(Silence::as_str).collect();
        assert_eq!(names.len(), Silence::ALL.len());
    }
}
