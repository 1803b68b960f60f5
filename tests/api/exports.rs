//! What an account holds, as files: tables that read back and that no spreadsheet executes, and cards.

use accounts_tests::given::{self, Person};
use accounts_tests::{Setup, json, on_both};
use calcard::vcard::{VCard, VCardProperty};

fn table(by: &Person<'_>) -> String {
    let answer = by.get(by.at("/contacts/export?format=csv")).expect(200);
    assert_eq!(answer.header("Content-Type"), "text/csv; charset=utf-8; header=present");
    assert_eq!(
        answer.header("Content-Disposition"),
        "attachment; filename=\"contacts.csv\""
    );
    answer.body()
}

/// The cells of a table below its first line.
fn rows(table: &str) -> Vec<Vec<String>> {
    let mut reader = csv::Reader::from_reader(table.as_bytes());
    let cells = |record: csv::StringRecord| record.iter().map(str::to_owned).collect();
    reader.records().map(|record| cells(record.unwrap())).collect()
}

/// What the list says of each contact, without what belongs to this account alone.
fn listed(by: &Person<'_>) -> Vec<serde_json::Value> {
    let page = by.get(by.at("/contacts")).expect(200);
    let members = [
        "display_name",
        "first_name",
        "last_name",
        "title",
        "language",
        "address",
        "phones",
        "roles",
        "subscriptions",
    ];
    let strangers = page.list("data").iter().filter(|contact| contact["owner"] == false);
    let mut told: Vec<serde_json::Value> = strangers
        .map(|contact| {
            let more: Vec<_> = contact["more_addresses"]
                .as_array()
                .unwrap()
                .iter()
                .map(|more| more["address"].clone())
                .collect();
            let mut told: serde_json::Map<_, _> = members
                .iter()
                .map(|name| ((*name).to_owned(), contact[*name].clone()))
                .collect();
            told.insert("more_addresses".to_owned(), more.into());
            told.into()
        })
        .collect();
    told.sort_by_key(ToString::to_string);
    told
}

on_both! {
    fn what_is_exported_is_imported_as_it_was(app) {
        let ana = given::owner(app, "ana@lima.example");
        ana.adds(json!({
            "display_name": "'=Bea, \"the\" clerk",
            "first_name": "-Bea",
            "last_name": "'Lima",
            "title": "+Head; of\u{a0}things",
            "language": "fr",
            "address": "bea@lima.example",
            "more_addresses": ["b@lima.example", "c@lima.example"],
            "phones": [{ "number": "+33142685300", "kind": "landline" }, { "number": "+14155552671" }],
            "roles": ["technical", "billing"],
            "subscriptions": ["invoice"],
        }));
        ana.adds_contact("Zoé", "zoe@lima.example");
        let dan = given::owner(app, "dan@other.example");
        let mut text = table(&ana);
        // Dan's account has an owner already.
        let lines: Vec<&str> = text.lines().filter(|line| !line.contains("ana@lima.example")).collect();
        text = lines.join("\r\n");
        let path = dan.at("/contacts/import");
        let done = dan.request("POST", path).body("text/csv", text).expect(200);
        assert_eq!(done["created"], 2);
        assert_eq!(listed(&dan), listed(&ana));
        // In the own account the same table says nothing new.
        let path = ana.at("/contacts/import");
        let same = ana.request("POST", path).body("text/csv", table(&ana)).expect(200);
        assert_eq!(same["unchanged"], 3);
    }

    fn r_47_no_cell_is_one_that_a_spreadsheet_executes(app) {
        let ana = given::owner(app, "ana@lima.example");
        for (number, name) in ["=HYPERLINK(\"http://x\")", "+1", "-1", "@x"].into_iter().enumerate() {
            ana.adds_contact(name, &format!("bea{number}@lima.example"));
        }
        let text = table(&ana);
        let cells = rows(&text);
        assert_eq!(cells.len(), 5);
        for cell in cells.iter().flatten() {
            assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell}");
        }
        let names: Vec<&str> = cells.iter().map(|row| row[0].as_str()).collect();
        assert!(names.contains(&"'=HYPERLINK(\"http://x\")"), "{names:?}");
        assert!(text.contains("\"'=HYPERLINK(\"\"http://x\"\")\""), "{text}");
        // No text that has a tab or a line break comes in by the other routes.
        let tab = json!({ "display_name": "\tx\ry", "address": "tab@lima.example" });
        ana.post(ana.at("/contacts"), tab).refused(422, "invalid-fields");
    }

    fn what_members_may_do_is_told_to_those_who_see_members(app) {
        let ana = given::owner(app, "ana@lima.example");
        let cem = ana.adds(json!({
            "display_name": "Cem",
            "address": "cem@lima.example",
            "login": { "permissions": ["contacts:view"] },
        }));
        ana.verifies(&cem);
        let cem = given::logged_in(app, "cem@lima.example");
        let told = |by: &Person<'_>| {
            let rows = rows(&table(by));
            let of = |name: &str| rows.iter().find(|row| row[0] == name).unwrap()[10..].to_vec();
            (of("Ana"), of("Cem"))
        };
        let row = |login: &str, permissions: &str| vec![login.to_owned(), permissions.to_owned()];
        assert_eq!(told(&ana), (row("true", "all"), row("true", "contacts:view")));
        assert_eq!(told(&cem), (row("true", ""), row("true", "")));
    }

    fn contacts_are_exported_as_cards_that_another_reader_reads(app) {
        let ana = given::owner(app, "ana@lima.example");
        ana.adds(json!({
            "display_name": "Bea; the, clerk",
            "first_name": "Bea",
            "last_name": "Lima",
            "title": "Clerk",
            "address": "bea@lima.example",
            "more_addresses": ["b@lima.example"],
            "phones": [{ "number": "+33612345678", "kind": "mobile" }],
            "roles": ["billing"],
        }));
        let answer = ana.get(ana.at("/contacts/export?format=vcard")).expect(200);
        assert_eq!(answer.header("Content-Type"), "text/vcard; charset=utf-8");
        assert_eq!(answer.header("Content-Disposition"), "attachment; filename=\"contacts.vcf\"");
        let text = answer.body();
        let cards: Vec<&str> = text.split_inclusive("END:VCARD\r\n").collect();
        assert_eq!(cards.len(), 2);
        let card = VCard::parse(cards[1]).unwrap();
        let values = |property: &VCardProperty| -> Vec<String> {
            let entries = card.entries.iter().filter(|entry| entry.name == *property);
            entries.flat_map(|entry| &entry.values).filter_map(|value| value.as_text().map(str::to_owned)).collect()
        };
        assert!(cards[1].starts_with("BEGIN:VCARD\r\nVERSION:4.0\r\n"), "{}", cards[1]);
        assert_eq!(values(&VCardProperty::Fn), ["Bea; the, clerk"]);
        assert_eq!(values(&VCardProperty::N)[..2], ["Lima", "Bea"]);
        assert_eq!(values(&VCardProperty::Email), ["bea@lima.example", "b@lima.example"]);
        assert_eq!(values(&VCardProperty::Tel), ["tel:+33612345678"]);
        assert_eq!(values(&VCardProperty::Title), ["Clerk"]);
        ana.get(ana.at("/contacts/export?format=pdf")).refused(400, "bad-request").parameter_fault("format", "not-allowed");
    }

    fn an_account_that_is_closed_is_exported_still(app) {
        let ana = given::owner(app, "ana@lima.example");
        let sam = accounts_tests::staff::operator(app, accounts_domain::operators::OperatorKind::Admin, "sam@provider.example");
        sam.administers(&ana.account, json!({ "status": "closed" })).expect(200);
        ana.get(ana.at("/contacts")).refused(409, "account-closed");
        assert_eq!(rows(&table(&ana)).len(), 1);
        let path = ana.at("/contacts/import");
        let import = ana.request("POST", path).body("text/csv", table(&ana));
        import.refused(409, "account-closed");
    }

    fn r_51_exports_are_bounded(app) {
        let ana = given::owner(app, "ana@lima.example");
        for _ in 0..60 {
            ana.get(ana.at("/contacts/export")).expect(200);
        }
        ana.get(ana.at("/contacts/export")).refused(429, "too-many-requests").header("Retry-After");
        app.clock().advance(chrono::TimeDelta::hours(1));
        let ana = given::logged_in(app, "ana@lima.example");
        ana.get(ana.at("/contacts/export")).expect(200);
    }
}

on_both! {
    Setup::preset("hosting");

    fn the_accounts_own_people_come_back_unchanged_where_contacts_do_not_log_in(app) {
        let ana = given::owner(app, "ana@lima.example");
        ana.adds_contact("Books", "books@lima.example");
        let path = ana.at("/contacts/import");
        let same = ana.request("POST", path).body("text/csv", table(&ana)).expect(200);
        assert_eq!(same["unchanged"], 2);
    }
}

on_both! {
    fn the_audit_log_is_exported_by_the_filters_of_the_list(app) {
        let ana = given::owner(app, "ana@lima.example");
        ana.adds_contact("=1+1", "bea@lima.example");
        let path = ana.at("/audit-events/export");
        let all = ana.get(&path).expect(200);
        assert_eq!(all.header("Content-Type"), "text/csv; charset=utf-8; header=present");
        assert_eq!(all.header("Content-Disposition"), "attachment; filename=\"audit-events.csv\"");
        assert!(all.find_header("Link").is_none());
        let listed = ana.get(ana.at("/audit-events?limit=100")).expect(200);
        let told = rows(&all.body());
        let ids: Vec<&str> = told.iter().map(|row| row[0].as_str()).collect();
        assert_eq!(ids, listed.each("data", "id"));
        let added = &told[0];
        assert_eq!(added[3], "contact.added");
        let changes: serde_json::Value = serde_json::from_str(&added[10]).unwrap();
        assert_eq!(changes, listed["data/0/changes"]);
        for cell in told.iter().flatten() {
            assert!(!cell.starts_with(['=', '+', '-', '@']), "{cell}");
        }
        let some = ana.get(format!("{path}?type=contact.added")).expect(200);
        assert_eq!(rows(&some.body()).len(), 1);
        // A table goes on before the last decision of the one before.
        let revision: i64 = told[0][1].parse().unwrap();
        let before = ana.get(format!("{path}?before_revision={revision}")).expect(200);
        assert_eq!(rows(&before.body()).len(), told.iter().filter(|row| row[1] != told[0][1]).count());
        ana.get(format!("{path}?before_revision=0")).refused(400, "bad-request");
        let bare = given::member_of(&ana, "bare@lima.example", json!({ "permissions": ["contacts:view"] }));
        bare.get(bare.at("/audit-events/export")).refused(403, "forbidden");
    }
}
