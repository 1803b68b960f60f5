//! The event feed: what happened in all accounts and to all log-ins, in one order, for other systems of the provider.

mod object;

use accounts_domain::ids::{AccountId, EventId};
use accounts_domain::webhooks::EventType;
use accounts_store::{AuditEvent, FeedFilter};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use crate::audit_events::{ActorView, FieldChange, SubjectView};
use crate::describe::answer;
use crate::guards::ReadsEvents;
use crate::moment;
use crate::page::{GREATEST_LIMIT, USUAL_LIMIT};
use crate::problem::{Code, Fault, FieldCode, Place, Problem, refusal};
use crate::query::{Asked, Filters, Query};
use crate::reply::Reply;
use crate::router::{Routes, routes};
pub use object::rendered;

pub(crate) fn routes() -> Routes {
    routes![list_events]
}

/// One event, with what it is about as that is now.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct EventView {
    /// Its id.
    #[schema(example = "evt_01h455vb4pex5vsknk084sn02q")]
    pub(crate) id: String,
    /// What happened.
    #[serde(rename = "type")]
    #[schema(example = "contact.changed")]
    pub(crate) kind: String,
    /// When it happened.
    #[schema(format = DateTime)]
    pub(crate) at: String,
    /// The account that it happened in; `null` for what happened to a log-in.
    #[schema(required = true, example = "acc_01h455vb4pex5vsknk084sn02q")]
    pub(crate) account_id: Option<String>,
    /// Who did it.
    pub(crate) actor: ActorView,
    /// What it happened to.
    pub(crate) subject: SubjectView,
    /// Ids, keys and names of fields that belong to it.
    #[schema(value_type = Object, example = json!({}))]
    pub(crate) data: Map<String, Value>,
    /// What fields held and hold; both are `null` once the person is erased.
    pub(crate) changes: Vec<FieldChange>,
    /// The subject in full as it is at the moment of reading: an account, a contact, a member (a user in an account), an
    /// invitation, a request to join (while it waits), an API key, a notice, or a user, each as its own GET shows it.
    /// `null` where it is gone.
    #[schema(
        value_type = Option<Object>,
        required = true,
        example = json!({"id": "con_01h455vb4pex5vsknk084sn02q", "display_name": "Bea Lima"})
    )]
    pub(crate) object: Option<Value>,
}

impl EventView {
    fn of(event: AuditEvent, object: Option<Value>) -> Self {
        Self {
            id: event.id.to_string(),
            actor: ActorView::of(&event),
            subject: SubjectView::of(&event),
            kind: event.kind,
            at: moment::shown(event.at),
            account_id: event.account.map(|account| account.to_string()),
            data: event.data,
            changes: event.values.into_iter().map(FieldChange::of).collect(),
            object,
        }
    }
}

/// Events from somewhere on.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventPage {
    /// The events, the earliest first. There may be few, or none, and more all the same, where filters pass over many.
    #[schema(max_items = 100)]
    data: Vec<EventView>,
    /// The `after` of the next request, whether there is more already or not.
    #[schema(example = "evt_01h455vb4pex5vsknk084sn02q")]
    next_cursor: String,
    /// Whether there is more already.
    more: bool,
}

/// Which events are read.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct EventFilters {
    /// Those after this one: `next_cursor` of the answer before, or the id of any event of the feed. Without it, from the
    /// beginning.
    #[param(min_length = 30, max_length = 30, pattern = "^evt_[0-7][0-9a-hjkmnp-tv-z]{25}$", value_type = Option<String>)]
    after: Option<EventId>,
    /// How many events to answer.
    #[param(minimum = 1, maximum = 100, default = 25)]
    limit: usize,
    /// What happened: this, or any of these (`role.primary_moved`, say).
    #[param(rename = "type", max_length = 60)]
    kind: Vec<String>,
    /// In this account, or in any of these.
    #[param(max_length = 30, value_type = Vec<String>)]
    account: Vec<AccountId>,
}

impl Filters for EventFilters {
    fn read(query: &mut Query) -> Self {
        let kinds: Vec<Kind> = query.any("type");
        Self {
            after: query.value("after"),
            limit: query.number("limit", 1, GREATEST_LIMIT).unwrap_or(USUAL_LIMIT),
            kind: kinds.into_iter().map(|kind| kind.0).collect(),
            account: query.any("account"),
        }
    }
}

/// The name of a type of events.
struct Kind(String);

impl std::str::FromStr for Kind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        EventType::parse(text)
            .map(|kind| Self(kind.to_string()))
            .map_err(|_| ())
    }
}

/// Read what happened
///
/// Every change of every account and of every log-in, the earliest first, each with its difference and with the whole of
/// what it is about. Ask again with `next_cursor` as `after`, from time to time or while `more` is true: nothing is passed
/// over, however long its transaction took, and nothing comes twice. Whatever was acknowledged before the request is in
/// the feed. Differences and objects are read at that moment: a person who was erased is in none of them any more.
#[utoipa::path(
    get,
    path = "/v1/events",
    tag = "events",
    responses(
        (status = 200, description = "The events.", body = EventPage),
        answer::NotModified,
        refusal::InvalidCursor,
    )
)]
async fn list_events(caller: ReadsEvents, Asked(filters): Asked<EventFilters>) -> Result<Reply, Problem> {
    let (store, at) = (&caller.service.store, caller.by.at);
    let filter = FeedFilter {
        kinds: filters.kind,
        accounts: filters.account,
    };
    let after = filters.after.filter(|after| !after.uuid().is_nil());
    let page = store
        .feed(after, filter, filters.limit, at)
        .await?
        .ok_or_else(unknown_event)?;
    let next = page.last.unwrap_or_else(|| EventId::from_uuid(uuid::Uuid::nil()));
    Ok(Reply::ok(&EventPage {
        data: rendered(store, page.events, at).await?,
        next_cursor: next.to_string(),
        more: page.more,
    })
    .tagged_by_body())
}

fn unknown_event() -> Problem {
    let place = Place::Query("after".to_owned());
    Problem::new(Code::InvalidCursor).faults(vec![Fault::at(place, FieldCode::InvalidFormat.into())])
}
