//! Who edits what of a contact.

use super::*;

#[test]
fn m_12_m_22_m_30_m_36_everybody_changes_the_own_name() {
    let roster = saas_suite().with_verified(BEA);
    let owner = changed(&roster, ANA.by(), ANA, &called("Ana Maria"));
    assert_eq!(
        owner.contact(ANA.contact()).unwrap().profile.display_name.as_str(),
        "Ana Maria"
    );
    let other = changed(&roster, BEA.by(), BEA, &called("Beatriz"));
    assert_eq!(
        other.contact(BEA.contact()).unwrap().profile.display_name.as_str(),
        "Beatriz"
    );
}

#[test]
fn m_39_nobody_edits_another_persons_name() {
    let roster = saas_suite().with_verified(BEA).with_verified(CEM);
    let change = |by, person: Person| roster.change_contact(by, person.contact(), &called("X"));
    assert_eq!(change(ANA.by(), BEA), Err(Violation::ProfileBelongsToPerson));
    assert_eq!(change(CEM.by(), BEA), Err(forbidden("contacts:manage")));
}

#[test]
fn the_owner_names_a_contact_that_does_not_log_in() {
    let roster = saas_suite().with(BEA);
    assert!(roster.change_contact(ANA.by(), BEA.contact(), &called("X")).is_ok());
}

#[test]
fn l_13_managers_edit_everybody_where_the_catalog_says_so() {
    let roster = datacenter().with_member(BEA, Permissions::none());
    assert!(roster.change_contact(ANA.by(), BEA.contact(), &called("X")).is_ok());
    let refused = roster.change_contact(BEA.by(), BEA.contact(), &called("X"));
    assert_eq!(refused, Err(forbidden("contacts:manage")));
}

#[test]
fn addresses_stay_with_the_managers() {
    let roster = saas_suite().with_verified(BEA);
    let refused = roster.change_contact(BEA.by(), BEA.contact(), &at_address("b2"));
    assert_eq!(refused, Err(forbidden("contacts:manage")));
    let refused = roster.change_contact(BEA.by(), BEA.contact(), &with_more(&["b2"]));
    assert_eq!(refused, Err(forbidden("contacts:manage")));
}

#[test]
fn what_a_patch_only_repeats_is_no_edit() {
    let roster = saas_suite().with_verified(BEA);
    let same = ContactPatch {
        address: Some(BEA.address()),
        ..with_more(&[])
    };
    assert_eq!(roster.change_contact(BEA.by(), BEA.contact(), &same), Ok(vec![]));
    assert_eq!(
        roster.change_contact(ANA.by(), BEA.contact(), &called("Bea")),
        Ok(vec![])
    );
    assert_eq!(
        roster.change_contact(ANA.by(), BEA.contact(), &ContactPatch::default()),
        Ok(vec![])
    );
}

#[test]
fn required_fields_are_not_emptied() {
    let roster = datacenter().with(BEA);
    let patch = ContactPatch {
        phones: Some(vec![]),
        ..ContactPatch::default()
    };
    let refused = roster.change_contact(ANA.by(), BEA.contact(), &patch);
    assert_eq!(refused, Err(missing([ContactField::Phone])));
}

#[test]
fn a_field_that_came_to_be_required_later_does_not_stop_other_edits() {
    let mut roster = datacenter().with(BEA);
    roster.parts.contact_mut(BEA.contact()).unwrap().profile.phones.clear();
    assert!(roster.change_contact(ANA.by(), BEA.contact(), &called("X")).is_ok());
}

#[test]
fn a_contact_of_another_account_is_not_there() {
    let roster = standard();
    let refused = roster.change_contact(ANA.by(), ZOE.contact(), &called("X"));
    assert_eq!(refused, Err(Violation::NotFound));
    assert_eq!(roster.remove_contact(ANA.by(), ZOE.contact()), Err(Violation::NotFound));
    let suspended = roster.in_status(AccountStatus::Suspended);
    assert_eq!(
        suspended.remove_contact(ANA.by(), ZOE.contact()),
        Err(Violation::NotFound)
    );
}

#[test]
fn u_22_u_23_wishes_act_at_once() {
    let roster = hosting().with(BEA);
    let wished = categories(&["invoices"]);
    let changes = roster.subscribe(ANA.by(), BEA.contact(), &wished);
    let roster = roster.then(changes);
    assert!(roster.hearers(&category("invoices"), NOW).contains(&BEA.contact()));
    assert_eq!(roster.subscribe(ANA.by(), BEA.contact(), &wished), Ok(vec![]));
}

#[test]
fn a_person_sets_the_own_wishes_and_nobody_elses() {
    let roster = saas_suite().with_verified(BEA);
    let wished = categories(&["invoice"]);
    assert!(roster.subscribe(BEA.by(), BEA.contact(), &wished).is_ok());
    let refused = roster.subscribe(BEA.by(), ANA.contact(), &wished);
    assert_eq!(refused, Err(forbidden("contacts:manage")));
}

#[test]
fn a_person_adds_no_wish_for_what_it_may_not_see() {
    let roster = standard().with_member(BEA, chosen(&["tickets:view"]));
    let wish = |roster: &Roster, by: By, wished: &[&str]| roster.subscribe(by, BEA.contact(), &categories(wished));
    let refused = Err(forbidden("invoices:view"));
    assert_eq!(wish(&roster, BEA.by(), &["invoice"]), refused);
    assert_eq!(wish(&roster, BEA.by(), &["product_news", "invoice"]), refused);
    assert!(wish(&roster, BEA.by(), &["product_news"]).is_ok());
    // Whoever manages contacts gives it, and then the person keeps it or gives it back.
    let changes = wish(&roster, ANA.by(), &["invoice"]);
    let given = roster.then(changes);
    assert!(wish(&given, BEA.by(), &["invoice", "product_news"]).is_ok());
    assert!(wish(&given, BEA.by(), &[]).is_ok());
}

#[test]
fn a_wish_for_an_unknown_category_is_refused() {
    let refused = standard().subscribe(ANA.by(), ANA.contact(), &categories(&["gossip"]));
    assert_eq!(
        refused,
        Err(Violation::UnknownCategory {
            category: category("gossip")
        })
    );
}
