//! Notices while the mail server is away: to whom they go is worked out when they are sent, and a double can be told by
//! its `Message-ID`.

use std::{
    thread,
    time::{Duration, Instant},
};

use accounts_tests::{
    Answer, App, Client, Db, Setup,
    given::{self, Contact, Person},
    json,
};
use chrono::TimeDelta;

use super::post_office::{PostOffice, Way, link_in, recipient};

fn start(db: Db, office: &PostOffice) -> App {
    Setup::standard().setting("ACCOUNTS_SMTP_URL", &office.url()).start(db)
}

/// What was refused is tried again, as if time had passed.
fn until_nothing_waits(app: &App) {
    until_nothing_waits_with(app, TimeDelta::minutes(6));
}

fn until_nothing_waits_with(app: &App, step: TimeDelta) {
    let store = app.running().service().store.clone();
    let begun = Instant::now();
    loop {
        app.clock().advance(step);
        app.running().service().mail_waits.notify_one();
        let store = store.clone();
        if app.running().wait(async move { store.mails_waiting().await }).unwrap() == 0 {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(40), "mails still wait");
        thread::sleep(Duration::from_millis(50));
    }
}

/// What the newest mail to an address brings is sent to where its link leads.
fn follows(app: &App, office: &PostOffice, address: &str, path: &str, password: bool) {
    until_nothing_waits_with(app, TimeDelta::zero());
    let mails = office.taken();
    let mail = mails.iter().rev().find(|mail| recipient(mail) == address).unwrap();
    let mut body = json!({ "token": link_in(mail) });
    if password {
        body["password"] = json!(given::PASSWORD);
    }
    let status = if path.ends_with("sign-ups/confirm") { 201 } else { 200 };
    app.client().post(path, body).expect(status);
}

/// An owner whose mail goes by the post office.
fn owner<'a>(app: &'a App, office: &PostOffice) -> Person<'a> {
    let address = "ana@example.com";
    app.client().post("/v1/sign-ups", given::sign_up(address)).expect(202);
    follows(app, office, address, "/v1/sign-ups/confirm", true);
    given::logged_in(app, address)
}

fn verified(ana: &Person<'_>, app: &App, office: &PostOffice, name: &str) -> Contact {
    let address = format!("{name}@example.com");
    let contact = ana.adds_contact(name, &address);
    ana.post(contact.at("/verification"), ()).expect(202);
    follows(app, office, &address, "/v1/contact-verifications/confirm", false);
    contact
}

fn message_id(mail: &str) -> String {
    let line = mail.lines().find(|line| line.starts_with("Message-ID: "));
    line.unwrap().trim_end().to_owned()
}

/// Whom the mails of a notice went to, and what has become of each.
fn of_notice(office: &PostOffice) -> Vec<String> {
    let notices = office
        .taken()
        .into_iter()
        .filter(|mail| mail.contains("A word from your provider"));
    let mut to: Vec<String> = notices.map(|mail| recipient(&mail)).collect();
    to.sort();
    to
}

/// An invoice's notice that was tried once, and refused by a post office which goes on refusing; and who has sent it.
fn refused_once(app: &App, office: &PostOffice, ana: &Person<'_>) -> (Client, Answer) {
    office.turns(Way::Refuses);
    let desk = given::integration(app, &["notifications:send", "deliverability:report"]);
    let sent = given::notice(&desk, &ana.account, "invoice");
    let begun = Instant::now();
    while desk.get(sent.header("location")).expect(200)["recipients/0/error"].is_null() {
        assert!(begun.elapsed() < Duration::from_secs(40), "it is not tried");
        thread::sleep(Duration::from_millis(20));
    }
    (desk, sent)
}

/// Nobody but Bea receives invoices, who is their primary holder.
fn billed<'a>(app: &'a App, office: &PostOffice) -> (Person<'a>, Contact) {
    let ana = owner(app, office);
    let bea = verified(&ana, app, office, "bea");
    ana.promotes(&bea, &["billing"]).expect(200);
    let own = ana.contact();
    ana.put(own.at("/subscriptions"), json!({ "categories": [] }))
        .expect(200);
    ana.delete(own.at("/roles/billing")).expect(204);
    until_nothing_waits_with(app, TimeDelta::zero());
    (ana, bea)
}

fn goes_to_whoever_is_in_charge_when_it_is_sent(db: Db) {
    let office = PostOffice::open(Way::Takes);
    let app = &start(db, &office);
    let (ana, bea) = billed(app, &office);
    let cem = verified(&ana, app, &office, "cem");
    until_nothing_waits_with(app, TimeDelta::zero());

    let (desk, sent) = refused_once(app, &office, &ana);
    assert_eq!(sent.each("recipients", "address"), ["bea@example.com"]);
    ana.promotes(&cem, &["billing"]).expect(200);
    ana.delete(bea.at("/roles/billing")).expect(204);
    office.turns(Way::Takes);
    until_nothing_waits(app);
    assert_eq!(of_notice(&office), ["cem@example.com"]);
    let seen = desk.get(sent.header("location")).expect(200);
    assert_eq!(
        seen.each("recipients", "address"),
        ["bea@example.com", "cem@example.com"]
    );
    assert_eq!(seen.each("recipients", "state"), ["withdrawn", "sent"]);
    assert_eq!(seen["recipients/0/withdrawn"], "no_reason");
}

fn does_not_go_where_mail_has_come_back_from_since(db: Db) {
    let office = PostOffice::open(Way::Takes);
    let app = &start(db, &office);
    let (ana, _) = billed(app, &office);
    let (desk, sent) = refused_once(app, &office, &ana);
    let report = json!({ "address": "bea@example.com", "deliverability": "bounced" });
    desk.post("/v1/deliverability-reports", report).expect(200);
    office.turns(Way::Takes);
    until_nothing_waits(app);
    // Somebody has to learn of an invoice.
    assert_eq!(of_notice(&office), ["ana@example.com"]);
    let seen = desk.get(sent.header("location")).expect(200);
    assert_eq!(seen.each("recipients", "state"), ["withdrawn", "sent"]);
    assert_eq!(seen["recipients/0/withdrawn"], "bounced");
}

fn goes_on_when_whom_it_was_for_is_erased(db: Db) {
    let office = PostOffice::open(Way::Takes);
    let app = &start(db, &office);
    let (ana, bea) = billed(app, &office);
    let cem = verified(&ana, app, &office, "cem");
    until_nothing_waits_with(app, TimeDelta::zero());
    let (desk, sent) = refused_once(app, &office, &ana);
    ana.promotes(&cem, &["billing"]).expect(200);
    ana.delete(bea.at("/roles/billing")).expect(204);
    ana.post(bea.at("/erase"), ()).expect(200);
    let waits = desk.get(sent.header("location")).expect(200);
    // The worker may have gone on with it by now.
    assert_eq!(waits.each("recipients", "address")[0], "ana@example.com");
    office.turns(Way::Takes);
    until_nothing_waits(app);
    assert_eq!(of_notice(&office), ["cem@example.com"]);
    let seen = desk.get(sent.header("location")).expect(200);
    assert_eq!(seen.each("recipients", "state"), ["withdrawn", "sent"]);
}

#[test]
fn a_notice_goes_on_when_whom_it_was_for_is_erased_on_sqlite() {
    goes_on_when_whom_it_was_for_is_erased(Db::Sqlite);
}

#[test]
fn a_notice_goes_on_when_whom_it_was_for_is_erased_on_postgres() {
    goes_on_when_whom_it_was_for_is_erased(Db::Postgres);
}

#[test]
fn a_notice_does_not_go_where_mail_has_come_back_from_since_on_sqlite() {
    does_not_go_where_mail_has_come_back_from_since(Db::Sqlite);
}

#[test]
fn a_notice_does_not_go_where_mail_has_come_back_from_since_on_postgres() {
    does_not_go_where_mail_has_come_back_from_since(Db::Postgres);
}

#[test]
fn a_notice_goes_to_whoever_is_in_charge_when_it_is_sent_on_sqlite() {
    goes_to_whoever_is_in_charge_when_it_is_sent(Db::Sqlite);
}

#[test]
fn a_notice_goes_to_whoever_is_in_charge_when_it_is_sent_on_postgres() {
    goes_to_whoever_is_in_charge_when_it_is_sent(Db::Postgres);
}

#[test]
fn every_try_bears_the_same_message_id() {
    let office = PostOffice::open(Way::NotYet);
    let app = &start(Db::Sqlite, &office);
    office.turns(Way::Takes);
    let ana = owner(app, &office);
    until_nothing_waits_with(app, TimeDelta::zero());
    office.turns(Way::NotYet);
    given::notice(
        &given::integration(app, &["notifications:send"]),
        &ana.account,
        "product_news",
    );
    let begun = Instant::now();
    let heard = || {
        let all = office.heard().into_iter();
        all.filter(|mail| mail.contains("A word from your provider"))
            .collect::<Vec<_>>()
    };
    while heard().len() < 2 {
        assert!(begun.elapsed() < Duration::from_secs(40), "it is not tried again");
        app.clock().advance(TimeDelta::minutes(6));
        app.running().service().mail_waits.notify_one();
        thread::sleep(Duration::from_millis(50));
    }
    office.turns(Way::Takes);
    until_nothing_waits(app);
    let ids: Vec<String> = heard().iter().map(|mail| message_id(mail)).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!(of_notice(&office), ["ana@example.com"]);
}

#[test]
fn a_refusal_is_shown_without_the_token_of_the_mail() {
    let office = PostOffice::open(Way::Takes);
    let app = &start(Db::Sqlite, &office);
    let ana = owner(app, &office);
    until_nothing_waits_with(app, TimeDelta::zero());
    office.turns(Way::Never);
    let desk = given::integration(app, &["notifications:send"]);
    let sent = given::notice(&desk, &ana.account, "product_news");
    until_nothing_waits(app);
    let seen = desk.get(sent.header("location")).expect(200);
    assert_eq!(seen.each("recipients", "state"), ["failed"]);
    assert!(
        seen.text("recipients/0/error").starts_with("permanent error (554)"),
        "{seen}"
    );
    let mail = office.heard().pop().unwrap();
    let (_, rest) = mail.split_once("/unsubscribe/").unwrap();
    let token: String = rest.chars().take_while(|c| !matches!(c, '>' | '\r' | '\n')).collect();
    assert!(!seen.to_string().contains(&token), "{seen}");
}
