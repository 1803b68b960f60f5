use super::*;
use crate::given::{
    ANA, BEA, CEM, LINK, NOW, Person, SOUND, SYSTEM, ZOE, address, categories, category, chosen, datacenter, hosting,
    mixed, moment, permission, role, roles, saas_suite, standard, telephony,
};
use crate::mail::mails;
use crate::roster::AccountStatus;
use crate::verification::SendVerification;

mod addresses;
mod created;
mod edited;
mod removed;

const DAN: Person = Person(4, "Dan");
const EVA: Person = Person(5, "Eva");
const FAY: Person = Person(6, "Fay");

fn forbidden(key: &str) -> Violation {
    Violation::Forbidden {
        permission: permission(key),
    }
}

fn missing<const N: usize>(fields: [ContactField; N]) -> Violation {
    Violation::MissingFields {
        fields: BTreeSet::from(fields),
    }
}

fn called(name: &str) -> ContactPatch {
    ContactPatch {
        display_name: Some(DisplayName::parse(name).unwrap()),
        ..ContactPatch::default()
    }
}

fn at_address(local_part: &str) -> ContactPatch {
    ContactPatch {
        address: Some(address(local_part)),
        ..ContactPatch::default()
    }
}

fn with_more(local_parts: &[&str]) -> ContactPatch {
    let more = local_parts.iter().map(|part| address(part)).collect();
    ContactPatch {
        more_addresses: Some(more),
        ..ContactPatch::default()
    }
}

fn with_login(person: Person, permissions: Permissions) -> CreateContact {
    CreateContact {
        login: Some(permissions),
        ..person.added()
    }
}

fn changed(roster: &Roster, by: By, person: Person, patch: &ContactPatch) -> Roster {
    roster.clone().then(roster.change_contact(by, person.contact(), patch))
}
