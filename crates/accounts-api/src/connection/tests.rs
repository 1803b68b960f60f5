//! Slow peers, over real sockets, with little patience.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpResponse, rt, web};

use super::*;

const PATIENCE: Patience = Patience {
    head: Duration::from_millis(900),
    rest: Duration::from_millis(2_500),
    answer: Duration::from_millis(300),
};

const GET: &str = "GET /short HTTP/1.1\r\nHost: a\r\n\r\n";
const POST: &str = "POST /short HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}";
const CHUNKED: &str = "POST /short HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";

struct Running {
    address: SocketAddr,
    handle: ServerHandle,
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
    }
}

fn start(patience: Patience) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        rt::System::new().block_on(async move {
            let application = || {
                App::new()
                    .route("/short", web::to(|_body: web::Bytes| async { "short" }))
                    .route(
                        "/early",
                        web::to(|| async { HttpResponse::Unauthorized().body("early") }),
                    )
                    .route(
                        "/slow",
                        web::to(|| async {
                            rt::time::sleep(Duration::from_millis(1_500)).await;
                            "slow"
                        }),
                    )
                    .route("/long", web::to(|| async { "a".repeat(50_000_000) }))
            };
            let server = crate::server::serve(listener, 1, patience, application).unwrap();
            tell.send(server.handle()).unwrap();
            server.await.unwrap();
        });
    });
    let handle = told.recv().unwrap();
    Running { address, handle }
}

struct Peer(TcpStream);

impl Peer {
    fn of(running: &Running) -> Self {
        let stream = TcpStream::connect(running.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Self(stream)
    }

    fn sends(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).unwrap();
    }

    /// Reads until this has come.
    fn sees(&mut self, end: &str) {
        let mut text = String::new();
        while !text.ends_with(end) {
            let mut byte = [0];
            assert_eq!(self.0.read(&mut byte).unwrap(), 1, "closed after {text:?}");
            text.push(char::from(byte[0]));
        }
    }

    /// Reads until the connection is closed.
    fn sees_the_end(&mut self) -> String {
        let mut text = Vec::new();
        // A reset is an end, too; silence is none.
        if let Err(error) = self.0.read_to_end(&mut text) {
            assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "after {text:?}");
        }
        String::from_utf8_lossy(&text).into_owned()
    }
}

#[test]
fn half_a_head_is_408_at_every_request_of_a_connection() {
    let running = start(PATIENCE);
    for before in ["", GET, POST, CHUNKED, &GET.repeat(3), &format!("{POST}{GET}")] {
        let mut peer = Peer::of(&running);
        if !before.is_empty() {
            peer.sends(before);
            for _ in 0..before.matches("/short").count() {
                peer.sees("short");
            }
        }
        peer.sends("GET /short HTTP/1.1\r\nHo");
        assert!(peer.sees_the_end().starts_with("HTTP/1.1 408 "), "after {before:?}");
    }
}

#[test]
fn half_a_head_that_comes_with_the_request_before_it_is_408_just_as_soon() {
    // Where it were taken for a connection at rest, it would be closed without a word.
    let running = start(PATIENCE);
    for before in [GET, POST, CHUNKED] {
        let mut peer = Peer::of(&running);
        peer.sends(&format!("{before}GET /sho"));
        peer.sees("short");
        assert!(peer.sees_the_end().starts_with("HTTP/1.1 408 "), "after {before:?}");
    }
}

#[test]
fn a_head_that_comes_byte_by_byte_is_ended() {
    let running = start(PATIENCE);
    let mut peer = Peer::of(&running);
    peer.sends(GET);
    peer.sees("short");
    let mut sent = 0;
    // The peer learns of the end by a write that fails. It would go on for 50 seconds.
    for byte in "GET /short HTTP/1.1\r\nHost: a\r\nX-A: bbbbbbbbb"
        .bytes()
        .cycle()
        .take(400)
    {
        if peer.0.write_all(&[byte]).is_err() {
            break;
        }
        sent += 1;
        thread::sleep(Duration::from_millis(50));
    }
    assert!(sent < 1_000);
}

#[test]
fn a_connection_at_rest_is_closed_without_a_word() {
    let running = start(PATIENCE);
    for before in [GET, POST] {
        let mut peer = Peer::of(&running);
        peer.sends(before);
        peer.sees("short");
        assert_eq!(peer.sees_the_end(), "", "after {before:?}");
    }
}

#[test]
fn rest_begins_anew_with_every_answer() {
    let running = start(PATIENCE);
    let mut peer = Peer::of(&running);
    for _ in 0..7 {
        peer.sends(POST);
        peer.sees("short");
        peer.sends(GET);
        peer.sees("short");
        thread::sleep(Duration::from_millis(400));
    }
    assert_eq!(peer.sees_the_end(), "");
}

#[test]
fn a_request_that_takes_its_time_is_answered() {
    let running = start(PATIENCE);
    let mut peer = Peer::of(&running);
    for _ in 0..2 {
        peer.sends("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
        peer.sees("slow");
    }
}

#[test]
fn whoever_does_not_take_an_answer_loses_it() {
    let running = start(PATIENCE);
    let mut peer = Peer::of(&running);
    peer.sends("GET /long HTTP/1.1\r\nHost: a\r\n\r\n");
    thread::sleep(Duration::from_secs(2));
    assert!(peer.sees_the_end().len() < 50_000_000);
    // Whoever takes it gets all of it, however busy the machine is.
    let running = start(Patience {
        answer: Duration::from_mins(1),
        ..PATIENCE
    });
    let mut peer = Peer::of(&running);
    peer.sends("GET /long HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert!(peer.sees_the_end().len() > 50_000_000);
}

#[test]
fn the_rest_of_a_refused_body_is_not_waited_for() {
    let running = start(PATIENCE);
    for framing in ["Content-Length: 9\r\n\r\n{", "Transfer-Encoding: chunked\r\n\r\n9\r\n{"] {
        let mut peer = Peer::of(&running);
        peer.sends(&format!("POST /early HTTP/1.1\r\nHost: a\r\n{framing}"));
        peer.sees("early");
        peer.sees_the_end();
    }
}
