//! Log-ins from devices that are not known.

use accounts_tests::{
    given::{self, PASSWORD},
    json, on_both,
};

on_both! {
    fn r_17_a_log_in_from_another_device_is_told(app) {
        let ana = given::owner(app, "ana@example.com");
        let log_in = |agent: &str| {
            let credentials = json!({ "address": "ana@example.com", "password": PASSWORD });
            app.client().post("/v1/sessions", credentials).header("User-Agent", agent).expect(201)
        };
        let told = || {
            let mut mails = app.mails_to("ana@example.com");
            mails.retain(|mail| mail.subject.contains("another device"));
            mails
        };
        assert_eq!(told().len(), 0);
        let firefox = |version: u8| format!("Mozilla/5.0 (X11; Linux x86_64; rv:{version}.0) Firefox/{version}.0");
        let session = log_in(&firefox(127));
        let mail = told().pop().unwrap();
        let has_line = |line: &str| mail.text.lines().any(|found| found.trim() == line);
        assert!(has_line("Device: Firefox, Linux") && has_line("Network: 127.0.0.1"), "{}", mail.text);
        assert!(!mail.raw.contains("?token=") && !mail.raw.contains(&session.text("access_token")));
        // It is known by now, in its next version and after that session has ended, too.
        ana.delete(session.header("Location")).expect(204);
        log_in(&firefox(128));
        assert_eq!(told().len(), 1);
        log_in("curl/8.14.1");
        assert_eq!(told().len(), 2);
    }
}
