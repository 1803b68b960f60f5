//! Everything that is kept about the person who asks.

use accounts_domain::api_keys::KeyHolder;
use accounts_domain::roster::{Membership, Roster};
use accounts_domain::users::Person;
use accounts_store::AuditEvent;
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::{SessionView, UserView};
use crate::api_keys::ApiKeyView;
use crate::audit_events::AuditEventView;
use crate::contacts::ContactView;
use crate::describe::answer;
use crate::guards::Reauthenticated;
use crate::invitations::{MyInvitationView, offered};
use crate::join_requests::MyJoinRequestView;
use crate::limits::Limits;
use crate::moment;
use crate::problem::{Problem, refusal};
use crate::reply::{Reply, attached};
use crate::router::{Routes, routes};

/// How many events are told at most, the latest ones.
const EVENTS: i64 = 5_000;

/// How many invitations and requests are told at most, the latest ones: more than anybody has waiting.
const WAITING: i64 = 1_000;

pub(super) fn routes() -> Routes {
    routes![export_me]
}

/// A place in an account.
#[derive(Debug, Serialize, ToSchema)]
pub struct OwnMembership {
    /// The account.
    #[schema(example = "acc_01h455vb4pex5vsknk084sn02q")]
    account_id: String,
    /// Its name.
    #[schema(example = "Lima Ltd")]
    account_name: String,
    /// Whether the person owns the account.
    owner: bool,
    /// `active`, `suspended` or `expired`.
    #[schema(example = "active")]
    status: String,
    /// Whether the person may do everything.
    all_permissions: bool,
    /// What the person may do; empty where it is everything.
    permissions: Vec<String>,
    /// The categories that the person wishes to receive.
    subscriptions: Vec<String>,
    /// When it ends by itself.
    #[schema(required = true, format = DateTime)]
    expires_at: Option<String>,
    /// When it began.
    #[schema(format = DateTime)]
    created_at: String,
    /// The contact that the person is there.
    #[schema(required = true)]
    contact: Option<ContactView>,
}

/// A change of the address that waits, or that can be undone.
#[derive(Debug, Serialize, ToSchema)]
pub struct OwnEmailChange {
    /// The address when it was asked for.
    #[schema(example = "ana@lima.example")]
    from: String,
    /// The address that was asked for.
    #[schema(example = "ana@new.example")]
    to: String,
    /// When the link to the new address ends.
    #[schema(format = DateTime)]
    expires_at: String,
}

/// An event that tells of the person.
#[derive(Debug, Serialize, ToSchema)]
pub struct OwnEvent {
    /// In the log of which account it stands; in the person's own log where it is none.
    #[schema(required = true)]
    account_id: Option<String>,
    /// What happened, in an account with the values alone that are the person's own.
    #[serde(flatten)]
    event: AuditEventView,
}

/// Everything that holds for a person, and what the audit logs tell of it. Passwords, secrets and tokens are in no answer;
/// what has ended, and mails that were sent, are cleared away by themselves.
#[derive(Debug, Serialize, ToSchema)]
pub struct PersonView {
    /// The log-in.
    user: UserView,
    /// Whether a password is set.
    has_password: bool,
    /// Whether a second factor is in force.
    has_second_factor: bool,
    /// When the person last logged in.
    #[schema(required = true, format = DateTime)]
    last_login_at: Option<String>,
    /// The sessions that can still be used.
    sessions: Vec<SessionView>,
    /// The API keys that act as the person.
    api_keys: Vec<ApiKeyView>,
    /// Changes of the address.
    email_changes: Vec<OwnEmailChange>,
    /// The places in accounts, with the contacts that the person is there.
    memberships: Vec<OwnMembership>,
    /// The invitations that wait.
    #[schema(max_items = 1000)]
    invitations: Vec<MyInvitationView>,
    /// The requests to join that wait.
    #[schema(max_items = 1000)]
    join_requests: Vec<MyJoinRequestView>,
    /// What the audit logs tell of the person, the latest first.
    #[schema(max_items = 5000)]
    events: Vec<OwnEvent>,
    /// Whether those are all of them; else they are the latest 5,000.
    all_events: bool,
}

impl OwnMembership {
    fn of(roster: &Roster, member: &Membership, at: DateTime<Utc>) -> Self {
        let account = roster.account();
        let owner = member.contact == Some(roster.owner());
        let (all_permissions, permissions) = offered(&member.permissions);
        Self {
            account_id: account.id.to_string(),
            account_name: account.profile.name.to_string(),
            owner,
            status: member.standing(at).as_str().to_owned(),
            all_permissions: owner || all_permissions,
            permissions: if owner { Vec::new() } else { permissions },
            subscriptions: crate::contacts::keys(&member.subscriptions),
            expires_at: member.expires_at.map(moment::shown),
            created_at: moment::shown(member.created_at),
            contact: member.contact.and_then(|contact| ContactView::of(roster, contact)),
        }
    }
}

impl OwnEvent {
    fn of(event: AuditEvent) -> Self {
        Self {
            account_id: event.account.map(|account| account.to_string()),
            event: AuditEventView::of(event),
        }
    }
}

/// Export everything about me
///
/// One document: the log-in, sessions and keys without their secrets, places in accounts with the contacts that the caller is
/// there, invitations, requests, and what the audit logs tell of the caller, also as a contact that was removed since.
/// Sessions, invitations and requests that have ended, and mails that were sent, are not in it; they are cleared away by
/// themselves.
#[utoipa::path(
    get,
    path = "/v1/me/export",
    tag = "me",
    responses(
        (status = 200, description = "Everything about the caller.", body = PersonView),
        answer::NotModified,
        refusal::TooManyRequests,
    )
)]
async fn export_me(person: Reauthenticated) -> Result<Reply, Problem> {
    let (store, user, at) = (&person.service.store, person.user.id, person.by.at);
    Limits::exports_of(&person.name()).admit(&person.service, at).await?;
    let known = store.person(user).await?.ok_or_else(Problem::not_found)?;
    let rosters = store.places_of(user).await?;
    let invitations = store.invitations_to(user, None, WAITING, at).await?;
    let asked = store.join_requests_of(user, None, WAITING, at).await?;
    let mut events = store.audit_events_of_person(user, EVENTS + 1).await?;
    let most = usize::try_from(EVENTS).unwrap_or(usize::MAX);
    let all_events = events.len() <= most;
    events.truncate(most);
    let places = rosters.iter().filter_map(|roster| Some((roster, roster.member(user)?)));
    let Person {
        user: known_user,
        sessions,
        api_keys,
        email_changes,
        ..
    } = &known;
    let last_used = store
        .key_uses(KeyHolder::Customer, api_keys.keys().copied().collect())
        .await?;
    let live = sessions.values().filter(|session| session.is_live(at));
    let view = PersonView {
        user: UserView::of(known_user),
        has_password: known_user.password_hash.is_some(),
        has_second_factor: known_user.second_factor.is_some(),
        last_login_at: known_user.last_login_at.map(moment::shown),
        sessions: live.map(|session| SessionView::of(session, person.session)).collect(),
        api_keys: api_keys
            .values()
            .map(|key| ApiKeyView::of(key, last_used.get(&key.id).copied()))
            .collect(),
        email_changes: email_changes
            .values()
            .map(|change| OwnEmailChange {
                from: change.from.to_string(),
                to: change.to.to_string(),
                expires_at: moment::shown(change.expires_at),
            })
            .collect(),
        memberships: places
            .map(|(roster, member)| OwnMembership::of(roster, member, at))
            .collect(),
        invitations: invitations
            .iter()
            .map(|(roster, record)| MyInvitationView::of(roster, record, at))
            .collect(),
        join_requests: asked.iter().map(MyJoinRequestView::of).collect(),
        events: events.into_iter().map(OwnEvent::of).collect(),
        all_events,
    };
    Ok(attached(Reply::ok(&view), "me.json")?.tagged_by_body())
}
