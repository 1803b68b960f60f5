//! The security log of refused attempts (R62). They leave no trace in the audit log, which tells of what was done.

use std::rc::Rc;

use accounts_domain::actor::Actor;
use accounts_domain::ids::AccountId;
use actix_web::http::StatusCode;
use actix_web::{HttpMessage, HttpRequest};

use crate::client::ClientAddress;
use crate::path;
use crate::problem::Code;
use crate::request_id::RequestId;
use crate::router::{Template, path_of};
use crate::settings::ApiSettings;

/// Who makes a request, as far as that was proved: a guard notes it, so that a refusal names somebody.
#[derive(Debug, Clone, Copy)]
struct Known {
    actor: Option<Actor>,
    /// Whether it asked for what is not for its kind of caller, or in no account of its own.
    outside: bool,
}

/// Notes who makes a request, once a credential proves it, also where that opens nothing any more.
pub(crate) fn note(request: &HttpRequest, actor: Actor) {
    request.extensions_mut().insert(Known {
        actor: Some(actor),
        outside: false,
    });
}

/// Notes that whoever makes a request asks for an account of others, for one that nobody has, or for what is there for
/// another kind of caller. It is told that there is nothing, and the log that it tried.
pub(crate) fn note_outside(request: &HttpRequest) {
    let mut noted = request.extensions_mut();
    let actor = noted.get::<Known>().and_then(|known| known.actor);
    noted.insert(Known { actor, outside: true });
}

/// Writes a refused attempt to the security log. What is refused because it is wrong, or is not there, is none.
pub(crate) fn record(request: &HttpRequest, status: StatusCode, code: Code, id: &RequestId, settings: &ApiSettings) {
    let known = request.extensions().get::<Known>().copied();
    let denied = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::GONE | StatusCode::TOO_MANY_REQUESTS => true,
        StatusCode::NOT_FOUND => known.is_some_and(|known| known.outside),
        _ => false,
    };
    if !denied {
        return;
    }
    let client = ClientAddress::of(
        request.headers(),
        request.peer_addr().map(|peer| peer.ip()),
        settings.trusted_hops,
    );
    let actor = known.and_then(|known| known.actor);
    let account = path::value::<AccountId>(request, "account").ok();
    let template = request.extensions().get::<Rc<Template>>().cloned();
    tracing::warn!(
        target: "accounts::security",
        code = code.as_str(),
        request_id = %id.0,
        network = client.network(),
        method = request.method().as_str(),
        path = path_of(template.as_deref()),
        actor_kind = actor.map(Actor::kind),
        actor = actor.and_then(Actor::id),
        on_behalf_of = actor.and_then(Actor::behind).map(|user| user.to_string()),
        account = account.map(|account| account.to_string()),
        "an attempt was refused"
    );
}
