//! Accounts: opened with their owner, and described.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::actor::By;
use crate::address::EmailAddress;
use crate::catalog::Catalog;
use crate::change::Change;
use crate::contacts::missing_fields;
use crate::ids::{AccountId, ContactId, SessionId, UserId, VerificationId};
use crate::language::Language;
use crate::names::{AccountName, ExternalId, TaxId};
use crate::permission::{Permissions, ServicePermission};
use crate::phone::PhoneNumber;
use crate::roster::{
    Account, AccountProfile, AccountStatus, Contact, ContactAddress, ContactProfile, MemberStatus, Membership, Parts,
    PostalAddress, Roster,
};
use crate::violation::Violation;

/// Opens an account for a person whose address is proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenAccount {
    /// The account's id.
    pub account: AccountId,
    /// The id of its first contact.
    pub contact: ContactId,
    /// The owner's user.
    pub user: UserId,
    /// What the account says about its organisation.
    pub profile: AccountProfile,
    /// What the first contact says about itself.
    pub owner: ContactProfile,
    /// The owner's proven address.
    pub address: EmailAddress,
    /// The provider's customer number, where the provider opens it.
    pub external_id: Option<ExternalId>,
}

/// What the provider may say about an account; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProviderPatch {
    /// Whether it is in use.
    pub status: Option<AccountStatus>,
    /// The greatest number of contacts, or that of the catalog.
    pub contact_limit: Option<Option<u16>>,
    /// The contact that is to own it.
    pub owner: Option<ContactId>,
}

/// The bounds of the number of contacts that the provider may set.
pub const CONTACT_LIMITS: std::ops::RangeInclusive<u16> = 1..=1000;

/// What is to change of an account; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountPatch {
    /// The organisation's name.
    pub name: Option<AccountName>,
    /// The language of what is written to it.
    pub language: Option<Language>,
    /// The switchboard, or none.
    pub phone: Option<Option<PhoneNumber>>,
    /// Where post goes, or nowhere.
    pub postal_address: Option<Option<PostalAddress>>,
    /// The tax number, or none.
    pub tax_id: Option<Option<TaxId>>,
}

/// An integration opens an account for a customer, on the first order say. Nobody has proven the owner's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenForCustomer {
    /// The account's id.
    pub account: AccountId,
    /// The provider's customer number.
    pub external_id: ExternalId,
    /// The id of its first contact.
    pub contact: ContactId,
    /// The link of the mail by which the owner takes the account over.
    pub verification: VerificationId,
    /// What the account says about its organisation.
    pub profile: AccountProfile,
    /// What the first contact says about itself.
    pub owner: ContactProfile,
    /// The owner's address.
    pub address: EmailAddress,
}

/// Opens an account: its first contact is verified, owns it, has its log-in and fills every place that the
/// catalog does not leave vacant (M-01, M-08, M-09). Answers the roster and the changes that made it.
///
/// # Errors
/// Refused where the owner lacks a field that the catalog requires of a contact.
pub fn open(catalog: Arc<Catalog>, by: By, command: &OpenAccount) -> Result<(Roster, Vec<Change>), Violation> {
    let OpenAccount {
        account,
        contact,
        user,
        profile,
        owner,
        address,
        external_id,
    } = command;
    let proven = ContactAddress::proven(address.clone(), by.at);
    let mut parts = founded(&catalog, by.at, *account, profile, *contact, owner, proven)?;
    parts.account.external_id.clone_from(external_id);
    let member = Membership {
        user: *user,
        contact: Some(*contact),
        permissions: Permissions::All,
        status: MemberStatus::Active,
        expires_at: None,
        subscriptions: BTreeSet::new(),
        version: 1,
        created_at: by.at,
        updated_at: by.at,
    };
    parts.members.insert(*user, member);
    let empty = Roster::new(parts, catalog);
    let mut changes = vec![Change::AccountOpened { owner: Some(*user) }];
    changes.extend(empty.fill_vacancies());
    Ok(born(empty, changes, by))
}

/// Opens an account for a customer: its first contact owns it, and gets its log-in and every place that the catalog does
/// not leave vacant once it follows the mail that this calls for. Until then nobody enters the account.
///
/// # Errors
/// Refused where the owner lacks a field that the catalog requires of a contact.
pub fn open_for_customer(
    catalog: Arc<Catalog>,
    by: By,
    command: &OpenForCustomer,
) -> Result<(Roster, Vec<Change>), Violation> {
    let unproven = ContactAddress::unproven(command.address.clone());
    let (account, contact) = (command.account, command.contact);
    let mut parts = founded(
        &catalog,
        by.at,
        account,
        &command.profile,
        contact,
        &command.owner,
        unproven,
    )?;
    parts.account.external_id = Some(command.external_id.clone());
    let empty = Roster::new(parts, catalog);
    let mut changes = vec![Change::AccountOpened { owner: None }];
    changes.extend(empty.activation(by.at, command.verification));
    Ok(born(empty, changes, by))
}

/// The rows of a new account with its first contact, before anybody has a place in it.
fn founded(
    catalog: &Catalog,
    at: DateTime<Utc>,
    account: AccountId,
    profile: &AccountProfile,
    contact: ContactId,
    owner: &ContactProfile,
    address: ContactAddress,
) -> Result<Parts, Violation> {
    let missing: BTreeSet<_> = missing_fields(&catalog.policy().required_contact_fields, owner, true);
    if !missing.is_empty() {
        return Err(Violation::MissingFields { fields: missing });
    }
    let first = Contact {
        id: contact,
        profile: owner.clone(),
        address,
        pending_address: None,
        more_addresses: BTreeMap::new(),
        login_request: None,
        subscriptions: catalog
            .categories()
            .iter()
            .map(|category| category.key.clone())
            .collect(),
        version: 1,
        created_at: at,
        updated_at: at,
    };
    let account = Account {
        id: account,
        profile: profile.clone(),
        external_id: None,
        status: AccountStatus::Active,
        contact_limit: None,
        second_factor_required: false,
        revision: 0,
        version: 1,
        created_at: at,
        updated_at: at,
    };
    Ok(Parts {
        account,
        owner: contact,
        contacts: BTreeMap::from([(contact, Arc::new(first))]),
        members: BTreeMap::new(),
        holders: BTreeMap::new(),
        primaries: BTreeMap::new(),
        verifications: BTreeMap::new(),
        transfer: None,
        api_keys: BTreeMap::new(),
        invitations: BTreeMap::new(),
        join_requests: BTreeMap::new(),
    })
}

/// The account after what opened it.
fn born(empty: Roster, changes: Vec<Change>, by: By) -> (Roster, Vec<Change>) {
    let mut roster = empty.after(&changes, by.at);
    // A new account is one thing: its first contact is born with its roles, at its first version.
    let owner = roster.owner();
    if let Some(owner) = roster.parts.contact_mut(owner) {
        owner.version = 1;
    }
    (roster, changes)
}

impl Roster {
    /// Changes what the account says about its organisation. A patch that says what is already so changes nothing.
    ///
    /// # Errors
    /// Needs `account:manage`.
    pub fn change_account(&self, by: By, patch: &AccountPatch) -> Result<Vec<Change>, Violation> {
        self.require(by, ServicePermission::AccountManage)?;
        self.require_active()?;
        let present = &self.account().profile;
        let profile = AccountProfile {
            name: patch.name.clone().unwrap_or_else(|| present.name.clone()),
            language: patch.language.unwrap_or(present.language),
            phone: patch.phone.clone().unwrap_or_else(|| present.phone.clone()),
            postal_address: patch
                .postal_address
                .clone()
                .unwrap_or_else(|| present.postal_address.clone()),
            tax_id: patch.tax_id.clone().unwrap_or_else(|| present.tax_id.clone()),
        };
        if profile == *present {
            return Ok(Vec::new());
        }
        Ok(vec![Change::AccountChanged {
            profile: Box::new(profile),
        }])
    }

    /// Changes what is the provider's to say: whether the account is in use, how many contacts it may have, and who owns it.
    /// A lowered limit stops additions and removes nobody. Saying what is so already changes nothing. `known` is the user
    /// who logs in with the address that [`Roster::successor_address`] names of the new owner.
    ///
    /// # Errors
    /// Whatever is asked of an owner is asked of one whom the provider sets, too.
    pub fn administer(&self, by: By, patch: &ProviderPatch, known: Option<UserId>) -> Result<Vec<Change>, Violation> {
        let mut changes = Vec::new();
        if let Some(status) = patch.status {
            changes.extend(self.change_status(status));
        }
        if let Some(limit) = patch.contact_limit
            && limit != self.account().contact_limit
        {
            changes.push(Change::ContactLimitChanged { limit });
        }
        if let Some(owner) = patch.owner {
            changes.extend(self.force_transfer(by, owner, known)?);
        }
        Ok(changes)
    }

    /// Records that an operator acts in the place of a member, in this account.
    ///
    /// # Errors
    /// Refused for somebody who is no member at that moment, and where the account is closed.
    pub fn impersonate(
        &self,
        by: By,
        user: UserId,
        session: SessionId,
        until: DateTime<Utc>,
    ) -> Result<Vec<Change>, Violation> {
        self.live_member(user, by.at).ok_or(Violation::NotFound)?;
        if self.account().status == AccountStatus::Closed {
            return Err(Violation::AccountClosed);
        }
        Ok(vec![Change::Impersonated { user, session, until }])
    }

    /// Suspends, reopens or closes the account, which is the provider's to do. Setting the present status changes nothing.
    pub fn change_status(&self, status: AccountStatus) -> Vec<Change> {
        if self.account().status == status {
            Vec::new()
        } else {
            vec![Change::AccountStatusChanged { status }]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::given::{
        ANA, BEA, CATALOG_NAMES, LINK, NOW, SOUND, SYSTEM, ZOE, account, chosen, datacenter, roles, saas_suite,
        standard,
    };
    use crate::violation::Violation;

    fn opening() -> OpenAccount {
        let roster = standard();
        OpenAccount {
            account: roster.account().id,
            contact: ANA.contact(),
            user: ANA.user(),
            profile: roster.account().profile.clone(),
            owner: ANA.profile(),
            address: ANA.address(),
            external_id: None,
        }
    }

    fn named(name: &str) -> AccountPatch {
        AccountPatch {
            name: Some(AccountName::parse(name).unwrap()),
            ..AccountPatch::default()
        }
    }

    #[test]
    fn m_01_m_08_the_address_that_signed_up_opens_the_account() {
        let roster = saas_suite();
        let owner = roster.contact(ANA.contact()).unwrap();
        assert_eq!(owner.address.email, ANA.address());
        assert!(owner.is_verified());
    }

    #[test]
    fn m_09_every_account_has_its_owner_from_the_first_moment() {
        for name in CATALOG_NAMES {
            let roster = account(name);
            assert!(roster.is_owner(ANA.user()), "{name}");
            assert_eq!(roster.permissions_of(ANA.user(), NOW), Some(Permissions::All), "{name}");
            assert_eq!(roster.broken(), SOUND, "{name}");
        }
    }

    #[test]
    fn m_06_the_owner_counts_towards_the_limit() {
        let roster = saas_suite().with_limit(1);
        let refused = roster.create_contact(ANA.by(), &BEA.added());
        assert_eq!(refused, Err(Violation::ContactLimitReached { limit: 1 }));
    }

    #[test]
    fn o_05_the_owner_fills_every_place_that_is_not_left_vacant() {
        let filled = |roster: Roster| roster.primary_roles_of(ANA.contact());
        assert_eq!(filled(account("telephony")), roles(&["tech", "accounts", "general"]));
        assert_eq!(
            filled(datacenter()),
            roles(&["general", "billing", "technical", "security"])
        );
        assert_eq!(filled(saas_suite()), roles(&[]));
        assert_eq!(
            filled(account("mixed")),
            roles(&["one_owner", "one_forbidden", "many_verified"])
        );
    }

    #[test]
    fn a_new_account_and_its_contact_are_at_their_first_version() {
        let roster = datacenter();
        assert_eq!((roster.account().revision, roster.account().version), (1, 1));
        assert_eq!(roster.contact(ANA.contact()).unwrap().version, 1);
    }

    #[test]
    fn the_owner_receives_every_category() {
        let roster = standard();
        let owner = roster.contact(ANA.contact()).unwrap();
        assert!(
            roster
                .catalog()
                .categories()
                .iter()
                .all(|c| owner.subscriptions.contains(&c.key))
        );
    }

    #[test]
    fn l_05_an_account_is_not_opened_without_the_required_fields() {
        let mut command = opening();
        command.owner.phones.clear();
        let refused = open(datacenter().catalog, LINK, &command);
        let fields = BTreeSet::from([crate::catalog::ContactField::Phone]);
        assert_eq!(refused.map(|_| ()), Err(Violation::MissingFields { fields }));
    }

    #[test]
    fn an_account_is_changed_by_its_managers() {
        let roster = standard().with_member(BEA, chosen(&["contacts:manage"]));
        let permission = ServicePermission::AccountManage.key();
        assert_eq!(roster.change_account(ZOE.by(), &named("Rio")), Err(Violation::NotFound));
        assert_eq!(
            roster.change_account(BEA.by(), &named("Rio")),
            Err(Violation::Forbidden { permission })
        );
        let changes = roster.change_account(ANA.by(), &named("Rio"));
        let roster = roster.then(changes);
        assert_eq!(roster.account().profile.name.as_str(), "Rio");
        assert_eq!(roster.account().version, 2);
    }

    #[test]
    fn saying_what_is_so_changes_nothing() {
        let roster = standard();
        assert_eq!(roster.change_account(ANA.by(), &named("Lima")), Ok(vec![]));
        assert_eq!(roster.change_account(ANA.by(), &AccountPatch::default()), Ok(vec![]));
        assert_eq!(roster.change_status(AccountStatus::Active), []);
    }

    #[test]
    fn the_provider_sets_state_limit_and_owner_at_once() {
        let roster = standard().with_member(BEA, Permissions::none());
        let patch = ProviderPatch {
            status: Some(AccountStatus::Suspended),
            contact_limit: Some(Some(1)),
            owner: Some(BEA.contact()),
        };
        let changes = roster.administer(SYSTEM, &patch, None);
        let after = roster.then(changes);
        assert_eq!(after.account().status, AccountStatus::Suspended);
        assert_eq!((after.contact_limit(), after.contacts().count()), (1, 2));
        assert_eq!(after.owner(), BEA.contact());
        assert_eq!(after.administer(SYSTEM, &patch, None), Ok(vec![]));
        let back = ProviderPatch {
            contact_limit: Some(None),
            ..ProviderPatch::default()
        };
        let changes = after.administer(SYSTEM, &back, None);
        assert_eq!(after.then(changes).contact_limit(), 5);
    }

    #[test]
    fn r_39_an_operator_acts_in_the_place_of_a_member_alone() {
        let session = SessionId::from_uuid(uuid::Uuid::from_u128(1));
        let begin = |roster: Roster, user| roster.impersonate(SYSTEM, user, session, NOW);
        assert_eq!(begin(standard(), ANA.user()).map(|changes| changes.len()), Ok(1));
        assert_eq!(begin(standard(), ZOE.user()), Err(Violation::NotFound));
        let closed = standard().in_status(AccountStatus::Closed);
        assert_eq!(begin(closed, ANA.user()), Err(Violation::AccountClosed));
    }

    #[test]
    fn a_suspended_account_takes_no_writes_and_reopens() {
        let suspended = standard().in_status(AccountStatus::Suspended);
        let refused = suspended.change_account(SYSTEM, &named("Rio"));
        assert_eq!(refused, Err(Violation::AccountSuspended));
        let reopened = suspended.in_status(AccountStatus::Active);
        assert!(reopened.change_account(ANA.by(), &named("Rio")).is_ok());
    }

    #[test]
    fn a_closed_account_takes_no_writes() {
        let closed = standard().in_status(AccountStatus::Closed);
        assert_eq!(
            closed.change_account(ANA.by(), &named("Rio")),
            Err(Violation::AccountClosed)
        );
    }
}
