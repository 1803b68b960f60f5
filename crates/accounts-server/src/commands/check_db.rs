//! `accounts check-db`

use std::process::ExitCode;

use accounts_api::clock::Clock;

use super::print;
use crate::config::Said;
use crate::failure::Failure;
use crate::logging;

/// Asks every invariant of the stored data and prints what is broken.
pub fn run(said: &Said) -> Result<ExitCode, Failure> {
    let working = said.working(false)?;
    let _logging = logging::start_quietly(&working.log);
    let findings = accounts_store::check(&working.place.database, &working.catalog, Clock::System.now())
        .map_err(|error| Failure::Failed(error.to_string()))?;
    for finding in &findings {
        print(format_args!("{finding}\n"));
    }
    if findings.is_empty() {
        print("Nothing is broken.\n");
        return Ok(ExitCode::SUCCESS);
    }
    Ok(ExitCode::FAILURE)
}
