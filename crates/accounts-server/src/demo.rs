//! The demo account: an owner and four contacts, made by the same steps as everybody else's.

pub mod integration;

use std::collections::BTreeSet;
use std::io;

use accounts_api::clock::Clock;
use accounts_api::passwords::{Password, Passwords};
use accounts_domain::actor::Actor;
use accounts_domain::address::EmailAddress;
use accounts_domain::catalog::{Catalog, ContactField, ContactLogin, Holders};
use accounts_domain::contacts::CreateContact;
use accounts_domain::ids::{AccountId, ContactId, SignUpId, UserId, VerificationId};
use accounts_domain::keys::RoleKey;
use accounts_domain::language::Language;
use accounts_domain::names::{AccountName, DisplayName, PersonName, ValueFault};
use accounts_domain::permission::{Permissions, ServicePermission};
use accounts_domain::phone::{Phone, PhoneKind, PhoneNumber};
use accounts_domain::roles::Promote;
use accounts_domain::roster::{ContactProfile, Roster};
use accounts_domain::sign_ups::SignUp;
use accounts_domain::users::PasswordHash;
use accounts_domain::verification::SendVerification;
use accounts_store::{Act, DecideError, Decision, Kept, NewIds, Store, StoreError};

/// The password of everybody in the demo account. It is no secret.
pub const PASSWORD: &str = "seven lamps in the harbour";

/// The name of the account.
const ACCOUNT: &str = "Demo Harbour Ltd";

/// Somebody in a made-up account.
#[derive(Clone, Copy)]
pub struct Character<'a> {
    pub first_name: &'a str,
    pub last_name: &'a str,
    pub address: &'a str,
    pub phone: &'a str,
    pub language: Language,
    pub is_verified: bool,
    pub has_login: bool,
    /// The first of these roles that the catalog has is the character's to lead.
    pub leads: &'a [&'a str],
}

/// The owner of the demo account.
pub const OWNER: Character<'_> = Character {
    first_name: "Ana",
    last_name: "Lima",
    address: "ana@demo.example",
    phone: "+33199000001",
    language: Language::En,
    is_verified: true,
    has_login: true,
    leads: &[],
};

/// The other contacts of the demo account.
pub const OTHERS: [Character<'_>; 4] = [
    Character {
        first_name: "Béa",
        last_name: "Martin",
        address: "bea@demo.example",
        phone: "+33199000002",
        language: Language::Fr,
        is_verified: true,
        has_login: true,
        leads: &["billing", "accounts"],
    },
    Character {
        first_name: "Cem",
        last_name: "Yılmaz",
        address: "cem@demo.example",
        phone: "+33199000003",
        language: Language::En,
        is_verified: true,
        has_login: true,
        leads: &["technical", "tech"],
    },
    Character {
        first_name: "Dora",
        last_name: "Novák",
        address: "dora@demo.example",
        phone: "+33199000004",
        language: Language::En,
        is_verified: true,
        has_login: false,
        leads: &[],
    },
    Character {
        first_name: "Eli",
        last_name: "Park",
        address: "eli@demo.example",
        phone: "+33199000005",
        language: Language::En,
        is_verified: false,
        has_login: false,
        leads: &[],
    },
];

/// What the demo account's owner logs in with.
pub const ADDRESS: &str = OWNER.address;

/// Why the demo account could not be made.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The catalog or what the demo account has become stands against it.
    #[error("the demo account cannot be made: {0}")]
    Refused(#[from] DecideError),
    /// The store could not do it.
    #[error("the demo account cannot be made: {0}")]
    Store(#[from] StoreError),
    /// The owner's user is there and owns no account.
    #[error("the demo account cannot be made: {ADDRESS} has a log-in and no account")]
    NoAccount,
    /// The password could not be hashed.
    #[error("the password of the demo account could not be hashed")]
    Hash,
    /// A key of the integration could not be made up.
    #[error("the demo integration cannot be made: the machine has no randomness")]
    Randomness,
    /// The key of the integration could not be written down.
    #[error("the key of the demo integration cannot be kept: {0}")]
    Key(io::Error),
    /// A value of this file is none that the domain takes: a defect.
    #[error("the demo account is spelt wrong: {0}")]
    Value(#[from] ValueFault),
}

/// Hashes [`PASSWORD`].
///
/// # Errors
/// [`DemoError::Hash`].
pub async fn hash(passwords: &Passwords) -> Result<PasswordHash, DemoError> {
    let password = Password::parse(PASSWORD).ok_or(DemoError::Hash)?;
    passwords.hash(password).await.map_err(|_| DemoError::Hash)
}

/// Makes the demo account.
pub struct Demo<'a> {
    store: &'a Store,
    clock: &'a Clock,
    /// The hash of [`PASSWORD`].
    hash: PasswordHash,
}

impl<'a> Demo<'a> {
    /// Whether the demo account's owner is there. What then became of the account is nobody's business.
    ///
    /// # Errors
    /// [`DemoError::Store`].
    pub async fn is_there(store: &Store) -> Result<bool, DemoError> {
        let key = EmailAddress::parse(OWNER.address)?.key().to_owned();
        Ok(store.user_by_address(key).await?.is_some())
    }

    /// Prepares the making.
    ///
    /// # Errors
    /// [`DemoError::Hash`].
    pub async fn prepare(store: &'a Store, clock: &'a Clock, passwords: &Passwords) -> Result<Self, DemoError> {
        // With the first telephone number the numbering plans of the world are loaded, which on a slow machine takes
        // longer than the store waits for a query. Here nobody waits.
        OWNER.profile()?;
        let hash = hash(passwords).await?;
        Ok(Self { store, clock, hash })
    }

    /// Makes what is missing of the demo account and leaves what is there.
    ///
    /// # Errors
    /// [`DemoError`]. What was made until then stays.
    pub async fn fill(&self) -> Result<(), DemoError> {
        let (account, owner) = self.open_account().await?;
        for character in &OTHERS {
            let roster = self.store.roster(account).await?.ok_or(DecideError::NotFound)?;
            if roster.contacts().count() >= usize::from(roster.contact_limit()) {
                break;
            }
            self.add(account, owner, character, &roster).await?;
        }
        Ok(())
    }

    /// Signs the owner up and follows the link.
    async fn open_account(&self) -> Result<(AccountId, UserId), DemoError> {
        let address = EmailAddress::parse(OWNER.address)?;
        if let Some(user) = self.store.user_by_address(address.key().to_owned()).await? {
            let accounts = self.store.accounts_of(user.id, None, 100, self.clock.now()).await?;
            let owned = accounts
                .iter()
                .find(|roster| roster.is_owner(user.id))
                .ok_or(DemoError::NoAccount)?;
            return Ok((owned.account().id, user.id));
        }
        let sign_up = SignUp {
            id: SignUpId::new(),
            address,
            owner: OWNER.profile()?,
            account: AccountName::parse(ACCOUNT)?,
            created_at: self.clock.now(),
        };
        let id = sign_up.id;
        self.store
            .sign_up(sign_up, &self.act(Actor::Link), Kept::nothing())
            .await?;
        let ids = NewIds {
            account: AccountId::new(),
            contact: ContactId::new(),
            user: UserId::new(),
        };
        let answer = |_: &Roster| Kept::nothing();
        self.store
            .confirm_sign_up(id, ids, self.hash.clone(), &self.act(Actor::Link), answer)
            .await?;
        Ok((ids.account, ids.user))
    }

    /// Adds a contact, verifies it and promotes it, each step where it is missing.
    async fn add(
        &self,
        account: AccountId,
        owner: UserId,
        character: &Character<'_>,
        roster: &Roster,
    ) -> Result<(), DemoError> {
        let act = self.act(Actor::User(owner));
        let address = EmailAddress::parse(character.address)?;
        let contact = if let Some(contact) = roster.contact_with_address(address.key()) {
            contact.id
        } else {
            let id = ContactId::new();
            let (by, command) = (act.by(), character.command(id, roster.catalog())?);
            let create = move |roster: &Roster| roster.create_contact(by, &command);
            self.store.decide(account, &act, create, no_answer).await?;
            id
        };
        if character.is_verified {
            self.verify(account, contact, &act).await?;
        }
        // A place that was moved on since stays where it is.
        let untouched = |role: &RoleKey| roster.primary(role).is_none_or(|holder| holder == roster.owner());
        if let Some(role) = character.leads(roster.catalog()).filter(untouched) {
            let roles = BTreeSet::from([role]);
            let (by, command) = (act.by(), Promote { contact, roles });
            let promote = move |roster: &Roster| roster.promote(by, &command);
            self.store.decide(account, &act, promote, no_answer).await?;
        }
        Ok(())
    }

    async fn verify(&self, account: AccountId, contact: ContactId, act: &Act) -> Result<(), DemoError> {
        let roster = self.store.roster(account).await?.ok_or(DecideError::NotFound)?;
        if roster.contact(contact).map_err(DecideError::from)?.is_verified() {
            return Ok(());
        }
        // A link that was sent and not followed is followed now; another mail would come too soon after it.
        let links = &roster.parts().verifications;
        let live = links
            .values()
            .find(|link| link.contact == contact && act.at < link.expires_at)
            .map(|link| link.id);
        let id = live.unwrap_or_else(VerificationId::new);
        if live.is_none() {
            let address = None;
            let (by, command) = (act.by(), SendVerification { id, contact, address });
            let send = move |roster: &Roster| roster.send_verification(by, &command);
            self.store.decide(account, act, send, no_answer).await?;
        }
        let by_link = self.act(Actor::Link);
        self.store
            .confirm_verification(id, UserId::new(), Some(self.hash.clone()), &by_link, no_answer)
            .await?;
        Ok(())
    }

    fn act(&self, actor: Actor) -> Act {
        Act {
            actor,
            at: self.clock.now(),
            request_id: None,
            keep: None,
        }
    }
}

impl Character<'_> {
    /// What the contact says about itself.
    ///
    /// # Errors
    /// [`ValueFault`] for a text that the domain does not take.
    pub fn profile(&self) -> Result<ContactProfile, ValueFault> {
        Ok(ContactProfile {
            display_name: DisplayName::parse(&format!("{} {}", self.first_name, self.last_name))?,
            first_name: Some(PersonName::parse(self.first_name)?),
            last_name: Some(PersonName::parse(self.last_name)?),
            title: None,
            language: self.language,
            phones: vec![Phone {
                number: PhoneNumber::parse(self.phone)?,
                kind: PhoneKind::Landline,
            }],
        })
    }

    /// How the contact is added where this catalog decides.
    ///
    /// # Errors
    /// As [`Character::profile`].
    pub fn command(&self, id: ContactId, catalog: &Catalog) -> Result<CreateContact, ValueFault> {
        Ok(CreateContact {
            id,
            profile: self.profile()?,
            address: EmailAddress::parse(self.address)?,
            more_addresses: Vec::new(),
            roles: first_role(catalog),
            login: self.login(catalog),
            subscriptions: catalog
                .categories()
                .iter()
                .map(|category| category.key.clone())
                .take(1)
                .collect(),
        })
    }

    /// The log-in that is asked for, where the catalog gives one to whom it is asked for.
    fn login(&self, catalog: &Catalog) -> Option<Permissions> {
        match catalog.policy().contact_login {
            ContactLogin::OnRequest if self.has_login => {
                Some([ServicePermission::ContactsView.key()].into_iter().collect())
            }
            ContactLogin::OnRequest | ContactLogin::OnVerification | ContactLogin::Never => None,
        }
    }

    /// The role whose primary holder the character is to be.
    pub fn leads(&self, catalog: &Catalog) -> Option<RoleKey> {
        let known = |name: &&str| catalog.roles().iter().find(|role| role.key.as_str() == *name);
        self.leads.iter().find_map(known).map(|role| role.key.clone())
    }
}

/// A role to begin with, where the catalog asks for one: it is the first that any contact may hold.
fn first_role(catalog: &Catalog) -> BTreeSet<RoleKey> {
    if !catalog.policy().required_contact_fields.contains(&ContactField::Role) {
        return BTreeSet::new();
    }
    let open = catalog
        .roles()
        .iter()
        .find(|role| role.holders == Holders::Many && !role.verified_only);
    open.map(|role| role.key.clone()).into_iter().collect()
}

/// Nobody sent a request that could be repeated.
fn no_answer(_: &Decision) -> Kept {
    Kept::nothing()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use accounts_store::{Database, Settings};

    use super::*;

    pub(super) fn open(folder: &std::path::Path, catalog: &str) -> Store {
        let database = Database::Sqlite {
            path: folder.join("accounts.db"),
        };
        Store::open(
            Settings::new(database),
            Arc::new(Catalog::from_preset(catalog).unwrap()),
        )
        .unwrap()
    }

    async fn account(store: &Store) -> Arc<Roster> {
        let key = EmailAddress::parse(ADDRESS).unwrap().key().to_owned();
        let owner = store.user_by_address(key).await.unwrap().unwrap();
        store
            .accounts_of(owner.id, None, 10, Clock::System.now())
            .await
            .unwrap()
            .remove(0)
    }

    #[tokio::test]
    async fn every_preset_gets_its_demo_account_and_only_one() {
        let passwords = Passwords::start().unwrap();
        for catalog in Catalog::PRESETS {
            let folder = tempfile::tempdir().unwrap();
            let store = open(folder.path(), catalog);
            assert!(!Demo::is_there(&store).await.unwrap(), "{catalog}");
            let demo = Demo::prepare(&store, &Clock::System, &passwords).await.unwrap();
            demo.fill().await.unwrap();
            let first = account(&store).await;
            demo.fill().await.unwrap();
            let again = account(&store).await;
            assert_eq!(first.account().revision, again.account().revision, "{catalog}");
            assert!(Demo::is_there(&store).await.unwrap(), "{catalog}");
            let verified: Vec<_> = again
                .contacts()
                .map(accounts_domain::roster::Contact::is_verified)
                .collect();
            assert_eq!(
                (verified.len(), verified.iter().filter(|verified| **verified).count()),
                (5, 4),
                "{catalog}"
            );
        }
    }

    #[tokio::test]
    async fn in_the_standard_catalog_the_roles_are_led_by_others_than_the_owner() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path(), "standard");
        let passwords = Passwords::start().unwrap();
        Demo::prepare(&store, &Clock::System, &passwords)
            .await
            .unwrap()
            .fill()
            .await
            .unwrap();
        let roster = account(&store).await;
        let holder = |role: &str| roster.primary(&role.parse().unwrap()).unwrap();
        let address = |role| roster.contact(holder(role)).unwrap().address.email.as_str().to_owned();
        assert_eq!(address("billing"), "bea@demo.example");
        assert_eq!(address("technical"), "cem@demo.example");
        assert_eq!(holder("general"), roster.owner());
        assert_eq!(roster.members().count(), 3);
    }
}
