//! What a member looks like.

use accounts_domain::members::MemberPerson;
use accounts_domain::permission::Permissions;
use accounts_domain::roster::Roster;
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::access::contained;
use crate::contacts::keys;
use crate::moment;
use crate::precondition::Tag;
use crate::reply::Reply;

/// A user's place in an account.
#[derive(Debug, Serialize, ToSchema)]
pub struct MemberView {
    /// The user.
    #[schema(example = "usr_01h455vb4pex5vsknk084sn02q")]
    id: String,
    /// How the person is called.
    #[schema(example = "Bea Lima")]
    display_name: String,
    /// The address that the person logs in with.
    #[schema(example = "bea@lima.example")]
    address: String,
    /// Whether the member owns the account, and so may do everything.
    owner: bool,
    /// Whether the member may do everything, what is added later included (U-15).
    all_permissions: bool,
    /// Every permission that the member has.
    #[schema(example = json!(["contacts:view", "tickets:open"]))]
    permissions: Vec<String>,
    /// The preset of the catalog that says just these permissions.
    #[schema(required = true, example = "billing")]
    permission_preset: Option<String>,
    /// The contact that the member is.
    #[schema(required = true, example = "con_01h455vb4pex5vsknk084sn02q")]
    contact_id: Option<String>,
    /// The categories that the member wishes to receive at this address, whether it has their permissions or not.
    #[schema(example = json!(["invoice"]))]
    subscriptions: Vec<String>,
    /// `active`, `suspended` (held back by somebody) or `expired`.
    #[schema(example = "active")]
    status: &'static str,
    /// When the membership ends by itself.
    #[schema(format = DateTime, required = true)]
    expires_at: Option<String>,
    /// When the person last logged in, for whichever account.
    #[schema(format = DateTime, required = true)]
    last_login_at: Option<String>,
    /// Whether the person has a second factor in force, without which an account may let nobody in.
    second_factor: bool,
    /// When the membership began.
    #[schema(format = DateTime)]
    created_at: String,
    /// When the membership last changed.
    #[schema(format = DateTime)]
    updated_at: String,
}

impl MemberView {
    /// What a member looks like at that moment; nothing where the person is no member.
    pub fn of(roster: &Roster, person: &MemberPerson, at: DateTime<Utc>) -> Option<Self> {
        let member = roster.member(person.user)?;
        let owner = roster.is_owner(person.user);
        let permissions = if owner { &Permissions::All } else { &member.permissions };
        let preset = roster
            .catalog()
            .permission_presets()
            .iter()
            .find(|preset| preset.permissions == *permissions);
        Some(Self {
            id: person.user.to_string(),
            display_name: person.display_name.to_string(),
            address: person.address.to_string(),
            owner,
            all_permissions: *permissions == Permissions::All,
            permissions: contained(roster, permissions),
            permission_preset: preset.map(|preset| preset.key.clone()),
            contact_id: member.contact.map(|contact| contact.to_string()),
            subscriptions: keys(&member.subscriptions),
            status: member.standing(at).as_str(),
            expires_at: member.expires_at.map(moment::shown),
            last_login_at: person.last_login_at.map(moment::shown),
            second_factor: person.second_factor,
            created_at: moment::shown(member.created_at),
            updated_at: moment::shown(member.updated_at),
        })
    }

    /// The tag of all that is shown. The person's own part of it changes without the account.
    pub fn tag(&self) -> Tag {
        Tag::of(&serde_json::to_vec(self).unwrap_or_default())
    }

    /// The member, as an answer with its tag.
    pub fn reply(&self) -> Reply {
        Reply::ok(self).tag(&self.tag())
    }
}
