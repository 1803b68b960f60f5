//! Users: the persons who log in.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use crate::address::EmailAddress;
use crate::api_keys::ApiKey;
use crate::deliverability::Deliverability;
use crate::email_changes::{Asking, EmailChange};
use crate::ids::{ApiKeyId, ChallengeId, EmailChangeId, ResetId, SessionId, UserId};
use crate::language::Language;
use crate::mail::{Letter, Mail};
use crate::names::{DisplayName, Reason};
use crate::second_factor::{Challenge, FactorInForce, Proof, RecoveryHash, SealedSecret, SecondFactor};
use crate::sessions::{DEVICES_TOLD, EndReason, Session, device_key, device_name};
use crate::totp::TotpStep;
use crate::violation::Violation;

/// How long a password reset link works.
pub const RESET_LIFE: TimeDelta = TimeDelta::minutes(30);

/// How long a sign-up link works.
pub const SIGN_UP_LIFE: TimeDelta = TimeDelta::hours(24);

/// The bounds of a password, in bytes of UTF-8 (R01). Nothing else is asked of its composition (R02).
pub const PASSWORD_BYTES: std::ops::RangeInclusive<usize> = 8..=256;

/// A password's hash in PHC form. It does not show itself.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(pub String);

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

/// Whether a user may log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserStatus {
    /// Yes.
    Active,
    /// No: the provider holds the log-in back.
    Suspended,
}

impl UserStatus {
    /// The name in the API and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
        }
    }

    /// The status of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Active, Self::Suspended]
            .into_iter()
            .find(|status| status.as_str() == name)
    }
}

/// A login identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// The address that it logs in with; apart from any contact's.
    pub address: EmailAddress,
    /// How the person is called.
    pub display_name: DisplayName,
    /// The language of mails to this person.
    pub language: Language,
    /// The password's hash; without one nobody logs in until a reset.
    pub password_hash: Option<PasswordHash>,
    /// Whether it may log in.
    pub status: UserStatus,
    /// Whether mail to the address arrives, as was reported.
    pub deliverability: Deliverability,
    /// The second factor that a log-in asks for, once there is one.
    pub second_factor: Option<FactorInForce>,
    /// How many decisions have changed the user or its sessions.
    pub revision: i64,
    /// How many decisions have changed what the person sees of it.
    pub version: i64,
    /// When the password was last set.
    pub password_changed_at: Option<DateTime<Utc>>,
    /// When it last logged in.
    pub last_login_at: Option<DateTime<Utc>>,
    /// When it came to be.
    pub created_at: DateTime<Utc>,
    /// When what the person sees last changed.
    pub updated_at: DateTime<Utc>,
}

impl User {
    /// Whether it may log in.
    pub fn is_active(&self) -> bool {
        self.status == UserStatus::Active
    }
}

/// A reset link that nobody has used yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reset {
    /// Its id.
    pub id: ResetId,
    /// The key of the address that it was sent to.
    pub address_key: String,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
}

/// A user with what its rules look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The user.
    pub user: User,
    /// The sessions that have not been ended.
    pub sessions: BTreeMap<SessionId, Session>,
    /// The devices of all sessions that are remembered, ended ones too, by [`device_key`].
    pub devices: BTreeSet<String>,
    /// The reset links in use.
    pub resets: BTreeMap<ResetId, Reset>,
    /// The API keys that act as this person.
    pub api_keys: BTreeMap<ApiKeyId, Arc<ApiKey>>,
    /// The changes of the address that wait, or that can be undone.
    pub email_changes: BTreeMap<EmailChangeId, EmailChange>,
    /// The second factor, begun or in force.
    pub second_factor: Option<SecondFactor>,
    /// The log-ins that wait for the code of the second factor.
    pub challenges: BTreeMap<ChallengeId, Challenge>,
}

/// A session that is to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSession {
    /// The session.
    pub session: Session,
    /// The SHA-256 of its first refresh token, in hexadecimal.
    pub refresh_hash: String,
}

impl NewSession {
    pub(crate) fn start(self) -> UserChange {
        UserChange::SessionStarted {
            session: self.session,
            refresh_hash: self.refresh_hash,
        }
    }
}

/// One change of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserChange {
    /// The person is called otherwise, or is written to in another language.
    ProfileChanged {
        /// The new name.
        display_name: DisplayName,
        /// The new language.
        language: Language,
    },
    /// The person has another password.
    PasswordChanged {
        /// Its hash.
        hash: PasswordHash,
    },
    /// The hash was made anew, of the same password and with the parameters of today (R08).
    HashUpgraded {
        /// The hash.
        hash: PasswordHash,
    },
    /// A reset mail was asked for.
    ResetSent {
        /// The link.
        reset: Reset,
    },
    /// A reset link was used, or died with the password that it was to replace.
    ResetSpent {
        /// The link.
        reset: ResetId,
    },
    /// The person logged in.
    SessionStarted {
        /// The session.
        session: Session,
        /// The SHA-256 of its first refresh token, in hexadecimal.
        refresh_hash: String,
    },
    /// The person has one API key more.
    KeyMade {
        /// The key.
        key: Arc<ApiKey>,
    },
    /// An API key of the person was revoked.
    KeyRevoked {
        /// The key.
        key: ApiKeyId,
    },
    /// The person proved again to be the user.
    Reauthenticated {
        /// In which session.
        session: SessionId,
    },
    /// Another address was asked for.
    EmailChangeAsked {
        /// The change that waits from now on.
        change: EmailChange,
        /// What is mailed to the address.
        asking: Asking,
    },
    /// A change of the address waits no longer, or can be undone no longer.
    EmailChangeEnded {
        /// Which.
        change: EmailChangeId,
    },
    /// The person logs in with another address.
    EmailChanged {
        /// By which change.
        change: EmailChangeId,
        /// The new address.
        to: EmailAddress,
        /// Until when the old one may undo it.
        undo_until: DateTime<Utc>,
    },
    /// The person logs in with the old address again.
    EmailChangeUndone {
        /// Which change was undone.
        change: EmailChangeId,
        /// The old address.
        to: EmailAddress,
    },
    /// A second factor waits for its first code.
    SecondFactorBegun {
        /// What the app shares with the service.
        secret: SealedSecret,
    },
    /// The second factor is in force.
    SecondFactorConfirmed {
        /// The recovery codes.
        codes: BTreeSet<RecoveryHash>,
        /// The step of its first code.
        step: TotpStep,
    },
    /// The person has no second factor any more, nor one that waits.
    SecondFactorRemoved,
    /// The person has other recovery codes.
    RecoveryCodesMade {
        /// All of them.
        codes: BTreeSet<RecoveryHash>,
    },
    /// A code of the app was taken.
    SecondFactorUsed {
        /// Its step: no code of it or before it counts again.
        step: TotpStep,
    },
    /// A recovery code was taken.
    RecoveryCodeSpent {
        /// Those that are left.
        left: BTreeSet<RecoveryHash>,
    },
    /// A password was right, and the log-in waits for the code.
    ChallengeMade {
        /// What waits.
        challenge: Challenge,
    },
    /// A log-in waits for the code no longer.
    ChallengeEnded {
        /// Which.
        challenge: ChallengeId,
    },
    /// An operator acts in the person's place.
    ImpersonationStarted {
        /// By this session.
        session: Session,
        /// Why, for the mail.
        reason: Reason,
    },
    /// The provider holds the log-in back, or lets it be used again.
    StatusChanged {
        /// The new status.
        status: UserStatus,
    },
    /// It was reported whether mail to the address arrives, or the person has shown that it does.
    DeliverabilityChanged {
        /// What holds from now on.
        deliverability: Deliverability,
    },
    /// The person is erased, with all that is kept of it.
    Erased,
    /// A session ended.
    SessionEnded {
        /// The session.
        session: SessionId,
        /// Why.
        reason: EndReason,
    },
}

impl Person {
    /// Changes the name or the language; saying what is already so changes nothing (M-12, M-36).
    pub fn change_profile(&self, display_name: Option<DisplayName>, language: Option<Language>) -> Vec<UserChange> {
        let display_name = display_name.unwrap_or_else(|| self.user.display_name.clone());
        let language = language.unwrap_or(self.user.language);
        if display_name == self.user.display_name && language == self.user.language {
            return Vec::new();
        }
        vec![UserChange::ProfileChanged { display_name, language }]
    }

    /// Sets another password. Everything older ends: all sessions, all reset links, all log-ins that wait for a code and
    /// all of the person's own API keys; `next` begins. Keys of an account belong to the account and live on, and so does
    /// the second factor: whoever can read the mail does not get past it by a reset.
    pub fn change_password(&self, hash: PasswordHash, next: Option<NewSession>) -> Vec<UserChange> {
        let mut changes = vec![UserChange::PasswordChanged { hash }];
        changes.extend(self.resets.keys().map(|reset| UserChange::ResetSpent { reset: *reset }));
        let ended = |session: &SessionId| UserChange::SessionEnded {
            session: *session,
            reason: EndReason::PasswordChanged,
        };
        changes.extend(self.sessions.keys().map(ended));
        changes.extend(self.revoke_all_keys());
        changes.extend(self.end_challenges());
        changes.extend(next.map(NewSession::start));
        changes
    }

    /// Sends a reset mail.
    pub fn ask_reset(&self, id: ResetId, at: DateTime<Utc>) -> Vec<UserChange> {
        if !self.user.is_active() {
            return Vec::new();
        }
        let reset = Reset {
            id,
            address_key: self.user.address.key().to_owned(),
            expires_at: at + RESET_LIFE,
        };
        vec![UserChange::ResetSent { reset }]
    }

    /// Follows a reset link: the person has another password, and everything older ends.
    ///
    /// # Errors
    /// [`Violation::LinkExpired`] for a link that is used, too old or of another address.
    pub fn use_reset(&self, id: ResetId, hash: PasswordHash, at: DateTime<Utc>) -> Result<Vec<UserChange>, Violation> {
        let valid = |reset: &&Reset| at < reset.expires_at && reset.address_key == self.user.address.key();
        self.resets.get(&id).filter(valid).ok_or(Violation::LinkExpired)?;
        if !self.user.is_active() {
            return Err(Violation::LinkExpired);
        }
        let mut changes = self.change_password(hash, None);
        if self.user.deliverability.exclusion().is_some() {
            // The link arrived at the address.
            let deliverability = Deliverability::Unknown;
            changes.push(UserChange::DeliverabilityChanged { deliverability });
        }
        Ok(changes)
    }

    /// Logs in. The password was checked against the hash that was read; if it has changed since, it is wrong.
    ///
    /// # Errors
    /// [`Violation::WrongPassword`] also for a suspended user, so that nobody learns which it is;
    /// [`Violation::SecondFactorRequired`] where the password is right and not enough.
    pub fn log_in(&self, checked: &PasswordHash, session: NewSession) -> Result<Vec<UserChange>, Violation> {
        if !self.user.is_active() || self.user.password_hash.as_ref() != Some(checked) {
            return Err(Violation::WrongPassword);
        }
        self.prove_factor(None)?;
        Ok(vec![session.start()])
    }

    /// Proves again to be the user, by the password that was checked against the hash that was read, and by the second
    /// factor where there is one (R05).
    ///
    /// # Errors
    /// [`Violation::WrongPassword`] where another one was set meanwhile, [`Violation::NotFound`] where the session has
    /// ended, [`Violation::SecondFactorRequired`] and [`Violation::WrongCode`].
    pub fn reauthenticate(
        &self,
        checked: &PasswordHash,
        session: SessionId,
        proof: Option<Proof<'_>>,
    ) -> Result<Vec<UserChange>, Violation> {
        self.sessions.get(&session).ok_or(Violation::NotFound)?;
        if self.user.password_hash.as_ref() != Some(checked) {
            return Err(Violation::WrongPassword);
        }
        let mut changes = self.prove_factor(proof)?;
        changes.push(UserChange::Reauthenticated { session });
        Ok(changes)
    }

    /// Puts a hash with the parameters of today in the place of an older one of the same password. Where another
    /// password was set meanwhile, nothing changes (R08).
    pub fn upgrade_hash(&self, checked: &PasswordHash, hash: PasswordHash) -> Vec<UserChange> {
        if self.user.password_hash.as_ref() != Some(checked) {
            return Vec::new();
        }
        vec![UserChange::HashUpgraded { hash }]
    }

    /// Ends one session.
    ///
    /// # Errors
    /// [`Violation::NotFound`] where the person has no such session.
    pub fn end_session(&self, session: SessionId, reason: EndReason) -> Result<Vec<UserChange>, Violation> {
        self.sessions.get(&session).ok_or(Violation::NotFound)?;
        Ok(vec![UserChange::SessionEnded { session, reason }])
    }

    /// What the person is told of a log-in from a device that it has not used for as long as sessions are remembered (R17).
    /// The very first log-in is no news, nor is the session that takes the place of all others with a new password. Of more
    /// than [`DEVICES_TOLD`] nobody is told (R51).
    fn new_device(&self, session: &Session, changes: &[UserChange]) -> Option<Letter> {
        let first = self.user.last_login_at.is_none();
        let told = changes
            .iter()
            .any(|change| matches!(change, UserChange::PasswordChanged { .. }));
        let said = session.user_agent.as_deref();
        let enough = self.devices.len() >= DEVICES_TOLD;
        if first || told || enough || self.devices.contains(&device_key(said)) {
            return None;
        }
        Some(Letter::NewDevice {
            name: self.user.display_name.to_string(),
            device: device_name(said),
            network: session.network.clone().unwrap_or_else(|| "–".to_owned()),
            at: session.created_at.format("%Y-%m-%d %H:%M").to_string(),
        })
    }

    /// The mails that a decision calls for (R17). None of them holds a secret.
    pub fn mails(&self, changes: &[UserChange]) -> Vec<Mail> {
        let name = self.user.display_name.to_string();
        let own = &self.user.address;
        let letter = |change: &UserChange| match change {
            UserChange::ResetSent { reset } => {
                let (reset, name) = (reset.id, name.clone());
                Some((own.clone(), Letter::ResetPassword { reset, name }))
            }
            UserChange::SessionStarted { session, .. } => {
                let letter = self.new_device(session, changes)?;
                Some((own.clone(), letter))
            }
            UserChange::PasswordChanged { .. } => Some((own.clone(), Letter::PasswordChanged { name: name.clone() })),
            UserChange::SessionEnded {
                reason: EndReason::RefreshReused,
                ..
            } => Some((own.clone(), Letter::SessionEnded { name: name.clone() })),
            UserChange::EmailChangeAsked { change, asking } => {
                let (email_change, name) = (change.id, name.clone());
                let letter = match asking {
                    Asking::Proof => Letter::ConfirmEmailChange { email_change, name },
                    Asking::Known => Letter::EmailChangeKnown { name },
                    Asking::Nothing => return None,
                };
                Some((change.to.clone(), letter))
            }
            UserChange::EmailChanged { change, .. } => {
                let (email_change, name) = (*change, name.clone());
                Some((own.clone(), Letter::EmailChanged { email_change, name }))
            }
            UserChange::EmailChangeUndone { to, .. } => {
                Some((to.clone(), Letter::EmailChangeUndone { name: name.clone() }))
            }
            UserChange::KeyMade { key } => Some((
                own.clone(),
                Letter::UserKeyMade {
                    name: name.clone(),
                    key: key.name.to_string(),
                    prefix: key.prefix(),
                },
            )),
            UserChange::ImpersonationStarted { session, reason } => Some((
                own.clone(),
                Letter::Impersonated {
                    name: name.clone(),
                    minutes: (session.expires_at - session.created_at).num_minutes().to_string(),
                    reason: reason.to_string(),
                },
            )),
            UserChange::SecondFactorConfirmed { .. }
            | UserChange::SecondFactorRemoved
            | UserChange::RecoveryCodesMade { .. }
            | UserChange::RecoveryCodeSpent { .. } => self.factor_letter(change).map(|letter| (own.clone(), letter)),
            UserChange::ProfileChanged { .. }
            | UserChange::StatusChanged { .. }
            | UserChange::DeliverabilityChanged { .. }
            | UserChange::Erased
            | UserChange::SecondFactorBegun { .. }
            | UserChange::SecondFactorUsed { .. }
            | UserChange::ChallengeMade { .. }
            | UserChange::ChallengeEnded { .. }
            | UserChange::HashUpgraded { .. }
            | UserChange::Reauthenticated { .. }
            | UserChange::KeyRevoked { .. }
            | UserChange::EmailChangeEnded { .. }
            | UserChange::ResetSpent { .. }
            | UserChange::SessionEnded { .. } => None,
        };
        let mail = |(to, letter)| Mail {
            contact: None,
            to,
            language: self.user.language,
            letter,
        };
        changes.iter().filter_map(letter).map(mail).collect()
    }
}

#[cfg(test)]
#[cfg(test)]
pub(crate) use tests::person as given_person;

#[cfg(test)]
pub(crate) mod tests;
