//! How a change stands in the audit log: what happened, on what, which fields; personal values apart, so that
//! erasing them leaves the record.

mod kinds;
mod members;
mod notifications;
mod provider;
mod reviews;
mod users;
mod webhooks;

use chrono::{DateTime, SecondsFormat, Utc};

use crate::address::EmailAddress;
use crate::api_keys::ApiKey;
use crate::change::Change;
use crate::ids::{
    AccountId, ApiKeyId, ContactId, IntegrationId, InvitationId, JoinRequestId, NotificationId, OperatorId, UserId,
    WebhookId,
};
use crate::invitations::Invitation;
use crate::join_requests::{JoinOutcome, JoinRequest};
use crate::names::{AddressLine, Reason};
use crate::permission::Permissions;
use crate::phone::Phone;
use crate::roster::{AccountProfile, Contact, ContactProfile, Roster};
pub use kinds::{TOLD, is_told};
pub use provider::{integration_created, integration_entries, mail_retried, operator_created, operator_entries};
pub use users::{user_entries, user_imported};
pub use webhooks::{webhook_created, webhook_entries};

/// What an event is about, or whom a value belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// The account.
    Account(AccountId),
    /// A contact of it.
    Contact(ContactId),
    /// A user.
    User(UserId),
    /// An invitation, and whoever was invited.
    Invitation(InvitationId),
    /// One of the provider's staff.
    Operator(OperatorId),
    /// An API key.
    Key(ApiKeyId),
    /// A machine caller of the provider.
    Integration(IntegrationId),
    /// A request to join.
    JoinRequest(JoinRequestId),
    /// A notice to a category.
    Notification(NotificationId),
    /// A webhook of an integration.
    Webhook(WebhookId),
}

impl Subject {
    /// The kind's name in the API and in the database.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Account(_) => "account",
            Self::Contact(_) => "contact",
            Self::User(_) => "user",
            Self::Invitation(_) => "invitation",
            Self::Operator(_) => "operator",
            Self::Key(_) => "api_key",
            Self::Integration(_) => "integration",
            Self::JoinRequest(_) => "join_request",
            Self::Notification(_) => "notification",
            Self::Webhook(_) => "webhook",
        }
    }

    /// The id as text.
    pub fn id(self) -> String {
        match self {
            Self::Account(id) => id.to_string(),
            Self::Contact(id) => id.to_string(),
            Self::User(id) => id.to_string(),
            Self::Invitation(id) => id.to_string(),
            Self::Operator(id) => id.to_string(),
            Self::Key(id) => id.to_string(),
            Self::Integration(id) => id.to_string(),
            Self::JoinRequest(id) => id.to_string(),
            Self::Notification(id) => id.to_string(),
            Self::Webhook(id) => id.to_string(),
        }
    }
}

/// A value of an event's data: ids, keys and names of fields, never a person's own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Datum {
    /// Nothing.
    Nothing,
    /// One word.
    Word(String),
    /// Several words.
    Words(Vec<String>),
}

/// What a field held and holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonalValue {
    /// Whose value it is.
    pub of: Subject,
    /// The field's name in the API.
    pub field: &'static str,
    /// What it held.
    pub before: Option<String>,
    /// What it holds.
    pub after: Option<String>,
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What happened: `role.primary_moved`, say.
    pub kind: &'static str,
    /// What it happened to.
    pub subject: Subject,
    /// Ids, keys and names of fields.
    pub data: Vec<(&'static str, Datum)>,
    /// What was personal about it.
    pub values: Vec<PersonalValue>,
}

impl Entry {
    fn new(kind: &'static str, subject: Subject) -> Self {
        Self {
            kind,
            subject,
            data: Vec::new(),
            values: Vec::new(),
        }
    }

    fn with(mut self, name: &'static str, datum: Datum) -> Self {
        self.data.push((name, datum));
        self
    }

    /// With the reason that an operator gave. It is kept as long as whoever it is about is not erased.
    #[must_use]
    pub fn because(mut self, of: Subject, reason: &Reason) -> Self {
        self.values.push(PersonalValue {
            of,
            field: "reason",
            before: None,
            after: Some(reason.to_string()),
        });
        self
    }

    fn word(self, name: &'static str, word: &(impl ToString + ?Sized)) -> Self {
        self.with(name, Datum::Word(word.to_string()))
    }

    fn maybe(self, name: &'static str, word: Option<&impl ToString>) -> Self {
        self.with(name, word.map_or(Datum::Nothing, |word| Datum::Word(word.to_string())))
    }

    fn moment(self, name: &'static str, moment: Option<DateTime<Utc>>) -> Self {
        let text = moment.map(|moment| moment.to_rfc3339_opts(SecondsFormat::Millis, true));
        self.maybe(name, text.as_ref())
    }

    fn permissions(self, name: &'static str, permissions: &Permissions) -> Self {
        match permissions {
            Permissions::All => self.word(name, "all"),
            Permissions::Chosen(chosen) => self.words(name, chosen),
        }
    }

    fn words<'a>(self, name: &'static str, words: impl IntoIterator<Item = &'a (impl ToString + 'a)>) -> Self {
        let words = words.into_iter().map(ToString::to_string).collect();
        self.with(name, Datum::Words(words))
    }

    /// Lists the fields that differ, and keeps what they held and hold.
    fn fields(mut self, values: Vec<PersonalValue>) -> Self {
        let values: Vec<_> = values.into_iter().filter(|value| value.before != value.after).collect();
        let names = values.iter().map(|value| value.field.to_owned()).collect();
        self.data.push(("fields", Datum::Words(names)));
        self.values = values;
        self
    }
}

/// The event of each change, in order. `before` is the roster that was decided upon.
pub fn entries(before: &Roster, changes: &[Change]) -> Vec<Entry> {
    changes.iter().map(|change| entry(before, change)).collect()
}

#[expect(
    clippy::too_many_lines,
    reason = "one arm for each change, none of them left to a wildcard"
)]
fn entry(before: &Roster, change: &Change) -> Entry {
    let account = Subject::Account(before.account().id);
    let contact = Subject::Contact;
    let address = |of: ContactId, field: &'static str, old: Option<&str>, new: Option<&str>| {
        vec![PersonalValue {
            of: contact(of),
            field,
            before: old.map(str::to_owned),
            after: new.map(str::to_owned),
        }]
    };
    match change {
        Change::AccountOpened { owner } => {
            let values = account_values(account, None, Some(&before.account().profile));
            Entry::new("account.opened", account)
                .maybe("owner", owner.as_ref())
                .word("contact", &before.owner())
                .fields(values)
        }
        Change::AccountChanged { profile } => Entry::new("account.changed", account).fields(account_values(
            account,
            Some(&before.account().profile),
            Some(profile),
        )),
        Change::SecondFactorPolicyChanged { required } => {
            Entry::new("account.second_factor_policy_changed", account).word("required", required)
        }
        Change::AccountStatusChanged { status } => Entry::new("account.status_changed", account)
            .word("status", status.as_str())
            .word("former_status", before.account().status.as_str()),
        Change::ContactLimitChanged { limit } => Entry::new("account.contact_limit_changed", account)
            .maybe("limit", limit.as_ref())
            .maybe("former_limit", before.account().contact_limit.as_ref()),
        Change::Impersonated { user, session, until } => Entry::new("member.impersonated", Subject::User(*user))
            .word("session", session)
            .moment("until", Some(*until)),
        Change::NotificationQueued { notification, told } => notifications::queued(notification, told),
        Change::AccountReviewed { review, actor } => reviews::reviewed(account, review, *actor),
        Change::ContactAdded { contact: added } => {
            let mut values = contact_values(added.id, None, Some(&added.profile));
            values.extend(address(added.id, "address", None, Some(added.address.email.as_str())));
            values.extend(address(
                added.id,
                "more_addresses",
                None,
                more_addresses(added).as_deref(),
            ));
            let entry = Entry::new("contact.added", contact(added.id)).fields(values);
            let entry = match &added.login_request {
                Some(permissions) => entry.permissions("login_permissions", permissions),
                None => entry,
            };
            if added.subscriptions.is_empty() {
                entry
            } else {
                entry.words("categories", &added.subscriptions)
            }
        }
        Change::ContactChanged { contact: id, profile } => {
            let old = before.contact(*id).ok().map(|contact| &contact.profile);
            Entry::new("contact.changed", contact(*id)).fields(contact_values(*id, old, Some(profile)))
        }
        Change::ContactRemoved { contact: id } => {
            let old = before.contact(*id).ok();
            let mut values = contact_values(*id, old.map(|contact| &contact.profile), None);
            values.extend(address(
                *id,
                "address",
                old.map(|contact| contact.address.email.as_str()),
                None,
            ));
            values.extend(address(
                *id,
                "more_addresses",
                old.and_then(more_addresses).as_deref(),
                None,
            ));
            Entry::new("contact.removed", contact(*id)).fields(values)
        }
        Change::ContactErased { contact: id } => Entry::new("contact.erased", contact(*id)),
        Change::AddressReplaced {
            contact: id,
            address: new,
        } => {
            let old = before.contact(*id).ok().map(|contact| contact.address.email.as_str());
            Entry::new("contact.address_replaced", contact(*id)).fields(address(
                *id,
                "address",
                old,
                Some(new.as_str()),
            ))
        }
        Change::AddressProposed {
            contact: id,
            address: new,
        } => {
            let old = before
                .contact(*id)
                .ok()
                .and_then(|contact| contact.pending_address.as_ref())
                .map(EmailAddress::as_str);
            Entry::new("contact.address_proposed", contact(*id)).fields(address(
                *id,
                "pending_address",
                old,
                Some(new.as_str()),
            ))
        }
        Change::AddressWithdrawn {
            contact: id,
            address: old,
        } => Entry::new("contact.address_withdrawn", contact(*id)).fields(address(
            *id,
            "pending_address",
            Some(old.as_str()),
            None,
        )),
        Change::AddressAdded {
            contact: id,
            address: new,
        } => Entry::new("contact.address_added", contact(*id)).fields(address(
            *id,
            "more_addresses",
            None,
            Some(new.as_str()),
        )),
        Change::AddressRemoved {
            contact: id,
            address: old,
        } => Entry::new("contact.address_removed", contact(*id)).fields(address(
            *id,
            "more_addresses",
            Some(old.as_str()),
            None,
        )),
        Change::AddressVerified {
            contact: id,
            address: new,
            ..
        } => {
            let waited = |contact: &&Contact| {
                contact
                    .pending_address
                    .as_ref()
                    .is_some_and(|pending| pending.key() == new.key())
            };
            // The address that waited takes the main one's place; any other keeps its own.
            let values = match before.contact(*id).ok().filter(waited) {
                Some(old) => address(*id, "address", Some(old.address.email.as_str()), Some(new.as_str())),
                None => address(*id, "verified_address", None, Some(new.as_str())),
            };
            Entry::new("contact.verified", contact(*id)).fields(values)
        }
        Change::DeliverabilityChanged {
            contact: id,
            address: of,
            deliverability,
        } => {
            let known = before
                .contact(*id)
                .ok()
                .and_then(|contact| contact.address_of(of.key()));
            Entry::new("contact.deliverability_changed", contact(*id))
                .word("deliverability", deliverability.as_str())
                .maybe(
                    "former_deliverability",
                    known.map(|known| known.deliverability.as_str()).as_ref(),
                )
                .fields(address(*id, "reported_address", None, Some(of.as_str())))
        }
        Change::VerificationSent {
            verification,
            address: to,
        } => {
            let values = address(verification.contact, "sent_to", None, Some(to.as_str()));
            Entry::new("contact.verification_sent", contact(verification.contact))
                .word("verification", &verification.id)
                .fields(values)
        }
        Change::SubscriptionsChanged {
            contact: id,
            categories,
        } => {
            let entry = Entry::new("contact.subscriptions_changed", contact(*id)).words("categories", categories);
            match before.contact(*id) {
                Ok(contact) => entry.words("former_categories", &contact.subscriptions),
                Err(_) => entry,
            }
        }
        Change::RoleGiven { role, contact: id } => Entry::new("role.given", contact(*id)).word("role", role),
        Change::RoleTaken { role, contact: id } => Entry::new("role.taken", contact(*id)).word("role", role),
        Change::PrimaryMoved { role, from, to } => {
            let subject = to.or(*from).map_or(account, contact);
            Entry::new("role.primary_moved", subject)
                .word("role", role)
                .maybe("from", from.as_ref())
                .maybe("to", to.as_ref())
        }
        Change::MemberAdded {
            user,
            contact,
            permissions,
        } => members::added(*user, *contact, permissions),
        Change::MemberLinked { user, contact } => members::linked(*user, *contact),
        Change::PermissionsChanged { user, permissions } => members::permissions_changed(before, *user, permissions),
        Change::MemberStatusChanged { user, status } => members::status_changed(*user, *status),
        Change::MemberExpiryChanged { user, expires_at } => members::expiry_changed(before, *user, *expires_at),
        Change::MemberSubscriptionsChanged { user, categories } => {
            members::subscriptions_changed(before, *user, categories)
        }
        Change::MemberRemoved { user, contact } => members::gone("member.removed", *user, *contact),
        Change::MemberLeft { user, contact } => members::gone("member.left", *user, *contact),
        Change::TransferRequested { transfer } => Entry::new("ownership_transfer.requested", contact(transfer.to))
            .word("transfer", &transfer.id)
            .word("from", &transfer.from)
            .word("to", &transfer.to),
        Change::TransferEnded { transfer, outcome } => Entry::new("ownership_transfer.ended", account)
            .word("transfer", transfer)
            .word("outcome", outcome.as_str()),
        Change::KeyMade { key } => key_made(key),
        Change::KeyRevoked { key } => Entry::new("api_key.revoked", Subject::Key(*key)),
        Change::OwnerMoved { from, to } => Entry::new("owner.moved", contact(*to))
            .word("from", from)
            .word("to", to),
        Change::InvitationSent { invitation, .. } => invitation_mailed("invitation.sent", invitation)
            .permissions("permissions", &invitation.permissions)
            .maybe("contact", invitation.contact.as_ref()),
        Change::InvitationResent { invitation, .. } => invitation_mailed("invitation.resent", invitation),
        Change::InvitationEnded { invitation, outcome } => {
            Entry::new("invitation.ended", Subject::Invitation(*invitation)).word("outcome", outcome.as_str())
        }
        Change::JoinRequested { request, .. } => join_requested(request),
        Change::JoinRequestEnded { request, user, outcome } => {
            Entry::new("join_request.ended", Subject::JoinRequest(*request))
                .word("user", user)
                .word("outcome", outcome.as_str())
        }
    }
}

/// The event of a request to join, of an account or, where there is none, of nobody's.
pub fn join_requested(request: &JoinRequest) -> Entry {
    Entry::new("join_request.made", Subject::JoinRequest(request.id)).word("user", &request.user)
}

/// The event of a request to join no account, which its person took back.
pub fn join_request_withdrawn(request: &JoinRequest) -> Entry {
    Entry::new("join_request.ended", Subject::JoinRequest(request.id))
        .word("user", &request.user)
        .word("outcome", JoinOutcome::Withdrawn.as_str())
}

/// The event of an API key that was made, of an account or of a user.
fn key_made(key: &ApiKey) -> Entry {
    let ids = |accounts: &std::collections::BTreeSet<AccountId>| accounts.iter().map(ToString::to_string).collect();
    let accounts = key
        .accounts
        .as_ref()
        .map_or(Datum::Nothing, |accounts| Datum::Words(ids(accounts)));
    Entry::new("api_key.made", Subject::Key(key.id))
        .word("maker", &key.maker)
        .word("mode", key.mode.as_str())
        .permissions("permissions", &key.permissions)
        .with("accounts", accounts)
        .maybe(
            "expires_at",
            key.expires_at
                .map(|end| end.to_rfc3339_opts(SecondsFormat::Secs, true))
                .as_ref(),
        )
        .fields(vec![PersonalValue {
            of: Subject::User(key.maker),
            field: "name",
            before: None,
            after: Some(key.name.to_string()),
        }])
}

/// An invitation that left for its address. Whom it was for is the contact's to erase where it has one.
fn invitation_mailed(kind: &'static str, invitation: &Invitation) -> Entry {
    let subject = Subject::Invitation(invitation.id);
    let of = invitation.contact.map_or(subject, Subject::Contact);
    let value = |field, after: Option<String>| PersonalValue {
        of,
        field,
        before: None,
        after,
    };
    Entry::new(kind, subject)
        .word("sending", &invitation.sending)
        .word("hours", &invitation.life().hours())
        .fields(vec![
            value("address", Some(invitation.address.to_string())),
            value(
                "display_name",
                invitation.display_name.as_ref().map(ToString::to_string),
            ),
        ])
}

fn account_values(of: Subject, old: Option<&AccountProfile>, new: Option<&AccountProfile>) -> Vec<PersonalValue> {
    let read = |profile: Option<&AccountProfile>| {
        let postal = profile.and_then(|profile| profile.postal_address.as_ref());
        [
            ("name", profile.map(|profile| profile.name.to_string())),
            ("language", profile.map(|profile| profile.language.to_string())),
            (
                "phone",
                profile
                    .and_then(|profile| profile.phone.as_ref())
                    .map(ToString::to_string),
            ),
            ("postal_address", postal.map(postal_text)),
            (
                "tax_id",
                profile
                    .and_then(|profile| profile.tax_id.as_ref())
                    .map(ToString::to_string),
            ),
        ]
    };
    pair(of, read(old), read(new))
}

fn postal_text(address: &crate::roster::PostalAddress) -> String {
    let rest = [&address.postal_code, &address.city, &address.region]
        .into_iter()
        .flatten();
    let mut parts: Vec<&str> = address.lines.iter().chain(rest).map(AddressLine::as_str).collect();
    parts.push(&address.country);
    parts.join(", ")
}

fn contact_values(id: ContactId, old: Option<&ContactProfile>, new: Option<&ContactProfile>) -> Vec<PersonalValue> {
    let phones = |phones: &[Phone]| {
        let numbers: Vec<&str> = phones.iter().map(|phone| phone.number.as_str()).collect();
        (!numbers.is_empty()).then(|| numbers.join(", "))
    };
    let read = |profile: Option<&ContactProfile>| {
        [
            ("display_name", profile.map(|profile| profile.display_name.to_string())),
            (
                "first_name",
                profile
                    .and_then(|profile| profile.first_name.as_ref())
                    .map(ToString::to_string),
            ),
            (
                "last_name",
                profile
                    .and_then(|profile| profile.last_name.as_ref())
                    .map(ToString::to_string),
            ),
            (
                "title",
                profile
                    .and_then(|profile| profile.title.as_ref())
                    .map(ToString::to_string),
            ),
            ("language", profile.map(|profile| profile.language.to_string())),
            ("phones", profile.and_then(|profile| phones(&profile.phones))),
        ]
    };
    pair(Subject::Contact(id), read(old), read(new))
}

fn more_addresses(contact: &Contact) -> Option<String> {
    let addresses: Vec<&str> = contact
        .more_addresses
        .values()
        .map(|address| address.email.as_str())
        .collect();
    (!addresses.is_empty()).then(|| addresses.join(", "))
}

fn pair<const N: usize>(
    of: Subject,
    old: [(&'static str, Option<String>); N],
    new: [(&'static str, Option<String>); N],
) -> Vec<PersonalValue> {
    old.into_iter()
        .zip(new)
        .map(|((field, before), (_, after))| PersonalValue {
            of,
            field,
            before,
            after,
        })
        .collect()
}

#[cfg(test)]
mod tests;
