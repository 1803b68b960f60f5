//! Moves that can be told apart: after the n-th one, the places of an account's four roles spell n, as the digits of
//! a number, each of them one of five contacts.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use accounts_domain::permission::Permissions;
use accounts_tests::{
    App, json, scene,
    scene::Login,
    wire::{Ask, Heard},
};
use serde_json::Value;

/// The roles of the catalog, the fastest digit first.
const ROLES: [&str; 4] = ["general", "billing", "technical", "security"];

/// How many contacts there are, and so what each digit counts to.
const BASE: u64 = 5;

/// After how many moves the places are again as they were.
pub(super) const PERIOD: u64 = BASE.pow(4);

/// Who has each place after the n-th move, as the number of a contact. From one move to the next a single digit
/// changes (Gray's code): each move is one promotion.
pub(super) fn places(number: u64) -> [usize; 4] {
    let digit = |place: u32| number % PERIOD / BASE.pow(place) % BASE;
    let next = |place: u32| if place < 3 { digit(place + 1) } else { 0 };
    [0, 1, 2, 3].map(|place| usize::try_from((BASE + digit(place) - next(place)) % BASE).unwrap())
}

/// An account whose places move, and what is known of how far they are.
pub(super) struct Account {
    /// The owner first, then members.
    pub(super) people: Vec<Someone>,
    /// The number of the last move that was sent.
    sent: AtomicU64,
    /// The number of the last move that an answer acknowledged, or that an answer has shown.
    seen: AtomicU64,
}

/// A contact with a log-in.
pub(super) struct Someone {
    login: Login,
    access: String,
}

impl Account {
    pub(super) fn open(app: &App, number: usize) -> Self {
        let owner = scene::owner(app, &format!("ana-{number}@lima.example"), None);
        let mut logins = vec![owner.clone()];
        for member in 1..BASE {
            let address = format!("bea-{number}-{member}@lima.example");
            logins.push(scene::member(app, owner.account, &address, Permissions::none()));
        }
        let someone = |login: Login| Someone {
            access: scene::session(app, login.user).access,
            login,
        };
        Self {
            people: logins.into_iter().map(someone).collect(),
            sent: AtomicU64::new(0),
            seen: AtomicU64::new(0),
        }
    }

    /// What no answer to a request that begins now may fall behind.
    pub(super) fn behind_nothing(&self) -> u64 {
        self.seen.load(SeqCst)
    }

    /// What no answer that has come may be ahead of.
    pub(super) fn ahead_of_nothing(&self) -> u64 {
        self.sent.load(SeqCst)
    }

    /// An answer has shown this move, or acknowledged it.
    pub(super) fn saw(&self, number: u64) {
        self.seen.fetch_max(number, SeqCst);
    }

    /// The next move. It counts as sent from now on.
    pub(super) fn next_move(&self) -> (u64, Ask) {
        let number = self.sent.fetch_add(1, SeqCst) + 1;
        let (before, after) = (places(number - 1), places(number));
        let moved = (0..ROLES.len()).find(|role| before[*role] != after[*role]).unwrap();
        let contact = self.people[after[moved]].login.contact;
        let path = format!("/contacts/{contact}/promote");
        let owner = &self.people[0];
        let ask = Ask::post(&owner.login.at(&path), &json!({ "roles": [ROLES[moved]] }));
        (number, ask.bearer(&owner.access))
    }

    /// What is asked for one of the questions.
    pub(super) fn ask(&self, question: Question) -> Ask {
        let (person, path) = match question {
            Question::Roles => (0, "/roles"),
            Question::Contacts => (0, "/contacts"),
            Question::Access(person) => (person, "/access"),
        };
        let Someone { login, access } = &self.people[person];
        Ask::get(&login.at(path)).bearer(access)
    }

    /// What an answer with a body shows.
    pub(super) fn shown(&self, question: Question, answer: &Heard) -> Shown {
        let json = answer.json();
        match question {
            Question::Roles => self.all(json["data"].as_array().unwrap().iter().map(|role| {
                let holder = role.pointer("/primary/id").unwrap();
                (role["key"].as_str().unwrap(), holder)
            })),
            Question::Contacts => self.all(json["data"].as_array().unwrap().iter().flat_map(|contact| {
                let roles = contact["primary_roles"].as_array().unwrap().iter();
                roles.map(|role| (role.as_str().unwrap(), &contact["id"]))
            })),
            Question::Access(person) => {
                let primary = json["primary_roles"].as_array().unwrap();
                let has = ROLES.map(|role| primary.iter().any(|held| held == role));
                let open = json["applications"].as_array().unwrap();
                let desk = |key: &str| open.iter().any(|application| application["key"] == key);
                assert_eq!([desk("bill_desk"), desk("help_desk")], [has[1], has[2]], "{json:#}");
                Shown::Own { person, has }
            }
        }
    }

    fn all<'a>(&self, held: impl Iterator<Item = (&'a str, &'a Value)>) -> Shown {
        let mut holders = [None; 4];
        for (role, contact) in held {
            let role = ROLES.iter().position(|key| *key == role).unwrap();
            let is = |someone: &Someone| contact == someone.login.contact.to_string().as_str();
            let former = holders[role].replace(self.people.iter().position(is).unwrap());
            assert_eq!(former, None, "two primary holders of {}", ROLES[role]);
        }
        Shown::All(holders.map(Option::unwrap))
    }
}

/// What readers ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Question {
    Roles,
    Contacts,
    /// What one of the people may do.
    Access(usize),
}

/// What an answer shows of the places.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shown {
    /// Who has each.
    All([usize; 4]),
    /// Which of them somebody has.
    Own { person: usize, has: [bool; 4] },
}

impl Shown {
    /// Whether it is so after the n-th move.
    pub(super) fn fits(&self, number: u64) -> bool {
        match self {
            Self::All(holders) => *holders == places(number),
            Self::Own { person, has } => *has == places(number).map(|holder| holder == *person),
        }
    }
}

#[test]
fn each_move_is_one_promotion_and_shows_its_number() {
    let mut known = std::collections::BTreeSet::new();
    for number in 0..PERIOD {
        assert!(known.insert(places(number)), "{number} looks like one before");
        let (before, after) = (places(number), places(number + 1));
        let moved = (0..4).filter(|role| before[*role] != after[*role]).count();
        assert_eq!(moved, 1, "{number}");
    }
}
