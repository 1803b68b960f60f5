//! The account review: what should be looked at, and the record that somebody has looked.

mod words;

use accounts_domain::ids::{AccountId, ReviewId};
use accounts_domain::language::Language;
use accounts_domain::names::ReviewNote;
use accounts_domain::review::{Finding, Matter, RecordReview};
use accounts_store::{Decision, ReviewRecord};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::body::{Checked, Faults, Parse};
use crate::describe::{answer, id_schema};
use crate::guards::ReviewsAccount;
use crate::idempotency::Idempotency;
use crate::moment;
use crate::page::{Paging, page};
use crate::path::path_values;
use crate::problem::{Problem, refusal};
use crate::reply::Reply;
use crate::router::{Routes, routes};
use crate::texts::Wanted;

path_values! {
    /// The review.
    PathReview(ReviewId) = "review", id_schema("rev");
}

pub(crate) fn routes() -> Routes {
    routes![show_account_review, list_reviews, record_review, read_review]
}

/// One thing that a finding is about.
#[derive(Debug, Serialize, ToSchema)]
pub struct MatterView {
    /// `contact`, `member`, `role`, `category` or `invitation`. New words may come.
    #[schema(example = "contact")]
    kind: &'static str,
    /// The id of the contact, of the member's user or of the invitation, or the key of the role or the category.
    #[schema(example = "con_01h455vb4pex5vsknk084sn02q")]
    id: String,
}

/// Something that should be looked at.
#[derive(Debug, Serialize, ToSchema)]
pub struct FindingView {
    /// What it is, in a word that never changes: `owner_is_billing_address`, `owner_is_shared_mailbox`,
    /// `member_is_shared_mailbox`, `one_person_holds_everything`, `role_vacant`, `role_holder_unverified`,
    /// `contact_never_verified`, `category_without_recipient`, `member_idle`, `invitation_expired` or `review_overdue`. New
    /// words may come.
    #[schema(example = "role_holder_unverified")]
    code: &'static str,
    /// What it is about; nothing where it is the account itself.
    about: Vec<MatterView>,
    /// What it is and why it matters, in the caller's language.
    #[schema(example = "These contacts hold a role, but nobody has ever shown that mail to them arrives.")]
    detail: &'static str,
    /// What to do next, in the caller's language.
    #[schema(example = "Send the verification again, correct the address, or give the role to somebody else.")]
    advice: &'static str,
}

/// Who has reviewed an account.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReviewerView {
    /// `user`, `key` (an API key), `operator` (one of the provider's staff) or `system`.
    #[schema(example = "user")]
    kind: String,
    /// The user, the API key or the operator.
    #[schema(required = true, example = "usr_01h455vb4pex5vsknk084sn02q")]
    id: Option<String>,
    /// The user who made the key, or in whose place the operator acted.
    #[schema(required = true)]
    on_behalf_of: Option<String>,
    /// The contact that the person was.
    #[schema(required = true, example = "con_01h455vb4pex5vsknk084sn02q")]
    contact_id: Option<String>,
}

/// A review that was done.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReviewView {
    /// Its id.
    #[schema(example = "rev_01h455vb4pex5vsknk084sn02q")]
    id: String,
    /// When it was done.
    #[schema(format = DateTime)]
    reviewed_at: String,
    /// Who did it.
    reviewed_by: ReviewerView,
    /// What stood when it was done.
    findings: Vec<FindingView>,
    /// What the person had to say about it; `null` again once the person is erased.
    #[schema(required = true, example = "Cem has left, his invitation is revoked.")]
    note: Option<String>,
    /// When the next one was due, by the catalog of that time.
    #[schema(format = DateTime)]
    next_due_at: String,
}

page! {
    /// A page of reviews.
    ReviewPage of ReviewView
}

/// What should be looked at in an account now.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccountReviewView {
    /// What was found, what matters most first.
    findings: Vec<FindingView>,
    /// When the account is to be reviewed next: so many days after the last review, or else after it was opened.
    #[schema(format = DateTime)]
    due_at: String,
    /// Whether that moment has passed.
    overdue: bool,
    /// The last review.
    #[schema(required = true)]
    last_review: Option<ReviewView>,
}

/// The record that somebody has reviewed the account.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"note": "Cem has left, his invitation is revoked."}))]
pub struct ReviewBody {
    /// What the person has to say about it.
    #[schema(min_length = 1, max_length = 500)]
    note: Option<String>,
}

impl Parse for ReviewBody {
    type Parsed = Option<ReviewNote>;

    fn parse(self, faults: &mut Faults) -> Option<Self::Parsed> {
        Some(faults.optional_text("note", self.note, ReviewNote::parse))
    }
}

impl MatterView {
    fn of(matter: &Matter) -> Self {
        Self {
            kind: matter.kind(),
            id: matter.id(),
        }
    }
}

impl FindingView {
    fn of(finding: &Finding, language: Language) -> Self {
        let words = words::of(finding.code, language);
        Self {
            code: finding.code.as_str(),
            about: finding.about.iter().map(MatterView::of).collect(),
            detail: words.map(|words| words.detail.as_str()).unwrap_or_default(),
            advice: words.map(|words| words.advice.as_str()).unwrap_or_default(),
        }
    }

    fn all(findings: &[Finding], language: Language) -> Vec<Self> {
        findings.iter().map(|finding| Self::of(finding, language)).collect()
    }
}

impl ReviewView {
    fn of(record: &ReviewRecord, language: Language) -> Self {
        let review = &record.review;
        Self {
            id: review.id.to_string(),
            reviewed_at: moment::shown(review.at),
            reviewed_by: ReviewerView {
                kind: record.actor_kind.clone(),
                id: record.actor_id.clone(),
                on_behalf_of: record.on_behalf_of.clone(),
                contact_id: review.contact.map(|contact| contact.to_string()),
            },
            findings: FindingView::all(&review.findings, language),
            note: review.note.as_ref().map(ToString::to_string),
            next_due_at: moment::shown(review.due_at),
        }
    }
}

/// Show the account review
///
/// What should be looked at in the account now, each with what to do next, when the account is to be reviewed, and the last
/// review. It tells of contacts, members and invitations by their ids alone, so that whoever may review needs no right to
/// see the rest: `review:manage` opens the review, its history and its record alike.
#[utoipa::path(
    get,
    path = "/v1/accounts/{account}/review",
    tag = "review",
    responses((status = 200, description = "What was found.", body = AccountReviewView), answer::NotModified)
)]
async fn show_account_review(member: ReviewsAccount, Wanted(language): Wanted) -> Result<Reply, Problem> {
    let at = member.by().at;
    let (evidence, last) = member.person.service.store.review_evidence(member.account).await?;
    let due_at = member.roster.review_due(evidence.reviewed_at);
    let view = AccountReviewView {
        findings: FindingView::all(&member.roster.findings(&evidence, at), language),
        due_at: moment::shown(due_at),
        overdue: due_at <= at,
        last_review: last.map(|last| ReviewView::of(&last, language)),
    };
    Ok(Reply::ok(&view).tagged_by_body().in_language(language))
}

/// List reviews
///
/// Every review that was done, the latest first, with what stood then.
#[utoipa::path(
    get,
    path = "/v1/accounts/{account}/reviews",
    tag = "review",
    responses((status = 200, description = "A page of reviews.", body = ReviewPage), answer::NotModified)
)]
async fn list_reviews(
    member: ReviewsAccount,
    Wanted(language): Wanted,
    paging: Paging<String>,
) -> Result<Reply, Problem> {
    let after = paging.after.as_deref().and_then(|id| id.parse().ok());
    let limit = i64::try_from(paging.limit + 1).unwrap_or(i64::MAX);
    let found = member
        .person
        .service
        .store
        .reviews(member.account, after, limit)
        .await?;
    let page = paging.page(found, |record| record.review.id.to_string());
    let views = page.map(|record| ReviewView::of(&record, language));
    Ok(views.reply().tagged_by_body().in_language(language))
}

/// Read a review
///
/// One that was done, with what stood then.
#[utoipa::path(
    get,
    path = "/v1/accounts/{account}/reviews/{review}",
    tag = "review",
    responses((status = 200, description = "The review.", body = ReviewView), answer::NotModified)
)]
async fn read_review(
    member: ReviewsAccount,
    PathReview(id): PathReview,
    Wanted(language): Wanted,
) -> Result<Reply, Problem> {
    let store = &member.person.service.store;
    let found = store.find_review(member.account, id).await?;
    let view = ReviewView::of(&found.ok_or_else(Problem::not_found)?, language);
    Ok(Reply::ok(&view).tagged_by_body().in_language(language))
}

/// Record a review
///
/// Says that somebody has looked through the account: who, when, what stood at that moment, and a note. The next review is
/// due so many days later as the catalog says. What was found stays to be found until it is put right, but for invitations
/// that nobody answered: those are told once, and for the ninety days that they are remembered.
#[utoipa::path(
    post,
    path = "/v1/accounts/{account}/reviews",
    tag = "review",
    responses((status = 201, description = "The review.", body = ReviewView), refusal::AccountSuspended)
)]
async fn record_review(
    member: ReviewsAccount,
    Wanted(language): Wanted,
    Checked(note): Checked<ReviewBody>,
    key: Idempotency,
) -> Result<Reply, Problem> {
    let id = ReviewId::new();
    let command = RecordReview { id, note };
    let account = member.account;
    let answer = move |decision: &Decision| recorded(account, decision, language);
    let (person, by) = (&member.person, member.by());
    let caller = person.name();
    key.once(&person.service, &caller, |keep| async move {
        let act = person.act(keep);
        let kept = move |decision: &Decision| answer(decision).kept();
        let decided = person.service.store.review(account, by, command, &act, kept).await;
        Ok(answer(&decided?))
    })
    .await
}

/// The answer of a decision that has made a review.
fn recorded(account: AccountId, decision: &Decision, language: Language) -> Reply {
    let Some(record) = ReviewRecord::made_by(decision) else {
        return Reply::no_content();
    };
    let location = format!("/v1/accounts/{account}/reviews/{}", record.review.id);
    let view = ReviewView::of(&record, language);
    Reply::created(&location, &view).tagged_by_body().in_language(language)
}
