//! An account with people in it, and beside it one of somebody else: every operation of the
//! document has something there to act upon.

use std::{collections::BTreeMap, fmt::Display};

use accounts_domain::{integrations::IntegrationScope, operators::OperatorKind};
use accounts_tests::{
    App, Client, Setup,
    client::Request,
    given::{self, Contact, Person},
    json, scene, staff,
};

use super::operations::Operation;

const STANDARD: &str = include_str!("../../crates/accounts-domain/src/catalog/presets/standard.toml");

/// The standard service, where an ownership transfer waits for its acceptance.
pub(super) fn setup() -> Setup {
    let immediate = "owner_transfer = \"immediate\"";
    assert!(STANDARD.contains(immediate));
    Setup::catalog(&STANDARD.replace(immediate, "owner_transfer = \"accepted\""))
}

/// Ana's account and Dan's.
pub(super) struct House<'a> {
    pub app: &'a App,
    /// The owner.
    pub ana: Person<'a>,
    /// Another session of hers.
    pub spare_session: String,
    /// An API key of hers, and one of her account.
    pub keys: [String; 2],
    /// Her contact, with one more address, not verified.
    pub bea: Contact,
    /// A member without a permission.
    pub cem: Person<'a>,
    pub cem_contact: Contact,
    /// The user whom Cem logs in as.
    pub cem_user: String,
    /// A review of Ana's account.
    pub review: String,
    /// Ana's offer to Cem.
    pub transfer: String,
    /// Ana's invitation to somebody.
    pub invitation: String,
    /// Somebody's invitation to Ana, to an account of their own.
    pub my_invitation: String,
    /// A request of somebody to join Ana's account, and one of hers to join another.
    pub requests: [String; 2],
    /// An integration with every scope.
    pub integration: Client,
    /// A webhook of it, and something on its way there.
    pub webhook: [String; 2],
    /// The owner of the other account.
    pub dan: Person<'a>,
    pub eve: Contact,
    /// A member of Dan's account, whom he offers it.
    pub fay_user: String,
    /// Dan's offer to Fay.
    pub dans_transfer: String,
    /// Dan's invitation to somebody.
    pub dans_invitation: String,
    /// An operator who may do everything that operators may.
    pub admin: staff::Operator,
    /// A notice that the integration has sent.
    pub notification: String,
    /// The token of the link for unsubscribing in it.
    pub way_out: String,
    /// The path of an integration of the provider's.
    pub desk: String,
    /// A key of it.
    pub desk_key: String,
    /// A mail that was given up.
    pub mail: String,
}

impl<'a> House<'a> {
    pub fn of(app: &'a App) -> Self {
        let ana = given::owner(app, "ana@example.com");
        let bea = ana.adds(json!({
            "display_name": "Bea",
            "address": "bea@example.com",
            "more_addresses": ["bea@home.example"],
        }));
        let (cem_contact, cem) = member(app, &ana, "cem@example.com");
        let transfer = ana.transfers_ownership(&cem_contact).expect(201).text("id");
        let keys = ["/v1/me/api-keys".to_owned(), ana.at("/api-keys")].map(|list| {
            let body = json!({ "name": "Scripts", "permissions": ["contacts:view"] });
            ana.post(list, body).expect(201).text("id")
        });
        let dan = given::owner(app, "dan@example.com");
        let eve = dan.adds_contact("Eve", "eve@example.com");
        let (fay, fay_person) = member(app, &dan, "fay@example.com");
        let dans_transfer = dan.transfers_ownership(&fay).expect(201).text("id");
        let invitation = ana.invites("gus@example.com", &json!([])).expect(201).text("id");
        let ivy = given::owner(app, "ivy@example.com");
        let my_invitation = ivy.invites("ana@example.com", &json!([])).expect(201).text("id");
        let dans_invitation = dan.invites("hal@example.com", &json!([])).expect(201).text("id");
        ivy.asks_to_join(&json!({ "account_id": ana.account })).expect(202);
        ana.asks_to_join(&json!({ "owner_address": "nobody@example.com" }))
            .expect(202);
        let requests = [ana.at("/join-requests"), "/v1/me/join-requests".to_owned()]
            .map(|list| ana.get(list).expect(200).text("data/0/id"));
        given::opened_by_integration(app, "ida@example.com");
        let integration = given::integration(app, &IntegrationScope::ALL.map(IntegrationScope::as_str));
        let notification = given::notice(&integration, &ana.account, "product_news").text("id");
        let way_out = app.mail_to("ana@example.com").unsubscribe_token();
        let review = ana.post(ana.at("/reviews"), json!({})).expect(201).text("id");
        let admin = staff::operator(app, OperatorKind::Admin, "sam@provider.example");
        let desk = admin.integrates("Desk", &["access:check"]);
        let desk_key = admin.makes_key(&desk).text("id");
        let webhook = told_something(&integration);
        // What is in the outbox has left: the worker changes nothing from here on.
        app.mails();
        let spare = json!({ "address": ana.address, "password": given::PASSWORD });
        let spare_session = app.client().post("/v1/sessions", spare).expect(201).text("session_id");
        Self {
            app,
            ana,
            spare_session,
            keys,
            bea,
            cem_user: cem.user(),
            cem,
            cem_contact,
            transfer,
            invitation,
            review,
            my_invitation,
            requests,
            integration,
            notification,
            way_out,
            webhook,
            dan,
            eve,
            fay_user: fay_person.user(),
            dans_transfer,
            dans_invitation,
            admin,
            desk,
            desk_key,
            mail: scene::given_up_mail(app, "gil@example.com"),
        }
    }

    /// Who calls an operation by right: Ana or the integration, for what is the provider's an operator, or for what is
    /// public anybody.
    pub fn caller(&self, operation: &Operation) -> &Client {
        if operation.by_integration {
            &self.integration
        } else if operation.secured && operation.is_operators() {
            &self.admin
        } else if operation.secured {
            &self.ana
        } else {
            self.app.client()
        }
    }

    /// Who may read a path.
    pub fn reader(&self, path: &str) -> &Client {
        if path.starts_with("/v1/operator/") {
            &self.admin
        } else if ["/v1/notifications", "/v1/webhooks", "/v1/accounts/by-external-id/"]
            .iter()
            .any(|of_integrations| path.starts_with(of_integrations))
        {
            &self.integration
        } else {
            &self.ana
        }
    }

    /// What stands in the path of an operation upon Ana's account.
    pub fn value(&self, path: &str, parameter: &str) -> String {
        match (path, parameter) {
            (_, "account") => self.ana.account.clone(),
            (_, "notification") => self.notification.clone(),
            (_, "token") => self.way_out.clone(),
            (_, "external_id") => given::EXTERNAL_ID.to_owned(),
            (_, "contact") => self.bea.id.clone(),
            (_, "user") => self.cem_user.clone(),
            (_, "role") => "technical".to_owned(),
            (_, "address") => "bea@home.example".to_owned(),
            (_, "transfer") => self.transfer.clone(),
            (_, "invitation") if path.starts_with("/v1/me/") => self.my_invitation.clone(),
            (_, "invitation") => self.invitation.clone(),
            ("/v1/me/join-requests/{request}", "request") => self.requests[1].clone(),
            (_, "request") => self.requests[0].clone(),
            (_, "review") => self.review.clone(),
            (_, "session") => self.spare_session.clone(),
            (_, "integration") => self.desk.rsplit('/').next().unwrap().to_owned(),
            (_, "key") if path.starts_with("/v1/operator/") => self.desk_key.clone(),
            ("/v1/me/api-keys/{key}", "key") => self.keys[0].clone(),
            (_, "key") => self.keys[1].clone(),
            (_, "mail") => self.mail.clone(),
            (_, "webhook") => self.webhook[0].clone(),
            (_, "delivery") => self.webhook[1].clone(),
            (_, "code") => "stale".to_owned(),
            ("/docs/{file}", "file") => "swagger-ui.css".to_owned(),
            ("/mailbox/{file}", "file") => self.mail_file(),
            _ => panic!("say here what stands for {{{parameter}}} in {path}"),
        }
    }

    /// The path of an operation with its parameters filled in.
    pub fn path(&self, path: &str) -> String {
        self.path_with(path, |_| None)
    }

    /// The same, with some parameters given by the caller.
    pub fn path_with(&self, path: &str, given: impl Fn(&str) -> Option<String>) -> String {
        let mut filled = String::new();
        let mut rest = path;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').unwrap();
            filled.push_str(before);
            filled.push_str(&given(name).unwrap_or_else(|| self.value(path, name)));
            rest = after;
        }
        filled + rest
    }

    /// A request that is well-formed, though it may be refused for a reason of the domain.
    pub fn request(&self, operation: &Operation) -> Request {
        let path = self.path(&operation.path) + &operation.query();
        Self::request_to(operation, self.caller(operation), &path)
    }

    /// A request of an operation to a path, by anybody.
    pub fn request_to(operation: &Operation, caller: &Client, path: &str) -> Request {
        let request = caller.request(&operation.method, path);
        match &operation.media_type {
            Some(media_type) => match &operation.text {
                Some(text) => request.body(media_type, text.clone()),
                None => request.body(media_type, operation.example().to_string()),
            },
            None => request,
        }
    }

    /// A request with a body of its media type.
    pub fn send(&self, operation: &Operation, body: impl Display) -> Request {
        let media_type = operation.media_type.as_ref().unwrap();
        self.request(operation).body(media_type, body.to_string())
    }

    /// Does something and asserts that no row has changed by it. Attempts and uses of keys may be counted, and events
    /// numbered.
    #[track_caller]
    pub fn changes_nothing<T>(&self, what: impl Display, act: impl FnOnce() -> T) -> T {
        let before = self.rows();
        let outcome = act();
        let after = self.rows();
        for (table, rows) in &after {
            let had = &before[table];
            let new: Vec<_> = rows.iter().filter(|row| !had.contains(row)).collect();
            assert!(
                had == rows,
                "{what} changed {table}: {} rows, then {}; new: {new:#?}",
                had.len(),
                rows.len()
            );
        }
        outcome
    }

    fn rows(&self) -> BTreeMap<String, Vec<String>> {
        let mut rows = self.app.rows();
        rows.retain(|table, _| !["throttles", "integration_keys", "feed"].contains(&table.as_str()));
        rows
    }

    /// The session that somebody acts in.
    pub fn session(person: &Person<'_>) -> String {
        let sessions = person.get("/v1/me/sessions").expect(200);
        let current = sessions.list("data").iter().find(|session| session["current"] == true);
        current.unwrap()["id"].as_str().unwrap().to_owned()
    }

    fn mail_file(&self) -> String {
        let mut entries = std::fs::read_dir(self.app.data().join("mail")).unwrap();
        entries.next().unwrap().unwrap().file_name().into_string().unwrap()
    }
}

/// Two webhooks, and two deliveries on their way to the first.
fn told_something(integration: &Client) -> [String; 2] {
    let body = json!({ "url": "https://hooks.example/in", "event_types": ["user.imported"] });
    let made = [(); 2].map(|()| integration.post("/v1/webhooks", &body).expect(201).text("id"));
    let test = format!("/v1/webhooks/{}/test", made[0]);
    let told = [(); 2].map(|()| integration.post(&test, ()).expect(202).text("id"));
    let ([webhook, _], [delivery, _]) = (made, told);
    [webhook, delivery]
}

/// A contact that logs in and may nothing.
fn member<'a>(app: &'a App, owner: &Person<'a>, address: &str) -> (Contact, Person<'a>) {
    let contact = owner.adds(json!({ "display_name": "Member", "address": address, "login": {} }));
    owner.verifies(&contact);
    (contact, given::logged_in(app, address))
}
