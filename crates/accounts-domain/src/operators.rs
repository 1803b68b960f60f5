//! Operators: the provider's staff, apart from every customer.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};

use crate::actor::{Actor, By};
use crate::address::EmailAddress;
use crate::ids::{AccountId, OperatorId, OperatorSessionId, SessionId};
use crate::names::{DisplayName, Reason};
use crate::sessions::{EndReason, Session};
use crate::totp::{TotpSecret, TotpStep};
use crate::users::{PasswordHash, Person, UserChange, UserStatus};
use crate::violation::Violation;

/// How long an operator's session lives; it is not prolonged.
pub const OPERATOR_SESSION_LIFE: TimeDelta = TimeDelta::hours(12);

/// For how many minutes an operator acts in a person's place at most.
pub const IMPERSONATION_MINUTES: std::ops::RangeInclusive<u8> = 1..=60;

/// What an operator is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperatorKind {
    /// Reads, and helps customers in their place.
    Support,
    /// Changes accounts, too.
    Admin,
}

impl OperatorKind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::Support, Self::Admin];

    /// The name on the command line, in the API and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Support => "support",
            Self::Admin => "admin",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// The secret of an operator's authenticator app, encrypted. It does not show itself.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedFactor(pub String);

impl fmt::Debug for SealedFactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealedFactor(…)")
    }
}

/// One of the provider's staff. Operators come to be on the command line alone, so that no request makes one (R13).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// The id.
    pub id: OperatorId,
    /// The address to log in with, among operators used once.
    pub address: EmailAddress,
    /// How the person is called.
    pub display_name: DisplayName,
    /// What the operator is there for.
    pub kind: OperatorKind,
    /// The password's hash.
    pub password_hash: PasswordHash,
    /// The second factor; without one the operator does not log in.
    pub factor: Option<SealedFactor>,
    /// The half minute whose code was used last.
    pub factor_used: Option<TotpStep>,
    /// When the operator came to be.
    pub created_at: DateTime<Utc>,
}

/// One log-in of an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorSession {
    /// Its id.
    pub id: OperatorSessionId,
    /// When it began.
    pub created_at: DateTime<Utc>,
    /// When it ends by itself.
    pub expires_at: DateTime<Utc>,
}

impl OperatorSession {
    /// A session that begins now.
    pub fn begin(id: OperatorSessionId, at: DateTime<Utc>) -> Self {
        Self {
            id,
            created_at: at,
            expires_at: at + OPERATOR_SESSION_LIFE,
        }
    }

    /// Whether it may still be used at that moment.
    pub fn is_live(&self, at: DateTime<Utc>) -> bool {
        at < self.expires_at
    }
}

/// An operator with what its rules look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staff {
    /// The operator.
    pub operator: Operator,
    /// The sessions that have not been ended.
    pub sessions: BTreeMap<OperatorSessionId, OperatorSession>,
}

/// What an operator shows to log in: a password that was checked, and a code.
#[derive(Clone)]
pub struct OperatorProof {
    /// The hash that the password was checked against.
    pub checked: PasswordHash,
    /// The sealed factor that was read.
    pub sealed: SealedFactor,
    /// What was in it.
    pub secret: TotpSecret,
    /// The code of the authenticator app.
    pub code: String,
}

impl fmt::Debug for OperatorProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OperatorProof(…)")
    }
}

/// One change of an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OperatorChange {
    /// The operator logged in.
    SessionStarted {
        /// The session.
        session: OperatorSession,
        /// The half minute whose code was used.
        used: TotpStep,
    },
    /// A session ended.
    SessionEnded {
        /// The session.
        session: OperatorSessionId,
    },
    /// The operator has another second factor.
    FactorReset {
        /// What the next codes are checked with.
        factor: SealedFactor,
    },
    /// The operator is none any more.
    Removed,
}

impl Staff {
    /// Logs in with password and code. Whichever is wrong, the answer is the same, and a code works once.
    ///
    /// # Errors
    /// [`Violation::WrongPassword`], also where password or factor have changed since they were read.
    pub fn log_in(
        &self,
        proof: &OperatorProof,
        session: OperatorSession,
        at: DateTime<Utc>,
    ) -> Result<Vec<OperatorChange>, Violation> {
        let operator = &self.operator;
        if operator.password_hash != proof.checked || operator.factor.as_ref() != Some(&proof.sealed) {
            return Err(Violation::WrongPassword);
        }
        let used = proof.secret.accepts(&proof.code, at, operator.factor_used);
        let used = used.ok_or(Violation::WrongPassword)?;
        Ok(vec![OperatorChange::SessionStarted { session, used }])
    }

    /// Ends one session.
    ///
    /// # Errors
    /// [`Violation::NotFound`] where the operator has no such session.
    pub fn end_session(&self, session: OperatorSessionId) -> Result<Vec<OperatorChange>, Violation> {
        self.sessions.get(&session).ok_or(Violation::NotFound)?;
        Ok(vec![OperatorChange::SessionEnded { session }])
    }

    /// Puts another second factor in the place of the one that was lost. Every session ends.
    pub fn reset_factor(&self, factor: SealedFactor) -> Vec<OperatorChange> {
        let mut changes = vec![OperatorChange::FactorReset { factor }];
        changes.extend(self.end_all());
        changes
    }

    /// Removes the operator, and every session.
    pub fn remove(&self) -> Vec<OperatorChange> {
        self.end_all().chain([OperatorChange::Removed]).collect()
    }

    fn end_all(&self) -> impl Iterator<Item = OperatorChange> {
        self.sessions
            .keys()
            .map(|session| OperatorChange::SessionEnded { session: *session })
    }
}

/// Who acts in a person's place, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Impersonation {
    /// The operator.
    pub operator: OperatorId,
    /// The account in which it acts, whose audit log tells of it. Without one it acts in none, and upon the log-in alone.
    pub account: Option<AccountId>,
}

impl Person {
    /// Ends every session, those of operators in the person's place too.
    pub fn end_sessions(&self, reason: EndReason) -> Vec<UserChange> {
        let ended = |session: &SessionId| UserChange::SessionEnded {
            session: *session,
            reason,
        };
        self.sessions.keys().map(ended).collect()
    }

    /// Holds the log-in back: every session ends, none waits for its code any more, and keys open nothing as long as it
    /// lasts (R28).
    pub fn suspend(&self) -> Vec<UserChange> {
        if self.user.status == UserStatus::Suspended {
            return Vec::new();
        }
        let status = UserStatus::Suspended;
        let mut changes = vec![UserChange::StatusChanged { status }];
        changes.extend(self.resets.keys().map(|reset| UserChange::ResetSpent { reset: *reset }));
        changes.extend(self.end_sessions(EndReason::Suspended));
        changes.extend(self.end_challenges());
        changes
    }

    /// Lets the log-in be used again.
    pub fn reinstate(&self) -> Vec<UserChange> {
        if self.user.status == UserStatus::Active {
            return Vec::new();
        }
        let status = UserStatus::Active;
        vec![UserChange::StatusChanged { status }]
    }

    /// Refuses what is of no use to somebody whose log-in is held back.
    ///
    /// # Errors
    /// [`Violation::UserSuspended`].
    pub fn require_active(&self) -> Result<(), Violation> {
        match self.user.status {
            UserStatus::Active => Ok(()),
            UserStatus::Suspended => Err(Violation::UserSuspended),
        }
    }

    /// Lets an operator act in the person's place (R39). The person is told.
    ///
    /// # Errors
    /// [`Violation::UserSuspended`].
    pub fn impersonate(&self, session: Session, reason: Reason) -> Result<Vec<UserChange>, Violation> {
        self.require_active()?;
        Ok(vec![UserChange::ImpersonationStarted { session, reason }])
    }
}

/// Refuses to an operator in a person's place what only the person may do: what changes how one logs in, what gives the
/// account away, and what cannot be undone.
///
/// # Errors
/// [`Violation::ImpersonationRefused`].
pub fn require_own_hand(by: By) -> Result<(), Violation> {
    match by.actor {
        Actor::Impersonated { .. } => Err(Violation::ImpersonationRefused),
        Actor::System | Actor::User(_) | Actor::Key(_) | Actor::Integration(_) | Actor::Operator(_) | Actor::Link => {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    /// The code "287082" of this secret stands for the seconds 30 to 59 of 1970 (RFC 6238, appendix B).
    fn proof(code: &str) -> OperatorProof {
        OperatorProof {
            checked: PasswordHash("hash".into()),
            sealed: SealedFactor("sealed".into()),
            secret: TotpSecret::from_bytes(*b"12345678901234567890"),
            code: code.into(),
        }
    }

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    fn session(number: u128) -> OperatorSession {
        OperatorSession::begin(OperatorSessionId::from_uuid(Uuid::from_u128(number)), at(59))
    }

    fn staff() -> Staff {
        let operator = Operator {
            id: OperatorId::from_uuid(Uuid::from_u128(1)),
            address: EmailAddress::parse("sam@provider.example").unwrap(),
            display_name: DisplayName::parse("Sam").unwrap(),
            kind: OperatorKind::Support,
            password_hash: PasswordHash("hash".into()),
            factor: Some(SealedFactor("sealed".into())),
            factor_used: None,
            created_at: at(0),
        };
        Staff {
            operator,
            sessions: BTreeMap::from([(session(7).id, session(7))]),
        }
    }

    #[test]
    fn a_kind_is_known_by_its_name() {
        for kind in OperatorKind::ALL {
            assert_eq!(OperatorKind::from_name(kind.as_str()), Some(kind));
        }
        assert_eq!(OperatorKind::from_name("owner"), None);
    }

    #[test]
    fn an_operator_logs_in_with_password_and_code_and_a_code_works_once() {
        let mut staff = staff();
        let used = TotpStep(1);
        let started = OperatorChange::SessionStarted {
            session: session(2),
            used,
        };
        assert_eq!(staff.log_in(&proof("287082"), session(2), at(59)), Ok(vec![started]));
        staff.operator.factor_used = Some(used);
        let again = staff.log_in(&proof("287082"), session(2), at(59));
        assert_eq!(again, Err(Violation::WrongPassword));
    }

    #[test]
    fn whatever_is_wrong_the_answer_is_the_same() {
        let wrong = Err(Violation::WrongPassword);
        assert_eq!(staff().log_in(&proof("287083"), session(2), at(59)), wrong);
        let other = OperatorProof {
            checked: PasswordHash("older".into()),
            ..proof("287082")
        };
        assert_eq!(staff().log_in(&other, session(2), at(59)), wrong);
        let other = OperatorProof {
            sealed: SealedFactor("lost".into()),
            ..proof("287082")
        };
        assert_eq!(staff().log_in(&other, session(2), at(59)), wrong);
        let mut none = staff();
        none.operator.factor = None;
        assert_eq!(none.log_in(&proof("287082"), session(2), at(59)), wrong);
    }

    #[test]
    fn a_session_ends_after_twelve_hours_and_with_the_operator_or_the_factor() {
        assert!(session(7).is_live(at(59 + 43_199)));
        assert!(!session(7).is_live(at(59 + 43_200)));
        let ended = OperatorChange::SessionEnded { session: session(7).id };
        assert_eq!(staff().end_session(session(7).id), Ok(vec![ended.clone()]));
        assert_eq!(staff().end_session(session(2).id), Err(Violation::NotFound));
        assert_eq!(staff().remove(), [ended.clone(), OperatorChange::Removed]);
        assert!(staff().reset_factor(SealedFactor("new".into())).contains(&ended));
    }

    #[test]
    fn nothing_of_it_shows_itself() {
        assert_eq!(format!("{:?}", SealedFactor("sealed".into())), "SealedFactor(…)");
        assert_eq!(format!("{:?}", proof("287082")), "OperatorProof(…)");
    }

    mod persons {
        use super::super::*;
        use crate::mail::Letter;
        use crate::users::tests::{at, person, reset_id, session};
        use uuid::Uuid;

        #[test]
        fn r_28_a_suspended_log_in_has_no_session_and_no_reset_link() {
            let changes = person().suspend();
            let status = UserStatus::Suspended;
            assert!(changes.contains(&UserChange::StatusChanged { status }));
            assert!(changes.contains(&UserChange::ResetSpent { reset: reset_id() }));
            assert!(changes.contains(&UserChange::SessionEnded {
                session: session(2).id,
                reason: EndReason::Suspended
            }));
            assert_eq!(person().reinstate(), []);
            let mut suspended = person();
            suspended.user.status = status;
            assert_eq!(suspended.suspend(), []);
            let status = UserStatus::Active;
            assert_eq!(suspended.reinstate(), [UserChange::StatusChanged { status }]);
            assert_eq!(suspended.ask_reset(reset_id(), at(1)), []);
        }

        fn impersonated() -> Session {
            let by = Impersonation {
                operator: OperatorId::from_uuid(Uuid::from_u128(9)),
                account: None,
            };
            Session::impersonated(session(4).id, by, 60, at(0))
        }

        #[test]
        fn r_39_the_person_is_told_when_an_operator_acts_in_its_place() {
            let reason = Reason::parse("You asked us to").unwrap();
            let changes = person().impersonate(impersonated(), reason.clone()).unwrap();
            let mails = person().mails(&changes);
            let letter = Letter::Impersonated {
                name: "Ana".into(),
                minutes: "60".into(),
                reason: "You asked us to".into(),
            };
            assert_eq!(mails.len(), 1);
            assert_eq!((mails[0].to.as_str(), &mails[0].letter), ("ana@lima.example", &letter));
            assert!(impersonated().is_live(at(59)));
            assert!(!impersonated().is_live(at(60)));
            let mut suspended = person();
            suspended.user.status = UserStatus::Suspended;
            let refused = suspended.impersonate(impersonated(), reason);
            assert_eq!(refused, Err(Violation::UserSuspended));
        }
    }
}
