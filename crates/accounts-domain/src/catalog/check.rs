//! What a catalog's entries say about each other: references that lead somewhere, and choices that
//! can hold together.

use super::section::Faults;
use super::{
    Application, Audience, Catalog, Category, ContactField, ContactLogin, Fallback, Holders, Opening, Role, Vacancy,
};
use crate::keys::{PermissionKey, RoleKey};
use crate::permission::{Permissions, ServicePermission};

/// Reports what does not fit together. Where reading found a fault already, what stands there may
/// be a stand-in and is not judged.
pub(super) fn check(catalog: &Catalog, faults: &mut Faults) {
    if let Some(role) = catalog.fallback_role() {
        known_role(catalog, role, "fallback_role", faults);
    }
    for role in catalog.roles() {
        check_role(catalog, role, faults);
    }
    for application in catalog.applications() {
        check_application(catalog, application, faults);
    }
    for entry in catalog.permissions() {
        if ServicePermission::from_key(&entry.key).is_some() {
            faults.add(
                format!("permissions.{}.key", entry.key),
                "this is a permission of the service itself; it needs no entry",
            );
        }
    }
    for preset in catalog.permission_presets() {
        let path = format!("permission_presets.{}.permissions", preset.key);
        known_permissions(catalog, &preset.permissions, &path, faults);
    }
    for category in catalog.categories() {
        check_category(catalog, category, faults);
    }
    for permission in catalog.inbound().members.keys() {
        let path = format!("inbound.members.{permission}");
        known_permission(catalog, permission, &path, faults);
    }
    check_policy(catalog, faults);
}

fn check_role(catalog: &Catalog, role: &Role, faults: &mut Faults) {
    let path = format!("roles.{}", role.key);
    let vacancy = format!("{path}.vacancy");
    if role.vacancy == Vacancy::Owner && role.verified_only && !faults.spoil(&vacancy) {
        faults.add(
            vacancy,
            "the owner cannot stand in at every time: a role that is verified_only is closed to the owner of an account that was opened for a customer and is not activated yet; choose \"allowed\" or \"forbidden\", or drop verified_only",
        );
    }
    if faults.hit("categories") {
        return;
    }
    let categories = format!("{path}.categories");
    for key in &role.categories {
        match catalog.category(key) {
            None => faults.add(
                categories.as_str(),
                format!("there is no category `{key}` in this catalog"),
            ),
            Some(category)
                if !category.audience.contains(&Audience::RoleHolders)
                    && !faults.spoil(&format!("categories.{key}.audience")) =>
            {
                faults.add(
                    categories.as_str(),
                    format!(
                        "the audience of the category `{key}` has no \"role_holders\", so they would not receive it"
                    ),
                );
            }
            Some(_) => {}
        }
    }
}

fn check_application(catalog: &Catalog, application: &Application, faults: &mut Faults) {
    for (position, opening) in application.opens_for.iter().enumerate() {
        let path = format!("applications.{}.opens_for", application.key);
        // Positions hold only as long as no opening was dropped by reading.
        let path = if faults.spoil(&path) {
            path
        } else {
            format!("{path}[{position}]")
        };
        match opening {
            Opening::Everyone | Opening::Owner => {}
            Opening::RoleHolders(roles) | Opening::PrimaryHolders(roles) => {
                for role in roles {
                    known_role(catalog, role, &path, faults);
                }
            }
            Opening::Permissions(permissions) => {
                for permission in permissions {
                    known_permission(catalog, permission, &path, faults);
                }
            }
        }
    }
}

fn check_category(catalog: &Catalog, category: &Category, faults: &mut Faults) {
    let path = format!("categories.{}", category.key);
    if let Some(permission) = &category.permission {
        known_permission(catalog, permission, &format!("{path}.permission"), faults);
    }
    let audience = format!("{path}.audience");
    let routed = catalog
        .roles()
        .iter()
        .any(|role| role.categories.contains(&category.key));
    if category.audience.contains(&Audience::RoleHolders) && !routed && !faults.spoil("roles") {
        faults.add(
            audience.as_str(),
            "\"role_holders\" are meant, but no role has this category among its categories",
        );
    }
    let fallback = format!("{path}.fallback");
    if faults.spoil(&fallback) {
        return;
    }
    if category.fallback == Fallback::Role && catalog.fallback_role().is_none() && !faults.hit("fallback_role") {
        faults.add(fallback, "\"role\" needs a fallback_role, and the catalog names none");
    } else if category.mandatory
        && category.fallback == Fallback::Nobody
        && !category.audience.contains(&Audience::Owner)
        && !faults.spoil(&audience)
    {
        faults.add(
            fallback,
            "a mandatory category always has a recipient: choose \"owner\" or \"role\", or add \"owner\" to the audience",
        );
    }
}

fn check_policy(catalog: &Catalog, faults: &mut Faults) {
    let policy = catalog.policy();
    let path = "policy.contact_login_permissions";
    known_permissions(catalog, &policy.contact_login_permissions, path, faults);
    if policy.contact_login == ContactLogin::Never
        && !policy.contact_login_permissions.is_none()
        && !faults.spoil("policy.contact_login")
    {
        faults.add(path, "contacts never log in, so no permissions come with it");
    }
    let needs_role = policy.required_contact_fields.contains(&ContactField::Role);
    let takes_newcomers = catalog
        .roles()
        .iter()
        .any(|role| role.holders == Holders::Many && !role.verified_only);
    if needs_role && !takes_newcomers && !faults.spoil("roles") {
        faults.add(
            "policy.required_contact_fields",
            "\"role\" is required, but there is no role that a new contact, not verified yet, could be given: one with holders = \"many\" and without verified_only",
        );
    }
}

fn known_role(catalog: &Catalog, key: &RoleKey, path: &str, faults: &mut Faults) {
    if catalog.role(key).is_none() && !faults.hit("roles") {
        faults.add(path, format!("there is no role `{key}` in this catalog"));
    }
}

fn known_permissions(catalog: &Catalog, some: &Permissions, path: &str, faults: &mut Faults) {
    match some {
        Permissions::All => {}
        Permissions::Chosen(keys) => {
            for key in keys {
                known_permission(catalog, key, path, faults);
            }
        }
    }
}

fn known_permission(catalog: &Catalog, key: &PermissionKey, path: &str, faults: &mut Faults) {
    if !catalog.knows_permission(key) && !faults.hit("permissions") {
        faults.add(
            path,
            format!("there is no permission `{key}` in this catalog or in the service"),
        );
    }
}
