//! What the provider sets: an account that is suspended can be read, one that is closed cannot.

use accounts_domain::actor::Actor;
use accounts_domain::roster::AccountStatus;
use accounts_store::Act;
use accounts_tests::given::{self, Person};
use accounts_tests::{App, json, on_both};

use super::{adds_login, follow, revision, sent_to};

fn set_status(app: &App, person: &Person<'_>, status: AccountStatus) {
    let act = Act {
        actor: Actor::System,
        at: app.clock().now(),
        request_id: None,
        keep: None,
    };
    let account = person.account.parse().unwrap();
    let running = app.running();
    running
        .wait(running.service().store.change_account_status(account, status, &act))
        .unwrap();
}

on_both! {
    fn a_suspended_account_is_read_and_not_changed(app) {
        let ana = given::owner(app, "ana@lima.example");
        let (bea, member) = adds_login(app, &ana, "Bea", &[]);
        let cem = ana.adds_contact("Cem", "cem@lima.example");
        let token = sent_to(app, &ana, &cem, "cem@lima.example");
        set_status(app, &ana, AccountStatus::Suspended);
        let count = revision(&ana);

        assert_eq!(ana.get(ana.at("")).expect(200)["status"], "suspended");
        for path in ["/contacts", "/roles", "/roles/billing", "/access", "/applications", "/audit-events", "/ownership-transfers", "/members"] {
            ana.get(ana.at(path)).expect(200);
        }
        ana.get(bea.path()).expect(200);
        ana.get("/v1/me/accounts").expect(200);

        let contact = json!({ "display_name": "Dan", "address": "dan@lima.example" });
        for request in [
            ana.patch(ana.at(""), json!({ "name": "Other" })),
            ana.post(ana.at("/contacts"), contact),
            ana.patch(bea.path(), json!({ "phones": [] })),
            ana.removes(&bea),
            ana.delete(format!("{}?dry_run=true", bea.path())),
            ana.post(bea.at("/erase"), ()),
            ana.put(bea.at("/subscriptions"), json!({ "categories": [] })),
            ana.post(cem.at("/verification"), ()),
            ana.gives(&bea, "billing"),
            ana.takes(&bea, "billing"),
            ana.promotes(&bea, &["billing"]),
            ana.delete(ana.at("/roles/billing/primary")),
            ana.delete(bea.at("/addresses/bea@lima.example")),
            ana.transfers_ownership(&bea),
            ana.changes(&member, json!({ "permissions": ["contacts:view"] })),
            ana.expels(&member),
            member.leaves(),
            follow(app, &token),
        ] {
            request.refused(409, "account-suspended");
        }
        assert_eq!(revision(&ana), count);

        // What is not the account's goes on, and so does the account once it is reopened.
        ana.patch("/v1/me", json!({ "display_name": "Ana Maria" })).expect(200);
        set_status(app, &ana, AccountStatus::Active);
        follow(app, &token).expect(200);
        ana.promotes(&bea, &["billing"]).expect(200);
    }

    fn a_closed_account_is_closed_to_its_members(app) {
        let ana = given::owner(app, "ana@lima.example");
        let second = ana.post("/v1/accounts", json!({ "name": "Second" })).expect(201).text("id");
        let bea = ana.adds_contact("Bea", "bea@lima.example");
        let token = sent_to(app, &ana, &bea, "bea@lima.example");
        set_status(app, &ana, AccountStatus::Closed);
        for path in ["", "/contacts", "/access", "/audit-events"] {
            ana.get(ana.at(path)).refused(409, "account-closed");
        }
        ana.removes(&bea).refused(409, "account-closed");
        follow(app, &token).refused(409, "account-closed");
        assert_eq!(ana.get("/v1/me/accounts").expect(200).each("data", "account/id"), [second]);
        let zoe = given::owner(app, "zoe@other.example");
        zoe.get(ana.at("")).refused(404, "not-found");
    }

    fn the_provider_stands_in_the_record(app) {
        let ana = given::owner(app, "ana@lima.example");
        set_status(app, &ana, AccountStatus::Suspended);
        let events = ana.get(ana.at("/audit-events?limit=1")).expect(200);
        assert_eq!(events["data/0/type"], "account.status_changed");
        assert_eq!(events["data/0/actor"], json!({ "kind": "system", "id": null, "on_behalf_of": null }));
        assert_eq!(events["data/0/data"], json!({ "status": "suspended", "former_status": "active" }));
    }
}
