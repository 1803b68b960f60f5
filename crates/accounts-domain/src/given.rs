//! What the tests start from: accounts of each preset, people with small numbers, moments.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;
use std::sync::{Arc, LazyLock};

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::accounts::{OpenAccount, open};
use crate::actor::{Actor, By};
use crate::address::EmailAddress;
use crate::catalog::Catalog;
use crate::change::Change;
use crate::contacts::CreateContact;
use crate::ids::{
    AccountId, ContactId, IntegrationId, InvitationId, MailId, NotificationId, SendingId, TransferId, UserId,
    VerificationId,
};
use crate::invitations::{InvitationLife, InvitationRecord, Invite};
use crate::keys::{CategoryKey, PermissionKey, RoleKey};
use crate::language::Language;
use crate::names::{AccountName, DisplayName, ExternalId, PersonName};
use crate::ownership::Transfer;
use crate::permission::Permissions;
use crate::phone::{Phone, PhoneKind, PhoneNumber};
use crate::roster::{AccountProfile, AccountStatus, ContactProfile, MemberStatus, Roster};
use crate::verification::{ConfirmVerification, SendVerification};

/// A person of the tests, of whom all is worked out from number and name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Person(pub(crate) u32, pub(crate) &'static str);

/// The owner.
pub(crate) const ANA: Person = Person(1, "Ana");
pub(crate) const BEA: Person = Person(2, "Bea");
pub(crate) const CEM: Person = Person(3, "Cem");
/// Somebody whom the account does not know.
pub(crate) const ZOE: Person = Person(26, "Zoe");

/// The service itself.
pub(crate) const SYSTEM: By = By {
    actor: Actor::System,
    at: NOW,
};
/// Whoever follows a mailed link.
pub(crate) const LINK: By = By {
    actor: Actor::Link,
    at: NOW,
};
/// An hour after the account was opened.
pub(crate) const NOW: DateTime<Utc> = moment(60);

/// What is broken of a sound account.
pub(crate) const SOUND: [String; 0] = [];

impl Person {
    pub(crate) fn contact(self) -> ContactId {
        contact_id(self.0)
    }

    pub(crate) fn user(self) -> UserId {
        user_id(self.0)
    }

    pub(crate) fn address(self) -> EmailAddress {
        address(&self.1.to_lowercase())
    }

    pub(crate) fn by(self) -> By {
        self.by_at(NOW)
    }

    pub(crate) fn by_at(self, at: DateTime<Utc>) -> By {
        By {
            actor: Actor::User(self.user()),
            at,
        }
    }

    /// Everything that a catalog could require.
    pub(crate) fn profile(self) -> ContactProfile {
        let number = PhoneNumber::parse("+33142685300").unwrap();
        ContactProfile {
            display_name: DisplayName::parse(self.1).unwrap(),
            first_name: Some(PersonName::parse(self.1).unwrap()),
            last_name: Some(PersonName::parse("Lima").unwrap()),
            title: None,
            language: Language::En,
            phones: vec![Phone {
                number,
                kind: PhoneKind::Landline,
            }],
        }
    }

    /// The command that adds this person as a contact, with nothing that is not required.
    pub(crate) fn added(self) -> CreateContact {
        CreateContact {
            id: self.contact(),
            profile: self.profile(),
            address: self.address(),
            more_addresses: Vec::new(),
            roles: BTreeSet::new(),
            login: None,
            subscriptions: BTreeSet::new(),
        }
    }
}

/// Minutes after the account was opened.
pub(crate) const fn moment(minutes: i64) -> DateTime<Utc> {
    let Some(opened) = DateTime::from_timestamp(1_800_000_000 + minutes * 60, 0) else {
        panic!("the year 2027 is a time")
    };
    opened
}

pub(crate) fn account_id() -> AccountId {
    AccountId::from_uuid(Uuid::from_u128(1))
}

pub(crate) fn contact_id(number: u32) -> ContactId {
    ContactId::from_uuid(Uuid::from_u128(number.into()))
}

pub(crate) fn user_id(number: u32) -> UserId {
    UserId::from_uuid(Uuid::from_u128(number.into()))
}

pub(crate) fn link_id(number: u32) -> VerificationId {
    VerificationId::from_uuid(Uuid::from_u128(number.into()))
}

pub(crate) fn transfer_id(number: u32) -> TransferId {
    TransferId::from_uuid(Uuid::from_u128(number.into()))
}

pub(crate) fn notification_id(number: u32) -> NotificationId {
    NotificationId::from_uuid(Uuid::from_u128(number.into()))
}

pub(crate) fn mail_id(number: u32) -> MailId {
    MailId::from_uuid(Uuid::from_u128(number.into()))
}

pub(crate) fn integration_id(number: u32) -> IntegrationId {
    IntegrationId::from_uuid(Uuid::from_u128(number.into()))
}

pub(crate) fn sending_id(number: u32) -> SendingId {
    SendingId::from_uuid(Uuid::from_u128(number.into()))
}

/// The command that invites this person, who has no place in the account yet.
pub(crate) fn inviting(person: Person, number: u32, permissions: Permissions) -> Invite {
    Invite {
        id: InvitationId::from_uuid(Uuid::from_u128(number.into())),
        sending: sending_id(number),
        address: person.address(),
        display_name: None,
        language: Language::En,
        permissions,
        contact: None,
        life: InvitationLife::default(),
        by_name: None,
    }
}

pub(crate) fn address(local_part: &str) -> EmailAddress {
    EmailAddress::parse(&format!("{local_part}@lima.example")).unwrap()
}

fn key<K: FromStr<Err: std::fmt::Debug>>(text: &str) -> K {
    text.parse().unwrap()
}

pub(crate) fn role(text: &str) -> RoleKey {
    key(text)
}

pub(crate) fn roles(texts: &[&str]) -> BTreeSet<RoleKey> {
    texts.iter().map(|text| key(text)).collect()
}

pub(crate) fn category(text: &str) -> CategoryKey {
    key(text)
}

pub(crate) fn categories(texts: &[&str]) -> BTreeSet<CategoryKey> {
    texts.iter().map(|text| key(text)).collect()
}

pub(crate) fn permission(text: &str) -> PermissionKey {
    key(text)
}

pub(crate) fn chosen(texts: &[&str]) -> Permissions {
    texts.iter().map(|text| key::<PermissionKey>(text)).collect()
}

pub(crate) fn standard() -> Roster {
    account("standard")
}

pub(crate) fn saas_suite() -> Roster {
    account("saas-suite")
}

pub(crate) fn datacenter() -> Roster {
    account("datacenter")
}

pub(crate) fn hosting() -> Roster {
    account("hosting")
}

pub(crate) fn telephony() -> Roster {
    account("telephony")
}

/// An account of a provider who chose what no preset chooses: every kind of role, transfers that wait.
pub(crate) fn mixed() -> Roster {
    account("mixed")
}

/// An account of that catalog with nobody but Ana, who owns it.
pub(crate) fn account(catalog: &str) -> Roster {
    let command = OpenAccount {
        account: account_id(),
        contact: ANA.contact(),
        user: ANA.user(),
        profile: AccountProfile {
            name: AccountName::parse("Lima").unwrap(),
            language: Language::En,
            phone: None,
            postal_address: None,
            tax_id: None,
        },
        owner: ANA.profile(),
        address: ANA.address(),
        external_id: None,
    };
    let by = By {
        actor: Actor::Link,
        at: moment(0),
    };
    open(Arc::clone(&CATALOGS[catalog]), by, &command).unwrap().0
}

/// The names of the catalogs: the presets and `mixed`.
pub(crate) const CATALOG_NAMES: [&str; 6] = ["standard", "saas-suite", "hosting", "datacenter", "telephony", "mixed"];

static CATALOGS: LazyLock<BTreeMap<&str, Arc<Catalog>>> = LazyLock::new(|| {
    let catalog = |name: &str| match Catalog::preset(name) {
        Some(document) => Catalog::parse(document),
        None => Catalog::parse(MIXED),
    };
    CATALOG_NAMES
        .into_iter()
        .map(|name| (name, Arc::new(catalog(name).unwrap())))
        .collect()
});

const MIXED: &str = r#"
name = "mixed"
policy = { contact_limit = 4, contact_login = "on_request", owner_transfer = "accepted", former_owner = "all", profile_edited_by = "manager" }
roles = [
    { key = "one_allowed", names = { en = "A", fr = "A" }, holders = "one", vacancy = "allowed", categories = ["told"] },
    { key = "one_owner", names = { en = "B", fr = "B" }, holders = "one", vacancy = "owner" },
    { key = "one_forbidden", names = { en = "C", fr = "C" }, holders = "one", vacancy = "forbidden" },
    { key = "many_allowed", names = { en = "D", fr = "D" }, holders = "many", vacancy = "allowed" },
    { key = "many_verified", names = { en = "E", fr = "E" }, holders = "many", vacancy = "forbidden", verified_only = true },
]
applications = [
    { key = "desk", names = { en = "Desk", fr = "Desk" }, opens_for = ["owner", { permissions = ["account:manage"] }] },
]
categories = [
    { key = "told", names = { en = "Told", fr = "Told" }, audience = ["role_holders"], fallback = "owner" },
]
"#;

impl Roster {
    /// The account after a decision at [`NOW`] that is not refused.
    pub(crate) fn then(self, changes: Result<Vec<Change>, crate::violation::Violation>) -> Self {
        let after = self.after(&changes.unwrap(), NOW);
        assert_eq!(after.broken(), SOUND);
        after
    }

    /// With this person as a contact that nobody has verified. It holds the catalog's first role where the
    /// catalog requires one.
    pub(crate) fn with(self, person: Person) -> Self {
        let mut command = person.added();
        if self.catalog().name() == "datacenter" {
            command.roles = roles(&["general"]);
        }
        let changes = self.create_contact(SYSTEM, &command);
        self.then(changes)
    }

    /// With this person as a contact that is verified, and that logs in where the catalog says so.
    pub(crate) fn with_verified(self, person: Person) -> Self {
        self.with(person).with_proof(person)
    }

    /// With this person as a contact that is verified and logs in with these permissions, however it came to.
    pub(crate) fn with_member(self, person: Person, permissions: Permissions) -> Self {
        self.with_verified(person).joined(person, permissions)
    }

    /// With this person as a contact that is verified and, apart from it, as a member who logs in with its address: as
    /// people are where contacts never log in.
    pub(crate) fn with_user_apart(self, person: Person, permissions: Permissions) -> Self {
        self.with_verified(person).then(Ok(vec![Change::MemberAdded {
            user: person.user(),
            contact: None,
            permissions,
        }]))
    }

    /// After a contact of the account came to log in with these permissions.
    pub(crate) fn joined(mut self, person: Person, permissions: Permissions) -> Self {
        self.parts.members.remove(&person.user());
        let contact = Some(person.contact());
        self.then(Ok(vec![Change::MemberAdded {
            user: person.user(),
            contact,
            permissions,
        }]))
    }

    /// After the person followed a link to the main address, or to the one that waits.
    pub(crate) fn with_proof(self, person: Person) -> Self {
        let link = person.0 + 1_000;
        let send = SendVerification {
            id: link_id(link),
            contact: person.contact(),
            address: None,
        };
        let changes = self.send_verification(SYSTEM, &send);
        let waiting = self.then(changes);
        let changes = waiting.confirm_verification(LINK, &person.confirms(link));
        waiting.then(changes)
    }

    pub(crate) fn holding(self, person: Person, role_key: &str) -> Self {
        let changes = self.give_role(SYSTEM, person.contact(), &role(role_key));
        self.then(changes)
    }

    pub(crate) fn promoted(self, person: Person, role_keys: &[&str]) -> Self {
        let command = person.promoted(role_keys);
        let changes = self.promote(SYSTEM, &command);
        self.then(changes)
    }

    pub(crate) fn in_status(self, status: AccountStatus) -> Self {
        let changes = self.change_status(status);
        self.then(Ok(changes))
    }

    /// As an integration opens it: its owner is not verified yet, and so has no place.
    pub(crate) fn not_activated(mut self) -> Self {
        self.parts.account.external_id = Some(ExternalId::parse("4711").unwrap());
        self.parts.contact_mut(ANA.contact()).unwrap().address.verified_at = None;
        self.parts.holders.clear();
        self.parts.primaries.clear();
        self
    }

    pub(crate) fn suspended_member(mut self, person: Person) -> Self {
        let member = self.parts.members.get_mut(&person.user()).unwrap();
        member.status = MemberStatus::Suspended;
        self
    }

    pub(crate) fn expiring_member(mut self, person: Person, at: DateTime<Utc>) -> Self {
        let member = self.parts.members.get_mut(&person.user()).unwrap();
        member.expires_at = Some(at);
        self
    }

    pub(crate) fn with_limit(mut self, limit: u16) -> Self {
        self.parts.account.contact_limit = Some(limit);
        self
    }

    /// An invitation that waits, as the store tells it.
    pub(crate) fn record(&self, id: InvitationId) -> InvitationRecord {
        InvitationRecord {
            invitation: self.parts.invitations[&id].clone(),
            inviter_name: None,
            ended: None,
        }
    }

    /// The transfer that waits, as the store tells it.
    pub(crate) fn waiting(&self) -> Transfer {
        Transfer {
            request: self.parts.transfer.clone().unwrap(),
            ended: None,
            version: 1,
        }
    }
}

impl Person {
    pub(crate) fn promoted(self, role_keys: &[&str]) -> crate::roles::Promote {
        crate::roles::Promote {
            contact: self.contact(),
            roles: roles(role_keys),
        }
    }

    pub(crate) fn confirms(self, link: u32) -> ConfirmVerification {
        ConfirmVerification {
            id: link_id(link),
            user: self.user(),
        }
    }
}

pub(crate) fn seconds(count: i64) -> TimeDelta {
    TimeDelta::seconds(count)
}
