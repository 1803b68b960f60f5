//! Who receives a notice, and why: the audience of its category, and the steps that are taken where that is nobody.

mod words;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use crate::address::EmailAddress;
use crate::catalog::{Audience, Category, Fallback};
use crate::deliverability::Deliverability;
use crate::ids::{ContactId, UserId};
use crate::keys::{CategoryKey, RoleKey};
use crate::language::Language;
use crate::members::Standing;
use crate::names::{DisplayName, sort_key};
use crate::roster::{Contact, Roster};
use crate::users::UserStatus;
use crate::violation::Violation;

pub use words::{Exclusion, Ground, Listener, Opener, Step, UnknownOpener};

/// Who a member is, as far as notices go. It is the person's own, and no part of the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reader {
    /// The user.
    pub user: UserId,
    /// How the person is called.
    pub display_name: DisplayName,
    /// The address that the person logs in with, which was proven.
    pub address: EmailAddress,
    /// The person's language.
    pub language: Language,
    /// Whether the person may log in at all.
    pub status: UserStatus,
    /// Whether mail to the address arrives, as was reported.
    pub deliverability: Deliverability,
}

/// The members' persons, by user.
pub type Readers = BTreeMap<UserId, Reader>;

/// Somebody who receives a notice. A contact and a member of one address are one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// The contact.
    pub contact: Option<ContactId>,
    /// The member.
    pub user: Option<UserId>,
    /// How it is called.
    pub display_name: DisplayName,
    /// Where the notice goes.
    pub address: EmailAddress,
    /// In which language.
    pub language: Language,
    /// Why, at least one.
    pub grounds: BTreeSet<Ground>,
}

/// Somebody who has a ground to be told and is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excluded {
    /// Who.
    pub listener: Listener,
    /// The grounds, at least one.
    pub grounds: BTreeSet<Ground>,
    /// Why not.
    pub exclusion: Exclusion,
}

/// Who receives a notice of a category, and who does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution {
    /// The category.
    pub category: CategoryKey,
    /// The step that found whom the notice is addressed to.
    pub step: Step,
    /// To whom it is addressed, by name.
    pub to: Vec<Recipient>,
    /// Who gets a copy, by name.
    pub cc: Vec<Recipient>,
    /// Who has a ground to be told and is not.
    pub excluded: Vec<Excluded>,
}

/// What a notice is about.
#[derive(Debug, Clone, Copy)]
enum About {
    /// Whatever anybody opened: to each contact its own.
    Anything,
    /// One item, and who opened it, if that is known.
    Item(Option<Opener>),
}

/// A question of who is told, with all that the answer depends on besides the account.
#[derive(Debug, Clone, Copy)]
struct Notice<'a> {
    category: &'a Category,
    about: About,
    /// Who the members are; nothing where that is not looked at.
    readers: Option<&'a Readers>,
    at: DateTime<Utc>,
}

type Grounds = BTreeMap<Listener, BTreeSet<Ground>>;

/// Who is told before addresses are looked at.
#[derive(Debug, Default)]
struct Hearing {
    told: Grounds,
    excluded: BTreeMap<Listener, (BTreeSet<Ground>, Exclusion)>,
    fallback: Option<Step>,
}

impl Roster {
    /// Who receives a notice of this category at that moment, and why. `opened_by` is who opened what the notice is
    /// about: a contact is told of its own tickets alone, the owner of all, a member who has the category's permission
    /// of all, too (K-15, K-16, K-22).
    ///
    /// A mandatory category never loses its last recipient: the catalog has its owner in the audience or in the fallback,
    /// the owner is verified from the moment on at which somebody owns the account, and is tried where nobody else is
    /// left, though mail came back.
    ///
    /// # Errors
    /// [`Violation::UnknownCategory`] for a category that the catalog does not have; [`Violation::NotFound`] for an
    /// opener who is nobody of the account.
    pub fn recipients(
        &self,
        category: &CategoryKey,
        opened_by: Option<Opener>,
        readers: &Readers,
        at: DateTime<Utc>,
    ) -> Result<Resolution, Violation> {
        let policy = self
            .catalog()
            .category(category)
            .ok_or_else(|| Violation::UnknownCategory {
                category: category.clone(),
            })?;
        if !opened_by.is_none_or(|opener| self.knows(opener)) {
            return Err(Violation::NotFound);
        }
        let hearing = self.hearing(&Notice {
            category: policy,
            about: About::Item(opened_by),
            readers: Some(readers),
            at,
        });
        Ok(self.addressed(category, hearing, readers))
    }

    /// The contacts that a category reaches at that moment, each by what it opened itself where that matters.
    pub fn hearers(&self, category: &CategoryKey, at: DateTime<Utc>) -> BTreeSet<ContactId> {
        let contact = |listener: &Listener| match listener {
            Listener::Contact(id) => Some(*id),
            Listener::Member(_) => None,
        };
        self.listeners(category, at).iter().filter_map(contact).collect()
    }

    /// Everybody whom a category reaches at that moment, whatever is reported of the members' own addresses.
    pub(crate) fn listeners(&self, category: &CategoryKey, at: DateTime<Utc>) -> BTreeSet<Listener> {
        let Some(policy) = self.catalog().category(category) else {
            return BTreeSet::new();
        };
        let hearing = self.hearing(&Notice {
            category: policy,
            about: About::Anything,
            readers: None,
            at,
        });
        hearing.told.into_keys().collect()
    }

    /// Whether the opener is somebody of this account.
    pub fn knows(&self, opener: Opener) -> bool {
        match opener {
            Opener::Contact(contact) => self.contact(contact).is_ok(),
            Opener::User(user) => self.member(user).is_some(),
        }
    }

    fn hearing(&self, notice: &Notice<'_>) -> Hearing {
        let mut hearing = Hearing::default();
        let audience = self.audience(notice.category);
        self.pass_over(notice, &audience, &mut hearing);
        self.admit(notice, audience, &mut hearing);
        for step in steps_of(notice.category.fallback) {
            if !hearing.told.is_empty() {
                break;
            }
            hearing.fallback = Some(*step);
            self.admit(notice, self.found_by(*step), &mut hearing);
        }
        if notice.category.mandatory && hearing.told.is_empty() {
            self.insist(&mut hearing);
        }
        hearing
    }

    /// Lets the owner's address be tried though mail came back from it: there is no other.
    fn insist(&self, hearing: &mut Hearing) {
        let owner = Listener::Contact(self.owner());
        let refused =
            |(_, exclusion): &&(_, Exclusion)| matches!(exclusion, Exclusion::Bounced | Exclusion::Complained);
        if let Some((grounds, _)) = hearing.excluded.get(&owner).filter(refused).cloned() {
            hearing.excluded.remove(&owner);
            hearing.told.insert(owner, grounds);
        }
    }

    /// Everybody of the category's audience, with each ground.
    fn audience(&self, category: &Category) -> Grounds {
        let mut found = Grounds::new();
        for audience in &category.audience {
            match audience {
                Audience::RoleHolders => {
                    let roles = self.catalog().roles().iter();
                    for role in roles.filter(|role| role.categories.contains(&category.key)) {
                        self.add_holders(&role.key, &mut found);
                    }
                }
                Audience::Subscribers => {
                    for listener in self.subscribers(&category.key) {
                        found.entry(listener).or_default().insert(Ground::Subscriber);
                    }
                }
                Audience::Owner => {
                    let owner = Listener::Contact(self.owner());
                    found.entry(owner).or_default().insert(Ground::Owner);
                }
            }
        }
        found
    }

    fn add_holders(&self, role: &RoleKey, found: &mut Grounds) {
        for holder in self.holders(role) {
            let ground = if self.primary(role) == Some(holder) {
                Ground::PrimaryHolder(role.clone())
            } else {
                Ground::RoleHolder(role.clone())
            };
            found.entry(Listener::Contact(holder)).or_default().insert(ground);
        }
    }

    fn subscribers(&self, category: &CategoryKey) -> Vec<Listener> {
        let contacts = self
            .contacts()
            .filter(|contact| contact.subscriptions.contains(category))
            .map(|contact| Listener::Contact(contact.id));
        let members = self
            .members()
            .filter(|member| member.subscriptions.contains(category))
            .map(|member| Listener::Member(member.user));
        contacts.chain(members).collect()
    }

    /// Whom a step of the fallback finds.
    fn found_by(&self, step: Step) -> Grounds {
        let mut found = Grounds::new();
        match step {
            Step::FallbackRole => {
                if let Some(role) = self.catalog().fallback_role() {
                    self.add_holders(role, &mut found);
                }
            }
            Step::FallbackOwner => {
                found.insert(Listener::Contact(self.owner()), BTreeSet::from([Ground::Owner]));
            }
            Step::PrimaryHolder | Step::Owner | Step::RoleHolders | Step::Subscribers | Step::Nobody => {}
        }
        found
    }

    /// Names those who would expect to be told, and whom the category does not go to.
    fn pass_over(&self, notice: &Notice<'_>, audience: &Grounds, hearing: &mut Hearing) {
        for listener in self.subscribers(&notice.category.key) {
            if !audience.contains_key(&listener) {
                let expected = (BTreeSet::from([Ground::Subscriber]), Exclusion::NotInAudience);
                hearing.excluded.insert(listener, expected);
            }
        }
        let About::Item(Some(opener)) = notice.about else {
            return;
        };
        let listener = match opener {
            Opener::Contact(contact) => Listener::Contact(contact),
            Opener::User(user) => Listener::Member(user),
        };
        let told = audience.keys().any(|listener| self.is_opener(opener, *listener));
        if notice.category.own_items_only && !told && self.knows(opener) {
            let expected = (BTreeSet::from([Ground::Opener]), Exclusion::NotSubscribed);
            hearing.excluded.entry(listener).or_insert(expected);
        }
    }

    /// Adds those who can be told, and with the reason those who cannot.
    fn admit(&self, notice: &Notice<'_>, found: Grounds, hearing: &mut Hearing) {
        for (listener, mut grounds) in found {
            if let About::Item(Some(opener)) = notice.about
                && self.is_opener(opener, listener)
            {
                grounds.insert(Ground::Opener);
            }
            match self.exclusion(notice, listener) {
                None => {
                    hearing.excluded.remove(&listener);
                    hearing.told.insert(listener, grounds);
                }
                Some(exclusion) => {
                    let (known, why) = hearing.excluded.entry(listener).or_insert((BTreeSet::new(), exclusion));
                    known.extend(grounds);
                    *why = exclusion;
                }
            }
        }
    }

    /// Whether the listener is the person who opened something. A member may be a contact, and so opens as both.
    fn is_opener(&self, opener: Opener, listener: Listener) -> bool {
        let contact_of = |user: UserId| self.member(user).and_then(|member| member.contact);
        match (opener, listener) {
            (Opener::Contact(opener), Listener::Contact(contact)) => opener == contact,
            (Opener::User(opener), Listener::Member(user)) => opener == user,
            (Opener::User(user), Listener::Contact(contact)) | (Opener::Contact(contact), Listener::Member(user)) => {
                contact_of(user) == Some(contact)
            }
        }
    }

    fn exclusion(&self, notice: &Notice<'_>, listener: Listener) -> Option<Exclusion> {
        match listener {
            Listener::Contact(contact) => self.exclusion_of_contact(notice, contact),
            Listener::Member(user) => self.exclusion_of_member(notice, user),
        }
    }

    fn exclusion_of_contact(&self, notice: &Notice<'_>, id: ContactId) -> Option<Exclusion> {
        let opened = match notice.about {
            About::Anything => true,
            About::Item(opener) => opener.is_some_and(|opener| self.is_opener(opener, Listener::Contact(id))),
        };
        if notice.category.own_items_only && id != self.owner() && !opened {
            return Some(Exclusion::NotOwnItem);
        }
        let contact = self.contact(id).ok();
        if !self.catalog().policy().notify_unverified && !contact.is_some_and(Contact::is_verified) {
            return Some(Exclusion::Unverified);
        }
        contact?.address.deliverability.exclusion()
    }

    fn exclusion_of_member(&self, notice: &Notice<'_>, user: UserId) -> Option<Exclusion> {
        let standing = self.member(user).map(|member| member.standing(notice.at));
        match standing {
            Some(Standing::Active) => {}
            Some(Standing::Suspended) => return Some(Exclusion::MemberSuspended),
            Some(Standing::Expired) | None => return Some(Exclusion::MembershipExpired),
        }
        let reader = match notice.readers.map(|readers| readers.get(&user)) {
            None => None,
            Some(Some(reader)) => Some(reader),
            // The member has gone since the account was read.
            Some(None) => return Some(Exclusion::MembershipExpired),
        };
        if reader.is_some_and(|reader| reader.status == UserStatus::Suspended) {
            return Some(Exclusion::UserSuspended);
        }
        let permissions = self.permissions_of(user, notice.at);
        let lacks = |needed| !permissions.is_some_and(|permissions| permissions.contains(needed));
        if notice.category.permission.as_ref().is_some_and(lacks) {
            return Some(Exclusion::LacksPermission);
        }
        reader?.deliverability.exclusion()
    }

    /// Gives everybody who is told an address, folds those who share one, and sorts out who is addressed.
    fn addressed(&self, category: &CategoryKey, hearing: Hearing, readers: &Readers) -> Resolution {
        let mut by_key: BTreeMap<String, Recipient> = BTreeMap::new();
        for (listener, grounds) in hearing.told {
            // Contacts come before members, so that what a contact says of itself counts where both have the address.
            let Some(recipient) = self.recipient(listener, grounds, readers) else {
                continue;
            };
            match by_key.get_mut(recipient.address.key()) {
                None => {
                    by_key.insert(recipient.address.key().to_owned(), recipient);
                }
                Some(known) => {
                    known.user = known.user.or(recipient.user);
                    known.grounds.extend(recipient.grounds);
                }
            }
        }
        let step = hearing.fallback.or_else(|| by_key.values().map(best_step).min());
        let step = step.filter(|_| !by_key.is_empty()).unwrap_or(Step::Nobody);
        let foremost = by_key.values().map(best_step).min();
        let mut recipients: Vec<Recipient> = by_key.into_values().collect();
        recipients.sort_by_cached_key(|recipient| {
            let name = sort_key(recipient.display_name.as_str());
            (name, recipient.address.key().to_owned())
        });
        let (to, cc) = recipients
            .into_iter()
            .partition(|recipient| Some(best_step(recipient)) == foremost);
        let excluded = hearing.excluded.into_iter();
        Resolution {
            category: category.clone(),
            step,
            to,
            cc,
            excluded: excluded
                .map(|(listener, (grounds, exclusion))| Excluded {
                    listener,
                    grounds,
                    exclusion,
                })
                .collect(),
        }
    }

    fn recipient(&self, listener: Listener, grounds: BTreeSet<Ground>, readers: &Readers) -> Option<Recipient> {
        match listener {
            Listener::Contact(id) => {
                let contact = self.contact(id).ok()?;
                Some(Recipient {
                    contact: Some(id),
                    user: None,
                    display_name: contact.profile.display_name.clone(),
                    address: contact.address.email.clone(),
                    language: contact.profile.language,
                    grounds,
                })
            }
            Listener::Member(user) => {
                let reader = readers.get(&user)?;
                Some(Recipient {
                    contact: None,
                    user: Some(user),
                    display_name: reader.display_name.clone(),
                    address: reader.address.clone(),
                    language: reader.language,
                    grounds,
                })
            }
        }
    }
}

/// The steps that follow where nobody of the audience is told.
fn steps_of(fallback: Fallback) -> &'static [Step] {
    match fallback {
        Fallback::Nobody => &[],
        Fallback::Owner => &[Step::FallbackOwner],
        Fallback::Role => &[Step::FallbackRole, Step::FallbackOwner],
    }
}

/// The first step that finds this recipient in an audience.
fn best_step(recipient: &Recipient) -> Step {
    let step = |ground: &Ground| match ground {
        Ground::PrimaryHolder(_) => Step::PrimaryHolder,
        Ground::Owner => Step::Owner,
        Ground::RoleHolder(_) => Step::RoleHolders,
        Ground::Subscriber | Ground::Opener => Step::Subscribers,
    };
    recipient.grounds.iter().map(step).min().unwrap_or(Step::Nobody)
}

#[cfg(test)]
mod tests;
