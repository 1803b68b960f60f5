//! Operators, as they are kept, and the one way to change one.

use std::collections::BTreeMap;

use accounts_domain::address::EmailAddress;
use accounts_domain::audit;
use accounts_domain::ids::{OperatorId, OperatorSessionId, SessionId, UserId};
use accounts_domain::names::DisplayName;
use accounts_domain::operators::{Operator, OperatorChange, OperatorKind, OperatorSession, SealedFactor, Staff};
use accounts_domain::sessions::EndReason;
use accounts_domain::totp::TotpStep;
use accounts_domain::users::PasswordHash;
use accounts_domain::violation::Violation;
use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::prelude::*;

use crate::audit::Origin;
use crate::backend::Conn;
use crate::error::{Fault, Stop, StoreError};
use crate::lanes::Verdict;
use crate::rows::{checked, instant, named, parse, stored};
use crate::schema::{operator_sessions, operators, sessions};
use crate::snapshots::Marks;
use crate::store::{Act, DecideError, Kept, Refusal, Store};

#[derive(Queryable, Selectable)]
#[diesel(table_name = operators)]
struct OperatorRow {
    id: String,
    address: String,
    display_name: String,
    kind: String,
    password_hash: String,
    factor: Option<String>,
    factor_step: Option<i64>,
    created_at: NaiveDateTime,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = operator_sessions)]
struct OperatorSessionRow {
    id: String,
    created_at: NaiveDateTime,
    expires_at: NaiveDateTime,
}

impl Store {
    /// Adds an operator, with its audit event. Answers `false`, and changes nothing, where the address has one already.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn create_operator(&self, operator: Operator, act: &Act) -> Result<bool, StoreError> {
        let act = act.clone();
        self.change(move |conn| {
            let row = (
                operators::id.eq(operator.id.to_string()),
                operators::address.eq(operator.address.as_str()),
                operators::address_key.eq(operator.address.key()),
                operators::display_name.eq(operator.display_name.as_str()),
                operators::kind.eq(operator.kind.as_str()),
                operators::password_hash.eq(&operator.password_hash.0),
                operators::status.eq("active"),
                operators::created_at.eq(stored(operator.created_at)),
                operators::updated_at.eq(stored(operator.created_at)),
                operators::factor.eq(operator.factor.as_ref().map(|factor| factor.0.as_str())),
            );
            if crate::backend::insert_if_absent!(conn, operators::table, row)? == 0 {
                return Ok(false);
            }
            crate::audit::record(conn, Origin::Provider, 0, &[audit::operator_created(&operator)], &act)?;
            Ok(true)
        })
        .await
    }

    /// Changes an operator: the same steps as for an account and for a user. Answers the operator as it was.
    ///
    /// # Errors
    /// [`DecideError`]; nothing has changed then.
    pub async fn decide_operator<D>(&self, operator: OperatorId, act: &Act, decide: D) -> Result<Staff, DecideError>
    where
        D: Fn(&Staff) -> Result<Vec<OperatorChange>, Violation> + Send + 'static,
    {
        let act = act.clone();
        self.transact(move |conn| {
            if !lock(conn, operator, act.at)? {
                return Err(Stop::Refused(Refusal::NotFound));
            }
            let mut before = load(conn, operator)?.ok_or(Stop::Refused(Refusal::NotFound))?;
            before.sessions.retain(|_, session| session.is_live(act.at));
            let changes = decide(&before)?;
            if changes.is_empty() {
                return Ok(Verdict::Discard(before));
            }
            let entries = audit::operator_entries(&before, &changes);
            crate::audit::record(conn, Origin::Provider, 0, &entries, &act)?;
            for change in &changes {
                save(conn, operator, change)?;
            }
            Ok(Verdict::Keep(before, Marks::none()))
        })
        .await
    }

    /// Reads the operator of an address.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn operator_by_address(&self, key: String) -> Result<Option<Operator>, StoreError> {
        let work = move |conn: &mut Conn| {
            let row = operators::table
                .filter(operators::address_key.eq(&key))
                .filter(operators::status.eq("active"))
                .select(OperatorRow::as_select())
                .first(conn)
                .optional()?;
            row.map(read_operator).transpose()
        };
        self.lanes.read(work).await
    }

    /// Asks whether a session of an operator is live; nothing where it has ended, or the operator is none any more. The
    /// database is asked each time.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn visit_operator(
        &self,
        operator: OperatorId,
        session: OperatorSessionId,
        at: DateTime<Utc>,
    ) -> Result<Option<(Operator, OperatorSession)>, StoreError> {
        let work = move |conn: &mut Conn| {
            let row = operator_sessions::table
                .inner_join(operators::table)
                .filter(operator_sessions::id.eq(session.to_string()))
                .filter(operators::id.eq(operator.to_string()))
                .filter(operators::status.eq("active"))
                .select((OperatorRow::as_select(), OperatorSessionRow::as_select()))
                .first::<(OperatorRow, OperatorSessionRow)>(conn)
                .optional()?;
            let Some((operator, session)) = row else {
                return Ok(None);
            };
            let (operator, session) = (read_operator(operator)?, read_session(&session)?);
            Ok(session.is_live(at).then_some((operator, session)))
        };
        self.lanes.read(work).await
    }

    /// Removes an operator, whose sessions are dead at once: the own ones with the operator, and then one by one those by
    /// which it acts in the place of others.
    ///
    /// # Errors
    /// [`DecideError`]; where some sessions in the place of others were not reached, the call may be repeated.
    pub async fn remove_operator(&self, operator: OperatorId, act: &Act) -> Result<(), DecideError> {
        match self.decide_operator(operator, act, |staff| Ok(staff.remove())).await {
            // Removed before, by a call that did not come to its end.
            Ok(_) | Err(DecideError::NotFound) => {}
            Err(error) => return Err(error),
        }
        let taken = self.lanes.read(move |conn| impersonated_by(conn, operator)).await?;
        for (user, session) in taken {
            let reason = EndReason::OperatorRemoved;
            let ended = self
                .decide_user(
                    user,
                    act,
                    move |person| match person.end_session(session, reason) {
                        // It has ended by itself.
                        Err(Violation::NotFound) => Ok(Vec::new()),
                        ended => ended,
                    },
                    |_| Kept::nothing(),
                )
                .await;
            ended?;
        }
        Ok(())
    }
}

/// Locks an operator for a decision; `false` where there is none.
pub(crate) fn lock(conn: &mut Conn, operator: OperatorId, at: DateTime<Utc>) -> Result<bool, Fault> {
    let locked = diesel::update(operators::table.find(operator.to_string()))
        .set(operators::updated_at.eq(stored(at)))
        .execute(conn)?;
    Ok(locked == 1)
}

/// The sessions, not ended, by which an operator acts in the place of others.
fn impersonated_by(conn: &mut Conn, operator: OperatorId) -> Result<Vec<(UserId, SessionId)>, Fault> {
    let rows = sessions::table
        .filter(sessions::operator_id.eq(operator.to_string()))
        .filter(sessions::ended_at.is_null())
        .select((sessions::user_id, sessions::id))
        .load::<(String, String)>(conn)?;
    rows.iter()
        .map(|(user, session)| Ok((parse("sessions.user_id", user)?, parse("sessions.id", session)?)))
        .collect()
}

fn load(conn: &mut Conn, id: OperatorId) -> Result<Option<Staff>, Fault> {
    let key = id.to_string();
    let row = operators::table
        .find(&key)
        .select(OperatorRow::as_select())
        .first(conn)
        .optional()?;
    let Some(row) = row else { return Ok(None) };
    let rows = operator_sessions::table
        .filter(operator_sessions::operator_id.eq(&key))
        .select(OperatorSessionRow::as_select())
        .load(conn)?;
    let session = |row: &OperatorSessionRow| read_session(row).map(|session| (session.id, session));
    Ok(Some(Staff {
        operator: read_operator(row)?,
        sessions: rows.iter().map(session).collect::<Result<BTreeMap<_, _>, Fault>>()?,
    }))
}

fn read_operator(row: OperatorRow) -> Result<Operator, Fault> {
    let step = |step: i64| {
        u64::try_from(step)
            .map(TotpStep)
            .map_err(|error| Fault::stored("operators.factor_step", error))
    };
    Ok(Operator {
        id: parse("operators.id", &row.id)?,
        address: checked("operators.address", &row.address, EmailAddress::parse)?,
        display_name: checked("operators.display_name", &row.display_name, DisplayName::parse)?,
        kind: named("operators.kind", &row.kind, OperatorKind::from_name)?,
        password_hash: PasswordHash(row.password_hash),
        factor: row.factor.map(SealedFactor),
        factor_used: row.factor_step.map(step).transpose()?,
        created_at: instant(row.created_at),
    })
}

fn read_session(row: &OperatorSessionRow) -> Result<OperatorSession, Fault> {
    Ok(OperatorSession {
        id: parse("operator_sessions.id", &row.id)?,
        created_at: instant(row.created_at),
        expires_at: instant(row.expires_at),
    })
}

fn save(conn: &mut Conn, operator: OperatorId, change: &OperatorChange) -> Result<(), Fault> {
    let row = operators::table.find(operator.to_string());
    match change {
        OperatorChange::SessionStarted { session, used } => {
            let step = i64::try_from(used.0).map_err(|error| Fault::stored("operators.factor_step", error))?;
            diesel::update(row).set(operators::factor_step.eq(step)).execute(conn)?;
            diesel::insert_into(operator_sessions::table)
                .values((
                    operator_sessions::id.eq(session.id.to_string()),
                    operator_sessions::operator_id.eq(operator.to_string()),
                    operator_sessions::created_at.eq(stored(session.created_at)),
                    operator_sessions::expires_at.eq(stored(session.expires_at)),
                ))
                .execute(conn)?;
        }
        OperatorChange::SessionEnded { session } => {
            diesel::delete(operator_sessions::table.find(session.to_string())).execute(conn)?;
        }
        OperatorChange::FactorReset { factor } => {
            diesel::update(row)
                .set((operators::factor.eq(&factor.0), operators::factor_step.eq(None::<i64>)))
                .execute(conn)?;
        }
        OperatorChange::Removed => {
            let own = operator_sessions::table.filter(operator_sessions::operator_id.eq(operator.to_string()));
            diesel::delete(own).execute(conn)?;
            diesel::delete(row).execute(conn)?;
        }
    }
    Ok(())
}
