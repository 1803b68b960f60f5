//! Ownership: always one owner, handed on at once or when the other accepts.

use accounts_tests::given::{self, Contact, Person};
use accounts_tests::{App, Setup, json, on_both};
use chrono::TimeDelta;

use super::{adds_login, nearly, read};

/// The preset, but for a transfer that waits until it is accepted.
fn on_acceptance() -> Setup {
    let standard = include_str!("../../../crates/accounts-domain/src/catalog/presets/standard.toml");
    let changed = standard.replace("owner_transfer = \"immediate\"", "owner_transfer = \"accepted\"");
    assert_ne!(changed, standard);
    Setup::catalog(&changed)
}

/// The display names of those contacts that own the account.
#[track_caller]
fn owners(person: &Person<'_>) -> Vec<String> {
    let list = person.get(person.at("/contacts")).expect(200);
    let owners = list.list("data").iter().filter(|contact| contact["owner"] == true);
    owners
        .map(|contact| contact["display_name"].as_str().unwrap_or_default().to_owned())
        .collect()
}

on_both! {
    fn the_account_is_handed_on_at_once(app) {
        let ana = given::owner(app, "ana@lima.example");
        let (contact, bea) = adds_login(app, &ana, "Bea", &[]);
        let cem = ana.adds_verified("Cem", "cem@lima.example");
        let own = ana.contact();
        ana.promotes(&cem, &["security"]).expect(200);

        let path = ana.at("/ownership-transfers");
        let tried = ana.post(format!("{path}?dry_run=true"), json!({ "contact_id": contact.id })).expect(200);
        assert_eq!((&tried["owner/from/id"], &tried["owner/to/id"]), (&json!(own.id), &json!(contact.id)));
        assert_eq!(tried.each("roles", "role"), ["general", "billing", "technical"]);
        assert!(tried.each("caller_loses", "key").contains(&"contacts:manage".to_owned()));
        assert_eq!(owners(&ana), ["Ana"]);

        let made = ana.transfers_ownership(&contact).expect(201);
        assert_eq!((&made["status"], &made["from/id"], &made["to/id"]), (&json!("accepted"), &json!(own.id), &json!(contact.id)));
        assert_eq!(made["ended_at"], made["created_at"]);
        assert_eq!(bea.get(made.header("Location")).expect(200).body(), made.body());
        assert_eq!(owners(&bea), ["Bea"]);
        // The rows that the owner stood in for move, and no others; the roles themselves stay.
        assert_eq!(read(&bea, &contact)["primary_roles"], json!(["billing", "general", "technical"]));
        assert_eq!(read(&bea, &cem)["primary_roles"], json!(["security"]));
        let former = read(&bea, &own);
        assert_eq!((&former["primary_roles"], &former["login"]), (&json!([]), &json!(true)));

        // The former owner keeps no rights, from the next request on, whatever the token.
        assert_eq!(ana.get(ana.at("/access")).expect(200)["permissions"], json!([]));
        ana.get(ana.at("/contacts")).refused(403, "forbidden");
        ana.transfers_ownership(&own).refused(403, "owner-only");
        bea.patch(cem.path(), json!({ "title": "Engineer" })).expect(200);
        for reader in ["ana@lima.example", "bea@lima.example"] {
            assert_eq!(app.mail_to(reader).subject, "The account Ana Ltd has another owner");
        }
    }

    fn only_the_owner_gives_the_account_and_only_to_a_verified_contact_with_a_log_in(app) {
        let ana = given::owner(app, "ana@lima.example");
        let all = json!({ "display_name": "Bea", "address": "bea@lima.example", "login": { "all_permissions": true } });
        let contact = ana.adds(all);
        ana.transfers_ownership(&contact).refused(409, "contact-not-verified");
        ana.verifies(&contact);
        let bea = given::logged_in(app, "bea@lima.example");
        assert_eq!(bea.get(bea.at("/access")).expect(200)["all_permissions"], true);
        bea.transfers_ownership(&contact).refused(403, "owner-only");

        let cem = ana.adds_verified("Cem", "cem@lima.example");
        ana.transfers_ownership(&cem).refused(409, "contact-has-no-login");
        ana.transfers_ownership(&ana.contact()).refused(409, "contact-is-owner");
        let zoe = given::owner(app, "zoe@other.example");
        ana.transfers_ownership(&zoe.contact()).refused(422, "invalid-fields").fault("/contact_id", "unknown-contact");
        ana.delete(ana.contact().path()).refused(409, "contact-is-owner");
        assert_eq!(owners(&ana), ["Ana"]);
        assert_eq!(ana.get(ana.at("/ownership-transfers")).expect(200).list("data").len(), 0);
    }
}

/// The owner, the contact to whom the account is offered, and the same person at work.
fn offered(app: &App) -> (Person<'_>, Contact, Person<'_>, String) {
    let ana = given::owner(app, "ana@lima.example");
    let (contact, bea) = adds_login(app, &ana, "Bea", &["contacts:view"]);
    let offer = ana.transfers_ownership(&contact).expect(201);
    assert_eq!(
        (&offer["status"], &offer["ended_at"]),
        (&json!("pending"), &json!(null))
    );
    let path = offer.header("Location").to_owned();
    (ana, contact, bea, path)
}

mod offers {
    use super::*;

    on_both! {
        on_acceptance();

        fn the_account_stays_until_the_other_accepts(app) {
            let (ana, contact, bea, offer) = offered(app);
            assert_eq!(owners(&ana), ["Ana"]);
            let mail = app.mail_to("bea@lima.example");
            assert_eq!(mail.subject, "Take over the account Ana Ltd?");
            assert_eq!(bea.get(bea.at("/ownership-transfers")).expect(200).each("data", "status"), ["pending"]);

            let (cem, cem_at_work) = adds_login(app, &ana, "Cem", &[]);
            for answer in ["accept", "decline"] {
                ana.post(format!("{offer}/{answer}"), ()).refused(403, "other-person");
                cem_at_work.post(format!("{offer}/{answer}"), ()).refused(403, "other-person");
            }
            bea.post(format!("{offer}/cancel"), ()).refused(403, "owner-only");
            ana.transfers_ownership(&cem).refused(409, "transfer-pending");

            let accepted = bea.post(format!("{offer}/accept"), ()).expect(200);
            assert_eq!(accepted["status"], "accepted");
            assert_eq!(bea.get(&offer).expect(200).body(), accepted.body());
            assert_eq!(owners(&bea), ["Bea"]);
            assert_eq!(read(&bea, &contact)["primary_roles"].as_array().map(Vec::len), Some(4));
            ana.get(ana.at("/contacts")).refused(403, "forbidden");
            let again = bea.post(format!("{offer}/accept"), ()).refused(409, "no-pending-transfer");
            assert_eq!(again["transfer_status"], "accepted");
        }

        fn the_other_declines_and_the_owner_is_told(app) {
            let (ana, contact, bea, offer) = offered(app);
            assert_eq!(bea.post(format!("{offer}/decline"), ()).expect(200)["status"], "declined");
            assert_eq!(app.mail_to("ana@lima.example").subject, "You stay the owner of Ana Ltd");
            bea.post(format!("{offer}/accept"), ()).refused(409, "no-pending-transfer");
            assert_eq!(owners(&ana), ["Ana"]);
            ana.transfers_ownership(&contact).expect(201);
            assert_eq!(ana.get(ana.at("/ownership-transfers")).expect(200).each("data", "status"), ["pending", "declined"]);
        }

        fn the_owner_takes_the_offer_back(app) {
            let (ana, contact, bea, offer) = offered(app);
            assert_eq!(ana.post(format!("{offer}/cancel"), ()).expect(200)["status"], "cancelled");
            let refused = bea.post(format!("{offer}/accept"), ()).refused(409, "no-pending-transfer");
            assert_eq!(refused["transfer_status"], "cancelled");
            ana.post(format!("{offer}/cancel"), ()).refused(409, "no-pending-transfer");
            assert_eq!(owners(&ana), ["Ana"]);
            ana.transfers_ownership(&contact).expect(201);
        }

        fn an_offer_that_nobody_answers_ends_after_seven_days(app) {
            let (ana, contact, bea, offer) = offered(app);
            let (before, rest) = nearly(TimeDelta::days(7));
            app.clock().advance(before);
            let again = |person: &Person<'_>| given::logged_in(app, &person.address);
            assert_eq!(again(&bea).get(&offer).expect(200)["status"], "pending");
            app.clock().advance(rest);
            let (ana, bea) = (again(&ana), again(&bea));
            let expired = ana.get(&offer).expect(200);
            assert_eq!((&expired["status"], &expired["ended_at"]), (&json!("expired"), &expired["expires_at"]));
            for (person, answer) in [(&bea, "accept"), (&bea, "decline"), (&ana, "cancel")] {
                let refused = person.post(format!("{offer}/{answer}"), ()).refused(409, "no-pending-transfer");
                assert_eq!(refused["transfer_status"], "expired");
            }
            assert_eq!(owners(&ana), ["Ana"]);
            ana.transfers_ownership(&contact).expect(201);
            assert_eq!(ana.get(ana.at("/ownership-transfers")).expect(200).each("data", "status"), ["pending", "expired"]);
        }

        fn an_offer_ends_with_its_contact(app) {
            let (ana, contact, bea, offer) = offered(app);
            ana.removes(&contact).expect(204);
            assert_eq!(ana.get(&offer).expect(200)["status"], "cancelled");
            bea.post(format!("{offer}/accept"), ()).refused(404, "not-found");
        }

        fn another_accounts_offer_is_not_there(app) {
            let (_, _, _, offer) = offered(app);
            let zoe = given::owner(app, "zoe@other.example");
            zoe.get(&offer).refused(404, "not-found");
            let id = offer.rsplit('/').next().unwrap();
            zoe.get(zoe.at(&format!("/ownership-transfers/{id}"))).refused(404, "not-found");
            zoe.post(zoe.at(&format!("/ownership-transfers/{id}/cancel")), ()).refused(404, "not-found");
        }
    }
}
