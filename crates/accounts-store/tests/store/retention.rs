//! What the provider keeps for a while goes when its time is over, and what is left still holds together.

use accounts_domain::actor::By;
use accounts_domain::ids::ContactId;
use accounts_domain::roles::Promote;
use accounts_store::{
    AuditEvent, AuditFilter, AuditSearch, KEPT_FOR, NOTIFICATIONS_REMEMBERED_FOR, Recall, Retention, Store,
};
use chrono::{DateTime, TimeDelta, Utc};

use super::given::{
    NewIds, Place, account, account_at, add, by_hand, creation, kept, member, moment, no_answer, place,
    refused_by_hand, sound, system, under,
};
use super::integrations::integration;

/// So long ago that the schema lets events go, whenever this test runs.
fn long_ago(days: i64) -> DateTime<Utc> {
    moment(-20 * 365 * 24 * 60) + TimeDelta::days(days)
}

const A_MONTH: Retention = Retention {
    audit_events: Some(Retention::LEAST_AUDIT_EVENTS),
    mails: TimeDelta::days(90),
    deliveries: TimeDelta::days(30),
    answers: KEPT_FOR,
};

async fn events(store: &Store, ids: NewIds) -> Vec<AuditEvent> {
    let log = store.audit_events(ids.account, AuditFilter::default(), None, 100);
    log.await.unwrap()
}

fn revisions(events: &[AuditEvent]) -> Vec<i64> {
    let mut revisions: Vec<i64> = events.iter().map(|event| event.revision).collect();
    revisions.dedup();
    revisions
}

async fn promotes(store: &Store, ids: NewIds, to: ContactId, at: DateTime<Utc>) {
    let role = store.catalog().roles()[0].key.clone();
    let command = Promote {
        contact: to,
        roles: [role].into(),
    };
    let by: By = system(at).by();
    let decide = move |roster: &accounts_domain::roster::Roster| roster.promote(by, &command);
    store.decide(ids.account, &system(at), decide, no_answer).await.unwrap();
}

/// Purges the log in steps of one event, and looks after each whether all still holds.
async fn purge(place: &Place, at: DateTime<Utc>, retention: Retention) {
    while place.store.purge(at, retention, 1).await.unwrap() > 0 {
        sound(&place.store, moment(0)).await;
    }
}

#[tokio::test]
async fn events_go_with_their_values_and_the_rest_is_numbered_on() {
    let place = place();
    let store = &place.store;
    let ids = account_at(store, "ana@lima.example", long_ago(0)).await;
    let cem = creation("cem@lima.example");
    add(store, ids.account, cem, &system(long_ago(1))).await.unwrap();
    let (bea, _) = member(store, ids.account, "bea@lima.example").await;
    promotes(store, ids, bea, long_ago(2)).await;
    promotes(store, ids, ids.contact, long_ago(20)).await;
    let before = events(store, ids).await;
    let last = before[0].revision;
    assert_eq!(revisions(&before), (1..=last).rev().collect::<Vec<_>>());

    // What nobody asked to be removed stays, however old it is.
    purge(&place, long_ago(400), Retention::default()).await;
    assert_eq!(events(store, ids).await, before);
    // Nothing is a month old yet.
    let month = Retention::LEAST_AUDIT_EVENTS;
    purge(&place, long_ago(0) + month, A_MONTH).await;
    assert_eq!(events(store, ids).await, before);

    // The account was opened, and Cem was added. What came later in the log stays, however old it says to be.
    purge(&place, long_ago(1) + month + TimeDelta::microseconds(1), A_MONTH).await;
    let after = events(store, ids).await;
    assert_eq!(after, before[..after.len()]);
    assert_eq!(revisions(&after), (3..=last).rev().collect::<Vec<_>>());
    let whole = format!(
        "{:?}",
        store
            .search_audit_events(AuditSearch::default(), None, 100)
            .await
            .unwrap()
    );
    assert!(!whole.contains("cem@lima.example"), "{whole}");
    assert!(whole.contains("bea@lima.example"));

    // Paging goes to the end of what is left, and the next decision is numbered on.
    let page = store.audit_events(ids.account, AuditFilter::default(), Some((4, 0)), 100);
    assert_eq!(revisions(&page.await.unwrap()).last(), Some(&3));
    let page = store.audit_events(ids.account, AuditFilter::default(), Some((2, 0)), 100);
    assert_eq!(page.await.unwrap(), []);
    promotes(store, ids, bea, moment(9)).await;
    assert_eq!(events(store, ids).await[0].revision, last + 1);
    sound(store, moment(10)).await;
}

#[tokio::test]
async fn a_log_may_go_whole_and_goes_on() {
    let place = place();
    let store = &place.store;
    let ids = account_at(store, "ana@lima.example", long_ago(0)).await;
    let untouched = account(store, "zoe@lima.example").await;
    purge(&place, long_ago(100), A_MONTH).await;
    assert_eq!(events(store, ids).await, []);
    assert_eq!(revisions(&events(store, untouched).await), [1]);
    let cem = creation("cem@lima.example");
    add(store, ids.account, cem, &system(moment(1))).await.unwrap();
    assert_eq!(revisions(&events(store, ids).await), [2]);
    sound(store, moment(2)).await;
    // What was not to go cannot be taken away by hand either.
    let refused = refused_by_hand(&place, "DELETE FROM audit_values; DELETE FROM audit_events");
    assert!(refused.contains("never removed before their time"), "{refused}");
}

#[tokio::test]
async fn the_last_thirty_days_stay_whatever_is_asked_for() {
    let place = place();
    let ids = account(&place.store, "ana@lima.example").await;
    let nothing = Retention {
        audit_events: Some(TimeDelta::zero()),
        ..A_MONTH
    };
    let now = Utc::now();
    place.store.purge(now, nothing, 100).await.unwrap_err();
    assert_eq!(revisions(&events(&place.store, ids).await), [1]);
}

#[tokio::test]
async fn answers_are_kept_for_as_long_as_is_said() {
    let place = place();
    let store = &place.store;
    let ids = account(store, "ana@lima.example").await;
    let mut act = under("k", "body", system(moment(0)));
    let longer = KEPT_FOR * 2;
    if let Some(keep) = &mut act.keep {
        keep.kept_for = longer;
    }
    add(store, ids.account, creation("bea@lima.example"), &act)
        .await
        .unwrap();
    let keep = act.keep.unwrap();
    let retention = Retention {
        answers: longer,
        ..Retention::default()
    };
    let last = moment(0) + longer - TimeDelta::microseconds(1);
    while store.purge(last, retention, 100).await.unwrap() > 0 {}
    let answered = Recall::Answered(kept("added"));
    assert_eq!(store.recall(keep.clone(), last).await.unwrap(), answered);
    assert_eq!(
        store.recall(keep.clone(), moment(0) + longer).await.unwrap(),
        Recall::New
    );
    while store.purge(moment(0) + longer, retention, 100).await.unwrap() > 0 {}
    assert_eq!(store.recall(keep, last).await.unwrap(), Recall::New);
}

#[tokio::test]
async fn mails_go_after_they_were_sent_or_given_up_and_wait_for_ever() {
    let place = place();
    let store = &place.store;
    for name in ["ana", "bea", "cem"] {
        account(store, &format!("{name}@lima.example")).await;
    }
    let claimed = store.claim_mails(moment(1), TimeDelta::minutes(1), 2).await.unwrap();
    assert_eq!(claimed.len(), 2);
    store.mail_sent(claimed[0].claim.mail, moment(2)).await.unwrap();
    store
        .mail_given_up(claimed[1].claim, moment(1), "no".to_owned())
        .await
        .unwrap();
    let mails = || accounts_store::schema_walk::rows(&place.database).unwrap()["mails"].len();
    let all = mails();
    let waiting = store.mails_waiting().await.unwrap();
    let days = A_MONTH.mails;
    for (at, gone) in [
        (moment(1) + days - TimeDelta::microseconds(1), 0),
        (moment(1) + days, 1),
        (moment(2) + days - TimeDelta::microseconds(1), 1),
        (moment(2) + days, 2),
        (moment(0) + days * 40, 2),
    ] {
        while store.purge(at, Retention::default(), 1).await.unwrap() > 0 {}
        assert_eq!(mails(), all - gone, "{at}");
    }
    assert_eq!(store.mails_waiting().await.unwrap(), waiting);
}

#[tokio::test]
async fn who_was_told_is_known_for_as_long_as_a_notice_waits() {
    let place = place();
    let store = &place.store;
    let ids = account(store, "ana@lima.example").await;
    account(store, "bea@lima.example").await;
    let claimed = store.claim_mails(moment(1), TimeDelta::minutes(1), 1).await.unwrap();
    store.mail_sent(claimed[0].claim.mail, moment(2)).await.unwrap();
    let notice = format!(
        "INSERT INTO notifications (id, account_id, kind, category, step, revision, created_at)
         VALUES ('ntf_01h455vb4pex5vsknk084sn02q', '{}', 'test', 'invoice', 'owner', 1, '2026-01-01 00:00:00')",
        ids.account
    );
    by_hand(&place, &notice);
    by_hand(
        &place,
        "UPDATE mails SET notification_id = 'ntf_01h455vb4pex5vsknk084sn02q'",
    );
    let mails = || accounts_store::schema_walk::rows(&place.database).unwrap()["mails"].len();
    let (all, late) = (mails(), moment(0) + A_MONTH.mails * 40);
    while store.purge(late, Retention::default(), 100).await.unwrap() > 0 {}
    assert_eq!(mails(), all);
    // What was given up may be tried again for as long as it is there, and then it must be known who was told.
    let just_now = (late - A_MONTH.mails + TimeDelta::seconds(1)).format("%Y-%m-%d %H:%M:%S");
    by_hand(
        &place,
        &format!("UPDATE mails SET failed_at = '{just_now}' WHERE sent_at IS NULL"),
    );
    while store.purge(late, Retention::default(), 100).await.unwrap() > 0 {}
    assert_eq!(mails(), all);
    by_hand(
        &place,
        "UPDATE mails SET failed_at = '2026-01-01 00:00:00' WHERE sent_at IS NULL",
    );
    while store.purge(late, Retention::default(), 100).await.unwrap() > 0 {}
    assert_eq!(mails(), 0);
}

#[tokio::test]
async fn mails_of_notices_stay_for_as_long_as_the_way_out_is_open() {
    let place = place();
    let store = &place.store;
    let ids = account(store, "ana@lima.example").await;
    account(store, "bea@lima.example").await;
    let notice = format!(
        "INSERT INTO notifications (id, account_id, kind, category, step, revision, created_at)
         VALUES ('ntf_01h455vb4pex5vsknk084sn02q', '{}', 'test', 'invoice', 'owner', 1, '2026-01-01 00:00:00')",
        ids.account
    );
    by_hand(&place, &notice);
    let sent = moment(2).format("%Y-%m-%d %H:%M:%S");
    by_hand(&place, &format!("UPDATE mails SET sent_at = '{sent}'"));
    by_hand(
        &place,
        "UPDATE mails SET notification_id = 'ntf_01h455vb4pex5vsknk084sn02q' WHERE id = (SELECT min(id) FROM mails)",
    );
    let counted = |table: &str| accounts_store::schema_walk::rows(&place.database).unwrap()[table].len();
    let all = counted("mails");
    let brief = Retention {
        mails: TimeDelta::days(1),
        ..Retention::default()
    };
    let short = TimeDelta::microseconds(1);
    for (at, left) in [
        (moment(2) + brief.mails - short, all),
        (moment(2) + brief.mails, 1),
        (moment(2) + NOTIFICATIONS_REMEMBERED_FOR - short, 1),
        (moment(2) + NOTIFICATIONS_REMEMBERED_FOR, 0),
    ] {
        while store.purge(at, brief, 1).await.unwrap() > 0 {}
        assert_eq!(counted("mails"), left, "{at}");
        assert_eq!(counted("notifications"), left.min(1), "{at}");
    }
}

#[tokio::test]
async fn deliveries_go_after_they_were_taken_or_given_up_and_wait_for_ever() {
    let place = place();
    let store = &place.store;
    let desk = integration("Desk", &[]);
    assert!(
        store
            .create_integration(desk.clone(), &system(moment(0)))
            .await
            .unwrap()
    );
    let hook = format!(
        "INSERT INTO webhooks (id, integration_id, url, types, secret, version, created_at, updated_at)
         VALUES ('whk_1', '{}', 'https://hooks.lima.example/', '[]', 'sealed', 1, '2027-01-01 00:00:00',
                 '2027-01-01 00:00:00')",
        desk.id
    );
    by_hand(&place, &hook);
    let ended = moment(2).format("'%Y-%m-%d %H:%M:%S'").to_string();
    for (id, state, ended) in [
        ("dlv_1", "pending", "NULL"),
        ("dlv_2", "delivered", ended.as_str()),
        ("dlv_3", "failed", ended.as_str()),
    ] {
        let delivery = format!(
            "INSERT INTO webhook_deliveries
                 (id, webhook_id, kind, state, created_at, began_at, attempts, next_attempt_at, ended_at)
             VALUES ('{id}', 'whk_1', 'contact.added', '{state}', '2027-01-01 00:00:00', '2027-01-01 00:00:00', 1,
                     '2027-01-01 00:00:00', {ended})"
        );
        by_hand(&place, &delivery);
    }
    let left = || accounts_store::schema_walk::rows(&place.database).unwrap()["webhook_deliveries"].len();
    let brief = Retention {
        deliveries: TimeDelta::days(4),
        ..Retention::default()
    };
    let usual = Retention::default();
    for (at, retention, count) in [
        (moment(2) + brief.deliveries, usual, 3),
        (moment(2) + brief.deliveries - TimeDelta::microseconds(1), brief, 3),
        (moment(2) + brief.deliveries, brief, 1),
        (moment(2) + usual.deliveries * 40, brief, 1),
    ] {
        while store.purge(at, retention, 1).await.unwrap() > 0 {}
        assert_eq!(left(), count, "{at}");
    }
}
