//! Articles 001 and 003, users and contacts of two hosting providers, as the preset `hosting` behaves.
//!
//! What the rules say stands in `docs/rules.md`. The articles' main account is the owner here, and their users are the
//! members.

use accounts_tests::client::Request;
use accounts_tests::given::{self, Person};
use accounts_tests::{Answer, json};

mod areas;
mod imports;
mod notices;
mod ownership;
mod reviews;
mod tickets;
mod users;

/// A member who may do these things and nothing else.
fn member<'a>(ana: &Person<'a>, address: &str, permissions: &[&str]) -> Person<'a> {
    given::member_of(ana, address, json!({ "permissions": permissions }))
}

/// Says what a member wishes to be told.
fn wishes(by: &Person<'_>, member: &Person<'_>, kinds: &[&str]) -> Request {
    let path = by.at(&format!("/members/{}/subscriptions", member.user()));
    by.put(path, json!({ "categories": kinds }))
}

/// Who is told of the categories that the query names.
#[track_caller]
fn told(by: &Person<'_>, query: &str) -> Answer {
    by.get(by.at(&format!("/recipients?{query}"))).expect(200)
}

/// The names in the list of members, in its order.
#[track_caller]
fn members(person: &Person<'_>) -> Vec<String> {
    person
        .get(person.at("/members"))
        .expect(200)
        .each("data", "display_name")
}

/// The names in the list of contacts, in its order.
#[track_caller]
fn contacts(person: &Person<'_>, query: &str) -> Vec<String> {
    person
        .get(person.at(&format!("/contacts{query}")))
        .expect(200)
        .each("data", "display_name")
}
