//! Who acts.

use chrono::{DateTime, Utc};

use crate::api_keys::KeyActor;
use crate::ids::{IntegrationId, OperatorId, UserId};

/// Who makes a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Actor {
    /// The service itself.
    System,
    /// A person who is logged in.
    User(UserId),
    /// An API key.
    Key(KeyActor),
    /// A machine caller of the provider.
    Integration(IntegrationId),
    /// One of the provider's staff, on the provider's behalf.
    Operator(OperatorId),
    /// One of the provider's staff in the place of a person, with that person's rights.
    Impersonated {
        /// The person.
        user: UserId,
        /// Who really acts.
        operator: OperatorId,
    },
    /// Whoever followed a mailed link, and so reads the mail of its address.
    Link,
}

impl Actor {
    /// The kind's name in audit events.
    pub fn kind(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User(_) => "user",
            Self::Key(_) => "key",
            Self::Integration(_) => "integration",
            Self::Operator(_) | Self::Impersonated { .. } => "operator",
            Self::Link => "link",
        }
    }

    /// Who acts, where it has an id: a user, a key, an integration or an operator.
    pub fn id(self) -> Option<String> {
        match self {
            Self::System | Self::Link => None,
            Self::User(user) => Some(user.to_string()),
            Self::Key(key) => Some(key.key.to_string()),
            Self::Integration(integration) => Some(integration.to_string()),
            Self::Operator(operator) | Self::Impersonated { operator, .. } => Some(operator.to_string()),
        }
    }

    /// The user for whom somebody else acts: the maker of a key, or the person in whose place an operator is.
    pub fn behind(self) -> Option<UserId> {
        match self {
            Self::Key(key) => Some(key.maker),
            Self::Impersonated { user, .. } => Some(user),
            Self::System | Self::User(_) | Self::Integration(_) | Self::Operator(_) | Self::Link => None,
        }
    }

    /// The user, where one acts: by a key, in person, or by an operator in its place.
    pub fn user(self) -> Option<UserId> {
        match self {
            Self::User(user) | Self::Impersonated { user, .. } => Some(user),
            Self::Key(key) => Some(key.maker),
            Self::System | Self::Integration(_) | Self::Operator(_) | Self::Link => None,
        }
    }
}

/// Who acts, and at which moment. Rights that end by themselves are judged at that moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct By {
    /// Who acts.
    pub actor: Actor,
    /// The moment, in UTC and whole microseconds.
    pub at: DateTime<Utc>,
}
