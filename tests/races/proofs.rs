//! A verification is followed, or taken back by another address, while something is decided that hangs on it: only a
//! verified contact is promoted, a link sent to an older address proves nothing, and a link works once.

use accounts_domain::permission::Permissions;
use accounts_domain::{address::EmailAddress, contacts::ContactPatch, ids::ContactId};
use accounts_tests::{Setup, json, on_both, scene, wire::Ask};

use super::{
    block::{Pair, Round, block},
    office::Office,
    ring::Ring,
};

on_both! {
    Setup::standard().without_mails();

    fn promote_new_address(app) {
        block(app, "promote/new address", 7, PromoteOrReplace::set_up);
    }

    fn promote_confirm(app) {
        block(app, "promote/confirm", 6, PromoteOrConfirm::set_up);
    }

    fn confirm_new_address(app) {
        block(app, "confirm/new address", 7, ConfirmOrReplace::set_up);
    }

    fn confirm_confirm(app) {
        block(app, "confirm/confirm of a verification", 3, ConfirmTwice::set_up);
    }
}

const PASSWORD: &str = "quiet harbour, seven lamps";

fn confirmation(token: &str) -> Ask {
    let body = json!({ "token": token, "password": PASSWORD });
    Ask::post("/v1/contact-verifications/confirm", &body)
}

/// A verified contact is promoted while its verification is taken back: its address is replaced, which then waits for
/// its own proof. Both go well in either order, since the old address stays in force.
struct PromoteOrReplace {
    office: Office,
    bea: ContactId,
    address: String,
}

impl PromoteOrReplace {
    fn set_up(ring: &mut Ring<'_>) -> Self {
        let office = Office::set_up(ring);
        let address = ring.address("bea");
        let bea = scene::contact(ring.app, office.ana.account, &address);
        Self { office, bea, address }
    }
}

impl Pair for PromoteOrReplace {
    fn round(&mut self, ring: &mut Ring<'_>) -> Option<Round> {
        let new = ring.address("beatrice");
        let asks = [self.office.promotion(self.bea), self.office.new_address(self.bea, &new)];
        let met = ring.meet(&self.office.row(), [&asks[0], &asks[1]])?;
        assert_eq!(met.outcomes(), ["200", "200"], "{met:?}");
        let bea = self.office.contact(ring, self.bea);
        assert_eq!(bea["primary_roles"], json!(["billing"]), "{bea:#}");
        assert_eq!(bea["verified"], true, "{bea:#}");
        assert_eq!(bea["address"], self.address.as_str(), "{bea:#}");
        assert_eq!(bea["pending_address"], new.as_str(), "{bea:#}");
        self.office.take_billing_back(ring, self.bea);
        let (bea, old) = (self.bea, EmailAddress::parse(&self.address).unwrap());
        scene::settle(ring.app, self.office.ana.account, move |roster, by| {
            let patch = ContactPatch {
                address: Some(old.clone()),
                ..ContactPatch::default()
            };
            roster.change_contact(by, bea, &patch)
        });
        Some(Round::of(&met, None))
    }
}

/// A contact is promoted while somebody follows the link that verifies it.
struct PromoteOrConfirm(Office);

impl PromoteOrConfirm {
    fn set_up(ring: &mut Ring<'_>) -> Self {
        Self(Office::set_up(ring))
    }
}

impl Pair for PromoteOrConfirm {
    fn round(&mut self, ring: &mut Ring<'_>) -> Option<Round> {
        let Self(office) = self;
        let bea = scene::unproven(ring.app, office.ana.account, &ring.address("bea"), None);
        let asks = [office.promotion(bea.contact), confirmation(&bea.token)];
        let met = ring.meet(&office.row(), [&asks[0], &asks[1]])?;
        let first = met.first([["409 contact-not-verified", "200"], ["200", "200"]]);
        let shown = office.contact(ring, bea.contact);
        let roles = if first == 0 { json!([]) } else { json!(["billing"]) };
        assert_eq!(shown["verified"], true, "{shown:#}");
        assert_eq!(shown["primary_roles"], roles, "{shown:#}");
        office.let_go(ring, bea.contact);
        Some(Round::of(&met, Some(first)))
    }
}

/// Somebody follows the link while the manager names another address.
struct ConfirmOrReplace(Office);

impl ConfirmOrReplace {
    fn set_up(ring: &mut Ring<'_>) -> Self {
        Self(Office::set_up(ring))
    }
}

impl Pair for ConfirmOrReplace {
    fn round(&mut self, ring: &mut Ring<'_>) -> Option<Round> {
        let Self(office) = self;
        let (old, new) = (ring.address("bea"), ring.address("beatrice"));
        let bea = scene::unproven(ring.app, office.ana.account, &old, None);
        let asks = [confirmation(&bea.token), office.new_address(bea.contact, &new)];
        let met = ring.meet(&office.row(), [&asks[0], &asks[1]])?;
        let first = met.first([["200", "200"], ["410 link-expired", "200"]]);
        let shown = office.contact(ring, bea.contact);
        let (address, pending) = if first == 0 {
            (&old, json!(new))
        } else {
            (&new, json!(null))
        };
        assert_eq!(shown["verified"], first == 0, "{shown:#}");
        assert_eq!(shown["address"], address.as_str(), "{shown:#}");
        assert_eq!(shown["pending_address"], pending, "{shown:#}");
        office.let_go(ring, bea.contact);
        Some(Round::of(&met, Some(first)))
    }
}

/// One link is followed twice, with a log-in behind it now and then.
struct ConfirmTwice(Office);

impl ConfirmTwice {
    fn set_up(ring: &mut Ring<'_>) -> Self {
        Self(Office::set_up(ring))
    }
}

impl Pair for ConfirmTwice {
    fn round(&mut self, ring: &mut Ring<'_>) -> Option<Round> {
        let Self(office) = self;
        let address = ring.address("bea");
        let login = (ring.dice.roll(4) == 0).then(Permissions::none);
        let people = i64::from(login.is_some());
        let bea = scene::unproven(ring.app, office.ana.account, &address, login);
        let ask = confirmation(&bea.token);
        let met = ring.meet(&office.row(), [&ask, &ask])?;
        let first = met.first([["200", "410 link-expired"], ["410 link-expired", "200"]]);
        let shown = office.contact(ring, bea.contact);
        assert_eq!(shown["verified"], true, "{shown:#}");
        assert_eq!(shown["login"], people == 1, "{shown:#}");
        let users = format!("SELECT count(*) AS number FROM users WHERE address_key = '{address}'");
        assert_eq!(ring.number(&users), people);
        office.let_go(ring, bea.contact);
        Some(Round::of(&met, Some(first)))
    }
}
