//! What is said about a member.

use std::collections::BTreeSet;

use accounts_domain::catalog::Catalog;
use accounts_domain::keys::PermissionKey;
use accounts_domain::members::MemberPatch;
use accounts_domain::permission::Permissions;
use accounts_domain::roster::MemberStatus;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::body::{Faults, Parse, present};
use crate::contacts::keys_of;
use crate::moment;
use crate::problem::{FieldCode, FieldFault, Problem};

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
    #[schema(nullable = false, pattern = "^[a-z][a-z0-9_]{0,39}$", example = "bookkeeper")]
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

/// Which permissions are meant.
#[derive(Debug, Clone)]
pub(crate) enum Choice {
    /// All of them, later ones included.
    All,
    /// Those of a preset of the catalog, by its key.
    Preset(String),
    /// These.
    Chosen(BTreeSet<PermissionKey>),
}

/// A change of a member that was read.
#[derive(Debug)]
pub struct MemberChange {
    choice: Option<Choice>,
    rest: MemberPatch,
}

impl Parse for MemberPatchBody {
    type Parsed = MemberChange;

    fn parse(self, faults: &mut Faults) -> Option<MemberChange> {
        let all = faults.kept("all_permissions", self.all_permissions);
        let preset = faults.kept("permission_preset", self.permission_preset);
        let chosen = faults.kept("permissions", self.permissions);
        let choice = Choice::of(faults, all, preset, chosen);
        let known = || FieldFault::not_allowed(["active", "suspended"]);
        let status = faults.kept("status", self.status);
        let status = faults.optional_text("status", status, |text| MemberStatus::from_name(text).ok_or_else(known));
        let rest = MemberPatch {
            permissions: None,
            status,
            expires_at: faults.patched_text("expires_at", self.expires_at, moment::read),
        };
        faults.is_empty().then_some(MemberChange { choice, rest })
    }
}

impl Choice {
    /// All permissions, a preset or chosen ones: one of the three, or nothing where nothing was said.
    pub(crate) fn of(
        faults: &mut Faults,
        all: Option<bool>,
        preset: Option<String>,
        chosen: Option<Vec<String>>,
    ) -> Option<Self> {
        let others = usize::from(preset.is_some()) + usize::from(chosen.is_some());
        match all {
            Some(true) if others > 0 => faults.add("all_permissions", FieldCode::Contradictory),
            // Not all: then which?
            Some(false) if others == 0 => faults.add("permissions", FieldCode::Required),
            Some(_) | None => {}
        }
        if preset.is_some() && chosen.is_some() {
            faults.add("permission_preset", FieldCode::Contradictory);
        }
        let chosen = chosen.and_then(|keys| keys_of(faults, "permissions", keys));
        if all == Some(true) {
            Some(Self::All)
        } else {
            preset.map(Self::Preset).or(chosen.map(Self::Chosen))
        }
    }

    /// The permissions that it stands for.
    ///
    /// # Errors
    /// 422 for a preset or a permission that there is not.
    pub(crate) fn permissions(self, catalog: &Catalog) -> Result<Permissions, Problem> {
        match self {
            Self::All => Ok(Permissions::All),
            Self::Preset(key) => match catalog.permission_preset(&key) {
                Some(preset) => Ok(preset.permissions.clone()),
                None => Err(Problem::invalid_field(
                    "/permission_preset",
                    FieldFault::new(FieldCode::UnknownPreset).with("key", key),
                )),
            },
            Self::Chosen(keys) => match keys.iter().find(|key| !catalog.knows_permission(key)) {
                None => Ok(Permissions::Chosen(keys)),
                Some(unknown) => Err(Problem::invalid_field(
                    "/permissions",
                    FieldFault::new(FieldCode::UnknownPermission).with("key", unknown.as_str()),
                )),
            },
        }
    }
}

impl MemberChange {
    /// The command that it stands for under this catalog.
    ///
    /// # Errors
    /// 422 for a preset or a permission that there is not.
    pub fn patch(self, catalog: &Catalog) -> Result<MemberPatch, Problem> {
        Ok(MemberPatch {
            permissions: self.choice.map(|choice| choice.permissions(catalog)).transpose()?,
            ..self.rest
        })
    }
}
