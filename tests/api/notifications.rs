//! Notices to a category: who gets them, in which language, what has become of each, and the way out of them.

use accounts_domain::{actor::Actor, roster::AccountStatus};
use accounts_store::{Act, Kept, Retention};
use accounts_tests::{
    App, Client, Mail, Setup,
    given::{self, Contact, Person},
    json, on_both,
};
use chrono::TimeDelta;

const SENDS: &[&str] = &["notifications:send"];

/// The states of a notice's mails, by address.
fn states(reader: &Client, path: &str) -> Vec<(String, String, String)> {
    let notice = reader.get(path).expect(200);
    let each = notice.list("recipients").iter();
    each.map(|recipient| {
        let word = |name: &str| recipient[name].as_str().unwrap_or_default().to_owned();
        (word("address"), word("part"), word("state"))
    })
    .collect()
}

fn state(address: &str, part: &str, state: &str) -> (String, String, String) {
    (address.to_owned(), part.to_owned(), state.to_owned())
}

fn header<'m>(mail: &'m Mail, name: &str) -> Option<&'m str> {
    let (head, _) = mail.raw.split_once("\r\n\r\n").unwrap();
    head.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

/// The notices that an address got.
fn notices(app: &App, address: &str) -> Vec<Mail> {
    let mut mails = app.mails_to(address);
    mails.retain(|mail| mail.subject.contains("provider") || mail.subject.contains("fournisseur"));
    mails
}

/// Changes the status of an account as the provider does.
fn turns(app: &App, account: &str, status: AccountStatus) {
    let service = app.running().service();
    let act = Act {
        actor: Actor::System,
        at: app.clock().now(),
        request_id: None,
        keep: None,
    };
    let (store, account) = (service.store.clone(), account.parse().unwrap());
    let kept = |_: &accounts_store::Decision| Kept::nothing();
    let decided = app.running().wait(async move {
        store
            .decide(account, &act, move |roster| Ok(roster.change_status(status)), kept)
            .await
    });
    decided.unwrap();
}

/// Bea speaks French and holds billing, Cem subscribes to product news.
fn company(app: &App) -> (Person<'_>, given::Contact, given::Contact) {
    let ana = given::owner(app, "ana@example.com");
    let bea = ana.adds(json!({ "display_name": "Bea", "address": "bea@example.com", "language": "fr" }));
    ana.verifies(&bea);
    let cem = ana.adds_verified("Cem", "cem@example.com");
    ana.promotes(&bea, &["billing"]).expect(200);
    let wishes = json!({ "categories": ["product_news"] });
    ana.put(cem.at("/subscriptions"), wishes).expect(200);
    (ana, bea, cem)
}

on_both! {
    fn a_notice_reaches_each_recipient_in_its_own_language(app) {
        let (ana, bea, _) = company(app);
        let desk = given::integration(app, SENDS);
        let sent = given::notice(&desk, &ana.account, "invoice");
        assert_eq!(sent["kind"], "notice");
        assert_eq!(sent["step"], "primary_holder");
        assert_eq!(sent["recipients/0/contact_id"], json!(bea.id));
        assert_eq!(sent["recipients/0/state"], "queued");
        assert_eq!(sent["subjects/fr"], "Un mot de votre fournisseur");
        let location = sent.header("location").to_owned();
        assert_eq!(location, format!("/v1/notifications/{}", sent.text("id")));

        let french = notices(app, "bea@example.com");
        assert_eq!(french.len(), 1);
        assert_eq!(french[0].subject, "Un mot de votre fournisseur");
        assert!(french[0].text.contains("Bonjour Bea"), "{}", french[0].text);
        let english = notices(app, "ana@example.com").pop().unwrap();
        assert!(english.text.replace('\r', "").contains("First line\nsecond line\n\nSecond <paragraph>."), "{}", english.text);
        assert!(english.html.contains("First line<br>second line"), "{}", english.html);
        assert!(english.html.contains("Second &lt;paragraph&gt;."), "{}", english.html);
        let expected = [
            state("bea@example.com", "to", "sent"),
            state("ana@example.com", "cc", "sent"),
        ];
        assert_eq!(states(&desk, &location), expected);
        let own = ana.at(&format!("/notifications/{}", sent.text("id")));
        assert_eq!(states(&ana, &own), expected);
        assert_eq!(ana.get(ana.at("/notifications")).expect(200).each("data", "id"), [sent.text("id")]);
        assert_eq!(desk.get("/v1/notifications").expect(200).each("data", "id"), [sent.text("id")]);
        given::integration(app, SENDS).get(&location).refused(404, "not-found");
    }

    fn a_repeat_with_the_same_key_sends_nothing_twice(app) {
        let (ana, ..) = company(app);
        let desk = given::integration(app, SENDS);
        let body = json!({
            "category": "invoice",
            "content": { "en": { "subject": "A word from your provider", "text": "Once." } },
        });
        let path = format!("/v1/accounts/{}/notifications", ana.account);
        let send = || desk.post(&path, body.clone()).header("Idempotency-Key", "november");
        let first = send().expect(201);
        let again = send().expect(201);
        assert_eq!(first.text("id"), again.text("id"));
        assert_eq!(again.header("idempotency-replayed"), "true");
        // A reader of another language gets what there is.
        assert_eq!(notices(app, "bea@example.com").len(), 1);
        let event = ana.get(ana.at("/audit-events?type=notification.queued")).expect(200);
        assert_eq!(event.list("data").len(), 1);
        assert_eq!(event["data/0/subject/id"], first["id"]);
        assert!(!event.to_string().contains("bea@example.com"), "{event}");
    }

    fn what_cannot_be_sent_is_refused_where_it_stands(app) {
        let (ana, ..) = company(app);
        let desk = given::integration(app, SENDS);
        let path = format!("/v1/accounts/{}/notifications", ana.account);
        let words = json!({ "en": { "subject": "S", "text": "T" } });
        let with = |category: &str, opened_by: Option<&str>, content: &serde_json::Value| {
            desk.post(&path, json!({ "category": category, "opened_by": opened_by, "content": content }))
        };
        with("gossip", None, &words).refused(422, "invalid-fields").fault("/category", "unknown-category");
        let stranger = "con_01h455vb4pex5vsknk084sn02q";
        with("ticket_reply", Some(stranger), &words).refused(422, "invalid-fields").fault("/opened_by", "unknown-opener");
        with("invoice", None, &json!({})).refused(422, "invalid-fields").fault("/content", "required");
        let lines = json!({ "en": { "subject": "two\nlines", "text": "T" } });
        with("invoice", None, &lines).refused(422, "invalid-fields").fault("/content/en/subject", "forbidden-character");
        assert!(notices(app, "bea@example.com").is_empty());
        turns(app, &ana.account, AccountStatus::Closed);
        with("invoice", None, &words).refused(409, "account-closed");
    }

    fn a_suspended_account_is_told(app) {
        let (ana, ..) = company(app);
        turns(app, &ana.account, AccountStatus::Suspended);
        given::notice(&given::integration(app, SENDS), &ana.account, "invoice");
        assert_eq!(notices(app, "bea@example.com").len(), 1);
        let test = json!({ "category": "invoice" });
        ana.post(ana.at("/notifications/test"), test).refused(409, "account-suspended");
    }

    fn a_test_message_says_that_it_is_one_and_there_are_not_too_many(app) {
        let (ana, ..) = company(app);
        let test = json!({ "category": "invoice" });
        let sent = ana.post(ana.at("/notifications/test"), test.clone()).expect(201);
        assert_eq!(sent["kind"], "test");
        assert!(sent["subjects"].is_null());
        let mail = app.mail_to("bea@example.com");
        assert!(mail.subject.starts_with("Message d’essai"), "{}", mail.subject);
        assert!(app.mail_to("ana@example.com").subject.contains("Test message: Invoices"));
        for _ in 1..20 {
            ana.post(ana.at("/notifications/test"), test.clone()).expect(201);
        }
        ana.post(ana.at("/notifications/test"), test).refused(429, "too-many-requests");
    }

    fn r_51_a_loop_that_does_not_end_is_stopped(app) {
        let (ana, ..) = company(app);
        let desk = given::integration(app, SENDS);
        given::notice(&desk, &ana.account, "invoice");
        let mut hand = accounts_store::Hand::open(&app.database()).unwrap();
        hand.run("UPDATE throttles SET count = 9999 WHERE key LIKE 'notice:account:%'").unwrap();
        let path = format!("/v1/accounts/{}/notifications", ana.account);
        let content = json!({ "en": { "subject": "Once more", "text": "And again." } });
        let notice = json!({ "category": "invoice", "content": content });
        // What is refused was no notice.
        let mut nobodys = notice.clone();
        nobodys["opened_by"] = json!("con_01h455vb4pex5vsknk084sn02q");
        desk.post(&path, nobodys).refused(422, "invalid-fields").fault("/opened_by", "unknown-opener");
        given::notice(&desk, &ana.account, "invoice");
        let refused = desk.post(&path, notice.clone()).refused(429, "too-many-requests");
        let wait: i64 = refused.header("Retry-After").parse().unwrap();
        let other = given::owner(app, "eve@example.com");
        given::notice(&desk, &other.account, "invoice");
        given::notice(&given::integration(app, SENDS), &ana.account, "invoice");
        app.clock().advance(TimeDelta::seconds(wait));
        desk.post(&path, notice).expect(201);
    }

    fn whoever_wished_to_be_told_gets_out_with_one_click(app) {
        let (ana, _, cem) = company(app);
        let desk = given::integration(app, SENDS);
        given::notice(&desk, &ana.account, "product_news");
        let mail = notices(app, "cem@example.com").pop().unwrap();
        let token = mail.unsubscribe_token();
        let link = header(&mail, "List-Unsubscribe").unwrap();
        assert!(link.starts_with("<http") && link.ends_with(&format!("/unsubscribe/{token}>")), "{link}");
        assert_eq!(header(&mail, "List-Unsubscribe-Post"), Some("List-Unsubscribe=One-Click"));
        // Reading the page changes nothing.
        let page = app.client().get(format!("/unsubscribe/{token}?lang=fr")).expect(200);
        assert!(page.body().contains("Nouveautés des produits"), "{page}");
        let wishes = || ana.get(cem.at("")).expect(200)["subscriptions"].clone();
        assert_eq!(wishes(), json!(["product_news"]));
        for _ in 0..2 {
            let click = app.client().request("POST", format!("/unsubscribe/{token}"));
            click
                .body("application/x-www-form-urlencoded", "List-Unsubscribe=One-Click".to_owned())
                .expect(200);
            assert_eq!(wishes(), json!([]));
        }
        given::notice(&desk, &ana.account, "product_news");
        assert_eq!(notices(app, "cem@example.com").len(), 1);
        let event = ana.get(ana.at("/audit-events?type=contact.subscriptions_changed")).expect(200);
        assert_eq!(event["data/0/actor/kind"], "link");
        assert_eq!(event["data/0/data"], json!({ "categories": [], "former_categories": ["product_news"] }));
    }

    fn the_way_out_is_open_for_thirty_days_however_short_mails_are_kept(app) {
        let (ana, _, _) = company(app);
        given::notice(&given::integration(app, SENDS), &ana.account, "product_news");
        let token = notices(app, "cem@example.com").pop().unwrap().unsubscribe_token();
        let shortest = Retention { mails: TimeDelta::days(1), ..Retention::default() };
        let later = app.clock().now() + TimeDelta::days(29);
        app.running().wait(app.running().service().store.purge(later, shortest, 500)).unwrap();
        app.client().get(format!("/unsubscribe/{token}")).expect(200);
    }

    fn a_way_out_leads_nowhere_once_its_category_is_mandatory(app) {
        let (ana, _, cem) = company(app);
        given::notice(&given::integration(app, SENDS), &ana.account, "product_news");
        let token = notices(app, "cem@example.com").pop().unwrap().unsubscribe_token();
        let mandatory = "UPDATE notifications SET category = 'invoice'";
        accounts_store::Hand::open(&app.database()).unwrap().run(mandatory).unwrap();
        app.client().get(format!("/unsubscribe/{token}")).refused(404, "not-found");
        app.client().post(format!("/unsubscribe/{token}"), ()).refused(404, "not-found");
        assert_eq!(ana.get(cem.at("")).expect(200)["subscriptions"], json!(["product_news"]));
    }

    fn nobody_gets_out_of_what_comes_with_a_place(app) {
        let (ana, ..) = company(app);
        given::notice(&given::integration(app, SENDS), &ana.account, "invoice");
        for address in ["ana@example.com", "bea@example.com"] {
            let mail = notices(app, address).pop().unwrap();
            assert_eq!(header(&mail, "List-Unsubscribe"), None, "{address}");
            assert!(!mail.text.contains("/unsubscribe/"), "{}", mail.text);
        }
    }

    fn a_link_that_is_none_of_ours_gets_nobody_out(app) {
        let (ana, _, cem) = company(app);
        given::notice(&given::integration(app, SENDS), &ana.account, "product_news");
        let token = notices(app, "cem@example.com").pop().unwrap().unsubscribe_token();
        let other = notices(app, "ana@example.com").pop().unwrap().unsubscribe_token();
        let (id, seal) = (token.split_once('.').unwrap().0, other.split_once('.').unwrap().1);
        for wrong in [format!("{id}.{seal}"), id.to_owned(), "x".repeat(300)] {
            app.client().post(format!("/unsubscribe/{wrong}"), ()).refused(404, "not-found");
        }
        assert_eq!(ana.get(cem.at("")).expect(200)["subscriptions"], json!(["product_news"]));
    }
}

/// Bea, who is told as a contact and as a member at one address, and a notice that she has and that Cem is still to get.
fn half_told<'a>(app: &'a App, ana: &Person<'a>) -> (Person<'a>, Contact) {
    let bea = given::member_of(ana, "bea@example.com", json!({ "all_permissions": true }));
    let mailbox = ana.adds_contact("Bea’s mailbox", "bea@example.com");
    let cem = ana.adds_contact("Cem", "cem@example.com");
    let wished = || json!({ "categories": ["invoices"] });
    for place in [mailbox.at(""), cem.at(""), ana.at(&format!("/members/{}", bea.user()))] {
        bea.put(format!("{place}/subscriptions"), wished()).expect(200);
    }
    given::notice(&given::integration(app, SENDS), &ana.account, "invoices");
    assert_eq!(
        (
            notices(app, "bea@example.com").len(),
            notices(app, "cem@example.com").len()
        ),
        (1, 1)
    );
    let waits = "UPDATE mails SET sent_at = NULL, claimed_until = NULL WHERE address_key = 'cem@example.com' AND notification_id IS NOT NULL";
    accounts_store::Hand::open(&app.database()).unwrap().run(waits).unwrap();
    (bea, mailbox)
}

/// Cem's mail has gone out another time by now, and Bea has got no second one.
#[track_caller]
fn told_once(app: &App, ana: &Person<'_>) {
    assert_eq!(notices(app, "bea@example.com").len(), 1);
    let notice = ana.get(ana.at("/notifications")).expect(200)["data/0"].clone();
    let mut told = notice["recipients"].as_array().unwrap().iter();
    let of_cem = told.find(|told| told["address"] == "cem@example.com").unwrap();
    assert_eq!(
        (&of_cem["attempts"], &of_cem["state"]),
        (&json!(2), &json!("sent")),
        "{notice}"
    );
}

on_both! {
    Setup::preset("hosting");

    fn a_contact_is_not_told_again_because_the_user_at_its_address_goes(app) {
        let ana = given::owner(app, "ana@example.com");
        let (bea, _) = half_told(app, &ana);
        bea.post("/v1/me/erase", ()).expect(200);
        told_once(app, &ana);
    }

    fn a_member_is_not_told_again_because_the_contact_at_its_address_goes(app) {
        let ana = given::owner(app, "ana@example.com");
        let (_, mailbox) = half_told(app, &ana);
        ana.post(mailbox.at("/erase"), ()).expect(200);
        told_once(app, &ana);
    }
}
