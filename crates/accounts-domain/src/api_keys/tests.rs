use std::collections::BTreeMap;

use uuid::Uuid;

use super::*;
use crate::contacts::ContactPatch;
use crate::given::{ANA, BEA, CEM, NOW, ZOE, account_id, chosen, mixed, moment, standard, transfer_id};
use crate::ownership::TransferOwnership;

fn key_id(number: u128) -> ApiKeyId {
    ApiKeyId::from_uuid(Uuid::from_u128(number))
}

fn key(number: u128, maker: UserId, permissions: Permissions) -> ApiKey {
    ApiKey {
        id: key_id(number),
        maker,
        name: KeyName::parse("Invoices").unwrap(),
        mode: KeyMode::Live,
        permissions,
        accounts: None,
        expires_at: None,
        created_at: NOW,
        secret: SecretHash("hash".to_owned()),
    }
}

/// The account after a decision.
fn after(roster: Roster, decide: impl FnOnce(&Roster) -> Result<Vec<Change>, Violation>) -> Roster {
    let changes = decide(&roster);
    roster.then(changes)
}

/// The key acts.
fn by(key: &ApiKey, roster: &Roster, of_account: bool) -> By {
    let actor = KeyActor {
        key: key.id,
        maker: key.maker,
        of_account,
        scope: Scope::of(&key.permissions, roster.catalog()),
    };
    By {
        actor: Actor::Key(actor),
        at: NOW,
    }
}

#[test]
fn whoever_manages_keys_makes_them_and_gives_them_no_more_than_they_have() {
    let roster = standard().with_member(BEA, chosen(&["keys:manage", "contacts:view"]));
    let made = roster.make_key(BEA.by(), &key(1, BEA.user(), chosen(&["contacts:view"])));
    assert!(matches!(made.as_deref(), Ok([Change::KeyMade { .. }])));
    for more in [chosen(&["contacts:manage"]), Permissions::All] {
        let refused = roster.make_key(BEA.by(), &key(1, BEA.user(), more));
        assert_eq!(refused, Err(Violation::CannotGrant));
    }
    let roster = roster.with_member(CEM, chosen(&["contacts:view"]));
    let refused = roster.make_key(CEM.by(), &key(1, CEM.user(), Permissions::none()));
    assert!(matches!(refused, Err(Violation::Forbidden { .. })));
    let stranger = roster.make_key(ZOE.by(), &key(1, ZOE.user(), Permissions::none()));
    assert_eq!(stranger, Err(Violation::NotFound));
}

#[test]
fn r_41_a_key_has_what_it_was_given_as_far_as_its_maker_has_it_now() {
    let roster = standard().with_member(BEA, chosen(&["keys:manage", "contacts:view", "contacts:manage"]));
    let narrow = key(1, BEA.user(), chosen(&["contacts:view", "audit:view"]));
    let whole = key(2, BEA.user(), Permissions::All);
    let rights = |key: &ApiKey| roster.rights_of(by(key, &roster, true)).unwrap();
    assert_eq!(rights(&narrow), chosen(&["contacts:view"]));
    assert_eq!(rights(&whole), roster.permissions_of(BEA.user(), NOW).unwrap());
    assert!(
        roster
            .require(by(&narrow, &roster, true), ServicePermission::ContactsView)
            .is_ok()
    );
    let missing = roster.require(by(&narrow, &roster, true), ServicePermission::AuditView);
    let permission = ServicePermission::AuditView.key();
    assert_eq!(missing, Err(Violation::Forbidden { permission }));
    let gone = standard();
    assert_eq!(gone.rights_of(by(&whole, &gone, true)), None);
    let owners = key(3, ANA.user(), Permissions::All);
    assert_eq!(roster.rights_of(by(&owners, &roster, true)), Some(Permissions::All));
}

#[test]
fn the_providers_permissions_have_their_place_in_a_scope() {
    for catalog in ["standard", "hosting", "datacenter", "mixed"] {
        let roster = crate::given::account(catalog);
        for entry in roster.catalog().permissions() {
            let one: Permissions = std::iter::once(entry.key.clone()).collect();
            let scope = Scope::of(&one, roster.catalog());
            assert_eq!(scope.narrow(&Permissions::All, roster.catalog()), one);
            assert!(scope.narrow(&Permissions::none(), roster.catalog()).is_none());
        }
    }
}

#[test]
fn a_key_never_manages_keys_owns_or_answers_for_a_person() {
    let roster = mixed().with_member(BEA, Permissions::none());
    let all = key(1, ANA.user(), Permissions::All);
    let acting = by(&all, &roster, false);
    let another = key(2, ANA.user(), Permissions::none());
    assert_eq!(roster.make_key(acting, &another), Err(Violation::PersonOnly));
    assert_eq!(roster.revoke_key(acting, all.id), Err(Violation::PersonOnly));
    let transfer = TransferOwnership {
        id: transfer_id(1),
        to: BEA.contact(),
    };
    assert_eq!(
        roster.transfer_ownership(acting, &transfer, None),
        Err(Violation::PersonOnly)
    );
    let offered = after(roster.clone(), |roster| {
        roster.transfer_ownership(ANA.by(), &transfer, None)
    });
    let beas = by(&key(3, BEA.user(), Permissions::All), &roster, false);
    let waiting = offered.waiting();
    assert_eq!(
        offered.accept_transfer(beas, &waiting, None),
        Err(Violation::PersonOnly)
    );
    assert_eq!(
        offered.decline_transfer(beas, &waiting, None),
        Err(Violation::PersonOnly)
    );
}

#[test]
fn a_key_grants_nothing_that_it_does_not_have() {
    let roster = standard();
    let narrow = by(
        &key(1, ANA.user(), chosen(&["contacts:manage", "contacts:view"])),
        &roster,
        true,
    );
    let refused = roster.require_grantable(narrow, &chosen(&["roles:manage"]));
    assert_eq!(refused, Err(Violation::CannotGrant));
    assert_eq!(
        roster.require_grantable(narrow, &Permissions::All),
        Err(Violation::CannotGrant)
    );
    assert!(roster.require_grantable(narrow, &chosen(&["contacts:view"])).is_ok());
    let whole = by(&key(1, ANA.user(), Permissions::All), &roster, true);
    assert!(roster.require_grantable(whole, &Permissions::All).is_ok());
}

#[test]
fn the_own_contact_is_open_to_the_whole_key_of_its_person_alone() {
    let roster = standard().with_member(BEA, Permissions::none());
    let whole = key(1, BEA.user(), Permissions::All);
    let narrow = key(2, BEA.user(), chosen(&["contacts:view"]));
    assert!(roster.is_self(by(&whole, &roster, false), BEA.contact()));
    assert!(!roster.is_self(by(&whole, &roster, true), BEA.contact()));
    assert!(!roster.is_self(by(&narrow, &roster, false), BEA.contact()));
    let patch = ContactPatch::default();
    let refused = roster.change_contact(by(&whole, &roster, true), BEA.contact(), &patch);
    assert!(matches!(refused, Err(Violation::Forbidden { .. })));
}

#[test]
fn the_access_of_a_key_is_narrowed_and_owns_nothing() {
    let roster = standard();
    let key = key(1, ANA.user(), chosen(&["contacts:view"]));
    let access = roster.access_by(by(&key, &roster, false)).unwrap();
    assert_eq!((access.owner, access.contact), (false, Some(ANA.contact())));
    assert_eq!(access.permissions, chosen(&["contacts:view"]));
    let access = roster.access_by(by(&key, &roster, true)).unwrap();
    assert_eq!((access.contact, access.roles.len()), (None, 0));
    assert_eq!(roster.access_by(ANA.by()), roster.access(ANA.user(), NOW));
}

#[test]
fn keys_are_counted_and_revoked() {
    let mut roster = standard();
    for number in 0..u128::try_from(ACCOUNT_KEYS).unwrap() {
        let made = roster.make_key(ANA.by(), &key(number, ANA.user(), Permissions::All));
        roster = roster.clone().then(made);
    }
    let one_more = key(100, ANA.user(), Permissions::All);
    let full = Err(Violation::KeyLimitReached { limit: ACCOUNT_KEYS });
    assert_eq!(roster.make_key(ANA.by(), &one_more), full);
    let roster = after(roster, |roster| roster.revoke_key(ANA.by(), key_id(7)));
    assert_eq!(roster.revoke_key(ANA.by(), key_id(7)), Err(Violation::NotFound));
    assert!(roster.make_key(ANA.by(), &one_more).is_ok());
}

#[test]
fn a_key_is_remembered_for_thirty_days_after_its_end() {
    let ended = ApiKey {
        expires_at: Some(moment(60)),
        ..key(1, ANA.user(), Permissions::All)
    };
    let forgotten = moment(60) + KEYS_REMEMBERED_FOR;
    let before = forgotten - TimeDelta::microseconds(1);
    assert!(!ended.is_live(before) && ended.is_remembered(before) && !ended.is_remembered(forgotten));
    assert!(key(2, ANA.user(), Permissions::All).is_remembered(forgotten));
    let roster = after(standard(), |roster| roster.make_key(ANA.by(), &ended));
    let by = |at| By { at, ..ANA.by() };
    assert!(roster.revoke_key(by(before), ended.id).is_ok());
    assert_eq!(roster.revoke_key(by(forgotten), ended.id), Err(Violation::NotFound));
    assert_eq!(
        (
            roster.remembered_keys(before).count(),
            roster.remembered_keys(forgotten).count()
        ),
        (1, 0)
    );
    let mut person = crate::users::given_person();
    person.api_keys.insert(ended.id, Arc::new(ended.clone()));
    assert!(person.revoke_key(ended.id, before).is_ok());
    assert_eq!(person.revoke_key(ended.id, forgotten), Err(Violation::NotFound));
}

#[test]
fn with_a_member_go_the_keys_that_it_made() {
    let roster = standard().with_member(BEA, Permissions::All);
    let roster = after(roster, |roster| {
        roster.make_key(BEA.by(), &key(1, BEA.user(), Permissions::All))
    });
    let roster = after(roster, |roster| {
        roster.make_key(ANA.by(), &key(2, ANA.user(), Permissions::All))
    });
    let left = roster.then(Ok(vec![Change::MemberRemoved {
        user: BEA.user(),
        contact: None,
    }]));
    let ids: Vec<ApiKeyId> = left.api_keys().map(|key| key.id).collect();
    assert_eq!(ids, [key_id(2)]);
}

#[test]
fn a_key_ends_at_its_moment_and_reaches_its_accounts() {
    let mut key = key(1, ANA.user(), Permissions::All);
    assert!(key.is_live(moment(1_000_000)) && key.reaches(account_id()));
    key.expires_at = Some(moment(61));
    key.accounts = Some(BTreeSet::new());
    assert!(key.is_live(moment(60)) && !key.is_live(moment(61)) && !key.reaches(account_id()));
    assert_eq!(key.prefix(), format!("ak_live_{}", &key.id.to_string()[4..]));
    assert!(!format!("{key:?}").contains("hash\""));
}

#[test]
fn r_17_the_owner_is_told_of_a_key_of_the_account() {
    let roster = standard().with_member(BEA, Permissions::All);
    let changes = roster
        .make_key(BEA.by(), &key(1, BEA.user(), Permissions::All))
        .unwrap();
    let after = roster.clone().after(&changes, NOW);
    let mails = crate::mail::mails(&roster, &after, &changes);
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].to, ANA.address());
    assert!(matches!(mails[0].letter, Letter::AccountKeyMade { .. }));
}

#[test]
fn r_28_a_new_password_revokes_the_keys_of_the_person() {
    use crate::users::PasswordHash;
    let mut person = crate::users::given_person();
    let keys: BTreeMap<_, _> = (0..USER_KEYS)
        .map(|number| key(u128::try_from(number).unwrap(), person.user.id, Permissions::All))
        .map(|key| (key.id, Arc::new(key)))
        .collect();
    person.api_keys = keys;
    let one_more = key(100, person.user.id, Permissions::All);
    assert_eq!(
        person.make_key(&one_more),
        Err(Violation::KeyLimitReached { limit: USER_KEYS })
    );
    let changes = person.change_password(PasswordHash("new".into()), None);
    let revoked = |change: &&UserChange| matches!(change, UserChange::KeyRevoked { .. });
    assert_eq!(changes.iter().filter(revoked).count(), USER_KEYS);
    assert_eq!(person.revoke_key(key_id(99), NOW), Err(Violation::NotFound));
}
