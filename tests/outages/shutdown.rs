//! The process is told to end while it has work to do.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use accounts_tests::json;
use tempfile::TempDir;

use super::{
    figures::tell,
    post_office::{PostOffice, Way},
    process::{Ana, Start},
};

/// What a writer was told.
struct Told {
    contact: String,
    /// The last name that was acknowledged.
    kept: String,
    acknowledged: u32,
}

/// Renames one contact again and again, on one connection, until there is no answer any more.
fn write(service: std::net::SocketAddr, ana: &Ana, contact: &str, ending: &AtomicBool) -> Told {
    let mut told = Told {
        contact: contact.to_owned(),
        kept: ana.name_of(contact),
        acknowledged: 0,
    };
    for number in 1.. {
        let name = format!("Name {number}");
        let body = json!({ "display_name": name }).to_string();
        let text = format!(
            "PATCH {contact} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\
             Content-Type: application/merge-patch+json\r\nContent-Length: {}\r\n\r\n{body}",
            ana.token,
            body.len()
        );
        let answer = TcpStream::connect(service).and_then(|mut stream| {
            stream.write_all(text.as_bytes())?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        });
        match answer {
            Ok(answer) if answer.starts_with("HTTP/1.1 200 ") => {
                told.kept = name;
                told.acknowledged += 1;
            }
            Ok(answer) if answer.starts_with("HTTP/1.1 503 ") => {}
            // Who comes after the end is not let in. Whoever was let in is answered.
            Ok(_) | Err(_) if ending.load(Ordering::SeqCst) => return told,
            other => panic!("{other:?}"),
        }
    }
    told
}

#[test]
fn under_load_what_has_begun_is_answered_and_kept() {
    let folder = TempDir::new().unwrap();
    let start = Start::within(folder.path());
    let mut service = start.serve();
    let address = service.address;
    let ana = Arc::new(service.ana());
    let ending = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = ana
        .contacts
        .iter()
        .cloned()
        .map(|contact| {
            let (ana, ending) = (Arc::clone(&ana), Arc::clone(&ending));
            thread::spawn(move || write(address, &ana, &contact, &ending))
        })
        .collect();
    // Requests of which the heads are there and the bodies are on their way: they have begun.
    let body = json!({ "address": "ana@demo.example", "password": "seven lamps in the harbour" }).to_string();
    let mut begun: Vec<_> = (0..8).map(|_| half_sent(address, &body)).collect();
    thread::sleep(Duration::from_millis(700));

    ending.store(true, Ordering::SeqCst);
    service.terminate();
    let told_at = Instant::now();
    while !service.log().contains("\"ending\"") {
        assert!(told_at.elapsed() < Duration::from_secs(30), "{}", service.log());
        thread::sleep(Duration::from_millis(2));
    }
    assert!(!is_ready(address));
    for stream in &mut begun {
        stream
            .write_all(body.get(body.len() / 2..).unwrap().as_bytes())
            .unwrap();
    }
    for stream in &mut begun {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(
            answer.starts_with("HTTP/1.1 201 ") || answer.starts_with("HTTP/1.1 503 "),
            "{answer}"
        );
        // The connection is not for another request.
        assert!(answer.to_lowercase().contains("connection: close"), "{answer}");
    }
    let told: Vec<Told> = writers.into_iter().map(|writer| writer.join().unwrap()).collect();
    assert_eq!(service.ends().code(), Some(0), "{}", service.log());
    tell(
        "SIGTERM under load: seconds until the process has ended",
        told_at.elapsed().as_secs_f32(),
    );
    tell(
        "SIGTERM under load: writes acknowledged",
        told.iter().map(|told| told.acknowledged).sum::<u32>(),
    );

    start.finds_nothing_broken();
    let service = start.serve();
    let ana = service.ana();
    for told in told {
        // Nothing that was acknowledged is lost, and nothing was done that was not answered.
        assert_eq!(ana.name_of(&told.contact), told.kept);
    }
}

fn half_sent(address: std::net::SocketAddr, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let head = format!(
        "POST /v1/sessions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream
        .write_all(body.get(..body.len() / 2).unwrap().as_bytes())
        .unwrap();
    stream
}

/// Whether somebody who asks now would send requests here.
fn is_ready(address: std::net::SocketAddr) -> bool {
    let asked = TcpStream::connect(address).and_then(|mut stream| {
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    });
    asked.is_ok_and(|answer| answer.starts_with("HTTP/1.1 200 "))
}

#[test]
fn a_mail_that_is_on_its_way_is_given_back_and_sent_by_the_next_process() {
    let folder = TempDir::new().unwrap();
    let office = PostOffice::open(Way::Silent);
    let start = Start::within(folder.path())
        .setting("ACCOUNTS_SMTP_URL", &office.url())
        .setting("ACCOUNTS_MAIL_FROM", "accounts@provider.example");
    let mut service = start.serve();
    service
        .client()
        .post(
            "/v1/sign-ups",
            json!({ "address": "bea@example.com", "display_name": "Bea", "account_name": "Bea Ltd" }),
        )
        .expect(202);
    office.waits_for_a_caller();
    service.terminate();
    assert_eq!(service.ends().code(), Some(0), "{}", service.log());
    office.turns(Way::Takes);
    let service = start.serve();
    // A claim that was not given back would stand for two minutes.
    let waited = Instant::now();
    while office.taken_for("bea@example.com") == 0 {
        assert!(waited.elapsed() < Duration::from_mins(1), "{}", service.log());
        thread::sleep(Duration::from_millis(20));
    }
    service.stop();
    assert_eq!(office.taken_for("bea@example.com"), 1);
}
