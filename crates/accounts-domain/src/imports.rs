//! Contacts that come in many at once, from a table of another system (K-01).
//!
//! A row that asks for a log-in invites its person. Where the catalog lets contacts log in, the invitation is made for
//! the contact of the row; where it does not, the contact and the member are two, as they are everywhere else.

use std::collections::{BTreeMap, BTreeSet};

use crate::actor::By;
use crate::catalog::ContactLogin;
use crate::change::Change;
use crate::contacts::CreateContact;
use crate::ids::{ContactId, InvitationId, SendingId, UserId};
use crate::invitations::{InvitationLife, Invite};
use crate::names::DisplayName;
use crate::permission::{Permissions, ServicePermission};
use crate::roster::{Contact, Roster};
use crate::violation::Violation;

/// One row, with the ids of what it may bring about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportRow {
    /// The contact; `login` holds the permissions of the person who is to log in, where one is.
    pub contact: CreateContact,
    /// The id of the invitation.
    pub invitation: InvitationId,
    /// The id of its first mailing.
    pub sending: SendingId,
}

/// A table of contacts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// Its rows, in their order.
    pub rows: Vec<ImportRow>,
    /// How whoever imports is called, for the mails of the invitations.
    pub by_name: Option<DisplayName>,
}

/// What a row brings about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Imported {
    /// A contact more.
    Created {
        /// The contact.
        contact: ContactId,
    },
    /// An invitation, for a contact that there is or that came with it.
    Invited {
        /// The contact.
        contact: ContactId,
        /// The invitation.
        invitation: InvitationId,
    },
    /// Nothing: the account knows the address, and whoever is to log in does or is invited.
    Unchanged {
        /// The contact that has the address.
        contact: ContactId,
    },
}

/// What has become of each row, in their order.
pub type ImportOutcome = Vec<Result<Imported, Violation>>;

impl Roster {
    /// The greatest number of rows of a table: no account has more contacts.
    pub const IMPORTED_ROWS: usize = 1_000;

    /// Adds the contacts of a table, each upon what the rows before have left, and invites those who are to log in. A
    /// row whose address the account knows adds no contact, so that the same table may come twice. `known` are the
    /// users of the rows' addresses, by the key of the address.
    ///
    /// Each row is judged, so that all faults are told at once; whether one that is refused stands against all of them
    /// is the caller's to say, by [`all_or_nothing`].
    ///
    /// # Errors
    /// Needs `contacts:manage`; refused to an account that is suspended or closed.
    pub fn import(
        &self,
        by: By,
        import: &Import,
        known: &BTreeMap<String, UserId>,
    ) -> Result<(Vec<Change>, ImportOutcome), Violation> {
        self.require(by, ServicePermission::ContactsManage)?;
        self.require_active()?;
        let mut present = self.clone();
        let mut seen = BTreeSet::new();
        let mut changes = Vec::new();
        let mut outcomes = Vec::with_capacity(import.rows.len());
        for row in &import.rows {
            let address = &row.contact.address;
            let outcome = if seen.insert(address.key()) {
                present.import_row(by, row, import, known.get(address.key()).copied())
            } else {
                Err(Violation::AddressTaken {
                    address: address.clone(),
                })
            };
            outcomes.push(outcome.map(|(imported, made)| {
                present = present.clone().after(&made, by.at);
                changes.extend(made);
                imported
            }));
        }
        Ok((changes, outcomes))
    }

    fn import_row(
        &self,
        by: By,
        row: &ImportRow,
        import: &Import,
        user: Option<UserId>,
    ) -> Result<(Imported, Vec<Change>), Violation> {
        let Some(permissions) = &row.contact.login else {
            return self.import_contact(by, &row.contact);
        };
        let alone = CreateContact {
            login: None,
            ..row.contact.clone()
        };
        let (added, mut changes) = self.import_contact(by, &alone)?;
        let with_contact = self.clone().after(&changes, by.at);
        let contact = added.contact();
        if with_contact.logs_in_or_is_invited(by, contact, row, user) {
            return Ok((added, changes));
        }
        let invite = with_contact.invite_of(contact, row, permissions, import);
        changes.extend(with_contact.invite(by, &invite, user)?);
        let invited = Imported::Invited {
            contact,
            invitation: row.invitation,
        };
        Ok((invited, changes))
    }

    fn import_contact(&self, by: By, command: &CreateContact) -> Result<(Imported, Vec<Change>), Violation> {
        if let Some(there) = self.contact_with_address(command.address.key()) {
            return Ok((Imported::Unchanged { contact: there.id }, Vec::new()));
        }
        let contact = command.id;
        Ok((Imported::Created { contact }, self.create_contact(by, command)?))
    }

    /// Whether the person of a row needs no invitation.
    fn logs_in_or_is_invited(&self, by: By, contact: ContactId, row: &ImportRow, user: Option<UserId>) -> bool {
        let member = user.is_some_and(|user| self.member(user).is_some());
        let key = row.contact.address.key();
        let waits = self
            .waiting_invitations(by.at)
            .any(|invitation| invitation.address.key() == key);
        member || self.member_of_contact(contact).is_some() || waits
    }

    /// The invitation of a row: for its contact, where the catalog lets contacts log in by such an invitation.
    fn invite_of(&self, contact: ContactId, row: &ImportRow, permissions: &Permissions, import: &Import) -> Invite {
        let command = &row.contact;
        let has_address = |contact: &Contact| contact.address.email.key() == command.address.key();
        let becomes_login = match self.catalog().policy().contact_login {
            ContactLogin::OnVerification | ContactLogin::OnRequest => {
                contact != self.owner() && self.contact(contact).is_ok_and(has_address)
            }
            ContactLogin::Never => false,
        };
        Invite {
            id: row.invitation,
            sending: row.sending,
            address: command.address.clone(),
            display_name: Some(command.profile.display_name.clone()),
            language: command.profile.language,
            permissions: permissions.clone(),
            contact: becomes_login.then_some(contact),
            life: InvitationLife::default(),
            by_name: import.by_name.clone(),
        }
    }
}

impl Imported {
    /// The contact of the row.
    pub fn contact(&self) -> ContactId {
        match self {
            Self::Created { contact } | Self::Invited { contact, .. } | Self::Unchanged { contact } => *contact,
        }
    }
}

/// The changes of an import, unless a row was refused: then there are none at all.
pub fn all_or_nothing(changes: Vec<Change>, outcome: &ImportOutcome) -> Option<Vec<Change>> {
    outcome.iter().all(Result::is_ok).then_some(changes)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::address::EmailAddress;
    use crate::given::{ANA, BEA, CEM, Person, SYSTEM, ZOE, chosen, hosting, roles, saas_suite, sending_id, standard};
    use crate::invitations::InvitationRecord;

    fn row(person: Person) -> ImportRow {
        ImportRow {
            contact: person.added(),
            invitation: InvitationId::from_uuid(Uuid::from_u128(person.0.into())),
            sending: sending_id(person.0),
        }
    }

    fn with_login(person: Person, permissions: Permissions) -> ImportRow {
        let mut row = row(person);
        row.contact.login = Some(permissions);
        row
    }

    fn table(rows: Vec<ImportRow>) -> Import {
        Import { rows, by_name: None }
    }

    fn imported(roster: &Roster, by: By, rows: Vec<ImportRow>) -> (Vec<Change>, ImportOutcome) {
        roster.import(by, &table(rows), &BTreeMap::new()).unwrap()
    }

    fn created(person: Person) -> Imported {
        Imported::Created {
            contact: person.contact(),
        }
    }

    #[test]
    fn rows_become_contacts_and_those_that_are_there_stay() {
        let roster = standard().with(BEA);
        let (changes, outcome) = imported(&roster, ANA.by(), vec![row(BEA), row(CEM)]);
        let there = Imported::Unchanged { contact: BEA.contact() };
        assert_eq!(outcome, [Ok(there), Ok(created(CEM))]);
        let after = roster.then(Ok(changes));
        assert_eq!(after.contacts().count(), 3);
        // The same table once more changes nothing.
        let (changes, outcome) = imported(&after, ANA.by(), vec![row(BEA), row(CEM)]);
        assert_eq!(changes, []);
        assert!(outcome.iter().all(Result::is_ok));
    }

    #[test]
    fn k_01_a_row_with_a_login_becomes_an_invitation_beside_its_contact() {
        let chosen = chosen(&["tickets:view"]);
        let roster = hosting();
        let (changes, outcome) = imported(&roster, ANA.by(), vec![with_login(BEA, chosen.clone())]);
        let invited = Imported::Invited {
            contact: BEA.contact(),
            invitation: row(BEA).invitation,
        };
        assert_eq!(outcome, [Ok(invited)]);
        let after = roster.then(Ok(changes));
        let invitation = after.invitations().next().unwrap();
        assert_eq!(invitation.permissions, chosen);
        // Contacts never log in here, so that the member will be one beside the contact.
        assert_eq!(invitation.contact, None);
        assert!(after.member_of_contact(BEA.contact()).is_none());
        let record = InvitationRecord {
            invitation: invitation.clone(),
            inviter_name: None,
            ended: None,
        };
        assert_eq!(after.invitation_outcome(&record, ANA.by().at), None);
    }

    #[test]
    fn where_contacts_log_in_the_invitation_is_made_for_the_contact() {
        let roster = standard().with(BEA);
        let (changes, outcome) = imported(&roster, ANA.by(), vec![with_login(BEA, Permissions::All)]);
        assert!(matches!(outcome[0], Ok(Imported::Invited { .. })), "{outcome:?}");
        let after = roster.then(Ok(changes));
        assert_eq!(after.invitations().next().unwrap().contact, Some(BEA.contact()));
        // Who is invited is not invited again, and who logs in is not either.
        let again = imported(&after, ANA.by(), vec![with_login(BEA, Permissions::All)]);
        let unchanged = |person: Person| {
            Ok(Imported::Unchanged {
                contact: person.contact(),
            })
        };
        assert_eq!(again, (Vec::new(), vec![unchanged(BEA)]));
        let owner = imported(&after, ANA.by(), vec![with_login(ANA, Permissions::All)]);
        assert_eq!(owner, (Vec::new(), vec![unchanged(ANA)]));
    }

    #[test]
    fn an_address_stands_once_in_a_table() {
        let mut double = row(CEM);
        double.contact.address = EmailAddress::parse("BEA@Lima.example").unwrap();
        let (_, outcome) = imported(&standard(), ANA.by(), vec![row(BEA), double.clone()]);
        let taken = |address: EmailAddress| Err(Violation::AddressTaken { address });
        assert_eq!(outcome, [Ok(created(BEA)), taken(double.contact.address)]);
        // Nor as one of the more addresses of another row.
        let mut more = row(CEM);
        more.contact.more_addresses = vec![BEA.address()];
        let (_, outcome) = imported(&standard(), ANA.by(), vec![row(BEA), more]);
        assert_eq!(outcome[1], taken(BEA.address()));
    }

    #[test]
    fn m_07_a_table_does_not_pass_the_limit_and_every_row_is_judged() {
        let rows: Vec<ImportRow> = (2..)
            .zip(NAMES)
            .map(|(number, name)| row(Person(number, name)))
            .collect();
        let (changes, outcome) = imported(&saas_suite(), ANA.by(), rows);
        assert_eq!(outcome[..4].iter().filter(|row| row.is_ok()).count(), 4);
        assert_eq!(outcome[4], Err(Violation::ContactLimitReached { limit: 5 }));
        assert_eq!(all_or_nothing(changes.clone(), &outcome), None);
        assert_eq!(all_or_nothing(changes.clone(), &outcome[..4].to_vec()), Some(changes));
    }

    const NAMES: [&str; 5] = ["Bea", "Cem", "Dan", "Eve", "Fay"];

    #[test]
    fn nobody_imports_more_than_could_be_done_by_hand() {
        let roster = standard().with_member(BEA, chosen(&["contacts:manage"]));
        let mut holding = row(CEM);
        holding.contact.roles = roles(&["billing"]);
        let (_, outcome) = imported(&roster, BEA.by(), vec![holding, with_login(ZOE, Permissions::none())]);
        let forbidden = |permission: ServicePermission| {
            Err(Violation::Forbidden {
                permission: permission.key(),
            })
        };
        assert_eq!(
            outcome,
            [
                forbidden(ServicePermission::RolesManage),
                forbidden(ServicePermission::MembersManage)
            ]
        );
        let may_invite = standard().with_member(BEA, chosen(&["contacts:manage", "members:manage"]));
        let (_, outcome) = imported(&may_invite, BEA.by(), vec![with_login(CEM, Permissions::All)]);
        assert_eq!(outcome, [Err(Violation::CannotGrant)]);
        let bare = standard().with_member(BEA, Permissions::none());
        let refused = bare.import(BEA.by(), &table(vec![row(CEM)]), &BTreeMap::new());
        assert_eq!(
            refused.unwrap_err(),
            forbidden(ServicePermission::ContactsManage).unwrap_err()
        );
        assert!(bare.import(SYSTEM, &table(vec![row(CEM)]), &BTreeMap::new()).is_ok());
    }
}
