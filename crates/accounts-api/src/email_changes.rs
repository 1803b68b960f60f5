//! Changes of the address that a person logs in with.

use accounts_domain::actor::Actor;
use accounts_domain::ids::EmailChangeId;
use accounts_domain::users::Person;
use accounts_store::Act;
use actix_web::web::Data;

use crate::body::Checked;
use crate::client::ClientAddress;
use crate::guards::{Reauthenticated, SignedIn};
use crate::idempotency::Idempotency;
use crate::limits::Limits;
use crate::links::{LinkPurpose, Links};
use crate::problem::{Code, Problem, refusal};
use crate::reply::Reply;
use crate::request_id::RequestId;
use crate::router::{Routes, routes};
use crate::service::Service;
use crate::sign_ups::{Accepted, accepted};
use crate::verifications::{AddressBody, TokenBody};

pub(crate) fn routes() -> Routes {
    routes![
        ask_email_change,
        withdraw_email_change,
        confirm_email_change,
        undo_email_change
    ]
}

/// Ask for another address to log in with
///
/// Mails a link to it that works for a day; until it is followed, the person logs in as before. The answer is always
/// the same: an address that has a log-in already gets a mail that says so. A later wish takes the place of an earlier
/// one. The addresses of contacts are apart and stay as they are.
#[utoipa::path(
    post,
    path = "/v1/me/email-change",
    tag = "me",
    responses(
        (status = 202, description = "If all is well, a mail is on its way.", body = Accepted),
        refusal::TooManyRequests,
    )
)]
async fn ask_email_change(
    person: Reauthenticated,
    Checked(address): Checked<AddressBody>,
    key: Idempotency,
    client: ClientAddress,
) -> Result<Reply, Problem> {
    let service = &person.service;
    let caller = person.name();
    key.once(service, &caller, |keep| async {
        Limits::mails_of(client).admit(service, person.by.at).await?;
        let (id, act) = (EmailChangeId::new(), person.act(keep));
        let asked = service
            .store
            .ask_email_change(person.user.id, id, address, &act, accepted().kept())
            .await;
        service.mail_waits.notify_one();
        asked?;
        Ok(accepted())
    })
    .await
}

/// Take the wish for another address back
///
/// Its link is dead from now on. Without a wish that waits nothing changes.
#[utoipa::path(
    delete,
    path = "/v1/me/email-change",
    tag = "me",
    responses((status = 204, description = "No change waits."))
)]
async fn withdraw_email_change(person: SignedIn) -> Result<Reply, Problem> {
    person
        .decide(|person: &Person| Ok(person.withdraw_email_change()))
        .await?;
    Ok(Reply::no_content())
}

/// Follow the link to a new address
///
/// The person logs in with it from now on. The old address is told, and may undo it for a week. Sessions go on; reset
/// links to the old address are dead.
#[utoipa::path(
    post,
    path = "/v1/email-changes/confirm",
    tag = "me",
    responses((status = 204, description = "The address is changed."), refusal::LinkExpired)
)]
async fn confirm_email_change(
    Checked(token): Checked<TokenBody>,
    key: Idempotency,
    RequestId(request_id): RequestId,
    service: Data<Service>,
) -> Result<Reply, Problem> {
    follow(&service, &token, key, request_id, LinkPurpose::EmailChange).await
}

/// Undo a change of address from the old one
///
/// The person logs in with the old address again. Every session ends, and so does every later change of the address:
/// whoever made them may not have been the person.
#[utoipa::path(
    post,
    path = "/v1/email-changes/undo",
    tag = "me",
    responses((status = 204, description = "The old address is back."), refusal::LinkExpired)
)]
async fn undo_email_change(
    Checked(token): Checked<TokenBody>,
    key: Idempotency,
    RequestId(request_id): RequestId,
    service: Data<Service>,
) -> Result<Reply, Problem> {
    follow(&service, &token, key, request_id, LinkPurpose::EmailUndo).await
}

async fn follow(
    service: &Data<Service>,
    token: &str,
    key: Idempotency,
    request_id: String,
    purpose: LinkPurpose,
) -> Result<Reply, Problem> {
    let at = service.clock.now();
    // Whoever has the link is the caller, so that its seal is part of what a key belongs to.
    let caller = crate::tokens::sha256_hex(token.as_bytes());
    key.once(service, &caller, |keep| async {
        let act = Act {
            actor: Actor::Link,
            at,
            request_id: Some(request_id),
            keep,
        };
        let id = open(service, token, purpose).await?;
        let kept = Reply::no_content().kept();
        let decided = if purpose == LinkPurpose::EmailUndo {
            service.store.undo_email_change(id, &act, kept).await
        } else {
            service.store.confirm_email_change(id, &act, kept).await
        };
        service.mail_waits.notify_one();
        decided?;
        Ok(Reply::no_content())
    })
    .await
}

/// Reads a token and finds the change that it belongs to. One that is not ours leads nowhere.
async fn open(service: &Service, token: &str, purpose: LinkPurpose) -> Result<EmailChangeId, Problem> {
    let expired = || Problem::new(Code::LinkExpired);
    let link = Links::read::<EmailChangeId>(token).ok_or_else(expired)?;
    let keys = service.store.email_change(link.id).await?.ok_or_else(expired)?;
    let address = if purpose == LinkPurpose::EmailUndo {
        keys.from
    } else {
        keys.to
    };
    if service.links.is_ours(purpose, &link, &address) {
        Ok(link.id)
    } else {
        Err(expired())
    }
}
