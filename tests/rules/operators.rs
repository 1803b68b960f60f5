//! The host itself, whom a customer asks for help.

use accounts_domain::operators::OperatorKind::Support;
use accounts_tests::{
    Answer, given, json, on_both,
    staff::{self, REASON},
};
use serde_json::Value;

/// The latest event of a log that is of this type.
fn event_of(events: &Answer, kind: &str) -> Value {
    let found = events.list("data").iter().find(|event| event["type"] == kind);
    found.unwrap_or_else(|| panic!("no {kind}: {events}")).clone()
}

on_both! {
    fn u_35_the_host_changes_contacts_members_and_users_on_request_and_on_record(app) {
        let sam = staff::operator(app, Support, "sam@provider.example");
        let ana = given::owner(app, "ana@lima.example");
        let bea = ana.adds_contact("Bea", "bea@lima.example");
        let user = ana.user();
        let cem = ana.adds(json!({ "display_name": "Cem", "address": "cem@lima.example", "login": {} }));
        ana.verifies(&cem);
        let cem = given::logged_in(app, "cem@lima.example");
        let (begun, as_ana) = sam.impersonates(&user, &ana.account);
        let mail = app.mail_to("ana@lima.example");
        assert!(mail.text.contains(REASON) && mail.text.contains("15 minutes"), "{}", mail.text);

        as_ana.get(ana.at("/contacts")).expect(200);
        as_ana.patch(bea.path(), json!({ "title": "Treasurer" })).expect(200);
        as_ana.put(bea.at("/roles/general"), ()).expect(200);
        let path = ana.at(&format!("/members/{}", cem.user()));
        as_ana.patch(path, json!({ "permissions": ["contacts:view"] })).expect(200);
        as_ana.patch("/v1/me", json!({ "display_name": "Ana Maria" })).expect(200);
        assert_eq!(ana.get("/v1/me").expect(200)["display_name"], "Ana Maria");

        // Every event names both, and the account's log tells of the beginning and the reason.
        let events = ana.get(ana.at("/audit-events")).expect(200);
        let both = json!({ "kind": "operator", "id": sam.id.to_string(), "on_behalf_of": user });
        for kind in ["contact.changed", "role.given", "member.permissions_changed"] {
            assert_eq!(event_of(&events, kind)["actor"], both, "{kind}");
        }
        let beginning = event_of(&events, "member.impersonated");
        assert_eq!(beginning["actor"]["id"], json!(sam.id.to_string()));
        assert_eq!(beginning["subject"], json!({ "kind": "user", "id": user }));
        assert_eq!(beginning["data"]["session"], begun["session_id"]);
        let reason = json!([{ "field": "reason", "before": null, "after": REASON }]);
        assert_eq!(beginning["changes"], reason);
        let of_ana = ana.get(ana.at(&format!("/audit-events?actor={user}&type=contact.changed"))).expect(200);
        assert_eq!(of_ana.list("data").len(), 1);
        let told = sam.get(format!("/v1/operator/audit-events?actor={}&type=user.changed", sam.id)).expect(200);
        assert_eq!((&told["data/0/actor"], &told["data/0/user_id"]), (&both, &json!(user)));
    }
}
