//! What is decided of the service, as the preset `standard` shows it: what must always hold, and how each
//! person, link and session lives.

use accounts_tests::App;
use accounts_tests::given::{self, Contact, Person};
use accounts_tests::json;
use chrono::TimeDelta;
use serde_json::Value;

mod addresses;
mod audit;
mod choosing;
mod contacts;
mod email_changes;
mod hashes;
mod list;
mod logins;
mod members;
mod ownership;
mod passwords;
mod reauthentication;
mod roles;
mod sessions;
mod sign_up;
mod status;
mod verification;

/// A moment before a period of time has passed, and what is left of it.
fn nearly(period: TimeDelta) -> (TimeDelta, TimeDelta) {
    let moment = TimeDelta::milliseconds(1);
    (period - moment, moment)
}

/// A contact that logs in, with these permissions.
fn adds_login<'a>(app: &'a App, owner: &Person<'_>, name: &str, permissions: &[&str]) -> (Contact, Person<'a>) {
    let address = format!("{}@lima.example", name.to_lowercase());
    let contact = owner.adds(json!({
        "display_name": name,
        "address": address,
        "login": { "permissions": permissions },
    }));
    owner.verifies(&contact);
    (contact, given::logged_in(app, &address))
}

/// A contact as it is now.
#[track_caller]
fn read(person: &Person<'_>, contact: &Contact) -> Value {
    person.get(contact.path()).expect(200).json().clone()
}

/// Sends a verification to the address that waits for one, and answers the token that was mailed to it.
#[track_caller]
fn sent_to(app: &App, person: &Person<'_>, contact: &Contact, address: &str) -> String {
    let sent = person.post(contact.at("/verification"), ()).expect(202);
    assert_eq!(sent["address"], address);
    app.mail_to(address).link_token()
}

/// Follows a verification link.
fn follow(app: &App, token: &str) -> accounts_tests::client::Request {
    app.client().post(
        "/v1/contact-verifications/confirm",
        json!({ "token": token, "password": given::PASSWORD }),
    )
}

/// How many decisions the account's audit log tells of.
#[track_caller]
fn revision(person: &Person<'_>) -> i64 {
    let events = person.get(person.at("/audit-events?limit=1")).expect(200);
    events["data/0/revision"].as_i64().unwrap_or_default()
}
