//! The load: requests over connections that are kept alive, each of which sends the next one when it has its answer.
//!
//! It runs on one thread, because the server under measurement is on the same machine.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::failure::{Failure, Outcome};

/// The digits that [`Request::numbered`] fills in.
const DIGITS: usize = 12;

/// The bytes of a request.
pub struct Request {
    bytes: Vec<u8>,
    /// Where a number goes that is another one each time.
    number_at: Option<usize>,
}

/// Which request comes next.
#[derive(Clone, Copy)]
pub enum Order {
    /// One after the other, and from the start again.
    InTurn,
    /// Any of them, all alike.
    AtRandom,
}

/// What is asked, over and over. What comes next goes on from one run to the next.
pub struct Script {
    requests: Vec<Request>,
    order: Order,
    /// The status of an answer that counts.
    expected: u16,
    turn: AtomicUsize,
    state: AtomicU64,
}

/// How much is asked.
#[derive(Clone, Copy)]
pub struct Load {
    /// How many connections ask at once.
    pub clients: usize,
    /// For how long.
    pub duration: Duration,
    /// After how many requests it ends, should that come first.
    pub at_most: Option<u64>,
}

/// What came of it.
#[derive(Default)]
pub struct Answers {
    /// How long each expected answer took, in microseconds, sorted.
    pub latencies: Vec<u32>,
    /// How many answers had another status, and one of these statuses.
    pub refused: u64,
    /// The last of the other statuses.
    pub refusal: Option<u16>,
    /// From the first request to the last answer.
    pub elapsed: Duration,
}

impl Request {
    /// A GET.
    pub fn get(path: &str, token: &str) -> Self {
        Self {
            bytes: format!("GET {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\r\n").into_bytes(),
            number_at: None,
        }
    }

    /// A POST of JSON. Where the body holds `{number}`, a number stands that is another one each time.
    pub fn post(path: &str, token: Option<&str>, body: &str) -> Self {
        let (before, after) = body.split_once("{number}").unwrap_or((body, ""));
        let is_numbered = before.len() < body.len();
        let length = if is_numbered {
            before.len() + DIGITS + after.len()
        } else {
            body.len()
        };
        let authorization = token.map_or_else(String::new, |token| format!("Authorization: Bearer {token}\r\n"));
        let mut bytes = format!(
            "POST {path} HTTP/1.1\r\nHost: bench\r\n{authorization}Content-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n{before}"
        )
        .into_bytes();
        let number_at = is_numbered.then_some(bytes.len());
        if is_numbered {
            bytes.extend_from_slice(&[b'0'; DIGITS]);
        }
        bytes.extend_from_slice(after.as_bytes());
        Self { bytes, number_at }
    }

    /// The same, with the word of a proxy for the address that it comes from.
    #[must_use]
    pub fn coming_from(mut self, address: &str) -> Self {
        const BEFORE: &[u8] = b"Host: bench\r\n";
        let header = format!("X-Forwarded-For: {address}\r\n");
        if let Some(at) = self.bytes.windows(BEFORE.len()).position(|bytes| bytes == BEFORE) {
            let at = at + BEFORE.len();
            self.bytes.splice(at..at, header.bytes());
            self.number_at = self.number_at.map(|number_at| number_at + header.len());
        }
        self
    }

    fn write(&self, number: u64, into: &mut Vec<u8>) {
        into.clear();
        into.extend_from_slice(&self.bytes);
        if let Some(at) = self.number_at
            && let Some(place) = into.get_mut(at..at + DIGITS)
        {
            place.copy_from_slice(format!("{number:012}").as_bytes());
        }
    }
}

impl Script {
    /// A script whose answers have this status.
    pub fn new(requests: Vec<Request>, order: Order, expected: u16, seed: u64) -> Arc<Self> {
        Arc::new(Self {
            requests,
            order,
            expected,
            turn: AtomicUsize::new(0),
            state: AtomicU64::new(seed | 1),
        })
    }

    fn next(&self, into: &mut Vec<u8>) -> Outcome<()> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let place = match self.order {
            Order::InTurn => turn,
            Order::AtRandom => usize::try_from(self.random() >> 16)?,
        };
        let index = place.checked_rem(self.requests.len()).ok_or("an empty script")?;
        let request = self.requests.get(index).ok_or("an empty script")?;
        request.write(u64::try_from(turn)?, into);
        Ok(())
    }

    /// Marsaglia's xorshift: even enough to spread requests. One thread calls it.
    fn random(&self) -> u64 {
        let mut state = self.state.load(Ordering::Relaxed);
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        self.state.store(state, Ordering::Relaxed);
        state
    }
}

impl Answers {
    fn absorb(&mut self, other: Self) {
        self.latencies.extend(other.latencies);
        self.refused += other.refused;
        self.refusal = other.refusal.or(self.refusal);
    }

    /// How long the given share of the answers took at the most, in microseconds.
    pub fn percentile(&self, share: f64) -> f64 {
        percentile(&self.latencies, share)
    }
}

fn percentile(sorted: &[u32], share: f64) -> f64 {
    let above = sorted
        .iter()
        .zip(1_u32..)
        .find(|(_, rank)| f64::from(*rank) >= share * count(sorted));
    above.map_or(f64::NAN, |(value, _)| f64::from(*value))
}

/// The number of elements. There are fewer than four thousand million of them.
pub fn count<T>(values: &[T]) -> f64 {
    u32::try_from(values.len()).map_or(f64::INFINITY, f64::from)
}

/// Asks as much as `load` says, and waits for all answers.
pub fn run(address: SocketAddr, script: &Arc<Script>, load: Load) -> Outcome<Answers> {
    runtime()?.block_on(ask(address, script, load))
}

/// Connections that have had one answer each and rest.
pub struct Resting {
    connections: Vec<TcpStream>,
    _runtime: tokio::runtime::Runtime,
}

impl Resting {
    /// Opens so many.
    pub fn open(address: SocketAddr, script: &Arc<Script>, how_many: usize) -> Outcome<Self> {
        let runtime = runtime()?;
        let connections = runtime.block_on(async {
            let (mut request, mut answer) = (Vec::new(), Vec::new());
            let mut connections = Vec::with_capacity(how_many);
            for _ in 0..how_many {
                let stream = TcpStream::connect(address).await?;
                script.next(&mut request)?;
                exchange(&stream, &request, &mut answer).await?;
                connections.push(stream);
            }
            Ok::<_, Failure>(connections)
        })?;
        Ok(Self {
            connections,
            _runtime: runtime,
        })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.connections.len()
    }
}

/// Asks once, and answers with the head and the body.
pub fn fetch(address: SocketAddr, request: &Request) -> Outcome<(String, Vec<u8>)> {
    runtime()?.block_on(async {
        let stream = TcpStream::connect(address).await?;
        let mut bytes = Vec::new();
        request.write(0, &mut bytes);
        let mut answer = Vec::new();
        exchange(&stream, &bytes, &mut answer).await?;
        let (head, body) = split(&answer).ok_or("an unreadable answer")?;
        Ok((String::from_utf8_lossy(head).into_owned(), body.to_vec()))
    })
}

/// Asks one after the other on one connection, and answers with the milliseconds that each took. Each is given with
/// the status that it must have.
pub fn one_by_one(address: SocketAddr, requests: &[(Request, u16)]) -> Outcome<Vec<f64>> {
    runtime()?.block_on(async {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (mut bytes, mut answer) = (Vec::new(), Vec::new());
        let mut times = Vec::new();
        for (request, expected) in requests {
            request.write(0, &mut bytes);
            let begun = Instant::now();
            let status = exchange(&stream, &bytes, &mut answer).await?;
            times.push(begun.elapsed().as_secs_f64() * 1000.0);
            if status != *expected {
                return Err(format!("an answer with {status} instead of {expected}").into());
            }
        }
        Ok(times)
    })
}

fn runtime() -> Outcome<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

async fn ask(address: SocketAddr, script: &Arc<Script>, load: Load) -> Outcome<Answers> {
    let mut streams = Vec::new();
    for _ in 0..load.clients {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        streams.push(stream);
    }
    let begun = Instant::now();
    let left = Arc::new(AtomicU64::new(load.at_most.unwrap_or(u64::MAX)));
    let mut tasks = JoinSet::new();
    for stream in streams {
        let (script, left) = (Arc::clone(script), Arc::clone(&left));
        tasks.spawn(async move { drive(&stream, &script, begun + load.duration, &left).await });
    }
    let mut answers = Answers::default();
    while let Some(ended) = tasks.join_next().await {
        answers.absorb(ended??);
    }
    answers.elapsed = begun.elapsed();
    answers.latencies.sort_unstable();
    Ok(answers)
}

async fn drive(stream: &TcpStream, script: &Script, until: Instant, left: &AtomicU64) -> Outcome<Answers> {
    let mut answers = Answers::default();
    let (mut request, mut answer) = (Vec::new(), Vec::with_capacity(16 * 1024));
    loop {
        let begun = Instant::now();
        let one = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if begun >= until || one.is_err() {
            return Ok(answers);
        }
        script.next(&mut request)?;
        let status = exchange(stream, &request, &mut answer).await?;
        if status == script.expected {
            let took = begun.elapsed().as_micros();
            answers.latencies.push(u32::try_from(took).unwrap_or(u32::MAX));
        } else {
            answers.refused += 1;
            answers.refusal = Some(status);
        }
    }
}

/// Sends a request and reads its answer, whose status it tells.
async fn exchange(stream: &TcpStream, request: &[u8], answer: &mut Vec<u8>) -> Outcome<u16> {
    let mut rest = request;
    while !rest.is_empty() {
        match stream.try_write(rest) {
            Ok(written) => rest = rest.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => stream.writable().await?,
            Err(error) => return Err(error.into()),
        }
    }
    answer.clear();
    let mut needed = None;
    loop {
        match stream.try_read_buf(answer) {
            Ok(0) => return Err("the server closed the connection".into()),
            Ok(_) => {
                if needed.is_none() {
                    needed = length_of(answer)?;
                }
                if needed.is_some_and(|needed| answer.len() >= needed) {
                    return status_of(answer);
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => stream.readable().await?,
            Err(error) => return Err(error.into()),
        }
    }
}

fn split(answer: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    Some((answer.get(..end)?, answer.get(end + 4..)?))
}

/// The length of head and body together, once the whole head is there.
fn length_of(answer: &[u8]) -> Outcome<Option<usize>> {
    const NAME: &[u8] = b"content-length: ";
    let Some((head, _)) = split(answer) else {
        return Ok(None);
    };
    let length = head.split(|byte| *byte == b'\n').find_map(|line| {
        let (name, value) = line.split_at_checked(NAME.len())?;
        name.eq_ignore_ascii_case(NAME).then_some(value)
    });
    let length = match length {
        Some(value) => std::str::from_utf8(value)?.trim().parse()?,
        None => 0_usize,
    };
    Ok(Some(head.len() + 4 + length))
}

/// The status in `HTTP/1.1 200 OK`.
fn status_of(answer: &[u8]) -> Outcome<u16> {
    let digits = answer.get(9..12).ok_or("a short answer")?;
    Ok(std::str::from_utf8(digits)?.parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_when_its_body_is() {
        let head = b"HTTP/1.1 201 Created\r\nDate: x\r\nContent-Length: 3\r\n\r\n";
        assert_eq!(length_of(&head[..20]).unwrap(), None);
        assert_eq!(length_of(head).unwrap(), Some(head.len() + 3));
        assert_eq!(status_of(head).unwrap(), 201);
        assert_eq!(split(b"a\r\n\r\nb").unwrap(), (b"a".as_slice(), b"b".as_slice()));
    }

    #[test]
    fn a_number_is_another_one_each_time_and_as_long() {
        let post = Request::post("/x", None, r#"{"a": "n{number}@b"}"#);
        let script = Script::new(vec![post], Order::InTurn, 200, 7);
        let (mut first, mut second) = (Vec::new(), Vec::new());
        script.next(&mut first).unwrap();
        script.next(&mut second).unwrap();
        assert!(first.ends_with(br#"{"a": "n000000000000@b"}"#));
        assert!(second.ends_with(br#"{"a": "n000000000001@b"}"#));
        assert!(first.windows(18).any(|window| window == b"Content-Length: 24"));
    }

    #[test]
    fn percentiles_are_answers_that_came() {
        assert!((percentile(&[1, 2, 3, 4], 0.5) - 2.0).abs() < f64::EPSILON);
        assert!((percentile(&[1, 2, 3, 4], 0.99) - 4.0).abs() < f64::EPSILON);
        assert!(percentile(&[], 0.5).is_nan());
    }
}
