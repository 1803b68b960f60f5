//! The account that most pairs are about, with its owner, who asks for everything.

use std::collections::BTreeSet;

use accounts_domain::{
    actor::By, change::Change, ids::ContactId, keys::RoleKey, roles::Promote, roster::Roster, violation::Violation,
};
use accounts_tests::{
    scene,
    scene::{Login, Tokens},
    wire::Ask,
};
use serde_json::{Value, json};

use super::ring::{Ring, Row};

pub(crate) struct Office {
    pub(crate) ana: Login,
    pub(crate) tokens: Tokens,
}

impl Office {
    pub(crate) fn set_up(ring: &mut Ring<'_>) -> Self {
        let ana = scene::owner(ring.app, &ring.address("ana"), None);
        let tokens = scene::session(ring.app, ana.user);
        Self { ana, tokens }
    }

    /// What both requests wait for.
    pub(crate) fn row(&self) -> Row {
        Row::Account(self.ana.account)
    }

    pub(crate) fn get(&self, path: &str) -> Ask {
        Ask::get(&self.ana.at(path)).bearer(&self.tokens.access)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Ask {
        Ask::post(&self.ana.at(path), body).bearer(&self.tokens.access)
    }

    pub(crate) fn patch(&self, path: &str, body: &Value) -> Ask {
        Ask::patch(&self.ana.at(path), body).bearer(&self.tokens.access)
    }

    pub(crate) fn delete(&self, path: &str) -> Ask {
        Ask::delete(&self.ana.at(path)).bearer(&self.tokens.access)
    }

    /// Ana gives billing to a contact.
    pub(crate) fn promotion(&self, contact: ContactId) -> Ask {
        self.post(
            &format!("/contacts/{contact}/promote"),
            &json!({ "roles": ["billing"] }),
        )
    }

    /// Ana names another main address of a contact.
    pub(crate) fn new_address(&self, contact: ContactId, address: &str) -> Ask {
        self.patch(&format!("/contacts/{contact}"), &json!({ "address": address }))
    }

    /// A contact as both instances show it.
    pub(crate) fn contact(&self, ring: &mut Ring<'_>, contact: ContactId) -> Value {
        let shown = ring.read_both(&self.get(&format!("/contacts/{contact}")));
        assert_eq!(shown.status, 200, "{shown:?}");
        shown.json()
    }

    /// Who has the place of billing, as both instances show it.
    pub(crate) fn billing(&self, ring: &mut Ring<'_>) -> String {
        let role = ring.read_both(&self.get("/roles/billing"));
        role.text("/primary/id").unwrap_or_else(|| panic!("{role:?}"))
    }

    /// Ana has billing again, and the contact does not hold it.
    pub(crate) fn take_billing_back(&self, ring: &Ring<'_>, contact: ContactId) {
        let ana = self.ana.contact;
        scene::settle(ring.app, self.ana.account, move |roster, by| {
            billing_back(roster, by, ana, contact)
        });
    }

    /// The contact goes, and with it what it holds.
    pub(crate) fn let_go(&self, ring: &Ring<'_>, contact: ContactId) {
        let ana = self.ana.contact;
        scene::settle(ring.app, self.ana.account, move |roster, by| {
            scene::in_turn(
                roster,
                by,
                &[&|roster| billing_back(roster, by, ana, contact), &|roster| {
                    roster.remove_contact(by, contact)
                }],
            )
        });
    }
}

fn billing_back(roster: &Roster, by: By, to: ContactId, from: ContactId) -> Result<Vec<Change>, Violation> {
    let billing: RoleKey = "billing".parse().unwrap();
    let command = Promote {
        contact: to,
        roles: BTreeSet::from([billing.clone()]),
    };
    scene::in_turn(
        roster,
        by,
        &[&|roster| roster.promote(by, &command), &|roster| {
            roster.take_role(by, from, &billing)
        }],
    )
}
