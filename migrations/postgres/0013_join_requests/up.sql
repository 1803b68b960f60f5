-- Requests of persons for access to accounts. One for an account that there is not is kept in the same way, for the person
-- alone: nobody learns from it which accounts there are.

CREATE TABLE join_requests (
    id TEXT COLLATE "C" NOT NULL,
    user_id TEXT COLLATE "C" NOT NULL,
    account_id TEXT COLLATE "C",
    asked_account TEXT COLLATE "C",
    asked_owner TEXT COLLATE "C",
    asked_key TEXT COLLATE "C" NOT NULL,
    message TEXT COLLATE "C",
    status TEXT COLLATE "C" NOT NULL,
    created_at TIMESTAMP NOT NULL,
    expires_at TIMESTAMP NOT NULL,
    ended_at TIMESTAMP,
    PRIMARY KEY (id),
    CHECK (length(id) > 0 AND length(asked_key) > 0),
    CHECK ((asked_account IS NULL) <> (asked_owner IS NULL)),
    CHECK (status IN ('waiting', 'accepted', 'declined', 'withdrawn', 'joined', 'expired')),
    CHECK ((status = 'waiting') = (ended_at IS NULL)),
    CHECK (created_at < expires_at),
    FOREIGN KEY (user_id) REFERENCES users (id),
    FOREIGN KEY (account_id) REFERENCES accounts (id)
);
CREATE UNIQUE INDEX join_requests_waiting ON join_requests (account_id, user_id)
    WHERE status = 'waiting' AND account_id IS NOT NULL;
CREATE UNIQUE INDEX join_requests_of_none ON join_requests (user_id, asked_key)
    WHERE status = 'waiting' AND account_id IS NULL;
CREATE INDEX join_requests_by_user ON join_requests (user_id, id);
CREATE INDEX join_requests_by_account ON join_requests (account_id, id);
CREATE INDEX join_requests_by_expiry ON join_requests (expires_at);
