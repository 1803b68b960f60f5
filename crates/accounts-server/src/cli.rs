//! What can be said on the command line and in the environment.
#![expect(
    clippy::doc_markdown,
    reason = "the comments are the help texts, where backticks would be read as they are"
)]

use std::ffi::OsString;
use std::path::PathBuf;

use accounts_domain::address::EmailAddress;
use accounts_domain::ids::{ApiKeyId, IntegrationId};
use accounts_domain::integrations::IntegrationScope;
use accounts_domain::names::{DisplayName, KeyName};
use accounts_domain::operators::OperatorKind;
use clap::{Args, Parser, Subcommand};

/// Customer accounts, their contacts and their roles.
///
/// Without a command the service is started (`accounts serve`). Without a setting it runs on an embedded SQLite
/// database in the folder `data`, with secrets that it makes itself, and writes mails into a folder.
///
/// Every setting is a flag and an environment variable; the flag counts where both are given. Settings that hold a
/// password or a key are better given as variables: flags can be read by everybody on the machine.
#[derive(Parser)]
#[command(name = "accounts", version)]
pub struct Cli {
    #[command(flatten)]
    pub flags: Flags,
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What the process is asked to do.
#[derive(Clone, Subcommand)]
pub enum Command {
    /// Serve the API, send mails, and clean up, until SIGTERM or SIGINT (the default)
    ///
    /// On SQLite missing migrations are run at the start. On PostgreSQL run `accounts migrate` first.
    Serve(Serve),
    /// Bring the database to the schema of this version
    Migrate,
    /// Print the OpenAPI document
    Openapi(Openapi),
    /// Check every invariant of the stored data and print what is broken; exit code 1 if anything is
    CheckDb,
    /// Work with catalogs, the provider's policy
    #[command(subcommand)]
    Catalog(CatalogCommand),
    /// Work with the keys that access tokens are signed with
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Work with operators, the provider's staff
    #[command(subcommand)]
    Operator(OperatorCommand),
    /// Work with integrations, the machine callers of the provider
    #[command(subcommand)]
    Integration(IntegrationCommand),
    /// Work with users, the persons who log in
    #[command(subcommand)]
    User(UserCommand),
    /// Fill the database with the demo account of five contacts, and with more accounts for measurements
    ///
    /// What is there already stays; what is missing is added. The password of all of them is printed and known to
    /// everybody, so that this is refused with PostgreSQL unless it is asked for there.
    Demo(DemoAccounts),
    /// Ask the service on this machine whether it is alive; exit code 1 if it is not
    Healthcheck,
}

/// How the service is started.
#[derive(Clone, Copy, Default, Args)]
pub struct Serve {
    /// Make the demo account first, if it is not there, and print its log-in; on the embedded database only
    ///
    /// An integration to try things with is made, too. Its key is in demo-integration.key in the data folder.
    #[arg(long)]
    pub demo: bool,
    /// Let webhooks be at private addresses and reached by plain http, at any port: on a network of one's own
    #[arg(long)]
    pub webhooks_allow_private: bool,
}

/// Which made-up accounts there are to be.
#[derive(Clone, Copy, Default, Args)]
pub struct DemoAccounts {
    /// So many accounts of five contacts besides the demo account, 1 to 1000000
    ///
    /// The owner of the first logs in with owner-0000001@scale.example, and so on. A number greater than before adds
    /// the missing ones.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub accounts: Option<u32>,
    /// One account more, of so many contacts, 1 to 1000
    ///
    /// The owner of one of 1000 logs in with crowd-0001000@scale.example.
    #[arg(long, value_name = "M", value_parser = clap::value_parser!(u16).range(1..=1_000))]
    pub contacts: Option<u16>,
    /// Do it with PostgreSQL, too: for a database that holds nothing but trials
    #[arg(long)]
    pub on_postgres: bool,
}

/// What becomes of the document.
#[derive(Clone, Args)]
pub struct Openapi {
    /// Print nothing, and fail if this file does not hold the same document
    #[arg(long, value_name = "FILE")]
    pub check: Option<PathBuf>,
}

/// What is done with a catalog.
#[derive(Clone, Subcommand)]
pub enum CatalogCommand {
    /// Check a catalog: its faults, what stands in its way in the stored data, and what it would change
    ///
    /// It is compared with the catalog that the settings name. The exit code is 1 if it could not be served.
    Check {
        /// A catalog in TOML, or the name of a preset
        file: PathBuf,
    },
}

/// What is done with the signing keys.
#[derive(Clone, Subcommand)]
pub enum KeysCommand {
    /// Add a signing key to the key file
    ///
    /// It signs once it is 15 minutes old: restart every instance before that, so that all of them know it. A first key
    /// signs at once. The keys before it stay until the access tokens made with them have ended.
    Rotate {
        /// Do nothing where there is a key already
        #[arg(long)]
        if_missing: bool,
    },
}

/// What is done with operators.
#[derive(Clone, Subcommand)]
pub enum OperatorCommand {
    /// Make an operator; no request can
    ///
    /// The password is the first line of the standard input. On a terminal, where it would be seen, one is made and
    /// printed instead. The second factor is printed, once, for an authenticator app. Run it with the settings of the
    /// service; on SQLite the service must not be running.
    Create(NewOperator),
    /// Give an operator another second factor, where a telephone was lost or there is none yet
    ///
    /// It is printed, once, for an authenticator app. Every session of the operator ends. Run it with the settings of the
    /// service; on SQLite the service must not be running.
    ResetFactor {
        /// The address that the operator logs in with
        #[arg(value_name = "ADDRESS", value_parser = EmailAddress::parse)]
        address: EmailAddress,
    },
    /// Remove an operator
    ///
    /// Every session of the operator ends at once, those in the place of customers too. What the operator did stays in
    /// the audit log. Run it with the settings of the service; on SQLite the service must not be running.
    Remove {
        /// The address that the operator logs in with
        #[arg(value_name = "ADDRESS", value_parser = EmailAddress::parse)]
        address: EmailAddress,
    },
}

/// What is done with integrations. Run each with the settings of the service; on SQLite the service must not be running.
#[derive(Clone, Subcommand)]
pub enum IntegrationCommand {
    /// Make an integration and a first key of it, which is printed this once
    Create(NewIntegration),
    /// List the integrations with their scopes and their keys, without the secrets
    List,
    /// Give an integration other scopes; without any it may do nothing
    SetScopes {
        /// The integration, as it is listed
        #[arg(value_parser = integration)]
        integration: IntegrationId,
        /// What it may do from now on: access:check, accounts:open, accounts:view,
        /// deliverability:report, events:read, inbound:check, notifications:send or webhooks:manage; once for each
        #[arg(long, value_name = "SCOPE", value_parser = scope)]
        scope: Vec<IntegrationScope>,
    },
    /// Disable an integration: none of its keys opens anything, at once and on every instance
    Disable {
        /// The integration, as it is listed
        #[arg(value_parser = integration)]
        integration: IntegrationId,
    },
    /// Enable an integration again
    Enable {
        /// The integration, as it is listed
        #[arg(value_parser = integration)]
        integration: IntegrationId,
    },
    /// Add a key, which is printed this once: to change it for another one while both work
    AddKey(NewIntegrationKey),
    /// Revoke a key, at once and on every instance
    RevokeKey {
        /// The key, as it is listed
        #[arg(value_parser = key)]
        key: ApiKeyId,
    },
}

/// Which integration is made.
#[derive(Clone, Args)]
pub struct NewIntegration {
    /// What it is called; no other has this name
    #[arg(value_parser = KeyName::parse)]
    pub name: KeyName,
    /// What it may do: access:check, accounts:open, accounts:view, deliverability:report, events:read,
    /// inbound:check, notifications:send or webhooks:manage; once for each
    #[arg(long, value_name = "SCOPE", required = true, value_parser = scope)]
    pub scope: Vec<IntegrationScope>,
    /// Make a test key, which reads and changes nothing
    #[arg(long)]
    pub test: bool,
    /// In how many days the key ends by itself, 1 to 3653 [default: it does not]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=3653))]
    pub days: Option<u16>,
}

/// Which key is added to an integration.
#[derive(Clone, Args)]
pub struct NewIntegrationKey {
    /// The integration, as it is listed
    #[arg(value_parser = integration)]
    pub integration: IntegrationId,
    /// Make a test key, which reads and changes nothing
    #[arg(long)]
    pub test: bool,
    /// In how many days the key ends by itself, 1 to 3653 [default: it does not]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=3653))]
    pub days: Option<u16>,
}

fn scope(text: &str) -> Result<IntegrationScope, &'static str> {
    IntegrationScope::from_name(text).ok_or(
        "it is access:check, accounts:open, accounts:view, deliverability:report, events:read, inbound:check, \
         notifications:send or webhooks:manage",
    )
}

fn integration(text: &str) -> Result<IntegrationId, &'static str> {
    text.parse()
        .map_err(|_| "it is the id of an integration, as `accounts integration list` prints it")
}

fn key(text: &str) -> Result<ApiKeyId, &'static str> {
    text.parse()
        .map_err(|_| "it is the id of a key, as `accounts integration list` prints it")
}

/// What is done with users.
#[derive(Clone, Subcommand)]
pub enum UserCommand {
    /// Bring users along from another system, with the hashes of their passwords
    ///
    /// Each line of the file is a JSON object with address, display_name, language (en or fr; en where it is left out)
    /// and password_hash: argon2id or scrypt in PHC form, or bcrypt. Without a hash the person chooses a password by a
    /// reset. What comes of each line is printed. Who is there already stays, so that a file may be run again. The exit
    /// code is 1 if a line was refused; the others are brought along all the same. Run it with the settings of the
    /// service; on SQLite the service must not be running.
    Import(UserImport),
}

/// Which users are brought along.
#[derive(Clone, Args)]
pub struct UserImport {
    /// The file: a JSON object on each line
    pub file: PathBuf,
    /// Change nothing, and say what would come of each line
    #[arg(long)]
    pub dry_run: bool,
}

/// Who becomes an operator.
#[derive(Clone, Args)]
pub struct NewOperator {
    /// The address to log in with
    #[arg(long, value_name = "ADDRESS", value_parser = EmailAddress::parse)]
    pub address: EmailAddress,
    /// How the person is called
    #[arg(long, value_name = "NAME", value_parser = DisplayName::parse)]
    pub name: DisplayName,
    /// support (reads, and helps customers in their place) or admin (changes accounts, too)
    #[arg(long, value_name = "KIND", value_parser = kind)]
    pub kind: OperatorKind,
}

fn kind(text: &str) -> Result<OperatorKind, &'static str> {
    OperatorKind::from_name(text).ok_or("it is support or admin")
}

/// The settings as they were given. They are read by [`crate::config`].
///
/// Each is a flag `--some-name` and a variable `ACCOUNTS_SOME_NAME`; a test holds them to it. They are global, so
/// that they may stand before and after the command. There is no `Debug`: some are secrets.
#[derive(Clone, Default, Args)]
#[command(next_help_heading = "Settings")]
pub struct Flags {
    /// The folder of everything that the process keeps on this machine
    ///
    /// It is made, for its owner alone, where it is missing [default: data]
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = "ACCOUNTS_DATA",
        hide_env_values = true
    )]
    pub data: Option<OsString>,

    /// The database: postgres://user:password@host/name, or the path of an SQLite file
    ///
    /// Connections to PostgreSQL are encrypted and the server's certificate and name are checked, unless the URL says
    /// otherwise with ?sslmode= [default: accounts.db in the data folder]
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "ACCOUNTS_DATABASE_URL",
        hide_env_values = true
    )]
    pub database_url: Option<OsString>,

    /// The address that the API is served on [default: 127.0.0.1:8080]
    #[arg(
        long,
        global = true,
        value_name = "ADDRESS",
        env = "ACCOUNTS_LISTEN",
        hide_env_values = true
    )]
    pub listen: Option<OsString>,

    /// The address that the metrics are served on, or off [default: 127.0.0.1:9090]
    #[arg(
        long,
        global = true,
        value_name = "ADDRESS",
        env = "ACCOUNTS_METRICS_LISTEN",
        hide_env_values = true
    )]
    pub metrics_listen: Option<OsString>,

    /// The address under which clients reach the service
    ///
    /// Links in mails begin with it, and it is the issuer of access tokens. Required with PostgreSQL [default:
    /// http://localhost and the port of the API]
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "ACCOUNTS_PUBLIC_URL",
        hide_env_values = true
    )]
    pub public_url: Option<OsString>,

    /// The provider's policy: a preset or a file
    ///
    /// The presets are standard, saas-suite, hosting, datacenter and telephony. `accounts catalog check` checks a file
    /// beforehand [default: standard]
    #[arg(
        long,
        global = true,
        value_name = "NAME|FILE",
        env = "ACCOUNTS_CATALOG",
        hide_env_values = true
    )]
    pub catalog: Option<OsString>,

    /// The secret that cursors, links and refresh tokens are sealed with
    ///
    /// 32 bytes or more in base64 or hexadecimal, the same for all instances: `openssl rand -base64 32` makes one.
    /// Required with PostgreSQL [default: one that is made at the first start and kept in the data folder]
    #[arg(
        long,
        global = true,
        value_name = "BASE64",
        env = "ACCOUNTS_SECRET",
        hide_env_values = true
    )]
    pub secret: Option<OsString>,

    /// The file of the keys that access tokens are signed with
    ///
    /// All instances have the same; `accounts keys rotate` makes it. Required with PostgreSQL [default:
    /// signing-keys.json in the data folder, made at the first start]
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "ACCOUNTS_SIGNING_KEYS",
        hide_env_values = true
    )]
    pub signing_keys: Option<OsString>,

    /// The server that mails are handed to
    ///
    /// smtps://user:password@host; smtp://user:password@host?tls=required for STARTTLS; smtp://127.0.0.1 or
    /// smtp://host?tls=none in the clear. Required with PostgreSQL [default: mails are files in the folder mail of the
    /// data folder, to be read at /mailbox]
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "ACCOUNTS_SMTP_URL",
        hide_env_values = true
    )]
    pub smtp_url: Option<OsString>,

    /// Who mails come from: accounts@example.com or Example <accounts@example.com>
    ///
    /// Required where mails are sent [default where they are not: Accounts <accounts@localhost>]
    #[arg(
        long,
        global = true,
        value_name = "ADDRESS",
        env = "ACCOUNTS_MAIL_FROM",
        hide_env_values = true
    )]
    pub mail_from: Option<OsString>,

    /// The folder of your own words for mails: en.toml, fr.toml, frame.txt, frame.html, each of which may be missing
    /// [default: none]
    ///
    /// What they say stands in place of the service's own texts of the same names
    #[arg(
        long,
        global = true,
        value_name = "FOLDER",
        env = "ACCOUNTS_MAIL_TEMPLATES",
        hide_env_values = true
    )]
    pub mail_templates: Option<OsString>,

    /// The address of a picture that stands above every mail: https://example.com/logo.png [default: none]
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "ACCOUNTS_MAIL_LOGO",
        hide_env_values = true
    )]
    pub mail_logo: Option<OsString>,

    /// Origins whose pages may call the API, with commas between them [default: none]
    ///
    /// Each is exactly what a browser sends: https://app.example.com
    #[arg(
        long,
        global = true,
        value_name = "ORIGINS",
        env = "ACCOUNTS_CORS_ORIGINS",
        hide_env_values = true
    )]
    pub cors_origins: Option<OsString>,

    /// How many proxies stand in front of the service and add to X-Forwarded-For [default: 0]
    ///
    /// With 0 the header is not read, and the address of the connection counts.
    #[arg(
        long,
        global = true,
        value_name = "NUMBER",
        env = "ACCOUNTS_TRUSTED_PROXIES",
        hide_env_values = true
    )]
    pub trusted_proxies: Option<OsString>,

    /// What is logged: a level, or levels for parts: warn,accounts_api=debug [default: info]
    #[arg(
        long,
        global = true,
        value_name = "FILTER",
        env = "ACCOUNTS_LOG",
        hide_env_values = true
    )]
    pub log: Option<OsString>,

    /// How it is logged, to the standard error: json or text [default: text on a terminal, else json]
    #[arg(
        long,
        global = true,
        value_name = "FORMAT",
        env = "ACCOUNTS_LOG_FORMAT",
        hide_env_values = true
    )]
    pub log_format: Option<OsString>,

    /// How many threads serve the API [default: one for each core]
    #[arg(
        long,
        global = true,
        value_name = "NUMBER",
        env = "ACCOUNTS_WORKERS",
        hide_env_values = true
    )]
    pub workers: Option<OsString>,

    /// How many days audit events are kept, 31 to 36500, or `forever` [default: forever]
    ///
    /// Older ones go for good, with the personal values beside them.
    #[arg(
        long,
        global = true,
        value_name = "DAYS",
        env = "ACCOUNTS_KEEP_AUDIT_DAYS",
        hide_env_values = true
    )]
    pub keep_audit_days: Option<OsString>,

    /// How many days mails are kept after they were sent or given up, 1 to 3650 [default: 90]
    ///
    /// Mails of notices are kept for 30 days at least, because each holds the link that ends a subscription. No mail is
    /// kept longer than audit events, by which the mails of somebody who is erased are found.
    #[arg(
        long,
        global = true,
        value_name = "DAYS",
        env = "ACCOUNTS_KEEP_MAIL_DAYS",
        hide_env_values = true
    )]
    pub keep_mail_days: Option<OsString>,

    /// How many days deliveries to webhooks are kept after they were taken or given up, 4 to 3650 [default: 30]
    #[arg(
        long,
        global = true,
        value_name = "DAYS",
        env = "ACCOUNTS_KEEP_DELIVERY_DAYS",
        hide_env_values = true
    )]
    pub keep_delivery_days: Option<OsString>,

    /// How many hours the answer to an Idempotency-Key is kept for a repeat, 24 to 720 [default: 24]
    #[arg(
        long,
        global = true,
        value_name = "HOURS",
        env = "ACCOUNTS_KEEP_ANSWER_HOURS",
        hide_env_values = true
    )]
    pub keep_answer_hours: Option<OsString>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::config::Setting;

    #[test]
    fn the_definitions_hold_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_setting_is_a_flag_and_a_variable_of_the_same_name_and_hides_its_value() {
        let command = Cli::command();
        let settings: Vec<_> = command
            .get_arguments()
            .filter(|argument| argument.is_global_set())
            .collect();
        let flags: Vec<_> = settings.iter().map(|argument| argument.get_long().unwrap()).collect();
        assert_eq!(flags, Setting::ALL.map(Setting::name));
        for (argument, setting) in settings.iter().zip(Setting::ALL) {
            assert_eq!(argument.get_env().unwrap().to_str().unwrap(), setting.variable());
            assert!(argument.is_hide_env_values_set(), "{}", setting.variable());
        }
    }

    #[test]
    fn every_scope_is_offered() {
        let mut command = Cli::command();
        let integration = command.find_subcommand_mut("integration").unwrap();
        for name in ["create", "set-scopes"] {
            let help = integration.find_subcommand_mut(name).unwrap().render_long_help();
            let told = help.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
            for offered in IntegrationScope::ALL.map(IntegrationScope::as_str) {
                assert!(told.contains(offered), "{name}: {offered}");
                assert!(scope("all").unwrap_err().contains(offered), "{offered}");
            }
        }
    }

    #[test]
    fn settings_stand_before_and_after_the_command_and_without_one() {
        for arguments in [
            ["accounts", "--listen", "[::1]:7", "migrate"].as_slice(),
            &["accounts", "migrate", "--listen", "[::1]:7"],
            &["accounts", "--listen=[::1]:7"],
            &["accounts", "keys", "rotate", "--listen", "[::1]:7"],
        ] {
            let cli = Cli::try_parse_from(arguments).ok().unwrap();
            assert_eq!(cli.flags.listen.unwrap(), "[::1]:7", "{arguments:?}");
        }
    }
}
