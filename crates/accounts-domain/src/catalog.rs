//! The catalog: the provider's policy as data.
//!
//! Roles, applications, permissions, notification categories, what mail may do and the account
//! policy are one TOML document. [`Catalog::parse`] checks it in full and reports every fault at
//! once, each with the path of its key; a [`Catalog`] that exists is therefore whole: whatever it
//! names, it has. Presets ship inside the binary.

mod check;
mod document;
mod fit;
mod section;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

pub use fit::{LiveUse, Obstacle};
pub use words::{
    Audience, ContactField, ContactLogin, Fallback, FormerOwner, Holders, InboundRight, OwnerTransfer, ProfileEditedBy,
    Vacancy,
};

use crate::keys::{ApplicationKey, CategoryKey, PermissionKey, RoleKey};
use crate::language::Names;
use crate::permission::{Permissions, ServicePermission};

/// A provider's whole policy.
///
/// Invariant: keys are unique within their kind, and every role, category and permission that is
/// referred to exists. [`Catalog::parse`] is the only way to one, and it keeps this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catalog {
    name: String,
    fallback_role: Option<RoleKey>,
    roles: Vec<Role>,
    applications: Vec<Application>,
    permissions: Vec<PermissionEntry>,
    permission_presets: Vec<PermissionPreset>,
    categories: Vec<Category>,
    inbound: Inbound,
    policy: Policy,
}

/// A responsibility that contacts hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// The key by which it is named.
    pub key: RoleKey,
    /// What people read.
    pub names: Names,
    /// How many contacts of an account may hold it.
    pub holders: Holders,
    /// What happens where nobody holds it.
    pub vacancy: Vacancy,
    /// The notification categories that its holders receive.
    pub categories: Vec<CategoryKey>,
    /// Only a contact whose address is verified may hold it at all (rule M-59). A primary holder
    /// is always verified, whatever this says.
    pub verified_only: bool,
}

/// Something that the client area opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    /// The key by which it is named.
    pub key: ApplicationKey,
    /// What people read.
    pub names: Names,
    /// Where it stands, if the client area is to link it: an absolute `https` or `http` address.
    pub url: Option<String>,
    /// Whom it opens for: one of these suffices. There is at least one.
    pub opens_for: Vec<Opening>,
}

/// One reason for which an application opens for a person with a login in the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opening {
    /// Whoever has a login in the account.
    Everyone,
    /// The holders, primary or not, of at least one of these roles.
    RoleHolders(Vec<RoleKey>),
    /// The primary holder of at least one of these roles.
    PrimaryHolders(Vec<RoleKey>),
    /// The members who have at least one of these permissions.
    Permissions(Vec<PermissionKey>),
    /// The account's owner.
    Owner,
}

/// A permission of the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PermissionEntry {
    /// The key by which it is named.
    pub key: PermissionKey,
    /// What people read.
    pub names: Names,
}

/// A set of permissions that is chosen by one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PermissionPreset {
    /// The key by which it is named; it has the form of a role's key.
    pub key: String,
    /// What people read.
    pub names: Names,
    /// What it stands for.
    pub permissions: Permissions,
}

/// A kind of notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Category {
    /// The key by which it is named.
    pub key: CategoryKey,
    /// What people read.
    pub names: Names,
    /// It never loses its last recipient.
    pub mandatory: bool,
    /// Who receives it: all of these groups together. There is at least one.
    pub audience: BTreeSet<Audience>,
    /// Who receives it where the audience is empty.
    pub fallback: Fallback,
    /// The permission that a member needs in order to receive it, if any.
    pub permission: Option<PermissionKey>,
    /// A contact receives it only for what the contact opened itself: replies to its own tickets,
    /// say (rule K-16).
    pub own_items_only: bool,
}

/// What a sender of mail may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inbound {
    /// What a contact may do.
    pub contacts: InboundRight,
    /// What a member may do who has the permission; the strongest right of several counts.
    pub members: BTreeMap<PermissionKey, InboundRight>,
    /// What a sender may do whom the account does not know.
    pub unknown_senders: InboundRight,
}

impl Inbound {
    /// What a member with these permissions may do: the strongest right among them.
    pub fn right_of_member(&self, permissions: &Permissions) -> InboundRight {
        self.members
            .iter()
            .filter(|(permission, _)| permissions.contains(permission))
            .map(|(_, right)| *right)
            .max()
            .unwrap_or(InboundRight::None)
    }
}

impl Default for Inbound {
    /// What holds where the document is silent: nobody is heard.
    fn default() -> Self {
        Self {
            contacts: InboundRight::None,
            members: BTreeMap::new(),
            unknown_senders: InboundRight::None,
        }
    }
}

/// What holds for every account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How many contacts an account may have, its owner's included (rule M-06), unless an operator
    /// set another number for it. From 1 to 1,000.
    pub contact_limit: u16,
    /// What a contact must have besides a display name and an address.
    pub required_contact_fields: BTreeSet<ContactField>,
    /// How a contact comes to a login. The owner always has one.
    pub contact_login: ContactLogin,
    /// What a contact may do who comes to a login, unless other permissions are chosen.
    pub contact_login_permissions: Permissions,
    /// Notices go to addresses that are not verified too.
    pub notify_unverified: bool,
    /// Whether a new owner has to accept.
    pub owner_transfer: OwnerTransfer,
    /// What the former owner may still do after a transfer.
    pub former_owner: FormerOwner,
    /// Who edits the profile of a contact that has a login.
    pub profile_edited_by: ProfileEditedBy,
    /// Local parts, in lower case, that mark an address as a shared mailbox: `billing`, say
    /// (rules U-26, U-33).
    pub shared_mailbox_words: Vec<String>,
    /// Days from one review of an account until the next is due. From 1 to 3,650.
    pub review_after_days: u32,
}

impl Default for Policy {
    /// What holds where the document is silent: the values of the preset `standard`.
    fn default() -> Self {
        Self {
            contact_limit: 5,
            required_contact_fields: BTreeSet::new(),
            contact_login: ContactLogin::OnRequest,
            contact_login_permissions: Permissions::none(),
            notify_unverified: false,
            owner_transfer: OwnerTransfer::Immediate,
            former_owner: FormerOwner::None,
            profile_edited_by: ProfileEditedBy::Person,
            shared_mailbox_words: [
                "abuse",
                "accounting",
                "accounts",
                "admin",
                "billing",
                "compta",
                "comptabilite",
                "contact",
                "facturation",
                "finance",
                "hello",
                "help",
                "helpdesk",
                "info",
                "invoices",
                "it",
                "mail",
                "office",
                "postmaster",
                "sales",
                "support",
                "team",
                "tech",
                "technique",
            ]
            .map(str::to_owned)
            .to_vec(),
            review_after_days: 180,
        }
    }
}

/// One thing that is wrong in a catalog's document.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CatalogFault {
    /// Where: `roles.billing.vacancy`, or `roles[2].key` where the entry has no key of its own to
    /// be named by (counted from 0), or `line 7` where the document is not TOML.
    pub path: String,
    /// What is wrong, and what would be right: an English sentence.
    pub message: String,
}

impl fmt::Display for CatalogFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

impl Catalog {
    /// The names of the presets, the default first.
    pub const PRESETS: [&str; 5] = ["standard", "saas-suite", "hosting", "datacenter", "telephony"];

    /// Reads and checks a document in full.
    ///
    /// # Errors
    ///
    /// Every fault of the document at once, in its order as far as it has one.
    pub fn parse(toml: &str) -> Result<Self, Vec<CatalogFault>> {
        let mut faults = section::Faults::default();
        let catalog = document::read(toml, &mut faults);
        if let Some(catalog) = &catalog {
            check::check(catalog, &mut faults);
        }
        match catalog {
            Some(catalog) if faults.are_none() => Ok(catalog),
            Some(_) | None => Err(faults.into_list()),
        }
    }

    /// The document of the preset of this name, as a provider would copy it to start from.
    pub fn preset(name: &str) -> Option<&'static str> {
        match name {
            "standard" => Some(include_str!("catalog/presets/standard.toml")),
            "saas-suite" => Some(include_str!("catalog/presets/saas-suite.toml")),
            "hosting" => Some(include_str!("catalog/presets/hosting.toml")),
            "datacenter" => Some(include_str!("catalog/presets/datacenter.toml")),
            "telephony" => Some(include_str!("catalog/presets/telephony.toml")),
            _ => None,
        }
    }

    /// Reads the preset of this name.
    ///
    /// # Errors
    ///
    /// One fault that names the presets there are, if there is none of this name. A preset itself
    /// has no fault: a test reads each.
    pub fn from_preset(name: &str) -> Result<Self, Vec<CatalogFault>> {
        let document = Self::preset(name).ok_or_else(|| {
            vec![CatalogFault {
                path: "name".to_owned(),
                message: format!("there is no preset `{name}`; there are {}", Self::PRESETS.join(", ")),
            }]
        })?;
        Self::parse(document)
    }

    /// Reads the preset `standard`.
    ///
    /// # Errors
    ///
    /// None in fact, as [`Catalog::from_preset`] says.
    pub fn standard() -> Result<Self, Vec<CatalogFault>> {
        Self::from_preset("standard")
    }

    /// The catalog's name: that of its preset, or the provider's choice.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The roles, in the order of the document.
    pub fn roles(&self) -> &[Role] {
        &self.roles
    }

    /// The role of this key.
    pub fn role(&self, key: &RoleKey) -> Option<&Role> {
        self.roles.iter().find(|role| role.key == *key)
    }

    /// The role whose holders receive what finds nobody else, for categories whose fallback is
    /// [`Fallback::Role`].
    pub fn fallback_role(&self) -> Option<&RoleKey> {
        self.fallback_role.as_ref()
    }

    /// The applications, in the order of the document.
    pub fn applications(&self) -> &[Application] {
        &self.applications
    }

    /// The application of this key.
    pub fn application(&self, key: &ApplicationKey) -> Option<&Application> {
        self.applications.iter().find(|application| application.key == *key)
    }

    /// The provider's own permissions, in the order of the document; those of the service are
    /// [`ServicePermission::ALL`].
    pub fn permissions(&self) -> &[PermissionEntry] {
        &self.permissions
    }

    /// Says whether the service or the provider has the permission.
    pub fn knows_permission(&self, key: &PermissionKey) -> bool {
        ServicePermission::from_key(key).is_some() || self.permissions.iter().any(|entry| entry.key == *key)
    }

    /// The presets of permissions, in the order of the document.
    pub fn permission_presets(&self) -> &[PermissionPreset] {
        &self.permission_presets
    }

    /// The preset of permissions of this key.
    pub fn permission_preset(&self, key: &str) -> Option<&PermissionPreset> {
        self.permission_presets.iter().find(|preset| preset.key == key)
    }

    /// The notification categories, in the order of the document.
    pub fn categories(&self) -> &[Category] {
        &self.categories
    }

    /// The category of this key.
    pub fn category(&self, key: &CategoryKey) -> Option<&Category> {
        self.categories.iter().find(|category| category.key == *key)
    }

    /// What holds for every account.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// What a sender of mail may do.
    pub fn inbound(&self) -> &Inbound {
        &self.inbound
    }
}

#[cfg(test)]
mod tests;
