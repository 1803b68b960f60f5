//! A process under measurement: started, watched through `/proc`, ended.

use std::fs;
use std::io::Read as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::failure::{Failure, Outcome, while_doing};

/// How long a process may take until it listens.
const PATIENCE: Duration = Duration::from_mins(1);

/// Clock ticks of `/proc/*/stat` in a second: a constant of Linux on every architecture that we build for.
const TICKS: f64 = 100.0;

/// How long a process may take to end in order.
const GRACE: Duration = Duration::from_secs(12);

/// A running process of ours. It is told to end when this value is dropped, and killed if it does not.
pub struct Process {
    child: Child,
    /// The signal that tells it to end in order.
    end: &'static str,
    /// Where its standard error goes.
    log: PathBuf,
}

impl Process {
    /// Starts a command whose standard error goes into a file.
    pub fn start(mut command: Command, log: &Path) -> Outcome<Self> {
        let file = fs::File::create(log).map_err(while_doing("a log file"))?;
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .map_err(|error| -> Failure { format!("{program} does not start: {error}").into() })?;
        Ok(Self {
            child,
            end: "-TERM",
            log: log.to_owned(),
        })
    }

    /// A process that ends in order at another signal than SIGTERM.
    pub fn ended_by(mut self, signal: &'static str) -> Self {
        self.end = signal;
        self
    }

    /// Its id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until somebody listens at the address.
    pub fn listening(&mut self, address: SocketAddr) -> Outcome<()> {
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            if let Some(status) = self.child.try_wait()? {
                return Err(format!("it ended with {status} before it listened: {}", self.last_words()).into());
            }
            if begun.elapsed() > PATIENCE {
                return Err(format!("it does not listen: {}", self.last_words()).into());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    fn last_words(&self) -> String {
        let mut text = String::new();
        if let Ok(mut file) = fs::File::open(&self.log) {
            let _ = file.read_to_string(&mut text);
        }
        let lines: Vec<&str> = text.lines().collect();
        lines.iter().rev().take(5).rev().copied().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let told = Command::new("kill")
            .args([self.end, &self.child.id().to_string()])
            .status();
        let begun = Instant::now();
        while told.is_ok() && matches!(self.child.try_wait(), Ok(None)) && begun.elapsed() < GRACE {
            std::thread::sleep(Duration::from_millis(2));
        }
        // It does nothing to a process that has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The time that a process, with all its threads, has had of the processors, in seconds.
pub fn cpu_of(process: u32) -> Outcome<f64> {
    Ok(stat_of(process)?.own)
}

/// The same of a process with its children, ended ones included: what a PostgreSQL cluster takes.
pub fn cpu_of_family(parent: u32) -> Outcome<f64> {
    let first = stat_of(parent)?;
    let mut seconds = first.own + first.ended_children;
    for entry in fs::read_dir("/proc")?.filter_map(Result::ok) {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // A process may end while it is looked at; its parent then has its time.
        if let Ok(stat) = stat_of(id)
            && stat.parent == parent
        {
            seconds += stat.own;
        }
    }
    Ok(seconds)
}

/// The memory that a process has in RAM, in KiB.
pub fn resident_kib(process: u32) -> Outcome<u32> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|number| number.parse().ok())
        .ok_or_else(|| "there is no VmRSS".into())
}

/// How many files this process, and what it starts, may have open.
pub fn open_files_limit() -> Outcome<u32> {
    let limits = fs::read_to_string("/proc/self/limits")?;
    limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))
        .and_then(|rest| rest.split_whitespace().next())
        .map(|number| number.parse().unwrap_or(u32::MAX))
        .ok_or_else(|| "there is no limit of open files".into())
}

/// An address on the loopback that was free a moment ago.
pub fn free_address() -> Outcome<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(while_doing("a free port"))?;
    Ok(listener.local_addr()?)
}

/// A program that stands beside this one, in the folder that cargo builds into.
pub fn beside(name: &str) -> Outcome<PathBuf> {
    let path = std::env::current_exe()?.with_file_name(name);
    if path.is_file() {
        Ok(path)
    } else {
        Err(format!(
            "there is no {name} beside the bench: cargo build --release --package accounts-server --package accounts-bench"
        )
        .into())
    }
}

struct Stat {
    parent: u32,
    own: f64,
    ended_children: f64,
}

/// Reads `/proc/PID/stat`. The name of the program, which may hold anything, ends with the last bracket.
fn stat_of(process: u32) -> Outcome<Stat> {
    let text = fs::read_to_string(format!("/proc/{process}/stat"))?;
    let (_, rest) = text.rsplit_once(") ").ok_or("an unreadable stat")?;
    let fields: Vec<&str> = rest.split(' ').collect();
    let number = |index: usize| -> Outcome<u32> {
        let field = fields.get(index).ok_or("a short stat")?;
        Ok(field.parse()?)
    };
    let seconds = |index| -> Outcome<f64> { Ok(f64::from(number(index)?) / TICKS) };
    Ok(Stat {
        parent: number(1)?,
        own: seconds(11)? + seconds(12)?,
        ended_children: seconds(13)? + seconds(14)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_a_parent_takes_time_and_memory() {
        let this = std::process::id();
        assert!(stat_of(this).unwrap().parent > 0);
        assert!(cpu_of(this).unwrap() >= 0.0);
        assert!(cpu_of_family(this).unwrap() >= cpu_of(this).unwrap());
        assert!(resident_kib(this).unwrap() > 0);
        assert!(open_files_limit().unwrap() > 0);
    }
}
