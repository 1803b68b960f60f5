//! Sends what is in the outbox. Any number of workers, in any number of processes, share the work:
//! the store gives each mail to one of them for a while.

use std::collections::HashMap;
use std::future::Future;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use accounts_api::clock::Clock;
use accounts_domain::ids::MailId;
use accounts_domain::mail::Letter;
use accounts_store::{Claim, ClaimedMail, Outgoing, Store, StoreError};
use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Notify;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use crate::compose::{Composed, Composer, link_life};
use crate::transport::{Reason, SendError, Transport};

/// How often the outbox is looked at when nobody says that something was put into it.
const POLL: Duration = Duration::from_secs(1);
/// How many mails are on their way at once.
const CONCURRENCY: usize = 8;
/// How long a mail belongs to the worker that claimed it: well beyond the time that sending takes.
const LEASE: TimeDelta = TimeDelta::minutes(2);
/// How long mails that are on their way may take when the worker is asked to stop.
const GRACE: Duration = Duration::from_secs(9);
/// How long the worker waits before it records once more that a mail was sent.
const RECORD_PAUSE: Duration = Duration::from_secs(1);
/// The waits after the first tries, in minutes; later ones wait as long as the last.
const PAUSES: [i64; 5] = [1, 5, 15, 60, 240];
/// How long a mail is tried.
const LIMIT: TimeDelta = TimeDelta::days(3);

/// The worker of the outbox.
pub struct Worker {
    desk: Arc<Desk>,
    wake: Arc<Notify>,
    grace: Duration,
}

/// What sending one mail needs.
struct Desk {
    store: Store,
    composer: Composer,
    transport: Transport,
    clock: Clock,
}

impl Worker {
    /// A worker that also looks into the outbox whenever `wake` is notified.
    pub fn new(store: Store, composer: Composer, transport: Transport, clock: Clock, wake: Arc<Notify>) -> Self {
        Self {
            desk: Arc::new(Desk {
                store,
                composer,
                transport,
                clock,
            }),
            wake,
            grace: GRACE,
        }
    }

    /// Works until `stop` is ready. Then it claims no more, lets what is on its way arrive, and
    /// gives back what does not within nine seconds.
    pub async fn run(self, stop: impl Future<Output = ()> + Send) {
        let mut stop = pin!(stop);
        let mut poll = interval(POLL);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut round = Round::new(Arc::clone(&self.desk));
        loop {
            tokio::select! {
                biased;
                () = &mut stop => break,
                Some(done) = round.sending.join_next_with_id() => round.finished(&done),
                () = self.wake.notified() => {}
                _ = poll.tick() => {}
            }
            round.claim().await;
        }
        round.wind_up(self.grace).await;
    }
}

/// The mails that are on their way.
struct Round {
    desk: Arc<Desk>,
    sending: JoinSet<()>,
    claims: HashMap<Id, Claim>,
    /// Whether the store answered last time, so that an outage is logged once.
    reachable: bool,
}

impl Round {
    fn new(desk: Arc<Desk>) -> Self {
        Self {
            desk,
            sending: JoinSet::new(),
            claims: HashMap::new(),
            reachable: true,
        }
    }

    /// Claims as many mails as there is room for. Dropping this half-way loses nothing: a claim
    /// that nobody took runs out.
    async fn claim(&mut self) {
        let room = CONCURRENCY.saturating_sub(self.sending.len());
        if room == 0 {
            return;
        }
        let claimed = self.desk.store.claim_mails(self.desk.clock.now(), LEASE, room).await;
        self.log_outage(claimed.as_ref().err());
        for mail in claimed.unwrap_or_default() {
            let claim = mail.claim;
            // It was sent and could not be recorded for as long as the claim stood: the task that
            // sent it is still at it.
            if self.claims.values().any(|held| held.mail == claim.mail) {
                continue;
            }
            let desk = Arc::clone(&self.desk);
            let task = self.sending.spawn(async move { desk.deliver(mail).await });
            self.claims.insert(task.id(), claim);
        }
    }

    fn finished(&mut self, done: &Result<(Id, ()), JoinError>) {
        let id = match done {
            Ok((id, ())) => *id,
            Err(error) => {
                tracing::error!("sending a mail ended without an outcome");
                error.id()
            }
        };
        self.claims.remove(&id);
    }

    async fn wind_up(mut self, grace: Duration) {
        let arrived = async {
            while let Some(done) = self.sending.join_next_with_id().await {
                self.finished(&done);
            }
        };
        if timeout(grace, arrived).await.is_ok() {
            return;
        }
        self.sending.shutdown().await;
        let left: Vec<_> = self.claims.into_values().collect();
        tracing::warn!(mails = left.len(), "mails that were on their way are given back");
        if let Err(error) = self.desk.store.release_mails(left).await {
            tracing::warn!(cause = error.cause(), "the mails stay claimed for a while");
        }
    }

    fn log_outage(&mut self, error: Option<&StoreError>) {
        match error {
            Some(error) if self.reachable => {
                tracing::warn!(cause = error.cause(), "the outbox cannot be read");
            }
            None if !self.reachable => tracing::info!("the outbox can be read again"),
            Some(_) | None => {}
        }
        self.reachable = error.is_none();
    }
}

/// What came of a mail that nothing stood against.
enum Sending {
    /// A server has accepted it.
    Accepted,
    /// It was a notice whose recipient is none any more.
    Withdrawn,
}

impl Desk {
    async fn deliver(&self, mail: ClaimedMail) {
        let outcome = self.send(&mail).await;
        let now = self.clock.now();
        match outcome {
            Ok(Sending::Accepted) => self.record_sent(mail.claim.mail, now).await,
            Ok(Sending::Withdrawn) => tracing::info!(mail = %mail.claim.mail, "a notice has lost its recipient"),
            Err(SendError::Never(reason)) => self.give_up(&mail, now, &reason).await,
            Err(SendError::Later(reason)) => match next_attempt(&mail, now) {
                Some(next) => self.put_off(&mail, next, &reason).await,
                None => self.give_up(&mail, now, &reason).await,
            },
        }
    }

    async fn send(&self, mail: &ClaimedMail) -> Result<Sending, SendError> {
        if link_life(&mail.letter).is_some_and(|life| mail.created_at + life <= self.clock.now()) {
            return Err(SendError::Never(Reason::new(
                "its link ran out before it could be sent",
            )));
        }
        let Some(composed) = self.compose(mail).await? else {
            return Ok(Sending::Withdrawn);
        };
        let name = file_name(mail);
        let sent = self.transport.send(&name, &composed.message).await;
        sent.map(|()| Sending::Accepted).map_err(|error| match composed.token {
            // A server may repeat in its refusal what it was sent.
            Some(token) => error.without(&token),
            None => error,
        })
    }

    /// Writes the mail; nothing where a notice goes to nobody any more. To whom a notice goes, and where, is worked out
    /// again now: whoever has lost the place since it was queued is not told.
    async fn compose(&self, mail: &ClaimedMail) -> Result<Option<Composed>, SendError> {
        let composed = if let Letter::Notice { notification } = &mail.letter {
            let now = self.clock.now();
            let found = self.store.notice_to_send(mail.claim.mail, *notification, now).await;
            match found.map_err(|error| SendError::Later(Reason::new(error.cause())))? {
                Outgoing::Send(notice) => self.composer.compose_notice(mail, &notice),
                Outgoing::Withdrawn => return Ok(None),
                Outgoing::Gone => return Err(SendError::Never(Reason::new("its notice is not there any more"))),
            }
        } else {
            self.composer.compose(mail)
        };
        composed.map(Some).map_err(|error| {
            tracing::error!(mail = %mail.claim.mail, %error, "a mail cannot be written");
            SendError::Later(Reason::new(error))
        })
    }

    /// A mail that was accepted must not go out a second time, so this is tried until it succeeds.
    async fn record_sent(&self, mail: MailId, at: DateTime<Utc>) {
        while let Err(error) = self.store.mail_sent(mail, at).await {
            tracing::warn!(%mail, cause = error.cause(), "a sent mail could not be recorded yet");
            sleep(RECORD_PAUSE).await;
        }
        tracing::debug!(%mail, "sent");
    }

    async fn put_off(&self, mail: &ClaimedMail, next: DateTime<Utc>, reason: &Reason) {
        tracing::warn!(
            mail = %mail.claim.mail, attempt = mail.attempts, %next, %reason, "a mail could not be sent"
        );
        let recorded = self.store.mail_failed(mail.claim, next, reason.to_string()).await;
        log_unrecorded(mail, recorded);
    }

    async fn give_up(&self, mail: &ClaimedMail, at: DateTime<Utc>, reason: &Reason) {
        tracing::error!(
            mail = %mail.claim.mail, attempt = mail.attempts, %reason, "a mail is given up"
        );
        let recorded = self.store.mail_given_up(mail.claim, at, reason.to_string()).await;
        log_unrecorded(mail, recorded);
    }
}

/// The claim runs out by itself, and the mail is tried again.
fn log_unrecorded(mail: &ClaimedMail, recorded: Result<(), StoreError>) {
    if let Err(error) = recorded {
        tracing::warn!(mail = %mail.claim.mail, cause = error.cause(), "the outcome was not recorded");
    }
}

/// When a mail is tried again that could not be sent now; nothing where that would be too late.
fn next_attempt(mail: &ClaimedMail, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let limit = link_life(&mail.letter).unwrap_or(LIMIT).min(LIMIT);
    let next = now + pause(mail.claim.mail, mail.attempts);
    (next < mail.created_at + limit).then_some(next)
}

/// The wait after so many tries, up to a fifth more or less, so that the mails of an outage do not
/// all come back at once.
fn pause(mail: MailId, attempts: u32) -> TimeDelta {
    let tried = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
    let minutes = PAUSES.get(tried).or(PAUSES.last()).copied().unwrap_or(1);
    let mut hasher = DefaultHasher::new();
    (mail.to_string(), attempts).hash(&mut hasher);
    let percent = 80 + i64::try_from(hasher.finish() % 41).unwrap_or(20);
    TimeDelta::seconds(minutes * 60 * percent / 100)
}

/// Sorts by time, and is the same at each try.
fn file_name(mail: &ClaimedMail) -> String {
    format!("{}_{}", mail.created_at.format("%Y%m%dT%H%M%S%6fZ"), mail.claim.mail)
}

#[cfg(test)]
mod tests;
