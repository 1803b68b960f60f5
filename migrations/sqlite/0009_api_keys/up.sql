-- What scripts and other systems call with. A key of an account goes with its maker's membership. What is stored of the
-- secret is its SHA-256: it has 256 random bits, so that nobody finds it from there.

CREATE TABLE api_keys (
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    account_id TEXT,
    user_id TEXT NOT NULL,
    name TEXT NOT NULL,
    mode TEXT NOT NULL,
    permissions TEXT NOT NULL,
    accounts TEXT,
    secret_hash TEXT NOT NULL,
    created_at TEXT NOT NULL,
    expires_at TEXT,
    last_used_at TEXT,
    PRIMARY KEY (id),
    UNIQUE (secret_hash),
    CHECK (length(id) > 0 AND length(name) > 0 AND length(permissions) > 0),
    CHECK (length(secret_hash) = 64),
    CHECK (kind IN ('user', 'account')),
    CHECK ((kind = 'account') = (account_id IS NOT NULL)),
    CHECK (kind = 'user' OR accounts IS NULL),
    CHECK (mode IN ('live', 'test')),
    FOREIGN KEY (user_id) REFERENCES users (id),
    FOREIGN KEY (account_id, user_id) REFERENCES memberships (account_id, user_id)
) STRICT;
CREATE INDEX api_keys_by_user ON api_keys (user_id);
CREATE INDEX api_keys_by_account ON api_keys (account_id, user_id);
