-- What scripts and other systems call with. A key of an account goes with its maker's membership. What is stored of the
-- secret is its SHA-256: it has 256 random bits, so that nobody finds it from there.

CREATE TABLE api_keys (
    id TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    account_id TEXT COLLATE "C",
    user_id TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    mode TEXT COLLATE "C" NOT NULL,
    permissions TEXT COLLATE "C" NOT NULL,
    accounts TEXT COLLATE "C",
    secret_hash TEXT COLLATE "C" NOT NULL,
    created_at TIMESTAMP NOT NULL,
    expires_at TIMESTAMP,
    last_used_at TIMESTAMP,
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
);
CREATE INDEX api_keys_by_user ON api_keys (user_id);
CREATE INDEX api_keys_by_account ON api_keys (account_id, user_id);
