//! Somebody on this machine who is told of events: an HTTP server that remembers every request and answers as it is told.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

/// How long something that is to arrive may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A request that came.
#[derive(Debug, Clone)]
pub struct Received {
    /// Its headers, the names in small letters.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
}

impl Received {
    /// A header that must be there.
    #[track_caller]
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map_or_else(|| panic!("no header {name}: {self:?}"), |(_, value)| value)
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// The server. It ends when it is dropped.
#[derive(Debug)]
pub struct Receiver {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    received: Mutex<Vec<Received>>,
    answer: Mutex<String>,
    pause: Mutex<Duration>,
    underway: AtomicUsize,
    most_underway: AtomicUsize,
    ended: AtomicBool,
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Receiver {
    /// One that takes everything.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap_or_else(|error| panic!("no free port: {error}"));
        let address = listener
            .local_addr()
            .unwrap_or_else(|error| panic!("no address: {error}"));
        let shared = Arc::new(Shared {
            received: Mutex::default(),
            answer: Mutex::new("204 No Content".to_owned()),
            pause: Mutex::default(),
            underway: AtomicUsize::new(0),
            most_underway: AtomicUsize::new(0),
            ended: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if accepting.ended.load(Ordering::Relaxed) {
                    return;
                }
                let shared = Arc::clone(&accepting);
                if let Ok(stream) = stream {
                    thread::spawn(move || shared.serve(stream));
                }
            }
        });
        Self { address, shared }
    }

    /// Where it is told.
    pub fn url(&self) -> String {
        format!("http://{}/in?key=s3cret", self.address)
    }

    /// Answers so from now on: `500 Oops`, and headers below it. The body is `heard`, but for 204.
    pub fn answers(&self, answer: &str) {
        answer.clone_into(&mut locked(&self.shared.answer));
    }

    /// Takes so long for each answer from now on.
    pub fn takes(&self, pause: Duration) {
        *locked(&self.shared.pause) = pause;
    }

    /// What came so far.
    pub fn received(&self) -> Vec<Received> {
        locked(&self.shared.received).clone()
    }

    /// How many requests were here at once, at most.
    pub fn most_at_once(&self) -> usize {
        self.shared.most_underway.load(Ordering::SeqCst)
    }

    /// What came, once it is so much.
    #[track_caller]
    pub fn wait_for(&self, count: usize) -> Vec<Received> {
        let begun = Instant::now();
        loop {
            let received = self.received();
            if received.len() >= count {
                return received;
            }
            assert!(begun.elapsed() < PATIENCE, "{} of {count} came", received.len());
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts.
        drop(TcpStream::connect(self.address));
    }
}

impl Shared {
    fn serve(&self, mut stream: TcpStream) {
        let Some(received) = read(&mut stream) else { return };
        let underway = self.underway.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_underway.fetch_max(underway, Ordering::SeqCst);
        locked(&self.received).push(received);
        let (pause, answer) = (*locked(&self.pause), locked(&self.answer).clone());
        thread::sleep(pause);
        self.underway.fetch_sub(1, Ordering::SeqCst);
        let body = if answer.starts_with("204") { "" } else { "heard" };
        let head = format!("content-length: {}\r\nconnection: close", body.len());
        let _ = stream.write_all(format!("HTTP/1.1 {answer}\r\n{head}\r\n\r\n{body}").as_bytes());
    }
}

fn read(stream: &mut TcpStream) -> Option<Received> {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let count = stream.read(&mut buffer).ok().filter(|count| *count > 0)?;
        bytes.extend(buffer.get(..count)?);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, _)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let lines = head.lines().skip(1).filter_map(|line| line.split_once(": "));
        let headers: Vec<(String, String)> = lines
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let length = headers.iter().find(|(name, _)| name == "content-length");
        let length: usize = length.and_then(|(_, value)| value.parse().ok()).unwrap_or_default();
        let body = bytes.get(head.len() + 4..)?;
        if body.len() >= length {
            let body = body.to_vec();
            return Some(Received { headers, body });
        }
    }
}
