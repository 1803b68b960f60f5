//! A kill at the n-th fsync, which strace injects.

use std::{
    fs::File,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use crate::process::waited;

/// A strace that waits for the moment.
#[derive(Debug)]
pub struct Trap {
    strace: Child,
    log: std::path::PathBuf,
}

impl Trap {
    /// Whether it can be used at all.
    ///
    /// # Errors
    /// How to get it.
    pub fn check() -> Result<(), String> {
        let found = Command::new("strace").arg("-V").stdout(Stdio::null()).status();
        if found.is_ok_and(|status| status.success()) {
            return Ok(());
        }
        Err("this run kills at an fsync, for which it needs strace: apt-get install strace".to_owned())
    }

    /// Kills whichever of these processes first comes to its n-th fsync from now on, at its entry.
    pub fn set(pids: &[u32], n: u64, folder: &Path) -> Self {
        let log = folder.join("strace.log");
        let errors = File::create(&log).unwrap_or_else(|error| panic!("no log for strace: {error}"));
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync"]);
        strace.args(["-e", &format!("inject=fsync,fdatasync:signal=SIGKILL:when={n}")]);
        for pid in pids {
            strace.args(["-p", &pid.to_string()]);
        }
        let strace = strace
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(errors)
            .spawn()
            .unwrap_or_else(|error| panic!("strace does not start: {error}"));
        Self { strace, log }
    }

    /// Waits until all that it watches has ended.
    ///
    /// # Errors
    /// What strace said, if it did not come to that.
    pub fn sprung(mut self, patience: Duration) -> Result<(), String> {
        let ended = waited(&mut self.strace, patience);
        let said = std::fs::read_to_string(&self.log).unwrap_or_default();
        match ended {
            Some(_) if said.contains("not permitted") => Err(format!(
                "strace may not look at the processes (as root it may, and with kernel.yama.ptrace_scope=0): {said}"
            )),
            Some(_) => Ok(()),
            None => {
                // Stopped, not killed: it lets go of what it watches.
                crate::process::signal("TERM", &[self.strace.id()]);
                let _ = self.strace.wait();
                Err(format!("nobody came to the fsync in time; strace said: {said}"))
            }
        }
    }
}
