//! What changes while a delivery is under way, and who notices it.

use super::*;

/// Changes what is kept of the webhooks, as nobody could by the API.
fn by_hand(app: &App, sql: &str) {
    accounts_store::Hand::open(&app.database()).unwrap().run(sql).unwrap();
}

/// Adds a contact, without anything else that a webhook is told of here.
fn happens(app: &App) {
    let ana = scene::owner(app, "ana@lima.example", None);
    scene::unproven(app, ana.account, "bea@lima.example", None);
}

/// A webhook that is moved while its former receiver is about to answer, with that receiver and the present one.
fn moved_before_its_answer(app: &App, desk: &Client, answer: &str) -> (String, Receiver, Receiver) {
    let (former, present) = (Receiver::start(), Receiver::start());
    former.answers(answer);
    former.takes(Duration::from_secs(3));
    let (hook, _) = hook(desk, &former, &["contact.added"]);
    happens(app);
    former.wait_for(1);
    desk.patch(&hook, json!({ "url": present.url() })).expect(200);
    (hook, former, present)
}

on_both! {
    roomy();

    fn a_former_secret_that_opens_no_more_holds_nothing_up(app) {
        let (desk, receiver) = (manager(app), Receiver::start());
        let (hook, _) = hook(&desk, &receiver, &["user.imported"]);
        let second = desk.post(format!("{hook}/rotate-secret"), ()).expect(200).text("secret");
        by_hand(app, "UPDATE webhooks SET former_secret = 'sealed-under-another-secret'");
        desk.post(format!("{hook}/test"), ()).expect(202);
        let received = receiver.wait_for(1).remove(0);
        assert_eq!(received.header("webhook-signature").split(' ').count(), 1);
        assert!(is_signed(&second, &received));
        by_hand(app, "UPDATE webhooks SET secret = 'sealed-under-another-secret'");
        desk.post(format!("{hook}/test"), ()).expect(202);
        let failed = in_state(&desk, &hook, "failed", 1);
        assert_eq!(failed["data/0/last_error"], "its secret cannot be opened");
        assert_eq!(receiver.received().len(), 1);
    }

    fn a_late_answer_of_a_former_address_disables_nothing(app) {
        let desk = manager(app);
        let (hook, former, present) = moved_before_its_answer(app, &desk, "410 Gone");
        refused_by(&desk, &hook, 410);
        // What is to be told is told at the address of now.
        in_time(app, || !present.received().is_empty());
        in_state(&desk, &hook, "delivered", 1);
        let read = desk.get(&hook).expect(200);
        assert_eq!((&read["enabled"], &read["failing_since"]), (&json!(true), &Value::Null));
        assert_eq!((former.received().len(), present.received().len()), (1, 1));
    }

    fn what_is_answered_while_somebody_is_erased_is_not_written_down(app) {
        let (desk, receiver) = (manager(app), Receiver::start());
        receiver.answers("200 OK");
        let (hook, _) = hook(&desk, &receiver, &["contact.added"]);
        let ana = given::owner(app, "ana@lima.example");
        let _ = ana.adds_contact("Cem", "cem@lima.example");
        assert_eq!(in_state(&desk, &hook, "delivered", 1)["data/0/last_answer"], "heard");
        receiver.takes(Duration::from_secs(3));
        let bea = ana.adds_contact("Bea", "bea@lima.example");
        receiver.wait_for(2);
        ana.post(bea.at("/erase"), ()).expect(200);
        let delivered = in_state(&desk, &hook, "delivered", 2);
        assert_eq!(delivered.each("data", "last_status"), ["200", "200"]);
        assert_eq!(delivered.each("data", "last_answer"), ["null", "null"]);
    }

    fn a_late_failure_at_a_former_address_is_not_the_present_one_s(app) {
        let desk = manager(app);
        let (hook, _former, _present) = moved_before_its_answer(app, &desk, "503 Service Unavailable");
        refused_by(&desk, &hook, 503);
        assert!(desk.get(&hook).expect(200)["failing_since"].is_null());
    }

    fn what_is_asked_for_anew_while_a_try_is_under_way_is_tried_anew(app) {
        let (desk, receiver) = (manager(app), Receiver::start());
        receiver.answers("500 Oops");
        receiver.takes(Duration::from_secs(3));
        let (hook, _) = hook(&desk, &receiver, &["user.imported"]);
        let test = desk.post(format!("{hook}/test"), ()).expect(202).text("id");
        receiver.wait_for(1);
        // The first answer is settled by now.
        std::thread::sleep(Duration::from_millis(300));
        receiver.answers("204 No Content");
        receiver.takes(Duration::ZERO);
        let anew = desk.post(format!("{hook}/deliveries/{test}/redeliver"), ()).expect(202);
        assert_eq!((&anew["state"], &anew["attempts"]), (&json!("pending"), &json!(0)));
        assert_eq!(receiver.received().len(), 1, "no two tries are under way at once");
        let taken = in_state(&desk, &hook, "delivered", 1);
        assert_eq!((&taken["data/0/id"], &taken["data/0/attempts"]), (&json!(test), &json!(1)));
        assert_eq!(receiver.received().len(), 2);
    }

    fn a_monitor_sees_what_becomes_of_a_webhook_by_its_tag(app) {
        let (desk, receiver) = (manager(app), Receiver::start());
        receiver.answers("503 Service Unavailable");
        let (hook, _) = hook(&desk, &receiver, &["contact.added"]);
        let first = desk.get(&hook).expect(200);
        desk.get(&hook).if_none_match(&first.etag()).expect(304);
        happens(app);
        refused_by(&desk, &hook, 503);
        let failing = desk.get(&hook).if_none_match(&first.etag()).expect(200);
        assert!(failing["failing_since"].is_string());
        // A further failure shows nothing new.
        let tries = receiver.received().len();
        in_time(app, || receiver.received().len() > tries);
        refused_by(&desk, &hook, 503);
        desk.get(&hook).if_none_match(&failing.etag()).expect(304);
        receiver.answers("204 No Content");
        let waiting = || app.running().wait(app.running().service().store.webhooks_waiting()).unwrap();
        in_time(app, || waiting() == 0);
        let over = desk.get(&hook).if_none_match(&failing.etag()).expect(200);
        assert!(over["failing_since"].is_null());
        desk.patch(&hook, json!({ "description": "Billing" })).if_match(&failing.etag()).refused(412, "stale");
        let changed = desk.patch(&hook, json!({ "description": "Billing" })).if_match(&over.etag()).expect(200);
        assert_eq!(desk.get(&hook).expect(200).etag(), changed.etag());

        desk.post(format!("{hook}/rotate-secret"), ()).expect(200);
        let rotated = desk.get(&hook).expect(200);
        app.clock().advance(TimeDelta::hours(25));
        let purged = app.running().service().store.purge(app.clock().now(), Retention::default(), 500);
        app.running().wait(purged).unwrap();
        let forgotten = desk.get(&hook).if_none_match(&rotated.etag()).expect(200);
        assert!(forgotten["former_secret_until"].is_null());
    }
}
