use std::collections::BTreeSet;

use clap::{CommandFactory, FromArgMatches};

use super::*;
use crate::cli::Cli;

const SECRET: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const POSTGRES: &str = "postgres://accounts:pa55word@db.example/accounts";

type Environment<'a> = &'a [(&'a str, &'a str)];

/// Flags as clap makes them of variables, whatever the environment of the test is.
fn flags(environment: Environment<'_>) -> Flags {
    let known = |name: &str| Setting::ALL.into_iter().find(|setting| setting.variable() == name);
    let given = environment
        .iter()
        .filter_map(|(name, value)| Some(format!("--{}={value}", known(name)?.name())));
    let command = Cli::command().mut_args(|argument| argument.env(clap::builder::Resettable::Reset));
    let matches = command
        .try_get_matches_from(std::iter::once("accounts".to_owned()).chain(given))
        .unwrap();
    Cli::from_arg_matches(&matches).unwrap().flags
}

fn with<T>(environment: Environment<'_>, read: impl FnOnce(&Said) -> Result<T, Failure>) -> Result<T, Vec<Fault>> {
    let flags = flags(environment);
    let environment = environment
        .iter()
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
    read(&Said { flags, environment }).map_err(|failure| match failure {
        Failure::Misconfigured(faults) => faults,
        Failure::Failed(text) => panic!("{text}"),
    })
}

fn serving(environment: Environment<'_>) -> Result<Serving, Vec<Fault>> {
    with(environment, |said| said.serving(false))
}

/// The faults, each as its variable and a part of what is said.
#[track_caller]
fn assert_faults(environment: Environment<'_>, expected: &[(&str, &str)]) {
    let faults = serving(environment).err().unwrap_or_default();
    let mut variables: Vec<_> = faults
        .iter()
        .map(|fault| fault.subject.split(' ').next().unwrap())
        .collect();
    let mut wanted: Vec<_> = expected.iter().map(|(variable, _)| *variable).collect();
    variables.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(variables, wanted, "{environment:?}\n{faults:#?}");
    for (variable, part) in expected {
        let told = faults
            .iter()
            .any(|fault| fault.subject.starts_with(variable) && fault.problem.contains(part));
        assert!(told, "{variable} does not say {part}: {faults:#?}");
    }
}

/// A data folder that is empty, and a file of signing keys.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        KeyFile::at(folder.path().join("keys.json"))
            .make(chrono::Utc::now())
            .unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }
}

#[test]
fn without_a_word_it_is_the_embedded_default() {
    let folder = Folder::new();
    let serving = serving(&[("ACCOUNTS_DATA", &folder.path("data"))]).ok().unwrap();
    assert!(serving.place.is_embedded());
    assert_eq!(
        serving.place.database,
        Database::Sqlite {
            path: folder.path("data/accounts.db").into()
        }
    );
    assert_eq!(serving.listen, "127.0.0.1:8080".parse().unwrap());
    assert_eq!(serving.metrics, Some("127.0.0.1:9090".parse().unwrap()));
    assert_eq!(serving.catalog.name(), "standard");
    assert_eq!(serving.mail_from.provider(), "Accounts");
    assert!(matches!(serving.mail, MailWay::Folder(path) if path == Path::new(&folder.path("data/mail"))));
    assert!(serving.public_url.is_none() && serving.secret.is_none() && serving.keys.is_empty());
    assert_eq!((serving.cors_origins.len(), serving.trusted_proxies), (0, 0));
    assert_eq!(
        serving.log,
        Log {
            filter: None,
            format: None
        }
    );
}

#[test]
fn everything_that_is_said_counts() {
    let folder = Folder::new();
    let serving = serving(&[
        ("ACCOUNTS_DATA", &folder.path("data")),
        ("ACCOUNTS_DATABASE_URL", POSTGRES),
        ("ACCOUNTS_LISTEN", "[::]:80"),
        ("ACCOUNTS_METRICS_LISTEN", "off"),
        ("ACCOUNTS_PUBLIC_URL", "https://accounts.example/"),
        ("ACCOUNTS_CATALOG", "hosting"),
        ("ACCOUNTS_SECRET", SECRET),
        ("ACCOUNTS_SIGNING_KEYS", &folder.path("keys.json")),
        ("ACCOUNTS_SMTP_URL", "smtps://user:pa55word@mail.example"),
        ("ACCOUNTS_MAIL_FROM", "Lima <hello@lima.example>"),
        ("ACCOUNTS_CORS_ORIGINS", "https://app.example, http://localhost:3000"),
        ("ACCOUNTS_TRUSTED_PROXIES", "2"),
        ("ACCOUNTS_LOG", "warn,accounts_api=debug"),
        ("ACCOUNTS_LOG_FORMAT", "text"),
        ("ACCOUNTS_WORKERS", "3"),
        ("ACCOUNTS_KEEP_AUDIT_DAYS", "400"),
        ("ACCOUNTS_KEEP_MAIL_DAYS", "7"),
        ("ACCOUNTS_KEEP_DELIVERY_DAYS", "5"),
        ("ACCOUNTS_KEEP_ANSWER_HOURS", "48"),
    ])
    .ok()
    .unwrap();
    assert!(!serving.place.is_embedded());
    assert_eq!((serving.listen, serving.metrics), ("[::]:80".parse().unwrap(), None));
    assert_eq!(serving.public_url.unwrap().as_str(), "https://accounts.example");
    assert_eq!(serving.catalog.name(), "hosting");
    assert!(serving.secret.is_some() && serving.keys.len() == 1);
    assert!(matches!(serving.mail, MailWay::Smtp(_)));
    assert_eq!(serving.mail_from.provider(), "Lima");
    assert_eq!(serving.cors_origins, ["https://app.example", "http://localhost:3000"]);
    assert_eq!((serving.trusted_proxies, serving.workers), (2, 3));
    let retention = Retention {
        audit_events: Some(TimeDelta::days(400)),
        mails: TimeDelta::days(7),
        deliveries: TimeDelta::days(5),
        answers: TimeDelta::hours(48),
    };
    assert_eq!(serving.retention, retention);
    assert_eq!(
        serving.log,
        Log {
            filter: Some("warn,accounts_api=debug".into()),
            format: Some(Format::Text)
        }
    );
}

#[test]
fn with_postgresql_nothing_is_made_up() {
    let folder = Folder::new();
    let missing = [
        ("ACCOUNTS_PUBLIC_URL", "missing"),
        ("ACCOUNTS_SECRET", "missing"),
        ("ACCOUNTS_SIGNING_KEYS", "missing"),
        ("ACCOUNTS_SMTP_URL", "missing"),
        ("ACCOUNTS_MAIL_FROM", "missing"),
    ];
    let data = folder.path("data");
    assert_faults(
        &[("ACCOUNTS_DATA", &data), ("ACCOUNTS_DATABASE_URL", POSTGRES)],
        &missing,
    );
    // A URL that is at fault itself is still one of PostgreSQL.
    let broken = [
        ("ACCOUNTS_DATA", data.as_str()),
        ("ACCOUNTS_DATABASE_URL", "postgres://a:p@ss@db/x"),
    ];
    assert_faults(&broken, &[&missing[..], &[("ACCOUNTS_DATABASE_URL", "%40")]].concat());
    let keys = folder.path("no-keys.json");
    let elsewhere = [("ACCOUNTS_DATABASE_URL", POSTGRES), ("ACCOUNTS_SIGNING_KEYS", &keys)];
    let expected = [
        &missing[..2],
        &[("ACCOUNTS_SIGNING_KEYS", "accounts keys rotate")],
        &missing[3..],
    ]
    .concat();
    assert_faults(&elsewhere, &expected);
}

#[test]
fn every_setting_has_its_faults() {
    let folder = Folder::new();
    let data = folder.path("data");
    let catalog = folder.path("catalog.toml");
    std::fs::write(&catalog, "name = \"mine\"\nnonsense = 1\n[policy]\ncontact_limit = 0\n").unwrap();
    let broken_keys = folder.path("broken.json");
    std::fs::write(&broken_keys, "{}").unwrap();
    for (variable, value, part) in [
        ("ACCOUNTS_DATA", "", "empty"),
        ("ACCOUNTS_DATABASE_URL", "mysql://db", "postgres://"),
        ("ACCOUNTS_DATABASE_URL", ":memory:", "memory"),
        ("ACCOUNTS_DATABASE_URL", "", "empty"),
        ("ACCOUNTS_LISTEN", "8080", "port"),
        ("ACCOUNTS_LISTEN", "localhost:8080", "IP address"),
        ("ACCOUNTS_METRICS_LISTEN", "none", "port"),
        ("ACCOUNTS_METRICS_LISTEN", "127.0.0.1:8080", "of their own"),
        ("ACCOUNTS_PUBLIC_URL", "accounts.example", "https://"),
        ("ACCOUNTS_PUBLIC_URL", "https://user@accounts.example", "https://"),
        ("ACCOUNTS_CATALOG", "no-such-preset", "standard, saas-suite"),
        ("ACCOUNTS_SECRET", "not so secret", "base64"),
        ("ACCOUNTS_SECRET", "c2hvcnQ=", "fewer than 32 bytes"),
        (
            "ACCOUNTS_SECRET",
            "0000000000000000000000000000000000000000000000000000000000000000",
            "too regular",
        ),
        ("ACCOUNTS_SECRET", "", "empty"),
        ("ACCOUNTS_SIGNING_KEYS", &broken_keys, "keys rotate"),
        ("ACCOUNTS_SIGNING_KEYS", &data[..data.len() - 5], "cannot be read"),
        ("ACCOUNTS_MAIL_FROM", "nobody", "sender"),
        ("ACCOUNTS_CORS_ORIGINS", "*", "origin 1 is not one"),
        (
            "ACCOUNTS_CORS_ORIGINS",
            "https://a.example,https://b.example/",
            "origin 2 is not one",
        ),
        ("ACCOUNTS_CORS_ORIGINS", "https://A.example", "small letters"),
        (
            "ACCOUNTS_CORS_ORIGINS",
            "https://a.example:443",
            "unless it is the usual one",
        ),
        ("ACCOUNTS_CORS_ORIGINS", "null", "origin 1"),
        ("ACCOUNTS_TRUSTED_PROXIES", "-1", "from 0 to 10"),
        ("ACCOUNTS_TRUSTED_PROXIES", "11", "from 0 to 10"),
        ("ACCOUNTS_LOG", "verbose", "level"),
        ("ACCOUNTS_LOG_FORMAT", "xml", "json or text"),
        ("ACCOUNTS_WORKERS", "0", "from 1 to 256"),
        ("ACCOUNTS_WORKERS", "many", "from 1 to 256"),
        ("ACCOUNTS_KEEP_AUDIT_DAYS", "30", "from 31 to 36500"),
        ("ACCOUNTS_KEEP_AUDIT_DAYS", "36501", "from 31 to 36500"),
        ("ACCOUNTS_KEEP_AUDIT_DAYS", "ever", "`forever`"),
        ("ACCOUNTS_KEEP_MAIL_DAYS", "0", "from 1 to 3650"),
        ("ACCOUNTS_KEEP_MAIL_DAYS", "3651", "from 1 to 3650"),
        ("ACCOUNTS_KEEP_DELIVERY_DAYS", "3", "from 4 to 3650"),
        ("ACCOUNTS_KEEP_DELIVERY_DAYS", "3651", "from 4 to 3650"),
        ("ACCOUNTS_KEEP_ANSWER_HOURS", "23", "from 24 to 720"),
        ("ACCOUNTS_KEEP_ANSWER_HOURS", "721", "from 24 to 720"),
        ("ACCOUNTS_LISTENS", "127.0.0.1:1", "no such setting"),
    ] {
        let environment = [("ACCOUNTS_DATA", data.as_str()), (variable, value)];
        let environment = if variable == "ACCOUNTS_DATA" {
            &environment[1..]
        } else {
            &environment
        };
        assert_faults(environment, &[(variable, part)]);
    }
    // Here one word is at fault more than once, and there what it calls for is missing.
    let policy = [("ACCOUNTS_DATA", data.as_str()), ("ACCOUNTS_CATALOG", &catalog)];
    assert_faults(
        &policy,
        &[
            ("ACCOUNTS_CATALOG", "nonsense: "),
            ("ACCOUNTS_CATALOG", "policy.contact_limit: "),
        ],
    );
    let longer = [
        ("ACCOUNTS_DATA", data.as_str()),
        ("ACCOUNTS_KEEP_AUDIT_DAYS", "31"),
        ("ACCOUNTS_KEEP_MAIL_DAYS", "32"),
    ];
    assert_faults(&longer, &[("ACCOUNTS_KEEP_MAIL_DAYS", "than audit events are kept")]);
    let clear = [
        ("ACCOUNTS_DATA", data.as_str()),
        ("ACCOUNTS_SMTP_URL", "smtp://mail.example"),
    ];
    assert_faults(
        &clear,
        &[
            ("ACCOUNTS_SMTP_URL", "in the clear"),
            ("ACCOUNTS_MAIL_FROM", "where mails are sent"),
        ],
    );
}

#[test]
fn every_fault_is_told_at_once_with_both_names_and_never_the_value() {
    let environment = [
        ("ACCOUNTS_DATABASE_URL", "postgres://a:hunter2@b@db/x"),
        ("ACCOUNTS_LISTEN", "hunter2"),
        ("ACCOUNTS_METRICS_LISTEN", "hunter2"),
        ("ACCOUNTS_PUBLIC_URL", "hunter2"),
        ("ACCOUNTS_CATALOG", "hunter2"),
        ("ACCOUNTS_SECRET", "hunter2"),
        ("ACCOUNTS_SIGNING_KEYS", "hunter2"),
        ("ACCOUNTS_SMTP_URL", "smtp://user:hunter2@mail.example"),
        ("ACCOUNTS_MAIL_FROM", "hunter2"),
        ("ACCOUNTS_CORS_ORIGINS", "hunter2"),
        ("ACCOUNTS_TRUSTED_PROXIES", "hunter2"),
        ("ACCOUNTS_LOG", "hunter2"),
        ("ACCOUNTS_LOG_FORMAT", "hunter2"),
        ("ACCOUNTS_WORKERS", "hunter2"),
        ("ACCOUNTS_TYPO", "hunter2"),
    ];
    let faults = serving(&environment).err().unwrap();
    let told = Failure::Misconfigured(faults.clone()).to_string();
    assert!(!told.contains("hunter2"), "{told}");
    let subjects: BTreeSet<_> = faults.into_iter().map(|fault| fault.subject).collect();
    let named = environment.iter().map(|(name, _)| match *name {
        "ACCOUNTS_TYPO" => "ACCOUNTS_TYPO".to_owned(),
        name => Setting::ALL
            .into_iter()
            .find(|setting| setting.variable() == name)
            .unwrap()
            .to_string(),
    });
    assert_eq!(subjects, named.collect());
    assert!(told.contains("ACCOUNTS_CORS_ORIGINS (--cors-origins): "), "{told}");
}

#[test]
fn a_secret_that_was_made_before_and_broke_is_a_fault() {
    let folder = Folder::new();
    std::fs::write(folder.path("secret"), "oops").unwrap();
    std::fs::write(folder.path("signing-keys.json"), "oops").unwrap();
    let expected = [("ACCOUNTS_SECRET", "secret: "), ("ACCOUNTS_SIGNING_KEYS", "at line 1")];
    assert_faults(&[("ACCOUNTS_DATA", &folder.path(""))], &expected);
}

#[test]
fn an_empty_list_of_origins_is_a_list() {
    let folder = Folder::new();
    let environment = [("ACCOUNTS_DATA", &*folder.path("data")), ("ACCOUNTS_CORS_ORIGINS", "")];
    assert_eq!(serving(&environment).ok().unwrap().cors_origins.len(), 0);
}

#[test]
fn what_kubernetes_says_of_a_service_called_accounts_is_no_typing_error() {
    let folder = Folder::new();
    let environment = [
        ("ACCOUNTS_DATA", &*folder.path("data")),
        ("ACCOUNTS_SERVICE_HOST", "10.0.0.7"),
        ("ACCOUNTS_SERVICE_PORT", "8080"),
        ("ACCOUNTS_SERVICE_PORT_HTTP", "8080"),
        ("ACCOUNTS_PORT", "tcp://10.0.0.7:8080"),
        ("ACCOUNTS_PORT_8080_TCP", "tcp://10.0.0.7:8080"),
        ("ACCOUNTS_PORT_8080_TCP_ADDR", "10.0.0.7"),
        ("PATH", "/bin"),
    ];
    assert!(serving(&environment).is_ok());
    assert_faults(
        &[("ACCOUNTS_DATA", &folder.path("data")), ("ACCOUNTS_PORT", "8080")],
        &[("ACCOUNTS_PORT", "no such")],
    );
}

#[test]
fn each_command_asks_for_what_it_needs_and_no_more() {
    let folder = Folder::new();
    let postgres = [("ACCOUNTS_DATABASE_URL", POSTGRES)];
    assert!(with(&postgres, Said::place).is_ok());
    assert!(with(&postgres, |said| said.working(false)).is_ok());
    assert!(with(&postgres, Said::listen).is_ok());
    assert_eq!(with(&postgres, Said::key_file).err().unwrap().len(), 1);
    assert!(with(&[("ACCOUNTS_DATA", &folder.path("data"))], Said::key_file).is_ok());
    let typo = [("ACCOUNTS_LISTEN", "x"), ("ACCOUNTS_TYPO", "x")];
    assert_eq!(with(&typo, Said::listen).err().unwrap().len(), 2);
    assert_eq!(with(&typo, Said::place).err().unwrap().len(), 1);
}

#[test]
fn the_demo_account_is_made_on_the_embedded_database_alone() {
    let folder = Folder::new();
    assert!(with(&[("ACCOUNTS_DATA", &folder.path("data"))], |said| said.serving(true)).is_ok());
    let postgres = [("ACCOUNTS_DATABASE_URL", POSTGRES)];
    let faults = with(&postgres, |said| said.working(true)).err().unwrap();
    assert!(faults[0].problem.contains("password of the demo account"), "{faults:?}");
    let faults = with(&postgres, |said| said.serving(true)).err().unwrap();
    assert_eq!(faults.len(), 6, "{faults:#?}");
}
