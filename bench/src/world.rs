//! The accounts that the rows work on.

use std::collections::BTreeSet;
use std::str::FromStr;
use std::sync::Arc;

use accounts_api::key_text::integration_key;
use accounts_api::passwords::{Password, Passwords};
use accounts_api::tokens::Bearer;
use accounts_domain::accounts::OpenAccount;
use accounts_domain::actor::{Actor, By};
use accounts_domain::address::EmailAddress;
use accounts_domain::api_keys::KeyMode;
use accounts_domain::change::Change;
use accounts_domain::contacts::CreateContact;
use accounts_domain::ids::{AccountId, ContactId, IntegrationId, SessionId};
use accounts_domain::integrations::{Integration, IntegrationScope};
use accounts_domain::language::Language;
use accounts_domain::names::{AccountName, DisplayName, KeyName};
use accounts_domain::roster::{AccountProfile, ContactProfile, Roster};
use accounts_domain::sessions::Session;
use accounts_domain::users::PasswordHash;
use accounts_domain::verification::{ConfirmVerification, SendVerification};
use accounts_domain::violation::Violation;
use accounts_store::{Act, Filling, Past, Settings, Stamps, Store, Tale, digits, new_user};
use chrono::{DateTime, SubsecRound as _, Utc};

use crate::failure::{Failure, Outcome, while_doing};
use crate::load::Request;
use crate::service::{Place, catalog};

/// What every owner logs in with.
pub const PASSWORD: &str = "seven lamps in the harbour";

/// How many contacts an ordinary account has, its owner among them.
pub const CONTACTS: usize = 5;

/// How many accounts are made in one transaction.
const BATCH: u32 = 10_000;

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
    pub accounts: u32,
    /// How many accounts with many contacts.
    pub large: u32,
    /// How many contacts each of these has.
    pub contacts_of_large: usize,
}

/// What was filled in.
pub struct World {
    /// The ordinary accounts.
    pub customers: Vec<Customer>,
    /// The accounts with many contacts.
    pub large: Vec<Customer>,
    /// The key of an integration that checks access and who sends mails.
    pub desk: String,
}

/// Fills an empty database, with a session for every owner. What happens in an account is decided by the rules once for
/// each [`BATCH`]; the others are copies of its rows, whose past is gone from the audit log.
pub fn fill(place: &Place, plan: Plan) -> Outcome<World> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let database = place.database().parse().map_err(while_doing("the database's URL"))?;
    let store = Store::open(Settings::new(database), Arc::new(catalog()?)).map_err(while_doing("the database"))?;
    let password = Password::parse(PASSWORD).ok_or("the password is none")?;
    let hash = runtime.block_on(async { Passwords::start()?.hash(password).await.map_err(|_| "no hash".into()) });
    let hash: PasswordHash = hash.map_err(|error: Failure| error)?;
    let at = Utc::now().trunc_subsecs(6);
    let mut filling = store.filling()?;
    let mut open = |before: u32, accounts: u32, contacts: usize| -> Outcome<Vec<Customer>> {
        let told = Story {
            contacts,
            hash: &hash,
            at,
        };
        told.happen(&mut filling, before + 1, before + accounts)?;
        (before + 1..=before + accounts).map(customer).collect()
    };
    let customers = open(0, plan.accounts, CONTACTS)?;
    let large = open(plan.accounts, plan.large, plan.contacts_of_large)?;
    place.execute(&log_ins(at))?;
    let desk = runtime.block_on(async {
        // Else the service would do it while something else is measured.
        while store.number_events(at).await? > 0 {}
        desk(&store, at).await
    })?;
    Ok(World { customers, large, desk })
}

/// What happens in an account.
struct Story<'a> {
    contacts: usize,
    hash: &'a PasswordHash,
    at: DateTime<Utc>,
}

impl Story<'_> {
    /// Has it happen in the accounts of these numbers.
    fn happen(&self, filling: &mut Filling, first: u32, last: u32) -> Outcome<()> {
        let mut next = first;
        while next <= last {
            let stamps = Stamps {
                of: next,
                last: last.min(next + BATCH - 1),
                past: Past::Gone,
            };
            filling.make(self.at, Some(stamps), |tale| self.tell(tale, stamps.of))?;
            next = stamps.last + 1;
            if next % 100_000 == 1 {
                eprintln!("    {} of {last} accounts", stamps.last);
            }
        }
        Ok(())
    }

    /// It is opened, contacts are added, and the first of them is verified.
    fn tell(&self, tale: &mut Tale<'_>, number: u32) -> Outcome<()> {
        let Customer {
            account,
            address,
            owner,
            owner_contact,
            verified,
        } = customer(number)?;
        let name = format!("Owner {}", digits(number));
        let user = new_user(
            owner.user,
            EmailAddress::parse(&address)?,
            DisplayName::parse(&name)?,
            Language::En,
            Some(self.hash.clone()),
            self.at,
        );
        if !tale.add_user(&user)? {
            return Err(format!("{address} has a log-in already").into());
        }
        let opening = OpenAccount {
            account,
            contact: owner_contact,
            user: owner.user,
            profile: AccountProfile {
                name: AccountName::parse(&format!("Customer {} Ltd", digits(number)))?,
                language: Language::En,
                phone: None,
                postal_address: None,
                tax_id: None,
            },
            owner: profile(&name)?,
            address: user.address,
            external_id: None,
        };
        tale.open(&opening, None)?;
        let by = Actor::User(owner.user);
        let commands = (1..self.contacts).map(|part| contact(number, part));
        for step in commands.collect::<Outcome<Vec<_>>>()?.chunks(STEP) {
            tale.decide(by, |roster, by| several(roster, by, step))?;
        }
        let send = SendVerification {
            id: id("ver", 1, number)?,
            contact: verified,
            address: None,
        };
        let confirm = ConfirmVerification {
            id: send.id,
            user: id("usr", 1, number)?,
        };
        tale.decide(by, |roster, by| roster.send_verification(by, &send))?;
        tale.decide(Actor::Link, |roster, by| roster.confirm_verification(by, &confirm))?;
        Ok(())
    }
}

/// The account of this number.
fn customer(number: u32) -> Outcome<Customer> {
    Ok(Customer {
        account: id("acc", 0, number)?,
        address: format!("owner-{}@bench.example", digits(number)),
        owner: Bearer {
            user: id("usr", 0, number)?,
            session: id("ses", 0, number)?,
            operator: None,
        },
        owner_contact: id("con", 0, number)?,
        verified: id("con", 1, number)?,
    })
}

/// The id of a part of an account, which ends with the account's number.
fn id<T: FromStr>(prefix: &str, part: usize, number: u32) -> Outcome<T> {
    let text = format!("{prefix}_01h2xcejqtf2nbr{part:03}x{}", digits(number));
    text.parse().map_err(|_| Failure::from(format!("{text} is no id")))
}

/// Statements that give each owner the session of [`customer`], with a token to go on with that nobody knows.
fn log_ins(at: DateTime<Utc>) -> String {
    let session = Session::begin(SessionId::new(), at, None, None);
    let text = |instant: DateTime<Utc>| format!("'{}'", instant.format("%Y-%m-%d %H:%M:%S"));
    let (begun, ends) = (text(session.created_at), text(session.expires_at));
    format!(
        "INSERT INTO sessions (id, user_id, created_at, last_used_at, authenticated_at, expires_at) \
         SELECT 'ses_' || substr(user_id, 5), user_id, {begun}, {begun}, {begun}, {ends} FROM owners ORDER BY user_id; \
         INSERT INTO refresh_tokens (hash, session_id, created_at) SELECT id, id, created_at FROM sessions ORDER BY id;"
    )
}

/// Makes an integration that checks access and who sends mails, and answers its key.
async fn desk(store: &Store, at: DateTime<Utc>) -> Outcome<String> {
    let act = Act {
        actor: Actor::System,
        at,
        request_id: None,
        keep: None,
    };
    let scopes = BTreeSet::from([IntegrationScope::AccessCheck, IntegrationScope::InboundCheck]);
    let mut desk = Integration::new(IntegrationId::new(), KeyName::parse("Bench")?, scopes, at);
    let (key, whole) = integration_key(KeyMode::Live, None, at).ok_or("no randomness")?;
    desk.keys.insert(key.id, key.into());
    store.create_integration(desk, &act).await?;
    Ok(whole)
}

/// The changes that make several contacts.
fn several(roster: &Roster, by: By, commands: &[CreateContact]) -> Result<Vec<Change>, Violation> {
    let (mut all, mut roster) = (Vec::new(), roster.clone());
    for command in commands {
        let changes = roster.create_contact(by, command)?;
        roster = roster.after(&changes, by.at);
        all.extend(changes);
    }
    Ok(all)
}

fn contact(number: u32, part: usize) -> Outcome<CreateContact> {
    let address = format!("contact-{part}-{}@bench.example", digits(number));
    Ok(CreateContact {
        id: id("con", part, number)?,
        profile: profile(&format!("Contact {part}"))?,
        address: EmailAddress::parse(&address)?,
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

impl World {
    /// Asks whether an owner may see the contacts.
    pub fn access_check(&self, customer: &Customer) -> Request {
        let (account, user) = (customer.account, customer.owner.user);
        let body = format!(
            r#"{{"questions":[{{"account_id":"{account}","user_id":"{user}","permission":"contacts:view"}}]}}"#
        );
        Request::post("/v1/access-checks", Some(&self.desk), &body)
    }

    /// Asks who the owner is by its address alone, and who is told of its ticket.
    pub fn inbound_check(&self, customer: &Customer) -> Request {
        let body = format!(r#"{{"sender":"{}","category":"ticket_reply"}}"#, customer.address);
        Request::post("/v1/inbound-checks", Some(&self.desk), &body)
    }

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
