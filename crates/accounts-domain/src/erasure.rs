//! A person who logs in is erased: names and addresses go everywhere, the record that something happened stays.
//!
//! Nobody is erased out of an account that would be left without its owner or without the holder of a role: somebody
//! else takes those places over first, as where a contact is removed (M-53, M-54). Whether an account is suspended or
//! closed makes no difference to what is a person's own.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::actor::{Actor, By};
use crate::change::Change;
use crate::ids::{AccountId, UserId};
use crate::invitations::InvitationOutcome;
use crate::join_requests::JoinOutcome;
use crate::keys::RoleKey;
use crate::names::AccountName;
use crate::operators::require_own_hand;
use crate::roster::Roster;
use crate::users::{Person, UserChange};
use crate::violation::Violation;

/// A place of a person that somebody else has to take over first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldPlace {
    /// The account.
    pub account: AccountId,
    /// Its name.
    pub name: AccountName,
    /// Whether the person owns it.
    pub owner: bool,
    /// The roles that the person's contact holds.
    pub roles: BTreeSet<RoleKey>,
}

/// The changes of each of these accounts that take a person out of it, in their order. The accounts are those in which
/// the person has a place, or asks for one, or is invited to one.
///
/// # Errors
/// The person erases itself, or the provider does, but no operator in the person's place. Refused with all the places
/// that the person holds.
pub fn erase(
    by: By,
    user: UserId,
    own_keys: &BTreeSet<String>,
    rosters: &[&Roster],
) -> Result<Vec<Vec<Change>>, Violation> {
    require_own_hand(by)?;
    require_self_or_provider(by, user)?;
    let held: Vec<HeldPlace> = rosters.iter().filter_map(|roster| roster.held_by(user)).collect();
    if !held.is_empty() {
        return Err(Violation::PlacesHeld { places: held });
    }
    Ok(rosters
        .iter()
        .map(|roster| roster.without(by, user, own_keys))
        .collect())
}

fn require_self_or_provider(by: By, user: UserId) -> Result<(), Violation> {
    match by.actor {
        Actor::System | Actor::Operator(_) => Ok(()),
        Actor::User(own) if own == user => Ok(()),
        Actor::User(_) | Actor::Link => Err(Violation::OtherPerson),
        Actor::Key(_) | Actor::Integration(_) => Err(Violation::PersonOnly),
        Actor::Impersonated { .. } => Err(Violation::ImpersonationRefused),
    }
}

impl Roster {
    fn held_by(&self, user: UserId) -> Option<HeldPlace> {
        let contact = self.member(user)?.contact?;
        let (owner, roles) = (contact == self.owner(), self.roles_of(contact));
        (owner || !roles.is_empty()).then(|| HeldPlace {
            account: self.account().id,
            name: self.account().profile.name.clone(),
            owner,
            roles,
        })
    }

    fn without(&self, by: By, user: UserId, own_keys: &BTreeSet<String>) -> Vec<Change> {
        let mut changes = Vec::new();
        if let Some(member) = self.member(user) {
            let contact = member.contact;
            changes.extend(contact.and_then(|contact| self.offer_taken_back(contact, by.at)));
            changes.push(if by.actor == Actor::User(user) {
                Change::MemberLeft { user, contact }
            } else {
                Change::MemberRemoved { user, contact }
            });
            changes.extend(contact.map(|contact| Change::ContactErased { contact }));
        }
        changes.extend(self.invitations_withdrawn(own_keys, by.at));
        let asked = self.parts().join_requests.values();
        changes.extend(
            asked
                .filter(|request| request.user == user)
                .map(|request| Change::JoinRequestEnded {
                    request: request.id,
                    user,
                    outcome: if request.waits(by.at) {
                        JoinOutcome::Withdrawn
                    } else {
                        JoinOutcome::Expired
                    },
                }),
        );
        changes
    }

    fn invitations_withdrawn(&self, own_keys: &BTreeSet<String>, at: DateTime<Utc>) -> impl Iterator<Item = Change> {
        let to = self
            .invitations()
            .filter(|invitation| own_keys.contains(invitation.address.key()));
        to.map(move |invitation| Change::InvitationEnded {
            invitation: invitation.id,
            outcome: if invitation.expires_at <= at {
                InvitationOutcome::Expired
            } else {
                InvitationOutcome::Revoked
            },
        })
    }
}

impl Person {
    /// The person is none any more. Everything that opens something goes with it.
    pub fn erase(&self) -> Vec<UserChange> {
        vec![UserChange::Erased]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::given::{ANA, BEA, CEM, NOW, Person as Given, SYSTEM, chosen, inviting, mixed, role, roles, standard};
    use crate::permission::Permissions;

    fn erased(roster: &Roster, of: Given) -> Result<Vec<Change>, Violation> {
        let keys = BTreeSet::from([of.address().key().to_owned()]);
        erase(of.by(), of.user(), &keys, &[roster]).map(|mut changes| changes.remove(0))
    }

    #[test]
    fn a_member_goes_with_the_contact_that_it_is() {
        let roster = standard().with_member(BEA, chosen(&["contacts:view"]));
        let changes = erased(&roster, BEA).unwrap();
        let contact = Some(BEA.contact());
        assert_eq!(
            changes,
            [
                Change::MemberLeft {
                    user: BEA.user(),
                    contact
                },
                Change::ContactErased { contact: BEA.contact() }
            ]
        );
        let after = roster.then(Ok(changes));
        assert!(after.member(BEA.user()).is_none() && after.contact(BEA.contact()).is_err());
    }

    #[test]
    fn m_53_m_54_an_owner_and_a_holder_hand_their_places_over_first() {
        let refused = erased(&standard(), ANA).unwrap_err();
        let Violation::PlacesHeld { places } = refused else {
            panic!("{refused:?}")
        };
        assert!(places[0].owner && places[0].account == standard().account().id);
        let holding = standard()
            .with_member(BEA, Permissions::none())
            .holding(BEA, "technical");
        let refused = erased(&holding, BEA).unwrap_err();
        let Violation::PlacesHeld { places } = refused else {
            panic!("{refused:?}")
        };
        assert!(!places[0].owner);
        assert_eq!(places[0].roles, roles(&["technical"]));
        let taken = holding.take_role(SYSTEM, BEA.contact(), &role("technical"));
        assert!(erased(&holding.then(taken), BEA).is_ok());
    }

    #[test]
    fn an_invitation_and_an_offer_end_with_the_person() {
        let invited = standard();
        let changes = invited.invite(ANA.by(), &inviting(CEM, 7, Permissions::none()), None);
        let invited = invited.then(changes);
        let changes = erased(&invited, CEM).unwrap();
        assert!(matches!(
            changes[..],
            [Change::InvitationEnded {
                outcome: InvitationOutcome::Revoked,
                ..
            }]
        ));
        assert!(invited.then(Ok(changes)).invitations().next().is_none());
        let offered = mixed().with_member(BEA, Permissions::none());
        let offer = crate::ownership::TransferOwnership {
            id: crate::given::transfer_id(1),
            to: BEA.contact(),
        };
        let changes = offered.transfer_ownership(ANA.by(), &offer, None);
        let offered = offered.then(changes);
        let changes = erased(&offered, BEA).unwrap();
        assert!(matches!(changes[0], Change::TransferEnded { .. }));
        assert!(offered.then(Ok(changes)).pending_transfer(NOW).is_none());
    }

    #[test]
    fn somebody_else_erases_nobody() {
        let roster = standard().with_member(BEA, Permissions::none());
        let refused = |by: By| erase(by, BEA.user(), &BTreeSet::new(), &[&roster]).unwrap_err();
        assert_eq!(refused(ANA.by()), Violation::OtherPerson);
        let impersonated = Actor::Impersonated {
            user: BEA.user(),
            operator: crate::ids::OperatorId::from_uuid(uuid::Uuid::from_u128(9)),
        };
        let by = By {
            actor: impersonated,
            at: NOW,
        };
        assert_eq!(refused(by), Violation::ImpersonationRefused);
        let changes = erase(SYSTEM, BEA.user(), &BTreeSet::new(), &[&roster]).unwrap();
        assert!(matches!(changes[0][0], Change::MemberRemoved { .. }));
    }

    #[test]
    fn a_suspended_account_keeps_nobody() {
        let roster = standard().with_member(BEA, Permissions::none());
        let suspended = Ok(roster.change_status(crate::roster::AccountStatus::Suspended));
        assert!(erased(&roster.then(suspended), BEA).is_ok());
    }
}
