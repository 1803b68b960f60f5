//! What the schema itself refuses, and what the check finds where somebody has got past it.

use accounts_domain::actor::Actor;
use accounts_domain::roles::Promote;
use accounts_store::{Database, Finding};

use super::given::{
    NewIds, Place, account, act, add, by_hand, creation, member, moment, no_answer, place, place_with, refused_by_hand,
    sound, system, under,
};

/// An account with an owner, a member and a contact that is not verified, and everything else that there may be.
struct Planted {
    ids: NewIds,
    member: String,
    member_user: String,
    contact: String,
}

async fn plant(place: &Place, name: &str) -> Planted {
    let ids = account(&place.store, &format!("owner@{name}.example")).await;
    let (member, user) = member(&place.store, ids.account, &format!("member@{name}.example")).await;
    let command = creation(&format!("contact@{name}.example"));
    let contact = command.id;
    let act = under(name, "body", act(Actor::User(ids.user), moment(2)));
    add(&place.store, ids.account, command, &act).await.unwrap();
    let by = act.by();
    let role = place.store.catalog().roles()[0].key.clone();
    let promote = move |to| Promote {
        contact: to,
        roles: [role.clone()].into(),
    };
    for to in [member, ids.contact] {
        let command = promote(to);
        let decide = move |roster: &accounts_domain::roster::Roster| roster.promote(by, &command);
        place
            .store
            .decide(ids.account, &system(moment(3)), decide, no_answer)
            .await
            .unwrap();
    }
    super::sessions::log_in(&place.store, ids.user, name, moment(3)).await;
    Planted {
        ids,
        member: member.to_string(),
        member_user: user.to_string(),
        contact: contact.to_string(),
    }
}

impl Planted {
    /// Puts the ids into a text.
    fn fill(&self, text: &str) -> String {
        text.replace("{account}", &self.ids.account.to_string())
            .replace("{owner}", &self.ids.contact.to_string())
            .replace("{user}", &self.ids.user.to_string())
            .replace("{member}", &self.member)
            .replace("{member_user}", &self.member_user)
            .replace("{contact}", &self.contact)
    }
}

/// Takes all guards off, as a restored backup or a careless hand may have.
fn unguard(database: &Database) -> &'static str {
    match database {
        Database::Sqlite { .. } => {
            "PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON;
             DROP INDEX ownership_transfers_pending; DROP INDEX refresh_tokens_unspent; DROP INDEX invitations_pending;"
        }
        Database::Postgres { .. } => {
            "DO $$ DECLARE found record; BEGIN
                 FOR found IN SELECT conrelid::regclass AS place, conname FROM pg_constraint
                     WHERE contype IN ('f', 'c') AND connamespace = current_schema()::regnamespace
                 LOOP
                     EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', found.place, found.conname);
                 END LOOP;
             END $$;
             DROP INDEX ownership_transfers_pending; DROP INDEX refresh_tokens_unspent; DROP INDEX invitations_pending;"
        }
    }
}

/// What is wrong, how it comes about, and which of the ids the check then lists.
const FAULTS: &[(&str, &str, &str)] = &[
    ("account-without-owner", "DELETE FROM owners WHERE account_id = '{account}'", "{account}"),
    ("owner-without-account", "DELETE FROM accounts WHERE id = '{account}'", "{account}"),
    ("owner-not-a-contact", "UPDATE owners SET contact_id = 'x' WHERE account_id = '{account}'", "{account}"),
    ("owner-without-login", "DELETE FROM memberships WHERE contact_id = '{owner}'", "{account}"),
    ("owner-without-login", "UPDATE owners SET user_id = NULL WHERE account_id = '{account}'", "{account}"),
    (
        "key-without-member",
        "INSERT INTO api_keys (id, kind, account_id, user_id, name, mode, permissions, secret_hash, created_at)
         VALUES ('k', 'account', '{account}', 'x', 'K', 'live', '[]',
         '0123456789012345678901234567890123456789012345678901234567890123', '2026-01-01 00:00:00')",
        "k",
    ),
    ("owner-held-back", "UPDATE memberships SET status = 'suspended' WHERE contact_id = '{owner}'", "{account}"),
    ("owner-held-back", "UPDATE memberships SET expires_at = '2030-01-01 00:00:00' WHERE contact_id = '{owner}'", "{account}"),
    ("owner-not-verified", "UPDATE contacts SET verified = FALSE WHERE id = '{owner}'", "{account}"),
    ("owner-not-verified", "UPDATE owners SET verified = NULL WHERE account_id = '{account}'", "{account}"),
    (
        "primary-not-a-holder",
        "DELETE FROM role_holders WHERE account_id = '{account}' AND role = 'one_owner'",
        "{account} one_owner",
    ),
    ("primary-not-verified", "UPDATE contacts SET verified = FALSE WHERE id = '{owner}'", "{account} one_owner"),
    (
        "primary-not-verified",
        "UPDATE role_primaries SET contact_id = 'x' WHERE account_id = '{account}' AND role = 'one_owner'",
        "{account} one_owner",
    ),
    (
        "holder-not-a-contact",
        "INSERT INTO role_holders (account_id, role, contact_id, sole) VALUES ('{account}', 'many_allowed', 'x', FALSE)",
        "{account} many_allowed",
    ),
    ("contact-without-account", "DELETE FROM accounts WHERE id = '{account}'", "{contact}"),
    ("contact-without-address", "DELETE FROM contact_addresses WHERE contact_id = '{contact}'", "{contact}"),
    ("contact-verification-differs", "UPDATE contacts SET verified = TRUE WHERE id = '{contact}'", "{contact}"),
    (
        "contact-verification-differs",
        "UPDATE contact_addresses SET verified_at = NULL WHERE contact_id = '{member}'",
        "{member}",
    ),
    ("pending-address-missing", "UPDATE contacts SET pending_address_key = 'x' WHERE id = '{member}'", "{member}"),
    ("pending-address-of-unverified", "UPDATE contacts SET pending_address_key = 'x' WHERE id = '{contact}'", "{contact}"),
    ("detail-without-contact", "DELETE FROM contacts WHERE id = '{contact}'", "{contact}"),
    (
        "detail-without-contact",
        "INSERT INTO contact_subscriptions (account_id, contact_id, category) VALUES ('{account}', '{user}', 'told')",
        "{user}",
    ),
    (
        "link-of-no-address",
        "INSERT INTO contact_verifications (id, account_id, contact_id, address_key, created_at, expires_at)
         VALUES ('{contact} link', '{account}', '{contact}', 'x', '2026-01-01 00:00:00', '2026-01-04 00:00:00')",
        "{contact} link",
    ),
    (
        "too-many-contacts",
        "INSERT INTO contacts (account_id, id, display_name, language, sort_key, address_key, verified, login_requested,
             version, created_at, updated_at)
         WITH RECURSIVE numbers (number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < 1000)
         SELECT '{account}', '~{account}' || number, 'X', 'en', 'x', 'x', FALSE, FALSE, 1, '2026-01-01 00:00:00', '2026-01-01 00:00:00'
         FROM numbers",
        "{account}",
    ),
    ("membership-without-account", "DELETE FROM accounts WHERE id = '{account}'", "{account} {member_user}"),
    ("membership-without-user", "DELETE FROM users WHERE id = '{member_user}'", "{account} {member_user}"),
    (
        "subscription-without-member",
        "INSERT INTO member_subscriptions (account_id, user_id, category) VALUES ('{account}', 'x', 'told')",
        "{account} x",
    ),
    ("membership-without-contact", "DELETE FROM contacts WHERE id = '{member}'", "{account} {member_user}"),
    (
        "several-pending-transfers",
        "INSERT INTO ownership_transfers (id, account_id, from_contact_id, to_contact_id, status, created_at, expires_at, version)
         VALUES ('{account} a', '{account}', '{owner}', '{member}', 'pending', '2026-01-01 00:00:00', '2026-01-08 00:00:00', 1),
                ('{account} b', '{account}', '{owner}', '{member}', 'pending', '2026-01-01 00:00:00', '2026-01-08 00:00:00', 1)",
        "{account}",
    ),
    (
        "transfer-to-nobody",
        "INSERT INTO ownership_transfers (id, account_id, from_contact_id, to_contact_id, status, created_at, expires_at, version)
         VALUES ('{account} c', '{account}', '{owner}', 'x', 'pending', '2026-01-01 00:00:00', '2026-01-08 00:00:00', 1)",
        "{account} c",
    ),
    (
        "transfer-to-held-back",
        "INSERT INTO ownership_transfers (id, account_id, from_contact_id, to_contact_id, status, created_at, expires_at, version)
         VALUES ('{account} e', '{account}', '{owner}', '{contact}', 'pending', '2026-01-01 00:00:00', '2026-01-08 00:00:00', 1)",
        "{account} e",
    ),
    (
        "transfer-to-held-back",
        "INSERT INTO ownership_transfers (id, account_id, from_contact_id, to_contact_id, status, created_at, expires_at, version)
         VALUES ('{account} s', '{account}', '{owner}', '{member}', 'pending', '2026-01-01 00:00:00', '2026-01-08 00:00:00', 1);
         UPDATE memberships SET status = 'suspended' WHERE account_id = '{account}' AND contact_id = '{member}'",
        "{account} s",
    ),
    (
        "transfer-from-another",
        "INSERT INTO ownership_transfers (id, account_id, from_contact_id, to_contact_id, status, created_at, expires_at, version)
         VALUES ('{account} d', '{account}', '{contact}', '{member}', 'pending', '2026-01-01 00:00:00', '2026-01-08 00:00:00', 1)",
        "{account} d",
    ),
    (
        "several-pending-invitations",
        "INSERT INTO invitations (id, account_id, address, address_key, language, permissions, contact_id, inviter_id, sending_id, status,
             created_at, sent_at, expires_at)
         VALUES ('{account} e', '{account}', 'x', 'x', 'en', '[]', NULL, NULL, '{account} e', 'pending', '2026-01-01 00:00:00', '2026-01-01 00:00:00', '2026-01-08 00:00:00'),
                ('{account} f', '{account}', 'x', 'x', 'en', '[]', NULL, NULL, '{account} f', 'pending', '2026-01-01 00:00:00', '2026-01-01 00:00:00', '2026-01-08 00:00:00')",
        "{account}",
    ),
    (
        "invitation-without-account",
        "INSERT INTO invitations (id, account_id, address, address_key, language, permissions, contact_id, inviter_id, sending_id, status,
             created_at, sent_at, expires_at)
         VALUES ('{account} g', '{account} x', 'x', 'x', 'en', '[]', NULL, NULL, '{account} g', 'pending', '2026-01-01 00:00:00', '2026-01-01 00:00:00', '2026-01-08 00:00:00')",
        "{account} g",
    ),
    (
        "invitation-for-nobody",
        "INSERT INTO invitations (id, account_id, address, address_key, language, permissions, contact_id, inviter_id, sending_id, status,
             created_at, sent_at, expires_at)
         VALUES ('{account} h', '{account}', 'y', 'y', 'en', '[]', '{member}', NULL, '{account} h', 'pending', '2026-01-01 00:00:00', '2026-01-01 00:00:00', '2026-01-08 00:00:00')",
        "{account} h",
    ),
    (
        "invitation-by-nobody",
        "INSERT INTO invitations (id, account_id, address, address_key, language, permissions, contact_id, inviter_id, sending_id, status,
             created_at, sent_at, expires_at)
         VALUES ('{account} i', '{account}', 'z', 'z', 'en', '[]', NULL, 'x', '{account} i', 'pending', '2026-01-01 00:00:00', '2026-01-01 00:00:00', '2026-01-08 00:00:00')",
        "{account} i",
    ),
    (
        "unknown-login-permission",
        "INSERT INTO invitations (id, account_id, address, address_key, language, permissions, contact_id, inviter_id, sending_id, status,
             created_at, sent_at, expires_at)
         VALUES ('{account} j', '{account}', 'w', 'w', 'en', '[\"moon:visit\"]', NULL, NULL, '{account} j', 'pending', '2026-01-01 00:00:00', '2026-01-01 00:00:00', '2026-01-08 00:00:00')",
        "{account} j",
    ),
    ("account-revision-gap", "UPDATE accounts SET revision = revision + 1 WHERE id = '{account}'", "{account}"),
    (
        "account-revision-gap",
        "INSERT INTO audit_events (id, account_id, revision, position, at, actor_kind, kind, subject_kind, subject_id, data)
         VALUES ('{account} a', '{account}', 99, 0, '2026-01-01 00:00:00', 'system', 'x', 'account', 'x', '{}')",
        "{account}",
    ),
    ("user-revision-gap", "UPDATE users SET revision = revision + 1 WHERE id = '{member_user}'", "{member_user}"),
    (
        "event-missing",
        "INSERT INTO audit_events (id, account_id, revision, position, at, actor_kind, kind, subject_kind, subject_id, data)
         VALUES ('{account} b', '{account}', 1, 99, '2026-01-01 00:00:00', 'system', 'x', 'account', 'x', '{}')",
        "{account} revision 1",
    ),
    (
        "event-without-account",
        "INSERT INTO audit_events (id, account_id, revision, position, at, actor_kind, kind, subject_kind, subject_id, data)
         VALUES ('{account} c', 'x{account}', 1, 0, '2026-01-01 00:00:00', 'system', 'x', 'account', 'x', '{}')",
        "{account} c",
    ),
    (
        "value-without-event",
        "INSERT INTO audit_values (event_id, position, person_kind, person_id, field)
         VALUES ('x{account}', 0, 'contact', 'x', 'x')",
        "x{account}",
    ),
    (
        "session-without-user",
        "INSERT INTO password_resets (id, user_id, address_key, created_at, expires_at)
         VALUES ('{account} a', 'x', 'x', '2026-01-01 00:00:00', '2026-01-01 00:00:00')",
        "{account} a",
    ),
    (
        "factor-without-user",
        "INSERT INTO second_factors (user_id, secret, created_at, recovery_codes)
         VALUES ('x{account}', 'sealed', '2026-01-01 00:00:00', '[]')",
        "x{account}",
    ),
    (
        "challenge-without-factor",
        "INSERT INTO second_factor_challenges (id, user_id, created_at, expires_at)
         VALUES ('{account} a', '{user}', '2026-01-01 00:00:00', '2026-01-01 00:05:00')",
        "{account} a",
    ),
    (
        "token-without-session",
        "INSERT INTO refresh_tokens (hash, session_id, created_at) VALUES ('{account}', 'x{account}', '2026-01-01 00:00:00')",
        "x{account}",
    ),
    (
        "session-without-token",
        "INSERT INTO sessions (id, user_id, created_at, last_used_at, expires_at)
         VALUES ('{account} a', '{user}', '2026-01-01 00:00:00', '2026-01-01 00:00:00', '2026-01-01 00:00:00')",
        "{account} a",
    ),
    (
        "session-without-token",
        "INSERT INTO refresh_tokens (hash, session_id, created_at)
         SELECT '{account} b', id, '2026-01-01 00:00:00' FROM sessions WHERE user_id = '{user}'",
        "",
    ),
    (
        "mail-claimed-too-long",
        "INSERT INTO mails (id, address, address_key, language, message, created_at, attempts, next_attempt_at, claimed_until)
         VALUES ('{account}', 'x', 'x', 'en', '{}', '2026-01-01 00:00:00', 1, '2026-01-01 00:00:00', '2099-01-01 00:00:00')",
        "{account}",
    ),
    (
        "kept-answer-ahead",
        "UPDATE idempotency_keys SET created_at = '2099-01-01 00:00:00', caller = '{account}'",
        "{account} POST /v1/things",
    ),
    (
        "throttle-ahead",
        "INSERT INTO throttles (key, window_started_at, count) VALUES ('{account}', '2099-01-01 00:00:00', 1)",
        "throttles",
    ),
    (
        "several-holders",
        "INSERT INTO role_holders (account_id, role, contact_id, sole)
         VALUES ('{account}', 'one_owner', '{member}', FALSE)",
        "{account}",
    ),
    (
        "holder-not-primary",
        "INSERT INTO role_holders (account_id, role, contact_id, sole)
         VALUES ('{account}', 'one_owner', '{member}', FALSE)",
        "{account}",
    ),
    ("role-not-filled", "DELETE FROM role_primaries WHERE account_id = '{account}' AND role = 'one_owner'", "{account}"),
    (
        "holder-not-verified",
        "INSERT INTO role_holders (account_id, role, contact_id, sole)
         VALUES ('{account}', 'many_verified', '{contact}', FALSE)",
        "{contact}",
    ),
    (
        "role-not-guarded",
        "INSERT INTO role_holders (account_id, role, contact_id, sole)
         VALUES ('{account}', 'many_allowed', '{member}', TRUE)",
        "{account}",
    ),
    (
        "unknown-role",
        "INSERT INTO role_holders (account_id, role, contact_id, sole) VALUES ('{account}', 'captain', '{member}', FALSE)",
        "{account}",
    ),
    (
        "unknown-category",
        "INSERT INTO contact_subscriptions (account_id, contact_id, category) VALUES ('{account}', '{member}', 'weather')",
        "{member}",
    ),
    (
        "unknown-category",
        "INSERT INTO member_subscriptions (account_id, user_id, category) VALUES ('{account}', '{member_user}', 'weather')",
        "{account} {member_user}",
    ),
    (
        "unknown-permission",
        "UPDATE memberships SET permissions = '[\"ships:sail\"]' WHERE user_id = '{member_user}'",
        "{account} {member_user}",
    ),
    ("unknown-permission", "UPDATE memberships SET permissions = 'some' WHERE user_id = '{member_user}'", "{account} {member_user}"),
    (
        "unknown-login-permission",
        "UPDATE contacts SET login_requested = TRUE, login_permissions = '[\"ships:sail\"]' WHERE id = '{contact}'",
        "{contact}",
    ),
    (
        "address-not-normalised",
        "UPDATE contact_addresses SET address_key = 'other' WHERE contact_id = '{contact}'",
        "{contact}",
    ),
    ("address-not-normalised", "UPDATE contact_addresses SET address = 'no address' WHERE contact_id = '{contact}'", "{contact}"),
    (
        "address-not-unique",
        "INSERT INTO contact_addresses (account_id, contact_id, address_key, address, verified, created_at)
         SELECT account_id, '{member}', upper(address_key), address, FALSE, created_at
         FROM contact_addresses WHERE contact_id = '{contact}'",
        "",
    ),
    (
        "user-address-not-normalised",
        "UPDATE users SET address_key = upper(address_key) WHERE id = '{member_user}'",
        "{member_user}",
    ),
    (
        "email-change-not-normalised",
        "INSERT INTO email_changes (id, user_id, from_address, from_address_key, address, address_key, created_at, expires_at)
         VALUES ('{account}', '{member_user}', 'a@x.example', 'a@x.example', 'B@x.example', 'B@x.example',
             '2026-01-01 00:00:00', '2026-01-02 00:00:00')",
        "{account}",
    ),
    (
        "operator-address-not-normalised",
        "INSERT INTO operators (id, address, address_key, display_name, kind, password_hash, status, created_at, updated_at)
         VALUES ('{account}', 'A@x.example', 'A@x.example', 'A', 'admin', 'x', 'active', '2026-01-01 00:00:00', '2026-01-01 00:00:00')",
        "{account}",
    ),
    (
        "event-left-behind",
        "INSERT INTO audit_trimmed (log_id, revision) VALUES ('{account}', 1)",
        "",
    ),
    (
        "review-without-account",
        "INSERT INTO account_reviews (id, account_id, reviewed_at, due_at, actor_kind, findings)
         VALUES ('{account} r', 'nobody', '2026-01-01 00:00:00', '2026-01-02 00:00:00', 'system', '[]')",
        "{account} r",
    ),
    (
        "review-without-event",
        "INSERT INTO account_reviews (id, account_id, reviewed_at, due_at, actor_kind, findings)
         VALUES ('{account} r', '{account}', '2026-01-01 00:00:00', '2026-01-02 00:00:00', 'system', '[]')",
        "{account} r",
    ),
    (
        "owner-chain-broken",
        "UPDATE owners SET contact_id = '{member}', user_id = '{member_user}' WHERE account_id = '{account}'",
        "{account}",
    ),
    (
        "owner-chain-broken",
        "INSERT INTO audit_events (id, account_id, revision, position, at, actor_kind, kind, subject_kind, subject_id, data)
         VALUES ('{account} d', '{account}', 99, 0, '2026-01-01 00:00:00', 'system', 'owner.moved', 'account', 'x',
             '{\"from\":\"{member}\",\"to\":\"{owner}\"}')",
        "{account}",
    ),
    (
        "primary-chain-broken",
        "DELETE FROM role_primaries WHERE account_id = '{account}' AND role = 'one_allowed'",
        "{account} one_allowed",
    ),
    (
        "primary-chain-broken",
        "INSERT INTO audit_events (id, account_id, revision, position, at, actor_kind, kind, subject_kind, subject_id, data)
         VALUES ('{account} e', '{account}', 99, 0, '2026-01-01 00:00:00', 'system', 'role.primary_moved', 'account', 'x',
             '{\"role\":\"one_owner\",\"from\":null,\"to\":\"{owner}\"}')",
        "{account} one_owner",
    ),
];

/// Every fault in an account of its own, all at once.
#[tokio::test]
async fn the_check_finds_every_fault_and_no_other() {
    let place = place_with(&super::given::catalog("mixed"));
    let mut planted = Vec::new();
    for number in 0..FAULTS.len() {
        planted.push(plant(&place, &format!("a{number}")).await);
    }
    let untouched = plant(&place, "untouched").await;
    sound(&place.store, moment(4)).await;
    let mut sql = unguard(&place.database).to_owned();
    for ((_, fault, _), planted) in FAULTS.iter().zip(&planted) {
        sql.push_str(&planted.fill(fault));
        sql.push(';');
    }
    by_hand(&place, &sql);
    let found = place.store.check(moment(4)).await.unwrap();
    for ((key, fault, id), planted) in FAULTS.iter().zip(&planted) {
        let id = planted.fill(id);
        let tells = |finding: &&Finding| finding.key == *key && finding.ids.iter().any(|found| found.contains(&id));
        assert!(
            found.iter().any(|finding| tells(&finding)),
            "{key} of {id} is not found: {fault}"
        );
    }
    let named = [
        untouched.ids.account.to_string(),
        untouched.ids.contact.to_string(),
        untouched.member,
        untouched.contact,
    ];
    for finding in &found {
        assert!(FAULTS.iter().any(|(key, ..)| *key == finding.key), "{finding}");
        assert!(
            named
                .iter()
                .all(|id| finding.ids.iter().all(|found| !found.contains(id))),
            "{finding}"
        );
    }
}

#[tokio::test]
async fn a_finding_counts_all_and_lists_some() {
    let place = place();
    for number in 0..25 {
        account(&place.store, &format!("owner@a{number}.example")).await;
    }
    by_hand(&place, "UPDATE accounts SET revision = 7");
    let found = place.store.check(moment(1)).await.unwrap();
    let [finding] = &found[..] else { panic!("{found:?}") };
    assert_eq!(
        (finding.key, finding.count, finding.ids.len()),
        ("account-revision-gap", 25, Finding::LISTED)
    );
    assert!(finding.ids.is_sorted());
    assert!(finding.to_string().ends_with("and 5 more"), "{finding}");
}

/// Rows of one account that refer to another's.
const FOREIGN: &[(&str, &str)] = &[
    (
        "the owner is of the account",
        "UPDATE owners SET contact_id = '{other}' WHERE account_id = '{account}'",
    ),
    (
        "the owner's login is of the account",
        "UPDATE owners SET user_id = '{other_user}' WHERE account_id = '{account}'",
    ),
    (
        "the holder of a role is of the account",
        "INSERT INTO role_holders (account_id, role, contact_id, sole) VALUES ('{account}', 'technical', '{other}', FALSE)",
    ),
    (
        "the primary holder is of the account",
        "UPDATE role_primaries SET contact_id = '{other}' WHERE account_id = '{account}'",
    ),
    (
        "a member is a contact of the account",
        "UPDATE memberships SET contact_id = '{other}' WHERE user_id = '{member_user}'",
    ),
    (
        "two members are not one contact",
        "UPDATE memberships SET contact_id = '{owner}' WHERE user_id = '{member_user}'",
    ),
    (
        "an address is of a contact of the account",
        "UPDATE contact_addresses SET contact_id = '{other}' WHERE contact_id = '{contact}'",
    ),
    (
        "an address stands under one contact",
        "UPDATE contact_addresses SET address_key = (SELECT address_key FROM contacts WHERE id = '{owner}')
         WHERE contact_id = '{contact}'",
    ),
    (
        "a primary holder is verified",
        "UPDATE role_primaries SET contact_id = '{contact}' WHERE account_id = '{account}'",
    ),
    (
        "an event is never changed",
        "UPDATE audit_events SET data = '{}' WHERE account_id = '{account}'",
    ),
    (
        "an event is never removed",
        "DELETE FROM audit_events WHERE account_id = '{account}'",
    ),
    (
        "a session has one token to go on with",
        "INSERT INTO refresh_tokens (hash, session_id, created_at)
         SELECT 'second', id, created_at FROM sessions WHERE user_id = '{user}'",
    ),
];

#[tokio::test]
async fn the_schema_refuses_what_crosses_accounts() {
    let place = place();
    let (one, other) = (plant(&place, "one").await, plant(&place, "other").await);
    for (rule, sql) in FOREIGN {
        let sql = sql
            .replace("{other}", &other.ids.contact.to_string())
            .replace("{other_user}", &other.ids.user.to_string());
        let refused = refused_by_hand(&place, &one.fill(&sql)).to_lowercase();
        assert!(
            ["constraint", "never"].iter().any(|word| refused.contains(word)),
            "{rule}: {refused}"
        );
    }
    sound(&place.store, moment(4)).await;
}
