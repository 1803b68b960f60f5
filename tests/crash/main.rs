//! Kills the service and PostgreSQL in the midst of load, again and again, and compares what was acknowledged with what
//! is there. A program of its own: it drives the binary `accounts` as a process.
//!
//! Without a word it is short, as one of the tests. In full: `make crash`, see docs/reliability/crashes.md.

mod comparison;
mod dice;
mod figures;
mod gate;
mod kills;
mod ledger;
mod plan;
mod post;
mod process;
mod run;
mod server;
mod service;
mod stored;
mod strace;
mod wire;
mod writer;

use std::{env, process::ExitCode};

use plan::Plan;

fn main() -> ExitCode {
    if is_left_out() {
        return ExitCode::SUCCESS;
    }
    let plan = Plan::from_environment();
    let checked = plan.and_then(|plan| {
        if plan.in_full {
            strace::Trap::check()?;
        }
        Ok(plan)
    });
    match checked {
        Err(problem) => {
            eprintln!("crash: {problem}");
            ExitCode::from(2)
        }
        Ok(plan) => {
            let sound = plan.databases.iter().map(|db| run::run(*db, &plan)).collect::<Vec<_>>();
            if sound.into_iter().all(|sound| sound) {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
    }
}

/// As with other tests: whoever names some wants those alone, and a list runs nothing.
fn is_left_out() -> bool {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let mut names = arguments
        .iter()
        .filter(|argument| !argument.starts_with('-'))
        .peekable();
    let asked = names.peek().is_none() || names.any(|name| "crash".contains(name.as_str()));
    if arguments.iter().any(|argument| argument == "--list") {
        println!("crash: test");
        return true;
    }
    !asked
}
