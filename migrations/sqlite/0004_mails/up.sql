-- Mails that wait to be sent. A worker claims a row for a while; the claim of a worker that died
-- runs out.

CREATE TABLE mails (
    id TEXT NOT NULL,
    contact_id TEXT,
    address TEXT NOT NULL,
    address_key TEXT NOT NULL,
    language TEXT NOT NULL,
    message TEXT NOT NULL,
    created_at TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    next_attempt_at TEXT NOT NULL,
    claimed_until TEXT,
    sent_at TEXT,
    failed_at TEXT,
    last_error TEXT,
    PRIMARY KEY (id),
    CHECK (length(id) > 0 AND length(address) > 0 AND length(address_key) > 0
        AND length(message) > 0),
    CHECK (language IN ('en', 'fr')),
    CHECK (attempts >= 0),
    CHECK (sent_at IS NULL OR failed_at IS NULL)
) STRICT;
CREATE INDEX mails_due ON mails (next_attempt_at, id) WHERE sent_at IS NULL AND failed_at IS NULL;
CREATE INDEX mails_by_address ON mails (address_key, created_at);
CREATE INDEX mails_by_age ON mails (created_at);
CREATE INDEX mails_by_contact ON mails (contact_id) WHERE contact_id IS NOT NULL;
