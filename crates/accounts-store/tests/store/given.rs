//! What the scenarios start from.

use std::any::Any;
use std::collections::BTreeSet;
use std::sync::Arc;

use accounts_domain::accounts::OpenAccount;
use accounts_domain::actor::Actor;
use accounts_domain::address::EmailAddress;
use accounts_domain::catalog::Catalog;
use accounts_domain::contacts::CreateContact;
use accounts_domain::ids::{AccountId, ContactId, SignUpId, UserId, VerificationId};
use accounts_domain::language::Language;
use accounts_domain::names::{AccountName, DisplayName, PersonName};
use accounts_domain::permission::Permissions;
use accounts_domain::phone::{Phone, PhoneKind, PhoneNumber};
use accounts_domain::roster::{ContactProfile, Roster};
use accounts_domain::sign_ups::SignUp;
use accounts_domain::users::PasswordHash;
use accounts_domain::verification::SendVerification;
pub(super) use accounts_store::NewIds;
use accounts_store::{Act, Database, DecideError, Decision, Keep, Kept, OpenError, Settings, Store};
use chrono::{DateTime, TimeDelta, Utc};

/// A store on a database of its own.
pub(super) struct Place {
    pub(super) store: Store,
    pub(super) database: Database,
    keeper: Box<dyn Any>,
}

pub(super) fn place() -> Place {
    place_with(&catalog("standard"))
}

pub(super) fn place_with(catalog: &Arc<Catalog>) -> Place {
    let (database, keeper) = super::fresh();
    let store = Store::open(Settings::new(database.clone()), Arc::clone(catalog)).unwrap();
    Place {
        store,
        database,
        keeper,
    }
}

/// The same with queries that are looked at.
pub(super) fn place_watched() -> Place {
    let (database, keeper) = super::fresh();
    accounts_store::watch::begin(&database).unwrap();
    let store = Store::open(Settings::new(database.clone()), catalog("standard")).unwrap();
    Place {
        store,
        database,
        keeper,
    }
}

impl Place {
    pub(super) fn of(store: Store, closed: Closed) -> Self {
        Self {
            store,
            database: closed.database,
            keeper: closed.keeper,
        }
    }

    /// Closes the store, and leaves the database.
    pub(super) fn close(self) -> Closed {
        drop(self.store);
        Closed {
            database: self.database,
            keeper: self.keeper,
        }
    }
}

/// A database that nobody serves.
pub(super) struct Closed {
    pub(super) database: Database,
    keeper: Box<dyn Any>,
}

impl Closed {
    pub(super) fn open(&self, catalog: &Arc<Catalog>) -> Result<Store, OpenError> {
        Store::open(Settings::new(self.database.clone()), Arc::clone(catalog))
    }
}

/// A preset, or what no preset chooses: every kind of role, and transfers that wait.
pub(super) fn catalog(name: &str) -> Arc<Catalog> {
    let document = Catalog::preset(name).unwrap_or(MIXED);
    Arc::new(Catalog::parse(document).unwrap())
}

const MIXED: &str = r#"
name = "mixed"
policy = { contact_limit = 4, contact_login = "on_request", owner_transfer = "accepted", former_owner = "all" }
roles = [
    { key = "one_allowed", names = { en = "A", fr = "A" }, holders = "one", vacancy = "allowed", categories = ["told"] },
    { key = "one_owner", names = { en = "B", fr = "B" }, holders = "one", vacancy = "owner" },
    { key = "one_forbidden", names = { en = "C", fr = "C" }, holders = "one", vacancy = "forbidden" },
    { key = "many_allowed", names = { en = "D", fr = "D" }, holders = "many", vacancy = "allowed" },
    { key = "many_verified", names = { en = "E", fr = "E" }, holders = "many", vacancy = "forbidden", verified_only = true },
]
categories = [
    { key = "told", names = { en = "Told", fr = "Told" }, audience = ["role_holders"], fallback = "owner" },
]
"#;

/// Minutes after it all began.
pub(super) fn moment(minutes: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap() + TimeDelta::minutes(minutes)
}

pub(super) fn act(actor: Actor, at: DateTime<Utc>) -> Act {
    Act {
        actor,
        at,
        request_id: Some("request".to_owned()),
        keep: None,
    }
}

/// The service itself acts.
pub(super) fn system(at: DateTime<Utc>) -> Act {
    act(Actor::System, at)
}

/// The same act under an `Idempotency-Key`.
pub(super) fn under(key: &str, body: &str, act: Act) -> Act {
    let keep = Keep {
        caller: "usr_1".to_owned(),
        method: "POST".to_owned(),
        path: "/v1/things".to_owned(),
        key: key.to_owned(),
        fingerprint: body.to_owned(),
        kept_for: accounts_store::KEPT_FOR,
    };
    Act {
        keep: Some(keep),
        ..act
    }
}

pub(super) fn kept(text: &str) -> Kept {
    let header = ("etag".to_owned(), "\"1\"".to_owned());
    Kept {
        status: 201,
        headers: vec![header],
        body: text.as_bytes().to_vec(),
    }
}

pub(super) fn no_answer<T>(_: &T) -> Kept {
    kept("")
}

pub(super) fn address(text: &str) -> EmailAddress {
    EmailAddress::parse(text).unwrap()
}

pub(super) fn hash(text: &str) -> PasswordHash {
    PasswordHash(text.to_owned())
}

/// Everything that a catalog could require.
pub(super) fn profile(name: &str) -> ContactProfile {
    ContactProfile {
        display_name: DisplayName::parse(name).unwrap(),
        first_name: Some(PersonName::parse(name).unwrap()),
        last_name: Some(PersonName::parse("Lima").unwrap()),
        title: None,
        language: Language::En,
        phones: vec![phone("+33142685300"), phone("+14155552671")],
    }
}

fn phone(number: &str) -> Phone {
    Phone {
        number: PhoneNumber::parse(number).unwrap(),
        kind: PhoneKind::Landline,
    }
}

pub(super) fn sign_up(address_text: &str, at: DateTime<Utc>) -> SignUp {
    SignUp {
        id: SignUpId::new(),
        address: address(address_text),
        owner: profile("Ana"),
        account: AccountName::parse("Lima").unwrap(),
        created_at: at,
    }
}

pub(super) fn new_ids() -> NewIds {
    NewIds {
        account: AccountId::new(),
        contact: ContactId::new(),
        user: UserId::new(),
    }
}

/// An account whose owner has just chosen the password with the hash `first`.
pub(super) async fn account(store: &Store, owner: &str) -> NewIds {
    account_at(store, owner, moment(0)).await
}

/// The same at another moment.
pub(super) async fn account_at(store: &Store, owner: &str, at: DateTime<Utc>) -> NewIds {
    let ids = new_ids();
    let asked = sign_up(owner, at);
    store.sign_up(asked.clone(), &system(at), kept("")).await.unwrap();
    store
        .confirm_sign_up(asked.id, ids, hash("first"), &system(at), no_answer)
        .await
        .unwrap();
    ids
}

pub(super) fn opening(owner: NewIds, owner_address: &str) -> OpenAccount {
    OpenAccount {
        account: AccountId::new(),
        contact: ContactId::new(),
        user: owner.user,
        profile: accounts_domain::roster::AccountProfile {
            name: AccountName::parse("Second").unwrap(),
            language: Language::Fr,
            phone: None,
            postal_address: None,
            tax_id: None,
        },
        owner: profile("Ana"),
        address: address(owner_address),
        external_id: None,
    }
}

pub(super) fn creation(address_text: &str) -> CreateContact {
    CreateContact {
        id: ContactId::new(),
        profile: profile("Bea"),
        address: address(address_text),
        more_addresses: Vec::new(),
        roles: BTreeSet::new(),
        login: None,
        subscriptions: BTreeSet::new(),
    }
}

/// Adds a contact, as the service itself.
pub(super) async fn add(
    store: &Store,
    account: AccountId,
    command: CreateContact,
    act: &Act,
) -> Result<Decision, DecideError> {
    let by = act.by();
    store
        .decide(
            account,
            act,
            move |roster| roster.create_contact(by, &command),
            |_| kept("added"),
        )
        .await
}

/// A contact that is verified and logs in with everything.
pub(super) async fn member(store: &Store, account: AccountId, address_text: &str) -> (ContactId, UserId) {
    let command = CreateContact {
        login: Some(Permissions::All),
        ..creation(address_text)
    };
    let (contact, link, user) = (command.id, VerificationId::new(), UserId::new());
    let act = system(moment(1));
    let by = act.by();
    add(store, account, command, &act).await.unwrap();
    let send = SendVerification {
        id: link,
        contact,
        address: None,
    };
    store
        .decide(
            account,
            &act,
            move |roster| roster.send_verification(by, &send),
            no_answer,
        )
        .await
        .unwrap();
    store
        .confirm_verification(link, user, Some(hash("first")), &act, no_answer)
        .await
        .unwrap();
    (contact, user)
}

pub(super) async fn roster(store: &Store, account: AccountId) -> Roster {
    store.roster(account).await.unwrap().unwrap()
}

/// Everything that must hold does.
pub(super) async fn sound(store: &Store, at: DateTime<Utc>) {
    assert_eq!(store.check(at).await.unwrap(), []);
}

/// Runs SQL as an operator could by hand.
pub(super) fn by_hand(place: &Place, sql: &str) {
    accounts_store::schema_walk::by_hand(&place.database, sql).unwrap();
}

/// What keeps somebody from running this by hand.
pub(super) fn refused_by_hand(place: &Place, sql: &str) -> String {
    accounts_store::schema_walk::by_hand(&place.database, sql).unwrap_err()
}
