//! Somebody between the service and its database, who lets everything through, slowly, or nothing.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

/// Nothing gets through any more.
const STALLED: u64 = u64::MAX;

/// It relays until the process ends.
#[derive(Debug)]
pub struct Relay {
    port: u16,
    /// How many milliseconds everything is held up.
    delay: Arc<AtomicU64>,
}

impl Relay {
    pub fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let own = listener.local_addr().unwrap().port();
        let delay = Arc::new(AtomicU64::new(0));
        let shared = Arc::clone(&delay);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else {
                    continue;
                };
                let (back, answers) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                let (one, other) = (Arc::clone(&shared), Arc::clone(&shared));
                thread::spawn(move || carry(client, server, &one));
                thread::spawn(move || carry(answers, back, &other));
            }
        });
        Self { port: own, delay }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Lets everything through, each piece so much later.
    pub fn delays(&self, milliseconds: u64) {
        self.delay.store(milliseconds, Ordering::SeqCst);
    }

    /// Keeps everything back.
    pub fn stalls(&self) {
        self.delay.store(STALLED, Ordering::SeqCst);
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, delay: &AtomicU64) {
    let mut bytes = [0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut bytes) {
        loop {
            match delay.load(Ordering::SeqCst) {
                STALLED => thread::sleep(Duration::from_millis(5)),
                milliseconds => {
                    thread::sleep(Duration::from_millis(milliseconds));
                    break;
                }
            }
        }
        if to.write_all(bytes.get(..length).unwrap_or_default()).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}
