use super::*;
use crate::given::{ANA, BEA, CEM, LINK, NOW, link_id, standard};
use crate::users::PasswordHash;
use crate::users::tests::{at, person, reset_id};
use crate::verification::SendVerification;
use crate::violation::Violation;
use DeliveryReport::{Bounced, Complained, Ok as Arrived};

fn of_bea(roster: &Roster) -> Deliverability {
    roster.contact(BEA.contact()).unwrap().address.deliverability
}

fn reported(roster: Roster, report: DeliveryReport) -> Roster {
    let changes = roster.note_delivery(&BEA.address(), report);
    roster.then(Ok(changes))
}

#[test]
fn the_last_report_holds_and_a_complaint_stays() {
    let after = |reports: &[DeliveryReport]| {
        let step = |known: Deliverability, report: &DeliveryReport| known.after(*report);
        reports.iter().fold(Deliverability::Unknown, step)
    };
    assert_eq!(after(&[Arrived]), Deliverability::Ok);
    assert_eq!(after(&[Arrived, Bounced]), Deliverability::Bounced);
    assert_eq!(after(&[Bounced, Arrived]), Deliverability::Ok);
    assert_eq!(after(&[Bounced, Complained]), Deliverability::Complained);
    assert_eq!(after(&[Complained, Arrived]), Deliverability::Complained);
    assert_eq!(after(&[Complained, Bounced]), Deliverability::Complained);
}

#[test]
fn a_report_is_noted_once_and_of_one_account() {
    let roster = reported(standard().with(BEA), Bounced);
    assert_eq!(of_bea(&roster), Deliverability::Bounced);
    assert_eq!(roster.note_delivery(&BEA.address(), Bounced), []);
    let stranger = EmailAddress::parse("nobody@else.example").unwrap();
    assert_eq!(roster.note_delivery(&stranger, Bounced), []);
}

#[test]
fn what_mail_came_back_from_is_proven_anew_and_a_log_in_does_not_come_with_it() {
    let command = SendVerification {
        id: link_id(7),
        contact: BEA.contact(),
        address: None,
    };
    let fine = standard().with_verified(BEA);
    assert_eq!(
        fine.send_verification(ANA.by(), &command),
        Err(Violation::AlreadyVerified)
    );
    let roster = reported(fine, Complained);
    let sent = roster.send_verification(ANA.by(), &command);
    let roster = roster.then(sent);
    assert_eq!(roster.verification_offer(link_id(7), NOW).unwrap().login, None);
    let proven = roster.confirm_verification(LINK, &BEA.confirms(7));
    assert_eq!(of_bea(&roster.then(proven)), Deliverability::Unknown);
}

#[test]
fn a_person_is_reached_again_by_a_reset_and_nobody_by_an_old_address() {
    let mut person = person();
    let (own, other) = (person.user.address.clone(), CEM.address());
    assert_eq!(person.note_delivery(&other, Bounced), []);
    let deliverability = Deliverability::Bounced;
    let noted = person.note_delivery(&own, Bounced);
    assert_eq!(noted, [UserChange::DeliverabilityChanged { deliverability }]);
    person.user.deliverability = deliverability;
    assert_eq!(person.note_delivery(&own, Bounced), []);
    let reset = person.use_reset(reset_id(), PasswordHash("new".into()), at(1));
    let cleared = UserChange::DeliverabilityChanged {
        deliverability: Deliverability::Unknown,
    };
    assert!(reset.unwrap().contains(&cleared));
}

#[test]
fn each_word_is_its_own() {
    for deliverability in Deliverability::ALL {
        assert_eq!(Deliverability::from_name(deliverability.as_str()), Some(deliverability));
    }
    assert_eq!(DeliveryReport::from_name("unknown"), None);
    assert_eq!(DeliveryReport::from_name("bounced"), Some(Bounced));
}
