//! `accounts catalog check`

use std::path::Path;
use std::process::ExitCode;

use accounts_domain::catalog::Catalog;
use accounts_store::Database;

use super::print;
use crate::catalogs;
use crate::config::{Place, Said};
use crate::failure::Failure;
use crate::logging;

/// Prints the faults of a catalog, what stands in its way, and what it would change.
pub fn run(said: &Said, file: &Path) -> Result<ExitCode, Failure> {
    let working = said.working(false)?;
    let _logging = logging::start_quietly(&working.log);
    let catalog = match catalogs::read(file) {
        Ok(catalog) => catalog,
        Err(faults) => {
            list("The catalog is at fault:", &faults);
            return Ok(ExitCode::FAILURE);
        }
    };
    let obstacles = obstacles(&working.place, &catalog)?;
    list("What is stored stands in its way:", &obstacles);
    tell_difference(&working.catalog, &catalog);
    if obstacles.is_empty() {
        print("The catalog can be served.\n");
        return Ok(ExitCode::SUCCESS);
    }
    Ok(ExitCode::FAILURE)
}

/// What stands in the way of a catalog; nothing where no database was made yet.
fn obstacles(place: &Place, catalog: &Catalog) -> Result<Vec<String>, Failure> {
    let is_there = match &place.database {
        Database::Sqlite { path } => path.exists(),
        Database::Postgres { .. } => true,
    };
    if !is_there {
        print("There is no database yet, so that nothing stands in its way.\n");
        return Ok(Vec::new());
    }
    let obstacles =
        accounts_store::obstacles(&place.database, catalog).map_err(|error| Failure::Failed(error.to_string()))?;
    Ok(obstacles.iter().map(ToString::to_string).collect())
}

fn tell_difference(present: &Catalog, other: &Catalog) {
    let lines = present.difference(other);
    if lines.is_empty() {
        print(format_args!(
            "It changes nothing: it is the catalog in use, {}.\n",
            present.name()
        ));
    }
    list(
        &format!("What it changes of the catalog in use, {}:", present.name()),
        &lines,
    );
}

fn list(title: &str, lines: &[String]) {
    if !lines.is_empty() {
        print(format_args!("{title}\n"));
    }
    for line in lines {
        print(format_args!("  {line}\n"));
    }
}
