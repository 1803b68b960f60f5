//! Article 000, "Contact & Role Management", as the preset `saas-suite` behaves.
//!
//! What the rules say stands in `docs/rules.md`. The article's Primary Contact is the owner here.

use accounts_tests::given::Person;

mod accounts;
mod applications;
mod contacts;
mod roles;
mod story;

/// The names in the list of contacts, in its order.
#[track_caller]
fn listed(person: &Person<'_>) -> Vec<String> {
    person
        .get(person.at("/contacts"))
        .expect(200)
        .each("data", "display_name")
}

/// The names of those who hold a role.
#[track_caller]
fn holders(person: &Person<'_>, role: &str) -> Vec<String> {
    person
        .get(person.at(&format!("/roles/{role}")))
        .expect(200)
        .each("holders", "display_name")
}

/// The names that are offered for a role, sorted.
#[track_caller]
fn candidates(person: &Person<'_>, role: &str) -> Vec<String> {
    let mut names = person
        .get(person.at(&format!("/roles/{role}")))
        .expect(200)
        .each("candidates", "display_name");
    names.sort();
    names
}
