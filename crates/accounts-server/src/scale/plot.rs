//! What happens in a made-up account: it is opened, contacts are added, some are verified, some take the lead.

use std::collections::BTreeSet;
use std::iter;

use accounts_domain::accounts::OpenAccount;
use accounts_domain::actor::Actor;
use accounts_domain::address::EmailAddress;
use accounts_domain::catalog::{Catalog, ContactField, Holders};
use accounts_domain::contacts::CreateContact;
use accounts_domain::ids::{AccountId, ContactId, UserId, VerificationId};
use accounts_domain::keys::RoleKey;
use accounts_domain::names::AccountName;
use accounts_domain::roles::Promote;
use accounts_domain::roster::{AccountProfile, ContactProfile};
use accounts_domain::users::PasswordHash;
use accounts_domain::verification::{ConfirmVerification, SendVerification};
use accounts_store::{Tale, digits, new_user};
use chrono::{DateTime, Utc};

use super::{CROWD, FIRST, ScaleError, crowd_address, id, owner_address};
use crate::demo::{Character, OTHERS, OWNER};

/// The letter of the contact that leads a role in an account of five.
const LEADER: char = '1';

/// Who is in an account, and how it is called.
pub(super) struct Plot {
    account: AccountId,
    name: String,
    contact_limit: Option<u16>,
    owner: Part,
    others: Vec<Part>,
}

/// Somebody's part: like one in the demo account, under a name and an address of its own.
struct Part {
    contact: ContactId,
    user: UserId,
    link: VerificationId,
    last_name: String,
    address: String,
    like: Character<'static>,
    roles: BTreeSet<RoleKey>,
}

impl Plot {
    /// An account of five contacts: the owner logs in, one is verified and leads a role, three are not verified.
    pub(super) fn of_five(number: u32) -> Result<Self, ScaleError> {
        let part = |letter: char, like: Character<'static>, address: String| {
            Ok::<_, ScaleError>(Part {
                contact: id("con", letter, number)?,
                user: id("usr", letter, number)?,
                link: id("ver", letter, number)?,
                last_name: like.last_name.to_owned(),
                address,
                like: Character {
                    is_verified: letter == LEADER,
                    leads: if letter == LEADER { like.leads } else { &[] },
                    has_login: false,
                    ..like
                },
                roles: BTreeSet::new(),
            })
        };
        let address = |like: &Character<'_>| {
            let (name, _) = like.address.split_once('@').unwrap_or_default();
            format!("{name}-{}@scale.example", digits(number))
        };
        let others = ('1'..='9')
            .zip(OTHERS)
            .map(|(letter, like)| part(letter, like, address(&like)));
        Ok(Self {
            account: id("acc", FIRST, number)?,
            name: format!("Scale {} Ltd", digits(number)),
            contact_limit: None,
            owner: part(FIRST, OWNER, owner_address(number))?,
            others: others.collect::<Result<_, _>>()?,
        })
    }

    /// An account of so many contacts: of three of them two are verified, and they hold the roles in turn that any
    /// contact may hold.
    pub(super) fn of_many(contacts: u16, catalog: &Catalog) -> Result<Self, ScaleError> {
        let account = u32::from(contacts);
        let open = catalog
            .roles()
            .iter()
            .filter(|role| role.holders == Holders::Many && !role.verified_only);
        let in_turn = open.map(|role| Some(role.key.clone())).chain(iter::once(None)).cycle();
        let part = |(number, role): (u16, Option<RoleKey>)| Part {
            contact: ContactId::new(),
            user: UserId::new(),
            link: VerificationId::new(),
            last_name: format!("{number:04}"),
            address: format!("contact-{number:04}-{}@scale.example", digits(account)),
            like: Character {
                first_name: "Contact",
                is_verified: number % 3 != 0,
                has_login: false,
                leads: &[],
                ..OWNER
            },
            roles: role.into_iter().collect(),
        };
        Ok(Self {
            account: id("acc", CROWD, account)?,
            name: format!("Crowd {} Ltd", digits(account)),
            contact_limit: Some(contacts),
            owner: Part {
                contact: id("con", CROWD, account)?,
                user: id("usr", CROWD, account)?,
                link: id("ver", CROWD, account)?,
                last_name: OWNER.last_name.to_owned(),
                address: crowd_address(contacts),
                like: OWNER,
                roles: BTreeSet::new(),
            },
            others: (2..=contacts).zip(in_turn).map(part).collect(),
        })
    }

    /// Has it all happen.
    pub(super) fn tell(&self, tale: &mut Tale<'_>, hash: &PasswordHash, at: DateTime<Utc>) -> Result<(), ScaleError> {
        self.owner.sign_up(tale, hash, at)?;
        let owner = self.owner.profile(tale.catalog())?;
        let opening = OpenAccount {
            account: self.account,
            contact: self.owner.contact,
            user: self.owner.user,
            profile: AccountProfile {
                name: AccountName::parse(&self.name)?,
                language: owner.language,
                phone: None,
                postal_address: None,
                tax_id: None,
            },
            owner,
            address: EmailAddress::parse(&self.owner.address)?,
            external_id: None,
        };
        tale.open(&opening, self.contact_limit)?;
        let by = Actor::User(self.owner.user);
        let room = usize::from(tale.roster()?.contact_limit()).saturating_sub(1);
        for part in self.others.iter().take(room) {
            part.join(tale, by)?;
            if part.like.is_verified {
                part.verify(tale, by, hash, at)?;
            }
            part.lead(tale, by)?;
        }
        Ok(())
    }
}

impl Part {
    fn character(&self) -> Character<'_> {
        Character {
            last_name: &self.last_name,
            address: &self.address,
            ..self.like
        }
    }

    /// What the contact says about itself is no more than the catalog asks for: with a million accounts each field
    /// takes its gigabyte.
    fn profile(&self, catalog: &Catalog) -> Result<ContactProfile, ScaleError> {
        let asked = |field| catalog.policy().required_contact_fields.contains(&field);
        let usual = self.character().profile()?;
        Ok(ContactProfile {
            first_name: usual.first_name.filter(|_| asked(ContactField::FirstName)),
            last_name: usual.last_name.filter(|_| asked(ContactField::LastName)),
            phones: if asked(ContactField::Phone) {
                usual.phones
            } else {
                Vec::new()
            },
            ..usual
        })
    }

    /// Makes the user.
    fn sign_up(&self, tale: &mut Tale<'_>, hash: &PasswordHash, at: DateTime<Utc>) -> Result<(), ScaleError> {
        let profile = self.profile(tale.catalog())?;
        let (name, language, hash) = (profile.display_name, profile.language, Some(hash.clone()));
        let address = EmailAddress::parse(&self.address)?;
        let user = new_user(self.user, address, name, language, hash, at);
        if tale.add_user(&user)? {
            Ok(())
        } else {
            Err(ScaleError::Taken(self.address.clone()))
        }
    }

    /// Makes the contact.
    fn join(&self, tale: &mut Tale<'_>, by: Actor) -> Result<(), ScaleError> {
        let catalog = tale.catalog();
        let usual = self.character().command(self.contact, catalog)?;
        let command = CreateContact {
            profile: self.profile(catalog)?,
            roles: usual.roles.union(&self.roles).cloned().collect(),
            subscriptions: BTreeSet::new(),
            ..usual
        };
        Ok(tale.decide(by, |roster, by| roster.create_contact(by, &command))?)
    }

    /// Has a link sent and follows it. Where a log-in comes with that, so does its user.
    fn verify(&self, tale: &mut Tale<'_>, by: Actor, hash: &PasswordHash, at: DateTime<Utc>) -> Result<(), ScaleError> {
        let send = SendVerification {
            id: self.link,
            contact: self.contact,
            address: None,
        };
        tale.decide(by, |roster, by| roster.send_verification(by, &send))?;
        let offer = tale.roster()?.verification_offer(self.link, at);
        if offer.map_err(accounts_store::DecideError::from)?.login.is_some() {
            self.sign_up(tale, hash, at)?;
        }
        let confirm = ConfirmVerification {
            id: self.link,
            user: self.user,
        };
        Ok(tale.decide(Actor::Link, |roster, by| roster.confirm_verification(by, &confirm))?)
    }

    /// Moves the primary place that the character is to have.
    fn lead(&self, tale: &mut Tale<'_>, by: Actor) -> Result<(), ScaleError> {
        let Some(role) = self.like.leads(tale.catalog()) else {
            return Ok(());
        };
        let promote = Promote {
            contact: self.contact,
            roles: BTreeSet::from([role]),
        };
        Ok(tale.decide(by, |roster, by| roster.promote(by, &promote))?)
    }
}
