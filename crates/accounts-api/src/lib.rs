//! The HTTP edge of the service: routes, representations, status codes and credentials.
//!
//! No SQL and no business rule stands here. A request passes [`edge`], is found by [`router`], judged
//! in the order of the contract by [`gate`], and read by the arguments of its handler: [`path`],
//! [`query`], [`page`], [`body`], [`precondition`], [`idempotency`]. It is answered with a
//! [`reply::Reply`] or a [`problem::Problem`]. [`document`] writes the OpenAPI document from the same
//! handlers.

mod access;
mod access_checks;
mod accounts;
mod api_keys;
mod app;
mod audit_events;
pub mod body;
mod catalog;
pub mod client;
pub mod clock;
mod connection;
mod consequences;
mod contacts;
mod cors;
mod csv_text;
mod cursor;
mod deadline;
pub mod deliverability;
mod denials;
mod describe;
mod docs;
pub mod document;
pub mod edge;
mod email_changes;
mod external_ids;
pub mod feed;
pub mod gate;
pub mod guards;
mod headers;
mod health;
mod html;
pub mod idempotency;
mod inbound_checks;
mod invitations;
mod join_requests;
mod json;
pub mod key_text;
mod landing;
mod limits;
pub mod links;
mod mailbox;
mod me;
mod members;
pub mod memo;
pub mod metrics;
mod moment;
mod notifications;
mod operators;
mod ownership_transfers;
pub mod page;
mod password_resets;
pub mod passwords;
pub mod path;
mod percent;
mod permissions;
pub mod precondition;
pub mod problem;
mod problems;
pub mod query;
mod reauthentication;
mod recipients;
mod recovery_codes;
pub mod reply;
pub mod request_id;
mod reviews;
mod roles;
pub mod router;
mod second_factor;
mod server;
pub mod service;
mod sessions;
pub mod settings;
mod sign_ups;
pub mod texts;
pub mod tokens;
mod unsubscribe;
pub mod vault;
mod verifications;
pub mod webhooks;

pub use app::{application, openapi, routes, serve, serve_metrics};
