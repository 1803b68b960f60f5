//! Changes of the address that a user logs in with.

use std::collections::BTreeMap;
use std::sync::Arc;

use accounts_domain::actor::Actor;
use accounts_domain::address::EmailAddress;
use accounts_domain::email_changes::{Asking, EmailChange};
use accounts_domain::ids::{EmailChangeId, UserId};
use accounts_domain::users::Person;
use accounts_domain::violation::Violation;
use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::prelude::*;

use crate::backend::{Conn, Trouble};
use crate::error::{Fault, Stop, StoreError};
use crate::lanes::Verdict;
use crate::rows::{checked, instant, parse, stored};
use crate::schema::{email_changes, users};
use crate::sign_ups::may_mail;
use crate::snapshots::Snapshots;
use crate::store::{Act, DecideError, Kept, Refusal, Store};
use crate::users::{UserDecision, decide_user, load_by_address};

/// The addresses of a change, by the keys that its links are sealed with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmailChangeKeys {
    /// Of the old address, which may undo it.
    pub from: String,
    /// Of the new address, which proves it.
    pub to: String,
}

impl Store {
    /// Keeps the wish for another address and mails its link; an address that has a user gets word of that instead,
    /// and beyond [`crate::MAILS_PER_ADDRESS`] no mail goes out. Whoever asks cannot tell one from the other.
    ///
    /// # Errors
    /// [`DecideError`].
    pub async fn ask_email_change(
        &self,
        user: UserId,
        id: EmailChangeId,
        to: EmailAddress,
        act: &Act,
        answer: Kept,
    ) -> Result<UserDecision, DecideError> {
        let (snapshots, act) = (Arc::clone(&self.ground.snapshots), act.clone());
        self.transact(move |conn| {
            let known = load_by_address(conn, to.key())?.is_some();
            let asking = match (may_mail(conn, "email-change", to.key(), act.at)?, known) {
                (true, false) => Asking::Proof,
                (true, true) => Asking::Known,
                (false, _) => Asking::Nothing,
            };
            let ask: Decide<'_> = &|person| Ok(person.ask_email_change(id, &to, asking, act.at));
            follow(conn, &snapshots, user, &act, ask, &answer)
        })
        .await
    }

    /// Changes the address of the user whose link to the new address was followed.
    ///
    /// # Errors
    /// [`Violation::LinkExpired`] where it waits no longer, or the address has a user by now.
    pub async fn confirm_email_change(
        &self,
        id: EmailChangeId,
        act: &Act,
        answer: Kept,
    ) -> Result<UserDecision, DecideError> {
        let (snapshots, act) = (Arc::clone(&self.ground.snapshots), act.as_actor(Actor::Link));
        self.transact(move |conn| {
            let (user, keys) = find(conn, id)?;
            let is_free = is_free(conn, &keys.to, user)?;
            let confirm = |person: &Person| person.confirm_email_change(id, is_free, act.at);
            follow(conn, &snapshots, user, &act, &confirm, &answer)
        })
        .await
    }

    /// Gives a user the old address back, whose link was followed.
    ///
    /// # Errors
    /// [`Violation::LinkExpired`] where it cannot be undone any more.
    pub async fn undo_email_change(
        &self,
        id: EmailChangeId,
        act: &Act,
        answer: Kept,
    ) -> Result<UserDecision, DecideError> {
        let (snapshots, act) = (Arc::clone(&self.ground.snapshots), act.as_actor(Actor::Link));
        self.transact(move |conn| {
            let (user, keys) = find(conn, id)?;
            let is_free = is_free(conn, &keys.from, user)?;
            let undo = |person: &Person| person.undo_email_change(id, is_free, act.at);
            follow(conn, &snapshots, user, &act, &undo, &answer)
        })
        .await
    }

    /// The addresses of a change, whatever became of it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn email_change(&self, id: EmailChangeId) -> Result<Option<EmailChangeKeys>, StoreError> {
        self.lanes
            .read(move |conn| keys_of(conn, id))
            .await
            .map(|found| found.map(|(_, keys)| keys))
    }
}

type Decide<'a> = &'a dyn Fn(&Person) -> Result<Vec<accounts_domain::users::UserChange>, Violation>;

fn follow(
    conn: &mut Conn,
    snapshots: &Snapshots,
    user: UserId,
    act: &Act,
    decide: Decide<'_>,
    answer: &Kept,
) -> Result<Verdict<UserDecision>, Stop<Refusal>> {
    decide_user(conn, snapshots, user, act, decide, &|_| answer.clone())
}

fn find(conn: &mut Conn, id: EmailChangeId) -> Result<(UserId, EmailChangeKeys), Stop<Refusal>> {
    Ok(keys_of(conn, id)?.ok_or(Violation::LinkExpired)?)
}

fn keys_of(conn: &mut Conn, id: EmailChangeId) -> Result<Option<(UserId, EmailChangeKeys)>, Fault> {
    let row = email_changes::table
        .find(id.to_string())
        .select((
            email_changes::user_id,
            email_changes::from_address_key,
            email_changes::address_key,
        ))
        .first::<(String, String, String)>(conn)
        .optional()?;
    row.map(|(user, from, to)| Ok((parse("email_changes.user_id", &user)?, EmailChangeKeys { from, to })))
        .transpose()
}

/// Whether nobody else logs in with an address.
fn is_free(conn: &mut Conn, key: &str, user: UserId) -> Result<bool, Fault> {
    Ok(load_by_address(conn, key)?.is_none_or(|found| found.id == user))
}

/// The changes of a user that have not ended.
pub(crate) fn load(conn: &mut Conn, user: &str) -> Result<BTreeMap<EmailChangeId, EmailChange>, Fault> {
    let rows = email_changes::table
        .filter(email_changes::user_id.eq(user))
        .filter(email_changes::ended_at.is_null())
        .select((
            email_changes::id,
            email_changes::from_address,
            email_changes::address,
            email_changes::expires_at,
            email_changes::undo_until,
        ))
        .load::<(String, String, String, NaiveDateTime, Option<NaiveDateTime>)>(conn)?;
    let read =
        |(id, from, to, expires_at, undo_until): (String, String, String, NaiveDateTime, Option<NaiveDateTime>)| {
            let id: EmailChangeId = parse("email_changes.id", &id)?;
            let change = EmailChange {
                id,
                from: checked("email_changes.from_address", &from, EmailAddress::parse)?,
                to: checked("email_changes.address", &to, EmailAddress::parse)?,
                expires_at: instant(expires_at),
                undo_until: undo_until.map(instant),
            };
            Ok((id, change))
        };
    rows.into_iter().map(read).collect()
}

pub(crate) fn insert(conn: &mut Conn, user: UserId, change: &EmailChange, at: DateTime<Utc>) -> Result<(), Fault> {
    // One that ran out by itself waits no longer.
    let waiting = email_changes::table
        .filter(email_changes::user_id.eq(user.to_string()))
        .filter(email_changes::undo_until.is_null())
        .filter(email_changes::ended_at.is_null());
    diesel::update(waiting)
        .set(email_changes::ended_at.eq(stored(at)))
        .execute(conn)?;
    diesel::insert_into(email_changes::table)
        .values((
            email_changes::id.eq(change.id.to_string()),
            email_changes::user_id.eq(user.to_string()),
            email_changes::from_address.eq(change.from.as_str()),
            email_changes::from_address_key.eq(change.from.key()),
            email_changes::address.eq(change.to.as_str()),
            email_changes::address_key.eq(change.to.key()),
            email_changes::created_at.eq(stored(at)),
            email_changes::expires_at.eq(stored(change.expires_at)),
        ))
        .execute(conn)?;
    Ok(())
}

pub(crate) fn end(conn: &mut Conn, change: EmailChangeId, at: DateTime<Utc>) -> Result<(), Fault> {
    diesel::update(email_changes::table.find(change.to_string()))
        .set(email_changes::ended_at.eq(stored(at)))
        .execute(conn)?;
    Ok(())
}

pub(crate) fn made(conn: &mut Conn, change: EmailChangeId, undo_until: DateTime<Utc>) -> Result<(), Fault> {
    diesel::update(email_changes::table.find(change.to_string()))
        .set(email_changes::undo_until.eq(stored(undo_until)))
        .execute(conn)?;
    Ok(())
}

/// Gives a user another address. Where somebody else took it in the same moment, the decision is made again and
/// finds that out.
pub(crate) fn move_address(conn: &mut Conn, user: UserId, to: &EmailAddress, at: DateTime<Utc>) -> Result<(), Fault> {
    let moved = diesel::update(users::table.find(user.to_string()))
        .set((
            users::address.eq(to.as_str()),
            users::address_key.eq(to.key()),
            // What was reported was of the other address.
            users::deliverability.eq(None::<String>),
            users::version.eq(users::version + 1),
            users::updated_at.eq(stored(at)),
        ))
        .execute(conn)
        .map_err(Fault::from);
    match moved {
        Ok(_) => Ok(()),
        Err(fault) if matches!(fault.trouble(), Trouble::Unique) => Err(Fault::overtaken("the address was taken")),
        Err(fault) => Err(fault),
    }
}
