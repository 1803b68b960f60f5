//! `accounts demo`

use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use accounts_api::clock::Clock;
use accounts_api::passwords::Passwords;
use accounts_domain::users::PasswordHash;
use accounts_store::Store;

use super::{open, print, wait};
use crate::cli::DemoAccounts;
use crate::config::Said;
use crate::demo::{self, Demo, DemoError};
use crate::failure::Failure;
use crate::logging;
use crate::scale::{self, Scale};

/// How often the console hears how far it has come.
const EVERY: Duration = Duration::from_secs(1);

/// Makes what is missing of the demo account, and of those that are asked for besides it, and prints how to log in.
pub fn run(said: &Said, which: DemoAccounts) -> Result<ExitCode, Failure> {
    let working = said.working(!which.on_postgres)?;
    let _logging = logging::start_quietly(&working.log);
    let store = open(&working.place, working.catalog)?;
    let hash = wait(async { fill(&store).await.map_err(|error| Failure::Failed(error.to_string())) })?;
    print(format_args!(
        "The demo account is there. Its owner logs in with {}, password: {}\n",
        demo::ADDRESS,
        demo::PASSWORD
    ));
    let mut scale = Scale::begin(&store, hash, Clock::System.now()).map_err(failed)?;
    if let Some(accounts) = which.accounts {
        let mut progress = Progress::begin(accounts);
        scale.fill(accounts, |done| progress.tell(done)).map_err(failed)?;
        print(format_args!(
            "{accounts} accounts of five contacts are there. Their owners log in with {} to {}, with the same password.\n",
            scale::owner_address(1),
            scale::owner_address(accounts),
        ));
    }
    if let Some(contacts) = which.contacts {
        scale.fill_one(contacts).map_err(failed)?;
        print(format_args!(
            "An account of {contacts} contacts is there. Its owner logs in with {}, with the same password.\n",
            scale::crowd_address(contacts),
        ));
    }
    Ok(ExitCode::SUCCESS)
}

async fn fill(store: &Store) -> Result<PasswordHash, DemoError> {
    let passwords = Passwords::start().map_err(|_| DemoError::Hash)?;
    Demo::prepare(store, &Clock::System, &passwords).await?.fill().await?;
    demo::hash(&passwords).await
}

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::Failed(error.to_string())
}

/// Tells the console how far it has come.
struct Progress {
    wanted: u32,
    told_at: Instant,
    told: Option<u32>,
}

impl Progress {
    fn begin(wanted: u32) -> Self {
        Self {
            wanted,
            told_at: Instant::now(),
            told: None,
        }
    }

    /// So many are there now; the first call says how many were there before.
    fn tell(&mut self, done: u32) {
        let since = self.told_at.elapsed();
        let Some(before) = self.told else {
            self.told = Some(done);
            return;
        };
        if since < EVERY && done < self.wanted {
            return;
        }
        let rate = f64::from(done.saturating_sub(before)) / since.as_secs_f64();
        let wanted = self.wanted;
        // Where the console is gone, nobody is left to be told.
        drop(writeln!(
            std::io::stderr().lock(),
            "{done} of {wanted} accounts, {rate:.0} a second"
        ));
        self.told_at = Instant::now();
        self.told = Some(done);
    }
}
