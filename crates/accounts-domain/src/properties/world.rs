//! The account that a story is about, and how each of its commands is put to it.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::stories::{Command, Pick, Story, Who};
use crate::accounts::AccountPatch;
use crate::actor::{Actor, By};
use crate::address::EmailAddress;
use crate::api_keys::{ApiKey, KeyMode, SecretHash};
use crate::change::Change;
use crate::contacts::{ContactPatch, CreateContact};
use crate::deliverability::DeliveryReport;
use crate::erasure::erase;
use crate::given::{
    ANA, NOW, Person, account, address, chosen, contact_id, inviting, link_id, role, sending_id, transfer_id, user_id,
};
use crate::ids::{ApiKeyId, ContactId, JoinRequestId, ReviewId, UserId};
use crate::imports::{Import, ImportRow};
use crate::invitations::{InvitationRecord, Invite, Invitee, ResendInvitation};
use crate::join_requests::{Asked, Asking, JoinRequest};
use crate::keys::{CategoryKey, RoleKey};
use crate::members::MemberPatch;
use crate::names::{AccountName, DisplayName, KeyName};
use crate::ownership::{Transfer, TransferOwnership};
use crate::permission::Permissions;
use crate::review::{Evidence, RecordReview};
use crate::roles::Promote;
use crate::roster::{AccountStatus, MemberStatus, Roster};
use crate::second_factor::FactorInForce;
use crate::users::{User, given_person};
use crate::verification::{ConfirmVerification, SendVerification};
use crate::violation::Violation;

/// The account as the commands find it, and what a caller has seen of it.
pub(super) struct World {
    pub(super) roster: Roster,
    pub(super) transfers: Vec<Transfer>,
    pub(super) invitations: Vec<InvitationRecord>,
    pub(super) now: DateTime<Utc>,
    /// How many ids have been given out.
    pub(super) ids: u32,
}

type AnswerTransfer = fn(&Roster, By, &Transfer, Option<UserId>) -> Result<Vec<Change>, Violation>;

type Answer = fn(&Roster, By, &InvitationRecord, &Invitee<'_>) -> Result<Vec<Change>, Violation>;

/// The number of Ana's address, who opens the account; the others belong to the users of their numbers.
const ANAS: u32 = 0;

fn address_number(number: u32) -> EmailAddress {
    if number == ANAS {
        ANA.address()
    } else {
        address(&format!("a{number}"))
    }
}

/// What members may do.
const MOST: [&[&str]; 3] = [
    &[],
    &["contacts:manage"],
    &["contacts:manage", "roles:manage", "members:manage"],
];

/// Somebody with a second factor.
fn protected(by: By) -> User {
    let factor = FactorInForce {
        since: by.at,
        recovery_codes: 0,
    };
    User {
        deliverability: crate::deliverability::Deliverability::Unknown,
        second_factor: Some(factor),
        ..given_person().user
    }
}

fn granted(number: usize) -> Permissions {
    MOST.get(number).map_or(Permissions::All, |keys| chosen(keys))
}

fn user_of(key: &str) -> UserId {
    let number = (0..100).find(|number| address_number(*number).key() == key).unwrap();
    user_id(number + 1)
}

impl World {
    pub(super) fn begin(story: &Story) -> Self {
        let opened = account(story.catalog);
        let roster = if story.not_activated {
            opened.not_activated()
        } else {
            opened
        };
        let members = [Person(2, "A1"), Person(3, "A2"), Person(4, "A3")];
        let joined = |roster: Roster, (member, permissions): (Person, &usize)| {
            if roster.contacts_never_log_in() {
                roster.with_user_apart(member, granted(*permissions))
            } else {
                roster.with_member(member, granted(*permissions))
            }
        };
        let roster = members.into_iter().zip(&story.members).fold(roster, joined);
        Self {
            roster,
            transfers: Vec::new(),
            invitations: Vec::new(),
            now: NOW,
            ids: 100,
        }
    }

    pub(super) fn by(&self, who: Who) -> By {
        let owner = self.roster.owner();
        let offered = self
            .roster
            .parts
            .transfer
            .as_ref()
            .map_or(owner, |transfer| transfer.to);
        let user = |contact| {
            let member = self.roster.member_of_contact(contact).map(|member| member.user);
            Actor::User(member.or_else(|| self.known(contact)).unwrap())
        };
        let actor = match who {
            Who::Owner => user(owner),
            Who::Offered => user(offered),
            Who::Address(number) => Actor::User(user_id(number + 1)),
            Who::Stranger => Actor::User(user_id(99)),
            Who::System => Actor::System,
            Who::Link => Actor::Link,
        };
        By { actor, at: self.now }
    }

    fn contact(&self, pick: Pick) -> ContactId {
        let ids: Vec<_> = self.roster.contacts().map(|contact| contact.id).collect();
        pick.map_or(contact_id(99_999), |pick| ids[pick % ids.len()])
    }

    /// The user of the contact's address, where that is asked for.
    fn known(&self, contact: ContactId) -> Option<UserId> {
        let address = self.roster.successor_address(contact)?;
        Some(user_of(address.key()))
    }

    /// One of the members that are there, or nobody.
    fn member(&self, pick: Pick) -> UserId {
        let ids: Vec<_> = self.roster.members().map(|member| member.user).collect();
        pick.map_or(user_id(99_999), |pick| ids[pick % ids.len()])
    }

    /// A role of the catalog, or one that it does not know.
    fn role(&self, number: usize) -> RoleKey {
        let roles = self.roster.catalog().roles();
        roles
            .get(number)
            .map_or_else(|| role("captain"), |role| role.key.clone())
    }

    fn roles(&self, numbers: &[usize]) -> BTreeSet<RoleKey> {
        let count = self.roster.catalog().roles().len().max(1);
        numbers.iter().map(|number| self.role(number % count)).collect()
    }

    fn categories(&self, numbers: &[usize]) -> BTreeSet<CategoryKey> {
        let all = self.roster.catalog().categories();
        numbers
            .iter()
            .map(|number| all[number % all.len()].key.clone())
            .collect()
    }

    fn transfer(&self, number: usize) -> Result<&Transfer, Violation> {
        // The last ones first: they are the ones that may still wait.
        self.transfers.iter().rev().nth(number).ok_or(Violation::NotFound)
    }

    fn answer_transfer(&self, by: By, number: usize, rule: AnswerTransfer) -> Result<Vec<Change>, Violation> {
        let transfer = self.transfer(number)?;
        rule(&self.roster, by, transfer, self.known(transfer.request.to))
    }

    fn review(&self, by: By) -> Result<Vec<Change>, Violation> {
        let id = ReviewId::from_uuid(Uuid::from_u128(self.ids.into()));
        let command = RecordReview { id, note: None };
        self.roster.review(by, &command, &Evidence::default())
    }

    pub(super) fn decide(&self, by: By, command: &Command) -> Result<Vec<Change>, Violation> {
        let roster = &self.roster;
        match command {
            Command::Create { .. } => roster.create_contact(by, &self.creation(command)),
            Command::Rename(pick, name) => {
                let display_name = DisplayName::parse(&format!("Name {name}")).ok();
                self.edit(by, *pick, |patch| patch.display_name = display_name)
            }
            Command::DropPhones(pick) => self.edit(by, *pick, |patch| patch.phones = Some(Vec::new())),
            Command::ChangeAddress(pick, to) => self.edit(by, *pick, |patch| patch.address = Some(address_number(*to))),
            Command::ChangeMoreAddresses(pick, to) => {
                let more = to.iter().map(|to| address_number(*to)).collect();
                self.edit(by, *pick, |patch| patch.more_addresses = Some(more))
            }
            Command::RemoveAddress(pick, at) => {
                roster.remove_address(by, self.contact(*pick), address_number(*at).key())
            }
            Command::Report(pick, at) => {
                let reports = [DeliveryReport::Ok, DeliveryReport::Bounced, DeliveryReport::Complained];
                let contact = roster.contact(self.contact(*pick))?;
                Ok(roster.note_delivery(&contact.address.email, reports[*at]))
            }
            Command::Subscribe(pick, to) => roster.subscribe(by, self.contact(*pick), &self.categories(to)),
            Command::Remove(pick) => roster.remove_contact(by, self.contact(*pick)),
            Command::Erase(pick) => roster.erase_contact(by, self.contact(*pick)),
            Command::Send(pick, to) => {
                let address = to.map(address_number);
                let contact = self.contact(*pick);
                let command = SendVerification {
                    id: link_id(self.ids),
                    contact,
                    address,
                };
                roster.send_verification(by, &command)
            }
            Command::Confirm(number) => self.confirm(*number),
            Command::Give(pick, role) => roster.give_role(by, self.contact(*pick), &self.role(*role)),
            Command::Take(pick, role) => roster.take_role(by, self.contact(*pick), &self.role(*role)),
            Command::Promote(pick, roles) => {
                let command = Promote {
                    contact: self.contact(*pick),
                    roles: self.roles(roles),
                };
                roster.promote(by, &command)
            }
            Command::Vacate(role) => roster.vacate(by, &self.role(*role)),
            Command::Transfer(pick) => {
                let to = self.contact(*pick);
                let command = TransferOwnership {
                    id: transfer_id(self.ids),
                    to,
                };
                roster.transfer_ownership(by, &command, self.known(to))
            }
            Command::Accept(number) => self.answer_transfer(by, *number, Roster::accept_transfer),
            Command::Decline(number) => self.answer_transfer(by, *number, Roster::decline_transfer),
            Command::Cancel(number) => roster.cancel_transfer(by, self.transfer(*number)?),
            Command::Invite(to, permissions, contact) => self.invite(by, *to, *permissions, *contact),
            Command::Resend(number) => self.resend(by, *number),
            Command::Revoke(number) => self.revoke(by, *number),
            Command::Join(number) => self.answer(*number, Roster::accept_invitation),
            Command::Refuse(number) => self.answer(*number, Roster::decline_invitation),
            Command::Ask(number) => self.ask(*number),
            Command::LetIn(number, most) => roster.accept_join_request(by, self.request(*number)?.id, &granted(*most)),
            Command::TurnAway(number) => roster.decline_join_request(by, self.request(*number)?.id),
            Command::TakeBack(number) => {
                let request = self.request(*number)?;
                let actor = Actor::User(request.user);
                roster.withdraw_join_request(By { actor, at: self.now }, request.id)
            }
            Command::RenameAccount(name) => {
                let name = AccountName::parse(&format!("Account {name}")).ok();
                roster.change_account(
                    by,
                    &AccountPatch {
                        name,
                        ..AccountPatch::default()
                    },
                )
            }
            Command::RequireFactor(required) => roster.require_second_factor(by, *required, &protected(by)),
            Command::Review => self.review(by),
            Command::MakeKey(everything) => roster.make_key(by, &self.key(by, *everything)),
            Command::RevokeKey(number) => {
                let key = roster.api_keys().nth(*number).map(|key| key.id);
                roster.revoke_key(by, key.ok_or(Violation::NotFound)?)
            }
            Command::SetStatus(number) => Ok(roster.change_status(AccountStatus::ALL[*number])),
            Command::Permit(..) | Command::Suspend(_) | Command::Reinstate(_) | Command::Expire(..) => {
                let (member, patch) = self.member_patch(by, command);
                roster.change_member(by, member, &patch)
            }
            Command::SubscribeMember(pick, to) => roster.subscribe_member(by, self.member(*pick), &self.categories(to)),
            Command::Expel(pick) => roster.remove_member(by, self.member(*pick)),
            Command::Leave => roster.leave_account(by),
            Command::Import(rows) => self.import(by, rows),
            Command::EraseMe => self.erase_me(by),
        }
    }

    fn import(&self, by: By, rows: &[(u32, Option<usize>)]) -> Result<Vec<Change>, Violation> {
        let row = |((address, login), number): (&(u32, Option<usize>), u32)| {
            let id = 10_000 + 10 * self.ids + number;
            ImportRow {
                contact: CreateContact {
                    id: contact_id(id),
                    address: address_number(*address),
                    login: login.map(granted),
                    ..ANA.added()
                },
                invitation: inviting(ANA, id, Permissions::none()).id,
                sending: sending_id(id),
            }
        };
        let import = Import {
            rows: rows.iter().zip(0..).map(row).collect(),
            by_name: None,
        };
        let keys = (0..7).map(|number| (address_number(number).key().to_owned(), user_id(number + 1)));
        let (changes, outcome) = self.roster.import(by, &import, &keys.collect())?;
        match outcome.iter().find_map(|row| row.clone().err()) {
            Some(violation) => Err(violation),
            None => Ok(changes),
        }
    }

    fn erase_me(&self, by: By) -> Result<Vec<Change>, Violation> {
        let user = by.actor.user().ok_or(Violation::PersonOnly)?;
        let number = (0..100).find(|number| user_id(number + 1) == user);
        let own = address_number(number.ok_or(Violation::NotFound)?);
        let own_keys = BTreeSet::from([own.key().to_owned()]);
        let changes = erase(by, user, &own_keys, &[&self.roster])?;
        Ok(changes.into_iter().flatten().collect())
    }

    /// The person who logs in with this address asks for access.
    fn ask(&self, number: u32) -> Result<Vec<Change>, Violation> {
        let user = user_id(number + 1);
        let id = JoinRequestId::from_uuid(Uuid::from_u128(self.ids.into()));
        let asked = Asked::Account(self.roster.account().id);
        let asking = Asking {
            name: DisplayName::parse("Somebody").unwrap(),
            address: address_number(number),
        };
        let actor = Actor::User(user);
        let request = JoinRequest::new(id, user, asked, None, self.now);
        self.roster.ask_to_join(By { actor, at: self.now }, &request, &asking)
    }

    fn request(&self, number: usize) -> Result<&JoinRequest, Violation> {
        let mut requests = self.roster.parts.join_requests.values();
        requests.nth(number).ok_or(Violation::NotFound)
    }

    /// A key that the actor asks for; the service asks in the name of nobody.
    fn key(&self, by: By, everything: bool) -> ApiKey {
        ApiKey {
            id: ApiKeyId::from_uuid(Uuid::from_u128(self.ids.into())),
            maker: by.actor.user().unwrap_or(ANA.user()),
            name: KeyName::parse("Key").unwrap(),
            mode: KeyMode::Live,
            permissions: if everything {
                Permissions::All
            } else {
                chosen(&["contacts:view"])
            },
            accounts: None,
            expires_at: None,
            created_at: by.at,
            secret: SecretHash(String::new()),
        }
    }

    fn edit(&self, by: By, pick: Pick, what: impl FnOnce(&mut ContactPatch)) -> Result<Vec<Change>, Violation> {
        let mut patch = ContactPatch::default();
        what(&mut patch);
        self.roster.change_contact(by, self.contact(pick), &patch)
    }

    fn member_patch(&self, by: By, command: &Command) -> (UserId, MemberPatch) {
        let mut patch = MemberPatch::default();
        let pick = if let Command::Permit(pick, most) = command {
            patch.permissions = Some(granted(*most));
            pick
        } else if let Command::Suspend(pick) = command {
            patch.status = Some(MemberStatus::Suspended);
            pick
        } else if let Command::Reinstate(pick) = command {
            patch.status = Some(MemberStatus::Active);
            pick
        } else if let Command::Expire(pick, days) = command {
            patch.expires_at = Some(days.map(|days| by.at + TimeDelta::days(days)));
            pick
        } else {
            panic!("{command:?} changes no membership")
        };
        (self.member(*pick), patch)
    }

    /// Invites the address, or the main one of a contact.
    fn invite(&self, by: By, to: u32, permissions: usize, contact: Pick) -> Result<Vec<Change>, Violation> {
        let contact = contact.map(|pick| self.contact(Some(pick)));
        let own = contact.and_then(|contact| self.roster.contact(contact).ok());
        let address = own.map_or_else(|| address_number(to), |contact| contact.address.email.clone());
        let known = user_of(address.key());
        let command = Invite {
            address,
            contact,
            ..inviting(ANA, self.ids, granted(permissions))
        };
        self.roster.invite(by, &command, Some(known))
    }

    fn resend(&self, by: By, number: usize) -> Result<Vec<Change>, Violation> {
        let record = self.invitation(number).ok_or(Violation::NotFound)?;
        let command = ResendInvitation {
            sending: sending_id(self.ids),
            by_name: None,
        };
        let known = user_of(record.invitation.address.key());
        self.roster.resend_invitation(by, record, &command, Some(known))
    }

    fn revoke(&self, by: By, number: usize) -> Result<Vec<Change>, Violation> {
        let record = self.invitation(number).ok_or(Violation::NotFound)?;
        self.roster.revoke_invitation(by, record)
    }

    fn creation(&self, command: &Command) -> CreateContact {
        let Command::Create {
            address,
            more,
            roles,
            login,
            bare,
        } = command
        else {
            panic!("{command:?} creates nobody")
        };
        let mut profile = ANA.profile();
        if *bare {
            profile.phones.clear();
        }
        CreateContact {
            id: contact_id(self.ids),
            profile,
            address: address_number(*address),
            more_addresses: more.iter().map(|number| address_number(*number)).collect(),
            roles: self.roles(roles),
            login: login.map(granted),
            subscriptions: BTreeSet::new(),
        }
    }

    /// Whoever reads the mail of the address follows the link.
    fn confirm(&self, number: usize) -> Result<Vec<Change>, Violation> {
        let links: Vec<_> = self.roster.parts.verifications.values().collect();
        let link = links.get(number % links.len().max(1)).ok_or(Violation::LinkExpired)?;
        let command = ConfirmVerification {
            id: link.id,
            user: user_of(&link.address_key),
        };
        self.roster.confirm_verification(
            By {
                actor: Actor::Link,
                at: self.now,
            },
            &command,
        )
    }

    fn invitation(&self, number: usize) -> Option<&InvitationRecord> {
        self.invitations.iter().rev().nth(number)
    }

    /// Whoever reads the mail of the address answers.
    fn answer(&self, number: usize, rule: Answer) -> Result<Vec<Change>, Violation> {
        let record = self.invitation(number).ok_or(Violation::NotFound)?;
        let address_key = record.invitation.address.key();
        let invitee = Invitee {
            user: user_of(address_key),
            address_key,
        };
        let by = By {
            actor: Actor::Link,
            at: self.now,
        };
        rule(&self.roster, by, record, &invitee)
    }

    /// The changes with what follows from them.
    pub(super) fn with_consequences(&self, changes: Vec<Change>) -> Vec<Change> {
        let left = changes.iter().filter_map(|change| {
            if let Change::MemberRemoved { user, .. } | Change::MemberLeft { user, .. } = change {
                let number = (0..100).find(|number| user_id(number + 1) == *user)?;
                Some(address_number(number).key().to_owned())
            } else {
                None
            }
        });
        let left = left.collect();
        self.roster.with_consequences(changes, self.now, &left)
    }

    pub(super) fn remember(&mut self, changes: &[Change]) {
        for record in &mut self.invitations {
            *record = record.clone().after(changes, self.now);
        }
        for change in changes {
            if let Change::InvitationSent { invitation, .. } = change {
                self.invitations.push(InvitationRecord {
                    invitation: (**invitation).clone(),
                    inviter_name: None,
                    ended: None,
                });
            }
            if let Change::TransferRequested { transfer } = change {
                let request = transfer.clone();
                self.transfers.push(Transfer {
                    request,
                    ended: None,
                    version: 1,
                });
            }
            if let Change::TransferEnded { transfer: id, outcome } = change {
                let ended = self.transfers.iter_mut().find(|transfer| transfer.request.id == *id);
                ended.unwrap().ended = Some((*outcome, self.now));
            }
        }
    }
}
