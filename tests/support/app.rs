//! A service of its own for each test.

use std::{collections::BTreeMap, path::Path};

use accounts_api::clock::Clock;
use tempfile::TempDir;

use crate::{
    Client, Mail,
    client::RawAnswer,
    mails,
    postgres::Database,
    server::{self, Running},
};

/// On which database a test runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Db {
    /// A file in the data folder.
    Sqlite,
    /// A fresh database of the tests' own server.
    Postgres,
}

/// How the service of a test is configured.
#[derive(Debug, Clone)]
pub struct Setup {
    catalog: Catalog,
    settings: BTreeMap<String, String>,
    sends_mails: bool,
}

/// Whose policy the service follows.
#[derive(Debug, Clone)]
pub(crate) enum Catalog {
    Preset(String),
    Toml(String),
}

impl Setup {
    /// What the service is without a word of configuration.
    pub fn standard() -> Self {
        Self::preset("standard")
    }

    /// With one of the built-in catalogs.
    pub fn preset(name: &str) -> Self {
        Self {
            catalog: Catalog::Preset(name.to_owned()),
            settings: BTreeMap::new(),
            sends_mails: true,
        }
    }

    /// With a provider's own catalog.
    pub fn catalog(toml: &str) -> Self {
        Self {
            catalog: Catalog::Toml(toml.to_owned()),
            settings: BTreeMap::new(),
            sends_mails: true,
        }
    }

    /// With one setting more, named as in the environment: `ACCOUNTS_CORS_ORIGINS`.
    #[must_use]
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.insert(name.to_owned(), value.to_owned());
        self
    }

    /// With somebody who tells webhooks of events, wherever they are: the receivers of tests are on this machine.
    #[must_use]
    pub fn with_webhooks(self) -> Self {
        self.setting(server::WEBHOOKS, "anywhere")
    }

    /// With nobody who sends mails: they wait in the outbox, and nothing but requests writes.
    #[must_use]
    pub fn without_mails(mut self) -> Self {
        self.sends_mails = false;
        self
    }

    /// Starts it on a database of its own.
    pub fn start(&self, db: Db) -> App {
        match db {
            Db::Sqlite => self.start_on(None, None),
            Db::Postgres => {
                let database = Database::migrated();
                let url = database.url().to_owned();
                self.start_on(Some(url), Some(database))
            }
        }
    }

    /// Starts it on an empty database of the test's own server.
    pub fn start_at(&self, url: &str) -> App {
        server::migrate(url);
        self.start_on(Some(url.to_owned()), None)
    }

    fn start_on(&self, url: Option<String>, database: Option<Database>) -> App {
        let folder =
            TempDir::with_prefix("accounts-test-").unwrap_or_else(|error| panic!("no temporary folder: {error}"));
        let running = server::start(&self.config(folder.path(), url.as_deref()), None);
        App {
            client: Client::to(running.address()),
            running,
            _database: database,
            url,
            folder,
            setup: self.clone(),
        }
    }

    fn config<'a>(&'a self, data: &'a Path, url: Option<&'a str>) -> server::Config<'a> {
        server::Config {
            data,
            database_url: url,
            catalog: &self.catalog,
            settings: &self.settings,
            sends_mails: self.sends_mails,
        }
    }
}

/// The application that production starts, in this process, on a free port of the loopback
/// address, with a clock that the test moves. Ends, with its data, when dropped.
#[derive(Debug)]
pub struct App {
    // Dropped in this order: the service lets go of the database before it is dropped.
    client: Client,
    running: Running,
    _database: Option<Database>,
    folder: TempDir,
    url: Option<String>,
    setup: Setup,
}

/// One more instance of an application's service. It must end before the application does.
#[derive(Debug)]
pub struct Instance {
    client: Client,
    running: Running,
}

impl Instance {
    /// A caller of this instance who has not logged in.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// What this instance was started with.
    pub fn running(&self) -> &Running {
        &self.running
    }
}

impl App {
    /// The standard service on a database of its own.
    pub fn start(db: Db) -> Self {
        Setup::standard().start(db)
    }

    /// The database that this one runs on.
    pub fn db(&self) -> Db {
        match self.url {
            Some(_) => Db::Postgres,
            None => Db::Sqlite,
        }
    }

    /// A caller who has not logged in.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The service's clock. It stands still until a test moves it.
    pub fn clock(&self) -> &Clock {
        self.running.clock()
    }

    /// The data folder.
    pub fn data(&self) -> &Path {
        self.folder.path()
    }

    /// What the running service was started with, for tests that look below the API.
    pub fn running(&self) -> &Running {
        &self.running
    }

    /// The URL of its database, where it runs on PostgreSQL.
    pub fn database_url(&self) -> Option<&str> {
        self.url.as_deref()
    }

    /// Starts one more instance on the same database, with the same keys and the same clock, as a provider does
    /// behind one address. Nothing where the database is a file, which has one service.
    pub fn second(&self) -> Option<Instance> {
        self.url.as_ref()?;
        let config = self.setup.config(self.folder.path(), self.url.as_deref());
        let running = server::start(&config, Some(&self.running));
        Some(Instance {
            client: Client::to(running.address()),
            running,
        })
    }

    /// Where its database is, for connections beside those of the service.
    pub fn database(&self) -> accounts_store::Database {
        match self.database_url() {
            Some(url) => url
                .parse()
                .unwrap_or_else(|error| panic!("the URL of a test database: {error}")),
            None => accounts_store::Database::Sqlite {
                path: self.folder.path().join("accounts.db"),
            },
        }
    }

    /// Every row of every table, by table.
    pub fn rows(&self) -> BTreeMap<String, Vec<String>> {
        accounts_store::schema_walk::rows(&self.database()).unwrap_or_else(|error| panic!("no rows: {error}"))
    }

    /// Sends bytes as they are and reads until the service closes the connection, or says nothing
    /// for two seconds.
    pub fn raw(&self, bytes: &[u8]) -> RawAnswer {
        RawAnswer::to(self.running.address(), bytes)
    }

    /// Every mail sent so far, the oldest first. What waits in the outbox goes out first.
    pub fn mails(&self) -> Vec<Mail> {
        self.running.deliver_mails();
        mails::read_folder(&self.folder.path().join("mail"))
    }

    /// Every mail sent to one address so far, the oldest first.
    pub fn mails_to(&self, address: &str) -> Vec<Mail> {
        self.mails()
            .into_iter()
            .filter(|mail| mail.to.iter().any(|to| to == address))
            .collect()
    }

    /// The newest mail sent to an address.
    #[track_caller]
    pub fn mail_to(&self, address: &str) -> Mail {
        match self.mails_to(address).pop() {
            Some(mail) => mail,
            None => panic!("no mail was sent to {address}"),
        }
    }
}
