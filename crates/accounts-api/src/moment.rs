//! How a moment is shown: RFC 3339, UTC, milliseconds.

use std::str::FromStr;

use chrono::{DateTime, Datelike, SecondsFormat, Utc};

use crate::problem::FieldCode;

/// A moment as text: `2026-01-31T08:15:00.000Z`.
pub(crate) fn shown(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// The moment of a text in RFC 3339, in whole milliseconds: what is shown of it later is what was said.
pub(crate) fn read(text: &str) -> Result<DateTime<Utc>, FieldCode> {
    let at = DateTime::parse_from_rfc3339(text).map_err(|_| FieldCode::InvalidFormat)?;
    DateTime::from_timestamp_millis(at.timestamp_millis())
        .filter(|at| (0..=9999).contains(&at.year()))
        .ok_or(FieldCode::InvalidFormat)
}

/// A moment in a query. It is no more lenient than a body: the databases agree on years of four digits alone.
pub(crate) struct Moment(pub(crate) DateTime<Utc>);

impl FromStr for Moment {
    type Err = FieldCode;

    fn from_str(text: &str) -> Result<Self, FieldCode> {
        read(text).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_has_milliseconds_and_a_z() {
        let at = DateTime::from_timestamp(1_800_000_000, 123_456_000).unwrap();
        assert_eq!(shown(at), "2027-01-15T08:00:00.123Z");
    }

    #[test]
    fn a_moment_is_read_as_it_will_be_shown() {
        for (text, told) in [
            ("2027-01-15T08:00:00Z", "2027-01-15T08:00:00.000Z"),
            ("2027-01-15T09:00:00.123999+01:00", "2027-01-15T08:00:00.123Z"),
            ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000Z"),
        ] {
            assert_eq!(read(text).map(shown), Ok(told.to_owned()));
        }
        for wrong in [
            "",
            "2027-01-15",
            "2027-13-15T08:00:00Z",
            "9999-12-31T23:59:59-01:00",
            "0000-01-01T00:00:00+01:00",
            "-4800-01-01T00:00:00Z",
            "+12000-01-01T00:00:00Z",
            "tomorrow",
        ] {
            assert_eq!(read(wrong), Err(FieldCode::InvalidFormat), "{wrong}");
        }
    }
}
