//! A removal bites: while a hundred requests of the member are under way, the first one that begins after the answer to
//! the removal is refused on every instance, whichever of the member's tokens and keys it bears, for that account and no
//! other; and an invitation that the member had made leads nowhere.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    thread,
};

use accounts_domain::permission::Permissions;
use accounts_tests::{
    App, Client, Instance, Setup, json, on_both, scene,
    scene::Login,
    wire::{Ask, Wire},
};

/// How many requests are under way at any moment of a round.
const IN_FLIGHT: usize = 100;

/// How often it is tried.
const ROUNDS: usize = 3;

on_both! {
    Setup::standard().without_mails();

    fn a_removal_bites(app) {
        bites(app, |office| Ask::delete(&office.member()).bearer(&office.owners));
    }

    fn a_suspension_bites(app) {
        let body = json!({ "status": "suspended" });
        bites(app, |office| Ask::patch(&office.member(), &body).bearer(&office.owners));
    }

    fn leaving_bites(app) {
        bites(app, |office| {
            let tokens = scene::session(app, office.bea.user);
            Ask::new("POST", &office.ana.at("/leave")).bearer(&tokens.access)
        });
    }
}

/// Ana's account, of which Bea is a member, and Bea's own.
struct Office {
    ana: Login,
    owners: String,
    /// Bea in Ana's account.
    bea: Login,
    /// Bea in her own.
    own: Login,
    /// Whom Bea invites.
    cem: Client,
}

impl Office {
    fn member(&self) -> String {
        self.ana.at(&format!("/members/{}", self.bea.user))
    }
}

/// Nobody goes on looking when whoever ends it has panicked.
struct FailsWithMe<'a>(&'a Round);

impl Drop for FailsWithMe<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.fail("whoever ends it has panicked".to_owned());
        }
    }
}

fn bites(app: &App, end: impl Fn(&Office) -> Ask) {
    let second = app.second();
    let instances: Vec<&Client> = std::iter::once(app.client())
        .chain(second.as_ref().map(Instance::client))
        .collect();
    let ana = scene::owner(app, "ana@lima.example", None);
    let own = scene::owner(app, "bea@lima.example", None);
    let bea = scene::member(app, ana.account, "bea@lima.example", Permissions::All);
    assert_eq!(own.user, bea.user);
    let owners = scene::session(app, ana.user).access;
    let cem = scene::owner(app, "cem@lima.example", None);
    let cem = app.client().with_token(&scene::session(app, cem.user).access);
    let office = Office {
        ana,
        owners,
        bea,
        own,
        cem,
    };
    for round in 0..ROUNDS {
        if round > 0 {
            come_back(app, &office);
        }
        Round::of(&office, app).run(&instances, &end(&office));
    }
}

/// Bea is a member again, however she ceased to be one.
fn come_back(app: &App, office: &Office) {
    let (user, contact) = (office.bea.user, office.bea.contact);
    scene::settle(app, office.ana.account, move |roster, by| {
        use accounts_domain::{change::Change, members::MemberPatch, roster::MemberStatus};
        if roster.member(user).is_none() {
            let (contact, permissions) = (Some(contact), Permissions::All);
            return Ok(vec![Change::MemberAdded {
                user,
                contact,
                permissions,
            }]);
        }
        let status = Some(MemberStatus::Active);
        roster.change_member(
            by,
            user,
            &MemberPatch {
                status,
                ..MemberPatch::default()
            },
        )
    });
}

/// What those see who look while it ends.
struct Round {
    /// The same look with an access token of each of two sessions, and with an API key.
    looks: [Ask; 3],
    /// What stays open with the same tokens and the same key.
    others: [Ask; 3],
    there: String,
    elsewhere: String,
    /// Renews the second session.
    renewal: Ask,
    /// The look with a key of the account, which the member had made.
    by_account_key: Ask,
    /// Accepts an invitation that the member had made.
    acceptance: Ask,
    over: AtomicBool,
    opened: AtomicU64,
    failure: Mutex<Option<String>>,
}

impl Round {
    fn of(office: &Office, app: &App) -> Self {
        let sessions = [
            scene::session(app, office.bea.user),
            scene::session(app, office.bea.user),
        ];
        let (there, elsewhere) = (office.ana.at("/contacts"), office.own.at("/contacts"));
        let bea = app.client().with_token(&sessions[0].access);
        let makes_key = |list: &str| {
            let asked = json!({ "name": "Key", "all_permissions": true });
            bea.post(list, asked).expect(201).text("key")
        };
        let bearers = [
            sessions[0].access.clone(),
            sessions[1].access.clone(),
            makes_key("/v1/me/api-keys"),
        ];
        let asks = |path: &str| [0, 1, 2].map(|of| Ask::get(path).bearer(&bearers[of]));
        let cem = json!({ "address": "cem@lima.example", "permissions": [] });
        let invitation = bea.post(office.ana.at("/invitations"), cem).expect(201).text("id");
        let acceptance = Ask::new("POST", &format!("/v1/me/invitations/{invitation}/accept"));
        Self {
            looks: asks(&there),
            others: asks(&elsewhere),
            renewal: Ask::post("/v1/sessions/refresh", &json!({ "refresh_token": sessions[1].refresh })),
            by_account_key: Ask::get(&there).bearer(&makes_key(&office.ana.at("/api-keys"))),
            acceptance: acceptance.bearer(office.cem.token().unwrap_or_default()),
            there,
            elsewhere,
            over: AtomicBool::new(false),
            opened: AtomicU64::new(0),
            failure: Mutex::new(None),
        }
    }

    fn run(&self, instances: &[&Client], end: &Ask) {
        let mut wires: Vec<Wire> = instances.iter().map(|client| Wire::to(client)).collect();
        thread::scope(|scope| {
            let _failing = FailsWithMe(self);
            for number in 0..IN_FLIGHT {
                let client = instances[number % instances.len()];
                scope.spawn(move || self.look(&mut Wire::to(client), number / instances.len() % self.looks.len()));
            }
            while self.opened.load(SeqCst) < 200 && !self.has_failed() {
                thread::yield_now();
            }
            let answer = wires[0].ask(end);
            self.over.store(true, SeqCst);
            if answer.status != 200 && answer.status != 204 {
                self.fail(format!("{answer:#?}"));
            }
            // Nobody is sooner than whoever got the answer.
            for wire in &mut wires {
                for (look, other) in self.looks.iter().zip(&self.others) {
                    self.expect(wire, look, "404 not-found");
                    self.expect(wire, other, "200");
                }
                self.expect(wire, &self.by_account_key, "401 unauthenticated");
                self.expect(wire, &self.acceptance, "410 invitation-ended");
            }
            let renewed = wires[0].ask(&self.renewal).text("/access_token").unwrap_or_default();
            for wire in &mut wires {
                self.expect(wire, &Ask::get(&self.there).bearer(&renewed), "404 not-found");
                self.expect(wire, &Ask::get(&self.elsewhere).bearer(&renewed), "200");
            }
        });
        if let Some(failure) = self.failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
            panic!("{failure}");
        }
    }

    /// Asks until one request that began after the end was refused.
    fn look(&self, wire: &mut Wire, bearer: usize) {
        while !self.has_failed() {
            let over = self.over.load(SeqCst);
            let answer = wire.ask(&self.looks[bearer]);
            match answer.outcome().as_str() {
                "200" if over => self.fail(format!("opened after it was over: {answer:#?}")),
                "200" => {
                    self.opened.fetch_add(1, SeqCst);
                }
                "404 not-found" if over => return,
                // It may have ended before whoever ended it was answered; and too busy to answer is no answer.
                "404 not-found" | "503 unavailable" => {}
                _ => self.fail(format!("{answer:#?}")),
            }
        }
    }

    #[track_caller]
    fn expect(&self, wire: &mut Wire, ask: &Ask, outcome: &str) {
        loop {
            let answer = wire.ask(ask);
            if answer.status == 503 {
                continue;
            }
            if answer.outcome() != outcome {
                self.fail(format!("expected {outcome}: {answer:#?}"));
            }
            return;
        }
    }

    fn fail(&self, failure: String) {
        let mut first = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert(failure);
    }

    fn has_failed(&self) -> bool {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }
}
