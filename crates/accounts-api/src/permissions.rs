//! Which permissions somebody is given, as bodies say it: all, a preset of the catalog, or chosen ones.

use std::collections::BTreeSet;

use accounts_domain::keys::PermissionKey;
use accounts_domain::permission::Permissions;
use actix_web::web::Data;

use crate::body::Faults;
use crate::contacts::keys_of;
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
    let chosen = chosen.and_then(|keys| known(faults, keys)).map(Permissions::Chosen);
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

/// Permissions that the service or the catalog has.
fn known(faults: &mut Faults, keys: Vec<String>) -> Option<BTreeSet<PermissionKey>> {
    let service: Option<Data<Service>> = faults.data();
    let named = keys.clone();
    let read = keys_of(faults, "permissions", keys)?;
    let catalog = service.as_ref().map(|service| service.store.catalog());
    let mut all_known = true;
    for (index, key) in named.iter().enumerate() {
        let key: Option<PermissionKey> = key.parse().ok();
        if let (Some(key), Some(catalog)) = (key, catalog)
            && !catalog.knows_permission(&key)
        {
            let fault = FieldFault::new(FieldCode::UnknownPermission).with("key", key.as_str());
            faults.at("permissions", index).add_here(fault);
            all_known = false;
        }
    }
    all_known.then_some(read)
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
