//! Between stored text and the domain's values. What is stored was checked when it came in; what does not fit
//! is a fault of the data and never a refusal.

use std::fmt::Display;
use std::str::FromStr;

use chrono::{DateTime, NaiveDateTime, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Fault;

/// Reads an id, a key or whatever else has one text form.
pub(crate) fn parse<T: FromStr>(place: &'static str, text: &str) -> Result<T, Fault>
where
    T::Err: Display,
{
    text.parse().map_err(|error| Fault::stored(place, error))
}

/// Reads an optional one.
pub(crate) fn parse_maybe<T: FromStr>(place: &'static str, text: Option<&str>) -> Result<Option<T>, Fault>
where
    T::Err: Display,
{
    text.map(|text| parse(place, text)).transpose()
}

/// Reads a checked text by its own constructor.
pub(crate) fn checked<T, E: Display>(
    place: &'static str,
    text: &str,
    read: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, Fault> {
    read(text).map_err(|error| Fault::stored(place, error))
}

/// Reads one name out of a closed list.
pub(crate) fn named<T>(place: &'static str, name: &str, read: impl FnOnce(&str) -> Option<T>) -> Result<T, Fault> {
    read(name).ok_or_else(|| Fault::stored(place, format!("there is no {name}")))
}

/// Reads JSON.
pub(crate) fn from_json<T: DeserializeOwned>(place: &'static str, text: &str) -> Result<T, Fault> {
    serde_json::from_str(text).map_err(|error| Fault::stored(place, error))
}

/// Writes JSON.
pub(crate) fn to_json(place: &'static str, value: &impl Serialize) -> Result<String, Fault> {
    serde_json::to_string(value).map_err(|error| Fault::stored(place, error))
}

/// An instant as the tables hold it.
pub(crate) fn stored(at: DateTime<Utc>) -> NaiveDateTime {
    at.naive_utc()
}

/// An instant as the domain holds it.
pub(crate) fn instant(at: NaiveDateTime) -> DateTime<Utc> {
    at.and_utc()
}
