-- When a session last proved who uses it, and changes of the address that a user logs in with.

-- Nothing is said of sessions that instances of the former version begin: they proved it when they began.
ALTER TABLE sessions ADD COLUMN authenticated_at TIMESTAMP;

-- A change waits for the new address to be proven; once it was, the old address may undo it for a while.
CREATE TABLE email_changes (
    id TEXT COLLATE "C" NOT NULL,
    user_id TEXT COLLATE "C" NOT NULL,
    from_address TEXT COLLATE "C" NOT NULL,
    from_address_key TEXT COLLATE "C" NOT NULL,
    address TEXT COLLATE "C" NOT NULL,
    address_key TEXT COLLATE "C" NOT NULL,
    created_at TIMESTAMP NOT NULL,
    expires_at TIMESTAMP NOT NULL,
    undo_until TIMESTAMP,
    ended_at TIMESTAMP,
    PRIMARY KEY (id),
    CHECK (length(id) > 0 AND length(from_address) > 0 AND length(from_address_key) > 0
        AND length(address) > 0 AND length(address_key) > 0),
    CHECK (from_address_key <> address_key),
    FOREIGN KEY (user_id) REFERENCES users (id)
);
CREATE UNIQUE INDEX email_changes_pending ON email_changes (user_id)
    WHERE undo_until IS NULL AND ended_at IS NULL;
CREATE INDEX email_changes_by_user ON email_changes (user_id, created_at);
CREATE INDEX email_changes_by_expiry ON email_changes (expires_at);
