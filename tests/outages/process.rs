//! The binary, as a process of its own on an embedded database.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs::{self, File},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use accounts_tests::{Client, json};

/// How long a process may take to come up or to go down: far more than it needs.
const PATIENCE: Duration = Duration::from_secs(30);

/// Who has logged in to the demo account, and the contacts that it may change.
pub struct Ana {
    pub client: Client,
    pub token: String,
    /// The paths of the contacts.
    pub contacts: Vec<String>,
}

/// How a process is started.
pub struct Start {
    before: Vec<OsString>,
    data: PathBuf,
    log: PathBuf,
    settings: Vec<(String, String)>,
}

impl Start {
    /// On the data folder `data` of `folder`, with the demo account.
    pub fn within(folder: &Path) -> Self {
        Self {
            before: Vec::new(),
            data: folder.join("data"),
            log: folder.join("log"),
            settings: Vec::new(),
        }
    }

    /// With one setting more.
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// By another program, which in its end becomes the service.
    pub fn by<S: AsRef<OsStr>>(mut self, program: impl IntoIterator<Item = S>) -> Self {
        self.before = program.into_iter().map(|word| word.as_ref().to_owned()).collect();
        self
    }

    /// Starts it and waits until it serves.
    pub fn serve(&self) -> Process {
        self.try_to_serve()
            .unwrap_or_else(|(status, log)| panic!("the service ended with {status}:\n{log}"))
    }

    /// The same, or how it ended and what it said.
    pub fn try_to_serve(&self) -> Result<Process, (ExitStatus, String)> {
        let log = File::create(&self.log).unwrap();
        let mut child = self
            .command(&["serve", "--demo"])
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let begun = Instant::now();
        loop {
            let said = fs::read_to_string(&self.log).unwrap_or_default();
            if let Some(address) = said.lines().find_map(address_in) {
                return Ok(Process {
                    child,
                    address,
                    log: self.log.clone(),
                });
            }
            if let Some(status) = child.try_wait().unwrap() {
                return Err((status, fs::read_to_string(&self.log).unwrap_or_default()));
            }
            assert!(begun.elapsed() < PATIENCE, "the service does not come up:\n{said}");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Runs another command of the binary on the same data to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Asks the stored data for everything that must hold.
    pub fn finds_nothing_broken(&self) {
        let output = self.run(&["check-db"]);
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success(),
            "{said}{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    /// The database file.
    pub fn database(&self) -> accounts_store::Database {
        accounts_store::Database::Sqlite {
            path: self.data.join("accounts.db"),
        }
    }

    /// The data folder.
    pub fn data(&self) -> &Path {
        &self.data
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut words: Vec<OsString> = self.before.clone();
        words.push(binary().into_os_string());
        let mut command = Command::new(words.first().unwrap());
        command.args(words.get(1..).unwrap_or_default()).args(arguments);
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("ACCOUNTS_") {
                command.env_remove(name);
            }
        }
        command
            .env("ACCOUNTS_DATA", &self.data)
            .env("ACCOUNTS_LISTEN", "127.0.0.1:0")
            .env("ACCOUNTS_METRICS_LISTEN", "off")
            .env("ACCOUNTS_PUBLIC_URL", "http://accounts.test")
            .env("ACCOUNTS_LOG_FORMAT", "json")
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        command
    }
}

/// The binary beside the tests: `cargo test --workspace` and `make outages` build it.
fn binary() -> PathBuf {
    let tests = env::current_exe().unwrap();
    let binary = tests.parent().and_then(Path::parent).unwrap().join("accounts");
    assert!(
        binary.is_file(),
        "there is no binary to try: cargo build --package accounts-server"
    );
    binary
}

fn address_in(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("\"address\":\"")?;
    rest.split_once('"')?.0.parse().ok()
}

/// A running service; it is killed if the test ends before it.
pub struct Process {
    child: Child,
    pub address: SocketAddr,
    log: PathBuf,
}

impl Process {
    /// A caller who has not logged in.
    pub fn client(&self) -> Client {
        Client::to(self.address)
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it wrote to its log.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Logs in the owner of the demo account.
    pub fn ana(&self) -> Ana {
        let session = self
            .client()
            .post(
                "/v1/sessions",
                json!({ "address": "ana@demo.example", "password": "seven lamps in the harbour" }),
            )
            .expect(201);
        let token = session.text("access_token");
        let client = self.client().with_token(&token);
        // The rules for phone numbers are loaded with the first contact, which takes an unoptimised build seconds.
        let begun = Instant::now();
        while client.get("/v1/me/accounts").send().status() != 200 {
            assert!(begun.elapsed() < PATIENCE, "it does not answer:\n{}", self.log());
        }
        let account = client.get("/v1/me/accounts").expect(200).text("data/0/account/id");
        let listed = client.get(format!("/v1/accounts/{account}/contacts")).expect(200);
        // Who logs in changes his own name, and nobody else does.
        let without_login = listed.list("data").iter().filter(|contact| contact["login"] == false);
        let contacts: Vec<&str> = without_login.filter_map(|contact| contact["id"].as_str()).collect();
        assert!(!contacts.is_empty(), "{listed}");
        Ana {
            client,
            token,
            contacts: contacts
                .iter()
                .map(|id| format!("/v1/accounts/{account}/contacts/{id}"))
                .collect(),
        }
    }

    /// Asks it to end, as a supervisor does.
    pub fn terminate(&self) {
        let asked = Command::new("sh")
            .args(["-c", "kill -TERM \"$1\"", "sh", &self.id().to_string()])
            .status();
        assert!(asked.unwrap().success());
    }

    /// Waits for its end.
    pub fn ends(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(begun.elapsed() < PATIENCE, "it does not end:\n{}", self.log());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Lets it end in order.
    pub fn stop(mut self) {
        self.terminate();
        assert_eq!(self.ends().code(), Some(0), "{}", self.log());
    }

    /// Memory that it has in use, in KiB.
    pub fn resident(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended already cannot be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ana {
    /// Asks for a contact's name to be changed.
    pub fn renames(&self, contact: &str, name: &str) -> accounts_tests::Answer {
        self.client.patch(contact, json!({ "display_name": name })).send()
    }

    /// A contact's name.
    pub fn name_of(&self, contact: &str) -> String {
        self.client.get(contact).expect(200).text("display_name")
    }
}
