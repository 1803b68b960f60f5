use super::*;
use crate::given::{
    ANA, BEA, CEM, LINK, NOW, Person, SYSTEM, ZOE, account, chosen, datacenter, hosting, inviting, moment, permission,
    sending_id, standard,
};
use crate::mail::{Letter, mails};
use crate::ownership::TransferOwnership;
use crate::roster::AccountStatus;

/// An hour, in the minutes of [`moment`].
const HOUR: i64 = 60;

fn invited(roster: Roster, by: Person, command: &Invite) -> (Roster, InvitationRecord) {
    let changes = roster.invite(by.by(), command, None);
    let roster = roster.then(changes);
    let record = roster.record(command.id);
    (roster, record)
}

fn zoe() -> Invitee<'static> {
    Invitee {
        user: ZOE.user(),
        address_key: "zoe@lima.example",
    }
}

fn manager() -> Permissions {
    chosen(&["members:manage", "tickets:view"])
}

fn again(number: u32) -> ResendInvitation {
    ResendInvitation {
        sending: sending_id(number),
        by_name: None,
    }
}

fn decided(roster: Roster, changes: Result<Vec<Change>, Violation>) -> Roster {
    let changes = roster.with_consequences(changes.unwrap(), NOW, &BTreeSet::new());
    roster.then(Ok(changes))
}

mod making {
    use super::*;

    #[test]
    fn u_13_u_17_an_invitation_goes_to_an_address_by_mail() {
        let before = hosting();
        let mut command = inviting(ZOE, 1, Permissions::All);
        command.by_name = DisplayName::parse("Ana Lima").ok();
        let changes = before.invite(ANA.by(), &command, None).unwrap();
        let mails = mails(&before, &before.clone().after(&changes, NOW), &changes);
        assert_eq!(mails.len(), 1);
        assert_eq!(mails[0].to, ZOE.address());
        let letter = Letter::Invitation {
            sending: sending_id(1),
            name: "zoe@lima.example".to_owned(),
            account: "Lima".to_owned(),
            inviter: "Ana Lima".to_owned(),
            hours: 168,
        };
        assert_eq!(mails[0].letter, letter);
    }

    #[test]
    fn u_14_k_08_the_permissions_are_chosen_with_it() {
        let some = chosen(&["tickets:open", "tickets:view"]);
        let (roster, record) = invited(hosting(), ANA, &inviting(ZOE, 1, some.clone()));
        assert_eq!(record.invitation.permissions, some);
        let changes = roster.accept_invitation(LINK, &record, &zoe());
        let roster = roster.then(changes);
        assert_eq!(roster.permissions_of(ZOE.user(), NOW), Some(some));
    }

    #[test]
    fn nobody_invites_with_more_than_they_have() {
        let roster = standard().with_member(BEA, manager());
        let invite = |permissions| {
            roster
                .invite(BEA.by(), &inviting(ZOE, 1, permissions), None)
                .map(|_| ())
        };
        assert_eq!(invite(chosen(&["tickets:view"])), Ok(()));
        assert_eq!(invite(chosen(&["tickets:open"])), Err(Violation::CannotGrant));
        assert_eq!(invite(Permissions::All), Err(Violation::CannotGrant));
        let unknown = permission("moon:visit");
        let refused = Err(Violation::UnknownPermission {
            permission: unknown.clone(),
        });
        assert_eq!(invite([unknown].into_iter().collect()), refused);
    }

    #[test]
    fn inviting_is_for_who_manages_members() {
        let roster = standard().with_member(BEA, chosen(&["members:view"]));
        let command = inviting(ZOE, 1, Permissions::none());
        let permission = permission("members:manage");
        let refused = Err(Violation::Forbidden { permission });
        assert_eq!(roster.invite(BEA.by(), &command, None), refused);
        assert_eq!(roster.invite(LINK, &command, None), refused);
        assert_eq!(roster.invite(CEM.by(), &command, None), Err(Violation::NotFound));
        let suspended = roster.in_status(AccountStatus::Suspended);
        assert_eq!(
            suspended.invite(SYSTEM, &command, None),
            Err(Violation::AccountSuspended)
        );
    }

    #[test]
    fn one_invitation_waits_for_an_address() {
        let (roster, _) = invited(standard(), ANA, &inviting(ZOE, 1, Permissions::none()));
        let second = inviting(ZOE, 2, Permissions::none());
        assert_eq!(
            roster.invite(ANA.by(), &second, None),
            Err(Violation::InvitationWaiting)
        );
        let later = ANA.by_at(moment(170 * HOUR));
        let changes = roster.invite(later, &second, None).unwrap();
        let outcome = InvitationOutcome::Expired;
        let invitation = inviting(ZOE, 1, Permissions::none()).id;
        assert_eq!(changes[0], Change::InvitationEnded { invitation, outcome });
        assert_eq!(roster.after(&changes, later.at).invitations().count(), 1);
    }

    #[test]
    fn a_member_is_not_invited() {
        let roster = standard().with_member(BEA, Permissions::none());
        let command = inviting(BEA, 1, Permissions::none());
        let refused = roster.invite(ANA.by(), &command, Some(BEA.user()));
        assert_eq!(refused, Err(Violation::AlreadyMember));
        assert!(roster.invite(ANA.by(), &command, Some(ZOE.user())).is_ok());
    }

    #[test]
    fn so_many_wait_at_a_time() {
        let mut roster = standard();
        for number in 1..=500 {
            let mut command = inviting(ZOE, number, Permissions::none());
            command.address = crate::given::address(&format!("z{number}"));
            let changes = roster.invite(ANA.by(), &command, None).unwrap();
            roster = roster.after(&changes, NOW);
        }
        let one_more = inviting(ZOE, 501, Permissions::none());
        let refused = roster.invite(ANA.by(), &one_more, None);
        assert_eq!(refused, Err(Violation::TooManyInvitations { limit: 500 }));
        let later = ANA.by_at(moment(170 * HOUR));
        let changes = roster.invite(later, &one_more, None).unwrap();
        assert_eq!(roster.after(&changes, later.at).invitations().count(), 1);
    }

    #[test]
    fn a_life_is_between_an_hour_and_thirty_days() {
        assert_eq!(InvitationLife::of_hours(0), None);
        assert_eq!(InvitationLife::of_hours(721), None);
        assert_eq!(InvitationLife::default().hours(), 7 * 24);
        let mut command = inviting(ZOE, 1, Permissions::none());
        command.life = InvitationLife::of_hours(1).unwrap();
        let (_, record) = invited(standard(), ANA, &command);
        assert_eq!(record.invitation.expires_at, NOW + TimeDelta::hours(1));
        assert_eq!(record.invitation.life(), command.life);
    }
}

mod for_a_contact {
    use super::*;

    fn for_bea() -> Invite {
        Invite {
            contact: Some(BEA.contact()),
            ..inviting(BEA, 1, chosen(&["tickets:view"]))
        }
    }

    #[test]
    fn l_08_l_10_the_contact_becomes_the_login_and_is_verified_by_it() {
        let (roster, record) = invited(datacenter().with(BEA), ANA, &for_bea());
        assert_eq!(roster.member_of_contact(BEA.contact()), None);
        let invitee = Invitee {
            user: BEA.user(),
            address_key: "bea@lima.example",
        };
        let changes = roster.accept_invitation(LINK, &record, &invitee);
        let roster = roster.then(changes);
        let member = roster.member_of_contact(BEA.contact()).unwrap();
        assert_eq!(
            (member.user, &member.permissions),
            (BEA.user(), &chosen(&["tickets:view"]))
        );
        assert!(roster.contact(BEA.contact()).unwrap().is_verified());
    }

    #[test]
    fn u_11_contacts_that_never_log_in_are_not_invited() {
        let roster = hosting().with(BEA);
        let refused = roster.invite(ANA.by(), &for_bea(), None);
        assert_eq!(refused, Err(Violation::LoginNotOffered));
    }

    #[test]
    fn another_address_makes_nobody_the_contact() {
        let roster = standard().with(BEA);
        let command = Invite {
            address: ZOE.address(),
            ..for_bea()
        };
        let refused = roster.invite(ANA.by(), &command, None);
        assert_eq!(refused, Err(Violation::ContactHasOtherAddress));
        let nobody = Invite {
            contact: Some(CEM.contact()),
            ..for_bea()
        };
        assert_eq!(roster.invite(ANA.by(), &nobody, None), Err(Violation::NotFound));
    }

    #[test]
    fn a_contact_that_logs_in_is_a_member_already() {
        let roster = standard().with_member(BEA, Permissions::none());
        assert_eq!(roster.invite(ANA.by(), &for_bea(), None), Err(Violation::AlreadyMember));
        let own = Invite {
            contact: Some(ANA.contact()),
            ..inviting(ANA, 1, Permissions::none())
        };
        assert_eq!(roster.invite(ANA.by(), &own, None), Err(Violation::AlreadyMember));
    }

    #[test]
    fn it_ends_with_the_contact_and_with_its_address() {
        for erased in [false, true] {
            let (roster, _) = invited(standard().with(BEA), ANA, &for_bea());
            let changes = if erased {
                roster.erase_contact(ANA.by(), BEA.contact())
            } else {
                roster.remove_contact(ANA.by(), BEA.contact())
            };
            assert_eq!(decided(roster, changes).invitations().count(), 0);
        }
        let (roster, record) = invited(standard().with(BEA), ANA, &for_bea());
        let patch = crate::contacts::ContactPatch {
            address: Some(crate::given::address("b2")),
            ..crate::contacts::ContactPatch::default()
        };
        let changes = roster.change_contact(ANA.by(), BEA.contact(), &patch);
        let roster = decided(roster, changes);
        assert_eq!(roster.invitations().count(), 0);
        let outcome = roster.invitation_outcome(&record, NOW);
        assert_eq!(outcome, Some(InvitationOutcome::Revoked));
    }

    #[test]
    fn an_erased_contact_takes_the_invitations_to_its_addresses_along() {
        let (roster, _) = invited(standard().with(BEA), ANA, &inviting(BEA, 1, Permissions::none()));
        let changes = roster.erase_contact(ANA.by(), BEA.contact());
        assert_eq!(decided(roster, changes).invitations().count(), 0);
    }
}

mod answering {
    use super::*;

    #[test]
    fn u_19_nothing_is_open_before_the_invitation_is_accepted() {
        let (roster, record) = invited(hosting(), ANA, &inviting(ZOE, 1, Permissions::All));
        assert_eq!(roster.access(ZOE.user(), NOW), None);
        let changes = roster.accept_invitation(LINK, &record, &zoe());
        let roster = roster.then(changes);
        assert!(roster.access(ZOE.user(), NOW).is_some());
    }

    #[test]
    fn u_15_all_permissions_are_those_of_the_owner_but_not_the_account() {
        let (roster, record) = invited(hosting(), ANA, &inviting(ZOE, 1, Permissions::All));
        let changes = roster.accept_invitation(LINK, &record, &zoe());
        let roster = roster.then(changes);
        let of = |person: Person| roster.permissions_of(person.user(), NOW);
        assert_eq!(of(ZOE), of(ANA));
        assert!(!roster.is_owner(ZOE.user()));
    }

    #[test]
    fn it_is_bound_to_the_invited_address() {
        let (roster, record) = invited(standard(), ANA, &inviting(ZOE, 1, Permissions::none()));
        let other = Invitee {
            user: CEM.user(),
            address_key: "cem@lima.example",
        };
        assert_eq!(
            roster.accept_invitation(LINK, &record, &other),
            Err(Violation::NotFound)
        );
        assert_eq!(
            roster.decline_invitation(LINK, &record, &other),
            Err(Violation::NotFound)
        );
    }

    #[test]
    fn it_is_answered_once() {
        for accepts in [true, false] {
            let (roster, record) = invited(standard(), ANA, &inviting(ZOE, 1, Permissions::none()));
            let changes = if accepts {
                roster.accept_invitation(LINK, &record, &zoe()).unwrap()
            } else {
                roster.decline_invitation(LINK, &record, &zoe()).unwrap()
            };
            let answered = record.after(&changes, NOW);
            let roster = roster.then(Ok(changes));
            let outcome = if accepts {
                InvitationOutcome::Accepted
            } else {
                InvitationOutcome::Declined
            };
            let refused = Err(Violation::InvitationEnded { outcome });
            assert_eq!(roster.accept_invitation(LINK, &answered, &zoe()), refused);
            assert_eq!(roster.decline_invitation(LINK, &answered, &zoe()), refused);
            assert_eq!(roster.member(ZOE.user()).is_some(), accepts);
        }
    }

    #[test]
    fn it_ends_unanswered_by_itself() {
        let (roster, record) = invited(standard(), ANA, &inviting(ZOE, 1, Permissions::none()));
        let accept = |at| roster.accept_invitation(By { at, ..LINK }, &record, &zoe()).map(|_| ());
        let end = record.invitation.expires_at;
        assert_eq!(accept(end - TimeDelta::microseconds(1)), Ok(()));
        let outcome = InvitationOutcome::Expired;
        assert_eq!(accept(end), Err(Violation::InvitationEnded { outcome }));
    }

    #[test]
    fn who_became_a_member_meanwhile_stays_the_one_member() {
        let (roster, record) = invited(standard(), ANA, &inviting(ZOE, 1, Permissions::All));
        let roster = roster.with_member(ZOE, Permissions::none());
        let refused = roster.accept_invitation(LINK, &record, &zoe());
        assert_eq!(refused, Err(Violation::AlreadyMember));
    }

    #[test]
    fn a_suspended_account_takes_nobody_in() {
        let (roster, record) = invited(standard(), ANA, &inviting(ZOE, 1, Permissions::none()));
        let suspended = roster.in_status(AccountStatus::Suspended);
        let refused = suspended.accept_invitation(LINK, &record, &zoe());
        assert_eq!(refused, Err(Violation::AccountSuspended));
    }
}

mod ground {
    use super::*;

    fn by_bea(account: Roster) -> (Roster, InvitationRecord) {
        let roster = account.with_member(BEA, manager());
        invited(roster, BEA, &inviting(ZOE, 1, chosen(&["tickets:view"])))
    }

    fn assert_revoked(roster: &Roster, record: &InvitationRecord) {
        let outcome = InvitationOutcome::Revoked;
        assert_eq!(roster.invitation_outcome(record, NOW), Some(outcome));
        let refused = roster.accept_invitation(LINK, record, &zoe());
        assert_eq!(refused, Err(Violation::InvitationEnded { outcome }));
    }

    #[test]
    fn it_ends_with_its_inviters_membership() {
        let (roster, record) = by_bea(standard());
        let changes = roster.remove_contact(ANA.by(), BEA.contact());
        let roster = decided(roster, changes);
        assert_revoked(&roster, &record);
        assert_eq!(roster.invitations().count(), 0);
    }

    #[test]
    fn it_ends_with_its_inviters_right() {
        for left in [chosen(&["members:manage"]), chosen(&["tickets:view"])] {
            let (roster, record) = by_bea(standard());
            let change = Change::PermissionsChanged {
                user: BEA.user(),
                permissions: left,
            };
            let roster = decided(roster, Ok(vec![change]));
            assert_revoked(&roster, &record);
            assert_eq!(roster.invitations().count(), 0);
        }
    }

    #[test]
    fn it_stays_while_its_inviter_could_make_it() {
        let (roster, record) = by_bea(standard());
        let change = Change::PermissionsChanged {
            user: BEA.user(),
            permissions: Permissions::All,
        };
        let roster = decided(roster, Ok(vec![change]));
        assert_eq!(roster.invitation_outcome(&record, NOW), None);
    }

    #[test]
    fn a_suspended_inviter_and_one_whose_time_is_over_take_nobody_in() {
        let (roster, record) = by_bea(standard());
        assert_revoked(&roster.clone().suspended_member(BEA), &record);
        let ending = roster.expiring_member(BEA, NOW);
        assert_revoked(&ending, &record);
        assert_eq!(ending.groundless_invitations(NOW).len(), 1);
        let again = ending.invite(ANA.by(), &inviting(ZOE, 2, Permissions::none()), None);
        assert_eq!(decided(ending, again).invitations().count(), 1);
    }

    #[test]
    fn a_former_owner_without_rights_takes_the_own_invitations_along() {
        let given_away = |catalog: &str| {
            let roster = account(catalog).with_member(BEA, Permissions::none());
            let (roster, record) = invited(roster, ANA, &inviting(ZOE, 1, Permissions::All));
            let command = TransferOwnership {
                id: crate::given::transfer_id(1),
                to: BEA.contact(),
            };
            let changes = roster.transfer_ownership(ANA.by(), &command, None);
            let roster = decided(roster, changes);
            let waiting = roster.parts.transfer.is_some().then(|| roster.waiting());
            let roster = match waiting {
                Some(waiting) => {
                    let changes = roster.accept_transfer(BEA.by(), &waiting, None);
                    decided(roster, changes)
                }
                None => roster,
            };
            roster.invitation_outcome(&record, NOW)
        };
        assert_eq!(given_away("standard"), Some(InvitationOutcome::Revoked));
        assert_eq!(given_away("mixed"), None);
    }

    #[test]
    fn it_ends_with_the_membership_of_its_address() {
        let (roster, _) = invited(standard().with(BEA), ANA, &inviting(ZOE, 1, Permissions::none()));
        let roster = roster.joined(BEA, Permissions::none());
        let changes = roster.remove_contact(ANA.by(), BEA.contact()).unwrap();
        let left = BTreeSet::from([ZOE.address().key().to_owned()]);
        let changes = roster.with_consequences(changes, NOW, &left);
        assert_eq!(roster.then(Ok(changes)).invitations().count(), 0);
    }
}

mod again {
    use super::*;

    #[test]
    fn the_same_invitation_gets_another_link_and_its_full_life() {
        let mut command = inviting(ZOE, 1, Permissions::none());
        command.life = InvitationLife::of_hours(5).unwrap();
        let (roster, record) = invited(standard(), ANA, &command);
        let later = ANA.by_at(moment(4 * HOUR));
        let changes = roster.resend_invitation(later, &record, &again(9), None).unwrap();
        let after = roster.after(&changes, later.at);
        let sent = after.invitations().next().unwrap();
        assert_eq!((sent.id, sent.sending), (command.id, sending_id(9)));
        assert_eq!(sent.expires_at, later.at + TimeDelta::hours(5));
        assert_eq!(record.after(&changes, later.at).invitation, *sent);
    }

    #[test]
    fn one_that_nobody_answered_in_time_is_alive_again() {
        let (roster, record) = invited(standard(), ANA, &inviting(ZOE, 1, Permissions::none()));
        let send = |at| roster.resend_invitation(ANA.by_at(at), &record, &again(2), None);
        let end = record.invitation.expires_at;
        assert!(send(end).is_ok());
        let outcome = InvitationOutcome::Expired;
        assert_eq!(
            send(end + RESENDABLE_FOR),
            Err(Violation::InvitationNotPending { outcome })
        );
    }

    #[test]
    fn two_mails_are_a_while_apart() {
        let (roster, record) = invited(standard(), ANA, &inviting(ZOE, 1, Permissions::none()));
        let refused = roster.resend_invitation(ANA.by(), &record, &again(2), None);
        let wait = INVITATION_PAUSE;
        assert_eq!(refused, Err(Violation::TooSoon { wait }));
    }

    #[test]
    fn what_was_answered_or_taken_back_is_neither_sent_nor_revoked_again() {
        let (roster, record) = invited(standard(), ANA, &inviting(ZOE, 1, Permissions::none()));
        let changes = roster.revoke_invitation(ANA.by(), &record).unwrap();
        let revoked = record.after(&changes, NOW);
        let outcome = InvitationOutcome::Revoked;
        let refused = Err(Violation::InvitationNotPending { outcome });
        assert_eq!(roster.revoke_invitation(ANA.by(), &revoked), refused);
        assert_eq!(roster.resend_invitation(ANA.by(), &revoked, &again(2), None), refused);
    }

    #[test]
    fn who_sends_it_again_has_what_it_offers() {
        let roster = standard().with_member(BEA, manager());
        let (roster, record) = invited(roster, ANA, &inviting(ZOE, 1, Permissions::All));
        let refused = roster.resend_invitation(BEA.by_at(moment(5)), &record, &again(2), None);
        assert_eq!(refused, Err(Violation::CannotGrant));
        assert!(roster.revoke_invitation(BEA.by(), &record).is_ok());
        let permission = permission("members:manage");
        let roster = standard().with_member(BEA, Permissions::none());
        let refused = Err(Violation::Forbidden { permission });
        assert_eq!(roster.revoke_invitation(BEA.by(), &record), refused);
    }
}
