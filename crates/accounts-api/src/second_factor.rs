//! The second factor of a person: set up, confirmed, taken away, and asked for when somebody logs in.

use accounts_domain::actor::Actor;
use accounts_domain::ids::{ChallengeId, UserId};
use accounts_domain::second_factor::{Challenge, Offered, Proof, SealedSecret};
use accounts_domain::totp::{SECRET_BYTES, TotpSecret};
use accounts_domain::users::Person;
use accounts_store::{Act, Kept};
use actix_web::HttpRequest;
use actix_web::web::Data;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::body::{Checked, Faults, Parse};
use crate::client::ClientAddress;
use crate::denials;
use crate::guards::Reauthenticated;
use crate::limits::Limits;
use crate::problem::{Code, FieldCode, FieldFault, Problem, refusal};
use crate::recovery_codes::{self, NewCodes};
use crate::reply::Reply;
use crate::request_id::RequestId;
use crate::router::{Routes, routes};
use crate::service::Service;
use crate::sessions::{Beginning, SessionTokens, bounded};
use crate::tokens::random_bytes;
use crate::vault::{Vault, VaultPurpose};

/// How many digits a code has.
const DIGITS: usize = 6;

/// The greatest number of characters of a recovery code, dashes and blanks included.
const LONGEST_RECOVERY_CODE: usize = 64;

/// The greatest number of characters of a challenge.
const LONGEST_CHALLENGE: usize = 400;

pub(crate) fn routes() -> Routes {
    routes![
        log_in_by_second_factor,
        begin_second_factor,
        confirm_second_factor,
        remove_second_factor,
        replace_recovery_codes
    ]
}

/// What an authenticator app needs. It is shown this once.
#[derive(Debug, Serialize, ToSchema)]
pub struct SecondFactorSetUp {
    /// The secret in base 32, to be typed into the app.
    #[schema(example = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")]
    secret: String,
    /// The same as an address, to be shown as a picture that the app reads.
    #[schema(
        example = "otpauth://totp/accounts.example:ana%40lima.example?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=accounts.example&algorithm=SHA1&digits=6&period=30"
    )]
    uri: String,
}

/// Codes for the day on which the app is lost. They are shown this once, and each works once.
#[derive(Debug, Serialize, ToSchema)]
pub struct RecoveryCodes {
    /// Ten of them.
    #[schema(example = json!(["7h2k-9m4p-x3qd-0vwy-61rt-zb5e"]))]
    recovery_codes: Vec<String>,
}

/// A code of the app.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"code": "287082"}))]
pub struct CodeBody {
    /// The six digits that the app shows.
    #[schema(
        required = true,
        nullable = false,
        pattern = "^[0-9]{6}$",
        min_length = 6,
        max_length = 6
    )]
    code: Option<String>,
}

impl Parse for CodeBody {
    type Parsed = Offered;

    fn parse(self, faults: &mut Faults) -> Option<Offered> {
        faults.text("code", self.code, code_of)
    }
}

/// What a log-in waits for, and one of the two things that it takes.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"challenge": "Yl0w9nQ8…", "code": "287082"}))]
pub struct SecondFactorBody {
    /// What came with `second-factor-required`.
    #[schema(required = true, nullable = false, min_length = 1, max_length = 400)]
    challenge: Option<String>,
    /// The six digits that the app shows.
    #[schema(pattern = "^[0-9]{6}$", min_length = 6, max_length = 6)]
    code: Option<String>,
    /// One of the recovery codes instead.
    #[schema(min_length = 1, max_length = 64, format = Password)]
    recovery_code: Option<String>,
}

/// An answer to a challenge that was read.
#[derive(Debug)]
pub struct Answered {
    challenge: String,
    offered: Offered,
}

impl Parse for SecondFactorBody {
    type Parsed = Answered;

    fn parse(self, faults: &mut Faults) -> Option<Answered> {
        let challenge = faults.text("challenge", self.challenge, |text| bounded(text, LONGEST_CHALLENGE));
        let is_missing = self.code.is_none() && self.recovery_code.is_none();
        let offered = offered_of(faults, self.code, self.recovery_code);
        if is_missing {
            faults.add_here(FieldCode::Required);
        }
        Some(Answered {
            challenge: challenge?,
            offered: offered?,
        })
    }
}

/// A code or a recovery code, or neither; both contradict each other.
pub(crate) fn offered_of(faults: &mut Faults, code: Option<String>, recovery_code: Option<String>) -> Option<Offered> {
    if code.is_some() && recovery_code.is_some() {
        faults.add("recovery_code", FieldCode::Contradictory);
    }
    let code = faults.optional_text("code", code, code_of);
    let recovery = faults.optional_text("recovery_code", recovery_code, recovery_of);
    code.or(recovery)
}

fn code_of(text: &str) -> Result<Offered, FieldCode> {
    let is_code = text.len() == DIGITS && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_code {
        Ok(Offered::Code(text.to_owned()))
    } else {
        Err(FieldCode::InvalidFormat)
    }
}

/// What has not the form of a recovery code is a wrong one, with a hash that nobody has.
fn recovery_of(text: &str) -> Result<Offered, FieldFault> {
    let text = bounded(text, LONGEST_RECOVERY_CODE)?;
    let hash = recovery_codes::read(&text);
    Ok(hash.map_or_else(|| Offered::Code(String::new()), Offered::Recovery))
}

/// What the vault holds of a person's second factor. Nothing where it was sealed for somebody else.
fn opened(vault: &Vault, user: UserId, sealed: &SealedSecret) -> Option<TotpSecret> {
    let plain = vault.open(VaultPurpose::SecondFactor, &user.to_string(), &sealed.0)?;
    <[u8; SECRET_BYTES]>::try_from(plain).ok().map(TotpSecret::from_bytes)
}

/// Reads what a person offers against what the vault holds.
pub(crate) fn with_proof<T>(
    vault: &Vault,
    user: UserId,
    offered: &Offered,
    at: chrono::DateTime<chrono::Utc>,
    decide: impl FnOnce(Proof<'_>) -> T,
) -> T {
    let open = |sealed: &SealedSecret| opened(vault, user, sealed);
    decide(Proof {
        offered,
        open: &open,
        at,
    })
}

/// A log-in that waits for the code, as its caller holds it.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    challenge: ChallengeId,
    user: UserId,
}

impl Waiting {
    /// What the caller gets to hold: sealed, so that it says nothing and nobody makes one up.
    fn sealed(self, vault: &Vault) -> Option<String> {
        let text = format!("{} {}", self.challenge, self.user);
        vault.seal(VaultPurpose::Challenge, "", text.as_bytes())
    }

    fn open(vault: &Vault, sealed: &str) -> Option<Self> {
        let plain = String::from_utf8(vault.open(VaultPurpose::Challenge, "", sealed)?).ok()?;
        let (challenge, user) = plain.split_once(' ')?;
        Some(Self {
            challenge: challenge.parse().ok()?,
            user: user.parse().ok()?,
        })
    }
}

/// 401: the password was right, and the code is awaited.
pub(crate) fn awaited(service: &Service, challenge: Challenge, user: UserId) -> Problem {
    let waiting = Waiting {
        challenge: challenge.id,
        user,
    };
    match waiting.sealed(&service.vault) {
        Some(sealed) => Problem::new(Code::SecondFactorRequired).with("challenge", sealed),
        None => Problem::internal("no randomness"),
    }
}

/// Log in with the second factor
///
/// What a log-in answers with `second-factor-required` is good for five minutes, for five tries and for one session. The
/// answer is the same to a code that is wrong or was used, and to a log-in that waits no longer: begin again with the
/// password. A code that was taken is taken no second time; wait for the next one.
#[utoipa::path(
    post,
    path = "/v1/sessions/second-factor",
    tag = "sessions",
    responses(
        (status = 201, description = "The session's tokens.", body = SessionTokens),
        refusal::InvalidCode,
        refusal::TooManyRequests,
    )
)]
async fn log_in_by_second_factor(
    Checked(answered): Checked<SecondFactorBody>,
    RequestId(request_id): RequestId,
    client: ClientAddress,
    request: HttpRequest,
    service: Data<Service>,
) -> Result<Reply, Problem> {
    let at = service.clock.now();
    let waiting = Waiting::open(&service.vault, &answered.challenge).ok_or_else(wrong)?;
    let Waiting { challenge, user } = waiting;
    denials::note(&request, Actor::User(user));
    let limits = Limits::codes_of(client, user);
    limits.admit(&service, at).await?;
    let tries = Limits::tries_of(challenge);
    tries.admit(&service, at).await.map_err(spent)?;
    let beginning = Beginning::of(&request, client, &service, at)?;
    let session = beginning.session.clone();
    let act = Act {
        actor: Actor::User(user),
        at,
        request_id: Some(request_id),
        keep: None,
    };
    let (vault, offered) = (service.vault.clone(), answered.offered);
    let log_in = move |person: &Person| {
        with_proof(&vault, user, &offered, at, |proof| {
            person.log_in_by_factor(challenge, session.clone(), proof)
        })
    };
    let decided = service.store.decide_user(user, &act, log_in, |_| Kept::nothing()).await;
    decided.map_err(|error| gone(error.into()))?;
    service.mail_waits.notify_one();
    limits.forgive(&service).await?;
    beginning.begun(&service, user, at)
}

fn wrong() -> Problem {
    Problem::new(Code::InvalidCode)
}

/// A challenge with no tries left waits no longer; there is no use in trying it later.
fn spent(problem: Problem) -> Problem {
    if problem.code() == Code::TooManyRequests {
        wrong()
    } else {
        problem
    }
}

/// Nobody waits any more where the person is gone.
fn gone(problem: Problem) -> Problem {
    if problem.code() == Code::NotFound {
        wrong()
    } else {
        problem
    }
}

/// Begin to set up a second factor
///
/// The answer holds what an authenticator app needs (TOTP, RFC 6238), shown this once. Nothing asks for it yet: it is in
/// force once its first code came to `POST /v1/me/totp/confirm`. One that was begun before is forgotten.
#[utoipa::path(
    post,
    path = "/v1/me/totp",
    tag = "me",
    responses(
        (status = 201, description = "What an authenticator app needs.", body = SecondFactorSetUp),
        refusal::SecondFactorInForce,
    )
)]
async fn begin_second_factor(person: Reauthenticated) -> Result<Reply, Problem> {
    let service = &person.service;
    let secret = new_secret().ok_or_else(|| Problem::internal("no randomness"))?;
    let user = person.user.id.to_string();
    let sealed = service.vault.seal(VaultPurpose::SecondFactor, &user, secret.bytes());
    let sealed = SealedSecret(sealed.ok_or_else(|| Problem::internal("no randomness"))?);
    let begun = person
        .decide(move |person| person.begin_second_factor(sealed.clone()))
        .await?;
    let set_up = SecondFactorSetUp {
        secret: secret.base32(),
        uri: secret.uri(service.settings.public_url.authority(), person.user.address.as_str()),
    };
    Ok(Reply::created("/v1/me", &set_up)
        .version(begun.after.version)
        .cache("no-store"))
}

fn new_secret() -> Option<TotpSecret> {
    random_bytes().map(TotpSecret::from_bytes)
}

/// Put the second factor in force
///
/// By the first code that the app shows. From now on every log-in asks for one, and all other sessions have ended,
/// because they were begun by the password alone. The answer holds ten recovery codes, each for the day on which the app
/// is lost, shown this once. The person is told by mail.
#[utoipa::path(
    post,
    path = "/v1/me/totp/confirm",
    tag = "me",
    responses(
        (status = 200, description = "The recovery codes.", body = RecoveryCodes),
        refusal::InvalidCode,
        refusal::NoSecondFactor,
        refusal::SecondFactorInForce,
        refusal::TooManyRequests,
    )
)]
async fn confirm_second_factor(
    person: Reauthenticated,
    Checked(offered): Checked<CodeBody>,
    client: ClientAddress,
) -> Result<Reply, Problem> {
    let (service, user, at, session) = (&person.service, person.user.id, person.by.at, person.session);
    let limits = Limits::codes_of(client, user);
    limits.admit(service, at).await?;
    let codes = NewCodes::generate().ok_or_else(|| Problem::internal("no randomness"))?;
    let (vault, hashes) = (service.vault.clone(), codes.hashes());
    let confirm = move |person: &Person| {
        with_proof(&vault, user, &offered, at, |proof| {
            person.confirm_second_factor(session, hashes.clone(), proof)
        })
    };
    person.decide(confirm).await?;
    limits.forgive(service).await?;
    Ok(shown(&codes))
}

fn shown(codes: &NewCodes) -> Reply {
    Reply::ok(&RecoveryCodes {
        recovery_codes: codes.shown(),
    })
}

/// Take the second factor away
///
/// And one that was only begun. From now on the password is enough again, and the recovery codes are dead. It stays where
/// an account asks its members for it. The person is told by mail.
#[utoipa::path(
    delete,
    path = "/v1/me/totp",
    tag = "me",
    responses(
        (status = 204, description = "There is no second factor any more."),
        refusal::NoSecondFactor,
        refusal::SecondFactorNeeded,
    )
)]
async fn remove_second_factor(person: Reauthenticated) -> Result<Reply, Problem> {
    let service = &person.service;
    let removed = service
        .store
        .remove_second_factor(person.user.id, &person.act(None), Kept::nothing())
        .await;
    service.mail_waits.notify_one();
    removed?;
    Ok(Reply::no_content())
}

/// Make new recovery codes
///
/// Ten of them, shown this once, in the place of all that were left. The person is told by mail.
#[utoipa::path(
    post,
    path = "/v1/me/totp/recovery-codes",
    tag = "me",
    responses(
        (status = 200, description = "The recovery codes.", body = RecoveryCodes),
        refusal::NoSecondFactor,
    )
)]
async fn replace_recovery_codes(person: Reauthenticated) -> Result<Reply, Problem> {
    let codes = NewCodes::generate().ok_or_else(|| Problem::internal("no randomness"))?;
    let hashes = codes.hashes();
    person
        .decide(move |person| person.replace_recovery_codes(hashes.clone()))
        .await?;
    Ok(shown(&codes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Secret;

    fn vault() -> Vault {
        Vault::new(Secret::new(&[7; 32]).unwrap())
    }

    #[test]
    fn a_challenge_is_read_where_it_was_made() {
        let waiting = Waiting {
            challenge: ChallengeId::new(),
            user: UserId::new(),
        };
        let sealed = waiting.sealed(&vault()).unwrap();
        assert!(sealed.len() < LONGEST_CHALLENGE, "{sealed}");
        assert!(!sealed.contains("usr_"));
        let read = Waiting::open(&vault(), &sealed).unwrap();
        assert_eq!((read.challenge, read.user), (waiting.challenge, waiting.user));
        let other = Vault::new(Secret::new(&[8; 32]).unwrap());
        assert!(Waiting::open(&other, &sealed).is_none());
        assert!(Waiting::open(&vault(), "").is_none());
    }

    #[test]
    fn r_24_a_secret_opens_for_its_person_alone() {
        let secret = new_secret().unwrap();
        let (ana, bea) = (UserId::new(), UserId::new());
        let sealed = vault().seal(VaultPurpose::SecondFactor, &ana.to_string(), secret.bytes());
        let sealed = SealedSecret(sealed.unwrap());
        assert_eq!(opened(&vault(), ana, &sealed), Some(secret));
        assert_eq!(opened(&vault(), bea, &sealed), None);
    }
}
