//! Callers with an API key.

use std::sync::Arc;

use accounts_domain::actor::{Actor, By};
use accounts_domain::api_keys::{ApiKey, KeyActor, KeyHolder, KeyMode, Scope};
use accounts_domain::ids::{AccountId, ApiKeyId};
use accounts_domain::roster::Roster;
use accounts_store::{KeyVisit, KeyVisitor};
use actix_web::http::Method;
use actix_web::web::Data;
use actix_web::{HttpMessage, HttpRequest};
use chrono::{DateTime, Utc};

use super::{Caller, Credential};
use crate::denials;
use crate::key_text::KeyText;
use crate::problem::{Code, Problem};
use crate::request_id::RequestId;
use crate::service::Service;

/// From whom an operation takes a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    /// From persons with a session alone.
    Persons,
    /// From persons, and from operators in their place.
    Sessions,
    /// From persons, from operators in their place, and from the keys that act as them.
    UserKeys,
    /// From persons, from operators in their place, and from all keys.
    AllKeys,
    /// From no customer at all: to those it is not there.
    NoCustomer,
}

/// Judges a caller with a key: first the key (401), then whether keys do this at all (403). Whoever brings a key that
/// opens nothing gets the same answer, whatever is wrong with it; what it is stands in the log.
pub(super) async fn by_key(
    request: &HttpRequest,
    text: &str,
    account: Option<AccountId>,
    takes: Takes,
) -> Result<(Caller, Option<Arc<Roster>>), Problem> {
    let service = super::service(request)?;
    let at = service.clock.now();
    let request_id = request.extensions().get::<RequestId>().map(|id| id.0.clone());
    let key = KeyText::read(KeyHolder::Customer, text).ok_or_else(|| Problem::unauthenticated(true))?;
    let refused = |reason: &'static str| {
        let id = request_id.as_deref().unwrap_or_default();
        tracing::warn!(target: "accounts::security", request_id = id, key = %key.id, reason, "an API key was refused");
        Problem::unauthenticated(true)
    };
    let visitor = KeyVisitor { key: key.id, account };
    let visit = service.store.visit_by_key(visitor).await?;
    let visit = visit.ok_or_else(|| refused("not there"))?;
    if !key.is(visit.key.mode, &visit.key.secret) {
        return Err(refused("another secret"));
    }
    let actor = Actor::Key(KeyActor {
        key: key.id,
        maker: visit.maker.id,
        of_account: visit.of_account.is_some(),
        scope: Scope::of(&visit.key.permissions, service.store.catalog()),
    });
    denials::note(request, actor);
    dead(&visit, at).map_or(Ok(()), |reason| Err(refused(reason)))?;
    note_use(&service, KeyHolder::Customer, key.id, at);
    if takes == Takes::NoCustomer {
        denials::note_outside(request);
    }
    admit(&visit, takes, request.method())?;
    let roster = visit.roster.filter(|_| reaches(&visit.key, visit.of_account, account));
    let caller = Caller {
        user: visit.maker,
        credential: Credential::Key(visit.key),
        service,
        by: By { actor, at },
        request_id,
    };
    Ok((caller, roster))
}

/// Why a key opens nothing at that moment, if it does not. One of an account is dead while its maker is no member there.
fn dead(visit: &KeyVisit, at: DateTime<Utc>) -> Option<&'static str> {
    if !visit.key.is_live(at) {
        return Some("expired");
    }
    let is_member = |roster: &Arc<Roster>| roster.live_member(visit.maker.id, at).is_some();
    let orphaned = visit.of_account.is_some() && !visit.roster.as_ref().is_some_and(is_member);
    orphaned.then_some("its maker is no member")
}

fn admit(visit: &KeyVisit, takes: Takes, method: &Method) -> Result<(), Problem> {
    let allowed = match takes {
        Takes::Persons | Takes::Sessions => false,
        Takes::UserKeys => visit.of_account.is_none(),
        Takes::AllKeys => true,
        Takes::NoCustomer => return Err(Problem::not_found()),
    };
    if !allowed {
        return Err(Problem::new(Code::PersonOnly));
    }
    let reads = matches!(*method, Method::GET | Method::HEAD);
    if visit.key.mode == KeyMode::Test && !reads {
        return Err(Problem::new(Code::TestKeyReadsOnly));
    }
    Ok(())
}

/// A key acts in the account that it belongs to, or in those that it was given.
fn reaches(key: &ApiKey, of_account: Option<AccountId>, account: Option<AccountId>) -> bool {
    match of_account {
        Some(own) => account == Some(own),
        None => account.is_some_and(|account| key.reaches(account)),
    }
}

/// Writes the use down beside the request, which does not wait for it.
pub(super) fn note_use(service: &Data<Service>, holder: KeyHolder, key: ApiKeyId, at: DateTime<Utc>) {
    if service.store.is_noteworthy(key, at) {
        let store = service.store.clone();
        actix_web::rt::spawn(async move {
            if let Err(error) = store.note_key_use(holder, key, at).await {
                tracing::warn!(cause = error.cause(), "the use of a key was not noted");
            }
        });
    }
}
