//! Requests to join (K-09): a person asks for access to an account, and whoever manages its members decides.
//!
//! Whoever asks learns nothing about the account, not even whether there is one (R14), until somebody of it answers.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};

use crate::actor::{Actor, By};
use crate::address::EmailAddress;
use crate::change::Change;
use crate::ids::{AccountId, JoinRequestId, UserId};
use crate::mail::{Letter, Mail};
use crate::names::{DisplayName, JoinMessage};
use crate::permission::{Permissions, ServicePermission};
use crate::roster::Roster;
use crate::violation::Violation;

/// How long a request waits for its answer.
pub const JOIN_REQUEST_LIFE: TimeDelta = TimeDelta::days(30);

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinOutcome {
    /// The person is a member.
    Accepted,
    /// The account does not want it.
    Declined,
    /// The person does not ask any more.
    Withdrawn,
    /// The person became a member by another way.
    Joined,
    /// Nobody answered in time.
    Expired,
}

impl JoinOutcome {
    /// Every outcome.
    pub const ALL: [Self; 5] = [
        Self::Accepted,
        Self::Declined,
        Self::Withdrawn,
        Self::Joined,
        Self::Expired,
    ];

    /// The name in the API and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Declined => "declined",
            Self::Withdrawn => "withdrawn",
            Self::Joined => "joined",
            Self::Expired => "expired",
        }
    }

    /// The outcome of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == name)
    }
}

/// Which account somebody asks for, in the words of whoever asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// The one of this id.
    Account(AccountId),
    /// The one whose owner has this address.
    OwnerOf(EmailAddress),
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(id) => id.fmt(f),
            Self::OwnerOf(address) => address.fmt(f),
        }
    }
}

impl Asked {
    /// What two askings for the same have in common.
    pub fn key(&self) -> String {
        match self {
            Self::Account(id) => id.to_string(),
            Self::OwnerOf(address) => address.key().to_owned(),
        }
    }
}

/// A request that nobody has answered or taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinRequest {
    /// Its id.
    pub id: JoinRequestId,
    /// Who asks.
    pub user: UserId,
    /// How the account was named.
    pub asked: Asked,
    /// What the person says about it.
    pub message: Option<JoinMessage>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends unanswered.
    pub expires_at: DateTime<Utc>,
}

impl JoinRequest {
    /// A request that is made at that moment.
    pub fn new(id: JoinRequestId, user: UserId, asked: Asked, message: Option<JoinMessage>, at: DateTime<Utc>) -> Self {
        Self {
            id,
            user,
            asked,
            message,
            created_at: at,
            expires_at: at + JOIN_REQUEST_LIFE,
        }
    }

    /// Whether it waits at that moment.
    pub fn waits(&self, at: DateTime<Utc>) -> bool {
        at < self.expires_at
    }
}

/// Who asks, as the owner is told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asking {
    /// How the person is called.
    pub name: DisplayName,
    /// The address that the person logs in with.
    pub address: EmailAddress,
}

impl Roster {
    /// The greatest number of requests that wait at a time.
    pub const WAITING_JOIN_REQUESTS: usize = 100;

    /// The requests that wait at that moment, by id and so by age.
    pub fn join_requests(&self, at: DateTime<Utc>) -> impl DoubleEndedIterator<Item = &JoinRequest> {
        self.parts
            .join_requests
            .values()
            .filter(move |request| request.waits(at))
    }

    /// A person asks for access.
    ///
    /// # Errors
    /// Refused to a member, to whoever asks already, where there is no room for one more, and by an account that is not
    /// active. Nobody is told.
    pub fn ask_to_join(&self, by: By, request: &JoinRequest, asking: &Asking) -> Result<Vec<Change>, Violation> {
        if by.actor != Actor::User(request.user) {
            return Err(Violation::PersonOnly);
        }
        self.require_active()?;
        self.require_no_member(Some(request.user))?;
        let waiting: Vec<&JoinRequest> = self.join_requests(by.at).collect();
        let asks_already = waiting.iter().any(|other| other.user == request.user);
        if asks_already || waiting.len() >= Self::WAITING_JOIN_REQUESTS {
            return Err(Violation::NotFound);
        }
        let over = self.parts.join_requests.values().filter(|other| !other.waits(by.at));
        let mut changes: Vec<Change> = over.map(|other| ended(other, JoinOutcome::Expired)).collect();
        changes.push(Change::JoinRequested {
            request: Box::new(request.clone()),
            asking: Box::new(asking.clone()),
        });
        Ok(changes)
    }

    /// The person becomes a member with these permissions (K-09).
    ///
    /// # Errors
    /// Needs `members:manage` and all that is given; refused for a request that does not wait.
    pub fn accept_join_request(
        &self,
        by: By,
        id: JoinRequestId,
        permissions: &Permissions,
    ) -> Result<Vec<Change>, Violation> {
        self.require(by, ServicePermission::MembersManage)?;
        self.require_grantable(by, permissions)?;
        let request = self.waiting_request(id, by.at)?;
        self.require_active()?;
        Ok(vec![
            ended(request, JoinOutcome::Accepted),
            Change::MemberAdded {
                user: request.user,
                contact: None,
                permissions: permissions.clone(),
            },
        ])
    }

    /// The account does not want it.
    ///
    /// # Errors
    /// Needs `members:manage`; refused for a request that does not wait.
    pub fn decline_join_request(&self, by: By, id: JoinRequestId) -> Result<Vec<Change>, Violation> {
        self.require(by, ServicePermission::MembersManage)?;
        let request = self.waiting_request(id, by.at)?;
        self.require_active()?;
        Ok(vec![ended(request, JoinOutcome::Declined)])
    }

    /// The person does not ask any more, however the account stands.
    ///
    /// # Errors
    /// Refused to everybody else, who do not know of it, and for a request that does not wait.
    pub fn withdraw_join_request(&self, by: By, id: JoinRequestId) -> Result<Vec<Change>, Violation> {
        let request = self.waiting_request(id, by.at)?;
        if by.actor != Actor::User(request.user) {
            return Err(Violation::NotFound);
        }
        Ok(vec![ended(request, JoinOutcome::Withdrawn)])
    }

    /// The ends of the requests of those who become members by these changes in another way.
    pub(crate) fn requests_fulfilled(&self, changes: &[Change]) -> Vec<Change> {
        let joins = |request: &&JoinRequest| {
            let added = |change: &Change| matches!(change, Change::MemberAdded { user, .. } if *user == request.user);
            let ends =
                |change: &Change| matches!(change, Change::JoinRequestEnded { request: id, .. } if *id == request.id);
            changes.iter().any(added) && !changes.iter().any(ends)
        };
        let fulfilled = self.parts.join_requests.values().filter(joins);
        fulfilled.map(|request| ended(request, JoinOutcome::Joined)).collect()
    }

    /// The owner is told who asks. What the person says stands in the request alone.
    pub(crate) fn join_mail(&self, asking: &Asking) -> Option<Mail> {
        let owner = self.contact(self.owner()).ok()?;
        Some(Mail {
            contact: Some(owner.id),
            to: owner.address.email.clone(),
            language: owner.profile.language,
            letter: Letter::JoinRequested {
                name: owner.profile.display_name.to_string(),
                account: self.account().profile.name.to_string(),
                person: format!("{} ({})", asking.name, asking.address),
            },
        })
    }

    fn waiting_request(&self, id: JoinRequestId, at: DateTime<Utc>) -> Result<&JoinRequest, Violation> {
        let request = self.parts.join_requests.get(&id).ok_or(Violation::NotFound)?;
        if request.waits(at) {
            Ok(request)
        } else {
            let outcome = JoinOutcome::Expired;
            Err(Violation::JoinRequestEnded { outcome })
        }
    }
}

fn ended(request: &JoinRequest, outcome: JoinOutcome) -> Change {
    Change::JoinRequestEnded {
        request: request.id,
        user: request.user,
        outcome,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use uuid::Uuid;

    use super::*;
    use crate::given::{ANA, BEA, CEM, NOW, Person, ZOE, account_id, chosen, standard};
    use crate::mail::mails;
    use crate::members::news;
    use crate::roster::AccountStatus;

    fn asks(person: Person) -> JoinRequest {
        let id = JoinRequestId::from_uuid(Uuid::from_u128(person.0.into()));
        JoinRequest::new(id, person.user(), Asked::Account(account_id()), None, NOW)
    }

    fn asking(person: Person) -> Asking {
        Asking {
            name: DisplayName::parse(person.1).unwrap(),
            address: person.address(),
        }
    }

    fn asked(roster: &Roster, person: Person) -> Result<Vec<Change>, Violation> {
        roster.ask_to_join(person.by(), &asks(person), &asking(person))
    }

    /// After Zoe has asked.
    fn zoe_asks() -> Roster {
        let roster = standard();
        let changes = asked(&roster, ZOE);
        roster.then(changes)
    }

    #[test]
    fn k_09_somebody_asks_and_the_owner_lets_them_in() {
        let roster = standard();
        let changes = asked(&roster, ZOE).unwrap();
        let waiting = roster.clone().then(Ok(changes.clone()));
        let told = mails(&roster, &waiting, &changes);
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].to, ANA.address());
        assert!(matches!(&told[0].letter, Letter::JoinRequested { person, .. } if person.starts_with("Zoe (")));
        let let_in = waiting.accept_join_request(ANA.by(), asks(ZOE).id, &chosen(&["contacts:view"]));
        assert_eq!(news(&waiting, let_in.as_ref().unwrap()).len(), 1);
        let joined = waiting.then(let_in);
        let member = joined.member(ZOE.user()).unwrap();
        assert_eq!(
            (&member.permissions, member.contact),
            (&chosen(&["contacts:view"]), None)
        );
        assert_eq!(joined.join_requests(NOW).count(), 0);
    }

    #[test]
    fn k_09_who_manages_members_decides_and_gives_no_more_than_they_have() {
        let roster = zoe_asks().with_member(BEA, chosen(&["members:manage", "contacts:view"]));
        let roster = roster.with_member(CEM, chosen(&["members:view"]));
        let id = asks(ZOE).id;
        let more = roster.accept_join_request(BEA.by(), id, &chosen(&["contacts:manage"]));
        assert_eq!(more, Err(Violation::CannotGrant));
        assert!(
            roster
                .accept_join_request(BEA.by(), id, &chosen(&["contacts:view"]))
                .is_ok()
        );
        for refused in [
            roster.accept_join_request(CEM.by(), id, &Permissions::none()),
            roster.decline_join_request(CEM.by(), id),
        ] {
            assert!(matches!(refused, Err(Violation::Forbidden { .. })));
        }
        assert_eq!(roster.decline_join_request(ZOE.by(), id), Err(Violation::NotFound));
        let declined = roster.decline_join_request(BEA.by(), id);
        assert_eq!(news(&roster, declined.as_ref().unwrap()).len(), 1);
        let declined = roster.then(declined);
        assert!(declined.member(ZOE.user()).is_none());
        assert_eq!(declined.decline_join_request(BEA.by(), id), Err(Violation::NotFound));
    }

    #[test]
    fn k_09_each_person_has_one_open_request_and_members_have_none() {
        assert_eq!(asked(&zoe_asks(), ZOE), Err(Violation::NotFound));
        assert_eq!(asked(&standard(), ANA), Err(Violation::AlreadyMember));
        let suspended = standard().in_status(AccountStatus::Suspended);
        assert_eq!(asked(&suspended, ZOE), Err(Violation::AccountSuspended));
        let another = standard().ask_to_join(BEA.by(), &asks(ZOE), &asking(ZOE));
        assert_eq!(another, Err(Violation::PersonOnly));
    }

    #[test]
    fn k_09_there_are_so_many_requests_and_no_more() {
        let mut roster = standard();
        for number in 100..200 {
            let person = Person(number, "Somebody");
            let changes = asked(&roster, person);
            roster = roster.then(changes);
        }
        assert_eq!(asked(&roster, ZOE), Err(Violation::NotFound));
        // Those that nobody has answered in time make room.
        let later = NOW + JOIN_REQUEST_LIFE;
        let changes = roster.ask_to_join(ZOE.by_at(later), &asks(ZOE), &asking(ZOE)).unwrap();
        assert_eq!(changes.len(), 101);
    }

    #[test]
    fn k_09_a_request_ends_by_itself() {
        let roster = zoe_asks();
        let later = NOW + JOIN_REQUEST_LIFE;
        assert_eq!(roster.join_requests(later).count(), 0);
        let outcome = JoinOutcome::Expired;
        let late = roster.accept_join_request(ANA.by_at(later), asks(ZOE).id, &Permissions::none());
        assert_eq!(late, Err(Violation::JoinRequestEnded { outcome }));
    }

    #[test]
    fn k_09_a_person_takes_the_own_request_back() {
        let roster = zoe_asks();
        let id = asks(ZOE).id;
        assert_eq!(roster.withdraw_join_request(ANA.by(), id), Err(Violation::NotFound));
        let withdrawn = roster.withdraw_join_request(ZOE.by(), id);
        assert!(news(&roster, withdrawn.as_ref().unwrap()).is_empty());
        assert_eq!(roster.then(withdrawn).join_requests(NOW).count(), 0);
    }

    #[test]
    fn k_09_a_request_is_gone_when_the_person_comes_by_another_way() {
        let roster = zoe_asks();
        let joins = vec![Change::MemberAdded {
            user: ZOE.user(),
            contact: None,
            permissions: Permissions::none(),
        }];
        let changes = roster.with_consequences(joins, NOW, &BTreeSet::new());
        let outcome = JoinOutcome::Joined;
        let end = Change::JoinRequestEnded {
            request: asks(ZOE).id,
            user: ZOE.user(),
            outcome,
        };
        assert_eq!(changes.last(), Some(&end));
        let let_in = roster
            .accept_join_request(ANA.by(), asks(ZOE).id, &Permissions::none())
            .unwrap();
        let changes = roster.with_consequences(let_in.clone(), NOW, &BTreeSet::new());
        assert_eq!(changes, let_in);
    }

    #[test]
    fn outcomes_are_known_by_their_names() {
        for outcome in JoinOutcome::ALL {
            assert_eq!(JoinOutcome::from_name(outcome.as_str()), Some(outcome));
        }
        assert_eq!(JoinOutcome::from_name("waiting"), None);
    }
}
