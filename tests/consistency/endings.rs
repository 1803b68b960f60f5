//! What ends, ends at once and everywhere: from the acknowledgement on, no request with a session that was ended, by a
//! member who was removed or by a former owner opens anything on any instance.

use std::{
    sync::{
        Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    thread,
};

use accounts_domain::operators::OperatorKind;
use accounts_domain::permission::Permissions;
use accounts_tests::{
    App, Client, Instance, Setup,
    authenticator::Authenticator,
    json, on_both, scene,
    scene::Login,
    staff::{self, REASON},
    wire::{Ask, Wire},
};

use super::reads::{number, told};

on_both! {
    Setup::standard().without_mails();

    fn a_session_that_was_logged_out_opens_nothing(app) {
        let owner = scene::owner(app, "ana@lima.example", None);
        watch(app, "log out", 1, |_| {
            let tokens = scene::session(app, owner.user);
            Ending {
                looks: Ask::get(&owner.at("/access")).bearer(&tokens.access),
                ends: Ask::delete("/v1/sessions/current").bearer(&tokens.access),
                refusal: "401 unauthenticated",
            }
        });
    }

    fn a_session_that_was_ended_from_another_opens_nothing(app) {
        let owner = scene::owner(app, "ana@lima.example", None);
        let other = scene::session(app, owner.user);
        watch(app, "end one of my sessions", 1, |_| {
            let tokens = scene::session(app, owner.user);
            Ending {
                looks: Ask::get("/v1/me").bearer(&tokens.access),
                ends: Ask::delete(&format!("/v1/me/sessions/{}", tokens.session)).bearer(&other.access),
                refusal: "401 unauthenticated",
            }
        });
    }

    fn a_session_older_than_the_password_opens_nothing(app) {
        let passwords = ["quiet harbour, seven lamps", "seven lamps, quiet harbour"];
        let owner = scene::owner(app, "ana@lima.example", Some(scene::hash(app, passwords[0])));
        watch(app, "change the password", 5, |round| {
            let tokens = scene::session(app, owner.user);
            let other = scene::session(app, owner.user);
            let [current, new] = [passwords[round % 2], passwords[(round + 1) % 2]];
            let body = json!({ "current_password": current, "new_password": new });
            Ending {
                looks: Ask::get(&owner.at("/contacts")).bearer(&tokens.access),
                ends: Ask::put("/v1/me/password", &body).bearer(&other.access),
                refusal: "401 unauthenticated",
            }
        });
    }

    fn a_member_who_was_removed_finds_nothing(app) {
        let owner = scene::owner(app, "ana@lima.example", None);
        let access = scene::session(app, owner.user).access;
        let address = "bea@lima.example";
        let bea = scene::member(app, owner.account, address, Permissions::All);
        let look = scene::session(app, bea.user).access;
        watch(app, "remove a member", 2, |round| {
            let bea = if round == 0 {
                bea.clone()
            } else {
                scene::member(app, owner.account, address, Permissions::All)
            };
            Ending {
                looks: Ask::get(&owner.at("/contacts")).bearer(&look),
                ends: Ask::delete(&owner.at(&format!("/contacts/{}", bea.contact))).bearer(&access),
                refusal: "404 not-found",
            }
        });
    }

    fn a_key_that_was_revoked_opens_nothing(app) {
        let owner = scene::owner(app, "ana@lima.example", None);
        let access = scene::session(app, owner.user).access;
        let ana = app.client().with_token(&access);
        watch(app, "revoke an API key", 2, |round| {
            // In turn a key of the person and one of the account.
            let list = [format!("/v1/accounts/{}/api-keys", owner.account), "/v1/me/api-keys".to_owned()];
            let list = &list[round % 2];
            let key = ana.post(list, json!({ "name": "Key", "all_permissions": true })).expect(201);
            Ending {
                looks: Ask::get(&owner.at("/contacts")).bearer(&key.text("key")),
                ends: Ask::delete(&format!("{list}/{}", key.text("id"))).bearer(&access),
                refusal: "401 unauthenticated",
            }
        });
    }

    fn a_key_of_the_account_ends_with_the_membership_of_its_maker(app) {
        let owner = scene::owner(app, "ana@lima.example", None);
        let access = scene::session(app, owner.user).access;
        watch(app, "remove the maker of an API key", 2, |_| {
            let bea = scene::member(app, owner.account, "bea@lima.example", Permissions::All);
            let maker = app.client().with_token(&scene::session(app, bea.user).access);
            let asked = json!({ "name": "Key", "all_permissions": true });
            let key = maker.post(owner.at("/api-keys"), asked).expect(201).text("key");
            Ending {
                looks: Ask::get(&owner.at("/contacts")).bearer(&key),
                ends: Ask::delete(&owner.at(&format!("/contacts/{}", bea.contact))).bearer(&access),
                refusal: "401 unauthenticated",
            }
        });
    }

    fn a_member_without_the_second_factor_that_is_asked_for_finds_nothing(app) {
        let owner = scene::owner(app, "ana@lima.example", None);
        let access = scene::session(app, owner.user).access;
        let ana = app.client().with_token(&access);
        Authenticator::of(&ana, app);
        let bea = scene::member(app, owner.account, "bea@lima.example", Permissions::All);
        let token = scene::session(app, bea.user).access;
        let asked = json!({ "name": "Key", "all_permissions": true });
        let key = app.client().with_token(&token).post("/v1/me/api-keys", asked).expect(201).text("key");
        let asks = |required: bool| json!({ "second_factor_required": required });
        watch(app, "ask for a second factor", 2, |round| {
            ana.patch(owner.at(""), asks(false)).expect(200);
            Ending {
                looks: Ask::get(&owner.at("/contacts")).bearer([&token, &key][round % 2]),
                ends: Ask::patch(&owner.at(""), &asks(true)).bearer(&access),
                refusal: "403 second-factor-setup-required",
            }
        });
    }

    fn a_person_whom_an_operator_suspends_opens_nothing(app) {
        let owner = scene::owner(app, "ana@lima.example", None);
        let sam = staff::operator(app, OperatorKind::Admin, "sam@provider.example");
        watch(app, "suspend a user", 2, |_| {
            sam.acts(&owner.user.to_string(), "reinstate").expect(200);
            let tokens = scene::session(app, owner.user);
            let path = format!("/v1/operator/users/{}/suspend", owner.user);
            Ending {
                looks: Ask::get(&owner.at("/access")).bearer(&tokens.access),
                ends: Ask::post(&path, &json!({ "reason": REASON })).bearer(&sam.token),
                refusal: "401 unauthenticated",
            }
        });
    }

    fn an_operator_in_a_persons_place_opens_nothing_once_it_is_ended(app) {
        let owner = scene::owner(app, "ana@lima.example", None);
        let sam = staff::operator(app, OperatorKind::Support, "sam@provider.example");
        watch(app, "end acting in a person's place", 2, |_| {
            let (begun, _) = sam.impersonates(&owner.user.to_string(), &owner.account.to_string());
            let token = begun.text("access_token");
            Ending {
                looks: Ask::get(&owner.at("/contacts")).bearer(&token),
                ends: Ask::delete("/v1/sessions/current").bearer(&token),
                refusal: "401 unauthenticated",
            }
        });
    }

    fn a_former_owner_may_no_longer_see_the_contacts(app) {
        let owner = scene::owner(app, "ana@lima.example", None);
        let bea = scene::member(app, owner.account, "bea@lima.example", Permissions::none());
        let access = |login: &Login| scene::session(app, login.user).access;
        let both = [(&owner, access(&owner)), (&bea, access(&bea))];
        watch(app, "transfer the ownership", 1, |round| {
            let (from, to) = (&both[round % 2], &both[(round + 1) % 2]);
            let body = json!({ "contact_id": to.0.contact });
            Ending {
                looks: Ask::get(&owner.at("/contacts")).bearer(&from.1),
                ends: Ask::post(&owner.at("/ownership-transfers"), &body).bearer(&from.1),
                refusal: "403 forbidden",
            }
        });
    }
}

/// Something that opens until it is ended.
struct Ending {
    /// The request that is answered by 200 before, and by the refusal after.
    looks: Ask,
    ends: Ask,
    refusal: &'static str,
}

/// An ending that readers look at.
struct Watched {
    ending: Ending,
    /// Whether the end was acknowledged, or shown to anybody.
    over: AtomicBool,
    opened: AtomicU64,
    /// How often each instance refused after the end.
    refused: Vec<AtomicU64>,
}

impl Watched {
    fn new(ending: Ending, instances: usize) -> Self {
        Self {
            ending,
            over: AtomicBool::new(false),
            opened: AtomicU64::new(0),
            refused: (0..instances).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    fn refused_everywhere(&self, times: u64) -> bool {
        self.refused.iter().all(|refused| refused.load(SeqCst) >= times)
    }
}

/// What everybody shares who looks.
struct Stage {
    /// Each look holds it, so that no request of one round is under way in the next.
    now: RwLock<Watched>,
    done: AtomicBool,
    failure: Mutex<Option<String>>,
}

impl Stage {
    fn fail(&self, failure: String) {
        self.failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert(failure);
        self.done.store(true, SeqCst);
    }

    fn is_done(&self) -> bool {
        self.done.load(SeqCst)
    }

    fn wait(&self, seen: impl Fn() -> bool) {
        while !seen() && !self.is_done() {
            thread::yield_now();
        }
    }
}

/// Nobody waits for a thread that has panicked.
struct EndsWithMe<'a>(&'a Stage);

impl Drop for EndsWithMe<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.fail("somebody who looks has panicked".to_owned());
        }
        self.0.done.store(true, SeqCst);
    }
}

/// Lets readers on each instance look while it is ended on the first, round after round. `cost` says how many times
/// fewer rounds there are of it because each takes longer.
fn watch(app: &App, what: &str, cost: u64, ending: impl Fn(usize) -> Ending) {
    let second = app.second();
    let instances: Vec<&Client> = std::iter::once(app.client())
        .chain(second.as_ref().map(Instance::client))
        .collect();
    let rounds = number("READS").map_or(6, |reads| reads / 1000).div_ceil(cost);
    let stage = Stage {
        now: RwLock::new(Watched::new(ending(0), instances.len())),
        done: AtomicBool::new(false),
        failure: Mutex::new(None),
    };
    let (mut opened, mut refused) = (0, 0);
    thread::scope(|scope| {
        let stage = &stage;
        for (instance, client) in instances.iter().enumerate() {
            for _ in 0..2 {
                scope.spawn(move || keep_looking(&mut Wire::to(client), instance, stage));
            }
        }
        let _ends = EndsWithMe(stage);
        let mut wires: Vec<Wire> = instances.iter().map(|client| Wire::to(client)).collect();
        for round in 0..usize::try_from(rounds).unwrap() {
            if round > 0 {
                let mut now = stage.now.write().unwrap();
                *now = Watched::new(ending(round), instances.len());
            }
            let now = stage.now.read().unwrap();
            stage.wait(|| now.opened.load(SeqCst) >= 4);
            let answer = wires[0].ask(&now.ending.ends);
            now.over.store(true, SeqCst);
            if answer.status >= 300 {
                stage.fail(format!("{answer:#?}"));
            }
            // Nobody is sooner than whoever got the acknowledgement.
            for (instance, wire) in wires.iter_mut().enumerate() {
                look(wire, instance, stage, &now);
            }
            stage.wait(|| now.refused_everywhere(4));
            if stage.is_done() {
                break;
            }
            opened += now.opened.load(SeqCst);
            refused += now.refused.iter().map(|refused| refused.load(SeqCst)).sum::<u64>();
        }
    });
    if let Some(failure) = stage.failure.into_inner().unwrap() {
        panic!("{what}: {failure}");
    }
    println!(
        "| {what} | {:?} on {} | ended {rounds} times | opened {opened} before | refused {refused} after \
         | opened after 0 |",
        app.db(),
        told(instances.len())
    );
}

/// Asks until everything is over.
fn keep_looking(wire: &mut Wire, instance: usize, stage: &Stage) {
    let _ends = EndsWithMe(stage);
    while !stage.is_done() {
        look(wire, instance, stage, &stage.now.read().unwrap());
    }
}

/// Asks once; what was over before the request began must be refused.
fn look(wire: &mut Wire, instance: usize, stage: &Stage, now: &Watched) {
    let over = now.over.load(SeqCst);
    let answer = wire.ask(&now.ending.looks);
    match answer.status {
        200 if over => stage.fail(format!("opened after it was over: {answer:#?}")),
        200 => {
            now.opened.fetch_add(1, SeqCst);
        }
        // Too busy to answer is no answer.
        503 => {}
        _ if answer.outcome() == now.ending.refusal => {
            now.over.store(true, SeqCst);
            now.refused[instance].fetch_add(1, SeqCst);
        }
        _ => stage.fail(format!("{answer:#?}")),
    }
}
