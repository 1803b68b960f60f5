//! Two promotions at once: the later one wins, each place has one holder at any moment, and each move starts where
//! the one before ended.

use std::collections::{BTreeMap, BTreeSet};

use accounts_tests::{
    Setup, json, on_both, scene,
    wire::{Ask, Heard},
};
use serde_json::Value;

use super::{
    block::{Pair, Round, block},
    office::Office,
    ring::Ring,
};

on_both! {
    Setup::standard().without_mails();

    fn promote_promote(app) {
        block(app, "promote/promote", 14, Promotions::set_up);
    }
}

/// Who has which place.
type Places = BTreeMap<String, String>;

struct Promotions {
    office: Office,
    contacts: Vec<String>,
    places: Places,
}

impl Promotions {
    fn set_up(ring: &mut Ring<'_>) -> Self {
        let office = Office::set_up(ring);
        let mut contacts = vec![office.ana.contact.to_string()];
        for name in ["bea", "cem", "dan"] {
            let address = ring.address(name);
            contacts.push(scene::contact(ring.app, office.ana.account, &address).to_string());
        }
        let mut promotions = Self {
            office,
            contacts,
            places: Places::new(),
        };
        promotions.places = promotions.read(ring);
        promotions
    }

    fn read(&self, ring: &mut Ring<'_>) -> Places {
        let roles = ring.read_both(&self.office.get("/roles")).json();
        let place = |role: &Value| {
            let text = |pointer: &str| role.pointer(pointer).unwrap().as_str().unwrap().to_owned();
            (text("/key"), text("/primary/id"))
        };
        roles["data"].as_array().unwrap().iter().map(place).collect()
    }

    fn promotion(&self, ring: &mut Ring<'_>) -> Promotion {
        let sets: [&[&str]; 4] = [
            &["billing"],
            &["billing"],
            &["billing", "technical"],
            &["security", "billing"],
        ];
        Promotion {
            contact: ring.dice.pick(&self.contacts).clone(),
            roles: ring.dice.pick(&sets).iter().map(|role| (*role).to_owned()).collect(),
        }
    }

    fn ask(&self, promotion: &Promotion) -> Ask {
        let path = format!("/contacts/{}/promote", promotion.contact);
        self.office.post(&path, &json!({ "roles": promotion.roles }))
    }
}

struct Promotion {
    contact: String,
    roles: BTreeSet<String>,
}

impl Promotion {
    /// What its answer tells if it is carried out now: each place with who had it and who has it.
    fn carried_out(&self, places: &mut Places) -> BTreeSet<(String, String, String)> {
        let mut moves = BTreeSet::new();
        for role in &self.roles {
            let former = places.insert(role.clone(), self.contact.clone()).unwrap();
            if former != self.contact {
                moves.insert((role.clone(), former, self.contact.clone()));
            }
        }
        moves
    }
}

fn told(answer: &Heard) -> BTreeSet<(String, String, String)> {
    assert_eq!(answer.status, 200, "{answer:?}");
    let json = answer.json();
    let moved = |entry: &Value| {
        let text = |pointer: &str| entry.pointer(pointer).unwrap().as_str().unwrap().to_owned();
        (text("/role"), text("/from/id"), text("/to/id"))
    };
    json["roles"].as_array().unwrap().iter().map(moved).collect()
}

impl Pair for Promotions {
    fn round(&mut self, ring: &mut Ring<'_>) -> Option<Round> {
        let pair = [self.promotion(ring), self.promotion(ring)];
        let asks = [self.ask(&pair[0]), self.ask(&pair[1])];
        let met = ring.meet(&self.office.row(), [&asks[0], &asks[1]])?;
        let answered = [told(&met.answers[0]), told(&met.answers[1])];
        let stands = self.read(ring);
        let in_order = |first: usize| {
            let (mut places, second) = (self.places.clone(), 1 - first);
            let one = pair[first].carried_out(&mut places);
            let other = pair[second].carried_out(&mut places);
            one == answered[first] && other == answered[second] && places == stands
        };
        let first = match (in_order(0), in_order(1)) {
            (true, true) => None,
            (true, false) => Some(0),
            (false, true) => Some(1),
            (false, false) => panic!(
                "neither order explains {answered:#?}\nbefore: {:#?}\nafter: {stands:#?}",
                self.places
            ),
        };
        self.places = stands;
        Some(Round::of(&met, first))
    }
}
