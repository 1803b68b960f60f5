//! What is open to whom: M-18 to M-20, M-23 to M-28, M-31 to M-34, M-37, M-38, M-41, M-42, M-58.

use accounts_tests::{Setup, given, json, on_both};

on_both! {
    Setup::preset("saas-suite");

    fn m_18_m_19_m_20_the_owner_opens_payments_and_documentation_and_no_desk(app) {
        let ana = given::owner(app, "ana@example.com");

        let open = ["manage_contacts", "manage_roles", "payment_gateway", "documentation"];
        assert_eq!(ana.applications(), open);
    }

    fn m_23_m_24_m_25_m_26_m_27_m_28_billing_opens_what_is_billed_and_no_help_desk(app) {
        let ana = given::owner(app, "ana@example.com");
        let bea = ana.adds_login("Bea", "bea@example.com");
        ana.promotes(&bea.contact(), &["billing"]).expect(200);

        let open = ["bill_desk", "license_extension", "record_payment", "payment_gateway", "documentation"];
        assert_eq!(bea.applications(), open);
        let access = bea.get(bea.at("/access")).expect(200);
        assert_eq!(access["applications/0/reasons"], json!([{ "kind": "role_holder", "role": "billing" }]));
    }

    fn m_31_m_32_m_33_m_34_technical_opens_the_help_desk_and_nothing_that_is_billed(app) {
        let ana = given::owner(app, "ana@example.com");
        let bea = ana.adds_login("Bea", "bea@example.com");
        ana.promotes(&bea.contact(), &["technical"]).expect(200);

        assert_eq!(bea.applications(), ["help_desk", "payment_gateway", "documentation"]);
        let access = bea.get(bea.at("/access")).expect(200);
        assert_eq!(access["applications/0/reasons"], json!([{ "kind": "role_holder", "role": "technical" }]));
    }

    fn m_37_m_38_a_contact_without_a_role_opens_payments_and_documentation(app) {
        let ana = given::owner(app, "ana@example.com");
        let bea = ana.adds_login("Bea", "bea@example.com");

        assert_eq!(bea.applications(), ["payment_gateway", "documentation"]);
    }

    fn m_41_the_applications_of_several_roles_add_up(app) {
        let ana = given::owner(app, "ana@example.com");
        let bea = ana.adds_login("Bea", "bea@example.com");
        ana.promotes(&bea.contact(), &["billing", "technical"]).expect(200);
        ana.promotes(&ana.contact(), &["technical"]).expect(200);

        assert_eq!(
            ana.applications(),
            ["manage_contacts", "manage_roles", "help_desk", "payment_gateway", "documentation"]
        );
        ana.promotes(&bea.contact(), &["technical"]).expect(200);
        assert_eq!(
            bea.applications(),
            ["help_desk", "bill_desk", "license_extension", "record_payment", "payment_gateway", "documentation"]
        );
    }

    /// The switch is a screen. What makes it possible is the list of applications with their names, in
    /// which managing is an application like any other, open to whoever may manage.
    fn m_42_managing_contacts_and_roles_are_entries_of_the_application_switch(app) {
        let ana = given::owner(app, "ana@example.com");
        let bea = ana.adds_login("Bea", "bea@example.com");

        let switch = ana.get(ana.at("/applications")).expect(200);
        assert_eq!(switch["data/0/name"], "Manage Contacts");
        assert_eq!(switch["data/1/name"], "Manage Roles");
        assert_eq!([&switch["data/0/open"], &switch["data/1/open"]], [&json!(true), &json!(true)]);
        let others = bea.get(bea.at("/applications")).expect(200);
        assert_eq!(others["data/0/name"], "Manage Contacts");
        assert_eq!([&others["data/0/open"], &others["data/1/open"]], [&json!(false), &json!(false)]);
    }

    /// Both go on with the tokens that they have: what is open is worked out for each request.
    fn m_58_the_help_desk_follows_the_role_at_once(app) {
        let ana = given::owner(app, "ana@example.com");
        let bea = ana.adds_login("Bea", "bea@example.com");
        let cem = ana.adds_login("Cem", "cem@example.com");

        let answer = ana.promotes(&bea.contact(), &["technical"]).expect(200);
        let opening = json!([{ "application": "help_desk", "opens_for": [bea.contact().id], "closes_for": [] }]);
        assert_eq!(answer["applications"], opening);
        assert!(bea.applications().contains(&"help_desk".to_owned()));

        let answer = ana.promotes(&cem.contact(), &["technical"]).expect(200);
        let moving = json!([{
            "application": "help_desk", "opens_for": [cem.contact().id], "closes_for": [bea.contact().id],
        }]);
        assert_eq!(answer["applications"], moving);
        assert!(!bea.applications().contains(&"help_desk".to_owned()));
        assert!(cem.applications().contains(&"help_desk".to_owned()));
    }
}
