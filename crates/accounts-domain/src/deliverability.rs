//! Whether mail to an address arrives, as the mailer reports it. It is apart from whether the address was proven, and from
//! what its person wishes to receive.

use crate::address::EmailAddress;
use crate::change::Change;
use crate::recipients::Exclusion;
use crate::roster::Roster;
use crate::users::{Person, UserChange};

/// What became of the last mail to an address of which something was reported.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Deliverability {
    /// Nothing was reported since the address was written down or last proven.
    #[default]
    Unknown,
    /// It arrived.
    Ok,
    /// It came back.
    Bounced,
    /// Its reader called it unwanted.
    Complained,
}

/// What a mailer reports of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryReport {
    /// A mail arrived.
    Ok,
    /// A mail came back for good.
    Bounced,
    /// A reader called a mail unwanted.
    Complained,
}

impl Deliverability {
    /// Every word of it.
    pub const ALL: [Self; 4] = [Self::Unknown, Self::Ok, Self::Bounced, Self::Complained];

    /// The name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Ok => "ok",
            Self::Bounced => "bounced",
            Self::Complained => "complained",
        }
    }

    /// The deliverability of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == name)
    }

    /// What holds once this was reported. That a mail arrived takes nothing back of a complaint: only its person does, who
    /// proves the address anew.
    #[must_use]
    pub fn after(self, report: DeliveryReport) -> Self {
        match (self, report) {
            (Self::Complained, _) | (_, DeliveryReport::Complained) => Self::Complained,
            (_, DeliveryReport::Ok) => Self::Ok,
            (_, DeliveryReport::Bounced) => Self::Bounced,
        }
    }

    /// What stands against sending notices there.
    pub fn exclusion(self) -> Option<Exclusion> {
        match self {
            Self::Unknown | Self::Ok => None,
            Self::Bounced => Some(Exclusion::Bounced),
            Self::Complained => Some(Exclusion::Complained),
        }
    }
}

impl DeliveryReport {
    /// Every report.
    pub const ALL: [Self; 3] = [Self::Ok, Self::Bounced, Self::Complained];

    /// The name in the API: that of what it makes of an address.
    pub fn as_str(self) -> &'static str {
        Deliverability::Unknown.after(self).as_str()
    }

    /// The report of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == name)
    }
}

impl Roster {
    /// Takes note of a report of an address. Which contact has it does not matter, nor whether the account is in use; an
    /// address that waits for its verification is left out, because the verification tells whether mail arrives.
    pub fn note_delivery(&self, address: &EmailAddress, report: DeliveryReport) -> Vec<Change> {
        let known = self.contacts().find_map(|contact| {
            let found = contact.address_of(address.key())?;
            Some((contact.id, found))
        });
        let Some((contact, known)) = known else {
            return Vec::new();
        };
        let deliverability = known.deliverability.after(report);
        if deliverability == known.deliverability {
            return Vec::new();
        }
        vec![Change::DeliverabilityChanged {
            contact,
            address: known.email.clone(),
            deliverability,
        }]
    }
}

impl Person {
    /// Takes note of a report of an address, where the person still logs in with it.
    pub fn note_delivery(&self, address: &EmailAddress, report: DeliveryReport) -> Vec<UserChange> {
        let deliverability = self.user.deliverability.after(report);
        if self.user.address.key() != address.key() || deliverability == self.user.deliverability {
            return Vec::new();
        }
        vec![UserChange::DeliverabilityChanged { deliverability }]
    }
}

#[cfg(test)]
mod tests;
