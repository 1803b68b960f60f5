//! What events are about, as it is now.

use std::collections::BTreeSet;
use std::str::FromStr;

use accounts_domain::ids::{JoinRequestId, UserId};
use accounts_domain::join_requests::JoinRequest;
use accounts_domain::roster::Roster;
use accounts_store::{AskedAbout, AskedObjects, AuditEvent, Found, FoundObjects, Store, StoreError};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;

use super::EventView;
use crate::accounts::AccountView;
use crate::api_keys::ApiKeyView;
use crate::contacts::ContactView;
use crate::invitations::InvitationView;
use crate::join_requests::JoinRequestView;
use crate::me::UserView;
use crate::members::MemberView;
use crate::notifications::NotificationView;

/// Events as they are told, each with what it is about: a query for all accounts, and one for each other kind of thing.
///
/// # Errors
/// [`StoreError`].
pub async fn rendered(store: &Store, events: Vec<AuditEvent>, at: DateTime<Utc>) -> Result<Vec<EventView>, StoreError> {
    let scene = Scene::around(store, &events, at).await?;
    let seen = events.into_iter().map(|event| {
        let object = scene.object(&event);
        EventView::of(event, object)
    });
    Ok(seen.collect())
}

/// What events are about.
struct Scene {
    accounts: Found,
    others: FoundObjects,
    at: DateTime<Utc>,
}

impl Scene {
    async fn around(store: &Store, events: &[AuditEvent], at: DateTime<Utc>) -> Result<Self, StoreError> {
        let asked = AskedAbout {
            accounts: events.iter().filter_map(|event| event.account).collect(),
            ..AskedAbout::default()
        };
        let accounts = store.find_for_checks(asked).await?;
        let in_account = |event: &&AuditEvent| event.account.is_some();
        let mut people: BTreeSet<UserId> = all(events.iter().filter(in_account), "user");
        people.extend(events.iter().filter_map(|event| {
            let roster = accounts.account(event.account?)?;
            Some(join_request(roster, event, at)?.user)
        }));
        let asked = AskedObjects {
            users: all(events.iter().filter(|event| !in_account(event)), "user"),
            people,
            invitations: all(events.iter(), "invitation"),
            api_keys: all(events.iter(), "api_key"),
            notifications: all(events.iter(), "notification"),
        };
        let others = store.objects(asked).await?;
        Ok(Self { accounts, others, at })
    }

    fn object(&self, event: &AuditEvent) -> Option<Value> {
        let others = &self.others;
        if event.subject_kind == "api_key" {
            let (key, last_used_at) = others.api_keys.get(&id(event)?)?;
            return shown(&ApiKeyView::of(key, *last_used_at));
        }
        let Some(account) = event.account else {
            let user = (event.subject_kind == "user").then(|| id(event)).flatten()?;
            return shown(&UserView::of(others.users.get(&user)?));
        };
        let roster = self.accounts.account(account)?;
        match event.subject_kind.as_str() {
            "account" => shown(&AccountView::of(roster)),
            "contact" => shown(&ContactView::of(roster, id(event)?)?),
            "user" => shown(&MemberView::of(roster, others.people.get(&id(event)?)?, self.at)?),
            "invitation" => shown(&InvitationView::of(
                roster,
                others.invitations.get(&id(event)?)?,
                self.at,
            )),
            "join_request" => {
                let request = join_request(roster, event, self.at)?;
                shown(&JoinRequestView::of(request, others.people.get(&request.user)))
            }
            "notification" => shown(&NotificationView::of(others.notifications.get(&id(event)?)?)),
            _ => None,
        }
    }
}

/// The request to join that an event is about, while it waits.
fn join_request<'a>(roster: &'a Roster, event: &AuditEvent, at: DateTime<Utc>) -> Option<&'a JoinRequest> {
    let asked: JoinRequestId = (event.subject_kind == "join_request").then(|| id(event)).flatten()?;
    roster.join_requests(at).find(|request| request.id == asked)
}

/// All of a kind that events are about.
fn all<'a, I: FromStr + Ord>(events: impl Iterator<Item = &'a AuditEvent>, kind: &str) -> BTreeSet<I> {
    events
        .filter(|event| event.subject_kind == kind)
        .filter_map(id)
        .collect()
}

fn id<I: FromStr>(event: &AuditEvent) -> Option<I> {
    event.subject_id.parse().ok()
}

fn shown<T: Serialize>(view: &T) -> Option<Value> {
    serde_json::to_value(view).ok()
}
