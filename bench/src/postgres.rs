//! A PostgreSQL cluster of the bench's own, on the loopback, with everything that makes a commit durable.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::failure::{Outcome, while_doing};
use crate::folder::Folder;
use crate::process::{Process, cpu_of_family, free_address};

/// What the bench changes of a fresh cluster. Nothing of it makes a commit less durable.
const SETTINGS: [&str; 3] = ["max_connections=300", "shared_buffers=256MB", "max_wal_size=4GB"];

/// A running cluster. It ends, and its folder goes, when this value is dropped.
pub struct Cluster {
    process: Process,
    address: SocketAddr,
    binaries: PathBuf,
    // After the process, so that it goes when nobody writes to it any more.
    _folder: Folder,
}

impl Cluster {
    /// Makes a cluster in a folder of its own and starts it.
    pub fn start() -> Outcome<Self> {
        let binaries = binaries()?;
        let user = unprivileged_user()?;
        let folder = Folder::make("postgres")?;
        if let Some((uid, gid)) = user {
            chown(folder.path(), Some(uid), Some(gid)).map_err(while_doing("the folder of PostgreSQL"))?;
        }
        let data = folder.path().join("data");
        let mut initdb = as_user(&binaries.join("initdb"), folder.path(), user);
        initdb.args(["--username=accounts", "--auth=trust", "--encoding=UTF8", "--no-locale"]);
        run(initdb.arg("--pgdata").arg(&data))?;

        let address = free_address()?;
        let mut postgres = as_user(&binaries.join("postgres"), folder.path(), user);
        postgres.arg("-D").arg(&data).arg("-k").arg(folder.path());
        let port = format!("port={}", address.port());
        for setting in ["listen_addresses=127.0.0.1", &port].into_iter().chain(SETTINGS) {
            postgres.args(["-c", setting]);
        }
        let mut process = Process::start(postgres, &folder.path().join("log"))?.ended_by("-INT");
        process.listening(address)?;
        let cluster = Self {
            process,
            address,
            binaries,
            _folder: folder,
        };
        cluster.wait_until_it_answers()?;
        Ok(cluster)
    }

    /// A new empty database, by its URL.
    pub fn database(&self, name: &str) -> Outcome<String> {
        self.sql("postgres", &format!("CREATE DATABASE {name}"))?;
        Ok(format!("postgres://accounts@{}/{name}?sslmode=disable", self.address))
    }

    /// Brings the statistics of a database up to date, as a database that has lived for a while has them.
    pub fn analyze(&self, name: &str) -> Outcome<()> {
        self.sql(name, "VACUUM ANALYZE").map(drop)
    }

    /// What all its processes have had of the processors, in seconds.
    pub fn cpu(&self) -> Outcome<f64> {
        cpu_of_family(self.process.id())
    }

    /// Runs `pgbench` with these arguments and answers what it prints.
    pub fn pgbench(&self, arguments: &[&str]) -> Outcome<String> {
        let beside = self.binaries.join("pgbench");
        let program = if beside.is_file() {
            beside
        } else {
            on_path("pgbench").ok_or("there is no pgbench: apt-get install postgresql-contrib")?
        };
        let mut pgbench = Command::new(program);
        pgbench
            .args(["--host=127.0.0.1", "--username=accounts"])
            .arg(format!("--port={}", self.address.port()));
        run(pgbench.args(arguments))
    }

    fn sql(&self, database: &str, sql: &str) -> Outcome<String> {
        let beside = self.binaries.join("psql");
        let program = if beside.is_file() {
            beside
        } else {
            on_path("psql").ok_or("there is no psql: apt-get install postgresql-client")?
        };
        let mut psql = Command::new(program);
        psql.args(["--no-psqlrc", "--quiet", "--host=127.0.0.1", "--username=accounts"])
            .arg(format!("--port={}", self.address.port()));
        run(psql.args(["--dbname", database, "--command", sql]))
    }

    fn wait_until_it_answers(&self) -> Outcome<()> {
        let mut tries = 0;
        loop {
            match self.sql("postgres", "SELECT 1") {
                Ok(_) => return Ok(()),
                Err(error) if tries > 300 => return Err(error),
                Err(_) => tries += 1,
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }
}

/// Runs a command to its end and answers what it prints.
fn run(command: &mut Command) -> Outcome<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(while_doing(&format!("starting {program}")))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(format!("{program} failed: {}", String::from_utf8_lossy(&output.stderr).trim()).into())
    }
}

/// The folder that holds `postgres` and `initdb`.
fn binaries() -> Outcome<PathBuf> {
    let beside_the_one_on_path = on_path("postgres")
        .and_then(|path| fs::canonicalize(path).ok())
        .and_then(|path| path.parent().map(Path::to_path_buf));
    let told_by_pg_config = on_path("pg_config")
        .and_then(|pg_config| output_of(Command::new(pg_config).arg("--bindir")))
        .map(PathBuf::from);
    let complete = |folder: &PathBuf| ["postgres", "initdb"].iter().all(|name| folder.join(name).is_file());
    beside_the_one_on_path
        .into_iter()
        .chain(told_by_pg_config)
        .chain(debian_folders())
        .find(complete)
        .ok_or_else(|| {
            "the PostgreSQL server is not installed. Debian and Ubuntu: apt-get install postgresql. \
             macOS: brew install postgresql. Or measure SQLite alone: --database sqlite"
                .into()
        })
}

/// `/usr/lib/postgresql/*/bin`, the newest version first.
fn debian_folders() -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir("/usr/lib/postgresql") else {
        return Vec::new();
    };
    let mut versions: Vec<(u32, PathBuf)> = entries
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    versions.sort();
    versions.into_iter().rev().map(|(_, path)| path).collect()
}

fn on_path(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

/// PostgreSQL refuses to run as root: then the user and group to run it as.
fn unprivileged_user() -> Outcome<Option<(u32, u32)>> {
    if id(&["-u"]) != Some(0) {
        return Ok(None);
    }
    ["postgres", "nobody"]
        .iter()
        .find_map(|name| Some((id(&["-u", name])?, id(&["-g", name])?)))
        .map(Some)
        .ok_or_else(|| "PostgreSQL refuses to run as root, and there is no user `nobody`".into())
}

fn id(arguments: &[&str]) -> Option<u32> {
    output_of(Command::new("id").args(arguments))?.parse().ok()
}

fn output_of(command: &mut Command) -> Option<String> {
    run(command).ok().map(|output| output.trim().to_owned())
}

fn as_user(program: &Path, folder: &Path, user: Option<(u32, u32)>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).env_remove("PGOPTIONS").stdin(Stdio::null());
    if let Some((uid, gid)) = user {
        command.uid(uid).gid(gid);
    }
    command
}
