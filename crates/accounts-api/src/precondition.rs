//! Tags of a state, and what a request makes of them (RFC 9110 sections 8.8.3 and 13).

use accounts_domain::violation::Violation;
use actix_web::dev::Payload;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue, IF_MATCH, IF_NONE_MATCH};
use actix_web::{FromRequest, HttpRequest};
use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use crate::describe::{Describe, Description};
use crate::gate::{Held, Rank, held};
use crate::problem::{Code, Fault, FieldCode, Place, Problem};
use crate::reply::Reply;

/// The strong tag of one state of a resource, without its quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag(String);

impl Tag {
    /// The tag of a row's version.
    pub fn version(version: i64) -> Self {
        Self(format!("v{version}"))
    }

    /// The tag of exactly these bytes: 128 bits of their SHA-256.
    pub fn of(bytes: &[u8]) -> Self {
        let hash = digest::digest(&digest::SHA256, bytes);
        let half: Vec<u8> = hash.as_ref().iter().take(16).copied().collect();
        Self(URL_SAFE_NO_PAD.encode(half))
    }

    /// The tag in a value of `ETag` of ours.
    pub(crate) fn from_header(value: &str) -> Option<Self> {
        let tag = value.strip_prefix('"')?.strip_suffix('"')?;
        Some(Self(tag.to_owned()))
    }

    /// The value of `ETag`.
    pub(crate) fn header(&self) -> String {
        format!("\"{}\"", self.0)
    }
}

/// What `If-Match` or `If-None-Match` lists.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Listed {
    Any,
    Tags(Vec<(Strength, String)>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Strength {
    Strong,
    Weak,
}

/// The state that a change is meant for: the argument of a handler for PATCH, PUT or DELETE.
///
/// A handler passes it into the decision, which asks [`IfMatch::admits`] under the lock. Without the
/// header it allows every state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IfMatch(Option<Listed>);

impl IfMatch {
    /// Whether the change may apply to a state: strong comparison with each tag of the list, or `*`.
    pub fn allows(&self, present: &Tag) -> bool {
        match &self.0 {
            None | Some(Listed::Any) => true,
            Some(Listed::Tags(tags)) => tags
                .iter()
                .any(|(strength, tag)| *strength == Strength::Strong && *tag == present.0),
        }
    }

    /// Like [`Self::allows`], for a row by its version.
    pub fn allows_version(&self, version: i64) -> bool {
        self.allows(&Tag::version(version))
    }

    /// Under the lock: refuses a change that was meant for another version of the row.
    ///
    /// # Errors
    /// [`Violation::Stale`].
    pub fn admits(&self, version: i64) -> Result<(), Violation> {
        if self.allows_version(version) {
            Ok(())
        } else {
            Err(Violation::Stale)
        }
    }

    /// Under the lock: refuses a change that was meant for another state than the one that a read answers now.
    ///
    /// # Errors
    /// [`Violation::Stale`].
    pub fn admits_read(&self, read: impl FnOnce() -> Reply) -> Result<(), Violation> {
        if self.0.is_none() || read().present_tag().is_some_and(|present| self.allows(&present)) {
            Ok(())
        } else {
            Err(Violation::Stale)
        }
    }

    /// Where nothing is locked: 412 unless the change may apply to this state.
    ///
    /// # Errors
    /// 412 `stale`.
    pub fn check(&self, present: &Tag) -> Result<(), Problem> {
        if self.allows(present) {
            Ok(())
        } else {
            Err(Problem::new(Code::Stale))
        }
    }

    /// Like [`Self::check`], for the state that a read answers now, which is read only where the header is there. For keys
    /// and sessions that nothing changes but their use until they are gone, so that a lock would save nobody's change.
    ///
    /// # Errors
    /// 412 `stale`, and those of the read.
    pub async fn check_read(&self, read: impl Future<Output = Result<Reply, Problem>>) -> Result<(), Problem> {
        if self.0.is_none() {
            return Ok(());
        }
        let present = read.await?.present_tag();
        present.map_or(Err(Problem::new(Code::Stale)), |present| self.check(&present))
    }

    /// Where nothing is there yet: 412 with the header, of which nothing could be meant.
    ///
    /// # Errors
    /// 412 `stale`.
    pub fn check_absent(&self) -> Result<(), Problem> {
        match &self.0 {
            None => Ok(()),
            Some(_) => Err(Problem::new(Code::Stale)),
        }
    }
}

impl FromRequest for IfMatch {
    type Error = Problem;
    type Future = Held<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        held(request, Rank::Value, listed(request.headers(), &IF_MATCH).map(Self))
    }
}

impl Describe for IfMatch {
    fn describe(description: &mut Description) {
        description.tagged = true;
        description.header(
            "If-Match",
            "Change only the state with this `ETag`, one of these, or any (`*`); else 412.",
            &json!({"type": "string", "pattern": "^\\s*(\\*|(W/)?\"[!#-~]*\"(\\s*,\\s*(W/)?\"[!#-~]*\")*)\\s*$"}),
        );
        description.refuses(Code::Stale);
    }
}

/// Whether the caller has this state already: weak comparison, or `*`. A header that cannot be read
/// counts as absent, because the answer is then merely longer.
pub(crate) fn is_known(headers: &HeaderMap, present: &str) -> bool {
    match listed(headers, &IF_NONE_MATCH) {
        Ok(Some(Listed::Any)) => true,
        Ok(Some(Listed::Tags(tags))) => {
            let present = present.trim_start_matches("W/").trim_matches('"');
            tags.iter().any(|(_, tag)| tag == present)
        }
        Ok(None) | Err(_) => false,
    }
}

fn listed(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Listed>, Problem> {
    let unreadable = || {
        let place = Place::Header(name.as_str().to_owned());
        Problem::bad_request(vec![Fault::at(place, FieldCode::InvalidFormat.into())])
    };
    let mut all = None;
    for value in headers.get_all(name) {
        let listed = read(value).ok_or_else(unreadable)?;
        all = Some(match (all, listed) {
            (None, listed) => listed,
            (Some(Listed::Tags(mut tags)), Listed::Tags(more)) => {
                tags.extend(more);
                Listed::Tags(tags)
            }
            (Some(_), _) => return Err(unreadable()),
        });
    }
    Ok(all)
}

fn read(value: &HeaderValue) -> Option<Listed> {
    let mut rest = value.to_str().ok()?.trim();
    if rest == "*" {
        return Some(Listed::Any);
    }
    let mut tags = Vec::new();
    loop {
        // Empty elements of a list are passed over (RFC 9110 section 5.6.1.2).
        rest = rest.trim_start_matches([',', ' ', '\t']);
        if rest.is_empty() {
            break;
        }
        let (strength, quoted) = match rest.strip_prefix("W/") {
            Some(quoted) => (Strength::Weak, quoted),
            None => (Strength::Strong, rest),
        };
        let (tag, after) = quoted.strip_prefix('"')?.split_once('"')?;
        if !tag.bytes().all(|byte| byte == 0x21 || (0x23..0x7f).contains(&byte)) {
            return None;
        }
        tags.push((strength, tag.to_owned()));
        rest = after.trim_start();
        if !rest.is_empty() && !rest.starts_with(',') {
            return None;
        }
    }
    (!tags.is_empty()).then_some(Listed::Tags(tags))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    async fn if_match(values: &[&'static str]) -> Result<IfMatch, Problem> {
        let mut request = TestRequest::default();
        for value in values {
            request = request.append_header((IF_MATCH, *value));
        }
        IfMatch::extract(&request.to_http_request()).await
    }

    #[actix_web::test]
    async fn if_match_compares_strongly() {
        let allows = async |values: &[&'static str]| if_match(values).await.unwrap().allows_version(3);
        assert!(allows(&[]).await);
        assert!(allows(&["*"]).await);
        assert!(allows(&[r#""v3""#]).await);
        assert!(allows(&[r#""v2", , "v3""#]).await);
        assert!(allows(&[r#""v2""#, r#""v3""#]).await);
        assert!(!allows(&[r#"W/"v3""#]).await);
        assert!(!allows(&[r#""v2""#]).await);
    }

    #[actix_web::test]
    async fn what_is_no_list_of_tags_is_400() {
        for wrong in ["", "v3", r#""v3"#, r#""v3" "v2""#, "*, \"v3\"", "w/\"v3\"", "\"a b\""] {
            assert_eq!(
                if_match(&[wrong]).await.unwrap_err().code(),
                Code::BadRequest,
                "{wrong}"
            );
        }
        assert!(if_match(&["*", r#""v3""#]).await.is_err());
    }

    #[test]
    fn if_none_match_compares_weakly() {
        let known = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(IF_NONE_MATCH, HeaderValue::from_static(value));
            is_known(&headers, r#""v3""#)
        };
        assert!(known("*"));
        assert!(known(r#"W/"v3""#));
        assert!(known(r#""v1", "v3""#));
        assert!(!known(r#""v1""#));
        assert!(!known("v3"));
        assert!(!is_known(&HeaderMap::new(), r#""v3""#));
    }

    #[test]
    fn a_tag_of_bytes_is_theirs_alone() {
        assert_eq!(Tag::of(b"a"), Tag::of(b"a"));
        assert_ne!(Tag::of(b"a"), Tag::of(b"b"));
    }
}
