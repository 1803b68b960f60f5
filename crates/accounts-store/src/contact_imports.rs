//! Contacts out of a table, all of them or none.

use std::collections::{BTreeMap, BTreeSet};

use accounts_domain::change::Change;
use accounts_domain::ids::{AccountId, UserId};
use accounts_domain::imports::{Import, ImportOutcome, all_or_nothing};

use crate::Decision;
use crate::backend::Conn;
use crate::decide::{conclude, lock_and_load};
use crate::error::{Stop, StoreError};
use crate::invitations::{count, users_with};
use crate::lanes::Verdict;
use crate::store::{Act, DecideError, Kept, Refusal, Store};
use crate::throttles::Throttle;

impl Store {
    /// Imports a table as [`Store::decide`] changes an account. Where a row is refused nothing has changed, and the
    /// outcome says which. The mails of invitations are counted by the throttles of their addresses.
    ///
    /// # Errors
    /// [`DecideError`]; nothing has changed then.
    pub async fn import_contacts<A>(
        &self,
        account: AccountId,
        import: Import,
        throttles: impl Fn(&str) -> Vec<Throttle> + Send + 'static,
        act: &Act,
        answer: A,
    ) -> Result<ImportOutcome, DecideError>
    where
        A: Fn(&Decision, &ImportOutcome) -> Kept + Send + 'static,
    {
        let (ground, act) = (self.ground.clone(), act.clone());
        self.transact(move |conn| {
            let locked = lock_and_load(conn, &ground, account, &act)?;
            let keys: BTreeSet<&str> = import.rows.iter().map(|row| row.contact.address.key()).collect();
            let known = users_with(conn, keys)?;
            let (changes, outcome) = locked.before.import(act.by(), &import, &known)?;
            let Some(changes) = all_or_nothing(changes, &outcome) else {
                return Ok(Verdict::Discard(outcome));
            };
            count_mails(conn, &changes, &throttles, &act)?;
            let verdict = conclude(conn, &act, locked, changes, &|decision| answer(decision, &outcome))?;
            Ok(match verdict {
                Verdict::Keep(_, marks) => Verdict::Keep(outcome, marks),
                Verdict::Discard(_) => Verdict::Discard(outcome),
            })
        })
        .await
    }

    /// Reads the users who log in with addresses of these keys, by key.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn users_with_addresses(&self, keys: BTreeSet<String>) -> Result<BTreeMap<String, UserId>, StoreError> {
        self.lanes
            .read(move |conn| users_with(conn, keys.iter().map(String::as_str).collect()))
            .await
    }
}

/// Rows of counters are locked in one order, whoever counts.
fn count_mails(
    conn: &mut Conn,
    changes: &[Change],
    throttles: &impl Fn(&str) -> Vec<Throttle>,
    act: &Act,
) -> Result<(), Stop<Refusal>> {
    let mut keys = BTreeSet::new();
    for change in changes {
        if let Change::InvitationSent { invitation, .. } = change {
            keys.insert(invitation.address.key());
        }
    }
    for key in keys {
        count(conn, &throttles(key), act)?;
    }
    Ok(())
}
