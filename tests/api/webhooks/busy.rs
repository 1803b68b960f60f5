//! Webhooks with more deliveries than one transaction ends or removes.

use super::*;

/// More than two steps of them.
const MANY: usize = 4_500;

/// Lays many old deliveries before a webhook, which stand so and are due then.
fn lay(app: &App, hook: &str, state: &str, due: &str) {
    let webhook = hook.rsplit('/').next().unwrap();
    let (began, ended) = ("2020-01-01 00:00:00", "'2020-01-02 00:00:00'");
    let ended = if state == "pending" { "NULL" } else { ended };
    let row = |number: usize| {
        format!(
            "('dlv_01h455vb4pex5vsknk08{number:06}', '{webhook}', 'contact.added', '{state}', '{began}', '{began}', 0,
              '{due}', {ended})"
        )
    };
    let rows: Vec<String> = (0..MANY).map(row).collect();
    let mut hand = accounts_store::Hand::open(&app.database()).unwrap();
    for some in rows.chunks(500) {
        hand.run(&format!(
            "INSERT INTO webhook_deliveries
                 (id, webhook_id, kind, state, created_at, began_at, attempts, next_attempt_at, ended_at)
             VALUES {}",
            some.join(", ")
        ))
        .unwrap();
    }
}

/// How many deliveries there are in a state.
fn count(app: &App, state: &str) -> i64 {
    let counted = format!("SELECT COUNT(*) AS number FROM webhook_deliveries WHERE state = '{state}'");
    let mut hand = accounts_store::Hand::open(&app.database()).unwrap();
    hand.number(&counted).unwrap()
}

/// Waits until so many are given up.
#[track_caller]
fn given_up(app: &App, many: usize) {
    for _ in 0..600 {
        if count(app, "failed") == i64::try_from(many).unwrap() {
            return;
        }
        std::thread::sleep(Duration::from_millis(25));
    }
    panic!("{} are given up", count(app, "failed"));
}

on_both! {
    roomy();

    fn what_waits_for_a_busy_webhook_is_given_up_once_it_is_disabled(app) {
        let (desk, receiver) = (manager(app), Receiver::start());
        let (hook, _) = hook(&desk, &receiver, &["user.imported"]);
        lay(app, &hook, "pending", "2099-01-01 00:00:00");
        assert_eq!(desk.patch(&hook, json!({ "enabled": false })).expect(200)["enabled"], false);
        given_up(app, MANY);
        assert_eq!(receiver.received().len(), 0);
    }

    fn what_is_left_of_before_it_was_disabled_is_not_sent_and_what_is_asked_for_is(app) {
        let (desk, receiver) = (manager(app), Receiver::start());
        let (hook, _) = hook(&desk, &receiver, &["user.imported"]);
        desk.patch(&hook, json!({ "enabled": false })).expect(200);
        lay(app, &hook, "pending", "2020-01-01 00:00:00");
        let test = desk.post(format!("{hook}/test"), ()).expect(202);
        assert_eq!(receiver.wait_for(1)[0].json()["data"]["id"], test["id"]);
        in_state(&desk, &hook, "delivered", 1);
        given_up(app, MANY);
        desk.post(format!("{hook}/deliveries/dlv_01h455vb4pex5vsknk08000000/redeliver"), ()).expect(202);
        receiver.wait_for(2);
        in_state(&desk, &hook, "delivered", 2);
        assert_eq!(receiver.received().len(), 2);
    }

    fn what_was_given_up_is_not_told_once_it_is_enabled(app) {
        let (desk, receiver) = (manager(app), Receiver::start());
        let (hook, _) = hook(&desk, &receiver, &["user.imported"]);
        lay(app, &hook, "pending", "2099-01-01 00:00:00");
        desk.patch(&hook, json!({ "enabled": false })).expect(200);
        let enabled = desk.patch(&hook, json!({ "enabled": true })).expect(200);
        assert_eq!(enabled["enabled"], true);
        assert_eq!(count(app, "pending"), 0);
        given_up(app, MANY);
    }

    fn a_long_queue_delays_nobody_else(app) {
        let (desk, receiver, other) = (manager(app), Receiver::start(), Receiver::start());
        let (busy, _) = hook(&desk, &receiver, &["user.imported"]);
        hook(&desk, &other, &["contact.added"]);
        lay(app, &busy, "pending", "2020-01-01 00:00:00");
        receiver.wait_for(1);
        given::owner(app, "ana@lima.example").adds_contact("Bea", "bea@lima.example");
        other.wait_for(1);
        assert!(count(app, "pending") > 0, "the other one had to wait for the end of the queue");
    }

    fn a_busy_webhook_is_removed(app) {
        let (desk, receiver) = (manager(app), Receiver::start());
        let (hook, _) = hook(&desk, &receiver, &["user.imported"]);
        lay(app, &hook, "delivered", "2020-01-01 00:00:00");
        let read = desk.get(&hook).expect(200);
        desk.delete(&hook).if_match("\"v9\"").refused(412, "stale");
        manager(app).delete(&hook).refused(404, "not-found");
        assert_eq!(desk.get(&hook).expect(200)["enabled"], true);
        assert_eq!(count(app, "delivered"), i64::try_from(MANY).unwrap());
        desk.delete(&hook).if_match(&read.etag()).expect(204);
        desk.get(&hook).refused(404, "not-found");
        assert_eq!(count(app, "delivered"), 0);
        assert_eq!(log_of(app, &hook), ["webhook.created", "webhook.disabled", "webhook.removed"]);
    }
}
