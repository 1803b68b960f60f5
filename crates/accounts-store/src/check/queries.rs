//! The questions that one query each can answer, in SQL that both databases read alike.

use chrono::TimeDelta;

use super::Query;

/// How far ahead of now the service sets a time of its own making at most. Claims last minutes.
pub(super) const AHEAD: TimeDelta = TimeDelta::days(1);

/// Makes of a query for `id`s one that lists the first of them and counts all.
macro_rules! listed {
    ($sql:literal) => {
        concat!(
            "SELECT id, count(*) OVER () AS total FROM (",
            $sql,
            ") AS found ORDER BY id LIMIT 20"
        )
    };
}
pub(super) use listed;

macro_rules! queries {
    ($($key:literal, $sentence:literal, $sql:literal;)*) => {
        &[$(Query { key: $key, sentence: $sentence, sql: listed!($sql) }),*]
    };
}

/// What can be asked without knowing the catalog or the time.
pub(super) const ALL: &[Query] = queries! {
    "account-without-owner", "An account has no owner.",
    "SELECT a.id FROM accounts a LEFT JOIN owners o ON o.account_id = a.id WHERE o.account_id IS NULL";

    "owner-without-account", "Somebody owns an account that is not there.",
    "SELECT o.account_id AS id FROM owners o LEFT JOIN accounts a ON a.id = o.account_id WHERE a.id IS NULL";

    "owner-not-a-contact", "The owner of an account is no contact of it.",
    "SELECT o.account_id AS id FROM owners o
     LEFT JOIN contacts c ON c.account_id = o.account_id AND c.id = o.contact_id
     WHERE c.id IS NULL";

    "owner-without-login", "The owner of an account has no login in it.",
    "SELECT o.account_id AS id FROM owners o
     JOIN accounts a ON a.id = o.account_id
     LEFT JOIN memberships m
     ON m.account_id = o.account_id AND m.user_id = o.user_id AND m.contact_id = o.contact_id
     WHERE m.user_id IS NULL
     AND NOT (a.external_id IS NOT NULL AND o.user_id IS NULL AND o.verified IS NULL)";

    "key-without-member", "The maker of an API key of an account is no member of it.",
    "SELECT k.id FROM api_keys k
     LEFT JOIN memberships m ON m.account_id = k.account_id AND m.user_id = k.user_id
     WHERE k.account_id IS NOT NULL AND m.user_id IS NULL";

    "owner-held-back", "The owner's login in an account is suspended or ends by itself.",
    "SELECT o.account_id AS id FROM owners o
     JOIN memberships m ON m.account_id = o.account_id AND m.contact_id = o.contact_id
     WHERE m.status <> 'active' OR m.expires_at IS NOT NULL";

    // An account that an integration opened waits for its owner to follow the activation mail.
    "owner-not-verified", "The owner of an account is not verified.",
    "SELECT o.account_id AS id FROM owners o
     JOIN accounts a ON a.id = o.account_id
     JOIN contacts c ON c.account_id = o.account_id AND c.id = o.contact_id
     WHERE coalesce(o.verified, FALSE) <> c.verified OR (a.external_id IS NULL AND NOT c.verified)";

    "primary-not-a-holder", "The primary holder of a role does not hold it.",
    "SELECT p.account_id || ' ' || p.role AS id FROM role_primaries p
     LEFT JOIN role_holders h
     ON h.account_id = p.account_id AND h.role = p.role AND h.contact_id = p.contact_id
     WHERE h.contact_id IS NULL";

    "primary-not-verified", "The primary holder of a role is not verified.",
    "SELECT p.account_id || ' ' || p.role AS id FROM role_primaries p
     LEFT JOIN contacts c ON c.account_id = p.account_id AND c.id = p.contact_id
     WHERE c.id IS NULL OR NOT c.verified";

    "holder-not-a-contact", "A role is held by somebody who is no contact of the account.",
    "SELECT h.account_id || ' ' || h.role AS id FROM role_holders h
     LEFT JOIN contacts c ON c.account_id = h.account_id AND c.id = h.contact_id
     WHERE c.id IS NULL";

    "contact-without-account", "A contact belongs to an account that is not there.",
    "SELECT c.id FROM contacts c LEFT JOIN accounts a ON a.id = c.account_id WHERE a.id IS NULL";

    "contact-without-address", "The main address of a contact is not among its addresses.",
    "SELECT c.id FROM contacts c
     LEFT JOIN contact_addresses a
     ON a.account_id = c.account_id AND a.contact_id = c.id AND a.address_key = c.address_key
     WHERE a.address_key IS NULL";

    "contact-verification-differs", "A contact and its main address disagree whether it is verified.",
    "SELECT c.id FROM contacts c
     JOIN contact_addresses a
     ON a.account_id = c.account_id AND a.contact_id = c.id AND a.address_key = c.address_key
     WHERE a.verified <> c.verified OR a.verified <> (a.verified_at IS NOT NULL)";

    "pending-address-missing", "The address that is to become a contact's main one is not among its addresses.",
    "SELECT c.id FROM contacts c
     LEFT JOIN contact_addresses a
     ON a.account_id = c.account_id AND a.contact_id = c.id AND a.address_key = c.pending_address_key
     WHERE c.pending_address_key IS NOT NULL AND a.address_key IS NULL";

    "pending-address-of-unverified", "An address waits to replace one that is not verified.",
    "SELECT c.id FROM contacts c WHERE c.pending_address_key IS NOT NULL AND NOT c.verified";

    "detail-without-contact", "An address, a telephone, a subscription or a link belongs to a contact that is not there.",
    "SELECT d.contact_id AS id FROM (
         SELECT account_id, contact_id FROM contact_addresses
         UNION SELECT account_id, contact_id FROM contact_phones
         UNION SELECT account_id, contact_id FROM contact_subscriptions
         UNION SELECT account_id, contact_id FROM contact_verifications
     ) d
     LEFT JOIN contacts c ON c.account_id = d.account_id AND c.id = d.contact_id
     WHERE c.id IS NULL";

    "link-of-no-address", "An unused link proves an address that its contact does not have.",
    "SELECT v.id FROM contact_verifications v
     LEFT JOIN contact_addresses a
     ON a.account_id = v.account_id AND a.contact_id = v.contact_id AND a.address_key = v.address_key
     WHERE v.used_at IS NULL AND a.address_key IS NULL";

    "too-many-contacts", "An account has more than 1,000 contacts.",
    "SELECT account_id AS id FROM contacts GROUP BY account_id HAVING count(*) > 1000";

    "membership-without-account", "A member belongs to an account that is not there.",
    "SELECT m.account_id || ' ' || m.user_id AS id FROM memberships m
     LEFT JOIN accounts a ON a.id = m.account_id WHERE a.id IS NULL";

    "membership-without-user", "A member is a user who is not there.",
    "SELECT m.account_id || ' ' || m.user_id AS id FROM memberships m
     LEFT JOIN users u ON u.id = m.user_id WHERE u.id IS NULL";

    "membership-without-contact", "A member is a contact that is not there.",
    "SELECT m.account_id || ' ' || m.user_id AS id FROM memberships m
     LEFT JOIN contacts c ON c.account_id = m.account_id AND c.id = m.contact_id
     WHERE m.contact_id IS NOT NULL AND c.id IS NULL";

    "subscription-without-member", "Somebody subscribes to a category who is no member.",
    "SELECT s.account_id || ' ' || s.user_id AS id FROM member_subscriptions s
     LEFT JOIN memberships m ON m.account_id = s.account_id AND m.user_id = s.user_id WHERE m.user_id IS NULL";

    "contact-of-several-members", "Several members of an account are one contact.",
    "SELECT contact_id AS id FROM memberships
     WHERE contact_id IS NOT NULL GROUP BY account_id, contact_id HAVING count(*) > 1";

    "several-pending-transfers", "Several ownership transfers of an account are pending.",
    "SELECT account_id AS id FROM ownership_transfers
     WHERE status = 'pending' GROUP BY account_id HAVING count(*) > 1";

    "transfer-to-nobody", "An account is offered to somebody who is no contact of it, or owns it.",
    "SELECT t.id FROM ownership_transfers t
     LEFT JOIN contacts c ON c.account_id = t.account_id AND c.id = t.to_contact_id
     LEFT JOIN owners o ON o.account_id = t.account_id AND o.contact_id = t.to_contact_id
     WHERE t.status = 'pending' AND (c.id IS NULL OR o.contact_id IS NOT NULL)";

    // One without a login may be offered an account: by a catalog that gives contacts none, until the offer ends.
    "transfer-to-held-back", "An account is offered to a contact that is not verified, or whose login is suspended or ends.",
    "SELECT t.id FROM ownership_transfers t
     JOIN contacts c ON c.account_id = t.account_id AND c.id = t.to_contact_id
     LEFT JOIN memberships m ON m.account_id = t.account_id AND m.contact_id = t.to_contact_id
     WHERE t.status = 'pending' AND (NOT c.verified OR m.status <> 'active' OR m.expires_at IS NOT NULL)";

    "transfer-from-another", "An account is offered by somebody who does not own it.",
    "SELECT t.id FROM ownership_transfers t
     LEFT JOIN owners o ON o.account_id = t.account_id AND o.contact_id = t.from_contact_id
     WHERE t.status = 'pending' AND o.contact_id IS NULL";

    "several-pending-invitations", "Several invitations of an account to one address are pending.",
    "SELECT account_id AS id FROM invitations
     WHERE status = 'pending' GROUP BY account_id, address_key HAVING count(*) > 1";

    "invitation-without-account", "An invitation belongs to an account that is not there.",
    "SELECT i.id FROM invitations i LEFT JOIN accounts a ON a.id = i.account_id WHERE a.id IS NULL";

    "invitation-for-nobody", "A pending invitation is for a contact that is not there, or logs in already.",
    "SELECT i.id FROM invitations i
     LEFT JOIN contacts c ON c.account_id = i.account_id AND c.id = i.contact_id
     LEFT JOIN memberships m ON m.account_id = i.account_id AND m.contact_id = i.contact_id
     WHERE i.status = 'pending' AND i.contact_id IS NOT NULL AND (c.id IS NULL OR m.user_id IS NOT NULL)";

    "invitation-by-nobody", "A pending invitation was made by somebody who is no member of the account.",
    "SELECT i.id FROM invitations i
     LEFT JOIN memberships m ON m.account_id = i.account_id AND m.user_id = i.inviter_id
     WHERE i.status = 'pending' AND i.inviter_id IS NOT NULL AND m.user_id IS NULL";

    "request-of-a-member", "Somebody waits for access to an account who is a member of it.",
    "SELECT r.id FROM join_requests r
     JOIN memberships m ON m.account_id = r.account_id AND m.user_id = r.user_id
     WHERE r.status = 'waiting'";

    "request-of-nobody", "A request to join is of a user, or for an account, that is not there.",
    "SELECT r.id FROM join_requests r
     LEFT JOIN users u ON u.id = r.user_id
     LEFT JOIN accounts a ON a.id = r.account_id
     WHERE u.id IS NULL OR (r.account_id IS NOT NULL AND a.id IS NULL)";

    "review-without-account", "A review is of an account that is not there.",
    "SELECT r.id FROM account_reviews r LEFT JOIN accounts a ON a.id = r.account_id WHERE a.id IS NULL";

    "review-without-event", "A review was done of which the events of its account tell nothing.",
    "SELECT r.id FROM account_reviews r
     LEFT JOIN audit_events e
     ON e.account_id = r.account_id AND e.kind = 'account.reviewed' AND e.at = r.reviewed_at
     JOIN audit_horizon h ON r.reviewed_at >= h.moment
     WHERE e.id IS NULL";

    "integration-key-of-none", "A key belongs to an integration that is not there.",
    "SELECT k.id FROM integration_keys k
     LEFT JOIN integrations i ON i.id = k.integration_id WHERE i.id IS NULL";

    "webhook-of-none", "A webhook belongs to an integration that is not there.",
    "SELECT w.id FROM webhooks w
     LEFT JOIN integrations i ON i.id = w.integration_id WHERE i.id IS NULL";

    "delivery-of-none", "A delivery is for a webhook, or of an event, that is not there.",
    "SELECT d.id FROM webhook_deliveries d
     LEFT JOIN webhooks w ON w.id = d.webhook_id
     LEFT JOIN audit_events e ON e.id = d.event_id
     WHERE w.id IS NULL OR (d.event_id IS NOT NULL AND e.id IS NULL)";

    "event-not-in-feed", "An event of an account or of a user is not in the feed.",
    "SELECT e.id FROM audit_events e
     LEFT JOIN feed f ON f.event_id = e.id
     WHERE (e.account_id IS NOT NULL OR e.user_id IS NOT NULL) AND f.event_id IS NULL";

    "feed-without-event", "The feed has an event that is not there.",
    "SELECT f.event_id AS id FROM feed f
     LEFT JOIN audit_events e ON e.id = f.event_id WHERE e.id IS NULL";

    "account-revision-gap", "The events of an account do not account for each of its revisions.",
    "SELECT a.id FROM accounts a
     LEFT JOIN (
         SELECT account_id, max(revision) AS latest, count(DISTINCT revision) AS decisions
         FROM audit_events WHERE account_id IS NOT NULL GROUP BY account_id
     ) e ON e.account_id = a.id
     LEFT JOIN audit_trimmed t ON t.log_id = a.id
     WHERE coalesce(e.latest, t.revision, 0) <> a.revision
     OR coalesce(e.decisions, 0) + coalesce(t.revision, 0) <> a.revision";

    "user-revision-gap", "The events of a user do not account for each of its revisions.",
    "SELECT u.id FROM users u
     LEFT JOIN (
         SELECT user_id, max(revision) AS latest, count(DISTINCT revision) AS decisions
         FROM audit_events WHERE user_id IS NOT NULL GROUP BY user_id
     ) e ON e.user_id = u.id
     LEFT JOIN audit_trimmed t ON t.log_id = u.id
     WHERE coalesce(e.latest, t.revision, 0) <> u.revision
     OR coalesce(e.decisions, 0) + coalesce(t.revision, 0) <> u.revision";

    "event-left-behind", "An event is still there of those that are said to be gone.",
    "SELECT e.id FROM audit_events e JOIN audit_trimmed t
     ON t.log_id = coalesce(e.account_id, e.user_id) AND e.revision <= t.revision";

    "event-missing", "A decision lacks some of its events.",
    "SELECT coalesce(account_id, user_id) || ' revision ' || revision AS id FROM audit_events
     WHERE account_id IS NOT NULL OR user_id IS NOT NULL
     GROUP BY account_id, user_id, revision HAVING max(position) + 1 <> count(*)";

    "event-without-account", "An event belongs to an account that is not there.",
    "SELECT e.id FROM audit_events e
     LEFT JOIN accounts a ON a.id = e.account_id WHERE e.account_id IS NOT NULL AND a.id IS NULL";

    "value-without-event", "A personal value stands beside an event that is not there.",
    "SELECT v.event_id AS id FROM audit_values v
     LEFT JOIN audit_events e ON e.id = v.event_id WHERE e.id IS NULL";

    "session-without-user", "A session or a reset link belongs to a user who is not there.",
    "SELECT s.id FROM (SELECT id, user_id FROM sessions UNION SELECT id, user_id FROM password_resets) s
     LEFT JOIN users u ON u.id = s.user_id WHERE u.id IS NULL";

    "factor-without-user", "A second factor, or a log-in that waits for one, belongs to a user who is not there.",
    "SELECT DISTINCT f.user_id AS id
     FROM (SELECT user_id FROM second_factors UNION SELECT user_id FROM second_factor_challenges) f
     LEFT JOIN users u ON u.id = f.user_id WHERE u.id IS NULL";

    "challenge-without-factor", "A log-in waits for the code of a second factor that is not in force.",
    "SELECT c.id FROM second_factor_challenges c
     LEFT JOIN second_factors f ON f.user_id = c.user_id AND f.confirmed_at IS NOT NULL
     WHERE f.user_id IS NULL";

    "token-without-session", "A refresh token belongs to a session that is not there.",
    "SELECT DISTINCT t.session_id AS id FROM refresh_tokens t
     LEFT JOIN sessions s ON s.id = t.session_id WHERE s.id IS NULL";

    "session-without-token", "A session that has not ended has no token to go on with, or several.",
    "SELECT s.id FROM sessions s
     LEFT JOIN refresh_tokens t ON t.session_id = s.id AND t.spent_at IS NULL
     WHERE s.ended_at IS NULL AND s.operator_id IS NULL GROUP BY s.id HAVING count(t.hash) <> 1";

    "impersonation-with-token", "A session of an operator in a person's place has a token to go on with.",
    "SELECT s.id FROM sessions s JOIN refresh_tokens t ON t.session_id = s.id WHERE s.operator_id IS NOT NULL";

    "operator-session-without-operator", "A session of an operator belongs to nobody.",
    "SELECT s.id FROM operator_sessions s LEFT JOIN operators o ON o.id = s.operator_id WHERE o.id IS NULL";
};

/// What can be asked knowing the time: the parameter lies [`AHEAD`] of it.
pub(super) const AT_A_MOMENT: &[Query] = queries! {
    "mail-claimed-too-long", "A mail is claimed until long from now, so that nobody sends it.",
    "SELECT m.id FROM mails m WHERE m.claimed_until > $1 AND m.sent_at IS NULL AND m.failed_at IS NULL";

    "kept-answer-ahead", "A kept answer is of a time to come, so that it would stay too long.",
    "SELECT DISTINCT k.caller || ' ' || k.method || ' ' || k.path AS id FROM idempotency_keys k
     WHERE k.created_at > $1";

    "throttle-ahead", "A counter begins long from now, so that its window would not end.",
    "SELECT 'throttles' AS id FROM throttles t WHERE t.window_started_at > $1";
};
