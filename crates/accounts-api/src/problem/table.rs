//! The one table from what the domain says to what the client is told.
//!
//! Every match names every case: a new one does not compile until it has its code here.

use std::collections::BTreeSet;

use accounts_domain::catalog::ContactField;
use accounts_domain::erasure::HeldPlace;
use accounts_domain::keys::RoleKey;
use accounts_domain::names::ValueFault;
use accounts_domain::second_factor::RequiringAccount;
use accounts_domain::violation::Violation;
use accounts_store::{DecideError, StoreError};
use serde_json::{Value, json};

use super::{Code, FieldCode, FieldFault, Problem};

impl From<ValueFault> for FieldFault {
    fn from(fault: ValueFault) -> Self {
        match fault {
            ValueFault::Empty => Self::new(FieldCode::TooShort).with("min", 1),
            ValueFault::TooLong { max } => Self::new(FieldCode::TooLong).with("max", max),
            ValueFault::ForbiddenCharacter => Self::new(FieldCode::ForbiddenCharacter),
            ValueFault::Form { kind } => Self::new(FieldCode::InvalidFormat).with("kind", kind),
        }
    }
}

impl From<Violation> for Problem {
    fn from(violation: Violation) -> Self {
        match violation {
            Violation::NotFound => Self::not_found(),
            Violation::Forbidden { permission } => Self::forbidden(permission.as_str()),
            Violation::OwnerOnly => Self::new(Code::OwnerOnly),
            Violation::PersonOnly => Self::new(Code::PersonOnly),
            Violation::ImpersonationRefused => Self::new(Code::ImpersonationRefused),
            Violation::UserSuspended => Self::new(Code::UserSuspended),
            Violation::KeyLimitReached { limit } => Self::new(Code::KeyLimitReached).with("limit", limit),
            Violation::WebhookLimitReached { limit } => Self::new(Code::WebhookLimitReached).with("limit", limit),
            Violation::OtherPerson => Self::new(Code::OtherPerson),
            Violation::AccountSuspended => Self::new(Code::AccountSuspended),
            Violation::AccountClosed => Self::new(Code::AccountClosed),
            Violation::ContactLimitReached { limit } => Self::new(Code::ContactLimitReached).with("limit", limit),
            Violation::AddressTaken { address } => Self::new(Code::AddressTaken).with("address", address.as_str()),
            Violation::AddressInUse => Self::new(Code::AddressInUse),
            Violation::TooManyAddresses { max } => Self::new(Code::TooManyAddresses).with("limit", max),
            Violation::MissingFields { fields } => missing(&fields),
            Violation::UnknownRole { role } => {
                Self::invalid_field("/roles", unknown(FieldCode::UnknownRole, role.as_str()))
            }
            Violation::UnknownCategory { category } => {
                Self::invalid_field("/categories", unknown(FieldCode::UnknownCategory, category.as_str()))
            }
            Violation::UnknownOpener => Self::invalid_field("/opened_by", FieldCode::UnknownOpener),
            Violation::UnknownPermission { permission } => Self::invalid_field(
                "/login/permissions",
                unknown(FieldCode::UnknownPermission, permission.as_str()),
            ),
            Violation::CannotGrant => Self::new(Code::CannotGrant),
            Violation::OwnMembership => Self::new(Code::OwnMembership),
            Violation::MemberHoldsMore => Self::new(Code::MemberHoldsMore),
            Violation::MemberIsOwner => Self::new(Code::MemberIsOwner),
            Violation::EndPassed => Self::invalid_field("/expires_at", FieldCode::InThePast),
            Violation::RoleHasSingleHolder { role } => Self::new(Code::RoleHasSingleHolder).with("role", role.as_str()),
            Violation::ContactNotVerified => Self::new(Code::ContactNotVerified),
            Violation::ContactHoldsRoles { roles } => Self::new(Code::ContactHoldsRoles).with("roles", words(&roles)),
            Violation::ContactIsOwner { roles } => Self::new(Code::ContactIsOwner).with("roles", words(&roles)),
            Violation::ContactIsPrimaryHolder { role } => {
                Self::new(Code::ContactIsPrimaryHolder).with("role", role.as_str())
            }
            Violation::RoleMustBeFilled { role } => Self::new(Code::RoleMustBeFilled).with("role", role.as_str()),
            Violation::AlreadyVerified => Self::new(Code::AlreadyVerified),
            Violation::TooSoon { wait } => {
                let wait = wait.to_std().unwrap_or_default();
                Self::new(Code::TooSoon).retry_after(wait)
            }
            Violation::LinkExpired => Self::new(Code::LinkExpired),
            Violation::LoginNotOffered => Self::new(Code::LoginNotOffered),
            Violation::ProfileBelongsToPerson => Self::new(Code::ProfileBelongsToPerson),
            Violation::TransferPending => Self::new(Code::TransferPending),
            Violation::TransferEnded { outcome } => {
                Self::new(Code::NoPendingTransfer).with("transfer_status", outcome.as_str())
            }
            Violation::ContactHasNoLogin => Self::new(Code::ContactHasNoLogin),
            Violation::AlreadyMember => Self::new(Code::AlreadyMember),
            Violation::InvitationWaiting => Self::new(Code::InvitationWaiting),
            Violation::TooManyInvitations { limit } => Self::new(Code::InvitationLimitReached).with("limit", limit),
            Violation::TooManyMails { wait } => Self::too_many_requests(wait.to_std().unwrap_or_default()),
            Violation::ContactHasOtherAddress => Self::new(Code::ContactHasOtherAddress),
            Violation::InvitationNotPending { outcome } => {
                Self::new(Code::InvitationNotPending).with("invitation_status", outcome.as_str())
            }
            Violation::InvitationEnded { outcome } => {
                Self::new(Code::InvitationEnded).with("invitation_status", outcome.as_str())
            }
            Violation::JoinRequestEnded { outcome } => {
                Self::new(Code::JoinRequestEnded).with("join_request_status", outcome.as_str())
            }
            Violation::WrongPassword => Self::new(Code::InvalidCredentials),
            Violation::SecondFactorRequired => Self::new(Code::SecondFactorRequired),
            Violation::WrongCode => Self::new(Code::InvalidCode),
            Violation::SecondFactorInForce => Self::new(Code::SecondFactorInForce),
            Violation::NoSecondFactor => Self::new(Code::NoSecondFactor),
            Violation::SecondFactorNeeded { accounts } => {
                Self::new(Code::SecondFactorNeeded).with("accounts", named(&accounts))
            }
            Violation::PlacesHeld { places } => Self::new(Code::PlacesHeld).with("accounts", held(&places)),
            Violation::SecondFactorSetupRequired => Self::new(Code::SecondFactorSetupRequired),
            Violation::Stale => Self::new(Code::Stale),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Unavailable(_) => Self::unavailable(error.cause()),
            StoreError::Failed(_) => Self::internal(error.cause()),
        }
    }
}

impl From<DecideError> for Problem {
    fn from(error: DecideError) -> Self {
        match error {
            DecideError::NotFound => Self::not_found(),
            DecideError::Refused(violation) => violation.into(),
            DecideError::Replayed(kept) => Self::replay(kept),
            DecideError::KeyReused => Self::new(Code::IdempotencyMismatch),
            DecideError::Store(error) => error.into(),
        }
    }
}

fn missing(fields: &BTreeSet<ContactField>) -> Problem {
    let pointer = |field: &ContactField| match field {
        ContactField::FirstName => "/first_name",
        ContactField::LastName => "/last_name",
        ContactField::Title => "/title",
        ContactField::Phone => "/phones",
        ContactField::Role => "/roles",
    };
    let fault = |field| {
        super::Fault::at(
            super::Place::Pointer(pointer(field).to_owned()),
            FieldCode::Required.into(),
        )
    };
    Problem::invalid_fields(fields.iter().map(fault).collect())
}

fn unknown(code: FieldCode, key: &str) -> FieldFault {
    FieldFault::new(code).with("key", key)
}

fn named(accounts: &[RequiringAccount]) -> Vec<Value> {
    let named = |account: &RequiringAccount| json!({"id": account.id.to_string(), "name": account.name.as_str()});
    accounts.iter().map(named).collect()
}

fn held(places: &[HeldPlace]) -> Vec<Value> {
    let held = |place: &HeldPlace| {
        json!({
            "id": place.account.to_string(),
            "name": place.name.as_str(),
            "owner": place.owner,
            "roles": words(&place.roles),
        })
    };
    places.iter().map(held).collect()
}

fn words(roles: &BTreeSet<RoleKey>) -> Vec<String> {
    roles.iter().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use accounts_domain::names::DisplayName;

    use super::*;

    #[test]
    fn what_a_value_lacks_becomes_a_field_code() {
        let fault = FieldFault::from(DisplayName::parse(&"a".repeat(101)).unwrap_err());
        assert_eq!(fault, FieldFault::new(FieldCode::TooLong).with("max", 100));
    }
}
