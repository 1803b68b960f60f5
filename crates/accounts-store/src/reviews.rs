//! Reviews of accounts: what they look at beside the roster, and the history of those that were done.

use accounts_domain::actor::{Actor, By};
use accounts_domain::change::Change;
use accounts_domain::ids::{AccountId, ContactId, ReviewId};
use accounts_domain::names::ReviewNote;
use accounts_domain::review::{Evidence, Finding, FindingCode, Matter, RecordReview, Review};
use chrono::NaiveDateTime;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use crate::backend::Conn;
use crate::decide::{Decision, conclude, lock_and_load};
use crate::error::{Fault, StoreError};
use crate::members::ReaderRow;
use crate::rows::{checked, from_json, instant, named, parse, parse_maybe, stored, to_json};
use crate::schema::{account_reviews, memberships, users};
use crate::store::{Act, DecideError, Kept, Store};

/// A review, as it is told: what was found, and who looked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewRecord {
    /// What was found.
    pub review: Review,
    /// Who did it: `user`, `key`, `operator` or `system`.
    pub actor_kind: String,
    /// The id of the user, the key or the operator, where one did.
    pub actor_id: Option<String>,
    /// The user who made the key, or in whose place the operator did it.
    pub on_behalf_of: Option<String>,
}

impl ReviewRecord {
    fn new(review: Review, actor: Actor) -> Self {
        Self {
            review,
            actor_kind: actor.kind().to_owned(),
            actor_id: actor.id(),
            on_behalf_of: actor.behind().map(|user| user.to_string()),
        }
    }

    /// The review that a decision has made, if it has made one.
    pub fn made_by(decision: &Decision) -> Option<Self> {
        decision.changes.iter().find_map(|change| {
            if let Change::AccountReviewed { review, actor } = change {
                Some(Self::new(Review::clone(review), *actor))
            } else {
                None
            }
        })
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = account_reviews)]
struct ReviewRow {
    id: String,
    reviewed_at: NaiveDateTime,
    due_at: NaiveDateTime,
    actor_kind: String,
    actor_id: Option<String>,
    on_behalf_of: Option<String>,
    contact_id: Option<String>,
    findings: String,
    note: Option<String>,
}

/// A finding as its column holds it.
#[derive(Serialize, Deserialize)]
struct StoredFinding {
    code: String,
    about: Vec<(String, String)>,
}

impl Store {
    /// Reads what a review of an account looks at beside its roster, and the last review.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn review_evidence(&self, account: AccountId) -> Result<(Evidence, Option<ReviewRecord>), StoreError> {
        let work = move |conn: &mut Conn| {
            let last = load(conn, account, None, 1)?.pop();
            Ok((evidence(conn, account)?, last))
        };
        self.lanes.read_consistent(work).await
    }

    /// Reads the reviews of an account, the latest first, beginning after one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn reviews(
        &self,
        account: AccountId,
        after: Option<ReviewId>,
        limit: i64,
    ) -> Result<Vec<ReviewRecord>, StoreError> {
        self.lanes.read(move |conn| load(conn, account, after, limit)).await
    }

    /// Reads one review of an account.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_review(&self, account: AccountId, id: ReviewId) -> Result<Option<ReviewRecord>, StoreError> {
        let work = move |conn: &mut Conn| {
            let row = account_reviews::table
                .filter(account_reviews::account_id.eq(account.to_string()))
                .filter(account_reviews::id.eq(id.to_string()))
                .select(ReviewRow::as_select())
                .first(conn)
                .optional()?;
            row.map(read).transpose()
        };
        self.lanes.read(work).await
    }

    /// Records a review of an account, as [`Store::decide`] does, with what stands under its lock.
    ///
    /// # Errors
    /// [`DecideError`]; nothing has changed then.
    pub async fn review<A>(
        &self,
        account: AccountId,
        by: By,
        command: RecordReview,
        act: &Act,
        answer: A,
    ) -> Result<Decision, DecideError>
    where
        A: Fn(&Decision) -> Kept + Send + 'static,
    {
        let (ground, act) = (self.ground.clone(), act.clone());
        self.transact(move |conn| {
            let locked = lock_and_load(conn, &ground, account, &act)?;
            let changes = locked.before.review(by, &command, &evidence(conn, account)?)?;
            conclude(conn, &act, locked, changes, &answer)
        })
        .await
    }
}

fn evidence(conn: &mut Conn, account: AccountId) -> Result<Evidence, Fault> {
    let key = account.to_string();
    let people: Vec<(ReaderRow, Option<NaiveDateTime>)> = memberships::table
        .inner_join(users::table)
        .filter(memberships::account_id.eq(&key))
        .select((ReaderRow::as_select(), users::last_login_at))
        .load(conn)?;
    let reviewed_at: Option<NaiveDateTime> = account_reviews::table
        .filter(account_reviews::account_id.eq(&key))
        .order(account_reviews::id.desc())
        .select(account_reviews::reviewed_at)
        .first(conn)
        .optional()?;
    let mut evidence = Evidence {
        reviewed_at: reviewed_at.map(instant),
        ..Evidence::default()
    };
    for (row, last_login_at) in &people {
        let reader = row.read()?;
        evidence
            .logins
            .extend(last_login_at.map(|at| (reader.user, instant(at))));
        evidence.readers.insert(reader.user, reader);
    }
    Ok(evidence)
}

fn load(conn: &mut Conn, account: AccountId, after: Option<ReviewId>, limit: i64) -> Result<Vec<ReviewRecord>, Fault> {
    let mut query = account_reviews::table
        .filter(account_reviews::account_id.eq(account.to_string()))
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(account_reviews::id.lt(after.to_string()));
    }
    let rows: Vec<ReviewRow> = query
        .order(account_reviews::id.desc())
        .limit(limit)
        .select(ReviewRow::as_select())
        .load(conn)?;
    rows.into_iter().map(read).collect()
}

fn read(row: ReviewRow) -> Result<ReviewRecord, Fault> {
    let note = |text: String| checked("account_reviews.note", &text, ReviewNote::parse);
    let review = Review {
        id: parse("account_reviews.id", &row.id)?,
        at: instant(row.reviewed_at),
        contact: parse_maybe("account_reviews.contact_id", row.contact_id.as_deref())?,
        findings: read_findings(&row.findings)?,
        note: row.note.map(note).transpose()?,
        due_at: instant(row.due_at),
    };
    Ok(ReviewRecord {
        review,
        actor_kind: row.actor_kind,
        actor_id: row.actor_id,
        on_behalf_of: row.on_behalf_of,
    })
}

fn read_findings(text: &str) -> Result<Vec<Finding>, Fault> {
    const PLACE: &str = "account_reviews.findings";
    let matter = |(kind, id): (String, String)| named(PLACE, &id, |id| Matter::read(&kind, id));
    let finding = |finding: StoredFinding| {
        Ok(Finding {
            code: named(PLACE, &finding.code, FindingCode::from_name)?,
            about: finding.about.into_iter().map(matter).collect::<Result<_, Fault>>()?,
        })
    };
    let all: Vec<StoredFinding> = from_json(PLACE, text)?;
    all.into_iter().map(finding).collect()
}

/// Keeps a review that was done.
pub(crate) fn insert(conn: &mut Conn, account: &str, review: &Review, actor: Actor) -> Result<(), Fault> {
    let finding = |finding: &Finding| StoredFinding {
        code: finding.code.as_str().to_owned(),
        about: finding
            .about
            .iter()
            .map(|matter| (matter.kind().to_owned(), matter.id()))
            .collect(),
    };
    let findings: Vec<StoredFinding> = review.findings.iter().map(finding).collect();
    diesel::insert_into(account_reviews::table)
        .values((
            account_reviews::id.eq(review.id.to_string()),
            account_reviews::account_id.eq(account),
            account_reviews::reviewed_at.eq(stored(review.at)),
            account_reviews::due_at.eq(stored(review.due_at)),
            account_reviews::actor_kind.eq(actor.kind()),
            account_reviews::actor_id.eq(actor.id()),
            account_reviews::on_behalf_of.eq(actor.behind().map(|user| user.to_string())),
            account_reviews::contact_id.eq(review.contact.map(|contact| contact.to_string())),
            account_reviews::findings.eq(to_json("account_reviews.findings", &findings)?),
            account_reviews::note.eq(review.note.as_ref().map(ReviewNote::as_str)),
        ))
        .execute(conn)?;
    Ok(())
}

/// Forgets what somebody who is erased had to say about reviews. That they were done stays.
pub(crate) fn forget_notes(conn: &mut Conn, account: &str, contact: ContactId) -> Result<(), Fault> {
    let written = account_reviews::table
        .filter(account_reviews::account_id.eq(account))
        .filter(account_reviews::contact_id.eq(contact.to_string()));
    diesel::update(written)
        .set(account_reviews::note.eq(None::<String>))
        .execute(conn)?;
    Ok(())
}
