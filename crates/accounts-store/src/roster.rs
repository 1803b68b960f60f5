//! The roster of an account: read in one state, and saved change by change.

mod load;
mod save;

pub(crate) use load::{load, load_transfer, load_transfers};
pub(crate) use save::{lock, lower_revision, save, save_opened};
