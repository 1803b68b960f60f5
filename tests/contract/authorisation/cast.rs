//! Everybody who calls, and all that they call upon: two accounts of the same shape.

use std::{collections::BTreeMap, fs};

use accounts_domain::{
    catalog::Catalog, integrations::IntegrationScope, operators::OperatorKind, permission::ServicePermission,
};
use accounts_tests::{
    App, Client, Setup,
    client::Request,
    given::{self, PASSWORD, Person},
    json, scene, staff,
};
use serde_json::Value;

use super::{document::Operation, ids::Ids};

/// A kind of caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nobody has logged in.
    Anonymous,
    /// The owner of the other account.
    Stranger,
    /// Somebody whose contact was removed, with a session from before.
    Former,
    /// A member without permissions.
    Bare,
    /// A member with this permission and no other.
    With(ServicePermission),
    /// A member with all permissions, who is not the owner.
    Everything,
    /// A member without permissions: the contact in the path, who was offered the account.
    Contact,
    /// The owner.
    Owner,
    /// A key of the owner, with all permissions.
    UserKey,
    /// A key of the account with all permissions, made by the owner.
    AccountKey,
    /// A key of the account with this permission and no other, made by the owner.
    KeyWith(ServicePermission),
    /// A test key of the owner, with all permissions.
    TestKey,
    /// An integration with this scope and no other.
    Integration(IntegrationScope),
    /// An integration with all scopes.
    EveryScope,
    /// One of the provider's staff who reads and helps.
    Support,
    /// One of the provider's staff who changes accounts, too.
    Admin,
    /// An operator in the owner's place, in the account.
    Impersonating,
}

impl Kind {
    /// Whether it is a key of a customer.
    pub(super) fn is_key(self) -> bool {
        matches!(
            self,
            Self::UserKey | Self::AccountKey | Self::KeyWith(_) | Self::TestKey
        )
    }
}

/// Somebody who calls.
#[derive(Clone)]
pub(super) struct Caller {
    pub kind: Kind,
    pub client: Client,
    /// A second session, to be ended.
    spare: String,
    /// A third one, which was ended.
    ended: String,
    /// A key of its own, to be revoked.
    own_key: String,
    /// A key of the account, to be revoked.
    account_key: String,
    /// An invitation to the caller, who has declined it: to answer it changes nothing.
    invitation: String,
    /// A request of the caller to join an account that there is not, to be withdrawn.
    request: String,
    /// A notice that the caller may look at: of an integration, its own.
    notification: String,
    /// A webhook of the caller, where it may have one, and something on its way there.
    webhook: [String; 2],
}

/// What there is in an account.
struct Side {
    account: String,
    /// A verified contact that logs in.
    contact: String,
    /// Its user, who may do nothing.
    user: String,
    /// Its main address.
    main: String,
    /// One more address of it, not verified.
    more: String,
    /// A review of the account.
    review: String,
    /// An offer to it, which was taken back: to answer it changes nothing.
    transfer: String,
    /// An invitation that was revoked.
    invitation: String,
    /// A session of the owner.
    session: String,
    /// A key of the account, to be revoked.
    key: String,
    /// A request of somebody to join, which was declined: to answer it changes nothing.
    request: String,
    /// A notice that was sent to the owner.
    notification: String,
    /// The token of a link for unsubscribing, which was followed.
    way_out: String,
}

/// Everybody and everything.
pub(super) struct Cast<'a> {
    app: &'a App,
    home: Side,
    other: Side,
    /// A contact of the account that was removed.
    removed: String,
    /// Its user, who was a member.
    former: String,
    /// An integration, and its key.
    integration: [String; 2],
    /// A mail that was given up.
    mail: String,
    /// A webhook of an integration that does not call.
    others_webhook: String,
    pub callers: Vec<Caller>,
}

/// The standard service with room for one contact of each kind, where a transfer waits for its answer.
pub(super) fn setup() -> Setup {
    let mut catalog = Catalog::preset("standard").unwrap().to_owned();
    for (present, other) in [
        ("contact_limit = 5 ", "contact_limit = 50 "),
        ("owner_transfer = \"immediate\"", "owner_transfer = \"accepted\""),
    ] {
        assert!(catalog.contains(present), "the preset does not say `{present}`");
        catalog = catalog.replace(present, other);
    }
    Setup::catalog(&catalog)
}

impl<'a> Cast<'a> {
    pub(super) fn of(app: &'a App) -> Self {
        let (ana, bea, home) = side(app, "ana@example.com", "bea@example.com");
        let (dan, _, other) = side(app, "dan@example.com", "eve@example.com");
        let gus = given::owner(app, "gus@example.com");
        let caller = |kind, person: &Person<'_>| caller(kind, person, &ana, &gus, &home.notification);
        let member = |name: &str, login: &Value| member(app, &ana, name, login);
        let (removed, former) = member("former", &json!({ "all_permissions": true }));
        let (_, bare) = member("bare", &json!({}));
        let (_, everything) = member("everything", &json!({ "all_permissions": true }));
        let mut callers = vec![
            Caller {
                kind: Kind::Anonymous,
                client: app.client().clone(),
                spare: home.session.clone(),
                ended: home.session.clone(),
                own_key: home.key.clone(),
                account_key: home.key.clone(),
                invitation: home.invitation.clone(),
                request: home.request.clone(),
                notification: home.notification.clone(),
                webhook: no_webhook(),
            },
            caller(Kind::Stranger, &dan),
            caller(Kind::Former, &former),
            caller(Kind::Bare, &bare),
            caller(Kind::Everything, &everything),
            caller(Kind::Contact, &bea),
        ];
        let owner = caller(Kind::Owner, &ana);
        callers.extend(key_callers(&ana, &owner));
        callers.extend(integrations(app, &owner, &ana.account));
        callers.extend(staff_callers(app, &ana, &owner));
        callers.push(owner);
        for permission in ServicePermission::ALL {
            let name = permission.as_str().replace(':', "-");
            let (_, person) = member(&name, &json!({ "permissions": [permission.as_str()] }));
            callers.push(caller(Kind::With(permission), &person));
        }
        ana.delete(ana.at(&format!("/contacts/{removed}"))).expect(204);
        given::opened_by_integration(app, "ida@example.com");
        let former = former.user();
        let hired = staff::operator(app, OperatorKind::Admin, "sal@provider.example");
        let path = hired.integrates("Desk", &["access:check"]);
        let integration = [
            path.rsplit('/').next().unwrap().to_owned(),
            hired.makes_key(&path).text("id"),
        ];
        // What is in the outbox has left: nothing changes from here on but by the callers.
        app.mails();
        Self {
            app,
            home,
            other,
            removed,
            former,
            integration,
            mail: scene::given_up_mail(app, "gil@example.com"),
            others_webhook: webhook(&given::integration(app, &["webhooks:manage"]))[0].clone(),
            callers,
        }
    }

    /// A request that changes nothing, whoever sends it and whatever it is answered, but for those that end
    /// a session.
    pub(super) fn request(&self, operation: &Operation, caller: &Caller, ids: Ids<'_>) -> Request {
        let mut path = self.path(operation, caller, ids);
        if operation.dry_run {
            path += "?dry_run=true";
        }
        // What would change something whoever asks is asked in a way that is refused at last.
        let acts = ["/rotate-secret", "/test", "/redeliver", "/retry"];
        if ids == Ids::Own && acts.iter().any(|act| operation.path.ends_with(act)) {
            path += "?nothing=1";
        }
        let mut request = caller.client.request(&operation.method, path);
        // A stale tag is told before an unknown role or address, which change nothing either.
        if operation.if_match && !matches!(ids.varied(), Some("role" | "address")) {
            request = request.if_match("\"v0\"");
        }
        match &operation.media_type {
            Some(media_type) => request.body(media_type, self.body(operation, ids).to_string()),
            None => request,
        }
    }

    /// Well-formed where something of the path is looked for after the body was read; else empty, which is
    /// refused.
    fn body(&self, operation: &Operation, ids: Ids<'_>) -> Value {
        let side = if ids == Ids::Others { &self.other } else { &self.home };
        match operation.path.rsplit_once("}/").map(|(_, last)| last) {
            Some("addresses/verification") => json!({ "address": side.main }),
            // Whoever may review may also say nothing about it: only a note that is no note is refused.
            Some("reviews") => json!({ "note": "" }),
            Some("promote") => json!({ "roles": ["billing"] }),
            Some("retry") => json!({ "reason": "The mail server is well again" }),
            Some("subscriptions") => json!({ "categories": [] }),
            Some("accept") if operation.path.contains("/join-requests/") => json!({ "permissions": [] }),
            Some("ownership-transfers") => json!({ "contact_id": side.contact }),
            Some(_) | None => json!({}),
        }
    }

    /// The path of an operation.
    pub(super) fn path(&self, operation: &Operation, caller: &Caller, ids: Ids<'_>) -> String {
        let mut filled = operation.path.clone();
        for parameter in operation.parameters() {
            let value = if ids.varied() == Some(parameter) {
                self.varied(caller, ids, parameter)
            } else {
                let side = if ids == Ids::Others { &self.other } else { &self.home };
                self.value(side, caller, &operation.path, parameter)
            };
            filled = filled.replace(&format!("{{{parameter}}}"), &value);
        }
        filled
    }

    fn value(&self, side: &Side, caller: &Caller, path: &str, parameter: &str) -> String {
        match (path, parameter) {
            (_, "account") => side.account.clone(),
            ("/v1/notifications/{notification}", "notification") => caller.notification.clone(),
            (_, "notification") => side.notification.clone(),
            (_, "token") => side.way_out.clone(),
            (_, "external_id") => given::EXTERNAL_ID.to_owned(),
            (_, "contact") => side.contact.clone(),
            (_, "user") => side.user.clone(),
            (_, "address") => side.more.clone(),
            (_, "transfer") => side.transfer.clone(),
            (_, "invitation") if path.starts_with("/v1/me/") => caller.invitation.clone(),
            (_, "invitation") => side.invitation.clone(),
            (_, "session") => caller.spare.clone(),
            ("/v1/me/api-keys/{key}", "key") => caller.own_key.clone(),
            (_, "integration") => self.integration[0].clone(),
            (_, "key") if path.starts_with("/v1/operator/") => self.integration[1].clone(),
            (_, "key") if side.account == self.other.account => side.key.clone(),
            (_, "key") => caller.account_key.clone(),
            (_, "request") if path.starts_with("/v1/me/") => caller.request.clone(),
            (_, "request") => side.request.clone(),
            (_, "review") => side.review.clone(),
            (_, "role") => "technical".to_owned(),
            (_, "mail") => self.mail.clone(),
            (_, "webhook") => caller.webhook[0].clone(),
            (_, "delivery") => caller.webhook[1].clone(),
            (_, "code") => "stale".to_owned(),
            ("/docs/{file}", "file") => "swagger-ui.css".to_owned(),
            ("/mailbox/{file}", "file") => self.mail_file(),
            _ => panic!("say here what stands for {{{parameter}}} in {path}"),
        }
    }

    fn varied(&self, caller: &Caller, ids: Ids<'_>, parameter: &str) -> String {
        let an_id = |prefix: &str| format!("{prefix}_01h455vb4pex5vsknk084sn02q");
        match (ids, parameter) {
            (Ids::Foreign(_), "account") => self.other.account.clone(),
            (Ids::Foreign(_), "notification") => self.other.notification.clone(),
            (Ids::Foreign(_), "contact") => self.other.contact.clone(),
            (Ids::Foreign(_), "user") => self.other.user.clone(),
            (Ids::Foreign(_), "address") => self.other.more.clone(),
            (Ids::Foreign(_), "transfer") => self.other.transfer.clone(),
            (Ids::Foreign(_), "webhook") => self.others_webhook.clone(),
            (Ids::Foreign(_), "key") => self.other.key.clone(),
            (Ids::Foreign(_), "review") => self.other.review.clone(),
            // To somebody else, for whoever answers the own ones.
            (Ids::Foreign(_), "invitation") => self.other.invitation.clone(),
            (Ids::Foreign(_), "request") => self.other.request.clone(),
            (Ids::Foreign(_), "session") if caller.kind == Kind::Stranger => self.home.session.clone(),
            (Ids::Foreign(_), "session") => self.other.session.clone(),
            (Ids::Deleted(_), "contact") => self.removed.clone(),
            (Ids::Deleted(_), "user") => self.former.clone(),
            (Ids::Deleted(_), "session") => caller.ended.clone(),
            (Ids::Random(_), "account") => an_id("acc"),
            (Ids::Random(_), "contact") => an_id("con"),
            (Ids::Random(_), "user") => an_id("usr"),
            (Ids::Random(_), "notification") => an_id("ntf"),
            (Ids::Random(_), "token") => an_id("mai") + ".3q2-7w",
            (Ids::Random(_), "transfer") => an_id("trf"),
            (Ids::Random(_), "invitation") => an_id("inv"),
            (Ids::Random(_), "session") => an_id("ses"),
            (Ids::Random(_), "key") => an_id("key"),
            (Ids::Random(_), "review") => an_id("rev"),
            (Ids::Random(_), "request") => an_id("jrq"),
            (Ids::Random(_), "webhook") => an_id("whk"),
            (Ids::Random(_), "mail") => an_id("mai"),
            (Ids::Random(_), "delivery") => an_id("dlv"),
            (Ids::Random(_), "integration") => an_id("int"),
            (Ids::Random(_), "address") => "nobody@example.com".to_owned(),
            (Ids::Random(_), "role") => "captain".to_owned(),
            (Ids::Random(_), "external_id") => "0815".to_owned(),
            (Ids::Random(_), "code") => "no-such-code".to_owned(),
            (Ids::Random(_), "file") => "nothing.eml".to_owned(),
            (Ids::WrongKind(_), "account") => self.home.contact.clone(),
            (
                Ids::WrongKind(_),
                "contact" | "user" | "transfer" | "invitation" | "session" | "key" | "request" | "review"
                | "external_id" | "integration" | "webhook" | "delivery" | "address" | "role" | "code" | "file"
                | "notification" | "token" | "mail",
            ) => self.home.account.clone(),
            _ => panic!("say here what {{{parameter}}} may be: {ids:?}"),
        }
    }

    fn mail_file(&self) -> String {
        let mut names: Vec<String> = fs::read_dir(self.app.data().join("mail"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names.swap_remove(0)
    }

    /// Every row but of what counts attempts and uses, and numbers events.
    pub(super) fn rows(&self) -> BTreeMap<String, Vec<String>> {
        let mut rows = self.app.rows();
        rows.retain(|table, _| {
            !["throttles", "sessions", "api_keys", "integration_keys", "feed"].contains(&table.as_str())
        });
        rows
    }
}

/// An owner, a contact of theirs, and the account.
fn side<'a>(app: &'a App, owner: &str, contact: &str) -> (Person<'a>, Person<'a>, Side) {
    let owner = given::owner(app, owner);
    let more = contact.replace("example.com", "home.example");
    let added = owner.adds(json!({
        "display_name": "Contact",
        "address": contact,
        "more_addresses": [more],
        "login": {},
    }));
    owner.verifies(&added);
    let transfer = owner.transfers_ownership(&added).expect(201).text("id");
    owner
        .post(owner.at(&format!("/ownership-transfers/{transfer}/cancel")), ())
        .expect(200);
    let person = given::logged_in(app, contact);
    let invitation = owner
        .invites(&format!("nobody-{}", owner.address), &json!([]))
        .expect(201)
        .text("id");
    owner
        .delete(owner.at(&format!("/invitations/{invitation}")))
        .expect(204);
    let sender = given::integration(app, &["notifications:send"]);
    let notification = given::notice(&sender, &owner.account, "product_news").text("id");
    let way_out = app.mail_to(&owner.address).unsubscribe_token();
    app.client().post(format!("/unsubscribe/{way_out}"), ()).expect(200);
    let review = owner.post(owner.at("/reviews"), json!({})).expect(201).text("id");
    let side = Side {
        review,
        invitation,
        account: owner.account.clone(),
        contact: added.id,
        user: person.user(),
        main: contact.to_owned(),
        more,
        transfer,
        session: session(&owner),
        key: key(&owner, &owner.at("/api-keys")),
        request: declined_request(app, &owner),
        notification,
        way_out,
    };
    (owner, person, side)
}

/// Somebody asks for access, and the owner declines.
fn declined_request(app: &App, owner: &Person<'_>) -> String {
    let zoe = given::owner(app, &format!("zoe-{}", owner.address));
    zoe.asks_to_join(&json!({ "account_id": owner.account })).expect(202);
    let request = owner.get(owner.at("/join-requests")).expect(200).text("data/0/id");
    let decline = owner.at(&format!("/join-requests/{request}/decline"));
    owner.post(decline, ()).expect(204);
    request
}

/// A contact of the account that logs in.
fn member<'a>(app: &'a App, owner: &Person<'a>, name: &str, login: &Value) -> (String, Person<'a>) {
    let address = format!("{name}@example.com");
    let contact = owner.adds(json!({ "display_name": name, "address": address, "login": login }));
    owner.verifies(&contact);
    (contact.id, given::logged_in(app, &address))
}

/// Everybody with a key, each made by the owner, who has the rest.
fn key_callers(ana: &Person<'_>, owner: &Caller) -> Vec<Caller> {
    let all = |test: bool| json!({ "name": "Caller", "all_permissions": true, "test": test });
    let one = ServicePermission::ContactsView;
    let narrow = json!({ "name": "Caller", "permissions": [one.as_str()] });
    let (mine, accounts) = ("/v1/me/api-keys".to_owned(), ana.at("/api-keys"));
    let calls = [
        (Kind::UserKey, &mine, all(false)),
        (Kind::TestKey, &mine, all(true)),
        (Kind::AccountKey, &accounts, all(false)),
        (Kind::KeyWith(one), &accounts, narrow),
    ];
    let by_key = |(kind, list, body): (Kind, &String, Value)| {
        let made = ana.post(list, body).expect(201);
        Caller {
            kind,
            client: ana.with_token(&made.text("key")),
            ..owner.clone()
        }
    };
    calls.into_iter().map(by_key).collect()
}

/// Every integration. Whatever else a caller has is the owner's.
fn integrations(app: &App, owner: &Caller, account: &str) -> Vec<Caller> {
    let by = |kind, scopes: &[IntegrationScope]| {
        let names: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
        let client = given::integration(app, &names);
        let sends = scopes.contains(&IntegrationScope::NotificationsSend);
        let sent = sends.then(|| given::notice(&client, account, "announcement").text("id"));
        Caller {
            kind,
            notification: sent.unwrap_or_else(|| owner.notification.clone()),
            webhook: if scopes.contains(&IntegrationScope::WebhooksManage) {
                webhook(&client)
            } else {
                no_webhook()
            },
            client,
            ..owner.clone()
        }
    };
    let each = IntegrationScope::ALL.map(|scope| by(Kind::Integration(scope), &[scope]));
    let every = by(Kind::EveryScope, &IntegrationScope::ALL);
    each.into_iter().chain([every]).collect()
}

/// A webhook, and something on its way there.
fn webhook(integration: &Client) -> [String; 2] {
    let made = integration.post(
        "/v1/webhooks",
        json!({ "url": "https://hooks.example/in", "event_types": ["user.imported"] }),
    );
    let webhook = made.expect(201).text("id");
    let told = integration.post(format!("/v1/webhooks/{webhook}/test"), ()).expect(202);
    [webhook, told.text("id")]
}

/// What those name who have none.
fn no_webhook() -> [String; 2] {
    ["whk", "dlv"].map(|kind| format!("{kind}_01h455vb4pex5vsknk084sn02q"))
}

/// The provider's staff, and one of them in the owner's place.
fn staff_callers(app: &App, ana: &Person<'_>, owner: &Caller) -> Vec<Caller> {
    let support = staff::operator(app, OperatorKind::Support, "sam@provider.example");
    let admin = staff::operator(app, OperatorKind::Admin, "sue@provider.example");
    let (_, impersonating) = support.impersonates(&ana.user(), &ana.account);
    [
        (Kind::Support, Client::clone(&support)),
        (Kind::Admin, Client::clone(&admin)),
        (Kind::Impersonating, impersonating),
    ]
    .map(|(kind, client)| Caller {
        kind,
        client,
        ..owner.clone()
    })
    .into()
}

/// Makes a key.
fn key(person: &Person<'_>, list: &str) -> String {
    let body = json!({ "name": "Spare", "permissions": [] });
    person.post(list, body).expect(201).text("id")
}

fn caller(kind: Kind, person: &Person<'_>, ana: &Person<'_>, inviter: &Person<'_>, notification: &str) -> Caller {
    let invitation = inviter.invites(&person.address, &json!([])).expect(201).text("id");
    person
        .post(format!("/v1/me/invitations/{invitation}/decline"), ())
        .expect(200);
    let nowhere = json!({ "account_id": "acc_01h455vb4pex5vsknk084sn02q" });
    person.asks_to_join(&nowhere).expect(202);
    let ended = session(person);
    person.delete(format!("/v1/me/sessions/{ended}")).expect(204);
    Caller {
        kind,
        client: Client::clone(person),
        spare: session(person),
        ended,
        own_key: key(person, "/v1/me/api-keys"),
        account_key: key(ana, &ana.at("/api-keys")),
        invitation,
        request: person.get("/v1/me/join-requests").expect(200).text("data/0/id"),
        notification: notification.to_owned(),
        webhook: no_webhook(),
    }
}

/// Logs in once more.
fn session(person: &Person<'_>) -> String {
    let credentials = json!({ "address": person.address, "password": PASSWORD });
    person.post("/v1/sessions", credentials).expect(201).text("session_id")
}
