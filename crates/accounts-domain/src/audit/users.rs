//! What stands in the log of a person, beside those of the accounts.

use super::{Entry, PersonalValue, Subject, key_made};
use crate::address::EmailAddress;
use crate::sessions::EndReason;
use crate::users::{Person, User, UserChange, UserStatus};

/// The event of a user that was brought along from another system.
pub fn user_imported(user: &User) -> Entry {
    let subject = Subject::User(user.id);
    let value = |field, value: String| PersonalValue {
        of: subject,
        field,
        before: None,
        after: Some(value),
    };
    Entry::new("user.imported", subject).fields(vec![
        value("address", user.address.to_string()),
        value("display_name", user.display_name.to_string()),
        value("language", user.language.to_string()),
    ])
}

/// The event of each change of a user.
pub fn user_entries(before: &Person, changes: &[UserChange]) -> Vec<Entry> {
    let user = Subject::User(before.user.id);
    let value = |field, before: Option<&EmailAddress>, after: &EmailAddress| PersonalValue {
        of: user,
        field,
        before: before.map(ToString::to_string),
        after: Some(after.to_string()),
    };
    let entry = |change: &UserChange| match change {
        UserChange::ProfileChanged { display_name, language } => Entry::new("user.changed", user).fields(vec![
            PersonalValue {
                of: user,
                field: "display_name",
                before: Some(before.user.display_name.to_string()),
                after: Some(display_name.to_string()),
            },
            PersonalValue {
                of: user,
                field: "language",
                before: Some(before.user.language.to_string()),
                after: Some(language.to_string()),
            },
        ]),
        UserChange::PasswordChanged { .. } => Entry::new("user.password_changed", user),
        UserChange::KeyMade { key } => key_made(key),
        UserChange::KeyRevoked { key } => Entry::new("api_key.revoked", Subject::Key(*key)),
        UserChange::DeliverabilityChanged { deliverability } => Entry::new("user.deliverability_changed", user)
            .word("deliverability", deliverability.as_str())
            .word("former_deliverability", before.user.deliverability.as_str()),
        UserChange::HashUpgraded { .. } => Entry::new("user.password_hash_upgraded", user),
        UserChange::ResetSent { reset } => Entry::new("user.password_reset_sent", user).word("reset", &reset.id),
        UserChange::ResetSpent { reset } => Entry::new("user.password_reset_spent", user).word("reset", reset),
        UserChange::SessionStarted { session, .. } => Entry::new("user.logged_in", user).word("session", &session.id),
        UserChange::Reauthenticated { session } => Entry::new("user.reauthenticated", user).word("session", session),
        UserChange::EmailChangeAsked { change, .. } => Entry::new("user.email_change_asked", user)
            .word("email_change", &change.id)
            .fields(vec![value("pending_address", None, &change.to)]),
        UserChange::EmailChangeEnded { change } => {
            Entry::new("user.email_change_ended", user).word("email_change", change)
        }
        UserChange::EmailChanged { change, to, .. } => Entry::new("user.email_changed", user)
            .word("email_change", change)
            .fields(vec![value("address", Some(&before.user.address), to)]),
        UserChange::EmailChangeUndone { change, to } => Entry::new("user.email_change_undone", user)
            .word("email_change", change)
            .fields(vec![value("address", Some(&before.user.address), to)]),
        UserChange::SecondFactorBegun { .. } => Entry::new("user.second_factor_begun", user),
        UserChange::SecondFactorConfirmed { .. } => Entry::new("user.second_factor_set", user),
        UserChange::SecondFactorRemoved => Entry::new("user.second_factor_removed", user),
        UserChange::RecoveryCodesMade { .. } => Entry::new("user.recovery_codes_made", user),
        UserChange::SecondFactorUsed { .. } => Entry::new("user.second_factor_used", user),
        UserChange::RecoveryCodeSpent { left } => {
            Entry::new("user.recovery_code_spent", user).word("left", &left.len())
        }
        UserChange::ChallengeMade { challenge } => {
            Entry::new("user.second_factor_awaited", user).word("challenge", &challenge.id)
        }
        UserChange::ChallengeEnded { challenge } => {
            Entry::new("user.second_factor_awaited_no_longer", user).word("challenge", challenge)
        }
        UserChange::ImpersonationStarted { session, .. } => {
            let account = session.impersonation.and_then(|impersonation| impersonation.account);
            Entry::new("user.impersonated", user)
                .word("session", &session.id)
                .maybe("account", account.as_ref())
                .moment("until", Some(session.expires_at))
        }
        UserChange::Erased => Entry::new("user.erased", user),
        UserChange::StatusChanged { status } => {
            let kind = match status {
                UserStatus::Active => "user.reinstated",
                UserStatus::Suspended => "user.suspended",
            };
            Entry::new(kind, user)
        }
        UserChange::SessionEnded {
            session,
            reason: EndReason::RefreshReused,
        } => Entry::new("user.refresh_reused", user).word("session", session),
        UserChange::SessionEnded { session, reason } => Entry::new("user.session_ended", user)
            .word("session", session)
            .word("reason", reason.as_str()),
    };
    changes.iter().map(entry).collect()
}
