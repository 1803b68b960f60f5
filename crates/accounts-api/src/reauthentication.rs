//! Proving again to be the user of a session.

use accounts_domain::second_factor::Offered;
use accounts_domain::users::{PasswordHash, Person};
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
use crate::second_factor::{offered_of, with_proof};
use crate::sessions::bounded;

pub(crate) fn routes() -> Routes {
    routes![reauthenticate]
}

/// The present password, and a code where the person has a second factor.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"password": "correct horse battery", "code": "287082"}))]
pub struct PresentPasswordBody {
    /// The password as it is.
    #[schema(required = true, nullable = false, min_length = 1, max_length = 256, format = Password)]
    password: Option<String>,
    /// The six digits that the person's authenticator app shows.
    #[schema(pattern = "^[0-9]{6}$", min_length = 6, max_length = 6)]
    code: Option<String>,
    /// One of the recovery codes instead.
    #[schema(min_length = 1, max_length = 64, format = Password)]
    recovery_code: Option<String>,
}

impl Parse for PresentPasswordBody {
    type Parsed = (Password, Option<Offered>);

    fn parse(self, faults: &mut Faults) -> Option<(Password, Option<Offered>)> {
        let password = faults.text("password", self.password, |text| bounded(text, 256));
        let offered = offered_of(faults, self.code, self.recovery_code);
        Some((Password::offered(password?), offered))
    }
}

/// Prove again who I am
///
/// By the present password, and by a code of the second factor where there is one. For ten minutes this session may then do
/// what an open session alone may not, such as asking for another address or making an API key (R05). No other session
/// may.
#[utoipa::path(
    post,
    path = "/v1/me/reauthenticate",
    tag = "me",
    responses(
        (status = 204, description = "The session is proven for ten minutes."),
        refusal::ReauthenticationRequired,
        refusal::SecondFactorRequired,
        refusal::InvalidCode,
        refusal::TooManyRequests,
    )
)]
async fn reauthenticate(
    person: SignedIn,
    Checked((password, offered)): Checked<PresentPasswordBody>,
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
    prove(&person, hash, offered, client).await?;
    Ok(Reply::no_content())
}

/// Proves the person by the password that was right, and by what is offered beside it.
async fn prove(
    person: &SignedIn,
    hash: PasswordHash,
    offered: Option<Offered>,
    client: ClientAddress,
) -> Result<(), Problem> {
    let (service, user, at, session) = (&person.service, person.user.id, person.by.at, person.session);
    let Some(offered) = offered else {
        person
            .decide(move |person| person.reauthenticate(&hash, session, None))
            .await?;
        return Ok(());
    };
    let limits = Limits::codes_of(client, user);
    limits.admit(service, at).await?;
    let vault = service.vault.clone();
    let prove = move |person: &Person| {
        with_proof(&vault, user, &offered, at, |proof| {
            person.reauthenticate(&hash, session, Some(proof))
        })
    };
    person.decide(prove).await?;
    limits.forgive(service).await
}
