//! Other processes: their children, their ends, and a port to serve at.

use std::{
    fs,
    net::TcpListener,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::dice::Dice;

/// Sends a signal to processes, in this order. One that has ended already is passed over.
pub fn signal(name: &str, pids: &[u32]) {
    let sent = Command::new("sh")
        .args(["-c", "kill -s \"$0\" \"$@\" 2>/dev/null", name])
        .args(pids.iter().map(u32::to_string))
        .stdin(Stdio::null())
        .status();
    if let Err(error) = sent {
        panic!("no signal can be sent: {error}");
    }
}

/// The processes that a process has started.
pub fn children_of(pid: u32) -> Vec<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_whitespace().filter_map(|child| child.parse().ok()).collect()
}

/// Whether a process is there.
pub fn is_there(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

/// Waits for something to come true.
pub fn wait_until(patience: Duration, mut so: impl FnMut() -> bool) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < patience {
        if so() {
            return true;
        }
        thread::sleep(Duration::from_millis(3));
    }
    so()
}

/// The status of a process that ends in time.
pub fn waited(child: &mut Child, patience: Duration) -> Option<ExitStatus> {
    let mut status = None;
    wait_until(patience, || {
        status = child.try_wait().unwrap_or_default();
        status.is_some()
    });
    status
}

/// A free port below those that the system gives to clients: between a kill and the next start, none of them may
/// take it.
pub fn port(dice: &mut Dice) -> u16 {
    for _ in 0..1000 {
        let port = u16::try_from(20_000 + dice.below(12_000)).unwrap_or(20_000);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no port of the loopback address is free between 20000 and 32000")
}
