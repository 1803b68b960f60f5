//! A contact is promoted and removed at once: no role is left to somebody who is not there.

use accounts_domain::ids::ContactId;
use accounts_tests::{Setup, json, on_both, scene};

use super::{
    block::{Pair, Round, block},
    office::Office,
    ring::Ring,
};

on_both! {
    Setup::standard().without_mails();

    fn promote_delete(app) {
        block(app, "promote/delete", 12, Removals::set_up);
    }
}

struct Removals {
    office: Office,
    bea: ContactId,
}

impl Removals {
    fn set_up(ring: &mut Ring<'_>) -> Self {
        let office = Office::set_up(ring);
        let bea = scene::contact(ring.app, office.ana.account, &ring.address("bea"));
        Self { office, bea }
    }
}

impl Pair for Removals {
    fn round(&mut self, ring: &mut Ring<'_>) -> Option<Round> {
        let path = format!("/contacts/{}", self.bea);
        let asks = [self.office.promotion(self.bea), self.office.delete(&path)];
        let met = ring.meet(&self.office.row(), [&asks[0], &asks[1]])?;
        let first = met.first([["200", "409 contact-holds-roles"], ["404 not-found", "204"]]);
        if first == 0 {
            assert_eq!(met.answers[1].json()["roles"], json!(["billing"]), "{met:?}");
            let bea = self.office.contact(ring, self.bea);
            assert_eq!(bea["primary_roles"], json!(["billing"]), "{bea:#}");
            self.office.take_billing_back(ring, self.bea);
        } else {
            assert_eq!(ring.read_both(&self.office.get(&path)).outcome(), "404 not-found");
            assert_eq!(self.office.billing(ring), self.office.ana.contact.to_string());
            self.bea = scene::contact(ring.app, self.office.ana.account, &ring.address("bea"));
        }
        Some(Round::of(&met, Some(first)))
    }
}
