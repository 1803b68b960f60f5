-- Answers kept for repeated requests, and counters of what is limited per window of time.

CREATE TABLE idempotency_keys (
    caller TEXT COLLATE "C" NOT NULL,
    method TEXT COLLATE "C" NOT NULL,
    path TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    fingerprint TEXT COLLATE "C" NOT NULL,
    status INTEGER NOT NULL,
    headers TEXT COLLATE "C" NOT NULL,
    body BYTEA NOT NULL,
    created_at TIMESTAMP NOT NULL,
    PRIMARY KEY (caller, method, path, key),
    CHECK (length(caller) > 0 AND length(method) > 0 AND length(path) > 0 AND length(key) > 0),
    CHECK (status BETWEEN 100 AND 599)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

CREATE TABLE throttles (
    key TEXT COLLATE "C" NOT NULL,
    window_started_at TIMESTAMP NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (key),
    CHECK (length(key) > 0),
    CHECK (count >= 0)
);
CREATE INDEX throttles_by_age ON throttles (window_started_at);
