use super::*;
use crate::change::Change;
use crate::given::{
    ANA, BEA, CEM, NOW, Person, SOUND, ZOE, account, chosen, datacenter, hosting, inviting, moment, standard,
};
use crate::language::Language;
use crate::permission::Permissions;
use crate::recipients::Reader;
use crate::roster::AccountStatus;
use crate::users::UserStatus;

/// A day, in the minutes of [`moment`].
const DAY: i64 = 24 * 60;

/// Somebody whose address is that of the accounts department.
const BILLING: Person = Person(7, "Billing");
/// Somebody whose address is one of several people.
const INFO: Person = Person(8, "Info");

fn evidence(people: &[Person]) -> Evidence {
    let reader = |person: &Person| {
        let reader = Reader {
            user: person.user(),
            display_name: person.profile().display_name,
            address: person.address(),
            language: Language::En,
            status: UserStatus::Active,
            deliverability: crate::deliverability::Deliverability::Unknown,
        };
        (person.user(), reader)
    };
    Evidence {
        readers: people.iter().map(reader).collect(),
        ..Evidence::default()
    }
}

/// What a finding is about; nothing where it is not among the findings.
fn about(roster: &Roster, code: FindingCode, evidence: &Evidence, at: DateTime<Utc>) -> Option<Vec<Matter>> {
    let found = roster.findings(evidence, at);
    found
        .into_iter()
        .find(|finding| finding.code == code)
        .map(|finding| finding.about)
}

fn finds(roster: &Roster, code: FindingCode) -> Option<Vec<Matter>> {
    about(roster, code, &evidence(&[ANA, BEA, CEM]), NOW)
}

fn codes(findings: &[Finding]) -> Vec<&str> {
    findings.iter().map(|finding| finding.code.as_str()).collect()
}

/// The account, owned by this person.
fn owned_by(person: Person) -> Roster {
    let mut roster = hosting();
    let owner = roster.owner();
    roster.parts.contact_mut(owner).unwrap().address.email = person.address();
    roster
}

fn recording() -> RecordReview {
    RecordReview {
        id: ReviewId::from_uuid(uuid::Uuid::from_u128(1)),
        note: ReviewNote::parse("Cem has left.").ok(),
    }
}

#[test]
fn the_names_of_codes_and_matters_lead_back_to_them() {
    for code in FindingCode::ALL {
        assert_eq!(FindingCode::from_name(code.as_str()), Some(code));
    }
    let matters = [
        Matter::Contact(ANA.contact()),
        Matter::Member(ANA.user()),
        Matter::Role("billing".parse().unwrap()),
        Matter::Category("invoice".parse().unwrap()),
        Matter::Invitation(InvitationId::from_uuid(uuid::Uuid::from_u128(1))),
    ];
    for matter in matters {
        assert_eq!(Matter::read(matter.kind(), &matter.id()), Some(matter));
    }
    assert_eq!(Matter::read("contact", &ANA.user().to_string()), None);
}

#[test]
fn an_account_where_all_is_well_has_no_finding() {
    let roster = standard()
        .with_member(BEA, chosen(&["contacts:view"]))
        .promoted(BEA, &["billing"]);
    assert_eq!(roster.findings(&evidence(&[ANA, BEA]), NOW), []);
}

#[test]
fn u_26_an_owner_behind_a_shared_mailbox_is_found_and_a_named_person_is_not() {
    let found = Some(vec![Matter::Contact(ANA.contact())]);
    assert_eq!(finds(&owned_by(INFO), FindingCode::OwnerIsSharedMailbox), found);
    assert_eq!(finds(&owned_by(INFO), FindingCode::OwnerIsBillingAddress), None);
    assert_eq!(finds(&hosting(), FindingCode::OwnerIsSharedMailbox), None);
    // What follows a plus sign is the same mailbox; a word within a name is none.
    assert_eq!(
        finds(&owned_by(Person(8, "info+eu")), FindingCode::OwnerIsSharedMailbox),
        found
    );
    assert_eq!(
        finds(&owned_by(Person(8, "infograph")), FindingCode::OwnerIsSharedMailbox),
        None
    );
}

#[test]
fn u_33_a_billing_address_is_named_in_particular_and_once() {
    let found = Some(vec![Matter::Contact(ANA.contact())]);
    assert_eq!(finds(&owned_by(BILLING), FindingCode::OwnerIsBillingAddress), found);
    assert_eq!(finds(&owned_by(BILLING), FindingCode::OwnerIsSharedMailbox), None);
    // A provider whose catalog does not have the word does not mean it.
    assert_eq!(
        finds(&owned_by(Person(8, "payments")), FindingCode::OwnerIsBillingAddress),
        None
    );
}

#[test]
fn u_30_members_who_share_a_log_in_are_found() {
    let roster = hosting().with_member(BEA, Permissions::none());
    let mut evidence = evidence(&[ANA, BEA]);
    assert_eq!(about(&roster, FindingCode::MemberIsSharedMailbox, &evidence, NOW), None);
    evidence.readers.get_mut(&BEA.user()).unwrap().address = INFO.address();
    let found = Some(vec![Matter::Member(BEA.user())]);
    assert_eq!(
        about(&roster, FindingCode::MemberIsSharedMailbox, &evidence, NOW),
        found
    );
}

#[test]
fn one_person_holds_everything_until_somebody_stands_in() {
    let all = Some(vec![Matter::Contact(ANA.contact())]);
    let code = FindingCode::OnePersonHoldsEverything;
    assert_eq!(finds(&standard(), code), all);
    assert_eq!(finds(&standard().with_verified(BEA), code), all);
    assert_eq!(
        finds(&standard().with_verified(BEA).holding(BEA, "billing"), code),
        None
    );
    // Without roles, to be alone is to hold everything.
    assert_eq!(finds(&hosting(), code), all);
    assert_eq!(finds(&hosting().with(BEA), code), None);
}

#[test]
fn roles_without_a_primary_holder_are_vacant() {
    let general = Matter::Role("one_allowed".parse().unwrap());
    let vacant = finds(&account("mixed"), FindingCode::RoleVacant).unwrap();
    assert!(vacant.contains(&general), "{vacant:?}");
    let filled = account("mixed").with_verified(BEA).promoted(BEA, &["one_allowed"]);
    let vacant = finds(&filled, FindingCode::RoleVacant).unwrap_or_default();
    assert!(!vacant.contains(&general), "{vacant:?}");
    assert_eq!(finds(&standard(), FindingCode::RoleVacant), None);
    assert_eq!(
        finds(&datacenter().not_activated(), FindingCode::RoleVacant)
            .unwrap()
            .len(),
        4
    );
}

#[test]
fn an_unverified_contact_is_named_as_the_holder_of_a_role_or_as_a_contact() {
    let roster = standard().with(BEA).with(CEM).holding(CEM, "billing");
    let only = |person: Person| Some(vec![Matter::Contact(person.contact())]);
    assert_eq!(finds(&roster, FindingCode::ContactNeverVerified), only(BEA));
    assert_eq!(finds(&roster, FindingCode::RoleHolderUnverified), only(CEM));
    let proven = roster.with_proof(BEA).with_proof(CEM);
    assert_eq!(finds(&proven, FindingCode::ContactNeverVerified), None);
    assert_eq!(finds(&proven, FindingCode::RoleHolderUnverified), None);
}

#[test]
fn a_category_of_which_nobody_is_told_is_found() {
    let code = FindingCode::CategoryWithoutRecipient;
    assert_eq!(finds(&standard(), code), None);
    // The owner of an account that an integration opened is not verified, and nobody else is there.
    let unreached = finds(&standard().not_activated(), code).unwrap();
    assert_eq!(unreached.len(), standard().catalog().categories().len());
    // Replies to tickets go to those who opened them: somebody who would be told is there.
    assert_eq!(finds(&hosting(), code), None);
}

#[test]
fn members_who_do_not_log_in_are_found_after_ninety_days() {
    let roster = standard().with_member(BEA, Permissions::none());
    let mut evidence = evidence(&[ANA, BEA]);
    let code = FindingCode::MemberIdle;
    let joined = roster.member(BEA.user()).unwrap().created_at;
    evidence.logins.insert(ANA.user(), joined + TimeDelta::days(2));
    let found = Some(vec![Matter::Member(BEA.user())]);
    let last = joined + IDLE_AFTER;
    assert_eq!(about(&roster, code, &evidence, last - TimeDelta::microseconds(1)), None);
    assert_eq!(about(&roster, code, &evidence, last), found);
    evidence.logins.insert(BEA.user(), joined + TimeDelta::days(1));
    assert_eq!(about(&roster, code, &evidence, last), None);
    assert_eq!(about(&roster, code, &evidence, last + TimeDelta::days(1)), found);
    // Whoever is held back cannot log in, and needs no question.
    assert_eq!(
        about(
            &roster.suspended_member(BEA),
            code,
            &evidence,
            last + TimeDelta::days(1)
        ),
        None
    );
}

#[test]
fn an_invitation_that_nobody_answered_is_found_once_its_time_is_over() {
    let roster = standard();
    let invite = inviting(ZOE, 1, Permissions::none());
    let changes = roster.invite(ANA.by(), &invite, None);
    let roster = roster.then(changes);
    let code = FindingCode::InvitationExpired;
    let over = NOW + TimeDelta::days(7);
    assert_eq!(
        about(&roster, code, &evidence(&[ANA]), over - TimeDelta::microseconds(1)),
        None
    );
    let found = Some(vec![Matter::Invitation(invite.id)]);
    assert_eq!(about(&roster, code, &evidence(&[ANA]), over), found);
    // Whoever has reviewed the account since has seen it.
    let reviewed = |reviewed_at| Evidence {
        reviewed_at: Some(reviewed_at),
        ..evidence(&[ANA])
    };
    assert_eq!(about(&roster, code, &reviewed(over), over), None);
    let before = over - TimeDelta::microseconds(1);
    assert_eq!(about(&roster, code, &reviewed(before), over), found);
    // Somebody who is a member by now was not left unanswered.
    assert_eq!(about(&roster, code, &evidence(&[ANA, ZOE]), over), None);
}

#[test]
fn u_31_a_review_is_due_so_many_days_after_the_last_one() {
    let roster = standard();
    let mut evidence = evidence(&[ANA]);
    let code = FindingCode::ReviewOverdue;
    assert_eq!(roster.review_due(None), moment(180 * DAY));
    assert_eq!(about(&roster, code, &evidence, moment(180 * DAY - 1)), None);
    assert_eq!(about(&roster, code, &evidence, moment(180 * DAY)), Some(Vec::new()));
    evidence.reviewed_at = Some(moment(100 * DAY));
    assert_eq!(about(&roster, code, &evidence, moment(280 * DAY - 1)), None);
    assert_eq!(about(&roster, code, &evidence, moment(280 * DAY)), Some(Vec::new()));
    assert_eq!(datacenter().review_due(None), moment(365 * DAY));
}

#[test]
fn u_32_a_review_keeps_what_stood_and_changes_nothing() {
    let roster = standard().with(BEA);
    let changes = roster.review(ANA.by(), &recording(), &evidence(&[ANA])).unwrap();
    let [Change::AccountReviewed { review, actor }] = changes.as_slice() else {
        panic!("{changes:?}")
    };
    assert_eq!(*actor, ANA.by().actor);
    assert_eq!((review.at, review.contact), (NOW, Some(ANA.contact())));
    assert_eq!(
        codes(&review.findings),
        ["one_person_holds_everything", "contact_never_verified"]
    );
    assert_eq!(review.due_at, NOW + TimeDelta::days(180));
    let mut after = roster.clone().after(&changes, NOW);
    assert_eq!(after.broken(), SOUND);
    after.rewind_revision();
    assert_eq!(after, roster);
}

#[test]
fn whoever_may_review_reviews_while_the_account_is_active() {
    let roster = standard()
        .with_member(BEA, chosen(&["review:manage"]))
        .with_member(CEM, chosen(&["account:manage", "members:view"]));
    let review = |roster: &Roster, person: Person| roster.review(person.by(), &recording(), &Evidence::default());
    assert!(review(&roster, BEA).is_ok());
    let permission = ServicePermission::ReviewManage.key();
    assert_eq!(review(&roster, CEM), Err(Violation::Forbidden { permission }));
    assert_eq!(review(&roster, ZOE), Err(Violation::NotFound));
    let suspended = roster.in_status(AccountStatus::Suspended);
    assert_eq!(review(&suspended, BEA), Err(Violation::AccountSuspended));
}
