//! Verification of a contact's addresses: sent by a manager, confirmed by whoever reads the mail.

use accounts_domain::actor::Actor;
use accounts_domain::address::EmailAddress;
use accounts_domain::change::Change;
use accounts_domain::ids::{ContactId, UserId, VerificationId};
use accounts_domain::roster::Roster;
use accounts_domain::verification::{SendVerification, VERIFICATION_LIFE, VerificationOffer};
use accounts_store::{Act, VerificationTarget};
use actix_web::web::Data;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::body::{Checked, Faults, Parse};
use crate::contacts::PathContact;
use crate::guards::ManagesContacts;
use crate::idempotency::Idempotency;
use crate::limits::Limits;
use crate::links::{LinkPurpose, LinkToken, Links};
use crate::moment;
use crate::passwords::Password;
use crate::problem::{Code, FieldCode, Problem, refusal};
use crate::reply::Reply;
use crate::request_id::RequestId;
use crate::router::{Routes, routes};
use crate::service::Service;
use crate::sign_ups::password_of;

pub(crate) fn routes() -> Routes {
    routes![
        send_verification,
        send_address_verification,
        preview_verification,
        confirm_verification
    ]
}

/// A verification mail that was sent.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SentVerification {
    /// Its id.
    #[schema(example = "ver_01h455vb4pex5vsknk084sn02q")]
    id: String,
    /// Where it went.
    #[schema(example = "bea@lima.example")]
    address: String,
    /// When its link ends.
    #[schema(format = DateTime)]
    expires_at: String,
}

/// Send a verification mail
///
/// To the address that waits, or else to the main one. An address that was verified is proven anew where mail came back from
/// it or its reader complained. The mail holds a link and a code that work for 72 hours, and
/// another may be sent after a minute (M-47, M-48, M-51).
#[utoipa::path(
    post,
    path = "/v1/accounts/{account}/contacts/{contact}/verification",
    tag = "contacts",
    responses(
        (status = 202, description = "The mail is on its way.", body = SentVerification),
        refusal::AccountSuspended,
        refusal::AlreadyVerified,
        refusal::TooSoon,
        refusal::TooManyRequests,
    )
)]
async fn send_verification(
    member: ManagesContacts,
    PathContact(contact): PathContact,
    key: Idempotency,
) -> Result<Reply, Problem> {
    send(&member, contact, None, key).await
}

/// An address of a contact.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"address": "bea.lima@home.example"}))]
pub struct AddressBody {
    /// The address.
    #[schema(required = true, nullable = false, min_length = 3, max_length = 254, format = Email)]
    address: Option<String>,
}

impl Parse for AddressBody {
    type Parsed = EmailAddress;

    fn parse(self, faults: &mut Faults) -> Option<EmailAddress> {
        faults.text("address", self.address, EmailAddress::parse)
    }
}

/// Send a verification mail to one address
///
/// To any address of the contact that is not verified, or that mail came back from since: the more addresses are proven one
/// by one.
#[utoipa::path(
    post,
    path = "/v1/accounts/{account}/contacts/{contact}/addresses/verification",
    tag = "contacts",
    responses(
        (status = 202, description = "The mail is on its way.", body = SentVerification),
        refusal::AccountSuspended,
        refusal::AlreadyVerified,
        refusal::TooSoon,
        refusal::TooManyRequests,
    )
)]
async fn send_address_verification(
    member: ManagesContacts,
    PathContact(contact): PathContact,
    Checked(address): Checked<AddressBody>,
    key: Idempotency,
) -> Result<Reply, Problem> {
    send(&member, contact, Some(address), key).await
}

async fn send(
    member: &ManagesContacts,
    contact: ContactId,
    address: Option<EmailAddress>,
    key: Idempotency,
) -> Result<Reply, Problem> {
    let id = VerificationId::new();
    let at = member.by().at;
    let command = SendVerification { id, contact, address };
    let service = &member.person.service;
    let caller = member.person.name();
    key.once(service, &caller, |keep| async {
        let to = sent_to(&member.roster.send_verification(member.by(), &command)?)?;
        Limits::verifications_of(to.key()).admit(service, at).await?;
        let sent = SentVerification {
            id: id.to_string(),
            address: to.to_string(),
            expires_at: moment::shown(at + VERIFICATION_LIFE),
        };
        let decide = move |roster: &Roster, by| roster.send_verification(by, &command);
        member.decide_kept(keep, decide, move |_| Reply::accepted(&sent)).await
    })
    .await
}

/// Where a verification goes.
fn sent_to(changes: &[Change]) -> Result<EmailAddress, Problem> {
    let to = |change: &Change| {
        if let Change::VerificationSent { address, .. } = change {
            Some(address.clone())
        } else {
            None
        }
    };
    changes
        .iter()
        .find_map(to)
        .ok_or_else(|| Problem::internal("a verification goes nowhere"))
}

/// The token of a mailed link.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"token": "ver_01h455vb4pex5vsknk084sn02q.3q2-7w"}))]
pub struct TokenBody {
    /// The code of the mail, or what stands behind `#token=` in its link.
    #[schema(required = true, nullable = false, min_length = 1, max_length = 200)]
    token: Option<String>,
}

impl Parse for TokenBody {
    type Parsed = String;

    fn parse(self, faults: &mut Faults) -> Option<String> {
        faults.text("token", self.token, token_text)
    }
}

/// What following a verification link would do.
#[derive(Debug, Serialize, ToSchema)]
pub struct VerificationPreview {
    /// The address that it proves.
    #[schema(example = "bea@lima.example")]
    address: String,
    /// How the contact is called.
    #[schema(example = "Bea Lima")]
    display_name: String,
    /// The account's name.
    #[schema(example = "Lima Ltd")]
    account_name: String,
    /// Whether a log-in comes with it.
    login: bool,
    /// Whether a password is to be chosen for it: the address has no log-in yet.
    password_required: bool,
}

/// Look behind a verification link
///
/// Says what following the link would do, and uses nothing up.
#[utoipa::path(
    post,
    path = "/v1/contact-verifications/preview",
    tag = "contacts",
    responses((status = 200, description = "What the link does.", body = VerificationPreview), refusal::LinkExpired)
)]
async fn preview_verification(Checked(token): Checked<TokenBody>, service: Data<Service>) -> Result<Reply, Problem> {
    let (link, target) = open(&service, &token).await?;
    let offer = target.roster.verification_offer(link.id, service.clock.now())?;
    Ok(Reply::ok(&VerificationPreview {
        address: offer.address.to_string(),
        display_name: offer.contact.profile.display_name.to_string(),
        account_name: target.roster.account().profile.name.to_string(),
        login: offer.login.is_some() && !is_member_already(&target),
        password_required: needs_password(&offer, &target),
    }))
}

/// The token of a verification link, and a password where a log-in comes with it.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"token": "ver_01h455vb4pex5vsknk084sn02q.3q2-7w", "password": "correct horse battery"}))]
pub struct ConfirmVerificationBody {
    /// The code of the mail, or what stands behind `#token=` in its link.
    #[schema(required = true, nullable = false, min_length = 1, max_length = 200)]
    token: Option<String>,
    /// The password of the new log-in, 8 to 256 bytes; where none is needed it counts for nothing.
    #[schema(min_length = 2, max_length = 256, format = Password)]
    password: Option<String>,
}

impl Parse for ConfirmVerificationBody {
    type Parsed = (String, Option<Password>);

    fn parse(self, faults: &mut Faults) -> Option<(String, Option<Password>)> {
        let token = faults.text("token", self.token, token_text);
        let password = faults.optional_text("password", self.password, password_of);
        faults.is_empty().then_some((token?, password))
    }
}

/// An address that was proven.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ConfirmedVerification {
    /// The address.
    #[schema(example = "bea@lima.example")]
    address: String,
    /// The account's name.
    #[schema(example = "Lima Ltd")]
    account_name: String,
    /// Whether the contact logs in from now on.
    login: bool,
}

/// Follow a verification link
///
/// Proves the address. Where the catalog or the contact's manager gives it a log-in, the contact is a member from now
/// on: with the log-in that its address has, or with a new one under the password given here (M-50, L-08).
#[utoipa::path(
    post,
    path = "/v1/contact-verifications/confirm",
    tag = "contacts",
    responses(
        (status = 200, description = "The address is proven.", body = ConfirmedVerification),
        refusal::AccountSuspended,
        refusal::LinkExpired,
    )
)]
async fn confirm_verification(
    Checked((token, password)): Checked<ConfirmVerificationBody>,
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

async fn confirm(service: &Service, token: &str, password: Option<Password>, act: Act) -> Result<Reply, Problem> {
    let (link, target) = open(service, token).await?;
    let offer = target.roster.verification_offer(link.id, act.at)?;
    let hash = match password {
        Some(password) if needs_password(&offer, &target) => {
            let words = [
                offer.address.to_string(),
                offer.contact.profile.display_name.to_string(),
                target.roster.account().profile.name.to_string(),
            ];
            let password = password.unless_common(&words, "/password")?;
            Some(service.passwords.hash(password).await?)
        }
        None if needs_password(&offer, &target) => {
            return Err(Problem::invalid_field("/password", FieldCode::Required));
        }
        Some(_) | None => None,
    };
    let contact = offer.contact.id;
    let address = offer.address.to_string();
    let answer = move |roster: &Roster| {
        Reply::ok(&ConfirmedVerification {
            address: address.clone(),
            account_name: roster.account().profile.name.to_string(),
            login: roster.member_of_contact(contact).is_some(),
        })
    };
    let kept = answer.clone();
    let decided = service
        .store
        .confirm_verification(link.id, UserId::new(), hash, &act, move |decision| {
            kept(&decision.after).kept()
        })
        .await;
    service.mail_waits.notify_one();
    Ok(answer(&decided?.after))
}

/// Reads a token and finds what it leads to. One that is not ours leads nowhere.
async fn open(service: &Service, token: &str) -> Result<(LinkToken<VerificationId>, VerificationTarget), Problem> {
    let expired = || Problem::new(Code::LinkExpired);
    let link = Links::read::<VerificationId>(token).ok_or_else(expired)?;
    let target = service.store.verification(link.id).await?.ok_or_else(expired)?;
    if service
        .links
        .is_ours(LinkPurpose::Verification, &link, &target.address_key)
    {
        Ok((link, target))
    } else {
        Err(expired())
    }
}

/// Somebody who is a member by another contact stays the one member that they are.
fn is_member_already(target: &VerificationTarget) -> bool {
    target
        .user
        .as_ref()
        .is_some_and(|user| target.roster.member(user.id).is_some())
}

fn needs_password(offer: &VerificationOffer<'_>, target: &VerificationTarget) -> bool {
    offer.login.is_some() && target.user.is_none()
}

/// A token is judged by its seal; here only its length is.
pub(crate) fn token_text(text: &str) -> Result<String, crate::problem::FieldFault> {
    let length = text.chars().count();
    if length == 0 {
        return Err(crate::problem::FieldFault::new(FieldCode::TooShort).with("min", 1));
    }
    if length > 200 {
        return Err(crate::problem::FieldFault::new(FieldCode::TooLong).with("max", 200));
    }
    Ok(text.trim().to_owned())
}
