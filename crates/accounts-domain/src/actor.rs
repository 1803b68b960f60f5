//! Who acts.

use chrono::{DateTime, Utc};

use crate::api_keys::KeyActor;
use crate::ids::{IntegrationId, UserId};

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
            Self::Link => "link",
        }
    }

    /// The user, where one acts, by a key or in person.
    pub fn user(self) -> Option<UserId> {
        match self {
            Self::User(user) => Some(user),
            Self::Key(key) => Some(key.maker),
            Self::System | Self::Integration(_) | Self::Link => None,
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
