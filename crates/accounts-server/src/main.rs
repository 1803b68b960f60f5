//! The process `accounts`: its configuration, its commands, its start and its stop.
//!
//! No rule, no route and no query stands here.

mod catalogs;
mod cli;
mod commands;
mod config;
mod demo;
mod enrolment;
mod failure;
mod files;
mod first_key;
mod key_file;
mod logging;
mod metrics;
mod scale;
mod secrets;
mod signals;
mod welcome;

use std::process::ExitCode;

use clap::Parser;

/// Many small pieces are taken by one thread and given back by another, at which the system's allocator is slow.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match commands::run(cli::Cli::parse()) {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}
