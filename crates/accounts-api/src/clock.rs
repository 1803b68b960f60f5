//! The clock that handlers read.
//!
//! Time is an argument of everything below the edge, so a test moves one [`Clock::Manual`] and the
//! whole service lives at that moment.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

/// Where the present moment comes from.
#[derive(Debug, Clone, Default)]
pub enum Clock {
    /// The machine's clock.
    #[default]
    System,
    /// A clock that moves only when it is told to. Its copies share the moment.
    Manual(Arc<Mutex<DateTime<Utc>>>),
}

impl Clock {
    /// A clock that stands at `moment`.
    pub fn manual(moment: DateTime<Utc>) -> Self {
        Self::Manual(Arc::new(Mutex::new(moment)))
    }

    /// The present moment in whole microseconds: what both databases keep, so that a moment reads
    /// back equal to what was written.
    pub fn now(&self) -> DateTime<Utc> {
        match self {
            Self::System => Utc::now(),
            Self::Manual(moment) => *moment.lock().unwrap_or_else(PoisonError::into_inner),
        }
        .trunc_subsecs(6)
    }

    /// Moves a manual clock forward; the machine's clock stays as it is.
    pub fn advance(&self, by: TimeDelta) {
        if let Self::Manual(moment) = self {
            *moment.lock().unwrap_or_else(PoisonError::into_inner) += by;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_when_told_and_for_all_its_copies() {
        let start = DateTime::from_timestamp(1_700_000_000, 123_456_789).unwrap();
        let clock = Clock::manual(start);
        let copy = clock.clone();
        assert_eq!(clock.now(), start.trunc_subsecs(6));
        copy.advance(TimeDelta::days(400));
        assert_eq!(clock.now(), (start + TimeDelta::days(400)).trunc_subsecs(6));
    }

    #[test]
    fn moments_are_whole_microseconds() {
        assert_eq!(Clock::System.now().timestamp_subsec_nanos() % 1_000, 0);
    }
}
