//! Sessions: logging in, staying in, logging out.

use accounts_domain::actor::Actor;
use accounts_domain::address::EmailAddress;
use accounts_domain::ids::{ChallengeId, SessionId, UserId};
use accounts_domain::second_factor::Challenge;
use accounts_domain::sessions::{ACCESS_LIFE, EndReason, Session};
use accounts_domain::users::{NewSession, PasswordHash, Person, UserChange};
use accounts_store::{Act, Kept, Rotated, Rotation};
use actix_web::HttpRequest;
use actix_web::http::header::USER_AGENT;
use actix_web::web::Data;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::body::{Checked, Faults, Parse};
use crate::client::ClientAddress;
use crate::denials;
use crate::guards::AnySession;
use crate::limits::Limits;
use crate::me::SessionView;
use crate::passwords::Password;
use crate::problem::{Code, FieldCode, FieldFault, Problem, refusal};
use crate::reply::Reply;
use crate::request_id::RequestId;
use crate::router::{Routes, routes};
use crate::second_factor::awaited;
use crate::service::Service;
use crate::tokens::{Bearer, RefreshToken, random_text};

/// The greatest number of characters that is taken for a refresh token: room for an access token, so that one in
/// its place is a wrong token and not a malformed request (R21).
const LONGEST_TOKEN: usize = 2048;

pub(crate) fn routes() -> Routes {
    routes![log_in, refresh_session, log_out]
}

/// The tokens of a session.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionTokens {
    /// For `Authorization: Bearer`: a JWT that says who, and nothing about rights.
    access_token: String,
    /// Always `Bearer`.
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// For how many seconds the access token works.
    #[schema(minimum = 1, maximum = 600, example = 600)]
    expires_in: i64,
    /// For one refresh: it is spent with it, and a new one comes.
    refresh_token: String,
    /// The session.
    #[schema(example = "ses_01h455vb4pex5vsknk084sn02q")]
    session_id: String,
    /// Who is logged in.
    #[schema(example = "usr_01h455vb4pex5vsknk084sn02q")]
    user_id: String,
}

/// A session that is about to begin, with its secrets.
pub(crate) struct Beginning {
    pub(crate) session: NewSession,
    refresh: RefreshToken,
}

impl Beginning {
    /// A session on the device that makes this request.
    pub(crate) fn of(
        request: &HttpRequest,
        client: ClientAddress,
        service: &Service,
        at: DateTime<Utc>,
    ) -> Result<Self, Problem> {
        let device = request.headers().get(USER_AGENT).and_then(|agent| agent.to_str().ok());
        let device = device.map(|agent| agent.chars().take(200).collect());
        let session = Session::begin(SessionId::new(), at, device, Some(client.network()));
        let refresh = service
            .tokens
            .new_refresh_token()
            .ok_or_else(|| Problem::internal("no randomness"))?;
        Ok(Self {
            session: NewSession {
                session,
                refresh_hash: refresh.hash(),
            },
            refresh,
        })
    }

    /// 201 with the tokens, once the session has begun.
    pub(crate) fn begun(&self, service: &Service, user: UserId, at: DateTime<Utc>) -> Result<Reply, Problem> {
        let session = &self.session.session;
        let location = format!("/v1/me/sessions/{}", session.id);
        let made = Reply::created(&location, &self.tokens(service, user, at)?);
        Ok(made.tagged_as(&SessionView::of(session, session.id)).cache("no-store"))
    }

    /// The tokens, once the session has begun.
    pub(crate) fn tokens(&self, service: &Service, user: UserId, at: DateTime<Utc>) -> Result<SessionTokens, Problem> {
        SessionTokens::of(
            service,
            Bearer {
                user,
                session: self.session.session.id,
                operator: None,
            },
            &self.refresh,
            at,
        )
    }
}

impl SessionTokens {
    fn of(service: &Service, bearer: Bearer, refresh: &RefreshToken, at: DateTime<Utc>) -> Result<Self, Problem> {
        let access_token = service
            .tokens
            .sign(bearer, at)
            .ok_or_else(|| Problem::internal("no signature"))?;
        Ok(Self {
            access_token,
            token_type: "Bearer",
            expires_in: ACCESS_LIFE.num_seconds(),
            refresh_token: refresh.as_str().to_owned(),
            session_id: bearer.session.to_string(),
            user_id: bearer.user.to_string(),
        })
    }
}

/// Address and password.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"address": "ana@lima.example", "password": "correct horse battery"}))]
pub struct LogInBody {
    /// The address of the log-in.
    #[schema(required = true, nullable = false, min_length = 1, max_length = 254)]
    address: Option<String>,
    /// The password.
    #[schema(required = true, nullable = false, min_length = 1, max_length = 256, format = Password)]
    password: Option<String>,
}

/// Address and password that were read. What is no address has no user.
#[derive(Debug)]
pub struct Credentials {
    address_key: String,
    password: Password,
}

impl Parse for LogInBody {
    type Parsed = Credentials;

    fn parse(self, faults: &mut Faults) -> Option<Credentials> {
        let address = faults.text("address", self.address, |text| bounded(text, EmailAddress::MAX));
        let password = faults.text("password", self.password, |text| bounded(text, 256));
        let address = address?;
        let address_key = EmailAddress::parse(&address).map_or(address, |address| address.key().to_owned());
        Some(Credentials {
            address_key,
            password: Password::offered(password?),
        })
    }
}

/// A text of 1 to `max` characters, whatever stands in it.
pub(crate) fn bounded(text: &str, max: usize) -> Result<String, FieldFault> {
    if text.is_empty() {
        return Err(FieldFault::new(FieldCode::TooShort).with("min", 1));
    }
    if text.chars().count() > max {
        return Err(FieldFault::new(FieldCode::TooLong).with("max", max));
    }
    Ok(text.to_owned())
}

/// Log in
///
/// The answer to a wrong password is that to an unknown address, in words and in time. Where a second factor is in
/// force, the right password makes no session: 401 `second-factor-required` bears a `challenge`, which goes with the code
/// to `POST /v1/sessions/second-factor` within five minutes.
#[utoipa::path(
    post,
    path = "/v1/sessions",
    tag = "sessions",
    responses(
        (status = 201, description = "The session's tokens.", body = SessionTokens),
        refusal::InvalidCredentials,
        refusal::SecondFactorRequired,
        refusal::TooManyRequests,
    )
)]
async fn log_in(
    Checked(credentials): Checked<LogInBody>,
    RequestId(request_id): RequestId,
    client: ClientAddress,
    request: HttpRequest,
    service: Data<Service>,
) -> Result<Reply, Problem> {
    let at = service.clock.now();
    let limits = Limits::passwords_of(client, &credentials.address_key);
    limits.admit(&service, at).await?;
    let user = service.store.user_by_address(credentials.address_key).await?;
    let hash = user.as_ref().and_then(|user| user.password_hash.clone());
    let password = credentials.password;
    let right = service.passwords.verify(password.clone(), hash.clone()).await?;
    let (user, hash) = match (user, hash, right) {
        (Some(user), Some(hash), true) => (user, hash),
        (user, ..) => {
            let user = user.map(|user| user.id.to_string());
            tracing::warn!(target: "accounts::security", request_id, user, "a log-in was refused");
            return Err(Problem::new(Code::InvalidCredentials));
        }
    };
    denials::note(&request, Actor::User(user.id));
    limits.forgive(&service).await?;
    let beginning = Beginning::of(&request, client, &service, at)?;
    let session = beginning.session.clone();
    let act = Act {
        actor: Actor::User(user.id),
        at,
        request_id: Some(request_id),
        keep: None,
    };
    let checked = hash.clone();
    let challenge = Challenge::made(ChallengeId::new(), at);
    let log_in = move |person: &Person| person.log_in_or_wait(&checked, session.clone(), challenge);
    let decided = service
        .store
        .decide_user(user.id, &act, log_in, |_| Kept::nothing())
        .await?;
    service.mail_waits.notify_one();
    if !hash.is_present() {
        tokio::spawn(upgrade(
            service.clone(),
            user.id,
            password,
            hash,
            act.as_actor(Actor::System),
        ));
    }
    if decided.changes.contains(&UserChange::ChallengeMade { challenge }) {
        return Err(awaited(&service, challenge, user.id));
    }
    beginning.begun(&service, user.id, at)
}

/// Hashes a password anew with the parameters of today (R08). The answer is on its way meanwhile, so that such a
/// log-in takes no longer than others (R14), and nobody's password waits for it: where the threads are busy it is left
/// to the next log-in.
async fn upgrade(service: Data<Service>, user: UserId, password: Password, checked: PasswordHash, act: Act) {
    let Some(hash) = service.passwords.hash_at_leisure(password).await else {
        return;
    };
    let upgrade = move |person: &Person| Ok(person.upgrade_hash(&checked, hash.clone()));
    if let Err(error) = service
        .store
        .decide_user(user, &act, upgrade, |_| Kept::nothing())
        .await
    {
        tracing::warn!(user = %user, cause = %error, "a password's hash was not upgraded");
    }
}

/// A refresh token.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"refresh_token": "mF_9-B5f4q1JqM0t8u2v3w4x5y6z7A8B9C0D1E2F3G4"}))]
pub struct RefreshBody {
    /// The refresh token that came last.
    #[schema(required = true, nullable = false, min_length = 1, max_length = 2048)]
    refresh_token: Option<String>,
}

impl Parse for RefreshBody {
    type Parsed = RefreshToken;

    fn parse(self, faults: &mut Faults) -> Option<RefreshToken> {
        faults
            .text("refresh_token", self.refresh_token, |text| bounded(text, LONGEST_TOKEN))
            .map(RefreshToken::offered)
    }
}

/// Refresh a session
///
/// Spends the refresh token and answers a new one. A repeat within ten seconds gets the same one again, for a person
/// with two tabs; later it ends the session, because somebody else may hold the token (R26).
#[utoipa::path(
    post,
    path = "/v1/sessions/refresh",
    tag = "sessions",
    responses((status = 200, description = "The session's next tokens.", body = SessionTokens), refusal::Unauthenticated)
)]
async fn refresh_session(
    Checked(token): Checked<RefreshBody>,
    RequestId(request_id): RequestId,
    service: Data<Service>,
) -> Result<Reply, Problem> {
    let at = service.clock.now();
    let salt = random_text().ok_or_else(|| Problem::internal("no randomness"))?;
    let successor_hash = service.tokens.successor(&token, &salt).hash();
    let rotation = Rotation {
        hash: token.hash(),
        salt,
        successor_hash,
    };
    match service.store.rotate(rotation, at).await? {
        Rotated::Successor { user, session, salt } => {
            let successor = service.tokens.successor(&token, &salt);
            let bearer = Bearer {
                user,
                session,
                operator: None,
            };
            Ok(Reply::ok(&SessionTokens::of(&service, bearer, &successor, at)?))
        }
        Rotated::Reused { user, session } => {
            tracing::warn!(target: "accounts::security", request_id, user = %user, "a spent refresh token came again");
            let act = Act {
                actor: Actor::System,
                at,
                request_id: Some(request_id),
                keep: None,
            };
            let end = move |person: &Person| match person.end_session(session, EndReason::RefreshReused) {
                // Another request saw the same token and has ended the session.
                Err(accounts_domain::violation::Violation::NotFound) => Ok(Vec::new()),
                ended => ended,
            };
            service.store.decide_user(user, &act, end, |_| Kept::nothing()).await?;
            service.mail_waits.notify_one();
            Err(Problem::unauthenticated(true))
        }
        Rotated::Dead => Err(Problem::unauthenticated(true)),
    }
}

/// Log out
///
/// Ends the session that the access token belongs to, at once. An operator in a person's place ends that with it.
#[utoipa::path(
    delete,
    path = "/v1/sessions/current",
    tag = "sessions",
    responses((status = 204, description = "The session has ended."))
)]
async fn log_out(person: AnySession) -> Result<Reply, Problem> {
    let session = person.session;
    person
        .decide(move |person| person.end_session(session, EndReason::LoggedOut))
        .await?;
    Ok(Reply::no_content())
}
