-- Offers to become a member. Their links are worked out from the id of the last mailing and stored nowhere.

-- No key to the contacts and to the inviters: the history outlives them.
CREATE TABLE invitations (
    id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    address TEXT NOT NULL,
    address_key TEXT NOT NULL,
    display_name TEXT,
    language TEXT NOT NULL,
    permissions TEXT NOT NULL,
    contact_id TEXT,
    inviter_id TEXT,
    sending_id TEXT NOT NULL,
    status TEXT NOT NULL,
    created_at TEXT NOT NULL,
    sent_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    ended_at TEXT,
    PRIMARY KEY (id),
    UNIQUE (sending_id),
    CHECK (length(id) > 0 AND length(address) > 0 AND length(address_key) > 0
        AND length(permissions) > 0 AND length(sending_id) > 0),
    CHECK (status IN ('pending', 'accepted', 'declined', 'revoked', 'expired')),
    CHECK ((status = 'pending') = (ended_at IS NULL)),
    CHECK (sent_at < expires_at),
    FOREIGN KEY (account_id) REFERENCES accounts (id)
) STRICT;
CREATE UNIQUE INDEX invitations_pending ON invitations (account_id, address_key)
    WHERE status = 'pending';
CREATE INDEX invitations_by_account ON invitations (account_id, id);
CREATE INDEX invitations_by_address ON invitations (address_key, id);
CREATE INDEX invitations_by_expiry ON invitations (expires_at);
