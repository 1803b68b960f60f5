//! Clients that are slow on purpose, and clients that do nothing: each of them is ended in time, and nobody else
//! notices.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{
    figures::{tell, tell_times},
    process::{Ana, Process, Start},
};

/// The pause between two bytes.
const PAUSE: Duration = Duration::from_millis(400);
/// Far more than any of them is given.
const LIMIT: Duration = Duration::from_secs(75);

/// What a slow client is slow at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slow {
    FirstHead,
    LaterHead,
    Body,
    Reading,
}

/// Talks slowly until the service ends it, and answers how long it was let.
async fn hold(service: std::net::SocketAddr, slow: Slow) -> Duration {
    let mut stream = connect(service, slow).await;
    match slow {
        Slow::FirstHead => trickle(&mut stream, b"GET /healthz HTTP/1.1\r\nHost: a\r\nX-A: ").await,
        Slow::LaterHead => {
            stream
                .write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
                .await
                .unwrap();
            let mut answer = [0; 2048];
            assert!(stream.read(&mut answer).await.unwrap() > 0);
            trickle(&mut stream, b"GET /healthz HTTP/1.1\r\nHost: a\r\nX-A: ").await
        }
        Slow::Body => {
            stream
                .write_all(b"POST /v1/sessions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n")
                .await
                .unwrap();
            trickle(&mut stream, b"{\"address\": \"").await
        }
        Slow::Reading => {
            // Four megabytes are more than the sockets of both sides hold.
            let request = b"GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n".repeat(12);
            stream.write_all(&request).await.unwrap();
            let begun = Instant::now();
            while begun.elapsed() < LIMIT {
                sleep(PAUSE).await;
                // It reads nothing, but a byte that cannot be sent tells of the end.
                if stream.write_all(b"\r\n").await.is_err() {
                    break;
                }
            }
            begun.elapsed()
        }
    }
}

async fn connect(service: std::net::SocketAddr, slow: Slow) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    if slow == Slow::Reading {
        socket.set_recv_buffer_size(4096).unwrap();
    }
    socket.connect(service).await.unwrap()
}

/// Sends a byte now and then, first these and then others without end.
async fn trickle(stream: &mut TcpStream, text: &[u8]) -> Duration {
    let begun = Instant::now();
    let mut bytes = text.iter().copied().chain(std::iter::repeat(b'a'));
    while begun.elapsed() < LIMIT {
        let byte = bytes.next().unwrap();
        if stream.write_all(&[byte]).await.is_err() {
            break;
        }
        let mut answer = [0; 4096];
        match timeout(PAUSE, stream.read(&mut answer)).await {
            // Nothing was said: on it goes.
            Err(_) => {}
            // What follows upon the answer is the end.
            Ok(Ok(length @ 1..)) => {
                let answer = String::from_utf8_lossy(answer.get(..length).unwrap_or_default()).into_owned();
                assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
                let _ = stream.read_to_end(&mut Vec::new()).await;
                break;
            }
            Ok(Ok(0) | Err(_)) => break,
        }
    }
    begun.elapsed()
}

/// What others wait for meanwhile: reads, one after the other.
struct Others {
    stop: Arc<AtomicBool>,
    thread: thread::JoinHandle<Vec<Duration>>,
}

impl Others {
    fn begin(service: &Process) -> Self {
        let ana = service.ana();
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let mut times = Vec::new();
            while !told.load(Ordering::Relaxed) {
                times.push(ask(&ana));
                thread::sleep(Duration::from_millis(5));
            }
            times
        });
        Self { stop, thread }
    }

    fn end(self) -> Vec<Duration> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

fn ask(ana: &Ana) -> Duration {
    let asked = Instant::now();
    ana.client.get(ana.contacts.first().unwrap()).expect(200);
    asked.elapsed()
}

fn slow_clients(kinds: &[(Slow, usize)]) {
    let folder = TempDir::new().unwrap();
    let start = Start::within(folder.path()).setting("ACCOUNTS_LOG", "warn,accounts=info");
    let service = start.serve();
    let alone = Others::begin(&service);
    thread::sleep(Duration::from_secs(2));
    tell_times("slow clients: answers to others before", &mut alone.end());
    let others = Others::begin(&service);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let address = service.address;
    let ended = runtime.block_on(async {
        let mut set = JoinSet::new();
        for (slow, count) in kinds.iter().copied() {
            for number in 0..count {
                set.spawn(async move {
                    // Who is slow is not in a hurry; and what is to be shown is no flood.
                    let apart = Duration::from_millis(if slow == Slow::Reading { 75 } else { 5 });
                    sleep(apart * u32::try_from(number).unwrap()).await;
                    (slow, hold(address, slow).await)
                });
            }
        }
        set.join_all().await
    });
    let mut times = others.end();
    assert!(!times.is_empty());
    tell_times("slow clients: answers to others meanwhile", &mut times);
    for (slow, count) in kinds {
        let of_kind = |(kind, time): &(Slow, Duration)| (kind == slow).then_some(*time);
        let mut times: Vec<Duration> = ended.iter().filter_map(of_kind).collect();
        assert!(
            times.iter().all(|time| *time < LIMIT),
            "{slow:?}: somebody was never ended"
        );
        assert_eq!(times.len(), *count);
        tell_times(&format!("slow clients: ended, {slow:?}"), &mut times);
    }
    tell("slow clients: memory after it, KiB", service.resident());
    service.stop();
}

#[test]
fn whoever_sends_byte_by_byte_is_ended_and_others_are_answered() {
    slow_clients(&[(Slow::FirstHead, 20), (Slow::LaterHead, 20), (Slow::Body, 20)]);
}

#[test]
#[ignore = "takes a minute: make outages"]
fn two_thousand_slow_clients_are_ended_and_others_are_answered() {
    allows_files(4_200);
    slow_clients(&[
        (Slow::FirstHead, 600),
        (Slow::LaterHead, 600),
        (Slow::Body, 600),
        (Slow::Reading, 200),
    ]);
}

/// Opens as many connections, asks one thing on each, holds them, and asks once more.
fn idle(count: usize, held_for: Duration) {
    let folder = TempDir::new().unwrap();
    let start = Start::within(folder.path()).setting("ACCOUNTS_LOG", "warn,accounts=info");
    let service = start.serve();
    let ana = service.ana();
    let before = service.resident();
    let request = format!(
        "GET /healthz HTTP/1.1\r\nHost: a\r\nUser-Agent: tests\r\nAccept: */*\r\nAuthorization: Bearer {}\r\n\r\n",
        "a".repeat(400)
    );
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut streams = Vec::new();
    runtime.block_on(async {
        for _ in 0..count {
            let mut stream = connect(service.address, Slow::LaterHead).await;
            asks(&mut stream, &request).await;
            streams.push(stream);
        }
    });
    let held = service.resident();
    tell("idle connections", count);
    tell(
        "idle connections: KiB each",
        format!("{:.1}", per_connection(held.saturating_sub(before), count)),
    );
    let mut times = Vec::new();
    let begun = Instant::now();
    while begun.elapsed() < held_for {
        times.push(ask(&ana));
        thread::sleep(Duration::from_millis(20));
    }
    tell_times("idle connections: answers to others meanwhile", &mut times);
    tell(
        "idle connections: KiB each after a while",
        format!(
            "{:.1}",
            per_connection(service.resident().saturating_sub(before), count)
        ),
    );
    // None of them was closed.
    runtime.block_on(async {
        for stream in &mut streams {
            asks(stream, &request).await;
        }
    });
    tell(
        "idle connections: KiB each after a second request",
        format!(
            "{:.1}",
            per_connection(service.resident().saturating_sub(before), count)
        ),
    );
    drop(streams);
    service.stop();
}

fn per_connection(kib: u64, count: usize) -> f64 {
    let exact = |number: u64| u32::try_from(number).map_or(f64::NAN, f64::from);
    exact(kib) / exact(u64::try_from(count).unwrap())
}

async fn asks(stream: &mut TcpStream, request: &str) {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = [0; 2048];
    let length = stream.read(&mut answer).await.unwrap();
    assert!(String::from_utf8_lossy(answer.get(..length).unwrap()).starts_with("HTTP/1.1 200 "));
}

#[test]
fn idle_connections_are_kept() {
    idle(300, Duration::from_secs(1));
}

#[test]
#[ignore = "takes a minute: make outages"]
fn ten_thousand_idle_connections_are_kept() {
    allows_files(10_200);
    idle(10_000, Duration::from_secs(20));
}

/// A limit that is too low is an error that says how to raise it.
fn allows_files(wanted: u64) {
    let limits = fs::read_to_string("/proc/self/limits").unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let limit = line.split_whitespace().nth(3).unwrap();
    assert!(
        limit == "unlimited" || limit.parse::<u64>().unwrap() >= wanted,
        "{limit} open files are allowed and {wanted} are needed: ulimit -n {wanted}, as root or within the hard limit"
    );
}
