//! Operators in a person's place: for an hour at most, with both on record and the person told (R39).

use accounts_domain::ids::{AccountId, SessionId};
use accounts_domain::names::Reason;
use accounts_domain::operators::{IMPERSONATION_MINUTES, Impersonation};
use accounts_domain::sessions::Session;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::PathUser;
use crate::body::{Checked, Faults, Parse};
use crate::guards::Operator;
use crate::me::SessionView;
use crate::moment;
use crate::problem::{FieldCode, FieldFault, Problem, refusal};
use crate::reply::Reply;
use crate::router::{Routes, routes};
use crate::tokens::Bearer;

pub(super) fn routes() -> Routes {
    routes![impersonate_user]
}

/// In whose place, where, for how long, and why.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"reason": "The customer asked us to, ticket 4711", "minutes": 15}))]
pub struct ImpersonationBody {
    /// The reason, which the person is told and which stays in the audit log of the account.
    #[schema(required = true, nullable = false, min_length = 1, max_length = 500)]
    reason: Option<String>,
    /// For how many minutes.
    #[schema(required = true, nullable = false, minimum = 1, maximum = 60)]
    minutes: Option<i64>,
    /// The account to act in, of which the person is a member. Without one it is the log-in alone.
    #[schema(min_length = 30, max_length = 30, pattern = "^acc_[0-7][0-9a-hjkmnp-tv-z]{25}$")]
    account_id: Option<String>,
}

/// The same, read.
#[derive(Debug)]
pub struct AskedImpersonation {
    reason: Reason,
    minutes: u8,
    account: Option<AccountId>,
}

impl Parse for ImpersonationBody {
    type Parsed = AskedImpersonation;

    fn parse(self, faults: &mut Faults) -> Option<AskedImpersonation> {
        let reason = faults.text("reason", self.reason, Reason::parse);
        let minutes = faults.required("minutes", self.minutes);
        let minutes = minutes.and_then(|minutes| faults.check("minutes", minutes_of(minutes)));
        let account = faults.optional_text("account_id", self.account_id, |text| {
            text.parse::<AccountId>().map_err(|_| FieldCode::InvalidFormat)
        });
        faults.is_empty().then_some(())?;
        Some(AskedImpersonation {
            reason: reason?,
            minutes: minutes?,
            account,
        })
    }
}

fn minutes_of(minutes: i64) -> Result<u8, FieldFault> {
    let (least, most) = (*IMPERSONATION_MINUTES.start(), *IMPERSONATION_MINUTES.end());
    let read = u8::try_from(minutes)
        .ok()
        .filter(|minutes| IMPERSONATION_MINUTES.contains(minutes));
    read.ok_or_else(|| FieldFault::out_of_range(least, most))
}

/// The token by which an operator acts in a person's place. Nothing renews it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImpersonationToken {
    /// For `Authorization: Bearer` wherever the person's own would stand.
    access_token: String,
    /// Always `Bearer`.
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// For how many seconds it works.
    #[schema(minimum = 1, maximum = 3600, example = 900)]
    expires_in: i64,
    /// The session, which the person sees among the own ones. `DELETE /v1/sessions/current` with this token ends it.
    #[schema(example = "ses_01h455vb4pex5vsknk084sn02q")]
    session_id: String,
    /// The person.
    #[schema(example = "usr_01h455vb4pex5vsknk084sn02q")]
    user_id: String,
    /// The account in which it works.
    #[schema(required = true, example = "acc_01h455vb4pex5vsknk084sn02q")]
    account_id: Option<String>,
    /// When it ends at the latest.
    #[schema(format = DateTime)]
    expires_at: String,
}

/// Act in a person's place
///
/// The token reads and edits what the person may in the account that is named: contacts, roles, members. It does not touch
/// how the person logs in, keys, sessions, or the ownership, and it erases nothing. Every event names both persons, the
/// account's audit log tells of the beginning and the reason, and the person is told by mail.
#[utoipa::path(
    post,
    path = "/v1/operator/users/{user}/impersonate",
    tag = "operators",
    responses(
        (status = 201, description = "The token.", body = ImpersonationToken),
        refusal::AccountClosed,
        refusal::UserSuspended,
    )
)]
async fn impersonate_user(
    operator: Operator,
    PathUser(user): PathUser,
    Checked(asked): Checked<ImpersonationBody>,
) -> Result<Reply, Problem> {
    let (service, at) = (&operator.service, operator.by.at);
    let by = Impersonation {
        operator: operator.person.id,
        account: asked.account,
    };
    let session = Session::impersonated(SessionId::new(), by, asked.minutes, at);
    let begun = service
        .store
        .impersonate(user, by, session.clone(), asked.reason, &operator.act(None))
        .await;
    service.mail_waits.notify_one();
    begun?;
    let bearer = Bearer {
        user,
        session: session.id,
        operator: Some(by.operator),
    };
    let token = service.tokens.sign_until(bearer, at, session.expires_at);
    let view = ImpersonationToken {
        access_token: token.ok_or_else(|| Problem::internal("no signature"))?,
        token_type: "Bearer",
        expires_in: i64::from(asked.minutes) * 60,
        session_id: session.id.to_string(),
        user_id: user.to_string(),
        account_id: by.account.map(|account| account.to_string()),
        expires_at: moment::shown(session.expires_at),
    };
    let shown = SessionView::of(&session, session.id);
    Ok(Reply::created(&format!("/v1/me/sessions/{}", session.id), &view)
        .tagged_as(&shown)
        .cache("no-store"))
}
