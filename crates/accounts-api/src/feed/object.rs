//! What events are about, as it is now.

use std::collections::{BTreeMap, BTreeSet};

use accounts_domain::ids::{InvitationId, UserId};
use accounts_domain::members::MemberPerson;
use accounts_store::{AskedAbout, AuditEvent, Found, Store, StoreError};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;

use super::EventView;
use crate::accounts::AccountView;
use crate::contacts::ContactView;
use crate::invitations::InvitationView;
use crate::me::UserView;
use crate::members::MemberView;

/// Events as they are told, each with what it is about, in two queries for all and one for each invitation and log-in.
///
/// # Errors
/// [`StoreError`].
pub async fn rendered(store: &Store, events: Vec<AuditEvent>, at: DateTime<Utc>) -> Result<Vec<EventView>, StoreError> {
    let scene = Scene::around(store, &events).await?;
    let mut seen = Vec::with_capacity(events.len());
    for event in events {
        let object = scene.object(store, &event, at).await?;
        seen.push(EventView::of(event, object));
    }
    Ok(seen)
}

/// The accounts and the persons that events are about.
struct Scene {
    found: Found,
    people: BTreeMap<UserId, MemberPerson>,
}

impl Scene {
    async fn around(store: &Store, events: &[AuditEvent]) -> Result<Self, StoreError> {
        let asked = AskedAbout {
            accounts: events.iter().filter_map(|event| event.account).collect(),
            ..AskedAbout::default()
        };
        let members = events.iter().filter(|event| event.account.is_some());
        let members: BTreeSet<UserId> = members.filter_map(user).collect();
        let found = store.find_for_checks(asked).await?;
        let people = if members.is_empty() {
            BTreeMap::new()
        } else {
            store.people(members.into_iter().collect()).await?
        };
        Ok(Self { found, people })
    }

    async fn object(&self, store: &Store, event: &AuditEvent, at: DateTime<Utc>) -> Result<Option<Value>, StoreError> {
        let Some(account) = event.account else {
            let Some(user) = user(event) else { return Ok(None) };
            let user = store.user(user).await?;
            return Ok(user.and_then(|user| shown(&UserView::of(&user))));
        };
        let Some(roster) = self.found.account(account) else {
            return Ok(None);
        };
        let object = match event.subject_kind.as_str() {
            "account" => shown(&AccountView::of(roster)),
            "contact" => {
                let contact = event.subject_id.parse().ok();
                let view = contact.and_then(|contact| ContactView::of(roster, contact));
                view.and_then(|view| shown(&view))
            }
            "user" => {
                let person = user(event).and_then(|user| self.people.get(&user));
                let view = person.and_then(|person| MemberView::of(roster, person, at));
                view.and_then(|view| shown(&view))
            }
            "invitation" => {
                let id: Option<InvitationId> = event.subject_id.parse().ok();
                let record = match id {
                    Some(id) => store.invitation(account, id).await?,
                    None => None,
                };
                record.and_then(|record| shown(&InvitationView::of(roster, &record, at)))
            }
            _ => None,
        };
        Ok(object)
    }
}

/// The user whom an event is about.
fn user(event: &AuditEvent) -> Option<UserId> {
    (event.subject_kind == "user")
        .then(|| event.subject_id.parse().ok())
        .flatten()
}

fn shown<T: Serialize>(view: &T) -> Option<Value> {
    serde_json::to_value(view).ok()
}
