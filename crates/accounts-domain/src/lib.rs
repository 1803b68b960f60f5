//! The rules of Accounts: who may do what, who is told what, and who speaks for the customer.
//!
//! This crate has no I/O, no clock, no randomness, no HTTP and no SQL: times, ids and secrets come in as
//! arguments. A rule is a function of the [`roster::Roster`] that answers with [`change::Change`]s or with a
//! [`violation::Violation`]; the store carries the changes out and the API shows them.

pub mod access;
pub mod access_checks;
pub mod accounts;
pub mod actor;
pub mod address;
pub mod api_keys;
pub mod audit;
pub mod catalog;
pub mod change;
pub mod contacts;
pub mod deliverability;
pub mod difference;
pub mod email_changes;
pub mod erasure;
pub mod ids;
pub mod imports;
pub mod inbound_checks;
pub mod integrations;
mod invariants;
pub mod invitations;
pub mod join_requests;
pub mod keys;
pub mod language;
pub mod mail;
pub mod members;
pub mod names;
pub mod notifications;
pub mod operators;
pub mod outbox;
pub mod ownership;
pub mod passwords;
pub mod permission;
pub mod phone;
pub mod recipients;
pub mod review;
pub mod roles;
pub mod roster;
pub mod second_factor;
pub mod sessions;
pub mod sign_ups;
pub mod totp;
pub mod users;
pub mod verification;
pub mod violation;
pub mod webhooks;

#[cfg(test)]
mod given;
#[cfg(test)]
mod properties;
