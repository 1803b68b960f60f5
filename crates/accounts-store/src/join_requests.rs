//! Requests to join, as they are kept: those for an account with the account, and those for none with their person alone.

use std::collections::BTreeMap;

use accounts_domain::address::EmailAddress;
use accounts_domain::audit;
use accounts_domain::ids::{AccountId, JoinRequestId, UserId};
use accounts_domain::join_requests::{Asked, Asking, JoinOutcome, JoinRequest};
use accounts_domain::members::MemberPerson;
use accounts_domain::names::JoinMessage;
use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::prelude::*;

use crate::audit::Origin;
use crate::backend::Conn;
use crate::error::{Fault, StoreError};
use crate::idempotency;
use crate::lanes::Verdict;
use crate::members;
use crate::rows::{checked, instant, named, parse, parse_maybe, stored};
use crate::schema::conditions::IsWaiting;
use crate::schema::{accounts, contacts, join_requests, owners};
use crate::snapshots::Marks;
use crate::store::{Act, DecideError, Kept, Store};

#[derive(Queryable, Selectable)]
#[diesel(table_name = join_requests)]
struct JoinRequestRow {
    id: String,
    user_id: String,
    asked_account: Option<String>,
    asked_owner: Option<String>,
    message: Option<String>,
    created_at: NaiveDateTime,
    expires_at: NaiveDateTime,
}

impl Store {
    /// A person asks for access. Where the account that is meant does not take the request, or there is none, it is kept
    /// for the person in the same way, so that nobody learns which it was.
    ///
    /// # Errors
    /// [`DecideError`], but no rule and no missing account is among it.
    pub async fn ask_to_join(
        &self,
        request: JoinRequest,
        asking: Asking,
        act: &Act,
        answer: Kept,
    ) -> Result<(), DecideError> {
        let asked = request.asked.clone();
        if let Some(account) = self.lanes.read(move |conn| account_asked(conn, &asked)).await? {
            let (kept, by, asks) = (answer.clone(), act.by(), request.clone());
            let decided = self.decide(
                account,
                act,
                move |roster| roster.ask_to_join(by, &asks, &asking),
                move |_| kept.clone(),
            );
            match decided.await {
                Ok(_) => return Ok(()),
                Err(DecideError::Refused(_) | DecideError::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        self.keep_for_person(request, act, answer).await
    }

    async fn keep_for_person(&self, request: JoinRequest, act: &Act, answer: Kept) -> Result<(), DecideError> {
        let act = act.clone();
        self.transact(move |conn| {
            idempotency::recall(conn, &act)?;
            if !is_asked_already(conn, &request, act.at)? {
                expire_of_none(conn, &request, act.at)?;
                insert(conn, None, &request)?;
                let entries = [audit::join_requested(&request)];
                crate::audit::record(conn, Origin::Provider, 0, &entries, &act)?;
            }
            idempotency::remember(conn, &act, || answer.clone())?;
            Ok(Verdict::Keep((), Marks::none()))
        })
        .await
    }

    /// Takes a request of the person back.
    ///
    /// # Errors
    /// [`DecideError::NotFound`] where the person has none of this id that waits.
    pub async fn withdraw_join_request(&self, user: UserId, id: JoinRequestId, act: &Act) -> Result<(), DecideError> {
        let at = act.at;
        let found = self.lanes.read(move |conn| find_of_user(conn, user, id, at)).await?;
        let (request, account) = found.ok_or(DecideError::NotFound)?;
        if let Some(account) = account {
            let by = act.by();
            let unkept = |_: &crate::Decision| Kept::nothing();
            self.decide(account, act, move |roster| roster.withdraw_join_request(by, id), unkept)
                .await?;
            return Ok(());
        }
        let act = act.clone();
        self.transact(move |conn| {
            end(conn, id, JoinOutcome::Withdrawn, act.at)?;
            let entries = [audit::join_request_withdrawn(&request)];
            crate::audit::record(conn, Origin::Provider, 0, &entries, &act)?;
            Ok(Verdict::Keep((), Marks::none()))
        })
        .await
    }

    /// Reads the requests of a person that wait at that moment, the latest first, beginning after one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn join_requests_of(
        &self,
        user: UserId,
        after: Option<JoinRequestId>,
        limit: i64,
        at: DateTime<Utc>,
    ) -> Result<Vec<JoinRequest>, StoreError> {
        let work = move |conn: &mut Conn| {
            let mut query = join_requests::table
                .filter(join_requests::user_id.eq(user.to_string()))
                .filter(join_requests::status.eq("waiting"))
                .filter(join_requests::expires_at.gt(stored(at)))
                .into_boxed();
            if let Some(after) = after {
                query = query.filter(join_requests::id.lt(after.to_string()));
            }
            let rows: Vec<JoinRequestRow> = query
                .order(join_requests::id.desc())
                .limit(limit)
                .select(JoinRequestRow::as_select())
                .load(conn)?;
            rows.into_iter().map(read).collect()
        };
        self.lanes.read(work).await
    }

    /// How a request to join an account ended; nothing where it waits, or the account has no such request.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn join_outcome(&self, account: AccountId, id: JoinRequestId) -> Result<Option<JoinOutcome>, StoreError> {
        let work = move |conn: &mut Conn| {
            let status = join_requests::table
                .filter(join_requests::id.eq(id.to_string()))
                .filter(join_requests::account_id.eq(account.to_string()))
                .filter(join_requests::status.ne("waiting"))
                .select(join_requests::status)
                .first::<String>(conn)
                .optional()?;
            status
                .map(|status| named("join_requests.status", &status, JoinOutcome::from_name))
                .transpose()
        };
        self.lanes.read(work).await
    }

    /// Reads who these users are.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn people(&self, users: Vec<UserId>) -> Result<BTreeMap<UserId, MemberPerson>, StoreError> {
        self.lanes.read(move |conn| members::people(conn, &users)).await
    }
}

/// The account that is meant. Of several accounts of one owner it is the one that was opened first: the request goes to
/// the person, who decides.
fn account_asked(conn: &mut Conn, asked: &Asked) -> Result<Option<AccountId>, Fault> {
    let id = match asked {
        Asked::Account(id) => accounts::table
            .find(id.to_string())
            .select(accounts::id)
            .first::<String>(conn)
            .optional()?,
        Asked::OwnerOf(address) => owners::table
            .inner_join(accounts::table)
            .inner_join(contacts::table)
            .filter(contacts::address_key.eq(address.key()))
            .filter(accounts::status.eq("active"))
            .order(accounts::id)
            .select(accounts::id)
            .first::<String>(conn)
            .optional()?,
    };
    parse_maybe("accounts.id", id.as_deref())
}

/// Whether the person waits for the same already, by whatever it was kept.
fn is_asked_already(conn: &mut Conn, request: &JoinRequest, at: DateTime<Utc>) -> Result<bool, Fault> {
    let row = join_requests::table
        .filter(join_requests::user_id.eq(request.user.to_string()))
        .filter(join_requests::asked_key.eq(request.asked.key()))
        .filter(join_requests::status.eq("waiting"))
        .filter(join_requests::expires_at.gt(stored(at)))
        .select(join_requests::id)
        .first::<String>(conn)
        .optional()?;
    Ok(row.is_some())
}

/// Ends what waited for no account until its time was over, to make room for the same again.
fn expire_of_none(conn: &mut Conn, request: &JoinRequest, at: DateTime<Utc>) -> Result<(), Fault> {
    let over = join_requests::table
        .filter(join_requests::user_id.eq(request.user.to_string()))
        .filter(join_requests::asked_key.eq(request.asked.key()))
        .filter(join_requests::account_id.is_null())
        .filter(join_requests::status.eq("waiting"));
    diesel::update(over)
        .set((
            join_requests::status.eq(JoinOutcome::Expired.as_str()),
            join_requests::ended_at.eq(stored(at)),
        ))
        .execute(conn)?;
    Ok(())
}

fn find_of_user(
    conn: &mut Conn,
    user: UserId,
    id: JoinRequestId,
    at: DateTime<Utc>,
) -> Result<Option<(JoinRequest, Option<AccountId>)>, Fault> {
    let row = join_requests::table
        .filter(join_requests::id.eq(id.to_string()))
        .filter(join_requests::user_id.eq(user.to_string()))
        .filter(join_requests::status.eq("waiting"))
        .filter(join_requests::expires_at.gt(stored(at)))
        .select((JoinRequestRow::as_select(), join_requests::account_id))
        .first::<(JoinRequestRow, Option<String>)>(conn)
        .optional()?;
    row.map(|(row, account)| {
        let account = parse_maybe("join_requests.account_id", account.as_deref())?;
        Ok((read(row)?, account))
    })
    .transpose()
}

/// Reads what waits in an account, in time or not.
pub(crate) fn of_account(conn: &mut Conn, account: &str) -> Result<BTreeMap<JoinRequestId, JoinRequest>, Fault> {
    let rows: Vec<JoinRequestRow> = join_requests::table
        .filter(join_requests::account_id.eq(account))
        .filter(IsWaiting::new(join_requests::status))
        .select(JoinRequestRow::as_select())
        .load(conn)?;
    let by_id = |row: JoinRequestRow| read(row).map(|request| (request.id, request));
    rows.into_iter().map(by_id).collect()
}

fn read(row: JoinRequestRow) -> Result<JoinRequest, Fault> {
    let asked = match (row.asked_account, row.asked_owner) {
        (Some(account), _) => Asked::Account(parse("join_requests.asked_account", &account)?),
        (None, Some(owner)) => Asked::OwnerOf(checked("join_requests.asked_owner", &owner, EmailAddress::parse)?),
        (None, None) => return Err(Fault::stored("join_requests.asked_key", "nothing was asked for")),
    };
    let message = |text: String| checked("join_requests.message", &text, JoinMessage::parse);
    Ok(JoinRequest {
        id: parse("join_requests.id", &row.id)?,
        user: parse("join_requests.user_id", &row.user_id)?,
        asked,
        message: row.message.map(message).transpose()?,
        created_at: instant(row.created_at),
        expires_at: instant(row.expires_at),
    })
}

/// Adds a request: to an account, or to none.
pub(crate) fn insert(conn: &mut Conn, account: Option<&str>, request: &JoinRequest) -> Result<(), Fault> {
    let (asked_account, asked_owner) = match &request.asked {
        Asked::Account(id) => (Some(id.to_string()), None),
        Asked::OwnerOf(address) => (None, Some(address.to_string())),
    };
    diesel::insert_into(join_requests::table)
        .values((
            join_requests::id.eq(request.id.to_string()),
            join_requests::user_id.eq(request.user.to_string()),
            join_requests::account_id.eq(account),
            join_requests::asked_account.eq(asked_account),
            join_requests::asked_owner.eq(asked_owner),
            join_requests::asked_key.eq(request.asked.key()),
            join_requests::message.eq(request.message.as_ref().map(JoinMessage::as_str)),
            join_requests::status.eq("waiting"),
            join_requests::created_at.eq(stored(request.created_at)),
            join_requests::expires_at.eq(stored(request.expires_at)),
        ))
        .execute(conn)?;
    Ok(())
}

/// Ends a request.
pub(crate) fn end(conn: &mut Conn, id: JoinRequestId, outcome: JoinOutcome, at: DateTime<Utc>) -> Result<(), Fault> {
    diesel::update(join_requests::table.find(id.to_string()))
        .set((
            join_requests::status.eq(outcome.as_str()),
            join_requests::ended_at.eq(stored(at)),
        ))
        .execute(conn)?;
    Ok(())
}
