//! `accounts demo --accounts N --contacts M`, on both databases, by the binary that is shipped.

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs::File;
    use std::net::{SocketAddr, TcpListener, TcpStream};
    use std::process::{Child, Command, Output, Stdio};
    use std::thread;
    use std::time::{Duration, Instant};

    use accounts_store::{Database, schema_walk};
    use accounts_tests::{Client, json, postgres};
    use tempfile::TempDir;

    /// How long the service may take to start.
    const PATIENCE: Duration = Duration::from_secs(20);

    const PASSWORD: &str = "seven lamps in the harbour";

    /// A data folder, and a database that nobody else has.
    struct Place {
        folder: TempDir,
        server: Option<postgres::Database>,
        settings: BTreeMap<&'static str, String>,
    }

    impl Place {
        fn on_sqlite() -> Self {
            let folder = TempDir::with_prefix("accounts-scale-").unwrap();
            Self {
                settings: BTreeMap::from([("ACCOUNTS_DATA", folder.path().display().to_string())]),
                folder,
                server: None,
            }
        }

        fn on_postgres() -> Self {
            let mut place = Self::on_sqlite();
            let server = postgres::Database::migrated();
            let keys = place.folder.path().join("keys.json").display().to_string();
            place.settings.extend([
                ("ACCOUNTS_DATABASE_URL", server.url().to_owned()),
                ("ACCOUNTS_PUBLIC_URL", "http://localhost".to_owned()),
                (
                    "ACCOUNTS_SECRET",
                    "b1946ac92492d2347c6235b4d2611184b026324c6904b2a9cb4b88d6d61c81d1".to_owned(),
                ),
                ("ACCOUNTS_SIGNING_KEYS", keys),
                ("ACCOUNTS_SMTP_URL", "smtp://127.0.0.1:9".to_owned()),
                ("ACCOUNTS_MAIL_FROM", "Accounts <accounts@provider.example>".to_owned()),
            ]);
            place.server = Some(server);
            place.done(&["keys", "rotate"]);
            place
        }

        fn command(&self, arguments: &[&str]) -> Command {
            let mut command = Command::new(env!("CARGO_BIN_EXE_accounts"));
            command.args(arguments).stdin(Stdio::null()).env_clear();
            command.envs(&self.settings).current_dir(self.folder.path());
            command
        }

        fn run(&self, arguments: &[&str]) -> Output {
            self.command(arguments).output().unwrap()
        }

        /// Runs a command that succeeds, and answers what it printed and what it told the console.
        #[track_caller]
        fn done(&self, arguments: &[&str]) -> (String, String) {
            let output = self.run(arguments);
            let text = |bytes| String::from_utf8(bytes).unwrap();
            let (printed, told) = (text(output.stdout), text(output.stderr));
            assert!(output.status.success(), "{arguments:?}: {printed}{told}");
            (printed, told)
        }

        fn demo(&self, more: &[&str]) -> (String, String) {
            let consent: &[&str] = if self.server.is_some() { &["--on-postgres"] } else { &[] };
            self.done(&[&["demo"], consent, more].concat())
        }

        fn rows(&self) -> BTreeMap<String, Vec<String>> {
            let database = match &self.server {
                Some(server) => server.url().parse().unwrap(),
                None => Database::Sqlite {
                    path: self.folder.path().join("accounts.db"),
                },
            };
            schema_walk::rows(&database).unwrap()
        }

        fn served(&self) -> Served {
            let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
            let log = self.folder.path().join("log");
            let child = self
                .command(&["serve", "--metrics-listen", "off", "--listen", &address.to_string()])
                .stdout(Stdio::null())
                .stderr(File::create(&log).unwrap())
                .spawn()
                .unwrap();
            let served = Served { child, address };
            let begun = Instant::now();
            while TcpStream::connect(address).is_err() {
                let told = std::fs::read_to_string(&log).unwrap();
                assert!(begun.elapsed() < PATIENCE, "it does not serve: {told}");
                thread::sleep(Duration::from_millis(20));
            }
            served
        }
    }

    struct Served {
        child: Child,
        address: SocketAddr,
    }

    impl Served {
        /// Logs in, and answers how many contacts the caller's one account has, and the account's id.
        fn contacts_of(&self, address: &str) -> (usize, String) {
            let client = Client::to(self.address);
            let logged_in = client.post("/v1/sessions", json!({"address": address, "password": PASSWORD}));
            let token = logged_in.expect(201).text("access_token");
            let client = client.with_token(&token);
            let accounts = client.get("/v1/me/accounts").expect(200);
            let id = accounts.text("data/0/account/id");
            let mut count = 0;
            let mut page = Some(format!("/v1/accounts/{id}/contacts?limit=100"));
            while let Some(path) = page {
                let answer = client.get(path).expect(200);
                count += answer.list("data").len();
                let next = answer.json()["next_cursor"].as_str();
                page = next.map(|cursor| format!("/v1/accounts/{id}/contacts?limit=100&cursor={cursor}"));
            }
            (count, id)
        }
    }

    impl Drop for Served {
        fn drop(&mut self) {
            // One that has ended already cannot be killed.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }

    fn fills(place: &Place) {
        place.demo(&[]);
        let before = place.rows();
        let (_, told) = place.demo(&["--accounts", "1203", "--contacts", "112"]);
        assert!(told.contains("1203 of 1203 accounts"), "{told}");
        place.done(&["check-db"]);
        let filled = place.rows();
        for (table, rows) in &before {
            let gone: Vec<_> = rows.iter().filter(|row| !filled[table].contains(row)).collect();
            assert!(gone.is_empty(), "{table} had other rows: {gone:?}");
        }
        assert_eq!(filled["accounts"].len(), 1 + 1203 + 1);
        assert_eq!(filled["mails"], before["mails"], "nobody is written to");

        place.demo(&["--accounts", "1203", "--contacts", "112"]);
        place.demo(&["--accounts", "7"]);
        assert_eq!(place.rows(), filled, "what is there is not made again");
        place.demo(&["--accounts", "1204"]);
        assert_eq!(place.rows()["accounts"].len(), 1 + 1204 + 1);
        place.done(&["check-db"]);

        let served = place.served();
        let of = |number: &str| (5, format!("acc_01h2xcejqtf2nbrexx0{number}"));
        for number in ["0000001", "0000002", "0001203", "0001204"] {
            let found = served.contacts_of(&format!("owner-{number}@scale.example"));
            assert_eq!(found, of(number));
        }
        assert_eq!(served.contacts_of("crowd-0000112@scale.example").0, 112);
    }

    #[test]
    fn a_database_file_is_filled() {
        fills(&Place::on_sqlite());
    }

    #[test]
    fn a_server_is_filled_where_that_is_asked_for() {
        let place = Place::on_postgres();
        let refused = place.run(&["demo", "--accounts", "1"]);
        assert_eq!(refused.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&refused.stderr).contains("--on-postgres"));
        fills(&place);
    }

    #[test]
    fn every_preset_is_filled() {
        for catalog in ["saas-suite", "hosting", "datacenter", "telephony"] {
            let mut place = Place::on_sqlite();
            place.settings.insert("ACCOUNTS_CATALOG", catalog.to_owned());
            place.demo(&["--accounts", "3", "--contacts", "20"]);
            place.done(&["check-db"]);
        }
    }

    #[test]
    fn a_number_out_of_range_is_refused() {
        let place = Place::on_sqlite();
        for arguments in [["--accounts", "0"], ["--accounts", "1000001"], ["--contacts", "1001"]] {
            let refused = place.run(&[&["demo"][..], &arguments].concat());
            assert_eq!(refused.status.code(), Some(2), "{arguments:?}");
        }
    }
}
