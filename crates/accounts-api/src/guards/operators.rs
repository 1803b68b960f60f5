//! The provider's staff: callers of `/v1/operator`, which to everybody else is not there (R40).

use accounts_domain::actor::{Actor, By};
use accounts_domain::api_keys::KeyHolder;
use accounts_domain::change::Change;
use accounts_domain::ids::{AccountId, ApiKeyId, ContactId, IntegrationId, UserId};
use accounts_domain::integrations::{Integration, IntegrationChange};
use accounts_domain::names::Reason;
use accounts_domain::operators::{Operator as Person, OperatorKind, OperatorSession};
use accounts_domain::roster::Roster;
use accounts_domain::users::{Person as Customer, UserChange};
use accounts_domain::violation::Violation;
use accounts_store::{Act, Decision, IntegrationDecision, Keep, UserDecision};
use actix_web::web::Data;
use actix_web::{HttpMessage, HttpRequest};

use super::admit::{Admit, guards};
use super::bearer_token;
use crate::denials;
use crate::describe::{Describe, Description};
use crate::idempotency::Idempotency;
use crate::key_text::KeyText;
use crate::path;
use crate::problem::{Code, Problem};
use crate::reply::Reply;
use crate::request_id::RequestId;
use crate::service::Service;
use crate::tokens::OperatorBearer;

/// One of the provider's staff, of either kind, with a live session.
#[derive(Debug, Clone)]
pub struct Operator {
    /// Who it is.
    pub person: Person,
    /// By which session.
    pub session: OperatorSession,
    /// The service.
    pub service: Data<Service>,
    /// Who acts, and when: now.
    pub by: By,
    request_id: Option<String>,
}

/// An operator who changes accounts and log-ins.
#[derive(Debug, Clone)]
pub struct Admin(pub Operator);

guards!(Operator, Admin around Operator);

impl Operator {
    /// The act of this operator, now; `keep` says where its answer is kept.
    pub fn act(&self, keep: Option<Keep>) -> Act {
        Act {
            actor: self.by.actor,
            at: self.by.at,
            request_id: self.request_id.clone(),
            keep,
        }
    }

    /// To whom an idempotency key belongs.
    pub fn name(&self) -> String {
        self.person.id.to_string()
    }
}

impl Admin {
    /// Changes an account by a rule, under its lock, for a reason, and answers with what was decided. Where the account is
    /// to have another owner, the rule sees who takes it over by the contact's address.
    ///
    /// # Errors
    /// Whatever the rule refuses.
    pub async fn decide<D, A>(
        &self,
        account: AccountId,
        owner: Option<ContactId>,
        reason: Reason,
        decide: D,
        answer: A,
    ) -> Result<Reply, Problem>
    where
        D: Fn(&Roster, By, Option<UserId>) -> Result<Vec<Change>, Violation> + Send + 'static,
        A: Fn(&Decision) -> Reply + Clone + Send + 'static,
    {
        let (by, kept) = (self.by, answer.clone());
        let decided = self
            .service
            .store
            .decide_because(
                account,
                owner,
                reason,
                &self.act(None),
                move |roster, known| decide(roster, by, known),
                move |decision| kept(decision).kept(),
            )
            .await;
        self.service.mail_waits.notify_one();
        Ok(answer(&decided?))
    }

    /// Changes a person by a rule, for a reason, once for its key.
    ///
    /// # Errors
    /// Whatever the rule refuses.
    pub async fn decide_user<D, A>(
        &self,
        user: UserId,
        reason: Reason,
        key: Idempotency,
        decide: D,
        answer: A,
    ) -> Result<Reply, Problem>
    where
        D: Fn(&Customer) -> Result<Vec<UserChange>, Violation> + Send + 'static,
        A: Fn(&UserDecision) -> Reply + Clone + Send + 'static,
    {
        let caller = self.name();
        key.once(&self.service, &caller, |keep| async {
            let (act, kept) = (self.act(keep), answer.clone());
            let store = &self.service.store;
            let decided = store
                .decide_user_because(user, reason, &act, decide, move |decision| kept(decision).kept())
                .await;
            self.service.mail_waits.notify_one();
            Ok(answer(&decided?))
        })
        .await
    }

    /// Changes an integration by a rule, for a reason.
    ///
    /// # Errors
    /// Whatever the rule refuses.
    pub async fn decide_integration<D>(
        &self,
        integration: IntegrationId,
        reason: Reason,
        decide: D,
    ) -> Result<IntegrationDecision, Problem>
    where
        D: Fn(&Integration) -> Result<Vec<IntegrationChange>, Violation> + Send + 'static,
    {
        let act = self.act(None);
        let store = &self.service.store;
        let decided = store
            .decide_integration_because(integration, reason, &act, decide)
            .await;
        Ok(decided?)
    }
}

impl Admit for Operator {
    async fn admit(request: &HttpRequest) -> Result<Self, Problem> {
        let operator = enter(request).await?;
        require_target(request, &operator).await?;
        Ok(operator)
    }
}

impl Admit for Admin {
    async fn admit(request: &HttpRequest) -> Result<Self, Problem> {
        let operator = enter(request).await?;
        if operator.person.kind != OperatorKind::Admin {
            return Err(Problem::new(Code::AdminOnly));
        }
        require_target(request, &operator).await?;
        Ok(Self(operator))
    }
}

impl Describe for Operator {
    const GUARD: bool = true;

    fn describe(description: &mut Description) {
        description.secured_for_operators();
    }
}

impl Describe for Admin {
    const GUARD: bool = true;

    fn describe(description: &mut Description) {
        description.secured_for_operators();
        description.refuses(Code::AdminOnly);
    }
}

/// Judges the credential. To a customer who is known by the own one there is nothing here; whatever opens nothing anywhere
/// is 401, as everywhere, and so is a key of an integration.
async fn enter(request: &HttpRequest) -> Result<Operator, Problem> {
    let service = super::service(request)?;
    let at = service.clock.now();
    let token = bearer_token(request.headers())?;
    let customer = service.tokens.read(token, at);
    if let Some(bearer) = customer {
        denials::note(request, bearer.actor());
    }
    if customer.is_some() || KeyText::is_meant(KeyHolder::Customer, token) {
        denials::note_outside(request);
        return Err(Problem::not_found());
    }
    let dead = || Problem::unauthenticated(true);
    let OperatorBearer { operator, session } = service.tokens.read_operator(token, at).ok_or_else(dead)?;
    let actor = Actor::Operator(operator);
    denials::note(request, actor);
    let found = service.store.visit_operator(operator, session, at).await?;
    let (person, session) = found.ok_or_else(dead)?;
    let by = By { actor, at };
    Ok(Operator {
        person,
        session,
        service,
        by,
        request_id: request.extensions().get::<RequestId>().map(|id| id.0.clone()),
    })
}

/// What the path names must be there before anything else about the request is judged.
async fn require_target(request: &HttpRequest, operator: &Operator) -> Result<(), Problem> {
    let store = &operator.service.store;
    let there = if path::text(request, "account").is_ok() {
        let account = path::value(request, "account")?;
        match path::text(request, "contact") {
            Ok(_) => {
                store
                    .knows_of_contact(account, path::value(request, "contact")?)
                    .await?
            }
            Err(_) => store.has_account(account).await?,
        }
    } else if path::text(request, "user").is_ok() {
        store.user(path::value(request, "user")?).await?.is_some()
    } else if path::text(request, "integration").is_ok() {
        let found = store.integration(path::value(request, "integration")?).await?;
        match path::text(request, "key") {
            Ok(_) => {
                let key: ApiKeyId = path::value(request, "key")?;
                found.is_some_and(|found| found.keys.contains_key(&key))
            }
            Err(_) => found.is_some(),
        }
    } else {
        true
    };
    there.then_some(()).ok_or_else(Problem::not_found)
}
