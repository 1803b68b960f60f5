//! The types of events that other systems are told of.

/// Every type of event of the feed and of webhooks, in the order of its name, with what it says. What the provider does
/// with its own operators, integrations, webhooks and mails is told to nobody.
pub const TOLD: [(&str, &str); 70] = [
    (
        "account.changed",
        "The account says something else about its organisation.",
    ),
    (
        "account.contact_limit_changed",
        "The account may have another number of contacts.",
    ),
    ("account.opened", "An account was opened."),
    ("account.reviewed", "The account was reviewed."),
    (
        "account.second_factor_policy_changed",
        "The account asks its members for a second factor, or no longer.",
    ),
    (
        "account.status_changed",
        "The account was suspended, taken up again or closed.",
    ),
    ("api_key.made", "An API key was made."),
    ("api_key.revoked", "An API key was revoked."),
    ("contact.added", "The account has another contact."),
    (
        "contact.address_added",
        "A contact has another address beside its main one.",
    ),
    (
        "contact.address_proposed",
        "A contact's new main address waits to be proven.",
    ),
    ("contact.address_removed", "A contact has an address no longer."),
    (
        "contact.address_replaced",
        "A contact that was never verified has another main address.",
    ),
    (
        "contact.address_withdrawn",
        "A main address that waited to be proven was taken back.",
    ),
    ("contact.changed", "A contact says something else about itself."),
    (
        "contact.deliverability_changed",
        "Mail to a contact's address comes back, is unwanted, or arrives again.",
    ),
    ("contact.erased", "A contact's person was erased."),
    ("contact.removed", "A contact was removed."),
    (
        "contact.subscriptions_changed",
        "A contact wishes to be told of other categories.",
    ),
    ("contact.verification_sent", "A mail that proves an address was sent."),
    ("contact.verified", "A contact's address was proven."),
    (
        "invitation.ended",
        "An invitation was accepted, declined or revoked, or lapsed.",
    ),
    ("invitation.resent", "An invitation was sent again."),
    ("invitation.sent", "Somebody was invited."),
    ("join_request.ended", "A request to join was answered or taken back."),
    ("join_request.made", "Somebody asks to join the account."),
    ("member.added", "The account has another member."),
    ("member.expiry_changed", "A membership ends at another moment."),
    ("member.impersonated", "An operator acts in a member's place."),
    ("member.left", "A member left the account."),
    ("member.linked", "A member is a contact from now on."),
    ("member.permissions_changed", "A member may do something else."),
    ("member.reinstated", "A member is held back no longer."),
    ("member.removed", "A member was removed."),
    (
        "member.subscriptions_changed",
        "A member wishes to be told of other categories.",
    ),
    ("member.suspended", "A member is held back."),
    ("notification.queued", "A notice waits to be sent."),
    ("owner.moved", "The account has another owner."),
    (
        "ownership_transfer.ended",
        "An ownership transfer was accepted, declined or cancelled, or lapsed.",
    ),
    ("ownership_transfer.requested", "The account was offered to a contact."),
    ("role.given", "A contact holds another role."),
    ("role.primary_moved", "A role has another primary holder, or none."),
    ("role.taken", "A contact holds a role no longer."),
    ("user.changed", "A person says something else about itself."),
    (
        "user.deliverability_changed",
        "Mail to a log-in's address comes back, is unwanted, or arrives again.",
    ),
    (
        "user.email_change_asked",
        "A person asked to log in with another address.",
    ),
    (
        "user.email_change_ended",
        "A change of the log-in's address was taken back, or lapsed.",
    ),
    ("user.email_change_undone", "The former address has the log-in again."),
    ("user.email_changed", "A person logs in with another address."),
    ("user.erased", "A person was erased."),
    ("user.impersonated", "An operator acts in a person's place."),
    ("user.imported", "A person was brought along from another system."),
    ("user.logged_in", "A person logged in."),
    ("user.password_changed", "A person has another password."),
    (
        "user.password_hash_upgraded",
        "A password is kept by the means of today.",
    ),
    (
        "user.password_reset_sent",
        "A link to choose another password was sent.",
    ),
    ("user.password_reset_spent", "Such a link works no longer."),
    ("user.reauthenticated", "A person proved again who it is."),
    ("user.recovery_code_spent", "A recovery code was used up."),
    ("user.recovery_codes_made", "A person has other recovery codes."),
    (
        "user.refresh_reused",
        "A spent refresh token came again, and its session was ended.",
    ),
    ("user.reinstated", "A log-in is held back no longer."),
    ("user.second_factor_awaited", "A log-in waits for its second factor."),
    ("user.second_factor_awaited_no_longer", "Such a log-in waits no longer."),
    ("user.second_factor_begun", "A person sets up a second factor."),
    ("user.second_factor_removed", "A person has a second factor no longer."),
    ("user.second_factor_set", "A person has a second factor."),
    ("user.second_factor_used", "A code of the second factor was taken."),
    ("user.session_ended", "A session was ended."),
    ("user.suspended", "A log-in is held back."),
];

/// Whether other systems are ever told of such an event.
pub fn is_told(kind: &str) -> bool {
    TOLD.binary_search_by_key(&kind, |(told, _)| told).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the names of events stand.
    const SOURCES: [&str; 7] = [
        include_str!("../audit.rs"),
        include_str!("members.rs"),
        include_str!("notifications.rs"),
        include_str!("provider.rs"),
        include_str!("reviews.rs"),
        include_str!("users.rs"),
        include_str!("webhooks.rs"),
    ];

    /// The nouns of what is the provider's own affair.
    const OWN: [&str; 4] = ["integration.", "mail.", "operator.", "webhook."];

    #[test]
    fn every_event_is_listed_in_order_once() {
        let is_name = |text: &&str| {
            let word = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c == '_');
            text.split_once('.')
                .is_some_and(|(noun, verb)| word(noun) && word(verb))
        };
        let mut named: Vec<&str> = SOURCES
            .iter()
            .flat_map(|source| source.split('"'))
            .filter(is_name)
            .filter(|name| !OWN.iter().any(|own| name.starts_with(own)))
            .collect();
        named.sort_unstable();
        named.dedup();
        assert_eq!(TOLD.map(|(name, _)| name).to_vec(), named);
        assert!(is_told("role.given") && !is_told("role.givn") && !is_told("operator.created"));
    }
}
