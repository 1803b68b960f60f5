//! What is said about a contact.

use std::collections::BTreeSet;
use std::str::FromStr;

use accounts_domain::address::EmailAddress;
use accounts_domain::catalog::Catalog;
use accounts_domain::contacts::{ContactPatch, CreateContact};
use accounts_domain::ids::ContactId;
use accounts_domain::keys::{CategoryKey, PermissionKey, RoleKey};
use accounts_domain::language::Language;
use accounts_domain::names::{DisplayName, JobTitle, PersonName};
use accounts_domain::permission::Permissions;
use accounts_domain::phone::{Phone, PhoneKind, PhoneNumber};
use accounts_domain::roster::{Contact, ContactProfile};
use actix_web::web::Data;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::body::{Faults, Parse, present};
use crate::permissions;
use crate::problem::{FieldCode, FieldFault};
use crate::service::Service;

/// The greatest number of keys in a list: as many as a catalog may have.
const KEYS: usize = 200;

/// A telephone number.
#[derive(Debug, Deserialize, ToSchema)]
pub struct PhoneBody {
    /// The number with its country code; blanks, dashes and brackets are dropped.
    #[schema(
        required = true,
        nullable = false,
        min_length = 1,
        max_length = 40,
        example = "+33 1 42 68 53 00"
    )]
    number: Option<String>,
    /// `mobile`, `landline`, `fax` or `other`; `other` where nothing is said.
    #[schema(pattern = "^(mobile|landline|fax|other)$", example = "landline")]
    kind: Option<String>,
}

/// The log-in that comes with the verification.
#[derive(Debug, Deserialize, ToSchema)]
pub struct LoginBody {
    /// What the contact may do: permissions that the caller has, too. None where nothing is said.
    #[schema(max_items = 200, example = json!(["contacts:view"]))]
    permissions: Option<Vec<String>>,
    /// Everything, permissions that are added later included.
    all_permissions: Option<bool>,
}

/// A new contact.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"display_name": "Bea Lima", "address": "bea@lima.example"}))]
pub struct ContactBody {
    /// How it is called.
    #[schema(required = true, nullable = false, min_length = 1, max_length = 100)]
    display_name: Option<String>,
    /// The main address.
    #[schema(required = true, nullable = false, min_length = 3, max_length = 254, format = Email)]
    address: Option<String>,
    /// The first name.
    #[schema(min_length = 1, max_length = 100)]
    first_name: Option<String>,
    /// The last name.
    #[schema(min_length = 1, max_length = 100)]
    last_name: Option<String>,
    /// The position.
    #[schema(min_length = 1, max_length = 100)]
    title: Option<String>,
    /// The language of mails to it: `en` or `fr`; `en` where nothing is said.
    #[schema(pattern = "^(en|fr)$")]
    language: Option<String>,
    /// Telephone numbers.
    #[schema(max_items = 10)]
    phones: Option<Vec<PhoneBody>>,
    /// More addresses.
    #[schema(max_items = 10)]
    more_addresses: Option<Vec<String>>,
    /// Roles that it holds from the start, by key.
    #[schema(max_items = 200)]
    roles: Option<Vec<String>>,
    /// The log-in that it is to get once it is verified.
    login: Option<LoginBody>,
    /// Categories that it wishes to receive beyond those of its roles, by key.
    #[schema(max_items = 200)]
    subscriptions: Option<Vec<String>>,
}

/// A new contact that was read, but for its id.
#[derive(Debug)]
pub struct NewContact {
    profile: ContactProfile,
    address: EmailAddress,
    more_addresses: Vec<EmailAddress>,
    roles: BTreeSet<RoleKey>,
    login: Option<Permissions>,
    subscriptions: BTreeSet<CategoryKey>,
}

impl NewContact {
    /// The command that makes it under this id.
    pub fn command(self, id: ContactId) -> CreateContact {
        CreateContact {
            id,
            profile: self.profile,
            address: self.address,
            more_addresses: self.more_addresses,
            roles: self.roles,
            login: self.login,
            subscriptions: self.subscriptions,
        }
    }
}

impl Parse for ContactBody {
    type Parsed = NewContact;

    fn parse(self, faults: &mut Faults) -> Option<NewContact> {
        let display_name = faults.text("display_name", self.display_name, DisplayName::parse);
        let address = faults.text("address", self.address, EmailAddress::parse);
        let first_name = faults.optional_text("first_name", self.first_name, PersonName::parse);
        let last_name = faults.optional_text("last_name", self.last_name, PersonName::parse);
        let title = faults.optional_text("title", self.title, JobTitle::parse);
        let language = language_of(faults, self.language);
        let phones = phones_of(faults, self.phones.unwrap_or_default());
        let more_addresses = addresses_of(faults, self.more_addresses.unwrap_or_default());
        let roles = keys_of(faults, "roles", self.roles.unwrap_or_default());
        let login = self.login.map(|login| login.parse(&mut faults.within("login")));
        let known = |catalog: &Catalog, key: &CategoryKey| catalog.category(key).is_some();
        let keys = self.subscriptions.unwrap_or_default();
        let subscriptions = known_keys(faults, "subscriptions", keys, known, FieldCode::UnknownCategory);
        let profile = ContactProfile {
            display_name: display_name?,
            first_name,
            last_name,
            title,
            language: language.unwrap_or_default(),
            phones: phones?,
        };
        Some(NewContact {
            profile,
            address: address?,
            more_addresses: more_addresses?,
            roles: roles?,
            login: match login {
                None => None,
                Some(permissions) => Some(permissions?),
            },
            subscriptions: subscriptions?,
        })
    }
}

impl LoginBody {
    fn parse(self, faults: &mut Faults) -> Option<Permissions> {
        permissions::require_one(faults, self.all_permissions, self.permissions.as_deref());
        let chosen: BTreeSet<PermissionKey> = keys_of(faults, "permissions", self.permissions.unwrap_or_default())?;
        Some(if self.all_permissions == Some(true) {
            Permissions::All
        } else {
            Permissions::Chosen(chosen)
        })
    }
}

/// What is to change of a contact; what is absent stays, `null` removes.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"title": "Head of accounting"}))]
#[expect(clippy::option_option, reason = "absent and null are two cases in a merge patch")]
pub struct ContactPatchBody {
    /// How it is called.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false, min_length = 1, max_length = 100)]
    display_name: Option<Option<String>>,
    /// The main address.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false, min_length = 3, max_length = 254, format = Email)]
    address: Option<Option<String>>,
    /// The first name.
    #[serde(default, deserialize_with = "present")]
    #[schema(min_length = 1, max_length = 100)]
    first_name: Option<Option<String>>,
    /// The last name.
    #[serde(default, deserialize_with = "present")]
    #[schema(min_length = 1, max_length = 100)]
    last_name: Option<Option<String>>,
    /// The position.
    #[serde(default, deserialize_with = "present")]
    #[schema(min_length = 1, max_length = 100)]
    title: Option<Option<String>>,
    /// The language of mails to it: `en` or `fr`.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false, pattern = "^(en|fr)$")]
    language: Option<Option<String>>,
    /// All telephone numbers; `null` removes them all.
    #[serde(default, deserialize_with = "present")]
    #[schema(max_items = 10)]
    phones: Option<Option<Vec<PhoneBody>>>,
    /// All the more addresses; `null` removes them all.
    #[serde(default, deserialize_with = "present")]
    #[schema(max_items = 10)]
    more_addresses: Option<Option<Vec<String>>>,
}

impl Parse for ContactPatchBody {
    type Parsed = ContactPatch;

    fn parse(self, faults: &mut Faults) -> Option<ContactPatch> {
        let display_name = faults.kept("display_name", self.display_name);
        let display_name = faults.optional_text("display_name", display_name, DisplayName::parse);
        let address = faults.kept("address", self.address);
        let address = faults.optional_text("address", address, EmailAddress::parse);
        let language = faults.kept("language", self.language);
        let patch = ContactPatch {
            display_name,
            address,
            first_name: faults.patched_text("first_name", self.first_name, PersonName::parse),
            last_name: faults.patched_text("last_name", self.last_name, PersonName::parse),
            title: faults.patched_text("title", self.title, JobTitle::parse),
            language: language_of(faults, language),
            phones: self
                .phones
                .and_then(|phones| phones_of(faults, phones.unwrap_or_default())),
            more_addresses: self
                .more_addresses
                .and_then(|addresses| addresses_of(faults, addresses.unwrap_or_default())),
        };
        faults.is_empty().then_some(patch)
    }
}

/// The categories that a contact or a member wishes to receive.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"categories": ["invoice"]}))]
pub struct SubscriptionsBody {
    /// All of them, by key.
    #[schema(required = true, nullable = false, max_items = 200)]
    categories: Option<Vec<String>>,
}

impl Parse for SubscriptionsBody {
    type Parsed = BTreeSet<CategoryKey>;

    fn parse(self, faults: &mut Faults) -> Option<BTreeSet<CategoryKey>> {
        let categories = faults.required("categories", self.categories)?;
        keys_of(faults, "categories", categories)
    }
}

/// A language by its name; none where nothing was said.
pub(crate) fn language_of(faults: &mut Faults, language: Option<String>) -> Option<Language> {
    let known = || FieldFault::not_allowed(Language::ALL.map(Language::as_str));
    faults.optional_text("language", language, |text| {
        Language::from_str(text).map_err(|_| known())
    })
}

/// Telephone numbers.
pub(crate) fn phones_of(faults: &mut Faults, phones: Vec<PhoneBody>) -> Option<Vec<Phone>> {
    faults.each("phones", phones, ContactProfile::PHONES, |faults, phone| {
        let number = faults.text("number", phone.number, PhoneNumber::parse);
        let known = || FieldFault::not_allowed(PhoneKind::ALL.map(PhoneKind::as_str));
        let kind = phone.kind.unwrap_or_else(|| PhoneKind::Other.as_str().to_owned());
        let kind = faults.check("kind", PhoneKind::from_name(&kind).ok_or_else(known));
        Some(Phone {
            number: number?,
            kind: kind?,
        })
    })
}

fn addresses_of(faults: &mut Faults, addresses: Vec<String>) -> Option<Vec<EmailAddress>> {
    faults.each(
        "more_addresses",
        addresses,
        Contact::MORE_ADDRESSES,
        |faults, address| match EmailAddress::parse(&address) {
            Ok(address) => Some(address),
            Err(fault) => {
                faults.add_here(fault);
                None
            }
        },
    )
}

/// Keys of the catalog, each in the form of its kind; whether there is such a one, the rules say.
pub(crate) fn keys_of<K: FromStr + Ord>(faults: &mut Faults, member: &str, keys: Vec<String>) -> Option<BTreeSet<K>> {
    let keys = faults.each(member, keys, KEYS, |faults, key| {
        let key = key.parse().ok();
        if key.is_none() {
            faults.add_here(FieldCode::InvalidFormat);
        }
        key
    })?;
    Some(keys.into_iter().collect())
}

/// The same of keys that the catalog has; each unknown one is told where it stands.
pub(crate) fn known_keys<K: FromStr + Ord>(
    faults: &mut Faults,
    member: &str,
    keys: Vec<String>,
    is_known: impl Fn(&Catalog, &K) -> bool,
    unknown: FieldCode,
) -> Option<BTreeSet<K>> {
    let service: Option<Data<Service>> = faults.data();
    let catalog = service.as_ref().map(|service| service.store.catalog());
    let names = keys.clone();
    let read = keys_of(faults, member, keys)?;
    let mut all_known = true;
    for (index, name) in names.iter().enumerate() {
        let key: Option<K> = name.parse().ok();
        if let (Some(key), Some(catalog)) = (key, catalog)
            && !is_known(catalog, &key)
        {
            let fault = FieldFault::new(unknown).with("key", name.as_str());
            faults.at(member, index).add_here(fault);
            all_known = false;
        }
    }
    all_known.then_some(read)
}
