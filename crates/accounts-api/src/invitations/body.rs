//! What is said about an invitation.

use accounts_domain::address::EmailAddress;
use accounts_domain::ids::{ContactId, InvitationId, SendingId};
use accounts_domain::invitations::{InvitationLife, Invite};
use accounts_domain::language::Language;
use accounts_domain::names::DisplayName;
use accounts_domain::permission::Permissions;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::body::{Faults, Parse};
use crate::contacts::language_of;
use crate::permissions;
use crate::problem::{FieldCode, FieldFault};

/// How many may be invited at once.
const AT_ONCE: usize = 100;

/// Somebody who is invited. Where nothing is said of permissions, the member may do nothing yet.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"address": "bea@lima.example", "display_name": "Bea Lima", "permissions": ["contacts:view"]}))]
pub struct InvitationBody {
    /// The address that the invitation goes to and is bound to.
    #[schema(required = true, nullable = false, min_length = 3, max_length = 254, format = Email)]
    address: Option<String>,
    /// How the person is called.
    #[schema(min_length = 1, max_length = 100)]
    display_name: Option<String>,
    /// `true`: everything, permissions that are added later included (U-15).
    all_permissions: Option<bool>,
    /// A preset of the catalog: the permissions that it stands for now.
    #[schema(pattern = "^[a-z][a-z0-9_]{0,39}$", example = "technical")]
    permission_preset: Option<String>,
    /// These permissions and no others (U-16), which the caller has, too.
    #[schema(max_items = 200, example = json!(["contacts:view"]))]
    permissions: Option<Vec<String>>,
    /// The contact that the member is to be; its main address is the one invited.
    #[schema(min_length = 30, max_length = 30, pattern = "^con_[0-7][0-9a-hjkmnp-tv-z]{25}$")]
    contact_id: Option<String>,
    /// For how many hours it works: seven days where nothing is said.
    #[schema(minimum = 1, maximum = 720, example = 168)]
    expires_in_hours: Option<i64>,
    /// The language of the mail: `en` or `fr`; the account's where nothing is said.
    #[schema(pattern = "^(en|fr)$")]
    language: Option<String>,
}

/// An invitation that was read, but for its ids.
#[derive(Debug)]
pub struct NewInvitation {
    pub(super) address: EmailAddress,
    pub(super) contact: Option<ContactId>,
    display_name: Option<DisplayName>,
    permissions: Permissions,
    life: InvitationLife,
    language: Option<Language>,
}

impl NewInvitation {
    /// The command that makes it, by somebody of this name, of an account with this language.
    pub(super) fn command(self, by_name: Option<DisplayName>, language: Language) -> Invite {
        Invite {
            id: InvitationId::new(),
            sending: SendingId::new(),
            address: self.address,
            display_name: self.display_name,
            language: self.language.unwrap_or(language),
            permissions: self.permissions,
            contact: self.contact,
            life: self.life,
            by_name,
        }
    }
}

impl Parse for InvitationBody {
    type Parsed = NewInvitation;

    fn parse(self, faults: &mut Faults) -> Option<NewInvitation> {
        let address = faults.text("address", self.address, EmailAddress::parse);
        let display_name = faults.optional_text("display_name", self.display_name, DisplayName::parse);
        let contact = faults.optional_text("contact_id", self.contact_id, |text| {
            text.parse().map_err(|_| FieldCode::InvalidFormat)
        });
        let language = language_of(faults, self.language);
        let life = match self.expires_in_hours {
            None => Some(InvitationLife::default()),
            Some(hours) => life_of(faults, hours),
        };
        let permissions = permissions::given(faults, self.all_permissions, self.permission_preset, self.permissions);
        faults.is_empty().then_some(())?;
        Some(NewInvitation {
            address: address?,
            contact,
            display_name,
            permissions: permissions.unwrap_or(Permissions::none()),
            life: life?,
            language,
        })
    }
}

/// Several people who are invited at once.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"invitations": [
    {"address": "bea@lima.example", "permissions": ["contacts:view"]},
    {"address": "cem@lima.example", "all_permissions": true}
]}))]
pub struct InvitationBatchBody {
    /// Each of them.
    #[schema(required = true, nullable = false, min_items = 1, max_items = 100)]
    invitations: Option<Vec<InvitationBody>>,
}

impl Parse for InvitationBatchBody {
    type Parsed = Vec<NewInvitation>;

    fn parse(self, faults: &mut Faults) -> Option<Vec<NewInvitation>> {
        let invitations = faults.required("invitations", self.invitations)?;
        if invitations.is_empty() {
            faults.add("invitations", FieldFault::new(FieldCode::TooFew).with("min", 1));
            return None;
        }
        faults.each("invitations", invitations, AT_ONCE, |faults, invitation| {
            invitation.parse(faults)
        })
    }
}

fn life_of(faults: &mut Faults, hours: i64) -> Option<InvitationLife> {
    let life = u16::try_from(hours).ok().and_then(InvitationLife::of_hours);
    let (min, max) = (*InvitationLife::HOURS.start(), *InvitationLife::HOURS.end());
    faults.check(
        "expires_in_hours",
        life.ok_or_else(|| FieldFault::out_of_range(min, max)),
    )
}
