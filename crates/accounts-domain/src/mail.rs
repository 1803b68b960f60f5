//! The mails that changes call for. Each says what its template needs and holds no secret: tokens are worked
//! out when the mail is written, from the id of its link.

use serde::{Deserialize, Serialize};

use crate::address::EmailAddress;
use crate::change::Change;
use crate::ids::{ContactId, EmailChangeId, NotificationId, ResetId, SendingId, SignUpId, VerificationId};
use crate::invitations::Invitation;
use crate::language::Language;
use crate::names::DisplayName;
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
    /// An account was opened for you; follow this link to own it.
    TakeOver {
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
    /// Somebody logged in as you from a device that is not known.
    NewDevice {
        /// The person's name.
        name: String,
        /// What the device is, as far as one can say.
        device: String,
        /// The network that it was in, or a dash.
        network: String,
        /// When, in UTC, to the minute.
        at: String,
    },
    /// A used-up refresh token came again, so the session was ended.
    SessionEnded {
        /// The person's name.
        name: String,
    },
    /// Your account has another API key.
    AccountKeyMade {
        /// The owner's name.
        name: String,
        /// The account's name.
        account: String,
        /// The key's name.
        key: String,
        /// What is shown of the key.
        prefix: String,
    },
    /// One of the provider's staff acts in your place for a while.
    Impersonated {
        /// The person's name.
        name: String,
        /// For how many minutes at most.
        minutes: String,
        /// Why.
        reason: String,
    },
    /// Another API key acts as you.
    UserKeyMade {
        /// The person's name.
        name: String,
        /// The key's name.
        key: String,
        /// What is shown of the key.
        prefix: String,
    },
    /// You log in with a second factor from now on.
    SecondFactorSet {
        /// The person's name.
        name: String,
    },
    /// You log in without a second factor from now on.
    SecondFactorRemoved {
        /// The person's name.
        name: String,
    },
    /// You have other recovery codes.
    RecoveryCodesMade {
        /// The person's name.
        name: String,
    },
    /// A recovery code took the place of the second factor.
    RecoveryCodeSpent {
        /// The person's name.
        name: String,
        /// How many are left, in digits.
        left: String,
    },
    /// Follow this link to log in with this address from now on.
    ConfirmEmailChange {
        /// The change whose link it carries.
        email_change: EmailChangeId,
        /// The person's name.
        name: String,
    },
    /// Somebody wants to log in with an address that has a log-in already.
    EmailChangeKnown {
        /// The name of whoever asked.
        name: String,
    },
    /// You log in with another address from now on; told to the old one, which may undo it.
    EmailChanged {
        /// The change whose link for undoing it carries.
        email_change: EmailChangeId,
        /// The person's name.
        name: String,
    },
    /// You log in with this address again.
    EmailChangeUndone {
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
    /// You are no member of the account any more.
    MembershipEnded {
        /// The person's name.
        name: String,
        /// The account's name.
        account: String,
    },
    /// Somebody asks for access to your account (K-09).
    JoinRequested {
        /// The owner's name.
        name: String,
        /// The account's name.
        account: String,
        /// Who asks: name and address.
        person: String,
    },
    /// You are a member of the account that you asked for.
    JoinAccepted {
        /// The person's name.
        name: String,
        /// The account's name.
        account: String,
    },
    /// The account that you asked for does not let you in.
    JoinDeclined {
        /// The person's name.
        name: String,
        /// What the person asked for: an account's id, or an owner's address.
        asked: String,
    },
    /// Your membership is held back for now.
    MembershipSuspended {
        /// The person's name.
        name: String,
        /// The account's name.
        account: String,
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
    /// A notice to a category. What it says is read when it is sent, because the reader may have changed by then.
    Notice {
        /// The notice.
        notification: NotificationId,
    },
    /// Follow this link to become a member of the account (U-17).
    Invitation {
        /// The mailing whose link it carries.
        sending: SendingId,
        /// The person's name or address.
        name: String,
        /// The account's name.
        account: String,
        /// The inviter's name, or else the account's.
        inviter: String,
        /// For how many hours the link works.
        hours: u16,
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

/// The mails to contacts that a decision calls for; what its members are told is in [`crate::members::news`].
pub fn mails(before: &Roster, after: &Roster, changes: &[Change]) -> Vec<Mail> {
    changes
        .iter()
        .flat_map(|change| mails_of(before, after, change))
        .collect()
}

#[expect(
    clippy::too_many_lines,
    reason = "one arm for each change, none of them left to a wildcard"
)]
fn mails_of(before: &Roster, after: &Roster, change: &Change) -> Vec<Mail> {
    let account = after.account().profile.name.to_string();
    let name_of = |id: ContactId| {
        after
            .contact(id)
            .map(|contact| contact.profile.display_name.to_string())
            .unwrap_or_default()
    };
    let to_contact = |id: ContactId, letter: Letter| {
        let contact = after.contact(id).ok()?;
        Some(Mail {
            contact: Some(id),
            to: contact.address.email.clone(),
            language: contact.profile.language,
            letter,
        })
    };
    match change {
        Change::VerificationSent { verification, address } => {
            let Ok(contact) = after.contact(verification.contact) else {
                return Vec::new();
            };
            let (verification, name) = (verification.id, name_of(contact.id));
            let is_awaited = contact.id == after.owner() && after.member_of_contact(contact.id).is_none();
            let letter = if is_awaited {
                Letter::TakeOver {
                    verification,
                    name,
                    account,
                }
            } else {
                Letter::VerifyContact {
                    verification,
                    name,
                    account,
                }
            };
            vec![Mail {
                contact: Some(contact.id),
                to: address.clone(),
                language: contact.profile.language,
                letter,
            }]
        }
        Change::AddressVerified { contact, .. } => {
            let (Ok(old), Ok(new)) = (before.contact(*contact), after.contact(*contact)) else {
                return Vec::new();
            };
            if old.address.email.key() == new.address.email.key() {
                return Vec::new();
            }
            let letter = Letter::AddressMoved {
                name: name_of(*contact),
                account,
            };
            vec![Mail {
                contact: Some(*contact),
                to: old.address.email.clone(),
                language: new.profile.language,
                letter,
            }]
        }
        Change::TransferRequested { transfer } if after.owner() == transfer.from => {
            let letter = Letter::OwnershipOffered {
                name: name_of(transfer.to),
                account,
                owner: name_of(transfer.from),
            };
            to_contact(transfer.to, letter).into_iter().collect()
        }
        Change::TransferEnded {
            outcome: TransferOutcome::Declined,
            ..
        } => {
            let contact = before
                .parts()
                .transfer
                .as_ref()
                .map(|transfer| name_of(transfer.to))
                .unwrap_or_default();
            let owner = after.owner();
            to_contact(
                owner,
                Letter::OwnershipDeclined {
                    name: name_of(owner),
                    account,
                    contact,
                },
            )
            .into_iter()
            .collect()
        }
        Change::OwnerMoved { from, to } => {
            let letter = |reader: ContactId| Letter::OwnershipMoved {
                name: name_of(reader),
                account: account.clone(),
                owner: name_of(*to),
            };
            [*from, *to]
                .into_iter()
                .filter_map(|reader| to_contact(reader, letter(reader)))
                .collect()
        }
        Change::KeyMade { key } => after.key_mail(key).into_iter().collect(),
        Change::InvitationSent { invitation, by_name } | Change::InvitationResent { invitation, by_name } => {
            vec![invitation_mail(after, invitation, by_name.as_ref(), account)]
        }
        Change::JoinRequested { asking, .. } => after.join_mail(asking).into_iter().collect(),
        Change::KeyRevoked { .. }
        | Change::JoinRequestEnded { .. }
        | Change::SecondFactorPolicyChanged { .. }
        | Change::AccountOpened { .. }
        | Change::AccountChanged { .. }
        | Change::AccountStatusChanged { .. }
        | Change::ContactLimitChanged { .. }
        | Change::Impersonated { .. }
        | Change::NotificationQueued { .. }
        | Change::AccountReviewed { .. }
        | Change::ContactAdded { .. }
        | Change::ContactChanged { .. }
        | Change::ContactRemoved { .. }
        | Change::ContactErased { .. }
        | Change::AddressReplaced { .. }
        | Change::AddressProposed { .. }
        | Change::AddressWithdrawn { .. }
        | Change::AddressAdded { .. }
        | Change::DeliverabilityChanged { .. }
        | Change::AddressRemoved { .. }
        | Change::SubscriptionsChanged { .. }
        | Change::RoleGiven { .. }
        | Change::RoleTaken { .. }
        | Change::PrimaryMoved { .. }
        | Change::MemberAdded { .. }
        | Change::MemberLinked { .. }
        | Change::PermissionsChanged { .. }
        | Change::MemberStatusChanged { .. }
        | Change::MemberExpiryChanged { .. }
        | Change::MemberSubscriptionsChanged { .. }
        | Change::MemberRemoved { .. }
        | Change::MemberLeft { .. }
        | Change::TransferRequested { .. }
        | Change::TransferEnded { .. }
        | Change::InvitationEnded { .. } => Vec::new(),
    }
}

/// The mail of an invitation. It belongs to the contact of its address, if there is one, and goes with it.
fn invitation_mail(after: &Roster, invitation: &Invitation, by_name: Option<&DisplayName>, account: String) -> Mail {
    let name = invitation.display_name.as_ref().map(ToString::to_string);
    let letter = Letter::Invitation {
        sending: invitation.sending,
        name: name.unwrap_or_else(|| invitation.address.to_string()),
        inviter: by_name.map_or_else(|| account.clone(), ToString::to_string),
        account,
        hours: invitation.life().hours(),
    };
    let contact = after.contact_with_address(invitation.address.key());
    Mail {
        contact: contact.map(|contact| contact.id),
        to: invitation.address.clone(),
        language: invitation.language,
        letter,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contacts::ContactPatch;
    use crate::given::{ANA, BEA, LINK, NOW, Person, address, link_id, mixed, saas_suite, standard, transfer_id};
    use crate::ownership::TransferOwnership;
    use crate::permission::Permissions;
    use crate::verification::SendVerification;

    fn written(before: &Roster, changes: &[Change]) -> Vec<Mail> {
        mails(before, &before.clone().after(changes, NOW), changes)
    }

    fn verifying() -> SendVerification {
        SendVerification {
            id: link_id(7),
            contact: BEA.contact(),
            address: None,
        }
    }

    fn transferring() -> TransferOwnership {
        TransferOwnership {
            id: transfer_id(1),
            to: BEA.contact(),
        }
    }

    fn readers(mails: &[Mail]) -> Vec<&str> {
        mails.iter().map(|mail| mail.to.as_str()).collect()
    }

    fn address_of(person: Person) -> String {
        person.address().to_string()
    }

    #[test]
    fn m_48_a_verification_goes_to_the_address_in_the_contacts_language() {
        let mut before = saas_suite().with(BEA);
        before.parts.contact_mut(BEA.contact()).unwrap().profile.language = Language::Fr;
        let changes = before.send_verification(ANA.by(), &verifying()).unwrap();
        let letter = Letter::VerifyContact {
            verification: link_id(7),
            name: "Bea".to_owned(),
            account: "Lima".to_owned(),
        };
        let contact = Some(BEA.contact());
        let mail = Mail {
            contact,
            to: BEA.address(),
            language: Language::Fr,
            letter,
        };
        assert_eq!(written(&before, &changes), [mail]);
    }

    #[test]
    fn whom_an_account_awaits_is_told_so() {
        let awaited = standard().with(BEA);
        let changes = awaited.send_verification(ANA.by(), &verifying()).unwrap();
        assert!(matches!(
            written(&awaited, &changes)[0].letter,
            Letter::VerifyContact { .. }
        ));
        let mut awaited = awaited;
        awaited.parts.owner = BEA.contact();
        assert!(matches!(written(&awaited, &changes)[0].letter, Letter::TakeOver { .. }));
    }

    #[test]
    fn the_former_address_is_told_when_another_takes_its_place() {
        let before = standard().with_verified(BEA);
        let patch = ContactPatch {
            address: Some(address("b2")),
            ..ContactPatch::default()
        };
        let changes = before.change_contact(ANA.by(), BEA.contact(), &patch);
        let waiting = before.then(changes);
        let changes = waiting.send_verification(ANA.by(), &verifying()).unwrap();
        assert_eq!(readers(&written(&waiting, &changes)), ["b2@lima.example"]);
        let sent = waiting.then(Ok(changes));
        let changes = sent.confirm_verification(LINK, &BEA.confirms(7)).unwrap();
        let mails = written(&sent, &changes);
        assert_eq!(readers(&mails), [address_of(BEA)]);
        assert!(matches!(mails[0].letter, Letter::AddressMoved { .. }));
    }

    #[test]
    fn a_first_verification_calls_for_no_mail() {
        let before = standard().with(BEA);
        let changes = before.send_verification(ANA.by(), &verifying());
        let sent = before.then(changes);
        let changes = sent.confirm_verification(LINK, &BEA.confirms(7)).unwrap();
        assert_eq!(written(&sent, &changes), []);
    }

    #[test]
    fn both_are_told_of_a_transfer_at_once() {
        let before = saas_suite().with_verified(BEA);
        let changes = before.transfer_ownership(ANA.by(), &transferring(), None).unwrap();
        let mails = written(&before, &changes);
        assert_eq!(readers(&mails), [address_of(ANA), address_of(BEA)]);
        let owner = |mail: &Mail| matches!(&mail.letter, Letter::OwnershipMoved { owner, .. } if owner == "Bea");
        assert!(mails.iter().all(owner));
    }

    #[test]
    fn an_offer_goes_to_the_contact_and_a_refusal_to_the_owner() {
        let before = mixed().with_member(BEA, Permissions::none());
        let changes = before.transfer_ownership(ANA.by(), &transferring(), None).unwrap();
        let offers = written(&before, &changes);
        assert_eq!(readers(&offers), [address_of(BEA)]);
        assert!(matches!(offers[0].letter, Letter::OwnershipOffered { .. }));
        let waiting = before.then(Ok(changes));
        let changes = waiting.decline_transfer(BEA.by(), &waiting.waiting(), None).unwrap();
        let refusals = written(&waiting, &changes);
        assert_eq!(readers(&refusals), [address_of(ANA)]);
        let name = |letter: &Letter| matches!(letter, Letter::OwnershipDeclined { contact, .. } if contact == "Bea");
        assert!(name(&refusals[0].letter));
    }
}
