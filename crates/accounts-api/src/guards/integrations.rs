//! Integrations: machine callers of the provider, each by a key of its own kind and with a scope for each guard.
//!
//! The two planes are apart (R40). To a customer what integrations do is not there: 404, for a person and for a key alike.
//! A key of an integration is no credential of a customer: 401, as for a text that is none at all.

use std::collections::BTreeSet;
use std::sync::Arc;

use accounts_domain::actor::{Actor, By};
use accounts_domain::api_keys::KeyHolder;
use accounts_domain::ids::AccountId;
use accounts_domain::integrations::{Integration, IntegrationScope, KeyRefusal};
use accounts_store::{Act, AskedAbout, Keep};
use actix_web::web::Data;
use actix_web::{HttpMessage, HttpRequest};

use super::admit::{Admit, guards};
use super::keys::{Takes, note_use};
use super::{bearer_token, service, sign_in};
use crate::denials;
use crate::describe::{Describe, Description};
use crate::key_text::KeyText;
use crate::path;
use crate::problem::{Code, Problem};
use crate::request_id::RequestId;
use crate::service::Service;

/// An integration that calls.
#[derive(Debug, Clone)]
pub struct IntegrationCaller {
    /// Which.
    pub integration: Arc<Integration>,
    /// The service.
    pub service: Data<Service>,
    /// Who acts, and when: now.
    pub by: By,
    request_id: Option<String>,
}

impl IntegrationCaller {
    /// The act of this caller, now. Nothing is kept of its answer.
    pub fn act(&self) -> Act {
        self.act_keeping(None)
    }

    /// The same, with where the answer is kept for a repeat.
    pub fn act_keeping(&self, keep: Option<Keep>) -> Act {
        Act {
            actor: self.by.actor,
            at: self.by.at,
            request_id: self.request_id.clone(),
            keep,
        }
    }
}

/// Declares guards that ask for a scope, each of them an [`IntegrationCaller`] that has it.
macro_rules! scope_guards {
    ($($(#[$doc:meta])* $guard:ident = $scope:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub struct $guard(pub IntegrationCaller);

        guards!($guard around IntegrationCaller);

        impl Admit for $guard {
            async fn admit(request: &HttpRequest) -> Result<Self, Problem> {
                by_scope(request, IntegrationScope::$scope).await.map(Self)
            }
        }

        impl Describe for $guard {
            const GUARD: bool = true;

            fn describe(description: &mut Description) {
                description.needs_scope(IntegrationScope::$scope);
            }
        }
    )*};
}

scope_guards! {
    /// An integration that may ask who may do what.
    ChecksAccess = AccessCheck;
    /// An integration that may ask who speaks for an account.
    ChecksInbound = InboundCheck;
    /// An integration that may report what became of mails.
    ReportsDeliverability = DeliverabilityReport;
    /// An integration that has webhooks.
    ManagesWebhooks = WebhooksManage;
    /// An integration that may read what happened.
    ReadsEvents = EventsRead;
    /// An integration that may open accounts.
    OpensAccounts = AccountsOpen;
    /// An integration that may find accounts.
    ViewsAccounts = AccountsView;
    /// An integration that may send notices.
    SendsNotifications = NotificationsSend;
}

/// An integration that may send notices, and the account of the path, which is there.
#[derive(Debug, Clone)]
pub struct NotifiesAccount {
    /// Who calls.
    pub caller: IntegrationCaller,
    /// The account.
    pub account: AccountId,
}

guards!(NotifiesAccount);

impl Admit for NotifiesAccount {
    async fn admit(request: &HttpRequest) -> Result<Self, Problem> {
        let caller = by_scope(request, IntegrationScope::NotificationsSend).await?;
        let account = path::value::<AccountId>(request, "account")?;
        let asked = AskedAbout {
            accounts: BTreeSet::from([account]),
            ..AskedAbout::default()
        };
        let found = caller.service.store.find_for_checks(asked).await?;
        found.account(account).ok_or_else(Problem::not_found)?;
        Ok(Self { caller, account })
    }
}

impl Describe for NotifiesAccount {
    const GUARD: bool = true;

    fn describe(description: &mut Description) {
        description.needs_scope(IntegrationScope::NotificationsSend);
        description.path_id("account", "acc", "The account.");
    }
}

async fn by_scope(request: &HttpRequest, scope: IntegrationScope) -> Result<IntegrationCaller, Problem> {
    let token = bearer_token(request.headers())?;
    if !KeyText::is_meant(KeyHolder::Integration, token) {
        sign_in(request, None, Takes::NoCustomer).await?;
        denials::note_outside(request);
        return Err(Problem::not_found());
    }
    by_key(request, token, scope).await
}

/// Judges a caller with a key: first the key (401), then its scope (403). Whoever brings a key that opens nothing gets
/// the same answer, whatever is wrong with it; what it is stands in the log.
async fn by_key(request: &HttpRequest, text: &str, scope: IntegrationScope) -> Result<IntegrationCaller, Problem> {
    let service = service(request)?;
    let at = service.clock.now();
    let request_id = request.extensions().get::<RequestId>().map(|id| id.0.clone());
    let came = KeyText::read(KeyHolder::Integration, text).ok_or_else(|| Problem::unauthenticated(true))?;
    let refused = |reason: &'static str| {
        let id = request_id.as_deref().unwrap_or_default();
        tracing::warn!(target: "accounts::security", request_id = id, key = %came.id, reason, "an API key was refused");
        Problem::unauthenticated(true)
    };
    let found = service.store.integration_of_key(came.id).await?;
    let (integration, key) = found.ok_or_else(|| refused("not there"))?;
    if !came.is(key.mode, &key.secret) {
        return Err(refused("another secret"));
    }
    let actor = Actor::Integration(integration.id);
    denials::note(request, actor);
    if let Some(reason) = integration.dead(&key, at) {
        return Err(refused(reason));
    }
    note_use(&service, KeyHolder::Integration, key.id, at);
    integration.admit(&key, scope).map_err(|refusal| match refusal {
        KeyRefusal::ScopeMissing => Problem::forbidden(scope.as_str()),
        KeyRefusal::ReadsOnly => Problem::new(Code::TestKeyReadsOnly),
    })?;
    Ok(IntegrationCaller {
        by: By { actor, at },
        integration: Arc::new(integration),
        service,
        request_id,
    })
}
