//! Mails that no server has accepted, as operators see them.

use chrono::{DateTime, Utc};

use crate::ids::{AccountId, MailId, NotificationId};

/// How a mail stands that was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnsentState {
    /// It is tried until a server accepts it, or until that would be too late.
    Waiting,
    /// It is not tried any more.
    GivenUp,
}

impl UnsentState {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Waiting, Self::GivenUp];

    /// The name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::GivenUp => "given_up",
        }
    }

    /// The state of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

/// A mail that was not sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsentMail {
    /// Its id.
    pub id: MailId,
    /// What it is: `verify_contact`, say, or `notice`. It may be a word of another version.
    pub kind: String,
    /// Where it goes, in the words of whichever version wrote it.
    pub address: String,
    /// The reader's language, by its name.
    pub language: String,
    /// The notice that it is of, and the account of that.
    pub notice: Option<(NotificationId, AccountId)>,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next, where it waits.
    pub next_attempt_at: DateTime<Utc>,
    /// Until when a worker has it, which is trying it where that is not past.
    pub claimed_until: Option<DateTime<Utc>>,
    /// When it was given up, where it was.
    pub given_up_at: Option<DateTime<Utc>>,
    /// What went wrong at the last try.
    pub last_error: Option<String>,
    /// When the change was made that called for it.
    pub created_at: DateTime<Utc>,
}

impl UnsentMail {
    /// How it stands.
    pub fn state(&self) -> UnsentState {
        match self.given_up_at {
            Some(_) => UnsentState::GivenUp,
            None => UnsentState::Waiting,
        }
    }

    /// Has it tried now: as it stands then, or nothing where it is being tried or due already. It gets no more time by that: where
    /// the mail is past its time, it is given up again as soon as the try fails.
    #[must_use]
    pub fn retried(&self, at: DateTime<Utc>) -> Option<Self> {
        let is_under_way = self.claimed_until.is_some_and(|until| at < until);
        let is_due = self.next_attempt_at <= at;
        match self.state() {
            UnsentState::Waiting if is_under_way || is_due => None,
            UnsentState::Waiting | UnsentState::GivenUp => Some(Self {
                next_attempt_at: at,
                claimed_until: None,
                given_up_at: None,
                ..self.clone()
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    const NOW: DateTime<Utc> = DateTime::from_timestamp(1_800_000_000, 0).unwrap();

    fn refused() -> UnsentMail {
        UnsentMail {
            id: "mai_01h455vb4pex5vsknk084sn02q".parse().unwrap(),
            kind: "password_changed".to_owned(),
            address: "bea@lima.example".to_owned(),
            language: "en".to_owned(),
            notice: None,
            attempts: 3,
            next_attempt_at: NOW + TimeDelta::minutes(15),
            claimed_until: None,
            given_up_at: None,
            last_error: Some("451 later".to_owned()),
            created_at: NOW - TimeDelta::hours(1),
        }
    }

    #[test]
    fn what_rests_and_what_was_given_up_is_tried_now() {
        let due = UnsentMail {
            next_attempt_at: NOW,
            ..refused()
        };
        let resting = UnsentMail {
            id: due.id,
            ..refused()
        };
        assert_eq!(resting.retried(NOW), Some(due.clone()));
        let given_up = UnsentMail {
            given_up_at: Some(NOW - TimeDelta::minutes(1)),
            next_attempt_at: NOW - TimeDelta::minutes(2),
            ..resting.clone()
        };
        assert_eq!(given_up.state(), UnsentState::GivenUp);
        assert_eq!(given_up.retried(NOW), Some(due));
        let lost = UnsentMail {
            claimed_until: Some(NOW),
            ..resting
        };
        assert!(lost.retried(NOW).is_some(), "its worker is gone");
    }

    #[test]
    fn what_is_due_or_being_tried_is_left_alone() {
        let due = UnsentMail {
            next_attempt_at: NOW,
            ..refused()
        };
        assert_eq!(due.retried(NOW), None);
        let under_way = UnsentMail {
            claimed_until: Some(NOW + TimeDelta::seconds(1)),
            ..refused()
        };
        assert_eq!(under_way.retried(NOW), None);
    }

    #[test]
    fn a_state_is_known_by_its_name() {
        for state in UnsentState::ALL {
            assert_eq!(UnsentState::from_name(state.as_str()), Some(state));
        }
        assert_eq!(UnsentState::from_name("sent"), None);
    }
}
