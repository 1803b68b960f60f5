//! The article from its first sentence to its last, as one organisation lives it.

use accounts_tests::{
    App, Setup,
    given::{self, Contact, PASSWORD, Person},
    json, on_both,
};

use super::{candidates, holders, listed};

on_both! {
    Setup::preset("saas-suite");

    fn the_article_from_the_sign_up_to_the_roles_that_moved(app) {
        let ana = signs_up_for_the_first_product(app);
        let bea = adds_and_verifies_a_contact(app, &ana);
        let cem = ana.adds_login("Cem", "cem@example.com");
        moves_the_help_desk(&ana, &bea, &cem);
        assigns_billing(&ana, &bea);
        hands_the_account_on(&ana, &bea);
        deletes_contacts(&bea, &ana.contact(), &cem.contact());
    }
}

/// "On signing up for your first product or subscription, a Customer Account gets created for your
/// organization. The Primary Contact is the email id used to sign up for the first product."
fn signs_up_for_the_first_product(app: &App) -> Person<'_> {
    app.client()
        .post(
            "/v1/sign-ups",
            json!({ "address": "ana@example.com", "display_name": "Ana", "account_name": "Lima Ltd" }),
        )
        .expect(202);
    let token = app.mail_to("ana@example.com").link_token();
    let confirm = json!({ "token": token, "password": PASSWORD });
    app.client().post("/v1/sign-ups/confirm", confirm).expect(201);

    let ana = given::logged_in(app, "ana@example.com");
    let account = ana.get(ana.at("")).expect(200);
    assert_eq!(account["name"], "Lima Ltd");
    assert_eq!(account["contact_limit"], 5);
    assert_eq!(account["owner_contact_id"], ana.contact().id);
    ana
}

/// "From the options on the Application switch, click on Manage Contacts. In the pop-up, give the display
/// name and the email id of the new contact. To verify the contact, click on the Verify button. A
/// confirmation mail is sent. On verification, refresh the Manage Contacts page. Verified users can access
/// the Customer Account application."
fn adds_and_verifies_a_contact<'a>(app: &'a App, ana: &Person<'a>) -> Person<'a> {
    assert!(ana.applications().contains(&"manage_contacts".to_owned()));
    let bea = ana.adds_contact("Bea", "bea@example.com");
    assert_eq!(listed(ana), ["Ana", "Bea"]);
    assert!(app.mails_to("bea@example.com").is_empty());
    app.client()
        .post(
            "/v1/sessions",
            json!({ "address": "bea@example.com", "password": PASSWORD }),
        )
        .refused(401, "invalid-credentials");

    ana.post(bea.at("/verification"), ()).expect(202);
    let token = app.mail_to("bea@example.com").link_token();
    let preview = app
        .client()
        .post("/v1/contact-verifications/preview", json!({ "token": token }))
        .expect(200);
    assert_eq!(preview["account_name"], "Lima Ltd");
    assert_eq!(preview["password_required"], true);
    assert_eq!(ana.get(bea.path()).expect(200)["verified"], false);
    let confirm = json!({ "token": token, "password": PASSWORD });
    app.client()
        .post("/v1/contact-verifications/confirm", confirm)
        .expect(200);
    assert_eq!(ana.get(bea.path()).expect(200)["verified"], true);

    let bea = given::logged_in(app, "bea@example.com");
    assert_eq!(bea.applications(), ["payment_gateway", "documentation"]);
    bea
}

/// "To assign the Tech Contact role to a contact, select a contact from the dropdown list and click on
/// Update Tech Contact. Access to the Helpdesk is immediately transferred to the newly selected contact."
fn moves_the_help_desk(ana: &Person<'_>, bea: &Person<'_>, cem: &Person<'_>) {
    assert!(ana.applications().contains(&"manage_roles".to_owned()));
    ana.adds_contact("Dan", "dan@example.com");
    assert_eq!(candidates(ana, "technical"), ["Ana", "Bea", "Cem"]);

    ana.promotes(&bea.contact(), &["technical"]).expect(200);
    assert_eq!(bea.applications(), ["help_desk", "payment_gateway", "documentation"]);
    ana.promotes(&cem.contact(), &["technical"]).expect(200);
    assert_eq!(bea.applications(), ["payment_gateway", "documentation"]);
    assert_eq!(cem.applications(), ["help_desk", "payment_gateway", "documentation"]);
    assert_eq!(holders(ana, "technical"), ["Cem"]);
}

/// "To assign the Billing Role to a contact, select a contact from the dropdown list and click on Update
/// Billing Contact."
fn assigns_billing(ana: &Person<'_>, bea: &Person<'_>) {
    ana.promotes(&bea.contact(), &["billing"]).expect(200);
    let desks = [
        "bill_desk",
        "license_extension",
        "record_payment",
        "payment_gateway",
        "documentation",
    ];
    assert_eq!(bea.applications(), desks);
    assert_eq!(holders(ana, "billing"), ["Bea"]);
}

/// "To change the Primary Contact for your organization, select a contact from the drop-down list and click
/// on Update Primary Contact."
fn hands_the_account_on(ana: &Person<'_>, bea: &Person<'_>) {
    ana.removes(&ana.contact()).refused(409, "contact-is-owner");
    ana.transfers_ownership(&bea.contact()).expect(201);

    ana.get(ana.at("/contacts")).refused(403, "forbidden");
    assert_eq!(ana.applications(), ["payment_gateway", "documentation"]);
    assert_eq!(listed(bea), ["Bea", "Ana", "Cem", "Dan"]);
    assert!(bea.applications().contains(&"manage_contacts".to_owned()));
    assert!(bea.applications().contains(&"bill_desk".to_owned()));
}

/// "To delete a contact, click on the Delete button. Note: Primary Contacts and Contacts with Billing or
/// Tech roles cannot be deleted."
fn deletes_contacts(bea: &Person<'_>, ana: &Contact, cem: &Contact) {
    bea.removes(&bea.contact()).refused(409, "contact-is-owner");
    bea.removes(cem).refused(409, "contact-holds-roles");
    bea.removes(ana).expect(204);

    bea.promotes(&bea.contact(), &["technical"]).expect(200);
    bea.removes(cem).expect(204);
    assert_eq!(listed(bea), ["Bea", "Dan"]);
}
