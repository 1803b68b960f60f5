//! A person takes everything along, and goes: nothing of name, address and telephone is left in any table.

use std::fmt::Write as _;

use accounts_domain::operators::OperatorKind;
use accounts_store::Retention;
use accounts_tests::given::{self, PASSWORD, Person};
use accounts_tests::{App, Setup, json, on_both, scene, staff};
use serde_json::Value;

const ADDRESS: &str = "bettina@kestrel.example";
const NAME: &str = "Bettina Kestrel";
const PHONE: &str = "+33612345678";

/// What would tell of the person, however it is folded.
const TRACES: [&str; 5] = ["bettina", "kestrel", "612345678", "bk@home.example", "bk@work.example"];

/// Somebody with a place and a contact in Ana's account, and with all that comes with a life there.
fn bettina<'a>(app: &'a App, ana: &Person<'a>) -> (Person<'a>, given::Contact) {
    let contact = ana.adds(json!({
        "display_name": NAME,
        "first_name": "Bettina",
        "last_name": "Kestrel",
        "address": ADDRESS,
        "more_addresses": ["bk@home.example"],
        "phones": [{ "number": PHONE, "kind": "mobile" }],
        "login": { "permissions": ["contacts:view", "contacts:manage", "members:manage"] },
    }));
    ana.verifies(&contact);
    let bettina = given::logged_in(app, ADDRESS);
    let language = json!({ "language": "fr" });
    bettina.patch("/v1/me", language).expect(200);
    (bettina, contact)
}

/// The rows of any table that tell of the person.
fn traces(app: &App) -> Vec<String> {
    let rows = app.rows();
    let all = rows
        .iter()
        .flat_map(|(table, rows)| rows.iter().map(move |row| format!("{table}: {row}")));
    all.filter(|row| {
        let row = row.to_lowercase();
        TRACES.iter().any(|trace| row.contains(trace)) || row.contains(&hex("bettina"))
    })
    .collect()
}

/// Bytes may be shown as such.
fn hex(text: &str) -> String {
    text.bytes().fold(String::new(), |mut digits, byte| {
        write!(digits, "{byte:02x}").unwrap();
        digits
    })
}

/// Invitations are forgotten by now, with what else has had its time.
fn long_after(app: &App) {
    app.clock().advance(chrono::TimeDelta::days(100));
    let store = &app.running().service().store;
    let purge = || {
        app.running()
            .wait(store.purge(app.clock().now(), Retention::default(), 500))
    };
    while purge().unwrap() > 0 {}
    assert!(app.rows()["invitations"].is_empty());
}

#[track_caller]
fn sound(app: &App) {
    let findings = accounts_store::check(
        &app.database(),
        app.running().service().store.catalog(),
        app.clock().now(),
    )
    .unwrap();
    assert!(findings.is_empty(), "{findings:?}");
}

on_both! {
    fn nothing_of_name_address_and_telephone_is_left_in_any_table(app) {
        let ana = given::owner(app, "ana@lima.example");
        let dan = given::owner(app, "dan@other.example");
        let zoe = given::owner(app, "zoe@third.example");
        let (bettina, contact) = bettina(app, &ana);
        let kept = |request: accounts_tests::client::Request, key: &str| request.idempotency_key(key);
        // She invites, asks, is asked, has keys, wishes for another address, forgets her password, and signs up again.
        bettina.invites("gus@lima.example", &json!([])).expect(201);
        kept(bettina.post(bettina.at("/contacts"), json!({ "display_name": "Hal", "address": "hal@lima.example" })), "hal").expect(201);
        dan.invites(ADDRESS, &json!([])).expect(201);
        let token = app.mail_to(ADDRESS).link_token();
        kept(app.client().post("/v1/invitations/decline", json!({ "token": token })), "no").send();
        kept(zoe.post(zoe.at("/invitations"), json!({ "address": ADDRESS, "display_name": NAME })), "zoe").expect(201);
        bettina.asks_to_join(&json!({ "account_id": dan.account, "message": "Bettina, from the fair" })).expect(202);
        zoe.asks_to_join(&json!({ "owner_address": ADDRESS })).expect(202);
        let key = json!({ "name": "Bettina's scripts", "permissions": ["contacts:view"] });
        let key = bettina.post("/v1/me/api-keys", key).expect(201).text("key");
        let by_key = app.client().with_token(&key);
        by_key.get(bettina.at("/contacts")).expect(200);
        bettina.post("/v1/me/email-change", json!({ "address": "bk-2@new.example" })).send();
        app.client().post("/v1/password-resets", json!({ "address": ADDRESS })).expect(202);
        app.client().post("/v1/sign-ups", given::sign_up(ADDRESS)).expect(202);
        let edit = json!({ "title": "Kestrel in chief" });
        bettina.patch(contact.path(), edit).expect(200);
        kept(ana.post(contact.at("/promote"), json!({ "roles": ["billing"] })), "promote").expect(200);
        ana.promotes(&ana.contact(), &["billing"]).expect(200);
        ana.takes(&contact, "billing").expect(204);
        let sue = staff::operator(app, OperatorKind::Admin, "sue@provider.example");
        let retry = format!("/v1/operator/mails/{}/retry", scene::given_up_mail(app, ADDRESS));
        kept(sue.post(retry, json!({ "reason": staff::REASON })), "retry").expect(202);
        app.mails();
        assert!(traces(app).len() > 20, "{:#?}", traces(app));

        let look = bettina.post("/v1/me/erase?dry_run=true", ()).expect(200);
        assert_eq!(look["accounts"], json!([{ "id": ana.account, "name": "Ana Ltd", "contact_id": contact.id }]));
        assert_eq!((&look["dry_run"], &look["api_keys"]), (&json!(true), &json!(1)));
        bettina.get("/v1/me").expect(200);
        let done = bettina.post("/v1/me/erase", ()).expect(200);
        assert_eq!(done["dry_run"], false);
        for counted in ["accounts", "sessions", "api_keys", "invitations", "join_requests"] {
            assert_eq!(done[counted], look[counted], "{counted}");
        }
        let left = traces(app);
        assert!(left.is_empty(), "{left:#?}");
        sound(app);

        // It acts at once, and the rest of the account is as it was.
        bettina.get("/v1/me").refused(401, "unauthenticated");
        by_key.get(bettina.at("/contacts")).refused(401, "unauthenticated");
        bettina.post("/v1/me/erase", ()).refused(401, "unauthenticated");
        app.client().post("/v1/sessions", json!({ "address": ADDRESS, "password": PASSWORD })).refused(401, "invalid-credentials");
        let names = ana.get(ana.at("/contacts")).expect(200).each("data", "display_name");
        assert_eq!(names, ["Ana", "Hal"]);
        // What happened is told still, and not whom it happened to.
        let events = ana.get(ana.at(&format!("/audit-events?subject={}", contact.id))).expect(200);
        let kinds = events.each("data", "type");
        assert!(kinds.contains(&"contact.added".to_owned()) && kinds.contains(&"contact.erased".to_owned()), "{kinds:?}");
        for event in events.list("data") {
            for change in event["changes"].as_array().unwrap() {
                assert_eq!((&change["before"], &change["after"]), (&Value::Null, &Value::Null), "{event}");
            }
        }
    }

    fn who_wishes_for_anothers_address_takes_nothing_of_theirs_away(app) {
        const THEIRS: &str = "vic@other.example";
        let ana = given::owner(app, "ana@lima.example");
        let zoe = given::owner(app, "zoe@third.example");
        let (bettina, _) = bettina(app, &ana);
        zoe.invites(THEIRS, &json!([])).expect(201);
        app.client().post("/v1/sign-ups", given::sign_up(THEIRS)).expect(202);
        let kept = || {
            let of = |table: &str| app.rows()[table].iter().filter(|row| row.contains(THEIRS)).count();
            (of("sign_ups"), of("mails"), of("invitations"))
        };
        app.mails();
        let before = kept();
        assert!(before.0 == 1 && before.1 >= 2 && before.2 == 1, "{before:?}");
        bettina.post("/v1/me/email-change", json!({ "address": THEIRS })).expect(202);
        app.mails();
        bettina.post("/v1/me/erase", ()).expect(200);
        assert_eq!(kept(), before);
        let left = traces(app);
        assert!(left.is_empty(), "{left:#?}");
        assert_eq!(zoe.get(zoe.at("/invitations")).expect(200).list("data").len(), 1);
        sound(app);
    }

    fn an_invitation_to_a_former_address_ends_with_the_person(app) {
        let ana = given::owner(app, "ana@lima.example");
        let zoe = given::owner(app, "zoe@third.example");
        let (bettina, _) = bettina(app, &ana);
        bettina.post("/v1/me/email-change", json!({ "address": "bk-2@new.example" })).expect(202);
        let token = app.mail_to("bk-2@new.example").link_token();
        app.client().post("/v1/email-changes/confirm", json!({ "token": token })).expect(204);
        zoe.invites(ADDRESS, &json!([])).expect(201);
        let bettina = given::logged_in(app, "bk-2@new.example");
        bettina.post("/v1/me/erase", ()).expect(200);
        let left = traces(app);
        assert!(left.is_empty(), "{left:#?}");
        // The account knows that it ended: it invites again.
        assert_eq!(zoe.get(zoe.at("/invitations?status=pending")).expect(200).list("data").len(), 0);
        zoe.invites(ADDRESS, &json!([])).expect(201);
        sound(app);
    }

    fn an_invitation_that_is_remembered_no_more_tells_of_nobody(app) {
        let ana = given::owner(app, "ana@lima.example");
        let dan = given::owner(app, "dan@other.example");
        let zoe = given::owner(app, "zoe@third.example");
        let (bettina, _) = bettina(app, &ana);
        dan.invites("Bettina@Kestrel.example", &json!([])).expect(201);
        let named = json!({ "address": ADDRESS, "display_name": NAME });
        let accepted = zoe.post(zoe.at("/invitations"), named).expect(201).text("id");
        bettina.post(format!("/v1/me/invitations/{accepted}/accept"), ()).expect(200);
        long_after(app);
        let told = || app.rows()["audit_values"].iter().filter(|row| row.contains("invitation")).cloned().collect::<Vec<_>>();
        assert!(told().iter().any(|row| row.contains("Bettina@kestrel.example")), "{:#?}", told());
        assert!(told().iter().any(|row| row.contains(NAME)), "{:#?}", told());
        given::logged_in(app, ADDRESS).post("/v1/me/erase", ()).expect(200);
        let left = traces(app);
        assert!(left.is_empty(), "{left:#?}");
        sound(app);
    }

    fn what_was_removed_by_others_goes_with_the_person(app) {
        let ana = given::owner(app, "ana@lima.example");
        let (bettina, contact) = bettina(app, &ana);
        // She gave the contact another name and address than the log-in's, and somebody else took it away.
        bettina.patch(contact.path(), json!({ "display_name": "Mrs Kestrel", "address": "bk@work.example" })).expect(200);
        ana.verifies(&given::Contact { address: "bk@work.example".to_owned(), ..contact.clone() });
        ana.removes(&contact).expect(204);
        let told = bettina.get("/v1/me/export").expect(200);
        let is_of_contact = |event: &&Value| event["subject"]["id"] == *contact.id;
        let events = told.list("events");
        let removed = events.iter().filter(is_of_contact).find(|event| event["type"] == "contact.removed").unwrap();
        assert!(removed["changes"].to_string().contains("bk@work.example"), "{removed}");
        bettina.get(ana.at("/access")).refused(404, "not-found");
        assert!(traces(app).iter().any(|row| row.starts_with("audit_values") && row.contains(NAME)));
        bettina.post("/v1/me/erase", ()).expect(200);
        let left = traces(app);
        assert!(left.is_empty(), "{left:#?}");
        sound(app);
    }

    fn what_was_opened_by_the_provider_tells_of_nobody(app) {
        const ROLES: [&str; 4] = ["billing", "general", "security", "technical"];
        let ana = given::owner(app, "ana@lima.example");
        let (bettina, _) = bettina(app, &ana);
        let sue = staff::operator(app, OperatorKind::Admin, "sue@provider.example");
        let third = json!({ "name": "Third Ltd", "owner_address": ADDRESS, "display_name": NAME, "reason": staff::REASON });
        let opened = sue.post("/v1/operator/accounts", third).idempotency_key("third").expect(201);
        let mut there = bettina.clone();
        there.account = opened.text("id");
        let hal = json!({ "display_name": "Hal", "address": "hal@third.example", "login": { "permissions": [] } });
        let (own, hal) = (there.contact(), there.adds(hal));
        there.verifies(&hal);
        let _ = given::logged_in(app, "hal@third.example");
        there.promotes(&hal, &ROLES).expect(200);
        for role in ROLES {
            there.takes(&own, role).expect(204);
        }
        there.transfers_ownership(&hal).expect(201);
        assert!(traces(app).iter().any(|row| row.starts_with("idempotency_keys: ") && row.contains("/v1/operator/accounts")));
        bettina.post("/v1/me/erase", ()).expect(200);
        let left = traces(app);
        assert!(left.is_empty(), "{left:#?}");
        sound(app);
    }

    fn what_a_receiver_repeated_goes_with_the_person(app) {
        let ana = given::owner(app, "ana@lima.example");
        let desk = given::integration(app, &["webhooks:manage", "events:read"]);
        desk.post("/v1/webhooks", json!({ "url": "https://hooks.lima.example/in" })).expect(201);
        let (bettina, _) = bettina(app, &ana);
        desk.get("/v1/events").expect(200);
        let mut hand = accounts_store::Hand::open(&app.database()).unwrap();
        hand.run("UPDATE webhook_deliveries SET last_answer = 'bettina is no customer'").unwrap();
        drop(hand);
        assert!(traces(app).iter().any(|row| row.starts_with("webhook_deliveries")));
        bettina.post("/v1/me/erase", ()).expect(200);
        let left = traces(app);
        assert!(left.is_empty(), "{left:#?}");
    }

    fn the_address_signs_up_again_and_finds_nothing_of_before(app) {
        let ana = given::owner(app, "ana@lima.example");
        let (bettina, _) = bettina(app, &ana);
        let former = bettina.user();
        bettina.post("/v1/me/erase", ()).expect(200);
        let again = given::owner(app, ADDRESS);
        assert_ne!(again.user(), former);
        let accounts = again.get("/v1/me/accounts").expect(200);
        assert_eq!(accounts.list("data").len(), 1);
        again.get(ana.at("/contacts")).refused(404, "not-found");
    }

    fn m_53_m_54_who_owns_or_holds_hands_over_first(app) {
        let ana = given::owner(app, "ana@lima.example");
        let refused = ana.post("/v1/me/erase", ()).refused(409, "places-held");
        assert_eq!(refused["accounts/0/id"], ana.account.as_str());
        assert_eq!(refused["accounts/0/owner"], true);
        ana.post("/v1/me/erase?dry_run=true", ()).refused(409, "places-held");
        let (bettina, contact) = bettina(app, &ana);
        ana.gives(&contact, "technical").expect(200);
        let refused = bettina.post("/v1/me/erase", ()).refused(409, "places-held");
        assert_eq!(refused["accounts"], json!([{ "id": ana.account, "name": "Ana Ltd", "owner": false, "roles": ["technical"] }]));
        bettina.get("/v1/me").expect(200);
        // Ana hands the account over, and with it all that stood in her way.
        ana.transfers_ownership(&contact).expect(201);
        for role in ["general", "billing", "technical", "security"] {
            bettina.promotes(&contact, &[role]).expect(200);
            let held = bettina.get(bettina.at("/contacts")).expect(200);
            let held = held.list("data").iter().find(|held| held["address"] == "ana@lima.example").unwrap().clone();
            if held["roles"].as_array().unwrap().contains(&json!(role)) {
                let path = format!("/contacts/{}/roles/{role}", held["id"].as_str().unwrap());
                bettina.delete(bettina.at(&path)).expect(204);
            }
        }
        ana.post("/v1/me/erase", ()).expect(200);
        let names = bettina.get(bettina.at("/contacts")).expect(200).each("data", "display_name");
        assert_eq!(names, [NAME]);
        sound(app);
    }

    fn a_contact_that_is_erased_is_named_in_no_mail_to_others(app) {
        let ana = given::owner(app, "ana@lima.example");
        let (bettina, contact) = bettina(app, &ana);
        let own = ana.contact();
        ana.transfers_ownership(&contact).expect(201);
        bettina.transfers_ownership(&own).expect(201);
        bettina.patch(contact.path(), json!({ "display_name": "Somebody Else" })).expect(200);
        let naming = || {
            let mails = app.rows().remove("mails").unwrap();
            mails.into_iter().filter(|row| row.contains("ana@lima.example") && row.contains(NAME)).count()
        };
        assert_eq!(naming(), 1);
        for role in ["billing", "general", "security", "technical"] {
            ana.promotes(&own, &[role]).expect(200);
            ana.takes(&contact, role).expect(204);
        }
        ana.post(contact.at("/erase"), ()).expect(200);
        assert_eq!(naming(), 0);
        sound(app);
    }

    fn with_a_contact_goes_the_invitation_that_came_before_it(app) {
        let ana = given::owner(app, "ana@lima.example");
        let invited = ana.invites("gil@lima.example", &json!([])).expect(201).text("id");
        ana.delete(ana.at(&format!("/invitations/{invited}"))).expect(204);
        let gil = ana.adds_contact("Gil", "gil@lima.example");
        let of_gil = || app.rows().into_values().flatten().filter(|row| row.contains("gil@lima.example")).count();
        assert!(of_gil() > 2);
        ana.post(gil.at("/erase"), ()).expect(200);
        assert_eq!(of_gil(), 0);
        sound(app);
    }

    fn with_a_contact_goes_what_is_told_of_invitations_that_are_remembered_no_more(app) {
        let ana = given::owner(app, "ana@lima.example");
        let zoe = given::owner(app, "zoe@third.example");
        for owner in [&ana, &zoe] {
            owner.invites("gil@lima.example", &json!([])).expect(201);
        }
        let gil = ana.adds_contact("Gil", "gil@lima.example");
        long_after(app);
        let told = || app.rows()["audit_values"].iter().filter(|row| row.contains("gil@lima.example")).count();
        assert_eq!(told(), 3);
        given::logged_in(app, "ana@lima.example").post(gil.at("/erase"), ()).expect(200);
        // What another account knows of the address is its own.
        assert_eq!(told(), 1);
        sound(app);
    }

    fn mails_of_other_accounts_stay_whoever_is_erased_in_this_one(app) {
        let (ana, dan) = (given::owner(app, "ana@lima.example"), given::owner(app, "dan@kilo.example"));
        let name = ana.get(ana.at("")).expect(200).text("name");
        dan.patch(dan.at(""), json!({ "name": name })).expect(200);
        dan.invites("gil@lima.example", &json!([])).expect(201);
        let inviter = dan.get("/v1/me").expect(200).text("display_name");
        let says = format!("\"inviter\":\"{inviter}\"");
        let sent = || {
            let mails = app.rows().remove("mails").unwrap();
            mails.into_iter().filter(|row| row.contains("gil@lima.example") && row.contains(&says)).count()
        };
        assert_eq!(sent(), 1);
        // Of the same name as who invited, and with the address of who was.
        let gil = ana.adds_contact(&inviter, "gil@lima.example");
        ana.post(gil.at("/erase"), ()).expect(200);
        assert_eq!(sent(), 1);
        sound(app);
    }

    fn r_05_an_open_session_alone_neither_takes_along_nor_erases(app) {
        let ana = given::owner(app, "ana@lima.example");
        let (bettina, _) = bettina(app, &ana);
        app.clock().advance(chrono::TimeDelta::minutes(10));
        // The access token ends at the same time as the proof, so that it is renewed.
        let renewed = app.client().post("/v1/sessions/refresh", json!({ "refresh_token": bettina.refresh_token })).expect(200);
        let client = app.client().with_token(&renewed.text("access_token"));
        client.post("/v1/me/erase", ()).refused(401, "reauthentication-required");
        client.get("/v1/me/export").refused(401, "reauthentication-required");
        client.post("/v1/me/reauthenticate", json!({ "password": PASSWORD })).expect(204);
        client.get("/v1/me/export").expect(200);
        client.post("/v1/me/erase", ()).expect(200);
    }

    fn everything_about_one_person_is_one_document_without_a_secret(app) {
        let ana = given::owner(app, "ana@lima.example");
        let dan = given::owner(app, "dan@other.example");
        let (bettina, contact) = bettina(app, &ana);
        let key = bettina.post("/v1/me/api-keys", json!({ "name": "Scripts", "permissions": ["contacts:view"] })).expect(201);
        app.client().with_token(&key.text("key")).get(ana.at("/contacts")).expect(200);
        dan.invites(ADDRESS, &json!(["contacts:view"])).expect(201);
        bettina.asks_to_join(&json!({ "account_id": dan.account, "message": "From the fair" })).expect(202);
        bettina.post(bettina.at("/contacts"), json!({ "display_name": "Hal", "address": "hal@lima.example" })).expect(201);

        ana.gives(&contact, "billing").expect(200);
        ana.takes(&contact, "billing").expect(204);
        ana.put(contact.at("/subscriptions"), json!({ "categories": ["invoice"] })).expect(200);
        ana.changes(&bettina, json!({ "permissions": ["contacts:view"] })).expect(200);

        let all = bettina.get("/v1/me/export").expect(200);
        assert_eq!(all.header("Content-Disposition"), "attachment; filename=\"me.json\"");
        assert_eq!((&all["user/address"], &all["user/display_name"]), (&json!(ADDRESS), &json!(NAME)));
        assert_eq!((&all["has_password"], &all["has_second_factor"]), (&json!(true), &json!(false)));
        assert_eq!(all["sessions/0/current"], true);
        assert_eq!(all["api_keys/0/name"], "Scripts");
        assert_eq!(all["api_keys/0/last_used_at"], bettina.get("/v1/me/api-keys").expect(200)["data/0/last_used_at"]);
        assert!(all["api_keys/0/last_used_at"].is_string());
        assert_eq!(all["memberships/0/account_id"], ana.account.as_str());
        assert_eq!(all["memberships/0/contact/id"], contact.id.as_str());
        assert_eq!(all["memberships/0/contact/phones/0/number"], PHONE);
        assert_eq!(all["invitations/0/account/id"], dan.account.as_str());
        assert_eq!(all["join_requests/0/message"], "From the fair");
        assert_eq!(all["all_events"], true);
        let kinds = all.each("events", "type");
        // Also what was done to her and changed no word about her.
        let told = ["user.logged_in", "user.changed", "contact.added", "member.added", "member.permissions_changed"];
        for kind in told.into_iter().chain(["role.given", "role.taken", "contact.subscriptions_changed"]) {
            assert!(kinds.contains(&kind.to_owned()), "{kind} in {kinds:?}");
        }
        // What others did is told where it was to her, with what it did to her data.
        let events = all.list("events");
        let added = events.iter().find(|event| event["subject"]["id"] == *contact.id && event["type"] == "contact.added");
        assert_eq!(added.unwrap()["actor"]["id"], json!(ana.user()));
        let changes = added.unwrap()["changes"].as_array().unwrap().clone();
        assert!(changes.iter().any(|change| change["after"] == NAME), "{changes:?}");
        let text = all.body();
        // Neither what opens anything, nor what is somebody else's.
        for secret in [bettina.token.as_str(), bettina.refresh_token.as_str(), &key.text("key"), "argon2", "hal@lima.example"] {
            assert!(!text.contains(secret), "{secret}");
        }
    }

    fn the_provider_erases_a_contact_that_was_removed_or_whose_account_is_closed(app) {
        let ana = given::owner(app, "ana@lima.example");
        let admin = staff::operator(app, OperatorKind::Admin, "sam@provider.example");
        let reason = json!({ "reason": "Asked by letter, ticket 4711" });
        let invited = ana.invites("gil@home.example", &json!([])).expect(201).text("id");
        ana.delete(ana.at(&format!("/invitations/{invited}"))).expect(204);
        let gil = ana.adds(json!({
            "display_name": "Gilbert Quill",
            "address": "gil@lima.example",
            "more_addresses": ["gil@home.example", "gil@work.example"],
        }));
        let hal = ana.adds_contact("Harold Quill", "hal@lima.example");
        let told = |text: &str| app.rows().into_values().flatten().filter(|row| row.contains(text)).count();
        let erase = |contact: &given::Contact| format!("/v1/operator{}/erase", contact.path().strip_prefix("/v1").unwrap());
        ana.removes(&gil).expect(204);
        ana.post(gil.at("/erase"), ()).refused(404, "not-found");
        assert!(told("gil@lima.example") > 0);
        let look = admin.post(format!("{}?dry_run=true", erase(&gil)), &reason).expect(200);
        assert_eq!(look["dry_run"], true);
        assert!(told("gil@lima.example") > 0);
        admin.post(erase(&gil), &reason).expect(200);
        for trace in ["gil@lima.example", "gil@home.example", "gil@work.example", "Gilbert"] {
            assert_eq!(told(trace), 0, "{trace}");
        }
        assert!(told("hal@lima.example") > 0);
        admin.post(erase(&gil), &reason).refused(404, "not-found");

        let path = format!("/v1/operator/accounts/{}", ana.account);
        admin.patch(path, json!({ "status": "closed", "reason": "Moved away" })).expect(200);
        let done = admin.post(erase(&hal), &reason).expect(200);
        assert_eq!(done["dry_run"], false);
        assert_eq!((told("hal@lima.example"), told("Harold")), (0, 0));
        let own = format!("/v1/operator/accounts/{}/contacts/{}/erase", ana.account, ana.user());
        admin.post(own, &reason).refused(404, "not-found");
        sound(app);
    }

    fn a_new_contact_keeps_what_it_shares_with_one_that_is_erased(app) {
        let ana = given::owner(app, "ana@lima.example");
        let admin = staff::operator(app, OperatorKind::Admin, "sam@provider.example");
        let gil = ana.adds_contact("Gilbert", "gil@lima.example");
        ana.removes(&gil).expect(204);
        let again = ana.adds_contact("Gilbert", "gil@lima.example");
        let path = format!("/v1/operator{}/erase", gil.path().strip_prefix("/v1").unwrap());
        admin.post(path, json!({ "reason": "Asked by letter" })).expect(200);
        assert_eq!(ana.get(again.path()).expect(200)["display_name"], "Gilbert");
        let events = ana.get(ana.at(&format!("/audit-events?subject={}", again.id))).expect(200);
        assert!(events.body().contains("gil@lima.example"));
        let events = ana.get(ana.at(&format!("/audit-events?subject={}", gil.id))).expect(200);
        assert!(!events.body().contains("gil@lima.example"));
        sound(app);
    }

    fn the_provider_erases_somebody_who_asked_for_it(app) {
        let ana = given::owner(app, "ana@lima.example");
        let (bettina, contact) = bettina(app, &ana);
        let (user, admin) = (bettina.user(), staff::operator(app, OperatorKind::Admin, "sam@provider.example"));
        let path = format!("/v1/operator/users/{user}/erase");
        let reason = json!({ "reason": "Asked by letter, ticket 4711" });
        let look = admin.post(format!("{path}?dry_run=true"), &reason).expect(200);
        assert_eq!(look["accounts/0/contact_id"], contact.id.as_str());
        bettina.get("/v1/me").expect(200);
        admin.post(&path, &reason).expect(200);
        bettina.get("/v1/me").refused(401, "unauthenticated");
        admin.post(&path, &reason).refused(404, "not-found");
        let left = traces(app);
        assert!(left.is_empty(), "{left:#?}");
        // The customer sees that the provider did it, and why.
        let events = ana.get(ana.at("/audit-events?type=contact.erased")).expect(200);
        assert_eq!(events["data/0/actor/kind"], "operator");
        assert_eq!(events["data/0/changes/0/after"], "Asked by letter, ticket 4711");
        sound(app);
    }
}

on_both! {
    Setup::preset("hosting");

    fn who_is_a_member_and_no_contact_goes_alone(app) {
        let ana = given::owner(app, "ana@lima.example");
        let books = ana.adds_contact("Books", "books@lima.example");
        let cem = given::member_of(&ana, "cem@lima.example", json!({ "permissions": ["contacts:view"] }));
        let look = cem.post("/v1/me/erase?dry_run=true", ()).expect(200);
        assert_eq!(look["accounts/0/contact_id"], Value::Null);
        cem.post("/v1/me/erase", ()).expect(200);
        assert_eq!(ana.get(ana.at("/members")).expect(200).list("data").len(), 1);
        ana.get(books.path()).expect(200);
        assert!(app.mails_to("cem@lima.example").iter().all(|mail| mail.subject.to_lowercase().find("removed").is_none()));
        sound(app);
    }
}
