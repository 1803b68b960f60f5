//! What the service is measured against: servers and loops that do the unavoidable part of the work and no more.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use argon2::{Argon2, PasswordHasher as _, PasswordVerifier as _, password_hash::phc::PasswordHash};
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;

use crate::failure::{Failure, Outcome, while_doing};
use crate::folder::Folder;
use crate::load::count;
use crate::postgres::Cluster;
use crate::process::{Process, beside, free_address};
use crate::world::PASSWORD;

/// Headers that actix-web writes by itself.
const BY_ITSELF: [&str; 3] = ["content-length", "date", "connection"];

/// A limit server. It ends when this value is dropped.
pub struct LimitServer {
    process: Process,
    address: SocketAddr,
    _folder: Folder,
}

impl LimitServer {
    /// actix-web that answers the same head and body as the service did.
    pub fn bare(head: &str, body: &[u8]) -> Outcome<Self> {
        Self::start("limit_bare", head, body, &[])
    }

    /// The same after one prepared SELECT, on as many connections as the service has.
    pub fn select(head: &str, body: &[u8], database: &str) -> Outcome<Self> {
        Self::start(
            "limit_select",
            head,
            body,
            &["--database", database, "--connections", "8"],
        )
    }

    fn start(program: &str, head: &str, body: &[u8], more: &[&str]) -> Outcome<Self> {
        let folder = Folder::make("limit")?;
        let (head_file, body_file) = (folder.path().join("head"), folder.path().join("body"));
        let own = |line: &&str| {
            let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
            !BY_ITSELF.contains(&name.as_str())
        };
        let lines: Vec<&str> = head.lines().skip(1).filter(own).collect();
        fs::write(&head_file, lines.join("\n"))?;
        fs::write(&body_file, body)?;
        let address = free_address()?;
        let mut command = Command::new(beside(program)?);
        command
            .arg("--listen")
            .arg(address.to_string())
            .arg("--workers")
            .arg(cores().to_string())
            .arg("--head")
            .arg(&head_file)
            .arg("--body")
            .arg(&body_file)
            .args(more);
        let mut process = Process::start(command, &folder.path().join("log"))?;
        process.listening(address)?;
        Ok(Self {
            process,
            address,
            _folder: folder,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The id of its process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }
}

/// The number of processors.
pub fn cores() -> usize {
    thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get)
}

/// How many threads the service hashes on.
pub fn hashing_threads() -> usize {
    cores().saturating_sub(1).max(1)
}

/// How many passwords are checked in a second, on as many threads as the service has for it.
pub fn argon2_per_second(duration: Duration) -> Outcome<f64> {
    let hash = Argon2::default()
        .hash_password(PASSWORD.as_bytes())
        .map_err(while_doing("hashing"))?
        .to_string();
    let begun = Instant::now();
    let threads: Vec<_> = (0..hashing_threads())
        .map(|_| {
            let hash = hash.clone();
            thread::spawn(move || checked_until(begun + duration, &hash))
        })
        .collect();
    let mut checked = 0.0;
    for thread in threads {
        checked += thread
            .join()
            .map_err(|_| Failure::from("a hashing thread panicked"))??;
    }
    Ok(checked / begun.elapsed().as_secs_f64())
}

fn checked_until(end: Instant, hash: &str) -> Outcome<f64> {
    let mut checked = 0.0;
    while Instant::now() < end {
        let hash = PasswordHash::new(hash).map_err(while_doing("reading the hash"))?;
        Argon2::default()
            .verify_password(PASSWORD.as_bytes(), &hash)
            .map_err(while_doing("checking"))?;
        checked += 1.0;
    }
    Ok(checked)
}

/// How many rows one connection to SQLite commits in a second, each by itself and on the disk before the next, with
/// the settings of the service.
pub fn serial_commits_per_second(folder: &Path, duration: Duration) -> Outcome<f64> {
    let file = folder.join("serial.db");
    let mut connection = SqliteConnection::establish(&file.to_string_lossy())?;
    connection.batch_execute(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
         CREATE TABLE IF NOT EXISTS rows (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;",
    )?;
    let begun = Instant::now();
    let mut took = Vec::new();
    while begun.elapsed() < duration {
        let before = Instant::now();
        diesel::sql_query("INSERT INTO rows (text) VALUES ('a row that is small')").execute(&mut connection)?;
        took.push(before.elapsed());
    }
    Ok(count(&took) / begun.elapsed().as_secs_f64())
}

/// The transactions per second of `pgbench -N` on the cluster, with so many clients.
pub fn pgbench_per_second(cluster: &Cluster, clients: usize, duration: Duration) -> Outcome<f64> {
    let (clients, seconds) = (clients.to_string(), duration.as_secs().max(PGBENCH_SECONDS).to_string());
    let output = cluster.pgbench(&[
        "--skip-some-updates",
        "--no-vacuum",
        "--protocol=prepared",
        "--jobs=1",
        "--client",
        &clients,
        "--time",
        &seconds,
        PGBENCH,
    ])?;
    output
        .lines()
        .find_map(|line| line.strip_prefix("tps = "))
        .and_then(|rest| rest.split(' ').next())
        .and_then(|number| number.parse().ok())
        .ok_or_else(|| format!("pgbench came to no transaction: {output}").into())
}

/// Makes the database that [`pgbench_per_second`] works on.
pub fn prepare_pgbench(cluster: &Cluster) -> Outcome<()> {
    cluster.database(PGBENCH)?;
    cluster
        .pgbench(&["--initialize", "--quiet", "--scale=16", PGBENCH])
        .map(drop)
}

const PGBENCH: &str = "pgbench";

/// It opens all its connections before it begins, so that in less it may come to nothing.
const PGBENCH_SECONDS: u64 = 3;
