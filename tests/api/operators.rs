//! The provider's staff: how they log in, what they find, what they change, and how they act in a person's place.

use accounts_domain::operators::OperatorKind::{Admin, Support};
use accounts_tests::{
    Answer, App, Client,
    authenticator::Authenticator,
    given::{self, PASSWORD, Person},
    json, on_both,
    staff::{self, REASON},
};
use chrono::TimeDelta;
use serde_json::Value;

const SESSIONS: &str = "/v1/operator/sessions";
const CURRENT: &str = "/v1/operator/sessions/current";
const ACCOUNTS: &str = "/v1/operator/accounts";
const USERS: &str = "/v1/operator/users";
const EVENTS: &str = "/v1/operator/audit-events";

fn logs_in(app: &App, address: &str, password: &str, code: &str) -> Answer {
    let body = json!({ "address": address, "password": password, "code": code });
    app.client().post(SESSIONS, body).send()
}

/// Somebody with a log-in in the account, who may do nothing there.
fn login<'a>(app: &'a App, ana: &Person<'_>, address: &str) -> Person<'a> {
    let bea = ana.adds(json!({ "display_name": "Bea", "address": address, "login": {} }));
    ana.verifies(&bea);
    given::logged_in(app, address)
}

/// The events of a log that are of this type, the latest first.
fn events_of(events: &Answer, kind: &str) -> Vec<Value> {
    let all = events.list("data").iter();
    all.filter(|event| event["type"] == kind).cloned().collect()
}

fn reason_of(event: &Value) -> &Value {
    let changes = event["changes"].as_array().unwrap();
    let reason = changes.iter().find(|change| change["field"] == "reason");
    &reason.unwrap_or_else(|| panic!("no reason: {event:#}"))["after"]
}

on_both! {
    fn an_operator_logs_in_with_password_and_code_and_out(app) {
        staff::hired(app, Support, "sam@provider.example");
        let session = staff::log_in(app, "Sam@Provider.example").expect(201);
        assert_eq!(session.header("Cache-Control"), "no-store");
        assert_eq!(session["session/kind"], "support");
        let sam = app.client().with_token(&session.text("access_token"));
        let read = sam.get(CURRENT).expect(200);
        assert_eq!(read["id"], session["session/id"]);
        assert_eq!(read["address"], "sam@provider.example");
        sam.get(ACCOUNTS).expect(200);
        app.clock().advance(TimeDelta::seconds(300));
        let renewed = sam.post(format!("{CURRENT}/renew"), ()).expect(200);
        assert_eq!(renewed["session"], *read.json());
        app.clock().advance(TimeDelta::seconds(400));
        sam.get(CURRENT).refused(401, "unauthenticated");
        let sam = app.client().with_token(&renewed.text("access_token"));
        sam.delete(CURRENT).expect(204);
        sam.get(CURRENT).refused(401, "unauthenticated");
        sam.get(ACCOUNTS).refused(401, "unauthenticated");
    }

    fn an_operators_session_ends_after_twelve_hours_however_often_it_is_renewed(app) {
        let mut sam = Client::clone(&staff::operator(app, Support, "sam@provider.example"));
        for _ in 0..72 {
            let renewed = sam.post(format!("{CURRENT}/renew"), ()).expect(200);
            sam = app.client().with_token(&renewed.text("access_token"));
            app.clock().advance(TimeDelta::minutes(10));
        }
        sam.get(CURRENT).refused(401, "unauthenticated");
    }

    fn whatever_is_wrong_an_operators_log_in_is_refused_alike_and_a_code_works_once(app) {
        staff::hired(app, Admin, "sam@provider.example");
        given::owner(app, "ana@lima.example");
        let right = staff::code(app);
        let wrong = if right == "000000" { "000001" } else { "000000" };
        for (address, password, code) in [
            ("nobody@provider.example", PASSWORD, right.as_str()),
            ("ana@lima.example", PASSWORD, &right),
            ("no address", PASSWORD, &right),
            ("sam@provider.example", "another password", &right),
            ("sam@provider.example", PASSWORD, wrong),
            ("sam@provider.example", PASSWORD, "12345"),
        ] {
            let refused = logs_in(app, address, password, code);
            assert_eq!((refused.status(), &refused["code"]), (401, &json!("invalid-credentials")), "{refused}");
        }
        staff::log_in(app, "sam@provider.example").expect(201);
        staff::log_in(app, "sam@provider.example").refused(401, "invalid-credentials");
        staff::waits(app);
        staff::log_in(app, "sam@provider.example").expect(201);
    }

    fn wrong_codes_are_counted_like_wrong_passwords(app) {
        staff::hired(app, Support, "sam@provider.example");
        let right = staff::code(app);
        let wrong = if right == "000000" { "000001" } else { "000000" };
        for _ in 0..10 {
            assert_eq!(logs_in(app, "sam@provider.example", PASSWORD, wrong).status(), 401);
        }
        let refused = staff::log_in(app, "sam@provider.example").refused(429, "too-many-requests");
        refused.header("Retry-After");
        app.clock().advance(TimeDelta::minutes(15));
        staff::log_in(app, "sam@provider.example").expect(201);
    }

    fn r_13_r_18_no_request_makes_an_operator_and_no_operator_sets_a_password(app) {
        let sam = staff::operator(app, Admin, "sam@provider.example");
        let ana = given::owner(app, "ana@lima.example");
        let user = ana.user();
        for path in ["/v1/operators", "/v1/operator/operators"] {
            sam.post(path, json!({})).refused(404, "not-found");
        }
        let body = json!({ "password": "chosen by an operator", "reason": REASON });
        sam.post(format!("{USERS}/{user}/password"), &body).refused(404, "not-found");
        sam.put(format!("{USERS}/{user}/password"), &body).refused(404, "not-found");
        sam.acts(&user, "password-reset").expect(202);
        let token = app.mail_to("ana@lima.example").link_token();
        let choice = json!({ "token": token, "password": "chosen by Ana herself" });
        app.client().post("/v1/password-resets/confirm", choice).expect(204);
        let shown = sam.get(format!("{USERS}/{user}")).expect(200);
        assert!(!shown.body().contains("password") && !shown.body().contains("argon2"), "{shown}");
    }

    fn r_40_the_operators_plane_is_apart_from_the_customers(app) {
        let sam = staff::operator(app, Admin, "sam@provider.example");
        let ana = given::owner(app, "ana@lima.example");
        let key = json!({ "name": "All", "all_permissions": true });
        let key = ana.post("/v1/me/api-keys", key).expect(201).text("key");
        let by_key = app.client().with_token(&key);
        for path in [ACCOUNTS, USERS, EVENTS, CURRENT] {
            ana.get(path).refused(404, "not-found");
            by_key.get(path).refused(404, "not-found");
            app.client().get(path).refused(401, "unauthenticated");
            app.client().with_token("nonsense").get(path).refused(401, "unauthenticated");
        }
        for path in ["/v1/me".to_owned(), "/v1/me/accounts".to_owned(), ana.at("/contacts")] {
            sam.get(path).refused(401, "unauthenticated");
        }
    }

    fn an_operator_finds_accounts_by_name_number_state_and_address(app) {
        let sam = staff::operator(app, Admin, "sam@provider.example");
        let ana = given::owner(app, "ana@lima.example");
        given::owner(app, "bea@rio.example");
        for name in ["Émile", "Emilia", "Zürich"] {
            let opened = json!({ "name": name, "owner_address": "ana@lima.example", "external_id": format!("C-{name}"),
                "reason": REASON });
            sam.post(ACCOUNTS, opened).expect(201);
        }
        ana.adds_contact("Cem", "cem@lima.example");
        let found = |query: &str| sam.get(format!("{ACCOUNTS}{query}")).expect(200).each("data", "name");
        assert_eq!(found(""), ["Ana Ltd", "Bea Ltd", "Émile", "Emilia", "Zürich"]);
        assert_eq!(found("?q=EMIL"), ["Émile", "Emilia"]);
        assert_eq!(found("?q=mil"), [""; 0]);
        assert_eq!(found("?q=ANA%40lima.example"), ["Ana Ltd", "Émile", "Emilia", "Zürich"]);
        assert_eq!(found("?q=cem%40lima.example"), ["Ana Ltd"]);
        assert_eq!(found("?external_id=C-Emilia"), ["Emilia"]);
        assert_eq!(found("?status=suspended"), [""; 0]);
        sam.administers(&ana.account, json!({ "status": "suspended" })).expect(200);
        assert_eq!(found("?status=suspended"), ["Ana Ltd"]);
        let first = &sam.get(format!("{ACCOUNTS}?status=suspended")).expect(200)["data/0"].clone();
        assert_eq!((&first["contact_count"], &first["member_count"]), (&json!(2), &json!(1)));
        assert_eq!(first["owner"]["address"], "ana@lima.example");
        assert_eq!(*sam.get(format!("{ACCOUNTS}/{}", ana.account)).expect(200).json(), *first);
        // Page by page it is the same list.
        let (mut names, mut path) = (Vec::new(), format!("{ACCOUNTS}?limit=2"));
        loop {
            let page = sam.get(&path).expect(200);
            names.extend(page.each("data", "name"));
            match page["next_cursor"].as_str() {
                Some(cursor) => path = format!("{ACCOUNTS}?limit=2&cursor={cursor}"),
                None => break,
            }
        }
        assert_eq!(names, found(""));
        sam.get(format!("{ACCOUNTS}?status=open")).refused(400, "bad-request");
    }

    fn an_operator_finds_persons_and_their_places(app) {
        let sam = staff::operator(app, Support, "sam@provider.example");
        let ana = given::owner(app, "ana@lima.example");
        let bea = login(app, &ana, "bea@lima.example");
        assert_eq!(sam.get(USERS).expect(200).each("data", "address"), ["ana@lima.example", "bea@lima.example"]);
        let one = sam.get(format!("{USERS}?address=BEA%40lima.example")).expect(200);
        assert_eq!(one.each("data", "id"), [bea.user()]);
        sam.get(format!("{USERS}?address=bea")).refused(400, "bad-request");
        let read = sam.get(format!("{USERS}/{}", ana.user())).expect(200);
        assert_eq!(read["memberships/0/account_id"], json!(ana.account));
        assert_eq!(read["memberships/0/owner"], json!(true));
        assert_eq!(sam.get(format!("{USERS}/{}", bea.user())).expect(200)["memberships/0/owner"], json!(false));
        sam.get(format!("{USERS}/usr_01h455vb4pex5vsknk084sn02q")).refused(404, "not-found");
    }

    fn r_39_what_an_operator_changes_has_a_reason_that_the_customer_reads(app) {
        let sam = staff::operator(app, Admin, "sam@provider.example");
        let ana = given::owner(app, "ana@lima.example");
        let path = format!("{ACCOUNTS}/{}", ana.account);
        for reason in [Value::Null, json!(""), json!("  "), json!("x".repeat(501))] {
            let refused = sam.patch(&path, json!({ "contact_limit": 7, "reason": reason })).refused(422, "invalid-fields");
            assert_eq!(refused["errors/0/pointer"], "/reason");
        }
        sam.patch(&path, json!({ "contact_limit": 7 })).refused(422, "invalid-fields").fault("/reason", "required");
        sam.administers(&ana.account, json!({ "contact_limit": 7 })).expect(200);
        let event = &events_of(&ana.get(ana.at("/audit-events")).expect(200), "account.contact_limit_changed")[0];
        assert_eq!(event["actor"], json!({ "kind": "operator", "id": sam.id.to_string(), "on_behalf_of": null }));
        assert_eq!(event["data"], json!({ "limit": "7", "former_limit": null }));
        assert_eq!(reason_of(event), REASON);
        let mine = ana.get(ana.at(&format!("/audit-events?actor={}", sam.id))).expect(200);
        assert_eq!(mine.list("data").len(), 1);
    }

    fn an_operator_sets_the_limit_and_the_state_and_closes_after_a_look(app) {
        let sam = staff::operator(app, Admin, "sam@provider.example");
        let ana = given::owner(app, "ana@lima.example");
        let changed = sam.administers(&ana.account, json!({ "contact_limit": 1 })).expect(200);
        assert_eq!((&changed["contact_limit"], &changed["own_contact_limit"]), (&json!(1), &json!(1)));
        let bea = json!({ "display_name": "Bea", "address": "bea@lima.example" });
        ana.post(ana.at("/contacts"), &bea).refused(409, "contact-limit-reached");
        let back = sam.administers(&ana.account, json!({ "contact_limit": null })).expect(200);
        assert_eq!((&back["contact_limit"], &back["own_contact_limit"]), (&json!(5), &Value::Null));
        for limit in [0, 1001, -1, 65_537] {
            let refused = sam.administers(&ana.account, json!({ "contact_limit": limit })).refused(422, "invalid-fields");
            refused.fault("/contact_limit", "out-of-range");
        }
        sam.administers(&ana.account, json!({ "status": "suspended" })).expect(200);
        ana.post(ana.at("/contacts"), &bea).refused(409, "account-suspended");
        sam.administers(&ana.account, json!({ "status": "active" })).expect(200);
        ana.post(ana.at("/contacts"), &bea).expect(201);

        let path = format!("{ACCOUNTS}/{}?dry_run=true", ana.account);
        let look = sam.patch(path, json!({ "status": "closed", "reason": REASON })).expect(200);
        assert_eq!((&look["status"], &look["consequences/dry_run"]), (&json!("closed"), &json!(true)));
        assert_eq!(look["shut_out"], json!([ana.user()]));
        ana.get(ana.at("")).expect(200);
        let closed = sam.administers(&ana.account, json!({ "status": "closed" })).expect(200);
        assert_eq!(closed["shut_out"], look["shut_out"]);
        ana.get(ana.at("")).refused(409, "account-closed");
        let read = sam.get(format!("{ACCOUNTS}/{}", ana.account)).expect(200);
        assert_eq!(read["status"], "closed");
        assert_eq!(read.etag(), closed.etag());
    }

    fn an_operator_moves_the_ownership_by_its_rules_and_both_are_told(app) {
        let sam = staff::operator(app, Admin, "sam@provider.example");
        let ana = given::owner(app, "ana@lima.example");
        let cem = ana.adds_contact("Cem", "cem@lima.example");
        let moves = |contact: &str| sam.administers(&ana.account, json!({ "owner_contact_id": contact }));
        moves(&cem.id).refused(409, "contact-not-verified");
        ana.verifies(&cem);
        moves(&cem.id).refused(409, "contact-has-no-login");
        let unknown = moves("con_01h455vb4pex5vsknk084sn02q").refused(422, "invalid-fields");
        unknown.fault("/owner_contact_id", "unknown-contact");
        let bea = login(app, &ana, "bea@lima.example");
        let moved = moves(&bea.contact().id).expect(200);
        assert_eq!(moved["owner/address"], "bea@lima.example");
        assert_eq!(moved["consequences/owner/to/display_name"], "Bea");
        for address in ["ana@lima.example", "bea@lima.example"] {
            assert!(app.mail_to(address).subject.contains("owner"), "{address}");
        }
        assert_eq!(bea.get(bea.at("/access")).expect(200)["owner"], json!(true));
        let event = &events_of(&bea.get(bea.at("/audit-events")).expect(200), "owner.moved")[0];
        assert_eq!((&event["actor"]["kind"], reason_of(event)), (&json!("operator"), &json!(REASON)));
        // The owner stays where it owns already, and nothing is recorded.
        let again = moves(&bea.contact().id).expect(200);
        assert_eq!(again["consequences/owner"], Value::Null);
    }

    fn an_operator_opens_an_account_once_for_a_number(app) {
        let sam = staff::operator(app, Admin, "sam@provider.example");
        let ana = given::owner(app, "ana@lima.example");
        let open = |number: &str, owner: &str| {
            let asked = json!({ "name": "Lima Shipping", "owner_address": owner, "external_id": number, "reason": REASON });
            sam.post(ACCOUNTS, asked)
        };
        let opened = open("C-1", "ana@lima.example").expect(201);
        assert_eq!((&opened["external_id"], &opened["owner/user_id"]), (&json!("C-1"), &json!(ana.user())));
        let again = open("C-1", "ana@lima.example").expect(201);
        assert_eq!(again["id"], opened["id"]);
        assert_ne!(open("C-2", "ana@lima.example").expect(201)["id"], opened["id"]);
        let path = format!("/v1/accounts/{}", opened.text("id"));
        assert_eq!(ana.get(&path).expect(200)["external_id"], "C-1");
        let events = ana.get(format!("{path}/audit-events")).expect(200);
        let event = &events_of(&events, "account.opened")[0];
        assert_eq!((&event["actor"]["kind"], reason_of(event)), (&json!("operator"), &json!(REASON)));
    }

    fn an_operator_opens_an_account_for_somebody_who_has_yet_to_follow_the_mail(app) {
        let sam = staff::operator(app, Admin, "sam@provider.example");
        let asked = json!({ "name": "Lima Shipping", "owner_address": "ana@lima.example", "reason": REASON });
        let refused = sam.post(ACCOUNTS, &asked).refused(422, "invalid-fields");
        refused.fault("/owner_address", "unknown-user");
        let mut whole = asked;
        whole["external_id"] = json!("C-1");
        // Nothing tells how such a person is called.
        let unnamed = sam.post(ACCOUNTS, &whole).refused(422, "invalid-fields");
        unnamed.fault("/owner_address", "unknown-user");
        whole["display_name"] = json!("Ana Lima");
        let open = || sam.post(ACCOUNTS, &whole);
        let opened = open().idempotency_key("open").expect(201);
        assert_eq!((&opened["owner/user_id"], &opened["owner/address"]), (&Value::Null, &json!("ana@lima.example")));
        assert_eq!(open().idempotency_key("open").expect(201).json(), opened.json());
        assert_eq!(open().expect(201)["id"], opened["id"]);
        let token = app.mail_to("ana@lima.example").link_token();
        let choice = json!({ "token": token, "password": PASSWORD });
        app.client().post("/v1/contact-verifications/confirm", choice).expect(200);
        let ana = given::logged_in(app, "ana@lima.example");
        let path = format!("/v1/accounts/{}", opened.text("id"));
        assert_eq!(ana.get(format!("{path}/access")).expect(200)["owner"], json!(true));
        let events = ana.get(format!("{path}/audit-events")).expect(200);
        let event = &events_of(&events, "account.opened")[0];
        assert_eq!((&event["actor"]["kind"], reason_of(event)), (&json!("operator"), &json!(REASON)));
    }

    fn r_28_r_29_an_operator_ends_sessions_and_suspends_at_once_on_all_instances(app) {
        let sam = staff::operator(app, Admin, "sam@provider.example");
        let ana = given::owner(app, "ana@lima.example");
        let user = ana.user();
        let key = json!({ "name": "All", "all_permissions": true });
        let key = ana.post("/v1/me/api-keys", key).expect(201).text("key");
        let second = app.second();
        let instances: Vec<&Client> = std::iter::once(app.client())
            .chain(second.as_ref().map(accounts_tests::Instance::client))
            .collect();
        let everywhere = |token: &str, status: u16| {
            for instance in &instances {
                instance.with_token(token).get(ana.at("/contacts")).expect(status);
            }
        };
        everywhere(&ana.token, 200);
        sam.acts(&user, "end-sessions").expect(200);
        everywhere(&ana.token, 401);
        everywhere(&key, 200);
        let refresh = json!({ "refresh_token": ana.refresh_token });
        app.client().post("/v1/sessions/refresh", refresh).refused(401, "unauthenticated");

        let ana = given::logged_in(app, "ana@lima.example");
        everywhere(&ana.token, 200);
        let suspended = sam.acts(&user, "suspend").expect(200);
        assert_eq!(suspended["status"], "suspended");
        everywhere(&ana.token, 401);
        everywhere(&key, 401);
        let credentials = json!({ "address": "ana@lima.example", "password": PASSWORD });
        app.client().post("/v1/sessions", &credentials).refused(401, "invalid-credentials");
        sam.acts(&user, "password-reset").refused(409, "user-suspended");
        let body = json!({ "reason": REASON, "minutes": 5 });
        sam.post(format!("{USERS}/{user}/impersonate"), body).refused(409, "user-suspended");

        sam.acts(&user, "reinstate").expect(200);
        everywhere(&ana.token, 401);
        everywhere(&key, 200);
        app.client().post("/v1/sessions", &credentials).expect(201);
        let told = sam.get(format!("{EVENTS}?type=user.suspended")).expect(200);
        assert_eq!(told["data/0/user_id"], json!(user));
        assert_eq!(reason_of(&told["data/0"]), REASON);
    }

    fn support_reads_and_helps_and_changes_nothing_by_itself(app) {
        let sam = staff::operator(app, Support, "sam@provider.example");
        let ana = given::owner(app, "ana@lima.example");
        let user = ana.user();
        sam.administers(&ana.account, json!({ "status": "closed" })).refused(403, "admin-only");
        sam.post(ACCOUNTS, json!({})).refused(403, "admin-only");
        for what in ["end-sessions", "suspend", "reinstate", "password-reset"] {
            sam.acts(&user, what).refused(403, "admin-only");
        }
        sam.impersonates(&user, &ana.account);
    }

    fn r_39_in_a_persons_place_nobody_does_what_only_the_person_may(app) {
        let sam = staff::operator(app, Admin, "sam@provider.example");
        let ana = given::owner(app, "ana@lima.example");
        let bea = login(app, &ana, "bea@lima.example").contact();
        let (_, as_ana) = sam.impersonates(&ana.user(), &ana.account);
        let key = json!({ "name": "Mine", "all_permissions": true });
        let password = json!({ "current_password": PASSWORD, "new_password": "taken over, seven lamps" });
        for request in [
            as_ana.put("/v1/me/password", password),
            as_ana.post("/v1/me/reauthenticate", json!({ "password": PASSWORD })),
            as_ana.post("/v1/me/email-change", json!({ "address": "sam@other.example" })),
            as_ana.get("/v1/me/sessions"),
            as_ana.get("/v1/me/api-keys"),
            as_ana.post("/v1/me/api-keys", &key),
            as_ana.get(ana.at("/api-keys")),
            as_ana.post(ana.at("/api-keys"), &key),
            as_ana.post("/v1/accounts", json!({ "name": "Another" })),
            as_ana.post(ana.at("/leave"), ()),
            as_ana.post(bea.at("/erase"), ()),
            as_ana.post(ana.at("/ownership-transfers"), json!({ "contact_id": bea.id })),
        ] {
            request.refused(403, "impersonation-refused");
        }
        // No other account is there.
        let second = ana.post("/v1/accounts", json!({ "name": "Second" })).expect(201).text("id");
        as_ana.get(format!("/v1/accounts/{second}/contacts")).refused(404, "not-found");
        assert_eq!(as_ana.get("/v1/me/accounts").expect(200).each("data", "account/id"), [ana.account.as_str()]);
        // Without an account there is none at all.
        let body = json!({ "reason": REASON, "minutes": 5 });
        let alone = sam.post(format!("{USERS}/{}/impersonate", ana.user()), body).expect(201);
        let alone = app.client().with_token(&alone.text("access_token"));
        alone.get("/v1/me").expect(200);
        alone.get(ana.at("/contacts")).refused(404, "not-found");
        assert!(alone.get("/v1/me/accounts").expect(200).list("data").is_empty());
    }

    fn an_operator_enters_in_the_place_of_a_member_who_lacks_the_second_factor_that_the_account_asks_for(app) {
        let sam = staff::operator(app, Support, "sam@provider.example");
        let ana = given::owner(app, "ana@lima.example");
        let bea = login(app, &ana, "bea@lima.example");
        let user = bea.user();
        Authenticator::of(&ana, app);
        ana.patch(ana.at(""), json!({ "second_factor_required": true })).expect(200);
        bea.get(ana.at("/access")).refused(403, "second-factor-setup-required");
        let (_, as_bea) = sam.impersonates(&user, &ana.account);
        as_bea.get(ana.at("/access")).expect(200);
        let listed = as_bea.get("/v1/me/accounts").expect(200);
        assert_eq!(listed["data/0/needs_second_factor"], json!(false));
        // The person's second factor, and what the account asks of everybody, stay with persons.
        as_bea.post("/v1/me/totp", ()).refused(403, "impersonation-refused");
        let (_, as_ana) = sam.impersonates(&ana.user(), &ana.account);
        as_ana.patch(ana.at(""), json!({ "second_factor_required": false })).refused(403, "impersonation-refused");
    }

    fn r_39_acting_in_a_persons_place_has_bounds(app) {
        let sam = staff::operator(app, Support, "sam@provider.example");
        let ana = given::owner(app, "ana@lima.example");
        let zoe = given::owner(app, "zoe@other.example");
        let path = format!("{USERS}/{}/impersonate", ana.user());
        for minutes in [0, 61, -1, 300] {
            let body = json!({ "reason": REASON, "minutes": minutes });
            sam.post(&path, body).refused(422, "invalid-fields").fault("/minutes", "out-of-range");
        }
        let refused = sam.post(&path, json!({ "minutes": 5 })).refused(422, "invalid-fields");
        refused.fault("/reason", "required");
        let body = json!({ "reason": REASON, "minutes": 5, "account_id": zoe.account });
        sam.post(&path, body).refused(404, "not-found");
        assert!(app.mails_to("ana@lima.example").iter().all(|mail| !mail.text.contains(REASON)));

        let body = json!({ "reason": REASON, "minutes": 60, "account_id": ana.account });
        let begun = sam.post(&path, body).expect(201);
        let as_ana = app.client().with_token(&begun.text("access_token"));
        app.clock().advance(TimeDelta::minutes(60) - TimeDelta::seconds(1));
        as_ana.get(ana.at("/contacts")).expect(200);
        app.clock().advance(TimeDelta::seconds(1));
        as_ana.get(ana.at("/contacts")).refused(401, "unauthenticated");
    }

    fn acting_in_a_persons_place_ends_by_whoever_may_end_it(app) {
        let sam = staff::operator(app, Admin, "sam@provider.example");
        let ana = given::owner(app, "ana@lima.example");
        let user = ana.user();
        let dead = |client: &Client| client.get(ana.at("/contacts")).refused(401, "unauthenticated");
        // The operator.
        let (_, as_ana) = sam.impersonates(&user, &ana.account);
        as_ana.delete("/v1/sessions/current").expect(204);
        dead(&as_ana);
        // The person, who sees it.
        let (begun, as_ana) = sam.impersonates(&user, &ana.account);
        let id = begun.text("session_id");
        let seen = ana.get(format!("/v1/me/sessions/{id}")).expect(200);
        assert_eq!(seen["operator_id"], json!(sam.id.to_string()));
        ana.delete(format!("/v1/me/sessions/{id}")).expect(204);
        dead(&as_ana);
        // Whoever ends all sessions.
        let (_, as_ana) = sam.impersonates(&user, &ana.account);
        sam.acts(&user, "end-sessions").expect(200);
        dead(&as_ana);
        // Whoever removes the person's membership.
        let ana = given::logged_in(app, "ana@lima.example");
        let bea = login(app, &ana, "bea@lima.example");
        let (_, as_bea) = sam.impersonates(&bea.user(), &ana.account);
        as_bea.get(ana.at("/access")).expect(200);
        ana.expels(&bea).expect(204);
        as_bea.get(ana.at("/access")).refused(404, "not-found");
    }

    fn what_an_operator_who_is_removed_has_begun_is_dead_at_once(app) {
        let sam = staff::operator(app, Admin, "sam@provider.example");
        let ana = given::owner(app, "ana@lima.example");
        let (_, as_ana) = sam.impersonates(&ana.user(), &ana.account);
        as_ana.get(ana.at("/contacts")).expect(200);
        staff::dismissed(app, &sam);
        sam.get(ACCOUNTS).refused(401, "unauthenticated");
        as_ana.get(ana.at("/contacts")).refused(401, "unauthenticated");
        ana.get(ana.at("/contacts")).expect(200);
        staff::waits(app);
        staff::log_in(app, "sam@provider.example").refused(401, "invalid-credentials");
        // The address is free for another, and the record stays.
        let other = staff::operator(app, Support, "sam@provider.example");
        assert_ne!(other.id, sam.id);
        let told = other.get(format!("{EVENTS}?type=operator.removed")).expect(200);
        assert_eq!(told["data/0/subject"], json!({ "kind": "operator", "id": sam.id.to_string() }));
    }

    fn an_operator_searches_the_audit_logs_of_all_accounts(app) {
        let sam = staff::operator(app, Support, "sam@provider.example");
        let ana = given::owner(app, "ana@lima.example");
        app.clock().advance(TimeDelta::minutes(5));
        let middle = app.clock().now();
        let bea = given::owner(app, "bea@rio.example");
        let found = |query: &str| sam.get(format!("{EVENTS}?limit=100{query}")).expect(200);
        let opened = found("&type=account.opened");
        assert_eq!(opened.each("data", "account_id"), [bea.account.as_str(), &ana.account]);
        let moment = middle.to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
        let later = found(&format!("&type=account.opened&since={moment}"));
        assert_eq!(later.each("data", "account_id"), [bea.account.as_str()]);
        let earlier = found(&format!("&type=account.opened&until={moment}"));
        assert_eq!(earlier.each("data", "account_id"), [ana.account.as_str()]);
        let of_ana = found(&format!("&account={}", ana.account));
        assert!(!of_ana.list("data").is_empty());
        assert!(of_ana.list("data").iter().all(|event| event["account_id"] == json!(ana.account)));
        let contact = bea.contact().id;
        let told = found(&format!("&subject={contact}"));
        assert!(told.each("data", "type").contains(&"role.given".to_owned()), "{:?}", told.each("data", "type"));
        assert!(told.list("data").iter().all(|event| event["subject"]["id"] == contact.as_str()));
        let of_both = found(&format!("&subject={}&subject={}&type=account.opened", ana.account, bea.account));
        assert_eq!(of_both.each("data", "account_id"), [bea.account.as_str(), &ana.account]);
        sam.get(format!("{EVENTS}?subject=")).refused(400, "bad-request").parameter_fault("subject", "invalid-format");
        let key = ana.post("/v1/me/api-keys", json!({ "name": "Scripts", "all_permissions": true })).expect(201);
        app.client().with_token(&key.text("key")).patch(ana.at(""), json!({ "name": "Lima Ltd" })).expect(200);
        let of_key = found(&format!("&actor={}", key.text("id")));
        assert_eq!(of_key.each("data", "type"), ["account.changed"]);
        // Page by page it is the same.
        let all = found("").each("data", "id");
        let (mut ids, mut path) = (Vec::new(), format!("{EVENTS}?limit=3"));
        loop {
            let page = sam.get(&path).expect(200);
            ids.extend(page.each("data", "id"));
            match page["next_cursor"].as_str() {
                Some(cursor) => path = format!("{EVENTS}?limit=3&cursor={cursor}"),
                None => break,
            }
        }
        assert_eq!(ids, all);
    }

    fn a_change_by_an_operator_is_done_once_for_its_key(app) {
        let sam = staff::operator(app, Admin, "sam@provider.example");
        let ana = given::owner(app, "ana@lima.example");
        let ask = || sam.acts(&ana.user(), "password-reset").idempotency_key("k");
        let user = ana.user();
        let before = app.mails_to("ana@lima.example").len();
        let body = json!({ "reason": REASON });
        let path = format!("{USERS}/{user}/password-reset");
        ask().expect(202);
        let again = sam.post(path, body).idempotency_key("k").expect(202);
        assert_eq!(again.header("Idempotency-Replayed"), "true");
        assert_eq!(app.mails_to("ana@lima.example").len(), before + 1);
    }
}
