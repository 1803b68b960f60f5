//! Lists, a page at a time: `{"data": […], "next_cursor": "…" or null}`.

use actix_web::dev::Payload;
use actix_web::http::header::{HeaderValue, LINK};
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::cursor::{self, Binding};
use crate::describe::{Describe, Description};
use crate::gate::{Held, Rank, held};
use crate::percent;
use crate::problem::{Code, Fault, FieldCode, Place, Problem};
use crate::query::{self, Query};
use crate::reply::Reply;
use crate::settings::{ApiSettings, Secret};

/// The number of entries where a request asks for none.
pub const USUAL_LIMIT: usize = 25;

/// The greatest number of entries.
pub const GREATEST_LIMIT: usize = 100;

/// Which page of a list is asked for. `C` holds the sort values of an entry, its id last:
/// `Paging<(String, String)>`.
#[derive(Debug)]
pub struct Paging<C> {
    /// How many entries to answer, 1 to 100. Read one more to learn whether there is another page.
    pub limit: usize,
    /// The sort values of the entry after which the page begins; `None` for the first page.
    pub after: Option<C>,
    secret: Secret,
    binding: Binding,
    next: String,
}

/// A page of a list.
#[derive(Debug)]
pub struct Page<T> {
    data: Vec<T>,
    next_cursor: Option<String>,
    next: String,
}

#[derive(Serialize)]
struct Shown<'a, T> {
    data: &'a [T],
    next_cursor: Option<&'a str>,
}

impl<C: Serialize> Paging<C> {
    /// The page out of what was read, which is up to `limit + 1` entries from `after` on; `key` says
    /// the sort values of an entry.
    pub fn page<T>(self, mut entries: Vec<T>, key: impl FnOnce(&T) -> C) -> Page<T> {
        let more = entries.len() > self.limit;
        entries.truncate(self.limit);
        let last = entries.last().filter(|_| more);
        let next_cursor = last.and_then(|last| cursor::write(&self.secret, &self.binding, &key(last)));
        Page {
            data: entries,
            next_cursor,
            next: self.next,
        }
    }
}

impl<T> Page<T> {
    /// A page of what the entries look like to the caller.
    pub fn map<U>(self, view: impl FnMut(T) -> U) -> Page<U> {
        Page {
            data: self.data.into_iter().map(view).collect(),
            next_cursor: self.next_cursor,
            next: self.next,
        }
    }

    /// The answer: 200 with the page, and `Link: rel="next"` where there is another (RFC 8288).
    pub fn reply(self) -> Reply
    where
        T: Serialize,
    {
        let link = self
            .next_cursor
            .as_ref()
            .map(|next| format!("<{}cursor={}>; rel=\"next\"", self.next, percent::encode(next)));
        let reply = Reply::ok(&Shown {
            data: &self.data,
            next_cursor: self.next_cursor.as_deref(),
        });
        match link.and_then(|link| HeaderValue::try_from(link).ok()) {
            Some(link) => reply.header(LINK, link),
            None => reply,
        }
    }
}

impl<C: DeserializeOwned + 'static> FromRequest for Paging<C> {
    type Error = Problem;
    type Future = Held<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        held(request, Rank::Value, paging(request))
    }
}

fn paging<C: DeserializeOwned>(request: &HttpRequest) -> Result<Paging<C>, Problem> {
    let settings = request
        .app_data::<Data<ApiSettings>>()
        .ok_or_else(|| Problem::internal("the application has no settings"))?;
    let (limit, cursor, binding, next) = query::read(request, |query| {
        let limit = query.number("limit", 1, GREATEST_LIMIT).unwrap_or(USUAL_LIMIT);
        let cursor = query.one("cursor");
        let binding = Binding::new(request.path(), &query.others(&["limit", "cursor"]));
        (limit, cursor, binding, next(settings, request.path(), query))
    })?;
    let after = match cursor {
        None => None,
        Some(text) => Some(cursor::read(&settings.cursor_key, &binding, &text).ok_or_else(wrong_cursor)?),
    };
    Ok(Paging {
        limit,
        after,
        secret: settings.cursor_key.clone(),
        binding,
        next,
    })
}

fn wrong_cursor() -> Problem {
    let place = Place::Query("cursor".to_owned());
    Problem::new(Code::InvalidCursor).faults(vec![Fault::at(place, FieldCode::InvalidFormat.into())])
}

/// The address of this list as it was asked for, ready for a cursor.
fn next(settings: &ApiSettings, path: &str, query: &Query) -> String {
    let mut next = settings.public_url.at(path);
    next.push('?');
    for (name, value) in query.others(&["cursor"]) {
        for part in [&percent::encode(name), "=", &percent::encode(value), "&"] {
            next.push_str(part);
        }
    }
    next
}

impl<C> Describe for Paging<C> {
    fn describe(description: &mut Description) {
        description.query(
            "limit",
            "How many entries to answer.",
            &json!({"type": "integer", "format": "int32", "minimum": 1, "maximum": GREATEST_LIMIT, "default": USUAL_LIMIT}),
        );
        description.query(
            "cursor",
            "Where to go on: `next_cursor` of the page before, with the same filters.",
            &json!({"type": "string", "maxLength": cursor::LONGEST}),
        );
        description.refuses(Code::InvalidCursor);
    }
}

/// Declares the page of a list by a name of its own, because the document describes a generic page
/// inline and its clients would have no type for it: `page! { /// A page of contacts. ContactPage of ContactView }`.
macro_rules! page {
    ($(#[$doc:meta])+ $name:ident of $entry:ty) => {
        $(#[$doc])+
        #[derive(utoipa::ToSchema)]
        #[expect(dead_code, reason = "the document alone reads the shape; `Page` is what is answered")]
        pub struct $name {
            /// The entries, in the order of the list.
            #[schema(max_items = 100)]
            data: Vec<$entry>,
            /// The cursor of the next page; `null` on the last one.
            #[schema(required = true, max_length = 2048)]
            next_cursor: Option<String>,
        }
    };
}
pub(crate) use page;

#[cfg(test)]
mod tests {
    use actix_web::body::to_bytes;
    use actix_web::test::TestRequest;
    use actix_web::{HttpResponse, Responder};
    use serde_json::Value;
    use utoipa::ToSchema;

    use super::*;
    use crate::settings::PublicUrl;

    page! {
        /// A page of numbers.
        NumberPage of i32
    }

    fn request(query: &str) -> HttpRequest {
        let settings = ApiSettings::new(
            PublicUrl::parse("https://a.example").unwrap(),
            Secret::new(&[7; 32]).unwrap(),
        );
        TestRequest::with_uri(&format!("/v1/numbers{query}"))
            .app_data(Data::new(settings))
            .to_http_request()
    }

    async fn ask(query: &str) -> Result<Paging<(i32,)>, Problem> {
        Paging::extract(&request(query)).await
    }

    /// Numbers from 1 to 60, as a store would answer them.
    async fn walk(query: &str) -> (HttpResponse, Value) {
        let paging = ask(query).await.unwrap();
        let from = paging.after.map_or(1, |(last,)| last + 1);
        let numbers: Vec<i32> = (from..=60).take(paging.limit + 1).collect();
        let reply = paging
            .page(numbers, |number| (*number,))
            .map(|number| number * 10)
            .reply();
        let (head, body) = reply.respond_to(&request(query)).into_parts();
        (
            head.set_body(actix_web::body::BoxBody::new(())),
            serde_json::from_slice(&to_bytes(body).await.unwrap()).unwrap(),
        )
    }

    #[actix_web::test]
    async fn a_list_is_walked_to_its_end() {
        let (head, first) = walk("?limit=50&odd=a%20b").await;
        assert_eq!(first["data"].as_array().unwrap().len(), 50);
        let cursor = first["next_cursor"].as_str().unwrap();
        let link = head.headers().get(LINK).unwrap().to_str().unwrap();
        assert_eq!(
            link,
            format!("<https://a.example/v1/numbers?limit=50&odd=a%20b&cursor={cursor}>; rel=\"next\"")
        );
        let (head, last) = walk(&format!("?limit=50&odd=a+b&cursor={cursor}")).await;
        assert_eq!(last["data"][0], 510);
        assert_eq!(last["data"].as_array().unwrap().len(), 10);
        assert!(last["next_cursor"].is_null());
        assert!(head.headers().get(LINK).is_none());
    }

    #[actix_web::test]
    async fn a_page_has_25_entries_unless_told_otherwise() {
        assert_eq!(walk("").await.1["data"].as_array().unwrap().len(), 25);
    }

    #[actix_web::test]
    async fn bad_cursors_and_limits_are_400() {
        let (_, first) = walk("").await;
        let cursor = first["next_cursor"].as_str().unwrap();
        assert_eq!(
            ask(&format!("?odd=true&cursor={cursor}")).await.unwrap_err().code(),
            Code::InvalidCursor
        );
        assert_eq!(ask("?cursor=x").await.unwrap_err().code(), Code::InvalidCursor);
        assert_eq!(ask("?cursor=").await.unwrap_err().code(), Code::InvalidCursor);
        assert_eq!(ask("?limit=0").await.unwrap_err().code(), Code::BadRequest);
        assert_eq!(ask("?limit=1&limit=2").await.unwrap_err().code(), Code::BadRequest);
    }

    #[test]
    fn a_page_has_a_name_in_the_document() {
        assert_eq!(NumberPage::name(), "NumberPage");
    }
}
