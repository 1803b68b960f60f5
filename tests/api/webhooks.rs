//! Webhooks: told of each event, signed, tried again, and never sent where nothing is to be sent.

mod busy;
mod meanwhile;

use std::time::Duration;

use accounts_domain::{api_keys::KeyMode, catalog::Catalog};
use accounts_store::Retention;
use accounts_tests::{
    Answer, App, Client, Setup, given, json, on_both,
    receiver::{Received, Receiver},
    scene,
};
use chrono::TimeDelta;
use serde_json::Value;
use standardwebhooks::Webhook as Verifier;

const HOOKS: &str = "/v1/webhooks";

/// The standard service with room for more contacts, which tells webhooks.
fn roomy() -> Setup {
    let catalog = Catalog::preset("standard").unwrap();
    assert!(catalog.contains("contact_limit = 5 "));
    Setup::catalog(&catalog.replace("contact_limit = 5 ", "contact_limit = 50 ")).with_webhooks()
}

fn manager(app: &App) -> Client {
    given::integration(app, &["webhooks:manage", "events:read"])
}

/// A webhook of these types: its path and its secret.
fn hook(client: &Client, receiver: &Receiver, types: &[&str]) -> (String, String) {
    let made = client
        .post(HOOKS, json!({ "url": receiver.url(), "event_types": types }))
        .expect(201);
    (format!("{HOOKS}/{}", made.text("id")), made.text("secret"))
}

/// Whether the library of the specification would sign so under this secret, at whatever time the test's clock shows.
fn is_signed(secret: &str, received: &Received) -> bool {
    let (id, timestamp) = (received.header("webhook-id"), received.header("webhook-timestamp"));
    let signature = Verifier::new(secret)
        .unwrap()
        .sign(id, timestamp.parse().unwrap(), &received.body);
    let signature = signature.unwrap();
    received
        .header("webhook-signature")
        .split(' ')
        .any(|one| one == signature)
}

/// Whether the library of the specification takes it for authentic, and for sent just now.
fn is_verified(secret: &str, received: &Received) -> bool {
    let mut headers = ureq::http::HeaderMap::new();
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        headers.insert(name, received.header(name).parse().unwrap());
    }
    Verifier::new(secret).unwrap().verify(&received.body, &headers).is_ok()
}

/// The deliveries, once as many are in that state.
#[track_caller]
fn in_state(client: &Client, hook: &str, state: &str, count: usize) -> Answer {
    for _ in 0..600 {
        let page = client
            .get(format!("{hook}/deliveries?state={state}&limit=100"))
            .expect(200);
        if page.list("data").len() >= count {
            return page;
        }
        std::thread::sleep(Duration::from_millis(25));
    }
    panic!("{}", client.get(format!("{hook}/deliveries")).expect(200));
}

/// The deliveries, once the latest was answered so and waits.
#[track_caller]
fn refused_by(client: &Client, hook: &str, status: u16) -> Answer {
    for _ in 0..600 {
        let page = client.get(format!("{hook}/deliveries?state=pending")).expect(200);
        if page.has("data/0") && page["data/0/last_status"] == status {
            return page;
        }
        std::thread::sleep(Duration::from_millis(25));
    }
    panic!("{}", client.get(format!("{hook}/deliveries")).expect(200));
}

/// Lets the time pass, some minutes at a time, until something is so.
#[track_caller]
fn in_time(app: &App, is_so: impl Fn() -> bool) {
    for _ in 0..300 {
        app.clock().advance(TimeDelta::minutes(5));
        for _ in 0..10 {
            if is_so() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    panic!("it takes too long")
}

/// The webhook, once it is disabled.
#[track_caller]
fn disabled(client: &Client, hook: &str) -> Answer {
    for _ in 0..600 {
        let read = client.get(hook).expect(200);
        if read["enabled"] == false {
            return read;
        }
        std::thread::sleep(Duration::from_millis(25));
    }
    panic!("{hook} is not disabled")
}

/// The kinds of the provider's events about a webhook.
fn log_of(app: &App, hook: &str) -> Vec<String> {
    let id = hook.rsplit('/').next().unwrap();
    let search = accounts_store::AuditSearch::default();
    let store = &app.running().service().store;
    let found = app
        .running()
        .wait(store.search_audit_events(search, None, 200))
        .unwrap();
    let mut kinds: Vec<String> = found
        .into_iter()
        .filter(|event| event.subject_id == id)
        .map(|event| event.kind)
        .collect();
    kinds.sort();
    kinds
}

on_both! {
    roomy();

    fn r_24_an_event_is_told_signed_and_its_secret_is_kept_sealed(app) {
        let (desk, receiver) = (manager(app), Receiver::start());
        let (hook, secret) = hook(&desk, &receiver, &["contact.added"]);
        let ana = given::owner(app, "ana@lima.example");
        let bea = ana.adds_contact("Bea", "bea@lima.example");
        let received = receiver.wait_for(1).remove(0);
        assert!(is_verified(&secret, &received) && is_signed(&secret, &received));
        assert!(!is_verified("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", &received));
        assert_eq!(received.header("content-type"), "application/json");
        let told = received.json();
        let feed = desk.get("/v1/events?type=contact.added").expect(200);
        assert_eq!(&told["data"], &feed["data/0"], "the webhook is told what the feed tells");
        assert_eq!((&told["type"], &told["timestamp"]), (&json!("contact.added"), &feed["data/0/at"]));
        assert_eq!(told["data"]["object"]["id"], *bea.id);
        assert_eq!(received.header("webhook-id"), told["data"]["id"]);
        let done = in_state(&desk, &hook, "delivered", 1);
        assert_eq!((&done["data/0/last_status"], &done["data/0/attempts"]), (&json!(204), &json!(1)));
        assert_eq!(done["data/0/event_id"], told["data"]["id"]);
        // Only what was asked for: everything else of the account was not told.
        assert_eq!(receiver.received().len(), 1);
        let bare = secret.strip_prefix("whsec_").unwrap();
        let rows = app.rows();
        assert!(rows.values().flatten().all(|row| !row.contains(bare) && !row.contains(&secret)));
        let kept: Vec<&String> = rows["audit_events"].iter().chain(&rows["audit_values"]).collect();
        assert!(kept.iter().all(|row| !row.contains("s3cret")), "an address may be a secret");
        let read = desk.get(&hook).expect(200);
        assert!(!read.has("secret") && !read.body().contains(bare));
    }

    fn a_webhook_is_made_changed_and_removed_and_each_is_recorded(app) {
        let (desk, other, receiver) = (manager(app), manager(app), Receiver::start());
        let (hook, _) = hook(&desk, &receiver, &[]);
        let read = desk.get(&hook).expect(200);
        assert_eq!((&read["enabled"], &read["event_types"], &read["disabled_reason"]), (&json!(true), &json!([]), &Value::Null));
        for foreign in [other.get(&hook), other.patch(&hook, json!({})), other.delete(&hook), other.get(format!("{hook}/deliveries")),
            other.post(format!("{hook}/test"), ()), other.post(format!("{hook}/rotate-secret"), ())] {
            foreign.refused(404, "not-found");
        }
        assert_eq!(other.get(HOOKS).expect(200).list("data").len(), 0);
        let patch = json!({ "description": "Billing", "event_types": ["owner.moved"], "enabled": false });
        desk.patch(&hook, &patch).if_match("\"v9\"").refused(412, "stale");
        let changed = desk.patch(&hook, &patch).if_match(&read.etag()).expect(200);
        assert_eq!((&changed["description"], &changed["disabled_reason"]), (&json!("Billing"), &json!("by_integration")));
        assert_eq!(desk.patch(&hook, &patch).expect(200).etag(), changed.etag(), "what is so already changes nothing");
        desk.patch(&hook, json!({ "enabled": true, "description": null })).expect(200);
        desk.delete(&hook).if_match(&changed.etag()).refused(412, "stale");
        desk.delete(&hook).expect(204);
        desk.get(&hook).refused(404, "not-found");
        let wanted = ["webhook.created", "webhook.description_changed", "webhook.description_changed", "webhook.disabled",
            "webhook.enabled", "webhook.removed", "webhook.types_changed"];
        assert_eq!(log_of(app, &hook), wanted);
    }

    fn r_51_there_is_a_bound_on_webhooks_and_test_keys_make_none(app) {
        let desk = manager(app);
        let body = json!({ "url": "https://hooks.lima.example/in" });
        for _ in 0..20 {
            desk.post(HOOKS, &body).expect(201);
        }
        let full = desk.post(HOOKS, &body).refused(409, "webhook-limit-reached");
        assert_eq!(full["limit"], 20);
        let french = desk.post(HOOKS, &body).language("fr").refused(409, "webhook-limit-reached");
        assert_eq!(french["title"], "Limite de webhooks atteinte");
        manager(app).post(HOOKS, &body).expect(201);
        let test = scene::integration(app, &["webhooks:manage"], KeyMode::Test);
        app.client().with_token(&test).post(HOOKS, &body).refused(403, "test-key-reads-only");
    }

    fn what_fails_is_tried_again_with_the_same_id_until_it_is_taken(app) {
        let (desk, receiver) = (manager(app), Receiver::start());
        receiver.answers("503 Service Unavailable");
        let (hook, secret) = hook(&desk, &receiver, &["contact.added"]);
        let ana = given::owner(app, "ana@lima.example");
        ana.adds_contact("Bea", "bea@lima.example");
        receiver.wait_for(1);
        for _ in 0..3 {
            let page = refused_by(&desk, &hook, 503);
            assert!(page["data/0/next_attempt_at"].is_string() && page["data/0/last_error"] == "it answered 503", "{page}");
            let tries = receiver.received().len();
            std::thread::sleep(Duration::from_millis(200));
            assert_eq!(receiver.received().len(), tries, "it waits");
            in_time(app, || receiver.received().len() > tries);
        }
        assert!(desk.get(&hook).expect(200)["failing_since"].is_string());
        receiver.answers("200 OK");
        let waiting = || app.running().wait(app.running().service().store.webhooks_waiting()).unwrap();
        in_time(app, || waiting() == 0);
        in_state(&desk, &hook, "delivered", 1);
        let received = receiver.received();
        let ids: std::collections::BTreeSet<&str> = received.iter().map(|each| each.header("webhook-id")).collect();
        assert_eq!(ids.len(), 1);
        assert!(received.iter().all(|each| is_signed(&secret, each)));
        assert!(desk.get(&hook).expect(200)["failing_since"].is_null());
    }

    fn after_three_days_it_is_given_up_and_a_webhook_that_only_fails_is_disabled(app) {
        let (desk, receiver) = (manager(app), Receiver::start());
        receiver.answers("500 Oops");
        let (hook, _) = hook(&desk, &receiver, &["contact.added"]);
        let ana = scene::owner(app, "ana@lima.example", None);
        scene::unproven(app, ana.account, "bea@lima.example", None);
        receiver.wait_for(1);
        in_state(&desk, &hook, "pending", 1);
        while desk.get(&hook).expect(200)["failing_since"].is_null() {
            std::thread::sleep(Duration::from_millis(10));
        }
        app.clock().advance(TimeDelta::hours(73));
        let read = disabled(&desk, &hook);
        assert_eq!(read["disabled_reason"], "failing");
        in_state(&desk, &hook, "failed", 1);
        let told = receiver.received().len();
        // It is told of nothing from then on, and of what happens later once it is enabled.
        scene::unproven(app, ana.account, "cem@lima.example", None);
        desk.get("/v1/events").expect(200);
        receiver.answers("204 No Content");
        desk.patch(&hook, json!({ "enabled": true })).expect(200);
        let eve = scene::unproven(app, ana.account, "eve@lima.example", None);
        let received = receiver.wait_for(told + 1);
        assert_eq!(received.len(), told + 1);
        assert_eq!(received[told].json()["data"]["subject"]["id"], eve.contact.to_string());
        assert!(log_of(app, &hook).contains(&"webhook.disabled".to_owned()));
    }

    fn who_is_gone_is_disabled_and_redirects_are_failures(app) {
        let (desk, gone, moved) = (manager(app), Receiver::start(), Receiver::start());
        gone.answers("410 Gone");
        moved.answers(&format!("302 Found\r\nlocation: {}", gone.url()));
        let (gone_hook, _) = hook(&desk, &gone, &["contact.added"]);
        let (moved_hook, _) = hook(&desk, &moved, &["contact.added"]);
        let ana = scene::owner(app, "ana@lima.example", None);
        scene::unproven(app, ana.account, "bea@lima.example", None);
        assert_eq!(disabled(&desk, &gone_hook)["disabled_reason"], "gone");
        let failed = in_state(&desk, &gone_hook, "failed", 1);
        assert_eq!(failed["data/0/last_status"], 410);
        let pending = refused_by(&desk, &moved_hook, 302);
        assert_eq!(pending["data/0/last_error"], "redirects are not followed");
        assert_eq!(gone.received().len(), 1, "nobody was sent there");
    }

    fn after_a_rotation_two_signatures_are_sent_for_a_day(app) {
        let (desk, receiver) = (manager(app), Receiver::start());
        let (hook, first) = hook(&desk, &receiver, &["user.imported"]);
        let rotated = desk.post(format!("{hook}/rotate-secret"), ()).expect(200);
        let second = rotated.text("secret");
        assert!(rotated["former_secret_until"].is_string() && first != second);
        assert_eq!(rotated.header("Cache-Control"), "no-store");
        let test = format!("{hook}/test");
        desk.post(&test, ()).expect(202);
        let both = receiver.wait_for(1).remove(0);
        assert_eq!(both.header("webhook-signature").split(' ').count(), 2);
        assert!(is_signed(&first, &both) && is_signed(&second, &both));
        app.clock().advance(TimeDelta::hours(25));
        desk.post(&test, ()).expect(202);
        let one = receiver.wait_for(2).remove(1);
        assert!(!is_signed(&first, &one) && is_signed(&second, &one));
        let purged = app.running().service().store.purge(app.clock().now(), Retention::default(), 500);
        app.running().wait(purged).unwrap();
        assert!(desk.get(&hook).expect(200)["former_secret_until"].is_null());
    }

    fn a_test_is_told_once_and_what_was_told_is_told_again_on_request(app) {
        let (desk, receiver) = (manager(app), Receiver::start());
        let (hook, secret) = hook(&desk, &receiver, &["contact.added"]);
        desk.patch(&hook, json!({ "enabled": false })).expect(200);
        let test = desk.post(format!("{hook}/test"), ()).idempotency_key("one").expect(202);
        let again = desk.post(format!("{hook}/test"), ()).idempotency_key("one").expect(202);
        assert_eq!(again["id"], test["id"]);
        let received = receiver.wait_for(1).remove(0);
        assert!(is_signed(&secret, &received));
        assert_eq!((&received.json()["type"], &received.json()["data"]["id"]), (&json!("webhook.test"), &test["id"]));
        in_state(&desk, &hook, "delivered", 1);
        receiver.answers("500 Oops");
        let delivery = format!("{hook}/deliveries/{}", test.text("id"));
        let redelivered = desk.post(format!("{delivery}/redeliver"), ()).expect(202);
        assert_eq!((&redelivered["state"], &redelivered["ended_at"]), (&json!("pending"), &Value::Null));
        let failed = in_state(&desk, &hook, "failed", 1);
        assert_eq!((&failed["data/0/id"], &failed["data/0/attempts"]), (&test["id"], &json!(1)));
        let received = receiver.received();
        assert_eq!(received.len(), 2);
        assert_eq!(received[0].header("webhook-id"), received[1].header("webhook-id"));
        desk.post(format!("{hook}/deliveries/dlv_01h455vb4pex5vsknk084sn02q/redeliver"), ()).refused(404, "not-found");
        desk.get(format!("{hook}/deliveries?state=lost")).refused(400, "bad-request").parameter_fault("state", "not-allowed");
    }

    fn who_is_slow_delays_nobody_else_and_is_not_overrun(app) {
        let (desk, slow, quick) = (manager(app), Receiver::start(), Receiver::start());
        slow.takes(Duration::from_secs(5));
        let (slow_hook, _) = hook(&desk, &slow, &["contact.added"]);
        hook(&desk, &quick, &["contact.added"]);
        let ana = scene::owner(app, "ana@lima.example", None);
        for number in 0..12 {
            scene::unproven(app, ana.account, &format!("c{number}@lima.example"), None);
        }
        assert_eq!(quick.wait_for(12).len(), 12);
        assert_eq!(slow.received().len(), 4, "so many at once and no more");
        assert_eq!(slow.most_at_once(), 4);
        in_state(&desk, &slow_hook, "pending", 12);
    }

    fn several_instances_tell_each_event_once(app) {
        let (desk, receiver) = (manager(app), Receiver::start());
        receiver.takes(Duration::from_millis(30));
        let (hook, _) = hook(&desk, &receiver, &["contact.added"]);
        let _second = app.second();
        let ana = scene::owner(app, "ana@lima.example", None);
        for number in 0..30 {
            scene::unproven(app, ana.account, &format!("c{number}@lima.example"), None);
        }
        in_state(&desk, &hook, "delivered", 30);
        let received = receiver.received();
        let mut ids: Vec<&str> = received.iter().map(|each| each.header("webhook-id")).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!((received.len(), ids.len()), (30, 30));
    }

    fn who_was_erased_meanwhile_is_not_told_any_more(app) {
        let (desk, receiver) = (manager(app), Receiver::start());
        receiver.answers("503 Service Unavailable");
        let (hook, _) = hook(&desk, &receiver, &["contact.added"]);
        let ana = given::owner(app, "ana@lima.example");
        let bea = ana.adds_contact("Beatrix Quill", "beatrix.quill@lima.example");
        assert!(String::from_utf8_lossy(&receiver.wait_for(1)[0].body).contains("Quill"));
        assert!(ana.post(format!("{}/erase", bea.path()), ()).send().status() < 300);
        receiver.answers("204 No Content");
        let waiting = || app.running().wait(app.running().service().store.webhooks_waiting()).unwrap();
        in_time(app, || waiting() == 0);
        in_state(&desk, &hook, "delivered", 1);
        let received = receiver.received();
        let last = String::from_utf8_lossy(&received[received.len() - 1].body).to_lowercase();
        assert!(!last.contains("quill") && last.contains(&bea.id));
    }

    fn a_disabled_integration_is_told_nothing_more(app) {
        let (desk, receiver) = (manager(app), Receiver::start());
        receiver.answers("503 Service Unavailable");
        hook(&desk, &receiver, &["contact.added"]);
        let ana = scene::owner(app, "ana@lima.example", None);
        scene::unproven(app, ana.account, "bea@lima.example", None);
        receiver.wait_for(1);
        let store = &app.running().service().store;
        let id = app.running().wait(store.integrations()).unwrap()[0].id;
        let act = accounts_store::Act { actor: accounts_domain::actor::Actor::System, at: app.clock().now(), request_id: None, keep: None };
        app.running().wait(store.decide_integration(id, &act, |found| Ok(found.disable()))).unwrap();
        scene::unproven(app, ana.account, "cem@lima.example", None);
        in_time(app, || app.running().wait(store.webhooks_waiting()).unwrap() == 0);
        assert_eq!(receiver.received().len(), 1);
    }
}

/// Where nothing is sent.
const NOWHERE: [&str; 20] = [
    "http://hooks.lima.example/",
    "https://localhost/",
    "https://127.0.0.1/",
    "https://0.0.0.0/",
    "https://10.0.0.8/",
    "https://172.20.1.1/",
    "https://192.168.1.1/",
    "https://100.64.0.1/",
    "https://169.254.169.254/latest/meta-data",
    "https://224.0.0.1/",
    "https://198.51.100.1/",
    "https://[::1]/",
    "https://[fe80::1]/",
    "https://[fd00::1]/",
    "https://[::ffff:10.0.0.1]/",
    "https://[64:ff9b::a00:1]/",
    "https://[2002:a00:1::]/",
    "https://hooks.lima.example:22/",
    "https://printer.local/",
    "https://intranet/",
];

/// What is no address for a webhook at all.
const NO_URL: [&str; 9] = [
    "hooks.lima.example",
    "ftp://hooks.lima.example/",
    "https://user:secret@hooks.lima.example/",
    "https://hooks.lima.example/#part",
    "https://0x7f000001/",
    "https://2130706433/",
    "https://0177.0.0.1/",
    "https://127.1/",
    "https://",
];

on_both! {
    Setup::standard().setting("webhooks", "public");

    fn r_68_nothing_is_registered_where_nothing_is_sent(app) {
        let desk = manager(app);
        for (urls, code) in [(&NOWHERE[..], "forbidden-target"), (&NO_URL[..], "invalid-format")] {
            for url in urls {
                let refused = desk.post(HOOKS, json!({ "url": url })).refused(422, "invalid-fields");
                refused.fault("/url", code);
            }
        }
        let made = desk.post(HOOKS, json!({ "url": "https://hooks.lima.example:8443/in" })).expect(201).text("id");
        let path = format!("{HOOKS}/{made}");
        desk.patch(&path, json!({ "url": NOWHERE[1] })).refused(422, "invalid-fields").fault("/url", "forbidden-target");
        desk.post(HOOKS, json!({})).refused(422, "invalid-fields").fault("/url", "required");
        let mistyped = json!({ "url": "https://a.example/", "event_types": ["contact.added", "contact.addedd"] });
        desk.post(HOOKS, mistyped).refused(422, "invalid-fields").fault("/event_types/1", "unknown-event-type");
        desk.post(HOOKS, json!({ "url": "https://a.example/", "event_types": ["Nothing"] })).refused(422, "invalid-fields").fault("/event_types/0", "invalid-format");
    }

    fn r_68_what_was_turned_to_a_private_address_since_is_sent_nothing(app) {
        let (desk, receiver) = (manager(app), Receiver::start());
        let made = desk.post(HOOKS, json!({ "url": "https://hooks.lima.example/in" })).expect(201).text("id");
        let (hook, port) = (format!("{HOOKS}/{made}"), receiver.url().split(['/', ':']).nth(4).unwrap().to_owned());
        for url in [format!("https://127.0.0.1:{port}/"), format!("https://localhost:{port}/"), receiver.url()] {
            let mut hand = accounts_store::Hand::open(&app.database()).unwrap();
            hand.run(&format!("UPDATE webhooks SET url = '{url}'")).unwrap();
            drop(hand);
            let test = desk.post(format!("{hook}/test"), ()).expect(202).text("id");
            let failed = loop {
                let page = in_state(&desk, &hook, "failed", 1);
                if page["data/0/id"] == test {
                    break page;
                }
            };
            assert_eq!(failed["data/0/last_error"], "nothing is sent to such an address");
            assert_eq!(failed["data/0/last_status"], Value::Null);
        }
        assert!(receiver.received().is_empty());
    }
}
