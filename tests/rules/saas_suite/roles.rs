//! "Managing Roles": M-15 to M-17, M-21, M-29, M-40, M-55 to M-57, M-59, M-60.

use accounts_tests::{Setup, given, json, on_both};

use super::{candidates, holders, listed};

on_both! {
    Setup::preset("saas-suite");

    fn m_15_the_owner_assigns_and_removes_the_three_roles(app) {
        let ana = given::owner(app, "ana@example.com");
        let bea = ana.adds_verified("Bea", "bea@example.com");
        for role in ["billing", "technical"] {
            ana.promotes(&bea, &[role]).expect(200);
            assert_eq!(holders(&ana, role), ["Bea"]);
            ana.delete(ana.at(&format!("/roles/{role}/primary"))).expect(204);
            assert!(holders(&ana, role).is_empty());
        }

        ana.transfers_ownership(&bea).expect(201);
        assert_eq!(ana.get(ana.at("")).expect(200)["owner_contact_id"], bea.id);
    }

    fn m_16_a_role_is_given_to_an_existing_contact_only(app) {
        let ana = given::owner(app, "ana@example.com");
        let zoe = given::owner(app, "zoe@example.net");
        let promote = |contact: &str| {
            ana.post(ana.at(&format!("/contacts/{contact}/promote")), json!({ "roles": ["billing"] }))
        };
        promote("bea@example.com").refused(404, "not-found");
        promote("con_01h455vb4pex5vsknk084sn02q").refused(404, "not-found");
        promote(&zoe.contact().id).refused(404, "not-found");

        let transfers = ana.at("/ownership-transfers");
        ana.post(&transfers, json!({ "contact_id": "bea@example.com" }))
            .refused(422, "invalid-fields")
            .fault("/contact_id", "invalid-format");
        ana.transfers_ownership(&zoe.contact()).refused(422, "invalid-fields").fault("/contact_id", "unknown-contact");
        assert_eq!(listed(&ana), ["Ana"]);
    }

    fn m_17_billing_and_technical_fall_vacant_and_the_ownership_does_not(app) {
        let ana = given::owner(app, "ana@example.com");
        let bea = ana.adds_verified("Bea", "bea@example.com");
        ana.promotes(&bea, &["billing", "technical"]).expect(200);

        for role in ["billing", "technical"] {
            ana.delete(ana.at(&format!("/roles/{role}/primary"))).expect(204);
            let vacant = ana.get(ana.at(&format!("/roles/{role}"))).expect(200);
            assert_eq!(vacant["primary"], json!(null));
            assert_eq!(vacant["holders"], json!([]));
        }
        assert_eq!(ana.get(bea.path()).expect(200)["roles"], json!([]));

        let roles = ana.get(ana.at("/roles")).expect(200).each("data", "key");
        assert_eq!(roles, ["billing", "technical"]);
        ana.post(ana.at("/ownership-transfers"), json!({ "contact_id": null }))
            .refused(422, "invalid-fields")
            .fault("/contact_id", "required");
        assert_eq!(ana.get(ana.contact().path()).expect(200)["owner"], true);
    }

    fn m_21_billing_has_a_single_holder(app) {
        let ana = given::owner(app, "ana@example.com");
        let bea = ana.adds_verified("Bea", "bea@example.com");
        let cem = ana.adds_verified("Cem", "cem@example.com");
        assert!(holders(&ana, "billing").is_empty());
        ana.promotes(&bea, &["billing"]).expect(200);
        ana.promotes(&cem, &["billing"]).expect(200);

        assert_eq!(holders(&ana, "billing"), ["Cem"]);
        let refusal = ana.gives(&bea, "billing").refused(409, "role-has-single-holder");
        assert_eq!(refusal["role"], "billing");
    }

    fn m_29_technical_has_a_single_holder(app) {
        let ana = given::owner(app, "ana@example.com");
        let bea = ana.adds_verified("Bea", "bea@example.com");
        let cem = ana.adds_verified("Cem", "cem@example.com");
        assert!(holders(&ana, "technical").is_empty());
        ana.promotes(&bea, &["technical"]).expect(200);
        ana.promotes(&cem, &["technical"]).expect(200);

        assert_eq!(holders(&ana, "technical"), ["Cem"]);
        let refusal = ana.gives(&bea, "technical").refused(409, "role-has-single-holder");
        assert_eq!(refusal["role"], "technical");
    }

    fn m_40_one_contact_holds_several_roles(app) {
        let ana = given::owner(app, "ana@example.com");
        ana.promotes(&ana.contact(), &["billing"]).expect(200);
        ana.promotes(&ana.contact(), &["technical"]).expect(200);

        let contact = ana.get(ana.contact().path()).expect(200);
        assert_eq!(contact["owner"], true);
        assert_eq!(contact["roles"], json!(["billing", "technical"]));
        assert_eq!(contact["primary_roles"], json!(["billing", "technical"]));
    }

    fn m_55_the_ownership_moves_to_the_contact_that_is_picked(app) {
        let ana = given::owner(app, "ana@example.com");
        let bea = ana.adds_verified("Bea", "bea@example.com");

        let transfer = ana.transfers_ownership(&bea).expect(201);
        assert_eq!(transfer["status"], "accepted");
        assert_eq!(transfer["from/display_name"], "Ana");
        assert_eq!(transfer["to/display_name"], "Bea");

        let bea = given::logged_in(app, "bea@example.com");
        let contacts = bea.get(bea.at("/contacts")).expect(200);
        assert_eq!(contacts.each("data", "display_name"), ["Bea", "Ana"]);
        assert_eq!(contacts.each("data", "owner"), ["true", "false"]);
    }

    fn m_56_billing_and_technical_are_assigned_by_picking_a_contact(app) {
        let ana = given::owner(app, "ana@example.com");
        let bea = ana.adds_verified("Bea", "bea@example.com");
        for role in ["technical", "billing"] {
            let answer = ana.promotes(&bea, &[role]).expect(200);
            let moved = json!([{ "role": role, "from": null, "to": { "id": bea.id, "display_name": "Bea" } }]);
            assert_eq!(answer["roles"], moved);
            assert_eq!(ana.get(ana.at(&format!("/roles/{role}"))).expect(200)["primary/id"], bea.id);
        }
    }

    fn m_57_a_new_holder_takes_the_role_from_the_former_one_in_one_act(app) {
        let ana = given::owner(app, "ana@example.com");
        let bea = ana.adds_verified("Bea", "bea@example.com");
        let cem = ana.adds_verified("Cem", "cem@example.com");
        ana.promotes(&bea, &["billing", "technical"]).expect(200);

        let answer = ana.promotes(&cem, &["billing"]).expect(200);
        let moved = json!([{
            "role": "billing",
            "from": { "id": bea.id, "display_name": "Bea" },
            "to": { "id": cem.id, "display_name": "Cem" },
        }]);
        assert_eq!(answer["roles"], moved);
        assert_eq!(ana.get(bea.path()).expect(200)["roles"], json!(["technical"]));
        assert_eq!(ana.get(cem.path()).expect(200)["roles"], json!(["billing"]));
    }

    /// The drop-down list is a screen's. What makes it possible is `candidates` of each role; whoever names
    /// another contact all the same is refused.
    fn m_59_only_verified_contacts_are_offered_and_taken(app) {
        let ana = given::owner(app, "ana@example.com");
        let bea = ana.adds_contact("Bea", "bea@example.com");
        for role in ["billing", "technical"] {
            assert_eq!(candidates(&ana, role), ["Ana"]);
            ana.promotes(&bea, &[role]).refused(409, "contact-not-verified");
            assert!(holders(&ana, role).is_empty());
        }
        ana.transfers_ownership(&bea).refused(409, "contact-not-verified");

        ana.verifies(&bea);
        for role in ["billing", "technical"] {
            assert_eq!(candidates(&ana, role), ["Ana", "Bea"]);
            ana.promotes(&bea, &[role]).expect(200);
        }
        ana.transfers_ownership(&bea).expect(201);
    }

    fn m_60_a_former_owner_manages_contacts_and_roles_no_more(app) {
        let ana = given::owner(app, "ana@example.com");
        let bea = ana.adds_login("Bea", "bea@example.com");
        let cem = ana.adds_verified("Cem", "cem@example.com");
        ana.promotes(&ana.contact(), &["technical"]).expect(200);
        let transfer = json!({ "contact_id": bea.contact().id });
        let warning = ana.post(ana.at("/ownership-transfers?dry_run=true"), transfer).expect(200);
        let lost = warning.each("caller_loses", "key");
        for key in ["contacts:manage", "roles:manage", "manage_contacts", "manage_roles"] {
            assert!(lost.contains(&key.to_owned()), "{warning}");
        }

        ana.transfers_ownership(&bea.contact()).expect(201);
        ana.get(ana.at("/contacts")).refused(403, "forbidden");
        ana.removes(&cem).refused(403, "forbidden");
        ana.promotes(&cem, &["billing"]).refused(403, "forbidden");
        ana.transfers_ownership(&ana.contact()).refused(403, "owner-only");
        assert_eq!(ana.applications(), ["help_desk", "payment_gateway", "documentation"]);

        bea.promotes(&cem, &["billing"]).expect(200);
        assert_eq!(holders(&bea, "billing"), ["Cem"]);
        assert_eq!(holders(&bea, "technical"), ["Ana"]);
    }
}
