//! How often anybody may try: counted per network and address, however the address is spelled.

use accounts_tests::{
    App, Setup,
    client::Request,
    given::{self, PASSWORD},
    json, on_both,
};
use chrono::TimeDelta;

/// Behind one proxy of the provider, so that a test may come from many networks.
fn behind_a_proxy() -> Setup {
    Setup::standard().setting("ACCOUNTS_TRUSTED_PROXIES", "1")
}

fn log_in(app: &App, network: &str, address: &str, password: &str) -> Request {
    let body = json!({ "address": address, "password": password });
    app.client()
        .post("/v1/sessions", body)
        .header("X-Forwarded-For", network)
}

mod by_the_proxy {
    use super::*;

    on_both! {
        behind_a_proxy();

        fn r_10_the_eleventh_wrong_password_is_429(app) {
            given::owner(app, "ana@example.com");
            for _ in 0..10 {
                log_in(app, "192.0.2.1", "ana@example.com", "wrong wrong").refused(401, "invalid-credentials");
            }
            let refused = log_in(app, "192.0.2.1", "ana@example.com", "wrong wrong").refused(429, "too-many-requests");
            let wait: i64 = refused.header("Retry-After").parse().unwrap();
            assert!((1..=15 * 60).contains(&wait), "{refused}");
            assert_eq!(refused["retry_after"], wait);
            // The right one does not help there, and is let in from elsewhere.
            log_in(app, "192.0.2.1", "ana@example.com", PASSWORD).refused(429, "too-many-requests");
            log_in(app, "192.0.2.2", "ana@example.com", PASSWORD).expect(201);
            log_in(app, "192.0.2.1", "bea@example.com", "wrong wrong").refused(401, "invalid-credentials");
            app.clock().advance(TimeDelta::seconds(wait));
            log_in(app, "192.0.2.1", "ana@example.com", PASSWORD).expect(201);
        }

        fn r_10_what_is_unknown_is_counted_alike(app) {
            for _ in 0..10 {
                log_in(app, "192.0.2.1", "nobody@example.com", "wrong wrong").refused(401, "invalid-credentials");
            }
            log_in(app, "192.0.2.1", "nobody@example.com", "wrong wrong").refused(429, "too-many-requests");
        }

        fn r_11_spellings_share_one_count(app) {
            given::owner(app, "ana@example.com");
            let spellings = [
                "ana@example.com",
                "ANA@example.com",
                "ana@EXAMPLE.com",
                " ana@example.com ",
                "Ana@Example.Com",
            ];
            for spelling in spellings.iter().cycle().take(10) {
                log_in(app, "192.0.2.1", spelling, "wrong wrong").refused(401, "invalid-credentials");
            }
            for spelling in spellings {
                log_in(app, "192.0.2.1", spelling, "wrong wrong").refused(429, "too-many-requests");
            }
        }

        fn r_12_one_password_on_many_addresses_is_429_for_their_network(app) {
            given::owner(app, "ana@example.com");
            let tries = (0..60).map(|number| {
                log_in(app, "192.0.2.1", &format!("user{number}@example.com"), "Password 1")
                    .send()
                    .status()
            });
            let refused: Vec<u16> = tries.filter(|status| *status != 401).collect();
            assert_eq!(refused, [429; 10]);
            log_in(app, "192.0.2.1", "ana@example.com", PASSWORD).refused(429, "too-many-requests");
            log_in(app, "192.0.2.2", "ana@example.com", PASSWORD).expect(201);
            // One customer of an access provider is one network, whichever address it takes.
            for number in 0..10 {
                log_in(
                    app,
                    &format!("2001:db8:1:2::{number:x}"),
                    "ana@example.com",
                    "wrong wrong",
                )
                .refused(401, "invalid-credentials");
            }
            log_in(app, "2001:db8:1:2:ffff::1", "ana@example.com", PASSWORD).refused(429, "too-many-requests");
            log_in(app, "2001:db8:1:3::1", "ana@example.com", PASSWORD).expect(201);
        }

        fn r_57_only_the_proxys_own_word_counts(app) {
            given::owner(app, "ana@example.com");
            for number in 0..10 {
                // What stands before it is the caller's own.
                log_in(
                    app,
                    &format!("198.51.100.{number}, 192.0.2.1"),
                    "ana@example.com",
                    "wrong wrong",
                )
                .refused(401, "invalid-credentials");
            }
            log_in(app, "203.0.113.7, 192.0.2.1", "ana@example.com", PASSWORD).refused(429, "too-many-requests");
        }

        fn mails_that_anybody_may_call_for_are_bounded_per_network(app) {
            let ask = |network: &str| {
                let body = json!({ "address": "nobody@example.com" });
                app.client()
                    .post("/v1/password-resets", body)
                    .header("X-Forwarded-For", network)
            };
            for _ in 0..100 {
                ask("192.0.2.1").expect(202);
            }
            ask("192.0.2.1").refused(429, "too-many-requests").header("Retry-After");
            app.client()
                .post("/v1/sign-ups", given::sign_up("new@example.com"))
                .header("X-Forwarded-For", "192.0.2.1")
                .refused(429, "too-many-requests");
            ask("192.0.2.2").expect(202);
        }
    }
}

mod by_the_connection {
    use super::*;

    on_both! {
        fn r_57_without_a_proxy_the_address_is_that_of_the_connection(app) {
            given::owner(app, "ana@example.com");
            for number in 0..10 {
                let try_one = log_in(app, &format!("198.51.100.{number}"), "ana@example.com", "wrong wrong")
                    .header("Forwarded", &format!("for=198.51.100.{number}"))
                    .header("X-Real-IP", &format!("198.51.100.{number}"));
                try_one.refused(401, "invalid-credentials");
            }
            log_in(app, "203.0.113.7", "ana@example.com", PASSWORD).refused(429, "too-many-requests");
        }

        fn r_51_a_fourth_reset_mail_is_withheld_and_nobody_is_told(app) {
            given::owner(app, "ana@example.com");
            let ask = || {
                app.client()
                    .post("/v1/password-resets", json!({ "address": "Ana@Example.com" }))
                    .header("X-Request-Id", "same")
                    .expect(202)
            };
            let resets = || {
                app.mails_to("ana@example.com")
                    .iter()
                    .filter(|mail| mail.raw.contains("/reset#token"))
                    .count()
            };
            let first = ask();
            for number in 2..=5 {
                let again = ask();
                assert_eq!(again.body(), first.body());
                assert_eq!(again.headers_but(&["date"]), first.headers_but(&["date"]));
                assert_eq!(resets(), number.min(3));
            }
            app.clock().advance(TimeDelta::hours(1));
            ask();
            assert_eq!(resets(), 4);
        }

        fn r_51_a_fourth_sign_up_mail_is_withheld_and_nobody_is_told(app) {
            for number in 1..=5 {
                app.client()
                    .post("/v1/sign-ups", given::sign_up("new@example.com"))
                    .expect(202);
                assert_eq!(app.mails_to("new@example.com").len(), number.min(3));
            }
        }

        fn r_10_a_wrong_current_password_is_counted_like_a_log_in(app) {
            let ana = given::owner(app, "ana@example.com");
            let change = || {
                ana.put(
                    "/v1/me/password",
                    json!({ "current_password": "wrong wrong", "new_password": "a new password" }),
                )
            };
            for _ in 0..10 {
                change().refused(401, "reauthentication-required");
            }
            change().refused(429, "too-many-requests").header("Retry-After");
        }
    }
}
