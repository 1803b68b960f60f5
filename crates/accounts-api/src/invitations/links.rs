//! The link in the mail of an invitation: looked at, followed, declined.

use accounts_domain::actor::Actor;
use accounts_domain::ids::{SendingId, UserId};
use accounts_domain::invitations::InvitationRecord;
use accounts_domain::names::DisplayName;
use accounts_domain::users::{PASSWORD_BYTES, User};
use accounts_domain::violation::Violation;
use accounts_store::{Act, DecideError, Decision, InvitationTarget, Joining};
use actix_web::web::Data;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::view::offered;
use crate::body::{Checked, Faults, Parse};
use crate::client::ClientAddress;
use crate::idempotency::Idempotency;
use crate::limits::Limits;
use crate::links::{LinkPurpose, LinkToken, Links};
use crate::moment;
use crate::passwords::Password;
use crate::problem::{Code, Fault, FieldCode, FieldFault, Place, Problem, refusal};
use crate::reply::Reply;
use crate::request_id::RequestId;
use crate::router::{Routes, routes};
use crate::service::Service;
use crate::sessions::bounded;
use crate::sign_ups::password_of;
use crate::verifications::{TokenBody, token_text};

pub(super) fn routes() -> Routes {
    routes![preview_invitation, accept_invitation, decline_invitation]
}

/// What following the link of an invitation would do.
#[derive(Debug, Serialize, ToSchema)]
#[expect(clippy::struct_excessive_bools, reason = "each says by itself what a form asks for")]
pub struct InvitationPreview {
    /// The account's name.
    #[schema(example = "Lima Ltd")]
    account_name: String,
    /// How whoever invites is called.
    #[schema(required = true, example = "Ana Lima")]
    inviter_name: Option<String>,
    /// The address that was invited.
    #[schema(example = "bea@lima.example")]
    address: String,
    /// How the person is called, as far as the inviter knows.
    #[schema(required = true, example = "Bea Lima")]
    display_name: Option<String>,
    /// Whether everything is offered, permissions that are added later included.
    all_permissions: bool,
    /// The permissions that are offered; none where everything is.
    #[schema(example = json!(["contacts:view"]))]
    permissions: Vec<String>,
    /// Whether the address has a log-in, whose password is then asked for.
    login: bool,
    /// Whether a password is to be chosen: the address has no log-in yet.
    password_required: bool,
    /// Whether a name is to be given with it.
    name_required: bool,
    /// When it ends unanswered.
    #[schema(format = DateTime)]
    expires_at: String,
}

/// Look behind the link of an invitation
///
/// Says who invites to what, and uses nothing up.
#[utoipa::path(
    post,
    path = "/v1/invitations/preview",
    tag = "members",
    responses((status = 200, description = "What is offered.", body = InvitationPreview), refusal::LinkExpired)
)]
async fn preview_invitation(Checked(token): Checked<TokenBody>, service: Data<Service>) -> Result<Reply, Problem> {
    let (_, target) = open(&service, &token, service.clock.now()).await?;
    let InvitationRecord {
        invitation,
        inviter_name,
        ..
    } = &target.record;
    let (all_permissions, permissions) = offered(&invitation.permissions);
    let has_login = target.user.is_some();
    Ok(Reply::ok(&InvitationPreview {
        account_name: target.roster.account().profile.name.to_string(),
        inviter_name: inviter_name.as_ref().map(ToString::to_string),
        address: invitation.address.to_string(),
        display_name: invitation.display_name.as_ref().map(ToString::to_string),
        all_permissions,
        permissions,
        login: has_login,
        password_required: !has_login,
        name_required: !has_login && invitation.display_name.is_none(),
        expires_at: moment::shown(invitation.expires_at),
    }))
}

/// The token of an invitation's link, and how the person is to log in.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"token": "snd_01h455vb4pex5vsknk084sn02q.3q2-7w", "display_name": "Bea Lima", "password": "correct horse battery"}))]
pub struct AcceptInvitationBody {
    /// The code of the mail, or what stands behind `#token=` in its link.
    #[schema(required = true, nullable = false, min_length = 1, max_length = 200)]
    token: Option<String>,
    /// How a person is called who has no log-in yet; where one is there, or the inviter has said it, it may be left out.
    #[schema(min_length = 1, max_length = 100)]
    display_name: Option<String>,
    /// The password of the log-in that the address has, or else the one that is chosen, 8 to 256 bytes (U-18).
    #[schema(required = true, nullable = false, min_length = 1, max_length = 256, format = Password)]
    password: Option<String>,
}

/// An acceptance that was read.
#[derive(Debug)]
pub struct Acceptance {
    token: String,
    display_name: Option<DisplayName>,
    password: String,
}

impl Parse for AcceptInvitationBody {
    type Parsed = Acceptance;

    fn parse(self, faults: &mut Faults) -> Option<Acceptance> {
        let token = faults.text("token", self.token, token_text);
        let display_name = faults.optional_text("display_name", self.display_name, DisplayName::parse);
        let password = faults.text("password", self.password, |text| bounded(text, *PASSWORD_BYTES.end()));
        faults.is_empty().then_some(())?;
        Some(Acceptance {
            token: token?,
            display_name,
            password: password?,
        })
    }
}

/// A membership that came of an invitation.
#[derive(Debug, Serialize, ToSchema)]
pub struct JoinedAccount {
    /// The account.
    #[schema(example = "acc_01h455vb4pex5vsknk084sn02q")]
    account_id: String,
    /// Its name.
    #[schema(example = "Lima Ltd")]
    account_name: String,
    /// The log-in that is a member.
    #[schema(required = true, example = "usr_01h455vb4pex5vsknk084sn02q")]
    user_id: Option<String>,
    /// The address that it logs in with.
    #[schema(example = "bea@lima.example")]
    address: String,
}

/// Follow the link of an invitation
///
/// Makes whoever reads the mail of the address a member (U-13, U-19): with a new log-in under the name and the password
/// given here (U-18), or with the log-in that the address has, which its password shows. The person logs in
/// afterwards. Somebody who is logged in accepts from the own list of invitations instead.
#[utoipa::path(
    post,
    path = "/v1/invitations/accept",
    tag = "members",
    responses(
        (status = 200, description = "The person is a member.", body = JoinedAccount),
        refusal::InvalidCredentials,
        refusal::AccountSuspended,
        refusal::AccountClosed,
        refusal::AlreadyMember,
        refusal::LinkExpired,
        refusal::TooManyRequests,
    )
)]
async fn accept_invitation(
    Checked(acceptance): Checked<AcceptInvitationBody>,
    key: Idempotency,
    RequestId(request_id): RequestId,
    client: ClientAddress,
    service: Data<Service>,
) -> Result<Reply, Problem> {
    // Whoever has the link is the caller, so that its seal is part of what a key belongs to.
    let caller = crate::tokens::sha256_hex(acceptance.token.as_bytes());
    key.once(&service, &caller, |keep| {
        let act = Act {
            actor: Actor::Link,
            at: service.clock.now(),
            request_id: Some(request_id),
            keep,
        };
        accept(&service, acceptance, client, act)
    })
    .await
}

async fn accept(service: &Service, acceptance: Acceptance, client: ClientAddress, act: Act) -> Result<Reply, Problem> {
    let (link, target) = open(service, &acceptance.token, act.at).await?;
    let joining = match &target.user {
        Some(user) => shown_by_password(service, user, acceptance.password, client, act.at).await?,
        None => chosen(service, &target, acceptance).await?,
    };
    let joined = move |decision: &Decision, record: &InvitationRecord| {
        let account = decision.after.account();
        let user = decision.changes.iter().find_map(|change| {
            if let accounts_domain::change::Change::MemberAdded { user, .. } = change {
                Some(user.to_string())
            } else {
                None
            }
        });
        Reply::ok(&JoinedAccount {
            account_id: account.id.to_string(),
            account_name: account.profile.name.to_string(),
            user_id: user,
            address: record.invitation.address.to_string(),
        })
    };
    let kept = move |decision: &Decision, record: &InvitationRecord| joined(decision, record).kept();
    let decided = service.store.join(link.id, joining, &act, kept).await;
    service.mail_waits.notify_one();
    let (decision, record) = decided.map_err(to_link_holder)?;
    Ok(joined(&decision, &record))
}

/// The log-in that the address has, whose password is counted as at every log-in.
async fn shown_by_password(
    service: &Service,
    user: &User,
    password: String,
    client: ClientAddress,
    at: DateTime<Utc>,
) -> Result<Joining, Problem> {
    let limits = Limits::passwords_of(client, user.address.key());
    limits.admit(service, at).await?;
    let checked = user.password_hash.clone();
    let right = service
        .passwords
        .verify(Password::offered(password), checked.clone())
        .await?;
    match checked {
        Some(checked) if right => {
            limits.forgive(service).await?;
            Ok(Joining::Known { checked })
        }
        Some(_) | None => Err(Problem::new(Code::InvalidCredentials)),
    }
}

/// A new log-in, whose password nobody but the person knows (U-18).
async fn chosen(service: &Service, target: &InvitationTarget, acceptance: Acceptance) -> Result<Joining, Problem> {
    let at = |pointer: &str, fault: FieldFault| Fault::at(Place::Pointer(pointer.to_owned()), fault);
    let display_name = acceptance
        .display_name
        .or_else(|| target.record.invitation.display_name.clone())
        .ok_or_else(|| at("/display_name", FieldFault::new(FieldCode::Required)));
    let password = password_of(&acceptance.password).map_err(|fault| at("/password", fault));
    let (display_name, password) = match (display_name, password) {
        (Ok(display_name), Ok(password)) => (display_name, password),
        (display_name, password) => {
            let faults = display_name.err().into_iter().chain(password.err());
            return Err(Problem::invalid_fields(faults.collect()));
        }
    };
    let words = [
        target.record.invitation.address.to_string(),
        display_name.to_string(),
        target.roster.account().profile.name.to_string(),
    ];
    let password = password.unless_common(&words, "/password")?;
    Ok(Joining::New {
        user: UserId::new(),
        display_name,
        hash: service.passwords.hash(password).await?,
    })
}

/// An invitation that was declined.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeclinedInvitation {
    /// The account's name.
    #[schema(example = "Lima Ltd")]
    account_name: String,
}

/// Decline by the link of an invitation
///
/// The invitation ends, and its link with it.
#[utoipa::path(
    post,
    path = "/v1/invitations/decline",
    tag = "members",
    responses(
        (status = 200, description = "The invitation is declined.", body = DeclinedInvitation),
        refusal::AccountSuspended,
        refusal::AccountClosed,
        refusal::LinkExpired,
    )
)]
async fn decline_invitation(
    Checked(token): Checked<TokenBody>,
    key: Idempotency,
    RequestId(request_id): RequestId,
    service: Data<Service>,
) -> Result<Reply, Problem> {
    let caller = crate::tokens::sha256_hex(token.as_bytes());
    let act = |keep| Act {
        actor: Actor::Link,
        at: service.clock.now(),
        request_id: Some(request_id),
        keep,
    };
    key.once(&service, &caller, |keep| decline(&service, &token, act(keep)))
        .await
}

async fn decline(service: &Service, token: &str, act: Act) -> Result<Reply, Problem> {
    let (link, _) = open(service, token, act.at).await?;
    let declined = |decision: &Decision| {
        Reply::ok(&DeclinedInvitation {
            account_name: decision.after.account().profile.name.to_string(),
        })
    };
    let kept = move |decision: &Decision| declined(decision).kept();
    let decided = service.store.decline_by_link(link.id, &act, kept).await;
    Ok(declined(&decided.map_err(to_link_holder)?))
}

/// Reads a token and finds what it leads to. One that is not ours, and one that leads to nothing any more, are dead.
async fn open(
    service: &Service,
    token: &str,
    at: DateTime<Utc>,
) -> Result<(LinkToken<SendingId>, InvitationTarget), Problem> {
    let expired = || Problem::new(Code::LinkExpired);
    let link = Links::read::<SendingId>(token).ok_or_else(expired)?;
    let target = service.store.invitation_target(link.id).await?.ok_or_else(expired)?;
    let key = target.record.invitation.address.key();
    let is_ours = service.links.is_ours(LinkPurpose::Invitation, &link, key);
    if is_ours && target.roster.invitation_outcome(&target.record, at).is_none() {
        Ok((link, target))
    } else {
        Err(expired())
    }
}

/// A link is dead, and why is the account's business.
fn to_link_holder(error: DecideError) -> Problem {
    match error {
        DecideError::Refused(Violation::InvitationEnded { .. }) => Problem::new(Code::LinkExpired),
        DecideError::NotFound
        | DecideError::Refused(_)
        | DecideError::Replayed(_)
        | DecideError::KeyReused
        | DecideError::Store(_) => error.into(),
    }
}
