//! Whether a catalog fits the data that is there, and what changing to it would change.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::{Catalog, Holders, Opening};
use crate::keys::{CategoryKey, PermissionKey, RoleKey};

/// What the accounts use of a catalog today.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LiveUse {
    /// Every role that is held, with the largest number of holders that one account has.
    pub roles: BTreeMap<RoleKey, u32>,
    /// Roles that have, in some account, a holder who is not the primary one.
    pub ordinary_holders: BTreeSet<RoleKey>,
    /// Roles that have, in some account, a holder whose address is not verified.
    pub unverified_holders: BTreeSet<RoleKey>,
    /// Categories that somebody subscribed to.
    pub subscribed: BTreeSet<CategoryKey>,
    /// Permissions that a member was granted by key.
    pub granted: BTreeSet<PermissionKey>,
}

/// A reason for which a catalog cannot be used with the data that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// The catalog does not have a role that somebody holds.
    RoleHeld {
        /// The role that the catalog lacks.
        role: RoleKey,
    },
    /// The catalog allows one holder for a role that has more in some account.
    ManyHolders {
        /// The role with one holder.
        role: RoleKey,
        /// The most holders that one account has.
        holders: u32,
    },
    /// The catalog allows no holder but the primary one for a role that somebody holds without
    /// being that.
    OrdinaryHolder {
        /// The role with one holder.
        role: RoleKey,
    },
    /// The catalog opens a role to verified contacts only, and another one holds it.
    UnverifiedHolder {
        /// The role for verified contacts.
        role: RoleKey,
    },
    /// The catalog does not have a category that somebody subscribed to.
    CategorySubscribed {
        /// The category that the catalog lacks.
        category: CategoryKey,
    },
    /// Neither the catalog nor the service has a permission that a member was granted.
    PermissionGranted {
        /// The permission that is lacking.
        permission: PermissionKey,
    },
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RoleHeld { role } => write!(
                f,
                "The role `{role}` is held by contacts, but the catalog does not have it."
            ),
            Self::ManyHolders { role, holders } => write!(
                f,
                "The role `{role}` has {holders} holders in an account, but the catalog allows one."
            ),
            Self::OrdinaryHolder { role } => write!(
                f,
                "The role `{role}` is held by a contact who is not its primary holder, but the catalog allows the primary holder alone."
            ),
            Self::UnverifiedHolder { role } => write!(
                f,
                "The role `{role}` is held by a contact who is not verified, but the catalog opens it to verified contacts only."
            ),
            Self::CategorySubscribed { category } => write!(
                f,
                "The category `{category}` has subscribers, but the catalog does not have it."
            ),
            Self::PermissionGranted { permission } => write!(
                f,
                "The permission `{permission}` was granted to members, but the catalog does not have it."
            ),
        }
    }
}

impl Catalog {
    /// Everything that stands in the way of using this catalog with the data that is there; empty
    /// where it fits. A lowered contact limit is no obstacle: it stops additions and removes
    /// nobody.
    pub fn obstacles(&self, live: &LiveUse) -> Vec<Obstacle> {
        let mut obstacles = Vec::new();
        for (key, holders) in &live.roles {
            let Some(role) = self.role(key) else {
                obstacles.push(Obstacle::RoleHeld { role: key.clone() });
                continue;
            };
            if role.holders == Holders::One {
                if *holders > 1 {
                    obstacles.push(Obstacle::ManyHolders {
                        role: key.clone(),
                        holders: *holders,
                    });
                } else if live.ordinary_holders.contains(key) {
                    obstacles.push(Obstacle::OrdinaryHolder { role: key.clone() });
                }
            }
            if role.verified_only && live.unverified_holders.contains(key) {
                obstacles.push(Obstacle::UnverifiedHolder { role: key.clone() });
            }
        }
        for category in &live.subscribed {
            if self.category(category).is_none() {
                obstacles.push(Obstacle::CategorySubscribed {
                    category: category.clone(),
                });
            }
        }
        for permission in &live.granted {
            if !self.knows_permission(permission) {
                obstacles.push(Obstacle::PermissionGranted {
                    permission: permission.clone(),
                });
            }
        }
        obstacles
    }

    /// What changing from this catalog to `other` would change, one line for each thing; empty
    /// exactly where the two are equal.
    pub fn difference(&self, other: &Self) -> Vec<String> {
        let mut lines = Vec::new();
        compare("", &self.own_fields(), &other.own_fields(), &mut lines);
        for (own, others) in self.kinds().iter().zip(&other.kinds()) {
            compare_kind(own, others, &mut lines);
        }
        lines
    }

    fn own_fields(&self) -> Fields {
        let policy = self.policy();
        let inbound = self.inbound();
        let rights = inbound
            .members
            .iter()
            .map(|(permission, right)| format!("{permission} = {right}"));
        vec![
            ("name", self.name().to_owned()),
            ("fallback_role", optional(self.fallback_role())),
            ("inbound.contacts", inbound.contacts.to_string()),
            ("inbound.members", listed(rights)),
            ("inbound.unknown_senders", inbound.unknown_senders.to_string()),
            ("policy.contact_limit", policy.contact_limit.to_string()),
            (
                "policy.required_contact_fields",
                listed(&policy.required_contact_fields),
            ),
            ("policy.contact_login", policy.contact_login.to_string()),
            (
                "policy.contact_login_permissions",
                policy.contact_login_permissions.to_string(),
            ),
            ("policy.notify_unverified", policy.notify_unverified.to_string()),
            ("policy.owner_transfer", policy.owner_transfer.to_string()),
            ("policy.former_owner", policy.former_owner.to_string()),
            ("policy.profile_edited_by", policy.profile_edited_by.to_string()),
            ("policy.shared_mailbox_words", listed(&policy.shared_mailbox_words)),
            ("policy.review_after_days", policy.review_after_days.to_string()),
        ]
    }

    fn kinds(&self) -> [Kind; 5] {
        [
            Kind {
                name: "roles",
                one: "role",
                entries: self.roles().iter().map(role_fields).collect(),
            },
            Kind {
                name: "applications",
                one: "application",
                entries: self.applications().iter().map(application_fields).collect(),
            },
            Kind {
                name: "permissions",
                one: "permission",
                entries: self
                    .permissions()
                    .iter()
                    .map(|entry| (entry.key.to_string(), names_fields(&entry.names)))
                    .collect(),
            },
            Kind {
                name: "permission_presets",
                one: "preset of permissions",
                entries: self.permission_presets().iter().map(preset_fields).collect(),
            },
            Kind {
                name: "categories",
                one: "category",
                entries: self.categories().iter().map(category_fields).collect(),
            },
        ]
    }
}

/// The fields of one entry by name, each as people read it.
type Fields = Vec<(&'static str, String)>;

/// All entries of one kind, in the order of the document.
struct Kind {
    name: &'static str,
    one: &'static str,
    entries: Vec<(String, Fields)>,
}

impl Kind {
    fn fields(&self, key: &str) -> Option<&Fields> {
        self.entries
            .iter()
            .find(|(own, _)| own == key)
            .map(|(_, fields)| fields)
    }

    /// The keys that `other` has too, in the order of this one.
    fn shared_keys(&self, other: &Self) -> Vec<&str> {
        self.entries
            .iter()
            .map(|(key, _)| key.as_str())
            .filter(|key| other.fields(key).is_some())
            .collect()
    }
}

fn compare_kind(own: &Kind, others: &Kind, lines: &mut Vec<String>) {
    let (kind, one) = (own.name, own.one);
    for (key, fields) in &own.entries {
        match others.fields(key) {
            Some(other) => compare(&format!("{kind}.{key}."), fields, other, lines),
            None => lines.push(format!("{kind}.{key}: the {one} is removed")),
        }
    }
    for (key, fields) in &others.entries {
        if own.fields(key).is_none() {
            let fields: Vec<String> = fields.iter().map(|(name, value)| format!("{name} {value}")).collect();
            lines.push(format!("{kind}.{key}: the {one} is added, with {}", fields.join(", ")));
        }
    }
    if own.shared_keys(others) != others.shared_keys(own) {
        lines.push(format!("{kind}: the order changes"));
    }
}

fn compare(path: &str, own: &Fields, others: &Fields, lines: &mut Vec<String>) {
    for ((name, before), (_, after)) in own.iter().zip(others) {
        if before != after {
            lines.push(format!("{path}{name}: {before} becomes {after}"));
        }
    }
}

fn names_fields(names: &crate::language::Names) -> Fields {
    vec![
        ("names.en", format!("\"{}\"", names.en)),
        ("names.fr", format!("\"{}\"", names.fr)),
    ]
}

fn role_fields(role: &super::Role) -> (String, Fields) {
    let mut fields = names_fields(&role.names);
    fields.extend([
        ("holders", role.holders.to_string()),
        ("vacancy", role.vacancy.to_string()),
        ("categories", listed(&role.categories)),
        ("verified_only", role.verified_only.to_string()),
    ]);
    (role.key.to_string(), fields)
}

fn application_fields(application: &super::Application) -> (String, Fields) {
    let mut fields = names_fields(&application.names);
    let openings = application.opens_for.iter().map(|opening| match opening {
        Opening::Everyone => "everyone".to_owned(),
        Opening::Owner => "owner".to_owned(),
        Opening::RoleHolders(roles) => format!("role_holders {}", listed(roles)),
        Opening::PrimaryHolders(roles) => format!("primary_holders {}", listed(roles)),
        Opening::Permissions(keys) => format!("permissions {}", listed(keys)),
    });
    fields.extend([
        ("url", optional(application.url.as_ref())),
        ("opens_for", listed(openings)),
    ]);
    (application.key.to_string(), fields)
}

fn preset_fields(preset: &super::PermissionPreset) -> (String, Fields) {
    let mut fields = names_fields(&preset.names);
    fields.push(("permissions", preset.permissions.to_string()));
    (preset.key.clone(), fields)
}

fn category_fields(category: &super::Category) -> (String, Fields) {
    let mut fields = names_fields(&category.names);
    fields.extend([
        ("mandatory", category.mandatory.to_string()),
        ("audience", listed(&category.audience)),
        ("fallback", category.fallback.to_string()),
        ("permission", optional(category.permission.as_ref())),
        ("own_items_only", category.own_items_only.to_string()),
    ]);
    (category.key.to_string(), fields)
}

fn optional<T: fmt::Display>(value: Option<&T>) -> String {
    value.map_or_else(|| "nothing".to_owned(), ToString::to_string)
}

fn listed<T: fmt::Display>(values: impl IntoIterator<Item = T>) -> String {
    let values: Vec<String> = values.into_iter().map(|value| value.to_string()).collect();
    format!("[{}]", values.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standard() -> Catalog {
        Catalog::standard().unwrap()
    }

    fn suite() -> Catalog {
        Catalog::from_preset("saas-suite").unwrap()
    }

    fn set<K: std::str::FromStr<Err: fmt::Debug> + Ord>(keys: &[&str]) -> BTreeSet<K> {
        keys.iter().map(|key| key.parse().unwrap()).collect()
    }

    fn held(roles: &[(&str, u32)]) -> BTreeMap<RoleKey, u32> {
        roles
            .iter()
            .map(|(key, holders)| (key.parse().unwrap(), *holders))
            .collect()
    }

    fn sentences(catalog: &Catalog, live: &LiveUse) -> Vec<String> {
        let obstacles = catalog.obstacles(live);
        obstacles.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_catalog_fits_what_it_allows_and_empty_data() {
        let live = LiveUse {
            roles: held(&[("billing", 4), ("security", 1)]),
            ordinary_holders: set(&["billing"]),
            unverified_holders: set(&["billing"]),
            subscribed: set(&["invoice"]),
            granted: set(&["tickets:open", "contacts:manage"]),
        };
        assert!(standard().obstacles(&live).is_empty());
        for name in Catalog::PRESETS {
            let catalog = Catalog::from_preset(name).unwrap();
            assert!(catalog.obstacles(&LiveUse::default()).is_empty());
        }
    }

    #[test]
    fn what_is_in_use_may_not_be_removed() {
        let live = LiveUse {
            roles: held(&[("general", 1)]),
            subscribed: set(&["product_news"]),
            granted: set(&["contacts:manage", "tickets:open"]),
            ..LiveUse::default()
        };
        assert_eq!(
            sentences(&suite(), &live),
            [
                "The role `general` is held by contacts, but the catalog does not have it.",
                "The category `product_news` has subscribers, but the catalog does not have it.",
                "The permission `tickets:open` was granted to members, but the catalog does not have it.",
            ]
        );
    }

    #[test]
    fn m_21_a_role_with_one_holder_does_not_fit_many_or_an_ordinary_one() {
        let live = LiveUse {
            roles: held(&[("billing", 3), ("technical", 1)]),
            ordinary_holders: set(&["billing", "technical"]),
            ..LiveUse::default()
        };
        assert_eq!(
            suite().obstacles(&live),
            [
                Obstacle::ManyHolders {
                    role: "billing".parse().unwrap(),
                    holders: 3
                },
                Obstacle::OrdinaryHolder {
                    role: "technical".parse().unwrap()
                },
            ]
        );
        let primary_only = LiveUse {
            roles: held(&[("billing", 1), ("technical", 1)]),
            ..LiveUse::default()
        };
        assert!(suite().obstacles(&primary_only).is_empty());
    }

    #[test]
    fn m_59_a_role_for_verified_contacts_does_not_fit_another_holder() {
        let live = LiveUse {
            roles: held(&[("billing", 1)]),
            unverified_holders: set(&["billing"]),
            ..LiveUse::default()
        };
        assert_eq!(
            suite().obstacles(&live),
            [Obstacle::UnverifiedHolder {
                role: "billing".parse().unwrap()
            }]
        );
        assert!(standard().obstacles(&live).is_empty());
    }

    #[test]
    fn equal_catalogs_do_not_differ_and_others_do() {
        for own in Catalog::PRESETS {
            for other in Catalog::PRESETS {
                let (own, other) = (Catalog::from_preset(own).unwrap(), Catalog::from_preset(other).unwrap());
                assert_eq!(own.difference(&other).is_empty(), own == other);
            }
        }
    }

    #[test]
    fn a_difference_names_every_change() {
        let document = Catalog::preset("standard").unwrap();
        let changed = document
            .replace("contact_limit = 5 ", "contact_limit = 9 ")
            .replace("fr = \"Facturation\"", "fr = \"Comptes\"")
            .replace("key = \"product_news\"", "key = \"news\"")
            .replace("[{ primary_holders = [\"billing\"] }]", "[\"everyone\"]")
            .replace("\"tickets:view\" = \"reply\"", "\"tickets:view\" = \"open\"");
        let changed = Catalog::parse(&changed).unwrap();
        assert_eq!(
            standard().difference(&changed),
            [
                "inbound.members: [tickets:open = open, tickets:view = reply] becomes [tickets:open = open, tickets:view = open]",
                "policy.contact_limit: 5 becomes 9",
                "roles.billing.names.fr: \"Facturation\" becomes \"Comptes\"",
                "applications.bill_desk.opens_for: [primary_holders [billing]] becomes [everyone]",
                "permission_presets.billing.names.fr: \"Facturation\" becomes \"Comptes\"",
                "categories.product_news: the category is removed",
                "categories.news: the category is added, with names.en \"Product news\", names.fr \"Nouveautés des produits\", mandatory false, audience [subscribers], fallback nobody, permission nothing, own_items_only false",
            ]
        );
    }

    #[test]
    fn a_changed_order_is_a_difference() {
        let entry = |key: &str| {
            format!(
                "[[roles]]\nkey = \"{key}\"\nnames = {{ en = \"R\", fr = \"R\" }}\nholders = \"many\"\nvacancy = \"allowed\"\n"
            )
        };
        let (a, b) = (entry("a"), entry("b"));
        let own = Catalog::parse(&format!("name = \"own\"\n{a}{b}")).unwrap();
        let other = Catalog::parse(&format!("name = \"own\"\n{b}{a}")).unwrap();
        assert_eq!(own.difference(&other), ["roles: the order changes"]);
    }
}
