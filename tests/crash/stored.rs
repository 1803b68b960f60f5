//! What the database really holds of some accounts.

use std::collections::{BTreeMap, BTreeSet};

use accounts_store::{Database, schema_walk::ask_by_hand};

/// An audit event.
#[derive(Debug, Clone)]
pub struct Event {
    pub revision: i64,
    pub position: i64,
    pub kind: String,
    pub subject: String,
    pub request: String,
}

/// A contact: its address, its name, and whether it is verified.
pub type Row = (String, String, bool);

/// What is stored of one account.
#[derive(Debug, Default)]
pub struct Stored {
    pub revision: i64,
    /// In their order.
    pub events: Vec<Event>,
    /// By their ids.
    pub contacts: BTreeMap<String, Row>,
    /// The primary holders, by their roles.
    pub primaries: BTreeMap<String, String>,
}

/// A way to ask.
#[derive(Debug, Clone)]
pub struct Books {
    database: Database,
}

impl Books {
    /// The books of a database.
    pub fn of(database: Database) -> Self {
        Self { database }
    }

    /// The database.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// The rows of a query, each split into so many columns.
    ///
    /// # Errors
    /// The words of the database.
    pub fn rows<const N: usize>(&self, columns: [&str; N], rest: &str) -> Result<Vec<[String; N]>, String> {
        let line = columns
            .map(|column| format!("CAST({column} AS TEXT)"))
            .join(" || '|' || ");
        ask_by_hand(&self.database, &format!("SELECT {line} AS line {rest}"))?
            .iter()
            .map(|line| {
                let parts: Vec<String> = line.split('|').map(str::to_owned).collect();
                <[String; N]>::try_from(parts).map_err(|_| format!("a row that cannot be split: {line}"))
            })
            .collect()
    }

    /// One number.
    ///
    /// # Errors
    /// The words of the database.
    pub fn number(&self, expression: &str, rest: &str) -> Result<u64, String> {
        let rows = self.rows([expression], rest)?;
        let text = rows.first().map_or("0", |[text]| text.as_str());
        text.parse().map_err(|_| format!("`{expression}` is no number: {text}"))
    }

    /// What is stored of these accounts; nothing of one that is not there.
    ///
    /// # Errors
    /// The words of the database.
    pub fn accounts(&self, ids: &BTreeSet<String>) -> Result<BTreeMap<String, Stored>, String> {
        let mut stored: BTreeMap<String, Stored> = BTreeMap::new();
        if ids.is_empty() {
            return Ok(stored);
        }
        let among = quoted(ids);
        for [id, revision] in self.rows(["id", "revision"], &format!("FROM accounts WHERE id IN ({among})"))? {
            stored.entry(id).or_default().revision = whole(&revision)?;
        }
        let columns = [
            "account_id",
            "revision",
            "position",
            "kind",
            "subject_id",
            "coalesce(request_id, '')",
        ];
        let rest = format!("FROM audit_events WHERE account_id IN ({among}) ORDER BY account_id, revision, position");
        for [account, revision, position, kind, subject, request] in self.rows(columns, &rest)? {
            stored.entry(account).or_default().events.push(Event {
                revision: whole(&revision)?,
                position: whole(&position)?,
                kind,
                subject,
                request,
            });
        }
        let columns = ["account_id", "id", "address_key", "display_name", "verified"];
        let rest = format!("FROM contacts WHERE account_id IN ({among})");
        for [account, id, address, name, verified] in self.rows(columns, &rest)? {
            let verified = matches!(verified.as_str(), "1" | "true");
            let contacts = &mut stored.entry(account).or_default().contacts;
            contacts.insert(id, (address, name, verified));
        }
        let rest = format!("FROM role_primaries WHERE account_id IN ({among})");
        for [account, role, contact] in self.rows(["account_id", "role", "contact_id"], &rest)? {
            stored.entry(account).or_default().primaries.insert(role, contact);
        }
        Ok(stored)
    }

    /// How many mails to each of these addresses were ever put into the outbox.
    ///
    /// # Errors
    /// The words of the database.
    pub fn mails(&self, addresses: &BTreeSet<String>) -> Result<BTreeMap<String, u64>, String> {
        let mut mails = BTreeMap::new();
        if addresses.is_empty() {
            return Ok(mails);
        }
        let rest = format!("FROM mails WHERE address_key IN ({})", quoted(addresses));
        for [address] in self.rows(["address_key"], &rest)? {
            *mails.entry(address).or_default() += 1;
        }
        Ok(mails)
    }

    /// How often an answer was kept under each key, of those kept since a moment, or of all.
    ///
    /// # Errors
    /// The words of the database.
    pub fn kept(&self, since: Option<&str>) -> Result<BTreeMap<String, u64>, String> {
        let rest = since.map_or_else(
            || "FROM idempotency_keys".to_owned(),
            |since| format!("FROM idempotency_keys WHERE created_at >= '{since}'"),
        );
        let mut kept = BTreeMap::new();
        for [key] in self.rows(["key"], &rest)? {
            *kept.entry(key).or_default() += 1;
        }
        Ok(kept)
    }

    /// The accounts that requests with these ids have opened.
    ///
    /// # Errors
    /// The words of the database.
    pub fn opened_by(&self, requests: &BTreeSet<String>) -> Result<BTreeMap<String, String>, String> {
        if requests.is_empty() {
            return Ok(BTreeMap::new());
        }
        let rest = format!(
            "FROM audit_events WHERE kind = 'account.opened' AND request_id IN ({})",
            quoted(requests)
        );
        let rows = self.rows(["request_id", "subject_id"], &rest)?;
        Ok(rows.into_iter().map(|[request, account]| (request, account)).collect())
    }
}

/// All of them are made of letters, digits and signs that end no string.
fn quoted(texts: &BTreeSet<String>) -> String {
    let quoted: Vec<String> = texts.iter().map(|text| format!("'{text}'")).collect();
    quoted.join(", ")
}

fn whole(text: &str) -> Result<i64, String> {
    text.parse().map_err(|_| format!("no number: {text}"))
}
