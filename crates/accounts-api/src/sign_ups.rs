//! Signing up: nothing exists before the address is proven, and nobody learns which addresses are known.

use accounts_domain::actor::Actor;
use accounts_domain::address::EmailAddress;
use accounts_domain::contacts::missing_fields;
use accounts_domain::ids::{AccountId, ContactId, SignUpId, UserId};
use accounts_domain::names::{AccountName, DisplayName, PersonName};
use accounts_domain::roster::{ContactProfile, Roster};
use accounts_domain::sign_ups::SignUp;
use accounts_domain::users::PASSWORD_BYTES;
use accounts_domain::violation::Violation;
use accounts_store::{Act, NewIds};
use actix_web::web::Data;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::accounts::AccountView;
use crate::body::{Checked, Faults, Parse};
use crate::client::ClientAddress;
use crate::contacts::{ContactView, PhoneBody, language_of, phones_of};
use crate::idempotency::Idempotency;
use crate::limits::{Evenly, Limits};
use crate::links::{LinkPurpose, Links};
use crate::passwords::Password;
use crate::problem::{Code, FieldCode, FieldFault, Problem, refusal};
use crate::reply::Reply;
use crate::request_id::RequestId;
use crate::router::{Routes, routes};
use crate::service::Service;
use crate::verifications::token_text;

pub(crate) fn routes() -> Routes {
    routes![sign_up, confirm_sign_up]
}

/// A sign-up.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"address": "ana@lima.example", "display_name": "Ana Lima", "account_name": "Lima Ltd"}))]
pub struct SignUpBody {
    /// The address to log in with, and of the first contact (M-08).
    #[schema(required = true, nullable = false, min_length = 3, max_length = 254, format = Email)]
    address: Option<String>,
    /// How the person is called.
    #[schema(required = true, nullable = false, min_length = 1, max_length = 100)]
    display_name: Option<String>,
    /// The organisation's name.
    #[schema(required = true, nullable = false, min_length = 1, max_length = 100)]
    account_name: Option<String>,
    /// The first name, where the catalog asks for it.
    #[schema(min_length = 1, max_length = 100)]
    first_name: Option<String>,
    /// The last name, where the catalog asks for it.
    #[schema(min_length = 1, max_length = 100)]
    last_name: Option<String>,
    /// The language of mails: `en` or `fr`; `en` where nothing is said.
    #[schema(pattern = "^(en|fr)$")]
    language: Option<String>,
    /// Telephone numbers, where the catalog asks for one.
    #[schema(max_items = 10)]
    phones: Option<Vec<PhoneBody>>,
}

/// A sign-up that was read.
#[derive(Debug)]
pub struct NewSignUp {
    pub(crate) address: EmailAddress,
    pub(crate) owner: ContactProfile,
    pub(crate) account: AccountName,
}

impl Parse for SignUpBody {
    type Parsed = NewSignUp;

    fn parse(self, faults: &mut Faults) -> Option<NewSignUp> {
        let address = faults.text("address", self.address, EmailAddress::parse);
        let display_name = faults.text("display_name", self.display_name, DisplayName::parse);
        let account = faults.text("account_name", self.account_name, AccountName::parse);
        let first_name = faults.optional_text("first_name", self.first_name, PersonName::parse);
        let last_name = faults.optional_text("last_name", self.last_name, PersonName::parse);
        let language = language_of(faults, self.language);
        let phones = phones_of(faults, self.phones.unwrap_or_default());
        faults.is_empty().then_some(())?;
        let owner = ContactProfile {
            display_name: display_name?,
            first_name,
            last_name,
            title: None,
            language: language.unwrap_or_default(),
            phones: phones?,
        };
        Some(NewSignUp {
            address: address?,
            owner,
            account: account?,
        })
    }
}

/// What was asked for is under way, or nobody is to know that it is not.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"accepted": true}))]
pub struct Accepted {
    /// Always `true`.
    accepted: bool,
}

/// The one answer to everything that must not tell known from unknown.
pub(crate) fn accepted() -> Reply {
    Reply::accepted(&Accepted { accepted: true })
}

/// Sign up
///
/// Mails a link to the address. Following it and choosing a password opens the account. The answer is always the same:
/// an address that has a log-in already gets a mail that says so.
#[utoipa::path(
    post,
    path = "/v1/sign-ups",
    tag = "sign-up",
    responses(
        (status = 202, description = "If all is well, a mail is on its way.", body = Accepted),
        refusal::TooManyRequests,
    )
)]
async fn sign_up(
    Checked(body): Checked<SignUpBody>,
    key: Idempotency,
    RequestId(request_id): RequestId,
    client: ClientAddress,
    service: Data<Service>,
) -> Result<Reply, Problem> {
    let at = service.clock.now();
    let missing = missing_fields(
        &service.store.catalog().policy().required_contact_fields,
        &body.owner,
        true,
    );
    if !missing.is_empty() {
        return Err(Violation::MissingFields { fields: missing }.into());
    }
    let sign_up = SignUp {
        id: SignUpId::new(),
        address: body.address,
        owner: body.owner,
        account: body.account,
        created_at: at,
    };
    let evenly = Evenly::begin();
    let answered = key
        .once(&service, &client.network(), |keep| async {
            Limits::mails_of(client).admit(&service, at).await?;
            let act = Act {
                actor: Actor::System,
                at,
                request_id: Some(request_id),
                keep,
            };
            let decided = service.store.sign_up(sign_up, &act, accepted().kept()).await;
            service.mail_waits.notify_one();
            decided?;
            Ok(accepted())
        })
        .await;
    evenly.end().await;
    answered
}

/// The token of a mailed link, and the password that is chosen.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"token": "sgn_01h455vb4pex5vsknk084sn02q.3q2-7w", "password": "correct horse battery"}))]
pub struct TokenAndPasswordBody {
    /// The code of the mail, or what stands behind `#token=` in its link.
    #[schema(required = true, nullable = false, min_length = 1, max_length = 200)]
    token: Option<String>,
    /// The password, 8 to 256 bytes; nothing is asked of its composition, but that it is not one that others try first.
    #[schema(required = true, nullable = false, min_length = 2, max_length = 256, format = Password)]
    password: Option<String>,
}

impl Parse for TokenAndPasswordBody {
    type Parsed = (String, Password);

    fn parse(self, faults: &mut Faults) -> Option<(String, Password)> {
        let token = faults.text("token", self.token, token_text);
        let password = faults.text("password", self.password, password_of);
        Some((token?, password?))
    }
}

/// A password that may be chosen.
pub(crate) fn password_of(text: &str) -> Result<Password, FieldFault> {
    let (min, max) = (*PASSWORD_BYTES.start(), *PASSWORD_BYTES.end());
    Password::parse(text).ok_or_else(|| {
        if text.len() < min {
            FieldFault::new(FieldCode::TooShort).with("min", min)
        } else {
            FieldFault::new(FieldCode::TooLong).with("max", max)
        }
    })
}

/// What a confirmed sign-up has made.
#[derive(Debug, Serialize, ToSchema)]
pub struct OpenedAccount {
    /// The account.
    account: AccountView,
    /// Its first contact, which owns it.
    #[schema(nullable = false)]
    contact: Option<ContactView>,
    /// The log-in of the person.
    #[schema(example = "usr_01h455vb4pex5vsknk084sn02q")]
    user_id: String,
}

/// Confirm a sign-up
///
/// Opens the account (M-01): with its first contact, which is verified, owns it, and logs in with the password chosen
/// here (M-08, M-09).
#[utoipa::path(
    post,
    path = "/v1/sign-ups/confirm",
    tag = "sign-up",
    responses((status = 201, description = "The account is open.", body = OpenedAccount), refusal::LinkExpired)
)]
async fn confirm_sign_up(
    Checked((token, password)): Checked<TokenAndPasswordBody>,
    key: Idempotency,
    RequestId(request_id): RequestId,
    service: Data<Service>,
) -> Result<Reply, Problem> {
    let act = |keep| Act {
        actor: Actor::Link,
        at: service.clock.now(),
        request_id: Some(request_id),
        keep,
    };
    // Whoever has the link is the caller, so that its seal is part of what a key belongs to.
    let caller = crate::tokens::sha256_hex(token.as_bytes());
    key.once(&service, &caller, |keep| confirm(&service, &token, password, act(keep)))
        .await
}

async fn confirm(service: &Service, token: &str, password: Password, act: Act) -> Result<Reply, Problem> {
    let expired = || Problem::new(Code::LinkExpired);
    let link = Links::read::<SignUpId>(token).ok_or_else(expired)?;
    let address = service
        .store
        .sign_up_address(link.id, act.at)
        .await?
        .ok_or_else(expired)?;
    if !service.links.is_ours(LinkPurpose::SignUp, &link, &address) {
        return Err(expired());
    }
    let words = service.store.words_of_sign_up(link.id).await?;
    let password = password.unless_common(&words, "/password")?;
    let hash = service.passwords.hash(password).await?;
    let ids = NewIds {
        account: AccountId::new(),
        contact: ContactId::new(),
        user: UserId::new(),
    };
    let answer = move |roster: &Roster| {
        let opened = OpenedAccount {
            account: AccountView::of(roster),
            contact: ContactView::of(roster, ids.contact),
            user_id: ids.user.to_string(),
        };
        Reply::created(&format!("/v1/accounts/{}", ids.account), &opened).version(roster.account().version)
    };
    let opened = service
        .store
        .confirm_sign_up(link.id, ids, hash, &act, move |roster| answer(roster).kept())
        .await;
    Ok(answer(&opened?))
}
