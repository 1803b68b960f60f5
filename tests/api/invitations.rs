//! Invitations from outside: made and managed, answered, and what takes their ground away.

use accounts_tests::{
    App,
    client::Request,
    given::{PASSWORD, Person},
    json,
};

mod answers;
mod batches;
mod ground;
mod limits;
mod management;

/// What the newest mail to an address holds.
#[track_caller]
fn token(app: &App, address: &str) -> String {
    app.mail_to(address).link_token()
}

/// Somebody follows the link that this token stands in, and has no log-in yet.
fn accept(app: &App, token: &str) -> Request {
    let body = json!({ "token": token, "display_name": "Somebody", "password": PASSWORD });
    app.client().post("/v1/invitations/accept", body)
}

/// How an invitation stands.
#[track_caller]
fn status(person: &Person<'_>, id: &str) -> String {
    person
        .get(person.at(&format!("/invitations/{id}")))
        .expect(200)
        .text("status")
}

/// A contact that logs in with these permissions, and its id.
fn member<'a>(app: &'a App, owner: &Person<'_>, name: &str, permissions: &[&str]) -> (String, Person<'a>) {
    let address = format!("{name}@example.com");
    let login = json!({ "permissions": permissions });
    let contact = owner.adds(json!({ "display_name": name, "address": address, "login": login }));
    owner.verifies(&contact);
    (contact.id, accounts_tests::given::logged_in(app, &address))
}
