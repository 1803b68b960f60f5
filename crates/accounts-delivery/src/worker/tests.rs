//! The worker on an outbox in a file.

use std::path::PathBuf;
use std::time::Instant;

use accounts_api::links::Links;
use accounts_api::settings::{PublicUrl, Secret};
use accounts_domain::actor::Actor;
use accounts_domain::address::EmailAddress;
use accounts_domain::catalog::Catalog;
use accounts_domain::ids::SignUpId;
use accounts_domain::language::Language;
use accounts_domain::mail::Letter;
use accounts_domain::names::{AccountName, DisplayName};
use accounts_domain::roster::ContactProfile;
use accounts_domain::sign_ups::SignUp;
use accounts_store::{Act, Database, Kept, Settings};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::*;
use crate::compose::Look;
use crate::transport::{Folder, Smtp};

const START: DateTime<Utc> = DateTime::from_timestamp(1_800_000_000, 0).unwrap();

struct Place {
    store: Store,
    clock: Clock,
    wake: Arc<Notify>,
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let settings = Settings::new(Database::Sqlite {
            path: folder.path().join("accounts.db"),
        });
        let store = Store::open(settings, Arc::new(Catalog::standard().unwrap())).unwrap();
        Self {
            store,
            clock: Clock::manual(START),
            wake: Arc::new(Notify::new()),
            folder,
        }
    }

    fn mails(&self) -> PathBuf {
        self.folder.path().join("mail")
    }

    fn files(&self) -> Vec<PathBuf> {
        let mut files: Vec<_> = std::fs::read_dir(self.mails())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        files.sort();
        files
    }

    fn folder_of_mails(&self) -> Transport {
        Transport::Folder(Folder::open(self.mails()).unwrap())
    }

    fn worker(&self, transport: Transport) -> Worker {
        let sender = "accounts@provider.example".parse().unwrap();
        let links = Links::new(Secret::new(&[7; 32]).unwrap());
        let url = PublicUrl::parse("https://provider.example").unwrap();
        let composer = Composer::new(Look::default(), sender, url, links).unwrap();
        let (store, clock) = (self.store.clone(), self.clock.clone());
        Worker::new(store, composer, transport, clock, Arc::clone(&self.wake))
    }

    /// Puts a mail with a link that lives 24 hours into the outbox.
    async fn sign_up(&self, name: &str) {
        let owner = ContactProfile {
            display_name: DisplayName::parse(name).unwrap(),
            first_name: None,
            last_name: None,
            title: None,
            language: Language::En,
            phones: Vec::new(),
        };
        let sign_up = SignUp {
            id: SignUpId::new(),
            address: EmailAddress::parse(&format!("{name}@customer.example")).unwrap(),
            owner,
            account: AccountName::parse("Lima").unwrap(),
            created_at: self.clock.now(),
        };
        let act = Act {
            actor: Actor::Link,
            at: self.clock.now(),
            request_id: None,
            keep: None,
        };
        let answer = Kept {
            status: 202,
            headers: Vec::new(),
            body: Vec::new(),
        };
        self.store.sign_up(sign_up, &act, answer).await.unwrap();
    }

    async fn claim(&self) -> Option<ClaimedMail> {
        self.store.claim_mails(self.clock.now(), LEASE, 1).await.unwrap().pop()
    }

    async fn waiting(&self) -> u64 {
        self.store.mails_waiting().await.unwrap()
    }
}

fn start(worker: Worker) -> (oneshot::Sender<()>, JoinHandle<()>) {
    let (stop, stopped) = oneshot::channel();
    let stopped = async move {
        let _ = stopped.await;
    };
    (stop, tokio::spawn(worker.run(stopped)))
}

async fn eventually<F: Future<Output = bool>>(what: &str, mut so: impl FnMut() -> F) {
    let begin = Instant::now();
    while !so().await {
        assert!(begin.elapsed() < Duration::from_secs(10), "never: {what}");
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn what_is_in_the_outbox_is_sent_in_order_and_stopping_is_quick() {
    let place = Place::new();
    for name in ["ana", "bea", "cem"] {
        place.sign_up(name).await;
        place.clock.advance(TimeDelta::milliseconds(1));
    }
    let (stop, worker) = start(place.worker(place.folder_of_mails()));
    eventually("all are sent", async || place.waiting().await == 0).await;
    place.sign_up("dan").await;
    place.wake.notify_one();
    eventually("the one that came later is sent", async || place.waiting().await == 0).await;
    stop.send(()).unwrap();
    worker.await.unwrap();

    let files = place.files();
    let to: Vec<_> = files
        .iter()
        .map(|file| {
            let mail = std::fs::read_to_string(file).unwrap();
            mail.lines()
                .find_map(|line| line.strip_prefix("To: "))
                .unwrap()
                .to_owned()
        })
        .collect();
    let expected = ["ana", "bea", "cem", "dan"].map(|name| format!("{name}@customer.example"));
    assert_eq!(to, expected);
    let first = files[0].file_name().unwrap().to_str().unwrap();
    assert!(first.starts_with("20270115T080000000000Z_mai_"), "{first}");
}

#[tokio::test]
async fn what_cannot_be_sent_now_is_tried_again_after_a_while() {
    let place = Place::new();
    place.sign_up("ana").await;
    let transport = place.folder_of_mails();
    std::fs::remove_dir(place.mails()).unwrap();
    let desk = place.worker(transport).desk;

    desk.deliver(place.claim().await.unwrap()).await;
    place.clock.advance(TimeDelta::seconds(47));
    assert_eq!(place.claim().await, None);
    place.clock.advance(TimeDelta::seconds(26));
    let second = place.claim().await.unwrap();
    assert_eq!(second.attempts, 2);

    std::fs::create_dir(place.mails()).unwrap();
    desk.deliver(second).await;
    assert_eq!(place.waiting().await, 0);
    assert_eq!(place.files().len(), 1);
}

#[tokio::test]
async fn a_mail_whose_link_ran_out_is_not_sent_any_more() {
    let place = Place::new();
    place.sign_up("ana").await;
    place.clock.advance(TimeDelta::hours(24));
    let desk = place.worker(place.folder_of_mails()).desk;
    desk.deliver(place.claim().await.unwrap()).await;
    assert_eq!(place.waiting().await, 0);
    assert!(place.files().is_empty());
}

#[tokio::test]
async fn what_is_still_on_its_way_at_the_end_is_given_back() {
    let place = Place::new();
    place.sign_up("ana").await;
    // It takes the connection and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp://{}", silent.local_addr().unwrap());
    let mut worker = place.worker(Transport::Smtp(Smtp::new(url.parse().unwrap()).unwrap()));
    worker.grace = Duration::from_millis(50);
    let (stop, worker) = start(worker);
    let _connection = silent.accept().await.unwrap();
    assert_eq!(place.claim().await, None);
    stop.send(()).unwrap();
    worker.await.unwrap();
    assert_eq!(place.claim().await.unwrap().attempts, 1);
}

#[test]
fn the_waits_grow_and_differ_a_little() {
    let mut first = Vec::new();
    for _ in 0..50 {
        let mail = MailId::new();
        for (attempts, minutes) in [(1, 1), (2, 5), (3, 15), (4, 60), (5, 240), (6, 240), (u32::MAX, 240)] {
            let usual = TimeDelta::minutes(minutes);
            let wait = pause(mail, attempts);
            assert!(wait >= usual * 8 / 10 && wait <= usual * 12 / 10, "{attempts}: {wait}");
            assert_eq!(wait, pause(mail, attempts));
        }
        first.push(pause(mail, 1));
    }
    first.dedup();
    assert!(first.len() > 5);
}

#[test]
fn a_mail_is_tried_for_three_days_at_most_and_never_longer_than_its_link_lives() {
    let mail = |letter: Letter| ClaimedMail {
        claim: Claim {
            mail: MailId::new(),
            until: START,
        },
        to: EmailAddress::parse("ana@customer.example").unwrap(),
        language: Language::En,
        letter,
        attempts: 9,
        created_at: START,
    };
    let name = || "Ana".to_owned();
    let told = mail(Letter::PasswordChanged { name: name() });
    assert!(next_attempt(&told, START + TimeDelta::hours(67)).is_some());
    assert_eq!(next_attempt(&told, START + TimeDelta::hours(69)), None);
    let sign_up = Letter::ConfirmSignUp {
        sign_up: SignUpId::new(),
        name: name(),
        account: name(),
    };
    let sign_up = mail(sign_up);
    assert!(next_attempt(&sign_up, START + TimeDelta::hours(19)).is_some());
    assert_eq!(next_attempt(&sign_up, START + TimeDelta::hours(21)), None);
}
