-- Offers to become a member. Their links are worked out from the id of the last mailing and stored nowhere.

-- No key to the contacts and to the inviters: the history outlives them.
CREATE TABLE invitations (
    id TEXT COLLATE "C" NOT NULL,
    account_id TEXT COLLATE "C" NOT NULL,
    address TEXT COLLATE "C" NOT NULL,
    address_key TEXT COLLATE "C" NOT NULL,
    display_name TEXT COLLATE "C",
    language TEXT COLLATE "C" NOT NULL,
    permissions TEXT COLLATE "C" NOT NULL,
    contact_id TEXT COLLATE "C",
    inviter_id TEXT COLLATE "C",
    sending_id TEXT COLLATE "C" NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    created_at TIMESTAMP NOT NULL,
    sent_at TIMESTAMP NOT NULL,
    expires_at TIMESTAMP NOT NULL,
    ended_at TIMESTAMP,
    PRIMARY KEY (id),
    UNIQUE (sending_id),
    CHECK (length(id) > 0 AND length(address) > 0 AND length(address_key) > 0
        AND length(permissions) > 0 AND length(sending_id) > 0),
    CHECK (status IN ('pending', 'accepted', 'declined', 'revoked', 'expired')),
    CHECK ((status = 'pending') = (ended_at IS NULL)),
    CHECK (sent_at < expires_at),
    FOREIGN KEY (account_id) REFERENCES accounts (id)
);
CREATE UNIQUE INDEX invitations_pending ON invitations (account_id, address_key)
    WHERE status = 'pending';
CREATE INDEX invitations_by_account ON invitations (account_id, id);
CREATE INDEX invitations_by_address ON invitations (address_key, id);
CREATE INDEX invitations_by_expiry ON invitations (expires_at);
