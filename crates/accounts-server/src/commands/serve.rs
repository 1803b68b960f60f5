//! `accounts serve`

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use accounts_api::clock::Clock;
use accounts_api::links::Links;
use accounts_api::memo::Answers;
use accounts_api::metrics::Metrics;
use accounts_api::passwords::Passwords;
use accounts_api::service::{Readiness, Service};
use accounts_api::settings::{ApiSettings, PublicUrl};
use accounts_api::tokens::Tokens;
use accounts_api::vault::Vault;
use accounts_delivery::compose::Composer;
use accounts_delivery::transport::{Folder, Transport};
use accounts_delivery::webhooks::WebhookWorker;
use accounts_delivery::worker::Worker;
use accounts_domain::webhooks::Reach;
use accounts_store::{Retention, Store};
use actix_web::dev::ServerHandle;
use actix_web::rt::System;
use tokio::net::TcpSocket;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use super::{open, print};
use crate::cli::Serve;
use crate::config::{MailWay, Place, Said, Serving};
use crate::demo::{self, Demo, DemoError};
use crate::failure::Failure;
use crate::logging;
use crate::metrics::Measures;
use crate::secrets;
use crate::signals::Signals;
use crate::welcome::Welcome;

/// How many connections may wait to be taken.
const BACKLOG: u32 = 1024;
/// How often what has served its time is cleared away.
const PURGE_EVERY: Duration = Duration::from_hours(1);
/// How many rows go at a time, so that nobody waits for it.
const PURGE_STEP: u32 = 500;

/// Serves until SIGTERM or SIGINT.
pub fn run(said: &Said, how: Serve) -> Result<ExitCode, Failure> {
    let serving = said.serving(how.demo)?;
    let _logging = logging::start(&serving.log);
    let system = System::new();
    // Listening needs a runtime, although it waits for nothing.
    let listeners = system.block_on(async { Listeners::bind(serving.listen, serving.metrics) })?;
    // The store blocks while it opens, and nothing else runs yet.
    let process = Process::prepare(serving, listeners, how)?;
    system.block_on(process.run())?;
    Ok(ExitCode::SUCCESS)
}

/// Where the process listens. Whoever comes early waits in the backlog.
struct Listeners {
    api: TcpListener,
    address: SocketAddr,
    metrics: Option<TcpListener>,
}

impl Listeners {
    fn bind(api: SocketAddr, metrics: Option<SocketAddr>) -> Result<Self, Failure> {
        let api = listen(api)?;
        let address = api
            .local_addr()
            .map_err(|error| Failure::while_doing("listening", error))?;
        Ok(Self {
            api,
            address,
            metrics: metrics.map(listen).transpose()?,
        })
    }
}

fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    let listener = || -> io::Result<TcpListener> {
        let socket = if address.is_ipv4() {
            TcpSocket::new_v4()?
        } else {
            TcpSocket::new_v6()?
        };
        // A service that has just ended leaves connections behind that would keep the address from the next one.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)?.into_std()
    };
    listener().map_err(|error| Failure::while_doing(&format!("listening on {address}"), error))
}

/// Everything that serves, before it does.
struct Process {
    service: Service,
    metrics: Metrics,
    listeners: Listeners,
    worker: Worker,
    webhooks: WebhookWorker,
    workers: usize,
    retention: Retention,
    place: Place,
    how: Serve,
}

impl Process {
    fn prepare(serving: Serving, listeners: Listeners, how: Serve) -> Result<Self, Failure> {
        let clock = Clock::System;
        let public_url = match serving.public_url {
            Some(url) => url,
            None => PublicUrl::parse(&format!("http://localhost:{}", listeners.address.port()))
                .map_err(|error| Failure::Failed(error.to_string()))?,
        };
        let store = open(&serving.place, serving.catalog)?;
        // The database is this process's alone from here on, so that no other one makes secrets beside it.
        let master = match serving.secret {
            Some(master) => master,
            None => secrets::make(&serving.place.data)
                .map_err(|problem| Failure::while_doing("making the secret", problem))?,
        };
        let stored_keys = if serving.keys.is_empty() {
            let made = serving.key_file.make(clock.now());
            made.map_err(|problem| Failure::while_doing("making the signing keys", problem))?
        } else {
            serving.keys
        };
        let keys = master.keys().map_err(|error| Failure::Failed(error.to_string()))?;
        let tokens = Tokens::new(public_url.as_str().to_owned(), &stored_keys, keys.refresh)
            .map_err(|error| Failure::Failed(error.to_string()))?;
        let links = Links::new(keys.links);
        let passwords =
            Passwords::start().map_err(|error| Failure::while_doing("starting the hashing threads", error))?;
        let (transport, mailbox) = transport(serving.mail)?;
        let composer = Composer::new(serving.mail_look, serving.mail_from, public_url.clone(), links.clone())
            .map_err(|error| Failure::Failed(error.to_string()))?;
        let mut settings = ApiSettings::new(public_url, keys.cursors);
        settings.cors_origins = serving.cors_origins;
        settings.trusted_hops = serving.trusted_proxies;
        settings.answers_kept_for = serving.retention.answers;
        settings.webhooks = if how.webhooks_allow_private {
            Reach::Anywhere
        } else {
            Reach::Public
        };
        let mail_waits = Arc::new(Notify::new());
        let worker = Worker::new(
            store.clone(),
            composer,
            transport,
            clock.clone(),
            Arc::clone(&mail_waits),
        );
        let vault = Vault::new(keys.vault);
        let webhooks = WebhookWorker::new(store.clone(), vault.clone(), clock.clone(), settings.webhooks)
            .map_err(|error| Failure::Failed(error.to_string()))?;
        let metrics = Metrics::new().map_err(|error| Failure::Failed(error.to_string()))?;
        let service = Service {
            store,
            clock,
            passwords,
            tokens: Arc::new(tokens),
            links,
            vault,
            settings,
            answers: Answers::default(),
            mail_waits,
            // Whoever reads the mails can take over any log-in: they are shown on this machine alone.
            mailbox: mailbox.filter(|_| serving.place.is_embedded() && listeners.address.ip().is_loopback()),
            readiness: Readiness::default(),
        };
        Ok(Self {
            service,
            metrics,
            listeners,
            worker,
            webhooks,
            workers: serving.workers,
            retention: serving.retention,
            place: serving.place,
            how,
        })
    }

    /// Serves until it is told to end, and ends in order: no request that has begun is dropped.
    async fn run(self) -> Result<(), Failure> {
        let mut signals = Signals::listen().map_err(|error| Failure::while_doing("listening to signals", error))?;
        let mut demo_key = None;
        if self.how.demo {
            let made = make_demo(&self.service, &self.place.data).await;
            demo_key = made.map_err(|error| Failure::Failed(error.to_string()))?;
        }
        let service = self.service;
        let started = |error| Failure::while_doing("starting the server", error);
        let measures =
            Measures::new(&self.metrics, service.store.clone()).map_err(|error| Failure::Failed(error.to_string()))?;
        let metrics_handle = match self.listeners.metrics {
            Some(listener) => Some(detach(
                accounts_api::serve_metrics(listener, self.metrics.clone()).map_err(started)?,
            )),
            None => None,
        };
        let api =
            accounts_api::serve(self.listeners.api, self.workers, service.clone(), self.metrics).map_err(started)?;
        let api_handle = api.handle();
        let (stop_mails, mails_stopped) = oneshot::channel::<()>();
        let mails = tokio::spawn(self.worker.run(async move { drop(mails_stopped.await) }));
        let (stop_webhooks, webhooks_stopped) = oneshot::channel::<()>();
        let webhooks = tokio::spawn(self.webhooks.run(async move { drop(webhooks_stopped.await) }));
        let chores = [
            tokio::spawn(purge(service.store.clone(), service.clock.clone(), self.retention)),
            tokio::spawn(measures.run()),
        ];
        let mut api = tokio::spawn(api);
        tracing::info!(
            version = env!("CARGO_PKG_VERSION"),
            address = %self.listeners.address,
            catalog = service.store.catalog().name(),
            database = ?self.place.database,
            "serving"
        );
        if self.place.is_embedded() {
            let mails = service.mailbox.as_deref();
            print(Welcome {
                url: &service.settings.public_url,
                mails,
                demo: self.how.demo,
                key: demo_key.as_deref(),
            });
        }

        tokio::select! {
            signal = signals.next() => tracing::info!(signal, "ending"),
            ended = &mut api => {
                let cause = ended.map_or_else(|error| error.to_string(), |end| format!("{end:?}"));
                return Err(Failure::while_doing("serving", format!("the server ended by itself: {cause}")));
            }
        }
        service.readiness.end();
        drop(stop_mails);
        drop(stop_webhooks);
        chores.iter().for_each(JoinHandle::abort);
        let ending = end(api_handle, metrics_handle, [mails, webhooks]);
        tokio::select! {
            () = ending => {
                tracing::info!("ended");
                Ok(())
            }
            signal = signals.next() => Err(Failure::Failed(format!("a second {signal} ended it before it was done"))),
        }
    }
}

fn transport(way: MailWay) -> Result<(Transport, Option<PathBuf>), Failure> {
    match way {
        MailWay::Smtp(smtp) => Ok((Transport::Smtp(smtp), None)),
        MailWay::Folder(path) => {
            let doing = format!("making the folder {}", path.display());
            let folder = Folder::open(path.clone()).map_err(|error| Failure::while_doing(&doing, error))?;
            Ok((Transport::Folder(folder), Some(path)))
        }
    }
}

/// The demo account and the demo's integration are made once. What their visitors make of them stays. Answers where the
/// key of the integration is.
async fn make_demo(service: &Service, data: &Path) -> Result<Option<PathBuf>, DemoError> {
    let (store, clock) = (&service.store, &service.clock);
    if !Demo::is_there(store).await? {
        Demo::prepare(store, clock, &service.passwords).await?.fill().await?;
    }
    demo::integration::make(store, clock, data).await
}

/// Lets a server run beside the others.
fn detach(server: actix_web::dev::Server) -> ServerHandle {
    let handle = server.handle();
    tokio::spawn(server);
    handle
}

/// Lets started requests, mails and deliveries come to their end, all within ten seconds. The metrics stay until then.
async fn end(api: ServerHandle, metrics: Option<ServerHandle>, workers: [JoinHandle<()>; 2]) {
    let [mails, webhooks] = workers;
    let ((), mails, webhooks) = tokio::join!(api.stop(true), mails, webhooks);
    for (worker, ended) in [("mails", mails), ("webhooks", webhooks)] {
        if let Err(error) = ended {
            tracing::error!(%error, worker, "a worker ended before it was told to");
        }
    }
    if let Some(metrics) = metrics {
        metrics.stop(false).await;
    }
}

/// Clears away what has served its time, now and every hour.
async fn purge(store: Store, clock: Clock, retention: Retention) {
    let mut hour = interval(PURGE_EVERY);
    hour.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        hour.tick().await;
        let mut purged = 0;
        loop {
            match store.purge(clock.now(), retention, PURGE_STEP).await {
                Ok(0) => break,
                Ok(rows) => purged += rows,
                Err(error) => {
                    tracing::warn!(cause = error.cause(), "old rows stay for another hour");
                    break;
                }
            }
        }
        if purged > 0 {
            tracing::info!(rows = purged, "old rows were cleared away");
        }
    }
}
