//! An invitation is accepted twice at once, or while it is taken back: one membership, or none.

use accounts_domain::{
    ids::{ContactId, InvitationId, SendingId, UserId},
    invitations::{InvitationLife, Invite},
    language::Language,
    permission::Permissions,
};
use accounts_tests::{Setup, json, on_both, scene, wire::Ask};

use super::{
    block::{Pair, Round, block},
    office::Office,
    ring::Ring,
};

on_both! {
    Setup::standard().without_mails();

    fn accept_accept(app) {
        block(app, "accept/accept of an invitation", 3, AcceptTwice::set_up);
    }

    fn accept_revoke(app) {
        block(app, "accept/revoke of an invitation", 3, AcceptOrRevoke::set_up);
    }
}

const PASSWORD: &str = "quiet harbour, seven lamps";

/// An invitation that waits for an answer.
struct Waiting {
    id: InvitationId,
    address: String,
    token: String,
}

impl Waiting {
    fn set_up(ring: &mut Ring<'_>, office: &Office) -> Self {
        let address = ring.address("bea");
        let (id, sending) = (InvitationId::new(), SendingId::new());
        let command = Invite {
            id,
            sending,
            address: accounts_domain::address::EmailAddress::parse(&address).unwrap(),
            display_name: None,
            language: Language::En,
            permissions: Permissions::none(),
            contact: None::<ContactId>,
            life: InvitationLife::default(),
            by_name: None,
        };
        scene::settle(ring.app, office.ana.account, move |roster, by| {
            roster.invite(by, &command, None::<UserId>)
        });
        let links = &ring.app.running().service().links;
        let purpose = accounts_api::links::LinkPurpose::Invitation;
        let token = links.token(purpose, &sending.to_string(), &address);
        Self { id, address, token }
    }

    fn accepted(&self) -> Ask {
        let body = json!({ "token": self.token, "display_name": "Bea", "password": PASSWORD });
        Ask::post("/v1/invitations/accept", &body)
    }

    /// How many places in the account the address has.
    fn memberships(&self, ring: &mut Ring<'_>) -> i64 {
        let address = &self.address;
        ring.number(&format!(
            "SELECT count(*) AS number FROM memberships JOIN users ON users.id = memberships.user_id \
             WHERE users.address_key = '{address}'"
        ))
    }

    fn stands(&self, ring: &mut Ring<'_>, office: &Office) -> Option<String> {
        ring.read_both(&office.get(&format!("/invitations/{}", self.id)))
            .text("/status")
    }
}

/// The link is followed twice.
struct AcceptTwice(Office);

impl AcceptTwice {
    fn set_up(ring: &mut Ring<'_>) -> Self {
        Self(Office::set_up(ring))
    }
}

impl Pair for AcceptTwice {
    fn round(&mut self, ring: &mut Ring<'_>) -> Option<Round> {
        let Self(office) = self;
        let waiting = Waiting::set_up(ring, office);
        let ask = waiting.accepted();
        let met = ring.meet(&office.row(), [&ask, &ask])?;
        let outcomes = met.outcomes();
        // The one that lost finds its link dead, or the log-in that the other has just made.
        let lost = ["410 link-expired", "401 invalid-credentials"];
        let first = usize::from(outcomes[0] != "200");
        assert_eq!(outcomes[first], "200", "{met:?}");
        assert!(lost.contains(&outcomes[1 - first].as_str()), "{met:?}");
        assert_eq!(waiting.memberships(ring), 1);
        assert_eq!(waiting.stands(ring, office).as_deref(), Some("accepted"));
        Some(Round::of(&met, Some(first)))
    }
}

/// The link is followed while the invitation is revoked.
struct AcceptOrRevoke(Office);

impl AcceptOrRevoke {
    fn set_up(ring: &mut Ring<'_>) -> Self {
        Self(Office::set_up(ring))
    }
}

impl Pair for AcceptOrRevoke {
    fn round(&mut self, ring: &mut Ring<'_>) -> Option<Round> {
        let Self(office) = self;
        let waiting = Waiting::set_up(ring, office);
        let revocation = office.delete(&format!("/invitations/{}", waiting.id));
        let met = ring.meet(&office.row(), [&waiting.accepted(), &revocation])?;
        let first = met.first([["200", "409 invitation-not-pending"], ["410 link-expired", "204"]]);
        let (members, status) = if first == 0 { (1, "accepted") } else { (0, "revoked") };
        assert_eq!(waiting.memberships(ring), members);
        assert_eq!(waiting.stands(ring, office).as_deref(), Some(status));
        Some(Round::of(&met, Some(first)))
    }
}
