//! A client that writes without a pause, one request after the other, and keeps the ledger of its accounts.

mod choice;

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use accounts_tests::{given::PASSWORD, json};
use serde_json::Value;

use crate::{
    dice::Dice,
    figures::{Figures, Kind},
    gate::{Closed, Gate},
    ledger::{Account, Act, End, Entry, Outcome},
    post::Post,
    wire::{Answer, Ask, Wire, log_in},
};

/// After how long a writer logs in again, and how much longer at most, so that not all of them do at once: access
/// tokens live for ten minutes.
const TOKEN_LIFE: Duration = Duration::from_mins(5);
const SPREAD: u64 = 180;
/// How long a writer rests before it sends again what was answered with 503.
const PAUSE: Duration = Duration::from_millis(60);

/// What all writers share.
#[derive(Debug)]
pub struct Desk {
    pub port: u16,
    pub seed: u64,
    pub gate: Gate,
    pub figures: Figures,
    pub post: Post,
    /// Every account, in the order of their opening.
    pub accounts: Mutex<Vec<Arc<Mutex<Account>>>>,
    /// Whether the writers are to end what they have begun, and go home.
    pub enough: AtomicBool,
}

impl Desk {
    /// All accounts.
    pub fn accounts(&self) -> Vec<Arc<Mutex<Account>>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes a finding and sends everybody home.
    pub fn give_up(&self, kind: Kind, sentence: impl Into<String>) {
        self.figures.find(kind, sentence);
        self.gate.give_up();
    }
}

/// The writer has to stop.
#[derive(Debug)]
pub struct Stop;

/// What one sending of a request came to.
enum Sent {
    Answer(Answer),
    /// No answer, or one that says to come again.
    Unknown,
}

/// A writer.
pub struct Writer<'a> {
    desk: &'a Desk,
    number: u64,
    dice: Dice,
    wire: Wire,
    /// The round in which the connection was opened.
    round: u64,
    /// The access token, and until when it is used.
    token: Option<(String, Instant)>,
    account: Arc<Mutex<Account>>,
    /// How many accounts it has opened, and how many ids it has given away.
    opened: u64,
    ids: u64,
}

impl<'a> Writer<'a> {
    /// Signs up.
    pub fn signed_up(desk: &'a Desk, number: u64) -> Self {
        let mut writer = Self {
            desk,
            number,
            dice: Dice::new(desk.seed, number + 1),
            wire: Wire::to(desk.port, number),
            round: 0,
            token: None,
            account: Arc::default(),
            opened: 0,
            ids: 0,
        };
        writer.sign_up();
        writer
    }

    /// Writes until it is enough.
    pub fn run(mut self) {
        self.desk.gate.join();
        while !self.desk.enough.load(Ordering::Relaxed) {
            if self.one_act().is_err() {
                break;
            }
        }
        self.desk.gate.leave();
    }

    fn address(&self) -> String {
        format!("owner{}@writers.example", self.number)
    }

    /// An id that no other request has.
    fn id(&mut self) -> String {
        self.ids += 1;
        format!("w-{}-{}-{}", self.desk.seed, self.number, self.ids)
    }

    /// Nothing is killed yet: whatever is not answered as it should be ends the run.
    fn sign_up(&mut self) {
        let address = self.address();
        let post = |path: &str, body: Value, id: String| Ask {
            method: "POST",
            path: path.to_owned(),
            body: Some(body),
            keyed: false,
            id,
        };
        let name = format!("Writer {}", self.number);
        let body = json!({ "address": address, "display_name": name, "account_name": name });
        let sent = self.wire.send(&post("/v1/sign-ups", body, self.id_of("sign-up")), None);
        let answer = sent.unwrap_or_else(|error| panic!("the sign-up of {address}: {error}"));
        assert!(answer.status == 202, "the sign-up of {address}: {}", answer.body);
        let mut token = String::new();
        let arrived = crate::process::wait_until(Duration::from_secs(30), || {
            token = self.desk.post.letters_to(&address).token;
            !token.is_empty()
        });
        assert!(arrived, "no mail came to {address}");
        // The queue in front of the hashing is short.
        let confirmed = crate::process::wait_until(Duration::from_secs(30), || {
            let body = json!({ "token": token, "password": PASSWORD });
            let ask = post("/v1/sign-ups/confirm", body, self.id_of("confirm"));
            self.wire.send(&ask, None).is_ok_and(|answer| answer.status == 201)
        });
        assert!(confirmed, "the sign-up of {address} cannot be confirmed");
    }

    fn id_of(&self, what: &str) -> String {
        format!("{what}-{}-{}", self.desk.seed, self.number)
    }

    fn one_act(&mut self) -> Result<(), Stop> {
        if self.dice.below(40) == 0 {
            self.repeat()?;
        }
        let act = self.choose();
        self.perform(&act)
    }

    /// Asks for something until it is acknowledged or refused.
    fn perform(&mut self, act: &Act) -> Result<(), Stop> {
        let id = self.id();
        let account = self.enter(&id, act);
        let mut was_unknown = false;
        loop {
            // Whatever was found out about it holds until it is sent again.
            let (path_id, found) = self.with(&account, |account| {
                account.touched = true;
                let found = account.entries.last_mut().and_then(|entry| entry.found.take());
                (account.id.clone().unwrap_or_default(), found)
            });
            match self.send(&act.ask(&path_id, &id))? {
                Sent::Answer(answer) => {
                    let before = self.settle(&account, act, &answer, was_unknown)?;
                    return self.agree(act, &answer, found, before);
                }
                Sent::Unknown => {
                    if !was_unknown {
                        was_unknown = true;
                        Figures::count(&self.desk.figures.unknown);
                        self.with(&account, |account| {
                            if let Some(entry) = account.entries.last_mut() {
                                entry.was_unknown = true;
                            }
                        });
                    }
                }
            }
        }
    }

    /// Writes into the ledger what is about to be asked for, in a new account where it opens one.
    fn enter(&mut self, id: &str, act: &Act) -> Arc<Mutex<Account>> {
        if matches!(act, Act::Open { .. }) {
            self.account = Arc::default();
            self.opened += 1;
            let mut accounts = self.desk.accounts.lock().unwrap_or_else(PoisonError::into_inner);
            accounts.push(Arc::clone(&self.account));
        }
        let entry = Entry {
            id: id.to_owned(),
            act: act.clone(),
            outcome: Outcome::Unknown,
            made: None,
            round: self.desk.gate.round(),
            was_unknown: false,
            found: None,
        };
        let account = Arc::clone(&self.account);
        self.with(&account, |account| {
            account.entries.push(entry);
            account.touched = true;
        });
        account
    }

    /// Writes down how it ended, and answers whether it was done by an earlier try.
    fn settle(&self, account: &Mutex<Account>, act: &Act, answer: &Answer, was_unknown: bool) -> Result<bool, Stop> {
        let figures = &self.desk.figures;
        // A removal has no key: that it was done before shows by the contact's being gone.
        let gone = was_unknown && matches!(act, Act::Remove { .. }) && answer.status == 404;
        let done = match act.end() {
            End::Done(status, _) => answer.status == status || gone,
            End::Refused(status, code) if answer.status == status && answer.code() == code => false,
            End::Refused(..) => return self.stop(Kind::Other, &unexpected(act, answer)),
        };
        if matches!(act.end(), End::Done(..)) && !done {
            return self.stop(Kind::Other, &unexpected(act, answer));
        }
        Figures::count(if done { &figures.acknowledged } else { &figures.refused });
        if was_unknown {
            Figures::count(&figures.converged);
        }
        let before = done && (answer.replayed || gone);
        self.with(account, |account| {
            let made = answer.text("id").to_owned();
            if matches!(act, Act::Open { .. }) {
                account.opened(answer);
            }
            account.state.apply(act, &made);
            account.touched = true;
            let Some(entry) = account.entries.last_mut() else {
                return;
            };
            if matches!(act, Act::Open { .. } | Act::Create { .. }) {
                entry.made = Some(made);
            }
            entry.outcome = if done {
                Outcome::Acknowledged(answer.body.clone())
            } else {
                Outcome::Refused
            };
        });
        if before {
            Figures::count(&figures.were_done);
        }
        Ok(before)
    }

    /// What was found done in the books is answered as done before, and what was not is done now.
    fn agree(&self, act: &Act, answer: &Answer, found: Option<bool>, before: bool) -> Result<(), Stop> {
        match found {
            Some(true) if act.keyed() && !before => self.stop(
                Kind::Doubled,
                &format!("it was done, and then done again: {}", unexpected(act, answer)),
            ),
            Some(false) if before => self.stop(
                Kind::Other,
                &format!("it was not done, and yet it was: {}", unexpected(act, answer)),
            ),
            Some(_) | None => Ok(()),
        }
    }

    /// Sends something again that was acknowledged: the same answer comes back. With another body it is refused.
    fn repeat(&mut self) -> Result<(), Stop> {
        let account = Arc::clone(&self.account);
        let known: Vec<Entry> = self.with(&account, |account| {
            let keyed = account.entries.iter().filter(|entry| entry.act.keyed());
            keyed
                .filter(|entry| matches!(entry.outcome, Outcome::Acknowledged(_)))
                .cloned()
                .collect()
        });
        let Some(entry) = self.dice.one_of(known) else {
            return Ok(());
        };
        let id = self.with(&account, |account| account.id.clone().unwrap_or_default());
        let mut ask = entry.act.ask(&id, &entry.id);
        let same = self.dice.below(4) > 0;
        if let (false, Some(body)) = (same, &mut ask.body)
            && let Some(body) = body.as_object_mut()
        {
            body.insert("first_name".to_owned(), Value::from("Another"));
        }
        let other = !same && matches!(entry.act, Act::Create { .. } | Act::Open { .. });
        if !other {
            ask = entry.act.ask(&id, &entry.id);
        }
        let answer = loop {
            if let Sent::Answer(answer) = self.send(&ask)? {
                break answer;
            }
        };
        let figures = &self.desk.figures;
        if other {
            if answer.status == 422 && answer.code() == "idempotency-mismatch" {
                Figures::count(&figures.other_bodies);
                return Ok(());
            }
            return self.stop(
                Kind::Other,
                &format!("{} with another body: {}", entry.id, unexpected(&entry.act, &answer)),
            );
        }
        if answer.replayed && entry.outcome == Outcome::Acknowledged(answer.body.clone()) {
            Figures::count(&figures.repeated);
            return Ok(());
        }
        self.stop(
            Kind::Other,
            &format!(
                "{} was answered otherwise than before: {}",
                entry.id,
                unexpected(&entry.act, &answer)
            ),
        )
    }

    /// Sends a request once, logged in.
    fn send(&mut self, ask: &Ask) -> Result<Sent, Stop> {
        let due = self.token.as_ref().is_none_or(|(_, until)| Instant::now() > *until);
        if due {
            self.log_in()?;
        }
        let token = self.token.as_ref().map(|(token, _)| token.clone());
        self.send_as(ask, token.as_deref())
    }

    fn log_in(&mut self) -> Result<(), Stop> {
        loop {
            let id = self.id();
            let ask = log_in(id, &self.address(), PASSWORD);
            let Sent::Answer(answer) = self.send_as(&ask, None)? else {
                continue;
            };
            if answer.status != 201 {
                return self.stop(Kind::Other, &format!("a log-in: {} {}", answer.status, answer.body));
            }
            let until = Instant::now() + TOKEN_LIFE + Duration::from_secs(self.dice.below(SPREAD));
            self.token = Some((answer.text("access_token").to_owned(), until));
            return Ok(());
        }
    }

    fn send_as(&mut self, ask: &Ask, token: Option<&str>) -> Result<Sent, Stop> {
        let round = self.desk.gate.pass().map_err(|_| Stop)?;
        if round != self.round {
            self.wire.anew();
            self.round = round;
        }
        let answer = match self.wire.send(ask, token) {
            Ok(answer) => answer,
            Err(error) => {
                return match self.desk.gate.broke(round) {
                    Ok(()) => Ok(Sent::Unknown),
                    Err(Closed::ForGood) => Err(Stop),
                    Err(Closed::Unexplained) => self.stop(
                        Kind::Other,
                        &format!("nobody was killed, and {} had no answer: {error}", ask.id),
                    ),
                };
            }
        };
        let figures = &self.desk.figures;
        let slowest = match (answer.status, token) {
            (503, _) => &figures.slowest_unavailable,
            (_, Some(_)) => &figures.slowest,
            (_, None) => &figures.slowest_log_in,
        };
        Figures::took(slowest, answer.took);
        match answer.status {
            503 if answer.retry_after => Figures::count(&self.desk.figures.unavailable),
            409 if answer.code() == "idempotency-in-flight" => {}
            500.. => {
                return self.stop(
                    Kind::Other,
                    &format!("{} {}: {} {}", ask.method, ask.path, answer.status, answer.body),
                );
            }
            _ => return Ok(Sent::Answer(answer)),
        }
        thread::sleep(PAUSE);
        Ok(Sent::Unknown)
    }

    fn stop<T>(&self, kind: Kind, sentence: &str) -> Result<T, Stop> {
        self.desk.give_up(kind, format!("writer {}: {sentence}", self.number));
        Err(Stop)
    }

    #[expect(clippy::unused_self, reason = "it reads as what it does")]
    fn with<T>(&self, account: &Mutex<Account>, look: impl FnOnce(&mut Account) -> T) -> T {
        look(&mut account.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn unexpected(act: &Act, answer: &Answer) -> String {
    format!("{act:?} was answered with {} {}", answer.status, answer.body)
}
