//! `accounts keys rotate`

use std::process::ExitCode;

use accounts_api::clock::Clock;
use accounts_api::tokens::StoredKey;

use super::print;
use crate::config::Said;
use crate::failure::Failure;
use crate::key_file::rotated;

/// Adds a signing key and drops those that nobody needs any more.
pub fn run(said: &Said, if_missing: bool) -> Result<ExitCode, Failure> {
    let file = said.key_file()?;
    let before = file
        .read()
        .map_err(|problem| Failure::while_doing("reading the signing keys", problem))?;
    if if_missing && !before.is_empty() {
        print("There is a signing key already.\n");
        return Ok(ExitCode::SUCCESS);
    }
    let new = StoredKey::generate(Clock::System.now()).map_err(|error| Failure::while_doing("making a key", error))?;
    let had = before.len();
    let keys = rotated(before, new);
    file.write(&keys)
        .map_err(|problem| Failure::while_doing("writing the signing keys", problem))?;
    let dropped = (had + 1).saturating_sub(keys.len());
    if had == 0 {
        print("A signing key was made.\n");
        return Ok(ExitCode::SUCCESS);
    }
    print(format_args!(
        "A signing key was added, {dropped} dropped: there are {} now. Restart every instance within 15 minutes; from then \
         on the new one signs.\n",
        keys.len()
    ));
    Ok(ExitCode::SUCCESS)
}
