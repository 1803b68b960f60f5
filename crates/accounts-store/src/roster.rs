//! The roster of an account: read in one state, and saved change by change.

mod load;
mod save;

pub use load::invitations::InvitationFilter;
pub(crate) use load::invitations::{Named, load_invitation, load_invitations, load_invitations_by_id, load_to_address};
pub(crate) use load::{load, load_transfer, load_transfers};
pub(crate) use save::{lock, lower_revision, save, save_opened};
