//! The server behind a listener: worker threads, and connections that keep to their deadlines.

use std::fmt;
use std::io;
use std::net::TcpListener;
use std::time::Duration;

use actix_http::{HttpServiceBuilder, KeepAlive, Request, Response};
use actix_service::{IntoServiceFactory, ServiceFactory, ServiceFactoryExt, apply_fn_factory, fn_service, map_config};
use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{AppConfig, Server, Service};
use actix_web::rt::net::TcpStream;

use crate::connection::{Connection, Patience, Turn};

/// How many connections one worker holds.
const CONNECTIONS: usize = 25_000;

/// How long started requests may take once the server is told to stop, in seconds.
const DRAIN_SECONDS: u64 = 10;

/// How long a connection on which nothing more is answered may take to be closed by its peer.
const PARTING: Duration = Duration::from_secs(1);

/// Serves what `application` makes for each worker. It does not listen to signals: whoever starts it stops it by its
/// handle, and started requests then have ten seconds.
///
/// # Errors
/// Where the listener cannot be served.
pub(crate) fn serve<F, I, S, B>(
    listener: TcpListener,
    workers: usize,
    patience: Patience,
    application: F,
) -> io::Result<Server>
where
    F: Fn() -> I + Send + Clone + 'static,
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig> + 'static,
    S::Error: Into<Error> + 'static,
    S::InitError: fmt::Debug,
    S::Response: Into<Response<B>> + 'static,
    <S::Service as Service<Request>>::Future: 'static,
    S::Service: 'static,
    B: MessageBody + 'static,
{
    let address = listener.local_addr()?;
    let builder = Server::build()
        .workers(workers)
        .max_concurrent_connections(CONNECTIONS)
        .shutdown_timeout(DRAIN_SECONDS)
        .disable_signals();
    let ending = builder.graceful_shutdown_signal();
    let server = builder.listen(address.to_string(), listener, move || {
        let ending = ending.clone();
        let application = application()
            .into_factory()
            .map_err(|error| error.into().error_response());
        let application = map_config(application, |()| AppConfig::default());
        let application = apply_fn_factory(application, |request: Request, application: &_| {
            let answering = Turn::begin(&request);
            let answer = Service::call(application, request);
            async move {
                let answer = answer.await;
                drop(answering);
                answer
            }
        });
        let http = HttpServiceBuilder::default()
            // The connection itself times what these two would.
            .client_request_timeout(Duration::ZERO)
            .keep_alive(KeepAlive::Os)
            .client_disconnect_timeout(PARTING)
            .graceful_shutdown_signal(move || {
                let ending = ending.clone();
                async move { ending.notified().await }
            })
            .local_addr(address)
            .on_connect_ext(Connection::introduce)
            .h1(application);
        fn_service(move |stream: TcpStream| async move {
            let peer = stream.peer_addr().ok();
            Ok((Connection::new(stream, patience), peer))
        })
        .and_then(http)
    })?;
    Ok(server.run())
}
