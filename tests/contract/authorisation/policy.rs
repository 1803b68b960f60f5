//! Who may call which operation. This is the one table: the document, the service and
//! `docs/permissions.md` are held against it.

use std::fmt;

use accounts_domain::integrations::IntegrationScope::{
    self, AccessCheck, AccountsOpen, AccountsView, DeliverabilityReport, EventsRead, InboundCheck, NotificationsSend,
    WebhooksManage,
};
use accounts_domain::permission::ServicePermission::{
    self, AccountManage, AuditView, ContactsManage, ContactsView, KeysManage, MembersManage, MembersView,
    NotificationsManage, NotificationsView, ReviewManage, RolesManage,
};

use Who::{
    Admin, Anyone, Has, HasInPerson, HasOrSelf, HasOwnHand, Member, MemberInPerson, Operator, Owner, Recipient, Scope,
    SignedIn, SignedInOrKey, SignedInOrOperator,
};

/// Who may call an operation. The owner of an account has every permission in it. A key does what its maker does where
/// keys are taken, narrowed to what it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    /// No token is asked for.
    Anyone,
    /// Whoever has a live session, in person: no key.
    SignedIn,
    /// Whoever has a live session, and operators in the person's place: no key.
    SignedInOrOperator,
    /// Whoever has a live session, operators in the person's place, and the keys that act as a person.
    SignedInOrKey,
    /// Every live member of the account in the path.
    Member,
    /// The same, in person: no key.
    MemberInPerson,
    /// Members with the permission.
    Has(ServicePermission),
    /// Members with the permission, in person: no key.
    HasInPerson(ServicePermission),
    /// Members with the permission, but no operator in the place of one.
    HasOwnHand(ServicePermission),
    /// Members with the permission, and the member who is the contact or the user in the path.
    HasOrSelf(ServicePermission),
    /// The owner of the account in the path, in person.
    Owner,
    /// The member to whom the transfer in the path offers the account, in person.
    Recipient,
    /// Integrations with the scope. To customers it is not there, and integrations are nobody everywhere else (R40).
    Scope(IntegrationScope),
    /// The provider's staff, of either kind.
    Operator,
    /// The provider's staff who change accounts.
    Admin,
}

/// Every operation, as the document writes it.
pub(super) const POLICY: &[(&str, Who)] = &[
    ("GET /", Anyone),
    ("GET /.well-known/jwks.json", Anyone),
    ("GET /docs", Anyone),
    ("GET /docs/{file}", Anyone),
    ("GET /email-change", Anyone),
    ("GET /email-undo", Anyone),
    ("GET /healthz", Anyone),
    ("GET /invitation", Anyone),
    ("GET /mailbox", Anyone),
    ("GET /mailbox/{file}", Anyone),
    ("GET /openapi.json", Anyone),
    ("GET /problems", Anyone),
    ("GET /problems/{code}", Anyone),
    ("GET /readyz", Anyone),
    ("GET /reset", Anyone),
    ("GET /sign-up", Anyone),
    ("GET /unsubscribe/{token}", Anyone),
    ("POST /unsubscribe/{token}", Anyone),
    ("GET /verify", Anyone),
    ("GET /v1/catalog", Anyone),
    ("POST /v1/contact-verifications/confirm", Anyone),
    ("POST /v1/contact-verifications/preview", Anyone),
    ("POST /v1/invitations/accept", Anyone),
    ("POST /v1/invitations/decline", Anyone),
    ("POST /v1/invitations/preview", Anyone),
    ("POST /v1/email-changes/confirm", Anyone),
    ("POST /v1/email-changes/undo", Anyone),
    ("POST /v1/password-resets", Anyone),
    ("POST /v1/password-resets/confirm", Anyone),
    ("POST /v1/sessions", Anyone),
    ("POST /v1/sessions/refresh", Anyone),
    ("POST /v1/sessions/second-factor", Anyone),
    ("POST /v1/sign-ups", Anyone),
    ("POST /v1/sign-ups/confirm", Anyone),
    ("POST /v1/operator/sessions", Anyone),
    ("GET /v1/operator/sessions/current", Operator),
    ("POST /v1/operator/sessions/current/renew", Operator),
    ("DELETE /v1/operator/sessions/current", Operator),
    ("GET /v1/operator/accounts", Operator),
    ("POST /v1/operator/accounts", Admin),
    ("GET /v1/operator/accounts/{account}", Operator),
    ("PATCH /v1/operator/accounts/{account}", Admin),
    ("GET /v1/operator/users", Operator),
    ("GET /v1/operator/users/{user}", Operator),
    ("POST /v1/operator/users/{user}/end-sessions", Admin),
    ("POST /v1/operator/users/{user}/suspend", Admin),
    ("POST /v1/operator/users/{user}/reinstate", Admin),
    ("POST /v1/operator/users/{user}/password-reset", Admin),
    ("POST /v1/operator/accounts/{account}/contacts/{contact}/erase", Admin),
    ("POST /v1/operator/users/{user}/erase", Admin),
    ("POST /v1/operator/users/{user}/impersonate", Operator),
    ("GET /v1/operator/audit-events", Operator),
    ("GET /v1/operator/mails", Operator),
    ("POST /v1/operator/mails/{mail}/retry", Admin),
    ("GET /v1/operator/integrations", Operator),
    ("POST /v1/operator/integrations", Admin),
    ("GET /v1/operator/integrations/{integration}", Operator),
    ("PATCH /v1/operator/integrations/{integration}", Admin),
    ("GET /v1/operator/integrations/{integration}/keys", Operator),
    ("POST /v1/operator/integrations/{integration}/keys", Admin),
    ("GET /v1/operator/integrations/{integration}/keys/{key}", Operator),
    ("DELETE /v1/operator/integrations/{integration}/keys/{key}", Admin),
    ("DELETE /v1/sessions/current", SignedInOrOperator),
    ("GET /v1/me", SignedInOrKey),
    ("GET /v1/me/export", SignedIn),
    ("POST /v1/me/erase", SignedIn),
    ("PATCH /v1/me", SignedInOrOperator),
    ("GET /v1/me/accounts", SignedInOrKey),
    ("GET /v1/me/api-keys", SignedIn),
    ("POST /v1/me/api-keys", SignedIn),
    ("GET /v1/me/api-keys/{key}", SignedIn),
    ("DELETE /v1/me/api-keys/{key}", SignedIn),
    ("GET /v1/me/invitations", SignedIn),
    ("POST /v1/me/invitations/{invitation}/accept", SignedIn),
    ("POST /v1/me/invitations/{invitation}/decline", SignedIn),
    ("GET /v1/me/join-requests", SignedIn),
    ("DELETE /v1/me/join-requests/{request}", SignedIn),
    ("POST /v1/join-requests", SignedIn),
    ("PUT /v1/me/password", SignedIn),
    ("POST /v1/me/reauthenticate", SignedIn),
    ("POST /v1/me/totp", SignedIn),
    ("DELETE /v1/me/totp", SignedIn),
    ("POST /v1/me/totp/confirm", SignedIn),
    ("POST /v1/me/totp/recovery-codes", SignedIn),
    ("POST /v1/me/email-change", SignedIn),
    ("DELETE /v1/me/email-change", SignedIn),
    ("GET /v1/me/sessions", SignedIn),
    ("GET /v1/me/sessions/{session}", SignedIn),
    ("DELETE /v1/me/sessions/{session}", SignedIn),
    ("POST /v1/accounts", SignedIn),
    ("GET /v1/accounts/{account}", Member),
    ("PATCH /v1/accounts/{account}", Has(AccountManage)),
    ("GET /v1/accounts/{account}/access", Member),
    ("GET /v1/accounts/{account}/applications", Member),
    ("GET /v1/accounts/{account}/api-keys", HasInPerson(KeysManage)),
    ("POST /v1/accounts/{account}/api-keys", HasInPerson(KeysManage)),
    ("GET /v1/accounts/{account}/api-keys/{key}", HasInPerson(KeysManage)),
    ("DELETE /v1/accounts/{account}/api-keys/{key}", HasInPerson(KeysManage)),
    ("GET /v1/accounts/{account}/audit-events", Has(AuditView)),
    ("GET /v1/accounts/{account}/audit-events/export", Has(AuditView)),
    ("GET /v1/accounts/{account}/contacts", Has(ContactsView)),
    ("POST /v1/accounts/{account}/contacts", Has(ContactsManage)),
    ("POST /v1/accounts/{account}/contacts/import", Has(ContactsManage)),
    ("GET /v1/accounts/{account}/contacts/export", Has(ContactsView)),
    ("GET /v1/accounts/{account}/contacts/{contact}", HasOrSelf(ContactsView)),
    (
        "PATCH /v1/accounts/{account}/contacts/{contact}",
        HasOrSelf(ContactsManage),
    ),
    ("DELETE /v1/accounts/{account}/contacts/{contact}", Has(ContactsManage)),
    (
        "POST /v1/accounts/{account}/contacts/{contact}/erase",
        HasOwnHand(ContactsManage),
    ),
    (
        "PUT /v1/accounts/{account}/contacts/{contact}/subscriptions",
        HasOrSelf(ContactsManage),
    ),
    (
        "POST /v1/accounts/{account}/contacts/{contact}/verification",
        Has(ContactsManage),
    ),
    (
        "POST /v1/accounts/{account}/contacts/{contact}/addresses/verification",
        Has(ContactsManage),
    ),
    (
        "DELETE /v1/accounts/{account}/contacts/{contact}/addresses/{address}",
        Has(ContactsManage),
    ),
    (
        "POST /v1/accounts/{account}/contacts/{contact}/promote",
        Has(RolesManage),
    ),
    (
        "PUT /v1/accounts/{account}/contacts/{contact}/roles/{role}",
        Has(RolesManage),
    ),
    (
        "DELETE /v1/accounts/{account}/contacts/{contact}/roles/{role}",
        Has(RolesManage),
    ),
    ("GET /v1/accounts/{account}/roles", Has(ContactsView)),
    ("GET /v1/accounts/{account}/roles/{role}", Has(ContactsView)),
    ("DELETE /v1/accounts/{account}/roles/{role}/primary", Has(RolesManage)),
    ("GET /v1/accounts/{account}/members", Has(MembersView)),
    ("GET /v1/accounts/{account}/members/{user}", HasOrSelf(MembersView)),
    ("PATCH /v1/accounts/{account}/members/{user}", Has(MembersManage)),
    ("DELETE /v1/accounts/{account}/members/{user}", Has(MembersManage)),
    (
        "PUT /v1/accounts/{account}/members/{user}/subscriptions",
        HasOrSelf(NotificationsManage),
    ),
    ("GET /v1/accounts/{account}/recipients", Has(NotificationsView)),
    ("GET /v1/accounts/{account}/review", Has(ReviewManage)),
    ("GET /v1/accounts/{account}/reviews", Has(ReviewManage)),
    ("POST /v1/accounts/{account}/reviews", Has(ReviewManage)),
    ("GET /v1/accounts/{account}/reviews/{review}", Has(ReviewManage)),
    ("POST /v1/accounts/{account}/leave", MemberInPerson),
    ("GET /v1/accounts/{account}/invitations", Has(MembersView)),
    ("POST /v1/accounts/{account}/invitations", Has(MembersManage)),
    ("POST /v1/accounts/{account}/invitations/batch", Has(MembersManage)),
    ("GET /v1/accounts/{account}/invitations/{invitation}", Has(MembersView)),
    (
        "DELETE /v1/accounts/{account}/invitations/{invitation}",
        Has(MembersManage),
    ),
    (
        "POST /v1/accounts/{account}/invitations/{invitation}/resend",
        Has(MembersManage),
    ),
    ("GET /v1/accounts/{account}/join-requests", Has(MembersManage)),
    (
        "POST /v1/accounts/{account}/join-requests/{request}/accept",
        Has(MembersManage),
    ),
    (
        "POST /v1/accounts/{account}/join-requests/{request}/decline",
        Has(MembersManage),
    ),
    ("GET /v1/accounts/{account}/ownership-transfers", Member),
    ("POST /v1/accounts/{account}/ownership-transfers", Owner),
    ("GET /v1/accounts/{account}/ownership-transfers/{transfer}", Member),
    (
        "POST /v1/accounts/{account}/ownership-transfers/{transfer}/accept",
        Recipient,
    ),
    (
        "POST /v1/accounts/{account}/ownership-transfers/{transfer}/decline",
        Recipient,
    ),
    (
        "POST /v1/accounts/{account}/ownership-transfers/{transfer}/cancel",
        Owner,
    ),
    ("POST /v1/access-checks", Scope(AccessCheck)),
    ("POST /v1/inbound-checks", Scope(InboundCheck)),
    ("POST /v1/deliverability-reports", Scope(DeliverabilityReport)),
    ("POST /v1/accounts/{account}/notifications", Scope(NotificationsSend)),
    ("GET /v1/notifications", Scope(NotificationsSend)),
    ("GET /v1/notifications/{notification}", Scope(NotificationsSend)),
    ("GET /v1/accounts/{account}/notifications", Has(NotificationsView)),
    (
        "GET /v1/accounts/{account}/notifications/{notification}",
        Has(NotificationsView),
    ),
    (
        "POST /v1/accounts/{account}/notifications/test",
        Has(NotificationsManage),
    ),
    ("GET /v1/events", Scope(EventsRead)),
    ("GET /v1/webhooks", Scope(WebhooksManage)),
    ("POST /v1/webhooks", Scope(WebhooksManage)),
    ("GET /v1/webhooks/{webhook}", Scope(WebhooksManage)),
    ("PATCH /v1/webhooks/{webhook}", Scope(WebhooksManage)),
    ("DELETE /v1/webhooks/{webhook}", Scope(WebhooksManage)),
    ("POST /v1/webhooks/{webhook}/rotate-secret", Scope(WebhooksManage)),
    ("POST /v1/webhooks/{webhook}/test", Scope(WebhooksManage)),
    ("GET /v1/webhooks/{webhook}/deliveries", Scope(WebhooksManage)),
    (
        "POST /v1/webhooks/{webhook}/deliveries/{delivery}/redeliver",
        Scope(WebhooksManage),
    ),
    ("GET /v1/accounts/by-external-id/{external_id}", Scope(AccountsView)),
    ("PUT /v1/accounts/by-external-id/{external_id}", Scope(AccountsOpen)),
];

/// Who may call this operation.
pub(super) fn of(operation: &str) -> Option<Who> {
    POLICY.iter().find(|(name, _)| *name == operation).map(|(_, who)| *who)
}

impl Who {
    /// Which keys the operation takes, in words.
    pub(super) fn keys(self) -> &'static str {
        match self {
            Anyone => "no key is asked for",
            SignedIn | SignedInOrOperator | MemberInPerson | HasInPerson(_) | Owner | Recipient | Operator | Admin => {
                "no"
            }
            SignedInOrKey => "of a user",
            Member | Has(_) | HasOwnHand(_) | HasOrSelf(_) => "yes",
            Scope(_) => "of an integration",
        }
    }

    /// Whether the operation takes keys of customers at all.
    pub(super) fn takes_keys(self) -> bool {
        match self {
            Anyone | SignedIn | SignedInOrOperator | MemberInPerson | HasInPerson(_) | Owner | Recipient | Scope(_)
            | Operator | Admin => false,
            SignedInOrKey | Member | Has(_) | HasOwnHand(_) | HasOrSelf(_) => true,
        }
    }

    /// Whether the operation is the provider's.
    pub(super) fn is_providers(self) -> bool {
        matches!(self, Operator | Admin)
    }

    /// Whether an operator does it in a person's place, in words.
    pub(super) fn in_place(self) -> &'static str {
        match self {
            Anyone => "nobody is asked for",
            SignedIn | MemberInPerson | HasInPerson(_) | HasOwnHand(_) | Owner | Recipient | Scope(_) | Operator
            | Admin => "no",
            SignedInOrOperator | SignedInOrKey | Member | Has(_) | HasOrSelf(_) => "yes",
        }
    }

    /// The permission that opens the operation.
    pub(super) fn permission(self) -> Option<ServicePermission> {
        match self {
            Has(permission) | HasInPerson(permission) | HasOwnHand(permission) | HasOrSelf(permission) => {
                Some(permission)
            }
            Anyone | SignedIn | SignedInOrOperator | SignedInOrKey | Member | MemberInPerson | Owner | Recipient
            | Scope(_) | Operator | Admin => None,
        }
    }

    /// What the document says that the operation needs: a permission or a scope.
    pub(super) fn needs(self) -> Option<&'static str> {
        match self {
            Scope(scope) => Some(scope.as_str()),
            Anyone | SignedIn | SignedInOrOperator | SignedInOrKey | Member | MemberInPerson | Has(_)
            | HasInPerson(_) | HasOwnHand(_) | HasOrSelf(_) | Owner | Recipient | Operator | Admin => {
                self.permission().map(ServicePermission::as_str)
            }
        }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Anyone => f.write_str("anybody"),
            SignedIn | SignedInOrOperator | SignedInOrKey => f.write_str("everybody who is logged in"),
            Member | MemberInPerson => f.write_str("every member"),
            Has(permission) | HasInPerson(permission) | HasOwnHand(permission) => {
                write!(f, "`{}`", permission.as_str())
            }
            HasOrSelf(permission) => write!(f, "`{}`, or whoever it is", permission.as_str()),
            Owner => f.write_str("the owner"),
            Recipient => f.write_str("whoever is offered the account"),
            Scope(scope) => write!(f, "an integration with `{}`", scope.as_str()),
            Operator => f.write_str("every operator"),
            Admin => f.write_str("operators of the kind `admin`"),
        }
    }
}
