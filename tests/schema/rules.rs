//! The rules of the domain, stated again in the schema: no hand-written row can break them, on
//! either database.

use accounts_store::{Database, schema_walk};
use accounts_tests::postgres;
use tempfile::TempDir;

/// An account `a` whose owner is the contact `o` with the user `u`, and a contact `c` that is not
/// verified. In one transaction: they refer to each other.
const ACCOUNT: &str = "
    BEGIN;
    INSERT INTO users (id, address, address_key, display_name, language, status, revision, version, created_at, updated_at)
        VALUES ('u', 'o@x.example', 'o@x.example', 'O', 'en', 'active', 1, 1, '2026-01-01 00:00:00', '2026-01-01 00:00:00');
    INSERT INTO accounts (id, name, sort_key, language, status, revision, version, created_at, updated_at)
        VALUES ('a', 'A', 'a', 'en', 'active', 1, 1, '2026-01-01 00:00:00', '2026-01-01 00:00:00');
    INSERT INTO contacts (account_id, id, display_name, language, sort_key, address_key, verified, login_requested, version, created_at, updated_at)
        VALUES ('a', 'o', 'O', 'en', 'o', 'o@x.example', TRUE, FALSE, 1, '2026-01-01 00:00:00', '2026-01-01 00:00:00'),
               ('a', 'c', 'C', 'en', 'c', 'c@x.example', FALSE, FALSE, 1, '2026-01-01 00:00:00', '2026-01-01 00:00:00');
    INSERT INTO contact_addresses (account_id, contact_id, address_key, address, verified, verified_at, created_at)
        VALUES ('a', 'o', 'o@x.example', 'o@x.example', TRUE, '2026-01-01 00:00:00', '2026-01-01 00:00:00'),
               ('a', 'c', 'c@x.example', 'c@x.example', FALSE, NULL, '2026-01-01 00:00:00');
    INSERT INTO memberships (account_id, user_id, contact_id, permissions, status, version, created_at, updated_at)
        VALUES ('a', 'u', 'o', '\"all\"', 'active', 1, '2026-01-01 00:00:00', '2026-01-01 00:00:00');
    INSERT INTO owners (account_id, contact_id, user_id, verified) VALUES ('a', 'o', 'u', TRUE);
    INSERT INTO role_holders (account_id, role, contact_id, sole, verified)
        VALUES ('a', 'general', 'o', FALSE, NULL), ('a', 'billing', 'o', TRUE, NULL), ('a', 'general', 'c', FALSE, NULL);
    INSERT INTO role_primaries (account_id, role, contact_id, verified) VALUES ('a', 'billing', 'o', TRUE);
    INSERT INTO audit_events (id, account_id, revision, position, at, actor_kind, kind, subject_kind, subject_id, data)
        VALUES ('e', 'a', 1, 0, '2026-01-01 00:00:00', 'system', 'account.created', 'account', 'a', '{}');
    INSERT INTO account_reviews (id, account_id, reviewed_at, due_at, actor_kind, findings, note)
        VALUES ('r', 'a', '2026-01-01 00:00:00', '2026-07-01 00:00:00', 'user', '[]', 'N');
    INSERT INTO api_keys (id, kind, account_id, user_id, name, mode, permissions, secret_hash, created_at)
        VALUES ('k', 'account', 'a', 'u', 'K', 'live', '[]', '0123456789012345678901234567890123456789012345678901234567890123', '2026-01-01 00:00:00');
    INSERT INTO integrations (id, name, scopes, revision, created_at)
        VALUES ('i', 'I', '[]', 1, '2026-01-01 00:00:00');
    INSERT INTO integration_keys (id, integration_id, mode, secret_hash, created_at)
        VALUES ('l', 'i', 'live', '0123456789012345678901234567890123456789012345678901234567890123', '2026-01-01 00:00:00');
    INSERT INTO webhooks (id, integration_id, url, types, secret, version, created_at, updated_at)
        VALUES ('w', 'i', 'https://x.example/', '[]', 'sealed', 1, '2026-01-01 00:00:00', '2026-01-01 00:00:00');
    INSERT INTO webhook_deliveries (id, webhook_id, event_id, kind, state, created_at, began_at, attempts, next_attempt_at)
        VALUES ('d', 'w', 'e', 'account.created', 'pending', '2026-01-01 00:00:00', '2026-01-01 00:00:00', 0, '2026-01-01 00:00:00');
    INSERT INTO second_factors (user_id, secret, created_at, confirmed_at, used_step, recovery_codes)
        VALUES ('u', 'sealed', '2026-01-01 00:00:00', '2026-01-01 00:00:00', 1, '[\"hash\"]');
    INSERT INTO second_factor_challenges (id, user_id, created_at, expires_at)
        VALUES ('h', 'u', '2026-01-01 00:00:00', '2026-01-01 00:05:00');
    INSERT INTO operators (id, address, address_key, display_name, kind, password_hash, status, created_at, updated_at, factor, factor_step)
        VALUES ('p', 'p@x.example', 'p@x.example', 'P', 'admin', 'hash', 'active', '2026-01-01 00:00:00', '2026-01-01 00:00:00', 'sealed', 1);
    INSERT INTO operator_sessions (id, operator_id, created_at, expires_at)
        VALUES ('o', 'p', '2026-01-01 00:00:00', '2026-01-01 12:00:00');
    INSERT INTO audit_values (event_id, position, person_kind, person_id, field, before, after)
        VALUES ('e', 0, 'contact', 'o', 'display_name', NULL, 'O');
    COMMIT;";

/// What nobody may do, and in a few words why.
const REFUSED: &[(&str, &str)] = &[
    ("an account has an owner", "DELETE FROM owners"),
    (
        "an account is opened with its owner",
        "INSERT INTO accounts (id, name, sort_key, language, status, revision, version, created_at, updated_at)
         VALUES ('b', 'B', 'b', 'en', 'active', 1, 1, '2026-01-01 00:00:00', '2026-01-01 00:00:00')",
    ),
    (
        "an account has one owner",
        "INSERT INTO owners (account_id, contact_id) VALUES ('a', 'c')",
    ),
    (
        "the owner is a contact of the account",
        "UPDATE owners SET contact_id = 'x'",
    ),
    ("the owner has a login", "UPDATE owners SET contact_id = 'c'"),
    ("an account key belongs to an account", "UPDATE api_keys SET account_id = NULL"),
    ("an account key is no user key", "UPDATE api_keys SET kind = 'user'"),
    ("an account key names no accounts", "UPDATE api_keys SET accounts = '[]'"),
    ("a key has the hash of a secret", "UPDATE api_keys SET secret_hash = 'secret'"),
    ("a key is live or for tests", "UPDATE api_keys SET mode = 'root'"),
    ("the maker of an account key is a member", "UPDATE api_keys SET user_id = 'x'"),
    ("a key of an integration has the hash of a secret", "UPDATE integration_keys SET secret_hash = 'secret'"),
    ("a key of an integration is live or for tests", "UPDATE integration_keys SET mode = 'root'"),
    ("a key of an integration belongs to one", "UPDATE integration_keys SET integration_id = 'x'"),
    ("an integration with keys stays", "DELETE FROM integrations"),
    (
        "two integrations have two names",
        "INSERT INTO integrations (id, name, scopes, revision, created_at)
         VALUES ('j', 'I', '[]', 1, '2026-01-01 00:00:00')",
    ),
    ("a webhook is an integration's", "UPDATE webhooks SET integration_id = 'x'"),
    ("a webhook has its secret", "UPDATE webhooks SET secret = ''"),
    ("a former secret has its end", "UPDATE webhooks SET former_secret = 'sealed'"),
    ("a webhook is disabled for a reason", "UPDATE webhooks SET disabled_at = '2026-01-01 00:00:00'"),
    (
        "a webhook is disabled for a reason that there is",
        "UPDATE webhooks SET disabled_at = '2026-01-01 00:00:00', disabled_reason = 'boredom'",
    ),
    ("a webhook that is told something stays", "DELETE FROM webhooks"),
    ("a delivery is for a webhook", "UPDATE webhook_deliveries SET webhook_id = 'x'"),
    ("a delivery is of an event", "UPDATE webhook_deliveries SET event_id = 'x'"),
    ("a delivery that has ended has its end", "UPDATE webhook_deliveries SET state = 'delivered'"),
    ("a delivery that waits has none", "UPDATE webhook_deliveries SET ended_at = '2026-01-01 00:00:00'"),
    (
        "a webhook is told of an event once",
        "INSERT INTO webhook_deliveries (id, webhook_id, event_id, kind, state, created_at, began_at, attempts, next_attempt_at)
         VALUES ('f', 'w', 'e', 'account.created', 'pending', '2026-01-01 00:00:00', '2026-01-01 00:00:00', 0, '2026-01-01 00:00:00')",
    ),
    ("an event stands in the feed once", "INSERT INTO feed (event_id) VALUES ('e')"),
    ("what is in the feed is an event", "INSERT INTO feed (event_id) VALUES ('x')"),
    ("the feed begins with one", "UPDATE feed SET sequence = 0"),
    ("a second factor is a user's", "UPDATE second_factors SET user_id = 'x'"),
    ("a second factor has its secret", "UPDATE second_factors SET secret = ''"),
    ("what is in force has its last step", "UPDATE second_factors SET used_step = NULL"),
    ("what is not in force has no recovery codes", "UPDATE second_factors SET confirmed_at = NULL, used_step = NULL"),
    ("a step is none before the first", "UPDATE second_factors SET used_step = -1"),
    ("a log-in that waits is a user's", "UPDATE second_factor_challenges SET user_id = 'x'"),
    (
        "only an operator's session is kept to an account",
        "INSERT INTO sessions (id, user_id, created_at, last_used_at, expires_at, account_id)
         VALUES ('s', 'u', '2026-01-01 00:00:00', '2026-01-01 00:00:00', '2026-01-02 00:00:00', 'a')",
    ),
    (
        "a session of an operator belongs to one",
        "INSERT INTO operator_sessions (id, operator_id, created_at, expires_at)
         VALUES ('s', 'x', '2026-01-01 00:00:00', '2026-01-02 00:00:00')",
    ),
    ("a code is of a second factor", "UPDATE operators SET factor = NULL"),
    ("a session of an operator has a life", "UPDATE operator_sessions SET expires_at = created_at"),
    ("an operator with a session stays", "DELETE FROM operators"),
    ("the owner is verified", "UPDATE owners SET verified = FALSE"),
    ("an owner with a login is verified", "UPDATE owners SET verified = NULL"),
    ("the owner's membership stays", "DELETE FROM memberships"),
    (
        "a wish to be told is a member's",
        "INSERT INTO member_subscriptions (account_id, user_id, category) VALUES ('a', 'x', 'invoice')",
    ),
    (
        "a wish to be told names a category",
        "INSERT INTO member_subscriptions (account_id, user_id, category) VALUES ('a', 'u', '')",
    ),
    (
        "a notice of an integration says something",
        "INSERT INTO notifications (id, account_id, kind, category, integration_id, step, revision, created_at)
         VALUES ('n', 'a', 'notice', 'invoice', 'i', 'owner', 1, '2027-01-15 08:00:00')",
    ),
    (
        "a test is nobody's but the account's",
        "INSERT INTO notifications (id, account_id, kind, category, integration_id, step, revision, created_at)
         VALUES ('n', 'a', 'test', 'invoice', 'i', 'owner', 1, '2027-01-15 08:00:00')",
    ),
    (
        "a notice is an account's",
        "INSERT INTO notifications (id, account_id, kind, category, step, revision, created_at)
         VALUES ('n', 'x', 'test', 'invoice', 'owner', 1, '2027-01-15 08:00:00')",
    ),
    (
        "a mail of a notice is addressed or a copy",
        "INSERT INTO mails (id, address, address_key, language, message, created_at, attempts, next_attempt_at, part)
         VALUES ('m', 'm@x', 'm@x', 'en', '{}', '2027-01-15 08:00:00', 0, '2027-01-15 08:00:00', 'bcc')",
    ),
    ("a review is of an account", "UPDATE account_reviews SET account_id = 'x'"),
    ("a review is due after it was done", "UPDATE account_reviews SET due_at = reviewed_at"),
    ("a review says what stood", "UPDATE account_reviews SET findings = ''"),
    ("a note says something", "UPDATE account_reviews SET note = ''"),
    ("there is one horizon of the audit log", "INSERT INTO audit_horizon (log, moment) VALUES ('all', '2026-01-01 00:00:00')"),
    ("the horizon of the audit log remains", "DELETE FROM audit_horizon"),
    ("the horizon of the audit log does not move back", "UPDATE audit_horizon SET moment = '1969-12-31 00:00:00'"),
    ("the horizon of the audit log stays behind now", "UPDATE audit_horizon SET moment = '2999-01-01 00:00:00'"),
    ("an event stays until its time", "DELETE FROM audit_events WHERE id = 'e'"),
    ("a value stays until its time", "DELETE FROM audit_values"),
    ("what is gone begins with the first decision", "INSERT INTO audit_trimmed (log_id, revision) VALUES ('a', 0)"),
    ("the owner is not deleted", "DELETE FROM contacts WHERE id = 'o'"),
    (
        "the owner's address stays verified",
        "UPDATE contacts SET verified = FALSE WHERE id = 'o'",
    ),
    (
        "a role has one primary holder",
        "INSERT INTO role_primaries (account_id, role, contact_id, verified) VALUES ('a', 'billing', 'c', TRUE)",
    ),
    (
        "a primary holder holds the role",
        "INSERT INTO role_primaries (account_id, role, contact_id, verified) VALUES ('a', 'technical', 'o', TRUE)",
    ),
    (
        "the role of a primary holder is not taken",
        "DELETE FROM role_holders WHERE role = 'billing'",
    ),
    (
        "a primary holder is verified",
        "INSERT INTO role_primaries (account_id, role, contact_id, verified) VALUES ('a', 'general', 'c', TRUE)",
    ),
    (
        "a primary holder cannot be marked as unverified",
        "INSERT INTO role_primaries (account_id, role, contact_id, verified) VALUES ('a', 'general', 'c', FALSE)",
    ),
    (
        "a role of one holder has one",
        "INSERT INTO role_holders (account_id, role, contact_id, sole, verified) VALUES ('a', 'billing', 'c', TRUE, NULL)",
    ),
    (
        "a role for verified contacts takes no other",
        "INSERT INTO role_holders (account_id, role, contact_id, sole, verified) VALUES ('a', 'security', 'c', FALSE, TRUE)",
    ),
    ("a contact that holds a role is not deleted", "DELETE FROM contacts WHERE id = 'c'"),
    (
        "an address is unique in its account",
        "INSERT INTO contact_addresses (account_id, contact_id, address_key, address, verified, verified_at, created_at)
         VALUES ('a', 'c', 'o@x.example', 'O@x.example', FALSE, NULL, '2026-01-01 00:00:00')",
    ),
    (
        "a contact is verified with its main address",
        "UPDATE contacts SET verified = TRUE WHERE id = 'c'",
    ),
    (
        "the main address is one of the contact's",
        "UPDATE contacts SET address_key = 'o@x.example' WHERE id = 'c'",
    ),
    (
        "the address to come is one of the contact's",
        "UPDATE contacts SET pending_address_key = 'o@x.example' WHERE id = 'c'",
    ),
    (
        "an address in use is not removed",
        "DELETE FROM contact_addresses WHERE address_key = 'c@x.example'",
    ),
    (
        "verified means verified at a time",
        "UPDATE contact_addresses SET verified_at = NULL WHERE contact_id = 'o'",
    ),
    ("a status is one of the list", "UPDATE accounts SET status = 'gone'"),
    ("a limit is between 1 and 1,000", "UPDATE accounts SET contact_limit = 1001"),
    (
        "a user's address is unique",
        "INSERT INTO users (id, address, address_key, display_name, language, status, revision, version, created_at, updated_at)
         VALUES ('v', 'O@x.example', 'o@x.example', 'V', 'en', 'active', 1, 1, '2026-01-01 00:00:00', '2026-01-01 00:00:00')",
    ),
    (
        "one transfer of ownership is pending",
        "INSERT INTO ownership_transfers (id, account_id, from_contact_id, to_contact_id, status, created_at, expires_at, version)
         VALUES ('t', 'a', 'o', 'c', 'pending', '2026-01-01 00:00:00', '2026-01-08 00:00:00', 1),
                ('s', 'a', 'o', 'c', 'pending', '2026-01-01 00:00:00', '2026-01-08 00:00:00', 1)",
    ),
    (
        "one invitation to an address is pending",
        "INSERT INTO invitations (id, account_id, address, address_key, language, permissions, sending_id, status, created_at, sent_at, expires_at)
         VALUES ('i', 'a', 'i@x.example', 'i@x.example', 'en', '[]', 'i', 'pending', '2026-01-01 00:00:00', '2026-01-01 00:00:00', '2026-01-08 00:00:00'),
                ('j', 'a', 'i@x.example', 'i@x.example', 'en', '[]', 'j', 'pending', '2026-01-01 00:00:00', '2026-01-01 00:00:00', '2026-01-08 00:00:00')",
    ),
    (
        "a mailing belongs to one invitation",
        "INSERT INTO invitations (id, account_id, address, address_key, language, permissions, sending_id, status, created_at, sent_at, expires_at)
         VALUES ('i', 'a', 'i@x.example', 'i@x.example', 'en', '[]', 'i', 'pending', '2026-01-01 00:00:00', '2026-01-01 00:00:00', '2026-01-08 00:00:00'),
                ('j', 'a', 'j@x.example', 'j@x.example', 'en', '[]', 'i', 'pending', '2026-01-01 00:00:00', '2026-01-01 00:00:00', '2026-01-08 00:00:00')",
    ),
    (
        "an ended invitation has its end",
        "INSERT INTO invitations (id, account_id, address, address_key, language, permissions, sending_id, status, created_at, sent_at, expires_at)
         VALUES ('i', 'a', 'i@x.example', 'i@x.example', 'en', '[]', 'i', 'revoked', '2026-01-01 00:00:00', '2026-01-01 00:00:00', '2026-01-08 00:00:00')",
    ),
    (
        "an invitation belongs to an account",
        "INSERT INTO invitations (id, account_id, address, address_key, language, permissions, sending_id, status, created_at, sent_at, expires_at)
         VALUES ('i', 'b', 'i@x.example', 'i@x.example', 'en', '[]', 'i', 'pending', '2026-01-01 00:00:00', '2026-01-01 00:00:00', '2026-01-08 00:00:00')",
    ),
    ("an audit event is never changed", "UPDATE audit_events SET kind = 'other'"),
    ("an audit event is never removed", "DELETE FROM audit_events WHERE id = 'e'"),
    ("a revision has one event per position",
        "INSERT INTO audit_events (id, account_id, revision, position, at, actor_kind, kind, subject_kind, subject_id, data)
         VALUES ('f', 'a', 1, 0, '2026-01-01 00:00:00', 'system', 'account.created', 'account', 'a', '{}')"),
    ("an audit value is never rewritten", "UPDATE audit_values SET after = 'P'"),
    ("an audit value is never removed", "DELETE FROM audit_values"),
    (
        "one change of an address waits at a time",
        "INSERT INTO email_changes (id, user_id, from_address, from_address_key, address, address_key, created_at, expires_at)
         VALUES ('x', 'u', 'o@x.example', 'o@x.example', 'p@x.example', 'p@x.example', '2026-01-01 00:00:00', '2026-01-02 00:00:00'),
                ('y', 'u', 'o@x.example', 'o@x.example', 'q@x.example', 'q@x.example', '2026-01-01 00:00:00', '2026-01-02 00:00:00')",
    ),
    (
        "an address changes to another one",
        "INSERT INTO email_changes (id, user_id, from_address, from_address_key, address, address_key, created_at, expires_at)
         VALUES ('x', 'u', 'o@x.example', 'o@x.example', 'o@x.example', 'o@x.example', '2026-01-01 00:00:00', '2026-01-02 00:00:00')",
    ),
    (
        "the address of a user changes",
        "INSERT INTO email_changes (id, user_id, from_address, from_address_key, address, address_key, created_at, expires_at)
         VALUES ('x', 'nobody', 'o@x.example', 'o@x.example', 'p@x.example', 'p@x.example', '2026-01-01 00:00:00', '2026-01-02 00:00:00')",
    ),
];

/// What replaces a row of the log, where a statement can: nothing on deleting is asked there.
const REFUSED_BY_THE_FILE: &[(&str, &str)] = &[
    (
        "an audit event is not replaced by its key",
        "INSERT OR REPLACE INTO audit_events (id, account_id, revision, position, at, actor_kind, kind, subject_kind, subject_id, data)
         VALUES ('e', 'a', 2, 0, '2026-01-01 00:00:00', 'system', 'account.created', 'account', 'a', '{}')",
    ),
    (
        "an audit event is not replaced in its decision",
        "REPLACE INTO audit_events (id, account_id, revision, position, at, actor_kind, kind, subject_kind, subject_id, data)
         VALUES ('f', 'a', 1, 0, '2026-01-01 00:00:00', 'system', 'account.created', 'account', 'a', '{}')",
    ),
    (
        "an audit event is not replaced by its place in the file",
        "INSERT OR REPLACE INTO audit_events (rowid, id, account_id, revision, position, at, actor_kind, kind, subject_kind, subject_id, data)
         SELECT rowid, 'f', 'a', 2, 0, '2026-01-01 00:00:00', 'system', 'account.created', 'account', 'a', '{}'
         FROM audit_events WHERE id = 'e'",
    ),
    (
        "an audit event of a person is not replaced in its decision",
        "INSERT INTO audit_events (id, user_id, revision, position, at, actor_kind, kind, subject_kind, subject_id, data)
         VALUES ('g', 'u', 1, 0, '2026-01-01 00:00:00', 'system', 'user.changed', 'user', 'u', '{}');
         INSERT OR REPLACE INTO audit_events (id, user_id, revision, position, at, actor_kind, kind, subject_kind, subject_id, data)
         VALUES ('f', 'u', 1, 0, '2026-01-01 00:00:00', 'system', 'user.changed', 'user', 'u', '{}')",
    ),
    (
        "an audit value is not replaced",
        "INSERT OR REPLACE INTO audit_values (event_id, position, person_kind, person_id, field)
         VALUES ('e', 0, 'contact', 'c', 'title')",
    ),
    (
        "an audit value is not replaced by its place in the file",
        "INSERT OR REPLACE INTO audit_values (rowid, event_id, position, person_kind, person_id, field)
         SELECT rowid, 'e', 1, 'contact', 'c', 'title' FROM audit_values",
    ),
    (
        "an audit value does not take the place of another",
        "UPDATE OR REPLACE audit_values SET rowid = rowid + 1, before = NULL, after = NULL",
    ),
];

/// What must remain possible.
const ALLOWED: &[(&str, &str)] = &[
    (
        "a role moves in steps",
        "BEGIN;
         DELETE FROM role_primaries WHERE role = 'billing';
         INSERT INTO role_holders (account_id, role, contact_id, sole, verified) VALUES ('a', 'technical', 'c', TRUE, NULL);
         INSERT INTO role_primaries (account_id, role, contact_id, verified) VALUES ('a', 'billing', 'o', TRUE);
         COMMIT",
    ),
    (
        "an address is verified in both places",
        "BEGIN;
         UPDATE contacts SET verified = TRUE WHERE id = 'c';
         UPDATE contact_addresses SET verified = TRUE, verified_at = '2026-01-02 00:00:00' WHERE contact_id = 'c';
         COMMIT",
    ),
    (
        "events go once they are behind the horizon",
        "BEGIN;
         INSERT INTO audit_events (id, account_id, revision, position, at, actor_kind, kind, subject_kind, subject_id, data)
             VALUES ('f', 'a', 0, 0, '2001-01-01 00:00:00', 'system', 'account.created', 'account', 'a', '{}');
         INSERT INTO audit_values (event_id, position, person_kind, person_id, field, before, after)
             VALUES ('f', 0, 'contact', 'o', 'display_name', NULL, 'O');
         UPDATE audit_horizon SET moment = '2002-01-01 00:00:00';
         DELETE FROM audit_values WHERE event_id = 'f';
         DELETE FROM feed WHERE event_id = 'f';
         DELETE FROM audit_events WHERE id = 'f';
         COMMIT",
    ),
    ("erasing empties the notes", "UPDATE account_reviews SET note = NULL"),
    (
        "erasing empties the values",
        "UPDATE audit_values SET before = NULL, after = NULL WHERE person_id = 'o'",
    ),
];

fn holds_on(database: &Database) {
    accounts_store::migrate(database).unwrap();
    schema_walk::by_hand(database, ACCOUNT).unwrap();
    let by_one = match database {
        Database::Sqlite { .. } => REFUSED_BY_THE_FILE,
        Database::Postgres { .. } => &[],
    };
    for (rule, sql) in REFUSED.iter().chain(by_one) {
        match schema_walk::by_hand(database, sql) {
            Ok(()) => panic!("nothing stopped it: {rule}"),
            // Not a fault of the statement: a constraint, or a trigger of the audit log.
            Err(error) => assert!(
                ["constraint", "never", "only ever emptied"]
                    .iter()
                    .any(|word| error.contains(word)),
                "{rule}: {error}"
            ),
        }
    }
    for (possible, sql) in ALLOWED {
        if let Err(error) = schema_walk::by_hand(database, sql) {
            panic!("{possible}: {error}");
        }
    }
}

#[test]
fn the_file_refuses_what_breaks_a_rule() {
    let folder = TempDir::new().unwrap();
    holds_on(&Database::Sqlite {
        path: folder.path().join("accounts.db"),
    });
}

#[test]
fn the_server_refuses_what_breaks_a_rule() {
    let cluster = postgres::Database::empty();
    holds_on(&cluster.url().parse().unwrap());
}
