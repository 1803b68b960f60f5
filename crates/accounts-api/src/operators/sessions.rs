//! How operators log in: with address, password and the code of an authenticator app, in one call.

use accounts_domain::actor::Actor;
use accounts_domain::address::EmailAddress;
use accounts_domain::ids::OperatorSessionId;
use accounts_domain::operators::{Operator as Person, OperatorProof, OperatorSession, Staff};
use accounts_domain::sessions::ACCESS_LIFE;
use accounts_domain::totp::TotpSecret;
use accounts_store::{Act, DecideError};
use actix_web::web::Data;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::body::{Checked, Faults, Parse};
use crate::client::ClientAddress;
use crate::describe::answer;
use crate::guards::Operator;
use crate::limits::{Evenly, Limits};
use crate::moment;
use crate::passwords::Password;
use crate::precondition::IfMatch;
use crate::problem::{Code, Problem, refusal};
use crate::reply::Reply;
use crate::request_id::RequestId;
use crate::router::{Routes, routes};
use crate::service::Service;
use crate::sessions::bounded;
use crate::tokens::OperatorBearer;
use crate::vault::VaultPurpose;

/// Where the own session is.
const CURRENT: &str = "/v1/operator/sessions/current";

pub(super) fn routes() -> Routes {
    routes![
        log_in_operator,
        read_operator_session,
        renew_operator_session,
        log_out_operator
    ]
}

/// Address, password and code.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"address": "sam@provider.example", "password": "correct horse battery", "code": "287082"}))]
pub struct OperatorLogInBody {
    /// The address of the log-in.
    #[schema(required = true, nullable = false, min_length = 1, max_length = 254)]
    address: Option<String>,
    /// The password.
    #[schema(required = true, nullable = false, min_length = 1, max_length = 256, format = Password)]
    password: Option<String>,
    /// The code that the authenticator app shows.
    #[schema(required = true, nullable = false, min_length = 1, max_length = 20, format = Password)]
    code: Option<String>,
}

/// What an operator shows, read. What is no address has no operator.
#[derive(Debug)]
pub struct OperatorCredentials {
    address_key: String,
    password: Password,
    code: String,
}

impl Parse for OperatorLogInBody {
    type Parsed = OperatorCredentials;

    fn parse(self, faults: &mut Faults) -> Option<OperatorCredentials> {
        let address = faults.text("address", self.address, |text| bounded(text, EmailAddress::MAX));
        let password = faults.text("password", self.password, |text| bounded(text, 256));
        let code = faults.text("code", self.code, |text| bounded(text, 20));
        let address = address?;
        Some(OperatorCredentials {
            address_key: EmailAddress::parse(&address).map_or(address, |address| address.key().to_owned()),
            password: Password::offered(password?),
            code: code?,
        })
    }
}

/// The token of an operator's session.
#[derive(Debug, Serialize, ToSchema)]
pub struct OperatorToken {
    /// For `Authorization: Bearer` under `/v1/operator`, and nowhere else.
    access_token: String,
    /// Always `Bearer`.
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// For how many seconds the access token works. Renew it before.
    #[schema(minimum = 1, maximum = 600, example = 600)]
    expires_in: i64,
    /// The session.
    session: OperatorSessionView,
}

/// A session of an operator.
#[derive(Debug, Serialize, ToSchema)]
pub struct OperatorSessionView {
    /// Its id.
    #[schema(example = "ops_01h455vb4pex5vsknk084sn02q")]
    id: String,
    /// The operator.
    #[schema(example = "opr_01h455vb4pex5vsknk084sn02q")]
    operator_id: String,
    /// The address that the operator logs in with.
    #[schema(example = "sam@provider.example")]
    address: String,
    /// How the operator is called.
    #[schema(example = "Sam")]
    display_name: String,
    /// `support` (reads, and acts in the place of customers) or `admin` (changes accounts, too).
    #[schema(example = "support")]
    kind: String,
    /// When it began.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it ends, however often it is renewed.
    #[schema(format = DateTime)]
    expires_at: String,
}

impl OperatorSessionView {
    fn of(person: &Person, session: &OperatorSession) -> Self {
        Self {
            id: session.id.to_string(),
            operator_id: person.id.to_string(),
            address: person.address.to_string(),
            display_name: person.display_name.to_string(),
            kind: person.kind.as_str().to_owned(),
            created_at: moment::shown(session.created_at),
            expires_at: moment::shown(session.expires_at),
        }
    }
}

impl OperatorToken {
    fn of(service: &Service, person: &Person, session: &OperatorSession, at: DateTime<Utc>) -> Result<Self, Problem> {
        let bearer = OperatorBearer {
            operator: person.id,
            session: session.id,
        };
        let token = service.tokens.sign_operator(bearer, at);
        Ok(Self {
            access_token: token.ok_or_else(|| Problem::internal("no signature"))?,
            token_type: "Bearer",
            expires_in: ACCESS_LIFE.num_seconds(),
            session: OperatorSessionView::of(person, session),
        })
    }
}

/// Log in as an operator
///
/// With password and second factor at once. Whichever of address, password and code is wrong, the answer is the same, in
/// words and in time. The session ends after twelve hours.
#[utoipa::path(
    post,
    path = "/v1/operator/sessions",
    tag = "operators",
    responses(
        (status = 201, description = "The session, with its token.", body = OperatorToken),
        refusal::InvalidCredentials,
        refusal::TooManyRequests,
    )
)]
async fn log_in_operator(
    Checked(credentials): Checked<OperatorLogInBody>,
    RequestId(request_id): RequestId,
    client: ClientAddress,
    service: Data<Service>,
) -> Result<Reply, Problem> {
    let evenly = Evenly::begin();
    let answered = begin(&service, credentials, client, &request_id).await;
    evenly.end().await;
    answered
}

async fn begin(
    service: &Service,
    credentials: OperatorCredentials,
    client: ClientAddress,
    request_id: &str,
) -> Result<Reply, Problem> {
    let at = service.clock.now();
    let limits = Limits::operators_of(client, &credentials.address_key);
    limits.admit(service, at).await?;
    let wrong = || Problem::new(Code::InvalidCredentials);
    let operator = service.store.operator_by_address(credentials.address_key).await?;
    let hash = operator.as_ref().map(|operator| operator.password_hash.clone());
    let right = service.passwords.verify(credentials.password, hash).await?;
    let meant = operator.as_ref().map(|operator| operator.id);
    let refused = || {
        let operator = meant.map(|operator| operator.to_string());
        tracing::warn!(target: "accounts::security", request_id, operator, "an operator's log-in was refused");
        wrong()
    };
    let operator = operator.filter(|_| right).ok_or_else(refused)?;
    let proof = proof_of(service, &operator, credentials.code).ok_or_else(refused)?;
    let session = OperatorSession::begin(OperatorSessionId::new(), at);
    let begun = session.clone();
    let log_in = move |staff: &Staff| staff.log_in(&proof, begun.clone(), at);
    let act = Act {
        actor: Actor::Operator(operator.id),
        at,
        request_id: Some(request_id.to_owned()),
        keep: None,
    };
    match service.store.decide_operator(operator.id, &act, log_in).await {
        Ok(_) => {}
        // Removed a moment ago.
        Err(DecideError::NotFound) => return Err(refused()),
        Err(error) => {
            let problem = Problem::from(error);
            let is_wrong = problem.code() == Code::InvalidCredentials;
            return Err(if is_wrong { refused() } else { problem });
        }
    }
    limits.forgive(service).await?;
    let token = OperatorToken::of(service, &operator, &session, at)?;
    Ok(Reply::created(CURRENT, &token)
        .tagged_as(&token.session)
        .cache("no-store"))
}

/// What is checked in the decision; nothing for an operator who has no second factor yet.
fn proof_of(service: &Service, operator: &Person, code: String) -> Option<OperatorProof> {
    let sealed = operator.factor.clone()?;
    let id = operator.id.to_string();
    let secret = service.vault.open(VaultPurpose::OperatorFactor, &id, &sealed.0)?;
    Some(OperatorProof {
        checked: operator.password_hash.clone(),
        sealed,
        secret: TotpSecret::from_bytes(secret.try_into().ok()?),
        code,
    })
}

/// Read my session as an operator
///
/// Who is logged in, and until when.
#[utoipa::path(
    get,
    path = "/v1/operator/sessions/current",
    tag = "operators",
    responses((status = 200, description = "The session.", body = OperatorSessionView), answer::NotModified)
)]
async fn read_operator_session(operator: Operator) -> Reply {
    shown(&operator)
}

fn shown(operator: &Operator) -> Reply {
    Reply::ok(&OperatorSessionView::of(&operator.person, &operator.session)).tagged_by_body()
}

/// Renew my token as an operator
///
/// Another access token of the same session, which ends when it would have ended.
#[utoipa::path(
    post,
    path = "/v1/operator/sessions/current/renew",
    tag = "operators",
    responses((status = 200, description = "The session, with its next token.", body = OperatorToken))
)]
async fn renew_operator_session(operator: Operator) -> Result<Reply, Problem> {
    let Operator {
        person, session, by, ..
    } = &operator;
    Ok(Reply::ok(&OperatorToken::of(
        &operator.service,
        person,
        session,
        by.at,
    )?))
}

/// Log out as an operator
///
/// Ends the session at once. Sessions in the place of customers are ended with their own tokens.
#[utoipa::path(
    delete,
    path = "/v1/operator/sessions/current",
    tag = "operators",
    responses((status = 204, description = "The session has ended."))
)]
async fn log_out_operator(operator: Operator, if_match: IfMatch) -> Result<Reply, Problem> {
    if_match.check_read(async { Ok(shown(&operator)) }).await?;
    let session = operator.session.id;
    let store = &operator.service.store;
    store
        .decide_operator(operator.person.id, &operator.act(None), move |staff| {
            staff.end_session(session)
        })
        .await?;
    Ok(Reply::no_content())
}
