//! The PostgreSQL that is killed.

use std::{process::Child, time::Duration};

use accounts_tests::postgres::Files;

use crate::{
    process::{children_of, is_there, signal, wait_until, waited},
    stored::Books,
};

/// How long it may take to start, recovery included, or to end.
const PATIENCE: Duration = Duration::from_mins(1);

/// A cluster that keeps its word: what is committed is on the disk.
#[derive(Debug)]
pub struct Server {
    cluster: Files,
    postmaster: Child,
}

/// How it is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blow {
    /// SIGQUIT: it ends at once and saves nothing.
    Quit,
    /// SIGKILL to the postmaster and all that it has started.
    Kill,
}

impl Server {
    /// Makes and starts one at a port.
    pub fn start(port: u16) -> Self {
        let cluster = Files::make(port);
        let postmaster = start(&cluster);
        Self { cluster, postmaster }
    }

    /// The URL of its one database.
    pub fn url(&self) -> String {
        let (before, after) = self.cluster.url();
        format!("{before}postgres{after}")
    }

    /// Kills it.
    pub fn strike(&mut self, blow: Blow) {
        let postmaster = self.postmaster.id();
        let mut all = vec![postmaster];
        all.extend(children_of(postmaster));
        match blow {
            Blow::Quit => signal("QUIT", &[postmaster]),
            Blow::Kill => signal("KILL", &all),
        }
        if waited(&mut self.postmaster, PATIENCE).is_none() {
            let _ = self.postmaster.kill();
            let _ = self.postmaster.wait();
        }
        wait_until(PATIENCE, || !all.iter().any(|pid| is_there(*pid)));
    }

    /// Starts it again on what the disk holds.
    pub fn start_again(&mut self) {
        self.postmaster = start(&self.cluster);
    }

    /// The processes that write to the disk.
    pub fn workers(&self) -> Vec<u32> {
        children_of(self.postmaster.id())
    }

    /// Waits until it answers. One whose predecessor left something behind may need another start.
    ///
    /// # Errors
    /// Its log, where it does not.
    pub fn wait(&mut self, books: &Books) -> Result<(), String> {
        let answers = wait_until(PATIENCE, || {
            if let Ok(Some(_)) = self.postmaster.try_wait() {
                self.start_again();
            }
            books.number("1", "").is_ok()
        });
        if answers {
            return Ok(());
        }
        let log = std::fs::read_to_string(self.cluster.log()).unwrap_or_default();
        let last: Vec<&str> = log.lines().rev().take(10).collect();
        Err(format!("PostgreSQL does not start again: {last:?}"))
    }
}

fn start(cluster: &Files) -> Child {
    cluster.start(&[
        "max_connections=60",
        "shared_buffers=64MB",
        "fsync=on",
        "full_page_writes=on",
        "synchronous_commit=on",
        "log_min_messages=warning",
    ])
}
