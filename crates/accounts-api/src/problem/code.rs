//! Every code that an answer can bear, with its status.

use std::collections::BTreeMap;

use utoipa::IntoResponses;
use utoipa::openapi::{RefOr, Response, ResponseBuilder};

macro_rules! codes {
    ($($(#[$doc:meta])* $code:ident = $status:literal $name:literal,)*) => {
        /// What went wrong, in one stable word. Clients decide by it; it never changes inside v1.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $($(#[$doc])* $code,)*
        }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$code,)*];

            /// The code as clients see it: `contact-limit-reached`, say.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$code => $name,)*
                }
            }

            /// The HTTP status that goes with it, always the same.
            pub const fn status(self) -> u16 {
                match self {
                    $(Self::$code => $status,)*
                }
            }

            /// The code of that name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$code),)*
                    _ => None,
                }
            }
        }

        /// The codes as types, to name in `responses(…)` of a handler what it may refuse:
        /// `responses((status = 200, body = Promotion), refusal::ContactNotVerified)`.
        pub mod refusal {
            $(
                $(#[$doc])*
                #[derive(Debug, Clone, Copy)]
                pub struct $code;

                impl super::IntoResponses for $code {
                    fn responses() -> super::BTreeMap<String, super::RefOr<super::Response>> {
                        super::refused(super::Code::$code)
                    }
                }
            )*
        }
    };
}

codes! {
    /// The request cannot be read.
    BadRequest = 400 "bad-request",
    /// The cursor is not one of this list with these filters.
    InvalidCursor = 400 "invalid-cursor",
    /// No credential, or one that opens nothing.
    Unauthenticated = 401 "unauthenticated",
    /// The address and the password do not belong together.
    InvalidCredentials = 401 "invalid-credentials",
    /// The act asks for the present password, or for a proof of the last ten minutes.
    ReauthenticationRequired = 401 "reauthentication-required",
    /// The password is right, and the second factor is awaited.
    SecondFactorRequired = 401 "second-factor-required",
    /// The code is not right, was used, or comes too late.
    InvalidCode = 401 "invalid-code",
    /// The caller is known and lacks a permission.
    Forbidden = 403 "forbidden",
    /// Only the owner of the account does this.
    OwnerOnly = 403 "owner-only",
    /// The account lets nobody in without a second factor.
    SecondFactorSetupRequired = 403 "second-factor-setup-required",
    /// Only the person whom it concerns does this.
    OtherPerson = 403 "other-person",
    /// A person does this, and no API key.
    PersonOnly = 403 "person-only",
    /// The person does this, and no operator in its place.
    ImpersonationRefused = 403 "impersonation-refused",
    /// Operators who only read do not do this.
    AdminOnly = 403 "admin-only",
    /// A test key reads and changes nothing.
    TestKeyReadsOnly = 403 "test-key-reads-only",
    /// Nobody grants what they do not have.
    CannotGrant = 403 "cannot-grant",
    /// Nobody changes the own membership.
    OwnMembership = 403 "own-membership",
    /// Nobody changes the membership of somebody who may do more.
    MemberHoldsMore = 403 "member-holds-more",
    /// Not there, or not the caller's to see.
    NotFound = 404 "not-found",
    /// The path knows other methods.
    MethodNotAllowed = 405 "method-not-allowed",
    /// The body took too long to arrive.
    RequestTimeout = 408 "request-timeout",
    /// The account is suspended: reads answer, writes do not.
    AccountSuspended = 409 "account-suspended",
    /// The account is closed.
    AccountClosed = 409 "account-closed",
    /// The account has as many contacts as it may.
    ContactLimitReached = 409 "contact-limit-reached",
    /// There are as many API keys as there may be.
    KeyLimitReached = 409 "key-limit-reached",
    /// The integration has as many webhooks as it may.
    WebhookLimitReached = 409 "webhook-limit-reached",
    /// Something else of its kind has the name.
    NameTaken = 409 "name-taken",
    /// There is a second factor already.
    SecondFactorInForce = 409 "second-factor-in-force",
    /// There is no second factor.
    NoSecondFactor = 409 "no-second-factor",
    /// Accounts of this person ask for the second factor.
    SecondFactorNeeded = 409 "second-factor-needed",
    /// The provider holds the log-in back.
    UserSuspended = 409 "user-suspended",
    /// Only a verified contact may have this.
    ContactNotVerified = 409 "contact-not-verified",
    /// A contact that holds roles is not removed.
    ContactHoldsRoles = 409 "contact-holds-roles",
    /// The owner of the account is not removed, and owns already.
    ContactIsOwner = 409 "contact-is-owner",
    /// The primary holder of a role keeps it until the place is moved.
    ContactIsPrimaryHolder = 409 "contact-is-primary-holder",
    /// The owner's membership is neither changed nor ended.
    MemberIsOwner = 409 "member-is-owner",
    /// The person owns accounts, or holds roles in them, that somebody else has to take over first.
    PlacesHeld = 409 "places-held",
    /// The contact has no log-in.
    ContactHasNoLogin = 409 "contact-has-no-login",
    /// The catalog gives contacts no log-in.
    LoginNotOffered = 409 "login-not-offered",
    /// The person who logs in edits the own profile, nobody else does.
    ProfileBelongsToPerson = 409 "profile-belongs-to-person",
    /// Another entry of the account has this address.
    AddressTaken = 409 "address-taken",
    /// The address is in use and cannot be removed.
    AddressInUse = 409 "address-in-use",
    /// A contact has only so many addresses.
    TooManyAddresses = 409 "too-many-addresses",
    /// The address is verified already.
    AlreadyVerified = 409 "already-verified",
    /// The role has one holder and is moved by promoting.
    RoleHasSingleHolder = 409 "role-has-single-holder",
    /// The role is never left empty once filled.
    RoleMustBeFilled = 409 "role-must-be-filled",
    /// One ownership transfer waits at a time.
    TransferPending = 409 "transfer-pending",
    /// The ownership transfer is not pending any more.
    NoPendingTransfer = 409 "no-pending-transfer",
    /// The person is a member already.
    AlreadyMember = 409 "already-member",
    /// An invitation to this address waits for its answer.
    InvitationWaiting = 409 "invitation-waiting",
    /// The account has as many invitations waiting as it may.
    InvitationLimitReached = 409 "invitation-limit-reached",
    /// The contact that the invitation is for has another main address.
    ContactHasOtherAddress = 409 "contact-has-other-address",
    /// The invitation is not pending any more.
    InvitationNotPending = 409 "invitation-not-pending",
    /// The request to join does not wait any more.
    JoinRequestEnded = 409 "join-request-ended",
    /// The first request with this idempotency key is still running.
    IdempotencyInFlight = 409 "idempotency-in-flight",
    /// The link is used, too old, or none of ours.
    LinkExpired = 410 "link-expired",
    /// The invitation has ended, and with it the offer.
    InvitationEnded = 410 "invitation-ended",
    /// The object has changed since it was read.
    Stale = 412 "stale",
    /// The body is larger than the operation takes.
    PayloadTooLarge = 413 "payload-too-large",
    /// The body is of a media type that the operation does not take.
    UnsupportedMediaType = 415 "unsupported-media-type",
    /// Readable, but fields have values that are not taken.
    InvalidFields = 422 "invalid-fields",
    /// Rows of a table are refused, and with them all of it.
    ImportRefused = 422 "import-refused",
    /// The idempotency key was used with another body.
    IdempotencyMismatch = 422 "idempotency-mismatch",
    /// Too many requests in a while.
    TooManyRequests = 429 "too-many-requests",
    /// A mail went to this address a moment ago.
    TooSoon = 429 "too-soon",
    /// A fault of the service.
    Internal = 500 "internal",
    /// The service, or something that it needs, is not in a state to answer.
    Unavailable = 503 "unavailable",
}

/// The answer that a refusal stands for. The key says status and code, because one status may have
/// many codes; [`crate::document`] gathers them by status.
fn refused(code: Code) -> BTreeMap<String, RefOr<Response>> {
    let key = format!("{} {}", code.status(), code.as_str());
    let response = ResponseBuilder::new().description(code.as_str()).build();
    BTreeMap::from([(key, RefOr::T(response))])
}

macro_rules! field_codes {
    ($($(#[$doc:meta])* $code:ident = $name:literal,)*) => {
        /// What is wrong with one member of a body, one parameter or one header.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum FieldCode {
            $($(#[$doc])* $code,)*
        }

        impl FieldCode {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$code,)*];

            /// The code as clients see it: `too-long`, say.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$code => $name,)*
                }
            }
        }
    };
}

field_codes! {
    /// Missing, or `null` where a value must be.
    Required = "required",
    /// The operation knows no such member.
    UnknownField = "unknown-field",
    /// The member stands twice in its object.
    DuplicateField = "duplicate-field",
    /// A value of another JSON type.
    WrongType = "wrong-type",
    /// Nested deeper than any body needs.
    TooDeep = "too-deep",
    /// Fewer than `min` characters.
    TooShort = "too-short",
    /// More than `max` characters.
    TooLong = "too-long",
    /// Fewer than `min` entries.
    TooFew = "too-few",
    /// More than `max` entries.
    TooMany = "too-many",
    /// A number outside `min` to `max`.
    OutOfRange = "out-of-range",
    /// Not of the form of its kind.
    InvalidFormat = "invalid-format",
    /// A control, line-break or text-direction character.
    ForbiddenCharacter = "forbidden-character",
    /// A password that is tried before any other.
    PasswordCommon = "password-common",
    /// An address that nothing is sent to, of a private network, say.
    ForbiddenTarget = "forbidden-target",
    /// None of the `allowed` values.
    NotAllowed = "not-allowed",
    /// The catalog has no such role.
    UnknownRole = "unknown-role",
    /// The catalog has no such category.
    UnknownCategory = "unknown-category",
    /// Neither the service nor the catalog has this permission.
    UnknownPermission = "unknown-permission",
    /// Nothing of this type ever happens.
    UnknownEventType = "unknown-event-type",
    /// None of two fields of which one is needed.
    OneRequired = "one-required",
    /// The catalog has no such preset of permissions.
    UnknownPreset = "unknown-preset",
    /// Another field of the body says otherwise.
    Contradictory = "contradictory",
    /// A moment that has passed where one ahead is needed.
    InThePast = "in-the-past",
    /// The account has no such contact.
    UnknownContact = "unknown-contact",
    /// The person is no member of such an account.
    UnknownAccount = "unknown-account",
    /// The account has no such contact and no such member.
    UnknownOpener = "unknown-opener",
    /// Nobody logs in with this address.
    UnknownUser = "unknown-user",
    /// A moment that has passed, or one that is more than ten years away.
    NotAhead = "not-ahead",
    /// The operation knows no such parameter.
    UnknownParameter = "unknown-parameter",
    /// A body where the operation takes none.
    UnexpectedBody = "unexpected-body",
    /// A parameter that may stand once stands twice.
    RepeatedParameter = "repeated-parameter",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kebab_case_and_lead_back() {
        for code in Code::ALL {
            assert_eq!(Code::from_name(code.as_str()), Some(*code));
            assert!(
                code.as_str()
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte == b'-'),
                "{code:?}"
            );
            assert!((400..600).contains(&code.status()));
        }
        assert_eq!(Code::from_name("other"), None);
    }

    #[test]
    fn a_refusal_keeps_its_code_beside_the_status() {
        let responses = refusal::ContactNotVerified::responses();
        assert_eq!(responses.keys().collect::<Vec<_>>(), ["409 contact-not-verified"]);
    }
}
