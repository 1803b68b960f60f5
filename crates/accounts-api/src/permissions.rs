//! Which permissions somebody is given, as bodies say it: all, a preset of the catalog, or chosen ones.

use accounts_domain::catalog::Catalog;
use accounts_domain::keys::PermissionKey;
use accounts_domain::permission::Permissions;
use actix_web::web::Data;

use crate::body::Faults;
use crate::contacts::known_keys;
use crate::problem::{FieldCode, FieldFault};
use crate::service::Service;

/// What the members `all_permissions`, `permission_preset` and `permissions` of a body stand for: one of the three, or
/// nothing where nothing was said.
pub(crate) fn given(
    faults: &mut Faults,
    all: Option<bool>,
    preset: Option<String>,
    chosen: Option<Vec<String>>,
) -> Option<Permissions> {
    let others = usize::from(preset.is_some()) + usize::from(chosen.is_some());
    match all {
        Some(true) if others > 0 => faults.add("all_permissions", FieldCode::Contradictory),
        // Not all: then which?
        Some(false) if others == 0 => faults.add("permissions", FieldCode::Required),
        Some(_) | None => {}
    }
    if others == 2 {
        faults.add("permission_preset", FieldCode::Contradictory);
    }
    let preset = preset.and_then(|key| of_preset(faults, &key));
    let known = |catalog: &Catalog, key: &PermissionKey| catalog.knows_permission(key);
    let chosen = chosen
        .and_then(|keys| known_keys(faults, "permissions", keys, known, FieldCode::UnknownPermission))
        .map(Permissions::Chosen);
    if all == Some(true) {
        Some(Permissions::All)
    } else {
        preset.or(chosen)
    }
}

/// Refuses a body that asks for all permissions and for chosen ones.
pub(crate) fn require_one(faults: &mut Faults, all: Option<bool>, chosen: Option<&[String]>) {
    if all == Some(true) && chosen.is_some() {
        faults.add("all_permissions", FieldCode::Contradictory);
    }
}

fn of_preset(faults: &mut Faults, key: &str) -> Option<Permissions> {
    let service: Option<Data<Service>> = faults.data();
    let catalog = service.as_ref().map(|service| service.store.catalog());
    let preset = catalog.and_then(|catalog| catalog.permission_preset(key));
    if preset.is_none() {
        let fault = FieldFault::new(FieldCode::UnknownPreset).with("key", key);
        faults.add("permission_preset", fault);
    }
    preset.map(|preset| preset.permissions.clone())
}
