//! Set-up below the API, for tests that need a great many accounts, contacts and sessions: the same decisions as by
//! HTTP, without mails, passwords and throttles on the way.

use accounts_api::{
    key_text::integration_key,
    links::LinkPurpose,
    service::Service,
    tokens::{Bearer, RefreshToken},
};
use accounts_domain::{
    actor::{Actor, By},
    address::EmailAddress,
    api_keys::KeyMode,
    change::Change,
    contacts::CreateContact,
    ids::{AccountId, ContactId, IntegrationId, MailId, SessionId, SignUpId, UserId, VerificationId},
    integrations::{Integration, IntegrationScope},
    language::Language,
    names::{AccountName, DisplayName, KeyName},
    ownership::TransferOwnership,
    permission::Permissions,
    roster::{ContactProfile, Roster},
    sessions::Session,
    sign_ups::SignUp,
    users::{NewSession, PasswordHash},
    verification::SendVerification,
    violation::Violation,
};
use accounts_store::{Act, Kept, NewIds};

use crate::App;

/// A person with a log-in, as a contact of an account.
#[derive(Debug, Clone)]
pub struct Login {
    /// The account.
    pub account: AccountId,
    /// The contact that the person is there.
    pub contact: ContactId,
    /// The person.
    pub user: UserId,
    /// The address of both.
    pub address: String,
}

/// The tokens of a session.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// The session.
    pub session: SessionId,
    /// For `Authorization`.
    pub access: String,
    /// For one refresh.
    pub refresh: String,
}

/// A verification that waits for somebody to follow its link.
#[derive(Debug, Clone)]
pub struct Unproven {
    /// The contact.
    pub contact: ContactId,
    /// What the link in the mail holds.
    pub token: String,
}

impl Login {
    /// A path below the account: `ana.at("/contacts")`.
    pub fn at(&self, path: &str) -> String {
        format!("/v1/accounts/{}{path}", self.account)
    }
}

/// An account with its owner. Without a hash nobody knows their password.
pub fn owner(app: &App, address: &str, hash: Option<PasswordHash>) -> Login {
    let service = app.running().service();
    let sign_up = sign_up(app, address);
    let ids = NewIds {
        account: AccountId::new(),
        contact: ContactId::new(),
        user: UserId::new(),
    };
    let (hash, act) = (hash.unwrap_or_else(unknown_hash), act(service, Actor::Link));
    let confirmed = service.store.confirm_sign_up(sign_up, ids, hash, &act, |_| unkept());
    app.running()
        .wait(confirmed)
        .unwrap_or_else(|error| panic!("no account: {error}"));
    Login {
        account: ids.account,
        contact: ids.contact,
        user: ids.user,
        address: address.to_owned(),
    }
}

/// A sign-up that waits for its proof.
pub fn sign_up(app: &App, address: &str) -> SignUpId {
    let service = app.running().service();
    let sign_up = SignUp {
        id: SignUpId::new(),
        address: parsed(address),
        owner: profile("Ana"),
        account: AccountName::parse("Lima Ltd").unwrap_or_else(|fault| panic!("{fault:?}")),
        created_at: service.clock.now(),
    };
    let id = sign_up.id;
    let act = act(service, Actor::System);
    let kept = service.store.sign_up(sign_up, &act, unkept());
    app.running()
        .wait(kept)
        .unwrap_or_else(|error| panic!("no sign-up: {error}"));
    id
}

/// What the link of a sign-up's mail holds.
pub fn sign_up_token(app: &App, id: SignUpId, address: &str) -> String {
    let links = &app.running().service().links;
    links.token(LinkPurpose::SignUp, &id.to_string(), parsed(address).key())
}

/// Somebody logs in.
pub fn session(app: &App, user: UserId) -> Tokens {
    let service = app.running().service();
    let at = service.clock.now();
    let session = Session::begin(SessionId::new(), at, None, None);
    let refresh = service
        .tokens
        .new_refresh_token()
        .unwrap_or_else(|| panic!("no randomness"));
    let id = session.id;
    let new = NewSession {
        session,
        refresh_hash: refresh.hash(),
    };
    let act = act(service, Actor::User(user));
    let decided = service.store.decide_user(
        user,
        &act,
        move |person| match person.user.password_hash.clone() {
            Some(hash) => person.log_in(&hash, new.clone()),
            None => Err(Violation::WrongPassword),
        },
        |_| unkept(),
    );
    app.running()
        .wait(decided)
        .unwrap_or_else(|error| panic!("no session: {error}"));
    tokens(
        service,
        Bearer {
            user,
            session: id,
            operator: None,
        },
        &refresh,
    )
}

/// Changes an account as the service itself would.
pub fn settle<D>(app: &App, account: AccountId, decide: D)
where
    D: Fn(&Roster, By) -> Result<Vec<Change>, Violation> + Send + 'static,
{
    let service = app.running().service();
    let act = act(service, Actor::System);
    let by = act.by();
    let decided = service
        .store
        .decide(account, &act, move |roster| decide(roster, by), |_| unkept());
    if let Err(error) = app.running().wait(decided) {
        panic!("the account cannot be set up: {error}");
    }
}

/// A decision upon an account.
type Decide<'a> = &'a dyn Fn(&Roster) -> Result<Vec<Change>, Violation>;

/// Decisions one after the other, each upon what the one before has left.
///
/// # Errors
/// The first one that is refused.
pub fn in_turn(roster: &Roster, by: By, decisions: &[Decide<'_>]) -> Result<Vec<Change>, Violation> {
    let mut all = Vec::new();
    let mut present = roster.clone();
    for decide in decisions {
        let changes = decide(&present)?;
        present = present.after(&changes, by.at);
        all.extend(changes);
    }
    Ok(all)
}

/// A contact whose verification was sent.
pub fn unproven(app: &App, account: AccountId, address: &str, login: Option<Permissions>) -> Unproven {
    let (contact, verification) = (ContactId::new(), VerificationId::new());
    let create = CreateContact {
        id: contact,
        profile: profile("Bea"),
        address: parsed(address),
        more_addresses: Vec::new(),
        roles: std::collections::BTreeSet::default(),
        login,
        subscriptions: std::collections::BTreeSet::default(),
    };
    let send = SendVerification {
        id: verification,
        contact,
        address: None,
    };
    settle(app, account, move |roster, by| {
        in_turn(
            roster,
            by,
            &[&|roster| roster.create_contact(by, &create), &|roster| {
                roster.send_verification(by, &send)
            }],
        )
    });
    let links = &app.running().service().links;
    Unproven {
        contact,
        token: links.token(
            LinkPurpose::Verification,
            &verification.to_string(),
            parsed(address).key(),
        ),
    }
}

/// A verified contact without a log-in.
pub fn contact(app: &App, account: AccountId, address: &str) -> ContactId {
    let unproven = unproven(app, account, address, None);
    prove(app, &unproven);
    unproven.contact
}

/// A verified contact with a log-in and these permissions. Who logs in already somewhere else stays the same person.
pub fn member(app: &App, account: AccountId, address: &str, permissions: Permissions) -> Login {
    let unproven = unproven(app, account, address, Some(permissions));
    prove(app, &unproven);
    let service = app.running().service();
    let user = app
        .running()
        .wait(service.store.user_by_address(parsed(address).key().to_owned()))
        .unwrap_or_else(|error| panic!("no user: {error}"));
    Login {
        account,
        contact: unproven.contact,
        user: user.unwrap_or_else(|| panic!("{address} has no user")).id,
        address: address.to_owned(),
    }
}

/// A person with a log-in who is a member without permissions and no contact, though nobody invited them.
pub fn joins(app: &App, account: AccountId, address: &str, name: &str, password: &str) -> UserId {
    let (user, address, hash) = (UserId::new(), parsed(address), hash(app, password));
    let sql = format!(
        "INSERT INTO users (id, address, address_key, display_name, language, password_hash, status, revision, version,
             created_at, updated_at)
         VALUES ('{user}', '{}', '{}', '{name}', 'en', '{}', 'active', 0, 1, '2026-01-01 00:00:00', '2026-01-01 00:00:00')",
        address.as_str(),
        address.key(),
        hash.0
    );
    let written = accounts_store::Hand::open(&app.database()).and_then(|mut hand| hand.run(&sql));
    written.unwrap_or_else(|error| panic!("no user: {error}"));
    enters(app, account, user, None, Permissions::none());
    user
}

/// A mail that was given up, because the server knows nobody there: its id.
pub fn given_up_mail(app: &App, address: &str) -> String {
    let mail = MailId::new();
    let sql = format!(
        "INSERT INTO mails (id, address, address_key, language, message, created_at, attempts, next_attempt_at, failed_at,
             last_error)
         VALUES ('{mail}', '{address}', '{address}', 'en', '{{\"kind\":\"password_changed\",\"name\":\"Gil\"}}',
             '2026-01-01 00:00:00', 1, '2026-01-01 00:00:00', '2026-01-01 00:00:01', '550 5.1.1 no such mailbox')"
    );
    let written = accounts_store::Hand::open(&app.database()).and_then(|mut hand| hand.run(&sql));
    written.unwrap_or_else(|error| panic!("no mail: {error}"));
    mail.to_string()
}

/// Somebody who has a log-in is a member from now on.
pub fn enters(app: &App, account: AccountId, user: UserId, contact: Option<ContactId>, permissions: Permissions) {
    settle(app, account, move |_, _| {
        Ok(vec![Change::MemberAdded {
            user,
            contact,
            permissions: permissions.clone(),
        }])
    });
}

/// The account goes from its owner to another, who then holds what an owner holds; the former one holds nothing.
pub fn give_back(app: &App, from: &Login, to: ContactId) {
    let service = app.running().service();
    let act = act(service, Actor::User(from.user));
    let (by, former) = (act.by(), from.contact);
    let command = TransferOwnership {
        id: accounts_domain::ids::TransferId::new(),
        to,
    };
    let decided = service.store.decide(
        from.account,
        &act,
        move |roster| {
            let mut changes = roster.transfer_ownership(by, &command, None)?;
            let after = roster.clone().after(&changes, by.at);
            changes.extend(
                after
                    .roles_of(former)
                    .into_iter()
                    .map(|role| Change::RoleTaken { role, contact: former }),
            );
            Ok(changes)
        },
        |_| unkept(),
    );
    if let Err(error) = app.running().wait(decided) {
        panic!("the account cannot be given back: {error}");
    }
}

/// The hash of a password, as the service makes it.
pub fn hash(app: &App, password: &str) -> PasswordHash {
    let password = accounts_api::passwords::Password::parse(password).unwrap_or_else(|| panic!("no password"));
    app.running()
        .wait(app.running().service().passwords.hash(password))
        .unwrap_or_else(|problem| panic!("no hash: {problem:?}"))
}

fn prove(app: &App, unproven: &Unproven) {
    let service = app.running().service();
    let link = accounts_api::links::Links::read::<VerificationId>(&unproven.token)
        .unwrap_or_else(|| panic!("no token: {}", unproven.token));
    let act = act(service, Actor::Link);
    let confirmed = service
        .store
        .confirm_verification(link.id, UserId::new(), Some(unknown_hash()), &act, |_| unkept());
    if let Err(error) = app.running().wait(confirmed) {
        panic!("the address is not proven: {error}");
    }
}

fn tokens(service: &Service, bearer: Bearer, refresh: &RefreshToken) -> Tokens {
    Tokens {
        session: bearer.session,
        access: service
            .tokens
            .sign(bearer, service.clock.now())
            .unwrap_or_else(|| panic!("no signature")),
        refresh: refresh.as_str().to_owned(),
    }
}

fn act(service: &Service, actor: Actor) -> Act {
    Act {
        actor,
        at: service.clock.now(),
        request_id: None,
        keep: None,
    }
}

fn profile(name: &str) -> ContactProfile {
    ContactProfile {
        display_name: DisplayName::parse(name).unwrap_or_else(|fault| panic!("{fault:?}")),
        first_name: None,
        last_name: None,
        title: None,
        language: Language::default(),
        phones: Vec::new(),
    }
}

fn parsed(address: &str) -> EmailAddress {
    EmailAddress::parse(address).unwrap_or_else(|fault| panic!("{address} is no address: {fault:?}"))
}

/// A hash that no password has.
fn unknown_hash() -> PasswordHash {
    PasswordHash("$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$none".to_owned())
}

fn unkept() -> Kept {
    Kept {
        status: 204,
        headers: Vec::new(),
        body: Vec::new(),
    }
}

/// Makes an integration with these scopes and answers a key of it.
pub fn integration(app: &App, scopes: &[&str], mode: KeyMode) -> String {
    let service = app.running().service();
    let at = service.clock.now();
    let scope = |name: &&str| IntegrationScope::from_name(name).unwrap_or_else(|| panic!("there is no scope {name}"));
    let id = IntegrationId::new();
    let name = KeyName::parse(&id.to_string()).unwrap_or_else(|fault| panic!("{fault}"));
    let mut integration = Integration::new(id, name, scopes.iter().map(scope).collect(), at);
    let Some((key, whole)) = integration_key(mode, None, at) else {
        panic!("no randomness")
    };
    integration.keys.insert(key.id, key.into());
    let act = act(service, Actor::System);
    let kept = app.running().wait(service.store.create_integration(integration, &act));
    assert!(kept.is_ok_and(|new| new), "the integration was not made");
    whole
}
