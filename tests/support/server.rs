//! Where the tests meet the application: it is put together here as the command `accounts serve`
//! does it, with a clock that stands still and mails that go into a folder.

use std::{
    collections::BTreeMap,
    net::{SocketAddr, TcpListener},
    path::Path,
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use accounts_api::{
    clock::Clock,
    links::Links,
    memo::Answers,
    metrics::Metrics,
    passwords::Passwords,
    service::{Readiness, Service},
    settings::{ApiSettings, PublicUrl, Secret},
    tokens::{StoredKey, Tokens},
    vault::Vault,
};
use accounts_delivery::{
    compose::{Composer, Look},
    transport::{Folder, Smtp, Transport},
    webhooks::WebhookWorker,
    worker::Worker,
};
use accounts_domain::{catalog::Catalog as Policy, webhooks::Reach};
use accounts_store::{Database, Settings, Store};
use actix_web::{dev::ServerHandle, rt::System};
use chrono::{DateTime, Utc};
use tokio::{
    runtime::Runtime,
    sync::{Notify, oneshot},
};

use crate::app::Catalog;

/// How long mails may take to leave.
const PATIENCE: Duration = Duration::from_mins(1);

/// Where mails go, if not into a folder.
const SMTP_URL: &str = "ACCOUNTS_SMTP_URL";

/// Where webhooks may be, `public` or `anywhere`. Without it nobody tells them anything.
pub(crate) const WEBHOOKS: &str = "webhooks";

/// What a test says about its service.
#[derive(Debug)]
pub(crate) struct Config<'a> {
    /// The data folder.
    pub data: &'a Path,
    /// PostgreSQL, or nothing for a file in the data folder.
    pub database_url: Option<&'a str>,
    /// Whose policy it follows.
    pub catalog: &'a Catalog,
    /// By their names in the environment.
    pub settings: &'a BTreeMap<String, String>,
    /// Whether mails leave the outbox.
    pub sends_mails: bool,
}

/// A service on a thread of its own; it ends when this value is dropped.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    service: Service,
    signing_key: String,
    signing_key_since: DateTime<Utc>,
    runtime: Option<Runtime>,
    stop_worker: Option<oneshot::Sender<()>>,
    stop_webhooks: Option<oneshot::Sender<()>>,
    server: ServerHandle,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Running {
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.service.clock
    }

    /// What the handlers reach.
    pub fn service(&self) -> &Service {
        &self.service
    }

    /// The key that signs access tokens, for tests that forge them: PKCS#8, base64.
    pub fn signing_key(&self) -> &str {
        &self.signing_key
    }

    /// Runs something of the store to its end.
    pub fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        match &self.runtime {
            Some(runtime) => runtime.block_on(work),
            None => panic!("the service has ended"),
        }
    }

    /// Returns once everything in the outbox has been sent.
    pub(crate) fn deliver_mails(&self) {
        let begun = Instant::now();
        loop {
            let waiting = self.wait(self.service.store.mails_waiting());
            match waiting {
                Ok(0) => return,
                Ok(_) if begun.elapsed() < PATIENCE => {
                    self.service.mail_waits.notify_one();
                    thread::sleep(Duration::from_millis(5));
                }
                Ok(count) => panic!("{count} mails do not leave"),
                Err(error) => panic!("the outbox does not answer: {}", error.cause()),
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The stop is sent when it is called; awaiting it would need a runtime.
        drop(self.server.stop(false));
        if let Some(stop) = self.stop_worker.take() {
            let _ = stop.send(());
        }
        if let Some(stop) = self.stop_webhooks.take() {
            let _ = stop.send(());
        }
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::from_secs(5));
        }
    }
}

/// Starts the service and answers when it listens; beside another one it shares its keys, its clock and its public
/// address.
pub(crate) fn start(config: &Config<'_>, beside: Option<&Running>) -> Running {
    // Bound first: the public URL, which links in mails begin with, holds the port.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap_or_else(|error| panic!("no free port: {error}"));
    let address = listener
        .local_addr()
        .unwrap_or_else(|error| panic!("no address: {error}"));
    let signing_key = match beside {
        Some(other) => StoredKey {
            pkcs8: other.signing_key.clone(),
            created_at: other.signing_key_since,
        },
        None => StoredKey::generate(Utc::now()).unwrap_or_else(|error| panic!("no key: {error}")),
    };
    let service = service(config, address, &signing_key, beside);
    let metrics = Metrics::new().unwrap_or_else(|error| panic!("no metrics: {error}"));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap_or_else(|error| panic!("no runtime: {error}"));
    let stop_worker = config.sends_mails.then(|| start_worker(&runtime, config, &service));

    let stop_webhooks = config
        .settings
        .contains_key(WEBHOOKS)
        .then(|| start_webhooks(&runtime, &service));

    let (tell, told) = mpsc::channel();
    let shared = service.clone();
    let thread = thread::spawn(move || {
        System::new().block_on(async move {
            let server = accounts_api::serve(listener, 1, shared, metrics)
                .unwrap_or_else(|error| panic!("the service does not listen: {error}"));
            let _ = tell.send(server.handle());
            let _ = server.await;
        });
    });
    let server = told
        .recv()
        .unwrap_or_else(|_| panic!("the service ended before it listened"));
    Running {
        address,
        service,
        signing_key: signing_key.pkcs8,
        signing_key_since: signing_key.created_at,
        runtime: Some(runtime),
        stop_worker,
        stop_webhooks,
        server,
        thread: Mutex::new(Some(thread)),
    }
}

fn service(config: &Config<'_>, address: SocketAddr, signing_key: &StoredKey, beside: Option<&Running>) -> Service {
    let catalog = match config.catalog {
        Catalog::Preset(name) => Policy::from_preset(name),
        Catalog::Toml(text) => Policy::parse(text),
    };
    let catalog = Arc::new(catalog.unwrap_or_else(|faults| panic!("the catalog of the test: {faults:?}")));
    let database = match config.database_url {
        Some(url) => url
            .parse()
            .unwrap_or_else(|error| panic!("the URL of a test database: {error}")),
        None => Database::Sqlite {
            path: config.data.join("accounts.db"),
        },
    };
    let store = Store::open(Settings::new(database), catalog)
        .unwrap_or_else(|error| panic!("the store does not open: {error}"));
    let secret = |byte: u8| Secret::new(&[byte; 32]).unwrap_or_else(|error| panic!("{error}"));
    let public_url = match beside {
        Some(other) => other.service.settings.public_url.clone(),
        None => PublicUrl::parse(&format!("http://{address}")).unwrap_or_else(|error| panic!("{error}")),
    };
    let clock = match beside {
        Some(other) => other.service.clock.clone(),
        None => Clock::manual(Utc::now()),
    };
    let tokens = Tokens::new(
        public_url.as_str().to_owned(),
        std::slice::from_ref(signing_key),
        secret(1),
    )
    .unwrap_or_else(|error| panic!("{error}"));
    let mut settings = ApiSettings::new(public_url, secret(2));
    for (name, value) in config.settings {
        match name.as_str() {
            "ACCOUNTS_CORS_ORIGINS" => settings.cors_origins = value.split(',').map(str::to_owned).collect(),
            "ACCOUNTS_TRUSTED_PROXIES" => {
                settings.trusted_hops = value.parse().unwrap_or_else(|error| panic!("{name}: {error}"));
            }
            SMTP_URL => {}
            WEBHOOKS => {
                settings.webhooks = if value == "anywhere" {
                    Reach::Anywhere
                } else {
                    Reach::Public
                };
            }
            _ => panic!("a test service knows no setting {name}"),
        }
    }
    Service {
        store,
        clock,
        passwords: Passwords::start().unwrap_or_else(|error| panic!("no hashing: {error}")),
        tokens: Arc::new(tokens),
        links: Links::new(secret(3)),
        vault: Vault::new(secret(4)),
        settings,
        answers: Answers::default(),
        mail_waits: Arc::new(Notify::new()),
        mailbox: Some(config.data.join("mail")),
        readiness: Readiness::default(),
    }
}

fn start_worker(runtime: &Runtime, config: &Config<'_>, service: &Service) -> oneshot::Sender<()> {
    let sender = "Accounts <accounts@provider.example>"
        .parse()
        .unwrap_or_else(|error| panic!("{error}"));
    let settings = &service.settings;
    let composer = Composer::new(
        Look::default(),
        sender,
        settings.public_url.clone(),
        service.links.clone(),
    )
    .unwrap_or_else(|error| panic!("the mail texts: {error}"));
    let worker = Worker::new(
        service.store.clone(),
        composer,
        transport(config),
        service.clock.clone(),
        Arc::clone(&service.mail_waits),
    );
    let (stop, stopped) = oneshot::channel();
    runtime.spawn(worker.run(async {
        let _ = stopped.await;
    }));
    stop
}

fn start_webhooks(runtime: &Runtime, service: &Service) -> oneshot::Sender<()> {
    let worker = WebhookWorker::new(
        service.store.clone(),
        service.vault.clone(),
        service.clock.clone(),
        service.settings.webhooks,
    );
    let worker = worker.unwrap_or_else(|error| panic!("{error}"));
    let (stop, stopped) = oneshot::channel();
    runtime.spawn(worker.every(Duration::from_millis(20)).run(async {
        let _ = stopped.await;
    }));
    stop
}

fn transport(config: &Config<'_>) -> Transport {
    match config.settings.get(SMTP_URL) {
        Some(url) => {
            let url = url.parse().unwrap_or_else(|error| panic!("{SMTP_URL}: {error}"));
            Transport::Smtp(Smtp::new(url).unwrap_or_else(|error| panic!("{SMTP_URL}: {error}")))
        }
        None => Transport::Folder(
            Folder::open(config.data.join("mail")).unwrap_or_else(|error| panic!("no mail folder: {error}")),
        ),
    }
}

/// Brings an empty PostgreSQL database to the newest schema.
pub(crate) fn migrate(url: &str) {
    let database = url
        .parse()
        .unwrap_or_else(|error| panic!("the URL of a test database: {error}"));
    accounts_store::migrate(&database).unwrap_or_else(|error| panic!("the migrations do not run: {error}"));
}
