//! Who is told what, and what members wish to be told.

use accounts_tests::{
    Answer, Setup,
    given::{self, Contact, Person},
    json, on_both,
};

/// Sets what a member wishes to be told.
fn wishes(by: &Person<'_>, member: &Person<'_>, categories: &[&str]) -> accounts_tests::client::Request {
    let path = by.at(&format!("/members/{}/subscriptions", member.user()));
    by.put(path, json!({ "categories": categories }))
}

/// Sets what a contact wishes to be told.
fn ticks(by: &Person<'_>, contact: &Contact, categories: &[&str]) {
    by.put(contact.at("/subscriptions"), json!({ "categories": categories }))
        .expect(200);
}

/// The recipients of one category.
#[track_caller]
fn told(by: &Person<'_>, query: &str) -> Answer {
    by.get(by.at(&format!("/recipients?{query}"))).expect(200)
}

on_both! {
    fn every_category_tells_whom_it_goes_to_and_why(app) {
        let ana = given::owner(app, "ana@example.com");
        let bea = ana.adds_verified("Bea", "bea@example.com");
        ana.promotes(&bea, &["billing"]).expect(200);
        let cem = ana.adds_contact("Cem", "cem@example.com");
        ana.gives(&cem, "billing").expect(200);
        let all = told(&ana, "");
        let of_catalog = app.client().get("/v1/catalog").expect(200).each("categories", "key");
        assert_eq!(all.each("data", "category"), of_catalog);
        assert!(all["next_cursor"].is_null());

        let invoice = told(&ana, "category=invoice");
        assert_eq!(invoice["data/0/name"], "Invoices");
        assert_eq!(invoice["data/0/mandatory"], true);
        assert_eq!(invoice["data/0/step"], "primary_holder");
        assert_eq!(invoice.each("data/0/to", "address"), ["bea@example.com"]);
        assert_eq!(invoice["data/0/to/0/contact_id"], json!(bea.id));
        assert!(invoice["data/0/to/0/user_id"].is_null());
        assert_eq!(invoice["data/0/to/0/reasons"], json!([{ "kind": "primary_holder", "role": "billing" }]));
        assert_eq!(invoice.each("data/0/cc", "address"), ["ana@example.com"]);
        let grounds = json!([{ "kind": "role_holder", "role": "billing" }, { "kind": "subscriber" }]);
        assert_eq!(invoice["data/0/cc/0/reasons"], grounds);
        assert_eq!(invoice["data/0/excluded/0/contact_id"], json!(cem.id));
        assert_eq!(invoice["data/0/excluded/0/exclusion"], "unverified");
        let grounds = json!([{ "kind": "role_holder", "role": "billing" }]);
        assert_eq!(invoice["data/0/excluded/0/reasons"], grounds);

        let path = ana.at("/recipients?category=invoice");
        let french = ana.get(path).header("Accept-Language", "fr").expect(200);
        assert_eq!(french["data/0/name"], "Factures");
        let same = ana.get(ana.at("/recipients?category=invoice")).header("If-None-Match", &invoice.etag());
        same.expect(304);
    }

    fn what_is_asked_for_has_to_be_there(app) {
        let ana = given::owner(app, "ana@example.com");
        let dan = given::owner(app, "dan@example.com");
        let ask = |query: &str| ana.get(ana.at(&format!("/recipients?{query}")));
        ask("category=gossip").refused(400, "bad-request");
        ask("category=No").refused(400, "bad-request");
        ask("opened_by=acc_01h455vb4pex5vsknk084sn02q").refused(400, "bad-request");
        ask(&format!("opened_by={}", dan.user())).refused(404, "not-found");
        ask(&format!("opened_by={}", dan.contact().id)).refused(404, "not-found");
        ask(&format!("opened_by={}&category=ticket_reply&category=invoice", ana.user())).expect(200);
        dan.get(ana.at("/recipients")).refused(404, "not-found");
    }

    fn members_say_what_they_wish_to_be_told(app) {
        let ana = given::owner(app, "ana@example.com");
        let bea = given::member_of(&ana, "bea@example.com", json!({ "permissions": ["notifications:manage"] }));
        let cem = given::member_of(&ana, "cem@example.com", json!({ "permissions": [] }));
        let own = cem.get(cem.at(&format!("/members/{}", cem.user()))).expect(200);
        assert_eq!(own["subscriptions"], json!([]));
        let set = wishes(&cem, &cem, &["maintenance", "invoice"]).if_match(&own.etag()).expect(200);
        assert_eq!(set["subscriptions"], json!(["invoice", "maintenance"]));
        wishes(&cem, &cem, &[]).if_match(&own.etag()).refused(412, "stale");
        wishes(&cem, &bea, &["invoice"]).refused(403, "forbidden");
        wishes(&bea, &cem, &["maintenance", "product_news"]).expect(200);
        let unknown = wishes(&bea, &cem, &["gossip"]).refused(422, "invalid-fields");
        unknown.fault("/categories", "unknown-category");
        cem.get(cem.at(&format!("/members/{}", bea.user()))).refused(403, "forbidden");

        let events = ana.get(ana.at("/audit-events?type=member.subscriptions_changed")).expect(200);
        assert_eq!(events.list("data").len(), 2);
        assert_eq!(events["data/0/data"], json!({
            "categories": ["maintenance", "product_news"],
            "former_categories": ["invoice", "maintenance"],
        }));
        assert_eq!(events["data/0/subject/id"], json!(cem.user()));
        assert_eq!(events["data/0/actor/id"], json!(bea.user()));

        let news = told(&ana, "category=product_news");
        assert_eq!(news.each("data/0/to", "user_id").len(), 2);
        let (cems, user) = (ana.expels(&cem), cem.user());
        cems.expect(204);
        let again = given::member_of(&ana, "dan@example.com", json!({ "permissions": [] }));
        assert_ne!(again.user(), user);
        assert_eq!(told(&ana, "category=product_news").each("data/0/to", "address"), ["ana@example.com"]);
    }

    fn a_wish_without_the_permission_is_kept_and_waits(app) {
        let ana = given::owner(app, "ana@example.com");
        let bea = given::member_of(&ana, "bea@example.com", json!({ "permissions": [] }));
        wishes(&bea, &bea, &["invoice"]).expect(200);
        let waits = told(&ana, "category=invoice");
        assert_eq!(waits["data/0/excluded/0/user_id"], json!(bea.user()));
        assert_eq!(waits["data/0/excluded/0/exclusion"], "lacks_permission");
        ana.changes(&bea, json!({ "permissions": ["invoices:view"] })).expect(200);
        assert_eq!(told(&ana, "category=invoice").each("data/0/cc", "address"), ["bea@example.com"]);
        let suspended = ana.changes(&bea, json!({ "status": "suspended" })).expect(200);
        assert_eq!(suspended["subscriptions"], json!(["invoice"]));
        assert_eq!(told(&ana, "category=invoice")["data/0/excluded/0/exclusion"], "member_suspended");
    }

    fn nobody_gives_itself_notices_of_what_it_may_not_see(app) {
        let ana = given::owner(app, "ana@example.com");
        let login = json!({ "permissions": ["tickets:view"] });
        let contact = ana.adds(json!({ "display_name": "Bea", "address": "bea@example.com", "login": login }));
        ana.verifies(&contact);
        let bea = given::logged_in(app, "bea@example.com");
        let wished = json!({ "categories": ["invoice"] });
        let refused = bea.put(contact.at("/subscriptions"), wished).refused(403, "forbidden");
        assert_eq!(refused["permission"], "invoices:view");
        assert_eq!(told(&ana, "category=invoice").each("data/0/to", "address"), ["ana@example.com"]);
        ticks(&bea, &contact, &["product_news"]);
        ticks(&ana, &contact, &["invoice"]);
        ticks(&bea, &contact, &["invoice", "product_news"]);
        assert_eq!(told(&ana, "category=invoice").each("data/0/cc", "address"), ["bea@example.com"]);
    }

    fn a_mandatory_category_cannot_lose_its_last_recipient(app) {
        let ana = given::owner(app, "ana@example.com");
        ticks(&ana, &ana.contact(), &[]);
        wishes(&ana, &ana, &[]).expect(200);
        let all = told(&ana, "");
        for category in all.list("data").iter().filter(|category| category["mandatory"] == true) {
            assert_eq!(category["to"][0]["address"], "ana@example.com", "{category}");
        }
        // What is not mandatory may well go to nobody.
        assert_eq!(told(&ana, "category=product_news")["data/0/step"], "nobody");
    }
}

on_both! {
    Setup::preset("hosting");

    fn one_address_is_told_once(app) {
        let ana = given::owner(app, "ana@example.com");
        let bea = given::member_of(&ana, "bea@example.com", json!({ "all_permissions": true }));
        let contact = ana.adds_contact("Bea’s mailbox", "BEA@example.com");
        ticks(&ana, &contact, &["invoices"]);
        wishes(&bea, &bea, &["invoices"]).expect(200);
        let invoices = told(&bea, "category=invoices");
        assert_eq!(invoices.each("data/0/cc", "contact_id"), [contact.id.as_str()]);
        assert_eq!(invoices["data/0/cc/0/user_id"], json!(bea.user()));
        assert_eq!(invoices["data/0/cc/0/reasons"], json!([{ "kind": "subscriber" }]));
    }
}
