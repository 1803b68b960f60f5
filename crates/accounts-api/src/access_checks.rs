//! Access checks: what an integration asks before it opens something, up to 100 questions at once.

use accounts_domain::access_checks::{Login, Verdict, Wanted, check};
use accounts_domain::address::EmailAddress;
use accounts_domain::ids::{AccountId, UserId};
use accounts_domain::names::{AskedName, ExternalId};
use accounts_domain::roster::Roster;
use accounts_store::{AskedAbout, Found};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::access::ReasonView;
use crate::body::{Checked, Faults, Parse};
use crate::guards::ChecksAccess;
use crate::problem::{FieldCode, FieldFault, Problem};
use crate::reply::Reply;
use crate::router::{Routes, routes};

/// How many questions there may be at once.
const AT_ONCE: usize = 100;

pub(crate) fn routes() -> Routes {
    routes![check_access]
}

/// A question: may this person do that in this account? The account is named by `account_id` or `external_id`, the person
/// by `user_id` or `address`, and what is asked for by `application` or `permission`, one of each pair.
#[derive(Debug, Deserialize, ToSchema)]
pub struct AccessQuestionBody {
    /// The account.
    #[schema(min_length = 30, max_length = 30, pattern = "^acc_[0-7][0-9a-hjkmnp-tv-z]{25}$")]
    account_id: Option<String>,
    /// The provider's number of the account.
    #[schema(min_length = 1, max_length = 100)]
    external_id: Option<String>,
    /// The user.
    #[schema(min_length = 30, max_length = 30, pattern = "^usr_[0-7][0-9a-hjkmnp-tv-z]{25}$")]
    user_id: Option<String>,
    /// The address that the user logs in with.
    #[schema(min_length = 3, max_length = 254, format = Email)]
    address: Option<String>,
    /// The application that is to be opened.
    #[schema(min_length = 1, max_length = 100)]
    application: Option<String>,
    /// The permission that is needed.
    #[schema(min_length = 1, max_length = 100)]
    permission: Option<String>,
}

/// Several questions at once.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"questions": [{
    "account_id": "acc_01h455vb4pex5vsknk084sn02q",
    "user_id": "usr_01h455vb4pex5vsknk084sn02q",
    "application": "bill_desk",
}]}))]
pub struct AccessChecksBody {
    /// Each of them.
    #[schema(required = true, nullable = false, min_items = 1, max_items = 100)]
    questions: Option<Vec<AccessQuestionBody>>,
}

/// The answer to a question.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccessAnswer {
    /// Whether the person may.
    allowed: bool,
    /// Why, in one word. If so: `everyone`, `role_holder`, `primary_holder`, `permission` or `owner`. If not: `unknown_key`,
    /// `unknown_account`, `account_suspended`, `account_closed`, `unknown_user`, `user_suspended`, `not_a_member`,
    /// `member_suspended`, `membership_expired`, `not_open` or `not_held`. New words may come.
    #[schema(example = "primary_holder")]
    reason: &'static str,
    /// Every reason why the person may; none where the person may not.
    reasons: Vec<ReasonView>,
    /// The account that was meant, if there is one.
    #[schema(required = true, example = "acc_01h455vb4pex5vsknk084sn02q")]
    account_id: Option<String>,
    /// The user who was meant, if there is one.
    #[schema(required = true, example = "usr_01h455vb4pex5vsknk084sn02q")]
    user_id: Option<String>,
}

/// The answers, in the order of the questions.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccessAnswers {
    /// One for each question.
    results: Vec<AccessAnswer>,
}

/// A question that was read.
#[derive(Debug)]
pub struct Question {
    account: NamedAccount,
    person: NamedPerson,
    wanted: Wanted,
}

#[derive(Debug)]
enum NamedAccount {
    Id(AccountId),
    ExternalId(ExternalId),
}

#[derive(Debug)]
enum NamedPerson {
    Id(UserId),
    Address(EmailAddress),
}

impl Parse for AccessQuestionBody {
    type Parsed = Question;

    fn parse(self, faults: &mut Faults) -> Option<Question> {
        one_of(
            faults,
            ("account_id", self.account_id.is_some()),
            ("external_id", self.external_id.is_some()),
        );
        one_of(
            faults,
            ("user_id", self.user_id.is_some()),
            ("address", self.address.is_some()),
        );
        one_of(
            faults,
            ("application", self.application.is_some()),
            ("permission", self.permission.is_some()),
        );
        let account = faults.optional_text("account_id", self.account_id, |text| {
            text.parse().map_err(|_| FieldCode::InvalidFormat)
        });
        let external_id = faults.optional_text("external_id", self.external_id, ExternalId::parse);
        let user = faults.optional_text("user_id", self.user_id, |text| {
            text.parse().map_err(|_| FieldCode::InvalidFormat)
        });
        let address = faults.optional_text("address", self.address, EmailAddress::parse);
        let application = faults.optional_text("application", self.application, AskedName::parse);
        let permission = faults.optional_text("permission", self.permission, AskedName::parse);
        faults.is_empty().then_some(())?;
        let account = account.map(NamedAccount::Id);
        let person = user.map(NamedPerson::Id);
        Some(Question {
            account: account.or(external_id.map(NamedAccount::ExternalId))?,
            person: person.or(address.map(NamedPerson::Address))?,
            wanted: application
                .as_ref()
                .map(application_named)
                .or(permission.as_ref().map(permission_named))?,
        })
    }
}

/// Refuses where none of two members stands, or both.
fn one_of(faults: &mut Faults, (first, has_first): (&str, bool), (second, has_second): (&str, bool)) {
    match (has_first, has_second) {
        (false, false) => faults.add_here(
            FieldFault::new(FieldCode::OneRequired)
                .with("first", first)
                .with("second", second),
        ),
        (true, true) => faults.add(first, FieldCode::Contradictory),
        (true, false) | (false, true) => {}
    }
}

// What has not the form of a key is the name of nothing: it is denied, as every unknown one is.
fn application_named(name: &AskedName) -> Wanted {
    name.as_str().parse().map_or(Wanted::Nothing, Wanted::Application)
}

fn permission_named(name: &AskedName) -> Wanted {
    name.as_str().parse().map_or(Wanted::Nothing, Wanted::Permission)
}

impl Parse for AccessChecksBody {
    type Parsed = Vec<Question>;

    fn parse(self, faults: &mut Faults) -> Option<Vec<Question>> {
        let questions = faults.required("questions", self.questions)?;
        if questions.is_empty() {
            faults.add("questions", FieldFault::new(FieldCode::TooFew).with("min", 1));
            return None;
        }
        faults.each("questions", questions, AT_ONCE, |faults, question| {
            question.parse(faults)
        })
    }
}

impl Question {
    /// Adds what this question asks about.
    fn add_to(&self, asked: &mut AskedAbout) {
        match &self.account {
            NamedAccount::Id(id) => asked.accounts.insert(*id),
            NamedAccount::ExternalId(id) => asked.external_ids.insert(id.to_string()),
        };
        match &self.person {
            NamedPerson::Id(id) => asked.users.insert(*id),
            NamedPerson::Address(address) => asked.address_keys.insert(address.key().to_owned()),
        };
    }

    fn account<'f>(&self, found: &'f Found) -> Option<&'f Roster> {
        let roster = match &self.account {
            NamedAccount::Id(id) => found.account(*id),
            NamedAccount::ExternalId(id) => found.account_of(id),
        };
        roster.map(AsRef::as_ref)
    }

    fn login(&self, found: &Found) -> Option<Login> {
        match &self.person {
            NamedPerson::Id(id) => found.login(*id),
            NamedPerson::Address(address) => found.login_of(address.key()),
        }
    }

    fn answer(&self, caller: &ChecksAccess, found: &Found) -> AccessAnswer {
        let (roster, login) = (self.account(found), self.login(found));
        let catalog = caller.service.store.catalog();
        let verdict = check(catalog, roster, login, &self.wanted, caller.by.at);
        let (allowed, reason, reasons) = match verdict {
            Verdict::Allowed(reasons) => {
                let reasons: Vec<ReasonView> = reasons.iter().map(ReasonView::of).collect();
                (true, reasons.first().map_or("", ReasonView::kind), reasons)
            }
            Verdict::Denied(denial) => (false, denial.as_str(), Vec::new()),
        };
        AccessAnswer {
            allowed,
            reason,
            reasons,
            account_id: roster.map(|roster| roster.account().id.to_string()),
            user_id: login.map(|login| login.user.to_string()),
        }
    }
}

/// Check access
///
/// Whether each person may do that in the account, and why, in the order of the questions. What is not known is denied:
/// an account, a user, an application or a permission that there is not. A suspended account opens nothing until it is
/// reopened. All of it is worked out anew for each request, so that a change counts from the next one on.
#[utoipa::path(
    post,
    path = "/v1/access-checks",
    tag = "integrations",
    responses((status = 200, description = "An answer to each question.", body = AccessAnswers))
)]
async fn check_access(caller: ChecksAccess, Checked(questions): Checked<AccessChecksBody>) -> Result<Reply, Problem> {
    let mut asked = AskedAbout::default();
    for question in &questions {
        question.add_to(&mut asked);
    }
    let found = caller.service.store.find_for_checks(asked).await?;
    let results = questions
        .iter()
        .map(|question| question.answer(&caller, &found))
        .collect();
    Ok(Reply::ok(&AccessAnswers { results }))
}
