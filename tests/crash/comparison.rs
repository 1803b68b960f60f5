//! The ledger against the books: every acknowledged write is there exactly once, with its audit events, its mail and
//! its kept answer; what was refused is absent; and what nobody knows is either there as a whole or not at all.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    figures::{Figures, Kind},
    ledger::{Account, Act, End, Entry, Outcome, State},
    stored::{Books, Event, Stored},
};

/// How many accounts are asked for at once.
const CHUNK: usize = 50;

/// Which entries are looked up among the kept answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope<'a> {
    /// Those of this round, whose answers were kept since that moment.
    Round(u64, &'a str),
    /// All.
    Everything,
}

/// What a comparison has seen in all.
#[derive(Debug, Default, Clone, Copy)]
pub struct Sums {
    /// What was done, and of it what bears a key.
    pub done: u64,
    pub keyed: u64,
    pub contacts: u64,
    pub mails: u64,
}

/// Compares accounts. `after_kill` says that nothing can still be under way: what was found undone then must stay so
/// until it is sent again.
///
/// # Errors
/// Where the database cannot be asked.
pub fn compare(
    books: &Books,
    figures: &Figures,
    accounts: &[Arc<Mutex<Account>>],
    scope: Scope<'_>,
    after_kill: bool,
) -> Result<Sums, String> {
    let mut sums = Sums::default();
    let kept = match scope {
        Scope::Round(_, since) => books.kept(Some(since))?,
        Scope::Everything => books.kept(None)?,
    };
    for chunk in accounts.chunks(CHUNK) {
        let mut held: Vec<_> = chunk
            .iter()
            .map(|account| account.lock().unwrap_or_else(PoisonError::into_inner))
            .collect();
        let opened = books.opened_by(&unknown_openings(&held))?;
        let id_of = |account: &Account| {
            let first = account.entries.first().and_then(|entry| opened.get(&entry.id));
            account.id.clone().or_else(|| first.cloned()).unwrap_or_default()
        };
        let stored = books.accounts(&held.iter().map(|account| id_of(account)).collect())?;
        let addresses = held.iter().flat_map(|account| addresses_of(account)).collect();
        let mails = books.mails(&addresses)?;
        let nothing = Stored::default();
        for account in &mut held {
            let id = id_of(account);
            let check = Check {
                stored: stored.get(&id).unwrap_or(&nothing),
                id,
                mails: &mails,
                kept: &kept,
                scope,
                after_kill,
                figures,
            };
            check.run(account, &mut sums);
            account.touched = false;
        }
    }
    Ok(sums)
}

fn unknown_openings<A: std::ops::Deref<Target = Account>>(accounts: &[A]) -> BTreeSet<String> {
    let unknown = accounts.iter().filter(|account| account.id.is_none());
    unknown
        .filter_map(|account| Some(account.entries.first()?.id.clone()))
        .collect()
}

fn addresses_of(account: &Account) -> Vec<String> {
    let created = account.entries.iter().filter_map(|entry| match &entry.act {
        Act::Create { address, .. } | Act::CreateBeyond { address } => Some(address.clone()),
        Act::Open { .. }
        | Act::Verify { .. }
        | Act::Confirm { .. }
        | Act::Promote { .. }
        | Act::Rename { .. }
        | Act::Remove { .. }
        | Act::CreateTaken { .. }
        | Act::CreateInvalid
        | Act::PromoteUnverified { .. }
        | Act::VerifyVerified { .. }
        | Act::RemoveOwner { .. } => None,
    });
    created.collect()
}

/// One account.
struct Check<'a> {
    id: String,
    stored: &'a Stored,
    mails: &'a BTreeMap<String, u64>,
    kept: &'a BTreeMap<String, u64>,
    scope: Scope<'a>,
    after_kill: bool,
    figures: &'a Figures,
}

impl Check<'_> {
    fn run(&self, account: &mut Account, sums: &mut Sums) {
        let mut events: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
        for event in &self.stored.events {
            events.entry(event.request.as_str()).or_default().push(event);
        }
        let mut state = State::default();
        let mut done_count = 0_i64;
        for entry in &mut account.entries {
            let events = events.remove(entry.id.as_str()).unwrap_or_default();
            let done = match (&entry.outcome, entry.act.end()) {
                (Outcome::Acknowledged(_), _) => true,
                (Outcome::Refused, _) | (_, End::Refused(..)) => false,
                (Outcome::Unknown, End::Done(..)) => !events.is_empty(),
            };
            if entry.outcome == Outcome::Unknown {
                entry.found = self.after_kill.then_some(done);
            }
            self.events(entry, done, &events);
            self.kept(entry, done);
            if done {
                done_count += 1;
                sums.done += 1;
                sums.keyed += u64::from(entry.act.keyed());
                let made = entry
                    .made
                    .clone()
                    .or_else(|| events.first().map(|event| event.subject.clone()));
                state.apply(&entry.act, &made.unwrap_or_default());
            }
        }
        for (request, events) in events {
            let kinds: Vec<&str> = events.iter().map(|event| event.kind.as_str()).collect();
            self.find(
                Kind::Other,
                &format!("events of a request that is not in the ledger, {request}: {kinds:?}"),
            );
        }
        self.revisions(done_count);
        self.contacts(account, &state, done_count > 0);
        self.mails(&state);
        sums.contacts += u64::try_from(self.stored.contacts.len()).unwrap_or_default();
        sums.mails += state
            .contacts
            .values()
            .map(|contact| u64::from(contact.sent))
            .sum::<u64>();
    }

    /// The events of one request stand in one decision, in a row, and one of them is what was asked for.
    fn events(&self, entry: &Entry, done: bool, events: &[&Event]) {
        let End::Done(_, kind) = entry.act.end() else {
            if !events.is_empty() {
                self.find_entry(Kind::Other, entry, "was refused and has left events");
            }
            return;
        };
        if !done {
            if !events.is_empty() {
                self.find_entry(Kind::Other, entry, "was refused and has left events");
            }
            return;
        }
        let Some(first) = events.first() else {
            return self.find_entry(Kind::Lost, entry, "was acknowledged and has no event");
        };
        if events.iter().any(|event| event.revision != first.revision) {
            self.find_entry(Kind::Doubled, entry, "was decided more than once");
        }
        if (0..).zip(events).any(|(position, event)| event.position != position) {
            self.find_entry(Kind::Lost, entry, "has lost some of its events");
        }
        let of_kind: Vec<_> = events.iter().filter(|event| event.kind == kind).collect();
        match of_kind.as_slice() {
            [] => self.find_entry(Kind::Lost, entry, "has not the event that it should have"),
            [event] if entry.made.as_ref().is_some_and(|made| *made != event.subject) => {
                self.find_entry(Kind::Doubled, entry, "has made something else than it said");
            }
            [_] => {}
            _ => self.find_entry(Kind::Doubled, entry, "has its event more than once"),
        }
    }

    fn kept(&self, entry: &Entry, done: bool) {
        let looked_for = match self.scope {
            Scope::Round(round, _) => entry.round == round,
            Scope::Everything => true,
        };
        if !looked_for {
            return;
        }
        let kept = self.kept.get(&entry.id).copied().unwrap_or_default();
        match (done && entry.act.keyed(), kept) {
            (true, 1) | (false, 0) => {}
            (true, 0) => self.find_entry(Kind::Lost, entry, "was done and its answer is not kept"),
            (true, _) => self.find_entry(Kind::Doubled, entry, "has more than one kept answer"),
            (false, _) => self.find_entry(Kind::Other, entry, "has a kept answer and was not done"),
        }
    }

    /// Revisions count from 1 without a gap, one for each thing that was done.
    fn revisions(&self, done: i64) {
        let revisions: BTreeSet<i64> = self.stored.events.iter().map(|event| event.revision).collect();
        let gapless = (1..).zip(&revisions).all(|(expected, revision)| expected == *revision);
        let last = revisions.last().copied().unwrap_or_default();
        if !gapless || last != self.stored.revision || last != done {
            let revision = self.stored.revision;
            self.find(
                Kind::Other,
                &format!("{done} things were done, the revision is {revision}, and the events have {revisions:?}"),
            );
        }
    }

    fn contacts(&self, account: &Account, state: &State, there: bool) {
        let mut stored = self.stored.contacts.clone();
        // The owner's came with the account; whose it is tells the answer, which may not have come.
        let owner = if account.state.owner.is_empty() {
            stored.keys().find(|id| !state.contacts.contains_key(*id)).cloned()
        } else {
            Some(account.state.owner.clone())
        };
        let had_owner = owner.as_ref().is_some_and(|owner| stored.remove(owner).is_some());
        if had_owner != there {
            self.find(Kind::Lost, "the owner's contact is not there");
        }
        for (id, contact) in &state.contacts {
            match stored.remove(id) {
                None => self.find(
                    Kind::Lost,
                    &format!("the contact {id}, {}, is not there", contact.address),
                ),
                Some(row) => {
                    let expected = (contact.address.clone(), contact.name.clone(), contact.verified);
                    if row != expected {
                        self.find(Kind::Lost, &format!("the contact {id} is {row:?}, not {expected:?}"));
                    }
                }
            }
        }
        for (id, row) in stored {
            self.find(
                Kind::Doubled,
                &format!("a contact that nobody asked for, {id}: {row:?}"),
            );
        }
        for (role, contact) in &state.primaries {
            let holder = self.stored.primaries.get(*role);
            if holder != Some(contact) {
                self.find(Kind::Lost, &format!("{role} is led by {holder:?}, not by {contact}"));
            }
        }
    }

    fn mails(&self, state: &State) {
        for contact in state.contacts.values() {
            let count = self.mails.get(&contact.address).copied().unwrap_or_default();
            let expected = u64::from(contact.sent);
            if count != expected {
                let kind = if count < expected { Kind::Lost } else { Kind::Doubled };
                self.find(
                    kind,
                    &format!("{count} mails to {} are in the outbox, not {expected}", contact.address),
                );
            }
        }
    }

    fn find_entry(&self, kind: Kind, entry: &Entry, what: &str) {
        self.find(kind, &format!("{} {what}: {entry:?}", entry.id));
    }

    fn find(&self, kind: Kind, sentence: &str) {
        self.figures.find(kind, format!("account {}: {sentence}", self.id));
    }
}
