//! What every handler reaches: the store, the clock, keys and threads. One value, shared by all workers.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use accounts_store::Store;
use tokio::sync::Notify;

use crate::clock::Clock;
use crate::links::Links;
use crate::memo::Answers;
use crate::passwords::Passwords;
use crate::settings::ApiSettings;
use crate::tokens::Tokens;
use crate::vault::Vault;

/// The running service. Clones share everything.
#[derive(Debug, Clone)]
pub struct Service {
    /// The data, and the catalog that decides.
    pub store: Store,
    /// The present moment.
    pub clock: Clock,
    /// Hashes and checks passwords.
    pub passwords: Passwords,
    /// Signs and reads access tokens.
    pub tokens: Arc<Tokens>,
    /// Makes and reads the tokens of mailed links.
    pub links: Links,
    /// Seals what the database keeps and nobody may read there.
    pub vault: Vault,
    /// What the process was told at its start.
    pub settings: ApiSettings,
    /// Answers that are the same until an account changes.
    pub answers: Answers,
    /// Wakes the mail worker after a change that may call for a mail.
    pub mail_waits: Arc<Notify>,
    /// The folder of mails that a newcomer may read at `/mailbox`; on the embedded default only.
    pub mailbox: Option<PathBuf>,
    /// Whether new requests are welcome.
    pub readiness: Readiness,
}

/// Whether new requests are welcome. It turns false at once when the process is told to end.
#[derive(Debug, Clone)]
pub struct Readiness(Arc<AtomicBool>);

impl Default for Readiness {
    fn default() -> Self {
        Self(Arc::new(AtomicBool::new(true)))
    }
}

impl Readiness {
    /// Whether new requests are welcome.
    pub fn is_ready(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// From now on they are not.
    pub fn end(&self) {
        self.0.store(false, Ordering::Relaxed);
    }
}
