//! PostgreSQL for the tests, from the binaries of the machine: one cluster for the test process,
//! started when the first test asks for it, and a fresh database for each that does.
//!
//! `TEST_POSTGRES_URL` names a server that is there already, by a role that may create databases.
//! Without it and without the binaries the tests fail and say what to install.

use std::{
    env,
    fs::{self, OpenOptions},
    net::TcpListener,
    os::unix::{fs::chown, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;
use uuid::Uuid;

/// A database of its own for one test; dropped with this value.
#[derive(Debug)]
pub struct Database {
    name: String,
    url: String,
}

impl Database {
    /// A copy of a template that was brought to the newest schema once.
    pub fn migrated() -> Self {
        let template = template();
        Self::create(&format!(" TEMPLATE {template}"))
    }

    /// A database with nothing in it, for tests of the migrations.
    pub fn empty() -> Self {
        Self::create(" TEMPLATE template0")
    }

    /// What `ACCOUNTS_DATABASE_URL` would hold.
    pub fn url(&self) -> &str {
        &self.url
    }

    fn create(template: &str) -> Self {
        let server = server();
        let name = format!("t_{}", Uuid::now_v7().simple());
        server.run(&format!("CREATE DATABASE {name}{template}"));
        Self {
            url: server.url_of(&name),
            name,
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // A test that failed has something better to say than this.
        let _ = server().try_run(&format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
    }
}

/// Runs SQL in a database by `psql` and answers its rows, columns separated by `|`.
pub fn query(url: &str, sql: &str) -> Result<String, String> {
    run_psql(&server().psql, url, sql)
}

pub(crate) fn run_psql(psql: &Path, url: &str, sql: &str) -> Result<String, String> {
    let output = Command::new(psql)
        .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"])
        .args(["--set=ON_ERROR_STOP=1", "--dbname", url, "--command", sql])
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("psql does not start: {error}"));
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
    }
}

/// A server that takes `CREATE DATABASE`.
struct Server {
    psql: PathBuf,
    /// Everything up to the database's name, and what follows it.
    url: (String, String),
    /// The database to be connected to while another one is made or dropped.
    first: String,
    /// Holds the pipe whose end is the watchdog's sign to clean up.
    _watchdog: Child,
    _postgres: Option<Child>,
}

impl Server {
    fn url_of(&self, database: &str) -> String {
        format!("{}{database}{}", self.url.0, self.url.1)
    }

    fn try_run(&self, sql: &str) -> Result<String, String> {
        run_psql(&self.psql, &self.url_of(&self.first), sql)
    }

    fn run(&self, sql: &str) {
        if let Err(error) = self.try_run(sql) {
            panic!("PostgreSQL refused `{sql}`: {error}");
        }
    }
}

fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| match env::var("TEST_POSTGRES_URL") {
        Ok(url) if !url.is_empty() => given_server(&url),
        _ => local_cluster(),
    })
}

/// The name of the template, migrated when it is first asked for. It ends with the cluster, or by
/// the watchdog's hand where the server is not ours.
fn template() -> &'static str {
    static TEMPLATE: OnceLock<()> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let server = server();
        server.run(&format!("CREATE DATABASE {} TEMPLATE template0", template_name()));
        crate::server::migrate(&server.url_of(template_name()));
    });
    template_name()
}

fn template_name() -> &'static str {
    static NAME: OnceLock<String> = OnceLock::new();
    NAME.get_or_init(|| format!("accounts_template_{}", Uuid::now_v7().simple()))
}

fn given_server(url: &str) -> Server {
    let psql = on_path("psql").unwrap_or_else(|| {
        panic!("TEST_POSTGRES_URL is set, but there is no psql on PATH: apt-get install postgresql-client")
    });
    let (before, rest) = url
        .split_once("://")
        .and_then(|(_, rest)| rest.split_once('/'))
        .map_or_else(
            || panic!("TEST_POSTGRES_URL names no database: postgres://user@host:5432/postgres"),
            |(_, rest)| (url.strip_suffix(rest).unwrap_or(url), rest),
        );
    let (first, after) = match rest.split_once('?') {
        Some((database, options)) => (database, format!("?{options}")),
        None => (rest, String::new()),
    };
    let watchdog = watchdog(
        r#"cat >/dev/null; "$1" --no-psqlrc --quiet --dbname "$2" --command "DROP DATABASE IF EXISTS $3""#,
        &[psql.to_string_lossy().as_ref(), url, template_name()],
    );
    Server {
        psql,
        url: (before.to_owned(), after),
        first: first.to_owned(),
        _watchdog: watchdog,
        _postgres: None,
    }
}

/// The files of a cluster, in a temporary folder. However this process ends, whatever serves the folder then is ended, and the
/// folder removed.
#[derive(Debug)]
pub struct Files {
    binaries: PathBuf,
    folder: PathBuf,
    user: Option<(u32, u32)>,
    port: u16,
    /// Holds the pipe whose end is the watchdog's sign to clean up.
    watchdog: Child,
}

impl Files {
    /// Makes the files of a cluster whose superuser is `accounts`, to be served at a port.
    pub fn make(port: u16) -> Self {
        let binaries = binaries();
        let user = unprivileged_user();
        let folder = TempDir::with_prefix("accounts-postgres-")
            .unwrap_or_else(|error| panic!("no temporary folder for PostgreSQL: {error}"))
            .keep();
        // From here on the folder is the watchdog's to remove.
        let watchdog = watchdog(
            r#"cat >/dev/null
           if pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null); then
               kill -QUIT "$pid"
               for _ in 1 2 3 4 5 6 7 8 9 10; do kill -0 "$pid" && sleep 0.2; done
           fi
           rm -rf "$1""#,
            &[folder.to_string_lossy().as_ref()],
        );
        if let Some((uid, gid)) = user {
            chown(&folder, Some(uid), Some(gid))
                .unwrap_or_else(|error| panic!("the folder of PostgreSQL keeps its owner: {error}"));
        }
        let mut initdb = as_user(&binaries.join("initdb"), &folder, user);
        initdb
            .args(["--username=accounts", "--auth=trust", "--encoding=UTF8"])
            .args(["--no-locale", "--no-sync", "--pgdata"])
            .arg(folder.join("data"));
        let output = initdb
            .output()
            .unwrap_or_else(|error| panic!("initdb does not start: {error}"));
        assert!(
            output.status.success(),
            "initdb failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Self {
            binaries,
            folder,
            user,
            port,
            watchdog,
        }
    }

    /// Starts `postgres` on it; whether it answers yet is for the caller to see.
    pub fn start(&self, settings: &[&str]) -> Child {
        let log = OpenOptions::new()
            .append(true)
            .create(true)
            .open(self.log())
            .unwrap_or_else(|error| panic!("no log for PostgreSQL: {error}"));
        let mut postgres = as_user(&self.binaries.join("postgres"), &self.folder, self.user);
        postgres.arg("-D").arg(self.folder.join("data"));
        postgres.arg("-k").arg(&self.folder);
        let port = format!("port={}", self.port);
        for setting in ["listen_addresses=127.0.0.1", port.as_str()].iter().chain(settings) {
            postgres.args(["-c", setting]);
        }
        postgres
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("postgres does not start: {error}"))
    }

    /// What its servers have logged.
    pub fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// The two halves of its URL, between which the name of a database stands.
    pub fn url(&self) -> (String, String) {
        Self::url_by(self.port)
    }

    /// The same by another port: that of somebody who stands in between.
    pub(crate) fn url_by(port: u16) -> (String, String) {
        let before = format!("postgres://accounts@127.0.0.1:{port}/");
        (before, "?sslmode=disable".to_owned())
    }

    pub(crate) fn psql(&self) -> PathBuf {
        beside_or_on_path(&self.binaries, "psql")
    }
}

/// A cluster that serves. Safety against a crash of the machine is given up for speed.
fn local_cluster() -> Server {
    let files = Files::make(free_port());
    let postgres = files.start(&[
        "max_connections=300",
        "shared_buffers=32MB",
        "fsync=off",
        // Found at once, so that the second try has its time even on a busy machine.
        "deadlock_timeout=50ms",
        "synchronous_commit=off",
        "full_page_writes=off",
        "autovacuum=off",
        "log_min_messages=warning",
    ]);
    let server = Server {
        psql: files.psql(),
        url: files.url(),
        first: "postgres".to_owned(),
        _watchdog: files.watchdog,
        _postgres: Some(postgres),
    };
    wait_until_it_answers(&server, &files.folder.join("log"));
    server
}

fn wait_until_it_answers(server: &Server, log: &Path) {
    let started = Instant::now();
    while let Err(error) = server.try_run("SELECT 1") {
        assert!(
            started.elapsed() < Duration::from_secs(30),
            "PostgreSQL does not answer: {error}\n{}",
            fs::read_to_string(log).unwrap_or_default()
        );
        thread::sleep(Duration::from_millis(20));
    }
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .unwrap_or_else(|error| panic!("no free port: {error}"))
        .port()
}

/// The folder that holds `postgres` and `initdb`.
fn binaries() -> PathBuf {
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
        .find(complete)
        .or_else(|| debian_folders().into_iter().find(complete))
        .unwrap_or_else(|| {
            panic!(
                "These tests need the PostgreSQL server, which is not installed. \
                 Debian and Ubuntu: apt-get install postgresql. macOS: brew install postgresql. \
                 Or set TEST_POSTGRES_URL to a server whose role may create databases."
            )
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

fn beside_or_on_path(folder: &Path, name: &str) -> PathBuf {
    let beside = folder.join(name);
    if beside.is_file() {
        return beside;
    }
    on_path(name).unwrap_or_else(|| panic!("there is no {name}: apt-get install postgresql-client"))
}

fn on_path(name: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

/// PostgreSQL refuses to run as root: then the user and group to run it as.
fn unprivileged_user() -> Option<(u32, u32)> {
    if id(&["-u"]) != Some(0) {
        return None;
    }
    ["postgres", "nobody"]
        .iter()
        .find_map(|name| Some((id(&["-u", name])?, id(&["-g", name])?)))
        .or_else(|| panic!("PostgreSQL refuses to run as root, and there is no user `nobody`"))
}

fn id(arguments: &[&str]) -> Option<u32> {
    output_of(Command::new("id").args(arguments))?.parse().ok()
}

fn output_of(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).output().ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// A command in a process group of its own, so that Ctrl-C reaches the tests alone.
fn as_user(program: &Path, folder: &Path, user: Option<(u32, u32)>) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(folder)
        .env_remove("PGOPTIONS")
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    if let Some((uid, gid)) = user {
        command.uid(uid).gid(gid);
    }
    command
}

/// Starts a shell that waits until this process is gone, killed or not, and then cleans up: the
/// pipe to its `cat` closes by the hand of the operating system.
pub fn watchdog(script: &str, arguments: &[&str]) -> Child {
    Command::new("sh")
        .args(["-c", &format!("trap '' HUP INT TERM\n{script}"), "watchdog"])
        .args(arguments)
        .current_dir("/")
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("sh does not start: {error}"))
}
