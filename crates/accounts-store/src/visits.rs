//! What every request with a token asks: is the session live, and what does its user find in the account?

use std::sync::Arc;

use accounts_domain::ids::{AccountId, SessionId, UserId};
use accounts_domain::operators::Impersonation;
use accounts_domain::roster::Roster;
use accounts_domain::users::{User, UserStatus};
use chrono::{DateTime, Utc};
use diesel::prelude::*;

use crate::backend::Conn;
use crate::error::{Fault, StoreError};
use crate::roster;
use crate::schema::{accounts, memberships, sessions, users};
use crate::snapshots::{Known, Standing};
use crate::store::Store;
use crate::users::{SessionRow, load_known, read_session};

/// What a caller with a session finds where it wants to go.
#[derive(Debug, Clone, PartialEq)]
pub enum Visit {
    /// The session has ended, or its user may not log in.
    Ended,
    /// The session is live; the account is there or not.
    Live {
        /// Who it is.
        user: Arc<User>,
        /// When the person of the session last proved to be the user.
        authenticated_at: DateTime<Utc>,
        /// The operator who acts in the person's place, if one does.
        impersonation: Option<Impersonation>,
        /// The account's roster; nothing to somebody who is no member of it.
        roster: Option<Arc<Roster>>,
    },
}

/// Who comes, by which session, to which account, and when.
#[derive(Debug, Clone, Copy)]
pub struct Visitor {
    /// The session that the token names.
    pub session: SessionId,
    /// The user that the token names.
    pub user: UserId,
    /// The account in the path, if there is one.
    pub account: Option<AccountId>,
    /// Now.
    pub at: DateTime<Utc>,
}

/// What one query says of the state of things.
struct Revisions {
    user: i64,
    /// Of the account, for a member of it.
    account: Option<i64>,
    session: Standing,
}

impl Store {
    /// Asks whether a session is live and what its user finds in an account. The answer is never older than the last
    /// change that anybody has been told of.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn visit(&self, visitor: Visitor) -> Result<Visit, StoreError> {
        if self.ground.snapshots.alone {
            self.visit_alone(visitor).await
        } else {
            self.visit_among_others(visitor).await
        }
    }

    /// Where this process alone changes rows, what is held in memory is the truth.
    async fn visit_alone(&self, visitor: Visitor) -> Result<Visit, StoreError> {
        let persons = &self.ground.snapshots.persons;
        let known = match persons.present(visitor.user.uuid()) {
            Some(known) => Some(known),
            None => self.read_known(visitor.user).await?,
        };
        let standing = known.as_ref().and_then(|known| known.live(visitor.session, visitor.at));
        let (Some(known), Some(standing)) = (known, standing) else {
            return Ok(Visit::Ended);
        };
        let roster = match visitor.account {
            Some(account) => self.roster_for(account, visitor.user).await?,
            None => None,
        };
        Ok(Visit::Live {
            user: Arc::clone(&known.user),
            authenticated_at: standing.authenticated_at,
            impersonation: standing.impersonation,
            roster,
        })
    }

    pub(crate) async fn read_known(&self, user: UserId) -> Result<Option<Arc<Known>>, StoreError> {
        let vacancy = self.ground.snapshots.persons.vacancy(user.uuid());
        let known = self
            .lanes
            .read_consistent(move |conn| load_known(conn, user))
            .await?
            .map(Arc::new);
        if let (Some(vacancy), Some(known)) = (vacancy, &known) {
            vacancy.fill(Arc::clone(known));
        }
        Ok(known)
    }

    /// To a stranger an account costs what an unknown id costs: a snapshot is for members.
    pub(crate) async fn roster_for(&self, account: AccountId, user: UserId) -> Result<Option<Arc<Roster>>, StoreError> {
        let rosters = &self.ground.snapshots.rosters;
        let present = rosters.present(account.uuid());
        if let Some(roster) = present.filter(|roster| roster.member(user).is_some()) {
            return Ok(Some(roster));
        }
        let vacancy = rosters.vacancy(account.uuid());
        let catalog = Arc::clone(&self.ground.catalog);
        let work = move |conn: &mut Conn| {
            if is_member(conn, account, user)? {
                roster::load(conn, account, &catalog)
            } else {
                Ok(None)
            }
        };
        let roster = self.lanes.read_consistent(work).await?.map(Arc::new);
        if let (Some(vacancy), Some(roster)) = (vacancy, &roster) {
            vacancy.fill(Arc::clone(roster));
        }
        Ok(roster)
    }

    /// Where others change rows too, one query tells which states are the present ones.
    async fn visit_among_others(&self, visitor: Visitor) -> Result<Visit, StoreError> {
        let found = self.lanes.read(move |conn| revisions(conn, visitor)).await?;
        let Some(found) = found.filter(|found| visitor.at < found.session.ends_at) else {
            return Ok(Visit::Ended);
        };
        let snapshots = &self.ground.snapshots;
        let known = snapshots.persons.at(visitor.user.uuid(), found.user);
        let roster = match (visitor.account, found.account) {
            (Some(account), Some(revision)) => snapshots.rosters.at(account.uuid(), revision).map(Some),
            (Some(_), None) | (None, _) => Some(None),
        };
        match (known, roster) {
            (Some(known), Some(roster)) => Ok(Visit::Live {
                user: Arc::clone(&known.user),
                authenticated_at: found.session.authenticated_at,
                impersonation: found.session.impersonation,
                roster,
            }),
            (known, roster) => self.read_visit(visitor, known, roster.flatten()).await,
        }
    }

    /// Reads what no snapshot has, in a state that is later than the question.
    async fn read_visit(
        &self,
        visitor: Visitor,
        known: Option<Arc<Known>>,
        roster: Option<Arc<Roster>>,
    ) -> Result<Visit, StoreError> {
        let catalog = Arc::clone(&self.ground.catalog);
        let snapshots = Arc::clone(&self.ground.snapshots);
        let work = move |conn: &mut Conn| {
            let Some(found) = revisions(conn, visitor)?.filter(|found| visitor.at < found.session.ends_at) else {
                return Ok(Visit::Ended);
            };
            let known = match known.clone().filter(|known| known.user.revision == found.user) {
                Some(known) => known,
                None => match load_known(conn, visitor.user)?.map(Arc::new) {
                    Some(known) => known,
                    None => return Ok(Visit::Ended),
                },
            };
            let roster = match (visitor.account, found.account) {
                (Some(account), Some(revision)) => {
                    match roster.clone().filter(|roster| roster.account().revision == revision) {
                        Some(roster) => Some(roster),
                        None => roster::load(conn, account, &catalog)?.map(Arc::new),
                    }
                }
                (Some(_), None) | (None, _) => None,
            };
            snapshots.note(&known, roster.as_ref());
            Ok(Visit::Live {
                user: Arc::clone(&known.user),
                authenticated_at: found.session.authenticated_at,
                impersonation: found.session.impersonation,
                roster,
            })
        };
        self.lanes.read_consistent(work).await
    }
}

fn is_member(conn: &mut Conn, account: AccountId, user: UserId) -> Result<bool, Fault> {
    let row = memberships::table
        .find((account.to_string(), user.to_string()))
        .select(memberships::user_id)
        .first::<String>(conn)
        .optional()?;
    Ok(row.is_some())
}

/// The present revisions, or nothing where the session was ended or its user may not log in.
fn revisions(conn: &mut Conn, visitor: Visitor) -> Result<Option<Revisions>, Fault> {
    let live = sessions::table
        .inner_join(users::table)
        .filter(sessions::id.eq(visitor.session.to_string()))
        .filter(sessions::user_id.eq(visitor.user.to_string()))
        .filter(sessions::ended_at.is_null())
        .filter(users::status.eq(UserStatus::Active.as_str()));
    let row = match visitor.account {
        Some(account) => {
            let membership = memberships::user_id
                .eq(users::id)
                .and(memberships::account_id.eq(account.to_string()));
            live.left_join(memberships::table.on(membership))
                .left_join(accounts::table.on(accounts::id.eq(memberships::account_id)))
                .select((users::revision, SessionRow::as_select(), accounts::revision.nullable()))
                .first::<(i64, SessionRow, Option<i64>)>(conn)
                .optional()?
        }
        None => live
            .select((users::revision, SessionRow::as_select()))
            .first::<(i64, SessionRow)>(conn)
            .optional()?
            .map(|(user, session)| (user, session, None)),
    };
    row.map(|(user, session, account)| {
        Ok(Revisions {
            user,
            account,
            session: Standing::of(&read_session(session)?),
        })
    })
    .transpose()
}
