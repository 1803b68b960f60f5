//! `accounts demo`

use std::process::ExitCode;

use accounts_api::clock::Clock;
use accounts_api::passwords::Passwords;
use accounts_store::Store;

use super::{open, print, wait};
use crate::config::Said;
use crate::demo::{self, Demo, DemoError};
use crate::failure::Failure;
use crate::logging;

/// Makes what is missing of the demo account and prints its log-in.
pub fn run(said: &Said) -> Result<ExitCode, Failure> {
    let working = said.working(true)?;
    let _logging = logging::start_quietly(&working.log);
    let store = open(&working.place, working.catalog)?;
    wait(async { fill(&store).await.map_err(|error| Failure::Failed(error.to_string())) })?;
    print(format_args!(
        "The demo account is there. Its owner logs in with {}, password: {}\n",
        demo::ADDRESS,
        demo::PASSWORD
    ));
    Ok(ExitCode::SUCCESS)
}

async fn fill(store: &Store) -> Result<(), DemoError> {
    let passwords = Passwords::start().map_err(|_| DemoError::Hash)?;
    Demo::prepare(store, &Clock::System, &passwords).await?.fill().await
}
