//! A session is refreshed while it is refreshed, or ended: a token has one successor, and what has ended stays so.

use accounts_domain::{ids::UserId, sessions::REFRESH_GRACE};
use accounts_store::Hand;
use accounts_tests::{
    Setup, json, on_both, scene,
    scene::{Login, Tokens},
    wire::{Ask, Heard},
};

use super::{
    block::{Pair, Round, block},
    ring::{Ring, Row},
};

on_both! {
    Setup::standard().without_mails();

    fn refresh_refresh(app) {
        block(app, "refresh/refresh", 8, Twice::set_up);
    }

    fn refresh_reuse(app) {
        block(app, "refresh/refresh of a spent token", 3, OrReused::set_up);
    }

    fn refresh_log_out(app) {
        block(app, "refresh/log out", 3, OrLoggedOut::set_up);
    }

    fn refresh_password_change(app) {
        block(app, "refresh/password change", 3, OrPasswordChanged::set_up);
    }
}

fn refresh(token: &str) -> Ask {
    Ask::post("/v1/sessions/refresh", &json!({ "refresh_token": token }))
}

fn me(access: &str) -> Ask {
    Ask::get("/v1/me").bearer(access)
}

fn successor(answer: &Heard) -> String {
    answer.text("/refresh_token").unwrap_or_else(|| panic!("{answer:?}"))
}

/// Neither this access token nor, where the refresh went well, what came of it opens anything on any instance.
fn assert_ended(ring: &mut Ring<'_>, tokens: &Tokens, refreshed: &Heard) {
    let mut dead = vec![me(&tokens.access), refresh(&tokens.refresh)];
    if refreshed.status == 200 {
        dead.push(me(&refreshed.text("/access_token").unwrap()));
        dead.push(refresh(&successor(refreshed)));
    }
    for ask in dead {
        for _ in 0..2 {
            assert_eq!(ring.ask(&ask).outcome(), "401 unauthenticated", "after {refreshed:?}");
        }
    }
}

struct Twice {
    tokens: Tokens,
    /// What the present token came from, which is spent.
    former: Option<String>,
    refreshed: i64,
}

impl Twice {
    fn set_up(ring: &mut Ring<'_>) -> Self {
        let ana = scene::owner(ring.app, &ring.address("ana"), None);
        Self {
            tokens: scene::session(ring.app, ana.user),
            former: None,
            refreshed: 0,
        }
    }
}

impl Pair for Twice {
    fn round(&mut self, ring: &mut Ring<'_>) -> Option<Round> {
        let present = self.tokens.refresh.clone();
        // A spent token that comes again within its grace gets the one that came of it, spent meanwhile or not.
        let former = self.former.take().filter(|_| ring.dice.roll(4) == 0);
        let asks = [refresh(former.as_ref().unwrap_or(&present)), refresh(&present)];
        let met = ring.meet(&Row::Session(self.tokens.session), [&asks[0], &asks[1]])?;
        assert_eq!(met.outcomes(), ["200", "200"], "{met:?}");
        let next = successor(&met.answers[1]);
        let expected = if former.is_some() { &present } else { &next };
        assert_eq!(successor(&met.answers[0]), *expected, "{met:?}");
        self.refreshed += 1;
        let tokens = |which: &str| {
            format!(
                "SELECT count(*) AS number FROM refresh_tokens WHERE session_id = '{}' AND {which}",
                self.tokens.session
            )
        };
        assert_eq!(ring.number(&tokens("spent_at IS NULL")), 1);
        assert_eq!(ring.number(&tokens("spent_at IS NOT NULL")), self.refreshed);
        for answer in &met.answers {
            let access = answer.text("/access_token").unwrap();
            assert_eq!(ring.read_both(&me(&access)).status, 200);
        }
        self.former = Some(present);
        self.tokens.refresh = next;
        Some(Round::of(&met, None))
    }
}

/// A token that was spent long ago comes again, so that somebody else may hold it, while its successor is used.
struct OrReused(Login);

impl OrReused {
    fn set_up(ring: &mut Ring<'_>) -> Self {
        Self(scene::owner(ring.app, &ring.address("ana"), None))
    }
}

impl Pair for OrReused {
    fn round(&mut self, ring: &mut Ring<'_>) -> Option<Round> {
        let tokens = scene::session(ring.app, self.0.user);
        let present = successor(&ring.ask(&refresh(&tokens.refresh)));
        ring.app.clock().advance(REFRESH_GRACE);
        let asks = [refresh(&tokens.refresh), refresh(&present)];
        let met = ring.meet(&Row::Session(tokens.session), [&asks[0], &asks[1]])?;
        let dead = "401 unauthenticated";
        let first = met.first([[dead, dead], [dead, "200"]]);
        assert_ended(ring, &tokens, &met.answers[1]);
        assert_eq!(ring.ask(&refresh(&present)).outcome(), dead);
        Some(Round::of(&met, Some(first)))
    }
}

struct OrLoggedOut(Login);

impl OrLoggedOut {
    fn set_up(ring: &mut Ring<'_>) -> Self {
        Self(scene::owner(ring.app, &ring.address("ana"), None))
    }
}

impl Pair for OrLoggedOut {
    fn round(&mut self, ring: &mut Ring<'_>) -> Option<Round> {
        let tokens = scene::session(ring.app, self.0.user);
        let log_out = Ask::delete("/v1/sessions/current").bearer(&tokens.access);
        let met = ring.meet(&Row::Session(tokens.session), [&refresh(&tokens.refresh), &log_out])?;
        let first = met.first([["200", "204"], ["401 unauthenticated", "204"]]);
        assert_ended(ring, &tokens, &met.answers[0]);
        Some(Round::of(&met, Some(first)))
    }
}

struct OrPasswordChanged {
    user: UserId,
    passwords: [&'static str; 2],
}

impl OrPasswordChanged {
    fn set_up(ring: &mut Ring<'_>) -> Self {
        let passwords = ["quiet harbour, seven lamps", "seven lamps, quiet harbour"];
        let hash = scene::hash(ring.app, passwords[0]);
        let ana = scene::owner(ring.app, &ring.address("ana"), Some(hash));
        Self {
            user: ana.user,
            passwords,
        }
    }
}

/// Whether a password was checked: it is counted as a try before, and forgiven after.
fn checked() -> impl FnMut(&mut Hand) -> bool {
    const TRIES: &str = "SELECT coalesce(sum(count), 0) AS number FROM throttles WHERE key LIKE 'password:%'";
    let mut begun = false;
    move |watch| {
        let tries = watch.number(TRIES).unwrap();
        begun |= tries > 0;
        begun && tries == 0
    }
}

impl Pair for OrPasswordChanged {
    fn round(&mut self, ring: &mut Ring<'_>) -> Option<Round> {
        let tokens = scene::session(ring.app, self.user);
        let other = scene::session(ring.app, self.user);
        let asking = if ring.dice.coin() { &tokens } else { &other };
        let [current, new] = self.passwords;
        let body = json!({ "current_password": current, "new_password": new });
        let change = Ask::put("/v1/me/password", &body).bearer(&asking.access);
        let row = Row::Session(tokens.session);
        let met = ring.meet_later(&row, [&change, &refresh(&tokens.refresh)], checked())?;
        let first = met.first([["200", "401 unauthenticated"], ["200", "200"]]);
        self.passwords.reverse();
        assert_ended(ring, &tokens, &met.answers[1]);
        assert_ended(ring, &other, &met.answers[1]);
        let live = format!(
            "SELECT count(*) AS number FROM sessions WHERE user_id = '{}' AND ended_at IS NULL",
            self.user
        );
        assert_eq!(ring.number(&live), 1);
        let access = met.answers[0].text("/access_token").unwrap();
        assert_eq!(ring.read_both(&me(&access)).status, 200);
        Some(Round::of(&met, Some(first)))
    }
}
