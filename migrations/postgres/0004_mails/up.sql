-- Mails that wait to be sent. A worker claims a row for a while; the claim of a worker that died
-- runs out.

CREATE TABLE mails (
    id TEXT COLLATE "C" NOT NULL,
    contact_id TEXT COLLATE "C",
    address TEXT COLLATE "C" NOT NULL,
    address_key TEXT COLLATE "C" NOT NULL,
    language TEXT COLLATE "C" NOT NULL,
    message TEXT COLLATE "C" NOT NULL,
    created_at TIMESTAMP NOT NULL,
    attempts INTEGER NOT NULL,
    next_attempt_at TIMESTAMP NOT NULL,
    claimed_until TIMESTAMP,
    sent_at TIMESTAMP,
    failed_at TIMESTAMP,
    last_error TEXT COLLATE "C",
    PRIMARY KEY (id),
    CHECK (length(id) > 0 AND length(address) > 0 AND length(address_key) > 0
        AND length(message) > 0),
    CHECK (language IN ('en', 'fr')),
    CHECK (attempts >= 0),
    CHECK (sent_at IS NULL OR failed_at IS NULL)
);
CREATE INDEX mails_due ON mails (next_attempt_at, id) WHERE sent_at IS NULL AND failed_at IS NULL;
CREATE INDEX mails_by_address ON mails (address_key, created_at);
CREATE INDEX mails_by_age ON mails (created_at);
CREATE INDEX mails_by_contact ON mails (contact_id) WHERE contact_id IS NOT NULL;
