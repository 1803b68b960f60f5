//! What leaves the service by itself: mails, composed in the reader's language and sent by a worker
//! from the outbox, and events, signed and sent to webhooks by another.
//!
//! Nothing that a user waits for waits for this crate (security decision D10): a change puts a row
//! into the outbox, [`worker`] claims it, [`compose`] writes it and [`transport`] hands it over.

pub mod compose;
pub mod templates;
pub mod transport;
pub mod webhooks;
mod words;
pub mod worker;

pub use words::WordsError;
