//! Contacts: their number, their addresses, their account.

use std::thread;

use accounts_tests::given;
use accounts_tests::{json, on_both};

use super::{adds_login, read, revision};

on_both! {
    fn an_account_has_five_contacts_however_many_requests_race(app) {
        let ana = given::owner(app, "ana@lima.example");
        let statuses: Vec<u16> = thread::scope(|scope| {
            let add = |number: u32| {
                let body = json!({ "display_name": "Bea", "address": format!("bea{number}@lima.example") });
                let request = ana.post(ana.at("/contacts"), body);
                scope.spawn(move || request.send().status())
            };
            let running: Vec<_> = (0..8).map(add).collect();
            running.into_iter().map(|request| request.join().unwrap()).collect()
        });
        assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 4, "{statuses:?}");
        assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 4, "{statuses:?}");
        assert_eq!(ana.get(ana.at("/contacts")).expect(200).list("data").len(), 5);
        let body = json!({ "display_name": "Cem", "address": "cem@lima.example" });
        let refused = ana.post(ana.at("/contacts"), body).refused(409, "contact-limit-reached");
        assert_eq!(refused["limit"], 5);
        assert_eq!(ana.get(ana.at("")).expect(200)["contact_limit"], 5);
    }

    fn an_address_stands_once_in_an_account_however_it_is_written(app) {
        let ana = given::owner(app, "ana@lima.example");
        let bea = ana.adds_contact("Bea", " Bea@LIMA.example ");
        assert_eq!(bea.address, "Bea@lima.example");
        let again = |address: &str| ana.post(ana.at("/contacts"), json!({ "display_name": "B", "address": address }));
        for address in ["bea@lima.example", "BEA@Lima.Example", "ana@lima.example"] {
            again(address).refused(409, "address-taken");
        }
        let more = json!({ "display_name": "B", "address": "b@lima.example", "more_addresses": ["bEA@lima.example"] });
        ana.post(ana.at("/contacts"), more).refused(409, "address-taken");
        let zoe = given::owner(app, "zoe@other.example");
        zoe.adds_contact("Bea", "bea@lima.example");
    }

    fn another_accounts_contact_is_not_there(app) {
        let ana = given::owner(app, "ana@lima.example");
        let zoe = given::owner(app, "zoe@other.example");
        let bea = ana.adds_contact("Bea", "bea@lima.example");
        let foreign = |path: &str| zoe.at(&format!("/contacts/{}{path}", bea.id));
        zoe.get(foreign("")).refused(404, "not-found");
        zoe.patch(foreign(""), json!({ "title": "Mine" })).refused(404, "not-found");
        zoe.delete(foreign("")).refused(404, "not-found");
        zoe.put(foreign("/roles/billing"), ()).refused(404, "not-found");
        zoe.post(foreign("/verification"), ()).refused(404, "not-found");
        zoe.post(foreign("/promote"), json!({ "roles": ["billing"] })).refused(404, "not-found");
        zoe.get(bea.path()).refused(404, "not-found");
        assert_eq!(read(&ana, &bea)["title"], json!(null));
    }

    fn a_new_contact_wishes_to_receive_nothing_but_what_its_roles_bring(app) {
        let ana = given::owner(app, "ana@lima.example");
        let bea = ana.adds_contact("Bea", "bea@lima.example");
        assert_eq!(read(&ana, &bea)["subscriptions"], json!([]));
        let set = |categories: &[&str]| ana.put(bea.at("/subscriptions"), json!({ "categories": categories }));
        assert_eq!(set(&["product_news", "invoice"]).expect(200)["subscriptions"], json!(["invoice", "product_news"]));
        set(&["gossip"]).refused(422, "invalid-fields").fault("/categories", "unknown-category");
        let new = json!({ "display_name": "Cem", "address": "cem@lima.example", "subscriptions": ["gossip"],
            "login": { "all_permissions": true, "permissions": [] } });
        let refused = ana.post(ana.at("/contacts"), new).refused(422, "invalid-fields");
        refused.fault("/subscriptions/0", "unknown-category").fault("/login/all_permissions", "contradictory");
        assert_eq!(set(&[]).expect(200)["subscriptions"], json!([]));
    }

    fn the_owner_and_holders_of_roles_are_not_removed(app) {
        let ana = given::owner(app, "ana@lima.example");
        let bea = ana.adds_contact("Bea", "bea@lima.example");
        ana.gives(&bea, "technical").expect(200);
        ana.gives(&bea, "security").expect(200);
        let erase = |contact: &given::Contact| ana.post(contact.at("/erase"), ());
        for request in [ana.removes(&bea), erase(&bea)] {
            assert_eq!(request.refused(409, "contact-holds-roles")["roles"], json!(["security", "technical"]));
        }
        let owner = ana.contact();
        for request in [ana.removes(&owner), erase(&owner)] {
            let roles = json!(["billing", "general", "security", "technical"]);
            assert_eq!(request.refused(409, "contact-is-owner")["roles"], roles);
        }
        for role in ["technical", "security"] {
            ana.takes(&bea, role).expect(204);
        }
        ana.removes(&bea).expect(204);
    }

    fn a_person_with_a_log_in_alone_edits_the_own_names(app) {
        let ana = given::owner(app, "ana@lima.example");
        let (contact, bea) = adds_login(app, &ana, "Bea", &[]);
        ana.patch(contact.path(), json!({ "last_name": "Lima" })).refused(409, "profile-belongs-to-person");
        bea.patch(contact.path(), json!({ "last_name": "Lima" })).expect(200);
        // Addresses prove who somebody is and stay with the managers.
        bea.patch(contact.path(), json!({ "address": "b@lima.example" })).refused(403, "forbidden");
        ana.patch(contact.path(), json!({ "phones": [{ "number": "+33 1 42 68 53 00" }] })).expect(200);
        assert_eq!(bea.get(contact.path()).expect(200)["phones/0/number"], "+33142685300");
        bea.get(ana.contact().path()).refused(403, "forbidden");
    }

    fn what_is_so_already_changes_nothing_and_leaves_no_record(app) {
        let ana = given::owner(app, "ana@lima.example");
        let bea = ana.adds_verified("Bea", "bea@lima.example");
        ana.gives(&bea, "billing").expect(200);
        let (before, count) = (ana.get(bea.path()).expect(200), revision(&ana));
        ana.patch(bea.path(), json!({ "display_name": " Bea ", "title": null, "address": "BEA@lima.example" })).expect(200);
        ana.gives(&bea, "billing").expect(200);
        ana.takes(&bea, "security").expect(204);
        ana.put(bea.at("/subscriptions"), json!({ "categories": [] })).expect(200);
        let moved = ana.promotes(&ana.contact(), &["billing", "technical"]).expect(200);
        assert_eq!((&moved["roles"], &moved["applications"]), (&json!([]), &json!([])));
        ana.patch(ana.at(""), json!({ "name": "Ana Ltd" })).expect(200);
        let after = ana.get(bea.path()).expect(200);
        assert_eq!((before.etag(), before.body()), (after.etag(), after.body()));
        assert_eq!(revision(&ana), count);
    }
}
