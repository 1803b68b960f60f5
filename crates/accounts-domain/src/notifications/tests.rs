use super::*;
use crate::given::{
    ANA, BEA, CEM, NOW, Person, categories, category, chosen, integration_id, mail_id, moment, notification_id, role,
    standard,
};
use crate::recipients::Reader;
use crate::users::UserStatus;

fn reader(person: Person) -> (UserId, Reader) {
    let reader = Reader {
        user: person.user(),
        display_name: person.profile().display_name,
        address: person.address(),
        language: Language::Fr,
        status: UserStatus::Active,
        deliverability: crate::deliverability::Deliverability::Unknown,
    };
    (person.user(), reader)
}

fn readers() -> Readers {
    [ANA, BEA, CEM].map(reader).into()
}

fn words(subject: &str) -> NoticeWords {
    NoticeWords {
        subject: NoticeSubject::parse(subject).unwrap(),
        text: NoticeText::parse("It is due.").unwrap(),
    }
}

fn content(languages: &[Language]) -> NoticeContent {
    let words = languages.iter().map(|language| (*language, words(language.as_str())));
    NoticeContent::new(words.collect()).unwrap()
}

fn notice(category_key: &str) -> SendNotice {
    SendNotice {
        id: notification_id(1),
        category: category(category_key),
        opened_by: None,
        from: integration_id(1),
        content: content(&[Language::En]),
    }
}

/// What was queued, and its mails, which wait.
fn queue(roster: &Roster, category_key: &str) -> (Notification, Vec<Delivery>) {
    let changes = roster.send_notice(&notice(category_key), &readers(), NOW).unwrap();
    let [Change::NotificationQueued { notification, told }] = changes.as_slice() else {
        panic!("one change is expected, not {changes:?}");
    };
    let deliveries = (1..).zip(told).map(|(number, told)| Delivery {
        mail: mail_id(number),
        contact: told.recipient.contact,
        user: told.recipient.user,
        address: told.recipient.address.clone(),
        language: told.recipient.language,
        part: told.part,
        grounds: told.recipient.grounds.clone(),
        state: DeliveryState::Waiting,
    });
    (*notification.clone(), deliveries.collect())
}

fn to(deliveries: &[Delivery]) -> Vec<(&str, Part)> {
    let each = deliveries.iter();
    each.map(|delivery| (delivery.address.as_str(), delivery.part))
        .collect()
}

/// Bea holds billing's first place, Cem holds it, too, and nobody else is told of invoices.
fn billed() -> Roster {
    let roster = standard().with_verified(BEA).with_verified(CEM);
    let promoted = roster.promoted(BEA, &["billing"]).holding(CEM, "billing");
    let changes = promoted.take_role(ANA.by(), ANA.contact(), &role("billing"));
    let without_ana = promoted.then(changes);
    // An owner wishes to be told everything until it says otherwise.
    let changes = without_ana.subscribe(ANA.by(), ANA.contact(), &categories(&[]));
    without_ana.then(changes)
}

#[test]
fn a_reader_gets_the_own_language_or_the_first_there_is() {
    let both = content(&[Language::En, Language::Fr]);
    assert_eq!(both.for_reader(Language::Fr).unwrap().0, Language::Fr);
    let french = content(&[Language::Fr]);
    assert_eq!(french.for_reader(Language::En).unwrap().0, Language::Fr);
    assert_eq!(NoticeContent::new(BTreeMap::new()), None);
}

#[test]
fn a_notice_is_addressed_to_the_primary_holder_with_a_copy_to_the_others() {
    let (notification, deliveries) = queue(&billed(), "invoice");
    assert_eq!(notification.step, Step::PrimaryHolder);
    let expected = [(BEA.address(), Part::To), (CEM.address(), Part::Cc)];
    let expected: Vec<_> = expected
        .iter()
        .map(|(address, part)| (address.as_str(), *part))
        .collect();
    assert_eq!(to(&deliveries), expected);
}

#[test]
fn a_suspended_account_is_told_and_a_closed_one_is_not() {
    let roster = billed().in_status(AccountStatus::Suspended);
    assert!(roster.send_notice(&notice("invoice"), &readers(), NOW).is_ok());
    let test = roster.send_test(ANA.by(), notification_id(1), &category("invoice"), &readers());
    assert_eq!(test, Err(Violation::AccountSuspended));
    let closed = roster.in_status(AccountStatus::Closed);
    let closed = closed.send_notice(&notice("invoice"), &readers(), NOW);
    assert_eq!(closed, Err(Violation::AccountClosed));
}

#[test]
fn a_test_message_asks_for_the_permission() {
    let roster = billed().joined(BEA, chosen(&["notifications:view"]));
    let test = |by| roster.send_test(by, notification_id(1), &category("invoice"), &readers());
    assert!(matches!(test(BEA.by()), Err(Violation::Forbidden { .. })));
    assert!(test(ANA.by()).is_ok());
}

#[test]
fn nothing_is_left_to_do_where_nothing_has_changed() {
    let roster = billed();
    let (notification, deliveries) = queue(&roster, "invoice");
    assert!(roster.renew(&notification, &deliveries, &readers(), NOW).is_empty());
}

#[test]
fn at_the_moment_of_sending_it_goes_to_whoever_is_in_charge_then() {
    let roster = billed();
    let (notification, deliveries) = queue(&roster, "invoice");
    let moved = roster.promoted(ANA, &["billing"]);
    let changes = moved.take_role(ANA.by(), CEM.contact(), &role("billing"));
    let without_cem = moved.clone().then(changes);
    let renewal = without_cem.renew(&notification, &deliveries, &readers(), NOW);
    // Ana has come in, Bea gets a copy now, and Cem is told no more.
    let added: Vec<_> = renewal
        .added
        .iter()
        .map(|told| (told.recipient.contact, told.part))
        .collect();
    assert_eq!(added, [(Some(ANA.contact()), Part::To)]);
    let readdressed: Vec<_> = renewal
        .readdressed
        .iter()
        .map(|(mail, told)| (*mail, told.part))
        .collect();
    assert_eq!(readdressed, [(mail_id(1), Part::Cc)]);
    assert_eq!(renewal.withdrawn, [(mail_id(2), Withdrawal::NoGround)]);
    // After three days it is no news any more to whoever has come in, but for a place that has become free.
    let late = |roster: &Roster| roster.renew(&notification, &deliveries, &readers(), NOW + OPEN_FOR);
    assert_eq!(late(&without_cem), renewal);
    assert_eq!(moved.renew(&notification, &deliveries, &readers(), NOW).added.len(), 1);
    let (added, withdrawn) = (late(&moved).added, late(&moved).withdrawn);
    assert_eq!((added, withdrawn), (Vec::new(), Vec::new()));
}

#[test]
fn whoever_comes_in_stands_in_the_order_of_the_recipients() {
    let roster = standard().with_verified(BEA).with_verified(CEM);
    let roster = roster.promoted(BEA, &["billing"]).holding(CEM, "billing");
    let (notification, deliveries) = queue(&roster, "invoice");
    let (first, others) = deliveries.split_at(1);
    let added = roster.renew(&notification, first, &readers(), NOW).added;
    let added: Vec<&str> = added.iter().map(|told| told.recipient.address.as_str()).collect();
    let others: Vec<&str> = others.iter().map(|delivery| delivery.address.as_str()).collect();
    assert!(others.len() > 1);
    assert_eq!(added, others);
}

#[test]
fn whoever_was_told_is_not_told_again() {
    let roster = billed();
    let (notification, mut deliveries) = queue(&roster, "invoice");
    deliveries[0].state = DeliveryState::Sent;
    assert!(roster.renew(&notification, &deliveries, &readers(), NOW).is_empty());
    let moved = roster.promoted(CEM, &["billing"]);
    let renewal = moved.renew(&notification, &deliveries, &readers(), NOW);
    assert_eq!((renewal.added.len(), renewal.withdrawn.len()), (0, 0));
    assert_eq!(renewal.readdressed.len(), 1);
}

#[test]
fn a_mail_that_is_leaving_is_left_alone() {
    let roster = billed();
    let (notification, mut deliveries) = queue(&roster, "invoice");
    deliveries[0].state = DeliveryState::Underway;
    let promoted = roster.promoted(CEM, &["billing"]);
    let changes = promoted.take_role(ANA.by(), BEA.contact(), &role("billing"));
    let renewal = promoted
        .then(changes)
        .renew(&notification, &deliveries, &readers(), NOW);
    assert_eq!((renewal.added.len(), renewal.withdrawn.len()), (0, 0));
    let readdressed: Vec<_> = renewal.readdressed.iter().map(|(mail, _)| *mail).collect();
    assert_eq!(readdressed, [mail_id(2)]);
}

#[test]
fn a_reason_that_stands_against_it_is_named() {
    let roster = standard().with_member(BEA, chosen(&["invoices:view"]));
    let changes = roster.subscribe_member(ANA.by(), BEA.user(), &categories(&["invoice"]));
    let roster = roster.then(changes);
    let (notification, deliveries) = queue(&roster, "invoice");
    let of_bea = deliveries
        .iter()
        .find(|delivery| delivery.user == Some(BEA.user()))
        .unwrap();
    let later = roster.expiring_member(BEA, moment(70));
    let renewal = later.renew(&notification, &deliveries, &readers(), moment(71));
    let expired = Withdrawal::Excluded(Exclusion::MembershipExpired);
    assert_eq!(renewal.withdrawn, [(of_bea.mail, expired)]);
}

#[test]
fn a_wish_is_taken_back_by_whoever_has_no_other_ground() {
    let roster = standard().with_verified(BEA);
    let changes = roster.subscribe(ANA.by(), BEA.contact(), &categories(&["product_news"]));
    let roster = roster.then(changes);
    let policy = roster.catalog().category(&category("product_news")).unwrap();
    let wish = BTreeSet::from([Ground::Subscriber]);
    assert!(may_unsubscribe(policy, &wish));
    assert!(!may_unsubscribe(
        policy,
        &BTreeSet::from([Ground::Subscriber, Ground::Owner])
    ));
    let bea = Listener::Contact(BEA.contact());
    let changes = roster.unsubscribe(bea, &category("product_news"));
    let after = roster.clone().then(changes);
    assert!(after.contact(BEA.contact()).unwrap().subscriptions.is_empty());
    assert_eq!(after.unsubscribe(bea, &category("product_news")), Ok(Vec::new()));
}

#[test]
fn nobody_unsubscribes_from_what_is_mandatory() {
    let roster = standard().with_verified(BEA);
    let mandatory = roster.catalog().category(&category("maintenance")).unwrap();
    let bea = Listener::Contact(BEA.contact());
    assert_eq!(roster.unsubscribe(bea, &mandatory.key), Err(Violation::NotFound));
    assert!(!may_unsubscribe(mandatory, &BTreeSet::from([Ground::Subscriber])));
}

#[test]
fn names_lead_back_to_what_they_name() {
    for withdrawal in [Withdrawal::NoGround, Withdrawal::AccountClosed]
        .into_iter()
        .chain(Exclusion::ALL.map(Withdrawal::Excluded))
    {
        assert_eq!(Withdrawal::from_name(withdrawal.as_str()), Some(withdrawal));
    }
    for part in [Part::To, Part::Cc] {
        assert_eq!(Part::from_name(part.as_str()), Some(part));
    }
    for ground in [
        Ground::PrimaryHolder(role("billing")),
        Ground::RoleHolder(role("billing")),
        Ground::Owner,
        Ground::Subscriber,
        Ground::Opener,
    ] {
        assert_eq!(Ground::from_parts(ground.kind(), ground.role().cloned()), Some(ground));
    }
}
