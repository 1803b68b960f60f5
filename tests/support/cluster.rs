//! A PostgreSQL that a test has for itself, to stop and to start.

use std::{
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::postgres::{Files, free_port, run_psql};

/// A cluster that a test stops and starts, on a port that stays. It ends with this value.
#[derive(Debug)]
pub struct Cluster {
    files: Files,
    port: u16,
    settings: Vec<String>,
    postgres: Option<Child>,
}

impl Cluster {
    /// A running cluster whose configuration has these lines more: `max_connections=20`.
    pub fn start_with(settings: &[&str]) -> Self {
        let port = free_port();
        let mut cluster = Self {
            files: Files::make(port),
            port,
            settings: settings.iter().map(|&setting| setting.to_owned()).collect(),
            postgres: None,
        };
        cluster.start();
        cluster
    }

    /// The URL of its first database; `port` may be that of somebody who stands in between.
    pub fn url_by(&self, port: u16) -> String {
        let (before, after) = Files::url_by(port);
        format!("{before}postgres{after}")
    }

    /// The URL of its first database.
    pub fn url(&self) -> String {
        self.url_by(self.port)
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Starts it again and returns when it answers.
    pub fn start(&mut self) {
        let usual = ["shared_buffers=32MB", "autovacuum=off", "log_min_messages=warning"];
        let own = self.settings.iter().map(String::as_str);
        let settings: Vec<&str> = usual.into_iter().chain(own).collect();
        self.postgres = Some(self.files.start(&settings));
        let began = Instant::now();
        while let Err(error) = self.query("SELECT 1") {
            assert!(
                began.elapsed() < Duration::from_secs(30),
                "PostgreSQL does not answer: {error}"
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends it without a word to its clients, as a crash would.
    pub fn stop(&mut self) {
        if let Some(mut postgres) = self.postgres.take() {
            // QUIT ends its children too, which a kill would leave behind.
            let _ = Command::new("sh")
                .args(["-c", "kill -QUIT \"$1\"", "sh", &postgres.id().to_string()])
                .status();
            let _ = postgres.wait();
        }
    }

    /// Runs SQL in its first database.
    pub fn query(&self, sql: &str) -> Result<String, String> {
        run_psql(&self.files.psql(), &self.url(), sql)
    }

    /// Runs commands that take their time beside the test, one after the other on one connection; killing the child
    /// ends it. What they answer is on its standard output, which need not be read.
    pub fn query_beside(&self, commands: &[&str]) -> Child {
        Command::new(self.files.psql())
            .args(["--no-psqlrc", "--quiet", "--dbname", &self.url()])
            .args(commands.iter().flat_map(|sql| ["--command", sql]))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("psql does not start: {error}"))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop();
    }
}
