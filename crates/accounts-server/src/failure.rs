//! Why a command did not do what it was asked, in words for the console.

use std::fmt;
use std::io::Write;
use std::process::ExitCode;

/// Why a command ended without having done its work.
#[derive(Debug)]
pub enum Failure {
    /// The configuration is at fault: exit code 2, as for a command line that cannot be read.
    Misconfigured(Vec<Fault>),
    /// Something went wrong: exit code 1.
    Failed(String),
}

/// One fault of the configuration. It never holds the value that is at fault, which may be a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The setting: its variable and its flag.
    pub subject: String,
    /// What is wrong, or what would be right.
    pub problem: String,
}

impl Failure {
    /// Something went wrong while `doing`.
    pub fn while_doing(doing: &str, cause: impl fmt::Display) -> Self {
        Self::Failed(format!("{doing}: {cause}"))
    }

    /// Tells the console, and answers the code that the process ends with.
    pub fn report(&self) -> ExitCode {
        // Where the console is gone, nobody is left to be told.
        drop(write!(std::io::stderr().lock(), "{self}"));
        match self {
            Self::Misconfigured(_) => ExitCode::from(2),
            Self::Failed(_) => ExitCode::FAILURE,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Misconfigured(faults) => {
                writeln!(f, "accounts: the configuration is at fault")?;
                faults
                    .iter()
                    .try_for_each(|fault| writeln!(f, "  {}: {}", fault.subject, fault.problem))
            }
            Self::Failed(text) => writeln!(f, "accounts: {text}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_its_line() {
        let fault = |subject: &str| Fault {
            subject: subject.to_owned(),
            problem: "is missing".to_owned(),
        };
        let failure = Failure::Misconfigured(vec![fault("A (--a)"), fault("B (--b)")]);
        assert_eq!(
            failure.to_string(),
            "accounts: the configuration is at fault\n  A (--a): is missing\n  B (--b): is missing\n"
        );
        assert_eq!(
            Failure::while_doing("opening", "no").to_string(),
            "accounts: opening: no\n"
        );
    }
}
