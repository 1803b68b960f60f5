//! Accounts as operators see and change them.

use accounts_domain::accounts::{CONTACT_LIMITS, OpenAccount, OpenForCustomer, ProviderPatch};
use accounts_domain::actor::By;
use accounts_domain::address::EmailAddress;
use accounts_domain::catalog::Catalog;
use accounts_domain::ids::{AccountId, ContactId, UserId};
use accounts_domain::names::{ExternalId, Reason};
use accounts_domain::roster::{AccountStatus, Roster};
use accounts_domain::users::User;
use accounts_store::{AccountMark, AccountSearch, AccountSummary, Decision};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

use super::PathAccount;
use crate::accounts::{AccountBody, NewAccount};
use crate::body::{Checked, Faults, Parse, present};
use crate::consequences::Consequences;
use crate::contacts::PhoneBody;
use crate::describe::answer;
use crate::guards::{Admin, Operator};
use crate::idempotency::Idempotency;
use crate::limits::Limits;
use crate::moment;
use crate::page::{Paging, page};
use crate::precondition::IfMatch;
use crate::problem::{FieldCode, FieldFault, Problem, refusal};
use crate::query::{Asked, Filters, Preview, Query};
use crate::reply::Reply;
use crate::router::{Routes, routes};

pub(super) fn routes() -> Routes {
    routes![search_accounts, open_account_for, read_any_account, administer_account]
}

/// Which accounts are listed.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AccountFilters {
    /// The one with this number of the provider.
    #[param(min_length = 1, max_length = 100)]
    external_id: Option<String>,
    /// Those in this state: `active`, `suspended` or `closed`.
    #[param(value_type = Option<String>, pattern = "^(active|suspended|closed)$")]
    status: Option<AccountStatus>,
    /// How the name begins, without regard to accents and case; or the whole address of an owner, a contact or a member.
    #[param(min_length = 1, max_length = 254)]
    q: Option<String>,
}

impl Filters for AccountFilters {
    fn read(query: &mut Query) -> Self {
        Self {
            external_id: query.text("external_id", ExternalId::MAX),
            status: query.word("status", &AccountStatus::ALL.map(|status| (status.as_str(), status))),
            q: query.text("q", EmailAddress::MAX),
        }
    }
}

/// The owner of an account.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccountOwnerView {
    /// The contact.
    #[schema(example = "con_01h455vb4pex5vsknk084sn02q")]
    contact_id: String,
    /// Its user; `null` as long as nobody has activated the account.
    #[schema(required = true, example = "usr_01h455vb4pex5vsknk084sn02q")]
    user_id: Option<String>,
    /// How the contact is called.
    #[schema(example = "Ana Lima")]
    display_name: String,
    /// The contact's main address.
    #[schema(example = "ana@lima.example")]
    address: String,
}

/// An account as operators see it.
#[derive(Debug, Serialize, ToSchema)]
pub struct OperatedAccount {
    /// Its id.
    #[schema(example = "acc_01h455vb4pex5vsknk084sn02q")]
    id: String,
    /// The organisation's name.
    #[schema(example = "Lima Ltd")]
    name: String,
    /// The provider's own number.
    #[schema(required = true)]
    external_id: Option<String>,
    /// `active`, `suspended` or `closed`.
    #[schema(example = "active")]
    status: String,
    /// The language of what is written to the organisation.
    #[schema(example = "en")]
    language: String,
    /// The greatest number of contacts that is in force.
    #[schema(minimum = 1, maximum = 1000, example = 5)]
    contact_limit: i32,
    /// The one that was set for this account; `null` where the catalog's counts.
    #[schema(required = true, minimum = 1, maximum = 1000)]
    own_contact_limit: Option<i32>,
    /// How many contacts it has.
    #[schema(minimum = 0, maximum = 9_007_199_254_740_991_i64)]
    contact_count: i64,
    /// How many members it has, suspended ones too.
    #[schema(minimum = 0, maximum = 9_007_199_254_740_991_i64)]
    member_count: i64,
    /// Who owns it.
    owner: AccountOwnerView,
    /// When it was opened.
    #[schema(format = DateTime)]
    created_at: String,
    /// When its own data last changed.
    #[schema(format = DateTime)]
    updated_at: String,
}

page! {
    /// A page of accounts.
    OperatedAccountPage of OperatedAccount
}

/// An account after a change by an operator, or as it would be.
#[derive(Debug, Serialize, ToSchema)]
pub struct AdministeredAccount {
    /// The account as it is now; with `dry_run` as it would be.
    #[serde(flatten)]
    account: OperatedAccount,
    /// The users to whom it closes or is closed.
    shut_out: Vec<String>,
    /// What else changes for people.
    consequences: Consequences,
}

impl OperatedAccount {
    fn of(summary: AccountSummary, catalog: &Catalog) -> Self {
        let limit = summary.contact_limit.unwrap_or(catalog.policy().contact_limit);
        let owner = summary.owner;
        Self {
            id: summary.id.to_string(),
            name: summary.name,
            external_id: summary.external_id,
            status: summary.status.as_str().to_owned(),
            language: summary.language.to_string(),
            contact_limit: i32::from(limit),
            own_contact_limit: summary.contact_limit.map(i32::from),
            contact_count: summary.contacts,
            member_count: summary.members,
            owner: AccountOwnerView {
                contact_id: owner.contact.to_string(),
                user_id: owner.user.map(|user| user.to_string()),
                display_name: owner.display_name,
                address: owner.address,
            },
            created_at: moment::shown(summary.created_at),
            updated_at: moment::shown(summary.updated_at),
        }
    }

    /// The same of an account that was read whole.
    fn whole(roster: &Roster) -> Result<Self, Problem> {
        let summary = AccountSummary::of(roster).ok_or_else(|| Problem::internal("an account without an owner"))?;
        Ok(Self::of(summary, roster.catalog()))
    }
}

/// The tag tells the state of the whole account: what is shown sums it up.
fn shown<T: Serialize>(view: Result<T, Problem>, roster: &Roster) -> Result<Reply, Problem> {
    Ok(Reply::ok(&view?).version(roster.account().revision))
}

/// Find accounts
///
/// By name, a page at a time: all of them, or those of a state, a number, a beginning of the name, or an address.
#[utoipa::path(
    get,
    path = "/v1/operator/accounts",
    tag = "operators",
    responses((status = 200, description = "A page of accounts.", body = OperatedAccountPage), answer::NotModified)
)]
async fn search_accounts(
    operator: Operator,
    Asked(filters): Asked<AccountFilters>,
    paging: Paging<(String, String)>,
) -> Result<Reply, Problem> {
    let narrowed = AccountSearch {
        external_id: filters.external_id,
        status: filters.status,
        ..AccountSearch::default()
    };
    let search = match &filters.q {
        Some(text) => narrowed.typed(text),
        None => narrowed,
    };
    let mark = |(sort_key, account): &(String, String)| {
        account.parse().ok().map(|account| AccountMark {
            sort_key: sort_key.clone(),
            account,
        })
    };
    let after = paging.after.as_ref().and_then(mark);
    let limit = i64::try_from(paging.limit + 1).unwrap_or(i64::MAX);
    let store = &operator.service.store;
    let found = store.search_accounts(search, after, limit).await?;
    let page = paging.page(found, |summary| {
        let mark = summary.mark();
        (mark.sort_key, mark.account.to_string())
    });
    let view = |summary| OperatedAccount::of(summary, store.catalog());
    Ok(page.map(view).reply().tagged_by_body())
}

/// Read any account
///
/// Its state, its number, its limit and its owner. What is inside is seen in the place of one of its members.
#[utoipa::path(
    get,
    path = "/v1/operator/accounts/{account}",
    tag = "operators",
    responses((status = 200, description = "The account.", body = OperatedAccount), answer::NotModified)
)]
async fn read_any_account(operator: Operator, PathAccount(account): PathAccount) -> Result<Reply, Problem> {
    let roster = roster_of(&operator, account).await?;
    shown(OperatedAccount::whole(&roster), &roster)
}

async fn roster_of(operator: &Operator, account: AccountId) -> Result<Roster, Problem> {
    let found = operator.service.store.roster(account).await?;
    found.ok_or_else(Problem::not_found)
}

/// An account that is to be opened for somebody.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"name": "Lima Shipping", "owner_address": "ana@lima.example", "external_id": "C-4711",
    "reason": "Ordered by telephone"}))]
pub struct AccountForBody {
    /// The organisation's name.
    #[schema(required = true, nullable = false, min_length = 1, max_length = 100)]
    name: Option<String>,
    /// The address that the owner-to-be logs in with, or will.
    #[schema(required = true, nullable = false, min_length = 3, max_length = 254, format = Email)]
    owner_address: Option<String>,
    /// The provider's own number; where an account has it already, the answer is that account. It is needed where nobody
    /// logs in with the address.
    #[schema(min_length = 1, max_length = 100)]
    external_id: Option<String>,
    /// The language of what is written to it: `en` or `fr`; the owner's where nothing is said.
    #[schema(pattern = "^(en|fr)$")]
    language: Option<String>,
    /// How the owner is called as its first contact; the log-in's name where nothing is said. It is needed where nobody
    /// logs in with the address.
    #[schema(min_length = 1, max_length = 100)]
    display_name: Option<String>,
    /// The owner's first name, where the catalog asks for it.
    #[schema(min_length = 1, max_length = 100)]
    first_name: Option<String>,
    /// The owner's last name, where the catalog asks for it.
    #[schema(min_length = 1, max_length = 100)]
    last_name: Option<String>,
    /// Telephone numbers, where the catalog asks for one.
    #[schema(max_items = 10)]
    phones: Option<Vec<PhoneBody>>,
    /// The reason, which stays in the audit log of the account.
    #[schema(required = true, nullable = false, min_length = 1, max_length = 500)]
    reason: Option<String>,
}

/// The same, read.
#[derive(Debug)]
pub struct AccountFor {
    account: NewAccount,
    owner: EmailAddress,
    external_id: Option<ExternalId>,
    reason: Reason,
}

impl Parse for AccountForBody {
    type Parsed = AccountFor;

    fn parse(self, faults: &mut Faults) -> Option<AccountFor> {
        let body = AccountBody {
            name: self.name,
            language: self.language,
            display_name: self.display_name,
            first_name: self.first_name,
            last_name: self.last_name,
            phones: self.phones,
        };
        let owner = faults.text("owner_address", self.owner_address, EmailAddress::parse);
        let external_id = faults.optional_text("external_id", self.external_id, ExternalId::parse);
        let reason = faults.text("reason", self.reason, Reason::parse);
        let account = body.parse(faults);
        faults.is_empty().then_some(())?;
        Some(AccountFor {
            account: account?,
            owner: owner?,
            external_id,
            reason: reason?,
        })
    }
}

/// Open an account for somebody
///
/// Who has a log-in owns it from the first moment, as if they had opened it. Whoever has none is told by mail, chooses a
/// password by the link in it, and so takes the account over; until then nobody enters it. Such an account has a number of
/// the provider. With an `external_id` that an account has already, the answer is that account, whoever owns it.
#[utoipa::path(
    post,
    path = "/v1/operator/accounts",
    tag = "operators",
    responses(
        (status = 201, description = "The account.", body = OperatedAccount),
        refusal::TooManyRequests,
    )
)]
async fn open_account_for(
    admin: Admin,
    Checked(asked): Checked<AccountForBody>,
    key: Idempotency,
) -> Result<Reply, Problem> {
    let store = &admin.service.store;
    let owner: Option<User> = store.user_by_address(asked.owner.key().to_owned()).await?;
    let unknown = || Problem::invalid_field("/owner_address", FieldCode::UnknownUser);
    let command = match (owner, asked.external_id) {
        (Some(owner), number) => Opening::Owned(asked.account.command(&owner, number)),
        (None, Some(number)) => Opening::Awaited(asked.account.for_customer(asked.owner, number).ok_or_else(unknown)?),
        (None, None) => return Err(unknown()),
    };
    let caller = admin.name();
    let answer = |roster: &Roster| {
        let location = format!("/v1/operator/accounts/{}", roster.account().id);
        let view = OperatedAccount::whole(roster)?;
        Ok::<_, Problem>(Reply::created(&location, &view).version(roster.account().revision))
    };
    key.once(&admin.service, &caller, |keep| async {
        let kept = move |roster: &Roster| answer(roster).unwrap_or_else(|_| Reply::no_content()).kept();
        let act = admin.act(keep);
        let opened = match command {
            Opening::Owned(command) => store.open_account_because(command, asked.reason, &act, kept).await,
            Opening::Awaited(command) => {
                let limits = Limits::verifications_of(command.address.key());
                limits.admit(&admin.service, act.at).await?;
                store.open_for_customer_because(command, asked.reason, &act, kept).await
            }
        };
        admin.service.mail_waits.notify_one();
        answer(&opened?)
    })
    .await
}

/// For whom an account is opened.
enum Opening {
    /// Somebody with a log-in, who owns it at once.
    Owned(OpenAccount),
    /// Somebody who has yet to follow the mail.
    Awaited(OpenForCustomer),
}

/// What is to change of an account on the provider's behalf; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"contact_limit": 20, "reason": "The customer bought more, ticket 4711"}))]
#[expect(clippy::option_option, reason = "absent and null are two cases in a merge patch")]
pub struct AdministerBody {
    /// `active`; `suspended`: it can be read, not changed; `closed`: it is there for operators alone.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false, pattern = "^(active|suspended|closed)$", example = "active")]
    status: Option<Option<String>>,
    /// The greatest number of contacts; `null` for that of the catalog. A lower one stops additions and removes nobody.
    #[serde(default, deserialize_with = "present")]
    #[schema(minimum = 1, maximum = 1000)]
    contact_limit: Option<Option<i64>>,
    /// The contact that is to own the account: verified, and with a log-in that does not end. Where contacts never log
    /// in, the account goes to the member who logs in with the contact's main address. Both owners are told.
    #[serde(default, deserialize_with = "present")]
    #[schema(
        nullable = false,
        min_length = 30,
        max_length = 30,
        pattern = "^con_[0-7][0-9a-hjkmnp-tv-z]{25}$"
    )]
    owner_contact_id: Option<Option<String>>,
    /// The reason, which stays in the audit log of the account.
    #[schema(required = true, nullable = false, min_length = 1, max_length = 500)]
    reason: Option<String>,
}

impl Parse for AdministerBody {
    type Parsed = (ProviderPatch, Reason);

    fn parse(self, faults: &mut Faults) -> Option<(ProviderPatch, Reason)> {
        let known = || FieldFault::not_allowed(AccountStatus::ALL.map(AccountStatus::as_str));
        let status = faults.kept("status", self.status);
        let status = faults.optional_text("status", status, |text| {
            AccountStatus::from_name(text).ok_or_else(known)
        });
        let contact_limit = match self.contact_limit {
            None => None,
            Some(None) => Some(None),
            Some(Some(limit)) => faults.check("contact_limit", limit_of(limit)).map(Some),
        };
        let owner = faults.kept("owner_contact_id", self.owner_contact_id);
        let owner = faults.optional_text("owner_contact_id", owner, |text| {
            text.parse::<ContactId>().map_err(|_| FieldCode::InvalidFormat)
        });
        let reason = faults.text("reason", self.reason, Reason::parse);
        let patch = ProviderPatch {
            status,
            contact_limit,
            owner,
        };
        faults.is_empty().then_some((patch, reason?))
    }
}

fn limit_of(limit: i64) -> Result<u16, FieldFault> {
    let (least, most) = (*CONTACT_LIMITS.start(), *CONTACT_LIMITS.end());
    let read = u16::try_from(limit).ok().filter(|limit| CONTACT_LIMITS.contains(limit));
    read.ok_or_else(|| FieldFault::out_of_range(least, most))
}

/// Change an account on the provider's behalf
///
/// Its state, its limit of contacts, and its owner, each of them or all at once. With `dry_run` the answer is exactly what
/// would change.
#[utoipa::path(
    patch,
    path = "/v1/operator/accounts/{account}",
    tag = "operators",
    responses(
        (status = 200, description = "The account as it is now, or with `dry_run` would be.", body = AdministeredAccount),
        refusal::ContactNotVerified,
        refusal::ContactHasNoLogin,
    )
)]
async fn administer_account(
    admin: Admin,
    PathAccount(account): PathAccount,
    Preview { dry_run }: Preview,
    if_match: IfMatch,
    Checked((patch, reason)): Checked<AdministerBody>,
) -> Result<Reply, Problem> {
    let roster = roster_of(&admin, account).await?;
    if patch.owner.is_some_and(|owner| roster.contact(owner).is_err()) {
        return Err(Problem::invalid_field("/owner_contact_id", FieldCode::UnknownContact));
    }
    let by = admin.by;
    let owner = patch.owner;
    let decide = move |roster: &Roster, by: By, known: Option<UserId>| {
        if_match.admits(roster.account().revision)?;
        roster.administer(by, &patch, known)
    };
    if dry_run {
        let known = match owner {
            Some(owner) => admin.service.store.successor(&roster, owner).await?,
            None => None,
        };
        let changes = decide(&roster, by, known)?;
        let decision = Decision::new(Arc::new(roster), changes, &admin.act(None));
        return Ok(Reply::ok(&AdministeredAccount::of(&decision, by, true)?));
    }
    let answer = move |decision: &Decision| match shown(AdministeredAccount::of(decision, by, false), &decision.after) {
        Ok(reply) => reply,
        Err(_) => Reply::no_content(),
    };
    admin.decide(account, owner, reason, decide, answer).await
}

impl AdministeredAccount {
    fn of(decision: &Decision, by: By, dry_run: bool) -> Result<Self, Problem> {
        let is_open = |roster: &Roster| roster.account().status != AccountStatus::Closed;
        let closes = is_open(&decision.before) && !is_open(&decision.after);
        let live = |user: &UserId| decision.before.live_member(*user, by.at).is_some();
        let members = decision.before.members().map(|member| member.user);
        Ok(Self {
            account: OperatedAccount::whole(&decision.after)?,
            shut_out: members
                .filter(|user| closes && live(user))
                .map(|user| user.to_string())
                .collect(),
            consequences: Consequences::of(decision, by, dry_run),
        })
    }
}
