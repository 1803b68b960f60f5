//! Every kind of fault of a document is found, at its path, and all of them at once.

use crate::catalog::{Catalog, Inbound, InboundRight, OwnerTransfer, Policy};

/// A document without fault, which the cases below break in one place each.
const WHOLE: &str = r#"
name = "own"
fallback_role = "general"

[policy]
contact_limit = 10
required_contact_fields = ["phone", "role"]
contact_login = "on_request"
contact_login_permissions = ["tickets:open"]
notify_unverified = false
review_after_days = 90
shared_mailbox_words = ["info", "sales"]

[inbound]
contacts = "open"
members = { "tickets:open" = "open" }

[[roles]]
key = "general"
names = { en = "General", fr = "Général" }
holders = "many"
vacancy = "owner"
categories = ["news"]

[[roles]]
key = "billing"
names = { en = "Billing", fr = "Facturation" }
holders = "one"
vacancy = "allowed"
verified_only = true

[[applications]]
key = "help_desk"
names = { en = "Help Desk", fr = "Assistance" }
url = "https://help.example.com/"
opens_for = ["owner", { role_holders = ["billing"] }, { permissions = ["tickets:open"] }]

[[permissions]]
key = "tickets:open"
names = { en = "Open tickets", fr = "Ouvrir des tickets" }

[[permission_presets]]
key = "helper"
names = { en = "Helper", fr = "Assistant" }
permissions = ["tickets:open", "contacts:view"]

[[categories]]
key = "news"
names = { en = "News", fr = "Nouvelles" }
mandatory = true
audience = ["role_holders", "subscribers"]
fallback = "role"
permission = "tickets:open"
"#;

/// The paths of the faults that `WHOLE` has once `before` is replaced by `after`.
fn faults_of(before: &str, after: &str) -> Vec<String> {
    assert!(WHOLE.contains(before), "{before}");
    let document = WHOLE.replacen(before, after, 1);
    match Catalog::parse(&document) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.into_iter().map(|fault| fault.path).collect(),
    }
}

#[test]
fn a_whole_document_is_a_catalog() {
    let catalog = Catalog::parse(WHOLE).unwrap();
    assert_eq!(catalog.name(), "own");
    assert_eq!(catalog.policy().contact_limit, 10);
    // What the document leaves out has its documented value.
    assert_eq!(catalog.policy().owner_transfer, OwnerTransfer::Immediate);
    assert_eq!(catalog.inbound().unknown_senders, InboundRight::None);
    let small = Catalog::parse("name = \"small\"").unwrap();
    assert_eq!(*small.policy(), Policy::default());
    assert_eq!(*small.inbound(), Inbound::default());
}

/// Asserts that `WHOLE` has a fault at each path once the first text is replaced by the second.
fn assert_faults(cases: &[(&str, &str, &str)]) {
    for (before, after, path) in cases {
        let found = faults_of(before, after);
        assert!(
            found.iter().any(|found| found == path),
            "{before} -> {after}: {path} is not among {found:?}"
        );
    }
}

#[test]
fn faults_of_the_document_itself_are_reported_at_their_path() {
    assert_faults(&[
        ("name = \"own\"", "", "name"),
        ("name = \"own\"", "name = 5", "name"),
        ("name = \"own\"", "name = \"My Own\"", "name"),
        ("name = \"own\"", "name = \"own\"\nversion = 2", "version"),
        ("[policy]", "[polcy]", "polcy"),
        ("[inbound]", "[[inbound]]", "inbound"),
        (
            "fallback_role = \"general\"",
            "fallback_role = \"gone\"",
            "fallback_role",
        ),
        (
            "fallback_role = \"general\"",
            "fallback_role = \"Gone\"",
            "fallback_role",
        ),
        ("fallback_role = \"general\"", "", "categories.news.fallback"),
    ]);
}

#[test]
fn faults_of_keys_of_entries_are_reported_at_their_path() {
    assert_faults(&[
        ("key = \"billing\"", "", "roles[1].key"),
        ("key = \"billing\"", "key = \"general\"", "roles[1].key"),
        ("key = \"help_desk\"", "key = \"Help-Desk\"", "applications[0].key"),
        ("key = \"tickets:open\"", "key = \"tickets\"", "permissions[0].key"),
        (
            "[[permission_presets]]",
            "[[permissions]]\nkey = \"contacts:view\"\nnames = { en = \"V\", fr = \"V\" }\n[[permission_presets]]",
            "permissions.contacts:view.key",
        ),
        ("key = \"helper\"", "key = \"\"", "permission_presets[0].key"),
    ]);
}

#[test]
fn faults_of_names_are_reported_at_their_path() {
    let long_name = format!("en = \"{}\"", "n".repeat(101));
    assert_faults(&[
        ("en = \"Billing\", ", "", "roles.billing.names.en"),
        (", fr = \"Facturation\"", "", "roles.billing.names.fr"),
        ("fr = \"Facturation\"", "fr = \"\"", "roles.billing.names.fr"),
        (
            "fr = \"Facturation\"",
            "fr = \" Facturation\"",
            "roles.billing.names.fr",
        ),
        (
            "fr = \"Facturation\"",
            "fr = \"Fac\\nturation\"",
            "roles.billing.names.fr",
        ),
        ("fr = \"Facturation\"", "fr = 1", "roles.billing.names.fr"),
        (
            "fr = \"Facturation\"",
            "fr = \"F\", de = \"R\"",
            "roles.billing.names.de",
        ),
        ("en = \"Billing\"", &long_name, "roles.billing.names.en"),
        (
            "{ en = \"News\", fr = \"Nouvelles\" }",
            "\"News\"",
            "categories.news.names",
        ),
    ]);
}

#[test]
fn faults_of_roles_are_reported_at_their_path() {
    assert_faults(&[
        ("holders = \"one\"", "", "roles.billing.holders"),
        ("holders = \"one\"", "holders = \"two\"", "roles.billing.holders"),
        ("holders = \"one\"", "holders = 1", "roles.billing.holders"),
        (
            "holders = \"one\"",
            "holder = \"one\"\nholders = \"one\"",
            "roles.billing.holder",
        ),
        ("vacancy = \"allowed\"", "", "roles.billing.vacancy"),
        ("vacancy = \"allowed\"", "vacancy = \"never\"", "roles.billing.vacancy"),
        ("vacancy = \"allowed\"", "vacancy = \"owner\"", "roles.billing.vacancy"),
        (
            "verified_only = true",
            "verified_only = \"yes\"",
            "roles.billing.verified_only",
        ),
        (
            "categories = [\"news\"]",
            "categories = [\"news\", \"gone\"]",
            "roles.general.categories",
        ),
        (
            "categories = [\"news\"]",
            "categories = [\"news\", \"news\"]",
            "roles.general.categories[1]",
        ),
        (
            "categories = [\"news\"]",
            "categories = [\"news\", \"N\"]",
            "roles.general.categories[1]",
        ),
        (
            "categories = [\"news\"]",
            "categories = [\"news\", 1]",
            "roles.general.categories[1]",
        ),
        ("categories = [\"news\"]", "", "categories.news.audience"),
    ]);
}

#[test]
fn faults_of_applications_are_reported_at_their_path() {
    let long_url = format!("https://help.example.com/{}", "a".repeat(2_000));
    assert_faults(&[
        (
            "https://help.example.com/",
            "ftp://help.example.com/",
            "applications.help_desk.url",
        ),
        (
            "https://help.example.com/",
            "javascript:alert(1)",
            "applications.help_desk.url",
        ),
        ("https://help.example.com/", "/help", "applications.help_desk.url"),
        ("https://help.example.com/", "https://", "applications.help_desk.url"),
        (
            "https://help.example.com/",
            "https://help.example.com/\\n",
            "applications.help_desk.url",
        ),
        ("https://help.example.com/", &long_url, "applications.help_desk.url"),
        (
            "[\"owner\", { role_holders",
            "[\"owners\", { role_holders",
            "applications.help_desk.opens_for[0]",
        ),
        (
            "[\"owner\", { role_holders",
            "[\"owner\", \"owner\", { role_holders",
            "applications.help_desk.opens_for[1]",
        ),
        (
            "[\"owner\", { role_holders",
            "[\"owner\", {}, { role_holders",
            "applications.help_desk.opens_for[1]",
        ),
        (
            "{ role_holders = [\"billing\"] }",
            "{ holders = [\"billing\"] }",
            "applications.help_desk.opens_for[1]",
        ),
        (
            "{ role_holders = [\"billing\"] }",
            "{ role_holders = [] }",
            "applications.help_desk.opens_for[1].role_holders",
        ),
        (
            "{ role_holders = [\"billing\"] }",
            "{ role_holders = [\"gone\"] }",
            "applications.help_desk.opens_for[1]",
        ),
        (
            "{ role_holders = [\"billing\"] }",
            "{ primary_holders = [\"gone\"] }",
            "applications.help_desk.opens_for[1]",
        ),
        (
            "{ permissions = [\"tickets:open\"] }",
            "{ permissions = [\"tickets:gone\"] }",
            "applications.help_desk.opens_for[2]",
        ),
        (
            "{ permissions = [\"tickets:open\"] }",
            "{ permissions = [\"all\"] }",
            "applications.help_desk.opens_for[2].permissions[0]",
        ),
        (
            "opens_for = [\"owner\", { role_holders = [\"billing\"] }, { permissions = [\"tickets:open\"] }]",
            "opens_for = []",
            "applications.help_desk.opens_for",
        ),
        (
            "opens_for = [\"owner\", { role_holders = [\"billing\"] }, { permissions = [\"tickets:open\"] }]",
            "opens_for = \"everyone\"",
            "applications.help_desk.opens_for",
        ),
    ]);
}

#[test]
fn faults_of_presets_of_permissions_are_reported_at_their_path() {
    assert_faults(&[
        (
            "permissions = [\"tickets:open\", \"contacts:view\"]",
            "",
            "permission_presets.helper.permissions",
        ),
        (
            "permissions = [\"tickets:open\", \"contacts:view\"]",
            "permissions = \"some\"",
            "permission_presets.helper.permissions",
        ),
        (
            "\"contacts:view\"]",
            "\"contacts:gone\"]",
            "permission_presets.helper.permissions",
        ),
        (
            "\"contacts:view\"]",
            "\"tickets:open\"]",
            "permission_presets.helper.permissions[1]",
        ),
    ]);
}

#[test]
fn faults_of_categories_are_reported_at_their_path() {
    assert_faults(&[
        (
            "audience = [\"role_holders\", \"subscribers\"]",
            "",
            "categories.news.audience",
        ),
        (
            "audience = [\"role_holders\", \"subscribers\"]",
            "audience = []",
            "categories.news.audience",
        ),
        ("\"subscribers\"]", "\"subscriber\"]", "categories.news.audience[1]"),
        ("\"subscribers\"]", "\"role_holders\"]", "categories.news.audience[1]"),
        (
            "[\"role_holders\", \"subscribers\"]",
            "[\"subscribers\"]",
            "roles.general.categories",
        ),
        (
            "fallback = \"role\"",
            "fallback = \"nobody\"",
            "categories.news.fallback",
        ),
        ("fallback = \"role\"", "", "categories.news.fallback"),
        ("fallback = \"role\"", "fallback = true", "categories.news.fallback"),
        (
            "permission = \"tickets:open\"",
            "permission = \"tickets:gone\"",
            "categories.news.permission",
        ),
        (
            "permission = \"tickets:open\"",
            "permission = \"tickets\"",
            "categories.news.permission",
        ),
    ]);
}

#[test]
fn faults_of_inbound_mail_are_reported_at_their_path() {
    assert_faults(&[
        ("contacts = \"open\"", "contacts = \"all\"", "inbound.contacts"),
        (
            "contacts = \"open\"",
            "contacts = \"open\"\nstrangers = \"open\"",
            "inbound.strangers",
        ),
        (
            "{ \"tickets:open\" = \"open\" }",
            "{ \"tickets:gone\" = \"open\" }",
            "inbound.members.tickets:gone",
        ),
        (
            "{ \"tickets:open\" = \"open\" }",
            "{ \"tickets:open\" = \"all\" }",
            "inbound.members.tickets:open",
        ),
        (
            "{ \"tickets:open\" = \"open\" }",
            "{ tickets = \"open\" }",
            "inbound.members.tickets",
        ),
    ]);
}

#[test]
fn faults_of_the_policy_are_reported_at_their_path() {
    assert_faults(&[
        ("contact_limit = 10", "contact_limit = 0", "policy.contact_limit"),
        ("contact_limit = 10", "contact_limit = 1001", "policy.contact_limit"),
        ("contact_limit = 10", "contact_limit = 100000", "policy.contact_limit"),
        ("contact_limit = 10", "contact_limit = -1", "policy.contact_limit"),
        ("contact_limit = 10", "contact_limit = \"10\"", "policy.contact_limit"),
        ("contact_limit = 10", "contacts_limit = 10", "policy.contacts_limit"),
        (
            "review_after_days = 90",
            "review_after_days = 0",
            "policy.review_after_days",
        ),
        (
            "review_after_days = 90",
            "review_after_days = 3651",
            "policy.review_after_days",
        ),
        (
            "[\"phone\", \"role\"]",
            "[\"phone\", \"fax\"]",
            "policy.required_contact_fields[1]",
        ),
        (
            "[\"phone\", \"role\"]",
            "[\"phone\", \"phone\"]",
            "policy.required_contact_fields[1]",
        ),
        (
            "holders = \"many\"",
            "holders = \"one\"",
            "policy.required_contact_fields",
        ),
        (
            "contact_login = \"on_request\"",
            "contact_login = \"always\"",
            "policy.contact_login",
        ),
        (
            "contact_login = \"on_request\"",
            "contact_login = \"never\"",
            "policy.contact_login_permissions",
        ),
        (
            "contact_login_permissions = [\"tickets:open\"]",
            "contact_login_permissions = [\"tickets:gone\"]",
            "policy.contact_login_permissions",
        ),
        (
            "notify_unverified = false",
            "notify_unverified = 0",
            "policy.notify_unverified",
        ),
        (
            "[\"info\", \"sales\"]",
            "[\"info\", \"Sales\"]",
            "policy.shared_mailbox_words[1]",
        ),
        (
            "[\"info\", \"sales\"]",
            "[\"info\", \"info@\"]",
            "policy.shared_mailbox_words[1]",
        ),
        (
            "[\"info\", \"sales\"]",
            "[\"info\", \"info\"]",
            "policy.shared_mailbox_words[1]",
        ),
        (
            "[\"info\", \"sales\"]",
            "[\"info\", 5]",
            "policy.shared_mailbox_words[1]",
        ),
    ]);
}

#[test]
fn a_single_fault_is_reported_once_and_draws_no_others_after_it() {
    let cases = [
        ("vacancy = \"owner\"", "vacancy = \"owners\"", "roles.general.vacancy"),
        (
            "\"role_holders\", \"subscribers\"]",
            "\"role_holder\", \"subscribers\"]",
            "categories.news.audience[0]",
        ),
        (
            "fallback = \"role\"",
            "fallback = \"roles\"",
            "categories.news.fallback",
        ),
        (
            "names = { en = \"News\", fr = \"Nouvelles\" }",
            "names = []",
            "categories.news.names",
        ),
        ("[[categories]]", "[categories]", "categories"),
        ("[[permissions]]", "[permissions]", "permissions"),
        (
            "contact_login = \"on_request\"",
            "contact_login = \"nver\"",
            "policy.contact_login",
        ),
        ("fr = \"Facturation\"", "", "roles.billing.names.fr"),
    ];
    for (before, after, path) in cases {
        assert_eq!(faults_of(before, after), [path], "{before} -> {after}");
    }
}

#[test]
fn every_fault_is_reported_at_once() {
    let faults = Catalog::parse(
        r#"
        name = "Own"
        roles = [{ key = "billing", holders = "two" }, 5, { vacancy = "allowed", extra = 1 }]
        applications = [{ key = "desk", names = { en = "Desk", fr = "Bureau" }, opens_for = [{ role_holders = ["gone"] }] }]
        [policy]
        contact_limit = 0
        owner_transfer = "later"
        "#,
    )
    .unwrap_err();
    let paths: Vec<&str> = faults.iter().map(|fault| fault.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "name",
            "roles.billing.names.en",
            "roles.billing.names.fr",
            "roles.billing.holders",
            "roles.billing.vacancy",
            "roles[1]",
            "roles[2].key",
            "roles[2].names.en",
            "roles[2].names.fr",
            "roles[2].holders",
            "roles[2].extra",
            "policy.contact_limit",
            "policy.owner_transfer",
            "applications.desk.opens_for[0]",
        ]
    );
}

#[test]
fn what_is_not_toml_is_reported_by_line() {
    let faults = Catalog::parse("name = \"own\"\nname = \"own\"\n[policy\n").unwrap_err();
    let paths: Vec<&str> = faults.iter().map(|fault| fault.path.as_str()).collect();
    assert_eq!(paths, ["line 2", "line 3"], "{faults:#?}");
}

#[test]
fn a_catalog_has_a_bounded_number_of_entries() {
    use std::fmt::Write;

    let mut document = "name = \"large\"\n".to_owned();
    for number in 0..=200 {
        writeln!(
            document,
            "[[permissions]]\nkey = \"p{number}:use\"\nnames = {{ en = \"P\", fr = \"P\" }}"
        )
        .unwrap();
    }
    let faults = Catalog::parse(&document).unwrap_err();
    assert_eq!(faults.len(), 1);
    assert_eq!(faults[0].path, "permissions");
}

#[test]
fn a_fault_reads_as_path_and_message() {
    let faults = Catalog::parse(&WHOLE.replace("holders = \"one\"", "holders = \"two\"")).unwrap_err();
    assert_eq!(
        faults[0].to_string(),
        "roles.billing.holders: one of \"one\", \"many\" belongs here, not `two`"
    );
}
