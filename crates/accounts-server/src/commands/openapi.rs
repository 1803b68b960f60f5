//! `accounts openapi`

use std::fs;
use std::process::ExitCode;

use super::print;
use crate::cli::Openapi;
use crate::failure::Failure;

/// Prints the OpenAPI document, or compares it with a file.
pub fn run(how: &Openapi) -> Result<ExitCode, Failure> {
    let text = accounts_api::document::text(&accounts_api::openapi());
    let Some(file) = &how.check else {
        print(text);
        return Ok(ExitCode::SUCCESS);
    };
    let kept = fs::read_to_string(file)
        .map_err(|error| Failure::while_doing(&format!("reading {}", file.display()), error))?;
    if kept == text {
        return Ok(ExitCode::SUCCESS);
    }
    let differs = (1..)
        .zip(kept.lines().zip(text.lines()))
        .find(|(_, (kept, written))| kept != written);
    let line = differs.map_or_else(|| kept.lines().count().min(text.lines().count()) + 1, |(line, _)| line);
    Err(Failure::Failed(format!(
        "{} is not the document of this version; they differ from line {line} on. `accounts openapi` prints it.",
        file.display()
    )))
}
