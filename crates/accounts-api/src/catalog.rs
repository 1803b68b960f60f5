//! The provider's catalog, in the caller's language.

use accounts_domain::catalog::{Catalog, Holders, Opening};
use accounts_domain::language::Language;
use accounts_domain::permission::{Permissions, ServicePermission};
use actix_web::web::Data;
use serde::Serialize;
use utoipa::ToSchema;

use crate::describe::answer;
use crate::reply::Reply;
use crate::router::{Routes, routes};
use crate::service::Service;
use crate::texts::Wanted;

pub(crate) fn routes() -> Routes {
    routes![read_catalog, read_signing_keys]
}

/// A role.
#[derive(Debug, Serialize, ToSchema)]
pub struct CatalogRole {
    /// Its key.
    #[schema(example = "billing")]
    key: String,
    /// Its name.
    name: String,
    /// Whether it has one holder.
    single_holder: bool,
    /// What becomes of the primary place that nobody has: `allowed`, `owner` or `forbidden`.
    #[schema(example = "owner")]
    vacancy: String,
    /// Whether only verified contacts hold it.
    verified_only: bool,
    /// The categories that its holders receive.
    categories: Vec<String>,
}

/// For whom an application opens; one way suffices.
#[derive(Debug, Serialize, ToSchema)]
pub struct CatalogOpening {
    /// `everyone`, `role_holders`, `primary_holders`, `permissions` or `owner`.
    #[schema(example = "primary_holders")]
    kind: &'static str,
    /// The roles or permissions of which one suffices.
    #[schema(example = json!(["billing"]))]
    keys: Vec<String>,
}

/// An application.
#[derive(Debug, Serialize, ToSchema)]
pub struct CatalogApplication {
    /// Its key.
    #[schema(example = "bill_desk")]
    key: String,
    /// Its name.
    name: String,
    /// Where it is.
    #[schema(required = true)]
    url: Option<String>,
    /// For whom it opens.
    opens_for: Vec<CatalogOpening>,
}

/// A permission.
#[derive(Debug, Serialize, ToSchema)]
pub struct CatalogPermission {
    /// Its key.
    #[schema(example = "contacts:manage")]
    key: String,
    /// Its name.
    name: String,
    /// Whether it guards an operation of this service, and not one of the provider's applications.
    service: bool,
}

/// Permissions that are often given together.
#[derive(Debug, Serialize, ToSchema)]
pub struct CatalogPreset {
    /// Its key.
    key: String,
    /// Its name.
    name: String,
    /// Whether it holds every permission, those that are added later included.
    all_permissions: bool,
    /// The permissions, where it does not.
    permissions: Vec<String>,
}

/// A kind of notice.
#[derive(Debug, Serialize, ToSchema)]
pub struct CatalogCategory {
    /// Its key.
    #[schema(example = "invoice")]
    key: String,
    /// Its name.
    name: String,
    /// Whether it keeps a recipient, whatever anybody wishes.
    mandatory: bool,
}

/// What the provider decided about contacts and log-ins.
#[derive(Debug, Serialize, ToSchema)]
pub struct CatalogPolicy {
    /// The greatest number of contacts of an account, unless an operator says otherwise.
    #[schema(minimum = 1, maximum = 1000)]
    contact_limit: i32,
    /// What a contact must have beside a name and an address.
    required_contact_fields: Vec<String>,
    /// When a contact gets a log-in: `on_verification`, `on_request` or `never`.
    contact_login: String,
    /// Whether an ownership transfer acts at once (`immediate`) or when it is `accepted`.
    owner_transfer: String,
    /// Who edits the names of a contact that logs in: `manager` or `self`.
    profile_edited_by: String,
}

/// The provider's roles, applications, permissions, categories and policy.
#[derive(Debug, Serialize, ToSchema)]
pub struct CatalogView {
    /// The catalog's name.
    #[schema(example = "standard")]
    name: String,
    /// The roles.
    roles: Vec<CatalogRole>,
    /// The applications.
    applications: Vec<CatalogApplication>,
    /// The permissions, this service's own first.
    permissions: Vec<CatalogPermission>,
    /// The presets of permissions.
    permission_presets: Vec<CatalogPreset>,
    /// The categories of notices.
    categories: Vec<CatalogCategory>,
    /// The policy.
    policy: CatalogPolicy,
}

impl CatalogView {
    fn of(catalog: &Catalog, language: Language) -> Self {
        let texts = |keys: &[accounts_domain::keys::CategoryKey]| keys.iter().map(ToString::to_string).collect();
        let policy = catalog.policy();
        Self {
            name: catalog.name().to_owned(),
            roles: catalog
                .roles()
                .iter()
                .map(|role| CatalogRole {
                    key: role.key.to_string(),
                    name: role.names.in_language(language).to_owned(),
                    single_holder: role.holders == Holders::One,
                    vacancy: role.vacancy.to_string(),
                    verified_only: role.verified_only,
                    categories: texts(&role.categories),
                })
                .collect(),
            applications: catalog
                .applications()
                .iter()
                .map(|application| CatalogApplication {
                    key: application.key.to_string(),
                    name: application.names.in_language(language).to_owned(),
                    url: application.url.clone(),
                    opens_for: application.opens_for.iter().map(CatalogOpening::of).collect(),
                })
                .collect(),
            permissions: permissions(catalog, language),
            permission_presets: catalog
                .permission_presets()
                .iter()
                .map(|preset| CatalogPreset {
                    key: preset.key.clone(),
                    name: preset.names.in_language(language).to_owned(),
                    all_permissions: preset.permissions == Permissions::All,
                    permissions: match &preset.permissions {
                        Permissions::All => Vec::new(),
                        Permissions::Chosen(keys) => keys.iter().map(ToString::to_string).collect(),
                    },
                })
                .collect(),
            categories: catalog
                .categories()
                .iter()
                .map(|category| CatalogCategory {
                    key: category.key.to_string(),
                    name: category.names.in_language(language).to_owned(),
                    mandatory: category.mandatory,
                })
                .collect(),
            policy: CatalogPolicy {
                contact_limit: i32::from(policy.contact_limit),
                required_contact_fields: policy.required_contact_fields.iter().map(ToString::to_string).collect(),
                contact_login: policy.contact_login.to_string(),
                owner_transfer: policy.owner_transfer.to_string(),
                profile_edited_by: policy.profile_edited_by.to_string(),
            },
        }
    }
}

fn permissions(catalog: &Catalog, language: Language) -> Vec<CatalogPermission> {
    let own = ServicePermission::ALL.into_iter().map(|permission| CatalogPermission {
        key: permission.as_str().to_owned(),
        name: permission.name(language).to_owned(),
        service: true,
    });
    let provider = catalog.permissions().iter().map(|entry| CatalogPermission {
        key: entry.key.to_string(),
        name: entry.names.in_language(language).to_owned(),
        service: false,
    });
    own.chain(provider).collect()
}

impl CatalogOpening {
    fn of(opening: &Opening) -> Self {
        fn texts<K: ToString>(keys: &[K]) -> Vec<String> {
            keys.iter().map(ToString::to_string).collect()
        }
        match opening {
            Opening::Everyone => Self {
                kind: "everyone",
                keys: Vec::new(),
            },
            Opening::Owner => Self {
                kind: "owner",
                keys: Vec::new(),
            },
            Opening::RoleHolders(roles) => Self {
                kind: "role_holders",
                keys: texts(roles),
            },
            Opening::PrimaryHolders(roles) => Self {
                kind: "primary_holders",
                keys: texts(roles),
            },
            Opening::Permissions(keys) => Self {
                kind: "permissions",
                keys: texts(keys),
            },
        }
    }
}

/// Read the catalog
///
/// The provider's roles, applications, permissions, categories and policy, with their names in the caller's language.
#[utoipa::path(
    get,
    path = "/v1/catalog",
    tag = "catalog",
    responses((status = 200, description = "The catalog.", body = CatalogView), answer::NotModified)
)]
async fn read_catalog(service: Data<Service>, Wanted(language): Wanted) -> Reply {
    let view = CatalogView::of(service.store.catalog(), language);
    Reply::ok(&view)
        .tagged_by_body()
        .in_language(language)
        .cache("public, max-age=300")
}

/// A public key (RFC 7517).
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the document alone reads the shape; the keys write themselves")]
pub struct SigningKey {
    /// `OKP`.
    kty: String,
    /// `Ed25519`.
    crv: String,
    /// Its name in the header of a token.
    kid: String,
    /// The public key, base64url.
    x: String,
}

/// The public keys (RFC 7517).
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the document alone reads the shape; the keys write themselves")]
pub struct SigningKeys {
    /// The keys, the one that signs first.
    keys: Vec<SigningKey>,
}

/// Read the signing keys
///
/// The public keys with which anybody checks our access tokens (RFC 7517).
#[utoipa::path(
    get,
    path = "/.well-known/jwks.json",
    tag = "catalog",
    responses((status = 200, description = "The keys.", body = SigningKeys), answer::NotModified)
)]
async fn read_signing_keys(service: Data<Service>) -> Reply {
    Reply::ok(service.tokens.published())
        .tagged_by_body()
        .cache("public, max-age=300")
}
