//! Answers that are a success.

use accounts_store::Kept;
use actix_web::body::BoxBody;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, LOCATION, VARY,
};
use actix_web::http::{Method, StatusCode};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, Responder};
use serde::Serialize;

use crate::precondition::{self, Tag};
use crate::problem::Problem;

/// The media type of answers.
const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// An answer, complete but for what the request decides: whether the caller has it already (304).
///
/// Unless a handler says otherwise, an answer with a tag may be kept by the caller and is asked for
/// again each time (`private, no-cache`); one without is not kept at all (`no-store`).
#[derive(Debug, Clone)]
pub struct Reply {
    status: StatusCode,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Result<Bytes, String>,
}

impl Reply {
    /// 200 with a body.
    pub fn ok<T: Serialize + ?Sized>(body: &T) -> Self {
        Self::json(StatusCode::OK, body)
    }

    /// 201 with the whole new resource and where it is: `/v1/accounts/acc_…`.
    pub fn created<T: Serialize + ?Sized>(location: &str, body: &T) -> Self {
        let reply = Self::json(StatusCode::CREATED, body);
        match HeaderValue::from_str(location) {
            Ok(location) => reply.header(LOCATION, location),
            Err(_) => reply,
        }
    }

    /// 202 with a body: what was asked for happens later, or may not be told.
    pub fn accepted<T: Serialize + ?Sized>(body: &T) -> Self {
        Self::json(StatusCode::ACCEPTED, body)
    }

    /// 204.
    pub fn no_content() -> Self {
        Self {
            status: StatusCode::NO_CONTENT,
            headers: Vec::new(),
            body: Ok(Bytes::new()),
        }
    }

    /// 200 with bytes of another media type, a page for people, say.
    pub fn bytes(media_type: &'static str, body: Vec<u8>) -> Self {
        let headers = vec![(CONTENT_TYPE, HeaderValue::from_static(media_type))];
        Self {
            status: StatusCode::OK,
            headers,
            body: Ok(body.into()),
        }
    }

    fn json<T: Serialize + ?Sized>(status: StatusCode, body: &T) -> Self {
        Self {
            status,
            headers: vec![(CONTENT_TYPE, JSON)],
            body: serde_json::to_vec(body)
                .map(Bytes::from)
                .map_err(|error| error.to_string()),
        }
    }

    /// With the tag of a row's version.
    #[must_use]
    pub fn version(self, version: i64) -> Self {
        self.tag(&Tag::version(version))
    }

    /// With a tag.
    #[must_use]
    pub fn tag(self, tag: &Tag) -> Self {
        match HeaderValue::try_from(tag.header()) {
            Ok(value) => self.header(ETAG, value),
            Err(_) => self,
        }
    }

    /// The tag that it has.
    pub(crate) fn present_tag(&self) -> Option<Tag> {
        self.etag().and_then(Tag::from_header)
    }

    /// With the tag of the body's very bytes.
    #[must_use]
    pub fn tagged_by_body(self) -> Self {
        let tag = self.body.as_deref().map(Tag::of).ok();
        match tag {
            Some(tag) => self.tag(&tag),
            None => self,
        }
    }

    /// With the tag that a read of this has, which shows less than what was made.
    #[must_use]
    pub fn tagged_as<T: Serialize + ?Sized>(self, read: &T) -> Self {
        match Self::ok(read).tagged_by_body().present_tag() {
            Some(tag) => self.tag(&tag),
            None => self,
        }
    }

    /// With a `Cache-Control` other than the usual: `public, max-age=300`, say.
    #[must_use]
    pub fn cache(self, control: &'static str) -> Self {
        self.header(CACHE_CONTROL, HeaderValue::from_static(control))
    }

    /// Says that the words of the answer are those of a language, and that another is to be had.
    #[must_use]
    pub fn in_language(self, language: accounts_domain::language::Language) -> Self {
        let value = HeaderValue::from_static(language.as_str());
        self.header(actix_web::http::header::CONTENT_LANGUAGE, value)
            .header(VARY, HeaderValue::from_static("accept-language"))
    }

    /// With a header; one of the same name is replaced.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.retain(|(present, _)| *present != name);
        self.headers.push((name, value));
        self
    }

    /// How many bytes the body has.
    pub(crate) fn size(&self) -> usize {
        self.body.as_ref().map_or(0, Bytes::len)
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The answer as it is kept for a repeat.
    pub fn kept(&self) -> Kept {
        let headers = self
            .headers
            .iter()
            .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())));
        Kept {
            status: self.status.as_u16(),
            headers: headers.collect(),
            body: self.body.as_deref().map(<[u8]>::to_vec).unwrap_or_default(),
        }
    }

    /// A kept answer, told again; it says that it is one.
    pub fn replayed(kept: Kept) -> Self {
        let headers = kept
            .headers
            .into_iter()
            .filter_map(|(name, value)| Some((HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?)));
        let reply = Self {
            status: StatusCode::from_u16(kept.status).unwrap_or(StatusCode::OK),
            headers: headers.collect(),
            body: Ok(kept.body.into()),
        };
        reply.header(REPLAYED, HeaderValue::from_static("true"))
    }
}

/// An answer that a browser keeps as a file of that name.
///
/// # Errors
/// 500 for a name that no header takes.
pub(crate) fn attached(reply: Reply, name: &str) -> Result<Reply, Problem> {
    let value = HeaderValue::try_from(format!("attachment; filename=\"{name}\"")).map_err(Problem::internal)?;
    Ok(reply.header(CONTENT_DISPOSITION, value))
}

/// Says that an answer is the first one's, told again.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

impl Responder for Reply {
    type Body = BoxBody;

    fn respond_to(self, request: &HttpRequest) -> HttpResponse {
        let read = matches!(*request.method(), Method::GET | Method::HEAD);
        let known = read
            && self.status == StatusCode::OK
            && self
                .etag()
                .is_some_and(|tag| precondition::is_known(request.headers(), tag));
        self.into_response(known)
    }
}

impl Reply {
    fn etag(&self) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(name, _)| *name == ETAG)?;
        value.to_str().ok()
    }

    /// The answer as it is sent; 304 without a body where the caller has it already.
    pub(crate) fn into_response(self, known: bool) -> HttpResponse {
        let usual = if self.etag().is_some() {
            "private, no-cache"
        } else {
            "no-store"
        };
        let body = match self.body {
            Ok(body) => body,
            Err(cause) => return HttpResponse::from_error(Problem::internal(cause)),
        };
        let status = if known { StatusCode::NOT_MODIFIED } else { self.status };
        let mut response = HttpResponseBuilder::new(status);
        if !self.headers.iter().any(|(name, _)| *name == CACHE_CONTROL) {
            response.insert_header((CACHE_CONTROL, HeaderValue::from_static(usual)));
        }
        for (name, value) in self.headers {
            if !(known && name == CONTENT_TYPE) {
                response.insert_header((name, value));
            }
        }
        if known || self.status == StatusCode::NO_CONTENT {
            response.finish()
        } else {
            response.body(body)
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::body::to_bytes;
    use actix_web::http::header::IF_NONE_MATCH;
    use actix_web::test::TestRequest;
    use serde_json::json;

    use super::*;

    fn header(response: &HttpResponse, name: HeaderName) -> Option<String> {
        Some(response.headers().get(name)?.to_str().unwrap().to_owned())
    }

    #[actix_web::test]
    async fn a_creation_says_where_and_which_state() {
        let request = TestRequest::post().to_http_request();
        let reply = Reply::created("/v1/things/1", &json!({"id": 1})).version(1);
        let response = reply.respond_to(&request);
        assert_eq!(response.status(), StatusCode::CREATED);
        assert_eq!(header(&response, LOCATION).unwrap(), "/v1/things/1");
        assert_eq!(header(&response, ETAG).unwrap(), r#""v1""#);
        assert_eq!(header(&response, CACHE_CONTROL).unwrap(), "private, no-cache");
        assert_eq!(to_bytes(response.into_body()).await.unwrap(), r#"{"id":1}"#);
    }

    #[actix_web::test]
    async fn what_the_caller_has_is_304_on_reads_only() {
        let known = |request: TestRequest| {
            let request = request.insert_header((IF_NONE_MATCH, r#"W/"v7""#)).to_http_request();
            Reply::ok(&json!({})).version(7).respond_to(&request)
        };
        let response = known(TestRequest::get());
        assert_eq!(response.status(), StatusCode::NOT_MODIFIED);
        assert_eq!(header(&response, ETAG).unwrap(), r#""v7""#);
        assert_eq!(header(&response, CONTENT_TYPE), None);
        assert!(to_bytes(response.into_body()).await.unwrap().is_empty());
        assert_eq!(known(TestRequest::patch()).status(), StatusCode::OK);
    }

    #[actix_web::test]
    async fn without_a_tag_nothing_is_kept() {
        let request = TestRequest::get().to_http_request();
        let response = Reply::ok(&json!({})).respond_to(&request);
        assert_eq!(header(&response, CACHE_CONTROL).unwrap(), "no-store");
        let response = Reply::ok(&json!({})).cache("public, max-age=300").respond_to(&request);
        assert_eq!(header(&response, CACHE_CONTROL).unwrap(), "public, max-age=300");
    }

    #[actix_web::test]
    async fn a_kept_answer_is_told_again_as_it_was() {
        let request = TestRequest::post().to_http_request();
        let reply = Reply::created("/v1/things/1", &json!({"id": 1})).version(1);
        let kept = reply.kept();
        let (first, again) = (reply.respond_to(&request), Reply::replayed(kept).respond_to(&request));
        assert_eq!(header(&again, REPLAYED).unwrap(), "true");
        assert_eq!(header(&first, REPLAYED), None);
        for name in [LOCATION, ETAG, CONTENT_TYPE, CACHE_CONTROL] {
            assert_eq!(header(&first, name.clone()), header(&again, name));
        }
        assert_eq!(first.status(), again.status());
        assert_eq!(
            to_bytes(first.into_body()).await.unwrap(),
            to_bytes(again.into_body()).await.unwrap()
        );
    }
}
