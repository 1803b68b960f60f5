//! The account, its owner, and everybody's own profile: M-01 to M-14, M-22, M-30, M-35, M-36, M-39.

use accounts_tests::{
    App, Setup,
    given::{self, PASSWORD, Person},
    json, on_both,
};

use super::listed;

on_both! {
    Setup::preset("saas-suite");

    /// What is signed up for is the client area's affair; the sign-up that goes with the first product
    /// opens the account, and a stranger cannot open one in another way.
    fn m_01_signing_up_opens_the_account(app) {
        let credentials = json!({ "address": "ana@example.com", "password": PASSWORD });
        app.client().post("/v1/accounts", json!({ "name": "Ana Ltd" })).refused(401, "unauthenticated");
        app.client().post("/v1/sign-ups", given::sign_up("ana@example.com")).expect(202);
        app.client().post("/v1/sessions", &credentials).refused(401, "invalid-credentials");

        let token = app.mail_to("ana@example.com").link_token();
        let opened = app
            .client()
            .post("/v1/sign-ups/confirm", json!({ "token": token, "password": PASSWORD }))
            .expect(201);

        let ana = given::logged_in(app, "ana@example.com");
        assert_eq!(opened.text("account/id"), ana.account);
        assert_eq!(ana.get(ana.at("")).expect(200)["name"], "Ana Ltd");
    }

    /// Whoever signs up for the next product with the same address is told to log in: neither this
    /// sign-up nor one that was still under way opens a second account.
    fn m_02_signing_up_again_opens_no_second_account(app) {
        app.client().post("/v1/sign-ups", given::sign_up("ana@example.com")).expect(202);
        let forgotten = app.mail_to("ana@example.com").link_token();
        let ana = given::owner(app, "ana@example.com");

        app.client().post("/v1/sign-ups", given::sign_up("ana@example.com")).expect(202);
        let mail = app.mail_to("ana@example.com");
        assert_eq!(mail.subject, "You already have a log-in");
        assert!(!mail.text.contains("#token="), "{}", mail.text);
        app.client()
            .post("/v1/sign-ups/confirm", json!({ "token": forgotten, "password": PASSWORD }))
            .refused(410, "link-expired");

        let accounts = ana.get("/v1/me/accounts").expect(200).each("data", "account/name");
        assert_eq!(accounts, ["Ana Ltd"]);
    }

    /// A place on the web is the client area's. What makes it possible is one URL, below the public one,
    /// that the answers name, that mails lead to, and that is the same for everybody who may enter.
    fn m_03_the_account_is_reached_at_one_place(app) {
        app.client().post("/v1/sign-ups", given::sign_up("ana@example.com")).expect(202);
        let mail = app.mail_to("ana@example.com");
        assert!(mail.link().starts_with(app.client().base()), "{}", mail.text);
        let opened = app
            .client()
            .post("/v1/sign-ups/confirm", json!({ "token": mail.link_token(), "password": PASSWORD }))
            .expect(201);
        let place = opened.header("Location");
        assert_eq!(place, format!("/v1/accounts/{}", opened.text("account/id")));

        let ana = given::logged_in(app, "ana@example.com");
        let bea = ana.adds_login("Bea", "bea@example.com");
        for person in [&ana, &bea] {
            assert_eq!(person.get(place).expect(200)["name"], "Ana Ltd");
        }
        app.client().get(place).refused(401, "unauthenticated");
    }

    fn m_04_m_06_m_07_an_account_has_five_contacts_its_owner_among_them(app) {
        let ana = given::owner(app, "ana@example.com");
        assert_eq!(ana.get(ana.at("")).expect(200)["contact_limit"], 5);
        ana.adds_contact("Bea", "bea@example.com");
        ana.adds_contact("Cem", "cem@example.com");
        ana.adds_contact("Dan", "dan@example.com");
        let eva = ana.adds_contact("Eva", "eva@example.com");
        assert_eq!(listed(&ana), ["Ana", "Bea", "Cem", "Dan", "Eva"]);

        let fay = json!({ "display_name": "Fay", "address": "fay@example.com" });
        let refusal = ana.post(ana.at("/contacts"), &fay).refused(409, "contact-limit-reached");
        assert_eq!(refusal["limit"], 5);
        assert_eq!(listed(&ana), ["Ana", "Bea", "Cem", "Dan", "Eva"]);

        ana.removes(&eva).expect(204);
        ana.post(ana.at("/contacts"), &fay).expect(201);
    }

    fn m_05_the_contacts_are_the_people_who_may_enter(app) {
        let ana = given::owner(app, "ana@example.com");
        let bea = ana.adds_login("Bea", "bea@example.com");
        let zoe = given::owner(app, "zoe@example.net");

        bea.get(ana.at("")).expect(200);
        zoe.get(ana.at("")).refused(404, "not-found");
        let contacts = ana.get(ana.at("/contacts")).expect(200);
        assert_eq!(contacts.each("data", "display_name"), ["Ana", "Bea"]);
        assert_eq!(contacts.each("data", "login"), ["true", "true"]);
    }

    fn m_08_m_09_the_address_that_signed_up_owns_the_account_from_the_start(app) {
        app.client().post("/v1/sign-ups", given::sign_up("ana@example.com")).expect(202);
        let token = app.mail_to("ana@example.com").link_token();
        let opened = app
            .client()
            .post("/v1/sign-ups/confirm", json!({ "token": token, "password": PASSWORD }))
            .expect(201);

        assert_eq!(opened["contact/address"], "ana@example.com");
        assert_eq!(opened["contact/owner"], true);
        assert_eq!(opened["contact/verified"], true);
        assert_eq!(opened["account/owner_contact_id"], opened["contact/id"]);
    }

    fn m_10_m_13_the_owner_manages_the_other_contacts(app) {
        let ana = given::owner(app, "ana@example.com");
        let bea = ana.adds_contact("Bae", "bea@example.com");
        assert_eq!(ana.get(bea.path()).expect(200)["display_name"], "Bae");
        ana.patch(bea.path(), json!({ "display_name": "Bea" })).expect(200);
        assert_eq!(listed(&ana), ["Ana", "Bea"]);
        ana.verifies(&bea);
        ana.promotes(&bea, &["billing"]).expect(200);
        ana.delete(ana.at("/roles/billing/primary")).expect(204);
        ana.removes(&bea).expect(204);
        assert_eq!(listed(&ana), ["Ana"]);
    }

    fn m_11_only_the_owner_manages_contacts_and_roles(app) {
        let ana = given::owner(app, "ana@example.com");
        let bea = ana.adds_login("Bea", "bea@example.com");
        let cem = ana.adds_login("Cem", "cem@example.com");
        let dan = ana.adds_login("Dan", "dan@example.com");
        let eva = ana.adds_contact("Eva", "eva@example.com");
        ana.promotes(&bea.contact(), &["billing"]).expect(200);
        ana.promotes(&cem.contact(), &["technical"]).expect(200);

        for person in [&bea, &cem, &dan] {
            let fay = json!({ "display_name": "Fay", "address": "fay@example.com" });
            let acts = [
                person.get(person.at("/contacts")),
                person.post(person.at("/contacts"), fay),
                person.get(eva.path()),
                person.patch(eva.path(), json!({ "display_name": "Eve" })),
                person.post(eva.at("/verification"), ()),
                person.removes(&eva),
                person.get(person.at("/roles")),
                person.get(person.at("/roles/billing")),
                person.promotes(&person.contact(), &["billing"]),
                person.gives(&person.contact(), "technical"),
                person.takes(&bea.contact(), "billing"),
                person.delete(person.at("/roles/billing/primary")),
            ];
            for act in acts {
                act.refused(403, "forbidden");
            }
            person.transfers_ownership(&person.contact()).refused(403, "owner-only");
        }
        assert_eq!(listed(&ana), ["Ana", "Bea", "Cem", "Dan", "Eva"]);
    }

    fn m_12_m_22_m_30_m_36_everybody_changes_their_own_name_and_password(app) {
        let ana = given::owner(app, "ana@example.com");
        let bea = ana.adds_login("Bea", "bea@example.com");
        let cem = ana.adds_login("Cem", "cem@example.com");
        let dan = ana.adds_login("Dan", "dan@example.com");
        ana.promotes(&bea.contact(), &["billing"]).expect(200);
        ana.promotes(&cem.contact(), &["technical"]).expect(200);

        changes_their_name(&ana, "Anabel");
        changes_their_name(&bea, "Beatrix");
        changes_their_name(&cem, "Cemal");
        changes_their_name(&dan, "Daniel");
        assert_eq!(listed(&ana), ["Anabel", "Beatrix", "Cemal", "Daniel"]);

        for person in [&ana, &bea, &cem, &dan] {
            changes_their_password(app, person);
        }
    }

    fn m_14_m_53_the_owner_is_not_removed_not_even_by_the_owner(app) {
        let ana = given::owner(app, "ana@example.com");
        let bea = ana.adds_login("Bea", "bea@example.com");

        ana.removes(&ana.contact()).refused(409, "contact-is-owner");
        ana.post(ana.contact().at("/erase"), ()).refused(409, "contact-is-owner");
        bea.removes(&ana.contact()).refused(403, "forbidden");
        assert_eq!(listed(&ana), ["Ana", "Bea"]);
    }

    fn m_35_a_contact_without_any_role_logs_in(app) {
        let ana = given::owner(app, "ana@example.com");
        let bea = ana.adds_login("Bea", "bea@example.com");

        let access = bea.get(bea.at("/access")).expect(200);
        assert_eq!(bea.account, ana.account);
        assert_eq!(access["owner"], false);
        assert_eq!(access["roles"], json!([]));
        assert_eq!(access["permissions"], json!([]));
    }

    fn m_39_nobody_edits_the_name_or_the_password_of_somebody_else(app) {
        let ana = given::owner(app, "ana@example.com");
        let bea = ana.adds_login("Bea", "bea@example.com");
        let rename = json!({ "display_name": "Somebody" });
        let password = json!({ "password": "another password" });

        ana.patch(bea.contact().path(), &rename).refused(409, "profile-belongs-to-person");
        bea.patch(ana.contact().path(), &rename).refused(403, "forbidden");
        ana.patch(bea.contact().path(), password).refused(422, "invalid-fields").fault("/password", "unknown-field");
        changes_their_password(app, &ana);

        assert_eq!(bea.get("/v1/me").expect(200)["display_name"], "Bea");
        assert_eq!(bea.get(bea.contact().path()).expect(200)["display_name"], "Bea");
        given::logged_in(app, "bea@example.com");
    }
}

/// On the log-in, and on the contact that others see.
#[track_caller]
fn changes_their_name(person: &Person<'_>, name: &str) {
    let patch = json!({ "display_name": name });
    person.patch("/v1/me", &patch).expect(200);
    assert_eq!(person.get("/v1/me").expect(200)["display_name"], name);
    let contact = person.contact();
    person.patch(contact.path(), &patch).expect(200);
    assert_eq!(person.get(contact.path()).expect(200)["display_name"], name);
}

/// From then on the new one logs in, and the old one does not.
#[track_caller]
fn changes_their_password(app: &App, person: &Person<'_>) {
    let next = "eight lanterns, loud harbour";
    let change = json!({ "current_password": PASSWORD, "new_password": next });
    let credentials = |password: &str| json!({ "address": person.address, "password": password });

    person.put("/v1/me/password", change).expect(200);
    app.client()
        .post("/v1/sessions", credentials(PASSWORD))
        .refused(401, "invalid-credentials");
    app.client().post("/v1/sessions", credentials(next)).expect(201);
}
