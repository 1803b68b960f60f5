//! Logins of the former kind come in as users: K-01.

use accounts_tests::given::{self, PASSWORD};
use accounts_tests::{Setup, json, on_both};

use super::{contacts, members};

/// What another system writes of its sub-accounts.
const SUB_ACCOUNTS: &str = "Name;Email;Access;Rights\n\
    Bea Web;bea@example.com;yes;webmaster\n\
    Cem Books;cem@example.com;yes;invoices:view tickets:view\n\
    Post;post@example.com;no;\n";

on_both! {
    Setup::preset("hosting");

    fn k_01_former_sub_accounts_come_in_as_invitations_and_become_users(app) {
        let ana = given::owner(app, "ana@example.com");
        let query = "?column=Name:display_name&column=Email:address&column=Access:login&column=Rights:permissions";
        let path = ana.at(&format!("/contacts/import{query}"));
        let done = ana.request("POST", path).body("text/csv", SUB_ACCOUNTS).expect(200);
        assert_eq!(done.each("rows", "outcome"), ["invited", "invited", "created"]);

        // All of them are contacts as they were, and none of them a user yet.
        assert_eq!(contacts(&ana, ""), ["Ana", "Bea Web", "Cem Books", "Post"]);
        assert_eq!(members(&ana), ["Ana"]);
        assert!(app.mails_to("post@example.com").is_empty());
        for (address, name) in [("bea@example.com", "Bea"), ("cem@example.com", "Cem")] {
            let token = app.mail_to(address).link_token();
            let body = json!({ "token": token, "display_name": name, "password": PASSWORD });
            app.client().post("/v1/invitations/accept", body).expect(200);
        }
        // From here on they are users with what was theirs, and contacts log in as little as before (U-11).
        assert_eq!(members(&ana), ["Ana", "Bea", "Cem"]);
        let cem = given::logged_in(app, "cem@example.com");
        let access = cem.get(cem.at("/access")).expect(200);
        assert_eq!(access["permissions"], json!(["invoices:view", "tickets:view"]));
        assert_eq!(access["contact_id"], json!(null));
        let listed = ana.get(ana.at("/contacts")).expect(200);
        for contact in listed.list("data").iter().filter(|contact| contact["owner"] == false) {
            assert_eq!(contact["login"], false);
        }
    }
}
