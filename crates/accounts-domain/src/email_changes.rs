//! Changes of the address that a user logs in with: asked for by the person, proven from the new address, and undone
//! from the old one. No contact's address moves with it: the two are apart.

use chrono::{DateTime, TimeDelta, Utc};

use crate::address::EmailAddress;
use crate::ids::EmailChangeId;
use crate::sessions::EndReason;
use crate::users::{Person, UserChange};
use crate::violation::Violation;

/// How long the link works that proves the new address.
pub const EMAIL_CHANGE_LIFE: TimeDelta = TimeDelta::hours(24);

/// How long the link works by which the old address undoes a change.
pub const EMAIL_UNDO_LIFE: TimeDelta = TimeDelta::days(7);

/// A change that waits for its proof, or that was made and can be undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmailChange {
    /// Its id.
    pub id: EmailChangeId,
    /// The address when it was asked for.
    pub from: EmailAddress,
    /// The address that it is to be.
    pub to: EmailAddress,
    /// When the link to the new address ends.
    pub expires_at: DateTime<Utc>,
    /// Until when the old address may undo it; nothing as long as it waits.
    pub undo_until: Option<DateTime<Utc>>,
}

/// What is mailed to the address that somebody wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asking {
    /// The link that proves it.
    Proof,
    /// Word that it has a log-in already. Whoever asked is not told.
    Known,
    /// Nothing: it has had enough mails for a while.
    Nothing,
}

impl EmailChange {
    fn waits(&self, at: DateTime<Utc>) -> bool {
        self.undo_until.is_none() && at < self.expires_at
    }

    fn can_be_undone(&self, at: DateTime<Utc>) -> bool {
        self.undo_until.is_some_and(|until| at < until)
    }
}

impl Person {
    /// Asks for another address. An earlier wish that waits gives way; the present address is no wish.
    pub fn ask_email_change(
        &self,
        id: EmailChangeId,
        to: &EmailAddress,
        asking: Asking,
        at: DateTime<Utc>,
    ) -> Vec<UserChange> {
        if to.key() == self.user.address.key() {
            return Vec::new();
        }
        let mut changes = self.withdraw_email_change();
        let change = EmailChange {
            id,
            from: self.user.address.clone(),
            to: to.clone(),
            expires_at: at + EMAIL_CHANGE_LIFE,
            undo_until: None,
        };
        changes.push(UserChange::EmailChangeAsked { change, asking });
        changes
    }

    /// Takes back the wish that waits, if there is one.
    pub fn withdraw_email_change(&self) -> Vec<UserChange> {
        let waiting = self.email_changes.values().filter(|change| change.undo_until.is_none());
        waiting
            .map(|change| UserChange::EmailChangeEnded { change: change.id })
            .collect()
    }

    /// Proves the new address: the person logs in with it from now on, and reset links to the old one are dead.
    ///
    /// # Errors
    /// [`Violation::LinkExpired`] where the change does not wait any more, or the address is no longer free.
    pub fn confirm_email_change(
        &self,
        id: EmailChangeId,
        is_free: bool,
        at: DateTime<Utc>,
    ) -> Result<Vec<UserChange>, Violation> {
        let change = self.email_changes.get(&id).filter(|change| change.waits(at) && is_free);
        let change = change.ok_or(Violation::LinkExpired)?;
        let mut changes = vec![UserChange::EmailChanged {
            change: id,
            to: change.to.clone(),
            undo_until: at + EMAIL_UNDO_LIFE,
        }];
        changes.extend(self.dead_resets());
        Ok(changes)
    }

    /// Undoes a change from the old address. Whoever made it may not be the person: every session ends, and so does
    /// every later change.
    ///
    /// # Errors
    /// [`Violation::LinkExpired`] where it cannot be undone any more, or the old address is somebody else's by now.
    pub fn undo_email_change(
        &self,
        id: EmailChangeId,
        is_free: bool,
        at: DateTime<Utc>,
    ) -> Result<Vec<UserChange>, Violation> {
        let change = self.email_changes.get(&id);
        let change = change.filter(|change| change.can_be_undone(at) && is_free);
        let change = change.ok_or(Violation::LinkExpired)?;
        let mut changes = vec![UserChange::EmailChangeUndone {
            change: id,
            to: change.from.clone(),
        }];
        let later = |other: &&EmailChange| other.id > id || (other.undo_until.is_none() && other.id != id);
        let ended = self.email_changes.values().filter(later);
        changes.extend(ended.map(|other| UserChange::EmailChangeEnded { change: other.id }));
        changes.extend(self.dead_resets());
        changes.extend(self.sessions.keys().map(|session| UserChange::SessionEnded {
            session: *session,
            reason: EndReason::AddressRestored,
        }));
        Ok(changes)
    }

    fn dead_resets(&self) -> impl Iterator<Item = UserChange> {
        self.resets.keys().map(|reset| UserChange::ResetSpent { reset: *reset })
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::mail::Letter;
    use crate::users::tests::{at, person, reset_id, session};

    fn id(number: u128) -> EmailChangeId {
        EmailChangeId::from_uuid(Uuid::from_u128(number))
    }

    fn new_address() -> EmailAddress {
        EmailAddress::parse("ana@new.example").unwrap()
    }

    /// Ana, who has asked for another address at the minute 0.
    fn asking() -> Person {
        let mut ana = person();
        let asked = ana.ask_email_change(id(1), &new_address(), Asking::Proof, at(0));
        let [UserChange::EmailChangeAsked { change, .. }] = asked.as_slice() else {
            panic!("{asked:?}");
        };
        ana.email_changes.insert(change.id, change.clone());
        ana
    }

    /// Ana, whose address was changed at the minute 1.
    fn changed() -> Person {
        let mut ana = asking();
        ana.user.address = new_address();
        ana.email_changes.get_mut(&id(1)).unwrap().undo_until = Some(at(1) + EMAIL_UNDO_LIFE);
        ana
    }

    fn readers(ana: &Person, changes: &[UserChange]) -> Vec<(String, Letter)> {
        let mails = ana.mails(changes).into_iter();
        mails.map(|mail| (mail.to.to_string(), mail.letter)).collect()
    }

    #[test]
    fn a_change_waits_for_the_new_address_and_the_last_wish_counts() {
        let ana = asking();
        let other = EmailAddress::parse("ana@third.example").unwrap();
        let changes = ana.ask_email_change(id(2), &other, Asking::Proof, at(5));
        assert_eq!(changes.first(), Some(&UserChange::EmailChangeEnded { change: id(1) }));
        let name = "Ana".to_owned();
        let letter = Letter::ConfirmEmailChange {
            email_change: id(2),
            name: name.clone(),
        };
        assert_eq!(readers(&ana, &changes), [("ana@third.example".to_owned(), letter)]);
        // Whoever has the address is told, and a mailbox that was written to enough is left alone.
        let known = person().ask_email_change(id(1), &other, Asking::Known, at(0));
        let letter = Letter::EmailChangeKnown { name };
        assert_eq!(readers(&ana, &known), [("ana@third.example".to_owned(), letter)]);
        let silent = person().ask_email_change(id(1), &other, Asking::Nothing, at(0));
        assert_eq!(readers(&ana, &silent), []);
        assert_eq!(ana.ask_email_change(id(2), &ana.user.address, Asking::Known, at(5)), []);
    }

    #[test]
    fn the_old_address_is_told_and_older_links_to_it_are_dead() {
        let ana = asking();
        let changes = ana.confirm_email_change(id(1), true, at(1)).unwrap();
        assert!(changes.contains(&UserChange::ResetSpent { reset: reset_id() }));
        let letter = Letter::EmailChanged {
            email_change: id(1),
            name: "Ana".to_owned(),
        };
        assert_eq!(readers(&ana, &changes), [("ana@lima.example".to_owned(), letter)]);
        // Nobody is logged out by a change of their own.
        assert!(
            !changes
                .iter()
                .any(|change| matches!(change, UserChange::SessionEnded { .. }))
        );
    }

    #[test]
    fn a_change_is_proven_in_time_once_and_for_a_free_address() {
        let expired = Err(Violation::LinkExpired);
        assert!(asking().confirm_email_change(id(1), true, at(24 * 60 - 1)).is_ok());
        assert_eq!(asking().confirm_email_change(id(1), true, at(24 * 60)), expired);
        assert_eq!(asking().confirm_email_change(id(1), false, at(1)), expired);
        assert_eq!(asking().confirm_email_change(id(2), true, at(1)), expired);
        assert_eq!(changed().confirm_email_change(id(1), true, at(2)), expired);
    }

    #[test]
    fn undoing_a_change_ends_every_session_and_every_later_change() {
        let mut ana = changed();
        let mut later = ana.email_changes[&id(1)].clone();
        later.id = id(2);
        ana.email_changes.insert(later.id, later);
        let changes = ana.undo_email_change(id(1), true, at(2)).unwrap();
        assert_eq!(
            changes,
            [
                UserChange::EmailChangeUndone {
                    change: id(1),
                    to: EmailAddress::parse("ana@lima.example").unwrap()
                },
                UserChange::EmailChangeEnded { change: id(2) },
                UserChange::ResetSpent { reset: reset_id() },
                UserChange::SessionEnded {
                    session: session(2).id,
                    reason: EndReason::AddressRestored
                },
            ]
        );
        let letter = Letter::EmailChangeUndone { name: "Ana".to_owned() };
        assert_eq!(readers(&ana, &changes), [("ana@lima.example".to_owned(), letter)]);
    }

    #[test]
    fn a_change_is_undone_within_a_week_of_its_proof() {
        let week = 7 * 24 * 60 + 1;
        assert!(changed().undo_email_change(id(1), true, at(week - 1)).is_ok());
        for refused in [
            changed().undo_email_change(id(1), true, at(week)),
            changed().undo_email_change(id(1), false, at(2)),
            asking().undo_email_change(id(1), true, at(2)),
            person().undo_email_change(id(1), true, at(2)),
        ] {
            assert_eq!(refused, Err(Violation::LinkExpired));
        }
    }
}
