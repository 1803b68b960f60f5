//! What the store does, on whichever database the module above gives by `fresh`.

mod decisions;
mod erasure;
mod faults;
mod fit;
mod given;
mod handover;
mod idempotency;
mod integrations;
mod invitations;
mod operators;
mod purge;
mod queries;
mod races;
mod retention;
mod second_factors;
mod senders;
mod sessions;
mod sign_ups;
mod stories;
mod throttles;

use super::{STORIES, fresh};
