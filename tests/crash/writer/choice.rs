//! What a writer asks for next.

use crate::{
    ledger::{Act, Contact, State},
    run::CONTACTS,
    writer::Writer,
};

/// How many acts an account sees before its writer opens another one.
const ACTS: usize = 60;

impl Writer<'_> {
    /// Something that the account is ready for.
    pub(super) fn choose(&mut self) -> Act {
        let account = std::sync::Arc::clone(&self.account);
        let (state, acts) = self.with(&account, |account| (account.state.clone(), account.entries.len()));
        if acts == 0 || acts >= ACTS {
            return self.open();
        }
        let roll = self.dice.below(100);
        let chosen = match roll {
            0..35 => Some(self.create(&state)),
            35..53 => self.verify(&state),
            53..68 => self.confirm(&state),
            68..82 => self.promote(&state),
            82..87 => self.rename(&state),
            87..90 => self.remove(&state),
            90..93 => self.create_taken(&state),
            93..95 => Some(Act::CreateInvalid),
            95..97 => self.promote_unverified(&state),
            97..99 => self.verify_verified(&state),
            _ => Some(Act::RemoveOwner {
                contact: state.owner.clone(),
            }),
        };
        chosen.unwrap_or_else(|| self.create(&state))
    }

    fn create(&mut self, state: &State) -> Act {
        let address = format!("c{}-{}@contacts.example", self.ids + 1, self.number);
        if is_full(state) {
            return if self.dice.below(3) == 0 {
                Act::CreateBeyond { address }
            } else {
                self.open()
            };
        }
        let name = format!("Contact {}", self.ids + 1);
        Act::Create { address, name }
    }

    fn open(&self) -> Act {
        let name = format!("Account {}.{}", self.number, self.opened + 1);
        Act::Open { name }
    }

    fn one(&mut self, state: &State, fits: impl Fn(&Contact) -> bool) -> Option<String> {
        let fitting = state.contacts.iter().filter(|(_, contact)| fits(contact));
        self.dice.one_of(fitting.map(|(id, _)| id.clone()))
    }

    fn verify(&mut self, state: &State) -> Option<Act> {
        let contact = self.one(state, |contact| !contact.sent)?;
        Some(Act::Verify { contact })
    }

    fn confirm(&mut self, state: &State) -> Option<Act> {
        let post = &self.desk.post;
        let waiting = state
            .contacts
            .iter()
            .filter(|(_, contact)| contact.sent && !contact.verified);
        let arrived = waiting.filter_map(|(id, contact)| {
            let token = post.letters_to(&contact.address).token;
            (!token.is_empty()).then(|| (id.clone(), token))
        });
        let arrived: Vec<_> = arrived.collect();
        let (contact, token) = self.dice.one_of(arrived)?;
        Some(Act::Confirm { contact, token })
    }

    fn promote(&mut self, state: &State) -> Option<Act> {
        let role = self.dice.one_of(["billing", "technical"])?;
        let holder = state.primaries.get(role);
        let others = state
            .contacts
            .iter()
            .filter(|(id, contact)| contact.verified && Some(*id) != holder)
            .map(|(id, _)| id.clone());
        let contact = self.dice.one_of(others)?;
        Some(Act::Promote { contact, role })
    }

    fn rename(&mut self, state: &State) -> Option<Act> {
        let contact = self.one(state, |_| true)?;
        let name = format!("Renamed {}", self.ids + 1);
        Some(Act::Rename { contact, name })
    }

    /// Whoever was sent a mail stays, so that the mail can be counted.
    fn remove(&mut self, state: &State) -> Option<Act> {
        let contact = self.one(state, |contact| !contact.sent)?;
        Some(Act::Remove { contact })
    }

    fn create_taken(&mut self, state: &State) -> Option<Act> {
        if is_full(state) {
            return None;
        }
        let address = self
            .dice
            .one_of(state.contacts.values().map(|contact| contact.address.clone()))?;
        Some(Act::CreateTaken { address })
    }

    fn promote_unverified(&mut self, state: &State) -> Option<Act> {
        let contact = self.one(state, |contact| !contact.verified)?;
        Some(Act::PromoteUnverified { contact })
    }

    fn verify_verified(&mut self, state: &State) -> Option<Act> {
        let contact = self.one(state, |contact| contact.verified)?;
        Some(Act::VerifyVerified { contact })
    }
}

/// Whether no contact has room beside the owner's.
fn is_full(state: &State) -> bool {
    state.contacts.len() + 1 >= CONTACTS
}
