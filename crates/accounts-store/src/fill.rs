//! Many accounts at once, for measurements: one is made by the rules, and its rows are stamped with new ids and names
//! as often as is asked for.
//!
//! What is stamped differs from account to account in one number of [`DIGITS`] digits alone. It ends the ids of the
//! account, its contacts and its users, and stands in their names and addresses; nothing else of the rows has seven
//! digits in a row, so that the database itself can copy an account by replacing that number.

use std::sync::Arc;

use accounts_domain::accounts::{self, OpenAccount};
use accounts_domain::actor::{Actor, By};
use accounts_domain::audit;
use accounts_domain::catalog::Catalog;
use accounts_domain::change::Change;
use accounts_domain::ids::AccountId;
use accounts_domain::roster::Roster;
use accounts_domain::users::User;
use accounts_domain::violation::Violation;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Text};

use crate::audit::Origin;
use crate::backend::{Begin, Conn, Purpose};
use crate::error::{Fault, StoreError};
use crate::schema::accounts as accounts_table;
use crate::store::{Act, DecideError, Store};
use crate::{roster, users};

/// How many digits the number of an account has.
pub const DIGITS: usize = 7;

/// A connection that accounts are made on, with no limit of time. Nobody is written to, and nobody waits for it
/// longer than for the transaction under way.
pub struct Filling {
    conn: Conn,
    catalog: Arc<Catalog>,
}

impl Store {
    /// Begins to fill the database with made-up accounts. What it does blocks.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn filling(&self) -> Result<Filling, StoreError> {
        Ok(Filling {
            conn: Conn::open(&self.database, Purpose::Fill)?,
            catalog: Arc::clone(&self.ground.catalog),
        })
    }
}

impl Filling {
    /// The last account there is from `first` to `last`, in the order of their ids.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn last_account(&mut self, first: AccountId, last: AccountId) -> Result<Option<AccountId>, StoreError> {
        let found: Option<String> = accounts_table::table
            .filter(accounts_table::id.between(first.to_string(), last.to_string()))
            .order(accounts_table::id.desc())
            .select(accounts_table::id)
            .first(&mut self.conn)
            .optional()
            .map_err(Fault::from)?;
        let id = found.map(|id| crate::rows::parse("accounts.id", &id)).transpose()?;
        Ok(id)
    }

    /// Makes an account as `tell` says, and as many copies of it as `stamps` asks for, or nothing at all.
    ///
    /// # Errors
    /// What `tell` answers; [`DecideError::Store`].
    pub fn make<E: From<DecideError>>(
        &mut self,
        at: DateTime<Utc>,
        stamps: Option<Stamps>,
        tell: impl FnOnce(&mut Tale<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.conn.begin(Begin::Write).map_err(store_error)?;
        let made = self.make_within(at, stamps, tell);
        if made.is_ok() {
            self.conn.commit().map_err(store_error)?;
        } else {
            self.conn.unwind_to(0).map_err(store_error)?;
        }
        made
    }

    fn make_within<E: From<DecideError>>(
        &mut self,
        at: DateTime<Utc>,
        stamps: Option<Stamps>,
        tell: impl FnOnce(&mut Tale<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut tale = Tale {
            conn: &mut self.conn,
            catalog: Arc::clone(&self.catalog),
            at,
            roster: None,
        };
        tell(&mut tale)?;
        let told = tale.roster.take();
        if let (Some(told), Some(stamps)) = (told, stamps) {
            stamps.print(&mut self.conn, &told).map_err(store_error)?;
        }
        Ok(())
    }
}

/// The story of one account, decision by decision, each saved as it is made. All of them happen at one moment.
pub struct Tale<'a> {
    conn: &'a mut Conn,
    catalog: Arc<Catalog>,
    at: DateTime<Utc>,
    roster: Option<Roster>,
}

impl Tale<'_> {
    /// The catalog that decides.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// Adds a user, who is not yet a member. Answers `false` where somebody has the address.
    ///
    /// # Errors
    /// [`DecideError::Store`].
    pub fn add_user(&mut self, user: &User) -> Result<bool, DecideError> {
        users::insert(self.conn, user).map_err(store_error)
    }

    /// Opens the account, for a limit of contacts of its own if it has one.
    ///
    /// # Errors
    /// As [`accounts::open`].
    pub fn open(&mut self, command: &OpenAccount, contact_limit: Option<u16>) -> Result<(), DecideError> {
        let act = self.act(Actor::Link);
        let (opened, changes) = accounts::open(Arc::clone(&self.catalog), act.by(), command)?;
        let mut parts = opened.parts().clone();
        parts.account.contact_limit = contact_limit;
        let opened = Roster::new(parts, Arc::clone(&self.catalog));
        roster::save_opened(self.conn, &opened, self.at).map_err(store_error)?;
        self.record(&opened, &opened, &changes, &act).map_err(store_error)?;
        self.roster = Some(opened);
        Ok(())
    }

    /// The account as it stands.
    ///
    /// # Errors
    /// [`DecideError::NotFound`] before it is opened.
    pub fn roster(&self) -> Result<&Roster, DecideError> {
        self.roster.as_ref().ok_or(DecideError::NotFound)
    }

    /// Decides upon the account, as [`Store::decide`] does, but for the mails.
    ///
    /// # Errors
    /// What the rules refuse; [`DecideError::NotFound`] before the account is opened.
    pub fn decide(
        &mut self,
        actor: Actor,
        decide: impl FnOnce(&Roster, By) -> Result<Vec<Change>, Violation>,
    ) -> Result<(), DecideError> {
        let act = self.act(actor);
        let before = self.roster.take().ok_or(DecideError::NotFound)?;
        let changes = decide(&before, act.by())?;
        let after = before.clone().after(&changes, self.at);
        if !changes.is_empty() {
            self.save(&before, &after, &changes, &act).map_err(store_error)?;
        }
        self.roster = Some(after);
        Ok(())
    }

    fn save(&mut self, before: &Roster, after: &Roster, changes: &[Change], act: &Act) -> Result<(), Fault> {
        roster::lock(self.conn, after.account().id)?;
        self.record(before, after, changes, act)?;
        roster::save(self.conn, before, changes, self.at)
    }

    fn record(&mut self, before: &Roster, after: &Roster, changes: &[Change], act: &Act) -> Result<(), Fault> {
        let account = after.account();
        let entries = audit::entries(before, changes);
        crate::audit::record(self.conn, Origin::Account(account.id), account.revision, &entries, act)
    }

    fn act(&self, actor: Actor) -> Act {
        Act {
            actor,
            at: self.at,
            request_id: None,
            keep: None,
        }
    }
}

/// Which copies are made of an account.
#[derive(Debug, Clone, Copy)]
pub struct Stamps {
    /// The number of the account that is copied.
    pub of: u32,
    /// The number of the last copy; the first one is the next after the original's.
    pub last: u32,
    /// What is known of their past.
    pub past: Past,
}

/// What the audit log tells of copies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Past {
    /// All that it tells of the original.
    Told,
    /// Nothing any more, as where the provider keeps events for a while only: they are more than half of what an account
    /// takes.
    Gone,
}

impl Stamps {
    fn print(self, conn: &mut Conn, original: &Roster) -> Result<(), Fault> {
        if self.last <= self.of {
            return Ok(());
        }
        let account = original.account().id.to_string();
        let told = |table: &&Table| self.past == Past::Told || table.event.is_none();
        for table in TABLES.iter().filter(told) {
            sql_query(table.statement())
                .bind::<BigInt, _>(i64::from(self.of) + 1)
                .bind::<BigInt, _>(i64::from(self.last))
                .bind::<Text, _>(digits(self.of))
                .bind::<Text, _>(&account)
                .execute(conn)?;
        }
        match self.past {
            Past::Told => Ok(()),
            Past::Gone => self.forget(conn, &account),
        }
    }

    /// Says of the copies that their events are gone. No other id comes between theirs: they differ in the end alone.
    fn forget(self, conn: &mut Conn, account: &str) -> Result<(), Fault> {
        let last = account.replace(&digits(self.of), &digits(self.last));
        sql_query(
            "INSERT INTO audit_trimmed (log_id, revision) \
             SELECT id, revision FROM accounts WHERE id > $1 AND id <= $2",
        )
        .bind::<Text, _>(account)
        .bind::<Text, _>(last)
        .execute(conn)?;
        Ok(())
    }
}

/// The number of an account as it stands in ids, names and addresses.
pub fn digits(number: u32) -> String {
    format!("{number:0DIGITS$}")
}

fn store_error(fault: impl Into<Fault>) -> DecideError {
    DecideError::Store(StoreError::from(fault.into()))
}

/// A table that an account has rows in.
struct Table {
    name: &'static str,
    /// The columns that hold an id, a name or an address; the number in them is replaced.
    stamped: &'static [&'static str],
    /// The columns that are the same in every copy.
    same: &'static [&'static str],
    /// The column of an event's id, if there is one: it comes from a counter and is made anew.
    event: Option<&'static str>,
    /// Which rows are the account's.
    of_account: &'static str,
}

impl Table {
    /// `$1` and `$2` are the numbers of the first and the last copy, `$3` is that of the account which is copied, and
    /// `$4` its id. They first appear in this order, by which one of the databases counts them. Account after account,
    /// each index grows at its end, where its pages are left full.
    fn statement(&self) -> String {
        let stamp = |column: &&str| format!("replace(r.{column}, $3, s.digits)");
        let same = |column: &&str| format!("r.{column}");
        let event = self.event.map(|_| EVENT_ID.to_owned());
        let values: Vec<String> = event
            .into_iter()
            .chain(self.stamped.iter().map(stamp))
            .chain(self.same.iter().map(same))
            .collect();
        let columns: Vec<&str> = self.columns().collect();
        format!(
            "WITH RECURSIVE numbers(n) AS (SELECT $1 UNION ALL SELECT n + 1 FROM numbers WHERE n < $2), \
             s(digits) AS (SELECT substr(CAST(10000000 + n AS TEXT), 2) FROM numbers) \
             INSERT INTO {name} ({columns}) SELECT {values} FROM s CROSS JOIN {name} r {of_account} ORDER BY s.digits",
            name = self.name,
            columns = columns.join(", "),
            values = values.join(", "),
            of_account = self.of_account,
        )
    }

    fn columns(&self) -> impl Iterator<Item = &'static str> {
        self.event
            .into_iter()
            .chain(self.stamped.iter().copied())
            .chain(self.same.iter().copied())
    }
}

/// An event has its place in the account's history for an id: the revision and the position of two digits each.
const EVENT_ID: &str = "'evt_01h2xcejqtf2nbr' || substr(CAST(100 + e.revision AS TEXT), 2) \
                        || substr(CAST(100 + e.position AS TEXT), 2) || s.digits";

const BY_ACCOUNT_ID: &str = "WHERE r.account_id = $4";

/// Every table that a new account has rows in, in the order that the keys between them ask for. Links that were
/// followed are left out: they are cleared away after a while, and none of them leads anywhere.
const TABLES: &[Table] = &[
    Table {
        name: "users",
        stamped: &["id", "address", "address_key", "display_name"],
        same: &[
            "language",
            "password_hash",
            "status",
            "deliverability",
            "revision",
            "version",
            "password_changed_at",
            "last_login_at",
            "created_at",
            "updated_at",
        ],
        event: None,
        of_account: "WHERE r.id IN (SELECT user_id FROM memberships WHERE account_id = $4)",
    },
    Table {
        name: "accounts",
        stamped: &["id", "name", "sort_key", "external_id"],
        same: &[
            "language",
            "phone",
            "postal_address",
            "tax_id",
            "status",
            "contact_limit",
            "second_factor_required",
            "revision",
            "version",
            "created_at",
            "updated_at",
        ],
        event: None,
        of_account: "WHERE r.id = $4",
    },
    Table {
        name: "contacts",
        stamped: &[
            "account_id",
            "id",
            "display_name",
            "first_name",
            "last_name",
            "sort_key",
            "address_key",
            "pending_address_key",
        ],
        same: &[
            "title",
            "language",
            "verified",
            "login_requested",
            "login_permissions",
            "version",
            "created_at",
            "updated_at",
        ],
        event: None,
        of_account: BY_ACCOUNT_ID,
    },
    Table {
        name: "contact_addresses",
        stamped: &["account_id", "contact_id", "address_key", "address"],
        same: &["verified", "verified_at", "deliverability", "created_at"],
        event: None,
        of_account: BY_ACCOUNT_ID,
    },
    Table {
        name: "contact_phones",
        stamped: &["account_id", "contact_id"],
        same: &["position", "number", "kind"],
        event: None,
        of_account: BY_ACCOUNT_ID,
    },
    Table {
        name: "contact_subscriptions",
        stamped: &["account_id", "contact_id"],
        same: &["category"],
        event: None,
        of_account: BY_ACCOUNT_ID,
    },
    Table {
        name: "memberships",
        stamped: &["account_id", "user_id", "contact_id"],
        same: &[
            "permissions",
            "status",
            "expires_at",
            "version",
            "created_at",
            "updated_at",
        ],
        event: None,
        of_account: BY_ACCOUNT_ID,
    },
    Table {
        name: "member_subscriptions",
        stamped: &["account_id", "user_id"],
        same: &["category"],
        event: None,
        of_account: BY_ACCOUNT_ID,
    },
    Table {
        name: "owners",
        stamped: &["account_id", "contact_id", "user_id"],
        same: &["verified"],
        event: None,
        of_account: BY_ACCOUNT_ID,
    },
    Table {
        name: "role_holders",
        stamped: &["account_id", "contact_id"],
        same: &["role", "sole", "verified"],
        event: None,
        of_account: BY_ACCOUNT_ID,
    },
    Table {
        name: "role_primaries",
        stamped: &["account_id", "contact_id"],
        same: &["role", "verified"],
        event: None,
        of_account: BY_ACCOUNT_ID,
    },
    Table {
        name: "audit_events",
        stamped: &["account_id", "actor_id", "subject_id", "data"],
        same: &[
            "user_id",
            "revision",
            "position",
            "at",
            "actor_kind",
            "on_behalf_of",
            "kind",
            "subject_kind",
            "request_id",
        ],
        event: Some("id"),
        of_account: "JOIN audit_events e ON e.id = r.id WHERE r.account_id = $4",
    },
    Table {
        name: "audit_values",
        stamped: &["person_id", "before", "after"],
        same: &["position", "person_kind", "field"],
        event: Some("event_id"),
        of_account: "JOIN audit_events e ON e.id = r.event_id WHERE e.account_id = $4",
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::Database;

    #[test]
    fn every_column_is_copied() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::Sqlite {
            path: folder.path().join("accounts.db"),
        };
        crate::migrate(&database).unwrap();
        let tables = crate::schema_walk::tables(&database).unwrap();
        for table in TABLES {
            let there: BTreeSet<&str> = tables[table.name].keys().map(String::as_str).collect();
            let copied: BTreeSet<&str> = table.columns().collect();
            assert_eq!(there, copied, "{}", table.name);
        }
    }
}
