//! The mails that changes call for. Each says what its template needs and holds no secret: tokens are worked
//! out when the mail is written, from the id of its link.

use serde::{Deserialize, Serialize};

use crate::address::EmailAddress;
use crate::change::Change;
use crate::ids::{ContactId, ResetId, SignUpId, VerificationId};
use crate::language::Language;
use crate::ownership::TransferOutcome;
use crate::roster::Roster;

/// What a mail says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Letter {
    /// Follow this link to open the account that you asked for.
    ConfirmSignUp {
        /// The sign-up whose link it carries.
        sign_up: SignUpId,
        /// The person's name.
        name: String,
        /// The account's name.
        account: String,
    },
    /// Somebody signed up with an address that has a log-in already.
    SignUpKnown {
        /// The person's name.
        name: String,
    },
    /// Follow this link to prove that mail arrives (M-48).
    VerifyContact {
        /// The verification whose link it carries.
        verification: VerificationId,
        /// The contact's name.
        name: String,
        /// The account's name.
        account: String,
    },
    /// The account writes to another address from now on; told to the former one.
    AddressMoved {
        /// The contact's name.
        name: String,
        /// The account's name.
        account: String,
    },
    /// Follow this link to choose another password.
    ResetPassword {
        /// The reset whose link it carries.
        reset: ResetId,
        /// The person's name.
        name: String,
    },
    /// Your password was changed and every session ended.
    PasswordChanged {
        /// The person's name.
        name: String,
    },
    /// A used-up refresh token came again, so the session was ended.
    SessionEnded {
        /// The person's name.
        name: String,
    },
    /// The owner asks you to take the account over.
    OwnershipOffered {
        /// The contact's name.
        name: String,
        /// The account's name.
        account: String,
        /// The present owner's name.
        owner: String,
    },
    /// The contact does not want the account.
    OwnershipDeclined {
        /// The owner's name.
        name: String,
        /// The account's name.
        account: String,
        /// The contact's name.
        contact: String,
    },
    /// The account has another owner; told to both.
    OwnershipMoved {
        /// The reader's name.
        name: String,
        /// The account's name.
        account: String,
        /// The new owner's name.
        owner: String,
    },
}

/// A mail to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// The contact that it is written to, whose erasure takes it along.
    pub contact: Option<ContactId>,
    /// Where it goes.
    pub to: EmailAddress,
    /// The reader's language.
    pub language: Language,
    /// What it says.
    pub letter: Letter,
}

/// The mails that a decision calls for.
pub fn mails(before: &Roster, after: &Roster, changes: &[Change]) -> Vec<Mail> {
    changes.iter().flat_map(|change| mails_of(before, after, change)).collect()
}

fn mails_of(before: &Roster, after: &Roster, change: &Change) -> Vec<Mail> {
    let account = after.account().profile.name.to_string();
    let name_of = |id: ContactId| after.contact(id).map(|contact| contact.profile.display_name.to_string()).unwrap_or_default();
    let to_contact = |id: ContactId, letter: Letter| {
        let contact = after.contact(id).ok()?;
        Some(Mail { contact: Some(id), to: contact.address.email.clone(), language: contact.profile.language, letter })
    };
    match change {
        Change::VerificationSent { verification, address } => {
            let Ok(contact) = after.contact(verification.contact) else { return Vec::new() };
            let letter = Letter::VerifyContact { verification: verification.id, name: name_of(contact.id), account };
            vec![Mail { contact: Some(contact.id), to: address.clone(), language: contact.profile.language, letter }]
        }
        Change::AddressVerified { contact, .. } => {
            let (Ok(old), Ok(new)) = (before.contact(*contact), after.contact(*contact)) else { return Vec::new() };
            if old.address.email.key() == new.address.email.key() {
                return Vec::new();
            }
            let letter = Letter::AddressMoved { name: name_of(*contact), account };
            vec![Mail { contact: Some(*contact), to: old.address.email.clone(), language: new.profile.language, letter }]
        }
        Change::TransferRequested { transfer } if after.owner() == transfer.from => {
            let letter = Letter::OwnershipOffered { name: name_of(transfer.to), account, owner: name_of(transfer.from) };
            to_contact(transfer.to, letter).into_iter().collect()
        }
        Change::TransferEnded { outcome: TransferOutcome::Declined, .. } => {
            let contact = before.parts().transfer.as_ref().map(|transfer| name_of(transfer.to)).unwrap_or_default();
            let owner = after.owner();
            to_contact(owner, Letter::OwnershipDeclined { name: name_of(owner), account, contact }).into_iter().collect()
        }
        Change::OwnerMoved { from, to } => {
            let letter = |reader: ContactId| Letter::OwnershipMoved { name: name_of(reader), account: account.clone(), owner: name_of(*to) };
            [*from, *to].into_iter().filter_map(|reader| to_contact(reader, letter(reader))).collect()
        }
        Change::AccountOpened { .. }
        | Change::AccountChanged { .. }
        | Change::AccountStatusChanged { .. }
        | Change::ContactAdded { .. }
        | Change::ContactChanged { .. }
        | Change::ContactRemoved { .. }
        | Change::ContactErased { .. }
        | Change::AddressReplaced { .. }
        | Change::AddressProposed { .. }
        | Change::AddressWithdrawn { .. }
        | Change::AddressAdded { .. }
        | Change::AddressRemoved { .. }
        | Change::SubscriptionsChanged { .. }
        | Change::RoleGiven { .. }
        | Change::RoleTaken { .. }
        | Change::PrimaryMoved { .. }
        | Change::MemberAdded { .. }
        | Change::PermissionsChanged { .. }
        | Change::MemberRemoved { .. }
        | Change::TransferRequested { .. }
        | Change::TransferEnded { .. } => Vec::new(),
    }
}
