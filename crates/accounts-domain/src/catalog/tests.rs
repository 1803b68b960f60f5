//! The presets behave as their articles say, and the accessors find what there is.

mod faults;

use super::*;
use crate::language::Language;

fn preset(name: &str) -> Catalog {
    Catalog::from_preset(name).unwrap_or_else(|faults| panic!("{name}: {faults:#?}"))
}

fn role<'a>(catalog: &'a Catalog, key: &str) -> &'a Role {
    catalog.role(&key.parse().unwrap()).unwrap()
}

fn opens(catalog: &Catalog, application: &str) -> Vec<Opening> {
    let application = catalog.application(&application.parse().unwrap()).unwrap();
    application.opens_for.clone()
}

fn keys<K: std::str::FromStr<Err: fmt::Debug>>(texts: &[&str]) -> Vec<K> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

#[test]
fn every_preset_is_without_fault_and_carries_its_name() {
    for name in Catalog::PRESETS {
        assert_eq!(preset(name).name(), name);
    }
    assert_eq!(Catalog::standard().unwrap().name(), "standard");
    assert_eq!(Catalog::preset("other"), None);
    let faults = Catalog::from_preset("other").unwrap_err();
    assert!(faults[0].message.contains("saas-suite"), "{}", faults[0]);
}

#[test]
fn l_19_every_entry_of_every_preset_is_named_in_both_languages() {
    for name in Catalog::PRESETS {
        let catalog = preset(name);
        let names = (catalog.roles().iter().map(|entry| &entry.names))
            .chain(catalog.applications().iter().map(|entry| &entry.names))
            .chain(catalog.permissions().iter().map(|entry| &entry.names))
            .chain(catalog.permission_presets().iter().map(|entry| &entry.names))
            .chain(catalog.categories().iter().map(|entry| &entry.names));
        for names in names {
            for language in Language::ALL {
                assert!(!names.in_language(language).is_empty(), "{name}");
            }
        }
    }
}

#[test]
fn standard_is_what_a_provider_would_start_from() {
    let standard = preset("standard");
    let roles: Vec<&str> = standard.roles().iter().map(|role| role.key.as_str()).collect();
    assert_eq!(roles, ["general", "billing", "technical", "security"]);
    for role in standard.roles() {
        assert_eq!(role.holders, Holders::Many);
        assert_eq!(role.vacancy, Vacancy::Owner);
        assert!(!role.verified_only);
    }
    assert_eq!(standard.fallback_role().unwrap().as_str(), "general");
    assert_eq!(
        opens(&standard, "bill_desk"),
        [Opening::PrimaryHolders(keys(&["billing"]))]
    );
    assert_eq!(
        opens(&standard, "help_desk"),
        [Opening::PrimaryHolders(keys(&["technical"]))]
    );
    assert_eq!(*standard.policy(), Policy::default());
}

#[test]
fn saas_suite_is_that_of_its_article() {
    let suite = preset("saas-suite");
    assert_eq!(suite.policy().contact_limit, 5, "M-04");
    assert_eq!(suite.policy().contact_login, ContactLogin::OnVerification, "M-50");
    assert!(suite.policy().contact_login_permissions.is_none(), "M-11");
    assert_eq!(suite.policy().owner_transfer, OwnerTransfer::Immediate, "M-57");
    assert_eq!(suite.policy().former_owner, FormerOwner::None, "M-60");
    assert_eq!(suite.policy().profile_edited_by, ProfileEditedBy::Person, "M-39");
    assert!(suite.policy().required_contact_fields.is_empty(), "M-44");
    for key in ["billing", "technical"] {
        let role = role(&suite, key);
        assert_eq!(role.holders, Holders::One, "M-21, M-29");
        assert_eq!(role.vacancy, Vacancy::Allowed, "M-17");
        assert!(role.verified_only, "M-59");
    }
    let billing = [Opening::RoleHolders(keys(&["billing"]))];
    for application in ["bill_desk", "license_extension", "record_payment"] {
        assert_eq!(opens(&suite, application), billing, "M-23, M-25, M-26, M-34");
    }
    let technical = [Opening::RoleHolders(keys(&["technical"]))];
    assert_eq!(opens(&suite, "help_desk"), technical, "M-20, M-28, M-31");
    for application in ["manage_contacts", "manage_roles"] {
        assert_eq!(opens(&suite, application), [Opening::Owner], "M-11, M-42");
    }
    for application in ["payment_gateway", "documentation"] {
        assert_eq!(opens(&suite, application), [Opening::Everyone], "M-37, M-38");
    }
}

#[test]
fn hosting_is_that_of_its_articles() {
    let hosting = preset("hosting");
    assert_eq!(hosting.policy().contact_login, ContactLogin::Never, "U-11, K-04");
    assert!(hosting.policy().notify_unverified, "U-24");
    let all = hosting.permission_preset("all_permissions").unwrap();
    assert_eq!(all.permissions, Permissions::All, "U-15");
    for key in ["tickets:view", "tickets:open"] {
        assert!(hosting.knows_permission(&key.parse().unwrap()), "K-18");
    }
    let replies = hosting.category(&"support_replies".parse().unwrap()).unwrap();
    assert!(replies.own_items_only, "K-16");
    for category in hosting.categories() {
        assert!(category.audience.contains(&Audience::Subscribers), "U-22");
        assert!(category.audience.contains(&Audience::Owner), "U-34");
        assert!(category.permission.is_some(), "K-23");
    }
    assert_eq!(hosting.inbound().contacts, InboundRight::Open, "K-14");
}

#[test]
fn datacenter_is_that_of_its_article() {
    let datacenter = preset("datacenter");
    let roles: Vec<&str> = datacenter.roles().iter().map(|role| role.key.as_str()).collect();
    assert_eq!(roles, ["general", "billing", "technical", "security"]);
    for role in datacenter.roles() {
        assert_eq!(role.holders, Holders::Many, "L-17");
        assert_eq!(role.vacancy, Vacancy::Forbidden);
    }
    let required: Vec<&str> = datacenter
        .policy()
        .required_contact_fields
        .iter()
        .map(|field| field.as_str())
        .collect();
    assert_eq!(required, ["first_name", "last_name", "phone", "role"], "L-05, L-07");
    assert_eq!(datacenter.policy().contact_login, ContactLogin::OnRequest, "L-08");
}

#[test]
fn telephony_is_that_of_its_article() {
    let telephony = preset("telephony");
    for key in ["tech", "accounts", "general"] {
        let role = role(&telephony, key);
        assert_eq!(role.vacancy, Vacancy::Owner, "O-05");
        assert_eq!(role.categories, keys(&[key]), "O-04, O-08");
    }
    assert_eq!(telephony.roles().len(), 3, "O-04");
    assert_eq!(telephony.inbound().contacts, InboundRight::Open, "O-02");
    assert_eq!(telephony.inbound().unknown_senders, InboundRight::None, "O-03");
    assert!(telephony.inbound().members.is_empty(), "O-03");
}

#[test]
fn the_strongest_right_of_a_member_counts() {
    let standard = preset("standard");
    let right = |permissions: &[&str]| {
        let permissions = keys::<PermissionKey>(permissions).into_iter().collect();
        standard.inbound().right_of_member(&permissions)
    };
    assert_eq!(right(&[]), InboundRight::None);
    assert_eq!(right(&["contacts:manage"]), InboundRight::None);
    assert_eq!(right(&["tickets:view"]), InboundRight::Reply);
    assert_eq!(right(&["tickets:open", "tickets:view"]), InboundRight::Open);
    assert_eq!(
        standard.inbound().right_of_member(&Permissions::All),
        InboundRight::Open
    );
}

#[test]
fn entries_are_found_by_key_and_permissions_of_the_service_are_known() {
    let standard = preset("standard");
    assert!(standard.role(&"gone".parse().unwrap()).is_none());
    assert!(standard.application(&"gone".parse().unwrap()).is_none());
    assert!(standard.category(&"gone".parse().unwrap()).is_none());
    assert!(standard.permission_preset("gone").is_none());
    assert!(!standard.knows_permission(&"gone:away".parse().unwrap()));
    for permission in ServicePermission::ALL {
        assert!(standard.knows_permission(&permission.key()));
        assert!(standard.permissions().iter().all(|entry| entry.key != permission.key()));
    }
}
