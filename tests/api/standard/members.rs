//! Members: listed, changed, suspended, removed; and those who leave.

use accounts_tests::given::{self, Person};
use accounts_tests::{App, Setup, json, on_both};
use chrono::TimeDelta;
use serde_json::Value;

use super::{adds_login, nearly, revision};

/// The names in the list, in its order.
#[track_caller]
fn names(person: &Person<'_>, query: &str) -> Vec<String> {
    person
        .get(person.at(&format!("/members{query}")))
        .expect(200)
        .each("data", "display_name")
}

fn path(owner: &Person<'_>, member: &Person<'_>) -> String {
    owner.at(&format!("/members/{}", member.user()))
}

/// Zoe owns the account, Ana manages its members, and Bea may see contacts.
fn office(app: &App) -> (Person<'_>, Person<'_>, Person<'_>) {
    let zoe = given::owner(app, "zoe@lima.example");
    let (_, ana) = adds_login(app, &zoe, "Ana", &["members:manage", "members:view", "contacts:view"]);
    let (_, bea) = adds_login(app, &zoe, "Bea", &["contacts:view"]);
    (zoe, ana, bea)
}

/// The kinds and the data of the newest events, the latest first.
#[track_caller]
fn newest(person: &Person<'_>, count: usize) -> Vec<(String, Value)> {
    let events = person
        .get(person.at(&format!("/audit-events?limit={count}")))
        .expect(200);
    let event = |event: &Value| {
        (
            event["type"].as_str().unwrap_or_default().to_owned(),
            event["data"].clone(),
        )
    };
    events.list("data").iter().map(event).collect()
}

/// The preset, but for a transfer that waits until it is accepted.
fn on_acceptance() -> Setup {
    let standard = include_str!("../../../crates/accounts-domain/src/catalog/presets/standard.toml");
    Setup::catalog(&standard.replace("owner_transfer = \"immediate\"", "owner_transfer = \"accepted\""))
}

on_both! {
    fn a_member_shows_who_it_is_and_what_it_may_do(app) {
        let (zoe, ana, bea) = office(app);
        let member = zoe.get(path(&zoe, &bea)).expect(200);
        let contact = bea.contact();
        for (field, value) in [
            ("id", json!(bea.user())),
            ("display_name", json!("Bea")),
            ("address", json!("bea@lima.example")),
            ("owner", json!(false)),
            ("all_permissions", json!(false)),
            ("permissions", json!(["contacts:view"])),
            ("permission_preset", json!(null)),
            ("contact_id", json!(contact.id)),
            ("status", json!("active")),
            ("expires_at", json!(null)),
        ] {
            assert_eq!(member[field], value, "{field}");
        }
        assert!(member["last_login_at"].is_string() && member["created_at"].is_string());
        let owner = ana.get(path(&ana, &zoe)).expect(200);
        assert_eq!([&owner["owner"], &owner["all_permissions"]], [&json!(true), &json!(true)]);
        // A log-in shows at once, and in the tag.
        app.clock().advance(TimeDelta::minutes(5));
        given::logged_in(app, "bea@lima.example");
        let again = zoe.get(path(&zoe, &bea)).expect(200);
        assert_ne!(again["last_login_at"], member["last_login_at"]);
        assert_ne!(again.etag(), member.etag());
    }

    fn the_list_begins_with_the_callers_own_entry_and_is_narrowed_by_filters(app) {
        let (zoe, ana, bea) = office(app);
        let (_, emile) = adds_login(app, &zoe, "Emile", &[]);
        emile.patch("/v1/me", json!({ "display_name": "Émile" })).expect(200);
        assert_eq!(names(&zoe, ""), ["Zoe", "Ana", "Bea", "Émile"]);
        assert_eq!(names(&ana, ""), ["Ana", "Bea", "Émile", "Zoe"]);
        let soon = app.clock().now() + TimeDelta::minutes(1);
        zoe.changes(&bea, json!({ "status": "suspended" })).expect(200);
        zoe.changes(&emile, json!({ "expires_at": soon.to_rfc3339() })).expect(200);
        app.clock().advance(TimeDelta::minutes(1));
        for (query, found) in [
            ("?status=active", vec!["Zoe", "Ana"]),
            ("?status=suspended", vec!["Bea"]),
            ("?status=expired", vec!["Émile"]),
            ("?status=suspended&status=expired", vec!["Bea", "Émile"]),
            ("?permission=contacts:view", vec!["Zoe", "Ana", "Bea"]),
            ("?permission=audit:view&permission=members:manage", vec!["Zoe", "Ana"]),
            ("?q=emile", vec!["Émile"]),
            ("?q=LIMA.example%20e", vec!["Zoe", "Ana", "Bea", "Émile"]),
            ("?q=ana%40lima", vec!["Ana"]),
            ("?status=active&q=bea", vec![]),
        ] {
            assert_eq!(names(&zoe, query), found, "{query}");
        }
        zoe.get(zoe.at("/members?status=gone")).refused(400, "bad-request").parameter_fault("status", "invalid-format");
        let first = zoe.get(zoe.at("/members?limit=3")).expect(200);
        let next = first.text("next_cursor");
        assert_eq!(names(&zoe, &format!("?limit=3&cursor={next}")), ["Émile"]);
    }

    fn only_who_may_sees_and_manages_members(app) {
        let (zoe, ana, bea) = office(app);
        assert_eq!(bea.get(bea.at("/members")).refused(403, "forbidden")["permission"], "members:view");
        bea.get(path(&bea, &ana)).refused(403, "forbidden");
        // The own entry is everybody's to see.
        assert_eq!(bea.get(path(&bea, &bea)).expect(200)["id"], json!(bea.user()));
        assert_eq!(bea.expels(&ana).refused(403, "forbidden")["permission"], "members:manage");
        let dan = given::owner(app, "dan@other.example");
        dan.get(zoe.at("/members")).refused(404, "not-found");
        dan.get(dan.at(&format!("/members/{}", bea.user()))).refused(404, "not-found");
        dan.patch(dan.at(&format!("/members/{}", bea.user())), json!({ "permissions": [] })).refused(404, "not-found");
    }

    fn nobody_changes_themselves_nor_grants_what_they_do_not_have_nor_reaches_above(app) {
        let (zoe, ana, bea) = office(app);
        let count = revision(&zoe);
        for own in [
            ana.changes(&ana, json!({ "all_permissions": true })),
            ana.changes(&ana, json!({ "permissions": [] })),
            ana.changes(&ana, json!({ "status": "suspended" })),
            ana.expels(&ana),
            zoe.changes(&zoe, json!({ "expires_at": null })),
        ] {
            own.refused(403, "own-membership");
        }
        for beyond in [json!({ "all_permissions": true }), json!({ "permissions": ["audit:view"] })] {
            ana.changes(&bea, beyond).refused(403, "cannot-grant");
        }
        assert_eq!(revision(&zoe), count);
        zoe.changes(&bea, json!({ "permissions": ["contacts:view", "audit:view"] })).expect(200);
        let count = revision(&zoe);
        for above in [
            ana.changes(&bea, json!({ "permissions": ["contacts:view"] })),
            ana.changes(&bea, json!({ "status": "suspended" })),
            ana.expels(&bea),
        ] {
            above.refused(403, "member-holds-more");
        }
        assert_eq!(revision(&zoe), count);
        zoe.changes(&bea, json!({ "permissions": [] })).expect(200);
        ana.changes(&bea, json!({ "permissions": ["contacts:view", "members:view"] })).expect(200);
    }

    fn a_log_in_above_the_own_is_not_ended_by_way_of_its_contact(app) {
        let zoe = given::owner(app, "zoe@lima.example");
        let (_, ana) = adds_login(app, &zoe, "Ana", &["contacts:manage"]);
        let (contact, bea) = adds_login(app, &zoe, "Bea", &["audit:view"]);
        ana.removes(&contact).refused(403, "member-holds-more");
        ana.post(contact.at("/erase"), ()).refused(403, "member-holds-more");
        zoe.changes(&bea, json!({ "permissions": [] })).expect(200);
        ana.removes(&contact).expect(204);
        bea.get(bea.at("/access")).refused(404, "not-found");
    }

    fn the_owner_stands_outside(app) {
        let (zoe, ana, _) = office(app);
        zoe.changes(&ana, json!({ "all_permissions": true })).expect(200);
        let before = zoe.get(path(&zoe, &zoe)).expect(200);
        for reach in [
            ana.changes(&zoe, json!({ "permissions": [] })),
            ana.changes(&zoe, json!({ "status": "suspended" })),
            ana.changes(&zoe, json!({ "expires_at": "2099-01-01T00:00:00Z" })),
            ana.expels(&zoe),
            zoe.leaves(),
        ] {
            reach.refused(409, "member-is-owner");
        }
        assert_eq!(zoe.get(path(&zoe, &zoe)).expect(200).body(), before.body());
    }

    fn a_suspended_member_finds_nothing_until_it_is_reinstated(app) {
        let (zoe, _, bea) = office(app);
        let own = bea.post("/v1/accounts", json!({ "name": "Bea's own" })).expect(201).text("id");
        zoe.changes(&bea, json!({ "status": "suspended" })).expect(200);
        assert_eq!(newest(&zoe, 1)[0].0, "member.suspended");
        for path in ["", "/access", "/contacts", "/ownership-transfers"] {
            bea.get(bea.at(path)).refused(404, "not-found");
        }
        bea.leaves().refused(404, "not-found");
        assert_eq!(bea.get("/v1/me/accounts").expect(200).list("data").len(), 1);
        bea.get(format!("/v1/accounts/{own}/access")).expect(200);
        let mail = app.mail_to("bea@lima.example");
        assert!(mail.subject.contains("suspended"), "{}", mail.subject);
        zoe.changes(&bea, json!({ "status": "active" })).expect(200);
        assert_eq!(newest(&zoe, 1)[0].0, "member.reinstated");
        bea.get(bea.at("/contacts")).expect(200);
    }

    fn a_membership_ends_by_itself_at_its_moment(app) {
        let (zoe, _, bea) = office(app);
        let end = app.clock().now() + TimeDelta::minutes(8);
        let body = json!({ "expires_at": end.to_rfc3339() });
        let changed = zoe.changes(&bea, body).expect(200);
        let (kind, data) = newest(&zoe, 1).remove(0);
        assert_eq!((kind.as_str(), &data["expires_at"]), ("member.expiry_changed", &changed["expires_at"]));
        let (almost, rest) = nearly(TimeDelta::minutes(8));
        app.clock().advance(almost);
        bea.get(bea.at("/contacts")).expect(200);
        app.clock().advance(rest);
        bea.get(bea.at("/contacts")).refused(404, "not-found");
        assert_eq!(bea.get("/v1/me/accounts").expect(200).list("data").len(), 0);
        assert_eq!(zoe.get(path(&zoe, &bea)).expect(200)["status"], "expired");
        let past = json!({ "expires_at": (end - TimeDelta::minutes(1)).to_rfc3339() });
        zoe.changes(&bea, past).refused(422, "invalid-fields").fault("/expires_at", "in-the-past");
        zoe.changes(&bea, json!({ "expires_at": null })).expect(200);
        bea.get(bea.at("/contacts")).expect(200);
    }

    fn removing_acts_on_the_next_request_and_leaves_the_contact_and_the_person(app) {
        let (zoe, ana, bea) = office(app);
        let contact = bea.contact();
        let told = zoe.delete(format!("{}?dry_run=true", path(&zoe, &bea))).expect(200);
        assert_eq!(told["removed_members"], json!([bea.user()]));
        assert_eq!(told["removed_contacts"], json!([]));
        bea.get(bea.at("/contacts")).expect(200);
        let seen = zoe.get(contact.path()).expect(200);
        let count = revision(&zoe);
        ana.expels(&bea).expect(204);
        assert_eq!(revision(&zoe), count + 1);
        assert_eq!(newest(&zoe, 1), [("member.removed".to_owned(), json!({ "contact": contact.id }))]);
        bea.get(bea.at("/contacts")).refused(404, "not-found");
        bea.get("/v1/me").expect(200);
        zoe.get(path(&zoe, &bea)).refused(404, "not-found");
        let left = zoe.get(contact.path()).expect(200);
        assert_eq!(left["login"], false);
        assert_ne!(left.etag(), seen.etag());
        let mail = app.mail_to("bea@lima.example");
        assert!(mail.subject.contains("no longer have access"), "{}", mail.subject);
    }

    fn who_leaves_is_gone_and_a_repeat_is_told_the_first_answer(app) {
        let (zoe, _, bea) = office(app);
        let told = bea.post(bea.at("/leave?dry_run=true"), ()).expect(200);
        for lost in [
            json!({ "kind": "permission", "key": "contacts:view" }),
            json!({ "kind": "application", "key": "documentation" }),
        ] {
            assert!(told.list("caller_loses").contains(&lost), "{told}");
        }
        let mails = app.mails_to("bea@lima.example").len();
        let leave = || bea.leaves().idempotency_key("once");
        leave().expect(204);
        assert_eq!(newest(&zoe, 1)[0].0, "member.left");
        assert_eq!(leave().expect(204).header("Idempotency-Replayed"), "true");
        bea.leaves().refused(404, "not-found");
        bea.leaves().idempotency_key("another").refused(404, "not-found");
        bea.get(bea.at("/access")).refused(404, "not-found");
        assert_eq!(app.mails_to("bea@lima.example").len(), mails);
        // The key of one person says nothing to another.
        let dan = given::owner(app, "dan@other.example");
        dan.post(bea.at("/leave"), ()).idempotency_key("once").refused(404, "not-found");
    }

    fn one_way_to_say_which_permissions_are_meant(app) {
        let (zoe, _, bea) = office(app);
        let asks = |body: Value| zoe.changes(&bea, body);
        let both = json!({ "all_permissions": true, "permissions": ["contacts:view"] });
        asks(both).refused(422, "invalid-fields").fault("/all_permissions", "contradictory");
        let both = json!({ "permission_preset": "x", "permissions": [] });
        asks(both).refused(422, "invalid-fields").fault("/permission_preset", "contradictory");
        asks(json!({ "all_permissions": false })).refused(422, "invalid-fields").fault("/permissions", "required");
        asks(json!({ "permissions": ["Contacts"] })).refused(422, "invalid-fields").fault("/permissions/0", "invalid-format");
        asks(json!({ "permissions": ["contacts:view", "moon:visit"] }))
            .refused(422, "invalid-fields")
            .fault("/permissions/1", "unknown-permission");
        let named = asks(json!({ "all_permissions": false, "permissions": ["audit:view"] })).expect(200);
        assert_eq!(named["permissions"], json!(["audit:view"]));
    }

    fn what_is_so_already_leaves_no_record_and_a_stale_tag_is_refused(app) {
        let (zoe, _, bea) = office(app);
        let (first, count) = (zoe.get(path(&zoe, &bea)).expect(200), revision(&zoe));
        let same = json!({ "permissions": ["contacts:view"], "status": "active", "expires_at": null });
        let again = zoe.changes(&bea, same).if_match(&first.etag()).expect(200);
        assert_eq!((again.etag(), again.body()), (first.etag(), first.body()));
        assert_eq!(revision(&zoe), count);
        let changed = zoe.changes(&bea, json!({ "permissions": [] })).if_match(&first.etag()).expect(200);
        assert_eq!(zoe.get(path(&zoe, &bea)).expect(200).etag(), changed.etag());
        zoe.changes(&bea, json!({ "status": "suspended" })).if_match(&first.etag()).refused(412, "stale");
        zoe.expels(&bea).if_match(&first.etag()).refused(412, "stale");
        zoe.expels(&bea).if_match(&changed.etag()).expect(204);
    }
}

on_both! {
    on_acceptance();

    fn an_offer_to_own_the_account_ends_with_what_made_its_recipient_fit(app) {
        let zoe = given::owner(app, "zoe@lima.example");
        let (contact, bea) = adds_login(app, &zoe, "Bea", &[]);
        let soon = (app.clock().now() + TimeDelta::days(1)).to_rfc3339();
        for act in [json!({ "status": "suspended" }), json!({ "expires_at": soon })] {
            let offer = zoe.transfers_ownership(&contact).expect(201).text("id");
            let transfer = zoe.at(&format!("/ownership-transfers/{offer}"));
            zoe.changes(&bea, act).expect(200);
            assert_eq!(zoe.get(&transfer).expect(200)["status"], "cancelled");
            zoe.changes(&bea, json!({ "status": "active", "expires_at": null })).expect(200);
            bea.post(format!("{transfer}/accept"), ()).refused(409, "no-pending-transfer");
        }
        let offer = zoe.transfers_ownership(&contact).expect(201).text("id");
        bea.leaves().expect(204);
        let transfer = zoe.get(zoe.at(&format!("/ownership-transfers/{offer}"))).expect(200);
        assert_eq!(transfer["status"], "cancelled");
        zoe.transfers_ownership(&contact).refused(409, "contact-has-no-login");
    }
}
