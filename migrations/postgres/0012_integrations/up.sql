-- Machine callers of the provider, apart from every customer, and their keys. What is stored of a key's secret is its
-- SHA-256: it has 256 random bits, so that nobody finds it from there.

CREATE TABLE integrations (
    id TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    scopes TEXT COLLATE "C" NOT NULL,
    revision BIGINT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    disabled_at TIMESTAMP,
    PRIMARY KEY (id),
    UNIQUE (name),
    CHECK (length(id) > 0 AND length(name) > 0 AND length(scopes) > 0),
    CHECK (revision >= 1)
);

CREATE TABLE integration_keys (
    id TEXT COLLATE "C" NOT NULL,
    integration_id TEXT COLLATE "C" NOT NULL,
    mode TEXT COLLATE "C" NOT NULL,
    secret_hash TEXT COLLATE "C" NOT NULL,
    created_at TIMESTAMP NOT NULL,
    expires_at TIMESTAMP,
    last_used_at TIMESTAMP,
    PRIMARY KEY (id),
    UNIQUE (secret_hash),
    CHECK (length(id) > 0),
    CHECK (length(secret_hash) = 64),
    CHECK (mode IN ('live', 'test')),
    FOREIGN KEY (integration_id) REFERENCES integrations (id)
);
CREATE INDEX integration_keys_by_integration ON integration_keys (integration_id);
