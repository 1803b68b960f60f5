use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::*;

fn letter() -> Letter {
    Letter {
        id: "evt_1".to_owned(),
        timestamp: "1".to_owned(),
        signature: "v1,x".to_owned(),
        body: b"{}".to_vec(),
    }
}

fn courier(reach: Reach) -> Courier {
    Courier {
        patience: Duration::from_secs(2),
        ..Courier::new(reach).unwrap()
    }
}

/// Somebody who reads the request and then says this, and `more` again and again for as long as it is listened to.
async fn somebody(says: &'static [u8], more: &'static [u8]) -> WebhookUrl {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut buffer = [0; 4096];
        let _ = stream.read(&mut buffer).await;
        let _ = stream.write_all(says).await;
        while !more.is_empty() && stream.write_all(more).await.is_ok() {}
        let _ = stream.shutdown().await;
    });
    WebhookUrl::parse(&format!("http://127.0.0.1:{port}/in")).unwrap()
}

async fn told(says: &'static [u8], more: &'static [u8]) -> Told {
    let url = somebody(says, more).await;
    courier(Reach::Anywhere).send(&url, letter()).await
}

#[tokio::test]
async fn what_is_taken_is_told_by_its_status() {
    let taken = told(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", b"").await;
    let wanted = Told {
        status: Some(200),
        error: None,
        answer: Some("ok".to_owned()),
    };
    assert_eq!(taken, wanted);
}

#[tokio::test]
async fn a_redirect_is_a_failure() {
    let told = told(
        b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
        b"",
    )
    .await;
    assert_eq!(
        (told.status, told.error.as_deref()),
        (Some(302), Some("redirects are not followed"))
    );
}

#[tokio::test]
async fn r_69_an_endless_answer_is_cut_and_a_strange_one_made_harmless() {
    let head = b"HTTP/1.1 500 Oops\r\nconnection: close\r\n\r\n";
    let endless = told(head, b"<script>\x1b[31m\n\0").await;
    let answer = endless.answer.unwrap();
    assert_eq!((endless.status, answer.chars().count()), (Some(500), KEPT));
    assert!(answer.starts_with("<script>\\u{1b}[31m\\n\\u{0}"), "{answer}");
    assert!(answer.chars().all(is_plain));
    let head_without_end = told(b"HTTP/1.1 200 OK\r\n", b"x-more: and more and more\r\n").await;
    assert_eq!(head_without_end.status, None);
    let no_http = told(b"220 mail.example ESMTP\r\n", b"").await;
    assert_eq!(no_http.status, None);
    assert!(no_http.error.unwrap().starts_with("the answer cannot be read"));
}

#[tokio::test]
async fn who_never_answers_is_not_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://127.0.0.1:{}/", listener.local_addr().unwrap().port());
    let begun = Instant::now();
    let told = courier(Reach::Anywhere)
        .send(&WebhookUrl::parse(&url).unwrap(), letter())
        .await;
    assert_eq!(told.error.as_deref(), Some("there was no answer in time"));
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn r_68_the_address_is_judged_on_the_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    // The name gets past what is judged by the text alone, as one would that is turned to another address later on.
    let url = WebhookUrl::parse(&format!("https://localhost.:{port}/"));
    assert!(url.is_err());
    let public = courier(Reach::Public);
    let name = WebhookUrl::parse(&format!("http://localhost:{port}/")).unwrap();
    let refused = public.connect(&name).await.unwrap_err();
    assert_eq!(refused, "its address is not public");
    let number = WebhookUrl::parse(&format!("https://127.0.0.1:{port}/")).unwrap();
    assert_eq!(public.connect(&number).await.unwrap_err(), "its address is not public");
    let told = public.send(&number, letter()).await;
    assert_eq!(told.error.as_deref(), Some("nothing is sent to such an address"));
    assert!(courier(Reach::Anywhere).connect(&name).await.is_ok());
}

#[tokio::test]
async fn r_65_who_cannot_be_verified_is_sent_nothing() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/transport/testdata/");
    let chain = CertificateDer::pem_file_iter(format!("{folder}localhost.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(format!("{folder}localhost.key.pem")).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain.collect::<Result<_, _>>().unwrap(), key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        acceptor.accept(stream).await.is_ok()
    });
    let url = WebhookUrl::parse(&format!("https://localhost:{port}/")).unwrap();
    let told = courier(Reach::Anywhere).send(&url, letter()).await;
    assert_eq!(told.status, None);
    assert!(told.error.unwrap().starts_with("TLS failed"));
    assert!(!server.await.unwrap());
}
