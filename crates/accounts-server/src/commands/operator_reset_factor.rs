//! `accounts operator reset-factor`

use std::process::ExitCode;

use accounts_api::clock::Clock;
use accounts_domain::actor::Actor;
use accounts_domain::address::EmailAddress;
use accounts_store::{Act, DecideError};

use super::operator_create::no_operator;
use super::{open, print, wait};
use crate::config::Said;
use crate::enrolment::{self, Enrolment};
use crate::failure::Failure;
use crate::logging;

/// Gives an operator another second factor.
pub fn run(said: &Said, address: &EmailAddress) -> Result<ExitCode, Failure> {
    let (working, secret) = said.sealing()?;
    let _logging = logging::start_quietly(&working.log);
    let store = open(&working.place, working.catalog)?;
    let vault = enrolment::vault(secret, &working.place.data)?;
    let act = Act {
        actor: Actor::System,
        at: Clock::System.now(),
        request_id: None,
        keep: None,
    };
    let made = wait(async {
        let doing = |cause: &str| Failure::while_doing("keeping the second factor", cause);
        let found = store.operator_by_address(address.key().to_owned()).await;
        let operator = found.map_err(|error| doing(error.cause()))?.ok_or_else(no_operator)?;
        let made = Enrolment::make(&vault, operator.id)?;
        let sealed = made.sealed.clone();
        let reset = store.decide_operator(operator.id, &act, move |staff| Ok(staff.reset_factor(sealed.clone())));
        match reset.await {
            Ok(_) => Ok(made),
            Err(DecideError::Store(error)) => Err(doing(error.cause())),
            Err(error) => Err(doing(&error.to_string())),
        }
    })?;
    print("The operator has another second factor, and every session of the operator has ended.\n");
    print(made.told(address));
    Ok(ExitCode::SUCCESS)
}
