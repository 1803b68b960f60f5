//! Identifiers: a prefix and a `UUIDv7` in `TypeID` form (`acc_01h…`), sortable by the time they were made.
//!
//! They are made outside this crate, which has neither a clock nor randomness, and come in as arguments.

use type_safe_id::{StaticType, TypeSafeId};

macro_rules! identifiers {
    ($($(#[$doc:meta])* $id:ident = $tag:ident, $prefix:literal;)*) => {$(
        #[doc = concat!("The tag behind the prefix `", $prefix, "_`.")]
        #[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $tag;

        impl StaticType for $tag {
            const TYPE: &'static str = $prefix;
        }

        $(#[$doc])*
        pub type $id = TypeSafeId<$tag>;
    )*};
}

identifiers! {
    /// A customer organisation at the provider.
    AccountId = AccountTag, "acc";
    /// A person or a mailbox that the provider knows for an account.
    ContactId = ContactTag, "con";
    /// A login identity.
    UserId = UserTag, "usr";
    /// One log-in of a user on one device.
    SessionId = SessionTag, "ses";
    /// A sign-up that waits for the proof of its address.
    SignUpId = SignUpTag, "sgn";
    /// One verification mail to one address of a contact.
    VerificationId = VerificationTag, "ver";
    /// One password reset mail.
    ResetId = ResetTag, "rst";
    /// One change of the address that a user logs in with.
    EmailChangeId = EmailChangeTag, "emc";
    /// One log-in that waits for the code of the second factor.
    ChallengeId = ChallengeTag, "chl";
    /// One ownership transfer.
    TransferId = TransferTag, "trf";
    /// One invitation.
    InvitationId = InvitationTag, "inv";
    /// One mailing of an invitation, whose link it names.
    SendingId = SendingTag, "snd";
    /// One request to join an account.
    JoinRequestId = JoinRequestTag, "jrq";
    /// One review of an account.
    ReviewId = ReviewTag, "rev";
    /// One audit event.
    EventId = EventTag, "evt";
    /// One of the provider's staff.
    OperatorId = OperatorTag, "opr";
    /// One log-in of an operator.
    OperatorSessionId = OperatorSessionTag, "ops";
    /// One API key.
    ApiKeyId = ApiKeyTag, "key";
    /// One machine caller of the provider.
    IntegrationId = IntegrationTag, "int";
    /// One notice that was sent to a category.
    NotificationId = NotificationTag, "ntf";
    /// One place where an integration is told of events.
    WebhookId = WebhookTag, "whk";
    /// One event on its way to a webhook.
    DeliveryId = DeliveryTag, "dlv";
    /// One outgoing mail.
    MailId = MailTag, "mai";
}
