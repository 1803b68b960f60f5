//! An SMTP server that behaves well, badly and not at all.

use std::{
    io::{BufRead, BufReader, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// How it treats its callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Takes every mail.
    Takes,
    /// Hangs up at once, as good as nobody being there.
    Refuses,
    /// Says nothing at all.
    Silent,
    /// Says nothing any more once it has heard the mail.
    StopsInTheMidst,
    /// 451 at the first try, as greylisting does.
    NotYet,
    /// A reply of ten million characters.
    Endless,
    /// 554, with the mail's own words in it.
    Never,
}

/// It is open until the process ends.
#[derive(Debug)]
pub struct PostOffice {
    port: u16,
    desk: Arc<Desk>,
}

#[derive(Debug)]
struct Desk {
    way: Mutex<Way>,
    callers: AtomicUsize,
    taken: Mutex<Vec<String>>,
    heard: Mutex<Vec<String>>,
    /// Whoever is on the line, so that a change of ways frees it.
    lines: Mutex<Vec<TcpStream>>,
}

impl PostOffice {
    pub fn open(way: Way) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let desk = Arc::new(Desk {
            way: Mutex::new(way),
            callers: AtomicUsize::new(0),
            taken: Mutex::default(),
            heard: Mutex::default(),
            lines: Mutex::default(),
        });
        let shared = Arc::clone(&desk);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let desk = Arc::clone(&shared);
                desk.lines.lock().unwrap().push(stream.try_clone().unwrap());
                desk.callers.fetch_add(1, Ordering::SeqCst);
                thread::spawn(move || {
                    // Who hangs up has had enough.
                    let _ = desk.serve(&stream);
                    let _ = stream.shutdown(Shutdown::Both);
                });
            }
        });
        Self { port, desk }
    }

    /// What `ACCOUNTS_SMTP_URL` would hold.
    pub fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}", self.port)
    }

    /// Treats callers otherwise from now on, and hangs up on those that wait.
    pub fn turns(&self, way: Way) {
        *self.desk.way.lock().unwrap() = way;
        for line in self.desk.lines.lock().unwrap().drain(..) {
            let _ = line.shutdown(Shutdown::Both);
        }
    }

    /// Returns once somebody has called.
    pub fn waits_for_a_caller(&self) {
        let begun = Instant::now();
        while self.desk.callers.load(Ordering::SeqCst) == 0 {
            assert!(
                begun.elapsed() < Duration::from_secs(30),
                "nobody calls the post office"
            );
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// The mails that it has said yes to.
    pub fn taken(&self) -> Vec<String> {
        self.desk.taken.lock().unwrap().clone()
    }

    /// How many mails to this address it has said yes to.
    pub fn taken_for(&self, address: &str) -> usize {
        self.taken().iter().filter(|mail| recipient(mail) == address).count()
    }

    /// All mails that it was told, whatever it said to them.
    pub fn heard(&self) -> Vec<String> {
        self.desk.heard.lock().unwrap().clone()
    }
}

impl Desk {
    fn serve(&self, stream: &TcpStream) -> std::io::Result<()> {
        let way = *self.way.lock().unwrap();
        let mut to = stream.try_clone()?;
        let mut from = BufReader::new(stream);
        match way {
            Way::Refuses => return Ok(()),
            Way::Silent => return silence(&mut from),
            Way::Endless => {
                to.write_all(b"220 ")?;
                return to.write_all(&vec![b'a'; 10_000_000]);
            }
            Way::Takes | Way::StopsInTheMidst | Way::NotYet | Way::Never => to.write_all(b"220 ready\r\n")?,
        }
        let mut line = String::new();
        while from.read_line(&mut line)? > 0 {
            let said = match line.split_whitespace().next().unwrap_or_default() {
                "DATA" => {
                    to.write_all(b"354 go on\r\n")?;
                    let mail = whole_mail(&mut from)?;
                    self.heard.lock().unwrap().push(mail.clone());
                    match way {
                        Way::StopsInTheMidst => return silence(&mut from),
                        Way::NotYet => format!("451 not yet: {}\r\n", link_in(&mail)),
                        Way::Never => format!("554 no: {}\r\n", link_in(&mail)),
                        Way::Takes | Way::Refuses | Way::Silent | Way::Endless => {
                            self.taken.lock().unwrap().push(mail);
                            "250 taken\r\n".to_owned()
                        }
                    }
                }
                "QUIT" => "221 bye\r\n".to_owned(),
                _ => "250 fine\r\n".to_owned(),
            };
            to.write_all(said.as_bytes())?;
            line.clear();
        }
        Ok(())
    }
}

/// Listens until the other side has had enough.
fn silence(from: &mut BufReader<&TcpStream>) -> std::io::Result<()> {
    let mut line = String::new();
    while from.read_line(&mut line)? > 0 {
        line.clear();
    }
    Ok(())
}

fn whole_mail(from: &mut BufReader<&TcpStream>) -> std::io::Result<String> {
    let mut mail = String::new();
    while !mail.ends_with("\r\n.\r\n") {
        if from.read_line(&mut mail)? == 0 {
            break;
        }
    }
    Ok(mail)
}

/// The token of the link in a mail, which the service must not repeat anywhere.
pub fn link_in(mail: &str) -> String {
    let plain = mail.replace("=\r\n", "").replace("=3D", "=");
    let (_, token) = plain.split_once("#token=").unwrap_or_default();
    token
        .chars()
        .take_while(|character| character.is_ascii_alphanumeric() || "_-.".contains(*character))
        .collect()
}

/// The address that a mail is for.
pub fn recipient(mail: &str) -> String {
    let line = mail.lines().find_map(|line| line.strip_prefix("To: ")).unwrap();
    line.trim_matches(['<', '>', ' ']).to_owned()
}
