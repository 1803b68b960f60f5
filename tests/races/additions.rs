//! Two contacts are added at once: the limit is kept exactly, and an address is there once.

use accounts_tests::{Setup, json, on_both, scene};

use super::{
    block::{Pair, Round, block},
    office::Office,
    ring::{Met, Ring},
};

on_both! {
    Setup::standard().without_mails();

    fn create_create_at_the_limit(app) {
        block(app, "create/create at the limit", 11, AtTheLimit::set_up);
    }

    fn create_create_with_one_address(app) {
        block(app, "create/create with one address", 5, OneAddress::set_up);
    }
}

/// The limit of the catalog.
const LIMIT: usize = 5;

struct AtTheLimit(Office);

impl AtTheLimit {
    fn set_up(ring: &mut Ring<'_>) -> Self {
        let office = Office::set_up(ring);
        for _ in 2..LIMIT {
            scene::contact(ring.app, office.ana.account, &ring.address("bea"));
        }
        Self(office)
    }
}

impl Pair for AtTheLimit {
    fn round(&mut self, ring: &mut Ring<'_>) -> Option<Round> {
        let addresses = [ring.address("cem"), ring.address("dan")];
        let full = "409 contact-limit-reached";
        let (met, first) = add(&self.0, ring, &addresses, full, LIMIT)?;
        assert_eq!(met.answers[1 - first].json()["limit"], json!(LIMIT));
        Some(Round::of(&met, Some(first)))
    }
}

struct OneAddress(Office);

impl OneAddress {
    fn set_up(ring: &mut Ring<'_>) -> Self {
        Self(Office::set_up(ring))
    }
}

impl Pair for OneAddress {
    fn round(&mut self, ring: &mut Ring<'_>) -> Option<Round> {
        let address = ring.address("bea");
        let addresses = [address.clone(), address.to_uppercase()];
        let (met, first) = add(&self.0, ring, &addresses, "409 address-taken", 2)?;
        Some(Round::of(&met, Some(first)))
    }
}

/// Adds both, of which one must be refused, looks that so many contacts are there, and removes the one that came in.
fn add(
    office: &Office,
    ring: &mut Ring<'_>,
    addresses: &[String; 2],
    refusal: &str,
    there: usize,
) -> Option<(Met, usize)> {
    let ask = |address: &String| office.post("/contacts", &json!({ "display_name": "Bea", "address": address }));
    let asks = [ask(&addresses[0]), ask(&addresses[1])];
    let met = ring.meet(&office.row(), [&asks[0], &asks[1]])?;
    let first = met.first([["201", refusal], [refusal, "201"]]);
    let list = ring.read_both(&office.get("/contacts")).json();
    let list = list["data"].as_array().unwrap();
    assert_eq!(list.len(), there, "{list:#?}");
    let id = met.answers[first].text("/id").unwrap();
    assert!(list.iter().any(|contact| contact["id"] == id.as_str()), "{list:#?}");
    let removed = ring.ask(&office.delete(&format!("/contacts/{id}")));
    assert_eq!(removed.status, 204, "{removed:?}");
    Some((met, first))
}
