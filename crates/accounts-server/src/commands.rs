//! One file for each command.

mod catalog_check;
mod check_db;
mod demo;
mod healthcheck;
mod integrations;
mod keys_rotate;
mod migrate;
mod openapi;
mod operator_create;
mod operator_remove;
mod operator_reset_factor;
mod serve;
mod user_import;

use std::fmt;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use accounts_domain::catalog::Catalog;
use accounts_store::{Settings, Store};

use crate::cli::{CatalogCommand, Cli, Command, KeysCommand, OperatorCommand, Serve, UserCommand};
use crate::config::{Place, Said};
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
        Some(Command::Operator(OperatorCommand::Create(new))) => operator_create::run(said, new),
        Some(Command::Operator(OperatorCommand::ResetFactor { address })) => operator_reset_factor::run(said, &address),
        Some(Command::Operator(OperatorCommand::Remove { address })) => operator_remove::run(said, &address),
        Some(Command::Integration(what)) => integrations::run(said, what),
        Some(Command::User(UserCommand::Import(what))) => user_import::run(said, &what),
        Some(Command::Demo(which)) => demo::run(said, which),
        Some(Command::Healthcheck) => healthcheck::run(said),
    }
}

/// Opens the store. Missing migrations are run on the embedded database alone: on a server, instances of the former
/// version may still need the former tables.
fn open(place: &Place, catalog: Arc<Catalog>) -> Result<Store, Failure> {
    let settings = Settings {
        migrate: place.is_embedded(),
        ..Settings::new(place.database.clone())
    };
    Store::open(settings, catalog).map_err(|error| Failure::Failed(error.to_string()))
}

/// Does asynchronous work in a command that does not serve.
fn wait<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime
        .map_err(|error| Failure::while_doing("starting a runtime", error))?
        .block_on(work)
}

/// Prints to the standard output. Whoever reads it may have had enough: that is no failure.
fn print(text: impl fmt::Display) {
    let mut out = std::io::stdout().lock();
    drop(write!(out, "{text}").and_then(|()| out.flush()));
}
