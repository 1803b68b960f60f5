//! The order in which a request is judged: 401, 403 or 404, then 415 or 413, then 400 or 422.
//!
//! actix polls all extractors of a handler together, and whichever fails first answers. The gate
//! gives them an order. It stands in the request's extensions; the extractor that authenticates and
//! authorises the caller opens it, and all others wait before it, so that nothing about a request is
//! judged, and no body is read, before its caller may make it. A fault that can be seen at once is
//! laid down at the gate with its rank, and of several the one with the highest precedence is told.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use actix_web::{HttpMessage, HttpRequest};

use crate::problem::Problem;

/// A boxed future that stays on its worker.
pub type LocalFuture<T> = Pin<Box<dyn Future<Output = T>>>;

/// Which fault is told before which others, once the caller may make the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// The path names nothing: 404.
    Path,
    /// The body is not of a kind that is taken: 415, 413.
    Media,
    /// Something cannot be read: 400.
    Value,
}

/// The gate of one request.
#[derive(Debug, Default)]
pub struct Gate {
    open: Cell<bool>,
    waiting: RefCell<Vec<Waker>>,
    laid_down: RefCell<Option<(Rank, Problem)>>,
}

impl Gate {
    /// Sets up the gate of a request: closed where an extractor will open it, open otherwise.
    pub(crate) fn set_up(request: &HttpRequest, guarded: bool) -> Rc<Self> {
        let gate = Rc::new(Self {
            open: Cell::new(!guarded),
            ..Self::default()
        });
        request.extensions_mut().insert(Rc::clone(&gate));
        gate
    }

    /// The gate of a request. A request that came past the router has an open one.
    pub(crate) fn of(request: &HttpRequest) -> Rc<Self> {
        let gate = request.extensions().get::<Rc<Self>>().cloned();
        gate.unwrap_or_else(|| Self::set_up(request, false))
    }

    /// Lays down a fault. An earlier one of the same or a higher precedence stays.
    pub(crate) fn lay_down(&self, rank: Rank, problem: Problem) {
        let mut laid_down = self.laid_down.borrow_mut();
        if laid_down.as_ref().is_none_or(|(present, _)| rank < *present) {
            *laid_down = Some((rank, problem));
        }
    }

    /// The fault to be told, if one was laid down.
    pub(crate) fn fault(&self) -> Option<Problem> {
        self.laid_down.borrow_mut().take().map(|(_, problem)| problem)
    }

    fn open(&self) {
        self.open.set(true);
        for waker in self.waiting.take() {
            waker.wake();
        }
    }

    /// Ready once the gate is open, with the fault that was laid down.
    fn poll_passage(&self, context: &Context<'_>) -> Poll<Result<(), Problem>> {
        if !self.open.get() {
            self.waiting.borrow_mut().push(context.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(self.fault().map_or(Ok(()), Err))
    }

    /// Waits until the gate is open.
    ///
    /// # Errors
    /// The fault that was laid down.
    pub async fn passage(&self) -> Result<(), Problem> {
        poll_fn(|context| self.poll_passage(context)).await
    }
}

/// The work of the extractor that judges the caller: when it ends well, the gate opens. When it
/// does not, the gate stays shut, and its own problem is the answer.
pub fn opens<T, F>(request: &HttpRequest, judge: F) -> LocalFuture<Result<T, Problem>>
where
    F: Future<Output = Result<T, Problem>> + 'static,
    T: 'static,
{
    let gate = Gate::of(request);
    Box::pin(async move {
        let judged = judge.await?;
        gate.open();
        Ok(judged)
    })
}

/// The work of an extractor that begins only behind the gate: `gated(request, async move { … })`.
pub fn gated<T, F>(request: &HttpRequest, work: F) -> LocalFuture<Result<T, Problem>>
where
    F: Future<Output = Result<T, Problem>> + 'static,
    T: 'static,
{
    let gate = Gate::of(request);
    Box::pin(async move {
        gate.passage().await?;
        work.await
    })
}

/// The work of an extractor that reads something at hand (path, query, headers). It is done at once,
/// its outcome shows behind the gate.
pub fn held<T>(request: &HttpRequest, rank: Rank, read: Result<T, Problem>) -> Held<T> {
    let gate = Gate::of(request);
    let value = match read {
        Ok(value) => Some(value),
        Err(problem) => {
            gate.lay_down(rank, problem);
            None
        }
    };
    Held { gate, value }
}

/// What [`held`] returns: the future of an extractor that waits at the gate with its value.
#[derive(Debug)]
pub struct Held<T> {
    gate: Rc<Gate>,
    value: Option<T>,
}

// Nothing inside is pinned: the value is moved out when it is handed over.
impl<T> Unpin for Held<T> {}

impl<T> Future for Held<T> {
    type Output = Result<T, Problem>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.gate.poll_passage(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Err(problem)) => Poll::Ready(Err(problem)),
            // Without a value and without a fault the fault was told by another extractor.
            Poll::Ready(Ok(())) => match self.value.take() {
                Some(value) => Poll::Ready(Ok(value)),
                None => Poll::Pending,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use actix_web::dev::Payload;
    use actix_web::test::TestRequest;
    use actix_web::{FromRequest, rt};

    use super::*;
    use crate::problem::Fault;
    use crate::problem::{Code, FieldCode, Place};

    struct Caller;
    struct Id;
    struct Media;
    struct Query;

    impl FromRequest for Caller {
        type Error = Problem;
        type Future = LocalFuture<Result<Self, Problem>>;

        fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
            let known = request.headers().contains_key("authorization");
            opens(request, async move {
                rt::time::sleep(Duration::from_millis(5)).await;
                if known {
                    Ok(Self)
                } else {
                    Err(Problem::unauthenticated(false))
                }
            })
        }
    }

    macro_rules! reads {
        ($($name:ident, $header:literal, $rank:ident, $problem:expr;)*) => {$(
            impl FromRequest for $name {
                type Error = Problem;
                type Future = Held<Self>;

                fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
                    let wrong = request.headers().contains_key($header);
                    held(request, Rank::$rank, if wrong { Err($problem) } else { Ok(Self) })
                }
            }
        )*};
    }

    reads! {
        Id, "wrong-id", Path, Problem::not_found();
        Media, "wrong-media", Media, Problem::new(Code::UnsupportedMediaType);
        Query, "wrong-query", Value, Problem::bad_request(vec![Fault::at(Place::Query("q".into()), FieldCode::UnknownParameter.into())]);
    }

    async fn judged(headers: &[&'static str]) -> u16 {
        let mut request = TestRequest::default();
        for header in headers {
            request = request.insert_header((*header, "1"));
        }
        let (request, mut payload) = request.to_http_parts();
        Gate::set_up(&request, true);
        match <(Caller, Query, Media, Id)>::from_request(&request, &mut payload).await {
            Ok(_) => 200,
            Err(error) => error.error_response().status().as_u16(),
        }
    }

    #[actix_web::test]
    async fn faults_are_told_in_the_order_of_the_contract() {
        assert_eq!(judged(&["wrong-query", "wrong-media", "wrong-id"]).await, 401);
        assert_eq!(
            judged(&["authorization", "wrong-query", "wrong-media", "wrong-id"]).await,
            404
        );
        assert_eq!(judged(&["authorization", "wrong-query", "wrong-media"]).await, 415);
        assert_eq!(judged(&["authorization", "wrong-query"]).await, 400);
        assert_eq!(judged(&["authorization"]).await, 200);
    }

    #[actix_web::test]
    async fn without_a_guard_the_gate_is_open() {
        let (request, mut payload) = TestRequest::default().to_http_parts();
        assert!(<(Query, Media)>::from_request(&request, &mut payload).await.is_ok());
    }

    #[actix_web::test]
    async fn gated_work_does_not_begin_before_the_caller_is_known() {
        let (request, mut payload) = TestRequest::default().to_http_parts();
        Gate::set_up(&request, true);
        let began = Rc::new(Cell::new(false));
        let work = {
            let began = Rc::clone(&began);
            gated(&request, async move {
                began.set(true);
                Ok(())
            })
        };
        let caller = Caller::from_request(&request, &mut payload);
        let waiting = rt::time::timeout(Duration::from_millis(50), work).await;
        assert!(waiting.is_err(), "nobody opened the gate");
        assert!(!began.get());
        assert!(caller.await.is_err());
    }

    #[actix_web::test]
    async fn whoever_waits_is_woken() {
        let (request, mut payload) = TestRequest::default()
            .insert_header(("authorization", "1"))
            .to_http_parts();
        Gate::set_up(&request, true);
        let work = rt::spawn(gated(&request, async { Ok(7) }));
        rt::task::yield_now().await;
        assert!(Caller::from_request(&request, &mut payload).await.is_ok());
        assert_eq!(work.await.unwrap().unwrap(), 7);
    }
}
