//! The accounts that the rows work on.

use std::collections::BTreeSet;
use std::sync::Arc;

use accounts_api::key_text::integration_key;
use accounts_api::passwords::{Password, Passwords};
use accounts_api::tokens::Bearer;
use accounts_domain::actor::{Actor, By};
use accounts_domain::address::EmailAddress;
use accounts_domain::api_keys::KeyMode;
use accounts_domain::change::Change;
use accounts_domain::contacts::CreateContact;
use accounts_domain::ids::{AccountId, ContactId, IntegrationId, SessionId, SignUpId, UserId, VerificationId};
use accounts_domain::integrations::{Integration, IntegrationScope};
use accounts_domain::language::Language;
use accounts_domain::names::{AccountName, DisplayName, KeyName};
use accounts_domain::roster::{ContactProfile, Roster};
use accounts_domain::sessions::Session;
use accounts_domain::sign_ups::SignUp;
use accounts_domain::users::{NewSession, PasswordHash};
use accounts_domain::verification::SendVerification;
use accounts_domain::violation::Violation;
use accounts_store::{Act, Kept, NewIds, Settings, Store};
use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};
use tokio::task::JoinSet;

use crate::failure::{Failure, Outcome, while_doing};
use crate::service::{Place, catalog};

/// What every owner logs in with.
pub const PASSWORD: &str = "seven lamps in the harbour";

/// How many contacts an ordinary account has, its owner among them.
pub const CONTACTS: usize = 5;

/// How many ordinary accounts are made at once. Large ones are made one after the other: each of their steps is long.
const AT_ONCE: usize = 16;

/// How many contacts are added in one decision.
const STEP: usize = 25;

/// An account as the rows know it.
#[derive(Clone)]
pub struct Customer {
    /// The account.
    pub account: AccountId,
    /// What its owner logs in with.
    pub address: String,
    /// The owner with a session.
    pub owner: Bearer,
    /// The contact that is the owner.
    pub owner_contact: ContactId,
    /// Another contact that is verified.
    pub verified: ContactId,
}

/// How much is filled in.
#[derive(Clone, Copy)]
pub struct Plan {
    /// How many accounts of [`CONTACTS`] contacts.
    pub accounts: usize,
    /// How many accounts with many contacts.
    pub large: usize,
    /// How many contacts each of these has.
    pub contacts_of_large: usize,
}

/// What was filled in.
pub struct World {
    /// The ordinary accounts.
    pub customers: Vec<Customer>,
    /// The accounts with many contacts.
    pub large: Vec<Customer>,
    /// The key of an integration that checks access.
    pub desk: String,
}

/// Fills an empty database by the steps that the service takes, with a session for every owner.
pub fn fill(place: &Place, plan: Plan) -> Outcome<World> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let database = place.database().parse().map_err(while_doing("the database's URL"))?;
    let store = Store::open(Settings::new(database), Arc::new(catalog()?)).map_err(while_doing("the database"))?;
    runtime.block_on(async {
        let passwords = Passwords::start()?;
        let password = Password::parse(PASSWORD).ok_or("the password is none")?;
        let hash = passwords.hash(password).await.map_err(|_| "no hash")?;
        let filling = Filling { store, hash };
        let contacts = (0..plan.accounts).map(|_| CONTACTS);
        let customers = filling.open("customer", contacts.collect(), AT_ONCE).await?;
        let contacts = (0..plan.large).map(|_| plan.contacts_of_large);
        let large = filling.open("large", contacts.collect(), 1).await?;
        let desk = filling.desk().await?;
        filling.call_mails_sent().await?;
        Ok(World { customers, large, desk })
    })
}

#[derive(Clone)]
struct Filling {
    store: Store,
    hash: PasswordHash,
}

impl Filling {
    /// Opens an account for each number of contacts.
    async fn open(&self, name: &'static str, contacts: Vec<usize>, at_once: usize) -> Outcome<Vec<Customer>> {
        let how_many = contacts.len();
        let mut customers = Vec::with_capacity(how_many);
        let mut tasks = JoinSet::new();
        for (number, contacts) in contacts.into_iter().enumerate() {
            if tasks.len() == at_once
                && let Some(done) = tasks.join_next().await
            {
                customers.push(done??);
            }
            if number > 0 && number % 10_000 == 0 {
                eprintln!("    {number} of {how_many} accounts");
            }
            let filling = self.clone();
            tasks.spawn(async move { filling.customer(name, number, contacts).await });
        }
        while let Some(done) = tasks.join_next().await {
            customers.push(done??);
        }
        Ok(customers)
    }

    /// Makes an integration that checks access, and answers its key.
    async fn desk(&self) -> Outcome<String> {
        let act = act_of(Actor::System);
        let scopes = BTreeSet::from([IntegrationScope::AccessCheck]);
        let mut desk = Integration::new(IntegrationId::new(), KeyName::parse("Bench")?, scopes, act.at);
        let (key, whole) = integration_key(KeyMode::Live, None, act.at).ok_or("no randomness")?;
        desk.keys.insert(key.id, key.into());
        self.store.create_integration(desk, &act).await?;
        Ok(whole)
    }

    async fn customer(&self, name: &str, number: usize, contacts: usize) -> Outcome<Customer> {
        let address = format!("{name}-{number}@bench.example");
        let ids = self.sign_up(name, number, &address).await?;
        let act = act_of(Actor::User(ids.user));
        let verified = self.add_contacts(ids.account, &act, contacts).await?;
        let session = self.log_in(ids.user, &act).await?;
        Ok(Customer {
            account: ids.account,
            address,
            owner: Bearer {
                user: ids.user,
                session,
            },
            owner_contact: ids.contact,
            verified,
        })
    }

    async fn sign_up(&self, name: &str, number: usize, address: &str) -> Outcome<NewIds> {
        let act = act_of(Actor::Link);
        let sign_up = SignUp {
            id: SignUpId::new(),
            address: EmailAddress::parse(address)?,
            owner: profile(&format!("Owner {number}"))?,
            account: AccountName::parse(&format!("{name} {number} Ltd"))?,
            created_at: act.at,
        };
        let id = sign_up.id;
        let ids = NewIds {
            account: AccountId::new(),
            contact: ContactId::new(),
            user: UserId::new(),
        };
        self.store.sign_up(sign_up, &act, nothing()).await?;
        self.store
            .confirm_sign_up(id, ids, self.hash.clone(), &act, |_| nothing())
            .await?;
        Ok(ids)
    }

    /// Adds contacts until there are so many, verifies the first of them, and answers which one that is.
    async fn add_contacts(&self, account: AccountId, act: &Act, contacts: usize) -> Outcome<ContactId> {
        let commands = (1..contacts).map(contact).collect::<Outcome<Vec<_>>>()?;
        let first = commands.first().ok_or("an account has two contacts at least")?.id;
        let link = VerificationId::new();
        for (number, step) in commands.chunks(STEP).enumerate() {
            let (by, step) = (act.by(), step.to_vec());
            let send = (number == 0).then_some(SendVerification {
                id: link,
                contact: first,
                address: None,
            });
            let create = move |roster: &Roster| several(roster, by, &step, send.as_ref());
            self.store.decide(account, act, create, |_| nothing()).await?;
        }
        self.store
            .confirm_verification(link, UserId::new(), None, &act_of(Actor::Link), |_| nothing())
            .await?;
        Ok(first)
    }

    async fn log_in(&self, user: UserId, act: &Act) -> Outcome<SessionId> {
        let session = SessionId::new();
        let begun = NewSession {
            session: Session::begin(session, act.at, None, None),
            refresh_hash: session.to_string(),
        };
        let hash = self.hash.clone();
        self.store
            .decide_user(
                user,
                act,
                move |person| person.log_in(&hash, begun.clone()),
                |_| nothing(),
            )
            .await?;
        Ok(session)
    }

    /// Empties the outbox, so that no worker sends mails while something else is measured.
    async fn call_mails_sent(&self) -> Outcome<()> {
        loop {
            let now = Utc::now();
            let claimed = self.store.claim_mails(now, TimeDelta::minutes(10), 500).await?;
            if claimed.is_empty() {
                return Ok(());
            }
            let mut tasks = JoinSet::new();
            for mail in claimed {
                let store = self.store.clone();
                tasks.spawn(async move { store.mail_sent(mail.claim.mail, now).await });
            }
            while let Some(done) = tasks.join_next().await {
                done??;
            }
        }
    }
}

/// The changes that make several contacts and send a verification to one of them.
fn several(
    roster: &Roster,
    by: By,
    commands: &[CreateContact],
    send: Option<&SendVerification>,
) -> Result<Vec<Change>, Violation> {
    let (mut all, mut roster) = (Vec::new(), roster.clone());
    for command in commands {
        let changes = roster.create_contact(by, command)?;
        roster = roster.after(&changes, by.at);
        all.extend(changes);
    }
    if let Some(send) = send {
        all.extend(roster.send_verification(by, send)?);
    }
    Ok(all)
}

fn contact(number: usize) -> Outcome<CreateContact> {
    Ok(CreateContact {
        id: ContactId::new(),
        profile: profile(&format!("Contact {number}"))?,
        address: EmailAddress::parse(&format!("contact-{number}@bench.example"))?,
        more_addresses: Vec::new(),
        roles: BTreeSet::new(),
        login: None,
        subscriptions: BTreeSet::new(),
    })
}

fn profile(name: &str) -> Outcome<ContactProfile> {
    Ok(ContactProfile {
        display_name: DisplayName::parse(name)?,
        first_name: None,
        last_name: None,
        title: None,
        language: Language::En,
        phones: Vec::new(),
    })
}

fn act_of(actor: Actor) -> Act {
    let at: DateTime<Utc> = Utc::now().trunc_subsecs(6);
    Act {
        actor,
        at,
        request_id: None,
        keep: None,
    }
}

/// Nobody sent a request that could be repeated.
fn nothing() -> Kept {
    Kept {
        status: 204,
        headers: Vec::new(),
        body: Vec::new(),
    }
}

impl World {
    /// So many ordinary accounts, evenly chosen.
    pub fn some(&self, how_many: usize) -> Outcome<Vec<&Customer>> {
        let step = (self.customers.len() / how_many.max(1)).max(1);
        let some: Vec<_> = self.customers.iter().step_by(step).take(how_many).collect();
        if some.is_empty() {
            return Err(Failure::from("there are no accounts"));
        }
        Ok(some)
    }
}
