//! The link of a sign-up is followed twice at once, or two links of one address are: one account comes of it.

use accounts_tests::{Setup, json, on_both, scene, wire::Ask};

use super::{
    block::{Pair, Round, block},
    ring::{Ring, Row},
};

on_both! {
    Setup::standard().without_mails();

    fn confirm_confirm(app) {
        block(app, "confirm/confirm of a sign-up", 2, |_| Confirmed);
    }
}

struct Confirmed;

impl Pair for Confirmed {
    fn round(&mut self, ring: &mut Ring<'_>) -> Option<Round> {
        let address = ring.address("ana");
        let token = |id| scene::sign_up_token(ring.app, id, &address);
        let first = token(scene::sign_up(ring.app, &address));
        let second = if ring.dice.coin() {
            token(scene::sign_up(ring.app, &address))
        } else {
            first.clone()
        };
        let passwords = ["quiet harbour, seven lamps", "seven lamps, quiet harbour"];
        let ask =
            |token: &str, password| Ask::post("/v1/sign-ups/confirm", &json!({ "token": token, "password": password }));
        let asks = [ask(&first, passwords[0]), ask(&second, passwords[1])];
        let met = ring.meet(&Row::SignUps(address.clone()), [&asks[0], &asks[1]])?;
        let first = met.first([["201", "410 link-expired"], ["410 link-expired", "201"]]);
        let owned = format!(
            "SELECT count(*) AS number FROM users LEFT JOIN memberships ON memberships.user_id = users.id \
             LEFT JOIN owners ON owners.user_id = users.id WHERE address_key = '{address}'"
        );
        assert_eq!(ring.number(&owned), 1);
        let credentials = json!({ "address": address, "password": passwords[first] });
        let logged_in = ring.ask(&Ask::post("/v1/sessions", &credentials));
        assert_eq!(logged_in.status, 201, "{logged_in:?}");
        Some(Round::of(&met, Some(first)))
    }
}
