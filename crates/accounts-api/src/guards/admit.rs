//! How a guard becomes the argument of a handler.

use actix_web::HttpRequest;

use crate::problem::Problem;

/// How a guard judges who calls. What is wrong with the rest of a request is told after that.
pub(super) trait Admit: Sized {
    /// The guard, for whoever gets past.
    ///
    /// # Errors
    /// Whatever the caller is refused with.
    async fn admit(request: &HttpRequest) -> Result<Self, Problem>;
}

/// Makes types that judge arguments of handlers. One around another is used as that other.
macro_rules! guards {
    ($($guard:ident $(around $within:ty)?),+ $(,)?) => {$(
        $(impl std::ops::Deref for $guard {
            type Target = $within;

            fn deref(&self) -> &$within {
                &self.0
            }
        })?

        impl actix_web::FromRequest for $guard {
            type Error = crate::problem::Problem;
            type Future = crate::gate::LocalFuture<Result<Self, Self::Error>>;

            fn from_request(request: &actix_web::HttpRequest, _: &mut actix_web::dev::Payload) -> Self::Future {
                let request = request.clone();
                crate::gate::opens(&request.clone(), async move {
                    <Self as crate::guards::admit::Admit>::admit(&request).await
                })
            }
        }
    )+};
}

pub(super) use guards;
