//! The person who is logged in: profile, password, sessions.

mod erasing;
mod export;

use accounts_domain::ids::SessionId;
use accounts_domain::language::Language;
use accounts_domain::names::DisplayName;
use accounts_domain::sessions::{EndReason, Session};
use accounts_domain::users::{PASSWORD_BYTES, Person, User};
use accounts_domain::violation::Violation;
use actix_web::HttpRequest;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::body::{Checked, Faults, Parse, present};
use crate::client::ClientAddress;
use crate::contacts::language_of;
use crate::describe::{answer, id_schema};
use crate::guards::{AnySession, Caller, SignedIn};
use crate::limits::Limits;
use crate::moment;
use crate::page::{Paging, page};
use crate::passwords::Password;
use crate::path::path_values;
use crate::precondition::IfMatch;
use crate::problem::{Code, Problem, refusal};
use crate::reply::Reply;
use crate::router::{Routes, routes};
use crate::sessions::{Beginning, SessionTokens, bounded};
use crate::sign_ups::password_of;

pub(crate) use erasing::ErasureView;

path_values! {
    /// The session.
    PathSession(SessionId) = "session", id_schema("ses");
}

pub(crate) fn routes() -> Routes {
    routes![
        read_me,
        change_me,
        change_password,
        list_my_sessions,
        read_my_session,
        end_my_session
    ]
    .and(export::routes())
    .and(erasing::routes())
}

/// A login identity.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserView {
    /// Its id.
    #[schema(example = "usr_01h455vb4pex5vsknk084sn02q")]
    id: String,
    /// The address that it logs in with.
    #[schema(example = "ana@lima.example")]
    address: String,
    /// How the person is called.
    #[schema(example = "Ana Lima")]
    display_name: String,
    /// The language of mails to this person: `en` or `fr`.
    #[schema(example = "en")]
    language: String,
    /// Whether mail to the address arrives, as was reported: `unknown`, `ok`, `bounced` or `complained`. Notices go to
    /// neither of the last two, which a password reset clears.
    #[schema(example = "ok")]
    deliverability: &'static str,
    /// Since when a second factor is in force; `null` where there is none.
    #[schema(format = DateTime, required = true)]
    second_factor_since: Option<String>,
    /// How many recovery codes are left; `null` where there is no second factor.
    #[schema(minimum = 0, maximum = 10, required = true)]
    recovery_codes_left: Option<usize>,
    /// When it came to be.
    #[schema(format = DateTime)]
    created_at: String,
    /// When this last changed.
    #[schema(format = DateTime)]
    updated_at: String,
}

impl UserView {
    /// What a log-in looks like to its person.
    pub(crate) fn of(user: &User) -> Self {
        Self {
            id: user.id.to_string(),
            address: user.address.to_string(),
            display_name: user.display_name.to_string(),
            language: user.language.to_string(),
            deliverability: user.deliverability.as_str(),
            second_factor_since: user.second_factor.map(|factor| moment::shown(factor.since)),
            recovery_codes_left: user.second_factor.map(|factor| factor.recovery_codes),
            created_at: moment::shown(user.created_at),
            updated_at: moment::shown(user.updated_at),
        }
    }
}

fn shown(user: &User) -> Reply {
    Reply::ok(&UserView::of(user)).version(user.version)
}

/// Read my profile
///
/// The log-in of the caller; what it may do in an account stands in the account.
#[utoipa::path(get, path = "/v1/me", tag = "me", responses((status = 200, description = "The caller.", body = UserView), answer::NotModified))]
async fn read_me(person: Caller) -> Reply {
    shown(&person.user)
}

/// What is to change of the caller; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"display_name": "Ana Maria Lima"}))]
#[expect(clippy::option_option, reason = "absent and null are two cases in a merge patch")]
pub struct UserPatchBody {
    /// How the person is called.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false, min_length = 1, max_length = 100)]
    display_name: Option<Option<String>>,
    /// The language of mails: `en` or `fr`.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false, pattern = "^(en|fr)$")]
    language: Option<Option<String>>,
}

/// A change of the caller that was read.
#[derive(Debug)]
pub struct UserPatch {
    display_name: Option<DisplayName>,
    language: Option<Language>,
}

impl Parse for UserPatchBody {
    type Parsed = UserPatch;

    fn parse(self, faults: &mut Faults) -> Option<UserPatch> {
        let display_name = faults.kept("display_name", self.display_name);
        let display_name = faults.optional_text("display_name", display_name, DisplayName::parse);
        let language = faults.kept("language", self.language);
        let language = language_of(faults, language);
        faults.is_empty().then_some(UserPatch { display_name, language })
    }
}

/// Change my profile
///
/// Everybody changes the own name and language, and nobody else's (M-12, M-22, M-30, M-36, M-39).
#[utoipa::path(
    patch,
    path = "/v1/me",
    tag = "me",
    responses((status = 200, description = "The caller as it is now.", body = UserView))
)]
async fn change_me(
    person: AnySession,
    if_match: IfMatch,
    Checked(patch): Checked<UserPatchBody>,
) -> Result<Reply, Problem> {
    let decide = move |person: &Person| {
        if_match.admits(person.user.version)?;
        Ok(person.change_profile(patch.display_name.clone(), patch.language))
    };
    Ok(shown(&person.decide(decide).await?.after))
}

/// The present and the next password.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"current_password": "correct horse battery", "new_password": "staple of the battery"}))]
pub struct PasswordBody {
    /// The password as it is.
    #[schema(required = true, nullable = false, min_length = 1, max_length = 256, format = Password)]
    current_password: Option<String>,
    /// The password as it is to be, 8 to 256 bytes.
    #[schema(required = true, nullable = false, min_length = 1, max_length = 256, format = Password)]
    new_password: Option<String>,
}

impl Parse for PasswordBody {
    type Parsed = (Password, Password);

    fn parse(self, faults: &mut Faults) -> Option<(Password, Password)> {
        let current = faults.text("current_password", self.current_password, |text| {
            bounded(text, *PASSWORD_BYTES.end())
        });
        let new = faults.text("new_password", self.new_password, password_of);
        Some((Password::offered(current?), new?))
    }
}

/// Change my password
///
/// Needs the present one (R05). Every session ends with it, this one too, and every reset link; the answer holds the
/// tokens of a new session.
#[utoipa::path(
    put,
    path = "/v1/me/password",
    tag = "me",
    responses(
        (status = 200, description = "The tokens of a new session.", body = SessionTokens),
        refusal::ReauthenticationRequired,
        refusal::TooManyRequests,
    )
)]
async fn change_password(
    person: SignedIn,
    Checked((current, new)): Checked<PasswordBody>,
    client: ClientAddress,
    request: HttpRequest,
) -> Result<Reply, Problem> {
    let (service, at) = (&person.service, person.by.at);
    let limits = Limits::passwords_of(client, person.user.address.key());
    limits.admit(service, at).await?;
    if !service
        .passwords
        .verify(current, person.user.password_hash.clone())
        .await?
    {
        return Err(Problem::new(Code::ReauthenticationRequired));
    }
    limits.forgive(service).await?;
    let words = service.store.words_of_user(person.user.id).await?;
    let new = new.unless_common(&words, "/new_password")?;
    let hash = service.passwords.hash(new).await?;
    let beginning = Beginning::of(&request, client, service, at)?;
    let session = beginning.session.clone();
    let session = session.by_password_alone(&person.user, person.authenticated_at);
    let checked = person.user.password_hash.clone();
    let decide = move |person: &Person| {
        // Somebody may have set another password since this one was checked.
        if person.user.password_hash != checked {
            return Err(accounts_domain::violation::Violation::WrongPassword);
        }
        Ok(person.change_password(hash.clone(), Some(session.clone())))
    };
    person.decide(decide).await?;
    Ok(Reply::ok(&beginning.tokens(service, person.user.id, at)?))
}

/// A session.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionView {
    /// Its id.
    #[schema(example = "ses_01h455vb4pex5vsknk084sn02q")]
    id: String,
    /// Whether it is the one that asks.
    current: bool,
    /// What the device says it is.
    #[schema(required = true)]
    user_agent: Option<String>,
    /// The network that it was begun from.
    #[schema(required = true, example = "192.0.2.7")]
    network: Option<String>,
    /// The operator of the provider who acts in the person's place by it, if one does.
    #[schema(required = true, example = "opr_01h455vb4pex5vsknk084sn02q")]
    operator_id: Option<String>,
    /// When it began.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was last refreshed.
    #[schema(format = DateTime)]
    last_used_at: String,
    /// When it ends at the latest.
    #[schema(format = DateTime)]
    expires_at: String,
}

page! {
    /// A page of sessions.
    SessionPage of SessionView
}

impl SessionView {
    pub(crate) fn of(session: &Session, current: SessionId) -> Self {
        Self {
            id: session.id.to_string(),
            current: session.id == current,
            user_agent: session.user_agent.clone(),
            network: session.network.clone(),
            operator_id: session.impersonation.map(|by| by.operator.to_string()),
            created_at: moment::shown(session.created_at),
            last_used_at: moment::shown(session.last_used_at),
            expires_at: moment::shown(session.expires_at),
        }
    }
}

/// List my sessions
///
/// Those that can still be used, the latest first.
#[utoipa::path(
    get,
    path = "/v1/me/sessions",
    tag = "me",
    responses((status = 200, description = "A page of sessions.", body = SessionPage), answer::NotModified)
)]
async fn list_my_sessions(signed_in: SignedIn, paging: Paging<String>) -> Result<Reply, Problem> {
    let at = signed_in.by.at;
    let person = signed_in
        .service
        .store
        .person(signed_in.user.id)
        .await?
        .ok_or_else(Problem::not_found)?;
    let after: Option<SessionId> = paging.after.as_deref().and_then(|id| id.parse().ok());
    let live = person
        .sessions
        .into_values()
        .rev()
        .filter(|session| session.is_live(at));
    let found = live
        .filter(|session| after.is_none_or(|after| session.id < after))
        .take(paging.limit + 1)
        .collect();
    let page = paging.page(found, |session: &Session| session.id.to_string());
    Ok(page
        .map(|session| SessionView::of(&session, signed_in.session))
        .reply()
        .tagged_by_body())
}

/// Read one of my sessions
///
/// One that can still be used; an ended one is not there any more.
#[utoipa::path(
    get,
    path = "/v1/me/sessions/{session}",
    tag = "me",
    responses((status = 200, description = "The session.", body = SessionView), answer::NotModified)
)]
async fn read_my_session(signed_in: SignedIn, PathSession(session): PathSession) -> Result<Reply, Problem> {
    let person = signed_in
        .service
        .store
        .person(signed_in.user.id)
        .await?
        .ok_or_else(Problem::not_found)?;
    let session = person
        .sessions
        .get(&session)
        .filter(|session| session.is_live(signed_in.by.at));
    Ok(shown_session(
        session.ok_or_else(Problem::not_found)?,
        signed_in.session,
    ))
}

fn shown_session(session: &Session, current: SessionId) -> Reply {
    Reply::ok(&SessionView::of(session, current)).tagged_by_body()
}

/// End one of my sessions
///
/// At once: neither its access token nor its refresh token works from the next request on (R28, R29).
#[utoipa::path(
    delete,
    path = "/v1/me/sessions/{session}",
    tag = "me",
    responses((status = 204, description = "The session has ended."))
)]
async fn end_my_session(
    person: SignedIn,
    PathSession(session): PathSession,
    if_match: IfMatch,
) -> Result<Reply, Problem> {
    let (current, at) = (person.session, person.by.at);
    person
        .decide(move |person| {
            let found = person.sessions.get(&session).filter(|session| session.is_live(at));
            let found = found.ok_or(Violation::NotFound)?;
            if_match.admits_read(|| shown_session(found, current))?;
            person.end_session(session, EndReason::Ended)
        })
        .await?;
    Ok(Reply::no_content())
}
