//! Operators in the place of persons: begun in one transaction with the record of it, in the account and of the person.

use accounts_domain::audit::Subject;
use accounts_domain::ids::UserId;
use accounts_domain::names::Reason;
use accounts_domain::operators::Impersonation;
use accounts_domain::sessions::Session;

use crate::decide::{conclude, lock_and_load};
use crate::error::Stop;
use crate::lanes::Verdict;
use crate::operators;
use crate::snapshots::Marks;
use crate::store::{Act, DecideError, Kept, Refusal, Store};
use crate::users::{self, UserDecision};

impl Store {
    /// Begins a session by which an operator acts in a person's place. It is refused to an operator who is none any more:
    /// whoever removes one meanwhile waits, and then finds this session.
    ///
    /// # Errors
    /// [`DecideError`]; nothing has changed then.
    pub async fn impersonate(
        &self,
        user: UserId,
        by: Impersonation,
        session: Session,
        reason: Reason,
        act: &Act,
    ) -> Result<UserDecision, DecideError> {
        let (ground, act) = (self.ground.clone(), act.clone());
        self.transact(move |conn| {
            let mut marks = Marks::none();
            if let Some(account) = by.account {
                let locked = lock_and_load(conn, &ground, account, &act)?.because(&reason);
                let changes = locked
                    .before
                    .impersonate(act.by(), user, session.id, session.expires_at)?;
                if let Verdict::Keep(_, account) = conclude(conn, &act, locked, changes, &|_| Kept::nothing())? {
                    marks = account;
                }
            }
            let because = users::Because {
                of: Subject::User(user),
                reason: &reason,
            };
            let decide = |person: &accounts_domain::users::Person| person.impersonate(session.clone(), reason.clone());
            let begun =
                users::decide_user_because(conn, &ground.snapshots, user, Some(because), &act, &decide, &|_| {
                    Kept::nothing()
                })?;
            if !operators::lock(conn, by.operator, act.at)? {
                return Err(Stop::Refused(Refusal::NotFound));
            }
            Ok(match begun {
                Verdict::Keep(decision, user) => Verdict::Keep(decision, marks.and(user)),
                Verdict::Discard(decision) => Verdict::Discard(decision),
            })
        })
        .await
    }
}
