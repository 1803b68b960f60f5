//! The log: one line for each event, on the standard error.

use std::io::{BufWriter, IsTerminal};
use std::panic::PanicHookInfo;

use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// What is logged when nothing is said. The start and stop of each thread is of no interest.
const USUAL_FILTER: &str = "info,actix_server=warn";

/// What is logged by commands that print their outcome themselves, when nothing is said.
const QUIET_FILTER: &str = "warn";

/// How many bytes of the log are written at once at most.
const GATHERED: usize = 64 * 1024;

/// How the process logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// Which events: directives that were checked.
    pub filter: Option<String>,
    /// In which form; without a choice it is text on a terminal and JSON everywhere else.
    pub format: Option<Format>,
}

/// The form of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object, for machines.
    Json,
    /// Words, for people.
    Text,
}

impl Format {
    /// The form of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "json" => Some(Self::Json),
            "text" => Some(Self::Text),
            _ => None,
        }
    }
}

/// Checks directives: a level, or `target=level`, with commas between them.
///
/// # Errors
/// What would be right. A word alone must be a level: a misspelt one would be taken for the name of a part, and
/// nothing else would be logged.
pub fn checked_filter(text: &str) -> Result<String, &'static str> {
    const RIGHT: &str =
        "it is a level (off, error, warn, info, debug, trace), or levels for parts: warn,accounts_api=debug";
    // Nothing at all would be a level too.
    let is_level = |word: &str| !word.is_empty() && word.parse::<LevelFilter>().is_ok();
    let misspelt = |directive: &str| !directive.contains('=') && !is_level(directive);
    if text.split(',').map(str::trim).any(misspelt) || EnvFilter::try_new(text).is_err() {
        return Err(RIGHT);
    }
    Ok(text.to_owned())
}

/// The log of the process, written as long as this is kept. Dropping it writes what is left.
#[must_use = "without it nothing is written"]
#[derive(Debug)]
pub struct Logging(#[expect(dead_code, reason = "it is there to be dropped")] WorkerGuard);

/// Starts the log of a service.
pub fn start(log: &Log) -> Logging {
    install(log, USUAL_FILTER)
}

/// Starts the log of a command that prints its outcome itself.
pub fn start_quietly(log: &Log) -> Logging {
    install(log, QUIET_FILTER)
}

fn install(log: &Log, usual: &str) -> Logging {
    let filter = EnvFilter::new(log.filter.as_deref().unwrap_or(usual));
    let text = match log.format {
        Some(format) => format == Format::Text,
        None => std::io::stderr().is_terminal(),
    };
    // A thread of its own writes what has gathered in one go, so that no request waits for whoever reads the log.
    let (writer, guard) = tracing_appender::non_blocking(BufWriter::with_capacity(GATHERED, std::io::stderr()));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // It would tell of a line that could not be written by another line, and panic when that cannot be written
        // either: where the log is on a full disk, every request would fail.
        .log_internal_errors(false)
        .with_writer(writer);
    // A log that is there already, which happens in tests alone, stays.
    drop(if text {
        builder.try_init()
    } else {
        builder.json().flatten_event(true).with_span_list(false).try_init()
    });
    std::panic::set_hook(Box::new(log_panic));
    Logging(guard)
}

/// A panic is an event like any other, in one line.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let thread = std::thread::current();
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let message = panic.payload_as_str().unwrap_or("without a message");
    tracing::error!(thread = thread.name().unwrap_or_default(), place, message, "panic");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_parts_are_filters_and_misspelt_levels_are_not() {
        for text in [
            "info",
            "off",
            "WARN",
            "warn,accounts_api=debug",
            "accounts_store::lanes=trace",
        ] {
            assert_eq!(checked_filter(text).unwrap(), text);
        }
        for text in ["inf", "", "info,", "info;debug", "accounts_api=loud", "accounts_api"] {
            assert!(checked_filter(text).is_err(), "{text}");
        }
    }
}
