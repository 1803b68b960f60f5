//! A person who logs in is erased: the places in accounts, what opens something, and what the records say of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use accounts_domain::actor::Actor;
use accounts_domain::address::EmailAddress;
use accounts_domain::audit::{self, Subject};
use accounts_domain::change::Change;
use accounts_domain::erasure::erase;
use accounts_domain::ids::{AccountId, UserId};
use accounts_domain::names::Reason;
use accounts_domain::roster::{Contact, Roster};
use accounts_domain::users::{Person, User};
use chrono::{DateTime, Utc};
use diesel::dsl::{exists, not};
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error};
use serde_json::Value;

use crate::audit::{Origin, forget_values, former_contacts, invitations_to};
use crate::backend::Conn;
use crate::decide::{Locked, conclude, lock_and_load};
use crate::error::{Fault, Stop, StoreError};
use crate::lanes::Verdict;
use crate::mails::naming::{Known, forget_naming, readers_in};
use crate::notifications::successors::{go_on, waits};
use crate::rows::parse;
use crate::schema::{
    account_reviews, api_keys, audit_events, audit_values, contact_addresses, contacts, email_changes,
    idempotency_keys, invitations, join_requests, mails, memberships, password_resets, refresh_tokens,
    second_factor_challenges, second_factors, sessions, sign_ups, throttles, users,
};
use crate::snapshots::Marks;
use crate::store::{Act, DecideError, Kept, Refusal, Store};
use crate::users::Because;
use crate::webhooks::deliveries;
use crate::{idempotency, roster};

/// What is counted for an address by its name: requests that call for a mail to it.
const COUNTED: [&str; 3] = ["reset", "sign-up", "email-change"];

/// What goes with a person.
#[derive(Debug, Clone)]
pub struct Erasure {
    /// The person as it was.
    pub person: Person,
    /// The accounts that it leaves, or that asked it in, as they were, each with what changes there.
    pub accounts: Vec<(Arc<Roster>, Vec<Change>)>,
}

impl Store {
    /// Erases a user, in one transaction: its places in accounts end by the rules of each, and of everything else there
    /// is left what happened, and not to whom. The provider does it for a reason, which stays.
    ///
    /// # Errors
    /// [`DecideError`]; nothing has changed then.
    pub async fn erase_user(&self, user: UserId, reason: Option<Reason>, act: &Act) -> Result<Erasure, DecideError> {
        let (ground, act) = (self.ground.clone(), act.clone());
        self.transact(move |conn| {
            let mut locked = Vec::new();
            let own = Addresses::of(conn, user)?;
            for account in accounts_of(conn, user, &own)? {
                let account = lock_and_load(conn, &ground, account, &act)?;
                locked.push(match &reason {
                    Some(reason) => account.because(reason),
                    None => account,
                });
            }
            let lock = diesel::update(users::table.find(user.to_string())).set(users::revision.eq(users::revision + 1));
            if lock.execute(conn)? == 0 {
                return Err(Stop::Refused(Refusal::NotFound));
            }
            let mut marks = Marks::from(ground.snapshots.changing_user(user));
            let person = crate::users::load(conn, user)?.ok_or(Stop::Refused(Refusal::NotFound))?;
            let rosters: Vec<Arc<Roster>> = locked.iter().map(|locked| Arc::clone(&locked.before)).collect();
            let changes = erase(act.by(), user, &own.keys, &plain(&rosters))?;
            let traces = Traces::of(conn, &person.user, own, &rosters)?;
            for (locked, changes) in locked.into_iter().zip(changes.clone()) {
                marks = marks.and(leave(conn, &act, locked, changes)?);
            }
            let gone = person.erase();
            let mut entries = audit::user_entries(&person, &gone);
            if let (Some(reason), Actor::Operator(operator)) = (&reason, act.actor) {
                // What is the person's is emptied at once, and the reason is the operator's.
                let of = Subject::Operator(operator);
                entries = Because::told(Some(Because { of, reason }), entries);
            }
            crate::audit::record(conn, Origin::User(user), person.user.revision, &entries, &act)?;
            traces.forget(conn, act.at)?;
            remove(conn, &person.user)?;
            let accounts = rosters.into_iter().zip(changes).collect();
            Ok(Verdict::Keep(Erasure { person, accounts }, marks))
        })
        .await
    }

    /// What erasing a user would change, and nothing is changed.
    ///
    /// # Errors
    /// [`DecideError`].
    pub async fn preview_erasure(&self, user: UserId, act: &Act) -> Result<Erasure, DecideError> {
        let catalog = Arc::clone(&self.ground.catalog);
        let work = move |conn: &mut Conn| {
            let own = Addresses::of(conn, user)?;
            let mut rosters = Vec::new();
            for account in accounts_of(conn, user, &own)? {
                rosters.extend(roster::load(conn, account, &catalog)?.map(Arc::new));
            }
            Ok((crate::users::load(conn, user)?, own.keys, rosters))
        };
        let (person, own_keys, rosters) = self.lanes.read_consistent(work).await?;
        let person = person.ok_or(DecideError::NotFound)?;
        let changes = erase(act.by(), user, &own_keys, &plain(&rosters))?;
        let accounts = rosters.into_iter().zip(changes).collect();
        Ok(Erasure { person, accounts })
    }

    /// Reads the accounts in which somebody has a place, whatever their status.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn places_of(&self, user: UserId) -> Result<Vec<Roster>, StoreError> {
        let catalog = Arc::clone(&self.ground.catalog);
        let work = move |conn: &mut Conn| {
            let mut rosters = Vec::new();
            for account in memberships_of(conn, user)? {
                rosters.extend(roster::load(
                    conn,
                    parse("memberships.account_id", &account)?,
                    &catalog,
                )?);
            }
            Ok(rosters)
        };
        self.lanes.read_consistent(work).await
    }
}

fn plain(rosters: &[Arc<Roster>]) -> Vec<&Roster> {
    rosters.iter().map(Arc::as_ref).collect()
}

/// Carries out what changes in one account.
fn leave(conn: &mut Conn, act: &Act, locked: Locked, changes: Vec<Change>) -> Result<Marks, Stop<Refusal>> {
    let account = locked.before.account().id;
    match conclude(conn, act, locked, changes, &|_| Kept::nothing())? {
        Verdict::Keep(_, marks) => Ok(marks),
        Verdict::Discard(_) => {
            // Nothing is decided there, so the revision that the lock has raised goes back.
            roster::lower_revision(conn, account)?;
            Ok(Marks::none())
        }
    }
}

fn memberships_of(conn: &mut Conn, user: UserId) -> Result<Vec<String>, Fault> {
    Ok(memberships::table
        .filter(memberships::user_id.eq(user.to_string()))
        .order(memberships::account_id)
        .select(memberships::account_id)
        .load(conn)?)
}

/// The accounts in which a person has a place, asks for one, or is invited to one: in one order, whoever locks them.
fn accounts_of(conn: &mut Conn, user: UserId, own: &Addresses) -> Result<BTreeSet<AccountId>, Fault> {
    let mut found: BTreeSet<String> = memberships_of(conn, user)?.into_iter().collect();
    let inviting: Vec<String> = invitations::table
        .filter(invitations::address_key.eq_any(&own.keys))
        .filter(invitations::status.eq("pending"))
        .select(invitations::account_id)
        .load(conn)?;
    found.extend(inviting);
    let asked: Vec<Option<String>> = join_requests::table
        .filter(join_requests::user_id.eq(user.to_string()))
        .filter(join_requests::status.eq("waiting"))
        .select(join_requests::account_id)
        .load(conn)?;
    found.extend(asked.into_iter().flatten());
    found.iter().map(|id| parse("accounts.id", id)).collect()
}

/// The addresses at which the person was proven to be reached, at any time, and that nobody else logs in with by now. One that
/// was only written down may be anybody's, and whoever writes it down must not take away what is kept for them.
#[derive(Debug, Default)]
struct Addresses {
    written: BTreeSet<String>,
    keys: BTreeSet<String>,
}

impl Addresses {
    fn of(conn: &mut Conn, user: UserId) -> Result<Self, Fault> {
        let id = user.to_string();
        let mut found: Vec<(String, String)> = users::table
            .find(&id)
            .select((users::address_key, users::address))
            .load(conn)?;
        let left = email_changes::table.filter(email_changes::user_id.eq(&id));
        found.extend(
            left.select((email_changes::from_address_key, email_changes::from_address))
                .load(conn)?,
        );
        let reached = email_changes::table
            .filter(email_changes::user_id.eq(&id))
            .filter(email_changes::undo_until.is_not_null());
        found.extend(
            reached
                .select((email_changes::address_key, email_changes::address))
                .load(conn)?,
        );
        let places: Vec<(String, Option<String>)> = memberships::table
            .filter(memberships::user_id.eq(&id))
            .select((memberships::account_id, memberships::contact_id))
            .load(conn)?;
        let (accounts, contacts): (Vec<String>, Vec<Option<String>>) = places.into_iter().unzip();
        let proven = contact_addresses::table
            .filter(contact_addresses::account_id.eq_any(accounts))
            .filter(contact_addresses::contact_id.eq_any(contacts.into_iter().flatten()))
            .filter(contact_addresses::verified.eq(true));
        found.extend(
            proven
                .select((contact_addresses::address_key, contact_addresses::address))
                .load(conn)?,
        );
        found.extend(Self::recorded(conn, &id)?);
        Self::less_those_of_others(conn, &id, found)
    }

    /// Those that the person logged in with, as its log says: changes of the address are forgotten before mails are.
    fn recorded(conn: &mut Conn, user: &str) -> Result<Vec<(String, String)>, Fault> {
        let values = audit_values::table
            .filter(audit_values::person_kind.eq("user"))
            .filter(audit_values::person_id.eq(user))
            .filter(audit_values::field.eq("address"))
            .select((audit_values::before, audit_values::after))
            .load::<(Option<String>, Option<String>)>(conn)?;
        let written = values.into_iter().flat_map(|(before, after)| [before, after]).flatten();
        let parsed = written.filter_map(|text| EmailAddress::parse(&text).ok());
        Ok(parsed
            .map(|address| (address.key().to_owned(), address.to_string()))
            .collect())
    }

    fn less_those_of_others(conn: &mut Conn, user: &str, found: Vec<(String, String)>) -> Result<Self, Fault> {
        let keys: BTreeSet<&String> = found.iter().map(|(key, _)| key).collect();
        let of_others: Vec<String> = users::table
            .filter(users::address_key.eq_any(keys))
            .filter(users::id.ne(user))
            .select(users::address_key)
            .load(conn)?;
        let mut own = Self::default();
        for (key, written) in found {
            if !of_others.contains(&key) {
                own.keys.insert(key);
                own.written.insert(written);
            }
        }
        Ok(own)
    }
}

/// Where the records of others may speak of the person, found before the rows go that lead there.
struct Traces {
    user: String,
    own: Addresses,
    /// The changes to addresses that were never proven, and the keys of these.
    wishes: Vec<(String, String)>,
    /// How the person is called, and its addresses as they are written.
    known: Known,
    /// The contacts that the person was and that are there no more.
    contacts: BTreeSet<String>,
    /// The invitations to the person that the log tells of, remembered or not.
    invitations: BTreeSet<String>,
    accounts: BTreeSet<String>,
    /// Under what names the person called.
    callers: BTreeSet<String>,
}

impl Traces {
    fn of(conn: &mut Conn, user: &User, own: Addresses, rosters: &[Arc<Roster>]) -> Result<Self, Fault> {
        let id = user.id.to_string();
        let mut known = Known {
            names: BTreeSet::from([user.display_name.to_string()]),
            addresses: own.written.clone(),
        };
        known.names.extend(Known::recorded(conn, "user", &id)?.names);
        let mut traces = Self {
            user: id.clone(),
            own,
            wishes: Vec::new(),
            known,
            contacts: BTreeSet::new(),
            invitations: BTreeSet::new(),
            accounts: rosters.iter().map(|roster| roster.account().id.to_string()).collect(),
            callers: BTreeSet::from([id.clone()]),
        };
        for contact in rosters.iter().filter_map(|roster| own_contact(roster, user.id)) {
            traces.known.names.insert(contact.profile.display_name.to_string());
            let recorded = Known::recorded(conn, "contact", &contact.id.to_string())?;
            traces.known.names.extend(recorded.names);
        }
        traces.wishes = email_changes::table
            .filter(email_changes::user_id.eq(&id))
            .filter(email_changes::undo_until.is_null())
            .select((email_changes::id, email_changes::address_key))
            .load(conn)?;
        traces.add_callers(conn)?;
        traces.add_accounts(conn)?;
        traces.add_former_contacts(conn)?;
        Ok(traces)
    }

    fn add_callers(&mut self, conn: &mut Conn) -> Result<(), Fault> {
        let sessions: Vec<String> = sessions::table
            .filter(sessions::user_id.eq(&self.user))
            .select(sessions::id)
            .load(conn)?;
        let keys: Vec<String> = api_keys::table
            .filter(api_keys::user_id.eq(&self.user))
            .select(api_keys::id)
            .load(conn)?;
        self.callers.extend(sessions.into_iter().chain(keys));
        Ok(())
    }

    /// Also the accounts that the person had a place in once, whether it did anything there or not, and those that have
    /// invited it.
    fn add_accounts(&mut self, conn: &mut Conn) -> Result<(), Fault> {
        let by_person = audit_events::actor_id
            .eq(&self.user)
            .or(audit_events::on_behalf_of.eq(&self.user));
        let of_person = by_person.or(audit_events::subject_id.eq(&self.user));
        let told: Vec<Option<String>> = audit_events::table
            .filter(of_person)
            .filter(audit_events::account_id.is_not_null())
            .select(audit_events::account_id)
            .distinct()
            .load(conn)?;
        let invited: Vec<String> = invitations::table
            .filter(invitations::address_key.eq_any(&self.own.keys))
            .select(invitations::account_id)
            .distinct()
            .load(conn)?;
        self.accounts.extend(told.into_iter().flatten().chain(invited));
        for (invitation, account) in invitations_to(conn, &self.own.keys)? {
            self.invitations.insert(invitation);
            self.accounts.extend(account);
        }
        Ok(())
    }

    fn add_former_contacts(&mut self, conn: &mut Conn) -> Result<(), Fault> {
        self.contacts = former_contacts(conn, &self.user)?;
        for contact in self.contacts.clone() {
            self.add_known(conn, &contact)?;
        }
        Ok(())
    }

    /// What a contact of the person was known by, less the addresses that others have by now.
    fn add_known(&mut self, conn: &mut Conn, contact: &str) -> Result<(), Fault> {
        let recorded = Known::recorded(conn, "contact", contact)?;
        self.known.names.extend(recorded.names);
        let parsed = recorded
            .addresses
            .iter()
            .filter_map(|text| EmailAddress::parse(text).ok());
        let found = parsed.map(|address| (address.key().to_owned(), address.to_string()));
        let own = Addresses::less_those_of_others(conn, &self.user, found.collect())?;
        let of_contacts: Vec<String> = contact_addresses::table
            .filter(contact_addresses::account_id.eq_any(&self.accounts))
            .filter(contact_addresses::address_key.eq_any(&own.keys))
            .select(contact_addresses::address_key)
            .load(conn)?;
        let is_free = |text: &String| {
            EmailAddress::parse(text).is_ok_and(|address| !of_contacts.iter().any(|key| key == address.key()))
        };
        self.known.addresses.extend(own.written.into_iter().filter(is_free));
        Ok(())
    }

    /// Takes the person out of what others see: the values of events, mails, invitations, requests, kept answers.
    fn forget(&self, conn: &mut Conn, at: DateTime<Utc>) -> Result<(), Fault> {
        let invited: Vec<String> = invitations::table
            .filter(invitations::address_key.eq_any(&self.own.keys))
            .select(invitations::id)
            .load(conn)?;
        let asked: Vec<String> = join_requests::table
            .filter(join_requests::user_id.eq(&self.user))
            .select(join_requests::id)
            .load(conn)?;
        forget_values(conn, "user", [&self.user])?;
        forget_values(conn, "contact", &self.contacts)?;
        forget_values(conn, "invitation", invited.iter().chain(&self.invitations))?;
        forget_values(conn, "join_request", &asked)?;
        self.forget_mails(conn, at)?;
        self.forget_wishes(conn)?;
        deliveries::forget_answers(conn, self.accounts.clone(), Some(&self.user))?;
        diesel::delete(invitations::table.filter(invitations::id.eq_any(&invited))).execute(conn)?;
        diesel::delete(sign_ups::table.filter(sign_ups::address_key.eq_any(&self.own.keys))).execute(conn)?;
        self.forget_counts(conn)?;
        self.forget_notes(conn)?;
        self.forget_askings(conn)?;
        self.forget_answers(conn)
    }

    /// How often something was asked for an address, where the count names it.
    fn forget_counts(&self, conn: &mut Conn) -> Result<(), Fault> {
        let counts = self
            .own
            .keys
            .iter()
            .flat_map(|key| COUNTED.map(|what| format!("{what}:{key}")));
        let counts: Vec<String> = counts.collect();
        diesel::delete(throttles::table.filter(throttles::key.eq_any(counts))).execute(conn)?;
        Ok(())
    }

    /// What the person wrote down when it reviewed an account.
    fn forget_notes(&self, conn: &mut Conn) -> Result<(), Fault> {
        let own = account_reviews::actor_id
            .eq(&self.user)
            .or(account_reviews::on_behalf_of.eq(&self.user));
        diesel::update(account_reviews::table.filter(own))
            .set(account_reviews::note.eq(None::<String>))
            .execute(conn)?;
        Ok(())
    }

    /// The mails to the person, and its name in those to others: they went to people of the person's accounts.
    fn forget_mails(&self, conn: &mut Conn, at: DateTime<Utc>) -> Result<(), Fault> {
        // A notice that went to a contact of others as well is theirs: it says that they were told.
        let is_of_others = || {
            let others = contacts::table.filter(contacts::id.nullable().eq(mails::contact_id));
            mails::notification_id.is_not_null().and(exists(others))
        };
        diesel::update(
            mails::table
                .filter(mails::user_id.eq(&self.user))
                .filter(is_of_others()),
        )
        .set(mails::user_id.eq(None::<String>))
        .execute(conn)?;
        let to_person = || mails::table.filter(not(is_of_others()));
        let by_address = || to_person().filter(mails::address_key.eq_any(&self.own.keys));
        let by_user = || mails::table.filter(mails::user_id.eq(&self.user));
        let by_contact = || mails::table.filter(mails::contact_id.eq_any(&self.contacts));
        // Apart from each other, so that each goes by its index.
        let mut cut: Vec<Option<String>> = by_address().filter(waits()).select(mails::notification_id).load(conn)?;
        cut.extend(
            by_user()
                .filter(waits())
                .select(mails::notification_id)
                .load::<Option<String>>(conn)?,
        );
        cut.extend(
            by_contact()
                .filter(waits())
                .select(mails::notification_id)
                .load::<Option<String>>(conn)?,
        );
        go_on(conn, cut, at)?;
        diesel::delete(by_address()).execute(conn)?;
        diesel::delete(by_user()).execute(conn)?;
        diesel::delete(by_contact()).execute(conn)?;
        let mut readers = readers_in(conn, &self.accounts)?;
        let invited: Vec<String> = invitations::table
            .filter(invitations::inviter_id.eq(&self.user))
            .filter(invitations::account_id.eq_any(&self.accounts))
            .select(invitations::address_key)
            .load(conn)?;
        readers.extend(invited);
        forget_naming(conn, readers, &self.known)
    }

    /// The mails that went to addresses which the person wished for and did not prove. Whatever else went there is for somebody
    /// else.
    fn forget_wishes(&self, conn: &mut Conn) -> Result<(), Fault> {
        for (wish, key) in &self.wishes {
            let sent = mails::table
                .filter(mails::address_key.eq(key))
                .select((mails::id, mails::message))
                .load::<(String, String)>(conn)?;
            for (id, message) in sent {
                let message: Value = serde_json::from_str(&message).unwrap_or_default();
                let says = |member: &str| message.get(member).and_then(Value::as_str).unwrap_or_default();
                let told = says("kind") == "email_change_known" && self.known.names.contains(says("name"));
                if says("email_change") == wish || told {
                    diesel::delete(mails::table.find(id)).execute(conn)?;
                }
            }
        }
        Ok(())
    }

    /// The person's own requests to join, and the address in those of others: an account is named by its id from here on.
    fn forget_askings(&self, conn: &mut Conn) -> Result<(), Fault> {
        diesel::delete(join_requests::table.filter(join_requests::user_id.eq(&self.user))).execute(conn)?;
        let by_address = join_requests::table.filter(join_requests::asked_key.eq_any(&self.own.keys));
        let found = by_address
            .select((join_requests::id, join_requests::account_id))
            .load::<(String, Option<String>)>(conn)?;
        for (id, account) in found {
            let row = join_requests::table.find(id);
            match account {
                Some(account) => diesel::update(row)
                    .set((
                        join_requests::asked_owner.eq(None::<String>),
                        join_requests::asked_account.eq(&account),
                        join_requests::asked_key.eq(&account),
                    ))
                    .execute(conn)?,
                None => diesel::delete(row).execute(conn)?,
            };
        }
        Ok(())
    }

    /// The answers to the person, those about it, and those in which it is named.
    fn forget_answers(&self, conn: &mut Conn) -> Result<(), Fault> {
        let about = idempotency_keys::caller
            .eq_any(&self.callers)
            .or(idempotency_keys::path.like(format!("%{}%", self.user)));
        diesel::delete(idempotency_keys::table.filter(about)).execute(conn)?;
        let traces = self.known.addresses.iter().chain(&self.contacts).chain([&self.user]);
        let traces: Vec<String> = traces.cloned().collect();
        for account in &self.accounts {
            idempotency::forget(conn, account, &traces)?;
        }
        Ok(())
    }
}

fn own_contact(roster: &Roster, user: UserId) -> Option<&Contact> {
    roster.contact(roster.member(user)?.contact?).ok()
}

/// Removes the user, with all that opens something.
fn remove(conn: &mut Conn, user: &User) -> Result<(), Fault> {
    let id = user.id.to_string();
    let of_user = sessions::table.filter(sessions::user_id.eq(&id)).select(sessions::id);
    let ended: Vec<String> = of_user.load(conn)?;
    diesel::delete(refresh_tokens::table.filter(refresh_tokens::session_id.eq_any(ended))).execute(conn)?;
    diesel::delete(sessions::table.filter(sessions::user_id.eq(&id))).execute(conn)?;
    diesel::delete(password_resets::table.filter(password_resets::user_id.eq(&id))).execute(conn)?;
    diesel::delete(email_changes::table.filter(email_changes::user_id.eq(&id))).execute(conn)?;
    diesel::delete(api_keys::table.filter(api_keys::user_id.eq(&id))).execute(conn)?;
    let challenges = second_factor_challenges::table.filter(second_factor_challenges::user_id.eq(&id));
    diesel::delete(challenges).execute(conn)?;
    diesel::delete(second_factors::table.filter(second_factors::user_id.eq(&id))).execute(conn)?;
    match diesel::delete(users::table.find(&id)).execute(conn) {
        Ok(_) => Ok(()),
        // Another transaction has just let the person in somewhere: this one begins again, and sees it.
        Err(Error::DatabaseError(DatabaseErrorKind::ForeignKeyViolation, _)) => {
            Err(Fault::overtaken("the person has a place more"))
        }
        Err(error) => Err(error.into()),
    }
}
