//! An authenticator app, as people have it on their telephones: by a library that the service does not share its
//! arithmetic of steps with.

use chrono::TimeDelta;
use serde_json::json;
use totp_rs::{Builder, Secret, Totp};

use crate::{App, Client, given::PASSWORD};

/// An app that knows the secret of somebody.
#[derive(Clone)]
pub struct Authenticator {
    totp: Totp,
    /// What the app was told, in base 32.
    pub secret: String,
    /// The recovery codes that came with it.
    pub recovery_codes: Vec<String>,
}

impl Authenticator {
    /// The app that was told this secret.
    pub fn told(secret: &str) -> Self {
        let read = Secret::try_from_base32(secret).unwrap_or_else(|_| panic!("{secret} is no secret"));
        let totp = Builder::new()
            .with_secret(read)
            .build()
            .unwrap_or_else(|error| panic!("{secret}: {error}"));
        Self {
            totp,
            secret: secret.to_owned(),
            recovery_codes: Vec::new(),
        }
    }

    /// Somebody who has logged in just now sets a second factor up.
    pub fn of(person: &Client, app: &App) -> Self {
        let mut told = Self::told(&person.post("/v1/me/totp", ()).expect(201).text("secret"));
        let confirmed = person
            .post("/v1/me/totp/confirm", json!({ "code": told.code(app) }))
            .expect(200);
        let codes = confirmed.list("recovery_codes").iter();
        told.recovery_codes = codes.filter_map(|code| Some(code.as_str()?.to_owned())).collect();
        told
    }

    /// The code of this moment.
    pub fn code(&self, app: &App) -> String {
        self.code_in(app, TimeDelta::zero())
    }

    /// The code of a moment to come, or of one that has passed.
    pub fn code_in(&self, app: &App, time: TimeDelta) -> String {
        let second = u64::try_from((app.clock().now() + time).timestamp()).unwrap_or_default();
        self.totp.generate(second).to_string()
    }

    /// Waits for the next code, which nobody has used.
    pub fn next_code(&self, app: &App) -> String {
        app.clock().advance(TimeDelta::seconds(30));
        self.code(app)
    }
}

/// The challenge of a log-in whose password is right.
pub fn challenge(app: &App, address: &str) -> String {
    let credentials = json!({ "address": address, "password": PASSWORD });
    let refused = app.client().post("/v1/sessions", credentials);
    refused.refused(401, "second-factor-required").text("challenge")
}
