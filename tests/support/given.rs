//! Set-up in sentences: what has happened before the act that a test is about. All of it goes by
//! the API and by mail, as it would for anybody.
//!
//! ```ignore
//! let ana = given::owner(app, "ana@example.com");
//! let bea = ana.adds_contact("Bea", "bea@example.com");
//! ana.verifies(&bea);
//! ana.promotes(&bea, &["billing"]).expect(200);
//! ```

use std::ops::Deref;

use accounts_domain::api_keys::KeyMode;
use serde_json::{Value, json};

use crate::{
    App,
    client::{Answer, Client, Request},
    scene,
};

/// A password that every rule for passwords lets pass.
pub const PASSWORD: &str = "quiet harbour, seven lamps";

/// Somebody who is logged in. Requests that it sends carry its token: `ana.get("/v1/me")`.
#[derive(Debug, Clone)]
pub struct Person<'a> {
    app: &'a App,
    client: Client,
    /// The address that it logs in with.
    pub address: String,
    /// Its access token.
    pub token: String,
    /// Its refresh token.
    pub refresh_token: String,
    /// The account that it acts in: the first of its accounts.
    pub account: String,
}

/// A contact of an account.
#[derive(Debug, Clone)]
pub struct Contact {
    /// Its id.
    pub id: String,
    /// The account that it belongs to.
    pub account: String,
    /// Its main address when it was read.
    pub address: String,
}

/// Somebody signs up, follows the link in the mail, chooses a password and logs in.
pub fn owner<'a>(app: &'a App, address: &str) -> Person<'a> {
    signed_up(app, sign_up(address))
}

/// The same, with more said at the sign-up: `given::signed_up(app, json!({…}))`.
pub fn signed_up(app: &App, sign_up: Value) -> Person<'_> {
    let address = sign_up
        .get("address")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    app.client().post("/v1/sign-ups", sign_up).expect(202);
    let token = app.mail_to(&address).link_token();
    app.client()
        .post("/v1/sign-ups/confirm", json!({ "token": token, "password": PASSWORD }))
        .expect(201);
    logged_in(app, &address)
}

/// A sign-up that every built-in catalog takes; the name is the address's first part.
pub fn sign_up(address: &str) -> Value {
    let name = name_of(address);
    json!({
        "address": address,
        "display_name": name,
        "account_name": format!("{name} Ltd"),
        "first_name": name,
        "last_name": "Martin",
        "phones": [{ "number": "+33142685300", "kind": "landline" }],
    })
}

/// Somebody who has a password already logs in.
pub fn logged_in<'a>(app: &'a App, address: &str) -> Person<'a> {
    let session = app
        .client()
        .post("/v1/sessions", json!({ "address": address, "password": PASSWORD }))
        .expect(201);
    let token = session.text("access_token");
    let client = app.client().with_token(&token);
    let account = client.get("/v1/me/accounts").expect(200).text("data/0/account/id");
    Person {
        app,
        client,
        address: address.to_owned(),
        refresh_token: session.text("refresh_token"),
        token,
        account,
    }
}

/// A machine caller of the provider with these scopes, as the command line makes it.
pub fn integration(app: &App, scopes: &[&str]) -> Client {
    let key = scene::integration(app, scopes, KeyMode::Live);
    app.client().with_token(&key)
}

/// A notice that an integration sends to a category of an account.
#[track_caller]
pub fn notice(sender: &Client, account: &str, category: &str) -> Answer {
    let words = |subject: &str, text: &str| json!({ "subject": subject, "text": text });
    let content = json!({
        "en": words("A word from your provider", "First line\nsecond line\n\nSecond <paragraph>."),
        "fr": words("Un mot de votre fournisseur", "Première ligne"),
    });
    sender
        .post(
            format!("/v1/accounts/{account}/notifications"),
            json!({ "category": category, "content": content }),
        )
        .expect(201)
}

/// The provider's number of the account that [`opened_by_integration`] opens.
pub const EXTERNAL_ID: &str = "4711";

/// An account that an integration opens for somebody, who has yet to follow the activation mail.
pub fn opened_by_integration(app: &App, address: &str) -> Answer {
    let desk = integration(app, &["accounts:open"]);
    let path = format!("/v1/accounts/by-external-id/{EXTERNAL_ID}");
    desk.put(path, sign_up(address)).expect(200)
}

/// Somebody who logs in becomes a member of the owner's account, with what is said of the permissions:
/// `given::member_of(&ana, "bea@example.com", json!({ "permission_preset": "bookkeeper" }))`.
pub fn member_of<'a>(owner: &Person<'a>, address: &str, permissions: Value) -> Person<'a> {
    let Ok(account) = owner.account.parse() else {
        panic!("{} is no account", owner.account)
    };
    let user = scene::joins(owner.app, account, address, &name_of(address), PASSWORD);
    let path = owner.at(&format!("/members/{user}"));
    owner.patch(path, permissions).expect(200);
    let member = logged_in(owner.app, address);
    Person {
        account: owner.account.clone(),
        ..member
    }
}

impl Deref for Person<'_> {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl<'a> Person<'a> {
    /// A path below the account: `ana.at("/contacts")`.
    pub fn at(&self, path: &str) -> String {
        format!("/v1/accounts/{}{path}", self.account)
    }

    /// The id of the user whom the person logs in as.
    pub fn user(&self) -> String {
        self.get("/v1/me").expect(200).text("id")
    }

    /// Changes the membership of somebody.
    pub fn changes(&self, member: &Person<'_>, patch: Value) -> Request {
        self.patch(self.at(&format!("/members/{}", member.user())), patch)
    }

    /// Ends the membership of somebody.
    pub fn expels(&self, member: &Person<'_>) -> Request {
        self.delete(self.at(&format!("/members/{}", member.user())))
    }

    /// Gives the own membership up.
    pub fn leaves(&self) -> Request {
        self.post(self.at("/leave"), ())
    }

    /// The person's own contact, which everybody may read who is one.
    pub fn contact(&self) -> Contact {
        let id = self.get(self.at("/access")).expect(200).text("contact_id");
        let contact = self.get(self.at(&format!("/contacts/{id}"))).expect(200);
        self.contact_of(contact.json())
    }

    /// Adds a contact with a name and an address.
    pub fn adds_contact(&self, name: &str, address: &str) -> Contact {
        let body = json!({ "display_name": name, "address": address });
        self.adds(body)
    }

    /// Adds a contact with whatever is said about it.
    pub fn adds(&self, contact: Value) -> Contact {
        let created = self.post(self.at("/contacts"), contact).expect(201);
        self.contact_of(created.json())
    }

    /// Adds a contact that follows the link sent to it.
    pub fn adds_verified(&self, name: &str, address: &str) -> Contact {
        let contact = self.adds_contact(name, address);
        self.verifies(&contact);
        contact
    }

    /// Sends the verification, whose link is followed, with a password for the login that may come
    /// with it.
    pub fn verifies(&self, contact: &Contact) -> Answer {
        self.post(contact.at("/verification"), ()).expect(202);
        let token = self.app.mail_to(&contact.address).link_token();
        self.app
            .client()
            .post(
                "/v1/contact-verifications/confirm",
                json!({ "token": token, "password": PASSWORD }),
            )
            .expect(200)
    }

    /// Adds a contact, verifies it and lets it log in, where the catalog gives it a login.
    #[must_use]
    pub fn adds_login(&self, name: &str, address: &str) -> Person<'a> {
        self.adds_verified(name, address);
        logged_in(self.app, address)
    }

    /// Gives an ordinary role.
    pub fn gives(&self, contact: &Contact, role: &str) -> Request {
        self.put(contact.at(&format!("/roles/{role}")), ())
    }

    /// Takes an ordinary role.
    pub fn takes(&self, contact: &Contact, role: &str) -> Request {
        self.delete(contact.at(&format!("/roles/{role}")))
    }

    /// Moves primary places to a contact.
    pub fn promotes(&self, contact: &Contact, roles: &[&str]) -> Request {
        self.post(contact.at("/promote"), json!({ "roles": roles }))
    }

    /// Removes a contact.
    pub fn removes(&self, contact: &Contact) -> Request {
        self.delete(contact.path())
    }

    /// Hands the ownership on.
    pub fn transfers_ownership(&self, contact: &Contact) -> Request {
        self.post(self.at("/ownership-transfers"), json!({ "contact_id": contact.id }))
    }

    /// Invites somebody with these permissions.
    pub fn invites(&self, address: &str, permissions: &Value) -> Request {
        let body = json!({ "address": address, "permissions": permissions });
        self.post(self.at("/invitations"), body)
    }

    /// Asks for access to an account: `zoe.asks_to_join(&json!({ "owner_address": "ana@example.com" }))`.
    pub fn asks_to_join(&self, which: &Value) -> Request {
        self.post("/v1/join-requests", which)
    }

    /// Invites somebody who has no log-in yet, and who follows the link and logs in.
    #[must_use]
    pub fn invites_new(&self, address: &str, permissions: &Value) -> Person<'a> {
        self.invites(address, permissions).expect(201);
        let token = self.app.mail_to(address).link_token();
        let body = json!({ "token": token, "display_name": name_of(address), "password": PASSWORD });
        self.app.client().post("/v1/invitations/accept", body).expect(200);
        logged_in(self.app, address)
    }

    /// The keys of the applications that are open for this person.
    pub fn applications(&self) -> Vec<String> {
        self.get(self.at("/access")).expect(200).each("applications", "key")
    }

    fn contact_of(&self, json: &Value) -> Contact {
        let member = |name: &str| match json[name].as_str() {
            Some(text) => text.to_owned(),
            None => panic!("a contact without `{name}`: {json:#}"),
        };
        Contact {
            id: member("id"),
            account: self.account.clone(),
            address: member("address"),
        }
    }
}

impl Contact {
    /// Its path.
    pub fn path(&self) -> String {
        format!("/v1/accounts/{}/contacts/{}", self.account, self.id)
    }

    /// A path below it.
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.path())
    }
}

/// `bea@example.com` is Bea.
fn name_of(address: &str) -> String {
    let local = address.split('@').next().unwrap_or_default();
    let mut letters = local.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}
