//! Who owns the account after its first owner, where contacts never log in: whoever logs in with the contact's address.

use accounts_domain::operators::OperatorKind::Admin;
use accounts_tests::given::{self, Contact, Person};
use accounts_tests::{App, Setup, json, on_both, staff};

use super::{member, told};

/// Somebody who is told, and who acts: a verified contact and, apart from it, a user who was invited to its address.
#[track_caller]
fn both<'a>(ana: &Person<'a>, name: &str, address: &str) -> (Contact, Person<'a>) {
    let contact = ana.adds_verified(name, address);
    let user = ana.invites_new(address, &json!(["tickets:view", "contacts:view"]));
    (contact, user)
}

/// Offers the account to a contact, and answers where the offer stands.
#[track_caller]
fn offers(ana: &Person<'_>, contact: &Contact) -> String {
    let offer = ana.transfers_ownership(contact).expect(201);
    assert_eq!(offer["status"], "pending");
    offer.header("Location").to_owned()
}

/// The user is the contact, and owns the account by it.
#[track_caller]
fn owns(user: &Person<'_>, contact: &Contact) {
    let shown = user.get(contact.path()).expect(200);
    assert_eq!([&shown["owner"], &shown["login"]], [&json!(true), &json!(true)]);
    let member = user.get(user.at(&format!("/members/{}", user.user()))).expect(200);
    assert_eq!(member["contact_id"], contact.id.as_str());
    let access = user.get(user.at("/access")).expect(200);
    assert_eq!(
        [&access["owner"], &access["all_permissions"]],
        [&json!(true), &json!(true)]
    );
}

/// Everything that must hold does.
#[track_caller]
fn sound(app: &App) {
    let catalog = app.running().service().store.catalog();
    let findings = accounts_store::check(&app.database(), catalog, app.clock().now()).unwrap();
    assert!(findings.is_empty(), "{findings:?}");
}

on_both! {
    Setup::preset("hosting");

    fn an_owner_hands_the_account_to_the_user_with_the_contacts_address_and_can_go(app) {
        let ana = given::owner(app, "ana@example.com");
        let dan = ana.adds_contact("Dan", "dan@example.com");
        ana.transfers_ownership(&dan).refused(409, "contact-not-verified");
        ana.verifies(&dan);
        // A contact alone logs in with nothing.
        ana.transfers_ownership(&dan).refused(409, "contact-has-no-login");
        let user = ana.invites_new("dan@example.com", &json!(["contacts:view"]));
        let eve = member(&ana, "eve@example.com", &["members:view"]);
        let zoe = given::owner(app, "zoe@example.com");

        let path = ana.at("/ownership-transfers?dry_run=true");
        ana.post(path, json!({ "contact_id": dan.id })).expect(200);
        let offer = offers(&ana, &dan);
        assert!(app.mail_to("dan@example.com").text.contains("Ana"));
        sound(app);
        // Nobody else takes it, and nothing has changed yet.
        for stranger in [&eve, &ana] {
            stranger.post(format!("{offer}/accept"), ()).refused(403, "other-person");
            stranger.post(format!("{offer}/decline"), ()).refused(403, "other-person");
        }
        zoe.post(format!("{offer}/accept"), ()).refused(404, "not-found");
        let shown = ana.get(dan.path()).expect(200);
        assert_eq!([&shown["owner"], &shown["login"]], [&json!(false), &json!(false)]);

        let accepted = user.post(format!("{offer}/accept"), ()).expect(200);
        assert_eq!((&accepted["status"], &accepted["to/id"]), (&json!("accepted"), &json!(dan.id)));
        owns(&user, &dan);
        assert_ne!(user.get(dan.path()).expect(200).etag(), shown.etag());
        let events = user.get(user.at("/audit-events?limit=3")).expect(200);
        assert_eq!(events.each("data", "type"), ["ownership_transfer.ended", "member.linked", "owner.moved"]);
        assert_eq!(events["data/1/data/contact"], dan.id.as_str());
        sound(app);

        // Who owned the account keeps all permissions, is its owner no more, and can go.
        let access = ana.get(ana.at("/access")).expect(200);
        assert_eq!([&access["owner"], &access["all_permissions"]], [&json!(false), &json!(true)]);
        ana.transfers_ownership(&dan).refused(403, "owner-only");
        ana.post("/v1/me/erase", ()).expect(200);
        let names = user.get(user.at("/contacts")).expect(200).each("data", "display_name");
        assert_eq!(names, ["Dan"]);
        sound(app);
    }

    fn the_former_owner_is_removed_like_anybody(app) {
        let ana = given::owner(app, "ana@example.com");
        let (dan, user) = both(&ana, "Dan", "dan@example.com");
        let offer = offers(&ana, &dan);
        user.post(format!("{offer}/accept"), ()).expect(200);
        let contact = ana.contact();
        user.expels(&ana).expect(204);
        user.removes(&contact).expect(204);
        // One person is told once, though it is a contact and a user.
        let invoices = told(&user, "category=invoices");
        assert_eq!(invoices.each("data/0/to", "address"), ["dan@example.com"]);
        sound(app);
    }

    fn who_declines_is_no_contact_by_that(app) {
        let ana = given::owner(app, "ana@example.com");
        let (dan, user) = both(&ana, "Dan", "dan@example.com");
        let offer = offers(&ana, &dan);
        let declined = user.post(format!("{offer}/decline"), ()).expect(200);
        assert_eq!(declined["status"], "declined");
        assert_eq!(ana.get(dan.path()).expect(200)["login"], false);
        let offer = offers(&ana, &dan);
        ana.post(format!("{offer}/cancel"), ()).expect(200);
        user.post(format!("{offer}/accept"), ()).refused(409, "no-pending-transfer");
        sound(app);
    }

    fn an_offer_is_for_the_person_of_the_address_it_was_made_to(app) {
        let ana = given::owner(app, "ana@example.com");
        let (dan, user) = both(&ana, "Dan", "dan@example.com");
        let eve = member(&ana, "eve@example.com", &["contacts:view", "contacts:manage"]);
        // Whoever manages contacts turns no offer to themselves.
        let offer = offers(&ana, &dan);
        eve.patch(dan.path(), json!({ "address": "eve@example.com" })).expect(200);
        eve.post(dan.at("/verification"), ()).expect(202);
        let token = app.mail_to("eve@example.com").link_token();
        app.client().post("/v1/contact-verifications/confirm", json!({ "token": token })).expect(200);
        assert_eq!(ana.get(&offer).expect(200)["status"], "cancelled");
        eve.post(format!("{offer}/accept"), ()).refused(409, "no-pending-transfer");
        user.post(format!("{offer}/accept"), ()).refused(403, "other-person");

        // Who is held back, or leaves by itself, takes nothing over.
        let (fay, user) = both(&ana, "Fay", "fay@example.com");
        let offer = offers(&ana, &fay);
        ana.changes(&user, json!({ "status": "suspended" })).expect(200);
        user.post(format!("{offer}/accept"), ()).refused(404, "not-found");
        sound(app);
        ana.changes(&user, json!({ "status": "active", "expires_at": "2100-01-01T00:00:00Z" })).expect(200);
        user.post(format!("{offer}/accept"), ()).refused(409, "contact-has-no-login");
        ana.changes(&user, json!({ "expires_at": null })).expect(200);
        user.post(format!("{offer}/accept"), ()).expect(200);
        owns(&user, &fay);
    }

    fn an_operator_moves_the_ownership_to_the_user_with_the_contacts_address(app) {
        let sam = staff::operator(app, Admin, "sam@provider.example");
        let ana = given::owner(app, "ana@example.com");
        let dan = ana.adds_verified("Dan", "dan@example.com");
        let patch = json!({ "owner_contact_id": dan.id });
        sam.administers(&ana.account, patch.clone()).refused(409, "contact-has-no-login");
        let user = ana.invites_new("dan@example.com", &json!(["contacts:view"]));

        let look = json!({ "owner_contact_id": dan.id, "reason": staff::REASON });
        let look = sam.patch(format!("/v1/operator/accounts/{}?dry_run=true", ana.account), look).expect(200);
        assert_eq!(look["consequences/owner/to/id"], dan.id.as_str());
        assert_eq!(look["owner/user_id"], json!(user.user()));
        assert_eq!(ana.get(dan.path()).expect(200)["owner"], false);
        let moved = sam.administers(&ana.account, patch).expect(200);
        assert_eq!((&moved["owner/user_id"], &moved["owner/contact_id"]), (&look["owner/user_id"], &json!(dan.id)));
        owns(&user, &dan);
        ana.leaves().expect(204);
        sound(app);
    }
}
