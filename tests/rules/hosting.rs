//! Articles 001 and 003, users and contacts of two hosting providers, as the preset `hosting` behaves.
//!
//! What the rules say stands in `docs/rules.md`. The articles' main account is the owner here, and their users are the
//! members.

use accounts_tests::given::{self, Person};
use accounts_tests::json;

mod areas;
mod users;

/// A member who may do these things and nothing else.
fn member<'a>(ana: &Person<'a>, address: &str, permissions: &[&str]) -> Person<'a> {
    given::member_of(ana, address, json!({ "permissions": permissions }))
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
