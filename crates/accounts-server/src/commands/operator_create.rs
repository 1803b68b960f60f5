//! `accounts operator create`

use std::io::{self, BufRead, IsTerminal};
use std::process::ExitCode;

use accounts_api::clock::Clock;
use accounts_api::passwords::{Password, Passwords};
use accounts_api::tokens::random_text;
use accounts_domain::actor::Actor;
use accounts_domain::ids::OperatorId;
use accounts_domain::operators::Operator;
use accounts_domain::passwords::is_common;
use accounts_domain::users::{PASSWORD_BYTES, PasswordHash};
use accounts_store::Act;

use super::{open, print, wait};
use crate::cli::NewOperator;
use crate::config::Said;
use crate::enrolment::{self, Enrolment};
use crate::failure::Failure;
use crate::logging;

/// More of a line than any password has.
const LINE: u64 = 1024;

/// Makes an operator.
pub fn run(said: &Said, new: NewOperator) -> Result<ExitCode, Failure> {
    let (working, secret) = said.sealing()?;
    let _logging = logging::start_quietly(&working.log);
    let chosen = Chosen::here()?;
    let known = [new.address.to_string(), new.name.to_string()];
    if is_common(chosen.text(), &known) {
        return Err(Failure::Failed("this password is tried before any other".to_owned()));
    }
    let store = open(&working.place, working.catalog)?;
    let vault = enrolment::vault(secret, &working.place.data)?;
    let (id, address) = (OperatorId::new(), new.address.clone());
    let enrolment = Enrolment::make(&vault, id)?;
    let at = Clock::System.now();
    let made = wait(async {
        let operator = Operator {
            id,
            address: new.address,
            display_name: new.name,
            kind: new.kind,
            password_hash: hash(&chosen).await?,
            factor: Some(enrolment.sealed.clone()),
            factor_used: None,
            created_at: at,
        };
        let act = Act {
            actor: Actor::System,
            at,
            request_id: None,
            keep: None,
        };
        let made = store.create_operator(operator, &act).await;
        made.map_err(|error| Failure::while_doing("keeping the operator", error.cause()))
    })?;
    if !made {
        return Err(Failure::Failed(
            "there is an operator with this address already".to_owned(),
        ));
    }
    print("The operator was made.\n");
    if let Chosen::ByUs(password) = chosen {
        print(format_args!("The password, which is shown this once: {password}\n"));
    }
    print(enrolment.told(&address));
    Ok(ExitCode::SUCCESS)
}

/// Nobody has this address.
pub(super) fn no_operator() -> Failure {
    Failure::Failed("there is no operator with this address".to_owned())
}

/// A password, and who chose it. There is no `Debug`.
enum Chosen {
    /// It came in.
    ByThem(String),
    /// It was made here and has to be told.
    ByUs(String),
}

impl Chosen {
    fn here() -> Result<Self, Failure> {
        let input = io::stdin();
        if input.is_terminal() {
            let made = random_text().ok_or_else(|| Failure::Failed("the machine has no randomness".to_owned()))?;
            return Ok(Self::ByUs(made));
        }
        first_line(input.lock())
            .map(Self::ByThem)
            .map_err(|error| Failure::while_doing("reading the password", error))
    }

    fn text(&self) -> &str {
        match self {
            Self::ByThem(text) | Self::ByUs(text) => text,
        }
    }
}

async fn hash(chosen: &Chosen) -> Result<PasswordHash, Failure> {
    let password = Password::parse(chosen.text()).ok_or_else(|| {
        let (shortest, longest) = (PASSWORD_BYTES.start(), PASSWORD_BYTES.end());
        Failure::Failed(format!("a password has {shortest} to {longest} bytes"))
    })?;
    let passwords = Passwords::start().map_err(|error| Failure::while_doing("hashing the password", error))?;
    let hash = passwords.hash(password).await;
    hash.map_err(|problem| Failure::while_doing("hashing the password", problem))
}

/// The first line without its end. Blanks are part of a password.
fn first_line(input: impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    input.take(LINE).read_line(&mut line)?;
    let line = line.strip_suffix('\n').unwrap_or(&line);
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_the_first_line_as_it_is() {
        for (input, password) in [("  a b \nc\n", "  a b "), ("a b\r\n", "a b"), ("a b", "a b"), ("", "")] {
            assert_eq!(first_line(input.as_bytes()).unwrap(), password);
        }
        assert_eq!(first_line("x".repeat(5_000).as_bytes()).unwrap().len(), 1_024);
    }
}
