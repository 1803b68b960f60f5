//! Where all writers wait while the books are compared, and what they learn there about kills.

use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How long a writer waits for the news that explains a broken connection, and how long one is waited for.
const PATIENCE: Duration = Duration::from_mins(1);

/// Why a writer stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// The run is given up.
    ForGood,
    /// The connection broke, and nobody had killed the service.
    Unexplained,
}

/// The gate.
#[derive(Debug, Default)]
pub struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    shut: bool,
    given_up: bool,
    /// Rises each time that the gate is opened.
    round: u64,
    /// The round in which the service was last killed.
    killed: Option<u64>,
    waiting: u64,
    writers: u64,
}

impl Gate {
    /// A writer begins.
    pub fn join(&self) {
        self.state().writers += 1;
    }

    /// A writer has ended.
    pub fn leave(&self) {
        self.state().writers -= 1;
        self.changed.notify_all();
    }

    /// Waits until the gate is open, and answers with the round.
    ///
    /// # Errors
    /// [`Closed::ForGood`].
    pub fn pass(&self) -> Result<u64, Closed> {
        let state = self.wait_while(|state| state.shut);
        if state.given_up {
            return Err(Closed::ForGood);
        }
        Ok(state.round)
    }

    /// A request of that round got no answer: waits for the next one.
    ///
    /// # Errors
    /// [`Closed::Unexplained`] where the service was not killed.
    pub fn broke(&self, round: u64) -> Result<(), Closed> {
        let state = self.wait_while(|state| state.shut || state.round == round);
        if state.given_up {
            return Err(Closed::ForGood);
        }
        if state.killed.is_some_and(|killed| killed >= round) {
            Ok(())
        } else {
            Err(Closed::Unexplained)
        }
    }

    /// Waits while it is so; where the gate is not even shut, only for as long as [`PATIENCE`].
    fn wait_while(&self, closed: impl Fn(&State) -> bool) -> MutexGuard<'_, State> {
        let mut state = self.state();
        state.waiting += 1;
        self.changed.notify_all();
        loop {
            let (held, waited) = self
                .changed
                .wait_timeout_while(state, PATIENCE, |state| !state.given_up && closed(state))
                .unwrap_or_else(PoisonError::into_inner);
            state = held;
            if !waited.timed_out() || !state.shut {
                state.waiting -= 1;
                return state;
            }
        }
    }

    /// The service was killed in this round.
    pub fn killed(&self) {
        let mut state = self.state();
        state.killed = Some(state.round);
    }

    /// Shuts the gate and waits until all writers stand before it. Answers whether they do.
    pub fn shut(&self) -> bool {
        let mut state = self.state();
        state.shut = true;
        let (state, _) = self
            .changed
            .wait_timeout_while(state, PATIENCE, |state| state.waiting < state.writers)
            .unwrap_or_else(PoisonError::into_inner);
        state.waiting >= state.writers
    }

    /// Opens it for another round.
    pub fn open(&self) {
        let mut state = self.state();
        state.shut = false;
        state.round += 1;
        self.changed.notify_all();
    }

    /// Sends all writers home.
    pub fn give_up(&self) {
        self.state().given_up = true;
        self.changed.notify_all();
    }

    /// The present round.
    pub fn round(&self) -> u64 {
        self.state().round
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
