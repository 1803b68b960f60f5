//! Notices to the categories of accounts: sent by integrations, tried by members, and what has become of each mail.

use std::collections::BTreeMap;
use std::str::FromStr;

use accounts_domain::change::Change;
use accounts_domain::ids::{AccountId, NotificationId};
use accounts_domain::keys::CategoryKey;
use accounts_domain::language::Language;
use accounts_domain::names::{NoticeSubject, NoticeText};
use accounts_domain::notifications::{
    Delivery, DeliveryState, Message, NoticeContent, NoticeWords, Notification, SendNotice, Told,
};
use accounts_domain::recipients::Opener;
use accounts_domain::roster::Roster;
use accounts_store::{Decision, DeliveryRecord, NotificationRecord, Sender};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::body::{Checked, Faults, Parse};
use crate::describe::{answer, id_schema};
use crate::guards::{ManagesNotifications, NotifiesAccount, SendsNotifications, ViewsNotifications};
use crate::idempotency::Idempotency;
use crate::limits::Limits;
use crate::moment;
use crate::page::{Page, Paging, page};
use crate::path::path_values;
use crate::problem::{FieldCode, Problem, refusal};
use crate::recipients::GroundView;
use crate::reply::Reply;
use crate::router::{Routes, routes};
use crate::service::Service;

path_values! {
    /// The notice.
    PathNotification(NotificationId) = "notification", id_schema("ntf");
}

pub(crate) fn routes() -> Routes {
    routes![
        list_notifications,
        send_notification,
        send_test_notification,
        read_notification,
        list_sent_notifications,
        read_sent_notification,
    ]
}

/// What has become of one recipient's mail.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DeliveryView {
    /// The contact.
    #[schema(required = true, example = "con_01h455vb4pex5vsknk084sn02q")]
    contact_id: Option<String>,
    /// The member.
    #[schema(required = true, example = "usr_01h455vb4pex5vsknk084sn02q")]
    user_id: Option<String>,
    /// Where the mail goes, or went.
    #[schema(example = "bea@lima.example")]
    address: String,
    /// The recipient's language.
    #[schema(example = "en")]
    language: &'static str,
    /// `to` for whom the notice is addressed to, `cc` for whom gets a copy.
    #[schema(example = "to")]
    part: &'static str,
    /// Every reason to be told, at least one.
    reasons: Vec<GroundView>,
    /// `queued` (it waits, or is tried again), `sent` (a server has accepted it), `failed` (it is given up) or
    /// `withdrawn` (the recipient was none any more when it was to be sent). New words may come.
    #[schema(example = "sent")]
    state: &'static str,
    /// Why it was withdrawn: a word of `exclusion` in the recipients, `no_reason` or `account_closed`.
    #[schema(required = true, example = "unverified")]
    withdrawn: Option<&'static str>,
    /// How often it was tried.
    #[schema(minimum = 0, maximum = 1000)]
    attempts: u32,
    /// When it is tried next.
    #[schema(format = DateTime, required = true)]
    next_attempt_at: Option<String>,
    /// When it was sent, given up or withdrawn.
    #[schema(format = DateTime, required = true)]
    ended_at: Option<String>,
    /// What kept the last try from succeeding, as the mail server says it: text from outside, which whoever shows it
    /// escapes.
    #[schema(required = true, max_length = 500)]
    error: Option<String>,
}

/// A notice and what has become of it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct NotificationView {
    /// Its id.
    #[schema(example = "ntf_01h455vb4pex5vsknk084sn02q")]
    id: String,
    /// The account.
    #[schema(example = "acc_01h455vb4pex5vsknk084sn02q")]
    account_id: String,
    /// `notice` of the provider, or `test`.
    #[schema(example = "notice")]
    kind: &'static str,
    /// The category.
    #[schema(example = "invoice")]
    category: String,
    /// Who opened what it is about.
    #[schema(required = true, example = "con_01h455vb4pex5vsknk084sn02q")]
    opened_by: Option<String>,
    /// What stands above it, by language; nothing for a test.
    #[schema(required = true)]
    subjects: Option<BTreeMap<&'static str, String>>,
    /// The step that found whom it is addressed to when it was queued, as in the recipients.
    #[schema(example = "primary_holder")]
    step: &'static str,
    /// Its mails, one for each recipient.
    recipients: Vec<DeliveryView>,
    /// When it was queued.
    #[schema(format = DateTime)]
    created_at: String,
}

page! {
    /// A page of notices.
    NotificationPage of NotificationView
}

impl DeliveryView {
    fn of(record: &DeliveryRecord) -> Self {
        let Delivery {
            contact,
            user,
            address,
            language,
            part,
            grounds,
            state,
            ..
        } = &record.delivery;
        let (state, withdrawn) = match state {
            DeliveryState::Waiting | DeliveryState::Underway => ("queued", None),
            DeliveryState::Sent => ("sent", None),
            DeliveryState::Failed => ("failed", None),
            DeliveryState::Withdrawn(reason) => ("withdrawn", Some(reason.as_str())),
        };
        Self {
            contact_id: contact.map(|contact| contact.to_string()),
            user_id: user.map(|user| user.to_string()),
            address: address.to_string(),
            language: language.as_str(),
            part: part.as_str(),
            reasons: GroundView::all(grounds),
            state,
            withdrawn,
            attempts: record.attempts,
            next_attempt_at: record.next_attempt_at.map(moment::shown),
            ended_at: record.ended_at.map(moment::shown),
            error: record.last_error.clone(),
        }
    }

    fn queued(told: &Told, at: &str) -> Self {
        let Told { recipient, part } = told;
        Self {
            contact_id: recipient.contact.map(|contact| contact.to_string()),
            user_id: recipient.user.map(|user| user.to_string()),
            address: recipient.address.to_string(),
            language: recipient.language.as_str(),
            part: part.as_str(),
            reasons: GroundView::all(&recipient.grounds),
            state: "queued",
            withdrawn: None,
            attempts: 0,
            next_attempt_at: Some(at.to_owned()),
            ended_at: None,
            error: None,
        }
    }
}

impl NotificationView {
    pub(crate) fn of(record: &NotificationRecord) -> Self {
        let recipients = record.deliveries.iter().map(DeliveryView::of).collect();
        Self::with(record.account, &record.notification, recipients)
    }

    /// What a decision has queued.
    fn queued(decision: &Decision) -> Option<Self> {
        decision.changes.iter().find_map(|change| {
            let Change::NotificationQueued { notification, told } = change else {
                return None;
            };
            let at = moment::shown(notification.created_at);
            let recipients = told.iter().map(|told| DeliveryView::queued(told, &at)).collect();
            Some(Self::with(decision.after.account().id, notification, recipients))
        })
    }

    fn with(account: AccountId, notification: &Notification, recipients: Vec<DeliveryView>) -> Self {
        let subjects = match &notification.message {
            Message::Notice { content, .. } => {
                let words = content.words().iter();
                let subject =
                    |(language, words): (&Language, &NoticeWords)| (language.as_str(), words.subject.to_string());
                Some(words.map(subject).collect())
            }
            Message::Test => None,
        };
        Self {
            id: notification.id.to_string(),
            account_id: account.to_string(),
            kind: notification.message.kind(),
            category: notification.category.to_string(),
            opened_by: notification.opened_by.map(Opener::id),
            subjects,
            step: notification.step.as_str(),
            recipients,
            created_at: moment::shown(notification.created_at),
        }
    }
}

/// What a notice says in one language.
#[derive(Debug, Deserialize, ToSchema)]
pub struct WordsBody {
    /// What stands above it, in one line.
    #[schema(
        required = true,
        nullable = false,
        min_length = 1,
        max_length = 200,
        example = "Your invoice of November"
    )]
    subject: Option<String>,
    /// The text. An empty line separates paragraphs; nothing in it is markup.
    #[schema(
        required = true,
        nullable = false,
        min_length = 1,
        max_length = 10000,
        example = "It is in your client area."
    )]
    text: Option<String>,
}

impl WordsBody {
    fn parse(self, faults: &mut Faults) -> Option<NoticeWords> {
        let subject = faults.text("subject", self.subject, NoticeSubject::parse);
        let text = faults.text("text", self.text, NoticeText::parse);
        Some(NoticeWords {
            subject: subject?,
            text: text?,
        })
    }
}

/// What a notice says, in one language at least. A reader of another one gets English, or else what there is.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(min_properties = 1)]
pub struct ContentBody {
    /// In English.
    en: Option<WordsBody>,
    /// In French.
    fr: Option<WordsBody>,
}

impl ContentBody {
    fn parse(self, faults: &mut Faults) -> Option<NoticeContent> {
        if self.en.is_none() && self.fr.is_none() {
            faults.add_here(FieldCode::Required);
            return None;
        }
        let mut words = BTreeMap::new();
        for (language, body) in [(Language::En, self.en), (Language::Fr, self.fr)] {
            let parsed = body.and_then(|body| body.parse(&mut faults.within(language.as_str())));
            words.extend(parsed.map(|parsed| (language, parsed)));
        }
        NoticeContent::new(words)
    }
}

/// A notice to a category.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({
    "category": "invoice",
    "content": {
        "en": {"subject": "Your invoice of November", "text": "It is in your client area."},
        "fr": {"subject": "Votre facture de novembre", "text": "Elle est dans votre espace client."},
    },
}))]
pub struct NotificationBody {
    /// The category of the catalog whose recipients are told.
    #[schema(required = true, nullable = false, pattern = "^[a-z][a-z0-9_]{0,39}$")]
    category: Option<String>,
    /// Who opened what it is about, a ticket say: the id of a contact or of a user of the account.
    #[schema(
        min_length = 30,
        max_length = 30,
        pattern = "^(con|usr)_[0-7][0-9a-hjkmnp-tv-z]{25}$"
    )]
    opened_by: Option<String>,
    /// What it says.
    #[schema(required = true, nullable = false)]
    content: Option<ContentBody>,
}

/// A notice that was read.
#[derive(Debug)]
pub struct NewNotice {
    category: CategoryKey,
    opened_by: Option<Opener>,
    content: NoticeContent,
}

impl Parse for NotificationBody {
    type Parsed = NewNotice;

    fn parse(self, faults: &mut Faults) -> Option<NewNotice> {
        let category = category_of(self.category, faults);
        let opened_by = faults.optional_text("opened_by", self.opened_by, |text| {
            Opener::from_str(text).map_err(|_| FieldCode::InvalidFormat)
        });
        let content = faults.required("content", self.content);
        let content = content.and_then(|content| content.parse(&mut faults.within("content")));
        faults.is_empty().then_some(())?;
        Some(NewNotice {
            category: category?,
            opened_by,
            content: content?,
        })
    }
}

/// The category that is tried.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"category": "invoice"}))]
pub struct TestNotificationBody {
    /// The category of the catalog whose recipients are told.
    #[schema(required = true, nullable = false, pattern = "^[a-z][a-z0-9_]{0,39}$")]
    category: Option<String>,
}

impl Parse for TestNotificationBody {
    type Parsed = CategoryKey;

    fn parse(self, faults: &mut Faults) -> Option<CategoryKey> {
        category_of(self.category, faults)
    }
}

fn category_of(text: Option<String>, faults: &mut Faults) -> Option<CategoryKey> {
    faults.text("category", text, |text| {
        text.parse().map_err(|_| FieldCode::InvalidFormat)
    })
}

/// Refuses a category that the catalog does not have, where it stands in the body.
fn require_known(service: &Service, category: &CategoryKey) -> Result<(), Problem> {
    let known = service.store.catalog().category(category);
    known
        .map(|_| ())
        .ok_or_else(|| Problem::invalid_field("/category", FieldCode::UnknownCategory))
}

/// List the notices of an account
///
/// What the account was told, the latest first, with the state of each recipient's mail. They are remembered for as long
/// as their mails are.
#[utoipa::path(
    get,
    path = "/v1/accounts/{account}/notifications",
    tag = "notifications",
    responses((status = 200, description = "A page of notices.", body = NotificationPage), answer::NotModified)
)]
async fn list_notifications(member: ViewsNotifications, paging: Paging<String>) -> Result<Reply, Problem> {
    let page = listed(&member.person.service, Sender::Account(member.account), paging).await?;
    Ok(page.reply().tagged_by_body())
}

/// Read a notice of an account
///
/// With the state of each recipient's mail.
#[utoipa::path(
    get,
    path = "/v1/accounts/{account}/notifications/{notification}",
    tag = "notifications",
    responses((status = 200, description = "The notice.", body = NotificationView), answer::NotModified)
)]
async fn read_notification(
    member: ViewsNotifications,
    PathNotification(id): PathNotification,
) -> Result<Reply, Problem> {
    read(&member.person.service, Sender::Account(member.account), id).await
}

/// Send a notice to a category
///
/// The recipients of the category are worked out, a mail to each is queued, and the answer says who they are; nothing waits
/// for a mail server. When a mail is sent, they are worked out again: whoever has lost the place meanwhile is not told, and
/// whoever has taken it is. A suspended account is told, too. Nobody at all may be told, which `step` says (`nobody`). At
/// most ten thousand an hour of one integration to one account.
#[utoipa::path(
    post,
    path = "/v1/accounts/{account}/notifications",
    tag = "notifications",
    responses(
        (status = 201, description = "The notice, which waits to be sent.", body = NotificationView),
        refusal::AccountClosed,
        refusal::TooManyRequests,
    )
)]
async fn send_notification(
    NotifiesAccount { caller, account }: NotifiesAccount,
    Checked(notice): Checked<NotificationBody>,
    key: Idempotency,
) -> Result<Reply, Problem> {
    require_known(&caller.service, &notice.category)?;
    let from = caller.integration.id;
    let id = NotificationId::new();
    let command = SendNotice {
        id,
        category: notice.category,
        opened_by: notice.opened_by,
        from,
        content: notice.content,
    };
    key.once(&caller.service, &from.to_string(), |keep| async {
        let service = &caller.service;
        let at = caller.by.at;
        let readers = service.store.readers(account).await?;
        let limits = Limits::notices_to(account, from);
        limits.admit(service, at).await?;
        let answer = move |decision: &Decision| created(&format!("/v1/notifications/{id}"), decision);
        let decide = move |roster: &Roster| roster.send_notice(&command, &readers, at);
        let act = caller.act_keeping(keep);
        let kept = move |decision: &Decision| answer(decision).kept();
        let decided = service.store.decide(account, &act, decide, kept).await;
        service.mail_waits.notify_one();
        if decided.is_err()
            && let Err(problem) = limits.forgive(service).await
        {
            tracing::warn!(cause = %problem, "a notice that was refused counts all the same");
        }
        Ok(answer(&decided?))
    })
    .await
}

/// Send a test message to a category
///
/// Everybody who would receive a notice of the category gets a message that says it is a test, so that one can see whether
/// notices arrive. At most twenty an hour for each account.
#[utoipa::path(
    post,
    path = "/v1/accounts/{account}/notifications/test",
    tag = "notifications",
    responses(
        (status = 201, description = "The message, which waits to be sent.", body = NotificationView),
        refusal::AccountSuspended,
        refusal::TooManyRequests,
    )
)]
async fn send_test_notification(
    member: ManagesNotifications,
    Checked(category): Checked<TestNotificationBody>,
    key: Idempotency,
) -> Result<Reply, Problem> {
    let service = &member.person.service;
    require_known(service, &category)?;
    let (account, id, caller) = (member.account, NotificationId::new(), member.person.name());
    key.once(service, &caller, |keep| async {
        let readers = service.store.readers(account).await?;
        let decide = move |roster: &Roster, by| roster.send_test(by, id, &category, &readers);
        member.preview(&decide)?;
        Limits::tests_of(account).admit(service, member.by().at).await?;
        let location = format!("/v1/accounts/{account}/notifications/{id}");
        let answer = move |decision: &Decision| created(&location, decision);
        member.decide_kept(keep, decide, answer).await
    })
    .await
}

/// List the notices of the calling integration
///
/// What it has sent to whichever account, the latest first, with the state of each recipient's mail.
#[utoipa::path(
    get,
    path = "/v1/notifications",
    tag = "integrations",
    responses((status = 200, description = "A page of notices.", body = NotificationPage), answer::NotModified)
)]
async fn list_sent_notifications(caller: SendsNotifications, paging: Paging<String>) -> Result<Reply, Problem> {
    let page = listed(&caller.service, Sender::Integration(caller.integration.id), paging).await?;
    Ok(page.reply().tagged_by_body())
}

/// Read a notice of the calling integration
///
/// With the state of each recipient's mail. What another integration has sent is not there.
#[utoipa::path(
    get,
    path = "/v1/notifications/{notification}",
    tag = "integrations",
    responses((status = 200, description = "The notice.", body = NotificationView), answer::NotModified)
)]
async fn read_sent_notification(
    caller: SendsNotifications,
    PathNotification(id): PathNotification,
) -> Result<Reply, Problem> {
    read(&caller.service, Sender::Integration(caller.integration.id), id).await
}

async fn listed(service: &Service, whose: Sender, paging: Paging<String>) -> Result<Page<NotificationView>, Problem> {
    let after = paging.after.as_deref().and_then(|id| id.parse().ok());
    let limit = i64::try_from(paging.limit + 1).unwrap_or(i64::MAX);
    let found = service.store.notifications(whose, after, limit).await?;
    let page = paging.page(found, |record| record.notification.id.to_string());
    Ok(page.map(|record| NotificationView::of(&record)))
}

async fn read(service: &Service, whose: Sender, id: NotificationId) -> Result<Reply, Problem> {
    let found = service.store.notification(whose, id).await?;
    let record = found.ok_or_else(Problem::not_found)?;
    Ok(Reply::ok(&NotificationView::of(&record)).tagged_by_body())
}

/// 201 with the notice that a decision has queued.
fn created(location: &str, decision: &Decision) -> Reply {
    let Some(view) = NotificationView::queued(decision) else {
        return Reply::no_content();
    };
    Reply::created(location, &view).tagged_by_body()
}
