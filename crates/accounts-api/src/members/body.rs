//! What is said about a member.

use accounts_domain::members::MemberPatch;
use accounts_domain::roster::MemberStatus;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::body::{Faults, Parse, present};
use crate::problem::FieldFault;
use crate::{moment, permissions};

/// What is to change of a member; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"permissions": ["contacts:view", "contacts:manage"]}))]
#[expect(clippy::option_option, reason = "absent and null are two cases in a merge patch")]
pub struct MemberPatchBody {
    /// `true`: everything, permissions that are added later included (U-15).
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false)]
    all_permissions: Option<Option<bool>>,
    /// A preset of the catalog: the permissions that it stands for now.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false, pattern = "^[a-z][a-z0-9_]{0,39}$", example = "billing")]
    permission_preset: Option<Option<String>>,
    /// These permissions and no others (U-16), which the caller has, too.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false, max_items = 200)]
    permissions: Option<Option<Vec<String>>>,
    /// `suspended`: to the member the account is not there. `active`: it is again.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false, pattern = "^(active|suspended)$", example = "active")]
    status: Option<Option<String>>,
    /// When the membership ends by itself, a moment that lies ahead; `null`: it does not.
    #[serde(default, deserialize_with = "present")]
    #[schema(format = DateTime)]
    expires_at: Option<Option<String>>,
}

impl Parse for MemberPatchBody {
    type Parsed = MemberPatch;

    fn parse(self, faults: &mut Faults) -> Option<MemberPatch> {
        let all = faults.kept("all_permissions", self.all_permissions);
        let preset = faults.kept("permission_preset", self.permission_preset);
        let chosen = faults.kept("permissions", self.permissions);
        let permissions = permissions::given(faults, all, preset, chosen);
        let known = || FieldFault::not_allowed(["active", "suspended"]);
        let status = faults.kept("status", self.status);
        let status = faults.optional_text("status", status, |text| MemberStatus::from_name(text).ok_or_else(known));
        let expires_at = faults.patched_text("expires_at", self.expires_at, moment::read);
        faults.is_empty().then_some(MemberPatch {
            permissions,
            status,
            expires_at,
        })
    }
}
