-- Sessions of users, and the links that are sent by mail.

CREATE TABLE sessions (
    id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    created_at TEXT NOT NULL,
    last_used_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    ended_at TEXT,
    end_reason TEXT,
    user_agent TEXT,
    network TEXT,
    PRIMARY KEY (id),
    CHECK (length(id) > 0),
    CHECK ((ended_at IS NULL) = (end_reason IS NULL)),
    FOREIGN KEY (user_id) REFERENCES users (id)
) STRICT;
CREATE INDEX sessions_by_user ON sessions (user_id, created_at, id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

-- One unspent token per session at most. Only the hash is kept.
CREATE TABLE refresh_tokens (
    hash TEXT NOT NULL,
    session_id TEXT NOT NULL,
    created_at TEXT NOT NULL,
    spent_at TEXT,
    successor_salt TEXT,
    PRIMARY KEY (hash),
    CHECK (length(hash) > 0),
    CHECK ((spent_at IS NULL) = (successor_salt IS NULL)),
    FOREIGN KEY (session_id) REFERENCES sessions (id)
) STRICT;
CREATE UNIQUE INDEX refresh_tokens_unspent ON refresh_tokens (session_id) WHERE spent_at IS NULL;
CREATE INDEX refresh_tokens_by_session ON refresh_tokens (session_id);

CREATE TABLE sign_ups (
    id TEXT NOT NULL,
    address TEXT NOT NULL,
    address_key TEXT NOT NULL,
    details TEXT NOT NULL,
    created_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    used_at TEXT,
    PRIMARY KEY (id),
    CHECK (length(id) > 0 AND length(address) > 0 AND length(address_key) > 0
        AND length(details) > 0)
) STRICT;
CREATE INDEX sign_ups_by_address ON sign_ups (address_key, created_at);
CREATE INDEX sign_ups_by_expiry ON sign_ups (expires_at);

CREATE TABLE password_resets (
    id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    address_key TEXT NOT NULL,
    created_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    used_at TEXT,
    PRIMARY KEY (id),
    CHECK (length(id) > 0 AND length(address_key) > 0),
    FOREIGN KEY (user_id) REFERENCES users (id)
) STRICT;
CREATE INDEX password_resets_by_user ON password_resets (user_id, created_at);
CREATE INDEX password_resets_by_address ON password_resets (address_key, created_at);
CREATE INDEX password_resets_by_expiry ON password_resets (expires_at);

CREATE TABLE contact_verifications (
    id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    contact_id TEXT NOT NULL,
    address_key TEXT NOT NULL,
    created_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    used_at TEXT,
    PRIMARY KEY (id),
    CHECK (length(id) > 0 AND length(address_key) > 0),
    FOREIGN KEY (account_id, contact_id) REFERENCES contacts (account_id, id)
) STRICT;
CREATE INDEX contact_verifications_by_contact
    ON contact_verifications (account_id, contact_id, created_at);
CREATE INDEX contact_verifications_by_expiry ON contact_verifications (expires_at);
