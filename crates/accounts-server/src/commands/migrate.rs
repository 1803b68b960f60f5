//! `accounts migrate`

use std::process::ExitCode;

use super::print;
use crate::config::Said;
use crate::failure::Failure;
use crate::logging;

/// Runs the missing migrations and prints their names.
pub fn run(said: &Said) -> Result<ExitCode, Failure> {
    let (place, log) = said.place()?;
    let _logging = logging::start_quietly(&log);
    let names = accounts_store::migrate(&place.database).map_err(|error| Failure::Failed(error.to_string()))?;
    if names.is_empty() {
        print("The database has the schema of this version already.\n");
    }
    for name in names {
        print(format_args!("migrated: {name}\n"));
    }
    Ok(ExitCode::SUCCESS)
}
