//! What a contact looks like.

use accounts_domain::ids::ContactId;
use accounts_domain::roster::{Contact, ContactAddress, Roster};
use serde::Serialize;
use utoipa::ToSchema;

use super::keys;
use crate::moment;

/// A contact by its id and name.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ContactRef {
    /// The contact.
    #[schema(example = "con_01h455vb4pex5vsknk084sn02q")]
    id: String,
    /// How it is called.
    #[schema(example = "Bea Lima")]
    display_name: String,
}

impl ContactRef {
    /// The reference to a contact of the account, or to one that was there before.
    pub fn of(id: ContactId, rosters: &[&Roster]) -> Self {
        let contact = rosters.iter().find_map(|roster| roster.contact(id).ok());
        let display_name = contact
            .map(|contact| contact.profile.display_name.to_string())
            .unwrap_or_default();
        Self {
            id: id.to_string(),
            display_name,
        }
    }
}

/// A telephone number.
#[derive(Debug, Serialize, ToSchema)]
pub struct PhoneView {
    /// The number in E.164 form.
    #[schema(example = "+33142685300")]
    number: String,
    /// `mobile`, `landline`, `fax` or `other`.
    #[schema(example = "landline")]
    kind: String,
}

/// One of a contact's more addresses.
#[derive(Debug, Serialize, ToSchema)]
pub struct AddressView {
    /// The address.
    #[schema(example = "bea.lima@home.example")]
    address: String,
    /// Whether mail to it was proven to arrive.
    verified: bool,
    /// Since when.
    #[schema(format = DateTime, required = true)]
    verified_at: Option<String>,
    /// Whether mail to it arrives, as was reported since: `unknown`, `ok`, `bounced` or `complained`.
    #[schema(example = "unknown")]
    deliverability: &'static str,
}

/// A person or a mailbox that the provider knows for an account.
#[derive(Debug, Serialize, ToSchema)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "a representation; each is a fact of its own to its readers"
)]
pub struct ContactView {
    /// Its id.
    #[schema(example = "con_01h455vb4pex5vsknk084sn02q")]
    id: String,
    /// How it is called.
    #[schema(example = "Bea Lima")]
    display_name: String,
    /// The first name.
    #[schema(required = true, example = "Bea")]
    first_name: Option<String>,
    /// The last name.
    #[schema(required = true, example = "Lima")]
    last_name: Option<String>,
    /// The position.
    #[schema(required = true, example = "Head of accounting")]
    title: Option<String>,
    /// The language of mails to it: `en` or `fr`.
    #[schema(example = "en")]
    language: String,
    /// The main address, which is in force.
    #[schema(example = "bea@lima.example")]
    address: String,
    /// Whether mail to the main address was proven to arrive.
    verified: bool,
    /// Since when.
    #[schema(format = DateTime, required = true)]
    verified_at: Option<String>,
    /// Whether mail to the main address arrives, as the mailer has reported since: `unknown`, `ok`, `bounced` (it came back)
    /// or `complained` (its reader called it unwanted). Notices go to neither of the last two, unless a mandatory
    /// category has nobody but the owner; following the link of a verification mail clears them.
    #[schema(example = "ok")]
    deliverability: &'static str,
    /// The address that replaces the main one once it is verified.
    #[schema(required = true)]
    pending_address: Option<String>,
    /// More addresses.
    more_addresses: Vec<AddressView>,
    /// Telephone numbers.
    phones: Vec<PhoneView>,
    /// Whether it owns the account.
    owner: bool,
    /// The roles that it holds.
    #[schema(example = json!(["billing"]))]
    roles: Vec<String>,
    /// The roles whose primary holder it is.
    #[schema(example = json!(["billing"]))]
    primary_roles: Vec<String>,
    /// Whether it logs in (L-03).
    login: bool,
    /// Whether a log-in comes with its verification because it was asked for.
    login_requested: bool,
    /// The categories that it wishes to receive beyond those of its roles.
    subscriptions: Vec<String>,
    /// When it was created.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it last changed.
    #[schema(format = DateTime)]
    updated_at: String,
}

impl ContactView {
    /// What a contact of the account looks like.
    pub fn of(roster: &Roster, id: ContactId) -> Option<Self> {
        roster.contact(id).ok().map(|contact| Self::seen(roster, contact))
    }

    fn seen(roster: &Roster, contact: &Contact) -> Self {
        let profile = &contact.profile;
        let more = |address: &ContactAddress| AddressView {
            address: address.email.to_string(),
            verified: address.verified_at.is_some(),
            verified_at: address.verified_at.map(moment::shown),
            deliverability: address.deliverability.as_str(),
        };
        let phones = profile.phones.iter();
        Self {
            id: contact.id.to_string(),
            display_name: profile.display_name.to_string(),
            first_name: profile.first_name.as_ref().map(ToString::to_string),
            last_name: profile.last_name.as_ref().map(ToString::to_string),
            title: profile.title.as_ref().map(ToString::to_string),
            language: profile.language.to_string(),
            address: contact.address.email.to_string(),
            verified: contact.is_verified(),
            verified_at: contact.address.verified_at.map(moment::shown),
            deliverability: contact.address.deliverability.as_str(),
            pending_address: contact.pending_address.as_ref().map(ToString::to_string),
            more_addresses: contact.more_addresses.values().map(more).collect(),
            phones: phones
                .map(|phone| PhoneView {
                    number: phone.number.to_string(),
                    kind: phone.kind.as_str().to_owned(),
                })
                .collect(),
            owner: roster.owner() == contact.id,
            roles: keys(&roster.roles_of(contact.id)),
            primary_roles: keys(&roster.primary_roles_of(contact.id)),
            login: roster.member_of_contact(contact.id).is_some(),
            login_requested: contact.login_request.is_some(),
            subscriptions: keys(&contact.subscriptions),
            created_at: moment::shown(contact.created_at),
            updated_at: moment::shown(contact.updated_at),
        }
    }
}
