//! The one way to change an account: lock, load, decide, save, record, in one transaction.

use std::sync::Arc;

use accounts_domain::audit::{self, Subject};
use accounts_domain::change::Change;
use accounts_domain::ids::{AccountId, ContactId, TransferId, UserId};
use accounts_domain::mail;
use accounts_domain::members::news;
use accounts_domain::names::Reason;
use accounts_domain::ownership::Transfer;
use accounts_domain::roster::Roster;
use accounts_domain::violation::Violation;

use crate::audit::Origin;
use crate::backend::Conn;
use crate::error::{Fault, Stop, StoreError};
use crate::lanes::Verdict;
use crate::snapshots::Mark;
use crate::store::{Act, DecideError, Ground, Kept, Refusal, Store};
use crate::users::{Because, load_by_address};
use crate::{idempotency, mails, members, roster};

/// What was decided: the account as it was, the changes, and the account as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The roster that was decided upon.
    pub before: Arc<Roster>,
    /// The roster after the changes.
    pub after: Arc<Roster>,
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
        let (ground, act) = (self.ground.clone(), act.clone());
        self.transact(move |conn| {
            let locked = lock_and_load(conn, &ground, account, &act)?;
            let changes = decide(&locked.before)?;
            conclude(conn, &act, locked, changes, &answer)
        })
        .await
    }

    /// Changes an account by a rule that may give it to a contact, as [`Store::decide`] does. `decide` also sees the user
    /// to whom the account would go with it, where that is for the address to say ([`Roster::successor_address`]).
    ///
    /// # Errors
    /// [`DecideError`]; nothing has changed then.
    pub async fn decide_owner<D, A>(
        &self,
        account: AccountId,
        owner: ContactId,
        act: &Act,
        decide: D,
        answer: A,
    ) -> Result<Decision, DecideError>
    where
        D: Fn(&Roster, Option<UserId>) -> Result<Vec<Change>, Violation> + Send + 'static,
        A: Fn(&Decision) -> Kept + Send + 'static,
    {
        let (ground, act) = (self.ground.clone(), act.clone());
        self.transact(move |conn| {
            let locked = lock_and_load(conn, &ground, account, &act)?;
            let known = successor(conn, &locked.before, owner)?;
            let changes = decide(&locked.before, known)?;
            conclude(conn, &act, locked, changes, &answer)
        })
        .await
    }

    /// Changes an account on the provider's behalf, as [`Store::decide_owner`] does where the provider names an owner, with
    /// the reason beside each event.
    ///
    /// # Errors
    /// [`DecideError`]; nothing has changed then.
    pub async fn decide_because<D, A>(
        &self,
        account: AccountId,
        owner: Option<ContactId>,
        reason: Reason,
        act: &Act,
        decide: D,
        answer: A,
    ) -> Result<Decision, DecideError>
    where
        D: Fn(&Roster, Option<UserId>) -> Result<Vec<Change>, Violation> + Send + 'static,
        A: Fn(&Decision) -> Kept + Send + 'static,
    {
        let (ground, act) = (self.ground.clone(), act.clone());
        self.transact(move |conn| {
            let locked = lock_and_load(conn, &ground, account, &act)?.because(&reason);
            let known = match owner {
                Some(owner) => successor(conn, &locked.before, owner)?,
                None => None,
            };
            let changes = decide(&locked.before, known)?;
            conclude(conn, &act, locked, changes, &answer)
        })
        .await
    }

    /// Changes an account by an answer to an ownership transfer, as [`Store::decide_owner`] does, and tells the transfer as
    /// it stands afterwards.
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
        D: Fn(&Roster, &Transfer, Option<UserId>) -> Result<Vec<Change>, Violation> + Send + 'static,
        A: Fn(&Decision, &Transfer) -> Kept + Send + 'static,
    {
        let (ground, act) = (self.ground.clone(), act.clone());
        self.transact(move |conn| {
            let locked = lock_and_load(conn, &ground, account, &act)?;
            let found = roster::load_transfer(conn, account, transfer)?.ok_or(Stop::Refused(Refusal::NotFound))?;
            let known = successor(conn, &locked.before, found.request.to)?;
            let changes = decide(&locked.before, &found, known)?;
            let told = ended(&found, &changes, &act);
            let verdict = conclude(conn, &act, locked, changes, &|decision| answer(decision, &told))?;
            Ok(match verdict {
                Verdict::Keep(decision, marks) => Verdict::Keep((decision, told), marks),
                Verdict::Discard(decision) => Verdict::Discard((decision, told)),
            })
        })
        .await
    }

    /// Reads to whom the account of a roster would go with a contact, where that is for the address to say: what a dry run
    /// asks.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn successor(&self, roster: &Roster, owner: ContactId) -> Result<Option<UserId>, StoreError> {
        let Some(address) = roster.successor_address(owner) else {
            return Ok(None);
        };
        let user = self.user_by_address(address.key().to_owned()).await?;
        Ok(user.map(|user| user.id))
    }

    /// Reads an account's roster from the database, whatever is held in memory.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn roster(&self, account: AccountId) -> Result<Option<Roster>, StoreError> {
        let catalog = Arc::clone(&self.ground.catalog);
        self.lanes
            .read_consistent(move |conn| roster::load(conn, account, &catalog))
            .await
    }
}

impl Decision {
    /// What these changes make of a roster; nothing is saved.
    pub fn new(before: Arc<Roster>, changes: Vec<Change>, act: &Act) -> Self {
        let after = if changes.is_empty() {
            Arc::clone(&before)
        } else {
            Arc::new(Roster::clone(&before).after(&changes, act.at))
        };
        Self { before, after, changes }
    }
}

/// An account under its lock.
pub(crate) struct Locked {
    /// As it was when it was locked.
    pub(crate) before: Arc<Roster>,
    mark: Mark<Roster>,
    /// Why the provider changes it, where the provider does.
    reason: Option<Reason>,
}

impl Locked {
    /// To be changed by the provider, for this reason.
    pub(crate) fn because(self, reason: &Reason) -> Self {
        Self {
            reason: Some(reason.clone()),
            ..self
        }
    }
}

/// Locks and reads an account; an answer that was kept under the same key ends the transaction. The roster comes from
/// the snapshot where that is the state which the lock has found.
pub(crate) fn lock_and_load(
    conn: &mut Conn,
    ground: &Ground,
    account: AccountId,
    act: &Act,
) -> Result<Locked, Stop<Refusal>> {
    let risen = roster::lock(conn, account)?.ok_or(Stop::Refused(Refusal::NotFound))?;
    let snapshot = ground.snapshots.rosters.at(account.uuid(), risen - 1);
    let mark = ground.snapshots.changing_account(account);
    idempotency::recall(conn, act)?;
    let before = if let Some(roster) = snapshot {
        roster
    } else {
        let mut roster = roster::load(conn, account, &ground.catalog)?.ok_or(Stop::Refused(Refusal::NotFound))?;
        roster.rewind_revision();
        Arc::new(roster)
    };
    Ok(Locked {
        before,
        mark,
        reason: None,
    })
}

/// The user who logs in with the address of a contact, where the account would go with it.
fn successor(conn: &mut Conn, roster: &Roster, owner: ContactId) -> Result<Option<UserId>, Fault> {
    let Some(address) = roster.successor_address(owner) else {
        return Ok(None);
    };
    let user = load_by_address(conn, address.key())?;
    Ok(user.map(|user| user.id))
}

/// Saves a decision and everything that stands beside it, or nothing at all.
pub(crate) fn conclude(
    conn: &mut Conn,
    act: &Act,
    locked: Locked,
    changes: Vec<Change>,
    answer: &dyn Fn(&Decision) -> Kept,
) -> Result<Verdict<Decision>, Stop<Refusal>> {
    let Locked {
        before,
        mut mark,
        reason,
    } = locked;
    let left = crate::invitations::addresses_of_removed(conn, &before, &changes)?;
    let changes = before.with_consequences(changes, act.at, &left);
    let decision = Decision::new(before, changes, act);
    if decision.changes.is_empty() {
        if act.keep.is_none() {
            return Ok(Verdict::Discard(decision));
        }
        // A repeat gets this answer whatever becomes of the account meanwhile; nothing was decided, so the
        // revision that the lock has raised goes back.
        roster::lower_revision(conn, decision.after.account().id)?;
        idempotency::remember(conn, act, || answer(&decision))?;
    } else {
        save(conn, &decision, reason.as_ref(), act)?;
        idempotency::remember(conn, act, || answer(&decision))?;
    }
    mark.make(Arc::clone(&decision.after));
    Ok(Verdict::Keep(decision, mark.into()))
}

fn save(conn: &mut Conn, decision: &Decision, reason: Option<&Reason>, act: &Act) -> Result<(), Fault> {
    let Decision { before, after, changes } = decision;
    let account = after.account();
    let because = reason.map(|reason| Because {
        of: Subject::Account(account.id),
        reason,
    });
    let entries = Because::told(because, audit::entries(before, changes));
    crate::audit::record(conn, Origin::Account(account.id), account.revision, &entries, act)?;
    roster::save(conn, before, changes, act.at)?;
    mails::insert_mails(conn, &mail::mails(before, after, changes), act.at)?;
    members::tell(conn, &news(before, changes), act.at)
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
