//! What the stories of the decisions are made of.

use accounts_domain::address::EmailAddress;
use chrono::TimeDelta;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::given::address;

/// One of the contacts that are there, or none.
pub(super) type Pick = Option<usize>;

/// Who acts.
#[derive(Debug, Clone, Copy)]
pub(super) enum Who {
    System,
    Owner,
    /// The user of a contact, or a stranger where it has none.
    Contact(usize),
}

#[derive(Debug, Clone)]
#[expect(
    clippy::option_option,
    reason = "an end that stays and one that is taken away are two cases"
)]
pub(super) enum Command {
    Create {
        at: u32,
        more: Vec<u32>,
        roles: Vec<usize>,
        login: Option<bool>,
    },
    Rename(Pick, u32),
    ChangeAddresses(Pick, Option<u32>, Option<Vec<u32>>),
    RemoveAddress(Pick, u32),
    Subscribe(Pick, Vec<usize>),
    Remove(Pick),
    Erase(Pick),
    Send(Pick, Option<u32>),
    Confirm(usize),
    /// Sends a link and follows it.
    Prove(Pick),
    Give(Pick, usize),
    Take(Pick, usize),
    Promote(Pick, Vec<usize>),
    Vacate(usize),
    Transfer(Pick),
    Answer(usize, Answer),
    ChangeAccount(u32),
    SetStatus(usize),
    /// All permissions or some, suspended or not, and the minutes until it ends.
    ChangeMember(Pick, Option<bool>, Option<bool>, Option<Option<i64>>),
    RemoveMember(Pick),
    Leave,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Answer {
    Accept,
    Decline,
    Cancel,
}

#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) by: Who,
    pub(super) wait: TimeDelta,
    pub(super) command: Command,
}

/// A step of a story, by anybody, after a while.
pub(super) fn steps() -> impl Strategy<Value = Step> {
    let who = prop_oneof![4 => Just(Who::System), 3 => Just(Who::Owner), 2 => (0..6_usize).prop_map(Who::Contact)];
    let wait = prop_oneof![
        6 => Just(TimeDelta::seconds(61)),
        1 => Just(TimeDelta::microseconds(1)),
        1 => prop_oneof![Just(TimeDelta::hours(80)), Just(TimeDelta::days(8))],
    ];
    (who, wait, commands()).prop_map(|(by, wait, command)| Step { by, wait, command })
}

fn commands() -> impl Strategy<Value = Command> {
    let at = || 0..7_u32;
    let pick = || option::weighted(0.95, 0..6_usize);
    let role = || 0..6_usize;
    let create = (at(), vec(at(), 0..3), vec(role(), 0..3), option::of(any::<bool>()));
    let answer = prop_oneof![Just(Answer::Accept), Just(Answer::Decline), Just(Answer::Cancel)];
    prop_oneof![
        7 => create.prop_map(|(at, more, roles, login)| Command::Create { at, more, roles, login }),
        6 => (pick(), option::weighted(0.3, at())).prop_map(|(pick, to)| Command::Send(pick, to)),
        4 => (0..4_usize).prop_map(Command::Confirm),
        6 => pick().prop_map(Command::Prove),
        5 => (pick(), option::of(at()), option::weighted(0.3, vec(at(), 0..3)))
            .prop_map(|(pick, main, more)| Command::ChangeAddresses(pick, main, more)),
        2 => (pick(), at()).prop_map(|(pick, at)| Command::RemoveAddress(pick, at)),
        5 => (pick(), vec(role(), 1..3)).prop_map(|(pick, roles)| Command::Promote(pick, roles)),
        3 => (pick(), role()).prop_map(|(pick, role)| Command::Give(pick, role)),
        3 => (pick(), role()).prop_map(|(pick, role)| Command::Take(pick, role)),
        2 => role().prop_map(Command::Vacate),
        4 => pick().prop_map(Command::Transfer),
        6 => (0..2_usize, answer).prop_map(|(number, answer)| Command::Answer(number, answer)),
        2 => (pick(), 0..3_u32).prop_map(|(pick, name)| Command::Rename(pick, name)),
        2 => (pick(), vec(0..9_usize, 0..3)).prop_map(|(pick, to)| Command::Subscribe(pick, to)),
        2 => pick().prop_map(Command::Remove),
        2 => pick().prop_map(Command::Erase),
        1 => (0..3_u32).prop_map(Command::ChangeAccount),
        6 => (pick(), option::of(any::<bool>()), option::of(any::<bool>()), option::of(option::of(1..9_000_i64)))
            .prop_map(|(pick, all, held, ends)| Command::ChangeMember(pick, all, held, ends)),
        1 => pick().prop_map(Command::RemoveMember),
        1 => Just(Command::Leave),
        1 => prop_oneof![4 => Just(0), 1 => 1..3_usize].prop_map(Command::SetStatus),
    ]
}

/// Address 0 is the owner's first one.
pub(super) fn address_number(number: u32) -> EmailAddress {
    address(&format!("A{number}@Lima.example"))
}
