//! The outbox on both databases.

use std::sync::Arc;

use accounts_domain::catalog::Catalog;
use chrono::DateTime;
use tempfile::TempDir;

use super::*;
use crate::backend::Database;
use crate::lanes::Settings;
use crate::postgres;

const LEASE: TimeDelta = TimeDelta::minutes(2);
const START: DateTime<Utc> = DateTime::from_timestamp(1_800_000_000, 123_456_000).unwrap();

/// A database, and two stores that share it where it can be shared.
struct Place {
    one: Store,
    two: Store,
    _folder: Option<TempDir>,
    _server: Option<postgres::Database>,
}

fn open(database: Database) -> Store {
    Store::open(Settings::new(database), Arc::new(Catalog::standard().unwrap())).unwrap()
}

fn places() -> [Place; 2] {
    let folder = TempDir::new().unwrap();
    let file = open(Database::Sqlite {
        path: folder.path().join("accounts.db"),
    });
    let server = postgres::Database::migrated();
    let url: Database = server.url().parse().unwrap();
    [
        Place {
            one: file.clone(),
            two: file,
            _folder: Some(folder),
            _server: None,
        },
        Place {
            one: open(url.clone()),
            two: open(url),
            _folder: None,
            _server: Some(server),
        },
    ]
}

fn mail(number: usize) -> Mail {
    Mail {
        contact: None,
        to: EmailAddress::parse(&format!("p{number}@customer.example")).unwrap(),
        language: Language::Fr,
        letter: Letter::PasswordChanged {
            name: format!("Person {number}"),
        },
    }
}

async fn put(store: &Store, count: usize, at: DateTime<Utc>) {
    let outgoing: Vec<_> = (0..count).map(mail).collect();
    store
        .change(move |conn| insert_mails(conn, &outgoing, at))
        .await
        .unwrap();
}

async fn claim_one(store: &Store, now: DateTime<Utc>) -> Option<ClaimedMail> {
    store.claim_mails(now, LEASE, 1).await.unwrap().pop()
}

async fn is_due(store: &Store, now: DateTime<Utc>) -> bool {
    let mail = claim_one(store, now).await;
    if let Some(mail) = &mail {
        store.release_mails(vec![mail.claim]).await.unwrap();
    }
    mail.is_some()
}

#[tokio::test]
async fn a_mail_comes_out_as_it_went_in_once_it_is_due() {
    for place in places() {
        put(&place.one, 1, START).await;
        assert_eq!(claim_one(&place.two, START - TimeDelta::microseconds(1)).await, None);
        let claimed = claim_one(&place.two, START).await.unwrap();
        let Mail {
            to, language, letter, ..
        } = mail(0);
        let claim = Claim {
            mail: claimed.claim.mail,
            until: START + LEASE,
        };
        assert_eq!(
            claimed,
            ClaimedMail {
                claim,
                to,
                language,
                letter,
                attempts: 1,
                created_at: START
            }
        );
        assert_eq!(place.one.mails_waiting().await.unwrap(), 1);
        place.one.mail_sent(claim.mail, START).await.unwrap();
        assert_eq!(place.one.mails_waiting().await.unwrap(), 0);
        assert!(!is_due(&place.one, START + TimeDelta::days(9)).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_mail_is_claimed_twice_however_many_claim_at_once() {
    for place in places() {
        put(&place.one, 60, START).await;
        let claims: Vec<_> = (0..8)
            .map(|number| {
                let store = if number % 2 == 0 {
                    place.one.clone()
                } else {
                    place.two.clone()
                };
                tokio::spawn(async move {
                    let mut mine = Vec::new();
                    loop {
                        let claimed = store.claim_mails(START, LEASE, 5).await.unwrap();
                        if claimed.is_empty() {
                            return mine;
                        }
                        mine.extend(claimed.into_iter().map(|mail| mail.claim.mail.to_string()));
                    }
                })
            })
            .collect();
        let mut all = Vec::new();
        for claim in claims {
            all.extend(claim.await.unwrap());
        }
        let claimed = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), claimed);
        // Who finds the rows locked by another passes them over and may leave early; nothing is lost.
        let rest = place.one.claim_mails(START, LEASE, 60).await.unwrap().len();
        assert_eq!(claimed + rest, 60);
    }
}

#[tokio::test]
async fn a_claim_runs_out_and_its_failure_is_then_not_believed() {
    for place in places() {
        put(&place.one, 1, START).await;
        let first = claim_one(&place.one, START).await.unwrap();
        assert_eq!(claim_one(&place.two, START + LEASE - TimeDelta::seconds(1)).await, None);
        let second = claim_one(&place.two, START + LEASE).await.unwrap();
        assert_eq!((second.claim.mail, second.attempts), (first.claim.mail, 2));

        let far = START + TimeDelta::days(1);
        place
            .one
            .mail_failed(first.claim, far, "late".to_owned())
            .await
            .unwrap();
        place
            .one
            .mail_given_up(first.claim, far, "late".to_owned())
            .await
            .unwrap();
        place.one.release_mails(vec![first.claim]).await.unwrap();
        assert_eq!(claim_one(&place.one, START + LEASE).await, None);

        // That it was sent is true whoever says so.
        place.one.mail_sent(first.claim.mail, far).await.unwrap();
        place.two.mail_failed(second.claim, far, "no".to_owned()).await.unwrap();
        assert_eq!(place.one.mails_waiting().await.unwrap(), 0);
    }
}

#[tokio::test]
async fn a_failure_puts_the_mail_off_and_giving_up_ends_it() {
    for place in places() {
        put(&place.one, 1, START).await;
        let first = claim_one(&place.one, START).await.unwrap();
        let next = START + TimeDelta::minutes(1);
        place
            .one
            .mail_failed(first.claim, next, "421 busy".to_owned())
            .await
            .unwrap();
        assert!(!is_due(&place.two, next - TimeDelta::seconds(1)).await);
        let second = claim_one(&place.two, next).await.unwrap();
        assert_eq!(second.attempts, 2);
        place
            .two
            .mail_given_up(second.claim, next, "550 no".to_owned())
            .await
            .unwrap();
        assert!(!is_due(&place.two, START + TimeDelta::days(9)).await);
        assert_eq!(place.one.mails_waiting().await.unwrap(), 0);
    }
}

#[tokio::test]
async fn a_released_mail_is_due_at_once_and_the_try_does_not_count() {
    for place in places() {
        put(&place.one, 2, START).await;
        let claimed = place.one.claim_mails(START, LEASE, 2).await.unwrap();
        let claims = claimed.iter().map(|mail| mail.claim).collect();
        place.one.release_mails(claims).await.unwrap();
        let again = place.two.claim_mails(START, LEASE, 9).await.unwrap();
        assert_eq!(again, claimed);
    }
}

#[tokio::test]
async fn a_mail_of_another_version_waits_and_holds_nobody_up() {
    for place in places() {
        put(&place.one, 2, START).await;
        let first = claim_one(&place.one, START).await.unwrap();
        place.one.release_mails(vec![first.claim]).await.unwrap();
        let id = first.claim.mail.to_string();
        place
            .one
            .change(move |conn| {
                diesel::update(mails::table.find(&id))
                    .set(mails::message.eq(r#"{"kind":"from_the_future"}"#))
                    .execute(conn)?;
                Ok(())
            })
            .await
            .unwrap();
        let claimed = place.one.claim_mails(START, LEASE, 9).await.unwrap();
        assert_eq!(claimed.len(), 1);
        place.one.mail_sent(claimed[0].claim.mail, START).await.unwrap();
        assert_eq!(place.one.mails_waiting().await.unwrap(), 1);
        // Nobody could read it for three days.
        let late = START + UNREADABLE_LIMIT;
        assert_eq!(claim_one(&place.one, late).await, None);
        assert_eq!(place.one.mails_waiting().await.unwrap(), 0);
    }
}
