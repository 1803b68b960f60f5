//! Invitations: made, listed, and answered by whoever was invited.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use accounts_domain::actor::Actor;
use accounts_domain::change::Change;
use accounts_domain::ids::{AccountId, InvitationId, SendingId, UserId};
use accounts_domain::invitations::{InvitationRecord, Invite, Invitee};
use accounts_domain::names::DisplayName;
use accounts_domain::roster::Roster;
use accounts_domain::users::{PasswordHash, User, UserStatus};
use accounts_domain::violation::Violation;
use diesel::prelude::*;

use crate::backend::Conn;
use crate::decide::{Decision, conclude, lock_and_load};
use crate::error::{Fault, Stop, StoreError};
use crate::lanes::Verdict;
use crate::roster;
use crate::roster::{InvitationFilter, Named};
use crate::rows::parse;
use crate::schema::users;
use crate::store::{Act, DecideError, Ground, Kept, Refusal, Store};
use crate::throttles::{self, Throttle};
use crate::users::{load_by_address, new_user};

/// One of several invitations that are made at once.
#[derive(Debug, Clone)]
pub struct InviteEntry {
    /// Who is invited, to what.
    pub command: Invite,
    /// How many mails there may be, of the account and to the address.
    pub throttles: Vec<Throttle>,
}

/// What has become of each of several invitations, in their order.
pub type Invited = Vec<Result<InvitationRecord, Violation>>;

/// Where the link of an invitation leads.
#[derive(Debug, Clone)]
pub struct InvitationTarget {
    /// The account.
    pub roster: Roster,
    /// The invitation.
    pub record: InvitationRecord,
    /// The user of the invited address, if there is one.
    pub user: Option<User>,
}

/// How whoever followed the link of an invitation is to log in.
#[derive(Debug, Clone)]
pub enum Joining {
    /// With the log-in that the address has, whose password was checked against this hash.
    Known {
        /// The hash.
        checked: PasswordHash,
    },
    /// With a new one.
    New {
        /// Its id.
        user: UserId,
        /// How the person is called.
        display_name: DisplayName,
        /// The hash of the password that was chosen.
        hash: PasswordHash,
    },
}

impl Joining {
    /// The user who is to be made. Nobody is, where the log-in was to be there already.
    fn new_user(&self) -> UserId {
        match self {
            Self::Known { .. } => UserId::new(),
            Self::New { user, .. } => *user,
        }
    }
}

/// The answer of somebody who is logged in to an invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvitationAnswer {
    /// Yes.
    Accept,
    /// No.
    Decline,
}

impl Store {
    /// Invites several people at once, each by the rules upon what those before have left, and mails them. What is
    /// refused for one does not keep the others from being invited, unless `refused` finds that it stands against
    /// all of it.
    ///
    /// # Errors
    /// [`DecideError`]; nothing has changed then.
    pub async fn invite<A>(
        &self,
        account: AccountId,
        entries: Vec<InviteEntry>,
        refused: fn(&Invited) -> Option<Violation>,
        act: &Act,
        answer: A,
    ) -> Result<(Decision, Invited), DecideError>
    where
        A: Fn(&Decision, &Invited) -> Kept + Send + 'static,
    {
        let (ground, act) = (self.ground.clone(), act.clone());
        self.transact(move |conn| {
            let locked = lock_and_load(conn, &ground, account, &act)?;
            let (changes, invited) = invite_each(conn, &locked.before, &entries, &act)?;
            if let Some(violation) = refused(&invited) {
                return Err(violation.into());
            }
            let verdict = conclude(conn, &act, locked, changes, &|decision| answer(decision, &invited))?;
            Ok(with(verdict, invited))
        })
        .await
    }

    /// Changes one invitation of an account as [`Store::decide`] does, and tells it as it stands afterwards. `decide`
    /// also sees the user that the invited address has. Where the changes call for a mail, the throttles count it.
    ///
    /// # Errors
    /// [`DecideError`]; nothing has changed then.
    pub async fn decide_invitation<D, A>(
        &self,
        account: AccountId,
        id: InvitationId,
        throttles: impl Fn(&InvitationRecord) -> Vec<Throttle> + Send + 'static,
        act: &Act,
        decide: D,
        answer: A,
    ) -> Result<(Decision, InvitationRecord), DecideError>
    where
        D: Fn(&Roster, &InvitationRecord, Option<UserId>) -> Result<Vec<Change>, Violation> + Send + 'static,
        A: Fn(&Decision, &InvitationRecord) -> Kept + Send + 'static,
    {
        let (ground, act) = (self.ground.clone(), act.clone());
        self.transact(move |conn| {
            let locked = lock_and_load(conn, &ground, account, &act)?;
            let (_, record) = find(conn, Named::Of(account, id))?.ok_or(Stop::Refused(Refusal::NotFound))?;
            let known = load_by_address(conn, record.invitation.address.key())?;
            let changes = decide(&locked.before, &record, known.map(|user| user.id))?;
            if changes
                .iter()
                .any(|change| matches!(change, Change::InvitationResent { .. }))
            {
                count(conn, &throttles(&record), &act)?;
            }
            let told = record.after(&changes, act.at);
            let verdict = conclude(conn, &act, locked, changes, &|decision| answer(decision, &told))?;
            Ok(with(verdict, told))
        })
        .await
    }

    /// Answers an invitation for the user of the invited address, who is logged in.
    ///
    /// # Errors
    /// [`DecideError::NotFound`] also to everybody else.
    pub async fn answer_invitation<A>(
        &self,
        id: InvitationId,
        user: UserId,
        with_what: InvitationAnswer,
        act: &Act,
        answer: A,
    ) -> Result<(Decision, InvitationRecord), DecideError>
    where
        A: Fn(&Decision, &InvitationRecord) -> Kept + Send + 'static,
    {
        let (ground, act) = (self.ground.clone(), act.clone());
        self.transact(move |conn| {
            let missing = || Stop::Refused(Refusal::NotFound);
            let (account, _) = find(conn, Named::Any(id))?.ok_or_else(missing)?;
            let locked = lock_and_load(conn, &ground, account, &act)?;
            let (_, record) = find(conn, Named::Of(account, id))?.ok_or_else(missing)?;
            let person = crate::users::load_user(conn, user)?.ok_or_else(missing)?;
            let invitee = Invitee {
                user,
                address_key: person.address.key(),
            };
            let changes = match with_what {
                InvitationAnswer::Accept => locked.before.accept_invitation(act.by(), &record, &invitee)?,
                InvitationAnswer::Decline => locked.before.decline_invitation(act.by(), &record, &invitee)?,
            };
            let told = record.after(&changes, act.at);
            let verdict = conclude(conn, &act, locked, changes, &|decision| answer(decision, &told))?;
            Ok(with(verdict, told))
        })
        .await
    }

    /// Makes whoever followed the link of an invitation a member: with the log-in that its address has, or with a
    /// new one.
    ///
    /// # Errors
    /// [`Violation::LinkExpired`] for a link that a later mailing has replaced; [`Violation::WrongPassword`] where
    /// the password has changed since it was checked; whatever stands against the invitation.
    pub async fn join<A>(
        &self,
        sending: SendingId,
        joining: Joining,
        act: &Act,
        answer: A,
    ) -> Result<(Decision, InvitationRecord), DecideError>
    where
        A: Fn(&Decision, &InvitationRecord) -> Kept + Send + 'static,
    {
        let (ground, act) = (self.ground.clone(), act.clone());
        self.transact(move |conn| {
            let (locked, record) = lock_link(conn, &ground, sending, &act)?;
            let known = load_by_address(conn, record.invitation.address.key())?;
            let user = known.as_ref().map_or_else(|| joining.new_user(), |user| user.id);
            let invitee = Invitee {
                user,
                address_key: record.invitation.address.key(),
            };
            let changes = locked.before.accept_invitation(act.by(), &record, &invitee)?;
            require_login(known.as_ref(), &joining)?;
            if let Joining::New {
                user,
                display_name,
                hash,
            } = &joining
            {
                let (address, language) = (record.invitation.address.clone(), record.invitation.language);
                let user = new_user(
                    *user,
                    address,
                    display_name.clone(),
                    language,
                    Some(hash.clone()),
                    act.at,
                );
                if !crate::users::insert(conn, &user)? {
                    return Err(Fault::overtaken("the address has got a user").into());
                }
            }
            // Who has shown the password is the person, and not just somebody with the link.
            let act = match &joining {
                Joining::Known { .. } => act.as_actor(Actor::User(user)),
                Joining::New { .. } => act.clone(),
            };
            let told = record.after(&changes, act.at);
            let verdict = conclude(conn, &act, locked, changes, &|decision| answer(decision, &told))?;
            Ok(with(verdict, told))
        })
        .await
    }

    /// Declines the invitation whose link was followed.
    ///
    /// # Errors
    /// As for joining.
    pub async fn decline_by_link<A>(&self, sending: SendingId, act: &Act, answer: A) -> Result<Decision, DecideError>
    where
        A: Fn(&Decision) -> Kept + Send + 'static,
    {
        let (ground, act) = (self.ground.clone(), act.clone());
        self.transact(move |conn| {
            let (locked, record) = lock_link(conn, &ground, sending, &act)?;
            let known = load_by_address(conn, record.invitation.address.key())?;
            let invitee = Invitee {
                // Whoever has no log-in has no place in the account either.
                user: known.map_or_else(UserId::new, |user| user.id),
                address_key: record.invitation.address.key(),
            };
            let changes = locked.before.decline_invitation(act.by(), &record, &invitee)?;
            conclude(conn, &act, locked, changes, &answer)
        })
        .await
    }

    /// Finds what the link of a mailing leads to.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn invitation_target(&self, sending: SendingId) -> Result<Option<InvitationTarget>, StoreError> {
        let catalog = Arc::clone(&self.ground.catalog);
        let work = move |conn: &mut Conn| {
            let Some((account, record)) = find(conn, Named::Sent(sending))? else {
                return Ok(None);
            };
            let Some(roster) = roster::load(conn, account, &catalog)? else {
                return Ok(None);
            };
            let user = load_by_address(conn, record.invitation.address.key())?;
            Ok(Some(InvitationTarget { roster, record, user }))
        };
        self.lanes.read_consistent(work).await
    }

    /// Reads one invitation of an account.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn invitation(
        &self,
        account: AccountId,
        id: InvitationId,
    ) -> Result<Option<InvitationRecord>, StoreError> {
        self.lanes
            .read(move |conn| Ok(find(conn, Named::Of(account, id))?.map(|(_, record)| record)))
            .await
    }

    /// Reads invitations of an account, the latest first, beginning after one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn invitations(
        &self,
        account: AccountId,
        filter: Option<InvitationFilter>,
        after: Option<InvitationId>,
        limit: i64,
    ) -> Result<Vec<InvitationRecord>, StoreError> {
        self.lanes
            .read(move |conn| roster::load_invitations(conn, account, filter.as_ref(), after, limit))
            .await
    }

    /// Reads the invitations that wait for a user, the latest first, beginning after one, each with its account.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn invitations_to(
        &self,
        user: UserId,
        after: Option<InvitationId>,
        limit: i64,
        at: chrono::DateTime<chrono::Utc>,
    ) -> Result<Vec<(Arc<Roster>, InvitationRecord)>, StoreError> {
        let ground = self.ground.clone();
        let work = move |conn: &mut Conn| {
            let Some(person) = crate::users::load_user(conn, user)? else {
                return Ok(Vec::new());
            };
            let found = roster::load_to_address(conn, person.address.key(), at, after, limit)?;
            let mut waiting = Vec::new();
            for (account, revision, record) in found {
                let snapshot = ground.snapshots.rosters.at(account.uuid(), revision);
                let roster = match snapshot {
                    Some(roster) => Some(roster),
                    None => roster::load(conn, account, &ground.catalog)?.map(Arc::new),
                };
                waiting.extend(roster.map(|roster| (roster, record)));
            }
            Ok(waiting)
        };
        self.lanes.read_consistent(work).await
    }
}

/// The keys of the addresses of those whose membership ends by these changes, where an invitation could be to one.
pub(crate) fn addresses_of_removed(
    conn: &mut Conn,
    before: &Roster,
    changes: &[Change],
) -> Result<BTreeSet<String>, Fault> {
    let removed = changes.iter().filter_map(|change| {
        if let Change::MemberRemoved { user, .. } | Change::MemberLeft { user, .. } = change {
            Some(user.to_string())
        } else {
            None
        }
    });
    let removed: Vec<String> = removed.collect();
    if removed.is_empty() || before.invitations().next().is_none() {
        return Ok(BTreeSet::new());
    }
    let keys: Vec<String> = users::table
        .filter(users::id.eq_any(removed))
        .select(users::address_key)
        .load(conn)?;
    Ok(keys.into_iter().collect())
}

fn find(conn: &mut Conn, which: Named) -> Result<Option<(AccountId, InvitationRecord)>, Fault> {
    roster::load_invitation(conn, which)
}

/// Invites each by the rules, and counts the mails of those who may be.
fn invite_each(
    conn: &mut Conn,
    before: &Roster,
    entries: &[InviteEntry],
    act: &Act,
) -> Result<(Vec<Change>, Invited), Stop<Refusal>> {
    let known = users_of(conn, entries)?;
    let mut order: Vec<usize> = (0..entries.len()).collect();
    // The rows of counters are locked in one order, whoever counts; the first of several to one address wins.
    order.sort_by_key(|index| entries.get(*index).map(|entry| entry.command.address.key()));
    let mut present = before.clone();
    let mut changes = Vec::new();
    let mut outcomes = BTreeMap::new();
    for index in order {
        let Some(entry) = entries.get(index) else { continue };
        let user = known.get(entry.command.address.key()).copied();
        let outcome = match present.invite(act.by(), &entry.command, user) {
            Ok(made) => match count(conn, &entry.throttles, act) {
                Ok(()) => Ok(made),
                Err(Stop::Refused(Refusal::Violation(violation))) => Err(violation),
                Err(stop) => return Err(stop),
            },
            Err(violation) => Err(violation),
        };
        let outcome = outcome.map(|made| {
            present = present.clone().after(&made, act.at);
            let record = sent(&made);
            changes.extend(made);
            record
        });
        outcomes.insert(index, outcome);
    }
    let invited: Invited = outcomes
        .into_values()
        .map(|outcome| outcome.and_then(|record| record.ok_or(Violation::NotFound)))
        .collect();
    Ok((changes, invited))
}

fn sent(changes: &[Change]) -> Option<InvitationRecord> {
    changes.iter().find_map(|change| {
        if let Change::InvitationSent { invitation, by_name } = change {
            Some(InvitationRecord {
                invitation: (**invitation).clone(),
                inviter_name: by_name.clone(),
                ended: None,
            })
        } else {
            None
        }
    })
}

/// The users that the addresses have.
fn users_of(conn: &mut Conn, entries: &[InviteEntry]) -> Result<BTreeMap<String, UserId>, Fault> {
    let keys: BTreeSet<&str> = entries.iter().map(|entry| entry.command.address.key()).collect();
    users_with(conn, keys)
}

/// The users who log in with addresses of these keys.
pub(crate) fn users_with(conn: &mut Conn, keys: BTreeSet<&str>) -> Result<BTreeMap<String, UserId>, Fault> {
    let rows = users::table
        .filter(users::address_key.eq_any(keys))
        .select((users::address_key, users::id))
        .load::<(String, String)>(conn)?;
    rows.into_iter()
        .map(|(key, id)| Ok((key, parse("users.id", &id)?)))
        .collect()
}

/// Counts a mail, and refuses it beyond a limit.
pub(crate) fn count(conn: &mut Conn, throttles: &[Throttle], act: &Act) -> Result<(), Stop<Refusal>> {
    for throttle in throttles {
        if !throttles::count(conn, throttle, act.at)? {
            let end = throttles::window_end(conn, throttle, act.at)?;
            let wait = end.map_or(throttle.window, |end| end - act.at);
            return Err(Violation::TooManyMails { wait }.into());
        }
    }
    Ok(())
}

/// Locks the account of a link, and reads its invitation. One that was replaced meanwhile is dead.
fn lock_link(
    conn: &mut Conn,
    ground: &Ground,
    sending: SendingId,
    act: &Act,
) -> Result<(crate::decide::Locked, InvitationRecord), Stop<Refusal>> {
    let dead = || Stop::from(Violation::LinkExpired);
    let (account, _) = find(conn, Named::Sent(sending))?.ok_or_else(dead)?;
    let locked = lock_and_load(conn, ground, account, act)?;
    let (_, record) = find(conn, Named::Sent(sending))?.ok_or_else(dead)?;
    Ok((locked, record))
}

/// Whether the log-in that was shown is the one there is. Where the address has got one since, the person is asked
/// again.
fn require_login(known: Option<&User>, joining: &Joining) -> Result<(), Stop<Refusal>> {
    match (known, joining) {
        (Some(user), Joining::Known { checked })
            if user.status == UserStatus::Active && user.password_hash.as_ref() == Some(checked) =>
        {
            Ok(())
        }
        (None, Joining::New { .. }) => Ok(()),
        (Some(_) | None, Joining::Known { .. }) => Err(Violation::WrongPassword.into()),
        (Some(_), Joining::New { .. }) => Err(Fault::overtaken("the address has got a user").into()),
    }
}

/// What was decided, with what is told of it.
fn with<T>(verdict: Verdict<Decision>, told: T) -> Verdict<(Decision, T)> {
    match verdict {
        Verdict::Keep(decision, marks) => Verdict::Keep((decision, told), marks),
        Verdict::Discard(decision) => Verdict::Discard((decision, told)),
    }
}
