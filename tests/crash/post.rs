//! The mail server that the service hands its mails to. It takes them all, and remembers.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use accounts_tests::Mail;

/// What was handed over for one address.
#[derive(Debug, Default, Clone)]
pub struct Letters {
    /// How many mails.
    pub count: u64,
    /// Their `Message-ID`s.
    pub ids: BTreeSet<String>,
    /// The token of the last link.
    pub token: String,
}

/// The server; it serves until the process ends.
#[derive(Debug, Clone)]
pub struct Post {
    port: u16,
    letters: Arc<Mutex<BTreeMap<String, Letters>>>,
}

impl Post {
    /// Opens it on a free port.
    pub fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap_or_else(|error| panic!("no port for mails: {error}"));
        let address = listener
            .local_addr()
            .unwrap_or_else(|error| panic!("no address for mails: {error}"));
        let office = Self {
            port: address.port(),
            letters: Arc::default(),
        };
        let clerk = office.clone();
        thread::spawn(move || {
            for client in listener.incoming().filter_map(Result::ok) {
                let clerk = clerk.clone();
                // A client that is killed in the middle of a sentence has handed nothing over.
                thread::spawn(move || clerk.converse(client));
            }
        });
        office
    }

    /// What `ACCOUNTS_SMTP_URL` would hold.
    pub fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}", self.port)
    }

    /// What came for an address.
    pub fn letters_to(&self, address: &str) -> Letters {
        self.letters().get(address).cloned().unwrap_or_default()
    }

    fn letters(&self) -> MutexGuard<'_, BTreeMap<String, Letters>> {
        self.letters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn converse(&self, mut client: TcpStream) -> std::io::Result<()> {
        client.set_nodelay(true)?;
        let mut lines = BufReader::new(client.try_clone()?).split(b'\n');
        client.write_all(b"220 ready\r\n")?;
        while let Some(line) = lines.next() {
            let line = line?.to_ascii_uppercase();
            let reply: &[u8] = match line.get(..4) {
                Some(b"DATA") => {
                    client.write_all(b"354 go on\r\n")?;
                    let mut message = Vec::new();
                    loop {
                        let Some(line) = lines.next() else { return Ok(()) };
                        let line = line?;
                        if line == b".\r" {
                            break;
                        }
                        // A line that begins with a dot has got a second one on its way.
                        message.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
                        message.push(b'\n');
                    }
                    self.take(&Mail::read(&message));
                    b"250 taken\r\n"
                }
                Some(b"EHLO") => b"250 server\r\n",
                Some(b"QUIT") => b"221 bye\r\n",
                Some(_) | None => b"250 fine\r\n",
            };
            client.write_all(reply)?;
        }
        Ok(())
    }

    fn take(&self, mail: &Mail) {
        let id = mail
            .raw
            .lines()
            .find_map(|line| line.strip_prefix("Message-ID: "))
            .unwrap_or_default();
        let token = mail
            .text
            .split_once("#token=")
            .and_then(|(_, rest)| rest.split_whitespace().next())
            .unwrap_or_default();
        let mut letters = self.letters();
        for to in &mail.to {
            let letters = letters.entry(to.clone()).or_default();
            letters.count += 1;
            letters.ids.insert(id.to_owned());
            token.clone_into(&mut letters.token);
        }
    }
}
