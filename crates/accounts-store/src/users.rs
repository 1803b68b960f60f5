//! The one way to change a user, and how one is read.

use std::collections::BTreeMap;
use std::sync::Arc;

use accounts_domain::address::EmailAddress;
use accounts_domain::audit::{self, Entry, Subject};
use accounts_domain::deliverability::Deliverability;
use accounts_domain::ids::{ResetId, SessionId, UserId};
use accounts_domain::language::Language;
use accounts_domain::names::{DisplayName, Reason};
use accounts_domain::operators::Impersonation;
use accounts_domain::sessions::{EndReason, Session, device_key};
use accounts_domain::users::{PasswordHash, Person, Reset, User, UserChange, UserStatus};
use accounts_domain::violation::Violation;
use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::prelude::*;

use crate::audit::Origin;
use crate::backend::Conn;
use crate::error::{Fault, Stop, StoreError};
use crate::lanes::Verdict;
use crate::rows::{checked, instant, named, parse, parse_maybe, stored};
use crate::schema::{password_resets, refresh_tokens, second_factors, sessions, users};
use crate::snapshots::{Known, Snapshots, Standing};
use crate::store::{Act, DecideError, Kept, Refusal, Store};
use crate::{api_keys, deliverability, email_changes, idempotency, mails, second_factors as factors};

/// What was decided about a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserDecision {
    /// The person as it was.
    pub before: Person,
    /// The user as it is.
    pub after: User,
    /// The changes; none where all was so already.
    pub changes: Vec<UserChange>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = users)]
pub(crate) struct UserRow {
    id: String,
    address: String,
    display_name: String,
    language: String,
    password_hash: Option<String>,
    status: String,
    deliverability: Option<String>,
    revision: i64,
    version: i64,
    password_changed_at: Option<NaiveDateTime>,
    last_login_at: Option<NaiveDateTime>,
    created_at: NaiveDateTime,
    updated_at: NaiveDateTime,
}

/// A user, and what is told of the second factor: since when it is in force, and the recovery codes that are left.
#[derive(Queryable, Selectable)]
#[diesel(table_name = users)]
pub(crate) struct FoundUser {
    #[diesel(embed)]
    row: UserRow,
    #[diesel(select_expression = second_factors::confirmed_at.nullable())]
    second_factor_at: Option<NaiveDateTime>,
    #[diesel(select_expression = second_factors::recovery_codes.nullable())]
    recovery_codes: Option<String>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = sessions)]
pub(crate) struct SessionRow {
    id: String,
    created_at: NaiveDateTime,
    last_used_at: NaiveDateTime,
    expires_at: NaiveDateTime,
    user_agent: Option<String>,
    network: Option<String>,
    authenticated_at: Option<NaiveDateTime>,
    operator_id: Option<String>,
    account_id: Option<String>,
}

impl Store {
    /// Changes a user: the same steps as for an account.
    ///
    /// # Errors
    /// [`DecideError`]; nothing has changed then.
    pub async fn decide_user<D, A>(
        &self,
        user: UserId,
        act: &Act,
        decide: D,
        answer: A,
    ) -> Result<UserDecision, DecideError>
    where
        D: Fn(&Person) -> Result<Vec<UserChange>, Violation> + Send + 'static,
        A: Fn(&UserDecision) -> Kept + Send + 'static,
    {
        let (snapshots, act) = (Arc::clone(&self.ground.snapshots), act.clone());
        self.transact(move |conn| decide_user(conn, &snapshots, user, &act, &decide, &answer))
            .await
    }

    /// Changes a user on the provider's behalf, with the reason beside each event.
    ///
    /// # Errors
    /// [`DecideError`]; nothing has changed then.
    pub async fn decide_user_because<D, A>(
        &self,
        user: UserId,
        reason: Reason,
        act: &Act,
        decide: D,
        answer: A,
    ) -> Result<UserDecision, DecideError>
    where
        D: Fn(&Person) -> Result<Vec<UserChange>, Violation> + Send + 'static,
        A: Fn(&UserDecision) -> Kept + Send + 'static,
    {
        let (snapshots, act) = (Arc::clone(&self.ground.snapshots), act.clone());
        self.transact(move |conn| {
            let because = Because {
                of: Subject::User(user),
                reason: &reason,
            };
            decide_user_because(conn, &snapshots, user, Some(because), &act, &decide, &answer)
        })
        .await
    }

    /// Reads the user of an address.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn user_by_address(&self, key: String) -> Result<Option<User>, StoreError> {
        self.lanes.read(move |conn| load_by_address(conn, &key)).await
    }

    /// Reads a user with the live sessions and reset links.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn person(&self, user: UserId) -> Result<Option<Person>, StoreError> {
        self.lanes.read_consistent(move |conn| load(conn, user)).await
    }
}

/// Why the provider does something, and with whom the reason is erased.
#[derive(Clone, Copy)]
pub(crate) struct Because<'a> {
    pub(crate) of: Subject,
    pub(crate) reason: &'a Reason,
}

impl Because<'_> {
    /// The events with the reason beside each.
    pub(crate) fn told(because: Option<Self>, entries: Vec<Entry>) -> Vec<Entry> {
        let Some(Self { of, reason }) = because else {
            return entries;
        };
        entries.into_iter().map(|entry| entry.because(of, reason)).collect()
    }
}

pub(crate) fn decide_user(
    conn: &mut Conn,
    snapshots: &Snapshots,
    user: UserId,
    act: &Act,
    decide: &dyn Fn(&Person) -> Result<Vec<UserChange>, Violation>,
    answer: &dyn Fn(&UserDecision) -> Kept,
) -> Result<Verdict<UserDecision>, Stop<Refusal>> {
    decide_user_because(conn, snapshots, user, None, act, decide, answer)
}

pub(crate) fn decide_user_because(
    conn: &mut Conn,
    snapshots: &Snapshots,
    user: UserId,
    because: Option<Because<'_>>,
    act: &Act,
    decide: &dyn Fn(&Person) -> Result<Vec<UserChange>, Violation>,
    answer: &dyn Fn(&UserDecision) -> Kept,
) -> Result<Verdict<UserDecision>, Stop<Refusal>> {
    let locked = diesel::update(users::table.find(user.to_string()))
        .set(users::revision.eq(users::revision + 1))
        .execute(conn)?;
    if locked == 0 {
        return Err(Stop::Refused(Refusal::NotFound));
    }
    let mark = snapshots.changing_user(user);
    idempotency::recall(conn, act)?;
    let mut before = load(conn, user)?.ok_or(Stop::Refused(Refusal::NotFound))?;
    // What has ended by itself and was not cleared away yet is nothing to end once more.
    before.sessions.retain(|_, session| session.is_live(act.at));
    before.resets.retain(|_, reset| act.at < reset.expires_at);
    before
        .email_changes
        .retain(|_, change| act.at < change.undo_until.unwrap_or(change.expires_at));
    before.challenges.retain(|_, challenge| act.at < challenge.expires_at);
    let changes = decide(&before)?;
    if changes.is_empty() {
        let after = before.user.clone();
        return Ok(Verdict::Discard(UserDecision { before, after, changes }));
    }
    let entries = Because::told(because, audit::user_entries(&before, &changes));
    crate::audit::record(conn, Origin::User(user), before.user.revision, &entries, act)?;
    save(conn, &before, &changes, act.at)?;
    mails::insert_mails(conn, &before.mails(&changes), act.at)?;
    let after = load_user(conn, user)?.ok_or(Stop::Refused(Refusal::NotFound))?;
    let decision = UserDecision { before, after, changes };
    idempotency::remember(conn, act, || answer(&decision))?;
    Ok(Verdict::Keep(decision, mark.into()))
}

/// Adds a user who proved the address. Answers `false` where the address has a user already.
pub(crate) fn insert(conn: &mut Conn, user: &User) -> Result<bool, Fault> {
    let row = (
        users::id.eq(user.id.to_string()),
        users::address.eq(user.address.as_str()),
        users::address_key.eq(user.address.key()),
        users::display_name.eq(user.display_name.as_str()),
        users::language.eq(user.language.as_str()),
        users::password_hash.eq(user.password_hash.as_ref().map(|hash| hash.0.as_str())),
        users::status.eq(user.status.as_str()),
        users::revision.eq(user.revision),
        users::version.eq(user.version),
        users::password_changed_at.eq(user.password_changed_at.map(stored)),
        users::created_at.eq(stored(user.created_at)),
        users::updated_at.eq(stored(user.updated_at)),
    );
    let inserted = crate::backend::insert_if_absent!(conn, users::table, row)?;
    Ok(inserted == 1)
}

/// A user who has just proved the address, and chosen a password.
pub fn new_user(
    id: UserId,
    address: EmailAddress,
    display_name: DisplayName,
    language: Language,
    hash: Option<PasswordHash>,
    at: DateTime<Utc>,
) -> User {
    User {
        id,
        address,
        display_name,
        language,
        password_changed_at: hash.as_ref().map(|_| at),
        password_hash: hash,
        status: UserStatus::Active,
        deliverability: Deliverability::Unknown,
        second_factor: None,
        revision: 0,
        version: 1,
        last_login_at: None,
        created_at: at,
        updated_at: at,
    }
}

pub(crate) fn load_by_address(conn: &mut Conn, key: &str) -> Result<Option<User>, Fault> {
    let row = users::table
        .left_join(second_factors::table)
        .filter(users::address_key.eq(key))
        .select(FoundUser::as_select())
        .first(conn)
        .optional()?;
    row.map(read_user).transpose()
}

pub(crate) fn load_user(conn: &mut Conn, id: UserId) -> Result<Option<User>, Fault> {
    let row = users::table
        .left_join(second_factors::table)
        .filter(users::id.eq(id.to_string()))
        .select(FoundUser::as_select())
        .first(conn)
        .optional()?;
    row.map(read_user).transpose()
}

/// Reads users.
pub(crate) fn load_users(conn: &mut Conn, ids: &[UserId]) -> Result<BTreeMap<UserId, User>, Fault> {
    let rows = users::table
        .left_join(second_factors::table)
        .filter(users::id.eq_any(ids.iter().map(ToString::to_string)))
        .select(FoundUser::as_select())
        .load(conn)?;
    let read = |row| read_user(row).map(|user| (user.id, user));
    rows.into_iter().map(read).collect()
}

/// Reads a user with the ends of those sessions that have not been ended; nothing where it may not log in.
pub(crate) fn load_known(conn: &mut Conn, id: UserId) -> Result<Option<Known>, Fault> {
    let Some(user) = load_user(conn, id)?.filter(|user| user.status == UserStatus::Active) else {
        return Ok(None);
    };
    let rows = sessions::table
        .filter(sessions::user_id.eq(id.to_string()))
        .filter(sessions::ended_at.is_null())
        .select(SessionRow::as_select())
        .load(conn)?;
    let standing = |row: SessionRow| read_session(row).map(|session| (session.id, Standing::of(&session)));
    let sessions = rows.into_iter().map(standing).collect::<Result<_, Fault>>()?;
    Ok(Some(Known {
        user: Arc::new(user),
        sessions,
        api_keys: api_keys::of_user(conn, id)?,
    }))
}

pub(crate) fn load(conn: &mut Conn, id: UserId) -> Result<Option<Person>, Fault> {
    let Some(user) = load_user(conn, id)? else {
        return Ok(None);
    };
    let key = id.to_string();
    let rows: Vec<SessionRow> = sessions::table
        .filter(sessions::user_id.eq(&key))
        .filter(sessions::ended_at.is_null())
        .select(SessionRow::as_select())
        .load(conn)?;
    let live = rows
        .into_iter()
        .map(|row| read_session(row).map(|session| (session.id, session)));
    let sessions = live.collect::<Result<BTreeMap<_, _>, Fault>>()?;
    let agents: Vec<Option<String>> = sessions::table
        .filter(sessions::user_id.eq(&key))
        .filter(sessions::operator_id.is_null())
        .select(sessions::user_agent)
        .distinct()
        .load(conn)?;
    let rows = password_resets::table
        .filter(password_resets::user_id.eq(&key))
        .filter(password_resets::used_at.is_null())
        .select((
            password_resets::id,
            password_resets::address_key,
            password_resets::expires_at,
        ))
        .load::<(String, String, NaiveDateTime)>(conn)?;
    let mut resets = BTreeMap::new();
    for (reset, address_key, expires_at) in rows {
        let reset: ResetId = parse("password_resets.id", &reset)?;
        resets.insert(
            reset,
            Reset {
                id: reset,
                address_key,
                expires_at: instant(expires_at),
            },
        );
    }
    let email_changes = email_changes::load(conn, &key)?;
    Ok(Some(Person {
        user,
        sessions,
        devices: agents.iter().map(|agent| device_key(agent.as_deref())).collect(),
        resets,
        api_keys: api_keys::of_user(conn, id)?,
        email_changes,
        second_factor: factors::load(conn, &key)?,
        challenges: factors::load_challenges(conn, &key)?,
    }))
}

pub(crate) fn read_user(found: FoundUser) -> Result<User, Fault> {
    let row = found.row;
    Ok(User {
        id: parse("users.id", &row.id)?,
        address: checked("users.address", &row.address, EmailAddress::parse)?,
        display_name: checked("users.display_name", &row.display_name, DisplayName::parse)?,
        language: parse("users.language", &row.language)?,
        password_hash: row.password_hash.map(PasswordHash),
        status: named("users.status", &row.status, UserStatus::from_name)?,
        deliverability: deliverability::read("users.deliverability", row.deliverability.as_deref())?,
        second_factor: factors::told(found.second_factor_at, found.recovery_codes.as_deref())?,
        revision: row.revision,
        version: row.version,
        password_changed_at: row.password_changed_at.map(instant),
        last_login_at: row.last_login_at.map(instant),
        created_at: instant(row.created_at),
        updated_at: instant(row.updated_at),
    })
}

pub(crate) fn read_session(row: SessionRow) -> Result<Session, Fault> {
    Ok(Session {
        id: parse("sessions.id", &row.id)?,
        created_at: instant(row.created_at),
        last_used_at: instant(row.last_used_at),
        // An instance of the former version says nothing of it.
        authenticated_at: instant(row.authenticated_at.unwrap_or(row.created_at)),
        expires_at: instant(row.expires_at),
        user_agent: row.user_agent,
        network: row.network,
        impersonation: impersonation(row.operator_id.as_deref(), row.account_id.as_deref())?,
    })
}

fn impersonation(operator: Option<&str>, account: Option<&str>) -> Result<Option<Impersonation>, Fault> {
    let Some(operator) = parse_maybe("sessions.operator_id", operator)? else {
        return Ok(None);
    };
    let account = parse_maybe("sessions.account_id", account)?;
    Ok(Some(Impersonation { operator, account }))
}

fn save(conn: &mut Conn, before: &Person, changes: &[UserChange], at: DateTime<Utc>) -> Result<(), Fault> {
    for change in changes {
        save_one(conn, &before.user, change, at)?;
    }
    Ok(())
}

fn save_one(conn: &mut Conn, user: &User, change: &UserChange, at: DateTime<Utc>) -> Result<(), Fault> {
    let row = users::table.find(user.id.to_string());
    match change {
        UserChange::ProfileChanged { display_name, language } => {
            diesel::update(row)
                .set((
                    users::display_name.eq(display_name.as_str()),
                    users::language.eq(language.as_str()),
                    users::version.eq(users::version + 1),
                    users::updated_at.eq(stored(at)),
                ))
                .execute(conn)?;
        }
        UserChange::PasswordChanged { hash } => {
            diesel::update(row)
                .set((
                    users::password_hash.eq(&hash.0),
                    users::password_changed_at.eq(stored(at)),
                ))
                .execute(conn)?;
        }
        UserChange::HashUpgraded { hash } => {
            diesel::update(row)
                .set(users::password_hash.eq(&hash.0))
                .execute(conn)?;
        }
        UserChange::ResetSent { reset } => {
            diesel::insert_into(password_resets::table)
                .values((
                    password_resets::id.eq(reset.id.to_string()),
                    password_resets::user_id.eq(user.id.to_string()),
                    password_resets::address_key.eq(&reset.address_key),
                    password_resets::created_at.eq(stored(at)),
                    password_resets::expires_at.eq(stored(reset.expires_at)),
                ))
                .execute(conn)?;
        }
        UserChange::ResetSpent { reset } => {
            diesel::update(password_resets::table.find(reset.to_string()))
                .set(password_resets::used_at.eq(stored(at)))
                .execute(conn)?;
        }
        UserChange::SessionStarted { session, refresh_hash } => {
            diesel::update(row)
                .set(users::last_login_at.eq(stored(at)))
                .execute(conn)?;
            insert_session(conn, user.id, session)?;
            insert_first_token(conn, session, refresh_hash)?;
        }
        UserChange::ImpersonationStarted { session, .. } => insert_session(conn, user.id, session)?,
        UserChange::DeliverabilityChanged { deliverability: known } => {
            diesel::update(row)
                .set((
                    users::deliverability.eq(deliverability::kept(*known)),
                    users::version.eq(users::version + 1),
                    users::updated_at.eq(stored(at)),
                ))
                .execute(conn)?;
        }
        // Its rows go all at once, with what others keep of it.
        UserChange::Erased => {}
        UserChange::StatusChanged { status } => {
            diesel::update(row)
                .set(users::status.eq(status.as_str()))
                .execute(conn)?;
        }
        UserChange::KeyMade { key } => api_keys::insert(conn, None, key)?,
        UserChange::KeyRevoked { key } => api_keys::delete(conn, *key)?,
        UserChange::Reauthenticated { session } => {
            diesel::update(sessions::table.find(session.to_string()))
                .set(sessions::authenticated_at.eq(stored(at)))
                .execute(conn)?;
        }
        UserChange::EmailChangeAsked { change, .. } => email_changes::insert(conn, user.id, change, at)?,
        UserChange::EmailChangeEnded { change } => email_changes::end(conn, *change, at)?,
        UserChange::EmailChanged { change, to, undo_until } => {
            email_changes::move_address(conn, user.id, to, at)?;
            email_changes::made(conn, *change, *undo_until)?;
        }
        UserChange::EmailChangeUndone { change, to } => {
            email_changes::move_address(conn, user.id, to, at)?;
            email_changes::end(conn, *change, at)?;
        }
        UserChange::SecondFactorBegun { secret } => factors::begin(conn, user.id, secret, at)?,
        UserChange::SecondFactorConfirmed { codes, step } => factors::confirm(conn, user.id, codes, *step, at)?,
        UserChange::SecondFactorRemoved => factors::remove(conn, user.id, at)?,
        UserChange::RecoveryCodesMade { codes } | UserChange::RecoveryCodeSpent { left: codes } => {
            factors::keep_codes(conn, user.id, codes, at)?;
        }
        UserChange::SecondFactorUsed { step } => factors::use_step(conn, user.id, *step)?,
        UserChange::ChallengeMade { challenge } => factors::insert_challenge(conn, user.id, challenge)?,
        UserChange::ChallengeEnded { challenge } => factors::delete_challenge(conn, *challenge)?,
        UserChange::SessionEnded { session, reason } => end_session(conn, *session, *reason, at)?,
    }
    Ok(())
}

fn insert_session(conn: &mut Conn, user: UserId, session: &Session) -> Result<(), Fault> {
    let by = session.impersonation;
    let account = by.and_then(|by| by.account);
    diesel::insert_into(sessions::table)
        .values((
            sessions::id.eq(session.id.to_string()),
            sessions::user_id.eq(user.to_string()),
            sessions::created_at.eq(stored(session.created_at)),
            sessions::last_used_at.eq(stored(session.last_used_at)),
            sessions::expires_at.eq(stored(session.expires_at)),
            sessions::user_agent.eq(session.user_agent.as_deref()),
            sessions::network.eq(session.network.as_deref()),
            sessions::authenticated_at.eq(stored(session.authenticated_at)),
            sessions::operator_id.eq(by.map(|by| by.operator.to_string())),
            sessions::account_id.eq(account.map(|account| account.to_string())),
        ))
        .execute(conn)?;
    Ok(())
}

fn insert_first_token(conn: &mut Conn, session: &Session, refresh_hash: &str) -> Result<(), Fault> {
    diesel::insert_into(refresh_tokens::table)
        .values((
            refresh_tokens::hash.eq(refresh_hash),
            refresh_tokens::session_id.eq(session.id.to_string()),
            refresh_tokens::created_at.eq(stored(session.created_at)),
        ))
        .execute(conn)?;
    Ok(())
}

fn end_session(conn: &mut Conn, session: SessionId, reason: EndReason, at: DateTime<Utc>) -> Result<(), Fault> {
    diesel::update(sessions::table.find(session.to_string()))
        .set((
            sessions::ended_at.eq(stored(at)),
            sessions::end_reason.eq(reason.as_str()),
        ))
        .execute(conn)?;
    Ok(())
}
