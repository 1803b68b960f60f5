//! A contact's addresses: the main one, the one that waits to replace it, and more.

use accounts_tests::given;
use accounts_tests::{json, on_both};

use super::{follow, read, sent_to};

on_both! {
    fn a_changed_address_waits_while_the_old_one_stays_in_force(app) {
        let ana = given::owner(app, "ana@lima.example");
        let bea = ana.adds_verified("Bea", "bea@lima.example");
        ana.promotes(&bea, &["billing"]).expect(200);
        let changed = ana.patch(bea.path(), json!({ "address": "b@new.example" })).expect(200);
        assert_eq!((&changed["address"], &changed["verified"]), (&json!("bea@lima.example"), &json!(true)));
        assert_eq!(changed["pending_address"], "b@new.example");
        assert_eq!(changed["primary_roles"], json!(["billing"]));
        // Nobody else of the account gets the address that waits.
        let body = json!({ "display_name": "Cem", "address": "B@new.example" });
        ana.post(ana.at("/contacts"), body).refused(409, "address-taken");

        let token = sent_to(app, &ana, &bea, "b@new.example");
        follow(app, &token).expect(200);
        let moved = read(&ana, &bea);
        assert_eq!((&moved["address"], &moved["verified"]), (&json!("b@new.example"), &json!(true)));
        assert_eq!((&moved["pending_address"], &moved["primary_roles"]), (&json!(null), &json!(["billing"])));
        assert_eq!(app.mail_to("bea@lima.example").subject, "Ana Ltd writes to another address from now on");
        ana.adds_contact("Cem", "bea@lima.example");
    }

    fn an_address_that_was_never_verified_is_replaced_at_once(app) {
        let ana = given::owner(app, "ana@lima.example");
        let bea = ana.adds_contact("Bea", "baa@lima.example");
        let old = sent_to(app, &ana, &bea, "baa@lima.example");
        let changed = ana.patch(bea.path(), json!({ "address": "bea@lima.example" })).expect(200);
        assert_eq!((&changed["address"], &changed["pending_address"]), (&json!("bea@lima.example"), &json!(null)));
        follow(app, &old).refused(410, "link-expired");
        // The link stays dead when the contact gets the address back.
        ana.patch(bea.path(), json!({ "address": "baa@lima.example" })).expect(200);
        follow(app, &old).refused(410, "link-expired");
        assert_eq!(read(&ana, &bea)["verified"], false);
    }

    fn links_to_an_address_that_no_longer_waits_are_dead(app) {
        let ana = given::owner(app, "ana@lima.example");
        let bea = ana.adds_verified("Bea", "bea@lima.example");
        let propose = |address: &str| ana.patch(bea.path(), json!({ "address": address })).expect(200);
        propose("one@lima.example");
        let one = sent_to(app, &ana, &bea, "one@lima.example");
        propose("two@lima.example");
        let two = sent_to(app, &ana, &bea, "two@lima.example");
        follow(app, &one).refused(410, "link-expired");
        // Naming the address in force withdraws the one that waits.
        assert_eq!(propose("Bea@lima.example")["pending_address"], json!(null));
        propose("three@lima.example");
        ana.delete(bea.at("/addresses/three@lima.example")).expect(204);
        assert_eq!(read(&ana, &bea)["pending_address"], json!(null));
        follow(app, &two).refused(410, "link-expired");
        ana.post(bea.at("/verification"), ()).refused(409, "already-verified");
        let now = read(&ana, &bea);
        assert_eq!((&now["address"], &now["verified"]), (&json!("bea@lima.example"), &json!(true)));
    }

    fn more_addresses_are_verified_one_by_one(app) {
        let ana = given::owner(app, "ana@lima.example");
        let more = ["bea@home.example", "bea@work.example"];
        let bea = ana.adds(json!({ "display_name": "Bea", "address": "bea@lima.example", "more_addresses": more }));
        let send = |address: &str| ana.post(bea.at("/addresses/verification"), json!({ "address": address }));
        send("BEA@home.example").expect(202);
        follow(app, &app.mail_to("bea@home.example").link_token()).expect(200);
        let now = read(&ana, &bea);
        assert_eq!(now["more_addresses"][0]["address"], "bea@home.example");
        assert_eq!((&now["more_addresses"][0]["verified"], &now["more_addresses"][1]["verified"]), (&json!(true), &json!(false)));
        // It proves nothing about the main address, which alone makes a contact verified.
        assert_eq!(now["verified"], false);
        ana.promotes(&bea, &["billing"]).refused(409, "contact-not-verified");
        send("bea@home.example").refused(409, "already-verified");
        send("bea@nowhere.example").refused(404, "not-found");
    }

    fn more_addresses_stand_once_in_the_account_and_come_and_go(app) {
        let ana = given::owner(app, "ana@lima.example");
        let bea = ana.adds_contact("Bea", "bea@lima.example");
        let set = |addresses: &[&str]| ana.patch(bea.path(), json!({ "more_addresses": addresses }));
        let both = ["b@lima.example", "bea@home.example"];
        assert_eq!(set(&both).expect(200).each("more_addresses", "address"), both);
        for taken in ["ANA@lima.example", "bea@lima.example"] {
            set(&[taken]).refused(409, "address-taken");
        }
        set(&["b@lima.example", "B@lima.example"]).refused(409, "address-taken");
        let body = json!({ "display_name": "Cem", "address": "b@lima.example" });
        ana.post(ana.at("/contacts"), &body).refused(409, "address-taken");

        ana.delete(bea.at("/addresses/B@lima.example")).expect(204);
        ana.delete(bea.at("/addresses/b@lima.example")).refused(404, "not-found");
        ana.delete(bea.at("/addresses/bea@lima.example")).refused(409, "address-in-use");
        ana.post(ana.at("/contacts"), &body).expect(201);
        assert_eq!(ana.patch(bea.path(), json!({ "more_addresses": null })).expect(200)["more_addresses"], json!([]));
    }

    fn changing_a_contact_moves_no_log_in(app) {
        let ana = given::owner(app, "ana@lima.example");
        let own = ana.contact();
        ana.patch(own.path(), json!({ "address": "ana@new.example" })).expect(200);
        let token = sent_to(app, &ana, &own, "ana@new.example");
        assert_eq!(follow(app, &token).expect(200)["login"], true);
        assert_eq!(ana.contact().address, "ana@new.example");
        assert_eq!(ana.get("/v1/me").expect(200)["address"], "ana@lima.example");
        given::logged_in(app, "ana@lima.example");
        let body = json!({ "address": "ana@new.example", "password": given::PASSWORD });
        app.client().post("/v1/sessions", body).refused(401, "invalid-credentials");
    }
}
