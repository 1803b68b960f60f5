//! Reads a catalog's document value by value, so that one reading finds every fault.
//!
//! A value that is missing or wrong is reported and replaced by a stand-in; reading goes on. What
//! comes out is a catalog only if nothing was reported. References between entries are not looked
//! at here but in `check`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use toml::{Table, Value};
use validator::ValidateUrl;

use super::section::{Faults, Section, read_keys, text, word, wrong_type};
use super::{
    Application, Catalog, Category, Fallback, Holders, Inbound, InboundRight, Opening, PermissionEntry,
    PermissionPreset, Policy, Role, Vacancy,
};
use crate::keys::{ApplicationKey, CategoryKey, InvalidKey, KEY_LENGTH, PermissionKey, RoleKey, is_key};
use crate::permission::Permissions;

/// The longest address of an application, in bytes.
const URL_LENGTH: usize = 2_000;
/// The longest word that marks a shared mailbox, in bytes: a local part, RFC 5321 4.5.3.1.1.
const MAILBOX_WORD_LENGTH: usize = 64;
/// The most entries of one kind. It bounds what every access decision walks through.
const MOST_ENTRIES: usize = 200;
/// How many contacts an account may be allowed.
const CONTACT_LIMITS: RangeInclusive<u16> = 1..=1_000;
/// How many days may lie between two reviews.
const REVIEW_DAYS: RangeInclusive<u32> = 1..=3_650;

/// Reads the document. There is nothing to go on with where it is not TOML.
pub(super) fn read(document: &str, faults: &mut Faults) -> Option<Catalog> {
    let table = match toml::from_str::<Table>(document) {
        Ok(table) => table,
        Err(first) => {
            report_syntax(document, first, faults);
            return None;
        }
    };
    let mut top = Section::new("", &table);
    let catalog = Catalog {
        name: name(&mut top, faults),
        fallback_role: top.optional_key("fallback_role", faults),
        roles: entries(&mut top, "roles", faults, role),
        applications: entries(&mut top, "applications", faults, application),
        permissions: entries(&mut top, "permissions", faults, permission),
        permission_presets: entries(&mut top, "permission_presets", faults, permission_preset),
        categories: entries(&mut top, "categories", faults, category),
        inbound: inbound(&mut top, faults),
        policy: policy(&mut top, faults),
    };
    top.close(faults);
    Some(catalog)
}

/// Reports every place where the text is not TOML.
fn report_syntax(document: &str, first: toml::de::Error, faults: &mut Faults) {
    let (_, mut all) = toml::de::DeTable::parse_recoverable(document);
    if all.is_empty() {
        all.push(first);
    }
    let start = |error: &toml::de::Error| error.span().map_or(0, |span| span.start);
    all.sort_by_key(start);
    for error in all {
        let start = start(&error);
        let before = document.get(..start).unwrap_or(document);
        let line = before.matches('\n').count() + 1;
        faults.add(format!("line {line}"), error.message());
    }
}

/// Reads the array of tables at `kind`, each named by its `key`.
fn entries<'a, K, E>(
    top: &mut Section<'a>,
    kind: &'static str,
    faults: &mut Faults,
    read: fn(Option<K>, &mut Section<'a>, &mut Faults) -> Option<E>,
) -> Vec<E>
where
    K: FromStr<Err: Display>,
{
    let items = top.list(kind, faults).unwrap_or_default();
    if items.len() > MOST_ENTRIES {
        faults.add(kind, format!("there are more than {MOST_ENTRIES} entries"));
    }
    let mut entries = Vec::new();
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for (position, item) in items.iter().enumerate() {
        let numbered = format!("{kind}[{position}]");
        let Value::Table(table) = item else {
            faults.add(numbered, wrong_type("a table", item));
            continue;
        };
        let mut entry = Section::new(numbered, table);
        let key = entry_key::<K>(&mut entry, faults).map(|(text, key)| {
            if let Some(first) = seen.get(text) {
                faults.add(
                    entry.at("key"),
                    format!("`{text}` is the key of {kind}[{first}] already"),
                );
            } else {
                seen.insert(text, position);
                entry.rename(format!("{kind}.{text}"));
            }
            key
        });
        entries.extend(read(key, &mut entry, faults));
        entry.close(faults);
    }
    entries
}

fn entry_key<'a, K>(entry: &mut Section<'a>, faults: &mut Faults) -> Option<(&'a str, K)>
where
    K: FromStr<Err: Display>,
{
    let text = entry.text("key", faults)?;
    match text.parse() {
        Ok(key) => Some((text, key)),
        Err(invalid) => {
            faults.add(entry.at("key"), invalid.to_string());
            None
        }
    }
}

fn name(top: &mut Section<'_>, faults: &mut Faults) -> String {
    let Some(name) = top.text("name", faults) else {
        return String::new();
    };
    if !is_key(&name.replace('-', "_"), KEY_LENGTH) {
        faults.add(
            "name",
            "a catalog's name starts with a small letter a to z and has at most 40 small letters, digits and hyphens",
        );
    }
    name.to_owned()
}

// The readers of entries below take the key last: where it is missing there is no entry, but the
// faults of its other fields are reported all the same.

fn role(key: Option<RoleKey>, entry: &mut Section<'_>, faults: &mut Faults) -> Option<Role> {
    let role = Role {
        names: entry.names(faults),
        holders: entry.required_word("holders", Holders::Many, faults),
        vacancy: entry.required_word("vacancy", Vacancy::Allowed, faults),
        categories: entry.keys("categories", faults),
        verified_only: entry.flag("verified_only", faults),
        key: key?,
    };
    Some(role)
}

fn application(key: Option<ApplicationKey>, entry: &mut Section<'_>, faults: &mut Faults) -> Option<Application> {
    let application = Application {
        names: entry.names(faults),
        url: url(entry, faults),
        opens_for: openings(entry, faults),
        key: key?,
    };
    Some(application)
}

fn url(entry: &mut Section<'_>, faults: &mut Faults) -> Option<String> {
    let url = entry.optional_text("url", faults)?;
    let on_the_web = ["https://", "http://"].iter().any(|scheme| {
        url.get(..scheme.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    });
    // The parser of addresses drops line breaks and tabs silently; a link must not hold any.
    let clean = !url.contains(|c: char| c.is_whitespace() || c.is_control());
    if !(on_the_web && clean && url.len() <= URL_LENGTH && url.validate_url()) {
        faults.add(
            entry.at("url"),
            "an application stands at an absolute address that begins with https:// or http:// and has at most 2,000 characters",
        );
    }
    Some(url.to_owned())
}

fn openings(entry: &mut Section<'_>, faults: &mut Faults) -> Vec<Opening> {
    let path = entry.at("opens_for");
    let items = entry.list("opens_for", faults).unwrap_or_default();
    if items.is_empty() && !faults.hit(&path) {
        faults.add(
            path.as_str(),
            "missing or empty: nobody could ever open the application",
        );
    }
    let mut openings = Vec::new();
    for (position, item) in items.iter().enumerate() {
        let path = format!("{path}[{position}]");
        match opening(&path, item, faults) {
            Some(opening) if openings.contains(&opening) => faults.add(path, "stands here twice"),
            Some(opening) => openings.push(opening),
            None => {}
        }
    }
    openings
}

/// Reads `"everyone"`, `"owner"`, or a table with exactly one list of roles or permissions.
fn opening(path: &str, item: &Value, faults: &mut Faults) -> Option<Opening> {
    match item.as_str() {
        Some("everyone") => return Some(Opening::Everyone),
        Some("owner") => return Some(Opening::Owner),
        Some(_) | None => {}
    }
    let only = item
        .as_table()
        .filter(|table| table.len() == 1)
        .and_then(|table| table.iter().next())
        .and_then(|(kind, keys)| Some((kind.as_str(), keys.as_array()?)));
    let Some((kind @ ("role_holders" | "primary_holders" | "permissions"), keys)) = only else {
        faults.add(
            path,
            "an application opens for \"everyone\", for the \"owner\", or for one of { role_holders = [] }, { primary_holders = [] } and { permissions = [] } with keys in the brackets",
        );
        return None;
    };
    let path = format!("{path}.{kind}");
    if keys.is_empty() {
        faults.add(path.as_str(), "empty: nobody would be meant");
    }
    Some(match kind {
        "role_holders" => Opening::RoleHolders(read_keys(&path, keys, faults)),
        "primary_holders" => Opening::PrimaryHolders(read_keys(&path, keys, faults)),
        _ => Opening::Permissions(read_keys(&path, keys, faults)),
    })
}

fn permission(key: Option<PermissionKey>, entry: &mut Section<'_>, faults: &mut Faults) -> Option<PermissionEntry> {
    let permission = PermissionEntry {
        names: entry.names(faults),
        key: key?,
    };
    Some(permission)
}

/// The key of a preset of permissions, of the same form as the others.
struct PresetKey(String);

impl FromStr for PresetKey {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if is_key(text, KEY_LENGTH) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidKey::Word)
        }
    }
}

fn permission_preset(key: Option<PresetKey>, entry: &mut Section<'_>, faults: &mut Faults) -> Option<PermissionPreset> {
    let names = entry.names(faults);
    if entry.value("permissions").is_none() {
        faults.add(entry.at("permissions"), "missing: say what the preset stands for");
    }
    let preset = PermissionPreset {
        names,
        permissions: entry
            .permissions("permissions", faults)
            .unwrap_or_else(Permissions::none),
        key: key?.0,
    };
    Some(preset)
}

fn category(key: Option<CategoryKey>, entry: &mut Section<'_>, faults: &mut Faults) -> Option<Category> {
    let names = entry.names(faults);
    let audience = entry.words("audience", faults).unwrap_or_default();
    let path = entry.at("audience");
    if audience.is_empty() && !faults.spoil(&path) {
        faults.add(
            path,
            "missing or empty: a category goes to at least one of \"role_holders\", \"subscribers\" and \"owner\"",
        );
    }
    let category = Category {
        names,
        mandatory: entry.flag("mandatory", faults),
        audience,
        fallback: entry.word("fallback", Fallback::Nobody, faults),
        permission: entry.optional_key("permission", faults),
        own_items_only: entry.flag("own_items_only", faults),
        key: key?,
    };
    Some(category)
}

fn inbound(top: &mut Section<'_>, faults: &mut Faults) -> Inbound {
    let silent = Inbound::default();
    let Some(mut section) = top.section("inbound", faults) else {
        return silent;
    };
    let inbound = Inbound {
        contacts: section.word("contacts", silent.contacts, faults),
        members: rights_of_members(&mut section, faults),
        unknown_senders: section.word("unknown_senders", silent.unknown_senders, faults),
    };
    section.close(faults);
    inbound
}

/// Reads a table from permission to right; its keys are data, so none of them is unknown.
fn rights_of_members(inbound: &mut Section<'_>, faults: &mut Faults) -> BTreeMap<PermissionKey, InboundRight> {
    let mut rights = BTreeMap::new();
    let Some(members) = inbound.section("members", faults) else {
        return rights;
    };
    for (permission, value) in members.pairs() {
        let path = members.at(permission);
        let right = word(&path, value, faults);
        match permission.parse::<PermissionKey>() {
            Ok(permission) => rights.extend(right.map(|right| (permission, right))),
            Err(invalid) => faults.add(path, invalid.to_string()),
        }
    }
    rights
}

fn policy(top: &mut Section<'_>, faults: &mut Faults) -> Policy {
    let silent = Policy::default();
    let Some(mut section) = top.section("policy", faults) else {
        return silent;
    };
    let policy = Policy {
        contact_limit: section.number("contact_limit", &CONTACT_LIMITS, silent.contact_limit, faults),
        required_contact_fields: section
            .words("required_contact_fields", faults)
            .unwrap_or(silent.required_contact_fields),
        contact_login: section.word("contact_login", silent.contact_login, faults),
        contact_login_permissions: section
            .permissions("contact_login_permissions", faults)
            .unwrap_or(silent.contact_login_permissions),
        notify_unverified: section.flag("notify_unverified", faults),
        owner_transfer: section.word("owner_transfer", silent.owner_transfer, faults),
        former_owner: section.word("former_owner", silent.former_owner, faults),
        profile_edited_by: section.word("profile_edited_by", silent.profile_edited_by, faults),
        shared_mailbox_words: mailbox_words(&mut section, faults).unwrap_or(silent.shared_mailbox_words),
        review_after_days: section.number("review_after_days", &REVIEW_DAYS, silent.review_after_days, faults),
    };
    section.close(faults);
    policy
}

fn mailbox_words(policy: &mut Section<'_>, faults: &mut Faults) -> Option<Vec<String>> {
    let items = policy.list("shared_mailbox_words", faults)?;
    let mut words = BTreeSet::new();
    let mut in_order = Vec::new();
    for (position, item) in items.iter().enumerate() {
        let path = format!("{}[{position}]", policy.at("shared_mailbox_words"));
        let Some(word) = text(&path, item, faults) else {
            continue;
        };
        let good = (1..=MAILBOX_WORD_LENGTH).contains(&word.len())
            && word.to_lowercase() == word
            && !word.contains(|c: char| c == '@' || c.is_whitespace() || c.is_control());
        if !good {
            faults.add(
                path,
                "a word that marks a shared mailbox is what stands before the @, in small letters, at most 64 bytes long",
            );
        } else if words.insert(word) {
            in_order.push(word.to_owned());
        } else {
            faults.add(path, format!("`{word}` stands here twice"));
        }
    }
    Some(in_order)
}
