//! Proving again to be the user of a session.

use accounts_domain::users::Person;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::body::{Checked, Faults, Parse};
use crate::client::ClientAddress;
use crate::guards::SignedIn;
use crate::limits::Limits;
use crate::passwords::Password;
use crate::problem::{Code, Problem, refusal};
use crate::reply::Reply;
use crate::router::{Routes, routes};
use crate::sessions::bounded;

pub(crate) fn routes() -> Routes {
    routes![reauthenticate]
}

/// The present password.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"password": "correct horse battery"}))]
pub struct PresentPasswordBody {
    /// The password as it is.
    #[schema(required = true, nullable = false, min_length = 1, max_length = 256, format = Password)]
    password: Option<String>,
}

impl Parse for PresentPasswordBody {
    type Parsed = Password;

    fn parse(self, faults: &mut Faults) -> Option<Password> {
        let password = faults.text("password", self.password, |text| bounded(text, 256));
        password.map(Password::offered)
    }
}

/// Prove again who I am
///
/// By the present password. For ten minutes this session may then do what an open session alone may not, such as
/// asking for another address (R05). No other session may.
#[utoipa::path(
    post,
    path = "/v1/me/reauthenticate",
    tag = "me",
    responses(
        (status = 204, description = "The session is proven for ten minutes."),
        refusal::ReauthenticationRequired,
        refusal::TooManyRequests,
    )
)]
async fn reauthenticate(
    person: SignedIn,
    Checked(password): Checked<PresentPasswordBody>,
    client: ClientAddress,
) -> Result<Reply, Problem> {
    let service = &person.service;
    let limits = Limits::passwords_of(client, person.user.address.key());
    limits.admit(service, person.by.at).await?;
    let hash = person.user.password_hash.clone();
    let right = service.passwords.verify(password, hash.clone()).await?;
    let (Some(hash), true) = (hash, right) else {
        return Err(Problem::new(Code::ReauthenticationRequired));
    };
    limits.forgive(service).await?;
    let session = person.session;
    let prove = move |person: &Person| person.reauthenticate(&hash, session);
    person.decide(prove).await?;
    Ok(Reply::no_content())
}
