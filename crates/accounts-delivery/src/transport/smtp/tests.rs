//! The transport against servers that behave well, badly and not at all.

use std::fmt::Debug;
use std::time::Instant;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use super::*;

const CERTIFICATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/transport/testdata/localhost.pem");
const KEY: &[u8] = include_bytes!("../testdata/localhost.key.pem");

/// How the server answers: a verb (or `GREETING`, or `MESSAGE` for the end of the data) and what it
/// says then. Anything else is well.
type Script = &'static [(&'static str, &'static str)];

fn answer(script: Script, verb: &str) -> &'static str {
    let usual = match verb {
        "GREETING" => "220 ready",
        "EHLO" => "250-server\r\n250-AUTH PLAIN LOGIN\r\n250 8BITMIME",
        "AUTH" => "235 welcome",
        "DATA" => "354 go on",
        "STARTTLS" => "220 go on",
        "QUIT" => "221 bye",
        _ => "250 fine",
    };
    script
        .iter()
        .find(|(known, _)| *known == verb)
        .map_or(usual, |(_, said)| *said)
}

/// Talks with one client and returns what it said. An empty answer stands for silence.
async fn converse<S>(stream: S, script: Script, greet: bool) -> (Vec<String>, S)
where
    S: AsyncRead + AsyncWrite + Unpin + Debug,
{
    let mut stream = BufReader::new(stream);
    let mut heard = Vec::new();
    if greet {
        stream
            .write_all(format!("{}\r\n", answer(script, "GREETING")).as_bytes())
            .await
            .unwrap();
    }
    let mut in_data = false;
    loop {
        let mut line = String::new();
        if !matches!(stream.read_line(&mut line).await, Ok(1..)) {
            return (heard, stream.into_inner());
        }
        let line = line.trim_end().to_owned();
        let verb = line.split(' ').next().unwrap().to_owned();
        heard.push(line);
        let said = match (in_data, verb.as_str()) {
            (true, ".") => {
                in_data = false;
                answer(script, "MESSAGE")
            }
            (true, _) => continue,
            (false, verb) => {
                in_data = verb == "DATA" && answer(script, "DATA").starts_with('3');
                answer(script, verb)
            }
        };
        if said.is_empty() {
            std::future::pending::<()>().await;
        }
        // A client may have left by now.
        let _ = stream.write_all(format!("{said}\r\n").as_bytes()).await;
        if verb == "STARTTLS" && said.starts_with("220") {
            return (heard, stream.into_inner());
        }
    }
}

async fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// A server in the clear for one client.
async fn serve(script: Script) -> (u16, JoinHandle<Vec<String>>) {
    let (listener, port) = listen().await;
    let heard = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        converse(stream, script, true).await.0
    });
    (port, heard)
}

fn acceptor() -> TlsAcceptor {
    let certificates = CertificateDer::pem_file_iter(CERTIFICATE)
        .unwrap()
        .collect::<Result<Vec<_>, _>>()
        .unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(certificates, PrivateKeyDer::from_pem_slice(KEY).unwrap())
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

fn smtp(url: &str) -> Smtp {
    Smtp::new(url.parse().unwrap()).unwrap()
}

fn message() -> Message {
    Message::builder()
        .from("Provider <accounts@provider.example>".parse().unwrap())
        .to("ana@customer.example".parse().unwrap())
        .subject("Hello")
        .body("First\r\n.\r\n.second\r\n".to_owned())
        .unwrap()
}

fn reason(error: &SendError) -> &str {
    match error {
        SendError::Later(reason) | SendError::Never(reason) => reason.as_str(),
    }
}

#[tokio::test]
async fn a_mail_is_handed_over_whole() {
    let (port, heard) = serve(&[]).await;
    smtp(&format!("smtp://127.0.0.1:{port}"))
        .send(&message())
        .await
        .unwrap();
    let heard = heard.await.unwrap();
    assert!(heard[0].starts_with("EHLO "));
    assert_eq!(heard[1], "MAIL FROM:<accounts@provider.example>");
    assert_eq!(heard[2], "RCPT TO:<ana@customer.example>");
    assert_eq!(heard[3], "DATA");
    assert!(heard.contains(&"From: Provider <accounts@provider.example>".to_owned()));
    let end = heard.iter().position(|line| line == ".").unwrap();
    assert_eq!(heard[end - 4..end - 1], ["First", "..", "..second"]);
    assert_eq!(heard.last().unwrap(), "QUIT");
}

#[tokio::test]
async fn what_is_refused_for_ever_is_told_from_what_may_be_tried_again() {
    let cases: [(Script, bool, &str); 9] = [
        (&[("GREETING", "554 closed for today")], false, "554"),
        (&[("EHLO", "502 what")], false, "502"),
        (&[("AUTH", "535 wrong password")], false, "535"),
        (&[("MAIL", "550 not from you")], false, "550"),
        (&[("RCPT", "450 greylisted")], false, "greylisted"),
        (&[("RCPT", "550 5.1.1 no such user")], true, "no such user"),
        (&[("DATA", "421 closing")], false, "421"),
        (&[("MESSAGE", "452 full")], false, "452"),
        (&[("MESSAGE", "554 5.7.1 refused")], true, "5.7.1 refused"),
    ];
    for (script, for_ever, words) in cases {
        let (port, _heard) = serve(script).await;
        let server = smtp(&format!("smtp://user:sesame@127.0.0.1:{port}"));
        let error = server.send(&message()).await.unwrap_err();
        assert_eq!(matches!(error, SendError::Never(_)), for_ever, "{script:?}: {error}");
        assert!(reason(&error).contains(words), "{script:?}: {error}");
        assert!(!reason(&error).contains("sesame"), "{error}");
    }
}

#[tokio::test]
async fn an_accepted_mail_is_accepted_however_the_server_parts() {
    let farewells: [Script; 2] = [&[("QUIT", "421 no")], &[("QUIT", "nonsense")]];
    for script in farewells {
        let (port, _heard) = serve(script).await;
        smtp(&format!("smtp://127.0.0.1:{port}"))
            .send(&message())
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_is_left_in_time() {
    let silences: [Script; 3] = [&[("GREETING", "")], &[("RCPT", "")], &[("MESSAGE", "")]];
    for silent in silences {
        let (port, heard) = serve(silent).await;
        let mut server = smtp(&format!("smtp://127.0.0.1:{port}"));
        server.patience = Duration::from_millis(150);
        let begin = Instant::now();
        let error = server.send(&message()).await.unwrap_err();
        assert!(matches!(error, SendError::Later(_)), "{error}");
        assert!(begin.elapsed() < Duration::from_secs(5));
        heard.abort();
    }
}

#[tokio::test]
async fn nobody_there_is_a_reason_to_try_later() {
    let (listener, port) = listen().await;
    drop(listener);
    let error = smtp(&format!("smtp://127.0.0.1:{port}"))
        .send(&message())
        .await
        .unwrap_err();
    assert!(matches!(error, SendError::Later(_)), "{error}");
}

#[tokio::test]
async fn a_line_without_end_is_cut_off() {
    let (listener, port) = listen().await;
    let said = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut said = 0_usize;
        while let Ok(()) = stream.write_all(&[b'2'; 16 * 1024]).await {
            said += 16 * 1024;
        }
        said
    });
    let begin = Instant::now();
    let error = smtp(&format!("smtp://127.0.0.1:{port}"))
        .send(&message())
        .await
        .unwrap_err();
    assert!(matches!(error, SendError::Later(_)), "{error}");
    assert!(reason(&error).contains("without end"), "{error}");
    assert!(begin.elapsed() < PATIENCE / 2);
    // Far less than it would say: what was read, and what the system held for the client.
    assert!(said.await.unwrap() < 64 * 1024 * 1024);
}

#[tokio::test]
async fn a_long_or_hostile_answer_is_kept_short_and_plain() {
    let (listener, port) = listen().await;
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = BufReader::new(stream);
        stream.write_all(b"220 ready\r\n").await.unwrap();
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        stream.write_all(b"250 fine\r\n").await.unwrap();
        stream.read_line(&mut line).await.unwrap();
        let mut flood = "550-\u{1b}[31m<script>alert(1)</script>\r\n".repeat(100);
        flood.push_str("550 \u{7}end\r\n");
        stream.write_all(flood.as_bytes()).await.unwrap();
    });
    let error = smtp(&format!("smtp://127.0.0.1:{port}"))
        .send(&message())
        .await
        .unwrap_err();
    assert_eq!(reason(&error).chars().count(), Reason::MAX);
    assert!(!reason(&error).contains(char::is_control));
}

#[tokio::test]
async fn tls_comes_first_and_the_certificate_is_checked() {
    for (parameters, trusted) in [(format!("?ca={CERTIFICATE}"), true), (String::new(), false)] {
        let (listener, port) = listen().await;
        let heard = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            match acceptor().accept(stream).await {
                Ok(stream) => converse(stream, &[], true).await.0,
                Err(_) => Vec::new(),
            }
        });
        let server = smtp(&format!("smtps://user:sesame@localhost:{port}{parameters}"));
        let outcome = server.send(&message()).await;
        let heard = heard.await.unwrap();
        if trusted {
            outcome.unwrap();
            assert_eq!(heard[1], "AUTH PLAIN AHVzZXIAc2VzYW1l");
        } else {
            assert!(matches!(outcome, Err(SendError::Later(_))), "{outcome:?}");
            assert!(heard.is_empty());
        }
    }
}

#[tokio::test]
async fn starttls_comes_before_anything_that_matters() {
    const OFFERED: Script = &[("EHLO", "250-server\r\n250-AUTH PLAIN\r\n250 STARTTLS")];
    for (script, parameters, trusted) in [
        (OFFERED, format!("&ca={CERTIFICATE}"), true),
        (OFFERED, String::new(), false),
        (&[], format!("&ca={CERTIFICATE}"), false),
    ] {
        let (listener, port) = listen().await;
        let heard = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let (before, stream) = converse(stream, script, true).await;
            match acceptor().accept(stream).await {
                Ok(stream) => (before, converse(stream, &[], false).await.0),
                Err(_) => (before, Vec::new()),
            }
        });
        let server = smtp(&format!("smtp://user:sesame@localhost:{port}?tls=required{parameters}"));
        let outcome = server.send(&message()).await;
        let (before, after) = heard.await.unwrap();
        assert!(
            before.iter().all(|line| line.starts_with("EHLO") || line == "STARTTLS"),
            "{before:?}"
        );
        if trusted {
            outcome.unwrap();
            assert_eq!(after[1], "AUTH PLAIN AHVzZXIAc2VzYW1l");
        } else {
            assert!(matches!(outcome, Err(SendError::Later(_))), "{outcome:?}");
            assert!(after.is_empty());
        }
    }
}

#[test]
fn a_certificate_that_cannot_be_read_is_said_at_the_start() {
    let missing = Smtp::new("smtps://localhost?ca=/nowhere/ca.pem".parse().unwrap()).unwrap_err();
    assert!(missing.to_string().starts_with("/nowhere/ca.pem: "), "{missing}");
    let none = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let error = Smtp::new(format!("smtp://localhost?tls=required&ca={none}").parse().unwrap()).unwrap_err();
    assert!(matches!(error, SmtpError::NoCertificate(_)), "{error}");
}
