//! What operators see of mails that no server has accepted, and how they have one tried again.

use accounts_domain::operators::OperatorKind::{Admin, Support};
use accounts_tests::{
    json, on_both, scene,
    staff::{self, REASON},
};

const MAILS: &str = "/v1/operator/mails";

on_both! {
    fn what_was_given_up_is_listed_and_sent_once_it_is_tried_again(app) {
        let sam = staff::operator(app, Support, "sam@provider.example");
        let sue = staff::operator(app, Admin, "sue@provider.example");
        assert_eq!(sam.get(MAILS).expect(200).list("data").len(), 0);
        let [first, second] = ["gil@lima.example", "hal@lima.example"].map(|to| scene::given_up_mail(app, to));

        let listed = sam.get(format!("{MAILS}?state=given_up&limit=1")).expect(200);
        assert_eq!(listed["data/0/id"], second.as_str(), "the latest first");
        let next = sam.get(format!("{MAILS}?state=given_up&limit=1&cursor={}", listed.text("next_cursor"))).expect(200);
        let mail = &next["data/0"];
        let told = json!({
            "id": first,
            "kind": "password_changed",
            "address": "gil@lima.example",
            "language": "en",
            "notification_id": null,
            "account_id": null,
            "state": "given_up",
            "attempts": 1,
            "next_attempt_at": null,
            "last_error": "550 5.1.1 no such mailbox",
            "created_at": "2026-01-01T00:00:00.000Z",
            "given_up_at": "2026-01-01T00:00:01.000Z",
        });
        assert_eq!(*mail, told);
        assert_eq!(sam.get(format!("{MAILS}?state=waiting")).expect(200).list("data").len(), 0);
        assert_eq!(sam.get(format!("{MAILS}?state=waiting&state=waiting")).expect(200).list("data").len(), 0);
        assert_eq!(sam.get(format!("{MAILS}?state=waiting&state=given_up")).expect(200).list("data").len(), 2);

        let retry = format!("{MAILS}/{first}/retry");
        sue.post(&retry, json!({ "reason": REASON })).expect(202);
        app.mail_to("gil@lima.example");
        app.mails();
        sue.post(&retry, json!({ "reason": REASON })).refused(404, "not-found");
        let left = sam.get(MAILS).expect(200);
        assert_eq!((left.list("data").len(), &left["data/0/id"]), (1, &json!(second)));

        let events = sam.get("/v1/operator/audit-events?type=mail.retried").expect(200);
        let event = &events["data/0"];
        assert_eq!(events.list("data").len(), 1);
        assert_eq!(event["data"], json!({ "mail": first, "kind": "password_changed", "former_state": "given_up" }));
        assert_eq!(event["changes"][0]["after"], REASON);
    }

    fn a_state_that_no_mail_has_is_told(app) {
        let sam = staff::operator(app, Support, "sam@provider.example");
        sam.get(format!("{MAILS}?state=sent")).refused(400, "bad-request").parameter_fault("state", "not-allowed");
    }
}
