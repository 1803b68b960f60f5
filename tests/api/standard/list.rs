//! The list of contacts: its order, its filters, its pages.

use accounts_tests::given::{self, Person};
use accounts_tests::{App, Setup, json, on_both};

use super::adds_login;

/// The names in a list, in its order.
#[track_caller]
fn names(person: &Person<'_>, query: &str) -> Vec<String> {
    person
        .get(person.at(&format!("/contacts{query}")))
        .expect(200)
        .each("data", "display_name")
}

/// An owner called Zoe, and contacts that are added in no order.
fn account(app: &App) -> Person<'_> {
    let zoe = given::owner(app, "zoe@lima.example");
    for (name, address) in [
        ("Émile", "emile@lima.example"),
        ("bea", "bea@lima.example"),
        ("Ana", "ana@lima.example"),
    ] {
        zoe.adds_contact(name, address);
    }
    zoe
}

/// The same catalog with room for a hundred contacts.
fn roomy() -> Setup {
    let standard = include_str!("../../../crates/accounts-domain/src/catalog/presets/standard.toml");
    Setup::catalog(&standard.replace("contact_limit = 5 ", "contact_limit = 100 "))
}

on_both! {
    fn the_own_entry_comes_first_and_then_names_without_regard_to_accents_and_case(app) {
        let zoe = account(app);
        assert_eq!(names(&zoe, ""), ["Zoe", "Ana", "bea", "Émile"]);
        let (_, dan) = adds_login(app, &zoe, "Dan", &["contacts:view"]);
        assert_eq!(names(&dan, ""), ["Dan", "Ana", "bea", "Émile", "Zoe"]);
    }

    fn filters_narrow_the_list_and_a_repeated_one_means_or(app) {
        let zoe = given::owner(app, "zoe@lima.example");
        let (ana, _) = adds_login(app, &zoe, "Ana", &[]);
        let bea = zoe.adds_verified("Béa", "bea@books.example");
        let cem = zoe.adds_contact("Cem", "cem@lima.example");
        zoe.gives(&cem, "billing").expect(200);
        zoe.gives(&ana, "security").expect(200);
        zoe.promotes(&bea, &["technical"]).expect(200);
        zoe.put(cem.at("/subscriptions"), json!({ "categories": ["product_news"] })).expect(200);

        for (query, found) in [
            ("?role=billing", vec!["Zoe", "Cem"]),
            ("?role=billing&role=security", vec!["Zoe", "Ana", "Cem"]),
            ("?primary_role=technical", vec!["Béa"]),
            ("?primary_role=technical&primary_role=billing", vec!["Zoe", "Béa"]),
            ("?verified=false", vec!["Cem"]),
            ("?verified=true&login=false", vec!["Béa"]),
            ("?login=true", vec!["Zoe", "Ana"]),
            ("?category=product_news", vec!["Zoe", "Cem"]),
            ("?q=BEA", vec!["Béa"]),
            ("?q=books", vec!["Béa"]),
            ("?q=lima%20CEM", vec!["Cem"]),
            ("?q=nobody", vec![]),
            ("?role=security&verified=false", vec![]),
        ] {
            assert_eq!(names(&zoe, query), found, "{query}");
        }
        for (query, name, code) in [
            ("?verified=maybe", "verified", "not-allowed"),
            ("?login=true&login=false", "login", "repeated-parameter"),
            ("?role=Captain%20Nemo", "role", "invalid-format"),
            ("?rank=1", "rank", "unknown-parameter"),
        ] {
            let refused = zoe.get(zoe.at(&format!("/contacts{query}"))).refused(400, "bad-request");
            refused.parameter_fault(name, code);
        }
    }
}

mod pages {
    use super::*;

    on_both! {
        roomy();

        fn no_entry_is_lost_or_told_twice_while_others_come_and_go(app) {
            let zoe = account(app);
            let carl = zoe.adds_contact("Carl", "carl@lima.example");
            let first = zoe.get(zoe.at("/contacts?limit=3")).expect(200);
            assert_eq!(first.each("data", "display_name"), ["Zoe", "Ana", "bea"]);

            // One comes before the place where the next page begins and one after it; the last of the page goes.
            zoe.adds_contact("Aaron", "aaron@lima.example");
            zoe.adds_contact("Dora", "dora@lima.example");
            zoe.delete(zoe.at(&format!("/contacts/{}", first.text("data/2/id")))).expect(204);
            let path = |cursor: &str| zoe.at(&format!("/contacts?limit=3&cursor={cursor}"));
            let second = zoe.get(path(&first.text("next_cursor"))).expect(200);
            assert_eq!(second.each("data", "display_name"), ["Carl", "Dora", "Émile"]);
            assert!(second["next_cursor"].is_null());
            assert!(second.find_header("Link").is_none());
            assert_eq!(second["data/0/id"], carl.id.as_str());

            // The `Link` leads to the same page as the cursor.
            let link = first.header("Link");
            let next = link.strip_prefix('<').and_then(|link| link.split_once(">; rel=\"next\"")).map(|(next, _)| next);
            let next = next.and_then(|next| next.strip_prefix(zoe.base()));
            assert_eq!(zoe.get(next.unwrap()).expect(200).body(), second.body());
        }

        fn entries_with_the_same_name_are_all_there(app) {
            let zoe = given::owner(app, "zoe@lima.example");
            for number in 0..7 {
                zoe.adds_contact("Office", &format!("office{number}@lima.example"));
            }
            let (mut ids, mut cursor) = (Vec::new(), None::<String>);
            for _ in 0..4 {
                let next = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
                let page = zoe.get(zoe.at(&format!("/contacts?limit=2{next}"))).expect(200);
                ids.extend(page.each("data", "id"));
                cursor = page["next_cursor"].as_str().map(str::to_owned);
            }
            assert_eq!(cursor, None);
            assert_eq!(ids.len(), 8);
            ids.sort();
            ids.dedup();
            assert_eq!(ids.len(), 8);
        }

        fn a_cursor_belongs_to_its_list_and_its_filters(app) {
            let zoe = account(app);
            let cursor = zoe.get(zoe.at("/contacts?limit=1&verified=false")).expect(200).text("next_cursor");
            let other = given::owner(app, "dan@other.example");
            let foreign = other.at(&format!("/contacts?limit=1&verified=false&cursor={cursor}"));
            other.get(foreign).refused(400, "invalid-cursor");
            for query in ["limit=1&verified=true", "limit=1", "verified=false&q=a"] {
                zoe.get(zoe.at(&format!("/contacts?{query}&cursor={cursor}"))).refused(400, "invalid-cursor");
            }
            zoe.get(zoe.at(&format!("/contacts?cursor={cursor}&verified=false"))).expect(200);
            zoe.get(zoe.at("/contacts?limit=101")).refused(400, "bad-request").parameter_fault("limit", "out-of-range");
        }
    }
}
