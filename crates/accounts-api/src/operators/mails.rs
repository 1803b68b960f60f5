//! Mails that no server has accepted: what waits, what was given up, and another try.

use accounts_domain::ids::MailId;
use accounts_domain::outbox::{UnsentMail, UnsentState};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::ReasonBody;
use crate::body::Checked;
use crate::describe::{answer, id_schema};
use crate::guards::{Admin, Operator};
use crate::idempotency::Idempotency;
use crate::moment;
use crate::page::{Paging, page};
use crate::path::path_values;
use crate::problem::{FieldFault, Problem};
use crate::query::{Asked, Filters, Query};
use crate::reply::Reply;
use crate::router::{Routes, routes};
use crate::sign_ups::{Accepted, accepted};

path_values! {
    /// The mail.
    PathMail(MailId) = "mail", id_schema("mai");
}

pub(super) fn routes() -> Routes {
    routes![list_unsent_mails, retry_mail]
}

/// Which mails are listed.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct MailFilters {
    /// Those that stand so: `waiting` or `given_up`; without it both.
    #[param(max_length = 10)]
    state: Vec<String>,
}

impl Filters for MailFilters {
    fn read(query: &mut Query) -> Self {
        let state: Vec<String> = query.any("state");
        if !state.iter().all(|name| UnsentState::from_name(name).is_some()) {
            query.add(
                "state",
                FieldFault::not_allowed(UnsentState::ALL.map(UnsentState::as_str)),
            );
        }
        Self { state }
    }
}

/// A mail that no server has accepted. What it says is not told: it may hold a link that works.
#[derive(Debug, Serialize, ToSchema)]
pub struct UnsentMailView {
    /// Its id.
    #[schema(example = "mai_01h455vb4pex5vsknk084sn02q")]
    id: String,
    /// What it is: `verify_contact`, `reset_password`, `notice` and more. New words may come.
    #[schema(example = "verify_contact")]
    kind: String,
    /// Where it goes.
    #[schema(example = "bea@lima.example")]
    address: String,
    /// Its language: `en` or `fr`.
    #[schema(example = "en")]
    language: String,
    /// The notice that it is of; `null` for what is no notice.
    #[schema(required = true, example = "ntf_01h455vb4pex5vsknk084sn02q")]
    notification_id: Option<String>,
    /// The account that the notice is of.
    #[schema(required = true, example = "acc_01h455vb4pex5vsknk084sn02q")]
    account_id: Option<String>,
    /// `waiting`: it is tried until a server accepts it, for as long as its link works and for three days at most; or
    /// `given_up`.
    #[schema(example = "given_up")]
    state: &'static str,
    /// How often it was tried.
    #[schema(minimum = 0)]
    attempts: u32,
    /// When it is tried next; `null` where it was given up.
    #[schema(required = true, format = DateTime)]
    next_attempt_at: Option<String>,
    /// What went wrong at the last try, in the words of the service or of a mail server: text from outside, to be escaped where
    /// it is shown.
    #[schema(required = true, example = "550 5.1.1 no such mailbox")]
    last_error: Option<String>,
    /// When it came to be.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was given up.
    #[schema(required = true, format = DateTime)]
    given_up_at: Option<String>,
}

page! {
    /// A page of mails that were not sent.
    UnsentMailPage of UnsentMailView
}

impl UnsentMailView {
    fn of(mail: &UnsentMail) -> Self {
        let waits = mail.state() == UnsentState::Waiting;
        Self {
            id: mail.id.to_string(),
            kind: mail.kind.clone(),
            address: mail.address.clone(),
            language: mail.language.clone(),
            notification_id: mail.notice.map(|(notification, _)| notification.to_string()),
            account_id: mail.notice.map(|(_, account)| account.to_string()),
            state: mail.state().as_str(),
            attempts: mail.attempts,
            next_attempt_at: waits.then(|| moment::shown(mail.next_attempt_at)),
            last_error: mail.last_error.clone(),
            created_at: moment::shown(mail.created_at),
            given_up_at: mail.given_up_at.map(moment::shown),
        }
    }
}

/// List mails that were not sent
///
/// Of all accounts and persons, the latest first: what waits for a server to accept it, and what was given up and not yet
/// cleared away. A mail that was withdrawn, because nobody is to be told any more, is not among them.
#[utoipa::path(
    get,
    path = "/v1/operator/mails",
    tag = "operators",
    responses((status = 200, description = "A page of mails.", body = UnsentMailPage), answer::NotModified)
)]
async fn list_unsent_mails(
    operator: Operator,
    Asked(filters): Asked<MailFilters>,
    paging: Paging<String>,
) -> Result<Reply, Problem> {
    let states = filters.state.iter().filter_map(|name| UnsentState::from_name(name));
    let after: Option<MailId> = paging.after.as_deref().and_then(|id| id.parse().ok());
    let limit = i64::try_from(paging.limit + 1).unwrap_or(i64::MAX);
    let store = &operator.service.store;
    let found = store.unsent_mails(states.collect(), after, limit).await?;
    let page = paging.page(found, |mail| mail.id.to_string());
    Ok(page.map(|mail| UnsentMailView::of(&mail)).reply().tagged_by_body())
}

/// Try a mail again
///
/// At once, whether it waits or was given up. One that is older than three days gets no more than this try, and one whose link
/// does not work any more is given up once more. A notice goes to its recipient as it is to be told now, or to whoever has taken
/// that place. The reason stays in the provider's log, so it names nobody. What a server has accepted, or what was withdrawn, is
/// not there any more (404).
#[utoipa::path(
    post,
    path = "/v1/operator/mails/{mail}/retry",
    tag = "operators",
    responses((status = 202, description = "The mail is on its way.", body = Accepted))
)]
async fn retry_mail(
    admin: Admin,
    PathMail(mail): PathMail,
    Checked(reason): Checked<ReasonBody>,
    key: Idempotency,
) -> Result<Reply, Problem> {
    key.once(&admin.service, &admin.name(), |keep| async {
        let why = (admin.person.id, reason);
        let store = &admin.service.store;
        store.retry_mail(mail, why, &admin.act(keep), accepted().kept()).await?;
        admin.service.mail_waits.notify_one();
        Ok(accepted())
    })
    .await
}
