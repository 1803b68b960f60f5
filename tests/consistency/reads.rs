//! Reads while roles move: what an answer shows is never older than what was acknowledged, or shown to anybody, before
//! the request began, on whichever instance. `READS` says how many reads there are on each database, and `READS_SEED`
//! brings a choice of them back.

use std::{
    collections::BTreeMap,
    env,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    thread,
    time::Instant,
};

use accounts_tests::{
    Client, Instance, Setup, on_both,
    wire::{Heard, Wire},
};

use super::moves::{Account, PERIOD, Question, Shown};
use crate::races::dice::Dice;

on_both! {
    Setup::standard().without_mails();

    fn no_answer_shows_what_was_before_the_last_acknowledged_move(app) {
        let reads = number("READS").unwrap_or(600);
        let seed = number("READS_SEED").unwrap_or_else(Dice::any_seed);
        println!("consistency: {reads} reads on {:?}, READS_SEED={seed}", app.db());
        let second = app.second();
        let instances: Vec<&Client> = std::iter::once(app.client()).chain(second.as_ref().map(Instance::client)).collect();
        let accounts = [0, 1, 2].map(|number| Account::open(app, number));
        let run = Run::new(&accounts, reads);
        let begun = Instant::now();
        thread::scope(|scope| {
            for (number, account) in accounts.iter().enumerate() {
                let mover = Mover::new(&run, account, &instances, seed ^ u64::try_from(number).unwrap());
                // The first two move places on one instance alone, the third on each by turns.
                let everywhere = number == 2;
                scope.spawn(move || mover.run(everywhere));
            }
            for (number, client) in instances.iter().cycle().take(4).enumerate() {
                let reader = Reader::new(&run, client, seed.rotate_left(32) ^ u64::try_from(number).unwrap());
                scope.spawn(move || reader.run());
            }
        });
        let seconds = begun.elapsed().as_secs();
        run.tell(&format!("{:?} on {}", app.db(), told(instances.len())), seconds, seed);
    }
}

pub(super) fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable} is no number: {text}")),
    )
}

pub(super) fn told(instances: usize) -> String {
    match instances {
        1 => "one instance".to_owned(),
        several => format!("{several} instances"),
    }
}

/// What all readers and movers share.
struct Run<'a> {
    accounts: &'a [Account],
    left: AtomicU64,
    over: AtomicBool,
    /// What was seen that must not be.
    violation: Mutex<Option<String>>,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    reads: u64,
    /// Reads that were answered by "not modified".
    unmodified: u64,
    /// Reads while a move was under way.
    contended: u64,
    /// Reads right after an acknowledgement, by whoever got it.
    at_once: u64,
    moves: u64,
}

impl<'a> Run<'a> {
    fn new(accounts: &'a [Account], reads: u64) -> Self {
        Self {
            accounts,
            left: AtomicU64::new(reads),
            over: AtomicBool::new(false),
            violation: Mutex::new(None),
            counts: Mutex::new(Counts::default()),
        }
    }

    fn is_over(&self) -> bool {
        self.over.load(SeqCst)
    }

    fn end_with(&self, violation: String) {
        self.violation.lock().unwrap().get_or_insert(violation);
        self.over.store(true, SeqCst);
    }

    /// Takes one of the reads that are to be made.
    fn take(&self) -> bool {
        let taken = self
            .left
            .fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1))
            .is_ok();
        if !taken {
            self.over.store(true, SeqCst);
        }
        taken && !self.is_over()
    }

    fn add(&self, counts: &Counts) {
        let mut all = self.counts.lock().unwrap();
        all.reads += counts.reads;
        all.unmodified += counts.unmodified;
        all.contended += counts.contended;
        all.at_once += counts.at_once;
        all.moves += counts.moves;
    }

    fn tell(&self, place: &str, seconds: u64, seed: u64) {
        if let Some(violation) = self.violation.lock().unwrap().take() {
            panic!("{violation}\nREADS_SEED={seed}");
        }
        let Counts {
            reads,
            unmodified,
            contended,
            at_once,
            moves,
        } = *self.counts.lock().unwrap();
        println!(
            "| {place} | reads {reads} | not modified {unmodified} | while a move was under way {contended} \
             | right after an acknowledgement {at_once} | moves {moves} | older than acknowledged 0 | {seconds} s \
             | seed {seed} |"
        );
    }
}

/// Reads on one connection.
struct Reader<'a> {
    run: &'a Run<'a>,
    wire: Wire,
    dice: Dice,
    /// The last tag for each question.
    tags: BTreeMap<(usize, Question), String>,
    /// What bodies have shown, by their tag: the same bytes show the same.
    known: BTreeMap<(usize, Question, String), Shown>,
    counts: Counts,
}

impl<'a> Reader<'a> {
    fn new(run: &'a Run<'a>, client: &Client, seed: u64) -> Self {
        Self {
            run,
            wire: Wire::to(client),
            dice: Dice::new(seed),
            tags: BTreeMap::new(),
            known: BTreeMap::new(),
            counts: Counts::default(),
        }
    }

    fn run(mut self) {
        while self.run.take() {
            let account = self.dice.roll(self.run.accounts.len());
            if let Err(violation) = self.read(account) {
                self.run.end_with(violation);
            }
        }
        self.run.add(&self.counts);
    }

    fn question(&mut self) -> Question {
        match self.dice.roll(4) {
            0 => Question::Roles,
            1 => Question::Contacts,
            _ => Question::Access(self.dice.roll(5)),
        }
    }

    fn read(&mut self, number: usize) -> Result<(), String> {
        let account = &self.run.accounts[number];
        let question = self.question();
        let mut ask = account.ask(question);
        let tag = self.tags.get(&(number, question)).filter(|_| self.dice.coin()).cloned();
        if let Some(tag) = &tag {
            ask = ask.header("If-None-Match", tag);
        }
        let behind = account.behind_nothing();
        let answer = self.wire.ask(&ask);
        let ahead = account.ahead_of_nothing();
        let shown = match (answer.status, tag) {
            (200, _) => self.learn(number, question, &answer),
            (304, Some(tag)) => {
                self.counts.unmodified += 1;
                self.known[&(number, question, tag)]
            }
            // Too busy to answer is no answer.
            (503, _) => return Ok(()),
            _ => return Err(format!("{answer:#?}")),
        };
        let Some(move_shown) = (behind..=ahead).find(|number| shown.fits(*number)) else {
            let was = (behind.saturating_sub(PERIOD)..behind)
                .rev()
                .find(|number| shown.fits(*number));
            return Err(format!(
                "move {behind} was acknowledged or shown before the request began, and move {ahead} was the last one \
                 sent when this came, which shows move {was:?}, {shown:?}: {answer:#?}"
            ));
        };
        account.saw(move_shown);
        self.counts.reads += 1;
        self.counts.contended += u64::from(ahead > behind);
        Ok(())
    }

    fn learn(&mut self, number: usize, question: Question, answer: &Heard) -> Shown {
        let account = &self.run.accounts[number];
        let tag = answer.etag.clone().unwrap_or_else(|| panic!("no tag: {answer:?}"));
        let shown = *self
            .known
            .entry((number, question, tag.clone()))
            .or_insert_with(|| account.shown(question, answer));
        self.tags.insert((number, question), tag);
        shown
    }
}

/// Moves the places of one account, one after the other, and reads right after each acknowledgement.
struct Mover<'a> {
    run: &'a Run<'a>,
    account: &'a Account,
    wires: Vec<Wire>,
    /// A reader of this account on each instance.
    readers: Vec<Reader<'a>>,
    dice: Dice,
}

impl<'a> Mover<'a> {
    fn new(run: &'a Run<'a>, account: &'a Account, instances: &[&Client], seed: u64) -> Self {
        Self {
            run,
            account,
            wires: instances.iter().map(|client| Wire::to(client)).collect(),
            readers: instances
                .iter()
                .map(|client| Reader::new(run, client, seed ^ 1 << 40))
                .collect(),
            dice: Dice::new(seed),
        }
    }

    fn run(mut self, everywhere: bool) {
        let number = self
            .run
            .accounts
            .iter()
            .position(|account| std::ptr::eq(account, self.account));
        let number = number.unwrap();
        let mut counts = Counts::default();
        while !self.run.is_over() {
            let way = if everywhere {
                self.dice.roll(self.wires.len())
            } else {
                0
            };
            if !self.make_move(way) {
                return;
            }
            counts.moves += 1;
            for reader in &mut self.readers {
                if let Err(violation) = reader.read(number) {
                    self.run.end_with(violation);
                }
                counts.at_once += 1;
            }
        }
        self.run.add(&counts);
    }

    /// Sends the next move until it is acknowledged: a repetition of what was done changes nothing.
    fn make_move(&mut self, way: usize) -> bool {
        let (number, ask) = self.account.next_move();
        loop {
            let answer = self.wires[way].ask(&ask);
            match answer.status {
                200 => {
                    self.account.saw(number);
                    return true;
                }
                503 => {}
                _ => {
                    self.run.end_with(format!("move {number}: {answer:#?}"));
                    return false;
                }
            }
        }
    }
}
