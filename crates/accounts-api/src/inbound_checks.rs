//! Inbound checks: whose address sent a mail, whether it speaks for an account, and who is told.

use accounts_domain::access_checks::Login;
use accounts_domain::address::EmailAddress;
use accounts_domain::catalog::{Category, InboundRight};
use accounts_domain::inbound_checks::{Authority, Mailed, Sender, Silence, Voice};
use accounts_domain::keys::CategoryKey;
use accounts_domain::language::Language;
use accounts_domain::names::ExternalId;
use accounts_domain::recipients::{Opener, Readers};
use accounts_domain::roster::Roster;
use accounts_store::{IncomingMail, NamedAccount};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::body::{Checked, Faults, Parse};
use crate::guards::ChecksInbound;
use crate::problem::{FieldCode, Problem};
use crate::recipients::{OpenerId, RecipientsView};
use crate::reply::Reply;
use crate::router::{Routes, routes};
use crate::texts::Wanted;

/// How many accounts an answer lists.
const AT_ONCE: usize = 100;

pub(crate) fn routes() -> Routes {
    routes![check_inbound]
}

/// A mail that came in. Of all addresses in it the sender's alone is asked about: whoever stands in copy speaks for nobody.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"sender": "bea@lima.example", "category": "ticket_reply"}))]
pub struct InboundCheckBody {
    /// The address that sent it.
    #[schema(required = true, nullable = false, min_length = 3, max_length = 254, format = Email)]
    sender: Option<String>,
    /// The account that it concerns, if that is known.
    #[schema(min_length = 30, max_length = 30, pattern = "^acc_[0-7][0-9a-hjkmnp-tv-z]{25}$")]
    account_id: Option<String>,
    /// The same by the provider's number.
    #[schema(min_length = 1, max_length = 100)]
    external_id: Option<String>,
    /// The category of what it is about: the department that tickets are addressed to (K-24). With it the answer says who
    /// is told.
    #[schema(pattern = "^[a-z][a-z0-9_]{0,39}$", example = "ticket_reply")]
    category: Option<String>,
    /// Who opened the ticket that it answers: the id of a contact or of a user. Without a category a contact that is not the
    /// owner is heard on its own tickets alone, where the catalog has a category of which that holds (K-16).
    #[schema(
        min_length = 30,
        max_length = 30,
        pattern = "^(con|usr)_[0-7][0-9a-hjkmnp-tv-z]{25}$"
    )]
    opened_by: Option<String>,
}

/// A mail that was read.
#[derive(Debug)]
pub struct InboundQuestion {
    sender: EmailAddress,
    account: Option<NamedAccount>,
    category: Option<CategoryKey>,
    opened_by: Option<Opener>,
}

impl Parse for InboundCheckBody {
    type Parsed = InboundQuestion;

    fn parse(self, faults: &mut Faults) -> Option<InboundQuestion> {
        if self.account_id.is_some() && self.external_id.is_some() {
            faults.add("account_id", FieldCode::Contradictory);
        }
        let sender = faults.text("sender", self.sender, EmailAddress::parse);
        let id = faults.optional_text("account_id", self.account_id, |text| {
            text.parse().map_err(|_| FieldCode::InvalidFormat)
        });
        let external_id = faults.optional_text("external_id", self.external_id, ExternalId::parse);
        let category = faults.optional_text("category", self.category, |text| {
            text.parse().map_err(|_| FieldCode::InvalidFormat)
        });
        let opener: Option<OpenerId> = faults.optional_text("opened_by", self.opened_by, |text| {
            text.parse().map_err(|()| FieldCode::InvalidFormat)
        });
        faults.is_empty().then_some(())?;
        Some(InboundQuestion {
            sender: sender?,
            account: id.map(NamedAccount::Id).or(external_id.map(NamedAccount::ExternalId)),
            category,
            opened_by: opener.map(|opener| opener.opener),
        })
    }
}

/// Why a sender is heard.
#[derive(Debug, Serialize, ToSchema)]
pub struct VoiceView {
    /// `contact`, `owner`, `permission` or `unknown_sender`.
    #[schema(example = "contact")]
    kind: &'static str,
    /// The permission, where one is the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "tickets:open")]
    permission: Option<String>,
}

/// Who the sender is in one account, and what it may do there.
#[derive(Debug, Serialize, ToSchema)]
pub struct InboundAccount {
    /// The account; `null` where the one that was named is not there.
    #[schema(required = true, example = "acc_01h455vb4pex5vsknk084sn02q")]
    account_id: Option<String>,
    /// The provider's number of it.
    #[schema(required = true)]
    external_id: Option<String>,
    /// The contact whose address it is, verified or not.
    #[schema(required = true, example = "con_01h455vb4pex5vsknk084sn02q")]
    contact_id: Option<String>,
    /// The member who logs in with it.
    #[schema(required = true, example = "usr_01h455vb4pex5vsknk084sn02q")]
    user_id: Option<String>,
    /// What the sender may do by mail: `open` (and answer) tickets, `reply` to them, or `none`.
    #[schema(example = "open")]
    right: &'static str,
    /// Why, in one word. If something: `contact`, `owner`, `permission` or `unknown_sender`. If `none`: `unknown_account`,
    /// `account_suspended`, `account_closed`, `unverified`, `opener_elsewhere` (the ticket is another account's),
    /// `not_own_item`, `contacts_not_heard`, `user_suspended`, `member_suspended`, `membership_expired`, `lacks_permission`
    /// or `unknown_sender`. New words may come.
    #[schema(example = "contact")]
    reason: &'static str,
    /// Every reason why the sender may do something; none where it may not.
    reasons: Vec<VoiceView>,
    /// Who is told of it; `null` without a category, and where the sender may do nothing.
    #[schema(required = true)]
    recipients: Option<RecipientsView>,
}

/// Whose mail it is.
#[derive(Debug, Serialize, ToSchema)]
pub struct InboundAnswer {
    /// The address that was asked about, as it is compared.
    #[schema(example = "bea@lima.example")]
    sender: String,
    /// Every account that knows the address, by id, and none guessed among them; the named one alone, where one was named.
    #[schema(max_items = 100)]
    accounts: Vec<InboundAccount>,
    /// Whether more accounts know it than are listed. Those where the address is proven come before others.
    more: bool,
    /// What the catalog lets senders do whom no account knows: `open`, `reply` or `none`. It counts where `accounts` is
    /// empty, and where each account in it has `unverified`: anybody can write an address down.
    #[schema(example = "none")]
    unknown_senders: &'static str,
}

impl VoiceView {
    fn of(voice: &Voice) -> Self {
        let (kind, permission) = match voice {
            Voice::Contact => ("contact", None),
            Voice::Owner => ("owner", None),
            Voice::Permission(key) => ("permission", Some(key.to_string())),
            Voice::UnknownSender => ("unknown_sender", None),
        };
        Self { kind, permission }
    }
}

impl InboundAccount {
    fn of(roster: &Roster, sender: &Sender, recipients: Option<RecipientsView>) -> Self {
        let (reason, reasons) = match &sender.authority {
            Authority::Heard(_, voices) => {
                let reasons: Vec<VoiceView> = voices.iter().map(VoiceView::of).collect();
                (reasons.first().map_or("", |first| first.kind), reasons)
            }
            Authority::Unheard(silence) => (silence.as_str(), Vec::new()),
        };
        let account = roster.account();
        Self {
            account_id: Some(account.id.to_string()),
            external_id: account.external_id.as_ref().map(ToString::to_string),
            contact_id: sender.contact.map(|contact| contact.to_string()),
            user_id: sender.user.map(|user| user.to_string()),
            right: sender.authority.right().as_str(),
            reason,
            reasons,
            recipients,
        }
    }

    fn not_there() -> Self {
        Self {
            account_id: None,
            external_id: None,
            contact_id: None,
            user_id: None,
            right: InboundRight::None.as_str(),
            reason: Silence::UnknownAccount.as_str(),
            reasons: Vec::new(),
            recipients: None,
        }
    }
}

impl InboundQuestion {
    fn category<'c>(&self, caller: &'c ChecksInbound) -> Result<Option<&'c Category>, Problem> {
        let Some(key) = &self.category else { return Ok(None) };
        let unknown = || Problem::invalid_field("/category", FieldCode::UnknownCategory);
        let found = caller.service.store.catalog().category(key).ok_or_else(unknown)?;
        Ok(Some(found))
    }

    /// What holds in one account; the recipients are worked out where a category is given.
    fn answered_by(
        &self,
        roster: &Roster,
        readers: &Readers,
        category: Option<&Category>,
        opener_elsewhere: bool,
        at: DateTime<Utc>,
        language: Language,
    ) -> Result<InboundAccount, Problem> {
        let mail = Mailed {
            sender: &self.sender,
            login: Login::among(readers, &self.sender),
            category,
            opened_by: self.opened_by,
            opener_elsewhere,
            account_named: self.account.is_some(),
        };
        let sender = roster.sender(mail, at);
        let recipients = match category.filter(|_| sender.authority.right() != InboundRight::None) {
            Some(category) => {
                let opener = roster.opener_of(self.opened_by, &sender);
                let resolution = roster.recipients(&category.key, opener, readers, at)?;
                Some(RecipientsView::of(category, &resolution, language))
            }
            None => None,
        };
        Ok(InboundAccount::of(roster, &sender, recipients))
    }
}

/// Check a sender
///
/// For a mail that came in: every account that knows the sender's address, as a contact's (main or more) or as the one that
/// a member logs in with; what it may do there by mail, and why; and, with a category, who is told. Where several accounts
/// know it, all are listed and none is guessed. An address that was never proven speaks for nobody, and only the sender
/// counts: an address in copy never becomes the requester. With `opened_by` of a ticket, contacts answer their own alone
/// where the category says so; without it a new ticket is meant, which the sender opens. All of it is worked out anew for
/// each request, so that a change counts from the next one on.
#[utoipa::path(
    post,
    path = "/v1/inbound-checks",
    tag = "integrations",
    responses((status = 200, description = "Whose mail it is.", body = InboundAnswer))
)]
async fn check_inbound(
    caller: ChecksInbound,
    Wanted(language): Wanted,
    Checked(question): Checked<InboundCheckBody>,
) -> Result<Reply, Problem> {
    let category = question.category(&caller)?;
    let mail = IncomingMail {
        sender: question.sender.clone(),
        account: question.account.clone(),
        readers: category.is_some(),
        most: AT_ONCE,
    };
    let found = caller.service.store.accounts_of_mail(mail).await?;
    let is_unknown = |opener: &Opener| found.accounts.values().any(|(roster, _)| !roster.knows(*opener));
    let opener_elsewhere = match question.opened_by.filter(is_unknown) {
        Some(opener) => caller.service.store.has_a_place(opener).await?,
        None => false,
    };
    let mut answers = Vec::new();
    for (roster, readers) in found.accounts.values() {
        answers.push(question.answered_by(roster, readers, category, opener_elsewhere, caller.by.at, language)?);
    }
    if question.account.is_some() && answers.is_empty() {
        answers.push(InboundAccount::not_there());
    }
    let unknown_senders = caller.service.store.catalog().inbound().unknown_senders;
    Ok(Reply::ok(&InboundAnswer {
        sender: question.sender.key().to_owned(),
        accounts: answers,
        more: found.more,
        unknown_senders: unknown_senders.as_str(),
    })
    .in_language(language))
}
