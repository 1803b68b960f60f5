//! A run on one database: load, kill, start again, compare; and in the end everything once more.

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    process::{self, Child},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use accounts_domain::catalog::Catalog;
use accounts_store::{Database, schema_walk::by_hand};
use accounts_tests::postgres::watchdog;
use chrono::Utc;
use tempfile::TempDir;

use crate::{
    comparison::{Scope, Sums, compare},
    dice::Dice,
    figures::{Figures, Kind},
    gate::Gate,
    kills::Kill,
    ledger::Account,
    plan::{Db, Plan},
    post::Post,
    process::{port, wait_until},
    server::Server,
    service::Service,
    stored::Books,
    strace::Trap,
    writer::{Desk, Writer},
};

/// The file of the catalog, in the folder of the run.
pub const CATALOG: &str = "catalog.toml";
/// How many contacts an account may have.
pub const CONTACTS: usize = 20;

const STANDARD: &str = include_str!("../../crates/accounts-domain/src/catalog/presets/standard.toml");
/// How long the load may take to come as far as the next kill, and the service to be of use again after an outage.
const PATIENCE: Duration = Duration::from_mins(2);
/// How long mails may take to leave: the claims of the dead run out after two minutes.
const MAILS: Duration = Duration::from_mins(5);
/// How many mails a worker has in its hands at most, which a kill may double.
const IN_HAND: u64 = 8;

/// What the watchdog does when this process is gone.
const WATCH: &str = r#"cat >/dev/null
    if pid=$(cat "$1/service.pid" 2>/dev/null); then kill -KILL "$pid"; fi
    [ -e "$1/keep" ] || rm -rf "$1""#;

/// Something that ends the run.
type Trouble = String;

/// Runs it, prints what it comes to, and answers whether nothing was found.
pub fn run(db: Db, plan: &Plan) -> bool {
    println!(
        "crash {}: {} kills, {} acknowledged writes, {} writers, seed {}",
        db.name(),
        plan.kills,
        plan.writes,
        plan.writers,
        plan.seed
    );
    let mut run = Run::prepare(db, plan);
    if let Err(trouble) = run.through() {
        run.desk.give_up(Kind::Other, trouble);
    }
    run.report()
}

struct Run {
    begun: Instant,
    db: Db,
    plan: Plan,
    dice: Dice,
    desk: Arc<Desk>,
    service: Service,
    server: Option<Server>,
    books: Books,
    catalog: Catalog,
    /// Since when the answers of the round were kept.
    since: String,
    kills: BTreeMap<&'static str, u64>,
    /// Kills of the service, each of which may double mails.
    deaths: u64,
    /// The longest time from PostgreSQL's return to the next acknowledged write.
    slowest_return: Duration,
    mails: Mails,
    folder: PathBuf,
    /// However the run ends: it ends the service, and removes the folder unless something was found.
    _watchdog: Child,
}

/// What became of the mails.
#[derive(Debug, Default)]
struct Mails {
    expected: u64,
    found: u64,
    doubled: u64,
}

impl Run {
    fn prepare(db: Db, plan: &Plan) -> Self {
        let folder = TempDir::with_prefix("accounts-crash-").unwrap_or_else(|error| panic!("no folder: {error}"));
        let folder = folder.keep();
        let watchdog = watchdog(WATCH, &[folder.to_string_lossy().as_ref()]);
        let text = STANDARD.replace("contact_limit = 5 ", &format!("contact_limit = {CONTACTS} "));
        let catalog = Catalog::parse(&text).unwrap_or_else(|faults| panic!("the catalog: {faults:?}"));
        fs::write(folder.join(CATALOG), text).unwrap_or_else(|error| panic!("the catalog: {error}"));
        let post = Post::open();
        // Of two runs with one seed, each has its own.
        let mut ports = Dice::new(u64::from(process::id()), 0);
        let own_port = port(&mut ports);
        let mut server = (db == Db::Postgres).then(|| Server::start(port(&mut ports)));
        let url = server.as_ref().map(Server::url);
        let mut service = Service::new(&plan.binary, &folder, own_port, url.as_deref(), &post);
        let database = url.map_or_else(
            || Database::Sqlite {
                path: folder.join("data").join("accounts.db"),
            },
            |url| {
                url.parse()
                    .unwrap_or_else(|error| panic!("the URL of the cluster: {error}"))
            },
        );
        let books = Books::of(database);
        if let Some(server) = &mut server {
            server.wait(&books).unwrap_or_else(|problem| panic!("{problem}"));
            service.run(&["keys", "rotate"]);
            service.run(&["migrate"]);
        }
        service.start().unwrap_or_else(|problem| panic!("{problem}"));
        let desk = Desk {
            port: own_port,
            seed: plan.seed,
            gate: Gate::default(),
            figures: Figures::default(),
            post,
            accounts: Mutex::default(),
            enough: AtomicBool::default(),
        };
        Self {
            begun: Instant::now(),
            db,
            plan: plan.clone(),
            dice: Dice::new(plan.seed, 0),
            desk: Arc::new(desk),
            service,
            server,
            books,
            catalog,
            since: now(),
            kills: BTreeMap::new(),
            deaths: 0,
            slowest_return: Duration::ZERO,
            mails: Mails::default(),
            folder,
            _watchdog: watchdog,
        }
    }

    fn through(&mut self) -> Result<(), Trouble> {
        let desk = Arc::clone(&self.desk);
        let desk = desk.as_ref();
        thread::scope(|scope| {
            let signed_up: Vec<_> = (0..self.plan.writers)
                .map(|number| scope.spawn(move || Writer::signed_up(desk, number)))
                .collect();
            for writer in signed_up {
                let writer = writer.join().map_err(|_| "a writer could not sign up".to_owned())?;
                scope.spawn(|| writer.run());
            }
            let killed = self.load_and_kill();
            self.desk.enough.store(true, Ordering::Relaxed);
            if killed.is_err() {
                self.desk.gate.give_up();
            }
            killed
        })?;
        if self.desk.figures.findings().is_empty() {
            self.settle_up()?;
        }
        Ok(())
    }

    fn load_and_kill(&mut self) -> Result<(), Trouble> {
        let each = (2 * self.plan.writes / self.plan.kills.max(1)).max(1);
        for number in 1..=self.plan.kills {
            let kill = Kill::draw(&mut self.dice, self.db, &self.plan, number);
            let load = 1 + self.dice.below(each);
            let moment = Duration::from_micros(self.dice.below(20_000));
            self.until_acknowledged(self.acknowledged() + load)?;
            thread::sleep(moment);
            self.strike(kill)?;
            *self.kills.entry(kill.name()).or_default() += 1;
            if !self.desk.figures.findings().is_empty() {
                return Err(format!("found after kill {number}, of the {kill}"));
            }
            if self.plan.in_full {
                println!(
                    "crash {}: {} s, kill {number}, {kill}: {}",
                    self.db.name(),
                    self.begun.elapsed().as_secs(),
                    self.desk.figures
                );
            }
        }
        self.until_acknowledged(self.plan.writes)
    }

    fn acknowledged(&self) -> u64 {
        Figures::of(&self.desk.figures.acknowledged)
    }

    /// Lets the load go on until so much was acknowledged.
    fn until_acknowledged(&mut self, count: u64) -> Result<(), Trouble> {
        let mut last = (self.acknowledged(), Instant::now());
        while self.acknowledged() < count {
            thread::sleep(Duration::from_millis(2));
            if !self.desk.figures.findings().is_empty() {
                return Err("the load ended".to_owned());
            }
            if !self.service.is_alive() {
                return Err("the service ended, and nobody had killed it".to_owned());
            }
            if self.acknowledged() > last.0 {
                last = (self.acknowledged(), Instant::now());
            } else if last.1.elapsed() > PATIENCE {
                return Err(format!("nothing was acknowledged for {PATIENCE:?}"));
            }
        }
        Ok(())
    }

    /// Kills, brings everything back, and compares.
    fn strike(&mut self, kill: Kill) -> Result<(), Trouble> {
        match kill {
            Kill::Service | Kill::Starting => self.service.kill(),
            Kill::ServiceAtFsync(n) => {
                Trap::set(&[self.service.pid()], n, &self.folder).sprung(PATIENCE)?;
                if self.service.is_alive() {
                    return Err("strace ended, and the service lives".to_owned());
                }
                self.service.kill();
            }
            Kill::Server(blow) => self.outage(|server| server.strike(blow))?,
            Kill::Both(blow) => {
                self.service.kill();
                self.desk.gate.killed();
                self.outage(|server| server.strike(blow))?;
            }
            Kill::ServerAtFsync(n) => {
                let workers = self.server.as_ref().map(Server::workers).unwrap_or_default();
                Trap::set(&workers, n, &self.folder).sprung(PATIENCE)?;
                self.server_is_back()?;
            }
        }
        if kill.hits_service() {
            self.deaths += 1;
            self.desk.gate.killed();
        } else {
            self.is_of_use_again()?;
        }
        if !self.desk.gate.shut() {
            return Err("a writer does not come back from a request".to_owned());
        }
        if kill == Kill::Starting {
            self.service.spawn();
            let most = u64::try_from(self.service.last_start.as_micros()).unwrap_or(u64::MAX);
            thread::sleep(Duration::from_micros(self.dice.below(most)));
            self.service.kill();
        }
        if kill.hits_service() {
            let killed = now();
            self.service.start()?;
            self.dead_connections_have_ended(&killed)?;
        }
        self.compare_touched(kill.hits_service())?;
        self.since = now();
        self.desk.gate.open();
        Ok(())
    }

    /// PostgreSQL is gone for a while.
    fn outage(&mut self, strike: impl FnOnce(&mut Server)) -> Result<(), Trouble> {
        let length = Duration::from_millis(self.dice.below(1500));
        let Some(server) = &mut self.server else { return Ok(()) };
        strike(server);
        thread::sleep(length);
        server.start_again();
        self.server_is_back()
    }

    fn server_is_back(&mut self) -> Result<(), Trouble> {
        match &mut self.server {
            Some(server) => server.wait(&self.books),
            None => Ok(()),
        }
    }

    /// PostgreSQL is back: the service that has lived through it goes on by itself.
    fn is_of_use_again(&mut self) -> Result<(), Trouble> {
        let begun = Instant::now();
        self.until_acknowledged(self.acknowledged() + 1)?;
        self.slowest_return = self.slowest_return.max(begun.elapsed());
        Ok(())
    }

    /// What a killed service had told PostgreSQL to commit is committed, or not, before the books are compared.
    fn dead_connections_have_ended(&self, killed: &str) -> Result<(), Trouble> {
        if self.server.is_none() {
            return Ok(());
        }
        let rest = format!(
            "FROM pg_stat_activity WHERE backend_type = 'client backend' AND backend_start < '{killed}+00' \
             AND pid <> pg_backend_pid()"
        );
        let ended = wait_until(PATIENCE, || self.books.number("count(*)", &rest) == Ok(0));
        ended
            .then_some(())
            .ok_or_else(|| "connections of the dead do not end".to_owned())
    }

    fn compare_touched(&self, after_kill: bool) -> Result<(), Trouble> {
        let mut accounts = self.desk.accounts();
        accounts.retain(|account| account.lock().unwrap_or_else(PoisonError::into_inner).touched);
        let scope = Scope::Round(self.desk.gate.round(), &self.since);
        compare(&self.books, &self.desk.figures, &accounts, scope, after_kill).map(drop)
    }

    /// The last comparison, over everything, when all writers have gone and all mails have left.
    fn settle_up(&mut self) -> Result<(), Trouble> {
        if !self.plan.in_full {
            // The short run does not wait for the two minutes after which the claims of the dead run out.
            by_hand(
                self.books.database(),
                "UPDATE mails SET claimed_until = NULL WHERE sent_at IS NULL",
            )?;
        }
        let mut waiting = Ok(0);
        wait_until(MAILS, || {
            thread::sleep(Duration::from_millis(100));
            waiting = self.books.number("count(*)", "FROM mails WHERE sent_at IS NULL");
            waiting.as_ref().is_ok_and(|count| *count == 0)
        });
        match waiting? {
            0 => {}
            count => self
                .desk
                .figures
                .find(Kind::Lost, format!("{count} mails do not leave")),
        }
        let accounts = self.desk.accounts();
        let sums = compare(&self.books, &self.desk.figures, &accounts, Scope::Everything, true)?;
        self.count_mails(&accounts);
        self.compare_sums(&sums, accounts.len())?;
        let database = self.books.database();
        let broken = accounts_store::check(database, &self.catalog, Utc::now()).map_err(|error| error.to_string())?;
        for finding in broken {
            self.desk.figures.find(Kind::Other, format!("check-db: {finding}"));
        }
        let ended = self.service.end();
        if !ended.is_some_and(|status| status.success()) {
            self.desk
                .figures
                .find(Kind::Other, format!("told to end, the service ended with {ended:?}"));
        }
        Ok(())
    }

    /// There is nothing but what the ledger knows, and what the writers began with.
    fn compare_sums(&self, sums: &Sums, accounts: usize) -> Result<(), Trouble> {
        let accounts = u64::try_from(accounts).unwrap_or_default();
        let writers = self.plan.writers;
        let done = "FROM audit_events WHERE request_id LIKE 'w-%' AND account_id IS NOT NULL";
        let rows = [
            (
                "accounts",
                self.books.number("count(*)", "FROM accounts")?,
                accounts + writers,
            ),
            (
                "contacts",
                self.books.number("count(*)", "FROM contacts")?,
                sums.contacts + writers,
            ),
            (
                "mails",
                self.books.number("count(*)", "FROM mails")?,
                sums.mails + writers,
            ),
            (
                "kept answers",
                self.books.number("count(*)", "FROM idempotency_keys")?,
                sums.keyed,
            ),
            (
                "audited requests",
                self.books.number("count(DISTINCT request_id)", done)?,
                sums.done,
            ),
            ("acknowledged writes", self.acknowledged(), sums.done),
        ];
        for (what, there, expected) in rows {
            if there != expected {
                let kind = if there < expected { Kind::Lost } else { Kind::Doubled };
                self.desk
                    .figures
                    .find(kind, format!("{there} {what} in all, not {expected}"));
            }
        }
        Ok(())
    }

    /// Every mail was handed over; one that was doubled by a kill has one `Message-ID`.
    fn count_mails(&mut self, accounts: &[Arc<Mutex<Account>>]) {
        for account in accounts {
            let account = account.lock().unwrap_or_else(PoisonError::into_inner);
            for contact in account.state.contacts.values() {
                let letters = self.desk.post.letters_to(&contact.address);
                let address = &contact.address;
                self.mails.expected += u64::from(contact.sent);
                self.mails.found += u64::from(letters.count > 0);
                self.mails.doubled += letters.count.saturating_sub(1);
                if contact.sent && letters.count == 0 {
                    self.desk.figures.find(Kind::Lost, format!("no mail came to {address}"));
                }
                if letters.ids.len() > 1 || (!contact.sent && letters.count > 0) {
                    let sentence = format!("{} different mails came to {address}", letters.ids.len());
                    self.desk.figures.find(Kind::Doubled, sentence);
                }
            }
        }
        if self.mails.doubled > IN_HAND * self.deaths {
            let sentence = format!("{} kills have doubled {} mails", self.deaths, self.mails.doubled);
            self.desk.figures.find(Kind::Doubled, sentence);
        }
    }

    fn report(mut self) -> bool {
        let figures = &self.desk.figures;
        let findings = figures.findings();
        for (kind, sentence) in findings.iter().take(20) {
            println!("crash {}: FOUND, {kind:?}: {sentence}", self.db.name());
        }
        let kills: Vec<String> = self
            .kills
            .iter()
            .map(|(name, count)| format!("{name} {count}"))
            .collect();
        let Mails {
            expected,
            found,
            doubled,
        } = self.mails;
        println!(
            "crash {}: kills {} ({}); {figures}; mails expected {expected}, found {found}, sent twice {doubled}; \
             slowest return {} ms; lost {}, doubled {}, other findings {}; seed {}, {} s",
            self.db.name(),
            self.kills.values().sum::<u64>(),
            kills.join(", "),
            self.slowest_return.as_millis(),
            figures.found(Kind::Lost),
            figures.found(Kind::Doubled),
            figures.found(Kind::Other),
            self.plan.seed,
            self.begun.elapsed().as_secs(),
        );
        if findings.is_empty() {
            return true;
        }
        self.service.kill();
        // The watchdog leaves a folder with this file alone.
        if fs::write(self.folder.join("keep"), "").is_ok() {
            println!(
                "crash {}: what was left is in {}",
                self.db.name(),
                self.folder.display()
            );
        }
        false
    }
}

/// Now, as both databases compare it.
fn now() -> String {
    Utc::now().format("%Y-%m-%d %H:%M:%S%.6f").to_string()
}
