//! The process that is killed: `accounts serve`.

use std::{
    env,
    fs::{self, OpenOptions},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use crate::{
    post::Post,
    process::{signal, wait_until, waited},
    run::CATALOG,
};

/// How long the service may take to start, recovery included, or to end.
const PATIENCE: Duration = Duration::from_mins(1);

/// It is no secret here, and only has to look like one.
const SECRET: &str = "101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f";

/// The service of a run, whether it runs at the moment or not.
#[derive(Debug)]
pub struct Service {
    binary: PathBuf,
    folder: PathBuf,
    settings: Vec<(&'static str, String)>,
    port: u16,
    child: Option<Child>,
    /// How long the last start took.
    pub last_start: Duration,
}

impl Service {
    /// A service in a folder, not started.
    pub fn new(binary: &Path, folder: &Path, port: u16, postgres: Option<&str>, mails: &Post) -> Self {
        let mut settings = vec![
            ("ACCOUNTS_DATA", folder.join("data").display().to_string()),
            ("ACCOUNTS_LISTEN", format!("127.0.0.1:{port}")),
            ("ACCOUNTS_METRICS_LISTEN", "off".to_owned()),
            ("ACCOUNTS_PUBLIC_URL", format!("http://localhost:{port}")),
            ("ACCOUNTS_CATALOG", folder.join(CATALOG).display().to_string()),
            ("ACCOUNTS_SMTP_URL", mails.url()),
            ("ACCOUNTS_MAIL_FROM", "Accounts <accounts@provider.example>".to_owned()),
            ("ACCOUNTS_TRUSTED_PROXIES", "1".to_owned()),
            ("ACCOUNTS_LOG", "warn".to_owned()),
        ];
        if let Some(url) = postgres {
            settings.push(("ACCOUNTS_DATABASE_URL", url.to_owned()));
            settings.push(("ACCOUNTS_SECRET", SECRET.to_owned()));
            settings.push((
                "ACCOUNTS_SIGNING_KEYS",
                folder.join("signing-keys.json").display().to_string(),
            ));
        }
        Self {
            binary: binary.to_owned(),
            folder: folder.to_owned(),
            settings,
            port,
            child: None,
            last_start: Duration::from_millis(100),
        }
    }

    /// Runs one of the other commands to its end.
    pub fn run(&self, arguments: &[&str]) {
        let output = self
            .command()
            .args(arguments)
            .output()
            .unwrap_or_else(|error| panic!("accounts {arguments:?} does not start: {error}"));
        assert!(
            output.status.success(),
            "accounts {arguments:?} failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.binary);
        command.current_dir(&self.folder).stdin(Stdio::null());
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("ACCOUNTS_") {
                command.env_remove(name);
            }
        }
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Starts it, and does not wait.
    pub fn spawn(&mut self) {
        let log = OpenOptions::new()
            .append(true)
            .create(true)
            .open(self.log())
            .unwrap_or_else(|error| panic!("no log for the service: {error}"));
        let child = self.command().arg("serve").stdout(Stdio::null()).stderr(log).spawn();
        let child = child.unwrap_or_else(|error| panic!("the service does not start: {error}"));
        // The watchdog of the run reads it.
        fs::write(self.pid_file(), child.id().to_string())
            .unwrap_or_else(|error| panic!("no file for the pid: {error}"));
        self.child = Some(child);
    }

    /// Starts it and waits until it is ready.
    ///
    /// # Errors
    /// Where it ends instead, or never is.
    pub fn start(&mut self) -> Result<(), String> {
        let begun = Instant::now();
        self.spawn();
        let mut ended = false;
        let ready = wait_until(PATIENCE, || {
            ended = !self.is_alive();
            ended || self.is_ready()
        });
        self.last_start = begun.elapsed();
        if ready && !ended {
            return Ok(());
        }
        let log = fs::read_to_string(self.log()).unwrap_or_default();
        let last: Vec<&str> = log.lines().rev().take(5).collect();
        Err(format!("the service does not start again: {last:?}"))
    }

    fn is_ready(&self) -> bool {
        let url = format!("http://127.0.0.1:{}/readyz", self.port);
        let config = ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(2)));
        config.build().new_agent().get(url).call().is_ok()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().map_or(0, Child::id)
    }

    /// Whether it runs.
    pub fn is_alive(&mut self) -> bool {
        self.child
            .as_mut()
            .is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // One that has ended already cannot be killed.
            let _ = child.kill();
            let _ = child.wait();
            let _ = fs::remove_file(self.pid_file());
        }
    }

    /// SIGTERM, and its end.
    pub fn end(&mut self) -> Option<ExitStatus> {
        signal("TERM", &[self.pid()]);
        self.child.as_mut().and_then(|child| waited(child, PATIENCE))
    }

    fn pid_file(&self) -> PathBuf {
        self.folder.join("service.pid")
    }

    /// Its log.
    pub fn log(&self) -> PathBuf {
        self.folder.join("service.log")
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.kill();
    }
}
