-- Second factors of persons, the log-ins that wait for their codes, and the accounts that ask for them.

-- What an authenticator app shares with the service is encrypted under a key that is not in the database; of recovery
-- codes, which have 120 random bits each, the SHA-256 is kept. One that is not confirmed yet asks nothing of anybody.
CREATE TABLE second_factors (
    user_id TEXT COLLATE "C" NOT NULL,
    secret TEXT COLLATE "C" NOT NULL,
    created_at TIMESTAMP NOT NULL,
    confirmed_at TIMESTAMP,
    used_step BIGINT,
    recovery_codes TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (user_id),
    CHECK (length(secret) > 0 AND length(recovery_codes) > 0),
    CHECK ((confirmed_at IS NULL) = (used_step IS NULL)),
    CHECK (confirmed_at IS NOT NULL OR recovery_codes = '[]'),
    CHECK (used_step >= 0),
    FOREIGN KEY (user_id) REFERENCES users (id)
);

-- A row goes when its log-in has the code, or gave up waiting.
CREATE TABLE second_factor_challenges (
    id TEXT COLLATE "C" NOT NULL,
    user_id TEXT COLLATE "C" NOT NULL,
    created_at TIMESTAMP NOT NULL,
    expires_at TIMESTAMP NOT NULL,
    PRIMARY KEY (id),
    CHECK (length(id) > 0),
    FOREIGN KEY (user_id) REFERENCES users (id)
);
CREATE INDEX second_factor_challenges_by_user ON second_factor_challenges (user_id);
CREATE INDEX second_factor_challenges_by_expiry ON second_factor_challenges (expires_at);

ALTER TABLE accounts ADD COLUMN second_factor_required BOOLEAN NOT NULL DEFAULT FALSE;
