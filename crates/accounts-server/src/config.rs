//! The configuration: out of flags and variables comes what each command needs, or every fault at once.

mod reader;
mod setting;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use accounts_api::settings::PublicUrl;
use accounts_api::tokens::StoredKey;
use accounts_delivery::compose::{Look, Sender};
use accounts_delivery::templates::Templates;
use accounts_delivery::transport::{Smtp, SmtpUrl};
use accounts_domain::catalog::Catalog;
use accounts_store::{Database, Retention};
use chrono::TimeDelta;

pub use setting::Setting;

use crate::catalogs;
use crate::cli::Flags;
use crate::failure::{Failure, Fault};
use crate::key_file::{self, KeyFile};
use crate::logging::{self, Format, Log};
use crate::secrets::{self, Master};
use reader::{Faulty, Read, Reader};

/// Where the data are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The folder of everything that the process keeps on this machine.
    pub data: PathBuf,
    /// The database.
    pub database: Database,
}

impl Place {
    /// Whether this is the embedded database, which needs nothing to be prepared.
    pub fn is_embedded(&self) -> bool {
        !self.database.is_postgres()
    }
}

/// What a command needs that works on the database.
#[derive(Debug)]
pub struct Working {
    /// Where the data are.
    pub place: Place,
    /// The provider's policy.
    pub catalog: Arc<Catalog>,
    /// How it logs.
    pub log: Log,
}

/// What `accounts serve` needs. There is no `Debug`: it holds the signing keys.
pub struct Serving {
    /// Where the data are.
    pub place: Place,
    /// The provider's policy.
    pub catalog: Arc<Catalog>,
    /// How it logs.
    pub log: Log,
    /// Where the API is served.
    pub listen: SocketAddr,
    /// Where the metrics are served, if they are.
    pub metrics: Option<SocketAddr>,
    /// The address under which clients reach the service; without one it is `localhost` at the port of the API.
    pub public_url: Option<PublicUrl>,
    /// The secret that was given or made before; without one it is to be made.
    pub secret: Option<Master>,
    /// The file of the signing keys.
    pub key_file: KeyFile,
    /// Its keys; empty where they are to be made.
    pub keys: Vec<StoredKey>,
    /// How mails leave.
    pub mail: MailWay,
    /// Who mails come from.
    pub mail_from: Sender,
    /// What mails look like.
    pub mail_look: Look,
    /// The origins whose pages may call the API.
    pub cors_origins: Vec<String>,
    /// How many proxies stand in front.
    pub trusted_proxies: usize,
    /// How many threads serve the API.
    pub workers: usize,
    /// How long what has served its time is kept.
    pub retention: Retention,
}

/// How mails leave.
#[derive(Debug)]
pub enum MailWay {
    /// To a server.
    Smtp(Smtp),
    /// As files into this folder.
    Folder(PathBuf),
}

/// Flags and variables as the process has them.
pub struct Said {
    /// The flags, into which the known variables were read already.
    pub flags: Flags,
    /// All variables of the process, to find those that nobody knows.
    pub environment: Vec<(OsString, OsString)>,
}

/// The usual name of the database file.
const DATABASE_FILE: &str = "accounts.db";
/// The usual name of the file of the signing keys.
const KEY_FILE: &str = "signing-keys.json";
/// The folder of mails that are not sent.
const MAIL_FOLDER: &str = "mail";
/// Who mails come from that are not sent.
const NOBODY: &str = "Accounts <accounts@localhost>";
/// What stands between this machine and the world.
const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8080);
/// Where the metrics usually are.
const METRICS_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9090);

impl Said {
    /// What was said to this process.
    pub fn here(flags: Flags) -> Self {
        Self {
            flags,
            environment: std::env::vars_os().collect(),
        }
    }

    /// What `accounts serve` needs. With `demo` it must be the embedded database.
    pub fn serving(&self, demo: bool) -> Result<Serving, Failure> {
        let mut reader = self.reader();
        let serving = reader.serving(demo);
        finish(reader, serving)
    }

    /// What `accounts migrate` needs: where the data are, and how to log.
    pub fn place(&self) -> Result<(Place, Log), Failure> {
        let mut reader = self.reader();
        let (place, log) = (reader.place(), reader.log());
        let both = place.and_then(|place| Ok((place, log?)));
        finish(reader, both)
    }

    /// What a command needs that works on the database. With `demo` it must be the embedded one.
    pub fn working(&self, demo: bool) -> Result<Working, Failure> {
        let mut reader = self.reader();
        let (place, catalog, log) = (reader.place(), reader.catalog(), reader.log());
        let allowed = if demo { reader.allow_demo() } else { Ok(()) };
        let working = allowed.and_then(|()| {
            Ok(Working {
                place: place?,
                catalog: catalog?,
                log: log?,
            })
        });
        finish(reader, working)
    }

    /// The same for a command that seals something for the database, with the secret that was given or made before.
    pub fn sealing(&self) -> Result<(Working, Option<Master>), Failure> {
        let working = self.working(false)?;
        let mut reader = self.reader();
        let place = reader.place();
        let data = place
            .as_ref()
            .map(|place| place.data.as_path())
            .map_err(|faulty| *faulty);
        let secret = reader.secret(data);
        let both = secret.map(|secret| (working, secret));
        finish(reader, both)
    }

    /// The file of the signing keys, whether it is there or not.
    pub fn key_file(&self) -> Result<KeyFile, Failure> {
        let mut reader = self.reader();
        let place = reader.place();
        let file = reader.key_file(
            place
                .as_ref()
                .map(|place| place.data.as_path())
                .map_err(|faulty| *faulty),
        );
        finish(reader, place.and(file))
    }

    /// Where the API is served.
    pub fn listen(&self) -> Result<SocketAddr, Failure> {
        let mut reader = self.reader();
        let listen = reader.address(Setting::Listen, LISTEN);
        finish(reader, listen)
    }

    fn reader(&self) -> Reader<'_> {
        Reader::new(&self.flags, &self.environment)
    }
}

/// For how long audit events are kept: days, or for ever.
fn audit_days(text: &str) -> Result<Option<TimeDelta>, &'static str> {
    if text == "forever" {
        return Ok(None);
    }
    let days = text.parse::<u16>().ok().filter(|days| *days <= 36_500);
    days.map(|days| TimeDelta::days(days.into()))
        .filter(|kept_for| *kept_for >= Retention::LEAST_AUDIT_EVENTS)
        .map(Some)
        .ok_or("it is a number of days from 31 to 36500, or `forever`")
}

fn finish<T>(reader: Reader<'_>, read: Read<T>) -> Result<T, Failure> {
    reader
        .finish(read)
        .map_err(|faults: Vec<Fault>| Failure::Misconfigured(faults))
}

/// Each setting is read before the first `?`, so that one fault hides no other.
impl Reader<'_> {
    fn serving(&mut self, demo: bool) -> Read<Serving> {
        let place = self.place();
        let catalog = self.catalog();
        let log = self.log();
        let listen = self.address(Setting::Listen, LISTEN);
        let metrics = self.metrics();
        let apart = self.require_apart(listen, metrics);
        let public_url = self.public_url();
        let data = place
            .as_ref()
            .map(|place| place.data.as_path())
            .map_err(|faulty| *faulty);
        let secret = self.secret(data);
        let keys = self.keys(data);
        let mail = self.mail(data);
        let mail_from = self.mail_from();
        let mail_look = self.mail_look();
        let cors_origins = self.cors_origins();
        let trusted_proxies = self.number(Setting::TrustedProxies, 0..=10);
        let workers = self.number(Setting::Workers, 1..=256);
        let retention = self.retention();
        let allowed = if demo { self.allow_demo() } else { Ok(()) };
        apart.and(allowed)?;
        let (key_file, keys) = keys?;
        Ok(Serving {
            place: place?,
            catalog: catalog?,
            log: log?,
            listen: listen?,
            metrics: metrics?,
            public_url: public_url?,
            secret: secret?,
            key_file,
            keys,
            mail: mail?,
            mail_from: mail_from?,
            mail_look: mail_look?,
            cors_origins: cors_origins?,
            trusted_proxies: trusted_proxies?.unwrap_or(0),
            workers: workers?.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from)),
            retention: retention?,
        })
    }

    fn retention(&mut self) -> Read<Retention> {
        let audit_events = self.parsed(Setting::KeepAuditDays, audit_days);
        let mails = self.parsed(Setting::KeepMailDays, |text| {
            let days = text.parse().ok().filter(|days| (1..=3650).contains(days));
            days.ok_or("it is a number of days from 1 to 3650")
        });
        // What failed is tried again for three days, and can be sent again by hand for as long as it is kept.
        let deliveries = self.parsed(Setting::KeepDeliveryDays, |text| {
            let days = text.parse().ok().filter(|days| (4..=3650).contains(days));
            days.ok_or("it is a number of days from 4 to 3650")
        });
        let answers = self.parsed(Setting::KeepAnswerHours, |text| {
            let hours = text.parse().ok().filter(|hours| (24..=720).contains(hours));
            hours.ok_or("it is a number of hours from 24 to 720")
        });
        let usual = Retention::default();
        let audit_events = audit_events?.unwrap_or(usual.audit_events);
        // What is to go with somebody who is erased is found by what the log knows of its former contacts.
        let longest = audit_events.unwrap_or(TimeDelta::MAX);
        let mails = match mails?.map(TimeDelta::days) {
            Some(mails) if mails > longest => {
                return Err(self.fault(
                    Setting::KeepMailDays,
                    "it is no more days than audit events are kept, by which the mails of somebody who is erased are found",
                ));
            }
            mails => mails.unwrap_or(usual.mails.min(longest)),
        };
        Ok(Retention {
            audit_events,
            mails,
            deliveries: deliveries?.map_or(usual.deliveries, TimeDelta::days),
            answers: answers?.map_or(usual.answers, TimeDelta::hours),
        })
    }

    fn place(&mut self) -> Read<Place> {
        let data = self
            .path(Setting::Data)
            .map(|data| data.unwrap_or_else(|| PathBuf::from("data")));
        let database = self.parsed(Setting::DatabaseUrl, str::parse::<Database>);
        let (data, database) = (data?, database?);
        let database = database.unwrap_or_else(|| Database::Sqlite {
            path: data.join(DATABASE_FILE),
        });
        Ok(Place { data, database })
    }

    /// Whether everything has to be given. It is asked also where the rest of the URL is at fault.
    fn is_postgres(&self) -> bool {
        self.said(Setting::DatabaseUrl)
            .is_some_and(|url| url.as_encoded_bytes().starts_with(b"postgres"))
    }

    fn required(&mut self, setting: Setting) -> Faulty {
        self.fault(setting, "it is missing, and required with PostgreSQL")
    }

    fn allow_demo(&mut self) -> Read<()> {
        if self.is_postgres() {
            let problem = "everybody knows the password of the demo account: it is made on the embedded database only, or with \
                           `accounts demo --on-postgres`";
            return Err(self.fault(Setting::DatabaseUrl, problem));
        }
        Ok(())
    }

    fn address(&mut self, setting: Setting, usual: SocketAddr) -> Read<SocketAddr> {
        let address = self.parsed(setting, |text| {
            text.parse()
                .map_err(|_| "it is an IP address and a port: 127.0.0.1:8080, [::]:8080")
        });
        Ok(address?.unwrap_or(usual))
    }

    fn metrics(&mut self) -> Read<Option<SocketAddr>> {
        if self
            .said(Setting::MetricsListen)
            .is_some_and(|address| address == "off")
        {
            return Ok(None);
        }
        self.address(Setting::MetricsListen, METRICS_LISTEN).map(Some)
    }

    fn require_apart(&mut self, listen: Read<SocketAddr>, metrics: Read<Option<SocketAddr>>) -> Read<()> {
        match (listen, metrics) {
            (Ok(listen), Ok(Some(metrics))) if listen == metrics && listen.port() != 0 => Err(self.fault(
                Setting::MetricsListen,
                "the metrics have an address of their own, apart from the API's",
            )),
            (Ok(_), Ok(_)) => Ok(()),
            (Err(faulty), _) | (_, Err(faulty)) => Err(faulty),
        }
    }

    fn public_url(&mut self) -> Read<Option<PublicUrl>> {
        match self.parsed(Setting::PublicUrl, PublicUrl::parse)? {
            None if self.is_postgres() => Err(self.required(Setting::PublicUrl)),
            url => Ok(url),
        }
    }

    fn catalog(&mut self) -> Read<Arc<Catalog>> {
        let name = self
            .path(Setting::Catalog)?
            .unwrap_or_else(|| PathBuf::from(Catalog::PRESETS[0]));
        catalogs::read(&name).map(Arc::new).map_err(|problems| {
            for problem in problems {
                self.fault(Setting::Catalog, problem);
            }
            Faulty
        })
    }

    fn secret(&mut self, data: Read<&Path>) -> Read<Option<Master>> {
        if let Some(master) = self.parsed(Setting::Secret, Master::parse)? {
            return Ok(Some(master));
        }
        if self.is_postgres() {
            return Err(self.required(Setting::Secret));
        }
        secrets::read(data?).map_err(|problem| self.fault(Setting::Secret, problem))
    }

    fn key_file(&mut self, data: Read<&Path>) -> Read<KeyFile> {
        match self.path(Setting::SigningKeys)? {
            Some(path) => Ok(KeyFile::at(path)),
            None if self.is_postgres() => Err(self.required(Setting::SigningKeys)),
            None => Ok(KeyFile::at(data?.join(KEY_FILE))),
        }
    }

    fn keys(&mut self, data: Read<&Path>) -> Read<(KeyFile, Vec<StoredKey>)> {
        let file = self.key_file(data)?;
        let keys = file
            .read()
            .map_err(|problem| self.fault(Setting::SigningKeys, problem))?;
        if keys.is_empty() && self.is_postgres() {
            return Err(self.fault(Setting::SigningKeys, key_file::MISSING));
        }
        Ok((file, keys))
    }

    fn mail(&mut self, data: Read<&Path>) -> Read<MailWay> {
        let server = self.parsed(Setting::SmtpUrl, |text| {
            let url: SmtpUrl = text
                .parse()
                .map_err(|problem: accounts_delivery::transport::SmtpUrlError| problem.to_string())?;
            Smtp::new(url).map_err(|problem| problem.to_string())
        })?;
        match server {
            Some(server) => Ok(MailWay::Smtp(server)),
            None if self.is_postgres() => Err(self.required(Setting::SmtpUrl)),
            None => Ok(MailWay::Folder(data?.join(MAIL_FOLDER))),
        }
    }

    fn mail_from(&mut self) -> Read<Sender> {
        if let Some(sender) = self.parsed(Setting::MailFrom, str::parse)? {
            return Ok(sender);
        }
        if self.is_postgres() {
            return Err(self.required(Setting::MailFrom));
        }
        if self.said(Setting::SmtpUrl).is_some() {
            return Err(self.fault(Setting::MailFrom, "it is missing, and required where mails are sent"));
        }
        NOBODY.parse().map_err(|problem| self.fault(Setting::MailFrom, problem))
    }

    fn mail_look(&mut self) -> Read<Look> {
        let templates = self
            .path(Setting::MailTemplates)?
            .map(|folder| Templates::read(&folder));
        let templates = templates.unwrap_or_else(|| Ok(Templates::default())).map_err(|faults| {
            for fault in faults {
                self.fault(Setting::MailTemplates, fault);
            }
            Faulty
        });
        let logo = self.parsed(Setting::MailLogo, |text| {
            let plain = text
                .chars()
                .all(|character| character.is_ascii_graphic() && character != '"');
            let secure = text.strip_prefix("https://").is_some_and(|rest| !rest.is_empty());
            if plain && secure && text.len() <= 2_000 {
                Ok(text.to_owned())
            } else {
                Err("it is an address of at most 2000 characters that begins with https://")
            }
        });
        Ok(Look {
            templates: templates?,
            logo: logo?,
        })
    }

    fn cors_origins(&mut self) -> Read<Vec<String>> {
        // An empty list is a list.
        if self.said(Setting::CorsOrigins).is_some_and(std::ffi::OsStr::is_empty) {
            return Ok(Vec::new());
        }
        let text = self.text(Setting::CorsOrigins)?.unwrap_or_default();
        let mut origins = Vec::new();
        let mut all = Ok(());
        for (number, origin) in (1..).zip(text.split(',').map(str::trim).filter(|origin| !origin.is_empty())) {
            if is_origin(origin) {
                origins.push(origin.to_owned());
            } else {
                let problem = format!(
                    "origin {number} is not one: a browser sends https:// or http://, a host in small letters, and a \
                     port unless it is the usual one, with nothing behind it"
                );
                all = Err(self.fault(Setting::CorsOrigins, problem));
            }
        }
        all.map(|()| origins)
    }

    fn log(&mut self) -> Read<Log> {
        let filter = self.parsed(Setting::Log, logging::checked_filter);
        let format = self.parsed(Setting::LogFormat, |text| {
            Format::from_name(text).ok_or("it is json or text")
        });
        Ok(Log {
            filter: filter?,
            format: format?,
        })
    }
}

/// Whether a browser would send this as the `Origin` of a page (RFC 6454 section 6.2).
fn is_origin(text: &str) -> bool {
    let (usual_port, place) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
        (Some(place), _) => (":443", place),
        (None, Some(place)) => (":80", place),
        (None, None) => return false,
    };
    PublicUrl::parse(text).is_ok()
        && !place.contains(['/', '?', '#', '@', '*'])
        && !place.ends_with(usual_port)
        && !place.ends_with(':')
        && place
            .chars()
            .all(|character| character.is_ascii() && !character.is_ascii_uppercase())
}
