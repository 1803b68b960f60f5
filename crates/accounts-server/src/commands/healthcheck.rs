//! `accounts healthcheck`

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use crate::config::Said;
use crate::failure::Failure;

/// How long each step may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// As much of the answer as says how it went.
const STATUS_LINE: usize = "HTTP/1.1 200".len();

/// Asks the service on this machine whether it is alive.
pub fn run(said: &Said) -> Result<ExitCode, Failure> {
    let address = reachable(said.listen()?);
    match ask(address) {
        Ok(status) if status == "HTTP/1.1 200" => Ok(ExitCode::SUCCESS),
        Ok(_) => Err(Failure::Failed(format!("{address} answers, and is not well"))),
        Err(error) => Err(Failure::while_doing(&format!("asking {address}"), error)),
    }
}

/// What listens everywhere is reached on the loopback.
fn reachable(mut listen: SocketAddr) -> SocketAddr {
    match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => listen.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => listen.set_ip(Ipv6Addr::LOCALHOST.into()),
        IpAddr::V4(_) | IpAddr::V6(_) => {}
    }
    listen
}

fn ask(address: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )?;
    let mut status = [0; STATUS_LINE];
    stream.read_exact(&mut status)?;
    Ok(String::from_utf8_lossy(&status).into_owned())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    fn answering(answer: &'static str) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 24];
            stream.read_exact(&mut request).unwrap();
            assert_eq!(&request, b"GET /healthz HTTP/1.1\r\nH");
            stream.write_all(answer.as_bytes()).unwrap();
        });
        address
    }

    #[test]
    fn the_status_line_says_how_it_is() {
        assert_eq!(ask(answering("HTTP/1.1 200 OK\r\n\r\n")).unwrap(), "HTTP/1.1 200");
        assert_eq!(
            ask(answering("HTTP/1.1 503 Service Unavailable\r\n\r\n")).unwrap(),
            "HTTP/1.1 503"
        );
        assert!(ask(answering("")).is_err());
    }

    #[test]
    fn whoever_listens_everywhere_is_asked_on_the_loopback() {
        for (listen, asked) in [
            ("0.0.0.0:8080", "127.0.0.1:8080"),
            ("[::]:8080", "[::1]:8080"),
            ("192.0.2.1:80", "192.0.2.1:80"),
        ] {
            assert_eq!(reachable(listen.parse().unwrap()), asked.parse().unwrap());
        }
    }
}
