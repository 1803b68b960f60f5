//! Webhooks: where an integration is told of events, under which secrets, and how long a delivery is tried.

mod target;

use std::collections::BTreeSet;
use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};

use crate::ids::{IntegrationId, WebhookId};
use crate::names::{ValueFault, WebhookDescription};
use crate::violation::Violation;
pub use target::{Reach, WebhookUrl, is_public};

/// The greatest number of webhooks of an integration (R51).
pub const WEBHOOKS: usize = 20;

/// The greatest number of types that a webhook names.
pub const EVENT_TYPES: usize = 100;

/// How long a delivery is tried, and how long a webhook may do nothing but fail before it is disabled.
pub const PATIENCE: TimeDelta = TimeDelta::days(3);

/// How long a delivery is tried at least before its failure speaks for its webhook.
pub const TRIED_FOR: TimeDelta = TimeDelta::days(1);

/// How long the former secret still signs after another one took its place.
pub const FORMER_SECRET_FOR: TimeDelta = TimeDelta::hours(24);

/// The waits after the first tries, in seconds; later ones wait as long as the last.
const PAUSES: [i64; 8] = [5, 60, 300, 1_800, 7_200, 18_000, 36_000, 43_200];

/// What can happen, as the audit log names it: `role.primary_moved`, say.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventType(String);

impl EventType {
    /// The greatest number of characters.
    pub const MAX: usize = 60;

    /// Takes a name of two words with a dot between them.
    ///
    /// # Errors
    /// [`ValueFault::Form`] for any other text.
    pub fn parse(text: &str) -> Result<Self, ValueFault> {
        let word = |word: &str| {
            word.starts_with(|first: char| first.is_ascii_lowercase())
                && word.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_')
        };
        let named = text
            .split_once('.')
            .is_some_and(|(noun, verb)| word(noun) && word(verb));
        if named && text.len() <= Self::MAX {
            Ok(Self(text.to_owned()))
        } else {
            Err(ValueFault::Form { kind: "event type" })
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A secret as the database keeps it: encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedSecret(pub String);

/// A secret whose place another one has taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormerSecret {
    /// The secret.
    pub secret: SealedSecret,
    /// Until when it signs beside the present one.
    pub until: DateTime<Utc>,
}

/// Why a webhook is told of nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisabledReason {
    /// Its integration wishes so.
    ByIntegration,
    /// It answered that it is gone for good (410).
    Gone,
    /// Nothing but failures came of it for [`PATIENCE`].
    Failing,
}

impl DisabledReason {
    /// Every reason.
    pub const ALL: [Self; 3] = [Self::ByIntegration, Self::Gone, Self::Failing];

    /// The reason in one word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ByIntegration => "by_integration",
            Self::Gone => "gone",
            Self::Failing => "failing",
        }
    }

    /// The reason of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == name)
    }
}

/// Where an integration is told of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Its id.
    pub id: WebhookId,
    /// Whose it is.
    pub integration: IntegrationId,
    /// Where it is told.
    pub url: WebhookUrl,
    /// What its integration says about it.
    pub description: Option<WebhookDescription>,
    /// Of what it is told; none means of everything.
    pub types: BTreeSet<EventType>,
    /// What its deliveries are signed with.
    pub secret: SealedSecret,
    /// What they were signed with before.
    pub former: Option<FormerSecret>,
    /// Since when it is told of nothing, and why.
    pub disabled: Option<(DateTime<Utc>, DisabledReason)>,
    /// Since when nothing but failures came of it.
    pub failing_since: Option<DateTime<Utc>>,
    /// How often anything that it shows has changed, by a decision or by what came of its deliveries; the first is 1.
    pub version: i64,
    /// When it came to be.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

/// A delivery that was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedTry {
    /// Where it was sent.
    pub url: WebhookUrl,
    /// Whether that address answered that it is gone for good (410).
    pub gone: bool,
    /// Since when the delivery is tried.
    pub began_at: DateTime<Utc>,
    /// When it failed.
    pub at: DateTime<Utc>,
}

/// One change of a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebhookChange {
    /// It is told somewhere else.
    UrlChanged {
        /// Where.
        url: WebhookUrl,
    },
    /// Something else is said about it.
    DescriptionChanged {
        /// What.
        description: Option<WebhookDescription>,
    },
    /// It is told of something else.
    TypesChanged {
        /// Of what; none means of everything.
        types: BTreeSet<EventType>,
    },
    /// It is told of events again.
    Enabled,
    /// It is told of nothing any more, and what was on its way to it has ended.
    Disabled {
        /// Why.
        reason: DisabledReason,
    },
    /// It has another secret.
    SecretRotated {
        /// The new one.
        secret: SealedSecret,
        /// The one before.
        former: FormerSecret,
    },
    /// It is gone, with all that was on its way to it.
    Removed,
}

/// What is to change of a webhook; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WebhookPatch {
    /// Where it is told.
    pub url: Option<WebhookUrl>,
    /// What is said about it.
    pub description: Option<Option<WebhookDescription>>,
    /// Of what it is told.
    pub types: Option<BTreeSet<EventType>>,
    /// Whether it is told at all.
    pub enabled: Option<bool>,
}

impl Webhook {
    /// Refuses one more webhook where an integration has that many.
    ///
    /// # Errors
    /// [`Violation::WebhookLimitReached`].
    pub fn admit(present: usize) -> Result<(), Violation> {
        if present < WEBHOOKS {
            Ok(())
        } else {
            Err(Violation::WebhookLimitReached { limit: WEBHOOKS })
        }
    }

    /// Whether it is to be told of an event of this type.
    pub fn wants(&self, kind: &str) -> bool {
        self.disabled.is_none() && (self.types.is_empty() || self.types.iter().any(|wanted| wanted.as_str() == kind))
    }

    /// Changes what its integration says of it.
    pub fn change(&self, patch: &WebhookPatch) -> Vec<WebhookChange> {
        let url = patch.url.iter().filter(|url| **url != self.url);
        let description = patch.description.iter().filter(|said| **said != self.description);
        let types = patch.types.iter().filter(|types| **types != self.types);
        let enabled = patch.enabled.filter(|enabled| *enabled != self.disabled.is_none());
        url.map(|url| WebhookChange::UrlChanged { url: url.clone() })
            .chain(description.map(|description| WebhookChange::DescriptionChanged {
                description: description.clone(),
            }))
            .chain(types.map(|types| WebhookChange::TypesChanged { types: types.clone() }))
            .chain(enabled.map(|enabled| {
                if enabled {
                    WebhookChange::Enabled
                } else {
                    WebhookChange::Disabled {
                        reason: DisabledReason::ByIntegration,
                    }
                }
            }))
            .collect()
    }

    /// Disables it, unless it is.
    pub fn disable(&self, reason: DisabledReason) -> Vec<WebhookChange> {
        let change = self.disabled.is_none().then_some(WebhookChange::Disabled { reason });
        change.into_iter().collect()
    }

    /// Gives it another secret. The one before signs beside it for [`FORMER_SECRET_FOR`]; one that was former already
    /// signs no more.
    pub fn rotate(&self, secret: &SealedSecret, at: DateTime<Utc>) -> Vec<WebhookChange> {
        vec![WebhookChange::SecretRotated {
            secret: secret.clone(),
            former: FormerSecret {
                secret: self.secret.clone(),
                until: at + FORMER_SECRET_FOR,
            },
        }]
    }

    /// The secret that signs beside the present one at that moment.
    pub fn former_secret(&self, at: DateTime<Utc>) -> Option<&SealedSecret> {
        let former = self.former.as_ref().filter(|former| at < former.until);
        former.map(|former| &former.secret)
    }

    /// What a failure makes of it: it is disabled where it is gone for good or hopeless. What failed at an address where it
    /// is no longer says nothing of it.
    pub fn after_failure(&self, failed: &FailedTry) -> Vec<WebhookChange> {
        if failed.url != self.url {
            Vec::new()
        } else if failed.gone {
            self.disable(DisabledReason::Gone)
        } else if self.is_hopeless(failed.began_at, failed.at) {
            self.disable(DisabledReason::Failing)
        } else {
            Vec::new()
        }
    }

    /// When something that is asked for by hand at that moment begins. What began before it was disabled is given up, so
    /// this is later, whatever the clocks of several machines say.
    pub fn begins_by_hand(&self, at: DateTime<Utc>) -> DateTime<Utc> {
        let disabled_at = self.disabled.map(|(disabled_at, _)| disabled_at);
        disabled_at.map_or(at, |disabled_at| at.max(disabled_at + TimeDelta::microseconds(1)))
    }

    /// Whether a failure at that moment, of a delivery that began at `began_at`, ends its being told: it has done nothing
    /// else for [`PATIENCE`], and this delivery was tried for [`TRIED_FOR`] at least. A first failure after a quiet time, or
    /// a test, says nothing of the time between.
    pub fn is_hopeless(&self, began_at: DateTime<Utc>, at: DateTime<Utc>) -> bool {
        let long_since = self.failing_since.is_some_and(|since| since + PATIENCE <= at);
        long_since && began_at + TRIED_FOR <= at
    }

    /// The webhook after `changes`, made at that moment.
    #[must_use]
    pub fn after(mut self, changes: &[WebhookChange], at: DateTime<Utc>) -> Self {
        if changes.is_empty() {
            return self;
        }
        for change in changes {
            match change {
                WebhookChange::UrlChanged { url } => {
                    self.url.clone_from(url);
                    // What failed was another receiver.
                    self.failing_since = None;
                }
                WebhookChange::DescriptionChanged { description } => self.description.clone_from(description),
                WebhookChange::TypesChanged { types } => self.types.clone_from(types),
                WebhookChange::Enabled => {
                    self.disabled = None;
                    self.failing_since = None;
                }
                WebhookChange::Disabled { reason } => self.disabled = Some((at, *reason)),
                WebhookChange::SecretRotated { secret, former } => {
                    self.secret.clone_from(secret);
                    self.former = Some(former.clone());
                }
                WebhookChange::Removed => {}
            }
        }
        self.version += 1;
        self.updated_at = at;
        self
    }
}

/// When a delivery is tried again that failed for the `attempts`th time; nothing where that would be too late. `dice` is
/// any number: it makes the wait up to a fifth longer or shorter, so that what an outage has held up does not come back at
/// one moment.
pub fn next_attempt(began_at: DateTime<Utc>, attempts: u32, now: DateTime<Utc>, dice: u64) -> Option<DateTime<Utc>> {
    let tried = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
    let seconds = PAUSES.get(tried).or(PAUSES.last()).copied().unwrap_or(60);
    let percent = 80 + i64::try_from(dice % 41).unwrap_or(20);
    let next = now + TimeDelta::milliseconds(seconds * 10 * percent);
    (next < began_at + PATIENCE).then_some(next)
}

#[cfg(test)]
mod tests;
