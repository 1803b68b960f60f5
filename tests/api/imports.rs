//! Contacts out of a table: what becomes of each row, and that a table is taken whole or not at all.

use accounts_tests::client::Request;
use accounts_tests::given::{self, Person};
use accounts_tests::{Answer, Setup, json, on_both};
use serde_json::Value;

const TABLE: &str = "display_name,address,language,phones,roles,login,permissions\r\n\
    Bea Lima,bea@lima.example,fr,landline:+33 1 42 68 53 00,technical,,\r\n\
    \"Cem, the clerk\",cem@lima.example,,,,true,contacts:view members:view\r\n";

/// A table, sent with this query.
fn imports(by: &Person<'_>, query: &str, table: impl Into<Vec<u8>>) -> Request {
    let path = by.at(&format!("/contacts/import{query}"));
    by.request("POST", path).body("text/csv", table)
}

fn outcomes(answer: &Answer) -> Vec<String> {
    answer.each("rows", "outcome")
}

/// Asserts that the account is as it was: the same contacts, and no event more.
#[track_caller]
fn unchanged<T>(by: &Person<'_>, act: impl FnOnce() -> T) -> T {
    let seen = || {
        let events = by.get(by.at("/audit-events?limit=1")).expect(200).text("data/0/id");
        (by.get(by.at("/contacts")).expect(200).body(), events)
    };
    let before = seen();
    let outcome = act();
    assert_eq!(before, seen());
    outcome
}

/// The greatest number of bytes of a table.
const LARGEST: usize = 5 * 1024 * 1024;

on_both! {
    fn a_table_becomes_contacts_and_invitations_by_one_decision(app) {
        let ana = given::owner(app, "ana@lima.example");
        let look = unchanged(&ana, || imports(&ana, "?dry_run=true", TABLE).expect(200));
        assert_eq!(look["dry_run"], true);
        assert_eq!(outcomes(&look), ["created", "invited"]);
        assert_eq!(look["rows/0/contact_id"], Value::Null);

        let done = imports(&ana, "", TABLE).expect(200);
        assert_eq!(outcomes(&done), ["created", "invited"]);
        assert_eq!((&done["created"], &done["invited"], &done["refused"]), (&json!(1), &json!(1), &json!(0)));
        assert_eq!((&done["rows/0/line"], &done["rows/1/line"]), (&json!(2), &json!(3)));
        let bea = ana.get(ana.at(&format!("/contacts/{}", done.text("rows/0/contact_id")))).expect(200);
        assert_eq!(bea["display_name"], "Bea Lima");
        assert_eq!(bea["language"], "fr");
        assert_eq!(bea["roles"], json!(["technical"]));
        assert_eq!(bea["phones"], json!([{ "number": "+33142685300", "kind": "landline" }]));
        assert_eq!(bea["verified"], false);
        let invitation = done.text("rows/1/invitation_id");
        let invitation = ana.get(ana.at(&format!("/invitations/{invitation}"))).expect(200);
        assert_eq!(invitation["permissions"], json!(["contacts:view", "members:view"]));
        assert_eq!(invitation["contact_id"], done["rows/1/contact_id"]);
        let revisions = ana.get(ana.at("/audit-events")).expect(200);
        assert_eq!(revisions["data/0/revision"], revisions["data/2/revision"]);

        // Whoever follows the link is the contact that came with the table.
        let token = app.mail_to("cem@lima.example").link_token();
        let body = json!({ "token": token, "display_name": "Cem", "password": given::PASSWORD });
        app.client().post("/v1/invitations/accept", body).expect(200);
        let cem = given::logged_in(app, "cem@lima.example");
        assert_eq!(cem.contact().id, done.text("rows/1/contact_id"));
    }

    fn the_same_table_once_more_changes_nothing(app) {
        let ana = given::owner(app, "ana@lima.example");
        let first = imports(&ana, "", TABLE).expect(200);
        let again = unchanged(&ana, || imports(&ana, "", TABLE).expect(200));
        assert_eq!(outcomes(&again), ["unchanged", "unchanged"]);
        assert_eq!(again.each("rows", "contact_id"), first.each("rows", "contact_id"));
        assert_eq!(app.mails_to("cem@lima.example").len(), 1);
    }

    fn a_table_that_is_sent_again_under_its_key_is_imported_once(app) {
        let ana = given::owner(app, "ana@lima.example");
        let first = imports(&ana, "", TABLE).idempotency_key("table").expect(200);
        let again = imports(&ana, "", TABLE).idempotency_key("table").expect(200);
        assert_eq!(again.header("Idempotency-Replayed"), "true");
        assert_eq!(first.body(), again.body());
        imports(&ana, "", "display_name,address\nDan,dan@lima.example")
            .idempotency_key("table")
            .refused(422, "idempotency-mismatch");
    }

    fn one_row_that_is_refused_keeps_all_of_them_out(app) {
        let ana = given::owner(app, "ana@lima.example");
        let table = "display_name,address,roles,phones\n\
            Bea,bea@lima.example,,\n\
            ,nobody,,call me\n\
            Cem,BEA@lima.example,,\n\
            Dan,dan@lima.example,captain,\n";
        let refused = unchanged(&ana, || imports(&ana, "", table).refused(422, "import-refused"));
        assert_eq!(outcomes(&refused), ["created", "refused", "refused", "refused"]);
        assert_eq!(refused["refused"], 3);
        assert_eq!(refused["rows/0/contact_id"], Value::Null);
        assert_eq!(refused["rows/1/problem/code"], "invalid-fields");
        let faults: Vec<String> = refused.each("rows/1/problem/errors", "pointer");
        assert_eq!(faults, ["/display_name", "/address", "/phones"]);
        assert_eq!(refused["rows/2/problem/code"], "address-taken");
        assert_eq!(refused["rows/3/problem/errors/0/code"], "unknown-role");
        // A try says the same, and is no refusal.
        let look = imports(&ana, "?dry_run=true", table).expect(200);
        assert_eq!(look["rows"], refused["rows"]);
        // What only the rules know stands against all of it, too.
        let taken = "display_name,address,more_addresses\nBea,bea@lima.example,\nCem,cem@lima.example,ana@lima.example\n";
        let refused = unchanged(&ana, || imports(&ana, "", taken).refused(422, "import-refused"));
        assert_eq!(outcomes(&refused), ["created", "refused"]);
        let french = imports(&ana, "", taken).language("fr").refused(422, "import-refused");
        assert_ne!(french["rows/1/problem/title"], refused["rows/1/problem/title"]);
    }

    fn m_07_a_table_does_not_lift_the_limit(app) {
        let ana = given::owner(app, "ana@lima.example");
        let rows: Vec<String> = (0..5).map(|number| format!("Bea,bea{number}@lima.example\n")).collect();
        let rows = rows.concat();
        let refused = unchanged(&ana, || {
            imports(&ana, "", format!("display_name,address\n{rows}")).refused(422, "import-refused")
        });
        assert_eq!(refused["rows/4/problem/code"], "contact-limit-reached");
    }

    fn headings_are_the_fields_or_are_named_by_the_query(app) {
        let ana = given::owner(app, "ana@lima.example");
        let foreign = "\u{feff}Name;E-mail;Notes\r\nBea;bea@lima.example;a friend\r\n";
        let refused = imports(&ana, "", foreign).refused(422, "invalid-fields");
        for (heading, code) in [
            ("Name", "unknown-field"),
            ("E-mail", "unknown-field"),
            ("Notes", "unknown-field"),
            ("display_name", "required"),
            ("address", "required"),
        ] {
            refused.fault(&format!("/columns/{heading}"), code);
        }
        let query = "?column=Name:display_name&column=E-mail:address&column=Notes:";
        assert_eq!(outcomes(&imports(&ana, query, foreign).expect(200)), ["created"]);
        let doubled = "display_name,address,address\nBea,b@lima.example,c@lima.example\n";
        imports(&ana, "", doubled).refused(422, "invalid-fields").fault("/columns/address", "duplicate-field");
        let absent = "?column=Mail:address";
        imports(&ana, absent, TABLE).refused(422, "invalid-fields").fault("/columns/Mail", "required");
        for wrong in ["?column=Mail:nothing", "?column=Mail", "?column=a:address&column=a:title", "?column=:address"] {
            imports(&ana, wrong, TABLE).refused(400, "bad-request");
        }
    }

    fn d_16_a_table_is_as_large_as_is_stated_and_no_larger(app) {
        let ana = given::owner(app, "ana@lima.example");
        let wide = |bytes: usize| {
            let mut table = "display_name,address\nBea,bea@lima.example\n".to_owned();
            table.push_str(&"\n".repeat(bytes - table.len()));
            table
        };
        imports(&ana, "", wide(LARGEST + 1)).refused(413, "payload-too-large");
        assert_eq!(outcomes(&imports(&ana, "", wide(LARGEST)).expect(200)), ["created"]);
        let rows = "Bea,bea@lima.example\n".repeat(1001);
        let refused = imports(&ana, "", format!("display_name,address\n{rows}")).refused(422, "invalid-fields");
        refused.fault("", "too-many");
        let columns = ",".repeat(99);
        let refused = imports(&ana, "", format!("display_name,address{columns}\n")).refused(422, "invalid-fields");
        refused.fault("", "too-many");
    }

    fn what_is_no_table_is_refused(app) {
        let ana = given::owner(app, "ana@lima.example");
        imports(&ana, "", b"display_name,address\n\xff\xfe".to_vec()).refused(400, "bad-request");
        imports(&ana, "", "").refused(422, "invalid-fields").fault("", "too-few");
        let json = ana.post(ana.at("/contacts/import"), json!({}));
        let refused = json.refused(415, "unsupported-media-type");
        assert_eq!(refused.header("Accept"), "text/csv");
        let latin = ana.request("POST", ana.at("/contacts/import")).body("text/csv; charset=latin1", TABLE);
        latin.refused(415, "unsupported-media-type");
        let more = imports(&ana, "", "display_name,address\nBea,bea@lima.example,more\n");
        more.refused(422, "import-refused");
    }

    fn r_36_nobody_imports_what_the_caller_could_not_give(app) {
        let ana = given::owner(app, "ana@lima.example");
        let clerk = given::member_of(&ana, "clerk@lima.example", json!({ "permissions": ["contacts:manage", "contacts:view", "audit:view"] }));
        let refused = unchanged(&clerk, || imports(&clerk, "", TABLE).refused(422, "import-refused"));
        assert_eq!(refused.each("rows", "outcome"), ["refused", "refused"]);
        assert_eq!(refused["rows/0/problem/code"], "forbidden");
        assert_eq!(refused["rows/1/problem/status"], 403);
        let bare = given::member_of(&ana, "bare@lima.example", json!({ "permissions": ["contacts:view"] }));
        imports(&bare, "", TABLE).refused(403, "forbidden");
    }
}

on_both! {
    Setup::preset("hosting");

    fn r_51_the_invitations_of_a_table_are_counted_like_others(app) {
        let ana = given::owner(app, "ana@lima.example");
        let row = "display_name,address,login\nBea,bea@lima.example,true\n";
        for _ in 0..10 {
            let done = imports(&ana, "", row).expect(200);
            assert_eq!(outcomes(&done), ["invited"]);
            ana.delete(ana.at(&format!("/invitations/{}", done.text("rows/0/invitation_id")))).expect(204);
        }
        unchanged(&ana, || imports(&ana, "", row).refused(429, "too-many-requests"));
    }
}

on_both! {
    Setup::catalog(&accounts_domain::catalog::Catalog::preset("standard").unwrap().replace("contact_limit = 5 ", "contact_limit = 1000 "));

    fn the_largest_table_comes_in_at_once(app) {
        let ana = given::owner(app, "ana@lima.example");
        let rows = (1..1000).map(|row| format!("Contact {row},contact-{row}@lima.example,technical\r\n"));
        let table = format!("display_name,address,roles\r\n{}", rows.collect::<String>());
        let done = imports(&ana, "", table).expect(200);
        assert_eq!((&done["created"], &done["refused"]), (&json!(999), &json!(0)));
    }
}
