//! Contacts: listed, created, read, changed, removed.

mod body;
mod columns;
mod export;
mod import;
mod view;

use std::collections::BTreeSet;

use accounts_domain::address::EmailAddress;
use accounts_domain::contacts::CreateContact;
use accounts_domain::ids::ContactId;
use accounts_domain::keys::{CategoryKey, RoleKey};
use accounts_domain::names::{PersonName, sort_key};
use accounts_domain::roster::{Contact, Roster};
use accounts_store::Decision;
use utoipa::IntoParams;

use crate::body::Checked;
use crate::consequences::Consequences;
use crate::describe::{answer, id_schema};
use crate::guards::{EditsContact, ErasesContacts, ManagesContacts, Member, ViewsContact, ViewsContacts};
use crate::idempotency::Idempotency;
use crate::memo::Memo;
use crate::page::{Paging, page};
use crate::path::path_values;
use crate::precondition::IfMatch;
use crate::problem::{Problem, refusal};
use crate::query::{Asked, Filters, Preview, Query};
use crate::reply::Reply;
use crate::router::{Routes, routes};

pub use body::{ContactBody, ContactPatchBody, PhoneBody, SubscriptionsBody};
pub(crate) use body::{keys_of, known_keys, language_of, phones_of};
pub(crate) use import::ImportedRow;
pub use view::{ContactRef, ContactView};

path_values! {
    /// The contact.
    PathContact(ContactId) = "contact", id_schema("con");
    /// An address of the contact.
    PathAddress(EmailAddress) = "address", serde_json::json!({"type": "string", "maxLength": 254});
}

pub(crate) fn routes() -> Routes {
    routes![
        list_contacts,
        create_contact,
        read_contact,
        change_contact,
        remove_contact,
        erase_contact,
        set_subscriptions,
        remove_address,
    ]
    .and(export::routes())
    .and(export::routes())
    .and(import::routes())
}

page! {
    /// A page of contacts.
    ContactPage of ContactView
}

/// Which contacts are listed.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ContactFilters {
    /// Holders of this role, or of any of these.
    #[param(max_length = 40)]
    role: Vec<String>,
    /// Primary holders of this role, or of any of these.
    #[param(max_length = 40)]
    primary_role: Vec<String>,
    /// Only those whose main address is verified, or only those whose is not.
    verified: Option<bool>,
    /// Only those with a log-in, or only those without.
    login: Option<bool>,
    /// Subscribers of this category, or of any of these.
    #[param(max_length = 40)]
    category: Vec<String>,
    /// Words that stand in a name or an address, without regard to accents and case.
    #[param(min_length = 1, max_length = 100)]
    q: Option<String>,
}

/// The filters as they are applied.
#[derive(Debug)]
struct Applied {
    roles: Vec<RoleKey>,
    primary_roles: Vec<RoleKey>,
    verified: Option<bool>,
    login: Option<bool>,
    categories: Vec<CategoryKey>,
    words: Vec<String>,
}

impl Filters for ContactFilters {
    fn read(query: &mut Query) -> Self {
        let keys = |keys: Vec<RoleKey>| keys.into_iter().map(Into::into).collect();
        let categories: Vec<CategoryKey> = query.any("category");
        Self {
            role: keys(query.any("role")),
            primary_role: keys(query.any("primary_role")),
            verified: query.flag("verified"),
            login: query.flag("login"),
            category: categories.into_iter().map(Into::into).collect(),
            q: query.text("q", 100),
        }
    }
}

impl Applied {
    fn of(filters: ContactFilters) -> Self {
        let role_keys = |keys: Vec<String>| keys.iter().filter_map(|key| key.parse().ok()).collect();
        Self {
            roles: role_keys(filters.role),
            primary_roles: role_keys(filters.primary_role),
            verified: filters.verified,
            login: filters.login,
            categories: filters.category.iter().filter_map(|key| key.parse().ok()).collect(),
            words: filters
                .q
                .map(|text| sort_key(&text).split_whitespace().map(str::to_owned).collect())
                .unwrap_or_default(),
        }
    }

    fn lets_through(&self, roster: &Roster, contact: &Contact) -> bool {
        let any = |keys: &[RoleKey], holds: &dyn Fn(&RoleKey) -> bool| keys.is_empty() || keys.iter().any(holds);
        any(&self.roles, &|role| roster.holds(contact.id, role))
            && any(&self.primary_roles, &|role| roster.primary(role) == Some(contact.id))
            && self.verified.is_none_or(|verified| verified == contact.is_verified())
            && self
                .login
                .is_none_or(|login| login == roster.member_of_contact(contact.id).is_some())
            && (self.categories.is_empty()
                || self
                    .categories
                    .iter()
                    .any(|category| contact.subscriptions.contains(category)))
            && self.finds(contact)
    }

    fn finds(&self, contact: &Contact) -> bool {
        if self.words.is_empty() {
            return true;
        }
        let profile = &contact.profile;
        let names = [Some(profile.display_name.as_str())].into_iter().chain([
            profile.first_name.as_ref().map(PersonName::as_str),
            profile.last_name.as_ref().map(PersonName::as_str),
        ]);
        let addresses = contact.addresses().map(|address| Some(address.as_str()));
        let text: Vec<&str> = names.chain(addresses).flatten().collect();
        let text = sort_key(&text.join(" "));
        self.words.iter().all(|word| text.contains(word.as_str()))
    }
}

/// List contacts
///
/// The caller's own entry comes first, then the others by name (M-43). Each entry shows roles, primary roles,
/// verification and whether the contact logs in.
#[utoipa::path(
    get,
    path = "/v1/accounts/{account}/contacts",
    tag = "contacts",
    responses((status = 200, description = "A page of contacts.", body = ContactPage), answer::NotModified)
)]
async fn list_contacts(
    member: ViewsContacts,
    Asked(filters): Asked<ContactFilters>,
    paging: Paging<(bool, String, String)>,
    memo: Memo,
) -> Result<Reply, Problem> {
    memo.answer(&member, || Ok(page_of(&member, filters, paging)))
}

fn page_of(member: &Member, filters: ContactFilters, paging: Paging<(bool, String, String)>) -> Reply {
    let filters = Applied::of(filters);
    let roster = &member.roster;
    let own = roster.access_by(member.by()).and_then(|access| access.contact);
    let place = |contact: &Contact| {
        (
            own != Some(contact.id),
            sort_key(contact.profile.display_name.as_str()),
            contact.id.to_string(),
        )
    };
    let mut found: Vec<_> = roster
        .contacts()
        .filter(|contact| filters.lets_through(roster, contact))
        .map(|contact| (place(contact), contact.id))
        .filter(|(place, _)| paging.after.as_ref().is_none_or(|after| place > after))
        .collect();
    found.sort();
    found.truncate(paging.limit + 1);
    let page = paging.page(found, |(place, _)| place.clone());
    page.map(|(_, contact)| ContactView::of(roster, contact))
        .reply()
        .tagged_by_body()
}

/// Create a contact
///
/// The contact is there at once, unverified, and counts against the account's limit (M-07, M-45). No mail is sent:
/// verification is an act of its own (M-47). Roles may be given (L-06), and a log-in asked for that comes with the
/// verification (L-08).
#[utoipa::path(
    post,
    path = "/v1/accounts/{account}/contacts",
    tag = "contacts",
    responses(
        (status = 201, description = "The new contact.", body = ContactView),
        refusal::AccountSuspended,
        refusal::ContactLimitReached,
        refusal::AddressTaken,
        refusal::TooManyAddresses,
        refusal::RoleHasSingleHolder,
        refusal::ContactNotVerified,
        refusal::LoginNotOffered,
        refusal::CannotGrant,
    )
)]
async fn create_contact(
    member: ManagesContacts,
    Checked(body): Checked<ContactBody>,
    key: Idempotency,
) -> Result<Reply, Problem> {
    let id = ContactId::new();
    let command: CreateContact = body.command(id);
    let answer = move |decision: &Decision| created(&decision.after, id);
    member
        .decide_once(key, move |roster, by| roster.create_contact(by, &command), answer)
        .await
}

/// Read a contact
///
/// Everybody reads the own entry; others need the permission.
#[utoipa::path(
    get,
    path = "/v1/accounts/{account}/contacts/{contact}",
    tag = "contacts",
    responses((status = 200, description = "The contact.", body = ContactView), answer::NotModified)
)]
async fn read_contact(member: ViewsContact, PathContact(contact): PathContact) -> Result<Reply, Problem> {
    member.roster.contact(contact)?;
    Ok(shown(&member.roster, contact))
}

/// Change a contact
///
/// A changed main address waits for its verification while the verified one stays in force. Where the catalog
/// leaves a profile to its person, somebody with a log-in edits the own names and nobody else does (M-39). Roles are
/// not changed here.
#[utoipa::path(
    patch,
    path = "/v1/accounts/{account}/contacts/{contact}",
    tag = "contacts",
    responses(
        (status = 200, description = "The contact as it is now.", body = ContactView),
        refusal::AccountSuspended,
        refusal::AddressTaken,
        refusal::TooManyAddresses,
        refusal::ProfileBelongsToPerson,
    )
)]
async fn change_contact(
    member: EditsContact,
    PathContact(contact): PathContact,
    if_match: IfMatch,
    Checked(patch): Checked<ContactPatchBody>,
) -> Result<Reply, Problem> {
    let decide = move |roster: &Roster, by| {
        if_match.admits(roster.contact(contact)?.version)?;
        roster.change_contact(by, contact, &patch)
    };
    member
        .decide(decide, move |decision| shown(&decision.after, contact))
        .await
}

/// Remove a contact
///
/// The owner and holders of roles stay until their roles are moved (M-53, M-54). A log-in of the contact ends for
/// this account.
#[utoipa::path(
    delete,
    path = "/v1/accounts/{account}/contacts/{contact}",
    tag = "contacts",
    responses(
        (status = 200, description = "With `dry_run`: what would change.", body = Consequences),
        (status = 204, description = "The contact is gone."),
        refusal::AccountSuspended,
        refusal::ContactHoldsRoles,
        refusal::ContactIsOwner,
        refusal::MemberHoldsMore,
    )
)]
async fn remove_contact(
    member: ManagesContacts,
    PathContact(contact): PathContact,
    Preview { dry_run }: Preview,
    if_match: IfMatch,
) -> Result<Reply, Problem> {
    let decide = move |roster: &Roster, by| {
        if_match.admits(roster.contact(contact)?.version)?;
        roster.remove_contact(by, contact)
    };
    if dry_run {
        let decision = member.preview(decide)?;
        return Ok(Reply::ok(&Consequences::of(&decision, member.by(), true)));
    }
    member.decide(decide, |_| Reply::no_content()).await
}

/// Erase a contact
///
/// Removes the contact, and its names, addresses and telephone numbers from everywhere: from the audit log, too,
/// whose events stay without the person.
#[utoipa::path(
    post,
    path = "/v1/accounts/{account}/contacts/{contact}/erase",
    tag = "contacts",
    responses(
        (status = 200, description = "What was changed, or with `dry_run` what would be.", body = Consequences),
        refusal::AccountSuspended,
        refusal::ContactHoldsRoles,
        refusal::ContactIsOwner,
        refusal::MemberHoldsMore,
    )
)]
async fn erase_contact(
    member: ErasesContacts,
    PathContact(contact): PathContact,
    Preview { dry_run }: Preview,
    key: Idempotency,
) -> Result<Reply, Problem> {
    let decide = move |roster: &Roster, by| roster.erase_contact(by, contact);
    if dry_run {
        let decision = member.preview(decide)?;
        return Ok(Reply::ok(&Consequences::of(&decision, member.by(), true)));
    }
    let by = member.by();
    member
        .decide_once(key, decide, move |decision| {
            Reply::ok(&Consequences::of(decision, by, false))
        })
        .await
}

/// Set a contact's subscriptions
///
/// The categories that the contact wishes to receive beyond those of its roles, all of them at once (U-22, U-23). Who has
/// not `contacts:manage` sets the own ones, and adds none whose permission it lacks.
#[utoipa::path(
    put,
    path = "/v1/accounts/{account}/contacts/{contact}/subscriptions",
    tag = "contacts",
    responses((status = 200, description = "The contact as it is now.", body = ContactView), refusal::AccountSuspended)
)]
async fn set_subscriptions(
    member: EditsContact,
    PathContact(contact): PathContact,
    if_match: IfMatch,
    Checked(categories): Checked<SubscriptionsBody>,
) -> Result<Reply, Problem> {
    let decide = move |roster: &Roster, by| {
        if_match.admits(roster.contact(contact)?.version)?;
        roster.subscribe(by, contact, &categories)
    };
    member
        .decide(decide, move |decision| shown(&decision.after, contact))
        .await
}

/// Remove an address of a contact
///
/// One of the more addresses, or the one that waits for its verification. The main address is in use and stays.
#[utoipa::path(
    delete,
    path = "/v1/accounts/{account}/contacts/{contact}/addresses/{address}",
    tag = "contacts",
    responses((status = 204, description = "The address is gone."), refusal::AccountSuspended, refusal::AddressInUse)
)]
async fn remove_address(
    member: ManagesContacts,
    PathContact(contact): PathContact,
    PathAddress(address): PathAddress,
    if_match: IfMatch,
) -> Result<Reply, Problem> {
    let decide = move |roster: &Roster, by| {
        if_match.admits(roster.contact(contact)?.version)?;
        roster.remove_address(by, contact, address.key())
    };
    member.decide(decide, |_| Reply::no_content()).await
}

/// The contact, as an answer with its tag.
pub(crate) fn shown(roster: &Roster, contact: ContactId) -> Reply {
    let version = roster.contact(contact).map_or(0, |contact| contact.version);
    Reply::ok(&ContactView::of(roster, contact)).version(version)
}

fn created(roster: &Roster, contact: ContactId) -> Reply {
    let location = format!("/v1/accounts/{}/contacts/{contact}", roster.account().id);
    Reply::created(&location, &ContactView::of(roster, contact)).version(1)
}

/// The keys of a set, for a view.
pub(crate) fn keys<K: ToString>(keys: &BTreeSet<K>) -> Vec<String> {
    keys.iter().map(ToString::to_string).collect()
}
