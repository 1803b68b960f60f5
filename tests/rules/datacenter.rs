//! Article 002, "Adding and removing contacts", as the preset `datacenter` behaves: each of its rules, and its
//! story from the first contact to the last.
//!
//! What the rules say stands in `docs/rules.md`. The article's Customer Portal user is a contact with a log-in.

use std::thread;

use accounts_api::problem::Code;
use accounts_tests::given::{self, Contact, PASSWORD, Person};
use accounts_tests::{Answer, App, Setup, json, on_both};
use serde_json::Value;

/// What the article's form asks for.
fn form(name: &str, roles: &[&str]) -> Value {
    json!({
        "display_name": name,
        "first_name": name,
        "last_name": "Moreau",
        "phones": [{ "number": "+31 20 794 61 00", "kind": "landline" }],
        "address": format!("{}@moreau.example", name.to_lowercase()),
        "roles": roles,
    })
}

/// The form with more on it, or with something else in a field.
fn form_with(name: &str, roles: &[&str], more: &Value) -> Value {
    let mut form = form(name, roles);
    if let (Some(form), Some(more)) = (form.as_object_mut(), more.as_object()) {
        form.extend(more.clone());
    }
    form
}

/// A contact that has shown that mail arrives.
fn verified(ana: &Person<'_>, name: &str, roles: &[&str]) -> Contact {
    let contact = ana.adds(form(name, roles));
    ana.verifies(&contact);
    contact
}

/// The entry of a contact in the list.
#[track_caller]
fn row(ana: &Person<'_>, contact: &Contact) -> Value {
    let list = ana.get(ana.at("/contacts")).expect(200);
    match list.list("data").iter().find(|row| row["id"] == contact.id.as_str()) {
        Some(row) => row.clone(),
        None => panic!("{} is not in the list\n{list}", contact.address),
    }
}

/// The name of the primary holder of a role.
#[track_caller]
fn primary(ana: &Person<'_>, role: &str) -> String {
    ana.get(ana.at(&format!("/roles/{role}")))
        .expect(200)
        .text("primary/display_name")
}

/// What a language changes, and the one member that differs between any two answers, taken away.
fn without_words(json: &Value) -> Value {
    match json {
        Value::Object(members) => {
            let kept = members
                .iter()
                .filter(|(name, _)| !["title", "detail", "name", "request_id"].contains(&name.as_str()));
            Value::Object(kept.map(|(name, value)| (name.clone(), without_words(value))).collect())
        }
        Value::Array(entries) => entries.iter().map(without_words).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => json.clone(),
    }
}

/// Asserts that two answers differ in words, and in nothing else.
#[track_caller]
fn assert_translated(english: &Answer, french: &Answer) {
    assert_eq!(english.header("Content-Language"), "en", "{english}");
    assert_eq!(french.header("Content-Language"), "fr", "{french}");
    assert_eq!(english.status(), french.status());
    assert_eq!(without_words(english.json()), without_words(french.json()));
    let words = |answer: &Answer| answer.body().replace(answer.header("X-Request-Id"), "");
    assert_ne!(words(english), words(french), "these are not translated");
}

/// Somebody whose language is French.
fn french_owner(app: &App) -> Person<'_> {
    let mut sign_up = given::sign_up("ana@moreau.example");
    sign_up["language"] = json!("fr");
    given::signed_up(app, sign_up)
}

on_both! {
    Setup::preset("datacenter");

    fn l_01_the_contacts_of_an_account_are_one_list_below_it(app) {
        let ana = given::owner(app, "ana@moreau.example");
        let zoe = given::owner(app, "zoe@other.example");
        ana.adds(form("Bea", &["billing"]));
        let list = ana.get(ana.at("/contacts")).expect(200);
        assert_eq!(list.each("data", "display_name"), ["Ana", "Bea"]);
        assert!(list["next_cursor"].is_null());
        app.client().get(ana.at("/contacts")).refused(401, "unauthenticated");
        zoe.get(ana.at("/contacts")).refused(404, "not-found");
    }

    fn l_02_the_list_shows_the_roles_of_each_contact(app) {
        let ana = given::owner(app, "ana@moreau.example");
        ana.adds(form("Bea", &["technical", "billing"]));
        let list = ana.get(ana.at("/contacts")).expect(200);
        assert_eq!(list["data/0/roles"], json!(["billing", "general", "security", "technical"]));
        assert_eq!(list["data/0/primary_roles"], list["data/0/roles"]);
        assert_eq!(list["data/1/roles"], json!(["billing", "technical"]));
        assert_eq!(list["data/1/primary_roles"], json!([]));
    }

    fn l_03_the_list_shows_who_is_a_portal_user(app) {
        let ana = given::owner(app, "ana@moreau.example");
        let user = ana.adds(form_with("Bea", &["billing"], &json!({ "login": { "permissions": [] } })));
        ana.verifies(&user);
        verified(&ana, "Cem", &["technical"]);
        let list = ana.get(ana.at("/contacts")).expect(200);
        assert_eq!(list.each("data", "display_name"), ["Ana", "Bea", "Cem"]);
        assert_eq!(list.each("data", "login"), ["true", "true", "false"]);
    }

    // A rule about a screen: the `>` icon leads to the contact that the entry's id names.
    fn l_04_an_entry_of_the_list_leads_to_the_contact_itself(app) {
        let ana = given::owner(app, "ana@moreau.example");
        let bea = ana.adds(form_with("Bea", &["billing"], &json!({ "title": "Bookkeeper" })));
        let id = row(&ana, &bea)["id"].clone();
        let contact = ana.get(ana.at(&format!("/contacts/{}", id.as_str().unwrap()))).expect(200);
        assert_eq!(contact["display_name"], "Bea");
        assert_eq!(contact["title"], "Bookkeeper");
        assert_eq!(contact["phones/0/number"], "+31207946100");
        // What is done from the opened entry can be made to depend on what was seen there.
        ana.patch(bea.path(), json!({ "title": "Head" })).if_match(&contact.etag()).expect(200);
        ana.removes(&bea).if_match(&contact.etag()).refused(412, "stale");
    }

    fn l_05_a_contact_needs_roles_both_names_a_phone_number_and_an_address(app) {
        let ana = given::owner(app, "ana@moreau.example");
        let create = |body: Value| ana.post(ana.at("/contacts"), body).refused(422, "invalid-fields");
        let refused = create(json!({ "display_name": "Bea", "address": "bea@moreau.example" }));
        for field in ["/first_name", "/last_name", "/phones", "/roles"] {
            refused.fault(field, "required");
        }
        assert_eq!(refused.list("errors").len(), 4);
        for field in ["first_name", "last_name", "phones", "address", "roles"] {
            let mut body = form("Bea", &["billing"]);
            body.as_object_mut().unwrap().remove(field);
            let refused = create(body);
            refused.fault(&format!("/{field}"), "required");
            assert_eq!(refused.list("errors").len(), 1, "{refused}");
        }
        assert_eq!(ana.get(ana.at("/contacts")).expect(200).list("data").len(), 1);

        // What is required of a new contact is not emptied later, and the first contact has it too.
        let bea = ana.adds(form("Bea", &["billing"]));
        ana.patch(bea.path(), json!({ "phones": [] })).refused(422, "invalid-fields").fault("/phones", "required");
        ana.patch(bea.path(), json!({ "last_name": null })).refused(422, "invalid-fields").fault("/last_name", "required");
        let sign_up = json!({ "address": "cem@other.example", "display_name": "Cem", "account_name": "Cem Ltd" });
        let refused = app.client().post("/v1/sign-ups", sign_up).refused(422, "invalid-fields");
        refused.fault("/first_name", "required").fault("/last_name", "required").fault("/phones", "required");
    }

    fn l_06_several_roles_are_given_at_creation(app) {
        let ana = given::owner(app, "ana@moreau.example");
        let created = ana.post(ana.at("/contacts"), form("Bea", &["technical", "security"])).expect(201);
        assert_eq!(created["roles"], json!(["security", "technical"]));
        for role in ["security", "technical"] {
            let holders = ana.get(ana.at(&format!("/roles/{role}"))).expect(200).each("holders", "display_name");
            assert!(holders.contains(&"Bea".to_owned()), "{holders:?}");
        }
        let refused = ana.post(ana.at("/contacts"), form("Cem", &["security", "captain"])).refused(422, "invalid-fields");
        refused.fault("/roles", "unknown-role");
        assert_eq!(ana.get(ana.at("/contacts")).expect(200).list("data").len(), 2);
    }

    fn l_07_at_least_one_role_is_required(app) {
        let ana = given::owner(app, "ana@moreau.example");
        let refused = ana.post(ana.at("/contacts"), form("Bea", &[])).refused(422, "invalid-fields");
        refused.fault("/roles", "required");
        let bea = ana.adds(form("Bea", &["billing"]));
        assert_eq!(row(&ana, &bea)["roles"], json!(["billing"]));
    }

    fn l_08_a_contact_is_created_as_a_user_in_the_same_act(app) {
        let ana = given::owner(app, "ana@moreau.example");
        let login = json!({ "login": { "permissions": ["equipment:view"] } });
        let created = ana.post(ana.at("/contacts"), form_with("Bea", &["technical"], &login)).expect(201);
        assert_eq!((&created["login"], &created["login_requested"]), (&json!(false), &json!(true)));

        // The log-in is there once the person has shown that the address is theirs, and has chosen the password.
        let contact = created.text("id");
        ana.post(ana.at(&format!("/contacts/{contact}/verification")), ()).expect(202);
        let token = app.mail_to("bea@moreau.example").link_token();
        let offer = app.client().post("/v1/contact-verifications/preview", json!({ "token": token })).expect(200);
        assert_eq!((&offer["login"], &offer["password_required"]), (&json!(true), &json!(true)));
        let without = app.client().post("/v1/contact-verifications/confirm", json!({ "token": token }));
        without.refused(422, "invalid-fields").fault("/password", "required");
        let confirm = json!({ "token": token, "password": PASSWORD });
        let confirmed = app.client().post("/v1/contact-verifications/confirm", confirm).expect(200);
        assert_eq!(confirmed["login"], true);

        let bea = given::logged_in(app, "bea@moreau.example");
        assert_eq!(bea.account, ana.account);
        let access = bea.get(bea.at("/access")).expect(200);
        assert_eq!(access["contact_id"], contact.as_str());
        assert_eq!(access.each("applications", "key"), ["customer_portal", "equipment"]);
        let shown = ana.get(ana.at(&format!("/contacts/{contact}"))).expect(200);
        assert_eq!((&shown["login"], &shown["login_requested"]), (&json!(true), &json!(false)));
    }

    fn l_09_being_a_contact_gives_no_access_to_the_portal(app) {
        let ana = given::owner(app, "ana@moreau.example");
        let bea = ana.adds(form("Bea", &["billing", "technical"]));
        let confirmed = ana.verifies(&bea);
        assert_eq!(confirmed["login"], false);
        ana.promotes(&bea, &["billing"]).expect(200);
        let credentials = json!({ "address": bea.address, "password": PASSWORD });
        app.client().post("/v1/sessions", credentials).refused(401, "invalid-credentials");
        assert_eq!(row(&ana, &bea)["login"], false);
    }

    fn l_10_what_a_user_may_do_is_chosen_apart_from_the_roles(app) {
        let ana = given::owner(app, "ana@moreau.example");
        let catalog = app.client().get("/v1/catalog").expect(200);
        assert_eq!(catalog.each("roles", "key"), ["general", "billing", "technical", "security"]);
        assert_eq!(catalog.each("permission_presets", "key"), ["administrator", "finance", "engineer", "viewer"]);

        let login = json!({ "login": { "permissions": ["equipment:view"] } });
        let contact = ana.adds(form_with("Bea", &["billing"], &login));
        ana.verifies(&contact);
        let bea = given::logged_in(app, &contact.address);
        let access = || bea.get(bea.at("/access")).expect(200);
        assert_eq!((&access()["roles"], &access()["permissions"]), (&json!(["billing"]), &json!(["equipment:view"])));
        // Holding billing opens no invoices to the user, and more roles give the user nothing.
        assert!(!access().each("applications", "key").contains(&"invoices".to_owned()));
        ana.gives(&contact, "security").expect(200);
        ana.promotes(&contact, &["billing"]).expect(200);
        assert_eq!(access()["permissions"], json!(["equipment:view"]));
        assert_eq!(access()["primary_roles"], json!(["billing"]));
        bea.get(bea.at("/contacts")).refused(403, "forbidden");
    }

    fn l_11_a_new_contact_is_in_the_list_at_once(app) {
        let ana = given::owner(app, "ana@moreau.example");
        let before = ana.get(ana.at("/contacts")).expect(200);
        let bea = ana.adds(form("Bea", &["billing"]));
        let after = ana.get(ana.at("/contacts")).if_none_match(&before.etag()).expect(200);
        assert_eq!(after.each("data", "id").last(), Some(&bea.id));
        assert_eq!(row(&ana, &bea)["verified"], false);
    }

    // A rule about a screen: `dry_run` fills the pop-up, and the act without it is its Confirm button.
    fn l_12_removal_is_tried_before_it_is_confirmed(app) {
        let ana = given::owner(app, "ana@moreau.example");
        let bea = verified(&ana, "Bea", &["billing"]);
        let try_out = || ana.delete(format!("{}?dry_run=true", bea.path()));
        let refused = try_out().refused(409, "contact-holds-roles");
        assert_eq!(refused["roles"], json!(["billing"]));
        ana.removes(&bea).refused(409, "contact-holds-roles");
        ana.takes(&bea, "billing").expect(204);

        let tried = try_out().expect(200);
        assert_eq!((&tried["dry_run"], &tried["removed_contacts"]), (&json!(true), &json!([bea.id])));
        assert_eq!(row(&ana, &bea)["display_name"], "Bea");
        ana.removes(&bea).expect(204);
        ana.get(bea.path()).refused(404, "not-found");
        assert_eq!(ana.get(ana.at("/contacts")).expect(200).each("data", "display_name"), ["Ana"]);
    }

    fn l_13_editing_changes_information_and_ordinary_roles(app) {
        let ana = given::owner(app, "ana@moreau.example");
        let bea = ana.adds(form("Bea", &["billing"]));
        let phones = json!([{ "number": "+33 6 12 34 56 78", "kind": "mobile" }]);
        let edit = json!({ "last_name": "Lima", "phones": phones, "title": "Engineer" });
        let edited = ana.patch(bea.path(), edit).expect(200);
        assert_eq!((&edited["last_name"], &edited["title"]), (&json!("Lima"), &json!("Engineer")));
        assert_eq!(edited["phones"], json!([{ "number": "+33612345678", "kind": "mobile" }]));
        assert_eq!(edited["first_name"], "Bea");

        assert_eq!(ana.gives(&bea, "technical").expect(200)["roles"], json!(["billing", "technical"]));
        ana.takes(&bea, "billing").expect(204);
        assert_eq!(row(&ana, &bea)["roles"], json!(["technical"]));
    }

    fn l_14_editing_moves_no_primary_role_and_promoting_does(app) {
        let ana = given::owner(app, "ana@moreau.example");
        let bea = verified(&ana, "Bea", &["billing"]);
        for field in ["roles", "primary_roles"] {
            let refused = ana.patch(bea.path(), json!({ field: ["technical"] })).refused(422, "invalid-fields");
            refused.fault(&format!("/{field}"), "unknown-field");
        }
        ana.gives(&bea, "technical").expect(200);
        assert_eq!(primary(&ana, "technical"), "Ana");
        let refused = ana.takes(&ana.contact(), "technical").refused(409, "contact-is-primary-holder");
        assert_eq!(refused["role"], "technical");
        ana.delete(ana.at("/roles/technical/primary")).refused(409, "role-must-be-filled");
        assert_eq!(primary(&ana, "technical"), "Ana");

        ana.promotes(&bea, &["technical"]).expect(200);
        assert_eq!(primary(&ana, "technical"), "Bea");
    }

    fn l_15_a_primary_role_has_at_most_one_holder(app) {
        let ana = given::owner(app, "ana@moreau.example");
        let contacts = ["Bea", "Cem", "Dan"].map(|name| verified(&ana, name, &["technical"]));
        let holders = || ana.get(ana.at("/contacts?primary_role=technical")).expect(200).each("data", "display_name");
        for contact in &contacts {
            ana.promotes(contact, &["technical"]).expect(200);
            assert_eq!(holders().len(), 1);
        }
        assert_eq!(holders(), ["Dan"]);
        // However many promote at the same moment.
        thread::scope(|scope| {
            for contact in &contacts {
                let ana = &ana;
                scope.spawn(move || ana.promotes(contact, &["technical"]).expect(200));
            }
        });
        assert_eq!(holders(), [primary(&ana, "technical")]);
    }

    fn l_16_a_contact_has_several_primary_roles(app) {
        let ana = given::owner(app, "ana@moreau.example");
        let bea = verified(&ana, "Bea", &["general"]);
        let moved = ana.promotes(&bea, &["billing", "technical"]).expect(200);
        assert_eq!(moved.each("roles", "role"), ["billing", "technical"]);
        ana.promotes(&bea, &["security"]).expect(200);
        assert_eq!(row(&ana, &bea)["primary_roles"], json!(["billing", "security", "technical"]));
        assert_eq!(primary(&ana, "general"), "Ana");
    }

    fn l_17_an_ordinary_role_has_many_holders(app) {
        let ana = given::owner(app, "ana@moreau.example");
        for name in ["Bea", "Cem", "Dan"] {
            ana.adds(form(name, &["billing"]));
        }
        let role = ana.get(ana.at("/roles/billing")).expect(200);
        let mut holders = role.each("holders", "display_name");
        holders.sort();
        assert_eq!(holders, ["Ana", "Bea", "Cem", "Dan"]);
        assert_eq!((&role["single_holder"], role.text("primary/display_name").as_str()), (&json!(false), "Ana"));
    }

    fn l_18_promoting_takes_the_primary_role_from_the_former_holder(app) {
        let ana = given::owner(app, "ana@moreau.example");
        let (bea, cem) = (verified(&ana, "Bea", &["billing"]), verified(&ana, "Cem", &["general"]));
        ana.promotes(&bea, &["billing"]).expect(200);
        let moved = ana.promotes(&cem, &["billing"]).expect(200);
        let names = ["roles/0/from/display_name", "roles/0/to/display_name"].map(|name| moved.text(name));
        assert_eq!(names, ["Bea", "Cem"]);
        let (bea, cem) = (row(&ana, &bea), row(&ana, &cem));
        assert_eq!((&bea["primary_roles"], &bea["roles"]), (&json!([]), &json!(["billing"])));
        assert_eq!((&cem["primary_roles"], &cem["roles"]), (&json!(["billing"]), &json!(["billing", "general"])));
    }

    fn l_19_everything_exists_in_english_and_in_french(app) {
        let ana = french_owner(app);
        assert_eq!(app.mail_to(&ana.address).subject, "Confirmez votre adresse pour ouvrir votre compte");

        // What is refused, down to the single field.
        let refused = ana.get(ana.at("/nowhere")).language("fr-CA,fr;q=0.9").refused(404, "not-found");
        assert_eq!(refused["title"], "Introuvable");
        let refused = ana.post(ana.at("/contacts"), json!({})).language("fr").refused(422, "invalid-fields");
        assert_eq!(refused["title"], "Champs non valides");
        assert_eq!(refused["errors/0/detail"], "Une valeur est nécessaire.");
        for code in Code::ALL {
            let page = |language| app.client().get(format!("/problems/{}", code.as_str())).language(language).expect(200);
            let (english, french) = (page("en"), page("fr"));
            assert!(english.body().contains("<html lang=\"en\">") && french.body().contains("<html lang=\"fr\">"));
            assert_ne!(english.body(), french.body());
        }

        // What the provider's things are called.
        let catalog = app.client().get("/v1/catalog").language("fr").expect(200);
        assert_eq!(catalog.each("roles", "name"), ["Général", "Facturation", "Technique", "Sécurité"]);
        assert_eq!(ana.get(ana.at("/roles/billing")).language("fr").expect(200)["name"], "Facturation");
        let applications = ana.get(ana.at("/applications")).language("fr").expect(200);
        assert_eq!(applications.each("data", "name").first().map(String::as_str), Some("Portail client"));

        // What is mailed is in the reader's language, whoever caused it, and so is the page behind its link.
        let bea = ana.adds(form_with("Bea", &["billing"], &json!({ "language": "fr" })));
        ana.post(bea.at("/verification"), ()).language("en").expect(202);
        let mail = app.mail_to(&bea.address);
        assert_eq!(mail.subject, "Confirmez votre adresse pour Ana Ltd");
        assert!(mail.text.contains("Bonjour Bea") && mail.html.contains("Confirmer l’adresse"), "{}", mail.text);
        for (path, french, english) in [
            ("/sign-up", "Ouvrez votre compte", "Open your account"),
            ("/verify", "Confirmez votre adresse", "Confirm your address"),
            ("/reset", "Choisissez un nouveau mot de passe", "Choose a new password"),
        ] {
            for (language, title) in [("fr", french), ("en", english)] {
                let page = app.client().get(path).language(language).expect(200);
                assert_eq!(page.header("Content-Language"), language);
                assert!(page.body().contains(&format!("<title>{title}")), "{}", page.body());
            }
        }
    }

    // A rule about words: each of them is found where a French reader of the article would look for it.
    fn l_20_the_french_words_are_those_of_the_article(app) {
        let ana = french_owner(app);
        let applications = ana.get(ana.at("/applications")).language("fr").expect(200).each("data", "name");
        assert!(applications.contains(&"Contacts".to_owned()), "{applications:?}");
        assert!(applications.contains(&"Utilisateurs du portail client".to_owned()), "{applications:?}");
        let refused = ana.takes(&ana.contact(), "billing").language("fr").refused(409, "contact-is-primary-holder");
        assert_eq!(refused["title"], "Rôle principal du contact");
        assert_eq!(refused["detail"], "Le contact a le rôle principal billing, qui ne se retire pas.");
        let explained = app.client().get("/problems/contact-is-primary-holder").language("fr").expect(200);
        assert!(explained.body().contains("il faut promouvoir"), "{}", explained.body());
    }

    fn l_21_both_languages_say_the_same(app) {
        let ana = given::owner(app, "ana@moreau.example");
        let bea = ana.adds(form("Bea", &["billing"]));
        let in_both = |ask: &dyn Fn() -> accounts_tests::client::Request| {
            assert_translated(&ask().language("en").send(), &ask().language("fr").send());
        };
        for path in ["/access", "/applications", "/roles", "/roles/technical", "/nowhere"] {
            in_both(&|| ana.get(ana.at(path)));
        }
        in_both(&|| ana.get("/v1/catalog"));
        in_both(&|| ana.get("/v1/me/accounts"));
        in_both(&|| ana.get(ana.at("/contacts?limit=0&color=red")));
        in_both(&|| ana.post(ana.at("/contacts"), json!({ "display_name": "", "roles": ["Captain"], "rank": 1 })));
        in_both(&|| ana.removes(&bea));
        in_both(&|| ana.removes(&ana.contact()));
        in_both(&|| ana.promotes(&bea, &["security"]));
        in_both(&|| app.client().get("/v1/me"));

        let cem = ana.adds(form_with("Cem", &["billing"], &json!({ "language": "fr" })));
        for contact in [&bea, &cem] {
            ana.post(contact.at("/verification"), ()).expect(202);
        }
        let [english, french] = [&bea, &cem].map(|contact| app.mail_to(&contact.address));
        assert_ne!(english.subject, french.subject);
        let page = |link: String| link.split('#').next().unwrap_or_default().to_owned();
        assert_eq!(page(english.link()), page(french.link()));
        // Blanks that do not break, and line ends that do, are those of a language.
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words(&english.text).contains("72 hours") && words(&french.text).contains("72 heures"));
        for mail in [english, french] {
            assert!(mail.text.contains("Ana Ltd") && mail.text.matches(&mail.link_token()).count() == 2, "{}", mail.text);
        }
    }

    fn article_002_from_the_first_contact_to_the_last(app) {
        let ana = given::owner(app, "ana@moreau.example");

        // "Adding a new contact": the list of current contacts is shown, with roles and portal users.
        let list = ana.get(ana.at("/contacts")).expect(200);
        assert_eq!((list.each("data", "display_name"), list.each("data", "login")), (vec!["Ana".into()], vec!["true".into()]));

        // All required information; optionally, the contact becomes a portal user with roles of its own.
        ana.post(ana.at("/contacts"), json!({ "display_name": "Bea" })).refused(422, "invalid-fields");
        let login = json!({ "login": { "permissions": ["contacts:view", "invoices:view"] } });
        let bea = ana.adds(form_with("Bea", &["billing", "technical"], &login));
        let cem = ana.adds(form("Cem", &["technical"]));

        // "The newly added contact will be shown immediately within the contacts list."
        let list = ana.get(ana.at("/contacts")).expect(200);
        assert_eq!(list.each("data", "display_name"), ["Ana", "Bea", "Cem"]);
        assert_eq!(list["data/1/roles"], json!(["billing", "technical"]));
        ana.verifies(&bea);
        ana.verifies(&cem);
        let bea_at_work = given::logged_in(app, &bea.address);
        let access = bea_at_work.get(bea_at_work.at("/access")).expect(200);
        assert_eq!(access.each("applications", "key"), ["customer_portal", "contacts", "invoices"]);
        bea_at_work.get(bea_at_work.at("/contacts")).expect(200);
        bea_at_work.removes(&cem).refused(403, "forbidden");

        // "Updating a contact": the information, or the roles.
        ana.patch(cem.path(), json!({ "title": "Night shift" })).expect(200);
        ana.gives(&cem, "security").expect(200);

        // "Change primary role": Promote instead of Edit; one contact for a primary role, several for a contact.
        let tried = ana.post(cem.at("/promote?dry_run=true"), json!({ "roles": ["security", "technical"] })).expect(200);
        assert_eq!(tried.each("roles", "from/display_name"), ["Ana", "Ana"]);
        assert_eq!(primary(&ana, "security"), "Ana");
        ana.promotes(&cem, &["security", "technical"]).expect(200);
        assert_eq!(row(&ana, &cem)["primary_roles"], json!(["security", "technical"]));
        ana.promotes(&bea, &["technical"]).expect(200);
        assert_eq!(row(&ana, &cem)["primary_roles"], json!(["security"]));
        assert_eq!(row(&ana, &cem)["roles"], json!(["security", "technical"]));

        // "Removing a contact": what stands in the way is said, moved away, and the removal confirmed.
        let refused = ana.removes(&cem).language("fr").refused(409, "contact-holds-roles");
        assert_eq!(refused["detail"], "Le contact tient encore des rôles : security, technical.");
        ana.promotes(&bea, &["security"]).expect(200);
        for role in ["security", "technical"] {
            ana.takes(&cem, role).expect(204);
        }
        ana.delete(format!("{}?dry_run=true", cem.path())).expect(200);
        ana.removes(&cem).expect(204);
        assert_eq!(ana.get(ana.at("/contacts")).expect(200).each("data", "display_name"), ["Ana", "Bea"]);
    }
}
