//! What the accounts go through: chosen by chance, and made smaller where something breaks.

use chrono::TimeDelta;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::given::CATALOG_NAMES;

/// Somebody of the account, or nobody that it knows.
#[derive(Debug, Clone, Copy)]
pub(super) enum Who {
    Owner,
    Address(u32),
    /// The contact that a transfer waits for, or else the owner.
    Offered,
    Stranger,
    System,
    Link,
}

/// One of the contacts that are there, or none.
pub(super) type Pick = Option<usize>;

#[derive(Debug, Clone)]
pub(super) enum Command {
    Create {
        address: u32,
        more: Vec<u32>,
        roles: Vec<usize>,
        login: Option<usize>,
        bare: bool,
    },
    Rename(Pick, u32),
    DropPhones(Pick),
    ChangeAddress(Pick, u32),
    ChangeMoreAddresses(Pick, Vec<u32>),
    RemoveAddress(Pick, u32),
    Report(Pick, usize),
    Subscribe(Pick, Vec<usize>),
    Remove(Pick),
    Erase(Pick),
    Send(Pick, Option<u32>),
    Confirm(usize),
    Give(Pick, usize),
    Take(Pick, usize),
    Promote(Pick, Vec<usize>),
    Vacate(usize),
    Transfer(Pick),
    Accept(usize),
    Decline(usize),
    Cancel(usize),
    /// An address, what its member may do, and the contact whose own address it is instead.
    Invite(u32, usize, Pick),
    Resend(usize),
    Revoke(usize),
    /// Whoever was invited says yes.
    Join(usize),
    /// Whoever was invited says no.
    Refuse(usize),
    /// Somebody asks for access.
    Ask(u32),
    /// Somebody who asks is let in, to do that.
    LetIn(usize, usize),
    TurnAway(usize),
    /// Whoever asks does so no more.
    TakeBack(usize),
    RenameAccount(u32),
    RequireFactor(bool),
    Review,
    SetStatus(usize),
    MakeKey(bool),
    RevokeKey(usize),
    Permit(Pick, usize),
    Suspend(Pick),
    Reinstate(Pick),
    /// In so many days, or not at all.
    Expire(Pick, Option<i64>),
    SubscribeMember(Pick, Vec<usize>),
    Expel(Pick),
    Leave,
    /// Addresses, each with what its person may do where one is to log in.
    Import(Vec<(u32, Option<usize>)>),
    /// Whoever acts goes, with everything.
    EraseMe,
}

#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) by: Who,
    pub(super) wait: TimeDelta,
    pub(super) command: Command,
}

#[derive(Debug, Clone)]
pub(super) struct Story {
    pub(super) catalog: &'static str,
    /// Whether an integration opened the account, for an owner who has not followed a link yet.
    pub(super) not_activated: bool,
    /// What the first members beside the owner may do, however they came to log in.
    pub(super) members: Vec<usize>,
    pub(super) steps: Vec<Step>,
}

pub(super) fn stories() -> impl Strategy<Value = Story> {
    let catalog = prop_oneof![2 => Just("mixed"), 3 => proptest::sample::select(&CATALOG_NAMES[..])];
    (
        catalog,
        prop::bool::weighted(0.2),
        vec(0..4_usize, 0..3),
        vec(steps(), 1..60),
    )
        .prop_map(|(catalog, not_activated, members, steps)| Story {
            catalog,
            not_activated,
            members,
            steps,
        })
}

fn steps() -> impl Strategy<Value = Step> {
    let who = prop_oneof![
        8 => Just(Who::Owner),
        4 => addresses().prop_map(Who::Address),
        3 => Just(Who::Offered),
        3 => Just(Who::System),
        1 => Just(Who::Stranger),
        1 => Just(Who::Link),
    ];
    let wait = prop_oneof![
        6 => Just(TimeDelta::seconds(61)),
        2 => Just(TimeDelta::zero()),
        1 => Just(TimeDelta::hours(25)),
        1 => Just(TimeDelta::days(8)),
    ];
    (who, wait, commands()).prop_map(|(by, wait, command)| Step { by, wait, command })
}

fn addresses() -> impl Strategy<Value = u32> {
    0..7_u32
}

fn picks() -> impl Strategy<Value = Pick> {
    option::weighted(0.95, 0..8_usize)
}

fn commands() -> impl Strategy<Value = Command> {
    let some_role = || 0..6_usize;
    let some_roles = || vec(some_role(), 0..3);
    let create = (
        addresses(),
        vec(addresses(), 0..2),
        some_roles(),
        option::of(0..4_usize),
        prop::bool::weighted(0.1),
    );
    let invite = (addresses(), 0..4_usize, option::weighted(0.3, 0..8_usize));
    prop_oneof![
        8 => create.prop_map(|(address, more, roles, login, bare)| Command::Create { address, more, roles, login, bare }),
        8 => (picks(), option::weighted(0.3, addresses())).prop_map(|(pick, to)| Command::Send(pick, to)),
        10 => (0..4_usize).prop_map(Command::Confirm),
        6 => (picks(), vec(some_role(), 1..3)).prop_map(|(pick, roles)| Command::Promote(pick, roles)),
        4 => (picks(), some_role()).prop_map(|(pick, role)| Command::Give(pick, role)),
        4 => (picks(), some_role()).prop_map(|(pick, role)| Command::Take(pick, role)),
        3 => some_role().prop_map(Command::Vacate),
        6 => picks().prop_map(Command::Transfer),
        2 => (0..2_usize).prop_map(Command::Accept),
        6 => (0..2_usize).prop_map(Command::Decline),
        1 => (0..2_usize).prop_map(Command::Cancel),
        3 => (picks(), addresses()).prop_map(|(pick, to)| Command::ChangeAddress(pick, to)),
        2 => (picks(), vec(addresses(), 0..3)).prop_map(|(pick, to)| Command::ChangeMoreAddresses(pick, to)),
        2 => (picks(), addresses()).prop_map(|(pick, at)| Command::RemoveAddress(pick, at)),
        2 => (picks(), 0..3_u32).prop_map(|(pick, name)| Command::Rename(pick, name)),
        1 => picks().prop_map(Command::DropPhones),
        2 => (picks(), vec(0..9_usize, 0..3)).prop_map(|(pick, to)| Command::Subscribe(pick, to)),
        1 => (picks(), 0..3_usize).prop_map(|(pick, at)| Command::Report(pick, at)),
        2 => picks().prop_map(Command::Remove),
        1 => picks().prop_map(Command::Erase),
        6 => invite.prop_map(|(to, permissions, contact)| Command::Invite(to, permissions, contact)),
        2 => (0..3_usize).prop_map(Command::Resend),
        1 => (0..3_usize).prop_map(Command::Revoke),
        3 => (0..3_usize).prop_map(Command::Join),
        1 => (0..3_usize).prop_map(Command::Refuse),
        3 => addresses().prop_map(Command::Ask),
        2 => (0..2_usize, 0..4_usize).prop_map(|(number, most)| Command::LetIn(number, most)),
        1 => (0..2_usize).prop_map(Command::TurnAway),
        1 => (0..2_usize).prop_map(Command::TakeBack),
        1 => (0..3_u32).prop_map(Command::RenameAccount),
        1 => any::<bool>().prop_map(Command::RequireFactor),
        1 => Just(Command::Review),
        3 => (picks(), 0..4_usize).prop_map(|(pick, most)| Command::Permit(pick, most)),
        1 => picks().prop_map(Command::Suspend),
        2 => picks().prop_map(Command::Reinstate),
        2 => (picks(), option::weighted(0.7, -1..9_i64)).prop_map(|(pick, days)| Command::Expire(pick, days)),
        2 => (picks(), vec(0..9_usize, 0..3)).prop_map(|(pick, to)| Command::SubscribeMember(pick, to)),
        1 => picks().prop_map(Command::Expel),
        1 => Just(Command::Leave),
        3 => vec((addresses(), option::of(0..4_usize)), 0..3).prop_map(Command::Import),
        1 => Just(Command::EraseMe),
        1 => prop_oneof![3 => Just(0), 1 => 1..3_usize].prop_map(Command::SetStatus),
        2 => any::<bool>().prop_map(Command::MakeKey),
        1 => (0..3_usize).prop_map(Command::RevokeKey),
    ]
}
