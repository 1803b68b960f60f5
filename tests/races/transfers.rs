//! The ownership is given away twice at once, or to somebody who is being removed: the account has one owner with a
//! log-in at any moment.

use accounts_domain::permission::Permissions;
use accounts_tests::{
    Setup, json, on_both, scene,
    scene::{Login, Tokens},
    wire::Ask,
};

use super::{
    block::{Pair, Round, block},
    office::Office,
    ring::Ring,
};

on_both! {
    Setup::standard().without_mails();

    fn transfer_transfer(app) {
        block(app, "transfer/transfer", 8, Twice::set_up);
    }

    fn transfer_delete(app) {
        block(app, "transfer/delete", 8, OrRemoved::set_up);
    }

    fn transfer_expel(app) {
        block(app, "transfer/remove the member", 8, OrExpelled::set_up);
    }
}

/// Somebody who logs in.
struct Member {
    login: Login,
    tokens: Tokens,
}

impl Member {
    fn set_up(ring: &mut Ring<'_>, office: &Office, name: &str, permissions: Permissions) -> Self {
        let login = scene::member(ring.app, office.ana.account, &ring.address(name), permissions);
        let tokens = scene::session(ring.app, login.user);
        Self { login, tokens }
    }

    fn asks(&self, path: &str) -> Ask {
        Ask::get(&self.login.at(path)).bearer(&self.tokens.access)
    }
}

fn transfer(office: &Office, to: &Member) -> Ask {
    office.post("/ownership-transfers", &json!({ "contact_id": to.login.contact }))
}

/// The account is the member's on both instances, with every place that an owner fills, and Ana's no more.
fn assert_owned_by(ring: &mut Ring<'_>, office: &Office, owner: &Member) {
    let access = ring.read_both(&owner.asks("/access")).json();
    assert_eq!(access["owner"], true, "{access:#}");
    let places = access["primary_roles"].as_array().unwrap();
    assert_eq!(places.len(), 4, "{access:#}");
    let former = ring.read_both(&office.get("/access")).json();
    assert_eq!(former["owner"], false, "{former:#}");
    assert_eq!(former["permissions"], json!([]), "{former:#}");
    assert_eq!(former["primary_roles"], json!([]), "{former:#}");
}

struct Twice {
    office: Office,
    candidates: [Member; 2],
}

impl Twice {
    fn set_up(ring: &mut Ring<'_>) -> Self {
        let office = Office::set_up(ring);
        let bea = Member::set_up(ring, &office, "bea", Permissions::none());
        let cem = Member::set_up(ring, &office, "cem", Permissions::All);
        let candidates = [bea, cem];
        Self { office, candidates }
    }
}

impl Pair for Twice {
    fn round(&mut self, ring: &mut Ring<'_>) -> Option<Round> {
        let Self { office, candidates } = self;
        // Now and then both give it to the same contact.
        let other = usize::from(ring.dice.roll(4) != 0);
        let to = [&candidates[0], &candidates[other]];
        let asks = [transfer(office, to[0]), transfer(office, to[1])];
        let met = ring.meet(&office.row(), [&asks[0], &asks[1]])?;
        let first = met.first([["201", "403 owner-only"], ["403 owner-only", "201"]]);
        assert_owned_by(ring, office, to[first]);
        scene::give_back(ring.app, &to[first].login, office.ana.contact);
        Some(Round::of(&met, Some(first)))
    }
}

struct OrRemoved {
    office: Office,
    bea: Member,
    dan: Member,
}

impl OrRemoved {
    fn set_up(ring: &mut Ring<'_>) -> Self {
        let office = Office::set_up(ring);
        let bea = Member::set_up(ring, &office, "bea", Permissions::none());
        let manages = ["contacts:manage".parse().unwrap()];
        let dan = Member::set_up(ring, &office, "dan", Permissions::Chosen(manages.into()));
        Self { office, bea, dan }
    }
}

impl Pair for OrRemoved {
    fn round(&mut self, ring: &mut Ring<'_>) -> Option<Round> {
        let Self { office, bea, dan } = self;
        let path = format!("/contacts/{}", bea.login.contact);
        let by_ana = ring.dice.coin();
        let (removal, too_late) = if by_ana {
            (office.delete(&path), "403 forbidden")
        } else {
            let removal = Ask::delete(&dan.login.at(&path)).bearer(&dan.tokens.access);
            (removal, "409 contact-is-owner")
        };
        let met = ring.meet(&office.row(), [&transfer(office, bea), &removal])?;
        let first = met.first([["201", too_late], ["404 not-found", "204"]]);
        if first == 0 {
            assert_owned_by(ring, office, bea);
            scene::give_back(ring.app, &bea.login, office.ana.contact);
        } else {
            let access = ring.read_both(&office.get("/access")).json();
            assert_eq!(access["owner"], true, "{access:#}");
            assert_eq!(ring.read_both(&bea.asks("/access")).outcome(), "404 not-found");
            bea.login = scene::member(ring.app, office.ana.account, &bea.login.address, Permissions::none());
        }
        Some(Round::of(&met, Some(first)))
    }
}

/// As before, but it is the membership that ends: the contact stays, and cannot own the account.
struct OrExpelled {
    office: Office,
    bea: Member,
    dan: Member,
}

impl OrExpelled {
    fn set_up(ring: &mut Ring<'_>) -> Self {
        let office = Office::set_up(ring);
        let bea = Member::set_up(ring, &office, "bea", Permissions::none());
        let manages = ["members:manage".parse().unwrap()];
        let dan = Member::set_up(ring, &office, "dan", Permissions::Chosen(manages.into()));
        Self { office, bea, dan }
    }
}

impl Pair for OrExpelled {
    fn round(&mut self, ring: &mut Ring<'_>) -> Option<Round> {
        let Self { office, bea, dan } = self;
        let path = format!("/members/{}", bea.login.user);
        let by_ana = ring.dice.coin();
        let (removal, too_late) = if by_ana {
            (office.delete(&path), "403 forbidden")
        } else {
            let removal = Ask::delete(&dan.login.at(&path)).bearer(&dan.tokens.access);
            (removal, "409 member-is-owner")
        };
        let met = ring.meet(&office.row(), [&transfer(office, bea), &removal])?;
        let first = met.first([["201", too_late], ["409 contact-has-no-login", "204"]]);
        if first == 0 {
            assert_owned_by(ring, office, bea);
            scene::give_back(ring.app, &bea.login, office.ana.contact);
        } else {
            let access = ring.read_both(&office.get("/access")).json();
            assert_eq!(access["owner"], true, "{access:#}");
            assert_eq!(ring.read_both(&bea.asks("/access")).outcome(), "404 not-found");
            let contact = office.contact(ring, bea.login.contact);
            assert_eq!(contact["login"], false, "{contact:#}");
            let Login {
                account, contact, user, ..
            } = bea.login;
            scene::enters(ring.app, account, user, Some(contact), Permissions::none());
        }
        Some(Round::of(&met, Some(first)))
    }
}
