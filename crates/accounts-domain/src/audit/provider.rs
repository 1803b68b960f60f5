//! What stands in the log of the provider's own: operators and integrations.

use std::collections::BTreeSet;

use super::{Datum, Entry, PersonalValue, Subject};
use crate::ids::OperatorId;
use crate::integrations::{Integration, IntegrationChange, IntegrationKey, IntegrationScope};
use crate::operators::{Operator, OperatorChange, Staff};
use crate::outbox::UnsentMail;

/// The event of an operator who came to be.
pub fn operator_created(operator: &Operator) -> Entry {
    let subject = Subject::Operator(operator.id);
    let value = |field, after: String| PersonalValue {
        of: subject,
        field,
        before: None,
        after: Some(after),
    };
    Entry::new("operator.created", subject)
        .word("kind", operator.kind.as_str())
        .fields(vec![
            value("address", operator.address.to_string()),
            value("display_name", operator.display_name.to_string()),
        ])
}

/// The event of each change of an operator.
pub fn operator_entries(before: &Staff, changes: &[OperatorChange]) -> Vec<Entry> {
    let operator = Subject::Operator(before.operator.id);
    let entry = |change: &OperatorChange| match change {
        OperatorChange::SessionStarted { session, .. } => {
            Entry::new("operator.logged_in", operator).word("session", &session.id)
        }
        OperatorChange::SessionEnded { session } => {
            Entry::new("operator.session_ended", operator).word("session", session)
        }
        OperatorChange::FactorReset { .. } => Entry::new("operator.factor_reset", operator),
        OperatorChange::Removed => Entry::new("operator.removed", operator),
    };
    changes.iter().map(entry).collect()
}

/// The event of a mail that an operator had tried again.
pub fn mail_retried(operator: OperatorId, mail: &UnsentMail) -> Entry {
    Entry::new("mail.retried", Subject::Operator(operator))
        .word("mail", &mail.id)
        .word("kind", &mail.kind)
        .word("former_state", mail.state().as_str())
}

/// The event of an integration that came to be.
pub fn integration_created(integration: &Integration) -> Entry {
    let subject = Subject::Integration(integration.id);
    Entry::new("integration.created", subject)
        .with("scopes", scope_words(&integration.scopes))
        .fields(vec![PersonalValue {
            of: subject,
            field: "name",
            before: None,
            after: Some(integration.name.to_string()),
        }])
}

/// The event of each change of an integration.
pub fn integration_entries(before: &Integration, changes: &[IntegrationChange]) -> Vec<Entry> {
    let integration = Subject::Integration(before.id);
    let entry = |change: &IntegrationChange| match change {
        IntegrationChange::ScopesChanged { scopes } => Entry::new("integration.scopes_changed", integration)
            .with("scopes", scope_words(scopes))
            .with("former_scopes", scope_words(&before.scopes)),
        IntegrationChange::Disabled => Entry::new("integration.disabled", integration),
        IntegrationChange::Enabled => Entry::new("integration.enabled", integration),
        IntegrationChange::KeyMade { key } => integration_key_made(before, key),
        IntegrationChange::KeyRevoked { key } => {
            Entry::new("api_key.revoked", Subject::Key(*key)).word("integration", &before.id)
        }
    };
    changes.iter().map(entry).collect()
}

fn integration_key_made(before: &Integration, key: &IntegrationKey) -> Entry {
    Entry::new("api_key.made", Subject::Key(key.id))
        .word("integration", &before.id)
        .word("mode", key.mode.as_str())
        .moment("expires_at", key.expires_at)
}

fn scope_words(scopes: &BTreeSet<IntegrationScope>) -> Datum {
    Datum::Words(scopes.iter().map(|scope| scope.as_str().to_owned()).collect())
}
