//! Accounts that a query has found, as they are now: from the snapshots where those are of the same revision.

use std::collections::HashMap;
use std::sync::Arc;

use accounts_domain::ids::AccountId;
use accounts_domain::roster::Roster;

use crate::backend::Conn;
use crate::error::{Fault, StoreError};
use crate::roster;
use crate::rows::parse;
use crate::store::Store;

/// An account that there is, and its present revision.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) id: AccountId,
    pub(crate) revision: i64,
}

impl Place {
    /// Reads the columns `id` and `revision` of an account.
    pub(crate) fn read(id: &str, revision: i64) -> Result<Self, Fault> {
        let id = parse("accounts.id", id)?;
        Ok(Self { id, revision })
    }
}

/// Accounts by id.
pub(crate) type Present = HashMap<AccountId, Arc<Roster>>;

impl Store {
    /// Reads something, and the accounts of all places that it leads to. No account is older than the last change that
    /// anybody has been told of; where others change accounts too, all of it is one state of the database.
    pub(crate) async fn read_with_accounts<T, F>(&self, find: F) -> Result<(T, Present), StoreError>
    where
        F: Fn(&mut Conn) -> Result<(T, Vec<Place>), Fault> + Send + 'static,
        T: Send + 'static,
    {
        if self.ground.snapshots.alone {
            let (found, places) = self.lanes.read_consistent(find).await?;
            let mut present = Present::new();
            for Place { id, .. } in places {
                if let Some(roster) = self.present_roster(id).await? {
                    present.insert(id, roster);
                }
            }
            return Ok((found, present));
        }
        let ground = self.ground.clone();
        let work = move |conn: &mut Conn| {
            let (found, places) = find(conn)?;
            let mut present = Present::new();
            for Place { id, revision } in places {
                let roster = match ground.snapshots.rosters.at(id.uuid(), revision) {
                    Some(roster) => Some(roster),
                    None => roster::load(conn, id, &ground.catalog)?.map(Arc::new),
                };
                if let Some(roster) = roster {
                    ground.snapshots.note_account(&roster);
                    present.insert(id, roster);
                }
            }
            Ok((found, present))
        };
        self.lanes.read_consistent(work).await
    }

    /// The account as it is now, where this process alone changes accounts.
    async fn present_roster(&self, account: AccountId) -> Result<Option<Arc<Roster>>, StoreError> {
        let rosters = &self.ground.snapshots.rosters;
        if let Some(roster) = rosters.present(account.uuid()) {
            return Ok(Some(roster));
        }
        let vacancy = rosters.vacancy(account.uuid());
        let catalog = Arc::clone(&self.ground.catalog);
        let work = move |conn: &mut Conn| roster::load(conn, account, &catalog);
        let roster = self.lanes.read_consistent(work).await?.map(Arc::new);
        if let (Some(vacancy), Some(roster)) = (vacancy, &roster) {
            vacancy.fill(Arc::clone(roster));
        }
        Ok(roster)
    }
}
