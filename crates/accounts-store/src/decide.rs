//! The one way to change an account: lock, load, decide, save, record, in one transaction.

use std::sync::Arc;

use accounts_domain::actor::Actor;
use accounts_domain::audit;
use accounts_domain::catalog::Catalog;
use accounts_domain::change::Change;
use accounts_domain::ids::{AccountId, TransferId};
use accounts_domain::mail;
use accounts_domain::ownership::Transfer;
use accounts_domain::roster::Roster;
use accounts_domain::violation::Violation;

use crate::audit::Origin;
use crate::backend::Conn;
use crate::error::{Stop, StoreError};
use crate::lanes::Verdict;
use crate::store::{Act, DecideError, Kept, Refusal, Store};
use crate::{idempotency, mails, roster};

/// What was decided: the account as it was, the changes, and the account as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The roster that was decided upon.
    pub before: Roster,
    /// The roster after the changes.
    pub after: Roster,
    /// The changes; none where all was so already.
    pub changes: Vec<Change>,
}

impl Store {
    /// Changes an account. `decide` sees the roster under the account's lock and answers with changes, which
    /// are saved with their audit events, their mails and the kept answer before this returns. No changes
    /// leave no trace but that answer. The closures may run more than once and must have no effect.
    ///
    /// # Errors
    /// [`DecideError`]; nothing has changed then.
    pub async fn decide<D, A>(
        &self,
        account: AccountId,
        act: &Act,
        decide: D,
        answer: A,
    ) -> Result<Decision, DecideError>
    where
        D: Fn(&Roster) -> Result<Vec<Change>, Violation> + Send + 'static,
        A: Fn(&Decision) -> Kept + Send + 'static,
    {
        let (catalog, act) = (self.catalog.clone(), act.clone());
        self.transact(move |conn| {
            let before = lock_and_load(conn, &catalog, account, &act)?;
            let changes = decide(&before)?;
            conclude(conn, &act, before, changes, &answer)
        })
        .await
    }

    /// Changes an account by an answer to an ownership transfer, as [`Store::decide`] does, and tells the transfer as it
    /// stands afterwards.
    ///
    /// # Errors
    /// [`DecideError`]; nothing has changed then.
    pub async fn decide_transfer<D, A>(
        &self,
        account: AccountId,
        transfer: TransferId,
        act: &Act,
        decide: D,
        answer: A,
    ) -> Result<(Decision, Transfer), DecideError>
    where
        D: Fn(&Roster, &Transfer) -> Result<Vec<Change>, Violation> + Send + 'static,
        A: Fn(&Decision, &Transfer) -> Kept + Send + 'static,
    {
        let (catalog, act) = (self.catalog.clone(), act.clone());
        self.transact(move |conn| {
            let before = lock_and_load(conn, &catalog, account, &act)?;
            let found = roster::load_transfer(conn, account, transfer)?.ok_or(Stop::Refused(Refusal::NotFound))?;
            let changes = decide(&before, &found)?;
            let told = ended(&found, &changes, &act);
            let verdict = conclude(conn, &act, before, changes, &|decision| answer(decision, &told))?;
            Ok(match verdict {
                Verdict::Keep(decision) => Verdict::Keep((decision, told)),
                Verdict::Discard(decision) => Verdict::Discard((decision, told)),
            })
        })
        .await
    }

    /// Works out what a decision would change, and changes nothing.
    ///
    /// # Errors
    /// As [`Store::decide`].
    pub async fn preview<D>(&self, account: AccountId, act: &Act, decide: D) -> Result<Decision, DecideError>
    where
        D: Fn(&Roster) -> Result<Vec<Change>, Violation>,
    {
        let before = self.roster(account).await?.ok_or(DecideError::NotFound)?;
        let changes = decide(&before)?;
        let after = before.clone().after(&changes, act.at);
        Ok(Decision { before, after, changes })
    }

    /// Reads an account's roster in one state of the database.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn roster(&self, account: AccountId) -> Result<Option<Roster>, StoreError> {
        let catalog = self.catalog.clone();
        self.lanes
            .read_consistent(move |conn| roster::load(conn, account, &catalog))
            .await
    }
}

/// Locks and reads an account; an answer that was kept under the same key ends the transaction.
pub(crate) fn lock_and_load(
    conn: &mut Conn,
    catalog: &Arc<Catalog>,
    account: AccountId,
    act: &Act,
) -> Result<Roster, Stop<Refusal>> {
    if !roster::lock(conn, account)? {
        return Err(Stop::Refused(Refusal::NotFound));
    }
    idempotency::recall(conn, act)?;
    let mut roster = roster::load(conn, account, catalog)?.ok_or(Stop::Refused(Refusal::NotFound))?;
    roster.rewind_revision();
    Ok(roster)
}

/// Saves a decision and everything that stands beside it, or nothing at all.
pub(crate) fn conclude(
    conn: &mut Conn,
    act: &Act,
    before: Roster,
    changes: Vec<Change>,
    answer: &dyn Fn(&Decision) -> Kept,
) -> Result<Verdict<Decision>, Stop<Refusal>> {
    let after = before.clone().after(&changes, act.at);
    let decision = Decision { before, after, changes };
    if decision.changes.is_empty() {
        if act.keep.is_none() {
            return Ok(Verdict::Discard(decision));
        }
        // A repeat gets this answer whatever becomes of the account meanwhile; nothing was decided, so the
        // revision that the lock has raised goes back.
        roster::lower_revision(conn, decision.after.account().id)?;
        idempotency::remember(conn, act, || answer(&decision))?;
        return Ok(Verdict::Keep(decision));
    }
    let account = decision.after.account();
    let entries = audit::entries(&decision.before, &decision.changes);
    crate::audit::record(conn, Origin::Account(account.id), account.revision, &entries, act)?;
    roster::save(conn, &decision.before, &decision.changes, act.at)?;
    mails::insert_mails(
        conn,
        &mail::mails(&decision.before, &decision.after, &decision.changes),
        act.at,
    )?;
    idempotency::remember(conn, act, || answer(&decision))?;
    Ok(Verdict::Keep(decision))
}

/// The transfer as it stands after the changes.
fn ended(transfer: &Transfer, changes: &[Change], act: &Act) -> Transfer {
    let mut told = transfer.clone();
    for change in changes {
        if let Change::TransferEnded { transfer: id, outcome } = change
            && *id == told.request.id
        {
            told.ended = Some((*outcome, act.at));
            told.version += 1;
        }
    }
    told
}

/// The user behind an act, where it is one.
pub(crate) fn actor_id(actor: Actor) -> Option<String> {
    actor.user().map(|user| user.to_string())
}
