//! Who may call: the first argument of a handler. Each guard says in its type what it asks for, and what it
//! yields is all that a handler knows of its caller.

mod admit;
mod by_permission;
mod in_person;
mod integrations;
mod keys;
mod operators;
mod own;

use std::sync::Arc;

use accounts_domain::actor::{Actor, By};
use accounts_domain::api_keys::{ApiKey, KeyHolder};
use accounts_domain::change::Change;
use accounts_domain::ids::{AccountId, ContactId, SessionId, UserId};
use accounts_domain::operators::Impersonation;
use accounts_domain::roster::{AccountStatus, Roster};
use accounts_domain::sessions::is_proven;
use accounts_domain::users::User;
use accounts_domain::violation::Violation;
use accounts_store::{Act, Decision, Keep, UserDecision, Visit, Visitor};
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use actix_web::web::Data;
use actix_web::{HttpMessage, HttpRequest};
use chrono::{DateTime, Utc};

use crate::denials;
use crate::describe::{Describe, Description};
use crate::idempotency::Idempotency;
use crate::key_text::KeyText;
use crate::path;
use crate::problem::{Code, Problem};
use crate::reply::Reply;
use crate::request_id::RequestId;
use crate::service::Service;
use crate::tokens::Bearer;
use admit::{Admit, guards};
pub use by_permission::{
    ExportsAudit, ExportsContacts, ManagesAccount, ManagesContacts, ManagesMembers, ManagesNotifications, ManagesRoles,
    ReviewsAccount, ViewsAudit, ViewsContacts, ViewsMembers, ViewsNotifications,
};
pub use in_person::{AnySession, ErasesContacts, MakesKeys, ManagesKeys, MemberInPerson};
pub use integrations::{
    ChecksAccess, ChecksInbound, IntegrationCaller, ManagesWebhooks, NotifiesAccount, OpensAccounts, ReadsEvents,
    ReportsDeliverability, SendsNotifications, ViewsAccounts,
};
use keys::{Takes, by_key};
pub use operators::{Admin, Operator};
pub use own::{EditsContact, Leaves, SetsWishes, ViewsContact, ViewsMember};

/// Whoever calls: a person in a session, or an API key. As an argument it takes persons and the keys that act as them.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who it is, or who made the key.
    pub user: Arc<User>,
    /// By what.
    pub credential: Credential,
    /// The service.
    pub service: Data<Service>,
    /// Who acts, and when: now.
    pub by: By,
    request_id: Option<String>,
}

/// By what somebody calls.
#[derive(Debug, Clone)]
pub enum Credential {
    /// A session.
    Session {
        /// Which.
        id: SessionId,
        /// When its person last proved to be the user.
        authenticated_at: DateTime<Utc>,
    },
    /// A session by which an operator acts in the person's place.
    Impersonation {
        /// Which.
        id: SessionId,
        /// Who, and in which account.
        by: Impersonation,
    },
    /// An API key.
    Key(Arc<ApiKey>),
}

/// Somebody with a live session, in person. No API key is taken, and no operator in the person's place.
#[derive(Debug, Clone)]
pub struct SignedIn {
    caller: Caller,
    /// The session.
    pub session: SessionId,
    /// When the person last proved to be the user.
    pub authenticated_at: DateTime<Utc>,
}

impl std::ops::Deref for SignedIn {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.caller
    }
}

/// A live member of the account in the path.
#[derive(Debug, Clone)]
pub struct Member {
    /// The person, or the key that acts for it.
    pub person: Caller,
    /// The account.
    pub account: AccountId,
    /// The account as the request found it. Changes are decided upon the roster under the lock.
    pub roster: Arc<Roster>,
}

impl Caller {
    /// To whom an idempotency key belongs, and a remembered answer: a key is not its maker, and an operator in a person's
    /// place is not the person.
    pub fn id(&self) -> uuid::Uuid {
        match &self.credential {
            Credential::Session { .. } => self.user.id.uuid(),
            Credential::Impersonation { id, .. } => id.uuid(),
            Credential::Key(key) => key.id.uuid(),
        }
    }

    /// The same as it is written.
    pub fn name(&self) -> String {
        match &self.credential {
            Credential::Session { .. } => self.user.id.to_string(),
            Credential::Impersonation { id, .. } => id.to_string(),
            Credential::Key(key) => key.id.to_string(),
        }
    }

    /// Refuses a person without the second factor that the account asks for, and so the keys of that person. An operator
    /// in the person's place has proved a second factor already, its own: the person's is nobody else's to have.
    ///
    /// # Errors
    /// [`Violation::SecondFactorSetupRequired`].
    pub fn require_factor(&self, roster: &Roster) -> Result<(), Violation> {
        match &self.credential {
            Credential::Session { .. } | Credential::Key(_) => roster.require_factor_of(&self.user),
            Credential::Impersonation { .. } => Ok(()),
        }
    }

    /// Refuses whoever did not prove to be the user within the last ten minutes (R05). Keys and operators never did.
    ///
    /// # Errors
    /// 401 `reauthentication-required`.
    pub fn require_proof(&self) -> Result<(), Problem> {
        let proven = match &self.credential {
            Credential::Session { authenticated_at, .. } => is_proven(*authenticated_at, self.by.at),
            Credential::Impersonation { .. } | Credential::Key(_) => false,
        };
        proven
            .then_some(())
            .ok_or_else(|| Problem::new(Code::ReauthenticationRequired))
    }

    /// The act of this caller, now; `keep` says where its answer is kept.
    pub fn act(&self, keep: Option<Keep>) -> Act {
        Act {
            actor: self.by.actor,
            at: self.by.at,
            request_id: self.request_id.clone(),
            keep,
        }
    }

    /// Changes the person by a rule.
    ///
    /// # Errors
    /// Whatever the rule refuses.
    pub async fn decide<D>(&self, decide: D) -> Result<UserDecision, Problem>
    where
        D: Fn(&accounts_domain::users::Person) -> Result<Vec<accounts_domain::users::UserChange>, Violation>
            + Send
            + 'static,
    {
        let unkept = |_: &UserDecision| Reply::no_content().kept();
        let decision = self
            .service
            .store
            .decide_user(self.user.id, &self.act(None), decide, unkept)
            .await?;
        self.service.mail_waits.notify_one();
        Ok(decision)
    }
}

impl Member {
    /// Who acts, and when: now.
    pub fn by(&self) -> By {
        self.person.by
    }

    /// Changes the account by a rule, under its lock, and answers with what was decided.
    ///
    /// # Errors
    /// Whatever the rule refuses.
    pub async fn decide<D, A>(&self, decide: D, answer: A) -> Result<Reply, Problem>
    where
        D: Fn(&Roster, By) -> Result<Vec<Change>, Violation> + Send + 'static,
        A: Fn(&Decision) -> Reply + Clone + Send + 'static,
    {
        self.decide_kept(None, decide, answer).await
    }

    /// The same for a POST that may be sent again: it is done once for its key.
    ///
    /// # Errors
    /// Whatever the rule refuses.
    pub async fn decide_once<D, A>(&self, key: Idempotency, decide: D, answer: A) -> Result<Reply, Problem>
    where
        D: Fn(&Roster, By) -> Result<Vec<Change>, Violation> + Send + 'static,
        A: Fn(&Decision) -> Reply + Clone + Send + 'static,
    {
        let caller = self.person.name();
        key.once(&self.person.service, &caller, |keep| {
            self.decide_kept(keep, decide, answer)
        })
        .await
    }

    /// Changes the account by a rule that may give it to a contact, once for each `Idempotency-Key`. The rule also sees to
    /// which user it would go with that ([`Roster::successor_address`]).
    ///
    /// # Errors
    /// Whatever the rule refuses.
    pub async fn decide_owner_once<D, A>(
        &self,
        key: Idempotency,
        owner: ContactId,
        decide: D,
        answer: A,
    ) -> Result<Reply, Problem>
    where
        D: Fn(&Roster, By, Option<UserId>) -> Result<Vec<Change>, Violation> + Send + 'static,
        A: Fn(&Decision) -> Reply + Clone + Send + 'static,
    {
        let by = self.by();
        let decide = move |roster: &Roster, known| decide(roster, by, known);
        let kept = answer.clone();
        let kept = move |decision: &Decision| kept(decision).kept();
        let service = &self.person.service;
        key.once(service, &self.person.name(), |keep| async move {
            let act = self.person.act(keep);
            let decided = service
                .store
                .decide_owner(self.account, owner, &act, decide, kept)
                .await;
            service.mail_waits.notify_one();
            Ok(answer(&decided?))
        })
        .await
    }

    /// What a rule would change, and nothing is changed.
    ///
    /// # Errors
    /// Whatever the rule refuses.
    pub fn preview<D>(&self, decide: D) -> Result<Decision, Problem>
    where
        D: Fn(&Roster, By) -> Result<Vec<Change>, Violation>,
    {
        let changes = decide(&self.roster, self.by())?;
        Ok(Decision::new(Arc::clone(&self.roster), changes, &self.person.act(None)))
    }

    /// The same under a key that was looked up already.
    ///
    /// # Errors
    /// Whatever the rule refuses.
    pub(crate) async fn decide_kept<D, A>(&self, keep: Option<Keep>, decide: D, answer: A) -> Result<Reply, Problem>
    where
        D: Fn(&Roster, By) -> Result<Vec<Change>, Violation> + Send + 'static,
        A: Fn(&Decision) -> Reply + Clone + Send + 'static,
    {
        let by = self.by();
        let service = &self.person.service;
        let kept = answer.clone();
        let decide = move |roster: &Roster| decide(roster, by);
        let act = self.person.act(keep);
        let decided = service
            .store
            .decide(self.account, &act, decide, move |decision| kept(decision).kept())
            .await;
        service.mail_waits.notify_one();
        Ok(answer(&decided?))
    }
}

impl Admit for SignedIn {
    async fn admit(request: &HttpRequest) -> Result<Self, Problem> {
        in_session(request, Takes::Persons).await
    }
}

impl Describe for SignedIn {
    const GUARD: bool = true;

    fn describe(description: &mut Description) {
        description.secured();
    }
}

impl Admit for Caller {
    async fn admit(request: &HttpRequest) -> Result<Self, Problem> {
        sign_in(request, None, Takes::UserKeys).await.map(|(caller, _)| caller)
    }
}

impl Describe for Caller {
    const GUARD: bool = true;

    fn describe(description: &mut Description) {
        description.secured_for_keys();
        description.refuses(Code::PersonOnly);
    }
}

/// Somebody with a live session who proved to be the user within the last ten minutes, by logging in or by
/// `POST /v1/me/reauthenticate` (R05): for acts that an open session alone must not be able to do.
#[derive(Debug, Clone)]
pub struct Reauthenticated(pub SignedIn);

guards!(Caller, SignedIn, Member, Reauthenticated around SignedIn, Owner around Member);

impl Admit for Reauthenticated {
    async fn admit(request: &HttpRequest) -> Result<Self, Problem> {
        let person = in_session(request, Takes::Persons).await?;
        person.require_proof()?;
        Ok(Self(person))
    }
}

impl Describe for Reauthenticated {
    const GUARD: bool = true;

    fn describe(description: &mut Description) {
        description.secured();
        description.refuses(Code::ReauthenticationRequired);
    }
}

impl Admit for Member {
    async fn admit(request: &HttpRequest) -> Result<Self, Problem> {
        enter(request, Takes::AllKeys).await
    }
}

impl Describe for Member {
    const GUARD: bool = true;

    fn describe(description: &mut Description) {
        description.secured_for_keys();
        describe_account(description);
    }
}

fn describe_account(description: &mut Description) {
    describe_account_though_closed(description);
    description.refuses(Code::AccountClosed);
}

fn describe_account_though_closed(description: &mut Description) {
    description.path_id("account", "acc", "The account.");
    description.refuses(Code::NotFound);
    description.refuses(Code::SecondFactorSetupRequired);
}

/// The owner of the account in the path.
#[derive(Debug, Clone)]
pub struct Owner(pub Member);

impl Admit for Owner {
    async fn admit(request: &HttpRequest) -> Result<Self, Problem> {
        let member = enter(request, Takes::Persons).await?;
        if !member.roster.is_owner(member.person.user.id) {
            return Err(Problem::new(Code::OwnerOnly));
        }
        Ok(Self(member))
    }
}

impl Describe for Owner {
    const GUARD: bool = true;

    fn describe(description: &mut Description) {
        description.secured();
        describe_account(description);
        description.refuses(Code::OwnerOnly);
    }
}

async fn enter(request: &HttpRequest, takes: Takes) -> Result<Member, Problem> {
    let member = enter_though_closed(request, takes).await?;
    if member.roster.account().status == AccountStatus::Closed {
        return Err(Problem::new(Code::AccountClosed));
    }
    Ok(member)
}

async fn enter_though_closed(request: &HttpRequest, takes: Takes) -> Result<Member, Problem> {
    // An id of the wrong kind is an account that is not there; that it is none is told after the log-in alone.
    let account = path::value::<AccountId>(request, "account");
    let (person, roster) = sign_in(request, account.as_ref().ok().copied(), takes).await?;
    let account = account?;
    let is_member = |roster: &Arc<Roster>| roster.live_member(person.user.id, person.by.at).is_some();
    let Some(roster) = roster.filter(is_member) else {
        denials::note_outside(request);
        return Err(Problem::not_found());
    };
    person.require_factor(&roster)?;
    Ok(Member {
        person,
        account,
        roster,
    })
}

async fn in_session(request: &HttpRequest, takes: Takes) -> Result<SignedIn, Problem> {
    let (caller, _) = sign_in(request, None, takes).await?;
    let (session, authenticated_at) = match caller.credential {
        Credential::Session { id, authenticated_at } => (id, authenticated_at),
        // The person has proved nothing by it, at no time.
        Credential::Impersonation { id, .. } => (id, DateTime::UNIX_EPOCH),
        Credential::Key(_) => return Err(Problem::new(Code::PersonOnly)),
    };
    Ok(SignedIn {
        caller,
        session,
        authenticated_at,
    })
}

async fn sign_in(
    request: &HttpRequest,
    account: Option<AccountId>,
    takes: Takes,
) -> Result<(Caller, Option<Arc<Roster>>), Problem> {
    let service = service(request)?;
    let at = service.clock.now();
    let token = bearer_token(request.headers())?;
    if KeyText::is_meant(KeyHolder::Customer, token) {
        return by_key(request, token, account, takes).await;
    }
    let revoked = || Problem::unauthenticated(true);
    let bearer = service.tokens.read(token, at).ok_or_else(revoked)?;
    denials::note(request, bearer.actor());
    let Bearer { user, session, .. } = bearer;
    let visitor = Visitor {
        session,
        user,
        account,
        at,
    };
    let Visit::Live {
        user,
        authenticated_at,
        impersonation,
        roster,
    } = service.store.visit(visitor).await?
    else {
        return Err(revoked());
    };
    let (actor, credential) = match impersonation {
        None => {
            let id = session;
            (Actor::User(user.id), Credential::Session { id, authenticated_at })
        }
        Some(by) => {
            let (user, operator) = (user.id, by.operator);
            let actor = Actor::Impersonated { user, operator };
            if takes == Takes::Persons {
                return Err(Problem::new(Code::ImpersonationRefused));
            }
            let id = session;
            (actor, Credential::Impersonation { id, by })
        }
    };
    // An operator acts in the account whose audit log tells of it, and in no other.
    let kept_to = |roster: &Arc<Roster>| impersonation.is_none_or(|by| by.account == Some(roster.account().id));
    let roster = roster.filter(kept_to);
    let by = By { actor, at };
    let request_id = request.extensions().get::<RequestId>().map(|id| id.0.clone());
    Ok((
        Caller {
            user,
            credential,
            service,
            by,
            request_id,
        },
        roster,
    ))
}

/// The token of an `Authorization` header (RFC 6750 section 2.1). It comes by no other way.
fn bearer_token(headers: &HeaderMap) -> Result<&str, Problem> {
    let mut values = headers.get_all(AUTHORIZATION);
    let value = values.next().ok_or_else(|| Problem::unauthenticated(false))?;
    let malformed = || Problem::unauthenticated(true);
    if values.next().is_some() {
        return Err(malformed());
    }
    let (scheme, token) = value
        .to_str()
        .ok()
        .and_then(|value| value.split_once(' '))
        .ok_or_else(malformed)?;
    if scheme.eq_ignore_ascii_case("bearer") {
        Ok(token.trim())
    } else {
        Err(malformed())
    }
}

/// The service that an application serves.
pub(crate) fn service(request: &HttpRequest) -> Result<Data<Service>, Problem> {
    request
        .app_data::<Data<Service>>()
        .cloned()
        .ok_or_else(|| Problem::internal("the application has no service"))
}
