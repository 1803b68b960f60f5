//! Where two requests meet: both are seen waiting in the database at one moment, each on an instance of its own
//! where there are two, before either may go on.

use std::{
    future::poll_fn,
    pin::Pin,
    task::Poll,
    thread,
    time::{Duration, Instant},
};

use accounts_domain::ids::{AccountId, SessionId};
use accounts_store::{Hand, StoreError, Throttle};
use accounts_tests::{
    App, Db, Instance,
    wire::{Ask, Heard, Wire},
};
use chrono::TimeDelta;

use super::dice::Dice;

/// How long both may take to arrive. It is less than the second after which the database gives a waiting lock up.
const PATIENCE: Duration = Duration::from_millis(900);

/// How many calls the writer of a file takes into one transaction.
const GROUP: usize = 128;

/// The row that both requests change first, and so wait for.
#[derive(Debug, Clone)]
pub(crate) enum Row {
    Account(AccountId),
    Session(SessionId),
    /// All that wait under this address.
    SignUps(String),
}

impl Row {
    fn lock(&self) -> String {
        match self {
            Self::Account(id) => format!("SELECT id FROM accounts WHERE id = '{id}' FOR UPDATE"),
            Self::Session(id) => format!("SELECT id FROM sessions WHERE id = '{id}' FOR UPDATE"),
            Self::SignUps(key) => format!("SELECT id FROM sign_ups WHERE address_key = '{key}' FOR UPDATE"),
        }
    }
}

/// Who waits in PostgreSQL for a lock that somebody else has.
const WAITING: &str = "SELECT count(*) AS number FROM pg_stat_activity \
                       WHERE datname = current_database() AND wait_event_type = 'Lock'";

/// Two answers, in the order in which their requests were given.
#[derive(Debug)]
pub(crate) struct Met {
    pub(crate) answers: [Heard; 2],
    /// Whether both were seen waiting at once.
    pub(crate) overlapped: bool,
}

impl Met {
    /// Both answers as one text for failures and tables: `200, 409 contact-holds-roles`.
    pub(crate) fn outcomes(&self) -> [String; 2] {
        [self.answers[0].outcome(), self.answers[1].outcome()]
    }

    /// Which of the two was carried out first, by the only pairs of answers that there may be: those where the first
    /// one came first, and those where the second did.
    #[track_caller]
    pub(crate) fn first(&self, expected: [[&str; 2]; 2]) -> usize {
        let outcomes = self.outcomes();
        match expected.iter().position(|pair| *pair == outcomes) {
            Some(first) => first,
            None => panic!("neither of {expected:?}: {:#?}", self.answers),
        }
    }
}

type Filler = Pin<Box<dyn Future<Output = Result<(), StoreError>>>>;

/// The place where they meet.
pub(crate) struct Ring<'a> {
    pub(crate) app: &'a App,
    pub(crate) dice: Dice,
    hand: Hand,
    watch: Hand,
    wires: [Wire; 2],
    /// The call that occupies the writer of a file.
    filler: Option<Filler>,
    /// How many calls that nobody waits for stand in its queue.
    given_up: usize,
    count: usize,
    // Dropped before the application whose database it uses: it is borrowed, so it lives longer.
    second: Option<Instance>,
}

impl<'a> Ring<'a> {
    pub(crate) fn around(app: &'a App, seed: u64) -> Self {
        let second = app.second();
        let other = second.as_ref().map_or(app.client(), Instance::client);
        let hand = || Hand::open(&app.database()).unwrap();
        Self {
            app,
            dice: Dice::new(seed),
            hand: hand(),
            watch: hand(),
            wires: [Wire::to(app.client()), Wire::to(other)],
            filler: None,
            given_up: 0,
            count: 0,
            second,
        }
    }

    /// Sends two requests so that they overlap in the database, in either order and on either instance. Nothing
    /// where the service was too busy to say what has become of one of them.
    pub(crate) fn meet(&mut self, row: &Row, asks: [&Ask; 2]) -> Option<Met> {
        self.hold(row);
        self.send_both(asks)
    }

    /// The same where the first one has a long way to go before it comes to the row, and may not be held up on it:
    /// `arrived` tells that it only has to compute. A server locks nothing but the row and need not wait.
    pub(crate) fn meet_later(
        &mut self,
        row: &Row,
        asks: [&Ask; 2],
        arrived: impl FnMut(&mut Hand) -> bool,
    ) -> Option<Met> {
        if self.app.db() == Db::Postgres {
            return self.meet(row, asks);
        }
        let ways = self.ways();
        self.wires[ways[0]].send(asks[0]);
        let on_time = self.until(arrived);
        self.hold(row);
        let in_front = self.dice.coin();
        if in_front {
            self.wait_for(1);
        }
        self.wires[ways[1]].send(asks[1]);
        let mut met = self.wait_and_release(ways);
        met.overlapped &= on_time;
        Some(met).filter(answered)
    }

    /// Asks one instance or the other, by chance.
    pub(crate) fn ask(&mut self, ask: &Ask) -> Heard {
        let way = self.dice.roll(2);
        self.wires[way].ask(ask)
    }

    /// Asks both instances, which must tell the same.
    pub(crate) fn read_both(&mut self, ask: &Ask) -> Heard {
        let [one, other] = &mut self.wires;
        let (one, other) = (one.ask(ask), other.ask(ask));
        // Each refusal has an id of its own.
        let same = one.outcome() == other.outcome() && (one.status >= 400 || one.body == other.body);
        assert!(same, "the instances differ: {one:#?}\n{other:#?}");
        one
    }

    /// A number out of the database itself.
    pub(crate) fn number(&mut self, sql: &str) -> i64 {
        self.watch.number(sql).unwrap()
    }

    /// Lines out of the database itself.
    pub(crate) fn lines(&mut self, sql: &str) -> Vec<String> {
        self.watch.lines(sql).unwrap()
    }

    /// An address that nobody has.
    pub(crate) fn address(&mut self, name: &str) -> String {
        self.count += 1;
        format!("{name}-{}@lima.example", self.count)
    }

    /// How many instances there are.
    pub(crate) fn instances(&self) -> usize {
        1 + usize::from(self.second.is_some())
    }

    fn ways(&mut self) -> [usize; 2] {
        if self.dice.coin() { [0, 1] } else { [1, 0] }
    }

    fn send_both(&mut self, asks: [&Ask; 2]) -> Option<Met> {
        let ways = self.ways();
        let [first, second] = if self.dice.coin() { [0, 1] } else { [1, 0] };
        let one_by_one = self.app.db() == Db::Sqlite || self.dice.coin();
        self.wires[ways[first]].send(asks[first]);
        if one_by_one {
            self.wait_for(1);
        }
        // Whoever comes after a full group has a transaction of its own.
        if self.app.db() == Db::Sqlite && self.dice.coin() {
            for _ in 1..GROUP {
                drop(self.filler());
            }
            self.given_up = GROUP - 1;
        }
        self.wires[ways[second]].send(asks[second]);
        Some(self.wait_and_release(ways)).filter(answered)
    }

    fn wait_and_release(&mut self, ways: [usize; 2]) -> Met {
        let overlapped = self.wait_for(2);
        self.hand.run("ROLLBACK").unwrap();
        self.filler = None;
        self.given_up = 0;
        let answers = [self.wires[ways[0]].receive(), self.wires[ways[1]].receive()];
        Met { answers, overlapped }
    }

    /// Takes the row, or on a file the right to write; a call of no effect then occupies the writer, so that what
    /// comes after it is seen in its queue.
    fn hold(&mut self, row: &Row) {
        match self.app.db() {
            Db::Postgres => {
                self.hand.run("BEGIN").unwrap();
                self.hand.run(&row.lock()).unwrap();
            }
            Db::Sqlite => {
                self.hand.run("BEGIN IMMEDIATE").unwrap();
                self.filler = Some(self.filler());
                let store = self.app.running().service().store.clone();
                self.until(|_| store.waiting().1 == 0);
            }
        }
    }

    /// A call that changes nothing, in the queue of the writer when this returns.
    fn filler(&self) -> Filler {
        let store = self.app.running().service().store.clone();
        let nothing = Throttle {
            key: "nothing".to_owned(),
            limit: 1,
            window: TimeDelta::hours(1),
        };
        let mut call: Filler = Box::pin(async move { store.forgive(vec![nothing]).await });
        self.app.running().wait(poll_fn(|context| {
            let _ = call.as_mut().poll(context);
            Poll::Ready(())
        }));
        call
    }

    /// Whether so many calls are seen waiting before the patience ends.
    fn wait_for(&mut self, calls: usize) -> bool {
        let store = self.app.running().service().store.clone();
        let (db, given_up) = (self.app.db(), self.given_up);
        self.until(|watch| {
            let waiting = match db {
                Db::Postgres => usize::try_from(watch.number(WAITING).unwrap()).unwrap(),
                Db::Sqlite => store.waiting().1.saturating_sub(given_up),
            };
            waiting >= calls
        })
    }

    fn until(&mut self, mut seen: impl FnMut(&mut Hand) -> bool) -> bool {
        let begun = Instant::now();
        while !seen(&mut self.watch) {
            if begun.elapsed() > PATIENCE {
                return false;
            }
            thread::sleep(Duration::from_micros(100));
        }
        true
    }
}

/// Whether both tell what has become of them.
fn answered(met: &Met) -> bool {
    met.answers.iter().all(|answer| answer.status != 503)
}
