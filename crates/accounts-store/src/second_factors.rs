//! Second factors as they are stored, sealed, and the log-ins that wait for their codes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use accounts_domain::ids::{ChallengeId, UserId};
use accounts_domain::names::AccountName;
use accounts_domain::second_factor::{
    Challenge, FactorInForce, RecoveryHash, RequiringAccount, SealedSecret, SecondFactor,
};
use accounts_domain::totp::TotpStep;
use accounts_domain::users::Person;
use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::prelude::*;

use crate::backend::Conn;
use crate::error::Fault;
use crate::rows::{checked, from_json, instant, parse, stored, to_json};
use crate::schema::{accounts, memberships, second_factor_challenges, second_factors, users};
use crate::store::{Act, DecideError, Kept, Store};
use crate::users::{UserDecision, decide_user};

#[derive(Queryable, Selectable)]
#[diesel(table_name = second_factors)]
struct FactorRow {
    secret: String,
    confirmed_at: Option<NaiveDateTime>,
    used_step: Option<i64>,
    recovery_codes: String,
}

impl Store {
    /// Takes the second factor of a user away, unless an account of this person asks for it.
    ///
    /// # Errors
    /// [`DecideError`]; nothing has changed then.
    pub async fn remove_second_factor(
        &self,
        user: UserId,
        act: &Act,
        answer: Kept,
    ) -> Result<UserDecision, DecideError> {
        let (snapshots, act) = (Arc::clone(&self.ground.snapshots), act.clone());
        self.transact(move |conn| {
            let requiring = requiring(conn, user, act.at)?;
            let remove = |person: &Person| person.remove_second_factor(&requiring);
            decide_user(conn, &snapshots, user, &act, &remove, &|_| answer.clone())
        })
        .await
    }
}

/// The accounts that ask this member for a second factor at that moment, by name.
fn requiring(conn: &mut Conn, user: UserId, at: DateTime<Utc>) -> Result<Vec<RequiringAccount>, Fault> {
    let rows = memberships::table
        .inner_join(accounts::table)
        .filter(memberships::user_id.eq(user.to_string()))
        .filter(memberships::status.eq("active"))
        .filter(
            memberships::expires_at
                .is_null()
                .or(memberships::expires_at.gt(stored(at))),
        )
        .filter(accounts::status.ne("closed"))
        .filter(accounts::second_factor_required.eq(true))
        .order((accounts::sort_key, accounts::id))
        .select((accounts::id, accounts::name))
        .load::<(String, String)>(conn)?;
    rows.into_iter()
        .map(|(id, name)| {
            Ok(RequiringAccount {
                id: parse("accounts.id", &id)?,
                name: checked("accounts.name", &name, AccountName::parse)?,
            })
        })
        .collect()
}

/// What is told of a second factor: nothing until it is in force.
pub(crate) fn told(
    confirmed_at: Option<NaiveDateTime>,
    recovery_codes: Option<&str>,
) -> Result<Option<FactorInForce>, Fault> {
    let (Some(confirmed_at), Some(codes)) = (confirmed_at, recovery_codes) else {
        return Ok(None);
    };
    Ok(Some(FactorInForce {
        since: instant(confirmed_at),
        recovery_codes: read_codes(codes)?.len(),
    }))
}

/// The second factor of a user, begun or in force.
pub(crate) fn load(conn: &mut Conn, user: &str) -> Result<Option<SecondFactor>, Fault> {
    let row: Option<FactorRow> = second_factors::table
        .find(user)
        .select(FactorRow::as_select())
        .first(conn)
        .optional()?;
    row.map(read).transpose()
}

fn read(row: FactorRow) -> Result<SecondFactor, Fault> {
    let step = |step: i64| {
        u64::try_from(step)
            .map(TotpStep)
            .map_err(|error| Fault::stored("second_factors.used_step", error))
    };
    Ok(SecondFactor {
        secret: SealedSecret(row.secret),
        confirmed_at: row.confirmed_at.map(instant),
        used: row.used_step.map(step).transpose()?,
        recovery_codes: read_codes(&row.recovery_codes)?,
    })
}

fn read_codes(text: &str) -> Result<BTreeSet<RecoveryHash>, Fault> {
    from_json("second_factors.recovery_codes", text)
}

fn written_codes(codes: &BTreeSet<RecoveryHash>) -> Result<String, Fault> {
    to_json("second_factors.recovery_codes", codes)
}

fn written_step(step: TotpStep) -> i64 {
    i64::try_from(step.0).unwrap_or(i64::MAX)
}

/// Keeps a second factor that waits for its first code, in the place of one that waited before.
pub(crate) fn begin(conn: &mut Conn, user: UserId, secret: &SealedSecret, at: DateTime<Utc>) -> Result<(), Fault> {
    diesel::delete(second_factors::table.filter(second_factors::user_id.eq(user.to_string()))).execute(conn)?;
    diesel::insert_into(second_factors::table)
        .values((
            second_factors::user_id.eq(user.to_string()),
            second_factors::secret.eq(&secret.0),
            second_factors::created_at.eq(stored(at)),
            second_factors::recovery_codes.eq(written_codes(&BTreeSet::new())?),
        ))
        .execute(conn)?;
    Ok(())
}

/// Puts it in force.
pub(crate) fn confirm(
    conn: &mut Conn,
    user: UserId,
    codes: &BTreeSet<RecoveryHash>,
    step: TotpStep,
    at: DateTime<Utc>,
) -> Result<(), Fault> {
    diesel::update(second_factors::table.find(user.to_string()))
        .set((
            second_factors::confirmed_at.eq(stored(at)),
            second_factors::used_step.eq(written_step(step)),
            second_factors::recovery_codes.eq(written_codes(codes)?),
        ))
        .execute(conn)?;
    shows_otherwise(conn, user, at)
}

/// Takes it away.
pub(crate) fn remove(conn: &mut Conn, user: UserId, at: DateTime<Utc>) -> Result<(), Fault> {
    diesel::delete(second_factors::table.filter(second_factors::user_id.eq(user.to_string()))).execute(conn)?;
    shows_otherwise(conn, user, at)
}

/// Keeps these recovery codes alone.
pub(crate) fn keep_codes(
    conn: &mut Conn,
    user: UserId,
    codes: &BTreeSet<RecoveryHash>,
    at: DateTime<Utc>,
) -> Result<(), Fault> {
    diesel::update(second_factors::table.find(user.to_string()))
        .set(second_factors::recovery_codes.eq(written_codes(codes)?))
        .execute(conn)?;
    shows_otherwise(conn, user, at)
}

/// Remembers the step of the last code that was taken.
pub(crate) fn use_step(conn: &mut Conn, user: UserId, step: TotpStep) -> Result<(), Fault> {
    diesel::update(second_factors::table.find(user.to_string()))
        .set(second_factors::used_step.eq(written_step(step)))
        .execute(conn)?;
    Ok(())
}

/// The person sees something else of the user.
fn shows_otherwise(conn: &mut Conn, user: UserId, at: DateTime<Utc>) -> Result<(), Fault> {
    diesel::update(users::table.find(user.to_string()))
        .set((users::version.eq(users::version + 1), users::updated_at.eq(stored(at))))
        .execute(conn)?;
    Ok(())
}

/// The log-ins of a user that wait for a code, in time or not.
pub(crate) fn load_challenges(conn: &mut Conn, user: &str) -> Result<BTreeMap<ChallengeId, Challenge>, Fault> {
    let rows = second_factor_challenges::table
        .filter(second_factor_challenges::user_id.eq(user))
        .select((
            second_factor_challenges::id,
            second_factor_challenges::created_at,
            second_factor_challenges::expires_at,
        ))
        .load::<(String, NaiveDateTime, NaiveDateTime)>(conn)?;
    let read = |(id, created_at, expires_at): (String, NaiveDateTime, NaiveDateTime)| {
        let id: ChallengeId = parse("second_factor_challenges.id", &id)?;
        let challenge = Challenge {
            id,
            created_at: instant(created_at),
            expires_at: instant(expires_at),
        };
        Ok((id, challenge))
    };
    rows.into_iter().map(read).collect()
}

pub(crate) fn insert_challenge(conn: &mut Conn, user: UserId, challenge: &Challenge) -> Result<(), Fault> {
    diesel::insert_into(second_factor_challenges::table)
        .values((
            second_factor_challenges::id.eq(challenge.id.to_string()),
            second_factor_challenges::user_id.eq(user.to_string()),
            second_factor_challenges::created_at.eq(stored(challenge.created_at)),
            second_factor_challenges::expires_at.eq(stored(challenge.expires_at)),
        ))
        .execute(conn)?;
    Ok(())
}

pub(crate) fn delete_challenge(conn: &mut Conn, challenge: ChallengeId) -> Result<(), Fault> {
    let row = second_factor_challenges::table.filter(second_factor_challenges::id.eq(challenge.to_string()));
    diesel::delete(row).execute(conn)?;
    Ok(())
}
