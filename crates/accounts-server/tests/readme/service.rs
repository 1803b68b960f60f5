//! The binary, started as `make run` starts it.

use std::env;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::pages;

/// The address that the documents speak of.
pub const ADDRESS: &str = "http://localhost:8080";

/// How long the service may take to end.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where the log goes, in the folder.
const LOG: &str = "log";

/// The command `accounts` in a folder of the test's own, and with none of the settings of whoever runs the tests.
pub fn accounts(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_accounts"));
    command.current_dir(folder).stdin(Stdio::null());
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("ACCOUNTS_") {
            command.env_remove(name);
        }
    }
    command
}

/// A running service; it is killed if the test ends before it.
pub struct Service {
    folder: TempDir,
    child: Child,
    /// Kept open, so that the service can go on printing.
    _printed: BufReader<ChildStdout>,
    welcome: String,
    port: String,
}

impl Service {
    /// Starts it with the arguments of `make run`, but on a free port.
    pub fn made_to_run() -> Self {
        let folder = TempDir::with_prefix("accounts-tour-").unwrap();
        let mut child = accounts(folder.path())
            .args(arguments_of_make_run())
            .args(["--listen", "127.0.0.1:0", "--metrics-listen", "off"])
            .stdout(Stdio::piped())
            .stderr(File::create(folder.path().join(LOG)).unwrap())
            .spawn()
            .unwrap();
        let mut printed = BufReader::new(child.stdout.take().unwrap());
        let mut welcome = String::new();
        // It has said everything with the command to try.
        while !welcome.contains("curl ") {
            let log = || fs::read_to_string(folder.path().join(LOG)).unwrap_or_default();
            assert_ne!(
                printed.read_line(&mut welcome).unwrap(),
                0,
                "it ended:\n{welcome}{}",
                log()
            );
        }
        let port = welcome.split("http://localhost:").nth(1).unwrap();
        let port = port.chars().take_while(char::is_ascii_digit).collect();
        Self {
            folder,
            child,
            _printed: printed,
            welcome,
            port,
        }
    }

    /// Where it was started.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What it said at its start.
    pub fn welcome(&self) -> &str {
        &self.welcome
    }

    /// What it wrote to its log.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join(LOG)).unwrap_or_default()
    }

    /// A text of the documents, with the address that this one has.
    pub fn at_its_address(&self, text: &str) -> String {
        text.replace(ADDRESS, &format!("http://localhost:{}", self.port))
    }

    /// Asks it to end, as Ctrl-C and a supervisor do, and waits for it.
    pub fn end(&mut self) -> ExitStatus {
        let asked = Command::new("sh")
            .args(["-c", "kill -TERM \"$1\"", "sh"])
            .arg(self.child.id().to_string())
            .status();
        assert!(asked.unwrap().success());
        waited(&mut self.child, PATIENCE).unwrap_or_else(|| panic!("it does not end:\n{}", self.log()))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // One that has ended already cannot be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The status of a process that ends in time.
pub fn waited(child: &mut Child, patience: Duration) -> Option<ExitStatus> {
    let begun = Instant::now();
    while begun.elapsed() < patience {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        thread::sleep(Duration::from_millis(20));
    }
    None
}

fn arguments_of_make_run() -> Vec<String> {
    let makefile = pages::file("Makefile");
    let mut lines = makefile.lines().skip_while(|line| !line.starts_with("run:"));
    let recipe = lines.nth(1).unwrap();
    let (_, arguments) = recipe.split_once(" --package accounts-server -- ").unwrap();
    arguments.split(' ').map(str::to_owned).collect()
}
