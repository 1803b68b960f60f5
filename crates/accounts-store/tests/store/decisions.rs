//! Whatever is decided, the roster after the changes is what the store loads once they are saved.

use std::collections::BTreeSet;
use std::sync::Arc;

use accounts_domain::accounts::AccountPatch;
use accounts_domain::actor::Actor;
use accounts_domain::catalog::{ContactField, ContactLogin};
use accounts_domain::contacts::{ContactPatch, CreateContact};
use accounts_domain::ids::{AccountId, ContactId, TransferId, UserId, VerificationId};
use accounts_domain::keys::{CategoryKey, RoleKey};
use accounts_domain::members::MemberPatch;
use accounts_domain::names::{AccountName, AddressLine, DisplayName, JobTitle, TaxId};
use accounts_domain::ownership::TransferOwnership;
use accounts_domain::permission::Permissions;
use accounts_domain::phone::PhoneNumber;
use accounts_domain::roles::Promote;
use accounts_domain::roster::{AccountStatus, MemberStatus, PostalAddress, Roster};
use accounts_domain::verification::SendVerification;
use accounts_store::{Act, AuditFilter, DecideError, Decision, Store};
use chrono::{DateTime, TimeDelta, Utc};
use proptest::collection::vec;
use proptest::test_runner::{Config, TestRunner};
use tokio::runtime::{Builder, Runtime};

use super::given::{account, act, catalog, hash, moment, no_answer, place_with, profile, roster, sound};
use super::stories::{Answer, Command, Pick, Step, Who, address_number, steps};

/// The account as the store last showed it.
struct World<'a> {
    store: &'a Store,
    account: AccountId,
    roster: Roster,
    transfers: Vec<TransferId>,
    now: DateTime<Utc>,
}

type Outcome = Result<Decision, DecideError>;

impl World<'_> {
    fn act(&self, who: Who) -> Act {
        let user_of = |contact: ContactId| self.roster.member_of_contact(contact).map(|member| member.user);
        let user = match who {
            Who::System => return act(Actor::System, self.now),
            Who::Owner => user_of(self.roster.owner()),
            Who::Contact(number) => user_of(self.contact(Some(number))),
        };
        act(Actor::User(user.unwrap_or_else(UserId::new)), self.now)
    }

    fn contact(&self, pick: Pick) -> ContactId {
        let ids: Vec<_> = self.roster.contacts().map(|contact| contact.id).collect();
        pick.map_or_else(ContactId::new, |pick| ids[pick % ids.len()])
    }

    fn member(&self, pick: Pick) -> UserId {
        let ids: Vec<_> = self.roster.members().map(|member| member.user).collect();
        pick.map_or_else(UserId::new, |pick| ids[pick % ids.len()])
    }

    /// A role of the catalog, or one that it does not know.
    fn role(&self, number: usize) -> RoleKey {
        let role = self.roster.catalog().roles().get(number);
        role.map_or_else(|| "captain".parse().unwrap(), |role| role.key.clone())
    }

    fn roles(&self, numbers: &[usize]) -> BTreeSet<RoleKey> {
        let count = self.roster.catalog().roles().len();
        numbers.iter().map(|number| self.role(number % count)).collect()
    }

    fn categories(&self, numbers: &[usize]) -> BTreeSet<CategoryKey> {
        let all = self.roster.catalog().categories();
        numbers
            .iter()
            .map(|number| all[number % all.len()].key.clone())
            .collect()
    }

    async fn decide<D>(&self, act: &Act, decide: D) -> Outcome
    where
        D: Fn(&Roster) -> Result<Vec<accounts_domain::change::Change>, accounts_domain::violation::Violation>
            + Send
            + 'static,
    {
        self.store.decide(self.account, act, decide, no_answer).await
    }

    #[expect(clippy::too_many_lines, reason = "one arm for each command")]
    async fn run(&mut self, act: Act, command: Command) -> Outcome {
        let by = act.by();
        match command {
            Command::Create { at, more, roles, login } => {
                let permissions = |all: bool| if all { Permissions::All } else { self.some_permissions() };
                let command = CreateContact {
                    id: ContactId::new(),
                    profile: profile("Bea"),
                    address: address_number(at),
                    more_addresses: more.into_iter().map(address_number).collect(),
                    roles: self.roles(&roles),
                    login: login.map(permissions),
                    subscriptions: self.categories(&roles),
                };
                self.decide(&act, move |roster| roster.create_contact(by, &command))
                    .await
            }
            Command::Rename(pick, number) => {
                let patch = ContactPatch {
                    display_name: DisplayName::parse(&format!("Émile {number}")).ok(),
                    title: Some(JobTitle::parse("Head").ok().filter(|_| number > 0)),
                    phones: Some(
                        profile("Bea")
                            .phones
                            .into_iter()
                            .take(number.try_into().unwrap())
                            .collect(),
                    ),
                    ..ContactPatch::default()
                };
                self.patch(&act, pick, patch).await
            }
            Command::ChangeAddresses(pick, main, more) => {
                let more_addresses = more.map(|more| more.into_iter().map(address_number).collect());
                let address = main.map(address_number);
                self.patch(
                    &act,
                    pick,
                    ContactPatch {
                        address,
                        more_addresses,
                        ..ContactPatch::default()
                    },
                )
                .await
            }
            Command::RemoveAddress(pick, at) => {
                let (contact, address) = (self.contact(pick), address_number(at));
                self.decide(&act, move |roster| roster.remove_address(by, contact, address.key()))
                    .await
            }
            Command::Subscribe(pick, to) => {
                let (contact, categories) = (self.contact(pick), self.categories(&to));
                self.decide(&act, move |roster| roster.subscribe(by, contact, &categories))
                    .await
            }
            Command::Remove(pick) => {
                let contact = self.contact(pick);
                self.decide(&act, move |roster| roster.remove_contact(by, contact))
                    .await
            }
            Command::Erase(pick) => {
                let contact = self.contact(pick);
                self.decide(&act, move |roster| roster.erase_contact(by, contact)).await
            }
            Command::Send(pick, to) => {
                let (id, contact) = (VerificationId::new(), self.contact(pick));
                self.send(
                    &act,
                    SendVerification {
                        id,
                        contact,
                        address: to.map(address_number),
                    },
                )
                .await
            }
            Command::Confirm(number) => {
                let links: Vec<_> = self.roster.parts().verifications.keys().copied().collect();
                let link = links
                    .get(number % links.len().max(1))
                    .copied()
                    .unwrap_or_else(VerificationId::new);
                self.confirm(&act, link).await
            }
            Command::Prove(pick) => {
                let (id, contact) = (VerificationId::new(), self.contact(pick));
                let sent = self
                    .send(
                        &act,
                        SendVerification {
                            id,
                            contact,
                            address: None,
                        },
                    )
                    .await?;
                self.roster = Arc::unwrap_or_clone(sent.after);
                self.confirm(&act, id).await
            }
            Command::Give(pick, role) => {
                let (contact, role) = (self.contact(pick), self.role(role));
                self.decide(&act, move |roster| roster.give_role(by, contact, &role))
                    .await
            }
            Command::Take(pick, role) => {
                let (contact, role) = (self.contact(pick), self.role(role));
                self.decide(&act, move |roster| roster.take_role(by, contact, &role))
                    .await
            }
            Command::Promote(pick, roles) => {
                let command = Promote {
                    contact: self.contact(pick),
                    roles: self.roles(&roles),
                };
                self.decide(&act, move |roster| roster.promote(by, &command)).await
            }
            Command::Vacate(role) => {
                let role = self.role(role);
                self.decide(&act, move |roster| roster.vacate(by, &role)).await
            }
            Command::Transfer(pick) => {
                let others: Vec<_> = self.roster.members().filter_map(|member| member.contact).collect();
                let to = pick
                    .and_then(|pick| others.get(pick).copied())
                    .unwrap_or_else(|| self.contact(pick));
                let command = TransferOwnership {
                    id: TransferId::new(),
                    to,
                };
                self.transfers.push(command.id);
                let decide = move |roster: &Roster, known| roster.transfer_ownership(by, &command, known);
                self.store.decide_owner(self.account, to, &act, decide, no_answer).await
            }
            Command::Answer(number, answer) => self.answer(&act, number, answer).await,
            Command::ChangeAccount(number) => {
                let patch = account_patch(number);
                self.decide(&act, move |roster| roster.change_account(by, &patch)).await
            }
            Command::SetStatus(number) => {
                self.store
                    .change_account_status(self.account, AccountStatus::ALL[number], &act)
                    .await
            }
            Command::ChangeMember(pick, all, held, ends) => {
                let permissions = |all: bool| if all { Permissions::All } else { self.some_permissions() };
                let status = |held: bool| {
                    if held {
                        MemberStatus::Suspended
                    } else {
                        MemberStatus::Active
                    }
                };
                let after = |minutes: i64| by.at + TimeDelta::minutes(minutes);
                let patch = MemberPatch {
                    permissions: all.map(permissions),
                    status: held.map(status),
                    expires_at: ends.map(|ends| ends.map(after)),
                };
                let member = self.member(pick);
                self.decide(&act, move |roster| roster.change_member(by, member, &patch))
                    .await
            }
            Command::RemoveMember(pick) => {
                let member = self.member(pick);
                self.decide(&act, move |roster| roster.remove_member(by, member)).await
            }
            Command::Leave => self.decide(&act, move |roster| roster.leave_account(by)).await,
        }
    }

    fn some_permissions(&self) -> Permissions {
        let own = ["contacts:view".parse().unwrap(), "audit:view".parse().unwrap()];
        own.into_iter()
            .chain(
                self.roster
                    .catalog()
                    .permissions()
                    .iter()
                    .map(|entry| entry.key.clone()),
            )
            .collect()
    }

    async fn patch(&self, act: &Act, pick: Pick, patch: ContactPatch) -> Outcome {
        let (by, contact) = (act.by(), self.contact(pick));
        self.decide(act, move |roster| roster.change_contact(by, contact, &patch))
            .await
    }

    async fn send(&self, act: &Act, command: SendVerification) -> Outcome {
        let by = act.by();
        self.decide(act, move |roster| roster.send_verification(by, &command))
            .await
    }

    async fn confirm(&self, act: &Act, link: VerificationId) -> Outcome {
        let act = act.as_actor(Actor::Link);
        self.store
            .confirm_verification(link, UserId::new(), Some(hash("first")), &act, no_answer)
            .await
    }

    async fn answer(&self, act: &Act, number: usize, answer: Answer) -> Outcome {
        let waiting = self.roster.parts().transfer.as_ref().map(|transfer| transfer.id);
        let id = waiting
            .or_else(|| self.transfers.iter().rev().nth(number).copied())
            .unwrap_or_else(TransferId::new);
        // Whom it concerns, rather than anybody.
        let asked = self.roster.parts().transfer.as_ref().map(|transfer| transfer.to);
        let asked = asked
            .and_then(|contact| self.roster.member_of_contact(contact))
            .map(|member| member.user);
        let act = asked.map_or_else(|| act.clone(), |user| act.as_actor(Actor::User(user)));
        let by = act.by();
        let decide = move |roster: &Roster, transfer: &_, known| match answer {
            Answer::Accept => roster.accept_transfer(by, transfer, known),
            Answer::Decline => roster.decline_transfer(by, transfer, known),
            Answer::Cancel => roster.cancel_transfer(
                accounts_domain::actor::By {
                    actor: Actor::System,
                    ..by
                },
                transfer,
            ),
        };
        self.store
            .decide_transfer(self.account, id, &act, decide, |_, _| super::given::kept(""))
            .await
            .map(|(decision, _)| decision)
    }

    /// Somebody joins who can log in, where the catalog lets contacts do that, and whose address changes.
    async fn join(&mut self, at: u32) {
        let policy = self.roster.catalog().policy();
        let roles = policy
            .required_contact_fields
            .contains(&ContactField::Role)
            .then_some(0);
        let login = (policy.contact_login != ContactLogin::Never).then_some(true);
        let newest = Some(self.roster.contacts().count());
        let story = [
            Command::Create {
                at,
                more: Vec::new(),
                roles: roles.into_iter().collect(),
                login,
            },
            Command::ChangeAddresses(newest, Some(at + 1), None),
            Command::Prove(newest),
            Command::ChangeAddresses(newest, Some(at), None),
        ];
        for command in story {
            self.step(Step {
                by: Who::System,
                wait: TimeDelta::zero(),
                command,
            })
            .await;
        }
    }

    /// Nothing more would happen in an account that stays closed.
    async fn reopen(&mut self) {
        let act = self.act(Who::System);
        let reopened = self
            .store
            .change_account_status(self.account, AccountStatus::Active, &act)
            .await
            .unwrap();
        self.roster = Arc::unwrap_or_clone(reopened.after);
    }

    /// The account as its members are shown it, from memory wherever that is allowed.
    async fn held(&self) -> Option<Arc<Roster>> {
        for member in self.roster.members() {
            let held = self.store.accounts_of(member.user, None, 10, self.now).await.unwrap();
            let of_this = held.into_iter().find(|held| held.account().id == self.account);
            if of_this.is_some() {
                return of_this;
            }
        }
        None
    }

    async fn step(&mut self, step: Step) {
        self.now += step.wait;
        let act = self.act(step.by);
        let outcome = self.run(act, step.command.clone()).await;
        let loaded = roster(self.store, self.account).await;
        if let Some(held) = self.held().await {
            assert_eq!(*held, loaded, "memory and database differ after {step:?}");
        }
        match outcome {
            Ok(decision) => {
                assert_eq!(*decision.before, self.roster, "{step:?}");
                assert_eq!(*decision.after, loaded, "{step:?}");
                let revision = self.roster.account().revision + i64::from(!decision.changes.is_empty());
                assert_eq!(loaded.account().revision, revision, "{step:?}");
            }
            Err(DecideError::Refused(_) | DecideError::NotFound) => assert_eq!(loaded, self.roster, "{step:?}"),
            Err(error) => panic!("{step:?}: {error:?}"),
        }
        assert_eq!(loaded.broken(), Vec::<String>::new(), "{step:?}");
        self.roster = loaded;
    }

    async fn kinds(&self) -> BTreeSet<String> {
        let events = self
            .store
            .audit_events(self.account, AuditFilter::default(), None, 10_000)
            .await
            .unwrap();
        events.into_iter().map(|event| event.kind).collect()
    }
}

fn account_patch(number: u32) -> AccountPatch {
    let line = |text: &str| AddressLine::parse(text).unwrap();
    let address = PostalAddress {
        lines: vec![line("1 rue de la Paix")],
        postal_code: Some(line("75002")),
        city: Some(line("Paris")),
        region: None,
        country: "FR".to_owned(),
    };
    AccountPatch {
        name: AccountName::parse(&format!("Ünal {number}")).ok(),
        phone: Some(PhoneNumber::parse("+33142685300").ok()),
        postal_address: Some(Some(address).filter(|_| number > 0)),
        tax_id: Some(TaxId::parse("FR 123").ok().filter(|_| number > 1)),
        ..AccountPatch::default()
    }
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Runs stories, each in an account of its own, and answers the kinds of events that they left.
fn tell(name: &str, stories: u32) -> BTreeSet<String> {
    let (runtime, place) = (runtime(), place_with(&catalog(name)));
    let store = &place.store;
    let kinds = std::cell::RefCell::new(BTreeSet::new());
    let mut runner = TestRunner::new(Config {
        failure_persistence: None,
        ..Config::with_cases(stories)
    });
    let told = runner.run(&vec(steps(), 15..30), |story| {
        runtime.block_on(async {
            // Addresses of users are unique in the service, so each story has an owner of its own.
            let owner = format!("{}@owner.example", AccountId::new());
            let ids = account(store, &owner).await;
            let opened = roster(store, ids.account).await;
            let mut world = World {
                store,
                account: ids.account,
                roster: opened,
                transfers: Vec::new(),
                now: moment(1),
            };
            world.join(1).await;
            world.join(3).await;
            for (number, step) in story.into_iter().enumerate() {
                if number % 4 == 0 {
                    world.reopen().await;
                }
                world.step(step).await;
            }
            sound(store, world.now).await;
            let met = world.kinds().await;
            kinds.borrow_mut().extend(met);
        });
        Ok(())
    });
    if let Err(error) = told {
        panic!("{error}");
    }
    kinds.into_inner()
}

/// The stories are worth something only if they meet what can change.
#[test]
fn what_is_decided_is_what_is_loaded() {
    let mut met = BTreeSet::new();
    for name in ["standard", "saas-suite", "datacenter", "telephony", "mixed"] {
        met.extend(tell(name, super::STORIES));
    }
    let wanted = [
        "contact.verified",
        "contact.address_replaced",
        "member.added",
        "member.permissions_changed",
        "member.suspended",
        "member.expiry_changed",
        "member.removed",
        "role.primary_moved",
        "owner.moved",
    ];
    // A handful of stories may well miss one of them.
    let missed = wanted.iter().filter(|kind| !met.contains(**kind)).count();
    assert!(missed == 0 || super::STORIES < 4, "the stories met {met:?} only");
}

#[test]
fn an_account_is_loaded_as_it_was_opened() {
    let place = place_with(&catalog("datacenter"));
    runtime().block_on(async {
        let ids = account(&place.store, "ana@lima.example").await;
        let command = super::given::opening(ids, "ana@lima.example");
        let (second, by) = (command.account, act(Actor::User(ids.user), moment(2)));
        let opened = place.store.open_account(command, &by, no_answer).await.unwrap();
        assert_eq!(roster(&place.store, second).await, opened);
        assert_eq!(opened.account().revision, 1);
        let own = place.store.accounts_of(ids.user, None, 10, moment(2)).await.unwrap();
        assert_eq!(
            own.iter().map(|roster| roster.account().id).collect::<Vec<_>>(),
            [ids.account, second]
        );
        sound(&place.store, moment(3)).await;
    });
}

/// An account that an integration opened, planted by hand: its owner gets login and proof by following the link.
#[tokio::test]
async fn the_owner_of_an_account_that_was_never_activated_is_confirmed_by_the_link() {
    let place = place_with(&catalog("saas-suite"));
    let ids = account(&place.store, "ana@lima.example").await;
    let (account, contact) = (ids.account, ids.contact);
    let waiting = format!(
        "BEGIN;
         UPDATE accounts SET external_id = '4711' WHERE id = '{account}';
         UPDATE owners SET user_id = NULL, verified = NULL WHERE account_id = '{account}';
         DELETE FROM memberships WHERE account_id = '{account}';
         UPDATE contacts SET verified = FALSE, address_key = 'new@lima.example' WHERE id = '{contact}';
         UPDATE contact_addresses SET verified = FALSE, verified_at = NULL, address = 'new@lima.example',
             address_key = 'new@lima.example' WHERE contact_id = '{contact}';
         COMMIT"
    );
    super::given::by_hand(&place, &waiting);
    sound(&place.store, moment(1)).await;
    let (link, act) = (VerificationId::new(), act(Actor::System, moment(1)));
    let by = act.by();
    let send = SendVerification {
        id: link,
        contact,
        address: None,
    };
    place
        .store
        .decide(
            account,
            &act,
            move |roster| roster.send_verification(by, &send),
            no_answer,
        )
        .await
        .unwrap();
    place
        .store
        .confirm_verification(link, UserId::new(), Some(hash("first")), &act, no_answer)
        .await
        .unwrap();
    let owner = roster(&place.store, account).await;
    assert!(owner.contact(contact).unwrap().is_verified() && owner.member_of_contact(contact).is_some());
    sound(&place.store, moment(2)).await;
}
