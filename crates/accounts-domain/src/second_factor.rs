//! The second factor of a person: the codes of an authenticator app, and recovery codes for the day on which the app is
//! lost. Once it is in force, a password alone opens nothing; an account may ask for it of all its members.

use std::collections::BTreeSet;
use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::actor::By;
use crate::api_keys::require_person;
use crate::change::Change;
use crate::ids::{AccountId, ChallengeId, SessionId};
use crate::mail::Letter;
use crate::members::MemberPerson;
use crate::names::AccountName;
use crate::permission::ServicePermission;
use crate::roster::Roster;
use crate::sessions::EndReason;
use crate::totp::{TotpSecret, TotpStep};
use crate::users::{NewSession, PasswordHash, Person, User, UserChange};
use crate::violation::Violation;

/// How long a log-in waits for the code after the password.
pub const CHALLENGE_LIFE: TimeDelta = TimeDelta::minutes(5);

/// How many log-ins of a person wait for a code at most; the oldest gives way to another.
pub const CHALLENGES: usize = 5;

/// How many recovery codes a person gets at a time.
pub const RECOVERY_CODES: usize = 10;

/// What the authenticator app and the service share, encrypted as it is stored. It does not show itself.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedSecret(pub String);

impl fmt::Debug for SealedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealedSecret(…)")
    }
}

/// The SHA-256 of a recovery code, in hexadecimal. It does not show itself.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RecoveryHash(pub String);

impl fmt::Debug for RecoveryHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryHash(…)")
    }
}

/// A second factor as its person has it: begun, or in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecondFactor {
    /// What the app knows, too.
    pub secret: SealedSecret,
    /// Since when it is in force; not yet where the first code has not come.
    pub confirmed_at: Option<DateTime<Utc>>,
    /// The step of the last code that was taken: no code of that step or before it counts again.
    pub used: Option<TotpStep>,
    /// The recovery codes that were not spent.
    pub recovery_codes: BTreeSet<RecoveryHash>,
}

/// What is told of a second factor that is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FactorInForce {
    /// Since when.
    pub since: DateTime<Utc>,
    /// How many recovery codes are left.
    pub recovery_codes: usize,
}

/// A log-in whose password was right, and that waits for the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Challenge {
    /// Its id.
    pub id: ChallengeId,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
}

impl Challenge {
    /// A log-in that waits from that moment on.
    pub fn made(id: ChallengeId, at: DateTime<Utc>) -> Self {
        Self {
            id,
            created_at: at,
            expires_at: at + CHALLENGE_LIFE,
        }
    }
}

/// What a person offers for the second factor. It does not show itself.
#[derive(Clone, PartialEq, Eq)]
pub enum Offered {
    /// What the app shows.
    Code(String),
    /// One of the recovery codes.
    Recovery(RecoveryHash),
}

impl fmt::Debug for Offered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Offered(…)")
    }
}

/// What is offered, and how what is stored is read.
#[derive(Clone, Copy)]
pub struct Proof<'a> {
    /// What is offered.
    pub offered: &'a Offered,
    /// Opens what was sealed; nothing where it cannot.
    pub open: &'a dyn Fn(&SealedSecret) -> Option<TotpSecret>,
    /// Now.
    pub at: DateTime<Utc>,
}

/// An account that asks its members for a second factor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequiringAccount {
    /// The account.
    pub id: AccountId,
    /// Its name.
    pub name: AccountName,
}

impl SecondFactor {
    /// One that was begun a moment ago, and waits for its first code.
    pub fn begun(secret: SealedSecret) -> Self {
        Self {
            secret,
            confirmed_at: None,
            used: None,
            recovery_codes: BTreeSet::new(),
        }
    }

    /// What is told of it, once it is in force.
    pub fn in_force(&self) -> Option<FactorInForce> {
        self.confirmed_at.map(|since| FactorInForce {
            since,
            recovery_codes: self.recovery_codes.len(),
        })
    }

    /// The step of a code that counts.
    fn step(&self, code: &str, proof: Proof<'_>) -> Result<TotpStep, Violation> {
        let secret = (proof.open)(&self.secret).ok_or(Violation::WrongCode)?;
        secret.accepts(code, proof.at, self.used).ok_or(Violation::WrongCode)
    }

    /// What is offered counts, and from now on no more.
    fn spend(&self, proof: Proof<'_>) -> Result<UserChange, Violation> {
        match proof.offered {
            Offered::Code(code) => {
                let step = self.step(code, proof)?;
                Ok(UserChange::SecondFactorUsed { step })
            }
            Offered::Recovery(code) => {
                let mut left = self.recovery_codes.clone();
                if left.remove(code) {
                    Ok(UserChange::RecoveryCodeSpent { left })
                } else {
                    Err(Violation::WrongCode)
                }
            }
        }
    }
}

impl Person {
    /// The second factor, once it is in force.
    fn factor(&self) -> Option<&SecondFactor> {
        let factor = self.second_factor.as_ref();
        factor.filter(|factor| factor.confirmed_at.is_some())
    }

    /// Begins to set a second factor up. One that was begun before and never confirmed gives way to it.
    ///
    /// # Errors
    /// [`Violation::SecondFactorInForce`].
    pub fn begin_second_factor(&self, secret: SealedSecret) -> Result<Vec<UserChange>, Violation> {
        if self.factor().is_some() {
            return Err(Violation::SecondFactorInForce);
        }
        Ok(vec![UserChange::SecondFactorBegun { secret }])
    }

    /// Puts the second factor in force by its first code. Every other session ends: it was begun by the password alone,
    /// which is to be enough no longer, and whoever has the password may have begun it.
    ///
    /// # Errors
    /// [`Violation::NoSecondFactor`] where none was begun, [`Violation::SecondFactorInForce`], [`Violation::WrongCode`].
    pub fn confirm_second_factor(
        &self,
        session: SessionId,
        codes: BTreeSet<RecoveryHash>,
        proof: Proof<'_>,
    ) -> Result<Vec<UserChange>, Violation> {
        let begun = self.second_factor.as_ref().ok_or(Violation::NoSecondFactor)?;
        if begun.confirmed_at.is_some() {
            return Err(Violation::SecondFactorInForce);
        }
        let Offered::Code(code) = proof.offered else {
            return Err(Violation::WrongCode);
        };
        let step = begun.step(code, proof)?;
        let mut changes = vec![UserChange::SecondFactorConfirmed { codes, step }];
        let others = self.sessions.keys().filter(|other| **other != session);
        changes.extend(others.map(|other| UserChange::SessionEnded {
            session: *other,
            reason: EndReason::SecondFactorSet,
        }));
        Ok(changes)
    }

    /// Takes the second factor away, and one that was only begun. `requiring` are the accounts of this person that ask
    /// for it.
    ///
    /// # Errors
    /// [`Violation::NoSecondFactor`], [`Violation::SecondFactorNeeded`].
    pub fn remove_second_factor(&self, requiring: &[RequiringAccount]) -> Result<Vec<UserChange>, Violation> {
        let factor = self.second_factor.as_ref().ok_or(Violation::NoSecondFactor)?;
        if factor.confirmed_at.is_some() && !requiring.is_empty() {
            return Err(Violation::SecondFactorNeeded {
                accounts: requiring.to_vec(),
            });
        }
        let mut changes = vec![UserChange::SecondFactorRemoved];
        changes.extend(self.end_challenges());
        Ok(changes)
    }

    /// Makes new recovery codes in the place of all that were left.
    ///
    /// # Errors
    /// [`Violation::NoSecondFactor`].
    pub fn replace_recovery_codes(&self, codes: BTreeSet<RecoveryHash>) -> Result<Vec<UserChange>, Violation> {
        self.factor().ok_or(Violation::NoSecondFactor)?;
        Ok(vec![UserChange::RecoveryCodesMade { codes }])
    }

    /// Takes a password that was right: it begins a session, or else waits for the code of the second factor.
    ///
    /// # Errors
    /// As [`Person::log_in`].
    pub fn log_in_or_wait(
        &self,
        checked: &PasswordHash,
        session: NewSession,
        challenge: Challenge,
    ) -> Result<Vec<UserChange>, Violation> {
        match self.log_in(checked, session) {
            Err(Violation::SecondFactorRequired) => {
                let mut waiting: Vec<_> = self.challenges.values().collect();
                waiting.sort_by_key(|waiting| (waiting.created_at, waiting.id));
                let surplus = (waiting.len() + 1).saturating_sub(CHALLENGES);
                let ended = waiting.into_iter().take(surplus);
                let mut changes: Vec<_> = ended
                    .map(|old| UserChange::ChallengeEnded { challenge: old.id })
                    .collect();
                changes.push(UserChange::ChallengeMade { challenge });
                Ok(changes)
            }
            logged_in => logged_in,
        }
    }

    /// Begins the session of a log-in that has waited for the code.
    ///
    /// # Errors
    /// [`Violation::WrongCode`], whatever is wrong: the code, or that nothing waits any more.
    pub fn log_in_by_factor(
        &self,
        challenge: ChallengeId,
        session: NewSession,
        proof: Proof<'_>,
    ) -> Result<Vec<UserChange>, Violation> {
        let waits = self
            .challenges
            .get(&challenge)
            .is_some_and(|challenge| proof.at < challenge.expires_at);
        let factor = self.factor().filter(|_| waits && self.user.is_active());
        let spent = factor.ok_or(Violation::WrongCode)?.spend(proof)?;
        Ok(vec![spent, UserChange::ChallengeEnded { challenge }, session.start()])
    }

    /// What a proof of the second factor changes: nothing where there is none in force.
    ///
    /// # Errors
    /// [`Violation::SecondFactorRequired`] where nothing is offered, [`Violation::WrongCode`].
    pub(crate) fn prove_factor(&self, proof: Option<Proof<'_>>) -> Result<Vec<UserChange>, Violation> {
        match (self.factor(), proof) {
            (None, _) => Ok(Vec::new()),
            (Some(_), None) => Err(Violation::SecondFactorRequired),
            (Some(factor), Some(proof)) => Ok(vec![factor.spend(proof)?]),
        }
    }

    /// What ends every log-in that waits for a code.
    pub(crate) fn end_challenges(&self) -> impl Iterator<Item = UserChange> {
        self.challenges
            .keys()
            .map(|challenge| UserChange::ChallengeEnded { challenge: *challenge })
    }

    /// What the person is told of a change of the second factor (R17).
    pub(crate) fn factor_letter(&self, change: &UserChange) -> Option<Letter> {
        let name = self.user.display_name.to_string();
        if let UserChange::SecondFactorConfirmed { .. } = change {
            Some(Letter::SecondFactorSet { name })
        } else if let UserChange::SecondFactorRemoved = change {
            // One that was never in force protected nothing.
            self.factor().map(|_| Letter::SecondFactorRemoved { name })
        } else if let UserChange::RecoveryCodesMade { .. } = change {
            Some(Letter::RecoveryCodesMade { name })
        } else if let UserChange::RecoveryCodeSpent { left } = change {
            let left = left.len().to_string();
            Some(Letter::RecoveryCodeSpent { name, left })
        } else {
            None
        }
    }
}

impl NewSession {
    /// The session that takes the place of one by the password alone. Of somebody with a second factor it proves no
    /// more than that one did (R05).
    #[must_use]
    pub fn by_password_alone(mut self, user: &User, proven_at: DateTime<Utc>) -> Self {
        if user.second_factor.is_some() {
            self.session.authenticated_at = proven_at;
        }
        self
    }
}

impl Roster {
    /// Asks for a second factor of every member from now on, or no longer. Saying what is so already changes nothing.
    ///
    /// # Errors
    /// Needs `account:manage`, in person, and of whoever asks for it a second factor: nobody locks themselves out.
    pub fn require_second_factor(&self, by: By, required: bool, own: &User) -> Result<Vec<Change>, Violation> {
        require_person(by)?;
        self.require(by, ServicePermission::AccountManage)?;
        self.require_active()?;
        if self.account().second_factor_required == required {
            return Ok(Vec::new());
        }
        if required && own.second_factor.is_none() {
            return Err(Violation::NoSecondFactor);
        }
        Ok(vec![Change::SecondFactorPolicyChanged { required }])
    }

    /// Refuses a member without the second factor that the account asks for, and so all keys of that member.
    ///
    /// # Errors
    /// [`Violation::SecondFactorSetupRequired`].
    pub fn require_factor_of(&self, user: &User) -> Result<(), Violation> {
        if self.account().second_factor_required && user.second_factor.is_none() {
            Err(Violation::SecondFactorSetupRequired)
        } else {
            Ok(())
        }
    }

    /// Whom the account would not let in at that moment if it asked for a second factor.
    pub fn locked_out<'a>(
        &self,
        people: impl IntoIterator<Item = &'a MemberPerson>,
        at: DateTime<Utc>,
    ) -> Vec<&'a MemberPerson> {
        let enters = |person: &&MemberPerson| self.live_member(person.user, at).is_some();
        let without = people.into_iter().filter(|person| !person.second_factor);
        without.filter(enters).collect()
    }
}

#[cfg(test)]
mod tests;
