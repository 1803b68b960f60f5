//! What an integration asks before it opens something: may this person do that in this account, and why?

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::access::Reason;
use crate::address::EmailAddress;
use crate::catalog::Catalog;
use crate::ids::UserId;
use crate::keys::{ApplicationKey, PermissionKey};
use crate::recipients::Readers;
use crate::roster::{AccountStatus, MemberStatus, Roster};
use crate::users::UserStatus;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// Whether an application is open.
    Application(ApplicationKey),
    /// Whether a permission is held.
    Permission(PermissionKey),
    /// A name that no key can have.
    Nothing,
}

/// The log-in that is asked about, as far as it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Login {
    /// The user.
    pub user: UserId,
    /// Whether it may log in at all.
    pub status: UserStatus,
}

impl Login {
    /// The one among members that logs in with an address.
    pub fn among(readers: &Readers, address: &EmailAddress) -> Option<Self> {
        let reader = readers.values().find(|reader| reader.address.key() == address.key())?;
        Some(Self {
            user: reader.user,
            status: reader.status,
        })
    }
}

/// Why somebody may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Denial {
    /// Neither the service nor the catalog has this application or permission.
    UnknownKey,
    /// There is no such account.
    UnknownAccount,
    /// The account is suspended: nothing is opened for it until it is reopened.
    AccountSuspended,
    /// The account is closed.
    AccountClosed,
    /// There is no such user.
    UnknownUser,
    /// The provider holds the user's log-in back.
    UserSuspended,
    /// The user is no member of the account.
    NotAMember,
    /// The membership is held back.
    MemberSuspended,
    /// The membership has ended by itself.
    MembershipExpired,
    /// The application is not open to this member.
    NotOpen,
    /// The member has not the permission.
    NotHeld,
}

impl Denial {
    /// Every reason, in the order in which they are looked at.
    pub const ALL: [Self; 11] = [
        Self::UnknownKey,
        Self::UnknownAccount,
        Self::AccountSuspended,
        Self::AccountClosed,
        Self::UnknownUser,
        Self::UserSuspended,
        Self::NotAMember,
        Self::MemberSuspended,
        Self::MembershipExpired,
        Self::NotOpen,
        Self::NotHeld,
    ];

    /// The name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnknownKey => "unknown_key",
            Self::UnknownAccount => "unknown_account",
            Self::AccountSuspended => "account_suspended",
            Self::AccountClosed => "account_closed",
            Self::UnknownUser => "unknown_user",
            Self::UserSuspended => "user_suspended",
            Self::NotAMember => "not_a_member",
            Self::MemberSuspended => "member_suspended",
            Self::MembershipExpired => "membership_expired",
            Self::NotOpen => "not_open",
            Self::NotHeld => "not_held",
        }
    }
}

/// The answer to a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Yes, for all of these reasons; there is at least one.
    Allowed(BTreeSet<Reason>),
    /// No.
    Denied(Denial),
}

/// Whether somebody may do something at that moment. What is unknown is denied; of several reasons against it the first
/// is told.
pub fn check(
    catalog: &Catalog,
    roster: Option<&Roster>,
    login: Option<Login>,
    wanted: &Wanted,
    at: DateTime<Utc>,
) -> Verdict {
    match allowed(catalog, roster, login, wanted, at) {
        Ok(reasons) => Verdict::Allowed(reasons),
        Err(denial) => Verdict::Denied(denial),
    }
}

fn allowed(
    catalog: &Catalog,
    roster: Option<&Roster>,
    login: Option<Login>,
    wanted: &Wanted,
    at: DateTime<Utc>,
) -> Result<BTreeSet<Reason>, Denial> {
    require_known(catalog, wanted)?;
    let roster = roster.ok_or(Denial::UnknownAccount)?;
    require_in_use(roster)?;
    let login = login.ok_or(Denial::UnknownUser)?;
    require_member(roster, login, at)?;
    let access = roster.access(login.user, at).ok_or(Denial::NotAMember)?;
    match wanted {
        Wanted::Nothing => Err(Denial::UnknownKey),
        Wanted::Application(key) => {
            let open = access.applications.into_iter().find(|open| open.application == *key);
            open.map(|open| open.reasons).ok_or(Denial::NotOpen)
        }
        Wanted::Permission(_) if access.owner => Ok(BTreeSet::from([Reason::Owner])),
        Wanted::Permission(key) if access.permissions.contains(key) => {
            Ok(BTreeSet::from([Reason::Permission(key.clone())]))
        }
        Wanted::Permission(_) => Err(Denial::NotHeld),
    }
}

fn require_known(catalog: &Catalog, wanted: &Wanted) -> Result<(), Denial> {
    let known = match wanted {
        Wanted::Application(key) => catalog.application(key).is_some(),
        Wanted::Permission(key) => catalog.knows_permission(key),
        Wanted::Nothing => false,
    };
    if known { Ok(()) } else { Err(Denial::UnknownKey) }
}

fn require_in_use(roster: &Roster) -> Result<(), Denial> {
    match roster.account().status {
        AccountStatus::Active => Ok(()),
        AccountStatus::Suspended => Err(Denial::AccountSuspended),
        AccountStatus::Closed => Err(Denial::AccountClosed),
    }
}

fn require_member(roster: &Roster, login: Login, at: DateTime<Utc>) -> Result<(), Denial> {
    if login.status == UserStatus::Suspended {
        return Err(Denial::UserSuspended);
    }
    let member = roster.member(login.user).ok_or(Denial::NotAMember)?;
    match member.status {
        MemberStatus::Suspended => Err(Denial::MemberSuspended),
        MemberStatus::Active if !member.is_live(at) => Err(Denial::MembershipExpired),
        MemberStatus::Active => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::given::{ANA, BEA, NOW, Person, ZOE, chosen, moment, permission, role, saas_suite, standard};
    use crate::permission::Permissions;

    fn login(person: Person) -> Login {
        Login {
            user: person.user(),
            status: UserStatus::Active,
        }
    }

    fn application(key: &str) -> Wanted {
        Wanted::Application(key.parse().unwrap())
    }

    fn permits(key: &str) -> Wanted {
        Wanted::Permission(permission(key))
    }

    fn asked(roster: &Roster, person: Person, wanted: &Wanted) -> Verdict {
        check(roster.catalog(), Some(roster), Some(login(person)), wanted, NOW)
    }

    fn yes<const N: usize>(reasons: [Reason; N]) -> Verdict {
        Verdict::Allowed(reasons.into())
    }

    fn with_bea() -> Roster {
        standard().with_member(BEA, chosen(&["contacts:view"]))
    }

    #[test]
    fn an_open_application_is_allowed_with_every_reason() {
        let roster = standard().with_member(BEA, chosen(&["invoices:pay"]));
        let roster = roster.holding(BEA, "billing");
        let wanted = yes([
            Reason::RoleHolder(role("billing")),
            Reason::Permission(permission("invoices:pay")),
        ]);
        assert_eq!(asked(&roster, BEA, &application("payment_portal")), wanted);
    }

    #[test]
    fn m_58_a_desk_follows_its_role() {
        let roster = saas_suite().with_verified(BEA).promoted(BEA, &["technical"]);
        let primary = asked(&roster, BEA, &application("help_desk"));
        assert!(matches!(primary, Verdict::Allowed(_)));
        let owner = asked(&roster, ANA, &application("help_desk"));
        assert_eq!(owner, Verdict::Denied(Denial::NotOpen));
    }

    #[test]
    fn a_permission_is_held_or_goes_with_the_account() {
        let roster = with_bea();
        assert_eq!(asked(&roster, ANA, &permits("contacts:manage")), yes([Reason::Owner]));
        let held = yes([Reason::Permission(permission("contacts:view"))]);
        assert_eq!(asked(&roster, BEA, &permits("contacts:view")), held);
        let lacked = asked(&roster, BEA, &permits("contacts:manage"));
        assert_eq!(lacked, Verdict::Denied(Denial::NotHeld));
    }

    #[test]
    fn what_the_catalog_does_not_know_is_denied_to_everybody() {
        let roster = standard();
        for unknown in [application("no_such_desk"), permits("no:such"), Wanted::Nothing] {
            assert_eq!(asked(&roster, ANA, &unknown), Verdict::Denied(Denial::UnknownKey));
        }
    }

    #[test]
    fn who_and_what_is_not_there_is_denied() {
        let roster = standard();
        let wanted = permits("contacts:view");
        let nowhere = check(roster.catalog(), None, Some(login(ANA)), &wanted, NOW);
        assert_eq!(nowhere, Verdict::Denied(Denial::UnknownAccount));
        let nobody = check(roster.catalog(), Some(&roster), None, &wanted, NOW);
        assert_eq!(nobody, Verdict::Denied(Denial::UnknownUser));
        assert_eq!(asked(&roster, ZOE, &wanted), Verdict::Denied(Denial::NotAMember));
    }

    #[test]
    fn what_is_held_back_is_denied() {
        let wanted = permits("contacts:view");
        for (status, denial) in [
            (AccountStatus::Suspended, Denial::AccountSuspended),
            (AccountStatus::Closed, Denial::AccountClosed),
        ] {
            let roster = standard().in_status(status);
            assert_eq!(asked(&roster, ANA, &wanted), Verdict::Denied(denial));
        }
        let roster = standard();
        let held_back = Some(Login {
            status: UserStatus::Suspended,
            ..login(ANA)
        });
        let verdict = check(roster.catalog(), Some(&roster), held_back, &wanted, NOW);
        assert_eq!(verdict, Verdict::Denied(Denial::UserSuspended));
        let suspended = with_bea().suspended_member(BEA);
        assert_eq!(
            asked(&suspended, BEA, &wanted),
            Verdict::Denied(Denial::MemberSuspended)
        );
    }

    #[test]
    fn a_membership_counts_until_the_moment_it_ends() {
        let roster = standard()
            .with_member(BEA, Permissions::All)
            .expiring_member(BEA, moment(61));
        let at = |at| {
            check(
                roster.catalog(),
                Some(&roster),
                Some(login(BEA)),
                &permits("contacts:view"),
                at,
            )
        };
        assert!(matches!(at(NOW), Verdict::Allowed(_)));
        assert_eq!(at(moment(61)), Verdict::Denied(Denial::MembershipExpired));
    }

    #[test]
    fn every_denial_has_a_name_of_its_own() {
        let names: BTreeSet<&str> = Denial::ALL.into_iter().map(Denial::as_str).collect();
        assert_eq!(names.len(), Denial::ALL.len());
    }
}
