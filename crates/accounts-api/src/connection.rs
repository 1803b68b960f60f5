//! A connection that nobody can hold by being slow (security decision D16).
//!
//! The framework times the first request head of a connection, and no later one: a second head of which one half was
//! sent is waited for without end, and so is a reader that never takes its answer. Here the stream itself knows how
//! far the conversation is. It sees every byte, and the server tells it when a request has begun and when it was
//! answered. All deadlines of a connection share one timer, which is set anew only when it would ring too late.

mod input;

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_http::Request;
use actix_web::dev::Extensions;
use actix_web::rt::net::TcpStream;
use actix_web::rt::time::{Instant, Sleep, sleep_until};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use input::{End, Input};

/// What whoever sent half a head is told before the connection is closed.
const TOO_SLOW: &[u8] = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// How long a peer may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// For a request head: the first one counts from the beginning of the connection, a later one from its first byte.
    pub head: Duration,
    /// Between two requests.
    pub rest: Duration,
    /// To take what it is sent, once it was kept waiting in the socket.
    pub answer: Duration,
}

/// A connection whose peer keeps to its [`Patience`], or sees it end.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    patience: Patience,
    turn: Turn,
    alarm: Alarm,
    /// When the peer has to have sent something.
    expected: Option<Instant>,
    /// When the peer has to have taken what it is sent.
    owed: Option<Instant>,
}

impl Connection {
    /// A connection that was just made.
    pub(crate) fn new(stream: TcpStream, patience: Patience) -> Self {
        Self {
            stream,
            patience,
            turn: Turn::default(),
            alarm: Alarm::default(),
            expected: None,
            owed: None,
        }
    }

    /// Lets its requests reach it, for [`Turn::begin`].
    pub(crate) fn introduce(&self, extensions: &mut Extensions) {
        extensions.insert(self.turn.clone());
    }

    fn note(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let begins = self.turn.phase() == Phase::Resting;
        if begins {
            self.turn.0.phase.set(Phase::Head);
            self.expected = None;
        }
        let mut input = self.turn.0.input.get();
        input.take(bytes, begins);
        self.turn.0.input.set(input);
    }

    /// Nothing has come. A peer that was given enough time sees the stream end.
    fn wait(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let phase = self.turn.phase();
        let patience = match phase {
            Phase::Head => self.patience.head,
            Phase::Resting => self.patience.rest,
            // The body and the whole request have deadlines of their own, which can answer.
            Phase::Request | Phase::Answered => return Poll::Pending,
        };
        let expected = *self.expected.get_or_insert_with(|| Instant::now() + patience);
        if !self.alarm.has_rung(expected, context) {
            return Poll::Pending;
        }
        if phase == Phase::Head {
            // Where it does not fit into the socket, nobody is reading.
            let _ = self.stream.try_write(TOO_SLOW);
        }
        Poll::Ready(Ok(()))
    }

    /// Everything so far was handed to the socket.
    fn delivered(&mut self) {
        self.owed = None;
        if self.turn.phase() == Phase::Answered {
            self.expected = None;
            self.turn.0.phase.set(if self.turn.is_at_an_end() {
                Phase::Resting
            } else {
                Phase::Head
            });
        }
    }

    /// The socket takes no more for now.
    fn hold(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let patience = self.patience.answer;
        let owed = *self.owed.get_or_insert_with(|| Instant::now() + patience);
        if !self.alarm.has_rung(owed, context) {
            return Poll::Pending;
        }
        // What nobody takes would otherwise stay in the system's memory for minutes more.
        let _ = self.stream.set_zero_linger();
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        match Pin::new(&mut self.stream).poll_read(context, into) {
            Poll::Ready(Ok(())) => {
                self.note(into.filled().get(before..).unwrap_or_default());
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => self.wait(context),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.stream).poll_write(context, bytes) {
            Poll::Pending => self.hold(context),
            written @ Poll::Ready(_) => written,
        }
    }

    /// The framework calls it when it has nothing left to write.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        if matches!(flushed, Poll::Ready(Ok(()))) {
            self.delivered();
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// How far a connection is, shared by its stream and its requests.
#[derive(Debug, Clone, Default)]
pub(crate) struct Turn(Rc<Progress>);

#[derive(Debug, Default)]
struct Progress {
    phase: Cell<Phase>,
    input: Cell<Input>,
    end: Cell<End>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Phase {
    /// A head is on its way. That a first one comes is expected of every connection.
    #[default]
    Head,
    /// A request is with the application.
    Request,
    /// The application has answered, and the answer is on its way.
    Answered,
    /// Nothing has come since the last answer.
    Resting,
}

impl Turn {
    /// Tells the request's connection, if it has one, that its head has come, and that it is answered as soon as what
    /// this returns is dropped.
    pub(crate) fn begin(request: &Request) -> Answering {
        let turn = request.conn_data::<Self>().cloned();
        if let Some(Self(progress)) = &turn {
            progress.end.set(End::of(request.method(), &request.head().headers));
            progress.phase.set(Phase::Request);
        }
        Answering(turn)
    }

    fn phase(&self) -> Phase {
        self.0.phase.get()
    }

    /// Whether nothing came after the last request.
    fn is_at_an_end(&self) -> bool {
        self.0.end.get().is_reached(&self.0.input.get())
    }
}

/// Held while a request is answered.
#[must_use]
#[derive(Debug)]
pub(crate) struct Answering(Option<Turn>);

impl Drop for Answering {
    fn drop(&mut self) {
        if let Some(Turn(progress)) = &self.0 {
            progress.phase.set(Phase::Answered);
        }
    }
}

/// The one timer of a connection. It may ring too early, and is set again only then.
#[derive(Debug, Default)]
struct Alarm(Option<Pin<Box<Sleep>>>);

impl Alarm {
    /// Whether the time has come. If not, the task is woken by then.
    fn has_rung(&mut self, due: Instant, context: &mut Context<'_>) -> bool {
        let sleep = self.0.get_or_insert_with(|| Box::pin(sleep_until(due)));
        if due < sleep.deadline() {
            sleep.as_mut().reset(due);
        }
        while sleep.as_mut().poll(context).is_ready() {
            if due <= sleep.deadline() {
                return true;
            }
            sleep.as_mut().reset(due);
        }
        false
    }
}

#[cfg(test)]
mod tests;
