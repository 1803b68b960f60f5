-- Sessions of users, and the links that are sent by mail.

CREATE TABLE sessions (
    id TEXT COLLATE "C" NOT NULL,
    user_id TEXT COLLATE "C" NOT NULL,
    created_at TIMESTAMP NOT NULL,
    last_used_at TIMESTAMP NOT NULL,
    expires_at TIMESTAMP NOT NULL,
    ended_at TIMESTAMP,
    end_reason TEXT COLLATE "C",
    user_agent TEXT COLLATE "C",
    network TEXT COLLATE "C",
    PRIMARY KEY (id),
    CHECK (length(id) > 0),
    CHECK ((ended_at IS NULL) = (end_reason IS NULL)),
    FOREIGN KEY (user_id) REFERENCES users (id)
);
CREATE INDEX sessions_by_user ON sessions (user_id, created_at, id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

-- One unspent token per session at most. Only the hash is kept.
CREATE TABLE refresh_tokens (
    hash TEXT COLLATE "C" NOT NULL,
    session_id TEXT COLLATE "C" NOT NULL,
    created_at TIMESTAMP NOT NULL,
    spent_at TIMESTAMP,
    successor_salt TEXT COLLATE "C",
    PRIMARY KEY (hash),
    CHECK (length(hash) > 0),
    CHECK ((spent_at IS NULL) = (successor_salt IS NULL)),
    FOREIGN KEY (session_id) REFERENCES sessions (id)
);
CREATE UNIQUE INDEX refresh_tokens_unspent ON refresh_tokens (session_id) WHERE spent_at IS NULL;
CREATE INDEX refresh_tokens_by_session ON refresh_tokens (session_id);

CREATE TABLE sign_ups (
    id TEXT COLLATE "C" NOT NULL,
    address TEXT COLLATE "C" NOT NULL,
    address_key TEXT COLLATE "C" NOT NULL,
    details TEXT COLLATE "C" NOT NULL,
    created_at TIMESTAMP NOT NULL,
    expires_at TIMESTAMP NOT NULL,
    used_at TIMESTAMP,
    PRIMARY KEY (id),
    CHECK (length(id) > 0 AND length(address) > 0 AND length(address_key) > 0
        AND length(details) > 0)
);
CREATE INDEX sign_ups_by_address ON sign_ups (address_key, created_at);
CREATE INDEX sign_ups_by_expiry ON sign_ups (expires_at);

CREATE TABLE password_resets (
    id TEXT COLLATE "C" NOT NULL,
    user_id TEXT COLLATE "C" NOT NULL,
    address_key TEXT COLLATE "C" NOT NULL,
    created_at TIMESTAMP NOT NULL,
    expires_at TIMESTAMP NOT NULL,
    used_at TIMESTAMP,
    PRIMARY KEY (id),
    CHECK (length(id) > 0 AND length(address_key) > 0),
    FOREIGN KEY (user_id) REFERENCES users (id)
);
CREATE INDEX password_resets_by_user ON password_resets (user_id, created_at);
CREATE INDEX password_resets_by_address ON password_resets (address_key, created_at);
CREATE INDEX password_resets_by_expiry ON password_resets (expires_at);

CREATE TABLE contact_verifications (
    id TEXT COLLATE "C" NOT NULL,
    account_id TEXT COLLATE "C" NOT NULL,
    contact_id TEXT COLLATE "C" NOT NULL,
    address_key TEXT COLLATE "C" NOT NULL,
    created_at TIMESTAMP NOT NULL,
    expires_at TIMESTAMP NOT NULL,
    used_at TIMESTAMP,
    PRIMARY KEY (id),
    CHECK (length(id) > 0 AND length(address_key) > 0),
    FOREIGN KEY (account_id, contact_id) REFERENCES contacts (account_id, id)
);
CREATE INDEX contact_verifications_by_contact
    ON contact_verifications (account_id, contact_id, created_at);
CREATE INDEX contact_verifications_by_expiry ON contact_verifications (expires_at);
