//! Roles: who has their places, how a place moves, and what that changes for people.

use accounts_tests::given::{self, Person};
use accounts_tests::{json, on_both};
use serde_json::Value;

use super::{adds_login, read, revision};

#[track_caller]
fn primary(person: &Person<'_>, role: &str) -> Value {
    person.get(person.at(&format!("/roles/{role}"))).expect(200)["primary/display_name"].clone()
}

/// The applications that are open to a person.
#[track_caller]
fn open_to(person: &Person<'_>) -> Vec<String> {
    person.get(person.at("/access")).expect(200).each("applications", "key")
}

on_both! {
    fn promoting_with_dry_run_tells_exactly_what_would_change(app) {
        let ana = given::owner(app, "ana@lima.example");
        let bea = ana.adds_verified("Bea", "bea@lima.example");
        let own = ana.contact();
        let before = (read(&ana, &bea), revision(&ana));
        let tried = ana.post(bea.at("/promote?dry_run=true"), json!({ "roles": ["billing"] })).expect(200);
        let told = json!({
            "dry_run": true,
            "roles": [{
                "role": "billing",
                "from": { "id": own.id, "display_name": "Ana" },
                "to": { "id": bea.id, "display_name": "Bea" },
            }],
            "applications": [
                { "application": "payment_portal", "opens_for": [bea.id], "closes_for": [] },
                { "application": "bill_desk", "opens_for": [bea.id], "closes_for": [own.id] },
            ],
            "notifications": [
                { "category": "invoice", "gains": [bea.id], "loses": [] },
                { "category": "renewal", "gains": [bea.id], "loses": [] },
            ],
            "owner": null,
            "removed_contacts": [],
            "removed_members": [],
            "caller_loses": [{ "kind": "application", "key": "bill_desk" }],
        });
        assert_eq!(tried.json(), &told);
        assert_eq!((read(&ana, &bea), revision(&ana)), before);

        // What is done is what was told.
        let mut done = told;
        done["dry_run"] = json!(false);
        assert_eq!(ana.promotes(&bea, &["billing"]).expect(200).json(), &done);
        assert_eq!(read(&ana, &bea)["primary_roles"], json!(["billing"]));
    }

    fn applications_follow_the_place_at_the_next_request(app) {
        let ana = given::owner(app, "ana@lima.example");
        let (contact, bea) = adds_login(app, &ana, "Bea", &[]);
        assert!(open_to(&ana).contains(&"help_desk".to_owned()));
        assert_eq!(open_to(&bea), ["documentation"]);
        ana.promotes(&contact, &["technical"]).expect(200);
        assert_eq!(open_to(&bea), ["documentation", "help_desk"]);
        assert!(!open_to(&ana).contains(&"help_desk".to_owned()));
        let reasons = bea.get(bea.at("/access")).expect(200)["applications/1/reasons"].clone();
        assert_eq!(reasons, json!([{ "kind": "primary_holder", "role": "technical" }]));
        // Holding the role opens nothing that is the primary holder's; the list shows it closed.
        let desk = ana.get(ana.at("/applications")).expect(200);
        let desk = desk.list("data").iter().find(|application| application["key"] == "help_desk").cloned().unwrap();
        assert_eq!((&desk["open"], &desk["reasons"]), (&json!(false), &json!([])));
    }

    fn a_place_that_falls_vacant_is_the_owners_again(app) {
        let ana = given::owner(app, "ana@lima.example");
        let bea = ana.adds_verified("Bea", "bea@lima.example");
        ana.promotes(&bea, &["billing"]).expect(200);
        ana.takes(&bea, "billing").refused(409, "contact-is-primary-holder");
        let vacate = ana.at("/roles/billing/primary");
        let tried = ana.delete(format!("{vacate}?dry_run=true")).expect(200);
        assert_eq!((&tried["roles/0/from/display_name"], &tried["roles/0/to/display_name"]), (&json!("Bea"), &json!("Ana")));
        assert_eq!(primary(&ana, "billing"), "Bea");
        ana.delete(&vacate).expect(204);
        assert_eq!(primary(&ana, "billing"), "Ana");
        assert_eq!(read(&ana, &bea)["roles"], json!(["billing"]));
        // Where the owner stands in already, there is nothing to leave.
        let count = revision(&ana);
        ana.delete(&vacate).expect(204);
        assert_eq!((primary(&ana, "billing"), revision(&ana)), (json!("Ana"), count));
    }

    fn a_former_holder_keeps_the_ordinary_role_and_the_first_one_is_not_primary(app) {
        let ana = given::owner(app, "ana@lima.example");
        let (bea, cem) = (ana.adds_verified("Bea", "bea@lima.example"), ana.adds_verified("Cem", "cem@lima.example"));
        ana.gives(&bea, "security").expect(200);
        assert_eq!(read(&ana, &bea)["primary_roles"], json!([]));
        ana.promotes(&bea, &["security", "technical"]).expect(200);
        ana.promotes(&cem, &["security"]).expect(200);
        let now = read(&ana, &bea);
        assert_eq!((&now["roles"], &now["primary_roles"]), (&json!(["security", "technical"]), &json!(["technical"])));
        assert_eq!(read(&ana, &cem)["roles"], json!(["security"]));
    }

    fn several_places_move_together_or_not_at_all(app) {
        let ana = given::owner(app, "ana@lima.example");
        let bea = ana.adds_verified("Bea", "bea@lima.example");
        ana.promotes(&bea, &["billing", "captain"]).refused(422, "invalid-fields").fault("/roles", "unknown-role");
        ana.promotes(&bea, &[]).refused(422, "invalid-fields").fault("/roles", "too-few");
        ana.gives(&bea, "captain").refused(404, "not-found");
        assert_eq!(read(&ana, &bea)["roles"], json!([]));
    }

    fn an_unverified_contact_may_hold_a_role_and_hears_nothing(app) {
        let ana = given::owner(app, "ana@lima.example");
        let bea = ana.adds_contact("Bea", "bea@lima.example");
        ana.gives(&bea, "billing").expect(200);
        assert_eq!(read(&ana, &bea)["roles"], json!(["billing"]));
        let cem = ana.adds_verified("Cem", "cem@lima.example");
        let tried = ana.post(cem.at("/promote?dry_run=true"), json!({ "roles": ["billing"] })).expect(200);
        assert_eq!(tried["notifications/0/gains"], json!([cem.id]));
        ana.takes(&bea, "billing").expect(204);
    }

    fn the_overview_names_places_holders_and_candidates(app) {
        let ana = given::owner(app, "ana@lima.example");
        let bea = ana.adds_verified("Bea", "bea@lima.example");
        let cem = ana.adds_contact("Cem", "cem@lima.example");
        ana.promotes(&bea, &["technical"]).expect(200);
        ana.gives(&cem, "technical").expect(200);
        let roles = ana.get(ana.at("/roles")).expect(200);
        assert_eq!(roles.each("data", "key"), ["general", "billing", "technical", "security"]);
        assert_eq!(roles.each("data", "vacancy"), ["owner"; 4]);
        assert_eq!(roles["data/2/primary/id"], bea.id.as_str());
        let sorted = |mut names: Vec<String>| {
            names.sort();
            names
        };
        assert_eq!(sorted(roles.each("data/2/holders", "display_name")), ["Ana", "Bea", "Cem"]);
        assert_eq!(sorted(roles.each("data/2/candidates", "display_name")), ["Ana", "Bea"]);
        assert_eq!(&roles["data/2"], ana.get(ana.at("/roles/technical")).expect(200).json());
    }
}
