//! Reads settings one by one and keeps every fault, so that all of them are told at once.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use super::setting::{PREFIX, Setting};
use crate::cli::Flags;
use crate::failure::Fault;

/// Reads settings and keeps the faults.
pub struct Reader<'a> {
    flags: &'a Flags,
    faults: Vec<Fault>,
}

/// The setting is at fault, and the fault is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Faulty;

/// A setting that was read, or whose fault is kept.
pub type Read<T> = Result<T, Faulty>;

impl<'a> Reader<'a> {
    /// Reads what was said. A variable with our prefix that is none of ours is a typing error: the setting that was
    /// meant would silently not count.
    pub fn new(flags: &'a Flags, environment: &[(OsString, OsString)]) -> Self {
        let unknown = environment.iter().filter(|(name, value)| is_unknown(name, value));
        let fault = |(name, _): &(OsString, OsString)| Fault {
            subject: name.to_string_lossy().into_owned(),
            problem: "there is no such setting; `accounts --help` lists those there are".to_owned(),
        };
        Self {
            flags,
            faults: unknown.map(fault).collect(),
        }
    }

    /// Keeps a fault of a setting. `problem` never repeats the value.
    pub fn fault(&mut self, setting: Setting, problem: impl fmt::Display) -> Faulty {
        self.faults.push(Fault {
            subject: setting.to_string(),
            problem: problem.to_string(),
        });
        Faulty
    }

    /// What was said about a setting, right or wrong.
    pub fn said(&self, setting: Setting) -> Option<&'a OsStr> {
        setting.said(self.flags)
    }

    /// What was said about a setting, as it is.
    pub fn raw(&mut self, setting: Setting) -> Read<Option<&'a OsStr>> {
        match self.said(setting) {
            Some(value) if value.is_empty() => Err(self.fault(setting, "it is empty: give it a value or leave it out")),
            value => Ok(value),
        }
    }

    /// What was said about a setting, as text.
    pub fn text(&mut self, setting: Setting) -> Read<Option<&'a str>> {
        let Some(value) = self.raw(setting)? else {
            return Ok(None);
        };
        value
            .to_str()
            .map(Some)
            .ok_or_else(|| self.fault(setting, "it is not UTF-8"))
    }

    /// A path.
    pub fn path(&mut self, setting: Setting) -> Read<Option<PathBuf>> {
        Ok(self.raw(setting)?.map(PathBuf::from))
    }

    /// A text that `parse` understands, or says what would be right.
    pub fn parsed<T, P: fmt::Display>(
        &mut self,
        setting: Setting,
        parse: impl FnOnce(&str) -> Result<T, P>,
    ) -> Read<Option<T>> {
        let Some(text) = self.text(setting)? else {
            return Ok(None);
        };
        parse(text).map(Some).map_err(|problem| self.fault(setting, problem))
    }

    /// A number within bounds.
    pub fn number(&mut self, setting: Setting, bounds: RangeInclusive<usize>) -> Read<Option<usize>> {
        self.parsed(setting, |text| {
            text.parse()
                .ok()
                .filter(|number| bounds.contains(number))
                .ok_or_else(|| format!("it is a number from {} to {}", bounds.start(), bounds.end()))
        })
    }

    /// What was read, unless anything at all is at fault.
    pub fn finish<T>(self, read: Read<T>) -> Result<T, Vec<Fault>> {
        match read {
            Ok(value) if self.faults.is_empty() => Ok(value),
            Ok(_) | Err(Faulty) => Err(self.faults),
        }
    }
}

fn is_unknown(name: &OsStr, value: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with(PREFIX)
        && !Setting::ALL.iter().any(|setting| setting.variable() == name)
        && !is_service_link(&name, value)
}

/// Kubernetes tells every container of the services beside it: one that is called `accounts` becomes
/// `ACCOUNTS_SERVICE_HOST`, `ACCOUNTS_PORT` and `ACCOUNTS_PORT_8080_TCP_ADDR`.
fn is_service_link(name: &str, value: &OsStr) -> bool {
    let is_address = |value: &OsStr| value.to_str().is_some_and(|text| text.contains("://"));
    name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || (name.ends_with("_PORT") && is_address(value))
        || name
            .split_once("_PORT_")
            .is_some_and(|(_, rest)| rest.starts_with(|first: char| first.is_ascii_digit()))
}
