//! The way out of a category that a recipient wished to receive: a link in each notice, which a mailer may follow by
//! itself (RFC 8058).
//!
//! The token stands in the path, because that standard has no other place for it. All that it opens is this one wish,
//! and no log has more of the path than its template.

use accounts_domain::actor::Actor;
use accounts_domain::ids::MailId;
use accounts_domain::language::Language;
use accounts_domain::roster::Roster;
use accounts_store::{Act, Decision, UnsubscribeOffer};
use actix_web::web::Data;
use minijinja::{Value, context};
use serde_json::json;

use crate::body::Ignored;
use crate::html::{Page, PageLanguage, Script};
use crate::links::{LinkPurpose, Links};
use crate::path::path_values;
use crate::problem::{Problem, refusal};
use crate::reply::Reply;
use crate::request_id::RequestId;
use crate::router::{Routes, routes};
use crate::service::Service;

path_values! {
    /// The token of the link.
    PathToken(String) = "token", json!({"type": "string", "minLength": 1, "maxLength": Links::MAX});
}

pub(crate) fn routes() -> Routes {
    routes![show_unsubscribe_page, unsubscribe]
}

const PAGE: Page = Page {
    template: "unsubscribe.html",
    words: "unsubscribe",
    script: Script::FormAlone,
};

/// The page that ends a subscription
///
/// Behind the link of a notice: says what would be received no more, and from which account. Nothing changes by reading
/// it, because scanners of mail follow links, too.
#[utoipa::path(
    get,
    path = "/unsubscribe/{token}",
    tag = "pages",
    responses(
        (status = 200, description = "The page.", content_type = "text/html", body = String),
        refusal::NotFound,
    )
)]
async fn show_unsubscribe_page(
    PathToken(token): PathToken,
    PageLanguage(language): PageLanguage,
    service: Data<Service>,
) -> Result<Reply, Problem> {
    let offer = open(&service, &token).await?;
    shown(&offer, &service, language, false)
}

/// End a subscription
///
/// Takes the wish to receive a category back, for the contact and the member that the notice went to. A mailer sends
/// `List-Unsubscribe=One-Click` (RFC 8058), the page nothing; a second time changes nothing. No log-in is asked for:
/// whoever has the notice reads the recipient's mail.
#[utoipa::path(
    post,
    path = "/unsubscribe/{token}",
    tag = "pages",
    responses(
        (status = 200, description = "It is ended, as a page.", content_type = "text/html", body = String),
        refusal::NotFound,
    )
)]
async fn unsubscribe(
    PathToken(token): PathToken,
    PageLanguage(language): PageLanguage,
    RequestId(request_id): RequestId,
    _: Ignored,
    service: Data<Service>,
) -> Result<Reply, Problem> {
    let offer = open(&service, &token).await?;
    let act = Act {
        actor: Actor::Link,
        at: service.clock.now(),
        request_id: Some(request_id),
        keep: None,
    };
    let (listeners, category) = (offer.listeners.clone(), offer.notification.category.clone());
    let decide = move |roster: &Roster| {
        let mut changes = Vec::new();
        for listener in &listeners {
            // Whoever is gone is told nothing any more.
            changes.extend(roster.unsubscribe(*listener, &category).unwrap_or_default());
        }
        Ok(changes)
    };
    let answer = |_: &Decision| Reply::no_content().kept();
    service.store.decide(offer.account, &act, decide, answer).await?;
    shown(&offer, &service, language, true)
}

/// Reads a token and finds the notice that it came with. One that is not ours leads nowhere, and neither does one of a
/// category that has become mandatory, or is gone.
async fn open(service: &Service, token: &str) -> Result<UnsubscribeOffer, Problem> {
    let link = Links::read::<MailId>(token).ok_or_else(Problem::not_found)?;
    let offer = service.store.unsubscribe_offer(link.id).await?;
    let offer = offer.ok_or_else(Problem::not_found)?;
    let is_ours = service
        .links
        .is_ours(LinkPurpose::Unsubscribe, &link, offer.address.key());
    let category = service.store.catalog().category(&offer.notification.category);
    if is_ours && category.is_some_and(|category| !category.mandatory) {
        Ok(offer)
    } else {
        Err(Problem::not_found())
    }
}

fn shown(offer: &UnsubscribeOffer, service: &Service, language: Language, done: bool) -> Result<Reply, Problem> {
    let category = service.store.catalog().category(&offer.notification.category);
    let category = category.ok_or_else(Problem::not_found)?;
    let values: Value = context! {
        account => offer.account_name.clone(),
        category => category.names.in_language(language),
        address => offer.address.to_string(),
        done,
    };
    PAGE.show(language, values)
}
