//! What waits in the store, beside what the API counts.

use std::time::Duration;

use accounts_api::metrics::Metrics;
use accounts_store::Store;
use prometheus::IntGauge;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use tokio::time::{MissedTickBehavior, interval};

/// How often mails and deliveries are counted.
const COUNT_EVERY: Duration = Duration::from_secs(15);

/// Measures the store.
pub struct Measures {
    store: Store,
    mails: IntGauge,
    webhooks: IntGauge,
}

impl Measures {
    /// Adds what waits in the store to what the API counts.
    ///
    /// # Errors
    /// Where two measures have one name.
    pub fn new(metrics: &Metrics, store: Store) -> Result<Self, prometheus::Error> {
        let mails = IntGauge::new(
            "accounts_mails_waiting",
            "Mails in the outbox that are neither sent nor given up.",
        )?;
        let webhooks = IntGauge::new(
            "accounts_webhooks_waiting",
            "Deliveries to webhooks that are neither taken nor given up.",
        )?;
        metrics.registry().register(Box::new(mails.clone()))?;
        metrics.registry().register(Box::new(webhooks.clone()))?;
        metrics.registry().register(Box::new(Queues::new(store.clone())?))?;
        Ok(Self { store, mails, webhooks })
    }

    /// Counts mails and deliveries from time to time, until it is dropped.
    pub async fn run(self) {
        let mut time = interval(COUNT_EVERY);
        time.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            time.tick().await;
            match self.store.mails_waiting().await {
                Ok(mails) => self.mails.set(i64::try_from(mails).unwrap_or(i64::MAX)),
                Err(error) => tracing::debug!(cause = error.cause(), "the mails were not counted"),
            }
            match self.store.webhooks_waiting().await {
                Ok(waiting) => self.webhooks.set(i64::try_from(waiting).unwrap_or(i64::MAX)),
                Err(error) => tracing::debug!(cause = error.cause(), "the deliveries were not counted"),
            }
        }
    }
}

/// The calls that wait for the database, counted when somebody asks.
struct Queues {
    store: Store,
    reads: IntGauge,
    writes: IntGauge,
}

impl Queues {
    fn new(store: Store) -> Result<Self, prometheus::Error> {
        Ok(Self {
            store,
            reads: IntGauge::new(
                "accounts_db_reads_waiting",
                "Calls that wait for a database thread to read.",
            )?,
            writes: IntGauge::new(
                "accounts_db_writes_waiting",
                "Calls that wait for a database thread to write.",
            )?,
        })
    }
}

impl Collector for Queues {
    fn desc(&self) -> Vec<&Desc> {
        [&self.reads, &self.writes]
            .into_iter()
            .flat_map(Collector::desc)
            .collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let (reads, writes) = self.store.waiting();
        self.reads.set(i64::try_from(reads).unwrap_or(i64::MAX));
        self.writes.set(i64::try_from(writes).unwrap_or(i64::MAX));
        [&self.reads, &self.writes]
            .into_iter()
            .flat_map(Collector::collect)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use accounts_domain::catalog::Catalog;
    use accounts_store::{Database, Settings};

    use super::*;

    #[test]
    fn what_waits_is_measured_beside_the_requests() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::Sqlite {
            path: folder.path().join("accounts.db"),
        };
        let store = Store::open(Settings::new(database), Arc::new(Catalog::standard().unwrap())).unwrap();
        let metrics = Metrics::new().unwrap();
        let _measures = Measures::new(&metrics, store).unwrap();
        let text = String::from_utf8(metrics.render().unwrap()).unwrap();
        for line in [
            "accounts_db_reads_waiting 0\n",
            "accounts_db_writes_waiting 0\n",
            "accounts_mails_waiting 0\n",
            "accounts_webhooks_waiting 0\n",
        ] {
            assert!(text.contains(line), "{text}");
        }
    }
}
