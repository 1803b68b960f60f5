-- The provider's staff. They have log-ins of their own, apart from those of customers.

CREATE TABLE operators (
    id TEXT COLLATE "C" NOT NULL,
    address TEXT COLLATE "C" NOT NULL,
    address_key TEXT COLLATE "C" NOT NULL,
    display_name TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    password_hash TEXT COLLATE "C" NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (address_key),
    CHECK (length(id) > 0 AND length(address) > 0 AND length(address_key) > 0
        AND length(display_name) > 0 AND length(password_hash) > 0),
    CHECK (kind IN ('support', 'admin')),
    CHECK (status IN ('active', 'suspended'))
);
