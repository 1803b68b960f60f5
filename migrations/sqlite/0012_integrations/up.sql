-- Machine callers of the provider, apart from every customer, and their keys. What is stored of a key's secret is its
-- SHA-256: it has 256 random bits, so that nobody finds it from there.

CREATE TABLE integrations (
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    scopes TEXT NOT NULL,
    revision INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    disabled_at TEXT,
    PRIMARY KEY (id),
    UNIQUE (name),
    CHECK (length(id) > 0 AND length(name) > 0 AND length(scopes) > 0),
    CHECK (revision >= 1)
) STRICT;

CREATE TABLE integration_keys (
    id TEXT NOT NULL,
    integration_id TEXT NOT NULL,
    mode TEXT NOT NULL,
    secret_hash TEXT NOT NULL,
    created_at TEXT NOT NULL,
    expires_at TEXT,
    last_used_at TEXT,
    PRIMARY KEY (id),
    UNIQUE (secret_hash),
    CHECK (length(id) > 0),
    CHECK (length(secret_hash) = 64),
    CHECK (mode IN ('live', 'test')),
    FOREIGN KEY (integration_id) REFERENCES integrations (id)
) STRICT;
CREATE INDEX integration_keys_by_integration ON integration_keys (integration_id);
