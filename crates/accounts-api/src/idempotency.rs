//! `Idempotency-Key`: a POST that is sent again is done once.
//!
//! The answer is kept by the transaction of its effect, so there is neither an effect without an
//! answer to repeat nor the other way round. What this process is doing at the moment is known here,
//! so that a repeat that comes too early waits instead of doing it again.

use std::collections::HashSet;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use accounts_store::{Keep, Kept, Recall};
use actix_web::dev::Payload;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::web::Data;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use serde_json::json;

use crate::describe::{Describe, Description};
use crate::gate::{Held, Rank, held};
use crate::problem::{Code, Fault, FieldCode, Place, Problem};
use crate::reply::Reply;
use crate::service::Service;
use crate::settings::ApiSettings;
use crate::tokens::sha256_hex;

/// The name of the header.
pub(crate) const KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The greatest number of characters of a key.
const LONGEST: usize = 255;

/// The idempotency key of a request, if it has one: the argument of a handler for POST.
#[derive(Debug)]
pub struct Idempotency {
    key: Option<String>,
    request: HttpRequest,
}

impl Idempotency {
    /// Does something once for this key. Without a key it is simply done, with `None`.
    ///
    /// `act` gets what to keep the answer under and hands it to the store together with the answer;
    /// an answer that is not kept (a refusal) is not repeated.
    ///
    /// # Errors
    /// 422 where the key was used with another body, 409 while the first request runs, and whatever
    /// `act` refuses.
    pub async fn once<Act, Acting>(self, service: &Service, caller: &str, act: Act) -> Result<Reply, Problem>
    where
        Act: FnOnce(Option<Keep>) -> Acting,
        Acting: Future<Output = Result<Reply, Problem>>,
    {
        let recall = async |keep| Ok(service.store.recall(keep, service.clock.now()).await?);
        self.unless_answered(recall, caller, act).await
    }

    async fn unless_answered<Act, Acting>(
        self,
        recall: impl AsyncFnOnce(Keep) -> Result<Recall, Problem>,
        caller: &str,
        act: Act,
    ) -> Result<Reply, Problem>
    where
        Act: FnOnce(Option<Keep>) -> Acting,
        Acting: Future<Output = Result<Reply, Problem>>,
    {
        let Some(key) = self.key else {
            return act(None).await;
        };
        let keep = keep(&self.request, caller, key);
        let in_flight = self
            .request
            .app_data::<Data<InFlight>>()
            .ok_or_else(|| Problem::internal("the application has no list of what is in flight"))?;
        let _running = in_flight
            .start(&keep)
            .ok_or_else(|| Problem::new(Code::IdempotencyInFlight).retry_after(Duration::from_secs(1)))?;
        match recall(keep.clone()).await? {
            Recall::New => act(Some(keep)).await,
            Recall::Answered(kept) => Ok(Reply::replayed(kept)),
            Recall::OtherBody => Err(Problem::new(Code::IdempotencyMismatch)),
        }
    }
}

/// The answer that was kept under the key of a request, for a caller whom the first one has taken the right to send
/// it again: nobody leaves an account twice.
///
/// # Errors
/// 503 where the database does not answer.
pub(crate) async fn answered(request: &HttpRequest, service: &Service, caller: &str) -> Result<Option<Kept>, Problem> {
    let Some(key) = read(request).ok().flatten() else {
        return Ok(None);
    };
    let keep = keep(request, caller, key);
    match service.store.recall(keep, service.clock.now()).await? {
        Recall::Answered(kept) => Ok(Some(kept)),
        Recall::New | Recall::OtherBody => Ok(None),
    }
}

fn keep(request: &HttpRequest, caller: &str, key: String) -> Keep {
    let settings = request.app_data::<Data<ApiSettings>>();
    Keep {
        caller: caller.to_owned(),
        method: request.method().as_str().to_owned(),
        path: request.path().to_owned(),
        key,
        fingerprint: Fingerprint::of(request),
        kept_for: settings.map_or(accounts_store::KEPT_FOR, |settings| settings.answers_kept_for),
    }
}

impl FromRequest for Idempotency {
    type Error = Problem;
    type Future = Held<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let read = read(request).map(|key| Self {
            key,
            request: request.clone(),
        });
        held(request, Rank::Value, read)
    }
}

impl Describe for Idempotency {
    fn describe(description: &mut Description) {
        description.header(
            "Idempotency-Key",
            "A repeat with the same key within 24 hours gets the first answer and changes nothing.",
            &json!({"type": "string", "minLength": 1, "maxLength": LONGEST, "pattern": "^[!-~]([ -~]*[!-~])?$"}),
        );
        description.replayed = true;
        description.refuses(Code::BadRequest);
        description.refuses(Code::IdempotencyInFlight);
        description.refuses(Code::IdempotencyMismatch);
    }
}

/// The key: printable ASCII, as it is or in quotes.
fn read(request: &HttpRequest) -> Result<Option<String>, Problem> {
    let mut values = request.headers().get_all(KEY);
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let key = match values.next() {
        None => key(value),
        Some(_) => None,
    };
    key.map(Some).ok_or_else(|| {
        let place = Place::Header(KEY.as_str().to_owned());
        Problem::bad_request(vec![Fault::at(place, FieldCode::InvalidFormat.into())])
    })
}

fn key(value: &HeaderValue) -> Option<String> {
    let text = value.to_str().ok()?;
    let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    let key = inner.filter(|inner| !inner.is_empty()).unwrap_or(text);
    let printable = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
    let fits = (1..=LONGEST).contains(&key.len()) && key.bytes().all(printable);
    fits.then(|| key.to_owned())
}

/// The SHA-256 of a request's body, kept with the request from the reading of the body on.
#[derive(Debug, Clone)]
pub(crate) struct Fingerprint(String);

impl Fingerprint {
    /// Keeps the fingerprint of a body, where somebody will ask for it.
    pub(crate) fn keep(request: &HttpRequest, body: &[u8]) {
        if request.headers().contains_key(KEY) {
            request.extensions_mut().insert(Self(sha256_hex(body)));
        }
    }

    /// The fingerprint of a request's body; that of no body, where it has none.
    fn of(request: &HttpRequest) -> String {
        let kept = request.extensions().get::<Self>().map(|kept| kept.0.clone());
        kept.unwrap_or_else(|| sha256_hex(b""))
    }
}

/// What this process is doing under an idempotency key at the moment. All workers share one.
#[derive(Debug, Clone, Default)]
pub struct InFlight(Arc<Mutex<HashSet<Running>>>);

type Running = (String, String, String, String);

impl InFlight {
    /// Marks something as running; `None` where it is already.
    fn start(&self, keep: &Keep) -> Option<InFlightGuard> {
        let running = (
            keep.caller.clone(),
            keep.method.clone(),
            keep.path.clone(),
            keep.key.clone(),
        );
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(running.clone()).then(|| InFlightGuard {
            all: self.clone(),
            running,
        })
    }
}

#[derive(Debug)]
struct InFlightGuard {
    all: InFlight,
    running: Running,
}

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        self.all
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.running);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::HashMap;

    use accounts_store::Kept;
    use actix_web::test::TestRequest;
    use serde_json::json;

    use super::*;

    /// Keeps answers as the store does.
    #[derive(Default)]
    struct Answers(RefCell<HashMap<(String, String), (String, Kept)>>);

    impl Answers {
        fn recall(&self, keep: &Keep) -> Recall {
            match self.0.borrow().get(&(keep.caller.clone(), keep.key.clone())) {
                None => Recall::New,
                Some((body, kept)) if *body == keep.fingerprint => Recall::Answered(kept.clone()),
                Some(_) => Recall::OtherBody,
            }
        }

        fn keep(&self, keep: Keep, reply: &Reply) {
            self.0
                .borrow_mut()
                .insert((keep.caller, keep.key), (keep.fingerprint, reply.kept()));
        }

        async fn once<Acting: Future<Output = Result<Reply, Problem>>>(
            &self,
            key: Idempotency,
            caller: &str,
            act: impl FnOnce(Option<Keep>) -> Acting,
        ) -> Result<Reply, Problem> {
            key.unless_answered(async |keep| Ok(self.recall(&keep)), caller, act)
                .await
        }
    }

    async fn asked(in_flight: &InFlight, key: Option<&str>, body: &[u8]) -> Idempotency {
        let mut request = TestRequest::post()
            .uri("/v1/things")
            .app_data(Data::new(in_flight.clone()));
        if let Some(key) = key {
            request = request.insert_header((KEY, key));
        }
        let request = request.to_http_request();
        Fingerprint::keep(&request, body);
        Idempotency::extract(&request).await.unwrap()
    }

    #[actix_web::test]
    async fn a_repeat_gets_the_first_answer_and_does_nothing() {
        let (answers, in_flight) = (Answers::default(), InFlight::default());
        for round in 0..3 {
            let key = asked(&in_flight, Some("k-1"), b"{}").await;
            let reply = answers.once(key, "usr_1", |keep| async {
                assert_eq!(round, 0, "done again");
                let reply = Reply::created("/v1/things/1", &json!({}));
                answers.keep(keep.unwrap(), &reply);
                Ok(reply)
            });
            assert_eq!(reply.await.unwrap().status(), 201);
        }
        let key = asked(&in_flight, Some("k-1"), b"{\"a\":1}").await;
        let other = answers.once(key, "usr_1", |_| async { Ok(Reply::no_content()) }).await;
        assert_eq!(other.unwrap_err().code(), Code::IdempotencyMismatch);
        let key = asked(&in_flight, Some("k-1"), b"{}").await;
        let other_caller = answers.once(key, "usr_2", |_| async { Ok(Reply::no_content()) }).await;
        assert_eq!(other_caller.unwrap().status(), 204);
    }

    #[actix_web::test]
    async fn a_repeat_that_comes_too_early_is_told_to_wait() {
        let (answers, in_flight) = (Answers::default(), InFlight::default());
        let first = asked(&in_flight, Some("k"), b"").await;
        let second = asked(&in_flight, Some("k"), b"").await;
        let outcome = answers.once(first, "usr_1", |_| async {
            let second = answers
                .once(second, "usr_1", |_| async { Ok(Reply::no_content()) })
                .await;
            assert_eq!(second.unwrap_err().code(), Code::IdempotencyInFlight);
            Ok(Reply::no_content())
        });
        assert!(outcome.await.is_ok());
        assert!(in_flight.0.lock().unwrap().is_empty());
    }

    #[actix_web::test]
    async fn without_a_key_it_is_done_each_time() {
        let answers = Answers::default();
        let key = asked(&InFlight::default(), None, b"").await;
        let reply = answers.once(key, "usr_1", |keep| async move {
            assert!(keep.is_none());
            Ok(Reply::no_content())
        });
        assert!(reply.await.is_ok());
    }

    #[test]
    fn keys_are_printable_and_quotes_are_optional() {
        let read = |text: &str| key(&HeaderValue::from_str(text).unwrap());
        assert_eq!(read("abc").as_deref(), Some("abc"));
        assert_eq!(read("\"abc\"").as_deref(), Some("abc"));
        let longest = "k".repeat(255);
        assert_eq!(read(&longest).as_deref(), Some(longest.as_str()));
        assert_eq!(read("\"a b\"").as_deref(), Some("a b"));
        for wrong in ["", "a\tb", &"k".repeat(256)] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
