//! Refresh tokens: spent once, in the transaction that makes their successor.

use std::sync::Arc;

use accounts_domain::ids::{SessionId, UserId};
use accounts_domain::sessions::{self as rules, Refresh, Session};
use accounts_domain::users::UserStatus;
use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::prelude::*;

use crate::backend::Conn;
use crate::error::Fault;
use crate::lanes::Verdict;
use crate::rows::{instant, parse, stored};
use crate::schema::{refresh_tokens, sessions, users};
use crate::snapshots::Snapshots;
use crate::store::{DecideError, Store};

/// A refresh token that came in, with what its successor would be.
#[derive(Debug, Clone)]
pub struct Rotation {
    /// The SHA-256 of the token, in hexadecimal.
    pub hash: String,
    /// What the successor is derived with.
    pub salt: String,
    /// The SHA-256 of the successor, in hexadecimal.
    pub successor_hash: String,
}

/// What became of a refresh token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rotated {
    /// The successor counts, or counted already: derive it with this salt.
    Successor {
        /// Whose session it is.
        user: UserId,
        /// The session.
        session: SessionId,
        /// What the successor is derived with.
        salt: String,
    },
    /// The token was spent before; its session is to end.
    Reused {
        /// Whose session it is.
        user: UserId,
        /// The session.
        session: SessionId,
    },
    /// There is no such token, or its session has ended.
    Dead,
}

impl Store {
    /// Spends a refresh token and inserts its successor, or says what else it is.
    ///
    /// # Errors
    /// [`DecideError::Store`].
    pub async fn rotate(&self, rotation: Rotation, at: DateTime<Utc>) -> Result<Rotated, DecideError> {
        let snapshots = Arc::clone(&self.ground.snapshots);
        self.transact(move |conn| Ok(rotate(conn, &snapshots, &rotation, at)?))
            .await
    }
}

fn rotate(
    conn: &mut Conn,
    snapshots: &Snapshots,
    rotation: &Rotation,
    at: DateTime<Utc>,
) -> Result<Verdict<Rotated>, Fault> {
    let found = refresh_tokens::table
        .find(&rotation.hash)
        .select(refresh_tokens::session_id)
        .first::<String>(conn)
        .optional()?;
    let Some(session_key) = found else {
        return Ok(Verdict::Discard(Rotated::Dead));
    };
    // The session's row is the lock: whoever ends it and whoever refreshes it wait for each other.
    let Some((user, session)) = lock_session(conn, &session_key, at)? else {
        return Ok(Verdict::Discard(Rotated::Dead));
    };
    let (spent_at, salt) = refresh_tokens::table
        .find(&rotation.hash)
        .select((refresh_tokens::spent_at, refresh_tokens::successor_salt))
        .first::<(Option<NaiveDateTime>, Option<String>)>(conn)?;
    let id = session.id;
    Ok(match rules::refresh(Some(&session), spent_at.map(instant), at) {
        Refresh::Dead => Verdict::Discard(Rotated::Dead),
        Refresh::Reuse => Verdict::Discard(Rotated::Reused { user, session: id }),
        Refresh::Replay => Verdict::Discard(Rotated::Successor {
            user,
            session: id,
            salt: salt.unwrap_or_default(),
        }),
        Refresh::Rotate => {
            spend(conn, rotation, &session_key, at)?;
            let rotated = Rotated::Successor {
                user,
                session: id,
                salt: rotation.salt.clone(),
            };
            Verdict::Keep(rotated, snapshots.changing_user(user).into())
        }
    })
}

fn lock_session(conn: &mut Conn, key: &str, at: DateTime<Utc>) -> Result<Option<(UserId, Session)>, Fault> {
    let row = sessions::table
        .inner_join(users::table)
        .filter(sessions::id.eq(key))
        .filter(users::status.eq(UserStatus::Active.as_str()))
        .select((
            sessions::user_id,
            sessions::created_at,
            sessions::last_used_at,
            sessions::expires_at,
        ))
        .first::<(String, NaiveDateTime, NaiveDateTime, NaiveDateTime)>(conn)
        .optional()?;
    let Some((user, created_at, last_used_at, expires_at)) = row else {
        return Ok(None);
    };
    let open = sessions::table
        .filter(sessions::id.eq(key))
        .filter(sessions::ended_at.is_null());
    if diesel::update(open)
        .set(sessions::last_used_at.eq(stored(at)))
        .execute(conn)?
        == 0
    {
        return Ok(None);
    }
    let session = Session {
        id: parse("sessions.id", key)?,
        created_at: instant(created_at),
        last_used_at: instant(last_used_at),
        // A refresh asks for no proof.
        authenticated_at: instant(created_at),
        expires_at: instant(expires_at),
        user_agent: None,
        network: None,
        // An operator in a person's place has no token to refresh it with.
        impersonation: None,
    };
    Ok(Some((parse("sessions.user_id", &user)?, session)))
}

fn spend(conn: &mut Conn, rotation: &Rotation, session: &str, at: DateTime<Utc>) -> Result<(), Fault> {
    diesel::update(refresh_tokens::table.find(&rotation.hash))
        .set((
            refresh_tokens::spent_at.eq(stored(at)),
            refresh_tokens::successor_salt.eq(&rotation.salt),
        ))
        .execute(conn)?;
    diesel::insert_into(refresh_tokens::table)
        .values((
            refresh_tokens::hash.eq(&rotation.successor_hash),
            refresh_tokens::session_id.eq(session),
            refresh_tokens::created_at.eq(stored(at)),
        ))
        .execute(conn)?;
    Ok(())
}
