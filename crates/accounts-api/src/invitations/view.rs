//! What is told of an invitation.

use accounts_domain::invitations::{InvitationOutcome, InvitationRecord};
use accounts_domain::language::Language;
use accounts_domain::permission::Permissions;
use accounts_domain::roster::Roster;
use accounts_domain::violation::Violation;
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::moment;
use crate::problem::Problem;

/// Who made an invitation.
#[derive(Debug, Serialize, ToSchema)]
pub struct InviterView {
    /// The user.
    #[schema(example = "usr_01h455vb4pex5vsknk084sn02q")]
    user_id: String,
    /// How the person is called.
    #[schema(required = true, example = "Ana Lima")]
    display_name: Option<String>,
}

/// An invitation.
#[derive(Debug, Serialize, ToSchema)]
pub struct InvitationView {
    /// Its id.
    #[schema(example = "inv_01h455vb4pex5vsknk084sn02q")]
    id: String,
    /// The address that it was sent to.
    #[schema(example = "bea@lima.example")]
    address: String,
    /// How the person is called, as far as the inviter knows.
    #[schema(required = true, example = "Bea Lima")]
    display_name: Option<String>,
    /// The language of its mail: `en` or `fr`.
    #[schema(example = "en")]
    language: String,
    /// Whether it offers everything, permissions that are added later included.
    all_permissions: bool,
    /// The permissions that it offers; none where it offers everything.
    #[schema(example = json!(["contacts:view"]))]
    permissions: Vec<String>,
    /// The contact that the member is to be.
    #[schema(required = true)]
    contact_id: Option<String>,
    /// `pending`, `accepted`, `declined`, `revoked` or `expired`.
    #[schema(example = "pending")]
    status: String,
    /// Who made it.
    #[schema(required = true)]
    inviter: Option<InviterView>,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// When its mail was last sent.
    #[schema(format = DateTime)]
    sent_at: String,
    /// When it ends unanswered.
    #[schema(format = DateTime)]
    expires_at: String,
    /// When it ended.
    #[schema(format = DateTime, required = true)]
    ended_at: Option<String>,
}

impl InvitationView {
    pub(crate) fn of(roster: &Roster, record: &InvitationRecord, at: DateTime<Utc>) -> Self {
        let invitation = &record.invitation;
        let lapsed = (record.ended.is_none() && invitation.expires_at <= at).then_some(invitation.expires_at);
        let (all_permissions, permissions) = offered(&invitation.permissions);
        let name = record.inviter_name.as_ref().map(ToString::to_string);
        Self {
            id: invitation.id.to_string(),
            address: invitation.address.to_string(),
            display_name: invitation.display_name.as_ref().map(ToString::to_string),
            language: invitation.language.to_string(),
            all_permissions,
            permissions,
            contact_id: invitation.contact.map(|contact| contact.to_string()),
            status: status(roster, record, at),
            inviter: invitation.inviter.map(|inviter| InviterView {
                user_id: inviter.to_string(),
                display_name: name,
            }),
            created_at: moment::shown(invitation.created_at),
            sent_at: moment::shown(invitation.sent_at),
            expires_at: moment::shown(invitation.expires_at),
            ended_at: record.ended.map(|(_, ended)| ended).or(lapsed).map(moment::shown),
        }
    }
}

/// How an invitation stands, in one word.
pub(super) fn status(roster: &Roster, record: &InvitationRecord, at: DateTime<Utc>) -> String {
    roster
        .invitation_outcome(record, at)
        .map_or("pending", InvitationOutcome::as_str)
        .to_owned()
}

/// Whether everything is offered, and else what.
pub(crate) fn offered(permissions: &Permissions) -> (bool, Vec<String>) {
    match permissions {
        Permissions::All => (true, Vec::new()),
        Permissions::Chosen(chosen) => (false, chosen.iter().map(ToString::to_string).collect()),
    }
}

/// Why somebody was not invited.
#[derive(Debug, Serialize, ToSchema)]
pub struct InvitationRefusal {
    /// The status that the refusal has alone.
    #[schema(minimum = 400, maximum = 599, example = 409)]
    status: u16,
    /// The stable word for it.
    #[schema(example = "already-member")]
    code: String,
    /// A few words about it.
    #[schema(example = "Member already")]
    title: String,
    /// A sentence about it.
    #[schema(example = "The person is a member of the account already.")]
    detail: String,
}

/// What has become of one of several invitations: one of `invitation` and `problem` is not `null`.
#[derive(Debug, Serialize, ToSchema)]
pub struct InvitationResult {
    /// The address that was named.
    #[schema(example = "bea@lima.example")]
    address: String,
    /// The invitation that was made.
    #[schema(required = true)]
    invitation: Option<InvitationView>,
    /// Why there is none.
    #[schema(required = true)]
    problem: Option<InvitationRefusal>,
}

/// What has become of each, in the order of the request.
#[derive(Debug, Serialize, ToSchema)]
pub struct InvitationBatch {
    /// One for each.
    #[schema(max_items = 100)]
    pub(super) results: Vec<InvitationResult>,
}

impl InvitationResult {
    pub(super) fn of(
        roster: &Roster,
        address: &str,
        outcome: &Result<InvitationRecord, Violation>,
        at: DateTime<Utc>,
        language: Language,
    ) -> Self {
        let (invitation, problem) = match outcome {
            Ok(record) => (Some(InvitationView::of(roster, record, at)), None),
            Err(violation) => {
                let problem = Problem::from(violation.clone());
                let (title, detail) = problem.words(language);
                let refusal = InvitationRefusal {
                    status: problem.status().as_u16(),
                    code: problem.code().as_str().to_owned(),
                    title,
                    detail,
                };
                (None, Some(refusal))
            }
        };
        Self {
            address: address.to_owned(),
            invitation,
            problem,
        }
    }
}
