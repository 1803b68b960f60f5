//! What is killed, how, and in which order.

use std::fmt;

use crate::{
    dice::Dice,
    plan::{Db, Plan},
    server::Blow,
};

/// One kill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kill {
    /// The service, at any moment.
    Service,
    /// The service, while it starts after another kill.
    Starting,
    /// The service, when its writer comes to an fsync.
    ServiceAtFsync(u64),
    /// PostgreSQL, at any moment.
    Server(Blow),
    /// One of PostgreSQL's processes, when it comes to an fsync: the others end with it, and it recovers by itself.
    ServerAtFsync(u64),
    /// Both at once.
    Both(Blow),
}

/// The greatest number of fsyncs that are waited for.
const FSYNCS: u64 = 40;

impl Kill {
    /// What comes as the n-th. A short run has a bit of everything that needs no tool.
    pub fn draw(dice: &mut Dice, db: Db, plan: &Plan, number: u64) -> Self {
        let blow = if dice.below(2) == 0 { Blow::Quit } else { Blow::Kill };
        let n = 1 + dice.below(FSYNCS);
        let roll = dice.below(100);
        match (db, plan.in_full) {
            (Db::Sqlite, false) if number.is_multiple_of(2) => Self::Starting,
            (Db::Sqlite, false) => Self::Service,
            (Db::Sqlite, true) if roll < 45 => Self::Service,
            (Db::Sqlite, true) if roll < 80 => Self::ServiceAtFsync(n),
            (Db::Sqlite, true) => Self::Starting,
            (Db::Postgres, false) => match number % 4 {
                1 => Self::Server(blow),
                2 => Self::Service,
                3 => Self::Starting,
                _ => Self::Both(blow),
            },
            (Db::Postgres, true) if roll < 35 => Self::Service,
            (Db::Postgres, true) if roll < 45 => Self::Starting,
            (Db::Postgres, true) if roll < 65 => Self::ServerAtFsync(n),
            (Db::Postgres, true) if roll < 90 => Self::Server(blow),
            (Db::Postgres, true) => Self::Both(blow),
        }
    }

    /// Its name in the figures.
    pub fn name(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Starting => "service starting",
            Self::ServiceAtFsync(_) => "service at an fsync",
            Self::Server(Blow::Quit) => "PostgreSQL by SIGQUIT",
            Self::Server(Blow::Kill) => "PostgreSQL by SIGKILL",
            Self::ServerAtFsync(_) => "PostgreSQL at an fsync",
            Self::Both(_) => "both",
        }
    }

    /// Whether the service dies of it.
    pub fn hits_service(self) -> bool {
        match self {
            Self::Service | Self::Starting | Self::ServiceAtFsync(_) | Self::Both(_) => true,
            Self::Server(_) | Self::ServerAtFsync(_) => false,
        }
    }
}

impl fmt::Display for Kill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ServiceAtFsync(n) | Self::ServerAtFsync(n) => write!(f, "{} ({n})", self.name()),
            Self::Service | Self::Starting | Self::Server(_) | Self::Both(_) => f.write_str(self.name()),
        }
    }
}
