//! The provider's staff: operators, made as the command line makes them, who log in by HTTP with an authenticator app.

use std::ops::Deref;

use accounts_api::vault::VaultPurpose;
use accounts_domain::{
    actor::Actor,
    address::EmailAddress,
    ids::OperatorId,
    names::DisplayName,
    operators::{Operator as Kept, OperatorKind, SealedFactor},
    totp::TotpSecret,
};
use accounts_store::Act;
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::{Answer, App, Client, authenticator::Authenticator, client::Request, given::PASSWORD, scene};

/// What every operator's app shares with the service in these tests.
const SECRET: [u8; 20] = *b"an operator's secret";

/// The reason that operators give here.
pub const REASON: &str = "The customer asked us to, ticket 4711";

/// An operator who is logged in. Requests that it sends carry its token.
#[derive(Debug, Clone)]
pub struct Operator {
    client: Client,
    /// Its id.
    pub id: OperatorId,
    /// The address that it logs in with.
    pub address: String,
    /// Its access token.
    pub token: String,
}

/// Somebody joins the staff and logs in.
pub fn operator(app: &App, kind: OperatorKind, address: &str) -> Operator {
    let id = hired(app, kind, address);
    let session = log_in(app, address).expect(201);
    let token = session.text("access_token");
    Operator {
        client: app.client().with_token(&token),
        id,
        address: address.to_owned(),
        token,
    }
}

/// Somebody joins the staff.
pub fn hired(app: &App, kind: OperatorKind, address: &str) -> OperatorId {
    let (service, id) = (app.running().service(), OperatorId::new());
    let sealed = service
        .vault
        .seal(VaultPurpose::OperatorFactor, &id.to_string(), &SECRET);
    let operator = Kept {
        id,
        address: EmailAddress::parse(address).unwrap_or_else(|fault| panic!("{address}: {fault:?}")),
        display_name: DisplayName::parse("Sam").unwrap_or_else(|fault| panic!("{fault:?}")),
        kind,
        password_hash: scene::hash(app, PASSWORD),
        factor: sealed.map(SealedFactor),
        factor_used: None,
        created_at: service.clock.now(),
    };
    let made = app.running().wait(service.store.create_operator(operator, &act(app)));
    assert!(made.is_ok_and(|made| made), "{address} is no operator");
    id
}

/// Somebody leaves the staff.
pub fn dismissed(app: &App, operator: &Operator) {
    let service = app.running().service();
    let removed = app
        .running()
        .wait(service.store.remove_operator(operator.id, &act(app)));
    removed.unwrap_or_else(|error| panic!("{error}"));
}

/// A log-in with the right password and the code of this moment.
pub fn log_in(app: &App, address: &str) -> Request {
    let body = json!({ "address": address, "password": PASSWORD, "code": code(app) });
    app.client().post("/v1/operator/sessions", body)
}

/// The code that the app of every operator shows at this moment.
pub fn code(app: &App) -> String {
    Authenticator::told(&TotpSecret::from_bytes(SECRET).base32()).code(app)
}

/// Half a minute later the app shows the next code.
pub fn waits(app: &App) {
    app.clock().advance(TimeDelta::seconds(30));
}

fn act(app: &App) -> Act {
    Act {
        actor: Actor::System,
        at: app.clock().now(),
        request_id: None,
        keep: None,
    }
}

impl Deref for Operator {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Operator {
    /// Does something about a user, for the usual reason.
    pub fn acts(&self, user: &str, what: &str) -> Request {
        self.post(format!("/v1/operator/users/{user}/{what}"), json!({ "reason": REASON }))
    }

    /// Changes an account, for the usual reason.
    pub fn administers(&self, account: &str, mut patch: Value) -> Request {
        if let Some(members) = patch.as_object_mut() {
            members.insert("reason".to_owned(), json!(REASON));
        }
        self.patch(format!("/v1/operator/accounts/{account}"), patch)
    }

    /// Makes an integration with these scopes, for the usual reason, and answers its path.
    pub fn integrates(&self, name: &str, scopes: &[&str]) -> String {
        let body = json!({ "name": name, "scopes": scopes, "reason": REASON });
        let made = self.post("/v1/operator/integrations", body).expect(201);
        made.header("Location").to_owned()
    }

    /// Makes a key of the integration of that path, for the usual reason.
    pub fn makes_key(&self, integration: &str) -> Answer {
        let made = self.post(format!("{integration}/keys"), json!({ "reason": REASON }));
        made.expect(201)
    }

    /// Acts in a person's place in an account for a quarter of an hour.
    pub fn impersonates(&self, user: &str, account: &str) -> (Answer, Client) {
        let body = json!({ "reason": REASON, "minutes": 15, "account_id": account });
        let begun = self
            .post(format!("/v1/operator/users/{user}/impersonate"), body)
            .expect(201);
        let client = self.with_token(&begun.text("access_token"));
        (begun, client)
    }
}
