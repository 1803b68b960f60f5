use super::*;
use crate::deliverability::DeliveryReport;
use crate::given::{
    ANA, BEA, CEM, NOW, Person, ZOE, categories, category, chosen, hosting, moment, roles, saas_suite, standard,
    telephony,
};
use crate::permission::Permissions;

/// A member that is no contact of the account.
const DAN: Person = Person(4, "Dan");

fn reader(person: Person) -> (UserId, Reader) {
    let reader = Reader {
        user: person.user(),
        display_name: person.profile().display_name,
        address: person.address(),
        language: Language::Fr,
        status: UserStatus::Active,
        deliverability: Deliverability::Unknown,
    };
    (person.user(), reader)
}

fn readers() -> Readers {
    [ANA, BEA, CEM, DAN].map(reader).into()
}

fn about(roster: &Roster, category_key: &str, opened_by: Option<Opener>) -> Resolution {
    let resolved = roster.recipients(&category(category_key), opened_by, &readers(), NOW);
    resolved.unwrap()
}

fn of(roster: &Roster, category_key: &str) -> Resolution {
    about(roster, category_key, None)
}

fn names(recipients: &[Recipient]) -> Vec<&str> {
    recipients
        .iter()
        .map(|recipient| recipient.display_name.as_str())
        .collect()
}

/// The step, who is addressed and who gets a copy.
fn told(resolution: &Resolution) -> (&str, Vec<&str>, Vec<&str>) {
    (resolution.step.as_str(), names(&resolution.to), names(&resolution.cc))
}

fn excluded(resolution: &Resolution) -> Vec<(Listener, Exclusion)> {
    let each = resolution.excluded.iter();
    each.map(|excluded| (excluded.listener, excluded.exclusion)).collect()
}

impl Roster {
    fn wishing(self, person: Person, category_keys: &[&str]) -> Self {
        let changes = self.subscribe(ANA.by(), person.contact(), &categories(category_keys));
        self.then(changes)
    }

    fn member_wishing(self, person: Person, category_keys: &[&str]) -> Self {
        let changes = self.subscribe_member(ANA.by(), person.user(), &categories(category_keys));
        self.then(changes)
    }

    /// With a member that is no contact.
    fn with_user(self, person: Person, permissions: Permissions) -> Self {
        self.then(Ok(vec![crate::change::Change::MemberAdded {
            user: person.user(),
            contact: None,
            permissions,
        }]))
    }
}

#[test]
fn o_08_the_primary_holder_is_addressed_and_the_others_get_a_copy() {
    let roster = telephony().with(BEA).holding(BEA, "accounts").with_verified(CEM);
    assert_eq!(
        told(&of(&roster, "accounts")),
        ("primary_holder", vec!["Ana"], vec!["Bea"])
    );
    let roster = roster.promoted(CEM, &["accounts"]);
    let resolution = of(&roster, "accounts");
    assert_eq!(told(&resolution), ("primary_holder", vec!["Cem"], vec!["Ana", "Bea"]));
    let accounts = "accounts".parse::<RoleKey>().unwrap();
    assert_eq!(
        resolution.to[0].grounds,
        BTreeSet::from([Ground::PrimaryHolder(accounts.clone())])
    );
    assert_eq!(resolution.cc[0].grounds, BTreeSet::from([Ground::RoleHolder(accounts)]));
    assert_eq!(resolution.excluded, []);
}

#[test]
fn u_22_the_owner_hears_and_so_do_those_who_wish() {
    let roster = hosting().with(BEA).with(CEM).wishing(BEA, &["invoices"]);
    let resolution = of(&roster, "invoices");
    assert_eq!(told(&resolution), ("owner", vec!["Ana"], vec!["Bea"]));
    assert_eq!(resolution.cc[0].grounds, BTreeSet::from([Ground::Subscriber]));
    assert_eq!(resolution.cc[0].contact, Some(BEA.contact()));
    assert_eq!(told(&of(&roster, "general")), ("owner", vec!["Ana"], vec![]));
}

#[test]
fn the_fallback_role_is_asked_before_the_owner_and_the_step_is_named() {
    let vacant = |roster: Roster, role_keys: &[&str]| {
        let mut parts = roster.parts().clone();
        for role in roles(role_keys) {
            parts.holders.remove(&role);
            parts.primaries.remove(&role);
        }
        Roster::new(parts, roster.catalog.clone())
    };
    // The owner wishes to be told everything from the start.
    let roster = standard()
        .with_verified(BEA)
        .promoted(BEA, &["general"])
        .wishing(ANA, &[]);
    let without = vacant(roster.clone(), &["billing"]);
    assert_eq!(
        told(&of(&without, "invoice")),
        ("fallback_role", vec!["Bea"], vec!["Ana"])
    );
    let without = vacant(roster, &["billing", "general"]);
    assert_eq!(told(&of(&without, "invoice")), ("fallback_owner", vec!["Ana"], vec![]));
    assert_eq!(told(&of(&without, "product_news")), ("nobody", vec![], vec![]));
    assert_eq!(
        told(&of(&saas_suite(), "service_notice")),
        ("fallback_owner", vec!["Ana"], vec![])
    );
}

#[test]
fn holders_beside_a_primary_one_who_is_not_reached_are_addressed() {
    let mut parts = standard().with_verified(BEA).holding(BEA, "billing").parts().clone();
    parts.primaries.remove(&"billing".parse::<RoleKey>().unwrap());
    let roster = Roster::new(parts, standard().catalog.clone());
    assert_eq!(
        told(&of(&roster, "invoice")),
        ("role_holders", vec!["Ana", "Bea"], vec![])
    );
}

#[test]
fn unverified_contacts_hear_where_the_policy_says_so() {
    let silent = standard().with(BEA).holding(BEA, "billing");
    let resolution = of(&silent, "invoice");
    assert_eq!(told(&resolution), ("primary_holder", vec!["Ana"], vec![]));
    assert_eq!(
        excluded(&resolution),
        [(Listener::Contact(BEA.contact()), Exclusion::Unverified)]
    );
    let ground = Ground::RoleHolder("billing".parse().unwrap());
    assert_eq!(resolution.excluded[0].grounds, BTreeSet::from([ground]));
    let told_too = telephony().with(BEA).holding(BEA, "accounts");
    assert_eq!(names(&of(&told_too, "accounts").cc), ["Bea"]);
}

#[test]
fn k_16_a_contact_hears_of_its_own_tickets_and_the_owner_of_all() {
    let roster = hosting().with(BEA).with(CEM);
    let roster = roster
        .wishing(BEA, &["support_replies"])
        .wishing(CEM, &["support_replies"]);
    let own = about(&roster, "support_replies", Some(Opener::Contact(BEA.contact())));
    assert_eq!(told(&own), ("owner", vec!["Ana"], vec!["Bea"]));
    assert_eq!(own.cc[0].grounds, BTreeSet::from([Ground::Subscriber, Ground::Opener]));
    assert_eq!(
        excluded(&own),
        [(Listener::Contact(CEM.contact()), Exclusion::NotOwnItem)]
    );
    let owners = about(&roster, "support_replies", Some(Opener::User(ANA.user())));
    assert_eq!(told(&owners), ("owner", vec!["Ana"], vec![]));
    assert_eq!(owners.excluded.len(), 2);
    assert_eq!(told(&of(&roster, "support_replies")), ("owner", vec!["Ana"], vec![]));
}

#[test]
fn an_opener_who_does_not_wish_to_hear_is_named() {
    let roster = hosting().with(BEA);
    let resolution = about(&roster, "support_replies", Some(Opener::Contact(BEA.contact())));
    let bea = Listener::Contact(BEA.contact());
    assert_eq!(excluded(&resolution), [(bea, Exclusion::NotSubscribed)]);
    assert_eq!(resolution.excluded[0].grounds, BTreeSet::from([Ground::Opener]));
}

#[test]
fn who_logs_in_opens_as_contact_and_as_user() {
    let roster = standard()
        .with_member(BEA, Permissions::none())
        .wishing(BEA, &["ticket_reply"]);
    for opener in [Opener::User(BEA.user()), Opener::Contact(BEA.contact())] {
        assert_eq!(names(&about(&roster, "ticket_reply", Some(opener)).cc), ["Bea"]);
    }
}

#[test]
fn k_23_a_member_hears_with_the_permission_of_the_category() {
    let roster = hosting().with_user(DAN, chosen(&["ticket_mail:receive"]));
    let roster = roster.member_wishing(DAN, &["support_replies", "invoices"]);
    let replies = about(&roster, "support_replies", Some(Opener::User(ANA.user())));
    assert_eq!(told(&replies), ("owner", vec!["Ana"], vec!["Dan"]));
    assert_eq!((replies.cc[0].user, replies.cc[0].contact), (Some(DAN.user()), None));
    assert_eq!(replies.cc[0].language, Language::Fr);
    let invoices = of(&roster, "invoices");
    assert_eq!(
        excluded(&invoices),
        [(Listener::Member(DAN.user()), Exclusion::LacksPermission)]
    );
}

#[test]
fn members_who_may_not_enter_do_not_hear() {
    let roster = hosting()
        .with_user(DAN, Permissions::All)
        .member_wishing(DAN, &["general"]);
    let dan = Listener::Member(DAN.user());
    assert_eq!(names(&of(&roster, "general").cc), ["Dan"]);
    let suspended = roster.clone().suspended_member(DAN);
    assert_eq!(
        excluded(&of(&suspended, "general")),
        [(dan, Exclusion::MemberSuspended)]
    );
    let ended = roster.clone().expiring_member(DAN, moment(60));
    assert_eq!(excluded(&of(&ended, "general")), [(dan, Exclusion::MembershipExpired)]);
    let mut readers = readers();
    readers.get_mut(&DAN.user()).unwrap().status = UserStatus::Suspended;
    let held_back = roster.recipients(&category("general"), None, &readers, NOW).unwrap();
    assert_eq!(excluded(&held_back), [(dan, Exclusion::UserSuspended)]);
}

#[test]
fn equal_addresses_fold_into_one_with_every_ground() {
    let roster = hosting().with(BEA).with_user(BEA, Permissions::All);
    let roster = roster.wishing(BEA, &["general"]).member_wishing(BEA, &["general"]);
    let roster = roster.member_wishing(ANA, &["general"]);
    let resolution = of(&roster, "general");
    assert_eq!(told(&resolution), ("owner", vec!["Ana"], vec!["Bea"]));
    let (ana, bea) = (&resolution.to[0], &resolution.cc[0]);
    assert_eq!(ana.grounds, BTreeSet::from([Ground::Owner, Ground::Subscriber]));
    assert_eq!((ana.contact, ana.user), (Some(ANA.contact()), Some(ANA.user())));
    assert_eq!((bea.contact, bea.user), (Some(BEA.contact()), Some(BEA.user())));
    assert_eq!(bea.language, Language::En);
}

#[test]
fn a_wish_for_what_goes_to_role_holders_alone_is_told_to_be_in_vain() {
    let roster = telephony().with(BEA).wishing(BEA, &["tech"]);
    let resolution = of(&roster, "tech");
    assert_eq!(names(&resolution.to), ["Ana"]);
    assert_eq!(
        excluded(&resolution),
        [(Listener::Contact(BEA.contact()), Exclusion::NotInAudience)]
    );
    let holder = roster.holding(BEA, "tech");
    assert_eq!(excluded(&of(&holder, "tech")), []);
}

#[test]
fn unknown_categories_and_openers_are_refused() {
    let roster = hosting();
    let unknown = roster.recipients(&category("gossip"), None, &readers(), NOW);
    let gossip = Violation::UnknownCategory {
        category: category("gossip"),
    };
    assert_eq!(unknown, Err(gossip));
    for opener in [Opener::Contact(ZOE.contact()), Opener::User(ZOE.user())] {
        let asked = roster.recipients(&category("general"), Some(opener), &readers(), NOW);
        assert_eq!(asked, Err(Violation::NotFound));
    }
}

#[test]
fn a_mandatory_category_keeps_its_last_recipient() {
    for name in crate::given::CATALOG_NAMES {
        let roster = crate::given::account(name);
        let all = roster.catalog().categories().to_vec();
        for policy in all.iter().filter(|policy| policy.mandatory) {
            let silent = roster.clone().wishing(ANA, &[]);
            let resolution = of(&silent, policy.key.as_str());
            assert_eq!(names(&resolution.to), ["Ana"], "{name}: {}", policy.key);
        }
    }
}

#[test]
fn an_owner_who_has_yet_to_come_is_told_of_nothing_where_unverified_ones_are_not() {
    let resolution = of(&standard().not_activated(), "invoice");
    assert_eq!(told(&resolution), ("nobody", vec![], vec![]));
    assert_eq!(
        excluded(&resolution),
        [(Listener::Contact(ANA.contact()), Exclusion::Unverified)]
    );
}

#[test]
fn every_step_and_every_exclusion_has_a_name_of_its_own() {
    let steps: BTreeSet<&str> = Step::ALL.into_iter().map(Step::as_str).collect();
    assert_eq!(steps.len(), Step::ALL.len());
    let exclusions: BTreeSet<&str> = Exclusion::ALL.into_iter().map(Exclusion::as_str).collect();
    assert_eq!(exclusions.len(), Exclusion::ALL.len());
}

#[test]
fn nobody_is_told_at_an_address_that_mail_comes_back_from() {
    let billed = saas_suite().with_verified(BEA).promoted(BEA, &["billing"]);
    let reported = |report| {
        let changes = billed.note_delivery(&BEA.address(), report);
        billed.clone().then(Ok(changes))
    };
    let bea = Listener::Contact(BEA.contact());
    for (report, exclusion) in [
        (DeliveryReport::Bounced, Exclusion::Bounced),
        (DeliveryReport::Complained, Exclusion::Complained),
    ] {
        let resolution = of(&reported(report), "invoice");
        assert!(!names(&resolution.to).contains(&"Bea"), "{resolution:?}");
        assert!(excluded(&resolution).contains(&(bea, exclusion)), "{resolution:?}");
    }
    assert_eq!(of(&reported(DeliveryReport::Ok), "invoice"), of(&billed, "invoice"));
}

#[test]
fn a_member_whose_log_in_address_bounced_is_passed_over() {
    let roster = hosting()
        .with_user(DAN, Permissions::All)
        .member_wishing(DAN, &["general"]);
    let mut readers = readers();
    let told = |readers: &Readers| {
        let resolved = roster.recipients(&category("general"), None, readers, NOW);
        excluded(&resolved.unwrap())
    };
    assert_eq!(told(&readers), []);
    readers.get_mut(&DAN.user()).unwrap().deliverability = Deliverability::Bounced;
    assert_eq!(told(&readers), [(Listener::Member(DAN.user()), Exclusion::Bounced)]);
}

#[test]
fn a_mandatory_category_tries_its_owner_where_nobody_else_is_left() {
    for catalog in crate::given::CATALOG_NAMES {
        let roster = crate::given::account(catalog);
        let changes = roster.note_delivery(&ANA.address(), DeliveryReport::Complained);
        let roster = roster.then(Ok(changes));
        for category in roster.catalog().categories() {
            let resolution = of(&roster, category.key.as_str());
            let told = names(&resolution.to);
            let wanted: &[&str] = if category.mandatory { &["Ana"] } else { &[] };
            assert_eq!(told, wanted, "{catalog}: {}", category.key);
            let passed_over =
                excluded(&resolution).contains(&(Listener::Contact(ANA.contact()), Exclusion::Complained));
            assert!(!(category.mandatory && passed_over), "{catalog}: {}", category.key);
        }
    }
}
