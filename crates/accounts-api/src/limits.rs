//! How often a caller may try: counted per network and address, in the database, so that instances agree.

use std::time::Duration;

use accounts_domain::ids::{AccountId, ChallengeId, IntegrationId, UserId};
use accounts_domain::second_factor::CHALLENGE_LIFE;
use accounts_store::Throttle;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;

use crate::client::ClientAddress;
use crate::problem::Problem;
use crate::service::Service;
use crate::tokens::sha256_hex;

/// The time over which tries are counted.
const WINDOW: TimeDelta = TimeDelta::minutes(15);

/// Wrong passwords for one address from one network (R10).
const WRONG_PER_PAIR: i32 = 10;

/// Wrong passwords from one network (R12).
const WRONG_PER_NETWORK: i32 = 50;

/// Wrong passwords for one address, from wherever.
const WRONG_PER_ADDRESS: i32 = 200;

/// Wrong codes of a person within an hour, from wherever: six digits must not be found by trying.
const WRONG_CODES: i32 = 10;

/// Codes that are tried upon one password.
const TRIES: i32 = 5;

/// Requests of one network that call for a mail.
const MAILS_PER_NETWORK: i32 = 100;

/// Verification mails to one address within an hour.
const VERIFICATIONS_PER_ADDRESS: i32 = 10;

/// Mails of one account's invitations within a day (R51).
const INVITATIONS_PER_ACCOUNT: i32 = 500;

/// Mails of invitations to one address within an hour, whoever invites.
const INVITATIONS_PER_ADDRESS: i32 = 10;

/// Notices of one integration to one account within an hour (R51): more than anybody reads, and fewer than a loop sends
/// that does not end.
const NOTICES_PER_ACCOUNT: i32 = 10_000;

/// Test messages of one account within an hour (R51).
const TESTS_PER_ACCOUNT: i32 = 20;

/// Requests of one person to join accounts within a day.
const JOIN_REQUESTS_PER_PERSON: i32 = 20;

/// Exports of one caller within an hour (R51).
const EXPORTS_PER_CALLER: i32 = 60;

/// Counts that belong together; one that is full refuses.
#[derive(Debug, Clone)]
pub struct Limits(Vec<Throttle>);

impl Limits {
    /// The limits of wrong passwords. Addresses are counted by their key, so that no spelling escapes (R11), and
    /// hashed, so that the counts name nobody.
    pub fn passwords_of(client: ClientAddress, address_key: &str) -> Self {
        let (network, address) = (client.network(), sha256_hex(address_key.as_bytes()));
        Self(vec![
            limit(format!("password:pair:{network}:{address}"), WRONG_PER_PAIR),
            limit(format!("password:network:{network}"), WRONG_PER_NETWORK),
            limit(format!("password:address:{address}"), WRONG_PER_ADDRESS),
        ])
    }

    /// The same for operators, who are counted apart.
    pub fn operators_of(client: ClientAddress, address_key: &str) -> Self {
        let (network, address) = (client.network(), sha256_hex(address_key.as_bytes()));
        Self(vec![
            limit(format!("operator:pair:{network}:{address}"), WRONG_PER_PAIR),
            limit(format!("operator:network:{network}"), WRONG_PER_NETWORK),
            limit(format!("operator:address:{address}"), WRONG_PER_ADDRESS),
        ])
    }

    /// The limits of wrong codes of a second factor.
    pub fn codes_of(client: ClientAddress, user: UserId) -> Self {
        Self(vec![
            Throttle {
                key: format!("code:user:{user}"),
                limit: WRONG_CODES,
                window: TimeDelta::hours(1),
            },
            limit(format!("code:network:{}", client.network()), WRONG_PER_NETWORK),
        ])
    }

    /// How many codes may be tried upon one log-in that waits.
    pub fn tries_of(challenge: ChallengeId) -> Self {
        Self(vec![Throttle {
            key: format!("code:challenge:{challenge}"),
            limit: TRIES,
            window: CHALLENGE_LIFE,
        }])
    }

    /// The limits of requests that call for a mail to an address that anybody may name.
    pub fn mails_of(client: ClientAddress) -> Self {
        Self(vec![limit(
            format!("mail:network:{}", client.network()),
            MAILS_PER_NETWORK,
        )])
    }

    /// The limits of verification mails to one address, whoever's contact it is and however often it comes and goes.
    pub fn verifications_of(address_key: &str) -> Self {
        let key = format!("verification:{}", sha256_hex(address_key.as_bytes()));
        Self(vec![Throttle {
            key,
            limit: VERIFICATIONS_PER_ADDRESS,
            window: TimeDelta::hours(1),
        }])
    }

    /// The limits of the mails of invitations: of the account that invites, and to one address from all of them. They
    /// are counted with the invitation itself.
    pub fn invitations_of(account: AccountId, address_key: &str) -> Self {
        Self(vec![
            Throttle {
                key: format!("invitation:account:{account}"),
                limit: INVITATIONS_PER_ACCOUNT,
                window: TimeDelta::hours(24),
            },
            Throttle {
                key: format!("invitation:address:{}", sha256_hex(address_key.as_bytes())),
                limit: INVITATIONS_PER_ADDRESS,
                window: TimeDelta::hours(1),
            },
        ])
    }

    /// The limit of notices of an integration to an account: one that runs wild keeps no other from telling it something.
    pub fn notices_to(account: AccountId, from: IntegrationId) -> Self {
        Self(vec![Throttle {
            key: format!("notice:account:{account}:{from}"),
            limit: NOTICES_PER_ACCOUNT,
            window: TimeDelta::hours(1),
        }])
    }

    /// The limit of test messages to the categories of an account.
    pub fn tests_of(account: AccountId) -> Self {
        Self(vec![Throttle {
            key: format!("test:account:{account}"),
            limit: TESTS_PER_ACCOUNT,
            window: TimeDelta::hours(1),
        }])
    }

    /// The limits of requests to join: of the person, and of the network as for everything that calls for a mail.
    pub fn join_requests_of(client: ClientAddress, user: UserId) -> Self {
        let Self(mut limits) = Self::mails_of(client);
        limits.push(Throttle {
            key: format!("join:user:{user}"),
            limit: JOIN_REQUESTS_PER_PERSON,
            window: TimeDelta::hours(24),
        });
        Self(limits)
    }

    /// The limits of exports: by one caller, whatever is exported (R51).
    pub fn exports_of(caller: &str) -> Self {
        Self(vec![Throttle {
            key: format!("export:{caller}"),
            limit: EXPORTS_PER_CALLER,
            window: TimeDelta::hours(1),
        }])
    }

    /// Refuses where a limit is reached, and counts the try otherwise.
    ///
    /// # Errors
    /// 429 with the time to wait.
    pub async fn admit(&self, service: &Service, at: DateTime<Utc>) -> Result<(), Problem> {
        match service.store.reserve(self.0.clone(), at).await? {
            None => Ok(()),
            Some(until) => Err(Problem::too_many_requests((until - at).to_std().unwrap_or_default())),
        }
    }

    /// Takes a try back that did not count after all.
    ///
    /// # Errors
    /// Where the store cannot.
    pub async fn forgive(&self, service: &Service) -> Result<(), Problem> {
        Ok(service.store.forgive(self.0.clone()).await?)
    }
}

impl From<Limits> for Vec<Throttle> {
    fn from(limits: Limits) -> Self {
        limits.0
    }
}

/// How long an answer takes that must not tell known from unknown: longer than the work does in either case.
const ANSWER_AFTER: Duration = Duration::from_millis(40);

/// Answers that come after one and the same time, so that nobody learns from it what was done meanwhile (R14).
#[derive(Debug)]
pub struct Evenly(Instant);

impl Evenly {
    /// The request begins.
    pub fn begin() -> Self {
        Self(Instant::now())
    }

    /// Waits for the time of the answer.
    pub async fn end(self) {
        tokio::time::sleep_until(self.0 + ANSWER_AFTER).await;
    }
}

fn limit(key: String, limit: i32) -> Throttle {
    Throttle {
        key,
        limit,
        window: WINDOW,
    }
}
