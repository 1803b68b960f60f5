//! `accounts user import`

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::process::ExitCode;

use accounts_api::clock::Clock;
use accounts_domain::actor::Actor;
use accounts_domain::address::EmailAddress;
use accounts_domain::ids::UserId;
use accounts_domain::language::Language;
use accounts_domain::names::DisplayName;
use accounts_domain::users::{PasswordHash, User};
use accounts_store::{Act, Store, new_user};
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::{open, print, wait};
use crate::cli::UserImport;
use crate::config::Said;
use crate::failure::Failure;
use crate::logging;

/// More bytes than any line has that is taken.
const LINE: u64 = 4096;
/// How many users are added in one transaction.
const CHUNK: usize = 200;

/// Brings users along.
pub fn run(said: &Said, what: &UserImport) -> Result<ExitCode, Failure> {
    let working = said.working(false)?;
    let _logging = logging::start_quietly(&working.log);
    let file = File::open(&what.file).map_err(|error| Failure::while_doing("opening the file", error))?;
    let store = open(&working.place, working.catalog)?;
    let mut import = Import {
        store: &store,
        at: Clock::System.now(),
        dry_run: what.dry_run,
        seen: BTreeSet::new(),
        tally: Tally::default(),
    };
    wait(import.all(BufReader::new(file)))?;
    print(import.tally.in_words(what.dry_run));
    Ok(if import.tally.refused == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// How many lines came to what.
#[derive(Default)]
struct Tally {
    made: u64,
    there: u64,
    refused: u64,
}

impl Tally {
    fn in_words(&self, dry_run: bool) -> String {
        let made = if dry_run { "would be made" } else { "made" };
        format!(
            "{} {made}, {} there already, {} refused\n",
            self.made, self.there, self.refused
        )
    }
}

struct Import<'a> {
    store: &'a Store,
    at: DateTime<Utc>,
    dry_run: bool,
    /// The keys of the addresses so far, so that a trial tells of doubles, too.
    seen: BTreeSet<String>,
    tally: Tally,
}

impl Import<'_> {
    async fn all(&mut self, mut lines: impl BufRead) -> Result<(), Failure> {
        let mut waiting = Vec::new();
        for number in 1_u64.. {
            let mut line = Vec::new();
            let read = (&mut lines).take(LINE).read_until(b'\n', &mut line);
            if read.map_err(|error| Failure::while_doing("reading the file", error))? == 0 {
                break;
            }
            if u64::try_from(line.len()) == Ok(LINE) && !line.ends_with(b"\n") {
                return Err(Failure::Failed(format!("line {number} is longer than {LINE} bytes")));
            }
            let line = String::from_utf8_lossy(&line);
            if line.trim().is_empty() {
                continue;
            }
            match user(line.trim(), self.at) {
                Ok(user) => waiting.push((number, user)),
                Err(reason) => {
                    self.tally.refused += 1;
                    print(format_args!("line {number}: refused: {reason}\n"));
                }
            }
            if waiting.len() >= CHUNK {
                self.chunk(std::mem::take(&mut waiting)).await?;
            }
        }
        self.chunk(waiting).await
    }

    async fn chunk(&mut self, users: Vec<(u64, User)>) -> Result<(), Failure> {
        let (numbers, users): (Vec<u64>, Vec<User>) = users.into_iter().unzip();
        for (number, made) in numbers.into_iter().zip(self.add(users).await?) {
            let outcome = if made {
                self.tally.made += 1;
                if self.dry_run { "would be made" } else { "made" }
            } else {
                self.tally.there += 1;
                "there already"
            };
            print(format_args!("line {number}: {outcome}\n"));
        }
        Ok(())
    }

    /// Adds users, or finds out which of them would be added.
    async fn add(&mut self, users: Vec<User>) -> Result<Vec<bool>, Failure> {
        let failed = |error: accounts_store::StoreError| Failure::while_doing("keeping the users", error.cause());
        if !self.dry_run {
            let act = Act {
                actor: Actor::System,
                at: self.at,
                request_id: None,
                keep: None,
            };
            return self.store.import_users(users, &act).await.map_err(failed);
        }
        let mut added = Vec::with_capacity(users.len());
        for user in users {
            let key = user.address.key().to_owned();
            let known = self.store.user_by_address(key.clone()).await.map_err(failed)?;
            added.push(self.seen.insert(key) && known.is_none());
        }
        Ok(added)
    }
}

/// A line of the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    address: String,
    display_name: String,
    language: Option<Language>,
    password_hash: Option<String>,
}

/// Reads a line. The reason of a refusal repeats nothing of it: it may hold a hash.
fn user(line: &str, at: DateTime<Utc>) -> Result<User, String> {
    let line: Line = serde_json::from_str(line).map_err(|error| {
        let place = error.column();
        format!("it is no object with address, display_name, language and password_hash, at column {place}")
    })?;
    let address = EmailAddress::parse(&line.address).map_err(|fault| format!("address: {fault}"))?;
    let name = DisplayName::parse(&line.display_name).map_err(|fault| format!("display_name: {fault}"))?;
    let hash = line.password_hash.as_deref().map(PasswordHash::imported).transpose();
    let hash = hash.map_err(|fault| format!("password_hash: {fault}"))?;
    Ok(new_user(
        UserId::new(),
        address,
        name,
        line.language.unwrap_or_default(),
        hash,
        at,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<User, String> {
        user(line, Clock::System.now())
    }

    const HASH: &str = "$2b$10$W/r8s/xgX.qevUi.bpgltu47Y1HKhcJJdWhsHi4CcJ8CZ3gDz1162";

    #[test]
    fn a_line_is_a_user() {
        let line = format!(
            r#"{{"address":"Ana@Lima.example","display_name":"Ana","language":"fr","password_hash":"{HASH}"}}"#
        );
        let ana = read(&line).unwrap();
        assert_eq!(ana.address.key(), "ana@lima.example");
        assert_eq!(
            (ana.language, ana.password_hash),
            (Language::Fr, Some(PasswordHash(HASH.to_owned())))
        );
        let bea = read(r#"{"address":"bea@lima.example","display_name":"Bea"}"#).unwrap();
        assert_eq!(
            (bea.language, bea.password_hash, bea.password_changed_at),
            (Language::En, None, None)
        );
    }

    #[test]
    fn a_refusal_says_where_and_repeats_nothing() {
        for (line, reason) in [
            ("secret", "it is no object"),
            (r#"{"address":"secret","display_name":"A"}"#, "address: "),
            (r#"{"address":"a@b.example","display_name":""}"#, "display_name: "),
            (
                r#"{"address":"a@b.example","display_name":"A","language":"secret"}"#,
                "it is no object",
            ),
            (
                r#"{"address":"a@b.example","display_name":"A","secret":1}"#,
                "it is no object",
            ),
            (
                r#"{"address":"a@b.example","display_name":"A","password_hash":"secret"}"#,
                "password_hash: it is not",
            ),
            (
                r#"{"address":"a@b.example","display_name":"A","password_hash":"$2b$31$W/r8s/xgX.qevUi.bpgltu47Y1HKhcJJdWhsHi4CcJ8CZ3gDz1162"}"#,
                "password_hash: its parameters cost",
            ),
        ] {
            let told = read(line).unwrap_err();
            assert!(told.starts_with(reason) && !told.contains("secret"), "{told}");
        }
    }

    #[test]
    fn a_file_is_brought_along_once_and_a_trial_changes_nothing() {
        let place = tempfile::tempdir().unwrap();
        let file = |name: &str| format!(r#"{{"address":"{name}@lima.example","display_name":"{name}"}}"#);
        let lines = format!("{}\n\n{}\r\n{}\noops", file("ana"), file("bea"), file("ana"));
        let settings = accounts_store::Settings {
            migrate: true,
            ..accounts_store::Settings::new(accounts_store::Database::Sqlite {
                path: place.path().join("accounts.db"),
            })
        };
        let catalog = accounts_domain::catalog::Catalog::from_preset("standard").unwrap();
        let store = Store::open(settings, catalog.into()).unwrap();
        let import = |dry_run| {
            let mut import = Import {
                store: &store,
                at: Clock::System.now(),
                dry_run,
                seen: BTreeSet::new(),
                tally: Tally::default(),
            };
            wait(import.all(lines.as_bytes())).unwrap();
            let Tally { made, there, refused } = import.tally;
            (made, there, refused)
        };
        assert_eq!(import(true), (2, 1, 1));
        assert_eq!(import(true), (2, 1, 1));
        assert_eq!(import(false), (2, 1, 1));
        assert_eq!(import(false), (0, 3, 1));
    }
}
