//! What a member may do: the service's own permissions, and sets of permissions.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::keys::PermissionKey;
use crate::language::{Language, Names};

/// A permission that the service itself asks for; a catalog adds the provider's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServicePermission {
    /// `account:manage`: change the account's name, language and company details.
    AccountManage,
    /// `contacts:view`: see the contacts and the roles they hold.
    ContactsView,
    /// `contacts:manage`: add, change, verify and remove contacts.
    ContactsManage,
    /// `roles:manage`: give and take roles, and move primary places.
    RolesManage,
    /// `members:view`: see the members, their permissions and the open invitations.
    MembersView,
    /// `members:manage`: invite, change, suspend and remove members.
    MembersManage,
    /// `audit:view`: read the account's audit log.
    AuditView,
    /// `notifications:view`: see subscriptions and who receives what.
    NotificationsView,
    /// `notifications:manage`: change the subscriptions of other members and send test messages; those of contacts go with
    /// the contacts.
    NotificationsManage,
    /// `keys:manage`: make and revoke the account's API keys and webhooks.
    KeysManage,
    /// `review:manage`: read the account review and record that it was done.
    ReviewManage,
}

impl ServicePermission {
    /// Every permission of the service, in the order in which they are offered.
    pub const ALL: [Self; 11] = [
        Self::AccountManage,
        Self::ContactsView,
        Self::ContactsManage,
        Self::RolesManage,
        Self::MembersView,
        Self::MembersManage,
        Self::AuditView,
        Self::NotificationsView,
        Self::NotificationsManage,
        Self::KeysManage,
        Self::ReviewManage,
    ];

    /// The permission as it is written: `contacts:manage`, say.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AccountManage => "account:manage",
            Self::ContactsView => "contacts:view",
            Self::ContactsManage => "contacts:manage",
            Self::RolesManage => "roles:manage",
            Self::MembersView => "members:view",
            Self::MembersManage => "members:manage",
            Self::AuditView => "audit:view",
            Self::NotificationsView => "notifications:view",
            Self::NotificationsManage => "notifications:manage",
            Self::KeysManage => "keys:manage",
            Self::ReviewManage => "review:manage",
        }
    }

    /// The key by which members hold it.
    pub fn key(self) -> PermissionKey {
        PermissionKey::known(self.as_str())
    }

    /// The service's permission of this key, if it is one.
    pub fn from_key(key: &PermissionKey) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|permission| permission.as_str() == key.as_str())
    }

    /// What people read, in `language`.
    pub const fn name(self, language: Language) -> &'static str {
        let (en, fr) = self.both_names();
        match language {
            Language::En => en,
            Language::Fr => fr,
        }
    }

    /// What people read, in every language.
    pub fn names(self) -> Names {
        let (en, fr) = self.both_names();
        Names {
            en: en.to_owned(),
            fr: fr.to_owned(),
        }
    }

    const fn both_names(self) -> (&'static str, &'static str) {
        match self {
            Self::AccountManage => ("Manage the account", "Gérer le compte"),
            Self::ContactsView => ("View contacts", "Voir les contacts"),
            Self::ContactsManage => ("Manage contacts", "Gérer les contacts"),
            Self::RolesManage => ("Manage roles", "Gérer les rôles"),
            Self::MembersView => ("View members", "Voir les membres"),
            Self::MembersManage => ("Manage members", "Gérer les membres"),
            Self::AuditView => ("View the audit log", "Voir le journal d’audit"),
            Self::NotificationsView => ("View notifications", "Voir les notifications"),
            Self::NotificationsManage => ("Manage notifications", "Gérer les notifications"),
            Self::KeysManage => ("Manage API keys", "Gérer les clés d’API"),
            Self::ReviewManage => ("Review the account", "Faire la revue du compte"),
        }
    }
}

impl fmt::Display for ServicePermission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a member may do: everything, or what was chosen.
///
/// It is written as `"all"` or as a sorted array of keys.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Permissions {
    /// Everything, permissions that are added later included (rule U-15).
    All,
    /// These and no others (rule U-16); the empty set is a member who may do nothing yet.
    Chosen(BTreeSet<PermissionKey>),
}

impl Permissions {
    /// No permission at all.
    pub const fn none() -> Self {
        Self::Chosen(BTreeSet::new())
    }

    /// Says whether this is no permission at all.
    pub fn is_none(&self) -> bool {
        matches!(self, Self::Chosen(keys) if keys.is_empty())
    }

    /// Says whether whoever holds these holds `key`.
    pub fn contains(&self, key: &PermissionKey) -> bool {
        match self {
            Self::All => true,
            Self::Chosen(keys) => keys.contains(key),
        }
    }

    /// Says whether whoever holds these holds everything of `others`, and so may grant them
    /// ("nobody grants what they do not have"). Chosen permissions never cover all, not even if
    /// every key of today is among them, because all includes those of tomorrow.
    pub fn covers(&self, others: &Self) -> bool {
        match (self, others) {
            (Self::All, _) => true,
            (Self::Chosen(_), Self::All) => false,
            (Self::Chosen(own), Self::Chosen(others)) => others.is_subset(own),
        }
    }
}

impl FromIterator<PermissionKey> for Permissions {
    fn from_iter<I: IntoIterator<Item = PermissionKey>>(keys: I) -> Self {
        Self::Chosen(keys.into_iter().collect())
    }
}

impl fmt::Display for Permissions {
    /// Writes `all`, `none` or the keys with commas between them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Chosen(keys) if keys.is_empty() => f.write_str("none"),
            Self::Chosen(keys) => {
                for (position, key) in keys.iter().enumerate() {
                    if position > 0 {
                        f.write_str(", ")?;
                    }
                    write!(f, "{key}")?;
                }
                Ok(())
            }
        }
    }
}

impl Serialize for Permissions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::All => serializer.serialize_str("all"),
            Self::Chosen(keys) => keys.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Permissions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AllOrKeys;

        impl<'de> Visitor<'de> for AllOrKeys {
            type Value = Permissions;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"all\" or an array of permissions")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                if text == "all" {
                    Ok(Permissions::All)
                } else {
                    Err(E::invalid_value(de::Unexpected::Str(text), &self))
                }
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
                let mut keys = BTreeSet::new();
                while let Some(key) = items.next_element()? {
                    keys.insert(key);
                }
                Ok(Permissions::Chosen(keys))
            }
        }

        deserializer.deserialize_any(AllOrKeys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(keys: &[&str]) -> Permissions {
        keys.iter().map(|key| key.parse().unwrap()).collect()
    }

    #[test]
    fn every_permission_of_the_service_has_the_form_of_a_key_and_names() {
        for permission in ServicePermission::ALL {
            let key = permission.key();
            assert_eq!(key.as_str().parse(), Ok(key.clone()));
            assert_eq!(ServicePermission::from_key(&key), Some(permission));
            for language in Language::ALL {
                assert!(!permission.name(language).is_empty());
                assert_eq!(permission.names().in_language(language), permission.name(language));
            }
        }
        let foreign = "tickets:open".parse().unwrap();
        assert_eq!(ServicePermission::from_key(&foreign), None);
    }

    #[test]
    fn u_15_all_covers_everything_and_is_covered_by_all_only() {
        let some = chosen(&["contacts:manage", "tickets:open"]);
        assert!(Permissions::All.covers(&Permissions::All));
        assert!(Permissions::All.covers(&some));
        assert!(!some.covers(&Permissions::All));
        assert!(Permissions::All.contains(&"anything:later".parse().unwrap()));
    }

    #[test]
    fn u_16_chosen_permissions_cover_what_is_among_them() {
        let some = chosen(&["contacts:manage", "tickets:open"]);
        assert!(some.covers(&some));
        assert!(some.covers(&chosen(&["tickets:open"])));
        assert!(some.covers(&Permissions::none()));
        assert!(!chosen(&["tickets:open"]).covers(&some));
        assert!(some.contains(&"tickets:open".parse().unwrap()));
        assert!(!some.contains(&"tickets:view".parse().unwrap()));
        assert!(Permissions::none().is_none() && !some.is_none());
    }

    #[test]
    fn the_written_form_is_all_or_a_sorted_array() {
        assert_eq!(toml::Value::try_from(Permissions::All), Ok(toml::Value::from("all")));
        let some = chosen(&["tickets:open", "contacts:manage"]);
        let written = toml::Value::from(vec!["contacts:manage", "tickets:open"]);
        assert_eq!(toml::Value::try_from(&some), Ok(written.clone()));
        assert_eq!(written.try_into::<Permissions>(), Ok(some));
        for wrong in [
            toml::Value::from("some"),
            toml::Value::from(vec!["tickets"]),
            toml::Value::from(1),
        ] {
            assert!(wrong.clone().try_into::<Permissions>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn people_read_all_none_or_a_list() {
        assert_eq!(Permissions::All.to_string(), "all");
        assert_eq!(Permissions::none().to_string(), "none");
        assert_eq!(chosen(&["b:c", "a:b"]).to_string(), "a:b, b:c");
    }
}
