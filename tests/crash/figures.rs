//! What a run counts, and what it finds.

use std::{
    fmt,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// What must not be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Something that was acknowledged is not there.
    Lost,
    /// Something was done more than once.
    Doubled,
    /// Anything else.
    Other,
}

/// Counts of all writers, and all findings.
#[derive(Debug, Default)]
pub struct Figures {
    /// Writes that were acknowledged.
    pub acknowledged: AtomicU64,
    /// Requests that were refused as they should be.
    pub refused: AtomicU64,
    /// Writes and refusals that had no answer at first.
    pub unknown: AtomicU64,
    /// How many of them turned out to have been done.
    pub were_done: AtomicU64,
    /// How many of them got their answer when they were sent again.
    pub converged: AtomicU64,
    /// Acknowledged writes that were sent again and got the same answer.
    pub repeated: AtomicU64,
    /// Acknowledged keys that were sent again with another body and refused.
    pub other_bodies: AtomicU64,
    /// Answers with 503.
    pub unavailable: AtomicU64,
    /// The slowest answers, in milliseconds: the 503s, all others, and those to log-ins, which hash.
    pub slowest_unavailable: AtomicU64,
    pub slowest: AtomicU64,
    pub slowest_log_in: AtomicU64,
    findings: Mutex<Vec<(Kind, String)>>,
}

impl Figures {
    /// Counts one.
    pub fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// What a counter stands at.
    pub fn of(counter: &AtomicU64) -> u64 {
        counter.load(Ordering::Relaxed)
    }

    /// Remembers the slowest.
    pub fn took(slowest: &AtomicU64, time: Duration) {
        let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        slowest.fetch_max(millis, Ordering::Relaxed);
    }

    /// Notes a finding.
    pub fn find(&self, kind: Kind, sentence: impl Into<String>) {
        let mut findings = self.findings.lock().unwrap_or_else(PoisonError::into_inner);
        findings.push((kind, sentence.into()));
    }

    /// All findings.
    pub fn findings(&self) -> Vec<(Kind, String)> {
        self.findings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many findings of a kind there are.
    pub fn found(&self, kind: Kind) -> usize {
        self.findings().iter().filter(|(other, _)| *other == kind).count()
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "acknowledged {}, refused {}, unknown {} (done {}), converged {}, repeated {}, other bodies {}, 503 {}; \
             slowest 503 {} ms, log-in {} ms, other {} ms",
            Self::of(&self.acknowledged),
            Self::of(&self.refused),
            Self::of(&self.unknown),
            Self::of(&self.were_done),
            Self::of(&self.converged),
            Self::of(&self.repeated),
            Self::of(&self.other_bodies),
            Self::of(&self.unavailable),
            Self::of(&self.slowest_unavailable),
            Self::of(&self.slowest_log_in),
            Self::of(&self.slowest),
        )
    }
}
