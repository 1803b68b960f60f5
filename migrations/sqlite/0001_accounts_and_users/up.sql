-- Accounts, their owners and contacts, the roles that contacts hold, users and memberships.
--
-- STRICT tables: a BOOLEAN is an INTEGER of 0 or 1, and a TIMESTAMP is a TEXT in UTC, written by
-- the service as `2026-01-31 23:59:59.000001` with no, three or six decimals: whole seconds and
-- milliseconds drop the zeros that follow. The dropped digits are zeros, and the end of a text
-- sorts before any digit: so the order of the texts is the order of the instants, and equal instants
-- are equal texts. No SQL here makes a time itself.

CREATE TABLE users (
    id TEXT NOT NULL,
    address TEXT NOT NULL,
    address_key TEXT NOT NULL,
    display_name TEXT NOT NULL,
    language TEXT NOT NULL,
    password_hash TEXT,
    status TEXT NOT NULL,
    revision INTEGER NOT NULL,
    version INTEGER NOT NULL,
    password_changed_at TEXT,
    last_login_at TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (address_key),
    CHECK (length(id) > 0 AND length(address) > 0 AND length(address_key) > 0
        AND length(display_name) > 0),
    CHECK (language IN ('en', 'fr')),
    CHECK (status IN ('active', 'suspended')),
    CHECK (revision >= 0 AND version >= 0)
) STRICT;

CREATE TABLE accounts (
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    sort_key TEXT NOT NULL,
    language TEXT NOT NULL,
    phone TEXT,
    postal_address TEXT,
    tax_id TEXT,
    external_id TEXT,
    status TEXT NOT NULL,
    contact_limit INTEGER,
    revision INTEGER NOT NULL,
    version INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (external_id),
    CHECK (length(id) > 0 AND length(name) > 0),
    CHECK (external_id IS NULL OR length(external_id) > 0),
    CHECK (language IN ('en', 'fr')),
    CHECK (status IN ('active', 'suspended', 'closed')),
    CHECK (contact_limit IS NULL OR contact_limit BETWEEN 1 AND 1000),
    CHECK (revision >= 0 AND version >= 0),
    -- An account without an owner cannot be committed.
    CONSTRAINT accounts_owner FOREIGN KEY (id)
        REFERENCES owners (account_id) DEFERRABLE INITIALLY DEFERRED
) STRICT;
CREATE INDEX accounts_by_name ON accounts (sort_key, id);

CREATE TABLE contacts (
    account_id TEXT NOT NULL,
    id TEXT NOT NULL,
    display_name TEXT NOT NULL,
    first_name TEXT,
    last_name TEXT,
    title TEXT,
    language TEXT NOT NULL,
    sort_key TEXT NOT NULL,
    address_key TEXT NOT NULL,
    verified INTEGER NOT NULL CHECK (verified IN (0, 1)),
    pending_address_key TEXT,
    login_requested INTEGER NOT NULL CHECK (login_requested IN (0, 1)),
    login_permissions TEXT,
    version INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (account_id, id),
    UNIQUE (account_id, id, verified),
    CHECK (length(id) > 0 AND length(display_name) > 0),
    CHECK (language IN ('en', 'fr')),
    CHECK (login_requested OR login_permissions IS NULL),
    CHECK (pending_address_key IS NULL OR pending_address_key <> address_key),
    CHECK (version >= 0),
    FOREIGN KEY (account_id) REFERENCES accounts (id),
    -- The main address and the one that waits to become it are addresses of this contact, and the
    -- contact is verified exactly when its main address is.
    CONSTRAINT contacts_main_address FOREIGN KEY (account_id, id, address_key, verified)
        REFERENCES contact_addresses (account_id, contact_id, address_key, verified)
        DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT contacts_pending_address FOREIGN KEY (account_id, id, pending_address_key)
        REFERENCES contact_addresses (account_id, contact_id, address_key)
        DEFERRABLE INITIALLY DEFERRED
) STRICT;
CREATE INDEX contacts_by_name ON contacts (account_id, sort_key, id);

CREATE TABLE contact_addresses (
    account_id TEXT NOT NULL,
    contact_id TEXT NOT NULL,
    address_key TEXT NOT NULL,
    address TEXT NOT NULL,
    verified INTEGER NOT NULL CHECK (verified IN (0, 1)),
    verified_at TEXT,
    created_at TEXT NOT NULL,
    PRIMARY KEY (account_id, address_key),
    UNIQUE (account_id, contact_id, address_key),
    UNIQUE (account_id, contact_id, address_key, verified),
    CHECK (length(address_key) > 0 AND length(address) > 0),
    CHECK (verified = (verified_at IS NOT NULL)),
    CONSTRAINT contact_addresses_contact FOREIGN KEY (account_id, contact_id)
        REFERENCES contacts (account_id, id) DEFERRABLE INITIALLY DEFERRED
) STRICT;
CREATE INDEX contact_addresses_by_address ON contact_addresses (address_key, account_id);

CREATE TABLE contact_phones (
    account_id TEXT NOT NULL,
    contact_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    number TEXT NOT NULL,
    kind TEXT NOT NULL,
    PRIMARY KEY (account_id, contact_id, position),
    CHECK (position >= 0),
    CHECK (length(number) > 0),
    CHECK (kind IN ('mobile', 'landline', 'fax', 'other')),
    FOREIGN KEY (account_id, contact_id) REFERENCES contacts (account_id, id)
) STRICT;

CREATE TABLE contact_subscriptions (
    account_id TEXT NOT NULL,
    contact_id TEXT NOT NULL,
    category TEXT NOT NULL,
    PRIMARY KEY (account_id, contact_id, category),
    CHECK (length(category) > 0),
    FOREIGN KEY (account_id, contact_id) REFERENCES contacts (account_id, id)
) STRICT;

CREATE TABLE memberships (
    account_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    contact_id TEXT,
    permissions TEXT NOT NULL,
    status TEXT NOT NULL,
    expires_at TEXT,
    version INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (account_id, user_id),
    UNIQUE (account_id, contact_id),
    UNIQUE (account_id, user_id, contact_id),
    CHECK (length(permissions) > 0),
    CHECK (status IN ('active', 'suspended')),
    CHECK (version >= 0),
    FOREIGN KEY (account_id) REFERENCES accounts (id),
    FOREIGN KEY (user_id) REFERENCES users (id),
    FOREIGN KEY (account_id, contact_id) REFERENCES contacts (account_id, id)
) STRICT;
CREATE INDEX memberships_by_user ON memberships (user_id, account_id);

-- The owner is a contact of the account with a login, and verified. The one exception is an
-- account that an integration opened and nobody has activated: it has neither user nor proof.
CREATE TABLE owners (
    account_id TEXT NOT NULL,
    contact_id TEXT NOT NULL,
    user_id TEXT,
    verified INTEGER CHECK (verified IN (0, 1)),
    PRIMARY KEY (account_id),
    CHECK (verified IS NULL OR verified),
    CHECK (user_id IS NULL OR verified IS NOT NULL),
    FOREIGN KEY (account_id) REFERENCES accounts (id),
    FOREIGN KEY (account_id, contact_id) REFERENCES contacts (account_id, id),
    FOREIGN KEY (account_id, contact_id, verified) REFERENCES contacts (account_id, id, verified),
    FOREIGN KEY (account_id, user_id, contact_id)
    REFERENCES memberships (account_id, user_id, contact_id)
) STRICT;
CREATE INDEX owners_by_user ON owners (user_id);

-- `verified` is true where the role takes verified contacts only, else NULL. `sole` is true where
-- the role has one holder at most.
CREATE TABLE role_holders (
    account_id TEXT NOT NULL,
    role TEXT NOT NULL,
    contact_id TEXT NOT NULL,
    sole INTEGER NOT NULL CHECK (sole IN (0, 1)),
    verified INTEGER CHECK (verified IN (0, 1)),
    PRIMARY KEY (account_id, role, contact_id),
    CHECK (length(role) > 0),
    CHECK (verified IS NULL OR verified),
    FOREIGN KEY (account_id, contact_id) REFERENCES contacts (account_id, id),
    FOREIGN KEY (account_id, contact_id, verified) REFERENCES contacts (account_id, id, verified)
) STRICT;
CREATE UNIQUE INDEX role_holders_sole ON role_holders (account_id, role) WHERE sole;
CREATE INDEX role_holders_by_contact ON role_holders (account_id, contact_id);

-- One primary holder per account and role, who also holds the role and is verified.
CREATE TABLE role_primaries (
    account_id TEXT NOT NULL,
    role TEXT NOT NULL,
    contact_id TEXT NOT NULL,
    verified INTEGER NOT NULL CHECK (verified IN (0, 1)),
    PRIMARY KEY (account_id, role),
    CHECK (verified),
    FOREIGN KEY (account_id, role, contact_id)
    REFERENCES role_holders (account_id, role, contact_id) DEFERRABLE INITIALLY DEFERRED,
    FOREIGN KEY (account_id, contact_id, verified) REFERENCES contacts (account_id, id, verified)
) STRICT;
CREATE INDEX role_primaries_by_contact ON role_primaries (account_id, contact_id);

-- No key to the contacts: the history outlives them.
CREATE TABLE ownership_transfers (
    id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    from_contact_id TEXT NOT NULL,
    to_contact_id TEXT NOT NULL,
    status TEXT NOT NULL,
    created_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    ended_at TEXT,
    version INTEGER NOT NULL,
    PRIMARY KEY (id),
    CHECK (length(id) > 0),
    CHECK (status IN ('pending', 'accepted', 'declined', 'cancelled', 'expired')),
    CHECK ((status = 'pending') = (ended_at IS NULL)),
    CHECK (from_contact_id <> to_contact_id),
    CHECK (version >= 0),
    FOREIGN KEY (account_id) REFERENCES accounts (id)
) STRICT;
CREATE UNIQUE INDEX ownership_transfers_pending ON ownership_transfers (account_id)
    WHERE status = 'pending';
CREATE INDEX ownership_transfers_by_account ON ownership_transfers (account_id, created_at, id);
