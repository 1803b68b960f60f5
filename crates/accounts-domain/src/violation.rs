//! What a rule refuses, in the words of the domain. The API alone knows which status each one is.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use thiserror::Error;

use crate::address::EmailAddress;
use crate::catalog::ContactField;
use crate::erasure::HeldPlace;
use crate::invitations::InvitationOutcome;
use crate::join_requests::JoinOutcome;
use crate::keys::{CategoryKey, PermissionKey, RoleKey};
use crate::ownership::TransferOutcome;
use crate::second_factor::RequiringAccount;

/// A rule that stands against a command. Nothing changes.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Violation {
    /// There is no such object in this account, or the actor is not to know of it.
    #[error("not there")]
    NotFound,
    /// The actor is a member and lacks this permission.
    #[error("the permission {permission} is missing")]
    Forbidden {
        /// The missing permission.
        permission: PermissionKey,
    },
    /// Only the owner does this (M-11).
    #[error("only the owner may do this")]
    OwnerOnly,
    /// A person does this, and no API key.
    #[error("a key may not do this")]
    PersonOnly,
    /// The person does this, and no operator in its place.
    #[error("an operator may not do this in a person's place")]
    ImpersonationRefused,
    /// The provider holds the log-in back.
    #[error("the user is suspended")]
    UserSuspended,
    /// Only the person whom it concerns does this.
    #[error("only the person concerned may do this")]
    OtherPerson,
    /// The account is suspended: reads answer, writes do not.
    #[error("the account is suspended")]
    AccountSuspended,
    /// The account is closed.
    #[error("the account is closed")]
    AccountClosed,
    /// The account has as many contacts as it may (M-07).
    #[error("the account has its {limit} contacts")]
    ContactLimitReached {
        /// The limit in force.
        limit: u16,
    },
    /// There are as many API keys as there may be.
    #[error("there are {limit} keys already")]
    KeyLimitReached {
        /// The greatest number.
        limit: usize,
    },
    /// The integration has as many webhooks as it may.
    #[error("there are {limit} webhooks already")]
    WebhookLimitReached {
        /// The greatest number.
        limit: usize,
    },
    /// Another entry of the account has this address.
    #[error("the address is taken")]
    AddressTaken {
        /// The address.
        address: EmailAddress,
    },
    /// The main address is in use and cannot be removed.
    #[error("the address is in use")]
    AddressInUse,
    /// A contact has only so many addresses.
    #[error("a contact has at most {max} more addresses")]
    TooManyAddresses {
        /// The greatest number.
        max: usize,
    },
    /// The catalog asks for these fields (L-05).
    #[error("required fields are missing")]
    MissingFields {
        /// The fields.
        fields: BTreeSet<ContactField>,
    },
    /// The catalog has no such role.
    #[error("there is no role {role}")]
    UnknownRole {
        /// The role's key.
        role: RoleKey,
    },
    /// The catalog has no such category.
    #[error("there is no category {category}")]
    UnknownCategory {
        /// The category's key.
        category: CategoryKey,
    },
    /// Who is said to have opened something is nobody of the account.
    #[error("nobody of the account opened it")]
    UnknownOpener,
    /// Neither the service nor the catalog has this permission.
    #[error("there is no permission {permission}")]
    UnknownPermission {
        /// The permission's key.
        permission: PermissionKey,
    },
    /// Nobody grants what they do not have.
    #[error("only permissions that the actor has can be granted")]
    CannotGrant,
    /// Nobody changes or ends the own membership so; whoever wants to go leaves.
    #[error("nobody changes the own membership")]
    OwnMembership,
    /// Nobody changes the membership of somebody who may do more.
    #[error("the member may do more than the actor")]
    MemberHoldsMore,
    /// The owner's membership is neither changed nor ended.
    #[error("the member owns the account")]
    MemberIsOwner,
    /// A membership ends at a moment that lies ahead.
    #[error("the moment has passed")]
    EndPassed,
    /// The role has one holder; it is moved by promoting (M-57).
    #[error("{role} has a single holder")]
    RoleHasSingleHolder {
        /// The role.
        role: RoleKey,
    },
    /// Only a verified contact may have this (M-59).
    #[error("the contact is not verified")]
    ContactNotVerified,
    /// A contact with roles is not removed (M-54).
    #[error("the contact holds roles")]
    ContactHoldsRoles {
        /// The roles that stand in the way.
        roles: BTreeSet<RoleKey>,
    },
    /// The owner is not removed and owns already (M-53).
    #[error("the contact owns the account")]
    ContactIsOwner {
        /// The roles that it holds beside.
        roles: BTreeSet<RoleKey>,
    },
    /// The primary holder keeps the role until the place is moved.
    #[error("the contact is the primary holder of {role}")]
    ContactIsPrimaryHolder {
        /// The role.
        role: RoleKey,
    },
    /// The role is never left empty once filled.
    #[error("{role} must have a primary holder")]
    RoleMustBeFilled {
        /// The role.
        role: RoleKey,
    },
    /// The address is verified already.
    #[error("the address is verified already")]
    AlreadyVerified,
    /// A mail went to this address a moment ago.
    #[error("a mail was sent a moment ago")]
    TooSoon {
        /// How long until it may be sent again.
        wait: TimeDelta,
    },
    /// The link is used, too old, of another address, or none of ours.
    #[error("the link is not valid any more")]
    LinkExpired,
    /// The catalog gives contacts no log-in (U-11, K-04).
    #[error("contacts have no log-in here")]
    LoginNotOffered,
    /// The person edits the own profile, nobody else does (M-39).
    #[error("the profile belongs to the person who logs in")]
    ProfileBelongsToPerson,
    /// One transfer waits at a time.
    #[error("a transfer is pending")]
    TransferPending,
    /// The transfer has ended already.
    #[error("the transfer has ended")]
    TransferEnded {
        /// How it ended.
        outcome: TransferOutcome,
    },
    /// The contact cannot log in and so cannot own the account.
    #[error("the contact has no login")]
    ContactHasNoLogin,
    /// The person is a member already.
    #[error("the person is a member already")]
    AlreadyMember,
    /// An invitation to this address waits for its answer.
    #[error("an invitation to this address waits")]
    InvitationWaiting,
    /// The account has as many invitations waiting as it may.
    #[error("the account has its {limit} invitations")]
    TooManyInvitations {
        /// The limit.
        limit: usize,
    },
    /// Only so many invitations are mailed within a while (R51).
    #[error("too many invitations were mailed")]
    TooManyMails {
        /// How long until there may be more.
        wait: TimeDelta,
    },
    /// The contact that the invitation is for has another main address.
    #[error("the contact has another address")]
    ContactHasOtherAddress,
    /// The invitation is not pending any more; told to whoever manages it.
    #[error("the invitation is not pending")]
    InvitationNotPending {
        /// How it ended.
        outcome: InvitationOutcome,
    },
    /// The invitation has ended; told to whoever was invited.
    #[error("the invitation has ended")]
    InvitationEnded {
        /// How it ended.
        outcome: InvitationOutcome,
    },
    /// The request to join has ended.
    #[error("the request has ended")]
    JoinRequestEnded {
        /// How it ended.
        outcome: JoinOutcome,
    },
    /// The present password is not that.
    #[error("the password is not right")]
    WrongPassword,
    /// The password is right, and there is a second factor.
    #[error("the second factor is missing")]
    SecondFactorRequired,
    /// The code is not right, was used, or comes too late.
    #[error("the code is not right")]
    WrongCode,
    /// There is a second factor already.
    #[error("there is a second factor already")]
    SecondFactorInForce,
    /// There is no second factor.
    #[error("there is no second factor")]
    NoSecondFactor,
    /// Accounts of this person ask for a second factor.
    #[error("accounts ask for the second factor")]
    SecondFactorNeeded {
        /// Which.
        accounts: Vec<RequiringAccount>,
    },
    /// The person owns accounts, or holds roles in them.
    #[error("the person has places that somebody else has to take over")]
    PlacesHeld {
        /// Which.
        places: Vec<HeldPlace>,
    },
    /// The account lets nobody in without a second factor.
    #[error("the account asks for a second factor")]
    SecondFactorSetupRequired,
    /// The object has changed since the caller read it.
    #[error("the object has changed")]
    Stale,
}
