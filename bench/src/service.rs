//! The service under measurement: the release binary, started as an operator starts it.

use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Command;

use accounts_api::settings::Secret;
use accounts_api::tokens::{Bearer, StoredKey, Tokens};
use accounts_domain::catalog::Catalog;
use chrono::Utc;
use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, PgConnection, SqliteConnection};
use serde_json::json;

use crate::failure::{Failure, Outcome, while_doing};
use crate::folder::Folder;
use crate::process::{Process, beside, free_address};

/// What the service is told its address is: the issuer of the access tokens.
const PUBLIC_URL: &str = "http://localhost";

/// 32 bytes in hexadecimal. Nothing that it seals outlives the bench.
const SECRET: &str = "8f1d0c5b7a3e6942d0b8c7f6e5a49382716f5e4d3c2b1a09f8e7d6c5b4a39281";

/// The place of one deployment: its data folder, its database, its keys.
pub struct Place {
    folder: Folder,
    /// Where the log goes: into memory where there is a file system for it, so that writing it does not get into the
    /// way of what the disk is measured at.
    logs: Folder,
    /// The PostgreSQL database, or nothing for a file in the folder.
    pub postgres: Option<String>,
    tokens: Tokens,
}

impl Place {
    /// Makes the folder with keys and the catalog.
    pub fn make(postgres: Option<String>) -> Outcome<Self> {
        let folder = Folder::make("service")?;
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700))?;
        fs::write(folder.path().join("catalog.toml"), catalog_text()?)?;
        let key = StoredKey::generate(Utc::now())?;
        let keys = json!({"keys": [key]}).to_string();
        fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(folder.path().join("signing-keys.json"))?
            .write_all(keys.as_bytes())?;
        let refresh = Secret::new(&[0; 32]).map_err(while_doing("a secret"))?;
        let tokens = Tokens::new(PUBLIC_URL.to_owned(), &[key], refresh).map_err(while_doing("the signing key"))?;
        let memory = Path::new("/dev/shm");
        let logs = if memory.is_dir() {
            Folder::make_in(memory, "logs")?
        } else {
            Folder::make("logs")?
        };
        Ok(Self {
            folder,
            logs,
            postgres,
            tokens,
        })
    }

    /// The database, as `ACCOUNTS_DATABASE_URL` names it.
    pub fn database(&self) -> String {
        let file = || self.path().join("accounts.db").to_string_lossy().into_owned();
        self.postgres.clone().unwrap_or_else(file)
    }

    /// Changes the database behind the service's back, which is not running.
    pub fn execute(&self, statements: &str) -> Outcome<()> {
        match &self.postgres {
            Some(url) => PgConnection::establish(url)?.batch_execute(statements)?,
            None => SqliteConnection::establish(&self.database())?.batch_execute(statements)?,
        }
        Ok(())
    }

    /// The data folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// An access token as the service would sign it now. It works for ten minutes.
    pub fn token(&self, bearer: Bearer) -> Outcome<String> {
        let token = self.tokens.sign(bearer, Utc::now());
        token.ok_or_else(|| "no token could be signed".into())
    }

    /// Starts the service, and answers before it listens.
    pub fn start(&self, log: &str) -> Outcome<Service> {
        self.start_by(self.command()?, log)
    }

    /// Starts the service for a proxy whose word counts for where a request comes from, and answers when it listens.
    pub fn serve_behind_a_proxy(&self, log: &str) -> Outcome<Service> {
        let mut command = self.command()?;
        command.env("ACCOUNTS_TRUSTED_PROXIES", "1");
        let mut service = self.start_by(command, log)?;
        service.process.listening(service.address)?;
        Ok(service)
    }

    fn start_by(&self, mut command: Command, log: &str) -> Outcome<Service> {
        let address = free_address()?;
        command
            .arg("serve")
            .env("ACCOUNTS_LISTEN", address.to_string())
            .env("ACCOUNTS_LOG", log);
        let process = Process::start(command, &self.logs.path().join("log"))?;
        Ok(Service { process, address })
    }

    /// Starts the service, and answers when it listens.
    pub fn serve(&self, log: &str) -> Outcome<Service> {
        let mut service = self.start(log)?;
        service.process.listening(service.address)?;
        Ok(service)
    }

    /// `accounts` with the settings of this deployment.
    fn command(&self) -> Outcome<Command> {
        let mut command = Command::new(beside("accounts")?);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("ACCOUNTS_") {
                command.env_remove(name);
            }
        }
        command
            .env("ACCOUNTS_DATA", self.path())
            .env("ACCOUNTS_DATABASE_URL", self.database())
            .env("ACCOUNTS_CATALOG", self.path().join("catalog.toml"))
            .env("ACCOUNTS_PUBLIC_URL", PUBLIC_URL)
            .env("ACCOUNTS_SECRET", SECRET)
            .env("ACCOUNTS_SIGNING_KEYS", self.path().join("signing-keys.json"))
            .env("ACCOUNTS_METRICS_LISTEN", "off");
        if self.postgres.is_some() {
            // No row calls for a mail, so nobody has to listen there.
            command
                .env("ACCOUNTS_SMTP_URL", "smtp://127.0.0.1:9")
                .env("ACCOUNTS_MAIL_FROM", "Accounts <accounts@provider.example>");
        }
        Ok(command)
    }
}

/// A running service. It ends when this value is dropped.
pub struct Service {
    process: Process,
    address: SocketAddr,
}

impl Service {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The id of its process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }
}

/// The catalog of every deployment: `standard`, but for a limit of contacts that no row reaches.
pub fn catalog() -> Outcome<Catalog> {
    let catalog =
        Catalog::parse(&catalog_text()?).map_err(|faults| -> Failure { format!("the catalog: {faults:?}").into() })?;
    if catalog.policy().contact_limit < 1000 {
        return Err("the catalog `standard` no longer says `contact_limit = 5 `".into());
    }
    Ok(catalog)
}

fn catalog_text() -> Outcome<String> {
    let standard = Catalog::preset("standard").ok_or("there is no catalog `standard`")?;
    Ok(standard.replacen("contact_limit = 5 ", "contact_limit = 1000 ", 1))
}
