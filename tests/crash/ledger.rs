//! What was asked for, and what came of it.

use std::collections::BTreeMap;

use accounts_tests::json;

use crate::wire::{Answer, Ask};

/// Something that a writer asks for in an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Opens the account itself.
    Open { name: String },
    /// Adds a contact.
    Create { address: String, name: String },
    /// Sends a verification mail.
    Verify { contact: String },
    /// Follows the link of that mail.
    Confirm { contact: String, token: String },
    /// Moves the primary place of a role.
    Promote { contact: String, role: &'static str },
    /// Changes a contact's name, without a key.
    Rename { contact: String, name: String },
    /// Removes a contact, without a key.
    Remove { contact: String },
    /// Is refused: another contact has the address.
    CreateTaken { address: String },
    /// Is refused: the account is full.
    CreateBeyond { address: String },
    /// Is refused: it is no address.
    CreateInvalid,
    /// Is refused: the contact is not verified.
    PromoteUnverified { contact: String },
    /// Is refused: the contact is verified.
    VerifyVerified { contact: String },
    /// Is refused: the owner stays.
    RemoveOwner { contact: String },
}

/// How an act ends when nothing goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// With this status, and an audit event of this kind.
    Done(u16, &'static str),
    /// With this status and this code.
    Refused(u16, &'static str),
}

impl Act {
    /// How it ends.
    pub fn end(&self) -> End {
        match self {
            Self::Open { .. } => End::Done(201, "account.opened"),
            Self::Create { .. } => End::Done(201, "contact.added"),
            Self::Verify { .. } => End::Done(202, "contact.verification_sent"),
            Self::Confirm { .. } => End::Done(200, "contact.verified"),
            Self::Promote { .. } => End::Done(200, "role.primary_moved"),
            Self::Rename { .. } => End::Done(200, "contact.changed"),
            Self::Remove { .. } => End::Done(204, "contact.removed"),
            Self::CreateTaken { .. } => End::Refused(409, "address-taken"),
            Self::CreateBeyond { .. } => End::Refused(409, "contact-limit-reached"),
            Self::CreateInvalid => End::Refused(422, "invalid-fields"),
            Self::PromoteUnverified { .. } => End::Refused(409, "contact-not-verified"),
            Self::VerifyVerified { .. } => End::Refused(409, "already-verified"),
            Self::RemoveOwner { .. } => End::Refused(409, "contact-is-owner"),
        }
    }

    /// Whether it bears an `Idempotency-Key`: what is not a POST has none.
    pub fn keyed(&self) -> bool {
        !matches!(
            self,
            Self::Rename { .. } | Self::Remove { .. } | Self::RemoveOwner { .. }
        )
    }

    /// The request for it.
    pub fn ask(&self, account: &str, id: &str) -> Ask {
        let of = |contact: &str, tail: &str| format!("/v1/accounts/{account}/contacts/{contact}{tail}");
        let new = |address: &str, name: &str| {
            let body = json!({ "display_name": name, "address": address });
            ("POST", format!("/v1/accounts/{account}/contacts"), Some(body))
        };
        let promote = |contact: &str, role: &str| {
            let body = json!({ "roles": [role] });
            ("POST", of(contact, "/promote"), Some(body))
        };
        let (method, path, body) = match self {
            Self::Open { name } => ("POST", "/v1/accounts".to_owned(), Some(json!({ "name": name }))),
            Self::Create { address, name } => new(address, name),
            Self::CreateTaken { address } | Self::CreateBeyond { address } => new(address, "Nobody"),
            Self::CreateInvalid => new("nowhere", "Nobody"),
            Self::Verify { contact } | Self::VerifyVerified { contact } => ("POST", of(contact, "/verification"), None),
            Self::Confirm { token, .. } => {
                let path = "/v1/contact-verifications/confirm".to_owned();
                ("POST", path, Some(json!({ "token": token })))
            }
            Self::Promote { contact, role } => promote(contact, role),
            Self::PromoteUnverified { contact } => promote(contact, "billing"),
            Self::Rename { contact, name } => ("PATCH", of(contact, ""), Some(json!({ "display_name": name }))),
            Self::Remove { contact } | Self::RemoveOwner { contact } => ("DELETE", of(contact, ""), None),
        };
        Ask {
            method,
            path,
            body,
            keyed: self.keyed(),
            id: id.to_owned(),
        }
    }
}

/// What is known of an act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing: it was sent, and no answer came, or a 503.
    Unknown,
    /// It was acknowledged, with this body.
    Acknowledged(String),
    /// It was refused.
    Refused,
}

/// One line of the ledger.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The id of its requests, and their `Idempotency-Key` where they have one.
    pub id: String,
    pub act: Act,
    pub outcome: Outcome,
    /// What it made: an account or a contact.
    pub made: Option<String>,
    /// The round in which it was first sent.
    pub round: u64,
    /// Whether a try of it was without an answer at some time.
    pub was_unknown: bool,
    /// Whether its effect was there when the books were compared while its outcome was unknown.
    pub found: Option<bool>,
}

/// What an account must look like.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// The contacts, by their ids.
    pub contacts: BTreeMap<String, Contact>,
    /// The owner's contact.
    pub owner: String,
    /// The primary holders that were named; the owner leads what is not here.
    pub primaries: BTreeMap<&'static str, String>,
}

/// What a contact must look like.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contact {
    pub address: String,
    pub name: String,
    pub verified: bool,
    /// Whether a verification mail was asked for.
    pub sent: bool,
}

impl State {
    /// Takes over what an act has done; `made` is the id of the account or contact that it made.
    pub fn apply(&mut self, act: &Act, made: &str) {
        match act {
            Act::Create { address, name } => {
                let contact = Contact {
                    address: address.clone(),
                    name: name.clone(),
                    ..Contact::default()
                };
                self.contacts.insert(made.to_owned(), contact);
            }
            Act::Verify { contact } => self.change(contact, |contact| contact.sent = true),
            Act::Confirm { contact, .. } => self.change(contact, |contact| contact.verified = true),
            Act::Promote { contact, role } => {
                self.primaries.insert(role, contact.clone());
            }
            Act::Rename { contact, name } => self.change(contact, |contact| contact.name.clone_from(name)),
            Act::Remove { contact } => {
                self.contacts.remove(contact);
            }
            Act::Open { .. }
            | Act::CreateTaken { .. }
            | Act::CreateBeyond { .. }
            | Act::CreateInvalid
            | Act::PromoteUnverified { .. }
            | Act::VerifyVerified { .. }
            | Act::RemoveOwner { .. } => {}
        }
    }

    fn change(&mut self, contact: &str, change: impl FnOnce(&mut Contact)) {
        if let Some(contact) = self.contacts.get_mut(contact) {
            change(contact);
        }
    }
}

/// An account, and all that was asked for in it, in this order: it has one writer, who asks for one thing at a time.
#[derive(Debug, Default)]
pub struct Account {
    /// Its id, once it is known.
    pub id: Option<String>,
    pub entries: Vec<Entry>,
    /// What it must look like after all that was acknowledged.
    pub state: State,
    /// Whether something was asked for since the books were last compared.
    pub touched: bool,
}

impl Account {
    /// The owner's contact and the account's id, out of the answer to its opening.
    pub fn opened(&mut self, answer: &Answer) {
        self.id = Some(answer.text("id").to_owned());
        answer.text("owner_contact_id").clone_into(&mut self.state.owner);
    }
}
