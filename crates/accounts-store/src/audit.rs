//! The audit log: written with each change, never changed, read page by page.

use std::collections::{BTreeMap, BTreeSet};

use accounts_domain::audit::{Datum, Entry};
use accounts_domain::ids::{AccountId, EventId, UserId};
use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Nullable, Text};
use serde_json::{Map, Value};

use crate::backend::{Conn, insert_all};
use crate::error::{Fault, StoreError};
use crate::rows::{from_json, instant, parse, parse_maybe, stored, to_json};
use crate::schema::{audit_events, audit_values, contacts, memberships, users};
use crate::store::{Act, Store};

/// Whose log an event stands in.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Origin {
    /// An account's.
    Account(AccountId),
    /// A user's own.
    User(UserId),
    /// The provider's.
    Provider,
}

/// One event of a log, as it is read.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEvent {
    /// Its id.
    pub id: EventId,
    /// In the log of which account it stands.
    pub account: Option<AccountId>,
    /// Or of which user; in neither it is the provider's own.
    pub user: Option<UserId>,
    /// The decision that it belongs to: decisions of an account count from 1 without a gap.
    pub revision: i64,
    /// Its place within the decision, from 0.
    pub position: i32,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// Who did it: `system`, `user`, `key`, `integration`, `operator` or `link`.
    pub actor_kind: String,
    /// The id of the user, the key, the integration or the operator, where one did.
    pub actor_id: Option<String>,
    /// The user who made the key, or in whose place the operator did it.
    pub on_behalf_of: Option<String>,
    /// What happened.
    pub kind: String,
    /// What kind of thing it happened to.
    pub subject_kind: String,
    /// The thing's id.
    pub subject_id: String,
    /// Ids, keys and names of fields.
    pub data: Map<String, Value>,
    /// What fields held and hold; emptied when the person is erased.
    pub values: Vec<AuditValue>,
    /// The request that did it.
    pub request_id: Option<String>,
}

/// What a field held and holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditValue {
    /// The field.
    pub field: String,
    /// What it held.
    pub before: Option<String>,
    /// What it holds.
    pub after: Option<String>,
}

/// Which events are looked for in all logs; what is absent does not narrow the search.
#[derive(Debug, Clone, Default)]
pub struct AuditSearch {
    /// In the log of this account.
    pub account: Option<AccountId>,
    /// Who did it, or in whose name: the id of a user, a key or an operator.
    pub actor: Option<String>,
    /// What happened.
    pub kind: Option<String>,
    /// What it happened to: any of these ids; none asks for all.
    pub subjects: Vec<String>,
    /// Not before.
    pub since: Option<DateTime<Utc>>,
    /// Before.
    pub until: Option<DateTime<Utc>>,
}

/// A page of a search begins after this event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditMark {
    /// When it happened.
    pub at: DateTime<Utc>,
    /// The event.
    pub id: String,
}

/// Which events are asked for; an empty list asks for all.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// What happened: any of these.
    pub kinds: Vec<String>,
    /// Who did it, or in whose name: any of these users, keys, operators or integrations.
    pub actors: Vec<String>,
    /// What it happened to: any of these ids.
    pub subjects: Vec<String>,
    /// Not before.
    pub since: Option<DateTime<Utc>>,
    /// Before.
    pub until: Option<DateTime<Utc>>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = audit_events)]
pub(crate) struct EventRow {
    id: String,
    account_id: Option<String>,
    user_id: Option<String>,
    revision: i64,
    position: i32,
    at: NaiveDateTime,
    actor_kind: String,
    actor_id: Option<String>,
    on_behalf_of: Option<String>,
    kind: String,
    subject_kind: String,
    subject_id: String,
    data: String,
    request_id: Option<String>,
}

/// Writes the events of one decision.
pub(crate) fn record(
    conn: &mut Conn,
    origin: Origin,
    revision: i64,
    entries: &[Entry],
    act: &Act,
) -> Result<(), Fault> {
    let (account, user) = match origin {
        Origin::Account(id) => (Some(id.to_string()), None),
        Origin::User(id) => (None, Some(id.to_string())),
        Origin::Provider => (None, None),
    };
    let mut events = Vec::new();
    let mut values = Vec::new();
    for (position, entry) in (0_i32..).zip(entries) {
        let id = EventId::new().to_string();
        for (position, value) in (0_i32..).zip(&entry.values) {
            values.push(NewValue {
                event_id: id.clone(),
                position,
                person_kind: value.of.kind(),
                person_id: value.of.id(),
                field: value.field,
                before: value.before.as_deref(),
                after: value.after.as_deref(),
            });
        }
        events.push(NewEvent {
            id,
            account_id: account.as_deref(),
            user_id: user.as_deref(),
            revision,
            position,
            at: stored(act.at),
            actor_kind: act.actor.kind(),
            actor_id: act.actor.id(),
            on_behalf_of: act.actor.behind().map(|user| user.to_string()),
            kind: entry.kind,
            subject_kind: entry.subject.kind(),
            subject_id: entry.subject.id(),
            data: data_json(entry)?,
            request_id: act.request_id.as_deref(),
        });
    }
    insert_all!(conn, audit_events::table, &events)?;
    insert_all!(conn, audit_values::table, &values)?;
    Ok(())
}

#[derive(Insertable)]
#[diesel(table_name = audit_events)]
struct NewEvent<'a> {
    id: String,
    account_id: Option<&'a str>,
    user_id: Option<&'a str>,
    revision: i64,
    position: i32,
    at: NaiveDateTime,
    actor_kind: &'static str,
    actor_id: Option<String>,
    on_behalf_of: Option<String>,
    kind: &'static str,
    subject_kind: &'static str,
    subject_id: String,
    data: String,
    request_id: Option<&'a str>,
}

#[derive(Insertable)]
#[diesel(table_name = audit_values)]
struct NewValue<'a> {
    event_id: String,
    position: i32,
    person_kind: &'static str,
    person_id: String,
    field: &'static str,
    before: Option<&'a str>,
    after: Option<&'a str>,
}

fn data_json(entry: &Entry) -> Result<String, Fault> {
    let value = |datum: &Datum| match datum {
        Datum::Nothing => Value::Null,
        Datum::Word(word) => Value::from(word.as_str()),
        Datum::Words(words) => Value::from(words.clone()),
    };
    let data: Map<String, Value> = entry
        .data
        .iter()
        .map(|(name, datum)| ((*name).to_owned(), value(datum)))
        .collect();
    to_json("audit_events.data", &data)
}

impl Store {
    /// Reads events of an account, the latest first, beginning after the event at (`revision`, `position`).
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn audit_events(
        &self,
        account: AccountId,
        filter: AuditFilter,
        after: Option<(i64, i32)>,
        limit: i64,
    ) -> Result<Vec<AuditEvent>, StoreError> {
        self.lanes
            .read_consistent(move |conn| read_events(conn, account, &filter, after, limit))
            .await
    }
}

impl Store {
    /// Reads the latest events that tell of a person, whatever log they stand in: those of its own log, what it did in
    /// accounts, and what was done there to the person or the contacts that it is. In accounts the values are the person's
    /// own alone.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn audit_events_of_person(&self, user: UserId, limit: i64) -> Result<Vec<AuditEvent>, StoreError> {
        self.lanes
            .read_consistent(move |conn| events_of_person(conn, user, limit))
            .await
    }
}

fn events_of_person(conn: &mut Conn, user: UserId, limit: i64) -> Result<Vec<AuditEvent>, Fault> {
    let id = user.to_string();
    let contacts: Vec<Option<String>> = memberships::table
        .filter(memberships::user_id.eq(&id))
        .select(memberships::contact_id)
        .load(conn)?;
    let address: Vec<String> = users::table.find(&id).select(users::address_key).load(conn)?;
    let invited = invitations_to(conn, &address.into_iter().collect())?;
    let mut persons: Vec<String> = contacts.into_iter().flatten().collect();
    persons.extend(former_contacts(conn, &id)?);
    persons.extend(invited.into_iter().map(|(invitation, _)| invitation));
    persons.push(id.clone());
    // Read first, so that the events are found by their indexes and not by looking at all of them.
    let told: Vec<String> = audit_values::table
        .filter(audit_values::person_kind.eq_any(["user", "contact", "invitation"]))
        .filter(audit_values::person_id.eq_any(&persons))
        .select(audit_values::event_id)
        .distinct()
        .order(audit_values::event_id.desc())
        .limit(limit)
        .load(conn)?;
    let own = audit_events::user_id.eq(id.clone());
    let acted = audit_events::actor_id
        .eq(id.clone())
        .or(audit_events::on_behalf_of.eq(id));
    let undergone = audit_events::subject_id.eq_any(&persons);
    let rows: Vec<EventRow> = audit_events::table
        .filter(own.or(acted).or(undergone).or(audit_events::id.eq_any(told)))
        .order((audit_events::at.desc(), audit_events::id.desc()))
        .limit(limit)
        .select(EventRow::as_select())
        .load(conn)?;
    let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    let mut values = load_values(conn, &ids, Some(&persons))?;
    let mut events = with_values(conn, rows)?;
    for event in events.iter_mut().filter(|event| event.user.is_none()) {
        event.values = values.remove(&event.id.to_string()).unwrap_or_default();
    }
    Ok(events)
}

impl Store {
    /// Looks for events in all logs, the latest first, beginning after one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn search_audit_events(
        &self,
        search: AuditSearch,
        after: Option<AuditMark>,
        limit: i64,
    ) -> Result<Vec<AuditEvent>, StoreError> {
        self.lanes
            .read_consistent(move |conn| search_events(conn, &search, after.as_ref(), limit))
            .await
    }
}

fn read_events(
    conn: &mut Conn,
    account: AccountId,
    filter: &AuditFilter,
    after: Option<(i64, i32)>,
    limit: i64,
) -> Result<Vec<AuditEvent>, Fault> {
    let mut query = audit_events::table
        .filter(audit_events::account_id.eq(account.to_string()))
        .into_boxed();
    if let Some((revision, position)) = after {
        let later_in_decision = audit_events::revision
            .eq(revision)
            .and(audit_events::position.gt(position));
        query = query.filter(audit_events::revision.lt(revision).or(later_in_decision));
    }
    if !filter.kinds.is_empty() {
        query = query.filter(audit_events::kind.eq_any(filter.kinds.clone()));
    }
    if !filter.actors.is_empty() {
        // What a person's key did counts as done by the person, too.
        let acted = audit_events::actor_id.eq_any(filter.actors.clone());
        query = query.filter(acted.or(audit_events::on_behalf_of.eq_any(filter.actors.clone())));
    }
    if !filter.subjects.is_empty() {
        query = query.filter(audit_events::subject_id.eq_any(filter.subjects.clone()));
    }
    if let Some(since) = filter.since {
        query = query.filter(audit_events::at.ge(stored(since)));
    }
    if let Some(until) = filter.until {
        query = query.filter(audit_events::at.lt(stored(until)));
    }
    let rows: Vec<EventRow> = query
        .order((audit_events::revision.desc(), audit_events::position.asc()))
        .limit(limit)
        .select(EventRow::as_select())
        .load(conn)?;
    with_values(conn, rows)
}

/// What was just read, with its values.
pub(crate) fn with_values(conn: &mut Conn, rows: Vec<EventRow>) -> Result<Vec<AuditEvent>, Fault> {
    let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    let mut values = load_values(conn, &ids, None)?;
    let read = |row: EventRow| {
        Ok(AuditEvent {
            values: values.remove(&row.id).unwrap_or_default(),
            id: parse("audit_events.id", &row.id)?,
            account: parse_maybe("audit_events.account_id", row.account_id.as_deref())?,
            user: parse_maybe("audit_events.user_id", row.user_id.as_deref())?,
            revision: row.revision,
            position: row.position,
            at: instant(row.at),
            actor_kind: row.actor_kind,
            actor_id: row.actor_id,
            on_behalf_of: row.on_behalf_of,
            kind: row.kind,
            subject_kind: row.subject_kind,
            subject_id: row.subject_id,
            data: from_json("audit_events.data", &row.data)?,
            request_id: row.request_id,
        })
    };
    rows.into_iter().map(read).collect()
}

/// Each narrowing has its index, in the order of time.
fn search_events(
    conn: &mut Conn,
    search: &AuditSearch,
    after: Option<&AuditMark>,
    limit: i64,
) -> Result<Vec<AuditEvent>, Fault> {
    let mut query = audit_events::table.into_boxed();
    if let Some(account) = search.account {
        query = query.filter(audit_events::account_id.eq(account.to_string()));
    }
    if let Some(actor) = &search.actor {
        let acted = audit_events::actor_id.eq(actor.clone());
        query = query.filter(acted.or(audit_events::on_behalf_of.eq(actor.clone())));
    }
    if let Some(kind) = &search.kind {
        query = query.filter(audit_events::kind.eq(kind.clone()));
    }
    if !search.subjects.is_empty() {
        query = query.filter(audit_events::subject_id.eq_any(search.subjects.clone()));
    }
    if let Some(since) = search.since {
        query = query.filter(audit_events::at.ge(stored(since)));
    }
    if let Some(until) = search.until {
        query = query.filter(audit_events::at.lt(stored(until)));
    }
    if let Some(mark) = after {
        let at = stored(mark.at);
        let earlier = audit_events::at.lt(at).or(audit_events::id.lt(mark.id.clone()));
        query = query.filter(audit_events::at.le(at)).filter(earlier);
    }
    let rows: Vec<EventRow> = query
        .order((audit_events::at.desc(), audit_events::id.desc()))
        .limit(limit)
        .select(EventRow::as_select())
        .load(conn)?;
    with_values(conn, rows)
}

/// The invitations to addresses with these keys, each with its account, as the log tells of them: it does so longer than they
/// are remembered.
pub(crate) fn invitations_to(conn: &mut Conn, keys: &BTreeSet<String>) -> Result<Vec<(String, Option<String>)>, Fault> {
    // Literals, because the index holds these rows alone. Addresses are ASCII, so that the databases fold them alike.
    let addresses = sql::<Bool>("audit_values.person_kind = 'invitation' AND audit_values.field = 'address'");
    let folded = sql::<Nullable<Text>>("lower(audit_values.after)");
    Ok(audit_values::table
        .inner_join(audit_events::table)
        .filter(addresses)
        .filter(folded.eq_any(keys))
        .select((audit_values::person_id, audit_events::account_id))
        .distinct()
        .load(conn)?)
}

/// The contacts that a user was and that are there no more, as the logs of accounts tell.
pub(crate) fn former_contacts(conn: &mut Conn, user: &str) -> Result<BTreeSet<String>, Fault> {
    let places: Vec<String> = audit_events::table
        .filter(audit_events::subject_id.eq(user))
        .filter(audit_events::account_id.is_not_null())
        .filter(audit_events::kind.eq_any(["member.added", "member.linked", "member.removed", "member.left"]))
        .select(audit_events::data)
        .load(conn)?;
    let contact = |data: String| {
        let data: Value = serde_json::from_str(&data).unwrap_or_default();
        data.get("contact").and_then(Value::as_str).map(str::to_owned)
    };
    let mut former: BTreeSet<String> = places.into_iter().filter_map(contact).collect();
    let present: Vec<String> = contacts::table
        .filter(contacts::id.eq_any(&former))
        .select(contacts::id)
        .load(conn)?;
    former.retain(|contact| !present.contains(contact));
    Ok(former)
}

/// Empties the values beside events that belong to these persons.
pub(crate) fn forget_values<'a>(
    conn: &mut Conn,
    kind: &str,
    ids: impl IntoIterator<Item = &'a String>,
) -> Result<(), Fault> {
    let ids: Vec<&String> = ids.into_iter().collect();
    let of_persons = audit_values::table
        .filter(audit_values::person_kind.eq(kind))
        .filter(audit_values::person_id.eq_any(ids));
    diesel::update(of_persons)
        .set((
            audit_values::before.eq(None::<String>),
            audit_values::after.eq(None::<String>),
        ))
        .execute(conn)?;
    Ok(())
}

/// The values beside these events, by event: all of them, or those of these persons.
fn load_values(
    conn: &mut Conn,
    events: &[&str],
    persons: Option<&[String]>,
) -> Result<BTreeMap<String, Vec<AuditValue>>, Fault> {
    let mut query = audit_values::table
        .filter(audit_values::event_id.eq_any(events))
        .order((audit_values::event_id, audit_values::position))
        .select((
            audit_values::event_id,
            audit_values::field,
            audit_values::before,
            audit_values::after,
        ))
        .into_boxed();
    if let Some(persons) = persons {
        query = query.filter(audit_values::person_id.eq_any(persons));
    }
    let mut values: BTreeMap<String, Vec<AuditValue>> = BTreeMap::new();
    for (event, field, before, after) in query.load::<(String, String, Option<String>, Option<String>)>(conn)? {
        values
            .entry(event)
            .or_default()
            .push(AuditValue { field, before, after });
    }
    Ok(values)
}
