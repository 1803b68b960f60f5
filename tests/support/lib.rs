//! What the tests of the service speak with: the application that production starts, on either
//! database, a client whose failures show the request and the answer, and set-up that reads like
//! a sentence.
//!
//! ```ignore
//! on_both! {
//!     Setup::preset("saas-suite");
//!
//!     fn m_53_the_owner_cannot_be_deleted(app) {
//!         let ana = given::owner(app, "ana@example.com");
//!         ana.removes(&ana.contact()).refused(409, "contact-holds-roles");
//!     }
//! }
//! ```
#![expect(
    clippy::missing_panics_doc,
    reason = "everything here panics: that is how a test fails"
)]

pub mod app;
pub mod authenticator;
pub mod client;
pub mod cluster;
pub mod given;
pub mod mails;
mod on_both;
pub mod postgres;
pub mod receiver;
pub mod scene;
pub mod server;
pub mod staff;
pub mod wire;

pub use app::{App, Db, Instance, Setup};
pub use client::{Answer, Client};
pub use mails::Mail;
pub use serde_json::json;
