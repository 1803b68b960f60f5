//! Tells webhooks of events. Any number of workers, in any number of processes, share the work: the store gives each
//! delivery to one of them for a while.
//!
//! Each webhook is a queue of its own with a bound on what is on its way there at once, so that a receiver that is down or
//! slow delays nobody but itself.

mod courier;
mod signature;

use std::collections::HashMap;
use std::future::Future;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use accounts_api::clock::Clock;
use accounts_api::vault::{Vault, VaultPurpose};
use accounts_api::webhooks::{TEST, WebhookPayload};
use accounts_domain::actor::Actor;
use accounts_domain::ids::WebhookId;
use accounts_domain::webhooks::{FailedTry, Reach, SealedSecret, Webhook, next_attempt};
use accounts_store::{
    Act, AuditEvent, ClaimedDelivery, DecideError, DeliveryClaim, Outcome, Receiver, Store, StoreError, Told,
};
use chrono::{DateTime, TimeDelta, Utc};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

pub use courier::CourierError;
use courier::{Courier, Letter};

/// How often the feed and the queues are looked at.
const POLL: Duration = Duration::from_secs(1);
/// How many deliveries are on their way to one webhook at once, from one process.
const AT_ONCE: usize = 4;
/// How long a delivery belongs to the worker that claimed it: well beyond the time that sending takes.
const LEASE: TimeDelta = TimeDelta::minutes(1);
/// How long what is on its way may take when the worker is asked to stop.
const GRACE: Duration = Duration::from_secs(9);
/// How long the worker waits before it records once more that a delivery was taken.
const RECORD_PAUSE: Duration = Duration::from_secs(1);
/// The status by which a receiver says that it is gone for good.
const GONE: u16 = 410;

/// Why nothing is there to be sent.
enum Unwritten {
    /// The database did not answer.
    Store,
    /// It would be no better another time.
    Never(&'static str),
}

/// The worker of the webhooks.
pub struct WebhookWorker {
    desk: Arc<Desk>,
    poll: Duration,
}

/// What sending one delivery needs.
struct Desk {
    store: Store,
    vault: Vault,
    clock: Clock,
    courier: Courier,
}

impl WebhookWorker {
    /// A worker that sends where it may.
    ///
    /// # Errors
    /// [`CourierError`] where TLS cannot be set up.
    pub fn new(store: Store, vault: Vault, clock: Clock, reach: Reach) -> Result<Self, CourierError> {
        let desk = Desk {
            store,
            vault,
            clock,
            courier: Courier::new(reach)?,
        };
        Ok(Self {
            desk: Arc::new(desk),
            poll: POLL,
        })
    }

    /// With another time between two looks at the feed and the queues.
    #[must_use]
    pub fn every(self, poll: Duration) -> Self {
        Self { poll, ..self }
    }

    /// Works until `stop` is ready. Then it claims no more, lets what is on its way arrive, and gives back what does not
    /// within nine seconds.
    pub async fn run(self, stop: impl Future<Output = ()> + Send) {
        let mut stop = pin!(stop);
        let mut poll = interval(self.poll);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut round = Round::new(Arc::clone(&self.desk));
        loop {
            tokio::select! {
                biased;
                () = &mut stop => break,
                // Before what has arrived: of a long queue something always has, and others would wait for its end. The
                // next look is due after this one, so that what arrives has its time however long a look takes.
                _ = poll.tick() => {
                    round.look().await;
                    poll.reset();
                }
                Some(done) = round.sending.join_next_with_id() => {
                    if let Some(webhook) = round.finished(&done) {
                        round.claim_of(webhook).await;
                    }
                }
            }
        }
        round.wind_up(GRACE).await;
    }
}

/// The deliveries that are on their way.
struct Round {
    desk: Arc<Desk>,
    sending: JoinSet<()>,
    claims: HashMap<Id, (WebhookId, DeliveryClaim)>,
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

    /// Numbers what is new, and claims something for each webhook that there is room for.
    async fn look(&mut self) {
        let now = self.desk.clock.now();
        let due = match self.desk.store.number_events(now).await {
            Ok(_) => self.desk.store.webhooks_due(now).await,
            Err(error) => Err(error),
        };
        self.log_outage(due.as_ref().err());
        for webhook in due.unwrap_or_default() {
            self.claim_of(webhook).await;
        }
    }

    /// Claims as much for a webhook as there is room for. Dropping this half-way loses nothing: a claim that nobody took
    /// runs out.
    async fn claim_of(&mut self, webhook: WebhookId) {
        let underway = self.claims.values().filter(|(other, _)| *other == webhook).count();
        let room = AT_ONCE.saturating_sub(underway);
        if room == 0 {
            return;
        }
        let now = self.desk.clock.now();
        let claimed = self.desk.store.claim_deliveries(webhook, now, LEASE, room).await;
        self.log_outage(claimed.as_ref().err());
        let mut anew = Vec::new();
        for delivery in claimed.unwrap_or_default() {
            let claim = delivery.claim;
            if let Some((_, held)) = self.claims.values().find(|(_, held)| held.delivery == claim.delivery) {
                // Where its time is over, it was taken, and the task that sent it is still at recording that. Else that has
                // recorded what came of it, and it was asked for anew: it is claimed again when the task has ended.
                anew.extend((now < held.until).then_some(claim));
                continue;
            }
            let desk = Arc::clone(&self.desk);
            let task = self.sending.spawn(async move { desk.deliver(delivery).await });
            self.claims.insert(task.id(), (webhook, claim));
        }
        if !anew.is_empty() {
            let released = self.desk.store.release_deliveries(anew).await;
            self.log_outage(released.as_ref().err());
        }
    }

    /// Notes the end of a task, and tells which webhook there is room for again.
    fn finished(&mut self, done: &Result<(Id, ()), JoinError>) -> Option<WebhookId> {
        let id = match done {
            Ok((id, ())) => *id,
            Err(error) => {
                tracing::error!("a delivery to a webhook ended without an outcome");
                error.id()
            }
        };
        self.claims.remove(&id).map(|(webhook, _)| webhook)
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
        let left: Vec<_> = self.claims.into_values().map(|(_, claim)| claim).collect();
        tracing::warn!(
            deliveries = left.len(),
            "deliveries that were on their way are given back"
        );
        if let Err(error) = self.desk.store.release_deliveries(left).await {
            tracing::warn!(cause = error.cause(), "the deliveries stay claimed for a while");
        }
    }

    fn log_outage(&mut self, error: Option<&StoreError>) {
        match error {
            Some(error) if self.reachable => {
                tracing::warn!(cause = error.cause(), "the queues of the webhooks cannot be read");
            }
            None if !self.reachable => tracing::info!("the queues of the webhooks can be read again"),
            Some(_) | None => {}
        }
        self.reachable = error.is_none();
    }
}

impl Desk {
    async fn deliver(&self, delivery: ClaimedDelivery) {
        let (claim, hook, event) = (delivery.claim, delivery.webhook, delivery.event);
        let receiver = Receiver {
            webhook: hook.id,
            url: hook.url.clone(),
        };
        let told = match self.letter(claim, &hook, event).await {
            Ok(letter) => self.courier.send(&hook.url, letter).await,
            Err(Unwritten::Store) => return self.give_back(claim).await,
            Err(Unwritten::Never(problem)) => failure(problem),
        };
        let at = self.clock.now();
        if told.status.is_some_and(|status| (200..300).contains(&status)) {
            self.record_taken(claim, &receiver, at, told).await;
            return;
        }
        let (attempts, began_at) = (delivery.attempts, delivery.began_at);
        tracing::debug!(delivery = %claim.delivery, attempt = attempts, status = told.status, "a webhook did not take it");
        let gone = told.status == Some(GONE);
        // A test is tried once: whoever asked for it reads what came of it. Who is gone ends a delivery by being disabled,
        // because the webhook may be somewhere else by now; where it was disabled before, nothing else would end it.
        let once = delivery.kind == TEST || (gone && hook.disabled.is_some());
        let again = next_attempt(began_at, attempts, at, dice(&claim, attempts)).filter(|_| !once);
        let outcome = again.map_or(Outcome::Failed, Outcome::Again);
        let recorded = self
            .store
            .delivery_tried(claim, receiver.clone(), at, told, outcome)
            .await;
        if let Err(error) = recorded {
            // The claim runs out by itself, and the delivery is tried again.
            tracing::warn!(delivery = %claim.delivery, cause = error.cause(), "the outcome was not recorded");
        }
        let failed = FailedTry {
            url: receiver.url,
            gone,
            began_at,
            at,
        };
        self.disable_if_over(hook.id, failed).await;
    }

    /// What is sent to a webhook: signed by each secret that signs now.
    async fn letter(
        &self,
        claim: DeliveryClaim,
        hook: &Webhook,
        event: Option<AuditEvent>,
    ) -> Result<Letter, Unwritten> {
        let at = self.clock.now();
        let (id, payload) = if let Some(event) = event {
            let id = event.id.to_string();
            let payload = WebhookPayload::of_event(&self.store, event, at).await;
            (id, payload.map_err(|_| Unwritten::Store)?)
        } else {
            let id = claim.delivery;
            (id.to_string(), Some(WebhookPayload::test(id, hook.id, at)))
        };
        let payload = payload.ok_or(Unwritten::Never("the event could not be shown"))?;
        let body = serde_json::to_vec(&payload).map_err(|_| Unwritten::Never("the event could not be written"))?;
        let timestamp = at.timestamp().to_string();
        let sealed_for = hook.id.to_string();
        let open = |sealed: &SealedSecret| self.vault.open(VaultPurpose::WebhookSecret, &sealed_for, &sealed.0);
        let present = open(&hook.secret).ok_or(Unwritten::Never("its secret cannot be opened"))?;
        // A former one does not open where it was rotated because the deployment's secret had been changed.
        let former = hook.former_secret(at).and_then(open);
        let signatures: Vec<String> = std::iter::once(present)
            .chain(former)
            .map(|secret| signature::of(&secret, &id, &timestamp, &body))
            .collect();
        Ok(Letter {
            id,
            timestamp,
            signature: signatures.join(" "),
            body,
        })
    }

    /// That the database did not answer is no fault of the receiver's: the try does not count.
    async fn give_back(&self, claim: DeliveryClaim) {
        sleep(RECORD_PAUSE).await;
        if let Err(error) = self.store.release_deliveries(vec![claim]).await {
            tracing::warn!(delivery = %claim.delivery, cause = error.cause(), "the delivery stays claimed for a while");
        }
    }

    /// What was taken must not go out a second time, so this is tried until it succeeds.
    async fn record_taken(&self, claim: DeliveryClaim, receiver: &Receiver, at: DateTime<Utc>, told: Told) {
        let record = || {
            self.store
                .delivery_tried(claim, receiver.clone(), at, told.clone(), Outcome::Delivered)
        };
        while let Err(error) = record().await {
            tracing::warn!(delivery = %claim.delivery, cause = error.cause(), "a delivery could not be recorded yet");
            sleep(RECORD_PAUSE).await;
        }
    }

    /// Disables a webhook that is gone for good, or has done nothing but fail for too long.
    async fn disable_if_over(&self, webhook: WebhookId, failed: FailedTry) {
        let act = Act {
            actor: Actor::System,
            at: failed.at,
            request_id: None,
            keep: None,
        };
        let gone = failed.gone;
        let over = move |webhook: &Webhook| webhook.after_failure(&failed);
        match self.store.end_webhook(webhook, &act, over).await {
            Ok(true) => tracing::warn!(%webhook, gone, "a webhook is disabled"),
            Ok(false) | Err(DecideError::NotFound) => {}
            Err(error) => tracing::warn!(%webhook, %error, "a webhook could not be disabled yet"),
        }
    }
}

/// What is told where nothing could be sent.
fn failure(problem: &'static str) -> Told {
    tracing::error!(problem, "a delivery could not be written");
    Told {
        status: None,
        error: Some(problem.to_owned()),
        answer: None,
    }
}

/// The same number for the same try, and another one for any other.
fn dice(claim: &DeliveryClaim, attempts: u32) -> u64 {
    let mut hasher = DefaultHasher::new();
    (claim.delivery.to_string(), attempts).hash(&mut hasher);
    hasher.finish()
}
