//! What permissions open, area by area: U-04, U-05, U-16, K-08, K-17 to K-19, K-21.

use accounts_tests::given;
use accounts_tests::{Setup, json, on_both};

use super::member;

/// Each area, and the permissions of which one opens it.
const AREAS: [(&str, &[&str]); 8] = [
    ("products", &["products:view", "products:manage"]),
    ("domains", &["domains:view", "domains:manage"]),
    ("invoices", &["invoices:view"]),
    ("billing_details", &["billing_details:manage"]),
    ("tickets", &["tickets:view", "tickets:open"]),
    ("orders", &["orders:place"]),
    ("user_management", &["members:manage"]),
    ("contacts", &["contacts:view", "contacts:manage"]),
];

/// The applications that are open, but for the one that is everybody's.
#[track_caller]
fn areas(person: &given::Person<'_>) -> Vec<String> {
    let open = person.applications().into_iter();
    open.filter(|application| application != "network_status").collect()
}

/// What the person may do.
#[track_caller]
fn permissions(person: &given::Person<'_>) -> serde_json::Value {
    person.get(person.at("/access")).expect(200)["permissions"].clone()
}

on_both! {
    Setup::preset("hosting");

    fn u_04_a_user_can_be_allowed_to_see_and_to_manage_services(app) {
        let ana = given::owner(app, "ana@example.com");
        let cem = member(&ana, "cem@example.com", &["products:view"]);
        assert_eq!((areas(&cem), permissions(&cem)), (vec!["products".to_owned()], json!(["products:view"])));

        ana.changes(&cem, json!({ "permissions": ["products:view", "products:manage"] })).expect(200);
        let access = cem.get(cem.at("/access")).expect(200);
        let reason = |permission: &str| json!({ "kind": "permission", "permission": permission });
        let both = json!([reason("products:manage"), reason("products:view")]);
        assert_eq!(access["applications/0/reasons"], both);
    }

    fn u_05_a_user_can_be_allowed_to_open_tickets_and_to_answer_them(app) {
        let ana = given::owner(app, "ana@example.com");
        let cem = member(&ana, "cem@example.com", &["tickets:open", "tickets:view"]);
        assert_eq!((areas(&cem), permissions(&cem)), (vec!["tickets".to_owned()], json!(["tickets:view", "tickets:open"])));
    }

    fn u_16_single_areas_are_chosen_instead_of_all(app) {
        let ana = given::owner(app, "ana@example.com");
        let cem = given::member_of(&ana, "cem@example.com", json!({ "all_permissions": true }));
        assert_eq!(areas(&cem).len(), AREAS.len());
        let chosen = ana.changes(&cem, json!({ "permissions": ["tickets:view", "invoices:view"] })).expect(200);
        assert_eq!(chosen["all_permissions"], false);
        assert_eq!(areas(&cem), ["invoices", "tickets"]);
    }

    fn k_08_a_user_has_the_permissions_that_the_customer_picks(app) {
        let ana = given::owner(app, "ana@example.com");
        let cem = member(&ana, "cem@example.com", &[]);
        for (picked, preset) in [
            (json!({ "permissions": ["orders:place"] }), json!(null)),
            (json!({ "permission_preset": "webmaster" }), json!("webmaster")),
            (json!({ "all_permissions": true }), json!("all_permissions")),
            (json!({ "permissions": [] }), json!(null)),
        ] {
            let member = ana.changes(&cem, picked).expect(200);
            assert_eq!(member["permission_preset"], preset);
            assert_eq!(member["permissions"], permissions(&cem));
        }
        let unknown = ana.changes(&cem, json!({ "permissions": ["moon:visit"] }));
        unknown.refused(422, "invalid-fields").fault("/permissions/0", "unknown-permission");
        let unknown = ana.changes(&cem, json!({ "permission_preset": "astronaut" }));
        unknown.refused(422, "invalid-fields").fault("/permission_preset", "unknown-preset");
        assert_eq!(permissions(&cem), json!([]));
    }

    fn k_17_permissions_are_given_area_by_area(app) {
        let ana = given::owner(app, "ana@example.com");
        let cem = member(&ana, "cem@example.com", &[]);
        assert_eq!(areas(&cem), Vec::<String>::new());
        for (area, keys) in AREAS {
            for key in keys {
                ana.changes(&cem, json!({ "permissions": [key] })).expect(200);
                assert_eq!(areas(&cem), [area], "{key}");
            }
        }
        assert_eq!(areas(&ana).len(), AREAS.len());
    }

    fn k_18_seeing_tickets_and_opening_them_are_two_permissions(app) {
        let ana = given::owner(app, "ana@example.com");
        let cem = member(&ana, "cem@example.com", &["tickets:view"]);
        let dan = member(&ana, "dan@example.com", &["tickets:open"]);
        for (person, permission) in [(&cem, "tickets:view"), (&dan, "tickets:open")] {
            let access = person.get(person.at("/access")).expect(200);
            assert_eq!(access["permissions"], json!([permission]));
            let reasons = json!([{ "kind": "permission", "permission": permission }]);
            assert_eq!(access["applications/0/reasons"], reasons);
        }
        // Who may open tickets without seeing any cannot give the sight of them.
        ana.changes(&dan, json!({ "permissions": ["tickets:open", "members:manage"] })).expect(200);
        let eve = member(&ana, "eve@example.com", &[]);
        dan.changes(&eve, json!({ "permissions": ["tickets:view"] })).refused(403, "cannot-grant");
        dan.changes(&eve, json!({ "permissions": ["tickets:open"] })).expect(200);
        dan.changes(&cem, json!({ "permissions": [] })).refused(403, "member-holds-more");
    }

    fn k_19_an_area_that_was_not_granted_does_not_show(app) {
        let ana = given::owner(app, "ana@example.com");
        let cem = member(&ana, "cem@example.com", &["tickets:view", "products:view"]);
        let access = cem.get(cem.at("/access")).expect(200).body();
        for hidden in ["invoices", "billing_details", "user_management", "contacts"] {
            assert!(!access.contains(hidden), "{hidden}: {access}");
        }
        assert_eq!(areas(&cem), ["products", "tickets"]);
        cem.get(cem.at("/contacts")).refused(403, "forbidden");
        cem.get(cem.at("/members")).refused(403, "forbidden");
    }

    fn k_21_a_bookkeeper_gets_invoices_and_tickets_and_nothing_else(app) {
        let ana = given::owner(app, "ana@example.com");
        let bea = given::member_of(&ana, "bea@example.com", json!({ "permission_preset": "bookkeeper" }));
        assert_eq!(areas(&bea), ["invoices", "tickets"]);
        let may = permissions(&bea);
        let of_areas: Vec<&str> = may.as_array().unwrap().iter().filter_map(serde_json::Value::as_str).collect();
        assert_eq!(
            of_areas,
            ["invoices:view", "tickets:view", "tickets:open", "invoice_mail:receive", "ticket_mail:receive"]
        );
    }
}
