//! The end of every request: in time, and whatever happens.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use crate::problem::Problem;

/// Runs the work of a request. After `limit` the caller gets 503; a panic becomes 500, the worker
/// lives on and only the log hears of the cause (security requirement R64).
///
/// # Errors
/// The problem that the caller is told instead.
pub async fn bounded<T>(limit: Duration, work: impl Future<Output = T>) -> Result<T, Problem> {
    match tokio::time::timeout(limit, trapped(work)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(Problem::unavailable("the request ran into its deadline")),
    }
}

async fn trapped<T>(work: impl Future<Output = T>) -> Result<T, Problem> {
    let mut work = pin!(work);
    poll_fn(|context| {
        // What a panic leaves behind is dropped with the future and never looked at again.
        match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(value)) => Poll::Ready(Ok(value)),
            Err(panic) => Poll::Ready(Err(Problem::internal(said(panic.as_ref())))),
        }
    })
    .await
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panic: {}", text.unwrap_or("without a message"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Code;

    #[actix_web::test]
    async fn a_panic_is_a_problem_and_not_the_end() {
        let work = async {
            tokio::task::yield_now().await;
            assert!(std::hint::black_box(false), "oh {}", "no");
        };
        let problem = bounded(Duration::from_secs(5), work).await.unwrap_err();
        assert_eq!(problem.code(), Code::Internal);
        assert_eq!(problem.cause(), Some("panic: oh no"));
    }

    #[actix_web::test]
    async fn a_late_answer_is_503() {
        let problem = bounded(Duration::from_millis(5), std::future::pending::<()>()).await;
        assert_eq!(problem.unwrap_err().code(), Code::Unavailable);
    }

    #[actix_web::test]
    async fn work_in_time_ends_as_it_would() {
        assert_eq!(bounded(Duration::from_secs(5), async { 7 }).await.unwrap(), 7);
    }
}
