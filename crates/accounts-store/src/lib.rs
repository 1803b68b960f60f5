//! Storage of accounts, contacts, roles and users on SQLite and on PostgreSQL: one set of queries.
//!
//! No rule is decided here. What changes is decided by `accounts-domain` inside [`Store::decide`] and
//! [`Store::decide_user`]; what no rule decides (throttles, mails on their way, kept answers) has its own file.

mod access_checks;
mod accounts;
mod api_keys;
mod audit;
mod backend;
mod check;
mod contact_imports;
mod contacts;
mod decide;
mod deliverability;
mod distinct;
mod email_changes;
mod erasure;
mod error;
mod feed;
mod fill;
mod idempotency;
mod impersonations;
mod imports;
mod inbound_checks;
mod integrations;
mod invitations;
mod join_requests;
mod key_visits;
mod known_words;
mod lanes;
mod live_use;
mod mails;
mod members;
mod notifications;
mod operators;
mod present;
mod purge;
mod reviews;
mod roster;
mod rows;
mod schema;
mod searches;
mod second_factors;
mod sessions;
mod sign_ups;
mod snapshots;
mod store;
mod throttles;
mod users;
mod visits;
mod webhooks;

pub use access_checks::{AskedAbout, Found};
pub use accounts::{AccountMark, VerificationTarget};
pub use api_keys::UsedKey;
pub use audit::{AuditEvent, AuditFilter, AuditMark, AuditSearch, AuditValue};
pub use backend::{AddressError, Database, OpenError, PostgresUrl, migrate, pending};
pub use check::{Finding, check};
pub use decide::Decision;
pub use deliverability::Reached;
pub use email_changes::EmailChangeKeys;
pub use erasure::Erasure;
pub use error::{Cause, StoreError};
pub use feed::objects::{AskedObjects, FoundObjects};
pub use feed::{FeedFilter, FeedPage};
pub use fill::{DIGITS, Filling, Past, Stamps, Tale, digits};
pub use idempotency::{KEPT_FOR, Recall};
pub use inbound_checks::{AccountsOfMail, IncomingMail, NamedAccount};
pub use integrations::IntegrationDecision;
pub use invitations::{InvitationAnswer, InvitationTarget, InviteEntry, Invited, Joining};
pub use key_visits::{KeyVisit, KeyVisitor};
pub use lanes::Settings;
pub use live_use::obstacles;
pub use mails::*;
pub use notifications::{DeliveryRecord, Notice, NotificationRecord, Outgoing, Sender, UnsubscribeOffer};
pub use purge::{
    INVITATIONS_REMEMBERED_FOR, JOIN_REQUESTS_REMEMBERED_FOR, LINKS_REMEMBERED_FOR, NOTIFICATIONS_REMEMBERED_FOR,
    Retention, SESSIONS_REMEMBERED_FOR,
};
pub use reviews::ReviewRecord;
pub use roster::InvitationFilter;
pub use searches::{AccountSearch, AccountSummary, MembershipSummary, OwnerSummary};
pub use sessions::{Rotated, Rotation};
pub use sign_ups::{MAIL_WINDOW, MAILS_PER_ADDRESS, NewIds};
pub use store::{Act, DecideError, Keep, Kept, Store};
pub use throttles::{LONGEST_WINDOW, Throttle};
pub use users::{UserDecision, new_user};
pub use visits::{Visit, Visitor};
pub use webhooks::WebhookDecision;
pub use webhooks::deliveries::{Delivery, DeliveryState, Outcome, Told};
pub use webhooks::queue::{ClaimedDelivery, DeliveryClaim, Receiver};

#[doc(hidden)]
pub use backend::hand::Hand;
#[doc(hidden)]
pub use backend::walk as schema_walk;
#[doc(hidden)]
pub use backend::watch;

/// PostgreSQL as all tests of the workspace start it.
#[cfg(test)]
#[path = "../../../tests/support/postgres.rs"]
mod postgres;
/// What the tests' PostgreSQL asks of the crate that it is part of.
#[cfg(test)]
mod server {
    pub(crate) fn migrate(url: &str) {
        crate::migrate(&url.parse().unwrap()).unwrap();
    }
}
