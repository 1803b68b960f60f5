-- The provider's staff. They have log-ins of their own, apart from those of customers.

CREATE TABLE operators (
    id TEXT NOT NULL,
    address TEXT NOT NULL,
    address_key TEXT NOT NULL,
    display_name TEXT NOT NULL,
    kind TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    status TEXT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (address_key),
    CHECK (length(id) > 0 AND length(address) > 0 AND length(address_key) > 0
        AND length(display_name) > 0 AND length(password_hash) > 0),
    CHECK (kind IN ('support', 'admin')),
    CHECK (status IN ('active', 'suspended'))
) STRICT;
