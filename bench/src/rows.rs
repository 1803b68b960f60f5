//! The rows of the table: each is a function that measures and answers with lines.

mod known;
mod large;
mod log_in;
mod read;
mod rest;
mod size;
mod write;

use std::sync::Arc;
use std::time::Duration;

use crate::failure::Outcome;
use crate::load::{Load, Order, Request, Script};
use crate::postgres::Cluster;
use crate::sample::Subject;
use crate::service::{Place, Service};
use crate::table::Line;
use crate::world::{Customer, World};

pub use large::{CONTACTS as LARGE_CONTACTS, HOW_MANY as LARGE_ACCOUNTS};

/// How many connections ask at once where reads are measured.
const READERS: usize = 32;

/// How many accounts are asked about where the same ones are asked about again and again.
const HOT: usize = 64;

/// A row.
pub struct Row {
    /// By what name `--only` finds it.
    pub name: &'static str,
    /// Whether it needs the world of few accounts as well.
    pub compares_sizes: bool,
    /// Measures it.
    pub measure: fn(&Bench<'_>) -> Outcome<Vec<Line>>,
}

/// A row that compares sizes.
const fn sizes(name: &'static str, measure: fn(&Bench<'_>) -> Outcome<Vec<Line>>) -> Row {
    Row {
        compares_sizes: true,
        ..row(name, measure)
    }
}

const fn row(name: &'static str, measure: fn(&Bench<'_>) -> Outcome<Vec<Line>>) -> Row {
    Row {
        name,
        compares_sizes: false,
        measure,
    }
}

/// All of them, in the order of the table. Rows that write come after those that read.
pub const ROWS: [Row; 16] = [
    row("start", rest::start),
    row("list", read::list),
    row("access answer", read::access),
    row("access check", read::check),
    sizes("number of accounts: list", size::lists),
    sizes("number of accounts: recipients", size::recipients),
    sizes("number of accounts: access check", size::access_checks),
    sizes("number of accounts: inbound check", size::inbound_checks),
    row("idle connections", rest::idle_connections),
    row("log in", log_in::log_in),
    row("reads while log ins saturate", log_in::reads_meanwhile),
    row("known or not", known::known_or_not),
    row("add", write::add),
    row("promote", write::promote),
    row("large account", large::account),
    row("memory", rest::memory),
];

/// What the rows have to work with.
pub struct Bench<'a> {
    /// The cluster, on PostgreSQL.
    pub cluster: Option<&'a Cluster>,
    /// The deployment with many accounts.
    pub place: &'a Place,
    /// Its accounts.
    pub world: &'a World,
    /// The deployment with few accounts, for rows that compare sizes.
    pub few: Option<(&'a Place, &'a World)>,
    /// How long a block of load takes.
    pub duration: Duration,
    /// How many blocks there are of each kind.
    pub blocks: usize,
    /// What the service logs.
    pub log: &'a str,
    /// Where random choices begin.
    pub seed: u64,
}

impl<'a> Bench<'a> {
    fn serve(&self) -> Outcome<Service> {
        self.place.serve(self.log)
    }

    fn serve_behind_a_proxy(&self) -> Outcome<Service> {
        self.place.serve_behind_a_proxy(self.log)
    }

    fn subject(&self, service: &Service) -> Subject<'a> {
        Subject {
            address: service.address(),
            process: service.id(),
            cluster: self.cluster,
        }
    }

    fn load(&self, clients: usize) -> Load {
        Load {
            clients,
            duration: self.duration,
            at_most: None,
        }
    }

    /// Lets caches fill and threads start, and shows at once if something does not work.
    fn warm_up(&self, subject: &Subject<'_>, script: &Arc<Script>, load: Load) -> Outcome<()> {
        let duration = (self.duration / 2).max(Duration::from_secs(1));
        let sample = subject.measure(script, Load { duration, ..load })?;
        if sample.refused > 0.5 {
            return Err(format!("most requests are refused with {}", sample.refusal.unwrap_or_default()).into());
        }
        Ok(())
    }

    /// GETs of something below accounts, by their owners.
    fn gets<'c, C>(&self, place: &Place, customers: C, what: &str, order: Order) -> Outcome<Arc<Script>>
    where
        C: IntoIterator<Item = &'c Customer>,
    {
        let get = |customer: &Customer| -> Outcome<Request> {
            let path = format!("/v1/accounts/{}/{what}", customer.account);
            Ok(Request::get(&path, &place.token(customer.owner)?))
        };
        let requests = customers.into_iter().map(get).collect::<Outcome<Vec<_>>>()?;
        Ok(Script::new(requests, order, 200, self.seed))
    }

    /// POSTs of new contacts, each with an address of its own.
    fn adds<'c, C>(&self, customers: C) -> Outcome<Arc<Script>>
    where
        C: IntoIterator<Item = &'c Customer>,
    {
        let tag = uuid_like();
        let add = |customer: &Customer| -> Outcome<Request> {
            let path = format!("/v1/accounts/{}/contacts", customer.account);
            let body = format!(r#"{{"display_name":"Bea Lima","address":"bea-{tag}-{{number}}@lima.example"}}"#);
            Ok(Request::post(&path, Some(&self.place.token(customer.owner)?), &body))
        };
        let requests = customers.into_iter().map(add).collect::<Outcome<Vec<_>>>()?;
        Ok(Script::new(requests, Order::InTurn, 201, self.seed))
    }

    /// POSTs that move the primary place of billing, first of all accounts to the other contact and then back, so that
    /// each of them changes something.
    fn promotes(&self, customers: &[Customer]) -> Outcome<Arc<Script>> {
        let mut requests = Vec::new();
        for to_owner in [false, true] {
            for customer in customers {
                let contact = if to_owner {
                    customer.owner_contact
                } else {
                    customer.verified
                };
                let path = format!("/v1/accounts/{}/contacts/{contact}/promote", customer.account);
                let token = self.place.token(customer.owner)?;
                requests.push(Request::post(&path, Some(&token), r#"{"roles":["billing"]}"#));
            }
        }
        Ok(Script::new(requests, Order::InTurn, 200, self.seed))
    }
}

/// A word that no other script has.
fn uuid_like() -> String {
    format!("{:x}", chrono::Utc::now().timestamp_micros())
}
