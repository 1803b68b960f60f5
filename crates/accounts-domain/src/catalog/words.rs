//! The closed choices of a catalog: each is a word in the document and a variant in the code.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// A choice among words, as the reader of the document needs it.
pub(super) trait Word: Copy + 'static {
    /// Every choice.
    fn all() -> &'static [Self];
    /// The word for it.
    fn word(self) -> &'static str;
}

/// The text is none of the words to choose among.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not one of the words to choose among")]
pub struct UnknownWord;

macro_rules! words {
    (
        $(#[$about:meta])*
        $name:ident {
            $( $(#[$variant_about:meta])* $variant:ident = $word:literal, )+
        }
    ) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $( $(#[$variant_about])* $variant, )+
        }

        impl $name {
            /// Every choice, in the order of their meaning.
            pub const ALL: &'static [Self] = &[ $( Self::$variant, )+ ];

            /// The word for it in documents and answers.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $( Self::$variant => $word, )+
                }
            }
        }

        impl Word for $name {
            fn all() -> &'static [Self] {
                Self::ALL
            }

            fn word(self) -> &'static str {
                self.as_str()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL
                    .iter()
                    .copied()
                    .find(|choice| choice.as_str() == text)
                    .ok_or(UnknownWord)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}

words! {
    /// How many contacts of an account may hold a role.
    Holders {
        /// One, who is its primary holder (rules M-21, M-29).
        One = "one",
        /// Any number, of whom one may be the primary holder (rules L-15, L-17).
        Many = "many",
    }
}

words! {
    /// What happens where nobody holds a role.
    Vacancy {
        /// It stays empty (rule M-17).
        Allowed = "allowed",
        /// The owner's contact takes the place at once (rules O-05, O-06).
        Owner = "owner",
        /// Once filled it is not left empty: the last holder is refused to go.
        Forbidden = "forbidden",
    }
}

words! {
    /// A group of people who receive a category.
    Audience {
        /// The holders of the roles that route it.
        RoleHolders = "role_holders",
        /// The contacts and members who subscribed to it (rule U-22).
        Subscribers = "subscribers",
        /// The account's owner (rule U-34).
        Owner = "owner",
    }
}

words! {
    /// Who receives a category where its audience is empty.
    Fallback {
        /// Nobody.
        Nobody = "nobody",
        /// The account's owner (rule O-05).
        Owner = "owner",
        /// The holders of the catalog's fallback role, and the owner where that has none.
        Role = "role",
    }
}

words! {
    /// What a sender of mail may do with tickets, the weakest right first.
    InboundRight {
        /// Nothing (rule O-03).
        None = "none",
        /// Answer tickets.
        Reply = "reply",
        /// Answer tickets and open them (rule K-14).
        Open = "open",
    }
}

words! {
    /// A field that a contact must have.
    ContactField {
        /// The first name.
        FirstName = "first_name",
        /// The last name.
        LastName = "last_name",
        /// At least one phone number.
        Phone = "phone",
        /// The title or position.
        Title = "title",
        /// At least one role (rule L-07).
        Role = "role",
    }
}

words! {
    /// How a contact comes to a login.
    ContactLogin {
        /// By verifying its address (rule M-50).
        OnVerification = "on_verification",
        /// By being created or changed so (rule L-08).
        OnRequest = "on_request",
        /// Not at all (rules U-11, K-04).
        Never = "never",
    }
}

words! {
    /// Whether a new owner has to accept.
    OwnerTransfer {
        /// No, it acts at once (rule M-57).
        Immediate = "immediate",
        /// Yes, until then it is pending.
        Accepted = "accepted",
    }
}

words! {
    /// What the former owner may still do after a transfer.
    FormerOwner {
        /// Nothing but what its roles open (rule M-60).
        None = "none",
        /// Everything that a member may be allowed.
        All = "all",
    }
}

words! {
    /// Who edits the profile of a contact that has a login.
    ProfileEditedBy {
        /// Whoever manages contacts (rule L-13).
        Manager = "manager",
        /// The person alone (rule M-39).
        Person = "self",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back_as_its_choice() {
        fn check<T: Word + FromStr + PartialEq + fmt::Debug>() {
            for choice in T::all() {
                assert_eq!(choice.word().parse().ok(), Some(*choice));
            }
            assert!("".parse::<T>().is_err());
        }
        check::<Holders>();
        check::<Vacancy>();
        check::<Audience>();
        check::<Fallback>();
        check::<InboundRight>();
        check::<ContactField>();
        check::<ContactLogin>();
        check::<OwnerTransfer>();
        check::<FormerOwner>();
        check::<ProfileEditedBy>();
    }

    #[test]
    fn rights_of_senders_grow() {
        assert!(InboundRight::None < InboundRight::Reply);
        assert!(InboundRight::Reply < InboundRight::Open);
    }
}
