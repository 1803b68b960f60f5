//! Sessions and the refresh tokens that keep them alive.

use chrono::{DateTime, TimeDelta, Utc};

use crate::ids::SessionId;
use crate::operators::Impersonation;

/// How long a session lives without being refreshed (R27).
pub const SESSION_IDLE: TimeDelta = TimeDelta::days(14);

/// How long a session lives at most (R27).
pub const SESSION_LIFE: TimeDelta = TimeDelta::days(90);

/// How long a spent refresh token still gets its successor, for a person with two tabs.
pub const REFRESH_GRACE: TimeDelta = TimeDelta::seconds(10);

/// How long an access token works.
pub const ACCESS_LIFE: TimeDelta = TimeDelta::minutes(10);

/// How long the proof counts that the person with a session is its user (R05).
pub const PROOF_LIFE: TimeDelta = TimeDelta::minutes(10);

/// Whether a proof of that moment still counts.
pub fn is_proven(authenticated_at: DateTime<Utc>, at: DateTime<Utc>) -> bool {
    at < authenticated_at + PROOF_LIFE
}

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndReason {
    /// The person logged out.
    LoggedOut,
    /// The person ended it from another session.
    Ended,
    /// The password was changed.
    PasswordChanged,
    /// A second factor was set up: the password alone is enough no longer.
    SecondFactorSet,
    /// A change of the address was undone by the old one, so somebody else may have made it.
    AddressRestored,
    /// The provider ended it.
    ByOperator,
    /// The provider holds the log-in back.
    Suspended,
    /// The operator who acted in the person's place is none any more.
    OperatorRemoved,
    /// A spent refresh token came again after its grace, so somebody else may hold it.
    RefreshReused,
}

impl EndReason {
    /// The name in audit events and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LoggedOut => "logged_out",
            Self::Ended => "ended",
            Self::PasswordChanged => "password_changed",
            Self::SecondFactorSet => "second_factor_set",
            Self::AddressRestored => "address_restored",
            Self::ByOperator => "by_operator",
            Self::Suspended => "suspended",
            Self::OperatorRemoved => "operator_removed",
            Self::RefreshReused => "refresh_reused",
        }
    }
}

/// One log-in of a user on one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// When it began.
    pub created_at: DateTime<Utc>,
    /// When it was last refreshed.
    pub last_used_at: DateTime<Utc>,
    /// When its person last proved to be the user: at the log-in, or by the password since.
    pub authenticated_at: DateTime<Utc>,
    /// When it ends at the latest.
    pub expires_at: DateTime<Utc>,
    /// What the device says it is.
    pub user_agent: Option<String>,
    /// The network address that it was begun from.
    pub network: Option<String>,
    /// The operator who acts in the person's place by it, if one does.
    pub impersonation: Option<Impersonation>,
}

impl Session {
    /// A session that begins now.
    pub fn begin(id: SessionId, at: DateTime<Utc>, user_agent: Option<String>, network: Option<String>) -> Self {
        Self {
            id,
            created_at: at,
            last_used_at: at,
            authenticated_at: at,
            expires_at: at + SESSION_LIFE,
            user_agent,
            network,
            impersonation: None,
        }
    }

    /// A session by which an operator acts in the person's place from now on, for so many minutes. Nothing refreshes it.
    pub fn impersonated(id: SessionId, by: Impersonation, minutes: u8, at: DateTime<Utc>) -> Self {
        Self {
            expires_at: at + TimeDelta::minutes(i64::from(minutes)),
            impersonation: Some(by),
            ..Self::begin(id, at, None, None)
        }
    }

    /// Whether it may still be used at that moment.
    pub fn is_live(&self, at: DateTime<Utc>) -> bool {
        at < self.ends_at()
    }

    /// When it ends by itself if nobody uses it meanwhile.
    pub fn ends_at(&self) -> DateTime<Utc> {
        self.expires_at.min(self.last_used_at + SESSION_IDLE)
    }
}

/// What identifies a device over its versions: the letters of what it says it is.
pub fn device_key(user_agent: Option<&str>) -> String {
    let letters = user_agent.unwrap_or_default().chars();
    letters
        .filter(|letter| letter.is_alphabetic())
        .flat_map(char::to_lowercase)
        .collect()
}

/// Of how many devices a person is told, within the time for which sessions are remembered. Whoever knows the password and
/// calls each log-in another device sends no more mails than that.
pub const DEVICES_TOLD: usize = 50;

/// Browsers by the mark that tells them from those whose marks they bear, too.
const BROWSERS: [(&str, &str); 6] = [
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
];

/// Systems, in the same way.
const SYSTEMS: [(&str, &str); 6] = [
    ("Android", "Android"),
    ("iPhone", "iOS"),
    ("iPad", "iPadOS"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
];

/// What a mail says of a device: browser and system where they are known ones, else a dash. The device's own words are
/// those of whoever logs in, and are not sent on.
pub fn device_name(user_agent: Option<&str>) -> String {
    let said = user_agent.unwrap_or_default();
    let known = |marks: &[(&str, &'static str)]| {
        marks
            .iter()
            .find(|(mark, _)| said.contains(mark))
            .map(|(_, name)| *name)
    };
    let names: Vec<&str> = [known(&BROWSERS), known(&SYSTEMS)].into_iter().flatten().collect();
    if names.is_empty() {
        "–".to_owned()
    } else {
        names.join(", ")
    }
}

/// What happens to a refresh token that comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refresh {
    /// It is spent now and a successor takes its place.
    Rotate,
    /// It was spent a moment ago: the same successor is given again.
    Replay,
    /// It was spent before and comes again: the session ends (R26).
    Reuse,
    /// Its session has ended.
    Dead,
}

/// Decides what happens to a refresh token of this session that was spent at `spent_at`, if it was.
pub fn refresh(session: Option<&Session>, spent_at: Option<DateTime<Utc>>, at: DateTime<Utc>) -> Refresh {
    if !session.is_some_and(|session| session.is_live(at)) {
        return Refresh::Dead;
    }
    match spent_at {
        None => Refresh::Rotate,
        Some(spent) if at < spent + REFRESH_GRACE => Refresh::Replay,
        Some(_) => Refresh::Reuse,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn session() -> Session {
        Session::begin(SessionId::from_uuid(uuid::Uuid::from_u128(1)), at(0), None, None)
    }

    #[test]
    fn a_device_is_known_over_its_versions_and_told_in_our_words() {
        let firefox = |version: u8| format!("Mozilla/5.0 (X11; Linux x86_64; rv:{version}.0) Firefox/{version}.0");
        assert_eq!(device_key(Some(&firefox(127))), device_key(Some(&firefox(128))));
        assert_ne!(device_key(Some(&firefox(127))), device_key(None));
        for (said, name) in [
            (Some(firefox(128).as_str()), "Firefox, Linux"),
            (
                Some("Mozilla/5.0 (Windows NT 10.0) Chrome/126.0 Safari/537.36 Edg/126.0"),
                "Edge, Windows",
            ),
            (
                Some("Mozilla/5.0 (Linux; Android 14) Chrome/126.0 Mobile Safari/537.36"),
                "Chrome, Android",
            ),
            (
                Some("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Version/17.5 Safari/604.1"),
                "Safari, iOS",
            ),
            (Some("curl/8.14.1"), "curl"),
            (Some("Prize at evil.example"), "–"),
            (None, "–"),
        ] {
            assert_eq!(device_name(said), name);
        }
    }

    #[test]
    fn a_token_is_spent_once_and_replayed_within_the_grace() {
        let session = session();
        assert_eq!(refresh(Some(&session), None, at(5)), Refresh::Rotate);
        assert_eq!(refresh(Some(&session), Some(at(5)), at(14)), Refresh::Replay);
        assert_eq!(refresh(Some(&session), Some(at(5)), at(15)), Refresh::Reuse);
        assert_eq!(refresh(None, None, at(5)), Refresh::Dead);
    }

    #[test]
    fn r_05_a_proof_counts_for_ten_minutes() {
        let session = session();
        assert!(is_proven(session.authenticated_at, at(599)));
        assert!(!is_proven(session.authenticated_at, at(600)));
    }

    #[test]
    fn a_session_ends_idle_or_old() {
        let mut session = session();
        let day = 86_400;
        assert!(session.is_live(at(14 * day - 1)));
        assert!(!session.is_live(at(14 * day)));
        session.last_used_at = at(89 * day);
        assert!(session.is_live(at(90 * day - 1)));
        assert!(!session.is_live(at(90 * day)));
    }
}
