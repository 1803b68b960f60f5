//! `accounts operator remove`

use std::process::ExitCode;

use accounts_api::clock::Clock;
use accounts_domain::actor::Actor;
use accounts_domain::address::EmailAddress;
use accounts_store::{Act, DecideError};

use super::operator_create::no_operator;
use super::{open, print, wait};
use crate::config::Said;
use crate::failure::Failure;
use crate::logging;

/// Removes an operator, with every session.
pub fn run(said: &Said, address: &EmailAddress) -> Result<ExitCode, Failure> {
    let working = said.working(false)?;
    let _logging = logging::start_quietly(&working.log);
    let store = open(&working.place, working.catalog)?;
    let act = Act {
        actor: Actor::System,
        at: Clock::System.now(),
        request_id: None,
        keep: None,
    };
    wait(async {
        let doing = |cause: &str| Failure::while_doing("removing the operator", cause);
        let found = store.operator_by_address(address.key().to_owned()).await;
        let operator = found.map_err(|error| doing(error.cause()))?.ok_or_else(no_operator)?;
        match store.remove_operator(operator.id, &act).await {
            Ok(()) => Ok(()),
            Err(DecideError::Store(error)) => Err(doing(error.cause())),
            Err(error) => Err(doing(&error.to_string())),
        }
    })?;
    print("The operator was removed, and every session of the operator has ended.\n");
    Ok(ExitCode::SUCCESS)
}
