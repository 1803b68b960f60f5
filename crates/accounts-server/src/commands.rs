//! One file for each command.

mod catalog_check;
mod check_db;
mod demo;
mod healthcheck;
mod keys_rotate;
mod migrate;
mod openapi;
mod serve;

use std::fmt;
use std::io::Write;
use std::process::ExitCode;

use crate::cli::{CatalogCommand, Cli, Command, KeysCommand, Serve};
use crate::config::Said;
use crate::failure::Failure;

/// Does what the command line asks for.
///
/// # Errors
/// [`Failure`], for the console.
pub fn run(cli: Cli) -> Result<ExitCode, Failure> {
    let said = &Said::here(cli.flags);
    match cli.command {
        None => serve::run(said, Serve::default()),
        Some(Command::Serve(how)) => serve::run(said, how),
        Some(Command::Migrate) => migrate::run(said),
        Some(Command::Openapi(how)) => openapi::run(&how),
        Some(Command::CheckDb) => check_db::run(said),
        Some(Command::Catalog(CatalogCommand::Check { file })) => catalog_check::run(said, &file),
        Some(Command::Keys(KeysCommand::Rotate { if_missing })) => keys_rotate::run(said, if_missing),
        Some(Command::Demo) => demo::run(said),
        Some(Command::Healthcheck) => healthcheck::run(said),
    }
}

/// Prints to the standard output. Whoever reads it may have had enough: that is no failure.
fn print(text: impl fmt::Display) {
    let mut out = std::io::stdout().lock();
    drop(write!(out, "{text}").and_then(|()| out.flush()));
}
