//! Every answer that is not a success: an RFC 9457 problem in the caller's language.
//!
//! A [`Problem`] says a stable [`Code`] and what belongs to it. The words are put in where the answer
//! leaves ([`crate::edge`]), because only there the caller's language and the request's id are known.
//! What the log keeps ([`Problem::because`]) is a field of its own that no answer shows.

mod code;
mod fault;
pub mod table;

use std::fmt;
use std::time::Duration;

use accounts_domain::language::Language;
use accounts_store::Kept;
use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, VARY, WWW_AUTHENTICATE,
};
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

pub use code::{Code, FieldCode, refusal};
pub use fault::{Fault, FieldFault, Place};

use crate::reply::Reply;
use crate::texts;

/// A refusal or a failure, on its way to the caller.
#[derive(Debug)]
pub struct Problem(Box<Inner>);

#[derive(Debug)]
struct Inner {
    code: Code,
    members: Map<String, Value>,
    faults: Vec<Fault>,
    headers: Vec<(HeaderName, HeaderValue)>,
    cause: Option<String>,
    kept: Option<Kept>,
}

impl Problem {
    /// A problem with nothing beside its code.
    pub fn new(code: Code) -> Self {
        let inner = Inner {
            code,
            members: Map::new(),
            faults: Vec::new(),
            headers: Vec::new(),
            cause: None,
            kept: None,
        };
        Self(Box::new(inner))
    }

    /// No problem at all: under the lock it showed that another process has answered this request
    /// already, and its answer is told again instead.
    pub fn replay(kept: Kept) -> Self {
        let mut replay = Self::new(Code::IdempotencyInFlight);
        replay.0.kept = Some(kept);
        replay
    }

    /// 404: not there, or not the caller's to see. The two are never told apart.
    pub fn not_found() -> Self {
        Self::new(Code::NotFound)
    }

    /// For a missing or dead credential: 401. `error="invalid_token"` stands in the challenge only
    /// where a token came (RFC 6750 section 3.1).
    pub fn unauthenticated(token_came: bool) -> Self {
        let challenge = if token_came {
            r#"Bearer realm="accounts", error="invalid_token""#
        } else {
            CHALLENGE
        };
        Self::new(Code::Unauthenticated).header(WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
    }

    /// 403: a member of the account without this permission (`contacts:manage`, say).
    pub fn forbidden(permission: &str) -> Self {
        let challenge = format!(r#"Bearer realm="accounts", error="insufficient_scope", scope="{permission}""#);
        let problem = Self::new(Code::Forbidden).with("permission", permission);
        match HeaderValue::try_from(challenge) {
            Ok(challenge) => problem.header(WWW_AUTHENTICATE, challenge),
            Err(_) => problem,
        }
    }

    /// 400 with every place that cannot be read.
    pub fn bad_request(faults: Vec<Fault>) -> Self {
        Self::new(Code::BadRequest).faults(faults)
    }

    /// 422 with every field that has a value which is not taken.
    pub fn invalid_fields(faults: Vec<Fault>) -> Self {
        Self::new(Code::InvalidFields).faults(faults)
    }

    /// 422 for one field; `pointer` is a JSON pointer (RFC 6901).
    pub fn invalid_field(pointer: &str, fault: impl Into<FieldFault>) -> Self {
        Self::invalid_fields(vec![Fault::at(Place::Pointer(pointer.to_owned()), fault.into())])
    }

    /// 500. The cause goes to the log and to nobody else.
    pub fn internal(cause: impl fmt::Display) -> Self {
        Self::new(Code::Internal).because(cause)
    }

    /// 503, to be tried again after a second.
    pub fn unavailable(cause: impl fmt::Display) -> Self {
        Self::new(Code::Unavailable)
            .because(cause)
            .retry_after(Duration::from_secs(1))
    }

    /// 429, to be tried again after `wait`.
    pub fn too_many_requests(wait: Duration) -> Self {
        Self::new(Code::TooManyRequests).retry_after(wait)
    }

    /// The problem that a bare status stands for; 500 for a status that none has.
    pub fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::UNAUTHORIZED => Self::unauthenticated(false),
            StatusCode::NOT_FOUND => Self::not_found(),
            StatusCode::METHOD_NOT_ALLOWED => Self::new(Code::MethodNotAllowed),
            StatusCode::REQUEST_TIMEOUT => Self::new(Code::RequestTimeout),
            StatusCode::PAYLOAD_TOO_LARGE => Self::new(Code::PayloadTooLarge),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::new(Code::UnsupportedMediaType),
            StatusCode::TOO_MANY_REQUESTS => Self::too_many_requests(Duration::from_secs(1)),
            StatusCode::SERVICE_UNAVAILABLE => Self::unavailable("an answer without a problem"),
            status if status.is_client_error() => Self::new(Code::BadRequest),
            status => Self::internal(format!("an answer {status} without a problem")),
        }
    }

    /// Adds a member to the body; where the texts name it in braces, its value stands there too.
    #[must_use]
    pub fn with(mut self, member: &'static str, value: impl Into<Value>) -> Self {
        self.0.members.insert(member.to_owned(), value.into());
        self
    }

    /// Adds places to `errors`.
    #[must_use]
    pub fn faults(mut self, faults: Vec<Fault>) -> Self {
        self.0.faults.extend(faults);
        self
    }

    /// Adds a header to the answer.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// Says when to try again: `Retry-After` in whole seconds, at least one, and the same number as
    /// the member `retry_after`.
    #[must_use]
    pub fn retry_after(self, wait: Duration) -> Self {
        let seconds = wait.as_secs().max(1);
        self.with("retry_after", seconds)
            .header(RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// Keeps the cause for the log. Causes hold no secret and no request body.
    #[must_use]
    pub fn because(mut self, cause: impl fmt::Display) -> Self {
        self.0.cause = Some(cause.to_string());
        self
    }

    /// The code.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        let status = self.0.kept.as_ref().map_or(self.0.code.status(), |kept| kept.status);
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// What the log keeps, where something is to be kept.
    pub fn cause(&self) -> Option<&str> {
        self.0.cause.as_deref()
    }

    /// Title and detail in a language, for a problem that is told among others.
    pub(crate) fn words(&self, language: Language) -> (String, String) {
        let text = texts::of(language).problem.get(self.0.code.as_str());
        let value = |name: &str| self.0.members.get(name);
        text.map_or_else(Default::default, |text| {
            (text.title.clone(), texts::fill(&text.detail, value))
        })
    }

    /// The places at fault in a language, for a problem that is told among others.
    pub(crate) fn faults_in(&self, language: Language) -> Vec<Value> {
        let texts = texts::of(language);
        let told = self
            .0
            .faults
            .iter()
            .map(|fault| serde_json::to_value(fault.told(texts)));
        told.filter_map(Result::ok).collect()
    }

    /// The body of the answer in a language.
    pub(crate) fn body(&self, told: &Told<'_>) -> Vec<u8> {
        let code = self.0.code;
        let texts = texts::of(told.language);
        let text = texts.problem.get(code.as_str());
        let value = |name: &str| self.0.members.get(name);
        let body = Body {
            kind: format!("{}/problems/{}", told.public_url, code.as_str()),
            title: text.map_or(code.as_str(), |text| &text.title),
            status: code.status(),
            detail: text.map_or_else(String::new, |text| texts::fill(&text.detail, value)),
            code: code.as_str(),
            request_id: told.request_id,
            errors: self.0.faults.iter().map(|fault| fault.told(texts)).collect(),
            members: &self.0.members,
        };
        serde_json::to_vec(&body).unwrap_or_default()
    }

    /// The answer in a language.
    pub fn answer(&self, told: &Told<'_>) -> HttpResponse {
        let mut answer = HttpResponseBuilder::new(self.status());
        if self.status() == StatusCode::UNAUTHORIZED {
            answer.insert_header((WWW_AUTHENTICATE, CHALLENGE));
        }
        for header in &self.0.headers {
            answer.insert_header(header.clone());
        }
        answer
            .insert_header((CONTENT_TYPE, MEDIA_TYPE))
            .insert_header((CONTENT_LANGUAGE, told.language.as_str()))
            .insert_header((VARY, "accept-language"))
            .insert_header((CACHE_CONTROL, "no-store"))
            .body(self.body(told))
    }
}

/// What is asked of whoever is not let in (RFC 9110 section 11.6.1): a token, which a right log-in gives.
const CHALLENGE: &str = r#"Bearer realm="accounts""#;

/// The media type of problems.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json; charset=utf-8";

/// To whom a problem is told.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    /// The caller's language.
    pub language: Language,
    /// The id under which the log knows the request.
    pub request_id: &'a str,
    /// The address that `type` begins with, without a trailing slash.
    pub public_url: &'a str,
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'a str,
    status: u16,
    detail: String,
    code: &'static str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<fault::ToldFault<'a>>,
    #[serde(flatten)]
    members: &'a Map<String, Value>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.code.as_str())
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status()
    }

    /// The answer in English without a request id. The edge words it anew for the caller.
    fn error_response(&self) -> HttpResponse<BoxBody> {
        if let Some(kept) = &self.0.kept {
            return Reply::replayed(kept.clone()).into_response(false);
        }
        self.answer(&Told {
            language: Language::default(),
            request_id: "",
            public_url: "",
        })
    }
}

/// What went wrong (RFC 9457). Some codes bring members of their own, `roles` or `permission`, say.
#[derive(Debug, ToSchema)]
#[schema(as = Problem)]
#[expect(
    dead_code,
    reason = "the document alone reads the shape; answers are written member by member"
)]
pub(crate) struct ProblemSchema {
    /// A page that explains the code.
    #[schema(max_length = 512)]
    r#type: String,
    /// A few words, in the caller's language.
    title: String,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// A sentence about this occurrence, in the caller's language.
    detail: String,
    /// The stable word to decide by. New codes may come.
    #[schema(pattern = "^[a-z]+(-[a-z]+)*$", max_length = 64)]
    code: String,
    /// The id under which the service recorded the request.
    #[schema(max_length = 128)]
    request_id: String,
    /// Every place that is at fault, where the request itself is.
    #[schema(required = false, nullable = false)]
    errors: Option<Vec<FaultSchema>>,
    /// The missing permission.
    #[schema(required = false, nullable = false)]
    permission: Option<String>,
    /// The role that stands in the way.
    #[schema(required = false, nullable = false)]
    role: Option<String>,
    /// The roles that stand in the way.
    #[schema(required = false, nullable = false)]
    roles: Option<Vec<String>>,
    /// The limit that is reached.
    #[schema(required = false, nullable = false)]
    limit: Option<u32>,
    /// Seconds after which to try again.
    #[schema(required = false, nullable = false)]
    retry_after: Option<u32>,
    /// What a log-in waits with for the code of the second factor.
    #[schema(required = false, nullable = false, max_length = 400)]
    challenge: Option<String>,
    /// The accounts that ask for the second factor, or in which somebody else has to take a place over.
    #[schema(required = false, nullable = false)]
    accounts: Option<Vec<AskingAccountSchema>>,
    /// How many rows of a table were refused.
    #[schema(required = false, nullable = false)]
    refused: Option<u32>,
    /// Each row of a table, and what stands against it.
    #[schema(required = false, nullable = false)]
    rows: Option<Vec<crate::contacts::ImportedRow>>,
}

/// An account that stands in the way.
#[derive(Debug, ToSchema)]
#[schema(as = AskingAccount)]
#[expect(
    dead_code,
    reason = "the document alone reads the shape; answers are written member by member"
)]
pub(crate) struct AskingAccountSchema {
    /// Its id.
    #[schema(example = "acc_01h455vb4pex5vsknk084sn02q")]
    id: String,
    /// Its name.
    #[schema(example = "Lima Ltd")]
    name: String,
    /// Whether the person owns it, where that is what stands in the way.
    #[schema(required = false, nullable = false)]
    owner: Option<bool>,
    /// The roles that the person holds there, where those stand in the way.
    #[schema(required = false, nullable = false)]
    roles: Option<Vec<String>>,
}

/// One place of the request that is at fault: `pointer` for a member of the body, else `parameter` and `in`.
#[derive(Debug, ToSchema)]
#[schema(as = Fault)]
#[expect(
    dead_code,
    reason = "the document alone reads the shape; answers are written member by member"
)]
pub(crate) struct FaultSchema {
    /// A JSON pointer (RFC 6901) to the member of the body; empty for the whole.
    #[schema(required = false, nullable = false)]
    pointer: Option<String>,
    /// The name of the parameter or header.
    #[schema(required = false, nullable = false)]
    parameter: Option<String>,
    /// Where the parameter stands: `query` or `header`.
    #[schema(required = false, nullable = false)]
    r#in: Option<String>,
    /// The stable word to decide by. New codes may come.
    #[schema(pattern = "^[a-z]+(-[a-z]+)*$", max_length = 64)]
    code: String,
    /// A sentence, in the caller's language.
    detail: String,
    /// The values that the sentence names: `max`, say.
    #[schema(required = false, nullable = false, value_type = Object)]
    params: Option<Map<String, Value>>,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use actix_web::body::to_bytes;
    use serde_json::json;

    use super::*;

    async fn told(problem: &Problem, language: Language) -> (HttpResponse<()>, Value) {
        let told = Told {
            language,
            request_id: "r1",
            public_url: "https://a.example",
        };
        let (head, body) = problem.answer(&told).into_parts();
        (head, serde_json::from_slice(&to_bytes(body).await.unwrap()).unwrap())
    }

    #[actix_web::test]
    async fn a_problem_is_told_in_the_callers_language_with_the_same_code() {
        let problem = Problem::new(Code::ContactHoldsRoles).with("roles", json!(["billing"]));
        let (head, body) = told(&problem, Language::En).await;
        assert_eq!(
            body,
            json!({
                "type": "https://a.example/problems/contact-holds-roles",
                "title": "Contact holds roles",
                "status": 409,
                "detail": "The contact still holds roles: billing.",
                "code": "contact-holds-roles",
                "request_id": "r1",
                "roles": ["billing"],
            })
        );
        assert_eq!(head.headers().get(CONTENT_TYPE).unwrap(), MEDIA_TYPE);
        assert_eq!(head.headers().get(CONTENT_LANGUAGE).unwrap(), "en");
        assert_eq!(head.headers().get(VARY).unwrap(), "accept-language");
        let (_, body) = told(&problem, Language::Fr).await;
        assert_eq!(body["code"], "contact-holds-roles");
        assert_eq!(body["detail"], "Le contact tient encore des rôles : billing.");
    }

    #[actix_web::test]
    async fn every_fault_is_told_with_its_place() {
        let problem = Problem::invalid_fields(vec![
            Fault::at(
                Place::Pointer("/name".into()),
                FieldFault::new(FieldCode::TooLong).with("max", 100),
            ),
            Fault::at(Place::Query("limit".into()), FieldCode::UnknownParameter.into()),
        ]);
        let (_, body) = told(&problem, Language::En).await;
        assert_eq!(
            body["errors"],
            json!([
                {"pointer": "/name", "code": "too-long", "detail": "At most 100 characters are taken.", "params": {"max": 100}},
                {"parameter": "limit", "in": "query", "code": "unknown-parameter", "detail": "There is no such parameter."},
            ])
        );
    }

    #[actix_web::test]
    async fn challenges_and_waiting_times_stand_in_headers() {
        let header = |problem: Problem, name| {
            let answer = problem.error_response();
            answer.headers().get(name).unwrap().to_str().unwrap().to_owned()
        };
        assert_eq!(
            header(Problem::unauthenticated(false), WWW_AUTHENTICATE),
            r#"Bearer realm="accounts""#
        );
        assert_eq!(
            header(Problem::unauthenticated(true), WWW_AUTHENTICATE),
            r#"Bearer realm="accounts", error="invalid_token""#
        );
        assert_eq!(
            header(Problem::forbidden("contacts:manage"), WWW_AUTHENTICATE),
            r#"Bearer realm="accounts", error="insufficient_scope", scope="contacts:manage""#
        );
        assert_eq!(header(Problem::unavailable("x"), RETRY_AFTER), "1");
        assert_eq!(
            header(Problem::too_many_requests(Duration::from_secs(9)), RETRY_AFTER),
            "9"
        );
    }

    #[test]
    fn a_replay_is_the_first_answer() {
        let kept = Reply::created("/v1/things/1", &json!({"id": 1})).kept();
        let answer = Problem::replay(kept).error_response();
        assert_eq!(answer.status(), 201);
        assert_eq!(answer.headers().get("location").unwrap(), "/v1/things/1");
        assert_eq!(answer.headers().get("idempotency-replayed").unwrap(), "true");
    }

    #[actix_web::test]
    async fn the_cause_is_never_shown() {
        let problem = Problem::internal("relation contacts does not exist");
        let (_, body) = told(&problem, Language::En).await;
        assert!(!body.to_string().contains("relation"));
        assert!(!problem.to_string().contains("relation"));
        assert_eq!(problem.cause(), Some("relation contacts does not exist"));
    }

    #[test]
    fn both_languages_say_every_code_and_nothing_else() {
        let codes: BTreeSet<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
        let fields: BTreeSet<&str> = FieldCode::ALL.iter().map(|code| code.as_str()).collect();
        for language in Language::ALL {
            let texts = texts::of(language);
            assert_eq!(texts.problem.keys().map(String::as_str).collect::<BTreeSet<_>>(), codes);
            assert_eq!(texts.field.keys().map(String::as_str).collect::<BTreeSet<_>>(), fields);
            for (code, text) in &texts.problem {
                for words in [&text.title, &text.detail, &text.explanation] {
                    assert!(!words.trim().is_empty(), "{language} {code}");
                }
            }
        }
    }

    #[test]
    fn both_languages_name_the_same_values() {
        let names = |text: &str| -> BTreeSet<String> {
            text.split('{')
                .skip(1)
                .filter_map(|rest| rest.split_once('}'))
                .map(|(name, _)| name.to_owned())
                .collect()
        };
        let (en, fr) = (texts::of(Language::En), texts::of(Language::Fr));
        for (code, text) in &en.problem {
            assert_eq!(names(&text.detail), names(&fr.problem[code].detail), "{code}");
        }
        for (code, text) in &en.field {
            assert_eq!(names(text), names(&fr.field[code]), "{code}");
        }
    }
}
