//! Accounts as a person sees them, and the links that lead into them.

use std::sync::Arc;

use accounts_domain::ids::{AccountId, TransferId, UserId, VerificationId};
use accounts_domain::ownership::Transfer;
use accounts_domain::roster::Roster;
use accounts_domain::users::{PasswordHash, User};
use accounts_domain::verification::ConfirmVerification;
use accounts_domain::violation::Violation;
use chrono::{DateTime, Utc};
use diesel::prelude::*;

use crate::backend::Conn;
use crate::decide::{Decision, conclude, lock_and_load};
use crate::error::{Fault, Stop, StoreError};
use crate::roster;
use crate::rows::{parse, stored};
use crate::schema::{accounts, contact_verifications, memberships};
use crate::store::{Act, DecideError, Kept, Refusal, Store};
use crate::users::{self, new_user};

/// A page of a person's accounts begins after this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountMark {
    /// The sort key of the account's name.
    pub sort_key: String,
    /// The account.
    pub account: AccountId,
}

impl Store {
    /// Reads the accounts that a user is a live member of, by name.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn accounts_of(
        &self,
        user: UserId,
        after: Option<AccountMark>,
        limit: i64,
        at: DateTime<Utc>,
    ) -> Result<Vec<Arc<Roster>>, StoreError> {
        self.accounts_among(user, None, after, limit, at).await
    }

    /// The same, where some are named of these alone.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn accounts_among(
        &self,
        user: UserId,
        among: Option<Vec<AccountId>>,
        after: Option<AccountMark>,
        limit: i64,
        at: DateTime<Utc>,
    ) -> Result<Vec<Arc<Roster>>, StoreError> {
        let ground = self.ground.clone();
        let work = move |conn: &mut Conn| {
            let mut query = memberships::table
                .inner_join(accounts::table)
                .filter(memberships::user_id.eq(user.to_string()))
                .filter(memberships::status.eq("active"))
                .filter(
                    memberships::expires_at
                        .is_null()
                        .or(memberships::expires_at.gt(stored(at))),
                )
                .filter(accounts::status.ne("closed"))
                .into_boxed();
            if let Some(among) = &among {
                let ids: Vec<String> = among.iter().map(ToString::to_string).collect();
                query = query.filter(accounts::id.eq_any(ids));
            }
            if let Some(mark) = &after {
                let same_name = accounts::sort_key
                    .eq(mark.sort_key.clone())
                    .and(accounts::id.gt(mark.account.to_string()));
                query = query.filter(accounts::sort_key.gt(mark.sort_key.clone()).or(same_name));
            }
            let ids = query
                .order((accounts::sort_key, accounts::id))
                .limit(limit)
                .select((accounts::id, accounts::revision))
                .load::<(String, i64)>(conn)?;
            let mut rosters = Vec::new();
            for (id, revision) in ids {
                let id: AccountId = parse("accounts.id", &id)?;
                let snapshot = ground.snapshots.rosters.at(id.uuid(), revision);
                match snapshot {
                    Some(roster) => rosters.push(roster),
                    None => rosters.extend(roster::load(conn, id, &ground.catalog)?.map(Arc::new)),
                }
            }
            Ok(rosters)
        };
        self.lanes.read_consistent(work).await
    }

    /// Reads one transfer of an account.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn transfer(&self, account: AccountId, id: TransferId) -> Result<Option<Transfer>, StoreError> {
        self.lanes
            .read(move |conn| roster::load_transfer(conn, account, id))
            .await
    }

    /// Reads the transfers of an account, the latest first, beginning after one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn transfers(
        &self,
        account: AccountId,
        after: Option<TransferId>,
        limit: i64,
    ) -> Result<Vec<Transfer>, StoreError> {
        self.lanes
            .read(move |conn| roster::load_transfers(conn, account, after, limit))
            .await
    }

    /// Finds the account of a verification link, with the key of the address that it was sent to, and reads the
    /// account and the user whom the address belongs to.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn verification(&self, id: VerificationId) -> Result<Option<VerificationTarget>, StoreError> {
        let catalog = Arc::clone(&self.ground.catalog);
        let work = move |conn: &mut Conn| {
            let Some((account, address_key)) = find_verification(conn, id)? else {
                return Ok(None);
            };
            let Some(roster) = roster::load(conn, account, &catalog)? else {
                return Ok(None);
            };
            let user = users::load_by_address(conn, &address_key)?;
            Ok(Some(VerificationTarget {
                roster,
                address_key,
                user,
            }))
        };
        self.lanes.read_consistent(work).await
    }

    /// Proves the address of a verification link. Where the contact gets a log-in, the user of the address is a
    /// member from now on; one who is new is made with this password.
    ///
    /// # Errors
    /// [`Violation::LinkExpired`]; [`DecideError::NotFound`] where a password is needed and none is given.
    pub async fn confirm_verification<A>(
        &self,
        id: VerificationId,
        new: UserId,
        hash: Option<PasswordHash>,
        act: &Act,
        answer: A,
    ) -> Result<Decision, DecideError>
    where
        A: Fn(&Decision) -> Kept + Send + 'static,
    {
        let (ground, act) = (self.ground.clone(), act.clone());
        self.transact(move |conn| {
            let (account, address_key) = find_verification(conn, id)?.ok_or(Violation::LinkExpired)?;
            let locked = lock_and_load(conn, &ground, account, &act)?;
            let before = &locked.before;
            let known = users::load_by_address(conn, &address_key)?;
            let user = known.as_ref().map_or(new, |user| user.id);
            let changes = before.confirm_verification(act.by(), &ConfirmVerification { id, user })?;
            let offer = before.verification_offer(id, act.at)?;
            if known.is_none() && offer.login.is_some() {
                let hash = hash.clone().ok_or(Stop::Refused(Refusal::NotFound))?;
                let profile = &offer.contact.profile;
                let (name, language) = (profile.display_name.clone(), profile.language);
                let user = new_user(user, offer.address.clone(), name, language, Some(hash), act.at);
                if !users::insert(conn, &user)? {
                    return Err(Fault::overtaken("the address has got a user").into());
                }
            }
            conclude(conn, &act, locked, changes, &answer)
        })
        .await
    }

    /// Suspends, reopens or closes an account on the provider's behalf.
    ///
    /// # Errors
    /// [`DecideError`].
    pub async fn change_account_status(
        &self,
        account: AccountId,
        status: accounts_domain::roster::AccountStatus,
        act: &Act,
    ) -> Result<Decision, DecideError> {
        let nothing = |_: &Decision| Kept {
            status: 204,
            headers: Vec::new(),
            body: Vec::new(),
        };
        self.decide(account, act, move |roster| Ok(roster.change_status(status)), nothing)
            .await
    }
}

/// Where a verification link leads.
#[derive(Debug, Clone, PartialEq)]
pub struct VerificationTarget {
    /// The account.
    pub roster: Roster,
    /// The key of the address that the link was sent to.
    pub address_key: String,
    /// The user of that address, if there is one.
    pub user: Option<User>,
}

fn find_verification(conn: &mut Conn, id: VerificationId) -> Result<Option<(AccountId, String)>, Fault> {
    let row = contact_verifications::table
        .find(id.to_string())
        .select((contact_verifications::account_id, contact_verifications::address_key))
        .first::<(String, String)>(conn)
        .optional()?;
    row.map(|(account, key)| Ok((parse("contact_verifications.account_id", &account)?, key)))
        .transpose()
}
