//! Password resets: asked for by anybody, used by whoever reads the mail.

use accounts_domain::actor::Actor;
use accounts_domain::address::EmailAddress;
use accounts_domain::ids::ResetId;
use accounts_store::Act;
use actix_web::web::Data;

use crate::body::Checked;
use crate::client::ClientAddress;
use crate::idempotency::Idempotency;
use crate::limits::{Evenly, Limits};
use crate::links::{LinkPurpose, Links};
use crate::passwords::Password;
use crate::problem::{Code, Problem, refusal};
use crate::reply::Reply;
use crate::request_id::RequestId;
use crate::router::{Routes, routes};
use crate::service::Service;
use crate::sign_ups::{Accepted, TokenAndPasswordBody, accepted};
use crate::verifications::AddressBody;

pub(crate) fn routes() -> Routes {
    routes![ask_password_reset, confirm_password_reset]
}

/// Ask for a password reset
///
/// Mails a link that works for half an hour, if the address has a log-in. The answer is always the same, and at most
/// three such mails go to an address within an hour.
#[utoipa::path(
    post,
    path = "/v1/password-resets",
    tag = "sessions",
    responses(
        (status = 202, description = "If the address has a log-in, a mail is on its way.", body = Accepted),
        refusal::TooManyRequests,
    )
)]
async fn ask_password_reset(
    Checked(address): Checked<AddressBody>,
    key: Idempotency,
    RequestId(request_id): RequestId,
    client: ClientAddress,
    service: Data<Service>,
) -> Result<Reply, Problem> {
    let address: EmailAddress = address;
    let at = service.clock.now();
    let evenly = Evenly::begin();
    let answered = key
        .once(&service, &client.network(), |keep| async {
            Limits::mails_of(client).admit(&service, at).await?;
            let act = Act {
                actor: Actor::System,
                at,
                request_id: Some(request_id),
                keep,
            };
            let key = address.key().to_owned();
            let decided = service
                .store
                .ask_reset(ResetId::new(), key, &act, accepted().kept())
                .await;
            service.mail_waits.notify_one();
            decided?;
            Ok(accepted())
        })
        .await;
    evenly.end().await;
    answered
}

/// Set another password by a mailed link
///
/// Everything older ends: all sessions and all other reset links of the person.
#[utoipa::path(
    post,
    path = "/v1/password-resets/confirm",
    tag = "sessions",
    responses((status = 204, description = "The password is set."), refusal::LinkExpired)
)]
async fn confirm_password_reset(
    Checked((token, password)): Checked<TokenAndPasswordBody>,
    key: Idempotency,
    RequestId(request_id): RequestId,
    service: Data<Service>,
) -> Result<Reply, Problem> {
    let act = |keep| Act {
        actor: Actor::Link,
        at: service.clock.now(),
        request_id: Some(request_id),
        keep,
    };
    let caller = crate::tokens::sha256_hex(token.as_bytes());
    key.once(&service, &caller, |keep| confirm(&service, &token, password, act(keep)))
        .await
}

async fn confirm(service: &Service, token: &str, password: Password, act: Act) -> Result<Reply, Problem> {
    let expired = || Problem::new(Code::LinkExpired);
    let link = Links::read::<ResetId>(token).ok_or_else(expired)?;
    let address = service
        .store
        .reset_address(link.id, act.at)
        .await?
        .ok_or_else(expired)?;
    if !service.links.is_ours(LinkPurpose::Reset, &link, &address) {
        return Err(expired());
    }
    let words = service.store.words_of_reset(link.id).await?;
    let password = password.unless_common(&words, "/password")?;
    let hash = service.passwords.hash(password).await?;
    let decided = service
        .store
        .use_reset(link.id, hash, &act, |_| Reply::no_content().kept())
        .await;
    service.mail_waits.notify_one();
    decided?;
    Ok(Reply::no_content())
}
