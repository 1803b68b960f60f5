//! Contacts that the provider erases for whoever asked it to.

use accounts_domain::change::Change;
use accounts_domain::ids::{AccountId, ContactId};
use accounts_domain::names::Reason;
use diesel::prelude::*;

use crate::backend::Conn;
use crate::decide::{Decision, conclude, lock_and_load};
use crate::error::{Fault, Stop, StoreError};
use crate::schema::{audit_events, audit_values, contacts};
use crate::store::{Act, DecideError, Kept, Refusal, Store};

impl Store {
    /// Erases a contact on the provider's behalf, also one that was removed before, as long as the record tells of it. The
    /// reason stays.
    ///
    /// # Errors
    /// [`DecideError`]; nothing has changed then. Nobody finds a contact of whom the account tells nothing.
    pub async fn erase_contact_because(
        &self,
        account: AccountId,
        contact: ContactId,
        reason: Reason,
        act: &Act,
    ) -> Result<Decision, DecideError> {
        let (ground, act) = (self.ground.clone(), act.clone());
        self.transact(move |conn| {
            let locked = lock_and_load(conn, &ground, account, &act)?.because(&reason);
            if locked.before.contact(contact).is_err() && !is_told_of(conn, account, contact)? {
                return Err(Stop::Refused(Refusal::NotFound));
            }
            let changes: Vec<Change> = locked.before.erase_contact_on_request(act.by(), contact)?;
            conclude(conn, &act, locked, changes, &|_| Kept::nothing())
        })
        .await
    }

    /// Whether an account has a contact, or its record tells of one that was removed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn knows_of_contact(&self, account: AccountId, contact: ContactId) -> Result<bool, StoreError> {
        let work = move |conn: &mut Conn| {
            let present: Option<String> = contacts::table
                .filter(contacts::id.eq(contact.to_string()))
                .filter(contacts::account_id.eq(account.to_string()))
                .select(contacts::id)
                .first(conn)
                .optional()?;
            Ok(present.is_some() || is_told_of(conn, account, contact)?)
        };
        self.lanes.read_consistent(work).await
    }
}

fn is_told_of(conn: &mut Conn, account: AccountId, contact: ContactId) -> Result<bool, Fault> {
    let told = audit_values::before.is_not_null().or(audit_values::after.is_not_null());
    let found: Option<String> = audit_values::table
        .inner_join(audit_events::table)
        .filter(audit_values::person_kind.eq("contact"))
        .filter(audit_values::person_id.eq(contact.to_string()))
        .filter(audit_events::account_id.eq(account.to_string()))
        .filter(told)
        .select(audit_values::event_id)
        .first(conn)
        .optional()?;
    Ok(found.is_some())
}
